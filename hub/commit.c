/* commit.c - one batch into the ledger, in the order of docs/PROTOCOL.md; see
 * office.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sshsig.h"
#include "hub/batch.h"
#include "hub/ledger_text.h"
#include "hub/replay.h"
#include "hub/tree_files.h"

#define BATCH_ARENA ((size_t)256 * 1024 * 1024)
#define ARENA_STEP 16 /* what an arena rounds up to */

/* --------------------------------------------------------------- files -- */

static enum gb_err
add_file(struct gb_batch *b, const char *path, struct gb_span bytes,
         struct gb_fail *fail)
{
    if (b->nfiles == b->room) {
        size_t room = 2 * b->room + 64;
        struct gb_ledger_file *files = realloc(b->files, room * sizeof *files);
        if (!files)
            return gb_fail_memory(fail);
        b->files = files;
        b->room = room;
    }
    char *copy = gb_arena_text(&b->arena, path);
    if (!copy)
        return gb_fail_memory(fail);
    b->files[b->nfiles++] =
        (struct gb_ledger_file){.path = copy, .bytes = bytes};
    return GB_OK;
}

/* The set and its armored signature. */
enum gb_err
gb_batch_add_set(struct gb_batch *b, const struct gb_arriving *a,
                 const struct gb_line *line, const struct gb_public_key *key,
                 struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_signature sig;
    struct gb_buf armor;
    gb_ledger_set_name(path, line, GB_LEDGER_SET);
    enum gb_err e = add_file(b, path, a->parts.signed_bytes, fail);
    if (e)
        return e;
    b->bytes += a->parts.signed_bytes.len;
    gb_buf_init(&armor, GB_SSHSIG_MAX);
    memcpy(sig.bytes, a->parts.signature.ptr, sizeof sig.bytes);
    gb_sshsig_armor(&armor, key, GB_NS_CHANGESET, &sig);
    e = gb_buf_check(&armor, "a signature", fail);
    struct gb_span kept = gb_arena_copy(&b->arena, gb_buf_view(&armor));
    gb_buf_release(&armor);
    if (e || !kept.ptr)
        return e ? e : gb_fail_memory(fail);
    gb_ledger_set_name(path, line, GB_LEDGER_SIGNATURE);
    return add_file(b, path, kept, fail);
}

/* A file of signers or schema, when it is not in the tree like this. */
static enum gb_err
add_if_new(void *context, const char *path, struct gb_span bytes,
           struct gb_fail *fail)
{
    struct gb_batch *b = context;
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
    return kept.ptr ? add_file(b, path, kept, fail) : gb_fail_memory(fail);
}

/* ------------------------------------------------------------ the rest -- */

/* What replay cannot hold must never be the ledger's.  Only our own can come
 * to so much: what arrives is full long before. */
static enum gb_err
check_size(const struct gb_batch *b, struct gb_fail *fail)
{
    size_t all = 0;
    for (size_t i = 0; i < b->nfiles; i++)
        all += b->files[i].bytes.len + ARENA_STEP;
    if (all <= GB_REPLAY_MAX)
        return GB_OK;
    return gb_fail_set(fail, GB_E_LIMIT,
                       "a batch of %zu MiB is more than one commit may have: "
                       "give it in parts",
                       all >> 20);
}

/* Batch file, signers, schema: then the pack, then the ref. */
static enum gb_err
write_ledger(struct gb_batch *b, struct gb_oid *commit, struct gb_fail *fail)
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
        e = check_size(b, fail);
    /* all of them are read and compared: once, then where they may change */
    if (!e && (b->site || !o->tree_known))
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

/* The batch is durable: tidying up that fails is tried again behind the next
 * one, and told once. */
static void
tidy(struct gb_office *o)
{
    struct gb_fail why = {0};
    bool failed =
        gb_ledger_consolidate(o->ledger, GB_LEDGER_PACKS_MAX, &why) != GB_OK;
    if (failed && !o->untidy)
        gb_office_tell(o,
                       "the ledger's packs cannot be merged, and become more "
                       "with each batch",
                       &why);
    o->untidy = failed;
    /* should that fail, the next to take the lock looks for itself */
    gb_office_note_packs(o, &why);
}

/* Once the ref has moved the batch is in the ledger: hub.db follows, now or at
 * the next start. */
static enum gb_err
publish(struct gb_batch *b, const struct gb_oid *commit, struct gb_fail *fail)
{
    struct gb_office *o = b->o;
    enum gb_err e = gb_office_put_tip(o, commit, fail);
    if (!e)
        e = gb_office_note_packs(o, fail);
    if (!e)
        e = gb_ledger_publish(o->ledger, fail);
    if (e)
        return e;
    e = gb_state_commit(o->state, fail);
    if (e)
        return e;
    o->tip = *commit;
    o->have_tip = true;
    o->tree_known = true;
    tidy(o);
    return GB_OK;
}

/* A set that has a position: of this batch, or of the ledger. */
static enum gb_err
fetch(void *context, const struct gb_line *line, struct gb_buf *out,
      struct gb_fail *fail)
{
    struct gb_batch *b = context;
    char path[GB_LEDGER_NAME_MAX];
    if (line->pos < b->first)
        return gb_replay_fetch(b->o->ledger, line, out, fail);
    gb_ledger_set_name(path, line, GB_LEDGER_SET);
    size_t i = 0;
    while (i < b->nfiles && strcmp(b->files[i].path, path))
        i++;
    gb_assert(i < b->nfiles);
    gb_buf_span(out, b->files[i].bytes);
    return gb_buf_check(out, path, fail);
}

static enum gb_err
run(struct gb_batch *b, struct gb_fail *fail)
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
    e = gb_batch_decide(b, fail);
    bool any = b->lines.len > 0;
    if (!e) /* what cannot be written must not come into the ledger */
        e = gb_state_settle(o->state, fail);
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
    struct gb_batch b = {.o = o, .sets = sets, .n = n};
    for (size_t i = 0; i < n; i++)
        sets[i].outcome = GB_WAITING;
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    gb_buf_init(&b.lines, GB_LEDGER_FILE_MAX);
    gb_arena_init(&b.arena, BATCH_ARENA);
    gb_own_init(&b.own);
    gb_state_on_fetch(o->state, fetch, &b);
    e = run(&b, fail);
    gb_state_on_fetch(o->state, gb_replay_fetch, o->ledger);
    gb_office_unlock(o);
    free(b.files);
    gb_buf_release(&b.lines);
    gb_arena_release(&b.arena);
    gb_own_release(&b.own);
    return e;
}
