/*
 * conflict.h - what people edited at once: cells with several open siblings of
 * different values, writes that no void has seen, claims that rivals hold.
 *
 * A conflict is no error, and most need nobody: the column's rule shows one
 * value (docs/MERGE.md).  `review` marks those that a person must look at.
 */
#ifndef GB_CONFLICT_H
#define GB_CONFLICT_H

#include "hub/rival.h"

enum gb_conflict_kind {
    GB_CONFLICT_CELL, /* open siblings of a column */
    GB_CONFLICT_VOID, /* the record is void, and was written beneath it */
    GB_CONFLICT_RIVAL /* another record holds what this one claims */
};

#define GB_CONFLICT_TOKEN 9 /* with NUL */

struct gb_conflict {
    enum gb_conflict_kind kind;
    int table;
    const struct gb_rec *rec;
    int column; /* GB_CONFLICT_CELL; else -1 */
    bool review;
    /* GB_CONFLICT_CELL: open siblings by rising (stamp, device); people count
     * them from 1 */
    const struct gb_sib *sibs;
    int n, shown;
    /* Names exactly these siblings: a resolution that expects it is refused
     * when they have changed. */
    char token[GB_CONFLICT_TOKEN];
    struct gb_lost_claim lost; /* GB_CONFLICT_RIVAL */
};

/* The conflict of one column; false when it has none.  Siblings lie in the
 * record's arena. */
bool gb_conflict_cell(const struct gb_rec *r, int table, int column,
                      struct gb_conflict *out);

typedef enum gb_err gb_conflict_fn(void *context, const struct gb_conflict *c,
                                   struct gb_fail *fail);
/* Every conflict, by table and record; each is valid for the call. */
enum gb_err gb_conflict_walk(struct gb_state *st, gb_conflict_fn *fn,
                             void *context, struct gb_fail *fail);

#endif
