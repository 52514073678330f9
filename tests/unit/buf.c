/* buf.c - engine/buf.h: spans, buffers, readers and arenas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/buf.h"
#include "support/alloc.h"

/* ------------------------------------------------------------- buffers -- */

static void
spans_compare_as_memcmp_does(void **state)
{
    (void)state;
    struct gb_span none = GB_SPAN(NULL, 0), ab = gb_span_text("ab");
    struct gb_span abc = gb_span_text("abc"), high = gb_span_text("\xff");
    assert_true(gb_span_equal(none, gb_span_text("")));
    assert_false(gb_span_equal(ab, abc));
    assert_true(gb_span_equal(ab, GB_SPAN(abc.ptr, 2)));
    assert_true(gb_span_compare(none, ab) < 0);
    assert_true(gb_span_compare(ab, abc) < 0);
    assert_true(gb_span_compare(high, abc) > 0);
    assert_int_equal(gb_span_compare(abc, abc), 0);
    assert_true(gb_span_equal(GB_SPAN("a\0b", 3), GB_SPAN("a\0b", 3)));
    assert_false(gb_span_equal(GB_SPAN("a\0b", 3), GB_SPAN("a\0c", 3)));
}

static void
ceiling_is_exact_and_sticky(void **state)
{
    (void)state;
    struct gb_buf b;
    struct gb_fail fail = {0};
    gb_buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        gb_buf_u8(&b, (unsigned)i);
    assert_int_equal(gb_buf_check(&b, "body", &fail), GB_OK);
    assert_int_equal(b.len, 1000);
    gb_buf_u8(&b, 0);
    assert_int_equal(gb_buf_check(&b, "body", &fail), GB_E_LIMIT);
    assert_non_null(strstr(fail.text, "body"));
    assert_non_null(strstr(fail.text, "1000"));
    assert_int_equal(b.len, 1000);
    gb_buf_clear(&b);
    gb_buf_u8(&b, 5);
    assert_int_equal(gb_buf_check(&b, "body", NULL), GB_OK);
    assert_int_equal(b.len, 1);
    gb_buf_release(&b);
    gb_buf_release(&b);
}

static void
nothing_is_written_after_a_failure(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 8);
    gb_buf_text(&b, "12345");
    gb_buf_text(&b, "6789"); /* one too many: not even its first byte */
    gb_buf_u8(&b, 'x');      /* would fit, and must not be written */
    assert_int_equal(b.failed, GB_E_LIMIT);
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text("12345")));
    gb_buf_release(&b);
}

static void
absurd_sizes_do_not_wrap_around(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 100);
    gb_buf_text(&b, "abc");
    assert_null(gb_buf_grow(&b, SIZE_MAX));
    assert_int_equal(b.failed, GB_E_LIMIT);
    gb_buf_clear(&b);
    gb_buf_text(&b, "abc");
    assert_null(gb_buf_grow(&b, SIZE_MAX - 2));
    assert_int_equal(b.failed, GB_E_LIMIT);
    gb_buf_release(&b);

    struct gb_buf none;
    gb_buf_init(&none, 0);
    gb_buf_add(&none, NULL, 0);
    assert_int_equal(none.failed, GB_OK);
    gb_buf_u8(&none, 1);
    assert_int_equal(none.failed, GB_E_LIMIT);
    gb_buf_release(&none);
}

static void
no_ceiling_at_all_still_ends(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, SIZE_MAX);
    gb_buf_text(&b, "abc");
    alloc_fail_from(0);
    uint8_t *p = gb_buf_grow(&b, SIZE_MAX - 3);
    alloc_fail_never();
    assert_null(p);
    assert_int_equal(b.failed, GB_E_MEMORY);
    gb_buf_release(&b);
}

