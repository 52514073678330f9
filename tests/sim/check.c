/*
 * check.c - what must hold when everyone has synced: the hub's state is what
 * the oracle makes of the ledger, cell by cell; every handheld has the same
 * records; rebuilding and delivering everything again change nothing.  That
 * every operation has one end is check_ends.c.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "engine/id.h"

/* ------------------------------------------------------------ in scope -- */

/* Whether a record belongs on a handheld: the scope of the simulation's
 * schemas (people.c), once more in C. */
static bool
in_scope(const struct gb_schema *s, const struct gb_device *d,
         const struct gb_rec *r)
{
    if (r->table != &s->tables[SIM_R])
        return true;
    int area = gb_table_column(r->table, gb_span_text("area"));
    int late = gb_table_column(r->table, gb_span_text("late"));
    struct gb_value v =
        gb_cell_value(&r->table->columns[area], &r->cells[area]);
    if (v.type == GB_NULL)
        return true;
    if (v.as.s.len == 1 && !strncmp(d->attributes, "area=", 5) &&
        d->attributes[5] == (char)*v.as.s.ptr)
        return true;
    if (s->version < 3)
        return false;
    v = gb_cell_value(&r->table->columns[late], &r->cells[late]);
    return v.type == GB_INT && v.as.i > 3;
}

/* ------------------------------------------------------ hub and oracle -- */

struct comparing {
    struct oracle *o;
    struct oracle_rec *list;
    int n, at; /* the next one */
};

/* "r 7-1042 mxb" */
static _Noreturn void
differs(const struct comparing *c, const struct gb_rec *r, int column,
        const char *what)
{
    sim_broken(c->o->w, "oracle differs: %s %lld-%lld%s%s: %s", r->table->name,
               (long long)(r->id >> GB_COUNTER_BITS),
               (long long)(r->id & GB_COUNTER_MAX), column < 0 ? "" : ".",
               column < 0 ? "" : r->table->columns[column].name, what);
}

static void
compare_sibling(const struct comparing *c, const struct gb_rec *r, int column,
                const struct oracle_op *x)
{
    const struct gb_cell *cell = &r->cells[column];
    int i = 0;
    while (i < cell->n &&
           (cell->sib[i].stamp != x->stamp || cell->sib[i].device != x->device))
        i++;
    if (i == cell->n)
        differs(c, r, column, "a write is open that the hub does not show");
    const struct gb_sib *s = &cell->sib[i];
    if (!gb_value_equal(&s->value, &oracle_written(x, column)->value))
        differs(c, r, column, "a sibling's value");
    if (s->pos != (int64_t)x->pos || s->level != x->level)
        differs(c, r, column, "a sibling's position or level");
}

static void
compare_cell(const struct comparing *c, const struct oracle_rec *want,
             const struct gb_rec *r, int column)
{
    struct oracle_cell w;
    const struct gb_cell *cell = &r->cells[column];
    const struct gb_column *col = &r->table->columns[column];
    struct gb_value v = gb_cell_value(col, cell);
    int shown = gb_cell_shown(col, cell);
    oracle_cell(c->o, want, column, &w);
    if (!w.shown != !cell->n)
        differs(c, r, column,
                w.shown ? "was written, and is empty at the hub"
                        : "was never written");
    if (!gb_value_equal(&v, &w.value))
        differs(c, r, column, "another value shows");
    if (col->rule.kind == GB_RULE_SUM || !w.shown)
        return;
    if (cell->sib[shown].stamp != w.shown->stamp ||
        cell->sib[shown].device != w.shown->device)
        differs(c, r, column, "another write shows");
    if (!gb_rule_open(col->rule.kind))
        return;
    if (cell->n != w.n)
        differs(c, r, column, "another number of open siblings");
    for (int i = 0; i < w.n; i++)
        compare_sibling(c, r, column, w.open[i]);
    if (gb_cell_review(col, cell) != w.review)
        differs(c, r, column, "whether a person must look");
}

