/* state_load.c - from the database into memory; see state.h */
#include "state_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copy a key or hash of exactly n bytes; anything else leaves zeros. */
static void
copy_bytes(uint8_t *to, size_t n, struct gb_span from)
{
    if (from.len == n)
        memcpy(to, from.ptr, n);
}

/* One row of _site. */
static void
site_field(struct gb_site *site, const char *key, sqlite3_stmt *s)
{
    struct gb_span v = gb_db_blob(s, 1);
    if (!strcmp(key, "name"))
        snprintf(site->name, sizeof site->name, "%.*s", (int)v.len,
                 (const char *)v.ptr);
    else if (!strcmp(key, "timezone"))
        snprintf(site->timezone, sizeof site->timezone, "%.*s", (int)v.len,
                 (const char *)v.ptr);
    else if (!strcmp(key, "epoch"))
        site->epoch = (uint32_t)sqlite3_column_int64(s, 1);
    else if (!strcmp(key, "hub_key"))
        copy_bytes(site->hub_key, 32, v);
    else if (!strcmp(key, "ledger_key"))
        copy_bytes(site->ledger_key, 32, v);
    else if (!strcmp(key, "receive_key"))
        copy_bytes(site->receive_key, 32, v);
}

static enum gb_err
load_site(struct gb_state *st, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e =
        gb_db_prepare(st->db, "SELECT key, value FROM _site", &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        site_field(&st->site, (const char *)sqlite3_column_text(s, 0), s);
    sqlite3_finalize(s);
    return e;
}

/* The next version, which must be the one behind the last. */
static enum gb_err
load_schema(struct gb_state *st, sqlite3_stmt *s, struct gb_fail *fail)
{
    struct gb_schema *schema;
    enum gb_err e = gb_schema_load_kept(gb_db_blob(s, 1), gb_db_blob(s, 2),
                                        (uint32_t)sqlite3_column_int64(s, 0),
                                        &schema, fail);
    if (e)
        return e;
    size_t n = st->version + 1;
    struct gb_schema **grown =
        realloc(st->schemas, n * sizeof(struct gb_schema *));
    if (!grown) {
        gb_schema_free(schema);
        return gb_fail_memory(fail);
    }
    grown[n - 1] = schema;
    st->schemas = grown;
    st->version = (uint32_t)n;
    return GB_OK;
}

/* Only versions that are not in memory yet. */
static enum gb_err
load_schemas(struct gb_state *st, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_prepare(
        st->db, "SELECT version, text, kept FROM _schema ORDER BY version", &s,
        fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        if (sqlite3_column_int64(s, 0) > st->version)
            e = load_schema(st, s, fail);
    sqlite3_finalize(s);
    if (!e && st->version)
        e = gb_tables_open(st->db, st->schemas[st->version - 1], &st->tables,
                           fail);
    if (st->tables && !st->reader)
        gb_tables_defer(st->tables, st->later);
    return e;
}

/* A node of the log's tree, for proofs and for going on. */
static enum gb_err
read_node(void *context, uint64_t index, unsigned level, struct gb_sha256 *out,
          struct gb_fail *fail)
{
    struct gb_state *st = context;
    bool row;
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_GET_NODE);
    sqlite3_bind_int64(s, 1, level);
    sqlite3_bind_int64(s, 2, (int64_t)index);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && (!row || gb_db_blob(s, 0).len != sizeof out->bytes))
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "a node of the tree is missing: `gengbu-hub rebuild` "
                        "makes hub.db anew from the ledger");
    if (!e)
        memcpy(out->bytes, gb_db_blob(s, 0).ptr, sizeof out->bytes);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_state_reload(struct gb_state *st, struct gb_fail *fail)
{
    int64_t size = 0, stamp = 0;
    bool found;
    struct gb_merkle_source source = {read_node, st};
    gb_tables_close(st->tables);
    st->tables = NULL;
    /* a rolled back version goes: what is in the database decides */
    int64_t versions = 0;
    enum gb_err e = gb_db_int(st->db, "SELECT count(*) FROM _schema", &versions,
                              &found, fail);
    while (!e && st->version > versions)
        gb_schema_free(st->schemas[--st->version]);
    if (!e)
        e = load_site(st, fail);
    if (!e)
        e = load_schemas(st, fail);
    if (!e)
        e = gb_lineage_load(&st->lineage, st->db, fail);
    if (!e)
        e = gb_db_int(st->db, "SELECT max(pos) FROM _set", &size, &found, fail);
    if (!e && size)
        e = gb_db_int(st->db,
                      "SELECT stamp FROM _set ORDER BY pos DESC LIMIT 1",
                      &stamp, &found, fail);
    if (!e)
        e = gb_merkle_at(&source, (uint64_t)size, &st->tree, fail);
    if (!e)
        e = gb_db_int(st->db, "SELECT 1 FROM _wait LIMIT 1", &size,
                      &st->waiting, fail);
    if (!e)
        e = gb_db_int(st->db, "SELECT 1 FROM _origin LIMIT 1", &size,
                      &st->origins, fail);
    st->stamp = stamp;
    return e;
}

enum gb_err
gb_state_head_at(struct gb_state *st, uint64_t size, struct gb_head *out,
                 struct gb_fail *fail)
{
    struct gb_merkle_source source = {read_node, st};
    struct gb_sha256 root;
    gb_assert(size <= st->tree.size);
    enum gb_err e = gb_merkle_root_at(&source, size, &root, fail);
    if (e)
        return e;
    *out = (struct gb_head){.epoch = st->site.epoch, .size = size};
    memcpy(out->root, root.bytes, sizeof out->root);
    return GB_OK;
}

enum gb_err
gb_state_knows(struct gb_state *st, const struct gb_head *h, bool *known,
               struct gb_fail *fail)
{
    struct gb_head had;
    *known = h->size <= st->tree.size && h->epoch <= st->site.epoch;
    enum gb_err e = *known ? gb_state_head_at(st, h->size, &had, fail) : GB_OK;
    if (!e && *known)
        *known = !memcmp(h->root, had.root, sizeof had.root);
    return e;
}

struct gb_head
gb_state_head(const struct gb_state *st)
{
    struct gb_head h = {.epoch = st->site.epoch, .size = st->tree.size};
    struct gb_sha256 root = gb_merkle_root(&st->tree);
    memcpy(h.root, root.bytes, sizeof h.root);
    return h;
}

enum gb_err
gb_state_prove(struct gb_state *st, uint64_t from, uint64_t to,
               struct gb_merkle_proof *out, struct gb_fail *fail)
{
    struct gb_merkle_source source = {read_node, st};
    gb_assert(from <= to && to <= st->tree.size);
    return gb_merkle_prove_growth(&source, from, to, out, fail);
}
