/* journal_load.c - what is kept in memory, and what people ask; journal.h */
#include "journal_private.h"
#include "lineage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

static enum gb_err
load_site(struct gb_journal *j, struct gb_fail *fail)
{
    struct gb_site *s = &j->site;
    int64_t epoch, device, level;
    enum gb_err e =
        gb_journal_get_bytes(j, "site_id", s->id, sizeof s->id, fail);
    if (!e)
        e = gb_journal_get_text(j, "site_name", s->name, sizeof s->name, fail);
    if (!e)
        e = gb_journal_get_text(j, "timezone", s->timezone, sizeof s->timezone,
                                fail);
    if (!e)
        e = gb_journal_get_bytes(j, "hub_key", s->hub_key, 32, fail);
    if (!e)
        e = gb_journal_get_bytes(j, "ledger_key", s->ledger_key, 32, fail);
    if (!e)
        e = gb_journal_get_bytes(j, "receive_key", s->receive_key, 32, fail);
    if (!e)
        e = gb_journal_get(j, "epoch", &epoch, fail);
    if (!e)
        e = gb_journal_get(j, "device", &device, fail);
    if (!e)
        e = gb_journal_get(j, "level", &level, fail);
    if (e)
        return e;
    s->epoch = (uint32_t)epoch;
    j->device = (int)device;
    j->device_level = (int)level;
    return GB_OK;
}

void
gb_journal_forget_schema(struct gb_journal *j)
{
    gb_tables_close(j->tables);
    gb_schema_free(j->schema);
    j->tables = NULL;
    j->schema = NULL;
    for (int i = 0; i < GB_JOURNAL_WRITES; i++)
        sqlite3_finalize(j->writes[i].s);
    memset(j->writes, 0, sizeof j->writes);
    j->next_write = 0;
}

/* The newest schema, if it is not the one in memory. */
static enum gb_err
load_schema(struct gb_journal *j, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    enum gb_err e = gb_db_prepare(
        j->db,
        "SELECT version, text, kept FROM _schema ORDER BY version DESC LIMIT 1",
        &s, fail);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row &&
        (!j->schema || !j->tables ||
         j->schema->version != sqlite3_column_int64(s, 0))) {
        gb_journal_forget_schema(j);
        e = gb_schema_load_kept(gb_db_blob(s, 1), gb_db_blob(s, 2),
                                (uint32_t)sqlite3_column_int64(s, 0),
                                &j->schema, fail);
        if (!e)
            e = gb_tables_open(j->db, j->schema, &j->tables, fail);
    } else if (!e && !row) {
        gb_journal_forget_schema(j);
    }
    sqlite3_finalize(s);
    return e;
}

/* The last own record of every table: its counter, its stamp. */
static enum gb_err
load_last_rows(struct gb_journal *j, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int t = 0; j->schema && t < j->schema->ntables && !e; t++) {
        sqlite3_stmt *s;
        bool row = false;
        e = gb_db_preparef(j->db, &s, fail,
                           "SELECT id, _e FROM \"%w\" WHERE id BETWEEN %lld "
                           "AND %lld ORDER BY id DESC LIMIT 1",
                           j->schema->tables[t].name,
                           (long long)gb_id_make(j->device, 0),
                           (long long)gb_id_make(j->device, GB_COUNTER_MAX));
        if (!e)
            e = gb_db_step(s, &row, fail);
        if (!e && row) {
            int64_t counter = sqlite3_column_int64(s, 0) & GB_COUNTER_MAX;
            int64_t stamp = sqlite3_column_int64(s, 1);
            if (counter > j->c.counter)
                j->c.counter = counter;
            if (stamp > j->c.clock)
                j->c.clock = stamp;
        }
        sqlite3_finalize(s);
    }
    return e;
}