static enum gb_err
compare_record(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    struct comparing *c = context;
    const struct gb_lineage *lineage = gb_state_lineage(c->o->w->office->state);
    (void)fail;
    const struct oracle_rec *want = &c->list[c->at];
    if (c->at >= c->n || want->id != r->id)
        differs(c, r, -1, "is not what the ledger adds up to");
    c->at++;
    if (want->insert->stamp != r->stamp || (int64_t)want->insert->pos != r->pos)
        differs(c, r, -1, "the insert's stamp or position");
    for (int i = 0; i < r->table->ncolumns; i++)
        compare_cell(c, want, r, i);
    if (!want->voided != !r->nvoids)
        differs(c, r, -1, "whether it is void");
    if (want->voided &&
        (want->voided->stamp != r->voids->stamp ||
         want->voided->device != r->voids->device ||
         !gb_span_equal(want->voided->op->text, r->voids->reason)))
        differs(c, r, -1, "another void shows");
    if (want->void_review != gb_rec_void_review(r, lineage))
        differs(c, r, -1, "whether a write beneath the void was seen");
    if (want->rival != r->rival)
        differs(c, r, -1, "whether a rival holds what it claims");
    return GB_OK;
}

static void
check_hub(struct oracle *o)
{
    struct gb_state *st = o->w->office->state;
    struct comparing c = {.o = o};
    c.list = oracle_records(o, &c.n);
    if (o->n != (int)gb_state_size(st) ||
        o->version != gb_state_schema(st)->version)
        sim_broken(o->w, "oracle differs: the size of the ledger, or its "
                         "schema");
    for (int t = 0; t < gb_state_schema(st)->ntables; t++)
        SIM_MUST(o->w, gb_tables_walk(gb_state_tables(st), t, 0, compare_record,
                                      &c, &why));
    if (c.at != c.n)
        sim_broken(o->w, "oracle differs: the hub lacks %lld-%lld",
                   (long long)(c.list[c.at].id >> GB_COUNTER_BITS),
                   (long long)(c.list[c.at].id & GB_COUNTER_MAX));
}

/* --------------------------------------------------- handhelds and hub -- */

/* Whole records, positions too: those in scope, or all. */
struct summing {
    const struct gb_schema *schema;
    const struct gb_device *device; /* NULL: all */
    struct gb_buf bytes;
};

static enum gb_err
add_record(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    struct summing *s = context;
    (void)fail;
    if (s->device && !in_scope(s->schema, s->device, r))
        return GB_OK;
    gb_buf_printf(&s->bytes,
                  "\n%s %lld e %lld pos %lld level %d actor %lld "
                  "rival %d ",
                  r->table->name, (long long)r->id, (long long)r->stamp,
                  (long long)r->pos, r->level, (long long)r->actor, r->rival);
    for (int c = 0; c < r->table->ncolumns; c++) {
        struct gb_value v = gb_cell_value(&r->table->columns[c], &r->cells[c]);
        gb_buf_printf(&s->bytes, " %s=", r->table->columns[c].name);
        gb_value_print(&s->bytes, &v);
    }
    gb_buf_text(&s->bytes, " code ");
    struct gb_buf code;
    gb_buf_init(&code, GB_SET_MAX);
    gb_rec_code_write(r, &code);
    for (size_t i = 0; i < code.len; i++)
        gb_buf_printf(&s->bytes, "%02x", code.ptr[i]);
    gb_buf_release(&code);
    return GB_OK;
}

static void
sum_up(struct world *w, struct gb_tables *t, struct summing *out)
{
    gb_buf_init(&out->bytes, SIZE_MAX / 4);
    for (int i = 0; i < out->schema->ntables; i++)
        SIM_MUST(w, gb_tables_walk(t, i, 0, add_record, out, &why));
    gb_buf_u8(&out->bytes, 0);
}

/* The first line in which two texts differ. */
static int
line_of(const char *text)
{
    return (int)strcspn(text, "\n");
}

