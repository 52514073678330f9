/* state_wait.c - what waits, what releases it, and what that gives: M4 and M21
 * to M24 of docs/MERGE.md, one by one (state_wait.c, state_release.c,
 * state_rival.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/schema_fixture.h"
#include "tests/unit/support/state_world.h"

#define TABLES(more)                                                           \
    "CREATE TABLE r(id INTEGER PRIMARY KEY, la TEXT, su INTEGER, st TEXT,"     \
    " ro TEXT, owner INTEGER REFERENCES r(id), fa TEXT" more ") STRICT;\n"     \
    "CREATE TABLE slip(id INTEGER PRIMARY KEY, place TEXT, at INTEGER,"        \
    " state TEXT) STRICT;\n"                                                   \
    "INSERT INTO rule VALUES('r','la','last'),('r','su','sum'),"               \
    "('r','ro','role'),('r','owner','last'),"                                  \
    "('slip','place','last'),('slip','at','last'),"                            \
    "('slip','state','state on>off prefer off>on');\n"
static const char *const tables[] = {TABLES(""),
                                     TABLES(", fee INTEGER DEFAULT 5")};
/* what a version may change of it */
static const char first[] =
    "INSERT INTO rule VALUES('r','st','state a>b b>c@2 prefer c>b>a');\n"
    "INSERT INTO record VALUES('slip', 1, 1, NULL, 'place, at WHERE state = "
    "''on''');\n";
static const char second[] =
    "CREATE TABLE z(id INTEGER PRIMARY KEY) STRICT;\n"
    "INSERT INTO rule VALUES('r','st','state a>b b>c prefer c>b>a');\n"
    "INSERT INTO record VALUES('slip', 1, 1, NULL, 'place, at');\n";

enum { R, SLIP };
enum { LA, SU, ST, RO, OWNER, FA };

static struct gb_schema *schemas[2];
static struct world w;
static bool claims; /* sets claim a ledger that is not this one */

static int
load(void **state)
{
    (void)state;
    const char *const texts[] = {first, second};
    for (uint32_t i = 0; i < 2; i++) {
        const struct gb_schema_file files[] = {
            {"a.sql", gb_span_text(tables[i])},
            {"b.sql", gb_span_text(texts[i])}};
        schemas[i] = world_schema(files, 2, i + 1);
    }
    return 0;
}

static int
unload(void **state)
{
    (void)state;
    gb_schema_free(schemas[0]);
    gb_schema_free(schemas[1]);
    return 0;
}

