/* journal_put.c - the hub's records become this journal's, and those that are
 * out of scope go; see journal_delta.h, docs/PROTOCOL.md "Scope" */
#include "journal_delta.h"

struct putting {
    struct gb_journal *j;
    struct gb_applied *counts;
};

/* One of the statements on _readonly. */
static enum gb_err
mark(struct gb_journal *j, enum gb_journal_sql which, int table, int64_t id,
     struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_journal_sql(j, which);
    sqlite3_bind_int(s, 1, table);
    sqlite3_bind_int64(s, 2, id);
    return gb_db_run(s, fail);
}

enum gb_err
gb_journal_readonly(struct gb_journal *j, int table, int64_t id, bool *readonly,
                    struct gb_fail *fail)
{
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_READONLY);
    sqlite3_bind_int(s, 1, table);
    sqlite3_bind_int64(s, 2, id);
    enum gb_err e = gb_db_step(s, readonly, fail);
    sqlite3_reset(s);
    return e;
}

/* A record of the delta replaces what was here. */
static enum gb_err
put_record(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    struct putting *p = context;
    p->counts->records++;
    enum gb_err e = gb_tables_put(p->j->tables, r, fail);
    return e ? e
             : mark(p->j, GB_JSQL_RETURN,
                    (int)(r->table - p->j->schema->tables), r->id, fail);
}

/* One of its own that the hub does not have. */
static enum gb_err
drop_gone(void *context, int table, int64_t id, struct gb_fail *fail)
{
    struct putting *p = context;
    return table < p->j->schema->ntables
               ? gb_tables_delete(p->j->tables, table, id, fail)
               : GB_OK;
}

/* One that was brought for the last time. */
static enum gb_err
leave(void *context, int table, int64_t id, struct gb_fail *fail)
{
    struct putting *p = context;
    p->counts->left++;
    return mark(p->j, GB_JSQL_LEAVE, table, id, fail);
}

/* "Keep only these": what was accepted goes, unless an unaccepted change names
 * it; that is out of scope until the delta brings it. */
static enum gb_err
keep_only(struct gb_journal *j, int table, struct gb_fail *fail)
{
    const char *name = j->schema->tables[table].name;
    return gb_db_execf(
        j->db, fail,
        "DELETE FROM \"%w\" WHERE _pos >= 16 AND id NOT IN "
        "(SELECT id FROM _log WHERE tbl = %d);"
        "INSERT OR IGNORE INTO _readonly(tbl, id) SELECT DISTINCT "
        "tbl, id FROM _log WHERE tbl = %d AND id IN (SELECT id "
        "FROM \"%w\" WHERE _pos >= 16)",
        name, table, table, name);
}

/* Read-only records that nothing unaccepted names. */
static enum gb_err
drop_readonly(struct gb_journal *j, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int t = 0; t < j->schema->ntables && !e; t++)
        e = gb_db_execf(j->db, fail,
                        "DELETE FROM \"%w\" WHERE id IN (SELECT id FROM "
                        "_readonly WHERE tbl = %d EXCEPT SELECT id FROM _log "
                        "WHERE tbl = %d)",
                        j->schema->tables[t].name, t, t);
    return e ? e
             : gb_db_exec(
                   j->db,
                   "DELETE FROM _readonly WHERE NOT EXISTS (SELECT 1 "
                   "FROM _log WHERE _log.tbl = _readonly.tbl AND _log.id "
                   "= _readonly.id)",
                   fail);
}

enum gb_err
gb_delta_put(struct gb_journal *j, struct gb_delta_in *d, struct gb_fail *fail)
{
    struct putting p = {j, d->counts};
    enum gb_err e = GB_OK;
    for (int t = 0; d->head.keep && t < j->schema->ntables && !e; t++)
        e = keep_only(j, t, fail);
    if (!e)
        e = gb_delta_all_records(j, put_record, &p, fail);
    if (!e)
        e = gb_delta_names(j, GB_DELTA_J_GONE, drop_gone, &p, fail);
    if (!e)
        e = gb_delta_names(j, GB_DELTA_J_LEFT, leave, &p, fail);
    return e ? e : drop_readonly(j, fail);
}
