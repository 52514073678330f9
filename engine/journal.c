/* journal.c - creating, opening, small values and transactions; journal.h */
#include "journal_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"

static const char *const statements[] = {
#define X(name, sql) sql,
    GB_JOURNAL_SQL(X)
#undef X
};

sqlite3_stmt *
gb_journal_sql(struct gb_journal *j, enum gb_journal_sql which)
{
    sqlite3_stmt *s = j->sql[which];
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return s;
}

/* Step GET for a key; the caller reads column 0 when *row, then resets. */
static enum gb_err
get(struct gb_journal *j, const char *key, sqlite3_stmt **s, bool *row,
    struct gb_fail *fail)
{
    *s = gb_journal_sql(j, GB_JSQL_GET);
    gb_db_bind_text(*s, 1, key);
    return gb_db_step(*s, row, fail);
}

enum gb_err
gb_journal_get(struct gb_journal *j, const char *key, int64_t *out,
               struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = get(j, key, &s, &row, fail);
    *out = !e && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_journal_get_bytes(struct gb_journal *j, const char *key, uint8_t *out,
                     size_t n, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    memset(out, 0, n);
    enum gb_err e = get(j, key, &s, &row, fail);
    if (!e && row && gb_db_blob(s, 0).len == n)
        memcpy(out, gb_db_blob(s, 0).ptr, n);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_journal_get_text(struct gb_journal *j, const char *key, char *out,
                    size_t size, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    *out = 0;
    enum gb_err e = get(j, key, &s, &row, fail);
    if (!e && row) {
        struct gb_span v = gb_db_blob(s, 0);
        snprintf(out, size, "%.*s", (int)v.len,
                 v.len ? (const char *)v.ptr : "");
    }
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_journal_put_value(struct gb_journal *j, const char *key,
                     const struct gb_value *v, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_PUT);
    gb_db_bind_text(s, 1, key);
    gb_db_bind(s, 2, v);
    return gb_db_run(s, fail);
}

enum gb_err
gb_journal_put(struct gb_journal *j, const char *key, int64_t v,
               struct gb_fail *fail)
{
    struct gb_value value = gb_value_int(v);
    return gb_journal_put_value(j, key, &value, fail);
}

enum gb_err
gb_journal_set_url(struct gb_journal *j, const char *url, struct gb_fail *fail)
{
    struct gb_value v = gb_value_text(gb_span_text(url));
    return gb_journal_put_value(j, "url", &v, fail);
}

enum gb_err
gb_journal_mark(struct gb_journal *j, bool uncertain, struct gb_fail *fail)
{
    return gb_journal_put(j, "uncertain", uncertain, fail);
}

enum gb_err
gb_journal_mark_copy(struct gb_journal *j, struct gb_fail *fail)
{
    return gb_journal_put(j, "copy", 1, fail);
}

/* What the ticket says, a row a value. */
static enum gb_err
write_enrolment(sqlite3 *db, const struct gb_enrolment *en,
                struct gb_fail *fail)
{
    const struct gb_site *site = &en->site;
    const struct {
        const char *key;
        struct gb_value v;
    } rows[] = {
        {"site_id", gb_value_blob(GB_SPAN(site->id, 16))},
        {"site_name", gb_value_text(gb_span_text(site->name))},
        {"timezone", gb_value_text(gb_span_text(site->timezone))},
        {"epoch", gb_value_int(site->epoch)},
        {"hub_key", gb_value_blob(GB_SPAN(site->hub_key, 32))},
        {"ledger_key", gb_value_blob(GB_SPAN(site->ledger_key, 32))},
        {"receive_key", gb_value_blob(GB_SPAN(site->receive_key, 32))},
        {"device", gb_value_int(en->device)},
        {"level", gb_value_int(en->level)},
        {"name", gb_value_text(gb_span_text(en->name))},
        {"attributes", gb_value_text(gb_span_text(en->attributes))},
        {"url", gb_value_text(gb_span_text(en->url))},
        {"secret", gb_value_blob(GB_SPAN(en->secret, 32))},
        {"keyset", gb_value_int(en->keyset)},
    };
    sqlite3_stmt *s;
    enum gb_err e = gb_db_prepare(
        db, "INSERT INTO _journal(key, value) VALUES(?,?)", &s, fail);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !e; i++) {
        gb_db_bind_text(s, 1, rows[i].key);
        gb_db_bind(s, 2, &rows[i].v);
        e = gb_db_run(s, fail);
    }
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_journal_create(const char *path, const struct gb_enrolment *en,
                  struct gb_fail *fail)
{
    sqlite3 *db;
    enum gb_err e = gb_db_open(path, true, GB_DB_FULL, &db, fail);
    if (e)
        return e;
    e = gb_db_exec(db, "BEGIN IMMEDIATE", fail);
    if (!e)
        e = gb_db_exec(db, GB_JOURNAL_SCHEMA, fail);
    if (!e)
        e = write_enrolment(db, en, fail);
    if (!e)
        e = gb_db_exec(db, "COMMIT", fail);
    gb_db_close(db);
    return e;
}

static enum gb_err
open_writer(const char *path, sqlite3 **out, struct gb_fail *fail)
{
    return gb_db_open(path, false, GB_BUG(SEQ) ? GB_DB_NORMAL : GB_DB_FULL, out,
                      fail);
}

typedef enum gb_err open_fn(const char *path, sqlite3 **out,
                            struct gb_fail *fail);

static enum gb_err
open_journal(const char *path, open_fn *open_db, gb_now_fn *now, void *context,
             struct gb_journal **out, struct gb_fail *fail)
{
    int64_t id;
    bool found;
    *out = NULL;
    struct gb_journal *j = calloc(1, sizeof *j);
    if (!j)
        return gb_fail_memory(fail);
    j->now = now;
    j->now_context = context;
    gb_arena_init(&j->arena, GB_ARENA_MAX);
    gb_buf_init(&j->scratch, GB_RECORD_MAX);
    enum gb_err e = open_db(path, &j->db, fail);
    if (!e)
        e = gb_db_int(j->db, "PRAGMA application_id", &id, &found, fail);
    if (!e && id != GB_JOURNAL_APPLICATION)
        e = gb_fail_set(fail, GB_E_DATABASE, "%s is not a journal", path);
    for (int i = 0; i < GB_JSQL_COUNT && !e; i++)
        e = gb_db_prepare(j->db, statements[i], &j->sql[i], fail);
    if (!e)
        e = gb_capture_register(j, fail);
    if (!e)
        e = gb_journal_reload(j, fail);
    if (e) {
        gb_journal_close(j);
        return e;
    }
    *out = j;
    return GB_OK;
}

enum gb_err
gb_journal_open(const char *path, gb_now_fn *now, void *context,
                struct gb_journal **out, struct gb_fail *fail)
{
    return open_journal(path, open_writer, now, context, out, fail);
}

enum gb_err
gb_journal_open_reader(const char *path, gb_now_fn *now, void *context,
                       struct gb_journal **out, struct gb_fail *fail)
{
    return open_journal(path, gb_db_open_readonly, now, context, out, fail);
}

enum gb_err
gb_journal_open_copy(const char *path, gb_now_fn *now, void *context,
                     struct gb_journal **out, struct gb_fail *fail)
{
    return open_journal(path, gb_db_open_copy, now, context, out, fail);
}

void
gb_journal_close(struct gb_journal *j)
{
    if (!j)
        return;
    gb_journal_forget_schema(j);
    free(j->lineage.of);
    for (int i = 0; i < GB_JSQL_COUNT; i++)
        sqlite3_finalize(j->sql[i]);
    gb_db_close(j->db);
    gb_arena_release(&j->arena);
    gb_buf_release(&j->scratch);
    free(j);
}

const struct gb_schema *
gb_journal_schema(const struct gb_journal *j)
{
    return j->schema;
}

struct gb_tables *
gb_journal_tables(struct gb_journal *j)
{
    return j->tables;
}

sqlite3 *
gb_journal_db(struct gb_journal *j)
{
    return j->db;
}

enum gb_err
gb_journal_begin(struct gb_journal *j, struct gb_fail *fail)
{
    return gb_db_exec(j->db, "BEGIN IMMEDIATE", fail);
}

enum gb_err
gb_journal_commit(struct gb_journal *j, struct gb_fail *fail)
{
    enum gb_err e = gb_db_exec(j->db, "COMMIT", fail);
    return e ? gb_capture_why(j, e, fail) : e;
}

void
gb_journal_rollback(struct gb_journal *j)
{
    struct gb_fail ignored = {0};
    gb_db_exec(j->db, "ROLLBACK", &ignored);
}
