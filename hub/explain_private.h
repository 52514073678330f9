/* explain_private.h - what the files of explain.h share. */
#ifndef GB_EXPLAIN_PRIVATE_H
#define GB_EXPLAIN_PRIVATE_H

#include "hub/explain.h"

/* An operation on the record, and where it takes effect: in its own set or,
 * when it waited, in the one of replica 0 that released it. */
struct gb_explain_op {
    uint64_t at; /* position */
    const struct gb_op *op;
    struct gb_write common; /* what all its writes have in common */
    uint64_t base;          /* one that the ledger does not have counts as 0 */
    bool read;              /* its set could be read while it waited, and */
    uint64_t dead; /* so it was noted where it was overwritten meanwhile */
};

struct gb_explaining {
    struct gb_past *past;
    struct gb_state *st;
    const struct gb_table *t;
    int table, column;
    int64_t id;
    struct gb_explained *out;
    struct gb_rec rec; /* merged anew */
    bool begun;
    uint64_t *positions;
    size_t n, room;
    /* In the order in which they took effect, of which `taken` have. */
    struct gb_explain_op *released;
    size_t nreleased, released_room, taken;
};

/* The positions of all sets that have to do with the record, in order, and the
 * operations that were released (explain_find.c). */
enum gb_err gb_explain_find(struct gb_explaining *x, struct gb_fail *fail);
/* Whether the operation of a set is one on the record. */
bool gb_explain_hit(const struct gb_explaining *x,
                    const struct gb_past_set *set, int index);
/* An operation of a set that is at hand. */
enum gb_err gb_explain_describe(struct gb_explaining *x,
                                const struct gb_past_set *set, int index,
                                struct gb_explain_op *out,
                                struct gb_fail *fail);

#endif
