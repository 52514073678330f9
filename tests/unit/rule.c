/* rule.c - conflict rules: what is read, and what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/schema.h"
#include "support/alloc.h"

#define ARENA_MAX (16u << 20)

/* A rule in short: "kind back | values | prefer | from>to@level!", which is
 * not the language that is read. */
static void
print_rule(const struct gb_rule *r, char *out, size_t max)
{
    size_t n = (size_t)snprintf(out, max, "%d %d |", (int)r->kind, r->back);
    for (int i = 0; i < r->nvalues; i++)
        n += (size_t)snprintf(out + n, max - n, " %.*s", (int)r->values[i].len,
                              (const char *)r->values[i].ptr);
    n += (size_t)snprintf(out + n, max - n, " |");
    for (int i = 0; i < r->nvalues && r->kind == GB_RULE_STATE; i++)
        n += (size_t)snprintf(out + n, max - n, " %d", r->prefer[i]);
    n += (size_t)snprintf(out + n, max - n, " |");
    for (int i = 0; i < r->nmoves; i++)
        n += (size_t)snprintf(out + n, max - n, " %d>%d@%d%s", r->moves[i].from,
                              r->moves[i].to, r->moves[i].level,
                              r->moves[i].review ? "!" : "");
}

static const struct {
    const char *text, *want;
} good[] = {
    {"fact", "0 0 | | |"},
    {"last", "1 0 | | |"},
    {" first\n", "2 0 | | |"},
    {"sum", "3 0 | | |"},
    {"max", "4 0 | | |"},
    {"max back@2", "4 2 | | |"},
    {"min\tback @ 9", "5 9 | | |"},
    {"worst a<b", "6 0 | a b | |"},
    {"worst minor<general<serious<critical back@2",
     "6 2 | minor general serious critical | |"},
    {"worst 轻微 < 一般 < 严重", "6 0 | 轻微 一般 严重 | |"},
    {"state a>b prefer b>a", "7 0 | a b | 1 0 | 0>1@1"},
    {"state a>b b>c@2 c>d! prefer d>c>b>a",
     "7 0 | a b c d | 3 2 1 0 | 0>1@1 1>2@2 2>3@1!"},
    {"state a>b@3! b>a@1\n prefer a>b", "7 0 | a b | 0 1 | 0>1@3! 1>0@1"},
    {"state pending>active@2 pending>rejected@2 active>suspended "
     "suspended>active@2 prefer rejected>suspended>active>pending",
     "7 0 | pending active rejected suspended | 3 2 0 1 | 0>1@2 0>2@2 1>3@1 "
     "3>1@2"},
    {"state a>b c>a b>c prefer a > b>c", "7 0 | a b c | 0 1 2 | 0>1@1 2>0@1 "
                                         "1>2@1"},
    {"role", "8 0 | | |"},
    {"review", "9 0 | | |"},
};

static void
rules_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct gb_arena arena;
        struct gb_rule r;
        struct gb_fail fail = {0};
        char got[400];
        gb_arena_init(&arena, ARENA_MAX);
        if (gb_rule_parse(good[i].text, &arena, &r, &fail))
            fail_msg("%s: %s", good[i].text, fail.text);
        print_rule(&r, got, sizeof got);
        assert_string_equal(got, good[i].want);
        assert_string_equal(r.text, good[i].text);
        gb_arena_release(&arena);
    }
}

static const struct {
    const char *text, *want;
} bad[] = {
    {"", "there is no rule ''"},
    {"newest", "there is no rule 'newest'"},
    {"LAST", "there is no rule 'LAST'"},
    {"last last", "'last' does not belong here"},
    {"fact!", "'!' does not belong here"},
    {"sum back@2", "'back' does not belong here"},
    {"max back", "the rule ends where '@' is expected"},
    {"max back@", "the rule ends where a level from 1 to 9 is expected"},
    {"max back@0", "a level from 1 to 9 is expected instead of '0'"},
    {"max back@10", "a level from 1 to 9 is expected instead of '10'"},
    {"min back@2 back@2", "'back' does not belong here"},
    {"worst", "the rule ends where a value is expected"},
    {"worst a", "the rule ends where '<' is expected"},
    {"worst a<", "the rule ends where a value is expected"},
    {"worst <a", "a value is expected instead of '<'"},
    {"worst a<b<a", "'a' is named twice"},
    {"worst a<b c", "'c' does not belong here"},
    {"worst a>b", "'<' is expected instead of '>'"},
    {"worst a<back", "a value is expected instead of 'back'"},
    {"worst a<b!", "'!' does not belong here"},
    {"state", "the rule ends where a value is expected"},
    {"state a", "the rule ends where '>' is expected"},
    {"state a>@2", "a value is expected instead of '@'"},
    {"state a>b", "the rule ends where prefer is expected"},
    {"state prefer a>b", "a value is expected instead of 'prefer'"},
    {"state a>b prefer", "the rule ends where a value is expected"},
    {"state a>b prefer a", "prefer is not total: 'b' is missing"},
    {"state a>b prefer a>c", "prefer names 'c', which no move does"},
    {"state a>b prefer a>b>a", "prefer names 'a' twice"},
    {"state a>b prefer a>b back@2", "'back' does not belong here"},
    {"state a>b prefer a>b c", "'c' does not belong here"},
    {"state a>a prefer a", "the move a>a leads nowhere"},
    {"state a>b a>b@2 prefer a>b", "the move a>b is named twice"},
    {"state a>b c>b prefer a>b>c", "nobody can reach the state 'c'"},
    {"state a>b c>d d>c prefer a>b>c>d", "nobody can reach the state 'c'"},
    {"state a>b@x prefer a>b", "a level from 1 to 9 is expected instead of"},
    {"state a>b!@2 prefer a>b", "a value is expected instead of '@'"},
    {"state a>b!! prefer a>b", "a value is expected instead of '!'"},
    {"state 开>关 prefer 关>停", "prefer names '停', which no move does"},
};