/* Devices 1 and 2 are of level 1, device 3 of level 2. */
static int
begin(void **state)
{
    (void)state;
    world_begin(&w, schemas[0], 3);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

/* ------------------------------------------------------------- writing -- */

static struct gb_value
word(const char *text)
{
    return gb_value_text(gb_span_text(text));
}

static struct gb_value
id_of(int device, int n)
{
    return gb_value_int(gb_id_make(device, n));
}

/* One value of an operation; column -1 ends the list. */
struct cell {
    int column;
    struct gb_value value;
    const char *from; /* of a state */
};
#define W(c, v)                                                                \
    {                                                                          \
        .column = (c), .value = (v)                                            \
    }
#define MOVE(a, b)                                                             \
    {                                                                          \
        .column = ST, .value = word(b), .from = (a)                            \
    }
#define CELLS(...)                                                             \
    (const struct cell[])                                                      \
    {                                                                          \
        __VA_ARGS__,                                                           \
        {                                                                      \
            .column = -1                                                       \
        }                                                                      \
    }

/* A set of one operation, that has seen the ledger up to now; `schema` 1 or 2.
 */
static void
send(int device, enum gb_kind kind, int table, int64_t id,
     const struct cell *cells, uint32_t schema)
{
    static int64_t time_ms = WORLD_START_MS;
    struct gb_written values[8];
    struct gb_op op = {.kind = kind,
                       .table = table,
                       .id = id,
                       .time_ms = ++time_ms,
                       .stamp = gb_stamp_of(time_ms),
                       .values = values,
                       .text = GB_SPAN("", 0)};
    struct gb_boot boot = {.wall_ms = time_ms};
    struct gb_device d;
    struct made m;
    bool found;
    for (; cells[op.nvalues].column >= 0; op.nvalues++) {
        const struct cell *c = &cells[op.nvalues];
        values[op.nvalues] =
            (struct gb_written){.column = c->column, .value = c->value};
        if (c->from)
            values[op.nvalues].from = word(c->from);
    }
    GOOD(gb_state_device(w.st, device, &d, &found, &why));
    struct gb_set set = {.device = device,
                         .seq = d.seq + 1,
                         .clock_ms = time_ms,
                         .base = gb_state_head(w.st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = &op,
                         .nops = 1};
    memcpy(set.prev, d.sha, sizeof set.prev);
    set.base.root[0] ^= claims;
    world_encode(&m, &set, schemas[schema - 1]);
    m.received_ms = time_ms;
    assert_int_not_equal(world_take(&w, &m), GB_FORK);
    gb_buf_release(&m.bytes);
}

static void
insert(int device, int n, const struct cell *cells)
{
    send(device, GB_INSERT, R, gb_id_make(device, n), cells, 1);
}

static void
change(int device, int64_t id, const struct cell *cells)
{
    send(device, GB_SET, R, id, cells, 1);
}

static void
slip(int device, int n, const char *place, int at)
{
    send(device, GB_INSERT, SLIP, gb_id_make(device, n),
         CELLS(W(0, word(place)), W(1, gb_value_int(at)), W(2, word("on"))), 1);
}

/* ------------------------------------------------------------- reading -- */

/* What a cell shows, as text; NULL when it is NULL. */
static const char *
shown(int table, int64_t id, const char *column)
{
    static char text[64];
    sqlite3_stmt *s;
    bool row;
    GOOD(gb_db_preparef(gb_state_db(w.st), &s, &why,
                        "SELECT \"%w\" FROM \"%w\" WHERE id = %lld", column,
                        schemas[0]->tables[table].name, (long long)id));
    GOOD(gb_db_step(s, &row, &why));
    assert_true(row);
    const char *v = (const char *)sqlite3_column_text(s, 0);
    snprintf(text, sizeof text, "%s", v ? v : "");
    v = v ? text : NULL;
    sqlite3_finalize(s);
    return v;
}

static bool
there(int64_t id)
{
    bool found;
    GOOD(gb_tables_exists(gb_state_tables(w.st), R, id, &found, &why));
    return found;
}

static bool
rival(int64_t id)
{
    struct gb_rec r;
    struct gb_arena arena;
    bool found;
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_tables_load(gb_state_tables(w.st), SLIP, id, &arena, &r, &found,
                        &why));
    assert_true(found);
    found = r.rival;
    gb_arena_release(&arena);
    return found;
}

/* How many writes of a cell are open. */
static int
siblings(int table, int64_t id, int column)
{
    struct gb_rec r;
    struct gb_arena arena;
    bool found;
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_tables_load(gb_state_tables(w.st), table, id, &arena, &r, &found,
                        &why));
    assert_true(found);
    int n = r.cells[column].n;
    gb_arena_release(&arena);
    return n;
}

/* How many wait, all of them for this. */
static void
waits_for(int n, const char *code)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM _wait WHERE code = '%s'",
             code);
    assert_int_equal(world_number(&w, sql), n);
    assert_int_equal(world_number(&w, "SELECT count(*) FROM _wait"), n);
    assert_int_equal(world_number(&w, "SELECT count(*) FROM _held"), n);
}

/* --------------------------------------------------------------- tests -- */

