/*
 * journal.c - capture on a handheld: what is refused, that nothing is left of
 * what was refused, what a row shows, and that a transaction stays together.
 * The journal gets its schema and staff as every journal does: by a delta, made
 * by a state in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/delta.h"
#include "engine/id.h"
#include "engine/journal.h"
#include "engine/sshsig.h"
#include "engine/tlv.h"
#include "tests/unit/support/good.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE unit(id INTEGER PRIMARY KEY, room TEXT NOT NULL) STRICT;\n"
    "CREATE TABLE visit(id INTEGER PRIMARY KEY, unit_id INTEGER NOT NULL"
    " REFERENCES unit(id), result TEXT NOT NULL, state TEXT, worst TEXT,"
    " ended INTEGER, total INTEGER, note TEXT, phone TEXT) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('visit','state','state open>done done>closed@2 prefer closed>done>open'"
    "),('visit','worst','worst low<high back@2'),('visit','ended','first'),"
    "('visit','total','sum'),('visit','note','last'),('visit','phone','last');"
    "\nINSERT INTO enum VALUES('visit','result','ok',1),"
    "('visit','result','abnormal',2),('visit','result','waived',3);\n"
    "INSERT INTO authority VALUES('visit','result','waived',2);\n"
    "INSERT INTO record(tbl, write, void) VALUES('unit',9,9),('visit',1,2);\n"
    "INSERT INTO personal VALUES('visit','phone');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, UNIT, VISIT };
enum { C_UNIT, C_RESULT, C_STATE, C_WORST, C_ENDED, C_TOTAL, C_NOTE, C_PHONE };

struct fixture {
    char path[64];
    struct gb_journal *j;
    struct gb_sign_key key, hub;
    int64_t wall, mono;
    uint8_t boot;
    int64_t tick; /* passes between one question and the next */
};

static void
now(void *context, struct gb_now *out)
{
    struct fixture *f = context;
    out->wall_ms = f->wall;
    out->mono_ms = f->mono;
    memset(out->boot, f->boot, sizeof out->boot);
    f->wall += f->tick;
    f->mono += f->tick;
}

/* --------------------------------------------------------- a small hub -- */

