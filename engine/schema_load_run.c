/*
 * schema_load_run.c - the statements of a schema, one by one.
 *
 * Each is compiled under the authorizer, then its tokens are compared with the
 * one shape that a schema may use: what SQLite does not report back (a CHECK,
 * ON CONFLICT) is found there, and so is the line of every column and row.
 * Only then is it run.
 */
#include "schema_load.h"

#include "db.h"

/* Remember a line in a vector of places. */
static enum gb_err
keep_place(struct gb_loading *l, struct gb_buf *places, struct gb_place at)
{
    gb_buf_add(places, &at, sizeof at);
    return places->failed ? gb_load_no_memory(l) : GB_OK;
}

/* A mistake at a token of the file that `at` names. */
static enum gb_err
unexpected(struct gb_loading *l, struct gb_place at, const struct gb_token *t,
           const char *what)
{
    at.line = t->line;
    if (t->kind == GB_TOKEN_END)
        return gb_load_fail(l, at, "%s is expected", what);
    return gb_load_fail(l, at, "%s is expected instead of %.*s", what,
                        (int)t->text.len, (const char *)t->text.ptr);
}

/* Words that no table of a schema may use, and why. */
static const struct {
    const char *word, *why;
} forbidden[] = {
    {"UNIQUE", "merging cannot keep it: declare a rival"},
    {"CHECK", "merging cannot keep it: declare an enum or a view"},
    {"COLLATE", "records are compared byte by byte"},
    {"AUTOINCREMENT", "ids come from the device"},
    {"ON", "the engine alone decides what happens"},
    {"AS", "no column is computed: declare a view"},
};

/* A word that no table may use. */
static enum gb_err
allowed_word(struct gb_loading *l, struct gb_place at, const struct gb_token *t)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (gb_token_word(t, forbidden[i].word))
            return gb_load_fail(l, at, "%s is not allowed: %s",
                                forbidden[i].word, forbidden[i].why);
    return GB_OK;
}

/* The columns from behind `id` to the closing parenthesis, where x stops. */
static enum gb_err
table_columns(struct gb_loading *l, struct gb_place at, struct gb_lexer *x,
              struct gb_token t)
{
    bool first = false; /* t starts a column or a constraint */
    for (int depth = 1;; t = gb_lex_next(x)) {
        struct gb_place here = {at.file, t.line};
        bool constraint = gb_token_word(&t, "CONSTRAINT") ||
                          gb_token_word(&t, "PRIMARY") ||
                          gb_token_word(&t, "FOREIGN");
        if (t.kind == GB_TOKEN_END)
            return unexpected(l, at, &t, "')'");
        enum gb_err err = allowed_word(l, here, &t);
        if (!err && first && !constraint)
            err = keep_place(l, &l->columns, here);
        if (err)
            return err;
        first = depth == 1 && gb_token_sign(&t, ',');
        depth += gb_token_sign(&t, '(') - gb_token_sign(&t, ')');
        if (!depth)
            return GB_OK;
    }
}

/* CREATE TABLE name ( id INTEGER PRIMARY KEY ... ) */
static enum gb_err
table_shape(struct gb_loading *l, struct gb_place at, struct gb_span sql)
{
    static const char *const head[] = {"id", "INTEGER", "PRIMARY", "KEY"};
    struct gb_made made = {at, l->columns.len / sizeof(struct gb_place)};
    if (l->tables.len / sizeof made == GB_TABLES_MAX)
        return gb_load_fail(l, at, "a schema has at most %d tables",
                            GB_TABLES_MAX);
    gb_buf_add(&l->tables, &made, sizeof made);
    if (l->tables.failed)
        return gb_load_no_memory(l);
    struct gb_lexer x = gb_lex_start(sql, at.line);
    struct gb_token t = {0};
    for (int i = 0; i < 4; i++) /* CREATE TABLE name ( */
        t = gb_lex_next(&x);
    if (!gb_token_sign(&t, '('))
        return unexpected(l, at, &t, "CREATE TABLE name (");
    for (int i = 0; i < 4; i++) {
        t = gb_lex_next(&x);
        if (!gb_token_word(&t, head[i]) || (i == 0 && *t.text.ptr != 'i'))
            return unexpected(l, at, &t,
                              "the first column id INTEGER PRIMARY KEY");
    }
    t = gb_lex_next(&x);
    if (!gb_token_sign(&t, ',') && !gb_token_sign(&t, ')'))
        return unexpected(l, at, &t, "nothing behind id INTEGER PRIMARY KEY");
    enum gb_err err = table_columns(l, at, &x, t);
    if (err)
        return err;
    t = gb_lex_next(&x);
    if (!gb_token_word(&t, "STRICT"))
        return unexpected(l, at, &t, "STRICT");
    t = gb_lex_next(&x);
    return t.kind == GB_TOKEN_END ? GB_OK : unexpected(l, at, &t, "the end");
}

/* The list of columns of an INSERT, up to its closing parenthesis.  A row's
 * number is how its line is found again, so it is not the schema's. */
static enum gb_err
insert_columns(struct gb_loading *l, struct gb_place at, struct gb_lexer *x)
{
    static const char *const numbers[] = {"rowid", "oid", "_rowid_"};
    struct gb_token t;
    do {
        t = gb_lex_next(x);
        for (int i = 0; i < 3; i++)
            if (gb_name_alike(gb_token_name(&t), gb_span_text(numbers[i])))
                return unexpected(l, at, &t, "a column of the table");
    } while (t.kind != GB_TOKEN_END && !gb_token_sign(&t, ')'));
    return GB_OK;
}

