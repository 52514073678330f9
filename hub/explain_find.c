/* explain_find.c - where to look for the writes of a record; see explain.h */
#include <stdlib.h>
#include <string.h>

#include "engine/touch.h"
#include "hub/explain_private.h"

/* ---------------------------------------------------------- which sets -- */

static enum gb_err
add_position(struct gb_explaining *x, uint64_t pos, struct gb_fail *fail)
{
    if (x->n == x->room) {
        size_t room = x->room ? 2 * x->room : 64;
        uint64_t *grown = realloc(x->positions, room * sizeof *grown);
        if (!grown)
            return gb_fail_memory(fail);
        x->positions = grown;
        x->room = room;
    }
    x->positions[x->n++] = pos;
    return GB_OK;
}

/* Sets of one device that touched the record, from its insert on. */
static enum gb_err
collect_touched(struct gb_explaining *x, int device, struct gb_fail *fail)
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
collect_without_effect(struct gb_explaining *x, struct gb_fail *fail)
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

/* ------------------------------------------------------------- a copy -- */

/* A value in the explanation's own memory. */
static bool
keep(struct gb_arena *arena, struct gb_value *v)
{
    if (v->type != GB_TEXT && v->type != GB_BLOB)
        return true;
    v->as.s = gb_arena_copy(arena, v->as.s);
    return v->as.s.ptr != NULL;
}

