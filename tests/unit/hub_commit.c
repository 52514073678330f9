/* hub_commit.c - what becomes of a verified set under the lock */
#include "hub_office_fixture.h"

/* An office and two handhelds, the first of which has been in contact. */
struct scene {
    struct office w;
    struct handheld a, b;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    make_handheld(&s->w, &s->a, 1);
    make_handheld(&s->w, &s->b, 2);
    push(&s->a, 1, 0);
    pull(&s->a);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_journal_close(s->a.j);
    gb_journal_close(s->b.j);
    end_office(&s->w);
    free(s);
    return 0;
}

/* Statements on personal.db, from outside. */
static void
on_personal(struct office *w, const char *sql)
{
    char path[160];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/personal.db", w->path);
    GOOD(gb_db_open(path, false, GB_DB_FULL, &db, &why));
    GOOD(gb_db_exec(db, sql, &why));
    gb_db_close(db);
}

/* How many rows a table of personal.db has. */
static int64_t
count_personal(struct office *w, const char *table)
{
    char path[160], sql[100];
    sqlite3 *db;
    int64_t n;
    bool found;
    snprintf(path, sizeof path, "%s/personal.db", w->path);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    GOOD(gb_db_open(path, false, GB_DB_FULL, &db, &why));
    GOOD(gb_db_int(db, sql, &n, &found, &why));
    gb_db_close(db);
    return n;
}

/* One set of the handheld, in a parcel of its own. */
static enum gb_err
send_set(struct handheld *h, uint32_t seq, struct gb_ingest *g,
         struct gb_fail *fail)
{
    struct parcel p;
    begin_parcel(h, &p);
    add_set(h, &p, seq);
    end_parcel(&p);
    enum gb_err e = deliver(h->w, &p, p.bytes.len, g, fail);
    gb_buf_release(&p.bytes);
    return e;
}

/* A personal.db that cannot be written is no fault of who sends: nothing is
 * acknowledged, nothing quarantined, and the set comes again. */
static void
test_personal_fails(void **state)
{
    struct scene *s = *state;
    struct gb_ingest g;
    struct gb_fail fail;
    set_text(&s->a, insert(&s->a, "x"), "phone", "13800000000");
    uint32_t seq = seal(&s->a);
    uint64_t size = gb_state_size(s->w.hub->state);
    on_personal(&s->w, "CREATE TRIGGER full BEFORE INSERT ON personal BEGIN "
                       "SELECT RAISE(ABORT, 'no room'); END");
    assert_int_not_equal(send_set(&s->a, seq, &g, &fail), GB_OK);
    assert_non_null(strstr(fail.text, "no room"));
    assert_int_equal(g.refused + g.taken, 0);
    assert_int_equal(count_files(&s->w, "quarantine", ""), 0);
    assert_int_equal(count_files(&s->w, "waiting", ""), 0);
    assert_int_equal(gb_state_size(s->w.hub->state), size);
    on_personal(&s->w, "DROP TRIGGER full");
    assert_int_equal(send_set(&s->a, seq, &g, &fail), GB_OK);
    assert_int_equal(g.taken, 1);
    assert_int_equal(count_personal(&s->w, "personal"), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_personal_fails),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
