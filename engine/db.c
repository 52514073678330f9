/* db.c - see db.h */
#include "db_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 10000

/* What a failure means to us.  An extended code comes before its primary one;
 * FORMAT: "%s" is the file, or what SQLite calls a database without one. */
static const struct {
    int code;
    enum gb_err err;
    const char *words; /* NULL: SQLite's own message is the clearest */
} meanings[] = {
    {SQLITE_CONSTRAINT_TRIGGER, GB_E_REFUSED, NULL},
    {SQLITE_CONSTRAINT_DATATYPE, GB_E_TYPE, NULL},
    {SQLITE_CONSTRAINT_NOTNULL, GB_E_VALUE, NULL},
    {SQLITE_CONSTRAINT_PRIMARYKEY, GB_E_EXISTS, NULL},
    {SQLITE_CONSTRAINT_ROWID, GB_E_EXISTS, NULL},
    {SQLITE_CONSTRAINT_UNIQUE, GB_E_EXISTS, NULL},
    {SQLITE_CONSTRAINT, GB_E_REFUSED, NULL},
    {SQLITE_IOERR_NOMEM, GB_E_MEMORY, "out of memory"},
    {SQLITE_NOMEM, GB_E_MEMORY, "out of memory"},
    {SQLITE_FULL, GB_E_IO, "the disk is full: make room and try again"},
    {SQLITE_READONLY, GB_E_IO,
     "is read-only: check who owns the file and its folder"},
    {SQLITE_CANTOPEN, GB_E_IO, "cannot be opened: check the path and rights"},
    {SQLITE_PERM, GB_E_IO, "no permission: check who owns the file"},
    {SQLITE_IOERR, GB_E_IO,
     "reading or writing failed: see that the disk has room, is "
     "writable and sound"},
    {SQLITE_NOTADB, GB_E_DATABASE, "not an SQLite database"},
    {SQLITE_CORRUPT, GB_E_DATABASE,
     "the database is damaged: restore it from a backup or rebuild it"},
    {SQLITE_BUSY, GB_E_BUSY, "in use by another process: try again later"},
    {SQLITE_LOCKED, GB_E_BUSY, "in use by another process: try again later"},
    /* the one that recovers the WAL does not come to its end */
    {SQLITE_PROTOCOL, GB_E_BUSY, "in use by another process: try again later"},
    {SQLITE_TOOBIG, GB_E_LIMIT, "a value or statement is too large"},
};

/* The file of a connection, for messages. */
static const char *
file_of(sqlite3 *db)
{
    const char *path = db ? sqlite3_db_filename(db, "main") : NULL;
    return path && *path ? path : "database in memory";
}

/* Put the connection's failure into words about a file. */
static enum gb_err
describe(sqlite3 *db, const char *path, struct gb_fail *fail)
{
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int system = db ? sqlite3_system_errno(db) : 0;
    const char *message = db ? sqlite3_errmsg(db) : "out of memory";
    /* A journal on a full disk may report a failed write instead. */
    if ((code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT))
        code = SQLITE_FULL;
    /* Of a failed -shm, SQLite keeps only that there is none to read. */
    if ((code & 0xff) == SQLITE_CANTOPEN && system == ENOENT &&
        access(path, F_OK) == 0)
        return gb_fail_set(fail, GB_E_IO,
                           "%s: its -wal and -shm cannot be made: see that you "
                           "own the folder, and that its disk has room and is "
                           "writable",
                           path);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].code != code && meanings[i].code != (code & 0xff))
            continue;
        enum gb_err err = meanings[i].err;
        if (!meanings[i].words)
            return gb_fail_set(fail, err, "%s", message);
        /* Else the errno may be left over from something else. */
        bool fresh =
            (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR;
        if (!fresh || !system)
            return gb_fail_set(fail, err, "%s: %s", path, meanings[i].words);
        return gb_fail_set(fail, err, "%s: %s (%s)", path, meanings[i].words,
                           strerror(system));
    }
    return gb_fail_set(fail, GB_E_DATABASE, "%s: %s", path, message);
}

enum gb_err
gb_db_error(sqlite3 *db, struct gb_fail *fail)
{
    return describe(db, file_of(db), fail);
}

/* Settings of every connection.  The first one that reads the file finds out
 * whether it is a database at all. */
static enum gb_err
configure(sqlite3 *db, enum gb_db_sync sync, struct gb_fail *fail)
{
    sqlite3_busy_timeout(db, BUSY_MS);
    enum gb_err err =
        gb_db_exec(db,
                   sync == GB_DB_FULL
                       ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                   fail);
    if (!err)
        err = gb_db_exec(
            db, "PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY;", fail);
    return err;
}

/* WAL is a promise of this header: a file system that cannot do it (no shared
 * memory) leaves the old mode in force without an error. */
