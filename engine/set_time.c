/*
 * set_time.c - sections TIME and ORIGIN (docs/FORMAT.md), both ways.
 *
 * TIME holds what the hub needs before it knows the schema: boots, actors,
 * times and stamps, and for each operation its group in section OPS.
 */
#include "set_private.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "column.h"
#include "id.h"

/* The least stamp that operation i may have; the one before may not be the
 * last that there is. */
static int64_t
least_stamp(const struct gb_op *ops, int i)
{
    int64_t least = gb_stamp_of(ops[i].time_ms);
    return i && ops[i - 1].stamp >= least ? ops[i - 1].stamp + 1 : least;
}

/* What the time of operation i is told as a difference to. */
static int64_t
time_before(const struct gb_set *set, int i)
{
    const struct gb_op *op = &set->ops[i];
    return i && op[-1].boot == op->boot ? op[-1].time_ms
                                        : set->boots[op->boot].wall_ms;
}

/* An actor that is a record, or the hub. */
static bool
actor_valid(int64_t actor)
{
    return actor == 0 || gb_id_valid(actor);
}

/* Times of boots and operations. */
static bool
time_valid(int64_t ms)
{
    return ms >= 0 && ms <= GB_TIME_MAX;
}

/* ------------------------------------------------------------ writing -- */

/* What time and order say must hold; the journal that made the operations is
 * on a disk, so this is no assertion. */
static enum gb_err
check_times(const struct gb_set *set, struct gb_fail *fail)
{
    for (int i = 0; i < set->nboots; i++)
        if (!time_valid(set->boots[i].wall_ms) ||
            !time_valid(set->boots[i].mono_ms))
            return gb_fail_set(fail, GB_E_VALUE,
                               "boot %d: a clock is out of range", i);
    for (int i = 0; i < set->nops; i++) {
        const struct gb_op *op = &set->ops[i];
        int before = i ? op[-1].boot : -1;
        gb_assert(op->boot == before || op->boot == before + 1);
        gb_assert(op->boot >= 0 && op->boot < set->nboots);
        if (!time_valid(op->time_ms) || !actor_valid(op->actor))
            return gb_fail_set(fail, GB_E_VALUE,
                               "operation %d: time or actor out of range", i);
        if ((i && op[-1].stamp == GB_STAMP_MAX) ||
            op->stamp < least_stamp(set->ops, i))
            return gb_fail_set(fail, GB_E_VALUE,
                               "operation %d: stamps do not rise", i);
    }
    gb_assert(set->ops[set->nops - 1].boot == set->nboots - 1);
    return GB_OK;
}

/* The boots, each with its number of operations. */
static void
write_boots(const struct gb_set *set, struct gb_buf *out)
{
    int op = 0;
    gb_buf_varint(out, (uint64_t)set->nboots);
    for (int i = 0; i < set->nboots; i++) {
        const struct gb_boot *b = &set->boots[i];
        int first = op;
        while (op < set->nops && set->ops[op].boot == i)
            op++;
        gb_buf_add(out, b->id, sizeof b->id);
        gb_buf_varint(out, (uint64_t)b->wall_ms);
        gb_buf_varint(out, (uint64_t)b->mono_ms);
        gb_buf_zigzag(out, b->shift_ms);
        gb_buf_varint(out, (uint64_t)(op - first));
    }
}

/* The list of actors; the index of each operation's into at[].  A set knows
 * few people, so they are looked for one by one. */
static enum gb_err
write_actors(const struct gb_set *set, struct gb_buf *out, uint32_t *at,
             struct gb_arena *scratch, struct gb_fail *fail)
{
    size_t n = (size_t)set->nops;
    uint32_t nactors = 0;
    int64_t *actors = gb_arena_array(scratch, n, sizeof *actors);
    if (!actors)
        return gb_arena_refused(scratch, n * sizeof *actors, fail);
    for (size_t i = 0; i < n; i++) {
        int64_t actor = set->ops[i].actor;
        uint32_t a = i ? at[i - 1] : 0;
        if (a == nactors || actors[a] != actor)
            for (a = 0; a < nactors && actors[a] != actor; a++)
                ;
        if (a == nactors)
            actors[nactors++] = actor;
        at[i] = a;
    }
    gb_buf_varint(out, nactors);
    for (uint32_t a = 0; a < nactors; a++)
        gb_buf_zigzag(out, actors[a] - (a ? actors[a - 1] : 0));
    return GB_OK;
}

