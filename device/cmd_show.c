/* cmd_show.c - gengbu show: one record, all that is known of it here */
#include <stdio.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/term.h"
#include "fields.h"
#include "present.h"
#include "verbs.h"

struct showing {
    const struct gb_args *args;
    struct gb_folder f;
    const struct gb_schema *schema;
    const struct gb_table *table;
    int number;
    const char *lang;
    bool readonly;
    struct gb_rec rec; /* how the hub's writes stand to one another */
    sqlite3_stmt *row; /* what shows, own writes on top: columns, void */
    struct gb_arena arena;
    struct gb_buf out;
};

/* More than one write is open, and they differ or ask for a person. */
static bool
disputed(const struct showing *s, int c)
{
    const struct gb_cell *cell = &s->rec.cells[c];
    bool differ = false;
    for (int i = 1; i < cell->n; i++)
        differ |= !gb_value_equal(&cell->sib[i].value, &cell->sib[0].value);
    return differ || gb_cell_review(&s->table->columns[c], cell);
}

/* ---------------------------------------------------------------- JSON -- */

static void
json_siblings(const struct showing *s, struct gb_json_writer *w, int c)
{
    const struct gb_cell *cell = &s->rec.cells[c];
    gb_json_key(w, s->table->columns[c].name);
    gb_json_begin_array(w);
    for (int i = 0; i < cell->n; i++) {
        gb_json_begin_object(w);
        gb_json_key(w, "value");
        gb_json_put_value(w, &cell->sib[i].value);
        gb_json_pair_int(w, "device", cell->sib[i].device);
        gb_json_pair_int(w, "time_ms", gb_stamp_ms(cell->sib[i].stamp));
        gb_json_end_object(w);
    }
    gb_json_end_array(w);
}

static void
json_engine(const struct showing *s, struct gb_json_writer *w)
{
    const struct gb_rec *r = &s->rec;
    gb_json_pair_int(w, "actor", r->actor);
    gb_json_pair_int(w, "time_ms", gb_stamp_ms(r->stamp));
    gb_json_pair_bool(w, "sent", r->pos != GB_POS_PENDING);
    gb_json_pair_bool(w, "rival", r->rival);
    gb_json_pair_bool(w, "readonly", s->readonly);
    if (r->ref.len)
        gb_json_pair_span(w, "ref", r->ref);
    struct gb_value reason = gb_db_value(s->row, s->table->ncolumns);
    gb_json_key(w, "void");
    gb_json_put_value(w, &reason);
}

static void
print_json(struct showing *s)
{
    struct gb_json_writer w = gb_json_writer(&s->out, true);
    char id[GB_ID_TEXT];
    gb_id_print(id, s->rec.id);
    gb_json_begin_object(&w);
    gb_json_pair_text(&w, "table", s->table->name);
    gb_json_pair_int(&w, "id", s->rec.id);
    gb_json_pair_text(&w, "name", id);
    json_engine(s, &w);
    gb_json_key(&w, "fields");
    gb_json_begin_object(&w);
    for (int c = 0; c < s->table->ncolumns; c++) {
        struct gb_value v = gb_db_value(s->row, c);
        gb_json_key(&w, s->table->columns[c].name);
        gb_json_put_value(&w, &v);
    }
    gb_json_end_object(&w);
    gb_json_key(&w, "siblings");
    gb_json_begin_object(&w);
    for (int c = 0; c < s->table->ncolumns; c++)
        if (disputed(s, c))
            json_siblings(s, &w, c);
    gb_json_end_object(&w);
    gb_json_end_object(&w);
    gb_buf_text(&s->out, "\n");
}

/* ---------------------------------------------------------- for people -- */

/* A line: label, value. */
static void
line(struct gb_grid *g, const char *label, const char *value)
{
    gb_grid_text(g, label);
    gb_grid_text(g, value);
}

static void
value_line(struct showing *s, struct gb_grid *g, int c,
           const struct gb_value *v, const char *label)
{
    struct gb_buf text;
    struct gb_present p = gb_present_column(s->schema, s->lang, s->number, c);
    gb_buf_init(&text, 2 * GB_TEXT_MAX);
    gb_present_value(&p, v, &text);
    gb_grid_text(g, label ? label : gb_present_title(&p));
    gb_grid_cell(g, gb_buf_view(&text));
    gb_buf_release(&text);
}

/* The other writes of a cell, with who made them. */
static void
sibling_lines(struct showing *s, struct gb_grid *g, int c)
{
    const struct gb_column *col = &s->table->columns[c];
    const struct gb_cell *cell = &s->rec.cells[c];
    char label[64];
    int shown = gb_cell_shown(col, cell);
    for (int i = 0; i < cell->n; i++) {
        if (i == shown)
            continue;
        snprintf(label, sizeof label, "  %s %d",
                 gb_cell_review(col, cell) ? "under review, device"
                                           : "also, device",
                 cell->sib[i].device);
        value_line(s, g, c, &cell->sib[i].value, label);
    }
}

