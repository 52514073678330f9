/* journal_private.h - what the files journal*.c and capture.c share. */
#ifndef GB_JOURNAL_PRIVATE_H
#define GB_JOURNAL_PRIVATE_H

#include "clock.h"
#include "id.h"
#include "journal.h"
#include "line.h"
#include "set.h"
#include "table_site.h"

/*
 * The journal's own tables.
 *
 * _journal   one value a key: who this device is, heads, counters
 * _boot      boots that made operations; a boot's operations have stamps from
 *            `first` on, up to the next boot's
 * _log       changes and voids not yet accepted: body = old and new values
 * _time      device time of the operations whose stamp does not say it (the
 *            clock was behind the stamps already given)
 * _txn       transactions of more than one operation, by their stamps
 * _set       sealed sets; line is the receipt, once there is one
 * _taken     operations that the hub quarantined
 * _import    lines of a JSONL file that are in
 * _known     while a copy goes on under this number: what the hub has of it
 * _part      parts of a delta on its way in
 * _readonly  records out of scope that unsent changes still need
 */
#define GB_JOURNAL_SCHEMA                                                      \
    "PRAGMA application_id = 1195526218;"                                      \
    "CREATE TABLE _journal(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"        \
    "CREATE TABLE _schema(version INTEGER PRIMARY KEY, text BLOB NOT NULL,"    \
    " kept BLOB NOT NULL);"                                                    \
    "CREATE TABLE _boot(first INTEGER PRIMARY KEY, id BLOB, wall INTEGER,"     \
    " mono INTEGER, shift INTEGER);"                                           \
    "CREATE TABLE _log(stamp INTEGER PRIMARY KEY, kind INTEGER, tbl INTEGER,"  \
    " id INTEGER, actor INTEGER, level INTEGER, body BLOB);"                   \
    "CREATE TABLE _time(stamp INTEGER PRIMARY KEY, ms INTEGER);"               \
    "CREATE TABLE _txn(first INTEGER PRIMARY KEY, last INTEGER);"              \
    "CREATE TABLE _set(seq INTEGER PRIMARY KEY, sha BLOB, first INTEGER,"      \
    " last INTEGER, ops INTEGER, schema INTEGER, base INTEGER, signed BLOB,"   \
    " signature BLOB, personal BLOB, line TEXT);"                              \
    "CREATE TABLE _taken(seq INTEGER, idx INTEGER, code TEXT, tbl TEXT,"       \
    " id INTEGER, PRIMARY KEY(seq, idx)) WITHOUT ROWID;"                       \
    "CREATE TABLE _import(hash BLOB PRIMARY KEY, lines INTEGER);"              \
    "CREATE TABLE _known(body BLOB NOT NULL);"                                 \
    "CREATE TABLE _part(part INTEGER PRIMARY KEY, bytes BLOB);"                \
    "CREATE TABLE _readonly(tbl INTEGER, id INTEGER, PRIMARY KEY(tbl, id))"    \
    " WITHOUT ROWID;"                                                          \
    "CREATE TABLE _lineage(device INTEGER PRIMARY KEY, parent INTEGER,"        \
    " stamp INTEGER);" GB_TABLE_SITE GB_TABLE_SITE_NONE

#define GB_JOURNAL_APPLICATION 1195526218