static enum gb_err
demand_wal(sqlite3 *db, const char *path, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gb_err err = gb_db_prepare(db, "PRAGMA journal_mode", &s, fail);
    if (!err)
        err = gb_db_step(s, &row, fail);
    if (!err) {
        struct gb_span mode = row ? gb_db_blob(s, 0) : GB_SPAN("", 0);
        if (!gb_span_equal(mode, gb_span_text("wal")) &&
            !gb_span_equal(mode, gb_span_text("memory")))
            err = gb_fail_set(fail, GB_E_IO,
                              "%s: its file system cannot hold a "
                              "write-ahead log: use a local disk",
                              path);
    }
    sqlite3_finalize(s);
    return err;
}

/* Open with flags; on failure nothing is left open.  A connection belongs to
 * one thread at a time, so SQLite need not lock it for every value. */
static enum gb_err
open_with(const char *path, int flags, sqlite3 **out, struct gb_fail *fail)
{
    *out = NULL;
    sqlite3 *db = NULL;
    flags |= SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(path, &db, flags, gb_db_vfs());
    if (rc) {
        enum gb_err err = describe(db, path, fail);
        sqlite3_close(db);
        return err;
    }
    *out = db;
    return GB_OK;
}

/* SQLite would make a file that everybody may read; its write-ahead log and
 * shared memory get the mode of the file.  A failure is SQLite's to report. */
static void
make_private(const char *path)
{
    if (!strcmp(path, ":memory:"))
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

enum gb_err
gb_db_open(const char *path, bool create, enum gb_db_sync sync, sqlite3 **out,
           struct gb_fail *fail)
{
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    if (create)
        make_private(path);
    enum gb_err err = open_with(path, flags, out, fail);
    if (err)
        return err;
    /* SQLite falls back to reading only, and would say so at the first write.
     */
    if (sqlite3_db_readonly(*out, "main") == 1)
        err = gb_fail_set(fail, GB_E_IO,
                          "%s: is read-only: check who owns the file and its "
                          "folder",
                          path);
    if (!err)
        err = configure(*out, sync, fail);
    if (!err)
        err = demand_wal(*out, path, fail);
    if (err) {
        gb_db_close(*out);
        *out = NULL;
    }
    return err;
}

/* Open for reading and see that it can be read. */
static enum gb_err
open_reader(const char *path, int flags, sqlite3 **out, struct gb_fail *fail)
{
    enum gb_err err = open_with(path, flags | SQLITE_OPEN_READONLY, out, fail);
    if (err)
        return err;
    sqlite3_busy_timeout(*out, BUSY_MS);
    err = gb_db_exec(*out, "PRAGMA schema_version; PRAGMA temp_store=MEMORY;",
                     fail);
    if (err) {
        gb_db_close(*out);
        *out = NULL;
    }
    return err;
}

/* The URI of a file that nobody changes meanwhile; for sqlite3_free(). */
static char *
immutable_uri(const char *path)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (; *path; path++)
        if (strchr("%?#", *path))
            sqlite3_str_appendf(uri, "%%%02X", (unsigned)*path);
        else
            sqlite3_str_appendchar(uri, 1, *path);
    sqlite3_str_appendall(uri, "?immutable=1");
    return sqlite3_str_finish(uri);
}

/* A folder that may not be written has no room for the files of a write-ahead
 * log.  Without a log there is nothing to share: the file is all. */
enum gb_err
gb_db_open_readonly(const char *path, sqlite3 **out, struct gb_fail *fail)
{
    struct gb_fail ignored = {0};
    enum gb_err err = open_reader(path, 0, out, fail);
    char *wal = err == GB_E_IO ? sqlite3_mprintf("%s-wal", path) : NULL;
    if (!wal)
        return err;
    struct stat st;
    char *uri = stat(wal, &st) || !st.st_size ? immutable_uri(path) : NULL;
    if (uri && !open_reader(uri, SQLITE_OPEN_URI, out, &ignored))
        err = GB_OK;
    sqlite3_free(uri);
    sqlite3_free(wal);
    return err;
}

enum gb_err
gb_db_open_copy(const char *path, sqlite3 **out, struct gb_fail *fail)
{
    sqlite3 *from = NULL;
    *out = NULL;
    enum gb_err err = gb_db_open_readonly(path, &from, fail);
    if (!err)
        err = open_with("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, out,
                        fail);
    if (!err) {
        sqlite3_backup *b = sqlite3_backup_init(*out, "main", from, "main");
        if (b)
            sqlite3_backup_step(b, -1); /* finish says how it went */
        if (!b || sqlite3_backup_finish(b))
            err = describe(*out, path, fail);
    }
    gb_db_close(from);
    if (err) {
        gb_db_close(*out);
        *out = NULL;
    }
    return err;
}

void
gb_db_close(sqlite3 *db)
{
    /* Busy means that a statement was not finalized: our own bug. */
    int rc = sqlite3_close(db);
    gb_assert(rc == SQLITE_OK);
}

bool
gb_db_moved(sqlite3 *db)
{
    int moved = 0; /* stays so where the VFS cannot tell */
    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved;
}

