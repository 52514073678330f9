/* db_vfs.c - engine/db_vfs.c: a frame of the log is written at once, and
 * nothing that SQLite counts on stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/db_private.h"

#define HEADER 24
#define START 32 /* the log's own header */

static char folder[] = "/tmp/gengbu-vfs-XXXXXX";
static char path[64], wal[64], shm[64];
static char bytes[8192]; /* what a log has in it */

static int
make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/j.db", folder);
    snprintf(wal, sizeof wal, "%s/j.db-wal", folder);
    snprintf(shm, sizeof shm, "%s/j.db-shm", folder);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    FILE *db = fopen(path, "wb"); /* whose mode a log gets */
    return db ? fclose(db) : -1;
}

static int
remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(wal);
    unlink(shm);
    return rmdir(folder);
}

/* A log that has its own header, and a frame's that waits. */
static sqlite3_file *
waiting(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(gb_db_vfs());
    sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
    assert_non_null(f);
    unlink(wal);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    assert_int_equal(vfs->xOpen(vfs, wal, f, flags, &flags), SQLITE_OK);
    assert_int_equal(f->pMethods->xWrite(f, bytes, START, 0), SQLITE_OK);
    assert_int_equal(f->pMethods->xWrite(f, bytes + START, HEADER, START),
                     SQLITE_OK);
    return f;
}

static void
done(sqlite3_file *f)
{
    assert_int_equal(f->pMethods->xClose(f), SQLITE_OK);
    free(f);
}

/* The file itself has the first n of the bytes, and nothing else. */
static void
assert_file(size_t n)
{
    static char found[sizeof bytes + 1];
    FILE *file = fopen(wal, "rb");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found, file), n);
    assert_memory_equal(found, bytes, n);
    fclose(file);
}

static void
a_header_waits_for_its_page(void **state)
{
    static const int pages[] = {512, 4096, 8000}; /* the last: in two */
    (void)state;
    for (int i = 0; i < 3; i++) {
        sqlite3_file *f = waiting();
        assert_file(START);
        int at = START + HEADER;
        assert_int_equal(f->pMethods->xWrite(f, bytes + at, pages[i], at),
                         SQLITE_OK);
        assert_file((size_t)(at + pages[i]));
        at += pages[i];
        assert_int_equal(f->pMethods->xWrite(f, bytes + at, HEADER, at),
                         SQLITE_OK);
        assert_file((size_t)at);
        done(f);
        assert_file((size_t)at + HEADER);
    }
}

static int
reads(sqlite3_file *f)
{
    char out[HEADER];
    int rc = f->pMethods->xRead(f, out, HEADER, START);
    assert_memory_equal(out, bytes + START, HEADER);
    return rc;
}

static int
truncates(sqlite3_file *f)
{
    return f->pMethods->xTruncate(f, START + HEADER);
}

static int
syncs(sqlite3_file *f)
{
    return f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
}

static int
asks_the_size(sqlite3_file *f)
{
    sqlite3_int64 size;
    int rc = f->pMethods->xFileSize(f, &size);
    assert_int_equal(size, START + HEADER);
    return rc;
}

static int
controls(sqlite3_file *f)
{
    int fault = 0;
    return f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &fault);
}

static int
writes_elsewhere(sqlite3_file *f)
{
    return f->pMethods->xWrite(f, bytes, START, 0);
}

/* As SQLite does with frames that it has changed: each is read, and its header
 * written, without its page. */
static int
writes_headers_anew(sqlite3_file *f)
{
    int at = START + HEADER + 4096;
    int rc =
        f->pMethods->xWrite(f, bytes + START + HEADER, 4096, START + HEADER);
    assert_int_equal(rc, SQLITE_OK);
    char other[HEADER] = {0};
    assert_int_equal(f->pMethods->xWrite(f, other, HEADER, START), SQLITE_OK);
    FILE *file = fopen(wal, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, START, SEEK_SET), 0);
    assert_int_equal(fgetc(file), 0);
    fclose(file);
    rc = f->pMethods->xWrite(f, bytes + START, HEADER, START);
    assert_file((size_t)at);
    return rc ? rc : f->pMethods->xTruncate(f, START + HEADER);
}

static void
whatever_else_is_done_finds_the_header(void **state)
{
    static int (*const calls[])(sqlite3_file *) = {reads,
                                                   truncates,
                                                   syncs,
                                                   asks_the_size,
                                                   controls,
                                                   writes_elsewhere,
                                                   writes_headers_anew};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        sqlite3_file *f = waiting();
        assert_int_equal(calls[i](f), SQLITE_OK);
        assert_file(START + HEADER);
        done(f);
        assert_file(START + HEADER);
    }
}

/* A transaction that does not fit the cache: pages are in the log before the
 * commit, and again, so that headers are written anew.  The process ends, and
 * the log alone has what was committed. */
static void
write_and_die(void)
{
    sqlite3 *db;
    struct gb_fail fail = {0};
    bool good = !gb_db_open(path, true, GB_DB_NORMAL, &db, &fail) &&
                !gb_db_exec(db,
                            "PRAGMA cache_size = 2; PRAGMA cache_spill = 1;"
                            "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
                            "BEGIN;"
                            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                            "FROM n WHERE i < 500) "
                            "INSERT INTO t SELECT i, zeroblob(300) FROM n;"
                            "UPDATE t SET v = 'once';"
                            "UPDATE t SET v = 'twice' WHERE id < 490;"
                            "COMMIT",
                            &fail);
    _exit(good ? 0 : 1);
}

static void
a_commit_is_in_the_log(void **state)
{
    sqlite3 *db;
    struct gb_fail fail = {0};
    int status;
    int64_t n;
    bool found;
    (void)state;
    unlink(wal);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        write_and_die();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(shm), 0);
    assert_int_equal(gb_db_open(path, false, GB_DB_NORMAL, &db, &fail), 0);
    assert_int_equal(gb_db_int(db, "SELECT count(*) FROM t WHERE v = 'twice'",
                               &n, &found, &fail),
                     0);
    assert_int_equal(n, 489);
    gb_db_close(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_waits_for_its_page),
        cmocka_unit_test(whatever_else_is_done_finds_the_header),
        cmocka_unit_test(a_commit_is_in_the_log),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
