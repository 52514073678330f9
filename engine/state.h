/*
 * state.h - what a ledger adds up to: hub.db, or an auditor's copy of it.
 *
 * The state is a pure function of the ledger's sets with what the hub noted on
 * their arrival.  gb_state_line() decides and applies one more set inside the
 * transaction that gb_state_begin() opened; nothing is durable before
 * gb_state_commit(), so the hub decides, writes the ledger, moves the ref, and
 * only then commits (docs/ARCHITECTURE.md).  Rebuild and audit run the same
 * code and must get the same lines.
 */
#ifndef GB_STATE_H
#define GB_STATE_H

#include "digest.h"
#include "line.h"
#include "merkle.h"
#include "set.h"
#include "site.h"
#include "table.h"

struct gb_state; /* one connection, one thread */

/* Open or create; `path` may be ":memory:".  A database of another program is
 * refused. */
enum gb_err gb_state_open(const char *path, const uint8_t site[16],
                          struct gb_state **out, struct gb_fail *fail);
/* The same for reading only, as a snapshot per transaction: never blocks and
 * is never blocked. */
enum gb_err gb_state_open_reader(const char *path, const uint8_t site[16],
                                 struct gb_state **out, struct gb_fail *fail);
/* Nobody needs the database after a crash, nor in a hurry: it is not synced,
 * and takes less memory. */
enum gb_err gb_state_scratch(struct gb_state *st, struct gb_fail *fail);
void gb_state_close(struct gb_state *st); /* NULL is harmless */

enum gb_err gb_state_begin(struct gb_state *st, struct gb_fail *fail);
/* Write the rows that were left for the end (gb_tables_defer()): before SQL
 * reads them, and before something else is done that lasts. */
enum gb_err gb_state_settle(struct gb_state *st, struct gb_fail *fail);
enum gb_err gb_state_commit(struct gb_state *st, struct gb_fail *fail);
/* Copy what was committed from hub.db's log into hub.db, if it is much: for a
 * moment when nobody waits.  Should that never come, a commit does it. */
void gb_state_checkpoint(struct gb_state *st);
/* Also forgets everything that was read since gb_state_begin(). */
void gb_state_rollback(struct gb_state *st);

/* Read again what another connection may have changed. */
enum gb_err gb_state_refresh(struct gb_state *st, struct gb_fail *fail);
/* The last reading, after a rollback too, failed: nothing may be asked before
 * a refresh or gb_state_begin() went well. */
bool gb_state_stale(const struct gb_state *st);

/* A set on its way into the ledger. */
struct gb_incoming {
    struct gb_span signed_bytes;
    const struct gb_set_info *info; /* of them */
    struct gb_sha256 sha;
    /* Decoded with gb_state_schema_of(info->schema); NULL when that failed;
     * with `times` only boots and times are there, the schema being newer. */
    const struct gb_set *set;
    bool times;
    int64_t received_ms;
    const int64_t *adjust; /* per boot */
    int nadjust;
};

/*
 * Decide and apply one set as the next position.  The line's arrays live in
 * `arena`.  GB_OK whatever the verdict is; failures are of the database.
 */
enum gb_err gb_state_line(struct gb_state *st, const struct gb_incoming *in,
                          struct gb_arena *arena, struct gb_line *out,
                          struct gb_fail *fail);

/* ------------------------------------------- waiting (state_wait.c) -- */

/*
 * Operations whose cause to wait has gone (MERGE.md §3), at most `max`, by
 * rising (device, stamp): what an automatic release should name now.
 */
enum gb_err gb_state_due(struct gb_state *st, struct gb_opname *out, int max,
                         int *n, struct gb_fail *fail);

/* Fills in the personal values of a set that is released; without one they
 * stay hidden, as in an audit.  `sha` names the set. */
typedef enum gb_err gb_reveal_fn(void *context, struct gb_set *set,
                                 const struct gb_schema *s,
                                 const uint8_t sha[32], struct gb_fail *fail);
void gb_state_on_release(struct gb_state *st, gb_reveal_fn *reveal,
                         void *context);

/* Adds the signed bytes of a set that has a position, given its line.  Asked
 * for only where a number continues another one (state_origin.c). */
typedef enum gb_err gb_fetch_fn(void *context, const struct gb_line *line,
                                struct gb_buf *out, struct gb_fail *fail);
void gb_state_on_fetch(struct gb_state *st, gb_fetch_fn *fetch, void *context);
/* Whether the set that a first set continues has a position (true of all
 * others): until then it waits, as behind a predecessor. */
enum gb_err gb_state_parent_there(struct gb_state *st, const struct gb_set *set,
                                  bool *yes, struct gb_fail *fail);

/* ------------------------------------------------------------ reading -- */

uint64_t gb_state_size(const struct gb_state *st); /* positions applied */
struct gb_head gb_state_head(const struct gb_state *st);
const struct gb_site *gb_state_site(const struct gb_state *st);
const struct gb_lineage *gb_state_lineage(const struct gb_state *st);
/* The current schema; NULL before the first. */
const struct gb_schema *gb_state_schema(const struct gb_state *st);
/* The schema to decode a set of a version with: gb_schema_none for 0, NULL
 * when the hub does not have it (yet). */
const struct gb_schema *gb_state_schema_of(const struct gb_state *st,
                                           uint32_t version);
struct gb_tables *gb_state_tables(struct gb_state *st);
/* SQL of one's own; amid a transaction that applies sets, it reads records only
 * after gb_state_settle(). */
sqlite3 *gb_state_db(struct gb_state *st);

/* Position of a set that is in the ledger, 0 when it is not. */
enum gb_err gb_state_find(struct gb_state *st, int device, uint32_t seq,
                          const uint8_t sha[32], uint64_t *pos,
                          struct gb_fail *fail);
/* When the set at a position was received; 0 for position 0. */
enum gb_err gb_state_received(struct gb_state *st, uint64_t pos, int64_t *ms,
                              struct gb_fail *fail);
/* The tree head at an earlier size. */
enum gb_err gb_state_head_at(struct gb_state *st, uint64_t size,
                             struct gb_head *out, struct gb_fail *fail);
/* That the head at `from` begins the one at `to`. */
enum gb_err gb_state_prove(struct gb_state *st, uint64_t from, uint64_t to,
                           struct gb_merkle_proof *out, struct gb_fail *fail);
/* A device; *found false when its number was never given. */
enum gb_err gb_state_device(struct gb_state *st, int number,
                            struct gb_device *out, bool *found,
                            struct gb_fail *fail);
/* The level of a device or an actor at a ledger size; 0: unknown then.  A
 * device that came later has the level that it was enrolled with, but at size
 * 0, where nobody has any. */
enum gb_err gb_state_level(struct gb_state *st, bool actor, int64_t id,
                           uint64_t size, int *level, struct gb_fail *fail);
/* The record that holds what one claims (state_rival.c): itself, unless another
 * live one came first. */
enum gb_err gb_state_holder(struct gb_state *st, int table,
                            const struct gb_rec *r, int64_t *holder,
                            struct gb_fail *fail);
/* Largest effective stamp of all sets up to a size. */
enum gb_err gb_state_stamp(struct gb_state *st, uint64_t size, int64_t *stamp,
                           struct gb_fail *fail);
enum gb_err gb_state_digest(struct gb_state *st, uint8_t out[32],
                            struct gb_fail *fail);
/* Of the records in the scope of a device: what its handheld has when it is in
 * step (scope.h). */
enum gb_err gb_state_digest_of(struct gb_state *st, int device, uint8_t out[32],
                               struct gb_fail *fail);

#endif
