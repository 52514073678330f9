/* file.c - engine/file.h: whole files, under faults too; folders; locks. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/bundle.h"
#include "engine/file.h"
#include "support/alloc.h"
#include "support/io.h"

/* ------------------------------------------------------------- fixture -- */

static char folder[200], path[300];

static int
setup(void **state)
{
    (void)state;
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.150s/gb-file-XXXXXX",
             top ? top : "/tmp");
    snprintf(path, sizeof path, "%s/站点.gbx", mkdtemp(folder));
    return 0;
}

/* Number of entries in the folder, hidden ones too. */
static int
entries(void)
{
    char command[300];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *p = popen(command, "r");
    int n = -1;
    if (!p || fscanf(p, "%d", &n) != 1)
        fail_msg("ls failed");
    pclose(p);
    return n;
}

static int
teardown(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void
assert_content(const char *want)
{
    struct gb_buf b;
    gb_buf_init(&b, 1 << 20);
    assert_int_equal(gb_file_read(path, &b, NULL), GB_OK);
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text(want)));
    gb_buf_release(&b);
}

/* ------------------------------------------------------------- writing -- */

static void
files_are_written_and_replaced(void **state)
{
    (void)state;
    struct stat st;
    umask(022);
    assert_int_equal(gb_file_write(path, gb_span_text("one"), 0644, NULL),
                     GB_OK);
    assert_content("one");
    stat(path, &st);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(
        gb_file_write_checked(path, gb_span_text("two!"), 0600, NULL), GB_OK);
    assert_content("two!");
    stat(path, &st);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(gb_file_write_checked(path, GB_SPAN("", 0), 0644, NULL),
                     GB_OK);
    assert_content("");
    assert_int_equal(entries(), 1);
}

static void
names_without_a_folder_work(void **state)
{
    (void)state;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(gb_file_write("a", gb_span_text("x"), 0644, NULL), GB_OK);
    assert_int_equal(gb_file_folder("b", 0755, NULL), GB_OK);
    assert_int_equal(gb_file_folder("c/", 0755, NULL), GB_OK);
    assert_int_equal(entries(), 3);
    assert_int_equal(gb_file_remove("a", NULL), GB_OK);
    assert_int_equal(gb_file_remove("a", NULL), GB_OK);
    assert_int_equal(entries(), 2);
    assert_int_equal(fchdir(here), 0);
    close(here);
}

static void
a_folder_goes_with_all_in_it(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(gb_file_write("a", gb_span_text("x"), 0644, NULL), GB_OK);
    assert_int_equal(mkdir("b", 0755), 0);
    assert_int_equal(mkdir("b/c", 0755), 0);
    assert_int_equal(gb_file_write("b/c/.d", gb_span_text("x"), 0444, NULL),
                     GB_OK);
    assert_int_equal(symlink("../a", "b/link"), 0);
    assert_int_equal(symlink("../../b", "b/c/loop"), 0);
    assert_int_equal(gb_file_remove_all("b", NULL), GB_OK);
    assert_int_equal(entries(), 1); /* what a link led to stays */
    assert_int_equal(gb_file_remove_all("b", NULL), GB_OK);
    assert_int_equal(gb_file_remove_all("a", NULL), GB_OK);
    assert_int_equal(entries(), 0);
    assert_int_equal(gb_file_remove_all("/proc/self", &fail), GB_E_IO);
    assert_non_null(strstr(fail.text, "/proc/self: cannot be removed: "));
    assert_int_equal(fchdir(here), 0);
    close(here);
}

static void
pieces_make_one_file(void **state)
{
    (void)state;
    struct gb_file f;
    assert_int_equal(gb_file_begin(&f, path, 0644, NULL), GB_OK);
    assert_int_equal(access(path, F_OK), -1);
    struct gb_bundle_out out = {.write = gb_file_add, .arg = &f};
    assert_int_equal(
        gb_bundle_begin(&out, &(struct gb_bundle){.device = 7}, NULL), GB_OK);
    assert_int_equal(
        gb_bundle_add(&out, GB_FRAME_SET, gb_span_text("abc"), NULL), GB_OK);
    assert_int_equal(gb_bundle_end(&out, NULL), GB_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(gb_file_commit(&f, true, NULL), GB_OK);
    gb_file_abandon(&f);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 24 + 5 + 3 + 5 + 4);
    assert_int_equal(gb_file_begin(&f, path, 0644, NULL), GB_OK);
    assert_int_equal(gb_file_add(&f, gb_span_text("half"), NULL), GB_OK);
    gb_file_abandon(&f);
    assert_int_equal(entries(), 1);
    stat(path, &st);
    assert_int_equal(st.st_size, 41);
}

