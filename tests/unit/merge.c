/* merge.c - each rule of docs/MERGE.md by its number, and random histories
 * against the definitions (support/history.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rec.h"
#include "tests/unit/support/history.h"

static struct gb_schema *schema;

static int
setup(void **state)
{
    (void)state;
    schema = history_schema_load();
    return schema ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    gb_schema_free(schema);
    return 0;
}

/* A record under test: an insert by device 1 at position 1, level 1. */
struct fixture {
    struct gb_arena arena;
    struct gb_rec rec;
    int64_t pos;
};

/* One write: device, stamp, base, level, column, value. */
struct step {
    int device;
    int64_t stamp;
    uint64_t base;
    int level, column;
    int64_t number;   /* INTEGER columns */
    const char *text; /* TEXT columns; "x>y" for the state; of a sum: NULL */
};

static struct gb_written
value_of(const struct step *s)
{
    struct gb_written w = {.column = s->column};
    if (!s->text) {
        w.value = gb_value_int(s->number);
    } else if (s->column == H_SUM) {
        w.value = GB_VALUE_NULL;
    } else if (s->column == H_STATE && strlen(s->text) == 3) {
        w.from = gb_value_text(GB_SPAN(s->text, 1));
        w.value = gb_value_text(GB_SPAN(s->text + 2, 1));
    } else {
        w.value = gb_value_text(gb_span_text(s->text));
    }
    return w;
}

static void
begin(struct fixture *f, const struct step *s)
{
    static struct gb_op op;
    static struct gb_written w;
    gb_arena_init(&f->arena, 1 << 20);
    f->pos = 1;
    w = value_of(s);
    op = (struct gb_op){.kind = GB_INSERT,
                        .id = (int64_t)1 << 40 | 1,
                        .values = &w,
                        .nvalues = 1};
    struct gb_effect x = {
        .op = &op, .device = 1, .stamp = s->stamp, .pos = 1, .level = s->level};
    assert_true(gb_rec_insert(&f->rec, &schema->tables[0], &x, &f->arena));
}

static void
merge_kind(struct fixture *f, const struct step *s, enum gb_kind kind,
           struct gb_opname *names, int nnames)
{
    struct gb_written w = value_of(s);
    struct gb_op op = {.kind = kind,
                       .id = f->rec.id,
                       .values = &w,
                       .nvalues = kind != GB_VOID,
                       .text = gb_span_text(s->text ? s->text : ""),
                       .names = names,
                       .nnames = nnames};
    struct gb_effect x = {.op = &op,
                          .device = s->device,
                          .stamp = s->stamp,
                          .pos = ++f->pos,
                          .level = s->level,
                          .base = s->base};
    assert_true(gb_rec_merge(&f->rec, &x, NULL));
}

static void
merge(struct fixture *f, const struct step *s)
{
    merge_kind(f, s, GB_SET, NULL, 0);
}

static const struct gb_cell *
cell(const struct fixture *f, int column)
{
    return &f->rec.cells[column];
}

static int64_t
number(const struct fixture *f, int column)
{
    struct gb_value v =
        gb_cell_value(&schema->tables[0].columns[column], cell(f, column));
    assert_int_equal(v.type, GB_INT);
    return v.as.i;
}

static void
assert_text(const struct fixture *f, int column, const char *text)
{
    struct gb_value v =
        gb_cell_value(&schema->tables[0].columns[column], cell(f, column));
    assert_int_equal(v.type, GB_TEXT);
    assert_true(gb_span_equal(v.as.s, gb_span_text(text)));
}

static bool
review(const struct fixture *f, int column)
{
    return gb_cell_review(&schema->tables[0].columns[column], cell(f, column));
}

#define END(f) gb_arena_release(&(f).arena)

static void
m2_base_and_chain_decide_what_was_seen(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_REVIEW, 1, NULL});
    merge(&f, &(struct step){2, 20, 1, 1, H_REVIEW, 2, NULL});
    assert_int_equal(cell(&f, H_REVIEW)->n, 1); /* saw the insert */
    merge(&f, &(struct step){3, 21, 1, 1, H_REVIEW, 3, NULL});
    assert_int_equal(cell(&f, H_REVIEW)->n, 2); /* not the one at 2 */
    merge(&f, &(struct step){3, 22, 1, 1, H_REVIEW, 4, NULL});
    assert_int_equal(cell(&f, H_REVIEW)->n, 2); /* its own earlier one */
    merge(&f, &(struct step){4, 30, 4, 1, H_REVIEW, 5, NULL});
    assert_int_equal(cell(&f, H_REVIEW)->n, 1);
    END(f);
}

