/* hub_clerk.c - how much goes into one batch, whoever hands it in, and who
 * waits for whom */
#include "hub_office_fixture.h"

#include <pthread.h>

#include "engine/sshsig.h"
#include "hub/clerk.h"

#define SET_BYTES 1000000 /* of those made here */
#define HEADER 116

/* An office and a handheld that has been in contact. */
struct scene {
    struct office w;
    struct handheld a;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    make_handheld(&s->w, &s->a, 1);
    push(&s->a, 1, 0);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_journal_close(s->a.j);
    end_office(&s->w);
    free(s);
    return 0;
}

/* Bytes that the handheld's key signs, as long as they may be. */
struct large {
    struct gb_buf bytes;
    struct gb_signature sig;
};

/* The n-th set of the number 1, which begins a chain: the first is held, the
 * others are forks, so each has a position without any other. */
static void
make_large(struct handheld *h, uint32_t n, struct large *l,
           struct gb_arriving *out)
{
    static const uint8_t none[4];
    gb_buf_init(&l->bytes, GB_SET_MAX);
    gb_buf_text(&l->bytes, "GBCS");
    gb_buf_u8(&l->bytes, 1);
    gb_buf_u8(&l->bytes, 0);
    gb_buf_u16(&l->bytes, (unsigned)h->number);
    gb_buf_add(&l->bytes, h->w->hub->site, 16);
    gb_buf_u32(&l->bytes, 1);
    size_t rest = SET_BYTES - l->bytes.len;
    memset(gb_buf_grow(&l->bytes, rest), 0, rest);
    memcpy(l->bytes.ptr + HEADER, &n, sizeof n);
    l->sig = gb_sshsig_sign(&h->sign, GB_NS_CHANGESET, gb_buf_view(&l->bytes));
    *out = (struct gb_arriving){.parts = {gb_buf_view(&l->bytes),
                                          GB_SPAN(l->sig.bytes, 64),
                                          GB_SPAN(none, sizeof none)}};
    GOOD(gb_office_verify(h->w->hub->state, h->w->hub->site, out, &why));
}

/* ---------------------------------------------------------- the ledger -- */

static enum gb_err
add_bytes(void *context, const struct gb_ledger_change *c, struct gb_fail *fail)
{
    size_t *bytes = context;
    (void)fail;
    *bytes += c->bytes.len;
    return GB_OK;
}

/* How many commits there are, the largest of which is no larger than a batch
 * may be. */
static size_t
check_commits(struct office *w)
{
    struct gb_ledger_log log;
    GOOD(gb_ledger_log(w->hub->ledger, NULL, &log, &why));
    for (size_t i = 0; i < log.count; i++) {
        size_t bytes = 0;
        GOOD(gb_ledger_changes(w->hub->ledger, &log.commits[i], add_bytes,
                               &bytes, &why));
        if (bytes > GB_BATCH_BYTES + 2 * GB_SET_MAX)
            fail_msg("a commit of %zu MiB", bytes >> 20);
    }
    size_t n = log.count;
    gb_ledger_log_release(&log);
    return n;
}

static size_t
count_outcomes(const struct gb_arriving *sets, size_t n, enum gb_outcome which)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += sets[i].outcome == which;
    return count;
}

/* --------------------------------------------------------------- tests -- */

enum { MANY = 90 }; /* sets: more than one batch */

/* A caller that knows no bound: what is too much waits for the next batch. */
static void
test_commit_is_bounded(void **state)
{
    struct scene *s = *state;
    struct large *l = calloc(MANY, sizeof *l);
    struct gb_arriving *sets = calloc(MANY, sizeof *sets);
    assert_non_null(l);
    assert_non_null(sets);
    for (uint32_t i = 0; i < MANY; i++)
        make_large(&s->a, i, &l[i], &sets[i]);
    GOOD(gb_office_commit(s->w.hub, sets, MANY, &why));
    size_t taken = count_outcomes(sets, MANY, GB_TAKEN);
    assert_int_equal(taken, GB_BATCH_BYTES / SET_BYTES + 1);
    assert_int_equal(count_outcomes(sets, MANY, GB_WAITING), MANY - taken);
    check_commits(&s->w);
    GOOD(gb_office_commit(s->w.hub, sets, MANY, &why));
    assert_int_equal(count_outcomes(sets, MANY, GB_KNOWN), taken);
    assert_int_equal(count_outcomes(sets, MANY, GB_TAKEN), MANY - taken);
    for (uint32_t i = 0; i < MANY; i++)
        gb_buf_release(&l[i].bytes);
    free(l);
    free(sets);
}

