/* known.c - see known.h */
#include "hub/known.h"

#include <string.h>

#include "engine/known.h"
#include "hub/decode.h"
#include "hub/replay.h"

int
gb_hub_first_number(const struct gb_state *st, int device)
{
    const struct gb_lineage *l = gb_state_lineage(st);
    for (int hops = 0; hops <= l->n; hops++) {
        int i = 0;
        while (i < l->n && l->of[i].device != device)
            i++;
        if (i == l->n)
            break;
        device = l->of[i].parent;
    }
    return device;
}

/* All operations of one set, with where they were made first. */
static enum gb_err
write_set(const struct gb_line *line, const struct gb_set *set,
          struct gb_arena *arena, struct gb_buf *one, struct gb_buf *out,
          struct gb_fail *fail)
{
    int64_t *stamps;
    enum gb_err e = gb_line_stamps(line, set, arena, &stamps, fail);
    for (int i = 0; i < set->nops && !e; i++) {
        struct gb_known k = {.origin = gb_set_origin(set, i),
                             .device = line->device,
                             .seq = line->seq,
                             .index = i,
                             .stamp = stamps[i],
                             .id = set->ops[i].id};
        gb_buf_clear(one);
        gb_known_write(one, &k);
        gb_buf_string(out, gb_buf_view(one));
    }
    return e ? e : gb_buf_check(out, "what the hub knows of a number", fail);
}

/* The set of a line, out of the ledger. */
static enum gb_err
take_line(struct gb_state *st, struct gb_ledger *ledger, struct gb_span text,
          struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_line line;
    struct gb_arena arena;
    struct gb_buf bytes;
    struct gb_buf one;
    struct gb_decoded d = {0};
    gb_buf_init(&one, 256);
    gb_arena_init(&arena, GB_ARENA_MAX);
    gb_buf_init(&bytes, GB_SET_MAX);
    enum gb_err e = gb_line_read(text, &arena, &line, fail);
    if (!e)
        e = gb_replay_fetch(ledger, &line, &bytes, fail);
    if (!e)
        e = gb_decode(st, gb_buf_view(&bytes), &d, fail);
    if (!e && d.good && !d.in.times)
        e = write_set(&line, &d.set, &arena, &one, out, fail);
    gb_buf_release(&one);
    gb_decoded_release(&d);
    gb_buf_release(&bytes);
    gb_arena_release(&arena);
    return e;
}

enum gb_err
gb_hub_known(struct gb_state *st, struct gb_ledger *ledger, int device,
             uint64_t after, struct gb_buf *out, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    int first = gb_hub_first_number(st, device);
    enum gb_err e = gb_db_preparef(gb_state_db(st), &s, fail,
                                   "SELECT device, line FROM _set WHERE pos > "
                                   "%lld AND device > 0 AND last > 0 ORDER BY "
                                   "pos",
                                   (long long)after);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        if (gb_hub_first_number(st, sqlite3_column_int(s, 0)) == first)
            e = take_line(st, ledger, gb_db_blob(s, 1), out, fail);
    sqlite3_finalize(s);
    return e;
}
