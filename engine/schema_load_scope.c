/*
 * schema_load_scope.c - what a scope reads, so that a hub knows when its
 * answer for an old record may change: columns of which tables, and whether a
 * new record there can do it.
 *
 * A new record cannot when the condition reaches other tables only by the id
 * that a REFERENCES column names: what is referred to was there before.
 */
#include "schema_load.h"

#include <stdlib.h>
#include <string.h>

#include "db.h"

#define TOKENS_MAX 2000

struct condition {
    struct gb_loading *l;
    int table;
    struct gb_token t[TOKENS_MAX];
    int n;
};

/* A token, or the end when there is none. */
static struct gb_token
token(const struct condition *c, int i)
{
    return i >= 0 && i < c->n ? c->t[i]
                              : (struct gb_token){GB_TOKEN_END, {0}, 0};
}

static bool
named(const struct gb_token *t, const char *name)
{
    return (t->kind == GB_TOKEN_WORD || t->kind == GB_TOKEN_QUOTED) &&
           gb_name_alike(gb_token_name(t), gb_span_text(name));
}

/* A column of that name that the condition reads, and always a reference. */
static bool
reference(const struct condition *c, const struct gb_token *t)
{
    const struct gb_schema *s = c->l->schema;
    bool found = false;
    if (t->kind != GB_TOKEN_WORD && t->kind != GB_TOKEN_QUOTED)
        return false;
    for (int i = 0; i < s->ntables; i++) {
        int column = gb_table_column(&s->tables[i], gb_token_name(t));
        if (!c->l->read_tables[i] || column < 0)
            continue;
        if (s->tables[i].columns[column].refers < 0)
            return false;
        found = true;
    }
    return found;
}

/* Nothing is computed with what stands beside this token. */
static bool
stands_alone(const struct gb_token *beside)
{
    return beside->kind == GB_TOKEN_END || beside->kind == GB_TOKEN_WORD ||
           gb_token_sign(beside, '(') || gb_token_sign(beside, ')') ||
           gb_token_sign(beside, ',');
}

/* From token i on: [name .] reference; *next is behind it. */
static bool
operand(const struct condition *c, int i, int *next)
{
    struct gb_token dot = token(c, i + 1);
    if (gb_token_sign(&dot, '.'))
        i += 2;
    struct gb_token t = token(c, i);
    *next = i + 1;
    return reference(c, &t);
}

/* "id = ref", "id IN (ref, ref)" or "id >> 40" from the id at i on. */
static bool
id_before(const struct condition *c, int i)
{
    struct gb_token a = token(c, i + 1), b = token(c, i + 2);
    int next;
    if (gb_token_sign(&a, '>') && gb_token_sign(&b, '>'))
        return true;
    if (gb_token_sign(&a, '=') && operand(c, i + 2, &next)) {
        struct gb_token behind = token(c, next);
        return stands_alone(&behind);
    }
    if (!gb_token_word(&a, "IN"))
        return false;
    for (i += 3; operand(c, i, &next); i = next + 1) {
        struct gb_token behind = token(c, next);
        if (gb_token_sign(&behind, ')'))
            return true;
        if (!gb_token_sign(&behind, ','))
            return false;
    }
    return false;
}

/* "ref = id", the id at i. */
static bool
id_behind(const struct condition *c, int i)
{
    struct gb_token behind = token(c, i + 1), dot = token(c, i - 1);
    if (gb_token_sign(&dot, '.'))
        i -= 2;
    struct gb_token equals = token(c, i - 1), ref = token(c, i - 2);
    struct gb_token before = token(c, i - 3);
    if (gb_token_sign(&before, '.'))
        before = token(c, i - 5);
    return stands_alone(&behind) && gb_token_sign(&equals, '=') &&
           reference(c, &ref) && stands_alone(&before);
}

