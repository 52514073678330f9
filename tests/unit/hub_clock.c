/* hub_clock.c - the environment may set the hub's clock */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/clock.h"

/* Whether a process that starts with this in its environment is at most a
 * minute past these seconds. */
static bool
starts_at(const char *set, int64_t seconds)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        if (set)
            setenv("GENGBU_CLOCK_MS", set, 1);
        else
            unsetenv("GENGBU_CLOCK_MS");
        int64_t past = gb_hub_clock_now().wall_ms / 1000 - seconds;
        exit(past < -1 || past > 60);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void
a_clock_may_be_set(void **state)
{
    (void)state;
    assert_true(starts_at(NULL, time(NULL)));
    assert_true(starts_at("", time(NULL)));
    assert_true(starts_at("1234567000", 1234567));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_clock_may_be_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
