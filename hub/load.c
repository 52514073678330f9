/* load.c - see load.h */
#include "hub/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/near.h"
#include "engine/term.h"
#include "hub/csv.h"
#include "hub/field.h"
#include "hub/names.h"

#define ARENA_MAX ((size_t)1 << 30) /* values of all lines */
#define NO_COLUMN (-1)              /* a field that is the ref */

struct load {
    struct gb_office *o;
    const struct gb_schema *schema;
    const struct gb_table *table;
    int number;                     /* of the table */
    int columns[GB_CSV_FIELDS_MAX]; /* of each field of the header */
    int nfields;
    bool present[GB_COLUMNS_MAX]; /* in the header */
    struct gb_value defaults[GB_COLUMNS_MAX];
    struct gb_value given[GB_COLUMNS_MAX]; /* by the current line */
    struct gb_span ref;                    /* likewise */
    struct gb_names_map names;             /* refs of the file */
    struct gb_op *ops;
    size_t nops, room;
    struct gb_arena arena, scratch; /* of the whole, of a line */
    struct gb_loaded *report;
};

/* -------------------------------------------------------------- header -- */

/* What a header may name. */
static const char *
header_name(const void *context, int i)
{
    const struct gb_table *t = context;
    return i < t->ncolumns    ? t->columns[i].name
           : i == t->ncolumns ? "ref"
                              : NULL;
}

/* It names something else. */
static enum gb_err
unknown_column(const struct load *w, const struct gb_csv *csv, int i,
               struct gb_fail *fail)
{
    struct gb_span name = csv->fields[i];
    if (csv->nfields == 1 &&
        (memchr(name.ptr, ';', name.len) || memchr(name.ptr, '\t', name.len)))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "line %u: columns are set apart by commas: save the "
                           "file as \"CSV UTF-8\", with commas",
                           csv->line);
    gb_near_fail(fail, "column", name, header_name, w->table);
    return gb_fail_wrap(fail, "line %u: %s", csv->line, w->table->name);
}

static enum gb_err
read_header(struct load *w, const struct gb_csv *csv, struct gb_fail *fail)
{
    bool *ref = &w->report->named;
    w->nfields = csv->nfields;
    for (int i = 0; i < csv->nfields; i++) {
        struct gb_span name = csv->fields[i];
        int c = gb_table_column(w->table, name);
        w->columns[i] = c < 0 ? NO_COLUMN : c;
        bool is_ref = c < 0 && gb_span_equal(name, gb_span_text("ref"));
        if (c < 0 && !is_ref)
            return unknown_column(w, csv, i, fail);
        if (is_ref ? *ref : w->present[c])
            return gb_fail_set(
                fail, GB_E_FORMAT, "line %u: column '%.*s' is there twice",
                csv->line, (int)name.len, (const char *)name.ptr);
        *ref |= is_ref;
        if (!is_ref)
            w->present[c] = true;
    }
    return GB_OK;
}

/* What a column holds when a new record does not say. */
static enum gb_err
read_default(struct load *w, int c, struct gb_fail *fail)
{
    const struct gb_column *col = &w->table->columns[c];
    sqlite3_stmt *s = NULL;
    bool row;
    if (col->rule.kind == GB_RULE_STATE)
        w->defaults[c] = gb_value_text(col->rule.values[0]);
    if (col->rule.kind == GB_RULE_STATE || !col->dflt)
        return GB_OK;
    enum gb_err e = gb_db_preparef(gb_state_db(w->o->state), &s, fail,
                                   "SELECT %s", col->dflt);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row) {
        struct gb_value v = gb_db_value(s, 0);
        if (v.type == GB_TEXT || v.type == GB_BLOB) {
            v.as.s = gb_arena_copy(&w->arena, v.as.s);
            if (!v.as.s.ptr)
                e = gb_fail_memory(fail);
        }
        w->defaults[c] = v;
    }
    sqlite3_finalize(s);
    return e;
}

/* -------------------------------------------------------------- fields -- */

/* A reference: to a record that is there, or one further up in this file. */
static enum gb_err
read_reference(struct load *w, const struct gb_column *c, struct gb_span text,
               struct gb_value *out, struct gb_fail *fail)
{
    int64_t id = 0;
    if (!text.len)
        return GB_OK;
    if (text.ptr[0] == '@' && c->refers == w->number)
        id = gb_names_map_get(&w->names, GB_SPAN(text.ptr + 1, text.len - 1));
    enum gb_err e =
        id ? GB_OK : gb_field_record(w->o->state, c->refers, text, &id, fail);
    *out = gb_value_int(id);
    return e ? gb_fail_wrap(fail, "%s", c->name) : GB_OK;
}

