/* check_ends.c - where each operation ended; see check.h */
#include <string.h>

#include "check.h"

/* --------------------------------------------- what was written, there -- */

/* A new record is in its first state, whether that was said or not. */
static bool
first_state(const struct gb_table *t, const struct gb_op *op,
            const struct gb_written *v)
{
    const struct gb_rule *r = &t->columns[v->column].rule;
    return op->kind == GB_INSERT && r->kind == GB_RULE_STATE &&
           gb_rule_value(r, &v->value) == 0;
}

/* A value, or another name for the record that it was. */
static bool
same_value(const struct world *w, const struct gb_value *told,
           const struct gb_value *v)
{
    return gb_value_equal(told, v) ||
           (told->type == GB_INT && v->type == GB_INT &&
            sim_renamed(w, told->as.i, v->as.i));
}

/* The operation says what its steward was told is safe. */
static bool
same(const struct world *w, const struct gb_table *t, const struct gb_op *op,
     const struct sim_write *told)
{
    if (op->kind != told->kind || op->table != told->table ||
        (op->id != told->id && !sim_renamed(w, told->id, op->id)))
        return false;
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *v = &op->values[i];
        int k = 0;
        while (k < told->n && told->values[k].column != v->column)
            k++;
        /* hidden ones were filled in from the same writes */
        bool good = k < told->n
                        ? same_value(w, &told->values[k].value, &v->value)
                        : first_state(t, op, v);
        if (!good)
            return false;
    }
    return true;
}

/* It came over the network, from a machine that had not been started anew
 * since: then the hub knows how wrong its clock was. */
static bool
clock_known(const struct world *w, const struct oracle_op *x)
{
    const uint8_t *boot = x->line->set.boots[x->op->boot].id;
    for (int i = 0; i < w->ncontacts; i++)
        if (w->contacts[i].device == x->device &&
            w->contacts[i].ms == x->line->said.received_ms &&
            !memcmp(w->contacts[i].boot, boot, 16))
            return true;
    return false;
}

/* A stamp says when it was, within what a clock may be wrong unseen: never
 * earlier, and later only behind what its writer had seen (MERGE.md §11). */
static void
check_stamp(struct oracle *o, const struct oracle_op *x, int64_t true_ms)
{
    int64_t before = x->index ? x[-1].stamp : x->line->said.floor;
    int64_t latest = before / 65536 + 1;
    if (latest < true_ms + GB_CLOCK_TRUST_MS)
        latest = true_ms + GB_CLOCK_TRUST_MS;
    int64_t ms = x->stamp / 65536;
    if (ms < true_ms - GB_CLOCK_TRUST_MS || ms > latest)
        sim_broken(o->w,
                   "clock: an operation of device %d has a stamp that is %lld "
                   "s wrong",
                   x->device, (long long)(ms - true_ms) / 1000);
}

/* All operations of a line against what was written. */
static void
check_line(struct oracle *o, const struct oracle_line *l)
{
    struct world *w = o->w;
    const struct gb_schema *s = oracle_schema(o, o->version);
    const struct sim_sealed *set = sim_sealed_find(w, l->said.sha256);
    if (!set || l->verdict == GB_FORK)
        return;
    for (int i = 0; i < l->nops; i++) {
        struct sim_write *told = &w->writes[set->writes[i]];
        const struct gb_op *op = l->ops[i].op;
        if (op && !same(w, &s->tables[op->table], op, told))
            sim_broken(w, "changed on its way: operation %d of set %d-%u", i,
                       l->info.device, l->info.seq);
        if (op && clock_known(w, &l->ops[i]))
            check_stamp(o, &l->ops[i], told->true_ms);
        told->took += l->ops[i].pos != 0;
        told->waits += l->ops[i].code && l->ops[i].code != GB_CODE_REPEAT;
        if (told->took > 1)
            sim_broken(w, "doubled: operation %d of set %d-%u", i,
                       l->info.device, l->info.seq);
    }
}

/* -------------------------------------------------------------- chains -- */

