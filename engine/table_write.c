/*
 * table_write.c - records into their rows, at once or later; see table.h
 *
 * What is to be written later lies in two places: changed records until the
 * transaction ends, since many change again; new ones until there are enough to
 * be inserted in groups.  One that is in both is inserted first.
 */
#include "table_private.h"

#include "id.h"

#define FRESH_MAX 512 /* rows; as a rule a handheld's work of a shift */
#define FRESH_BYTES ((size_t)1 << 20)

/* The number of a record's table. */
static int
table_of(const struct gb_tables *t, const struct gb_rec *r)
{
    return (int)(r->table - t->schema->tables);
}

/* Run a statement on one row or more. */
static enum gb_err
run(struct gb_tables *t, int table, enum gb_what what,
    const struct gb_value *const *rows, int nrows, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    int n = ROW_OWN + t->schema->tables[table].ncolumns;
    enum gb_err e = gb_tables_stmt(t, table, what, &s, fail);
    for (int r = 0; r < nrows && !e; r++)
        for (int i = 0; i < n; i++)
            gb_db_bind(s, r * n + i + 1, &rows[r][i]);
    return e ? e : gb_db_run(s, fail);
}

static enum gb_err
write_row(struct gb_tables *t, int table, enum gb_what what,
          const struct gb_value *row, struct gb_fail *fail)
{
    return run(t, table, what, &row, 1, fail);
}

/* --------------------------------------------------------------- later -- */

void
gb_tables_defer(struct gb_tables *t, size_t bytes)
{
    gb_later_init(&t->fresh, FRESH_BYTES);
    gb_later_init(&t->changed, bytes);
    t->defers = true;
}

static enum gb_err
put_later(struct gb_tables *t, struct gb_later *l, const struct gb_rec *r,
          const struct gb_value *values, bool *kept, struct gb_fail *fail)
{
    return gb_later_put(l, table_of(t, r), r->id, values,
                        (size_t)(ROW_OWN + r->table->ncolumns), kept, fail);
}

/* The new rows of a table, as they came: their ids rise as a rule. */
static enum gb_err
write_group(struct gb_tables *t, int table, struct gb_fail *fail)
{
    const struct gb_value *rows[ROW_GROUP];
    int n = 0;
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < t->fresh.n && !e; i++) {
        if (t->fresh.rows[i].table == table)
            rows[n++] = t->fresh.rows[i].values;
        if (n < ROW_GROUP)
            continue;
        e = run(t, table, GB_ADD_GROUP, rows, n, fail);
        n = 0;
    }
    for (int i = 0; i < n && !e; i++)
        e = write_row(t, table, GB_ADD, rows[i], fail);
    return e;
}

static enum gb_err
write_fresh(struct gb_tables *t, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; t->fresh.n && i < t->schema->ntables && !e; i++)
        e = write_group(t, i, fail);
    gb_later_clear(&t->fresh);
    return e;
}

static enum gb_err
write_changed(struct gb_tables *t, struct gb_fail *fail)
{
    struct gb_later *l = &t->changed;
    enum gb_err e = GB_OK;
    gb_later_sort(l);
    for (size_t i = 0; i < l->n && !e; i++)
        e = write_row(t, l->rows[i].table, GB_UPDATE, l->rows[i].values, fail);
    gb_later_clear(l);
    return e;
}

enum gb_err
gb_tables_settle(struct gb_tables *t, struct gb_fail *fail)
{
    enum gb_err e = write_fresh(t, fail);
    return e ? e : write_changed(t, fail);
}

/* Whether no row can have the id, known without a look at where it would be:
 * it is higher than all of its device. */
static enum gb_err
is_new(struct gb_tables *t, int table, int64_t id, bool *yes,
       struct gb_fail *fail)
{
    struct gb_last *last = &t->last[table];
    int device = gb_id_device(id);
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = GB_OK;
    if (last->device != device || !last->id) { /* 0: never looked */
        /* what is not written yet must not be forgotten */
        e = write_fresh(t, fail);
        if (!e)
            e = gb_tables_stmt(t, table, GB_LAST, &s, fail);
        if (e)
            return e;
        sqlite3_bind_int64(s, 1, gb_id_make(device, 0));
        sqlite3_bind_int64(s, 2, gb_id_make(device, GB_COUNTER_MAX));
        e = gb_db_step(s, &row, fail);
        if (!e)
            *last = (struct gb_last){device, row ? sqlite3_column_int64(s, 0)
                                                 : gb_id_make(device, 0)};
        sqlite3_reset(s);
    }
    *yes = !e && id > last->id;
    return e;
}

/* ---------------------------------------------------------- one record -- */

/* Insert now, if the id is free. */
static enum gb_err
insert(struct gb_tables *t, int table, const struct gb_value *row, bool *exists,
       struct gb_fail *fail)
{
    enum gb_err e = write_row(t, table, GB_ADD, row, fail);
    if (!e)
        *exists = sqlite3_changes(t->db) == 0;
    return e;
}

enum gb_err
gb_tables_insert(struct gb_tables *t, const struct gb_rec *r, bool *exists,
                 struct gb_fail *fail)
{
    struct gb_value values[ROW_VALUES_MAX];
    struct gb_later *l = &t->fresh;
    int table = table_of(t, r);
    bool new = false;
    enum gb_err e = gb_row_write(t, r, values, fail);
    if (!e && t->defers)
        e = is_new(t, table, r->id, &new, fail);
    *exists = false;
    if (!e && new) {
        t->last[table].id = r->id;
        e = put_later(t, l, r, values, &new, fail);
    }
    if (!e && (!new || l->n == FRESH_MAX))
        e = write_fresh(t, fail);
    return e || new ? e : insert(t, table, values, exists, fail);
}

enum gb_err
gb_tables_update(struct gb_tables *t, const struct gb_rec *r,
                 struct gb_fail *fail)
{
    struct gb_value values[ROW_VALUES_MAX];
    bool kept = false;
    enum gb_err e = gb_row_write(t, r, values, fail);
    if (!e && t->defers)
        e = put_later(t, &t->changed, r, values, &kept, fail);
    if (!e && !kept)
        e = gb_tables_settle(t, fail);
    return e || kept ? e
                     : write_row(t, table_of(t, r), GB_UPDATE, values, fail);
}

enum gb_err
gb_tables_put(struct gb_tables *t, const struct gb_rec *r, struct gb_fail *fail)
{
    bool exists;
    enum gb_err e = gb_tables_insert(t, r, &exists, fail);
    return !e && exists ? gb_tables_update(t, r, fail) : e;
}

enum gb_err
gb_tables_delete(struct gb_tables *t, int table, int64_t id,
                 struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = gb_tables_settle(t, fail);
    if (!e)
        e = gb_tables_stmt(t, table, GB_DELETE, &s, fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, id);
    return gb_db_run(s, fail);
}