static void
short_calls_are_gone_on_with(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    io_one_byte();
    enum gb_err err =
        gb_file_write_checked(path, gb_span_text(text), 0644, NULL);
    assert_content(text);
    io_fail_never();
    assert_int_equal(err, GB_OK);
    assert_content(text);
}

/* What the runs of a sweep left behind. */
struct outcomes {
    int olds, news, errors;
};

static enum gb_err
write_new(void *arg, struct gb_fail *fail)
{
    (void)arg;
    return gb_file_write_checked(path, gb_span_text("new"), 0644, fail);
}

/* The old file or the new one, whole, and nothing beside it. */
static void
judge_file(void *arg, enum gb_err err, bool failed)
{
    struct outcomes *o = arg;
    char has[10] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(has, sizeof has, f));
    fclose(f);
    bool is_new = !strcmp(has, "new");
    assert_true(is_new || !strcmp(has, "old"));
    assert_true(err == GB_OK ? is_new : failed && err == GB_E_IO);
    assert_int_equal(entries(), 1);
    o->olds += !is_new;
    o->news += is_new;
    o->errors += err != GB_OK;
    assert_int_equal(gb_file_write(path, gb_span_text("old"), 0644, NULL),
                     GB_OK);
}

static void
any_fault_leaves_the_old_file_or_the_new(void **state)
{
    (void)state;
    static const int numbers[] = {ENOSPC, EIO, EROFS};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct outcomes o = {0};
        gb_file_write(path, gb_span_text("old"), 0644, NULL);
        size_t calls = io_sweep(write_new, judge_file, &o, numbers[i]);
        /* open, write, sync, read twice, close, rename; the folder's open,
         * sync, close; the last may fail unnoticed */
        assert_int_equal(calls, 10);
        assert_int_equal(o.olds, 2 * 7);
        assert_int_equal(o.errors, 2 * 9);
    }
}

static void
interrupted_calls_are_made_again(void **state)
{
    (void)state;
    struct outcomes o = {0};
    gb_file_write(path, gb_span_text("old"), 0644, NULL);
    io_sweep(write_new, judge_file, &o, EINTR);
    assert_int_equal(o.errors, 1); /* a rename, which may have been done */
}

static void
a_disk_that_lies_is_caught(void **state)
{
    (void)state;
    for (int shorter = 0; shorter < 2; shorter++) {
        struct gb_file f;
        struct gb_fail fail = {0};
        assert_int_equal(gb_file_begin(&f, path, 0644, NULL), GB_OK);
        assert_int_equal(gb_file_add(&f, gb_span_text("abc"), NULL), GB_OK);
        if (shorter)
            assert_int_equal(truncate(f.temporary, 2), 0);
        else
            assert_int_equal(pwrite(f.fd, "x", 1, 1), 1);
        assert_int_equal(gb_file_commit(&f, true, &fail), GB_E_IO);
        assert_non_null(strstr(fail.text, "does not read back"));
        assert_int_equal(entries(), 0);
    }
}

