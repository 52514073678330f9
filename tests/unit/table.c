/*
 * table.c - rows that are written later read as those that were written at
 * once, and become the same rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/id.h"
#include "engine/table_private.h"
#include "support/fault.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

static const char sql[] =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, n INTEGER, s TEXT) STRICT;\n"
    "CREATE TABLE b(id INTEGER PRIMARY KEY, s TEXT) STRICT;\n"
    "INSERT INTO rule VALUES('a', 'n', 'last'), ('a', 's', 'last'),\n"
    "    ('b', 's', 'last');\n";

/* The same rows twice: at once, and later. */
enum { NOW, LATER, BOTH };
#define LATER_MAX ((size_t)4 << 20)
static struct gb_schema *schema;
static struct store {
    sqlite3 *db;
    struct gb_tables *tables;
    struct gb_arena arena;
} stores[BOTH];
static int64_t stamp; /* of the last change */

static int
begin(void **state)
{
    (void)state;
    struct gb_schema_file file = {"a.sql", gb_span_text(sql)};
    schema = world_schema(&file, 1, 1);
    for (int i = 0; i < BOTH; i++) {
        struct store *s = &stores[i];
        gb_arena_init(&s->arena, GB_ARENA_MAX);
        GOOD(gb_db_open(":memory:", true, GB_DB_NORMAL, &s->db, &why));
        GOOD(gb_table_create(s->db, NULL, schema, GB_SIDE_HUB, &why));
        GOOD(gb_tables_open(s->db, schema, &s->tables, &why));
    }
    gb_tables_defer(stores[LATER].tables, LATER_MAX);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    for (int i = 0; i < BOTH; i++) {
        gb_tables_close(stores[i].tables);
        gb_db_close(stores[i].db);
        gb_arena_release(&stores[i].arena);
    }
    gb_schema_free(schema);
    return 0;
}

/* As for the next transaction, when what is remembered is forgotten. */
static void
anew(struct store *s)
{
    GOOD(gb_tables_settle(s->tables, &why));
    gb_tables_close(s->tables);
    GOOD(gb_tables_open(s->db, schema, &s->tables, &why));
    gb_tables_defer(s->tables, LATER_MAX);
}

/* A new record of a table, with a text that long; false: it is there. */
static bool
insert(struct store *s, int table, int64_t id, size_t len)
{
    static char text[GB_TEXT_MAX];
    struct gb_rec r;
    bool exists;
    int column = schema->tables[table].ncolumns - 1;
    struct gb_written w = {.column = column,
                           .value = gb_value_text(GB_SPAN(text, len))};
    struct gb_op op = {.kind = GB_INSERT,
                       .table = table,
                       .id = id,
                       .values = &w,
                       .nvalues = 1};
    struct gb_effect x = {
        .op = &op, .device = gb_id_device(id), .stamp = stamp, .pos = 1};
    memset(text, 'x', len);
    gb_arena_reset(&s->arena);
    assert_true(gb_rec_insert(&r, &schema->tables[table], &x, &s->arena));
    GOOD(gb_tables_insert(s->tables, &r, &exists, &why));
    return !exists;
}

/* Another device writes the last column; false: there is no such record. */
static bool
change(struct store *s, int table, int64_t id, struct gb_span text)
{
    struct gb_rec r;
    bool found;
    struct gb_written w = {.column = schema->tables[table].ncolumns - 1,
                           .value = gb_value_text(text)};
    struct gb_op op = {
        .kind = GB_SET, .table = table, .id = id, .values = &w, .nvalues = 1};
    struct gb_effect x = {.op = &op, .device = 9, .stamp = stamp, .pos = 2};
    struct gb_lineage none = {0};
    gb_arena_reset(&s->arena);
    GOOD(gb_tables_load(s->tables, table, id, &s->arena, &r, &found, &why));
    if (!found)
        return false;
    assert_true(gb_rec_merge(&r, &x, &none));
    GOOD(gb_tables_update(s->tables, &r, &why));
    return true;
}

/* What both say of all their records. */
static void
same(void)
{
    uint8_t digest[BOTH][32];
    struct gb_lineage none = {0};
    for (int i = 0; i < BOTH; i++)
        GOOD(gb_tables_digest(stores[i].tables, schema, &none, NULL, NULL,
                              digest[i], &why));
    assert_memory_equal(digest[NOW], digest[LATER], 32);
}

static int64_t
rows(const struct store *s, const char *count)
{
    int64_t n;
    bool found;
    GOOD(gb_db_int(s->db, count, &n, &found, &why));
    return n;
}

/* Devices take turns, records change before they are written and after, and
 * some that are inserted are there already. */
