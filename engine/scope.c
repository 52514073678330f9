/* scope.c - a scope as SQL over a state; see scope.h */
#include "scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum what { NOW, AT, NWHAT };

struct gb_scope {
    struct gb_state *st;
    const struct gb_schema *schema;
    struct gb_device device;
    sqlite3_stmt *(*stmt)[NWHAT]; /* [table][what], prepared when first used */
};

enum gb_err
gb_scope_open(struct gb_state *st, const struct gb_device *d,
              struct gb_scope **out, struct gb_fail *fail)
{
    struct gb_scope *s = calloc(1, sizeof *s);
    *out = NULL;
    if (s) {
        s->st = st;
        s->schema = gb_state_schema(st);
        s->device = *d;
        s->stmt = calloc((size_t)s->schema->ntables + 1, sizeof *s->stmt);
    }
    if (!s || !s->stmt) {
        free(s);
        return gb_fail_memory(fail);
    }
    *out = s;
    return GB_OK;
}

void
gb_scope_close(struct gb_scope *s)
{
    if (!s)
        return;
    for (int t = 0; t < s->schema->ntables; t++)
        for (int w = 0; w < NWHAT; w++)
            sqlite3_finalize(s->stmt[t][w]);
    free(s->stmt);
    free(s);
}

/* ----------------------------------------------------------------- SQL -- */

static const char *const type_names[] = {"", "INTEGER", "REAL", "TEXT", "BLOB"};

/* A column as it showed at :gb_size: before its first change behind that, or
 * as it shows.  The cast gives it the affinity that the column has. */
static void
write_column(struct gb_buf *sql, const struct gb_table *t, int table, int c)
{
    const char *name = t->columns[c].name;
    if (!(t->watched >> c & 1)) {
        gb_buf_printf(sql, ", t.\"%s\"", name);
        return;
    }
    gb_buf_printf(sql,
                  ", CAST(CASE WHEN EXISTS(SELECT 1 FROM main._was w WHERE "
                  "w.tbl = %d AND w.col = %d AND w.id = t.id AND w.pos > "
                  ":gb_size) THEN (SELECT w.value FROM main._was w WHERE "
                  "w.tbl = %d AND w.col = %d AND w.id = t.id AND w.pos > "
                  ":gb_size ORDER BY w.pos LIMIT 1) ELSE t.\"%s\" END AS %s) "
                  "AS \"%s\"",
                  table, c, table, c, name, type_names[t->columns[c].type],
                  name);
}

/* "WITH t AS (t at :gb_size), ..." for each table that the scope reads: the
 * condition then means those.  Not materialized, or each would be copied. */
static void
write_past(struct gb_buf *sql, const struct gb_scope *s, int table)
{
    const struct gb_table *of = &s->schema->tables[table];
    bool own = false;
    for (int i = 0; i <= of->nreads; i++) {
        struct gb_scope_read r = {.table = table};
        if (i < of->nreads)
            r = of->reads[i];
        else if (own)
            break;
        const struct gb_table *t = &s->schema->tables[r.table];
        own |= r.table == table;
        gb_buf_printf(sql, "%s \"%s\" AS NOT MATERIALIZED (SELECT t.id",
                      i ? "," : "WITH", t->name);
        for (int c = 0; c < t->ncolumns; c++)
            if (r.columns >> c & 1)
                write_column(sql, t, r.table, c);
        gb_buf_printf(sql,
                      " FROM main.\"%s\" t WHERE t._pos < (:gb_size + 1) << 4)",
                      t->name);
    }
    gb_buf_text(sql, " ");
}

static void
bind_text(sqlite3_stmt *s, int i, struct gb_span text)
{
    struct gb_value v = gb_value_text(text);
    gb_db_bind(s, i, &v);
}

