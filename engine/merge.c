/* merge.c - the incremental merge of one record; see rec.h, docs/MERGE.md */
#include "rec.h"

#include <string.h>

#include "bug.h"
#include "id.h"

bool
gb_rule_open(enum gb_rule_kind kind)
{
    return kind >= GB_RULE_MAX;
}

/* Whether the rule is a ratchet (MERGE.md §6). */
static bool
ratchet(enum gb_rule_kind kind)
{
    return kind == GB_RULE_MAX || kind == GB_RULE_MIN || kind == GB_RULE_WORST;
}

/* x (device, stamp) comes earlier than y in one device's chain; a new number
 * continues the chain of its old one up to the last shared operation. */
static bool
earlier(int xdevice, int64_t xstamp, int ydevice, int64_t ystamp,
        const struct gb_lineage *lineage)
{
    int64_t limit = ystamp - 1;
    /* a lineage has no cycles, so it is walked at most once over its length */
    for (int hops = lineage ? lineage->n : 0; hops >= 0; hops--) {
        if (xdevice == ydevice)
            return xstamp <= limit;
        int i = 0;
        while (lineage && i < lineage->n && lineage->of[i].device != ydevice)
            i++;
        if (!lineage || i == lineage->n)
            return false;
        ydevice = lineage->of[i].parent;
        limit = lineage->of[i].stamp;
    }
    return false;
}

/* The incoming operation had seen the sibling (MERGE.md §2). */
static bool
saw(const struct gb_effect *x, const struct gb_sib *s,
    const struct gb_lineage *lineage)
{
    const struct gb_op *op = x->op;
    if (op->kind == GB_RESOLVE) {
        for (int i = 0; i < op->nnames; i++)
            if (op->names[i].device == s->device &&
                op->names[i].stamp == s->stamp)
                return true;
        return false;
    }
    return s->pos <= (int64_t)x->base ||
           earlier(s->device, s->stamp, x->device, x->stamp, lineage);
}

/* A write with this value and level may replace one with that value, having
 * seen it: always, but for ratchets (MERGE.md §6). */
static bool
outranks(const struct gb_rule *rule, const struct gb_value *a, int level,
         const struct gb_value *b)
{
    if (!ratchet(rule->kind) || (rule->back && level >= rule->back))
        return true;
    return gb_rule_compare(rule, a, b) >= 0;
}

/* The incoming write s, of operation x, overwrites the open sibling. */
static bool
overwrites(const struct gb_rule *rule, const struct gb_effect *x,
           const struct gb_sib *s, const struct gb_sib *old,
           const struct gb_lineage *lineage)
{
    return saw(x, old, lineage) &&
           (s->resolution || outranks(rule, &s->value, s->level, &old->value));
}

/* An open sibling overwrites the incoming one: only when the incoming one was
 * made earlier on the same device and waited (MERGE.md §3). */
static bool
overwritten(const struct gb_rule *rule, const struct gb_sib *old,
            const struct gb_sib *s, const struct gb_lineage *lineage)
{
    return !old->resolution &&
           earlier(s->device, s->stamp, old->device, old->stamp, lineage) &&
           outranks(rule, &old->value, old->level, &s->value);
}

uint64_t
gb_effect_buries(const struct gb_table *t, const struct gb_effect *later,
                 const struct gb_effect *waiting,
                 const struct gb_lineage *lineage)
{
    const struct gb_op *y = later->op, *x = waiting->op;
    struct gb_sib s = {.level = later->level,
                       .resolution = y->kind == GB_RESOLVE};
    struct gb_sib old = {.device = waiting->device,
                         .stamp = waiting->stamp,
                         .pos = GB_POS_PENDING};
    uint64_t columns = 0;
    for (int i = 0; i < y->nvalues; i++)
        for (int k = 0; k < x->nvalues; k++) {
            int c = y->values[i].column;
            const struct gb_rule *rule = &t->columns[c].rule;
            s.value = y->values[i].value;
            old.value = x->values[k].value;
            if (c == x->values[k].column && gb_rule_open(rule->kind) &&
                overwrites(rule, later, &s, &old, lineage))
                columns |= (uint64_t)1 << c;
        }
    return columns;
}

/* Later by (stamp, device). */
static bool
later(const struct gb_sib *a, const struct gb_sib *b)
{
    return a->stamp != b->stamp ? a->stamp > b->stamp : a->device > b->device;
}

