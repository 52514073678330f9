/*
 * state_order.c - sets that have not seen one another give one state in
 * whatever order they come, with work that waits and is released, and rivals
 * (docs/MERGE.md M1, M4, M17, M21 to M24).
 *
 * Random sets of four devices over a few records: inserts that refer to
 * records of other sets, changes of records that come later, illegal moves,
 * voids, a set of a newer schema, and a person's forced release at the end.
 * Histories of up to six sets are taken in in every order that keeps each
 * device's chain, larger ones in some; automatic releases run after every set,
 * as the hub does it.  GENGBU_ROUNDS=n tries n times as many, GENGBU_SEED=n
 * that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

static const char first_schema[] =
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, la INTEGER,"
    " fi INTEGER, su INTEGER, mx INTEGER, mxb INTEGER, wo TEXT, st TEXT,"
    " ro INTEGER, re INTEGER, owner INTEGER REFERENCES r(id), slot INTEGER)"
    " STRICT;\n"
    "INSERT INTO rule VALUES('r','la','last'),('r','fi','first'),"
    "('r','su','sum'),('r','mx','max'),('r','mxb','max back@2'),"
    "('r','wo','worst ok<drip<leak back@2'),"
    "('r','st','state a>b b>c@2 c>d! b>a b>d! d>b@2 prefer d>c>b>a'),"
    "('r','ro','role'),('r','re','review'),('r','owner','last'),"
    "('r','slot','last');\n"
    "INSERT INTO record VALUES('r', 1, 2, NULL, 'slot WHERE st IN "
    "(''a'', ''b'')');\n";
/* one more column, one more table */
static const char second_schema[] =
    "CREATE TABLE z(id INTEGER PRIMARY KEY, x INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('z','x','last');\n";

enum { FA, LA, FI, SU, MX, MXB, WO, ST, RO, RE, OWNER, SLOT };
enum { DEVICES = 4, SETS = 12, OPS = 4, RECORDS = 6 };

/* ------------------------------------------------------- making a set -- */

struct history {
    uint64_t rnd;
    struct gb_schema *schemas[2];
    struct gb_head base; /* of all sets: the site, and its devices */
    struct made sets[SETS];
    int n;
    uint64_t later; /* where randomness stands for the sets that saw them */
    int inserted[DEVICES + 1];
    struct made *last[DEVICES + 1];
};

static int
below(struct history *h, int n)
{
    uint64_t z = h->rnd += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)((z ^ z >> 31) % (uint64_t)n);
}

/* Each device has records 1.. of its own; any may be referred to. */
static int64_t
any_record(struct history *h)
{
    return gb_id_make(1 + below(h, DEVICES), 1 + below(h, RECORDS / 2));
}

static struct gb_value
word(const char *text)
{
    return gb_value_text(gb_span_text(text));
}

static int
fill_insert(struct history *h, struct gb_op *op)
{
    struct gb_written *v = op->values;
    int n = 0;
    v[n++] = (struct gb_written){.column = FA, .value = gb_value_int(1)};
    v[n++] =
        (struct gb_written){.column = LA, .value = gb_value_int(below(h, 9))};
    v[n++] = (struct gb_written){.column = ST, .value = word("a")};
    if (below(h, 2))
        v[n++] = (struct gb_written){.column = OWNER,
                                     .value = gb_value_int(any_record(h))};
    v[n++] =
        (struct gb_written){.column = SLOT, .value = gb_value_int(below(h, 2))};
    return n;
}

static int
fill_change(struct history *h, struct gb_op *op)
{
    static const char *const worst[] = {"ok", "drip", "leak"};
    static const char *const states[] = {"a", "b", "c", "d"};
    struct gb_written *v = op->values;
    int n = 0;
    for (int c = LA; c <= SLOT; c++) {
        if (below(h, 3))
            continue;
        v[n] = (struct gb_written){.column = c,
                                   .value = gb_value_int(below(h, 9))};
        if (c == WO)
            v[n].value = word(worst[below(h, 3)]);
        if (c == ST)
            v[n].from = word(states[below(h, 4)]);
        if (c == ST)
            v[n].value = word(states[below(h, 4)]);
        if (c == OWNER)
            v[n].value = gb_value_int(any_record(h));
        if (c == SLOT)
            v[n].value = gb_value_int(below(h, 2));
        n++;
    }
    if (!n)
        v[n++] = (struct gb_written){.column = LA, .value = gb_value_int(1)};
    return n;
}

/* One operation: an insert of the device's next record, or another. */
static void
make_op(struct history *h, int device, bool insert, struct gb_op *op)
{
    op->id = any_record(h);
    op->text = GB_SPAN("", 0);
    if (insert) {
        op->kind = GB_INSERT;
        op->id = gb_id_make(device, ++h->inserted[device]);
        op->nvalues = fill_insert(h, op);
    } else if (below(h, 10) == 0) {
        op->kind = GB_VOID;
        op->text = gb_span_text("wrong");
    } else {
        op->kind = GB_SET;
        op->nvalues = fill_change(h, op);
    }
}

