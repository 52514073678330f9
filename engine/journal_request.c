/* journal_request.c - a device's request, from its journal; journal.h */
#include "journal_private.h"

#include <string.h>

#include "request.h"

/* Device time now: that of the last boot with operations when this is still
 * it, else the wall clock. */
static enum gb_err
clocks(struct gb_journal *j, struct gb_request *r, struct gb_fail *fail)
{
    struct gb_now now;
    bool row = false;
    j->now(j->now_context, &now);
    r->wall_ms = gb_time_clamp(now.wall_ms);
    r->clock_ms = r->wall_ms;
    r->mono_ms = gb_time_clamp(now.mono_ms);
    memcpy(r->boot, now.boot, sizeof r->boot);
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_LAST_BOOT);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && row && gb_span_equal(gb_db_blob(s, 0), GB_SPAN(now.boot, 16)))
        r->clock_ms = gb_time_clamp(sqlite3_column_int64(s, 1) +
                                    (now.mono_ms - sqlite3_column_int64(s, 2)));
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_journal_request(struct gb_journal *j, const struct gb_sign_key *key,
                   const struct gb_public_key *receive_key, bool stick,
                   struct gb_buf *out, struct gb_fail *fail)
{
    int64_t seq, confirmed, continues, continues_from;
    struct gb_request r = {.device = j->device,
                           .schema = j->schema ? j->schema->version : 0,
                           .stick = stick};
    memcpy(r.site, j->site.id, sizeof r.site);
    enum gb_err e = clocks(j, &r, fail);
    if (!e)
        e = gb_journal_head(j, "merged", &r.merged, fail);
    if (!e)
        e = gb_journal_head(j, "highest", &r.highest, fail);
    if (!e)
        e = gb_journal_get(j, "seq", &seq, fail);
    if (!e)
        e = gb_journal_get(j, "confirmed", &confirmed, fail);
    if (!e)
        e = gb_journal_get(j, "continues", &continues, fail);
    if (!e)
        e = gb_journal_get(j, "continues_from", &continues_from, fail);
    if (!e)
        e = gb_journal_get_bytes(j, "secret", r.secret, 32, fail);
    if (e)
        return e;
    r.seq = (uint32_t)seq;
    r.first = !confirmed;
    r.continues = (int)continues;
    r.continues_from = (uint64_t)continues_from;
    memcpy(r.sign_key, key->public_key.bytes, 32);
    memcpy(r.receive_key, receive_key->bytes, 32);
    return gb_request_encode(&r, key, out, fail);
}
