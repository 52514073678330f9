/*
 * db_vfs.c - see db_private.h
 *
 * SQLite writes a frame of its write-ahead log with two calls: a header of 24
 * bytes, and the page behind it.  Where a commit waits for no disk, calls are
 * what it costs.  So a header that goes on where the last write ended is held,
 * and written together with its page.
 *
 * Nothing is lost by that: the page is what SQLite writes next, nobody looks
 * for a frame before, and whatever else is done with the file finds the header
 * in it.  Headers that SQLite writes anew (walRewriteChecksums() of its wal.c)
 * have no page behind them, but begin where no write ended.  A page is never
 * held: when its transaction is rolled back nobody tells, and another process
 * may write there.
 */
#include "db_private.h"

#include <pthread.h>
#include <string.h>

#define HEADER 24
#define PAGE 4096 /* what SQLite makes; one that is larger is written apart */

struct log_file {
    sqlite3_file file;  /* as SQLite sees it, and */
    sqlite3_file *real; /* the system's, behind this struct */
    sqlite3_int64 end;  /* of the last write, */
    bool held;          /* which is a header, and still to be done */
    char frame[HEADER + PAGE];
};

static struct log_file *
of(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

static int
put(struct log_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    f->held = false;
    f->end = at + n;
    return f->real->pMethods->xWrite(f->real, bytes, n, at);
}

static int
put_held(struct log_file *f)
{
    return f->held ? put(f, f->frame, HEADER, f->end - HEADER) : SQLITE_OK;
}

static int
log_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct log_file *f = of(file);
    bool goes_on = at == f->end;
    if (goes_on && f->held && n <= PAGE) {
        memcpy(f->frame + HEADER, bytes, (size_t)n);
        return put(f, f->frame, HEADER + n, at - HEADER);
    }
    int rc = put_held(f);
    if (rc || !goes_on || n != HEADER)
        return rc ? rc : put(f, bytes, n, at);
    memcpy(f->frame, bytes, HEADER);
    f->held = true;
    f->end = at + HEADER;
    return SQLITE_OK;
}

/* xNAME of the system's file, with what was held in it. */
#define PASS(name, parameters, arguments)                                      \
    static int log_##name parameters                                           \
    {                                                                          \
        sqlite3_file *real = of(file)->real;                                   \
        int rc = put_held(of(file));                                           \
        return rc ? rc : real->pMethods->x##name arguments;                    \
    }
PASS(Read, (sqlite3_file * file, void *to, int n, sqlite3_int64 at),
     (real, to, n, at))
PASS(Truncate, (sqlite3_file * file, sqlite3_int64 size), (real, size))
PASS(Sync, (sqlite3_file * file, int flags), (real, flags))
PASS(FileSize, (sqlite3_file * file, sqlite3_int64 *size), (real, size))
PASS(FileControl, (sqlite3_file * file, int op, void *arg), (real, op, arg))

static int
log_close(sqlite3_file *file)
{
    sqlite3_file *real = of(file)->real;
    int rc = put_held(of(file)), closed = real->pMethods->xClose(real);
    return rc ? rc : closed;
}

static int
log_sector_size(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int
log_characteristics(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

/* SQLite locks and maps the database, never its log. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = log_close,
                                           .xRead = log_Read,
                                           .xWrite = log_write,
                                           .xTruncate = log_Truncate,
                                           .xSync = log_Sync,
                                           .xFileSize = log_FileSize,
                                           .xFileControl = log_FileControl,
                                           .xSectorSize = log_sector_size,
                                           .xDeviceCharacteristics =
                                               log_characteristics};

static sqlite3_vfs *system_vfs, log_vfs;

/* All but a log is the system's own file. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
          int *got)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return system_vfs->xOpen(system_vfs, name, file, flags, got);
    struct log_file *f = of(file);
    *f = (struct log_file){.real = (sqlite3_file *)(void *)(f + 1)};
    int rc = system_vfs->xOpen(system_vfs, name, f->real, flags, got);
    if (!rc)
        f->file.pMethods = &methods;
    return rc;
}

/* The default of this moment, but for how a file is opened. */
static void
make(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return;
    log_vfs = *system_vfs;
    log_vfs.zName = "gengbu";
    log_vfs.szOsFile += (int)sizeof(struct log_file);
    log_vfs.xOpen = open_file;
    sqlite3_vfs_register(&log_vfs, 0);
}

const char *
gb_db_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make);
    return log_vfs.zName;
}
