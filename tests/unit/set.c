/*
 * set.c - engine/set.h: sets of every kind there and back, their sizes, the
 * bounds that capture relies on, personal values, and what is refused when a
 * set is encoded.  set_damage.c is about bytes from outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/clock.h"
#include "engine/digest.h"
#include "engine/limits.h"
#include "engine/set.h"
#include "engine/set_private.h"
#include "support/alloc.h"
#include "support/schema_fixture.h"
#include "support/set_fixture.h"
#include "tests/bench/workload.h"

enum { SIGNATURE = 64, BOOT_BOUND = 16 + 7 + 7 + 10 + 3, HEADS_BOUND = 16 };

static struct gb_schema *every;

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

/* The signed bytes; the caller releases them. */
static struct gb_buf
encoded(const struct gb_set *set, const struct gb_schema *s)
{
    struct gb_buf b;
    struct gb_fail fail = {0};
    gb_buf_init(&b, GB_SET_MAX);
    if (gb_set_encode(set, s, &b, &fail))
        fail_msg("%s", fail.text);
    return b;
}

static struct gb_buf
encoded_personal(const struct gb_set *set, const struct gb_schema *s)
{
    struct gb_buf b;
    struct gb_fail fail = {0};
    gb_buf_init(&b, GB_SET_MAX);
    if (gb_set_encode_personal(set, s, &b, &fail))
        fail_msg("%s", fail.text);
    return b;
}

static void
decoded(struct gb_set *out, const struct gb_buf *b, const struct gb_schema *s)
{
    struct gb_fail fail = {0};
    if (gb_set_decode(gb_buf_view(b), s, out, &fail))
        fail_msg("%s", fail.text);
}

/* --------------------------------------------------------- there, back -- */

/* Operations' bounds hold for what they add to the sections. */
static void
check_bound(const struct gb_set *set, const struct gb_buf *b,
            const struct gb_buf *personal)
{
    struct gb_sections sections;
    struct gb_reader in = gb_reader_of(gb_buf_view(personal));
    size_t bound = HEADS_BOUND + BOOT_BOUND * (size_t)set->nboots, raw = 0;
    for (int i = 0; i < set->nops; i++)
        bound += gb_op_bound(&set->ops[i]);
    assert_int_equal(gb_set_read_sections(gb_buf_view(b), &sections, NULL),
                     GB_OK);
    for (int i = 0; i < sections.n; i++)
        if (sections.of[i].type != GB_SECTION_ORIGIN)
            raw += sections.of[i].raw_len;
    if (gb_read_u32(&in)) {
        gb_read_u8(&in);
        raw += gb_read_varint(&in);
    }
    assert_true(raw <= bound);
}

static void
random_sets_come_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct gb_set set, back;
        struct gb_fail fail = {0};
        set_fixture_random(&set, every, seed, 1 + (int)(seed * seed % 97));
        struct gb_buf b = encoded(&set, every);
        struct gb_buf personal = encoded_personal(&set, every);
        check_bound(&set, &b, &personal);
        decoded(&back, &b, every);
        set_fixture_same(&set, &back, every, true);
        struct gb_buf again = encoded(&back, every); /* by commitments */
        assert_true(gb_span_equal(gb_buf_view(&b), gb_buf_view(&again)));
        gb_buf_release(&again);
        if (gb_set_reveal(&back, every, gb_buf_view(&personal), &fail))
            fail_msg("%s", fail.text);
        set_fixture_same(&set, &back, every, false);
        again = encoded(&back, every); /* by values and salts */
        assert_true(gb_span_equal(gb_buf_view(&b), gb_buf_view(&again)));
        gb_buf_release(&again);
        again = encoded_personal(&back, every);
        assert_true(gb_span_equal(gb_buf_view(&personal), gb_buf_view(&again)));
        gb_buf_release(&again);
        gb_buf_release(&b);
        gb_buf_release(&personal);
        gb_set_release(&set);
        gb_set_release(&back);
    }
}

