/* journal_log.c - the log of unaccepted changes; see journal_private.h */
#include "journal_private.h"

void
gb_log_write(const struct gb_log *l, struct gb_buf *out)
{
    if (l->kind == GB_VOID) {
        gb_buf_string(out, l->reason);
        return;
    }
    gb_buf_varint(out, (uint64_t)l->nvalues);
    for (int i = 0; i < l->nvalues; i++) {
        gb_buf_varint(out, (uint64_t)l->values[i].column);
        gb_value_write(out, &l->values[i].value);
        gb_value_write(out, &l->values[i].from);
        gb_value_write(out, &l->old[i]);
    }
}

/* The reverse of gb_log_write(); what it points to lies in the arena. */
static enum gb_err
read_body(struct gb_log *l, struct gb_span body, struct gb_arena *arena,
          struct gb_fail *fail)
{
    struct gb_span kept = gb_arena_copy(arena, body);
    struct gb_reader in = gb_reader_of(kept);
    bool memory = kept.ptr != NULL;
    in.bad = !memory;
    if (l->kind == GB_VOID) {
        l->reason = gb_read_string(&in);
    } else {
        size_t n = gb_read_count(&in, 4);
        l->values = gb_arena_array(arena, n, sizeof *l->values);
        l->old = gb_arena_array(arena, n, sizeof *l->old);
        memory &= l->values && l->old;
        in.bad |= !memory;
        for (size_t i = 0; i < n && !in.bad; i++) {
            uint64_t column = gb_read_varint(&in);
            in.bad |= column >= GB_COLUMNS_MAX;
            l->values[i].column = (int)column;
            l->values[i].value = gb_value_read(&in);
            l->values[i].from = gb_value_read(&in);
            l->old[i] = gb_value_read(&in);
        }
        l->nvalues = (int)n;
    }
    if (!memory)
        return gb_fail_memory(fail);
    return gb_read_done(&in) ? GB_OK
                             : gb_fail_set(fail, GB_E_DATABASE,
                                           "the log of changes is damaged");
}

/* The row under the statement, into one entry. */
static enum gb_err
read_row(sqlite3_stmt *s, struct gb_arena *arena, struct gb_log *l,
         struct gb_fail *fail)
{
    *l = (struct gb_log){.stamp = sqlite3_column_int64(s, 0),
                         .kind = (enum gb_kind)sqlite3_column_int(s, 1),
                         .table = sqlite3_column_int(s, 2),
                         .id = sqlite3_column_int64(s, 3),
                         .actor = sqlite3_column_int64(s, 4),
                         .level = sqlite3_column_int(s, 5)};
    return read_body(l, gb_db_blob(s, 6), arena, fail);
}

enum gb_err
gb_log_accepted(struct gb_journal *j, int table, int64_t id, int column,
                struct gb_value *v, bool *live, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail,
        "SELECT stamp, kind, tbl, id, actor, level, body FROM _log WHERE tbl = "
        "%d AND id = %lld ORDER BY stamp DESC",
        table, (long long)id);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_log l;
        e = read_row(s, &j->arena, &l, fail);
        *live |= l.kind == GB_VOID;
        for (int i = 0; i < l.nvalues && !e; i++)
            if (l.values[i].column == column)
                *v = l.old[i];
    }
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_log_get(struct gb_journal *j, int64_t stamp, struct gb_arena *arena,
           struct gb_log *out, struct gb_fail *fail)
{
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_GET_LOG);
    sqlite3_bind_int64(s, 1, stamp);
    enum gb_err e = gb_db_step(s, &row, fail);
    gb_assert(e || row);
    if (!e)
        e = read_row(s, arena, out, fail);
    sqlite3_reset(s);
    return e;
}

enum gb_err
gb_log_before(const struct gb_log *l, struct gb_value *v, uint64_t *done,
              struct gb_arena *arena, struct gb_fail *fail)
{
    for (int i = 0; i < l->nvalues; i++) {
        int c = l->values[i].column;
        if (*done >> c & 1)
            continue;
        *done |= (uint64_t)1 << c;
        v[c] = l->old[i];
        if (!gb_value_keep(&v[c], arena))
            return gb_fail_memory(fail);
    }
    return GB_OK;
}