enum gb_err
gb_set_write_time(const struct gb_set *set, const uint16_t *group,
                  struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_arena scratch;
    size_t n = (size_t)set->nops;
    enum gb_err e = check_times(set, fail);
    if (e)
        return e;
    gb_arena_init(&scratch, GB_ARENA_MAX);
    uint32_t *actor = gb_arena_array(&scratch, n, sizeof *actor);
    if (!actor)
        e = gb_arena_refused(&scratch, n * sizeof *actor, fail);
    gb_buf_varint(out, n);
    write_boots(set, out);
    if (!e)
        e = write_actors(set, out, actor, &scratch, fail);
    if (e)
        goto out;
    for (int i = 0; i < set->nops; i++)
        gb_buf_zigzag(out, set->ops[i].time_ms - time_before(set, i));
    for (int i = 0; i < set->nops; i++)
        gb_buf_varint(out,
                      (uint64_t)(set->ops[i].stamp - least_stamp(set->ops, i)));
    for (size_t i = 0; i < n; i++)
        gb_buf_varint(out, actor[i]);
    for (size_t i = 0; i < n; i++)
        gb_buf_varint(out, group[i]);
    e = gb_buf_check(out, "section TIME", fail);
out:
    gb_arena_release(&scratch);
    return e;
}

enum gb_err
gb_set_write_origin(const struct gb_set *set, struct gb_buf *out,
                    struct gb_fail *fail)
{
    const struct gb_parent *p = &set->parent;
    gb_assert(p->device ? p->seq && p->ops > 0 : !p->seq && !p->ops);
    gb_buf_varint(out, (uint64_t)p->device);
    gb_buf_varint(out, p->seq);
    gb_buf_varint(out, (uint64_t)p->ops);
    for (int i = 0; i < set->nops; i++) {
        const struct gb_origin *o = &set->origins[i];
        if (o->device < 1 || o->device > GB_DEVICE_MAX || o->stamp < 0 ||
            !time_valid(o->mono_ms))
            return gb_fail_set(fail, GB_E_VALUE,
                               "operation %d: its origin is out of range", i);
        gb_buf_varint(out, (uint64_t)o->device);
        gb_buf_add(out, o->boot, sizeof o->boot);
        gb_buf_varint(out, (uint64_t)o->mono_ms);
        gb_buf_zigzag(out, o->stamp);
    }
    return gb_buf_check(out, "section ORIGIN", fail);
}

/* ------------------------------------------------------------ reading -- */

/* A varint of at most `max`, else bad. */
static uint64_t
read_upto(struct gb_reader *in, uint64_t max)
{
    uint64_t v = gb_read_varint(in);
    in->bad |= v > max;
    return in->bad ? 0 : v;
}

/* Boots, and op->boot of the operations that each began. */
static enum gb_err
read_boots(struct gb_reader *in, struct gb_set *set, struct gb_fail *fail)
{
    size_t n = gb_read_count(in, 16 + 4), op = 0, nops = (size_t)set->nops;
    if (in->bad || !n || n > GB_BOOTS_MAX)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the number of boots is out of range");
    set->nboots = (int)n;
    set->boots = gb_arena_array(&set->arena, n, sizeof *set->boots);
    if (!set->boots)
        return gb_arena_refused(&set->arena, n * sizeof *set->boots, fail);
    for (size_t i = 0; i < n && !in->bad; i++) {
        struct gb_boot *b = &set->boots[i];
        struct gb_span id = gb_read_bytes(in, sizeof b->id);
        b->wall_ms = (int64_t)read_upto(in, GB_TIME_MAX);
        b->mono_ms = (int64_t)read_upto(in, GB_TIME_MAX);
        b->shift_ms = gb_read_zigzag(in);
        uint64_t own = read_upto(in, nops - op);
        in->bad |= own == 0;
        if (in->bad)
            break;
        memcpy(b->id, id.ptr, sizeof b->id);
        for (; own; own--)
            set->ops[op++].boot = (int)i;
    }
    if (in->bad || op != nops)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the boots are damaged, or do not sum to the "
                           "operations");
    return GB_OK;
}

/* qsort over numbers. */
static int
by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The list of actors: records, each once. */
static enum gb_err
read_actors(struct gb_reader *in, struct gb_arena *arena, size_t nops,
            int64_t **out, size_t *nout, struct gb_fail *fail)
{
    size_t n = gb_read_count(in, 1);
    if (in->bad || !n || n > nops)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the number of actors is out of range");
    int64_t *actors = gb_arena_array(arena, n, sizeof *actors);
    int64_t *sorted = gb_arena_array(arena, n, sizeof *sorted);
    if (!actors || !sorted)
        return gb_arena_refused(arena, n * sizeof *actors, fail);
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        before += (uint64_t)gb_read_zigzag(in);
        actors[i] = (int64_t)before;
        in->bad |= !actor_valid(actors[i]);
    }
    memcpy(sorted, actors, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    for (size_t i = 1; i < n; i++)
        in->bad |= sorted[i] == sorted[i - 1];
    *out = actors;
    *nout = n;
    return in->bad ? gb_fail_set(fail, GB_E_FORMAT, "the actors are damaged")
                   : GB_OK;
}

