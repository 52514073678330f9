/* db.c - engine/db.h: opening, statements, values, and failures in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/db.h"

static char folder[] = "/tmp/gengbu-db-XXXXXX";
static char path[64];

static int
make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/j.db", folder);
    return 0;
}

/* Remove what a test left, so that each starts from nothing. */
static int
clean(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (int i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static sqlite3 *
opened(enum gb_db_sync sync)
{
    sqlite3 *db = NULL;
    struct gb_fail fail = {0};
    if (gb_db_open(path, true, sync, &db, &fail))
        fail_msg("%s", fail.text);
    return db;
}

static int64_t
integer(sqlite3 *db, const char *sql)
{
    int64_t n = -99;
    bool found = false;
    struct gb_fail fail = {0};
    if (gb_db_int(db, sql, &n, &found, &fail))
        fail_msg("%s", fail.text);
    assert_true(found);
    return n;
}

static void
settings_are_those_of_the_header(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    assert_int_equal(integer(db, "PRAGMA synchronous"), 2);
    assert_int_equal(integer(db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(integer(db, "PRAGMA temp_store"), 2);
    assert_int_equal(integer(db, "PRAGMA busy_timeout"), 10000);
    assert_int_equal(integer(db, "SELECT journal_mode = 'wal' FROM "
                                 "pragma_journal_mode"),
                     1);
    gb_db_close(db);
    db = opened(GB_DB_NORMAL);
    assert_int_equal(integer(db, "PRAGMA synchronous"), 1);
    gb_db_close(db);
    gb_db_close(NULL);
    assert_int_equal(gb_db_open(":memory:", true, GB_DB_FULL, &db, NULL),
                     GB_OK);
    gb_db_close(db);
}

/* What a shift wrote is nobody else's, whatever folder it lies in. */
static void
new_files_are_private(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    mode_t old = umask(0);
    sqlite3 *db = opened(GB_DB_FULL);
    umask(old);
    assert_int_equal(gb_db_exec(db, "CREATE TABLE t(a)", NULL), GB_OK);
    for (int i = 0; i < 3; i++) {
        char name[80];
        struct stat st;
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    gb_db_close(db);
}

static void
values_come_back_as_they_went(void **state)
{
    (void)state;
    struct gb_value v[] = {
        GB_VALUE_NULL,
        gb_value_int(INT64_MIN),
        gb_value_real(0.1),
        gb_value_text(gb_span_text("巡更")),
        gb_value_text(GB_SPAN("a\0b", 3)),
        gb_value_text(GB_SPAN(NULL, 0)),
        gb_value_blob(GB_SPAN("\0\xff", 2)),
        gb_value_blob(GB_SPAN(NULL, 0)),
    };
    sqlite3 *db = opened(GB_DB_FULL);
    sqlite3_stmt *s = NULL;
    bool row = false;
    assert_int_equal(gb_db_prepare(db, "SELECT ?1, typeof(?1)", &s, NULL),
                     GB_OK);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        gb_db_bind(s, 1, &v[i]);
        assert_int_equal(gb_db_step(s, &row, NULL), GB_OK);
        assert_true(row);
        struct gb_value back = gb_db_value(s, 0);
        assert_true(gb_value_equal(&back, &v[i]));
        if (v[i].type == GB_TEXT || v[i].type == GB_BLOB) {
            assert_non_null(back.as.s.ptr);
            assert_true(gb_span_equal(gb_db_blob(s, 0), v[i].as.s));
        }
        assert_int_equal(gb_db_step(s, &row, NULL), GB_OK);
        assert_false(row);
    }
    gb_db_bind_text(s, 1, "");
    assert_int_equal(gb_db_step(s, &row, NULL), GB_OK);
    assert_true(gb_span_equal(gb_db_blob(s, 1), gb_span_text("text")));
    sqlite3_reset(s);
    gb_db_bind_blob(s, 1, GB_SPAN(NULL, 0));
    assert_int_equal(gb_db_step(s, &row, NULL), GB_OK);
    assert_true(gb_span_equal(gb_db_blob(s, 1), gb_span_text("blob")));
    sqlite3_finalize(s);
    gb_db_close(db);
}

static void
integers_are_found_or_not(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    struct gb_fail fail = {0};
    int64_t n = 5;
    bool found = true;
    assert_int_equal(
        gb_db_exec(db, "CREATE TABLE t(a); CREATE TABLE u(a)", &fail), GB_OK);
    assert_int_equal(gb_db_int(db, "SELECT a FROM t", &n, &found, &fail),
                     GB_OK);
    assert_false(found);
    assert_int_equal(n, 0);
    assert_int_equal(gb_db_execf(db, &fail,
                                 "INSERT INTO \"%w\" VALUES (%d), "
                                 "(%Q)",
                                 "t", 7, "it's"),
                     GB_OK);
    assert_int_equal(integer(db, "SELECT a FROM t"), 7);
    assert_int_equal(integer(db, "SELECT count(*) FROM t WHERE a = 'it''s'"),
                     1);
    assert_int_equal(gb_db_int(db, "SELECT x", &n, &found, &fail),
                     GB_E_DATABASE);
    assert_non_null(strstr(fail.text, "j.db: no such column: x"));
    gb_db_close(db);
}

static void
one_statement_is_one(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    sqlite3_stmt *s = NULL;
    static const char *const bad[] = {"", " -- nothing", "SELECT 1; SELECT 2",
                                      "SELECT 1; x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(gb_db_prepare(db, bad[i], &s, NULL), GB_E_DATABASE);
        assert_null(s);
    }
    assert_int_equal(gb_db_prepare(db, "SELECT 1 ;\n ", &s, NULL), GB_OK);
    sqlite3_finalize(s);
    assert_int_equal(gb_db_preparef(db, &s, NULL, "SELECT %d", 5), GB_OK);
    sqlite3_finalize(s);
    gb_db_close(db);
}

/* What each failure of a statement becomes. */
static const struct {
    const char *sql;
    enum gb_err err;
    const char *text;
} failures[] = {
    {"INSERT INTO t(id, n) VALUES (1, 'x')", GB_E_TYPE,
     "cannot store TEXT value in INTEGER column t.n"},
    {"INSERT INTO t(id) VALUES (7)", GB_E_VALUE,
     "NOT NULL constraint failed: t.n"},
    {"INSERT INTO t(id, n) VALUES (7, 1), (7, 1)", GB_E_EXISTS,
     "UNIQUE constraint failed: t.id"},
    {"INSERT INTO t(id, n, u) VALUES (7, 1, 1), (8, 1, 1)", GB_E_EXISTS,
     "UNIQUE constraint failed: t.u"},
    {"INSERT INTO t(id, n, u) VALUES (7, 1, -1)", GB_E_REFUSED,
     "CHECK constraint failed: u > 0"},
    {"DELETE FROM t", GB_E_REFUSED, "记录不能删除"},
    {"INSERT INTO t(id, n) VALUES (1, zeroblob(2000000000))", GB_E_LIMIT,
     "too large"},
    {"SELEKT", GB_E_DATABASE, "near \"SELEKT\": syntax error"},
    {"INSERT INTO nowhere VALUES (1)", GB_E_DATABASE, "no such table: nowhere"},
};

static void
failures_of_statements_have_codes(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    assert_int_equal(
        gb_db_exec(db,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, "
                   "u INTEGER UNIQUE CHECK (u > 0)) STRICT;"
                   "INSERT INTO t VALUES (99, 1, 99);"
                   "CREATE TRIGGER d BEFORE DELETE ON t BEGIN "
                   "SELECT raise(ABORT, '记录不能删除'); END;",
                   NULL),
        GB_OK);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(gb_db_exec(db, failures[i].sql, &fail),
                         failures[i].err);
        if (!strstr(fail.text, failures[i].text))
            fail_msg("%s: %s", failures[i].sql, fail.text);
        sqlite3_stmt *s = NULL;
        bool row = true;
        fail = (struct gb_fail){0};
        enum gb_err err = gb_db_prepare(db, failures[i].sql, &s, &fail);
        if (!err) {
            err = gb_db_step(s, &row, &fail);
            assert_false(row);
            assert_false(sqlite3_stmt_busy(s));
            assert_int_equal(gb_db_run(s, NULL), err); /* it was reset */
        }
        assert_int_equal(err, failures[i].err);
        assert_non_null(strstr(fail.text, failures[i].text));
        sqlite3_finalize(s);
    }
    assert_int_equal(integer(db, "SELECT count(*) FROM t"), 1);
    gb_db_close(db);
}

static void
a_full_database_is_a_full_disk(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    struct gb_fail fail = {0};
    assert_int_equal(
        gb_db_exec(db, "CREATE TABLE t(a); PRAGMA max_page_count=9", NULL),
        GB_OK);
    assert_int_equal(
        gb_db_exec(db, "INSERT INTO t VALUES (zeroblob(100000))", &fail),
        GB_E_IO);
    assert_non_null(strstr(fail.text, path));
    assert_non_null(strstr(fail.text, "the disk is full: make room"));
    gb_db_close(db);
}

/* A limit on the size of files stands in for a disk that fails; it binds a
 * whole process, hence the child.  Its status is the code. */
static void
a_write_that_fails_is_io(void **state)
{
    (void)state;
    gb_db_close(opened(GB_DB_FULL));
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;
        struct gb_fail fail = {0};
        struct rlimit limit = {65536, 65536};
        signal(SIGXFSZ, SIG_IGN);
        if (gb_db_open(path, false, GB_DB_FULL, &db, &fail) ||
            setrlimit(RLIMIT_FSIZE, &limit))
            _exit(99);
        enum gb_err err =
            gb_db_exec(db, "CREATE TABLE t AS SELECT zeroblob(100000)", &fail);
        _exit(strstr(fail.text, path) ? (int)err : 98);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), GB_E_IO);
}

static void
files_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    struct gb_fail fail = {0};
    assert_int_equal(gb_db_open(path, false, GB_DB_FULL, &db, &fail), GB_E_IO);
    assert_null(db);
    assert_non_null(strstr(fail.text, path));
    assert_non_null(strstr(fail.text, "No such file"));
    assert_int_equal(gb_db_open_readonly(path, &db, &fail), GB_E_IO);
    assert_null(db);
    assert_int_equal(gb_db_open(folder, true, GB_DB_FULL, &db, &fail), GB_E_IO);
    assert_null(db);
    assert_int_equal(
        gb_db_open("/tmp/no/such/folder/j.db", true, GB_DB_FULL, &db, &fail),
        GB_E_IO);

    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs("this is not a database at all", f);
    fclose(f);
    assert_int_equal(gb_db_open(path, false, GB_DB_FULL, &db, &fail),
                     GB_E_DATABASE);
    assert_null(db);
    assert_non_null(strstr(fail.text, "not an SQLite database"));
    assert_int_equal(gb_db_open_readonly(path, &db, &fail), GB_E_DATABASE);
    assert_null(db);
}

