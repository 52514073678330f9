/*
 * column.c - engine/column.h: the bytes of docs/FORMAT.md, word for word, what
 * may not stand there, and that whatever is accepted is what would be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/column.h"
#include "support/alloc.h"

#define MOST 64

static struct gb_arena scratch, keep;

static int
set_up(void **state)
{
    (void)state;
    gb_arena_init(&scratch, GB_ARENA_MAX);
    gb_arena_init(&keep, GB_ARENA_MAX);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    gb_arena_release(&scratch);
    gb_arena_release(&keep);
    return 0;
}

/* ------------------------------------------------------------ vectors -- */

#define BYTES(t, text)                                                         \
    {                                                                          \
        .type = t, .as.s = {(const uint8_t *)text, sizeof text - 1 }           \
    }
#define T(text) BYTES(GB_TEXT, text)
#define B(text) BYTES(GB_BLOB, text)
#define I(n)                                                                   \
    {                                                                          \
        .type = GB_INT, .as.i = n                                              \
    }
#define R(n)                                                                   \
    {                                                                          \
        .type = GB_REAL, .as.r = n                                             \
    }
#define NIL                                                                    \
    {                                                                          \
        .type = GB_NULL                                                        \
    }

static const struct {
    const char *name;
    enum gb_form form;
    size_t m;
    struct gb_value entries[10];
    const char *bytes;
    size_t len;
} vectors[] = {
#define V(name, form, m, bytes, ...)                                           \
    {                                                                          \
        name, form, m, {__VA_ARGS__}, bytes, sizeof bytes - 1                  \
    }
    V("no entries", GB_FORM_INT, 0, "", NIL),
    V("no value", GB_FORM_TEXT, 3, "\0", NIL, NIL, NIL),
    V("integers", GB_FORM_INT, 3, "\1\x0e\2\5", I(7), I(8), I(5)),
    V("integers wrap", GB_FORM_INT, 2,
      "\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\2", I(INT64_MAX), I(INT64_MIN)),
    V("differences", GB_FORM_ALONE, 3, "\1\x0e\x10\x0a", I(7), I(8), I(5)),
    V("some", GB_FORM_INT, 9, "\2\x02\x01\x14\2", NIL, I(10), NIL, NIL, NIL,
      NIL, NIL, NIL, I(11)),
    V("eight of nine", GB_FORM_INT, 9, "\2\xff\0\2\0\0\0\0\0\0\0", I(1), I(1),
      I(1), I(1), I(1), I(1), I(1), I(1), NIL),
    V("reals", GB_FORM_REAL, 2, "\1\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0",
      R(1.5), R(-2)),
    V("text", GB_FORM_TEXT, 3, "\1\0\2ok\1\0\0", T("ok"), T("ok"), T("")),
    V("room", GB_FORM_TEXT, 1, "\1\0\4B\xf6-\xf8\4\4\xb3", T("B04-1203")),
    V("rooms", GB_FORM_TEXT, 2, "\1\0\4B\xf6-\xf8\1\4\4\xb3\x63\0\7",
      T("B04-1203"), T("B99-0007")),
    V("places", GB_FORM_TEXT, 3, "\1\0\1\xf5\0\1\xf6\1\7\7\x08", T("7"),
      T("07"), T("8")),
    V("long", GB_FORM_TEXT, 1,
      "\1\0\3\xfd\xfd\xf7\x3b\x9a\xc9\xff\0\0\0\0\0\x0c",
      T("999999999000000000012")),
    V("seven", GB_FORM_TEXT, 2, "\1\0\1\xfb\0\1\xfc\x98\x96\x7f\0\0\0\1",
      T("9999999"), T("00000001")),
    V("blob", GB_FORM_BLOB, 3, "\1\0\3\xf5\x31\0\1\0\0", B("\xf5\x31\0"),
      B("\xf5\x31\0"), B("")),
    V("NUL and Chinese", GB_FORM_TEXT, 2, "\2\1\0\7\0更\xf5\0x\3",
      T("\0更3\0x"), NIL),
#undef V
};

