/*
 * capture.c - the SQL functions behind the triggers of table_ddl.c: every
 * write of a local program is checked against the schema and noted in the
 * transaction that makes it.  See journal.h.
 */
#include "journal_private.h"

#include <string.h>

/* The reason goes to the caller of the SQL, and is kept with its code. */
static void
refuse(sqlite3_context *sql, struct gb_journal *j)
{
    sqlite3_result_error(sql, j->c.fail.text, -1);
}

static struct gb_journal *
journal_of(sqlite3_context *sql)
{
    return sqlite3_user_data(sql);
}

/* ----------------------------------------------------- stamps and time -- */

/* Whether the last boot with operations is this one.  A part of a transaction
 * may be taken back (ROLLBACK TO, or a statement that SQLite itself aborts), a
 * row with it, and no hook tells: only a row that was there before the
 * transaction's first operation need not be asked for again. */
static void
find_boot(struct gb_journal *j, const struct gb_now *now)
{
    bool row = false;
    if (j->c.boot_stays && !memcmp(j->c.boot, now->boot, sizeof now->boot))
        return;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_LAST_BOOT);
    j->c.boot_known = j->c.boot_stays = false;
    if (!gb_db_step(s, &row, NULL) && row) {
        struct gb_span id = gb_db_blob(s, 0);
        j->c.boot_known = gb_span_equal(id, GB_SPAN(now->boot, 16));
        j->c.boot_wall = sqlite3_column_int64(s, 1);
        j->c.boot_mono = sqlite3_column_int64(s, 2);
        j->c.boot_shift = sqlite3_column_int64(s, 3);
        j->c.boot_stays = j->c.boot_known && !j->c.operations;
        memcpy(j->c.boot, now->boot, sizeof now->boot);
    }
    sqlite3_reset(s);
}

/* Device time: the wall clock at the boot's first operation plus the
 * monotonic clock since (FORMAT.md "TIME"). */
static int64_t
device_time(struct gb_journal *j, struct gb_now *now)
{
    j->now(j->now_context, now);
    find_boot(j, now);
    if (!j->c.boot_known) {
        j->c.boot_wall = gb_time_clamp(now->wall_ms);
        j->c.boot_mono = now->mono_ms;
    }
    return gb_time_clamp(j->c.boot_wall + (now->mono_ms - j->c.boot_mono));
}

/* The next stamp, and the device time that it was given at: asked for once an
 * operation, since the clock may tick before the operation is noted. */
static int64_t
issue_stamp(struct gb_journal *j)
{
    j->c.issued_ms = device_time(j, &j->c.issued_now);
    j->c.clock = gb_clock_next(j->c.clock, j->c.issued_ms);
    return j->c.clock;
}

/* The row of this boot, with its first operation.  Where the clock fell, the
 * boot before may stand at the same stamp (journal_apply.c): it has no
 * operation left to seal, and goes. */
static enum gb_err
note_boot(struct gb_journal *j, const struct gb_now *now, int64_t stamp,
          struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (!j->c.boot_known) {
        sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_BOOT);
        sqlite3_bind_int64(s, 1, stamp);
        gb_db_bind_blob(s, 2, GB_SPAN(now->boot, sizeof now->boot));
        sqlite3_bind_int64(s, 3, j->c.boot_wall);
        sqlite3_bind_int64(s, 4, j->c.boot_mono);
        e = gb_db_run(s, fail);
        j->c.boot_known = !e;
        j->c.boot_shift = 0;
    }
    /* settings of the wall clock since are recorded, and not used */
    int64_t shift =
        now->wall_ms - (j->c.boot_wall + (now->mono_ms - j->c.boot_mono));
    if (!e &&
        (shift > j->c.boot_shift + 1000 || shift < j->c.boot_shift - 1000)) {
        sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_SHIFT_BOOT);
        sqlite3_bind_int64(s, 1, shift);
        e = gb_db_run(s, fail);
        j->c.boot_shift = shift;
        j->c.boot_stays = false;
    }
    return e;
}

/* An operation of the open transaction: its time, its place, its size. */
static enum gb_err
note_operation(struct gb_journal *j, int64_t stamp, size_t bound,
               struct gb_fail *fail)
{
    struct gb_capture *c = &j->c;
    int64_t ms = c->issued_ms;
    enum gb_err e = note_boot(j, &c->issued_now, stamp, fail);
    if (!e && gb_stamp_ms(stamp) != ms) {
        sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_TIME);
        sqlite3_bind_int64(s, 1, stamp);
        sqlite3_bind_int64(s, 2, ms);
        e = gb_db_run(s, fail);
    }
    if (!c->operations)
        c->first = stamp;
    c->last = stamp;
    c->bound += bound;
    c->operations++;
    if (c->bound > GB_BODY_MAX - GB_SET_OVERHEAD ||
        c->operations > GB_SET_OPS_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "this transaction does not fit one change set: "
                           "write less at once");
    if (!e && c->operations > 1) {
        sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_TXN);
        sqlite3_bind_int64(s, 1, c->first);
        sqlite3_bind_int64(s, 2, c->last);
        e = gb_db_run(s, fail);
    }
    return e;
}

