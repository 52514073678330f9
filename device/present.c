/* present.c - see present.h */
#include "present.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/term.h"

#define WORD_MAX 40 /* bytes of what may be a word */

struct gb_present
gb_present_column(const struct gb_schema *s, const char *lang, int table,
                  int column)
{
    struct gb_present p = {.schema = s,
                           .lang = lang,
                           .name = "id",
                           .table = table,
                           .column = column,
                           .id = true};
    if (column >= 0) {
        const struct gb_column *c = &s->tables[table].columns[column];
        p.name = c->name;
        p.id = c->refers >= 0;
    }
    return p;
}

/* The name ends in one of these. */
static bool
ends_in(const char *name, const char *const *ends, size_t n)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < n; i++) {
        size_t e = strlen(ends[i]);
        if (len >= e && !strcmp(name + len - e, ends[i]))
            return true;
    }
    return false;
}

static bool
is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; name && i < n; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

struct gb_present
gb_present_of(const struct gb_schema *s, const char *lang,
              sqlite3_stmt *statement, int i)
{
    static const char *const ids[] = {"_id", "_actor"};
    static const char *const own_ids[] = {"id", "_actor"};
    const char *name = sqlite3_column_name(statement, i);
    const char *table = sqlite3_column_table_name(statement, i);
    const char *origin = sqlite3_column_origin_name(statement, i);
    struct gb_present p = {.schema = s,
                           .lang = lang,
                           .name = name ? name : "",
                           .table = -1,
                           .column = -1};
    if (table)
        p.table = gb_schema_table(s, gb_span_text(table));
    if (p.table >= 0 && origin)
        p.column = gb_table_column(&s->tables[p.table], gb_span_text(origin));
    if (p.column >= 0)
        p.id = s->tables[p.table].columns[p.column].refers >= 0;
    else
        p.id = !strcmp(p.name, "id") || is_in(origin, own_ids, 2);
    p.id = p.id || ends_in(p.name, ids, 2);
    return p;
}

/* What a view computes is mostly called as the column it comes from: the
 * label of the first column of that name, or the name itself. */
static const char *
same_name(const struct gb_present *p)
{
    const struct gb_schema *s = p->schema;
    for (int t = 0; t < s->ntables; t++) {
        int c = gb_table_column(&s->tables[t], gb_span_text(p->name));
        const char *label =
            c < 0 ? NULL : gb_schema_label(s, t, c, NULL, p->lang);
        if (label)
            return label;
    }
    return p->name;
}

const char *
gb_present_title(const struct gb_present *p)
{
    const char *label = NULL;
    if (p->table >= 0 && p->column >= 0)
        label = gb_schema_label(p->schema, p->table, p->column, NULL, p->lang);
    if (!label) {
        /* a word of the site, as views may have */
        struct gb_value name = gb_value_text(gb_span_text(p->name));
        label = gb_schema_label(p->schema, -1, -1, &name, p->lang);
    }
    return label ? label : same_name(p);
}

bool
gb_present_right(const struct gb_present *p)
{
    if (p->id || p->column < 0 || gb_term_time_name(p->name))
        return false;
    const struct gb_column *c = &p->schema->tables[p->table].columns[p->column];
    return (c->type == GB_INT || c->type == GB_REAL) && !c->nenums;
}

/* What a view computes: a word of the site, or of the first column of that
 * name that has one. */
static const char *
computed_word(const struct gb_present *p, const struct gb_value *v)
{
    const struct gb_schema *s = p->schema;
    if (v->type != GB_TEXT || v->as.s.len > WORD_MAX)
        return NULL;
    const char *label = gb_schema_label(s, -1, -1, v, p->lang);
    for (int t = 0; t < s->ntables && !label; t++) {
        int c = gb_table_column(&s->tables[t], gb_span_text(p->name));
        if (c >= 0)
            label = gb_schema_label(s, t, c, v, p->lang);
    }
    return label;
}

/* What a view computes of a time that there was not. */
static bool
is_never(const struct gb_present *p, const struct gb_value *v)
{
    const char *at = "_at";
    return v->type == GB_INT && !v->as.i && p->column < 0 &&
           ends_in(p->name, &at, 1);
}

/* The word for a value, or NULL: only what is enumerated or computed has one.
 */
static const char *
word(const struct gb_present *p, const struct gb_value *v)
{
    if (p->table < 0 || p->column < 0)
        return computed_word(p, v);
    const struct gb_column *c = &p->schema->tables[p->table].columns[p->column];
    return c->nenums || c->rule.nvalues
               ? gb_schema_label(p->schema, p->table, p->column, v, p->lang)
               : NULL;
}

/* The fewest digits that read back as the same number. */
static void
put_real(struct gb_buf *out, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    gb_buf_text(out, text);
}

void
gb_present_value(const struct gb_present *p, const struct gb_value *v,
                 struct gb_buf *out)
{
    char id[GB_ID_TEXT], time[GB_TERM_SIZE];
    const char *label = v->type == GB_NULL ? NULL : word(p, v);
    if (v->type == GB_NULL || is_never(p, v))
        return;
    if (label) {
        gb_buf_text(out, label);
    } else if (p->id && v->type == GB_INT && gb_id_valid(v->as.i)) {
        gb_id_print(id, v->as.i);
        gb_buf_text(out, id);
    } else if (v->type == GB_INT && gb_term_is_time(p->name, v->as.i)) {
        gb_buf_text(out, gb_term_time(time, v->as.i));
    } else if (v->type == GB_REAL) {
        put_real(out, v->as.r);
    } else {
        gb_value_print(out, v);
    }
}
