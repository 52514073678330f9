/*
 * commit.c - one batch into the ledger, in the order of design §7; office.h.
 *
 * Deciding runs the real merge in an open transaction of hub.db, so each set
 * sees those before it and nothing is durable: a failure rolls it back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sshsig.h"
#include "hub/decode.h"
#include "hub/ledger_text.h"
#include "hub/office_private.h"
#include "hub/tree_files.h"

#define BATCH_BYTES ((size_t)256 * 1024 * 1024)

struct batch {
    struct gb_office *o;
    struct gb_arriving *sets;
    size_t n;
    int64_t received_ms;
    uint64_t first;  /* position of the batch's first line */
    uint32_t schema; /* versions before the batch */
    struct gb_buf lines;
    struct gb_ledger_file *files;
    size_t nfiles, room;
    bool personal;          /* personal.db has an open transaction */
    struct gb_own_sets own; /* automatic releases, */
    struct gb_opname *due;  /* and what they name */
    struct gb_arena arena;  /* paths, armored signatures */
};

static enum gb_err
no_memory(struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
}

/* ---------------------------------------------------------- authenticity -- */

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

enum gb_err
gb_office_verify(struct gb_state *st, const uint8_t site[16],
                 const struct gb_container *parts, struct gb_fail *fail)
{
    struct gb_set_info info;
    struct gb_public_key key;
    struct gb_signature sig;
    enum gb_err e = gb_set_info(parts->signed_bytes, &info, fail);
    if (!e && memcmp(info.site, site, sizeof info.site))
        e = gb_fail_set(fail, GB_E_SITE,
                        "this change set belongs to another site");
    if (!e)
        e = key_of(st, info.device, &key, fail);
    if (e)
        return e;
    memcpy(sig.bytes, parts->signature.ptr, sizeof sig.bytes);
    return gb_sshsig_verify(&key, GB_NS_CHANGESET, parts->signed_bytes, &sig,
                            fail);
}

/* ----------------------------------------------------------------- files -- */

static enum gb_err
add_file(struct batch *b, const char *path, struct gb_span bytes,
         struct gb_fail *fail)
{
    if (b->nfiles == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        struct gb_ledger_file *files = realloc(b->files, room * sizeof *files);
        if (!files)
            return no_memory(fail);
        b->files = files;
        b->room = room;
    }
    char *copy = gb_arena_text(&b->arena, path);
    if (!copy)
        return no_memory(fail);
    b->files[b->nfiles++] =
        (struct gb_ledger_file){.path = copy, .bytes = bytes};
    return GB_OK;
}

/* The set and its armored signature. */
static enum gb_err
add_set_files(struct batch *b, const struct gb_arriving *a,
              const struct gb_line *line, const struct gb_public_key *key,
              struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_signature sig;
    struct gb_buf armor;
    struct gb_ledger_name name = {.kind = GB_LEDGER_SET,
                                  .position = line->pos,
                                  .device = line->device,
                                  .seq = line->seq};
    gb_ledger_name_write(path, &name, line->received_ms / 1000);
    enum gb_err e = add_file(b, path, a->parts.signed_bytes, fail);
    if (e)
        return e;
    gb_buf_init(&armor, GB_SSHSIG_MAX);
    memcpy(sig.bytes, a->parts.signature.ptr, sizeof sig.bytes);
    gb_sshsig_armor(&armor, key, GB_NS_CHANGESET, &sig);
    struct gb_span kept = gb_arena_copy(&b->arena, gb_buf_view(&armor));
    gb_buf_release(&armor);
    if (!kept.ptr)
        return no_memory(fail);
    name.kind = GB_LEDGER_SIGNATURE;
    gb_ledger_name_write(path, &name, line->received_ms / 1000);
    return add_file(b, path, kept, fail);
}

/* A file of signers or schema, when it is not in the tree like this. */
static enum gb_err
add_if_new(void *context, const char *path, struct gb_span bytes,
           struct gb_fail *fail)
{
    struct batch *b = context;
    struct gb_buf old;
    struct gb_fail why = {0};
    gb_buf_init(&old, GB_LEDGER_FILE_MAX);
    enum gb_err e = gb_ledger_read(b->o->ledger, path, &old, &why);
    bool same = !e && gb_span_equal(gb_buf_view(&old), bytes);
    gb_buf_release(&old);
    if (e && e != GB_E_MISSING)
        return gb_fail_set(fail, e, "%s", why.text);
    if (same)
        return GB_OK;
    struct gb_span kept = gb_arena_copy(&b->arena, bytes);
    return kept.ptr ? add_file(b, path, kept, fail) : no_memory(fail);
}

