/* oracle_decide.c - verdicts, stamps and positions of all operations, line
 * after line; see oracle.h, docs/MERGE.md §3, §10, §11 */
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/tlv.h"
#include "oracle.h"

/* ------------------------------------------------------- what is known -- */

/* The record is there: its insert took effect. */
static bool
exists(const struct oracle *o, int table, int64_t id)
{
    for (int i = 0; i < o->nops; i++) {
        const struct oracle_op *x = o->ops[i];
        if (x->pos && x->op->kind == GB_INSERT && x->op->table == table &&
            x->op->id == id)
            return true;
    }
    return false;
}

/* M19: the level of a device, as of a ledger size. */
static int
device_level(const struct oracle *o, int number, uint64_t size)
{
    int level = 0;
    bool known = false;
    for (int i = 0; i < o->nops; i++) {
        const struct oracle_op *x = o->ops[i];
        uint64_t n, v;
        if (!x->pos || x->op->kind != GB_DEVICE ||
            !gb_tlv_find_number(x->op->text, GB_DEVICE_NUMBER, &n) ||
            n != (uint64_t)number ||
            !gb_tlv_find_number(x->op->text, GB_DEVICE_LEVEL, &v))
            continue;
        if (x->pos > size && known)
            break;
        known = true; /* later than the base: that of its enrolment */
        level = (int)v;
    }
    return level;
}

/* The same for a member of staff: the latest write of those up to it. */
static int
actor_level(const struct oracle *o, int64_t actor, uint64_t size)
{
    const struct gb_schema *s = oracle_schema(o, o->version);
    const struct oracle_op *best = NULL;
    for (int i = 0; i < o->nops; i++) {
        const struct oracle_op *x = o->ops[i];
        if (!x->pos || x->pos > size || x->op->kind > GB_RESOLVE ||
            x->op->table != s->actor_table || x->op->id != actor)
            continue;
        if (x->op->kind == GB_VOID)
            return 0;
        if (oracle_written(x, s->actor_level) &&
            (!best || x->stamp > best->stamp ||
             (x->stamp == best->stamp && x->device > best->device)))
            best = x;
    }
    const struct gb_written *v =
        best ? oracle_written(best, s->actor_level) : NULL;
    return v && v->value.type == GB_INT ? (int)v->value.as.i : 0;
}

static int
level_of(const struct oracle *o, const struct oracle_op *x)
{
    if (x->device == 0)
        return 9;
    int device = device_level(o, x->device, x->base);
    int actor = actor_level(o, x->op->actor, x->base);
    return device < actor ? device : actor;
}

/* ---------------------------------------------------------- operations -- */

/* M11: a move by the state left, alone. */
static enum gb_code
judge_state(const struct gb_rule *rule, const struct gb_op *op,
            const struct gb_written *w, int level)
{
    int to = gb_rule_value(rule, &w->value);
    if (op->kind == GB_INSERT)
        return to ? GB_CODE_ILLEGAL : GB_CODE_NONE;
    const struct gb_move *m =
        gb_rule_move(rule, gb_rule_value(rule, &w->from), to);
    return !m                 ? GB_CODE_ILLEGAL
           : level < m->level ? GB_CODE_AUTHORITY
                              : GB_CODE_NONE;
}

static bool
refers(const struct oracle *o, const struct gb_table *t, const struct gb_op *op)
{
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *w = &op->values[i];
        int target = t->columns[w->column].refers;
        if (target >= 0 && w->value.type == GB_INT &&
            !exists(o, target, w->value.as.i))
            return false;
    }
    return true;
}

/* M25: it took effect already, under whatever number. */
static bool
repeats(const struct oracle *o, const struct oracle_op *x)
{
    for (int i = 0; i < o->nops; i++) {
        const struct oracle_op *y = o->ops[i];
        if (y != x && y->pos && y->origin.device == x->origin.device &&
            y->origin.stamp == x->origin.stamp &&
            y->origin.mono_ms == x->origin.mono_ms &&
            !memcmp(y->origin.boot, x->origin.boot, 16))
            return true;
    }
    return false;
}

