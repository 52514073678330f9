/*
 * state_origin.c - numbers that continue others (docs/MERGE.md M3, M25,
 * PROTOCOL.md "A copied journal"): see state.h.
 *
 * Only a journal that had been a copy makes such sets, so they are rare: what
 * is asked of older sets is read from these sets again, and kept only while one
 * set is applied.
 */
#include "state_private.h"

#include <string.h>

/* ------------------------------------------------- a set of the ledger -- */

static void
release(struct gb_older *o)
{
    gb_set_release(&o->set);
    gb_arena_release(&o->arena);
    *o = (struct gb_older){0};
}

void
gb_state_forget_older(struct gb_state *st)
{
    for (int i = 0; i < GB_OLDER_KEPT; i++)
        release(&st->older[i]);
}

/* Fetch and decode the set of a line. */
static enum gb_err
read_older(struct gb_state *st, struct gb_span line, struct gb_older *o,
           struct gb_fail *fail)
{
    struct gb_buf bytes;
    gb_arena_init(&o->arena, GB_ARENA_MAX);
    gb_buf_init(&bytes, GB_SET_MAX);
    enum gb_err e = gb_line_read(line, &o->arena, &o->line, fail);
    if (!e && !st->fetch)
        e = gb_fail_set(fail, GB_E_STATE, "older sets cannot be read here");
    if (!e)
        e = st->fetch(st->fetch_context, &o->line, &bytes, fail);
    if (!e)
        e = gb_set_decode_times(gb_buf_view(&bytes), &o->set, fail);
    gb_buf_release(&bytes);
    return e ? e
             : gb_line_stamps(&o->line, &o->set, &o->arena, &o->stamps, fail);
}

/* The set of the current row of OWN_SET or SETS_AROUND, which lives until some
 * others were asked for.  Operations captured again come one behind the other
 * from the same few sets, so these are not read for each. */
static enum gb_err
get_older(struct gb_state *st, sqlite3_stmt *s, const struct gb_older **out,
          struct gb_fail *fail)
{
    uint64_t pos = (uint64_t)sqlite3_column_int64(s, 1);
    for (int i = 0; i < GB_OLDER_KEPT; i++) {
        *out = &st->older[i];
        if (st->older[i].pos == pos)
            return GB_OK;
    }
    struct gb_older *o = &st->older[st->older_next++ % GB_OLDER_KEPT];
    release(o);
    enum gb_err e = read_older(st, gb_db_blob(s, 0), o, fail);
    if (e)
        release(o);
    else
        o->pos = pos;
    *out = o;
    return e;
}

/* ------------------------------------------------------------- lineage -- */

static enum gb_err
add_ancestor(struct gb_state *st, struct gb_ancestor a, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_LINEAGE);
    sqlite3_bind_int(s, 1, a.device);
    sqlite3_bind_int(s, 2, a.parent);
    sqlite3_bind_int64(s, 3, a.stamp);
    enum gb_err e = gb_db_run(s, fail);
    return e ? e : gb_lineage_add(&st->lineage, &a, fail);
}

/* The set names a parent, and may: it is the first of its number. */
static bool
continues(const struct gb_set *set)
{
    return set && set->seq == 1 && set->parent.device;
}

static sqlite3_stmt *
parent_set(struct gb_state *st, const struct gb_parent *p)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_OWN_SET);
    sqlite3_bind_int(s, 1, p->device);
    sqlite3_bind_int64(s, 2, p->seq);
    return s;
}

enum gb_err
gb_state_parent_there(struct gb_state *st, const struct gb_set *set, bool *yes,
                      struct gb_fail *fail)
{
    *yes = true;
    if (!continues(set))
        return GB_OK;
    sqlite3_stmt *s = parent_set(st, &set->parent);
    enum gb_err e = gb_db_step(s, yes, fail);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_continue(struct gb_state *st, const struct gb_incoming *in,
                  int64_t *floor, struct gb_fail *fail)
{
    const struct gb_older *o = NULL;
    bool row;
    if (!continues(in->set))
        return GB_OK;
    const struct gb_parent *p = &in->set->parent;
    sqlite3_stmt *s = parent_set(st, p);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && row)
        e = get_older(st, s, &o, fail);
    sqlite3_reset(s);
    /* whoever names what there never was continues nothing */
    if (!e && row && p->ops <= o->set.nops) {
        struct gb_ancestor a = {in->info->device, p->device,
                                o->stamps[p->ops - 1]};
        *floor = a.stamp > *floor ? a.stamp : *floor;
        e = add_ancestor(st, a, fail);
    }
    return e;
}

