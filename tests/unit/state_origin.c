/* state_origin.c - a number that continues another one: M3 and M25 of
 * docs/MERGE.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

static const char text[] =
    "CREATE TABLE r(id INTEGER PRIMARY KEY, ro INTEGER, su INTEGER,"
    " owner INTEGER REFERENCES r(id)) STRICT;\n"
    "INSERT INTO rule VALUES('r','ro','role'),('r','su','sum'),"
    "('r','owner','last');\n";

enum { RO, SU, OWNER };
enum { OLD = 1, NEW = 4, OTHER = 3 };

static struct gb_schema *schema;
static struct world w;
static struct gb_head start; /* what all have seen: the site, the record */
static int64_t record;

/* ------------------------------------------------------------- writing -- */

/* An operation as a test says it: one value of a column; made at `ms`. */
struct step {
    int column;
    int64_t value;
    int64_t ms;
};

/* The next set of a device, which has seen `start`.  With origins, those of
 * OLD's boot; with `parent`, continuing that. */
static void
make(struct made *m, int device, const struct step *steps, int n,
     const struct gb_parent *parent)
{
    struct gb_written values[8];
    struct gb_op ops[8];
    struct gb_origin origins[8];
    struct gb_boot boot = {.wall_ms = WORLD_START_MS, .mono_ms = 500};
    struct gb_device d;
    bool found;
    GOOD(gb_state_device(w.st, device, &d, &found, &why));
    struct gb_set set = {.device = device,
                         .seq = d.seq + 1,
                         .clock_ms = WORLD_START_MS,
                         .base = start,
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = n};
    memcpy(set.prev, d.sha, sizeof set.prev);
    boot.id[0] = OLD;
    for (int i = 0; i < n; i++) {
        int64_t ms = WORLD_START_MS + steps[i].ms;
        values[i] = (struct gb_written){.column = steps[i].column,
                                        .value = gb_value_int(steps[i].value)};
        ops[i] = (struct gb_op){.kind = GB_SET,
                                .id = record,
                                .time_ms = ms,
                                .stamp = gb_stamp_of(ms),
                                .values = &values[i],
                                .nvalues = 1,
                                .text = GB_SPAN("", 0)};
        origins[i] = (struct gb_origin){
            .device = OLD, .mono_ms = 500 + steps[i].ms, .stamp = ops[i].stamp};
        origins[i].boot[0] = OLD;
    }
    if (parent) {
        set.origins = origins;
        set.parent = *parent;
    }
    world_encode(m, &set, schema);
    m->received_ms = WORLD_START_MS + 60000;
}

static void
send(int device, const struct step *steps, int n,
     const struct gb_parent *parent)
{
    struct made m;
    make(&m, device, steps, n, parent);
    assert_int_equal(world_take(&w, &m), GB_APPLIED);
    gb_buf_release(&m.bytes);
}

/* ------------------------------------------------------------- reading -- */

static void
load(struct gb_rec *r, struct gb_arena *arena)
{
    bool found;
    gb_arena_init(arena, GB_ARENA_MAX);
    GOOD(gb_tables_load(gb_state_tables(w.st), 0, record, arena, r, &found,
                        &why));
    assert_true(found);
}

/* How many values of `ro` are open. */
static int
open_values(void)
{
    struct gb_rec r;
    struct gb_arena arena;
    load(&r, &arena);
    int n = r.cells[RO].n;
    gb_arena_release(&arena);
    return n;
}

static int64_t
sum(void)
{
    struct gb_rec r;
    struct gb_arena arena;
    load(&r, &arena);
    int64_t v = r.cells[SU].n ? r.cells[SU].sib->value.as.i : 0;
    gb_arena_release(&arena);
    return v;
}

static int64_t
repeats(void)
{
    return world_number(&w, "SELECT count(*) FROM _wait WHERE code = "
                            "'REPEAT'");
}

/* --------------------------------------------------------------- tests -- */

