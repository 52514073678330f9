/* history.c - see history.h */
#include "tests/unit/support/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char history_schema[] =
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, la INTEGER,"
    " fi INTEGER, su INTEGER, mx INTEGER, mxb INTEGER, mn INTEGER, wo TEXT,"
    " wob TEXT, st TEXT, ro INTEGER, re INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('r','la','last'),('r','fi','first'),"
    "('r','su','sum'),('r','mx','max'),('r','mxb','max back@2'),"
    "('r','mn','min'),('r','wo','worst ok<drip<leak'),"
    "('r','wob','worst ok<drip<leak back@2'),"
    "('r','st','state a>b b>c@2 c>d! b>a b>d! d>b@2 prefer d>c>b>a'),"
    "('r','ro','role'),('r','re','review');\n";

struct gb_schema *
history_schema_load(void)
{
    struct gb_schema_file file = {"r.sql", gb_span_text(history_schema)};
    struct gb_schema *s = NULL;
    struct gb_fail fail = {0};
    struct gb_buf pack;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    if (gb_schema_pack(&file, 1, &pack, &fail) ||
        gb_schema_load(gb_buf_view(&pack), 1, &s, &fail))
        fprintf(stderr, "%s\n", fail.text);
    gb_buf_release(&pack);
    return s;
}

/* -------------------------------------------------------------- making -- */

/* splitmix64 (Vigna), as the reference workload has it. */
static uint64_t
next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int
below(uint64_t *state, int n)
{
    return (int)(next(state) % (uint64_t)n);
}

static struct gb_value
word(const char *text)
{
    return gb_value_text(gb_span_text(text));
}

/* A value that the column's rule may hold, sometimes NULL. */
static void
fill(struct gb_written *w, int column, uint64_t *rnd)
{
    static const char *const worst[] = {"ok", "drip", "leak"};
    static const char *const moves[][2] = {{"a", "b"}, {"b", "c"}, {"c", "d"},
                                           {"b", "a"}, {"b", "d"}, {"d", "b"}};
    *w = (struct gb_written){.column = column};
    if (column == H_WORST || column == H_WORSTB) {
        w->value = word(worst[below(rnd, 3)]);
    } else if (column == H_STATE) {
        int m = below(rnd, 6);
        w->from = word(moves[m][0]);
        w->value = word(moves[m][1]);
    } else if (column == H_SUM) {
        int n = below(rnd, 10);
        if (n)
            w->value = gb_value_int(n - 5);
    } else if (below(rnd, 12) || column == H_LAST) {
        w->value = gb_value_int(below(rnd, 5));
    }
}

/* Largest stamp among the writes at positions up to `base`. */
static int64_t
stamp_up_to(const struct h_history *h, uint64_t base)
{
    int64_t stamp = 0;
    for (int i = 0; i < h->n; i++)
        if (h->w[i].pos <= (int64_t)base && h->w[i].stamp > stamp)
            stamp = h->w[i].stamp;
    return stamp;
}

/* A write of a device: what it saw, its stamp, its columns. */
static void
add_set(struct h_history *h, uint64_t *rnd, int device)
{
    struct h_write *w = &h->w[h->n];
    uint64_t base = 1;
    int64_t last = 0;
    for (int i = 0; i < h->n; i++)
        if (h->w[i].device == device) {
            base = h->w[i].base > base ? h->w[i].base : base;
            last = h->w[i].stamp > last ? h->w[i].stamp : last;
        }
    base += (uint64_t)below(rnd, h->n + 1);
    if (base > (uint64_t)h->n)
        base = (uint64_t)h->n;
    int64_t floor = stamp_up_to(h, base);
    *w = (struct h_write){.device = device,
                          .pos = h->n + 1,
                          .base = base,
                          .level = 1 + below(rnd, 2)};
    w->stamp = (floor > last ? floor : last) + 1 + below(rnd, 5);
    w->op = (struct gb_op){.kind = below(rnd, 12) ? GB_SET : GB_VOID,
                           .id = h->w[0].op.id,
                           .stamp = w->stamp,
                           .text = gb_span_text("why")};
    int column = 0;
    for (int k = 0; w->op.kind == GB_SET && k < 1 + below(rnd, 3); k++) {
        column += 1 + below(rnd, H_COLUMNS - 3);
        if (column < H_COLUMNS)
            fill(&w->values[w->op.nvalues++], column, rnd);
    }
    h->n++;
}

/* Open siblings of a column by the definition, as bits over h->w. */
static uint64_t open_siblings(const struct h_history *h, int column);

