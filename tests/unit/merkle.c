/*
 * merkle.c - engine/merkle.h: the vectors of RFC 6962's reference code, every
 * proof up to 70 leaves against a literal reading of the RFC, every byte of
 * each flipped, and sizes near 2^64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/merkle.h"
#include "support/alloc.h"

enum { N = 70 };

static struct gb_sha256 leaves[N];    /* leaf hashes, all different */
static struct gb_sha256 roots[N + 1]; /* by the oracle */
static unsigned asked_max_level;

/* Hash from hex. */
static struct gb_sha256
hash_of(const char *hex)
{
    struct gb_sha256 hash;
    assert_true(gb_hex_decode(hash.bytes, 32, gb_span_text(hex)));
    return hash;
}

/* MTH of RFC 6962 section 2.1, word for word. */
static struct gb_sha256
oracle_root(const struct gb_sha256 *leaf, size_t n)
{
    size_t k = 1;
    if (n == 0)
        return gb_sha256(GB_SPAN("", 0));
    if (n == 1)
        return leaf[0];
    while (2 * k < n)
        k *= 2;
    struct gb_sha256 left = oracle_root(leaf, k);
    struct gb_sha256 right = oracle_root(leaf + k, n - k);
    return gb_merkle_node(&left, &right);
}

/* PATH(m, D[n]) of section 2.1.1. */
static void
oracle_path(size_t m, const struct gb_sha256 *leaf, size_t n,
            struct gb_merkle_proof *out)
{
    size_t k = 1;
    if (n == 1)
        return;
    while (2 * k < n)
        k *= 2;
    if (m < k) {
        oracle_path(m, leaf, k, out);
        out->hash[out->len++] = oracle_root(leaf + k, n - k);
    } else {
        oracle_path(m - k, leaf + k, n - k, out);
        out->hash[out->len++] = oracle_root(leaf, k);
    }
}

/* SUBPROOF(m, D[n], b) of section 2.1.2. */
static void
oracle_subproof(size_t m, const struct gb_sha256 *leaf, size_t n, bool b,
                struct gb_merkle_proof *out)
{
    size_t k = 1;
    if (m == n) {
        if (!b)
            out->hash[out->len++] = oracle_root(leaf, m);
        return;
    }
    while (2 * k < n)
        k *= 2;
    if (m <= k) {
        oracle_subproof(m, leaf, k, b, out);
        out->hash[out->len++] = oracle_root(leaf + k, n - k);
    } else {
        oracle_subproof(m - k, leaf + k, n - k, false, out);
        out->hash[out->len++] = oracle_root(leaf, k);
    }
}

/* A caller that stores leaf hashes only; ctx is their number. */
static enum gb_err
stored_leaf(void *ctx, uint64_t index, unsigned level, struct gb_sha256 *out,
            struct gb_fail *fail)
{
    const size_t *count = ctx;
    (void)fail;
    assert_int_equal(level, 0);
    assert_true(index < *count); /* nothing beyond the size is asked for */
    *out = leaves[index];
    return GB_OK;
}

/* A caller that stores the nodes of all levels, kept by gb_merkle_append. */
static struct gb_sha256 nodes[8][N];

static enum gb_err
stored_node(void *ctx, uint64_t index, unsigned level, struct gb_sha256 *out,
            struct gb_fail *fail)
{
    const size_t *count = ctx;
    (void)fail;
    assert_true((index + 1) << level <= *count);
    if (level > asked_max_level)
        asked_max_level = level;
    *out = nodes[level][index];
    return GB_OK;
}

static bool
same_proof(const struct gb_merkle_proof *a, const struct gb_merkle_proof *b)
{
    return a->len == b->len &&
           !memcmp(a->hash, b->hash, a->len * sizeof *a->hash);
}

/* Grow a tree of N leaves, keeping its nodes and the oracle's roots. */
static int
start(void **state)
{
    struct gb_fail fail = {0};
    struct gb_merkle tree = {0};
    (void)state;
    if (gb_crypto_init(&fail))
        return -1;
    for (size_t i = 0; i < N; i++) {
        struct gb_sha256 done[GB_MERKLE_LEVELS];
        uint8_t bytes[2] = {(uint8_t)i, 7};
        leaves[i] = gb_merkle_leaf(GB_SPAN(bytes, 2));
        unsigned n = gb_merkle_append(&tree, GB_SPAN(bytes, 2), done);
        for (unsigned level = 0; level < n; level++)
            nodes[level][i >> level] = done[level];
    }
    for (size_t n = 0; n <= N; n++)
        roots[n] = oracle_root(leaves, n);
    return 0;
}