static void
damage_is_named(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    struct gb_fail fail = {0};
    assert_int_equal(
        gb_db_exec(db,
                   "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(9000));"
                   "PRAGMA wal_checkpoint(TRUNCATE)",
                   NULL),
        GB_OK);
    gb_db_close(db);
    int f = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(f >= 0);
    assert_int_equal(pwrite(f, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 4096), 8);
    assert_int_equal(close(f), 0);
    assert_int_equal(gb_db_open(path, false, GB_DB_FULL, &db, NULL), GB_OK);
    int64_t n;
    bool found;
    assert_int_equal(
        gb_db_int(db, "SELECT length(a) FROM t", &n, &found, &fail),
        GB_E_DATABASE);
    assert_non_null(strstr(fail.text, "the database is damaged"));
    gb_db_close(db);
}

static void
reading_only_writes_nothing(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL), *reader = NULL;
    struct gb_fail fail = {0};
    assert_int_equal(gb_db_exec(db, "CREATE TABLE t(a)", NULL), GB_OK);
    assert_int_equal(gb_db_open_readonly(path, &reader, &fail), GB_OK);
    assert_int_equal(integer(reader, "SELECT count(*) FROM t"), 0);
    assert_int_equal(gb_db_exec(reader, "INSERT INTO t VALUES (1)", &fail),
                     GB_E_IO);
    assert_non_null(strstr(fail.text, "is read-only"));
    gb_db_close(reader);
    gb_db_close(db);
}

