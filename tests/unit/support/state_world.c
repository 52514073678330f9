/* state_world.c - see state_world.h */
#include "tests/unit/support/state_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/clock.h"
#include "engine/tlv.h"
#include "tests/unit/support/fault.h"
#include "tests/unit/support/good.h"

static const uint8_t site[16] = {7};

enum { NAMES = 1024, KEPT = 64 };

struct gb_schema *
world_schema(const struct gb_schema_file *files, size_t n, uint32_t version)
{
    struct gb_buf pack;
    struct gb_schema *s;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(files, n, &pack, &why));
    GOOD(gb_schema_load(gb_buf_view(&pack), version, &s, &why));
    gb_buf_release(&pack);
    return s;
}

void
world_encode(struct made *m, struct gb_set *set, const struct gb_schema *s)
{
    gb_buf_init(&m->bytes, GB_SET_MAX);
    memcpy(set->site, site, sizeof site);
    set->schema = s->version;
    GOOD(gb_set_encode(set, s, &m->bytes, &why));
    m->sha = gb_sha256(gb_buf_view(&m->bytes));
    m->device = set->device;
    m->seq = set->seq;
}

/* One set on its way into the state. */
struct arrival {
    struct world *w;
    const struct made *m;
    struct gb_line line;
    uint8_t before[32]; /* the state's digest */
};

/* In the open transaction. */
static enum gb_err
take(struct arrival *a, struct gb_fail *fail)
{
    struct gb_set_info info;
    struct gb_set set = {0};
    struct gb_arena arena;
    int64_t adjust[1] = {0};
    struct gb_span bytes = gb_buf_view(&a->m->bytes);
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = gb_set_info(bytes, &info, fail);
    const struct gb_schema *s =
        e ? NULL : gb_state_schema_of(a->w->st, info.schema);
    if (!e)
        e = s ? gb_set_decode(bytes, s, &set, fail)
              : gb_set_decode_times(bytes, &set, fail);
    struct gb_incoming in = {.signed_bytes = bytes,
                             .info = &info,
                             .sha = a->m->sha,
                             .set = &set,
                             .times = !s,
                             .received_ms = a->m->received_ms,
                             .adjust = adjust,
                             .nadjust = 1};
    if (!e)
        e = gb_state_line(a->w->st, &in, &arena, &a->line, fail);
    gb_arena_release(&arena);
    gb_set_release(&set);
    return e;
}

/* In a transaction of its own. */
static enum gb_err
arrive(void *arg, struct gb_fail *fail)
{
    struct arrival *a = arg;
    enum gb_err e = gb_state_begin(a->w->st, fail);
    if (!e)
        e = take(a, fail);
    if (!e)
        e = gb_state_commit(a->w->st, fail);
    if (e)
        gb_state_rollback(a->w->st);
    return e;
}

/* What failed has changed nothing. */
static void
unchanged(void *arg, enum gb_err err, enum fault failed)
{
    struct arrival *a = arg;
    uint8_t now[32];
    fault_told(NULL, err, failed);
    if (!err)
        return;
    GOOD(gb_state_begin(a->w->st, &why));
    GOOD(gb_state_digest(a->w->st, now, &why));
    gb_state_rollback(a->w->st);
    assert_memory_equal(now, a->before, sizeof now);
}

/* Each call fails once before. */
static void
arrive_alone(struct arrival *a)
{
    struct world *w = a->w;
    if (!w->calm)
        GOOD(gb_state_digest(w->st, a->before, &why));
    GOOD(gb_state_commit(w->st, &why));
    fault_sweep(w->calm ? FAULT_NONE : FAULT_ANY, arrive, unchanged, a);
    GOOD(gb_state_begin(w->st, &why));
}

enum gb_verdict
world_take(struct world *w, const struct made *m)
{
    struct arrival a = {.w = w, .m = m};
    if (w->batch)
        GOOD(take(&a, &why));
    else
        arrive_alone(&a);
    if (a.line.pos < KEPT) {
        gb_buf_init(&w->sets[a.line.pos], GB_SET_MAX);
        gb_buf_span(&w->sets[a.line.pos], gb_buf_view(&m->bytes));
    }
    return a.line.verdict;
}

