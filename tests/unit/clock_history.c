/*
 * clock_history.c - histories of three handhelds with bad clocks and one hub:
 * however their clocks jump, and whatever way their sets come, an effective
 * stamp is above those of all that its writer had seen and of its own earlier
 * work, and in no later millisecond than it was received; and what one boot
 * made and sent over the network lies within two minutes of when it was made,
 * unless what was seen or came before lies later (docs/MERGE.md M20).
 *
 * Clocks are 20 years off, go back, are set to and fro, start in 1970, and
 * have a full counter.  Sets go over the network or lie on a stick for hours;
 * what comes back does too.  The hub's part is engine/clock.c, fed as
 * hub/decide.c feeds it; what a writer had seen is kept here, operation by
 * operation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"

#define HOUR ((int64_t)3600000)
#define YEAR (8766 * HOUR)
#define START ((int64_t)1764000000000)
#define HISTORIES 100000

enum { DEVICES = 3, EVENTS = 30, SETS = EVENTS * DEVICES, OPS = EVENTS * 4 };

/* An operation in the log: what others may see, and what came of it. */
struct done {
    int device;
    int pos;
    int64_t stamp;
};

/* A sealed set on its way. */
struct sealed {
    struct gb_op ops[OPS];
    struct gb_boot boots[EVENTS + 1];
    int64_t true_ms[OPS]; /* when each was made */
    int nops, nboots;
    int base;
};

struct device {
    int64_t offset_ms;   /* how wrong its wall clock is */
    int64_t started_ms;  /* true time of the last start */
    struct gb_boot boot; /* of it; its wall clock is fixed by the first */
    bool used;           /* operation, which there was */
    int64_t last;        /* largest stamp of its own, or merged */
    int merged;          /* position */
    struct sealed tail;  /* not sealed yet */
    struct sealed sets[EVENTS];
    int nsets, arrived;
    int on_stick, back_on_stick; /* sets; position; 0: no stick */
    struct gb_skew exported;     /* as the stick says it */
};

struct history {
    uint64_t seed, rnd;
    int64_t now_ms;
    struct device d[DEVICES];
    struct done log[SETS * 4];
    int nlog;
    int64_t received_ms[SETS + 1]; /* by position */
    int size;
};

static int
below(struct history *h, int n)
{
    uint64_t z = h->rnd += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)((z ^ z >> 31) % (uint64_t)n);
}

/* ---------------------------------------------------------- a handheld -- */

/* What its clock shows: the wall clock at the boot's first operation, and what
 * went by since. */
static int64_t
device_time(const struct history *h, const struct device *d)
{
    int64_t mono = h->now_ms - d->started_ms;
    return gb_time_clamp(d->used ? d->boot.wall_ms + mono - d->boot.mono_ms
                                 : h->now_ms + d->offset_ms);
}

/* The running boot in the tail. */
static int
this_boot(struct history *h, struct device *d)
{
    struct sealed *t = &d->tail;
    if (!d->used) {
        d->boot.wall_ms = device_time(h, d);
        d->boot.mono_ms = h->now_ms - d->started_ms;
        d->used = true;
    }
    if (!t->nboots || t->boots[t->nboots - 1].id[0] != d->boot.id[0])
        t->boots[t->nboots++] = d->boot;
    return t->nboots - 1;
}

static void
write_one(struct history *h, struct device *d)
{
    int boot = this_boot(h, d), n = d->tail.nops++;
    struct gb_op *op = &d->tail.ops[n];
    *op = (struct gb_op){.boot = boot, .time_ms = device_time(h, d)};
    d->tail.true_ms[n] = h->now_ms;
    if (below(h, 8) == 0)
        d->last |= 0xffff; /* the counter is at its end */
    op->stamp = gb_clock_next(d->last, op->time_ms);
    assert_true(op->stamp > d->last);
    d->last = op->stamp;
}

static void
wrong_clock(struct history *h, struct device *d)
{
    static const int64_t jumps[] = {20 * YEAR, -20 * YEAR, HOUR,   -HOUR,
                                    150000,    -150000,    110000, 0};
    int what = below(h, 10);
    d->offset_ms = what < 8    ? jumps[what]
                   : what == 8 ? below(h, 100000) - h->now_ms /* 1970 */
                               : d->offset_ms + jumps[below(h, 8)];
    if (below(h, 3) == 0)
        return; /* set while it runs */
    d->boot.id[0]++;
    d->used = false;
    d->started_ms = h->now_ms;
}

static void
seal(struct device *d)
{
    if (!d->tail.nops)
        return;
    d->tail.base = d->merged;
    d->sets[d->nsets++] = d->tail;
    d->tail.nops = d->tail.nboots = 0;
}

/* The hub's records up to a position; what was open is sealed before. */
static void
merge(struct history *h, struct device *d, int position)
{
    if (position <= d->merged)
        return;
    seal(d);
    d->merged = position;
    for (int i = 0; i < h->nlog; i++)
        if (h->log[i].pos <= position && h->log[i].stamp > d->last)
            d->last = h->log[i].stamp;
}

/* ------------------------------------------------------------- the hub -- */

/* Its writer had seen it: in its base, or of its own. */
static bool
seen(const struct done *x, int device, int base)
{
    return x->pos <= base || x->device == device;
}

