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

enum gb_err
gb_log_read(struct gb_log *l, struct gb_span body, struct gb_arena *arena,
            struct gb_fail *fail)
{
    struct gb_span kept = gb_arena_copy(arena, body);
    struct gb_reader in = gb_reader_of(kept);
    in.bad = body.len && !kept.ptr;
    if (l->kind == GB_VOID) {
        l->reason = gb_read_string(&in);
    } else {
        size_t n = gb_read_count(&in, 4);
        l->values = gb_arena_array(arena, n, sizeof *l->values);
        l->old = gb_arena_array(arena, n, sizeof *l->old);
        in.bad |= !l->values || !l->old;
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
    return gb_log_read(l, gb_db_blob(s, 6), arena, fail);
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
gb_log_load(struct gb_journal *j, int64_t from, int64_t to,
            struct gb_arena *arena, struct gb_log **out, size_t *n,
            struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    size_t room = 0;
    *n = 0;
    *out = NULL;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail,
        "SELECT stamp, kind, tbl, id, actor, level, body, (SELECT count(*) "
        "FROM _log WHERE stamp BETWEEN %lld AND %lld) FROM _log WHERE stamp "
        "BETWEEN %lld AND %lld ORDER BY stamp",
        (long long)from, (long long)to, (long long)from, (long long)to);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        if (!*out) {
            room = (size_t)sqlite3_column_int64(s, 7);
            *out = gb_arena_array(arena, room, sizeof **out);
        }
        if (!*out || *n == room) {
            e = gb_fail_set(fail, GB_E_MEMORY, "the log of changes: %s",
                            gb_err_sentence(GB_E_MEMORY));
            break;
        }
        e = read_row(s, arena, &(*out)[(*n)++], fail);
    }
    sqlite3_finalize(s);
    return e;
}
