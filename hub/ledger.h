/*
 * ledger.h - the ledger: a bare git repository with one signed commit for
 * each batch of change sets (docs/FORMAT.md "Ledger").
 *
 * What it promises:
 *   - gb_ledger_publish() is the only commit point.  Before it nothing of a
 *     batch can be seen; once it returns the batch survives a loss of power.
 *   - Stock git reads everything.  An auditor needs no program of ours:
 *         git -C ledger.git show main:signers/ledger > /tmp/ledger
 *         git -C ledger.git -c gpg.ssh.allowedSignersFile=/tmp/ledger \
 *             verify-commit main
 *     where the key in that file is compared with the fingerprint that the
 *     site's `init` printed: which keys to trust is the verifier's own
 *     matter, so the repository's configuration does not name a file.
 *   - Bytes are believed after their hash only, and a pack's index after its
 *     checksum and a look at every offset (libgit2 does neither, and crashes
 *     on flipped bits).
 *
 * SHA-1 names objects here and proves nothing to an auditor; the tree head
 * in the signed message does (ledger_text.h).
 *
 * One handle belongs to one thread at a time; every thread may open its own.
 * Only one handle may write, and its opener holds the hub's lock meanwhile.
 * Readers go on through the writer's batches and consolidations.
 */
#ifndef GB_LEDGER_H
#define GB_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/buf.h"
#include "engine/err.h"
#include "engine/key.h"

#define GB_OID_BYTES 20
#define GB_LEDGER_PATH_MAX 255           /* bytes of a file's path */
#define GB_LEDGER_DEPTH_MAX 8            /* its folders and itself */
#define GB_LEDGER_FILE_MAX (32u << 20)   /* bytes of a file or folder */
#define GB_LEDGER_COMMIT_MAX 65536       /* bytes of a commit */
#define GB_LEDGER_CHANGES_MAX 1000000    /* files that one commit changes */
#define GB_LEDGER_PACKS_MAX 50           /* packs before they are merged */
#define GB_LEDGER_ATTRIBUTES "* -text\n" /* .gitattributes, always there */

/* The name of an object: of a commit, a folder, or a file's bytes. */
struct gb_oid {
    uint8_t bytes[GB_OID_BYTES];
};

struct gb_ledger; /* opaque */

/* ------------------------------------------------------------ opening -- */

enum gb_ledger_mode {
    GB_LEDGER_READ, /* changes nothing on disk */
    GB_LEDGER_WRITE /* the caller holds the lock: first removes what a crash
                       left behind (stale locks, temporary files) */
};

/* Make an empty ledger in a new folder, durably.  GB_E_EXISTS, GB_E_IO. */
enum gb_err gb_ledger_init(const char *path, struct gb_fail *fail);

/* Open a ledger; *out is NULL unless GB_OK.  A reader may name a clone with a
 * work tree, too.  GB_E_MISSING: no repository, or one without all of its
 * history; GB_E_LEDGER: a pack or its index is damaged.  The text names the
 * remedy. */
enum gb_err gb_ledger_open(struct gb_ledger **out, const char *path,
                           enum gb_ledger_mode mode, struct gb_fail *fail);
void gb_ledger_close(struct gb_ledger *l); /* discards; NULL is harmless */

/*
 * A ledger without a disk, for simulations: a store holds what a repository
 * would, and is opened for writing as often as wanted, one at a time.  What is
 * published stays in it, as it would on a disk.  `from`: begin as this store
 * stands, which does not change and lives longer; or NULL.  NULL when there is
 * no memory.  Packs are none, and gb_ledger_verify_packs() cannot be used.
 */
struct gb_ledger_store; /* opaque */
struct gb_ledger_store *gb_ledger_store_new(const struct gb_ledger_store *from);
void gb_ledger_store_free(struct gb_ledger_store *s); /* NULL is harmless */
enum gb_err gb_ledger_open_memory(struct gb_ledger **out,
                                  struct gb_ledger_store *store,
                                  struct gb_fail *fail);

/* ------------------------------------------------------------ writing -- */

struct gb_ledger_file {
    const char *path;     /* "2026/11/23/000001042-7-31.gbcs" */
    struct gb_span bytes; /* borrowed; new, or in place of what is there */
    struct gb_oid oid;    /* set by gb_ledger_prepare() */
};

struct gb_ledger_batch {
    struct gb_ledger_file *files; /* in any order, no path twice */
    size_t count;
    const char *site;    /* author: "Gengbu hub SITE <ledger@gengbu>" */
    const char *message; /* UTF-8, ends with LF; see ledger_text.h */
    int64_t time_s;      /* UTC */
    const struct gb_sign_key *key; /* signs, namespace "git" */
};

/*
 * Write a batch's objects as one pack, fsync it, read it back and compare.
 * *commit is the commit that gb_ledger_publish() will show; its parent is the
 * tip.  A batch that was prepared before and not published is discarded.  The
 * first commit also gets .gitattributes.  GB_E_VALUE: a path, the site or the
 * message cannot stand in a ledger; GB_E_IO, GB_E_LIMIT, GB_E_LEDGER.
 */
enum gb_err gb_ledger_prepare(struct gb_ledger *l,
                              const struct gb_ledger_batch *batch,
                              struct gb_oid *commit, struct gb_fail *fail);

/* Move refs/heads/main to the prepared commit, durably.  GB_E_BUSY: the tip is
 * no longer that commit's parent; GB_E_STATE: nothing is prepared.  After
 * another error the tip says whether the batch is in. */
enum gb_err gb_ledger_publish(struct gb_ledger *l, struct gb_fail *fail);

