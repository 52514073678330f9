/* merkle.c - see merkle.h */
#include "merkle.h"

#include <assert.h>
#include <string.h>

/* The level of the smallest complete subtree: size is not 0. */
static unsigned
lowest_level(uint64_t size)
{
    return (unsigned)__builtin_ctzll(size);
}

/* The level of the largest complete subtree: size is not 0. */
static unsigned
highest_level(uint64_t size)
{
    return 63 - (unsigned)__builtin_clzll(size);
}

struct gb_sha256
gb_merkle_leaf(struct gb_span bytes)
{
    struct gb_sha256_state state;
    gb_sha256_init(&state);
    gb_sha256_add(&state, GB_SPAN("\x00", 1));
    gb_sha256_add(&state, bytes);
    return gb_sha256_final(&state);
}

struct gb_sha256
gb_merkle_node(const struct gb_sha256 *left, const struct gb_sha256 *right)
{
    uint8_t bytes[1 + 2 * GB_SHA256_BYTES] = {1};
    memcpy(bytes + 1, left->bytes, GB_SHA256_BYTES);
    memcpy(bytes + 1 + GB_SHA256_BYTES, right->bytes, GB_SHA256_BYTES);
    return gb_sha256(GB_SPAN(bytes, sizeof bytes));
}

struct gb_sha256
gb_merkle_empty(void)
{
    return gb_sha256(GB_SPAN("", 0));
}

unsigned
gb_merkle_append(struct gb_merkle *tree, struct gb_span leaf,
                 struct gb_sha256 *done)
{
    struct gb_sha256 hash = gb_merkle_leaf(leaf);
    return gb_merkle_append_hash(tree, &hash, done);
}

/* Adding one to size carries through its low one bits; each carry joins two
 * subtrees of the same level. */
unsigned
gb_merkle_append_hash(struct gb_merkle *tree, const struct gb_sha256 *leaf,
                      struct gb_sha256 *done)
{
    struct gb_sha256 hash = *leaf;
    unsigned level = 0;
    gb_assert(tree->size < UINT64_MAX);
    if (done)
        done[0] = hash;
    for (; tree->size >> level & 1; level++) {
        hash = gb_merkle_node(&tree->peaks[level], &hash);
        memset(&tree->peaks[level], 0, sizeof tree->peaks[level]);
        if (done)
            done[level + 1] = hash;
    }
    tree->peaks[level] = hash;
    tree->size++;
    return level + 1;
}

struct gb_sha256
gb_merkle_root(const struct gb_merkle *tree)
{
    if (!tree->size)
        return gb_merkle_empty();
    unsigned level = lowest_level(tree->size);
    struct gb_sha256 hash = tree->peaks[level];
    while (++level < GB_MERKLE_LEVELS)
        if (tree->size >> level & 1)
            hash = gb_merkle_node(&tree->peaks[level], &hash);
    return hash;
}

/* Appends the leaves of the subtree one after another: the tree that comes
 * out has a single peak. */
enum gb_err
gb_merkle_hash_leaves(void *ctx, uint64_t index, unsigned level,
                      struct gb_sha256 *out, struct gb_fail *fail)
{
    const struct gb_merkle_leaves *leaves = ctx;
    struct gb_merkle tree = {0};
    gb_assert(level < GB_MERKLE_LEVELS);
    for (uint64_t i = 0; i >> level == 0; i++) {
        struct gb_sha256 leaf;
        enum gb_err err =
            leaves->leaf(leaves->ctx, (index << level) + i, 0, &leaf, fail);
        if (err)
            return err;
        gb_merkle_append_hash(&tree, &leaf, NULL);
    }
    *out = tree.peaks[level];
    return GB_OK;
}

/*
 * MTH(D[begin:end]) of RFC 6962 section 2.1.  begin must be a multiple of the
 * smallest power of two that holds the range, as it is for every node of a
 * tree: then the range is complete subtrees, joined from the right.
 */
