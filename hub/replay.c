/* replay.c - see replay.h */
#include "hub/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/decode.h"

/* --------------------------------------------------------------- files -- */

void
gb_replay_batch_init(struct gb_replay_batch *b)
{
    *b = (struct gb_replay_batch){0};
    gb_arena_init(&b->arena, GB_REPLAY_MAX);
}

void
gb_replay_batch_release(struct gb_replay_batch *b)
{
    free(b->files);
    gb_arena_release(&b->arena);
    *b = (struct gb_replay_batch){0};
}

enum gb_err
gb_replay_take(struct gb_replay_batch *b, enum gb_ledger_kind kind,
               const struct gb_ledger_change *c, struct gb_fail *fail)
{
    if (c->kind != 'A' || (kind == GB_LEDGER_BATCH && b->found))
        return gb_fail_set(fail, GB_E_LEDGER, "%s: a batch only adds, and once",
                           c->path);
    struct gb_span bytes = gb_arena_copy(&b->arena, c->bytes);
    if (!bytes.ptr)
        return gb_fail_memory(fail);
    if (kind == GB_LEDGER_BATCH) {
        b->lines = bytes;
        b->found = true;
        return GB_OK;
    }
    if (b->n == b->room) {
        size_t room = 2 * b->room + 64;
        struct gb_replay_file *files = realloc(b->files, room * sizeof *files);
        if (!files)
            return gb_fail_memory(fail);
        b->files = files;
        b->room = room;
    }
    struct gb_replay_file *f = &b->files[b->n++];
    snprintf(f->path, sizeof f->path, "%s", c->path);
    f->bytes = bytes;
    return GB_OK;
}

/* One file that the commit changes; a gb_ledger_change_fn. */
static enum gb_err
take_change(void *context, const struct gb_ledger_change *c,
            struct gb_fail *fail)
{
    struct gb_ledger_name name;
    if (!gb_ledger_name_read(&name, c->path) || name.kind == GB_LEDGER_OTHER)
        return GB_OK;
    return gb_replay_take(context, name.kind, c, fail);
}

/* The bytes of a file of the batch, and which it is; they come by rising
 * path. */