/* ------------------------------------------------------------- vectors -- */

/* The test data of certificate-transparency's merkle_tree_test.cc. */
static const char *const ct_leaves[] = {
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
};
static const char *const ct_roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};
#define H01 "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define H0 "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define H1 "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define H23 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define H4 "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define H45 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define H67 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define H03 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define H47 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

static const struct {
    uint64_t index, size;
    const char *path[4];
} ct_paths[] = {
    {0, 1, {NULL}}, {0, 8, {H1, H23, H47}}, {5, 8, {H4, H67, H03}},
    {2, 3, {H01}},  {1, 5, {H0, H23, H4}},
};
static const struct {
    uint64_t first, second;
    const char *path[4];
} ct_growth[] = {
    {1, 1, {NULL}},
    {1, 8, {H1, H23, H47}},
    {6, 8, {H45, H67, H03}},
    {2, 5, {H23, H4}},
};

/* The leaf hashes of the vectors, as a source. */
static enum gb_err
ct_leaf(void *ctx, uint64_t index, unsigned level, struct gb_sha256 *out,
        struct gb_fail *fail)
{
    uint8_t bytes[16];
    size_t n = strlen(ct_leaves[index]) / 2;
    (void)ctx, (void)level, (void)fail;
    assert_true(gb_hex_decode(bytes, n, gb_span_text(ct_leaves[index])));
    *out = gb_merkle_leaf(GB_SPAN(bytes, n));
    return GB_OK;
}

/* The proof is these hashes. */
static void
expect_hashes(const struct gb_merkle_proof *proof, const char *const *path)
{
    size_t n = 0;
    for (; path[n]; n++) {
        struct gb_sha256 hash = hash_of(path[n]);
        assert_true(n < proof->len);
        assert_true(gb_sha256_equal(&hash, &proof->hash[n]));
    }
    assert_int_equal(n, proof->len);
}

static void
reference_vectors(void **state)
{
    (void)state;
    struct gb_merkle_leaves of = {ct_leaf, NULL};
    struct gb_merkle_source source = {gb_merkle_hash_leaves, &of};
    struct gb_merkle_proof proof;
    struct gb_fail fail = {0};
    struct gb_merkle tree = {0};
    for (uint64_t n = 0; n <= 8; n++) {
        struct gb_sha256 want = hash_of(ct_roots[n]), got, leaf;
        struct gb_sha256 grown = gb_merkle_root(&tree);
        assert_int_equal(gb_merkle_root_at(&source, n, &got, &fail), GB_OK);
        assert_true(gb_sha256_equal(&got, &want));
        assert_true(gb_sha256_equal(&grown, &want));
        if (n < 8) {
            ct_leaf(NULL, n, 0, &leaf, NULL);
            gb_merkle_append_hash(&tree, &leaf, NULL);
        }
    }
    for (size_t i = 0; i < sizeof ct_paths / sizeof *ct_paths; i++) {
        assert_int_equal(gb_merkle_prove_leaf(&source, ct_paths[i].index,
                                              ct_paths[i].size, &proof, &fail),
                         GB_OK);
        expect_hashes(&proof, ct_paths[i].path);
    }
    for (size_t i = 0; i < sizeof ct_growth / sizeof *ct_growth; i++) {
        assert_int_equal(gb_merkle_prove_growth(&source, ct_growth[i].first,
                                                ct_growth[i].second, &proof,
                                                &fail),
                         GB_OK);
        expect_hashes(&proof, ct_growth[i].path);
    }
}

/* ---------------------------------------------------------- exhaustive -- */