#define GB_JOURNAL_SQL(X)                                                      \
    X(GET, "SELECT value FROM _journal WHERE key = ?")                         \
    X(PUT, "REPLACE INTO _journal(key, value) VALUES(?,?)")                    \
    X(ADD_LOG, "INSERT INTO _log(stamp, kind, tbl, id, actor, level, body) "   \
               "VALUES(?,?,?,?,?,?,?)")                                        \
    X(GET_LOG, "SELECT stamp, kind, tbl, id, actor, level, body FROM _log "    \
               "WHERE stamp = ?")                                              \
    X(LOG_LEVEL, "SELECT level FROM _log WHERE stamp = ?")                     \
    X(LOG_BODY, "UPDATE _log SET body = ? WHERE stamp = ?")                    \
    X(ADD_TIME, "INSERT INTO _time(stamp, ms) VALUES(?,?)")                    \
    X(ADD_TXN, "REPLACE INTO _txn(first, last) VALUES(?,?)")                   \
    X(TXN_END,                                                                 \
      "SELECT last FROM _txn WHERE first <= ? ORDER BY first DESC LIMIT 1")    \
    X(ADD_BOOT,                                                                \
      "REPLACE INTO _boot(first, id, wall, mono, shift) VALUES(?,?,?,?,0)")    \
    X(SHIFT_BOOT,                                                              \
      "UPDATE _boot SET shift = ? WHERE first = (SELECT max(first) FROM "      \
      "_boot)")                                                                \
    X(LAST_BOOT,                                                               \
      "SELECT id, wall, mono, shift FROM _boot ORDER BY first DESC LIMIT 1")   \
    X(GET_TIME, "SELECT ms FROM _time WHERE stamp = ?")                        \
    X(ADD_SET,                                                                 \
      "INSERT INTO _set(seq, sha, first, last, ops, schema, base, signed, "    \
      "signature, personal) VALUES(?,?,?,?,?,?,?,?,?,?)")                      \
    X(SET_BASE,                                                                \
      "SELECT base FROM _set WHERE line IS NULL AND first <= ?1 AND "          \
      "last >= ?1")                                                            \
    X(ADD_KNOWN, "INSERT INTO _known(body) VALUES(?)")                         \
    X(STILL_TAKEN, "UPDATE _taken SET code = ?3 WHERE seq = ?1 AND idx = ?2")  \
    X(GET_SET,                                                                 \
      "SELECT signed, signature, personal, sha FROM _set WHERE seq = ?")       \
    X(READONLY, "SELECT 1 FROM _readonly WHERE tbl = ? AND id = ?")            \
    X(LEAVE, "INSERT OR IGNORE INTO _readonly(tbl, id) VALUES(?,?)")           \
    X(RETURN, "DELETE FROM _readonly WHERE tbl = ? AND id = ?")

enum gb_journal_sql {
#define X(name, sql) GB_JSQL_##name,
    GB_JOURNAL_SQL(X)
#undef X
        GB_JSQL_COUNT
};

/* What capture keeps in memory between writes. */
struct gb_capture {
    bool local;        /* writes are captured: 0 while the engine writes */
    int64_t clock;     /* highest stamp given or seen */
    int64_t counter;   /* of the last own record */
    int64_t promised;  /* id that gb_new_id() gave out; 0: none */
    int64_t actor;     /* 0: nobody, writes are refused */
    int level;         /* lower of the device's and the actor's */
    bool readonly;     /* some records have left the scope */
    int64_t issued;    /* stamp given to the row that is being inserted */
    int64_t issued_ms; /* device time of the last stamp, */
    struct gb_now issued_now; /* and the clocks that it came from */
    int64_t first, last;      /* stamps of the open transaction's operations */
    int operations;           /* how many it has */
    size_t bound;             /* bytes that they may need in a set */
    /* of the stamp that was given last: */
    bool boot_known;  /* this boot has its row in _boot, */
    bool boot_stays;  /* whatever is rolled back, */
    uint8_t boot[16]; /* if it is this one */
    int64_t boot_wall, boot_mono;
    int64_t boot_shift;  /* as last written */
    uint64_t kept;       /* columns of the last change that do not show it */
    struct gb_fail fail; /* why the last write was refused */
};

/* What a statement of journal_write.c writes; those used last are kept. */
struct gb_shape {
    uint64_t add; /* bits: these columns are added to */
    enum gb_kind kind;
    int table, n;
    uint8_t columns[GB_COLUMNS_MAX];
};
struct gb_write {
    struct gb_shape shape;
    sqlite3_stmt *s;
};
#define GB_JOURNAL_WRITES 64

