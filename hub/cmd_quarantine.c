/* cmd_quarantine.c - `gengbu-hub quarantine`: what did not take effect */
#include <stdio.h>
#include <string.h>

#include "engine/id.h"
#include "engine/json.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/field.h"
#include "hub/past.h"
#include "hub/quarantine.h"

static const char *const kinds[] = {
    [GB_INSERT] = "insert",   [GB_SET] = "set",        [GB_VOID] = "void",
    [GB_RESOLVE] = "resolve", [GB_SITE] = "site",      [GB_SCHEMA] = "schema",
    [GB_DEVICE] = "device",   [GB_RELEASE] = "release"};

static const char *
kind_name(int64_t kind)
{
    bool known = kind > 0 && kind <= GB_RELEASE && kinds[kind];
    return known ? kinds[kind] : "?";
}

/* What is printed, as text or JSON. */
struct quarantine {
    struct gb_look look;
    struct gb_buf out;
    struct gb_json_writer json;
    bool is_json;
};

/* An operation that waits: a row of _wait, borrowed until the next one; or a
 * whole set of which nothing can be read, with index -1. */
struct waiting {
    int64_t pos, stamp, kind, id, actor;
    int index, device;
    const char *table; /* NULL: not known */
    enum gb_code code;
};
#define WAITING                                                                \
    "SELECT pos, idx, device, stamp, code, kind, tbl, id, actor FROM _wait "
#define WHOLE_SETS                                                             \
    "SELECT pos, -1, device, 0, rtrim(substr(line, instr(line, ' held:') + "   \
    "6), char(10)) AS code, 0, NULL, 0, 0 FROM _set WHERE line GLOB "          \
    "'* held:*' AND (code = 'MALFORMED' OR line GLOB '* - * held:SCHEMA*') "   \
    "AND NOT EXISTS(SELECT 1 FROM _wait w WHERE w.pos = _set.pos) "

static void
read_waiting(sqlite3_stmt *s, struct waiting *out)
{
    *out = (struct waiting){.pos = sqlite3_column_int64(s, 0),
                            .index = sqlite3_column_int(s, 1),
                            .device = sqlite3_column_int(s, 2),
                            .stamp = sqlite3_column_int64(s, 3),
                            .code = gb_code_parse(gb_db_blob(s, 4)),
                            .kind = sqlite3_column_int64(s, 5),
                            .table = (const char *)sqlite3_column_text(s, 6),
                            .id = sqlite3_column_int64(s, 7),
                            .actor = sqlite3_column_int64(s, 8)};
}

/* How it is named: "POSITION.NUMBER", a whole set "POSITION". */
static const char *
name_of(const struct waiting *o, char out[GB_PAST_ACTOR])
{
    int n = snprintf(out, GB_PAST_ACTOR, "%lld", (long long)o->pos);
    if (o->index >= 0)
        snprintf(out + n, GB_PAST_ACTOR - (size_t)n, ".%d", o->index + 1);
    return out;
}

/* Members of the object that the caller has begun. */
static void
write_waiting(struct quarantine *q, const struct waiting *o)
{
    struct gb_json_writer *w = &q->json;
    char text[GB_PAST_ACTOR];
    gb_json_pair_text(w, "n", name_of(o, text));
    gb_json_pair_int(w, "position", o->pos);
    gb_json_pair_int(w, "device", o->device);
    gb_json_pair_int(w, "stamp", o->stamp);
    gb_json_pair_text(w, "code", gb_code_name(o->code));
    gb_json_pair_text(w, "why", gb_code_text(o->code));
    gb_json_pair_text(w, "kind", o->kind ? kind_name(o->kind) : NULL);
    gb_json_pair_text(w, "table", o->table);
    if (o->table)
        gb_json_pair_int(w, "id", o->id);
    gb_json_pair_int(w, "actor", o->actor);
    gb_json_pair_text(w, "actor_name",
                      gb_past_actor(q->look.state, o->actor, text));
}

