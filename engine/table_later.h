/*
 * table_later.h - rows that a transaction will write at its end: found again by
 * table and id, and put in order.  No database.
 *
 * A shift's end changes one record on many handhelds.  Its row is read and
 * written once a batch, and rows beside each other one after another.
 */
#ifndef GB_TABLE_LATER_H
#define GB_TABLE_LATER_H

#include "value.h"

struct gb_later_row {
    int table;
    int64_t id;
    struct gb_value *values; /* and behind them their texts */
    size_t room;
};

struct gb_later {
    struct gb_later_row *rows;
    size_t n, nrows; /* used, allocated */
    struct gb_later_slot {
        uint32_t hash, row; /* row: its index + 1, 0: empty */
    } * slots;
    size_t nslots;  /* a power of two, at least twice n; 0: none yet */
    uint8_t *bytes; /* of values and texts; NULL: not needed yet */
    size_t used, max;
};

void gb_later_init(struct gb_later *l, size_t max); /* bytes of values */
void gb_later_release(struct gb_later *l);
/* Forget all; the memory is kept for more of the same. */
void gb_later_clear(struct gb_later *l);
/* A row's values, borrowed until it is put anew; NULL: there is none. */
const struct gb_value *gb_later_find(const struct gb_later *l, int table,
                                     int64_t id);
/* Keep a copy of n values, the same number for all rows of a table, in place of
 * what is there; *kept false: there is no room, and nothing has changed. */
enum gb_err gb_later_put(struct gb_later *l, int table, int64_t id,
                         const struct gb_value *values, size_t n, bool *kept,
                         struct gb_fail *fail);
/* By table and id; nothing is found any more until it is cleared. */
void gb_later_sort(struct gb_later *l);

/* Bytes that a copy of n values takes, and the copy in as many bytes: its texts
 * lie behind it. */
size_t gb_values_size(const struct gb_value *values, size_t n);
void gb_values_copy(struct gb_value *to, const struct gb_value *values,
                    size_t n);

#endif
