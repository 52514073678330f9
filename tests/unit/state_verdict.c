/*
 * state_verdict.c - what a set and an operation are called: M5 and M17 to M19
 * of docs/MERGE.md, one by one (judge.c, state_line.c, state_op.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/clock.h"
#include "engine/id.h"
#include "engine/rec.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/state_world.h"

/* What is written, and at which levels. */
static const char rules[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, level INTEGER) STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa TEXT, la TEXT, st TEXT) STRICT;"
    "\nINSERT INTO rule VALUES('staff','level','last'),('r','la','last'),"
    "('r','st','state a>b b>c@3 c>a prefer c>b>a');\n"
    "INSERT INTO record VALUES('r', 2, 3, NULL, NULL);\n"
    "INSERT INTO authority VALUES('r','la','gold',3);\n";
static const char actors[] = "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, R };
enum { FA, LA, ST };

static struct gb_schema *schema;
static struct world w;

/* Devices 1 and 2 are of level 1, device 3 of level 2; nobody is staff. */
static int
begin(void **state)
{
    const char *more = *state; /* of the schema */
    struct gb_schema_file files[] = {
        {"a.sql", gb_span_text(rules)},
        {"b.sql", gb_span_text(more ? more : "-- no actors\n")}};
    schema = world_schema(files, 2, 1);
    world_begin(&w, schema, 3);
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

/* ------------------------------------------------------- one operation -- */

static struct gb_value
word(const char *text)
{
    return gb_value_text(gb_span_text(text));
}

/* `la` or `st` gets a word; `from` is the state left. */
static struct gb_written
wrote(int column, const char *to, const char *from)
{
    return (struct gb_written){.column = column,
                               .value = word(to),
                               .from =
                                   from ? word(from) : (struct gb_value){0}};
}

static void
m5_a_fact_is_written_once(void **state)
{
    (void)state;
    struct gb_written value = wrote(FA, "x", NULL);
    struct gb_op op = {.table = R,
                       .kind = GB_INSERT,
                       .id = gb_id_make(1, 1),
                       .values = &value,
                       .nvalues = 1};
    const struct gb_table *t = &schema->tables[R];
    struct gb_facts facts = {.refers = true};
    assert_int_equal(gb_judge(t, &op, 1, 2, &facts), GB_CODE_NONE);
    op.kind = GB_SET;
    facts = (struct gb_facts){true, true, true}; /* forced, too */
    assert_int_equal(gb_judge(t, &op, 1, 9, &facts), GB_CODE_FACT);
}

/* Everything that stands against each of them; all but the first reason is
 * taken away, one after the other. */
static void
m18_codes_come_in_this_order(void **state)
{
    (void)state;
    static const struct {
        enum gb_kind kind;
        int device, level;
        bool exists, refers;
        int column;
        const char *to, *from;
        enum gb_code code;
    } cases[] = {
        {GB_RESOLVE, 1, 0, false, false, FA, "x", NULL, GB_CODE_HUBONLY},
        {GB_RESOLVE, 0, 0, false, false, FA, "x", NULL, GB_CODE_MISSING},
        {GB_RESOLVE, 0, 0, true, true, FA, "x", NULL, GB_CODE_NONE},
        {GB_INSERT, 2, 0, true, false, ST, "b", NULL, GB_CODE_RANGE},
        {GB_INSERT, 1, 0, true, false, ST, "b", NULL, GB_CODE_EXISTS},
        {GB_INSERT, 1, 0, false, false, ST, "b", NULL, GB_CODE_MISSING},
        {GB_INSERT, 1, 0, false, true, ST, "b", NULL, GB_CODE_AUTHORITY},
        {GB_INSERT, 1, 2, false, true, ST, "b", NULL, GB_CODE_ILLEGAL},
        {GB_INSERT, 1, 2, false, true, ST, "a", NULL, GB_CODE_NONE},
        {GB_SET, 2, 0, false, true, FA, "x", NULL, GB_CODE_MISSING},
        {GB_SET, 2, 1, true, true, FA, "x", NULL, GB_CODE_AUTHORITY},
        {GB_SET, 2, 2, true, true, FA, "x", NULL, GB_CODE_FACT},
        {GB_SET, 2, 2, true, true, ST, "c", "a", GB_CODE_ILLEGAL},
        {GB_SET, 2, 2, true, true, ST, "c", "b", GB_CODE_AUTHORITY},
        {GB_SET, 2, 3, true, true, ST, "c", "b", GB_CODE_NONE},
        {GB_SET, 2, 2, true, true, LA, "gold", NULL, GB_CODE_AUTHORITY},
        {GB_SET, 2, 3, true, true, LA, "gold", NULL, GB_CODE_NONE},
        {GB_SET, 2, 2, true, true, LA, "tin", NULL, GB_CODE_NONE},
        {GB_VOID, 2, 2, true, true, LA, "tin", NULL, GB_CODE_AUTHORITY},
        {GB_VOID, 2, 3, true, true, LA, "tin", NULL, GB_CODE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_written v =
            wrote(cases[i].column, cases[i].to, cases[i].from);
        struct gb_op op = {.kind = cases[i].kind,
                           .id = gb_id_make(1, 1),
                           .values = &v,
                           .nvalues = cases[i].kind == GB_VOID ? 0 : 1};
        struct gb_facts facts = {cases[i].exists, cases[i].refers, false};
        enum gb_code code = gb_judge(&schema->tables[R], &op, cases[i].device,
                                     cases[i].level, &facts);
        if (code != cases[i].code)
            fail_msg("case %zu: %s", i, gb_code_name(code));
    }
}

/* --------------------------------------------------------------- a set -- */

/* What a set says of itself. */
struct saying {
    int device;
    bool skips, other_prev, newer, malformed; /* what is wrong with it */
    bool base_unknown;
    struct gb_head base;
    int64_t actor;
};

/* A set of one operation; what the log says of it: its code, or that of its
 * operation. */
static enum gb_code
take(const struct saying *s, struct gb_op *op, enum gb_verdict *verdict)
{
    static int64_t now = WORLD_START_MS + 7000;
    struct gb_boot boot = {.wall_ms = ++now};
    struct gb_set set = {.device = s->device,
                         .clock_ms = now,
                         .base = s->base,
                         .boots = &boot,
                         .nboots = 1,
                         .ops = op,
                         .nops = 1};
    struct gb_device d;
    struct gb_set_info info;
    struct gb_arena arena;
    struct gb_line line;
    struct made m;
    bool found;
    GOOD(gb_state_device(w.st, s->device, &d, &found, &why));
    set.seq = d.seq + 1 + s->skips;
    memcpy(set.prev, d.sha, sizeof set.prev);
    set.prev[0] ^= s->other_prev;
    set.base.root[0] ^= s->base_unknown;
    op->actor = s->actor;
    op->time_ms = now;
    op->stamp = gb_stamp_of(now);
    op->text = GB_SPAN("", 0);
    world_encode(&m, &set, schema);
    GOOD(gb_set_info(gb_buf_view(&m.bytes), &info, &why));
    info.schema += s->newer;
    int64_t adjust[1] = {0};
    struct gb_incoming in = {.signed_bytes = gb_buf_view(&m.bytes),
                             .info = &info,
                             .sha = m.sha,
                             .set = s->malformed ? NULL : &set,
                             .times = s->newer,
                             .received_ms = now,
                             .adjust = adjust,
                             .nadjust = 1};
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_state_line(w.st, &in, &arena, &line, &why));
    enum gb_code code = line.nquarantined ? line.quarantined->code : line.held;
    *verdict = line.verdict;
    gb_arena_release(&arena);
    gb_buf_release(&m.bytes);
    return code;
}

/* What becomes of a device's insert of an actor, having seen this. */
static enum gb_code
insert(int device, int64_t actor, const struct gb_head *base)
{
    static int n;
    struct gb_written v = wrote(LA, "x", NULL);
    struct gb_op op = {.kind = GB_INSERT,
                       .table = R,
                       .id = gb_id_make(device, ++n),
                       .values = &v,
                       .nvalues = 1};
    enum gb_verdict verdict;
    enum gb_code code =
        take(&(struct saying){.device = device, .base = *base, .actor = actor},
             &op, &verdict);
    assert_int_equal(verdict, GB_APPLIED);
    return code;
}

static void
m17_the_chain_then_schema_form_and_base(void **state)
{
    (void)state;
    static const struct {
        struct saying says;
        enum gb_verdict verdict;
        enum gb_code code;
    } cases[] = {
        {{3, true, false, true, true, true, {0}, 0}, GB_FORK, GB_CODE_NONE},
        {{3, false, true, true, true, true, {0}, 0}, GB_FORK, GB_CODE_NONE},
        {{3, false, false, true, true, true, {0}, 0}, GB_HELD, GB_CODE_SCHEMA},
        {{3, false, false, false, true, true, {0}, 0},
         GB_HELD,
         GB_CODE_MALFORMED},
        {{3, false, false, false, false, true, {0}, 0}, GB_HELD, GB_CODE_BASE},
        {{3, false, false, false, false, false, {0}, 0},
         GB_APPLIED,
         GB_CODE_NONE},
    };
    struct gb_head base = gb_state_head(w.st);
    assert_int_equal(insert(3, 0, &base), GB_CODE_NONE); /* goes before */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct saying says = cases[i].says;
        struct gb_written v = wrote(LA, "x", NULL);
        struct gb_op op = {.kind = GB_INSERT,
                           .table = R,
                           .id = gb_id_make(3, 100 + (int)i),
                           .values = &v,
                           .nvalues = 1};
        enum gb_verdict verdict;
        says.base = gb_state_head(w.st);
        enum gb_code code = take(&says, &op, &verdict);
        if (verdict != cases[i].verdict || code != cases[i].code)
            fail_msg("case %zu: verdict %d, %s", i, verdict,
                     gb_code_name(code));
    }
}