/* ------------------------------------------------------------- threads -- */

enum { EACH = 3, THREADS = MANY / EACH };

/* One connection: some sets of a bundle. */
struct sender {
    struct gb_intake intake;
    struct gb_request request;
    struct large large[EACH];
    struct gb_arriving sets[EACH];
    enum gb_err err;
};

static void *
send_sets(void *arg)
{
    struct sender *s = arg;
    struct gb_fail ignored = {0};
    struct gb_delivery d = {.request = &s->request, .sets = s->sets, .n = EACH};
    s->err = s->intake.deliver(s->intake.arg, &d, &ignored);
    return NULL;
}

/* Many at once while the lock is taken: they queue up, and go as batches that
 * are not too large, so nothing of them is left over. */
static void
test_clerk_is_bounded(void **state)
{
    struct scene *s = *state;
    struct sender *senders = calloc(THREADS, sizeof *senders);
    pthread_t threads[THREADS];
    struct gb_clerk *clerk;
    struct gb_lock lock;
    char path[GB_FILE_PATH_MAX];
    assert_non_null(senders);
    gb_office_path(s->w.hub, "lock", path);
    GOOD(gb_clerk_start(s->w.hub, &clerk, &why));
    for (uint32_t i = 0; i < MANY; i++)
        make_large(&s->a, i, &senders[i / EACH].large[i % EACH],
                   &senders[i / EACH].sets[i % EACH]);
    GOOD(gb_lock_take(&lock, path, "test", 0, &why));
    for (int i = 0; i < THREADS; i++) {
        senders[i].intake = gb_clerk_intake(clerk);
        senders[i].request.device = 1;
        assert_int_equal(
            pthread_create(&threads[i], NULL, send_sets, &senders[i]), 0);
    }
    usleep(300000); /* until all stand in the queue, most likely */
    gb_lock_release(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gb_clerk_stop(clerk);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(senders[i].err, GB_OK);
        assert_int_equal(count_outcomes(senders[i].sets, EACH, GB_TAKEN), EACH);
        for (int k = 0; k < EACH; k++)
            gb_buf_release(&senders[i].large[k].bytes);
    }
    assert_int_equal(count_files(&s->w, "waiting", ""), 0);
    check_commits(&s->w);
    free(senders);
}

/* --------------------------------------------------------------- times -- */

static int64_t
clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How long an answer waits for those who bring work. */
static int64_t
rest(struct gb_clerk *c)
{
    int64_t since = clock_ms();
    gb_clerk_rest(c);
    return clock_ms() - since;
}

/* A delivery without sets that is stuck, as somebody else has the lock. */
struct stuck {
    struct gb_clerk *clerk;
    struct gb_lock lock;
    struct gb_request request;
    struct gb_delivery delivery;
    pthread_t thread;
    enum gb_err err;
};

static void *
deliver_it(void *arg)
{
    struct stuck *k = arg;
    struct gb_fail ignored = {0};
    struct gb_intake in = gb_clerk_intake(k->clerk);
    k->err = in.deliver(in.arg, &k->delivery, &ignored);
    return NULL;
}

static void
begin_stuck(struct scene *s, struct stuck *k)
{
    char path[GB_FILE_PATH_MAX];
    *k = (struct stuck){.request = {.device = 1}};
    k->delivery.request = &k->request;
    gb_office_path(s->w.hub, "lock", path);
    GOOD(gb_clerk_start(s->w.hub, &k->clerk, &why));
    GOOD(gb_lock_take(&k->lock, path, "test", 0, &why));
    assert_int_equal(pthread_create(&k->thread, NULL, deliver_it, k), 0);
}

