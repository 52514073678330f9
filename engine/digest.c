/* digest.c - see digest.h */
#include "digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(struct gb_sha256_state) >=
                  sizeof(crypto_hash_sha256_state),
              "the library's SHA-256 state fits ours");
static_assert(_Alignof(crypto_hash_sha256_state) <= 16,
              "and its alignment does");
static_assert(GB_SHA256_BYTES == crypto_hash_sha256_BYTES &&
                  GB_SHA512_BYTES == crypto_hash_sha512_BYTES,
              "sizes of FIPS 180-4");

enum gb_err
gb_crypto_init(struct gb_fail *fail)
{
    if (sodium_init() < 0)
        return gb_fail_set(fail, GB_E_STATE,
                           "libsodium did not start: no random numbers");
    return GB_OK;
}

void
gb_random(void *bytes, size_t n)
{
    randombytes_buf(bytes, n);
}

void
gb_wipe(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

bool
gb_same_secret(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

struct gb_sha256
gb_sha256(struct gb_span s)
{
    struct gb_sha256 hash;
    crypto_hash_sha256(hash.bytes, s.ptr, s.len);
    return hash;
}

struct gb_sha512
gb_sha512(struct gb_span s)
{
    struct gb_sha512 hash;
    crypto_hash_sha512(hash.bytes, s.ptr, s.len);
    return hash;
}

bool
gb_sha256_equal(const struct gb_sha256 *a, const struct gb_sha256 *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

void
gb_sha256_init(struct gb_sha256_state *state)
{
    crypto_hash_sha256_init((void *)state->opaque);
}

/* The library copies with memcpy, which may not be handed NULL even for no
 * bytes at all: hence the test for emptiness. */
void
gb_sha256_add(struct gb_sha256_state *state, struct gb_span s)
{
    if (s.len)
        crypto_hash_sha256_update((void *)state->opaque, s.ptr, s.len);
}

struct gb_sha256
gb_sha256_final(struct gb_sha256_state *state)
{
    struct gb_sha256 hash;
    crypto_hash_sha256_final((void *)state->opaque, hash.bytes);
    return hash;
}
