/* hub_office.c - the office's lock: up to date, or not taken */
#include "hub_office_fixture.h"

#include "support/alloc.h"

/* An office, and another process's on the same folder. */
struct scene {
    struct office w;
    struct gb_office *other;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    GOOD(gb_office_open(s->w.path, "other", &s->other, &why));
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_office_close(s->other);
    end_office(&s->w);
    free(s);
    return 0;
}

/* One more entry of the ledger, by the other process. */
static void
add_entry(struct scene *s, int number)
{
    struct gb_buf b;
    gb_buf_init(&b, 256);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("handheld"));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(s->other, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* Taking the lock fails anywhere on the way to what the other process did: the
 * next one who takes it sees all of it. */
static void
test_failed_lock(void **state)
{
    struct scene *s = *state;
    struct gb_office *o = s->w.hub;
    bool failed = true;
    size_t n = 0;
    for (; failed; n++) {
        add_entry(s, (int)n + 1);
        alloc_fail_once(n);
        enum gb_err e = gb_office_lock(o, &why);
        failed = alloc_was_failed();
        alloc_fail_never();
        if (!e)
            gb_office_unlock(o);
        GOOD(gb_office_lock(o, &why));
        assert_int_equal(gb_state_size(o->state),
                         gb_state_size(s->other->state));
        assert_non_null(gb_state_tables(o->state));
        gb_office_unlock(o);
    }
    assert_true(n > 10);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_failed_lock),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
