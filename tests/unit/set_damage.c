/*
 * set_damage.c - change sets that come from outside (engine/set.h): every bit
 * flipped, bytes taken out, put in and exchanged, before and behind
 * compression.  Nothing may crash, and what is accepted is what encoding would
 * have written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/deflate.h"
#include "engine/set.h"
#include "engine/set_private.h"
#include "support/alloc.h"
#include "support/schema_fixture.h"
#include "support/set_fixture.h"
#include "tests/bench/workload.h"

static struct gb_schema *every;
static const uint8_t zeros[64];

static int
set_up(void **state)
{
    (void)state;
    every = schema_fixture_every(4);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    gb_schema_free(every);
    return 0;
}

/* ------------------------------------------------------------ raw sets -- */

/* A set before compression: its header, and the raw bytes of each section. */
struct raw {
    uint8_t header[GB_SET_HEADER_BYTES];
    struct gb_span section[4]; /* by type; empty when there is none */
    struct gb_arena arena;     /* that owns them */
};

static void
open_raw(struct raw *r, struct gb_span signed_bytes)
{
    struct gb_sections s;
    *r = (struct raw){.header = {0}};
    gb_arena_init(&r->arena, GB_ARENA_MAX);
    memcpy(r->header, signed_bytes.ptr, sizeof r->header);
    assert_int_equal(gb_set_read_sections(signed_bytes, &s, NULL), GB_OK);
    for (int i = 0; i < s.n; i++)
        assert_int_equal(
            gb_section_open(&s.of[i],
                            s.of[i].type == GB_SECTION_OPS ? every->dictionary
                                                           : GB_SPAN(NULL, 0),
                            &r->arena, &r->section[s.of[i].type], NULL),
            GB_OK);
}

/* Signed bytes with these sections, compressed. */
static void
pack_raw(const struct raw *r, struct gb_buf *out)
{
    gb_buf_add(out, r->header, sizeof r->header);
    struct gb_section_writer w = gb_section_writer_of(out);
    for (unsigned type = 1; type < 4; type++)
        assert_int_equal(gb_section_write(&w, type, r->section[type],
                                          type == GB_SECTION_OPS
                                              ? every->dictionary
                                              : GB_SPAN(NULL, 0),
                                          NULL),
                         GB_OK);
    assert_int_equal(gb_section_finish(&w, NULL), GB_OK);
}

/* Signed bytes with these sections, none of them compressed. */
static void
store_raw(const struct raw *r, struct gb_buf *out)
{
    gb_buf_clear(out);
    gb_buf_add(out, r->header, sizeof r->header);
    for (unsigned type = 1; type < 4; type++) {
        if (!r->section[type].len)
            continue;
        gb_buf_u8(out, type);
        gb_buf_varint(out, r->section[type].len);
        gb_buf_string(out, r->section[type]);
    }
    gb_buf_u8(out, 0);
    assert_int_equal(out->failed, GB_OK);
}

