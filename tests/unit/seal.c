/* seal.c - engine/seal.h: only the receiver opens it, and only unaltered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "engine/seal.h"
#include "support/alloc.h"

/* One receiver for all tests, and a container sealed to it. */
static struct gb_box_key hub;
static const char secret[] = "客户电话 138-0000";

static void
both_ways_at_any_length(void **state)
{
    (void)state;
    static uint8_t plain[70000];
    static const size_t lengths[] = {0,  1,  15, 16,   17,
                                     63, 64, 65, 4096, sizeof plain};
    gb_random(plain, sizeof plain);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct gb_buf sealed, opened;
        struct gb_fail fail = {0};
        gb_buf_init(&sealed, sizeof plain + GB_SEAL_OVERHEAD + 4);
        gb_buf_init(&opened, sizeof plain + 4);
        gb_buf_text(&sealed, "head");
        gb_buf_text(&opened, "head");
        assert_int_equal(gb_seal(&sealed, &hub.public_key,
                                 GB_SPAN(plain, lengths[i]), &fail),
                         GB_OK);
        assert_int_equal(sealed.len, 4 + lengths[i] + GB_SEAL_OVERHEAD);
        assert_int_equal(gb_unseal(&opened, &hub,
                                   GB_SPAN(sealed.ptr + 4, sealed.len - 4),
                                   &fail),
                         GB_OK);
        assert_int_equal(opened.len, 4 + lengths[i]);
        assert_memory_equal(opened.ptr, "head", 4);
        assert_true(gb_span_equal(GB_SPAN(opened.ptr + 4, lengths[i]),
                                  GB_SPAN(plain, lengths[i])));
        gb_buf_release(&sealed);
        gb_buf_release(&opened);
    }
}

static void
no_two_are_alike(void **state)
{
    (void)state;
    struct gb_buf a, b;
    struct gb_fail fail = {0};
    gb_buf_init(&a, 200);
    gb_buf_init(&b, 200);
    gb_seal(&a, &hub.public_key, gb_span_text(secret), &fail);
    gb_seal(&b, &hub.public_key, gb_span_text(secret), &fail);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.ptr, b.ptr, 32);
    assert_memory_not_equal(a.ptr + 32, b.ptr + 32, a.len - 32);
    assert_null(memmem(a.ptr, a.len, "138", 3));
    gb_buf_release(&a);
    gb_buf_release(&b);
}

static void
every_flipped_bit_and_every_cut_is_refused(void **state)
{
    (void)state;
    struct gb_buf sealed, opened;
    struct gb_fail fail = {0};
    gb_buf_init(&sealed, 200);
    gb_buf_init(&opened, 200);
    assert_int_equal(
        gb_seal(&sealed, &hub.public_key, gb_span_text(secret), &fail), GB_OK);
    gb_buf_text(&opened, "head");
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        uint8_t *byte = &sealed.ptr[bit / 8];
        *byte ^= (uint8_t)(1 << bit % 8);
        enum gb_err err = gb_unseal(&opened, &hub, gb_buf_view(&sealed), &fail);
        /* RFC 7748 section 5: the top bit of an X25519 key is not looked at
         * for the product, but the nonce is hashed from the key as sent */
        if (err != GB_E_SIGNATURE)
            fail_msg("bit %zu", bit);
        assert_int_equal(opened.len, 4);
        *byte ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < sealed.len; cut++)
        assert_int_equal(
            gb_unseal(&opened, &hub, GB_SPAN(sealed.ptr, cut), &fail),
            GB_E_SIGNATURE);
    gb_buf_text(&sealed, "x");
    assert_int_equal(gb_unseal(&opened, &hub, gb_buf_view(&sealed), &fail),
                     GB_E_SIGNATURE);
    assert_int_equal(opened.len, 4);
    gb_buf_release(&sealed);
    gb_buf_release(&opened);
}

static void
another_receiver_cannot_open_it(void **state)
{
    (void)state;
    struct gb_sign_key key;
    struct gb_box_key other;
    struct gb_buf sealed, opened;
    struct gb_fail fail = {0};
    gb_buf_init(&sealed, 200);
    gb_buf_init(&opened, 200);
    gb_sign_key_generate(&key);
    gb_box_key_derive(&other, &key);
    assert_int_equal(
        gb_seal(&sealed, &hub.public_key, gb_span_text(secret), &fail), GB_OK);
    assert_int_equal(gb_unseal(&opened, &other, gb_buf_view(&sealed), &fail),
                     GB_E_SIGNATURE);
    assert_int_equal(opened.len, 0);
    gb_buf_release(&sealed);
    gb_buf_release(&opened);
}

static void
low_order_receivers_are_refused(void **state)
{
    (void)state;
    struct gb_buf sealed;
    struct gb_fail fail = {0};
    struct gb_box_public zero = {{0}}, one = {{1}};
    gb_buf_init(&sealed, 200);
    gb_buf_text(&sealed, "head");
    assert_int_equal(gb_seal(&sealed, &zero, gb_span_text(secret), &fail),
                     GB_E_KEY);
    assert_int_equal(gb_seal(&sealed, &one, gb_span_text(secret), &fail),
                     GB_E_KEY);
    assert_int_equal(sealed.len, 4);
    gb_buf_release(&sealed);
}

static void
ceilings_hold(void **state)
{
    (void)state;
    struct gb_buf sealed, opened;
    struct gb_fail fail = {0};
    struct gb_span plain = gb_span_text(secret);
    gb_buf_init(&sealed, plain.len + GB_SEAL_OVERHEAD - 1);
    assert_int_equal(gb_seal(&sealed, &hub.public_key, plain, &fail),
                     GB_E_LIMIT);
    gb_buf_release(&sealed);
    gb_buf_init(&sealed, plain.len + GB_SEAL_OVERHEAD);
    assert_int_equal(gb_seal(&sealed, &hub.public_key, plain, &fail), GB_OK);
    gb_buf_init(&opened, plain.len - 1);
    assert_int_equal(gb_unseal(&opened, &hub, gb_buf_view(&sealed), &fail),
                     GB_E_LIMIT);
    gb_buf_release(&opened);
    gb_buf_release(&sealed);
    gb_buf_init(&sealed, 200);
    assert_int_equal(gb_seal(&sealed, &hub.public_key,
                             GB_SPAN(secret, SIZE_MAX - 10), &fail),
                     GB_E_LIMIT);
    gb_buf_release(&sealed);
}

/* For the sweep: seal and open. */
static enum gb_err
there_and_back(void *arg, struct gb_fail *fail)
{
    struct gb_buf sealed, opened;
    (void)arg;
    gb_buf_init(&sealed, 200);
    gb_buf_init(&opened, 200);
    enum gb_err err =
        gb_seal(&sealed, &hub.public_key, gb_span_text(secret), fail);
    if (!err)
        err = gb_unseal(&opened, &hub, gb_buf_view(&sealed), fail);
    gb_buf_release(&sealed);
    gb_buf_release(&opened);
    return err;
}

static void
out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(alloc_sweep(there_and_back, NULL), 2);
}

static int
start(void **state)
{
    struct gb_sign_key key;
    struct gb_fail fail = {0};
    (void)state;
    if (gb_crypto_init(&fail))
        return -1;
    gb_sign_key_generate(&key);
    gb_box_key_derive(&hub, &key);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_at_any_length),
        cmocka_unit_test(no_two_are_alike),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
        cmocka_unit_test(another_receiver_cannot_open_it),
        cmocka_unit_test(low_order_receivers_are_refused),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
