/* armor.c - engine/armor.h: base64, armored text, wire strings; strictness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/armor.h"
#include "support/alloc.h"

#define LABEL "THING"
#define FULL_LINE                                                              \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* RFC 4648 section 10. */
static const struct {
    const char *bytes, *text;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xef\xbe\xff\xff\xff", "++++////"},
};

static void
rfc_4648_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint8_t bytes[16];
        size_t n;
        struct gb_buf b;
        gb_buf_init(&b, 100);
        gb_base64_encode(&b, gb_span_text(pairs[i].bytes));
        assert_true(
            gb_span_equal(gb_buf_view(&b), gb_span_text(pairs[i].text)));
        assert_true(gb_base64_decode(bytes, sizeof bytes, &n,
                                     gb_span_text(pairs[i].text)));
        assert_true(
            gb_span_equal(GB_SPAN(bytes, n), gb_span_text(pairs[i].bytes)));
        gb_buf_release(&b);
    }
}

static void
other_spellings_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Zg",     "Zg=",     "Zg===",    "Zh==",     "Zm9=",     "=",
        "==",     "====",    "Z===",     "Zm9v\n",   " Zm9v",    "Zm9v ",
        "Zm9vZg", "Z=9v",    "Zm=v",     "Zg==Zg==", "Zm-v",     "Zm_v",
        "Zm9v=",  "Zm\xc3v", "Zm9vYmF!", "A",        "AA==AAAA", "@AAA",
        "[AAA",   "`AAA",    "{AAA",     ":AAA",     ".AAA",     ",AAA",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t bytes[16];
        size_t n;
        if (gb_base64_decode(bytes, sizeof bytes, &n, gb_span_text(wrong[i])))
            fail_msg("accepted: %s", wrong[i]);
    }
}

/* Every byte in every place: 64 digits are accepted, and only they. */
static void
only_64_digits(void **state)
{
    (void)state;
    for (size_t place = 0; place < 4; place++) {
        unsigned accepted = 0;
        for (unsigned c = 0; c < 256; c++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'}, bytes[3];
            size_t n;
            text[place] = (uint8_t)c;
            accepted += gb_base64_decode(bytes, 3, &n, GB_SPAN(text, 4));
        }
        /* AAA= says two zero bytes, and is canonical */
        assert_int_equal(accepted, place == 3 ? 65 : 64);
    }
}

static void
output_never_passes_its_end(void **state)
{
    (void)state;
    uint8_t bytes[4] = {1, 2, 3, 4};
    size_t n;
    assert_false(gb_base64_decode(bytes, 2, &n, gb_span_text("Zm9v")));
    assert_true(gb_base64_decode(bytes, 2, &n, gb_span_text("Zm8=")));
    assert_int_equal(n, 2);
    assert_int_equal(bytes[2], 3);
    assert_false(gb_armor_decode(bytes, 3, &n, LABEL,
                                 gb_span_text("-----BEGIN THING-----\nZm9vYg"
                                              "==\n-----END THING-----\n")));
}

/* Every length through two line ends, each read back, each cut refused. */
static void
armor_both_ways_and_cut(void **state)
{
    (void)state;
    uint8_t bytes[160], back[160];
    struct gb_buf b;
    gb_buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        size_t got;
        gb_buf_clear(&b);
        gb_armor_encode(&b, LABEL, GB_SPAN(bytes, n));
        assert_int_equal(b.failed, GB_OK);
        assert_true(gb_armor_decode(back, n, &got, LABEL, gb_buf_view(&b)));
        assert_true(gb_span_equal(GB_SPAN(bytes, n), GB_SPAN(back, got)));
        for (size_t cut = 0; cut < b.len; cut++)
            assert_false(gb_armor_decode(back, sizeof back, &got, LABEL,
                                         GB_SPAN(b.ptr, cut)));
    }
    gb_buf_release(&b);
}

