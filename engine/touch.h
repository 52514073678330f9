/*
 * touch.h - which records a set changed, as a few bytes beside it.
 *
 * A delta from one head to another carries the records that the sets between
 * them touched.  Keeping that list with each set costs about two bytes an
 * operation, and no index: entries are varint table, zigzag id less the id
 * of the entry before.
 */
#ifndef GB_TOUCH_H
#define GB_TOUCH_H

#include "buf.h"

struct gb_touched {
    struct gb_buf list;
    int64_t last;
};
void gb_touched_clear(struct gb_touched *t);
void gb_touched_add(struct gb_touched *t, int table, int64_t id);

struct gb_touch_reader {
    struct gb_reader in;
    int64_t id;
};
void gb_touch_open(struct gb_touch_reader *r, struct gb_span list);
/* False at the end. */
bool gb_touch_next(struct gb_touch_reader *r, int *table, int64_t *id);

#endif