/* A handheld that gives one id twice: the first record stands. */
static void
an_insert_of_what_is_there_waits(void **state)
{
    (void)state;
    insert(1, 1, CELLS(W(LA, word("first"))));
    insert(1, 1, CELLS(W(LA, word("second"))));
    waits_for(1, "EXISTS");
    assert_string_equal(shown(R, gb_id_make(1, 1), "la"), "first");
}

/* M22: what waits for one record goes on when it arrives, and what waits for
 * that as well. */
static void
m22_a_record_that_arrives_releases_what_needs_it(void **state)
{
    (void)state;
    change(1, gb_id_make(2, 1), CELLS(W(LA, word("early"))));
    insert(1, 1, CELLS(W(LA, word("x")), W(OWNER, id_of(2, 2))));
    insert(2, 1, CELLS(W(LA, word("late")), W(OWNER, id_of(1, 1))));
    waits_for(3, "MISSING");
    assert_int_equal(world_release_due(&w), 0);
    insert(2, 2, CELLS(W(LA, word("y"))));
    assert_int_equal(world_release_due(&w), 3);
    waits_for(0, "MISSING");
    assert_int_equal(world_number(&w, "SELECT count(*) FROM _need"), 0);
    assert_true(there(gb_id_make(1, 1)));
    assert_string_equal(shown(R, gb_id_make(2, 1), "la"), "late");
}

/* M22: two records are missing; one of them is not enough. */
static void
m22_all_that_is_missing_must_be_there(void **state)
{
    (void)state;
    change(1, gb_id_make(2, 1), CELLS(W(OWNER, id_of(2, 2))));
    insert(2, 1, CELLS(W(LA, word("x"))));
    assert_int_equal(world_release_due(&w), 0);
    waits_for(1, "MISSING");
    insert(2, 2, CELLS(W(LA, word("x"))));
    assert_int_equal(world_release_due(&w), 1);
    waits_for(0, "MISSING");
    assert_non_null(shown(R, gb_id_make(2, 1), "owner"));
}

/* M22, M23: behind what is missing stands another code, so its arrival makes
 * nothing due; a person sees one after the other. */
static void
m22_another_code_behind_a_missing_record_is_not_due(void **state)
{
    (void)state;
    change(1, gb_id_make(2, 1), CELLS(MOVE("a", "c")));
    insert(2, 1, CELLS(W(LA, word("x"))));
    assert_int_equal(world_release_due(&w), 0);
    waits_for(1, "MISSING");
    world_force_all(&w);
    waits_for(1, "ILLEGAL");
    world_force_all(&w);
    waits_for(0, "ILLEGAL");
    assert_string_equal(shown(R, gb_id_make(2, 1), "st"), "c");
}

/* M22: it waits for a record, and its own id is taken meanwhile: that stands
 * behind it. */
static void
m22_an_insert_whose_id_was_taken_is_not_due(void **state)
{
    (void)state;
    insert(1, 1, CELLS(W(LA, word("x")), W(OWNER, id_of(2, 1))));
    insert(1, 1, CELLS(W(LA, word("y"))));
    insert(2, 1, CELLS(W(LA, word("z"))));
    assert_int_equal(world_release_due(&w), 0);
    waits_for(1, "MISSING");
    world_force_all(&w);
    waits_for(1, "EXISTS");
    assert_string_equal(shown(R, gb_id_make(1, 1), "la"), "y");
}

/* M22: a set of a newer schema, when the hub gets it. */
static void
m22_a_schema_that_comes_releases_its_sets(void **state)
{
    (void)state;
    send(1, GB_INSERT, R, gb_id_make(1, 1), CELLS(W(LA, word("x"))), 2);
    send(1, GB_SET, R, gb_id_make(1, 1), CELLS(W(LA, word("y"))), 2);
    waits_for(2, "SCHEMA");
    assert_int_equal(world_release_due(&w), 0);
    world_put_schema(&w, schemas[1]);
    assert_int_equal(world_release_due(&w), 1);
    waits_for(0, "SCHEMA");
    assert_string_equal(shown(R, gb_id_make(1, 1), "la"), "y");
}