/* A set whose sections are not empty, as raw bytes. */
static void
random_raw(struct raw *r, uint64_t seed, int nops)
{
    struct gb_set set;
    struct gb_buf b;
    struct gb_fail fail = {0};
    set_fixture_random(&set, every, seed, nops);
    gb_buf_init(&b, GB_SET_MAX);
    if (gb_set_encode(&set, every, &b, &fail))
        fail_msg("%s", fail.text);
    open_raw(r, gb_buf_view(&b));
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* Refused in one line, or accepted and then the same bytes when encoded. */
static bool
accepted(const struct raw *r)
{
    static struct gb_buf b, again;
    struct gb_set set;
    struct gb_fail fail = {0};
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_init(&again, GB_SET_MAX);
    store_raw(r, &b);
    enum gb_err e = gb_set_decode(gb_buf_view(&b), every, &set, &fail);
    if (e) {
        assert_true(e == GB_E_FORMAT || e == GB_E_LIMIT);
        assert_true(*fail.text && !strchr(fail.text, '\n'));
        assert_null(set.arena.blocks);
    } else {
        struct raw back;
        if (gb_set_encode(&set, every, &again, &fail))
            fail_msg("accepted, and not to be encoded: %s", fail.text);
        open_raw(&back, gb_buf_view(&again));
        for (int type = 1; type < 4; type++)
            assert_true(gb_span_equal(r->section[type], back.section[type]));
        gb_arena_release(&back.arena);
        gb_set_release(&set);
    }
    gb_buf_release(&b);
    gb_buf_release(&again);
    return !e;
}

static void
every_bit_of_sections_counts(void **state)
{
    size_t good = 0, all = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct raw r;
        random_raw(&r, seed, 5);
        assert_true(accepted(&r));
        for (int type = 1; type < 4; type++) {
            uint8_t *p = (uint8_t *)(uintptr_t)r.section[type].ptr;
            for (size_t bit = 0; bit < 8 * r.section[type].len; bit++, all++) {
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                good += accepted(&r);
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        assert_true(accepted(&r));
        gb_arena_release(&r.arena);
    }
    assert_true(good > 1000); /* another value is another set */
    assert_true(good < all - 1000);
}

static void
every_section_is_needed_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct raw r;
        random_raw(&r, seed, 12);
        for (int type = 1; type < 4; type++) {
            struct gb_span full = r.section[type];
            for (size_t n = 0; n < full.len; n++) {
                r.section[type].len = n;
                /* without ORIGIN at all it is another set */
                assert_int_equal(accepted(&r), type == 3 && n == 0);
            }
            r.section[type] = full;
        }
        gb_arena_release(&r.arena);
    }
}

/* Bytes taken out, put in, exchanged and repeated. */
static void
mutations_do_no_harm(void **state)
{
    uint8_t bytes[8192];
    uint64_t s = 99;
    size_t good = 0;
    (void)state;
    for (uint64_t seed = 20; seed < 30; seed++) {
        struct raw r;
        random_raw(&r, seed, 20);
        for (int i = 0; i < 1000; i++) {
            int type = 1 + (int)(wl_next(&s) % (r.section[3].len ? 3 : 2));
            struct gb_span full = r.section[type];
            size_t at = wl_next(&s) % full.len, n = 1 + wl_next(&s) % 4;
            size_t from = wl_next(&s) % full.len;
            if (n > full.len - at)
                n = full.len - at;
            if (n > full.len - from)
                n = full.len - from;
            assert_true(full.len + n <= sizeof bytes);
            memcpy(bytes, full.ptr, full.len);
            r.section[type] = GB_SPAN(bytes, full.len);
            switch (wl_next(&s) % 4) {
            case 0: /* out */
                memmove(bytes + at, bytes + at + n, full.len - at - n);
                r.section[type].len -= n;
                break;
            case 1: /* in */
                memmove(bytes + at + n, bytes + at, full.len - at);
                r.section[type].len += n;
                break;
            case 2: /* elsewhere as well */
                memmove(bytes + at, full.ptr + from, n);
                break;
            default:
                bytes[at] = (uint8_t)wl_next(&s);
            }
            good += accepted(&r);
            r.section[type] = full;
        }
        gb_arena_release(&r.arena);
    }
    assert_true(good > 100);
}

/* Section OPS of one operation, and what is said about it (NULL: nothing).
 * Table 1 `person` has a, name, age, b, face; table 3 `tag` has t. */
