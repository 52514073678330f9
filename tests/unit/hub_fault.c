/*
 * hub_fault.c - a hub each of whose calls fails once: what it was given is
 * taken whole or not at all, and taken when it comes again.
 */
#include "hub_office_fixture.h"

#include "hub/audit.h"
#include "support/fault.h"

struct scene {
    struct office w;
    struct handheld h;
    struct parcel p;
    uint32_t seq;     /* the last set in the parcel */
    uint64_t expects; /* sets in the ledger when it is taken */
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    make_handheld(&s->w, &s->h, 1);
    push(&s->h, 1, 0);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_journal_close(s->h.j);
    end_office(&s->w);
    free(s);
    return 0;
}

static uint64_t
sets_of_ledger(struct scene *s)
{
    struct gb_ledger_tip tip;
    struct gb_ledger_commit c;
    unsigned long long first, last;
    GOOD(gb_ledger_tip(s->w.hub->ledger, &tip, &why));
    GOOD(gb_ledger_commit_read(s->w.hub->ledger, &tip.oid, &c, &why));
    int n =
        sscanf((const char *)c.message.ptr, "batch %llu..%llu", &first, &last);
    gb_ledger_commit_release(&c);
    assert_int_equal(n, 2);
    return last;
}

/* What is in the ledger is as it should be: nothing mends it any more. */
static void
audited(const struct scene *s)
{
    char path[200];
    struct gb_audit_report r;
    snprintf(path, sizeof path, "%s/ledger.git", s->w.path);
    struct gb_audit_plan plan = {.ledger = path};
    GOOD(gb_audit_run(&plan, &r, &why));
    assert_int_equal(r.verdict, GB_AUDIT_OK);
    gb_audit_release(&r);
}

/* hub.db never runs ahead of the ledger; behind it, the next open catches up.
 */
static void
whole(struct scene *s)
{
    uint8_t is[32], again[32];
    if (gb_state_size(s->w.hub->state) != sets_of_ledger(s)) {
        gb_state_close(s->w.reader);
        gb_office_close(s->w.hub);
        GOOD(gb_office_open(s->w.path, "test", &s->w.hub, &why));
        open_reader(&s->w);
    }
    assert_int_equal(gb_state_size(s->w.hub->state), sets_of_ledger(s));
    audited(s);
    GOOD(gb_state_digest(s->w.hub->state, is, &why));
    gb_state_close(s->w.reader);
    gb_office_close(s->w.hub);
    GOOD(gb_office_rebuild(s->w.path, NULL, NULL, &why));
    GOOD(gb_office_open(s->w.path, "test", &s->w.hub, &why));
    open_reader(&s->w);
    GOOD(gb_state_digest(s->w.hub->state, again, &why));
    assert_memory_equal(is, again, sizeof is);
}

/* ---------------------------------------------------------- delivering -- */

static enum gb_err
take_parcel(void *arg, struct gb_fail *fail)
{
    struct scene *s = arg;
    struct gb_ingest g = {.hub = s->w.path,
                          .site = s->w.hub->site,
                          .receive = &s->w.hub->keys.receive,
                          .reader = s->w.reader,
                          .intake = gb_intake_direct(s->w.hub)};
    enum gb_err e = gb_state_refresh(s->w.reader, fail);
    gb_ingest_init(&g);
    if (!e)
        e = gb_ingest_feed(&g, gb_buf_view(&s->p.bytes), fail);
    struct gb_fail second = {0};
    enum gb_err f = gb_ingest_finish(&g, &second);
    if (!e && f)
        *fail = second;
    gb_ingest_release(&g);
    return e ? e : f;
}

/* Told; and in the ledger stands all of a batch or nothing. */
static void
taken_or_not(void *arg, enum gb_err err, enum fault failed)
{
    struct scene *s = arg;
    uint64_t sets = sets_of_ledger(s);
    if (sets != s->expects && !err)
        fault_blame(err, failed);
    if (failed == FAULT_MEMORY && err && err != GB_E_MEMORY)
        fault_blame(err, failed);
}

static void
a_parcel(void **state)
{
    struct scene *s = *state;
    size_t failures = 0;
    for (int i = 0; i < 6; i++) {
        uint32_t first = s->seq + 1;
        int64_t id = insert(&s->h, "x");
        set_text(&s->h, id, "phone", i % 2 ? "139" : "138");
        seal(&s->h);
        set_text(&s->h, id, "re", "review");
        s->seq = seal(&s->h);
        s->expects = sets_of_ledger(s) + 2;
        begin_parcel(&s->h, &s->p);
        for (uint32_t seq = first; seq <= s->seq; seq++)
            add_set(&s->h, &s->p, seq);
        end_parcel(&s->p);
        failures += fault_sweep(FAULT_ANY, take_parcel, taken_or_not, s);
        gb_buf_release(&s->p.bytes);
        assert_int_equal(sets_of_ledger(s), s->expects);
    }
    assert_true(failures > 100);
    whole(s);
    pull(&s->h);
    uint8_t a[32], b[32];
    GOOD(gb_state_digest(s->w.hub->state, a, &why));
    GOOD(gb_journal_digest(s->h.j, b, &why));
    assert_memory_equal(a, b, sizeof a);
}

