/* schema_load_where.c - SQL of the schema that is kept: conditions, views. */
#include "schema_load.h"

#include <string.h>

#include "db.h"

/* What a view may grow to when the views and common tables that it names are
 * put in their places: SQLite copies each, and 30 that double one another
 * would take all memory. */
#define COPIES_MAX 10000
#define COMMON_MAX 32 /* common tables of one view */
#define DEPTH_MAX 100

/* ----------------------------------------------------- conditions -- */

/* Whether what stands behind LIKE, GLOB or ESCAPE is a literal or a parameter,
 * and no more: out of a record it might be longer than SQLite takes, which is
 * an error. */
static bool
short_follows(struct gb_lexer x)
{
    struct gb_token t = gb_lex_next(&x);
    bool parameter = gb_token_sign(&t, ':');
    if (parameter)
        t = gb_lex_next(&x);
    struct gb_token next = gb_lex_next(&x);
    return t.kind == (parameter ? GB_TOKEN_WORD : GB_TOKEN_STRING) &&
           !gb_token_sign(&next, '|');
}

/* Whether a word takes a pattern that may come from a record. */
static bool
loose_pattern(const struct gb_token *t, const struct gb_lexer *x)
{
    static const char *const words[] = {"LIKE", "GLOB", "ESCAPE"};
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found |= (t->kind == GB_TOKEN_WORD || t->kind == GB_TOKEN_QUOTED) &&
                 gb_name_alike(gb_token_name(t), gb_span_text(words[i]));
    return found && !short_follows(*x);
}

/* A condition is put between parentheses later, so it closes what it opens
 * and hides nothing behind a comment. */
static enum gb_err
balanced(struct gb_loading *l, struct gb_place at, struct gb_span condition)
{
    struct gb_lexer x = gb_lex_start(condition, at.line);
    int depth = 0;
    for (;;) {
        struct gb_token t = gb_lex_next(&x);
        if (t.kind == GB_TOKEN_END)
            break;
        depth += gb_token_sign(&t, '(') - gb_token_sign(&t, ')');
        if (depth < 0 || gb_token_sign(&t, ';') || gb_token_word(&t, "WITH"))
            return gb_load_fail(l, at, "%.*s is not allowed in a condition",
                                (int)t.text.len, (const char *)t.text.ptr);
        if (loose_pattern(&t, &x))
            return gb_load_fail(l, at,
                                "%.*s takes a literal in a condition: a "
                                "pattern out of a record may be too long",
                                (int)t.text.len, (const char *)t.text.ptr);
    }
    if (x.comment)
        return gb_load_fail(l, at, "a condition has no comment");
    return GB_OK;
}

/* Only :names stand for what is known later. */
static enum gb_err
parameters(struct gb_loading *l, struct gb_place at, sqlite3_stmt *s,
           bool rival)
{
    int n = sqlite3_bind_parameter_count(s);
    if (rival && n)
        return gb_load_fail(l, at, "a rival has no parameters");
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(s, i);
        if (!name || *name != ':')
            return gb_load_fail(l, at, "a parameter is a :name");
    }
    return GB_OK;
}

enum gb_err
gb_load_where(struct gb_loading *l, struct gb_place at, int table,
              struct gb_span condition, bool rival)
{
    sqlite3_stmt *s = NULL;
    enum gb_err err = balanced(l, at, condition);
    if (err)
        return err;
    char *sql = sqlite3_mprintf(
        "SELECT 1 FROM \"%w\" WHERE (%.*s)", l->schema->tables[table].name,
        (int)condition.len, (const char *)condition.ptr);
    if (!sql)
        return gb_load_no_memory(l);
    l->table = table;
    err = gb_load_prepare(l, rival ? GB_SQL_RIVAL : GB_SQL_SCOPE, at,
                          gb_span_text(sql), &s);
    if (!err)
        err = parameters(l, at, s, rival);
    sqlite3_finalize(s);
    if (!err && !rival)
        err = gb_load_scope_reads(l, at, table, condition);
    sqlite3_free(sql);
    return err;
}

/* ---------------------------------------------------------- views -- */

/* The common tables of one view: names, and how often each is named. */
struct commons {
    struct gb_span name[COMMON_MAX];
    int named[COMMON_MAX];
    int n;
};

/* Find "name [(columns)] AS [[NOT] MATERIALIZED] (": the name is the last one
 * at its depth before the AS. */
static bool
find_commons(struct gb_span sql, struct commons *c)
{
    struct gb_lexer x = gb_lex_start(sql, 0);
    struct gb_span last[DEPTH_MAX] = {{0}};
    int depth = 0;
    bool as = false;
    for (;;) {
        struct gb_token t = gb_lex_next(&x);
        if (t.kind == GB_TOKEN_END)
            return true;
        if (as && gb_token_sign(&t, '(')) {
            if (c->n == COMMON_MAX)
                return false;
            c->name[c->n++] = last[depth];
        }
        as = gb_token_word(&t, "AS") ||
             (as &&
              (gb_token_word(&t, "NOT") || gb_token_word(&t, "MATERIALIZED")));
        if (!as && (t.kind == GB_TOKEN_WORD || t.kind == GB_TOKEN_QUOTED))
            last[depth] = gb_token_name(&t);
        depth += gb_token_sign(&t, '(') - gb_token_sign(&t, ')');
        if (depth < 0 || depth == DEPTH_MAX)
            return false;
    }
}

