/* keyfile_io.c - engine/keyfile.h when the disk fails at every single step. */
#include <dirent.h>
#include <errno.h>
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
#include "engine/key.h"
#include "engine/keyfile.h"
#include "support/io.h"

static char folder[200];
static char path[sizeof folder + 8];
static struct gb_sign_key old_key, new_key;

/* What a sweep is run over. */
struct job {
    enum gb_keyfile_mode mode;
    bool had_one; /* an older key was there before */
    int hidden;   /* runs in which a call failed and nobody was told */
};

static int
open_folder(void **state)
{
    (void)state;
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/keyfile-XXXXXX", top ? top : "/tmp");
    if (gb_crypto_init(NULL) || !mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/key", folder);
    gb_sign_key_generate(&old_key);
    gb_sign_key_generate(&new_key);
    return 0;
}

/* Number of files in the folder; they are removed when `sweep_out`. */
static int
files(bool sweep_out)
{
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            n++;
            if (sweep_out)
                assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        }
    closedir(dir);
    return n;
}

static int
remove_folder(void **state)
{
    (void)state;
    files(true);
    return rmdir(folder);
}

/* Set the stage with nothing failing, then write under the armed failure. */
static void
set_the_stage(const struct job *job)
{
    files(true);
    if (job->had_one)
        assert_int_equal(
            gb_keyfile_write(path, &old_key, "old", GB_KEYFILE_NEW, NULL),
            GB_OK);
}

static enum gb_err
write_new(void *arg, struct gb_fail *fail)
{
    const struct job *job = arg;
    return gb_keyfile_write(path, &new_key, "new", job->mode, fail);
}

/* Whether the file at its place holds this key. */
static bool
holds(const struct gb_sign_key *key)
{
    struct gb_sign_key read;
    return gb_keyfile_read(&read, path, NULL) == GB_OK &&
           gb_key_equal(&read.public_key, &key->public_key);
}

/* Success means the new key is there; an error leaves the old one, or none,
 * or the new one whole; no temporary file stays. */
static void
whole_or_not_at_all(void *arg, enum gb_err err, bool failed)
{
    const struct job *job = arg;
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (err == GB_OK)
        assert_true(holds(&new_key));
    else if (there)
        assert_true(holds(&new_key) || (job->had_one && holds(&old_key)));
    else
        assert_false(job->had_one);
    assert_int_equal(files(false), there);
    if (there)
        assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(err == GB_OK || failed);
    assert_true(err == GB_OK || err == GB_E_IO);
    set_the_stage(job);
}

/* EINTR and EINVAL may be overcome; an error of the disk may not, but for
 * the close() of the folder, which was only read. */
static void
no_failure_is_hidden(void *arg, enum gb_err err, bool failed)
{
    struct job *job = arg;
    whole_or_not_at_all(arg, err, failed);
    if (failed && err == GB_OK)
        job->hidden++;
}

static void
a_key_is_stored_whole_or_not_at_all(void **state)
{
    (void)state;
    struct job jobs[] = {
        {GB_KEYFILE_NEW, false, 0},
        {GB_KEYFILE_REPLACE, false, 0},
        {GB_KEYFILE_REPLACE, true, 0},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        set_the_stage(&jobs[i]);
        size_t calls = io_sweep(write_new, no_failure_is_hidden, &jobs[i], EIO);
        /* open write fchmod fsync close rename, and open fsync close */
        assert_true(calls >= 9);
        io_sweep(write_new, no_failure_is_hidden, &jobs[i], ENOSPC);
        assert_int_equal(jobs[i].hidden, 4); /* two errors, two ways each */
        io_sweep(write_new, whole_or_not_at_all, &jobs[i], EINVAL);
        io_sweep(write_new, whole_or_not_at_all, &jobs[i], EINTR);
    }
}

static void
a_new_key_never_replaces_one(void **state)
{
    (void)state;
    struct job job = {GB_KEYFILE_NEW, true, 0};
    for (size_t n = 0; n < 12; n++) {
        set_the_stage(&job);
        io_fail_once(n, EINVAL); /* one of them is renameat2 */
        enum gb_err err = write_new(&job, NULL);
        io_fail_never();
        assert_int_not_equal(err, GB_OK);
        assert_true(holds(&old_key));
        assert_int_equal(files(false), 1);
    }
}

static void
short_writes_and_reads_go_on(void **state)
{
    (void)state;
    struct job job = {GB_KEYFILE_REPLACE, true, 0};
    set_the_stage(&job);
    io_one_byte();
    enum gb_err err = write_new(&job, NULL);
    bool there = holds(&new_key);
    size_t calls = io_count();
    io_fail_never();
    assert_int_equal(err, GB_OK);
    assert_true(there);
    assert_true(calls > 600); /* a byte each, both ways */
}

static enum gb_err
read_old(void *arg, struct gb_fail *fail)
{
    struct gb_sign_key read = {0};
    (void)arg;
    enum gb_err err = gb_keyfile_read(&read, path, fail);
    if (!err)
        assert_true(gb_key_equal(&read.public_key, &old_key.public_key));
    return err;
}

/* Nothing was written: a failing close() does no harm. */
static void
reading_fails_plainly(void *arg, enum gb_err err, bool failed)
{
    (void)arg;
    assert_true(err == GB_OK || (failed && err == GB_E_IO));
}

static void
every_failed_read_is_reported(void **state)
{
    (void)state;
    struct job job = {GB_KEYFILE_NEW, true, 0};
    set_the_stage(&job);
    assert_true(io_sweep(read_old, reading_fails_plainly, NULL, EIO) >= 3);
    io_sweep(read_old, reading_fails_plainly, NULL, EINTR);
    io_fail_once(1, EIO); /* open works, read does not */
    enum gb_err err = read_old(NULL, NULL);
    io_fail_never();
    assert_int_equal(err, GB_E_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_stored_whole_or_not_at_all),
        cmocka_unit_test(a_new_key_never_replaces_one),
        cmocka_unit_test(short_writes_and_reads_go_on),
        cmocka_unit_test(every_failed_read_is_reported),
    };
    return cmocka_run_group_tests_name("keyfile_io", tests, open_folder,
                                       remove_folder);
}
