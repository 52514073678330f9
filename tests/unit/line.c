/* line.c - batch lines: one way to write each, everything else refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/clock.h"
#include "engine/line.h"
#include "support/alloc.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char *const good[] = {
    "1 0 1 " SHA " 1764000000000 0 0 applied\n",
    "1042 7 31 " SHA " 1764000000000 0,-3600000 115605504000000000 applied\n",
    "2 8191 4294967295 " SHA " 0 - 0 fork\n",
    "3 7 0 " SHA " 5 0 0 fork\n",
    "3 7 1 " SHA " 5 0 9223372036854775807 held:SCHEMA\n",
    "4 7 2 " SHA " 5 0 0 applied 0=FACT,3=ILLEGAL,65535=MISSING\n",
};

static const char *const bad[] = {
    "",
    "\n",
    "1 0 1 " SHA " 5 0 0 applied",
    "01 0 1 " SHA " 5 0 0 applied\n",
    "0 0 1 " SHA " 5 0 0 applied\n",
    "1 8192 1 " SHA " 5 0 0 applied\n",
    "1 0 0 " SHA " 5 0 0 applied\n",
    "1 0 4294967296 " SHA " 5 0 0 applied\n",
    "1 0 1 " SHA "0 5 0 0 applied\n",
    "1 0 1 A0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 5 "
    "0 0 applied\n",
    "1 0 1 " SHA " 9223372036854775808 0 0 applied\n",
    "1 0 1 " SHA " 5 +1 0 applied\n",
    "1 0 1 " SHA " 5 -0 0 applied\n",
    "1 0 1 " SHA " 5 0, 0 applied\n",
    "1 0 1 " SHA " 5 0 0 held\n",
    "1 0 1 " SHA " 5 0 0 held:\n",
    "1 0 1 " SHA " 5 0 0 held:NONE\n",
    "1 0 1 " SHA " 5 0 0 held:WHATEVER\n",
    "1 0 1 " SHA " 5 0 0 applied \n",
    "1 0 1 " SHA " 5 0 0 applied 3=FACT,3=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied 3=FACT,2=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied 3=\n",
    "1 0 1 " SHA " 5 0 0 fork 3=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied\n\n",
    "1  0 1 " SHA " 5 0 0 applied\n",
    " 1 0 1 " SHA " 5 0 0 applied\n",
    "1 0 1 " SHA " -1 0 0 applied\n",
    "1 0 1 " SHA " 253402300800000 0 0 applied\n",
    "1 0 1 " SHA " 5 0 -1 applied\n",
    "-1 0 1 " SHA " 5 0 0 applied\n",
    "1 -1 1 " SHA " 5 0 0 applied\n",
    "1 x 1 " SHA " 5 0 0 applied\n",
    "1 0 x " SHA " 5 0 0 applied\n",
    "1 0 -1 " SHA " 5 0 0 applied\n",
    "1 0 1 " SHA " 92233720368547758070 0 0 applied\n",
    "1 0 1 " SHA " x 0 0 applied\n",
    "1 0 1 " SHA " 5 0 x applied\n",
    "1 0 1 " SHA " 5 0 0 kept:SCHEMA\n",
    "1 0 1 " SHA " 5 0 0 held:SCHEMA 3=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied 3\n",
    "1 0 1 " SHA " 5 0 0 applied x=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied -1=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied 65536=FACT\n",
    "1 0 1 " SHA " 5 0 0 applied 3=NONE\n",
};

static bool
reads(const char *text, size_t n)
{
    struct gb_arena arena;
    struct gb_line line;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, 4 << 20);
    enum gb_err e = gb_line_read(GB_SPAN(text, n), &arena, &line, &fail);
    gb_arena_release(&arena);
    assert_int_equal(e, e ? GB_E_FORMAT : GB_OK);
    return !e;
}

static void
good_lines_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!reads(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void
others_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (reads(bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
}

static void
cut_short_is_refused_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t n = 0; n < strlen(good[i]); n++)
            assert_false(reads(good[i], n));
}

static void
fields_are_what_they_say(void **state)
{
    (void)state;
    struct gb_arena arena;
    struct gb_line l;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, 1 << 20);
    assert_int_equal(gb_line_read(gb_span_text(good[1]), &arena, &l, &fail),
                     GB_OK);
    assert_int_equal(l.pos, 1042);
    assert_int_equal(l.device, 7);
    assert_int_equal(l.seq, 31);
    assert_int_equal(l.nadjust, 2);
    assert_int_equal(l.adjust[1], -3600000);
    assert_int_equal(gb_line_read(gb_span_text(good[5]), &arena, &l, &fail),
                     GB_OK);
    assert_int_equal(l.nquarantined, 3);
    assert_int_equal(l.quarantined[1].index, 3);
    assert_int_equal(l.quarantined[1].code, GB_CODE_ILLEGAL);
    gb_arena_release(&arena);
}

/* All operations of the largest set quarantined, and all boots adjusted. */
static void
the_longest_line_is_read(void **state)
{
    (void)state;
    static struct gb_quarantined items[GB_SET_OPS_MAX];
    static int64_t adjust[GB_BOOTS_MAX];
    struct gb_line back, l = {.pos = INT64_MAX,
                              .device = GB_DEVICE_MAX,
                              .seq = UINT32_MAX,
                              .received_ms = 253402300799999,
                              .floor = INT64_MAX,
                              .adjust = adjust,
                              .nadjust = GB_BOOTS_MAX,
                              .quarantined = items,
                              .nquarantined = GB_SET_OPS_MAX};
    for (int i = 0; i < GB_SET_OPS_MAX; i++)
        items[i] = (struct gb_quarantined){i, GB_CODE_AUTHORITY};
    for (int i = 0; i < GB_BOOTS_MAX; i++)
        adjust[i] = -GB_TIME_MAX;
    struct gb_arena arena;
    struct gb_buf b;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, 4 << 20);
    gb_buf_init(&b, GB_LINE_MAX);
    gb_line_write(&l, &b);
    assert_int_equal(gb_buf_check(&b, "a line", &fail), GB_OK);
    assert_int_equal(gb_line_read(gb_buf_view(&b), &arena, &back, &fail),
                     GB_OK);
    assert_int_equal(back.nquarantined, GB_SET_OPS_MAX);
    assert_int_equal(back.nadjust, GB_BOOTS_MAX);
    gb_buf_release(&b);
    gb_arena_release(&arena);
}