static void
a_copy_is_its_own(void **state)
{
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL), *copy;
    struct gb_fail fail = {0};
    assert_int_equal(gb_db_open_copy("/tmp/no/such/folder/j.db", &copy, &fail),
                     GB_E_IO);
    assert_null(copy);
    assert_int_equal(
        gb_db_exec(db, "CREATE TABLE t(a); INSERT INTO t VALUES (1)", NULL),
        GB_OK);
    assert_int_equal(gb_db_open_copy(path, &copy, &fail), GB_OK);
    assert_int_equal(gb_db_exec(copy, "INSERT INTO t VALUES (2)", &fail),
                     GB_OK);
    assert_int_equal(integer(copy, "SELECT sum(a) FROM t"), 3);
    assert_int_equal(integer(db, "SELECT sum(a) FROM t"), 1);
    gb_db_close(copy);
    gb_db_close(db);
}

static void
a_lock_held_elsewhere_is_busy(void **state)
{
    (void)state;
    sqlite3 *a = opened(GB_DB_FULL), *b = opened(GB_DB_FULL);
    struct gb_fail fail = {0};
    assert_int_equal(gb_db_exec(a, "BEGIN IMMEDIATE", NULL), GB_OK);
    sqlite3_busy_timeout(b, 1);
    assert_int_equal(gb_db_exec(b, "BEGIN IMMEDIATE", &fail), GB_E_BUSY);
    assert_non_null(strstr(fail.text, path));
    assert_non_null(strstr(fail.text, "in use by another process"));
    gb_db_close(b);
    gb_db_close(a);
}

