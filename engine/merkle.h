/*
 * merkle.h - the log's Merkle tree (RFC 6962 section 2.1, SHA-256).
 *
 *   leaf  = SHA-256(00 | bytes)
 *   node  = SHA-256(01 | left | right)
 *   empty = SHA-256("")
 *
 * A tree of n leaves splits at the largest power of two below n.  Its root
 * names everything in it, in its order; an inclusion proof shows that one
 * leaf is in a tree, a consistency proof that one tree is the beginning of
 * another.  Proofs bind (size, root) pairs: take both from a signed head or
 * from memory, never from whoever hands over the proof.
 *
 * Nothing here allocates.
 */
#ifndef GB_MERKLE_H
#define GB_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "digest.h"
#include "err.h"

#define GB_MERKLE_LEVELS 64           /* leaves are counted in 64 bits */
#define GB_MERKLE_INCLUSION_MAX 64    /* hashes of an inclusion proof */
#define GB_MERKLE_CONSISTENCY_MAX 128 /* hashes of a consistency proof */

/* ------------------------------------------------------------ hashes -- */

struct gb_sha256 gb_merkle_leaf(struct gb_span bytes);
struct gb_sha256 gb_merkle_node(const struct gb_sha256 *left,
                                const struct gb_sha256 *right);
struct gb_sha256 gb_merkle_empty(void);

/* ------------------------------------------------------- growing tree -- */

/*
 * An append-only tree, as small as can be: the roots of its complete
 * subtrees.  peaks[level] counts when bit `level` of size is set, and covers
 * 2^level leaves, the larger ones to the left; the others stay zero.  A plain
 * value: {0} is the empty tree.
 */
struct gb_merkle {
    uint64_t size;
    struct gb_sha256 peaks[GB_MERKLE_LEVELS];
};

/*
 * Append one leaf, by its bytes or its hash.  `done` (GB_MERKLE_LEVELS
 * hashes, may be NULL) receives the subtrees that the leaf completes, by
 * level, the leaf hash first; the number of them is returned.  When leaf i
 * completes level l, that node has index i >> l: what a caller stores to
 * answer gb_merkle_hash_fn.
 */
unsigned gb_merkle_append(struct gb_merkle *tree, struct gb_span leaf,
                          struct gb_sha256 *done);
unsigned gb_merkle_append_hash(struct gb_merkle *tree,
                               const struct gb_sha256 *leaf,
                               struct gb_sha256 *done);
struct gb_sha256 gb_merkle_root(const struct gb_merkle *tree);

/* -------------------------------------------------------- stored tree -- */

/*
 * Where proofs come from: the hash of the complete subtree number `index` of
 * 2^level leaves, that is of leaves index << level up to, without,
 * (index + 1) << level.  Level 0 are the leaf hashes.  Only asked for what
 * lies within the size that was asked about.
 */
typedef enum gb_err gb_merkle_hash_fn(void *ctx, uint64_t index, unsigned level,
                                      struct gb_sha256 *out,
                                      struct gb_fail *fail);

struct gb_merkle_source {
    gb_merkle_hash_fn *hash;
    void *ctx;
};

/*
 * A source for callers that store leaf hashes alone: set `leaf` (asked with
 * level 0) and use {gb_merkle_hash_leaves, &leaves}.  It reads 2^level leaves
 * for one hash, which for a million is about a second.
 */
struct gb_merkle_leaves {
    gb_merkle_hash_fn *leaf;
    void *ctx;
};
gb_merkle_hash_fn gb_merkle_hash_leaves;

/* The root at `size`, about log2(size) hashes read. */
enum gb_err gb_merkle_root_at(const struct gb_merkle_source *source,
                              uint64_t size, struct gb_sha256 *root,
                              struct gb_fail *fail);

/* The tree at `size`, to go on appending to. */
enum gb_err gb_merkle_at(const struct gb_merkle_source *source, uint64_t size,
                         struct gb_merkle *tree, struct gb_fail *fail);

/* ------------------------------------------------------------- proofs -- */

struct gb_merkle_proof {
    size_t len;
    struct gb_sha256 hash[GB_MERKLE_CONSISTENCY_MAX];
};

/* The audit path of leaf `index` in the tree of `size` leaves, index < size;
 * RFC 6962 section 2.1.1. */
enum gb_err gb_merkle_prove_leaf(const struct gb_merkle_source *source,
                                 uint64_t index, uint64_t size,
                                 struct gb_merkle_proof *proof,
                                 struct gb_fail *fail);

/* That the tree of `first` leaves begins the one of `second`, first <=
 * second; RFC 6962 section 2.1.2.  Empty for 0 and for equal sizes. */
enum gb_err gb_merkle_prove_growth(const struct gb_merkle_source *source,
                                   uint64_t first, uint64_t second,
                                   struct gb_merkle_proof *proof,
                                   struct gb_fail *fail);

/* RFC 9162 section 2.1.3.2.  Untrusted input; false unless proven. */
bool gb_merkle_verify_leaf(const struct gb_sha256 *leaf, uint64_t index,
                           uint64_t size, const struct gb_sha256 *root,
                           const struct gb_merkle_proof *proof);

/* RFC 9162 section 2.1.4.2; besides, equal sizes need equal roots and size 0
 * needs the empty tree's root, both with an empty proof.  Untrusted input;
 * false unless proven. */
bool gb_merkle_verify_growth(uint64_t first, uint64_t second,
                             const struct gb_sha256 *first_root,
                             const struct gb_sha256 *second_root,
                             const struct gb_merkle_proof *proof);

/* varint count, then the hashes. */
void gb_merkle_proof_write(struct gb_buf *out,
                           const struct gb_merkle_proof *proof);
/* The reverse; the reader is bad and the proof empty when bytes are missing
 * or the count exceeds GB_MERKLE_CONSISTENCY_MAX. */
void gb_merkle_proof_read(struct gb_merkle_proof *proof, struct gb_reader *in);

#endif
