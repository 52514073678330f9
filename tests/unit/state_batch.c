/*
 * state_batch.c - sets that one transaction takes leave what they leave when
 * each is taken in its own, though their rows are written at its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/id.h"
#include "engine/tlv.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

/* What is in force before and after: a column more, and a claim more. */
static const char *const sql[] = {
    "CREATE TABLE r(id INTEGER PRIMARY KEY, area TEXT, n INTEGER) STRICT;\n"
    "CREATE TABLE only(id INTEGER PRIMARY KEY) STRICT;\n"
    "CREATE TABLE c(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('r','area','last'),('r','n','max'),"
    "('c','n','last');\n"
    "INSERT INTO record(tbl, scope, rival) VALUES"
    "('r','area = :area',NULL),('c',NULL,'n');\n",
    "CREATE TABLE r(id INTEGER PRIMARY KEY, area TEXT, n INTEGER, m INTEGER)"
    " STRICT;\n"
    "CREATE TABLE only(id INTEGER PRIMARY KEY) STRICT;\n"
    "CREATE TABLE c(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('r','area','last'),('r','n','max'),"
    "('c','n','last'),('r','m','last');\n"
    "INSERT INTO record(tbl, scope, rival) VALUES"
    "('r','area = :area','n'),('c',NULL,'n');\n",
};
enum { R, ONLY, C };
enum { AREA, N, M };
enum { MANY = 1000 };

static struct gb_schema *schemas[2];

static int
begin(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct gb_schema_file file = {"a.sql", gb_span_text(sql[v])};
        schemas[v] = world_schema(&file, 1, (uint32_t)v + 1);
    }
    return 0;
}

static int
end(void **state)
{
    (void)state;
    gb_schema_free(schemas[0]);
    gb_schema_free(schemas[1]);
    return 0;
}

/* A device's next set: n operations of a kind on as many records, each of which
 * writes one column, that of device `of` with the lowest counter first. */
struct work {
    int device, n;
    enum gb_kind kind;
    int table, of, column;
    int64_t value; /* of an area: its length */
};