static void
times_need_no_schema(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct gb_set set, times;
        set_fixture_random(&set, every, seed, 40);
        struct gb_buf b = encoded(&set, every);
        assert_int_equal(gb_set_decode_times(gb_buf_view(&b), &times, NULL),
                         GB_OK);
        assert_int_equal(times.nops, set.nops);
        assert_int_equal(times.nboots, set.nboots);
        for (int i = 0; i < set.nops; i++) {
            assert_int_equal(times.ops[i].kind, 0);
            assert_int_equal(times.ops[i].time_ms, set.ops[i].time_ms);
            assert_int_equal(times.ops[i].stamp, set.ops[i].stamp);
            assert_int_equal(times.ops[i].actor, set.ops[i].actor);
            assert_int_equal(times.ops[i].boot, set.ops[i].boot);
        }
        assert_int_equal(times.origins != NULL, set.origins != NULL);
        gb_buf_release(&b);
        gb_set_release(&set);
        gb_set_release(&times);
    }
}

/* As many operations as a set may have, each with its own actor and time. */
static void
the_largest_set(void **state)
{
    (void)state;
    struct gb_set set, back;
    set_fixture_begin(&set, every, GB_SET_OPS_MAX + 1);
    for (int i = 0; i < GB_SET_OPS_MAX; i++) {
        struct gb_op *op =
            set_fixture_op(&set, every, GB_VOID, i % 4, WL_START_MS + i);
        op->id = i + 1;
        op->actor = i / 64;
    }
    struct gb_buf b = encoded(&set, every);
    decoded(&back, &b, every);
    set_fixture_same(&set, &back, every, true);
    gb_set_release(&back);
    gb_buf_clear(&b);
    set_fixture_op(&set, every, GB_VOID, 0, WL_START_MS)->id = 1;
    struct gb_fail fail = {0};
    assert_int_equal(gb_set_encode(&set, every, &b, &fail), GB_E_LIMIT);
    assert_int_equal(b.len, 0);
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* -------------------------------------------------------------- sizes -- */

static size_t
signed_size(const struct gb_schema *s, int device, int inserts, int changes,
            int voids)
{
    struct gb_set set, back;
    set_fixture_shift(&set, s, 0, device, inserts, changes, voids);
    struct gb_buf b = encoded(&set, s);
    decoded(&back, &b, s);
    set_fixture_same(&set, &back, s, true);
    size_t n = b.len + SIGNATURE;
    gb_buf_release(&b);
    gb_set_release(&set);
    gb_set_release(&back);
    return n;
}

static void
sets_are_small(void **state)
{
    (void)state;
    enum { DEVICES = 20 };
    struct gb_schema *s = set_fixture_shift_schema();
    size_t most = 0, ten = 0;
    for (int device = 0; device < DEVICES; device++) {
        size_t n = signed_size(s, device, WL_INSERTS, WL_CHANGES, WL_VOIDS);
        most = n > most ? n : most;
        ten += signed_size(s, device, 0, 10, 0);
    }
    print_message("a shift: %zu bytes at most; ten changes: %zu on average\n",
                  most, ten / DEVICES);
    assert_true(most <= 7500);
    assert_true(ten / DEVICES <= 500);
    assert_true(signed_size(s, 0, 0, 10, 0) <= 600);
    gb_schema_free(s);
}

/* ----------------------------------------------------------- personal -- */

/* A set of three persons, and one operation without anything personal. */
static void
persons(struct gb_set *set)
{
    set_fixture_begin(set, every, 4);
    for (int i = 0; i < 4; i++) {
        struct gb_op *op = set_fixture_op(
            set, every, i == 2 ? GB_SET : GB_INSERT, 1, WL_START_MS + i);
        op->id = 1 + i;
        set_fixture_write(op, 0, gb_value_text(gb_span_text("a")));
        if (i == 1)
            continue;
        set_fixture_write(op, 1, gb_value_text(gb_span_text("王小明")));
        if (i == 2) {
            set_fixture_write(op, 2, GB_VALUE_NULL);
            set_fixture_write(op, 3, gb_value_int(-1));
        }
        set_fixture_salt(set, op, (uint8_t)(0x40 + i));
    }
}

static void
commitments_are_as_documented(void **state)
{
    (void)state;
    static const uint8_t payload[] = "\3\x09王小明\0";
    struct gb_set set, back;
    struct gb_sha256_state hash;
    persons(&set);
    struct gb_buf b = encoded(&set, every), values;
    decoded(&back, &b, every);
    gb_sha256_init(&hash);
    gb_sha256_add(&hash, GB_SPAN(set.ops[2].salt, GB_SALT_BYTES));
    gb_sha256_add(&hash, GB_SPAN(payload, 12));
    struct gb_sha256 want = gb_sha256_final(&hash);
    assert_memory_equal(back.ops[2].commitment, want.bytes, 32);
    gb_buf_init(&values, 100);
    gb_op_personal(&set.ops[2], &every->tables[1], &values);
    assert_true(gb_span_equal(gb_buf_view(&values), GB_SPAN(payload, 12)));
    assert_null(back.ops[1].commitment);
    struct gb_fail fail = {0};
    for (size_t n = 0; n < 13; n++)
        assert_int_equal(gb_op_reveal(&back.ops[2], &every->tables[1],
                                      GB_SPAN(payload, n), &fail),
                         n == 12 ? GB_OK : GB_E_FORMAT);
    /* NULL where an insert writes, and a number where there is text */
    assert_int_equal(
        gb_op_reveal(&back.ops[0], &every->tables[1], GB_SPAN("\0", 1), &fail),
        GB_E_FORMAT);
    assert_int_equal(gb_op_reveal(&back.ops[0], &every->tables[1],
                                  GB_SPAN("\1\2", 2), &fail),
                     GB_E_FORMAT);
    assert_true(back.ops[0].values[1].hidden);
    gb_buf_release(&values);
    gb_buf_release(&b);
    gb_set_release(&set);
    gb_set_release(&back);
}

static void
erased_values_stay_hidden(void **state)
{
    (void)state;
    struct gb_set set, back;
    persons(&set);
    struct gb_buf b = encoded(&set, every);
    struct gb_buf full = encoded_personal(&set, every);
    decoded(&back, &b, every);
    assert_int_equal(gb_set_reveal(&back, every, gb_buf_view(&full), NULL),
                     GB_OK);
    back.ops[0].salt = NULL; /* erased: only the commitment is left */
    struct gb_buf part = encoded_personal(&back, every);
    struct gb_buf same = encoded(&back, every);
    assert_true(gb_span_equal(gb_buf_view(&b), gb_buf_view(&same)));
    gb_set_release(&back);
    decoded(&back, &b, every);
    assert_int_equal(gb_set_reveal(&back, every, gb_buf_view(&part), NULL),
                     GB_OK);
    assert_true(back.ops[0].values[1].hidden);
    assert_null(back.ops[0].salt);
    assert_false(back.ops[2].values[1].hidden);
    back.ops[2].salt = back.ops[3].salt = NULL;
    struct gb_buf none = encoded_personal(&back, every);
    assert_int_equal(none.len, 4); /* nothing is left: the length 0 */
    gb_set_release(&back);
    decoded(&back, &b, every);
    assert_int_equal(gb_set_reveal(&back, every, gb_buf_view(&none), NULL),
                     GB_OK);
    assert_true(back.ops[2].values[1].hidden);
    gb_buf_release(&b);
    gb_buf_release(&full);
    gb_buf_release(&part);
    gb_buf_release(&same);
    gb_buf_release(&none);
    gb_set_release(&set);
    gb_set_release(&back);
}

/* Every bit of a personal section counts. */
static void
personal_values_must_match(void **state)
{
    (void)state;
    struct gb_set set, back;
    struct gb_fail fail = {0};
    size_t mismatch = 0;
    persons(&set);
    struct gb_buf b = encoded(&set, every);
    struct gb_buf p = encoded_personal(&set, every);
    for (size_t bit = 0; bit < 8 * p.len; bit++) {
        p.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        decoded(&back, &b, every);
        enum gb_err e = gb_set_reveal(&back, every, gb_buf_view(&p), &fail);
        assert_true(!e || e == GB_E_FORMAT || e == GB_E_SIGNATURE);
        /* all or nothing; the bits that pad a deflate stream mean nothing */
        set_fixture_same(&set, &back, every, e != GB_OK);
        mismatch += e == GB_E_SIGNATURE;
        gb_set_release(&back);
        p.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(mismatch > 50);
    decoded(&back, &b, every);
    assert_int_equal(gb_set_reveal(&back, every, gb_buf_view(&p), NULL), GB_OK);
    gb_set_release(&back);
    for (size_t n = 0; n < p.len; n++) {
        decoded(&back, &b, every);
        assert_int_equal(gb_set_reveal(&back, every, GB_SPAN(p.ptr, n), &fail),
                         GB_E_FORMAT);
        gb_set_release(&back);
    }
    gb_buf_release(&b);
    gb_buf_release(&p);
    gb_set_release(&set);
}

/* Sections that no encoder writes, behind their lengths. */
static void
personal_sections_are_canonical(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
#define C(bytes) {bytes, sizeof bytes - 1}
        C("\0\0\0\5\0\3\0\0\0"),           /* all erased, and said at length */
        C("\0\0\0\5\2\3\0\0\0"),           /* no such form */
        C("\0\0\0\2\0\0"),                 /* nothing */
        C("\0\0\0\6\0\4\0\0\0\0"),         /* one too many */
        C("\0\0\0\4\0\2\0\0"),             /* one too few */
        C("\0\0\0\5\0\4\0\0\0"),           /* length wrong */
        C("\0\0\0\5\1\3\0\0\0"),           /* deflated, and no shorter */
        C("\0\0\0\6\1\xff\xff\x3b\x03\0"), /* a bomb */
        C("\0\0\0\6\0\xff\xff\xff\x7f\0"), /* larger than a body */
        C("\0\0\0\1"),
        C("\0\0\0"),
        C("\0\0\0\0\0"),
#undef C
    };
    (void)state;
    struct gb_set set, back;
    persons(&set);
    struct gb_buf b = encoded(&set, every);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoded(&back, &b, every);
        assert_int_equal(gb_set_reveal(&back, every,
                                       GB_SPAN(cases[i].bytes, cases[i].len),
                                       NULL),
                         GB_E_FORMAT);
        gb_set_release(&back);
    }
    gb_buf_release(&b);
    gb_set_release(&set);
}