static void
m3_a_new_number_continues_its_chain(void **state)
{
    (void)state;
    struct gb_ancestor of = {.device = 7, .parent = 2, .stamp = 20};
    struct gb_lineage lineage = {&of, 1};
    struct fixture f;
    for (int64_t shared = 19; shared <= 20; shared++) {
        of.stamp = shared;
        begin(&f, &(struct step){1, 10, 0, 1, H_REVIEW, 1, NULL});
        merge(&f, &(struct step){2, 20, 1, 1, H_REVIEW, 2, NULL});
        struct gb_written w = {.column = H_REVIEW, .value = gb_value_int(3)};
        struct gb_op op = {
            .kind = GB_SET, .id = f.rec.id, .values = &w, .nvalues = 1};
        struct gb_effect x = {.op = &op,
                              .device = 7,
                              .stamp = 40,
                              .pos = 3,
                              .level = 1,
                              .base = 1};
        assert_true(gb_rec_merge(&f.rec, &x, &lineage));
        assert_int_equal(cell(&f, H_REVIEW)->n, shared == 20 ? 1 : 2);
        END(f);
    }
}

static void
m4_what_waited_does_not_open_behind_its_own_later_write(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_REVIEW, 1, NULL});
    merge(&f, &(struct step){2, 30, 1, 1, H_REVIEW, 3, NULL});
    /* made before that one, takes effect after it */
    merge(&f, &(struct step){2, 20, 1, 1, H_REVIEW, 2, NULL});
    assert_int_equal(cell(&f, H_REVIEW)->n, 1);
    assert_int_equal(number(&f, H_REVIEW), 3);
    END(f);
    begin(&f, &(struct step){1, 10, 0, 1, H_SUM, 1, NULL});
    merge(&f, &(struct step){2, 30, 1, 1, H_SUM, 3, NULL});
    merge(&f, &(struct step){2, 20, 1, 1, H_SUM, 5, NULL});
    assert_int_equal(number(&f, H_SUM), 9);
    END(f);
    begin(&f, &(struct step){1, 10, 0, 1, H_REVIEW, 1, NULL});
    struct gb_written w = {.column = H_REVIEW, .value = gb_value_int(2)};
    struct gb_op op = {
        .kind = GB_SET, .id = f.rec.id, .values = &w, .nvalues = 1};
    struct gb_effect x = {.op = &op,
                          .device = 2,
                          .stamp = 20,
                          .pos = 4,
                          .level = 1,
                          .base = 1,
                          .dead = (uint64_t)1 << H_REVIEW};
    assert_true(gb_rec_merge(&f.rec, &x, NULL));
    /* overwritten while it waited: it replaces what it saw, and is closed */
    assert_int_equal(cell(&f, H_REVIEW)->n, 0);
    END(f);
}

static void
m6_m7_last_and_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_LAST, 1, NULL});
    merge(&f, &(struct step){3, 30, 1, 1, H_LAST, 3, NULL});
    merge(&f, &(struct step){2, 20, 1, 1, H_LAST, 2, NULL});
    assert_int_equal(number(&f, H_LAST), 3);
    merge(&f, &(struct step){4, 30, 1, 1, H_LAST, 4, NULL});
    assert_int_equal(number(&f, H_LAST), 4); /* tie: the device */
    END(f);
    begin(&f, &(struct step){1, 10, 0, 1, H_LAST, 1, NULL});
    merge(&f, &(struct step){3, 30, 1, 1, H_FIRST, 3, NULL});
    merge(&f, &(struct step){2, 20, 1, 1, H_FIRST, 2, NULL});
    merge(&f, &(struct step){4, 20, 1, 1, H_FIRST, 4, NULL});
    assert_int_equal(number(&f, H_FIRST), 2);
    END(f);
}

static void
m8_sums_wrap(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_SUM, INT64_MAX, NULL});
    merge(&f, &(struct step){2, 20, 0, 1, H_SUM, 2, NULL});
    assert_true(number(&f, H_SUM) == INT64_MIN + 1);
    END(f);
}

/* Whichever comes first: the insert, or between others. */
static void
m8_null_adds_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_SUM, 0, "NULL"});
    assert_int_equal(cell(&f, H_SUM)->n, 0);
    merge(&f, &(struct step){2, 20, 0, 1, H_SUM, 0, "NULL"});
    assert_int_equal(cell(&f, H_SUM)->n, 0);
    merge(&f, &(struct step){2, 30, 0, 1, H_SUM, 5, NULL});
    assert_int_equal(number(&f, H_SUM), 5);
    merge(&f, &(struct step){1, 40, 0, 1, H_SUM, 0, "NULL"});
    assert_int_equal(number(&f, H_SUM), 5);
    END(f);
}