/* Prepare the text and bind what is the same for every record. */
static enum gb_err
prepare(const struct gb_scope *s, struct gb_buf *sql, sqlite3_stmt **out,
        struct gb_fail *fail)
{
    gb_buf_u8(sql, 0);
    enum gb_err e = gb_buf_check(sql, "a scope", fail);
    if (!e)
        e = gb_db_prepare(gb_state_db(s->st), (const char *)sql->ptr, out,
                          fail);
    gb_buf_release(sql);
    if (e)
        return e;
    for (int i = 1; i <= sqlite3_bind_parameter_count(*out); i++) {
        const char *name = sqlite3_bind_parameter_name(*out, i) + 1;
        const char *line = s->device.attributes;
        size_t n = strlen(name);
        if (!strcmp(name, "device"))
            sqlite3_bind_int(*out, i, s->device.number);
        for (const char *end; (end = strchr(line, '\n')); line = end + 1)
            if ((size_t)(end - line) > n && line[n] == '=' &&
                !strncmp(line, name, n))
                bind_text(*out, i,
                          GB_SPAN(line + n + 1, (size_t)(end - line) - n - 1));
    }
    return GB_OK;
}

static void
bind(sqlite3_stmt *s, const char *name, int64_t v)
{
    sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, name), v);
}

/* The statement that asks for one record: its id and whether it is in. */
static enum gb_err
one(struct gb_scope *s, int table, enum what what, sqlite3_stmt **out,
    struct gb_fail *fail)
{
    const struct gb_table *t = &s->schema->tables[table];
    sqlite3_stmt **kept = &s->stmt[table][what];
    enum gb_err e = GB_OK;
    if (!*kept) {
        struct gb_buf sql;
        gb_buf_init(&sql, 4 * GB_SCHEMA_MAX);
        if (what == AT)
            write_past(&sql, s, table);
        gb_buf_printf(&sql, "SELECT (%s) IS TRUE FROM \"%s\" WHERE id = :gb_id",
                      t->scope, t->name);
        e = prepare(s, &sql, kept, fail);
    }
    *out = *kept;
    return e;
}

/* ----------------------------------------------------------- questions -- */

enum gb_err
gb_scope_now(struct gb_scope *s, int table, int64_t id, bool *in,
             struct gb_fail *fail)
{
    sqlite3_stmt *q;
    bool row;
    *in = false;
    if (!s->schema->tables[table].scope)
        return gb_tables_exists(gb_state_tables(s->st), table, id, in, fail);
    enum gb_err e = one(s, table, NOW, &q, fail);
    if (e)
        return e;
    bind(q, ":gb_id", id);
    e = gb_db_step(q, &row, fail);
    *in = !e && row && sqlite3_column_int(q, 0);
    sqlite3_reset(q);
    return e;
}

enum gb_err
gb_scope_at(struct gb_scope *s, int table, int64_t id, uint64_t size,
            enum gb_scope_was *was, struct gb_fail *fail)
{
    sqlite3_stmt *q;
    bool row;
    *was = GB_WAS_NOT_THERE;
    gb_assert(s->schema->tables[table].scope);
    enum gb_err e = one(s, table, AT, &q, fail);
    if (e)
        return e;
    bind(q, ":gb_id", id);
    bind(q, ":gb_size", (int64_t)size);
    e = gb_db_step(q, &row, fail);
    if (!e && row)
        *was = sqlite3_column_int(q, 0) ? GB_WAS_IN : GB_WAS_OUT;
    sqlite3_reset(q);
    return e;
}

/* Ids of the rows of a statement. */
static enum gb_err
visit_ids(sqlite3_stmt *q, int table, gb_scope_visit *visit, void *context,
          struct gb_fail *fail)
{
    bool row;
    enum gb_err e = GB_OK;
    while (!e && !(e = gb_db_step(q, &row, fail)) && row)
        e = visit(context, table, sqlite3_column_int64(q, 0), fail);
    sqlite3_finalize(q);
    return e;
}

enum gb_err
gb_scope_each(struct gb_scope *s, int table, gb_scope_visit *visit,
              void *context, struct gb_fail *fail)
{
    const struct gb_table *t = &s->schema->tables[table];
    sqlite3_stmt *q = NULL;
    struct gb_buf sql;
    gb_buf_init(&sql, 4 * GB_SCHEMA_MAX);
    gb_buf_printf(&sql, "SELECT id FROM \"%s\" WHERE (%s) ORDER BY id", t->name,
                  t->scope ? t->scope : "1");
    enum gb_err e = prepare(s, &sql, &q, fail);
    return e ? e : visit_ids(q, table, visit, context, fail);
}

