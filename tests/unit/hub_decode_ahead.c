/*
 * hub_decode_ahead.c - sets decoded by a thread ahead of the writer are what
 * they are when decoded where they are asked for, whichever are asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/id.h"
#include "hub/decode_ahead.h"
#include "tests/unit/support/state_world.h"

#define SETS 24
#define UNKNOWN 5 /* of a schema that is not here */
#define BAD 7     /* whose operations cannot be read */
#define NONE 9    /* that has not even a header */

static const char sql[] =
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n";

static struct gb_schema *schema, *next;
static struct world w;
static struct made made[SETS];
static struct gb_arriving sets[SETS];

/* Set i: i + 1 records. */
static void
make(int i)
{
    struct gb_op ops[SETS];
    struct gb_boot boot = {.id = {1}, .wall_ms = WORLD_START_MS};
    struct gb_set set = {.device = 1,
                         .seq = (uint32_t)i + 1,
                         .clock_ms = WORLD_START_MS,
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = i + 1};
    for (int k = 0; k <= i; k++)
        ops[k] = (struct gb_op){.kind = GB_INSERT,
                                .id = gb_id_make(1, 100 * i + k + 1),
                                .actor = 1,
                                .time_ms = WORLD_START_MS,
                                .stamp = (WORLD_START_MS << 16) + k};
    world_encode(&made[i], &set, i == UNKNOWN ? next : schema);
    if (i == BAD)
        made[i].bytes.ptr[made[i].bytes.len - 1] ^= 1;
    if (i == NONE)
        made[i].bytes.ptr[0] ^= 1;
    sets[i].parts.signed_bytes = gb_buf_view(&made[i].bytes);
}

static int
begin(void **state)
{
    (void)state;
    struct gb_schema_file file = {"a.sql", gb_span_text(sql)};
    schema = world_schema(&file, 1, 1);
    next = world_schema(&file, 1, 2);
    world_begin(&w, schema, 1);
    for (int i = 0; i < SETS; i++)
        make(i);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    for (int i = 0; i < SETS; i++)
        gb_buf_release(&made[i].bytes);
    world_end(&w);
    gb_schema_free(schema);
    gb_schema_free(next);
    return 0;
}

/* Set i, as it is without a thread. */
static void
as_always(struct gb_ahead *q, size_t i)
{
    struct gb_decoded want = {0}, *d;
    struct gb_fail fail = {0}, again = {0};
    enum gb_err e = gb_ahead_take(q, i, &d, &fail);
    if (i == UNKNOWN) {
        assert_int_equal(e, GB_E_MISSING);
        return;
    }
    assert_int_equal(
        e, gb_decode(w.st, sets[i].parts.signed_bytes, &want, &again));
    assert_true((i == NONE) == (e != GB_OK));
    assert_string_equal(fail.text, again.text);
    if (e)
        return;
    assert_int_equal(d->good, want.good);
    assert_int_equal(d->good, i != BAD);
    assert_int_equal(d->info.seq, i + 1);
    assert_int_equal(d->set.nops, want.set.nops);
    assert_memory_equal(d->in.sha.bytes, want.in.sha.bytes, 32);
    assert_ptr_equal(d->in.info, &d->info);
    assert_ptr_equal(d->in.set, d->good ? &d->set : NULL);
    gb_decoded_release(&want);
    gb_decoded_release(d);
}

static void
all(void **state)
{
    (void)state;
    struct gb_ahead *q = gb_ahead_open(w.st, sets, SETS);
    assert_non_null(q);
    for (size_t i = 0; i < SETS; i++)
        as_always(q, i);
    gb_ahead_close(q);
}

/* Those that are passed over are let go of, near ones and far ones. */
static void
some(void **state)
{
    static const size_t wanted[] = {1, 2, 8, 9, 10, 20};
    (void)state;
    for (size_t n = 0; n <= sizeof wanted / sizeof *wanted; n++) {
        struct gb_ahead *q = gb_ahead_open(w.st, sets, SETS);
        assert_non_null(q);
        for (size_t i = 0; i < n; i++)
            as_always(q, wanted[i]);
        gb_ahead_close(q);
    }
}

/* A few sets are not worth a thread. */
static void
a_few(void **state)
{
    (void)state;
    assert_null(gb_ahead_open(w.st, sets, 1));
    assert_null(gb_ahead_open(w.st, sets, 0));
    gb_ahead_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all),
        cmocka_unit_test(some),
        cmocka_unit_test(a_few),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