/* Apply operations of replica 0 to a state, as the next set. */
static void
hub_set(struct gb_state *st, const struct gb_schema *s, struct gb_op *ops,
        int n, uint32_t seq, uint8_t prev[32])
{
    struct gb_boot boot = {.wall_ms = 1000};
    struct gb_set set = {.seq = seq,
                         .schema = s->version,
                         .clock_ms = 1000,
                         .base = gb_state_head(st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = n};
    struct gb_buf bytes;
    struct gb_set_info info;
    struct gb_set back;
    struct gb_line line;
    struct gb_arena arena;
    int64_t adjust = 0;
    memcpy(set.prev, prev, 32);
    for (int i = 0; i < n; i++) {
        ops[i].time_ms = 1000;
        ops[i].stamp = (1000LL << 16) + seq * 100 + i;
    }
    gb_buf_init(&bytes, GB_SET_MAX);
    gb_arena_init(&arena, 1 << 20);
    GOOD(gb_set_encode(&set, s, &bytes, &why));
    GOOD(gb_set_info(gb_buf_view(&bytes), &info, &why));
    GOOD(gb_set_decode(gb_buf_view(&bytes), s, &back, &why));
    struct gb_incoming in = {.info = &info,
                             .sha = gb_sha256(gb_buf_view(&bytes)),
                             .set = &back,
                             .received_ms = 2000,
                             .adjust = &adjust,
                             .nadjust = 1};
    GOOD(gb_state_line(st, &in, &arena, &line, &why));
    assert_int_equal(line.verdict, GB_APPLIED);
    assert_int_equal(line.nquarantined, 0);
    memcpy(prev, in.sha.bytes, 32);
    gb_set_release(&back);
    gb_buf_release(&bytes);
    gb_arena_release(&arena);
}

/* Position 1 the schema, 2 two staff, a unit and the device. */
static void
fill_hub(struct gb_state *st, const struct fixture *f)
{
    uint8_t prev[32] = {0};
    struct gb_schema_file file = {"s.sql", gb_span_text(schema_text)};
    struct gb_buf pack, payload, device;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    gb_buf_init(&payload, GB_SCHEMA_MAX);
    gb_buf_init(&device, 4096);
    GOOD(gb_schema_pack(&file, 1, &pack, &why));
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, 1);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, gb_buf_view(&pack));
    gb_tlv_number(&device, GB_DEVICE_NUMBER, 7);
    gb_tlv_number(&device, GB_DEVICE_LEVEL, 2);
    gb_tlv_put(&device, GB_DEVICE_SIGN_KEY,
               GB_SPAN(f->key.public_key.bytes, 32));
    gb_tlv_put(&device, GB_DEVICE_RECEIVE_KEY,
               GB_SPAN(f->key.public_key.bytes, 32));
    GOOD(gb_state_begin(st, &why));
    struct gb_op first = {.kind = GB_SCHEMA, .text = gb_buf_view(&payload)};
    hub_set(st, &gb_schema_none, &first, 1, 1, prev);
    struct gb_op site = {.kind = GB_DEVICE, .text = gb_buf_view(&device)};
    hub_set(st, &gb_schema_none, &site, 1, 2, prev);
    struct gb_written one[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("李"))},
        {.column = 1, .value = gb_value_int(1)}};
    struct gb_written two[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("王"))},
        {.column = 1, .value = gb_value_int(2)}};
    struct gb_written room[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("3-1202"))}};
    struct gb_op ops[] = {{.kind = GB_INSERT,
                           .table = STAFF,
                           .id = 1,
                           .values = one,
                           .nvalues = 2},
                          {.kind = GB_INSERT,
                           .table = STAFF,
                           .id = 2,
                           .values = two,
                           .nvalues = 2},
                          {.kind = GB_INSERT,
                           .table = UNIT,
                           .id = 3,
                           .values = room,
                           .nvalues = 1}};
    hub_set(st, gb_state_schema(st), ops, 3, 3, prev);
    GOOD(gb_state_commit(st, &why));
    gb_buf_release(&pack);
    gb_buf_release(&payload);
    gb_buf_release(&device);
}

static enum gb_err
take_part(void *context, struct gb_span c, struct gb_fail *fail)
{
    bool complete;
    return gb_journal_delta_part(context, GB_SPAN(c.ptr, c.len - 64), &complete,
                                 fail);
}

static int
setup(void **state)
{
    static const uint8_t site[16];
    struct fixture *f = calloc(1, sizeof *f);
    struct gb_state *st;
    struct gb_applied counts;
    f->wall = 1764000000000;
    f->mono = 5000;
    f->boot = 1;
    gb_sign_key_generate(&f->key);
    gb_sign_key_generate(&f->hub);
    GOOD(gb_state_open(":memory:", site, &st, &why));
    fill_hub(st, f);
    snprintf(f->path, sizeof f->path, "/tmp/gengbu-journal-%d.db", getpid());
    unlink(f->path);
    struct gb_enrolment en = {.device = 7, .level = 2};
    GOOD(gb_journal_create(f->path, &en, &why));
    GOOD(gb_journal_open(f->path, now, f, &f->j, &why));
    struct gb_delta_ask ask = {.device = 7, .clock_ms = 1};
    GOOD(gb_delta_make(st, &ask, &f->hub, take_part, f->j, &why));
    GOOD(gb_journal_delta_apply(f->j, &f->key, &counts, &why));
    assert_int_equal(counts.records, 3);
    gb_state_close(st);
    GOOD(gb_journal_sign_in(f->j, 1, true, &why));
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    char side[80];
    gb_journal_close(f->j);
    unlink(f->path);
    snprintf(side, sizeof side, "%s-wal", f->path);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", f->path);
    unlink(side);
    free(f);
    return 0;
}

