/*
 * explain.h - every write of a record, and what became of it: the promise
 * that nothing is lost silently, made good.
 *
 * The record's writes are read again from the ledger's signed sets and merged
 * one after another by the code that merged them first; after each of them it
 * is noted which earlier ones it overwrote.  So the reasons given are those of
 * the merge, and not a second opinion.
 */
#ifndef GB_EXPLAIN_H
#define GB_EXPLAIN_H

#include "hub/past.h"

enum gb_fate {
    GB_FATE_SHOWS, /* the cell shows this value */
    GB_FATE_OPEN,  /* an open sibling that the rule shows behind another */
    GB_FATE_OVERWRITTEN, /* by a write that had seen it */
    GB_FATE_SUPERSEDED,  /* last, first: another stamp wins */
    GB_FATE_COUNTS,      /* sum: part of it */
    GB_FATE_QUARANTINED, /* waits, with a code */
    GB_FATE_FORK         /* in a second chain of its number: evidence only */
};
const char *gb_fate_name(enum gb_fate f); /* "overwritten" */

/* One column written by one operation; for a void, column is -1. */
struct gb_write {
    uint64_t pos;
    int device;
    uint32_t seq;
    uint8_t sha256[32];  /* of the set */
    int64_t received_ms; /* the day of its folder */
    uint64_t released;   /* the entry that released it; 0: it did not wait */
    int index;           /* of the operation in its set, from 0 */
    enum gb_kind kind;
    int64_t actor, time_ms; /* as the device had it */
    int64_t stamp;          /* effective; 0: none */
    int level;
    int column;
    struct gb_value value;
    bool hidden;         /* personal, and not in personal.db */
    struct gb_span text; /* reason, or ref of an insert */
    enum gb_fate fate;
    enum gb_code code; /* GB_FATE_QUARANTINED */
    int by;            /* the write that overwrote or supersedes it; -1 */
};

struct gb_explained {
    struct gb_write *writes; /* in the order in which they took effect */
    int n;
    bool found;  /* the record is in the hub's state */
    bool agrees; /* merging anew gave the record that hub.db has */
    struct gb_rec rec;
    struct gb_arena arena;
    int room;
};

/* What heads the writes of a cell: how it stands now. */
struct gb_explained_cell {
    int writes, open;   /* open siblings; 0: never written */
    bool conflict;      /* they differ; its rule decides, or */
    bool review;        /* a person must look */
    struct gb_value is; /* what shows */
};

/* Explain a record's column, or all (-1).  Release it after a failure, too. */
enum gb_err gb_explain(struct gb_past *past, int table, int64_t id, int column,
                       struct gb_explained *out, struct gb_fail *fail);
struct gb_explained_cell gb_explained_cell(const struct gb_explained *x,
                                           int column);
/* The number of a write among those of its cell, from 1. */
int gb_explained_number(const struct gb_explained *x, int write);
void gb_explained_release(struct gb_explained *x);

#endif
