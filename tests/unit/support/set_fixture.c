/* set_fixture.c - see set_fixture.h */
#include "set_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/clock.h"
#include "engine/limits.h"
#include "schema_fixture.h"
#include "tests/bench/workload.h"

/* ----------------------------------------------------------- building -- */

/* Memory of the set that must be there. */
static void *
take(struct gb_set *set, size_t n, size_t size)
{
    void *p = gb_arena_array(&set->arena, n ? n : 1, size);
    assert_non_null(p);
    return p;
}

void
set_fixture_begin(struct gb_set *set, const struct gb_schema *s, int n)
{
    *set = (struct gb_set){.device = 7,
                           .seq = 3,
                           .schema = s->version,
                           .clock_ms = WL_START_MS + 5 * WL_DAY_MS,
                           .base = {.epoch = 1, .size = 1042}};
    gb_arena_init(&set->arena, 4 * GB_ARENA_MAX);
    memset(set->site, 0xa5, sizeof set->site);
    memset(set->prev, 0x5a, sizeof set->prev);
    memset(set->base.root, 0x3c, sizeof set->base.root);
    set->boots = take(set, 1, sizeof *set->boots);
    set->nboots = 1;
    set->ops = take(set, (size_t)n, sizeof *set->ops);
    memset(set->boots->id, 0x11, sizeof set->boots->id);
    set->boots->mono_ms = 123456789;
}

struct gb_op *
set_fixture_op(struct gb_set *set, const struct gb_schema *s, enum gb_kind kind,
               int table, int64_t time_ms)
{
    struct gb_op *op = &set->ops[set->nops];
    size_t columns = kind <= GB_RESOLVE ? (size_t)s->tables[table].ncolumns : 0;
    int64_t before = set->nops ? op[-1].stamp : 0;
    *op = (struct gb_op){.kind = kind,
                         .table = table,
                         .actor = 1003,
                         .boot = set->nboots - 1,
                         .time_ms = time_ms,
                         .stamp = gb_clock_next(before, time_ms),
                         .values = take(set, columns, sizeof *op->values)};
    if (!set->nops++)
        set->boots->wall_ms = time_ms;
    return op;
}

void
set_fixture_write(struct gb_op *op, int column, struct gb_value v)
{
    op->values[op->nvalues++] =
        (struct gb_written){.column = column, .value = v};
}

void
set_fixture_salt(struct gb_set *set, struct gb_op *op, uint8_t fill)
{
    uint8_t *salt = take(set, GB_SALT_BYTES, 1);
    memset(salt, fill, GB_SALT_BYTES);
    op->salt = salt;
}

/* ------------------------------------------------------------- random -- */

static struct gb_value
some_text(struct gb_set *set, uint64_t *seed, enum gb_type type)
{
    static const char *const pieces[] = {
        "",     "0",   "007",         "正常",       "1234567890123456789012",
        "B",    "-",   "999999999",   "000000000",  "𝄞",
        "F04-", " 的", "18446744073", "100000000",  "x",
        "é",    "9",   "99",          "业主不在家", "00",
    };
    struct gb_buf b;
    gb_buf_init(&b, GB_TEXT_MAX);
    uint64_t n = wl_next(seed) % 6;
    if (type == GB_BLOB && n == 5) /* what UTF-8 never has, and digits */
        gb_buf_add(&b,
                   "\xf5\xfd\xff\x00\x80"
                   "12",
                   7);
    if (wl_next(seed) % 16 == 0)
        gb_buf_u8(&b, 0);
    for (; n; n--)
        gb_buf_text(&b,
                    pieces[wl_next(seed) % (sizeof pieces / sizeof *pieces)]);
    struct gb_value v = {.type = type,
                         .as.s = gb_arena_copy(&set->arena, gb_buf_view(&b))};
    gb_buf_release(&b);
    return v;
}

static struct gb_value
some_value(struct gb_set *set, uint64_t *seed, enum gb_type type)
{
    static const int64_t corners[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1 << 20};
    static const double reals[] = {0.0, 1.5, -2e300, 1e-310, 3.25, 1e9};
    uint64_t r = wl_next(seed);
    if (type == GB_INT)
        return gb_value_int(r % 4 ? (int64_t)(r >> 50) : corners[r / 4 % 6]);
    if (type == GB_REAL)
        return gb_value_real(reals[r % 6]);
    return some_text(set, seed, type);
}