/* ----------------------------------------------------------- authority -- */

static void
m19_a_device_has_the_level_of_then(void **state)
{
    (void)state;
    struct gb_head before = gb_state_head(w.st), none = {0};
    memcpy(none.root, gb_sha256(GB_SPAN("", 0)).bytes, sizeof none.root);
    world_put_device(&w, 3, 1); /* was of level 2 */
    world_put_device(&w, 1, 2); /* was of level 1 */
    world_put_device(&w, 4, 2);
    struct gb_head after = gb_state_head(w.st);
    assert_int_equal(insert(3, 0, &before), GB_CODE_NONE);
    assert_int_equal(insert(1, 0, &before), GB_CODE_AUTHORITY);
    assert_int_equal(insert(4, 0, &before), GB_CODE_NONE); /* as enrolled */
    assert_int_equal(insert(4, 0, &none), GB_CODE_AUTHORITY);
    assert_int_equal(insert(3, 0, &after), GB_CODE_AUTHORITY);
    assert_int_equal(insert(1, 0, &after), GB_CODE_NONE);
    assert_int_equal(insert(0, 0, &after), GB_CODE_NONE);
}

/* The hub writes what an actor's level is. */
static struct gb_head
put_staff(enum gb_kind kind, int n, int level)
{
    struct gb_written v = {.column = 0, .value = gb_value_int(level)};
    struct gb_op op = {.kind = kind,
                       .table = STAFF,
                       .id = gb_id_make(0, n),
                       .values = &v,
                       .nvalues = kind == GB_VOID ? 0 : 1};
    struct saying says = {.base = gb_state_head(w.st)};
    enum gb_verdict verdict;
    assert_int_equal(take(&says, &op, &verdict), GB_CODE_NONE);
    return gb_state_head(w.st);
}

