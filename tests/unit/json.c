/* json.c - engine/json.h: reading strictly, writing sticky. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/json.h"

/* A tree, from text that must be JSON. */
static struct gb_json *
parsed(const char *text)
{
    struct gb_json *v;
    struct gb_fail fail = {0};
    if (gb_json_parse(gb_span_text(text), &v, &fail))
        fail_msg("%s: %s", text, fail.text);
    return v;
}

/* Written again without white space. */
static void
assert_reads_as(struct gb_span text, const char *want)
{
    struct gb_json *v;
    struct gb_fail fail = {0};
    struct gb_buf out;
    gb_buf_init(&out, 1 << 20);
    if (gb_json_parse(text, &v, &fail))
        fail_msg("%.*s: %s", (int)text.len, text.ptr, fail.text);
    struct gb_json_writer w = gb_json_writer(&out, false);
    gb_json_put(&w, v);
    gb_buf_u8(&out, 0);
    assert_int_equal(gb_buf_check(&out, "JSON", NULL), GB_OK);
    assert_string_equal(out.ptr, want);
    gb_json_free(v);
    gb_buf_release(&out);
}

static const struct {
    const char *text, *again;
} good[] = {
    {"null", "null"},
    {" \t\r\n true ", "true"},
    {"false", "false"},
    {"0", "0"},
    {"-0", "0"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9007199254740993", "9007199254740993"},
    {"1.0", "1.0"},
    {"-0.0", "-0.0"},
    {"1e3", "1000.0"},
    {"0.1", "0.1"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"1.5e-300", "1.5e-300"},
    {"1e-400", "0.0"},
    {"\"\"", "\"\""},
    {"\"大堂管家\"", "\"大堂管家\""},
    {"\"\\u5927\\u5802\"", "\"大堂\""},
    {"\"\\ud83d\\ude00\"", "\"😀\""},
    {"\"\\b\\f\\n\\r\\t\\\"\\\\\\/\"", "\"\\b\\f\\n\\r\\t\\\"\\\\/\""},
    {"\"a\\u0000b\\u001f\x7f\"", "\"a\\u0000b\\u001f\x7f\""},
    {"[]", "[]"},
    {"[[],{},[1,2.5,null]]", "[[],{},[1,2.5,null]]"},
    {"{}", "{}"},
    {"{\"z\":1,\"a\":{\"b\":[true]},\"m\":null}",
     "{\"z\":1,\"a\":{\"b\":[true]},\"m\":null}"},
    {"{\"\":1}", "{\"\":1}"},
    {"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
     "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""},
};

static void
good_text_reads_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_reads_as(gb_span_text(good[i].text), good[i].again);
}

#define DEEP "[[[[[[[[[[[[[[[["
#define FLAT "]]]]]]]]]]]]]]]]"

static const struct {
    const char *text;
    enum gb_err want;
    const char *words;
} bad[] = {
    {"", GB_E_FORMAT, "line 1"},
    {"   ", GB_E_FORMAT, "line 1"},
    {"nul", GB_E_FORMAT, "line 1, column 3"},
    {"True", GB_E_FORMAT, ""},
    {"NaN", GB_E_FORMAT, ""},
    {"Infinity", GB_E_FORMAT, ""},
    {"-", GB_E_FORMAT, ""},
    {"+1", GB_E_FORMAT, ""},
    {"01", GB_E_FORMAT, ""},
    {"1.", GB_E_FORMAT, ""},
    {".5", GB_E_FORMAT, ""},
    {"0x10", GB_E_FORMAT, ""},
    {"1 2", GB_E_FORMAT, "end of file"},
    {"{} x", GB_E_FORMAT, "end of file"},
    {"9223372036854775808", GB_E_FORMAT, "too big integer"},
    {"-9223372036854775809", GB_E_FORMAT, "too big negative integer"},
    {"99999999999999999999999999", GB_E_FORMAT, "too big"},
    {"1e400", GB_E_FORMAT, "real number overflow"},
    {"'a'", GB_E_FORMAT, ""},
    {"\"a", GB_E_FORMAT, ""},
    {"\"\n\"", GB_E_FORMAT, "line 1"},
    {"\"\\x\"", GB_E_FORMAT, "invalid escape"},
    {"\"\\u12\"", GB_E_FORMAT, "invalid escape"},
    {"\"\\ud800\"", GB_E_FORMAT, "Unicode"},
    {"\"\\udc00\"", GB_E_FORMAT, "Unicode"},
    {"\"\xff\"", GB_E_FORMAT, "decode byte"},
    {"\"\xc0\x80\"", GB_E_FORMAT, "decode byte"},
    {"\"\xed\xa0\x80\"", GB_E_FORMAT, "decode byte"},
    {"\"\xe5\xa4\"", GB_E_FORMAT, "decode byte"},
    {"[1,]", GB_E_FORMAT, ""},
    {"[,1]", GB_E_FORMAT, ""},
    {"[1 2]", GB_E_FORMAT, ""},
    {"[1", GB_E_FORMAT, ""},
    {"]", GB_E_FORMAT, ""},
    {"{\"a\"}", GB_E_FORMAT, ""},
    {"{\"a\":}", GB_E_FORMAT, ""},
    {"{\"a\":1,}", GB_E_FORMAT, ""},
    {"{a:1}", GB_E_FORMAT, ""},
    {"{1:1}", GB_E_FORMAT, ""},
    {"{\"a\":1 \"b\":2}", GB_E_FORMAT, ""},
    {"{\"a\":1,\n  \"b\":2,\n \"a\":3}", GB_E_FORMAT, "line 3, column 4"},
    {"{\"a\":1,\"\\u0061\":3}", GB_E_FORMAT, "duplicate"},
    {"{\"x\":{\"a\":1,\"a\":1}}", GB_E_FORMAT, "duplicate"},
    {"{\"a\\u0000b\":1}", GB_E_FORMAT, "NUL"},
    {"/* c */ 1", GB_E_FORMAT, ""},
    {"1 // c", GB_E_FORMAT, ""},
    {"\xef\xbb\xbf{}", GB_E_FORMAT, ""},
    {DEEP DEEP "[" FLAT FLAT "]", GB_E_LIMIT, "32 levels"},
    {"{\"a\":" DEEP DEEP FLAT FLAT "}", GB_E_LIMIT, "32 levels"},
    {DEEP DEEP DEEP DEEP DEEP DEEP, GB_E_LIMIT, "32 levels"},
    {DEEP DEEP FLAT, GB_E_FORMAT, ""},
};

static void
bad_text_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_json *v = (struct gb_json *)1;
        struct gb_fail fail = {0};
        enum gb_err err = gb_json_parse(gb_span_text(bad[i].text), &v, &fail);
        if (err != bad[i].want || !strstr(fail.text, bad[i].words))
            fail_msg("%s: %s %s", bad[i].text, gb_err_name(err), fail.text);
        assert_null(v);
        if (err == GB_E_FORMAT)
            assert_non_null(strstr(fail.text, "line "));
        assert_true(gb_utf8_valid(gb_span_text(fail.text)));
    }
    assert_reads_as(gb_span_text(DEEP DEEP FLAT FLAT), DEEP DEEP FLAT FLAT);
}

