/* cmd_quarantine.c - `gengbu-hub quarantine`: what did not take effect */
#include <stdio.h>
#include <string.h>

#include "engine/id.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/field.h"
#include "hub/past.h"
#include "hub/quarantine.h"

static const char *const kinds[] = {"?", "insert", "set", "void", "resolve"};

static const char *
kind_name(int64_t kind)
{
    return kind > 0 && kind <= GB_RESOLVE ? kinds[kind] : kinds[0];
}

/* ------------------------------------------------------------------ list -- */

static const struct gb_grid_column columns[] = {{"no.", false},
                                                {"what", false},
                                                {"who", false},
                                                {"device", true},
                                                {"code", false}};

/* Operations, by where they stand in the ledger. */
static enum gb_err
list_operations(struct gb_look *look, struct gb_grid *g, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    enum gb_err e = gb_db_prepare(
        gb_state_db(look->state),
        "SELECT pos, idx, device, code, kind, tbl, id, actor FROM _wait ORDER "
        "BY pos, idx",
        &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        char id[GB_ID_TEXT] = "", who[GB_PAST_ACTOR];
        const char *table = (const char *)sqlite3_column_text(s, 5);
        if (table)
            gb_id_print(id, sqlite3_column_int64(s, 6));
        gb_grid_printf(g, "%lld.%d", (long long)sqlite3_column_int64(s, 0),
                       sqlite3_column_int(s, 1) + 1);
        gb_grid_printf(g, "%s %s %s", kind_name(sqlite3_column_int64(s, 4)),
                       table ? table : "", id);
        gb_grid_text(
            g, gb_past_actor(look->state, sqlite3_column_int64(s, 7), who));
        gb_grid_printf(g, "%d", sqlite3_column_int(s, 2));
        gb_grid_text(g, (const char *)sqlite3_column_text(s, 3));
    }
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
print_entry(void *context, const struct gb_quarantine_entry *entry,
            struct gb_fail *fail)
{
    struct gb_buf *out = context;
    char when[GB_TERM_SIZE], size[GB_TERM_SIZE];
    (void)fail;
    gb_buf_printf(out, "%s  %s  %s  ", entry->id, gb_term_time(when, entry->ms),
                  gb_term_size(size, entry->bytes));
    gb_term_clean(out, gb_span_text(entry->why));
    gb_buf_text(out, "\n");
    return GB_OK;
}

static enum gb_err
list(struct gb_look *look, struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_grid grid;
    uint64_t more;
    gb_grid_init(&grid, columns, sizeof columns / sizeof *columns);
    enum gb_err e = list_operations(look, &grid, fail);
    if (!e && gb_grid_rows(&grid))
        e = gb_grid_print(&grid, out, fail);
    gb_grid_release(&grid);
    if (!e)
        e = gb_quarantine_list(look->path, print_entry, out, &more, fail);
    if (!e && more)
        gb_buf_printf(out, "and %llu more that were not kept\n",
                      (unsigned long long)more);
    if (!e && !out->len)
        gb_buf_text(out, "nothing is in quarantine\n");
    return e;
}

/* ------------------------------------------------------------------ show -- */

/* One operation with its values. */
static void
print_operation(struct gb_look *look, const struct gb_past_set *set, int index,
                struct gb_buf *out)
{
    const struct gb_op *op = &set->d.set.ops[index];
    char id[GB_ID_TEXT], value[GB_FIELD_TEXT], who[GB_PAST_ACTOR];
    char when[GB_TERM_SIZE];
    const struct gb_table *t = set->d.in.times || op->kind > GB_RESOLVE
                                   ? NULL
                                   : &set->d.schema->tables[op->table];
    gb_buf_printf(out, "made by ");
    gb_term_clean(out,
                  gb_span_text(gb_past_actor(look->state, op->actor, who)));
    gb_buf_printf(out, ", device %d, %s\n", set->line.device,
                  gb_term_time(when, op->time_ms));
    if (!t)
        return;
    gb_id_print(id, op->id);
    gb_buf_printf(out, "%s %s %s\n", kind_name((int64_t)op->kind), t->name, id);
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *w = &op->values[i];
        gb_buf_printf(out, "  %s = ", t->columns[w->column].name);
        gb_term_clean(out, gb_span_text(w->hidden
                                            ? "(personal, erased)"
                                            : gb_field_text(value, &w->value)));
        if (w->from.type != GB_NULL) {
            gb_buf_text(out, "  from ");
            gb_term_clean(out, gb_span_text(gb_field_text(value, &w->from)));
        }
        gb_buf_text(out, "\n");
    }
}

