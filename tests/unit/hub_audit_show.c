/* hub_audit_show.c - how an audit's findings read, whatever they are */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/audit.h"
#include "support/fault.h"

static struct gb_audit_report *r;

static int
setup(void **state)
{
    (void)state;
    r = calloc(1, sizeof *r);
    return !r || !(r->devices = calloc(GB_DEVICE_MAX + 1, sizeof *r->devices));
}

static int
teardown(void **state)
{
    (void)state;
    gb_audit_release(r);
    free(r);
    return 0;
}

/* ------------------------------------------------------------- verdict -- */

static const struct {
    enum gb_audit_verdict verdict;
    uint64_t position, last;
    bool pinned;
    enum gb_err code;
    const char *text, *want;
} verdicts[] = {
    {GB_AUDIT_OK, 0, 0, true, GB_OK, "", "OK"},
    {GB_AUDIT_OK, 0, 0, false, GB_OK, "", "OK, self-consistent only: nothing"},
    {GB_AUDIT_WRONG, 0, 0, true, GB_E_LEDGER, "a hole", "WRONG: a hole"},
    {GB_AUDIT_WRONG, 7, 7, true, GB_E_SIGNATURE, "forged",
     "WRONG at position 7: forged"},
    {GB_AUDIT_WRONG, 7, 9, true, GB_E_SIGNATURE, "forged",
     "WRONG at position 7..9: forged"},
    {GB_AUDIT_UNCHECKED, 3, 0, true, GB_E_IO, "disk",
     "NOT CHECKED at position 3: disk"},
    {GB_AUDIT_UNCHECKED, 0, 0, false, GB_E_MEMORY, "",
     "NOT CHECKED: out of memory"},
};

static void
verdicts_read_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        struct gb_fail why = {.code = verdicts[i].code};
        struct gb_buf b;
        strcpy(why.text, verdicts[i].text);
        r->verdict = verdicts[i].verdict;
        r->position = verdicts[i].position;
        r->position_last = verdicts[i].last;
        r->pinned = verdicts[i].pinned;
        gb_buf_init(&b, 4096);
        gb_audit_verdict(r, &why, &b);
        gb_buf_u8(&b, 0);
        if (strncmp((char *)b.ptr, verdicts[i].want, strlen(verdicts[i].want)))
            fail_msg("%s", (char *)b.ptr);
        gb_buf_release(&b);
    }
}

/* ------------------------------------------------------------- reports -- */

static struct gb_audit_plan plan = {.ledger = "ledger.git"};
static struct gb_buf report;

static enum gb_err
show(void *arg, struct gb_fail *fail)
{
    struct gb_fail why = {.code = GB_E_LEDGER, .text = "a hole"};
    (void)arg;
    gb_buf_release(&report);
    gb_buf_init(&report, 1 << 16);
    enum gb_err e = gb_audit_show(&plan, r, &why, &report, fail);
    if (!e)
        e = gb_audit_json(&plan, r, &why, &report, fail);
    gb_buf_u8(&report, 0);
    return e;
}

/* What the report says, or must not say. */
static void
says(bool yes, const char *words)
{
    assert_int_equal(show(NULL, NULL), GB_OK);
    if (!strstr((char *)report.ptr, words) == yes)
        fail_msg("%s: %s", words, (char *)report.ptr);
    gb_buf_release(&report);
}

static void
reports_grow_with_what_was_found(void **state)
{
    (void)state;
    r->verdict = GB_AUDIT_WRONG;
    says(false, "ledger key");
    says(true, "WRONG: a hole");
    r->nkeys = 1;
    r->keys[0].from = 1;
    says(true, "from position 1, not compared with anything");
    says(true, "unnamed");
    says(false, "received  ");
    says(false, "device  sets");
    plan.key = "SHA256:x";
    says(true, ", not the one given");
    r->pinned = true;
    says(true, ", as given");
    r->nkeys = 2;
    r->keys[1].from = 5;
    says(true, "from position 5\n");

    strcpy(r->name, "花园");
    r->sets = 5;
    r->forks = 1;
    r->head.size = 5;
    r->held_by[GB_CODE_SCHEMA] = 2;
    r->held_by[GB_CODE_BASE] = 1;
    r->devices[3] = (struct gb_audit_device){.sets = 5, .seq = 5};
    r->devices[4] = (struct gb_audit_device){.forks = 1};
    says(true, "花园");
    says(true, "SCHEMA 2");
    says(true, ", ");
    says(true, "received      1970-01-01T00:00:00Z to ");
    says(true, "tree head     5:");
    says(false, "state digest");
    says(false, "witnesses     ");
    r->witnesses = 2;
    says(true, "witnesses     2 sets");
    r->verdict = GB_AUDIT_OK;
    says(true, "state digest");
    says(true, "still wait");
    assert_true(fault_sweep(FAULT_ANY, show, NULL, NULL) > 5);
    gb_buf_release(&report);
    plan.key = NULL;
}

/* One that ended before it began to count. */
static void
a_report_of_nothing(void **state)
{
    (void)state;
    struct gb_fail why = {.code = GB_E_MEMORY};
    free(r->devices);
    r->devices = NULL;
    gb_buf_init(&report, 1 << 16);
    assert_int_equal(gb_audit_json(&plan, r, &why, &report, NULL), GB_OK);
    gb_buf_u8(&report, 0);
    assert_non_null(strstr((char *)report.ptr, "\"out of memory"));
    gb_buf_release(&report);
    says(true, "NOT CHECKED: a hole");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(verdicts_read_so),
        T(reports_grow_with_what_was_found),
        T(a_report_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