/* Operations of now, as a device's next set. */
static void
send_ops(struct world *w, int device, struct gb_op *ops, int n,
         const struct gb_schema *s)
{
    struct gb_device d;
    struct made m;
    bool found;
    struct gb_boot boot = {.id = {1}, .wall_ms = w->received_ms};
    assert_int_equal(gb_state_device(w->st, device, &d, &found, &why), 0);
    for (int i = 0; i < n; i++) {
        ops[i].actor = 1;
        ops[i].time_ms = w->received_ms;
        ops[i].stamp = (w->received_ms << 16) + i;
    }
    struct gb_set set = {.device = device,
                         .seq = d.seq + 1,
                         .clock_ms = w->received_ms,
                         .base = gb_state_head(w->st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = n};
    memcpy(set.prev, d.sha, sizeof set.prev);
    world_encode(&m, &set, s);
    m.received_ms = w->received_ms += 1000;
    assert_int_equal(world_take(w, &m), GB_APPLIED);
    gb_buf_release(&m.bytes);
}

static void
send(struct world *w, const struct work *k, const struct gb_schema *s)
{
    static const char area[] = "aaaaaaaa";
    struct gb_op ops[MANY];
    bool text = k->table == R && k->column == AREA;
    struct gb_written value = {
        .column = k->column,
        .value = text ? gb_value_text(GB_SPAN(area, (size_t)k->value))
                      : gb_value_int(k->value)};
    gb_assert(k->n <= MANY);
    for (int i = 0; i < k->n; i++)
        ops[i] = (struct gb_op){.kind = k->kind,
                                .table = k->table,
                                .id = gb_id_make(k->of, i + 1),
                                .values = &value,
                                .nvalues = k->table != ONLY};
    send_ops(w, k->device, ops, k->n, s);
}

static void
name_site(struct world *w)
{
    struct gb_buf payload;
    gb_buf_init(&payload, 64);
    gb_tlv_put(&payload, GB_SITE_NAME, GB_SPAN("there", 5));
    struct gb_op op = {.kind = GB_SITE, .text = gb_buf_view(&payload)};
    world_own(w, &op, 1);
    gb_buf_release(&payload);
}

/* What is pending when a schema or the site's name comes would be lost; claims
 * have it written. */
static const struct work before[] = {
    {1, 2, GB_INSERT, C, 1, 0, 7},    {2, 1, GB_INSERT, C, 2, 0, 7},
    {1, 1, GB_SET, C, 1, 0, 8},       {1, 40, GB_INSERT, R, 1, AREA, 1},
    {0, 3, GB_INSERT, R, 0, AREA, 0}, {1, 20, GB_INSERT, ONLY, 1, 0, 0},
    {0, 1, GB_INSERT, ONLY, 0, 0, 0}, {2, 9, GB_SET, R, 1, AREA, 0},
    {1, 30, GB_SET, R, 1, N, 5},
};
static const struct work after[] = {
    {2, 40, GB_SET, R, 1, M, 1},
    {1, 1, GB_INSERT, R, 2, N, 5}, /* an id of another's: it waits */
    {2, 20, GB_INSERT, R, 2, N, 5},
    {2, 5, GB_INSERT, ONLY, 2, 0, 0},
    {1, 12, GB_SET, R, 2, AREA, 3},
    {2, 12, GB_SET, R, 2, AREA, 2},
};

/* All of it; what it left: the records, and what areas were. */
static void
work(struct world *w, uint8_t digest[32], struct gb_buf *was)
{
    sqlite3_stmt *s;
    bool row;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        send(w, &before[i], schemas[0]);
    world_put_schema(w, schemas[1]);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        send(w, &after[i], schemas[1]);
        name_site(w);
    }
    w->batch = false;
    assert_int_equal(gb_state_digest(w->st, digest, &why), GB_OK);
    assert_int_equal(gb_db_prepare(gb_state_db(w->st),
                                   "SELECT format('%d %d %d %d %Q;', tbl, col, "
                                   "id, pos, value) FROM _was ORDER BY "
                                   "tbl, col, id, pos",
                                   &s, &why),
                     GB_OK);
    while (!gb_db_step(s, &row, &why) && row)
        gb_buf_span(was, gb_db_blob(s, 0));
    sqlite3_finalize(s);
}

static void
as_one_by_one(void **state)
{
    struct world worlds[2];
    uint8_t digests[2][32];
    struct gb_buf was[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = &worlds[i];
        gb_buf_init(&was[i], 1 << 16);
        world_begin(w, schemas[0], 2);
        w->calm = true;
        w->batch = i == 1;
        work(w, digests[i], &was[i]);
    }
    assert_memory_equal(digests[0], digests[1], 32);
    assert_true(was[0].len > 0);
    assert_true(gb_span_equal(gb_buf_view(&was[0]), gb_buf_view(&was[1])));
    assert_int_equal(world_number(&worlds[1], "SELECT count(*) FROM r"), 63);
    assert_int_equal(world_number(&worlds[1], "SELECT count(*) FROM _wait"), 1);
    for (int i = 0; i < 2; i++) {
        gb_buf_release(&was[i]);
        world_end(&worlds[i]);
    }
}

/* sqlite3_progress_handler() callback. */
static int
count(void *steps)
{
    ++*(uint64_t *)steps;
    return 0;
}

/* What a set of n records that claim the same costs, in steps of SQLite. */
static uint64_t
steps_of_claims(int n)
{
    struct world w;
    uint64_t steps = 0;
    struct work k = {1, n, GB_INSERT, C, 1, 0, 7};
    world_begin(&w, schemas[0], 2);
    w.calm = true;
    sqlite3_progress_handler(gb_state_db(w.st), 1, count, &steps);
    send(&w, &k, schemas[0]);
    sqlite3_progress_handler(gb_state_db(w.st), 0, NULL, NULL);
    assert_int_equal(world_number(&w, "SELECT count(*) FROM c"), n);
    world_end(&w);
    return steps;
}