static enum gb_err
write_all(struct gb_buf *out, enum gb_form form, const struct gb_value *v,
          size_t m, struct gb_fail *fail)
{
    gb_buf_init(out, GB_BODY_MAX);
    gb_arena_reset(&scratch);
    return gb_column_write(out, form, v, m, &scratch, fail);
}

/* Read a column into entries, NULL for those without a value. */
static enum gb_err
read_all(struct gb_span bytes, enum gb_form form, struct gb_value *v, size_t m,
         struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    struct gb_entries entries;
    gb_arena_reset(&scratch);
    gb_arena_reset(&keep);
    enum gb_err e =
        gb_column_read(&in, form, m, &scratch, &keep, &entries, fail);
    if (e)
        return e;
    if (!gb_read_done(&in))
        return gb_fail_set(fail, GB_E_FORMAT, "goes on");
    for (size_t i = 0; i < m; i++) {
        const struct gb_value *next = gb_entries_next(&entries);
        v[i] = next ? *next : GB_VALUE_NULL;
    }
    assert_int_equal(entries.taken, entries.nvalues);
    return GB_OK;
}

static void
vectors_hold_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct gb_span want = GB_SPAN(vectors[i].bytes, vectors[i].len);
        struct gb_value back[MOST];
        struct gb_fail fail = {0};
        struct gb_buf b;
        assert_int_equal(write_all(&b, vectors[i].form, vectors[i].entries,
                                   vectors[i].m, &fail),
                         GB_OK);
        if (!gb_span_equal(gb_buf_view(&b), want))
            fail_msg("%s: other bytes", vectors[i].name);
        if (read_all(want, vectors[i].form, back, vectors[i].m, &fail))
            fail_msg("%s: %s", vectors[i].name, fail.text);
        for (size_t k = 0; k < vectors[i].m; k++)
            assert_true(gb_value_equal(&back[k], &vectors[i].entries[k]));
        gb_buf_release(&b);
    }
}

/* ----------------------------------------------------------- refusals -- */

