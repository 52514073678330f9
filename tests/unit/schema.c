/* schema.c - a schema as the engine keeps it: text, contents, succession. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "engine/limits.h"
#include "engine/schema.h"
#include "support/alloc.h"

#define ID "id INTEGER PRIMARY KEY"

/* A small office, with everything that a schema can say. */
static const struct gb_schema_file *
office(void)
{
    static const char *const text[] = {
        /* 10-staff.sql */
        "\xef\xbb\xbf-- 员工\n"
        "CREATE TABLE staff(" ID ", name TEXT NOT NULL, level INTEGER,\n"
        "  area TEXT, phone TEXT) STRICT;\n"
        "INSERT INTO actor VALUES ('staff', 'level');\n"
        "INSERT INTO personal(tbl, col) VALUES ('staff', 'phone');\n"
        "INSERT INTO rule VALUES ('staff', 'phone', 'last'), ('staff', 'area',"
        " 'role');\n"
        "INSERT INTO record VALUES ('staff', 9, NULL, NULL, NULL);\n",
        /* 20-patrol.sql */
        "CREATE VIEW busy AS WITH x(n) AS (SELECT staff_id FROM patrol WHERE\n"
        "  state = 'doing') SELECT count(*) AS n, datetime('now') AS at FROM "
        "x, site\n  WHERE offset_min > 0;\n"
        "CREATE TABLE patrol(" ID ",\n"
        "  staff_id INTEGER NOT NULL REFERENCES staff(id),\n"
        "  state TEXT DEFAULT 'open',\n"
        "  severity TEXT, slot INT DEFAULT -3, note TEXT DEFAULT ('it''s' /* */"
        "),\n"
        "  km REAL DEFAULT 2, photo BLOB, urged INTEGER, before INTEGER,\n"
        "  due TEXT DEFAULT NULL, kind INTEGER, CONSTRAINT f FOREIGN KEY "
        "(before)\n"
        "  REFERENCES patrol) STRICT;\n"
        "INSERT INTO rule(col, rule, tbl) VALUES\n"
        "  ('state', 'state open>doing doing>done@2 open>gone! ' ||\n"
        "            'prefer done>gone>doing>open', 'patrol'),\n"
        "  ('severity', 'worst minor<grave<dire back@2', 'patrol'),\n"
        "  ('urged', 'sum', 'patrol'), ('due', 'min back@3', 'patrol');\n"
        "INSERT INTO enum VALUES ('patrol', 'severity', 'dire', 3),\n"
        "  ('patrol', 'severity', 'minor', 1), ('patrol', 'severity', 'grave',"
        " 2),\n"
        "  ('patrol', 'kind', 7, 2), ('patrol', 'kind', -1, 1),\n"
        "  ('staff', 'area', 'open', 2), ('staff', 'area', '甲区', 1);\n"
        "INSERT INTO authority VALUES ('patrol', 'severity', 'dire', 2),\n"
        "  ('patrol', 'kind', 7, 9), ('staff', 'name', 'x', 3);\n"
        "INSERT INTO record VALUES ('patrol', 1, 2,\n"
        "  'staff_id IN (SELECT id FROM staff WHERE area = :area) OR id >> 40 "
        "=\n   :device',\n"
        "  'staff_id, slot WHERE state IN (''open'', ''doing'')');\n"
        "INSERT INTO label VALUES (NULL, NULL, NULL, 'zh', '更簿'),\n"
        "  (NULL, NULL, 'hello', 'zh', '你好'), ('patrol', NULL, NULL, 'en',\n"
        "  'patrol'), ('patrol', 'state', NULL, 'zh', '状态'),\n"
        "  ('patrol', 'state', 'done', 'zh', '完成'), ('patrol', 'state', "
        "'done',\n  'en', 'done'), ('patrol', 'kind', 7, 'en', 'seven');\n",
        /* 90-views.sql */
        "CREATE VIEW calm(m) AS SELECT n AS m FROM busy WHERE n < 3; -- end\n"
        "CREATE VIEW live AS SELECT id, _e >> 16 AS made_at, _actor FROM "
        "patrol\n  WHERE _void IS NULL;\n",
    };
    static struct gb_schema_file files[3];
    const char *const names[] = {"10-staff.sql", "20-patrol.sql",
                                 "90-views.sql"};
    for (int i = 0; i < 3; i++)
        files[i] = (struct gb_schema_file){names[i], gb_span_text(text[i])};
    return files;
}

