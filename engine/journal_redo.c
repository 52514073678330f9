/* journal_redo.c - unaccepted changes taken off the rows, and put back on top
 * of a newer state; see journal_delta.h */
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

/* What is done for all changes of a record, the oldest first. */
struct steps {
    enum gb_err (*begin)(void *context, int table, int64_t id,
                         struct gb_fail *fail);
    enum gb_err (*change)(void *context, int64_t stamp, struct gb_fail *fail);
    enum gb_err (*end)(void *context, struct gb_fail *fail);
};

/* For every record that has changes; only their names are in memory. */
static enum gb_err
each_record(struct gb_journal *j, const struct steps *steps, void *context,
            struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    int last = -1;
    int64_t last_id = 0;
    enum gb_err e = gb_db_prepare(
        j->db, "SELECT tbl, id, stamp FROM _log ORDER BY tbl, id, stamp", &s,
        fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        int table = sqlite3_column_int(s, 0);
        int64_t id = sqlite3_column_int64(s, 1);
        bool same = table == last && id == last_id;
        if (!same && last >= 0)
            e = steps->end(context, fail);
        if (!e && !same)
            e = steps->begin(context, table, id, fail);
        if (!e)
            e = steps->change(context, sqlite3_column_int64(s, 2), fail);
        last = table;
        last_id = id;
    }
    sqlite3_finalize(s);
    return e || last < 0 ? e : steps->end(context, fail);
}

/* ---------------------------------------------------------------- undo -- */

struct undo {
    struct gb_journal *j;
    const struct gb_table *t;
    int64_t id;
    struct gb_value old[GB_COLUMNS_MAX]; /* in the journal's arena */
    uint64_t columns;                    /* that are in `old` */
    bool voided;
    struct gb_arena change;
};

static enum gb_err
undo_begin(void *context, int table, int64_t id, struct gb_fail *fail)
{
    struct undo *u = context;
    (void)fail;
    gb_arena_reset(&u->j->arena);
    u->t = &u->j->schema->tables[table];
    u->id = id;
    u->columns = 0;
    u->voided = false;
    return GB_OK;
}

static enum gb_err
undo_change(void *context, int64_t stamp, struct gb_fail *fail)
{
    struct undo *u = context;
    struct gb_log l;
    gb_arena_reset(&u->change);
    enum gb_err e = gb_log_get(u->j, stamp, &u->change, &l, fail);
    if (e)
        return e;
    u->voided |= l.kind == GB_VOID;
    return gb_log_before(&l, u->old, &u->columns, &u->j->arena, fail);
}

static enum gb_err
undo_end(void *context, struct gb_fail *fail)
{
    struct undo *u = context;
    const struct gb_value live = GB_VALUE_NULL;
    enum gb_err e = GB_OK;
    if (u->voided)
        e = put_column(u->j, u->t, u->id, "_void", &live, fail);
    for (int c = 0; c < u->t->ncolumns && !e; c++)
        if (u->columns >> c & 1)
            e = put_column(u->j, u->t, u->id, u->t->columns[c].name, &u->old[c],
                           fail);
    return e;
}

enum gb_err
gb_delta_undo(struct gb_journal *j, struct gb_fail *fail)
{
    static const struct steps steps = {undo_begin, undo_change, undo_end};
    struct undo u = {.j = j};
    gb_arena_init(&u.change, GB_ARENA_MAX);
    enum gb_err e = each_record(j, &steps, &u, fail);
    gb_arena_release(&u.change);
    return e;
}

/* ---------------------------------------------------------------- redo -- */

/* What the set that holds a change had seen. */
static enum gb_err
base_of(struct gb_journal *j, int64_t stamp, uint64_t *base,
        struct gb_fail *fail)
{
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_SET_BASE);
    sqlite3_bind_int64(s, 1, stamp);
    enum gb_err e = gb_db_step(s, &row, fail);
    gb_assert(e || row); /* the tail was sealed before */
    *base = e ? 0 : (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return e;
}

