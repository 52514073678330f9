/* touch.c - see touch.h */
#include "touch.h"

void
gb_touched_clear(struct gb_touched *t)
{
    gb_buf_clear(&t->list);
    t->last = 0;
}

void
gb_touched_add(struct gb_touched *t, int table, int64_t id)
{
    gb_buf_varint(&t->list, (uint64_t)table);
    gb_buf_zigzag(&t->list, id - t->last);
    t->last = id;
}

void
gb_touch_open(struct gb_touch_reader *r, struct gb_span list)
{
    *r = (struct gb_touch_reader){gb_reader_of(list), 0};
}

bool
gb_touch_next(struct gb_touch_reader *r, int *table, int64_t *id)
{
    if (!gb_read_left(&r->in))
        return false;
    *table = (int)gb_read_varint(&r->in);
    r->id += gb_read_zigzag(&r->in);
    *id = r->id;
    return !r->in.bad;
}