static const struct {
    const char *name;
    enum gb_form form;
    size_t m;
    const char *bytes;
    size_t len;
    const char *why;
} refused[] = {
#define C(name, form, m, bytes, why)                                           \
    {                                                                          \
        name, form, m, bytes, sizeof bytes - 1, why                            \
    }
    C("nothing", GB_FORM_INT, 1, "", "presence"),
    C("presence 3", GB_FORM_INT, 2, "\3\1\2", "presence"),
    C("bits cut", GB_FORM_INT, 9, "\2\1", "presence"),
    C("all bits", GB_FORM_INT, 2, "\2\3\2\2", "presence"),
    C("no bits", GB_FORM_INT, 2, "\2\0", "presence"),
    C("unused bits", GB_FORM_INT, 3, "\2\x11\2\2", "presence"),
    C("more values than bytes", GB_FORM_INT, 60000, "\1\2\2", "presence"),
    C("number cut", GB_FORM_INT, 2, "\1\x80\x80", "number"),
    C("long number", GB_FORM_INT, 2, "\1\x82\0\2", "number"),
    C("11 bytes", GB_FORM_INT, 1, "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\2",
      "number"),
    C("goes on", GB_FORM_INT, 1, "\1\2\2", "goes on"),
    C("NaN", GB_FORM_REAL, 1, "\1\x7f\xf8\0\0\0\0\0\0", "number"),
    C("minus zero", GB_FORM_REAL, 1, "\1\x80\0\0\0\0\0\0\0", "number"),
    C("real cut", GB_FORM_REAL, 1, "\1\x3f\xf0\0\0\0\0\0", "number"),
    C("pattern to come", GB_FORM_TEXT, 2, "\1\1\0\1a", "patterns"),
    C("no pattern", GB_FORM_TEXT, 2, "\1\0\1a\2", "patterns"),
    C("huge number", GB_FORM_TEXT, 2,
      "\1\0\1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", "patterns"),
    C("pattern cut", GB_FORM_TEXT, 1, "\1\0\3ab", "patterns"),
    C("twice", GB_FORM_TEXT, 2, "\1\0\1a\0\1a", "twice"),
    C("twice empty", GB_FORM_TEXT, 3, "\1\0\0\0\1a\0\0", "twice"),
    C("twice, blob", GB_FORM_BLOB, 2, "\1\0\1\xf5\0\1\xf5", "twice"),
    C("digit", GB_FORM_TEXT, 1, "\1\0\2a1", "patterns"),
    C("pieces", GB_FORM_TEXT, 1, "\1\0\2\xf5\xf5\1\1", "patterns"),
    C("pieces behind a full one", GB_FORM_TEXT, 1,
      "\1\0\3\xfd\xf5\xf6\0\0\0\1\1\1", "patterns"),
    C("bad UTF-8", GB_FORM_TEXT, 1, "\1\0\1\x80", "patterns"),
    C("split UTF-8", GB_FORM_TEXT, 1, "\1\0\3\xe6\xf5\x9b\1", "patterns"),
    C("UTF-8 cut before a number", GB_FORM_TEXT, 1, "\1\0\3\xe6\x9b\xf5\1",
      "patterns"),
    C("surrogate", GB_FORM_TEXT, 1, "\1\0\3\xed\xa0\x80", "patterns"),
    C("FE", GB_FORM_TEXT, 1, "\1\0\1\xfe", "patterns"),
    C("F4 alone", GB_FORM_TEXT, 1, "\1\0\1\xf4", "patterns"),
    C("numbers cut", GB_FORM_TEXT, 1, "\1\0\2\xf5-", "cut short"),
    C("ten in one digit", GB_FORM_TEXT, 1, "\1\0\1\xf5\x0a", "digits"),
    C("100 in two", GB_FORM_TEXT, 1, "\1\0\1\xf6\x64", "digits"),
    C("10^9 in nine", GB_FORM_TEXT, 1, "\1\0\1\xfd\x3b\x9a\xca\0", "digits"),
#undef C
};

static void
everything_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct gb_value *back = calloc(refused[i].m, sizeof *back);
        struct gb_fail fail = {0};
        enum gb_err e = read_all(GB_SPAN(refused[i].bytes, refused[i].len),
                                 refused[i].form, back, refused[i].m, &fail);
        if (e != GB_E_FORMAT || !strstr(fail.text, refused[i].why))
            fail_msg("%s: %s: %s", refused[i].name, gb_err_name(e), fail.text);
        free(back);
    }
}

/* Whatever bytes are accepted, writing gives the same bytes: so there is one
 * encoding, and no bit of it can be changed unseen. */
static void
reading_accepts_only_what_writing_writes(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t bytes[64];
        for (size_t bit = 0; bit < 8 * vectors[i].len; bit++) {
            struct gb_span s = GB_SPAN(bytes, vectors[i].len);
            struct gb_value back[MOST];
            struct gb_buf b;
            memcpy(bytes, vectors[i].bytes, s.len);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read_all(s, vectors[i].form, back, vectors[i].m, NULL))
                continue;
            accepted++;
            assert_int_equal(
                write_all(&b, vectors[i].form, back, vectors[i].m, NULL),
                GB_OK);
            assert_true(gb_span_equal(gb_buf_view(&b), s));
            gb_buf_release(&b);
        }
    }
    assert_true(accepted > 200);
}

