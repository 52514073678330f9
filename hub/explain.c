/* explain.c - see explain.h */
#include "hub/explain.h"

#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/touch.h"

#define ARENA_MAX ((size_t)512 << 20)

struct explaining {
    struct gb_past *past;
    struct gb_state *st;
    int table, column;
    int64_t id;
    struct gb_explained *out;
    struct gb_rec rec; /* merged anew */
    bool begun;
    uint64_t *positions;
    size_t n, room;
};

const char *
gb_fate_name(enum gb_fate f)
{
    static const char *const names[] = {"shows",      "open",   "overwritten",
                                        "superseded", "counts", "quarantined",
                                        "fork"};
    return names[f];
}

static enum gb_err
no_memory(struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
}

/* ------------------------------------------------------------ which sets -- */

static enum gb_err
add_position(struct explaining *x, uint64_t pos, struct gb_fail *fail)
{
    if (x->n == x->room) {
        size_t room = x->room ? 2 * x->room : 64;
        uint64_t *grown = realloc(x->positions, room * sizeof *grown);
        if (!grown)
            return no_memory(fail);
        x->positions = grown;
        x->room = room;
    }
    x->positions[x->n++] = pos;
    return GB_OK;
}

/* Sets of one device that touched the record, from its insert on. */
static enum gb_err
collect_touched(struct explaining *x, int device, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    enum gb_err e = gb_db_preparef(
        gb_state_db(x->st), &s, fail,
        "SELECT pos, touched FROM _set WHERE device = %d AND pos >= %lld",
        device, (long long)x->out->rec.pos);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_touch_reader r;
        int table;
        int64_t id;
        bool hit = false;
        gb_touch_open(&r, gb_db_blob(s, 1));
        while (!hit && gb_touch_next(&r, &table, &id))
            hit = table == x->table && id == x->id;
        if (hit)
            e = add_position(x, (uint64_t)sqlite3_column_int64(s, 0), fail);
    }
    sqlite3_finalize(s);
    return e;
}

/* Sets with operations on the record that wait; and forks, of which hub.db
 * keeps nothing but that they are there. */
static enum gb_err
collect_without_effect(struct explaining *x, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    enum gb_err e = gb_db_preparef(
        gb_state_db(x->st), &s, fail,
        "SELECT pos FROM _wait WHERE tbl = %Q AND id = %lld UNION "
        "SELECT pos FROM _set WHERE line GLOB '* fork' || char(10)",
        gb_state_schema(x->st)->tables[x->table].name, (long long)x->id);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        e = add_position(x, (uint64_t)sqlite3_column_int64(s, 0), fail);
    sqlite3_finalize(s);
    return e;
}

