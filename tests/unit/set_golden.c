/*
 * set_golden.c - the containers of tests/vectors/sets, byte for byte: what was
 * written once is read for ever, and written the same way.  A file that is not
 * there is made from the generators below, and the test fails once, so that
 * somebody looks at it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "engine/limits.h"
#include "engine/set.h"
#include "engine/set_private.h"
#include "engine/sshsig.h"
#include "support/schema_fixture.h"
#include "support/set_fixture.h"
#include "tests/bench/workload.h"

#ifndef GB_TEST_VECTORS
#define GB_TEST_VECTORS "tests/vectors"
#endif

static struct gb_schema *every, *shift;
static struct gb_schema none; /* version 0: no tables */

static int
set_up(void **state)
{
    (void)state;
    every = schema_fixture_every(4);
    shift = set_fixture_shift_schema();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    gb_schema_free(every);
    gb_schema_free(shift);
    return 0;
}

/* ---------------------------------------------------------- generators -- */

static void
make_every(struct gb_set *set)
{
    set_fixture_random(set, every, 8, 60);
}

static void
make_shift(struct gb_set *set)
{
    set_fixture_shift(set, shift, 0, 0, WL_INSERTS, WL_CHANGES, WL_VOIDS);
}

static void
make_ten(struct gb_set *set)
{
    set_fixture_shift(set, shift, 0, 0, 0, 10, 0);
}

/* One void, the smallest that there is. */
static void
make_void(struct gb_set *set)
{
    set_fixture_begin(set, shift, 1);
    set_fixture_op(set, shift, GB_VOID, 1, WL_START_MS)->id = 42;
    set->seq = 1;
    memset(set->prev, 0, sizeof set->prev);
}

/* Captured again in a journal that had been a copy. */
static void
make_again(struct gb_set *set)
{
    set_fixture_shift(set, shift, 0, 5, 20, 5, 1);
    set->parent = (struct gb_parent){5, 17, 3};
    set->origins =
        gb_arena_array(&set->arena, (size_t)set->nops, sizeof *set->origins);
    for (int i = 0; i < set->nops; i++) {
        struct gb_origin *o = &set->origins[i];
        *o = (struct gb_origin){5, {0}, 1000 * i, set->ops[i].stamp - 65536};
        memset(o->boot, 0x77, sizeof o->boot);
    }
}

/* Personal values: given, erased, and none. */
static void
make_persons(struct gb_set *set)
{
    struct gb_fail fail = {0};
    set_fixture_begin(set, every, 4);
    for (int i = 0; i < 4; i++) {
        struct gb_op *op = set_fixture_op(
            set, every, i < 3 ? GB_INSERT : GB_SET, 1, WL_START_MS + 60000 * i);
        op->id = (int64_t)7 << GB_COUNTER_BITS | (1042 + i);
        set_fixture_write(op, 0, gb_value_text(gb_span_text("B04-1203")));
        if (i == 1)
            continue;
        set_fixture_write(op, 1, gb_value_text(gb_span_text("王小明")));
        set_fixture_write(op, 2, i == 3 ? GB_VALUE_NULL : gb_value_int(41));
        set_fixture_write(op, 3, gb_value_int(-1));
        set_fixture_salt(set, op, (uint8_t)(0x40 + i));
    }
    struct gb_op *erased = &set->ops[2];
    uint8_t *commitment = gb_arena_alloc(&set->arena, 32);
    assert_int_equal(
        gb_set_commit(erased, &every->tables[1], commitment, &fail), GB_OK);
    erased->commitment = commitment;
    erased->salt = NULL;
    erased->values[1].hidden = erased->values[2].hidden = true;
    erased->values[1].value = erased->values[2].value = GB_VALUE_NULL;
}

/* Replica 0 about the site itself; its schema version is 0. */
static void
make_site(struct gb_set *set)
{
    static const enum gb_kind kinds[] = {GB_SITE, GB_SCHEMA, GB_DEVICE,
                                         GB_RELEASE};
    set_fixture_begin(set, &none, 4);
    set->device = 0;
    set->seq = 1;
    memset(set->prev, 0, sizeof set->prev);
    for (int i = 0; i < 4; i++) {
        struct gb_op *op =
            set_fixture_op(set, &none, kinds[i], 0, WL_START_MS + i);
        op->actor = i ? 1 : 0;
        op->text = gb_span_text(i < 3 ? "\1\x06翠湖\2\3abc" : "");
    }
    struct gb_op *release = &set->ops[3];
    release->nnames = 3;
    release->names = gb_arena_array(&set->arena, 3, sizeof *release->names);
    release->names[0] = (struct gb_opname){1, WL_START_MS << 16};
    release->names[1] = (struct gb_opname){1, (WL_START_MS << 16) + 1};
    release->names[2] = (struct gb_opname){8191, 5};
}