struct gb_journal {
    sqlite3 *db;
    sqlite3_stmt *sql[GB_JSQL_COUNT];
    struct gb_write writes[GB_JOURNAL_WRITES]; /* s NULL: none; */
    unsigned next_write;                       /* the oldest is there */
    gb_now_fn *now;
    void *now_context;
    struct gb_schema *schema; /* owned; NULL before the first delta */
    struct gb_tables *tables;
    struct gb_lineage lineage;
    int device;
    int device_level;
    struct gb_site site;
    struct gb_capture c;
    struct gb_arena arena;
    struct gb_buf scratch;
};

/* Schema, tables, and the statements of writes to them, where there are any. */
void gb_journal_forget_schema(struct gb_journal *j);

sqlite3_stmt *gb_journal_sql(struct gb_journal *j, enum gb_journal_sql which);
/* Values of _journal; a missing one is 0, or an empty span. */
enum gb_err gb_journal_get(struct gb_journal *j, const char *key, int64_t *out,
                           struct gb_fail *fail);
enum gb_err gb_journal_put(struct gb_journal *j, const char *key, int64_t v,
                           struct gb_fail *fail);
/* Exactly n bytes, else zeros. */
enum gb_err gb_journal_get_bytes(struct gb_journal *j, const char *key,
                                 uint8_t *out, size_t n, struct gb_fail *fail);
enum gb_err gb_journal_get_text(struct gb_journal *j, const char *key,
                                char *out, size_t size, struct gb_fail *fail);
enum gb_err gb_journal_put_value(struct gb_journal *j, const char *key,
                                 const struct gb_value *v,
                                 struct gb_fail *fail);

/* Where the open tail begins: after this stamp, and this record counter. */
enum gb_err gb_journal_sealed(struct gb_journal *j, int64_t *stamp,
                              int64_t *counter, struct gb_fail *fail);
/* Tree heads of _journal; a missing one is that of the empty log. */
enum gb_err gb_journal_head(struct gb_journal *j, const char *key,
                            struct gb_head *out, struct gb_fail *fail);
enum gb_err gb_journal_put_head(struct gb_journal *j, const char *key,
                                const struct gb_head *h, struct gb_fail *fail);

/* Hash of an own set, if it was made here. */
enum gb_err gb_journal_set_sha(struct gb_journal *j, uint32_t seq,
                               uint8_t out[32], bool *found,
                               struct gb_fail *fail);
/* Words of a GB_E_FORK. */
enum gb_err gb_journal_copied(const struct gb_journal *j, struct gb_fail *fail);

/* Encode, sign and keep a set whose operations and times are there, as the last
 * of the chain (journal_seal.c). */
enum gb_err gb_journal_store(struct gb_journal *j,
                             const struct gb_sign_key *key,
                             const struct gb_set *set, struct gb_fail *fail);
/* An own set out of the journal, with its personal values; its receipt is in
 * the arena, with position 0 as long as there is none.  *there false: it is
 * not kept any more.  The caller releases the set (journal_accept.c). */
enum gb_err gb_journal_open_set(struct gb_journal *j, uint32_t seq,
                                struct gb_arena *arena, struct gb_set *out,
                                struct gb_line *line, bool *there,
                                struct gb_fail *fail);

/* capture.c: the SQL functions of the triggers, and the hooks. */
enum gb_err gb_capture_register(struct gb_journal *j, struct gb_fail *fail);
/* Lower of device and actor level, as the hub's records have them at the head
 * that is merged: changes of this device's own do not count yet. */
enum gb_err gb_capture_level(struct gb_journal *j, struct gb_fail *fail);
/* Why a write failed: the rule's reason, or SQLite's. */
enum gb_err gb_capture_why(struct gb_journal *j, enum gb_err e,
                           struct gb_fail *fail);

