/*
 * clock.h - hybrid logical clock and effective stamps (docs/MERGE.md §11).
 *
 * A stamp holds 48 bits of milliseconds and 16 of counter in a signed 64-bit
 * integer (Kulkarni et al., "Logical Physical Clocks", 2014).  A counter that
 * overflows carries into the next millisecond by itself.  Everything here is
 * pure: times come from outside.
 */
#ifndef GB_CLOCK_H
#define GB_CLOCK_H

#include "op.h"

/* Times lie in 0 .. 2^47 - 1 ms (the year 6429), so stamps stay positive. */
#define GB_TIME_MAX (((int64_t)1 << 47) - 1)
#define GB_STAMP_MAX INT64_MAX

static inline int64_t
gb_stamp_of(int64_t ms)
{
    return (int64_t)((uint64_t)ms << 16);
}

static inline int64_t
gb_stamp_ms(int64_t stamp)
{
    return stamp >> 16;
}

/* A time forced into 0 .. GB_TIME_MAX. */
int64_t gb_time_clamp(int64_t ms);
/* The stamp after `last` for an operation at `ms`: max(last + 1, ms << 16). */
int64_t gb_clock_next(int64_t last, int64_t ms);

/* What the hub knows when a set arrives. */
struct gb_arrival {
    int64_t received_ms;
    int64_t floor;         /* largest effective stamp up to the set's base and
                              in the device's previous set */
    const int64_t *adjust; /* ms, one per boot of the set; NULL: all 0 */
};

/*
 * Effective stamps of a set's operations, out[set->nops]:
 * e_i = max(e_(i-1) + 1, floor + 1, min(t_i + adjust, received))  (M20).
 */
void gb_clock_effective(const struct gb_set *set, const struct gb_arrival *at,
                        int64_t *out);

/* How an upload came, for gb_clock_adjust(). */
struct gb_skew {
    int64_t received_ms; /* the hub's clock */
    int64_t clock_ms;    /* device time when it was sent or exported */
    uint8_t boot[16];    /* the boot that sent it */
    bool stick;
    int64_t base_received_ms; /* when the hub received the set's base */
};
/*
 * clock_adjust_ms of one boot of a set, `last_ms` being the time of the boot's
 * last operation: 0 while the skew is within GB_CLOCK_TRUST_MS; by stick, and
 * for earlier boots, only if that time lies after `received` or before the base
 * was received.
 */
int64_t gb_clock_adjust(const struct gb_skew *k, const struct gb_boot *boot,
                        int64_t last_ms);

#endif
