/* state.c - opening, transactions and what is kept in memory; see state.h */
#include "state_private.h"

#include <stdlib.h>
#include <string.h>

static const char *const statements[] = {
#define X(name, sql) sql,
    GB_STATE_SQL(X)
#undef X
};

#define APPLICATION 0x47424855 /* "GBHU" */
/* A batch of a whole shift's end changes some 20 MiB of pages.  What finds no
 * room is written to the log before its time, and read again. */
#define CACHE "PRAGMA cache_size = -24576"
#define LATER ((size_t)12 << 20) /* 20,000 records */
/* Pages of the write-ahead log: so many are worth a checkpoint when there is
 * time, so many are not waited for. */
#define LOG_MUCH 1000
#define LOG_MAX 16384
/* Where many batches are replayed in a row, others wait for memory. */
#define CACHE_SCRATCH "PRAGMA cache_size = -4096; PRAGMA synchronous = OFF"
#define LATER_SCRATCH ((size_t)4 << 20)

/*
 * _set.low, high: the stamps that its operations came with; first, last: those
 * that took effect; stamp: the largest of all sets up to here; line: the leaf;
 * touched: the records that it changed (touch.c); again: it was captured again
 * (state_origin.c).  _was: what a column that a
 * scope reads showed before the position (state_scope.c).  _device.moved: where
 * its attributes changed last.  _node: complete subtrees of the log's Merkle
 * tree.  _wait: operations that have not taken effect; dead: columns in which
 * a later one of their device overwrote them; _need: the records they lack;
 * _held: their sets.
 */
static const char create[] =
    "PRAGMA application_id = 1195526229;"
    "CREATE TABLE _site(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE _schema(version INTEGER PRIMARY KEY, text BLOB NOT NULL,"
    " kept BLOB NOT NULL, pos INTEGER);"
    "CREATE TABLE _was(tbl INTEGER, col INTEGER, id INTEGER, pos INTEGER,"
    " value, PRIMARY KEY(tbl, col, id, pos)) WITHOUT ROWID;"
    "CREATE INDEX _was_pos ON _was(tbl, col, pos);"
    "CREATE TABLE _set(pos INTEGER PRIMARY KEY, device INTEGER, seq INTEGER,"
    " sha BLOB, received INTEGER, first INTEGER, last INTEGER, stamp INTEGER,"
    " schema INTEGER, base INTEGER, line TEXT, touched BLOB, low INTEGER,"
    " high INTEGER, again INTEGER);"
    "CREATE INDEX _set_chain ON _set(device, seq);"
    "CREATE TABLE _node(level INTEGER, idx INTEGER, hash BLOB NOT NULL,"
    " PRIMARY KEY(level, idx)) WITHOUT ROWID;"
    "CREATE TABLE _device(number INTEGER PRIMARY KEY, level INTEGER,"
    " name TEXT, ticket BLOB, sign_key BLOB, receive_key BLOB,"
    " attributes TEXT, moved INTEGER, since INTEGER, seq INTEGER, sha BLOB,"
    " last INTEGER);"
    "INSERT INTO _device(number, level, name, attributes, seq, sha, last)"
    " VALUES(0, 9, 'hub', '', 0, zeroblob(32), 0);"
    "CREATE TABLE _level(actor INTEGER, id INTEGER, pos INTEGER,"
    " level INTEGER, PRIMARY KEY(actor, id, pos)) WITHOUT ROWID;"
    "CREATE TABLE _wait(device INTEGER, stamp INTEGER, seq INTEGER,"
    " idx INTEGER, pos INTEGER, code TEXT, kind INTEGER, tbl TEXT,"
    " id INTEGER, actor INTEGER, schema INTEGER, due INTEGER DEFAULT 0,"
    " dead INTEGER DEFAULT 0, PRIMARY KEY(device, stamp)) WITHOUT ROWID;"
    "CREATE INDEX _wait_record ON _wait(tbl, id);"
    "CREATE INDEX _wait_due ON _wait(device, stamp) WHERE due;"
    "CREATE INDEX _wait_set ON _wait(pos);"
    "CREATE TABLE _need(tbl TEXT, id INTEGER, device INTEGER, stamp INTEGER,"
    " PRIMARY KEY(tbl, id, device, stamp)) WITHOUT ROWID;"
    "CREATE INDEX _need_op ON _need(device, stamp);"
    "CREATE TABLE _held(pos INTEGER PRIMARY KEY, signed BLOB NOT NULL);"
    "CREATE TABLE _lineage(device INTEGER PRIMARY KEY, parent INTEGER,"
    " stamp INTEGER);"
    "CREATE TABLE _origin(device INTEGER, stamp INTEGER, boot BLOB,"
    " mono INTEGER, PRIMARY KEY(device, stamp, boot, mono)) WITHOUT "
    "ROWID;" GB_TABLE_SITE GB_TABLE_SITE_NONE;