static void
fixed_numbers_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t want[] = {0x12, 0x12, 0x34, 0x12, 0x34,
                                   0x56, 0x78, 0x01, 0x02, 0x03,
                                   0x04, 0x05, 0x06, 0x07, 0x08};
    struct gb_buf b;
    gb_buf_init(&b, 100);
    gb_buf_u8(&b, 0x12);
    gb_buf_u16(&b, 0x1234);
    gb_buf_u32(&b, 0x12345678);
    gb_buf_u64(&b, 0x0102030405060708);
    assert_true(gb_span_equal(gb_buf_view(&b), GB_SPAN(want, sizeof want)));

    struct gb_reader r = gb_reader_of(gb_buf_view(&b));
    assert_int_equal(gb_read_u8(&r), 0x12);
    assert_int_equal(gb_read_u16(&r), 0x1234);
    assert_int_equal(gb_read_u32(&r), 0x12345678);
    assert_int_equal(gb_read_u64(&r), 0x0102030405060708);
    assert_true(gb_read_done(&r));
    assert_int_equal(gb_read_u8(&r), 0);
    assert_false(gb_read_done(&r));
    gb_buf_release(&b);
}

static void
printf_appends_text_without_its_nul(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 2000);
    gb_buf_text(&b, "<");
    gb_buf_printf(&b, "%s-%05d", "门岗", 42);
    gb_buf_printf(&b, "%s", "");
    gb_buf_text(&b, ">");
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text("<门岗-00042>")));
    gb_buf_printf(&b, "%0600d", 1); /* longer than the first allocation */
    assert_int_equal(b.failed, GB_OK);
    assert_int_equal(b.len, strlen("<门岗-00042>") + 600);
    gb_buf_printf(&b, "%02000d", 1);
    assert_int_equal(b.failed, GB_E_LIMIT);
    gb_buf_release(&b);
}

/* ------------------------------------------------------------- varints -- */

static const struct {
    uint64_t value;
    size_t len;
    uint8_t bytes[10];
} varints[] = {
    {0, 1, {0x00}},
    {1, 1, {0x01}},
    {127, 1, {0x7f}},
    {128, 2, {0x80, 0x01}},
    {300, 2, {0xac, 0x02}},
    {16383, 2, {0xff, 0x7f}},
    {16384, 3, {0x80, 0x80, 0x01}},
    {UINT32_MAX, 5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
    {(uint64_t)1 << 53, 8, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10}},
    {(uint64_t)1 << 63,
     10,
     {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
    {UINT64_MAX,
     10,
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
};
#define VARINTS (sizeof varints / sizeof *varints)

static void
varints_are_leb128(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARINTS; i++) {
        struct gb_span want = GB_SPAN(varints[i].bytes, varints[i].len);
        struct gb_buf b;
        gb_buf_init(&b, 10);
        gb_buf_varint(&b, varints[i].value);
        assert_true(gb_span_equal(gb_buf_view(&b), want));
        struct gb_reader r = gb_reader_of(want);
        assert_true(gb_read_varint(&r) == varints[i].value);
        assert_true(gb_read_done(&r));
        gb_buf_release(&b);
    }
}

static void
cut_varints_are_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARINTS; i++)
        for (size_t n = 0; n < varints[i].len; n++) {
            /* a copy of its own size, so that reading past it is seen */
            uint8_t *copy = malloc(n + !n);
            assert_non_null(copy);
            memcpy(copy, varints[i].bytes, n);
            struct gb_reader r = gb_reader_of(GB_SPAN(copy, n));
            assert_true(gb_read_varint(&r) == 0);
            assert_true(r.bad);
            assert_false(gb_read_done(&r));
            free(copy);
        }
}

static void
varints_longer_than_needed_are_bad(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint8_t bytes[12];
    } hostile[] = {
        {2, {0x80, 0x00}},             /* 0 in two bytes */
        {2, {0xff, 0x00}},             /* 127 in two bytes */
        {3, {0x80, 0x80, 0x00}},       /* 0 in three */
        {4, {0xac, 0x82, 0x80, 0x00}}, /* 300 and nothing behind it */
        /* 2^64 and above: the tenth byte holds one bit */
        {10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}},
        {10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
        /* ten bytes whose last is not needed */
        {10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
        /* an eleventh byte */
        {11,
         {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00}},
        {12,
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff}},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct gb_reader r =
            gb_reader_of(GB_SPAN(hostile[i].bytes, hostile[i].len));
        assert_true(gb_read_varint(&r) == 0);
        assert_true(r.bad);
    }
}