enum gb_err
gb_db_exec(sqlite3 *db, const char *sql, struct gb_fail *fail)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        return gb_db_error(db, fail);
    return GB_OK;
}

enum gb_err
gb_db_execf(sqlite3 *db, struct gb_fail *fail, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    if (!sql)
        return gb_fail_memory(fail);
    enum gb_err err = gb_db_exec(db, sql, fail);
    sqlite3_free(sql);
    return err;
}

enum gb_err
gb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
              struct gb_fail *fail)
{
    const char *tail = NULL;
    *out = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, out, &tail))
        return gb_db_error(db, fail);
    if (*out && !tail[strspn(tail, " \t\r\n;")])
        return GB_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return gb_fail_set(fail, GB_E_DATABASE, "not one statement: %.200s", sql);
}

enum gb_err
gb_db_preparef(sqlite3 *db, sqlite3_stmt **out, struct gb_fail *fail,
               const char *format, ...)
{
    *out = NULL;
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    if (!sql)
        return gb_fail_memory(fail);
    enum gb_err err = gb_db_prepare(db, sql, out, fail);
    sqlite3_free(sql);
    return err;
}

enum gb_err
gb_db_step(sqlite3_stmt *s, bool *row, struct gb_fail *fail)
{
    int rc = sqlite3_step(s);
    *row = rc == SQLITE_ROW;
    if (*row)
        return GB_OK;
    enum gb_err err =
        rc == SQLITE_DONE ? GB_OK : gb_db_error(sqlite3_db_handle(s), fail);
    sqlite3_reset(s); /* repeats the failure that has just been described */
    return err;
}

enum gb_err
gb_db_run(sqlite3_stmt *s, struct gb_fail *fail)
{
    bool row = false;
    enum gb_err err = gb_db_step(s, &row, fail);
    gb_assert(!row);
    return err;
}

/* Where the bytes of an empty span are: SQLite takes a NULL pointer as NULL. */
static const void *
never_null(struct gb_span s)
{
    return s.ptr ? (const void *)s.ptr : "";
}

void
gb_db_bind_blob(sqlite3_stmt *s, int index, struct gb_span b)
{
    int rc = sqlite3_bind_blob64(s, index, never_null(b), b.len, SQLITE_STATIC);
    gb_assert(rc == SQLITE_OK);
}

/* Text with its length: it may hold NULs. */
static void
bind_text(sqlite3_stmt *s, int index, struct gb_span t)
{
    int rc = sqlite3_bind_text64(s, index, never_null(t), t.len, SQLITE_STATIC,
                                 SQLITE_UTF8);
    gb_assert(rc == SQLITE_OK);
}

void
gb_db_bind_text(sqlite3_stmt *s, int index, const char *text)
{
    bind_text(s, index, gb_span_text(text));
}

void
gb_db_bind(sqlite3_stmt *s, int index, const struct gb_value *v)
{
    int rc = SQLITE_OK;
    switch (v->type) {
    case GB_NULL:
        rc = sqlite3_bind_null(s, index);
        break;
    case GB_INT:
        rc = sqlite3_bind_int64(s, index, v->as.i);
        break;
    case GB_REAL:
        rc = sqlite3_bind_double(s, index, v->as.r);
        break;
    case GB_TEXT:
        bind_text(s, index, v->as.s);
        break;
    case GB_BLOB:
        gb_db_bind_blob(s, index, v->as.s);
        break;
    }
    gb_assert(rc == SQLITE_OK);
}

struct gb_value
gb_db_arg(sqlite3_value *v)
{
    switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER:
        return gb_value_int(sqlite3_value_int64(v));
    case SQLITE_FLOAT:
        return gb_value_real(sqlite3_value_double(v));
    case SQLITE_NULL:
        return GB_VALUE_NULL;
    default:
        break;
    }
    bool text = sqlite3_value_type(v) == SQLITE_TEXT;
    /* As a blob, text is not copied to get a NUL behind it; the pointer must
     * be asked for before the length. */
    const void *ptr = sqlite3_value_blob(v);
    int len = sqlite3_value_bytes(v);
    struct gb_span s = GB_SPAN(ptr ? ptr : "", ptr ? (size_t)len : 0);
    return text ? gb_value_text(s) : gb_value_blob(s);
}

struct gb_value
gb_db_value(sqlite3_stmt *s, int column)
{
    return gb_db_arg(sqlite3_column_value(s, column));
}

struct gb_span
gb_db_blob(sqlite3_stmt *s, int column)
{
    const void *ptr = sqlite3_column_blob(s, column);
    int len = sqlite3_column_bytes(s, column);
    return GB_SPAN(ptr ? ptr : "", ptr ? (size_t)len : 0);
}

enum gb_err
gb_db_int(sqlite3 *db, const char *sql, int64_t *out, bool *found,
          struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    *out = 0;
    *found = false;
    enum gb_err err = gb_db_prepare(db, sql, &s, fail);
    if (!err)
        err = gb_db_step(s, found, fail);
    if (!err && *found)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return err;
}