/* Pack and load files; the caller frees. */
static enum gb_err
load_files(const struct gb_schema_file *files, size_t n, struct gb_schema **out,
           struct gb_fail *fail)
{
    struct gb_buf pack;
    *out = NULL;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    enum gb_err err = gb_schema_pack(files, n, &pack, fail);
    if (!err)
        err = gb_schema_load(gb_buf_view(&pack), 7, out, fail);
    gb_buf_release(&pack);
    return err;
}

/* A schema that has to load. */
static struct gb_schema *
loaded(const struct gb_schema_file *files, size_t n)
{
    struct gb_schema *s = NULL;
    struct gb_fail fail = {0};
    if (load_files(files, n, &s, &fail))
        fail_msg("%s", fail.text);
    return s;
}

static struct gb_schema *
loaded_text(const char *sql)
{
    struct gb_schema_file file = {"a.sql", gb_span_text(sql)};
    return loaded(&file, 1);
}

/* The column of a table, by name. */
static const struct gb_column *
column(const struct gb_schema *s, const char *table, const char *name)
{
    int t = gb_schema_table(s, gb_span_text(table));
    assert_true(t >= 0);
    int c = gb_table_column(&s->tables[t], gb_span_text(name));
    assert_true(c >= 0);
    return &s->tables[t].columns[c];
}

static void
assert_text(const struct gb_value *v, const char *text)
{
    assert_int_equal(v->type, GB_TEXT);
    assert_true(gb_span_equal(v->as.s, gb_span_text(text)));
}

static void
tables_and_columns_are_kept(void **state)
{
    (void)state;
    struct gb_schema *s = loaded(office(), 3);
    assert_int_equal(s->version, 7);
    assert_int_equal(s->ntables, 2);
    assert_string_equal(s->tables[0].name, "staff");
    assert_string_equal(s->tables[1].name, "patrol");
    assert_int_equal(s->tables[0].ncolumns, 4);
    assert_int_equal(s->tables[1].ncolumns, 11);
    assert_int_equal(gb_schema_table(s, gb_span_text("Staff")), -1);
    assert_int_equal(gb_table_column(&s->tables[0], gb_span_text("id")), -1);

    static const struct {
        const char *table, *name;
        enum gb_type type;
        bool notnull, personal;
        int refers;
        const char *dflt;
    } want[] = {
        {"staff", "name", GB_TEXT, true, false, -1, NULL},
        {"staff", "phone", GB_TEXT, false, true, -1, NULL},
        {"patrol", "staff_id", GB_INT, true, false, 0, NULL},
        {"patrol", "state", GB_TEXT, false, false, -1, "'open'"},
        {"patrol", "slot", GB_INT, false, false, -1, "-3"},
        {"patrol", "note", GB_TEXT, false, false, -1, "'it''s'"},
        {"patrol", "km", GB_REAL, false, false, -1, "2"},
        {"patrol", "photo", GB_BLOB, false, false, -1, NULL},
        {"patrol", "before", GB_INT, false, false, 1, NULL},
        {"patrol", "due", GB_TEXT, false, false, -1, NULL},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct gb_column *c = column(s, want[i].table, want[i].name);
        assert_int_equal(c->type, want[i].type);
        assert_int_equal(c->notnull, want[i].notnull);
        assert_int_equal(c->personal, want[i].personal);
        assert_int_equal(c->refers, want[i].refers);
        assert_int_equal(!c->dflt, !want[i].dflt);
        if (c->dflt)
            assert_string_equal(c->dflt, want[i].dflt);
    }
    assert_true(s->tables[0].personal);
    assert_false(s->tables[1].personal);
    assert_int_equal(s->actor_table, 0);
    assert_string_equal(s->tables[0].columns[s->actor_level].name, "level");
    gb_schema_free(s);
    gb_schema_free(NULL);
}

