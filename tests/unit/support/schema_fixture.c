/* schema_fixture.c - see schema_fixture.h */
#include "schema_fixture.h"
#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/limits.h"

static const char every[] =
    "CREATE TABLE thing(id INTEGER PRIMARY KEY, f TEXT, l TEXT, fi INTEGER,\n"
    "  su INTEGER, ma INTEGER, mi REAL, wo TEXT, st TEXT, ro TEXT, re TEXT,\n"
    "  bl BLOB, rl REAL, li INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES ('thing', 'l', 'last'), ('thing', 'fi', 'first'),"
    "\n  ('thing', 'su', 'sum'), ('thing', 'ma', 'max'),\n"
    "  ('thing', 'mi', 'min'), ('thing', 'wo', 'worst good<bad'),\n"
    "  ('thing', 'st', 'state open>done done>open@2 prefer done>open'),\n"
    "  ('thing', 'ro', 'role'), ('thing', 're', 'review'),\n"
    "  ('thing', 'bl', 'last'), ('thing', 'rl', 'last'),\n"
    "  ('thing', 'li', 'last');\n"
    "INSERT INTO enum VALUES ('thing', 'l', '正常', 1),\n"
    "  ('thing', 'l', 'B04-1203', 2), ('thing', 'ro', 'abnormal', 1);\n"
    "CREATE TABLE person(id INTEGER PRIMARY KEY, a TEXT, name TEXT,\n"
    "  age INTEGER, b INTEGER, face BLOB) STRICT;\n"
    "INSERT INTO rule VALUES ('person', 'a', 'last'),\n"
    "  ('person', 'name', 'last'), ('person', 'b', 'last'),\n"
    "  ('person', 'face', 'last');\n"
    "INSERT INTO personal VALUES ('person', 'name'), ('person', 'age'),\n"
    "  ('person', 'face');\n";

struct loading {
    const char *sql;
    uint32_t version;
    struct gb_schema *schema;
};

static enum gb_err
load(void *arg, struct gb_fail *fail)
{
    struct loading *l = arg;
    struct gb_schema_file file = {"1.sql", gb_span_text(l->sql)};
    struct gb_buf pack;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    enum gb_err err = gb_schema_pack(&file, 1, &pack, fail);
    if (!err)
        err = gb_schema_load(gb_buf_view(&pack), l->version, &l->schema, fail);
    gb_buf_release(&pack);
    return err;
}

struct gb_schema *
schema_fixture(const char *sql, uint32_t version)
{
    struct loading l = {sql, version, NULL};
    fault_sweep(FAULT_ANY, load, NULL, &l);
    return l.schema;
}

char *
schema_fixture_every_sql(void)
{
    static const char *const types[] = {"INTEGER", "TEXT", "REAL", "BLOB"};
    struct gb_buf sql;
    gb_buf_init(&sql, GB_SCHEMA_MAX);
    gb_buf_text(&sql, every);
    gb_buf_text(&sql, "CREATE TABLE wide(id INTEGER PRIMARY KEY");
    for (int c = 0; c < GB_COLUMNS_MAX; c++)
        gb_buf_printf(&sql, ", c%d %s", c, types[c % 4]);
    gb_buf_text(&sql, ") STRICT;\n"
                      "INSERT INTO personal VALUES ('wide', 'c59');\n"
                      "CREATE TABLE tag(id INTEGER PRIMARY KEY, t TEXT)"
                      " STRICT;\n");
    for (int c = 0; c < GB_COLUMNS_MAX; c++)
        gb_buf_printf(&sql,
                      "INSERT INTO rule VALUES ('wide', 'c%d', 'last');\n", c);
    gb_buf_u8(&sql, 0);
    assert_int_equal(sql.failed, GB_OK);
    return (char *)sql.ptr; /* transferred */
}

struct gb_schema *
schema_fixture_every(uint32_t version)
{
    char *sql = schema_fixture_every_sql();
    struct gb_schema *schema = schema_fixture(sql, version);
    free(sql);
    return schema;
}
