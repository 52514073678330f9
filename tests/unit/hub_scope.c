/*
 * hub_scope.c - a small world of areas: units, visits and owners that come into
 * scope, leave and come back, handhelds that are moved, replies that are lost,
 * deltas from older heads, a hub that is rebuilt.  After every delta that a
 * handheld applies it must have exactly the hub's records of its scope.
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

#include "engine/id.h"
#include "engine/journal.h"
#include "engine/tlv.h"
#include "hub/handed.h"
#include "hub/office.h"
#include "tests/unit/support/good.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE unit(id INTEGER PRIMARY KEY, area TEXT) STRICT;\n"
    "CREATE TABLE visit(id INTEGER PRIMARY KEY, unit_id INTEGER REFERENCES"
    " unit(id), note TEXT) STRICT;\n"
    "CREATE TABLE owner(id INTEGER PRIMARY KEY, note TEXT) STRICT;\n"
    "CREATE TABLE owns(id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES"
    " owner(id), unit_id INTEGER REFERENCES unit(id)) STRICT;\n"
    "CREATE TABLE pinned(id INTEGER PRIMARY KEY, area TEXT, note TEXT)"
    " STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('unit','area','last'),('visit','unit_id','last'),"
    "('visit','note','review'),('owner','note','last'),"
    "('owns','unit_id','last'),('pinned','note','last');\n"
    "INSERT INTO record(tbl, scope) VALUES('unit','area = :area'),"
    "('visit','EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area ="
    " :area)'),"
    "('owner','EXISTS(SELECT 1 FROM owns o JOIN unit u ON u.id = o.unit_id"
    " WHERE o.owner_id = owner.id AND u.area = :area) OR owner.id >> 40 ="
    " :device'),"
    "('owns','EXISTS(SELECT 1 FROM unit u WHERE u.id = unit_id AND u.area ="
    " :area)'),"
    "('pinned','area = :area');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, UNIT, VISIT, OWNER, OWNS, PINNED, TABLES };
enum { DEVICES = 3, RECORDS = 400 };

struct handheld {
    struct world *w;
    int number;
    struct gb_journal *j;
    struct gb_sign_key sign;
    uint64_t named; /* head that it named last, */
    bool known;     /* to the hub as it is now */
};

struct world {
    uint64_t seed, rnd;
    char folder[80], path[128];
    struct gb_office *hub;
    struct handheld h[DEVICES];
    int64_t ids[TABLES][RECORDS];
    int n[TABLES];
    int64_t time_ms;
    unsigned left, readonly; /* that the world came across */
};

static int
below(struct world *w, int n)
{
    uint64_t z = w->rnd += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)((z ^ z >> 31) % (uint64_t)n);
}

static void
now(void *context, struct gb_now *out)
{
    const struct handheld *h = context;
    out->wall_ms = h->w->time_ms;
    out->mono_ms = h->w->time_ms - 1699999999000;
    memset(out->boot, h->number, sizeof out->boot);
}

static struct gb_value
area(struct world *w)
{
    static const char *const areas[] = {"A", "B", "C"};
    int i = below(w, 4);
    return i == 3 ? GB_VALUE_NULL : gb_value_text(gb_span_text(areas[i]));
}

/* A record of a table that somebody made, or 0. */
static int64_t
some(struct world *w, int table)
{
    return w->n[table] ? w->ids[table][below(w, w->n[table])] : 0;
}

static void
made(struct world *w, int table, int64_t id)
{
    if (w->n[table] < RECORDS)
        w->ids[table][w->n[table]++] = id;
}

/* -------------------------------------------------------------- deltas -- */

static enum gb_err
take_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct handheld *h = context;
    bool complete;
    return gb_journal_delta_part(
        h->j, GB_SPAN(container.ptr, container.len - 64), &complete, fail);
}

/* What the handheld has is what the hub says it has. */
static void
in_step(struct handheld *h)
{
    uint8_t want[32], got[32];
    GOOD(gb_state_digest_of(h->w->hub->state, h->number, want, &why));
    GOOD(gb_journal_digest(h->j, got, &why));
    if (memcmp(want, got, sizeof want))
        fail_msg("seed %llu: handheld %d has not what its scope says",
                 (unsigned long long)h->w->seed, h->number);
}