static void
m9_ratchets_show_the_extreme(void **state)
{
    (void)state;
    static const struct {
        int column;
        int64_t shown;
    } cases[] = {{H_MAX, 5}, {H_MIN, 2}, {H_MAXB, 5}};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        int c = cases[i].column;
        begin(&f, &(struct step){1, 10, 0, 1, c, 3, NULL});
        merge(&f, &(struct step){2, 20, 0, 1, c, 5, NULL});
        merge(&f, &(struct step){3, 20, 0, 1, c, 2, NULL});
        assert_int_equal(number(&f, c), cases[i].shown);
        assert_false(review(&f, c));
        END(f);
    }
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_WORST, 0, "drip"});
    merge(&f, &(struct step){2, 20, 0, 1, H_WORST, 0, "leak"});
    merge(&f, &(struct step){3, 30, 0, 1, H_WORST, 0, "ok"});
    assert_text(&f, H_WORST, "leak");
    END(f);
}

static void
m10_going_back_needs_its_level(void **state)
{
    (void)state;
    struct fixture f;
    for (int level = 1; level <= 2; level++)
        for (int back = 0; back <= 1; back++) {
            int c = back ? H_WORSTB : H_WORST;
            begin(&f, &(struct step){1, 10, 0, 1, c, 0, "leak"});
            merge(&f, &(struct step){2, 20, 1, level, c, 0, "ok"});
            bool went = back && level == 2;
            assert_text(&f, c, went ? "ok" : "leak");
            assert_int_equal(cell(&f, c)->n, went ? 1 : 2);
            END(f);
        }
    /* not seen: never overwritten, whatever the level */
    begin(&f, &(struct step){1, 10, 0, 1, H_WORSTB, 0, "leak"});
    merge(&f, &(struct step){2, 20, 0, 2, H_WORSTB, 0, "ok"});
    assert_text(&f, H_WORSTB, "leak");
    END(f);
}

static void
m11_a_move_replaces_what_it_saw(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_STATE, 0, "a"});
    merge(&f, &(struct step){2, 20, 1, 1, H_STATE, 0, "a>b"});
    merge(&f, &(struct step){2, 30, 1, 1, H_STATE, 0, "b>a"});
    assert_text(&f, H_STATE, "a"); /* later, though `prefer` likes b more */
    assert_int_equal(cell(&f, H_STATE)->n, 1);
    END(f);
}

static void
m12_prefer_decides_and_marked_moves_go_to_a_person(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_STATE, 0, "b"});
    merge(&f, &(struct step){2, 20, 1, 1, H_STATE, 0, "b>c"});
    merge(&f, &(struct step){3, 30, 1, 1, H_STATE, 0, "b>a"});
    assert_text(&f, H_STATE, "c");
    assert_false(review(&f, H_STATE));
    merge(&f, &(struct step){4, 15, 1, 1, H_STATE, 0, "b>d"});
    assert_text(&f, H_STATE, "d");
    assert_true(review(&f, H_STATE));
    END(f);
    begin(&f, &(struct step){1, 10, 0, 1, H_STATE, 0, "b"});
    merge(&f, &(struct step){2, 20, 1, 1, H_STATE, 0, "b>d"});
    assert_false(review(&f, H_STATE)); /* marked, but alone */
    END(f);
}

static void
m13_authority_shows_before_time(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_ROLE, 1, NULL});
    merge(&f, &(struct step){2, 20, 1, 2, H_ROLE, 2, NULL});
    merge(&f, &(struct step){3, 90, 1, 1, H_ROLE, 3, NULL});
    assert_int_equal(number(&f, H_ROLE), 2);
    merge(&f, &(struct step){4, 30, 1, 2, H_ROLE, 4, NULL});
    assert_int_equal(number(&f, H_ROLE), 4);
    END(f);
}

static void
m14_review_and_resolution(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_REVIEW, 1, NULL});
    merge(&f, &(struct step){2, 20, 1, 1, H_REVIEW, 7, NULL});
    merge(&f, &(struct step){3, 30, 1, 1, H_REVIEW, 7, NULL});
    assert_false(review(&f, H_REVIEW)); /* equal: no conflict */
    merge(&f, &(struct step){4, 25, 1, 1, H_REVIEW, 8, NULL});
    assert_true(review(&f, H_REVIEW));
    assert_int_equal(number(&f, H_REVIEW), 7);
    struct gb_opname names[] = {{2, 20}, {4, 25}};
    merge_kind(&f, &(struct step){0, 40, 4, 9, H_REVIEW, 8, NULL}, GB_RESOLVE,
               names, 2);
    assert_int_equal(cell(&f, H_REVIEW)->n, 2); /* it did not name 3's */
    assert_int_equal(number(&f, H_REVIEW), 8);
    END(f);
}

