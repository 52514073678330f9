/* journal_delta.c - parts of a delta on their way in, and what they must
 * fulfil before one record is touched; see journal.h */
#include "journal_delta.h"

#include <string.h>

/* All parts of one delta say the same of the whole. */
static bool
same_delta(const struct gb_delta_head *a, const struct gb_delta_head *b)
{
    return a->from == b->from && a->to.size == b->to.size &&
           a->to.epoch == b->to.epoch && a->keep == b->keep &&
           !memcmp(a->to.root, b->to.root, 32) && a->accepted == b->accepted &&
           a->schema == b->schema;
}

/* The part before this one belongs to it; a first part needs none. */
static enum gb_err
check_order(struct gb_journal *j, const struct gb_delta_head *h,
            struct gb_fail *fail)
{
    struct gb_delta_head before;
    sqlite3_stmt *s;
    bool row = false;
    if (h->part == 1)
        return gb_db_exec(j->db, "DELETE FROM _part", fail);
    enum gb_err e =
        gb_db_preparef(j->db, &s, fail,
                       "SELECT bytes FROM _part WHERE part = %u", h->part - 1);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row)
        e = gb_delta_head_read(gb_db_blob(s, 0), &before, fail);
    if (!e && (!row || !same_delta(h, &before) || before.last))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "part %u of a delta does not follow the one before",
                        h->part);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_journal_delta_part(struct gb_journal *j, struct gb_span part, bool *complete,
                      struct gb_fail *fail)
{
    struct gb_delta_head h;
    sqlite3_stmt *s = NULL;
    *complete = false;
    enum gb_err e = gb_delta_head_read(part, &h, fail);
    if (!e && memcmp(h.site, j->site.id, sizeof h.site))
        e = gb_fail_set(fail, GB_E_SITE, "this delta is of another site");
    if (!e && h.device != j->device)
        e = gb_fail_set(fail, GB_E_SITE,
                        "this delta is for device %d, and this is device %d",
                        h.device, j->device);
    if (!e)
        e = check_order(j, &h, fail);
    if (!e)
        e = gb_db_prepare(j->db, "REPLACE INTO _part(part, bytes) VALUES(?,?)",
                          &s, fail);
    if (!e) {
        sqlite3_bind_int64(s, 1, h.part);
        gb_db_bind_blob(s, 2, part);
        e = gb_db_run(s, fail);
    }
    sqlite3_finalize(s);
    *complete = !e && h.last;
    return e;
}

/* It begins where this journal stands, or before, and ends after. */
static enum gb_err
check_heads(struct gb_journal *j, const struct gb_delta_in *d,
            struct gb_fail *fail)
{
    struct gb_head merged;
    enum gb_err e = gb_journal_head(j, "merged", &merged, fail);
    if (e)
        return e;
    if (d->head.from <= merged.size && merged.size < d->head.to.size)
        return GB_OK;
    bool old = d->head.to.size <= merged.size;
    return gb_fail_set(
        fail, old ? GB_E_EXISTS : GB_E_STATE,
        "this delta leads from %llu to %llu, and the journal "
        "stands at %llu: %s",
        (unsigned long long)d->head.from, (unsigned long long)d->head.to.size,
        (unsigned long long)merged.size,
        old ? "nothing to do" : "sync, or export, so that the hub knows");
}

/* The log that this delta speaks of begins with the one seen before. */
static enum gb_err
check_history(struct gb_journal *j, const struct gb_delta_in *d,
              struct gb_fail *fail)
{
    struct gb_head seen;
    struct gb_sha256 old, new;
    enum gb_err e = gb_journal_head(j, "highest", &seen, fail);
    if (e)
        return e;
    memcpy(old.bytes, seen.root, 32);
    memcpy(new.bytes, d->head.to.root, 32);
    if (seen.size && d->once.proof_from != seen.size)
        return gb_fail_set(fail, GB_E_STATE,
                           "this delta answers an older request: sync, or "
                           "export, and take the answer to that");
    if (d->head.to.epoch == seen.epoch || !seen.size)
        if (gb_merkle_verify_growth(seen.size, d->head.to.size, &old, &new,
                                    &d->once.proof))
            return GB_OK;
    return gb_fail_set(fail, GB_E_HISTORY,
                       "the hub's log does not contain what this handheld saw "
                       "at %llu: tell the office, and keep this handheld as it "
                       "is",
                       (unsigned long long)seen.size);
}

/* Hash of an own set, if it was made here. */
static enum gb_err
own_sha(struct gb_journal *j, uint32_t seq, uint8_t out[32], bool *found,
        struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_GET_SET);
    sqlite3_bind_int64(s, 1, seq);
    enum gb_err e = gb_db_step(s, found, fail);
    if (!e && *found && gb_db_blob(s, 3).len == 32)
        memcpy(out, gb_db_blob(s, 3).ptr, 32);
    sqlite3_reset(s);
    return e;
}

/* This journal made the sets that the hub accepted under its number, and none
 * of its own is a fork (design §2 "One number, two chains"). */
static enum gb_err
check_chain(struct gb_journal *j, const struct gb_delta_in *d,
            struct gb_fail *fail)
{
    uint8_t sha[32];
    bool found = true;
    enum gb_err e = GB_OK;
    if (d->head.accepted)
        e = own_sha(j, d->head.accepted, sha, &found, fail);
    bool copy =
        d->head.accepted && (!found || memcmp(sha, d->head.accepted_sha, 32));
    for (int i = 0; i < d->once.nreceipts && !e && !copy; i++) {
        const struct gb_line *l = &d->once.receipts[i];
        if (l->verdict != GB_FORK)
            continue;
        e = own_sha(j, l->seq, sha, &found, fail);
        copy = found && !memcmp(sha, l->sha256, 32);
    }
    if (e || !copy)
        return e;
    return gb_fail_set(fail, GB_E_FORK,
                       "another journal works under number %d, so this one is "
                       "a copy: ask the office for a new ticket",
                       j->device);
}

enum gb_err
gb_delta_in_open(struct gb_journal *j, struct gb_delta_in *d,
                 struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    *d = (struct gb_delta_in){0};
    gb_arena_init(&d->arena, GB_ARENA_MAX);
    enum gb_err e = gb_db_prepare(
        j->db, "SELECT bytes FROM _part WHERE part = 1", &s, fail);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_STATE, "there is no delta to apply");
    struct gb_span part =
        e ? GB_SPAN(NULL, 0) : gb_arena_copy(&d->arena, gb_db_blob(s, 0));
    sqlite3_finalize(s);
    if (!e)
        e = gb_delta_head_read(part, &d->head, fail);
    if (!e)
        e = gb_delta_once_read(part, &d->arena, &d->once, fail);
    return e;
}

enum gb_err
gb_delta_in_check(struct gb_journal *j, const struct gb_delta_in *d,
                  struct gb_fail *fail)
{
    enum gb_err e = check_heads(j, d, fail);
    if (!e)
        e = check_history(j, d, fail);
    if (!e)
        e = check_chain(j, d, fail);
    if (!e && j->schema && d->head.schema < j->schema->version)
        e = gb_fail_set(fail, GB_E_STATE,
                        "this delta was made with an older schema: sync, or "
                        "export, and take the answer to that");
    return e;
}
