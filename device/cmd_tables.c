/* cmd_tables.c - gengbu list and show without the last word: the tables and
 * views that there are, and what may be recorded in a table */
#include <string.h>

#include "engine/term.h"
#include "fields.h"
#include "present.h"
#include "verbs.h"

struct asking {
    const struct gb_args *args;
    struct gb_folder f;
    const struct gb_schema *schema;
    const char *lang;
    int table; /* -1: all of them */
    struct gb_buf out;
};

/* -------------------------------------------------------------- tables -- */

/* Tables first, then views, whose labels are words of the site. */
static const char *
name_of(const struct gb_schema *s, int i)
{
    return i < s->ntables ? s->tables[i].name : s->views[i - s->ntables].name;
}

static const char *
label_of(const struct asking *a, int i)
{
    struct gb_value name = gb_value_text(gb_span_text(name_of(a->schema, i)));
    bool view = i >= a->schema->ntables;
    return gb_schema_label(a->schema, view ? -1 : i, -1, view ? &name : NULL,
                           a->lang);
}

static enum gb_err
print_tables(struct asking *a, struct gb_fail *fail)
{
    static const struct gb_grid_column titles[] = {
        {"name", false}, {"label", false}, {"kind", false}};
    const struct gb_schema *s = a->schema;
    struct gb_grid g;
    gb_grid_init(&g, titles, 3);
    for (int i = 0; i < s->ntables + s->nviews; i++) {
        gb_grid_text(&g, name_of(s, i));
        gb_grid_text(&g, label_of(a, i));
        gb_grid_text(&g, i < s->ntables ? "table" : "view");
    }
    enum gb_err e = gb_grid_print(&g, &a->out, fail);
    gb_grid_release(&g);
    return e;
}

static void
write_tables(struct asking *a, struct gb_json_writer *w)
{
    const struct gb_schema *s = a->schema;
    for (int i = 0; i < s->ntables + s->nviews; i++) {
        gb_json_begin_object(w);
        gb_json_pair_text(w, "name", name_of(s, i));
        gb_json_pair_text(w, "label", label_of(a, i));
        gb_json_pair_bool(w, "view", i >= s->ntables);
        gb_json_end_object(w);
    }
}

/* ------------------------------------------------------------- columns -- */

/* A new record cannot do without it. */
static bool
needed(const struct gb_column *c)
{
    return c->notnull && !c->dflt && c->rule.kind != GB_RULE_STATE;
}

static void
type_cell(const struct asking *a, const struct gb_column *c, struct gb_grid *g)
{
    static const char *const types[] = {"", "integer", "number", "text",
                                        "hex digits"};
    if (c->refers >= 0)
        gb_grid_printf(g, "id of %s", a->schema->tables[c->refers].name);
    else
        gb_grid_text(g, c->type == GB_INT && gb_term_time_name(c->name)
                            ? "time"
                            : types[c->type]);
}

static int
values_count(const struct gb_column *c)
{
    return c->nenums ? c->nenums : c->rule.nvalues;
}

static struct gb_value
value_at(const struct gb_column *c, int i)
{
    return c->nenums ? c->enums[i] : gb_value_text(c->rule.values[i]);
}

/* "water 水浸, fire 火情" */
static void
values_cell(const struct asking *a, int column, struct gb_grid *g)
{
    const struct gb_column *c = &a->schema->tables[a->table].columns[column];
    struct gb_buf text;
    gb_buf_init(&text, GB_TEXT_MAX);
    for (int i = 0; i < values_count(c); i++) {
        struct gb_value v = value_at(c, i);
        const char *label =
            gb_schema_label(a->schema, a->table, column, &v, a->lang);
        gb_buf_text(&text, i ? ", " : "");
        gb_value_print(&text, &v);
        gb_buf_text(&text, label ? " " : "");
        gb_buf_text(&text, label ? label : "");
    }
    gb_grid_cell(g, gb_buf_view(&text));
    gb_buf_release(&text);
}

static enum gb_err
print_columns(struct asking *a, struct gb_fail *fail)
{
    static const struct gb_grid_column titles[] = {{"field", false},
                                                   {"label", false},
                                                   {"type", false},
                                                   {"needed", false},
                                                   {"values", false}};
    const struct gb_table *t = &a->schema->tables[a->table];
    struct gb_grid g;
    gb_grid_init(&g, titles, 5);
    for (int c = 0; c < t->ncolumns; c++) {
        gb_grid_text(&g, t->columns[c].name);
        gb_grid_text(&g,
                     gb_schema_label(a->schema, a->table, c, NULL, a->lang));
        type_cell(a, &t->columns[c], &g);
        gb_grid_text(&g, needed(&t->columns[c]) ? "yes" : "");
        values_cell(a, c, &g);
    }
    enum gb_err e = gb_grid_print(&g, &a->out, fail);
    gb_grid_release(&g);
    return e;
}

static void
write_columns(struct asking *a, struct gb_json_writer *w)
{
    static const char *const types[] = {"", "integer", "real", "text", "blob"};
    const struct gb_table *t = &a->schema->tables[a->table];
    for (int i = 0; i < t->ncolumns; i++) {
        const struct gb_column *c = &t->columns[i];
        gb_json_begin_object(w);
        gb_json_pair_text(w, "field", c->name);
        gb_json_pair_text(
            w, "label", gb_schema_label(a->schema, a->table, i, NULL, a->lang));
        gb_json_pair_text(w, "type", types[c->type]);
        gb_json_pair_text(w, "refers",
                          c->refers >= 0 ? a->schema->tables[c->refers].name
                                         : NULL);
        gb_json_pair_bool(w, "needed", needed(c));
        gb_json_key(w, "values");
        gb_json_begin_array(w);
        for (int v = 0; v < values_count(c); v++) {
            struct gb_value value = value_at(c, v);
            gb_json_put_value(w, &value);
        }
        gb_json_end_array(w);
        gb_json_end_object(w);
    }
}

/* ---------------------------------------------------------------- verb -- */

static enum gb_err
answer(struct asking *a, struct gb_fail *fail)
{
    if (!gb_args_flag(a->args, "json"))
        return a->table < 0 ? print_tables(a, fail) : print_columns(a, fail);
    struct gb_json_writer w = gb_json_writer(&a->out, true);
    gb_json_begin_array(&w);
    if (a->table < 0)
        write_tables(a, &w);
    else
        write_columns(a, &w);
    gb_json_end_array(&w);
    gb_buf_text(&a->out, "\n");
    return GB_OK;
}

int
gb_verb_tables(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct asking a = {.args = args, .table = -1};
    gb_buf_init(&a.out, GB_VERB_OUT_MAX);
    enum gb_err e = gb_verb_open(args, &a.f, "gengbu", GB_FOLDER_LOOK, &fail);
    if (!e)
        e = gb_fields_schema(a.f.journal, &a.schema, &fail);
    if (!e)
        e = gb_verb_lang(args, a.schema, &a.lang, &fail);
    if (!e && gb_args_word(args, 1))
        e = gb_verb_table(args, 1, &a.f, &a.table, &fail);
    if (!e)
        e = answer(&a, &fail);
    if (!e)
        e = gb_verb_flush(&a.out, &fail);
    gb_buf_release(&a.out);
    gb_folder_close(&a.f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
