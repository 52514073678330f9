/*
 * capture_check.c - what a local write must obey, whoever makes it: the
 * checks of capture.c, without any writing.  See journal.h.
 */
#include "journal_private.h"

#include <stdio.h>
#include <string.h>

#define LEVEL_MOST 8 /* of a handheld; above is the office alone */

/* "a, b or c", as much as fits. */
static void
list_enums(const struct gb_column *c, char *out, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < c->nenums && n + 80 < size; i++) {
        struct gb_buf text;
        gb_buf_init(&text, 64);
        gb_value_print(&text, &c->enums[i]);
        n += (size_t)snprintf(out + n, size - n, "%s%.*s", i ? ", " : "",
                              (int)text.len, (const char *)text.ptr);
        gb_buf_release(&text);
    }
}

static enum gb_err
check_enum(const struct gb_table *t, const struct gb_column *c,
           const struct gb_value *v, struct gb_fail *fail)
{
    int i = 0;
    while (i < c->nenums && !gb_value_equal(&c->enums[i], v))
        i++;
    if (!c->nenums || i < c->nenums)
        return GB_OK;
    char list[300] = "";
    list_enums(c, list, sizeof list);
    struct gb_buf text;
    gb_buf_init(&text, 2 * GB_TEXT_MAX);
    gb_value_print(&text, v);
    gb_fail_set(fail, GB_E_VALUE, "%s.%s: '%.*s' is not one of %s", t->name,
                c->name, (int)(text.len < 60 ? text.len : 60),
                (const char *)text.ptr, list);
    gb_buf_release(&text);
    return GB_E_VALUE;
}

/* The record that a reference names is on this handheld. */
static enum gb_err
check_reference(struct gb_journal *j, const struct gb_table *t,
                const struct gb_column *c, const struct gb_value *v,
                struct gb_fail *fail)
{
    bool found = true;
    char id[GB_ID_TEXT];
    if (c->refers < 0 || v->type != GB_INT)
        return GB_OK;
    enum gb_err e =
        gb_tables_exists(j->tables, c->refers, v->as.i, &found, fail);
    if (e || found)
        return e;
    gb_id_print(id, v->as.i);
    return gb_fail_set(fail, GB_E_MISSING, "%s.%s: there is no %s %s", t->name,
                       c->name, j->schema->tables[c->refers].name, id);
}

/* What holds for any value that is written into a column. */
static enum gb_err
check_value(struct gb_journal *j, const struct gb_table *t,
            const struct gb_column *c, const struct gb_value *v,
            struct gb_fail *fail)
{
    if (v->type == GB_NULL)
        return c->notnull
                   ? gb_fail_set(fail, GB_E_VALUE, "%s.%s: must not be empty",
                                 t->name, c->name)
                   : GB_OK;
    if (v->type != c->type)
        return gb_fail_set(fail, GB_E_TYPE, "%s.%s: wrong type", t->name,
                           c->name);
    if ((v->type == GB_TEXT || v->type == GB_BLOB) && v->as.s.len > GB_TEXT_MAX)
        return gb_fail_set(fail, GB_E_LIMIT, "%s.%s: longer than %d bytes",
                           t->name, c->name, GB_TEXT_MAX);
    if (v->type == GB_TEXT && !gb_utf8_valid(v->as.s))
        return gb_fail_set(fail, GB_E_VALUE, "%s.%s: not valid UTF-8", t->name,
                           c->name);
    enum gb_err e = check_enum(t, c, v, fail);
    if (e)
        return e;
    if (j->c.level < gb_column_level(c, v))
        return gb_fail_set(fail, GB_E_AUTHORITY,
                           "%s.%s: this value needs level %d", t->name, c->name,
                           gb_column_level(c, v));
    return check_reference(j, t, c, v, fail);
}

/* Somebody is signed in and may write this table. */
enum gb_err
gb_capture_actor(const struct gb_journal *j, const struct gb_table *t,
                 int level, struct gb_fail *fail)
{
    if (!j->c.actor)
        return gb_fail_set(fail, GB_E_REFUSED,
                           "nobody is signed in: use `gengbu signin`, or "
                           "--actor");
    if (level > LEVEL_MOST)
        return gb_fail_set(fail, GB_E_AUTHORITY,
                           "%s: only the office writes this: `gengbu-hub load`",
                           t->name);
    if (j->c.level < level)
        return gb_fail_set(fail, GB_E_AUTHORITY,
                           "%s: needs level %d, of whoever acts and of the "
                           "handheld, and this is level %d",
                           t->name, level, j->c.level);
    return GB_OK;
}

