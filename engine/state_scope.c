/* state_scope.c - what columns that a scope reads showed before: _was; see
 * state_private.h, scope.h */
#include "state_private.h"

/* One column, when it will show something else. */
static enum gb_err
note(struct gb_state *st, const struct gb_rec *r, int table, int column,
     int64_t pos, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    const struct gb_column *c = &r->table->columns[column];
    struct gb_value v = gb_cell_value(c, &r->cells[column]);
    /* of several changes at a position the first one knows what was before */
    enum gb_err e = gb_db_preparef(
        st->db, &s, fail,
        "INSERT OR IGNORE INTO _was(tbl, col, id, pos, value) SELECT ?1, ?2, "
        "id, ?3, \"%w\" FROM \"%w\" WHERE id = ?4 AND \"%w\" IS NOT ?5",
        c->name, r->table->name, c->name);
    if (e)
        return e;
    sqlite3_bind_int(s, 1, table);
    sqlite3_bind_int(s, 2, column);
    sqlite3_bind_int64(s, 3, pos);
    sqlite3_bind_int64(s, 4, r->id);
    gb_db_bind(s, 5, &v);
    e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_state_note_was(struct gb_state *st, const struct gb_rec *r, int64_t pos,
                  struct gb_fail *fail)
{
    uint64_t columns = r->table->watched;
    int table = (int)(r->table - gb_state_schema(st)->tables);
    enum gb_err e = GB_OK;
    for (int c = 0; columns >> c && !e; c++)
        if (columns >> c & 1)
            e = note(st, r, table, c, pos, fail);
    return e;
}
