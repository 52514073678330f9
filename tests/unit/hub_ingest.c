/* hub_ingest.c - bundles on their way into a hub, good ones and others */
#include "hub_scene_fixture.h"

#include "hub/contact.h"

static int
setup(void **state)
{
    struct scene *s = make_scene(state);
    pull(&s->a);
    return 0;
}

/* Everyone has the same records after a last round. */
static void
check_equal(struct scene *s)
{
    uint8_t want[32], got[32];
    GOOD(gb_state_digest(s->w.hub->state, want, &why));
    pull(&s->a);
    GOOD(gb_journal_digest(s->a.j, got, &why));
    assert_memory_equal(got, want, 32);
    pull(&s->b);
    GOOD(gb_journal_digest(s->b.j, got, &why));
    assert_memory_equal(got, want, 32);
}

static void
test_first_contact(void **state)
{
    struct scene *s = *state;
    struct gb_device d;
    struct gb_contact c;
    bool found;
    insert(&s->b, "一");
    push(&s->b, 1, seal(&s->b));
    GOOD(gb_state_device(s->w.hub->state, 2, &d, &found, &why));
    assert_true(d.enrolled);
    assert_memory_equal(d.sign_key, s->b.sign.public_key.bytes, 32);
    assert_int_equal(d.seq, 1);
    GOOD(gb_contact_get(s->w.hub->state, 2, &c, &why));
    assert_true(c.seen_ms > 0);
    uint64_t size = gb_state_size(s->w.hub->state);
    push(&s->b, 1, 1); /* the reply was lost: all of it again */
    assert_int_equal(gb_state_size(s->w.hub->state), size);
    check_equal(s);
}

/* The ticket in other hands, before and after it was used. */
static void
test_ticket(void **state)
{
    struct scene *s = *state;
    struct handheld thief = s->b;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    uint64_t size = gb_state_size(s->w.hub->state);
    gb_sign_key_generate(&thief.sign);
    push(&s->b, 1, 0);
    size++;
    begin_parcel(&thief, &p);
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_E_TICKET);
    assert_non_null(strstr(fail.text, "used by another handheld"));
    assert_int_equal(gb_state_size(s->w.hub->state), size);
    gb_buf_release(&p.bytes);
    assert_int_equal(count_files(&s->w, "quarantine", ""), 0);
}

/* A stick that comes late takes nothing back of what the hub knows; a journal
 * that goes back does. */
static void
test_late_request(void **state)
{
    static const struct {
        uint64_t merged;
        int64_t made_ms;
        uint64_t want;
    } rows[] = {
        {3, 1000, 3}, {5, 2000, 5}, {4, 1500, 5}, /* made before, came after */
        {5, 900, 5}, /* a clock that was set back says nothing */
        {6, 800, 6},  {4, 700, 6},  {4, 900, 4}, /* restored from a backup */
    };
    struct scene *s = *state;
    struct gb_state *st = s->w.hub->state;
    struct gb_contact c;
    struct gb_delta_ask ask;
    struct gb_fail fail = {0};
    pull(&s->b);
    push(&s->b, 1, 0);
    GOOD(gb_db_exec(gb_state_db(st), "DELETE FROM _contact", &why));
    assert_int_equal(gb_contact_ask(st, 2, &ask, &fail), GB_E_STATE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_request r = {.device = 2,
                               .clock_ms = rows[i].made_ms,
                               .merged.size = rows[i].merged,
                               .highest.size = rows[i].merged,
                               .schema = 1};
        GOOD(gb_contact_note(st, &r, (int64_t)i + 1, &why));
        GOOD(gb_contact_get(st, 2, &c, &why));
        assert_int_equal(c.merged, rows[i].want);
        assert_int_equal(c.highest, rows[i].want);
        assert_int_equal(c.seen_ms, i + 1);
    }
}

static void
test_wrong_secret(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    uint64_t size = gb_state_size(s->w.hub->state);
    GOOD(gb_db_exec(gb_journal_db(s->b.j),
                    "UPDATE _journal SET value = zeroblob(32) WHERE key = "
                    "'secret'",
                    &why));
    begin_parcel(&s->b, &p);
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_E_TICKET);
    assert_non_null(strstr(fail.text, "not known here"));
    assert_int_equal(gb_state_size(s->w.hub->state), size);
    gb_buf_release(&p.bytes);
}