static void
write_entry(struct quarantine *q, const struct gb_quarantine_entry *entry)
{
    struct gb_json_writer *w = &q->json;
    gb_json_pair_text(w, "n", entry->id);
    gb_json_pair_int(w, "time_ms", entry->ms);
    gb_json_pair_int(w, "bytes", (int64_t)entry->bytes);
    gb_json_pair_text(w, "why", entry->why);
}

/* ---------------------------------------------------------------- list -- */

static const struct gb_grid_column columns[] = {{"no.", false},
                                                {"what", false},
                                                {"who", false},
                                                {"device", true},
                                                {"code", false}};

static void
print_waiting(struct quarantine *q, const struct waiting *o, struct gb_grid *g)
{
    char id[GB_ID_TEXT] = "", who[GB_PAST_ACTOR];
    if (o->table)
        gb_id_print(id, o->id);
    gb_grid_text(g, name_of(o, who));
    if (o->index < 0)
        gb_grid_text(g, "a whole change set");
    else
        gb_grid_printf(g, "%s %s %s", kind_name(o->kind),
                       o->table ? o->table : "", id);
    gb_grid_text(g, o->index < 0 ? ""
                                 : gb_past_actor(q->look.state, o->actor, who));
    gb_grid_printf(g, "%d", o->device);
    gb_grid_text(g, gb_code_name(o->code));
}