/* All strings of a few telling bytes, as a column of one or two texts. */
static void
short_inputs_have_one_encoding(void **state)
{
    static const uint8_t letters[] = {0,    1,    2,    3,    'a',  '1',
                                      0xf5, 0xf6, 0xfd, 0xe6, 0x9b, 0xb4};
    enum { N = sizeof letters, LEN = 5 };
    size_t accepted = 0, all = 1;
    (void)state;
    for (int i = 0; i < LEN; i++)
        all *= N;
    for (size_t i = 0; i < 2 * all; i++) {
        uint8_t bytes[1 + LEN] = {1};
        size_t m = 1 + i % 2, rest = i / 2;
        for (int k = 1; k <= LEN; k++, rest /= N)
            bytes[k] = letters[rest % N];
        struct gb_value back[2];
        struct gb_buf b;
        if (read_all(GB_SPAN(bytes, sizeof bytes), GB_FORM_TEXT, back, m, NULL))
            continue;
        accepted++;
        assert_int_equal(write_all(&b, GB_FORM_TEXT, back, m, NULL), GB_OK);
        assert_true(
            gb_span_equal(gb_buf_view(&b), GB_SPAN(bytes, sizeof bytes)));
        gb_buf_release(&b);
    }
    assert_true(accepted > 50);
}

/* ------------------------------------------------------------- limits -- */

static void
texts_are_checked_when_written(void **state)
{
    (void)state;
    char *long_text = malloc(GB_TEXT_MAX + 1);
    memset(long_text, 'x', GB_TEXT_MAX + 1);
    struct gb_buf b;
    struct gb_fail fail = {0};
    struct gb_value v = T("\xc0\x80");
    assert_int_equal(write_all(&b, GB_FORM_TEXT, &v, 1, &fail), GB_E_VALUE);
    gb_buf_release(&b);
    v = gb_value_text(GB_SPAN(long_text, GB_TEXT_MAX + 1));
    assert_int_equal(write_all(&b, GB_FORM_TEXT, &v, 1, &fail), GB_E_VALUE);
    gb_buf_release(&b);
    v.type = GB_BLOB;
    assert_int_equal(write_all(&b, GB_FORM_BLOB, &v, 1, &fail), GB_E_VALUE);
    gb_buf_release(&b);
    v.as.s.len--;
    assert_int_equal(write_all(&b, GB_FORM_BLOB, &v, 1, &fail), GB_OK);
    struct gb_value back;
    assert_int_equal(read_all(gb_buf_view(&b), GB_FORM_BLOB, &back, 1, &fail),
                     GB_OK);
    assert_true(gb_value_equal(&v, &back));
    gb_buf_release(&b);
    gb_buf_init(&b, 100);
    gb_arena_reset(&scratch);
    assert_int_equal(gb_column_write(&b, GB_FORM_BLOB, &v, 1, &scratch, &fail),
                     GB_E_LIMIT);
    gb_buf_release(&b);
    free(long_text);
}

/* A pattern of 256 KiB, or of 30,000 numbers, and few bytes for each text. */
static void
small_columns_do_not_grow_without_end(void **state)
{
    (void)state;
    struct gb_buf b;
    struct gb_fail fail = {0};
    enum { M = 200 };
    struct gb_value back[M];
    gb_buf_init(&b, GB_BODY_MAX);
    gb_buf_text(&b, "\1");
    gb_buf_u8(&b, 0);
    gb_buf_varint(&b, GB_TEXT_MAX);
    memset(gb_buf_grow(&b, GB_TEXT_MAX - 1), 'x', GB_TEXT_MAX - 1);
    gb_buf_u8(&b, 0xf5);
    for (int i = 1; i < M; i++)
        gb_buf_u8(&b, 1);
    memset(gb_buf_grow(&b, M), 0, M);
    assert_int_equal(read_all(gb_buf_view(&b), GB_FORM_TEXT, back, M, &fail),
                     GB_E_LIMIT);
    assert_int_equal(keep.used, 0);
    /* 64 of them are as much as a column may hold */
    gb_buf_release(&b);
    gb_buf_init(&b, GB_BODY_MAX);
    gb_buf_u8(&b, 1);
    gb_buf_u8(&b, 0);
    gb_buf_varint(&b, GB_TEXT_MAX / 9 + 1);
    memset(gb_buf_grow(&b, GB_TEXT_MAX / 9 + 1), 0xfd, GB_TEXT_MAX / 9 + 1);
    memset(gb_buf_grow(&b, 4 * (GB_TEXT_MAX / 9 + 1)), 0,
           4 * (GB_TEXT_MAX / 9 + 1));
    assert_int_equal(read_all(gb_buf_view(&b), GB_FORM_TEXT, back, 1, &fail),
                     GB_E_FORMAT); /* one digit longer than a text may be */
    gb_buf_release(&b);
}

