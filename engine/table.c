/* table.c - rows and records; see table.h */
#include "table_private.h"

#include <stdlib.h>

#include "id.h"

#define STEPS 8 /* to the next id asked for, before it is looked up anew */

enum gb_err
gb_tables_open(sqlite3 *db, const struct gb_schema *s, struct gb_tables **out,
               struct gb_fail *fail)
{
    *out = NULL;
    struct gb_tables *t = calloc(1, sizeof *t);
    if (!t)
        return gb_fail_memory(fail);
    t->db = db;
    t->schema = s;
    gb_buf_init(&t->code, GB_RECORD_MAX);
    t->stmt = calloc((size_t)s->ntables + 1, sizeof *t->stmt);
    t->last = calloc((size_t)s->ntables + 1, sizeof *t->last);
    if (!t->stmt || !t->last) {
        gb_tables_close(t);
        return gb_fail_memory(fail);
    }
    *out = t;
    return GB_OK;
}

void
gb_tables_close(struct gb_tables *t)
{
    if (!t)
        return;
    for (int i = 0; t->stmt && i < t->schema->ntables; i++)
        for (int w = 0; w < GB_NWHAT; w++)
            sqlite3_finalize(t->stmt[i][w]);
    gb_buf_release(&t->code);
    gb_later_release(&t->fresh);
    gb_later_release(&t->changed);
    free(t->stmt);
    free(t->last);
    free(t);
}

/* ", " and the names of a table's columns, after the engine's own. */
static void
name_columns(struct gb_buf *sql, const struct gb_table *t)
{
    gb_buf_text(sql, "id, _e, _pos, _actor, _ref, _void, _code");
    for (int c = 0; c < t->ncolumns; c++)
        gb_buf_printf(sql, ", \"%s\"", t->columns[c].name);
}

/* Parameters are a row's values in their order, ?1 the id; of a group row by
 * row.  Columns are named as the table has them (table_ddl.c): in any other
 * order SQLite copies each row of a group once more. */
static void
write_insert(struct gb_buf *sql, const struct gb_table *t, int rows)
{
    int n = ROW_OWN + t->ncolumns;
    gb_buf_printf(sql, "INSERT %sINTO \"%s\"(id", rows == 1 ? "OR IGNORE " : "",
                  t->name);
    for (int c = 0; c < t->ncolumns; c++)
        gb_buf_printf(sql, ", \"%s\"", t->columns[c].name);
    gb_buf_text(sql, ", _e, _pos, _actor, _ref, _void, _code) VALUES");
    for (int first = 1; first <= rows * n; first += n) {
        gb_buf_printf(sql, "%s(?%d", first > 1 ? ", " : "", first + ROW_ID);
        for (int i = ROW_OWN; i < n; i++)
            gb_buf_printf(sql, ",?%d", first + i);
        for (int i = ROW_ID + 1; i < ROW_OWN; i++)
            gb_buf_printf(sql, ",?%d", first + i);
        gb_buf_text(sql, ")");
    }
}

static void
write_update(struct gb_buf *sql, const struct gb_table *t)
{
    gb_buf_printf(sql,
                  "UPDATE \"%s\" SET _e = ?2, _pos = ?3, _actor = ?4, "
                  "_void = ?6, _code = ?7",
                  t->name);
    for (int c = 0; c < t->ncolumns; c++)
        gb_buf_printf(sql, ", \"%s\" = ?%d", t->columns[c].name,
                      ROW_OWN + c + 1);
    gb_buf_text(sql, " WHERE id = ?1");
}

static const char *const conditions[GB_NWHAT] = {
    [GB_LOAD] = "id = ?1",
    [GB_WALK] = "id > ?1 ORDER BY id",
    [GB_SEEK] = "id >= ?1 ORDER BY id",
    [GB_EXISTS] = "id = ?1",
    [GB_LAST] = "id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
    [GB_DELETE] = "id = ?1",
    [GB_REF] = "_ref = ?1 AND id BETWEEN ?2 AND ?3 LIMIT 2",
};

static void
write_sql(struct gb_buf *sql, const struct gb_table *t, enum gb_what what)
{
    switch (what) {
    case GB_ADD:
    case GB_ADD_GROUP:
        write_insert(sql, t, what == GB_ADD ? 1 : ROW_GROUP);
        return;
    case GB_UPDATE:
        write_update(sql, t);
        return;
    case GB_DELETE:
        gb_buf_text(sql, "DELETE");
        break;
    case GB_LOAD:
    case GB_WALK:
    case GB_SEEK:
        gb_buf_text(sql, "SELECT ");
        name_columns(sql, t);
        break;
    default:
        gb_buf_text(sql, "SELECT id");
    }
    gb_buf_printf(sql, " FROM \"%s\" WHERE %s", t->name, conditions[what]);
}

enum gb_err
gb_tables_stmt(struct gb_tables *t, int table, enum gb_what what,
               sqlite3_stmt **out, struct gb_fail *fail)
{
    sqlite3_stmt **s = &t->stmt[table][what];
    enum gb_err e = GB_OK;
    if (!*s) {
        struct gb_buf sql;
        gb_buf_init(&sql, 65536);
        write_sql(&sql, &t->schema->tables[table], what);
        gb_buf_u8(&sql, 0);
        e = gb_buf_check(&sql, "a statement", fail);
        if (!e)
            e = gb_db_prepare(t->db, (const char *)sql.ptr, s, fail);
        gb_buf_release(&sql);
    }
    *out = *s;
    return e;
}

