/* near.c - which name is meant by one that is not known, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/near.h"

#define LONG "a123456789b123456789c123456789d123456789e123456789f123456789_____"

static const struct {
    const char *a, *b;
    size_t edits;
} distances[] = {
    {"", "", 0},
    {"", "abc", 3},
    {"unit", "unit", 0},
    {"units", "unit", 1},
    {"rom", "room", 1},
    {"plase", "place", 1},
    {"recrod", "record", 1},
    {"kitten", "sitting", 3},
    {"ab", "ba", 1},
    {LONG, LONG, SIZE_MAX}, /* no name is as long */
};

static void
edits_are_counted(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        struct gb_span a = gb_span_text(distances[i].a);
        struct gb_span b = gb_span_text(distances[i].b);
        assert_true(gb_near_distance(a, b) == distances[i].edits);
        assert_true(gb_near_distance(b, a) == distances[i].edits);
    }
}

static const char *
name(const void *context, int i)
{
    return ((const char *const *)context)[i];
}

static const char *const names[] = {"unit", "incident", "sos", LONG, NULL};
static const char *const many[] = {LONG, LONG, LONG, LONG, LONG,
                                   LONG, LONG, LONG, NULL};
static const char *const none[] = {NULL};

static const struct {
    const char *const *names;
    const char *word, *says;
} words[] = {
    {names, "units", "table 'units' is not known: did you mean unit?"},
    {names, "incidnets",
     "table 'incidnets' is not known: did you mean "
     "incident?"},
    {names, "sis", "table 'sis' is not known: did you mean sos?"},
    {names, "sea",
     "table 'sea' is not known: there are unit, incident, sos, " LONG},
    {names, LONG "!",
     "table 'a123456789b123456789c123456789d123456789e123456789f123456789' is "
     "not known: there are unit, incident, sos, " LONG},
    {many, "x",
     "table 'x' is not known: there are " LONG ", " LONG ", " LONG ", " LONG
     ", " LONG ", ..."},
    {none, "x", "table 'x' is not known: there is none"},
};

static void
what_is_near_is_named(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(gb_near_fail(&fail, "table",
                                      gb_span_text(words[i].word), name,
                                      words[i].names),
                         GB_E_UNKNOWN);
        assert_string_equal(fail.text, words[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(what_is_near_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