/* -------------------------------------------------------------- repeat -- */

static bool
same_origin(const struct gb_origin *a, const struct gb_origin *b)
{
    return a->device == b->device && a->stamp == b->stamp &&
           a->mono_ms == b->mono_ms &&
           !memcmp(a->boot, b->boot, sizeof a->boot);
}

static sqlite3_stmt *
bind_origin(struct gb_state *st, enum gb_state_sql which,
            const struct gb_origin *o)
{
    sqlite3_stmt *s = gb_state_sql(st, which);
    sqlite3_bind_int(s, 1, o->device);
    sqlite3_bind_int64(s, 2, o->stamp);
    gb_db_bind_blob(s, 3, GB_SPAN(o->boot, sizeof o->boot));
    sqlite3_bind_int64(s, 4, o->mono_ms);
    return s;
}

/* It took effect, captured again under another number. */
static enum gb_err
known_again(struct gb_state *st, const struct gb_origin *o, bool *yes,
            struct gb_fail *fail)
{
    sqlite3_stmt *s = bind_origin(st, GB_SQL_GET_ORIGIN, o);
    enum gb_err e = gb_db_step(s, yes, fail);
    sqlite3_reset(s);
    return e;
}

/* An operation of an older set took effect: it does not wait. */
static enum gb_err
took_effect(struct gb_state *st, int device, int64_t stamp, bool *yes,
            struct gb_fail *fail)
{
    bool waits;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_WAIT);
    sqlite3_bind_int(s, 1, device);
    sqlite3_bind_int64(s, 2, stamp);
    enum gb_err e = gb_db_step(s, &waits, fail);
    sqlite3_reset(s);
    *yes = !waits;
    return e;
}

/* Where in a set an operation of this origin may stand: in one that was made
 * under its own number only with its stamp, and stamps rise. */
static int
first_place(const struct gb_set *set, const struct gb_origin *want)
{
    int low = 0, high = set->origins ? 0 : set->nops;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (set->ops[mid].stamp < want->stamp)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The older set has the operation of this origin, and it took effect. */
static enum gb_err
look_into(struct gb_state *st, const struct gb_older *o,
          const struct gb_origin *want, bool *yes, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    int end = o->set.nops, i = first_place(&o->set, want);
    if (!o->set.origins && i < end)
        end = i + 1;
    for (; i < end && !e && !*yes; i++) {
        struct gb_origin is = gb_set_origin(&o->set, i);
        if (same_origin(&is, want))
            e = took_effect(st, o->set.device, o->stamps[i], yes, fail);
    }
    return e;
}

/* It took effect under the number that it was made with. */
static enum gb_err
known_first(struct gb_state *st, const struct gb_origin *want, bool *yes,
            struct gb_fail *fail)
{
    bool row;
    enum gb_err e;
    *yes = false;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_SETS_AROUND);
    sqlite3_bind_int(s, 1, want->device);
    sqlite3_bind_int64(s, 2, want->stamp);
    while (!(e = gb_db_step(s, &row, fail)) && row && !*yes) {
        const struct gb_older *o;
        e = get_older(st, s, &o, fail);
        if (!e)
            e = look_into(st, o, want, yes, fail);
        if (e)
            break;
    }
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_repeats(struct gb_state *st, const struct gb_set *set, int index,
                 bool *yes, struct gb_fail *fail)
{
    *yes = false;
    if (!st->origins && !set->origins)
        return GB_OK;
    struct gb_origin o = gb_set_origin(set, index);
    enum gb_err e = known_again(st, &o, yes, fail);
    return e || *yes || !set->origins ? e : known_first(st, &o, yes, fail);
}

enum gb_err
gb_state_note_origin(struct gb_state *st, const struct gb_set *set, int index,
                     struct gb_fail *fail)
{
    if (!set->origins)
        return GB_OK;
    st->origins = true;
    return gb_db_run(bind_origin(st, GB_SQL_ADD_ORIGIN, &set->origins[index]),
                     fail);
}

void
gb_state_on_fetch(struct gb_state *st, gb_fetch_fn *fetch, void *context)
{
    st->fetch = fetch;
    st->fetch_context = context;
}
