/*
 * keyfile.h - private keys in files, as stock OpenSSH writes and reads them:
 * "openssh-key-v1" (OpenSSH's PROTOCOL.key), Ed25519, cipher "none".
 *
 * Every private key of the system is such a file, with mode 0600.  Receiving
 * keys are no exception: OpenSSH has no X25519 keys, so what is stored is the
 * Ed25519 key from which gb_box_key_derive() makes the X25519 one (libsodium's
 * crypto_sign_ed25519_sk_to_curve25519).
 *
 * Reading is strict: one canonical form, in which the public key fits the
 * private one; nothing is allocated, and everything secret is wiped.
 */
#ifndef GB_KEYFILE_H
#define GB_KEYFILE_H

#include "buf.h"
#include "err.h"
#include "key.h"

/* Larger files are refused unread; ssh-keygen's have about 400 bytes. */
#define GB_KEYFILE_MAX 4096

enum gb_keyfile_mode {
    GB_KEYFILE_NEW,    /* an existing file is left alone: GB_E_EXISTS */
    GB_KEYFILE_REPLACE /* an existing file is replaced in one step */
};

/*
 * Store a key.  The file appears complete or not at all, and when this
 * returns it survives a loss of power: written under a temporary name in the
 * same folder (PATH.new-XXXXXXXX, mode 0600 whatever the umask), fsync,
 * rename, fsync of the folder.  The comment is bound as in gb_key_line().
 * GB_E_IO, GB_E_EXISTS, GB_E_VALUE.
 */
enum gb_err gb_keyfile_write(const char *path, const struct gb_sign_key *key,
                             const char *comment, enum gb_keyfile_mode mode,
                             struct gb_fail *fail);

/*
 * Read a key.  GB_E_MISSING: no such file; GB_E_KEY: others may read it, it
 * has a passphrase, or it is not an Ed25519 key; GB_E_FORMAT: damaged;
 * GB_E_LIMIT, GB_E_IO.  *key is set only on success.
 */
enum gb_err gb_keyfile_read(struct gb_sign_key *key, const char *path,
                            struct gb_fail *fail);

/* The same for the text alone.  The appended text is secret: a buffer that
 * need not grow leaves no copies behind. */
enum gb_err gb_keyfile_encode(struct gb_buf *out, const struct gb_sign_key *key,
                              const char *comment, struct gb_fail *fail);
enum gb_err gb_keyfile_decode(struct gb_sign_key *key, struct gb_span text,
                              struct gb_fail *fail);

#endif
