/* state_scope.c - what columns that a scope reads showed before: _was; see
 * state_private.h, scope.h */
#include "state_private.h"

/* Whether some scope reads the column. */
static bool
watched(const struct gb_table *t, int column)
{
    return t->watched >> column & 1;
}

void
gb_state_shown(const struct gb_rec *r, struct gb_value *out)
{
    for (int c = 0; c < r->table->ncolumns; c++)
        if (watched(r->table, c))
            out[c] = gb_cell_value(&r->table->columns[c], &r->cells[c]);
}

/* One column. */
static enum gb_err
note(struct gb_state *st, const struct gb_rec *r, int column, int64_t pos,
     const struct gb_value *was, struct gb_fail *fail)
{
    /* of several changes at a position the first one knows what was before */
    sqlite3_stmt *s = gb_state_sql(st, GB_SQL_ADD_WAS);
    sqlite3_bind_int64(s, 1, r->table - gb_state_schema(st)->tables);
    sqlite3_bind_int(s, 2, column);
    sqlite3_bind_int64(s, 3, r->id);
    sqlite3_bind_int64(s, 4, pos);
    gb_db_bind(s, 5, was);
    return gb_db_run(s, fail);
}

enum gb_err
gb_state_note_was(struct gb_state *st, const struct gb_rec *r,
                  const struct gb_value *shown, int64_t pos,
                  struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int c = 0; c < r->table->ncolumns && !e; c++) {
        if (!watched(r->table, c))
            continue;
        struct gb_value v = gb_cell_value(&r->table->columns[c], &r->cells[c]);
        if (!gb_value_equal(&v, &shown[c]))
            e = note(st, r, c, pos, &shown[c], fail);
    }
    return e;
}
