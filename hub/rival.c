/* rival.c - see rival.h */
#include "hub/rival.h"

#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/term.h"
#include "hub/past.h"

enum gb_err
gb_rival_find(struct gb_state *st, int table, const struct gb_rec *rec,
              struct gb_lost_claim *out, struct gb_fail *fail)
{
    int64_t holder;
    bool found = false;
    *out = (struct gb_lost_claim){.rec = rec};
    enum gb_err e = gb_state_holder(st, table, rec, &holder, fail);
    if (!e && holder != rec->id)
        e = gb_tables_load(gb_state_tables(st), table, holder, rec->arena,
                           &out->holder, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_STATE,
                        "nobody holds what a record of %s has lost: "
                        "`gengbu-hub rebuild` makes hub.db anew",
                        rec->table->name);
    return e;
}

/* The columns of the claim; `open`: those that may be changed. */
static int
columns(const struct gb_table *t, bool open, const char *between,
        struct gb_buf *out)
{
    int n = 0;
    for (int i = 0; i < t->rival.ncolumns; i++) {
        const struct gb_column *c = &t->columns[t->rival.columns[i]];
        if (open && c->rule.kind == GB_RULE_FACT)
            continue;
        gb_buf_printf(out, "%s%s", n++ ? between : "", c->name);
    }
    return n;
}

/* The condition without the blanks before it, or NULL. */
static const char *
where(const struct gb_table *t)
{
    return t->rival.where ? t->rival.where + strspn(t->rival.where, " \t\r\n")
                          : NULL;
}

void
gb_rival_claims(const struct gb_lost_claim *c, struct gb_buf *out)
{
    gb_buf_text(out, "both claim ");
    columns(c->rec->table, false, ", ", out);
}

/* "  1  appointment:1-15  TIME  device 1  NAME" */
static void
print_side(struct gb_state *st, int n, const struct gb_rec *r, int width,
           struct gb_buf *out)
{
    char id[GB_ID_TEXT], who[GB_PAST_ACTOR], when[GB_TERM_SIZE];
    gb_id_print(id, r->id);
    gb_buf_printf(out, "  %d  %s:%-*s  %s  device %d  ", n, r->table->name,
                  width, id, gb_term_time(when, gb_stamp_ms(r->stamp)),
                  gb_id_device(r->id));
    gb_term_clean(out, gb_span_text(gb_past_actor(st, r->actor, who)));
}

void
gb_rival_print(struct gb_state *st, const struct gb_lost_claim *c,
               struct gb_buf *out)
{
    char a[GB_ID_TEXT], b[GB_ID_TEXT];
    gb_id_print(a, c->holder.id);
    gb_id_print(b, c->rec->id);
    size_t width = strlen(strlen(a) > strlen(b) ? a : b);
    print_side(st, 1, &c->holder, (int)width, out);
    gb_buf_text(out, "  (holds)\n");
    print_side(st, 2, c->rec, (int)width, out);
    gb_buf_text(out, "\n");
}

void
gb_rival_remedy(const struct gb_lost_claim *c, struct gb_buf *out)
{
    const struct gb_table *t = c->rec->table;
    struct gb_buf open;
    gb_buf_init(&open, GB_TEXT_MAX);
    gb_buf_text(out, "on a handheld: `gengbu void` one of the two");
    if (columns(t, true, " or ", &open))
        gb_buf_printf(out, ", or `gengbu set` another %.*s", (int)open.len,
                      (const char *)open.ptr);
    gb_buf_release(&open);
    if (!t->rival.where)
        return;
    gb_buf_text(out, ", or `gengbu set` it so that it is not ");
    gb_term_clean(out, gb_span_text(where(t)));
}

static void
write_side(struct gb_state *st, const char *name, const struct gb_rec *r,
           struct gb_json_writer *w)
{
    char who[GB_PAST_ACTOR];
    gb_json_key(w, name);
    gb_json_begin_object(w);
    gb_json_pair_int(w, "id", r->id);
    gb_json_pair_int(w, "device", gb_id_device(r->id));
    gb_json_pair_int(w, "stamp", r->stamp);
    gb_json_pair_int(w, "time_ms", gb_stamp_ms(r->stamp));
    gb_json_pair_int(w, "actor", r->actor);
    gb_json_pair_text(w, "actor_name", gb_past_actor(st, r->actor, who));
    gb_json_end_object(w);
}

void
gb_rival_json(struct gb_state *st, const struct gb_lost_claim *c,
              struct gb_json_writer *w)
{
    const struct gb_table *t = c->rec->table;
    struct gb_buf remedy;
    gb_buf_init(&remedy, GB_SCHEMA_MAX);
    gb_rival_remedy(c, &remedy);
    gb_json_key(w, "claim");
    gb_json_begin_object(w);
    gb_json_key(w, "columns");
    gb_json_begin_array(w);
    for (int i = 0; i < t->rival.ncolumns; i++)
        gb_json_put_text(w, t->columns[t->rival.columns[i]].name);
    gb_json_end_array(w);
    gb_json_pair_text(w, "where", where(t));
    write_side(st, "holder", &c->holder, w);
    write_side(st, "claimant", c->rec, w);
    gb_json_pair_span(w, "remedy", gb_buf_view(&remedy));
    gb_json_end_object(w);
    w->out->failed |= remedy.failed;
    gb_buf_release(&remedy);
}