/* Why it waits, and what it is. */
static enum gb_err
show_operation(struct gb_look *look, uint64_t pos, int index,
               struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_past past;
    const struct gb_past_set *set;
    enum gb_err e = gb_past_open(look, &past, fail);
    if (!e)
        e = gb_past_read(&past, pos, &set, fail);
    enum gb_code code = GB_CODE_NONE;
    if (!e && set->line.verdict == GB_HELD)
        code = set->line.held;
    for (int i = 0; !e && i < set->line.nquarantined; i++)
        if (set->line.quarantined[i].index == index)
            code = set->line.quarantined[i].code;
    if (!e &&
        (code == GB_CODE_NONE || !set->d.good || index >= set->d.set.nops))
        e = gb_fail_set(fail, GB_E_MISSING,
                        "operation %llu.%d is not in quarantine",
                        (unsigned long long)pos, index + 1);
    if (!e) {
        gb_buf_printf(out, "%s: %s\n", gb_code_name(code), gb_code_text(code));
        gb_buf_printf(out, "entry %llu of the ledger, set %d-%u\n",
                      (unsigned long long)pos, set->line.device, set->line.seq);
        print_operation(look, set, index, out);
    }
    gb_past_close(&past);
    return e;
}

struct finding {
    const char *id;
    struct gb_buf *out;
    const char *hub;
    bool found;
};

static enum gb_err
find_entry(void *context, const struct gb_quarantine_entry *entry,
           struct gb_fail *fail)
{
    struct finding *f = context;
    if (strcmp(entry->id, f->id))
        return GB_OK;
    f->found = true;
    enum gb_err e = print_entry(f->out, entry, fail);
    gb_buf_printf(f->out, "the bytes are in %s/quarantine/%s.bin\n", f->hub,
                  entry->id);
    return e;
}

static enum gb_err
show(struct gb_look *look, const char *which, struct gb_buf *out,
     struct gb_fail *fail)
{
    unsigned long long pos;
    int index, end = 0;
    uint64_t more;
    struct finding f = {which, out, look->path, false};
    if (sscanf(which, "%llu.%d%n", &pos, &index, &end) == 2 && !which[end] &&
        index > 0)
        return show_operation(look, pos, index - 1, out, fail);
    enum gb_err e = gb_quarantine_list(look->path, find_entry, &f, &more, fail);
    if (!e && !f.found)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "there is no '%s' in quarantine: `gengbu-hub "
                        "quarantine` lists what there is",
                        which);
    return e;
}

int
gb_cmd_quarantine(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_look look = {0};
    struct gb_buf out;
    const char *verb = gb_args_word(args, 1), *which = gb_args_word(args, 2);
    enum gb_err e = GB_OK;
    gb_buf_init(&out, (size_t)64 << 20);
    bool again = verb && !strcmp(verb, "retry");
    if (verb && ((strcmp(verb, "show") && !again) || !which))
        e = gb_fail_set(&fail, GB_E_USAGE,
                        "'%s': give show N, retry N, or nothing", verb);
    if (!e && again) {
        e = gb_cmd_retry(args, &fail);
        return e ? gb_cmd_fail(args, &fail) : 0;
    }
    if (!e)
        e = gb_look_open(gb_args_word(args, 0), &look, &fail);
    if (!e)
        e = which ? show(&look, which, &out, &fail) : list(&look, &out, &fail);
    gb_look_close(&look);
    if (!e)
        return gb_cmd_print(args, &out);
    gb_buf_release(&out);
    return gb_cmd_fail(args, &fail);
}