static void
a_file_too_large_for_the_disk_is_an_error(void **state)
{
    (void)state;
    static char large[20000];
    struct gb_fail fail = {0};
    struct rlimit before, small = {4096, RLIM_INFINITY};
    assert_int_equal(gb_file_write(path, gb_span_text("old"), 0644, NULL),
                     GB_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    enum gb_err err =
        gb_file_write(path, GB_SPAN(large, sizeof large), 0644, &fail);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(err, GB_E_IO);
    assert_non_null(strstr(fail.text, "too large for this disk"));
    assert_content("old");
    assert_int_equal(entries(), 1);
}

static void
what_a_crash_left_is_no_hindrance(void **state)
{
    (void)state;
    struct gb_names names;
    char left[400];
    snprintf(left, sizeof left, "%s/.站点.gbx.tmp-%ld", folder, (long)getpid());
    FILE *f = fopen(left, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(gb_file_list(folder, &names, NULL), GB_OK);
    assert_int_equal(names.count, 0); /* import does not see it */
    gb_names_release(&names);
    assert_int_equal(gb_file_write(path, gb_span_text("x"), 0644, NULL), GB_OK);
    assert_int_equal(entries(), 1);
}

static void
paths_that_cannot_be_are_named(void **state)
{
    (void)state;
    static char longest[GB_FILE_PATH_MAX + 10];
    memset(longest, 'a', sizeof longest - 1);
    char below[400];
    snprintf(below, sizeof below, "%s/none/x", folder);
    const struct {
        const char *path;
        enum gb_err want;
    } cases[] = {{below, GB_E_MISSING},
                 {longest, GB_E_LIMIT},
                 {longest + sizeof longest - 300, GB_E_LIMIT},
                 {"", GB_E_MISSING},
                 {folder, GB_E_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(
            gb_file_write(cases[i].path, gb_span_text("x"), 0644, &fail),
            cases[i].want);
        assert_non_null(strstr(fail.text, "cannot be written"));
    }
    assert_int_equal(entries(), 0);
}

/* ------------------------------------------------------------- reading -- */

static void
reading_has_a_ceiling(void **state)
{
    (void)state;
    struct gb_buf b;
    struct gb_fail fail = {0};
    gb_file_write(path, gb_span_text("123456"), 0644, NULL);
    gb_buf_init(&b, 6);
    assert_int_equal(gb_file_read(path, &b, NULL), GB_OK);
    gb_buf_release(&b);
    gb_buf_init(&b, 5);
    assert_int_equal(gb_file_read(path, &b, &fail), GB_E_LIMIT);
    assert_non_null(strstr(fail.text, "站点.gbx: larger than the 5 bytes"));
    gb_buf_release(&b);
    gb_buf_init(&b, 100);
    assert_int_equal(gb_file_read(folder, &b, &fail), GB_E_IO);
    assert_non_null(strstr(fail.text, "it is a folder: name a file"));
    strcat(path, "x");
    assert_int_equal(gb_file_read(path, &b, &fail), GB_E_MISSING);
    gb_buf_release(&b);
}

/* A FIFO has nobody at its other end, and would be waited for. */
static void
only_files_are_read(void **state)
{
    (void)state;
    struct gb_buf b;
    struct gb_fail fail = {0};
    struct gb_names names;
    char name[600];
    int fd, ends[2];
    gb_buf_init(&b, 100);
    assert_int_equal(mkfifo(path, 0644), 0);
    alarm(10);
    assert_int_equal(gb_file_read(path, &b, &fail), GB_E_IO);
    assert_non_null(strstr(fail.text, "gbx: not a file"));
    snprintf(name, sizeof name, "%s/link.gbx", folder);
    assert_int_equal(symlink(path, name), 0);
    assert_int_equal(gb_file_read(name, &b, &fail), GB_E_IO);
    unlink(name);
    /* a shell's pipe is waited for */
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_int_equal(gb_file_input(name, &fd, &fail), GB_OK);
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    assert_int_equal(gb_file_read(name, &b, &fail), GB_OK);
    assert_int_equal(b.len, 3);
    close(ends[0]);
    alarm(0);
    gb_buf_release(&b);
    /* nor are others listed; one that leads nowhere is left to its reader */
    static const char *const links[][2] = {
        {"/dev/null", "a.gbx"}, {"none", "b.gbx"}, {"/etc/passwd", "c.gbx"},
        {"/etc", "d.gbx"},      {"none", ".gbx"},  {"/etc/passwd", "e.bin"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, links[i][1]);
        assert_int_equal(symlink(links[i][0], name), 0);
    }
    assert_int_equal(gb_file_list_files(folder, ".gbx", &names, NULL), GB_OK);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.list[0], "b.gbx");
    assert_string_equal(names.list[1], "c.gbx");
    gb_names_release(&names);
}

static enum gb_err
refuse(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    *(size_t *)arg += bytes.len;
    return gb_fail_set(fail, GB_E_SITE, "another site");
}

static void
a_takers_error_ends_the_reading(void **state)
{
    (void)state;
    static char large[300000];
    size_t taken = 0;
    gb_file_write(path, GB_SPAN(large, sizeof large), 0644, NULL);
    assert_int_equal(gb_file_feed(path, refuse, &taken, NULL), GB_E_SITE);
    assert_int_equal(taken, 65536);
}

static const struct {
    int number;
    enum gb_err want;
    const char *words;
} failures[] = {
    {ENOSPC, GB_E_IO, "x: cannot be written: the disk is full: make room"},
    {EROFS, GB_E_IO, "read-only: unlock it"},
    {EACCES, GB_E_IO, "no permission: run as the owner"},
    {ENOENT, GB_E_MISSING, "No such file or directory: check the path"},
    {EBADF, GB_E_IO, "x: cannot be written: Bad file descriptor"},
    {99999, GB_E_IO, "unknown error"},
};

static void
failures_name_the_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(
            gb_file_fail(&fail, failures[i].number, "x", "written"),
            failures[i].want);
        assert_non_null(strstr(fail.text, failures[i].words));
    }
}

/* ------------------------------------------------------------- folders -- */

