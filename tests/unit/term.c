/* term.c - engine/term.h: tables, progress, sizes, times. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/term.h"
#include "support/alloc.h"

/* The text in a buffer, with a NUL behind it. */
static const char *
text_of(struct gb_buf *b)
{
    gb_buf_u8(b, 0);
    assert_int_equal(b->failed, GB_OK);
    return (const char *)b->ptr;
}

static const struct gb_grid_column columns[] = {
    {"巡更点", false}, {"id", true}, {"note", false}};

static void
columns_align_in_both_scripts(void **state)
{
    (void)state;
    struct gb_grid g;
    struct gb_buf out;
    gb_buf_init(&out, 4096);
    gb_grid_init(&g, columns, 3);
    gb_grid_text(&g, "东门");
    gb_grid_printf(&g, "%d-%d", 7, 1042);
    gb_grid_text(&g, "ok");
    gb_grid_text(&g, "B2 garage");
    gb_grid_text(&g, "5");
    gb_grid_text(&g, NULL);
    gb_grid_text(&g, "");
    gb_grid_text(&g, "");
    gb_grid_text(&g, "地面积水");
    assert_int_equal(gb_grid_rows(&g), 3);
    assert_int_equal(gb_grid_print(&g, &out, NULL), GB_OK);
    assert_string_equal(text_of(&out), "巡更点         id  note\n"
                                       "东门       7-1042  ok\n"
                                       "B2 garage       5\n"
                                       "                   地面积水\n");
    gb_grid_release(&g);
    gb_grid_release(&g);
    gb_buf_release(&out);
}

static void
titles_alone_are_a_table(void **state)
{
    (void)state;
    struct gb_grid g;
    struct gb_buf out;
    gb_buf_init(&out, 4096);
    gb_grid_init(&g, columns, 3);
    assert_int_equal(gb_grid_print(&g, &out, NULL), GB_OK);
    assert_string_equal(text_of(&out), "巡更点  id  note\n");
    gb_grid_release(&g);
    gb_buf_release(&out);
}

static void
outside_text_cannot_drive_the_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } cases[] = {
        {"\033[2Jx", 5, "?[2Jx"},
        {"a\nb\tc\rd", 7, "a b c?d"},
        {"\0\x7f", 2, "??"},
        {"\xc2\x9b"
         "31m",
         5, "?31m"},
        {"\xc2\xa0", 2, "\xc2\xa0"},
        {"\xff\xe5\xa4", 3, "???"},
        {"a\u202eb\u202a", 8, "a?b?"},
        {"\u2066\u2069\u200e\u200f", 12, "????"},
        {"\u200d\u2010\u2029\u202f\u2065\u206a", 18,
         "\u200d\u2010\u2029\u202f\u2065\u206a"},
        {"大堂", 6, "大堂"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_buf out;
        gb_buf_init(&out, 100);
        gb_term_clean(&out, GB_SPAN(cases[i].text, cases[i].len));
        assert_string_equal(text_of(&out), cases[i].want);
        gb_buf_release(&out);
    }
}

static enum gb_err
small_grid(void *arg, struct gb_fail *fail)
{
    (void)arg;
    struct gb_grid g;
    struct gb_buf out;
    gb_buf_init(&out, 4096);
    gb_grid_init(&g, columns, 3);
    for (int i = 0; i < 6; i++)
        gb_grid_text(&g, "东门");
    enum gb_err err = gb_grid_print(&g, &out, fail);
    gb_grid_release(&g);
    gb_buf_release(&out);
    return err;
}

static void
running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    alloc_sweep(small_grid, NULL);
}

/* Let standard error be fd while work runs. */
static void
with_stderr(int fd, void (*work)(void))
{
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    work();
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
}

static void
half_way(void)
{
    struct gb_progress p;
    gb_progress_begin(&p, "上传", 2048, true);
    for (uint64_t i = 0; i <= 1024; i++)
        gb_progress_at(&p, i);
    gb_progress_end(&p);
}

static void
count_without_end(void)
{
    struct gb_progress p;
    gb_progress_begin(&p, "sets", 0, false);
    for (uint64_t i = 0; i <= 100000; i++)
        gb_progress_at(&p, i);
    gb_progress_end(&p);
}

