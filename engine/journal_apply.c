/*
 * journal_apply.c - a delta becomes part of the journal, in one transaction:
 * own changes are taken off, accepted ones merged in, the hub's records put in
 * place of the old ones, and what is still pending merged on top by the same
 * code (docs/PROTOCOL.md "A sync").
 */
#include <string.h>

#include "journal_delta.h"
#include "tlv.h"

/* Keys of _journal that the hub may change, by their tags. */
static const struct {
    unsigned tag;
    const char *key;
    enum { TEXT, BYTES, NUMBER } as;
    bool device;
} fields[] = {
    {GB_SITE_NAME, "site_name", TEXT, false},
    {GB_SITE_TIMEZONE, "timezone", TEXT, false},
    {GB_SITE_HUB_KEY, "hub_key", BYTES, false},
    {GB_SITE_LEDGER_KEY, "ledger_key", BYTES, false},
    {GB_SITE_RECEIVE_KEY, "receive_key", BYTES, false},
    {GB_SITE_EPOCH, "epoch", NUMBER, false},
    {GB_DEVICE_NAME, "name", TEXT, true},
    {GB_DEVICE_LEVEL, "level", NUMBER, true},
};

static enum gb_err
take_fields(struct gb_journal *j, const struct gb_delta_once *once,
            struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && !e; i++) {
        struct gb_span payload = fields[i].device ? once->device : once->site;
        struct gb_span v = gb_tlv_find(payload, fields[i].tag);
        uint64_t number = 0;
        struct gb_value value =
            fields[i].as == TEXT ? gb_value_text(v) : gb_value_blob(v);
        if (fields[i].as == NUMBER &&
            gb_tlv_find_number(payload, fields[i].tag, &number))
            value = gb_value_int((int64_t)number);
        if (v.ptr)
            e = gb_journal_put_value(j, fields[i].key, &value, fail);
    }
    return e ? e : gb_table_site_put(j->db, once->site, fail);
}

/* Attributes as lines, and whether the hub knows this device's key. */
static enum gb_err
take_device(struct gb_journal *j, const struct gb_delta_once *once,
            const struct gb_sign_key *key, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(once->device);
    struct gb_span v;
    struct gb_buf lines;
    unsigned tag, last = 0;
    bool confirmed = false;
    gb_buf_init(&lines, GB_ATTRIBUTES_MAX);
    while (gb_tlv_next(&in, &tag, &v, &last)) {
        if (tag == GB_DEVICE_ATTRIBUTE) {
            gb_buf_span(&lines, v);
            gb_buf_u8(&lines, '\n');
        }
        confirmed |= tag == GB_DEVICE_SIGN_KEY &&
                     gb_span_equal(v, GB_SPAN(key->public_key.bytes, 32));
    }
    enum gb_err e = gb_buf_check(&lines, "attributes", fail);
    struct gb_value value = gb_value_text(gb_buf_view(&lines));
    if (!e)
        e = gb_journal_put_value(j, "attributes", &value, fail);
    if (!e && confirmed)
        e = gb_journal_put(j, "confirmed", 1, fail);
    gb_buf_release(&lines);
    return e;
}

/* The schema that the delta brings, before its records. */
static enum gb_err
take_schema(struct gb_journal *j, const struct gb_delta_in *d,
            struct gb_fail *fail)
{
    struct gb_schema *next = NULL;
    struct gb_buf kept;
    sqlite3_stmt *s = NULL;
    if (j->schema && j->schema->version == d->head.schema)
        return GB_OK;
    enum gb_err e = gb_schema_load(d->once.schema, d->head.schema, &next, fail);
    if (!e && j->schema)
        e = gb_schema_follows(j->schema, next, fail);
    gb_tables_close(j->tables);
    j->tables = NULL;
    if (!e)
        e = gb_table_create(j->db, j->schema, next, GB_SIDE_DEVICE, fail);
    if (!e)
        e = gb_db_prepare(j->db, "INSERT INTO _schema VALUES(?,?,?)", &s, fail);
    gb_buf_init(&kept, GB_SCHEMA_ARENA_MAX);
    if (!e)
        e = gb_schema_keep(next, &kept, fail);
    if (!e) {
        sqlite3_bind_int64(s, 1, d->head.schema);
        gb_db_bind_blob(s, 2, d->once.schema);
        gb_db_bind_blob(s, 3, gb_buf_view(&kept));
        e = gb_db_run(s, fail);
    }
    gb_buf_release(&kept);
    sqlite3_finalize(s);
    if (!e) {
        gb_schema_free(j->schema);
        j->schema = next;
        next = NULL;
        e = gb_tables_open(j->db, j->schema, &j->tables, fail);
    }
    gb_schema_free(next);
    return e;
}

static enum gb_err
take_lineage(struct gb_journal *j, const struct gb_lineage *l,
             struct gb_fail *fail)
{
    enum gb_err e = gb_db_exec(j->db, "DELETE FROM _lineage", fail);
    for (int i = 0; i < l->n && !e; i++)
        e = gb_db_execf(
            j->db, fail, "INSERT INTO _lineage VALUES(%d, %d, %lld)",
            l->of[i].device, l->of[i].parent, (long long)l->of[i].stamp);
    return e;
}

/*
 * Where the open tail begins after this: it is empty now, so behind what is
 * still pending, or behind nothing.  The clock may fall here (MERGE.md §11),
 * and changes made with it must lie above this mark; so must the first
 * operation of the boot that goes on, and older boots are no longer asked for.
 */