/* Renamed away, replaced, gone; and come back. */
static void
a_file_that_moved_is_seen(void **state)
{
    char other[80];
    (void)state;
    sqlite3 *db = opened(GB_DB_FULL);
    snprintf(other, sizeof other, "%s/other", folder);
    assert_false(gb_db_moved(db));
    assert_int_equal(rename(path, other), 0);
    assert_true(gb_db_moved(db));
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_true(gb_db_moved(db));
    assert_int_equal(rename(other, path), 0);
    assert_false(gb_db_moved(db));
    gb_db_close(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(settings_are_those_of_the_header, clean),
        cmocka_unit_test_teardown(new_files_are_private, clean),
        cmocka_unit_test_teardown(values_come_back_as_they_went, clean),
        cmocka_unit_test_teardown(integers_are_found_or_not, clean),
        cmocka_unit_test_teardown(one_statement_is_one, clean),
        cmocka_unit_test_teardown(failures_of_statements_have_codes, clean),
        cmocka_unit_test_teardown(a_full_database_is_a_full_disk, clean),
        cmocka_unit_test_teardown(a_write_that_fails_is_io, clean),
        cmocka_unit_test_teardown(files_that_cannot_be_used_are_named, clean),
        cmocka_unit_test_teardown(damage_is_named, clean),
        cmocka_unit_test_teardown(reading_only_writes_nothing, clean),
        cmocka_unit_test_teardown(a_copy_is_its_own, clean),
        cmocka_unit_test_teardown(a_lock_held_elsewhere_is_busy, clean),
        cmocka_unit_test_teardown(a_file_that_moved_is_seen, clean),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
