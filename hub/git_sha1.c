/*
 * git_sha1.c - SHA-1 (FIPS 180-4 section 6.1.2), for the checksums at the
 * end of packs and their indexes and nothing else: libgit2 offers none of raw
 * bytes.  They find flipped bits; nobody is authenticated by them.
 */
#include "git_ledger.h"

#include <string.h>

static uint32_t
rotate(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

/* One block of 64 bytes. */
static void
block(uint32_t h[5], const uint8_t *p)
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
        block(state->h, state->rest);
    }
    for (; s.len >= 64; s = GB_SPAN(s.ptr + 64, s.len - 64))
        block(state->h, s.ptr);
    if (s.len)
        memcpy(state->rest, s.ptr, s.len);
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
    for (size_t i = 0; i < end; i += 64)
        block(state->h, last + i);
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
