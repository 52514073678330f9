/* state_private.h - what the files state*.c share. */
#ifndef GB_STATE_PRIVATE_H
#define GB_STATE_PRIVATE_H

#include "lineage.h"
#include "state.h"
#include "table_site.h"
#include "touch.h"

/* The statements of the engine's own tables, prepared at open. */
#define GB_STATE_SQL(X)                                                        \
    X(ADD_SET,                                                                 \
      "INSERT INTO _set(pos, device, seq, sha, received, first, last, stamp, " \
      "schema, base, line, touched, low, high, again) "                        \
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")                                 \
    X(FIND_SET,                                                                \
      "SELECT pos FROM _set WHERE device = ? AND seq = ? AND sha = ?")         \
    X(SET_TIMES, "SELECT received, stamp FROM _set WHERE pos = ?")             \
    X(ADD_WAS, "INSERT OR IGNORE INTO _was(tbl, col, id, pos, value) "         \
               "VALUES(?,?,?,?,?)")                                            \
    X(ADD_NODE, "INSERT INTO _node(level, idx, hash) VALUES(?,?,?)")           \
    X(GET_NODE, "SELECT hash FROM _node WHERE level = ? AND idx = ?")          \
    X(GET_DEVICE,                                                              \
      "SELECT level, name, ticket, sign_key, receive_key, attributes, seq, "   \
      "sha, last, since, moved FROM _device WHERE number = ?")                 \
    X(PUT_DEVICE,                                                              \
      "REPLACE INTO _device(number, level, name, ticket, sign_key, "           \
      "receive_key, attributes, seq, sha, last, since, moved) "                \
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?)")                                       \
    X(PUT_CHAIN,                                                               \
      "UPDATE _device SET seq = ?2, sha = ?3, last = ?4 WHERE number = ?1")    \
    X(GET_LEVEL,                                                               \
      "SELECT level FROM _level WHERE actor = ? AND id = ? AND pos <= ? "      \
      "ORDER BY pos DESC LIMIT 1")                                             \
    X(FIRST_LEVEL,                                                             \
      "SELECT level FROM _level WHERE actor = ? AND id = ? AND pos > ? "       \
      "ORDER BY pos LIMIT 1")                                                  \
    X(PUT_LEVEL, "REPLACE INTO _level(actor, id, pos, level) VALUES(?,?,?,?)") \
    X(PUT_WAIT,                                                                \
      "INSERT INTO _wait(device, stamp, seq, idx, pos, code, kind, tbl, id, "  \
      "actor, schema) VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE "    \
      "SET code = excluded.code, kind = excluded.kind, tbl = excluded.tbl, "   \
      "id = excluded.id, due = 0")                                             \
    X(GET_WAIT,                                                                \
      "SELECT pos, idx, code, dead FROM _wait WHERE device = ? AND stamp = ?") \
    X(DROP_WAIT, "DELETE FROM _wait WHERE device = ? AND stamp = ?")           \
    X(WAIT_OF,                                                                 \
      "SELECT device, stamp, pos, idx FROM _wait WHERE tbl = ? AND id = ?")    \
    X(BURY,                                                                    \
      "UPDATE _wait SET dead = dead | ?3 WHERE device = ?1 AND stamp = ?2")    \
    X(GET_DUE,                                                                 \
      "SELECT device, stamp FROM _wait WHERE due ORDER BY device, stamp "      \
      "LIMIT ?")                                                               \
    X(DUE_SCHEMA,                                                              \
      "UPDATE _wait SET due = 1 WHERE code = 'SCHEMA' AND schema <= ?")        \
    X(ADD_NEED,                                                                \
      "INSERT OR IGNORE INTO _need(tbl, id, device, stamp) VALUES(?,?,?,?)")   \
    X(DROP_NEEDS, "DELETE FROM _need WHERE device = ? AND stamp = ?")          \
    X(DUE_RECORD,                                                              \
      "UPDATE _wait SET due = 1 WHERE (device, stamp) IN (SELECT device, "     \
      "stamp FROM _need WHERE tbl = ?1 AND id = ?2) AND NOT EXISTS(SELECT 1 "  \
      "FROM _need n WHERE n.device = _wait.device AND n.stamp = _wait.stamp "  \
      "AND (n.tbl, n.id) <> (?1, ?2))")                                        \
    X(MEET_NEED, "DELETE FROM _need WHERE tbl = ? AND id = ?")                 \
    X(ADD_LINEAGE,                                                             \
      "REPLACE INTO _lineage(device, parent, stamp) VALUES(?,?,?)")            \
    X(OWN_SET,                                                                 \
      "SELECT line, pos FROM _set WHERE device = ? AND seq = ? AND last > 0")  \
    X(SETS_AROUND,                                                             \
      "SELECT line, pos FROM _set WHERE device = ?1 AND low <= ?2 AND "        \
      "high >= ?2 AND last > 0 ORDER BY pos")                                  \
    X(ADD_ORIGIN, "INSERT OR IGNORE INTO _origin(device, stamp, boot, mono) "  \
                  "VALUES(?,?,?,?)")                                           \
    X(GET_ORIGIN,                                                              \
      "SELECT 1 FROM _origin WHERE device = ? AND stamp = ? AND boot = ? AND " \
      "mono = ?")                                                              \
    X(TAKE_ID,                                                                 \
      "UPDATE _wait SET due = 0 WHERE tbl = ? AND id = ? AND kind = 1 AND "    \
      "code = 'MISSING'")                                                      \
    X(TAKE_NEEDS,                                                              \
      "DELETE FROM _need WHERE (device, stamp) IN (SELECT device, stamp FROM " \
      "_wait WHERE tbl = ? AND id = ? AND kind = 1)")                          \
    X(ADD_HELD, "INSERT OR IGNORE INTO _held(pos, signed) VALUES(?,?)")        \
    X(GET_HELD, "SELECT signed FROM _held WHERE pos = ?")                      \
    X(DROP_HELD,                                                               \
      "DELETE FROM _held WHERE pos = ?1 AND NOT EXISTS(SELECT 1 FROM _wait "   \
      "WHERE pos = ?1)")                                                       \
    X(PUT_SITE, "REPLACE INTO _site(key, value) VALUES(?,?)")                  \
    X(ADD_SCHEMA,                                                              \
      "INSERT INTO _schema(version, text, kept, pos) VALUES(?,?,?,?)")