static const struct {
    const char *name, *bytes;
    size_t len;
    const char *why;
} made[] = {
#define C(name, bytes, why)                                                    \
    {                                                                          \
        name, bytes, sizeof bytes - 1, why                                     \
    }
    C("insert", "\1\1\3\1\2\0\0", NULL),
    C("insert with all", "\1\1\3\1\2\1\0\1r\1\0\1t", NULL),
    C("set", "\1\2\3\1\2\1\1\0\1t", NULL),
    C("void", "\1\3\3\1\2\0", NULL),
    C("resolve", "\1\4\3\1\2\1\0\0\1\7\2", NULL),
    C("site", "\1\x08\1\0", NULL),
    C("release", "\1\x0b\1\0\2\7\2\7\2", NULL),
    C("no group", "\0", "number of groups"),
    C("kind 0", "\1\0\1\0", "unknown kind"),
    C("kind 5", "\1\5\3\1\2\0", "unknown kind"),
    C("kind 12", "\1\x0c\1\0", "unknown kind"),
    C("table 4", "\1\3\4\1\2\0", "unknown kind or table"),
    C("empty group", "\2\3\2\0\3\3\1\2\0", "wrong number"),
    C("two operations", "\1\3\3\2\2\2\0", "wrong number"),
    C("counter 0", "\1\3\3\1\0\0", "record ids"),
    C("negative", "\1\3\3\1\1\0", "record ids"),
    C("device 8192", "\1\3\3\1\x82\x80\x80\x80\x80\x80\x80\x20\0",
      "record ids"),
    C("empty ref", "\1\1\3\1\2\1\0\0\0", "ref or reason is empty"),
    C("empty reason", "\1\3\3\1\2\1\0\0", "ref or reason is empty"),
    C("mask 0", "\1\2\3\1\2\0", "masks"),
    C("mask of column 1", "\1\2\3\1\2\2\0", "masks"),
    C("personal resolution", "\1\4\1\1\2\2\0\1\7\2", "masks"),
    C("personal mask of another column", "\1\1\1\1\2\0\0\0\1", "masks"),
    C("no commitment", "\1\1\1\1\2\0\0\0\2", "commitments"),
    C("no names", "\1\x0b\1\0\0", "number of names"),
    C("names fall", "\1\x0b\1\0\2\7\2\6\2", "names of operations"),
    C("names stay", "\1\x0b\1\0\2\7\2\7\0", "names of operations"),
    C("name before 0", "\1\x0b\1\0\1\7\1", "names of operations"),
    C("device too great", "\1\x0b\1\0\1\x80\x40\2", "names of operations"),
    C("goes on", "\1\3\3\1\2\0\0", "goes on behind"),
#undef C
};

static void
each_field_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct raw r;
        struct gb_buf b;
        struct gb_set set;
        struct gb_fail fail = {0};
        random_raw(&r, 5, 1);
        r.section[2] = GB_SPAN(made[i].bytes, made[i].len);
        gb_buf_init(&b, GB_SET_MAX);
        store_raw(&r, &b);
        enum gb_err e = gb_set_decode(gb_buf_view(&b), every, &set, &fail);
        if (!made[i].why != !e || (e && !strstr(fail.text, made[i].why)))
            fail_msg("%s: %s: %s", made[i].name, gb_err_name(e), fail.text);
        gb_set_release(&set);
        assert_true(accepted(&r) == !made[i].why);
        gb_arena_release(&r.arena);
        gb_buf_release(&b);
    }
}

/* ------------------------------------------------------- signed bytes -- */

/* Damage behind compression: refused, or another set than it was. */
static void
every_bit_of_signed_bytes_counts(void **state)
{
    (void)state;
    for (uint64_t seed = 3; seed <= 4; seed++) {
        struct gb_set set, back;
        struct gb_buf b, again;
        set_fixture_random(&set, every, seed, 12);
        gb_buf_init(&b, GB_SET_MAX);
        gb_buf_init(&again, GB_SET_MAX);
        assert_int_equal(gb_set_encode(&set, every, &b, NULL), GB_OK);
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct gb_fail fail = {0};
            enum gb_err e = gb_set_decode(gb_buf_view(&b), every, &back, &fail);
            assert_true(!e == !*fail.text);
            if (!e) {
                gb_buf_clear(&again);
                assert_int_equal(gb_set_encode(&back, every, &again, &fail),
                                 GB_OK);
                /* the header has no spare bits; a stream may have */
                if (bit < 8 * GB_SET_HEADER_BYTES)
                    assert_true(
                        gb_span_equal(gb_buf_view(&b), gb_buf_view(&again)));
            }
            gb_set_release(&back);
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n < b.len; n++) {
            assert_int_equal(
                gb_set_decode(GB_SPAN(b.ptr, n), every, &back, NULL),
                GB_E_FORMAT);
            assert_int_equal(
                gb_set_decode_times(GB_SPAN(b.ptr, n), &back, NULL),
                GB_E_FORMAT);
        }
        gb_buf_u8(&b, 0);
        assert_int_equal(gb_set_decode(gb_buf_view(&b), every, &back, NULL),
                         GB_E_FORMAT);
        gb_buf_release(&b);
        gb_buf_release(&again);
        gb_set_release(&set);
    }
}

