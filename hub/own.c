/* own.c - what the hub's people do, as sets of replica 0; see office.h */
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/sshsig.h"
#include "hub/office_private.h"

/* Containers made so far, committed together. */
struct own {
    struct gb_office *o;
    struct gb_own_sets *made;
    struct gb_device replica; /* number 0: its chain */
    struct gb_boot boot;
    int64_t now_ms, stamp;
    struct gb_head base;
};

/* Only operations of the site need no schema; their set may bring one. */
static const struct gb_schema *
schema_for(const struct own *w, const struct gb_op *op)
{
    return op->kind >= GB_SITE ? &gb_schema_none : gb_state_schema(w->o->state);
}

/* Salt for the personal values that the hub's people write. */
static enum gb_err
add_salt(struct own *w, struct gb_op *op, const struct gb_schema *s,
         struct gb_fail *fail)
{
    bool personal = false;
    for (int i = 0; i < op->nvalues; i++)
        personal |= s->tables[op->table].columns[op->values[i].column].personal;
    if (!personal)
        return GB_OK;
    uint8_t *salt = gb_arena_alloc(&w->made->arena, GB_SALT_BYTES);
    if (!salt)
        return gb_fail_memory(fail);
    gb_random(salt, GB_SALT_BYTES);
    op->salt = salt;
    return GB_OK;
}

/* Sign the encoded set and keep its container. */
static enum gb_err
keep(struct own *w, const struct gb_set *set, const struct gb_schema *s,
     struct gb_fail *fail)
{
    struct gb_buf bytes, personal;
    struct gb_own_sets *m = w->made;
    struct gb_arriving *grown = realloc(m->sets, (m->n + 1) * sizeof *m->sets);
    if (!grown)
        return gb_fail_memory(fail);
    m->sets = grown;
    gb_buf_init(&bytes, GB_SET_MAX);
    gb_buf_init(&personal, GB_SET_MAX);
    enum gb_err e = gb_set_encode(set, s, &bytes, fail);
    if (!e)
        e = gb_set_encode_personal(set, s, &personal, fail);
    if (!e) {
        struct gb_span signed_bytes = gb_buf_view(&bytes);
        struct gb_signature sig =
            gb_sshsig_sign(&w->o->keys.hub, GB_NS_CHANGESET, signed_bytes);
        struct gb_sha256 sha = gb_sha256(signed_bytes);
        struct gb_container c = {
            gb_arena_copy(&m->arena, signed_bytes),
            gb_arena_copy(&m->arena, GB_SPAN(sig.bytes, sizeof sig.bytes)),
            gb_arena_copy(&m->arena, gb_buf_view(&personal))};
        if (!c.signed_bytes.ptr || !c.signature.ptr || !c.personal.ptr)
            e = gb_fail_memory(fail);
        m->sets[m->n++] = (struct gb_arriving){.parts = c, .own = true};
        w->replica.seq = set->seq;
        memcpy(w->replica.sha, sha.bytes, 32);
    }
    gb_buf_release(&bytes);
    gb_buf_release(&personal);
    return e;
}

/* As many operations as fit one set and need the same schema. */
static enum gb_err
make_set(struct own *w, struct gb_op *ops, int nops, int64_t actor, int *taken,
         struct gb_fail *fail)
{
    const struct gb_schema *s = schema_for(w, ops);
    struct gb_set set = {.device = 0,
                         .seq = w->replica.seq + 1,
                         .schema = s->version,
                         .clock_ms = w->now_ms,
                         .base = w->base,
                         .boots = &w->boot,
                         .nboots = 1,
                         .ops = ops};
    size_t bound = GB_SET_OVERHEAD;
    enum gb_err e = GB_OK;
    memcpy(set.site, w->o->site, sizeof set.site);
    memcpy(set.prev, w->replica.sha, sizeof set.prev);
    for (; set.nops < nops && set.nops < GB_SET_OPS_MAX && !e; set.nops++) {
        struct gb_op *op = &ops[set.nops];
        bound += gb_op_bound(op);
        if (schema_for(w, op) != s || (set.nops && bound > GB_BODY_MAX))
            break;
        w->stamp = gb_clock_next(w->stamp, w->now_ms);
        op->stamp = w->stamp;
        op->time_ms = w->now_ms;
        op->boot = 0;
        op->actor = actor;
        if (op->kind < GB_SITE)
            e = add_salt(w, op, s, fail);
    }
    *taken = set.nops;
    return e ? e : keep(w, &set, s, fail);
}

