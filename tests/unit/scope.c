/*
 * scope.c - which records a handheld has: conditions as they are answered now
 * and at earlier sizes, what a delta brings, leaves out and lets go, and what a
 * handheld does with a record that left.
 */
#include "delta_fixture.h"

#include "engine/scope.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE unit(id INTEGER PRIMARY KEY, room TEXT, area TEXT) STRICT;\n"
    "CREATE TABLE visit(id INTEGER PRIMARY KEY, unit_id INTEGER REFERENCES"
    " unit(id), note TEXT) STRICT;\n"
    "CREATE TABLE item(id INTEGER PRIMARY KEY, visit_id INTEGER REFERENCES"
    " visit(id), n INTEGER) STRICT;\n"
    "CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT) STRICT;\n"
    "CREATE TABLE owns(id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES"
    " owner(id), unit_id INTEGER REFERENCES unit(id)) STRICT;\n"
    "CREATE TABLE pinned(id INTEGER PRIMARY KEY, area TEXT, n INTEGER)"
    " STRICT;\n"
    "CREATE TABLE peer(id INTEGER PRIMARY KEY, area TEXT, n INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('unit','area','last'),('visit','unit_id','last'),('visit','note','last'),"
    "('item','n','last'),('owner','name','last'),('pinned','n','last');\n"
    "INSERT INTO record(tbl, scope) VALUES('unit','area = :area'),"
    "('visit','EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area ="
    " :area)'),"
    "('item','EXISTS(SELECT 1 FROM visit v JOIN unit u ON u.id = v.unit_id"
    " WHERE v.id = visit_id AND u.area = :area)'),"
    "('owner','EXISTS(SELECT 1 FROM owns o JOIN unit u ON u.id = o.unit_id"
    " WHERE o.owner_id = owner.id AND u.area = :area) OR owner.id >> 40 ="
    " :device'),"
    "('pinned','area = :area'),"
    "('peer','EXISTS(SELECT 1 FROM peer p WHERE p.area = :area AND p.n ="
    " peer.n)');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, UNIT, VISIT, ITEM, OWNER, OWNS, PINNED, PEER };

struct fixture {
    struct hub h;
    struct handheld a, b; /* of the areas A and B */
    int64_t next;         /* id of the hub's next record */
};

/* A record of replica 0 with up to two values. */
static int64_t
hub_insert(struct fixture *f, int table, struct gb_value first,
           struct gb_value second)
{
    struct gb_written w[] = {{.column = 0, .value = first},
                             {.column = 1, .value = second}};
    struct gb_op op = {.kind = GB_INSERT,
                       .table = table,
                       .id = ++f->next,
                       .values = w,
                       .nvalues = second.type == GB_NULL ? 1 : 2};
    hub_set(&f->h, &op, 1);
    return op.id;
}

static void
hub_change(struct fixture *f, int table, int64_t id, int column,
           struct gb_value v)
{
    struct gb_written w = {.column = column, .value = v};
    struct gb_op op = {
        .kind = GB_SET, .table = table, .id = id, .values = &w, .nvalues = 1};
    hub_set(&f->h, &op, 1);
}

static struct gb_value
text(const char *s)
{
    return gb_value_text(gb_span_text(s));
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    make_hub(&f->h, schema_text);
    hub_insert(f, STAFF, text("王"), gb_value_int(2));
    make_handheld(&f->h, &f->a, 1, "area=A");
    make_handheld(&f->h, &f->b, 2, "area=B");
    GOOD(gb_journal_sign_in(f->a.j, 1, true, &why));
    GOOD(gb_journal_sign_in(f->b.j, 1, true, &why));
    f->h.faults = FAULT_ANY;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    gb_journal_close(f->a.j);
    gb_journal_close(f->b.j);
    end_hub(&f->h);
    free(f);
    return 0;
}

/* Whether a handheld has exactly the hub's records of its scope. */
static void
in_step(struct handheld *d)
{
    uint8_t want[32], got[32];
    pull(d);
    GOOD(gb_state_digest_of(d->hub->st, d->number, want, &why));
    GOOD(gb_journal_digest(d->j, got, &why));
    if (memcmp(want, got, 32))
        fail_msg("handheld %d has not what its scope says", d->number);
}

static int64_t
count(struct handheld *d, const char *table)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return ask(d, sql);
}

static int64_t
insert(struct handheld *d, int table, struct gb_value first,
       struct gb_value second)
{
    struct gb_assign a[] = {{.column = 0, .value = first},
                            {.column = 1, .value = second}};
    int64_t id;
    GOOD(gb_journal_insert(d->j, table, GB_SPAN(NULL, 0), a,
                           second.type == GB_NULL ? 1 : 2, &id, &why));
    return id;
}

