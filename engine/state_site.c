/* state_site.c - the site's own operations take effect; see site.h */
#include "state_private.h"

#include <stdio.h>
#include <string.h>

#include "key.h"
#include "tlv.h"

/* What a field holds, and whether it may stand more than once. */
enum form { TEXT, LIST, NUMBER, BYTES, KEY };
static const struct {
    enum gb_kind kind;
    unsigned tag;
    enum form form;
} fields[] = {
    {GB_SITE, GB_SITE_NAME, TEXT},
    {GB_SITE, GB_SITE_TIMEZONE, TEXT},
    {GB_SITE, GB_SITE_HUB_KEY, BYTES},
    {GB_SITE, GB_SITE_LEDGER_KEY, BYTES},
    {GB_SITE, GB_SITE_RECEIVE_KEY, BYTES},
    {GB_SITE, GB_SITE_EPOCH, NUMBER},
    {GB_SCHEMA, GB_SCHEMA_VERSION, NUMBER},
    {GB_SCHEMA, GB_SCHEMA_TEXT, TEXT},
    {GB_DEVICE, GB_DEVICE_NUMBER, NUMBER},
    {GB_DEVICE, GB_DEVICE_NAME, TEXT},
    {GB_DEVICE, GB_DEVICE_LEVEL, NUMBER},
    {GB_DEVICE, GB_DEVICE_ATTRIBUTE, LIST},
    {GB_DEVICE, GB_DEVICE_TICKET, BYTES},
    {GB_DEVICE, GB_DEVICE_SIGN_KEY, KEY},
    {GB_DEVICE, GB_DEVICE_RECEIVE_KEY, KEY},
    {GB_RELEASE, GB_RELEASE_FORCE, NUMBER},
    {GB_RELEASE, GB_RELEASE_REASON, TEXT},
};

/* A key that others would verify by, or seal to. */
static bool
key_sound(struct gb_span v)
{
    struct gb_public_key key;
    if (v.len != sizeof key.bytes)
        return false;
    memcpy(key.bytes, v.ptr, sizeof key.bytes);
    return !gb_key_check(&key, NULL);
}

/* One field of a payload, behind another of the same tag or not. */
static bool
field_sound(enum gb_kind kind, unsigned tag, bool again, struct gb_span v)
{
    struct gb_reader in = gb_reader_of(v);
    size_t i = 0, n = sizeof fields / sizeof *fields;
    while (i < n && (fields[i].kind != kind || fields[i].tag != tag))
        i++;
    if (i == n || (again && fields[i].form != LIST))
        return false;
    if (fields[i].form == NUMBER)
        return gb_read_varint(&in) <= UINT32_MAX && gb_read_done(&in);
    if (fields[i].form == BYTES)
        return v.len == 32;
    return fields[i].form != KEY || key_sound(v);
}

/* A payload has one form: FORMAT.md "Payloads". */
static bool
payload_sound(const struct gb_op *op)
{
    struct gb_reader in = gb_reader_of(op->text);
    struct gb_span v;
    unsigned tag, last = 0, before = 0;
    while (gb_tlv_next(&in, &tag, &v, &last)) {
        if (!field_sound(op->kind, tag, tag == before, v))
            return false;
        before = tag;
    }
    return gb_read_done(&in);
}

/* One value of _site. */
static enum gb_err
put_site(struct gb_state *st, const char *key, const struct gb_value *v,
         struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_PUT_SITE);
    gb_db_bind_text(s, 1, key);
    gb_db_bind(s, 2, v);
    return gb_db_run(s, fail);
}

static const struct {
    unsigned tag;
    const char *key;
    bool text;
} site_fields[] = {
    {GB_SITE_NAME, "name", true},
    {GB_SITE_TIMEZONE, "timezone", true},
    {GB_SITE_HUB_KEY, "hub_key", false},
    {GB_SITE_LEDGER_KEY, "ledger_key", false},
    {GB_SITE_RECEIVE_KEY, "receive_key", false},
};