static void
rules_and_values_are_kept(void **state)
{
    (void)state;
    struct gb_schema *s = loaded(office(), 3);
    assert_int_equal(column(s, "staff", "name")->rule.kind, GB_RULE_FACT);
    assert_string_equal(column(s, "staff", "name")->rule.text, "fact");
    assert_int_equal(column(s, "staff", "phone")->rule.kind, GB_RULE_LAST);
    assert_int_equal(column(s, "staff", "area")->rule.kind, GB_RULE_ROLE);
    assert_int_equal(column(s, "patrol", "due")->rule.back, 3);
    const struct gb_column *c = column(s, "patrol", "state");
    assert_string_equal(c->rule.text, "state open>doing doing>done@2 open>gone!"
                                      " prefer done>gone>doing>open");
    assert_int_equal(c->nenums, 4); /* from the rule */
    assert_text(&c->enums[0], "open");
    assert_text(&c->enums[3], "gone");

    c = column(s, "patrol", "severity");
    assert_int_equal(c->nenums, 3); /* by sort */
    assert_text(&c->enums[0], "minor");
    assert_text(&c->enums[2], "dire");
    struct gb_value dire = gb_value_text(gb_span_text("dire"));
    struct gb_value minor = gb_value_text(gb_span_text("minor"));
    assert_int_equal(gb_column_level(c, &dire), 2);
    assert_int_equal(gb_column_level(c, &minor), 1);
    c = column(s, "patrol", "kind");
    assert_int_equal(c->nenums, 2);
    assert_int_equal(c->enums[0].as.i, -1);
    struct gb_value seven = gb_value_int(7);
    assert_int_equal(gb_column_level(c, &seven), 9);
    gb_schema_free(s);
}

static void
record_levels_scopes_rivals_are_kept(void **state)
{
    (void)state;
    struct gb_schema *s = loaded(office(), 3);
    const struct gb_table *staff = &s->tables[0], *patrol = &s->tables[1];
    assert_int_equal(staff->write, 9);
    assert_int_equal(staff->voids, 9);
    assert_null(staff->scope);
    assert_int_equal(staff->rival.ncolumns, 0);
    assert_int_equal(patrol->write, 1);
    assert_int_equal(patrol->voids, 2);
    assert_non_null(strstr(patrol->scope, "WHERE area = :area) OR id >> 40 ="));
    assert_int_equal(patrol->rival.ncolumns, 2);
    assert_string_equal(patrol->columns[patrol->rival.columns[1]].name, "slot");
    assert_string_equal(patrol->rival.where, " state IN ('open', 'doing')");
    gb_schema_free(s);

    s = loaded_text("CREATE TABLE a(" ID ", n INTEGER) STRICT;"
                    "INSERT INTO record(tbl, rival) VALUES ('a', 'n')");
    assert_int_equal(s->tables[0].write, 1);
    assert_int_equal(s->tables[0].voids, 1);
    assert_int_equal(s->tables[0].rival.ncolumns, 1);
    assert_null(s->tables[0].rival.where);
    assert_int_equal(s->actor_table, -1);
    gb_schema_free(s);

    s = loaded_text("CREATE TABLE a(" ID ", t TEXT) STRICT;"
                    "INSERT INTO record(tbl, scope) VALUES ('a', 't LIKE "
                    "''a!_%'' ESCAPE ''!'' OR (t GLOB :area)')");
    assert_non_null(strstr(s->tables[0].scope, "GLOB :area"));
    gb_schema_free(s);
}

static void
views_labels_and_dictionary_are_kept(void **state)
{
    (void)state;
    struct gb_schema *s = loaded(office(), 3);
    assert_int_equal(s->nviews, 3);
    assert_string_equal(s->views[0].name, "busy");
    assert_string_equal(
        s->views[1].sql,
        "CREATE VIEW calm(m) AS SELECT n AS m FROM busy WHERE n < 3");

    struct gb_value done = gb_value_text(gb_span_text("done"));
    struct gb_value hello = gb_value_text(gb_span_text("hello"));
    struct gb_value seven = gb_value_int(7);
    int st = gb_table_column(&s->tables[1], gb_span_text("state"));
    int kind = gb_table_column(&s->tables[1], gb_span_text("kind"));
    assert_string_equal(gb_schema_label(s, -1, -1, NULL, "zh"), "更簿");
    assert_string_equal(gb_schema_label(s, -1, -1, &hello, "en"), "你好");
    assert_string_equal(gb_schema_label(s, 1, -1, NULL, "zh"), "patrol");
    assert_string_equal(gb_schema_label(s, 1, st, NULL, "zh"), "状态");
    assert_string_equal(gb_schema_label(s, 1, st, &done, "zh"), "完成");
    assert_string_equal(gb_schema_label(s, 1, st, &done, "en"), "done");
    assert_string_equal(gb_schema_label(s, 1, st, &done, "fr"), "完成");
    assert_string_equal(gb_schema_label(s, 1, kind, &seven, "en"), "seven");
    assert_null(gb_schema_label(s, 0, -1, NULL, "zh"));
    assert_null(gb_schema_label(s, 1, st, &seven, "zh"));

    /* "open" of the patrol's state is there already. */
    assert_true(gb_span_equal(
        s->dictionary, gb_span_text("甲区opendoingdonegoneminorgravedire")));
    gb_schema_free(s);
}