static enum gb_err
range_root(const struct gb_merkle_source *source, uint64_t begin, uint64_t end,
           struct gb_sha256 *out, struct gb_fail *fail)
{
    bool any = false;
    while (begin < end) {
        struct gb_sha256 peak;
        unsigned level = lowest_level(end - begin);
        end -= (uint64_t)1 << level;
        enum gb_err err =
            source->hash(source->ctx, end >> level, level, &peak, fail);
        if (err)
            return err;
        *out = any ? gb_merkle_node(&peak, out) : peak;
        any = true;
    }
    gb_assert(any);
    return GB_OK;
}

enum gb_err
gb_merkle_root_at(const struct gb_merkle_source *source, uint64_t size,
                  struct gb_sha256 *root, struct gb_fail *fail)
{
    if (size)
        return range_root(source, 0, size, root, fail);
    *root = gb_merkle_empty();
    return GB_OK;
}

enum gb_err
gb_merkle_at(const struct gb_merkle_source *source, uint64_t size,
             struct gb_merkle *tree, struct gb_fail *fail)
{
    struct gb_merkle found = {.size = size};
    while (size) {
        unsigned level = lowest_level(size);
        size -= (uint64_t)1 << level;
        enum gb_err err = source->hash(source->ctx, size >> level, level,
                                       &found.peaks[level], fail);
        if (err)
            return err;
    }
    *tree = found;
    return GB_OK;
}

/* Proofs are found from the root downwards and read from the leaf upwards. */
static void
reverse(struct gb_merkle_proof *proof)
{
    for (size_t i = 0; i < proof->len / 2; i++) {
        struct gb_sha256 hash = proof->hash[i];
        proof->hash[i] = proof->hash[proof->len - 1 - i];
        proof->hash[proof->len - 1 - i] = hash;
    }
}

/* Add MTH(D[begin:end]) to the proof. */
static enum gb_err
prove_range(const struct gb_merkle_source *source, uint64_t begin, uint64_t end,
            struct gb_merkle_proof *proof, struct gb_fail *fail)
{
    gb_assert(proof->len < GB_MERKLE_CONSISTENCY_MAX);
    return range_root(source, begin, end, &proof->hash[proof->len++], fail);
}

/* Where the tree over begin..end splits: behind the largest power of two
 * that is smaller than their number. */
static uint64_t
split(uint64_t begin, uint64_t end)
{
    return begin + ((uint64_t)1 << highest_level(end - begin - 1));
}

enum gb_err
gb_merkle_prove_leaf(const struct gb_merkle_source *source, uint64_t index,
                     uint64_t size, struct gb_merkle_proof *proof,
                     struct gb_fail *fail)
{
    uint64_t begin = 0, end = size;
    proof->len = 0;
    if (index >= size)
        return gb_fail_set(fail, GB_E_VALUE, "the log has no such entry");
    while (end - begin > 1) {
        uint64_t k = split(begin, end);
        bool left = index < k;
        enum gb_err err = left ? prove_range(source, k, end, proof, fail)
                               : prove_range(source, begin, k, proof, fail);
        if (err)
            return err;
        if (left)
            end = k;
        else
            begin = k;
    }
    gb_assert(proof->len <= GB_MERKLE_INCLUSION_MAX);
    reverse(proof);
    return GB_OK;
}

/* SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2, from the root downwards:
 * b holds as long as only left turns were taken. */
enum gb_err
gb_merkle_prove_growth(const struct gb_merkle_source *source, uint64_t first,
                       uint64_t second, struct gb_merkle_proof *proof,
                       struct gb_fail *fail)
{
    uint64_t begin = 0, end = second;
    enum gb_err err = GB_OK;
    proof->len = 0;
    if (first > second)
        return gb_fail_set(fail, GB_E_VALUE, "the log is not that long");
    while (first && first != end && !err) {
        uint64_t k = split(begin, end);
        if (first <= k) {
            err = prove_range(source, k, end, proof, fail);
            end = k;
        } else {
            err = prove_range(source, begin, k, proof, fail);
            begin = k;
        }
    }
    if (!err && begin)
        err = prove_range(source, begin, end, proof, fail);
    reverse(proof);
    return err;
}