sqlite3_stmt *
gb_state_sql(struct gb_state *st, enum gb_state_sql which)
{
    sqlite3_stmt *s = st->sql[which];
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return s;
}

/* A new database gets its tables; another program's is refused. */
static enum gb_err
prepare_database(struct gb_state *st, struct gb_fail *fail)
{
    int64_t id, tables;
    bool found;
    enum gb_err e =
        gb_db_int(st->db, "PRAGMA application_id", &id, &found, fail);
    if (!e)
        e = gb_db_int(st->db, "SELECT count(*) FROM sqlite_master", &tables,
                      &found, fail);
    if (e || id == APPLICATION)
        return e;
    if (tables || st->reader)
        return gb_fail_set(fail, GB_E_DATABASE,
                           "this is not the database of a Gengbu hub");
    e = gb_db_exec(st->db, "BEGIN IMMEDIATE", fail);
    if (!e)
        e = gb_db_exec(st->db, create, fail);
    if (!e)
        e = gb_db_exec(st->db, "COMMIT", fail);
    return e;
}

/* The statements, after the tables are there. */
static enum gb_err
prepare_statements(struct gb_state *st, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; i < GB_SQL_COUNT && !e; i++)
        e = gb_db_prepare(st->db, statements[i], &st->sql[i], fail);
    return e;
}

/* How long the log is after a commit (sqlite3_wal_hook()). */
static int
note_log(void *context, sqlite3 *db, const char *name, int pages)
{
    struct gb_state *st = context;
    st->log = pages;
    if (pages >= LOG_MAX)
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                  NULL);
    return SQLITE_OK; /* what could not be done is tried again */
}

void
gb_state_checkpoint(struct gb_state *st)
{
    if (st->log < LOG_MUCH)
        return;
    st->log = 0;
    sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                              NULL);
}

static enum gb_err
open_state(const char *path, const uint8_t site[16], bool reader,
           struct gb_state **out, struct gb_fail *fail)
{
    *out = NULL;
    struct gb_state *st = calloc(1, sizeof *st);
    if (!st)
        return gb_fail_memory(fail);
    st->reader = reader;
    st->later = LATER;
    memcpy(st->site.id, site, sizeof st->site.id);
    gb_arena_init(&st->arena, GB_ARENA_MAX);
    gb_buf_init(&st->touched.list, GB_SET_MAX * 2);
    enum gb_err e = reader
                        ? gb_db_open_readonly(path, &st->db, fail)
                        : gb_db_open(path, true, GB_DB_NORMAL, &st->db, fail);
    if (!e && !reader) {
        e = gb_db_exec(st->db, CACHE, fail);
        sqlite3_wal_hook(st->db, note_log, st);
    }
    if (!e)
        e = prepare_database(st, fail);
    if (!e)
        e = prepare_statements(st, fail);
    if (!e)
        e = gb_state_reload(st, fail);
    if (e) {
        gb_state_close(st);
        return gb_fail_wrap(fail, "%s", path);
    }
    *out = st;
    return GB_OK;
}

