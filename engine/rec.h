/*
 * rec.h - one record and its merge: the pure core (docs/MERGE.md).
 *
 * A record is what all operations that took effect on it add up to: for each
 * column the open siblings (the applied writes that no applied write which saw
 * them has overwritten), for `last`, `first` and `fact` just the one write that
 * shows, for `sum` the sum.  gb_rec_merge() adds one operation; the same code
 * runs at the hub, on a handheld and in an audit.  No database, no clock, no
 * I/O.
 *
 * Everything a record points to lives in its arena; values given to a merge
 * are borrowed and must live as long.
 */
#ifndef GB_REC_H
#define GB_REC_H

#include "op.h"

/* Position of an operation that has none yet: after everything. */
#define GB_POS_PENDING ((int64_t)1 << 56)

/* An applied write of one cell. */
struct gb_sib {
    int64_t stamp; /* effective; with `device` the write's name */
    int device;
    int64_t pos;     /* where it took effect; 0 where the rule needs none */
    int level;       /* authority of its writer */
    bool bang;       /* a move marked "!" */
    bool resolution; /* overwrites only what it named */
    struct gb_value value;
    const uint8_t *commitment; /* 32 bytes: personal; NULL: not */
};

struct gb_cell {
    int n;              /* 0: never written */
    struct gb_sib *sib; /* sum: one, its value the sum */
};

struct gb_void {
    int64_t stamp;
    int device;
    int64_t pos;
    uint64_t base; /* what the void had seen */
    struct gb_span reason;
};

/* The latest write of a device, for the review of voids. */
struct gb_seen {
    int device;
    int64_t pos, stamp;
};

struct gb_rec {
    const struct gb_table *table;
    int64_t id;
    int64_t stamp; /* of the insert, effective */
    int64_t pos;   /* of the insert */
    int level;     /* of the insert */
    int64_t actor; /* of the insert */
    struct gb_span ref;
    struct gb_cell *cells; /* table->ncolumns */
    struct gb_void *voids; /* by rising (stamp, device): the first shows */
    int nvoids;
    struct gb_seen *seen; /* by rising device */
    int nseen;
    int64_t rival_pos; /* position of the last change of the rival verdict */
    bool rival;        /* another record holds what this one claims */
    struct gb_arena *arena;
};

/* An operation with all that merging it needs. */
struct gb_effect {
    const struct gb_op *op;
    int device;
    int64_t stamp; /* effective */
    int64_t pos;   /* where it takes effect */
    int level;
    uint64_t base; /* ledger size that its writer had merged */
    uint64_t dead; /* columns in which it was overwritten while it waited */
};

/* New numbers of old devices: `device` continues `parent` up to `stamp`. */
struct gb_lineage {
    struct gb_ancestor {
        int device, parent;
        int64_t stamp; /* effective, of the last shared operation */
    } * of;
    int n;
};

/* Start a record from its insert (op->kind GB_INSERT) and merge that.  All
 * merging functions return false only when the arena is full. */
bool gb_rec_insert(struct gb_rec *r, const struct gb_table *t,
                   const struct gb_effect *x, struct gb_arena *arena);
/* Merge a set, void or resolution. */
bool gb_rec_merge(struct gb_rec *r, const struct gb_effect *x,
                  const struct gb_lineage *lineage);

/* The same record in another arena, which owns all of it. */
bool gb_rec_copy(struct gb_rec *to, const struct gb_rec *r,
                 struct gb_arena *arena);

/* Columns in which the operation that waits is overwritten by a later one of
 * its own device that took effect before it: bit c for column c (MERGE.md §3).
 * Of `waiting` only device, stamp and values are looked at. */
uint64_t gb_effect_buries(const struct gb_table *t,
                          const struct gb_effect *later,
                          const struct gb_effect *waiting,
                          const struct gb_lineage *lineage);

/* What a cell shows: an index into cell->sib, or -1 when never written. */
int gb_cell_shown(const struct gb_column *c, const struct gb_cell *cell);
/* Whether a person must look at it. */
bool gb_cell_review(const struct gb_column *c, const struct gb_cell *cell);
/* The shown value; NULL when never written. */
struct gb_value gb_cell_value(const struct gb_column *c,
                              const struct gb_cell *cell);
/* Some write was seen by no void. */
bool gb_rec_void_review(const struct gb_rec *r,
                        const struct gb_lineage *lineage);
/* Rules whose cells keep all open siblings. */
bool gb_rule_open(enum gb_rule_kind kind);
/* Order of two values under max, min or worst: > 0 when a shows before b. */
int gb_rule_compare(const struct gb_rule *r, const struct gb_value *a,
                    const struct gb_value *b);

/* ------------------------------------------------ codes (rec_code.c) -- */

/* The part of a record that its row does not hold (FORMAT.md "Record state");
 * nothing is written for a record that was only inserted. */
void gb_rec_code_write(const struct gb_rec *r, struct gb_buf *out);
/* Fill cells, voids and seen from the row's values (already in cells[c].sib[0]
 * or n = 0, see table.c) and the code. */
enum gb_err gb_rec_code_read(struct gb_rec *r, struct gb_span code,
                             struct gb_fail *fail);
/* The canonical bytes that the state digest covers (FORMAT.md). */
void gb_rec_digest(const struct gb_rec *r, const struct gb_lineage *lineage,
                   struct gb_buf *out);

/* -------------------------------------------------- verdicts (judge.c) -- */

#define GB_CODES(X)                                                            \
    X(NONE, "")                                                                \
    X(SCHEMA, "made with a newer schema than the hub has")                     \
    X(MALFORMED, "the signed bytes are not a change set of this schema")       \
    X(BASE, "claims a ledger that is not this one")                            \
    X(EXISTS, "a record with this id exists already")                          \
    X(RANGE, "the id does not belong to the device that inserted it")          \
    X(MISSING, "the record, or one that it refers to, is not there")           \
    X(FACT, "a fact is written when the record is made, or never")             \
    X(ILLEGAL, "the state machine does not allow this move")                   \
    X(AUTHORITY, "needs a higher level than its writer had")                   \
    X(REPEAT, "took effect already under another number")                      \
    X(HUBONLY, "only the hub may do this")

enum gb_code {
#define X(name, text) GB_CODE_##name,
    GB_CODES(X)
#undef X
        GB_CODE_COUNT
};
const char *gb_code_name(enum gb_code c);
const char *gb_code_text(enum gb_code c);
/* GB_CODE_COUNT when there is no such name. */
enum gb_code gb_code_parse(struct gb_span name);

/* What the judge must know of the world. */
struct gb_facts {
    bool exists; /* the record is there */
    bool refers; /* every record that it refers to is there */
    bool forced; /* a person released it: ILLEGAL, AUTHORITY do not stop it */
};
/* The code of an operation of a device, or GB_CODE_NONE: it takes effect. */
enum gb_code gb_judge(const struct gb_table *t, const struct gb_op *op,
                      int device, int level, const struct gb_facts *facts);

#endif