static enum gb_err
apply_site(struct gb_state *st, struct gb_span payload, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    uint64_t epoch;
    for (size_t i = 0; i < sizeof site_fields / sizeof *site_fields; i++) {
        struct gb_span v = gb_tlv_find(payload, site_fields[i].tag);
        struct gb_value value =
            site_fields[i].text ? gb_value_text(v) : gb_value_blob(v);
        if (v.ptr && !e)
            e = put_site(st, site_fields[i].key, &value, fail);
    }
    if (!e && gb_tlv_find_number(payload, GB_SITE_EPOCH, &epoch)) {
        struct gb_value value = gb_value_int((int64_t)epoch);
        e = put_site(st, "epoch", &value, fail);
    }
    if (!e)
        e = gb_table_site_put(st->db, payload, fail);
    if (!e)
        e = gb_state_settle(st, fail);
    return e ? e : gb_state_reload(st, fail);
}

/* The text is loaded by the reload; here it only has to be sound. */
static enum gb_err
apply_schema(struct gb_state *st, const struct gb_applying *a,
             struct gb_span payload, enum gb_code *code, struct gb_fail *fail)
{
    uint64_t version;
    struct gb_span text = gb_tlv_find(payload, GB_SCHEMA_TEXT);
    struct gb_schema *next = NULL;
    struct gb_fail why = {0};
    const struct gb_schema *old = gb_state_schema(st);
    if (!gb_tlv_find_number(payload, GB_SCHEMA_VERSION, &version) ||
        version != st->version + 1 ||
        gb_schema_load(text, (uint32_t)version, &next, &why) ||
        (old && gb_schema_follows(old, next, &why))) {
        gb_schema_free(next);
        /* a verdict lasts: what this machine lacks must not become one */
        if (gb_err_is_ours(why.code))
            return gb_fail_set(fail, why.code, "%s", why.text);
        *code = GB_CODE_MALFORMED;
        return GB_OK;
    }
    enum gb_err e = gb_state_settle(st, fail);
    /* statements on the old tables must not stand in the way */
    gb_tables_close(st->tables);
    st->tables = NULL;
    struct gb_buf kept;
    gb_buf_init(&kept, GB_SCHEMA_ARENA_MAX);
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_SCHEMA);
    if (!e)
        e = gb_schema_keep(next, &kept, fail);
    sqlite3_bind_int64(s, 1, (int64_t)version);
    gb_db_bind_blob(s, 2, text);
    gb_db_bind_blob(s, 3, gb_buf_view(&kept));
    sqlite3_bind_int64(s, 4, (int64_t)a->pos);
    if (!e)
        e = gb_db_run(s, fail);
    gb_buf_release(&kept);
    if (!e)
        e = gb_table_create(st->db, old, next, GB_SIDE_HUB, fail);
    gb_schema_free(next);
    if (!e && st->waiting) {
        s = gb_state_sql(st, GB_SQL_DUE_SCHEMA);
        sqlite3_bind_int64(s, 1, (int64_t)version);
        e = gb_db_run(s, fail);
    }
    if (!e)
        e = gb_state_reload(st, fail);
    /* the older version is still there after the reload */
    return e || !old ? e : gb_state_reclaim(st, old, fail);
}

/* A key, when it is there. */
static bool
take_key(struct gb_span payload, unsigned tag, uint8_t to[32])
{
    struct gb_span v = gb_tlv_find(payload, tag);
    if (v.ptr)
        memcpy(to, v.ptr, 32);
    return v.ptr != NULL;
}

/* All attributes, a line each, in place of the old ones. */
static void
take_attributes(struct gb_span payload, struct gb_device *d)
{
    struct gb_reader in = gb_reader_of(payload);
    struct gb_span v;
    unsigned tag, last = 0;
    size_t n = 0;
    while (gb_tlv_next(&in, &tag, &v, &last))
        if (tag == GB_DEVICE_ATTRIBUTE && n + v.len + 2 < GB_ATTRIBUTES_MAX)
            n += (size_t)snprintf(d->attributes + n, sizeof d->attributes - n,
                                  "%.*s\n", (int)v.len, (const char *)v.ptr);
}

