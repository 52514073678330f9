/* hub_waiting.c - sets that wait for others: each goes on as soon as it can,
 * and none stands in another's way */
#include "hub_scene_fixture.h"

#include <sys/stat.h>

#include "engine/sshsig.h"
#include "hub/waiting.h"

static int
setup(void **state)
{
    struct scene *s = make_scene(state);
    push(&s->b, 1, 0);
    return 0;
}

/* A set that is nothing but its place in a chain: it is held, and has its
 * position all the same. */
struct raw {
    struct gb_buf bytes;
    uint8_t sha[32];
};

static const uint8_t none[32];

/* Signed by the handheld; `salt` tells it from others of the same place. */
static void
make_raw(struct handheld *h, uint32_t seq, const uint8_t prev[32],
         uint32_t salt, struct raw *r)
{
    struct gb_buf *b = &r->bytes;
    gb_buf_init(b, 1024);
    gb_buf_text(b, "GBCS");
    gb_buf_u8(b, 1);
    gb_buf_u8(b, 0);
    gb_buf_u16(b, (unsigned)h->number);
    gb_buf_add(b, h->w->hub->site, 16);
    gb_buf_u32(b, seq);
    gb_buf_add(b, prev, 32);
    gb_buf_u32(b, 1);
    memset(gb_buf_grow(b, 52), 0, 52);
    gb_buf_u8(b, 1); /* a section of four bytes, stored */
    gb_buf_u8(b, 4);
    gb_buf_u8(b, 4);
    gb_buf_u32(b, salt);
    gb_buf_u8(b, 0); /* the end */
    struct gb_sha256 sha = gb_sha256(gb_buf_view(b));
    memcpy(r->sha, sha.bytes, sizeof r->sha);
    struct gb_signature sig =
        gb_sshsig_sign(&h->sign, GB_NS_CHANGESET, gb_buf_view(b));
    gb_buf_add(b, sig.bytes, sizeof sig.bytes);
    gb_buf_u32(b, 0); /* nothing personal */
}

/* Deliver it, and see that it was taken, or waits. */
static void
send_raw(struct handheld *h, const struct raw *r, bool taken)
{
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    begin_parcel(h, &p);
    add_frame(h->w, &p, GB_FRAME_SET, gb_buf_view(&r->bytes));
    end_parcel(&p);
    if (deliver(h->w, &p, p.bytes.len, &g, &fail))
        fail_msg("deliver: %s", fail.text);
    if (g.taken != taken || g.waiting != !taken)
        fail_msg("%u taken, %u waiting: %s", g.taken, g.waiting, g.why.text);
    gb_buf_release(&p.bytes);
}

static size_t
waiting(const struct scene *s)
{
    size_t n;
    GOOD(gb_waiting_count(s->w.path, &n, &why));
    return n;
}

static size_t
commits(const struct scene *s)
{
    struct gb_ledger_log log;
    GOOD(gb_ledger_log(s->w.hub->ledger, NULL, &log, &why));
    size_t n = log.count;
    gb_ledger_log_release(&log);
    return n;
}

/* More sets than one round takes, each behind one that never comes, however
 * far the chain is: they do not keep others waiting. */
static void
test_stuck_starve_nobody(void **state)
{
    enum { STUCK = 70 };
    struct scene *s = *state;
    struct raw r[3];
    make_raw(&s->a, 1, none, 0, &r[0]);
    send_raw(&s->a, &r[0], true);
    for (uint32_t i = 0; i < STUCK; i++) {
        struct raw stuck;
        uint8_t prev[32];
        memset(prev, 1 + (int)i, sizeof prev);
        make_raw(&s->a, 2, prev, i, &stuck);
        send_raw(&s->a, &stuck, false);
        gb_buf_release(&stuck.bytes);
    }
    make_raw(&s->b, 1, none, 0, &r[1]);
    make_raw(&s->b, 2, r[1].sha, 0, &r[2]);
    send_raw(&s->b, &r[2], false);
    assert_int_equal(waiting(s), STUCK + 1);
    send_raw(&s->b, &r[1], true);
    assert_int_equal(waiting(s), STUCK);
    for (int i = 0; i < 3; i++)
        gb_buf_release(&r[i].bytes);
}

/* A chain that waited for its first goes on in one batch. */
static void
test_chain_at_once(void **state)
{
    enum { N = 12 }; /* 2 behind 10: by number, not by letters */
    struct scene *s = *state;
    struct raw r[N];
    for (uint32_t i = 0; i < N; i++)
        make_raw(&s->a, i + 1, i ? r[i - 1].sha : none, 0, &r[i]);
    for (uint32_t i = N; i-- > 1;)
        send_raw(&s->a, &r[i], false);
    size_t before = commits(s);
    send_raw(&s->a, &r[0], true);
    assert_int_equal(waiting(s), 0);
    assert_int_equal(commits(s), before + 2);
    for (int i = 0; i < N; i++)
        gb_buf_release(&r[i].bytes);
}

