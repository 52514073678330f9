/* journal_accept.c - own operations that the hub accepted; journal_delta.h */
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "journal_delta.h"

struct accepting {
    struct gb_journal *j;
    struct gb_delta_in *d;
    const struct gb_line *line;
    struct gb_set set;
    int64_t *stamps; /* effective */
};

/* The level that a change was made at; an insert's is in its row. */
static enum gb_err
level_of(struct gb_journal *j, const struct gb_op *op, int *level,
         struct gb_fail *fail)
{
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_LOG_LEVEL);
    sqlite3_bind_int64(s, 1, op->stamp);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && row)
        *level = sqlite3_column_int(s, 0);
    sqlite3_reset(s);
    return e;
}

/* The hub quarantined it: remembered for people, with its reason. */
static enum gb_err
take_back(struct accepting *a, int index, enum gb_code code,
          struct gb_fail *fail)
{
    sqlite3_stmt *s;
    const struct gb_op *op = &a->set.ops[index];
    const struct gb_schema *schema = a->j->schema;
    enum gb_err e = gb_db_prepare(a->j->db,
                                  "REPLACE INTO _taken(seq, idx, code, tbl, "
                                  "id) VALUES(?,?,?,?,?)",
                                  &s, fail);
    if (!e) {
        sqlite3_bind_int64(s, 1, a->set.seq);
        sqlite3_bind_int(s, 2, index);
        gb_db_bind_text(s, 3, gb_code_name(code));
        gb_db_bind_text(s, 4, schema->tables[op->table].name);
        sqlite3_bind_int64(s, 5, op->id);
        e = gb_db_run(s, fail);
    }
    sqlite3_finalize(s);
    if (!e && op->kind == GB_INSERT)
        e = gb_tables_delete(a->j->tables, op->table, op->id, fail);
    a->d->counts->quarantined++;
    return e;
}

/* One operation takes its place in the hub's state, as it did at the hub. */
static enum gb_err
take_effect(struct accepting *a, int index, struct gb_fail *fail)
{
    struct gb_journal *j = a->j;
    const struct gb_op *op = &a->set.ops[index];
    struct gb_rec r;
    bool found;
    gb_arena_reset(&j->arena);
    enum gb_err e = gb_tables_load(j->tables, op->table, op->id, &j->arena, &r,
                                   &found, fail);
    int level = r.level;
    if (!e && found)
        e = level_of(j, op, &level, fail);
    if (e || !found)
        return e;
    struct gb_effect x = {.op = op,
                          .device = a->set.device,
                          .stamp = a->stamps[index],
                          .pos = (int64_t)a->line->pos,
                          .level = level,
                          .base = a->set.base.size};
    bool good = op->kind == GB_INSERT
                    ? gb_rec_insert(&r, r.table, &x, &j->arena)
                    : gb_rec_merge(&r, &x, &j->lineage);
    if (!good)
        return gb_fail_memory(fail);
    return gb_tables_update(j->tables, &r, fail);
}

/* Every operation of the set, with its verdict. */
static enum gb_err
accept_operations(struct accepting *a, struct gb_fail *fail)
{
    const struct gb_line *l = a->line;
    enum gb_err e = GB_OK;
    int q = 0;
    for (int i = 0; i < a->set.nops && !e; i++) {
        if (l->verdict == GB_HELD) {
            e = take_back(a, i, l->held, fail);
        } else if (q < l->nquarantined && l->quarantined[q].index == i) {
            e = take_back(a, i, l->quarantined[q++].code, fail);
        } else {
            e = take_effect(a, i, fail);
        }
    }
    return e;
}

/* A schema that this journal had once, newly loaded. */
static enum gb_err
load_schema(struct gb_journal *j, uint32_t version, struct gb_schema **out,
            struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail, "SELECT text, kept FROM _schema WHERE version = %u",
        version);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "the journal lacks schema version %u", version);
    if (!e)
        e = gb_schema_load_kept(gb_db_blob(s, 0), gb_db_blob(s, 1), version,
                                out, fail);
    sqlite3_finalize(s);
    return e;
}

/* The operations of a set, with the schema that it was sealed with: a newer one
 * may have come since.  Tables and columns keep their numbers. */
static enum gb_err
decode(struct gb_journal *j, struct gb_span signed_bytes,
       struct gb_span personal, struct gb_set *out, struct gb_fail *fail)
{
    struct gb_set_info info;
    struct gb_schema *old = NULL;
    enum gb_err e = gb_set_info(signed_bytes, &info, fail);
    if (!e && info.schema != j->schema->version)
        e = load_schema(j, info.schema, &old, fail);
    const struct gb_schema *s = old ? old : j->schema;
    if (!e)
        e = gb_set_decode(signed_bytes, s, out, fail);
    if (!e)
        e = gb_set_reveal(out, s, personal, fail);
    gb_schema_free(old);
    return e;
}

enum gb_err
gb_journal_open_set(struct gb_journal *j, uint32_t seq, struct gb_arena *arena,
                    struct gb_set *out, struct gb_line *line, bool *there,
                    struct gb_fail *fail)
{
    sqlite3_stmt *s;
    *out = (struct gb_set){0};
    *line = (struct gb_line){0};
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail,
        "SELECT signed, personal, line FROM _set WHERE seq = %u", seq);
    if (!e)
        e = gb_db_step(s, there, fail);
    if (!e && *there && gb_db_blob(s, 2).len)
        e = gb_line_read(gb_db_blob(s, 2), arena, line, fail);
    if (!e && *there)
        e = decode(j, gb_db_blob(s, 0), gb_db_blob(s, 1), out, fail);
    sqlite3_finalize(s);
    return e;
}