static struct gb_assign
text(int column, const char *value)
{
    return (struct gb_assign){.column = column,
                              .value = gb_value_text(gb_span_text(value))};
}

static struct gb_assign
number(int column, int64_t value)
{
    return (struct gb_assign){.column = column, .value = gb_value_int(value)};
}

static int64_t
visit(struct fixture *f)
{
    struct gb_assign a[] = {number(C_UNIT, 3), text(C_RESULT, "ok"),
                            text(C_WORST, "low"), text(C_PHONE, "139")};
    int64_t id;
    GOOD(gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0), a, 4, &id, &why));
    return id;
}

static int64_t
ask(struct fixture *f, const char *sql)
{
    int64_t v = -1;
    bool found;
    GOOD(gb_db_int(gb_journal_db(f->j), sql, &v, &found, &why));
    return v;
}

/* ----------------------------------------------------------- the tests -- */

static void
plain_sql_is_captured_or_refused(void **state)
{
    static const struct {
        const char *sql;
        const char *says; /* NULL: taken */
    } cases[] = {
        {"INSERT INTO visit(id,unit_id,result) VALUES(gb_new_id(),3,'ok')",
         NULL},
        {"INSERT INTO visit(unit_id,result) VALUES(3,'ok')", "id"},
        {"INSERT INTO visit(id,unit_id,result) VALUES(5,3,'ok')", "id"},
        {"INSERT INTO visit(id,unit_id,result) VALUES((8<<40)+1,3,'ok')", "id"},
        {"INSERT INTO visit(id,unit_id,result) VALUES((7<<40)+1,3,'ok')",
         "UNIQUE"},
        {"INSERT OR REPLACE INTO visit(id,unit_id,result) "
         "VALUES((7<<40)+1,3,'ok')",
         "never used twice"},
        {"INSERT INTO visit(id,unit_id,result) VALUES(gb_new_id(),4,'ok')",
         "no unit"},
        {"INSERT INTO visit(id,unit_id,result) VALUES(gb_new_id(),3,'bad')",
         "not one of"},
        {"INSERT INTO visit(id,unit_id,result) VALUES(gb_new_id(),3,NULL)",
         "empty"},
        {"INSERT INTO visit(id,unit_id,result) VALUES(gb_new_id(),3,'waived')",
         "level 2"},
        {"INSERT INTO visit(id,unit_id,result,state) "
         "VALUES(gb_new_id(),3,'ok','done')",
         "starts as"},
        {"INSERT INTO visit(id,unit_id,result,note) "
         "VALUES(gb_new_id(),3,'ok',CAST(x'ff' AS TEXT))",
         "UTF-8"},
        {"INSERT INTO visit(id,unit_id,result,_e) "
         "VALUES(gb_new_id(),3,'ok',5)",
         "engine"},
        {"INSERT INTO visit(id,unit_id,result,_void) "
         "VALUES(gb_new_id(),3,'ok','x')",
         "engine"},
        {"INSERT INTO unit(id,room) VALUES(gb_new_id(),'1')",
         "only the office"},
        {"UPDATE visit SET result='abnormal' WHERE id=(7<<40)+1", "fact"},
        {"UPDATE visit SET state='closed' WHERE id=(7<<40)+1", "no move"},
        {"UPDATE visit SET note='x' WHERE id=(7<<40)+1", NULL},
        {"UPDATE visit SET id=gb_new_id() WHERE id=(7<<40)+1", "do not change"},
        {"UPDATE visit SET _actor=9 WHERE id=(7<<40)+1", "do not change"},
        {"UPDATE visit SET _void='x' WHERE id=(7<<40)+1", "level 2"},
        {"DELETE FROM visit WHERE id=(7<<40)+1", "never deleted"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_fail fail = {0};
        int64_t rows = ask(f, "SELECT count(*) FROM visit");
        int64_t log = ask(f, "SELECT count(*) FROM _log");
        enum gb_err e = gb_db_exec(gb_journal_db(f->j), cases[i].sql, &fail);
        if ((e == GB_OK) != (cases[i].says == NULL) ||
            (e && !strstr(fail.text, cases[i].says)))
            fail_msg("%s: %s", cases[i].sql, fail.text);
        if (e) {
            assert_int_equal(ask(f, "SELECT count(*) FROM visit"), rows);
            assert_int_equal(ask(f, "SELECT count(*) FROM _log"), log);
        }
    }
    assert_int_equal(ask(f, "SELECT count(*) FROM visit"), 1);
}

static void
a_refused_write_leaves_the_transaction_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct gb_fail fail = {0};
    struct gb_assign bad[] = {number(C_UNIT, 3), text(C_RESULT, "nonsense")};
    int64_t id, first = 0;
    GOOD(gb_journal_begin(f->j, &why));
    first = visit(f);
    assert_int_equal(
        gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0), bad, 2, &id, &fail),
        GB_E_VALUE);
    visit(f);
    GOOD(gb_journal_commit(f->j, &why));
    assert_int_equal(ask(f, "SELECT count(*) FROM visit"), 2);
    assert_int_equal(ask(f, "SELECT min(id) FROM visit"), first);
}