/* It was made by the boot that sent it, over the network. */
static void
check_time(const struct history *h, int64_t stamp, int64_t true_ms,
           int64_t before)
{
    int64_t ms = gb_stamp_ms(stamp), late = gb_stamp_ms(before) + 1;
    if (late < true_ms + GB_CLOCK_TRUST_MS)
        late = true_ms + GB_CLOCK_TRUST_MS;
    if (ms < true_ms - GB_CLOCK_TRUST_MS || ms > late)
        fail_msg("GENGBU_SEED=%llu: a stamp is %lld ms off",
                 (unsigned long long)h->seed, (long long)(ms - true_ms));
}

static void
take(struct history *h, int device, struct sealed *s, const struct gb_skew *how)
{
    struct gb_set set = {.ops = s->ops, .nops = s->nops};
    int64_t adjust[EVENTS + 1] = {0}, e[OPS], floor = 0;
    struct gb_skew k = *how;
    k.received_ms = h->now_ms;
    k.base_received_ms = h->received_ms[s->base];
    for (int i = 0; i < s->nops; i++)
        adjust[s->ops[i].boot] =
            gb_clock_adjust(&k, &s->boots[s->ops[i].boot], s->ops[i].time_ms);
    for (int i = 0; i < h->nlog; i++)
        if (seen(&h->log[i], device, s->base) && h->log[i].stamp > floor)
            floor = h->log[i].stamp;
    gb_clock_effective(&set, &(struct gb_arrival){h->now_ms, floor, adjust}, e);
    h->received_ms[++h->size] = h->now_ms;
    for (int i = 0; i < s->nops && !k.stick; i++)
        if (s->boots[s->ops[i].boot].id[0] == k.boot[0])
            check_time(h, e[i], s->true_ms[i], i ? e[i - 1] : floor);
    for (int i = 0; i < s->nops; i++) {
        for (int x = 0; x < h->nlog; x++)
            if (seen(&h->log[x], device, s->base) && e[i] <= h->log[x].stamp)
                fail_msg("GENGBU_SEED=%llu: a stamp is not above what its "
                         "writer saw",
                         (unsigned long long)h->seed);
        if (gb_stamp_ms(e[i]) > h->now_ms)
            fail_msg("GENGBU_SEED=%llu: a stamp lies after it was received",
                     (unsigned long long)h->seed);
        h->log[h->nlog++] = (struct done){device, h->size, e[i]};
    }
}

/* The first n sets of a handheld arrive, those that came before left out. */
static void
arrive(struct history *h, struct device *d, int n, const struct gb_skew *how)
{
    for (; d->arrived < n; d->arrived++)
        take(h, (int)(d - h->d), &d->sets[d->arrived], how);
}

static void
sync_now(struct history *h, struct device *d)
{
    struct gb_skew how = {.clock_ms = device_time(h, d),
                          .boot = {d->boot.id[0]}};
    seal(d);
    arrive(h, d, d->nsets, &how);
    if (below(h, 4)) /* else the reply is lost */
        merge(h, d, h->size);
}

static void
stick(struct history *h, struct device *d)
{
    if (d->on_stick) {
        arrive(h, d, d->on_stick, &d->exported);
        d->back_on_stick = h->size;
        d->on_stick = 0;
    } else if (d->back_on_stick && below(h, 2)) {
        merge(h, d, d->back_on_stick);
        d->back_on_stick = 0;
    } else {
        d->exported = (struct gb_skew){.clock_ms = device_time(h, d),
                                       .boot = {d->boot.id[0]},
                                       .stick = true};
        seal(d);
        d->on_stick = d->nsets;
    }
}

static void
run(struct history *h, uint64_t seed)
{
    static const int64_t passes[] = {0, 1, 1000, 60000, HOUR, 9 * HOUR};
    h->seed = h->rnd = seed;
    h->now_ms = START;
    h->nlog = h->size = 0;
    h->received_ms[0] = START;
    for (int i = 0; i < DEVICES; i++) {
        struct device *d = &h->d[i];
        d->offset_ms = d->last = 0;
        d->started_ms = START;
        d->boot = (struct gb_boot){0};
        d->used = false;
        d->tail.nops = d->tail.nboots = 0;
        d->merged = d->nsets = d->arrived = d->on_stick = d->back_on_stick = 0;
    }
    for (int n = 0; n < EVENTS; n++) {
        struct device *d = &h->d[below(h, DEVICES)];
        int what = below(h, 20);
        h->now_ms += passes[below(h, 6)];
        if (what < 4)
            wrong_clock(h, d);
        else if (what < 9)
            sync_now(h, d);
        else if (what < 12)
            stick(h, d);
        else
            for (int k = 1 + below(h, 3); k > 0; k--)
                write_one(h, d);
    }
}

static void
m20_no_clock_breaks_causality_or_lies_ahead(void **state)
{
    (void)state;
    static struct history h;
    const char *from = getenv("GENGBU_SEED");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    long long operations = 0;
    for (uint64_t seed = first; seed < first + (from ? 1 : HISTORIES); seed++) {
        run(&h, seed);
        operations += h.nlog;
    }
    print_message("%d histories, %lld operations\n", from ? 1 : HISTORIES,
                  operations);
    assert_true(from || operations > 10LL * HISTORIES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m20_no_clock_breaks_causality_or_lies_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