/* -------------------------------------------------------------- deciding -- */

/* Signed numbers for the boots of a set, from how it came (design §3). */
static enum gb_err
adjust_clocks(struct batch *b, const struct gb_arriving *a,
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

/* Personal values: checked, and kept before anything can name them. */
static enum gb_err
take_personal(struct batch *b, struct gb_arriving *a, struct gb_decoded *d,
              struct gb_fail *fail)
{
    enum gb_err e = gb_set_reveal(&d->set, d->schema, a->parts.personal, fail);
    bool any = false;
    for (int i = 0; i < d->set.nops && !e; i++)
        any |= d->set.ops[i].commitment != NULL;
    if (e || !any)
        return e;
    if (!b->personal)
        e = gb_personal_begin(b->o->personal, fail);
    b->personal |= !e;
    return e ? e : gb_personal_keep(b->o->personal, &d->set, d->schema, fail);
}

/* Give one set its position. */
static enum gb_err
take_set(struct batch *b, struct gb_arriving *a, struct gb_decoded *d,
         struct gb_fail *fail)
{
    struct gb_line line;
    enum gb_err e = GB_OK;
    if (d->good) {
        int64_t *adjust =
            gb_arena_array(&b->arena, (size_t)d->set.nboots, sizeof *adjust);
        if (!adjust)
            return no_memory(fail);
        e = adjust_clocks(b, a, d, adjust, fail);
        d->in.adjust = adjust;
        d->in.nadjust = d->set.nboots;
    }
    d->in.received_ms = b->received_ms;
    /* before the set is applied: it may bring the next key, and the very first
     * brings the first */
    struct gb_public_key key = b->o->keys.hub.public_key;
    if (!e && !a->own)
        e = key_of(b->o->state, d->info.device, &key, fail);
    if (!e)
        e = gb_state_line(b->o->state, &d->in, &b->arena, &line, fail);
    gb_assert(e || !a->own || line.verdict != GB_FORK);
    if (!e)
        e = add_set_files(b, a, &line, &key, fail);
    if (e)
        return e;
    gb_line_write(&line, &b->lines);
    a->outcome = GB_TAKEN;
    a->pos = line.pos;
    return gb_buf_check(&b->lines, "a batch", fail);
}

/* Whether a set is known already, can have a position now, or must wait. */
static enum gb_err
look(struct batch *b, struct gb_arriving *a, const struct gb_decoded *d,
     bool *go, struct gb_fail *fail)
{
    static const uint8_t none[32];
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
    if (info->seq == 1 || !memcmp(info->prev, none, sizeof none)) {
        *go = true;
        return GB_OK;
    }
    e = gb_state_find(b->o->state, info->device, info->seq - 1, info->prev,
                      &pos, fail);
    *go = !e && pos;
    return e;
}

static enum gb_err
try_set(struct batch *b, struct gb_arriving *a, struct gb_fail *fail)
{
    struct gb_decoded d;
    bool go = false;
    enum gb_err e = gb_decode(b->o->state, a->parts.signed_bytes, &d, fail);
    if (!e)
        e = look(b, a, &d, &go, fail);
    if (!e && go && d.good && !d.in.times &&
        take_personal(b, a, &d, &a->fail)) {
        /* damaged on its way: the signed part is sound, so it comes again */
        a->outcome = GB_REFUSED;
        go = false;
    }
    if (!e && go)
        e = take_set(b, a, &d, fail);
    gb_decoded_release(&d);
    return e;
}

/* One set of replica 0 that releases what is due; *any when there was one. */
static enum gb_err
release_due(struct batch *b, bool *any, struct gb_fail *fail)
{
    struct gb_op op = {.kind = GB_RELEASE, .text = GB_SPAN("", 0)};
    if (!b->due)
        b->due = gb_arena_array(&b->arena, GB_NAMES_MAX, sizeof *b->due);
    op.names = b->due;
    if (!op.names)
        return no_memory(fail);
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
retry(struct batch *b, struct gb_fail *fail)
{
    bool any = true;
    enum gb_err e = GB_OK;
    while (any && !e)
        e = release_due(b, &any, fail);
    return e;
}

/* Sets in whatever order, until none of those left can go on.  Our own go on
 * from one another: nothing of ours may come between. */
static enum gb_err
decide(struct batch *b, struct gb_fail *fail)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < b->n; i++) {
            struct gb_arriving *a = &b->sets[i];
            if (a->outcome != GB_WAITING)
                continue;
            enum gb_err e = try_set(b, a, fail);
            bool more = a->own && i + 1 < b->n;
            if (!e && a->outcome == GB_TAKEN && !more)
                e = retry(b, fail);
            if (e)
                return e;
            moved |= a->outcome == GB_TAKEN;
        }
    }
    return GB_OK;
}