static enum gb_err
set(struct handheld *d, int table, int64_t id, int column, struct gb_value v,
    struct gb_fail *fail)
{
    struct gb_assign a = {.column = column, .value = v};
    return gb_journal_set(d->j, table, id, &a, 1, fail);
}

/* ----------------------------------------------------------- the tests -- */

static void
what_a_scope_reads_is_known(void **state)
{
    struct fixture *f = *state;
    const struct gb_schema *s = gb_state_schema(f->h.st);
    static const struct {
        int table, reads;
        bool grows, self;
        uint64_t watched;
    } want[] = {
        {STAFF, 0, false, false, 0},  {UNIT, 1, false, false, 2},
        {VISIT, 2, false, false, 1},  {ITEM, 3, false, false, 0},
        {OWNER, 3, true, false, 0},   {OWNS, 0, false, false, 0},
        {PINNED, 1, false, false, 0}, {PEER, 1, true, true, 0},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct gb_table *t = &s->tables[want[i].table];
        if (t->nreads != want[i].reads || t->scope_grows != want[i].grows ||
            t->scope_self != want[i].self || t->watched != want[i].watched)
            fail_msg("%s: reads %d, grows %d, self %d, watched %llx", t->name,
                     t->nreads, t->scope_grows, t->scope_self,
                     (unsigned long long)t->watched);
    }
}

/* No predicate of the past may copy a table, or look through it all. */
static void
the_past_is_asked_by_id(void **state)
{
    struct fixture *f = *state;
    struct gb_device d;
    struct gb_scope *s;
    bool found, row;
    enum gb_scope_was was;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t v = hub_insert(f, VISIT, gb_value_int(u), GB_VALUE_NULL);
    uint64_t before = gb_state_size(f->h.st);
    hub_change(f, UNIT, u, 1, text("B"));
    GOOD(gb_state_device(f->h.st, 1, &d, &found, &why));
    GOOD(gb_scope_open(f->h.st, &d, &s, &why));
    GOOD(gb_scope_at(s, VISIT, v, before, &was, &why));
    assert_int_equal(was, GB_WAS_IN);
    GOOD(gb_scope_at(s, VISIT, v, before - 1, &was, &why));
    assert_int_equal(was, GB_WAS_NOT_THERE);
    GOOD(gb_scope_at(s, VISIT, v, before + 1, &was, &why));
    assert_int_equal(was, GB_WAS_OUT);
    /* the statement that was prepared last and how it is run */
    for (sqlite3_stmt *q = NULL;
         (q = sqlite3_next_stmt(gb_state_db(f->h.st), q));) {
        const char *sql = sqlite3_sql(q);
        sqlite3_stmt *plan;
        if (strncmp(sql, "WITH", 4))
            continue;
        GOOD(gb_db_preparef(gb_state_db(f->h.st), &plan, &why,
                            "EXPLAIN QUERY PLAN %s", sql));
        while (!gb_db_step(plan, &row, &why) && row) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (strstr(step, "SCAN") || strstr(step, "MATERIALIZE"))
                fail_msg("%s: %s", step, sql);
        }
        sqlite3_finalize(plan);
        break;
    }
    gb_scope_close(s);
}

static void
a_fresh_handheld_gets_its_scope_alone(void **state)
{
    struct fixture *f = *state;
    int64_t a = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t b = hub_insert(f, UNIT, text("2"), text("B"));
    hub_insert(f, UNIT, text("3"), GB_VALUE_NULL); /* NULL: in no scope */
    hub_insert(f, VISIT, gb_value_int(a), GB_VALUE_NULL);
    hub_insert(f, VISIT, gb_value_int(b), GB_VALUE_NULL);
    in_step(&f->a);
    assert_int_equal(count(&f->a, "unit"), 1);
    assert_int_equal(count(&f->a, "visit"), 1);
    assert_int_equal(f->a.counts.records, 2);
    in_step(&f->b);
    struct handheld fresh, bare;
    make_handheld(&f->h, &fresh, 3, "area=A");
    in_step(&fresh);
    assert_int_equal(fresh.counts.records, 3); /* with staff */
    make_handheld(&f->h, &bare, 4, NULL);
    in_step(&bare);
    assert_int_equal(count(&bare, "unit"), 0);
    assert_int_equal(count(&bare, "staff"), 1);
    gb_journal_close(fresh.j);
    gb_journal_close(bare.j);
}