enum gb_state_sql {
#define X(name, sql) GB_SQL_##name,
    GB_STATE_SQL(X)
#undef X
        GB_SQL_COUNT
};

/* Records whose claims a set may have moved; see state_rival.c. */
struct gb_rivals {
    struct gb_claim *list;
    size_t n, room;
};
void gb_rivals_clear(struct gb_rivals *l);

/* A set of the ledger, read again, with its effective stamps. */
struct gb_older {
    uint64_t pos; /* 0: none */
    struct gb_set set;
    struct gb_line line;
    int64_t *stamps; /* set.nops */
    struct gb_arena arena;
};
#define GB_OLDER_KEPT 4

/* A set some of whose operations wait, taken apart again. */
struct gb_held {
    uint64_t pos; /* 0: none is open */
    struct gb_buf bytes;
    struct gb_set_info info;
    struct gb_set set;
    struct gb_incoming in;
    const struct gb_schema *schema; /* NULL: the hub has no such version */
    bool good;                      /* the set could be read */
};

struct gb_state {
    sqlite3 *db;
    sqlite3_stmt *sql[GB_SQL_COUNT];
    struct gb_site site;
    struct gb_schema **schemas; /* by version - 1, owned */
    uint32_t version;           /* the current one, 0: none yet */
    struct gb_tables *tables;   /* of the current one */
    struct gb_merkle tree;
    int64_t stamp; /* largest effective stamp so far */
    struct gb_lineage lineage;
    struct gb_arena arena;     /* one record at a time */
    struct gb_touched touched; /* by the set being applied */
    struct gb_rivals rivals;   /* that it may have moved */
    bool waiting;              /* something may wait */
    gb_reveal_fn *reveal;      /* NULL: personal values stay hidden */
    void *reveal_context;
    bool origins; /* something captured again took effect */
    gb_fetch_fn *fetch;
    void *fetch_context;
    struct gb_older older[GB_OLDER_KEPT]; /* for the set being applied */
    unsigned older_next;
    struct gb_held waits; /* looked at last by gb_state_bury(), likewise */
    int log;              /* pages of the write-ahead log */
    size_t later;         /* bytes of rows to be written at the end */
    bool reader;
    bool stale; /* the last reload failed */
};

/* Start a statement of the list: reset, nothing bound. */
sqlite3_stmt *gb_state_sql(struct gb_state *st, enum gb_state_sql which);
/* Read everything that is kept in memory from the database. */
enum gb_err gb_state_reload(struct gb_state *st, struct gb_fail *fail);

/* The set whose operations take effect, with what was found out about it. */
struct gb_applying {
    const struct gb_incoming *in;
    const struct gb_schema *schema; /* the set's version */
    uint64_t pos;                   /* where they take effect */
    uint64_t base;                  /* what their writer had seen */
    int device_level;               /* as of the base */
    int64_t actor;                  /* last one looked up, and its level */
    int actor_level;
};
/* Start: levels as of the base. */
enum gb_err gb_applying_begin(struct gb_state *st, struct gb_applying *a,
                              struct gb_fail *fail);