static void
engine_lines(struct showing *s, struct gb_grid *g)
{
    const struct gb_rec *r = &s->rec;
    char text[GB_ID_TEXT], time[GB_TERM_SIZE];
    gb_id_print(text, r->actor);
    line(g, "(actor)", r->actor ? text : "the office");
    line(g, "(made)", gb_term_time(time, gb_stamp_ms(r->stamp)));
    if (r->pos == GB_POS_PENDING)
        line(g, "(unsent)", "the hub has not accepted it yet");
    if (s->readonly)
        line(g, "(read-only)",
             "it left this handheld's scope, and goes with a sync");
    if (r->ref.len) {
        gb_grid_text(g, "(ref)");
        gb_grid_cell(g, r->ref);
    }
    if (r->rival)
        line(g, "(rival)", "another record holds what this one claims");
    struct gb_value reason = gb_db_value(s->row, s->table->ncolumns);
    if (reason.type == GB_TEXT) {
        gb_grid_text(g, "(void)");
        gb_grid_cell(g, reason.as.s);
    }
}

static enum gb_err
print_lines(struct showing *s, struct gb_fail *fail)
{
    struct gb_grid grid;
    char id[GB_ID_TEXT];
    const char *label =
        gb_schema_label(s->schema, s->number, -1, NULL, s->lang);
    gb_id_print(id, s->rec.id);
    struct gb_grid_column titles[] = {{label ? label : s->table->name, false},
                                      {id, false}};
    gb_grid_init(&grid, titles, 2);
    for (int c = 0; c < s->table->ncolumns; c++) {
        struct gb_value v = gb_db_value(s->row, c);
        value_line(s, &grid, c, &v, NULL);
        if (disputed(s, c))
            sibling_lines(s, &grid, c);
    }
    engine_lines(s, &grid);
    enum gb_err e = gb_grid_print(&grid, &s->out, fail);
    gb_grid_release(&grid);
    return e;
}

/* The row itself, kept until the end. */
static enum gb_err
load_row(struct showing *s, int64_t id, struct gb_fail *fail)
{
    struct gb_buf sql;
    bool row;
    gb_buf_init(&sql, 65536);
    gb_buf_text(&sql, "SELECT ");
    for (int c = 0; c < s->table->ncolumns; c++)
        gb_buf_printf(&sql, "\"%s\", ", s->table->columns[c].name);
    gb_buf_printf(&sql, "_void FROM \"%s\" WHERE id = ?1", s->table->name);
    gb_buf_u8(&sql, 0);
    enum gb_err e = gb_buf_check(&sql, "a query", fail);
    if (!e)
        e = gb_db_prepare(gb_journal_db(s->f.journal), (const char *)sql.ptr,
                          &s->row, fail);
    gb_buf_release(&sql);
    if (e)
        return e;
    sqlite3_bind_int64(s->row, 1, id);
    return gb_db_step(s->row, &row, fail);
}

/* The record as this handheld has it. */
static enum gb_err
load(struct showing *s, struct gb_fail *fail)
{
    char text[GB_ID_TEXT];
    bool found;
    int64_t id;
    enum gb_err e = gb_verb_table(s->args, 1, &s->f, &s->number, fail);
    if (!e)
        e = gb_verb_record_of(s->args, 2, &s->f, s->number, &id, fail);
    if (e)
        return e;
    s->schema = gb_journal_schema(s->f.journal);
    s->table = &s->schema->tables[s->number];
    e = gb_tables_load(gb_journal_tables(s->f.journal), s->number, id,
                       &s->arena, &s->rec, &found, fail);
    gb_id_print(text, id);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_MISSING, "there is no %s %s", s->table->name,
                        text);
    if (!e)
        e = gb_journal_readonly(s->f.journal, s->number, id, &s->readonly,
                                fail);
    return e ? e : load_row(s, id, fail);
}

int
gb_verb_show(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct showing s = {.args = args};
    if (gb_args_count(args) < 3)
        return gb_verb_tables(args);
    gb_buf_init(&s.out, GB_VERB_OUT_MAX);
    gb_arena_init(&s.arena, GB_ARENA_MAX);
    enum gb_err e =
        gb_verb_open(args, &s.f, "gengbu show", GB_FOLDER_LOOK, &fail);
    if (!e)
        e = gb_folder_zone(&s.f, &fail);
    if (!e)
        e = load(&s, &fail);
    if (!e)
        e = gb_verb_lang(args, s.schema, &s.lang, &fail);
    if (!e && gb_args_flag(args, "json"))
        print_json(&s);
    else if (!e)
        e = print_lines(&s, &fail);
    if (!e)
        e = gb_verb_flush(&s.out, &fail);
    sqlite3_finalize(s.row);
    gb_arena_release(&s.arena);
    gb_buf_release(&s.out);
    gb_folder_close(&s.f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
