/* clock.c - see clock.h */
#include "clock.h"

#include <string.h>

#include "bug.h"
#include "limits.h"

static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t
gb_time_clamp(int64_t ms)
{
    return ms < 0 ? 0 : ms > GB_TIME_MAX ? GB_TIME_MAX : ms;
}

int64_t
gb_clock_next(int64_t last, int64_t ms)
{
    int64_t next = last < GB_STAMP_MAX ? last + 1 : last;
    return max64(next, gb_stamp_of(gb_time_clamp(ms)));
}

void
gb_clock_effective(const struct gb_set *set, const struct gb_arrival *at,
                   int64_t *out)
{
    int64_t e = at->floor;
    for (int i = 0; i < set->nops; i++) {
        const struct gb_op *op = &set->ops[i];
        int64_t adjust = at->adjust ? at->adjust[op->boot] : 0;
        int64_t t;
        /* a line of a hostile ledger may hold any number */
        if (__builtin_add_overflow(op->time_ms, adjust, &t))
            t = adjust < 0 ? 0 : GB_TIME_MAX;
        t = gb_time_clamp(t);
        if (t > at->received_ms)
            t = at->received_ms;
        e = max64(e + 1, gb_stamp_of(t));
        out[i] = e;
    }
}

int64_t
gb_clock_adjust(const struct gb_skew *k, const struct gb_boot *boot,
                int64_t last_ms)
{
    bool current = !memcmp(k->boot, boot->id, sizeof k->boot);
    int64_t skew = GB_BUG(CLOCK) ? 0 : k->received_ms - k->clock_ms;
    if (current && !k->stick)
        return skew > GB_CLOCK_TRUST_MS || skew < -GB_CLOCK_TRUST_MS ? skew : 0;
    int64_t end = current ? k->clock_ms : last_ms;
    if (end > k->received_ms || end < k->base_received_ms)
        return k->received_ms - end;
    return 0;
}