/* The next set of a device; with `all`, of all records that it lacks. */
static void
make_set(struct history *h, struct made *m, int device,
         const struct gb_head *base, int64_t after_ms, bool all)
{
    struct gb_written values[OPS][12];
    struct gb_op ops[OPS] = {{0}};
    struct gb_boot boot = {.wall_ms = WORLD_START_MS};
    const struct made *before = h->last[device];
    bool newer = !all && below(h, 8) == 0;
    int lacks = RECORDS / 2 - h->inserted[device];
    struct gb_set set = {.device = device,
                         .seq = before ? before->seq + 1 : 1,
                         .clock_ms = WORLD_START_MS,
                         .base = *base,
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = all ? lacks + 1 : 1 + below(h, OPS)};
    if (before)
        memcpy(set.prev, before->sha.bytes, sizeof set.prev);
    for (int i = 0; i < set.nops; i++) {
        bool insert =
            all ? i < lacks : h->inserted[device] < RECORDS / 2 && below(h, 2);
        ops[i].values = values[i];
        make_op(h, device, insert, &ops[i]);
        ops[i].time_ms = WORLD_START_MS + after_ms + 10 * below(h, 100);
        ops[i].stamp = gb_clock_next(i ? ops[i - 1].stamp : 0, ops[i].time_ms);
    }
    world_encode(m, &set, h->schemas[newer]);
    m->received_ms = WORLD_START_MS + after_ms + 5000 + h->n;
}

/* ----------------------------------------------------------- taking in -- */

static void
make_history(struct history *h, uint64_t seed, int nsets,
             struct gb_schema **schemas)
{
    struct world w;
    *h = (struct history){.rnd = seed, .schemas = {schemas[0], schemas[1]}};
    world_begin(&w, h->schemas[0], DEVICES);
    w.calm = true; /* thousands of sets */
    h->base = gb_state_head(w.st);
    world_end(&w);
    while (h->n < nsets) {
        int device = 1 + below(h, DEVICES);
        struct made *m = &h->sets[h->n++];
        make_set(h, m, device, &h->base, 0, false);
        h->last[device] = m;
    }
    h->later = h->rnd;
}

static void
end_history(struct history *h)
{
    for (int i = 0; i < h->n; i++)
        gb_buf_release(&h->sets[i].bytes);
}

struct outcome {
    uint8_t digest[32], forced[32];
    int64_t waiting, rivals, released;
};

/* Sets of two devices that have seen everything before them, in any order of
 * that; then the records that are still missing, and the newer schema.  Their
 * times lie behind those of the releases, of which there may be more or fewer.
 */
static void
go_on(struct world *w, const struct history *h, struct outcome *out)
{
    struct history copy = *h; /* the same sets whatever came before */
    struct made m[2 + DEVICES];
    int n = 0;
    copy.rnd = h->later;
    for (int d = 1; d <= DEVICES + 2; d++) {
        int device = d > 2 ? d - 2 : d + 1;
        struct gb_head base = gb_state_head(w->st);
        make_set(&copy, &m[n], device, &base, 10000, d > 2);
        world_take(w, &m[n]);
        copy.last[device] = &m[n++];
        out->released += world_release_due(w);
    }
    world_put_schema(w, h->schemas[1]);
    out->released += world_release_due(w);
    while (n)
        gb_buf_release(&m[--n].bytes);
}

/* One record, or found false. */
static bool
load_record(struct world *w, int device, int k, struct gb_rec *r,
            struct gb_arena *arena)
{
    bool found;
    GOOD(gb_tables_load(gb_state_tables(w->st), 0, gb_id_make(device, k), arena,
                        r, &found, &why));
    return found;
}

/* It claims a slot: live, and the condition is true. */
static bool
claims(const struct gb_rec *r, int64_t *slot)
{
    const struct gb_column *c = r->table->columns;
    struct gb_value v = gb_cell_value(&c[SLOT], &r->cells[SLOT]);
    struct gb_value st = gb_cell_value(&c[ST], &r->cells[ST]);
    *slot = v.as.i;
    return v.type == GB_INT && !r->nvoids && st.type == GB_TEXT &&
           (*st.as.s.ptr == 'a' || *st.as.s.ptr == 'b');
}

/* Who loses, record by record against all others; returns how many do. */
static int
check_rivals(struct world *w)
{
    enum { ALL = DEVICES * RECORDS / 2 };
    struct gb_rec r[ALL];
    struct gb_arena arena;
    int n = 0, lost = 0;
    gb_arena_init(&arena, GB_ARENA_MAX);
    for (int i = 0; i < ALL; i++)
        n += load_record(w, 1 + i % DEVICES, 1 + i / DEVICES, &r[n], &arena);
    for (int i = 0; i < n; i++) {
        int64_t mine, theirs;
        bool loses = false;
        for (int k = 0; k < n && claims(&r[i], &mine); k++)
            loses |= claims(&r[k], &theirs) && mine == theirs &&
                     (r[k].stamp != r[i].stamp
                          ? r[k].stamp < r[i].stamp
                          : gb_id_device(r[k].id) < gb_id_device(r[i].id));
        assert_int_equal(r[i].rival, loses);
        lost += loses;
    }
    gb_arena_release(&arena);
    return lost;
}

