/* state_op.c - one operation of a set takes effect, or waits; state.h */
#include "state_private.h"

#include "id.h"

enum gb_err
gb_applying_begin(struct gb_state *st, struct gb_applying *a,
                  struct gb_fail *fail)
{
    a->actor = -1;
    return gb_state_level(st, false, a->in->info->device, a->base,
                          &a->device_level, fail);
}

/* Level of the operation: the lower of device and actor as of the base, and
 * the hub's own are above all. */
static enum gb_err
level_of(struct gb_state *st, struct gb_applying *a, const struct gb_op *op,
         int *level, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (a->in->info->device == 0) {
        *level = 9;
        return GB_OK;
    }
    if (gb_state_schema(st)->actor_table < 0) {
        *level = a->device_level; /* a domain without actors */
        return GB_OK;
    }
    if (a->actor != op->actor)
        e = gb_state_level(st, true, op->actor, a->base, &a->actor_level, fail);
    a->actor = op->actor;
    *level =
        a->actor_level < a->device_level ? a->actor_level : a->device_level;
    return e;
}

/* Whether every record that the operation refers to is there; `fn` is told of
 * each that is not. */
static enum gb_err
check_references(struct gb_state *st, const struct gb_table *t,
                 const struct gb_op *op, bool *good, gb_missing_fn *fn,
                 void *context, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    *good = true;
    for (int i = 0; i < op->nvalues && (*good || fn) && !e; i++) {
        const struct gb_written *w = &op->values[i];
        int target = t->columns[w->column].refers;
        bool there;
        if (target < 0 || w->value.type != GB_INT)
            continue;
        e = gb_tables_exists(st->tables, target, w->value.as.i, &there, fail);
        *good &= there;
        if (!e && !there && fn)
            e = fn(st, target, w->value.as.i, context, fail);
    }
    return e;
}

/* An actor's level as the records now show it, from this position on. */
static enum gb_err
note_actor(struct gb_state *st, const struct gb_rec *r, uint64_t pos,
           struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(st);
    if (s->actor_table < 0 || r->table != &s->tables[s->actor_table])
        return GB_OK;
    struct gb_value v = gb_cell_value(&r->table->columns[s->actor_level],
                                      &r->cells[s->actor_level]);
    int64_t level = v.type == GB_INT ? v.as.i : 0;
    if (r->nvoids || level < 0 || level > 8)
        level = 0; /* a void record acts no more; 9 is the hub alone */
    sqlite3_stmt *q = gb_state_sql(st, GB_SQL_PUT_LEVEL);
    sqlite3_bind_int(q, 1, 1);
    sqlite3_bind_int64(q, 2, r->id);
    sqlite3_bind_int64(q, 3, (int64_t)pos);
    sqlite3_bind_int64(q, 4, level);
    return gb_db_run(q, fail);
}

/* Merge into the record, which was read unless this is its insert. */
static enum gb_err
merge(struct gb_state *st, const struct gb_effect *x, int table,
      struct gb_rec *r, enum gb_code *code, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_state_schema(st)->tables[table];
    struct gb_value shown[GB_COLUMNS_MAX];
    bool insert = x->op->kind == GB_INSERT;
    enum gb_err e = insert ? GB_OK : gb_state_claim(st, table, r, fail);
    if (e)
        return e;
    if (!insert)
        gb_state_shown(r, shown);
    if (!(insert ? gb_rec_insert(r, t, x, &st->arena)
                 : gb_rec_merge(r, x, &st->lineage)))
        return gb_fail_memory(fail);
    bool exists = false;
    e = insert ? GB_OK : gb_state_note_was(st, r, shown, x->pos, fail);
    if (e)
        return e;
    e = insert ? gb_tables_insert(st->tables, r, &exists, fail)
               : gb_tables_update(st->tables, r, fail);
    if (!e && exists)
        *code = GB_CODE_EXISTS;
    if (e || exists)
        return e;
    gb_touched_add(&st->touched, table, r->id);
    e = gb_state_claim(st, table, r, fail);
    if (!e && st->waiting && insert)
        e = gb_state_arrived(st, table, r->id, fail);
    if (!e && st->waiting)
        e = gb_state_bury(st, x, table, fail);
    return e ? e : note_actor(st, r, (uint64_t)x->pos, fail);
}