/* Whatever two bytes say: if they are accepted, encoding gives them back. */
static void
every_accepted_varint_is_canonical(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 10);
    for (unsigned v = 0; v < 1u << 24; v += v < 1u << 16 ? 1 : 251) {
        uint8_t in[3] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16)};
        struct gb_reader r = gb_reader_of(GB_SPAN(in, 3));
        uint64_t value = gb_read_varint(&r);
        if (r.bad)
            continue;
        gb_buf_clear(&b);
        gb_buf_varint(&b, value);
        assert_int_equal(b.len, 3 - gb_read_left(&r));
        assert_memory_equal(b.ptr, in, b.len);
    }
    gb_buf_release(&b);
}

static void
zigzag_keeps_every_sign(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        uint64_t mapped;
    } vectors[] = {
        {0, 0},
        {-1, 1},
        {1, 2},
        {-2, 3},
        {63, 126},
        {-64, 127},
        {64, 128},
        {INT32_MAX, 4294967294},
        {INT32_MIN, 4294967295},
        {INT64_MAX, UINT64_MAX - 1},
        {INT64_MIN, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct gb_buf b;
        gb_buf_init(&b, 10);
        gb_buf_zigzag(&b, vectors[i].value);
        struct gb_reader r = gb_reader_of(gb_buf_view(&b));
        assert_true(gb_read_varint(&r) == vectors[i].mapped);
        r = gb_reader_of(gb_buf_view(&b));
        assert_true(gb_read_zigzag(&r) == vectors[i].value);
        assert_true(gb_read_done(&r));
        gb_buf_release(&b);
    }
}

/* ------------------------------------------------------------- readers -- */