static void
roots_as_the_oracle_says(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    struct gb_merkle tree = {0};
    for (size_t n = 0; n <= N; n++) {
        struct gb_merkle_leaves of = {stored_leaf, &n};
        struct gb_merkle_source flat = {gb_merkle_hash_leaves, &of};
        struct gb_merkle_source deep = {stored_node, &n};
        struct gb_merkle again;
        struct gb_sha256 a, b, grown = gb_merkle_root(&tree);
        assert_int_equal(gb_merkle_root_at(&flat, n, &a, &fail), GB_OK);
        assert_int_equal(gb_merkle_root_at(&deep, n, &b, &fail), GB_OK);
        assert_int_equal(gb_merkle_at(&deep, n, &again, &fail), GB_OK);
        assert_memory_equal(&again, &tree, sizeof tree);
        assert_true(gb_sha256_equal(&a, &roots[n]));
        assert_true(gb_sha256_equal(&b, &roots[n]));
        assert_true(gb_sha256_equal(&grown, &roots[n]));
        if (n < N)
            gb_merkle_append_hash(&tree, &leaves[n], NULL);
    }
}

/* Flip one bit of each byte of a proof in turn; count what still passes. */
static unsigned
flips_that_pass(struct gb_merkle_proof *proof,
                bool (*verify)(const void *ctx, const struct gb_merkle_proof *),
                const void *ctx)
{
    unsigned passed = 0;
    for (size_t i = 0; i < 32 * proof->len; i++) {
        uint8_t *byte = &proof->hash[i / 32].bytes[i % 32];
        uint8_t bit = (uint8_t)(1 << i % 8);
        *byte ^= bit;
        passed += verify(ctx, proof);
        *byte ^= bit;
    }
    return passed;
}

struct claim {
    uint64_t a, b; /* index and size, or first and second */
    struct gb_sha256 x, y;
};

static bool
leaf_claim(const void *ctx, const struct gb_merkle_proof *proof)
{
    const struct claim *c = ctx;
    return gb_merkle_verify_leaf(&c->x, c->a, c->b, &c->y, proof);
}

static bool
growth_claim(const void *ctx, const struct gb_merkle_proof *proof)
{
    const struct claim *c = ctx;
    return gb_merkle_verify_growth(c->a, c->b, &c->x, &c->y, proof);
}

/* The proof must fail with a hash less or more, and with flipped roots. */
static void
refuse_variants(struct claim *c, struct gb_merkle_proof *proof,
                bool (*verify)(const void *, const struct gb_merkle_proof *))
{
    assert_true(verify(c, proof));
    assert_int_equal(flips_that_pass(proof, verify, c), 0);
    if (proof->len) {
        proof->len--;
        assert_false(verify(c, proof));
        proof->len++;
    }
    proof->hash[proof->len++] = roots[1];
    assert_false(verify(c, proof));
    proof->len--;
    for (size_t i = 0; i < 64; i++) {
        uint8_t *byte = i < 32 ? &c->x.bytes[i] : &c->y.bytes[i - 32];
        *byte ^= 0x10;
        /* without a proof from the empty tree, any second root will do */
        if (c->a || i < 32 || verify == leaf_claim)
            assert_false(verify(c, proof));
        *byte ^= 0x10;
    }
}

static void
every_inclusion_proof(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    for (size_t n = 1; n <= N; n++) {
        struct gb_merkle_source source = {stored_node, &n};
        for (size_t m = 0; m < n; m++) {
            struct gb_merkle_proof proof, want = {0};
            struct claim c = {m, n, leaves[m], roots[n]};
            oracle_path(m, leaves, n, &want);
            assert_int_equal(gb_merkle_prove_leaf(&source, m, n, &proof, &fail),
                             GB_OK);
            assert_true(same_proof(&proof, &want));
            refuse_variants(&c, &proof, leaf_claim);
            /* every other place in the tree, and every other head */
            for (size_t other = 0; other <= N; other++) {
                c = (struct claim){other, n, leaves[m], roots[n]};
                if (other != m)
                    assert_false(leaf_claim(&c, &proof));
                c = (struct claim){m, other, leaves[m], roots[other]};
                if (other != n)
                    assert_false(leaf_claim(&c, &proof));
            }
        }
    }
}

