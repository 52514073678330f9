/* cmd_conflicts.c - `gengbu-hub conflicts`: what people edited at once */
#include <stdio.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/json.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/conflict.h"
#include "hub/field.h"
#include "hub/past.h"

struct listing {
    struct gb_look look;
    struct gb_past past;
    struct gb_buf out;
    struct gb_json_writer json;
    bool is_json, review_now;
    unsigned review, decided;
};

static const char *const kinds[] = {"cell", "void", "rival"};

/* Who made this write, of what the ledger says. */
static enum gb_err
actor_of(struct listing *l, int device, int64_t stamp, int64_t *actor,
         struct gb_fail *fail)
{
    const struct gb_past_set *set;
    const struct gb_op *op;
    enum gb_err e = gb_past_find(&l->past, device, stamp, &set, &op, fail);
    *actor = op ? op->actor : -1;
    return e;
}

/* ---------------------------------------------------------------- text -- */

/* The value of a write; returns how wide it is. */
static size_t
print_value(struct gb_buf *out, const struct gb_conflict *c, int i)
{
    char text[GB_FIELD_TEXT];
    size_t start = out->len;
    gb_term_clean(
        out, gb_span_text(gb_field_shown(
                 text, &c->rec->table->columns[c->column], &c->sibs[i].value)));
    return gb_utf8_width(GB_SPAN(out->ptr + start, out->len - start));
}

/* The width of the widest; it is tried out behind what is printed. */
static size_t
widest(struct gb_buf *out, const struct gb_conflict *c)
{
    size_t width = 0, end = out->len;
    for (int i = 0; i < c->n; i++) {
        size_t w = print_value(out, c, i);
        width = w > width ? w : width;
        out->len = end;
    }
    return width;
}

/* "  TIME  device 1  NAME" */
static enum gb_err
print_who(struct listing *l, int device, int64_t stamp, struct gb_fail *fail)
{
    char who[GB_PAST_ACTOR] = "?", when[GB_TERM_SIZE];
    int64_t actor;
    enum gb_err e = actor_of(l, device, stamp, &actor, fail);
    if (actor >= 0)
        gb_past_actor(l->look.state, actor, who);
    gb_buf_printf(&l->out, "  %s  device %d  ",
                  gb_term_time(when, gb_stamp_ms(stamp)), device);
    gb_term_clean(&l->out, gb_span_text(who));
    return e;
}

static enum gb_err
print_sib(struct listing *l, const struct gb_conflict *c, int i, size_t width,
          struct gb_fail *fail)
{
    const struct gb_sib *s = &c->sibs[i];
    gb_buf_printf(&l->out, "  %d  ", i + 1);
    size_t has = print_value(&l->out, c, i);
    gb_buf_printf(&l->out, "%*s", (int)(width - has), "");
    enum gb_err e = print_who(l, s->device, s->stamp, fail);
    gb_buf_text(&l->out, i == c->shown ? "  (shows)\n" : "\n");
    return e;
}

/* A record whose claim another holds. */
static void
print_rival(struct listing *l, const struct gb_conflict *c)
{
    gb_buf_text(&l->out, "  NEEDS A PERSON; ");
    gb_rival_claims(&c->lost, &l->out);
    gb_buf_text(&l->out, "\n");
    gb_rival_print(l->look.state, &c->lost, &l->out);
    gb_buf_text(&l->out, "  ");
    gb_rival_remedy(&c->lost, &l->out);
    gb_buf_text(&l->out, "\n");
}

/* A record beneath its void. */
static enum gb_err
print_void(struct listing *l, const struct gb_conflict *c, const char *id,
           struct gb_fail *fail)
{
    char reason[GB_FIELD_TEXT];
    const struct gb_void *first = c->rec->voids;
    const char *table = c->rec->table->name;
    struct gb_value v = gb_value_text(first->reason);
    gb_buf_text(&l->out, "  NEEDS A PERSON; written by somebody who had not "
                         "seen the void\n  void (");
    gb_term_clean(&l->out, gb_span_text(gb_field_text(reason, &v)));
    gb_buf_text(&l->out, ")");
    enum gb_err e = print_who(l, first->device, first->stamp, fail);
    gb_buf_printf(&l->out,
                  "\n  `gengbu-hub explain HUB %s %s` shows what was written; "
                  "when it is seen:\n  `gengbu-hub resolve HUB %s:%s --actor "
                  "STAFF --reason TEXT`\n",
                  table, id, table, id);
    return e;
}

