/* personal.c - see personal.h */
#include "hub/personal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/db.h"
#include "engine/digest.h"

/* section: sets that cannot be read yet.  A value that could not be bound must
 * not be passed over: only what is there already is. */
static const char create[] =
    "CREATE TABLE IF NOT EXISTS personal(commitment BLOB PRIMARY KEY, salt "
    "BLOB NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS section(sha BLOB PRIMARY KEY, bytes BLOB NOT "
    "NULL) WITHOUT ROWID;";

enum { PUT, GET, PUT_SECTION, GET_SECTION, DROP_SECTION, STATEMENTS };
static const char *const statements[STATEMENTS] = {
    [PUT] = "INSERT INTO personal(commitment, salt, payload) VALUES(?,?,?) "
            "ON CONFLICT(commitment) DO NOTHING",
    [GET] = "SELECT salt, payload FROM personal WHERE commitment = ?",
    [PUT_SECTION] = "INSERT INTO section(sha, bytes) VALUES(?,?) "
                    "ON CONFLICT(sha) DO NOTHING",
    [GET_SECTION] = "SELECT bytes FROM section WHERE sha = ?",
    [DROP_SECTION] = "DELETE FROM section WHERE sha = ?",
};

struct gb_personal {
    sqlite3 *db;
    sqlite3_stmt *sql[STATEMENTS];
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
        return gb_fail_memory(fail);
    enum gb_err e = reader && !none ? gb_db_open_readonly(path, &p->db, fail)
                                    : gb_db_open(none ? ":memory:" : path, true,
                                                 GB_DB_FULL, &p->db, fail);
    if (!e)
        e = gb_db_exec(p->db, create, fail);
    for (int i = 0; i < STATEMENTS && !e; i++)
        e = gb_db_prepare(p->db, statements[i], &p->sql[i], fail);
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
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(p->sql[i]);
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
        gb_db_bind_blob(p->sql[PUT], 1, GB_SPAN(op->commitment, 32));
        gb_db_bind_blob(p->sql[PUT], 2, GB_SPAN(op->salt, GB_SALT_BYTES));
        gb_db_bind_blob(p->sql[PUT], 3, gb_buf_view(&payload));
        e = gb_db_run(p->sql[PUT], fail);
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
    gb_db_bind_blob(p->sql[GET], 1, GB_SPAN(op->commitment, 32));
    enum gb_err e = gb_db_step(p->sql[GET], &row, fail);
    if (!e && row) {
        struct gb_span salt =
            gb_arena_copy(&set->arena, gb_db_blob(p->sql[GET], 0));
        struct gb_span payload =
            gb_arena_copy(&set->arena, gb_db_blob(p->sql[GET], 1));
        if (!salt.ptr || !payload.ptr || salt.len != GB_SALT_BYTES)
            e = gb_fail_set(fail, GB_E_DATABASE, "personal.db is damaged");
        op->salt = salt.ptr;
        if (!e)
            e = gb_op_reveal(op, t, payload, fail);
    }
    sqlite3_reset(p->sql[GET]);
    return e;
}

/* ---------------------------------------------------------- sections -- */

enum gb_err
gb_personal_keep_section(struct gb_personal *p, const uint8_t *sha,
                         struct gb_span section, struct gb_fail *fail)
{
    gb_db_bind_blob(p->sql[PUT_SECTION], 1, GB_SPAN(sha, GB_SHA256_BYTES));
    gb_db_bind_blob(p->sql[PUT_SECTION], 2, section);
    return gb_db_run(p->sql[PUT_SECTION], fail);
}

/* Reveal a set from the section kept for it; *matched when there is one, and
 * it is what the set commits to. */
static enum gb_err
open_section(struct gb_personal *p, const uint8_t *sha, struct gb_set *set,
             const struct gb_schema *s, bool *matched, struct gb_fail *fail)
{
    sqlite3_stmt *get = p->sql[GET_SECTION];
    struct gb_fail why = {0};
    bool row = false;
    gb_db_bind_blob(get, 1, GB_SPAN(sha, GB_SHA256_BYTES));
    enum gb_err e = gb_db_step(get, &row, &why);
    if (!e && row)
        e = gb_set_reveal(set, s, gb_db_blob(get, 0), &why);
    *matched = row && !e;
    sqlite3_reset(get);
    /* before there is a row it can only be the database */
    return e && (!row || gb_err_is_ours(e))
               ? gb_fail_set(fail, e, "%s", why.text)
               : GB_OK;
}

/* All that commitments find. */
static enum gb_err
find_values(struct gb_personal *p, struct gb_set *set,
            const struct gb_schema *s, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; i < set->nops && !e; i++) {
        struct gb_op *op = &set->ops[i];
        if (op->commitment && !op->salt)
            e = reveal(p, set, op, &s->tables[op->table], fail);
    }
    return e;
}

enum gb_err
gb_personal_reveal(struct gb_personal *p, const uint8_t *sha,
                   struct gb_set *set, const struct gb_schema *s,
                   struct gb_fail *fail)
{
    bool matched;
    enum gb_err e = open_section(p, sha, set, s, &matched, fail);
    return e ? e : find_values(p, set, s, fail);
}

enum gb_err
gb_personal_settle(struct gb_personal *p, const uint8_t *sha,
                   struct gb_set *set, const struct gb_schema *s,
                   struct gb_fail *fail)
{
    bool matched = false;
    struct gb_fail ignored = {0};
    enum gb_err e = gb_db_exec(p->db, "SAVEPOINT settle", fail);
    if (e)
        return e;
    e = open_section(p, sha, set, s, &matched, fail);
    if (!e && matched)
        e = gb_personal_keep(p, set, s, fail);
    if (!e && matched) {
        gb_db_bind_blob(p->sql[DROP_SECTION], 1, GB_SPAN(sha, GB_SHA256_BYTES));
        e = gb_db_run(p->sql[DROP_SECTION], fail);
    }
    if (!e)
        e = gb_db_exec(p->db, "RELEASE settle", fail);
    if (e)
        gb_db_exec(p->db, "ROLLBACK TO settle; RELEASE settle", &ignored);
    return e ? e : find_values(p, set, s, fail);
}
