/* hub_load.c - tables from CSV files: what is written, and every mistake */
#include "hub_office_fixture.h"

#include "hub/load.h"

static int
setup(void **state)
{
    struct office *w = calloc(1, sizeof *w);
    assert_non_null(w);
    make_office(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    end_office(*state);
    free(*state);
    return 0;
}

static enum gb_err
load(struct office *w, int table, const char *text, struct gb_loaded *done,
     struct gb_fail *fail)
{
    *fail = (struct gb_fail){0};
    return gb_load_csv(w->hub, table, gb_span_text(text), done, fail);
}

/* What a query gives, its columns joined by |, its rows by blanks. */
static void
check_rows(struct office *w, const char *sql, const char *want)
{
    sqlite3_stmt *s;
    bool row;
    struct gb_buf b;
    gb_buf_init(&b, 65536);
    GOOD(gb_db_prepare(gb_state_db(w->hub->state), sql, &s, &why));
    while (!gb_db_step(s, &row, &why) && row)
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            struct gb_value v = gb_db_value(s, i);
            gb_buf_text(&b, i ? "|" : b.len ? " " : "");
            gb_value_print(&b, &v);
        }
    sqlite3_finalize(s);
    gb_buf_u8(&b, 0);
    assert_string_equal((char *)b.ptr, want);
    gb_buf_release(&b);
}

static void
check_load(struct office *w, int table, const char *text, unsigned added,
           unsigned changed, unsigned same)
{
    struct gb_loaded done;
    struct gb_fail fail;
    if (load(w, table, text, &done, &fail))
        fail_msg("%s: %s", text, fail.text);
    assert_int_equal(done.added, added);
    assert_int_equal(done.changed, changed);
    assert_int_equal(done.same, same);
}

static void
test_values(void **state)
{
    struct office *w = *state;
    check_load(w, TABLE_R,
               "ref,fa,la,x,kind,phone,owner,boss\r\n"
               "一,7,\"a,\"\"b\"\"\",2.5,b,138,,0-1\r\n"
               "two,-9223372036854775808,,1e3,,,@一,\r\n",
               2, 0, 0);
    check_rows(w,
               "SELECT id,_ref,fa,la,fi,st,kind,owner,boss,phone,x FROM r "
               "ORDER BY id",
               "2|一|7|a,\"b\"||a|b||1|138|2.5 "
               "3|two|-9223372036854775808|||a|a|2|||1000");
    check_rows(w, "SELECT count(*) FROM _wait", "0");
}

static void
test_reload_writes_differences(void **state)
{
    struct office *w = *state;
    const char *first = "ref,la,fi,su,mx,st\na,x,1,5,3,a\nb,y,,,,\n";
    check_load(w, TABLE_R, first, 2, 0, 0);
    uint64_t size = gb_state_size(w->hub->state);
    check_load(w, TABLE_R, first, 0, 0, 2);
    assert_int_equal(gb_state_size(w->hub->state), size); /* not even a set */
    check_load(w, TABLE_R, "ref,la,su,mx,st,fi\na,,9,4,b,1\nb,y,1,,a,8\n", 0, 2,
               0);
    check_rows(w, "SELECT la,fi,su,mx,st FROM r ORDER BY id",
               "|1|9|4|b y|8|1||a");
    /* columns that are not in the header are left alone */
    check_load(w, TABLE_R, "ref,la\na,z\n", 0, 1, 0);
    check_rows(w, "SELECT la,fi,su,mx,st FROM r WHERE _ref = 'a'", "z|1|9|4|b");
    check_rows(w, "SELECT count(*) FROM _wait", "0");
}

/* More operations than one set holds. */
static void
test_many(void **state)
{
    struct office *w = *state;
    enum { N = 70000 };
    struct gb_buf b;
    gb_buf_init(&b, (size_t)16 << 20);
    gb_buf_text(&b, "ref,fa\n");
    for (int i = 0; i < N; i++)
        gb_buf_printf(&b, "n%d,%d\n", i, i);
    gb_buf_u8(&b, 0);
    uint64_t size = gb_state_size(w->hub->state);
    check_load(w, TABLE_R, (char *)b.ptr, N, 0, 0);
    assert_true(gb_state_size(w->hub->state) > size + 1);
    check_rows(w, "SELECT count(*), count(DISTINCT id), sum(fa) FROM r",
               "70000|70000|2449965000");
    gb_buf_release(&b);
}