/* One byte of the header, and what is said about it. */
static void
headers_are_checked(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        enum gb_err code;
        const char *why;
    } cases[] = {
        {3, 'X', GB_E_FORMAT, "not a change set"},
        {4, 0, GB_E_FORMAT, "not a change set"},
        {4, 2, GB_E_VERSION, "format 2: update"},
        {5, 1, GB_E_FORMAT, "not a change set"},
        {6, 0x20, GB_E_FORMAT, "no device 8199"},
        {27, 0, GB_E_FORMAT, "out of range"}, /* number 0 */
        {27, 1, GB_E_FORMAT, "first set of a chain"},
        {63, 0, GB_E_SCHEMA, "schema version 0, not 4"},
        {63, 5, GB_E_SCHEMA, "schema version 5, not 4"},
        {65, 0x80, GB_E_FORMAT, "out of range"}, /* clock 2^47 */
    };
    struct gb_set set, back;
    struct gb_buf b;
    (void)state;
    set_fixture_random(&set, every, 5, 4);
    gb_buf_init(&b, GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, NULL), GB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_fail fail = {0};
        uint8_t was = b.ptr[cases[i].at];
        b.ptr[cases[i].at] = cases[i].byte;
        enum gb_err e = gb_set_decode(gb_buf_view(&b), every, &back, &fail);
        if (e != cases[i].code || !strstr(fail.text, cases[i].why))
            fail_msg("%zu: %s: %s", cases[i].at, gb_err_name(e), fail.text);
        b.ptr[cases[i].at] = was;
    }
    struct gb_set_info info;
    assert_int_equal(gb_set_info(gb_buf_view(&b), &info, NULL), GB_OK);
    assert_int_equal(info.device, 7);
    assert_int_equal(info.seq, 3);
    assert_int_equal(info.schema, 4);
    assert_int_equal(info.base.size, 1042);
    assert_memory_equal(info.site, set.site, sizeof info.site);
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* ---------------------------------------------------------- container -- */

static void
containers_fall_into_three_parts(void **state)
{
    struct gb_set set;
    struct gb_buf b;
    struct gb_container parts;
    struct gb_fail fail = {0};
    (void)state;
    set_fixture_random(&set, every, 8, 30);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, NULL), GB_OK);
    size_t head = b.len;
    gb_buf_add(&b, zeros, 64);
    assert_int_equal(gb_set_encode_personal(&set, every, &b, NULL), GB_OK);
    assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, NULL), GB_OK);
    assert_int_equal(parts.signed_bytes.len, head);
    assert_int_equal(parts.signature.len, 64);
    assert_int_equal(parts.personal.len, b.len - head - 64);
    assert_true(parts.personal.len > 4);
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(gb_container_split(GB_SPAN(b.ptr, n), &parts, &fail),
                         GB_E_FORMAT);
        assert_null(parts.signed_bytes.ptr);
    }
    gb_buf_u8(&b, 0);
    assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, &fail),
                     GB_E_FORMAT);
    memset(gb_buf_grow(&b, GB_SET_MAX), 0, GB_SET_MAX);
    assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, &fail),
                     GB_E_LIMIT);
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* --------------------------------------------------------------- bombs -- */

/* 65,536 operations that set 59 columns to NULL, in 600 KB that deflate to
 * next to nothing: 3.9 million values. */