/* A request in the name of another, signed by neither. */
static void
test_forged_request(void **state)
{
    struct scene *s = *state;
    struct handheld liar = s->a;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    gb_sign_key_generate(&liar.sign);
    insert(&s->a, "x");
    uint32_t seq = seal(&s->a);
    begin_parcel(&liar, &p);
    add_set(&s->a, &p, seq);
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail),
                     GB_E_SIGNATURE);
    assert_int_equal(g.taken, 0);
    assert_int_equal(count_files(&s->w, "quarantine", ".txt"), 1);
    gb_buf_release(&p.bytes);
}

/* One damaged set, one signed by nobody, one garbage frame: the others get
 * through, and the bytes are kept. */
static void
test_bad_sets_among_good(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    struct gb_buf b;
    insert(&s->a, "1");
    uint32_t first = seal(&s->a);
    insert(&s->a, "2");
    uint32_t second = seal(&s->a);
    begin_parcel(&s->a, &p);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(s->a.j, first, &b, &why));
    b.ptr[130] ^= 1; /* in the signed bytes */
    add_frame(&s->w, &p, GB_FRAME_SET, gb_buf_view(&b));
    GOOD(gb_bundle_add(&p.out, GB_FRAME_SET, gb_span_text("garbage"), &why));
    add_frame(&s->w, &p, GB_FRAME_SET, gb_span_text("no container"));
    add_set(&s->a, &p, first);
    add_set(&s->a, &p, second);
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.taken, 2);
    assert_int_equal(g.refused, 3);
    assert_int_equal(count_files(&s->w, "quarantine", ".txt"), 3);
    assert_int_equal(count_files(&s->w, "quarantine", ".bin"), 3);
    /* the same bytes are kept once */
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.known, 2);
    assert_int_equal(g.refused, 3);
    assert_int_equal(count_files(&s->w, "quarantine", ".txt"), 3);
    gb_buf_release(&b);
    gb_buf_release(&p.bytes);
    push(&s->b, 1, 0);
    check_equal(s);
}

/* Personal values that do not fit their commitments: refused, and the set
 * comes again. */
static void
test_damaged_personal(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    struct gb_buf b;
    int64_t id = insert(&s->a, "x");
    set_text(&s->a, id, "phone", "13800000000");
    uint32_t seq = seal(&s->a);
    begin_parcel(&s->a, &p);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(s->a.j, seq, &b, &why));
    b.ptr[b.len - 1] ^= 1;
    add_frame(&s->w, &p, GB_FRAME_SET, gb_buf_view(&b));
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.refused, 1);
    assert_int_equal(g.taken, 0);
    gb_buf_release(&b);
    gb_buf_release(&p.bytes);
    push(&s->a, seq, seq);
    push(&s->b, 1, 0);
    check_equal(s);
}

/* Another device cannot bring a set, whose personal values it could leave out:
 * they come with the set itself. */
static void
test_set_of_another(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    struct gb_buf b;
    struct gb_container parts;
    bool found;
    int64_t n;
    set_text(&s->a, insert(&s->a, "x"), "phone", "13800000000");
    uint32_t seq = seal(&s->a);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(s->a.j, seq, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &parts, &why));
    b.len -= parts.personal.len;
    gb_buf_u32(&b, 0);
    begin_parcel(&s->b, &p);
    add_frame(&s->w, &p, GB_FRAME_SET, gb_buf_view(&b));
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.refused, 1);
    assert_int_equal(g.taken, 0);
    assert_non_null(strstr(g.why.text, "itself"));
    assert_int_equal(count_files(&s->w, "quarantine", ""), 0);
    gb_buf_release(&b);
    gb_buf_release(&p.bytes);
    push(&s->a, seq, seq);
    check_equal(s);
    GOOD(gb_state_refresh(s->w.hub->state, &why));
    GOOD(gb_db_int(gb_state_db(s->w.hub->state),
                   "SELECT count(*) FROM r WHERE phone = '13800000000'", &n,
                   &found, &why));
    assert_int_equal(n, 1);
}

