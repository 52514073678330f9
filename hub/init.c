/* init.c - a new hub: keys, ledger, site, schema, first supervisor */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/keyfile.h"
#include "engine/tlv.h"
#include "hub/office_private.h"

static const char *const key_names[] = {"hub", "ledger", "receive"};

/* Keys that a killed init left are used on: nobody has seen them. */
static enum gb_err
make_key(struct gb_office *o, const char *name, struct gb_sign_key *key,
         struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], file[64];
    snprintf(file, sizeof file, "keys/%s", name);
    gb_office_path(o, file, path);
    if (!access(path, F_OK))
        return gb_keyfile_read(key, path, fail);
    gb_sign_key_generate(key);
    return gb_keyfile_write(path, key, name, GB_KEYFILE_NEW, fail);
}

static enum gb_err
make_folders(struct gb_office *o, struct gb_fail *fail)
{
    static const char *const folders[] = {"keys", "quarantine", "waiting"};
    enum gb_err e = gb_file_folder(o->path, 0700, fail);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !e; i++) {
        char path[GB_FILE_PATH_MAX];
        gb_office_path(o, folders[i], path);
        e = gb_file_folder(path, 0700, fail);
    }
    return e;
}

/* What init itself writes: the site with its schema, and the supervisor. */
#define INIT_COMMITS 2

/* A ledger that has more than an init writes is somebody's history, whatever
 * else is missing from the folder. */
static enum gb_err
check_ledger(struct gb_office *o, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_ledger *l = NULL;
    struct gb_ledger_log log = {0};
    struct gb_fail none = {0};
    gb_office_path(o, "ledger.git", path);
    bool history = !gb_ledger_open(&l, path, GB_LEDGER_READ, &none) &&
                   !gb_ledger_log(l, NULL, &log, &none) &&
                   log.count > INIT_COMMITS;
    gb_ledger_log_release(&log);
    gb_ledger_close(l);
    if (!history)
        return GB_OK;
    return gb_fail_set(fail, GB_E_EXISTS,
                       "%s holds the ledger of a hub whose file `site` is "
                       "missing: bring that back from a backup",
                       o->path);
}

/* Nothing is there, or what a killed init left: no `site`, no history. */
static enum gb_err
check_folder(struct gb_office *o, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_office_path(o, "site", path);
    if (!access(path, F_OK))
        return gb_fail_set(fail, GB_E_EXISTS, "%s is a hub already", o->path);
    if (access(o->path, F_OK))
        return GB_OK;
    struct gb_names names = {0};
    enum gb_err e = gb_file_list(o->path, &names, fail);
    bool foreign = false;
    for (size_t i = 0; i < names.count; i++) {
        const char *n = names.list[i];
        foreign |= strcmp(n, "keys") && strcmp(n, "quarantine") &&
                   strcmp(n, "waiting") && strcmp(n, "lock") &&
                   strcmp(n, "ledger.git") && strncmp(n, "hub.db", 6) &&
                   strncmp(n, "personal.db", 11);
    }
    gb_names_release(&names);
    if (!e && foreign)
        e = gb_fail_set(fail, GB_E_EXISTS,
                        "%s holds other files: choose a new folder", o->path);
    return e ? e : check_ledger(o, fail);
}

/* Remove databases and ledger of an init that did not finish. */
static enum gb_err
clear(struct gb_office *o, struct gb_fail *fail)
{
    static const char *const files[] = {"hub.db",          "hub.db-wal",
                                        "hub.db-shm",      "personal.db",
                                        "personal.db-wal", "personal.db-shm"};
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && !e; i++) {
        char path[GB_FILE_PATH_MAX];
        gb_office_path(o, files[i], path);
        e = gb_file_remove(path, fail);
    }
    char ledger[GB_FILE_PATH_MAX];
    gb_office_path(o, "ledger.git", ledger);
    return e ? e : gb_file_remove_all(ledger, fail);
}

