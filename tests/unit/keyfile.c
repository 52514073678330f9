/*
 * keyfile.c - engine/keyfile.h: the same files as ssh-keygen, nothing read
 * that is damaged or open to others, nothing half written.
 */
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

#include "engine/armor.h"
#include "engine/digest.h"
#include "engine/keyfile.h"
#include "support/alloc.h"
#include "support/ssh.h"

static struct gb_sign_key key;

static bool
same_key(const struct gb_sign_key *a, const struct gb_sign_key *b)
{
    return !memcmp(a->seed, b->seed, GB_KEY_BYTES) &&
           gb_key_equal(&a->public_key, &b->public_key);
}

/* How many names the scratch folder holds that begin so. */
static int
count_names(const char *prefix)
{
    char command[100];
    snprintf(command, sizeof command, "ls -A | grep -c '^%s'", prefix);
    ssh_run("%s", command);
    return atoi((const char *)ssh_read("out").ptr);
}

/* ----------------------------------------------------------- both ways -- */

static void
ours_is_read_by_ssh_keygen(void **state)
{
    (void)state;
    char large[GB_KEY_COMMENT_MAX + 1];
    memset(large, 'c', sizeof large);
    large[GB_KEY_COMMENT_MAX] = 0;
    const char *const comments[] = {
        "", "a", "ab", "abc", "abcd", "abcde", "abcdef", "hub@物业 1", large};
    for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
        struct gb_sign_key back;
        struct gb_fail fail = {0};
        uint8_t bytes[GB_KEY_LINE_MAX];
        struct gb_buf line = GB_STACK_BUF(bytes);
        assert_int_equal(gb_keyfile_write(ssh_path("ours"), &key, comments[i],
                                          GB_KEYFILE_REPLACE, &fail),
                         GB_OK);
        assert_int_equal(gb_keyfile_read(&back, ssh_path("ours"), &fail),
                         GB_OK);
        assert_true(same_key(&back, &key));
        ssh_must("ssh-keygen -y -f ours");
        gb_key_line(&line, &key.public_key, comments[i], &fail);
        gb_buf_text(&line, "\n");
        assert_true(gb_span_equal(gb_buf_view(&line), ssh_read("out")));
    }
}

static void
theirs_is_read_by_us(void **state)
{
    (void)state;
    static const char *const comments[] = {"", "a", "abcdefg", "steward 大堂"};
    for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
        struct gb_sign_key read;
        struct gb_public_key public_key;
        struct gb_fail fail = {0};
        ssh_must("rm -f stock*; ssh-keygen -q -t ed25519 -N '' -C '%s' "
                 "-f stock",
                 comments[i]);
        assert_int_equal(gb_keyfile_read(&read, ssh_path("stock"), &fail),
                         GB_OK);
        assert_int_equal(
            gb_key_line_parse(&public_key, NULL, ssh_read("stock.pub"), &fail),
            GB_OK);
        assert_true(gb_key_equal(&read.public_key, &public_key));
    }
}

/* Apart from the random check number the two write the same bytes. */
static void
same_bytes_as_ssh_keygen(void **state)
{
    (void)state;
    struct gb_sign_key read;
    struct gb_fail fail = {0};
    uint8_t bytes[GB_KEYFILE_MAX], a[2048], b[2048];
    struct gb_buf text = GB_STACK_BUF(bytes);
    size_t na, nb;
    ssh_must("rm -f stock*; ssh-keygen -q -t ed25519 -N '' -C x -f stock");
    assert_int_equal(gb_keyfile_read(&read, ssh_path("stock"), &fail), GB_OK);
    assert_int_equal(gb_keyfile_encode(&text, &read, "x", &fail), GB_OK);
    assert_true(gb_armor_decode(a, sizeof a, &na, "OPENSSH PRIVATE KEY",
                                gb_buf_view(&text)));
    assert_true(gb_armor_decode(b, sizeof b, &nb, "OPENSSH PRIVATE KEY",
                                ssh_read("stock")));
    assert_int_equal(na, nb);
    memset(a + 98, 0, 8);
    memset(b + 98, 0, 8);
    assert_memory_equal(a, b, na);
}

/* ------------------------------------------------------------ refusals -- */

static void
open_to_others_is_refused(void **state)
{
    (void)state;
    static const unsigned wrong[] = {0644, 0640, 0604, 0660, 0606,
                                     0610, 0601, 0620, 0602, 0777};
    struct gb_sign_key back = {{0}, {{0}}}, untouched = back;
    struct gb_fail fail = {0};
    assert_int_equal(
        gb_keyfile_write(ssh_path("mode"), &key, "", GB_KEYFILE_REPLACE, &fail),
        GB_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        chmod(ssh_path("mode"), (mode_t)wrong[i]);
        assert_int_equal(gb_keyfile_read(&back, ssh_path("mode"), &fail),
                         GB_E_KEY);
        assert_true(same_key(&back, &untouched));
    }
    assert_non_null(strstr(fail.text, "chmod 600"));
    chmod(ssh_path("mode"), 0400);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("mode"), &fail), GB_OK);
}