static const struct {
    const char *text;
    enum gb_err err;
    const char *says;
} mistakes[] = {
    {"", GB_E_FORMAT, "line 1: the header is missing"},
    {"la,nope\n", GB_E_UNKNOWN,
     "line 1: r: column 'nope' is not known: there are fa, la"},
    {"la,la\n", GB_E_FORMAT, "line 1: column 'la' is there twice"},
    {"ref,ref\n", GB_E_FORMAT, "line 1: column 'ref' is there twice"},
    {"la,fa\nx,1\ny\n", GB_E_FORMAT, "line 3: 1 fields, and the header"},
    {"fa\n1\n2x\n", GB_E_TYPE, "line 3: fa: '2x' is not an integer"},
    {"fa\n9223372036854775808\n", GB_E_TYPE, "line 2: fa: "},
    {"fa\n 1\n", GB_E_TYPE, "line 2: fa: ' 1' is not an integer"},
    {"x\nnan\n", GB_E_TYPE, "line 2: x: 'nan' is not a number"},
    {"x\n1e999\n", GB_E_TYPE, "line 2: x: '1e999' is not a number"},
    {"kind\nc\n", GB_E_VALUE, "line 2: kind: 'c' is none of a, b"},
    {"st\nd\n", GB_E_VALUE, "line 2: st: 'd' is none of a, b, c"},
    {"st\nb\n", GB_E_ILLEGAL, "line 2: st: a new record begins as 'a'"},
    {"owner\n@nobody\n", GB_E_MISSING, "line 2: owner: there is no r @nobody"},
    {"ref,owner\na,@b\nb,\n", GB_E_MISSING, "line 2: owner: there is no r @b"},
    {"owner\n0-999\n", GB_E_MISSING, "line 2: owner: there is no r 0-999"},
    {"owner\nhello\n", GB_E_VALUE, "line 2: owner: 'hello' names no record"},
    {"ref,la\na,1\n\na,2\n", GB_E_EXISTS, "line 4: ref 'a' stands further up"},
    {"ref,fa\nold,2\n", GB_E_ILLEGAL,
     "line 2: fa is '1' and cannot become "
     "'2': a fact never changes"},
    {"ref,fi\nold,2\n", GB_E_ILLEGAL, "line 2: fi is '1' and cannot"},
    {"ref,mx\nold,4\n", GB_E_ILLEGAL,
     "line 2: mx is '5' and cannot become "
     "'4': its rule lets nobody go back"},
    {"ref,mx\nold,\n", GB_E_ILLEGAL, "line 2: mx is '5'"},
    {"ref,st\nold,c\nold2,a\n", GB_E_ILLEGAL,
     "line 3: st is 'b' and cannot become 'a': its states"},
    {"ref,su\nold,\n", GB_E_ILLEGAL, "line 2: su is '3'"},
    {"ref,la\ngone,x\n", GB_E_STATE,
     "line 2: the record with this ref is "
     "void"},
    {"la\n\xff\n", GB_E_FORMAT, "line 2: field 1 is not UTF-8"},
};

/* All lines or none: nothing of a file with a mistake is written. */
static void
test_mistakes(void **state)
{
    struct office *w = *state;
    struct gb_loaded done;
    struct gb_fail fail;
    check_load(w, TABLE_R, "ref,fa,fi,su,mx\nold,1,1,3,5\nold2,,,,\ngone,,,,\n",
               3, 0, 0);
    check_load(w, TABLE_R, "ref,st\nold2,b\n", 0, 1, 0);
    struct gb_op op = {
        .kind = GB_VOID, .table = TABLE_R, .text = gb_span_text("weg")};
    GOOD(gb_tables_ref(gb_state_tables(w->hub->state), TABLE_R, 0,
                       gb_span_text("gone"), &op.id, &why));
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    uint64_t size = gb_state_size(w->hub->state);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        enum gb_err e = load(w, TABLE_R, mistakes[i].text, &done, &fail);
        if (e != mistakes[i].err ||
            strncmp(fail.text, mistakes[i].says, strlen(mistakes[i].says)))
            fail_msg("%s\nsays %s, not %s", mistakes[i].text, fail.text,
                     mistakes[i].says);
    }
    assert_int_equal(gb_state_size(w->hub->state), size);
    /* a good line before a bad one is not written either */
    assert_int_equal(load(w, TABLE_R, "fa\n1\n2\nx\n", &done, &fail),
                     GB_E_TYPE);
    assert_int_equal(gb_state_size(w->hub->state), size);
}

static void
test_staff(void **state)
{
    struct office *w = *state;
    struct gb_loaded done;
    struct gb_fail fail;
    check_load(w, TABLE_STAFF, "ref,name,level\nz,张三,2\n", 1, 0, 0);
    check_load(w, TABLE_STAFF, "name\n李四\n", 1, 0, 0);
    check_rows(w, "SELECT name, level FROM staff ORDER BY id",
               "王主管|2 张三|2 李四|1");
    assert_int_equal(load(w, TABLE_STAFF, "name,level\n王五,9\n", &done, &fail),
                     GB_E_VALUE);
    assert_string_equal(fail.text, "line 2: level: a level is 0 to 8");
    assert_int_equal(load(w, TABLE_STAFF, "level\n1\n", &done, &fail),
                     GB_E_VALUE);
    assert_string_equal(fail.text, "line 2: name is missing");
    assert_int_equal(load(w, TABLE_STAFF, "ref,name\nz,\n", &done, &fail),
                     GB_E_ILLEGAL);
    assert_string_equal(fail.text, "line 2: name is '张三' and cannot become "
                                   "'nothing': it is needed");
    check_load(w, TABLE_STAFF, "ref,name,level\nz,张三,\n", 0, 0, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_values), TEST(test_reload_writes_differences),
        TEST(test_many),   TEST(test_mistakes),
        TEST(test_staff),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
