/* state_line.c - decide and apply one set; see state.h, docs/MERGE.md §10 */
#include "state_private.h"

#include <stdlib.h>
#include <string.h>

#include "bug.h"
#include "clock.h"

/* What the chain and the base say before any operation is looked at. */
static enum gb_verdict
judge_set(const struct gb_state *st, const struct gb_device *d,
          const struct gb_incoming *in, bool base_known, enum gb_code *held)
{
    const struct gb_set_info *info = in->info;
    *held = GB_CODE_NONE;
    if (info->seq != d->seq + 1 || memcmp(info->prev, d->sha, 32))
        return GB_FORK;
    if (info->schema > st->version)
        *held = GB_CODE_SCHEMA;
    else if (!in->set || in->times)
        *held = GB_CODE_MALFORMED;
    else if (!base_known)
        *held = GB_CODE_BASE;
    return *held ? GB_HELD : GB_APPLIED;
}

/* Effective stamps of all operations; none for a fork or an unreadable set.
 * The caller frees *out. */
static enum gb_err
compute_stamps(struct gb_state *st, const struct gb_device *d,
               const struct gb_incoming *in, struct gb_line *line,
               int64_t **out, struct gb_fail *fail)
{
    uint64_t base = in->info->base.size;
    enum gb_err e = gb_state_stamp(
        st, base < st->tree.size ? base : st->tree.size, &line->floor, fail);
    *out = NULL;
    if (e)
        return e;
    if (line->floor < d->last)
        line->floor = d->last;
    if (line->verdict == GB_FORK || !in->set)
        return GB_OK;
    e = gb_state_continue(st, in, &line->floor, fail);
    if (e)
        return e;
    *out = malloc((size_t)in->set->nops * sizeof **out);
    if (!*out)
        return gb_fail_memory(fail);
    struct gb_arrival at = {in->received_ms, line->floor, in->adjust};
    gb_clock_effective(in->set, &at, *out);
    return GB_OK;
}

/* All operations of a set, one by one: what cannot take effect waits with a
 * code of its own, or all wait with that of the set. */
static enum gb_err
apply(struct gb_state *st, struct gb_applying *a, const int64_t *stamps,
      struct gb_arena *arena, struct gb_line *line, struct gb_fail *fail)
{
    int n = stamps ? a->in->set->nops : 0;
    enum gb_err e = gb_applying_begin(st, a, fail);
    for (int i = 0; i < n && !e; i++) {
        struct gb_turn turn = {.index = i, .stamp = stamps[i]};
        enum gb_code code = line->held;
        if (line->verdict == GB_APPLIED)
            e = gb_state_op(st, a, &turn, &code, fail);
        if (e || code == GB_CODE_NONE)
            continue;
        if (!GB_BUG(CURSOR))
            e = gb_state_wait(st, a, &turn, a->pos, code, fail);
        if (line->verdict == GB_HELD)
            continue;
        if (!line->quarantined)
            line->quarantined =
                gb_arena_array(arena, (size_t)n, sizeof *line->quarantined);
        if (!line->quarantined)
            return gb_fail_memory(fail);
        line->quarantined[line->nquarantined++] =
            (struct gb_quarantined){i, code};
    }
    return e;
}

/* The chain goes on with this set, whatever became of it, unless a fork. */
static enum gb_err
advance_chain(struct gb_state *st, const struct gb_incoming *in, int64_t last,
              struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_PUT_CHAIN);
    sqlite3_bind_int(s, 1, in->info->device);
    sqlite3_bind_int64(s, 2, in->info->seq);
    gb_db_bind_blob(s, 3, GB_SPAN(in->sha.bytes, 32));
    sqlite3_bind_int64(s, 4, last);
    return gb_db_run(s, fail);
}

/* The leaf, and the subtrees that it completes. */
static enum gb_err
add_leaf(struct gb_state *st, struct gb_span leaf, struct gb_fail *fail)
{
    struct gb_sha256 done[GB_MERKLE_LEVELS];
    uint64_t index = st->tree.size;
    unsigned n = gb_merkle_append(&st->tree, leaf, done);
    enum gb_err e = GB_OK;
    for (unsigned level = 0; level < n && !e; level++) {
        sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_NODE);
        sqlite3_bind_int64(s, 1, level);
        sqlite3_bind_int64(s, 2, (int64_t)(index >> level));
        gb_db_bind_blob(s, 3, GB_SPAN(done[level].bytes, 32));
        e = gb_db_run(s, fail);
    }
    return e;
}