/* Replica 0 resolves a column: it names what is open. */
static void
add_resolution(struct h_history *h, uint64_t *rnd)
{
    int column = H_STATE + below(rnd, 3);
    uint64_t open = open_siblings(h, column);
    struct h_write *w = &h->w[h->n];
    *w = (struct h_write){.device = 0,
                          .pos = h->n + 1,
                          .base = (uint64_t)h->n,
                          .level = 9,
                          .stamp = stamp_up_to(h, (uint64_t)h->n) + 1};
    w->op = (struct gb_op){.kind = GB_RESOLVE, .id = h->w[0].op.id};
    for (int i = 0; i < h->n; i++)
        if (open >> i & 1)
            w->names[w->op.nnames++] =
                (struct gb_opname){h->w[i].device, h->w[i].stamp};
    if (!w->op.nnames)
        return;
    fill(&w->values[0], column, rnd);
    w->values[0].from = GB_VALUE_NULL;
    w->op.nvalues = 1;
    h->n++;
}

void
history_make(struct h_history *h, uint64_t seed)
{
    uint64_t rnd = seed;
    memset(h, 0, sizeof *h);
    h->w[0] = (struct h_write){
        .device = 1, .pos = 1, .stamp = 100, .level = 1 + below(&rnd, 2)};
    h->w[0].op = (struct gb_op){
        .kind = GB_INSERT, .id = (int64_t)1 << 40 | 1, .actor = 5};
    h->w[0].values[0] =
        (struct gb_written){.column = H_LAST, .value = gb_value_int(3)};
    h->w[0].values[1] =
        (struct gb_written){.column = H_STATE, .value = word("a")};
    h->w[0].op.nvalues = 2;
    h->n = 1;
    int n = 2 + below(&rnd, H_OPS_MAX - 2);
    while (h->n < n) {
        if (below(&rnd, 10))
            add_set(h, &rnd, 1 + below(&rnd, 4));
        else
            add_resolution(h, &rnd);
    }
    for (int i = 0; i < h->n; i++) {
        h->w[i].op.values = h->w[i].values;
        h->w[i].op.names = h->w[i].names;
    }
}

/* --------------------------------------------------------- definitions -- */

/* The value that a write has for a column, or NULL. */
static const struct gb_written *
wrote(const struct h_write *w, int column)
{
    for (int i = 0; i < w->op.nvalues; i++)
        if (w->values[i].column == column)
            return &w->values[i];
    return NULL;
}

/* MERGE.md §2. */
static bool
had_seen(const struct h_write *y, const struct h_write *x)
{
    if (y->op.kind == GB_RESOLVE) {
        for (int i = 0; i < y->op.nnames; i++)
            if (y->names[i].device == x->device &&
                y->names[i].stamp == x->stamp)
                return true;
        return false;
    }
    return x->pos <= (int64_t)y->base ||
           (x->device == y->device && x->stamp < y->stamp);
}

/* Larger shows first; NULL is least. */
static int
rank(int column, const struct gb_value *v)
{
    if (v->type == GB_NULL)
        return -1000;
    if (column == H_WORST || column == H_WORSTB)
        return v->as.s.ptr[0] == 'o' ? 0 : v->as.s.ptr[0] == 'd' ? 1 : 2;
    return column == H_MIN ? -(int)v->as.i : (int)v->as.i;
}

/* MERGE.md §6. */
static bool
overwrites(const struct h_write *y, const struct h_write *x, int column)
{
    if (!had_seen(y, x))
        return false;
    if (column < H_MAX || column > H_WORSTB || y->op.kind == GB_RESOLVE)
        return true;
    if ((column == H_MAXB || column == H_WORSTB) && y->level >= 2)
        return true;
    return rank(column, &wrote(y, column)->value) >=
           rank(column, &wrote(x, column)->value);
}

static uint64_t
open_siblings(const struct h_history *h, int column)
{
    uint64_t open = 0;
    for (int x = 0; x < h->n; x++) {
        bool stands = wrote(&h->w[x], column) != NULL;
        for (int y = 0; y < h->n && stands; y++)
            if (y != x && wrote(&h->w[y], column))
                stands = !overwrites(&h->w[y], &h->w[x], column);
        open |= (uint64_t)stands << x;
    }
    return open;
}

static bool
newer(const struct h_write *a, const struct h_write *b)
{
    return a->stamp != b->stamp ? a->stamp > b->stamp : a->device > b->device;
}