/* M18: a level that a newer version takes off does not hold for older sets,
 * whichever came first. */
static void
m18_a_set_is_judged_by_its_own_version(void **state)
{
    (void)state;
    int64_t id = gb_id_make(1, 1);
    insert(1, 1, CELLS(W(LA, word("x"))));
    change(1, id, CELLS(MOVE("a", "b")));
    world_put_schema(&w, schemas[1]);
    change(1, id, CELLS(MOVE("b", "c")));
    waits_for(1, "AUTHORITY");
    send(1, GB_SET, R, id, CELLS(MOVE("b", "c")), 2);
    waits_for(1, "AUTHORITY");
    assert_string_equal(shown(R, id, "st"), "c");
}

/* M24: other rivals from the new version on, for old records too. */
static void
m24_a_new_schema_settles_the_claims_anew(void **state)
{
    (void)state;
    int64_t a = gb_id_make(1, 1), b = gb_id_make(2, 1);
    slip(1, 1, "hall", 9);
    slip(2, 1, "hall", 9);
    send(1, GB_SET, SLIP, a,
         CELLS({.column = 2, .value = word("off"), .from = "on"}), 1);
    assert_false(rival(b));
    world_put_schema(&w, schemas[1]);
    assert_false(rival(a));
    assert_true(rival(b));
}

/* M24: whatever a version changes of it. */
static void
m24_rivals_are_what_the_latest_version_says(void **state)
{
    static const struct {
        const char *rival;
        bool b, c;
    } rows[] = {
        {"at", true, false},
        {"place", true, true},
        {"place, at", true, false},
        {"place, at WHERE state = ''off''", false, false},
        {"place, at WHERE state = ''on''", true, false},
    };
    (void)state;
    slip(1, 1, "hall", 9);
    slip(2, 1, "hall", 9);
    slip(3, 1, "hall", 10);
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[2000];
        snprintf(sql, sizeof sql,
                 "%sINSERT INTO rule VALUES('r','st','state a>b b>c prefer "
                 "c>b>a');\n"
                 "INSERT INTO record VALUES('slip', 1, 1, NULL, '%s');\n",
                 tables[0], rows[i].rival);
        struct gb_schema *s = schema_fixture(sql, i + 2);
        world_put_schema(&w, s);
        gb_schema_free(s);
        assert_false(rival(gb_id_make(1, 1)));
        assert_int_equal(rival(gb_id_make(2, 1)), rows[i].b);
        assert_int_equal(rival(gb_id_make(3, 1)), rows[i].c);
    }
}

/* M23: forced are ILLEGAL and AUTHORITY, and nothing else. */
static void
m23_a_person_forces_moves_and_levels_only(void **state)
{
    (void)state;
    int64_t id = gb_id_make(1, 1);
    insert(1, 1, CELLS(W(LA, word("x"))));
    change(1, id, CELLS(MOVE("a", "b")));
    change(1, id, CELLS(MOVE("b", "c")));
    waits_for(1, "AUTHORITY");
    world_force_all(&w);
    waits_for(0, "AUTHORITY");
    assert_string_equal(shown(R, id, "st"), "c");
    change(1, id, CELLS(W(FA, word("z"))));
    world_force_all(&w);
    waits_for(1, "FACT");
    assert_null(shown(R, id, "fa"));
    send(1, GB_INSERT, R, id, CELLS(W(LA, word("again"))), 1);
    send(1, GB_INSERT, R, gb_id_make(2, 9), CELLS(W(LA, word("theirs"))), 1);
    change(1, gb_id_make(2, 8), CELLS(W(LA, word("nowhere"))));
    world_force_all(&w);
    assert_int_equal(world_number(&w, "SELECT count(*) FROM _wait"), 4);
    assert_string_equal(shown(R, id, "la"), "x");
    assert_false(there(gb_id_make(2, 9)));
}