static const struct golden {
    const char *name;
    void (*make)(struct gb_set *set);
    struct gb_schema **schema;
    struct gb_schema *itself;
} goldens[] = {
    {"every", make_every, &every, NULL},
    {"shift", make_shift, &shift, NULL},
    {"ten", make_ten, &shift, NULL},
    {"void", make_void, &shift, NULL},
    {"again", make_again, &shift, NULL},
    {"persons", make_persons, &every, NULL},
    {"site", make_site, NULL, &none},
};
#define GOLDENS (sizeof goldens / sizeof *goldens)

/* The schema of a container. */
static const struct gb_schema *
schema_of(const struct golden *g)
{
    return g->itself ? g->itself : *g->schema;
}

/* --------------------------------------------------------------- texts -- */

static void
put_hex(struct gb_buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gb_buf_printf(out, "%02x", p[i]);
}

/* A value as FORMAT.md "Values" has it, in hex. */
static void
put_value(struct gb_buf *out, const struct gb_value *v)
{
    struct gb_buf b;
    gb_buf_init(&b, GB_BODY_MAX);
    gb_value_write(&b, v);
    gb_buf_u8(out, ' ');
    put_hex(out, b.ptr, b.len);
    gb_buf_release(&b);
}

static void
put_op(struct gb_buf *out, const struct gb_op *op, int i)
{
    gb_buf_printf(out, "op %d %d %d %lld %lld %d %lld %lld ", i, (int)op->kind,
                  op->table, (long long)op->id, (long long)op->actor, op->boot,
                  (long long)op->time_ms, (long long)op->stamp);
    put_hex(out, op->text.ptr, op->text.len);
    gb_buf_text(out, op->text.len ? "\n" : "-\n");
    for (int k = 0; k < op->nvalues; k++) {
        const struct gb_written *w = &op->values[k];
        gb_buf_printf(out, "  value %d", w->column);
        if (w->hidden)
            gb_buf_text(out, " ?");
        else
            put_value(out, &w->value);
        if (w->from.type != GB_NULL)
            put_value(out, &w->from);
        gb_buf_u8(out, '\n');
    }
    for (int k = 0; k < op->nnames; k++)
        gb_buf_printf(out, "  name %d %lld\n", op->names[k].device,
                      (long long)op->names[k].stamp);
    if (op->commitment) {
        gb_buf_text(out, "  commitment ");
        put_hex(out, op->commitment, 32);
        gb_buf_u8(out, '\n');
    }
}

/* Everything that a set says, a line a thing (README.md beside the files). */
static void
put_set(struct gb_buf *out, const struct gb_set *set)
{
    gb_buf_text(out, "site ");
    put_hex(out, set->site, sizeof set->site);
    gb_buf_printf(out, "\nset %d %u %u %lld %u %llu\nprev ", set->device,
                  set->seq, set->schema, (long long)set->clock_ms,
                  set->base.epoch, (unsigned long long)set->base.size);
    put_hex(out, set->prev, sizeof set->prev);
    gb_buf_text(out, "\nroot ");
    put_hex(out, set->base.root, sizeof set->base.root);
    for (int i = 0; i < set->nboots; i++) {
        gb_buf_text(out, "\nboot ");
        put_hex(out, set->boots[i].id, 16);
        gb_buf_printf(out, " %lld %lld %lld", (long long)set->boots[i].wall_ms,
                      (long long)set->boots[i].mono_ms,
                      (long long)set->boots[i].shift_ms);
    }
    if (set->origins)
        gb_buf_printf(out, "\nparent %d %u %d", set->parent.device,
                      set->parent.seq, set->parent.ops);
    gb_buf_u8(out, '\n');
    for (int i = 0; i < set->nops; i++) {
        put_op(out, &set->ops[i], i);
        if (!set->origins)
            continue;
        const struct gb_origin *o = &set->origins[i];
        gb_buf_printf(out, "  origin %d ", o->device);
        put_hex(out, o->boot, sizeof o->boot);
        gb_buf_printf(out, " %lld %lld\n", (long long)o->mono_ms,
                      (long long)o->stamp);
    }
}

