/* table_later.c - see table_later.h */
#include "table_later.h"

#include <stdlib.h>
#include <string.h>

#define SLACK 64 /* bytes for what a row grows by when it changes again */

void
gb_later_init(struct gb_later *l, size_t max)
{
    *l = (struct gb_later){0};
    gb_arena_init(&l->arena, max);
}

void
gb_later_release(struct gb_later *l)
{
    free(l->rows);
    free(l->slots);
    gb_arena_release(&l->arena);
}

void
gb_later_clear(struct gb_later *l)
{
    l->n = 0;
    if (l->slots)
        memset(l->slots, 0, l->nslots * sizeof *l->slots);
    gb_arena_reset(&l->arena);
}

/* The slot of a row, or the empty one where it belongs. */
static size_t
slot_of(const struct gb_later *l, int table, int64_t id)
{
    uint64_t h = ((uint64_t)id ^ (uint64_t)table << 56) * 0x9E3779B97F4A7C15u;
    size_t i = (h >> 32) & (l->nslots - 1);
    while (l->slots[i]) {
        const struct gb_later_row *r = &l->rows[l->slots[i] - 1];
        if (r->id == id && r->table == table)
            break;
        i = (i + 1) & (l->nslots - 1);
    }
    return i;
}

const struct gb_value *
gb_later_find(const struct gb_later *l, int table, int64_t id)
{
    uint32_t found = l->n ? l->slots[slot_of(l, table, id)] : 0;
    return found ? l->rows[found - 1].values : NULL;
}

/* Room for one more row. */
static bool
grow(struct gb_later *l)
{
    if (l->n < l->nrows)
        return true;
    size_t n = l->nrows ? 2 * l->nrows : 64;
    struct gb_later_row *rows = realloc(l->rows, n * sizeof *rows);
    if (!rows)
        return false;
    l->rows = rows;
    uint32_t *slots = calloc(2 * n, sizeof *slots);
    if (!slots)
        return false;
    free(l->slots);
    l->slots = slots;
    l->nslots = 2 * n;
    l->nrows = n;
    for (size_t i = 0; i < l->n; i++)
        slots[slot_of(l, rows[i].table, rows[i].id)] = (uint32_t)i + 1;
    return true;
}

/* Bytes of text and blob in a value. */
static size_t
text_of(const struct gb_value *v)
{
    return v->type == GB_TEXT || v->type == GB_BLOB ? v->as.s.len : 0;
}

/* A copy of the values, in bytes that have room for them. */
static void
fill(struct gb_value *to, const struct gb_value *values, size_t n)
{
    uint8_t *text = (uint8_t *)(to + n);
    for (size_t i = 0; i < n; i++) {
        size_t len = text_of(&values[i]);
        to[i] = values[i];
        if (values[i].type != GB_TEXT && values[i].type != GB_BLOB)
            continue;
        to[i].as.s = GB_SPAN(text, len);
        if (len)
            memcpy(text, values[i].as.s.ptr, len);
        text += len;
    }
}

enum gb_err
gb_later_put(struct gb_later *l, int table, int64_t id,
             const struct gb_value *values, size_t n, bool *kept,
             struct gb_fail *fail)
{
    size_t need = n * sizeof *values;
    for (size_t i = 0; i < n; i++)
        need += text_of(&values[i]);
    uint32_t found = l->n ? l->slots[slot_of(l, table, id)] : 0;
    struct gb_later_row *r = found ? &l->rows[found - 1] : NULL;
    struct gb_later_row row =
        r ? *r : (struct gb_later_row){table, id, NULL, 0};
    *kept = row.room >= need || need + SLACK <= l->arena.max - l->arena.used;
    if (!*kept)
        return GB_OK;
    if (row.room < need) {
        row.room = need + SLACK;
        row.values = gb_arena_alloc(&l->arena, row.room);
    }
    if (!row.values || (!r && !grow(l)))
        return gb_fail_memory(fail);
    if (!r) {
        r = &l->rows[l->n++];
        l->slots[slot_of(l, table, id)] = (uint32_t)l->n;
    }
    *r = row;
    fill(row.values, values, n);
    return GB_OK;
}

static int
compare(const void *a, const void *b)
{
    const struct gb_later_row *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

void
gb_later_sort(struct gb_later *l)
{
    if (l->n)
        qsort(l->rows, l->n, sizeof *l->rows, compare);
}
