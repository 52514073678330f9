/*
 * git_sha1.c - SHA-1 (FIPS 180-4 section 6.1.2), for the checksums at the
 * end of packs and their indexes, and for the names of what is read.  They find
 * flipped bits; nobody is authenticated by them.
 *
 * Where the processor has instructions for it (Intel's SHA extensions), four
 * rounds are one of these, with the four words that they add.
 */
#include "git_ledger.h"

#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

static uint32_t
rotate(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

/* One block of 64 bytes. */
static void
block_plain(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[80];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)p[4 * t] << 24 | (uint32_t)p[4 * t + 1] << 16 |
               (uint32_t)p[4 * t + 2] << 8 | p[4 * t + 3];
    for (int t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);

    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 80; t++) {
        uint32_t f, k;
        if (t < 20)
            f = (b & c) | (~b & d), k = 0x5a827999;
        else if (t < 40)
            f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (t < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else
            f = b ^ c ^ d, k = 0xca62c1d6;
        uint32_t next = rotate(a, 5) + f + e + k + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Blocks, on any processor. */
static void
blocks_plain(uint32_t h[5], const uint8_t *p, size_t n)
{
    for (; n; n--, p += 64)
        block_plain(h, p);
}

#ifdef __x86_64__

/* Rounds 4 * i to 4 * i + 3, and the words of those that are sixteen on. */
#define ROUNDS(i, kind)                                                        \
    do {                                                                       \
        const __m128i was = abcd;                                              \
        e = (i) ? _mm_sha1nexte_epu32(e, w[(i) % 4]) : _mm_add_epi32(e, w[0]); \
        abcd = _mm_sha1rnds4_epu32(abcd, e, kind);                             \
        e = was;                                                               \
        w[(i) % 4] = _mm_sha1msg2_epu32(                                       \
            _mm_xor_si128(_mm_sha1msg1_epu32(w[(i) % 4], w[((i) + 1) % 4]),    \
                          w[((i) + 2) % 4]),                                   \
            w[((i) + 3) % 4]);                                                 \
    } while (0)
#define TWENTY(i, kind)                                                        \
    ROUNDS(i, kind);                                                           \
    ROUNDS((i) + 1, kind);                                                     \
    ROUNDS((i) + 2, kind);                                                     \
    ROUNDS((i) + 3, kind);                                                     \
    ROUNDS((i) + 4, kind)

/* The same with the processor's instructions. */
__attribute__((target("sha,sse4.1"))) static void
blocks_sha(uint32_t h[5], const uint8_t *p, size_t n)
{
    const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i state = _mm_shuffle_epi32(
        _mm_loadu_si128((const __m128i *)(const void *)h), 0x1b);
    __m128i rest = _mm_set_epi32((int)h[4], 0, 0, 0);
    for (; n; n--, p += 64) {
        __m128i w[4], abcd = state, e = rest;
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(
                _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)),
                swap);
        TWENTY(0, 0);
        TWENTY(5, 1);
        TWENTY(10, 2);
        TWENTY(15, 3);
        rest = _mm_sha1nexte_epu32(e, rest);
        state = _mm_add_epi32(abcd, state);
    }
    _mm_storeu_si128((__m128i *)(void *)h, _mm_shuffle_epi32(state, 0x1b));
    h[4] = (uint32_t)_mm_extract_epi32(rest, 3);
}

/* Whether the processor has SHA, and SSE 4.1. */
static bool
has_sha(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) ||
        !(c & bit_SSSE3))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

#endif

_Atomic int gb_sha1_way;

/* Whole blocks. */
static void
blocks(uint32_t h[5], const uint8_t *p, size_t n)
{
#ifdef __x86_64__
    int way = gb_sha1_way;
    if (!way)
        gb_sha1_way = way = 1 + has_sha();
    if (way == 2) {
        blocks_sha(h, p, n);
        return;
    }
#endif
    blocks_plain(h, p, n);
}

void
gb_sha1_init(struct gb_sha1 *state)
{
    *state = (struct gb_sha1){
        .h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void
gb_sha1_add(struct gb_sha1 *state, struct gb_span s)
{
    size_t held = (size_t)(state->total % 64);
    state->total += s.len;
    if (held) {
        size_t n = s.len < 64 - held ? s.len : 64 - held;
        if (n)
            memcpy(state->rest + held, s.ptr, n);
        s = GB_SPAN(s.ptr + n, s.len - n);
        if (held + n < 64)
            return;
        blocks(state->h, state->rest, 1);
    }
    size_t whole = s.len / 64 * 64;
    blocks(state->h, s.ptr, whole / 64);
    if (s.len > whole)
        memcpy(state->rest, s.ptr + whole, s.len - whole);
}

void
gb_sha1_final(struct gb_sha1 *state, uint8_t out[GB_OID_BYTES])
{
    /* The rest, a one bit, zeros, and the length in bits. */
    uint8_t last[128] = {0};
    size_t rest = (size_t)(state->total % 64), end = rest < 56 ? 64 : 128;
    memcpy(last, state->rest, rest);
    last[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        last[end - 1 - i] = (uint8_t)(state->total * 8 >> 8 * i);
    blocks(state->h, last, end / 64);
    for (unsigned i = 0; i < GB_OID_BYTES; i++)
        out[i] = (uint8_t)(state->h[i / 4] >> (24 - 8 * (i % 4)));
}

void
gb_sha1(uint8_t out[GB_OID_BYTES], struct gb_span s)
{
    struct gb_sha1 state;
    gb_sha1_init(&state);
    gb_sha1_add(&state, s);
    gb_sha1_final(&state, out);
}
