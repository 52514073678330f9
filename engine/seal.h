/*
 * seal.h - containers that only their receiver can open: libsodium's sealed
 * box (X25519, XSalsa20-Poly1305, an ephemeral key for each message).
 *
 * Sealing hides and protects the content on its way; it says nothing about
 * who sealed it.  That is what the signature inside is for.
 */
#ifndef GB_SEAL_H
#define GB_SEAL_H

#include "buf.h"
#include "err.h"
#include "key.h"

#define GB_SEAL_OVERHEAD 48 /* ephemeral public key 32, tag 16 */

/*
 * Append the sealed form of `plain`, GB_SEAL_OVERHEAD bytes longer.  `plain`
 * must not lie inside `out`.  GB_E_KEY: the receiver's key is refused (one
 * that came from gb_box_public_derive() is not); or the buffer's failure.
 */
enum gb_err gb_seal(struct gb_buf *out, const struct gb_box_public *receiver,
                    struct gb_span plain, struct gb_fail *fail);

/*
 * Append what was sealed.  Untrusted input; at most its own length is
 * allocated.  GB_E_SIGNATURE: sealed to another key, or altered; nothing is
 * appended then.  `sealed` must not lie inside `out`.
 */
enum gb_err gb_unseal(struct gb_buf *out, const struct gb_box_key *receiver,
                      struct gb_span sealed, struct gb_fail *fail);

#endif