static void
strings_are_believed_after_their_bytes(void **state)
{
    (void)state;
    struct gb_reader r = gb_reader_of(GB_SPAN("\x03"
                                              "a\0c",
                                              4));
    assert_true(gb_span_equal(gb_read_string(&r), GB_SPAN("a\0c", 3)));
    assert_true(gb_read_done(&r));
    r = gb_reader_of(GB_SPAN("\x04"
                             "abc",
                             4)); /* one byte is missing */
    assert_int_equal(gb_read_string(&r).len, 0);
    assert_true(r.bad);
    /* 2^64 - 1 bytes are promised */
    r = gb_reader_of(GB_SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01z", 11));
    assert_int_equal(gb_read_string(&r).len, 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("\0", 1));
    assert_int_equal(gb_read_string(&r).len, 0);
    assert_true(gb_read_done(&r));
}

static void
strings_come_back_as_they_went(void **state)
{
    (void)state;
    uint8_t long_one[300];
    memset(long_one, 'x', sizeof long_one);
    struct gb_buf b;
    gb_buf_init(&b, 1000);
    gb_buf_string(&b, GB_SPAN("a\0b", 3));
    gb_buf_string(&b, GB_SPAN(NULL, 0));
    gb_buf_string(&b, GB_SPAN(long_one, sizeof long_one));
    gb_buf_span(&b, gb_span_text("end"));
    assert_int_equal(b.len, 4 + 1 + 302 + 3);
    struct gb_reader r = gb_reader_of(gb_buf_view(&b));
    assert_true(gb_span_equal(gb_read_string(&r), GB_SPAN("a\0b", 3)));
    assert_int_equal(gb_read_string(&r).len, 0);
    assert_true(
        gb_span_equal(gb_read_string(&r), GB_SPAN(long_one, sizeof long_one)));
    assert_true(gb_span_equal(gb_read_bytes(&r, 3), gb_span_text("end")));
    assert_true(gb_read_done(&r));
    gb_buf_release(&b);
}

static void
counts_are_believed_after_their_bytes(void **state)
{
    (void)state;
    struct gb_reader r = gb_reader_of(GB_SPAN("\x03"
                                              "aabbcc",
                                              7));
    assert_int_equal(gb_read_count(&r, 2), 3);
    r = gb_reader_of(GB_SPAN("\x04"
                             "aabbcc",
                             7));
    assert_int_equal(gb_read_count(&r, 2), 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("\x03"
                             "aabbc",
                             6)); /* two and a half */
    assert_int_equal(gb_read_count(&r, 2), 0);
    assert_true(r.bad);
    /* a count whose product with the size is 2^64 */
    r = gb_reader_of(GB_SPAN("\x80\x80\x80\x80\x80\x80\x80\x80\x40", 9));
    assert_int_equal(gb_read_count(&r, 4), 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("\0", 1));
    assert_int_equal(gb_read_count(&r, 1), 0);
    assert_true(gb_read_done(&r));
}

static void
a_bad_reader_stays_bad(void **state)
{
    (void)state;
    struct gb_reader r = gb_reader_of(GB_SPAN("abcdefgh", 8));
    assert_int_equal(gb_read_bytes(&r, 9).len, 0);
    assert_true(r.bad);
    assert_int_equal(gb_read_left(&r), 0);
    assert_int_equal(gb_read_u8(&r), 0);
    assert_int_equal(gb_read_u16(&r), 0);
    assert_int_equal(gb_read_u32(&r), 0);
    assert_int_equal(gb_read_u64(&r), 0);
    assert_true(gb_read_varint(&r) == 0);
    assert_true(gb_read_zigzag(&r) == 0);
    assert_int_equal(gb_read_count(&r, 1), 0);
    assert_int_equal(gb_read_bytes(&r, 0).len, 0);
    assert_int_equal(gb_read_string(&r).len, 0);
    assert_false(gb_read_done(&r));
}

static void
fixed_reads_need_all_their_bytes(void **state)
{
    (void)state;
    struct gb_reader r = gb_reader_of(GB_SPAN("\x01", 1));
    assert_int_equal(gb_read_u16(&r), 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("\x01\x02\x03", 3));
    assert_int_equal(gb_read_u32(&r), 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("\x01\x02\x03\x04\x05\x06\x07", 7));
    assert_true(gb_read_u64(&r) == 0);
    assert_true(r.bad);
    r = gb_reader_of(GB_SPAN("ab", 2));
    gb_read_u8(&r);
    assert_false(gb_read_done(&r)); /* one byte is left: trailing */
    assert_false(r.bad);
    r = gb_reader_of(GB_SPAN(NULL, 0));
    assert_true(gb_read_done(&r));
}

/* --------------------------------------------------------------- arena -- */

static void
arena_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct gb_arena a;
    gb_arena_init(&a, 1024 * 1024);
    uint8_t *last = NULL;
    for (size_t n = 1; n < 700; n += 3) {
        uint8_t *p = gb_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_ptr_not_equal(p, last);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
        last = p;
    }
    uint8_t *big = gb_arena_alloc(&a, 100000);
    assert_non_null(big);
    assert_int_equal(big[99999], 0);
    gb_arena_release(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(gb_arena_alloc(&a, 1)); /* usable again */
    gb_arena_release(&a);
    gb_arena_release(&a);
}

static void
arena_keeps_its_ceiling(void **state)
{
    (void)state;
    struct gb_arena a;
    gb_arena_init(&a, 1000);
    size_t got = 0;
    while (gb_arena_alloc(&a, 10))
        got++;
    assert_in_range(got, 1000 / 16, 1000 / 10);
    assert_null(gb_arena_alloc(&a, 10));
    gb_arena_release(&a);

    assert_null(gb_arena_alloc(&a, 1001));
    assert_null(gb_arena_alloc(&a, SIZE_MAX));
    assert_null(gb_arena_alloc(&a, SIZE_MAX - 7));
    assert_null(gb_arena_array(&a, SIZE_MAX / 2, 4));
    assert_null(gb_arena_array(&a, 4, SIZE_MAX / 2));
    assert_null(gb_arena_array(&a, (size_t)1 << 32, (size_t)1 << 32));
    assert_non_null(gb_arena_array(&a, 100, 10));
    gb_arena_release(&a);
}

static void
arena_reset_starts_from_zeroes(void **state)
{
    (void)state;
    struct gb_arena a;
    gb_arena_init(&a, 1024 * 1024);
    gb_arena_reset(&a); /* of nothing */
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 3000; n += 100) {
            uint8_t *p = gb_arena_alloc(&a, n);
            assert_non_null(p);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xff, n);
        }
        gb_arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    /* the block that was kept is used again, and all of it */
    alloc_fail_from(0);
    void *kept = gb_arena_alloc(&a, 16384);
    void *more = gb_arena_alloc(&a, 1);
    alloc_fail_never();
    assert_non_null(kept);
    assert_null(more);
    gb_arena_release(&a);
}