/* --------------------------------------------------------------- the rest --
 */

/* Batch file, signers, schema: then the pack, then the ref. */
static enum gb_err
write_ledger(struct batch *b, struct gb_oid *commit, struct gb_fail *fail)
{
    struct gb_office *o = b->o;
    char path[GB_LEDGER_NAME_MAX], site[33];
    struct gb_buf message;
    struct gb_ledger_message m = {b->first, gb_state_head(o->state)};
    struct gb_ledger_name name = {.kind = GB_LEDGER_BATCH,
                                  .position = b->first};
    gb_ledger_name_write(path, &name, b->received_ms / 1000);
    enum gb_err e = add_file(b, path, gb_buf_view(&b->lines), fail);
    if (!e)
        e = gb_tree_files(o->state, add_if_new, b, fail);
    gb_buf_init(&message, 1024);
    gb_ledger_message_write(&message, &m);
    gb_buf_u8(&message, 0);
    if (!e)
        e = gb_buf_check(&message, "a message", fail);
    gb_hex_encode(site, o->site, sizeof o->site);
    if (!e) {
        struct gb_ledger_batch batch = {.files = b->files,
                                        .count = b->nfiles,
                                        .site = site,
                                        .message = (char *)message.ptr,
                                        .time_s = b->received_ms / 1000,
                                        .key = &o->keys.ledger};
        e = gb_ledger_prepare(o->ledger, &batch, commit, fail);
    }
    gb_buf_release(&message);
    return e;
}

/* From here on the batch is in the ledger: hub.db follows, now or at the next
 * start. */
static enum gb_err
publish(struct batch *b, const struct gb_oid *commit, struct gb_fail *fail)
{
    struct gb_office *o = b->o;
    enum gb_err e = gb_office_put_tip(o, commit, fail);
    if (!e)
        e = gb_ledger_publish(o->ledger, fail);
    if (e)
        return e;
    e = gb_state_commit(o->state, fail);
    if (e)
        return e;
    o->tip = *commit;
    o->have_tip = true;
    /* the batch is durable: tidying up that fails is tried again next time */
    struct gb_fail ignored = {0};
    gb_ledger_consolidate(o->ledger, GB_LEDGER_PACKS_MAX, &ignored);
    return GB_OK;
}

static enum gb_err
run(struct batch *b, struct gb_fail *fail)
{
    struct gb_office *o = b->o;
    struct gb_oid commit;
    enum gb_err e = gb_office_now(o, &b->received_ms, fail);
    if (e)
        return e;
    b->first = gb_state_size(o->state) + 1;
    e = gb_state_begin(o->state, fail);
    if (e)
        return e;
    e = decide(b, fail);
    bool any = b->lines.len > 0;
    if (!e && b->personal)
        e = gb_personal_commit(o->personal, fail);
    b->personal &= e != GB_OK;
    if (!e && any)
        e = write_ledger(b, &commit, fail);
    if (!e && any)
        e = publish(b, &commit, fail);
    if (e || !any)
        gb_state_rollback(o->state);
    if (b->personal)
        gb_personal_rollback(o->personal);
    return e;
}

enum gb_err
gb_office_commit(struct gb_office *o, struct gb_arriving *sets, size_t n,
                 struct gb_fail *fail)
{
    struct batch b = {.o = o, .sets = sets, .n = n};
    for (size_t i = 0; i < n; i++)
        sets[i].outcome = GB_WAITING;
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    gb_buf_init(&b.lines, 32u << 20);
    gb_arena_init(&b.arena, BATCH_BYTES);
    gb_own_init(&b.own);
    e = run(&b, fail);
    gb_office_unlock(o);
    free(b.files);
    gb_buf_release(&b.lines);
    gb_arena_release(&b.arena);
    gb_own_release(&b.own);
    return e;
}
