/*
 * clock.h - what the clocks of the hub's machine say: the one place at the hub
 * that asks them for what goes into the ledger or a delta.  A simulation links
 * its own in place of clock.c, as it does with device/clock.c.
 *
 * GENGBU_CLOCK_MS in the environment stands in for the wall clock when the
 * program starts, in milliseconds UTC; it goes on from there.
 */
#ifndef GB_HUB_CLOCK_H
#define GB_HUB_CLOCK_H

#include <stdint.h>

struct gb_hub_now {
    int64_t wall_ms; /* CLOCK_REALTIME */
    int64_t mono_ms; /* CLOCK_BOOTTIME */
};

struct gb_hub_now gb_hub_clock_now(void);

#endif
