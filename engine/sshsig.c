/* sshsig.c - see sshsig.h */
#include "sshsig.h"

#include <assert.h>
#include <string.h>

#include "armor.h"

/*
 * Numbers are u32 big-endian, "str" is a length and bytes.
 *
 * signed:  "SSHSIG" | str namespace | str reserved | str "sha512"
 *          | str SHA-512(message)
 * blob:    "SSHSIG" | 1 | str key | str namespace | str reserved
 *          | str "sha512" | str (str "ssh-ed25519" | str R, S)
 *
 * reserved is empty.
 */
#define MAGIC "SSHSIG"
#define MAGIC_LEN 6
#define VERSION 1
#define HASH "sha512"
#define LABEL "SSH SIGNATURE"

#define SIGNED_MAX                                                             \
    (MAGIC_LEN + 4 + GB_SSHSIG_NS_MAX + 4 + 4 + 6 + 4 + GB_SHA512_BYTES)

/* The blob around the namespace: magic, version, key, four lengths, "sha512",
 * and the signature with its type. */
#define BLOB_FIXED                                                             \
    (MAGIC_LEN + 4 + 4 + GB_KEY_BLOB_BYTES + 4 + 4 + 4 + 6 + 4 +               \
     (4 + 11 + 4 + GB_SIGNATURE_BYTES))
#define BLOB_MAX (BLOB_FIXED + GB_SSHSIG_NS_MAX)
/* base64, a line end for each line, BEGIN and END lines */
static_assert((BLOB_MAX + 2) / 3 * 4 * 71 / 70 + 1 + 60 <= GB_SSHSIG_MAX,
              "the longest namespace still fits its armored text");

/* A namespace of our own: one of the header's constants, or of a test. */
static bool
namespace_fits(const char *ns)
{
    size_t n = strlen(ns);
    return n > 0 && n <= GB_SSHSIG_NS_MAX;
}

/* What Ed25519 signs. */
static void
signed_bytes(struct gb_buf *b, const char *ns, const struct gb_sha512 *hash)
{
    gb_assert(namespace_fits(ns));
    gb_buf_text(b, MAGIC);
    gb_ssh_string(b, gb_span_text(ns));
    gb_ssh_string(b, gb_span_text(""));
    gb_ssh_string(b, gb_span_text(HASH));
    gb_ssh_string(b, GB_SPAN(hash->bytes, sizeof hash->bytes));
    gb_assert(!b->failed);
}

struct gb_signature
gb_sshsig_sign(const struct gb_sign_key *key, const char *ns,
               struct gb_span message)
{
    struct gb_sha512 hash = gb_sha512(message);
    return gb_sshsig_sign_hash(key, ns, &hash);
}

struct gb_signature
gb_sshsig_sign_hash(const struct gb_sign_key *key, const char *ns,
                    const struct gb_sha512 *hash)
{
    uint8_t bytes[SIGNED_MAX];
    struct gb_buf b = GB_STACK_BUF(bytes);
    signed_bytes(&b, ns, hash);
    return gb_key_sign(key, gb_buf_view(&b));
}

/* gb_sshsig_verify() of a message's hash. */
static enum gb_err
verify_hash(const struct gb_public_key *key, const char *ns,
            const struct gb_sha512 *hash, const struct gb_signature *signature,
            struct gb_fail *fail)
{
    uint8_t bytes[SIGNED_MAX];
    struct gb_buf b = GB_STACK_BUF(bytes);
    signed_bytes(&b, ns, hash);
    enum gb_err err = gb_key_verify(key, gb_buf_view(&b), signature, fail);
    if (err)
        gb_fail_wrap(fail, "namespace %s", ns);
    return err;
}

enum gb_err
gb_sshsig_verify(const struct gb_public_key *key, const char *ns,
                 struct gb_span message, const struct gb_signature *signature,
                 struct gb_fail *fail)
{
    struct gb_sha512 hash = gb_sha512(message);
    return verify_hash(key, ns, &hash, signature, fail);
}

enum gb_err
gb_sshsig_check(const struct gb_sshsig *sig, const struct gb_public_key *key,
                const char *ns, const struct gb_sha512 *hash,
                struct gb_fail *fail)
{
    if (!gb_key_equal(&sig->key, key)) {
        char is[GB_FINGERPRINT_SIZE], wanted[GB_FINGERPRINT_SIZE];
        gb_key_fingerprint(is, &sig->key);
        gb_key_fingerprint(wanted, key);
        return gb_fail_set(fail, GB_E_SIGNATURE, "signed by %s, not by %s", is,
                           wanted);
    }
    if (strcmp(sig->ns, ns))
        return gb_fail_set(fail, GB_E_SIGNATURE,
                           "signed in namespace %s, not in %s", sig->ns, ns);
    return verify_hash(key, ns, hash, &sig->signature, fail);
}

