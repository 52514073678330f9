/* state_wait.c - operations that wait, and what they wait for; see state.h,
 * docs/MERGE.md §3 */
#include "state_private.h"

/* --------------------------------------------------- taken apart again -- */

void
gb_held_release(struct gb_held *h)
{
    gb_set_release(&h->set);
    gb_buf_release(&h->bytes);
    *h = (struct gb_held){0};
}

/* The signed bytes, out of the database. */
static enum gb_err
read_held(struct gb_state *st, struct gb_held *h, uint64_t pos,
          struct gb_fail *fail)
{
    bool row;
    gb_buf_init(&h->bytes, GB_SET_MAX);
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_HELD);
    sqlite3_bind_int64(s, 1, (int64_t)pos);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && row)
        gb_buf_span(&h->bytes, gb_db_blob(s, 0));
    sqlite3_reset(s);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "the set at %llu is missing: `gengbu-hub rebuild` "
                        "makes hub.db anew from the ledger",
                        (unsigned long long)pos);
    return e ? e : gb_buf_check(&h->bytes, "a set that waits", fail);
}

enum gb_err
gb_held_open(struct gb_state *st, struct gb_held *h, uint64_t pos,
             struct gb_fail *fail)
{
    struct gb_fail why = {0};
    if (h->pos == pos)
        return GB_OK;
    gb_held_release(h);
    enum gb_err e = read_held(st, h, pos, fail);
    struct gb_span bytes = gb_buf_view(&h->bytes);
    if (!e)
        e = gb_set_info(bytes, &h->info, fail);
    if (e)
        return e;
    h->in = (struct gb_incoming){
        .signed_bytes = bytes, .info = &h->info, .sha = gb_sha256(bytes)};
    h->schema = gb_state_schema_of(st, h->info.schema);
    if (h->schema)
        e = gb_set_decode(bytes, h->schema, &h->set, &why);
    if (e == GB_E_MEMORY)
        return gb_fail_set(fail, e, "%s", why.text);
    h->pos = pos;
    h->good = h->schema && !e;
    h->in.set = h->good ? &h->set : NULL;
    if (!h->good || !st->reveal)
        return GB_OK;
    return st->reveal(st->reveal_context, &h->set, h->schema, h->in.sha.bytes,
                      fail);
}

/* ------------------------------------------------------------- waiting -- */

/* The row of _wait; what was there before keeps its buried columns. */
static enum gb_err
put_wait(struct gb_state *st, const struct gb_applying *a,
         const struct gb_turn *turn, uint64_t set_pos, enum gb_code code,
         struct gb_fail *fail)
{
    const struct gb_op *op = &a->in->set->ops[turn->index];
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_PUT_WAIT);
    sqlite3_bind_int(s, 1, a->in->info->device);
    sqlite3_bind_int64(s, 2, turn->stamp);
    sqlite3_bind_int64(s, 3, a->in->info->seq);
    sqlite3_bind_int(s, 4, turn->index);
    sqlite3_bind_int64(s, 5, (int64_t)set_pos);
    gb_db_bind_text(s, 6, gb_code_name(code));
    sqlite3_bind_int(s, 7, (int)op->kind);
    if (op->kind && op->kind <= GB_RESOLVE)
        gb_db_bind_text(s, 8, a->schema->tables[op->table].name);
    sqlite3_bind_int64(s, 9, op->id);
    sqlite3_bind_int64(s, 10, op->actor);
    sqlite3_bind_int64(s, 11, a->in->info->schema);
    return gb_db_run(s, fail);
}

/* Who needs a record. */
struct needing {
    int device;
    int64_t stamp;
};

static enum gb_err
add_need(struct gb_state *st, int table, int64_t id, void *context,
         struct gb_fail *fail)
{
    const struct needing *n = context;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_NEED);
    gb_db_bind_text(s, 1, gb_state_schema(st)->tables[table].name);
    sqlite3_bind_int64(s, 2, id);
    sqlite3_bind_int(s, 3, n->device);
    sqlite3_bind_int64(s, 4, n->stamp);
    return gb_db_run(s, fail);
}

/* Note the records it lacks, unless something else would still stop it: then
 * their arrival makes nothing due. */