/* The old values of a change are what shows without it now. */
static enum gb_err
note_old(struct gb_journal *j, struct gb_log *l, const struct gb_rec *r,
         struct gb_fail *fail)
{
    for (int v = 0; v < l->nvalues; v++) {
        int c = l->values[v].column;
        l->old[v] = gb_cell_value(&r->table->columns[c], &r->cells[c]);
    }
    gb_buf_clear(&j->scratch);
    gb_log_write(l, &j->scratch);
    enum gb_err e = gb_buf_check(&j->scratch, "a change", fail);
    if (e)
        return e;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_LOG_BODY);
    gb_db_bind_blob(s, 1, gb_buf_view(&j->scratch));
    sqlite3_bind_int64(s, 2, l->stamp);
    return gb_db_run(s, fail);
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
        e = gb_fail_memory(fail);
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

/* A record that changes are merged into, one by one. */
struct redo {
    struct gb_journal *j;
    struct gb_rec r; /* borrows the values of the changes */
    bool there;
    uint64_t columns; /* that they wrote */
    bool voided;
    struct gb_arena records[2]; /* r is in one, */
    struct gb_arena changes;    /* and the changes here */
};

static enum gb_err
redo_begin(void *context, int table, int64_t id, struct gb_fail *fail)
{
    struct redo *w = context;
    w->columns = 0;
    w->voided = false;
    gb_arena_reset(&w->records[0]);
    gb_arena_reset(&w->changes);
    return gb_tables_load(w->j->tables, table, id, &w->records[0], &w->r,
                          &w->there, fail);
}

static bool
nearly_full(const struct gb_arena *a)
{
    return a->used > a->max / 4 * 3;
}

/* A record may have more changes than fit memory: what they come to is not
 * larger than a record, so that is kept, and the rest goes. */
static enum gb_err
make_room(struct redo *w, struct gb_fail *fail)
{
    struct gb_arena *here = w->r.arena;
    struct gb_arena *other = &w->records[here == &w->records[0]];
    struct gb_rec r = w->r;
    if (!nearly_full(here) && !nearly_full(&w->changes))
        return GB_OK;
    gb_arena_reset(other);
    if (!gb_rec_copy(&w->r, &r, other))
        return gb_fail_memory(fail);
    gb_arena_reset(here);
    gb_arena_reset(&w->changes);
    return GB_OK;
}

static enum gb_err
redo_change(void *context, int64_t stamp, struct gb_fail *fail)
{
    struct redo *w = context;
    struct gb_log l;
    if (!w->there)
        return GB_OK;
    enum gb_err e = make_room(w, fail);
    if (!e)
        e = gb_log_get(w->j, stamp, &w->changes, &l, fail);
    if (e)
        return e;
    w->voided |= l.kind == GB_VOID;
    for (int v = 0; v < l.nvalues; v++)
        w->columns |= (uint64_t)1 << l.values[v].column;
    return merge_change(w->j, &l, &w->r, fail);
}

static enum gb_err
redo_end(void *context, struct gb_fail *fail)
{
    struct redo *w = context;
    return w->there ? write_shown(w->j, &w->r, w->columns, w->voided, fail)
                    : GB_OK;
}

enum gb_err
gb_delta_redo(struct gb_journal *j, struct gb_fail *fail)
{
    static const struct steps steps = {redo_begin, redo_change, redo_end};
    struct redo w = {.j = j};
    gb_arena_init(&w.records[0], GB_ARENA_MAX);
    gb_arena_init(&w.records[1], GB_ARENA_MAX);
    gb_arena_init(&w.changes, GB_ARENA_MAX);
    enum gb_err e = each_record(j, &steps, &w, fail);
    gb_arena_release(&w.records[0]);
    gb_arena_release(&w.records[1]);
    gb_arena_release(&w.changes);
    return e;
}
