/* schema_fault.c - schemas that are loaded while each call fails once */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/schema.h"
#include "support/fault.h"
#include "support/schema_fixture.h"

/* The office's own folder of files. */
static enum gb_err
read_folder(void *arg, struct gb_fail *fail)
{
    struct gb_buf pack;
    (void)arg;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    enum gb_err e = gb_schema_read_folder("schema", &pack, fail);
    gb_buf_release(&pack);
    return e;
}

static void
a_folder(void **state)
{
    (void)state;
    assert_true(
        fault_sweep(FAULT_ANY, read_folder, fault_told_or_harmless, NULL) > 10);
}

/* As a program does that had loaded it before. */
static enum gb_err
load_again(void *arg, struct gb_fail *fail)
{
    const struct gb_schema *first = arg;
    struct gb_schema *s = NULL;
    struct gb_buf kept;
    gb_buf_init(&kept, GB_SCHEMA_ARENA_MAX);
    enum gb_err e = gb_schema_keep(first, &kept, fail);
    if (!e)
        e = gb_schema_load_kept(first->text, gb_buf_view(&kept), first->version,
                                &s, fail);
    gb_buf_release(&kept);
    if (!e)
        assert_int_equal(s->nviews, first->nviews);
    gb_schema_free(s);
    return e;
}

static void
a_schema_with_everything(void **state)
{
    static const char sql[] =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x',"
        " n INTEGER DEFAULT 5, b BLOB DEFAULT x'00', r REAL DEFAULT 1,"
        " \"st\" TEXT, wo TEXT, up INTEGER REFERENCES t(id)) STRICT;\n"
        "INSERT INTO rule VALUES('t','a','last'),"
        "('t','st','state a>b b>c@2 prefer c>b>a'),('t','wo','worst x<y');\n"
        "INSERT INTO enum VALUES('t','a','x',1),('t','a','y',2);\n"
        "INSERT INTO authority VALUES('t','a','y',2);\n"
        "INSERT INTO label VALUES('t','a','x','zh','甲');\n"
        "INSERT INTO record(tbl, write, void, scope, rival) VALUES('t', 1, 2,"
        " 'n = 3 OR EXISTS(SELECT 1 FROM t AS u WHERE u.id = up)',"
        " 'a, n WHERE b IS NULL');\n"
        "CREATE VIEW v AS WITH w AS (SELECT id FROM t) SELECT * FROM w;\n"
        "CREATE VIEW x AS SELECT * FROM v;\n";
    (void)state;
    struct gb_schema *s = schema_fixture(sql, 1);
    assert_int_equal(s->nviews, 2);
    assert_true(fault_sweep(FAULT_ANY, load_again, NULL, s) > 10);
    gb_schema_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder),
        cmocka_unit_test(a_schema_with_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
