/* state_private.h - what the files state*.c share. */
#ifndef GB_STATE_PRIVATE_H
#define GB_STATE_PRIVATE_H

#include "state.h"
#include "touch.h"

/* The statements of the engine's own tables, prepared at open. */
#define GB_STATE_SQL(X)                                                        \
    X(ADD_SET,                                                                 \
      "INSERT INTO _set(pos, device, seq, sha, received, first, last, stamp, " \
      "schema, base, line, touched) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)")          \
    X(FIND_SET,                                                                \
      "SELECT pos FROM _set WHERE device = ? AND seq = ? AND sha = ?")         \
    X(SET_TIMES, "SELECT received, stamp FROM _set WHERE pos = ?")             \
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
    X(PUT_LEVEL, "REPLACE INTO _level(actor, id, pos, level) VALUES(?,?,?,?)") \
    X(ADD_WAIT,                                                                \
      "INSERT INTO _wait(device, stamp, seq, idx, pos, code, kind, tbl, id, "  \
      "actor) VALUES(?,?,?,?,?,?,?,?,?,?)")                                    \
    X(PUT_SITE, "REPLACE INTO _site(key, value) VALUES(?,?)")                  \
    X(ADD_SCHEMA, "INSERT INTO _schema(version, text, pos) VALUES(?,?,?)")

enum gb_state_sql {
#define X(name, sql) GB_SQL_##name,
    GB_STATE_SQL(X)
#undef X
        GB_SQL_COUNT
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
    bool reader;
    bool stale; /* a rollback could not read the old state again */
};

/* Start a statement of the list: reset, nothing bound. */
sqlite3_stmt *gb_state_sql(struct gb_state *st, enum gb_state_sql which);
/* Read everything that is kept in memory from the database. */
enum gb_err gb_state_reload(struct gb_state *st, struct gb_fail *fail);

/* The set that is being applied, with what was found out about it. */
struct gb_applying {
    const struct gb_incoming *in;
    const struct gb_schema *schema; /* the set's version */
    uint64_t pos;
    const int64_t *stamps;
    int device_level; /* as of the base */
    int64_t actor;    /* last one looked up, and its level */
    int actor_level;
};

/* One operation; *code says why it waits, or GB_CODE_NONE (state_op.c). */
enum gb_err gb_state_op(struct gb_state *st, struct gb_applying *a, int index,
                        enum gb_code *code, struct gb_fail *fail);
/* Before the row of a record is rewritten: what it showed in columns that some
 * scope reads, and will not show any more (state_scope.c). */
enum gb_err gb_state_note_was(struct gb_state *st, const struct gb_rec *r,
                              int64_t pos, struct gb_fail *fail);
/* An operation of the site itself (state_site.c). */
enum gb_err gb_state_site_op(struct gb_state *st, const struct gb_applying *a,
                             const struct gb_op *op, enum gb_code *code,
                             struct gb_fail *fail);

#endif