/* The set of a receipt, decoded, with its effective stamps. */
static enum gb_err
open_set(struct accepting *a, struct gb_fail *fail)
{
    struct gb_journal *j = a->j;
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_GET_SET);
    sqlite3_bind_int64(s, 1, a->line->seq);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && (!row || gb_db_blob(s, 3).len != 32 ||
               memcmp(gb_db_blob(s, 3).ptr, a->line->sha256, 32)))
        e = gb_fail_set(fail, GB_E_HISTORY,
                        "the hub has a receipt for set %u that was not made "
                        "here",
                        a->line->seq);
    if (!e)
        e = decode(j, gb_db_blob(s, 0), gb_db_blob(s, 2), &a->set, fail);
    sqlite3_reset(s);
    if (!e && a->line->nadjust && a->line->nadjust != a->set.nboots)
        e = gb_fail_set(fail, GB_E_FORMAT, "the receipt of set %u is damaged",
                        a->line->seq);
    return e ? e
             : gb_line_stamps(a->line, &a->set, &a->set.arena, &a->stamps,
                              fail);
}

/* The receipt stays with the set; its changes are no longer pending. */
static enum gb_err
close_set(struct accepting *a, struct gb_fail *fail)
{
    sqlite3 *db = a->j->db;
    sqlite3_stmt *s;
    struct gb_buf line;
    /* just this set's: an older one, of a clock that was ahead, may have had
     * higher stamps than what is pending now */
    long long first = a->set.ops[0].stamp;
    long long last = a->set.ops[a->set.nops - 1].stamp;
    gb_buf_init(&line, GB_LINE_MAX);
    gb_line_write(a->line, &line);
    enum gb_err e = gb_buf_check(&line, "a receipt", fail);
    if (!e)
        e = gb_db_execf(db, fail,
                        "DELETE FROM _log WHERE stamp BETWEEN %lld AND %lld;"
                        "DELETE FROM _time WHERE stamp BETWEEN %lld AND %lld;"
                        "DELETE FROM _txn WHERE last BETWEEN %lld AND %lld",
                        first, last, first, last, first, last);
    if (!e)
        e = gb_db_prepare(db, "UPDATE _set SET line = ? WHERE seq = ?", &s,
                          fail);
    if (!e) {
        struct gb_value v = gb_value_text(gb_buf_view(&line));
        gb_db_bind(s, 1, &v);
        sqlite3_bind_int64(s, 2, a->set.seq);
        e = gb_db_run(s, fail);
        sqlite3_finalize(s);
    }
    gb_buf_release(&line);
    a->d->counts->accepted_sets++;
    return e;
}

struct receipts {
    struct gb_journal *j;
    struct gb_delta_in *d;
    int64_t accepted; /* up to this set */
};

/* The next set that has a receipt. */
static enum gb_err
accept_set(void *context, const struct gb_line *line, struct gb_fail *fail)
{
    struct receipts *r = context;
    struct accepting a = {.j = r->j, .d = r->d, .line = line};
    if (line->verdict == GB_FORK || line->seq <= r->accepted)
        return GB_OK;
    if (line->seq != r->accepted + 1)
        return gb_fail_set(fail, GB_E_HISTORY,
                           "the hub's receipts skip set %lld",
                           (long long)r->accepted + 1);
    enum gb_err e = open_set(&a, fail);
    if (!e)
        e = accept_operations(&a, fail);
    if (!e)
        e = close_set(&a, fail);
    gb_set_release(&a.set);
    r->accepted++;
    return e;
}

enum gb_err
gb_delta_accept(struct gb_journal *j, struct gb_delta_in *d,
                struct gb_fail *fail)
{
    struct receipts r = {.j = j, .d = d};
    enum gb_err e = gb_journal_get(j, "accepted", &r.accepted, fail);
    if (!e)
        e = gb_delta_receipts(j, accept_set, &r, fail);
    if (!e && r.accepted != d->head.accepted)
        e = gb_fail_set(fail, GB_E_HISTORY,
                        "the hub counts %u sets as accepted, and gives "
                        "receipts up to %lld",
                        d->head.accepted, (long long)r.accepted);
    if (!e)
        e = gb_journal_put(j, "accepted", r.accepted, fail);
    /* what a hub acknowledged and does not have any more is sent again */
    return e ? e : gb_journal_put(j, "safe", r.accepted, fail);
}

enum gb_err
gb_journal_acknowledged(struct gb_journal *j, const struct gb_ack *ack,
                        struct gb_fail *fail)
{
    uint8_t sha[32];
    bool found;
    enum gb_err e = gb_journal_set_sha(j, ack->seq, sha, &found, fail);
    if (e)
        return e;
    if (!found || memcmp(sha, ack->sha, sizeof sha)) {
        gb_journal_put(j, "copy", 1, NULL);
        return gb_journal_copied(j, fail);
    }
    return gb_db_execf(
        j->db, fail,
        "REPLACE INTO _journal(key, value) VALUES('uncertain', 0), ('safe', "
        "max(%u, coalesce((SELECT value FROM _journal WHERE key = 'safe'), "
        "0)))",
        ack->seq);
}

enum gb_err
gb_journal_no_news(struct gb_journal *j, struct gb_fail *fail)
{
    return gb_db_exec(j->db,
                      "REPLACE INTO _journal(key, value) VALUES('uncertain', "
                      "0), ('safe', coalesce((SELECT value FROM _journal WHERE "
                      "key = 'accepted'), 0))",
                      fail);
}