enum gb_err
gb_state_open(const char *path, const uint8_t site[16], struct gb_state **out,
              struct gb_fail *fail)
{
    return open_state(path, site, false, out, fail);
}

enum gb_err
gb_state_open_reader(const char *path, const uint8_t site[16],
                     struct gb_state **out, struct gb_fail *fail)
{
    return open_state(path, site, true, out, fail);
}

enum gb_err
gb_state_scratch(struct gb_state *st, struct gb_fail *fail)
{
    st->later = LATER_SCRATCH;
    enum gb_err e = gb_db_exec(st->db, CACHE_SCRATCH, fail);
    return e ? e : gb_state_reload(st, fail);
}

/* Forget what was read from the database. */
static void
forget(struct gb_state *st)
{
    gb_tables_close(st->tables);
    st->tables = NULL;
    for (uint32_t i = 0; i < st->version; i++)
        gb_schema_free(st->schemas[i]);
    free(st->schemas);
    gb_lineage_release(&st->lineage);
    st->schemas = NULL;
    st->version = 0;
}

void
gb_state_close(struct gb_state *st)
{
    if (!st)
        return;
    forget(st);
    for (int i = 0; i < GB_SQL_COUNT; i++)
        sqlite3_finalize(st->sql[i]);
    gb_db_close(st->db);
    gb_arena_release(&st->arena);
    gb_buf_release(&st->touched.list);
    gb_rivals_clear(&st->rivals);
    free(st->rivals.list);
    free(st);
}

enum gb_err
gb_state_begin(struct gb_state *st, struct gb_fail *fail)
{
    enum gb_err e = st->stale ? gb_state_reload(st, fail) : GB_OK;
    st->stale = e != GB_OK;
    return e ? e
             : gb_db_exec(st->db, st->reader ? "BEGIN" : "BEGIN IMMEDIATE",
                          fail);
}

enum gb_err
gb_state_settle(struct gb_state *st, struct gb_fail *fail)
{
    return st->tables ? gb_tables_settle(st->tables, fail) : GB_OK;
}

enum gb_err
gb_state_commit(struct gb_state *st, struct gb_fail *fail)
{
    enum gb_err e = gb_state_settle(st, fail);
    return e ? e : gb_db_exec(st->db, "COMMIT", fail);
}

void
gb_state_rollback(struct gb_state *st)
{
    struct gb_fail ignored = {0};
    gb_db_exec(st->db, "ROLLBACK", &ignored);
    /* what was decided must not stay in memory: the next batch would go on
     * from it */
    st->stale = gb_state_reload(st, &ignored) != GB_OK;
}

enum gb_err
gb_state_refresh(struct gb_state *st, struct gb_fail *fail)
{
    enum gb_err e = gb_state_reload(st, fail);
    st->stale = e != GB_OK;
    return e;
}

bool
gb_state_stale(const struct gb_state *st)
{
    return st->stale;
}

const struct gb_site *
gb_state_site(const struct gb_state *st)
{
    return &st->site;
}

const struct gb_lineage *
gb_state_lineage(const struct gb_state *st)
{
    return &st->lineage;
}

struct gb_tables *
gb_state_tables(struct gb_state *st)
{
    return st->tables;
}

sqlite3 *
gb_state_db(struct gb_state *st)
{
    return st->db;
}

uint64_t
gb_state_size(const struct gb_state *st)
{
    return st->tree.size;
}

const struct gb_schema *
gb_state_schema(const struct gb_state *st)
{
    return st->version ? st->schemas[st->version - 1] : NULL;
}

const struct gb_schema *
gb_state_schema_of(const struct gb_state *st, uint32_t version)
{
    if (!version)
        return &gb_schema_none;
    return version <= st->version ? st->schemas[version - 1] : NULL;
}
