/*
 * sshsig.c - engine/sshsig.h: the same bytes as ssh-keygen, each verdict as
 * ssh-keygen's where the two must agree, and one test for each thing that
 * stock ssh-keygen lets pass and we do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/armor.h"
#include "engine/digest.h"
#include "engine/keyfile.h"
#include "engine/sshsig.h"
#include "support/alloc.h"
#include "support/ssh.h"

static struct gb_sign_key key;
static const char *const namespaces[] = {GB_NS_CHANGESET, GB_NS_DELTA,
                                         GB_NS_REQUEST, GB_NS_GIT};
#define MESSAGE "大堂管家 patrol 7-1042\n"

/* ---------------------------------------------------------- ssh-keygen -- */

/* The key as stock tools want it: "key", "key.pub" and "signers". */
static void
publish_key(void)
{
    struct gb_fail fail = {0};
    uint8_t bytes[2 * GB_KEY_LINE_MAX];
    struct gb_buf line = GB_STACK_BUF(bytes);
    assert_int_equal(gb_keyfile_write(ssh_path("key"), &key, "hub",
                                      GB_KEYFILE_REPLACE, &fail),
                     GB_OK);
    assert_int_equal(gb_key_line(&line, &key.public_key, "hub", &fail), GB_OK);
    ssh_write("key.pub", gb_buf_view(&line), 0644);
    gb_buf_clear(&line);
    gb_buf_text(&line, "hub@site namespaces=\"*\" ");
    gb_key_line(&line, &key.public_key, "", &fail);
    gb_buf_text(&line, "\n");
    ssh_write("signers", gb_buf_view(&line), 0644);
}

/* What stock ssh-keygen says to a message in "m" and armor in "m.sig". */
static int
stock_verdict(const char *ns)
{
    return ssh_run("ssh-keygen -Y verify -f signers -I hub@site -n %s "
                   "-s m.sig < m",
                   ns);
}

static void
same_bytes_as_ssh_keygen(void **state)
{
    (void)state;
    static uint8_t large[40000];
    memset(large, 0xe6, sizeof large);
    const struct gb_span messages[] = {gb_span_text(""), gb_span_text(MESSAGE),
                                       GB_SPAN("a\0b", 3),
                                       GB_SPAN(large, sizeof large)};
    for (size_t i = 0; i < 16; i++) {
        const char *ns = namespaces[i % 4];
        uint8_t bytes[GB_SSHSIG_MAX];
        struct gb_buf ours = GB_STACK_BUF(bytes);
        struct gb_sshsig parsed;
        struct gb_fail fail = {0};
        struct gb_signature s = gb_sshsig_sign(&key, ns, messages[i / 4]);
        gb_sshsig_armor(&ours, &key.public_key, ns, &s);
        ssh_write("m", messages[i / 4], 0644);
        ssh_must("rm -f m.sig; ssh-keygen -q -Y sign -f key -n %s m", ns);
        struct gb_span stock = ssh_read("m.sig");
        assert_true(gb_span_equal(gb_buf_view(&ours), stock));
        /* theirs is good for us */
        struct gb_sha512 hash = gb_sha512(messages[i / 4]);
        assert_int_equal(gb_sshsig_parse(&parsed, stock, &fail), GB_OK);
        assert_int_equal(
            gb_sshsig_check(&parsed, &key.public_key, ns, &hash, &fail), GB_OK);
        /* ours is good for them */
        ssh_write("m.sig", gb_buf_view(&ours), 0644);
        assert_int_equal(stock_verdict(ns), 0);
        /* and in no other namespace */
        const char *other = namespaces[(i + 1) % 4];
        assert_int_not_equal(stock_verdict(other), 0);
        assert_int_equal(gb_sshsig_verify(&key.public_key, other,
                                          messages[i / 4], &s, &fail),
                         GB_E_SIGNATURE);
    }
}

/* ------------------------------------------------------------ refusals -- */

/* The pieces of a blob, each of which a test may replace. */
struct pieces {
    const char *magic;
    uint32_t version;
    struct gb_span key; /* the whole key blob */
    struct gb_span ns, reserved, hash, type, signature;
    struct gb_span behind_signature, behind;
};