static void
long_quotations_stay_whole_text(void **state)
{
    (void)state;
    /* The library cuts its message at 160 bytes, within a character here. */
    for (int shift = 0; shift < 3; shift++) {
        char text[400] = "[\"";
        for (int i = 0; i < shift; i++)
            strcat(text, "a");
        for (int i = 0; i < 100; i++)
            strcat(text, "巡");
        strcat(text, "\" \"");
        struct gb_json *v;
        struct gb_fail fail = {0};
        assert_int_equal(gb_json_parse(gb_span_text(text), &v, &fail),
                         GB_E_FORMAT);
        assert_true(gb_utf8_valid(gb_span_text(fail.text)));
    }
}

/* Every prefix of a document, and every document with one byte changed, is
 * read or refused, and nothing else happens (the sanitizers watch). */
static void
damaged_documents_do_no_harm(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"table\":\"scan\",\"fields\":{\"route\":\"7-1042\",\"大\":[1,-2.5e3,"
        "true,null,\"\\u5927\\n\"]},\"n\":9223372036854775807}";
    static const uint8_t values[] = {0,   '"', '\\', '[',  '{', '}',
                                     ',', '9', 0x80, 0xe5, 0xff};
    char text[sizeof whole];
    size_t refused = 0;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct gb_json *v;
        assert_int_equal(gb_json_parse(GB_SPAN(whole, n), &v, NULL),
                         GB_E_FORMAT);
        for (size_t i = 0; i < sizeof values; i++) {
            memcpy(text, whole, sizeof text);
            text[n] = (char)values[i];
            refused += gb_json_parse(GB_SPAN(text, sizeof text - 1), &v,
                                     NULL) != GB_OK;
            gb_json_free(v);
        }
    }
    assert_true(refused > sizeof whole * sizeof values / 2);
}

