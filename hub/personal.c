/* personal.c - see personal.h */
#include "hub/personal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/db.h"

struct gb_personal {
    sqlite3 *db;
    sqlite3_stmt *put, *get;
};

/* To read, nothing is made: without a file there are no values. */
static enum gb_err
open_personal(const char *path, bool reader, struct gb_personal **out,
              struct gb_fail *fail)
{
    bool none = reader && access(path, F_OK);
    *out = NULL;
    struct gb_personal *p = calloc(1, sizeof *p);
    if (!p)
        return gb_fail_set(fail, GB_E_MEMORY, "%s",
                           gb_err_sentence(GB_E_MEMORY));
    enum gb_err e = reader && !none ? gb_db_open_readonly(path, &p->db, fail)
                                    : gb_db_open(none ? ":memory:" : path, true,
                                                 GB_DB_FULL, &p->db, fail);
    if (!e)
        e = gb_db_exec(p->db,
                       "CREATE TABLE IF NOT EXISTS personal(commitment BLOB "
                       "PRIMARY KEY, salt BLOB NOT NULL, payload BLOB NOT "
                       "NULL) WITHOUT ROWID",
                       fail);
    if (!e)
        e = gb_db_prepare(p->db,
                          "INSERT OR IGNORE INTO personal(commitment, salt, "
                          "payload) VALUES(?,?,?)",
                          &p->put, fail);
    if (!e)
        e = gb_db_prepare(
            p->db, "SELECT salt, payload FROM personal WHERE commitment = ?",
            &p->get, fail);
    if (e) {
        gb_personal_close(p);
        return e;
    }
    *out = p;
    return GB_OK;
}

enum gb_err
gb_personal_open(const char *path, struct gb_personal **out,
                 struct gb_fail *fail)
{
    return open_personal(path, false, out, fail);
}

enum gb_err
gb_personal_open_reader(const char *path, struct gb_personal **out,
                        struct gb_fail *fail)
{
    return open_personal(path, true, out, fail);
}

void
gb_personal_close(struct gb_personal *p)
{
    if (!p)
        return;
    sqlite3_finalize(p->put);
    sqlite3_finalize(p->get);
    gb_db_close(p->db);
    free(p);
}

enum gb_err
gb_personal_begin(struct gb_personal *p, struct gb_fail *fail)
{
    return gb_db_exec(p->db, "BEGIN IMMEDIATE", fail);
}

enum gb_err
gb_personal_commit(struct gb_personal *p, struct gb_fail *fail)
{
    return gb_db_exec(p->db, "COMMIT", fail);
}

void
gb_personal_rollback(struct gb_personal *p)
{
    struct gb_fail ignored = {0};
    gb_db_exec(p->db, "ROLLBACK", &ignored);
}

enum gb_err
gb_personal_keep(struct gb_personal *p, const struct gb_set *set,
                 const struct gb_schema *s, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    struct gb_buf payload;
    gb_buf_init(&payload, GB_SET_MAX);
    for (int i = 0; i < set->nops && !e; i++) {
        const struct gb_op *op = &set->ops[i];
        if (!op->commitment || !op->salt)
            continue;
        gb_buf_clear(&payload);
        gb_op_personal(op, &s->tables[op->table], &payload);
        e = gb_buf_check(&payload, "personal values", fail);
        if (e)
            break;
        gb_db_bind_blob(p->put, 1, GB_SPAN(op->commitment, 32));
        gb_db_bind_blob(p->put, 2, GB_SPAN(op->salt, GB_SALT_BYTES));
        gb_db_bind_blob(p->put, 3, gb_buf_view(&payload));
        e = gb_db_run(p->put, fail);
    }
    gb_buf_release(&payload);
    return e;
}

/* One operation, if its values are still here. */
static enum gb_err
reveal(struct gb_personal *p, struct gb_set *set, struct gb_op *op,
       const struct gb_table *t, struct gb_fail *fail)
{
    bool row;
    gb_db_bind_blob(p->get, 1, GB_SPAN(op->commitment, 32));
    enum gb_err e = gb_db_step(p->get, &row, fail);
    if (!e && row) {
        struct gb_span salt = gb_arena_copy(&set->arena, gb_db_blob(p->get, 0));
        struct gb_span payload =
            gb_arena_copy(&set->arena, gb_db_blob(p->get, 1));
        if (!salt.ptr || !payload.ptr || salt.len != GB_SALT_BYTES)
            e = gb_fail_set(fail, GB_E_DATABASE, "personal.db is damaged");
        op->salt = salt.ptr;
        if (!e)
            e = gb_op_reveal(op, t, payload, fail);
    }
    sqlite3_reset(p->get);
    return e;
}

enum gb_err
gb_personal_reveal(struct gb_personal *p, struct gb_set *set,
                   const struct gb_schema *s, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; i < set->nops && !e; i++)
        if (set->ops[i].commitment)
            e = reveal(p, set, &set->ops[i], &s->tables[set->ops[i].table],
                       fail);
    return e;
}
