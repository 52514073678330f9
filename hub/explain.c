/* explain.c - see explain.h */
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "hub/explain_private.h"

#define ARENA_MAX ((size_t)512 << 20)

const char *
gb_fate_name(enum gb_fate f)
{
    static const char *const names[] = {"shows",      "open",   "overwritten",
                                        "superseded", "counts", "quarantined",
                                        "fork"};
    return names[f];
}

/* -------------------------------------------------------------- writes -- */

/* One more write; they are told apart by column. */
static struct gb_write *
add_write(struct gb_explaining *x)
{
    struct gb_explained *out = x->out;
    if (out->n == out->room) {
        int room = out->room ? 2 * out->room : 32;
        struct gb_write *grown =
            realloc(out->writes, (size_t)room * sizeof *grown);
        if (!grown)
            return NULL;
        out->writes = grown;
        out->room = room;
    }
    struct gb_write *w = &out->writes[out->n++];
    *w = (struct gb_write){.by = -1};
    return w;
}

/* Why an operation has not taken effect; false when it has. */
static bool
waits(const struct gb_line *l, int index, struct gb_write *w)
{
    if (l->verdict == GB_FORK) {
        w->fate = GB_FATE_FORK;
        return true;
    }
    w->fate = GB_FATE_QUARANTINED;
    w->code = l->held;
    if (l->verdict == GB_HELD)
        return true;
    for (int i = 0; i < l->nquarantined; i++)
        if (l->quarantined[i].index == index) {
            w->code = l->quarantined[i].code;
            return true;
        }
    w->fate = GB_FATE_SHOWS;
    return false;
}

/* --------------------------------------------------------------- merge -- */

/* The sibling of this write is still open. */
static const struct gb_sib *
sibling(const struct gb_rec *r, const struct gb_write *w)
{
    const struct gb_cell *cell = &r->cells[w->column];
    for (int i = 0; i < cell->n; i++)
        if (cell->sib[i].device == w->device && cell->sib[i].stamp == w->stamp)
            return &cell->sib[i];
    return NULL;
}

/* The write of this column among from .. to - 1 that is still open; -1. */
static int
open_write(const struct gb_explaining *x, int column, int from, int to)
{
    for (int i = to - 1; i >= from; i--)
        if (x->out->writes[i].column == column &&
            sibling(&x->rec, &x->out->writes[i]))
            return i;
    return -1;
}

/* What the operation, whose writes begin at `from`, has closed; its own may
 * be among them, behind what stood there before. */
static void
note_closed(struct gb_explaining *x, int from)
{
    struct gb_explained *out = x->out;
    for (int i = 0; i < out->n; i++) {
        struct gb_write *w = &out->writes[i];
        if (w->column < 0 || w->fate != GB_FATE_SHOWS)
            continue;
        enum gb_rule_kind kind = x->rec.table->columns[w->column].rule.kind;
        if (kind == GB_RULE_SUM || sibling(&x->rec, w))
            continue;
        w->fate = gb_rule_open(kind) ? GB_FATE_OVERWRITTEN : GB_FATE_SUPERSEDED;
        w->by = i < from ? open_write(x, w->column, from, out->n)
                         : open_write(x, w->column, 0, from);
    }
}

/* What waits while this takes effect may be overwritten by it (MERGE.md M4). */
static void
bury(struct gb_explaining *x, const struct gb_effect *later)
{
    for (size_t i = x->taken; i < x->nreleased; i++) {
        struct gb_explain_op *r = &x->released[i];
        struct gb_effect waiting = {
            .op = r->op, .device = r->common.device, .stamp = r->common.stamp};
        if (r->read && r->common.pos <= (uint64_t)later->pos)
            r->dead |= gb_effect_buries(x->t, later, &waiting,
                                        gb_state_lineage(x->st));
    }
}

static enum gb_err
merge(struct gb_explaining *x, const struct gb_effect *effect, int from,
      struct gb_fail *fail)
{
    bool insert = effect->op->kind == GB_INSERT, memory = true;
    if (insert)
        memory = gb_rec_insert(&x->rec, x->t, effect, &x->out->arena);
    else if (x->begun)
        memory = gb_rec_merge(&x->rec, effect, gb_state_lineage(x->st));
    if (!memory)
        return gb_fail_memory(fail);
    x->begun |= insert;
    bury(x, effect);
    if (x->begun)
        note_closed(x, from);
    return GB_OK;
}

/* The writes of one operation, and what it does to the others. */
static enum gb_err
add_op(struct gb_explaining *x, const struct gb_explain_op *r,
       struct gb_fail *fail)
{
    int from = x->out->n;
    const struct gb_op *op = r->op;
    for (int i = 0; i < op->nvalues || (!i && !op->nvalues); i++) {
        struct gb_write *w = add_write(x);
        if (!w)
            return gb_fail_memory(fail);
        *w = r->common;
        if (i == op->nvalues)
            break; /* a void, or an insert of nothing */
        w->column = op->values[i].column;
        w->value = op->values[i].value;
        w->hidden = op->values[i].hidden;
    }
    struct gb_effect effect = {.op = op,
                               .device = r->common.device,
                               .stamp = r->common.stamp,
                               .pos = (int64_t)r->at,
                               .level = r->common.level,
                               .base = r->base,
                               .dead = r->dead};
    return r->common.fate == GB_FATE_SHOWS ? merge(x, &effect, from, fail)
                                           : GB_OK;
}

/* One operation on the record in its own set; those that were released come
 * where they took effect. */
