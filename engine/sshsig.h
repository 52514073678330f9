/*
 * sshsig.h - OpenSSH signatures over messages (OpenSSH's PROTOCOL.sshsig),
 * Ed25519 with SHA-512, one namespace per role.
 *
 * What we write is byte-identical to `ssh-keygen -Y sign`, and what we accept
 * `ssh-keygen -Y verify` accepts.  The reverse does not hold on purpose: one
 * signature has one form here.  Refused are a version other than 1, a reserved
 * field that is not empty, a hash other than sha512, anything before, between
 * or behind, an S that is not reduced (RFC 8032 section 5.1.7), and the keys
 * that gb_key_check() refuses.
 *
 * Nothing allocates except into a gb_buf.
 */
#ifndef GB_SSHSIG_H
#define GB_SSHSIG_H

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "key.h"

#define GB_NS_CHANGESET "changeset@gengbu"
#define GB_NS_DELTA "delta@gengbu"
#define GB_NS_REQUEST "request@gengbu"
#define GB_NS_GIT "git"

#define GB_SSHSIG_NS_MAX 64 /* bytes of a namespace */
#define GB_SSHSIG_MAX 1024  /* bytes of an armored signature, at most */

/* What an armored signature says, none of it verified yet. */
struct gb_sshsig {
    struct gb_public_key key;
    char ns[GB_SSHSIG_NS_MAX + 1];
    struct gb_signature signature;
};

/* ----------------------------------------------------------- signing -- */

/* `ns` is one of the constants above (1 to GB_SSHSIG_NS_MAX bytes). */
struct gb_signature gb_sshsig_sign(const struct gb_sign_key *key,
                                   const char *ns, struct gb_span message);
/* The same, of a message's hash. */
struct gb_signature gb_sshsig_sign_hash(const struct gb_sign_key *key,
                                        const char *ns,
                                        const struct gb_sha512 *hash);

/* --------------------------------------------------------- verifying -- */

/* As gb_key_verify(): GB_E_KEY for a key that is refused whatever it
 * signed, else GB_E_SIGNATURE. */
enum gb_err gb_sshsig_verify(const struct gb_public_key *key, const char *ns,
                             struct gb_span message,
                             const struct gb_signature *signature,
                             struct gb_fail *fail);

/* A parsed signature must be by this key, in this namespace, over this
 * message; for the auditor, who starts from the armored text. */
enum gb_err gb_sshsig_check(const struct gb_sshsig *sig,
                            const struct gb_public_key *key, const char *ns,
                            const struct gb_sha512 *hash, struct gb_fail *fail);

/* -------------------------------------------------------------- text -- */

/* Append the binary blob, or its armored text with the final LF.  Git wants
 * the text without that LF when it makes a signed commit. */
void gb_sshsig_blob(struct gb_buf *out, const struct gb_public_key *key,
                    const char *ns, const struct gb_signature *signature);
void gb_sshsig_armor(struct gb_buf *out, const struct gb_public_key *key,
                     const char *ns, const struct gb_signature *signature);

/* Take apart an armored text, with its final LF, or a blob.  Untrusted input;
 * GB_E_FORMAT or GB_E_VERSION.  The signature is not verified. */
enum gb_err gb_sshsig_parse(struct gb_sshsig *out, struct gb_span armored,
                            struct gb_fail *fail);
enum gb_err gb_sshsig_parse_blob(struct gb_sshsig *out, struct gb_span blob,
                                 struct gb_fail *fail);
/* The same for the text as a git commit holds it, without the final LF. */
enum gb_err gb_sshsig_parse_header(struct gb_sshsig *out,
                                   struct gb_span armored,
                                   struct gb_fail *fail);

#endif