/* ------------------------------------------------ refused when encoded -- */

static void
bad_id(struct gb_set *set)
{
    set->ops[1].id = (int64_t)3 << GB_COUNTER_BITS; /* counter 0 */
}
static void
negative_id(struct gb_set *set)
{
    set->ops[1].id = -5;
}
static void
bad_actor(struct gb_set *set)
{
    set->ops[1].actor = -1;
}
static void
bad_time(struct gb_set *set)
{
    set->ops[1].time_ms = GB_TIME_MAX + 1;
}
static void
bad_boot(struct gb_set *set)
{
    set->boots[0].mono_ms = -1;
}
static void
bad_clock(struct gb_set *set)
{
    set->clock_ms = -1;
}
static void
equal_stamps(struct gb_set *set)
{
    set->ops[1].stamp = set->ops[0].stamp;
}
static void
stamp_before_time(struct gb_set *set)
{
    set->ops[1].time_ms = gb_stamp_ms(set->ops[1].stamp) + 1;
}
static void
bad_text(struct gb_set *set)
{
    set->ops[1].values[0].value.as.s = gb_span_text("\xff");
}
static void
bad_personal(struct gb_set *set)
{
    set->ops[0].values[1].value.as.s = gb_span_text("\xff");
}
static void
bad_ref(struct gb_set *set)
{
    set->ops[1].text = gb_span_text("\x80");
}
static void
bad_type(struct gb_set *set)
{
    set->ops[1].values[0].value = gb_value_int(1);
}
static void
null_in_insert(struct gb_set *set)
{
    set->ops[1].values[0].value = GB_VALUE_NULL;
}
static void
bad_origin(struct gb_set *set)
{
    set->origins = gb_arena_array(&set->arena, 4, sizeof *set->origins);
}