/* More boots or operations than a set can have, and more bytes than a line. */
static void
lists_have_ends(void **state)
{
    (void)state;
    static char text[GB_LINE_MAX + 300];
    static const struct {
        const char *start, *item, *end;
        int n;
        bool good;
    } rows[] = {
        {"1 0 1 " SHA " 5 ", "0,", "0 0 applied\n", GB_BOOTS_MAX - 1, true},
        {"1 0 1 " SHA " 5 ", "0,", "0 0 applied\n", GB_BOOTS_MAX, false},
        {"1 0 1 " SHA " 5 0 0 applied ", ",", "\n", GB_SET_OPS_MAX, false},
        {"1 0 1 " SHA " 5 0 0 ", "x", "\n", GB_LINE_MAX, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].start), len = strlen(rows[i].item);
        memcpy(text, rows[i].start, n);
        for (int k = 0; k < rows[i].n; k++, n += len)
            memcpy(text + n, rows[i].item, len);
        memcpy(text + n, rows[i].end, strlen(rows[i].end));
        assert_int_equal(reads(text, n + strlen(rows[i].end)), rows[i].good);
    }
}

static enum gb_err
read_with_stamps(void *arg, struct gb_fail *fail)
{
    const struct gb_set *set = arg;
    struct gb_arena arena;
    struct gb_line l;
    int64_t *stamps = NULL;
    gb_arena_init(&arena, 1 << 20);
    enum gb_err e = gb_line_read(gb_span_text(good[5]), &arena, &l, fail);
    if (!e)
        e = gb_line_stamps(&l, set, &arena, &stamps, fail);
    gb_arena_release(&arena);
    return e;
}

/* A line is not called wrong because there was no memory to read it. */
static void
memory_may_run_out(void **state)
{
    (void)state;
    static struct gb_op ops[3000];
    struct gb_boot boot = {.wall_ms = 5};
    struct gb_set set = {.nops = 3000, .ops = ops, .nboots = 1, .boots = &boot};
    assert_int_equal(alloc_sweep(read_with_stamps, &set), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_read),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(cut_short_is_refused_everywhere),
        cmocka_unit_test(fields_are_what_they_say),
        cmocka_unit_test(the_longest_line_is_read),
        cmocka_unit_test(lists_have_ends),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
