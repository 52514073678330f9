/* table_later.c - see table_later.h */
#include "table_later.h"

#include <stdlib.h>
#include <string.h>

#define SLACK 64 /* bytes for what a row grows by when it changes again */

void
gb_later_init(struct gb_later *l, size_t max)
{
    *l = (struct gb_later){.max = max};
}

void
gb_later_release(struct gb_later *l)
{
    free(l->rows);
    free(l->slots);
    free(l->bytes);
}

void
gb_later_clear(struct gb_later *l)
{
    l->n = 0;
    if (l->slots)
        memset(l->slots, 0, l->nslots * sizeof *l->slots);
    l->used = 0;
}

/* Knuth, TAOCP 6.4: the upper bits of a product depend on all of the key. */
static uint32_t
hash(int table, int64_t id)
{
    uint64_t h = ((uint64_t)id ^ (uint64_t)table << 56) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

/* The slot of a row, or the empty one where it belongs. */
static struct gb_later_slot *
slot_of(const struct gb_later *l, int table, int64_t id)
{
    uint32_t h = hash(table, id);
    for (size_t i = (size_t)((uint64_t)h * l->nslots >> 32);; i++) {
        struct gb_later_slot *s = &l->slots[i & (l->nslots - 1)];
        if (!s->row)
            return s;
        if (s->hash != h)
            continue;
        const struct gb_later_row *r = &l->rows[s->row - 1];
        if (r->id == id && r->table == table)
            return s;
    }
}

const struct gb_value *
gb_later_find(const struct gb_later *l, int table, int64_t id)
{
    uint32_t found = l->n ? slot_of(l, table, id)->row : 0;
    return found ? l->rows[found - 1].values : NULL;
}

/* Let row i be found. */
static void
enter(struct gb_later *l, size_t i)
{
    const struct gb_later_row *r = &l->rows[i];
    *slot_of(l, r->table, r->id) =
        (struct gb_later_slot){hash(r->table, r->id), (uint32_t)i + 1};
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
    struct gb_later_slot *slots = calloc(2 * n, sizeof *slots);
    if (!slots)
        return false;
    free(l->slots);
    l->slots = slots;
    l->nslots = 2 * n;
    l->nrows = n;
    for (size_t i = 0; i < l->n; i++)
        enter(l, i);
    return true;
}

/* Text or blob. */
static bool
has_bytes(const struct gb_value *v)
{
    return v->type == GB_TEXT || v->type == GB_BLOB;
}

size_t
gb_values_size(const struct gb_value *values, size_t n)
{
    size_t size = n * sizeof *values;
    for (size_t i = 0; i < n; i++)
        size += has_bytes(&values[i]) ? values[i].as.s.len : 0;
    return size;
}

void
gb_values_copy(struct gb_value *to, const struct gb_value *values, size_t n)
{
    uint8_t *text = (uint8_t *)(to + n);
    for (size_t i = 0; i < n; i++) {
        struct gb_span s = values[i].as.s;
        to[i] = values[i];
        if (!has_bytes(&values[i]))
            continue;
        to[i].as.s = GB_SPAN(text, s.len);
        if (s.len)
            memcpy(text, s.ptr, s.len);
        text += s.len;
    }
}

/* The next `size` bytes, of which there are as many; NULL: no memory. */
static struct gb_value *
place(struct gb_later *l, size_t size)
{
    if (!l->bytes)
        l->bytes = malloc(l->max);
    uint8_t *p = l->bytes ? l->bytes + l->used : NULL;
    l->used += p ? size : 0;
    return (struct gb_value *)(void *)p;
}

enum gb_err
gb_later_put(struct gb_later *l, int table, int64_t id,
             const struct gb_value *values, size_t n, bool *kept,
             struct gb_fail *fail)
{
    size_t need = gb_values_size(values, n);
    size_t room = (need + SLACK) & ~(size_t)15;
    uint32_t found = l->n ? slot_of(l, table, id)->row : 0;
    struct gb_later_row row = {table, id, NULL, 0};
    if (found)
        row = l->rows[found - 1];
    *kept = row.room >= need || room <= l->max - l->used;
    if (!*kept)
        return GB_OK;
    if (!found && !grow(l))
        return gb_fail_memory(fail);
    if (row.room < need) {
        row.values = place(l, room);
        row.room = room;
    }
    if (!row.values)
        return gb_fail_memory(fail);
    if (found) {
        l->rows[found - 1] = row;
    } else {
        l->rows[l->n] = row;
        enter(l, l->n++);
    }
    gb_values_copy(row.values, values, n);
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
