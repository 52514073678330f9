/* handed.c - see handed.h */
#include "hub/handed.h"

/* sure: to-head of the first delta since all of them are kept; top: highest
 * from-head named; serial: deltas noted. */
static const char create[] =
    "CREATE TABLE IF NOT EXISTS _handing(device INTEGER PRIMARY KEY, sure "
    "INTEGER, top INTEGER, serial INTEGER);"
    "CREATE TABLE IF NOT EXISTS _handed(device INTEGER, head INTEGER, PRIMARY "
    "KEY(device, head)) WITHOUT ROWID;";

/* The row of _handing; *found false: nothing is known. */
static enum gb_err
read_row(struct gb_state *st, int device, uint64_t *sure, uint64_t *top,
         int64_t *serial, bool *found, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    int64_t there;
    bool row;
    *found = false;
    *serial = 0;
    enum gb_err e =
        gb_db_int(gb_state_db(st),
                  "SELECT count(*) FROM sqlite_master WHERE name = '_handing'",
                  &there, &row, fail);
    if (e || !there)
        return e;
    e = gb_db_preparef(gb_state_db(st), &s, fail,
                       "SELECT sure, top, serial FROM _handing WHERE device = "
                       "%d",
                       device);
    if (!e)
        e = gb_db_step(s, found, fail);
    if (!e && *found) {
        *sure = (uint64_t)sqlite3_column_int64(s, 0);
        *top = (uint64_t)sqlite3_column_int64(s, 1);
        *serial = sqlite3_column_int64(s, 2);
    }
    sqlite3_finalize(s);
    return e;
}

/* The heads behind the from-head, the newest first, and what the device named
 * itself, should it name less now; more than fit make the hub unsure. */
static enum gb_err
read_heads(struct gb_state *st, struct gb_delta_ask *ask, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_preparef(
        gb_state_db(st), &s, fail,
        "SELECT head FROM (SELECT device, head FROM _handed UNION SELECT "
        "device, top FROM _handing) WHERE device = %d AND head > %lld AND head "
        "< %lld ORDER BY head DESC LIMIT %d",
        ask->device, (long long)ask->from, (long long)gb_state_size(st),
        GB_DELTA_HEADS_MAX + 1);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        if (ask->nheads == GB_DELTA_HEADS_MAX)
            ask->unsure = true;
        else
            ask->heads[ask->nheads++] = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_handed_ask(struct gb_state *st, struct gb_delta_ask *ask,
              struct gb_handed *out, struct gb_fail *fail)
{
    uint64_t sure, top;
    bool found;
    *out = (struct gb_handed){
        .device = ask->device, .from = ask->from, .to = gb_state_size(st)};
    ask->nheads = 0;
    enum gb_err e =
        read_row(st, ask->device, &sure, &top, &out->serial, &found, fail);
    ask->unsure = !found || ask->from < sure || ask->from < top;
    return e || !found ? e : read_heads(st, ask, fail);
}

static enum gb_err
note(struct gb_state *st, const struct gb_handed *h, struct gb_fail *fail)
{
    uint64_t sure = h->to, top = h->from;
    int64_t serial;
    bool found;
    enum gb_err e = gb_db_exec(gb_state_db(st), create, fail);
    if (!e)
        e = read_row(st, h->device, &sure, &top, &serial, &found, fail);
    if (!e && serial != h->serial)
        e = gb_fail_set(fail, GB_E_BUSY,
                        "another answer for device %d was made at the same "
                        "time: sync again",
                        h->device);
    if (e)
        return e;
    return gb_db_execf(gb_state_db(st), fail,
                       "REPLACE INTO _handing VALUES(%d, %lld, %lld, %lld);"
                       "DELETE FROM _handed WHERE device = %d AND head <= %lld;"
                       "INSERT OR IGNORE INTO _handed VALUES(%d, %lld)",
                       h->device, (long long)sure,
                       (long long)(top > h->from ? top : h->from),
                       (long long)serial + 1, h->device, (long long)h->from,
                       h->device, (long long)h->to);
}

enum gb_err
gb_handed_note(struct gb_state *st, const struct gb_handed *handed,
               struct gb_fail *fail)
{
    sqlite3 *db = gb_state_db(st);
    /* not replayable, so it must not be lost with the power */
    enum gb_err e = gb_db_exec(db, "PRAGMA synchronous=FULL", fail);
    if (!e)
        e = gb_state_begin(st, fail);
    if (e)
        return e;
    e = note(st, handed, fail);
    if (!e)
        e = gb_state_commit(st, fail);
    if (e)
        gb_state_rollback(st);
    struct gb_fail ignored = {0};
    gb_db_exec(db, "PRAGMA synchronous=NORMAL", &ignored);
    return e;
}
