/* err.c - engine/err.h: codes, texts, and how a failure travels. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/buf.h"
#include "engine/err.h"

static void
every_code_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < GB_E_COUNT; i++) {
        enum gb_err code = (enum gb_err)i;
        assert_true(strlen(gb_err_sentence(code)) > 0);
        assert_true(strlen(gb_err_name(code)) > 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(gb_err_name(code),
                                    gb_err_name((enum gb_err)j));
    }
}

static void
statuses_are_those_of_the_manual(void **state)
{
    (void)state;
    assert_int_equal(gb_err_status(GB_OK), 0);
    assert_int_equal(gb_err_status(GB_E_USAGE), 2);
    for (int i = 0; i < GB_E_COUNT; i++)
        if (i != GB_OK && i != GB_E_USAGE)
            assert_int_equal(gb_err_status((enum gb_err)i), 1);
    assert_string_equal(gb_err_name(GB_OK), "OK");
    assert_string_equal(gb_err_name(GB_E_FORMAT), "FORMAT");
}

static void
ours_are_those_of_the_machine(void **state)
{
    static const enum gb_err ours[] = {GB_E_MEMORY, GB_E_BUSY,     GB_E_CLOCK,
                                       GB_E_IO,     GB_E_DATABASE, GB_E_LEDGER};
    (void)state;
    for (int i = 0; i < GB_E_COUNT; i++) {
        bool want = false;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            want |= (int)ours[k] == i;
        assert_int_equal(gb_err_is_ours((enum gb_err)i), want);
    }
}

static void
memory_says_its_sentence(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    assert_int_equal(gb_fail_memory(&fail), GB_E_MEMORY);
    assert_int_equal(fail.code, GB_E_MEMORY);
    assert_string_equal(fail.text, "out of memory");
    assert_int_equal(gb_fail_memory(NULL), GB_E_MEMORY);
}

static void
set_keeps_code_and_text(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    assert_int_equal(gb_fail_set(&fail, GB_E_TYPE, "%s: %d", "数量", 7),
                     GB_E_TYPE);
    assert_int_equal(fail.code, GB_E_TYPE);
    assert_string_equal(fail.text, "数量: 7");
    assert_int_equal(gb_fail_set(NULL, GB_E_IO, "nobody listens"), GB_E_IO);
}

static void
control_characters_never_reach_a_terminal(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    gb_fail_set(&fail, GB_E_VALUE, "a\x1b[2Jb\nc\x7f%s", "\r\t客");
    assert_string_equal(fail.text, "a?[2Jb?c???客");
    gb_fail_wrap(&fail, "in\n%s", "\x01");
    assert_string_equal(fail.text, "in??: a?[2Jb?c???客");
    gb_fail_set(&fail, GB_E_VALUE, "\xc2\x9b[2J \xc2\xa0%s", "\xc2\x9f£");
    assert_string_equal(fail.text, "??[2J \xc2\xa0??£");
    gb_fail_set(&fail, GB_E_VALUE, "a\u202eb\u2069\u200f%s\xe2\x80", "\u2010");
    assert_string_equal(fail.text, "a???b??????\u2010");
    assert_int_equal(gb_utf8_control(GB_SPAN("\n", 0)), 0);
}

static void
wrap_goes_in_front(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    gb_fail_set(&fail, GB_E_SIGNATURE, "does not verify");
    assert_int_equal(gb_fail_wrap(&fail, "set %d", 31), GB_E_SIGNATURE);
    assert_int_equal(gb_fail_wrap(&fail, "%s", "a.gbcs"), GB_E_SIGNATURE);
    assert_int_equal(fail.code, GB_E_SIGNATURE);
    assert_string_equal(fail.text, "a.gbcs: set 31: does not verify");
}

static void
wrapping_for_ever_stays_in_bounds(void **state)
{
    (void)state;
    struct {
        char before[16];
        struct gb_fail fail;
        char after[16];
    } box;
    memset(&box, 0x5a, sizeof box);
    box.fail = (struct gb_fail){0};
    gb_fail_set(&box.fail, GB_E_IO, "%02000d", 1);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(gb_fail_wrap(&box.fail, "%0400d", i), GB_E_IO);
        assert_true(strlen(box.fail.text) < sizeof box.fail.text);
    }
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(box.before[i], 0x5a);
        assert_int_equal(box.after[i], 0x5a);
    }
}

/* Wherever a text is cut, what is left is UTF-8. */
static void
a_cut_text_ends_with_a_whole_character(void **state)
{
    (void)state;
    static const char *const fill[] = {"é", "客", "😀"};
    for (size_t f = 0; f < 3; f++)
        for (int shift = 0; shift < 5; shift++) {
            char text[1200] = "";
            memset(text, 'x', (size_t)shift);
            while (strlen(text) + 5 < sizeof text)
                strcat(text, fill[f]);
            struct gb_fail fail = {0};
            gb_fail_set(&fail, GB_E_IO, "%s", text);
            assert_true(gb_utf8_valid(gb_span_text(fail.text)));
            assert_true(strlen(fail.text) > 590);
            gb_fail_wrap(&fail, "%s", text);
            assert_true(gb_utf8_valid(gb_span_text(fail.text)));
            assert_true(strlen(fail.text) > 580);
        }
}

/* Run an assertion in a child, quietly; the signal that ended it, or 0. */
static int
assertion_ends_with(int value)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(9);
        gb_assert(value == 1);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status);
    assert_int_equal(WEXITSTATUS(status), 0);
    return 0;
}

static void
assertions_are_on(void **state)
{
    (void)state;
    assert_int_equal(assertion_ends_with(1), 0);
    assert_int_equal(assertion_ends_with(2), SIGABRT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_words),
        cmocka_unit_test(statuses_are_those_of_the_manual),
        cmocka_unit_test(ours_are_those_of_the_machine),
        cmocka_unit_test(memory_says_its_sentence),
        cmocka_unit_test(set_keeps_code_and_text),
        cmocka_unit_test(control_characters_never_reach_a_terminal),
        cmocka_unit_test(wrap_goes_in_front),
        cmocka_unit_test(wrapping_for_ever_stays_in_bounds),
        cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
        cmocka_unit_test(assertions_are_on),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
