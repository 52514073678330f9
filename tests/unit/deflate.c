/*
 * deflate.c - engine/deflate.h: round trips, streams that say something wrong
 * about themselves, and memory that is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/deflate.h"
#include "support/alloc.h"

#define NONE GB_SPAN(NULL, 0)

static const char text[] =
    "正常，未发现异常。正常，未发现异常。异常。B04-1203 B04-1204 正常，未发现";
static const char words[] = "异常正常未发现B04-";

/* n bytes without a pattern, or of one value. */
static uint8_t *
bytes(size_t n, bool noise)
{
    uint8_t *p = malloc(n);
    uint32_t x = 1;
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = noise ? (uint8_t)(x >> 24) : 7;
    }
    return p;
}

/* Deflate into a new buffer; the caller releases it. */
static struct gb_buf
packed(struct gb_span raw, struct gb_span dictionary, bool shorter)
{
    struct gb_buf b;
    struct gb_fail fail = {0};
    bool is;
    gb_buf_init(&b, raw.len + 3);
    gb_buf_text(&b, "in:"); /* what stands before is kept */
    assert_int_equal(gb_deflate(&b, raw, dictionary, &is, &fail), GB_OK);
    assert_int_equal(is, shorter);
    assert_true(shorter ? b.len < raw.len + 3 : b.len == 3);
    assert_memory_equal(b.ptr, "in:", 3);
    memmove(b.ptr, b.ptr + 3, b.len - 3);
    b.len -= 3;
    return b;
}

static void
round_trips(void **state)
{
    static const size_t sizes[] = {40, 300, 32768, 32769, 100000, 983040};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        uint8_t *raw = bytes(n, false), *back = malloc(n);
        for (size_t k = 0; k < n; k += 17)
            raw[k] = (uint8_t)(k * k >> 3);
        struct gb_buf b = packed(GB_SPAN(raw, n), NONE, true);
        assert_int_equal(gb_inflate(back, n, gb_buf_view(&b), NONE, NULL),
                         GB_OK);
        assert_memory_equal(raw, back, n);
        gb_buf_release(&b);
        free(raw);
        free(back);
    }
}

static void
nothing_is_gained_on_noise(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n += 23) {
        uint8_t *raw = bytes(n ? n : 1, true);
        struct gb_buf b = packed(GB_SPAN(raw, n), NONE, false);
        gb_buf_release(&b);
        b = packed(GB_SPAN(raw, n / 23), NONE, false);
        gb_buf_release(&b);
        free(raw);
    }
    uint8_t *raw = bytes(983040, true);
    struct gb_buf b = packed(GB_SPAN(raw, 983040), NONE, false);
    gb_buf_release(&b);
    free(raw);
}

static void
a_dictionary_helps_and_is_needed(void **state)
{
    (void)state;
    struct gb_span raw = gb_span_text(text), known = gb_span_text(words);
    struct gb_fail fail = {0};
    uint8_t back[sizeof text];
    struct gb_buf without = packed(raw, NONE, true),
                  with = packed(raw, known, true);
    assert_true(with.len < without.len);
    assert_int_equal(gb_inflate(back, raw.len, gb_buf_view(&with), known, NULL),
                     GB_OK);
    assert_memory_equal(back, text, raw.len);
    /* without it the first reference points before the beginning */
    assert_int_equal(gb_inflate(back, raw.len, gb_buf_view(&with), NONE, &fail),
                     GB_E_FORMAT);
    gb_buf_release(&with);
    gb_buf_release(&without);
}

