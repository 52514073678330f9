/* key.c - see key.h */
#include "key.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "armor.h"
#include "digest.h"

#define KEYS_KNOWN 1024u
#define KEYS_NEAR 8 /* places that are looked at for one */

static_assert(crypto_sign_SEEDBYTES == GB_KEY_BYTES &&
                  crypto_sign_PUBLICKEYBYTES == GB_KEY_BYTES &&
                  crypto_sign_BYTES == GB_SIGNATURE_BYTES &&
                  crypto_box_PUBLICKEYBYTES == GB_KEY_BYTES &&
                  crypto_box_SECRETKEYBYTES == GB_KEY_BYTES,
              "all keys have 32 bytes, signatures 64");

void
gb_sign_key_generate(struct gb_sign_key *key)
{
    uint8_t seed[GB_KEY_BYTES];
    gb_random(seed, sizeof seed);
    gb_sign_key_from_seed(key, seed);
    gb_wipe(seed, sizeof seed);
}

void
gb_sign_key_from_seed(struct gb_sign_key *key, const uint8_t seed[GB_KEY_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memcpy(key->seed, seed, sizeof key->seed);
    crypto_sign_seed_keypair(key->public_key.bytes, secret, key->seed);
    gb_wipe(secret, sizeof secret);
}

void
gb_sign_key_wipe(struct gb_sign_key *key)
{
    gb_wipe(key, sizeof *key);
}

/* Keys that were found to be usable: to ask costs as much as to verify, and few
 * keys sign many sets.  All threads share them: those of a server are many, and
 * each ends with its connection. */
static struct {
    pthread_mutex_t mutex;
    struct known {
        bool used;
        struct gb_public_key key;
    } list[KEYS_KNOWN];
} usable = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Whether the key is among them; if not, and it `is_good`, it is from now on.
 */
static bool
known(const struct gb_public_key *key, bool is_good)
{
    size_t first = key->bytes[0] + 256u * key->bytes[1], i = 0;
    struct known *k;
    pthread_mutex_lock(&usable.mutex);
    do
        k = &usable.list[(first + i) % KEYS_KNOWN];
    while (k->used && !gb_key_equal(&k->key, key) && ++i < KEYS_NEAR);
    bool found = i < KEYS_NEAR && k->used;
    if (!found && is_good)
        usable.list[(first + i % KEYS_NEAR) % KEYS_KNOWN] =
            (struct known){true, *key};
    pthread_mutex_unlock(&usable.mutex);
    return found;
}

/* The library's check covers canonical encoding, low order and the prime
 * subgroup; RFC 8032 section 5.1.3 refuses x = 0 with the sign bit as well,
 * and the only points with x = 0 are of low order. */
enum gb_err
gb_key_check(const struct gb_public_key *key, struct gb_fail *fail)
{
    if (known(key, false))
        return GB_OK;
    if (crypto_core_ed25519_is_valid_point(key->bytes)) {
        known(key, true);
        return GB_OK;
    }
    char name[GB_FINGERPRINT_SIZE];
    gb_key_fingerprint(name, key);
    return gb_fail_set(fail, GB_E_KEY,
                       "%s is not a usable Ed25519 key: have its owner make "
                       "a new one",
                       name);
}

bool
gb_key_equal(const struct gb_public_key *a, const struct gb_public_key *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* The library's form of a secret key: seed, then public key. */
static void
library_key(uint8_t out[crypto_sign_SECRETKEYBYTES],
            const struct gb_sign_key *key)
{
    memcpy(out, key->seed, GB_KEY_BYTES);
    memcpy(out + GB_KEY_BYTES, key->public_key.bytes, GB_KEY_BYTES);
}

struct gb_signature
gb_key_sign(const struct gb_sign_key *key, struct gb_span bytes)
{
    struct gb_signature out;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    library_key(secret, key);
    crypto_sign_detached(out.bytes, NULL, bytes.ptr, bytes.len, secret);
    gb_wipe(secret, sizeof secret);
    return out;
}

/* The library refuses an S that is not reduced and an R of low order, and
 * compares R as bytes, so that no other encoding of it passes. */
enum gb_err
gb_key_verify(const struct gb_public_key *key, struct gb_span bytes,
              const struct gb_signature *signature, struct gb_fail *fail)
{
    enum gb_err err = gb_key_check(key, fail);
    if (err)
        return err;
    if (crypto_sign_verify_detached(signature->bytes, bytes.ptr, bytes.len,
                                    key->bytes))
        return gb_fail_set(fail, GB_E_SIGNATURE,
                           "the signature does not verify");
    return GB_OK;
}

static const uint8_t blob_head[] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";
static_assert(sizeof blob_head - 1 + GB_KEY_BYTES == GB_KEY_BLOB_BYTES,
              "two lengths, the type and the key");

void
gb_key_blob(uint8_t out[GB_KEY_BLOB_BYTES], const struct gb_public_key *key)
{
    memcpy(out, blob_head, sizeof blob_head - 1);
    memcpy(out + sizeof blob_head - 1, key->bytes, sizeof key->bytes);
}

bool
gb_key_blob_parse(struct gb_public_key *out, struct gb_span blob)
{
    if (blob.len != GB_KEY_BLOB_BYTES ||
        memcmp(blob.ptr, blob_head, sizeof blob_head - 1))
        return false;
    memcpy(out->bytes, blob.ptr + sizeof blob_head - 1, sizeof out->bytes);
    return true;
}

void
gb_key_fingerprint(char out[GB_FINGERPRINT_SIZE],
                   const struct gb_public_key *key)
{
    uint8_t blob[GB_KEY_BLOB_BYTES], text[52];
    gb_key_blob(blob, key);
    struct gb_sha256 hash = gb_sha256(GB_SPAN(blob, sizeof blob));
    struct gb_buf b = GB_STACK_BUF(text);
    gb_buf_text(&b, "SHA256:");
    gb_base64_encode(&b, GB_SPAN(hash.bytes, sizeof hash.bytes));
    gb_assert(b.len == GB_FINGERPRINT_SIZE && text[b.len - 1] == '=');
    memcpy(out, text, b.len - 1);
    out[b.len - 1] = 0;
}

bool
gb_key_comment_valid(struct gb_span comment)
{
    if (!comment.len)
        return true;
    for (size_t i = 0; i < comment.len; i++)
        if (comment.ptr[i] < 0x20 || comment.ptr[i] == 0x7f)
            return false;
    return comment.len <= GB_KEY_COMMENT_MAX && gb_utf8_valid(comment);
}

enum gb_err
gb_key_line(struct gb_buf *out, const struct gb_public_key *key,
            const char *comment, struct gb_fail *fail)
{
    if (!gb_key_comment_valid(gb_span_text(comment)))
        return gb_fail_set(fail, GB_E_VALUE,
                           "the key's comment is not one line of at most "
                           "%d bytes",
                           GB_KEY_COMMENT_MAX);
    uint8_t blob[GB_KEY_BLOB_BYTES];
    gb_key_blob(blob, key);
    gb_buf_text(out, GB_KEY_TYPE " ");
    gb_base64_encode(out, GB_SPAN(blob, sizeof blob));
    if (*comment) {
        gb_buf_text(out, " ");
        gb_buf_text(out, comment);
    }
    return gb_buf_check(out, "public key", fail);
}

/* Type, space and base64 off the front of the line; the rest stays. */
static bool
line_key(struct gb_public_key *out, struct gb_span *line)
{
    enum { HEAD = sizeof GB_KEY_TYPE, DIGITS = GB_KEY_BLOB_BYTES / 3 * 4 };
    static_assert(GB_KEY_BLOB_BYTES % 3 == 0, "no padding in a key line");
    uint8_t blob[GB_KEY_BLOB_BYTES];
    size_t n;
    if (line->len < HEAD + DIGITS || memcmp(line->ptr, GB_KEY_TYPE " ", HEAD) ||
        !gb_base64_decode(blob, sizeof blob, &n,
                          GB_SPAN(line->ptr + HEAD, DIGITS)))
        return false;
    *line = GB_SPAN(line->ptr + HEAD + DIGITS, line->len - HEAD - DIGITS);
    return gb_key_blob_parse(out, GB_SPAN(blob, n));
}

enum gb_err
gb_key_line_parse(struct gb_public_key *out, struct gb_span *comment,
                  struct gb_span line, struct gb_fail *fail)
{
    struct gb_public_key key;
    if (line.len && line.ptr[line.len - 1] == '\n')
        line.len--;
    if (!line_key(&key, &line))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "not a public key line (\"" GB_KEY_TYPE
                           " AAAA... comment\")");
    if (line.len) {
        if (line.ptr[0] != ' ' ||
            !gb_key_comment_valid(GB_SPAN(line.ptr + 1, line.len - 1)))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "public key line: junk behind the key");
        line = GB_SPAN(line.ptr + 1, line.len - 1);
    }
    enum gb_err err = gb_key_check(&key, fail);
    if (err)
        return err;
    *out = key;
    if (comment)
        *comment = line;
    return GB_OK;
}

void
gb_box_key_derive(struct gb_box_key *out, const struct gb_sign_key *key)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    library_key(secret, key);
    crypto_sign_ed25519_sk_to_curve25519(out->secret, secret);
    crypto_scalarmult_base(out->public_key.bytes, out->secret);
    gb_wipe(secret, sizeof secret);
}

void
gb_box_key_wipe(struct gb_box_key *key)
{
    gb_wipe(key, sizeof *key);
}

enum gb_err
gb_box_public_derive(struct gb_box_public *out, const struct gb_public_key *key,
                     struct gb_fail *fail)
{
    enum gb_err err = gb_key_check(key, fail);
    if (err)
        return err;
    if (crypto_sign_ed25519_pk_to_curve25519(out->bytes, key->bytes))
        return gb_fail_set(fail, GB_E_KEY, "the key cannot receive");
    return GB_OK;
}
