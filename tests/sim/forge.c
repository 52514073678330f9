/*
 * forge.c - whoever has an enrolled key may sign anything: illegal moves,
 * records that are not there, other people's ids, what only the hub may do,
 * schema versions and ledger heads that do not exist; see sim.h.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/request.h"
#include "engine/sshsig.h"
#include "sim.h"

/* A set in the making. */
struct forgery {
    struct world *w;
    struct forger *f;
    struct gb_schema schema; /* the hub's, perhaps under a later number */
    struct gb_op ops[3];
    struct gb_written values[3][3];
    struct gb_opname name;
    struct gb_boot boot;
    struct gb_set set;
};

static struct gb_value
text(const char *s)
{
    return gb_value_text(gb_span_text(s));
}

/* Add a value to the i-th operation; values stand by rising column. */
static void
put(struct forgery *g, int i, const char *name, struct gb_value v)
{
    struct gb_op *op = &g->ops[i];
    op->values = g->values[i];
    op->values[op->nvalues++] = (struct gb_written){
        .column = gb_table_column(&g->schema.tables[SIM_R], gb_span_text(name)),
        .value = v};
}

static int64_t
any_record(struct world *w)
{
    return w->nrecords ? w->records[sim_below(&w->chance, w->nrecords)]
                       : gb_id_make(1, 1);
}

/* A new record: as it should be, or in a state, of an id, with an owner that
 * may not be. */
static void
forge_insert(struct forgery *g, int i)
{
    struct world *w = g->w;
    struct gb_op *op = &g->ops[i];
    op->kind = GB_INSERT;
    op->id = gb_id_make(g->f->number, ++g->f->counter);
    put(g, i, "fa", gb_value_int(sim_below(&w->chance, 6)));
    put(g, i, "st", text(sim_chance(&w->chance, 70) ? "a" : "c"));
    if (sim_chance(&w->chance, 20))
        op->id = any_record(w);
    if (sim_chance(&w->chance, 30))
        put(g, i, "owner",
            gb_value_int(
                sim_chance(&w->chance, 50)
                    ? any_record(w)
                    : gb_id_make(g->f->number, g->f->counter + 1 +
                                                   sim_below(&w->chance, 2))));
    w->records =
        sim_grow(w->records, w->nrecords, &w->room_records, sizeof *w->records);
    w->records[w->nrecords++] = op->id;
}

/* A change of a record that may not be there, by a move that may not be. */
static void
forge_set(struct forgery *g, int i)
{
    static const char *const states[] = {"a", "b", "c", "d"};
    static const char *const numbers[] = {"fa", "la", "mx", "mxb", "re"};
    struct world *w = g->w;
    g->ops[i].kind = GB_SET;
    g->ops[i].id = sim_chance(&w->chance, 80)
                       ? any_record(w)
                       : gb_id_make(g->f->number, g->f->counter + 1);
    if (sim_chance(&w->chance, 50)) {
        put(g, i, numbers[sim_below(&w->chance, 5)],
            gb_value_int(sim_below(&w->chance, 9)));
        return;
    }
    put(g, i, "st", text(states[sim_below(&w->chance, 4)]));
    g->values[i][0].from = text(states[sim_below(&w->chance, 4)]);
}

/* What only replica 0 may do. */
static void
forge_order(struct forgery *g, int i)
{
    struct world *w = g->w;
    struct gb_op *op = &g->ops[i];
    g->name = (struct gb_opname){1, gb_stamp_of(w->time_ms)};
    op->names = &g->name;
    op->nnames = 1;
    if (sim_chance(&w->chance, 50)) {
        op->kind = GB_RELEASE;
        op->table = 0;
        op->text = GB_SPAN("", 0);
        return;
    }
    op->kind = GB_RESOLVE;
    op->id = any_record(w);
    op->text = gb_span_text("mine");
    put(g, i, "re", gb_value_int(9));
}

static void
forge_op(struct forgery *g, int i)
{
    struct world *w = g->w;
    struct gb_op *op = &g->ops[i];
    /* any time; only the stamps rise, which the encoding demands */
    int64_t t = gb_time_clamp(w->time_ms +
                              (sim_below(&w->chance, 5) - 2) * 4000 * SIM_HOUR);
    g->f->stamp = gb_clock_next(g->f->stamp, t);
    *op = (struct gb_op){
        .table = SIM_R,
        .actor = sim_chance(&w->chance, 90) ? 1 + sim_below(&w->chance, 2) : 99,
        .time_ms = t,
        .stamp = g->f->stamp};
    int what = sim_below(&w->chance, 100);
    if (what < 40)
        forge_insert(g, i);
    else if (what < 85)
        forge_set(g, i);
    else if (what < 92)
        forge_order(g, i);
    else {
        op->kind = GB_VOID;
        op->id = any_record(w);
        op->text = gb_span_text("gone");
    }
}

