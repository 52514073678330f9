/*
 * schema_fault.c - the project's own schema, which has a bit of everything, and
 * every rule of the fixture, loaded while each call and each arena fails once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/schema.h"
#include "support/fault.h"
#include "support/schema_fixture.h"

static enum gb_err
load_twice(void *arg, struct gb_fail *fail)
{
    struct gb_schema *s = NULL;
    struct gb_buf pack;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    enum gb_err e = gb_schema_read_folder(arg, &pack, fail);
    if (!e)
        e = gb_schema_load(gb_buf_view(&pack), 1, &s, fail);
    gb_schema_free(s);
    if (!e)
        e = gb_schema_load_again(gb_buf_view(&pack), 1, &s, fail);
    else
        s = NULL;
    gb_schema_free(s);
    gb_buf_release(&pack);
    return e;
}

static void
what_fails_is_no_mistake(void **state)
{
    (void)state;
    assert_true(fault_sweep(FAULT_ANY, load_twice, fault_told_or_harmless,
                            "schema") > 100);
}

/* What the office's schema has no use for. */
static void
nor_here(void **state)
{
    static const char sql[] =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x',"
        " n INTEGER DEFAULT 5, b BLOB DEFAULT x'00', r REAL DEFAULT 1,"
        " \"st\" TEXT, wo TEXT, up INTEGER REFERENCES t(id)) STRICT;\n"
        "INSERT INTO rule VALUES('t','a','last'),"
        "('t','st','state a>b b>c@2 prefer c>b>a'),('t','wo','worst x<y');\n"
        "INSERT INTO enum VALUES('t','a','x',1),('t','a','y',2);\n"
        "INSERT INTO authority VALUES('t','a','y',2);\n"
        "INSERT INTO record(tbl, write, void, scope, rival) VALUES('t', 1, 2,"
        " 'n = 3 OR EXISTS(SELECT 1 FROM t AS u WHERE u.id = up)',"
        " 'a, n WHERE b IS NULL');\n"
        "CREATE VIEW v AS WITH w AS (SELECT id FROM t) SELECT * FROM w;\n"
        "CREATE VIEW x AS SELECT * FROM v;\n";
    (void)state;
    struct gb_schema *s = schema_fixture(sql, 1);
    assert_int_equal(s->nviews, 2);
    gb_schema_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fails_is_no_mistake),
        cmocka_unit_test(nor_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
