/*
 * oracle.h - what a ledger adds up to, by the definitions of docs/MERGE.md
 * alone: every verdict, stamp and position, and then every cell from all pairs
 * of its writes, with nothing pruned, kept, or merged one after another.
 *
 * It reads sets and lines with the project's codec, and takes from the lines
 * what a hub cannot be told: when a set was received, and how its clocks were
 * adjusted.  It shares no code with merge.c, show.c, judge.c and state_*.c.
 * It is slow, and short enough to be believed.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "engine/line.h"
#include "engine/set.h"
#include "sim.h"

struct oracle_line;

/* An operation of the ledger. */
struct oracle_op {
    const struct gb_op *op; /* NULL: its set was never read */
    const struct oracle_line *line;
    int index;     /* in its set */
    int device;    /* these two name it */
    int64_t stamp; /* effective */
    struct gb_origin origin;
    uint64_t pos;      /* where it took effect; 0: it waits */
    enum gb_code code; /* why */
    uint64_t base;     /* what its writer had seen */
    int level;         /* what its writer may do */
};

/* A set with its line. */
struct oracle_line {
    struct gb_line said; /* what the ledger says of it */
    struct gb_span text, bytes;
    struct gb_set_info info;
    struct gb_set set;
    bool read;             /* set is there, with its operations */
    struct gb_sha256 root; /* of the tree up to this line */
    int64_t stamp;         /* largest up to this line */
    struct oracle_op *ops;
    int nops;
    enum gb_verdict verdict;
};

struct oracle {
    struct world *w;
    struct oracle_line *lines; /* by position - 1 */
    int n, room;
    struct oracle_op **ops; /* all, in order of lines and sets */
    int nops, room_ops;
    uint32_t version; /* of the schema, at the line that is decided */
    struct gb_ancestor *parents; /* M3 */
    int nparents, room_parents;
    struct gb_merkle tree;
    struct gb_arena arena;
};

/* Read the ledger and decide it; a line that does not say what comes out ends
 * the program. */
void oracle_make(struct oracle *o, struct world *w);
void oracle_free(struct oracle *o);

/* Whether an operation that waits would take effect now. */
bool oracle_could_go_on(const struct oracle *o, const struct oracle_op *x);

/* oracle_read.c */
void oracle_read(struct oracle *o);
/* The set of a line with its schema's columns; false when it cannot be. */
bool oracle_decode(struct oracle *o, struct oracle_line *l);
const struct gb_schema *oracle_schema(const struct oracle *o, uint32_t version);

/* ----------------------------------------------------- oracle_merge.c -- */

/* x happened before y (MERGE.md §2). */
bool oracle_saw(const struct oracle *o, const struct oracle_op *y,
                const struct oracle_op *x);

/* A cell: the writes that show or stand beside it. */
struct oracle_cell {
    const struct oracle_op **open; /* those that no other overwrites */
    int n;
    const struct oracle_op *shown; /* NULL: never written; or a sum */
    struct gb_value value;
    bool review;
};

/* All operations that took effect on a record, in no order. */
struct oracle_rec {
    int table;
    int64_t id;
    const struct oracle_op *insert;
    const struct oracle_op **ops;
    int n;
    const struct oracle_op *voided; /* the void that shows */
    bool void_review;
    bool rival;
};

/* Records by (table, id); in the oracle's arena. */
struct oracle_rec *oracle_records(struct oracle *o, int *n);
void oracle_cell(struct oracle *o, const struct oracle_rec *r, int column,
                 struct oracle_cell *out);
/* What an operation writes into a column; NULL when it does not. */
const struct gb_written *oracle_written(const struct oracle_op *x, int column);

#endif
