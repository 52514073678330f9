/* contact.c - see contact.h */
#include "hub/contact.h"

enum gb_err
gb_contact_note(struct gb_state *st, const struct gb_request *r, int64_t now_ms,
                struct gb_fail *fail)
{
    sqlite3 *db = gb_state_db(st);
    enum gb_err e =
        gb_db_exec(db,
                   "CREATE TABLE IF NOT EXISTS _contact(device INTEGER "
                   "PRIMARY KEY, merged INTEGER, highest INTEGER, schema "
                   "INTEGER, seen_ms INTEGER)",
                   fail);
    if (e)
        return e;
    return gb_db_execf(db, fail,
                       "REPLACE INTO _contact VALUES(%d, %lld, %lld, %lld, "
                       "%lld)",
                       r->device, (long long)r->merged.size,
                       (long long)r->highest.size, (long long)r->schema,
                       (long long)now_ms);
}

enum gb_err
gb_contact_get(struct gb_state *st, int device, struct gb_contact *out,
               struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    int64_t there;
    bool row = false, found;
    *out = (struct gb_contact){0};
    enum gb_err e =
        gb_db_int(gb_state_db(st),
                  "SELECT count(*) FROM sqlite_master WHERE name = '_contact'",
                  &there, &found, fail);
    if (e || !there)
        return e;
    e = gb_db_preparef(gb_state_db(st), &s, fail,
                       "SELECT merged, highest, schema, seen_ms FROM _contact "
                       "WHERE device = %d",
                       device);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row) {
        out->merged = (uint64_t)sqlite3_column_int64(s, 0);
        out->highest = (uint64_t)sqlite3_column_int64(s, 1);
        out->schema = (uint32_t)sqlite3_column_int64(s, 2);
        out->seen_ms = sqlite3_column_int64(s, 3);
    }
    sqlite3_finalize(s);
    return e;
}