/* The record of the current row of LOAD, WALK or SEEK. */
static enum gb_err
read_row(struct gb_tables *t, int table, sqlite3_stmt *s,
         struct gb_arena *arena, struct gb_rec *r, struct gb_fail *fail)
{
    struct gb_value row[ROW_VALUES_MAX];
    const struct gb_table *d = &t->schema->tables[table];
    for (int i = 0; i < ROW_OWN + d->ncolumns; i++)
        row[i] = gb_db_value(s, i);
    return gb_row_read(d, row, arena, r, fail);
}

/* The row of a record that is not written yet. */
static const struct gb_value *
later(const struct gb_tables *t, int table, int64_t id)
{
    const struct gb_value *row = gb_later_find(&t->changed, table, id);
    return row ? row : gb_later_find(&t->fresh, table, id);
}

enum gb_err
gb_tables_load(struct gb_tables *t, int table, int64_t id,
               struct gb_arena *arena, struct gb_rec *out, bool *found,
               struct gb_fail *fail)
{
    sqlite3_stmt *s;
    const struct gb_value *row = later(t, table, id);
    *found = row != NULL;
    if (row)
        return gb_row_read(&t->schema->tables[table], row, arena, out, fail);
    enum gb_err e = gb_tables_stmt(t, table, GB_LOAD, &s, fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, id);
    e = gb_db_step(s, found, fail);
    if (!e && *found)
        e = read_row(t, table, s, arena, out, fail);
    sqlite3_reset(s);
    return e;
}

/* Go to the first row from this id on; *row false when there is none. */
static enum gb_err
look_up(struct gb_tables *t, int table, int64_t id, bool *row,
        struct gb_fail *fail)
{
    gb_tables_seek_end(t);
    enum gb_err e = gb_tables_settle(t, fail);
    if (!e)
        e = gb_tables_stmt(t, table, GB_SEEK, &t->at, fail);
    if (e)
        return e;
    t->at_table = table;
    sqlite3_bind_int64(t->at, 1, id);
    return gb_db_step(t->at, row, fail);
}

enum gb_err
gb_tables_seek(struct gb_tables *t, int table, int64_t id,
               struct gb_arena *arena, struct gb_rec *out, bool *found,
               struct gb_fail *fail)
{
    bool row = t->at && t->at_table == table;
    int64_t here = row ? sqlite3_column_int64(t->at, 0) : INT64_MAX;
    enum gb_err e = GB_OK;
    for (int i = 0; row && here < id && i < STEPS && !e; i++) {
        e = gb_db_step(t->at, &row, fail);
        here = !e && row ? sqlite3_column_int64(t->at, 0) : INT64_MAX;
    }
    if (!e && (!row || here != id))
        e = look_up(t, table, id, &row, fail);
    *found = !e && row && sqlite3_column_int64(t->at, 0) == id;
    if (!e && *found)
        e = read_row(t, table, t->at, arena, out, fail);
    if (e || !row)
        gb_tables_seek_end(t);
    return e;
}

void
gb_tables_seek_end(struct gb_tables *t)
{
    sqlite3_reset(t->at);
    t->at = NULL;
}

enum gb_err
gb_tables_exists(struct gb_tables *t, int table, int64_t id, bool *found,
                 struct gb_fail *fail)
{
    sqlite3_stmt *s;
    *found = later(t, table, id) != NULL;
    if (*found)
        return GB_OK;
    enum gb_err e = gb_tables_stmt(t, table, GB_EXISTS, &s, fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, id);
    e = gb_db_step(s, found, fail);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_tables_walk(struct gb_tables *t, int table, int64_t after, gb_visit *visit,
               void *context, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    struct gb_arena arena;
    struct gb_rec r;
    bool row = true;
    enum gb_err e = gb_tables_settle(t, fail);
    if (!e)
        e = gb_tables_stmt(t, table, GB_WALK, &s, fail);
    if (e)
        return e;
    gb_arena_init(&arena, GB_ARENA_MAX);
    sqlite3_bind_int64(s, 1, after);
    while (!(e = gb_db_step(s, &row, fail)) && row) {
        gb_arena_reset(&arena);
        e = read_row(t, table, s, &arena, &r, fail);
        if (!e)
            e = visit(context, &r, fail);
        if (e)
            break;
    }
    sqlite3_reset(s);
    gb_arena_release(&arena);
    return e;
}

enum gb_err
gb_tables_ref(struct gb_tables *t, int table, int device, struct gb_span ref,
              int64_t *id, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row, more = false;
    struct gb_value v = gb_value_text(ref);
    *id = 0;
    enum gb_err e = gb_tables_settle(t, fail);
    if (!e)
        e = gb_tables_stmt(t, table, GB_REF, &s, fail);
    if (e)
        return e;
    gb_db_bind(s, 1, &v);
    sqlite3_bind_int64(s, 2, gb_id_make(device, 0));
    sqlite3_bind_int64(s, 3, gb_id_make(device, GB_COUNTER_MAX));
    e = gb_db_step(s, &row, fail);
    if (!e && row) {
        *id = sqlite3_column_int64(s, 0);
        e = gb_db_step(s, &more, fail);
    }
    sqlite3_reset(s);
    if (!e && more)
        e = gb_fail_set(fail, GB_E_VALUE,
                        "%s: several records are called %.*s; name one by "
                        "its id",
                        t->schema->tables[table].name, (int)ref.len,
                        (const char *)ref.ptr);
    return e;
}