static enum gb_err
take_op(struct gb_explaining *x, const struct gb_past_set *set, int index,
        struct gb_fail *fail)
{
    struct gb_explain_op r;
    enum gb_err e = gb_explain_describe(x, set, index, &r, fail);
    if (e)
        return e;
    if (waits(&set->line, index, &r.common))
        for (size_t i = 0; i < x->nreleased; i++)
            if (x->released[i].common.device == r.common.device &&
                x->released[i].common.stamp == r.common.stamp)
                return GB_OK;
    return add_op(x, &r, fail);
}

static enum gb_err
take_set(struct gb_explaining *x, uint64_t pos, struct gb_fail *fail)
{
    const struct gb_past_set *set;
    enum gb_err e = gb_past_read(x->past, pos, &set, fail);
    if (e || !set->d.good || set->d.in.times)
        return e;
    for (int i = 0; i < set->d.set.nops && !e; i++)
        if (gb_explain_hit(x, set, i))
            e = take_op(x, set, i, fail);
    while (!e && x->taken < x->nreleased && x->released[x->taken].at == pos)
        e = add_op(x, &x->released[x->taken++], fail);
    return e;
}

/* -------------------------------------------------------------- result -- */

/* What is still open shows, or the rule shows another one. */
static void
finish_fates(struct gb_explaining *x)
{
    for (int i = 0; i < x->out->n; i++) {
        struct gb_write *w = &x->out->writes[i];
        const struct gb_void *v = x->rec.voids;
        if (w->kind == GB_VOID && w->fate == GB_FATE_SHOWS &&
            (v->stamp != w->stamp || v->device != w->device))
            w->fate = GB_FATE_SUPERSEDED;
        if (w->column < 0 || w->fate != GB_FATE_SHOWS)
            continue;
        const struct gb_column *c = &x->rec.table->columns[w->column];
        const struct gb_cell *cell = &x->rec.cells[w->column];
        if (c->rule.kind == GB_RULE_SUM)
            w->fate = GB_FATE_COUNTS;
        else if (cell->n &&
                 &cell->sib[gb_cell_shown(c, cell)] != sibling(&x->rec, w))
            w->fate = GB_FATE_OPEN;
    }
}

/* Merging anew must give what hub.db has. */
static void
compare(struct gb_explaining *x)
{
    struct gb_buf a, b;
    gb_buf_init(&a, 16 * GB_SET_MAX);
    gb_buf_init(&b, 16 * GB_SET_MAX);
    const struct gb_lineage *l = gb_state_lineage(x->st);
    x->rec.rival = x->out->rec.rival; /* of other records */
    gb_rec_digest(&x->rec, l, &a);
    gb_rec_digest(&x->out->rec, l, &b);
    x->out->agrees =
        !a.failed && gb_span_equal(gb_buf_view(&a), gb_buf_view(&b));
    gb_buf_release(&a);
    gb_buf_release(&b);
}

/* Leave out the columns that were not asked for; `by` is renumbered. */
static void
select_column(struct gb_explaining *x)
{
    struct gb_explained *out = x->out;
    int n = 0;
    for (int i = 0; i < out->n; i++) {
        struct gb_write *w = &out->writes[i];
        if (w->column >= 0 && w->column != x->column)
            continue;
        /* whoever points to it stands before or behind: look at all */
        for (int k = 0; k < out->n; k++)
            if (out->writes[k].by == i)
                out->writes[k].by = n;
        out->writes[n++] = *w;
    }
    out->n = n;
}

enum gb_err
gb_explain(struct gb_past *past, int table, int64_t id, int column,
           struct gb_explained *out, struct gb_fail *fail)
{
    struct gb_state *st = past->look->state;
    struct gb_explaining x = {.past = past,
                              .st = st,
                              .t = &gb_state_schema(st)->tables[table],
                              .table = table,
                              .column = column,
                              .id = id,
                              .out = out};
    *out = (struct gb_explained){0};
    gb_arena_init(&out->arena, ARENA_MAX);
    enum gb_err e = gb_tables_load(gb_state_tables(x.st), table, id,
                                   &out->arena, &out->rec, &out->found, fail);
    if (!e)
        e = gb_explain_find(&x, fail);
    for (size_t i = 0; i < x.n && !e; i++)
        e = take_set(&x, x.positions[i], fail);
    free(x.positions);
    free(x.released);
    if (e)
        return e;
    if (x.begun)
        finish_fates(&x);
    if (x.begun && out->found)
        compare(&x);
    if (column >= 0)
        select_column(&x);
    return GB_OK;
}

struct gb_explained_cell
gb_explained_cell(const struct gb_explained *x, int column)
{
    struct gb_explained_cell out = {0};
    for (int i = 0; i < x->n; i++)
        out.writes += x->writes[i].column == column;
    if (!x->found || column < 0)
        return out;
    const struct gb_column *c = &x->rec.table->columns[column];
    const struct gb_cell *cell = &x->rec.cells[column];
    out.open = cell->n;
    out.is = gb_cell_value(c, cell);
    out.review = gb_cell_review(c, cell);
    for (int i = 1; i < cell->n; i++)
        out.conflict |=
            !gb_value_equal(&cell->sib[i].value, &cell->sib[0].value);
    return out;
}

int
gb_explained_number(const struct gb_explained *x, int write)
{
    int n = 1;
    for (int i = 0; i < write; i++)
        n += x->writes[i].column == x->writes[write].column;
    return n;
}

void
gb_explained_release(struct gb_explained *x)
{
    free(x->writes);
    x->writes = NULL;
    gb_arena_release(&x->arena);
}
