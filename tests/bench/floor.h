/*
 * floor.h - what nothing can be faster or smaller than: the libraries alone,
 * on the same data.
 *
 * A plain database has the workload's tables as they are, with a column for
 * voids, and no stamps.  Its pragmas are those of db.c; how its log is written
 * (db_vfs.c) is SQLite's.
 */
#ifndef GB_BENCH_FLOOR_H
#define GB_BENCH_FLOOR_H

#include "engine/buf.h"
#include "engine/db.h"
#include "engine/key.h"
#include "workload.h"

/* Tables and the shared records; returns the open database. */
sqlite3 *floor_open(const char *path, enum gb_db_sync sync);

/* Prepared statements of a shift: an insert and a void for each table, a change
 * for each of its columns. */
struct floor_sql {
    sqlite3_stmt *insert[WL_TABLES], *voids[WL_TABLES];
    sqlite3_stmt *change[WL_TABLES][WL_COLUMNS_MAX];
};
void floor_prepare(sqlite3 *db, struct floor_sql *out);
void floor_finalize(struct floor_sql *s);

/* An operation with its values, read before the clock runs. */
struct floor_op {
    const struct wl_op *op;
    const struct wl_value *values; /* one of a change, all of an insert */
};
struct floor_op *floor_values(const struct wl_op *ops, int n);
void floor_apply(struct floor_sql *s, const struct floor_op *op);

/* Seconds to read every value of every row, and deflate them as lines. */
double floor_read(sqlite3 *db);

/* The operations as lines of text with tabs, deflated by zlib's default. */
size_t floor_bytes(const struct wl_op *ops, int n);

/* Seconds that it takes to verify so many signatures with as many threads as
 * there are processors, each with its own key, over messages of `len` bytes
 * that are hashed with SHA-512 first. */
double floor_verify(int signatures, size_t len);

/* Seconds of one fdatasync behind a write of a page. */
double floor_fdatasync(const char *path, int times);
/* Seconds to write so many bytes to a new file, and sync it and its folder. */
double floor_file(const char *path, size_t bytes);
/* Seconds that libgit2 takes to make one pack of these blobs in a new
 * repository, write it with its index, and sync both. */
double floor_pack(const char *path, const struct gb_span *blobs, size_t n);

#endif