/* --------------------------------------------------------------- files -- */

/* Compare with a file; make it when it is not there, and say that it was. */
static bool
same_as_file(const char *name, const char *end, struct gb_span want)
{
    char path[300];
    snprintf(path, sizeof path, GB_TEST_VECTORS "/sets/%s.%s", name, end);
    FILE *f = fopen(path, "rb");
    if (!f) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(want.ptr, 1, want.len, f), want.len);
        assert_int_equal(fclose(f), 0);
        print_error("%s was not there; it is now: look at it\n", path);
        return false;
    }
    uint8_t *have = malloc(want.len + 1);
    assert_non_null(have);
    size_t n = fread(have, 1, want.len + 1, f);
    bool same = gb_span_equal(GB_SPAN(have, n), want);
    fclose(f);
    free(have);
    if (!same)
        print_error("%s: other bytes than %zu of now\n", path, want.len);
    return same;
}

static void
test_key(struct gb_sign_key *key)
{
    uint8_t seed[GB_KEY_BYTES];
    memset(seed, 0x42, sizeof seed);
    gb_sign_key_from_seed(key, seed);
}

/* A whole container, made now. */
static void
make_container(const struct golden *g, struct gb_set *set, struct gb_buf *out)
{
    struct gb_sign_key key;
    struct gb_fail fail = {0};
    test_key(&key);
    g->make(set);
    gb_buf_init(out, GB_SET_MAX);
    if (gb_set_encode(set, schema_of(g), out, &fail))
        fail_msg("%s: %s", g->name, fail.text);
    struct gb_signature sig =
        gb_sshsig_sign(&key, GB_NS_CHANGESET, gb_buf_view(out));
    gb_buf_add(out, sig.bytes, sizeof sig.bytes);
    if (gb_set_encode_personal(set, schema_of(g), out, &fail))
        fail_msg("%s: %s", g->name, fail.text);
}

static void
containers_are_as_they_were(void **state)
{
    bool same = true;
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        struct gb_set set;
        struct gb_buf b;
        make_container(&goldens[i], &set, &b);
        same &= same_as_file(goldens[i].name, "gbcs", gb_buf_view(&b));
        gb_buf_release(&b);
        gb_set_release(&set);
    }
    assert_true(same);
}

/* Split, verify, decode and reveal: the order of a hub. */
static void
containers_say_what_they_said(void **state)
{
    struct gb_sign_key key;
    bool same = true;
    (void)state;
    test_key(&key);
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        struct gb_container parts;
        struct gb_signature sig;
        struct gb_set set, back;
        struct gb_buf b, text;
        struct gb_fail fail = {0};
        make_container(g, &set, &b);
        assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, &fail),
                         GB_OK);
        memcpy(sig.bytes, parts.signature.ptr, sizeof sig.bytes);
        assert_int_equal(gb_sshsig_verify(&key.public_key, GB_NS_CHANGESET,
                                          parts.signed_bytes, &sig, &fail),
                         GB_OK);
        if (gb_set_decode(parts.signed_bytes, schema_of(g), &back, &fail) ||
            gb_set_reveal(&back, schema_of(g), parts.personal, &fail))
            fail_msg("%s: %s", g->name, fail.text);
        gb_buf_init(&text, 16 * GB_SET_MAX);
        put_set(&text, &back);
        assert_int_equal(text.failed, GB_OK);
        if (set.nops < 100) /* what is there to read in more? */
            same &= same_as_file(g->name, "txt", gb_buf_view(&text));
        gb_buf_release(&text);
        gb_buf_release(&b);
        gb_set_release(&set);
        gb_set_release(&back);
    }
    assert_true(same);
}

/* The schemas stand beside the containers, for other decoders. */
static void
schemas_are_as_they_were(void **state)
{
    (void)state;
    char *sql = schema_fixture_every_sql();
    bool same = same_as_file("every", "sql", gb_span_text(sql));
    same &= same_as_file("shift", "sql", gb_span_text(wl_schema));
    free(sql);
    assert_true(same);
}

