/* cmd_explain.c - `gengbu-hub explain`: each write of a record or cell */
#include <stdio.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/json.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/explain.h"
#include "hub/field.h"

/* What is asked for, and where the answer goes. */
struct asking {
    struct gb_look look;
    struct gb_past past;
    const struct gb_table *table;
    int number, column;
    int64_t id;
    struct gb_explained x;
    struct gb_buf out;
};

static const char *
kind_name(enum gb_kind k)
{
    static const char *const names[] = {"", "insert", "set", "void", "resolve"};
    return names[k];
}

/* ------------------------------------------------------------------ text -- */

/* Why it shows or not. */
static void
print_fate(struct asking *a, const struct gb_write *w)
{
    struct gb_buf *b = &a->out;
    char rule[GB_FIELD_RULE];
    const struct gb_column *c =
        w->column < 0 ? NULL : &a->table->columns[w->column];
    const char *text = c ? gb_field_rule(rule, &c->rule) : "first";
    switch (w->fate) {
    case GB_FATE_SHOWS:
        gb_buf_text(b, c ? "shows" : "took effect");
        break;
    case GB_FATE_OPEN:
        gb_buf_printf(b, "open, behind another by rule %s", text);
        break;
    case GB_FATE_OVERWRITTEN:
        gb_buf_text(b, "overwritten");
        break;
    case GB_FATE_SUPERSEDED:
        gb_buf_printf(b, "superseded by rule %s", text);
        break;
    case GB_FATE_COUNTS:
        gb_buf_text(b, "part of the sum");
        break;
    case GB_FATE_FORK:
        gb_buf_text(b, "fork: a second chain of this number, kept as evidence");
        break;
    default:
        gb_buf_printf(b, "quarantined %s: %s", gb_code_name(w->code),
                      gb_code_text(w->code));
    }
    if (w->by >= 0)
        gb_buf_printf(b, ", by %d", w->by + 1);
}

static void
print_write(struct asking *a, int i)
{
    const struct gb_write *w = &a->x.writes[i];
    char who[GB_PAST_ACTOR], when[GB_TERM_SIZE], value[GB_FIELD_TEXT];
    struct gb_buf *b = &a->out;
    gb_buf_printf(b, "%3d  ", i + 1);
    if (w->column >= 0) {
        gb_buf_printf(b, "%s = ", a->table->columns[w->column].name);
        gb_term_clean(b, gb_span_text(w->hidden
                                          ? "(personal, erased)"
                                          : gb_field_text(value, &w->value)));
    } else {
        gb_buf_text(b, kind_name(w->kind));
    }
    if (w->kind >= GB_VOID) {
        struct gb_value reason = gb_value_text(w->text);
        gb_buf_text(b, ", because ");
        gb_term_clean(b, gb_span_text(gb_field_text(value, &reason)));
    }
    gb_buf_text(b, "\n     ");
    gb_term_clean(b, gb_span_text(gb_past_actor(a->look.state, w->actor, who)));
    gb_buf_printf(b, ", device %d, %s", w->device,
                  w->stamp ? gb_term_time(when, gb_stamp_ms(w->stamp))
                           : gb_term_time(when, w->time_ms));
    gb_buf_printf(b, "; %s, entry %llu, set %d-%u\n     ", kind_name(w->kind),
                  (unsigned long long)w->pos, w->device, w->seq);
    print_fate(a, w);
    gb_buf_text(b, "\n");
}

static void
print_all(struct asking *a)
{
    char id[GB_ID_TEXT], rule[GB_FIELD_RULE];
    gb_id_print(id, a->id);
    gb_buf_printf(&a->out, "%s %s", a->table->name, id);
    if (a->column >= 0) {
        const struct gb_column *c = &a->table->columns[a->column];
        gb_buf_printf(&a->out, " %s, rule %s", c->name,
                      gb_field_rule(rule, &c->rule));
    }
    gb_buf_printf(&a->out, ": %d writes%s%s\n", a->x.n,
                  a->x.review ? ", NEEDS A PERSON" : "",
                  a->x.found ? "" : ", none of which took effect");
    for (int i = 0; i < a->x.n; i++)
        print_write(a, i);
}

/* ------------------------------------------------------------------ JSON -- */