static void
records_follow_a_unit_that_moves(void **state)
{
    struct fixture *f = *state;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t v = hub_insert(f, VISIT, gb_value_int(u), GB_VALUE_NULL);
    hub_insert(f, ITEM, gb_value_int(v), gb_value_int(1));
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "item"), 1);
    hub_change(f, UNIT, u, 1, text("B"));
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "item"), 0);
    assert_int_equal(f->a.counts.left, 3);
    assert_int_equal(count(&f->b, "item"), 1);
    hub_change(f, UNIT, u, 1, text("A")); /* and back */
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "item"), 1);
    assert_int_equal(count(&f->b, "item"), 0);
    /* what nobody asked for is not evaluated again: one record comes */
    hub_insert(f, ITEM, gb_value_int(v), gb_value_int(2));
    in_step(&f->a);
    assert_int_equal(f->a.counts.records, 1);
}

/* A new link brings an old record into scope. */
static void
a_new_record_elsewhere_may_bring_an_old_one(void **state)
{
    struct fixture *f = *state;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t o = hub_insert(f, OWNER, text("李"), GB_VALUE_NULL);
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "owner"), 0);
    hub_insert(f, OWNS, gb_value_int(o), gb_value_int(u));
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "owner"), 1);
    assert_int_equal(count(&f->b, "owner"), 0);
}

/* Likewise, where the condition reads the table itself. */
static void
a_new_record_may_bring_old_ones_of_its_table(void **state)
{
    struct fixture *f = *state;
    hub_insert(f, PEER, text("B"), gb_value_int(1));
    hub_insert(f, PEER, text("B"), gb_value_int(2));
    in_step(&f->a);
    assert_int_equal(count(&f->a, "peer"), 0);
    hub_insert(f, PEER, text("A"), gb_value_int(1));
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "peer"), 2);
    assert_int_equal(count(&f->b, "peer"), 3);
}

/* Its own insert that is in the scope of others only comes back once, and
 * goes. */
static void
an_own_record_out_of_scope_goes(void **state)
{
    struct fixture *f = *state;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    in_step(&f->a);
    in_step(&f->b);
    int64_t mine = insert(&f->a, PINNED, text("A"), gb_value_int(1));
    int64_t theirs = insert(&f->a, PINNED, text("B"), gb_value_int(2));
    insert(&f->a, VISIT, gb_value_int(u), GB_VALUE_NULL);
    push(&f->a);
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(f->a.counts.records, 1); /* only the one that left */
    assert_int_equal(f->a.counts.left, 1);
    assert_int_equal(count(&f->a, "pinned"), 1);
    assert_int_equal(count(&f->a, "visit"), 1);
    assert_int_equal(count(&f->b, "pinned"), 1);
    assert_int_not_equal(mine, theirs);
}

static void
a_record_that_left_waits_for_unsent_changes(void **state)
{
    struct fixture *f = *state;
    struct gb_fail fail = {0};
    bool readonly;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t v = hub_insert(f, VISIT, gb_value_int(u), text("first"));
    in_step(&f->a);
    GOOD(set(&f->a, VISIT, v, 1, text("mine"), &why));
    hub_change(f, UNIT, u, 1, text("B"));
    hub_change(f, VISIT, v, 1, text("theirs"));
    pull(&f->a);
    assert_int_equal(count(&f->a, "unit"), 0);
    assert_int_equal(count(&f->a, "visit"), 1);
    GOOD(gb_journal_readonly(f->a.j, VISIT, v, &readonly, &why));
    assert_true(readonly);
    assert_int_equal(set(&f->a, VISIT, v, 1, text("again"), &fail), GB_E_STATE);
    assert_non_null(strstr(fail.text, "left the scope"));
    assert_int_equal(
        gb_journal_void(f->a.j, VISIT, v, gb_span_text("错"), &fail),
        GB_E_STATE);
    in_step(&f->a); /* nothing new: it stays, and does not count */
    push(&f->a);
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "visit"), 0);
    assert_int_equal(ask(&f->a, "SELECT count(*) FROM _readonly"), 0);
    assert_int_equal(ask(&f->b, "SELECT note = 'mine' FROM visit") |
                         ask(&f->b, "SELECT note = 'theirs' FROM visit"),
                     1);
}