/* capture_check.c: somebody is signed in who may write this table. */
enum gb_err gb_capture_actor(const struct gb_journal *j,
                             const struct gb_table *t, int level,
                             struct gb_fail *fail);
/* A new row, from the arguments of gb_inserted(): the engine's columns, the
 * values (*bound receives the bytes they may need in a set), the ref. */
enum gb_err gb_capture_new_row(const struct gb_journal *j,
                               const struct gb_table *t, sqlite3_value **args,
                               struct gb_fail *fail);
enum gb_err gb_capture_new_values(struct gb_journal *j,
                                  const struct gb_table *t,
                                  sqlite3_value **args, size_t *bound,
                                  struct gb_fail *fail);
enum gb_err gb_capture_ref(struct gb_journal *j, int table, int64_t id,
                           sqlite3_value *arg, struct gb_fail *fail);
/* A changed row, from the arguments of gb_updated(), and one changed column
 * of it; notes in kept where the write will not show. */
enum gb_err gb_capture_update(struct gb_journal *j, const struct gb_table *t,
                              sqlite3_value **args, struct gb_fail *fail);
enum gb_err gb_capture_changed(struct gb_journal *j, const struct gb_table *t,
                               int column, const struct gb_value *old,
                               const struct gb_value *v, struct gb_written *out,
                               struct gb_fail *fail);

/*
 * The body of a _log row: u8 has reason, then string reason, for a void; for a
 * set a count, then per column varint number, new value, old value (as the
 * row showed it) and, for a state, the state left.
 */
struct gb_log {
    int64_t stamp;
    enum gb_kind kind;
    int table;
    int64_t id, actor;
    int level;
    int nvalues;
    struct gb_written *values; /* sum: the difference */
    struct gb_value *old;      /* what the row showed before */
    struct gb_span reason;     /* void */
};
void gb_log_write(const struct gb_log *l, struct gb_buf *out);
/* What a column of a record shows to the hub, and whether the record is live
 * there: without the changes that it has not accepted.  *v, *live: as shown. */
enum gb_err gb_log_accepted(struct gb_journal *j, int table, int64_t id,
                            int column, struct gb_value *v, bool *live,
                            struct gb_fail *fail);
/* The change with this stamp, which must be there, in the arena.  There may be
 * more of them than fit memory, so they are read one at a time. */
enum gb_err gb_log_get(struct gb_journal *j, int64_t stamp,
                       struct gb_arena *arena, struct gb_log *out,
                       struct gb_fail *fail);
/* Of changes of one record, the oldest first: what its columns showed before
 * them all.  v[c] is set, in the arena, when `done` has no bit c yet. */
enum gb_err gb_log_before(const struct gb_log *l, struct gb_value *v,
                          uint64_t *done, struct gb_arena *arena,
                          struct gb_fail *fail);

/* ------------------------------------- the open tail (journal_tail.c) -- */

/* One operation of the tail.  Of all of them together only this is in memory:
 * what one wrote is read when a set takes it in. */
struct gb_tail_item {
    int64_t stamp;
    int64_t id;
    int table;
    bool insert;
};

struct gb_tail {
    struct gb_tail_item *items; /* by stamp */
    size_t n, room;
    struct gb_tail_item **by_record; /* the changes, of each oldest first */
    size_t nchanges;
    struct gb_arena change; /* one of them, while its old values are read */
};
enum gb_err gb_tail_gather(struct gb_journal *j, struct gb_tail *out,
                           struct gb_fail *fail);
/* What a new record showed before all its changes, over what it shows now in
 * `v`; what is put there lies in the journal's arena. */
enum gb_err gb_tail_before(struct gb_journal *j, struct gb_tail *t,
                           const struct gb_tail_item *insert,
                           struct gb_value *v, struct gb_fail *fail);
void gb_tail_release(struct gb_tail *t);

#endif