/* Every id that the condition names is compared with a reference. */
static bool
only_references(const struct condition *c)
{
    for (int i = 0; i < c->n; i++)
        if (named(&c->t[i], "id") && !id_before(c, i) && !id_behind(c, i))
            return false;
    return true;
}

/* Every table but the record's own is searched by its id. */
static enum gb_err
only_by_id(struct gb_loading *l, int table, struct gb_span condition, bool *out)
{
    static const char by_id[] = "USING INTEGER PRIMARY KEY (rowid=?)";
    sqlite3_stmt *s = NULL;
    bool row, first = true;
    enum gb_err e =
        gb_db_preparef(l->db, &s, l->fail,
                       "EXPLAIN QUERY PLAN SELECT 1 FROM \"%w\" WHERE "
                       "(%.*s)",
                       l->schema->tables[table].name, (int)condition.len,
                       (const char *)condition.ptr);
    *out = true;
    while (!e && !(e = gb_db_step(s, &row, l->fail)) && row) {
        const char *step = (const char *)sqlite3_column_text(s, 3);
        if (!step || (strncmp(step, "SCAN ", 5) && strncmp(step, "SEARCH ", 7)))
            continue;
        *out &= first || strstr(step, by_id);
        first = false;
    }
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
tokenize(struct condition *c, struct gb_place at, struct gb_span condition)
{
    struct gb_lexer x = gb_lex_start(condition, at.line);
    for (;;) {
        struct gb_token t = gb_lex_next(&x);
        if (t.kind == GB_TOKEN_END)
            return GB_OK;
        if (named(&t, "rowid") || named(&t, "oid") || named(&t, "_rowid_"))
            return gb_load_fail(c->l, at, "a condition says id, not %.*s",
                                (int)t.text.len, (const char *)t.text.ptr);
        if (c->n == TOKENS_MAX)
            return gb_load_fail(c->l, at, "a condition of more than %d words",
                                TOKENS_MAX);
        c->t[c->n++] = t;
    }
}

/* Whether it names its own table otherwise than before a dot. */
static bool
names_itself(const struct condition *c)
{
    const char *name = c->l->schema->tables[c->table].name;
    for (int i = 0; i < c->n; i++) {
        struct gb_token next = token(c, i + 1);
        if (named(&c->t[i], name) && !gb_token_sign(&next, '.'))
            return true;
    }
    return false;
}

/* Columns that never change. */
static uint64_t
facts(const struct gb_table *t)
{
    uint64_t columns = 0;
    for (int c = 0; c < t->ncolumns; c++)
        if (t->columns[c].rule.kind == GB_RULE_FACT)
            columns |= (uint64_t)1 << c;
    return columns;
}

/* The columns and tables that the authorizer saw. */
static enum gb_err
keep_reads(struct gb_loading *l, struct gb_table *t)
{
    struct gb_schema *s = l->schema;
    for (int i = 0; i < s->ntables; i++) {
        if (!l->read_tables[i])
            continue;
        t->reads = gb_load_grown(l, t->reads, t->nreads, sizeof *t->reads);
        if (!t->reads)
            return gb_load_no_memory(l);
        t->reads[t->nreads++] = (struct gb_scope_read){i, l->reads[i]};
        s->tables[i].watched |= l->reads[i] & ~facts(&s->tables[i]);
    }
    return GB_OK;
}

enum gb_err
gb_load_scope_reads(struct gb_loading *l, struct gb_place at, int table,
                    struct gb_span condition)
{
    struct gb_table *t = &l->schema->tables[table];
    struct condition *c = calloc(1, sizeof *c);
    bool by_id;
    if (!c)
        return gb_load_no_memory(l);
    c->l = l;
    c->table = table;
    enum gb_err e = tokenize(c, at, condition);
    if (!e)
        e = only_by_id(l, table, condition, &by_id);
    if (!e) {
        t->scope_self = names_itself(c);
        t->scope_grows = !by_id || !only_references(c);
        e = keep_reads(l, t);
    }
    free(c);
    return e;
}
