/* state_op.c - one operation of a set takes effect, or waits; state.h */
#include "state_private.h"

#include "id.h"

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
        e = gb_state_level(st, true, op->actor, a->in->info->base.size,
                           &a->actor_level, fail);
    a->actor = op->actor;
    *level =
        a->actor_level < a->device_level ? a->actor_level : a->device_level;
    return e;
}

/* Whether every record that the operation refers to is there. */
static enum gb_err
check_references(struct gb_state *st, const struct gb_table *t,
                 const struct gb_op *op, bool *good, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    *good = true;
    for (int i = 0; i < op->nvalues && *good && !e; i++) {
        const struct gb_written *w = &op->values[i];
        int target = t->columns[w->column].refers;
        if (target >= 0 && w->value.type == GB_INT)
            e = gb_tables_exists(st->tables, target, w->value.as.i, good, fail);
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

/* Merge into the record, which is there unless this is its insert. */
static enum gb_err
merge(struct gb_state *st, const struct gb_effect *x, int table,
      enum gb_code *code, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_state_schema(st)->tables[table];
    struct gb_rec r;
    bool insert = x->op->kind == GB_INSERT, found = false;
    enum gb_err e = GB_OK;
    if (!insert)
        e = gb_tables_load(st->tables, table, x->op->id, &st->arena, &r, &found,
                           fail);
    if (e)
        return e;
    if (!(insert ? gb_rec_insert(&r, t, x, &st->arena)
                 : gb_rec_merge(&r, x, &st->lineage)))
        return gb_fail_set(fail, GB_E_MEMORY, "%s",
                           gb_err_sentence(GB_E_MEMORY));
    bool exists = false;
    e = insert ? GB_OK : gb_state_note_was(st, &r, x->pos, fail);
    if (e)
        return e;
    e = insert ? gb_tables_insert(st->tables, &r, &exists, fail)
               : gb_tables_update(st->tables, &r, fail);
    if (!e && exists)
        *code = GB_CODE_EXISTS;
    if (e || exists)
        return e;
    gb_touched_add(&st->touched, table, r.id);
    return note_actor(st, &r, (uint64_t)x->pos, fail);
}

/*
 * Judge with what is cheap to know: that an inserted id is free is found out
 * by inserting it, and asked for only where another code stands against it.
 */
static enum gb_err
judge(struct gb_state *st, const struct gb_applying *a, const struct gb_op *op,
      int table, int level, enum gb_code *code, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_state_schema(st)->tables[table];
    struct gb_facts facts = {0};
    enum gb_err e = check_references(st, t, op, &facts.refers, fail);
    if (!e && op->kind != GB_INSERT)
        e = gb_tables_exists(st->tables, table, op->id, &facts.exists, fail);
    *code = gb_judge(t, op, a->in->info->device, level, &facts);
    if (e || op->kind != GB_INSERT || *code == GB_CODE_NONE)
        return e;
    e = gb_tables_exists(st->tables, table, op->id, &facts.exists, fail);
    *code = gb_judge(t, op, a->in->info->device, level, &facts);
    return e;
}

/* The operation's table in the current schema: tables keep their names. */
static int
current_table(const struct gb_state *st, const struct gb_applying *a,
              const struct gb_op *op)
{
    const struct gb_schema *now = gb_state_schema(st);
    if (a->schema == now)
        return op->table;
    int t =
        gb_schema_table(now, gb_span_text(a->schema->tables[op->table].name));
    gb_assert(t >= 0); /* gb_schema_follows() */
    return t;
}

enum gb_err
gb_state_op(struct gb_state *st, struct gb_applying *a, int index,
            enum gb_code *code, struct gb_fail *fail)
{
    const struct gb_op *op = &a->in->set->ops[index];
    *code = GB_CODE_NONE;
    if (op->kind > GB_RESOLVE)
        return gb_state_site_op(st, a, op, code, fail);
    int level, table = current_table(st, a, op);
    enum gb_err e = level_of(st, a, op, &level, fail);
    if (!e)
        e = judge(st, a, op, table, level, code, fail);
    if (e || *code)
        return e;
    struct gb_effect x = {
        .op = op,
        .device = a->in->info->device,
        .stamp = a->stamps[index],
        .pos = (int64_t)a->pos,
        .level = level,
        .base = a->in->info->base.size,
    };
    gb_arena_reset(&st->arena);
    return merge(st, &x, table, code, fail);
}
