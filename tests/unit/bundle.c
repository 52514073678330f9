/* bundle.c - engine/bundle.h: writing, reading in pieces, breaking off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/bundle.h"
#include "support/alloc.h"

static const struct gb_bundle sample = {
    .to = GB_TO_DEVICE, .device = 0x1234, .site = {0xa0, 1, 2, 3, [15] = 0xaf}};

/* What a reader saw: the frames' types and bytes, one behind the other. */
struct seen {
    int headers, frames;
    struct gb_bundle bundle;
    struct gb_buf bytes;
    enum gb_err answer; /* what the callbacks return */
};

static enum gb_err
see_header(void *arg, const struct gb_bundle *bundle, struct gb_fail *fail)
{
    struct seen *s = arg;
    s->headers++;
    s->bundle = *bundle;
    return s->answer ? gb_fail_set(fail, s->answer, "not my site") : GB_OK;
}

static enum gb_err
see_frame(void *arg, enum gb_frame type, struct gb_span sealed,
          struct gb_fail *fail)
{
    struct seen *s = arg;
    assert_int_equal(s->headers, 1);
    s->frames++;
    gb_buf_u8(&s->bytes, (unsigned)type);
    gb_buf_string(&s->bytes, sealed);
    return gb_buf_check(&s->bytes, "seen", fail);
}

/* Reader and its notes. */
struct reading {
    struct gb_bundle_in in;
    struct seen seen;
};

static void
start(struct reading *r)
{
    memset(r, 0, sizeof *r);
    gb_buf_init(&r->seen.bytes, 8 * GB_FRAME_MAX);
    gb_bundle_in_init(&r->in, &(struct gb_bundle_events){.header = see_header,
                                                         .frame = see_frame,
                                                         .arg = &r->seen});
}

static void
stop(struct reading *r)
{
    gb_bundle_in_release(&r->in);
    gb_bundle_in_release(&r->in);
    gb_buf_release(&r->seen.bytes);
}

/* Three frames, the second one empty, with their end. */
static enum gb_err
write_sample(struct gb_buf *buf, struct gb_fail *fail)
{
    struct gb_bundle_out out = {.write = gb_bundle_to_buf, .arg = buf};
    enum gb_err err = gb_bundle_begin(&out, &sample, fail);
    if (!err)
        err =
            gb_bundle_add(&out, GB_FRAME_REQUEST, gb_span_text("hello"), fail);
    if (!err)
        err = gb_bundle_add(&out, GB_FRAME_SET, GB_SPAN("", 0), fail);
    if (!err)
        err = gb_bundle_add(&out, GB_FRAME_DELTA, GB_SPAN("", 0), fail);
    return err ? err : gb_bundle_end(&out, fail);
}

/* The bytes of docs/FORMAT.md, by hand. */
static const uint8_t sample_bytes[] = {
    'G', 'B', 'B', 'N', 1,   1,   0x12, 0x34, 0xa0, 1,    2, 3, 0, 0,
    0,   0,   0,   0,   0,   0,   0,    0,    0,    0xaf, 1, 0, 0, 0,
    5,   'h', 'e', 'l', 'l', 'o', 2,    0,    0,    0,    0, 3, 0, 0,
    0,   0,   9,   0,   0,   0,   4,    0,    0,    0,    3};

static void
bytes_are_those_of_the_format(void **state)
{
    (void)state;
    struct gb_buf buf;
    gb_buf_init(&buf, 4096);
    assert_int_equal(write_sample(&buf, NULL), GB_OK);
    assert_int_equal(buf.len, sizeof sample_bytes);
    assert_memory_equal(buf.ptr, sample_bytes, buf.len);
    gb_buf_release(&buf);
}

/* Feed the first n bytes in pieces of a size. */
static enum gb_err
feed_in_pieces(struct reading *r, struct gb_span s, size_t piece,
               struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    while (s.len && !err) {
        size_t n = piece < s.len ? piece : s.len;
        err = gb_bundle_feed(&r->in, GB_SPAN(s.ptr, n), fail);
        s = GB_SPAN(s.ptr + n, s.len - n);
    }
    return err;
}

