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
    struct gb_span text; /* in gb_audit.batch */
    int device;
    uint32_t seq;
    unsigned operations;
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
    uint64_t witness;                /* the first one's position */
    struct gb_fail witness_says;

    /* the commit in work */
    struct gb_ledger_commit commit;
    struct gb_ledger_message message;
    struct gb_buf batch;
    struct gb_audit_line *lines; /* owned */
    size_t nlines;
    struct gb_audit_files changed; /* files beside the batches, sorted */
    struct gb_ledger_name *names;  /* owned: files of sets that it adds */
    size_t nnames, names_room;
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
/* audit_commit.c: read the commit and see that it is signed by the ledger key
 * (for the first one: found in it, and pinned). */
enum gb_err gb_audit_commit(struct gb_audit *a, const struct gb_oid *oid,
                            struct gb_fail *fail);
/* audit_files.c: what it adds and changes, and its batch. */
enum gb_err gb_audit_changes(struct gb_audit *a, const struct gb_oid *oid,
                             struct gb_fail *fail);
/* audit_batch.c: the lines, each well formed and in its place. */
enum gb_err gb_audit_batch(struct gb_audit *a, struct gb_fail *fail);
/* audit_files.c: each has its files, and there are no others. */
enum gb_err gb_audit_names(struct gb_audit *a, struct gb_fail *fail);
/* Then, after the replay, that all other files are what the state makes
 * them; and the count of what the lines say, once they are believed. */
enum gb_err gb_audit_tree(struct gb_audit *a, struct gb_fail *fail);
enum gb_err gb_audit_count(struct gb_audit *a, struct gb_fail *fail);
void gb_audit_files_clear(struct gb_audit_files *files);
/* audit_set.c: one set before it is applied; a gb_replay_check. */
enum gb_err gb_audit_one(void *context, const struct gb_replayed *r,
                         struct gb_state *st, struct gb_fail *fail);
/* Note the epoch that the log has now: it never falls. */
enum gb_err gb_audit_epoch(struct gb_audit *a, struct gb_state *st,
                           struct gb_fail *fail);

#endif