static void
write_one(struct asking *a, struct gb_json_writer *j, const struct gb_write *w)
{
    char who[GB_PAST_ACTOR], sha[65];
    gb_json_begin_object(j);
    if (w->column >= 0) {
        const struct gb_column *c = &a->table->columns[w->column];
        gb_json_pair_text(j, "column", c->name);
        gb_json_pair_text(j, "rule", c->rule.text);
        gb_json_key(j, "value");
        gb_json_put_value(j, &w->value);
        if (w->hidden)
            gb_json_pair_bool(j, "erased", true);
    }
    gb_json_pair_text(j, "kind", kind_name(w->kind));
    if (w->text.len)
        gb_json_pair_span(j, w->kind == GB_INSERT ? "ref" : "reason", w->text);
    gb_hex_encode(sha, w->sha256, 32);
    gb_json_pair_int(j, "position", (int64_t)w->pos);
    gb_json_pair_int(j, "device", w->device);
    gb_json_pair_int(j, "seq", w->seq);
    gb_json_pair_int(j, "index", w->index);
    gb_json_pair_text(j, "sha256", sha);
    gb_json_pair_int(j, "actor", w->actor);
    gb_json_pair_text(j, "actor_name",
                      gb_past_actor(a->look.state, w->actor, who));
    gb_json_pair_int(j, "level", w->level);
    gb_json_pair_int(j, "device_time_ms", w->time_ms);
    if (w->stamp) {
        gb_json_pair_int(j, "stamp", w->stamp);
        gb_json_pair_int(j, "time_ms", gb_stamp_ms(w->stamp));
    }
    gb_json_pair_text(j, "fate", gb_fate_name(w->fate));
    if (w->fate == GB_FATE_QUARANTINED)
        gb_json_pair_text(j, "code", gb_code_name(w->code));
    if (w->by >= 0)
        gb_json_pair_int(j, "by", w->by);
    gb_json_end_object(j);
}

static void
write_all(struct asking *a)
{
    struct gb_json_writer j = gb_json_writer(&a->out, true);
    gb_json_begin_object(&j);
    gb_json_pair_text(&j, "table", a->table->name);
    gb_json_pair_int(&j, "id", a->id);
    gb_json_pair_bool(&j, "found", a->x.found);
    gb_json_pair_bool(&j, "review", a->x.review);
    gb_json_key(&j, "writes");
    gb_json_begin_array(&j);
    for (int i = 0; i < a->x.n; i++)
        write_one(a, &j, &a->x.writes[i]);
    gb_json_end_array(&j);
    gb_json_end_object(&j);
    gb_buf_text(&a->out, "\n");
}

/* --------------------------------------------------------------- command -- */

/* TABLE ID [COLUMN]; a record may be one that only quarantined operations
 * name. */
static enum gb_err
find(struct asking *a, const struct gb_args *args, struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(a->look.state);
    const char *table = gb_args_word(args, 1), *id = gb_args_word(args, 2);
    const char *column = gb_args_word(args, 3);
    a->number = gb_schema_table(s, gb_span_text(table));
    if (a->number < 0)
        return gb_fail_set(fail, GB_E_UNKNOWN, "the schema has no table '%s'",
                           table);
    a->table = &s->tables[a->number];
    a->column = column ? gb_table_column(a->table, gb_span_text(column)) : -1;
    if (column && a->column < 0)
        return gb_fail_set(fail, GB_E_UNKNOWN, "%s has no column '%s'", table,
                           column);
    if (id[0] != '@' && gb_id_parse(gb_span_text(id), &a->id))
        return GB_OK;
    return gb_field_record(a->look.state, a->number, gb_span_text(id), &a->id,
                           fail);
}

static enum gb_err
explain(struct asking *a, const struct gb_args *args, struct gb_fail *fail)
{
    enum gb_err e = find(a, args, fail);
    if (!e)
        e = gb_past_open(&a->look, &a->past, fail);
    if (!e)
        e = gb_explain(&a->past, a->number, a->id, a->column, &a->x, fail);
    if (!e && !a->x.n && !a->x.found)
        e = gb_fail_set(fail, GB_E_MISSING, "nobody ever wrote %s %s",
                        a->table->name, gb_args_word(args, 2));
    if (!e && a->x.found && !a->x.agrees)
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "the ledger gives another record than hub.db has: "
                        "`gengbu-hub rebuild` makes it anew");
    return e;
}

int
gb_cmd_explain(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct asking a = {0};
    gb_buf_init(&a.out, (size_t)64 << 20);
    enum gb_err e = gb_look_open(gb_args_word(args, 0), &a.look, &fail);
    if (!e)
        e = explain(&a, args, &fail);
    if (!e && gb_args_flag(args, "json"))
        write_all(&a);
    else if (!e)
        print_all(&a);
    gb_explained_release(&a.x);
    gb_past_close(&a.past);
    gb_look_close(&a.look);
    if (!e)
        return gb_cmd_print(args, &a.out);
    gb_buf_release(&a.out);
    return gb_cmd_fail(args, &fail);
}