static enum gb_err
print_conflict(struct listing *l, const struct gb_conflict *c,
               struct gb_fail *fail)
{
    char id[GB_ID_TEXT];
    size_t width = widest(&l->out, c);
    const struct gb_table *t = c->rec->table;
    const struct gb_column *col = c->column < 0 ? NULL : &t->columns[c->column];
    enum gb_err e = GB_OK;
    gb_id_print(id, c->rec->id);
    gb_buf_printf(&l->out, "%s:%s", t->name, id);
    if (col)
        gb_buf_printf(&l->out, ":%s  %s; rule %.*s; expect %s\n", col->name,
                      c->review ? "NEEDS A PERSON" : "decided by its rule",
                      (int)strcspn(col->rule.text, " "), col->rule.text,
                      c->token);
    else if (c->kind == GB_CONFLICT_RIVAL)
        print_rival(l, c);
    else
        e = print_void(l, c, id, fail);
    for (int i = 0; i < c->n && !e; i++)
        e = print_sib(l, c, i, width, fail);
    return e;
}

/* ---------------------------------------------------------------- JSON -- */

static enum gb_err
write_sib(struct listing *l, const struct gb_conflict *c, int i,
          struct gb_fail *fail)
{
    const struct gb_sib *s = &c->sibs[i];
    struct gb_json_writer *w = &l->json;
    char who[GB_PAST_ACTOR];
    int64_t actor;
    enum gb_err e = actor_of(l, s->device, s->stamp, &actor, fail);
    gb_json_begin_object(w);
    gb_json_pair_int(w, "n", i + 1);
    gb_json_key(w, "value");
    gb_json_put_value(w, &s->value);
    gb_json_pair_int(w, "device", s->device);
    gb_json_pair_int(w, "stamp", s->stamp);
    gb_json_pair_int(w, "time_ms", gb_stamp_ms(s->stamp));
    gb_json_pair_int(w, "level", s->level);
    if (actor >= 0) {
        gb_json_pair_int(w, "actor", actor);
        gb_json_pair_text(w, "actor_name",
                          gb_past_actor(l->look.state, actor, who));
    }
    gb_json_pair_bool(w, "shows", i == c->shown);
    gb_json_end_object(w);
    return e;
}

static enum gb_err
write_conflict(struct listing *l, const struct gb_conflict *c,
               struct gb_fail *fail)
{
    struct gb_json_writer *w = &l->json;
    const struct gb_table *t = c->rec->table;
    enum gb_err e = GB_OK;
    gb_json_begin_object(w);
    gb_json_pair_text(w, "kind", kinds[c->kind]);
    gb_json_pair_text(w, "table", t->name);
    gb_json_pair_int(w, "id", c->rec->id);
    gb_json_pair_bool(w, "review", c->review);
    if (c->kind == GB_CONFLICT_VOID)
        gb_json_pair_span(w, "reason", c->rec->voids->reason);
    if (c->kind == GB_CONFLICT_RIVAL)
        gb_rival_json(l->look.state, &c->lost, w);
    if (c->kind == GB_CONFLICT_CELL) {
        gb_json_pair_text(w, "column", t->columns[c->column].name);
        gb_json_pair_text(w, "rule", t->columns[c->column].rule.text);
        gb_json_pair_text(w, "expect", c->token);
        gb_json_key(w, "siblings");
        gb_json_begin_array(w);
        for (int i = 0; i < c->n && !e; i++)
            e = write_sib(l, c, i, fail);
        gb_json_end_array(w);
    }
    gb_json_end_object(w);
    return e;
}

/* ------------------------------------------------------------- command -- */

static enum gb_err
take(void *context, const struct gb_conflict *c, struct gb_fail *fail)
{
    struct listing *l = context;
    if (c->review != l->review_now)
        return GB_OK;
    l->review += c->review;
    l->decided += !c->review;
    return l->is_json ? write_conflict(l, c, fail) : print_conflict(l, c, fail);
}

int
gb_cmd_conflicts(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct listing l = {.is_json = gb_args_flag(args, "json")};
    gb_buf_init(&l.out, (size_t)256 << 20);
    l.json = gb_json_writer(&l.out, true);
    enum gb_err e = gb_look_open(gb_args_word(args, 0), &l.look, &fail);
    if (!e)
        e = gb_past_open(&l.look, &l.past, &fail);
    if (l.is_json)
        gb_json_begin_array(&l.json);
    for (int pass = 0; pass < 2 && !e; pass++) {
        l.review_now = pass == 0; /* what needs a person comes first */
        e = gb_conflict_walk(l.look.state, take, &l, &fail);
    }
    if (l.is_json) {
        gb_json_end_array(&l.json);
        gb_buf_text(&l.out, "\n");
    } else {
        gb_buf_printf(&l.out, "%u need a person, %u decided by their rule\n",
                      l.review, l.decided);
    }
    gb_past_close(&l.past);
    gb_look_close(&l.look);
    if (!e)
        return gb_cmd_print(args, &l.out);
    gb_buf_release(&l.out);
    return gb_cmd_fail(args, &fail);
}
