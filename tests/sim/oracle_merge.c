/* oracle_merge.c - every cell from all pairs of its writes; see oracle.h,
 * docs/MERGE.md §2 to §9a */
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "oracle.h"

/* --------------------------------------------------------------- pairs -- */

/* x comes earlier than y in one chain, which goes on under new numbers: M2,
 * M3. */
static bool
earlier(const struct oracle *o, const struct oracle_op *x,
        const struct oracle_op *y)
{
    int device = y->device;
    int64_t limit = y->stamp - 1;
    for (int hops = 0; hops <= o->nparents; hops++) {
        int i = 0;
        if (x->device == device)
            return x->stamp <= limit;
        while (i < o->nparents && o->parents[i].device != device)
            i++;
        if (i == o->nparents)
            return false;
        device = o->parents[i].parent;
        limit = o->parents[i].stamp;
    }
    return false;
}

/* M2 */
bool
oracle_saw(const struct oracle *o, const struct oracle_op *y,
           const struct oracle_op *x)
{
    if (y->op->kind == GB_RESOLVE) {
        for (int i = 0; i < y->op->nnames; i++)
            if (y->op->names[i].device == x->device &&
                y->op->names[i].stamp == x->stamp)
                return true;
        return false;
    }
    return x->pos <= y->base || earlier(o, x, y);
}

const struct gb_written *
oracle_written(const struct oracle_op *x, int column)
{
    for (int i = 0; i < x->op->nvalues; i++)
        if (x->op->values[i].column == column)
            return &x->op->values[i];
    return NULL;
}

/* x is later than y by (stamp, device). */
static bool
later(const struct oracle_op *x, const struct oracle_op *y)
{
    return x->stamp != y->stamp ? x->stamp > y->stamp : x->device > y->device;
}

/* M9: what a ratchet shows is the largest of these; NULL loses. */
static int64_t
rank(const struct gb_rule *rule, const struct gb_value *v)
{
    if (v->type == GB_NULL)
        return INT64_MIN;
    if (rule->kind == GB_RULE_WORST)
        return gb_rule_value(rule, v);
    return rule->kind == GB_RULE_MIN ? -v->as.i : v->as.i;
}

static bool
is_ratchet(const struct gb_rule *rule)
{
    return rule->kind == GB_RULE_MAX || rule->kind == GB_RULE_MIN ||
           rule->kind == GB_RULE_WORST;
}

/* M10, and what every other rule has in its place. */
static bool
overwrites(const struct oracle *o, const struct gb_column *c, int column,
           const struct oracle_op *y, const struct oracle_op *x)
{
    const struct gb_rule *rule = &c->rule;
    if (!oracle_saw(o, y, x))
        return false;
    if (!is_ratchet(rule) || y->op->kind == GB_RESOLVE ||
        (rule->back && y->level >= rule->back))
        return true;
    return rank(rule, &oracle_written(y, column)->value) >=
           rank(rule, &oracle_written(x, column)->value);
}

/* --------------------------------------------------------------- cells -- */

/* x shows before y: the rules' own order, then the latest. */
static bool
shows_before(const struct gb_column *c, int column, const struct oracle_op *x,
             const struct oracle_op *y)
{
    const struct gb_rule *rule = &c->rule;
    const struct gb_value *a = &oracle_written(x, column)->value;
    const struct gb_value *b = &oracle_written(y, column)->value;
    int64_t p = 0, q = 0;
    if (is_ratchet(rule)) {
        p = rank(rule, a);
        q = rank(rule, b);
    } else if (rule->kind == GB_RULE_STATE) {
        p = -rule->prefer[gb_rule_value(rule, a)];
        q = -rule->prefer[gb_rule_value(rule, b)];
    } else if (rule->kind == GB_RULE_ROLE) {
        p = x->level;
        q = y->level;
    } else if (rule->kind == GB_RULE_FIRST) {
        return later(y, x);
    }
    return p != q ? p > q : later(x, y);
}

/* M12: the move that led here is marked. */
static bool
marked(const struct gb_rule *rule, const struct oracle_op *x, int column)
{
    const struct gb_written *w = oracle_written(x, column);
    if (x->op->kind != GB_SET)
        return false;
    const struct gb_move *m = gb_rule_move(rule, gb_rule_value(rule, &w->from),
                                           gb_rule_value(rule, &w->value));
    return m && m->review;
}

/* M12, M14 */
static bool
needs_review(const struct gb_column *c, int column,
             const struct oracle_cell *cell)
{
    bool review = false;
    for (int i = 0; i < cell->n && cell->n > 1; i++) {
        if (c->rule.kind == GB_RULE_STATE)
            review |= marked(&c->rule, cell->open[i], column);
        if (c->rule.kind == GB_RULE_REVIEW)
            review |=
                !gb_value_equal(&oracle_written(cell->open[i], column)->value,
                                &oracle_written(cell->open[0], column)->value);
    }
    return review;
}

/* What was seen has the smaller stamp (§11), whatever the clocks said. */
static void
check_causality(struct oracle *o, const struct oracle_op **w, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            if (i != k && oracle_saw(o, w[i], w[k]) &&
                w[k]->stamp >= w[i]->stamp)
                sim_broken(o->w,
                           "causality: %d/%lld was seen by %d/%lld and has "
                           "not the smaller stamp",
                           w[k]->device, (long long)w[k]->stamp, w[i]->device,
                           (long long)w[i]->stamp);
}