/* M18, in its order; M23 for what a person forces. */
static enum gb_code
judge(const struct oracle *o, const struct oracle_op *x, bool forced)
{
    const struct gb_op *op = x->op;
    const struct gb_table *t = &oracle_schema(o, o->version)->tables[op->table];
    bool there = exists(o, op->table, op->id);
    if (x->device && repeats(o, x))
        return GB_CODE_REPEAT;
    if (op->kind == GB_RESOLVE && x->device)
        return GB_CODE_HUBONLY;
    if (op->kind == GB_INSERT && op->id >> GB_COUNTER_BITS != x->device)
        return GB_CODE_RANGE;
    if (op->kind == GB_INSERT && there)
        return GB_CODE_EXISTS;
    if ((op->kind != GB_INSERT && !there) || !refers(o, t, op))
        return GB_CODE_MISSING;
    if (op->kind == GB_RESOLVE)
        return GB_CODE_NONE;
    if (x->level < (op->kind == GB_VOID ? t->voids : t->write) && !forced)
        return GB_CODE_AUTHORITY;
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_column *c = &t->columns[op->values[i].column];
        enum gb_code code = GB_CODE_NONE;
        if (c->rule.kind == GB_RULE_FACT && op->kind == GB_SET)
            return GB_CODE_FACT;
        if (c->rule.kind == GB_RULE_STATE)
            code = judge_state(&c->rule, op, &op->values[i], x->level);
        if (code && !forced)
            return code;
    }
    return GB_CODE_NONE;
}

bool
oracle_could_go_on(const struct oracle *o, const struct oracle_op *x)
{
    struct oracle_op now = *x;
    now.level = level_of(o, x);
    return judge(o, &now, false) == GB_CODE_NONE;
}

static void effect(struct oracle *o, struct oracle_op *x, uint64_t pos,
                   bool forced);

/* The operation with this name that waits, or NULL. */
static struct oracle_op *
find_waiting(const struct oracle *o, const struct gb_opname *name)
{
    for (int i = 0; i < o->nops; i++) {
        struct oracle_op *x = o->ops[i];
        if (x->device == name->device && x->stamp == name->stamp && x->code)
            return x;
    }
    return NULL;
}

/* M21 to M23. */
static void
release(struct oracle *o, const struct gb_op *op, uint64_t pos)
{
    uint64_t force = 0;
    gb_tlv_find_number(op->text, GB_RELEASE_FORCE, &force);
    for (int i = 0; i < op->nnames; i++) {
        struct oracle_op *x = find_waiting(o, &op->names[i]);
        if (!x)
            continue;
        struct oracle_line *l = &o->lines[x->line->said.pos - 1];
        bool forced = force && (x->code == GB_CODE_ILLEGAL ||
                                x->code == GB_CODE_AUTHORITY);
        if (oracle_decode(o, l))
            effect(o, x, pos, forced);
        else if (oracle_schema(o, l->info.schema))
            x->code = GB_CODE_MALFORMED;
    }
}

/* One operation takes effect at a position, or waits with a code. */
static void
effect(struct oracle *o, struct oracle_op *x, uint64_t pos, bool forced)
{
    uint64_t version = 0;
    x->code = GB_CODE_NONE;
    if (x->op->kind > GB_RESOLVE && x->device) {
        x->code = GB_CODE_HUBONLY;
    } else if (x->op->kind == GB_RELEASE) {
        release(o, x->op, pos);
    } else if (x->op->kind == GB_SCHEMA) {
        gb_tlv_find_number(x->op->text, GB_SCHEMA_VERSION, &version);
        if (version == o->version + 1)
            o->version++;
        else
            x->code = GB_CODE_MALFORMED;
    } else if (x->op->kind <= GB_RESOLVE) {
        x->level = level_of(o, x);
        x->code = judge(o, x, forced);
    }
    x->pos = x->code ? 0 : pos;
}

