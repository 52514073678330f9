/*
 * git_ledger.h - what the files of the ledger share: its struct, objects,
 * folders, packs.  Nobody else includes it.
 *
 *   git_ledger.c  opening, the tip       git_pack.c         packs, indexes
 *   git_write.c   a batch                git_consolidate.c  merging packs
 *   git_tree.c    folders                git_plan.c         which of them
 *   git_commit.c  commits                git_recover.c      after a crash
 *   git_read.c    files, the log         git_splice.c       writing one
 *   git_diff.c    what a commit changed  git_fold.c         versions of folders
 *   git_sha1.c    a checksum             git_verify.c       for the auditor
 *   git_memory.c  without a disk         git_whole.c   what is lost
 *   git_new.c     the pack of a batch   git_odb.c    packs without libgit2,
 *                                       git_fetch.c    and what is in them
 *
 * libgit2 keeps objects, packs and refs; the bytes of folders and commits are
 * written and read here, strictly and in the one form that they have.
 */
#ifndef GB_GIT_LEDGER_H
#define GB_GIT_LEDGER_H

#include <git2.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "engine/file.h"
#include "ledger.h"

#define GB_LEDGER_REF "refs/heads/main"
#define GB_PACK_NAME_MAX 256
#define GB_GIT_ROOT_MAX (GB_FILE_PATH_MAX - 600) /* bytes of its path */

struct gb_entry {
    struct gb_span name;
    bool folder;
    git_oid oid;
};

/* A folder; the names point into its object or into the caller's memory. */
struct gb_tree {
    git_odb_object *object;
    struct gb_entry *entries; /* owned, in git's order */
    size_t count;
    size_t alike; /* so many begin the folder that it was read beside, too */
};

/* A folder of the commit whose changes were asked for last. */
struct gb_compared {
    git_oid oid;
    struct gb_tree tree; /* without an object: none */
};

struct gb_ledger {
    char root[GB_FILE_PATH_MAX];    /* the repository */
    char objects[GB_FILE_PATH_MAX]; /* its objects/ */
    char packs[GB_FILE_PATH_MAX];   /* its objects/pack/ */
    git_repository *repo;
    git_odb *odb;
    git_odb_backend *memory;       /* of the odb: a batch's objects; or NULL */
    struct gb_ledger_store *store; /* all is in memory, and above is empty */
    struct gb_compared seen[GB_LEDGER_DEPTH_MAX + 1]; /* one of each depth */
    struct gb_odb *packed; /* of a reader; else NULL */
    bool write;
    bool prepared;               /* the next three are set */
    git_oid next, parent;        /* parent: zeros at the root */
    char pack[GB_PACK_NAME_MAX]; /* "pack-HEX" */
};

/* ------------------------------------------------------ git_ledger.c -- */

/* Set a failure and add libgit2's words; out of memory is GB_E_MEMORY, and a
 * failure of the system no GB_E_LEDGER. */