/* One row behind VALUES, from behind its "(" to behind its ")". */
static enum gb_err
insert_row(struct gb_loading *l, struct gb_place at, struct gb_lexer *x)
{
    for (int depth = 1; depth > 0;) {
        struct gb_token t = gb_lex_next(x);
        if (t.kind == GB_TOKEN_END || gb_token_word(&t, "SELECT") ||
            gb_token_word(&t, "VALUES"))
            return unexpected(l, at, &t, "a literal");
        depth += gb_token_sign(&t, '(') - gb_token_sign(&t, ')');
    }
    return GB_OK;
}

/* INSERT INTO name [(columns)] VALUES (...), (...) */
static enum gb_err
insert_shape(struct gb_loading *l, struct gb_place at, struct gb_span sql,
             int *which)
{
    struct gb_lexer x = gb_lex_start(sql, at.line);
    struct gb_token t = {0};
    for (int i = 0; i < 3; i++) /* INSERT INTO name */
        t = gb_lex_next(&x);
    *which = gb_engine_find(gb_token_name(&t));
    if (*which < 0)
        return unexpected(l, at, &t, "the name of an engine table");
    enum gb_err err = GB_OK;
    t = gb_lex_next(&x);
    if (gb_token_sign(&t, '(')) {
        err = insert_columns(l, at, &x);
        t = gb_lex_next(&x);
    }
    if (!err && !gb_token_word(&t, "VALUES"))
        err = unexpected(l, at, &t, "VALUES");
    while (!err) {
        t = gb_lex_next(&x);
        if (!gb_token_sign(&t, '('))
            return unexpected(l, at, &t, "a row in parentheses");
        err =
            keep_place(l, &l->rows[*which], (struct gb_place){at.file, t.line});
        if (!err)
            err = insert_row(l, at, &x);
        t = gb_lex_next(&x);
        if (t.kind == GB_TOKEN_END)
            break;
        if (!err && !gb_token_sign(&t, ','))
            err = unexpected(l, at, &t, "','");
    }
    return err;
}

/* Run what was compiled. */
static enum gb_err
step_out(struct gb_loading *l, struct gb_place at, struct gb_span sql,
         sqlite3_stmt *s)
{
    int rc;
    do
        rc = sqlite3_step(s);
    while (rc == SQLITE_ROW);
    return rc == SQLITE_DONE ? GB_OK : gb_load_sql_mistake(l, at, sql);
}

/* One statement of a known kind, without its semicolon. */
static enum gb_err
run_known(struct gb_loading *l, enum gb_sql_mode mode, struct gb_place at,
          struct gb_span sql)
{
    sqlite3_stmt *s = NULL;
    int which = -1;
    enum gb_err err = gb_load_prepare(l, mode, at, sql, &s);
    /* What the authorizer did not like in a table has a better name here. */
    if (err && *l->denied && mode == GB_SQL_CREATE_TABLE) {
        enum gb_err better = table_shape(l, at, sql);
        return better ? better : gb_load_sql_mistake(l, at, sql);
    }
    if (err)
        return err;
    if (mode == GB_SQL_CREATE_TABLE) {
        err = table_shape(l, at, sql);
    } else if (mode == GB_SQL_INSERT) {
        err = insert_shape(l, at, sql, &which);
    } else {
        gb_buf_add(&l->views, &(struct gb_pending){at, sql},
                   sizeof(struct gb_pending));
        err = l->views.failed ? gb_load_no_memory(l) : GB_OK;
    }
    if (!err && sqlite3_bind_parameter_count(s))
        err = gb_load_fail(l, at, "a parameter has no value here");
    if (!err && mode != GB_SQL_CREATE_VIEW)
        err = step_out(l, at, sql, s);
    /* Rows are found again by their number. */
    if (!err && which >= 0 &&
        (size_t)sqlite3_last_insert_rowid(l->db) * sizeof(struct gb_place) !=
            l->rows[which].len)
        err = gb_load_fail(l, at, "write the rows as VALUES (...), (...)");
    sqlite3_finalize(s);
    return err;
}

/* One statement, without its semicolon, by its first two words. */
static enum gb_err
run_one(struct gb_loading *l, struct gb_place at, struct gb_span sql)
{
    static const struct {
        const char *first, *second;
        enum gb_sql_mode mode;
    } known[] = {
        {"CREATE", "TABLE", GB_SQL_CREATE_TABLE},
        {"CREATE", "VIEW", GB_SQL_CREATE_VIEW},
        {"INSERT", "INTO", GB_SQL_INSERT},
    };
    struct gb_lexer x = gb_lex_start(sql, at.line);
    struct gb_token first = gb_lex_next(&x), second = gb_lex_next(&x);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gb_token_word(&first, known[i].first) &&
            gb_token_word(&second, known[i].second))
            return run_known(l, known[i].mode, at, sql);
    return gb_load_fail(l, at,
                        "%.*s %.*s is not allowed: a schema has only CREATE "
                        "TABLE ... STRICT, CREATE VIEW and INSERT INTO",
                        (int)first.text.len, (const char *)first.text.ptr,
                        (int)second.text.len, (const char *)second.text.ptr);
}

enum gb_err
gb_load_run(struct gb_loading *l, size_t n)
{
    struct gb_lexer x = gb_lex_start(l->files[n].text, 1);
    for (;;) {
        struct gb_token t = gb_lex_next(&x);
        if (t.kind == GB_TOKEN_END)
            return GB_OK;
        if (gb_token_sign(&t, ';'))
            continue;
        struct gb_place at = {(int)n, t.line};
        const uint8_t *start = t.text.ptr, *end = t.text.ptr;
        while (t.kind != GB_TOKEN_END && !gb_token_sign(&t, ';')) {
            end = t.text.ptr + t.text.len;
            t = gb_lex_next(&x);
        }
        enum gb_err err = run_one(l, at, GB_SPAN(start, (size_t)(end - start)));
        if (err)
            return err;
    }
}