/* Devices, then the sets in an order, with releases; the schema at last. */
static void
run(struct history *h, const int *order, struct outcome *out)
{
    struct world w;
    *out = (struct outcome){0};
    world_begin(&w, h->schemas[0], DEVICES);
    w.calm = true; /* thousands of sets */
    for (int i = 0; i < h->n; i++) {
        world_take(&w, &h->sets[order[i]]);
        out->released += world_release_due(&w);
    }
    go_on(&w, h, out);
    GOOD(gb_state_digest(w.st, out->digest, &why));
    out->waiting = world_number(&w, "SELECT count(*) FROM _wait");
    out->rivals = check_rivals(&w);
    /* behind one code another may stand: as often as it takes */
    for (int i = 0; i < h->n * OPS; i++)
        world_force_all(&w);
    GOOD(gb_state_digest(w.st, out->forced, &why));
    /* what still waits needs what was never there, or is there twice */
    assert_int_equal(
        world_number(&w, "SELECT count(*) FROM _wait WHERE code NOT IN "
                         "('MISSING', 'EXISTS', 'FACT', 'RANGE')"),
        0);
    /* and keeps its set, and no other */
    assert_int_equal(world_number(&w,
                                  "SELECT count(*) FROM _held WHERE pos NOT IN "
                                  "(SELECT pos FROM _wait)"),
                     0);
    world_end(&w);
}

/* -------------------------------------------------------------- orders -- */

/* A history, and what its first order gave. */
struct trial {
    struct history h;
    uint64_t seed;
    int order[SETS], runs;
    struct outcome first;
    int64_t released;
};

/* One more order gives what the first one gave. */
static void
try_order(struct trial *t)
{
    struct outcome o;
    run(&t->h, t->order, &o);
    t->released += o.released;
    if (!t->runs++)
        t->first = o;
    if (memcmp(t->first.digest, o.digest, 32) || t->first.waiting != o.waiting)
        fail_msg("GENGBU_SEED=%llu: another order gives another state",
                 (unsigned long long)t->seed);
    if (memcmp(t->first.forced, o.forced, 32))
        fail_msg("GENGBU_SEED=%llu: another order differs after a forced "
                 "release",
                 (unsigned long long)t->seed);
}

/* Set k may be next: all of its device before it are there. */
static bool
may_come(const struct trial *t, int n, int k)
{
    bool there[SETS] = {false};
    for (int i = 0; i < n; i++)
        there[t->order[i]] = true;
    for (int j = 0; j < k; j++)
        if (!there[j] && t->h.sets[j].device == t->h.sets[k].device)
            return false;
    return !there[k];
}

/* All that may come behind the first n. */
static void
try_all(struct trial *t, int n)
{
    if (n == t->h.n)
        try_order(t);
    for (int k = 0; n < t->h.n && k < t->h.n; k++)
        if (may_come(t, n, k)) {
            t->order[n] = k;
            try_all(t, n + 1);
        }
}

static void
try_some(struct trial *t, int orders)
{
    while (orders-- > 0) {
        for (int n = 0; n < t->h.n;) {
            t->order[n] = below(&t->h, t->h.n);
            n += may_come(t, n, t->order[n]);
        }
        try_order(t);
    }
}

/* Sizes in turn: many small histories, few of six sets, some larger ones. */
static int
size_of(uint64_t seed)
{
    static const int sizes[] = {2, 3, 4, 3, 4, 12, 2, 4, 5, 4, 3, 4, 9, 4, 6};
    return sizes[seed % (sizeof sizes / sizeof *sizes)];
}

static void
m1_every_order_gives_one_state(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } texts[] = {{"a.sql", first_schema}, {"b.sql", second_schema}};
    struct gb_schema_file files[2];
    for (int i = 0; i < 2; i++)
        files[i] =
            (struct gb_schema_file){texts[i].name, gb_span_text(texts[i].text)};
    struct gb_schema *schemas[2] = {world_schema(files, 1, 1),
                                    world_schema(files, 2, 2)};
    const char *from = getenv("GENGBU_SEED"), *rounds = getenv("GENGBU_ROUNDS");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    uint64_t count = from ? 1 : 30 * (rounds ? strtoull(rounds, NULL, 10) : 1);
    struct outcome all = {0};
    int runs = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct trial t = {.seed = seed};
        int nsets = size_of(seed);
        make_history(&t.h, seed, nsets, schemas);
        if (nsets > 6)
            try_some(&t, 8);
        else
            try_all(&t, 0);
        runs += t.runs;
        all.waiting += t.first.waiting;
        all.rivals += t.first.rivals;
        all.released += t.released;
        end_history(&t.h);
    }
    print_message("%llu histories in %d orders\n", (unsigned long long)count,
                  runs);
    /* the histories are about what they should be about */
    if (!from) {
        assert_true(all.waiting > 20);
        assert_true(all.rivals > 20);
        assert_true(all.released > 20);
    }
    gb_schema_free(schemas[0]);
    gb_schema_free(schemas[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m1_every_order_gives_one_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