static void
pieces_of_any_size_read_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof sample_bytes; piece++) {
        struct reading r;
        start(&r);
        struct gb_span all = GB_SPAN(sample_bytes, sizeof sample_bytes);
        assert_int_equal(feed_in_pieces(&r, all, piece, NULL), GB_OK);
        assert_int_equal(gb_bundle_finish(&r.in, NULL), GB_OK);
        assert_int_equal(r.in.frames, 3);
        assert_memory_equal(r.seen.bundle.site, sample.site, 16);
        assert_int_equal(r.seen.bundle.device, sample.device);
        assert_int_equal(r.seen.bundle.to, GB_TO_DEVICE);
        assert_true(gb_span_equal(gb_buf_view(&r.seen.bytes),
                                  GB_SPAN("\1\5hello\2\0\3\0", 11)));
        stop(&r);
    }
}

/* Whole frames in the first n bytes of the sample. */
static int
whole_frames(size_t n)
{
    return (n >= 34) + (n >= 39) + (n >= 44);
}

static void
breaking_off_loses_only_the_broken_frame(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof sample_bytes; n++) {
        struct reading r;
        struct gb_fail fail = {0};
        start(&r);
        assert_int_equal(gb_bundle_feed(&r.in, GB_SPAN(sample_bytes, n), &fail),
                         GB_OK);
        assert_int_equal(r.seen.headers, n >= GB_BUNDLE_HEADER);
        assert_int_equal(r.seen.frames, whole_frames(n));
        assert_int_equal(gb_bundle_finish(&r.in, &fail), GB_E_FORMAT);
        char want[40];
        snprintf(want, sizeof want, "breaks off after %d frames",
                 whole_frames(n));
        assert_non_null(strstr(fail.text, want));
        assert_false(r.in.ended);
        stop(&r);
    }
}

/* One byte of the sample changed: what must be said about it. */
static const struct {
    size_t at;
    uint8_t to;
    enum gb_err want;
    const char *text;
} damages[] = {
    {0, 'g', GB_E_FORMAT, "not a bundle"},
    {3, 'S', GB_E_FORMAT, "not a bundle"},
    {4, 2, GB_E_VERSION, "newer"},
    {4, 0, GB_E_VERSION, "format 0"},
    {5, 2, GB_E_FORMAT, "header is damaged"},
    {6, 0x20, GB_E_FORMAT, "header is damaged"},
    {24, 0, GB_E_FORMAT, "after 0 frames (type 0,"},
    {24, 6, GB_E_FORMAT, "after 0 frames (type 6,"},
    {24, 9, GB_E_FORMAT, "after 0 frames (type 9,"},
    {25, 0xff, GB_E_FORMAT, "after 0 frames (type 1,"},
    {26, 0x11, GB_E_FORMAT, "after 0 frames (type 1,"},
    {48, 5, GB_E_FORMAT, "after 3 frames (type 9,"},
    {52, 2, GB_E_FORMAT, "counts 2"},
    {49, 1, GB_E_FORMAT, "counts"},
};

static void
damage_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++)
        for (size_t piece = 1; piece < 64; piece += 62) {
            uint8_t bytes[sizeof sample_bytes];
            memcpy(bytes, sample_bytes, sizeof bytes);
            bytes[damages[i].at] = damages[i].to;
            struct reading r;
            struct gb_fail fail = {0};
            start(&r);
            struct gb_span all = GB_SPAN(bytes, sizeof bytes);
            assert_int_equal(feed_in_pieces(&r, all, piece, &fail),
                             damages[i].want);
            if (!strstr(fail.text, damages[i].text))
                fail_msg("damage %zu: %s", i, fail.text);
            stop(&r);
        }
}

static void
a_length_is_refused_before_its_bytes(void **state)
{
    (void)state;
    uint8_t frame[] = {2, 0, 0x10, 0, 64};
    struct reading r;
    start(&r);
    gb_bundle_feed(&r.in, GB_SPAN(sample_bytes, GB_BUNDLE_HEADER), NULL);
    assert_int_equal(gb_bundle_feed(&r.in, GB_SPAN(frame, 5), NULL), GB_OK);
    assert_true(r.in.held.cap < 4096); /* announced is not allocated */
    stop(&r);
    frame[4]++;
    start(&r);
    gb_bundle_feed(&r.in, GB_SPAN(sample_bytes, GB_BUNDLE_HEADER), NULL);
    assert_int_equal(gb_bundle_feed(&r.in, GB_SPAN(frame, 5), NULL),
                     GB_E_FORMAT);
    stop(&r);
}