static void
a_bomb_of_masks(void **state)
{
    struct gb_set set;
    struct gb_buf b, ops;
    struct raw r;
    (void)state;
    set_fixture_begin(&set, every, GB_SET_OPS_MAX);
    struct gb_op *op;
    for (int i = 0; i < GB_SET_OPS_MAX; i++) {
        op = set_fixture_op(&set, every, GB_VOID, 2, WL_START_MS);
        op->id = 1 + i;
    }
    gb_buf_init(&b, GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, NULL), GB_OK);
    open_raw(&r, gb_buf_view(&b));
    gb_buf_init(&ops, GB_BODY_MAX);
    gb_buf_u8(&ops, 1);
    gb_buf_u8(&ops, GB_SET);
    gb_buf_u8(&ops, 2);
    gb_buf_varint(&ops, GB_SET_OPS_MAX);
    for (int i = 0; i < GB_SET_OPS_MAX; i++)
        gb_buf_zigzag(&ops, 1);
    for (int i = 0; i < GB_SET_OPS_MAX; i++)
        gb_buf_varint(&ops, (UINT64_C(1) << 59) - 1);
    for (int c = 0; c < 59; c++)
        gb_buf_u8(&ops, 0);
    assert_int_equal(ops.failed, GB_OK);
    r.section[2] = gb_buf_view(&ops);
    assert_false(accepted(&r));
    gb_arena_release(&r.arena);
    gb_buf_release(&ops);
    gb_buf_release(&b);
    /* nor would it be written */
    struct gb_written values[59];
    for (int c = 0; c < 59; c++)
        values[c] = (struct gb_written){.column = c};
    for (int i = 0; i < GB_SET_OPS_MAX; i++) {
        set.ops[i].kind = GB_SET;
        set.ops[i].values = values;
        set.ops[i].nvalues = 59;
    }
    struct gb_fail fail = {0};
    gb_buf_init(&b, GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, &fail), GB_E_LIMIT);
    assert_non_null(strstr(fail.text, "values"));
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* What the sections say about their lengths is not believed. */
static void
bombs_of_sections(void **state)
{
    struct raw r;
    struct gb_buf b;
    struct gb_set set;
    struct gb_fail fail = {0};
    (void)state;
    random_raw(&r, 5, 4);
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_add(&b, r.header, sizeof r.header);
    gb_buf_u8(&b, 1);
    gb_buf_varint(&b, GB_BODY_MAX);
    gb_buf_string(&b, GB_SPAN(zeros, 64));
    gb_buf_u8(&b, 0);
    assert_int_equal(gb_set_decode(gb_buf_view(&b), every, &set, &fail),
                     GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "64 bytes cannot stand for 983040"));
    gb_buf_release(&b);
    gb_arena_release(&r.arena);
}

/* A set that says this of its operations, which are n inserts into `wide`,
 * and how it is refused: in how much memory, and why. */
static size_t
explode(int n, struct gb_span time, struct gb_span ops, const char *why)
{
    struct gb_set set;
    struct gb_buf b, packed;
    struct raw r;
    struct gb_fail fail = {0};
    set_fixture_begin(&set, every, n);
    for (int i = 0; i < n; i++)
        set_fixture_op(&set, every, GB_INSERT, 2, WL_START_MS)->id = 1 + i;
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_init(&packed, GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, NULL), GB_OK);
    open_raw(&r, gb_buf_view(&b));
    r.section[1] = time.len ? time : r.section[1];
    r.section[2] = ops;
    pack_raw(&r, &packed);
    assert_true(packed.len < 12000); /* it is a bomb */
    gb_set_release(&set);
    alloc_peak_begin();
    enum gb_err e = gb_set_decode(gb_buf_view(&packed), every, &set, &fail);
    size_t peak = alloc_peak();
    if (!e || !strstr(fail.text, why))
        fail_msg("%s: %s", gb_err_name(e), fail.text);
    gb_arena_release(&r.arena);
    gb_buf_release(&b);
    gb_buf_release(&packed);
    return peak;
}