enum gb_err
gb_scope_differ(struct gb_scope *s, int table, uint64_t size,
                gb_scope_visit *visit, void *context, struct gb_fail *fail)
{
    const struct gb_table *t = &s->schema->tables[table];
    sqlite3_stmt *q = NULL;
    struct gb_buf sql;
    gb_assert(t->scope);
    gb_buf_init(&sql, 4 * GB_SCHEMA_MAX);
    gb_buf_printf(&sql,
                  "SELECT n.id FROM (SELECT id, (%s) IS TRUE AS yes FROM "
                  "\"%s\") n JOIN (",
                  t->scope, t->name);
    write_past(&sql, s, table);
    gb_buf_printf(
        &sql,
        "SELECT id, (%s) IS TRUE AS yes FROM \"%s\") p ON p.id = n.id "
        "WHERE p.yes <> n.yes ORDER BY n.id",
        t->scope, t->name);
    enum gb_err e = prepare(s, &sql, &q, fail);
    if (e)
        return e;
    bind(q, ":gb_size", (int64_t)size);
    return visit_ids(q, table, visit, context, fail);
}

/* ------------------------------------------------------------- changes -- */

/* Whether one of these columns changed behind a size. */
static enum gb_err
changed(struct gb_scope *s, int table, uint64_t columns, uint64_t size,
        bool *out, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    int64_t pos;
    columns &= s->schema->tables[table].watched;
    for (int c = 0; columns >> c && !e && !*out; c++) {
        bool found = false;
        if (!(columns >> c & 1))
            continue;
        char sql[160];
        snprintf(sql, sizeof sql,
                 "SELECT pos FROM _was WHERE tbl = %d AND col = %d AND pos > "
                 "%lld LIMIT 1",
                 table, c, (long long)size);
        e = gb_db_int(gb_state_db(s->st), sql, &pos, &found, fail);
        *out = found;
    }
    return e;
}

enum gb_err
gb_scope_moved(struct gb_scope *s, int table, uint64_t size,
               struct gb_scope_moved *out, struct gb_fail *fail)
{
    const struct gb_table *t = &s->schema->tables[table];
    enum gb_err e = GB_OK;
    *out = (struct gb_scope_moved){0};
    for (int i = 0; i < t->nreads && !e; i++) {
        bool own = t->reads[i].table == table;
        e = changed(s, t->reads[i].table, t->reads[i].columns, size,
                    own ? &out->own : &out->others, fail);
    }
    out->others |= out->own && t->scope_self;
    return e;
}

enum gb_err
gb_scope_steady(struct gb_scope *s, uint64_t size, bool *steady,
                struct gb_fail *fail)
{
    int64_t then = 0;
    bool found;
    char sql[96];
    *steady = s->device.moved <= size;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM _schema WHERE pos <= %lld",
             (long long)size);
    enum gb_err e = gb_db_int(gb_state_db(s->st), sql, &then, &found, fail);
    if (e || !*steady || then == s->schema->version)
        return e;
    const struct gb_schema *old = gb_state_schema_of(s->st, (uint32_t)then);
    for (int t = 0; t < old->ntables && *steady; t++) {
        const char *was = old->tables[t].scope,
                   *is = s->schema->tables[t].scope;
        *steady = was && is ? !strcmp(was, is) : was == is;
    }
    return GB_OK;
}

/* -------------------------------------------------------------- digest -- */

static enum gb_err
in_scope(void *context, int table, int64_t id, bool *in, struct gb_fail *fail)
{
    return gb_scope_now(context, table, id, in, fail);
}

enum gb_err
gb_state_digest_of(struct gb_state *st, int device, uint8_t out[32],
                   struct gb_fail *fail)
{
    struct gb_device d;
    struct gb_scope *s = NULL;
    bool found;
    enum gb_err e = gb_state_device(st, device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN,
                        "there is no device %d: `gengbu-hub devices` lists "
                        "them",
                        device);
    if (!e)
        e = gb_scope_open(st, &d, &s, fail);
    if (!e)
        e = gb_tables_digest(gb_state_tables(st), gb_state_schema(st),
                             gb_state_lineage(st), in_scope, s, out, fail);
    gb_scope_close(s);
    return e;
}