/* 30-byte texts up to the ceiling, then none. */
static void
dictionary_has_a_ceiling(void **state)
{
    (void)state;
    struct gb_buf sql;
    gb_buf_init(&sql, GB_SCHEMA_MAX);
    gb_buf_text(&sql, "CREATE TABLE a(" ID ", t TEXT, u TEXT) STRICT;\n"
                      "INSERT INTO enum VALUES ('a', 'u', 'short', 1)");
    for (int i = 0; i < 1200; i++)
        gb_buf_printf(&sql, ",\n('a', 't', 'value%025d', %d)", i, i);
    gb_buf_u8(&sql, 0);
    struct gb_schema *s = loaded_text((char *)sql.ptr);
    assert_int_equal(s->dictionary.len, 32768 / 30 * 30);
    assert_int_equal(s->tables[0].columns[0].nenums, 1200);
    gb_schema_free(s);
    gb_buf_release(&sql);
}

/* ----------------------------------------------------------- text -- */

static void
packing_sorts_and_hashes(void **state)
{
    (void)state;
    struct gb_schema_file files[2];
    memcpy(files, office(), sizeof files);
    struct gb_schema_file other[] = {files[1], files[0]};
    struct gb_buf a, b;
    gb_buf_init(&a, GB_SCHEMA_MAX);
    gb_buf_init(&b, GB_SCHEMA_MAX);
    assert_int_equal(gb_schema_pack(files, 2, &a, NULL), GB_OK);
    assert_int_equal(gb_schema_pack(other, 2, &b, NULL), GB_OK);
    assert_true(gb_span_equal(gb_buf_view(&a), gb_buf_view(&b)));
    assert_string_equal(other[0].name, "20-patrol.sql"); /* untouched */
    struct gb_schema *s = NULL;
    assert_int_equal(gb_schema_load(gb_buf_view(&a), 1, &s, NULL), GB_OK);
    assert_true(gb_span_equal(s->text, gb_buf_view(&a)));
    struct gb_sha256 hash = gb_sha256(gb_buf_view(&a));
    assert_memory_equal(s->sha256, hash.bytes, 32);
    gb_schema_free(s);
    gb_buf_release(&a);
    gb_buf_release(&b);
}

static void
packing_refuses_names_and_sizes(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a",       "a.txt",     ".sql",     ".a.sql", "a/b.sql",
        "a\n.sql", "a\x7f.sql", "\xff.sql", "a.sql~", "a.SQL"};
    struct gb_buf out;
    struct gb_fail fail;
    gb_buf_init(&out, 4 * GB_SCHEMA_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_schema_file f = {bad[i], gb_span_text("")};
        assert_int_equal(gb_schema_pack(&f, 1, &out, &fail), GB_E_SCHEMA);
    }
    char long_name[400];
    snprintf(long_name, sizeof long_name, "%0300d.sql", 7);
    struct gb_schema_file too_long = {long_name, gb_span_text("")};
    assert_int_equal(gb_schema_pack(&too_long, 1, &out, &fail), GB_E_SCHEMA);
    struct gb_schema_file twice[] = {{"a.sql", gb_span_text("")},
                                     {"b.sql", gb_span_text("")},
                                     {"a.sql", gb_span_text("")}};
    assert_int_equal(gb_schema_pack(twice, 3, &out, &fail), GB_E_SCHEMA);
    assert_string_equal(fail.text, "a.sql: there twice");
    assert_int_equal(gb_schema_pack(twice, 0, &out, &fail), GB_E_SCHEMA);
    char *large = calloc(1, GB_SCHEMA_MAX);
    struct gb_schema_file f = {"a.sql", GB_SPAN(large, GB_SCHEMA_MAX)};
    assert_int_equal(gb_schema_pack(&f, 1, &out, &fail), GB_E_LIMIT);
    f.text.len -= 10; /* 1 count, 6 name, 3 length */
    gb_buf_clear(&out);
    assert_int_equal(gb_schema_pack(&f, 1, &out, &fail), GB_OK);
    assert_int_equal(out.len, GB_SCHEMA_MAX);
    free(large);
    gb_buf_release(&out);
}