/* Position 1: who the site is, and its rules. */
static enum gb_err
found_site(struct gb_office *o, const struct gb_office_plan *plan,
           struct gb_fail *fail)
{
    struct gb_buf site, schema;
    struct gb_op ops[2] = {{.kind = GB_SITE}, {.kind = GB_SCHEMA}};
    const struct gb_office_keys *k = &o->keys;
    gb_buf_init(&site, 4096);
    gb_buf_init(&schema, GB_SCHEMA_MAX + 64);
    gb_tlv_put(&site, GB_SITE_NAME, gb_span_text(plan->site));
    gb_tlv_put(&site, GB_SITE_TIMEZONE, gb_span_text(plan->timezone));
    gb_tlv_put(&site, GB_SITE_HUB_KEY, GB_SPAN(k->hub.public_key.bytes, 32));
    gb_tlv_put(&site, GB_SITE_LEDGER_KEY,
               GB_SPAN(k->ledger.public_key.bytes, 32));
    gb_tlv_put(&site, GB_SITE_RECEIVE_KEY,
               GB_SPAN(k->receive_sign.public_key.bytes, 32));
    gb_tlv_number(&site, GB_SITE_EPOCH, 1);
    gb_tlv_number(&schema, GB_SCHEMA_VERSION, 1);
    gb_tlv_put(&schema, GB_SCHEMA_TEXT, plan->schema);
    ops[0].text = gb_buf_view(&site);
    ops[1].text = gb_buf_view(&schema);
    enum gb_err e = gb_buf_check(&site, "the site", fail);
    if (!e)
        e = gb_buf_check(&schema, "the schema", fail);
    if (!e)
        e = gb_office_own(o, ops, 2, 0, fail);
    gb_buf_release(&site);
    gb_buf_release(&schema);
    return e;
}

/* The first record of the actor table: a name and level 2.  The name goes into
 * the table's first text column. */
static enum gb_err
add_admin(struct gb_office *o, const struct gb_office_plan *plan,
          struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(o->state);
    struct gb_written values[2];
    struct gb_op op = {.kind = GB_INSERT, .values = values};
    if (s->actor_table < 0)
        return GB_OK;
    const struct gb_table *t = &s->tables[s->actor_table];
    for (int c = 0; c < t->ncolumns && op.nvalues < 2; c++) {
        bool level = c == s->actor_level;
        if (!level && (t->columns[c].type != GB_TEXT ||
                       (op.nvalues && values[0].column != s->actor_level)))
            continue;
        values[op.nvalues++] = (struct gb_written){
            .column = c,
            .value = level ? gb_value_int(2)
                           : gb_value_text(gb_span_text(plan->admin))};
    }
    op.table = s->actor_table;
    enum gb_err e = gb_office_new_id(o, &op.id, fail);
    return e ? e : gb_office_own(o, &op, 1, 0, fail);
}

static enum gb_err
make(struct gb_office *o, const struct gb_office_plan *plan,
     struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], text[34];
    struct gb_sign_key *keys[] = {&o->keys.hub, &o->keys.ledger,
                                  &o->keys.receive_sign};
    enum gb_err e = clear(o, fail);
    for (size_t i = 0; i < 3 && !e; i++)
        e = make_key(o, key_names[i], keys[i], fail);
    if (e)
        return e;
    gb_box_key_derive(&o->keys.receive, &o->keys.receive_sign);
    gb_random(o->site, sizeof o->site);
    gb_office_path(o, "ledger.git", path);
    e = gb_ledger_init(path, fail);
    if (!e)
        e = gb_office_open_parts(o, GB_OFFICE_DB, fail);
    o->locked = 1; /* init holds the lock all along */
    if (!e)
        e = found_site(o, plan, fail);
    if (!e)
        e = add_admin(o, plan, fail);
    o->locked = 0;
    /* what the ledger has already is not synced by a commit */
    if (!e)
        e = gb_db_exec(gb_state_db(o->state), "PRAGMA wal_checkpoint(TRUNCATE)",
                       fail);
    if (e)
        return e;
    /* last: with this file the folder is a hub */
    gb_hex_encode(text, o->site, sizeof o->site);
    text[32] = '\n';
    gb_office_path(o, "site", path);
    return gb_file_write(path, GB_SPAN(text, 33), 0644, fail);
}

enum gb_err
gb_office_init(const char *path, const struct gb_office_plan *plan,
               struct gb_fail *fail)
{
    struct gb_schema *s = NULL;
    struct gb_office *o = gb_office_new(path, "gengbu-hub init");
    if (!o)
        return gb_fail_memory(fail);
    /* a schema that does not load would make a hub without tables */
    enum gb_err e = gb_schema_load(plan->schema, 1, &s, fail);
    gb_schema_free(s);
    if (!e)
        e = check_folder(o, fail);
    if (!e)
        e = make_folders(o, fail);
    if (!e)
        e = gb_office_take_lock(o, fail);
    /* again under the lock: another init may have finished meanwhile */
    if (!e)
        e = check_folder(o, fail);
    if (!e)
        e = make(o, plan, fail);
    gb_office_close(o);
    return e;
}
