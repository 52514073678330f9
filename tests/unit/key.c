/*
 * key.c - engine/key.h: RFC 8032, all cases of Wycheproof, the keys that must
 * be refused, and what ssh-keygen says about ours.
 *
 * Wycheproof's 151 verdicts are "valid" (88) or "invalid" (63); none is
 * "acceptable", so there is no case in which strictness had to choose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/armor.h"
#include "engine/digest.h"
#include "engine/key.h"
#include "support/alloc.h"
#include "support/ssh.h"

#ifndef GB_TEST_VECTORS
#define GB_TEST_VECTORS "tests/vectors"
#endif

/* ------------------------------------------------------------- vectors -- */

static json_t *
load(const char *name)
{
    char path[300];
    json_error_t error;
    snprintf(path, sizeof path, GB_TEST_VECTORS "/ed25519/%s", name);
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    return root;
}

/* The bytes of a hex field, at most max. */
static struct gb_span
hex_field(json_t *of, const char *name, uint8_t *out, size_t max)
{
    struct gb_span text =
        gb_span_text(json_string_value(json_object_get(of, name)));
    assert_true(text.len / 2 <= max);
    assert_true(gb_hex_decode(out, text.len / 2, text));
    return GB_SPAN(out, text.len / 2);
}

static void
rfc_8032(void **state)
{
    (void)state;
    json_t *root = load("rfc8032_ed25519.json"), *test;
    size_t i;
    assert_int_equal(json_array_size(root), 5);
    json_array_foreach(root, i, test)
    {
        uint8_t seed[32], pk[32], sig[64], message[1100];
        struct gb_sign_key key;
        struct gb_fail fail = {0};
        hex_field(test, "seed", seed, sizeof seed);
        hex_field(test, "pk", pk, sizeof pk);
        hex_field(test, "sig", sig, sizeof sig);
        struct gb_span bytes = hex_field(test, "msg", message, sizeof message);
        gb_sign_key_from_seed(&key, seed);
        assert_memory_equal(key.public_key.bytes, pk, 32);
        struct gb_signature made = gb_key_sign(&key, bytes);
        assert_memory_equal(made.bytes, sig, 64);
        assert_int_equal(gb_key_verify(&key.public_key, bytes, &made, &fail),
                         GB_OK);
    }
    json_decref(root);
}

/* One case: whether we accept it. */
static bool
accepts(const struct gb_public_key *key, json_t *test)
{
    uint8_t message[2048], bytes[256];
    struct gb_signature signature;
    struct gb_fail fail = {0};
    struct gb_span msg = hex_field(test, "msg", message, sizeof message);
    struct gb_span sig = hex_field(test, "sig", bytes, sizeof bytes);
    /* another length cannot even be said: struct gb_signature has 64 bytes,
     * and tests/unit/sshsig.c shows that the parser refuses it */
    if (sig.len != sizeof signature.bytes)
        return false;
    memcpy(signature.bytes, sig.ptr, sig.len);
    return gb_key_verify(key, msg, &signature, &fail) == GB_OK;
}

static void
wycheproof(void **state)
{
    (void)state;
    json_t *root = load("wycheproof_ed25519.json"), *group, *test;
    size_t i, j, cases = 0, valid = 0;
    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        struct gb_public_key key;
        struct gb_fail fail = {0};
        hex_field(json_object_get(group, "publicKey"), "pk", key.bytes, 32);
        assert_int_equal(gb_key_check(&key, &fail), GB_OK);
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            const char *verdict =
                json_string_value(json_object_get(test, "result"));
            bool good = !strcmp(verdict, "valid");
            assert_true(good || !strcmp(verdict, "invalid"));
            if (accepts(&key, test) != good)
                fail_msg("case %d: %s expected",
                         (int)json_integer_value(json_object_get(test, "tcId")),
                         verdict);
            cases++;
            valid += good;
        }
    }
    assert_int_equal(cases, 151);
    assert_int_equal(valid, 88);
    json_decref(root);
}

/* ---------------------------------------------------------------- keys -- */