/* ------------------------------------------------------- SQL functions -- */

/* gb_local(): whether writes on this connection are captured. */
static void
sql_local(sqlite3_context *sql, int n, sqlite3_value **args)
{
    (void)n;
    (void)args;
    sqlite3_result_int(sql, journal_of(sql)->c.local);
}

/* gb_stamp(): the stamp of the row that is being inserted. */
static void
sql_stamp(sqlite3_context *sql, int n, sqlite3_value **args)
{
    struct gb_journal *j = journal_of(sql);
    (void)n;
    (void)args;
    j->c.issued = issue_stamp(j);
    sqlite3_result_int64(sql, j->c.issued);
}

/* gb_level(): position 0, not accepted yet, and the writer's level. */
static void
sql_level(sqlite3_context *sql, int n, sqlite3_value **args)
{
    (void)n;
    (void)args;
    sqlite3_result_int(sql, journal_of(sql)->c.level);
}

static void
sql_actor(sqlite3_context *sql, int n, sqlite3_value **args)
{
    (void)n;
    (void)args;
    sqlite3_result_int64(sql, journal_of(sql)->c.actor);
}

/* gb_new_id(): the id that the next record of this device must have; asking
 * for it is the only way to insert, so an omitted id never passes by luck. */
static void
sql_new_id(sqlite3_context *sql, int n, sqlite3_value **args)
{
    struct gb_journal *j = journal_of(sql);
    (void)n;
    (void)args;
    j->c.promised = gb_id_make(j->device, j->c.counter + 1);
    sqlite3_result_int64(sql, j->c.promised);
}

/* gb_kept(column): the last change did not show in it; -1: in any. */
static void
sql_kept(sqlite3_context *sql, int n, sqlite3_value **args)
{
    const struct gb_journal *j = journal_of(sql);
    int column = sqlite3_value_int(args[0]);
    (void)n;
    sqlite3_result_int(sql, column < 0 ? j->c.kept != 0
                                       : (int)(j->c.kept >> column & 1));
}

/* gb_inserted(table, id, _e, _pos, _actor, _ref, _void, _code, columns...) */
static void
sql_inserted(sqlite3_context *sql, int n, sqlite3_value **args)
{
    struct gb_journal *j = journal_of(sql);
    int number = sqlite3_value_int(args[0]);
    const struct gb_table *t = &j->schema->tables[number];
    struct gb_fail *fail = &j->c.fail;
    size_t bound;
    (void)n;
    enum gb_err e = gb_capture_actor(j, t, t->write, fail);
    if (!e)
        e = gb_capture_new_row(j, t, args, fail);
    if (!e)
        e = gb_capture_new_values(j, t, args, &bound, fail);
    if (!e)
        e = gb_capture_ref(j, number, sqlite3_value_int64(args[1]), args[5],
                           fail);
    if (!e)
        e = note_operation(j, j->c.issued, bound, fail);
    if (e) {
        refuse(sql, j);
        return;
    }
    j->c.counter = sqlite3_value_int64(args[1]) & GB_COUNTER_MAX;
    j->c.promised = 0;
    sqlite3_result_int(sql, 0);
}

/* The stamp of a change, and its row of _log. */
static enum gb_err
log_change(struct gb_journal *j, struct gb_log *l, struct gb_fail *fail)
{
    l->stamp = issue_stamp(j);
    l->actor = j->c.actor;
    l->level = j->c.level;
    gb_buf_clear(&j->scratch);
    gb_log_write(l, &j->scratch);
    enum gb_err e = gb_buf_check(&j->scratch, "a change", fail);
    if (e)
        return e;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_LOG);
    sqlite3_bind_int64(s, 1, l->stamp);
    sqlite3_bind_int(s, 2, (int)l->kind);
    sqlite3_bind_int(s, 3, l->table);
    sqlite3_bind_int64(s, 4, l->id);
    sqlite3_bind_int64(s, 5, l->actor);
    sqlite3_bind_int(s, 6, l->level);
    gb_db_bind_blob(s, 7, gb_buf_view(&j->scratch));
    e = gb_db_run(s, fail);
    size_t bound = 64 + j->scratch.len + 32u * (unsigned)l->nvalues;
    return e ? e : note_operation(j, l->stamp, bound, fail);
}