/* Operations, by where they stand in the ledger. */
static enum gb_err
list_operations(struct quarantine *q, struct gb_grid *g, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    struct waiting o;
    bool row;
    enum gb_err e = gb_db_prepare(
        gb_state_db(q->look.state),
        WAITING "UNION ALL " WHOLE_SETS "ORDER BY 1, 2", &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        read_waiting(s, &o);
        if (!q->is_json) {
            print_waiting(q, &o, g);
            continue;
        }
        gb_json_begin_object(&q->json);
        write_waiting(q, &o);
        gb_json_end_object(&q->json);
    }
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
list_entry(void *context, const struct gb_quarantine_entry *entry,
           struct gb_fail *fail)
{
    struct quarantine *q = context;
    char when[GB_TERM_SIZE], size[GB_TERM_SIZE];
    (void)fail;
    if (q->is_json) {
        gb_json_begin_object(&q->json);
        write_entry(q, entry);
        gb_json_end_object(&q->json);
        return GB_OK;
    }
    gb_buf_printf(&q->out, "%s  %s  %s  ", entry->id,
                  gb_term_time(when, entry->ms),
                  gb_term_size(size, entry->bytes));
    gb_term_clean(&q->out, gb_span_text(entry->why));
    gb_buf_text(&q->out, "\n");
    return GB_OK;
}

static enum gb_err
list_json(struct quarantine *q, struct gb_fail *fail)
{
    struct gb_json_writer *w = &q->json;
    uint64_t more = 0;
    gb_json_begin_object(w);
    gb_json_key(w, "operations");
    gb_json_begin_array(w);
    enum gb_err e = list_operations(q, NULL, fail);
    gb_json_end_array(w);
    gb_json_key(w, "bytes");
    gb_json_begin_array(w);
    if (!e)
        e = gb_quarantine_list(q->look.path, list_entry, q, &more, fail);
    gb_json_end_array(w);
    gb_json_pair_int(w, "more", (int64_t)more);
    gb_json_end_object(w);
    return e;
}

static enum gb_err
list_text(struct quarantine *q, struct gb_fail *fail)
{
    struct gb_grid grid;
    uint64_t more;
    gb_grid_init(&grid, columns, sizeof columns / sizeof *columns);
    enum gb_err e = list_operations(q, &grid, fail);
    if (!e && gb_grid_rows(&grid))
        e = gb_grid_print(&grid, &q->out, fail);
    gb_grid_release(&grid);
    if (!e)
        e = gb_quarantine_list(q->look.path, list_entry, q, &more, fail);
    if (!e && more)
        gb_buf_printf(&q->out, "and %llu more that were not kept\n",
                      (unsigned long long)more);
    if (!e && !q->out.len)
        gb_buf_text(&q->out, "nothing is in quarantine\n");
    return e;
}

/* ---------------------------------------------------------------- show -- */

/* The operation's table, or NULL when it has none or cannot be read. */
static const struct gb_table *
table_of(const struct gb_past_set *set, const struct gb_op *op)
{
    return set->d.in.times || op->kind > GB_RESOLVE
               ? NULL
               : &set->d.schema->tables[op->table];
}

static void
print_operation(struct quarantine *q, const struct gb_past_set *set,
                const struct waiting *o)
{
    const struct gb_op *op = &set->d.set.ops[o->index];
    const struct gb_table *t = table_of(set, op);
    char id[GB_ID_TEXT], value[GB_FIELD_TEXT], who[GB_PAST_ACTOR];
    char when[GB_TERM_SIZE];
    struct gb_buf *out = &q->out;
    gb_buf_printf(out, "%s: %s\n", gb_code_name(o->code),
                  gb_code_text(o->code));
    gb_buf_printf(out, "entry %lld of the ledger, set %d-%u\nmade by ",
                  (long long)o->pos, set->line.device, set->line.seq);
    gb_term_clean(out,
                  gb_span_text(gb_past_actor(q->look.state, op->actor, who)));
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

/* What it writes, as far as the hub can read it. */
static void
write_values(struct gb_json_writer *w, const struct gb_table *t,
             const struct gb_op *op)
{
    gb_json_key(w, "values");
    gb_json_begin_array(w);
    for (int i = 0; t && i < op->nvalues; i++) {
        const struct gb_written *v = &op->values[i];
        gb_json_begin_object(w);
        gb_json_pair_text(w, "column", t->columns[v->column].name);
        gb_json_key(w, "value");
        gb_json_put_value(w, &v->value);
        if (v->from.type != GB_NULL) {
            gb_json_key(w, "from");
            gb_json_put_value(w, &v->from);
        }
        if (v->hidden)
            gb_json_pair_bool(w, "erased", true);
        gb_json_end_object(w);
    }
    gb_json_end_array(w);
}

static void
write_operation(struct quarantine *q, const struct gb_past_set *set,
                const struct waiting *o)
{
    const struct gb_op *op = &set->d.set.ops[o->index];
    gb_json_begin_object(&q->json);
    write_waiting(q, o);
    gb_json_pair_int(&q->json, "set", set->line.seq);
    gb_json_pair_int(&q->json, "time_ms", op->time_ms);
    write_values(&q->json, table_of(set, op), op);
    gb_json_end_object(&q->json);
}

/* Out of the ledger, with its values. */
static enum gb_err
show_waiting(struct quarantine *q, const struct waiting *o,
             struct gb_fail *fail)
{
    struct gb_past past;
    const struct gb_past_set *set;
    enum gb_err e = gb_past_open(&q->look, &past, fail);
    if (!e)
        e = gb_past_read(&past, (uint64_t)o->pos, &set, fail);
    if (!e && (!set->d.good || o->index >= set->d.set.nops))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "entry %lld of the ledger cannot be read by its schema",
                        (long long)o->pos);
    if (!e && q->is_json)
        write_operation(q, set, o);
    else if (!e)
        print_operation(q, set, o);
    gb_past_close(&past);
    return e;
}

/* Why it waits, and what it is. */
static enum gb_err
show_operation(struct quarantine *q, uint64_t pos, int index,
               struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    struct waiting o;
    bool row = false;
    enum gb_err e = gb_db_preparef(gb_state_db(q->look.state), &s, fail,
                                   WAITING "WHERE pos = %lld AND idx = %d",
                                   (long long)pos, index);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "operation %llu.%d is not in quarantine: `gengbu-hub "
                        "quarantine` lists what is",
                        (unsigned long long)pos, index + 1);
    if (!e) {
        read_waiting(s, &o);
        e = show_waiting(q, &o, fail);
    }
    sqlite3_finalize(s);
    return e;
}