static void
nobody_signed_in_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct gb_fail fail = {0};
    assert_int_equal(gb_journal_sign_in(f->j, 99, true, &fail), GB_E_MISSING);
    GOOD(gb_db_exec(gb_journal_db(f->j),
                    "UPDATE _journal SET value = 0 WHERE key = 'actor'", &why));
    gb_journal_close(f->j);
    GOOD(gb_journal_open(f->path, now, f, &f->j, &why));
    struct gb_assign a[] = {number(C_UNIT, 3), text(C_RESULT, "ok")};
    int64_t id;
    assert_int_equal(
        gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0), a, 2, &id, &fail),
        GB_E_REFUSED);
    assert_non_null(strstr(fail.text, "signin"));
}

/* Authority is what the hub's records give (MERGE.md M19): what a handheld
 * changes in them itself counts when the hub has accepted it. */
static void
a_level_counts_once_the_hub_has_it(void **state)
{
    struct fixture *f = *state;
    struct gb_fail fail = {0};
    enum { LEVEL = 1 };
    struct gb_assign two = number(LEVEL, 2), none = number(LEVEL, 0);
    struct gb_assign waived[] = {number(C_UNIT, 3), text(C_RESULT, "waived")};
    int64_t id;
    GOOD(gb_journal_set(f->j, STAFF, 1, &two, 1, &why));
    GOOD(gb_journal_set(f->j, STAFF, 2, &none, 1, &why));
    GOOD(gb_journal_void(f->j, STAFF, 2, gb_span_text("left"), &why));
    GOOD(gb_journal_insert(f->j, STAFF, GB_SPAN(NULL, 0), &two, 1, &id, &why));
    const struct {
        int64_t actor;
        enum gb_err err;
    } rows[] = {{1, GB_E_AUTHORITY}, {id, GB_E_AUTHORITY}, {2, GB_OK}};
    for (int i = 0; i < 3; i++) {
        GOOD(gb_journal_sign_in(f->j, rows[i].actor, true, &why));
        GOOD(gb_journal_reload(f->j, &why));
        assert_int_equal(gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0),
                                           waived, 2, &id, &fail),
                         rows[i].err);
    }
}