/* Behind a set that is itself a fork: its number says nothing about how far
 * the chain is. */
static void
test_behind_a_fork(void **state)
{
    struct scene *s = *state;
    struct raw fork, next;
    make_raw(&s->a, 5, none, 0, &fork);
    make_raw(&s->a, 6, fork.sha, 0, &next);
    send_raw(&s->a, &next, false);
    send_raw(&s->a, &fork, true);
    assert_int_equal(waiting(s), 0);
    gb_buf_release(&fork.bytes);
    gb_buf_release(&next.bytes);
}

/* What waits for nothing was left by a batch that was full, whatever its
 * number. */
static void
test_left_by_a_full_batch(void **state)
{
    struct scene *s = *state;
    for (uint32_t seq = 0; seq < 2; seq++) {
        struct raw r;
        struct gb_arriving a = {.outcome = GB_WAITING};
        unsigned taken = 0;
        make_raw(&s->a, seq, none, 0, &r);
        GOOD(gb_container_split(gb_buf_view(&r.bytes), &a.parts, &why));
        GOOD(gb_waiting_keep(s->w.hub, &a, &why));
        GOOD(gb_waiting_retry(s->w.hub, &taken, &why));
        assert_int_equal(taken, 1);
        assert_int_equal(waiting(s), 0);
        gb_buf_release(&r.bytes);
    }
}

static char said[1024];

static void
hear(void *context, const char *line)
{
    (void)context;
    snprintf(said, sizeof said, "%s", line);
}

/* What waits is in nobody's way: a sender whose sets are durable is told so,
 * though the waiting ones cannot be tried. */
static void
test_retry_fails(void **state)
{
    struct scene *s = *state;
    struct raw r;
    char path[200];
    s->w.hub->log = hear;
    said[0] = 0;
    snprintf(path, sizeof path, "%s/waiting", s->w.path);
    assert_int_equal(rmdir(path), 0);
    make_raw(&s->a, 1, none, 0, &r);
    send_raw(&s->a, &r, true);
    assert_non_null(strstr(said, "what waits cannot be tried again: "));
    gb_buf_release(&r.bytes);
}

/* One that cannot be read is named once, and the others go on. */
static void
test_one_is_unreadable(void **state)
{
    struct scene *s = *state;
    struct raw r[2];
    char path[200];
    s->w.hub->log = hear;
    said[0] = 0;
    snprintf(path, sizeof path, "%s/waiting/1-1-00.gbcs", s->w.path);
    assert_int_equal(symlink("nowhere", path), 0);
    make_raw(&s->a, 1, none, 0, &r[0]);
    make_raw(&s->a, 2, r[0].sha, 0, &r[1]);
    send_raw(&s->a, &r[1], false);
    assert_int_equal(waiting(s), 2);
    send_raw(&s->a, &r[0], true);
    assert_int_equal(waiting(s), 1); /* the link */
    assert_non_null(strstr(said, "is passed over: "));
    assert_non_null(strstr(said, "1-1-00.gbcs: cannot be read: "));
    gb_buf_release(&r[0].bytes);
    gb_buf_release(&r[1].bytes);
}

/* A set that must wait and cannot be kept is not taken over from its sender;
 * the others of the same bundle have their positions. */
static void
test_keep_fails(void **state)
{
    struct scene *s = *state;
    struct raw r[2];
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    char path[200];
    snprintf(path, sizeof path, "%s/waiting", s->w.path);
    assert_int_equal(rmdir(path), 0);
    make_raw(&s->a, 1, none, 0, &r[0]);
    make_raw(&s->a, 3, r[0].sha, 0, &r[1]);
    uint64_t size = gb_state_size(s->w.hub->state);
    begin_parcel(&s->a, &p);
    for (int i = 0; i < 2; i++)
        add_frame(&s->w, &p, GB_FRAME_SET, gb_buf_view(&r[i].bytes));
    end_parcel(&p);
    assert_int_not_equal(deliver(&s->w, &p, p.bytes.len, &g, &fail), GB_OK);
    assert_int_equal(gb_state_size(s->w.hub->state), size + 1);
    gb_buf_release(&p.bytes);
    for (int i = 0; i < 2; i++)
        gb_buf_release(&r[i].bytes);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_stuck_starve_nobody), TEST(test_chain_at_once),
        TEST(test_behind_a_fork),       TEST(test_left_by_a_full_batch),
        TEST(test_retry_fails),         TEST(test_one_is_unreadable),
        TEST(test_keep_fails),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
