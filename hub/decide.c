/*
 * decide.c - which sets of a batch get a position, and with which verdict; see
 * batch.h, office.h.
 *
 * Deciding runs the real merge in an open transaction of hub.db, so each set
 * sees those before it and nothing is durable: a failure rolls it back.
 */
#include <string.h>

#include "engine/sshsig.h"
#include "hub/batch.h"
#include "hub/decode_ahead.h"

/* Behind so many bytes of lines there may be no room for one more, and for
 * those of what it releases. */
#define LINES_FULL (GB_LEDGER_FILE_MAX - 2 * GB_LINE_MAX)

/* -------------------------------------------------------- authenticity -- */

/* The key by which a device's sets are signed. */
static enum gb_err
key_of(struct gb_state *st, int device, struct gb_public_key *key,
       struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    if (device == 0) {
        memcpy(key->bytes, gb_state_site(st)->hub_key, 32);
        return GB_OK;
    }
    enum gb_err e = gb_state_device(st, device, &d, &found, fail);
    if (!e && (!found || !d.enrolled))
        e = gb_fail_set(fail, GB_E_KEY,
                        "device %d is not enrolled here: enrol it, and sync "
                        "again",
                        device);
    memcpy(key->bytes, d.sign_key, 32);
    return e;
}

static enum gb_err
verify(const struct gb_public_key *key, const struct gb_container *parts,
       struct gb_fail *fail)
{
    struct gb_signature sig;
    memcpy(sig.bytes, parts->signature.ptr, sizeof sig.bytes);
    return gb_sshsig_verify(key, GB_NS_CHANGESET, parts->signed_bytes, &sig,
                            fail);
}

enum gb_err
gb_office_verify(struct gb_state *st, const uint8_t site[16],
                 struct gb_arriving *a, struct gb_fail *fail)
{
    struct gb_set_info info;
    enum gb_err e = gb_set_info(a->parts.signed_bytes, &info, fail);
    if (!e && memcmp(info.site, site, sizeof info.site))
        e = gb_fail_set(fail, GB_E_SITE,
                        "this change set belongs to another site");
    if (!e)
        e = key_of(st, info.device, &a->key, fail);
    if (!e)
        e = verify(&a->key, &a->parts, fail);
    a->verified = !e;
    return e;
}

/* The key in force, by which the set must be signed. */
static enum gb_err
key_in_force(struct gb_batch *b, const struct gb_arriving *a, int device,
             struct gb_public_key *key, struct gb_fail *fail)
{
    *key = b->o->keys.hub.public_key;
    if (a->own)
        return GB_OK; /* and the very first brings this key */
    enum gb_err e = key_of(b->o->state, device, key, fail);
    if (e || (a->verified && gb_key_equal(key, &a->key)))
        return e;
    return verify(key, &a->parts, fail);
}

/* ------------------------------------------------------------ deciding -- */

/* Signed numbers for the boots of a set, from how it came (MERGE.md M20). */
static enum gb_err
adjust_clocks(struct gb_batch *b, const struct gb_arriving *a,
              struct gb_decoded *d, int64_t *out, struct gb_fail *fail)
{
    struct gb_skew k = a->skew;
    uint64_t base = d->info.base.size;
    k.received_ms = b->received_ms;
    enum gb_err e = GB_OK;
    if (base <= gb_state_size(b->o->state))
        e = gb_state_received(b->o->state, base, &k.base_received_ms, fail);
    for (int i = 0; i < d->set.nops; i++) {
        const struct gb_op *op = &d->set.ops[i];
        out[op->boot] =
            a->own ? 0
                   : gb_clock_adjust(&k, &d->set.boots[op->boot], op->time_ms);
    }
    return e;
}

/* Whether the operations can be read, and their commitments with them. */
static bool
readable(const struct gb_decoded *d)
{
    return d->good && !d->in.times;
}

/* Personal values, kept before anything can name them; those of a set that
 * cannot be read yet as they came. */