static void
rows_show_what_the_rules_say(void **state)
{
    struct fixture *f = *state;
    int64_t id = visit(f);
    struct gb_assign high = text(C_WORST, "high"), low = text(C_WORST, "low");
    struct gb_assign one = number(C_ENDED, 1), two = number(C_ENDED, 2);
    struct gb_assign add = number(C_TOTAL, 5);
    struct gb_assign both[] = {text(C_WORST, "low"), text(C_NOTE, "both")};
    add.add = true;
    GOOD(gb_journal_set(f->j, VISIT, id, &high, 1, &why));
    GOOD(gb_journal_set(f->j, VISIT, id, &low, 1, &why)); /* joins, hidden */
    assert_int_equal(ask(f, "SELECT worst = 'high' FROM visit"), 1);
    GOOD(gb_journal_set(f->j, VISIT, id, both, 2, &why));
    assert_int_equal(
        ask(f, "SELECT worst = 'high' AND note = 'both' FROM visit"), 1);
    GOOD(gb_journal_sign_in(f->j, 2, false, &why));
    GOOD(gb_journal_set(f->j, VISIT, id, &low, 1, &why));
    assert_int_equal(ask(f, "SELECT worst = 'low' FROM visit"), 1);
    GOOD(gb_journal_set(f->j, VISIT, id, &one, 1, &why));
    GOOD(gb_journal_set(f->j, VISIT, id, &two, 1, &why));
    assert_int_equal(ask(f, "SELECT ended FROM visit"), 1);
    GOOD(gb_journal_set(f->j, VISIT, id, &add, 1, &why));
    GOOD(gb_journal_set(f->j, VISIT, id, &add, 1, &why));
    assert_int_equal(ask(f, "SELECT total FROM visit"), 10);
    GOOD(gb_journal_void(f->j, VISIT, id, gb_span_text("错录"), &why));
    struct gb_fail fail = {0};
    assert_int_equal(gb_journal_set(f->j, VISIT, id, &high, 1, &fail),
                     GB_E_STATE);
}

