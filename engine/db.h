/*
 * db.h - SQLite in short: one way to open, prepare, bind, step and fail.
 *
 * Everything that speaks SQL includes this header and not sqlite3.h.  A
 * `sqlite3_stmt` is a prepared statement that its owner finalizes; binding
 * indexes start at 1, columns at 0, as SQLite has them.
 */
#ifndef GB_DB_H
#define GB_DB_H

#include <sqlite3.h>

#include "value.h"

enum gb_db_sync { GB_DB_NORMAL, GB_DB_FULL };

/* Open (and create if `create`, mode 0600) a database in WAL mode with foreign
 * keys off, trusted_schema as SQLite has it, busy timeout 10 s.  Not a
 * database, no permission, read-only, full disk: one clear line. */
enum gb_err gb_db_open(const char *path, bool create, enum gb_db_sync sync,
                       sqlite3 **out, struct gb_fail *fail);
/* To read only, in a folder that may not be written, too, unless a log that was
 * not written back lies there. */
enum gb_err gb_db_open_readonly(const char *path, sqlite3 **out,
                                struct gb_fail *fail);
/* A copy of what stands there, in a temporary file that nobody else sees: it
 * may be written, and is gone when closed.  The file is only read. */
enum gb_err gb_db_open_copy(const char *path, sqlite3 **out,
                            struct gb_fail *fail);
void gb_db_close(sqlite3 *db); /* NULL is harmless */
/* Whether another file, or none, is at the path now: what is written here is
 * lost to who opens it next. */
bool gb_db_moved(sqlite3 *db);

/* Run statements that return nothing. */
enum gb_err gb_db_exec(sqlite3 *db, const char *sql, struct gb_fail *fail);
enum gb_err gb_db_execf(sqlite3 *db, struct gb_fail *fail, const char *format,
                        ...); /* sqlite3_mprintf format: %Q %w ... */
/* Prepare; the statement is the caller's to finalize. */
enum gb_err gb_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                          struct gb_fail *fail);
enum gb_err gb_db_preparef(sqlite3 *db, sqlite3_stmt **out,
                           struct gb_fail *fail, const char *format, ...);
/* One step: *row says whether there is one.  After the last row, or a failure,
 * the statement is reset. */
enum gb_err gb_db_step(sqlite3_stmt *s, bool *row, struct gb_fail *fail);
/* Step to the end of a statement that returns no rows, and reset it. */
enum gb_err gb_db_run(sqlite3_stmt *s, struct gb_fail *fail);
/* The failure SQLite now reports on this connection, in words. */
enum gb_err gb_db_error(sqlite3 *db, struct gb_fail *fail);

/* Bind without a copy: the value must outlive the step. */
void gb_db_bind(sqlite3_stmt *s, int index, const struct gb_value *v);
void gb_db_bind_blob(sqlite3_stmt *s, int index, struct gb_span b);
void gb_db_bind_text(sqlite3_stmt *s, int index, const char *text);
/* Borrowed until the next step. */
struct gb_value gb_db_value(sqlite3_stmt *s, int column);
struct gb_span gb_db_blob(sqlite3_stmt *s, int column);
struct gb_value gb_db_arg(sqlite3_value *v);

/* One integer from a query without parameters; *found false if no row. */
enum gb_err gb_db_int(sqlite3 *db, const char *sql, int64_t *out, bool *found,
                      struct gb_fail *fail);

#endif