/* What our own blob is made of; the spans are borrowed from static memory. */
static struct pieces
good_pieces(void)
{
    static uint8_t blob[GB_KEY_BLOB_BYTES];
    static struct gb_signature s;
    s = gb_sshsig_sign(&key, GB_NS_CHANGESET, gb_span_text(MESSAGE));
    gb_key_blob(blob, &key.public_key);
    return (struct pieces){
        .magic = "SSHSIG",
        .version = 1,
        .key = GB_SPAN(blob, sizeof blob),
        .ns = gb_span_text(GB_NS_CHANGESET),
        .hash = gb_span_text("sha512"),
        .type = gb_span_text("ssh-ed25519"),
        .signature = GB_SPAN(s.bytes, sizeof s.bytes),
    };
}

/* Put the pieces together, without any check. */
static void
join(struct gb_buf *out, const struct pieces *p)
{
    uint8_t bytes[400];
    struct gb_buf inner = GB_STACK_BUF(bytes);
    gb_ssh_string(&inner, p->type);
    gb_ssh_string(&inner, p->signature);
    gb_buf_span(&inner, p->behind_signature);
    gb_buf_text(out, p->magic);
    gb_buf_u32(out, p->version);
    gb_ssh_string(out, p->key);
    gb_ssh_string(out, p->ns);
    gb_ssh_string(out, p->reserved);
    gb_ssh_string(out, p->hash);
    gb_ssh_string(out, gb_buf_view(&inner));
    gb_buf_span(out, p->behind);
    assert_int_equal(out->failed, GB_OK);
}

/* Our verdict on the pieces: parse, then check against key and message. */
static enum gb_err
our_verdict(const struct pieces *p)
{
    uint8_t bytes[600], armored[1200];
    struct gb_buf blob = GB_STACK_BUF(bytes), text = GB_STACK_BUF(armored);
    struct gb_sshsig sig;
    struct gb_fail fail = {0};
    join(&blob, p);
    gb_armor_encode(&text, "SSH SIGNATURE", gb_buf_view(&blob));
    ssh_write("m.sig", gb_buf_view(&text), 0644);
    struct gb_sha512 hash = gb_sha512(gb_span_text(MESSAGE));
    enum gb_err err = gb_sshsig_parse_blob(&sig, gb_buf_view(&blob), &fail);
    assert_int_equal(gb_sshsig_parse(&sig, gb_buf_view(&text), &fail), err);
    return err ? err
               : gb_sshsig_check(&sig, &key.public_key, GB_NS_CHANGESET, &hash,
                                 &fail);
}

/* A signature over what the reserved field and hash name say: made with the
 * real key, so that only the form can be refused. */
static struct gb_signature
sign_with(struct gb_span reserved, const char *hash_name)
{
    uint8_t bytes[400];
    struct gb_buf b = GB_STACK_BUF(bytes);
    gb_buf_text(&b, "SSHSIG");
    gb_ssh_string(&b, gb_span_text(GB_NS_CHANGESET));
    gb_ssh_string(&b, reserved);
    gb_ssh_string(&b, gb_span_text(hash_name));
    if (!strcmp(hash_name, "sha256")) {
        struct gb_sha256 hash = gb_sha256(gb_span_text(MESSAGE));
        gb_ssh_string(&b, GB_SPAN(hash.bytes, 32));
    } else {
        struct gb_sha512 hash = gb_sha512(gb_span_text(MESSAGE));
        gb_ssh_string(&b, GB_SPAN(hash.bytes, 64));
    }
    return gb_key_sign(&key, gb_buf_view(&b));
}

static void
joined_pieces_are_our_blob(void **state)
{
    (void)state;
    uint8_t bytes[600], own[600];
    struct gb_buf blob = GB_STACK_BUF(bytes), wanted = GB_STACK_BUF(own);
    struct pieces p = good_pieces();
    struct gb_signature s;
    memcpy(s.bytes, p.signature.ptr, sizeof s.bytes);
    join(&blob, &p);
    gb_sshsig_blob(&wanted, &key.public_key, GB_NS_CHANGESET, &s);
    assert_true(gb_span_equal(gb_buf_view(&blob), gb_buf_view(&wanted)));
    ssh_write("m", gb_span_text(MESSAGE), 0644);
    assert_int_equal(our_verdict(&p), GB_OK);
    assert_int_equal(stock_verdict(GB_NS_CHANGESET), 0);
}

