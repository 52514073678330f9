/* hub_ledger_memory.c - a ledger without a disk is one all the same */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "hub/ledger.h"
#include "tests/unit/support/good.h"

static struct gb_sign_key key;

/* One file as a batch, prepared. */
static struct gb_oid
prepare(struct gb_ledger *l, const char *path, const char *text)
{
    struct gb_oid commit;
    struct gb_ledger_file file = {.path = path, .bytes = gb_span_text(text)};
    struct gb_ledger_batch batch = {.files = &file,
                                    .count = 1,
                                    .site = "site",
                                    .message = "batch\n",
                                    .time_s = 1795435200,
                                    .key = &key};
    GOOD(gb_ledger_prepare(l, &batch, &commit, &why));
    return commit;
}

static void
expect(struct gb_ledger *l, const char *path, const char *text)
{
    struct gb_buf out;
    gb_buf_init(&out, 1000);
    enum gb_err e = gb_ledger_read(l, path, &out, &why);
    assert_int_equal(e, text ? GB_OK : GB_E_MISSING);
    if (text)
        assert_true(gb_span_equal(gb_buf_view(&out), gb_span_text(text)));
    gb_buf_release(&out);
}

static void
only_what_is_published_is_there_after_a_reopen(void **state)
{
    (void)state;
    struct gb_ledger_store *store = gb_ledger_store_new(NULL);
    struct gb_ledger *l;
    struct gb_ledger_tip tip;
    struct gb_ledger_log log;
    GOOD(gb_ledger_open_memory(&l, store, &why));
    assert_int_equal(gb_ledger_tip(l, &tip, &why), GB_E_MISSING);
    struct gb_oid first = prepare(l, "2026/a", "one");
    assert_int_equal(gb_ledger_tip(l, &tip, &why), GB_E_MISSING);
    GOOD(gb_ledger_publish(l, &why));
    prepare(l, "2026/b", "two"); /* and never published */
    gb_ledger_close(l);

    GOOD(gb_ledger_open_memory(&l, store, &why));
    GOOD(gb_ledger_tip(l, &tip, &why));
    assert_memory_equal(&tip.oid, &first, sizeof first);
    expect(l, "2026/a", "one");
    expect(l, "2026/b", NULL);
    prepare(l, "2026/a-again", "one"); /* bytes that are there */
    gb_ledger_discard(l);
    struct gb_buf b; /* what was never there is told as in any ledger */
    struct gb_oid none = {{7}};
    gb_buf_init(&b, 100);
    assert_int_equal(gb_ledger_blob(l, &none, &b, &why), GB_E_LEDGER);
    gb_buf_release(&b);
    GOOD(gb_ledger_consolidate(l, 0, &why));
    prepare(l, "2026/b", "three");
    GOOD(gb_ledger_publish(l, &why));
    expect(l, "2026/b", "three");
    GOOD(gb_ledger_log(l, NULL, &log, &why));
    assert_int_equal(log.count, 2);
    gb_ledger_log_release(&log);
    gb_ledger_close(l);
    gb_ledger_store_free(store);
}

static void
a_copy_goes_its_own_way(void **state)
{
    (void)state;
    struct gb_ledger_store *store = gb_ledger_store_new(NULL);
    struct gb_ledger *l;
    char name[32];
    GOOD(gb_ledger_open_memory(&l, store, &why));
    prepare(l, "2026/a", "one");
    GOOD(gb_ledger_publish(l, &why));
    gb_ledger_close(l);

    struct gb_ledger_store *copy = gb_ledger_store_new(store);
    GOOD(gb_ledger_open_memory(&l, copy, &why));
    for (int i = 0; i < 300; i++) { /* more than the table begins with */
        snprintf(name, sizeof name, "2026/%d", i);
        prepare(l, name, name);
        GOOD(gb_ledger_publish(l, &why));
    }
    expect(l, "2026/a", "one");
    expect(l, "2026/0", "2026/0");
    expect(l, "2026/299", "2026/299");
    gb_ledger_close(l);
    gb_ledger_store_free(copy);

    GOOD(gb_ledger_open_memory(&l, store, &why));
    expect(l, "2026/a", "one");
    expect(l, "2026/0", NULL);
    gb_ledger_close(l);
    gb_ledger_store_free(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_published_is_there_after_a_reopen),
        cmocka_unit_test(a_copy_goes_its_own_way),
    };
    gb_sign_key_generate(&key);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
