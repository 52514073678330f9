/* hub_own.c - what the hub's people order, and whether it was done */
#include "hub_office_fixture.h"

static int
setup(void **state)
{
    struct office *w = calloc(1, sizeof *w);
    assert_non_null(w);
    make_office(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    end_office(*state);
    free(*state);
    return 0;
}

static int64_t
count(struct office *w, const char *sql)
{
    int64_t n;
    bool found;
    GOOD(gb_db_int(gb_state_db(w->hub->state), sql, &n, &found, &why));
    return n;
}

/* An order that stands in the ledger and did not take effect is no order that
 * was done; those beside it are. */
static void
test_waiting_operations(void **state)
{
    struct office *w = *state;
    struct gb_fail fail = {0};
    struct gb_written name = {.column = 0,
                              .value = gb_value_text(gb_span_text("李四"))};
    struct gb_op ops[3];
    for (int i = 0; i < 3; i++) {
        ops[i] = (struct gb_op){.kind = i ? GB_SET : GB_INSERT,
                                .table = TABLE_STAFF,
                                .id = 777,
                                .values = &name,
                                .nvalues = 1};
        if (!i)
            GOOD(gb_office_new_id(w->hub, &ops[i].id, &why));
    }
    uint64_t size = gb_state_size(w->hub->state);
    assert_int_equal(gb_office_own(w->hub, ops, 3, 0, &fail), GB_E_REFUSED);
    char first[32];
    snprintf(first, sizeof first,
             " %llu.2: MISSING: ", (unsigned long long)size + 1);
    if (strncmp(fail.text, "2 of the operations ", 20) != 0 ||
        !strstr(fail.text, first))
        fail_msg("%s", fail.text);
    assert_int_equal(gb_state_size(w->hub->state), size + 1);
    assert_int_equal(count(w, "SELECT count(*) FROM staff WHERE name = '李四'"),
                     1);
    ops[0].kind = GB_SET;
    GOOD(gb_office_own(w->hub, ops, 1, 0, &why));
}

/* The site's own operations likewise. */
static void
test_malformed_payloads(void **state)
{
    struct office *w = *state;
    static const enum gb_kind kinds[] = {GB_SITE, GB_SCHEMA, GB_DEVICE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct gb_fail fail = {0};
        struct gb_op op = {.kind = kinds[i], .text = gb_span_text("\x07")};
        assert_int_equal(gb_office_own(w->hub, &op, 1, 0, &fail), GB_E_REFUSED);
        assert_non_null(strstr(fail.text, ".1: MALFORMED: "));
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_waiting_operations),
        TEST(test_malformed_payloads),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