/* The operation, with all that merging keeps of it; NULL: out of memory. */
static struct gb_op *
copy(struct gb_explaining *x, const struct gb_op *op)
{
    struct gb_arena *a = &x->out->arena;
    struct gb_op *c = gb_arena_alloc(a, sizeof *c);
    if (!c)
        return NULL;
    *c = *op;
    c->table = x->table;
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

/* ------------------------------------------------------------ releases -- */

bool
gb_explain_hit(const struct gb_explaining *x, const struct gb_past_set *set,
               int index)
{
    const struct gb_op *op = &set->d.set.ops[index];
    return op->kind <= GB_RESOLVE && op->id == x->id &&
           !strcmp(set->d.schema->tables[op->table].name, x->t->name);
}

/* The level that the merge gave the operation (state_op.c). */
static enum gb_err
level_of(struct gb_explaining *x, const struct gb_op *op, int device,
         uint64_t base, int *level, struct gb_fail *fail)
{
    int actor = 9;
    *level = 9;
    if (device == 0)
        return GB_OK;
    enum gb_err e = gb_state_level(x->st, false, device, base, level, fail);
    if (!e && gb_state_schema(x->st)->actor_table >= 0)
        e = gb_state_level(x->st, true, op->actor, base, &actor, fail);
    if (actor < *level)
        *level = actor;
    return e;
}

enum gb_err
gb_explain_describe(struct gb_explaining *x, const struct gb_past_set *set,
                    int index, struct gb_explain_op *out, struct gb_fail *fail)
{
    const struct gb_line *l = &set->line;
    bool held = l->verdict == GB_HELD;
    const struct gb_op *op = copy(x, &set->d.set.ops[index]);
    if (!op)
        return gb_fail_memory(fail);
    *out = (struct gb_explain_op){.at = l->pos, .op = op};
    out->read = !held || l->held != GB_CODE_SCHEMA;
    out->base = held && l->held == GB_CODE_BASE ? 0 : set->d.info.base.size;
    out->common =
        (struct gb_write){.pos = l->pos,
                          .device = l->device,
                          .seq = l->seq,
                          .received_ms = l->received_ms,
                          .index = index,
                          .kind = op->kind,
                          .actor = op->actor,
                          .time_ms = op->time_ms,
                          .stamp = set->stamps ? set->stamps[index] : 0,
                          .column = -1,
                          .text = op->text,
                          .by = -1};
    memcpy(out->common.sha256, l->sha256, sizeof l->sha256);
    return level_of(x, op, l->device, out->base, &out->common.level, fail);
}

/* Not when it still waits: releasing it brought another code. */
static enum gb_err
waits_still(struct gb_explaining *x, const struct gb_opname *name, bool *waits,
            struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    enum gb_err e =
        gb_db_preparef(gb_state_db(x->st), &s, fail,
                       "SELECT 1 FROM _wait WHERE device = %d AND stamp = %lld",
                       name->device, (long long)name->stamp);
    if (!e)
        e = gb_db_step(s, waits, fail);
    sqlite3_finalize(s);
    return e;
}

/* One name of a release, if it is one on the record.  A name that is released
 * again took effect the last time. */
static enum gb_err
add_released(struct gb_explaining *x, const struct gb_opname *name, uint64_t at,
             struct gb_fail *fail)
{
    struct gb_explain_op r;
    const struct gb_past_set *set;
    const struct gb_op *op;
    bool waits = false;
    size_t n = 0;
    for (size_t i = 0; i < x->nreleased; i++)
        if (x->released[i].common.device != name->device ||
            x->released[i].common.stamp != name->stamp)
            x->released[n++] = x->released[i];
    x->nreleased = n;
    enum gb_err e =
        gb_past_find(x->past, name->device, name->stamp, &set, &op, fail);
    if (e || !op || !gb_explain_hit(x, set, (int)(op - set->d.set.ops)))
        return e;
    e = waits_still(x, name, &waits, fail);
    if (!e && !waits)
        e = gb_explain_describe(x, set, (int)(op - set->d.set.ops), &r, fail);
    if (e || waits)
        return e;
    r.at = at;
    r.common.released = at;
    if (n == x->released_room) {
        size_t room = n ? 2 * n : 16;
        struct gb_explain_op *grown =
            realloc(x->released, room * sizeof *grown);
        if (!grown)
            return gb_fail_memory(fail);
        x->released = grown;
        x->released_room = room;
    }
    x->released[x->nreleased++] = r;
    return GB_OK;
}

/* All names of a set of replica 0; reading it ends with the first name that is
 * looked up, so they are copied. */
static enum gb_err
read_releases(struct gb_explaining *x, uint64_t pos, struct gb_fail *fail)
{
    struct gb_arena names;
    const struct gb_past_set *set;
    gb_arena_init(&names, GB_ARENA_MAX);
    enum gb_err e = gb_past_read(x->past, pos, &set, fail);
    size_t n = 0, room = 0;
    for (int i = 0; !e && set->d.good && i < set->d.set.nops; i++)
        if (set->d.set.ops[i].kind == GB_RELEASE)
            room += (size_t)set->d.set.ops[i].nnames;
    struct gb_opname *list = gb_arena_array(&names, room + 1, sizeof *list);
    if (!e && !list)
        e = gb_fail_memory(fail);
    for (int i = 0; !e && room && i < set->d.set.nops; i++)
        for (int k = 0; set->d.set.ops[i].kind == GB_RELEASE &&
                        k < set->d.set.ops[i].nnames;
             k++)
            list[n++] = set->d.set.ops[i].names[k];
    for (size_t i = 0; i < n && !e; i++)
        e = add_released(x, &list[i], pos, fail);
    gb_arena_release(&names);
    return e;
}

/* Of the hub's own sets that touched the record, those that released it. */
static enum gb_err
find_releases(struct gb_explaining *x, struct gb_fail *fail)
{
    enum gb_err e = collect_touched(x, 0, fail);
    for (size_t i = 0; i < x->n && !e; i++)
        e = read_releases(x, x->positions[i], fail);
    return e;
}

/* -------------------------------------------------------------- all of -- */

static int
by_position(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* In order, each once. */
static void
sort_positions(struct gb_explaining *x)
{
    size_t n = 0;
    if (x->n)
        qsort(x->positions, x->n, sizeof *x->positions, by_position);
    for (size_t i = 0; i < x->n; i++)
        if (!i || x->positions[i] != x->positions[i - 1])
            x->positions[n++] = x->positions[i];
    x->n = n;
}

enum gb_err
gb_explain_find(struct gb_explaining *x, struct gb_fail *fail)
{
    const struct gb_rec *r = &x->out->rec;
    enum gb_err e = x->out->found ? find_releases(x, fail) : GB_OK;
    if (!e)
        e = collect_without_effect(x, fail);
    for (int i = 0; x->out->found && i < r->nseen && !e; i++)
        e = collect_touched(x, r->seen[i].device, fail);
    for (int i = 0; x->out->found && i < r->nvoids && !e; i++)
        e = collect_touched(x, r->voids[i].device, fail);
    if (!e)
        sort_positions(x);
    return e;
}