static void
a_damaged_journal_is_no_set(void **state)
{
    static const struct {
        void (*harm)(struct gb_set *set);
        enum gb_err code;
        const char *why;
    } cases[] = {
        {bad_id, GB_E_VALUE, "operation 1: person: 3298534883328 is no record"},
        {negative_id, GB_E_VALUE, "no record id"},
        {bad_actor, GB_E_VALUE, "operation 1: time or actor"},
        {bad_time, GB_E_VALUE, "operation 1: time or actor"},
        {bad_boot, GB_E_VALUE, "boot 0"},
        {bad_clock, GB_E_VALUE, "clock"},
        {equal_stamps, GB_E_VALUE, "operation 1: stamps do not rise"},
        {stamp_before_time, GB_E_VALUE, "stamps do not rise"},
        {bad_text, GB_E_VALUE, "person.a: a text is not UTF-8"},
        {bad_personal, GB_E_VALUE, "person: name: not UTF-8"},
        {bad_ref, GB_E_VALUE, "person.ref: a text is not UTF-8"},
        {bad_type, GB_E_TYPE, "person.a: wrong type"},
        {null_in_insert, GB_E_TYPE, "person.a: wrong type"},
        {bad_origin, GB_E_VALUE, "operation 0: its origin"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_set set;
        struct gb_buf b;
        struct gb_fail fail = {0};
        persons(&set);
        cases[i].harm(&set);
        gb_buf_init(&b, GB_SET_MAX);
        gb_buf_text(&b, "kept");
        enum gb_err e = gb_set_encode(&set, every, &b, &fail);
        if (e != cases[i].code || !strstr(fail.text, cases[i].why))
            fail_msg("%s: %s (%s)", gb_err_name(e), fail.text, cases[i].why);
        assert_int_equal(b.len, 4);
        gb_buf_release(&b);
        gb_set_release(&set);
    }
}

/* More text than a body holds, and than the buffer that is given. */
static void
what_does_not_fit_is_a_limit(void **state)
{
    (void)state;
    struct gb_set set;
    struct gb_buf b;
    struct gb_fail fail = {0};
    uint8_t *noise = malloc(5 * GB_TEXT_MAX);
    for (size_t i = 0; i < 5 * GB_TEXT_MAX; i++)
        noise[i] = (uint8_t)('a' + wl_mix(i) % 26);
    set_fixture_begin(&set, every, 5);
    for (int i = 0; i < 5; i++) {
        struct gb_op *op =
            set_fixture_op(&set, every, GB_INSERT, 3, WL_START_MS);
        op->id = 1 + i;
        set_fixture_write(
            op, 0,
            gb_value_text(GB_SPAN(noise + i * GB_TEXT_MAX, GB_TEXT_MAX)));
    }
    gb_buf_init(&b, GB_SET_MAX);
    assert_int_equal(gb_set_encode(&set, every, &b, &fail), GB_E_LIMIT);
    set.nops = 3;
    assert_int_equal(gb_set_encode(&set, every, &b, &fail), GB_OK);
    gb_buf_release(&b);
    gb_buf_init(&b, 5000);
    assert_int_equal(gb_set_encode(&set, every, &b, &fail), GB_E_LIMIT);
    gb_buf_release(&b);
    gb_set_release(&set);
    free(noise);
}

/* ------------------------------------------------------------- memory -- */

static enum gb_err
whole_way(void *arg, struct gb_fail *fail)
{
    struct gb_buf b, p;
    struct gb_set back = {.device = 0};
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_init(&p, GB_SET_MAX);
    enum gb_err e = gb_set_encode(arg, every, &b, fail);
    if (!e)
        e = gb_set_encode_personal(arg, every, &p, fail);
    if (!e)
        e = gb_set_decode(gb_buf_view(&b), every, &back, fail);
    if (!e)
        e = gb_set_reveal(&back, every, gb_buf_view(&p), fail);
    gb_set_release(&back);
    gb_buf_release(&b);
    gb_buf_release(&p);
    return e;
}

static void
memory_may_fail(void **state)
{
    (void)state;
    struct gb_set set;
    set_fixture_random(&set, every, 11, 200);
    assert_true(alloc_sweep(whole_way, &set) >= 20);
    gb_set_release(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sets_come_back),
        cmocka_unit_test(times_need_no_schema),
        cmocka_unit_test(the_largest_set),
        cmocka_unit_test(sets_are_small),
        cmocka_unit_test(commitments_are_as_documented),
        cmocka_unit_test(erased_values_stay_hidden),
        cmocka_unit_test(personal_values_must_match),
        cmocka_unit_test(personal_sections_are_canonical),
        cmocka_unit_test(a_damaged_journal_is_no_set),
        cmocka_unit_test(what_does_not_fit_is_a_limit),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