static void
the_length_must_be_right(void **state)
{
    (void)state;
    struct gb_span raw = gb_span_text(text);
    struct gb_buf b = packed(raw, NONE, true);
    uint8_t back[sizeof text + 8];
    for (size_t n = 0; n < sizeof back; n++) {
        struct gb_fail fail = {0};
        memset(back, 0xee, sizeof back);
        enum gb_err e = gb_inflate(back, n, gb_buf_view(&b), NONE, &fail);
        assert_int_equal(e, n == raw.len ? GB_OK : GB_E_FORMAT);
        assert_true(e == GB_OK || *fail.text);
        for (size_t i = n; i < sizeof back; i++)
            assert_int_equal(back[i], 0xee);
    }
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(
            gb_inflate(back, raw.len, GB_SPAN(b.ptr, n), NONE, NULL),
            GB_E_FORMAT);
    gb_buf_release(&b);
    gb_buf_init(&b, 1000);
    bool shorter;
    assert_int_equal(gb_deflate(&b, raw, NONE, &shorter, NULL), GB_OK);
    gb_buf_u8(&b, 0); /* one byte behind the end */
    struct gb_fail fail = {0};
    assert_int_equal(gb_inflate(back, raw.len, gb_buf_view(&b), NONE, &fail),
                     GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "left over"));
    gb_buf_release(&b);
    /* a stored block: more bytes than it says, as many, and one too few */
    static const uint8_t stored[] = {1, 2, 0, 0xfd, 0xff, 'a', 'b', 'c'};
    for (size_t n = 6; n <= sizeof stored; n++) {
        uint8_t *copy = malloc(n); /* its exact size */
        assert_non_null(copy);
        memcpy(copy, stored, n);
        assert_int_equal(gb_inflate(back, 2, GB_SPAN(copy, n), NONE, NULL),
                         n == 7 ? GB_OK : GB_E_FORMAT);
        free(copy);
    }
}

static void
flipped_bits_do_no_harm(void **state)
{
    (void)state;
    struct gb_span raw = gb_span_text(text);
    struct gb_buf b = packed(raw, gb_span_text(words), true);
    uint8_t back[sizeof text];
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += gb_inflate(back, raw.len, gb_buf_view(&b),
                              gb_span_text(words), NULL) != GB_OK;
        b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > b.len);
    gb_buf_release(&b);
}

static void
bombs_are_refused(void **state)
{
    (void)state;
    size_t n = 983040;
    uint8_t *raw = bytes(n, false), small[100];
    struct gb_buf b = packed(GB_SPAN(raw, n), NONE, true);
    assert_true(b.len < 1000); /* as much as deflate can do */
    assert_true(gb_inflate_plausible(b.len, n));
    /* more than was said is not written, whatever the stream holds */
    assert_int_equal(
        gb_inflate(small, sizeof small, gb_buf_view(&b), NONE, NULL),
        GB_E_FORMAT);
    /* and more than is possible is not even tried */
    struct gb_fail fail = {0};
    assert_int_equal(gb_inflate(raw, n, GB_SPAN(b.ptr, 900), NONE, &fail),
                     GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "cannot give"));
    assert_true(gb_inflate_plausible(1, 2063));
    assert_false(gb_inflate_plausible(1, 2064));
    assert_true(gb_inflate_plausible(0, 1031));
    assert_false(gb_inflate_plausible(0, SIZE_MAX));
    gb_buf_release(&b);
    free(raw);
}

/* The first bytes, whatever follows. */
static void
only_the_start(void **state)
{
    (void)state;
    struct gb_span raw = gb_span_text(text);
    struct gb_buf b = packed(raw, NONE, true);
    uint8_t back[sizeof text + 8];
    size_t got;
    for (size_t n = 0; n < sizeof back; n++) {
        memset(back, 0xee, sizeof back);
        assert_int_equal(gb_inflate_start(back, n, &got, gb_buf_view(&b), NULL),
                         GB_OK);
        assert_int_equal(got, n < raw.len ? n : raw.len);
        assert_memory_equal(back, text, got);
        for (size_t i = got; i < sizeof back; i++)
            assert_int_equal(back[i], 0xee);
    }
    /* a stream that ends too early gives what there is */
    assert_int_equal(gb_inflate_start(back, sizeof back, &got,
                                      GB_SPAN(b.ptr, b.len / 2), NULL),
                     GB_OK);
    assert_true(got < raw.len);
    assert_memory_equal(back, text, got);
    struct gb_fail fail = {0};
    assert_int_equal(gb_inflate_start(back, sizeof back, &got,
                                      GB_SPAN("\xff\xff", 2), &fail),
                     GB_E_FORMAT);
    assert_int_equal(got, 0);
    gb_buf_release(&b);
}

