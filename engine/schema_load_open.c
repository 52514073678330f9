/*
 * schema_load_open.c - the database in memory that a schema is read in, and
 * the authorizer that lets nothing else happen there.
 */
#include "schema_load.h"

#include <stdio.h>
#include <string.h>

#include "table_site.h"

/* An INSERT of literals needs some ten instructions a row. */
#define INSTRUCTIONS_MAX 20000000
#define PAGES_MAX 4096 /* of the database in memory: 16 MiB */

const struct gb_engine_def gb_engine_tables[GB_ENGINE_COUNT] = {
    [GB_ENGINE_PERSONAL] = {"personal", "tbl, col", 2, "tbl, col"},
    [GB_ENGINE_RULE] = {"rule", "tbl, col, rule", 3, "tbl, col"},
    [GB_ENGINE_ENUM] = {"enum", "tbl, col, value, sort", 4, "tbl, col, value"},
    [GB_ENGINE_AUTHORITY] = {"authority", "tbl, col, value, level", 4,
                             "tbl, col, value"},
    [GB_ENGINE_RECORD] = {"record", "tbl, write, void, scope, rival", 5, "tbl"},
    [GB_ENGINE_LABEL] = {"label", "tbl, col, value, lang, text", 5,
                         "tbl, col, value, lang"},
    [GB_ENGINE_ACTOR] = {"actor", "tbl, level", 2, "tbl"},
};

int
gb_engine_find(struct gb_span name)
{
    for (int i = 0; i < GB_ENGINE_COUNT; i++)
        if (gb_name_alike(name, gb_span_text(gb_engine_tables[i].name)))
            return i;
    return -1;
}

/* Functions of a condition: the same answer everywhere and always, and an
 * answer to whatever a record may hold.  abs() and sum() fail where integers
 * overflow, replace() where a text becomes too long; and a condition that
 * fails on one record is no delta for anybody. */
static const char *const steady[] = {
    "avg",    "coalesce", "count",   "glob",  "hex",    "ifnull",    "iif",
    "instr",  "length",   "like",    "lower", "ltrim",  "max",       "min",
    "nullif", "round",    "rtrim",   "sign",  "substr", "substring", "total",
    "trim",   "typeof",   "unicode", "upper",
};

/* Whether a function may be called in this mode. */
static bool
function_allowed(enum gb_sql_mode mode, const char *name)
{
    struct gb_span n = gb_span_text(name);
    if (mode == GB_SQL_VIEW)
        return !gb_name_alike(n, gb_span_text("load_extension"));
    if (mode != GB_SQL_SCOPE && mode != GB_SQL_RIVAL)
        return false;
    for (size_t i = 0; i < sizeof steady / sizeof *steady; i++)
        if (gb_name_alike(n, gb_span_text(steady[i])))
            return true;
    return false;
}

/* Whether a column of the schema may be read in this mode.  What is not
 * SQLite's own, nor the engine's, is of the schema. */
static bool
read_allowed(struct gb_loading *l, const char *table, const char *column)
{
    struct gb_span name = gb_span_text(table);
    if (l->mode == GB_SQL_VIEW)
        return gb_engine_find(name) < 0 &&
               sqlite3_strnicmp(table, "sqlite_", 7) &&
               sqlite3_strnicmp(table, "pragma_", 7);
    if (l->mode != GB_SQL_SCOPE && l->mode != GB_SQL_RIVAL)
        return false;
    int t = gb_schema_table(l->schema, name);
    if (t < 0 || (l->mode == GB_SQL_RIVAL && t != l->table))
        return false;
    const struct gb_table *of = &l->schema->tables[t];
    int c = gb_table_column(of, gb_span_text(column));
    l->read_tables[t] = true;
    if (c >= 0)
        l->reads[t] |= (uint64_t)1 << c;
    return c < 0 || !of->columns[c].personal;
}

/* SQLite keeps its catalog itself while a table or view is made. */
static bool
catalog_allowed(enum gb_sql_mode mode, int action, const char *table)
{
    return (mode == GB_SQL_CREATE_TABLE || mode == GB_SQL_CREATE_VIEW) &&
           (action == SQLITE_INSERT || action == SQLITE_UPDATE ||
            action == SQLITE_READ) &&
           table &&
           gb_name_alike(gb_span_text(table), gb_span_text("sqlite_master"));
}

/* Whether an action is allowed; a and b are its two operands. */
static bool
allowed(struct gb_loading *l, int action, const char *a, const char *b)
{
    enum gb_sql_mode mode = l->mode;
    if (catalog_allowed(mode, action, a))
        return true;
    switch (action) {
    case SQLITE_CREATE_TABLE:
        return mode == GB_SQL_CREATE_TABLE;
    case SQLITE_CREATE_VIEW:
        return mode == GB_SQL_CREATE_VIEW;
    case SQLITE_INSERT:
        return mode == GB_SQL_INSERT && gb_engine_find(gb_span_text(a)) >= 0;
    case SQLITE_SELECT:
        /* A rival depends on its own row, or an answer could change without
         * the row: so nothing is selected inside the condition. */
        return mode == GB_SQL_RIVAL ? l->selects++ == 0
                                    : mode != GB_SQL_CREATE_TABLE;
    case SQLITE_RECURSIVE:
        return mode == GB_SQL_VIEW;
    case SQLITE_READ:
        return read_allowed(l, a, b);
    case SQLITE_FUNCTION:
        return function_allowed(mode, b);
    default:
        return false;
    }
}