/* Merge a write into the open siblings of a cell. */
static bool
merge_open(struct gb_rec *r, const struct gb_column *c, struct gb_cell *cell,
           const struct gb_effect *x, const struct gb_sib *s,
           const struct gb_lineage *lineage, bool dead)
{
    struct gb_sib *sib =
        gb_arena_array(r->arena, (size_t)cell->n + 1, sizeof *sib);
    if (!sib)
        return false;
    int n = 0;
    bool open = !dead;
    for (int i = 0; i < cell->n; i++)
        if (!overwrites(&c->rule, x, s, &cell->sib[i], lineage))
            sib[n++] = cell->sib[i];
    for (int i = 0; i < n && open; i++)
        open = !overwritten(&c->rule, &sib[i], s, lineage);
    if (open)
        sib[n++] = *s;
    cell->sib = sib;
    cell->n = n;
    return true;
}

/* Merge a write into a cell that keeps one (MERGE.md §4, §5). */
static bool
merge_one(struct gb_rec *r, const struct gb_column *c, struct gb_cell *cell,
          const struct gb_sib *s)
{
    if (c->rule.kind == GB_RULE_SUM && s->value.type == GB_NULL)
        return true; /* it adds nothing (MERGE.md §5) */
    if (cell->n == 0) {
        cell->sib = gb_arena_alloc(r->arena, sizeof *cell->sib);
        if (!cell->sib)
            return false;
        cell->n = 1;
        *cell->sib = *s;
    } else if (c->rule.kind == GB_RULE_SUM) {
        uint64_t sum =
            (uint64_t)cell->sib->value.as.i + (uint64_t)s->value.as.i;
        cell->sib->value.as.i = (int64_t)sum;
    } else if (c->rule.kind == GB_RULE_FACT ||
               later(s, cell->sib) == (c->rule.kind == GB_RULE_LAST) ||
               (GB_BUG(LAST) && c->rule.kind == GB_RULE_LAST)) {
        *cell->sib = *s;
    }
    return true;
}

/* The move that a state write made is marked for review. */
static bool
marked(const struct gb_rule *rule, const struct gb_op *op,
       const struct gb_written *w)
{
    if (rule->kind != GB_RULE_STATE || op->kind != GB_SET)
        return false;
    const struct gb_move *move = gb_rule_move(
        rule, gb_rule_value(rule, &w->from), gb_rule_value(rule, &w->value));
    return move && move->review;
}

/* All columns that an operation writes. */
static bool
merge_values(struct gb_rec *r, const struct gb_effect *x,
             const struct gb_lineage *lineage)
{
    for (int i = 0; i < x->op->nvalues; i++) {
        const struct gb_written *w = &x->op->values[i];
        const struct gb_column *c = &r->table->columns[w->column];
        struct gb_sib s = {
            .stamp = x->stamp,
            .device = x->device,
            .pos = x->pos,
            .level = x->level,
            .bang = marked(&c->rule, x->op, w),
            .resolution = x->op->kind == GB_RESOLVE,
            .value = w->hidden ? GB_VALUE_NULL : w->value,
            .commitment = c->personal ? x->op->commitment : NULL,
        };
        struct gb_cell *cell = &r->cells[w->column];
        bool dead = x->dead >> w->column & 1;
        if (!(gb_rule_open(c->rule.kind)
                  ? merge_open(r, c, cell, x, &s, lineage, dead)
                  : merge_one(r, c, cell, &s)))
            return false;
    }
    return true;
}

/* Remember how far this device has written the record. */
static bool
note_seen(struct gb_rec *r, const struct gb_effect *x)
{
    int i = 0;
    while (i < r->nseen && r->seen[i].device < x->device)
        i++;
    if (i == r->nseen || r->seen[i].device != x->device) {
        struct gb_seen *seen =
            gb_arena_array(r->arena, (size_t)r->nseen + 1, sizeof *seen);
        if (!seen)
            return false;
        if (r->nseen) {
            memcpy(seen, r->seen, (size_t)i * sizeof *seen);
            memcpy(seen + i + 1, r->seen + i,
                   (size_t)(r->nseen - i) * sizeof *seen);
        }
        seen[i] = (struct gb_seen){x->device, x->pos, x->stamp};
        r->seen = seen;
        r->nseen++;
        return true;
    }
    if (r->seen[i].pos < x->pos)
        r->seen[i].pos = x->pos;
    if (r->seen[i].stamp < x->stamp)
        r->seen[i].stamp = x->stamp;
    return true;
}