void
world_own(struct world *w, struct gb_op *ops, int n)
{
    struct gb_boot boot = {.wall_ms = w->received_ms};
    struct gb_device replica;
    struct made m;
    bool found;
    GOOD(gb_state_device(w->st, 0, &replica, &found, &why));
    struct gb_set set = {.seq = replica.seq + 1,
                         .clock_ms = w->received_ms,
                         .base = gb_state_head(w->st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = n};
    memcpy(set.prev, replica.sha, sizeof set.prev);
    for (int i = 0; i < n; i++) {
        ops[i].time_ms = w->received_ms;
        ops[i].stamp = gb_clock_next(i ? ops[i - 1].stamp : 0, w->received_ms);
    }
    world_encode(&m, &set, &gb_schema_none);
    m.received_ms = w->received_ms;
    assert_int_equal(world_take(w, &m), GB_APPLIED);
    gb_buf_release(&m.bytes);
}

static void
release(struct world *w, struct gb_opname *names, int n, struct gb_span payload)
{
    struct gb_op op = {
        .kind = GB_RELEASE, .names = names, .nnames = n, .text = payload};
    world_own(w, &op, 1);
}

int
world_release_due(struct world *w)
{
    struct gb_opname names[NAMES];
    int rounds = 0, n;
    for (;;) {
        GOOD(gb_state_due(w->st, names, NAMES, &n, &why));
        if (!n)
            return rounds;
        release(w, names, n, GB_SPAN("", 0));
        assert_true(++rounds < 10000);
    }
}

int
world_force_all(struct world *w)
{
    struct gb_opname names[NAMES];
    struct gb_buf payload;
    sqlite3_stmt *s;
    bool row;
    int n = 0;
    GOOD(gb_db_prepare(gb_state_db(w->st),
                       "SELECT device, stamp FROM _wait ORDER BY 1, 2", &s,
                       &why));
    while (n < NAMES && !gb_db_step(s, &row, &why) && row)
        names[n++] = (struct gb_opname){sqlite3_column_int(s, 0),
                                        sqlite3_column_int64(s, 1)};
    sqlite3_finalize(s);
    gb_buf_init(&payload, 256);
    gb_tlv_number(&payload, GB_RELEASE_FORCE, 1);
    if (n)
        release(w, names, n, gb_buf_view(&payload));
    gb_buf_release(&payload);
    world_release_due(w);
    return n;
}

void
world_put_schema(struct world *w, const struct gb_schema *s)
{
    struct gb_buf payload;
    gb_buf_init(&payload, GB_SET_MAX);
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, s->version);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, s->text);
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&payload)};
    world_own(w, &op, 1);
    gb_buf_release(&payload);
}

void
world_put_device(struct world *w, int number, int level)
{
    struct gb_buf payload;
    gb_buf_init(&payload, GB_SET_MAX);
    gb_tlv_number(&payload, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_number(&payload, GB_DEVICE_LEVEL, (uint64_t)level);
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&payload)};
    world_own(w, &op, 1);
    gb_buf_release(&payload);
}

/* The ledger's part. */
static enum gb_err
fetch(void *context, const struct gb_line *line, struct gb_buf *out,
      struct gb_fail *fail)
{
    struct world *w = context;
    assert_true(line->pos < KEPT);
    w->fetched++;
    gb_buf_span(out, gb_buf_view(&w->sets[line->pos]));
    return gb_buf_check(out, "an older set", fail);
}

void
world_begin(struct world *w, const struct gb_schema *s, int devices)
{
    *w = (struct world){.received_ms = WORLD_START_MS + 4000};
    GOOD(gb_state_open(":memory:", site, &w->st, &why));
    GOOD(gb_state_begin(w->st, &why));
    gb_state_on_fetch(w->st, fetch, w);
    world_put_schema(w, s);
    for (int d = 1; d <= devices; d++)
        world_put_device(w, d, d > 2 ? 2 : 1);
    w->received_ms = WORLD_START_MS + 6000;
}

void
world_end(struct world *w)
{
    gb_state_rollback(w->st);
    gb_state_close(w->st);
    for (int i = 0; i < KEPT; i++)
        gb_buf_release(&w->sets[i]);
}

int64_t
world_number(struct world *w, const char *sql)
{
    int64_t v;
    bool found;
    GOOD(gb_db_int(gb_state_db(w->st), sql, &v, &found, &why));
    return v;
}
