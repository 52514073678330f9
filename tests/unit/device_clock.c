/* device_clock.c - what the environment, the kernel and the disk say of time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "device/clock.h"
#include "engine/clock.h"
#include "support/fault.h"

static enum gb_err
start(void *arg, struct gb_fail *fail)
{
    struct gb_device_clock *clock = arg;
    enum gb_err e = gb_device_clock_init(clock, fail);
    return e ? e : gb_device_clock_of(clock, "/", fail);
}

/* A boot has a name, each file its own; what fails is told. */
static void
a_boot_is_named(void **state)
{
    (void)state;
    struct gb_device_clock here, there;
    struct gb_now now;
    unsetenv("GENGBU_BOOT");
    unsetenv("GENGBU_CLOCK_MS");
    assert_true(fault_sweep(FAULT_ANY, start, fault_told_or_harmless, &here) >
                3);
    there = here;
    assert_int_equal(gb_device_clock_of(&there, "/proc", NULL), GB_OK);
    assert_memory_not_equal(here.boot, there.boot, sizeof here.boot);
    assert_memory_equal(here.kernel, there.kernel, sizeof here.kernel);
    assert_int_equal(gb_device_clock_of(&there, "/no/such", NULL),
                     GB_E_MISSING);
    gb_device_clock_now(&here, &now);
    assert_memory_equal(now.boot, here.boot, sizeof now.boot);
    assert_true(llabs(now.wall_ms / 1000 - (int64_t)time(NULL)) < 5);

    setenv("GENGBU_BOOT", "another", 1);
    assert_int_equal(start(&there, NULL), GB_OK);
    assert_memory_not_equal(here.kernel, there.kernel, sizeof here.kernel);
}

static void
a_clock_may_be_set(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "x", "5x", "-1", "99999999999999999999", "9223372036854775807"};
    struct gb_device_clock clock;
    struct gb_now now;
    setenv("GENGBU_CLOCK_MS", "1234567", 1);
    assert_int_equal(gb_device_clock_init(&clock, NULL), GB_OK);
    gb_device_clock_now(&clock, &now);
    assert_in_range(now.wall_ms, 1234567, 1234567 + 60000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("GENGBU_CLOCK_MS", bad[i], 1);
        assert_int_equal(gb_device_clock_init(&clock, NULL), GB_E_USAGE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_is_named),
        cmocka_unit_test(a_clock_may_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