/* The same when the device itself is moved: "keep only these". */
static void
a_handheld_that_moves_keeps_only_its_new_scope(void **state)
{
    struct fixture *f = *state;
    int64_t u = hub_insert(f, UNIT, text("1"), text("A"));
    hub_insert(f, UNIT, text("2"), text("B"));
    int64_t v = hub_insert(f, VISIT, gb_value_int(u), text("first"));
    in_step(&f->a);
    GOOD(set(&f->a, VISIT, v, 1, text("mine"), &why));
    insert(&f->a, VISIT, gb_value_int(u), text("new"));
    hub_device(&f->h, &f->a, "area=B");
    pull(&f->a);
    assert_int_equal(count(&f->a, "unit"), 1);
    assert_int_equal(count(&f->a, "visit"), 2); /* both unsent */
    assert_int_equal(ask(&f->a, "SELECT count(*) FROM _readonly"), 1);
    push(&f->a);
    in_step(&f->a);
    assert_int_equal(count(&f->a, "visit"), 0);
    hub_device(&f->h, &f->a, "area=A");
    in_step(&f->a);
    assert_int_equal(count(&f->a, "visit"), 2);
}

/* A delta that starts where the handheld was before another that it applied
 * meanwhile: a record came and left in between. */
static void
a_delta_is_right_at_every_head_it_can_meet(void **state)
{
    struct fixture *f = *state;
    int64_t u = hub_insert(f, UNIT, text("1"), text("B"));
    int64_t w = hub_insert(f, UNIT, text("2"), text("A"));
    in_step(&f->a);
    uint64_t from = gb_state_size(f->h.st);
    hub_change(f, UNIT, u, 1, text("A"));
    hub_change(f, UNIT, w, 1, text("B"));
    in_step(&f->a); /* u came, w left; the hub never hears of it */
    uint64_t between = gb_state_size(f->h.st);
    hub_change(f, UNIT, u, 1, text("B"));
    hub_change(f, UNIT, w, 1, text("A"));
    struct gb_delta_ask q = {.device = 1,
                             .from = from,
                             .highest = between,
                             .schema = 1,
                             .clock_ms = 1,
                             .heads = {between},
                             .nheads = 1};
    fault_sweep(f->h.faults, make_for_nobody, told_or_smaller,
                &(struct making){&f->a, &q});
    GOOD(gb_delta_make(f->h.st, &q, &f->h.key, take_part, &f->a, &why));
    GOOD(gb_journal_delta_apply(f->a.j, &f->a.key, &f->a.counts, &why));
    in_step(&f->a);
    assert_int_equal(ask(&f->a, "SELECT count(*) FROM unit WHERE room = '2'"),
                     1);
}

/* Own changes to a record that others move are not lost on the way. */
static void
a_changed_reference_moves_a_record(void **state)
{
    struct fixture *f = *state;
    int64_t a = hub_insert(f, UNIT, text("1"), text("A"));
    int64_t b = hub_insert(f, UNIT, text("2"), text("B"));
    int64_t v = hub_insert(f, VISIT, gb_value_int(a), text("x"));
    in_step(&f->a);
    in_step(&f->b);
    hub_change(f, VISIT, v, 0, gb_value_int(b));
    in_step(&f->a);
    in_step(&f->b);
    assert_int_equal(count(&f->a, "visit"), 0);
    GOOD(set(&f->b, VISIT, v, 1, text("y"), &why));
    push(&f->b);
    in_step(&f->b);
    assert_int_equal(f->b.counts.records, 0);
    in_step(&f->a);
    assert_int_equal(count(&f->a, "visit"), 0);
}

/* The next version of the schema has another condition. */
static void
a_new_schema_may_move_everything(void **state)
{
    struct fixture *f = *state;
    char next[sizeof schema_text];
    hub_insert(f, UNIT, text("1"), text("A"));
    hub_insert(f, UNIT, text("2"), text("B"));
    in_step(&f->a);
    memcpy(next, schema_text, sizeof next);
    char *at = strstr(next, "('unit','area = :area')");
    memcpy(at, "('unit','area > :area')", 23);
    hub_schema(&f->h, next, 2);
    in_step(&f->a);
    assert_int_equal(ask(&f->a, "SELECT count(*) FROM unit WHERE room = '2'"),
                     1);
    assert_int_equal(count(&f->a, "unit"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_scope_reads_is_known),
        TEST(the_past_is_asked_by_id),
        TEST(a_fresh_handheld_gets_its_scope_alone),
        TEST(records_follow_a_unit_that_moves),
        TEST(a_new_record_elsewhere_may_bring_an_old_one),
        TEST(a_new_record_may_bring_old_ones_of_its_table),
        TEST(an_own_record_out_of_scope_goes),
        TEST(a_record_that_left_waits_for_unsent_changes),
        TEST(a_handheld_that_moves_keeps_only_its_new_scope),
        TEST(a_delta_is_right_at_every_head_it_can_meet),
        TEST(a_changed_reference_moves_a_record),
        TEST(a_new_schema_may_move_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
