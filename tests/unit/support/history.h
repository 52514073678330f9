/*
 * history.h - random histories of one record, and what they should add up to
 * by the definitions of docs/MERGE.md alone: every write kept, all pairs
 * compared, nothing pruned.  Shares no code with engine/merge.c.
 */
#ifndef GB_TEST_HISTORY_H
#define GB_TEST_HISTORY_H

#include "engine/rec.h"

/* The columns of HISTORY_SCHEMA's table `r`, one per rule. */
enum {
    H_FACT,
    H_LAST,
    H_FIRST,
    H_SUM,
    H_MAX,
    H_MAXB, /* back@2 */
    H_MIN,
    H_WORST,
    H_WORSTB, /* back@2 */
    H_STATE,
    H_ROLE,
    H_REVIEW,
    H_COLUMNS
};
extern const char history_schema[];
struct gb_schema *history_schema_load(void);

#define H_OPS_MAX 40

struct h_write {
    struct gb_op op;
    struct gb_written values[3];
    struct gb_opname names[H_OPS_MAX];
    int device;
    int64_t stamp, pos;
    uint64_t base;
    int level;
};

struct h_history {
    struct h_write w[H_OPS_MAX]; /* by position; w[0] is the insert */
    int n;
};

/* A history that could have happened: bases lie before positions and never
 * fall along a device's chain, stamps rise along it and above what was seen. */
void history_make(struct h_history *h, uint64_t seed);
/* The record by the engine's merge, in the order of the positions. */
bool history_merge(const struct h_history *h, const struct gb_schema *s,
                   struct gb_arena *arena, struct gb_rec *out);
/* Compare a merged record with the definitions; NULL, or what differs. */
const char *history_compare(const struct h_history *h, const struct gb_rec *r);

#endif