/* Some head of the ledger, or none that it ever had. */
static struct gb_head
forge_base(struct world *w)
{
    struct gb_head h = gb_state_head(w->office->state);
    uint64_t size = sim_next(&w->chance) % (h.size + 1);
    int what = sim_below(&w->chance, 10);
    if (what < 3)
        SIM_MUST(w, gb_state_head_at(w->office->state, size, &h, &why));
    else if (what == 3)
        h.size += 1 + (uint64_t)sim_below(&w->chance, 5);
    else if (what == 4)
        h.root[0] ^= 1;
    return h;
}

static void
forge_set_of(struct forgery *g)
{
    struct world *w = g->w;
    struct gb_set *s = &g->set;
    if (sim_chance(&w->chance, 15))
        g->schema.version += 1 + (uint32_t)sim_below(&w->chance, 2);
    *s = (struct gb_set){.device = g->f->number,
                         .seq = g->f->seq + 1,
                         .schema = g->schema.version,
                         .clock_ms = w->time_ms,
                         .base = forge_base(w),
                         .boots = &g->boot,
                         .nboots = 1,
                         .ops = g->ops,
                         .nops = 1 + sim_below(&w->chance, 3)};
    memcpy(s->site, w->office->site, sizeof s->site);
    memcpy(s->prev, g->f->sha, sizeof s->prev);
    if (g->f->seq && sim_chance(&w->chance, 8)) /* a second chain */
        memset(s->prev, 0, sizeof s->prev);
    g->boot = (struct gb_boot){.wall_ms = w->time_ms};
    for (int i = 0; i < s->nops; i++)
        forge_op(g, i);
}

/* Signed, and what its personal section is. */
static void
sign(struct forgery *g, struct gb_buf *out)
{
    gb_buf_init(out, 2 * GB_SET_MAX);
    SIM_MUST(g->w, gb_set_encode(&g->set, &g->schema, out, &why));
    struct gb_signature sig =
        gb_sshsig_sign(&g->f->sign, GB_NS_CHANGESET, gb_buf_view(out));
    gb_buf_add(out, sig.bytes, sizeof sig.bytes);
    SIM_MUST(g->w, gb_set_encode_personal(&g->set, &g->schema, out, &why));
}

/* Where the hub thinks that this chain stands. */
static void
look(struct forgery *g)
{
    struct gb_device d;
    bool found;
    SIM_MUST(g->w, gb_state_device(g->w->office->state, g->f->number, &d,
                                   &found, &why));
    g->f->enrolled = d.enrolled;
    g->f->seq = d.seq;
    memcpy(g->f->sha, d.sha, sizeof d.sha);
}

static void
send(struct forgery *g, const struct gb_buf *container)
{
    struct world *w = g->w;
    struct gb_buf request, bundle;
    struct gb_request r = {.device = g->f->number,
                           .clock_ms = w->time_ms,
                           .wall_ms = w->time_ms,
                           .seq = g->f->seq,
                           .schema = 1,
                           .first = !g->f->enrolled};
    memcpy(r.site, w->office->site, sizeof r.site);
    memcpy(r.sign_key, g->f->sign.public_key.bytes, 32);
    memcpy(r.receive_key, g->f->receive.public_key.bytes, 32);
    memcpy(r.secret, g->f->secret, 32);
    gb_buf_init(&request, 8192);
    gb_buf_init(&bundle, SIZE_MAX / 4);
    SIM_MUST(w, gb_request_encode(&r, &g->f->sign, &request, &why));
    sim_bundle(w, g->f->number, gb_buf_view(&request), container, 1, &bundle);
    sim_hub_import(w, gb_buf_view(&bundle));
    gb_buf_release(&request);
    gb_buf_release(&bundle);
}

void
sim_forge(struct world *w)
{
    struct gb_buf container;
    struct forgery g = {.w = w,
                        .f = &w->forgers[sim_below(&w->chance, SIM_FORGERS)],
                        .schema = *gb_state_schema(w->office->state)};
    look(&g);
    forge_set_of(&g);
    sign(&g, &container);
    sim_tell(w, "device %d forges set %u: %d operations, schema %u, base %llu",
             g.f->number, g.set.seq, g.set.nops, g.set.schema,
             (unsigned long long)g.set.base.size);
    for (int i = 0; i < g.set.nops; i++)
        sim_tell(w, "  kind %d of %lld-%lld", (int)g.ops[i].kind,
                 (long long)(g.ops[i].id >> GB_COUNTER_BITS),
                 (long long)(g.ops[i].id & GB_COUNTER_MAX));
    send(&g, &container);
    gb_buf_release(&container);
    w->forged++;
    if (sim_disk_is_killed(w->hub_disk))
        sim_hub_restart(w);
}
