/* schema_check_table.c - rows of record, label and actor; see schema_check.c */
#include "schema_load.h"

#include <string.h>

/* --------------------------------------------------------- record -- */

/* One column of a rival. */
static enum gb_err
rival_column(struct gb_loading *l, const struct gb_row *row, struct gb_table *t,
             struct gb_span name)
{
    struct gb_rival *r = &t->rival;
    int c = gb_table_column(t, name);
    if (c < 0)
        return gb_load_fail(l, row->place,
                            "the rival of %s names '%.*s', which is no column",
                            t->name, (int)name.len, (const char *)name.ptr);
    for (int i = 0; i < r->ncolumns; i++)
        if (r->columns[i] == c)
            return gb_load_fail(l, row->place, "the rival of %s names %s twice",
                                t->name, t->columns[c].name);
    if (t->columns[c].personal)
        return gb_load_fail(l, row->place,
                            "%s.%s is personal: nothing is decided by it",
                            t->name, t->columns[c].name);
    r->columns = gb_load_grown(l, r->columns, r->ncolumns, sizeof *r->columns);
    if (!r->columns)
        return gb_load_no_memory(l);
    r->columns[r->ncolumns++] = c;
    return GB_OK;
}

/* Check and keep SQL over the row. */
static enum gb_err
condition(struct gb_loading *l, const struct gb_row *row,
          const struct gb_target *at, struct gb_span sql, bool rival,
          char **out)
{
    enum gb_err err = gb_load_where(l, row->place, at->table, sql, rival);
    if (err)
        return err;
    *out = gb_arena_alloc(&l->schema->arena, sql.len + 1);
    if (!*out)
        return gb_load_no_memory(l);
    memcpy(*out, sql.ptr, sql.len);
    return GB_OK;
}

/* column *("," column) ["WHERE" condition] */
static enum gb_err
rival(struct gb_loading *l, const struct gb_row *row,
      const struct gb_target *at)
{
    struct gb_span text;
    enum gb_err err = gb_cell_text(l, row, 4, "rival", &text);
    if (err)
        return err;
    struct gb_lexer x = gb_lex_start(text, row->place.line);
    struct gb_token t;
    do {
        t = gb_lex_next(&x);
        err = rival_column(l, row, at->t, t.text);
        t = gb_lex_next(&x);
    } while (!err && gb_token_sign(&t, ','));
    if (err || t.kind == GB_TOKEN_END)
        return err;
    if (!gb_token_word(&t, "WHERE"))
        return gb_load_fail(l, row->place,
                            "a rival is columns, then WHERE and a condition");
    struct gb_span rest = GB_SPAN(x.at, (size_t)(x.end - x.at));
    return condition(l, row, at, rest, true, &at->t->rival.where);
}

enum gb_err
gb_check_record(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    struct gb_span scope;
    enum gb_err err = gb_cell_table(l, row, &at);
    if (!err && row->cell[1].type != GB_NULL)
        err = gb_cell_level(l, row, 1, "write", 1, &at.t->write);
    if (err)
        return err;
    at.t->voids = at.t->write;
    if (row->cell[2].type != GB_NULL)
        err = gb_cell_level(l, row, 2, "void", 1, &at.t->voids);
    if (!err && row->cell[3].type != GB_NULL) {
        err = gb_cell_text(l, row, 3, "scope", &scope);
        if (!err)
            err = condition(l, row, &at, scope, false, &at.t->scope);
    }
    if (!err && row->cell[4].type != GB_NULL)
        err = rival(l, row, &at);
    return err;
}

/* ---------------------------------------------------------- label -- */

/* What is labelled: the site, a table, a column or a value. */
static enum gb_err
label_target(struct gb_loading *l, const struct gb_row *row,
             struct gb_target *at)
{
    struct gb_span text;
    bool tbl = row->cell[0].type != GB_NULL, col = row->cell[1].type != GB_NULL;
    bool value = row->cell[2].type != GB_NULL;
    enum gb_err err = GB_OK;
    *at = (struct gb_target){.table = -1, .column = -1};
    if (col && !tbl)
        return gb_load_fail(l, row->place, "a column without its table");
    if (tbl)
        err = col ? gb_cell_column(l, row, at) : gb_cell_table(l, row, at);
    if (err || !value)
        return err;
    if (col != tbl)
        return gb_load_fail(l, row->place, "a value without its column");
    if (!tbl) /* a word of the site */
        return gb_cell_text(l, row, 2, "value", &text);
    err = gb_load_value(l, row, at);
    if (!err && !gb_column_accepts(at->c, &row->cell[2]))
        err =
            gb_load_fail(l, row->place, "the value is not in the enum of %s.%s",
                         at->t->name, at->c->name);
    return err;
}

enum gb_err
gb_check_label(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_schema *s = l->schema;
    struct gb_target at;
    enum gb_err err = label_target(l, row, &at);
    if (err)
        return err;
    s->labels = gb_load_grown(l, s->labels, s->nlabels, sizeof *s->labels);
    if (!s->labels)
        return gb_load_no_memory(l);
    struct gb_label *label = &s->labels[s->nlabels++];
    *label = (struct gb_label){.table = at.table, .column = at.column};
    err = gb_load_value_copy(l, &row->cell[2], &label->value);
    if (!err)
        err = gb_cell_text_copy(l, row, 3, "lang", &label->lang);
    if (!err)
        err = gb_cell_text_copy(l, row, 4, "text", &label->text);
    if (err)
        return err;
    const char *a_to_z = "abcdefghijklmnopqrstuvwxyz";
    if (strlen(label->lang) != 2 || strspn(label->lang, a_to_z) != 2)
        return gb_load_fail(l, row->place,
                            "lang is two letters, such as zh or en");
    if (!*label->text)
        return gb_load_fail(l, row->place, "text is empty");
    return GB_OK;
}

/* ---------------------------------------------------------- actor -- */

enum gb_err
gb_check_actor(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (err)
        return err;
    if (l->schema->actor_table >= 0)
        return gb_load_fail(l, row->place, "actor has one row");
    if (at.c->type != GB_INT || at.c->personal)
        return gb_load_fail(l, row->place,
                            "%s.%s holds a level: it is INTEGER and not "
                            "personal",
                            at.t->name, at.c->name);
    l->schema->actor_table = at.table;
    l->schema->actor_level = at.column;
    return GB_OK;
}
