/* state_release.c - operations that waited take effect; see state.h,
 * docs/MERGE.md §3 */
#include "state_private.h"
#include "tlv.h"

struct releasing {
    struct gb_state *st;
    uint64_t pos; /* of the releasing set */
    bool force;
    struct gb_held held; /* names of one set stand together */
};

/* A row of _wait. */
struct waiter {
    uint64_t pos;
    int index;
    enum gb_code code;
    uint64_t dead;
};

static enum gb_err
find(struct gb_state *st, const struct gb_opname *name, struct waiter *out,
     bool *found, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_WAIT);
    sqlite3_bind_int(s, 1, name->device);
    sqlite3_bind_int64(s, 2, name->stamp);
    enum gb_err e = gb_db_step(s, found, fail);
    if (!e && *found)
        *out = (struct waiter){(uint64_t)sqlite3_column_int64(s, 0),
                               sqlite3_column_int(s, 1),
                               gb_code_parse(gb_db_blob(s, 2)),
                               (uint64_t)sqlite3_column_int64(s, 3)};
    sqlite3_reset(s);
    return e;
}

/* The base is one that this log had, else its writer has seen nothing of it:
 * so what it did not see is never overwritten. */
static enum gb_err
base_of(struct gb_state *st, const struct gb_set_info *info, uint64_t *out,
        struct gb_fail *fail)
{
    bool known;
    enum gb_err e = gb_state_knows(st, &info->base, &known, fail);
    *out = known ? info->base.size : 0;
    return e;
}

/* It took effect: nothing of it is kept here any more. */
static enum gb_err
forget(struct gb_state *st, const struct gb_opname *name, uint64_t pos,
       struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_DROP_WAIT);
    sqlite3_bind_int(s, 1, name->device);
    sqlite3_bind_int64(s, 2, name->stamp);
    enum gb_err e = gb_db_run(s, fail);
    s = gb_state_sql(st, GB_SQL_DROP_HELD);
    sqlite3_bind_int64(s, 1, (int64_t)pos);
    return e ? e : gb_db_run(s, fail);
}

/* A set that cannot be read, with the schema it names, waits for a person. */
static enum gb_err
unreadable(struct gb_state *st, const struct gb_opname *name,
           const struct gb_held *h, struct gb_fail *fail)
{
    if (!h->schema)
        return GB_OK; /* the version is still not there */
    return gb_db_execf(st->db, fail,
                       "UPDATE _wait SET code = 'MALFORMED', due = 0 "
                       "WHERE device = %d AND stamp = %lld",
                       name->device, (long long)name->stamp);
}

static enum gb_err
release_one(struct releasing *r, const struct gb_opname *name,
            struct gb_fail *fail)
{
    struct gb_state *st = r->st;
    struct waiter w = {0};
    bool found;
    enum gb_code code = GB_CODE_NONE;
    enum gb_err e = find(st, name, &w, &found, fail);
    if (!e && found)
        e = gb_held_open(st, &r->held, w.pos, fail);
    if (e || !found)
        return e;
    const struct gb_held *h = &r->held;
    if (!h->good || w.index >= h->set.nops)
        return unreadable(st, name, h, fail);
    struct gb_applying a = {.in = &h->in, .schema = h->schema, .pos = r->pos};
    struct gb_turn turn = {.index = w.index,
                           .stamp = name->stamp,
                           .forced = r->force && (w.code == GB_CODE_ILLEGAL ||
                                                  w.code == GB_CODE_AUTHORITY),
                           .dead = w.dead};
    e = base_of(st, &h->info, &a.base, fail);
    if (!e)
        e = gb_applying_begin(st, &a, fail);
    if (!e)
        e = gb_state_op(st, &a, &turn, &code, fail);
    if (e)
        return e;
    return code ? gb_state_wait(st, &a, &turn, w.pos, code, fail)
                : forget(st, name, w.pos, fail);
}

enum gb_err
gb_state_release(struct gb_state *st, uint64_t pos, const struct gb_op *op,
                 struct gb_fail *fail)
{
    struct releasing r = {.st = st, .pos = pos};
    uint64_t force = 0;
    enum gb_err e = GB_OK;
    if (gb_tlv_find_number(op->text, GB_RELEASE_FORCE, &force))
        r.force = force == 1;
    for (int i = 0; i < op->nnames && !e; i++)
        e = release_one(&r, &op->names[i], fail);
    gb_held_release(&r.held);
    return e;
}