static void
every_consistency_proof(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    for (size_t n = 0; n <= N; n++) {
        struct gb_merkle_source source = {stored_node, &n};
        for (size_t m = 0; m <= n; m++) {
            struct gb_merkle_proof proof, want = {0};
            struct claim c = {m, n, roots[m], roots[n]};
            if (m)
                oracle_subproof(m, leaves, n, true, &want);
            assert_int_equal(
                gb_merkle_prove_growth(&source, m, n, &proof, &fail), GB_OK);
            assert_true(same_proof(&proof, &want));
            refuse_variants(&c, &proof, growth_claim);
            /* other heads: the empty proof fits (0, any) and (n, n) alone */
            for (size_t other = 0; other <= N; other++) {
                c = (struct claim){other, n, roots[other], roots[n]};
                bool trivial = !proof.len && (!other || other == n);
                if (other != m)
                    assert_int_equal(growth_claim(&c, &proof), trivial);
                c = (struct claim){m, other, roots[m], roots[other]};
                trivial = !proof.len && (!m || m == other);
                if (other != n)
                    assert_int_equal(growth_claim(&c, &proof), trivial);
                /* a wrong size with the right roots */
                c = (struct claim){other, n, roots[m], roots[n]};
                if (other != m && m && m != n)
                    assert_false(growth_claim(&c, &proof));
            }
        }
    }
}

static void
rewritten_history_is_refused(void **state)
{
    (void)state;
    size_t n = N;
    struct gb_fail fail = {0};
    struct gb_merkle_leaves of = {stored_leaf, &n};
    struct gb_merkle_source source = {gb_merkle_hash_leaves, &of};
    for (size_t changed = 0; changed < 40; changed++) {
        struct gb_merkle_proof proof;
        struct gb_sha256 now;
        struct gb_sha256 old = leaves[changed];
        leaves[changed] = leaves[N - 1];
        assert_int_equal(gb_merkle_root_at(&source, N, &now, &fail), GB_OK);
        assert_int_equal(gb_merkle_prove_growth(&source, 40, N, &proof, &fail),
                         GB_OK);
        assert_false(gb_merkle_verify_growth(40, N, &roots[40], &now, &proof));
        leaves[changed] = old;
    }
}

/* -------------------------------------------------------------- limits -- */

/* A tree so large that nobody stores it: each node is its address. */
static enum gb_err
imagined(void *ctx, uint64_t index, unsigned level, struct gb_sha256 *out,
         struct gb_fail *fail)
{
    unsigned *calls = ctx;
    (void)fail;
    ++*calls;
    memset(out, 0, sizeof *out);
    memcpy(out->bytes, &index, sizeof index);
    out->bytes[31] = (uint8_t)level;
    return GB_OK;
}

static void
proofs_are_bounded(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,
                                     2,
                                     1u << 20,
                                     (1u << 20) + 1,
                                     UINT64_MAX / 3,
                                     UINT64_MAX / 2,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    struct gb_fail fail = {0};
    unsigned calls = 0;
    struct gb_merkle_source source = {imagined, &calls};
    const size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count * count; i++) {
        uint64_t m = sizes[i / count], n = sizes[i % count];
        struct gb_merkle_proof proof;
        calls = 0;
        if (m > n)
            continue;
        assert_int_equal(gb_merkle_prove_leaf(&source, m - 1, n, &proof, &fail),
                         GB_OK);
        assert_true(proof.len <= GB_MERKLE_INCLUSION_MAX);
        assert_int_equal(gb_merkle_prove_growth(&source, m, n, &proof, &fail),
                         GB_OK);
        assert_true(proof.len <= GB_MERKLE_CONSISTENCY_MAX);
        assert_true(calls <= 300);
    }
}

static void
hostile_arguments(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    unsigned calls = 0;
    struct gb_merkle_source source = {imagined, &calls};
    struct gb_merkle_proof proof = {.len = GB_MERKLE_CONSISTENCY_MAX + 1};
    assert_false(gb_merkle_verify_leaf(&leaves[0], 0, 1, &leaves[0], &proof));
    assert_false(gb_merkle_verify_growth(1, 2, &roots[1], &roots[2], &proof));
    proof.len = GB_MERKLE_CONSISTENCY_MAX;
    memset(proof.hash, 0, sizeof proof.hash);
    assert_false(gb_merkle_verify_growth(UINT64_MAX / 2, UINT64_MAX, &roots[1],
                                         &roots[2], &proof));
    assert_false(gb_merkle_verify_growth(2, 1, &roots[2], &roots[1], &proof));
    proof.len = 0;
    assert_false(gb_merkle_verify_leaf(&leaves[0], 0, 0, &roots[0], &proof));
    assert_false(gb_merkle_verify_leaf(&leaves[0], 1, 1, &leaves[0], &proof));
    assert_false(gb_merkle_verify_growth(0, 5, &roots[1], &roots[5], &proof));
    assert_false(gb_merkle_verify_growth(3, 5, &roots[3], &roots[5], &proof));
    assert_int_equal(gb_merkle_prove_leaf(&source, 7, 7, &proof, &fail),
                     GB_E_VALUE);
    assert_int_equal(gb_merkle_prove_growth(&source, 8, 7, &proof, &fail),
                     GB_E_VALUE);
    assert_int_equal(calls, 0);
}

