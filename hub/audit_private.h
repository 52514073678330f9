/* audit_private.h - what the files audit*.c share. */
#ifndef GB_AUDIT_PRIVATE_H
#define GB_AUDIT_PRIVATE_H

#include "engine/file.h"
#include "engine/state.h"
#include "hub/audit.h"
#include "hub/ledger.h"
#include "hub/ledger_text.h"
#include "hub/replay.h"

#define GB_AUDIT_TIME_END INT64_C(253402300800) /* the year 10000 */

/* A line of the batch in work. */
struct gb_audit_line {
    struct gb_span text; /* in gb_audit.in */
    bool set, signature; /* the commit adds these files */
};

/* A file beside the batches: its bytes as the state wants them, or what a
 * commit did to it ('A', 'M', 'D'). */
struct gb_audit_file {
    char *path; /* owned */
    struct gb_sha256 sha;
    char kind;
};
struct gb_audit_files {
    struct gb_audit_file *list; /* owned */
    size_t n, room;
};

/* What can be said of a set by itself. */
struct gb_audit_proof {
    bool good;                /* it is signed, in the form that is wanted, */
    struct gb_public_key key; /* by this one */
    struct gb_sha256 sha;
};

/* A commit, its batch and what else it changed.  Nothing here is believed yet;
 * what cannot be read is told when the log has been checked up to it. */
struct gb_audit_read {
    enum {
        GB_AUDIT_READ_NOTHING,
        GB_AUDIT_READ_COMMIT,
        GB_AUDIT_READ_MESSAGE,
        GB_AUDIT_READ_ALL
    } upto;              /* so much is set below, */
    struct gb_fail fail; /* as the next step failed so, */
    uint64_t position;   /* concerning this one; 0: not told */
    struct gb_ledger_commit commit;
    struct gb_ledger_message message;
    struct gb_replay_batch batch;
    struct gb_audit_proof *proofs; /* owned: of the batch's files */
    size_t bytes;                  /* of these */
    struct gb_audit_files changed; /* files beside the batches */
    struct gb_ledger_name *names;  /* owned: of the batch's files */
    size_t nnames, names_room;
};

#define GB_AUDIT_EPOCHS_MAX 1024

/* From this size of the log on, the epoch was this. */
struct gb_audit_epoch {
    uint64_t size;
    uint32_t epoch;
};

struct gb_audit {
    const struct gb_audit_plan *plan;
    struct gb_audit_report *report;
    char scratch[GB_FILE_PATH_MAX]; /* folder; empty: not made yet */
    struct gb_ledger *ledger;
    struct gb_state *state; /* NULL before the first set is known */
    uint8_t site[16];
    struct gb_public_key hub_key;    /* that the first set announces */
    struct gb_public_key ledger_key; /* of the next commit */
    int64_t received_ms;             /* of the last line */
    struct gb_audit_files tree;      /* files beside the batches, sorted */
    struct gb_buf epochs;            /* struct gb_audit_epoch */
    struct gb_head asked;            /* a head of the log; size 0: none */
    uint64_t witness;                /* the first one's position */
    struct gb_fail witness_says;

    /* the commit in work */
    struct gb_audit_read in;
    struct gb_audit_line *lines; /* owned */
    size_t nlines;
    struct gb_line *read; /* owned: each line, with what is in arena */
    unsigned *operations; /* owned: of each */
    struct gb_arena arena;
    uint64_t signatures; /* verified in it */
};

/* A failure that concerns these positions. */
void gb_audit_at(struct gb_audit *a, uint64_t position, uint64_t last);
/* "2026/11/23/000001042-7-31.gbcs" of line i, or its signature. */
void gb_audit_name(const struct gb_audit *a, size_t i, bool signature,
                   char out[GB_LEDGER_NAME_MAX]);

/* git_loose.c: every loose object is whole; libgit2 must not be let near one
 * that is not. */
enum gb_err gb_ledger_verify_loose(struct gb_ledger *l, struct gb_fail *fail);
/* audit_log.c: all commits, from the first to the tip. */
enum gb_err gb_audit_log(struct gb_audit *a, struct gb_fail *fail);
/* audit_read.c: read a commit; to be released. */
void gb_audit_read(struct gb_audit_read *out, struct gb_ledger *l,
                   const struct gb_oid *oid);
void gb_audit_read_release(struct gb_audit_read *r);
/*
 * audit_ahead.c: all commits of a log, one after another, read ahead by other
 * processors.  The log, and the ledger at that path, are not changed until it
 * is closed.  `l` is this thread's, for a commit that nobody has read yet.
 */
struct gb_audit_ahead; /* opaque */
enum gb_err gb_audit_ahead_open(struct gb_audit_ahead **out, const char *ledger,
                                const struct gb_ledger_log *log,
                                struct gb_fail *fail);
void gb_audit_ahead_take(struct gb_audit_ahead *q, struct gb_ledger *l,
                         struct gb_audit_read *out);
void gb_audit_ahead_close(struct gb_audit_ahead *q); /* NULL is harmless */
/* audit_commit.c: see that the commit is signed by the ledger key (for the
 * first one: found in it, and pinned). */
enum gb_err gb_audit_commit(struct gb_audit *a, const struct gb_oid *oid,
                            struct gb_fail *fail);
/* audit_files.c: what it adds and changes, and its batch. */
enum gb_err gb_audit_changes(struct gb_audit *a, const struct gb_oid *oid,
                             struct gb_fail *fail);
/* audit_batch.c: the lines, each well formed and in its place. */
enum gb_err gb_audit_batch(struct gb_audit *a, struct gb_fail *fail);
void gb_audit_batch_release(struct gb_audit *a);
/* audit_files.c: each has its files, and there are no others. */
enum gb_err gb_audit_names(struct gb_audit *a, struct gb_fail *fail);
/* Then, after the replay, that all other files are what the state makes
 * them; and the count of what the lines say, once they are believed. */
enum gb_err gb_audit_tree(struct gb_audit *a, struct gb_fail *fail);
void gb_audit_count(struct gb_audit *a);
enum gb_err gb_audit_files_add(struct gb_audit_files *files, const char *path,
                               struct gb_span bytes, char kind,
                               struct gb_fail *fail);
void gb_audit_files_clear(struct gb_audit_files *files);
/* audit_set.c: one set before it is applied; a gb_replay_check. */
enum gb_err gb_audit_one(void *context, const struct gb_replayed *r,
                         struct gb_state *st, struct gb_fail *fail);
/* Note the epoch that the log has now: it never falls. */
enum gb_err gb_audit_epoch(struct gb_audit *a, struct gb_state *st,
                           struct gb_fail *fail);

#endif
