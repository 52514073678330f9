/* sql.c - calls of SQLite that fail (fault.h) */
#include "fault.h"

#include <stdarg.h>
#include <string.h>

#include <sqlite3.h>

/* What the last call that failed would have left in its connection. */
static bool refused;

int __real_sqlite3_step(sqlite3_stmt *s);
int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int n,
                              sqlite3_stmt **out, const char **tail);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback f,
                        void *arg, char **message);
int __real_sqlite3_extended_errcode(sqlite3 *db);
const char *__real_sqlite3_errmsg(sqlite3 *db);
char *__real_sqlite3_vmprintf(const char *format, va_list args);

int __wrap_sqlite3_step(sqlite3_stmt *s);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int n,
                              sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback f,
                        void *arg, char **message);
int __wrap_sqlite3_errcode(sqlite3 *db);
int __wrap_sqlite3_extended_errcode(sqlite3 *db);
const char *__wrap_sqlite3_errmsg(sqlite3 *db);
char *__wrap_sqlite3_vmprintf(const char *format, va_list args);
char *__wrap_sqlite3_mprintf(const char *format, ...);

int
__wrap_sqlite3_step(sqlite3_stmt *s)
{
    refused = fault_here(FAULT_SQL);
    return refused ? SQLITE_IOERR : __real_sqlite3_step(s);
}

int
__wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int n,
                          sqlite3_stmt **out, const char **tail)
{
    refused = fault_here(FAULT_SQL);
    if (!refused)
        return __real_sqlite3_prepare_v2(db, sql, n, out, tail);
    *out = NULL;
    return SQLITE_IOERR;
}

int
__wrap_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback f, void *arg,
                    char **message)
{
    /* to roll back takes neither room nor the disk */
    refused = strcmp(sql, "ROLLBACK") && fault_here(FAULT_SQL);
    return refused ? SQLITE_IOERR
                   : __real_sqlite3_exec(db, sql, f, arg, message);
}

int
__wrap_sqlite3_errcode(sqlite3 *db)
{
    return __wrap_sqlite3_extended_errcode(db) & 0xff;
}

int
__wrap_sqlite3_extended_errcode(sqlite3 *db)
{
    return refused ? SQLITE_IOERR : __real_sqlite3_extended_errcode(db);
}

const char *
__wrap_sqlite3_errmsg(sqlite3 *db)
{
    return refused ? "disk I/O error" : __real_sqlite3_errmsg(db);
}

char *
__wrap_sqlite3_vmprintf(const char *format, va_list args)
{
    return fault_here(FAULT_MEMORY) ? NULL
                                    : __real_sqlite3_vmprintf(format, args);
}

char *
__wrap_sqlite3_mprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = __wrap_sqlite3_vmprintf(format, args);
    va_end(args);
    return text;
}