/* Packs by hand: what packing would never write. */
static void
packs_that_are_damaged_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"", 0},
        {"\0", 1},                                      /* no files */
        {"\1\5a.sql\0x", 9},                            /* trailing */
        {"\2\5b.sql\0\5a.sql\0", 15},                   /* order */
        {"\2\5a.sql\0\5a.sql\0", 15},                   /* twice */
        {"\1\5a/sql\0", 8},                             /* name */
        {"\1\6\0a.sql\0", 9},                           /* NUL in it */
        {"\x81\0\5a.sql\0", 9},                         /* long varint */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10}, /* count */
        {"\1\5a.sql\xff\xff\xff\xff\xf", 12},           /* length */
    };
    struct gb_schema *s = NULL;
    struct gb_fail fail;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            gb_schema_load(GB_SPAN(bad[i].bytes, bad[i].n), 1, &s, &fail),
            GB_E_FORMAT);
        assert_null(s);
    }
    assert_int_equal(gb_schema_load(GB_SPAN("\1\5a.sql\0", 8), 1, &s, &fail),
                     GB_E_SCHEMA);
    assert_string_equal(fail.text, "the schema makes no table");
    assert_int_equal(
        gb_schema_load(GB_SPAN("\1\5a.sql\6--\n\n\xe4\xb8", 14), 1, &s, &fail),
        GB_E_SCHEMA);
    assert_string_equal(fail.text, "a.sql:3: not UTF-8 without NULs");
    assert_int_equal(
        gb_schema_load(GB_SPAN("\1\5a.sql\6--\n--\0", 14), 1, &s, &fail),
        GB_E_SCHEMA);
    assert_string_equal(fail.text, "a.sql:2: not UTF-8 without NULs");
    uint8_t *large = calloc(1, GB_SCHEMA_MAX + 1);
    assert_int_equal(
        gb_schema_load(GB_SPAN(large, GB_SCHEMA_MAX + 1), 1, &s, &fail),
        GB_E_LIMIT);
    free(large);
}

/* Cut and bent at every byte: refused or read, and nothing worse. */
static void
every_cut_is_refused(void **state)
{
    (void)state;
    struct gb_schema_file f = {
        "a.sql",
        gb_span_text("CREATE TABLE a(" ID ", t TEXT, n INTEGER) STRICT;\n"
                     "INSERT INTO rule VALUES ('a', 't', 'worst x<y back@2');"
                     "CREATE VIEW v AS SELECT t FROM a WHERE n > 3;")};
    struct gb_buf pack;
    struct gb_schema *s = NULL;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    assert_int_equal(gb_schema_pack(&f, 1, &pack, NULL), GB_OK);
    for (size_t n = 0; n < pack.len; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* its end is the sanitizer's */
        memcpy(cut, pack.ptr, n);
        assert_int_equal(gb_schema_load(GB_SPAN(cut, n), 1, &s, NULL),
                         GB_E_FORMAT);
        free(cut);
    }
    for (size_t i = 0; i < pack.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct gb_fail fail = {0};
            pack.ptr[i] ^= (uint8_t)(1 << bit);
            enum gb_err err = gb_schema_load(gb_buf_view(&pack), 1, &s, &fail);
            if (err && err != GB_E_FORMAT && err != GB_E_SCHEMA)
                fail_msg("byte %zu bit %d: %s", i, bit, fail.text);
            gb_schema_free(s);
            pack.ptr[i] ^= (uint8_t)(1 << bit);
        }
    gb_buf_release(&pack);
}