/* The check value of the catalogue of CRC algorithms. */
static void
crc_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(gb_crc32(gb_span_text("123456789")), 0xcbf43926);
    assert_int_equal(gb_crc32(NONE), 0);
}

static void
a_full_buffer_is_a_limit(void **state)
{
    (void)state;
    struct gb_buf b;
    bool shorter;
    struct gb_fail fail = {0};
    gb_buf_init(&b, sizeof text - 2);
    assert_int_equal(gb_deflate(&b, gb_span_text(text), NONE, &shorter, &fail),
                     GB_E_LIMIT);
    assert_int_equal(b.len, 0);
    gb_buf_release(&b);
}

/* There and back, for the sweep. */
static enum gb_err
there_and_back(void *arg, struct gb_fail *fail)
{
    struct gb_span raw = gb_span_text(text), known = gb_span_text(words);
    uint8_t back[sizeof text];
    struct gb_buf b;
    bool shorter;
    (void)arg;
    gb_buf_init(&b, sizeof text);
    enum gb_err e = gb_deflate(&b, raw, known, &shorter, fail);
    if (!e)
        e = gb_inflate(back, raw.len, gb_buf_view(&b), known, fail);
    if (!e) /* one block, stored: "A" */
        e = gb_inflate_start(back, 1, &(size_t){0},
                             GB_SPAN("\1\1\0\xfe\xff\101", 6), fail);
    gb_buf_release(&b);
    return e;
}

static void
memory_may_fail(void **state)
{
    (void)state;
    assert_true(alloc_sweep(there_and_back, NULL) >= 6);
}

/* A zlib stream of either sort, with something behind it: as it is, and with
 * each of its bits flipped. */
static void
zlib_streams(void **state)
{
    uint8_t back[sizeof text];
    struct gb_fail fail = {0};
    struct gb_span raw = gb_span_text(text);
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        struct gb_buf b, d = packed(raw, NONE, true);
        gb_buf_init(&b, 1000);
        gb_buf_u16(&b, 0x7801);
        if (stored) {
            gb_buf_add(&b, (uint8_t[]){1, (uint8_t)raw.len, 0}, 3);
            gb_buf_add(&b, (uint8_t[]){(uint8_t)~raw.len, 255}, 2);
        }
        gb_buf_span(&b, stored ? raw : gb_buf_view(&d));
        gb_buf_u32(&b, gb_adler32(raw));
        size_t wrong = 0;
        for (size_t bit = 0; bit <= 8 * b.len; bit++) {
            struct gb_buf c;
            gb_buf_init(&c, 1000);
            gb_buf_span(&c, gb_buf_view(&b));
            gb_buf_text(&c, "more");
            c.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum gb_err e =
                gb_inflate_zlib(back, raw.len, gb_buf_view(&c), &fail);
            /* some bits only fill a byte up; the last lies behind */
            if (bit == 8 * b.len)
                assert_int_equal(e, GB_OK);
            assert_true(e == GB_E_FORMAT || !memcmp(back, raw.ptr, raw.len));
            wrong += e == GB_E_FORMAT;
            gb_buf_release(&c);
        }
        assert_true(wrong >= 8 * b.len - 7);
        for (size_t n = 0; n < b.len; n++)
            assert_int_equal(
                gb_inflate_zlib(back, raw.len, GB_SPAN(b.ptr, n), &fail),
                GB_E_FORMAT);
        assert_int_equal(
            gb_inflate_zlib(back, raw.len - 1, gb_buf_view(&b), &fail),
            GB_E_FORMAT);
        gb_buf_release(&b);
        gb_buf_release(&d);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(nothing_is_gained_on_noise),
        cmocka_unit_test(a_dictionary_helps_and_is_needed),
        cmocka_unit_test(the_length_must_be_right),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(only_the_start),
        cmocka_unit_test(crc_of_the_standard),
        cmocka_unit_test(a_full_buffer_is_a_limit),
        cmocka_unit_test(zlib_streams),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