/* The row of _set, and the tree. */
static enum gb_err
record_set(struct gb_state *st, const struct gb_incoming *in,
           const int64_t *stamps, const struct gb_line *line,
           struct gb_fail *fail)
{
    const struct gb_set_info *info = in->info;
    int n = stamps ? in->set->nops : 0;
    struct gb_buf text;
    gb_buf_init(&text, GB_LINE_MAX);
    gb_line_write(line, &text);
    enum gb_err e = gb_buf_check(&text, "a line of the batch", fail);
    if (!e)
        e = gb_buf_check(&st->touched.list, "the records of a set", fail);
    if (!e) {
        sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_SET);
        struct gb_value leaf = gb_value_text(gb_buf_view(&text));
        sqlite3_bind_int64(s, 1, (int64_t)line->pos);
        sqlite3_bind_int(s, 2, info->device);
        sqlite3_bind_int64(s, 3, info->seq);
        gb_db_bind_blob(s, 4, GB_SPAN(in->sha.bytes, 32));
        sqlite3_bind_int64(s, 5, in->received_ms);
        sqlite3_bind_int64(s, 6, n ? stamps[0] : 0);
        sqlite3_bind_int64(s, 7, n ? stamps[n - 1] : 0);
        sqlite3_bind_int64(s, 8, st->stamp);
        sqlite3_bind_int64(s, 9, info->schema);
        sqlite3_bind_int64(s, 10, (int64_t)info->base.size);
        gb_db_bind(s, 11, &leaf);
        gb_db_bind_blob(s, 12, gb_buf_view(&st->touched.list));
        if (n) {
            sqlite3_bind_int64(s, 13, in->set->ops[0].stamp);
            sqlite3_bind_int64(s, 14, in->set->ops[n - 1].stamp);
            sqlite3_bind_int(s, 15, in->set->origins != NULL);
        }
        e = gb_db_run(s, fail);
    }
    if (!e)
        e = add_leaf(st, gb_buf_view(&text), fail);
    gb_buf_release(&text);
    return e;
}

/* What the verdict makes of the operations, the chain and the stamps. */
static enum gb_err
take_effect(struct gb_state *st, const struct gb_incoming *in,
            const int64_t *stamps, const struct gb_device *d,
            struct gb_arena *arena, struct gb_line *line, struct gb_fail *fail)
{
    int n = stamps ? in->set->nops : 0;
    int64_t last = n ? stamps[n - 1] : line->floor;
    struct gb_applying a = {.in = in,
                            .schema = gb_state_schema_of(st, in->info->schema),
                            .pos = line->pos,
                            .base = in->info->base.size};
    if (line->verdict == GB_FORK)
        return GB_OK;
    enum gb_err e = apply(st, &a, stamps, arena, line, fail);
    if (!e)
        e = gb_state_rivals(st, line->pos, fail);
    if (!e)
        e = advance_chain(st, in, last > d->last ? last : d->last, fail);
    if (n && last > st->stamp)
        st->stamp = last;
    return e;
}

enum gb_err
gb_state_line(struct gb_state *st, const struct gb_incoming *in,
              struct gb_arena *arena, struct gb_line *out, struct gb_fail *fail)
{
    struct gb_device d;
    bool found, base_known = false;
    int64_t *stamps = NULL;
    *out = (struct gb_line){.pos = st->tree.size + 1,
                            .device = in->info->device,
                            .seq = in->info->seq,
                            .received_ms = in->received_ms,
                            .nadjust = in->nadjust};
    memcpy(out->sha256, in->sha.bytes, 32);
    enum gb_err e = gb_state_device(st, in->info->device, &d, &found, fail);
    if (!e)
        e = gb_state_knows(st, &in->info->base, &base_known, fail);
    out->adjust =
        gb_arena_array(arena, (size_t)in->nadjust + 1, sizeof *out->adjust);
    if (!e && !out->adjust)
        e = gb_fail_memory(fail);
    if (e)
        return e;
    if (in->nadjust)
        memcpy(out->adjust, in->adjust,
               (size_t)in->nadjust * sizeof *out->adjust);
    out->verdict = judge_set(st, &d, in, base_known, &out->held);
    gb_touched_clear(&st->touched);
    gb_rivals_clear(&st->rivals);
    e = compute_stamps(st, &d, in, out, &stamps, fail);
    if (!e)
        e = take_effect(st, in, stamps, &d, arena, out, fail);
    if (!e)
        e = record_set(st, in, stamps, out, fail);
    gb_state_forget_older(st);
    gb_held_release(&st->waits); /* its position may be another's next */
    free(stamps);
    return e;
}