/* A delta, made and noted; it starts where the handheld stands or, as an
 * export does, where it stood when it named a head last: that is all that the
 * hub knows of it, and the delta must do where it stands. */
static void
pull(struct handheld *h, bool older, bool lost)
{
    struct gb_journal_info i;
    struct gb_applied counts;
    struct gb_handed handed;
    struct gb_state *st = h->w->hub->state;
    const struct gb_schema *s = gb_journal_schema(h->j);
    GOOD(gb_journal_info(h->j, &i, &why));
    if (i.merged.size == gb_state_size(st))
        return;
    if (!older || !h->known)
        h->named = i.merged.size;
    h->known = true;
    struct gb_delta_ask ask = {.device = h->number,
                               .from = h->named,
                               .highest = h->named,
                               .schema = s ? s->version : 0,
                               .clock_ms = 1};
    GOOD(gb_handed_ask(st, &ask, &handed, &why));
    GOOD(gb_delta_make(st, &ask, &h->w->hub->keys.hub, take_part, h, &why));
    GOOD(gb_handed_note(st, &handed, &why));
    if (lost)
        return;
    GOOD(gb_journal_delta_apply(h->j, &h->sign, &counts, &why));
    GOOD(gb_journal_info(h->j, &i, &why));
    h->w->left += (unsigned)counts.left;
    h->w->readonly += (unsigned)i.readonly;
    in_step(h);
}

static void
push(struct handheld *h)
{
    struct gb_journal_info i;
    int sets;
    GOOD(gb_journal_seal(h->j, &h->sign, &sets, &why));
    GOOD(gb_journal_info(h->j, &i, &why));
    for (uint32_t seq = i.accepted + 1; seq <= i.seq; seq++) {
        struct gb_buf b;
        struct gb_arriving a = {.skew = {.clock_ms = h->w->time_ms}};
        memset(a.skew.boot, h->number, sizeof a.skew.boot);
        gb_buf_init(&b, 2 * GB_SET_MAX);
        GOOD(gb_journal_container(h->j, seq, &b, &why));
        GOOD(gb_container_split(gb_buf_view(&b), &a.parts, &why));
        GOOD(gb_office_commit(h->w->hub, &a, 1, &why));
        assert_true(a.outcome == GB_TAKEN || a.outcome == GB_KNOWN);
        gb_buf_release(&b);
    }
}

/* -------------------------------------------------------------- making -- */