static void
every_cut_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[GB_KEYFILE_MAX];
    struct gb_buf text = GB_STACK_BUF(bytes);
    struct gb_sign_key back;
    struct gb_fail fail = {0};
    gb_keyfile_encode(&text, &key, "a comment", &fail);
    for (size_t cut = 0; cut < text.len; cut++) {
        assert_int_equal(
            gb_keyfile_decode(&back, GB_SPAN(text.ptr, cut), &fail),
            GB_E_FORMAT);
        if (cut % 16)
            continue;
        ssh_write("cut", GB_SPAN(text.ptr, cut), 0600);
        assert_int_equal(gb_keyfile_read(&back, ssh_path("cut"), &fail),
                         GB_E_FORMAT);
    }
    gb_buf_text(&text, "\n");
    assert_int_equal(gb_keyfile_decode(&back, gb_buf_view(&text), &fail),
                     GB_E_FORMAT);
}

/* The binary form cut, changed or lengthened anywhere and armored again:
 * refused, except inside the comment, which nothing covers. */
static void
every_changed_byte_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[GB_KEYFILE_MAX], inner[2048];
    struct gb_buf text = GB_STACK_BUF(bytes);
    struct gb_sign_key back;
    struct gb_fail fail = {0};
    size_t n, comment = 98 + 8 + 51 + 4 + 64 + 4;
    gb_keyfile_encode(&text, &key, "abc", &fail);
    assert_true(gb_armor_decode(inner, sizeof inner, &n, "OPENSSH PRIVATE KEY",
                                gb_buf_view(&text)));
    inner[n] = 8;
    gb_buf_clear(&text);
    gb_armor_encode(&text, "OPENSSH PRIVATE KEY", GB_SPAN(inner, n + 1));
    assert_int_equal(gb_keyfile_decode(&back, gb_buf_view(&text), &fail),
                     GB_E_FORMAT);
    for (size_t at = 0; at < n; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            inner[at] ^= (uint8_t)(1 << bit);
            gb_buf_clear(&text);
            gb_armor_encode(&text, "OPENSSH PRIVATE KEY", GB_SPAN(inner, n));
            enum gb_err err =
                gb_keyfile_decode(&back, gb_buf_view(&text), &fail);
            inner[at] ^= (uint8_t)(1 << bit);
            bool free_byte = at >= comment && at < comment + 3;
            if (free_byte != !err)
                fail_msg("byte %zu, bit %u", at, bit);
        }
        gb_buf_clear(&text);
        gb_armor_encode(&text, "OPENSSH PRIVATE KEY", GB_SPAN(inner, at));
        assert_int_not_equal(
            gb_keyfile_decode(&back, gb_buf_view(&text), &fail), GB_OK);
    }
}

static void
other_keys_are_refused_with_a_remedy(void **state)
{
    (void)state;
    struct gb_sign_key back;
    struct gb_fail fail = {0};
    ssh_must("rm -f stock*; ssh-keygen -q -t ed25519 -N secret -f stock");
    assert_int_equal(gb_keyfile_read(&back, ssh_path("stock"), &fail),
                     GB_E_KEY);
    assert_non_null(strstr(fail.text, "passphrase"));
    ssh_must("rm -f stock*; ssh-keygen -q -t ecdsa -N '' -f stock");
    assert_int_equal(gb_keyfile_read(&back, ssh_path("stock"), &fail),
                     GB_E_KEY);
    assert_non_null(strstr(fail.text, "ed25519"));
    ssh_must("rm -f stock*; ssh-keygen -q -t ecdsa -m PEM -N '' -f stock");
    assert_int_equal(gb_keyfile_read(&back, ssh_path("stock"), &fail),
                     GB_E_FORMAT);
}

static void
what_is_no_key_file_is_refused(void **state)
{
    (void)state;
    static uint8_t large[GB_KEYFILE_MAX + 1];
    struct gb_sign_key back;
    struct gb_fail fail = {0};
    assert_int_equal(gb_keyfile_read(&back, ssh_path("nothing"), &fail),
                     GB_E_MISSING);
    ssh_write("empty", GB_SPAN(NULL, 0), 0600);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("empty"), &fail),
                     GB_E_FORMAT);
    ssh_write("large", GB_SPAN(large, sizeof large), 0600);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("large"), &fail),
                     GB_E_LIMIT);
    ssh_write("full", GB_SPAN(large, sizeof large - 1), 0600);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("full"), &fail),
                     GB_E_FORMAT);
    ssh_must("truncate -s 8G huge; chmod 600 huge");
    alloc_fail_from(0);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("huge"), &fail),
                     GB_E_LIMIT);
    size_t asked = alloc_count();
    alloc_fail_never();
    assert_int_equal(asked, 0);
    ssh_must("mkdir -m 700 folder; mkfifo -m 600 fifo");
    assert_int_equal(gb_keyfile_read(&back, ssh_path("folder"), &fail),
                     GB_E_KEY);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("fifo"), &fail), GB_E_KEY);
}

