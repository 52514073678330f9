/* clock.c - see clock.h */
#include "hub/clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* A clock of the system in milliseconds. */
static int64_t
clock_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the environment adds to the wall clock. */
static int64_t
shift_ms(void)
{
    static int64_t shift;
    static bool asked;
    if (!asked) {
        const char *set = getenv("GENGBU_CLOCK_MS");
        if (set && *set)
            shift = strtoll(set, NULL, 10) - clock_ms(CLOCK_REALTIME);
        asked = true;
    }
    return shift;
}

struct gb_hub_now
gb_hub_clock_now(void)
{
    int64_t shift = shift_ms();
    return (struct gb_hub_now){clock_ms(CLOCK_REALTIME) + shift,
                               clock_ms(CLOCK_BOOTTIME)};
}
