/* merge_copy.c - a record's copy in another arena stands alone, and values of
 * which this program knows no order have one all the same */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/rec.h"
#include "support/fault.h"
#include "support/schema_fixture.h"

enum { PERSON = 1, A = 0, NAME = 1, AGE = 2 };

static struct gb_schema *every;

static int
setup(void **state)
{
    (void)state;
    every = schema_fixture_every(1);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    gb_schema_free(every);
    return 0;
}

static enum gb_err
copy(void *arg, struct gb_fail *fail)
{
    const struct gb_rec *r = arg;
    struct gb_arena arena;
    struct gb_rec to;
    gb_arena_init(&arena, 1 << 20);
    bool good = gb_rec_copy(&to, r, &arena);
    if (good) {
        const struct gb_sib *s = to.cells[NAME].sib;
        assert_ptr_not_equal(s, r->cells[NAME].sib);
        assert_ptr_not_equal(s->commitment, r->cells[NAME].sib->commitment);
        assert_memory_equal(s->commitment, r->cells[NAME].sib->commitment, 32);
        assert_ptr_not_equal(s->value.as.s.ptr,
                             r->cells[NAME].sib->value.as.s.ptr);
        assert_true(gb_value_equal(&s->value, &r->cells[NAME].sib->value));
        assert_int_equal(to.cells[A].n, 2);
        assert_int_equal(to.cells[AGE].n, 0);
        assert_true(gb_span_equal(to.voids[0].reason, r->voids[0].reason));
        assert_ptr_not_equal(to.voids[0].reason.ptr, r->voids[0].reason.ptr);
        assert_int_equal(to.seen[0].device, 7);
        assert_true(gb_span_equal(to.ref, r->ref));
    }
    gb_arena_release(&arena);
    return good ? GB_OK : gb_fail_memory(fail);
}

static void
a_copy_stands_alone(void **state)
{
    (void)state;
    static const uint8_t commitment[32] = {1, 2, 3};
    struct gb_sib a[] = {{.value = gb_value_text(gb_span_text("one"))},
                         {.value = gb_value_text(gb_span_text("two"))}};
    struct gb_sib name = {.value = gb_value_text(gb_span_text("王")),
                          .commitment = commitment};
    struct gb_cell cells[GB_COLUMNS_MAX] = {[A] = {2, a}, [NAME] = {1, &name}};
    struct gb_void voids[] = {{.device = 7, .reason = gb_span_text("twice")},
                              {.device = 8, .reason = GB_SPAN("", 0)}};
    struct gb_seen seen = {.device = 7};
    struct gb_rec r = {.table = &every->tables[PERSON],
                       .ref = gb_span_text("ref"),
                       .cells = cells,
                       .voids = voids,
                       .nvoids = 2,
                       .seen = &seen,
                       .nseen = 1};
    assert_true(fault_sweep(FAULT_ANY, copy, NULL, &r) > 8);
}

/* By type, and values that a rule does not list below those that it does. */
static void
values_have_an_order(void **state)
{
    (void)state;
    const struct gb_table *thing = &every->tables[0];
    const struct gb_rule *worst =
        &thing->columns[gb_table_column(thing, gb_span_text("wo"))].rule;
    const struct gb_rule *least =
        &thing->columns[gb_table_column(thing, gb_span_text("mi"))].rule;
    const struct gb_rule *most =
        &thing->columns[gb_table_column(thing, gb_span_text("ma"))].rule;
    const struct {
        int rule; /* worst, least, most */
        struct gb_value a, b;
        int order;
    } rows[] = {
#define T(s) gb_value_text(gb_span_text(s))
#define I(n) gb_value_int(n)
#define R(x) gb_value_real(x)
        {0, T("bad"), T("good"), 1},  {0, T("good"), T("bad"), -1},
        {0, T("good"), T("good"), 0}, {0, T("later"), T("good"), -1},
        {0, T("bad"), T("later"), 1}, {0, T("later"), T("latest"), -1},
        {1, R(1.5), R(2.5), 1},       {1, R(2.5), R(1.5), -1},
        {2, I(1), I(2), -1},          {2, I(2), I(1), 1},
        {2, I(2), GB_VALUE_NULL, 1},  {1, GB_VALUE_NULL, R(1), -1},
    };
    const struct gb_rule *rules[] = {worst, least, most};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int c = gb_rule_compare(rules[rows[i].rule], &rows[i].a, &rows[i].b);
        if ((c > 0) - (c < 0) != rows[i].order)
            fail_msg("row %zu: %d", i, c);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(values_have_an_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