static void
many_rows_of_one_insert(void **state)
{
    (void)state;
    struct gb_buf sql;
    gb_buf_init(&sql, GB_SCHEMA_MAX);
    gb_buf_text(&sql, "CREATE TABLE a(" ID ", t INT) STRICT;\n"
                      "INSERT INTO enum VALUES");
    for (int i = 0; i < 20000; i++)
        gb_buf_printf(&sql, "%s\n('a','t',%d,1)", i ? "," : "", i);
    gb_buf_text(&sql, ",\n('a','t',19999,1);");
    gb_buf_u8(&sql, 0);
    struct gb_schema_file f = {"a.sql", gb_span_text((char *)sql.ptr)};
    struct gb_schema *s = NULL;
    struct gb_fail fail;
    assert_int_equal(load_files(&f, 1, &s, &fail), GB_E_SCHEMA);
    assert_string_equal(fail.text, "a.sql:20003: a second row of enum with the "
                                   "same tbl, col, value");
    gb_buf_release(&sql);
}

/* --------------------------------------------------------- folder -- */

static void
write_file(const char *folder, const char *name, struct gb_span text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

static void
remove_file(const char *folder, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(remove(path), 0);
}

static void
folders_are_read(void **state)
{
    (void)state;
    char folder[] = "/tmp/gengbu-schema-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct gb_buf pack, want;
    struct gb_fail fail;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    gb_buf_init(&want, GB_SCHEMA_MAX);
    assert_int_equal(gb_schema_read_folder(folder, &pack, &fail), GB_E_SCHEMA);
    write_file(folder, "README", gb_span_text("not SQL"));
    write_file(folder, ".#a.sql", gb_span_text("an editor's"));
    for (int i = 2; i >= 0; i--)
        write_file(folder, office()[i].name, office()[i].text);
    char fifo[64];
    snprintf(fifo, sizeof fifo, "%s/fifo.sql", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(10); /* nobody waits for it */
    assert_int_equal(gb_schema_pack(office(), 3, &want, &fail), GB_OK);
    assert_int_equal(gb_schema_read_folder(folder, &pack, &fail), GB_OK);
    assert_true(gb_span_equal(gb_buf_view(&pack), gb_buf_view(&want)));
    alarm(0);
    assert_int_equal(unlink(fifo), 0);

    char *large = calloc(1, GB_SCHEMA_MAX);
    write_file(folder, "z.sql", GB_SPAN(large, GB_SCHEMA_MAX));
    assert_int_equal(gb_schema_read_folder(folder, &pack, &fail), GB_E_LIMIT);
    free(large);
    remove_file(folder, "z.sql");
    write_file(folder, "z\n.sql", gb_span_text(""));
    assert_int_equal(gb_schema_read_folder(folder, &pack, &fail), GB_E_SCHEMA);
    remove_file(folder, "z\n.sql");
    remove_file(folder, "README");
    remove_file(folder, ".#a.sql");
    for (int i = 0; i < 3; i++)
        remove_file(folder, office()[i].name);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(gb_schema_read_folder(folder, &pack, &fail), GB_E_MISSING);
    assert_non_null(strstr(fail.text, folder));
    gb_buf_release(&pack);
    gb_buf_release(&want);
}

/* ----------------------------------------------------- succession -- */

#define A "CREATE TABLE a(" ID ", t TEXT, n INTEGER) STRICT;\n"
#define B                                                                      \
    "CREATE TABLE b(" ID ", s TEXT, w TEXT, r INTEGER REFERENCES a) "          \
    "STRICT;\n"
#define RULES                                                                  \
    "INSERT INTO rule VALUES ('b', 's', 'state x>y prefer y>x'),\n"            \
    "('b', 'w', 'worst i<j');\n"

static const struct {
    const char *sql, *want; /* NULL: may follow */
} successors[] = {
    {A B RULES, NULL},
    {A B RULES "CREATE TABLE c(" ID ") STRICT;", NULL},
    {"CREATE TABLE a(" ID
     ", t TEXT NOT NULL, n INTEGER, y BLOB) STRICT;" B RULES,
     NULL},
    {A "CREATE TABLE c(" ID ") STRICT;" B RULES, "table b has another number"},
    {"CREATE TABLE a(" ID ", t TEXT, x REAL, n INTEGER) STRICT;" B RULES,
     "a.n has another number"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state z>y y>x prefer y>z>x'),"
         "('b', 'w', 'worst h<i<k<j');"
         "INSERT INTO enum VALUES ('a', 't', 'v', 1);",
     NULL},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y@2 prefer y>x'),"
         "('b', 'w', 'worst i<j');",
     NULL},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y prefer x>y'),"
         "('b', 'w', 'worst i<j');",
     "b.s has the values of its rule in another order"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y prefer y>x'),"
         "('b', 'w', 'worst j<i');",
     "b.w has the values of its rule in another order"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y prefer y>x'),"
         "('b', 'w', 'worst i<j back@2');",
     "b.w lets another level go back"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y! prefer y>x'),"
         "('b', 'w', 'worst i<j');",
     "b.s sends an old move to review"},
    {A, "table b is missing"},
    {B RULES "CREATE TABLE c(" ID ") STRICT; CREATE TABLE a(" ID
             ", t TEXT, n INTEGER) STRICT;",
     "table a has another number"},
    {"CREATE TABLE a(" ID ", t TEXT) STRICT;" B RULES, "a.n is missing"},
    {"CREATE TABLE a(" ID ", n INTEGER, t TEXT) STRICT;" B RULES,
     "a.t has another number"},
    {"CREATE TABLE a(" ID ", t BLOB, n INTEGER) STRICT;" B RULES,
     "a.t has another type"},
    {A B RULES "INSERT INTO rule VALUES ('a', 't', 'last');",
     "a.t has another kind of rule"},
    {A B RULES "INSERT INTO personal VALUES ('a', 't');",
     "a.t is now personal"},
    {A "CREATE TABLE b(" ID ", s TEXT, w TEXT, r INTEGER) STRICT;" RULES,
     "b.r refers to another table"},
    {A "CREATE TABLE b(" ID
       ", s TEXT, w TEXT, r INT REFERENCES b) STRICT;" RULES,
     "b.r refers to another table"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>z prefer x>z'),"
         "('b', 'w', 'worst i<j');",
     "b.s lacks a value that its rule had"},
    {A B "INSERT INTO rule VALUES ('b', 's', 'state x>y prefer y>x'),"
         "('b', 'w', 'worst j<k');",
     "b.w lacks a value that its rule had"},
};