static void
one_form_of_armor(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"-----BEGIN THING-----\nZg==\n-----END THING-----\n", true},
        {"-----BEGIN THING-----\n" FULL_LINE "\nAA\n-----END THING-----\n",
         true},
        /* no final LF; more than one; junk before, between and behind */
        {"-----BEGIN THING-----\nZg==\n-----END THING-----", false},
        {"-----BEGIN THING-----\nZg==\n-----END THING-----\n\n", false},
        {"-----BEGIN THING-----\nZg==\n-----END THING-----\nx", false},
        {"\n-----BEGIN THING-----\nZg==\n-----END THING-----\n", false},
        {"x-----BEGIN THING-----\nZg==\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\n\nZg==\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\nZg==\n\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\nx: y\nZg==\n-----END THING-----\n", false},
        /* white space and line ends of other systems */
        {"-----BEGIN THING-----\r\nZg==\r\n-----END THING-----\r\n", false},
        {"-----BEGIN THING-----\nZg== \n-----END THING-----\n", false},
        {"-----BEGIN THING----- \nZg==\n-----END THING-----\n", false},
        /* other line lengths */
        {"-----BEGIN THING-----\nZm9v\nZg==\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\n" FULL_LINE "AA\n-----END THING-----\n",
         false},
        /* another label, no END, END twice, the end on the last line */
        {"-----BEGIN THINK-----\nZg==\n-----END THINK-----\n", false},
        {"-----BEGIN THING-----\nZg==\n-----END THINK-----\n", false},
        {"-----BEGIN THING-----\nZg==\n", false},
        {"-----BEGIN THING-----\nZg==-----END THING-----\n", false},
        {"-----BEGIN THING-----\nZg==\n-----END THING-----\n"
         "-----END THING-----\n",
         false},
        /* padding and stray bits inside */
        {"-----BEGIN THING-----\nZg==Zg==\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\nZh==\n-----END THING-----\n", false},
        {"-----BEGIN THING-----\nZg=\n-----END THING-----\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[200];
        size_t n;
        if (gb_armor_decode(bytes, sizeof bytes, &n, LABEL,
                            gb_span_text(cases[i].text)) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
}

static void
wire_strings(void **state)
{
    (void)state;
    uint8_t bytes[32];
    struct gb_buf b = GB_STACK_BUF(bytes);
    gb_ssh_string(&b, gb_span_text("none"));
    gb_ssh_string(&b, gb_span_text(""));
    struct gb_reader r = gb_reader_of(gb_buf_view(&b));
    assert_true(gb_ssh_read_is(&r, "none"));
    assert_true(gb_ssh_read_is(&r, ""));
    assert_true(gb_read_done(&r));
    assert_false(gb_ssh_read_is(&r, "")); /* nothing is not the empty string */
    r = gb_reader_of(GB_SPAN("\xff\xff\xff\xff"
                             "abc",
                             7));
    assert_int_equal(gb_ssh_read(&r).len, 0);
    assert_true(r.bad);
}

/* The ceiling of a stack buffer holds, and nothing comes from the heap. */
static void
stack_buffers_stay_there(void **state)
{
    (void)state;
    uint8_t bytes[8];
    struct gb_buf b = GB_STACK_BUF(bytes);
    alloc_fail_from(0);
    gb_armor_encode(&b, LABEL, gb_span_text("foobar"));
    size_t asked = alloc_count();
    alloc_fail_never();
    assert_int_equal(b.failed, GB_E_LIMIT);
    assert_ptr_equal(b.ptr, bytes);
    assert_int_equal(asked, 0);
}

/* For the sweep: one armored text into a growing buffer. */
static enum gb_err
encode_once(void *arg, struct gb_fail *fail)
{
    struct gb_buf b;
    uint8_t bytes[600] = {0};
    (void)arg;
    gb_buf_init(&b, 4096);
    gb_armor_encode(&b, LABEL, GB_SPAN(bytes, sizeof bytes));
    enum gb_err err = gb_buf_check(&b, "armor", fail);
    gb_buf_release(&b);
    return err;
}

static void
out_of_memory(void **state)
{
    (void)state;
    assert_true(alloc_sweep(encode_once, NULL) >= 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_both_ways),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(only_64_digits),
        cmocka_unit_test(output_never_passes_its_end),
        cmocka_unit_test(armor_both_ways_and_cut),
        cmocka_unit_test(one_form_of_armor),
        cmocka_unit_test(wire_strings),
        cmocka_unit_test(stack_buffers_stay_there),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