static const struct {
    const char *what, *key;
} refused[] = {
    {"the identity",
     "0100000000000000000000000000000000000000000000000000000000000000"},
    {"order 2",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"order 4",
     "0000000000000000000000000000000000000000000000000000000000000000"},
    {"order 4, the other",
     "0000000000000000000000000000000000000000000000000000000000000080"},
    {"order 8",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
    {"order 8, second",
     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
    {"order 8, third",
     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"},
    {"order 8, fourth",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"},
    {"the identity with a sign",
     "0100000000000000000000000000000000000000000000000000000000000080"},
    {"order 2 with a sign",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {"y = p",
     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = p with a sign",
     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {"y = p + 1",
     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = p + 1 with a sign",
     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {"y = p + 3, of high order",
     "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = 2^255 - 1",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"all ones",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {"no point of the curve",
     "0200000000000000000000000000000000000000000000000000000000000000"},
    {"a good point plus one of order 8",
     "40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f"},
    {"a good point plus one of order 4",
     "af6e8e63f857d90bf1afb0d2cd8753a15efed2964adc823c24f85082207e073e"},
    {"a good point plus the one of order 2",
     "feaf9d07b868cc52786305312c376563c622b0386a10d105e3c1501b28d65f7e"},
};

/* A key of the table. */
static struct gb_public_key
refused_key(size_t i)
{
    struct gb_public_key key;
    assert_true(gb_hex_decode(key.bytes, 32, gb_span_text(refused[i].key)));
    return key;
}

static void
bad_keys_are_refused_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct gb_public_key key = refused_key(i), parsed;
        struct gb_box_public box;
        struct gb_signature signature = {{1}}; /* R = identity, S = 0 */
        struct gb_fail fail = {0};
        uint8_t bytes[GB_KEY_LINE_MAX];
        struct gb_buf line = GB_STACK_BUF(bytes);
        if (gb_key_check(&key, &fail) != GB_E_KEY)
            fail_msg("accepted: %s", refused[i].what);
        assert_int_equal(
            gb_key_verify(&key, gb_span_text("any message"), &signature, &fail),
            GB_E_KEY);
        assert_int_equal(gb_box_public_derive(&box, &key, &fail), GB_E_KEY);
        assert_int_equal(gb_key_line(&line, &key, "", &fail), GB_OK);
        assert_int_equal(
            gb_key_line_parse(&parsed, NULL, gb_buf_view(&line), &fail),
            GB_E_KEY);
    }
}

static void
generated_keys_are_good_and_differ(void **state)
{
    (void)state;
    struct gb_sign_key a, b;
    struct gb_fail fail = {0};
    for (int i = 0; i < 50; i++) {
        gb_sign_key_generate(&a);
        gb_sign_key_generate(&b);
        assert_int_equal(gb_key_check(&a.public_key, &fail), GB_OK);
        assert_memory_not_equal(a.seed, b.seed, 32);
        assert_false(gb_key_equal(&a.public_key, &b.public_key));
    }
    struct gb_sign_key none = {0};
    gb_sign_key_wipe(&a);
    assert_memory_equal(&a, &none, sizeof a);
}

static void
any_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct gb_sign_key key;
    struct gb_fail fail = {0};
    struct gb_span message = gb_span_text("巡更 7-1042");
    gb_sign_key_generate(&key);
    struct gb_signature signature = gb_key_sign(&key, message);
    for (size_t bit = 0; bit < 512; bit++) {
        struct gb_signature other = signature;
        other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(gb_key_verify(&key.public_key, message, &other, &fail),
                         GB_E_SIGNATURE);
    }
    for (size_t bit = 0; bit < 256; bit++) {
        struct gb_public_key other = key.public_key;
        other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(gb_key_verify(&other, message, &signature, &fail),
                             GB_OK);
    }
}

/* ---------------------------------------------------------------- text -- */

static void
line_and_fingerprint_as_ssh_keygen(void **state)
{
    (void)state;
    ssh_must("ssh-keygen -q -t ed25519 -N '' -C 'desk 大堂 1' -f stock");
    struct gb_public_key key;
    struct gb_span comment;
    struct gb_fail fail = {0};
    uint8_t bytes[GB_KEY_LINE_MAX];
    struct gb_buf line = GB_STACK_BUF(bytes);
    struct gb_span stock = ssh_read("stock.pub");
    assert_int_equal(gb_key_line_parse(&key, &comment, stock, &fail), GB_OK);
    assert_true(gb_span_equal(comment, gb_span_text("desk 大堂 1")));
    assert_int_equal(gb_key_line(&line, &key, "desk 大堂 1", &fail), GB_OK);
    gb_buf_text(&line, "\n");
    assert_true(gb_span_equal(gb_buf_view(&line), stock));

    char name[GB_FINGERPRINT_SIZE], wanted[100];
    gb_key_fingerprint(name, &key);
    ssh_must("ssh-keygen -lf stock.pub");
    snprintf(wanted, sizeof wanted, "256 %s ", name);
    struct gb_span said = ssh_read("out");
    assert_true(said.len > strlen(wanted));
    assert_memory_equal(said.ptr, wanted, strlen(wanted));
}

static void
our_line_is_read_by_ssh_keygen(void **state)
{
    (void)state;
    struct gb_sign_key key;
    struct gb_fail fail = {0};
    uint8_t bytes[GB_KEY_LINE_MAX];
    char comment[GB_KEY_COMMENT_MAX + 2], name[GB_FINGERPRINT_SIZE];
    memset(comment, 'c', sizeof comment);
    comment[GB_KEY_COMMENT_MAX] = 0;
    const char *const comments[] = {"", "hub", comment};
    for (size_t i = 0; i < 3; i++) {
        struct gb_buf line = GB_STACK_BUF(bytes);
        gb_sign_key_generate(&key);
        assert_int_equal(
            gb_key_line(&line, &key.public_key, comments[i], &fail), GB_OK);
        ssh_write("our.pub", gb_buf_view(&line), 0644);
        ssh_must("ssh-keygen -lf our.pub");
        gb_key_fingerprint(name, &key.public_key);
        assert_memory_equal(ssh_read("out").ptr + 4, name, strlen(name));
    }
}

#define LINE                                                                   \
    "ssh-ed25519 "                                                             \
    "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

static void
one_form_of_line(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *comment; /* NULL: refused */
    } cases[] = {
        {LINE, ""},
        {LINE "\n", ""},
        {LINE " c", "c"},
        {LINE " c d\n", "c d"},
        {LINE "  c", " c"},
        {LINE " ", ""},
        {LINE " \n", ""},
        {LINE "\n\n", NULL},
        {LINE "\r\n", NULL},
        {LINE " c\r\n", NULL},
        {LINE " c\nd", NULL},
        {LINE "\tc", NULL},
        {LINE " c\td", NULL},
        {LINE " \xff", NULL},
        {LINE "=", NULL},
        {LINE "AAAA", NULL},
        {" " LINE, NULL},
        {"restrict " LINE, NULL},
        {"cert-authority " LINE, NULL},
        {"ssh-ed25519  AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2q"
         "YjJa8CGmj3B1Ea",
         NULL},
        {"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8"
         "CGmj3B1Ea",
         NULL},
        /* another type, and another length, inside */
        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qY"
         "jJa8CGmj3B1Ea",
         NULL},
        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIddamAGCsQq31Uv+08lkBzoO4XLz2qY"
         "jJa8CGmj3B1Ea",
         NULL},
        {"", NULL},
        {"\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_public_key key;
        struct gb_span comment;
        struct gb_fail fail = {0};
        enum gb_err err = gb_key_line_parse(&key, &comment,
                                            gb_span_text(cases[i].line), &fail);
        if (err != (cases[i].comment ? GB_OK : GB_E_FORMAT))
            fail_msg("case %zu: %s", i, cases[i].line);
        if (!err)
            assert_true(gb_span_equal(comment, gb_span_text(cases[i].comment)));
    }
    struct gb_public_key key;
    struct gb_fail fail = {0};
    for (size_t cut = 0; cut < strlen(LINE); cut++)
        assert_int_equal(
            gb_key_line_parse(&key, NULL, GB_SPAN(LINE, cut), &fail),
            GB_E_FORMAT);
}

static void
bad_comments_are_not_written(void **state)
{
    (void)state;
    char large[GB_KEY_COMMENT_MAX + 2];
    memset(large, 'c', sizeof large - 1);
    large[sizeof large - 1] = 0;
    const char *const wrong[] = {"a\nb", "a\tb", "\x7f", "\xc3", large};
    struct gb_public_key key = {{0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct gb_fail fail = {0};
        uint8_t bytes[GB_KEY_LINE_MAX];
        struct gb_buf line = GB_STACK_BUF(bytes);
        assert_int_equal(gb_key_line(&line, &key, wrong[i], &fail), GB_E_VALUE);
        assert_int_equal(line.len, 0);
    }
}

static void
receiving_halves_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct gb_sign_key key;
        struct gb_box_key box, none = {{0}, {{0}}};
        struct gb_box_public sent;
        struct gb_fail fail = {0};
        gb_sign_key_generate(&key);
        gb_box_key_derive(&box, &key);
        assert_int_equal(gb_box_public_derive(&sent, &key.public_key, &fail),
                         GB_OK);
        assert_memory_equal(sent.bytes, box.public_key.bytes, 32);
        assert_memory_not_equal(box.secret, key.seed, 32);
        gb_box_key_wipe(&box);
        assert_memory_equal(&box, &none, sizeof box);
    }
}

/* For the sweep: a line into a growing buffer. */
static enum gb_err
write_line(void *arg, struct gb_fail *fail)
{
    struct gb_buf b;
    const struct gb_public_key *key = arg;
    gb_buf_init(&b, 4096);
    enum gb_err err = gb_key_line(&b, key, "c", fail);
    gb_buf_release(&b);
    return err;
}

static void
out_of_memory(void **state)
{
    (void)state;
    struct gb_sign_key key;
    gb_sign_key_generate(&key);
    assert_true(alloc_sweep(write_line, &key.public_key) >= 1);
}

static int
start(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    return gb_crypto_init(&fail) ? -1 : 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8032),
        cmocka_unit_test(wycheproof),
        cmocka_unit_test(bad_keys_are_refused_everywhere),
        cmocka_unit_test(generated_keys_are_good_and_differ),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(line_and_fingerprint_as_ssh_keygen),
        cmocka_unit_test(our_line_is_read_by_ssh_keygen),
        cmocka_unit_test(one_form_of_line),
        cmocka_unit_test(bad_comments_are_not_written),
        cmocka_unit_test(receiving_halves_agree),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, start, ssh_remove);
}