static void
too_long_a_document_is_refused(void **state)
{
    (void)state;
    struct gb_json *v;
    struct gb_buf b;
    gb_buf_init(&b, GB_JSON_MAX + 1);
    memset(gb_buf_grow(&b, GB_JSON_MAX + 1), ' ', GB_JSON_MAX + 1);
    b.ptr[0] = '1';
    assert_int_equal(gb_json_parse(gb_buf_view(&b), &v, NULL), GB_E_LIMIT);
    b.len--;
    assert_int_equal(gb_json_parse(gb_buf_view(&b), &v, NULL), GB_OK);
    assert_int_equal(gb_json_int(v), 1);
    gb_json_free(v);
    gb_buf_release(&b);
}

static void
members_come_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct gb_json *v =
        parsed("{\"z\":0,\"房\":1,\"a\":2,\"m\":3,\"aa\":4,\"\":5}");
    static const char *const keys[] = {"z", "房", "a", "m", "aa", ""};
    struct gb_json_member m = {0};
    for (int i = 0; i < 6; i++) {
        assert_true(gb_json_next(v, &m));
        assert_true(gb_span_equal(m.key, gb_span_text(keys[i])));
        assert_int_equal(gb_json_int(m.value), i);
    }
    assert_false(gb_json_next(v, &m));
    assert_int_equal(gb_json_count(v), 6);
    gb_json_free(v);
}

static void
getters_answer_for_their_type_only(void **state)
{
    (void)state;
    struct gb_json *v =
        parsed("{\"i\":7,\"r\":2.5,\"t\":\"a\\u0000b\",\"b\":true,\"n\":null,"
               "\"a\":[1,2]}");
    const struct gb_json *t = gb_json_get(v, "t");
    assert_int_equal(gb_json_int(gb_json_get(v, "i")), 7);
    assert_true(gb_json_real(gb_json_get(v, "i")) == 7.0);
    assert_true(gb_json_real(gb_json_get(v, "r")) == 2.5);
    assert_int_equal(gb_json_int(gb_json_get(v, "r")), 0);
    assert_true(gb_span_equal(gb_json_text(t), GB_SPAN("a\0b", 3)));
    assert_int_equal(gb_json_text(v).len, 0);
    assert_true(gb_json_bool(gb_json_get(v, "b")));
    assert_false(gb_json_bool(t));
    assert_int_equal(gb_json_type(gb_json_get(v, "n")), GB_JSON_NULL);
    assert_non_null(gb_json_get(v, "n"));
    assert_null(gb_json_get(v, "x"));
    assert_null(gb_json_get(t, "x"));
    assert_int_equal(gb_json_int(gb_json_at(gb_json_get(v, "a"), 1)), 2);
    assert_null(gb_json_at(gb_json_get(v, "a"), 2));
    assert_int_equal(gb_json_count(gb_json_get(v, "a")), 2);
    assert_int_equal(gb_json_count(t), 0);
    struct gb_json_member m = {0};
    assert_false(gb_json_next(NULL, &m));
    assert_int_equal(gb_json_type(NULL), GB_JSON_NULL);
    assert_int_equal(gb_json_int(NULL), 0);
    assert_false(gb_json_bool(NULL));
    assert_int_equal(gb_json_count(NULL), 0);
    gb_json_free(v);
    gb_json_free(NULL);
}

static void
needed_members_are_named(void **state)
{
    (void)state;
    struct gb_json *v = parsed("{\"table\":7,\"id\":\"x\"}");
    const struct gb_json *m;
    struct gb_fail fail = {0};
    assert_int_equal(gb_json_need(v, "table", GB_JSON_TEXT, &m, &fail),
                     GB_E_TYPE);
    assert_string_equal(fail.text, "\"table\" is an integer and not text");
    assert_int_equal(gb_json_need(v, "fields", GB_JSON_OBJECT, &m, &fail),
                     GB_E_MISSING);
    assert_string_equal(fail.text, "\"fields\" is missing");
    assert_int_equal(gb_json_need(v, "id", GB_JSON_TEXT, &m, &fail), GB_OK);
    assert_true(gb_span_equal(gb_json_text(m), gb_span_text("x")));
    gb_json_free(v);
}

static void
values_of_records_keep_their_type(void **state)
{
    (void)state;
    struct gb_json *v = parsed("[null,1,1.0,-0.0,\"1\",true,[],{}]");
    static const enum gb_type want[] = {GB_NULL, GB_INT, GB_REAL, GB_REAL,
                                        GB_TEXT};
    struct gb_value value;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(gb_json_value(gb_json_at(v, i), &value, NULL), GB_OK);
        assert_int_equal(value.type, want[i]);
    }
    gb_json_value(gb_json_at(v, 3), &value, NULL);
    assert_false(signbit(value.as.r));
    for (size_t i = 5; i < 8; i++) {
        assert_int_equal(gb_json_value(gb_json_at(v, i), &value, NULL),
                         GB_E_TYPE);
        assert_int_equal(value.type, GB_NULL);
    }
    gb_json_free(v);
}