/* ------------------------------------------------------------ ordering -- */

static enum gb_err
order(void *arg, struct gb_fail *fail)
{
    struct scene *s = arg;
    struct gb_written name = {.column = 0,
                              .value = gb_value_text(gb_span_text("李四"))};
    struct gb_op op = {
        .kind = GB_INSERT, .table = TABLE_STAFF, .values = &name, .nvalues = 1};
    enum gb_err e = gb_office_new_id(s->w.hub, &op.id, fail);
    return e ? e : gb_office_own(s->w.hub, &op, 1, 0, fail);
}

/* What a person orders is in the ledger, or that it may not be is told. */
static void
ordered_or_told(void *arg, enum gb_err err, enum fault failed)
{
    struct scene *s = arg;
    uint64_t sets = sets_of_ledger(s);
    assert_true(sets <= s->expects + 1);
    if (sets != s->expects + 1 && !err)
        fault_blame(err, failed);
    s->expects = sets;
}

static void
an_order(void **state)
{
    struct scene *s = *state;
    s->expects = sets_of_ledger(s);
    assert_true(fault_sweep(FAULT_ANY, order, ordered_or_told, s) > 20);
    whole(s);
}

/* ---------------------------------------------------------- rebuilding -- */

static enum gb_err
rebuild(void *arg, struct gb_fail *fail)
{
    struct scene *s = arg;
    return gb_office_rebuild(s->w.path, NULL, NULL, fail);
}

static void
a_rebuild(void **state)
{
    struct scene *s = *state;
    uint8_t before[32], after[32];
    insert(&s->h, "x");
    seal(&s->h);
    push(&s->h, 1, 1);
    GOOD(gb_state_digest(s->w.hub->state, before, &why));
    gb_state_close(s->w.reader);
    gb_office_close(s->w.hub);
    assert_true(fault_sweep(FAULT_ANY, rebuild, fault_told_or_harmless, s) >
                60);
    GOOD(gb_office_open(s->w.path, "test", &s->w.hub, &why));
    open_reader(&s->w);
    GOOD(gb_state_digest(s->w.hub->state, after, &why));
    assert_memory_equal(before, after, sizeof before);
}

/* ----------------------------------------------------------- verifying -- */

static enum gb_err
commit_nothing(void *arg, struct gb_fail *fail)
{
    struct scene *s = arg;
    return gb_office_commit(s->w.hub, NULL, 0, fail);
}

/* What fails may be told, and is no batch. */
static void
nothing_came(void *arg, enum gb_err err, enum fault failed)
{
    struct scene *s = arg;
    assert_true(!err || failed);
    assert_int_equal(sets_of_ledger(s), gb_state_size(s->w.hub->state));
}

/* Whose set it is, and of which site; and a batch of none. */
static void
whose_set(void **state)
{
    struct scene *s = *state;
    static const uint8_t other[16] = {9};
    struct handheld late;
    struct gb_fail fail = {0};
    struct gb_arriving a = {.skew = {.clock_ms = 1}};
    struct gb_container c;
    struct gb_buf b;
    insert(&s->h, "x");
    seal(&s->h);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(s->h.j, 1, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
    a.parts = c;
    GOOD(gb_office_verify(s->w.hub->state, s->w.hub->site, &a, &why));
    assert_int_equal(gb_office_verify(s->w.hub->state, other, &a, &fail),
                     GB_E_SITE);
    a.parts = c;
    memset((uint8_t *)(uintptr_t)a.parts.signed_bytes.ptr + 6, 0, 2);
    assert_int_not_equal(/* as if the hub had made it */
                         gb_office_verify(s->w.hub->state, s->w.hub->site, &a,
                                          &fail),
                         GB_OK);
    make_handheld(&s->w, &late, 2); /* and not enrolled yet */
    insert(&late, "y");
    seal(&late);
    gb_buf_clear(&b);
    GOOD(gb_journal_container(late.j, 1, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
    a.parts = c;
    assert_int_equal(
        gb_office_verify(s->w.hub->state, s->w.hub->site, &a, &fail), GB_E_KEY);
    gb_buf_release(&b);
    gb_journal_close(late.j);
    assert_true(fault_sweep(FAULT_ANY, commit_nothing, nothing_came, s) > 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_parcel),
        TEST(an_order),
        TEST(a_rebuild),
        TEST(whose_set),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