enum gb_err gb_git_fail(struct gb_fail *fail, enum gb_err code,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Open the object database anew, so that it sees the packs as they are. */
enum gb_err gb_git_reload(struct gb_ledger *l, struct gb_fail *fail);
/* The tip; *out are zeros when there is none. */
enum gb_err gb_git_tip(struct gb_ledger *l, git_oid *out, struct gb_fail *fail);
git_oid gb_git_oid(const struct gb_oid *oid);
struct gb_oid gb_git_oid_of(const git_oid *oid);
/* GB_E_LIMIT for a folder's path that leaves no room for gb_git_join(). */
enum gb_err gb_git_room(const char *path, struct gb_fail *fail);
/* "dir/name" and what follows, some 500 bytes at most below such a folder. */
void gb_git_join(char out[GB_FILE_PATH_MAX], const char *dir, const char *name,
                 const char *suffix);
/* Give an odb a backend, which is freed when that fails. */
int gb_git_add(git_odb *odb, git_odb_backend *b, int priority);

/* -------------------------------------------------------- git_read.c -- */

/* The name of an object. */
void gb_git_hash(git_oid *out, git_object_t type, struct gb_span bytes);
/* git_odb_read(), which is told not to: see that the object is what its name
 * says.  *out is NULL otherwise. */
int gb_git_read(git_odb_object **out, git_odb *odb, const git_oid *oid);
/* An object of a type, of at most `max` bytes; free with git_odb_object_free.
 * Its hash has been checked. */
enum gb_err gb_git_object(git_odb_object **out, struct gb_ledger *l,
                          const git_oid *oid, git_object_t type, size_t max,
                          struct gb_fail *fail);
struct gb_span gb_git_bytes(git_odb_object *object);
/* One pack alone as an odb, to be read back; free with git_odb_free(). */
enum gb_err gb_git_one_pack(git_odb **out, const struct gb_ledger *l,
                            const char *name, struct gb_fail *fail);

/* -------------------------------------------------------- git_tree.c -- */

/* Whether a path of a file may. */
bool gb_tree_path_good(const char *path);
/* git's order: as if a folder's name ended with "/". */
int gb_entry_compare(const struct gb_entry *a, const struct gb_entry *b);
/* The entry of that name and sort, or NULL. */
const struct gb_entry *gb_tree_find(const struct gb_tree *t,
                                    struct gb_span name, bool folder);
/* Read a folder; zeros stand for the empty one.  What it has in common with
 * `like` (or NULL), an earlier version, is not taken apart again. */
enum gb_err gb_tree_read(struct gb_tree *out, struct gb_ledger *l,
                         const git_oid *oid, const struct gb_tree *like,
                         struct gb_fail *fail);
void gb_tree_release(struct gb_tree *t);
/* Append the object's bytes. */
void gb_tree_write(struct gb_buf *out, const struct gb_entry *entries,
                   size_t count);

/* ------------------------------------------------------ git_commit.c -- */

struct gb_commit_parts {
    git_oid tree, parent;
    bool root;
    int64_t time_s;
    struct gb_span site, message;
};

/* Append the bytes that are signed. */
void gb_commit_payload(struct gb_buf *out, const struct gb_commit_parts *c);
/* Append the whole commit: the payload with its signature put in. */
void gb_commit_signed(struct gb_buf *out, struct gb_span payload,
                      struct gb_span signature);
/* Only the first lines of a commit; false when they are not there. */
bool gb_commit_links(struct gb_span raw, struct gb_commit_parts *out);
/* Read and take apart; see gb_ledger_commit_read(). */
enum gb_err gb_commit_load(struct gb_ledger_commit *out, struct gb_ledger *l,
                           const git_oid *oid, struct gb_fail *fail);

/* -------------------------------------------------------- git_pack.c -- */

struct gb_pack {
    char name[GB_PACK_NAME_MAX]; /* without ".pack" */
    uint64_t size;               /* bytes of the .pack */
    uint64_t objects;            /* 0: gb_packs_count() was not asked */
    bool keep;                   /* the operator said so: NAME.keep */
};

struct gb_packs {
    struct gb_pack *list; /* owned, by rising number of objects, or size */
    size_t count;
};

/* A pack's index, checked and mapped. */
struct gb_idx {
    const uint8_t *map;
    size_t len;
    uint32_t count;      /* objects */
    const uint8_t *oids; /* count of 20 bytes, rising */
};

enum gb_packed_type { /* gitformat-pack(5) */
                      GB_PACKED_TREE = 2,
                      GB_PACKED_OFS = 6, /* a difference from an object that
                                            lies so far before */
                      GB_PACKED_REF = 7  /* from one that is named */
};

/* An object of the packs that are merged, as it will be written. */
struct gb_packed {
    const uint8_t *oid;   /* borrowed from its index */
    struct gb_span bytes; /* head and zlib stream, borrowed; none: left out,
                             as another pack has it */
    uint64_t from, at;    /* where it lies in its pack, and in the new one */
    uint32_t crc;
    bool folded; /* a difference that was made just now */
};

/* The packs that have an index. */
enum gb_err gb_packs_list(struct gb_packs *out, const struct gb_ledger *l,
                          struct gb_fail *fail);
void gb_packs_release(struct gb_packs *packs);
/* Read from each pack's head how many objects it has, and sort by that. */
enum gb_err gb_packs_count(struct gb_packs *packs, const struct gb_ledger *l,
                           struct gb_fail *fail);
/* Check every pack's index; to be done before libgit2 sees them. */
enum gb_err gb_packs_check(const struct gb_ledger *l, struct gb_fail *fail);
enum gb_err gb_idx_open(struct gb_idx *out, const struct gb_ledger *l,
                        const char *name, struct gb_fail *fail);
void gb_idx_close(struct gb_idx *idx);
bool gb_idx_has(const struct gb_idx *idx, const uint8_t oid[GB_OID_BYTES]);
/* The same, and in which row it is. */
bool gb_idx_find(const struct gb_idx *idx, const uint8_t oid[GB_OID_BYTES],
                 size_t *row);
/* Where the i-th object begins in its pack, and its checksum there. */
uint64_t gb_idx_at(const struct gb_idx *idx, size_t i);
uint32_t gb_idx_crc(const struct gb_idx *idx, size_t i);
/* Give back what was mapped so far; every so many rows, in a walk over all. */
void gb_idx_drop(const struct gb_idx *idx, size_t row);
/* How many objects have a first byte up to i. */
void gb_idx_fanout(const struct gb_idx *idx, uint32_t out[256]);
/* The same out of the file, without mapping it: the names of n rows, and where
 * an object begins; false when it cannot be read. */
bool gb_idx_names(int fd, size_t row, size_t n, uint8_t (*out)[GB_OID_BYTES]);
bool gb_idx_place(int fd, size_t count, size_t row, uint64_t *at);
/* Write the index of a pack, durably; the objects rise by name. */
enum gb_err gb_idx_write(const struct gb_ledger *l, const char *name,
                         struct gb_packed *const *objects, size_t count,
                         const uint8_t trailer[GB_OID_BYTES],
                         struct gb_fail *fail);
/* Remove a pack's files; errors are left for the next time. */
void gb_pack_remove(const struct gb_ledger *l, const char *name);

/* ------------------------------------------ git_odb.c, git_fetch.c -- */

/* All packs, or one of them, each with its index checked.  The ledger outlives
 * it. */
enum gb_err gb_odb_open(struct gb_odb **out, const struct gb_ledger *l,
                        const char *only, struct gb_fail *fail);
void gb_odb_free(struct gb_odb *s); /* NULL is harmless */
/* A small file, valid until the next call; without a pointer when it has to be
 * read with gb_git_object(). */
enum gb_err gb_odb_fetch(struct gb_ledger *l, const git_oid *oid,
                         struct gb_span *out, struct gb_fail *fail);
/* Any object, likewise; its hash has not been checked. */
enum gb_err gb_odb_read(struct gb_odb *s, const git_oid *oid,
                        git_object_t *type, struct gb_span *out,
                        struct gb_fail *fail);
/* Give an odb what is in ours, which outlives it. */
int gb_odb_add(git_odb *odb, struct gb_odb *s, int priority);

/* --------------------------------------------------------- git_new.c -- */

/* Append a zlib stream (RFC 1950): deflated when asked to and shorter so, else
 * stored. */
enum gb_err gb_packed_stream(struct gb_buf *out, struct gb_span s, bool deflate,
                             struct gb_fail *fail);
/* Write objects of l->memory as a pack, durably; the last one is the commit
 * that it is called after. */
enum gb_err gb_pack_write(struct gb_ledger *l, const git_oid *made,
                          size_t count, char name[GB_PACK_NAME_MAX],
                          struct gb_fail *fail);

/* ------------------------------------------------------ git_splice.c -- */

/* The head of a packed object: its type, its length when unpacked, and where
 * the rest begins; false when there is none. */
bool gb_packed_head(struct gb_span bytes, unsigned *type, uint64_t *len,
                    size_t *rest);
/* The distance behind a head of GB_PACKED_OFS; *rest moves behind it.  0:
 * damaged. */
uint64_t gb_packed_distance(struct gb_span bytes, size_t *rest);
/* Append such a head. */
void gb_packed_head_write(struct gb_buf *out, unsigned type, uint64_t len);

/* Write one pack with the objects of those named, each once, durably. */
enum gb_err gb_pack_splice(struct gb_ledger *l, const char *const *names,
                           size_t count, char made[GB_PACK_NAME_MAX],
                           struct gb_fail *fail);

/* -------------------------------------------------------- git_fold.c -- */

/* Of all versions of a folder that are whole, keep the largest so and make the
 * others differences from it, in memory of `arena`. */
enum gb_err gb_fold(struct gb_packed *objects, size_t count,
                    struct gb_arena *arena, struct gb_fail *fail);

/* ----------------------------------------------------- git_recover.c -- */

/* Remove what a crash can leave behind. */
enum gb_err gb_git_recover(const struct gb_ledger *l, struct gb_fail *fail);

/* ------------------------------------------------------ git_memory.c -- */

/* The object database of l->store; objects stay where they are made. */
enum gb_err gb_store_open(struct gb_ledger *l, struct gb_fail *fail);
git_oid *gb_store_tip(struct gb_ledger_store *s);

/* -------------------------------------------------------- git_sha1.c -- */

struct gb_sha1 {
    uint32_t h[5];
    uint64_t total;   /* bytes so far */
    uint8_t rest[64]; /* those that do not fill a block */
};
void gb_sha1_init(struct gb_sha1 *state);
void gb_sha1_add(struct gb_sha1 *state, struct gb_span s);
void gb_sha1_final(struct gb_sha1 *state, uint8_t out[GB_OID_BYTES]);
void gb_sha1(uint8_t out[GB_OID_BYTES], struct gb_span s);
/* 0: not known yet; 1: as on any processor, which tests ask for; 2: with the
 * processor's own instructions. */
extern _Atomic int gb_sha1_way;

#endif