/* Count a name; returns how large the view of this name is, or 0. */
static double
count_name(const struct gb_loading *l, struct gb_span name, struct commons *c,
           const double *sizes)
{
    for (int i = 0; i < c->n; i++)
        c->named[i] += gb_name_alike(name, c->name[i]);
    for (int i = 0; i < l->schema->nviews - 1; i++) /* those before it */
        if (gb_name_alike(name, gb_span_text(l->schema->views[i].name)))
            return sizes[i];
    return 0;
}

/* An upper bound for the SELECTs that a view becomes.  A name before a dot
 * only says whose column is meant. */
static double
size_of_view(const struct gb_loading *l, struct gb_span sql,
             const double *sizes)
{
    struct commons c = {0};
    double size = 1;
    if (!find_commons(sql, &c))
        return COPIES_MAX + 1;
    struct gb_lexer x = gb_lex_start(sql, 0);
    struct gb_token t = gb_lex_next(&x);
    while (t.kind != GB_TOKEN_END) {
        struct gb_token next = gb_lex_next(&x);
        if ((t.kind == GB_TOKEN_WORD || t.kind == GB_TOKEN_QUOTED) &&
            !gb_token_sign(&next, '.'))
            size += count_name(l, gb_token_name(&t), &c, sizes);
        t = next;
    }
    for (int i = 0; i < c.n; i++)
        if (c.named[i] > 2) /* once where it is made, once where it is used */
            size *= c.named[i] - 1;
    return size;
}

/* Name and text of a view, kept. */
static enum gb_err
keep_view(struct gb_loading *l, const struct gb_pending *p)
{
    struct gb_view *v = &l->schema->views[l->schema->nviews];
    struct gb_lexer x = gb_lex_start(p->sql, p->place.line);
    struct gb_token t = {0};
    for (int i = 0; i < 3; i++) /* CREATE VIEW name */
        t = gb_lex_next(&x);
    enum gb_err err = gb_load_name(l, p->place, gb_token_name(&t), &v->name);
    t = gb_lex_next(&x);
    if (!err && !gb_token_word(&t, "AS") && !gb_token_sign(&t, '('))
        err = gb_load_fail(l, p->place, "a view starts CREATE VIEW name AS");
    if (err)
        return err;
    v->sql = gb_arena_alloc(&l->schema->arena, p->sql.len + 1);
    if (!v->sql)
        return gb_load_no_memory(l);
    memcpy(v->sql, p->sql.ptr, p->sql.len);
    l->schema->nviews++;
    return GB_OK;
}

/* Make the view that was kept last, and compile what reads it. */
static enum gb_err
check_view(struct gb_loading *l, const struct gb_pending *p, double *sizes)
{
    int n = l->schema->nviews - 1;
    const char *name = l->schema->views[n].name;
    sqlite3_stmt *s = NULL;
    enum gb_err err =
        gb_load_prepare(l, GB_SQL_CREATE_VIEW, p->place, p->sql, &s);
    if (!err && sqlite3_step(s) != SQLITE_DONE)
        err = gb_load_sql_mistake(l, p->place, p->sql);
    sqlite3_finalize(s);
    if (err)
        return err;
    sizes[n] = size_of_view(l, p->sql, sizes);
    if (sizes[n] > COPIES_MAX)
        return gb_load_fail(l, p->place,
                            "the view %s is too large with the "
                            "views and common tables that it names",
                            name);
    char *read = sqlite3_mprintf("SELECT * FROM \"%w\"", name);
    if (!read)
        return gb_load_no_memory(l);
    err = gb_load_prepare(l, GB_SQL_VIEW, p->place, gb_span_text(read), &s);
    sqlite3_finalize(err ? NULL : s);
    sqlite3_free(read);
    return err;
}

/* Give the tables the engine's own columns that views may read.  They are made
 * anew: ALTER TABLE reads the whole catalog again for each column. */
static enum gb_err
add_engine_columns(struct gb_loading *l)
{
    struct gb_buf sql;
    gb_buf_init(&sql, 64u * GB_SCHEMA_MAX);
    for (int i = 0; i < l->schema->ntables; i++) {
        const struct gb_table *t = &l->schema->tables[i];
        gb_buf_printf(&sql,
                      "DROP TABLE \"%s\";CREATE TABLE \"%s\"(id INTEGER "
                      "PRIMARY KEY",
                      t->name, t->name);
        for (int c = 0; c < t->ncolumns; c++)
            gb_buf_printf(&sql, ",\"%s\"", t->columns[c].name);
        gb_buf_text(&sql, ",_e INTEGER,_actor INTEGER,_void TEXT);");
    }
    gb_buf_u8(&sql, 0);
    enum gb_err err = gb_buf_check(&sql, "the schema's tables", l->fail);
    if (!err)
        err = gb_db_exec(l->db, (const char *)sql.ptr, l->fail);
    gb_buf_release(&sql);
    return err;
}

enum gb_err
gb_load_views(struct gb_loading *l)
{
    const struct gb_pending *pending = (const void *)l->views.ptr;
    size_t n = l->views.len / sizeof *pending;
    struct gb_arena *arena = &l->schema->arena;
    l->schema->views = gb_arena_array(arena, n, sizeof *l->schema->views);
    double *sizes = gb_arena_array(arena, n, sizeof *sizes);
    if (!l->schema->views || !sizes)
        return gb_load_no_memory(l);
    enum gb_err err = n ? add_engine_columns(l) : GB_OK;
    for (size_t i = 0; !err && i < n; i++) {
        err = keep_view(l, &pending[i]);
        if (!err)
            err = check_view(l, &pending[i], sizes);
    }
    return err;
}