static void
m15_m16_voids(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct step){1, 10, 0, 1, H_LAST, 1, NULL});
    merge_kind(&f, &(struct step){3, 30, 1, 1, 0, 0, "late"}, GB_VOID, NULL, 0);
    merge_kind(&f, &(struct step){2, 20, 1, 1, 0, 0, "early"}, GB_VOID, NULL,
               0);
    assert_int_equal(f.rec.nvoids, 2);
    assert_true(gb_span_equal(f.rec.voids->reason, gb_span_text("early")));
    assert_false(gb_rec_void_review(&f.rec, NULL));
    merge(&f, &(struct step){4, 15, 1, 1, H_LAST, 2, NULL});
    assert_int_equal(number(&f, H_LAST), 2); /* beneath it */
    assert_true(gb_rec_void_review(&f.rec, NULL));
    merge_kind(&f, &(struct step){2, 40, 4, 1, 0, 0, "again"}, GB_VOID, NULL,
               0);
    assert_false(gb_rec_void_review(&f.rec, NULL));
    END(f);
}

static const uint64_t histories = 20000;

static void
random_histories_agree_with_the_definitions(void **state)
{
    (void)state;
    struct h_history h;
    struct gb_arena arena;
    gb_arena_init(&arena, 1 << 24);
    for (uint64_t seed = 1; seed <= histories; seed++) {
        struct gb_rec r;
        history_make(&h, seed);
        assert_true(history_merge(&h, schema, &arena, &r));
        const char *bad = history_compare(&h, &r);
        if (bad)
            fail_msg("seed %llu: %s differs", (unsigned long long)seed, bad);
        gb_arena_reset(&arena);
    }
    gb_arena_release(&arena);
}

/* Two neighbours that have not seen one another change places. */
static bool
swap(struct h_history *h, int i)
{
    struct h_write *a = &h->w[i], *b = &h->w[i + 1];
    if (a->device == b->device || (int64_t)b->base >= a->pos ||
        a->op.kind == GB_RESOLVE || b->op.kind == GB_RESOLVE)
        return false;
    struct h_write w = *a;
    *a = *b;
    *b = w;
    a->pos = i + 1;
    b->pos = i + 2;
    for (int k = i; k <= i + 1; k++) {
        h->w[k].op.values = h->w[k].values;
        h->w[k].op.names = h->w[k].names;
    }
    return true;
}

/* Nobody may have seen only one of them. */
static bool
seen_together(const struct h_history *h, int i)
{
    for (int k = 0; k < h->n; k++)
        if (h->w[k].base == (uint64_t)i + 1)
            return false;
    return true;
}

static void
order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    struct h_history h;
    struct gb_arena arena;
    struct gb_buf one, two;
    int swapped = 0;
    gb_arena_init(&arena, 1 << 24);
    gb_buf_init(&one, 1 << 20);
    gb_buf_init(&two, 1 << 20);
    for (uint64_t seed = 1; seed <= histories; seed++) {
        struct gb_rec r;
        history_make(&h, seed);
        int i = 1 + (int)(seed % (uint64_t)(h.n - 1));
        if (i + 1 >= h.n || !seen_together(&h, i))
            continue;
        assert_true(history_merge(&h, schema, &arena, &r));
        gb_buf_clear(&one);
        gb_rec_digest(&r, NULL, &one);
        if (swap(&h, i)) {
            assert_true(history_merge(&h, schema, &arena, &r));
            gb_buf_clear(&two);
            gb_rec_digest(&r, NULL, &two);
            if (!gb_span_equal(gb_buf_view(&one), gb_buf_view(&two)))
                fail_msg("seed %llu", (unsigned long long)seed);
            swapped++;
        }
        gb_arena_reset(&arena);
    }
    assert_true(swapped > 500);
    gb_buf_release(&one);
    gb_buf_release(&two);
    gb_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m2_base_and_chain_decide_what_was_seen),
        cmocka_unit_test(m3_a_new_number_continues_its_chain),
        cmocka_unit_test(
            m4_what_waited_does_not_open_behind_its_own_later_write),
        cmocka_unit_test(m6_m7_last_and_first),
        cmocka_unit_test(m8_sums_wrap),
        cmocka_unit_test(m8_null_adds_nothing),
        cmocka_unit_test(m9_ratchets_show_the_extreme),
        cmocka_unit_test(m10_going_back_needs_its_level),
        cmocka_unit_test(m11_a_move_replaces_what_it_saw),
        cmocka_unit_test(m12_prefer_decides_and_marked_moves_go_to_a_person),
        cmocka_unit_test(m13_authority_shows_before_time),
        cmocka_unit_test(m14_review_and_resolution),
        cmocka_unit_test(m15_m16_voids),
        cmocka_unit_test(random_histories_agree_with_the_definitions),
        cmocka_unit_test(order_of_arrival_does_not_matter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