static void
overshoot(void)
{
    struct gb_progress p;
    gb_progress_begin(&p, "sets", 3, false);
    gb_progress_at(&p, 100);
    gb_progress_at(&p, UINT64_MAX);
    gb_progress_end(&p);
}

/* What a stick may name a file: longer than the line, and with an escape. */
static void
name_of_a_stick(void)
{
    struct gb_progress p;
    gb_progress_begin(&p, "/media/\033]0;x\007很长的文件夹名称/棒子.gbx", 0,
                      false);
    gb_progress_at(&p, 100);
    gb_progress_end(&p);
    gb_progress_begin(&p, "/media/\033]0;x\007很长的文件夹名称/棒子.gbx", 200,
                      false);
    gb_progress_at(&p, 100);
    gb_progress_end(&p);
}

/* What work shows on a terminal of so many columns.  The other end stays open
 * until the child is gone: Linux may answer EIO to a read that runs beside the
 * last close, while bytes still wait. */
static void
shown(void (*work)(void), unsigned short width, char *text, size_t size)
{
    int master, slave;
    struct winsize window = {.ws_row = 24, .ws_col = width};
    if (openpty(&master, &slave, NULL, NULL, &window))
        skip(); /* no pseudo terminals here */
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(master);
        with_stderr(slave, work);
        _exit(0);
    }
    size_t n = 0;
    bool gone = false;
    struct pollfd end = {.fd = master, .events = POLLIN};
    for (;;) {
        if (poll(&end, 1, gone ? 0 : 10) > 0) {
            ssize_t got = read(master, text + n, size - 1 - n);
            assert_true(got > 0);
            n += (size_t)got;
        } else if (gone) {
            break;
        } else {
            gone = waitpid(child, NULL, WNOHANG) == child;
        }
    }
    text[n] = 0;
    close(slave);
    close(master);
}

static void
progress_is_drawn_on_a_terminal(void **state)
{
    (void)state;
    static char text[100000];
    shown(half_way, 80, text, sizeof text);
    assert_non_null(strstr(text, "上传  ["));
    assert_non_null(strstr(text, "] 50%  1.0 KiB of 2.0 KiB")
                        ? text
                        : strstr(text, "]  50%  1.0 KiB of 2.0 KiB"));
    assert_string_equal(text + strlen(text) - 4, "\r\033[K");
    assert_true(strlen(text) < 20000); /* not one line a step */
    shown(half_way, 30, text, sizeof text);
    assert_null(strstr(text, "#"));
    assert_non_null(strstr(text, "上传 50%"));
    shown(count_without_end, 80, text, sizeof text);
    assert_non_null(strstr(text, "sets  10"));
    assert_true(strlen(text) < 20000);
    shown(overshoot, 80, text, sizeof text);
    assert_non_null(strstr(text, "100%  3 of 3"));
}

static void
progress_stays_in_its_line(void **state)
{
    (void)state;
    static char text[100000];
    shown(name_of_a_stick, 80, text, sizeof text);
    assert_non_null(
        strstr(text, "\r/media/?]0;x?很长的文件夹名称/棒子.gbx  100"));
    shown(name_of_a_stick, 20, text, sizeof text);
    assert_non_null(strstr(text, "…名称/棒子.gbx  100"));
    assert_null(strstr(text, "\033]"));
    for (char *line = strtok(text, "\r"); line; line = strtok(NULL, "\r")) {
        size_t n = strcspn(line, "\033");
        assert_true(gb_utf8_width(GB_SPAN((const uint8_t *)line, n)) < 20);
    }
}

static void
progress_is_silent_elsewhere(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    assert_non_null(f);
    with_stderr(fileno(f), half_way);
    fseek(f, 0, SEEK_END);
    assert_int_equal(ftell(f), 0);
    fclose(f);
}

