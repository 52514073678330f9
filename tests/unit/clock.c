/* clock.c - stamps and what the hub makes of wrong clocks (MERGE.md §11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"

#define HOUR 3600000
#define NOW 1764000000000

static void
a_full_counter_moves_to_the_next_millisecond(void **state)
{
    (void)state;
    int64_t s = gb_stamp_of(NOW) | 0xffff;
    assert_int_equal(gb_clock_next(s, NOW), gb_stamp_of(NOW + 1));
}

static void
a_clock_that_goes_back_never_takes_the_stamps_along(void **state)
{
    (void)state;
    int64_t s = gb_stamp_of(NOW);
    assert_int_equal(gb_clock_next(s, 0), s + 1);
    assert_int_equal(gb_clock_next(s, -NOW), s + 1);
    assert_int_equal(gb_clock_next(GB_STAMP_MAX, NOW), GB_STAMP_MAX);
    assert_true(gb_clock_next(0, INT64_MAX) > 0);
}

/* A set of n operations at these times, of one boot. */
static void
make(struct gb_set *set, struct gb_op *ops, const int64_t *times, int n)
{
    memset(ops, 0, (size_t)n * sizeof *ops);
    for (int i = 0; i < n; i++)
        ops[i].time_ms = times[i];
    *set = (struct gb_set){.ops = ops, .nops = n};
}

static void
effective_stamps_keep_order_and_never_lie_ahead(void **state)
{
    (void)state;
    static const int64_t wrong[] = {
        0, 150000, HOUR, -HOUR, 20LL * 365 * 24 * HOUR, -NOW};
    uint64_t rnd = 1;
    for (int round = 0; round < 20000; round++) {
        struct gb_set set;
        struct gb_op ops[8];
        int64_t times[8], e[8];
        rnd = rnd * 6364136223846793005u + 1442695040888963407u;
        int64_t off = wrong[(rnd >> 33) % 6];
        int64_t adjust = (rnd >> 40) & 1 ? -off : 0;
        int64_t floor = gb_stamp_of(NOW - (int64_t)((rnd >> 20) % HOUR));
        for (int i = 0; i < 8; i++)
            times[i] = NOW + off - (int64_t)((rnd >> (i + 8)) % 5000);
        make(&set, ops, times, 8);
        gb_clock_effective(&set, &(struct gb_arrival){NOW, floor, &adjust}, e);
        for (int i = 0; i < 8; i++) {
            assert_true(e[i] > (i ? e[i - 1] : floor));
            assert_true(gb_stamp_ms(e[i]) <= NOW);
        }
    }
}

static void
intervals_stay_where_they_fit(void **state)
{
    (void)state;
    struct gb_set set;
    struct gb_op ops[3];
    int64_t times[] = {NOW - HOUR - 3000, NOW - HOUR - 1000, NOW - HOUR};
    int64_t e[3], adjust = HOUR;
    make(&set, ops, times, 3);
    gb_clock_effective(&set, &(struct gb_arrival){NOW, 0, &adjust}, e);
    assert_int_equal(gb_stamp_ms(e[0]), NOW - 3000);
    assert_int_equal(gb_stamp_ms(e[1]), NOW - 1000);
    assert_int_equal(gb_stamp_ms(e[2]), NOW);
}

static void
no_adjustment_overflows(void **state)
{
    (void)state;
    static const int64_t wild[] = {INT64_MAX, INT64_MIN, INT64_MAX - NOW,
                                   INT64_MIN + NOW};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        struct gb_set set;
        struct gb_op ops[1];
        int64_t e[1], times[] = {GB_TIME_MAX};
        make(&set, ops, times, 1);
        gb_clock_effective(&set, &(struct gb_arrival){NOW, 7, &wild[i]}, e);
        assert_int_equal(e[0], wild[i] < 0 ? 8 : gb_stamp_of(NOW));
        gb_clock_effective(&set, &(struct gb_arrival){NOW, 7, NULL}, e);
        assert_int_equal(e[0], gb_stamp_of(NOW)); /* none at all */
    }
}

static void
adjustment_by_the_way_it_came(void **state)
{
    (void)state;
    static const struct {
        bool stick, this_boot;
        int64_t clock, last, base; /* less NOW */
        int64_t adjust;
    } cases[] = {
        {false, true, 0, 0, -HOUR, 0},
        {false, true, 119000, 0, -HOUR, 0},      /* within two minutes */
        {false, true, HOUR, 0, -HOUR, -HOUR},    /* ahead */
        {false, true, -HOUR, 0, -HOUR, HOUR},    /* behind */
        {true, true, -HOUR, 0, -2 * HOUR, 0},    /* a stick takes its time */
        {true, true, HOUR, 0, -2 * HOUR, -HOUR}, /* exported after import */
        {true, true, -HOUR, 0, -HOUR / 2, HOUR}, /* before its base came */
        {false, false, 0, -HOUR, -2 * HOUR, 0},  /* an earlier boot */
        {false, false, 0, HOUR, -2 * HOUR, -HOUR},
        {false, false, 0, -HOUR, -HOUR / 2, HOUR},
    };
    struct gb_boot boot = {.id = {1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_skew k = {.received_ms = NOW,
                            .clock_ms = NOW + cases[i].clock,
                            .boot = {cases[i].this_boot ? 1 : 2},
                            .stick = cases[i].stick,
                            .base_received_ms = NOW + cases[i].base};
        int64_t got = gb_clock_adjust(&k, &boot, NOW + cases[i].last);
        if (got != cases[i].adjust)
            fail_msg("case %zu: %lld", i, (long long)got);
    }
}

static void
ids_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "7-",
                                      "7-0",
                                      "-7",
                                      "7-x",
                                      "8192-1",
                                      "7-1-1",
                                      "7 1",
                                      "0",
                                      " 7-1",
                                      "7--1",
                                      "9007199254740993",
                                      "7-1099511627776",
                                      "9223372036854775808"};
    int64_t id;
    char text[GB_ID_TEXT];
    assert_true(gb_id_parse(gb_span_text("7-1042"), &id));
    assert_int_equal(id, ((int64_t)7 << 40) + 1042);
    gb_id_print(text, id);
    assert_string_equal(text, "7-1042");
    assert_true(gb_id_parse(gb_span_text("8191-1099511627775"), &id));
    assert_true(id < (int64_t)1 << 53);
    assert_true(gb_id_parse(gb_span_text("17"), &id));
    assert_int_equal(id, 17);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (gb_id_parse(gb_span_text(bad[i]), &id))
            fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_counter_moves_to_the_next_millisecond),
        cmocka_unit_test(a_clock_that_goes_back_never_takes_the_stamps_along),
        cmocka_unit_test(effective_stamps_keep_order_and_never_lie_ahead),
        cmocka_unit_test(intervals_stay_where_they_fit),
        cmocka_unit_test(no_adjustment_overflows),
        cmocka_unit_test(adjustment_by_the_way_it_came),
        cmocka_unit_test(ids_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
