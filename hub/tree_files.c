/* tree_files.c - see tree_files.h */
#include "hub/tree_files.h"

#include <stdio.h>
#include <string.h>

#include "engine/sshsig.h"
#include "hub/ledger.h"
#include "hub/ledger_text.h"

/* One line of an allowed_signers file. */
static enum gb_err
add_signer(struct gb_buf *out, const char *principal, const char *ns,
           int64_t after_ms, const uint8_t key[32], struct gb_fail *fail)
{
    struct gb_signer s = {
        .principal = principal, .ns = ns, .after_s = after_ms / 1000};
    memcpy(s.key.bytes, key, 32);
    return gb_signer_write(out, &s, fail);
}

/* Replica 0 first, then every enrolled device: "7@SITE". */
static enum gb_err
changesets(struct gb_state *st, struct gb_buf *out, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    char principal[64], site[33];
    const struct gb_site *me = gb_state_site(st);
    gb_hex_encode(site, me->id, sizeof me->id);
    snprintf(principal, sizeof principal, "0@%s", site);
    enum gb_err e =
        add_signer(out, principal, GB_NS_CHANGESET, 0, me->hub_key, fail);
    if (e)
        return e;
    e = gb_db_prepare(gb_state_db(st),
                      "SELECT number, since, sign_key FROM _device WHERE "
                      "sign_key NOT NULL ORDER BY number",
                      &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_span key = gb_db_blob(s, 2);
        snprintf(principal, sizeof principal, "%d@%s", sqlite3_column_int(s, 0),
                 site);
        if (key.len == 32)
            e = add_signer(out, principal, GB_NS_CHANGESET,
                           sqlite3_column_int64(s, 1), key.ptr, fail);
    }
    sqlite3_finalize(s);
    return e;
}

/* schema/0001/10_shift.sql and so on, from the packed text. */
static enum gb_err
schema_files(const struct gb_schema *s, gb_tree_file_fn *fn, void *context,
             struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(s->text);
    size_t n = gb_read_count(&in, 2);
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < n && !e; i++) {
        char path[GB_LEDGER_PATH_MAX + 1];
        struct gb_span name = gb_read_string(&in);
        struct gb_span text = gb_read_string(&in);
        snprintf(path, sizeof path, "schema/%04u/%.*s", s->version,
                 (int)name.len, (const char *)name.ptr);
        e = fn(context, path, text, fail);
    }
    return e;
}

enum gb_err
gb_tree_files(struct gb_state *st, gb_tree_file_fn *fn, void *context,
              struct gb_fail *fail)
{
    const struct gb_site *me = gb_state_site(st);
    const struct gb_schema *s;
    struct gb_buf text;
    gb_buf_init(&text, 16u << 20);
    enum gb_err e = changesets(st, &text, fail);
    if (!e)
        e = fn(context, GB_SIGNERS_CHANGESETS, gb_buf_view(&text), fail);
    gb_buf_clear(&text);
    if (!e)
        e = add_signer(&text, "hub", GB_NS_DELTA, 0, me->hub_key, fail);
    if (!e)
        e = fn(context, GB_SIGNERS_HUB, gb_buf_view(&text), fail);
    gb_buf_clear(&text);
    if (!e)
        e = add_signer(&text, "ledger", "git", 0, me->ledger_key, fail);
    if (!e)
        e = fn(context, GB_SIGNERS_LEDGER, gb_buf_view(&text), fail);
    for (uint32_t v = 1; !e && (s = gb_state_schema_of(st, v)); v++)
        e = schema_files(s, fn, context, fail);
    gb_buf_release(&text);
    return e;
}