static void
arena_copies_are_its_own(void **state)
{
    (void)state;
    struct gb_arena a;
    gb_arena_init(&a, 64);
    char text[] = "巡更";
    struct gb_span copy = gb_arena_copy(&a, gb_span_text(text));
    char *string = gb_arena_text(&a, text);
    struct gb_span empty = gb_arena_copy(&a, GB_SPAN(NULL, 0));
    memset(text, 'x', sizeof text - 1);
    assert_true(gb_span_equal(copy, gb_span_text("巡更")));
    assert_string_equal(string, "巡更");
    assert_non_null(empty.ptr); /* so that it differs from a failure */
    assert_int_equal(empty.len, 0);
    assert_non_null(gb_arena_copy(&a, GB_SPAN(text, 6)).ptr);
    assert_null(gb_arena_text(&a, "")); /* 64 are used, 16 by 16 */
    assert_null(gb_arena_copy(&a, GB_SPAN(text, 6)).ptr);
    gb_arena_release(&a);
}

/* -------------------------------------------------------------- memory -- */

/* A buffer that grows several times, under failing allocations. */
static enum gb_err
fill_a_buffer(void *arg, struct gb_fail *fail)
{
    struct gb_buf b;
    gb_buf_init(&b, 100000);
    for (int i = 0; i < *(int *)arg; i++)
        gb_buf_u64(&b, (uint64_t)i);
    enum gb_err err = gb_buf_check(&b, "numbers", fail);
    gb_buf_release(&b);
    return err;
}

/* An arena of several blocks; what is kept before a failure stays whole. */
static enum gb_err
fill_an_arena(void *arg, struct gb_fail *fail)
{
    struct gb_arena a;
    enum gb_err err = GB_OK;
    char *first = NULL;
    (void)arg;
    gb_arena_init(&a, 1024 * 1024);
    for (int i = 0; i < 10 && !err; i++) {
        char *p = gb_arena_alloc(&a, 9000);
        if (!p)
            err = gb_fail_set(fail, GB_E_MEMORY, "arena");
        else if (!first)
            first = strcpy(p, "first");
    }
    if (first)
        assert_string_equal(first, "first");
    gb_arena_release(&a);
    return err;
}

static void
every_failed_allocation_is_reported(void **state)
{
    (void)state;
    int numbers = 5000;
    assert_true(alloc_sweep(fill_a_buffer, &numbers) > 5);
    assert_int_equal(alloc_sweep(fill_an_arena, NULL), 10);
}

static void
a_failed_growth_keeps_what_was_there(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 100000);
    gb_buf_text(&b, "kept");
    alloc_fail_once(0);
    assert_null(gb_buf_grow(&b, 5000));
    alloc_fail_never();
    assert_int_equal(b.failed, GB_E_MEMORY);
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text("kept")));
    gb_buf_release(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_as_memcmp_does),
        cmocka_unit_test(ceiling_is_exact_and_sticky),
        cmocka_unit_test(nothing_is_written_after_a_failure),
        cmocka_unit_test(absurd_sizes_do_not_wrap_around),
        cmocka_unit_test(no_ceiling_at_all_still_ends),
        cmocka_unit_test(fixed_numbers_are_big_endian),
        cmocka_unit_test(printf_appends_text_without_its_nul),
        cmocka_unit_test(varints_are_leb128),
        cmocka_unit_test(cut_varints_are_bad),
        cmocka_unit_test(varints_longer_than_needed_are_bad),
        cmocka_unit_test(every_accepted_varint_is_canonical),
        cmocka_unit_test(zigzag_keeps_every_sign),
        cmocka_unit_test(strings_are_believed_after_their_bytes),
        cmocka_unit_test(strings_come_back_as_they_went),
        cmocka_unit_test(counts_are_believed_after_their_bytes),
        cmocka_unit_test(a_bad_reader_stays_bad),
        cmocka_unit_test(fixed_reads_need_all_their_bytes),
        cmocka_unit_test(arena_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_keeps_its_ceiling),
        cmocka_unit_test(arena_reset_starts_from_zeroes),
        cmocka_unit_test(arena_copies_are_its_own),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_failed_growth_keeps_what_was_there),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