static void
the_same_rows(void **state)
{
    static int64_t last[2][4];
    char text[24];
    (void)state;
    srandom(1);
    for (int step = 1; step <= 20000; step++) {
        bool done[BOTH], there[BOTH], adds = random() % 2 == 0;
        int table = (int)(random() % 2), device = (int)(random() % 4);
        int64_t *highest = &last[table][device];
        bool next = adds && random() % 4 > 0;
        int64_t counter = next ? ++*highest : random() % (*highest + 2);
        int64_t id = gb_id_make(device + 1, counter + 1);
        size_t n = (size_t)snprintf(text, sizeof text, "%d", step % 700);
        stamp++;
        for (int i = 0; i < BOTH; i++) {
            struct store *s = &stores[i];
            done[i] = adds ? insert(s, table, id, n)
                           : change(s, table, id, GB_SPAN(text, n));
            GOOD(gb_tables_exists(s->tables, table, id, &there[i], &why));
        }
        assert_int_equal(done[NOW], done[LATER]);
        assert_int_equal(there[NOW], there[LATER]);
        if (step % 1000)
            continue;
        same();
        anew(&stores[LATER]);
    }
    assert_true(rows(&stores[NOW], "SELECT count(*) FROM a") > 3000);
}

/* Nothing is written before it must be, and then in order. */
static void
later_is_later(void **state)
{
    struct store *s = &stores[LATER];
    bool exists;
    (void)state;
    stamp = 1;
    for (int i = 1; i <= 20; i++)
        assert_true(insert(s, 0, gb_id_make(1, i), 1));
    assert_int_equal(rows(s, "SELECT count(*) FROM a"), 0);
    assert_false(insert(s, 0, gb_id_make(1, 7), 1));
    assert_int_equal(rows(s, "SELECT count(*) FROM a"), 20);
    stamp = 2;
    assert_true(change(s, 0, gb_id_make(1, 7), GB_SPAN("y", 1)));
    assert_int_equal(rows(s, "SELECT count(*) FROM a WHERE s = 'y'"), 0);
    GOOD(gb_tables_settle(s->tables, &why));
    assert_int_equal(rows(s, "SELECT count(*) FROM a WHERE s = 'y'"), 1);
    assert_true(insert(s, 0, gb_id_make(1, 21), 1));
    GOOD(gb_tables_delete(s->tables, 0, gb_id_make(1, 21), &why));
    GOOD(gb_tables_settle(s->tables, &why));
    GOOD(gb_tables_exists(s->tables, 0, gb_id_make(1, 21), &exists, &why));
    assert_false(exists);
}

/* What waits has its bound: what finds no room is written at once. */
static void
no_room(void **state)
{
    static char text[GB_TEXT_MAX];
    struct store *s = &stores[LATER];
    int n = (int)(5 * LATER_MAX / 2 / sizeof text);
    (void)state;
    memset(text, 'y', sizeof text);
    for (int i = 0; i < BOTH; i++) {
        stamp = 1;
        for (int k = 1; k <= n; k++)
            assert_true(insert(&stores[i], 0, gb_id_make(1, k), 9));
        stamp = 2;
        for (int k = 1; k <= n; k++)
            assert_true(change(&stores[i], 0, gb_id_make(1, k),
                               GB_SPAN(text, sizeof text)));
    }
    assert_true(rows(s, "SELECT count(*) FROM a WHERE s LIKE 'y%'") > n / 2);
    assert_true(s->tables->changed.used > 0);
    same();
}

/* Inserts and changes that the tables take later, then all is written. */
static enum gb_err
work(void *arg, struct gb_fail *fail)
{
    struct store *s = arg;
    struct gb_rec r;
    bool found;
    enum gb_err e = gb_tables_settle(s->tables, fail);
    for (int k = 1; k <= 40 && !e; k++) {
        gb_arena_reset(&s->arena);
        e = gb_tables_load(s->tables, 0, gb_id_make(1, k), &s->arena, &r,
                           &found, fail);
        if (e)
            break;
        assert_true(found);
        e = gb_tables_update(s->tables, &r, fail);
        r.id = gb_id_make(2, k);
        if (!e)
            e = gb_tables_insert(s->tables, &r, &found, fail);
    }
    return e ? e : gb_tables_settle(s->tables, fail);
}

static void
a_failure_is_told(void **state)
{
    struct store *s = &stores[LATER];
    (void)state;
    for (int k = 1; k <= 40; k++)
        assert_true(insert(s, 0, gb_id_make(1, k), 5));
    GOOD(gb_tables_settle(s->tables, &why));
    assert_true(fault_sweep(FAULT_MEMORY | FAULT_SQL, work, NULL, s) > 4);
    assert_int_equal(rows(s, "SELECT count(*) FROM a"), 80);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_rows, begin, end),
        cmocka_unit_test_setup_teardown(later_is_later, begin, end),
        cmocka_unit_test_setup_teardown(no_room, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_is_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
