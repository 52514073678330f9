/*
 * key.h - Ed25519 signing keys (RFC 8032), the X25519 receiving keys derived
 * from them (RFC 7748), and how OpenSSH writes the public half down.
 *
 * One key per role.  A receiving key is made and kept as an Ed25519 key like
 * every other; only when something is sealed is it turned into its X25519
 * form, by the birational map of RFC 7748 section 4.1.  A key that receives
 * never signs.
 *
 * Keys are plain values on the caller's stack; whoever holds a secret one
 * wipes it.  Nothing here allocates except into a gb_buf.
 */
#ifndef GB_KEY_H
#define GB_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define GB_KEY_BYTES 32
#define GB_SIGNATURE_BYTES 64
#define GB_KEY_TYPE "ssh-ed25519"
/* string "ssh-ed25519", string of 32 bytes (RFC 8709 section 4) */
#define GB_KEY_BLOB_BYTES (4 + 11 + 4 + GB_KEY_BYTES)
#define GB_FINGERPRINT_SIZE 51 /* "SHA256:", 43 digits, NUL */
#define GB_KEY_COMMENT_MAX 255 /* bytes */
#define GB_KEY_LINE_MAX (11 + 1 + 68 + 1 + GB_KEY_COMMENT_MAX + 1)

struct gb_public_key {
    uint8_t bytes[GB_KEY_BYTES]; /* Ed25519, RFC 8032 section 5.1.5 */
};

struct gb_sign_key {
    uint8_t seed[GB_KEY_BYTES]; /* secret */
    struct gb_public_key public_key;
};

/* R and S of RFC 8032 section 5.1.6. */
struct gb_signature {
    uint8_t bytes[GB_SIGNATURE_BYTES];
};

struct gb_box_public {
    uint8_t bytes[GB_KEY_BYTES]; /* X25519 */
};

struct gb_box_key {
    uint8_t secret[GB_KEY_BYTES]; /* secret */
    struct gb_box_public public_key;
};

/* ------------------------------------------------------------ making -- */

void gb_sign_key_generate(struct gb_sign_key *key);
void gb_sign_key_from_seed(struct gb_sign_key *key,
                           const uint8_t seed[GB_KEY_BYTES]);
void gb_sign_key_wipe(struct gb_sign_key *key);

/* ---------------------------------------------------------- checking -- */

/*
 * Whether a public key from outside may be used at all: a canonical encoding
 * of a point of the prime-order group.  Refused with GB_E_KEY: the identity
 * and the other points of low order (under those a signature fits messages
 * that nobody signed), encodings that are not reduced, and points with a
 * part of low order (verifiers differ on them).  Every key that was made by
 * the rules passes.  To be asked at enrolment; gb_key_verify() asks again.
 */
enum gb_err gb_key_check(const struct gb_public_key *key, struct gb_fail *fail);

bool gb_key_equal(const struct gb_public_key *a, const struct gb_public_key *b);

/* ----------------------------------------------------------- signing -- */

/* Plain Ed25519 over the bytes as they are.  What the system signs goes
 * through sshsig.h, which says for what purpose. */
struct gb_signature gb_key_sign(const struct gb_sign_key *key,
                                struct gb_span bytes);

/* Untrusted input.  GB_E_KEY for a key that gb_key_check() refuses, else
 * GB_E_SIGNATURE.  Strict: S is reduced, R is canonical and not of low order
 * (RFC 8032 section 5.1.7), so a signature cannot be altered into another. */
enum gb_err gb_key_verify(const struct gb_public_key *key, struct gb_span bytes,
                          const struct gb_signature *signature,
                          struct gb_fail *fail);

/* ----------------------------------------------------------- writing -- */

/* The SSH wire form that is hashed, signed for and written in base64. */
void gb_key_blob(uint8_t out[GB_KEY_BLOB_BYTES],
                 const struct gb_public_key *key);
/* The reverse; false unless it is that form exactly.  Not gb_key_check(). */
bool gb_key_blob_parse(struct gb_public_key *out, struct gb_span blob);

/* "SHA256:" and base64 without padding, as `ssh-keygen -lf` prints. */
void gb_key_fingerprint(char out[GB_FINGERPRINT_SIZE],
                        const struct gb_public_key *key);

/* Append "ssh-ed25519 AAAA... comment", without LF; an empty comment leaves
 * out its space.  GB_E_VALUE: the comment has control characters, is not
 * UTF-8, or is longer than GB_KEY_COMMENT_MAX. */
enum gb_err gb_key_line(struct gb_buf *out, const struct gb_public_key *key,
                        const char *comment, struct gb_fail *fail);

/*
 * The reverse: one line, with or without a final LF, single spaces, no
 * options in front; an empty comment may keep its space, as ssh-keygen writes
 * it.  The key is checked.  `comment` (may be NULL) is borrowed from the line.
 * GB_E_FORMAT or GB_E_KEY.
 */
enum gb_err gb_key_line_parse(struct gb_public_key *out,
                              struct gb_span *comment, struct gb_span line,
                              struct gb_fail *fail);

/* Whether the text may stand behind a key, as described above. */
bool gb_key_comment_valid(struct gb_span comment);

/* --------------------------------------------------------- receiving -- */

/* The X25519 pair of an Ed25519 key that was made to receive. */
void gb_box_key_derive(struct gb_box_key *out, const struct gb_sign_key *key);
void gb_box_key_wipe(struct gb_box_key *key);

/* The public half alone, for those who send.  The key is checked. */
enum gb_err gb_box_public_derive(struct gb_box_public *out,
                                 const struct gb_public_key *key,
                                 struct gb_fail *fail);

#endif
