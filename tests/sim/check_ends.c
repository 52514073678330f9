/* check_ends.c - where each operation ended; see check.h */
#include <string.h>

#include "check.h"

/* The set that a journal sealed, or NULL: nobody here did. */
static const struct sim_sealed *
find_sealed(const struct world *w, const uint8_t sha[32])
{
    for (int i = 0; i < w->nsealed; i++)
        if (!memcmp(w->sealed[i].sha, sha, 32))
            return &w->sealed[i];
    return NULL;
}

/* ------------------------------------------------ what was written, there --
 */

/* A new record is in its first state, whether that was said or not. */
static bool
first_state(const struct gb_table *t, const struct gb_op *op,
            const struct gb_written *v)
{
    const struct gb_rule *r = &t->columns[v->column].rule;
    return op->kind == GB_INSERT && r->kind == GB_RULE_STATE &&
           gb_rule_value(r, &v->value) == 0;
}

/* The operation says what its steward was told is safe. */
static bool
same(const struct gb_table *t, const struct gb_op *op,
     const struct sim_write *told)
{
    if (op->kind != told->kind || op->table != told->table ||
        op->id != told->id)
        return false;
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *v = &op->values[i];
        int k = 0;
        while (k < told->n && told->values[k].column != v->column)
            k++;
        /* hidden ones were filled in from the same writes */
        bool good = k < told->n
                        ? gb_value_equal(&told->values[k].value, &v->value)
                        : first_state(t, op, v);
        if (!good)
            return false;
    }
    return true;
}

/* All operations of a line against what was written. */
static void
check_line(struct oracle *o, const struct oracle_line *l)
{
    struct world *w = o->w;
    const struct gb_schema *s = oracle_schema(o, o->version);
    const struct sim_sealed *set = find_sealed(w, l->said.sha256);
    if (!set || l->verdict == GB_FORK)
        return;
    for (int i = 0; i < l->nops; i++) {
        struct sim_write *told = &w->writes[set->writes[i]];
        const struct gb_op *op = l->ops[i].op;
        if (op && !same(&s->tables[op->table], op, told))
            sim_broken(w, "changed on its way: operation %d of set %d-%u", i,
                       l->info.device, l->info.seq);
        if (told->ends++)
            sim_broken(w, "doubled: operation %d of set %d-%u", i,
                       l->info.device, l->info.seq);
    }
}

/* ------------------------------------------------------------------ chains --
 */

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

bool
check_is_copy(const struct oracle *o, const struct handheld *h)
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

/* A journal that goes on has delivered all that it was told; one that is a
 * copy was told so. */
static void
check_journal(struct oracle *o, struct handheld *h)
{
    struct world *w = h->w;
    struct gb_journal_info i;
    bool copy = check_is_copy(o, h);
    SIM_MUST(w, gb_journal_info(h->folder.journal, &i, &why));
    if (copy != i.copy)
        sim_broken(w, "device %d is %s copy, and was told that it is %s",
                   h->number, copy ? "a" : "no", i.copy ? "one" : "none");
    for (int k = 0; k < h->nwrites; k++) {
        if (w->writes[h->writes[k]].ends == 1)
            continue;
        if (!copy)
            sim_broken(w, "lost: operation %d of device %d", k, h->number);
        w->undelivered++;
    }
}

/* ----------------------------------------------------------------- waiting --
 */

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