static void
reserved_field_must_be_empty(void **state)
{
    (void)state;
    struct pieces p = good_pieces();
    struct gb_span reserved = gb_span_text("x");
    struct gb_signature s = sign_with(reserved, "sha512");
    p.reserved = reserved;
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    p.signature = GB_SPAN(s.bytes, sizeof s.bytes);
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
}

static void
version_must_be_1(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 2, 0x100, 0x01000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pieces p = good_pieces();
        p.version = wrong[i];
        assert_int_equal(our_verdict(&p), GB_E_VERSION);
    }
}

static void
hash_must_be_sha512(void **state)
{
    (void)state;
    static const char *const wrong[] = {"sha256", "", "SHA512", "sha512 ",
                                        "sha384"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pieces p = good_pieces();
        struct gb_signature s = sign_with(GB_SPAN(NULL, 0), wrong[i]);
        p.hash = gb_span_text(wrong[i]);
        p.signature = GB_SPAN(s.bytes, sizeof s.bytes);
        assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    }
}

/* S + L verifies with a lax verifier: the curve does not notice. */
static void
malleated_s_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                      0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                      0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    struct pieces p = good_pieces();
    uint8_t s[64];
    unsigned carry = 0;
    memcpy(s, p.signature.ptr, 64);
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)s[32 + i] + order[i];
        s[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    p.signature = GB_SPAN(s, sizeof s);
    assert_int_equal(our_verdict(&p), GB_E_SIGNATURE);
}

/* R = identity and S = 0 fit every message under the identity as key. */
static void
identity_key_is_refused(void **state)
{
    (void)state;
    static const struct gb_public_key identity = {{1}};
    static const uint8_t forged[64] = {1};
    struct gb_fail fail = {0};
    struct gb_sshsig sig;
    uint8_t blob[GB_KEY_BLOB_BYTES], bytes[600];
    struct gb_buf b = GB_STACK_BUF(bytes);
    struct pieces p = good_pieces();
    gb_key_blob(blob, &identity);
    p.key = GB_SPAN(blob, sizeof blob);
    p.signature = GB_SPAN(forged, sizeof forged);
    join(&b, &p);
    struct gb_sha512 hash = gb_sha512(gb_span_text("anything"));
    assert_int_equal(gb_sshsig_parse_blob(&sig, gb_buf_view(&b), &fail), GB_OK);
    assert_int_equal(
        gb_sshsig_check(&sig, &identity, GB_NS_CHANGESET, &hash, &fail),
        GB_E_KEY);
    assert_int_equal(gb_sshsig_verify(&identity, GB_NS_GIT, gb_span_text("x"),
                                      &sig.signature, &fail),
                     GB_E_KEY);
}

static void
junk_behind_end_is_refused(void **state)
{
    (void)state;
    static const char *const junk[] = {"x", "\n", "junk\n", " ",
                                       "-----END SSH SIGNATURE-----\n"};
    uint8_t bytes[GB_SSHSIG_MAX];
    struct gb_sshsig sig;
    struct gb_fail fail = {0};
    struct gb_signature s =
        gb_sshsig_sign(&key, GB_NS_GIT, gb_span_text(MESSAGE));
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        struct gb_buf text = GB_STACK_BUF(bytes);
        gb_sshsig_armor(&text, &key.public_key, GB_NS_GIT, &s);
        assert_int_equal(gb_sshsig_parse(&sig, gb_buf_view(&text), &fail),
                         GB_OK);
        gb_buf_text(&text, junk[i]);
        assert_int_equal(gb_sshsig_parse(&sig, gb_buf_view(&text), &fail),
                         GB_E_FORMAT);
    }
}

static void
nothing_may_be_left_over_inside(void **state)
{
    (void)state;
    struct pieces p = good_pieces();
    p.behind = gb_span_text("x");
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    p = good_pieces();
    p.behind_signature = gb_span_text("x");
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    p = good_pieces();
    uint8_t longer[GB_KEY_BLOB_BYTES + 1] = {0};
    memcpy(longer, p.key.ptr, p.key.len);
    p.key = GB_SPAN(longer, sizeof longer);
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
}