/* ------------------------------------------------------------- writing -- */

static void
mode_is_0600_whatever_the_umask(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 077, 0177, 0777};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct gb_fail fail = {0};
        struct stat st;
        mode_t old = umask(masks[i]);
        enum gb_err err = gb_keyfile_write(ssh_path("masked"), &key, "",
                                           GB_KEYFILE_REPLACE, &fail);
        umask(old);
        assert_int_equal(err, GB_OK);
        assert_int_equal(stat(ssh_path("masked"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(count_names("masked"), 1);
}

static void
an_existing_file_is_left_alone(void **state)
{
    (void)state;
    struct gb_sign_key other, back;
    struct gb_fail fail = {0};
    gb_sign_key_generate(&other);
    assert_int_equal(
        gb_keyfile_write(ssh_path("once"), &key, "", GB_KEYFILE_NEW, &fail),
        GB_OK);
    assert_int_equal(
        gb_keyfile_write(ssh_path("once"), &other, "", GB_KEYFILE_NEW, &fail),
        GB_E_EXISTS);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("once"), &fail), GB_OK);
    assert_true(same_key(&back, &key));
    assert_int_equal(gb_keyfile_write(ssh_path("once"), &other, "",
                                      GB_KEYFILE_REPLACE, &fail),
                     GB_OK);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("once"), &fail), GB_OK);
    assert_true(same_key(&back, &other));
    assert_int_equal(count_names("once"), 1);
}

static void
nothing_is_left_of_a_failure(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    char path[6000];
    assert_int_equal(gb_keyfile_write(ssh_path("no/such/folder"), &key, "",
                                      GB_KEYFILE_NEW, &fail),
                     GB_E_IO);
    ssh_must("mkdir -p busy/inside");
    assert_int_equal(
        gb_keyfile_write(ssh_path("busy"), &key, "", GB_KEYFILE_REPLACE, &fail),
        GB_E_IO);
    assert_int_equal(count_names("busy"), 1);
    assert_int_equal(
        gb_keyfile_write(ssh_path("word"), &key, "a\nb", GB_KEYFILE_NEW, &fail),
        GB_E_VALUE);
    assert_int_equal(count_names("word"), 0);
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(gb_keyfile_write(path, &key, "", GB_KEYFILE_NEW, &fail),
                     GB_E_IO);
}

static void
a_name_without_a_folder(void **state)
{
    (void)state;
    char old[4096];
    struct gb_fail fail = {0};
    struct gb_sign_key back;
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(ssh_path(".")), 0);
    enum gb_err wrote =
        gb_keyfile_write("plain", &key, "", GB_KEYFILE_NEW, &fail);
    enum gb_err read = gb_keyfile_read(&back, "plain", &fail);
    assert_int_equal(chdir(old), 0);
    assert_int_equal(wrote, GB_OK);
    assert_int_equal(read, GB_OK);
    assert_true(same_key(&back, &key));
}

static void
a_receiving_key_is_kept_the_same_way(void **state)
{
    (void)state;
    struct gb_sign_key back;
    struct gb_box_key made, again;
    struct gb_fail fail = {0};
    gb_box_key_derive(&made, &key);
    assert_int_equal(gb_keyfile_write(ssh_path("box"), &key, "receives",
                                      GB_KEYFILE_NEW, &fail),
                     GB_OK);
    assert_int_equal(gb_keyfile_read(&back, ssh_path("box"), &fail), GB_OK);
    gb_box_key_derive(&again, &back);
    assert_memory_equal(&made, &again, sizeof made);
}

/* For the sweep: the text into a growing buffer. */
static enum gb_err
encode_once(void *arg, struct gb_fail *fail)
{
    struct gb_buf b;
    (void)arg;
    gb_buf_init(&b, GB_KEYFILE_MAX);
    enum gb_err err = gb_keyfile_encode(&b, &key, "c", fail);
    gb_buf_release(&b);
    return err;
}

static void
out_of_memory(void **state)
{
    (void)state;
    assert_true(alloc_sweep(encode_once, NULL) >= 2);
}

static int
start(void **state)
{
    struct gb_fail fail = {0};
    (void)state;
    if (gb_crypto_init(&fail))
        return -1;
    gb_sign_key_generate(&key);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_read_by_ssh_keygen),
        cmocka_unit_test(theirs_is_read_by_us),
        cmocka_unit_test(same_bytes_as_ssh_keygen),
        cmocka_unit_test(open_to_others_is_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(other_keys_are_refused_with_a_remedy),
        cmocka_unit_test(what_is_no_key_file_is_refused),
        cmocka_unit_test(mode_is_0600_whatever_the_umask),
        cmocka_unit_test(an_existing_file_is_left_alone),
        cmocka_unit_test(nothing_is_left_of_a_failure),
        cmocka_unit_test(a_name_without_a_folder),
        cmocka_unit_test(a_receiving_key_is_kept_the_same_way),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, start, ssh_remove);
}