/* Hash of a journal's own set, or NULL when it made none of that number. */
static const uint8_t *
own_set(const struct handheld *h, uint32_t seq)
{
    static uint8_t sha[32];
    struct gb_fail why = {0};
    sqlite3_stmt *s;
    bool row = false;
    if (gb_db_preparef(gb_journal_db(h->folder.journal), &s, &why,
                       "SELECT sha FROM _set WHERE seq = %u", seq))
        return NULL;
    if (!gb_db_step(s, &row, &why) && row)
        memcpy(sha, gb_db_blob(s, 0).ptr, 32);
    sqlite3_finalize(s);
    return row ? sha : NULL;
}

/* The ledger has gone on without this journal, under its number. */
static bool
is_copy(const struct oracle *o, const struct handheld *h)
{
    for (int i = 0; i < o->n; i++) {
        const struct oracle_line *l = &o->lines[i];
        if (l->info.device != h->number || l->verdict == GB_FORK)
            continue;
        const uint8_t *sha = own_set(h, l->info.seq);
        if (!sha || memcmp(sha, l->said.sha256, 32))
            return true;
    }
    return false;
}

/* A journal has delivered all that it was told, and none is a copy any more. */
static void
check_journal(struct oracle *o, struct handheld *h)
{
    struct world *w = h->w;
    struct gb_journal_info i;
    SIM_MUST(w, gb_journal_info(h->folder.journal, &i, &why));
    if (is_copy(o, h) || i.copy)
        sim_broken(w, "device %d is a copy, and was %stold so", h->number,
                   i.copy ? "" : "not ");
    for (int k = 0; k < h->nwrites; k++) {
        const struct sim_write *told = &w->writes[h->writes[k]];
        if (!told->took && !told->waits)
            sim_broken(w, "lost: operation %d of device %d", k, h->number);
    }
}

/* ------------------------------------------------------------- waiting -- */

/* M22: what would make it due, were it so. */
static void
check_due(struct oracle *o)
{
    struct gb_opname due;
    int n;
    for (int i = 0; i < o->nops; i++) {
        const struct oracle_op *x = o->ops[i];
        if (x->code == GB_CODE_SCHEMA && x->line->info.schema <= o->version)
            sim_broken(o->w,
                       "stuck: an operation of device %d waits for a "
                       "schema that is there",
                       x->device);
        if (x->code == GB_CODE_MISSING && oracle_could_go_on(o, x))
            sim_broken(o->w,
                       "stuck: an operation of device %d waits for "
                       "records that are there",
                       x->device);
    }
    SIM_MUST(o->w, gb_state_due(o->w->office->state, &due, 1, &n, &why));
    if (n)
        sim_broken(o->w, "stuck: the hub itself says that something is due");
}

/* What waits, as the hub lists it, is what waits. */
static void
check_list(struct oracle *o)
{
    sqlite3_stmt *s;
    bool row;
    int n = 0, listed = 0;
    for (int i = 0; i < o->nops; i++)
        n += o->ops[i]->code != GB_CODE_NONE;
    SIM_MUST(o->w,
             gb_db_prepare(gb_state_db(o->w->office->state),
                           "SELECT device, stamp, code FROM _wait", &s, &why));
    for (; !gb_db_step(s, &row, NULL) && row; listed++) {
        int i = 0;
        while (i < o->nops &&
               (o->ops[i]->device != sqlite3_column_int(s, 0) ||
                o->ops[i]->stamp != sqlite3_column_int64(s, 1) ||
                o->ops[i]->code != gb_code_parse(gb_db_blob(s, 2))))
            i++;
        if (i == o->nops)
            sim_broken(
                o->w, "the hub lists %d/%lld as waiting with %.*s",
                sqlite3_column_int(s, 0), (long long)sqlite3_column_int64(s, 1),
                (int)gb_db_blob(s, 2).len, (const char *)gb_db_blob(s, 2).ptr);
    }
    sqlite3_finalize(s);
    o->w->quarantined = n;
    if (n != listed)
        sim_broken(o->w, "%d operations wait, and the hub lists %d", n, listed);
}

void
check_ends(struct oracle *o)
{
    for (int i = 0; i < o->n; i++)
        check_line(o, &o->lines[i]);
    for (int i = 0; i < o->w->n; i++)
        check_journal(o, &o->w->h[i]);
    check_due(o);
    check_list(o);
}
