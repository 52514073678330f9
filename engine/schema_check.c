/*
 * schema_check.c - the rows of the engine's tables: each is checked against
 * the tables that the schema made, and kept.  Here those that speak of
 * columns; the others are in schema_check_table.c.
 */
#include "schema_load.h"

#include <string.h>

/* --------------------------------------------------------- cells -- */

enum gb_err
gb_cell_text(struct gb_loading *l, const struct gb_row *row, int cell,
             const char *what, struct gb_span *out)
{
    const struct gb_value *v = &row->cell[cell];
    if (v->type != GB_TEXT)
        return gb_load_fail(l, row->place, "%s is not text", what);
    if (!gb_utf8_valid(v->as.s) || memchr(v->as.s.ptr, 0, v->as.s.len))
        return gb_load_fail(l, row->place, "%s is not UTF-8 without NULs",
                            what);
    *out = v->as.s;
    return GB_OK;
}

enum gb_err
gb_cell_text_copy(struct gb_loading *l, const struct gb_row *row, int cell,
                  const char *what, char **out)
{
    struct gb_span s;
    enum gb_err err = gb_cell_text(l, row, cell, what, &s);
    if (err)
        return err;
    *out = gb_arena_alloc(&l->schema->arena, s.len + 1);
    if (!*out)
        return gb_load_no_memory(l);
    memcpy(*out, s.ptr, s.len);
    return GB_OK;
}

enum gb_err
gb_load_value_copy(struct gb_loading *l, const struct gb_value *v,
                   struct gb_value *out)
{
    *out = *v;
    if (v->type != GB_TEXT && v->type != GB_BLOB)
        return GB_OK;
    out->as.s = gb_arena_copy(&l->schema->arena, v->as.s);
    return out->as.s.ptr ? GB_OK : gb_load_no_memory(l);
}

enum gb_err
gb_cell_level(struct gb_loading *l, const struct gb_row *row, int cell,
              const char *what, int least, int *out)
{
    const struct gb_value *v = &row->cell[cell];
    if (v->type != GB_INT || v->as.i < least || v->as.i > 9)
        return gb_load_fail(l, row->place, "%s is a level from %d to 9", what,
                            least);
    *out = (int)v->as.i;
    return GB_OK;
}

enum gb_err
gb_cell_table(struct gb_loading *l, const struct gb_row *row,
              struct gb_target *out)
{
    struct gb_span name;
    *out = (struct gb_target){.table = -1, .column = -1};
    enum gb_err err = gb_cell_text(l, row, 0, "tbl", &name);
    if (err)
        return err;
    out->table = gb_schema_table(l->schema, name);
    if (out->table < 0)
        return gb_load_fail(l, row->place, "there is no table '%.*s'",
                            (int)name.len, (const char *)name.ptr);
    out->t = &l->schema->tables[out->table];
    return GB_OK;
}

enum gb_err
gb_cell_column(struct gb_loading *l, const struct gb_row *row,
               struct gb_target *out)
{
    struct gb_span name;
    enum gb_err err = gb_cell_table(l, row, out);
    if (!err)
        err = gb_cell_text(l, row, 1, "col", &name);
    if (err)
        return err;
    out->column = gb_table_column(out->t, name);
    if (out->column < 0)
        return gb_load_fail(l, row->place, "%s has no column '%.*s'",
                            out->t->name, (int)name.len,
                            (const char *)name.ptr);
    out->c = &out->t->columns[out->column];
    return GB_OK;
}

bool
gb_column_accepts(const struct gb_column *c, const struct gb_value *v)
{
    for (int i = 0; i < c->nenums; i++)
        if (gb_value_equal(&c->enums[i], v))
            return true;
    return !c->nenums;
}

enum gb_err
gb_load_value(struct gb_loading *l, const struct gb_row *row,
              const struct gb_target *at)
{
    const struct gb_value *v = &row->cell[2];
    struct gb_span text;
    if (v->type != at->c->type)
        return gb_load_fail(l, row->place,
                            "the value has not the type of %s.%s", at->t->name,
                            at->c->name);
    return v->type == GB_TEXT ? gb_cell_text(l, row, 2, "value", &text) : GB_OK;
}

