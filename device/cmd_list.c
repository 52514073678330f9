/* cmd_list.c - gengbu list: the records of a table, or the rows of a view */
#include <stdio.h>
#include <string.h>

#include "engine/near.h"
#include "engine/term.h"
#include "fields.h"
#include "present.h"
#include "verbs.h"

#define FLUSH_AT 65536 /* bytes of JSON before they are printed */
#define CELL_MAX 48    /* terminal columns of a value; `show` has all of it */

struct listing {
    const struct gb_args *args;
    struct gb_folder f;
    const struct gb_schema *schema;
    const char *lang;
    int64_t limit; /* rows; -1: all */
    bool readonly; /* some record of the table is */
    sqlite3_stmt *rows;
    struct gb_buf out;
};

/* Tables first, then views. */
static const char *
name_at(const void *context, int i)
{
    const struct gb_schema *s = context;
    if (i < s->ntables)
        return s->tables[i].name;
    i -= s->ntables;
    return i < s->nviews ? s->views[i].name : NULL;
}

/* The columns of a table by name, as the engine's own are not shown; JSON has
 * the caller's name and the reason of a void as well, which people get where
 * they ask for void records.  Records that left the scope are marked, where
 * there are any. */
static void
select_table(struct listing *l, const struct gb_table *t, struct gb_buf *sql)
{
    bool json = gb_args_flag(l->args, "json");
    bool all = gb_args_flag(l->args, "all");
    gb_buf_text(sql, "SELECT id");
    if (!json && l->readonly)
        gb_buf_printf(sql,
                      ", CASE WHEN id IN (SELECT id FROM _readonly WHERE tbl = "
                      "%d) THEN 'read-only' END AS \"(scope)\"",
                      (int)(t - l->schema->tables));
    if (!json && all)
        gb_buf_text(sql, ", _void AS \"(void)\"");
    for (int c = 0; c < t->ncolumns; c++)
        gb_buf_printf(sql, ", \"%s\"", t->columns[c].name);
    if (json)
        gb_buf_printf(sql,
                      ", _ref, _void, id IN (SELECT id FROM _readonly WHERE "
                      "tbl = %d) AS _readonly",
                      (int)(t - l->schema->tables));
    gb_buf_printf(sql, " FROM \"%s\"%s ORDER BY id", t->name,
                  all ? "" : " WHERE _void IS NULL");
}

/* Whether some record of the table has left the scope. */
static enum gb_err
find_readonly(struct listing *l, int table, struct gb_fail *fail)
{
    char sql[80];
    int64_t n;
    snprintf(sql, sizeof sql, "SELECT 1 FROM _readonly WHERE tbl = %d LIMIT 1",
             table);
    return gb_db_int(gb_journal_db(l->f.journal), sql, &n, &l->readonly, fail);
}

static enum gb_err
prepare(struct listing *l, const char *name, struct gb_fail *fail)
{
    struct gb_buf sql;
    int table = gb_schema_table(l->schema, gb_span_text(name)), view = 0;
    gb_buf_init(&sql, 65536);
    while (view < l->schema->nviews &&
           strcmp(l->schema->views[view].name, name))
        view++;
    if (table < 0 && view == l->schema->nviews)
        return gb_fields_look(
            &l->f, -1,
            gb_near_fail(fail, "table", gb_span_text(name), name_at, l->schema),
            fail);
    if (table >= 0) {
        enum gb_err e = find_readonly(l, table, fail);
        if (e)
            return e;
        select_table(l, &l->schema->tables[table], &sql);
    } else {
        gb_buf_printf(&sql, "SELECT * FROM \"%s\"", name);
    }
    gb_buf_printf(&sql, " LIMIT %lld", (long long)l->limit);
    gb_buf_u8(&sql, 0);
    enum gb_err e = gb_buf_check(&sql, "a query", fail);
    if (!e)
        e = gb_db_prepare(gb_journal_db(l->f.journal), (const char *)sql.ptr,
                          &l->rows, fail);
    gb_buf_release(&sql);
    return e;
}