/* The operations of every sealed set, decoded. */
static int
sealed(struct fixture *f, uint32_t seq, struct gb_set *out)
{
    struct gb_buf b;
    struct gb_container c;
    struct gb_signature sig;
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(f->j, seq, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
    memcpy(sig.bytes, c.signature.ptr, 64);
    GOOD(gb_sshsig_verify(&f->key.public_key, GB_NS_CHANGESET, c.signed_bytes,
                          &sig, &why));
    const struct gb_schema *s = gb_journal_schema(f->j);
    GOOD(gb_set_decode(c.signed_bytes, s, out, &why));
    GOOD(gb_set_reveal(out, s, c.personal, &why));
    gb_buf_release(&b);
    return out->nops;
}

static void
a_set_holds_the_insert_as_it_was_made(void **state)
{
    struct fixture *f = *state;
    struct gb_set set;
    int made;
    int64_t id = visit(f);
    f->mono += 1500;
    struct gb_assign a[] = {text(C_STATE, "done"), text(C_PHONE, "186")};
    GOOD(gb_journal_set(f->j, VISIT, id, a, 2, &why));
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(made, 1);
    assert_int_equal(sealed(f, 1, &set), 2);
    const struct gb_op *insert = &set.ops[0], *change = &set.ops[1];
    assert_int_equal(insert->kind, GB_INSERT);
    assert_int_equal(insert->id, id);
    assert_int_equal(insert->actor, 1);
    assert_int_equal(insert->time_ms, 1764000000000);
    assert_int_equal(insert->nvalues, 5); /* the state starts by itself */
    assert_int_equal(insert->values[2].column, C_STATE);
    assert_true(
        gb_span_equal(insert->values[2].value.as.s, gb_span_text("open")));
    assert_true(
        gb_span_equal(insert->values[4].value.as.s, gb_span_text("139")));
    assert_int_equal(change->kind, GB_SET);
    assert_int_equal(change->time_ms, 1764000001500);
    assert_true(
        gb_span_equal(change->values[0].from.as.s, gb_span_text("open")));
    assert_true(
        gb_span_equal(change->values[1].value.as.s, gb_span_text("186")));
    gb_set_release(&set);
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(made, 0);
}

static void
a_wrong_clock_keeps_its_times(void **state)
{
    struct fixture *f = *state;
    struct gb_set set;
    int made;
    visit(f);
    f->boot = 2; /* dead battery: 1970 after the reboot */
    f->wall = 1000;
    f->mono = 0;
    visit(f);
    f->mono = 700;
    f->wall = 1764000000000; /* somebody sets it: recorded, not used */
    visit(f);
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(sealed(f, 1, &set), 3);
    assert_int_equal(set.nboots, 2);
    assert_int_equal(set.ops[1].time_ms, 1000);
    assert_int_equal(set.ops[2].time_ms, 1700);
    assert_true(set.ops[0].stamp < set.ops[1].stamp);
    assert_true(set.ops[1].stamp < set.ops[2].stamp);
    assert_int_equal(set.boots[1].shift_ms, 1764000000000 - 1700);
    gb_set_release(&set);
}

/* The clock may tick between giving a stamp and noting the operation: its time
 * is that of its stamp, or the set could not be sealed. */
static void
a_clock_that_ticks_in_between_does_no_harm(void **state)
{
    struct fixture *f = *state;
    struct gb_set set;
    int made;
    f->tick = 1;
    int64_t id = visit(f);
    struct gb_assign note = text(C_NOTE, "x");
    GOOD(gb_journal_set(f->j, VISIT, id, &note, 1, &why));
    visit(f);
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(sealed(f, 1, &set), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(set.ops[i].stamp >> 16, set.ops[i].time_ms);
    gb_set_release(&set);
}

static void
a_rolled_back_boot_is_noted_again(void **state)
{
    struct fixture *f = *state;
    struct gb_set set;
    int made;
    GOOD(gb_journal_begin(f->j, &why));
    visit(f);
    gb_journal_rollback(f->j);
    visit(f);
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(sealed(f, 1, &set), 1);
    assert_int_equal(set.nboots, 1);
    gb_set_release(&set);
}

static void
transactions_stay_together_and_large_tails_are_split(void **state)
{
    struct fixture *f = *state;
    static char note[200000];
    int made, total = 0;
    memset(note, 'x', sizeof note - 1);
    for (int t = 0; t < 6; t++) {
        GOOD(gb_journal_begin(f->j, &why));
        for (int k = 0; k < 2; k++) {
            struct gb_assign a[] = {number(C_UNIT, 3), text(C_RESULT, "ok"),
                                    text(C_NOTE, note)};
            int64_t id;
            GOOD(gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0), a, 3, &id,
                                   &why));
        }
        GOOD(gb_journal_commit(f->j, &why));
    }
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_true(made > 1);
    for (int i = 1; i <= made; i++) {
        struct gb_set set;
        int n = sealed(f, (uint32_t)i, &set);
        assert_int_equal(n % 2, 0);
        total += n;
        gb_set_release(&set);
    }
    assert_int_equal(total, 12);
}

/* A handheld that is started for every operation, and not connected for
 * years: as many boots as a set can hold, then the next set. */
static void
many_boots_are_split(void **state)
{
    struct fixture *f = *state;
    int made, at = 0;
    for (int i = 0; i < 2 * GB_BOOTS_MAX + 1; i++) {
        bool two = i % 100 == 0 || i == GB_BOOTS_MAX - 1 || i == GB_BOOTS_MAX;
        f->boot = (uint8_t)(1 + i % 200);
        f->wall += 1000;
        GOOD(gb_journal_begin(f->j, &why));
        visit(f);
        if (two)
            visit(f);
        GOOD(gb_journal_commit(f->j, &why));
    }
    GOOD(gb_journal_seal(f->j, &f->key, &made, &why));
    assert_int_equal(made, 3);
    for (int i = 1; i <= made; i++) {
        struct gb_set set;
        int n = sealed(f, (uint32_t)i, &set);
        assert_int_equal(set.nboots, i < 3 ? GB_BOOTS_MAX : 1);
        for (int k = 0; k < n; k++) /* each boot in one set, and in order */
            assert_int_equal(set.boots[set.ops[k].boot].id[0],
                             1 + (at + set.ops[k].boot) % 200);
        at += set.nboots;
        gb_set_release(&set);
    }
    assert_int_equal(ask(f, "SELECT sum(ops) FROM _set"),
                     ask(f, "SELECT count(*) FROM visit"));
}

