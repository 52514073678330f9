/* contact.c - see contact.h */
#include "hub/contact.h"

#include <stdio.h>
#include <string.h>

enum gb_err
gb_contact_note(struct gb_state *st, const struct gb_request *r, int64_t now_ms,
                struct gb_fail *fail)
{
    sqlite3 *db = gb_state_db(st);
    char boot[33];
    enum gb_err e =
        gb_db_exec(db,
                   "CREATE TABLE IF NOT EXISTS _contact(device INTEGER "
                   "PRIMARY KEY, merged INTEGER, highest INTEGER, schema "
                   "INTEGER, made_ms INTEGER, seen_ms INTEGER, boot TEXT, "
                   "mono_ms INTEGER, skew_ms INTEGER)",
                   fail);
    if (e)
        return e;
    gb_hex_encode(boot, r->boot, sizeof r->boot);
    return gb_db_execf(
        db, fail,
        "INSERT INTO _contact VALUES(%d, %lld, %lld, %lld, %lld, %lld, '', 0, "
        "0) "
        "ON CONFLICT DO UPDATE SET merged = excluded.merged, highest = "
        "excluded.highest, schema = excluded.schema, made_ms = "
        "excluded.made_ms WHERE excluded.merged >= merged OR excluded.made_ms "
        "> made_ms;"
        "UPDATE _contact SET seen_ms = %lld WHERE device = %d;"
        "UPDATE _contact SET boot = '%s', mono_ms = %lld, skew_ms = %lld WHERE "
        "device = %d AND %d AND (boot <> '%s' OR mono_ms < %lld)",
        r->device, (long long)r->merged.size, (long long)r->highest.size,
        (long long)r->schema, (long long)r->clock_ms, (long long)now_ms,
        (long long)now_ms, r->device, boot, (long long)r->mono_ms,
        (long long)(now_ms - r->clock_ms), r->device, !r->stick, boot,
        (long long)r->mono_ms);
}

enum gb_err
gb_contact_late(struct gb_state *st, const struct gb_request *r, bool *late,
                struct gb_fail *fail)
{
    struct gb_contact c;
    char boot[33];
    enum gb_err e = gb_contact_get(st, r->device, &c, fail);
    gb_hex_encode(boot, r->boot, sizeof r->boot);
    *late = !e && !strcmp(boot, c.boot) && r->mono_ms < c.mono_ms;
    return e;
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
                       "SELECT merged, highest, schema, made_ms, seen_ms, "
                       "boot, mono_ms, skew_ms FROM _contact WHERE device = %d",
                       device);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row) {
        out->merged = (uint64_t)sqlite3_column_int64(s, 0);
        out->highest = (uint64_t)sqlite3_column_int64(s, 1);
        out->schema = (uint32_t)sqlite3_column_int64(s, 2);
        out->made_ms = sqlite3_column_int64(s, 3);
        out->seen_ms = sqlite3_column_int64(s, 4);
        snprintf(out->boot, sizeof out->boot, "%s",
                 (const char *)sqlite3_column_text(s, 5));
        out->mono_ms = sqlite3_column_int64(s, 6);
        out->skew_ms = sqlite3_column_int64(s, 7);
    }
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_contact_ask(struct gb_state *st, int device, struct gb_delta_ask *out,
               struct gb_fail *fail)
{
    struct gb_contact c;
    struct gb_device d;
    bool found;
    uint64_t size = gb_state_size(st);
    *out = (struct gb_delta_ask){.device = device};
    enum gb_err e = gb_contact_get(st, device, &c, fail);
    if (!e)
        e = gb_state_device(st, device, &d, &found, fail);
    if (e || !found || !d.enrolled) /* refused with the answer */
        return e;
    if (!c.seen_ms || c.merged > size || c.highest > size)
        return gb_fail_set(fail, GB_E_STATE,
                           "where device %d stands is not known since hub.db "
                           "was made: sync it, or `gengbu export` there and "
                           "import it here first",
                           device);
    out->from = c.merged;
    out->highest = c.highest;
    out->schema = c.schema;
    return GB_OK;
}