static void
the_largest_frame_passes(void **state)
{
    (void)state;
    static uint8_t large[GB_FRAME_MAX + 1];
    memset(large, 0x5a, sizeof large);
    struct gb_buf buf;
    struct reading r;
    start(&r);
    gb_buf_init(&buf, 2 * GB_FRAME_MAX);
    struct gb_bundle_out out = {.write = gb_bundle_to_buf, .arg = &buf};
    assert_int_equal(gb_bundle_begin(&out, &sample, NULL), GB_OK);
    assert_int_equal(
        gb_bundle_add(&out, GB_FRAME_SET, GB_SPAN(large, sizeof large), NULL),
        GB_E_LIMIT);
    assert_int_equal(
        gb_bundle_add(&out, GB_FRAME_SET, GB_SPAN(large, GB_FRAME_MAX), NULL),
        GB_OK);
    assert_int_equal(gb_bundle_end(&out, NULL), GB_OK);
    assert_int_equal(feed_in_pieces(&r, gb_buf_view(&buf), 65536, NULL), GB_OK);
    assert_int_equal(gb_bundle_finish(&r.in, NULL), GB_OK);
    assert_true(r.in.held.cap <= GB_FRAME_HEADER + GB_FRAME_MAX);
    assert_int_equal(r.seen.bytes.len, 1 + 3 + GB_FRAME_MAX);
    gb_buf_release(&buf);
    stop(&r);
}

static void
bytes_behind_the_end_are_an_error(void **state)
{
    (void)state;
    struct reading r;
    struct gb_fail fail = {0};
    start(&r);
    gb_bundle_feed(&r.in, GB_SPAN(sample_bytes, sizeof sample_bytes), NULL);
    assert_int_equal(gb_bundle_feed(&r.in, GB_SPAN("", 0), NULL), GB_OK);
    assert_int_equal(gb_bundle_feed(&r.in, GB_SPAN("", 1), &fail), GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "behind the bundle's end"));
    assert_int_equal(gb_bundle_finish(&r.in, NULL), GB_E_FORMAT);
    stop(&r);
}

static void
a_callbacks_error_stays(void **state)
{
    (void)state;
    struct reading r;
    struct gb_span all = GB_SPAN(sample_bytes, sizeof sample_bytes);
    start(&r);
    r.seen.answer = GB_E_SITE;
    for (int i = 0; i < 3; i++) {
        struct gb_fail fail = {0};
        enum gb_err err = i < 2 ? gb_bundle_feed(&r.in, all, &fail)
                                : gb_bundle_finish(&r.in, &fail);
        assert_int_equal(err, GB_E_SITE);
        assert_int_equal(fail.code, GB_E_SITE);
        assert_string_equal(fail.text, "not my site");
    }
    assert_int_equal(r.seen.headers, 1);
    assert_int_equal(r.seen.frames, 0);
    stop(&r);
}

static enum gb_err
refuse_after_ten(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    size_t *left = arg;
    if (bytes.len > *left)
        return gb_fail_set(fail, GB_E_IO, "the stick is full");
    *left -= bytes.len;
    return GB_OK;
}

static void
a_writers_error_ends_the_writing(void **state)
{
    (void)state;
    for (size_t room = 0; room < sizeof sample_bytes; room++) {
        size_t left = room;
        struct gb_fail fail = {0};
        struct gb_bundle_out out = {.write = refuse_after_ten, .arg = &left};
        enum gb_err err = gb_bundle_begin(&out, &sample, &fail);
        for (int i = 0; !err && i < 3; i++)
            err =
                gb_bundle_add(&out, GB_FRAME_SET, gb_span_text("1234"), &fail);
        if (!err)
            err = gb_bundle_end(&out, &fail);
        assert_int_equal(err, GB_E_IO);
        assert_string_equal(fail.text, "the stick is full");
    }
}

static enum gb_err
write_and_read(void *arg, struct gb_fail *fail)
{
    (void)arg;
    struct gb_buf buf;
    struct reading r;
    start(&r);
    gb_buf_init(&buf, 4096);
    enum gb_err err = write_sample(&buf, fail);
    if (!err)
        err = gb_bundle_feed(&r.in, gb_buf_view(&buf), fail);
    if (!err)
        err = gb_bundle_finish(&r.in, fail);
    gb_buf_release(&buf);
    stop(&r);
    return err;
}

static void
running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    alloc_sweep(write_and_read, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_the_format),
        cmocka_unit_test(pieces_of_any_size_read_the_same),
        cmocka_unit_test(breaking_off_loses_only_the_broken_frame),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_length_is_refused_before_its_bytes),
        cmocka_unit_test(the_largest_frame_passes),
        cmocka_unit_test(bytes_behind_the_end_are_an_error),
        cmocka_unit_test(a_callbacks_error_stays),
        cmocka_unit_test(a_writers_error_ends_the_writing),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