static enum gb_err
keep_personal(struct gb_batch *b, const struct gb_arriving *a,
              const struct gb_decoded *d, struct gb_fail *fail)
{
    struct gb_personal *p = b->o->personal;
    if (a->parts.personal.len <= GB_PERSONAL_NONE)
        return GB_OK;
    enum gb_err e = b->personal ? GB_OK : gb_personal_begin(p, fail);
    b->personal |= !e;
    if (e)
        return e;
    return readable(d) ? gb_personal_keep(p, &d->set, d->schema, fail)
                       : gb_personal_keep_section(p, d->in.sha.bytes,
                                                  a->parts.personal, fail);
}

/* Whether it may change what the tree says of the site.  A release counts: it
 * is the hub's own word on an operation of whatever kind. */
static bool
of_the_site(const struct gb_decoded *d)
{
    bool any = !readable(d);
    for (int i = 0; i < d->set.nops && !any; i++)
        any = d->set.ops[i].kind >= GB_SITE;
    return any && d->info.device == 0;
}

/* Give one set its position. */
static enum gb_err
take_set(struct gb_batch *b, struct gb_arriving *a, struct gb_decoded *d,
         const struct gb_public_key *key, struct gb_fail *fail)
{
    struct gb_line line;
    enum gb_err e = GB_OK;
    if (d->good) {
        int64_t *adjust =
            gb_arena_array(&b->arena, (size_t)d->set.nboots, sizeof *adjust);
        if (!adjust)
            return gb_fail_memory(fail);
        e = adjust_clocks(b, a, d, adjust, fail);
        d->in.adjust = adjust;
        d->in.nadjust = d->set.nboots;
    }
    d->in.received_ms = b->received_ms;
    if (!e)
        e = gb_state_line(b->o->state, &d->in, &b->arena, &line, fail);
    gb_assert(e || !a->own || line.verdict != GB_FORK);
    if (!e)
        e = gb_batch_add_set(b, a, &line, key, fail);
    if (e)
        return e;
    gb_line_write(&line, &b->lines);
    b->site |= of_the_site(d);
    a->outcome = GB_TAKEN;
    a->pos = line.pos;
    a->verdict = line.verdict;
    a->code = line.nquarantined ? line.quarantined[0].code : line.held;
    a->waits = line.nquarantined;
    a->first = line.nquarantined ? line.quarantined[0].index : 0;
    return gb_buf_check(&b->lines, "a batch", fail);
}

enum gb_err
gb_office_ready(struct gb_state *st, const struct gb_set_info *info,
                const struct gb_set *set, bool *yes, struct gb_fail *fail)
{
    uint64_t pos = 0;
    enum gb_err e = gb_state_parent_there(st, set, yes, fail);
    if (e || !*yes || !gb_set_follows(info))
        return e;
    e = gb_state_find(st, info->device, info->seq - 1, info->prev, &pos, fail);
    *yes = !e && pos;
    return e;
}

/* Whether a set is known already, can have a position now, or must wait. */
static enum gb_err
look(struct gb_batch *b, struct gb_arriving *a, const struct gb_decoded *d,
     bool *go, struct gb_fail *fail)
{
    uint64_t pos;
    const struct gb_set_info *info = &d->info;
    *go = false;
    enum gb_err e = gb_state_find(b->o->state, info->device, info->seq,
                                  d->in.sha.bytes, &pos, fail);
    if (e)
        return e;
    if (pos) {
        a->outcome = GB_KNOWN;
        a->pos = pos;
        return GB_OK;
    }
    a->outcome = GB_WAITING;
    return gb_office_ready(b->o->state, info, d->in.set, go, fail);
}

/* Whether the bytes of a set are what its device sent.  If not, they are not
 * signed by its key, or were damaged on their way and come again: the set is
 * refused, and it alone.  A failure is the hub's own, and blames nobody. */
static enum gb_err
check(struct gb_batch *b, struct gb_arriving *a, struct gb_decoded *d,
      struct gb_public_key *key, bool *good, struct gb_fail *fail)
{
    struct gb_fail why = {0};
    enum gb_err e = key_in_force(b, a, d->info.device, key, &why);
    if (!e && readable(d))
        e = gb_set_reveal(&d->set, d->schema, a->parts.personal, &why);
    *good = e == GB_OK;
    if (gb_err_is_ours(e))
        return gb_fail_set(fail, e, "%s", why.text);
    if (e) {
        a->outcome = GB_REFUSED;
        a->fail = why;
    }
    return GB_OK;
}

