/* hub_explain.c - conflicts, and why each write shows or not */
#include "hub_office_fixture.h"

#include "hub/conflict.h"
#include "hub/explain.h"

struct scene {
    struct office w;
    struct handheld h[2];
    struct gb_look look;
    struct gb_past past;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    for (int i = 0; i < 2; i++) {
        make_handheld(&s->w, &s->h[i], i + 1);
        push(&s->h[i], 1, 0);
        pull(&s->h[i]);
    }
    *state = s;
    return 0;
}

static void
close_look(struct scene *s)
{
    gb_past_close(&s->past);
    gb_look_close(&s->look);
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    close_look(s);
    for (int i = 0; i < 2; i++)
        gb_journal_close(s->h[i].j);
    end_office(&s->w);
    free(s);
    return 0;
}

/* What the hub has now. */
static void
look_again(struct scene *s)
{
    close_look(s);
    GOOD(gb_look_open(s->w.path, &s->look, &why));
    GOOD(gb_past_open(&s->look, &s->past, &why));
}

/* Everything that the handheld has made, to the hub. */
static void
deliver_all(struct handheld *h)
{
    struct gb_journal_info i;
    seal(h);
    GOOD(gb_journal_info(h->j, &i, &why));
    push(h, i.accepted + 1, i.seq);
}

/* The fates of a column's writes, as "value=fate<by ...". */
static void
check_fates(struct scene *s, int64_t id, const char *column, const char *want)
{
    struct gb_explained x;
    struct gb_buf b;
    gb_buf_init(&b, 65536);
    look_again(s);
    const struct gb_table *t = &gb_state_schema(s->look.state)->tables[TABLE_R];
    GOOD(gb_explain(&s->past, TABLE_R, id,
                    gb_table_column(t, gb_span_text(column)), &x, &why));
    assert_true(x.found);
    assert_true(x.agrees);
    for (int i = 0; i < x.n; i++) {
        const struct gb_write *w = &x.writes[i];
        gb_buf_text(&b, b.len ? " " : "");
        if (w->column < 0)
            gb_buf_text(&b, w->kind == GB_VOID ? "void" : "insert");
        else
            gb_value_print(&b, &w->value);
        gb_buf_printf(&b, "=%s", gb_fate_name(w->fate));
        if (w->fate == GB_FATE_QUARANTINED)
            gb_buf_printf(&b, ":%s", gb_code_name(w->code));
        if (w->by >= 0)
            gb_buf_printf(&b, "<%d", w->by + 1);
    }
    gb_buf_u8(&b, 0);
    assert_string_equal((char *)b.ptr, want);
    gb_buf_release(&b);
    gb_explained_release(&x);
}

static void
test_fates(void **state)
{
    struct scene *s = *state;
    struct handheld *a = &s->h[0], *b = &s->h[1];
    int64_t id = insert(a, "eins");
    deliver_all(a);
    pull(a);
    pull(b);
    /* both at once */
    set_text(a, id, "la", "zwei");
    set_text(a, id, "st", "b");
    set_text(a, id, "re", "so");
    a->w->time_ms += 10;
    set_text(b, id, "la", "drei");
    set_text(b, id, "st", "c");
    set_text(b, id, "re", "anders");
    set_text(b, id, "phone", "138");
    deliver_all(b);
    deliver_all(a);
    check_fates(s, id, "la", "eins=superseded<2 drei=shows zwei=superseded<2");
    check_fates(s, id, "st", "a=overwritten<2 c=shows b=open");
    check_fates(s, id, "re", "anders=shows so=open");
    check_fates(s, id, "phone", "138=shows");
    /* and one after the other */
    pull(a);
    set_text(a, id, "re", "doch");
    deliver_all(a);
    check_fates(s, id, "re",
                "anders=overwritten<3 so=overwritten<3 doch=shows");
}

/* A cell that needs a person, and one that does not, of the same record. */
static void
test_cells(void **state)
{
    struct scene *s = *state;
    struct handheld *a = &s->h[0], *b = &s->h[1];
    static const struct {
        const char *column;
        int writes, open;
        bool conflict, review;
    } cells[] = {{"la", 3, 1, false, false},
                 {"st", 3, 2, true, false},
                 {"re", 2, 2, true, true},
                 {"phone", 0, 0, false, false}};
    int64_t id = insert(a, "eins");
    deliver_all(a);
    pull(a);
    pull(b);
    for (int i = 0; i < 2; i++) {
        struct handheld *h = &s->h[i];
        set_text(h, id, "la", i ? "zwei" : "drei");
        set_text(h, id, "st", i ? "b" : "c");
        set_text(h, id, "re", i ? "so" : "anders");
        deliver_all(h);
    }
    look_again(s);
    const struct gb_table *t = &gb_state_schema(s->look.state)->tables[TABLE_R];
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct gb_explained x;
        int column = gb_table_column(t, gb_span_text(cells[i].column));
        GOOD(gb_explain(&s->past, TABLE_R, id, column, &x, &why));
        struct gb_explained_cell c = gb_explained_cell(&x, column);
        assert_int_equal(c.writes, cells[i].writes);
        assert_int_equal(c.open, cells[i].open);
        assert_int_equal(c.conflict, cells[i].conflict);
        assert_int_equal(c.review, cells[i].review);
        gb_explained_release(&x);
    }
}

