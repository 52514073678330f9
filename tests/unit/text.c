/* text.c - engine/text.c: UTF-8, terminal columns, hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/buf.h"

/* Most of them from Markus Kuhn's UTF-8 stress test, by its sections. */
static const struct {
    const char *what;
    bool valid;
    size_t len;
    const char *bytes;
} utf8[] = {
    {"empty", true, 0, ""},
    {"NUL is a character", true, 3, "a\0b"},
    {"Chinese", true, 6, "更簿"},
    {"2.1.1 first of 1 byte", true, 1, "\0"},
    {"2.1.2 first of 2 bytes", true, 2, "\xc2\x80"},
    {"2.1.3 first of 3 bytes", true, 3, "\xe0\xa0\x80"},
    {"2.1.4 first of 4 bytes", true, 4, "\xf0\x90\x80\x80"},
    {"2.1.5 first of 5 bytes", false, 5, "\xf8\x88\x80\x80\x80"},
    {"2.1.6 first of 6 bytes", false, 6, "\xfc\x84\x80\x80\x80\x80"},
    {"2.2.1 last of 1 byte", true, 1, "\x7f"},
    {"2.2.2 last of 2 bytes", true, 2, "\xdf\xbf"},
    {"2.2.3 last of 3 bytes", true, 3, "\xef\xbf\xbf"},
    {"2.2.4 last of 4 bytes", false, 4, "\xf7\xbf\xbf\xbf"},
    {"2.3.1 D7FF", true, 3, "\xed\x9f\xbf"},
    {"2.3.2 E000", true, 3, "\xee\x80\x80"},
    {"2.3.4 10FFFF", true, 4, "\xf4\x8f\xbf\xbf"},
    {"2.3.5 110000", false, 4, "\xf4\x90\x80\x80"},
    {"3.1.1 lone 80", false, 1, "\x80"},
    {"3.1.2 lone BF", false, 1, "\xbf"},
    {"3.1.3 behind text", false, 3, "ab\x80"},
    {"3.1 two lone bytes", false, 2, "\xbf\xbf"},
    {"3.2.1 lone C2", false, 2, "\xc2 "},
    {"3.2.2 lone E0", false, 2, "\xe0 "},
    {"3.2.3 lone F0", false, 2, "\xf0 "},
    {"3.3 cut 2 bytes", false, 1, "\xdf"},
    {"3.3 cut 3 bytes", false, 2, "\xe6\x9b"},
    {"3.3 cut 4 bytes", false, 3, "\xf0\x90\x80"},
    {"3.3 cut, then text", false, 3,
     "\xe6\x9b"
     "x"},
    {"3.5.1 FE", false, 1, "\xfe"},
    {"3.5.2 FF", false, 1, "\xff"},
    {"4.1.1 overlong slash, 2", false, 2, "\xc0\xaf"},
    {"4.1.2 overlong slash, 3", false, 3, "\xe0\x80\xaf"},
    {"4.1.3 overlong slash, 4", false, 4, "\xf0\x80\x80\xaf"},
    {"4.2.1 overlong 7F", false, 2, "\xc1\xbf"},
    {"4.2.2 overlong 7FF", false, 3, "\xe0\x9f\xbf"},
    {"4.2.3 overlong FFFF", false, 4, "\xf0\x8f\xbf\xbf"},
    {"4.3.1 overlong NUL", false, 2, "\xc0\x80"},
    {"5.1.1 surrogate D800", false, 3, "\xed\xa0\x80"},
    {"5.1.4 surrogate DBFF", false, 3, "\xed\xaf\xbf"},
    {"5.1.5 surrogate DC00", false, 3, "\xed\xb0\x80"},
    {"5.1.7 surrogate DFFF", false, 3, "\xed\xbf\xbf"},
    {"5.2.1 pair", false, 6, "\xed\xa0\x80\xed\xb0\x80"},
    {"F9", false, 4, "\xf9\x90\x80\x80"},
    {"F5", false, 4, "\xf5\x80\x80\x80"},
};

static void
utf8_is_that_of_rfc_3629(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
        /* a copy of its own size, so that reading past it is seen */
        uint8_t *copy = malloc(utf8[i].len + !utf8[i].len);
        assert_non_null(copy);
        memcpy(copy, utf8[i].bytes, utf8[i].len);
        if (gb_utf8_valid(GB_SPAN(copy, utf8[i].len)) != utf8[i].valid)
            fail_msg("%s", utf8[i].what);
        gb_utf8_width(GB_SPAN(copy, utf8[i].len)); /* safe on any bytes */
        free(copy);
    }
}

/* The shortest form of a code point, written down independently. */
static size_t
encode(uint8_t out[4], uint32_t c)
{
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[more] | c);
    return more + 1;
}