static enum gb_err
restart_tail(struct gb_journal *j, int64_t stamp, struct gb_fail *fail)
{
    int64_t pending = 0;
    bool found;
    enum gb_err e = gb_db_int(
        j->db, "SELECT coalesce(max(last), 0) FROM _set WHERE line IS NULL",
        &pending, &found, fail);
    if (!e)
        e = gb_journal_put(j, "sealed", pending, fail);
    long long next = (stamp > pending ? stamp : pending) + 1;
    return e ? e
             : gb_db_execf(j->db, fail,
                           "DELETE FROM _boot WHERE first < (SELECT "
                           "max(first) FROM _boot);"
                           "UPDATE _boot SET first = %lld WHERE first > %lld",
                           next, next);
}

/*
 * Heads and clock.  The clock is never below the largest stamp up to the
 * to-head, nor below its own unaccepted stamps; those of accepted operations,
 * which a wrong clock may have set high, no longer hold it up (MERGE.md §11).
 */
static enum gb_err
advance(struct gb_journal *j, const struct gb_delta_in *d, struct gb_fail *fail)
{
    int64_t counter = j->c.counter;
    enum gb_err e = gb_journal_put_head(j, "merged", &d->head.to, fail);
    if (!e)
        e = gb_journal_put_head(j, "highest", &d->head.to, fail);
    if (!e)
        e = gb_journal_put(j, "clock", d->head.stamp, fail);
    if (!e)
        e = restart_tail(j, d->head.stamp, fail);
    if (!e)
        e = gb_journal_put(j, "counter", counter, fail);
    if (!e)
        e = gb_journal_put(j, "synced", d->head.clock_ms, fail);
    if (!e)
        e = gb_journal_put(j, "uncertain", 0, fail);
    if (!e)
        e = gb_db_exec(j->db, "DELETE FROM _part", fail);
    j->c.clock = 0;
    return e;
}

/* The whole of it, in the open transaction. */
static enum gb_err
apply(struct gb_journal *j, struct gb_delta_in *d,
      const struct gb_sign_key *key, struct gb_fail *fail)
{
    int made;
    enum gb_err e = gb_delta_in_check(j, d, fail);
    if (!e)
        e = gb_journal_seal(j, key, &made, fail);
    if (!e)
        e = gb_delta_undo(j, fail);
    if (!e)
        e = take_lineage(j, &d->once.lineage, fail);
    if (!e)
        e = gb_delta_accept(j, d, fail);
    if (!e)
        e = gb_delta_still_waiting(j, d, fail);
    if (!e)
        e = take_schema(j, d, fail);
    if (!e)
        e = gb_delta_put(j, d, fail);
    if (!e)
        e = gb_delta_take_known(j, fail);
    if (!e)
        e = gb_delta_redo(j, fail);
    if (!e)
        e = take_fields(j, &d->once, fail);
    if (!e)
        e = take_device(j, &d->once, key, fail);
    return e ? e : advance(j, d, fail);
}

enum gb_err
gb_journal_delta_apply(struct gb_journal *j, const struct gb_sign_key *key,
                       struct gb_applied *out, struct gb_fail *fail)
{
    struct gb_delta_in d;
    *out = (struct gb_applied){0};
    enum gb_err e = gb_delta_in_open(j, &d, fail);
    d.counts = out;
    if (!e)
        e = gb_journal_begin(j, fail);
    if (!e) {
        j->c.local = false;
        e = apply(j, &d, key, fail);
        if (!e)
            e = gb_journal_commit(j, fail);
        if (e)
            gb_journal_rollback(j);
        j->c.local = true;
        struct gb_fail again = {0};
        enum gb_err r = gb_journal_reload(j, &again);
        if (!e && r)
            e = gb_fail_set(fail, r, "%s", again.text);
    }
    if (e == GB_E_FORK)
        gb_journal_mark_copy(j, NULL);
    gb_arena_release(&d.arena);
    return e;
}

enum gb_err
gb_journal_taken_back(struct gb_journal *j, gb_taken_back_fn *fn, void *context,
                      struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_prepare(
        j->db, "SELECT seq, idx, code, tbl, id FROM _taken ORDER BY seq, idx",
        &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_taken_back t = {.seq = (uint32_t)sqlite3_column_int64(s, 0),
                                  .index = sqlite3_column_int(s, 1),
                                  .code = gb_code_parse(gb_db_blob(s, 2)),
                                  .table =
                                      (const char *)sqlite3_column_text(s, 3),
                                  .id = sqlite3_column_int64(s, 4)};
        if (t.code < GB_CODE_COUNT)
            fn(context, &t);
    }
    sqlite3_finalize(s);
    return e;
}

/* -------------------------------------------------------------- digest -- */

static enum gb_err
in_scope(void *context, int table, int64_t id, bool *in, struct gb_fail *fail)
{
    enum gb_err e = gb_journal_readonly(context, table, id, in, fail);
    *in = !*in;
    return e;
}

enum gb_err
gb_journal_digest(struct gb_journal *j, uint8_t out[32], struct gb_fail *fail)
{
    struct gb_sha256 none = gb_sha256(GB_SPAN(NULL, 0));
    memcpy(out, none.bytes, sizeof none.bytes);
    if (!j->schema)
        return GB_OK;
    enum gb_err e = gb_journal_begin(j, fail);
    if (!e) {
        /* without the pending changes, which the rollback brings back */
        j->c.local = false;
        e = gb_delta_undo(j, fail);
        if (!e)
            e = gb_tables_digest(j->tables, j->schema, &j->lineage, in_scope, j,
                                 out, fail);
        gb_journal_rollback(j);
        j->c.local = true;
    }
    return e;
}