static void
m19_an_actor_has_the_level_of_then(void **state)
{
    (void)state;
    struct gb_head none = gb_state_head(w.st);
    put_staff(GB_INSERT, 1, 1);
    struct gb_head hired = put_staff(GB_INSERT, 2, 2);
    struct gb_head raised = put_staff(GB_SET, 1, 8);
    struct gb_head gone = put_staff(GB_VOID, 2, 0);
    struct gb_head odd = put_staff(GB_SET, 1, 9);
    put_staff(GB_SET, 1, -1);
    assert_int_equal(world_number(&w, "SELECT level FROM _level WHERE actor "
                                      "ORDER BY pos DESC"),
                     0);
    int64_t one = gb_id_make(0, 1), two = gb_id_make(0, 2);
    world_put_device(&w, 1, 2);
    assert_int_equal(insert(3, two, &none), GB_CODE_AUTHORITY);
    assert_int_equal(insert(3, two, &hired), GB_CODE_NONE);
    assert_int_equal(insert(2, two, &hired), GB_CODE_AUTHORITY); /* device */
    assert_int_equal(insert(3, one, &hired), GB_CODE_AUTHORITY);
    assert_int_equal(insert(3, one, &raised), GB_CODE_NONE);
    assert_int_equal(insert(3, two, &raised), GB_CODE_NONE);
    assert_int_equal(insert(3, two, &gone), GB_CODE_AUTHORITY);
    assert_int_equal(insert(3, one, &odd), GB_CODE_AUTHORITY); /* 9: no level */
}

#define WITH(test, more)                                                       \
    cmocka_unit_test_prestate_setup_teardown(test, begin, end, more)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(m5_a_fact_is_written_once, NULL),
        WITH(m18_codes_come_in_this_order, NULL),
        WITH(m17_the_chain_then_schema_form_and_base, NULL),
        WITH(m19_a_device_has_the_level_of_then, NULL),
        WITH(m19_an_actor_has_the_level_of_then, (char *)(uintptr_t)actors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