/* All fields of a line, into `given` and `ref`. */
static enum gb_err
read_fields(struct load *w, const struct gb_csv *csv, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    w->ref = GB_SPAN("", 0);
    if (csv->nfields != w->nfields)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "%d fields, and the header names %d", csv->nfields,
                           w->nfields);
    for (int i = 0; i < csv->nfields && !e; i++) {
        int c = w->columns[i];
        struct gb_span text = gb_arena_copy(&w->arena, csv->fields[i]);
        if (!text.ptr)
            return gb_fail_memory(fail);
        if (c == NO_COLUMN) {
            w->ref = text;
            continue;
        }
        const struct gb_column *col = &w->table->columns[c];
        w->given[c] = GB_VALUE_NULL;
        e = col->refers >= 0
                ? read_reference(w, col, text, &w->given[c], fail)
                : gb_field_read(col, text, &w->arena, &w->given[c], fail);
        if (!e && w->number == w->schema->actor_table &&
            c == w->schema->actor_level && w->given[c].type == GB_INT &&
            (w->given[c].as.i < 0 || w->given[c].as.i > 8))
            e = gb_fail_set(fail, GB_E_VALUE, "%s: a level is 0 to 8",
                            col->name);
    }
    return e;
}

/* ---------------------------------------------------------- operations -- */

/* One more operation with room for a value of each column. */
static struct gb_op *
add_op(struct load *w, enum gb_kind kind, int64_t id)
{
    if (w->nops == w->room) {
        size_t room = w->room ? 2 * w->room : 256;
        struct gb_op *ops = realloc(w->ops, room * sizeof *ops);
        if (!ops)
            return NULL;
        w->ops = ops;
        w->room = room;
    }
    struct gb_op *op = &w->ops[w->nops];
    *op = (struct gb_op){.kind = kind, .table = w->number, .id = id};
    op->values = gb_arena_array(&w->arena, (size_t)w->table->ncolumns + 1,
                                sizeof *op->values);
    if (!op->values)
        return NULL;
    w->nops++;
    return op;
}

/* The value of a column of a new record. */
static enum gb_err
new_value(const struct load *w, int c, struct gb_value *out,
          struct gb_fail *fail)
{
    const struct gb_column *col = &w->table->columns[c];
    bool state = col->rule.kind == GB_RULE_STATE;
    *out = w->present[c] ? w->given[c] : GB_VALUE_NULL;
    if (out->type == GB_NULL && (!w->present[c] || col->notnull || state))
        *out = w->defaults[c];
    if (out->type == GB_NULL && col->notnull)
        return gb_fail_set(fail, GB_E_VALUE, "%s is missing", col->name);
    if (state && gb_rule_value(&col->rule, out) != 0)
        return gb_fail_set(fail, GB_E_ILLEGAL,
                           "%s: a new record begins as '%.*s'", col->name,
                           (int)col->rule.values[0].len,
                           (const char *)col->rule.values[0].ptr);
    return GB_OK;
}

static enum gb_err
insert(struct load *w, struct gb_fail *fail)
{
    int64_t id;
    enum gb_err e = gb_office_new_id(w->o, &id, fail);
    struct gb_op *op = e ? NULL : add_op(w, GB_INSERT, id);
    if (!op)
        return e ? e : gb_fail_memory(fail);
    op->text = w->ref;
    for (int c = 0; c < w->table->ncolumns && !e; c++) {
        struct gb_value v;
        e = new_value(w, c, &v, fail);
        if (!e && v.type != GB_NULL)
            op->values[op->nvalues++] =
                (struct gb_written){.column = c, .value = v};
    }
    if (!e && w->ref.len && !gb_names_map_add(&w->names, w->ref, id))
        e = gb_fail_memory(fail);
    w->report->added++;
    return e;
}

/* What stands against a new value by the column's rule; NULL: nothing. */
static const char *
objection(const struct gb_column *c, const struct gb_cell *cell,
          const struct gb_value *old, const struct gb_value *v)
{
    const struct gb_rule *r = &c->rule;
    if (c->notnull && v->type == GB_NULL)
        return "it is needed";
    switch (r->kind) {
    case GB_RULE_FACT:
        return "a fact never changes: void the record, and load a new one";
    case GB_RULE_FIRST:
        return cell->n ? "it was written once, and that stays" : NULL;
    case GB_RULE_SUM:
        return v->type == GB_NULL ? "a sum cannot be taken away" : NULL;
    case GB_RULE_MAX:
    case GB_RULE_MIN:
    case GB_RULE_WORST:
        return !r->back && gb_rule_compare(r, v, old) < 0
                   ? "its rule lets nobody go back"
                   : NULL;
    case GB_RULE_STATE:
        return gb_rule_move(r, gb_rule_value(r, old), gb_rule_value(r, v))
                   ? NULL
                   : "its states know no such move";
    default:
        return NULL;
    }
}