/* One of them. */
struct gb_turn {
    int index;
    int64_t stamp; /* effective */
    bool forced;   /* a person released it */
    uint64_t dead; /* columns in which it was overwritten while it waited */
};

/* One operation; *code says why it waits, or GB_CODE_NONE (state_op.c). */
enum gb_err gb_state_op(struct gb_state *st, struct gb_applying *a,
                        const struct gb_turn *turn, enum gb_code *code,
                        struct gb_fail *fail);
/* Visit the records that the operation needs and that are not there. */
typedef enum gb_err gb_missing_fn(struct gb_state *st, int table, int64_t id,
                                  void *context, struct gb_fail *fail);
enum gb_err gb_state_missing(struct gb_state *st, const struct gb_applying *a,
                             const struct gb_op *op, gb_missing_fn *fn,
                             void *context, struct gb_fail *fail);
/* What would stop it if nothing were missing. */
enum gb_err gb_state_obstacle(struct gb_state *st, struct gb_applying *a,
                              const struct gb_op *op, enum gb_code *code,
                              struct gb_fail *fail);

/* A first set continues another number: its lineage, and the floor raised to
 * the last shared operation (state_origin.c). */
enum gb_err gb_state_continue(struct gb_state *st, const struct gb_incoming *in,
                              int64_t *floor, struct gb_fail *fail);
/* Whether the operation took effect already, under whatever number; and that
 * it takes effect now. */
enum gb_err gb_state_repeats(struct gb_state *st, const struct gb_set *set,
                             int index, bool *yes, struct gb_fail *fail);
enum gb_err gb_state_note_origin(struct gb_state *st, const struct gb_set *set,
                                 int index, struct gb_fail *fail);
/* The set has been applied: a position may belong to another set next, when
 * this one is rolled back. */
void gb_state_forget_older(struct gb_state *st);

/* An operation waits, or goes on waiting, with a code (state_wait.c). */
enum gb_err gb_state_wait(struct gb_state *st, struct gb_applying *a,
                          const struct gb_turn *turn, uint64_t set_pos,
                          enum gb_code code, struct gb_fail *fail);
/* A record is there now: what waited for it alone is due, and another insert of
 * its id no more. */
enum gb_err gb_state_arrived(struct gb_state *st, int table, int64_t id,
                             struct gb_fail *fail);
/* A change took effect: what waits on its record may be overwritten by it. */
enum gb_err gb_state_bury(struct gb_state *st, const struct gb_effect *later,
                          int table, struct gb_fail *fail);
/* An operation of kind GB_RELEASE (state_release.c). */
enum gb_err gb_state_release(struct gb_state *st, uint64_t pos,
                             const struct gb_op *op, struct gb_fail *fail);

/* Open a set that waits, or the same again; {0} at first, release at last. */
enum gb_err gb_held_open(struct gb_state *st, struct gb_held *h, uint64_t pos,
                         struct gb_fail *fail);
void gb_held_release(struct gb_held *h);

/* Whether a tree head is one of this log (state_load.c). */
enum gb_err gb_state_knows(struct gb_state *st, const struct gb_head *h,
                           bool *known, struct gb_fail *fail);

/* Before and after a record changes: what it claims (state_rival.c). */
enum gb_err gb_state_claim(struct gb_state *st, int table,
                           const struct gb_rec *r, struct gb_fail *fail);
/* A new schema: all records of tables that have other rivals now. */
enum gb_err gb_state_reclaim(struct gb_state *st, const struct gb_schema *old,
                             struct gb_fail *fail);
/* After the set: who holds, and who is under review. */
enum gb_err gb_state_rivals(struct gb_state *st, uint64_t pos,
                            struct gb_fail *fail);
/* What a record shows in the columns that some scope reads, by their numbers in
 * `out` (GB_COLUMNS_MAX); and, after a change, what of it shows no more
 * (state_scope.c). */
void gb_state_shown(const struct gb_rec *r, struct gb_value *out);
enum gb_err gb_state_note_was(struct gb_state *st, const struct gb_rec *r,
                              const struct gb_value *shown, int64_t pos,
                              struct gb_fail *fail);
/* An operation of the site itself (state_site.c). */
enum gb_err gb_state_site_op(struct gb_state *st, const struct gb_applying *a,
                             const struct gb_op *op, enum gb_code *code,
                             struct gb_fail *fail);

#endif
