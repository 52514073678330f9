/* value.c - engine/value.h: values, their bytes, and what people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "engine/value.h"

#define BYTES(x)                                                               \
    {                                                                          \
        (const uint8_t *)(x), sizeof(x) - 1                                    \
    }
#define T(x)                                                                   \
    {                                                                          \
        .type = GB_TEXT, .as.s = BYTES(x)                                      \
    }
#define BL(x)                                                                  \
    {                                                                          \
        .type = GB_BLOB, .as.s = BYTES(x)                                      \
    }
#define I(n)                                                                   \
    {                                                                          \
        .type = GB_INT, .as.i = (n)                                            \
    }
#define R(n)                                                                   \
    {                                                                          \
        .type = GB_REAL, .as.r = (n)                                           \
    }

/* Values that differ from one another, with their canonical bytes. */
static const struct {
    struct gb_value value;
    const char *bytes;
    size_t n;
    const char *print;
} table[] = {
    {{.type = GB_NULL}, "\0", 1, ""},
    {I(0), "\1\0", 2, "0"},
    {I(-1), "\1\1", 2, "-1"},
    {I(64), "\1\x80\1", 3, "64"},
    {I(INT64_MAX), "\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 11,
     "9223372036854775807"},
    {I(INT64_MIN), "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11,
     "-9223372036854775808"},
    {R(0.0), "\2\0\0\0\0\0\0\0\0", 9, "0"},
    {R(1.0), "\2\x3f\xf0\0\0\0\0\0\0", 9, "1"},
    {R(-3.5), "\2\xc0\x0c\0\0\0\0\0\0", 9, "-3.5"},
    {R(INFINITY), "\2\x7f\xf0\0\0\0\0\0\0", 9, "inf"},
    {T(""), "\3\0", 2, ""},
    {T("更簿"), "\3\6更簿", 8, "更簿"},
    {T("1"), "\3\0011", 3, "1"},
    {T("a\0b"), "\3\3a\0b", 5, NULL},
    {BL(""), "\4\0", 2, "x''"},
    {BL("1"), "\4\0011", 3, "x'31'"},
    {BL("\0\xff"), "\4\2\0\xff", 4, "x'00ff'"},
};
#define ROWS (sizeof table / sizeof *table)

static void
bytes_are_canonical(void **state)
{
    (void)state;
    struct gb_buf out;
    gb_buf_init(&out, 100);
    for (size_t i = 0; i < ROWS; i++) {
        gb_buf_clear(&out);
        gb_value_write(&out, &table[i].value);
        assert_int_equal(out.len, table[i].n);
        assert_memory_equal(out.ptr, table[i].bytes, table[i].n);
        struct gb_reader in = gb_reader_of(gb_buf_view(&out));
        struct gb_value back = gb_value_read(&in);
        assert_true(gb_read_done(&in));
        assert_true(gb_value_equal(&back, &table[i].value));
        for (size_t n = 0; n < out.len; n++) {
            in = gb_reader_of(GB_SPAN(out.ptr, n));
            back = gb_value_read(&in);
            assert_true(in.bad);
            assert_int_equal(back.type, GB_NULL);
        }
    }
    gb_buf_release(&out);
}

static void
other_bytes_are_bad(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\5", 1}, /* type */
        {"\xff", 1},
        {"\1\x80\0", 3},               /* longer than needed */
        {"\2\x80\0\0\0\0\0\0\0", 9},   /* -0.0 */
        {"\2\x7f\xf8\0\0\0\0\0\0", 9}, /* NaN */
        {"\2\xff\xf0\0\0\0\0\0\1", 9}, /* signalling NaN */
        {"\3\2\xff\xfe", 4},           /* UTF-8 */
        {"\3\3\xed\xa0\x80", 5},       /* a surrogate */
        {"\3\2a", 3},                  /* length */
        {"\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_reader in = gb_reader_of(GB_SPAN(bad[i].bytes, bad[i].n));
        struct gb_value v = gb_value_read(&in);
        assert_true(in.bad);
        assert_int_equal(v.type, GB_NULL);
    }
}

static void
equality_is_of_type_and_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < ROWS; j++)
            assert_int_equal(gb_value_equal(&table[i].value, &table[j].value),
                             i == j);
}

static void
reals_have_no_nan_and_one_zero(void **state)
{
    (void)state;
    assert_int_equal(gb_value_real(NAN).type, GB_NULL);
    assert_int_equal(gb_value_real(-NAN).type, GB_NULL);
    struct gb_value zero = gb_value_real(-0.0);
    assert_int_equal(zero.type, GB_REAL);
    assert_false(signbit(zero.as.r));
    assert_true(gb_value_equal(&zero, &table[6].value));
    assert_true(signbit(gb_value_real(-5e-324).as.r));
}

static void
people_read_them(void **state)
{
    (void)state;
    struct gb_buf out;
    gb_buf_init(&out, 100);
    for (size_t i = 0; i < ROWS; i++) {
        if (!table[i].print)
            continue;
        gb_buf_clear(&out);
        gb_value_print(&out, &table[i].value);
        assert_true(
            gb_span_equal(gb_buf_view(&out), gb_span_text(table[i].print)));
    }
    gb_buf_release(&out);
}

/* Numbers need no room; text and blobs get a copy, or there is none. */
static void
an_arena_keeps_them(void **state)
{
    (void)state;
    struct gb_arena arena;
    for (size_t i = 0; i < ROWS; i++) {
        struct gb_value v = table[i].value;
        bool bytes = v.type == GB_TEXT || v.type == GB_BLOB;
        gb_arena_init(&arena, 0);
        assert_int_equal(gb_value_keep(&v, &arena), !bytes);
        gb_arena_init(&arena, 1000);
        v = table[i].value;
        assert_true(gb_value_keep(&v, &arena));
        assert_true(gb_value_equal(&v, &table[i].value));
        if (bytes)
            assert_ptr_not_equal(v.as.s.ptr, table[i].value.as.s.ptr);
        gb_arena_release(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_canonical),
        cmocka_unit_test(other_bytes_are_bad),
        cmocka_unit_test(equality_is_of_type_and_bytes),
        cmocka_unit_test(reals_have_no_nan_and_one_zero),
        cmocka_unit_test(people_read_them),
        cmocka_unit_test(an_arena_keeps_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