static struct gb_span
find_file(const struct gb_replay_batch *b, const char *path, size_t *at)
{
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(b->files[mid].path, path);
        if (!c) {
            *at = mid;
            return b->files[mid].bytes;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return GB_SPAN(NULL, 0);
}

/* How many operations there are; a set that is none of its schema may have
 * times that can be read. */
static enum gb_err
count(const struct gb_decoded *d, struct gb_span signed_bytes, unsigned *out,
      struct gb_fail *fail)
{
    struct gb_set set;
    struct gb_fail why = {0};
    *out = d->good ? (unsigned)d->set.nops : 0;
    if (d->good)
        return GB_OK;
    enum gb_err e = gb_set_decode_times(signed_bytes, &set, &why);
    if (e == GB_E_MEMORY)
        return gb_fail_set(fail, e, "%s", why.text);
    if (!e) {
        *out = (unsigned)set.nops;
        gb_set_release(&set);
    }
    return GB_OK;
}

/* Decode, apply, and compare with what the ledger says. */
static enum gb_err
apply(struct gb_replay *r, const struct gb_replayed *set, struct gb_fail *fail)
{
    struct gb_decoded d;
    struct gb_arena arena;
    struct gb_buf text;
    struct gb_line line;
    gb_arena_init(&arena, GB_ARENA_MAX);
    gb_buf_init(&text, GB_LINE_MAX);
    struct gb_sha256 sha;
    if (r->check)
        memcpy(sha.bytes, set->line->sha256, sizeof sha.bytes);
    else
        sha = gb_sha256(set->signed_bytes);
    enum gb_err e =
        gb_decode_hashed(r->state, set->signed_bytes, &sha, &d, fail);
    if (!e && r->operations)
        e = count(&d, set->signed_bytes, r->operations++, fail);
    if (!e && r->personal && d.good && !d.in.times)
        e = gb_personal_reveal(r->personal, d.in.sha.bytes, &d.set, d.schema,
                               fail);
    if (!e && set->line->nadjust != (d.good ? d.set.nboots : 0))
        e = gb_fail_set(fail, GB_E_LEDGER,
                        "its line has %d clock adjustments for %d boots",
                        set->line->nadjust, d.good ? d.set.nboots : 0);
    if (!e) {
        d.in.received_ms = set->line->received_ms;
        d.in.adjust = set->line->adjust;
        d.in.nadjust = set->line->nadjust;
        e = gb_state_line(r->state, &d.in, &arena, &line, fail);
    }
    if (!e) {
        gb_line_write(&line, &text);
        e = gb_buf_check(&text, "a line", fail);
    }
    if (!e && !gb_span_equal(gb_buf_view(&text), set->line_text))
        e = gb_fail_set(fail, GB_E_LEDGER,
                        "its line says \"%.*s\", and computing it gives "
                        "\"%.*s\"",
                        (int)set->line_text.len,
                        (const char *)set->line_text.ptr, (int)text.len,
                        (const char *)text.ptr);
    gb_decoded_release(&d);
    gb_arena_release(&arena);
    gb_buf_release(&text);
    return e;
}

enum gb_err
gb_replay_fetch(void *ledger, const struct gb_line *line, struct gb_buf *out,
                struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    gb_ledger_set_name(path, line, GB_LEDGER_SET);
    return gb_ledger_read(ledger, path, out, fail);
}

/* One line: the files that belong to it, the check, the state. */
static enum gb_err
replay_line(struct gb_replay *r, const struct gb_replay_batch *b,
            struct gb_span text, struct gb_fail *fail)
{
    size_t at = 0, ignored;
    struct gb_line line;
    struct gb_arena arena;
    char path[GB_LEDGER_NAME_MAX], sig[GB_LEDGER_NAME_MAX];
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = GB_OK;
    if (r->lines)
        line = *r->lines++;
    else
        e = gb_line_read(text, &arena, &line, fail);
    if (!e && line.pos != r->position)
        e = gb_fail_set(fail, GB_E_LEDGER, "its line is numbered %llu",
                        (unsigned long long)line.pos);
    if (!e) {
        gb_ledger_set_name(path, &line, GB_LEDGER_SET);
        gb_ledger_set_name(sig, &line, GB_LEDGER_SIGNATURE);
        struct gb_replayed set = {.line = &line,
                                  .line_text = text,
                                  .signature = find_file(b, sig, &ignored),
                                  .signed_bytes = find_file(b, path, &at)};
        set.at = at;
        if (!set.signed_bytes.ptr || !set.signature.ptr)
            e = gb_fail_set(fail, GB_E_LEDGER, "%s is not in the ledger",
                            set.signed_bytes.ptr ? sig : path);
        if (!e && r->check)
            e = r->check(r->context, &set, r->state, fail);
        if (!e)
            e = apply(r, &set, fail);
    }
    gb_arena_release(&arena);
    return e;
}

/* All lines of the batch, in order. */
static enum gb_err
all_lines(struct gb_replay *r, const struct gb_replay_batch *b,
          struct gb_fail *fail)
{
    struct gb_span rest = b->lines;
    enum gb_err e =
        rest.len ? GB_OK
                 : gb_fail_set(fail, GB_E_LEDGER, "a commit without a batch");
    while (rest.len && !e) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
        r->position = gb_state_size(r->state) + 1;
        e = replay_line(r, b, GB_SPAN(rest.ptr, n), fail);
        rest = GB_SPAN(rest.ptr + n, rest.len - n);
    }
    return e;
}

/* Put the position in front of a failure. */
static enum gb_err
told(const struct gb_replay *r, enum gb_err e, struct gb_fail *fail)
{
    return e ? gb_fail_wrap(fail, "position %llu",
                            (unsigned long long)r->position)
             : GB_OK;
}

enum gb_err
gb_replay_lines(struct gb_replay *r, const struct gb_replay_batch *b,
                struct gb_fail *fail)
{
    r->position = gb_state_size(r->state) + 1;
    return told(r, all_lines(r, b, fail), fail);
}

enum gb_err
gb_replay_commit(struct gb_replay *r, const struct gb_oid *commit,
                 struct gb_fail *fail)
{
    struct gb_replay_batch b;
    gb_replay_batch_init(&b);
    r->position = gb_state_size(r->state) + 1;
    enum gb_err e = gb_ledger_changes(r->ledger, commit, take_change, &b, fail);
    e = e ? told(r, e, fail) : gb_replay_lines(r, &b, fail);
    gb_replay_batch_release(&b);
    return e;
}