static void
mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_arena arena;
        struct gb_rule r;
        struct gb_fail fail = {0};
        gb_arena_init(&arena, ARENA_MAX);
        enum gb_err err = gb_rule_parse(bad[i].text, &arena, &r, &fail);
        if (err != GB_E_SCHEMA || !strstr(fail.text, bad[i].want))
            fail_msg("%s: '%s' instead of '%s'", bad[i].text, fail.text,
                     bad[i].want);
        assert_int_equal(gb_rule_parse(bad[i].text, &arena, &r, NULL), err);
        gb_arena_release(&arena);
    }
}

/* A rule as long as it may be, and one byte more. */
static void
length_has_a_ceiling(void **state)
{
    (void)state;
    static char text[8194];
    struct gb_arena arena;
    struct gb_rule r;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, ARENA_MAX);
    size_t n = (size_t)snprintf(text, sizeof text, "worst v");
    for (int i = 0; n + 6 <= 8192; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "<%05d", i);
    memset(text + n, ' ', 8192 - n);
    assert_int_equal(gb_rule_parse(text, &arena, &r, &fail), GB_OK);
    assert_int_equal(r.nvalues, 1365);
    text[8192] = ' ';
    assert_int_equal(gb_rule_parse(text, &arena, &r, &fail), GB_E_SCHEMA);
    assert_string_equal(fail.text, "the rule is longer than 8192 bytes");
    gb_arena_release(&arena);
}

static void
values_and_moves_are_found(void **state)
{
    (void)state;
    struct gb_arena arena;
    struct gb_rule r;
    gb_arena_init(&arena, ARENA_MAX);
    assert_int_equal(
        gb_rule_parse("state a>b b>c@2 c>a! prefer c>b>a", &arena, &r, NULL),
        GB_OK);
    struct gb_value c = gb_value_text(gb_span_text("c"));
    struct gb_value d = gb_value_text(gb_span_text("d"));
    struct gb_value blob = gb_value_blob(gb_span_text("c"));
    assert_int_equal(gb_rule_value(&r, &c), 2);
    assert_int_equal(gb_rule_value(&r, &d), -1);
    assert_int_equal(gb_rule_value(&r, &blob), -1);
    assert_int_equal(gb_rule_move(&r, 1, 2)->level, 2);
    assert_true(gb_rule_move(&r, 2, 0)->review);
    assert_null(gb_rule_move(&r, 0, 2));
    assert_null(gb_rule_move(&r, -1, 2));
    assert_null(gb_rule_move(&r, 1, 1));
    gb_arena_release(&arena);
}

static void
levels_are_by_value(void **state)
{
    (void)state;
    struct gb_level_of levels[] = {{gb_value_int(1), 2},
                                   {gb_value_text(gb_span_text("1")), 3}};
    struct gb_column c = {.levels = levels, .nlevels = 2};
    struct gb_value one = gb_value_int(1), two = gb_value_int(2);
    struct gb_value text = gb_value_text(gb_span_text("1"));
    assert_int_equal(gb_column_level(&c, &one), 2);
    assert_int_equal(gb_column_level(&c, &text), 3);
    assert_int_equal(gb_column_level(&c, &two), 1);
}

static enum gb_err
parse(void *arg, struct gb_fail *fail)
{
    struct gb_arena arena;
    struct gb_rule r;
    gb_arena_init(&arena, ARENA_MAX);
    enum gb_err err = gb_rule_parse(arg, &arena, &r, fail);
    gb_arena_release(&arena);
    return err;
}

static void
no_memory_is_no_harm(void **state)
{
    (void)state;
    /* Long enough that its arrays take blocks of their own. */
    static char text[8000];
    size_t n = (size_t)snprintf(text, sizeof text, "worst v");
    for (int i = 0; i < 1200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "<%04d", i);
    assert_true(alloc_sweep(parse, text) >= 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(length_has_a_ceiling),
        cmocka_unit_test(values_and_moves_are_found),
        cmocka_unit_test(levels_are_by_value),
        cmocka_unit_test(no_memory_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
