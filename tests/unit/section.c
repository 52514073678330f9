/*
 * section.c - engine/section.h: containers' sections as docs/FORMAT.md has
 * them, and every way in which they can be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/section.h"
#include "support/alloc.h"

#define NONE GB_SPAN(NULL, 0)

static const uint8_t known[] = {1, 2, 9, 200};
#define KNOWN GB_SPAN(known, sizeof known)

/* Sections 2 (deflated), 9 (stored) and 200 (with a dictionary). */
static void
write_three(struct gb_buf *out)
{
    struct gb_section_writer w = gb_section_writer_of(out);
    assert_int_equal(gb_section_write(&w, 2,
                                      gb_span_text("aaaaaaaaaaaaaaaaaaaaaaaa"),
                                      NONE, NULL),
                     GB_OK);
    assert_int_equal(gb_section_write(&w, 9, gb_span_text("abc"), NONE, NULL),
                     GB_OK);
    assert_int_equal(gb_section_write(&w, 10, NONE, NONE, NULL), GB_OK);
    assert_int_equal(gb_section_write(&w, 200, gb_span_text("it is abnormal"),
                                      gb_span_text("normal abnormal"), NULL),
                     GB_OK);
    assert_int_equal(gb_section_finish(&w, NULL), GB_OK);
}

static void
they_come_back(void **state)
{
    (void)state;
    struct gb_buf b;
    struct gb_sections s;
    struct gb_arena arena;
    struct gb_span raw;
    gb_buf_init(&b, 1000);
    gb_arena_init(&arena, 1000);
    write_three(&b);
    gb_buf_text(&b, "signature"); /* what follows is no business of theirs */
    assert_int_equal(gb_sections_read(gb_buf_view(&b), KNOWN, &s, NULL), GB_OK);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.len, b.len - 9);
    assert_null(gb_sections_find(&s, 1));
    assert_null(gb_sections_find(&s, 10)); /* it was empty */
    const struct gb_section *two = gb_sections_find(&s, 2);
    assert_int_equal(two->raw_len, 24);
    assert_true(two->stored.len < 24);
    assert_int_equal(gb_section_open(two, NONE, &arena, &raw, NULL), GB_OK);
    assert_int_equal(raw.len, 24);
    const struct gb_section *nine = gb_sections_find(&s, 9);
    assert_int_equal(gb_section_open(nine, NONE, &arena, &raw, NULL), GB_OK);
    assert_true(gb_span_equal(raw, gb_span_text("abc")));
    assert_ptr_not_equal(raw.ptr, nine->stored.ptr); /* the arena owns it */
    const struct gb_section *last = gb_sections_find(&s, 200);
    assert_true(last->stored.len < last->raw_len);
    assert_int_equal(gb_section_open(last, gb_span_text("normal abnormal"),
                                     &arena, &raw, NULL),
                     GB_OK);
    assert_true(gb_span_equal(raw, gb_span_text("it is abnormal")));
    struct gb_fail fail = {0};
    assert_int_equal(gb_section_open(NULL, NONE, &arena, &raw, &fail),
                     GB_E_FORMAT);
    gb_arena_release(&arena);
    gb_buf_release(&b);
}

/* Bytes of sections; the reason, or NULL when they may stand. */
static const struct {
    const char *name, *bytes;
    size_t len;
    const char *why;
} cases[] = {
#define C(name, bytes, why)                                                    \
    {                                                                          \
        name, bytes, sizeof bytes - 1, why                                     \
    }
    C("none", "\0", NULL),
    C("one", "\1\3\3abc\0", NULL),
    C("two", "\1\1\1a\2\1\1b\0", NULL),
    C("more behind", "\1\1\1a\0\0\0", NULL),
    C("nothing", "", "no end"),
    C("no end", "\1\3\3abc", "no end"),
    C("unknown", "\3\1\1a\0", "section 3 may not"),
    C("twice", "\1\1\1a\1\1\1a\0", "section 1 may not"),
    C("falling", "\2\1\1a\1\1\1a\0", "section 1 may not"),
    C("empty", "\1\0\0\0", "empty"),
    C("empty when stored", "\1\1\0\0", "empty"),
    C("cut", "\1\4\4abc", "cut short"),
    C("length not canonical", "\1\x83\0\3abc\0", "cut short"),
    C("longer than raw", "\1\2\3abc\0", "cannot stand"),
    C("bomb", "\1\xe0\x50\3abc\0", "cannot stand"),
    C("over the body", "\1\x81\x80\x3c\3abc\0", "more than"),
    C("huge", "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\3abc\0", "more than"),
#undef C
};

static void
each_mistake_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_sections s;
        struct gb_fail fail = {0};
        enum gb_err e = gb_sections_read(GB_SPAN(cases[i].bytes, cases[i].len),
                                         KNOWN, &s, &fail);
        if (!cases[i].why != !e || (e && !strstr(fail.text, cases[i].why)))
            fail_msg("%s: %s", cases[i].name, fail.text);
    }
}

