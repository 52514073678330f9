/* schema_load_read.c - what the statements made, as SQLite understood it. */
#include "schema_load.h"

#include <string.h>

#include "db.h"

/* A name that needs no quotes, in the only spelling it has. */
static bool
good_name(struct gb_span name)
{
    if (!name.len || name.len > GB_NAME_MAX || name.ptr[0] < 'a' ||
        name.ptr[0] > 'z')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] < 'a' || name.ptr[i] > 'z') && name.ptr[i] != '_' &&
            (name.ptr[i] < '0' || name.ptr[i] > '9'))
            return false;
    return !gb_span_equal(name, gb_span_text("rowid")) &&
           !gb_span_equal(name, gb_span_text("oid"));
}

enum gb_err
gb_load_name(struct gb_loading *l, struct gb_place at, struct gb_span name,
             char **out)
{
    if (!good_name(name))
        return gb_load_fail(l, at,
                            "the name %.*s is not allowed: names are a-z, 0-9 "
                            "and _, a letter first, at most %d, not rowid",
                            (int)name.len, (const char *)name.ptr, GB_NAME_MAX);
    char *text = gb_arena_alloc(&l->schema->arena, name.len + 1);
    if (!text)
        return gb_load_no_memory(l);
    memcpy(text, name.ptr, name.len);
    *out = text;
    return GB_OK;
}