/* The payload's fields over what the device was; false: they cannot be. */
static bool
update_device(struct gb_span payload, struct gb_device *d)
{
    uint64_t level;
    struct gb_span name = gb_tlv_find(payload, GB_DEVICE_NAME);
    if (name.ptr)
        snprintf(d->name, sizeof d->name, "%.*s", (int)name.len,
                 (const char *)name.ptr);
    if (gb_tlv_find_number(payload, GB_DEVICE_LEVEL, &level)) {
        if (level > 8)
            return false;
        d->level = (int)level;
    }
    if (gb_tlv_find(payload, GB_DEVICE_ATTRIBUTE).ptr)
        take_attributes(payload, d);
    take_key(payload, GB_DEVICE_TICKET, d->ticket);
    bool sign = take_key(payload, GB_DEVICE_SIGN_KEY, d->sign_key);
    bool receive = take_key(payload, GB_DEVICE_RECEIVE_KEY, d->receive_key);
    d->enrolled |= sign && receive;
    return sign == receive;
}

static enum gb_err
put_device(struct gb_state *st, const struct gb_device *d, struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_PUT_DEVICE);
    sqlite3_bind_int(s, 1, d->number);
    sqlite3_bind_int(s, 2, d->level);
    gb_db_bind_text(s, 3, d->name);
    gb_db_bind_blob(s, 4, GB_SPAN(d->ticket, 32));
    if (d->enrolled) {
        gb_db_bind_blob(s, 5, GB_SPAN(d->sign_key, 32));
        gb_db_bind_blob(s, 6, GB_SPAN(d->receive_key, 32));
    }
    gb_db_bind_text(s, 7, d->attributes);
    sqlite3_bind_int64(s, 8, d->seq);
    gb_db_bind_blob(s, 9, GB_SPAN(d->sha, 32));
    sqlite3_bind_int64(s, 10, d->last);
    sqlite3_bind_int64(s, 11, d->since_ms);
    sqlite3_bind_int64(s, 12, (int64_t)d->moved);
    return gb_db_run(s, fail);
}

static enum gb_err
apply_device(struct gb_state *st, const struct gb_applying *a,
             struct gb_span payload, enum gb_code *code, struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    uint64_t number;
    *code = GB_CODE_MALFORMED;
    if (!gb_tlv_find_number(payload, GB_DEVICE_NUMBER, &number) || number < 1 ||
        number > GB_DEVICE_MAX)
        return GB_OK;
    enum gb_err e = gb_state_device(st, (int)number, &d, &found, fail);
    struct gb_device before = d;
    if (e || !update_device(payload, &d))
        return e;
    *code = GB_CODE_NONE;
    if (strcmp(before.attributes, d.attributes))
        d.moved = a->pos;
    if (d.enrolled && !d.since_ms)
        d.since_ms = a->in->received_ms;
    e = put_device(st, &d, fail);
    if (e)
        return e;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_PUT_LEVEL);
    sqlite3_bind_int(s, 1, 0);
    sqlite3_bind_int(s, 2, d.number);
    sqlite3_bind_int64(s, 3, (int64_t)a->pos);
    sqlite3_bind_int(s, 4, d.level);
    return gb_db_run(s, fail);
}

enum gb_err
gb_state_site_op(struct gb_state *st, const struct gb_applying *a,
                 const struct gb_op *op, enum gb_code *code,
                 struct gb_fail *fail)
{
    *code = GB_CODE_NONE;
    if (a->in->info->device != 0) {
        *code = GB_CODE_HUBONLY;
        return GB_OK;
    }
    if (!payload_sound(op)) {
        *code = GB_CODE_MALFORMED;
        return GB_OK;
    }
    switch (op->kind) {
    case GB_SITE:
        return apply_site(st, op->text, fail);
    case GB_SCHEMA:
        return apply_schema(st, a, op->text, code, fail);
    case GB_DEVICE:
        return apply_device(st, a, op->text, code, fail);
    default:
        gb_assert(op->kind == GB_RELEASE);
        return gb_state_release(st, a->pos, op, fail);
    }
}
