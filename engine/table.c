/* table.c - rows and records; see table.h */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "id.h"

#define STEPS 8 /* to the next id asked for, before it is looked up anew */

enum what { LOAD, WALK, SEEK, EXISTS, INSERT, UPDATE, DELETE, REF, NWHAT };

struct gb_tables {
    sqlite3 *db;
    const struct gb_schema *schema;
    sqlite3_stmt *(*stmt)[NWHAT]; /* [table][what], prepared when first used */
    struct gb_buf code;           /* scratch for _code */
    sqlite3_stmt *at;             /* where gb_tables_seek() stands, or NULL */
    int at_table;
};

enum gb_err
gb_tables_open(sqlite3 *db, const struct gb_schema *s, struct gb_tables **out,
               struct gb_fail *fail)
{
    *out = NULL;
    struct gb_tables *t = calloc(1, sizeof *t);
    if (t)
        t->stmt = calloc((size_t)s->ntables + 1, sizeof *t->stmt);
    if (!t || !t->stmt) {
        free(t);
        return gb_fail_memory(fail);
    }
    t->db = db;
    t->schema = s;
    gb_buf_init(&t->code, GB_RECORD_MAX);
    *out = t;
    return GB_OK;
}

void
gb_tables_close(struct gb_tables *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->schema->ntables; i++)
        for (int w = 0; w < NWHAT; w++)
            sqlite3_finalize(t->stmt[i][w]);
    gb_buf_release(&t->code);
    free(t->stmt);
    free(t);
}

/* For each column of the schema ", " and its name, its parameter, or both:
 * the first seven parameters are the engine's own columns. */
static void
each_column(struct gb_buf *sql, const struct gb_table *t, bool names,
            bool values)
{
    for (int c = 0; c < t->ncolumns; c++) {
        gb_buf_text(sql, ", ");
        if (names)
            gb_buf_printf(sql, "\"%s\"", t->columns[c].name);
        if (names && values)
            gb_buf_text(sql, " = ");
        if (values)
            gb_buf_printf(sql, "?%d", c + 8);
    }
}

/* The text of a statement; parameters: 1 id, 2.. as bind_row() has them. */
static void
write_sql(struct gb_buf *sql, const struct gb_table *t, enum what what)
{
    const char *n = t->name;
    switch (what) {
    case LOAD:
    case WALK:
    case SEEK:
        gb_buf_text(sql, "SELECT id, _e, _pos, _actor, _ref, _void, _code");
        each_column(sql, t, true, false);
        gb_buf_printf(sql, " FROM \"%s\" WHERE id %s", n,
                      what == LOAD   ? "= ?1"
                      : what == WALK ? "> ?1 ORDER BY id"
                                     : ">= ?1 ORDER BY id");
        break;
    case EXISTS:
        gb_buf_printf(sql, "SELECT 1 FROM \"%s\" WHERE id = ?1", n);
        break;
    case INSERT:
        gb_buf_printf(sql,
                      "INSERT OR IGNORE INTO \"%s\"(id, _e, _pos, "
                      "_actor, _ref, _void, _code",
                      n);
        each_column(sql, t, true, false);
        gb_buf_text(sql, ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7");
        each_column(sql, t, false, true);
        gb_buf_text(sql, ")");
        break;
    case UPDATE:
        gb_buf_printf(sql,
                      "UPDATE \"%s\" SET _e = ?2, _pos = ?3, "
                      "_actor = ?4, _void = ?6, _code = ?7",
                      n);
        each_column(sql, t, true, true);
        gb_buf_text(sql, " WHERE id = ?1");
        break;
    case DELETE:
        gb_buf_printf(sql, "DELETE FROM \"%s\" WHERE id = ?1", n);
        break;
    default:
        gb_buf_printf(sql,
                      "SELECT id FROM \"%s\" WHERE _ref = ?1 AND "
                      "id BETWEEN ?2 AND ?3 LIMIT 2",
                      n);
    }
}

/* The statement, prepared when it is first asked for. */
static enum gb_err
get(struct gb_tables *t, int table, enum what what, sqlite3_stmt **out,
    struct gb_fail *fail)
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

/* A copy in the arena of what the row holds. */
static struct gb_value
keep(struct gb_arena *arena, struct gb_value v, bool *memory)
{
    *memory &= gb_value_keep(&v, arena);
    return v;
}

/* The record of the current row of LOAD, WALK or SEEK. */
static enum gb_err
read_row(struct gb_tables *t, int table, sqlite3_stmt *s,
         struct gb_arena *arena, struct gb_rec *r, struct gb_fail *fail)
{
    const struct gb_table *d = &t->schema->tables[table];
    int64_t pos = sqlite3_column_int64(s, 2);
    bool memory = true;
    *r = (struct gb_rec){
        .table = d,
        .id = sqlite3_column_int64(s, 0),
        .stamp = sqlite3_column_int64(s, 1),
        .pos = pos >> 4 ? pos >> 4 : GB_POS_PENDING,
        .level = (int)(pos & 15),
        .actor = sqlite3_column_int64(s, 3),
        .arena = arena,
    };
    r->ref = keep(arena, gb_value_text(gb_db_blob(s, 4)), &memory).as.s;
    size_t n = (size_t)d->ncolumns;
    r->cells = gb_arena_array(arena, n, sizeof *r->cells);
    struct gb_sib *sib = gb_arena_array(arena, n, sizeof *sib);
    struct gb_span code = gb_db_blob(s, 6);
    code = keep(arena, gb_value_blob(code), &memory).as.s;
    for (size_t c = 0; c < n && r->cells && sib; c++) {
        struct gb_value v = keep(arena, gb_db_value(s, (int)c + 7), &memory);
        sib[c] = (struct gb_sib){.stamp = r->stamp,
                                 .device = gb_id_device(r->id),
                                 .pos = r->pos,
                                 .level = r->level,
                                 .value = v};
        r->cells[c] = (struct gb_cell){v.type != GB_NULL, &sib[c]};
    }
    if (!memory || !r->cells || !sib)
        return gb_fail_set(fail, GB_E_MEMORY, "a record of %s: %s", d->name,
                           gb_err_sentence(GB_E_MEMORY));
    return gb_rec_code_read(r, code, fail);
}

enum gb_err
gb_tables_load(struct gb_tables *t, int table, int64_t id,
               struct gb_arena *arena, struct gb_rec *out, bool *found,
               struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = get(t, table, LOAD, &s, fail);
    *found = false;
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
    enum gb_err e = get(t, table, SEEK, &t->at, fail);
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
    enum gb_err e = get(t, table, EXISTS, &s, fail);
    *found = false;
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, id);
    e = gb_db_step(s, found, fail);
    sqlite3_reset(s);
    return e;
}

