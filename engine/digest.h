/*
 * digest.h - SHA-256 and SHA-512 (FIPS 180-4), random bytes, wiping.
 *
 * Hashes are plain values that are copied and compared.  A hash in progress
 * lives on the caller's stack and owns nothing, so it may be dropped at any
 * point.  Nothing here fails or allocates, except gb_crypto_init().
 */
#ifndef GB_DIGEST_H
#define GB_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define GB_SHA256_BYTES 32
#define GB_SHA512_BYTES 64

struct gb_sha256 {
    uint8_t bytes[GB_SHA256_BYTES];
};

struct gb_sha512 {
    uint8_t bytes[GB_SHA512_BYTES];
};

/* Once per process, before anything else of the crypto modules; repeating it
 * is harmless.  GB_E_STATE when the system offers no random numbers. */
enum gb_err gb_crypto_init(struct gb_fail *fail);

/* n bytes for keys, salts and tokens, from the system's generator. */
void gb_random(void *bytes, size_t n);

/* Overwrite secrets in a way that the compiler keeps. */
void gb_wipe(void *bytes, size_t n);

/* Whether n secret bytes are equal, in a time that does not tell where they
 * differ. */
bool gb_same_secret(const void *a, const void *b, size_t n);

/* ---------------------------------------------------------- one-shot -- */

struct gb_sha256 gb_sha256(struct gb_span s);
struct gb_sha512 gb_sha512(struct gb_span s);

/* For public hashes: not in constant time. */
bool gb_sha256_equal(const struct gb_sha256 *a, const struct gb_sha256 *b);

/* ------------------------------------------------------- incremental -- */

/* The size is checked against the library's in digest.c. */
struct gb_sha256_state {
    _Alignas(16) uint8_t opaque[112];
};

/* init, any number of adds, one final; a state starts again with init. */
void gb_sha256_init(struct gb_sha256_state *state);
void gb_sha256_add(struct gb_sha256_state *state, struct gb_span s);
struct gb_sha256 gb_sha256_final(struct gb_sha256_state *state);

#endif