/* Nothing of it can be read, so this is all that there is to say. */
static enum gb_err
show_set(struct quarantine *q, uint64_t pos, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    struct waiting o;
    bool row = false;
    enum gb_err e = gb_db_preparef(gb_state_db(q->look.state), &s, fail,
                                   WHOLE_SETS "AND pos = %lld", (long long)pos);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "change set %llu is not in quarantine: `gengbu-hub "
                        "quarantine` lists what is, an operation as %llu.1",
                        (unsigned long long)pos, (unsigned long long)pos);
    if (!e) {
        read_waiting(s, &o);
        if (q->is_json) {
            gb_json_begin_object(&q->json);
            write_waiting(q, &o);
            gb_json_end_object(&q->json);
        } else {
            gb_buf_printf(&q->out,
                          "%s: %s\nentry %lld of the ledger, device %d: it "
                          "stays there as evidence, and never takes effect\n",
                          gb_code_name(o.code), gb_code_text(o.code),
                          (long long)o.pos, o.device);
        }
    }
    sqlite3_finalize(s);
    return e;
}

struct finding {
    struct quarantine *q;
    const char *id;
    bool found;
};

static enum gb_err
show_entry(void *context, const struct gb_quarantine_entry *entry,
           struct gb_fail *fail)
{
    struct finding *f = context;
    struct quarantine *q = f->q;
    char path[GB_FILE_PATH_MAX];
    if (strcmp(entry->id, f->id))
        return GB_OK;
    f->found = true;
    snprintf(path, sizeof path, "%.3000s/quarantine/%s.bin", q->look.path,
             entry->id);
    if (!q->is_json) {
        enum gb_err e = list_entry(q, entry, fail);
        gb_buf_printf(&q->out, "the bytes are in %s\n", path);
        return e;
    }
    gb_json_begin_object(&q->json);
    write_entry(q, entry);
    gb_json_pair_text(&q->json, "path", path);
    gb_json_end_object(&q->json);
    return GB_OK;
}

static enum gb_err
show(struct quarantine *q, const char *which, struct gb_fail *fail)
{
    unsigned long long pos;
    int index, end = 0;
    uint64_t more;
    struct finding f = {q, which, false};
    if (sscanf(which, "%llu.%d%n", &pos, &index, &end) == 2 && !which[end] &&
        index > 0)
        return show_operation(q, pos, index - 1, fail);
    if (strlen(which) < GB_QUARANTINE_ID - 1 &&
        sscanf(which, "%llu%n", &pos, &end) == 1 && !which[end])
        return show_set(q, pos, fail);
    enum gb_err e =
        gb_quarantine_list(q->look.path, show_entry, &f, &more, fail);
    if (!e && !f.found)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "there is no '%s' in quarantine: `gengbu-hub "
                        "quarantine` lists what there is",
                        which);
    return e;
}

/* ------------------------------------------------------------- command -- */

static enum gb_err
list_or_show(struct quarantine *q, const char *which, struct gb_fail *fail)
{
    enum gb_err e;
    if (which)
        e = show(q, which, fail);
    else
        e = q->is_json ? list_json(q, fail) : list_text(q, fail);
    if (q->is_json)
        gb_buf_text(&q->out, "\n");
    return e;
}

int
gb_cmd_quarantine(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct quarantine q = {.is_json = gb_args_flag(args, "json")};
    const char *verb = gb_args_word(args, 1), *which = gb_args_word(args, 2);
    bool again = verb && !strcmp(verb, "retry");
    enum gb_err e = GB_OK;
    gb_buf_init(&q.out, (size_t)64 << 20);
    q.json = gb_json_writer(&q.out, true);
    if (verb && ((strcmp(verb, "show") && !again) || !which))
        e = gb_fail_set(&fail, GB_E_USAGE,
                        "'%s': give show N, retry N, or nothing", verb);
    if (!e && again) {
        e = gb_cmd_retry(args, &fail);
        return e ? gb_cmd_fail(args, &fail) : 0;
    }
    if (!e)
        e = gb_look_open(gb_args_word(args, 0), &q.look, &fail);
    if (!e)
        e = list_or_show(&q, which, &fail);
    gb_look_close(&q.look);
    if (!e)
        return gb_cmd_print(args, &q.out);
    gb_buf_release(&q.out);
    return gb_cmd_fail(args, &fail);
}