/* Take a prepared batch's pack away again.  Harmless when there is none. */
void gb_ledger_discard(struct gb_ledger *l);

/*
 * When there are more than `packs_max` packs (GB_LEDGER_PACKS_MAX) below
 * 512 MiB, merge the small ones into one, durably, and remove them: afterwards
 * each pack has at least twice as many objects as the next smaller one
 * (git_plan.h), so each object is rewritten a logarithmic number of times in
 * the ledger's life.  All versions of a folder but the largest become
 * differences from it (git_fold.c).  Packs of batches that were never published
 * go.  A crash at any point loses nothing; a damaged pack stops it
 * (GB_E_LEDGER) and stays.  Takes about 20 ms per MiB merged.
 */
enum gb_err gb_ledger_consolidate(struct gb_ledger *l, size_t packs_max,
                                  struct gb_fail *fail);

/* How many packs there are. */
enum gb_err gb_ledger_packs(struct gb_ledger *l, size_t *count,
                            struct gb_fail *fail);

/* Append their names in order, an LF behind each. */
enum gb_err gb_ledger_pack_names(struct gb_ledger *l, struct gb_buf *out,
                                 struct gb_fail *fail);

/* Whether every commit up to the tip is in a pack that is there.  So is all
 * that it added, as a pack has that together.  Reads the log, and all indexes:
 * some 10 us for each commit. */
enum gb_err gb_ledger_whole(struct gb_ledger *l, bool *yes,
                            struct gb_fail *fail);

/* How many packs below 512 MiB the ledger in a folder has: more than
 * GB_LEDGER_PACKS_MAX stay only where merging them fails.  Opens none of them,
 * so damage does not stop it. */
enum gb_err gb_ledger_small_packs(const char *path, size_t *count,
                                  struct gb_fail *fail);

/* ------------------------------------------------------------ reading -- */

/* All of these take what others may have written: damage is GB_E_LEDGER, and
 * nothing larger than the limits above is loaded (GB_E_LIMIT). */

struct gb_ledger_tip {
    struct gb_oid oid;
    int64_t time_s; /* UTC */
};

/* GB_E_MISSING while there is no commit. */
enum gb_err gb_ledger_tip(struct gb_ledger *l, struct gb_ledger_tip *out,
                          struct gb_fail *fail);

/* Append a file's bytes, as of the tip or a commit.  GB_E_MISSING. */
enum gb_err gb_ledger_read(struct gb_ledger *l, const char *path,
                           struct gb_buf *out, struct gb_fail *fail);
enum gb_err gb_ledger_read_at(struct gb_ledger *l, const struct gb_oid *commit,
                              const char *path, struct gb_buf *out,
                              struct gb_fail *fail);
/* The same by the oid that gb_ledger_prepare() or a change gave. */
enum gb_err gb_ledger_blob(struct gb_ledger *l, const struct gb_oid *oid,
                           struct gb_buf *out, struct gb_fail *fail);

/* The commits behind `after` (NULL: from the first one) up to the tip, oldest
 * first; 20 bytes each.  GB_E_HISTORY: `after` does not lead to the tip. */
struct gb_ledger_log {
    struct gb_oid *commits; /* owned */
    size_t count;
};
enum gb_err gb_ledger_log(struct gb_ledger *l, const struct gb_oid *after,
                          struct gb_ledger_log *out, struct gb_fail *fail);
void gb_ledger_log_release(struct gb_ledger_log *log);

/*
 * A commit.  It must be exactly as gb_ledger_prepare() writes them: one parent
 * or none, author and committer alike in UTC, at most one signature, nothing
 * else in the header; or GB_E_LEDGER.  The signature is not verified here:
 *     gb_sshsig_parse_header(&sig, c.signature, fail)
 *     gb_sshsig_check(&sig, key, GB_NS_GIT, hash of c.payload, fail)
 */
struct gb_ledger_commit {
    bool root;            /* has no parent */
    struct gb_oid parent; /* zeros at the root */
    struct gb_oid tree;
    int64_t time_s;
    struct gb_span site, message; /* point into payload */
    struct gb_span payload;       /* the signed bytes */
    struct gb_span signature;     /* armored, no final LF; empty: unsigned */
    struct gb_buf own[2];
};
enum gb_err gb_ledger_commit_read(struct gb_ledger *l,
                                  const struct gb_oid *commit,
                                  struct gb_ledger_commit *out,
                                  struct gb_fail *fail);
void gb_ledger_commit_release(struct gb_ledger_commit *c);

/* One file that a commit changed against its parent; all borrowed. */
struct gb_ledger_change {
    char kind; /* 'A' added, 'M' modified, 'D' deleted */
    const char *path;
    struct gb_oid oid;    /* of its bytes; deleted: of those it had */
    struct gb_span bytes; /* deleted: empty */
};
typedef enum gb_err gb_ledger_change_fn(void *ctx,
                                        const struct gb_ledger_change *change,
                                        struct gb_fail *fail);
/* Call fn for each of them, by path; stops at its first error, which it
 * returns.  Anything but plain files in plain folders is GB_E_LEDGER. */
enum gb_err gb_ledger_changes(struct gb_ledger *l, const struct gb_oid *commit,
                              gb_ledger_change_fn *fn, void *ctx,
                              struct gb_fail *fail);

/*
 * Read every pack from end to end: each object is what its name says, and
 * their indexes are those that they make.  For the auditor; meanwhile another
 * thread may read with this handle.
 */
enum gb_err gb_ledger_verify_packs(const struct gb_ledger *l,
                                   struct gb_fail *fail);

#endif