/* The clock is the highest own stamp, wherever it stands. */
static enum gb_err
load_clock(struct gb_journal *j, struct gb_fail *fail)
{
    static const char *const queries[] = {
        "SELECT max(stamp) FROM _log",
        "SELECT max(last) FROM _set WHERE line IS NULL",
    };
    bool found;
    int64_t v;
    enum gb_err e = gb_journal_get(j, "clock", &j->c.clock, fail);
    if (!e)
        e = gb_journal_get(j, "counter", &j->c.counter, fail);
    for (size_t i = 0; i < sizeof queries / sizeof *queries && !e; i++) {
        v = 0;
        e = gb_db_int(j->db, queries[i], &v, &found, fail);
        if (!e && found && v > j->c.clock)
            j->c.clock = v;
    }
    return e ? e : load_last_rows(j, fail);
}

enum gb_err
gb_journal_reload(struct gb_journal *j, struct gb_fail *fail)
{
    int64_t readonly = 0;
    bool found;
    j->c.boot_stays = false;
    enum gb_err e = load_site(j, fail);
    if (!e)
        e = load_schema(j, fail);
    if (!e)
        e = load_clock(j, fail);
    if (!e)
        e = gb_lineage_load(&j->lineage, j->db, fail);
    if (!e)
        e = gb_journal_get(j, "actor", &j->c.actor, fail);
    if (!e)
        e = gb_db_int(j->db, "SELECT EXISTS (SELECT 1 FROM _readonly)",
                      &readonly, &found, fail);
    j->c.readonly = readonly;
    return e ? e : gb_capture_level(j, fail);
}

/* Where the open tail begins: after the last sealed operation. */
enum gb_err
gb_journal_sealed(struct gb_journal *j, int64_t *stamp, int64_t *counter,
                  struct gb_fail *fail)
{
    enum gb_err e = gb_journal_get(j, "sealed", stamp, fail);
    return e ? e : gb_journal_get(j, "sealed_counter", counter, fail);
}

/* Operations after a stamp and a counter: changes, and new rows. */
static enum gb_err
count_after(struct gb_journal *j, int64_t stamp, int64_t counter, int64_t *out,
            struct gb_fail *fail)
{
    char sql[200];
    bool found;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM _log WHERE stamp > %lld",
             (long long)stamp);
    enum gb_err e = gb_db_int(j->db, sql, out, &found, fail);
    for (int t = 0; j->schema && t < j->schema->ntables && !e; t++) {
        int64_t n = 0;
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM \"%s\" WHERE id BETWEEN %lld AND %lld",
                 j->schema->tables[t].name,
                 (long long)gb_id_make(j->device, counter + 1),
                 (long long)gb_id_make(j->device, GB_COUNTER_MAX));
        e = gb_db_int(j->db, sql, &n, &found, fail);
        *out += n;
    }
    return e;
}

/* Operations in sets that the hub has not accepted, behind this one. */
static enum gb_err
count_sent(struct gb_journal *j, int64_t seq, int64_t *out,
           struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_prepare(j->db,
                                  "SELECT coalesce(sum(ops), 0) FROM _set "
                                  "WHERE line IS NULL AND seq > ?1",
                                  &s, fail);
    if (e)
        return e;
    sqlite3_bind_int64(s, 1, seq);
    e = gb_db_step(s, &row, fail);
    *out = !e && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_journal_head(struct gb_journal *j, const char *key, struct gb_head *out,
                struct gb_fail *fail)
{
    uint8_t bytes[44];
    enum gb_err e = gb_journal_get_bytes(j, key, bytes, sizeof bytes, fail);
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, sizeof bytes));
    out->epoch = gb_read_u32(&in);
    out->size = gb_read_u64(&in);
    memcpy(out->root, gb_read_bytes(&in, 32).ptr, 32);
    if (!e && !out->size) {
        /* the empty log is the same for everyone */
        struct gb_sha256 empty = gb_sha256(GB_SPAN(NULL, 0));
        memcpy(out->root, empty.bytes, 32);
    }
    return e;
}