static enum gb_err
try_decoded(struct gb_batch *b, struct gb_arriving *a, struct gb_decoded *d,
            struct gb_fail *fail)
{
    struct gb_public_key key; /* before it is applied: it may bring the next */
    bool go = false;
    enum gb_err e = look(b, a, d, &go, fail);
    if (!e && go)
        e = check(b, a, d, &key, &go, fail);
    if (!e && go)
        e = keep_personal(b, a, d, fail);
    if (!e && go)
        e = take_set(b, a, d, &key, fail);
    gb_decoded_release(d);
    return e;
}

static enum gb_err
try_set(struct gb_batch *b, struct gb_arriving *a, struct gb_fail *fail)
{
    struct gb_decoded d;
    enum gb_err e = gb_decode(b->o->state, a->parts.signed_bytes, &d, fail);
    return e ? e : try_decoded(b, a, &d, fail);
}

/* The same for set i, decoded meanwhile if it could be. */
static enum gb_err
try_next(struct gb_batch *b, struct gb_ahead *ahead, size_t i,
         struct gb_fail *fail)
{
    struct gb_decoded *d;
    enum gb_err e = ahead ? gb_ahead_take(ahead, i, &d, fail) : GB_E_MISSING;
    return e == GB_E_MISSING ? try_set(b, &b->sets[i], fail)
           : e               ? e
                             : try_decoded(b, &b->sets[i], d, fail);
}

/* One set of replica 0 that releases what is due; *any when there was one. */
static enum gb_err
release_due(struct gb_batch *b, bool *any, struct gb_fail *fail)
{
    struct gb_op op = {.kind = GB_RELEASE, .text = GB_SPAN("", 0)};
    if (!b->due)
        b->due = gb_arena_array(&b->arena, GB_NAMES_MAX, sizeof *b->due);
    op.names = b->due;
    if (!op.names)
        return gb_fail_memory(fail);
    enum gb_err e =
        gb_state_due(b->o->state, op.names, GB_NAMES_MAX, &op.nnames, fail);
    *any = !e && op.nnames;
    size_t n = b->own.n;
    if (*any)
        e = gb_own_make(b->o, &op, 1, 0, b->received_ms, &b->own, fail);
    for (; !e && n < b->own.n; n++) {
        e = try_set(b, &b->own.sets[n], fail);
        gb_assert(e || b->own.sets[n].outcome == GB_TAKEN);
    }
    return e;
}

/* What waited goes on as soon as it can, after every set (MERGE.md §3). */
static enum gb_err
retry(struct gb_batch *b, struct gb_fail *fail)
{
    bool any = true;
    enum gb_err e = GB_OK;
    while (any && !e)
        e = release_due(b, &any, fail);
    return e;
}

static bool
full(const struct gb_batch *b)
{
    return b->lines.len > LINES_FULL || b->bytes > GB_BATCH_BYTES;
}

/* Each set that has no position yet, once; *moved when one has one now.  Our
 * own go on from one another: nothing of ours may come between, and none of
 * them wait. */
static enum gb_err
pass(struct gb_batch *b, struct gb_ahead *ahead, bool *moved,
     struct gb_fail *fail)
{
    *moved = false;
    for (size_t i = 0; i < b->n; i++) {
        struct gb_arriving *a = &b->sets[i];
        if (a->outcome != GB_WAITING || (full(b) && !a->own))
            continue;
        enum gb_err e = try_next(b, ahead, i, fail);
        bool more = a->own && i + 1 < b->n;
        if (!e && a->outcome == GB_TAKEN && !more)
            e = retry(b, fail);
        if (e)
            return e;
        *moved |= a->outcome == GB_TAKEN;
    }
    return GB_OK;
}

/* In whatever order, until none of those left can go on, or the batch is full:
 * what is left then waits for the next one. */
enum gb_err
gb_batch_decide(struct gb_batch *b, struct gb_fail *fail)
{
    bool moved;
    struct gb_ahead *ahead = gb_ahead_open(b->o->state, b->sets, b->n);
    enum gb_err e = pass(b, ahead, &moved, fail);
    gb_ahead_close(ahead);
    while (!e && moved)
        e = pass(b, NULL, &moved, fail);
    return e;
}
