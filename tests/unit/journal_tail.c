/*
 * journal_tail.c - work of months that no hub has taken: hundreds of thousands
 * of changes are sealed, sent, taken off and put back, and the memory for it
 * does not grow with what they wrote.
 */
#include "delta_fixture.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER, total INTEGER,"
    " note TEXT, worst TEXT) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','n','fact'),('r','total','sum'),('r','note','last'),"
    "('r','worst','worst low<high');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { RECORDS = 2000, ROUNDS = 80, LONG = 50000 };

static void
begin(struct hub *h, struct handheld *d)
{
    struct gb_written person[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("王"))},
        {.column = 1, .value = gb_value_int(2)}};
    struct gb_op op = {
        .kind = GB_INSERT, .id = 1, .values = person, .nvalues = 2};
    make_hub(h, schema_text);
    hub_set(h, &op, 1);
    make_handheld(h, d, 1, NULL);
    GOOD(gb_journal_sign_in(d->j, 1, true, &why));
}

static void
end(struct hub *h, struct handheld *d)
{
    gb_journal_close(d->j);
    end_hub(h);
}

/* SQL in a transaction of its own. */
static void
run(struct handheld *d, const char *sql)
{
    GOOD(gb_journal_begin(d->j, &why));
    GOOD(gb_db_exec(gb_journal_db(d->j), sql, &why));
    GOOD(gb_journal_commit(d->j, &why));
}

/* As an import or another program may write it: all records again and again,
 * and one of them tens of thousands of times. */
static void
write_much(struct handheld *d)
{
    char sql[200];
    GOOD(gb_journal_begin(d->j, &why));
    for (int i = 1; i <= RECORDS; i++) {
        struct gb_assign a[] = {
            {.column = 0, .value = gb_value_int(i)},
            {.column = 1, .value = gb_value_int(0)},
            {.column = 2, .value = gb_value_text(gb_span_text("new"))}};
        int64_t id;
        GOOD(gb_journal_insert(d->j, 1, GB_SPAN(NULL, 0), a, 3, &id, &why));
    }
    GOOD(gb_journal_commit(d->j, &why));
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE r SET total = total + 1, note = 'round %d'", i);
        run(d, sql);
    }
    GOOD(gb_journal_begin(d->j, &why));
    for (int i = 1; i <= LONG; i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE r SET worst = '%s', note = printf('%%0600d', %d) "
                 "WHERE id = (1 << 40) + 7",
                 i % 2 ? "high" : "low", i);
        GOOD(gb_db_exec(gb_journal_db(d->j), sql, &why));
        if (i % 500 == 0) { /* no larger transaction fits a set */
            GOOD(gb_journal_commit(d->j, &why));
            GOOD(gb_journal_begin(d->j, &why));
        }
    }
    GOOD(gb_journal_commit(d->j, &why));
}

static void
same_digest(struct hub *h, struct handheld *d)
{
    uint8_t want[32], got[32];
    GOOD(gb_state_digest(h->st, want, &why));
    GOOD(gb_journal_digest(d->j, got, &why));
    assert_memory_equal(got, want, 32);
}

/* What the rows must show, with the changes accepted or on top. */
static void
rows_are_right(struct handheld *d)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM r WHERE total = %d AND iif(n = 7, note = "
             "printf('%%0600d', %d) AND worst = 'high', note = 'round %d')",
             ROUNDS, LONG, ROUNDS - 1);
    assert_int_equal(ask(d, sql), RECORDS);
}

static void
work_of_months_is_sealed_and_merged(void **state)
{
    struct hub h;
    struct handheld d;
    struct gb_op two = {.kind = GB_SET, .id = 1, .nvalues = 1};
    struct gb_written name = {.column = 0,
                              .value = gb_value_text(gb_span_text("李"))};
    (void)state;
    two.values = &name;
    begin(&h, &d);
    write_much(&d);
    int made;
    GOOD(gb_journal_seal(d.j, &d.key, &made, &why));
    assert_true(made > 3);
    assert_int_equal(ask(&d, "SELECT sum(ops) FROM _set"),
                     RECORDS * (1 + ROUNDS) + LONG);
    /* a delta that says nothing of them: off, and on again */
    hub_set(&h, &two, 1);
    pull(&d);
    assert_int_equal(ask(&d, "SELECT count(*) FROM _log"),
                     RECORDS * ROUNDS + LONG);
    rows_are_right(&d);
    push(&d);
    pull(&d);
    assert_int_equal(ask(&d, "SELECT count(*) FROM _log"), 0);
    rows_are_right(&d);
    same_digest(&h, &d);
    end(&h, &d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_of_months_is_sealed_and_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