/* The values of one operation, and its salt. */
static void
some_values(struct gb_set *set, struct gb_op *op, const struct gb_table *t,
            uint64_t *seed)
{
    bool personal = false;
    while (!op->nvalues) {
        for (int c = 0; c < t->ncolumns; c++) {
            const struct gb_column *col = &t->columns[c];
            uint64_t r = wl_next(seed) % 8;
            if (r < (op->kind == GB_INSERT ? 2 : 6) ||
                (col->personal && op->kind == GB_RESOLVE))
                continue;
            struct gb_value v = r == 6 && op->kind != GB_INSERT
                                    ? GB_VALUE_NULL
                                    : some_value(set, seed, col->type);
            set_fixture_write(op, c, v);
            if (op->kind == GB_SET && col->rule.kind == GB_RULE_STATE && r == 7)
                op->values[op->nvalues - 1].from =
                    some_value(set, seed, col->type);
            personal |= col->personal;
        }
        if (op->kind == GB_INSERT)
            break;
    }
    if (personal)
        set_fixture_salt(set, op, (uint8_t)wl_next(seed));
}

static void
some_names(struct gb_set *set, struct gb_op *op, uint64_t *seed)
{
    int n = 1 + (int)(wl_next(seed) % 4);
    op->names = take(set, (size_t)n, sizeof *op->names);
    for (; op->nnames < n; op->nnames++)
        op->names[op->nnames] = (struct gb_opname){
            op->nnames / 2, (int64_t)(*seed >> 8) + op->nnames};
}

static void
some_origins(struct gb_set *set, uint64_t *seed)
{
    set->origins = take(set, (size_t)set->nops, sizeof *set->origins);
    if (wl_next(seed) % 2)
        set->parent = (struct gb_parent){8191, 77, 65536};
    for (int i = 0; i < set->nops; i++) {
        struct gb_origin *o = &set->origins[i];
        o->device = 1 + (int)(wl_next(seed) % GB_DEVICE_MAX);
        memset(o->boot, i % 3, sizeof o->boot);
        o->mono_ms = (int64_t)(wl_next(seed) >> 20);
        o->stamp = (int64_t)(wl_next(seed) >> 1);
    }
}

void
set_fixture_random(struct gb_set *set, const struct gb_schema *s, uint64_t seed,
                   int nops)
{
    static const enum gb_kind kinds[] = {
        GB_INSERT,  GB_INSERT, GB_SET,    GB_SET,    GB_VOID,
        GB_RESOLVE, GB_SITE,   GB_SCHEMA, GB_DEVICE, GB_RELEASE};
    int64_t ms = WL_START_MS;
    set_fixture_begin(set, s, nops);
    set->boots = take(set, (size_t)nops, sizeof *set->boots);
    set->nboots = 0;
    while (set->nops < nops) {
        if (!set->nboots || wl_next(&seed) % 8 == 0) {
            ms = (int64_t)(wl_next(&seed) >> 17);
            set->boots[set->nboots++] = (struct gb_boot){
                {(uint8_t)seed}, ms, (int64_t)(seed >> 17), (int64_t)seed};
        }
        enum gb_kind kind = kinds[wl_next(&seed) % 10];
        int table = (int)(wl_next(&seed) % (unsigned)s->ntables);
        ms = gb_time_clamp(ms + (int64_t)(wl_next(&seed) % 1000) - 100);
        int64_t before = set->nops ? set->ops[set->nops - 1].stamp : 0;
        struct gb_op *op =
            set_fixture_op(set, s, kind, kind <= GB_RESOLVE ? table : 0, ms);
        op->stamp = gb_clock_next(before, ms) + (int64_t)(seed % 3);
        op->actor = seed % 5 ? (int64_t)(seed % 4) : 0;
        op->boot = set->nboots - 1;
        if (kind <= GB_RESOLVE)
            op->id = (int64_t)(wl_next(&seed) % 8192) << 40 |
                     (int64_t)(1 + wl_next(&seed) % 999);
        if (kind <= GB_RESOLVE && kind != GB_VOID)
            some_values(set, op, &s->tables[table], &seed);
        if (kind != GB_SET)
            op->text = some_text(set, &seed, GB_TEXT).as.s;
        if (kind == GB_RESOLVE || kind == GB_RELEASE)
            some_names(set, op, &seed);
    }
    if (seed % 3 == 0)
        some_origins(set, &seed);
}

/* ----------------------------------------------------------- workload -- */

struct gb_schema *
set_fixture_shift_schema(void)
{
    return schema_fixture(wl_schema, 1);
}

static struct gb_value
value_of(struct gb_set *set, const struct wl_value *v)
{
    return v->text ? gb_value_text(
                         gb_arena_copy(&set->arena, GB_SPAN(v->s, v->len)))
                   : gb_value_int(v->i);
}

