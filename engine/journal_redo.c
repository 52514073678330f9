/* journal_redo.c - unaccepted changes taken off the rows, and put back on top
 * of a newer state; see journal_delta.h */
#include <stdlib.h>
#include <string.h>

#include "journal_delta.h"

/* One column of a row, past the triggers (gb_local() is 0). */
static enum gb_err
put_column(struct gb_journal *j, const struct gb_table *t, int64_t id,
           const char *column, const struct gb_value *v, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail, "UPDATE \"%w\" SET \"%w\" = ?1 WHERE id = ?2", t->name,
        column);
    if (e)
        return e;
    gb_db_bind(s, 1, v);
    sqlite3_bind_int64(s, 2, id);
    e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_delta_undo(struct gb_journal *j, const struct gb_delta_in *d,
              struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    const struct gb_value live = GB_VALUE_NULL;
    for (size_t i = d->nlog; i-- > 0 && !e;) {
        const struct gb_log *l = &d->log[i];
        const struct gb_table *t = &j->schema->tables[l->table];
        if (l->kind == GB_VOID)
            e = put_column(j, t, l->id, "_void", &live, fail);
        for (int v = 0; v < l->nvalues && !e; v++)
            e = put_column(j, t, l->id, t->columns[l->values[v].column].name,
                           &l->old[v], fail);
    }
    return e;
}

/* By (table, id, stamp). */
static int
by_record(const void *a, const void *b)
{
    const struct gb_log *x = *(struct gb_log *const *)a;
    const struct gb_log *y = *(struct gb_log *const *)b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

/* What the set that holds a change had seen. */
static enum gb_err
base_of(struct gb_journal *j, int64_t stamp, uint64_t *base,
        struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    enum gb_err e = gb_db_preparef(j->db, &s, fail,
                                   "SELECT base FROM _set WHERE line IS NULL "
                                   "AND first <= %lld AND last >= "
                                   "%lld",
                                   (long long)stamp, (long long)stamp);
    if (!e)
        e = gb_db_step(s, &row, fail);
    gb_assert(e || row); /* the tail was sealed before */
    *base = e ? 0 : (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return e;
}

/* The old values of a change are what shows without it now. */
static enum gb_err
note_old(struct gb_journal *j, struct gb_log *l, const struct gb_rec *r,
         struct gb_fail *fail)
{
    sqlite3_stmt *s;
    for (int v = 0; v < l->nvalues; v++) {
        int c = l->values[v].column;
        l->old[v] = gb_cell_value(&r->table->columns[c], &r->cells[c]);
    }
    gb_buf_clear(&j->scratch);
    gb_log_write(l, &j->scratch);
    enum gb_err e = gb_buf_check(&j->scratch, "a change", fail);
    if (!e)
        e = gb_db_prepare(j->db, "UPDATE _log SET body = ? WHERE stamp = ?", &s,
                          fail);
    if (e)
        return e;
    gb_db_bind_blob(s, 1, gb_buf_view(&j->scratch));
    sqlite3_bind_int64(s, 2, l->stamp);
    e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

/* One change, merged as the hub will merge it if nothing else comes. */
static enum gb_err
merge_change(struct gb_journal *j, struct gb_log *l, struct gb_rec *r,
             struct gb_fail *fail)
{
    struct gb_op op = {.kind = l->kind,
                       .table = l->table,
                       .id = l->id,
                       .actor = l->actor,
                       .stamp = l->stamp,
                       .values = l->values,
                       .nvalues = l->nvalues,
                       .text = l->reason};
    struct gb_effect x = {.op = &op,
                          .device = j->device,
                          .stamp = l->stamp,
                          .pos = GB_POS_PENDING,
                          .level = l->level};
    enum gb_err e = note_old(j, l, r, fail);
    if (!e)
        e = base_of(j, l->stamp, &x.base, fail);
    if (!e && !gb_rec_merge(r, &x, &j->lineage))
        e = gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
    return e;
}

/* What the record now shows in the columns that the changes wrote. */
static enum gb_err
write_shown(struct gb_journal *j, const struct gb_rec *r, uint64_t columns,
            bool voided, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int c = 0; c < r->table->ncolumns && !e; c++) {
        if (!(columns >> c & 1))
            continue;
        struct gb_value v = gb_cell_value(&r->table->columns[c], &r->cells[c]);
        e = put_column(j, r->table, r->id, r->table->columns[c].name, &v, fail);
    }
    if (!e && voided) {
        struct gb_value reason = gb_value_text(r->voids->reason);
        e = put_column(j, r->table, r->id, "_void", &reason, fail);
    }
    return e;
}

/* All pending changes of one record, from l[0] to l[n - 1]. */
static enum gb_err
redo_record(struct gb_journal *j, struct gb_log **l, size_t n,
            struct gb_fail *fail)
{
    struct gb_rec r;
    bool found, voided = false;
    uint64_t columns = 0;
    gb_arena_reset(&j->arena);
    enum gb_err e = gb_tables_load(j->tables, l[0]->table, l[0]->id, &j->arena,
                                   &r, &found, fail);
    if (e || !found)
        return e;
    for (size_t i = 0; i < n && !e; i++) {
        e = merge_change(j, l[i], &r, fail);
        voided |= l[i]->kind == GB_VOID;
        for (int v = 0; v < l[i]->nvalues; v++)
            columns |= (uint64_t)1 << l[i]->values[v].column;
    }
    return e ? e : write_shown(j, &r, columns, voided, fail);
}

enum gb_err
gb_delta_redo(struct gb_journal *j, struct gb_delta_in *d, struct gb_fail *fail)
{
    /* accepting took its own changes out of the log */
    enum gb_err e =
        gb_log_load(j, 0, GB_STAMP_MAX, &d->arena, &d->log, &d->nlog, fail);
    size_t n = d->nlog;
    struct gb_log **l = gb_arena_array(&d->arena, n, sizeof(struct gb_log *));
    if (!e && !l)
        e = gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
    for (size_t i = 0; i < n && !e; i++)
        l[i] = &d->log[i];
    if (!e && n)
        qsort(l, n, sizeof *l, by_record);
    for (size_t i = 0, k; i < n && !e; i = k) {
        for (k = i + 1;
             k < n && l[k]->table == l[i]->table && l[k]->id == l[i]->id; k++)
            continue;
        e = redo_record(j, &l[i], k - i, fail);
    }
    return e;
}
