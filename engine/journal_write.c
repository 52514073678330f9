/* journal_write.c - writes as a program makes them; see journal.h.  Each ends
 * in plain SQL, so the triggers check and capture it like any other. */
#include "journal_private.h"

#include <string.h>

/* The schema is there, and the table exists. */
static enum gb_err
check_table(const struct gb_journal *j, int table, struct gb_fail *fail)
{
    if (!j->schema)
        return gb_fail_set(fail, GB_E_STATE,
                           "this handheld knows no tables yet: sync once "
                           "first");
    gb_assert(table >= 0 && table < j->schema->ntables);
    return GB_OK;
}

/* INSERT INTO t(id, _ref, columns) VALUES(?1, ?2, ...). */
static void
insert_text(struct gb_buf *sql, const struct gb_table *t,
            const struct gb_shape *w)
{
    gb_buf_printf(sql, "INSERT INTO \"%s\"(id, _ref", t->name);
    for (int i = 0; i < w->n; i++)
        gb_buf_printf(sql, ", \"%s\"", t->columns[w->columns[i]].name);
    gb_buf_text(sql, ") VALUES(?, ?");
    for (int i = 0; i < w->n; i++)
        gb_buf_text(sql, ", ?");
    gb_buf_text(sql, ")");
}

/* UPDATE t SET columns WHERE id = ?1. */
static void
set_text(struct gb_buf *sql, const struct gb_table *t, const struct gb_shape *w)
{
    gb_buf_printf(sql, "UPDATE \"%s\" SET", t->name);
    for (int i = 0; i < w->n; i++) {
        const char *name = t->columns[w->columns[i]].name;
        gb_buf_printf(sql, "%s \"%s\" = ", i ? "," : "", name);
        if (w->add >> i & 1)
            gb_buf_printf(sql, "coalesce(\"%s\", 0) + ", name);
        gb_buf_printf(sql, "?%d", i + 2);
    }
    gb_buf_text(sql, " WHERE id = ?1");
}

/* UPDATE t SET _void = ?2 WHERE id = ?1. */
static void
void_text(struct gb_buf *sql, const struct gb_table *t,
          const struct gb_shape *w)
{
    (void)w;
    gb_buf_printf(sql, "UPDATE \"%s\" SET _void = ?2 WHERE id = ?1", t->name);
}

/* Of operations that a handheld makes. */
static enum gb_err
prepare(struct gb_journal *j, const struct gb_shape *w, sqlite3_stmt **out,
        struct gb_fail *fail)
{
    static void (*const texts[])(struct gb_buf *, const struct gb_table *,
                                 const struct gb_shape *) = {
        [GB_INSERT] = insert_text, [GB_SET] = set_text, [GB_VOID] = void_text};
    struct gb_buf sql;
    gb_buf_init(&sql, 65536);
    texts[w->kind](&sql, &j->schema->tables[w->table], w);
    gb_buf_u8(&sql, 0);
    enum gb_err e = gb_buf_check(&sql, "a statement", fail);
    if (!e)
        e = gb_db_prepare(j->db, (const char *)sql.ptr, out, fail);
    gb_buf_release(&sql);
    return e;
}

/* The statement of a write: kept from an earlier one of the same shape, or
 * prepared and kept in place of the oldest. */
static enum gb_err
statement(struct gb_journal *j, const struct gb_shape *w, sqlite3_stmt **out,
          struct gb_fail *fail)
{
    for (int i = 0; i < GB_JOURNAL_WRITES && j->writes[i].s; i++) {
        *out = j->writes[i].s;
        if (!memcmp(&j->writes[i].shape, w, sizeof *w))
            return GB_OK;
    }
    enum gb_err e = prepare(j, w, out, fail);
    if (e)
        return e;
    struct gb_write *oldest = &j->writes[j->next_write++ % GB_JOURNAL_WRITES];
    sqlite3_finalize(oldest->s);
    *oldest = (struct gb_write){*w, *out};
    return GB_OK;
}

/* Run a write with its values bound behind what comes in front. */
static enum gb_err
run(struct gb_journal *j, const struct gb_shape *w,
    const struct gb_assign *values, int n, const struct gb_value *front,
    int nfront, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = statement(j, w, &s, fail);
    if (e)
        return e;
    for (int i = 0; i < nfront; i++)
        gb_db_bind(s, 1 + i, &front[i]);
    for (int i = 0; i < n; i++)
        gb_db_bind(s, 1 + nfront + i, &values[i].value);
    j->c.fail = (struct gb_fail){0};
    e = gb_capture_why(j, gb_db_run(s, fail), fail);
    sqlite3_clear_bindings(s); /* the values are the caller's */
    return e;
}

/* What a write writes, all of it set: the bytes are compared. */
static void
shape_of(struct gb_shape *w, enum gb_kind kind, int table,
         const struct gb_assign *values, int n)
{
    gb_assert(n <= GB_COLUMNS_MAX);
    memset(w, 0, sizeof *w);
    w->kind = kind;
    w->table = table;
    w->n = n;
    for (int i = 0; i < n; i++) {
        w->columns[i] = (uint8_t)values[i].column;
        w->add |= (uint64_t)values[i].add << i;
    }
}