/* What a hub reads, in its order: split, verify, decode, reveal.  False when it
 * refuses the container: then there is a code and one line. */
static bool
read_container(const struct golden *g, struct gb_span container,
               struct gb_buf *text)
{
    struct gb_sign_key key;
    struct gb_container parts;
    struct gb_signature sig;
    struct gb_set set = {.nops = 0};
    struct gb_fail fail = {0};
    test_key(&key);
    enum gb_err e = gb_container_split(container, &parts, &fail);
    if (!e) {
        memcpy(sig.bytes, parts.signature.ptr, sizeof sig.bytes);
        e = gb_sshsig_verify(&key.public_key, GB_NS_CHANGESET,
                             parts.signed_bytes, &sig, &fail);
    }
    if (!e)
        e = gb_set_decode(parts.signed_bytes, schema_of(g), &set, &fail);
    if (!e)
        e = gb_set_reveal(&set, schema_of(g), parts.personal, &fail);
    gb_buf_clear(text);
    if (!e)
        put_set(text, &set);
    gb_set_release(&set);
    assert_int_equal(fail.code, e);
    assert_true(!e == !*fail.text && !strchr(fail.text, '\n'));
    return !e;
}

/* Each bit counts.  But the personal section is not signed, what it says is: a
 * deflated stream may say the same in more than one way. */
static void
no_bit_may_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        struct gb_set set;
        struct gb_buf b, want, got;
        struct gb_container parts;
        make_container(g, &set, &b);
        gb_buf_init(&want, 16 * GB_SET_MAX);
        gb_buf_init(&got, 16 * GB_SET_MAX);
        assert_true(read_container(g, gb_buf_view(&b), &want));
        assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, NULL),
                         GB_OK);
        size_t personal = 8 * (b.len - parts.personal.len);
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read_container(g, gb_buf_view(&b), &got) &&
                (bit < personal ||
                 !gb_span_equal(gb_buf_view(&want), gb_buf_view(&got))))
                fail_msg("%s: bit %zu", g->name, bit);
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        gb_buf_release(&b);
        gb_buf_release(&want);
        gb_buf_release(&got);
        gb_set_release(&set);
    }
}

/* Nor be missing at the end; read from memory of that size. */
static void
no_byte_may_be_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        struct gb_set set;
        struct gb_buf b, text;
        make_container(&goldens[i], &set, &b);
        gb_buf_init(&text, 16 * GB_SET_MAX);
        for (size_t n = 0; n < b.len; n++) {
            uint8_t *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, b.ptr, n);
            if (read_container(&goldens[i], GB_SPAN(copy, n), &text))
                fail_msg("%s: %zu bytes", goldens[i].name, n);
            free(copy);
        }
        gb_buf_release(&b);
        gb_set_release(&set);
    }
}

/* Those who do not verify first come to no harm. */
static void
bits_of_signed_bytes_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        struct gb_set set, back;
        struct gb_buf b;
        struct gb_container parts;
        make_container(g, &set, &b);
        assert_int_equal(gb_container_split(gb_buf_view(&b), &parts, NULL),
                         GB_OK);
        size_t n = parts.signed_bytes.len, step = n > 600 ? 37 : 1;
        for (size_t bit = 0; bit < 8 * n; bit += step) {
            struct gb_fail fail = {0};
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum gb_err e =
                gb_set_decode(GB_SPAN(b.ptr, n), schema_of(g), &back, &fail);
            assert_true(e == fail.code && !e == !*fail.text);
            gb_set_release(&back);
            b.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        while (n-- > 0)
            assert_int_not_equal(
                gb_set_decode(GB_SPAN(b.ptr, n), schema_of(g), &back, NULL),
                GB_OK);
        gb_buf_release(&b);
        gb_set_release(&set);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_are_as_they_were),
        cmocka_unit_test(containers_say_what_they_said),
        cmocka_unit_test(schemas_are_as_they_were),
        cmocka_unit_test(no_bit_may_change),
        cmocka_unit_test(no_byte_may_be_missing),
        cmocka_unit_test(bits_of_signed_bytes_do_no_harm),
    };
    if (gb_crypto_init(NULL))
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