/* Keys, number and area: its own, or those of a move. */
static void
put_device(struct handheld *h)
{
    static const char *const areas[] = {"area=A", "area=B", "area=C"};
    struct gb_buf b;
    gb_buf_init(&b, 4096);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)h->number);
    gb_tlv_number(&b, GB_DEVICE_LEVEL, 2);
    gb_tlv_put(&b, GB_DEVICE_ATTRIBUTE, gb_span_text(areas[below(h->w, 3)]));
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, GB_SPAN(h->sign.public_key.bytes, 32));
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY,
               GB_SPAN(h->sign.public_key.bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(h->w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

static void
enrol(struct world *w, int number)
{
    struct handheld *h = &w->h[number - 1];
    char path[128];
    h->w = w;
    h->number = number;
    gb_sign_key_generate(&h->sign);
    put_device(h);
    struct gb_enrolment en = {
        .site = *gb_state_site(w->hub->state), .device = number, .level = 2};
    snprintf(path, sizeof path, "%s/%d.db", w->folder, number);
    GOOD(gb_journal_create(path, &en, &why));
    GOOD(gb_journal_open(path, now, h, &h->j, &why));
    GOOD(gb_db_exec(gb_journal_db(h->j), "PRAGMA synchronous=OFF", &why));
    pull(h, false, false);
    GOOD(gb_journal_sign_in(h->j, 1, true, &why));
}

static void
make_world(struct world *w, uint64_t seed)
{
    struct gb_schema_file file = {"w.sql", gb_span_text(schema_text)};
    struct gb_buf pack;
    const char *top = getenv("TMPDIR");
    *w = (struct world){.seed = seed, .rnd = seed, .time_ms = 1700000000000};
    snprintf(w->folder, sizeof w->folder, "%.60s/scope-XXXXXX",
             top && *top ? top : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(&file, 1, &pack, &why));
    struct gb_office_plan plan = {"world", "first", "UTC", gb_buf_view(&pack)};
    snprintf(w->path, sizeof w->path, "%s/hub", w->folder);
    GOOD(gb_office_init(w->path, &plan, &why));
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    gb_buf_release(&pack);
    for (int i = 1; i <= DEVICES; i++)
        enrol(w, i);
}

static void
end_world(struct world *w)
{
    for (int i = 0; i < DEVICES; i++)
        gb_journal_close(w->h[i].j);
    gb_office_close(w->hub);
    GOOD(gb_file_remove_all(w->folder, &why));
}

/* ------------------------------------------------------------- working -- */

static void
office_insert(struct world *w)
{
    int table = UNIT + below(w, PINNED);
    struct gb_written v[2] = {{.column = 0, .value = area(w)}, {.column = 1}};
    struct gb_op op = {
        .kind = GB_INSERT, .table = table, .values = v, .nvalues = 1};
    if (table == VISIT || table == OWNS)
        v[0].value = gb_value_int(some(w, table == VISIT ? UNIT : OWNER));
    if (table == OWNS) {
        v[1].value = gb_value_int(some(w, UNIT));
        op.nvalues = 2;
    }
    if (table == OWNER)
        v[0].value = gb_value_text(gb_span_text("o"));
    if ((table == VISIT && !w->n[UNIT]) ||
        (table == OWNS && (!w->n[OWNER] || !w->n[UNIT])))
        return;
    if (v[0].value.type == GB_NULL)
        op.nvalues = 0;
    GOOD(gb_office_new_id(w->hub, &op.id, &why));
    /* it may refer to what a handheld has not sent: then it waits for that */
    enum gb_err e = gb_office_own(w->hub, &op, 1, 0, &why);
    if (e && e != GB_E_REFUSED)
        fail_msg("%s", why.text);
    made(w, table, op.id);
}

static void
office_change(struct world *w)
{
    static const struct {
        int table, column;
    } what[] = {{UNIT, 0}, {UNIT, 0}, {VISIT, 0}, {VISIT, 1}, {OWNS, 1}};
    int k = below(w, 5);
    struct gb_written v = {.column = what[k].column};
    struct gb_op op = {.kind = GB_SET,
                       .table = what[k].table,
                       .id = some(w, what[k].table),
                       .values = &v,
                       .nvalues = 1};
    v.value = op.table == UNIT ? area(w) : gb_value_int(some(w, UNIT));
    if (op.table == VISIT && v.column == 1)
        v.value = gb_value_text(gb_span_text("office"));
    bool found = false;
    if (op.id) /* a handheld may not have sent it yet */
        GOOD(gb_tables_exists(gb_state_tables(w->hub->state), op.table, op.id,
                              &found, &why));
    if (found &&
        (v.value.type != GB_INT ||
         !gb_tables_exists(gb_state_tables(w->hub->state), UNIT, v.value.as.i,
                           &found, &why)) &&
        found)
        GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
}

/* A handheld writes what it has and may; the rest is refused. */
static void
work(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_fail refused = {0};
    static const int tables[] = {VISIT, OWNER, OWNS, PINNED, VISIT};
    int table = tables[below(w, 5)];
    struct gb_assign a[2] = {
        {.column = 0, .value = gb_value_int(some(w, UNIT))},
        {.column = 1, .value = gb_value_text(gb_span_text("x"))}};
    int64_t id;
    if (table == OWNER)
        a[0].value = gb_value_text(gb_span_text("mine"));
    if (table == OWNS) {
        a[1].value = a[0].value;
        a[0].value = gb_value_int(some(w, OWNER));
    }
    if (table == PINNED)
        a[0].value = area(w);
    if (below(w, 2)) {
        if (!gb_journal_insert(h->j, table, GB_SPAN(NULL, 0), a,
                               table == OWNER ? 1 : 2, &id, &refused))
            made(w, table, id);
        return;
    }
    struct gb_assign note = a[1];
    note.column = table == OWNER ? 0 : 1;
    if (table == OWNS) /* may move an owner out of sight */
        note.value = gb_value_int(some(w, UNIT));
    gb_journal_set(h->j, table, some(w, table), &note, 1, &refused);
    if (!below(w, 30))
        gb_journal_void(h->j, table, some(w, table), gb_span_text("错"),
                        &refused);
}

static void
rebuild(struct world *w)
{
    gb_office_close(w->hub);
    GOOD(gb_office_rebuild(w->path, NULL, NULL, &why));
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    for (int i = 0; i < DEVICES; i++)
        w->h[i].known = false;
}

static void
step(struct world *w)
{
    struct handheld *h = &w->h[below(w, DEVICES)];
    int what = below(w, 100);
    w->time_ms += 1 + below(w, 3);
    if (what < 15)
        office_insert(w);
    else if (what < 33)
        office_change(w);
    else if (what < 63)
        work(h);
    else if (what < 73)
        push(h); /* and the reply is lost */
    else if (what < 84)
        pull(h, false, false);
    else if (what < 92)
        pull(h, true, false);
    else if (what < 96)
        pull(h, false, true);
    else if (what < 99)
        put_device(h);
    else
        rebuild(w);
}

static void
settle(struct world *w)
{
    int64_t v;
    bool found;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < DEVICES; i++) {
            push(&w->h[i]);
            pull(&w->h[i], false, false);
        }
    for (int i = 0; i < DEVICES; i++) {
        pull(&w->h[i], false, false);
        in_step(&w->h[i]);
        GOOD(gb_db_int(gb_journal_db(w->h[i].j),
                       "SELECT count(*) FROM _readonly", &v, &found, &why));
        assert_int_equal(v, 0);
    }
}

static void
everyone_has_the_records_of_its_scope(void **state)
{
    const char *from = getenv("GENGBU_SEED");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    const char *many = getenv("GENGBU_WORLDS");
    uint64_t n = many ? strtoull(many, NULL, 10) : 8;
    unsigned left = 0, readonly = 0;
    (void)state;
    for (uint64_t seed = first; seed < first + (from && !many ? 1 : n);
         seed++) {
        struct world w;
        make_world(&w, seed);
        for (int k = 0; k < 220; k++)
            step(&w);
        settle(&w);
        left += w.left;
        readonly += w.readonly;
        end_world(&w);
    }
    /* worlds in which nothing moves would prove nothing */
    assert_true(from || (left > 12 && readonly > 3));
}

/* What is remembered of deltas, and that two at once do not both go out. */
static void
deltas_are_noted_before_they_leave(void **state)
{
    struct world w;
    struct gb_handed first, second;
    struct gb_delta_ask ask = {.device = 1};
    struct gb_fail fail = {0};
    (void)state;
    make_world(&w, 1);
    ask.from = gb_state_size(w.hub->state) - DEVICES + 1; /* as enrolled */
    GOOD(gb_handed_ask(w.hub->state, &ask, &first, &why));
    assert_false(ask.unsure);
    GOOD(gb_handed_ask(w.hub->state, &ask, &second, &why));
    GOOD(gb_handed_note(w.hub->state, &first, &why));
    assert_int_equal(gb_handed_note(w.hub->state, &second, &fail), GB_E_BUSY);
    put_device(&w.h[1]);
    GOOD(gb_handed_ask(w.hub->state, &ask, &second, &why));
    assert_false(ask.unsure);
    assert_int_equal(ask.nheads, 1);
    assert_int_equal(ask.heads[0], first.to);
    ask.from = first.to; /* it names that one: nothing else is possible */
    GOOD(gb_handed_ask(w.hub->state, &ask, &second, &why));
    assert_false(ask.unsure);
    assert_int_equal(ask.nheads, 0);
    GOOD(gb_handed_note(w.hub->state, &second, &why));
    ask.from--; /* it went back */
    GOOD(gb_handed_ask(w.hub->state, &ask, &second, &why));
    assert_true(ask.unsure);
    rebuild(&w);
    ask.from = gb_state_size(w.hub->state);
    GOOD(gb_handed_ask(w.hub->state, &ask, &second, &why));
    assert_true(ask.unsure);
    end_world(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_are_noted_before_they_leave),
        cmocka_unit_test(everyone_has_the_records_of_its_scope),
    };
    setenv("GENGBU_CLOCK_MS", "1700000000000", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
