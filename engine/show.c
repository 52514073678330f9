/* show.c - what a cell shows, and when a person must look; see rec.h */
#include "rec.h"

/* Numbers by size, text and blobs by bytes. */
static int
compare_values(const struct gb_value *a, const struct gb_value *b)
{
    switch (a->type) {
    case GB_INT:
        return (a->as.i > b->as.i) - (a->as.i < b->as.i);
    case GB_REAL:
        return (a->as.r > b->as.r) - (a->as.r < b->as.r);
    default:
        return gb_span_compare(a->as.s, b->as.s);
    }
}

int
gb_rule_compare(const struct gb_rule *r, const struct gb_value *a,
                const struct gb_value *b)
{
    /* NULL loses, whatever the direction */
    if (a->type == GB_NULL || b->type == GB_NULL)
        return (a->type != GB_NULL) - (b->type != GB_NULL);
    if (r->kind == GB_RULE_WORST) {
        int x = gb_rule_value(r, a), y = gb_rule_value(r, b);
        /* a newer handheld may know more values: those order by their bytes,
         * below the known ones */
        return x < 0 && y < 0 ? compare_values(a, b) : (x > y) - (x < y);
    }
    int c = compare_values(a, b);
    return r->kind == GB_RULE_MIN ? -c : c;
}

/* Rank of a state under `prefer`, 0 first; unknown ones come last. */
static int
preference(const struct gb_rule *r, const struct gb_value *v)
{
    int i = gb_rule_value(r, v);
    return i < 0 ? r->nvalues : r->prefer[i];
}

/* a shows before b, both open siblings of one cell (MERGE.md §4 to §8). */
static bool
shows_before(const struct gb_rule *r, const struct gb_sib *a,
             const struct gb_sib *b)
{
    int c = 0;
    if (r->kind == GB_RULE_STATE) {
        c = preference(r, &b->value) - preference(r, &a->value);
    } else if (r->kind == GB_RULE_ROLE) {
        c = a->level - b->level;
    } else if (r->kind != GB_RULE_REVIEW) {
        c = gb_rule_compare(r, &a->value, &b->value);
    }
    if (c)
        return c > 0;
    return a->stamp != b->stamp ? a->stamp > b->stamp : a->device > b->device;
}

int
gb_cell_shown(const struct gb_column *c, const struct gb_cell *cell)
{
    int best = cell->n ? 0 : -1;
    for (int i = 1; i < cell->n; i++)
        if (shows_before(&c->rule, &cell->sib[i], &cell->sib[best]))
            best = i;
    return best;
}

bool
gb_cell_review(const struct gb_column *c, const struct gb_cell *cell)
{
    if (cell->n < 2)
        return false;
    for (int i = 0; i < cell->n; i++) {
        if (c->rule.kind == GB_RULE_STATE && cell->sib[i].bang)
            return true;
        if (c->rule.kind == GB_RULE_REVIEW &&
            !gb_value_equal(&cell->sib[i].value, &cell->sib[0].value))
            return true;
    }
    return false;
}

struct gb_value
gb_cell_value(const struct gb_column *c, const struct gb_cell *cell)
{
    int i = gb_cell_shown(c, cell);
    return i < 0 ? GB_VALUE_NULL : cell->sib[i].value;
}