/* Which of two open siblings shows. */
static bool
beats(int column, const struct h_write *a, const struct h_write *b)
{
    const struct gb_value *x = &wrote(a, column)->value;
    const struct gb_value *y = &wrote(b, column)->value;
    if (column == H_FIRST)
        return newer(b, a);
    if (column >= H_MAX && column <= H_WORSTB &&
        rank(column, x) != rank(column, y))
        return rank(column, x) > rank(column, y);
    /* prefer d>c>b>a: the later letter */
    if (column == H_STATE && x->as.s.ptr[0] != y->as.s.ptr[0])
        return x->as.s.ptr[0] > y->as.s.ptr[0];
    if (column == H_ROLE && a->level != b->level)
        return a->level > b->level;
    return newer(a, b);
}

/* The siblings that a cell of this rule keeps, and the one that shows. */
static uint64_t
expected(const struct h_history *h, int column, int *shown)
{
    uint64_t set = 0;
    *shown = -1;
    if (column >= H_MAX)
        set = open_siblings(h, column);
    for (int i = 0; i < h->n && column < H_MAX; i++)
        set |= (uint64_t)(wrote(&h->w[i], column) != NULL) << i;
    for (int i = 0; i < h->n; i++)
        if (set >> i & 1 &&
            (*shown < 0 || beats(column, &h->w[i], &h->w[*shown])))
            *shown = i;
    return column < H_MAX && *shown >= 0 ? (uint64_t)1 << *shown : set;
}

static const char *
compare_sum(const struct h_history *h, const struct gb_cell *cell)
{
    int64_t sum = 0;
    bool any = false;
    for (int i = 0; i < h->n; i++) {
        const struct gb_written *w = wrote(&h->w[i], H_SUM);
        if (!w || w->value.type == GB_NULL)
            continue;
        any = true;
        sum += w->value.as.i;
    }
    if (any != (cell->n > 0))
        return "sum: written or not";
    return any && cell->sib->value.as.i != sum ? "sum" : NULL;
}

static const char *
compare_cell(const struct h_history *h, const struct gb_rec *r, int column)
{
    static char text[100];
    int shown, n = 0;
    const struct gb_column *c = &r->table->columns[column];
    const struct gb_cell *cell = &r->cells[column];
    uint64_t set = expected(h, column, &shown);
    snprintf(text, sizeof text, "column %s", c->name);
    for (int i = 0; i < h->n; i++) {
        if (!(set >> i & 1))
            continue;
        int k = 0;
        while (k < cell->n && (cell->sib[k].stamp != h->w[i].stamp ||
                               cell->sib[k].device != h->w[i].device))
            k++;
        if (k == cell->n)
            return text;
        n++;
    }
    if (n != cell->n)
        return text;
    int s = gb_cell_shown(c, cell);
    if ((s < 0) != (shown < 0))
        return text;
    return s >= 0 && (cell->sib[s].stamp != h->w[shown].stamp ||
                      cell->sib[s].device != h->w[shown].device)
               ? text
               : NULL;
}

const char *
history_compare(const struct h_history *h, const struct gb_rec *r)
{
    const char *bad = NULL;
    bool voided = false, review = false;
    for (int c = 0; c < H_COLUMNS && !bad; c++)
        bad = c == H_SUM ? compare_sum(h, &r->cells[c]) : compare_cell(h, r, c);
    for (int i = 0; i < h->n; i++) {
        bool unseen = h->w[i].op.kind != GB_VOID;
        for (int v = 0; v < h->n; v++)
            if (h->w[v].op.kind == GB_VOID) {
                voided = true;
                unseen = unseen && !had_seen(&h->w[v], &h->w[i]);
            }
        review |= unseen;
    }
    if (!bad && (r->nvoids > 0) != voided)
        bad = "void";
    if (!bad && gb_rec_void_review(r, NULL) != (voided && review))
        bad = "review of the void";
    return bad;
}

/* ------------------------------------------------------------- merging -- */

bool
history_merge(const struct h_history *h, const struct gb_schema *s,
              struct gb_arena *arena, struct gb_rec *out)
{
    for (int i = 0; i < h->n; i++) {
        const struct h_write *w = &h->w[i];
        struct gb_effect x = {.op = &w->op,
                              .device = w->device,
                              .stamp = w->stamp,
                              .pos = w->pos,
                              .level = w->level,
                              .base = w->base};
        if (!(i ? gb_rec_merge(out, &x, NULL)
                : gb_rec_insert(out, &s->tables[0], &x, arena)))
            return false;
    }
    return true;
}