/* A body of zeros, in either section: no more than itself is needed. */
static void
bombs_of_zeros(void **state)
{
    enum { N = 480 * 1024, CAP = 2 * N + (256 << 10) };
    uint8_t *nothing = calloc(1, N);
    (void)state;
    assert_non_null(nothing);
    assert_in_range(
        explode(1, GB_SPAN(nothing, N), GB_SPAN(nothing, 100), "operations"), N,
        CAP);
    assert_in_range(explode(1, GB_SPAN(NULL, 0), GB_SPAN(nothing, N), "groups"),
                    N, CAP);
    free(nothing);
}

/* 4,000 texts of 4 KB in each of 15 columns, which share a pattern: 240 MB in
 * a body of 500 KB, in a set of 10. */
static void
a_bomb_of_patterns(void **state)
{
    enum { VALUES = 4000, LENGTH = 4096 };
    struct gb_buf ops;
    const struct gb_table *wide = &every->tables[2];
    (void)state;
    gb_buf_init(&ops, GB_BODY_MAX);
    gb_buf_u8(&ops, 1);
    gb_buf_u8(&ops, GB_INSERT);
    gb_buf_u8(&ops, 2);
    gb_buf_varint(&ops, VALUES);
    for (int i = 0; i < VALUES; i++)
        gb_buf_zigzag(&ops, 1);
    gb_buf_u8(&ops, 0); /* no refs */
    for (int c = 0; c < wide->ncolumns - 1; c++) {
        bool texts = wide->columns[c].type == GB_TEXT;
        gb_buf_u8(&ops, texts);
        if (!texts)
            continue;
        gb_buf_u8(&ops, 0);
        gb_buf_varint(&ops, LENGTH);
        memset(gb_buf_grow(&ops, LENGTH - 1), 'x', LENGTH - 1);
        gb_buf_u8(&ops, 0xf5); /* a digit */
        for (int i = 1; i < VALUES; i++)
            gb_buf_u8(&ops, 1);
        memset(gb_buf_grow(&ops, VALUES), 0, VALUES);
    }
    assert_int_equal(ops.failed, GB_OK);
    assert_in_range(explode(VALUES, GB_SPAN(NULL, 0), gb_buf_view(&ops), ""),
                    GB_ARENA_MAX / 2, GB_ARENA_MAX + (1 << 20));
    gb_buf_release(&ops);
}

/* A personal section that gives more than it may, or nothing but zeros. */
static void
a_bomb_of_personal_values(void **state)
{
    static uint8_t zero[GB_BODY_MAX];
    struct gb_set set;
    struct gb_buf section, body;
    bool shorter;
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct gb_fail fail = {0};
        set_fixture_random(&set, every, 8, 30);
        gb_buf_init(&body, GB_SET_MAX);
        gb_buf_init(&section, GB_SET_MAX);
        assert_int_equal(gb_deflate(&body, GB_SPAN(zero, sizeof zero),
                                    GB_SPAN(NULL, 0), &shorter, NULL),
                         GB_OK);
        gb_buf_u32(&section, (uint32_t)(1 + 3 + body.len));
        gb_buf_u8(&section, 1);
        gb_buf_varint(&section, sizeof zero + more);
        gb_buf_span(&section, gb_buf_view(&body));
        alloc_peak_begin();
        assert_int_equal(
            gb_set_reveal(&set, every, gb_buf_view(&section), &fail),
            GB_E_FORMAT);
        assert_in_range(alloc_peak(), 0, sizeof zero + (64 << 10));
        assert_true(*fail.text);
        gb_buf_release(&section);
        gb_buf_release(&body);
        gb_set_release(&set);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_sections_counts),
        cmocka_unit_test(every_section_is_needed_whole),
        cmocka_unit_test(mutations_do_no_harm),
        cmocka_unit_test(each_field_is_checked),
        cmocka_unit_test(every_bit_of_signed_bytes_counts),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(containers_fall_into_three_parts),
        cmocka_unit_test(a_bomb_of_masks),
        cmocka_unit_test(bombs_of_sections),
        cmocka_unit_test(bombs_of_zeros),
        cmocka_unit_test(a_bomb_of_patterns),
        cmocka_unit_test(a_bomb_of_personal_values),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