static void
every_code_point_but_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t bytes[4];
        size_t n = encode(bytes, c);
        bool want = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (gb_utf8_valid(GB_SPAN(bytes, n)) != want)
            fail_msg("U+%04X", (unsigned)c);
        if (n > 1 && gb_utf8_valid(GB_SPAN(bytes, n - 1)))
            fail_msg("U+%04X, cut", (unsigned)c);
    }
}

static void
wide_characters_take_two_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } widths[] = {
        {"", 0},
        {"abc", 3},
        {"更簿", 4},
        {"7-1042 巡更点", 13},
        {"（全角）", 8},
        {"。、「」", 8},
        {"ｱｲｳ", 3},      /* half-width kana */
        {"가나", 4},     /* Hangul */
        {"ひらカナ", 8}, /* kana */
        {"㎡", 2},       /* square metre, CJK compatibility */
        {"e\u0301", 1},  /* a combining accent */
        {"\U00020000", 2} /* a rare ideograph beyond the first plane */,
        {"\u200b", 0}, /* zero width space */
        {"é", 1},
        {"│", 1}, /* box drawing */
    };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (gb_utf8_width(gb_span_text(widths[i].text)) != widths[i].width)
            fail_msg("%s", widths[i].text);
}

/* The edges of the blocks that UAX #11 calls wide or fullwidth, and their
 * neighbours, as EastAsianWidth.txt has them. */
static void
wide_blocks_end_where_they_end(void **state)
{
    (void)state;
    static const struct {
        uint32_t point;
        size_t width;
    } edges[] = {
        {0x02ff, 1},  {0x0300, 0},  {0x036f, 0},  {0x0370, 1},  {0x10ff, 1},
        {0x1100, 2},  {0x115f, 2},  {0x200a, 1},  {0x200b, 0},  {0x200f, 0},
        {0x2010, 1},  {0x2e7f, 1},  {0x2e80, 2},  {0x303e, 2},  {0x303f, 1},
        {0x3041, 2},  {0x33ff, 2},  {0x3400, 2},  {0x4dbf, 2},  {0x4dc0, 1},
        {0x4dff, 1},  {0x4e00, 2},  {0x9fff, 2},  {0xa000, 2},  {0xa4c6, 2},
        {0xa4d0, 1},  {0xabf9, 1},  {0xac00, 2},  {0xd7a3, 2},  {0xd7b0, 1},
        {0xf8ff, 1},  {0xf900, 2},  {0xfaff, 2},  {0xfb00, 1},  {0xfe00, 0},
        {0xfe0f, 0},  {0xfe20, 1},  {0xfe30, 2},  {0xfe6b, 2},  {0xfe70, 1},
        {0xff01, 2},  {0xff60, 2},  {0xff61, 1},  {0xffdc, 1},  {0xffe0, 2},
        {0xffe6, 2},  {0xffe8, 1},  {0x1f300, 2}, {0x1f64f, 2}, {0x1f650, 1},
        {0x1f90c, 2}, {0x1f9ff, 2}, {0x1fa00, 1}, {0x20000, 2}, {0x3fffd, 2},
        {0xe000, 1},  {0x40000, 1},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        uint8_t bytes[4];
        size_t n = encode(bytes, edges[i].point);
        if (gb_utf8_width(GB_SPAN(bytes, n)) != edges[i].width)
            fail_msg("U+%04X", (unsigned)edges[i].point);
    }
}

static void
hex_goes_both_ways(void **state)
{
    (void)state;
    uint8_t in[256], back[256];
    char text[513];
    for (unsigned i = 0; i < 256; i++)
        in[i] = (uint8_t)i;
    gb_hex_encode(text, in, sizeof in);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_memory_equal(text + 506, "fdfeff", 6);
    assert_true(gb_hex_decode(back, sizeof back, gb_span_text(text)));
    assert_memory_equal(in, back, sizeof in);
    gb_hex_encode(text, in, 0);
    assert_string_equal(text, "");
}

static void
only_lower_case_hex_of_the_right_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "0",    "012",  "01234", "0A1b",
                                      "0g1b", " 012", "0x12", "01 2",  "/012",
                                      ":012", "`012", "g012"};
    uint8_t out[2];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (gb_hex_decode(out, 2, gb_span_text(bad[i])))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(gb_hex_decode(out, 2, gb_span_text("0a1b")));
    assert_int_equal(out[0], 0x0a);
    assert_int_equal(out[1], 0x1b);
    assert_false(gb_hex_decode(out, 2, GB_SPAN("a1\0b", 4)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_that_of_rfc_3629),
        cmocka_unit_test(every_code_point_but_surrogates_is_valid),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(wide_blocks_end_where_they_end),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(only_lower_case_hex_of_the_right_length),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