/* M21: the stamp is that of its arrival: it does not win over what came after
 * it; a sum counts it all the same. */
static void
m21_released_work_keeps_its_stamp(void **state)
{
    (void)state;
    int64_t id = gb_id_make(2, 1);
    insert(2, 1, CELLS(W(SU, gb_value_int(1))));
    change(1, id,
           CELLS(W(LA, word("old")), W(SU, gb_value_int(10)),
                 W(OWNER, id_of(3, 1))));
    waits_for(1, "MISSING");
    change(2, id, CELLS(W(LA, word("new"))));
    insert(3, 1, CELLS(W(LA, word("z"))));
    assert_int_equal(world_release_due(&w), 1);
    assert_string_equal(shown(R, id, "la"), "new");
    assert_string_equal(shown(R, id, "su"), "11");
}

/* M21: who claims a ledger that is not this one has seen nothing of it, and had
 * no level: a person must let both pass. */
static void
m21_a_claimed_base_gives_no_level(void **state)
{
    (void)state;
    int64_t id = gb_id_make(2, 1);
    insert(2, 1, CELLS(W(SU, gb_value_int(1))));
    claims = true;
    change(1, id, CELLS(W(SU, gb_value_int(10))));
    claims = false;
    waits_for(1, "BASE");
    assert_int_equal(world_force_all(&w), 1);
    waits_for(1, "AUTHORITY");
    assert_string_equal(shown(R, id, "su"), "1");
    assert_int_equal(world_force_all(&w), 1);
    assert_string_equal(shown(R, id, "su"), "11");
}

/* M4: overwritten by its own device while it waited, and that one overwritten
 * by somebody who saw it: it must not come up again. */
static void
m4_what_was_overwritten_while_it_waited_stays_so(void **state)
{
    (void)state;
    int64_t id = gb_id_make(2, 1);
    insert(2, 1, CELLS(W(LA, word("x"))));
    change(1, id, CELLS(W(RO, word("first")), W(OWNER, id_of(3, 1))));
    change(1, id, CELLS(W(RO, word("second"))));
    change(2, id, CELLS(W(RO, word("third"))));
    insert(3, 1, CELLS(W(LA, word("z"))));
    assert_int_equal(world_release_due(&w), 1);
    assert_string_equal(shown(R, id, "ro"), "third");
    assert_non_null(shown(R, id, "owner"));
    assert_int_equal(siblings(R, id, RO), 1);
}

/* ... while a write of another column by the same operation opens. */
static void
m4_only_the_columns_that_were_overwritten(void **state)
{
    (void)state;
    int64_t id = gb_id_make(2, 1);
    insert(2, 1, CELLS(W(LA, word("x"))));
    change(1, id,
           CELLS(MOVE("a", "b"), W(RO, word("first")), W(OWNER, id_of(3, 1))));
    change(1, id, CELLS(MOVE("a", "b")));
    insert(3, 1, CELLS(W(LA, word("z"))));
    assert_int_equal(world_release_due(&w), 1);
    assert_string_equal(shown(R, id, "ro"), "first");
}

/* M4: the later one may be the record's insert. */
static void
m4_an_insert_overwrites_what_waits_for_it(void **state)
{
    (void)state;
    int64_t id = gb_id_make(1, 1);
    change(1, id, CELLS(MOVE("a", "c"), W(RO, word("first"))));
    insert(1, 1, CELLS(W(RO, word("second"))));
    change(2, id, CELLS(W(RO, word("third"))));
    world_force_all(&w);
    waits_for(1, "ILLEGAL");
    world_force_all(&w);
    assert_string_equal(shown(R, id, "st"), "c");
    assert_int_equal(siblings(R, id, RO), 1);
}

