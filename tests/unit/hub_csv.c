/* hub_csv.c - the reader of RFC 4180, row by row */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hub/csv.h"

/* The rows of a text written down: fields in <>, rows end with '/'. */
static enum gb_err
dump(struct gb_span text, char *out, size_t size, struct gb_fail *fail)
{
    struct gb_csv *csv = malloc(sizeof *csv);
    struct gb_buf b;
    bool row = true;
    /* exactly as large as it is, so that a sanitizer sees a read beyond */
    uint8_t *copy = malloc(text.len + !text.len);
    assert_non_null(csv);
    assert_non_null(copy);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    gb_buf_init(&b, size - 1);
    gb_csv_open(csv, GB_SPAN(copy, text.len));
    enum gb_err e = GB_OK;
    while (!(e = gb_csv_next(csv, &row, fail)) && row) {
        gb_buf_printf(&b, "%u", csv->line);
        for (int i = 0; i < csv->nfields; i++) {
            gb_buf_text(&b, "<");
            gb_buf_span(&b, csv->fields[i]);
            gb_buf_text(&b, ">");
        }
        gb_buf_text(&b, "/");
    }
    assert_false(b.failed);
    if (b.len)
        memcpy(out, b.ptr, b.len);
    out[b.len] = 0;
    gb_buf_release(&b);
    gb_csv_release(csv);
    free(copy);
    free(csv);
    return e;
}

static const struct {
    const char *text, *rows;
} good[] = {
    {"", ""},
    {"\n\r\n\n", ""},
    {"a", "1<a>/"},
    {"a,b\n", "1<a><b>/"},
    {"a,b\r\nc,d", "1<a><b>/2<c><d>/"},
    {",\n", "1<><>/"},
    {"a,\n,b\n", "1<a><>/2<><b>/"},
    {"\n\na\n\nb\n", "3<a>/5<b>/"},
    {"\"a\"\n", "1<a>/"},
    {"\"\"\n", "1<>/"},
    {"\"a,b\",c\n", "1<a,b><c>/"},
    {"\"say \"\"hi\"\"\",c\n", "1<say \"hi\"><c>/"},
    {"\"two\nlines\",x\ny\n", "1<two\nlines><x>/3<y>/"},
    {"\"two\r\nlines\"\r\ny\r\n", "1<two\r\nlines>/3<y>/"},
    {"\xef\xbb\xbfname\n更簿,大堂\n", "1<name>/2<更簿><大堂>/"},
    {" a , b \n", "1< a >< b >/"},
    {"\"a\"", "1<a>/"},
    {"\"a\",", "1<a><>/"},
};

static const struct {
    const char *text;
    enum gb_err err;
    const char *says;
} bad[] = {
    {"a\nb\"c\n", GB_E_FORMAT, "line 2: a quote within a field"},
    {"a\n\"b\n\nc", GB_E_FORMAT, "line 2: the quote is never closed"},
    {"\"a\nb\" c\n", GB_E_FORMAT, "line 2: text behind a closing quote"},
    {"a\rb\n", GB_E_FORMAT, "line 1: a carriage return within a field"},
    {"a,\xb4\xf3\xcc\xc3\n", GB_E_FORMAT, "line 1: field 2 is not UTF-8"},
};

static void
test_rows(void **state)
{
    (void)state;
    char out[200];
    struct gb_fail fail = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(
            dump(gb_span_text(good[i].text), out, sizeof out, &fail), GB_OK);
        assert_string_equal(out, good[i].rows);
    }
}

static void
test_mistakes(void **state)
{
    (void)state;
    char out[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(
            dump(gb_span_text(bad[i].text), out, sizeof out, &fail),
            bad[i].err);
        assert_int_equal(strncmp(fail.text, bad[i].says, strlen(bad[i].says)),
                         0);
    }
}

/* A field and a row at their limits, and one beyond. */
static void
test_limits(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = GB_CSV_FIELD_MAX + over;
        char *text = malloc(n), *out = malloc(n + 100);
        struct gb_fail fail = {0};
        assert_non_null(text);
        assert_non_null(out);
        memset(text, 'x', n);
        assert_int_equal(dump(GB_SPAN(text, n), out, n + 100, &fail),
                         over ? GB_E_LIMIT : GB_OK);
        free(text);
        free(out);
    }
    for (size_t over = 0; over < 2; over++) {
        char text[GB_CSV_FIELDS_MAX + 1], out[4 * GB_CSV_FIELDS_MAX];
        struct gb_fail fail = {0};
        memset(text, ',', sizeof text);
        assert_int_equal(dump(GB_SPAN(text, GB_CSV_FIELDS_MAX - 1 + over), out,
                              sizeof out, &fail),
                         over ? GB_E_LIMIT : GB_OK);
    }
}

/* Each text cut at each byte: rows or an error, and no read beyond. */
static void
test_cut(void **state)
{
    (void)state;
    char out[200];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t n = 0; n < strlen(good[i].text); n++) {
            struct gb_fail fail = {0};
            enum gb_err e =
                dump(GB_SPAN(good[i].text, n), out, sizeof out, &fail);
            assert_true(e == GB_OK || e == GB_E_FORMAT);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