static void
other_types_and_lengths_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[80] = {0};
    struct pieces p = good_pieces();
    memcpy(bytes, p.signature.ptr, 64);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        p.signature = GB_SPAN(bytes, n);
        assert_int_equal(our_verdict(&p), n == 64 ? GB_OK : GB_E_FORMAT);
    }
    p = good_pieces();
    p.type = gb_span_text("ssh-rsa");
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    p = good_pieces();
    p.magic = "SSHSIF";
    assert_int_equal(our_verdict(&p), GB_E_FORMAT);
}

static void
odd_namespaces_are_refused(void **state)
{
    (void)state;
    char large[GB_SSHSIG_NS_MAX + 2];
    memset(large, 'n', sizeof large);
    const struct gb_span wrong[] = {
        GB_SPAN("", 0),      GB_SPAN("git\0", 4),
        GB_SPAN("g t", 3),   GB_SPAN("\xe6", 1),
        GB_SPAN("git\n", 4), GB_SPAN(large, GB_SSHSIG_NS_MAX + 1)};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pieces p = good_pieces();
        p.ns = wrong[i];
        assert_int_equal(our_verdict(&p), GB_E_FORMAT);
    }
    struct pieces p = good_pieces();
    p.ns = GB_SPAN(large, GB_SSHSIG_NS_MAX); /* good form, another role */
    assert_int_equal(our_verdict(&p), GB_E_SIGNATURE);
}

/* Lengths are never believed: a string that claims 4 GiB is just truncated. */
static void
lengths_are_not_believed(void **state)
{
    (void)state;
    uint8_t bytes[600];
    struct gb_buf blob = GB_STACK_BUF(bytes);
    struct pieces p = good_pieces();
    join(&blob, &p);
    alloc_fail_from(0);
    for (size_t at = 0; at + 4 <= blob.len; at++) {
        struct gb_sshsig sig;
        struct gb_fail fail = {0};
        uint8_t kept[4];
        memcpy(kept, blob.ptr + at, 4);
        memset(blob.ptr + at, 0xff, 4);
        if (!gb_sshsig_parse_blob(&sig, gb_buf_view(&blob), &fail))
            /* only the key or the signature may hold such bytes */
            assert_true((at >= 33 && at <= 61) || at >= blob.len - 64);
        memcpy(blob.ptr + at, kept, 4);
    }
    size_t asked = alloc_count();
    alloc_fail_never();
    assert_int_equal(asked, 0);
}

static void
every_cut_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[GB_SSHSIG_MAX], inner[600];
    struct gb_buf text = GB_STACK_BUF(bytes), blob = GB_STACK_BUF(inner);
    struct gb_sshsig sig;
    struct gb_fail fail = {0};
    struct gb_signature s =
        gb_sshsig_sign(&key, GB_NS_GIT, gb_span_text(MESSAGE));
    gb_sshsig_armor(&text, &key.public_key, GB_NS_GIT, &s);
    gb_sshsig_blob(&blob, &key.public_key, GB_NS_GIT, &s);
    for (size_t cut = 0; cut < text.len; cut++)
        assert_int_equal(gb_sshsig_parse(&sig, GB_SPAN(text.ptr, cut), &fail),
                         GB_E_FORMAT);
    for (size_t cut = 0; cut < blob.len; cut++)
        assert_int_equal(
            gb_sshsig_parse_blob(&sig, GB_SPAN(blob.ptr, cut), &fail),
            GB_E_FORMAT);
}

