/*
 * clock.h - what this handheld's clocks say, for struct gb_now of journal.h:
 * CLOCK_REALTIME, CLOCK_BOOTTIME and a boot id.  That is the running kernel's,
 * hashed with where the journal's file lies (device and inode): two copies of
 * a journal on one machine are two boots, else what both make in one
 * millisecond would be one operation (docs/MERGE.md M25).  A file that is
 * moved or renamed keeps its boot; one that was put elsewhere begins another.
 *
 * For tests and demonstrations two variables of the environment stand in for
 * the hardware (documented in gengbu(1)):
 *
 *   GENGBU_CLOCK_MS  the wall clock when the program starts, in milliseconds
 *                    UTC; it goes on from there
 *   GENGBU_BOOT      any word: another word is another start of the system
 *
 * Neither gives anyone a power that setting the clock does not give: the hub
 * judges times by its own clock (docs/MERGE.md §11).
 */
#ifndef GB_DEVICE_CLOCK_H
#define GB_DEVICE_CLOCK_H

#include "engine/journal.h"

struct gb_device_clock {
    int64_t shift_ms; /* added to CLOCK_REALTIME */
    uint8_t kernel[16];
    uint8_t boot[16]; /* the kernel's until gb_device_clock_of() */
};

/* GB_E_CLOCK: the kernel gives no boot id; GB_E_USAGE: a variable is wrong. */
enum gb_err gb_device_clock_init(struct gb_device_clock *clock,
                                 struct gb_fail *fail);

/* From now on the clock is that of the journal in this file, which must be
 * there. */
enum gb_err gb_device_clock_of(struct gb_device_clock *clock, const char *path,
                               struct gb_fail *fail);

/* A gb_now_fn; the context is a struct gb_device_clock. */
void gb_device_clock_now(void *context, struct gb_now *out);

#endif