/* Keep what was refused, for the message. */
static void
explain_denial(struct gb_loading *l, int action, const char *a, const char *b)
{
    char *to = l->denied;
    size_t n = sizeof l->denied;
    if (action == SQLITE_INSERT)
        snprintf(to, n,
                 "INSERT fills the engine's own tables only, and %.63s "
                 "is none",
                 a);
    else if (action == SQLITE_READ)
        snprintf(to, n, "%.63s.%.63s may not be read here", a, b);
    else if (action == SQLITE_FUNCTION)
        snprintf(to, n, "the function %.63s is not allowed here", b);
    else if (action == SQLITE_SELECT || action == SQLITE_RECURSIVE)
        snprintf(to, n, "SELECT is not allowed here");
    else
        snprintf(to, n,
                 "a schema has only CREATE TABLE ... STRICT, CREATE VIEW"
                 " and INSERT INTO");
}

/* sqlite3_set_authorizer callback */
static int
authorize(void *context, int action, const char *a, const char *b,
          const char *database, const char *inner)
{
    struct gb_loading *l = context;
    (void)database;
    (void)inner;
    if (l->mode == GB_SQL_OURS || allowed(l, action, a, b))
        return SQLITE_OK;
    if (!*l->denied) /* the first is the cause of the others */
        explain_denial(l, action, a, b);
    return SQLITE_DENY;
}

/* sqlite3_progress_handler callback: the instructions are used up. */
static int
stop(void *context)
{
    (void)context;
    return 1;
}

enum gb_err
gb_load_open(struct gb_loading *l)
{
    enum gb_err err =
        gb_db_open(":memory:", true, GB_DB_NORMAL, &l->db, l->fail);
    if (err)
        return err;
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, 2 * GB_SCHEMA_MAX);
    sqlite3_limit(l->db, SQLITE_LIMIT_ATTACHED, 0);
    err = gb_db_execf(l->db, l->fail, "PRAGMA max_page_count=%d", PAGES_MAX);
    for (int i = 0; !err && i < GB_ENGINE_COUNT; i++)
        err =
            gb_db_execf(l->db, l->fail, "CREATE TABLE %s(%s)",
                        gb_engine_tables[i].name, gb_engine_tables[i].columns);
    if (!err)
        err = gb_db_exec(l->db, GB_TABLE_SITE, l->fail);
    sqlite3_set_authorizer(l->db, authorize, l);
    sqlite3_progress_handler(l->db, INSTRUCTIONS_MAX, stop, NULL);
    return err;
}

/* How much of SQLite's message is shown: it may quote the rest of the file. */
static int
first_words(const char *message)
{
    size_t n = strcspn(message, "\r\n");
    if (n > 160)
        for (n = 160; ((uint8_t)message[n] & 0xc0) == 0x80; n--)
            ; /* back to where a character starts */
    return (int)n;
}

enum gb_err
gb_load_sql_mistake(struct gb_loading *l, struct gb_place at,
                    struct gb_span sql)
{
    int code = sqlite3_errcode(l->db) & 0xff;
    if (code == SQLITE_NOMEM || code == SQLITE_IOERR) /* not of the text */
        return gb_db_error(l->db, l->fail);
    if (*l->denied)
        return gb_load_fail(l, at, "%s", l->denied);
    int offset = sqlite3_error_offset(l->db);
    for (int i = 0; i < offset && (size_t)i < sql.len; i++)
        at.line += sql.ptr[i] == '\n';
    const char *message = sqlite3_errmsg(l->db);
    return gb_load_fail(l, at, "%.*s", first_words(message), message);
}

enum gb_err
gb_load_prepare(struct gb_loading *l, enum gb_sql_mode mode, struct gb_place at,
                struct gb_span sql, sqlite3_stmt **out)
{
    const char *tail = NULL;
    *out = NULL;
    l->mode = mode;
    l->selects = 0;
    memset(l->reads, 0, sizeof l->reads);
    memset(l->read_tables, 0, sizeof l->read_tables);
    *l->denied = 0;
    int rc = sqlite3_prepare_v2(l->db, (const char *)sql.ptr, (int)sql.len, out,
                                &tail);
    l->mode = GB_SQL_OURS;
    /* A condition is wrapped in SQL of ours, whose lines are not the file's. */
    if (rc)
        return gb_load_sql_mistake(l, at,
                                   mode <= GB_SQL_INSERT ? sql : GB_SPAN(0, 0));
    /* Our tokens and SQLite's agree where the statement ends. */
    if (*out && (const uint8_t *)tail == sql.ptr + sql.len)
        return GB_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return gb_load_fail(l, at, "this is not one statement");
}