/* ------------------------------------------- personal, rule, enum -- */

/* personal(tbl, col) */
static enum gb_err
personal(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (!err)
        at.t->personal = at.c->personal = true;
    return err;
}

/* Whether a rule can stand on a column of this type. */
static bool
fits(const struct gb_rule *r, enum gb_type type)
{
    switch (r->kind) {
    case GB_RULE_SUM:
        return type == GB_INT;
    case GB_RULE_MAX:
    case GB_RULE_MIN:
        return type != GB_BLOB;
    case GB_RULE_WORST:
    case GB_RULE_STATE:
        return type == GB_TEXT;
    default:
        return true;
    }
}

/* rule(tbl, col, rule) */
static enum gb_err
rule(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    char *text = NULL;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (!err)
        err = gb_cell_text_copy(l, row, 2, "rule", &text);
    if (err)
        return err;
    struct gb_rule *r = &at.c->rule;
    err = gb_rule_parse(text, &l->schema->arena, r, l->fail);
    if (err)
        return gb_load_locate(l, row->place, err);
    if (!fits(r, at.c->type))
        return gb_load_fail(l, row->place,
                            "the rule does not fit the type of %s.%s",
                            at.t->name, at.c->name);
    if (at.c->personal && r->kind != GB_RULE_FACT && r->kind != GB_RULE_LAST &&
        r->kind != GB_RULE_FIRST)
        return gb_load_fail(
            l, row->place, "%s.%s is personal: its rule is fact, last or first",
            at.t->name, at.c->name);
    return GB_OK;
}

/* Whether the rule itself says which values there are. */
static bool
names_values(const struct gb_column *c)
{
    return c->rule.kind == GB_RULE_WORST || c->rule.kind == GB_RULE_STATE;
}

/* Add a value to the column's enum. */
static enum gb_err
add_enum(struct gb_loading *l, struct gb_column *c, const struct gb_value *v)
{
    c->enums = gb_load_grown(l, c->enums, c->nenums, sizeof *c->enums);
    if (!c->enums)
        return gb_load_no_memory(l);
    return gb_load_value_copy(l, v, &c->enums[c->nenums++]);
}

/* enum(tbl, col, value, sort), by sort */
static enum gb_err
enumeration(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (err)
        return err;
    if (at.c->type != GB_TEXT && at.c->type != GB_INT)
        return gb_load_fail(l, row->place, "%s.%s is neither TEXT nor INTEGER",
                            at.t->name, at.c->name);
    err = gb_load_value(l, row, &at);
    if (err)
        return err;
    if (row->cell[3].type != GB_INT)
        return gb_load_fail(l, row->place, "sort is not an integer");
    if (names_values(at.c) && gb_rule_value(&at.c->rule, &row->cell[2]) < 0)
        return gb_load_fail(l, row->place,
                            "the rule of %s.%s does not name this value",
                            at.t->name, at.c->name);
    return add_enum(l, at.c, &row->cell[2]);
}

/* rule, once more: one that names values has all of them enumerated, or none
 * and enumerates them itself. */
static enum gb_err
rule_enums(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (err || !names_values(at.c))
        return err;
    const struct gb_rule *r = &at.c->rule;
    bool fill = !at.c->nenums;
    for (int i = 0; !err && i < r->nvalues; i++) {
        struct gb_value v = gb_value_text(r->values[i]);
        if (fill)
            err = add_enum(l, at.c, &v);
        else if (!gb_column_accepts(at.c, &v))
            err = gb_load_fail(l, row->place,
                               "'%.*s' is missing in the enum of %s.%s",
                               (int)v.as.s.len, (const char *)v.as.s.ptr,
                               at.t->name, at.c->name);
    }
    return err;
}

/* -------------------------------------------- authority, defaults -- */