static void
test_void(void **state)
{
    struct scene *s = *state;
    struct handheld *a = &s->h[0], *b = &s->h[1];
    int64_t id = insert(a, "x");
    deliver_all(a);
    pull(a);
    pull(b);
    GOOD(gb_journal_void(a->j, TABLE_R, id, gb_span_text("doppelt"), &why));
    set_text(b, id, "la", "y");
    deliver_all(a);
    deliver_all(b);
    check_fates(s, id, "la", "x=superseded<3 void=shows y=shows");
}

struct found {
    unsigned cells, voids, review;
    char token[GB_CONFLICT_TOKEN];
};

static enum gb_err
count(void *context, const struct gb_conflict *c, struct gb_fail *fail)
{
    struct found *f = context;
    (void)fail;
    f->cells += c->kind == GB_CONFLICT_CELL;
    f->voids += c->kind == GB_CONFLICT_VOID;
    f->review += c->review;
    if (c->kind == GB_CONFLICT_CELL) {
        memcpy(f->token, c->token, sizeof f->token);
        for (int i = 1; i < c->n; i++)
            assert_true(c->sibs[i - 1].stamp < c->sibs[i].stamp ||
                        c->sibs[i - 1].device < c->sibs[i].device);
    }
    return GB_OK;
}

static struct found
walk(struct scene *s)
{
    struct found f = {0};
    look_again(s);
    GOOD(gb_conflict_walk(s->look.state, count, &f, &why));
    return f;
}

static void
test_conflicts(void **state)
{
    struct scene *s = *state;
    struct handheld *a = &s->h[0], *b = &s->h[1];
    int64_t id = insert(a, "x");
    deliver_all(a);
    pull(a);
    pull(b);
    assert_int_equal(walk(s).cells, 0);
    set_text(a, id, "re", "so");
    set_text(b, id, "re", "so"); /* equal values are no conflict */
    deliver_all(a);
    deliver_all(b);
    assert_int_equal(walk(s).cells, 0);
    pull(a);
    pull(b);
    set_text(a, id, "re", "1");
    set_text(b, id, "re", "2");
    set_text(a, id, "st", "b");
    set_text(b, id, "st", "c");
    deliver_all(a);
    deliver_all(b);
    struct found f = walk(s);
    assert_int_equal(f.cells, 2);
    assert_int_equal(f.review, 1);
    pull(a);
    GOOD(gb_journal_void(a->j, TABLE_R, id, gb_span_text("weg"), &why));
    deliver_all(a);
    set_text(b, id, "la", "noch");
    deliver_all(b);
    assert_int_equal(walk(s).voids, 1);
}

static int
below(uint64_t *rnd, int n)
{
    uint64_t z = *rnd += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)((z ^ z >> 31) % (uint64_t)n);
}

/* Random work: of every record the ledger tells what hub.db has, and exactly
 * one write of each cell that has any shows (all of a sum count). */
static void
test_random(void **state)
{
    struct scene *s = *state;
    static const char *const columns[] = {"la", "re", "phone", "kind", "st"};
    static const char *const words[] = {"a", "b", "c"};
    int64_t ids[40];
    uint64_t rnd = 7;
    int n = 0;
    for (int i = 0; i < 300; i++) {
        struct handheld *h = &s->h[below(&rnd, 2)];
        struct gb_fail refused;
        int what = below(&rnd, 12);
        bool found = false;
        s->w.time_ms += below(&rnd, 3);
        if (what == 0 && n < 40)
            ids[n++] = insert(h, "x");
        else if (what < 2)
            pull(h);
        else if (what < 4)
            deliver_all(h);
        else if (n) {
            const char *name = columns[below(&rnd, 5)];
            const char *word = words[below(&rnd, name[0] == 'k' ? 2 : 3)];
            int64_t id = ids[below(&rnd, n)];
            const struct gb_table *t =
                &gb_journal_schema(h->j)->tables[TABLE_R];
            struct gb_assign a = {.column =
                                      gb_table_column(t, gb_span_text(name)),
                                  .value = gb_value_text(gb_span_text(word))};
            GOOD(gb_tables_exists(gb_journal_tables(h->j), TABLE_R, id, &found,
                                  &why));
            if (found)
                gb_journal_set(h->j, TABLE_R, id, &a, 1, &refused);
        }
    }
    deliver_all(&s->h[0]);
    deliver_all(&s->h[1]);
    look_again(s);
    for (int i = 0; i < n; i++) {
        struct gb_explained x;
        int shows[GB_COLUMNS_MAX] = {0};
        GOOD(gb_explain(&s->past, TABLE_R, ids[i], -1, &x, &why));
        assert_true(x.found);
        assert_true(x.agrees);
        for (int k = 0; k < x.n; k++)
            if (x.writes[k].column >= 0)
                shows[x.writes[k].column] += x.writes[k].fate == GB_FATE_SHOWS;
        for (int c = 0; c < x.rec.table->ncolumns; c++)
            if (x.rec.table->columns[c].rule.kind != GB_RULE_SUM)
                assert_int_equal(shows[c], x.rec.cells[c].n > 0);
        gb_explained_release(&x);
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fates),     TEST(test_cells),  TEST(test_void),
        TEST(test_conflicts), TEST(test_random),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