static void
check_handheld(struct handheld *h)
{
    struct gb_device d;
    struct gb_journal_info i;
    bool found;
    struct gb_state *st = h->w->office->state;
    const struct gb_schema *s = gb_state_schema(st);
    const struct gb_schema *theirs = gb_journal_schema(h->folder.journal);
    struct summing hub = {s, &d, {0}}, own = {theirs, NULL, {0}};
    SIM_MUST(h->w, gb_state_device(st, h->number, &d, &found, &why));
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    if (theirs->version != s->version || i.readonly)
        sim_broken(h->w,
                   "device differs: %d has schema %u, and %lld records "
                   "that are out of scope",
                   h->number, theirs->version, (long long)i.readonly);
    sum_up(h->w, gb_state_tables(st), &hub);
    sum_up(h->w, gb_journal_tables(h->folder.journal), &own);
    const char *a = (char *)hub.bytes.ptr, *b = (char *)own.bytes.ptr;
    while (*a && line_of(a) == line_of(b) &&
           !memcmp(a, b, (size_t)line_of(a))) {
        a += line_of(a) + (a[line_of(a)] == '\n');
        b += line_of(b) + (b[line_of(b)] == '\n');
    }
    if (*a || *b)
        sim_broken(h->w, "device differs: %d has \"%.*s\", the hub \"%.*s\"",
                   h->number, line_of(b), b, line_of(a), a);
    gb_buf_release(&hub.bytes);
    gb_buf_release(&own.bytes);
    uint8_t x[32], y[32];
    SIM_MUST(h->w, gb_state_digest_of(st, h->number, x, &why));
    SIM_MUST(h->w, gb_journal_digest(h->folder.journal, y, &why));
    if (memcmp(x, y, 32))
        sim_broken(h->w, "device differs: %d in its digest", h->number);
}

/* ----------------------------------------------------- nothing changes -- */

struct standing {
    uint8_t digest[32];
    struct gb_head head;
};

static struct standing
stand(struct world *w)
{
    struct standing s = {.head = gb_state_head(w->office->state)};
    SIM_MUST(w, gb_state_digest(w->office->state, s.digest, &why));
    return s;
}

static void
check_same(struct world *w, const struct standing *before, const char *what)
{
    struct standing now = stand(w);
    if (before->head.size != now.head.size ||
        memcmp(before->head.root, now.head.root, 32))
        sim_broken(w, "%s changes the ledger", what);
    if (memcmp(before->digest, now.digest, 32))
        sim_broken(w, "%s changes the records", what);
}

/* Every set that a handheld ever made, once more. */
static void
deliver_again(struct handheld *h)
{
    struct gb_journal_info i;
    struct gb_buf request, bundle;
    struct gb_journal *j = h->folder.journal;
    SIM_MUST(h->w, gb_journal_info(j, &i, &why));
    struct gb_buf *sets = calloc(i.seq + 1, sizeof *sets);
    if (!sets)
        abort();
    for (uint32_t k = 0; k < i.seq; k++) {
        gb_buf_init(&sets[k], 2 * GB_SET_MAX);
        SIM_MUST(h->w, gb_journal_container(j, k + 1, &sets[k], &why));
    }
    gb_buf_init(&request, 8192);
    gb_buf_init(&bundle, SIZE_MAX / 4);
    SIM_MUST(h->w,
             gb_journal_request(j, &h->keys.sign, &h->keys.receive.public_key,
                                true, &request, &why));
    sim_bundle(h->w, h->number, gb_buf_view(&request), sets, (int)i.seq,
               &bundle);
    sim_hub_import(h->w, gb_buf_view(&bundle));
    for (uint32_t k = 0; k < i.seq; k++)
        gb_buf_release(&sets[k]);
    gb_buf_release(&request);
    gb_buf_release(&bundle);
    free(sets);
}

void
sim_check(struct world *w)
{
    struct oracle o;
    w->step++;
    oracle_make(&o, w);
    check_hub(&o);
    check_ends(&o);
    for (int i = 0; i < w->n; i++)
        check_handheld(&w->h[i]);
    struct standing before = stand(w);
    for (int i = 0; i < w->n; i++)
        deliver_again(&w->h[i]);
    check_same(w, &before, "delivering everything again");
    sim_hub_rebuild(w);
    check_same(w, &before, "rebuild");
    oracle_free(&o);
}