/* authority(tbl, col, value, level) */
static enum gb_err
authority(struct gb_loading *l, const struct gb_row *row)
{
    struct gb_target at;
    int level = 0;
    enum gb_err err = gb_cell_column(l, row, &at);
    if (!err)
        err = gb_load_value(l, row, &at);
    if (!err && !gb_column_accepts(at.c, &row->cell[2]))
        err =
            gb_load_fail(l, row->place, "the value is not in the enum of %s.%s",
                         at.t->name, at.c->name);
    if (!err)
        err = gb_cell_level(l, row, 3, "level", 2, &level);
    /* An auditor has to see why an operation waits. */
    if (!err && at.c->personal)
        err = gb_load_fail(l, row->place,
                           "%s.%s is personal: nothing is decided by it",
                           at.t->name, at.c->name);
    if (err)
        return err;
    at.c->levels =
        gb_load_grown(l, at.c->levels, at.c->nlevels, sizeof *at.c->levels);
    if (!at.c->levels)
        return gb_load_no_memory(l);
    struct gb_level_of *new = &at.c->levels[at.c->nlevels++];
    new->level = level;
    return gb_load_value_copy(l, &row->cell[2], &new->value);
}

/* A default is a value that capture would accept: of the column's type, in
 * its enum, and for a state machine the state that it starts in. */
static enum gb_err
check_default(struct gb_loading *l, struct gb_place at, struct gb_column *c)
{
    struct gb_value v;
    enum gb_err err = gb_load_default(l, at, c, &v);
    if (err)
        return err;
    if (v.type != c->type && !(v.type == GB_INT && c->type == GB_REAL))
        return gb_load_fail(l, at, "the default of %s has not its type",
                            c->name);
    if (v.type == GB_TEXT &&
        (!gb_utf8_valid(v.as.s) ||
         (v.as.s.len && memchr(v.as.s.ptr, 0, v.as.s.len))))
        return gb_load_fail(l, at,
                            "the default of %s is not UTF-8 without "
                            "NULs",
                            c->name);
    if (!gb_column_accepts(c, &v))
        return gb_load_fail(l, at, "the default of %s is not in its enum",
                            c->name);
    if (c->rule.kind == GB_RULE_STATE && gb_rule_value(&c->rule, &v) != 0)
        return gb_load_fail(l, at, "the default of %s is not its initial state",
                            c->name);
    return GB_OK;
}

/* The defaults of all columns, once rules and enums are known. */
static enum gb_err
check_defaults(struct gb_loading *l)
{
    enum gb_err err = GB_OK;
    for (int t = 0; t < l->schema->ntables; t++) {
        struct gb_table *table = &l->schema->tables[t];
        for (int c = 0; !err && c < table->ncolumns; c++)
            if (table->columns[c].dflt)
                err = check_default(l, gb_load_column_place(l, t, c),
                                    &table->columns[c]);
    }
    return err;
}

enum gb_err
gb_load_check(struct gb_loading *l)
{
    static const struct {
        enum gb_engine_table which;
        const char *order;
        gb_row_visit *visit;
    } steps[] = {
        {GB_ENGINE_PERSONAL, "rowid", personal},
        {GB_ENGINE_RULE, "rowid", rule},
        {GB_ENGINE_ENUM, "sort, rowid", enumeration},
        {GB_ENGINE_RULE, "rowid", rule_enums},
        {GB_ENGINE_AUTHORITY, "rowid", authority},
        {GB_ENGINE_RECORD, "rowid", gb_check_record},
        {GB_ENGINE_LABEL, "rowid", gb_check_label},
        {GB_ENGINE_ACTOR, "rowid", gb_check_actor},
    };
    enum gb_err err = GB_OK;
    for (int i = 0; !err && i < GB_ENGINE_COUNT; i++)
        err = gb_load_unique(l, (enum gb_engine_table)i);
    for (size_t i = 0; !err && i < sizeof steps / sizeof *steps; i++)
        err = gb_load_rows(l, steps[i].which, steps[i].order, steps[i].visit);
    return err ? err : check_defaults(l);
}