/* Bind a whole record: what read_row() reads back. */
static enum gb_err
bind_row(struct gb_tables *t, sqlite3_stmt *s, const struct gb_rec *r,
         struct gb_fail *fail)
{
    const struct gb_table *d = r->table;
    gb_buf_clear(&t->code);
    gb_rec_code_write(r, &t->code);
    enum gb_err e = gb_buf_check(&t->code, "a record's state", fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, r->id);
    sqlite3_bind_int64(s, 2, r->stamp);
    int64_t pos = r->pos == GB_POS_PENDING ? 0 : r->pos;
    sqlite3_bind_int64(s, 3, pos << 4 | r->level);
    sqlite3_bind_int64(s, 4, r->actor);
    struct gb_value ref = r->ref.len ? gb_value_text(r->ref) : GB_VALUE_NULL;
    struct gb_value voids =
        r->nvoids ? gb_value_text(r->voids->reason) : GB_VALUE_NULL;
    gb_db_bind(s, 5, &ref);
    gb_db_bind(s, 6, &voids);
    if (t->code.len)
        gb_db_bind_blob(s, 7, gb_buf_view(&t->code));
    else
        sqlite3_bind_null(s, 7);
    for (int c = 0; c < d->ncolumns; c++) {
        struct gb_value v = gb_cell_value(&d->columns[c], &r->cells[c]);
        gb_db_bind(s, c + 8, &v);
    }
    return GB_OK;
}

/* The number of a record's table. */
static int
table_of(const struct gb_tables *t, const struct gb_rec *r)
{
    return (int)(r->table - t->schema->tables);
}

enum gb_err
gb_tables_insert(struct gb_tables *t, const struct gb_rec *r, bool *exists,
                 struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = get(t, table_of(t, r), INSERT, &s, fail);
    if (!e)
        e = bind_row(t, s, r, fail);
    if (!e)
        e = gb_db_run(s, fail);
    if (!e)
        *exists = sqlite3_changes(t->db) == 0;
    return e;
}

enum gb_err
gb_tables_update(struct gb_tables *t, const struct gb_rec *r,
                 struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = get(t, table_of(t, r), UPDATE, &s, fail);
    if (!e)
        e = bind_row(t, s, r, fail);
    return e ? e : gb_db_run(s, fail);
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
    enum gb_err e = get(t, table, DELETE, &s, fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, id);
    return gb_db_run(s, fail);
}

enum gb_err
gb_tables_walk(struct gb_tables *t, int table, int64_t after, gb_visit *visit,
               void *context, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    struct gb_arena arena;
    struct gb_rec r;
    bool row = true;
    enum gb_err e = get(t, table, WALK, &s, fail);
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
    enum gb_err e = get(t, table, REF, &s, fail);
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