void
set_fixture_shift(struct gb_set *set, const struct gb_schema *s, int day,
                  int device, int inserts, int changes, int voids)
{
    struct wl_op ops[WL_OPS];
    struct wl_value v;
    int n = wl_shift(day, device, inserts, changes, voids, ops);
    set_fixture_begin(set, s, n);
    set->device = device + 1;
    for (int i = 0; i < n; i++) {
        const struct wl_op *o = &ops[i];
        static const enum gb_kind kinds[] = {GB_INSERT, GB_SET, GB_VOID};
        struct gb_op *op =
            set_fixture_op(set, s, kinds[o->kind], o->table, o->ms);
        op->id = wl_id(o->key);
        if (o->kind == WL_VOID)
            op->text = gb_span_text("误录");
        for (int c = 0; o->kind == WL_INSERT && c < wl_ncolumns[o->table];
             c++) {
            wl_cell(o->table, c, o->key, &v);
            set_fixture_write(op, c, value_of(set, &v));
        }
        if (o->kind == WL_CHANGE) {
            wl_changed(o, &v);
            set_fixture_write(op, o->column, value_of(set, &v));
        }
    }
}

/* ---------------------------------------------------------- comparing -- */

static void
same_op(const struct gb_op *a, const struct gb_op *b, const struct gb_table *t,
        bool hidden)
{
    bool personal = false;
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->table, b->table);
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->actor, b->actor);
    assert_int_equal(a->boot, b->boot);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->stamp, b->stamp);
    assert_true(gb_span_equal(a->text, b->text));
    assert_int_equal(a->nvalues, b->nvalues);
    for (int i = 0; i < a->nvalues; i++) {
        const struct gb_written *x = &a->values[i], *y = &b->values[i];
        bool own = t->columns[x->column].personal;
        personal |= own;
        assert_int_equal(x->column, y->column);
        assert_true(gb_value_equal(&x->from, &y->from));
        assert_int_equal(y->hidden, own && hidden);
        assert_true(y->hidden || gb_value_equal(&x->value, &y->value));
    }
    assert_int_equal(a->nnames, b->nnames);
    for (int i = 0; i < a->nnames; i++) {
        assert_int_equal(a->names[i].device, b->names[i].device);
        assert_int_equal(a->names[i].stamp, b->names[i].stamp);
    }
    assert_int_equal(b->commitment != NULL, personal);
    assert_int_equal(b->salt != NULL, personal && !hidden);
    if (b->salt)
        assert_memory_equal(a->salt, b->salt, GB_SALT_BYTES);
}

void
set_fixture_same(const struct gb_set *a, const struct gb_set *b,
                 const struct gb_schema *s, bool hidden)
{
    assert_memory_equal(a->site, b->site, sizeof a->site);
    assert_memory_equal(a->prev, b->prev, sizeof a->prev);
    assert_memory_equal(a->base.root, b->base.root, sizeof a->base.root);
    assert_int_equal(a->base.epoch, b->base.epoch);
    assert_int_equal(a->base.size, b->base.size);
    assert_int_equal(a->device, b->device);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->schema, b->schema);
    assert_int_equal(a->clock_ms, b->clock_ms);
    assert_int_equal(a->nboots, b->nboots);
    for (int i = 0; i < a->nboots; i++) {
        assert_memory_equal(a->boots[i].id, b->boots[i].id, 16);
        assert_int_equal(a->boots[i].wall_ms, b->boots[i].wall_ms);
        assert_int_equal(a->boots[i].mono_ms, b->boots[i].mono_ms);
        assert_int_equal(a->boots[i].shift_ms, b->boots[i].shift_ms);
    }
    assert_int_equal(a->nops, b->nops);
    for (int i = 0; i < a->nops; i++)
        same_op(&a->ops[i], &b->ops[i], &s->tables[a->ops[i].table], hidden);
    assert_int_equal(a->origins != NULL, b->origins != NULL);
    assert_int_equal(a->parent.device, b->parent.device);
    assert_int_equal(a->parent.seq, b->parent.seq);
    assert_int_equal(a->parent.ops, b->parent.ops);
    for (int i = 0; i < a->nops && a->origins; i++) {
        const struct gb_origin *x = &a->origins[i], *y = &b->origins[i];
        assert_int_equal(x->device, y->device);
        assert_int_equal(x->mono_ms, y->mono_ms);
        assert_int_equal(x->stamp, y->stamp);
        assert_memory_equal(x->boot, y->boot, sizeof x->boot);
    }
}