static void
folders_are_made_once(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    assert_int_equal(gb_file_folder(path, 0700, NULL), GB_OK);
    assert_int_equal(gb_file_folder(path, 0700, NULL), GB_OK);
    strcat(path, "/file");
    gb_file_write(path, gb_span_text("x"), 0644, NULL);
    assert_int_equal(gb_file_folder(path, 0700, &fail), GB_E_EXISTS);
    strcat(path, "/below");
    assert_int_equal(gb_file_folder(path, 0700, &fail), GB_E_MISSING);
}

/* Write files out of order and list them. */
static enum gb_err
list_all(void *arg, struct gb_fail *fail)
{
    struct gb_names names;
    enum gb_err err = gb_file_list(folder, &names, fail);
    if (!err)
        *(size_t *)arg = names.count;
    for (size_t i = 1; i < names.count; i++)
        assert_true(strcmp(names.list[i - 1], names.list[i]) < 0);
    gb_names_release(&names);
    gb_names_release(&names);
    return err;
}

static void
lists_are_sorted(void **state)
{
    (void)state;
    size_t count = 0;
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "%s/%02d-房.gbx", folder, i * 37 % 50);
        gb_file_write(path, gb_span_text("x"), 0644, NULL);
    }
    snprintf(path, sizeof path, "%s/.hidden", folder);
    gb_file_write(path, gb_span_text("x"), 0644, NULL);
    alloc_sweep(list_all, &count);
    assert_int_equal(count, 50);
    struct gb_names names;
    strcat(folder, "x");
    assert_int_equal(gb_file_list(folder, &names, NULL), GB_E_MISSING);
    folder[strlen(folder) - 1] = 0;
}

/* --------------------------------------------------------------- locks -- */

static void
a_lock_names_its_holder(void **state)
{
    (void)state;
    struct gb_lock a, b;
    struct gb_fail fail = {0};
    char want[100];
    assert_int_equal(gb_lock_take(&a, path, "gengbu-hub serve", 0, NULL),
                     GB_OK);
    assert_int_equal(gb_lock_take(&b, path, "gengbu-hub load", 60, &fail),
                     GB_E_BUSY);
    assert_int_equal(b.fd, -1);
    snprintf(want, sizeof want, "held by gengbu-hub serve (process %ld)",
             (long)getpid());
    assert_non_null(strstr(fail.text, want));
    gb_lock_release(&b);
    gb_lock_release(&a);
    gb_lock_release(&a);
    assert_int_equal(gb_lock_take(&b, path, "x", 0, NULL), GB_OK);
    gb_lock_release(&b);
    assert_int_equal(entries(), 1);
}

static void
a_holder_without_a_name_is_another_process(void **state)
{
    (void)state;
    struct gb_lock a, b;
    struct gb_fail fail = {0};
    static const char *const lines[] = {"", "x", "-5 y", "12", "12 \xff\n"};
    assert_int_equal(gb_lock_take(&a, path, "x", 0, NULL), GB_OK);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(ftruncate(a.fd, 0), 0);
        assert_int_equal(pwrite(a.fd, lines[i], strlen(lines[i]), 0),
                         strlen(lines[i]));
        assert_int_equal(gb_lock_take(&b, path, "y", 0, &fail), GB_E_BUSY);
        assert_non_null(strstr(fail.text, "held by another process"));
    }
    gb_lock_release(&a);
}

static void
a_lock_is_waited_for_and_dies_with_its_process(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct gb_lock held;
        if (gb_lock_take(&held, path, "short", 0, NULL))
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(2);
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        kill(getpid(), SIGKILL); /* without a release */
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    struct gb_lock lock;
    assert_int_equal(gb_lock_take(&lock, path, "x", 0, NULL), GB_E_BUSY);
    assert_int_equal(gb_lock_take(&lock, path, "x", GB_LOCK_WAIT_MS, NULL),
                     GB_OK);
    gb_lock_release(&lock);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_written_and_replaced),
        TEST(names_without_a_folder_work),
        TEST(a_folder_goes_with_all_in_it),
        TEST(pieces_make_one_file),
        TEST(short_calls_are_gone_on_with),
        TEST(any_fault_leaves_the_old_file_or_the_new),
        TEST(interrupted_calls_are_made_again),
        TEST(a_disk_that_lies_is_caught),
        TEST(a_file_too_large_for_the_disk_is_an_error),
        TEST(what_a_crash_left_is_no_hindrance),
        TEST(paths_that_cannot_be_are_named),
        TEST(reading_has_a_ceiling),
        TEST(only_files_are_read),
        TEST(a_takers_error_ends_the_reading),
        TEST(failures_name_the_remedy),
        TEST(folders_are_made_once),
        TEST(lists_are_sorted),
        TEST(a_lock_names_its_holder),
        TEST(a_holder_without_a_name_is_another_process),
        TEST(a_lock_is_waited_for_and_dies_with_its_process),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