static enum gb_err
print_json(struct listing *l, struct gb_fail *fail)
{
    bool row = false;
    struct gb_json_writer w = gb_json_writer(&l->out, true);
    enum gb_err e = GB_OK;
    int n = sqlite3_column_count(l->rows);
    gb_json_begin_array(&w);
    while (!e && !(e = gb_db_step(l->rows, &row, fail)) && row) {
        gb_json_begin_object(&w);
        for (int i = 0; i < n; i++) {
            struct gb_value v = gb_db_value(l->rows, i);
            gb_json_key(&w, sqlite3_column_name(l->rows, i));
            gb_json_put_value(&w, &v);
        }
        gb_json_end_object(&w);
        if (l->out.len > FLUSH_AT)
            e = gb_verb_flush(&l->out, fail);
    }
    gb_json_end_array(&w);
    gb_buf_text(&l->out, "\n");
    return e ? e : gb_verb_flush(&l->out, fail);
}

/* The first columns, as many as a grid has. */
static int
columns(struct listing *l, struct gb_present shown[GB_GRID_COLUMNS_MAX],
        struct gb_grid_column grid[GB_GRID_COLUMNS_MAX])
{
    int n = sqlite3_column_count(l->rows);
    n = n < GB_GRID_COLUMNS_MAX ? n : GB_GRID_COLUMNS_MAX;
    for (int i = 0; i < n; i++) {
        shown[i] = gb_present_of(l->schema, l->lang, l->rows, i);
        grid[i] = (struct gb_grid_column){gb_present_title(&shown[i]),
                                          gb_present_right(&shown[i])};
    }
    return n;
}

/* Shorten a long text, between characters. */
static void
shorten(struct gb_buf *text)
{
    struct gb_span s = gb_buf_view(text);
    if (text->failed || gb_utf8_width(s) <= CELL_MAX)
        return;
    size_t width = 0, n = 0;
    while (n < s.len) {
        size_t next = n + 1;
        while (next < s.len && (s.ptr[next] & 0xc0) == 0x80)
            next++;
        width += gb_utf8_width(GB_SPAN(s.ptr + n, next - n));
        if (width > CELL_MAX - 1)
            break;
        n = next;
    }
    text->len = n;
    gb_buf_text(text, "\xe2\x80\xa6"); /* U+2026 */
}

static enum gb_err
print_grid(struct listing *l, struct gb_fail *fail)
{
    struct gb_present shown[GB_GRID_COLUMNS_MAX];
    struct gb_grid_column titles[GB_GRID_COLUMNS_MAX];
    struct gb_grid grid;
    struct gb_buf text;
    bool row = false;
    enum gb_err e = GB_OK;
    int n = columns(l, shown, titles);
    gb_grid_init(&grid, titles, n);
    gb_buf_init(&text, 2 * GB_TEXT_MAX);
    while (!e && !(e = gb_db_step(l->rows, &row, fail)) && row)
        for (int i = 0; i < n && !e; i++) {
            struct gb_value v = gb_db_value(l->rows, i);
            gb_buf_clear(&text);
            gb_present_value(&shown[i], &v, &text);
            shorten(&text);
            e = gb_buf_check(&text, "a value", fail);
            gb_grid_cell(&grid, gb_buf_view(&text));
        }
    if (!e)
        e = gb_grid_print(&grid, &l->out, fail);
    if (!e)
        e = gb_verb_flush(&l->out, fail);
    if (!e && n < sqlite3_column_count(l->rows))
        fprintf(stderr, "%d more columns: use --json, or show\n",
                sqlite3_column_count(l->rows) - n);
    gb_buf_release(&text);
    gb_grid_release(&grid);
    return e;
}

int
gb_verb_list(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct listing l = {.args = args, .limit = -1};
    if (gb_args_count(args) < 2)
        return gb_verb_tables(args);
    gb_buf_init(&l.out, GB_VERB_OUT_MAX);
    enum gb_err e =
        gb_verb_open(args, &l.f, "gengbu list", GB_FOLDER_LOOK, &fail);
    if (!e)
        e = gb_args_int(args, "limit", 0, INT64_MAX, &l.limit, &fail);
    if (!e)
        e = gb_folder_zone(&l.f, &fail);
    if (!e)
        e = gb_fields_schema(l.f.journal, &l.schema, &fail);
    if (!e)
        e = gb_verb_lang(args, l.schema, &l.lang, &fail);
    if (!e)
        e = prepare(&l, gb_args_word(args, 1), &fail);
    if (!e)
        e = gb_args_flag(args, "json") ? print_json(&l, &fail)
                                       : print_grid(&l, &fail);
    sqlite3_finalize(l.rows);
    gb_buf_release(&l.out);
    gb_folder_close(&l.f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