static void
schemas_follow_one_another(void **state)
{
    (void)state;
    struct gb_schema *old = loaded_text(A B RULES);
    for (size_t i = 0; i < sizeof successors / sizeof *successors; i++) {
        struct gb_schema *next = loaded_text(successors[i].sql);
        struct gb_fail fail = {0};
        enum gb_err err = gb_schema_follows(old, next, &fail);
        if (!successors[i].want)
            assert_int_equal(err, GB_OK);
        else if (err != GB_E_SCHEMA || !strstr(fail.text, successors[i].want))
            fail_msg("wanted %s, not %s", successors[i].want, fail.text);
        gb_schema_free(next);
    }
    struct gb_schema *personal =
        loaded_text(A B RULES "INSERT INTO personal VALUES ('a', 't');");
    assert_int_equal(gb_schema_follows(personal, old, NULL), GB_E_SCHEMA);
    gb_schema_free(personal);
    struct gb_fail fail = {0};
    struct gb_schema *review = loaded_text(
        A B "INSERT INTO rule VALUES ('b', 's', 'state x>y! prefer y>x'),"
            "('b', 'w', 'worst i<j');");
    assert_int_equal(gb_schema_follows(review, old, &fail), GB_E_SCHEMA);
    assert_non_null(strstr(fail.text, "b.s no longer sends a move to review"));
    gb_schema_free(review);
    gb_schema_free(old);
}

/* --------------------------------------------------------- memory -- */

static enum gb_err
load_office(void *arg, struct gb_fail *fail)
{
    (void)arg;
    struct gb_schema *s = NULL;
    enum gb_err err = load_files(office(), 3, &s, fail);
    gb_schema_free(s);
    return err;
}

static void
no_memory_is_no_harm(void **state)
{
    (void)state;
    alloc_sweep(load_office, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_columns_are_kept),
        cmocka_unit_test(rules_and_values_are_kept),
        cmocka_unit_test(record_levels_scopes_rivals_are_kept),
        cmocka_unit_test(views_labels_and_dictionary_are_kept),
        cmocka_unit_test(dictionary_has_a_ceiling),
        cmocka_unit_test(packing_sorts_and_hashes),
        cmocka_unit_test(packing_refuses_names_and_sizes),
        cmocka_unit_test(packs_that_are_damaged_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(many_rows_of_one_insert),
        cmocka_unit_test(folders_are_read),
        cmocka_unit_test(schemas_follow_one_another),
        cmocka_unit_test(no_memory_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