static void
a_column_at_its_limit(void **state)
{
    (void)state;
    enum { M = GB_COLUMN_MAX / GB_TEXT_MAX };
    char *text = malloc(GB_TEXT_MAX);
    struct gb_value v[M + 1], back[M];
    struct gb_buf b;
    struct gb_fail fail = {0};
    memset(text, 'x', GB_TEXT_MAX);
    text[0] = '1';
    for (int i = 0; i <= M; i++)
        v[i] = gb_value_text(GB_SPAN(text, GB_TEXT_MAX));
    assert_int_equal(write_all(&b, GB_FORM_TEXT, v, M, &fail), GB_OK);
    assert_int_equal(read_all(gb_buf_view(&b), GB_FORM_TEXT, back, M, &fail),
                     GB_OK);
    gb_buf_release(&b);
    assert_int_equal(write_all(&b, GB_FORM_TEXT, v, M + 1, &fail), GB_E_LIMIT);
    gb_buf_release(&b);
    text[0] = 'y'; /* without a number they are one and the same text */
    assert_int_equal(write_all(&b, GB_FORM_TEXT, v, M + 1, &fail), GB_OK);
    gb_buf_release(&b);
    free(text);
}

static void
bounds_are_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t bound = 1 + (vectors[i].m + 7) / 8;
        for (size_t k = 0; k < vectors[i].m; k++)
            bound += gb_column_bound(&vectors[i].entries[k]);
        assert_true(vectors[i].len <= bound);
    }
    struct gb_value v = T("999999999");
    assert_true(gb_column_bound(&v) >= 9);
    assert_int_equal(gb_column_text_size(v.as.s), 5);
    struct gb_value alternating = T("1a1a1a");
    assert_int_equal(gb_column_text_size(alternating.as.s), 9);
}

/* ------------------------------------------------------------- memory -- */

static enum gb_err
write_and_read(void *arg, struct gb_fail *fail)
{
    const struct gb_value v[] = {T("B04-1203"), T("ok"), NIL, T("B04-1204"),
                                 T("P2025-11-23")};
    struct gb_arena a, k;
    struct gb_entries entries;
    struct gb_buf b;
    (void)arg;
    gb_arena_init(&a, GB_ARENA_MAX);
    gb_arena_init(&k, GB_ARENA_MAX);
    gb_buf_init(&b, 1000);
    enum gb_err e = gb_column_write(&b, GB_FORM_TEXT, v, 5, &a, fail);
    struct gb_reader in = gb_reader_of(gb_buf_view(&b));
    if (!e)
        e = gb_column_read(&in, GB_FORM_TEXT, 5, &a, &k, &entries, fail);
    gb_buf_release(&b);
    gb_arena_release(&a);
    gb_arena_release(&k);
    return e;
}

static void
memory_may_fail(void **state)
{
    (void)state;
    assert_true(alloc_sweep(write_and_read, NULL) >= 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vectors_hold_both_ways, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(everything_else_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            reading_accepts_only_what_writing_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_inputs_have_one_encoding, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(texts_are_checked_when_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(small_columns_do_not_grow_without_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_at_its_limit, set_up,
                                        tear_down),
        cmocka_unit_test(bounds_are_bounds),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