enum gb_err
gb_journal_insert(struct gb_journal *j, int table, struct gb_span ref,
                  const struct gb_assign *values, int n, int64_t *id,
                  struct gb_fail *fail)
{
    struct gb_shape w;
    enum gb_err e = check_table(j, table, fail);
    if (e)
        return e;
    shape_of(&w, GB_INSERT, table, values, n);
    *id = j->c.promised = gb_id_make(j->device, j->c.counter + 1);
    struct gb_value front[2] = {gb_value_int(*id),
                                ref.len ? gb_value_text(ref) : GB_VALUE_NULL};
    return run(j, &w, values, n, front, 2, fail);
}

/* The record is there, so that an UPDATE has something to change. */
static enum gb_err
check_record(struct gb_journal *j, int table, int64_t id, struct gb_fail *fail)
{
    bool found;
    char text[GB_ID_TEXT];
    enum gb_err e = gb_tables_exists(j->tables, table, id, &found, fail);
    if (e || found)
        return e;
    gb_id_print(text, id);
    return gb_fail_set(fail, GB_E_MISSING, "there is no %s %s",
                       j->schema->tables[table].name, text);
}

/* An UPDATE of a record.  That there is none is looked for only when nothing
 * was changed: another transaction for each write costs as much as the write.
 */
static enum gb_err
update(struct gb_journal *j, const struct gb_shape *w, int64_t id,
       const struct gb_assign *values, int n, struct gb_fail *fail)
{
    struct gb_value front = gb_value_int(id);
    enum gb_err e = run(j, w, values, n, &front, 1, fail);
    return e || sqlite3_changes(j->db) ? e
                                       : check_record(j, w->table, id, fail);
}

bool
gb_journal_kept(const struct gb_journal *j, int column)
{
    return j->c.kept >> column & 1;
}

int
gb_journal_level(const struct gb_journal *j)
{
    return j->c.level;
}

enum gb_err
gb_journal_set(struct gb_journal *j, int table, int64_t id,
               const struct gb_assign *values, int n, struct gb_fail *fail)
{
    struct gb_shape w;
    enum gb_err e = check_table(j, table, fail);
    if (e || !n)
        return e ? e : check_record(j, table, id, fail);
    const struct gb_table *t = &j->schema->tables[table];
    for (int i = 0; i < n; i++) {
        const struct gb_column *c = &t->columns[values[i].column];
        if (values[i].add && c->rule.kind != GB_RULE_SUM)
            return gb_fail_set(fail, GB_E_TYPE,
                               "%s.%s: only a `sum` can be added to", t->name,
                               c->name);
    }
    shape_of(&w, GB_SET, table, values, n);
    return update(j, &w, id, values, n, fail);
}

enum gb_err
gb_journal_void(struct gb_journal *j, int table, int64_t id,
                struct gb_span reason, struct gb_fail *fail)
{
    struct gb_shape w;
    enum gb_err e = check_table(j, table, fail);
    if (e)
        return e;
    struct gb_assign a = {.value = gb_value_text(reason)};
    shape_of(&w, GB_VOID, table, NULL, 0);
    return update(j, &w, id, &a, 1, fail);
}

/* "7/NAME": the device in front, when there is one. */
static bool
split_ref(struct gb_span *ref, int *device)
{
    int v = 0;
    for (size_t i = 0; i < ref->len && i < 5; i++) {
        uint8_t c = ref->ptr[i];
        if (c == '/' && i && v <= GB_DEVICE_MAX) {
            *device = v;
            *ref = GB_SPAN(ref->ptr + i + 1, ref->len - i - 1);
            return true;
        }
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    return false;
}

enum gb_err
gb_journal_ref(struct gb_journal *j, int table, struct gb_span ref, int64_t *id,
               struct gb_fail *fail)
{
    struct gb_span name = ref;
    int devices[2] = {j->device, 0}, n = 2;
    enum gb_err e = check_table(j, table, fail);
    if (split_ref(&name, devices))
        n = 1;
    *id = 0;
    for (int i = 0; i < n && !*id && !e; i++)
        e = gb_tables_ref(j->tables, table, devices[i], name, id, fail);
    if (!e && !*id)
        e = gb_fail_set(fail, GB_E_MISSING, "%s: nothing is called %.*s",
                        j->schema->tables[table].name, (int)ref.len,
                        (const char *)ref.ptr);
    return e;
}

enum gb_err
gb_journal_import_done(struct gb_journal *j, const uint8_t hash[32],
                       int64_t *lines, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    *lines = 0;
    enum gb_err e = gb_db_prepare(
        j->db, "SELECT lines FROM _import WHERE hash = ?", &s, fail);
    if (!e) {
        gb_db_bind_blob(s, 1, GB_SPAN(hash, 32));
        e = gb_db_step(s, &row, fail);
    }
    if (!e && row)
        *lines = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_journal_import_note(struct gb_journal *j, const uint8_t hash[32],
                       int64_t lines, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = gb_db_prepare(
        j->db, "REPLACE INTO _import(hash, lines) VALUES(?,?)", &s, fail);
    if (!e) {
        gb_db_bind_blob(s, 1, GB_SPAN(hash, 32));
        sqlite3_bind_int64(s, 2, lines);
        e = gb_db_run(s, fail);
    }
    sqlite3_finalize(s);
    return e;
}