static enum gb_err
check_move(const struct gb_journal *j, const struct gb_table *t,
           const struct gb_column *c, const struct gb_written *w,
           struct gb_fail *fail)
{
    const struct gb_rule *r = &c->rule;
    int from = gb_rule_value(r, &w->from), to = gb_rule_value(r, &w->value);
    const struct gb_move *m = gb_rule_move(r, from, to);
    if (!m)
        return gb_fail_set(
            fail, GB_E_ILLEGAL, "%s.%s: from %.*s there is no move to %.*s",
            t->name, c->name, (int)w->from.as.s.len,
            (const char *)w->from.as.s.ptr, (int)w->value.as.s.len,
            (const char *)w->value.as.s.ptr);
    if (j->c.level < m->level)
        return gb_fail_set(fail, GB_E_AUTHORITY,
                           "%s.%s: the move to %.*s needs level %d", t->name,
                           c->name, (int)w->value.as.s.len,
                           (const char *)w->value.as.s.ptr, m->level);
    return GB_OK;
}

/* The id is this device's and new, and the engine's columns are its own. */
enum gb_err
gb_capture_new_row(const struct gb_journal *j, const struct gb_table *t,
                   sqlite3_value **args, struct gb_fail *fail)
{
    int64_t id = sqlite3_value_int64(args[1]);
    if (gb_id_device(id) != j->device || !gb_id_valid(id))
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: the id must be this device's: use gb_new_id()",
                           t->name);
    if ((id & GB_COUNTER_MAX) <= j->c.counter)
        return gb_fail_set(fail, GB_E_EXISTS,
                           "%s: ids are never used twice: use gb_new_id()",
                           t->name);
    if (id != j->c.promised)
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: the id must come from gb_new_id()", t->name);
    struct gb_value ref = gb_db_arg(args[5]);
    if (sqlite3_value_int64(args[2]) != j->c.issued ||
        sqlite3_value_int64(args[3]) != j->c.level ||
        sqlite3_value_int64(args[4]) != j->c.actor ||
        sqlite3_value_type(args[6]) != SQLITE_NULL ||
        sqlite3_value_type(args[7]) != SQLITE_NULL)
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: columns that begin with _ are the engine's",
                           t->name);
    if (ref.type == GB_TEXT &&
        (!ref.as.s.len || ref.as.s.len > 255 || !gb_utf8_valid(ref.as.s)))
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: a ref is 1 to 255 bytes of UTF-8", t->name);
    return GB_OK;
}

/* A ref is used once per table on this device. */
enum gb_err
gb_capture_ref(struct gb_journal *j, int table, int64_t id, sqlite3_value *arg,
               struct gb_fail *fail)
{
    struct gb_value ref = gb_db_arg(arg);
    int64_t other;
    if (ref.type != GB_TEXT)
        return GB_OK;
    struct gb_fail several = {0};
    enum gb_err e =
        gb_tables_ref(j->tables, table, j->device, ref.as.s, &other, &several);
    if (e != GB_E_VALUE && (e || other == id))
        return e ? gb_fail_set(fail, e, "%s", several.text) : GB_OK;
    return gb_fail_set(fail, GB_E_EXISTS,
                       "%s: this device has a record called %.*s already",
                       j->schema->tables[table].name, (int)ref.as.s.len,
                       (const char *)ref.as.s.ptr);
}

/* All that a new row lacks, at once. */
static enum gb_err
check_missing(const struct gb_table *t, sqlite3_value **values,
              struct gb_fail *fail)
{
    char list[300] = "";
    size_t n = 0;
    for (int c = 0; c < t->ncolumns && n < 200; c++)
        if (t->columns[c].notnull &&
            sqlite3_value_type(values[c]) == SQLITE_NULL)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%.64s",
                                  n ? ", " : "", t->columns[c].name);
    return n ? gb_fail_set(fail, GB_E_VALUE, "%s: %s must not be empty",
                           t->name, list)
             : GB_OK;
}