/* Where they end is clear whenever their lengths can be followed. */
static void
the_end_needs_lengths_alone(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, end; /* 0: there is none */
    } ends[] = {
#define E(bytes, end) {bytes, sizeof bytes - 1, end}
        E("\0", 1),
        E("\1\3\3abc\0", 7),
        E("\1\1\1a\0\0\0", 5),
        E("\3\1\1a\0", 5),
        E("\2\1\1a\1\1\1a\1\1\1a\0", 13),
        E("\1\0\0\0", 4),
        E("\1\2\3abc\0z", 7),
        E("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\3abc\0", 16),
        E("", 0),
        E("\1\3\3abc", 0),
        E("\1\4\4abc", 0),
        E("\1\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 0),
        E("\1\x83\0\3abc\0", 0),
#undef E
    };
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t len;
        uint8_t *copy = malloc(ends[i].len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, ends[i].bytes, ends[i].len);
        enum gb_err e =
            gb_sections_end(GB_SPAN(copy + 1, ends[i].len), &len, NULL);
        assert_int_equal(e, ends[i].end ? GB_OK : GB_E_FORMAT);
        assert_int_equal(len, ends[i].end);
        free(copy);
    }
}

static void
damage_is_refused_when_opened(void **state)
{
    (void)state;
    struct gb_buf b;
    gb_buf_init(&b, 1000);
    write_three(&b);
    struct gb_sections s;
    assert_int_equal(gb_sections_read(gb_buf_view(&b), KNOWN, &s, NULL), GB_OK);
    for (size_t n = 0; n < b.len; n++) {
        struct gb_sections cut;
        assert_int_equal(gb_sections_read(GB_SPAN(b.ptr, n), KNOWN, &cut, NULL),
                         GB_E_FORMAT);
    }
    struct gb_section two = s.of[0];
    struct gb_arena arena;
    struct gb_span raw;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, 1000);
    two.raw_len++;
    assert_int_equal(gb_section_open(&two, NONE, &arena, &raw, &fail),
                     GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "section 2: "));
    gb_arena_release(&arena);
    gb_arena_init(&arena, 10);
    assert_int_equal(gb_section_open(&two, NONE, &arena, &raw, &fail),
                     GB_E_LIMIT);
    gb_arena_release(&arena);
    gb_buf_release(&b);
}

/* All sections together are bounded, when written and when read. */
static void
the_body_is_bounded(void **state)
{
    (void)state;
    struct gb_buf b;
    uint8_t *zeros = calloc(1, GB_BODY_MAX);
    struct gb_fail fail = {0};
    gb_buf_init(&b, GB_SET_MAX);
    struct gb_section_writer w = gb_section_writer_of(&b);
    assert_int_equal(
        gb_section_write(&w, 1, GB_SPAN(zeros, GB_BODY_MAX - 10), NONE, NULL),
        GB_OK);
    assert_int_equal(gb_section_write(&w, 2, GB_SPAN(zeros, 11), NONE, &fail),
                     GB_E_LIMIT);
    assert_int_equal(gb_section_write(&w, 9, GB_SPAN(zeros, 10), NONE, &fail),
                     GB_OK);
    assert_int_equal(gb_section_finish(&w, NULL), GB_OK);
    struct gb_sections s;
    assert_int_equal(gb_sections_read(gb_buf_view(&b), KNOWN, &s, NULL), GB_OK);
    b.len--;
    gb_buf_add(&b, "\310\1\1x", 5); /* section 200, and the end */
    assert_int_equal(gb_sections_read(gb_buf_view(&b), KNOWN, &s, &fail),
                     GB_E_LIMIT);
    gb_buf_release(&b);
    gb_buf_init(&b, 5);
    w = gb_section_writer_of(&b);
    assert_int_equal(
        gb_section_write(&w, 1, gb_span_text("abcdef"), NONE, &fail),
        GB_E_LIMIT);
    gb_buf_release(&b);
    free(zeros);
}

/* Write and open, for the sweep. */
static enum gb_err
write_and_open(void *arg, struct gb_fail *fail)
{
    struct gb_buf b;
    struct gb_arena arena;
    struct gb_sections s;
    struct gb_span raw;
    struct gb_span text = gb_span_text("abcabcabcabcabcabcabcabcabc");
    (void)arg;
    gb_buf_init(&b, 1000);
    gb_arena_init(&arena, 1000);
    struct gb_section_writer w = gb_section_writer_of(&b);
    enum gb_err e = gb_section_write(&w, 1, text, NONE, fail);
    if (!e)
        e = gb_section_finish(&w, fail);
    if (!e)
        e = gb_sections_read(gb_buf_view(&b), KNOWN, &s, fail);
    if (!e)
        e = gb_section_open(&s.of[0], NONE, &arena, &raw, fail);
    gb_arena_release(&arena);
    gb_buf_release(&b);
    return e;
}

static void
memory_may_fail(void **state)
{
    (void)state;
    assert_true(alloc_sweep(write_and_open, NULL) >= 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_back),
        cmocka_unit_test(each_mistake_is_named),
        cmocka_unit_test(the_end_needs_lengths_alone),
        cmocka_unit_test(damage_is_refused_when_opened),
        cmocka_unit_test(the_body_is_bounded),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
