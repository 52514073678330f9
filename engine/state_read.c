/* state_read.c - questions to a state; see state.h */
#include "state_private.h"

#include <stdio.h>
#include <string.h>

enum gb_err
gb_state_find(struct gb_state *st, int device, uint32_t seq,
              const uint8_t sha[32], uint64_t *pos, struct gb_fail *fail)
{
    bool row;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_FIND_SET);
    sqlite3_bind_int(s, 1, device);
    sqlite3_bind_int64(s, 2, seq);
    gb_db_bind_blob(s, 3, GB_SPAN(sha, 32));
    enum gb_err e = gb_db_step(s, &row, fail);
    *pos = !e && row ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return e;
}

/* Column of _set at a position: 0 received, 1 stamp; 0 at position 0. */
static enum gb_err
set_time(struct gb_state *st, uint64_t pos, int column, int64_t *out,
         struct gb_fail *fail)
{
    bool row;
    *out = 0;
    if (!pos)
        return GB_OK;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_SET_TIMES);
    sqlite3_bind_int64(s, 1, (int64_t)pos);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && row)
        *out = sqlite3_column_int64(s, column);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_received(struct gb_state *st, uint64_t pos, int64_t *ms,
                  struct gb_fail *fail)
{
    return set_time(st, pos, 0, ms, fail);
}

enum gb_err
gb_state_stamp(struct gb_state *st, uint64_t size, int64_t *stamp,
               struct gb_fail *fail)
{
    return set_time(st, size, 1, stamp, fail);
}

/* Text of a column into a field of fixed size. */
static void
field(char *to, size_t size, sqlite3_stmt *s, int column)
{
    struct gb_span v = gb_db_blob(s, column);
    snprintf(to, size, "%.*s", (int)v.len, v.len ? (const char *)v.ptr : "");
}

/* Bytes of a column; false when there are not exactly n. */
static bool
bytes(uint8_t *to, size_t n, sqlite3_stmt *s, int column)
{
    struct gb_span v = gb_db_blob(s, column);
    if (v.len != n)
        return false;
    memcpy(to, v.ptr, n);
    return true;
}

enum gb_err
gb_state_device(struct gb_state *st, int number, struct gb_device *out,
                bool *found, struct gb_fail *fail)
{
    *out = (struct gb_device){.number = number};
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_DEVICE);
    sqlite3_bind_int(s, 1, number);
    enum gb_err e = gb_db_step(s, found, fail);
    if (!e && *found) {
        out->level = sqlite3_column_int(s, 0);
        field(out->name, sizeof out->name, s, 1);
        bytes(out->ticket, 32, s, 2);
        out->enrolled =
            bytes(out->sign_key, 32, s, 3) && bytes(out->receive_key, 32, s, 4);
        field(out->attributes, sizeof out->attributes, s, 5);
        out->seq = (uint32_t)sqlite3_column_int64(s, 6);
        bytes(out->sha, 32, s, 7);
        out->last = sqlite3_column_int64(s, 8);
        out->since_ms = sqlite3_column_int64(s, 9);
        out->moved = (uint64_t)sqlite3_column_int64(s, 10);
    }
    sqlite3_reset(s);
    return e;
}

/* Run one of the two statements for a level. */
static enum gb_err
ask_level(struct gb_state *st, enum gb_state_sql which, bool actor, int64_t id,
          uint64_t size, int *level, bool *found, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, which);
    sqlite3_bind_int(s, 1, actor);
    sqlite3_bind_int64(s, 2, id);
    sqlite3_bind_int64(s, 3, (int64_t)size);
    enum gb_err e = gb_db_step(s, found, fail);
    *level = !e && *found ? sqlite3_column_int(s, 0) : 0;
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_level(struct gb_state *st, bool actor, int64_t id, uint64_t size,
               int *level, struct gb_fail *fail)
{
    bool found;
    enum gb_err e =
        ask_level(st, GB_SQL_GET_LEVEL, actor, id, size, level, &found, fail);
    /* a number's work may be older than the number: captured again, it has the
     * base that it had (MERGE.md M19); none has seen a ledger of size 0, which
     * stands for one that is not this (M21) */
    if (!e && !found && !actor && size)
        e = ask_level(st, GB_SQL_FIRST_LEVEL, actor, id, size, level, &found,
                      fail);
    return e;
}

enum gb_err
gb_state_digest(struct gb_state *st, uint8_t out[32], struct gb_fail *fail)
{
    if (!st->version) {
        struct gb_sha256 none = gb_sha256(GB_SPAN(NULL, 0));
        memcpy(out, none.bytes, sizeof none.bytes);
        return GB_OK;
    }
    return gb_tables_digest(st->tables, gb_state_schema(st), &st->lineage, NULL,
                            NULL, out, fail);
}