/* --------------------------------------------------------------- lines -- */

/* The line of the device's last set that is no fork. */
static const struct oracle_line *
chain_end(const struct oracle *o, const struct oracle_line *l)
{
    for (const struct oracle_line *p = l - 1; p >= o->lines; p--)
        if (p->info.device == l->info.device && p->verdict != GB_FORK)
            return p;
    return NULL;
}

static bool
base_known(const struct oracle *o, const struct oracle_line *l)
{
    uint64_t size = l->info.base.size;
    struct gb_sha256 root = gb_merkle_empty();
    if (size >= l->said.pos || l->info.base.epoch > 1)
        return false;
    if (size)
        root = o->lines[size - 1].root;
    return !memcmp(root.bytes, l->info.base.root, sizeof root.bytes);
}

/* M17 */
static enum gb_verdict
judge_set(const struct oracle *o, const struct oracle_line *l,
          enum gb_code *held)
{
    static const uint8_t none[32];
    const struct oracle_line *p = chain_end(o, l);
    *held = GB_CODE_NONE;
    if (l->info.seq != (p ? p->info.seq : 0) + 1 ||
        memcmp(l->info.prev, p ? p->said.sha256 : none, 32))
        return GB_FORK;
    if (l->info.schema > o->version)
        *held = GB_CODE_SCHEMA;
    else if (!l->read)
        *held = GB_CODE_MALFORMED;
    else if (!base_known(o, l))
        *held = GB_CODE_BASE;
    return *held ? GB_HELD : GB_APPLIED;
}

/* The largest effective stamp of a device's chain before a line. */
static int64_t
chain_stamp(const struct oracle *o, const struct oracle_line *l)
{
    int64_t most = 0;
    for (int i = 0; i < o->nops; i++)
        if (o->ops[i]->device == l->info.device && o->ops[i]->stamp > most)
            most = o->ops[i]->stamp;
    /* a set that could not be read leaves its floor behind */
    for (const struct oracle_line *p = o->lines; p < l; p++)
        if (p->info.device == l->info.device && p->verdict != GB_FORK &&
            !p->nops && p->said.floor > most)
            most = p->said.floor;
    return most;
}

/* M20 */
static void
stamp(struct oracle *o, struct oracle_line *l, int64_t floor)
{
    int64_t e = floor;
    for (int i = 0; i < l->nops; i++) {
        const struct gb_op *op = &l->set.ops[i];
        int64_t t = gb_time_clamp(
            op->time_ms + (l->said.nadjust ? l->said.adjust[op->boot] : 0));
        if (t > l->said.received_ms)
            t = l->said.received_ms;
        e = t << 16 > e + 1 ? t << 16 : e + 1;
        l->ops[i].stamp = e;
        if (e >> 16 > l->said.received_ms && e > floor + l->nops)
            sim_broken(o->w, "line %llu: a stamp lies after its receipt",
                       (unsigned long long)l->said.pos);
    }
}

/* The operations of a line, as far as they can be read. */
static void
take_operations(struct oracle *o, struct oracle_line *l)
{
    struct gb_fail why = {0};
    bool times = oracle_decode(o, l);
    if (!times && !oracle_schema(o, l->info.schema))
        times = !gb_set_decode_times(l->bytes, &l->set, &why);
    l->nops = times ? l->set.nops : 0;
    l->ops = gb_arena_array(&o->arena, (size_t)l->nops + 1, sizeof *l->ops);
    if (!l->ops)
        abort();
    for (int i = 0; i < l->nops; i++)
        l->ops[i] = (struct oracle_op){.op = l->read ? &l->set.ops[i] : NULL,
                                       .line = l,
                                       .index = i,
                                       .device = l->info.device,
                                       .origin = gb_set_origin(&l->set, i),
                                       .base = l->info.base.size};
}

