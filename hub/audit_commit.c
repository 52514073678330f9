/* audit_commit.c - commits: their form, their key, their tree heads; see
 * audit.h */
#include <string.h>

#include "engine/sshsig.h"
#include "hub/audit_private.h"

void
gb_audit_at(struct gb_audit *a, uint64_t position, uint64_t last)
{
    a->report->position = position;
    a->report->position_last = last > position ? last : position;
}

/* The ledger key that the first commit itself names: all of signers/ledger.
 * That its first set announces the same one is seen when that is read. */
static enum gb_err
first_key(struct gb_audit *a, const struct gb_oid *oid, struct gb_fail *fail)
{
    static const char start[] = "ledger namespaces=\"git\" ";
    const size_t n = sizeof start - 1;
    struct gb_buf text;
    struct gb_span comment;
    gb_buf_init(&text, GB_LEDGER_FILE_MAX);
    enum gb_err e =
        gb_ledger_read_at(a->ledger, oid, GB_SIGNERS_LEDGER, &text, fail);
    if (!e && (text.len < n || memcmp(text.ptr, start, n)))
        e = gb_fail_set(fail, GB_E_LEDGER, "%s: not as a hub writes it",
                        GB_SIGNERS_LEDGER);
    if (!e)
        e = gb_key_line_parse(&a->ledger_key, &comment,
                              GB_SPAN(text.ptr + n, text.len - n), fail);
    gb_buf_release(&text);
    return e;
}

/* The key that everything hangs on must be the one that `init` printed. */
static enum gb_err
pin(struct gb_audit *a, struct gb_fail *fail)
{
    char is[GB_FINGERPRINT_SIZE];
    gb_key_fingerprint(is, &a->ledger_key);
    a->report->keys[0] = (struct gb_audit_key){a->ledger_key, 1};
    a->report->nkeys = 1;
    if (!a->plan->key)
        return GB_OK;
    if (strcmp(is, a->plan->key))
        return gb_fail_set(fail, GB_E_KEY,
                           "the site's first ledger key is %s, not %s: this is "
                           "not that site's ledger",
                           is, a->plan->key);
    a->report->pinned = true;
    return GB_OK;
}

/* The signature of the commit in work, by the key that is in force. */
static enum gb_err
check_signature(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_sshsig sig;
    if (!a->in.commit.signature.len)
        return gb_fail_set(fail, GB_E_SIGNATURE, "it is not signed");
    struct gb_sha512 hash = gb_sha512(a->in.commit.payload);
    enum gb_err e = gb_sshsig_parse_header(&sig, a->in.commit.signature, fail);
    if (!e)
        e = gb_sshsig_check(&sig, &a->ledger_key, GB_NS_GIT, &hash, fail);
    if (!e)
        a->signatures++;
    return e;
}

/* What stands in the commit beside its signature. */
static enum gb_err
check_words(struct gb_audit *a, struct gb_fail *fail)
{
    char site[33];
    uint64_t size = a->state ? gb_state_size(a->state) : 0;
    const struct gb_ledger_commit *c = &a->in.commit;
    if (a->in.message.first != size + 1)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "its batch begins at position %llu, and the log "
                           "before it ends at %llu",
                           (unsigned long long)a->in.message.first,
                           (unsigned long long)size);
    if (c->time_s >= GB_AUDIT_TIME_END)
        return gb_fail_set(fail, GB_E_LEDGER, "its time is not of this era");
    gb_hex_encode(site, a->site, sizeof a->site);
    if (a->state && !gb_span_equal(c->site, gb_span_text(site)))
        return gb_fail_set(fail, GB_E_SITE, "it is of another site, \"%.*s\"",
                           (int)c->site.len, (const char *)c->site.ptr);
    return GB_OK;
}

enum gb_err
gb_audit_commit(struct gb_audit *a, const struct gb_oid *oid,
                struct gb_fail *fail)
{
    char hex[2 * GB_OID_BYTES + 1];
    uint64_t next = a->state ? gb_state_size(a->state) + 1 : 1;
    gb_audit_at(a, next, next);
    enum gb_err e = GB_OK;
    if (a->in.upto < GB_AUDIT_READ_MESSAGE) {
        *fail = a->in.fail;
        e = fail->code;
    }
    if (a->in.upto == GB_AUDIT_READ_NOTHING)
        return e; /* its words name the commit */
    if (!e)
        gb_audit_at(a, next, a->in.message.head.size);
    if (!e && !a->state)
        e = first_key(a, oid, fail);
    if (!e && !a->state)
        e = pin(a, fail);
    if (!e)
        e = check_signature(a, fail);
    if (!e)
        e = check_words(a, fail);
    gb_hex_encode(hex, oid->bytes, sizeof oid->bytes);
    return e ? gb_fail_wrap(fail, "commit %s", hex) : GB_OK;
}