void
gb_sshsig_blob(struct gb_buf *out, const struct gb_public_key *key,
               const char *ns, const struct gb_signature *signature)
{
    gb_assert(namespace_fits(ns));
    uint8_t blob[GB_KEY_BLOB_BYTES];
    gb_key_blob(blob, key);
    gb_buf_text(out, MAGIC);
    gb_buf_u32(out, VERSION);
    gb_ssh_string(out, GB_SPAN(blob, sizeof blob));
    gb_ssh_string(out, gb_span_text(ns));
    gb_ssh_string(out, gb_span_text(""));
    gb_ssh_string(out, gb_span_text(HASH));
    gb_buf_u32(out, 4 + 11 + 4 + GB_SIGNATURE_BYTES);
    gb_ssh_string(out, gb_span_text(GB_KEY_TYPE));
    gb_ssh_string(out, GB_SPAN(signature->bytes, sizeof signature->bytes));
}

void
gb_sshsig_armor(struct gb_buf *out, const struct gb_public_key *key,
                const char *ns, const struct gb_signature *signature)
{
    uint8_t bytes[BLOB_MAX];
    struct gb_buf b = GB_STACK_BUF(bytes);
    gb_sshsig_blob(&b, key, ns, signature);
    gb_assert(!b.failed);
    gb_armor_encode(out, LABEL, gb_buf_view(&b));
}

/* Printable ASCII, so that it can be shown and compared as text. */
static bool
read_namespace(char ns[GB_SSHSIG_NS_MAX + 1], struct gb_reader *r)
{
    struct gb_span s = gb_ssh_read(r);
    if (r->bad || !s.len || s.len > GB_SSHSIG_NS_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= 0x20 || s.ptr[i] >= 0x7f)
            return false;
    memcpy(ns, s.ptr, s.len);
    ns[s.len] = 0;
    return true;
}

/* The innermost string: type and 64 bytes. */
static bool
read_signature(struct gb_signature *out, struct gb_reader *outer)
{
    struct gb_reader r = gb_reader_of(gb_ssh_read(outer));
    bool type = gb_ssh_read_is(&r, GB_KEY_TYPE);
    struct gb_span s = gb_ssh_read(&r);
    if (!type || !gb_read_done(&r) || s.len != sizeof out->bytes)
        return false;
    memcpy(out->bytes, s.ptr, s.len);
    return true;
}

enum gb_err
gb_sshsig_parse_blob(struct gb_sshsig *out, struct gb_span blob,
                     struct gb_fail *fail)
{
    struct gb_sshsig sig = {0};
    struct gb_reader r = gb_reader_of(blob);
    if (!gb_span_equal(gb_read_bytes(&r, MAGIC_LEN), gb_span_text(MAGIC)))
        return gb_fail_set(fail, GB_E_FORMAT, "not an SSH signature");
    uint32_t version = gb_read_u32(&r);
    if (!r.bad && version != VERSION)
        return gb_fail_set(fail, GB_E_VERSION,
                           "SSH signature of version %u, not 1", version);
    if (!gb_key_blob_parse(&sig.key, gb_ssh_read(&r)))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "SSH signature: not an Ed25519 key");
    if (!read_namespace(sig.ns, &r))
        return gb_fail_set(fail, GB_E_FORMAT, "SSH signature: bad namespace");
    if (!gb_ssh_read_is(&r, ""))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "SSH signature: the reserved field is not empty");
    if (!gb_ssh_read_is(&r, HASH))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "SSH signature: the hash is not sha512");
    if (!read_signature(&sig.signature, &r) || !gb_read_done(&r))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "SSH signature: damaged, or bytes left over");
    *out = sig;
    return GB_OK;
}

enum gb_err
gb_sshsig_parse(struct gb_sshsig *out, struct gb_span armored,
                struct gb_fail *fail)
{
    uint8_t blob[BLOB_MAX];
    size_t n;
    if (!gb_armor_decode(blob, sizeof blob, &n, LABEL, armored))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "not an armored SSH signature in the form that "
                           "ssh-keygen writes");
    return gb_sshsig_parse_blob(out, GB_SPAN(blob, n), fail);
}

enum gb_err
gb_sshsig_parse_header(struct gb_sshsig *out, struct gb_span armored,
                       struct gb_fail *fail)
{
    uint8_t text[GB_SSHSIG_MAX];
    struct gb_buf b = GB_STACK_BUF(text);
    gb_buf_span(&b, armored);
    gb_buf_text(&b, "\n");
    if (b.failed)
        return gb_fail_set(fail, GB_E_FORMAT, "SSH signature too long");
    return gb_sshsig_parse(out, gb_buf_view(&b), fail);
}