/* A void joins the others, the first in front (MERGE.md §9). */
static bool
merge_void(struct gb_rec *r, const struct gb_effect *x)
{
    struct gb_void *voids =
        gb_arena_array(r->arena, (size_t)r->nvoids + 1, sizeof *voids);
    if (!voids)
        return false;
    int i = 0;
    for (; i < r->nvoids; i++) {
        const struct gb_void *v = &r->voids[i];
        if (v->stamp != x->stamp ? v->stamp > x->stamp : v->device > x->device)
            break;
        voids[i] = *v;
    }
    voids[i] = (struct gb_void){.stamp = x->stamp,
                                .device = x->device,
                                .pos = x->pos,
                                .base = x->base,
                                .reason = x->op->text};
    for (; i < r->nvoids; i++)
        voids[i + 1] = r->voids[i];
    r->voids = voids;
    r->nvoids++;
    return true;
}

bool
gb_rec_insert(struct gb_rec *r, const struct gb_table *t,
              const struct gb_effect *x, struct gb_arena *arena)
{
    *r = (struct gb_rec){
        .table = t,
        .id = x->op->id,
        .stamp = x->stamp,
        .pos = x->pos,
        .level = x->level,
        .actor = x->op->actor,
        .ref = x->op->text,
        .arena = arena,
    };
    r->cells = gb_arena_array(arena, (size_t)t->ncolumns, sizeof *r->cells);
    return r->cells && note_seen(r, x) && merge_values(r, x, NULL);
}

bool
gb_rec_merge(struct gb_rec *r, const struct gb_effect *x,
             const struct gb_lineage *lineage)
{
    if (x->op->kind == GB_VOID)
        return merge_void(r, x);
    return note_seen(r, x) && merge_values(r, x, lineage);
}

/* n things of one size, copied; NULL when the arena is full. */
static void *
copy(struct gb_arena *arena, const void *from, int n, size_t size)
{
    void *to = gb_arena_array(arena, (size_t)n, size);
    if (to && n)
        memcpy(to, from, (size_t)n * size);
    return to;
}

static bool
copy_cell(struct gb_cell *to, struct gb_arena *arena)
{
    struct gb_sib *sib = copy(arena, to->sib, to->n, sizeof *sib);
    to->sib = sib;
    bool good = sib != NULL;
    for (int i = 0; i < to->n && good; i++) {
        good = gb_value_keep(&sib[i].value, arena);
        if (good && sib[i].commitment) {
            sib[i].commitment = copy(arena, sib[i].commitment, 32, 1);
            good = sib[i].commitment != NULL;
        }
    }
    return good;
}

bool
gb_rec_copy(struct gb_rec *to, const struct gb_rec *r, struct gb_arena *arena)
{
    *to = *r;
    to->arena = arena;
    to->ref = gb_arena_copy(arena, r->ref);
    to->cells = copy(arena, r->cells, r->table->ncolumns, sizeof *r->cells);
    to->voids = copy(arena, r->voids, r->nvoids, sizeof *r->voids);
    to->seen = copy(arena, r->seen, r->nseen, sizeof *r->seen);
    bool good = to->ref.ptr && to->cells && to->voids && to->seen;
    for (int c = 0; c < r->table->ncolumns && good; c++)
        good = copy_cell(&to->cells[c], arena);
    for (int v = 0; v < r->nvoids && good; v++) {
        to->voids[v].reason = gb_arena_copy(arena, r->voids[v].reason);
        good = to->voids[v].reason.ptr != NULL;
    }
    return good;
}

bool
gb_rec_void_review(const struct gb_rec *r, const struct gb_lineage *lineage)
{
    if (!r->nvoids)
        return false;
    for (int i = 0; i < r->nseen; i++) {
        const struct gb_seen *s = &r->seen[i];
        int v = 0;
        while (v < r->nvoids && s->pos > (int64_t)r->voids[v].base &&
               !earlier(s->device, s->stamp, r->voids[v].device,
                        r->voids[v].stamp, lineage))
            v++;
        if (v == r->nvoids)
            return true;
    }
    return false;
}