/* The type that a column was declared with. */
static bool
type_of(struct gb_span declared, enum gb_type *out)
{
    static const struct {
        const char *name;
        enum gb_type type;
    } types[] = {{"INTEGER", GB_INT},
                 {"INT", GB_INT},
                 {"REAL", GB_REAL},
                 {"TEXT", GB_TEXT},
                 {"BLOB", GB_BLOB}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (gb_name_alike(declared, gb_span_text(types[i].name))) {
            *out = types[i].type;
            return true;
        }
    return false;
}

/* One row of table_xinfo: name, type, notnull, dflt_value. */
static enum gb_err
read_column(struct gb_loading *l, int table, sqlite3_stmt *s)
{
    struct gb_table *t = &l->schema->tables[table];
    struct gb_place at = gb_load_column_place(l, table, t->ncolumns);
    if (t->ncolumns == GB_COLUMNS_MAX)
        return gb_load_fail(l, at, "a table has at most %d columns beside id",
                            GB_COLUMNS_MAX);
    struct gb_column *c = &t->columns[t->ncolumns++];
    enum gb_err err = gb_load_name(l, at, gb_db_blob(s, 0), &c->name);
    if (err)
        return err;
    if (!type_of(gb_db_blob(s, 1), &c->type))
        return gb_load_fail(l, at, "%s is INTEGER, REAL, TEXT or BLOB, not %s",
                            c->name, (const char *)sqlite3_column_text(s, 1));
    c->notnull = sqlite3_column_int(s, 2) != 0;
    c->refers = -1;
    c->rule.text = gb_arena_text(&l->schema->arena, "fact");
    if (!c->rule.text)
        return gb_load_no_memory(l);
    struct gb_value dflt = gb_db_value(s, 3);
    if (dflt.type == GB_NULL || gb_name_alike(dflt.as.s, gb_span_text("NULL")))
        return GB_OK;
    c->dflt = gb_arena_alloc(&l->schema->arena, dflt.as.s.len + 1);
    if (!c->dflt)
        return gb_load_no_memory(l);
    memcpy(c->dflt, dflt.as.s.ptr, dflt.as.s.len);
    return GB_OK;
}

/* The columns behind `id`. */
static enum gb_err
read_columns(struct gb_loading *l, int table)
{
    struct gb_table *t = &l->schema->tables[table];
    sqlite3_stmt *s = NULL;
    bool row = true;
    t->columns =
        gb_arena_array(&l->schema->arena, GB_COLUMNS_MAX, sizeof *t->columns);
    if (!t->columns)
        return gb_load_no_memory(l);
    enum gb_err err =
        gb_db_preparef(l->db, &s, l->fail,
                       "SELECT name, type, \"notnull\", dflt_value FROM "
                       "pragma_table_xinfo(%Q) WHERE cid > 0 ORDER BY cid",
                       t->name);
    while (!err && !(err = gb_db_step(s, &row, l->fail)) && row)
        err = read_column(l, table, s);
    sqlite3_finalize(s);
    return err;
}

/* One row of foreign_key_list: from, table, to, seq. */
static enum gb_err
read_reference(struct gb_loading *l, int table, sqlite3_stmt *s)
{
    struct gb_table *t = &l->schema->tables[table];
    const char *to = (const char *)sqlite3_column_text(s, 2);
    int column = gb_table_column(t, gb_db_blob(s, 0));
    struct gb_place at = gb_load_column_place(l, table, column);
    struct gb_span other = gb_db_blob(s, 1);
    int refers = gb_schema_table(l->schema, other);
    struct gb_column *c = column < 0 ? NULL : &t->columns[column];
    if (!c || sqlite3_column_int(s, 3) || (to && strcmp(to, "id")))
        return gb_load_fail(l, at, "REFERENCES leads from one column to (id)");
    if (refers < 0)
        return gb_load_fail(l, at, "%s refers to %.*s, which is no table",
                            c->name, (int)other.len, (const char *)other.ptr);
    if (c->refers >= 0)
        return gb_load_fail(l, at, "%s refers twice", c->name);
    if (c->type != GB_INT)
        return gb_load_fail(l, at, "%s refers to an id, so it is INTEGER",
                            c->name);
    c->refers = refers;
    return GB_OK;
}

/* Where the columns of a table lead. */
static enum gb_err
read_references(struct gb_loading *l, int table)
{
    sqlite3_stmt *s = NULL;
    bool row = true;
    enum gb_err err =
        gb_db_preparef(l->db, &s, l->fail,
                       "SELECT \"from\", \"table\", \"to\", seq FROM "
                       "pragma_foreign_key_list(%Q) ORDER BY id DESC, seq DESC",
                       l->schema->tables[table].name);
    while (!err && !(err = gb_db_step(s, &row, l->fail)) && row)
        err = read_reference(l, table, s);
    sqlite3_finalize(s);
    return err;
}

/* One table of the catalog; of its shape, schema_load_run.c has seen to it
 * that it is STRICT, with a rowid. */
static enum gb_err
read_table(struct gb_loading *l, sqlite3_stmt *s)
{
    int n = l->schema->ntables;
    struct gb_place at = gb_load_table_place(l, n);
    struct gb_table *t = &l->schema->tables[n];
    gb_assert((size_t)n < l->tables.len / sizeof(struct gb_made));
    enum gb_err err = gb_load_name(l, at, gb_db_blob(s, 0), &t->name);
    if (err)
        return err;
    t->write = t->voids = 1;
    l->schema->ntables++;
    return read_columns(l, n);
}

enum gb_err
gb_load_tables(struct gb_loading *l)
{
    sqlite3_stmt *s = NULL;
    bool row = true;
    size_t n = l->tables.len / sizeof(struct gb_made);
    l->schema->tables =
        gb_arena_array(&l->schema->arena, n, sizeof *l->schema->tables);
    if (!l->schema->tables)
        return gb_load_no_memory(l);
    enum gb_err err = gb_db_preparef(
        l->db, &s, l->fail,
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid "
        "LIMIT -1 OFFSET %d",
        GB_ENGINE_COUNT + 1); /* and site */
    while (!err && !(err = gb_db_step(s, &row, l->fail)) && row)
        err = read_table(l, s);
    sqlite3_finalize(s);
    for (int t = 0; !err && t < l->schema->ntables; t++)
        err = read_references(l, t);
    return err;
}

/* ------------------------------------------------- engine tables -- */

enum gb_err
gb_load_rows(struct gb_loading *l, enum gb_engine_table which,
             const char *order, gb_row_visit *visit)
{
    const struct gb_engine_def *def = &gb_engine_tables[which];
    const struct gb_place *places = (const void *)l->rows[which].ptr;
    sqlite3_stmt *s = NULL;
    bool row = true;
    enum gb_err err = gb_db_preparef(l->db, &s, l->fail,
                                     "SELECT rowid, %s FROM %s ORDER BY %s",
                                     def->columns, def->name, order);
    while (!err && !(err = gb_db_step(s, &row, l->fail)) && row) {
        int64_t number = sqlite3_column_int64(s, 0);
        gb_assert((size_t)number <= l->rows[which].len / sizeof *places);
        struct gb_row r = {.place = places[number - 1]};
        for (int i = 0; i < def->ncolumns; i++)
            r.cell[i] = gb_db_value(s, i + 1);
        err = visit(l, &r);
    }
    sqlite3_finalize(s);
    return err;
}

enum gb_err
gb_load_unique(struct gb_loading *l, enum gb_engine_table which)
{
    const struct gb_engine_def *def = &gb_engine_tables[which];
    const struct gb_place *places = (const void *)l->rows[which].ptr;
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gb_err err = gb_db_preparef(
        l->db, &s, l->fail,
        "SELECT r FROM (SELECT rowid AS r, row_number() OVER (PARTITION BY %s "
        "ORDER BY rowid) AS n FROM %s) WHERE n = 2 ORDER BY r LIMIT 1",
        def->key, def->name);
    if (!err)
        err = gb_db_step(s, &row, l->fail);
    if (!err && row)
        err = gb_load_fail(l, places[sqlite3_column_int64(s, 0) - 1],
                           "a second row of %s with the same %s", def->name,
                           def->key);
    sqlite3_finalize(s);
    return err;
}

/* The literal of a value, as it will stand in the tables made from this. */
static enum gb_err
quoted(struct gb_loading *l, const struct gb_value *v, char **out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gb_err err = gb_db_prepare(l->db, "SELECT quote(?1)", &s, l->fail);
    if (!err) {
        gb_db_bind(s, 1, v);
        err = gb_db_step(s, &row, l->fail);
    }
    if (!err) {
        struct gb_span text = gb_db_blob(s, 0);
        *out = gb_arena_alloc(&l->schema->arena, text.len + 1);
        if (*out)
            memcpy(*out, text.ptr, text.len);
        else
            err = gb_load_no_memory(l);
    }
    sqlite3_finalize(s);
    return err;
}

enum gb_err
gb_load_default(struct gb_loading *l, struct gb_place at,
                struct gb_column *column, struct gb_value *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    *out = GB_VALUE_NULL;
    char *select = sqlite3_mprintf("SELECT %s", column->dflt);
    if (!select)
        return gb_load_no_memory(l);
    enum gb_err err =
        gb_load_prepare(l, GB_SQL_LITERAL, at, gb_span_text(select), &s);
    if (err == GB_E_SCHEMA)
        err = gb_load_fail(l, at, "the default %s is not a literal",
                           column->dflt);
    if (!err)
        err = gb_db_step(s, &row, l->fail);
    if (!err && row)
        *out = gb_db_value(s, 0);
    if (!err && (out->type == GB_TEXT || out->type == GB_BLOB)) {
        out->as.s = gb_arena_copy(&l->schema->arena, out->as.s);
        err = out->as.s.ptr ? GB_OK : gb_load_no_memory(l);
    }
    if (!err)
        err = quoted(l, out, &column->dflt);
    sqlite3_finalize(s);
    sqlite3_free(select);
    return err;
}
