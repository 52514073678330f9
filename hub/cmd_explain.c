/* cmd_explain.c - `gengbu-hub explain`: each write of a record or cell */
#include <stdio.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/json.h"
#include "engine/near.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/explain.h"
#include "hub/field.h"
#include "hub/ledger_text.h"
#include "hub/rival.h"

/* What is asked for, and where the answer goes. */
struct asking {
    struct gb_look look;
    struct gb_past past;
    const struct gb_table *table;
    int number, column;
    int64_t id;
    struct gb_explained x;
    struct gb_lost_claim lost; /* rec NULL: nothing is */
    struct gb_buf out;
};

static const char *
kind_name(enum gb_kind k)
{
    static const char *const names[] = {"", "insert", "set", "void", "resolve"};
    return names[k];
}

/* What there is of a personal value. */
static const char *
personal_state(const struct asking *a, const struct gb_write *w)
{
    return !w->hidden ? "here" : a->past.personal ? "erased" : "missing";
}

/* The file of the set in the ledger. */
static const char *
set_file(char out[GB_LEDGER_NAME_MAX], const struct gb_write *w)
{
    struct gb_ledger_name name = {.kind = GB_LEDGER_SET,
                                  .position = w->pos,
                                  .device = w->device,
                                  .seq = w->seq};
    gb_ledger_name_write(out, &name, w->received_ms / 1000);
    return out;
}

/* ---------------------------------------------------------------- text -- */

static void
print_value(struct gb_buf *b, const struct gb_column *c,
            const struct gb_value *v)
{
    char text[GB_FIELD_TEXT];
    gb_term_clean(b, gb_span_text(gb_field_shown(text, c, v)));
}

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
        if (gb_explained_cell(&a->x, w->column).open > 1)
            gb_buf_printf(b, " by rule %s", text);
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
        gb_buf_printf(b, ", by %d", gb_explained_number(&a->x, w->by));
}

/* Who, with which authority, where and when. */
static void
print_writer(struct asking *a, const struct gb_write *w)
{
    char who[GB_PAST_ACTOR], when[GB_TERM_SIZE];
    struct gb_buf *b = &a->out;
    int64_t ms = w->stamp ? gb_stamp_ms(w->stamp) : w->time_ms;
    int64_t off = ms - w->time_ms;
    gb_term_clean(b, gb_span_text(gb_past_actor(a->look.state, w->actor, who)));
    gb_buf_printf(b, ", level %d, device %d, %s", w->level, w->device,
                  gb_term_time(when, ms));
    if (off >= 1000 || off <= -1000)
        gb_buf_printf(b, " (its clock said %s)",
                      gb_term_time(when, w->time_ms));
}

static void
print_write(struct asking *a, int i)
{
    const struct gb_write *w = &a->x.writes[i];
    struct gb_buf *b = &a->out;
    char sha[65];
    gb_hex_encode(sha, w->sha256, 32);
    gb_buf_printf(b, "  %d  ", gb_explained_number(&a->x, i));
    if (w->column < 0)
        gb_buf_text(b, kind_name(w->kind));
    else if (w->hidden)
        gb_buf_text(b, a->past.personal
                           ? "(personal, erased)"
                           : "(personal, and personal.db is missing)");
    else
        print_value(b, &a->table->columns[w->column], &w->value);
    if (w->kind >= GB_VOID) {
        char text[GB_FIELD_TEXT];
        struct gb_value reason = gb_value_text(w->text);
        gb_buf_text(b, ", because ");
        gb_term_clean(b, gb_span_text(gb_field_text(text, &reason)));
    }
    gb_buf_printf(b,
                  "\n     %s, operation %d of set %d-%u (entry %llu, sha256 "
                  "%s)\n     ",
                  kind_name(w->kind), w->index + 1, w->device, w->seq,
                  (unsigned long long)w->pos, sha);
    if (w->released)
        gb_buf_printf(b, "waited, and was released by entry %llu\n     ",
                      (unsigned long long)w->released);
    print_writer(a, w);
    gb_buf_text(b, "\n     ");
    print_fate(a, w);
    gb_buf_text(b, "\n");
}

/* How a cell stands, and nothing of its neighbours. */
static void
print_cell_state(struct asking *a, int column)
{
    const struct gb_explained_cell cell = gb_explained_cell(&a->x, column);
    const struct gb_column *c = &a->table->columns[column];
    struct gb_buf *b = &a->out;
    char rule[GB_FIELD_RULE];
    gb_buf_printf(b, " %s", c->name);
    if (cell.open) {
        gb_buf_text(b, " = ");
        print_value(b, c, &cell.is);
    }
    gb_buf_printf(b, "; rule %s; ", gb_field_rule(rule, &c->rule));
    if (cell.writes)
        gb_buf_printf(b, "%d write%s", cell.writes,
                      cell.writes == 1 ? "" : "s");
    else
        gb_buf_text(b, "nobody ever wrote it");
    if (cell.open > 1)
        gb_buf_printf(b, ", %d open", cell.open);
    if (cell.review)
        gb_buf_text(b, "; NEEDS A PERSON");
    else if (cell.conflict)
        gb_buf_text(b, "; decided by its rule");
}

/* The record as a whole: void, or without what it claims. */
static void
print_record_state(struct asking *a)
{
    const struct gb_rec *r = &a->x.rec;
    struct gb_buf *b = &a->out;
    if (!a->x.found)
        return;
    if (r->nvoids)
        gb_buf_text(b, "; void");
    if (r->nvoids && gb_rec_void_review(r, gb_state_lineage(a->look.state)))
        gb_buf_text(b, "; NEEDS A PERSON: written by somebody who had not seen "
                       "it");
    if (a->lost.rec) {
        gb_buf_text(b, "; NEEDS A PERSON; ");
        gb_rival_claims(&a->lost, b);
        gb_buf_text(b, "\n");
        gb_rival_print(a->look.state, &a->lost, b);
        gb_buf_text(b, "  ");
        gb_rival_remedy(&a->lost, b);
    }
}