/* A document with a bit of everything. */
static void
write_sample(struct gb_json_writer *w)
{
    struct gb_value blob = gb_value_blob(GB_SPAN("\0\xff", 2));
    gb_json_begin_object(w);
    gb_json_pair_text(w, "name", "翠湖苑");
    gb_json_pair_text(w, "none", NULL);
    gb_json_pair_int(w, "id", INT64_MIN);
    gb_json_pair_bool(w, "ok", true);
    gb_json_key(w, "list");
    gb_json_begin_array(w);
    gb_json_put_real(w, 0.1);
    gb_json_put_real(w, NAN);
    gb_json_begin_object(w);
    gb_json_end_object(w);
    gb_json_begin_array(w);
    gb_json_end_array(w);
    gb_json_put_value(w, &blob);
    gb_json_end_array(w);
    gb_json_pair_span(w, "q\"", GB_SPAN("\0\n\xff\xe5\xa4", 5));
    gb_json_end_object(w);
}

static void
writer_writes_compact_and_pretty(void **state)
{
    (void)state;
    static const char *const want[] = {
        "{\"name\":\"翠湖苑\",\"none\":null,\"id\":-9223372036854775808,"
        "\"ok\":true,\"list\":[0.1,null,{},[],\"00ff\"],"
        "\"q\\\"\":\"\\u0000\\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}",
        "{\n  \"name\": \"翠湖苑\",\n  \"none\": null,\n"
        "  \"id\": -9223372036854775808,\n  \"ok\": true,\n  \"list\": [\n"
        "    0.1,\n    null,\n    {},\n    [],\n    \"00ff\"\n  ],\n"
        "  \"q\\\"\": \"\\u0000\\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n}",
    };
    for (int pretty = 0; pretty < 2; pretty++) {
        struct gb_buf out;
        struct gb_json *v;
        gb_buf_init(&out, 4096);
        struct gb_json_writer w = gb_json_writer(&out, pretty);
        write_sample(&w);
        assert_int_equal(gb_json_parse(gb_buf_view(&out), &v, NULL), GB_OK);
        gb_json_free(v);
        gb_buf_u8(&out, 0);
        assert_string_equal(out.ptr, want[pretty]);
        gb_buf_release(&out);
    }
}

static void
writer_is_as_sticky_as_its_buffer(void **state)
{
    (void)state;
    for (size_t max = 0; max < 100; max++) {
        struct gb_buf out;
        gb_buf_init(&out, max);
        struct gb_json_writer w = gb_json_writer(&out, false);
        write_sample(&w);
        assert_int_equal(gb_buf_check(&out, "JSON", NULL), GB_E_LIMIT);
        gb_buf_release(&out);
    }
}

static void
reals_come_back_as_the_same_bits(void **state)
{
    (void)state;
    static const double reals[] = {0.1,
                                   1.0 / 3,
                                   1e22,
                                   1e23,
                                   5e-324,
                                   2.2250738585072014e-308,
                                   1.7976931348623157e308,
                                   -0.0,
                                   123456789.125,
                                   1e15,
                                   9007199254740993.0,
                                   31.230416,
                                   121.473701};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        struct gb_buf out;
        struct gb_json *v;
        gb_buf_init(&out, 100);
        struct gb_json_writer w = gb_json_writer(&out, false);
        gb_json_put_real(&w, reals[i]);
        assert_int_equal(gb_json_parse(gb_buf_view(&out), &v, NULL), GB_OK);
        assert_int_equal(gb_json_type(v), GB_JSON_REAL);
        double back = gb_json_real(v);
        assert_memory_equal(&back, &reals[i], sizeof back);
        gb_json_free(v);
        gb_buf_release(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text_reads_exactly),
        cmocka_unit_test(bad_text_is_refused_with_its_place),
        cmocka_unit_test(long_quotations_stay_whole_text),
        cmocka_unit_test(damaged_documents_do_no_harm),
        cmocka_unit_test(too_long_a_document_is_refused),
        cmocka_unit_test(members_come_in_the_order_of_the_file),
        cmocka_unit_test(getters_answer_for_their_type_only),
        cmocka_unit_test(needed_members_are_named),
        cmocka_unit_test(values_of_records_keep_their_type),
        cmocka_unit_test(writer_writes_compact_and_pretty),
        cmocka_unit_test(writer_is_as_sticky_as_its_buffer),
        cmocka_unit_test(reals_come_back_as_the_same_bits),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