static void
sizes_are_short(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *want;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {10188, "9.9 KiB"},
        {10189, "10 KiB"},
        {1048063, "1023 KiB"},
        {1048064, "1.0 MiB"},
        {57ull << 20, "57 MiB"},
        {3ull << 40, "3.0 TiB"},
        {UINT64_MAX, "16 EiB"},
    };
    char out[GB_TERM_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(gb_term_size(out, cases[i].bytes), cases[i].want);
}

static void
times_are_those_of_the_site(void **state)
{
    (void)state;
    char out[GB_TERM_SIZE];
    assert_int_equal(gb_term_zone("Asia/Shanghai", NULL), GB_OK);
    assert_string_equal(gb_term_time(out, 0), "1970-01-01 08:00:00");
    assert_string_equal(gb_term_time(out, 1795393800999),
                        "2026-11-23 08:30:00");
    assert_string_equal(gb_term_time(out, -1), "1970-01-01 07:59:59");
    assert_string_equal(gb_term_time(out, ((int64_t)1 << 47) - 1),
                        "6429-10-17 10:45:55");
    assert_string_equal(gb_term_time(out, INT64_MIN), "?");
    assert_int_equal(gb_term_zone("Europe/Berlin", NULL), GB_OK);
    assert_string_equal(gb_term_time(out, 1795393800999),
                        "2026-11-23 01:30:00");
    assert_int_equal(gb_term_zone("UTC", NULL), GB_OK);
    assert_string_equal(gb_term_time(out, 1795393800999),
                        "2026-11-23 00:30:00");
}

/* As people write them; the last such time of day that there was. */
static void
times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } rows[] = {
        {"2026-11-23 08:30", 1795393800000},
        {"2026-11-23T08:30", 1795393800000},
        {"2026-11-23 08:30:07", 1795393807000},
        {"08:30", 1795393800000},
        {"8:30:07", 1795393807000},
        {"08:31", 1795307460000}, /* yesterday: it is 08:30:30 */
        {"2026-02-30 08:30", -1},
        {"2026-11-23 24:30", -1},
        {"2026-11-23", -1},
        {"08:30 ", -1},
        {"8", -1},
        {"", -1},
        {"2026-11-23 08:30:07 and much behind it", -1},
    };
    (void)state;
    assert_int_equal(gb_term_zone("Asia/Shanghai", NULL), GB_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = 0;
        bool good =
            gb_term_parse_time(gb_span_text(rows[i].text), 1795393830000, &ms);
        assert_int_equal(good, rows[i].ms >= 0);
        if (good)
            assert_int_equal(ms, rows[i].ms);
    }
    /* the hour that a clock leaves out in spring */
    int64_t ms;
    assert_int_equal(gb_term_zone("Europe/Berlin", NULL), GB_OK);
    assert_false(gb_term_parse_time(gb_span_text("2026-03-29 02:30"), 0, &ms));
    assert_true(gb_term_parse_time(gb_span_text("2026-03-29 03:30"), 0, &ms));
    assert_int_equal(gb_term_zone("UTC", NULL), GB_OK);
}

static void
unknown_zones_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "Asia",
                                        "Asia/Shanghia",
                                        "../../etc/passwd",
                                        "/etc/localtime",
                                        "Asia/",
                                        "GMT+8;x",
                                        "zone.tab",
                                        "北京时间"};
    assert_int_equal(gb_term_zone("Asia/Shanghai", NULL), GB_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(gb_term_zone(names[i], &fail), GB_E_UNKNOWN);
        assert_non_null(strstr(fail.text, names[i]));
    }
    char out[GB_TERM_SIZE];
    assert_string_equal(gb_term_time(out, 0), "1970-01-01 08:00:00");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_align_in_both_scripts),
        cmocka_unit_test(titles_alone_are_a_table),
        cmocka_unit_test(outside_text_cannot_drive_the_terminal),
        cmocka_unit_test(running_out_of_memory_is_an_error),
        cmocka_unit_test(progress_is_drawn_on_a_terminal),
        cmocka_unit_test(progress_stays_in_its_line),
        cmocka_unit_test(progress_is_silent_elsewhere),
        cmocka_unit_test(sizes_are_short),
        cmocka_unit_test(times_are_those_of_the_site),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(unknown_zones_are_refused),
    };
    return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
