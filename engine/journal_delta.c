/* journal_delta.c - what a delta must fulfil before one record is touched; see
 * journal.h */
#include "journal_delta.h"

#include <string.h>

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

/* The proof from a size, or NULL. */
static const struct gb_merkle_proof *
find_proof(const struct gb_delta_in *d, uint64_t from)
{
    for (int i = 0; i < d->once.ngrowth; i++)
        if (d->once.growth[i].from == from)
            return &d->once.growth[i].proof;
    return NULL;
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
    const struct gb_merkle_proof none = {0}; /* what nothing needs */
    const struct gb_merkle_proof *proof =
        seen.size ? find_proof(d, seen.size) : &none;
    if (!proof)
        return gb_fail_set(fail, GB_E_STATE,
                           "this delta answers an older request: sync, or "
                           "export, and take the answer to that");
    if (d->head.to.epoch == seen.epoch || !seen.size)
        if (gb_merkle_verify_growth(seen.size, d->head.to.size, &old, &new,
                                    proof))
            return GB_OK;
    return gb_fail_set(fail, GB_E_HISTORY,
                       "the hub's log does not contain what this handheld saw "
                       "at %llu: tell the office, and keep this handheld as it "
                       "is",
                       (unsigned long long)seen.size);
}

enum gb_err
gb_journal_set_sha(struct gb_journal *j, uint32_t seq, uint8_t out[32],
                   bool *found, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_GET_SET);
    sqlite3_bind_int64(s, 1, seq);
    enum gb_err e = gb_db_step(s, found, fail);
    if (!e && *found && gb_db_blob(s, 3).len == 32)
        memcpy(out, gb_db_blob(s, 3).ptr, 32);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_journal_copied(const struct gb_journal *j, struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_FORK,
                       "another journal works under number %d, so this one is "
                       "a copy: ask the office for a new ticket",
                       j->device);
}

struct forks {
    struct gb_journal *j;
    bool own; /* one of them was made here */
};

static enum gb_err
look_at_fork(void *context, const struct gb_line *l, struct gb_fail *fail)
{
    struct forks *f = context;
    uint8_t sha[32];
    bool found;
    if (l->verdict != GB_FORK)
        return GB_OK;
    enum gb_err e = gb_journal_set_sha(f->j, l->seq, sha, &found, fail);
    f->own |= !e && found && !memcmp(sha, l->sha256, 32);
    return e;
}

/* This journal made the sets that the hub accepted under its number, and none
 * of its own is a fork (PROTOCOL.md "A copied journal"). */
static enum gb_err
check_chain(struct gb_journal *j, const struct gb_delta_in *d,
            struct gb_fail *fail)
{
    uint8_t sha[32];
    bool found = true;
    struct forks forks = {.j = j};
    enum gb_err e = GB_OK;
    if (d->head.accepted)
        e = gb_journal_set_sha(j, d->head.accepted, sha, &found, fail);
    bool copy =
        d->head.accepted && (!found || memcmp(sha, d->head.accepted_sha, 32));
    if (!e && !copy)
        e = gb_delta_receipts(j, look_at_fork, &forks, fail);
    if (e || !(copy || forks.own))
        return e;
    return gb_journal_copied(j, fail);
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
    if (!e && !part.ptr)
        e = gb_arena_refused(&d->arena, gb_db_blob(s, 0).len, fail);
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