void
gb_own_init(struct gb_own_sets *made)
{
    *made = (struct gb_own_sets){0};
    gb_arena_init(&made->arena, (size_t)256 * 1024 * 1024);
}

void
gb_own_release(struct gb_own_sets *made)
{
    free(made->sets);
    gb_arena_release(&made->arena);
}

enum gb_err
gb_own_make(struct gb_office *o, struct gb_op *ops, int nops, int64_t actor,
            int64_t now_ms, struct gb_own_sets *made, struct gb_fail *fail)
{
    struct own w = {.o = o, .made = made, .now_ms = now_ms};
    bool found;
    enum gb_err e = gb_state_device(o->state, 0, &w.replica, &found, fail);
    w.base = gb_state_head(o->state);
    w.boot.wall_ms = now_ms;
    for (int at = 0, taken = 0; at < nops && !e; at += taken)
        e = make_set(&w, ops + at, nops - at, actor, &taken, fail);
    return e;
}

/* What the hub's people ordered was done, and not only written down. */
static enum gb_err
check_effect(const struct gb_arriving *a, struct gb_fail *fail)
{
    unsigned long long pos = a->pos;
    const char *code = gb_code_name(a->code), *text = gb_code_text(a->code);
    if (a->outcome != GB_TAKEN)
        return gb_fail_set(fail, GB_E_STATE, "the hub refused its own set: %s",
                           a->fail.text);
    if (a->verdict == GB_FORK)
        return gb_fail_set(fail, GB_E_FORK,
                           "entry %llu is a fork of the hub's own chain: is "
                           "another copy of this folder at work?",
                           pos);
    if (a->verdict == GB_HELD)
        return gb_fail_set(fail, GB_E_REFUSED,
                           "it is in the ledger as entry %llu, held: %s: %s",
                           pos, code, text);
    if (a->waits)
        return gb_fail_set(fail, GB_E_REFUSED,
                           "%d of the operations in entry %llu of the ledger "
                           "did not take effect, the first being %llu.%d: %s: "
                           "%s (`gengbu-hub quarantine` lists them)",
                           a->waits, pos, pos, a->first + 1, code, text);
    return GB_OK;
}

enum gb_err
gb_office_own(struct gb_office *o, struct gb_op *ops, int nops, int64_t actor,
              struct gb_fail *fail)
{
    struct gb_own_sets made;
    int64_t now_ms;
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    gb_own_init(&made);
    e = gb_office_now(o, &now_ms, fail);
    if (!e)
        e = gb_own_make(o, ops, nops, actor, now_ms, &made, fail);
    if (!e && made.n)
        e = gb_office_commit(o, made.sets, made.n, fail);
    for (size_t i = 0; i < made.n && !e; i++)
        e = check_effect(&made.sets[i], fail);
    gb_office_unlock(o);
    gb_own_release(&made);
    return e;
}

enum gb_err
gb_office_new_id(struct gb_office *o, int64_t *id, struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(o->state);
    enum gb_err e = GB_OK;
    for (int t = 0; t < s->ntables && !o->counter && !e; t++) {
        sqlite3_stmt *q;
        bool row = false;
        e = gb_db_preparef(gb_state_db(o->state), &q, fail,
                           "SELECT max(id) FROM \"%w\" WHERE id < %lld",
                           s->tables[t].name, (long long)gb_id_make(1, 0));
        if (!e)
            e = gb_db_step(q, &row, fail);
        if (!e && row && sqlite3_column_int64(q, 0) > o->highest)
            o->highest = sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
    }
    o->counter = e == GB_OK;
    *id = ++o->highest;
    return e;
}