static int
begin(void **state)
{
    (void)state;
    const struct gb_schema_file file = {"a.sql", gb_span_text(text)};
    schema = world_schema(&file, 1, 1);
    world_begin(&w, schema, NEW);
    /* OTHER makes the record */
    struct gb_op op = {.kind = GB_INSERT,
                       .id = gb_id_make(OTHER, 1),
                       .time_ms = WORLD_START_MS,
                       .stamp = gb_stamp_of(WORLD_START_MS),
                       .text = GB_SPAN("", 0)};
    struct gb_boot boot = {.wall_ms = WORLD_START_MS};
    struct gb_set set = {.device = OTHER,
                         .seq = 1,
                         .clock_ms = WORLD_START_MS,
                         .base = gb_state_head(w.st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = &op,
                         .nops = 1};
    struct made m;
    world_encode(&m, &set, schema);
    m.received_ms = WORLD_START_MS + 5000;
    assert_int_equal(world_take(&w, &m), GB_APPLIED);
    gb_buf_release(&m.bytes);
    record = op.id;
    start = gb_state_head(w.st);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_end(&w);
    gb_schema_free(schema);
    return 0;
}

/* M3: what the shared part wrote is seen, what the old chain did behind it is
 * not. */
static void
m3_a_new_number_has_seen_what_it_shares(void **state)
{
    (void)state;
    const struct step shared[] = {{RO, 1, 10}, {RO, 2, 20}, {RO, 3, 30}};
    const struct step behind[] = {{RO, 9, 40}};
    send(OLD, shared, 3, NULL);
    struct gb_parent all = {OLD, 1, 3};
    send(NEW, behind, 1, &all);
    assert_int_equal(open_values(), 1);
}

static void
m3_and_not_what_the_old_chain_did_behind_it(void **state)
{
    (void)state;
    const struct step shared[] = {{RO, 1, 10}, {RO, 2, 20}, {RO, 3, 30}};
    const struct step behind[] = {{RO, 9, 40}};
    send(OLD, shared, 3, NULL);
    struct gb_parent two = {OLD, 1, 2};
    send(NEW, behind, 1, &two);
    assert_int_equal(open_values(), 2);
}

/* M20 with M3: the floor is that of the shared part, too. */
static void
m3_stamps_lie_above_the_shared_part(void **state)
{
    (void)state;
    const struct step shared[] = {{RO, 1, 50000}};
    const struct step behind[] = {{RO, 9, 10}};
    struct gb_parent parent = {OLD, 1, 1};
    struct gb_rec r;
    struct gb_arena arena;
    send(OLD, shared, 1, NULL);
    send(NEW, behind, 1, &parent);
    load(&r, &arena);
    assert_int_equal(r.cells[RO].n, 1);
    assert_int_equal(r.cells[RO].sib->device, NEW);
    assert_true(r.cells[RO].sib->stamp > gb_stamp_of(WORLD_START_MS + 50000));
    gb_arena_release(&arena);
}

/* A first set waits for the set that it continues. */
static void
m3_the_parents_set_comes_first(void **state)
{
    (void)state;
    const struct step step[] = {{SU, 1, 10}};
    struct gb_parent parent = {OLD, 1, 1};
    struct gb_set set;
    struct made m;
    bool there;
    make(&m, NEW, step, 1, &parent);
    GOOD(gb_set_decode(gb_buf_view(&m.bytes), schema, &set, &why));
    GOOD(gb_state_parent_there(w.st, &set, &there, &why));
    assert_false(there);
    send(OLD, step, 1, NULL);
    GOOD(gb_state_parent_there(w.st, &set, &there, &why));
    assert_true(there);
    gb_set_release(&set);
    gb_buf_release(&m.bytes);
}

/* M25: captured again, and the first chain had delivered it after all. */
static void
m25_what_the_old_number_delivered_repeats(void **state)
{
    (void)state;
    const struct step steps[] = {{SU, 1, 10}, {SU, 10, 20}, {SU, 100, 30}};
    struct gb_parent parent = {OLD, 1, 1};
    send(OLD, steps, 1, NULL);
    send(OLD, steps + 1, 1, NULL);
    send(NEW, steps + 1, 2, &parent);
    assert_int_equal(sum(), 111);
    assert_int_equal(repeats(), 1);
}

/* ... and the other way round. */
static void
m25_what_the_new_number_delivered_repeats(void **state)
{
    (void)state;
    const struct step steps[] = {{SU, 1, 10}, {SU, 10, 20}, {SU, 100, 30}};
    struct gb_parent parent = {OLD, 1, 1};
    send(OLD, steps, 1, NULL);
    send(NEW, steps + 1, 1, &parent);
    send(OLD, steps + 1, 2, NULL);
    assert_int_equal(sum(), 111);
    assert_int_equal(repeats(), 1);
}

/* What waits has not taken effect: the other one does, and then it repeats. */
static void
m25_what_waits_is_no_repetition(void **state)
{
    (void)state;
    const struct step steps[] = {{SU, 1, 10},
                                 {OWNER, gb_id_make(OTHER, 7), 20}};
    struct gb_parent parent = {OLD, 1, 1};
    send(OLD, steps, 2, NULL);
    send(NEW, steps + 1, 1, &parent);
    assert_int_equal(repeats(), 0);
    assert_int_equal(world_number(&w, "SELECT count(*) FROM _wait WHERE "
                                      "code = 'MISSING'"),
                     2);
}

/* The same stamp of another boot, or of another time, is another operation. */
static void
m25_an_origin_is_device_boot_time_and_stamp(void **state)
{
    (void)state;
    const struct step steps[] = {{SU, 1, 10}, {SU, 10, 20}};
    const struct step others[] = {{SU, 100, 21}};
    struct gb_parent parent = {OLD, 1, 1};
    send(OLD, steps, 2, NULL);
    send(NEW, others, 1, &parent);
    assert_int_equal(sum(), 111);
    assert_int_equal(repeats(), 0);
}

/* An older set is read once for all operations that may be its, not for each:
 * that is done with the hub's lock in hand. */
static void
m25_an_older_set_is_read_once(void **state)
{
    (void)state;
    const struct step steps[] = {{SU, 1, 10},  {SU, 2, 20},  {SU, 4, 30},
                                 {SU, 8, 40},  {SU, 16, 50}, {SU, 32, 60},
                                 {SU, 64, 70}, {SU, 128, 80}};
    struct gb_parent parent = {OLD, 1, 1};
    send(OLD, steps, 4, NULL);
    send(OLD, steps + 4, 3, NULL);
    w.calm = true;
    w.fetched = 0;
    send(NEW, steps, 8, &parent);
    assert_int_equal(w.fetched, 2);
    assert_int_equal(sum(), 255);
    assert_int_equal(repeats(), 7);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(m3_a_new_number_has_seen_what_it_shares),
        TEST(m3_and_not_what_the_old_chain_did_behind_it),
        TEST(m3_stamps_lie_above_the_shared_part),
        TEST(m3_the_parents_set_comes_first),
        TEST(m25_what_the_old_number_delivered_repeats),
        TEST(m25_what_the_new_number_delivered_repeats),
        TEST(m25_what_waits_is_no_repetition),
        TEST(m25_an_origin_is_device_boot_time_and_stamp),
        TEST(m25_an_older_set_is_read_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