/* The columns whose bytes differ. */
static enum gb_err
collect_changes(struct gb_journal *j, struct gb_log *l, sqlite3_value **args,
                struct gb_fail *fail)
{
    const struct gb_table *t = &j->schema->tables[l->table];
    enum gb_err e = GB_OK;
    j->c.kept = 0;
    for (int c = 0; c < t->ncolumns && !e; c++) {
        struct gb_value old = gb_db_arg(args[6 + c]);
        struct gb_value v = gb_db_arg(args[6 + t->ncolumns + c]);
        if (gb_value_equal(&old, &v))
            continue;
        e = gb_capture_changed(j, t, c, &old, &v, &l->values[l->nvalues], fail);
        l->old[l->nvalues++] = old;
    }
    return e;
}

/* gb_updated(table, old id, new id, engine's columns changed, old void, new
 * void, old columns..., new columns...) */
static void
sql_updated(sqlite3_context *sql, int n, sqlite3_value **args)
{
    struct gb_journal *j = journal_of(sql);
    struct gb_written values[GB_COLUMNS_MAX];
    struct gb_value old[GB_COLUMNS_MAX];
    struct gb_log l = {.kind = GB_SET,
                       .table = sqlite3_value_int(args[0]),
                       .id = sqlite3_value_int64(args[1]),
                       .values = values,
                       .old = old};
    const struct gb_table *t = &j->schema->tables[l.table];
    struct gb_fail *fail = &j->c.fail;
    struct gb_value reason = gb_db_arg(args[5]);
    (void)n;
    enum gb_err e = gb_capture_update(j, t, args, fail);
    if (!e)
        e = collect_changes(j, &l, args, fail);
    if (!e && reason.type == GB_TEXT) {
        l.kind = GB_VOID;
        l.reason = reason.as.s;
        if (l.nvalues || !reason.as.s.len || reason.as.s.len > GB_TEXT_MAX ||
            !gb_utf8_valid(reason.as.s))
            e = gb_fail_set(fail, GB_E_VALUE,
                            "%s: a void takes a reason in UTF-8, and changes "
                            "nothing else",
                            t->name);
    }
    if (!e && (l.nvalues || l.kind == GB_VOID))
        e = log_change(j, &l, fail);
    if (e)
        refuse(sql, j);
    else
        sqlite3_result_int(sql, 0);
}

/* --------------------------------------------------------------- hooks -- */

/* The transaction's operations are together in one set from here on. */
static int
committed(void *context)
{
    struct gb_journal *j = context;
    j->c.operations = 0;
    j->c.bound = 0;
    return 0;
}

static void
rolled_back(void *context)
{
    committed(context);
}

enum gb_err
gb_capture_register(struct gb_journal *j, struct gb_fail *fail)
{
    static const struct {
        const char *name;
        int args;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"gb_local", 0, sql_local},        {"gb_stamp", 0, sql_stamp},
        {"gb_level", 0, sql_level},        {"gb_actor", 0, sql_actor},
        {"gb_new_id", 0, sql_new_id},      {"gb_kept", 1, sql_kept},
        {"gb_inserted", -1, sql_inserted}, {"gb_updated", -1, sql_updated},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (sqlite3_create_function_v2(j->db, functions[i].name,
                                       functions[i].args, SQLITE_UTF8, j,
                                       functions[i].fn, NULL, NULL, NULL))
            return gb_db_error(j->db, fail);
    sqlite3_commit_hook(j->db, committed, j);
    sqlite3_rollback_hook(j->db, rolled_back, j);
    j->c.local = true;
    return GB_OK;
}

enum gb_err
gb_capture_why(struct gb_journal *j, enum gb_err e, struct gb_fail *fail)
{
    if (!e || !j->c.fail.code)
        return e;
    *fail = j->c.fail;
    j->c.fail = (struct gb_fail){0};
    return fail->code;
}

enum gb_err
gb_capture_level(struct gb_journal *j, struct gb_fail *fail)
{
    struct gb_rec r;
    bool found = false;
    const struct gb_schema *s = j->schema;
    j->c.level = 0;
    if (!s || !j->c.actor)
        return GB_OK;
    if (s->actor_table < 0) {
        j->c.level = j->device_level;
        return GB_OK;
    }
    gb_arena_reset(&j->arena);
    enum gb_err e = gb_tables_load(j->tables, s->actor_table, j->c.actor,
                                   &j->arena, &r, &found, fail);
    if (e || !found || r.pos == GB_POS_PENDING) /* not at the hub yet */
        return e;
    struct gb_value v = gb_cell_value(&r.table->columns[s->actor_level],
                                      &r.cells[s->actor_level]);
    bool live = !r.nvoids;
    e = gb_log_accepted(j, s->actor_table, r.id, s->actor_level, &v, &live,
                        fail);
    int64_t level = v.type == GB_INT && v.as.i > 0 && v.as.i < 9 ? v.as.i : 0;
    if (!e && live)
        j->c.level = (int)(level < j->device_level ? level : j->device_level);
    return e;
}