/* What a handheld sent before its last request over the network was held up, or
 * comes from somebody else: it does not tell what its clock shows now. */
static void
test_held_up(void **state)
{
    static const struct {
        uint8_t boot;
        int64_t mono_ms;
        bool stick, late;
    } rows[] = {
        {1, 500, false, false}, {1, 400, false, true}, {1, 500, false, false},
        {1, 900, true, false}, /* comes when somebody carries it */
        {1, 600, false, false}, {2, 10, false, false}, {2, 9, false, true},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_request r = {
            .device = 2, .mono_ms = rows[i].mono_ms, .stick = rows[i].stick};
        bool late;
        memset(r.boot, rows[i].boot, sizeof r.boot);
        GOOD(gb_contact_late(s->w.hub->state, &r, &late, &why));
        assert_int_equal(late, rows[i].late);
        GOOD(gb_contact_note(s->w.hub->state, &r, (int64_t)i + 1, &why));
    }
}

/* Out of order, in several bundles: what waits is kept, and goes on. */
static void
test_waiting(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    uint32_t seq[4];
    for (int i = 0; i < 4; i++) {
        insert(&s->a, "x");
        seq[i] = seal(&s->a);
    }
    for (int i = 3; i > 0; i--) {
        begin_parcel(&s->a, &p);
        add_set(&s->a, &p, seq[i]);
        end_parcel(&p);
        assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
        assert_int_equal(g.waiting, 1);
        gb_buf_release(&p.bytes);
    }
    assert_int_equal(count_files(&s->w, "waiting", ".gbcs"), 3);
    /* another device's sets do not help */
    insert(&s->b, "y");
    push(&s->b, 1, seal(&s->b));
    assert_int_equal(count_files(&s->w, "waiting", ".gbcs"), 3);
    uint64_t size = gb_state_size(s->w.hub->state);
    begin_parcel(&s->a, &p);
    add_set(&s->a, &p, seq[0]);
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.taken, 1);
    gb_buf_release(&p.bytes);
    assert_int_equal(gb_state_size(s->w.hub->state), size + 4);
    assert_int_equal(count_files(&s->w, "waiting", ""), 0);
    check_equal(s);
}

/* In disorder within one bundle is no disorder. */
static void
test_disorder(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    uint32_t seq[3];
    for (int i = 0; i < 3; i++) {
        insert(&s->a, "x");
        seq[i] = seal(&s->a);
    }
    begin_parcel(&s->a, &p);
    for (int i = 2; i >= 0; i--)
        add_set(&s->a, &p, seq[i]);
    add_set(&s->a, &p, seq[1]); /* and one twice */
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(g.taken, 3);
    assert_int_equal(g.known, 1);
    assert_int_equal(g.waiting, 0);
    gb_buf_release(&p.bytes);
    push(&s->b, 1, 0);
    check_equal(s);
}

/* Cut at each byte, then the whole: every set is there once. */
static void
test_cut(void **state)
{
    struct scene *s = *state;
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    uint32_t first = 0, last = 0;
    unsigned taken = 0;
    for (int i = 0; i < 3; i++) {
        insert(&s->a, "x");
        last = seal(&s->a);
        first = first ? first : last;
    }
    begin_parcel(&s->a, &p);
    for (uint32_t seq = first; seq <= last; seq++)
        add_set(&s->a, &p, seq);
    end_parcel(&p);
    for (size_t n = 0; n < p.bytes.len; n += 7) {
        assert_int_equal(deliver(&s->w, &p, n, &g, &fail), GB_E_FORMAT);
        assert_int_equal(g.waiting + g.refused, 0);
        taken += g.taken;
    }
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    taken += g.taken;
    assert_int_equal(taken, 3);
    assert_int_equal(count_files(&s->w, "quarantine", ""), 0);
    gb_buf_release(&p.bytes);
    push(&s->b, 1, 0);
    check_equal(s);
}

