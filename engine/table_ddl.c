/* table_ddl.c - a schema's tables, views and triggers in SQLite; table.h */
#include "table.h"

#include "limits.h"

static const char *const type_names[] = {"", "INTEGER", "REAL", "TEXT", "BLOB"};

/* A name in double quotes; names are checked at load, so it needs no more. */
static void
name(struct gb_buf *sql, const char *n)
{
    gb_buf_printf(sql, "\"%s\"", n);
}

/* Text as an SQL literal. */
static void
literal(struct gb_buf *sql, struct gb_span s)
{
    gb_buf_text(sql, "'");
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'')
            gb_buf_u8(sql, '\'');
        gb_buf_u8(sql, s.ptr[i]);
    }
    gb_buf_text(sql, "'");
}

/* "name" TYPE DEFAULT ...; a state starts in the first one named. */
static void
column(struct gb_buf *sql, const struct gb_column *c)
{
    name(sql, c->name);
    gb_buf_printf(sql, " %s", type_names[c->type]);
    if (c->rule.kind == GB_RULE_STATE) {
        gb_buf_text(sql, " DEFAULT ");
        literal(sql, c->rule.values[0]);
    } else if (c->dflt) {
        gb_buf_printf(sql, " DEFAULT %s", c->dflt);
    }
}

static void
create_table(struct gb_buf *sql, const struct gb_table *t, enum gb_side side)
{
    bool device = side == GB_SIDE_DEVICE;
    gb_buf_text(sql, "CREATE TABLE ");
    name(sql, t->name);
    gb_buf_text(sql, "(id INTEGER PRIMARY KEY");
    for (int c = 0; c < t->ncolumns; c++) {
        gb_buf_text(sql, ", ");
        column(sql, &t->columns[c]);
    }
    gb_buf_printf(sql,
                  ", _e INTEGER NOT NULL%s, _pos INTEGER NOT NULL%s, "
                  "_actor INTEGER NOT NULL%s, _ref TEXT, _void TEXT, "
                  "_code BLOB) STRICT;\n",
                  device ? " DEFAULT (gb_stamp())" : "",
                  device ? " DEFAULT (gb_level())" : "",
                  device ? " DEFAULT (gb_actor())" : "");
    gb_buf_printf(sql,
                  "CREATE INDEX \"%s_ref\" ON \"%s\"(_ref) "
                  "WHERE _ref IS NOT NULL;\n",
                  t->name, t->name);
}

/* By what records claim, to find who else does (state_rival.c). */
static void
create_rival_index(struct gb_buf *sql, const struct gb_table *t)
{
    gb_buf_printf(sql, "DROP INDEX IF EXISTS \"%s_rival\";\n", t->name);
    if (!t->rival.ncolumns)
        return;
    gb_buf_printf(sql, "CREATE INDEX \"%s_rival\" ON \"%s\"(", t->name,
                  t->name);
    for (int i = 0; i < t->rival.ncolumns; i++)
        gb_buf_printf(sql, "%s\"%s\"", i ? ", " : "",
                      t->columns[t->rival.columns[i]].name);
    gb_buf_text(sql, ");\n");
}

/* ", PREFIX.col" for every column of the schema. */
static void
columns(struct gb_buf *sql, const struct gb_table *t, const char *prefix)
{
    for (int c = 0; c < t->ncolumns; c++)
        gb_buf_printf(sql, ", %s.\"%s\"", prefix, t->columns[c].name);
}

/* A rule under which a write may not show: the row keeps what it showed. */
static bool
may_keep(const struct gb_column *c)
{
    enum gb_rule_kind k = c->rule.kind;
    return k == GB_RULE_FIRST || k == GB_RULE_MAX || k == GB_RULE_MIN ||
           k == GB_RULE_WORST;
}

/* Behind an update: put the shown values back where the write lost.  The
 * trigger does not fire itself (recursive triggers are off). */
static void
keep_shown(struct gb_buf *sql, const struct gb_table *t)
{
    const char *before = NULL;
    for (int c = 0; c < t->ncolumns; c++) {
        if (!may_keep(&t->columns[c]))
            continue;
        const char *n = t->columns[c].name;
        if (!before)
            gb_buf_printf(sql, " UPDATE \"%s\" SET", t->name);
        gb_buf_printf(sql,
                      "%s \"%s\" = CASE WHEN gb_kept(%d) THEN OLD.\"%s\" "
                      "ELSE NEW.\"%s\" END",
                      before ? before : "", n, c, n, n);
        before = ",";
    }
    if (before)
        gb_buf_text(sql, " WHERE id = NEW.id AND gb_kept(-1);");
}