/* A walk from a leaf to the root of a tree: fn is the index of the node on
 * the path, sn that of the last node, both at the level reached so far. */
struct walk {
    uint64_t fn, sn;
};

/* One level up. */
static void
climb(struct walk *w)
{
    w->fn >>= 1;
    w->sn >>= 1;
}

/* Whether the next hash of the proof stands to the left.  Where the path is
 * the last node and has no sibling, whole levels are skipped. */
static bool
step(struct walk *w)
{
    bool left = (w->fn & 1) || w->fn == w->sn;
    if (left)
        while (!(w->fn & 1) && w->fn)
            climb(w);
    climb(w);
    return left;
}

bool
gb_merkle_verify_leaf(const struct gb_sha256 *leaf, uint64_t index,
                      uint64_t size, const struct gb_sha256 *root,
                      const struct gb_merkle_proof *proof)
{
    if (index >= size || proof->len > GB_MERKLE_INCLUSION_MAX)
        return false;
    struct walk w = {index, size - 1};
    struct gb_sha256 r = *leaf;
    for (size_t i = 0; i < proof->len; i++) {
        const struct gb_sha256 *p = &proof->hash[i];
        if (!w.sn)
            return false;
        r = step(&w) ? gb_merkle_node(p, &r) : gb_merkle_node(&r, p);
    }
    return !w.sn && gb_sha256_equal(&r, root);
}

/* The cases that RFC 9162 leaves to the caller: nothing to prove. */
static bool
trivial_growth(uint64_t first, uint64_t second,
               const struct gb_sha256 *first_root,
               const struct gb_sha256 *second_root, size_t len)
{
    struct gb_sha256 empty = gb_merkle_empty();
    if (len || (!first && !gb_sha256_equal(first_root, &empty)))
        return false;
    return first != second || gb_sha256_equal(first_root, second_root);
}

bool
gb_merkle_verify_growth(uint64_t first, uint64_t second,
                        const struct gb_sha256 *first_root,
                        const struct gb_sha256 *second_root,
                        const struct gb_merkle_proof *proof)
{
    if (first > second || proof->len > GB_MERKLE_CONSISTENCY_MAX)
        return false;
    if (!first || first == second)
        return trivial_growth(first, second, first_root, second_root,
                              proof->len);
    /* a complete first tree is itself the first hash of the path */
    bool whole = !(first & (first - 1));
    if (!whole && !proof->len)
        return false;
    struct walk w = {first - 1, second - 1};
    while (w.fn & 1)
        climb(&w);
    struct gb_sha256 fr = whole ? *first_root : proof->hash[0], sr = fr;
    for (size_t i = !whole; i < proof->len; i++) {
        const struct gb_sha256 *c = &proof->hash[i];
        if (!w.sn)
            return false;
        if (step(&w)) {
            fr = gb_merkle_node(c, &fr);
            sr = gb_merkle_node(c, &sr);
        } else {
            sr = gb_merkle_node(&sr, c);
        }
    }
    return !w.sn && gb_sha256_equal(&fr, first_root) &&
           gb_sha256_equal(&sr, second_root);
}

void
gb_merkle_proof_write(struct gb_buf *out, const struct gb_merkle_proof *proof)
{
    gb_buf_varint(out, proof->len);
    for (size_t i = 0; i < proof->len; i++)
        gb_buf_add(out, proof->hash[i].bytes, GB_SHA256_BYTES);
}

void
gb_merkle_proof_read(struct gb_merkle_proof *proof, struct gb_reader *in)
{
    proof->len = 0;
    size_t n = gb_read_count(in, GB_SHA256_BYTES);
    if (n > GB_MERKLE_CONSISTENCY_MAX)
        in->bad = true;
    for (size_t i = 0; i < n && !in->bad; i++) /* as many are there */
        memcpy(proof->hash[i].bytes, gb_read_bytes(in, GB_SHA256_BYTES).ptr,
               GB_SHA256_BYTES);
    if (!in->bad)
        proof->len = n;
}