/* A source that fails from the n-th call on. */
static enum gb_err
breaking(void *ctx, uint64_t index, unsigned level, struct gb_sha256 *out,
         struct gb_fail *fail)
{
    unsigned *left = ctx;
    if (!*left)
        return gb_fail_set(fail, GB_E_IO, "gone");
    --*left;
    unsigned ignored = 0;
    return imagined(&ignored, index, level, out, fail);
}

static void
a_failing_source_is_passed_on(void **state)
{
    (void)state;
    unsigned left;
    struct gb_merkle_source source = {breaking, &left};
    struct gb_merkle_leaves of = {breaking, &left};
    struct gb_merkle_proof proof;
    struct gb_merkle tree;
    struct gb_sha256 hash;
    for (unsigned n = 0; n < 3; n++) {
        struct gb_fail fail = {0};
        left = n;
        assert_int_equal(gb_merkle_root_at(&source, 15, &hash, &fail), GB_E_IO);
        left = n;
        assert_int_equal(gb_merkle_at(&source, 15, &tree, &fail), GB_E_IO);
        left = n;
        assert_int_equal(gb_merkle_prove_leaf(&source, 3, 15, &proof, &fail),
                         GB_E_IO);
        left = n;
        assert_int_equal(gb_merkle_prove_growth(&source, 3, 15, &proof, &fail),
                         GB_E_IO);
        left = n;
        assert_int_equal(gb_merkle_hash_leaves(&of, 0, 3, &hash, &fail),
                         GB_E_IO);
        assert_string_equal(fail.text, "gone");
    }
}

/* ------------------------------------------------------- serialisation -- */

static void
proofs_travel(void **state)
{
    (void)state;
    size_t n = 65;
    struct gb_fail fail = {0};
    struct gb_merkle_source source = {stored_node, &n};
    struct gb_merkle_proof proof, back;
    struct gb_buf b;
    gb_buf_init(&b, 8192);
    assert_int_equal(gb_merkle_prove_growth(&source, 21, n, &proof, &fail),
                     GB_OK);
    gb_merkle_proof_write(&b, &proof);
    assert_int_equal(b.len, 1 + 32 * proof.len);
    struct gb_reader r = gb_reader_of(gb_buf_view(&b));
    gb_merkle_proof_read(&back, &r);
    assert_true(gb_read_done(&r) && same_proof(&proof, &back));
    for (size_t cut = 0; cut < b.len; cut++) {
        r = gb_reader_of(GB_SPAN(b.ptr, cut));
        gb_merkle_proof_read(&back, &r);
        assert_true(r.bad && !back.len);
    }
    /* one hash more than may be: the bytes are there, the count is refused */
    gb_buf_clear(&b);
    gb_buf_varint(&b, GB_MERKLE_CONSISTENCY_MAX + 1);
    assert_non_null(gb_buf_grow(&b, 32 * (GB_MERKLE_CONSISTENCY_MAX + 1)));
    r = gb_reader_of(gb_buf_view(&b));
    gb_merkle_proof_read(&back, &r);
    assert_true(r.bad && !back.len);
    gb_buf_release(&b);
}

static void
nothing_is_allocated(void **state)
{
    (void)state;
    alloc_fail_from(0);
    roots_as_the_oracle_says(state);
    proofs_are_bounded(state);
    hostile_arguments(state);
    size_t n = alloc_count();
    alloc_fail_never();
    assert_int_equal(n, 0);
    assert_true(asked_max_level >= 6); /* level nodes are put to use */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(roots_as_the_oracle_says),
        cmocka_unit_test(every_inclusion_proof),
        cmocka_unit_test(every_consistency_proof),
        cmocka_unit_test(rewritten_history_is_refused),
        cmocka_unit_test(proofs_are_bounded),
        cmocka_unit_test(hostile_arguments),
        cmocka_unit_test(a_failing_source_is_passed_on),
        cmocka_unit_test(proofs_travel),
        cmocka_unit_test(nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