/*
 * Capture.  gb_local() is 0 while the engine itself writes; on a connection
 * without the engine the functions are unknown, and the write is refused.
 * They fail with their reason; the RAISE is there to make SQLite keep a
 * statement journal: without one the row would stay when a function fails.
 */
static void
create_triggers(struct gb_buf *sql, const struct gb_table *t, int number)
{
    const char *n = t->name;
    gb_buf_printf(sql,
                  "CREATE TRIGGER \"%s_new\" AFTER INSERT ON \"%s\" "
                  "WHEN gb_local() BEGIN SELECT CASE WHEN gb_inserted(%d, "
                  "NEW.id, NEW._e, NEW._pos, NEW._actor, NEW._ref, NEW._void, "
                  "NEW._code",
                  n, n, number);
    columns(sql, t, "NEW");
    gb_buf_printf(
        sql,
        ") THEN RAISE(ABORT, 'refused') END; END;\n"
        "CREATE TRIGGER \"%s_set\" AFTER UPDATE ON \"%s\" "
        "WHEN gb_local() BEGIN SELECT CASE WHEN gb_updated(%d, "
        "OLD.id, NEW.id, OLD._e IS NOT NEW._e OR OLD._pos IS NOT NEW._pos "
        "OR OLD._actor IS NOT NEW._actor OR OLD._ref IS NOT "
        "NEW._ref OR OLD._code IS NOT NEW._code, OLD._void, "
        "NEW._void",
        n, n, number);
    columns(sql, t, "OLD");
    columns(sql, t, "NEW");
    gb_buf_text(sql, ") THEN RAISE(ABORT, 'refused') END;");
    keep_shown(sql, t);
    gb_buf_printf(sql,
                  " END;\n"
                  "CREATE TRIGGER \"%s_del\" BEFORE DELETE ON \"%s\" "
                  "WHEN gb_local() BEGIN SELECT RAISE(ABORT, 'records are "
                  "never deleted: void it instead'); END;\n",
                  n, n);
}

/* New columns of a table that is there already.  ADD COLUMN puts the default
 * into every row; but nobody wrote it there. */
static void
add_columns(struct gb_buf *sql, const struct gb_table *old,
            const struct gb_table *t)
{
    for (int c = old->ncolumns; c < t->ncolumns; c++) {
        gb_buf_printf(sql, "ALTER TABLE \"%s\" ADD COLUMN ", t->name);
        column(sql, &t->columns[c]);
        gb_buf_printf(sql, ";\nUPDATE \"%s\" SET \"%s\" = NULL;\n", t->name,
                      t->columns[c].name);
    }
}

/* Views and triggers go and come again: they name all columns. */
static void
drop_old(struct gb_buf *sql, const struct gb_schema *old, enum gb_side side)
{
    for (int v = 0; v < old->nviews; v++)
        gb_buf_printf(sql, "DROP VIEW \"%s\";\n", old->views[v].name);
    for (int t = 0; side == GB_SIDE_DEVICE && t < old->ntables; t++)
        gb_buf_printf(sql,
                      "DROP TRIGGER \"%s_new\"; DROP TRIGGER \"%s_set\"; "
                      "DROP TRIGGER \"%s_del\";\n",
                      old->tables[t].name, old->tables[t].name,
                      old->tables[t].name);
}

enum gb_err
gb_table_create(sqlite3 *db, const struct gb_schema *old,
                const struct gb_schema *s, enum gb_side side,
                struct gb_fail *fail)
{
    struct gb_buf sql;
    gb_buf_init(&sql, 8 * GB_SCHEMA_MAX);
    if (old)
        drop_old(&sql, old, side);
    for (int i = 0; i < s->ntables; i++) {
        const struct gb_table *t = &s->tables[i];
        int was = old ? gb_schema_table(old, gb_span_text(t->name)) : -1;
        if (was < 0)
            create_table(&sql, t, side);
        else
            add_columns(&sql, &old->tables[was], t);
        if (side == GB_SIDE_DEVICE)
            create_triggers(&sql, t, i);
        else
            create_rival_index(&sql, t);
    }
    for (int v = 0; v < s->nviews; v++)
        gb_buf_printf(&sql, "%s;\n", s->views[v].sql);
    gb_buf_u8(&sql, 0);
    enum gb_err e = gb_buf_check(&sql, "the tables of the schema", fail);
    if (!e)
        e = gb_db_exec(db, (const char *)sql.ptr, fail);
    gb_buf_release(&sql);
    return e;
}
