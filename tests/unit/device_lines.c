/*
 * device_lines.c - a file of JSON lines whose import fails for want of memory
 * or disk: whatever is given again is in once.
 */
#include "delta_fixture.h"

#include "device/lines.h"

#define LINES 150 /* more than a batch */

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','n','sum');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

struct interrupt {
    int calls, at; /* of SQLite's progress handler; the one that interrupts */
};

/* Ends a statement that writes as a failing disk does: with a transaction that
 * SQLite has rolled back by itself. */
static int
interrupt(void *arg)
{
    struct interrupt *i = arg;
    return ++i->calls == i->at;
}

/* LINES records, and one to which each line adds 1. */
static void
write_lines(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"table\":\"r\",\"ref\":\"all\",\"fields\":{\"n\":0}}\n", f);
    for (int i = 1; i <= LINES; i++)
        fprintf(f, "{\"table\":\"r\",\"fields\":{\"n\":0}}\n"
                   "{\"table\":\"r\",\"ref\":\"all\",\"add\":{\"n\":1}}\n");
    assert_int_equal(fclose(f), 0);
}

static enum gb_err
import(struct handheld *d, const char *path)
{
    struct gb_folder folder = {.journal = d->j};
    struct gb_lines_report report;
    int fd;
    GOOD(gb_lines_open(path, &fd, &why));
    enum gb_err e = gb_lines_import(&folder, path, fd, &report, &why);
    close(fd);
    return e;
}

/* Interrupt the at-th time, if it comes to that, and give the file again. */
static bool
import_twice(struct hub *h, int number, const char *path, int at)
{
    struct handheld d;
    struct interrupt i = {.at = at};
    make_handheld(h, &d, number, NULL);
    GOOD(gb_journal_sign_in(d.j, 1, true, &why));
    sqlite3_progress_handler(gb_journal_db(d.j), 50, interrupt, &i);
    enum gb_err e = import(&d, path);
    sqlite3_progress_handler(gb_journal_db(d.j), 0, NULL, NULL);
    assert_true(sqlite3_get_autocommit(gb_journal_db(d.j)));
    if (e)
        GOOD(import(&d, path));
    assert_int_equal(ask(&d, "SELECT count(*) FROM r"), LINES + 1);
    assert_int_equal(ask(&d, "SELECT sum(n) FROM r"), LINES);
    gb_journal_close(d.j);
    return e != GB_OK;
}

static void
what_failed_half_way_is_in_once_when_given_again(void **state)
{
    struct hub h;
    char path[128];
    int number = 1, failed = 0;
    struct gb_written person[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("王"))},
        {.column = 1, .value = gb_value_int(2)}};
    struct gb_op op = {
        .kind = GB_INSERT, .id = 1, .values = person, .nvalues = 2};
    (void)state;
    make_hub(&h, schema_text);
    hub_set(&h, &op, 1);
    snprintf(path, sizeof path, "%s/lines.jsonl", h.folder);
    write_lines(path);
    for (int at = 1; import_twice(&h, number, path, at); at += 1 + at / 8) {
        number++;
        failed++;
    }
    assert_true(failed > 20);
    end_hub(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_failed_half_way_is_in_once_when_given_again),
    };
    return cmocka_run_group_tests_name("device_lines", tests, NULL, NULL);
}