/* Heads that this ledger does not have. */
static void
test_history(void **state)
{
    struct scene *s = *state;
    struct gb_head head;
    struct gb_sign_key *key = &s->a.sign;
    for (int i = 0; i < 4; i++) {
        struct parcel p;
        struct gb_ingest g;
        struct gb_fail fail;
        struct gb_buf b;
        struct gb_request r = {.device = 1, .schema = 1};
        head = gb_state_head(s->w.hub->state);
        memcpy(r.site, s->w.hub->site, 16);
        r.merged = head;
        r.highest = head;
        struct gb_head *lie = i % 2 ? &r.merged : &r.highest;
        if (i < 2)
            lie->size += 1;
        else
            lie->root[7] ^= 1;
        p.header = (struct gb_bundle){GB_TO_HUB, 1, {0}};
        memcpy(p.header.site, s->w.hub->site, 16);
        gb_buf_init(&p.bytes, 65536);
        p.out = (struct gb_bundle_out){gb_bundle_to_buf, &p.bytes, 0};
        GOOD(gb_bundle_begin(&p.out, &p.header, &why));
        gb_buf_init(&b, 8192);
        GOOD(gb_request_encode(&r, key, &b, &why));
        add_frame(&s->w, &p, GB_FRAME_REQUEST, gb_buf_view(&b));
        end_parcel(&p);
        assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail),
                         GB_E_HISTORY);
        gb_buf_release(&b);
        gb_buf_release(&p.bytes);
    }
}

/* A bundle that is not for this hub, or none at all. */
static void
test_addresses(void **state)
{
    struct scene *s = *state;
    static const struct {
        size_t at;
        enum gb_err err;
    } flips[] = {{0, GB_E_FORMAT},
                 {4, GB_E_VERSION},
                 {5, GB_E_FORMAT},
                 {7, GB_E_FORMAT},
                 {8, GB_E_SITE}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        struct parcel p;
        struct gb_ingest g;
        struct gb_fail fail;
        begin_parcel(&s->a, &p);
        end_parcel(&p);
        p.bytes.ptr[flips[i].at] ^= 3;
        enum gb_err e = deliver(&s->w, &p, p.bytes.len, &g, &fail);
        assert_int_equal(e, flips[i].err);
        assert_false(g.asked);
        gb_buf_release(&p.bytes);
    }
}

/* Two requests, or a set before the request. */
static void
test_frames(void **state)
{
    struct scene *s = *state;
    struct parcel p, again;
    struct gb_ingest g;
    struct gb_fail fail;
    insert(&s->a, "x");
    uint32_t seq = seal(&s->a);
    begin_parcel(&s->a, &p);
    add_set(&s->a, &p, seq);
    struct gb_buf request;
    gb_buf_init(&request, 8192);
    GOOD(gb_journal_request(s->a.j, &s->a.sign, &s->a.receive.public_key, false,
                            &request, &why));
    add_frame(&s->w, &p, GB_FRAME_REQUEST, gb_buf_view(&request));
    end_parcel(&p);
    assert_int_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_E_FORMAT);
    assert_int_equal(g.taken, 1); /* what came before it */
    gb_buf_release(&request);
    gb_buf_release(&p.bytes);
    again.header = (struct gb_bundle){GB_TO_HUB, 1, {0}};
    memcpy(again.header.site, s->w.hub->site, 16);
    gb_buf_init(&again.bytes, (size_t)4 << 20);
    again.out = (struct gb_bundle_out){gb_bundle_to_buf, &again.bytes, 0};
    GOOD(gb_bundle_begin(&again.out, &again.header, &why));
    add_set(&s->a, &again, seq);
    end_parcel(&again);
    assert_int_equal(deliver(&s->w, &again, again.bytes.len, &g, &fail),
                     GB_E_FORMAT);
    gb_buf_release(&again.bytes);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_first_contact),    TEST(test_late_request),
        TEST(test_ticket),           TEST(test_wrong_secret),
        TEST(test_forged_request),   TEST(test_bad_sets_among_good),
        TEST(test_damaged_personal), TEST(test_set_of_another),
        TEST(test_held_up),          TEST(test_waiting),
        TEST(test_disorder),         TEST(test_cut),
        TEST(test_history),          TEST(test_addresses),
        TEST(test_frames),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
