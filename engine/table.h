/*
 * table.h - records as rows: the one place that knows how a record lies in
 * SQLite, at the hub, on a handheld and in an audit alike.
 *
 * A schema's table becomes a STRICT table of the same name with the schema's
 * columns (nullable: NOT NULL binds capture, not merge) and the engine's own:
 *
 *   _e     effective stamp of the insert; on a handheld its own stamp until
 *          the hub has accepted it
 *   _pos   position << 4 | level of the insert; position 0: not accepted yet
 *   _actor staff record that made it
 *   _ref   the caller's own name, or NULL
 *   _void  reason of the void, NULL while the record is live
 *   _code  rest of the record's state (FORMAT.md "Record state"), NULL for a
 *          record that was only inserted
 *
 * So a new record costs one B-tree insert, and plain SQL reads everything.
 */
#ifndef GB_TABLE_H
#define GB_TABLE_H

#include "db.h"
#include "rec.h"

enum gb_side { GB_SIDE_HUB, GB_SIDE_DEVICE };

/*
 * Create the tables and views of a schema, or bring those of `old` up to it
 * (new tables, new columns, views anew).  On the device's side inserts get
 * their stamp, level and actor from SQL functions that capture.c registers.
 */
enum gb_err gb_table_create(sqlite3 *db, const struct gb_schema *old,
                            const struct gb_schema *s, enum gb_side side,
                            struct gb_fail *fail);

/* Prepared statements over all tables of a schema; borrows db and schema. */
struct gb_tables;
enum gb_err gb_tables_open(sqlite3 *db, const struct gb_schema *s,
                           struct gb_tables **out, struct gb_fail *fail);
void gb_tables_close(struct gb_tables *t); /* NULL is harmless */

/* Read a record into the arena. *found false when there is none. */
enum gb_err gb_tables_load(struct gb_tables *t, int table, int64_t id,
                           struct gb_arena *arena, struct gb_rec *out,
                           bool *found, struct gb_fail *fail);
/* The same for ids that mostly rise, in one transaction in which nothing is
 * written: the next one is often the next row.  To be ended. */
enum gb_err gb_tables_seek(struct gb_tables *t, int table, int64_t id,
                           struct gb_arena *arena, struct gb_rec *out,
                           bool *found, struct gb_fail *fail);
void gb_tables_seek_end(struct gb_tables *t);
enum gb_err gb_tables_exists(struct gb_tables *t, int table, int64_t id,
                             bool *found, struct gb_fail *fail);
/* From now on changed rows, up to so many bytes of them, may be written as late
 * as gb_tables_settle(), which the owner calls before SQL of its own reads
 * them, and before it commits; a rollback wants tables that are opened anew.
 * For one who makes many changes in a transaction. */
void gb_tables_defer(struct gb_tables *t, size_t bytes);
enum gb_err gb_tables_settle(struct gb_tables *t, struct gb_fail *fail);
/* Write a new row; *exists is set, and nothing written, if the id is taken. */
enum gb_err gb_tables_insert(struct gb_tables *t, const struct gb_rec *r,
                             bool *exists, struct gb_fail *fail);
/* Rewrite the row of a record. */
enum gb_err gb_tables_update(struct gb_tables *t, const struct gb_rec *r,
                             struct gb_fail *fail);
/* Insert or update. */
enum gb_err gb_tables_put(struct gb_tables *t, const struct gb_rec *r,
                          struct gb_fail *fail);
enum gb_err gb_tables_delete(struct gb_tables *t, int table, int64_t id,
                             struct gb_fail *fail);
/* Visit records by rising id, from `after` on; the record is valid during the
 * call.  A visitor that returns other than GB_OK ends the walk with it. */
typedef enum gb_err gb_visit(void *context, const struct gb_rec *r,
                             struct gb_fail *fail);
enum gb_err gb_tables_walk(struct gb_tables *t, int table, int64_t after,
                           gb_visit *visit, void *context,
                           struct gb_fail *fail);
/* The record that `device` calls `ref`; 0 when there is none, GB_E_VALUE when
 * there are several. */
enum gb_err gb_tables_ref(struct gb_tables *t, int table, int device,
                          struct gb_span ref, int64_t *id,
                          struct gb_fail *fail);

/* Whether a record counts. */
typedef enum gb_err gb_in_digest(void *context, int table, int64_t id, bool *in,
                                 struct gb_fail *fail);
/* SHA-256 over all records, by table name and id (FORMAT.md "State digest"),
 * or, with `in`, over those that it lets in. */
enum gb_err gb_tables_digest(struct gb_tables *t, const struct gb_schema *s,
                             const struct gb_lineage *lineage, gb_in_digest *in,
                             void *context, uint8_t out[32],
                             struct gb_fail *fail);

#endif