/* Times and stamps. */
static enum gb_err
read_clocks(struct gb_reader *in, struct gb_set *set, struct gb_fail *fail)
{
    for (int i = 0; i < set->nops; i++) {
        uint64_t before = (uint64_t)time_before(set, i);
        set->ops[i].time_ms = (int64_t)(before + (uint64_t)gb_read_zigzag(in));
        if (in->bad || !time_valid(set->ops[i].time_ms))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "operation %d: its time is out of range", i);
    }
    for (int i = 0; i < set->nops; i++) {
        bool last = i && set->ops[i - 1].stamp == GB_STAMP_MAX;
        int64_t least = last ? GB_STAMP_MAX : least_stamp(set->ops, i);
        uint64_t more = read_upto(in, (uint64_t)(GB_STAMP_MAX - least));
        if (in->bad || last)
            return gb_fail_set(fail, GB_E_FORMAT,
                               "operation %d: its stamp is out of range", i);
        set->ops[i].stamp = least + (int64_t)more;
    }
    return GB_OK;
}

/* The actor and the group of each operation. */
static enum gb_err
read_indices(struct gb_reader *in, struct gb_set *set, const int64_t *actors,
             size_t nactors, uint16_t **group, struct gb_fail *fail)
{
    size_t used = 0, n = (size_t)set->nops;
    uint16_t *groups = gb_arena_array(&set->arena, n, sizeof *groups);
    if (!groups)
        return gb_arena_refused(&set->arena, n * sizeof *groups, fail);
    for (size_t i = 0; i < n && !in->bad; i++) {
        /* in the order of first use: at most one past those seen */
        uint64_t a = read_upto(in, used < nactors ? used : nactors - 1);
        used += a == used;
        set->ops[i].actor = actors[a];
    }
    in->bad |= used != nactors;
    if (in->bad)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the operations' actors are damaged");
    for (size_t i = 0; i < n; i++)
        groups[i] = (uint16_t)read_upto(in, GB_GROUPS_MAX - 1);
    *group = groups;
    return in->bad ? gb_fail_set(fail, GB_E_FORMAT,
                                 "the operations' groups are damaged")
                   : GB_OK;
}

enum gb_err
gb_set_read_time(struct gb_span raw, struct gb_set *set, uint16_t **group,
                 struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(raw);
    int64_t *actors = NULL;
    size_t nactors = 0, n = gb_read_count(&in, 4);
    if (in.bad || !n || n > GB_SET_OPS_MAX)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the number of operations is out of range");
    set->nops = (int)n;
    set->ops = gb_arena_array(&set->arena, n, sizeof *set->ops);
    if (!set->ops)
        return gb_arena_refused(&set->arena, n * sizeof *set->ops, fail);
    enum gb_err e = read_boots(&in, set, fail);
    if (!e)
        e = read_actors(&in, &set->arena, n, &actors, &nactors, fail);
    if (!e)
        e = read_clocks(&in, set, fail);
    if (!e)
        e = read_indices(&in, set, actors, nactors, group, fail);
    if (!e && !gb_read_done(&in))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "section TIME goes on behind its end");
    return e;
}

enum gb_err
gb_set_read_origin(struct gb_span raw, struct gb_set *set, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(raw);
    struct gb_parent *p = &set->parent;
    size_t n = (size_t)set->nops;
    p->device = (int)read_upto(&in, GB_DEVICE_MAX);
    p->seq = (uint32_t)read_upto(&in, UINT32_MAX);
    p->ops = (int)read_upto(&in, GB_SET_OPS_MAX);
    if (in.bad || (p->device != 0) != (p->seq != 0) ||
        (p->device != 0) != (p->ops != 0))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the chain that was copied is not named well");
    set->origins = gb_arena_array(&set->arena, n, sizeof *set->origins);
    if (!set->origins)
        return gb_arena_refused(&set->arena, n * sizeof *set->origins, fail);
    for (size_t i = 0; i < n && !in.bad; i++) {
        struct gb_origin *o = &set->origins[i];
        o->device = (int)read_upto(&in, GB_DEVICE_MAX);
        struct gb_span boot = gb_read_bytes(&in, sizeof o->boot);
        if (boot.len)
            memcpy(o->boot, boot.ptr, sizeof o->boot);
        o->mono_ms = (int64_t)read_upto(&in, GB_TIME_MAX);
        o->stamp = gb_read_zigzag(&in);
        in.bad |= o->device < 1 || o->stamp < 0;
    }
    return gb_read_done(&in)
               ? GB_OK
               : gb_fail_set(fail, GB_E_FORMAT, "section ORIGIN is damaged");
}
