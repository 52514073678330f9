/*
 * hub_quarantine.c - the folder of bytes that are nobody's: what is in it is
 * seen and can be forgotten, whatever broke off while it was written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/quarantine.h"
#include "tests/unit/support/good.h"
#include "tests/unit/support/io.h"

static char hub[80];
struct listed {
    int n;
    struct gb_quarantine_entry last;
};

static enum gb_err
take(void *context, const struct gb_quarantine_entry *e, struct gb_fail *fail)
{
    struct listed *l = context;
    (void)fail;
    l->n++;
    l->last = *e;
    return GB_OK;
}

static struct listed
list(void)
{
    struct listed l = {0};
    uint64_t more;
    GOOD(gb_quarantine_list(hub, take, &l, &more, &why));
    return l;
}

/* Files in the folder that count against its limits. */
static size_t
files(void)
{
    char path[100];
    struct gb_names names;
    snprintf(path, sizeof path, "%s/quarantine", hub);
    GOOD(gb_file_list(path, &names, &why));
    size_t n = names.count;
    gb_names_release(&names);
    return n;
}

static void
keep(const char *bytes)
{
    struct gb_fail reason = {GB_E_SIGNATURE, "nobody signed it"};
    gb_quarantine_keep(hub, gb_span_text(bytes), 7, &reason);
}

static int
begin(void **state)
{
    char path[100];
    const char *top = getenv("TMPDIR");
    (void)state;
    snprintf(hub, sizeof hub, "%.60s/quarantine-XXXXXX",
             top && *top ? top : "/tmp");
    assert_non_null(mkdtemp(hub));
    snprintf(path, sizeof path, "%s/quarantine", hub);
    GOOD(gb_file_folder(path, 0700, &why));
    return 0;
}

static int
end(void **state)
{
    char path[100];
    (void)state;
    assert_int_equal(files(), 0);
    snprintf(path, sizeof path, "%s/quarantine", hub);
    assert_int_equal(rmdir(path), 0);
    return rmdir(hub);
}

static void
bytes_are_kept_once_and_forgotten(void **state)
{
    (void)state;
    struct gb_buf b;
    keep("abc");
    keep("abc");
    struct listed l = list();
    assert_int_equal(l.n, 1);
    assert_int_equal(l.last.bytes, 3);
    assert_non_null(strstr(l.last.why, "device 7"));
    assert_non_null(strstr(l.last.why, "nobody signed it"));
    gb_buf_init(&b, 100);
    GOOD(gb_quarantine_read(hub, l.last.id, &b, &why));
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text("abc")));
    gb_buf_release(&b);
    GOOD(gb_quarantine_forget(hub, l.last.id, &why));
    assert_int_equal(list().n, 0);
    GOOD(gb_quarantine_forget(hub, l.last.id, &why)); /* as good */
    assert_int_equal(gb_quarantine_forget(hub, "../../x", &why), GB_E_MISSING);
}

/* A crash or a full disk at any place: what counts against the limits is
 * listed, comes whole when it comes again, and can be forgotten. */
static void
what_broke_off_is_seen(void **state)
{
    (void)state;
    bool failed = true;
    int without = 0;
    for (size_t n = 0; failed; n++) {
        io_fail_from(n, ENOSPC);
        keep("abc");
        failed = io_was_failed();
        io_fail_never();
        struct listed l = list();
        assert_int_equal(l.n, files() > 0);
        if (l.n && !strstr(l.last.why, "nobody")) {
            assert_non_null(strstr(l.last.why, "is not known"));
            without++;
            keep("abc");
            assert_non_null(strstr(list().last.why, "nobody signed it"));
        }
        if (l.n)
            GOOD(gb_quarantine_forget(hub, l.last.id, &why));
        assert_int_equal(files(), 0);
    }
    assert_true(without > 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(bytes_are_kept_once_and_forgotten),
        TEST(what_broke_off_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