/* What comes out, as a line, is what the ledger says. */
static void
compare(struct oracle *o, const struct oracle_line *l, struct gb_line *line,
        enum gb_code held)
{
    struct gb_quarantined list[64];
    struct gb_buf text;
    line->verdict = l->verdict;
    line->held = held;
    line->nquarantined = 0;
    line->quarantined = list;
    for (int i = 0; i < l->nops && l->verdict == GB_APPLIED; i++)
        if (l->ops[i].code && line->nquarantined < 64)
            list[line->nquarantined++] =
                (struct gb_quarantined){i, l->ops[i].code};
    gb_buf_init(&text, GB_SET_MAX);
    gb_line_write(line, &text);
    if (!gb_span_equal(gb_buf_view(&text), l->text))
        sim_broken(o->w,
                   "verdict differs: the ledger says %.*s, the oracle "
                   "%.*s",
                   (int)l->text.len - 1, (const char *)l->text.ptr,
                   (int)text.len - 1, (const char *)text.ptr);
    gb_buf_release(&text);
}

static void
add_operations(struct oracle *o, struct oracle_line *l)
{
    for (int i = 0; i < l->nops; i++) {
        o->ops = sim_grow(o->ops, o->nops, &o->room_ops, sizeof *o->ops);
        o->ops[o->nops++] = &l->ops[i];
    }
}

/* M3: the first set of a number names the last operation that it shares with
 * the chain which it continues. */
static void
go_on(struct oracle *o, const struct oracle_line *l, int64_t *floor)
{
    const struct gb_parent *p = &l->set.parent;
    if (!l->nops || l->info.seq != 1 || !p->device)
        return;
    for (const struct oracle_line *q = o->lines; q < l; q++) {
        if (q->info.device != p->device || q->info.seq != p->seq ||
            q->verdict == GB_FORK || q->nops < p->ops)
            continue;
        struct gb_ancestor a = {l->info.device, p->device,
                                q->ops[p->ops - 1].stamp};
        o->parents = sim_grow(o->parents, o->nparents, &o->room_parents,
                              sizeof *o->parents);
        o->parents[o->nparents++] = a;
        *floor = a.stamp > *floor ? a.stamp : *floor;
        return;
    }
}

static void
decide(struct oracle *o, struct oracle_line *l)
{
    struct gb_line line = l->said;
    enum gb_code held;
    uint64_t base = l->info.base.size;
    int64_t before = l > o->lines ? l[-1].stamp : 0;
    take_operations(o, l);
    l->verdict = judge_set(o, l, &held);
    if (base > l->said.pos - 1)
        base = l->said.pos - 1;
    line.floor = base ? o->lines[base - 1].stamp : 0;
    int64_t own = chain_stamp(o, l);
    line.floor = own > line.floor ? own : line.floor;
    if (l->verdict != GB_FORK)
        go_on(o, l, &line.floor);
    if (l->verdict != GB_FORK) {
        stamp(o, l, line.floor);
        add_operations(o, l);
    }
    for (int i = 0; i < l->nops && l->verdict != GB_FORK; i++) {
        if (!base_known(o, l))
            l->ops[i].base = 0; /* of this log its writer has seen nothing */
        l->ops[i].code = held;
        if (!held)
            effect(o, &l->ops[i], l->said.pos, false);
    }
    bool any = l->nops && l->verdict != GB_FORK;
    int64_t last = any ? l->ops[l->nops - 1].stamp : 0;
    l->stamp = last > before ? last : before;
    compare(o, l, &line, held);
    gb_merkle_append(&o->tree, l->text, NULL);
    l->root = gb_merkle_root(&o->tree);
}

void
oracle_make(struct oracle *o, struct world *w)
{
    *o = (struct oracle){.w = w};
    gb_arena_init(&o->arena, (size_t)1 << 31);
    oracle_read(o);
    for (int i = 0; i < o->n; i++)
        decide(o, &o->lines[i]);
}

void
oracle_free(struct oracle *o)
{
    for (int i = 0; i < o->n; i++)
        gb_set_release(&o->lines[i].set);
    free(o->lines);
    free(o->ops);
    free(o->parents);
    gb_arena_release(&o->arena);
}
