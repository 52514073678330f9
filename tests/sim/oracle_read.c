/* oracle_read.c - the ledger as lines and sets; see oracle.h */
#include <stdlib.h>
#include <string.h>

#include "hub/ledger_text.h"
#include "oracle.h"

struct reading {
    struct oracle *o;
    struct gb_span lines;      /* of the commit's batch */
    struct gb_span sets[4096]; /* by position - first */
    uint64_t first;
};

static struct gb_span
keep(struct oracle *o, struct gb_span bytes)
{
    struct gb_span copy = gb_arena_copy(&o->arena, bytes);
    if (!copy.ptr)
        abort();
    return copy;
}

static enum gb_err
take_file(void *context, const struct gb_ledger_change *c, struct gb_fail *fail)
{
    struct reading *r = context;
    struct gb_ledger_name name;
    (void)fail;
    if (!gb_ledger_name_read(&name, c->path))
        return GB_OK;
    if (name.kind == GB_LEDGER_BATCH)
        r->lines = keep(r->o, c->bytes);
    if (name.kind == GB_LEDGER_SET && name.position - r->first < 4096)
        r->sets[name.position - r->first] = keep(r->o, c->bytes);
    return GB_OK;
}

/* The lines of one commit, each with its set. */
static void
take_lines(struct reading *r)
{
    struct oracle *o = r->o;
    struct gb_span rest = r->lines;
    while (rest.len) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t n = (size_t)(end - rest.ptr) + 1;
        o->lines = sim_grow(o->lines, o->n, &o->room, sizeof *o->lines);
        struct oracle_line *l = &o->lines[o->n++];
        *l = (struct oracle_line){.text = GB_SPAN(rest.ptr, n)};
        SIM_MUST(o->w, gb_line_read(l->text, &o->arena, &l->said, &why));
        l->bytes = r->sets[l->said.pos - r->first];
        SIM_MUST(o->w, gb_set_info(l->bytes, &l->info, &why));
        rest = GB_SPAN(rest.ptr + n, rest.len - n);
    }
}

void
oracle_read(struct oracle *o)
{
    struct gb_ledger *ledger = o->w->office->ledger;
    struct gb_ledger_log log = {0};
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->o = o;
    SIM_MUST(o->w, gb_ledger_log(ledger, NULL, &log, &why));
    for (size_t i = 0; i < log.count; i++) {
        memset(r->sets, 0, sizeof r->sets);
        r->first = (uint64_t)o->n + 1;
        SIM_MUST(o->w, gb_ledger_changes(ledger, &log.commits[i], take_file, r,
                                         &why));
        take_lines(r);
    }
    gb_ledger_log_release(&log);
    free(r);
}

const struct gb_schema *
oracle_schema(const struct oracle *o, uint32_t version)
{
    return version <= o->version
               ? gb_state_schema_of(o->w->office->state, version)
               : NULL;
}

/* What was hidden, out of what the steward had typed. */
static void
reveal(struct oracle *o, struct oracle_line *l)
{
    struct world *w = o->w;
    int i = 0;
    while (i < w->nsealed && memcmp(w->sealed[i].sha, l->said.sha256, 32))
        i++;
    for (int k = 0; i < w->nsealed && k < l->set.nops; k++) {
        struct gb_op *op = &l->set.ops[k];
        const struct sim_write *told = &w->writes[w->sealed[i].writes[k]];
        for (int v = 0; v < op->nvalues; v++)
            for (int t = 0; t < told->n; t++)
                if (op->values[v].hidden &&
                    told->values[t].column == op->values[v].column)
                    op->values[v].value = told->values[t].value;
    }
}

bool
oracle_decode(struct oracle *o, struct oracle_line *l)
{
    const struct gb_schema *s = oracle_schema(o, l->info.schema);
    struct gb_fail why = {0};
    if (l->read || !s)
        return l->read;
    gb_set_release(&l->set);
    l->read = !gb_set_decode(l->bytes, s, &l->set, &why);
    for (int i = 0; l->read && i < l->nops; i++)
        l->ops[i].op = &l->set.ops[i];
    if (l->read)
        reveal(o, l);
    return l->read;
}