void
oracle_cell(struct oracle *o, const struct oracle_rec *r, int column,
            struct oracle_cell *out)
{
    const struct gb_column *c =
        &oracle_schema(o, o->version)->tables[r->table].columns[column];
    const struct oracle_op **w =
        gb_arena_array(&o->arena, 2 * (size_t)r->n + 1, sizeof *w);
    int n = 0;
    uint64_t sum = 0;
    if (!w)
        abort();
    *out = (struct oracle_cell){.open = w + r->n, .value = GB_VALUE_NULL};
    for (int i = 0; i < r->n; i++)
        if (oracle_written(r->ops[i], column))
            w[n++] = r->ops[i];
    check_causality(o, w, n);
    for (int i = 0; i < n; i++) {
        bool open = true;
        for (int k = 0; k < n && open; k++)
            open = k == i || !overwrites(o, c, column, w[k], w[i]);
        if (open)
            out->open[out->n++] = w[i];
        if (c->rule.kind == GB_RULE_SUM)
            sum += (uint64_t)oracle_written(w[i], column)->value.as.i;
    }
    /* fact, last and first look at all writes, the others at the open ones */
    bool all = c->rule.kind < GB_RULE_MAX;
    for (int i = 0; i < (all ? n : out->n); i++) {
        const struct oracle_op *x = all ? w[i] : out->open[i];
        if (!out->shown || shows_before(c, column, x, out->shown))
            out->shown = x;
    }
    if (out->shown)
        out->value = oracle_written(out->shown, column)->value;
    if (c->rule.kind == GB_RULE_SUM && n)
        out->value = gb_value_int((int64_t)sum);
    out->review = needs_review(c, column, out);
}

/* ------------------------------------------------------------- records -- */

/* M15, M16 */
static void
look_at_voids(const struct oracle *o, struct oracle_rec *r)
{
    for (int i = 0; i < r->n; i++)
        if (r->ops[i]->op->kind == GB_VOID &&
            (!r->voided || later(r->voided, r->ops[i])))
            r->voided = r->ops[i];
    for (int i = 0; i < r->n && r->voided; i++) {
        bool seen = r->ops[i]->op->kind == GB_VOID;
        for (int k = 0; k < r->n && !seen; k++)
            seen = r->ops[k]->op->kind == GB_VOID &&
                   oracle_saw(o, r->ops[k], r->ops[i]);
        r->void_review |= !seen;
    }
}

static int
by_record(const void *a, const void *b)
{
    const struct oracle_op *x = *(struct oracle_op *const *)a;
    const struct oracle_op *y = *(struct oracle_op *const *)b;
    if (x->op->table != y->op->table)
        return x->op->table < y->op->table ? -1 : 1;
    return (x->op->id > y->op->id) - (x->op->id < y->op->id);
}

/* The value that shows in a column of r. */
static struct gb_value
shown(struct oracle *o, const struct oracle_rec *r, const char *name)
{
    struct oracle_cell cell;
    const struct gb_table *t = &oracle_schema(o, o->version)->tables[r->table];
    oracle_cell(o, r, gb_table_column(t, gb_span_text(name)), &cell);
    return cell.value;
}

/* Whether it claims its slot, as the schema has it: slot WHERE st IN a, b. */
static bool
claims(struct oracle *o, const struct oracle_rec *r, int64_t *slot)
{
    if (r->table != SIM_R || r->voided)
        return false;
    struct gb_value s = shown(o, r, "slot"), st = shown(o, r, "st");
    *slot = s.as.i;
    return s.type == GB_INT && st.type == GB_TEXT && st.as.s.len == 1 &&
           (*st.as.s.ptr == 'a' || *st.as.s.ptr == 'b');
}

/* M24 */
static void
find_rivals(struct oracle *o, struct oracle_rec *list, int n)
{
    int64_t *slot = calloc((size_t)n + 1, sizeof *slot);
    bool *claim = calloc((size_t)n + 1, sizeof *claim);
    if (!slot || !claim)
        abort();
    for (int i = 0; i < n; i++)
        claim[i] = claims(o, &list[i], &slot[i]);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            list[i].rival |= i != k && claim[i] && claim[k] &&
                             slot[i] == slot[k] &&
                             later(list[i].insert, list[k].insert);
    free(slot);
    free(claim);
}

struct oracle_rec *
oracle_records(struct oracle *o, int *n)
{
    const struct oracle_op **all =
        gb_arena_array(&o->arena, (size_t)o->nops + 1, sizeof *all);
    struct oracle_rec *list =
        gb_arena_array(&o->arena, (size_t)o->nops + 1, sizeof *list);
    int m = 0;
    *n = 0;
    if (!all || !list)
        abort();
    for (int i = 0; i < o->nops; i++)
        if (o->ops[i]->pos && o->ops[i]->op->kind <= GB_RESOLVE)
            all[m++] = o->ops[i];
    qsort(all, (size_t)m, sizeof *all, by_record);
    for (int i = 0, k; i < m; i = k) {
        struct oracle_rec *r = &list[(*n)++];
        *r = (struct oracle_rec){
            .table = all[i]->op->table, .id = all[i]->op->id, .ops = all + i};
        for (k = i; k < m && !by_record(&all[k], &all[i]); k++)
            if (all[k]->op->kind == GB_INSERT)
                r->insert = all[k];
        r->n = k - i;
        look_at_voids(o, r);
    }
    find_rivals(o, list, *n);
    return list;
}
