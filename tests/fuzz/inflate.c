/*
 * inflate.c - raw deflate streams, with and without a preset dictionary, and
 * the sections that hold them.  However much a stream would give, inflating
 * takes a window's memory beside what the caller set aside.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/deflate.h"
#include "engine/limits.h"
#include "engine/section.h"
#include "support/fuzz.h"

#define INFLATE_MAX (64u << 10) /* zlib's own */
#define NONE GB_SPAN(NULL, 0)

/* None, a short one, or one as long as there may be. */
static struct gb_span
dictionary_of(unsigned which)
{
    static const char words[] = "异常正常未发现B04-";
    static uint8_t full[GB_DICTIONARY_MAX];
    for (size_t i = 0; i < sizeof full && !full[0]; i++)
        full[i] = (uint8_t)((i * i >> 5) ^ i ^ 0x41);
    return which == 0   ? NONE
           : which == 1 ? gb_span_text(words)
                        : GB_SPAN(full, sizeof full);
}

/* Into memory of the exact size, so that a byte more is seen; returned when the
 * stream was good. */
static uint8_t *
inflate_to(size_t n, struct gb_span deflated, struct gb_span dictionary)
{
    struct gb_fail fail = {0};
    uint8_t *raw = malloc(n ? n : 1);
    FUZZ_CHECK(raw != NULL);
    fuzz_memory_begin(INFLATE_MAX);
    enum gb_err e = gb_inflate(raw, n, deflated, dictionary, &fail);
    fuzz_memory_end();
    if (!fuzz_refused(e, &fail))
        return raw;
    free(raw);
    return NULL;
}

/* That a stream from us gives these bytes, and nothing of another length. */
static void
same_again(struct gb_span raw, struct gb_span dictionary)
{
    struct gb_buf b;
    bool shorter;
    gb_buf_init(&b, raw.len);
    FUZZ_NEED(gb_deflate(&b, raw, dictionary, &shorter, &fuzz_why));
    if (shorter) {
        struct gb_span all = gb_buf_view(&b);
        uint8_t *back = inflate_to(raw.len, all, dictionary);
        FUZZ_CHECK(back && !memcmp(back, raw.ptr, raw.len));
        free(back);
        FUZZ_CHECK(!inflate_to(raw.len - 1, all, dictionary));
        FUZZ_CHECK(!inflate_to(raw.len + 1, all, dictionary));
        FUZZ_CHECK(!inflate_to(raw.len, GB_SPAN(b.ptr, b.len - 1), dictionary));
    }
    gb_buf_release(&b);
}

/* A stream of which a length is said, or of which we look it up. */
static void
run_stream(struct gb_reader *in)
{
    static uint8_t start[1 << 16];
    unsigned how = gb_read_u8(in);
    struct gb_span dictionary = dictionary_of(how % 3);
    size_t n = gb_read_u32(in) % (GB_BODY_MAX + 1), got = 0;
    struct gb_span deflated = fuzz_rest(in);
    struct gb_fail fail = {0};
    fuzz_memory_begin(INFLATE_MAX);
    enum gb_err e =
        gb_inflate_start(start, sizeof start, &got, deflated, &fail);
    fuzz_memory_end();
    fuzz_refused(e, &fail);
    if (how & 128)
        n = got;
    uint8_t *raw = inflate_to(n, deflated, dictionary);
    if (raw && !dictionary.len && n <= sizeof start)
        FUZZ_CHECK(got == n && !memcmp(raw, start, n));
    if (raw && n && n <= 8192)
        same_again(GB_SPAN(raw, n), dictionary);
    free(raw);
}

static void
run_raw(struct gb_reader *in)
{
    struct gb_span dictionary = dictionary_of(gb_read_u8(in) % 3);
    struct gb_span raw = fuzz_rest(in);
    if (raw.len)
        same_again(raw, dictionary);
}

/* Sections of any kind: all of them together stay within a body. */
static void
run_sections(struct gb_reader *in)
{
    static const uint8_t known[] = {1,  2,  3,  10, 11, 12, 13, 14,
                                    15, 16, 17, 18, 19, 20, 21};
    struct gb_span bytes = fuzz_rest(in), raw;
    struct gb_sections s;
    struct gb_arena arena;
    struct gb_fail fail = {0};
    size_t len, total = 0;
    enum gb_err end = gb_sections_end(bytes, &len, &fail);
    fuzz_refused(end, &fail);
    if (fuzz_refused(
            gb_sections_read(bytes, GB_SPAN(known, sizeof known), &s, &fail),
            &fail))
        return;
    FUZZ_CHECK(!end && s.len == len);
    gb_arena_init(&arena, GB_ARENA_MAX);
    fuzz_memory_begin(GB_BODY_MAX + INFLATE_MAX +
                      GB_SECTIONS_MAX * 2 * (16u << 10));
    for (int i = 0; i < s.n; i++)
        if (!fuzz_refused(gb_section_open(&s.of[i],
                                          dictionary_of(s.of[i].type == 2),
                                          &arena, &raw, &fail),
                          &fail))
            total += raw.len;
    fuzz_memory_end();
    FUZZ_CHECK(total <= GB_BODY_MAX);
    gb_arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const run[])(struct gb_reader *) = {run_stream, run_raw,
                                                      run_sections};
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, n));
    run[gb_read_u8(&in) % (sizeof run / sizeof *run)](&in);
    return 0;
}