static void
end_stuck(struct stuck *k)
{
    assert_int_equal(pthread_join(k->thread, NULL), 0);
    assert_int_equal(k->err, GB_OK);
    gb_clerk_stop(k->clerk);
}

static void *
rest_long(void *arg)
{
    gb_clerk_rest(arg);
    return NULL;
}

/* While a delivery is at work an answer waits, but not for ever: of two the
 * second begins when the first has waited in vain, and sees the end. */
static void
test_answers_rest(void **state)
{
    struct stuck k;
    int64_t waited = 0, tries_end = clock_ms() + 5000;
    begin_stuck(*state, &k);
    /* until the delivery has come there is nothing to wait for */
    while (waited < GB_CLERK_REST_MS && clock_ms() < tries_end)
        waited = rest(k.clerk);
    assert_in_range(waited, GB_CLERK_REST_MS, GB_CLERK_REST_MS + 1000);
    assert_int_equal(k.delivery.now_ms, 0);
    gb_lock_release(&k.lock);
    assert_in_range(rest(k.clerk), 0, GB_CLERK_REST_MS - 1);
    assert_int_not_equal(k.delivery.now_ms, 0); /* it has been taken in */
    assert_in_range(rest(k.clerk), 0, GB_CLERK_REST_MS - 1);
    end_stuck(&k);
}

/* Whoever's work is durable is told so first, if that takes no time. */
static void
test_answers_rest_for_acknowledgements(void **state)
{
    struct scene *s = *state;
    struct gb_clerk *clerk;
    pthread_t resting;
    GOOD(gb_clerk_start(s->w.hub, &clerk, &why));
    gb_clerk_tell(clerk);
    gb_clerk_tell(clerk);
    gb_clerk_told(clerk);
    assert_in_range(rest(clerk), GB_CLERK_REST_MS, GB_CLERK_REST_MS + 1000);
    int64_t since = clock_ms();
    assert_int_equal(pthread_create(&resting, NULL, rest_long, clerk), 0);
    gb_clerk_told(clerk);
    pthread_join(resting, NULL);
    assert_in_range(clock_ms() - since, 0, GB_CLERK_REST_MS - 1);
    gb_clerk_stop(clerk);
}

/* Many who rest, and bundles that are never read to their end: the work that
 * was handed in is done, and the thread ends. */
static void
test_end_hangs_on_nobody(void **state)
{
    struct stuck k;
    pthread_t resting[8];
    begin_stuck(*state, &k);
    for (int i = 0; i < 8; i++) {
        gb_clerk_enter(k.clerk);
        assert_int_equal(pthread_create(&resting[i], NULL, rest_long, k.clerk),
                         0);
    }
    gb_lock_release(&k.lock);
    int64_t since = clock_ms();
    for (int i = 0; i < 8; i++)
        pthread_join(resting[i], NULL);
    end_stuck(&k);
    assert_in_range(clock_ms() - since, 0, 2 * GB_CLERK_REST_MS);
}

/* What goes by itself anyway does not wait for bundles that are being read: one
 * who reads slowly would hold up everybody's answer. */
static void
test_only_sets_are_gathered(void **state)
{
    struct scene *s = *state;
    struct gb_clerk *clerk;
    int64_t least = INT64_MAX;
    GOOD(gb_clerk_start(s->w.hub, &clerk, &why));
    struct gb_intake in = gb_clerk_intake(clerk);
    for (int i = 0; i < 8; i++)
        gb_clerk_enter(clerk);
    for (int i = 0; i < 5; i++) {
        struct gb_handed handed = {.device = 1, .to = 1, .serial = i};
        int64_t since = clock_ms();
        GOOD(in.hand(in.arg, &handed, &why));
        int64_t took = clock_ms() - since;
        least = took < least ? took : least;
    }
    gb_clerk_stop(clerk);
    assert_in_range(least, 0, GB_CLERK_GATHER_MS - 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_commit_is_bounded),
        TEST(test_clerk_is_bounded),
        TEST(test_answers_rest),
        TEST(test_end_hangs_on_nobody),
        TEST(test_only_sets_are_gathered),
        TEST(test_answers_rest_for_acknowledgements),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
