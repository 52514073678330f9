/* audit_verify.c - one change set against a file of signers; see audit.h */
#include <stdio.h>
#include <string.h>

#include "engine/set.h"
#include "engine/sshsig.h"
#include "hub/audit.h"

/* Whether a name stands in a list with commas, as it is and not as a pattern;
 * a list with exceptions ("!PATTERN") has nobody. */
static bool
listed(struct gb_span list, const char *name)
{
    struct gb_span want = gb_span_text(name);
    bool is = false;
    while (list.len) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        size_t n = comma ? (size_t)(comma - list.ptr) : list.len;
        if (*list.ptr == '!')
            return false;
        is |= gb_span_equal(GB_SPAN(list.ptr, n), want);
        n += comma != NULL;
        list = GB_SPAN(list.ptr + n, list.len - n);
    }
    return is;
}

/* What keeps a line of the file from allowing this; NULL: nothing. */
static const char *
objection(const struct gb_audit_signer *s, const struct gb_audit_set *in,
          const char *identity)
{
    if (!listed(s->principals, identity))
        return "that key belongs to another signer";
    if (s->namespaces.len && !listed(s->namespaces, GB_NS_CHANGESET))
        return "that key may not sign change sets";
    if (in->time_s < s->after_s)
        return "that key is not valid yet";
    if (in->time_s >= s->before_s)
        return "that key is no longer valid";
    return NULL;
}

/* Some line of the file lets this key sign for this identity. */
static enum gb_err
allow(const struct gb_audit_set *in, const char *identity,
      const struct gb_public_key *key, struct gb_fail *fail)
{
    struct gb_span rest = in->signers;
    struct gb_audit_signer s;
    char print[GB_FINGERPRINT_SIZE];
    const char *why = "that key is not in the file of signers";
    unsigned line = 0;
    bool found = true, good = false;
    /* To the end: a file with a bad line is no file to rely on. */
    while (found) {
        enum gb_err e = gb_audit_signer_next(&rest, &line, &s, &found, fail);
        if (e)
            return gb_fail_wrap(fail, "the file of signers");
        if (!found || !gb_key_equal(&s.key, key))
            continue;
        const char *but = objection(&s, in, identity);
        good |= !but;
        why = but ? but : why;
    }
    gb_key_fingerprint(print, key);
    return good ? GB_OK
                : gb_fail_set(fail, GB_E_SIGNATURE,
                              "signed by %s, and not by %s: %s", print,
                              identity, why);
}

enum gb_err
gb_audit_set_verify(const struct gb_audit_set *in, struct gb_public_key *key,
                    struct gb_fail *fail)
{
    struct gb_set_info info;
    struct gb_sshsig sig;
    char site[33], own[64];
    enum gb_err e = gb_set_info(in->signed_bytes, &info, fail);
    if (!e)
        e = gb_sshsig_parse(&sig, in->signature, fail);
    if (e)
        return e;
    gb_hex_encode(site, info.site, sizeof info.site);
    snprintf(own, sizeof own, "%d@%s", info.device, site);
    *key = sig.key;
    struct gb_sha512 hash = gb_sha512(in->signed_bytes);
    e = gb_sshsig_check(&sig, &sig.key, GB_NS_CHANGESET, &hash, fail);
    return e ? e : allow(in, in->identity ? in->identity : own, key, fail);
}