/* A handheld that claims one thing a thousand times holds up nobody. */
static void
equal_claims_cost_no_square(void **state)
{
    (void)state;
    uint64_t few = steps_of_claims(MANY / 10), many = steps_of_claims(MANY);
    assert_true(few > MANY && many < 15 * few);
}

static bool
is_rival(struct world *w, int table, int64_t id)
{
    struct gb_arena arena;
    struct gb_rec r;
    bool found;
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_tables_load(gb_state_tables(w->st), table, id, &arena, &r, &found,
                        &why));
    assert_true(found);
    bool rival = r.rival;
    gb_arena_release(&arena);
    return rival;
}

/* One set, in which records of two tables claim what looks the same, under the
 * same ids: each table has its own holder and its own rival. */
static void
claims_are_of_a_table(void **state)
{
    struct world w;
    struct gb_op ops[4];
    struct gb_written value = {.column = N, .value = gb_value_int(5)};
    struct gb_written of_c = {.column = 0, .value = gb_value_int(5)};
    (void)state;
    world_begin(&w, schemas[0], 2);
    w.calm = true;
    world_put_schema(&w, schemas[1]);
    for (int i = 0; i < 4; i++)
        ops[i] = (struct gb_op){.kind = GB_INSERT,
                                .table = i % 2 ? C : R,
                                .id = gb_id_make(1, i / 2 + 1),
                                .values = i % 2 ? &of_c : &value,
                                .nvalues = 1};
    send_ops(&w, 1, ops, 4, schemas[1]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(is_rival(&w, ops[i].table, ops[i].id), i >= 2);
    world_end(&w);
}

/* sqlite3_trace_v2() callback: sets that waited and are read. */
static int
count_held(unsigned event, void *n, void *statement, void *text)
{
    (void)event;
    (void)statement;
    *(int *)n += strstr(text, "SELECT signed FROM _held") != NULL;
    return 0;
}

/* A record on which an operation waits changes a thousand times: what waits is
 * taken apart once a set, not once a change. */
static void
a_set_that_waits_is_read_once(void **state)
{
    struct world w;
    struct gb_op ops[MANY];
    struct gb_written value = {.column = N, .value = gb_value_int(7)};
    struct gb_span area = gb_span_text("a");
    int reads = 0;
    (void)state;
    for (int i = 0; i < MANY; i++)
        ops[i] = (struct gb_op){.kind = i == 1 ? GB_INSERT : GB_SET,
                                .table = R,
                                .id = gb_id_make(1, 1),
                                .values = &value,
                                .nvalues = 1};
    world_begin(&w, schemas[0], 2);
    w.calm = true;
    sqlite3_trace_v2(gb_state_db(w.st), SQLITE_TRACE_STMT, count_held, &reads);
    send_ops(&w, 1, ops, MANY, schemas[0]); /* the first one comes too early */
    assert_int_equal(reads, 1);
    send_ops(&w, 1, ops + 2, MANY - 2, schemas[0]);
    assert_int_equal(reads, 2);
    value = (struct gb_written){.column = AREA, .value = gb_value_text(area)};
    send_ops(&w, 1, ops + 2, MANY - 2, schemas[0]); /* the latest shows */
    assert_int_equal(reads, 2);
    sqlite3_trace_v2(gb_state_db(w.st), 0, NULL, NULL);
    assert_int_equal(world_number(&w, "SELECT dead FROM _wait"), 1 << N);
    world_end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(equal_claims_cost_no_square, begin,
                                        end),
        cmocka_unit_test_setup_teardown(claims_are_of_a_table, begin, end),
        cmocka_unit_test_setup_teardown(a_set_that_waits_is_read_once, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
