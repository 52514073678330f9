/*
 * batch.h - one batch on its way into the ledger: what commit.c (files, ledger,
 * the order of it all) and decide.c (which sets, with which verdict) share.
 */
#ifndef GB_BATCH_H
#define GB_BATCH_H

#include "hub/office_private.h"

struct gb_batch {
    struct gb_office *o;
    struct gb_arriving *sets;
    size_t n;
    int64_t received_ms;
    uint64_t first; /* position of the batch's first line */
    struct gb_buf lines;
    struct gb_ledger_file *files;
    size_t nfiles, room;
    size_t bytes;           /* of the sets among them */
    bool site;              /* an operation of the site may have had effect */
    bool personal;          /* personal.db has an open transaction */
    struct gb_own_sets own; /* automatic releases, */
    struct gb_opname *due;  /* and what they name */
    struct gb_arena arena;  /* paths, armored signatures */
};

/* Give every set its position that can have one, in whatever order they stand,
 * until none of those left can go on or the batch is full (GB_BATCH_BYTES, or
 * what a file of the ledger may have); after each, what waited for it
 * (decide.c).  Runs in the state's open transaction. */
enum gb_err gb_batch_decide(struct gb_batch *b, struct gb_fail *fail);
/* The files of a set that has a position now (commit.c). */
enum gb_err gb_batch_add_set(struct gb_batch *b, const struct gb_arriving *a,
                             const struct gb_line *line,
                             const struct gb_public_key *key,
                             struct gb_fail *fail);

#endif
