/*
 * state_damage.c - a hub's database that is another program's, or has lost
 * something: told with the remedy, and never taken for what it is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/state_private.h"
#include "support/alloc.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

static const char sql[] =
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n";

static struct gb_schema *schema;
static struct world w;

static int
begin(void **state)
{
    (void)state;
    struct gb_schema_file file = {"a.sql", gb_span_text(sql)};
    schema = world_schema(&file, 1, 1);
    world_begin(&w, schema, 3);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_end(&w);
    gb_schema_free(schema);
    return 0;
}

static void
damage(const char *what)
{
    GOOD(gb_db_exec(gb_state_db(w.st), what, &why));
}

/* Bytes of the log's tree that are not there, or not of their length. */
static void
a_tree_with_holes(void **state)
{
    static const char *const holes[] = {
        "UPDATE _node SET hash = x'00' WHERE level = 0 AND idx = 2",
        "DELETE FROM _node WHERE level = 0 AND idx = 2"};
    struct gb_head head, had;
    struct gb_fail fail = {0};
    struct gb_merkle_proof proof;
    bool known = false;
    (void)state;
    head = gb_state_head(w.st);
    assert_true(head.size >= 4);
    GOOD(gb_state_head_at(w.st, 3, &had, &why));
    GOOD(gb_state_knows(w.st, &had, &known, &why));
    assert_true(known);
    had.epoch++;
    GOOD(gb_state_knows(w.st, &had, &known, &why));
    assert_false(known);
    had.epoch--;
    had.size = head.size + 1;
    GOOD(gb_state_knows(w.st, &had, &known, &why));
    assert_false(known);
    had.size = 3;
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        damage(holes[i]);
        assert_int_equal(gb_state_head_at(w.st, 3, &head, &fail),
                         GB_E_DATABASE);
        assert_non_null(strstr(fail.text, "gengbu-hub rebuild"));
        assert_int_equal(gb_state_knows(w.st, &had, &known, &fail),
                         GB_E_DATABASE);
        assert_int_equal(
            gb_state_prove(w.st, 3, gb_state_size(w.st), &proof, &fail),
            GB_E_DATABASE);
    }
}

/* Keys of another length are none. */
static void
odd_keys(void **state)
{
    static const uint8_t zeros[32];
    struct gb_device d;
    bool found;
    (void)state;
    damage("INSERT OR REPLACE INTO _site VALUES('hub_key', x'0102')");
    damage("UPDATE _device SET sign_key = x'01', receive_key = x'01' WHERE"
           " number = 1");
    GOOD(gb_state_refresh(w.st, &why));
    assert_memory_equal(gb_state_site(w.st)->hub_key, zeros, 32);
    GOOD(gb_state_device(w.st, 1, &d, &found, &why));
    assert_true(found && !d.enrolled);
    damage("UPDATE _device SET sign_key = zeroblob(32) WHERE number = 1");
    GOOD(gb_state_device(w.st, 1, &d, &found, &why));
    assert_false(d.enrolled);
}

/* A rollback that finds no memory to read the state again leaves that to
 * whoever begins next. */
static void
stale_until_the_next(void **state)
{
    uint8_t before[32], after[32];
    struct gb_fail fail = {0};
    (void)state;
    GOOD(gb_state_digest(w.st, before, &why));
    GOOD(gb_state_commit(w.st, &why));
    GOOD(gb_state_begin(w.st, &why));
    alloc_fail_from(0);
    gb_state_rollback(w.st);
    assert_true(gb_state_stale(w.st));
    assert_int_equal(gb_state_begin(w.st, &fail), GB_E_MEMORY);
    alloc_fail_never();
    GOOD(gb_state_begin(w.st, &why));
    assert_false(gb_state_stale(w.st));
    GOOD(gb_state_digest(w.st, after, &why));
    assert_memory_equal(before, after, sizeof after);
}

/* --------------------------------------------------------------- files -- */

static char path[200];

static void
drop(void)
{
    char beside[sizeof path + 4];
    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
}

static void
with_sql(const char *text)
{
    sqlite3 *db;
    const char *top = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.100s/state-damage-%d.db",
             top && *top ? top : "/tmp", getpid());
    drop();
    GOOD(gb_db_open(path, true, GB_DB_NORMAL, &db, &why));
    if (*text)
        GOOD(gb_db_exec(db, text, &why));
    gb_db_close(db);
}

static void
whose_database(void **state)
{
    static const uint8_t site[16];
    struct gb_state *st;
    struct gb_fail fail = {0};
    (void)state;
    with_sql("CREATE TABLE other(a)");
    assert_int_equal(gb_state_open(path, site, &st, &fail), GB_E_DATABASE);
    assert_null(st);
    with_sql(""); /* nobody's yet: a reader makes it nobody's */
    assert_int_equal(gb_state_open_reader(path, site, &st, &fail),
                     GB_E_DATABASE);
    GOOD(gb_state_open(path, site, &st, &why));
    gb_state_close(st);
    GOOD(gb_state_open_reader(path, site, &st, &why));
    GOOD(gb_state_begin(st, &why));
    GOOD(gb_state_commit(st, &why));
    gb_state_close(st);
    drop();
}

/* Bytes of the database, and a commit of so many. */
static off_t
size_after(struct gb_state *st, int bytes)
{
    struct stat file;
    GOOD(gb_state_begin(st, &why));
    GOOD(gb_db_execf(gb_state_db(st), &why,
                     "INSERT INTO _held VALUES((SELECT count(*) FROM _held), "
                     "zeroblob(%d))",
                     bytes));
    GOOD(gb_state_commit(st, &why));
    assert_int_equal(stat(path, &file), 0);
    return file.st_size;
}

/* What was committed is copied from the log when somebody has time, and it is
 * much, or when it is too much. */
static void
the_log_is_copied_back(void **state)
{
    static const uint8_t site[16];
    struct stat file;
    struct gb_state *st;
    (void)state;
    with_sql("");
    GOOD(gb_state_open(path, site, &st, &why));
    off_t small = size_after(st, 100);
    gb_state_checkpoint(st); /* it is not much */
    assert_int_equal(size_after(st, 5 << 20), small);
    gb_state_checkpoint(st);
    assert_int_equal(stat(path, &file), 0);
    assert_true(file.st_size > 5 << 20);
    assert_int_equal(size_after(st, 20 << 20), file.st_size);
    assert_true(size_after(st, 60 << 20) > 85 << 20);
    gb_state_close(st);
    drop();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_tree_with_holes),
        T(odd_keys),
        T(stale_until_the_next),
        cmocka_unit_test(whose_database),
        cmocka_unit_test(the_log_is_copied_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