/* The writes of one column, or of the record itself (-1), under how it
 * stands. */
static void
print_group(struct asking *a, int column)
{
    char id[GB_ID_TEXT];
    bool any = column >= 0 ? column == a->column
                           : a->x.found && (a->x.rec.rival || a->x.rec.nvoids);
    if (!any && !gb_explained_cell(&a->x, column).writes)
        return;
    gb_id_print(id, a->id);
    gb_buf_printf(&a->out, "%s %s", a->table->name, id);
    if (column < 0)
        print_record_state(a);
    else
        print_cell_state(a, column);
    gb_buf_text(&a->out, "\n");
    for (int i = 0; i < a->x.n; i++)
        if (a->x.writes[i].column == column)
            print_write(a, i);
}

static void
print_all(struct asking *a)
{
    char id[GB_ID_TEXT];
    gb_id_print(id, a->id);
    if (!a->x.found)
        gb_buf_printf(&a->out, "%s %s: none of its writes took effect\n",
                      a->table->name, id);
    for (int c = -1; c < a->table->ncolumns; c++)
        print_group(a, c);
}

/* ---------------------------------------------------------------- JSON -- */

static void
write_one(struct asking *a, struct gb_json_writer *j, const struct gb_write *w)
{
    char who[GB_PAST_ACTOR], sha[65], file[GB_LEDGER_NAME_MAX];
    gb_json_begin_object(j);
    if (w->column >= 0) {
        const struct gb_column *c = &a->table->columns[w->column];
        gb_json_pair_text(j, "column", c->name);
        gb_json_pair_text(j, "rule", c->rule.text);
        gb_json_key(j, "value");
        gb_json_put_value(j, &w->value);
        if (c->personal)
            gb_json_pair_text(j, "personal", personal_state(a, w));
    }
    gb_json_pair_text(j, "kind", kind_name(w->kind));
    if (w->text.len)
        gb_json_pair_span(j, w->kind == GB_INSERT ? "ref" : "reason", w->text);
    gb_hex_encode(sha, w->sha256, 32);
    gb_json_pair_int(j, "position", (int64_t)w->pos);
    if (w->released)
        gb_json_pair_int(j, "released", (int64_t)w->released);
    gb_json_pair_int(j, "device", w->device);
    gb_json_pair_int(j, "seq", w->seq);
    gb_json_pair_int(j, "index", w->index);
    gb_json_pair_text(j, "sha256", sha);
    gb_json_pair_text(j, "file", set_file(file, w));
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
write_cell(struct asking *a, struct gb_json_writer *j, int column)
{
    const struct gb_explained_cell cell = gb_explained_cell(&a->x, column);
    const struct gb_column *c = &a->table->columns[column];
    if (!cell.writes && column != a->column)
        return;
    gb_json_begin_object(j);
    gb_json_pair_text(j, "column", c->name);
    gb_json_pair_text(j, "rule", c->rule.text);
    gb_json_key(j, "value");
    gb_json_put_value(j, &cell.is);
    gb_json_pair_int(j, "writes", cell.writes);
    gb_json_pair_int(j, "open", cell.open);
    gb_json_pair_bool(j, "conflict", cell.conflict);
    gb_json_pair_bool(j, "review", cell.review);
    gb_json_end_object(j);
}

static void
write_all(struct asking *a)
{
    const struct gb_rec *r = a->x.found ? &a->x.rec : NULL;
    const struct gb_lineage *l = gb_state_lineage(a->look.state);
    struct gb_json_writer j = gb_json_writer(&a->out, true);
    gb_json_begin_object(&j);
    gb_json_pair_text(&j, "table", a->table->name);
    gb_json_pair_int(&j, "id", a->id);
    gb_json_pair_bool(&j, "found", a->x.found);
    gb_json_pair_bool(&j, "void", r && r->nvoids);
    gb_json_pair_bool(&j, "written_unaware_of_void",
                      r && gb_rec_void_review(r, l));
    gb_json_pair_bool(&j, "rival_holds_claim", r && r->rival);
    if (a->lost.rec)
        gb_rival_json(a->look.state, &a->lost, &j);
    gb_json_key(&j, "cells");
    gb_json_begin_array(&j);
    for (int c = 0; c < a->table->ncolumns; c++)
        write_cell(a, &j, c);
    gb_json_end_array(&j);
    gb_json_key(&j, "writes");
    gb_json_begin_array(&j);
    for (int i = 0; i < a->x.n; i++)
        write_one(a, &j, &a->x.writes[i]);
    gb_json_end_array(&j);
    gb_json_end_object(&j);
    gb_buf_text(&a->out, "\n");
}

/* ------------------------------------------------------------- command -- */

/* TABLE ID [COLUMN]; a record may be one that only quarantined operations
 * name. */
static enum gb_err
find(struct asking *a, const struct gb_args *args, struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(a->look.state);
    const char *table = gb_args_word(args, 1), *id = gb_args_word(args, 2);
    const char *column = gb_args_word(args, 3);
    enum gb_err e = gb_near_table(s, gb_span_text(table), &a->number, fail);
    if (e)
        return e;
    a->table = &s->tables[a->number];
    a->column = -1;
    if (column)
        e = gb_near_column(a->table, gb_span_text(column), &a->column, fail);
    if (e)
        return e;
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
    const struct gb_rec *r = &a->x.rec;
    if (!e && a->x.found && r->rival && !r->nvoids)
        e = gb_rival_find(a->look.state, a->number, r, &a->lost, fail);
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
