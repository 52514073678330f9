/* cmd_resolve.c - `gengbu-hub resolve`: a person's word on a conflict */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/near.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/conflict.h"
#include "hub/field.h"

struct resolving {
    const struct gb_args *args;
    struct gb_office *office;
    const struct gb_schema *schema;
    struct gb_rec rec;
    int table, column; /* column -1: the record itself */
    int64_t actor;
    struct gb_arena arena;
};

/* TABLE:ID or TABLE:ID:COLUMN */
static enum gb_err
parse_target(struct resolving *w, const char *text, struct gb_fail *fail)
{
    const char *id = strchr(text, ':');
    const char *column = id ? strchr(id + 1, ':') : NULL;
    size_t len = column ? (size_t)(column - id - 1) : id ? strlen(id + 1) : 0;
    int64_t number = 0;
    bool found = false;
    if (!id)
        return gb_fail_set(fail, GB_E_USAGE,
                           "'%s': give TABLE:ID:COLUMN, as `gengbu-hub "
                           "conflicts` prints it",
                           text);
    enum gb_err e = gb_near_table(w->schema, GB_SPAN(text, (size_t)(id - text)),
                                  &w->table, fail);
    w->column = -1;
    if (!e && column)
        e = gb_near_column(&w->schema->tables[w->table],
                           gb_span_text(column + 1), &w->column, fail);
    if (!e)
        e = gb_field_record(w->office->state, w->table, GB_SPAN(id + 1, len),
                            &number, fail);
    if (!e)
        e = gb_tables_load(gb_state_tables(w->office->state), w->table, number,
                           &w->arena, &w->rec, &found, fail);
    return e;
}

/* --keep K or --value V. */
static enum gb_err
choose_value(struct resolving *w, const struct gb_conflict *c,
             struct gb_value *out, struct gb_fail *fail)
{
    const struct gb_column *col = &w->rec.table->columns[w->column];
    const char *text = gb_args_value(w->args, "value");
    int64_t keep = 0;
    enum gb_err e = gb_args_int(w->args, "keep", 1, c->n, &keep, fail);
    if (!e && !keep == !text)
        e = gb_fail_set(fail, GB_E_USAGE,
                        "give --keep K (one of the %d values) or --value V",
                        c->n);
    if (!e && keep)
        *out = c->sibs[keep - 1].value;
    if (e || keep)
        return e;
    if (col->refers < 0)
        return gb_field_read(col, gb_span_text(text), &w->arena, out, fail);
    *out = gb_value_int(0);
    return gb_field_record(w->office->state, col->refers, gb_span_text(text),
                           &out->as.i, fail);
}

static int
by_device(const void *a, const void *b)
{
    const struct gb_opname *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

/* What the cell shows now. */
static void
tell(const char *column, const struct gb_value *v, int n)
{
    struct gb_buf clean;
    char text[GB_FIELD_TEXT];
    gb_buf_init(&clean, 4 * GB_FIELD_TEXT);
    gb_term_clean(&clean, gb_span_text(gb_field_text(text, v)));
    printf("%s is %.*s now, in place of %d values\n", column, (int)clean.len,
           clean.len ? (const char *)clean.ptr : "", n);
    gb_buf_release(&clean);
}

/* No conflict, or one that is not settled here. */
static enum gb_err
nothing_here(struct resolving *w, const char *what, struct gb_fail *fail)
{
    struct gb_lost_claim lost;
    char id[GB_ID_TEXT];
    struct gb_buf remedy;
    if (!w->rec.rival || w->rec.nvoids)
        return gb_fail_set(fail, GB_E_STATE, "%s", what);
    enum gb_err e =
        gb_rival_find(w->office->state, w->table, &w->rec, &lost, fail);
    if (e)
        return e;
    gb_buf_init(&remedy, GB_SCHEMA_MAX);
    gb_rival_remedy(&lost, &remedy);
    gb_id_print(id, lost.holder.id);
    e = gb_fail_set(fail, GB_E_STATE,
                    "%s:%s holds what this record claims, and that is settled "
                    "%.*s",
                    w->rec.table->name, id, (int)remedy.len,
                    remedy.len ? (const char *)remedy.ptr : "");
    gb_buf_release(&remedy);
    return e;
}

/* Overwrites exactly the open siblings. */
static enum gb_err
resolve_cell(struct resolving *w, const char *reason, struct gb_fail *fail)
{
    struct gb_conflict c;
    struct gb_value v = GB_VALUE_NULL;
    const char *expect = gb_args_value(w->args, "expect");
    if (!gb_conflict_cell(&w->rec, w->table, w->column, &c))
        return nothing_here(
            w, "this column has no open conflict: nothing to resolve", fail);
    if (expect && strcmp(expect, c.token))
        return gb_fail_set(fail, GB_E_STATE,
                           "the values have changed (expect is %s now): look "
                           "at them again",
                           c.token);
    enum gb_err e = choose_value(w, &c, &v, fail);
    struct gb_opname *names =
        gb_arena_array(&w->arena, (size_t)c.n, sizeof *names);
    if (!e && !names)
        e = gb_fail_memory(fail);
    if (e)
        return e;
    for (int i = 0; i < c.n; i++)
        names[i] = (struct gb_opname){c.sibs[i].device, c.sibs[i].stamp};
    qsort(names, (size_t)c.n, sizeof *names, by_device);
    struct gb_written value = {.column = w->column, .value = v};
    struct gb_op op = {.kind = GB_RESOLVE,
                       .table = w->table,
                       .id = w->rec.id,
                       .values = &value,
                       .nvalues = 1,
                       .text = gb_span_text(reason),
                       .names = names,
                       .nnames = c.n};
    e = gb_office_own(w->office, &op, 1, w->actor, fail);
    if (!e)
        tell(w->rec.table->columns[w->column].name, &v, c.n);
    return e;
}

/* What was written beneath a void is seen: a void that has seen it. */
static enum gb_err
resolve_void(struct resolving *w, const char *reason, struct gb_fail *fail)
{
    if (!gb_rec_void_review(&w->rec, gb_state_lineage(w->office->state)))
        return nothing_here(w,
                            "no write beneath a void waits here: name a column "
                            "for other conflicts",
                            fail);
    struct gb_op op = {.kind = GB_VOID,
                       .table = w->table,
                       .id = w->rec.id,
                       .text = gb_span_text(reason)};
    enum gb_err e = gb_office_own(w->office, &op, 1, w->actor, fail);
    if (!e)
        printf("the record stays void, and what was written is seen\n");
    return e;
}

/* Under the lock: nobody else changes what is looked at. */
static enum gb_err
resolve(struct resolving *w, const char *reason, struct gb_fail *fail)
{
    w->schema = gb_state_schema(w->office->state);
    enum gb_err e = parse_target(w, gb_args_word(w->args, 1), fail);
    if (!e)
        e = gb_cmd_supervisor(w->office, gb_args_value(w->args, "actor"),
                              &w->actor, fail);
    if (e)
        return e;
    return w->column < 0 ? resolve_void(w, reason, fail)
                         : resolve_cell(w, reason, fail);
}

int
gb_cmd_resolve(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct resolving w = {.args = args};
    const char *reason = gb_args_value(args, "reason");
    gb_arena_init(&w.arena, GB_ARENA_MAX);
    enum gb_err e = gb_cmd_name("reason", reason, 1000, &fail);
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub resolve", &w.office, &fail);
    if (!e)
        e = gb_office_lock(w.office, &fail);
    if (!e) {
        e = resolve(&w, reason, &fail);
        gb_office_unlock(w.office);
    }
    gb_office_close(w.office);
    gb_arena_release(&w.arena);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