/*
 * Judge by the schema that the set names, so that it does not matter whether a
 * newer one came before it; with what is cheap to know: that an inserted id is
 * free is found out by inserting it, and asked for only where another code
 * stands against it.  A record that is there is read at once, into *r.
 */
static enum gb_err
judge(struct gb_state *st, const struct gb_applying *a, const struct gb_op *op,
      int table, int level, bool forced, struct gb_rec *r, enum gb_code *code,
      struct gb_fail *fail)
{
    const struct gb_table *t = &a->schema->tables[op->table];
    struct gb_facts facts = {.forced = forced};
    enum gb_err e =
        check_references(st, t, op, &facts.refers, NULL, NULL, fail);
    if (!e && op->kind != GB_INSERT)
        e = gb_tables_load(st->tables, table, op->id, &st->arena, r,
                           &facts.exists, fail);
    *code = gb_judge(t, op, a->in->info->device, level, &facts);
    if (e || op->kind != GB_INSERT || *code == GB_CODE_NONE)
        return e;
    e = gb_tables_exists(st->tables, table, op->id, &facts.exists, fail);
    *code = gb_judge(t, op, a->in->info->device, level, &facts);
    return e;
}

/* The operation's table in the current schema: tables keep their names. */
static int
table_now(const struct gb_state *st, const struct gb_schema *s,
          const struct gb_op *op)
{
    const struct gb_schema *now = gb_state_schema(st);
    if (s == now)
        return op->table;
    int t = gb_schema_table(now, gb_span_text(s->tables[op->table].name));
    gb_assert(t >= 0); /* gb_schema_follows() */
    return t;
}

enum gb_err
gb_state_missing(struct gb_state *st, const struct gb_applying *a,
                 const struct gb_op *op, gb_missing_fn *fn, void *context,
                 struct gb_fail *fail)
{
    int table = table_now(st, a->schema, op);
    bool there = true, good;
    enum gb_err e = GB_OK;
    if (op->kind != GB_INSERT)
        e = gb_tables_exists(st->tables, table, op->id, &there, fail);
    if (!e && !there)
        e = fn(st, table, op->id, context, fail);
    return e ? e
             : check_references(st, &gb_state_schema(st)->tables[table], op,
                                &good, fn, context, fail);
}

enum gb_err
gb_state_obstacle(struct gb_state *st, struct gb_applying *a,
                  const struct gb_op *op, enum gb_code *code,
                  struct gb_fail *fail)
{
    int level;
    struct gb_facts facts = {.exists = op->kind != GB_INSERT, .refers = true};
    enum gb_err e = level_of(st, a, op, &level, fail);
    if (!e)
        *code = gb_judge(&a->schema->tables[op->table], op, a->in->info->device,
                         level, &facts);
    return e;
}

enum gb_err
gb_state_op(struct gb_state *st, struct gb_applying *a,
            const struct gb_turn *turn, enum gb_code *code,
            struct gb_fail *fail)
{
    const struct gb_op *op = &a->in->set->ops[turn->index];
    *code = GB_CODE_NONE;
    if (op->kind > GB_RESOLVE)
        return gb_state_site_op(st, a, op, code, fail);
    int level = 0, table = table_now(st, a->schema, op);
    struct gb_rec r;
    bool repeats;
    enum gb_err e =
        gb_state_repeats(st, a->in->set, turn->index, &repeats, fail);
    if (!e && repeats)
        *code = GB_CODE_REPEAT;
    if (!e && !repeats)
        e = level_of(st, a, op, &level, fail);
    gb_arena_reset(&st->arena);
    if (!e && !repeats)
        e = judge(st, a, op, table, level, turn->forced, &r, code, fail);
    if (e || *code)
        return e;
    struct gb_effect x = {
        .op = op,
        .device = a->in->info->device,
        .stamp = turn->stamp,
        .pos = (int64_t)a->pos,
        .level = level,
        .base = a->base,
        .dead = turn->dead,
    };
    e = merge(st, &x, table, &r, code, fail);
    return e || *code ? e
                      : gb_state_note_origin(st, a->in->set, turn->index, fail);
}
