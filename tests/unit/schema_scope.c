/*
 * schema_scope.c - what a scope's condition reads, and whether a record that
 * comes elsewhere may bring an old one (engine/schema_load_scope.c): not when
 * each other table is reached by a reference alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/schema.h"
#include "support/schema_fixture.h"

#define OF_UNIT "EXISTS(SELECT 1 FROM unit u WHERE u.area = :area AND "

static const struct {
    const char *scope;
    bool grows;
} rows[] = {
    {OF_UNIT "u.id = unit_id)", false},
    {OF_UNIT "u.id = visit.unit_id)", false},
    {OF_UNIT "unit_id = u.id)", false},
    {OF_UNIT "visit.unit_id = u.id)", false},
    {OF_UNIT "(unit_id) = u.id)", true}, /* not understood: safe */
    {OF_UNIT "\"u\".\"id\" = \"unit_id\")", false},
    {OF_UNIT "u.[id] = `unit_id`)", false},
    {OF_UNIT "u.id IN (unit_id, other))", false},
    {OF_UNIT "u.id IN (visit.unit_id))", false},
    {"id >> 40 = :device OR " OF_UNIT "u.id = unit_id)", false},
    {"visit.id >> 40 = :device", false},
    {"id = unit_id", false},
    {"unit_id = id", false},
    {OF_UNIT "u.id IN (unit_id, n))", true},
    {OF_UNIT "u.id IN (unit_id + 1))", true},
    {OF_UNIT "u.id IN (3))", true},
    {OF_UNIT "u.id IN (SELECT 3))", true},
    {OF_UNIT "u.id = unit_id + 1)", true},
    {OF_UNIT "u.id = unit_id - n)", true},
    {OF_UNIT "1 + unit_id = u.id)", true},
    {OF_UNIT "unit_id = u.id + 1)", true},
    {OF_UNIT "unit_id = u.id AND 1)", false},
    {OF_UNIT "n = u.id)", true},
    {OF_UNIT "u.id = n)", true},
    {OF_UNIT "u.id > unit_id)", true},
    {OF_UNIT "u.id = unit_id AND u.id > unit_id)", true},
    {OF_UNIT "u.id = unit_id AND u.id IN one)", true},
    {OF_UNIT "u.id = unit_id AND max(u.id = unit_id, 1))", false},
    {OF_UNIT "u.id = unit_id AND (unit_id = u.id))", false},
    {OF_UNIT "u.id = area)", true}, /* not always a reference */
    {OF_UNIT "u.id = 5)", true},
    {"n = 1", false},
    {"EXISTS(SELECT 1 FROM unit u WHERE u.area = :area)", true},
    {"EXISTS(SELECT 1 FROM visit v WHERE v.n = visit.n AND v.id <> visit.id)",
     true},
};

static void
what_grows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[1000];
        snprintf(sql, sizeof sql,
                 "CREATE TABLE unit(id INTEGER PRIMARY KEY, area TEXT) STRICT;"
                 "CREATE TABLE visit(id INTEGER PRIMARY KEY, unit_id INTEGER"
                 " REFERENCES unit(id), other INTEGER REFERENCES unit(id),"
                 " n INTEGER) STRICT;"
                 "CREATE TABLE one(id INTEGER PRIMARY KEY) STRICT;\n"
                 "INSERT INTO rule VALUES('unit','area','last'),"
                 "('visit','n','last');\n"
                 "INSERT INTO record(tbl, scope) VALUES('visit', '%s');\n",
                 rows[i].scope);
        struct gb_schema *s = schema_fixture(sql, 1);
        if (s->tables[1].scope_grows != rows[i].grows)
            fail_msg("%s", rows[i].scope);
        gb_schema_free(s);
    }
}

/* A condition has an end. */
static void
not_too_many_words(void **state)
{
    (void)state;
    static char sql[64000];
    struct gb_schema *s = NULL;
    struct gb_fail fail = {0};
    struct gb_buf pack;
    size_t n = (size_t)snprintf(
        sql, sizeof sql,
        "CREATE TABLE visit(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"
        "INSERT INTO record(tbl, scope) VALUES('visit', 'n IN (1");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(sql + n, sizeof sql - n, ",%d", i % 10);
    snprintf(sql + n, sizeof sql - n, ")');\n");
    struct gb_schema_file file = {"1.sql", gb_span_text(sql)};
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    assert_int_equal(gb_schema_pack(&file, 1, &pack, &fail), GB_OK);
    assert_int_equal(gb_schema_load(gb_buf_view(&pack), 1, &s, &fail),
                     GB_E_SCHEMA);
    assert_non_null(strstr(fail.text, "more than 2000 words"));
    gb_buf_release(&pack);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_grows),
        cmocka_unit_test(not_too_many_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