static int
by_position(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum gb_err
collect(struct explaining *x, struct gb_fail *fail)
{
    const struct gb_rec *r = &x->out->rec;
    enum gb_err e = collect_without_effect(x, fail);
    for (int i = 0; x->out->found && i < r->nseen && !e; i++)
        e = collect_touched(x, r->seen[i].device, fail);
    for (int i = 0; x->out->found && i < r->nvoids && !e; i++)
        e = collect_touched(x, r->voids[i].device, fail);
    size_t n = 0;
    if (x->n)
        qsort(x->positions, x->n, sizeof *x->positions, by_position);
    for (size_t i = 0; i < x->n; i++)
        if (!i || x->positions[i] != x->positions[i - 1])
            x->positions[n++] = x->positions[i];
    x->n = n;
    return e;
}

/* ---------------------------------------------------------------- writes -- */

/* A value in the explanation's own memory. */
static bool
keep(struct gb_arena *arena, struct gb_value *v)
{
    if (v->type != GB_TEXT && v->type != GB_BLOB)
        return true;
    v->as.s = gb_arena_copy(arena, v->as.s);
    return v->as.s.ptr != NULL;
}

/* The operation, with everything that merging keeps of it. */
static struct gb_op *
copy_op(struct gb_arena *a, const struct gb_op *op, int table)
{
    struct gb_op *c = gb_arena_alloc(a, sizeof *c);
    if (!c)
        return NULL;
    *c = *op;
    c->table = table;
    c->text = op->text.len ? gb_arena_copy(a, op->text) : GB_SPAN("", 0);
    c->values = gb_arena_array(a, (size_t)op->nvalues + 1, sizeof *c->values);
    c->names = gb_arena_array(a, (size_t)op->nnames + 1, sizeof *c->names);
    if (op->commitment)
        c->commitment = gb_arena_copy(a, GB_SPAN(op->commitment, 32)).ptr;
    if (!c->text.ptr || !c->values || !c->names ||
        (op->commitment && !c->commitment))
        return NULL;
    if (op->nnames)
        memcpy(c->names, op->names, (size_t)op->nnames * sizeof *c->names);
    for (int i = 0; i < op->nvalues; i++) {
        c->values[i] = op->values[i];
        if (!keep(a, &c->values[i].value) || !keep(a, &c->values[i].from))
            return NULL;
    }
    return c;
}

/* One more write; they are told apart by column. */
static struct gb_write *
add_write(struct explaining *x)
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

/* What all writes of an operation have in common. */
static struct gb_write
describe(const struct gb_past_set *set, const struct gb_op *op, int index,
         int level)
{
    struct gb_write w = {.pos = set->line.pos,
                         .device = set->line.device,
                         .seq = set->line.seq,
                         .received_ms = set->line.received_ms,
                         .index = index,
                         .kind = op->kind,
                         .actor = op->actor,
                         .time_ms = op->time_ms,
                         .stamp = set->stamps ? set->stamps[index] : 0,
                         .level = level,
                         .column = -1,
                         .text = op->text,
                         .by = -1};
    memcpy(w.sha256, set->line.sha256, sizeof w.sha256);
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

/* ----------------------------------------------------------------- merge -- */

/* The level that the merge gave the operation (state_op.c). */
static enum gb_err
level_of(struct explaining *x, const struct gb_past_set *set,
         const struct gb_op *op, int *level, struct gb_fail *fail)
{
    uint64_t base = set->d.info.base.size;
    int actor = 9;
    *level = 9;
    if (set->line.device == 0)
        return GB_OK;
    enum gb_err e =
        gb_state_level(x->st, false, set->line.device, base, level, fail);
    if (!e && gb_state_schema(x->st)->actor_table >= 0)
        e = gb_state_level(x->st, true, op->actor, base, &actor, fail);
    if (actor < *level)
        *level = actor;
    return e;
}

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
open_write(const struct explaining *x, int column, int from, int to)
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
note_closed(struct explaining *x, int from)
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

static enum gb_err
merge(struct explaining *x, const struct gb_past_set *set,
      const struct gb_op *op, const struct gb_write *w, int from,
      struct gb_fail *fail)
{
    struct gb_effect effect = {.op = op,
                               .device = w->device,
                               .stamp = w->stamp,
                               .pos = (int64_t)w->pos,
                               .level = w->level,
                               .base = set->d.info.base.size};
    const struct gb_table *t = &gb_state_schema(x->st)->tables[x->table];
    bool memory = true;
    if (op->kind == GB_INSERT)
        memory = gb_rec_insert(&x->rec, t, &effect, &x->out->arena);
    else if (x->begun)
        memory = gb_rec_merge(&x->rec, &effect, gb_state_lineage(x->st));
    if (!memory)
        return no_memory(fail);
    x->begun |= op->kind == GB_INSERT;
    if (x->begun)
        note_closed(x, from);
    return GB_OK;
}

/* One operation on the record: its writes, and what it does to the others. */
static enum gb_err
take_op(struct explaining *x, const struct gb_past_set *set, int index,
        struct gb_fail *fail)
{
    int level, from = x->out->n;
    struct gb_op *op =
        copy_op(&x->out->arena, &set->d.set.ops[index], x->table);
    if (!op)
        return no_memory(fail);
    enum gb_err e = level_of(x, set, op, &level, fail);
    if (e)
        return e;
    struct gb_write common = describe(set, op, index, level);
    bool waiting = waits(&set->line, index, &common);
    for (int i = 0; i < op->nvalues || (!i && !op->nvalues); i++) {
        struct gb_write *w = add_write(x);
        if (!w)
            return no_memory(fail);
        *w = common;
        if (i == op->nvalues)
            break; /* a void, or an insert of nothing */
        w->column = op->values[i].column;
        w->value = op->values[i].value;
        w->hidden = op->values[i].hidden;
    }
    return waiting ? GB_OK : merge(x, set, op, &common, from, fail);
}

static enum gb_err
take_set(struct explaining *x, uint64_t pos, struct gb_fail *fail)
{
    const struct gb_past_set *set;
    const char *name = gb_state_schema(x->st)->tables[x->table].name;
    enum gb_err e = gb_past_read(x->past, pos, &set, fail);
    if (e || !set->d.good || set->d.in.times)
        return e;
    for (int i = 0; i < set->d.set.nops && !e; i++) {
        const struct gb_op *op = &set->d.set.ops[i];
        if (op->kind <= GB_RESOLVE && op->id == x->id &&
            !strcmp(set->d.schema->tables[op->table].name, name))
            e = take_op(x, set, i, fail);
    }
    return e;
}

/* ---------------------------------------------------------------- result -- */

/* What is still open shows, or the rule shows another one. */
static void
finish_fates(struct explaining *x)
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
compare(struct explaining *x)
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
select_column(struct explaining *x)
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
    struct explaining x = {.past = past,
                           .st = past->look->state,
                           .table = table,
                           .column = column,
                           .id = id,
                           .out = out};
    *out = (struct gb_explained){0};
    gb_arena_init(&out->arena, ARENA_MAX);
    enum gb_err e = gb_tables_load(gb_state_tables(x.st), table, id,
                                   &out->arena, &out->rec, &out->found, fail);
    if (!e)
        e = collect(&x, fail);
    for (size_t i = 0; i < x.n && !e; i++)
        e = take_set(&x, x.positions[i], fail);
    free(x.positions);
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