/* One column of a record that is there. */
static enum gb_err
change_column(struct load *w, struct gb_op *op, const struct gb_rec *r, int c,
              struct gb_fail *fail)
{
    const struct gb_column *col = &w->table->columns[c];
    struct gb_value old = gb_cell_value(col, &r->cells[c]), v = w->given[c];
    char from[GB_FIELD_TEXT], to[GB_FIELD_TEXT];
    /* an empty field that stood for the default when the record was new */
    bool left = v.type == GB_NULL && w->defaults[c].type != GB_NULL &&
                (col->notnull || col->rule.kind == GB_RULE_STATE);
    if (left || gb_value_equal(&old, &v))
        return GB_OK;
    const char *why = objection(col, &r->cells[c], &old, &v);
    if (why)
        return gb_fail_set(
            fail, GB_E_ILLEGAL, "%s is '%s' and cannot become '%s': %s",
            col->name, gb_field_text(from, &old), gb_field_text(to, &v), why);
    struct gb_written *x = &op->values[op->nvalues++];
    *x = (struct gb_written){.column = c, .value = v};
    if (col->rule.kind == GB_RULE_SUM)
        x->value = gb_value_int(
            (int64_t)((uint64_t)v.as.i -
                      (uint64_t)(old.type == GB_INT ? old.as.i : 0)));
    if (col->rule.kind == GB_RULE_STATE) {
        x->from = old;
        x->from.as.s = gb_arena_copy(&w->arena, old.as.s);
        if (!x->from.as.s.ptr)
            return gb_fail_memory(fail);
    }
    return GB_OK;
}

static enum gb_err
change(struct load *w, int64_t id, struct gb_fail *fail)
{
    struct gb_rec r;
    bool found;
    struct gb_op *op = add_op(w, GB_SET, id);
    if (!op)
        return gb_fail_memory(fail);
    gb_arena_reset(&w->scratch);
    enum gb_err e = gb_tables_load(gb_state_tables(w->o->state), w->number, id,
                                   &w->scratch, &r, &found, fail);
    if (!e && r.nvoids)
        e = gb_fail_set(fail, GB_E_STATE,
                        "the record with this ref is void: give a new ref");
    for (int c = 0; c < w->table->ncolumns && !e; c++)
        if (w->present[c])
            e = change_column(w, op, &r, c, fail);
    if (e)
        return e;
    if (op->nvalues)
        w->report->changed++;
    else
        w->nops--;
    w->report->same += !op->nvalues;
    return GB_OK;
}

/* One line of the file. */
static enum gb_err
take_line(struct load *w, const struct gb_csv *csv, struct gb_fail *fail)
{
    int64_t id = 0;
    enum gb_err e = read_fields(w, csv, fail);
    if (!e && w->ref.len && gb_names_map_get(&w->names, w->ref))
        e = gb_fail_set(fail, GB_E_EXISTS,
                        "ref '%.*s' stands further up already", (int)w->ref.len,
                        (const char *)w->ref.ptr);
    if (!e && w->ref.len)
        e = gb_tables_ref(gb_state_tables(w->o->state), w->number, 0, w->ref,
                          &id, fail);
    if (!e && id && !gb_names_map_add(&w->names, w->ref, id))
        e = gb_fail_memory(fail);
    if (!e)
        e = id ? change(w, id, fail) : insert(w, fail);
    return e ? gb_fail_wrap(fail, "line %u", csv->line) : GB_OK;
}

/* --------------------------------------------------------------- whole -- */

static enum gb_err
read_lines(struct load *w, struct gb_csv *csv, struct gb_span text,
           struct gb_fail *fail)
{
    struct gb_progress progress;
    bool row;
    enum gb_err e = gb_csv_next(csv, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "line 1: the header is missing: it names columns of "
                        "%s, and perhaps ref",
                        w->table->name);
    if (!e)
        e = read_header(w, csv, fail);
    for (int c = 0; c < w->table->ncolumns && !e; c++)
        e = read_default(w, c, fail);
    gb_progress_begin(&progress, w->table->name, text.len, true);
    while (!e && !(e = gb_csv_next(csv, &row, fail)) && row) {
        e = take_line(w, csv, fail);
        gb_progress_at(&progress, (uint64_t)(csv->at - text.ptr));
    }
    gb_progress_end(&progress);
    return e;
}

enum gb_err
gb_load_csv(struct gb_office *o, int table, struct gb_span text,
            struct gb_loaded *out, struct gb_fail *fail)
{
    struct gb_csv csv;
    struct load w = {.o = o, .number = table, .report = out};
    *out = (struct gb_loaded){0};
    gb_csv_open(&csv, text);
    gb_arena_init(&w.arena, ARENA_MAX);
    gb_arena_init(&w.scratch, GB_ARENA_MAX);
    enum gb_err e = gb_office_lock(o, fail);
    if (!e) {
        w.schema = gb_state_schema(o->state);
        w.table = &w.schema->tables[table];
        e = read_lines(&w, &csv, text, fail);
        /* in one batch; nothing of it may have to wait */
        if (!e && w.nops)
            e = gb_office_own(o, w.ops, (int)w.nops, 0, fail);
        gb_office_unlock(o);
    }
    free(w.ops);
    gb_names_map_release(&w.names);
    gb_csv_release(&csv);
    gb_arena_release(&w.arena);
    gb_arena_release(&w.scratch);
    return e;
}