static enum gb_err
note_needs(struct gb_state *st, struct gb_applying *a,
           const struct gb_turn *turn, struct gb_fail *fail)
{
    const struct gb_op *op = &a->in->set->ops[turn->index];
    struct needing n = {a->in->info->device, turn->stamp};
    enum gb_code obstacle = GB_CODE_NONE;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_DROP_NEEDS);
    sqlite3_bind_int(s, 1, n.device);
    sqlite3_bind_int64(s, 2, n.stamp);
    enum gb_err e = gb_db_run(s, fail);
    if (!e)
        e = gb_state_obstacle(st, a, op, &obstacle, fail);
    return e || obstacle ? e : gb_state_missing(st, a, op, add_need, &n, fail);
}

enum gb_err
gb_state_wait(struct gb_state *st, struct gb_applying *a,
              const struct gb_turn *turn, uint64_t set_pos, enum gb_code code,
              struct gb_fail *fail)
{
    enum gb_err e = put_wait(st, a, turn, set_pos, code, fail);
    if (!e && code == GB_CODE_MISSING)
        e = note_needs(st, a, turn, fail);
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_HELD);
    sqlite3_bind_int64(s, 1, (int64_t)set_pos);
    gb_db_bind_blob(s, 2, a->in->signed_bytes);
    st->waiting = true;
    return e ? e : gb_db_run(s, fail);
}

/* --------------------------------------------- what the others bring -- */

enum gb_err
gb_state_arrived(struct gb_state *st, int table, int64_t id,
                 struct gb_fail *fail)
{
    static const enum gb_state_sql steps[] = {
        GB_SQL_DUE_RECORD, GB_SQL_MEET_NEED, GB_SQL_TAKE_ID, GB_SQL_TAKE_NEEDS};
    enum gb_err e = GB_OK;
    for (int i = 0; i < 4 && !e; i++) {
        sqlite3_stmt *s = gb_state_sql(st, steps[i]);
        gb_db_bind_text(s, 1, gb_state_schema(st)->tables[table].name);
        sqlite3_bind_int64(s, 2, id);
        e = gb_db_run(s, fail);
    }
    return e;
}

/* One operation that waits on the record of a later one. */
static enum gb_err
bury_one(struct gb_state *st, const struct gb_effect *later, int table,
         const struct gb_effect *waiting, struct gb_fail *fail)
{
    uint64_t dead = gb_effect_buries(&gb_state_schema(st)->tables[table], later,
                                     waiting, &st->lineage);
    if (!dead)
        return GB_OK;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_BURY);
    sqlite3_bind_int(s, 1, waiting->device);
    sqlite3_bind_int64(s, 2, waiting->stamp);
    sqlite3_bind_int64(s, 3, (int64_t)dead);
    return gb_db_run(s, fail);
}

/* Whether it writes a column that keeps open siblings: no other is buried. */
static bool
writes_open(const struct gb_table *t, const struct gb_op *op)
{
    bool open = false;
    for (int i = 0; i < op->nvalues; i++)
        open |= gb_rule_open(t->columns[op->values[i].column].rule.kind);
    return open;
}

enum gb_err
gb_state_bury(struct gb_state *st, const struct gb_effect *later, int table,
              struct gb_fail *fail)
{
    struct gb_held *h = &st->waits;
    const struct gb_table *t = &gb_state_schema(st)->tables[table];
    bool row;
    enum gb_err e;
    if (!writes_open(t, later->op))
        return GB_OK;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_WAIT_OF);
    gb_db_bind_text(s, 1, t->name);
    sqlite3_bind_int64(s, 2, later->op->id);
    while (!(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_effect waiting = {.device = sqlite3_column_int(s, 0),
                                    .stamp = sqlite3_column_int64(s, 1)};
        int index = sqlite3_column_int(s, 3);
        e = gb_held_open(st, h, (uint64_t)sqlite3_column_int64(s, 2), fail);
        if (!e && h->good && index < h->set.nops) {
            waiting.op = &h->set.ops[index];
            e = bury_one(st, later, table, &waiting, fail);
        }
        if (e)
            break;
    }
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_due(struct gb_state *st, struct gb_opname *out, int max, int *n,
             struct gb_fail *fail)
{
    bool row;
    enum gb_err e = GB_OK;
    *n = 0;
    if (!st->waiting)
        return GB_OK;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_DUE);
    sqlite3_bind_int(s, 1, max);
    while (!(e = gb_db_step(s, &row, fail)) && row)
        out[(*n)++] = (struct gb_opname){sqlite3_column_int(s, 0),
                                         sqlite3_column_int64(s, 1)};
    sqlite3_reset(s);
    return e;
}

void
gb_state_on_release(struct gb_state *st, gb_reveal_fn *reveal, void *context)
{
    st->reveal = reveal;
    st->reveal_context = context;
}