/* The values of a new row; *bound receives what they may need in a set. */
enum gb_err
gb_capture_new_values(struct gb_journal *j, const struct gb_table *t,
                      sqlite3_value **args, size_t *bound, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    *bound = 64 + (size_t)sqlite3_value_bytes(args[5]);
    for (int c = 0; c < t->ncolumns && !e; c++) {
        const struct gb_column *col = &t->columns[c];
        struct gb_value v = gb_db_arg(args[8 + c]);
        if (col->notnull && v.type == GB_NULL)
            continue; /* all of these are named at once */
        e = check_value(j, t, col, &v, fail);
        if (!e && col->rule.kind == GB_RULE_STATE &&
            gb_rule_value(&col->rule, &v) != 0)
            e = gb_fail_set(fail, GB_E_ILLEGAL,
                            "%s.%s: a new record starts as %.*s", t->name,
                            col->name, (int)col->rule.values[0].len,
                            (const char *)col->rule.values[0].ptr);
        *bound += 32;
        if (v.type == GB_TEXT || v.type == GB_BLOB)
            *bound += v.as.s.len;
    }
    return e ? e : check_missing(t, args + 8, fail);
}

/* Where a write shows something else than what was written, having seen
 * everything on this handheld (MERGE.md §5, §6). */
static bool
keeps_old(const struct gb_journal *j, const struct gb_column *c,
          const struct gb_value *old, const struct gb_value *v)
{
    switch (c->rule.kind) {
    case GB_RULE_FIRST:
        return old->type != GB_NULL;
    case GB_RULE_MAX:
    case GB_RULE_MIN:
    case GB_RULE_WORST:
        return gb_rule_compare(&c->rule, v, old) < 0 &&
               !(c->rule.back && j->c.level >= c->rule.back);
    default:
        return false;
    }
}

/* One column that an update changed. */
enum gb_err
gb_capture_changed(struct gb_journal *j, const struct gb_table *t, int column,
                   const struct gb_value *old, const struct gb_value *v,
                   struct gb_written *out, struct gb_fail *fail)
{
    const struct gb_column *c = &t->columns[column];
    if (c->rule.kind == GB_RULE_FACT)
        return gb_fail_set(fail, GB_E_REFUSED,
                           "%s.%s: a fact is written once; make a new record "
                           "that names this one",
                           t->name, c->name);
    enum gb_err e = check_value(j, t, c, v, fail);
    *out = (struct gb_written){.column = column, .value = *v};
    if (!e && c->rule.kind == GB_RULE_STATE) {
        out->from =
            old->type == GB_NULL ? gb_value_text(c->rule.values[0]) : *old;
        e = check_move(j, t, c, out, fail);
    }
    if (!e && c->rule.kind == GB_RULE_SUM) {
        uint64_t before = old->type == GB_INT ? (uint64_t)old->as.i : 0;
        uint64_t after = v->type == GB_INT ? (uint64_t)v->as.i : 0;
        out->value = gb_value_int((int64_t)(after - before));
    }
    if (keeps_old(j, c, old, v))
        j->c.kept |= (uint64_t)1 << column;
    return e;
}

/* A record that left the scope is only there for what is unsent. */
static enum gb_err
check_scope(struct gb_journal *j, const struct gb_table *t, int64_t id,
            struct gb_fail *fail)
{
    bool readonly;
    char text[GB_ID_TEXT];
    if (!j->c.readonly)
        return GB_OK;
    enum gb_err e = gb_journal_readonly(j, (int)(t - j->schema->tables), id,
                                        &readonly, fail);
    if (e || !readonly)
        return e;
    gb_id_print(text, id);
    return gb_fail_set(
        fail, GB_E_STATE,
        "%s %s has left the scope of this handheld: it can only "
        "be read, and goes with a sync; ask the office to change "
        "it",
        t->name, text);
}

/* What both a change and a void must not do. */
enum gb_err
gb_capture_update(struct gb_journal *j, const struct gb_table *t,
                  sqlite3_value **args, struct gb_fail *fail)
{
    if (sqlite3_value_int64(args[1]) != sqlite3_value_int64(args[2]) ||
        sqlite3_value_int(args[3]))
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: the id, and columns that begin with _, do not "
                           "change",
                           t->name);
    if (sqlite3_value_type(args[4]) != SQLITE_NULL)
        return gb_fail_set(fail, GB_E_STATE, "%s: the record is void", t->name);
    bool voids = sqlite3_value_type(args[5]) != SQLITE_NULL;
    enum gb_err e = check_scope(j, t, sqlite3_value_int64(args[1]), fail);
    return e ? e : gb_capture_actor(j, t, voids ? t->voids : t->write, fail);
}
