/* journal_tail.c - what a journal has not sealed yet; see journal_private.h */
#include "journal_private.h"

#include <stdlib.h>

static enum gb_err
add_item(struct gb_tail *t, struct gb_tail_item item, struct gb_fail *fail)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        struct gb_tail_item *items = realloc(t->items, room * sizeof *items);
        if (!items)
            return gb_fail_memory(fail);
        t->items = items;
        t->room = room;
    }
    t->items[t->n++] = item;
    return GB_OK;
}

static enum gb_err
add_changes(struct gb_journal *j, struct gb_tail *t, int64_t stamp,
            struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail, "SELECT stamp, id, tbl FROM _log WHERE stamp > %lld",
        (long long)stamp);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        e = add_item(t,
                     (struct gb_tail_item){.stamp = sqlite3_column_int64(s, 0),
                                           .id = sqlite3_column_int64(s, 1),
                                           .table = sqlite3_column_int(s, 2)},
                     fail);
    sqlite3_finalize(s);
    t->nchanges = t->n;
    return e;
}

static enum gb_err
add_inserts(struct gb_journal *j, struct gb_tail *t, int64_t counter,
            struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; i < j->schema->ntables && !e; i++) {
        sqlite3_stmt *s;
        bool row;
        e = gb_db_preparef(j->db, &s, fail,
                           "SELECT id, _e FROM \"%w\" WHERE id BETWEEN %lld "
                           "AND %lld",
                           j->schema->tables[i].name,
                           (long long)gb_id_make(j->device, counter + 1),
                           (long long)gb_id_make(j->device, GB_COUNTER_MAX));
        while (!e && !(e = gb_db_step(s, &row, fail)) && row)
            e = add_item(
                t,
                (struct gb_tail_item){.stamp = sqlite3_column_int64(s, 1),
                                      .id = sqlite3_column_int64(s, 0),
                                      .table = i,
                                      .insert = true},
                fail);
        sqlite3_finalize(s);
    }
    return e;
}

static int
by_stamp(const void *a, const void *b)
{
    const struct gb_tail_item *x = a, *y = b;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

/* By (table, id, stamp). */
static int
by_record(const void *a, const void *b)
{
    const struct gb_tail_item *x = *(struct gb_tail_item *const *)a;
    const struct gb_tail_item *y = *(struct gb_tail_item *const *)b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return by_stamp(x, y);
}

enum gb_err
gb_tail_gather(struct gb_journal *j, struct gb_tail *t, struct gb_fail *fail)
{
    int64_t stamp, counter;
    *t = (struct gb_tail){0};
    gb_arena_init(&t->change, GB_ARENA_MAX);
    enum gb_err e = gb_journal_sealed(j, &stamp, &counter, fail);
    if (!e)
        e = add_changes(j, t, stamp, fail);
    if (!e)
        e = add_inserts(j, t, counter, fail);
    if (e || !t->n)
        return e;
    t->by_record = calloc(t->nchanges + 1, sizeof(struct gb_tail_item *));
    if (!t->by_record)
        return gb_fail_memory(fail);
    qsort(t->items, t->n, sizeof *t->items, by_stamp);
    for (size_t i = 0, n = 0; i < t->n; i++)
        if (!t->items[i].insert)
            t->by_record[n++] = &t->items[i];
    qsort(t->by_record, t->nchanges, sizeof(struct gb_tail_item *), by_record);
    return GB_OK;
}

/* First change of a record in by_record, or its end. */
static struct gb_tail_item **
first_change(const struct gb_tail *t, const struct gb_tail_item *insert)
{
    size_t low = 0, high = t->nchanges;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (by_record(&t->by_record[mid], &insert) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return &t->by_record[low];
}

enum gb_err
gb_tail_before(struct gb_journal *j, struct gb_tail *t,
               const struct gb_tail_item *insert, struct gb_value *v,
               struct gb_fail *fail)
{
    struct gb_log l;
    uint64_t done = 0;
    enum gb_err e = GB_OK;
    struct gb_tail_item **c = first_change(t, insert);
    for (; c < t->by_record + t->nchanges && (*c)->id == insert->id &&
           (*c)->table == insert->table && !e;
         c++) {
        gb_arena_reset(&t->change);
        e = gb_log_get(j, (*c)->stamp, &t->change, &l, fail);
        if (!e)
            e = gb_log_before(&l, v, &done, &j->arena, fail);
    }
    return e;
}

void
gb_tail_release(struct gb_tail *t)
{
    free(t->items);
    free(t->by_record);
    gb_arena_release(&t->change);
}
