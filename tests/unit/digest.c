/* digest.c - engine/digest.h: FIPS 180-4 examples, any cut, random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "support/alloc.h"

/* FIPS 180-4 examples (csrc.nist.gov), and the empty message. */
static const struct {
    const char *message, *sha256, *sha512;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
     "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
     "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445"},
};

static void
published_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char hex[2 * GB_SHA512_BYTES + 1];
        struct gb_span message = gb_span_text(examples[i].message);
        gb_hex_encode(hex, gb_sha256(message).bytes, GB_SHA256_BYTES);
        assert_string_equal(hex, examples[i].sha256);
        gb_hex_encode(hex, gb_sha512(message).bytes, GB_SHA512_BYTES);
        assert_string_equal(hex, examples[i].sha512);
    }
}

static void
a_million_a(void **state)
{
    (void)state;
    struct gb_sha256_state small;
    uint8_t chunk[1000];
    char hex[2 * GB_SHA256_BYTES + 1];
    memset(chunk, 'a', sizeof chunk);
    gb_sha256_init(&small);
    for (int i = 0; i < 1000; i++) {
        gb_sha256_add(&small, GB_SPAN(chunk, sizeof chunk));
    }
    gb_hex_encode(hex, gb_sha256_final(&small).bytes, GB_SHA256_BYTES);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                             "f1809a48a497200e046d39ccc7112cd0");
}

static void
any_cut_gives_the_same(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    struct gb_sha256 whole = gb_sha256(GB_SPAN(bytes, sizeof bytes));
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct gb_sha256_state s;
        gb_sha256_init(&s);
        gb_sha256_add(&s, GB_SPAN(bytes, cut));
        gb_sha256_add(&s, GB_SPAN(NULL, 0));
        gb_sha256_add(&s, GB_SPAN(bytes + cut, sizeof bytes - cut));
        struct gb_sha256 hash = gb_sha256_final(&s);
        assert_true(gb_sha256_equal(&hash, &whole));
    }
}

static void
every_bit_matters(void **state)
{
    (void)state;
    uint8_t bytes[80] = {0};
    struct gb_sha256 old = gb_sha256(GB_SPAN(bytes, sizeof bytes));
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct gb_sha256 hash = gb_sha256(GB_SPAN(bytes, sizeof bytes));
        assert_false(gb_sha256_equal(&hash, &old));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void
random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0}, none[32] = {0};
    gb_random(a, sizeof a);
    gb_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, none, sizeof a);
    memcpy(b, a, sizeof a);
    assert_true(gb_same_secret(a, b, sizeof a));
    for (size_t i = 0; i < sizeof b; i++) {
        b[i] ^= 1;
        assert_false(gb_same_secret(a, b, sizeof a));
        b[i] ^= 1;
    }
    gb_wipe(a, sizeof a);
    assert_memory_equal(a, none, sizeof a);
}

static void
nothing_is_allocated(void **state)
{
    struct gb_fail fail = {0};
    alloc_fail_from(0);
    any_cut_gives_the_same(state);
    size_t n = alloc_count();
    alloc_fail_never();
    assert_int_equal(n, 0);
    assert_int_equal(gb_crypto_init(&fail), GB_OK);
}

/* Starting twice is harmless. */
static int
start(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    return gb_crypto_init(&fail) || gb_crypto_init(&fail) ? -1 : 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples),
        cmocka_unit_test(a_million_a),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(every_bit_matters),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