/* One character of the armor changed, anywhere: never good again. */
static void
every_flipped_bit_of_the_text_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[GB_SSHSIG_MAX];
    struct gb_buf text = GB_STACK_BUF(bytes);
    struct gb_sha512 hash = gb_sha512(gb_span_text(MESSAGE));
    struct gb_signature s = gb_sshsig_sign_hash(&key, GB_NS_GIT, &hash);
    gb_sshsig_armor(&text, &key.public_key, GB_NS_GIT, &s);
    for (size_t bit = 0; bit < 8 * text.len; bit++) {
        struct gb_sshsig sig;
        struct gb_fail fail = {0};
        text.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (!gb_sshsig_parse(&sig, gb_buf_view(&text), &fail) &&
            !gb_sshsig_check(&sig, &key.public_key, GB_NS_GIT, &hash, &fail))
            fail_msg("bit %zu", bit);
        text.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* ---------------------------------------------------------------- uses -- */

static void
text_in_a_commit_has_no_last_lf(void **state)
{
    (void)state;
    uint8_t bytes[GB_SSHSIG_MAX];
    static uint8_t large[GB_SSHSIG_MAX];
    struct gb_buf text = GB_STACK_BUF(bytes);
    struct gb_sshsig sig;
    struct gb_fail fail = {0};
    struct gb_signature s =
        gb_sshsig_sign(&key, GB_NS_GIT, gb_span_text(MESSAGE));
    gb_sshsig_armor(&text, &key.public_key, GB_NS_GIT, &s);
    assert_int_equal(
        gb_sshsig_parse_header(&sig, GB_SPAN(text.ptr, text.len - 1), &fail),
        GB_OK);
    assert_true(gb_key_equal(&sig.key, &key.public_key));
    assert_string_equal(sig.ns, GB_NS_GIT);
    assert_memory_equal(sig.signature.bytes, s.bytes, sizeof s.bytes);
    assert_int_equal(gb_sshsig_parse_header(&sig, gb_buf_view(&text), &fail),
                     GB_E_FORMAT);
    assert_int_equal(
        gb_sshsig_parse_header(&sig, GB_SPAN(large, sizeof large), &fail),
        GB_E_FORMAT);
}

static void
check_compares_key_and_namespace(void **state)
{
    (void)state;
    struct gb_sign_key other;
    struct gb_fail fail = {0};
    struct gb_sshsig sig = {.ns = GB_NS_GIT};
    struct gb_sha512 hash = gb_sha512(gb_span_text(MESSAGE));
    gb_sign_key_generate(&other);
    sig.key = key.public_key;
    sig.signature = gb_sshsig_sign_hash(&key, GB_NS_GIT, &hash);
    assert_int_equal(
        gb_sshsig_check(&sig, &key.public_key, GB_NS_GIT, &hash, &fail), GB_OK);
    assert_int_equal(
        gb_sshsig_check(&sig, &other.public_key, GB_NS_GIT, &hash, &fail),
        GB_E_SIGNATURE);
    assert_int_equal(
        gb_sshsig_check(&sig, &key.public_key, GB_NS_DELTA, &hash, &fail),
        GB_E_SIGNATURE);
    hash.bytes[63] ^= 1;
    assert_int_equal(
        gb_sshsig_check(&sig, &key.public_key, GB_NS_GIT, &hash, &fail),
        GB_E_SIGNATURE);
}

static void
signing_is_deterministic(void **state)
{
    (void)state;
    struct gb_sha512 hash = gb_sha512(gb_span_text(MESSAGE));
    struct gb_signature a = gb_sshsig_sign_hash(&key, GB_NS_DELTA, &hash);
    struct gb_signature b =
        gb_sshsig_sign(&key, GB_NS_DELTA, gb_span_text(MESSAGE));
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static int
start(void **state)
{
    struct gb_fail fail = {0};
    (void)state;
    if (gb_crypto_init(&fail))
        return -1;
    gb_sign_key_generate(&key);
    publish_key();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_as_ssh_keygen),
        cmocka_unit_test(joined_pieces_are_our_blob),
        cmocka_unit_test(reserved_field_must_be_empty),
        cmocka_unit_test(version_must_be_1),
        cmocka_unit_test(hash_must_be_sha512),
        cmocka_unit_test(malleated_s_is_refused),
        cmocka_unit_test(identity_key_is_refused),
        cmocka_unit_test(junk_behind_end_is_refused),
        cmocka_unit_test(nothing_may_be_left_over_inside),
        cmocka_unit_test(other_types_and_lengths_are_refused),
        cmocka_unit_test(odd_namespaces_are_refused),
        cmocka_unit_test(lengths_are_not_believed),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_flipped_bit_of_the_text_is_refused),
        cmocka_unit_test(text_in_a_commit_has_no_last_lf),
        cmocka_unit_test(check_compares_key_and_namespace),
        cmocka_unit_test(signing_is_deterministic),
    };
    return cmocka_run_group_tests(tests, start, ssh_remove);
}