enum gb_err
gb_journal_put_head(struct gb_journal *j, const char *key,
                    const struct gb_head *h, struct gb_fail *fail)
{
    struct gb_buf b;
    gb_buf_init(&b, 64);
    gb_buf_u32(&b, h->epoch);
    gb_buf_u64(&b, h->size);
    gb_buf_add(&b, h->root, 32);
    enum gb_err e = gb_buf_check(&b, "a tree head", fail);
    struct gb_value v = gb_value_blob(gb_buf_view(&b));
    if (!e)
        e = gb_journal_put_value(j, key, &v, fail);
    gb_buf_release(&b);
    return e;
}

/* The numbers of the info. */
static enum gb_err
info_numbers(struct gb_journal *j, struct gb_journal_info *out,
             struct gb_fail *fail)
{
    int64_t confirmed, copy, uncertain, seq, accepted, safe, stamp, counter;
    int64_t keyset;
    bool found;
    const struct {
        const char *key;
        int64_t *to;
    } fields[] = {
        {"confirmed", &confirmed}, {"copy", &copy},
        {"uncertain", &uncertain}, {"seq", &seq},
        {"accepted", &accepted},   {"synced", &out->synced_ms},
        {"safe", &safe},           {"keyset", &keyset},
    };
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && !e; i++)
        e = gb_journal_get(j, fields[i].key, fields[i].to, fail);
    if (!e)
        e = gb_journal_sealed(j, &stamp, &counter, fail);
    if (!e)
        e = count_after(j, stamp, counter, &out->unsealed, fail);
    if (!e)
        e = count_sent(j, safe, &out->unsent, fail);
    if (!e)
        e = count_sent(j, accepted, &out->unaccepted, fail);
    if (!e)
        e = gb_db_int(j->db, "SELECT count(*) FROM _readonly", &out->readonly,
                      &found, fail);
    if (e)
        return e;
    out->unsent += out->unsealed;
    out->unaccepted += out->unsealed;
    out->confirmed = confirmed;
    out->copy = copy;
    out->keyset = (int)keyset;
    out->uncertain = uncertain;
    out->seq = (uint32_t)seq;
    out->accepted = (uint32_t)accepted;
    out->safe = (uint32_t)safe;
    return GB_OK;
}

enum gb_err
gb_journal_info(struct gb_journal *j, struct gb_journal_info *out,
                struct gb_fail *fail)
{
    *out = (struct gb_journal_info){.site = j->site,
                                    .device = j->device,
                                    .level = j->device_level,
                                    .actor = j->c.actor};
    enum gb_err e =
        gb_journal_get_text(j, "name", out->name, sizeof out->name, fail);
    if (!e)
        e = gb_journal_get_text(j, "attributes", out->attributes,
                                sizeof out->attributes, fail);
    if (!e)
        e = gb_journal_get_text(j, "url", out->url, sizeof out->url, fail);
    if (!e)
        e = gb_journal_get_bytes(j, "secret", out->secret, 32, fail);
    if (!e)
        e = gb_journal_head(j, "merged", &out->merged, fail);
    return e ? e : info_numbers(j, out, fail);
}

enum gb_err
gb_journal_sign_in(struct gb_journal *j, int64_t actor, bool keep,
                   struct gb_fail *fail)
{
    bool found = true;
    char id[GB_ID_TEXT];
    if (!j->schema)
        return gb_fail_set(fail, GB_E_STATE,
                           "this handheld knows no staff yet: sync once first");
    enum gb_err e = GB_OK;
    if (j->schema->actor_table >= 0)
        e = gb_tables_exists(j->tables, j->schema->actor_table, actor, &found,
                             fail);
    if (e)
        return e;
    gb_id_print(id, actor);
    if (!found)
        return gb_fail_set(fail, GB_E_MISSING, "there is no %s %s",
                           j->schema->tables[j->schema->actor_table].name, id);
    j->c.actor = actor;
    if (keep)
        e = gb_journal_put(j, "actor", actor, fail);
    return e ? e : gb_capture_level(j, fail);
}
