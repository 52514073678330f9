/*
 * office_packs.c - hub.db knows the ledger's packs, so a lost one is missed.
 *
 * Their names stand in hub.db, from the transaction of the batch on that wrote
 * them.  Where all that are noted are there, nothing is lost.  Where one is
 * not, it was merged, by a process that was killed before it noted that or by
 * `git gc`; or it is lost, and with it some commit: the log says which.
 */
#include <stdio.h>
#include <string.h>

#include "hub/office_private.h"

#define NAMES_MAX ((size_t)1 << 20)

/* What hub.db notes, or *known is false. */
static enum gb_err
read_note(struct gb_office *o, struct gb_buf *out, bool *known,
          struct gb_fail *fail)
{
    sqlite3_stmt *s;
    *known = false;
    enum gb_err e =
        gb_db_prepare(gb_state_db(o->state),
                      "SELECT value FROM _site WHERE key = 'packs'", &s, fail);
    if (e)
        return e;
    e = gb_db_step(s, known, fail);
    if (!e && *known)
        gb_buf_span(out, gb_db_blob(s, 0));
    sqlite3_finalize(s);
    return e ? e : gb_buf_check(out, "the names of packs in hub.db", fail);
}

static enum gb_err
write_note(struct gb_office *o, struct gb_span names, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = gb_db_prepare(gb_state_db(o->state),
                                  "REPLACE INTO _site(key, value) "
                                  "VALUES('packs', ?)",
                                  &s, fail);
    if (e)
        return e;
    gb_db_bind_blob(s, 1, names);
    e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

/* The first name that is noted and not there; empty: none. */
static struct gb_span
first_missing(struct gb_span noted, struct gb_span there)
{
    while (noted.len) {
        const uint8_t *end = memchr(noted.ptr, '\n', noted.len);
        size_t n = end ? (size_t)(end - noted.ptr) + 1 : noted.len;
        if (!memmem(there.ptr, there.len, noted.ptr, n))
            return GB_SPAN(noted.ptr, n - (end != NULL));
        noted = GB_SPAN(noted.ptr + n, noted.len - n);
    }
    return GB_SPAN(NULL, 0);
}

/* Some pack went: that is fine when no commit went with it. */
static enum gb_err
check_whole(struct gb_office *o, struct gb_span missing, struct gb_fail *fail)
{
    struct gb_fail why = {0};
    bool whole;
    enum gb_err e = gb_ledger_whole(o->ledger, &whole, &why);
    if (whole)
        return GB_OK;
    if (e && (!missing.len || e == GB_E_MEMORY))
        return gb_fail_set(fail, e, "%s", why.text);
    return gb_fail_set(
        fail, GB_E_LEDGER,
        "%.3000s/ledger.git/objects/pack/%.*s: its .pack or .idx is gone, and "
        "commits with it: put both back from a backup; until then hub.db can "
        "be read, and nothing written",
        o->path, missing.len ? (int)missing.len : 6,
        missing.len ? (const char *)missing.ptr : "pack-*");
}

/* Bring hub.db's note to what is there, after a look at what is not. */
static enum gb_err
note(struct gb_office *o, bool check, struct gb_fail *fail)
{
    struct gb_buf noted, there;
    bool known;
    gb_buf_init(&noted, NAMES_MAX);
    gb_buf_init(&there, NAMES_MAX);
    enum gb_err e = gb_ledger_pack_names(o->ledger, &there, fail);
    if (!e)
        e = read_note(o, &noted, &known, fail);
    if (!e &&
        (!known || !gb_span_equal(gb_buf_view(&noted), gb_buf_view(&there)))) {
        struct gb_span missing =
            first_missing(gb_buf_view(&noted), gb_buf_view(&there));
        if (check && (!known || missing.len))
            e = check_whole(o, missing, fail);
        if (!e)
            e = write_note(o, gb_buf_view(&there), fail);
    }
    gb_buf_release(&noted);
    gb_buf_release(&there);
    return e;
}

enum gb_err
gb_office_check_packs(struct gb_office *o, struct gb_fail *fail)
{
    return note(o, true, fail);
}

enum gb_err
gb_office_note_packs(struct gb_office *o, struct gb_fail *fail)
{
    return note(o, false, fail);
}