/* A column of a newer schema is unwritten in every record that was made
 * without it, whether that came before the schema or after. */
static void
a_new_column_is_unwritten_in_older_records(void **state)
{
    (void)state;
    insert(1, 1, CELLS(W(LA, word("before"))));
    world_put_schema(&w, schemas[1]);
    insert(1, 2, CELLS(W(LA, word("after"))));
    assert_null(shown(R, gb_id_make(1, 1), "fee"));
    assert_null(shown(R, gb_id_make(1, 2), "fee"));
}

/* M24: the lowest live one holds; when it goes, the next one does. */
static void
m24_the_first_live_record_holds_a_claim(void **state)
{
    (void)state;
    int64_t a = gb_id_make(1, 1), b = gb_id_make(2, 1), c = gb_id_make(3, 1);
    slip(1, 1, "hall", 9);
    slip(2, 1, "hall", 9);
    slip(3, 1, "hall", 10);
    assert_false(rival(a));
    assert_true(rival(b));
    assert_false(rival(c));
    send(3, GB_SET, SLIP, c, CELLS(W(1, gb_value_int(9))), 1);
    assert_true(rival(c));
    /* the condition is no longer true of the first */
    send(1, GB_SET, SLIP, a,
         CELLS({.column = 2, .value = word("off"), .from = "on"}), 1);
    assert_false(rival(a));
    assert_false(rival(b));
    assert_true(rival(c));
    send(2, GB_SET, SLIP, b, CELLS(W(1, gb_value_int(11))), 1);
    assert_false(rival(b));
    assert_false(rival(c));
    /* NULL claims nothing */
    send(2, GB_SET, SLIP, b, CELLS(W(1, gb_value_int(9))), 1);
    assert_false(rival(b));
    assert_true(rival(c)); /* b's insert is the earlier one */
    send(3, GB_SET, SLIP, c, CELLS(W(0, GB_VALUE_NULL)), 1);
    assert_false(rival(c));
}

/* M24: a void record claims nothing; the change counts as one of the record. */
static void
m24_a_void_gives_the_claim_to_the_next(void **state)
{
    (void)state;
    int64_t a = gb_id_make(1, 1), b = gb_id_make(2, 1);
    slip(1, 1, "hall", 9);
    slip(2, 1, "hall", 9);
    assert_true(rival(b));
    send(3, GB_VOID, SLIP, a, CELLS({.column = -1}), 1);
    assert_false(rival(b));
    struct gb_rec r;
    struct gb_arena arena;
    bool found;
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_tables_load(gb_state_tables(w.st), SLIP, b, &arena, &r, &found,
                        &why));
    assert_int_equal(r.rival_pos, gb_state_size(w.st));
    gb_arena_release(&arena);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_insert_of_what_is_there_waits),
        TEST(m22_a_record_that_arrives_releases_what_needs_it),
        TEST(m22_all_that_is_missing_must_be_there),
        TEST(m22_another_code_behind_a_missing_record_is_not_due),
        TEST(m22_an_insert_whose_id_was_taken_is_not_due),
        TEST(m22_a_schema_that_comes_releases_its_sets),
        TEST(m18_a_set_is_judged_by_its_own_version),
        TEST(m24_a_new_schema_settles_the_claims_anew),
        TEST(m24_rivals_are_what_the_latest_version_says),
        TEST(m23_a_person_forces_moves_and_levels_only),
        TEST(m21_released_work_keeps_its_stamp),
        TEST(m21_a_claimed_base_gives_no_level),
        TEST(m4_what_was_overwritten_while_it_waited_stays_so),
        TEST(m4_only_the_columns_that_were_overwritten),
        TEST(m4_an_insert_overwrites_what_waits_for_it),
        TEST(a_new_column_is_unwritten_in_older_records),
        TEST(m24_the_first_live_record_holds_a_claim),
        TEST(m24_a_void_gives_the_claim_to_the_next),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