static void
a_transaction_that_fits_no_set_is_refused_when_written(void **state)
{
    struct fixture *f = *state;
    static char note[250000];
    struct gb_fail fail = {0};
    enum gb_err e = GB_OK;
    int64_t id;
    memset(note, 'x', sizeof note - 1);
    GOOD(gb_journal_begin(f->j, &why));
    for (int k = 0; k < 10 && !e; k++) {
        struct gb_assign a[] = {number(C_UNIT, 3), text(C_RESULT, "ok"),
                                text(C_NOTE, note)};
        e = gb_journal_insert(f->j, VISIT, GB_SPAN(NULL, 0), a, 3, &id, &fail);
    }
    assert_int_equal(e, GB_E_LIMIT);
    gb_journal_rollback(f->j);
    assert_int_equal(ask(f, "SELECT count(*) FROM visit"), 0);
    visit(f);
}

static void
refs_are_unique_per_device_and_table(void **state)
{
    struct fixture *f = *state;
    struct gb_assign a[] = {number(C_UNIT, 3), text(C_RESULT, "ok")};
    struct gb_fail fail = {0};
    int64_t id, found;
    GOOD(gb_journal_insert(f->j, VISIT, gb_span_text("早班-1"), a, 2, &id,
                           &why));
    GOOD(gb_journal_ref(f->j, VISIT, gb_span_text("早班-1"), &found, &why));
    assert_int_equal(found, id);
    GOOD(gb_journal_ref(f->j, VISIT, gb_span_text("7/早班-1"), &found, &why));
    assert_int_equal(found, id);
    assert_int_equal(
        gb_journal_ref(f->j, VISIT, gb_span_text("8/早班-1"), &found, &fail),
        GB_E_MISSING);
    assert_int_equal(gb_journal_insert(f->j, VISIT, gb_span_text("早班-1"), a,
                                       2, &id, &fail),
                     GB_E_EXISTS);
    assert_int_equal(ask(f, "SELECT count(*) FROM visit"), 1);
}

static void
without_the_engine_nothing_can_be_written(void **state)
{
    struct fixture *f = *state;
    struct gb_fail fail = {0};
    sqlite3 *db;
    visit(f);
    GOOD(gb_db_open(f->path, false, GB_DB_FULL, &db, &why));
    assert_int_not_equal(gb_db_exec(db, "UPDATE visit SET note = 'x'", &fail),
                         GB_OK);
    assert_int_not_equal(gb_db_exec(db, "DELETE FROM visit", &fail), GB_OK);
    assert_int_not_equal(
        gb_db_exec(db,
                   "INSERT INTO visit(id,unit_id,result,_e,_pos,_actor) "
                   "VALUES((7<<40)+9,3,'ok',1,1,1)",
                   &fail),
        GB_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM visit"), 1);
    gb_db_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_sql_is_captured_or_refused),
        TEST(a_refused_write_leaves_the_transaction_as_it_was),
        TEST(nobody_signed_in_writes_nothing),
        TEST(a_level_counts_once_the_hub_has_it),
        TEST(rows_show_what_the_rules_say),
        TEST(a_set_holds_the_insert_as_it_was_made),
        TEST(a_wrong_clock_keeps_its_times),
        TEST(a_clock_that_ticks_in_between_does_no_harm),
        TEST(a_rolled_back_boot_is_noted_again),
        TEST(transactions_stay_together_and_large_tails_are_split),
        TEST(many_boots_are_split),
        TEST(a_transaction_that_fits_no_set_is_refused_when_written),
        TEST(refs_are_unique_per_device_and_table),
        TEST(without_the_engine_nothing_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
