/* audit_set.c - one set of the ledger before it is applied; see audit.h */
#include <string.h>

#include "engine/set.h"
#include "engine/sshsig.h"
#include "engine/tlv.h"
#include "hub/audit_private.h"

/* A key in a payload of GB_SITE. */
static bool
take_key(const struct gb_op *op, unsigned tag, struct gb_public_key *out)
{
    struct gb_span v = gb_tlv_find(op->text, tag);
    if (v.len != sizeof out->bytes)
        return false;
    memcpy(out->bytes, v.ptr, v.len);
    return true;
}

/*
 * The first set announces the keys of the site, its own among them.  It stands
 * in a commit that the first ledger key signed, so it may be decoded before
 * its own signature is verified; and it must name that ledger key.
 */
static enum gb_err
first_hub_key(struct gb_audit *a, struct gb_span signed_bytes,
              struct gb_public_key *key, struct gb_fail *fail)
{
    struct gb_set set;
    struct gb_public_key ledger = {{0}};
    bool found = false;
    enum gb_err e = gb_set_decode(signed_bytes, &gb_schema_none, &set, fail);
    if (e)
        return e;
    for (int i = 0; i < set.nops && !found; i++)
        found = set.ops[i].kind == GB_SITE && gb_tlv_valid(set.ops[i].text) &&
                take_key(&set.ops[i], GB_SITE_HUB_KEY, key) &&
                take_key(&set.ops[i], GB_SITE_LEDGER_KEY, &ledger);
    gb_set_release(&set);
    if (!found)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "the first set does not say which keys are the "
                           "site's");
    if (!gb_key_equal(&ledger, &a->ledger_key))
        return gb_fail_set(fail, GB_E_KEY,
                           "the first set announces another ledger key than "
                           "the one that signed its commit");
    return GB_OK;
}

/* The key by which a set must be signed, as of the position before it. */
static enum gb_err
key_of(struct gb_audit *a, const struct gb_replayed *r, struct gb_state *st,
       const struct gb_device *d, struct gb_public_key *key,
       struct gb_fail *fail)
{
    if (r->line->device) {
        memcpy(key->bytes, d->sign_key, sizeof key->bytes);
        return d->enrolled ? GB_OK
                           : gb_fail_set(fail, GB_E_KEY,
                                         "device %d is not enrolled here",
                                         r->line->device);
    }
    if (r->line->pos == 1)
        return first_hub_key(a, r->signed_bytes, key, fail);
    memcpy(key->bytes, gb_state_site(st)->hub_key, sizeof key->bytes);
    return GB_OK;
}

/* The armored text has one form, and is by this key over these bytes. */
static enum gb_err
check_signature(struct gb_audit *a, const struct gb_replayed *r,
                const struct gb_public_key *key, struct gb_fail *fail)
{
    const struct gb_audit_proof *p = &a->in.proofs[r->at];
    struct gb_sshsig sig;
    enum gb_err e = GB_OK;
    if (!p->good || !gb_key_equal(&p->key, key)) { /* once more: why? */
        struct gb_sha512 hash = gb_sha512(r->signed_bytes);
        e = gb_sshsig_parse(&sig, r->signature, fail);
        if (!e)
            e = gb_sshsig_check(&sig, key, GB_NS_CHANGESET, &hash, fail);
    }
    if (e)
        return gb_fail_wrap(fail, "its signature");
    a->signatures++;
    return GB_OK;
}

/* The line names the set that stands beside it. */
static enum gb_err
check_identity(const struct gb_audit *a, const struct gb_line *l,
               const struct gb_set_info *info, struct gb_fail *fail)
{
    if (memcmp(info->site, a->site, sizeof a->site))
        return gb_fail_set(fail, GB_E_SITE, "the set is of another site");
    if (info->device != l->device || info->seq != l->seq)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "its line names set %u of device %d, and it is set "
                           "%u of device %d",
                           l->seq, l->device, info->seq, info->device);
    return GB_OK;
}

/* A first set stands behind the one that it continues, as the hub makes it
 * wait for that. */
static enum gb_err
check_parent(struct gb_state *st, struct gb_span signed_bytes,
             struct gb_fail *fail)
{
    struct gb_set set;
    struct gb_fail why = {0};
    bool there;
    enum gb_err e = gb_set_decode_times(signed_bytes, &set, &why);
    if (e)
        return e == GB_E_MEMORY ? gb_fail_set(fail, e, "%s", why.text) : GB_OK;
    e = gb_state_parent_there(st, &set, &there, fail);
    gb_set_release(&set);
    if (!e && !there)
        e = gb_fail_set(fail, GB_E_LEDGER,
                        "the set that it continues is not in the log");
    return e;
}

/* Chains go on set by set; what does not go on is a fork, of which the log
 * holds at least the set that it forks from. */
static enum gb_err
check_chain(struct gb_state *st, const struct gb_line *l,
            const struct gb_set_info *info, const struct gb_device *d,
            struct gb_span signed_bytes, struct gb_fail *fail)
{
    uint64_t pos;
    bool next =
        info->seq == d->seq + 1 && !memcmp(info->prev, d->sha, sizeof d->sha);
    if (next == (l->verdict == GB_FORK))
        return gb_fail_set(fail, GB_E_LEDGER,
                           next ? "it is called a fork, and goes on with its "
                                  "device's chain"
                                : "it does not go on with its device's chain, "
                                  "and is not called a fork");
    enum gb_err e = gb_state_find(st, l->device, l->seq, l->sha256, &pos, fail);
    if (e)
        return e;
    if (pos)
        return gb_fail_set(fail, GB_E_LEDGER, "the set is at position %llu too",
                           (unsigned long long)pos);
    if (!gb_set_follows(info))
        return check_parent(st, signed_bytes, fail);
    if (next) /* the device's last one, so it is there */
        return GB_OK;
    e = gb_state_find(st, l->device, info->seq - 1, info->prev, &pos, fail);
    if (!e && !pos)
        e = gb_fail_set(fail, GB_E_LEDGER,
                        "the set before it in its device's chain is not in "
                        "the log");
    return e;
}

/* ----------------------------------------------------- tree heads seen -- */

enum gb_err
gb_audit_epoch(struct gb_audit *a, struct gb_state *st, struct gb_fail *fail)
{
    struct gb_audit_epoch e;
    uint32_t epoch = gb_state_site(st)->epoch;
    uint32_t last = 0;
    if (a->epochs.len) {
        memcpy(&e, a->epochs.ptr + a->epochs.len - sizeof e, sizeof e);
        last = e.epoch;
    }
    if (epoch < last)
        return gb_fail_set(fail, GB_E_LEDGER, "the epoch falls from %u to %u",
                           last, epoch);
    if (a->epochs.len && epoch == last)
        return GB_OK;
    memset(&e, 0, sizeof e);
    e.size = gb_state_size(st);
    e.epoch = epoch;
    gb_buf_add(&a->epochs, &e, sizeof e);
    return gb_buf_check(&a->epochs, "the list of epochs", fail);
}

/* The log's head at a size; most sets name the same one as those before. */
static enum gb_err
head_at(struct gb_audit *a, struct gb_state *st, uint64_t size,
        struct gb_head *out, struct gb_fail *fail)
{
    if (!size || a->asked.size != size) {
        enum gb_err e = gb_state_head_at(st, size, &a->asked, fail);
        if (e) {
            a->asked.size = 0;
            return e;
        }
    }
    *out = a->asked;
    return GB_OK;
}

/* The epoch that the log had at a size. */
static uint32_t
epoch_at(const struct gb_audit *a, uint64_t size)
{
    uint32_t epoch = 0;
    struct gb_audit_epoch e;
    for (size_t at = 0; at < a->epochs.len; at += sizeof e) {
        memcpy(&e, a->epochs.ptr + at, sizeof e);
        if (e.size > size)
            break;
        epoch = e.epoch; /* there are at most GB_AUDIT_EPOCHS_MAX */
    }
    return epoch;
}

/*
 * The base is a tree head that the device saw, and signed for.  One that this
 * log never had is explained when a backup was restored since: its epoch is
 * below the log's.  Otherwise the device bears witness against the log (or
 * lies), whatever the hub made of the set.
 */
static enum gb_err
check_base(struct gb_audit *a, struct gb_state *st, const struct gb_line *l,
           const struct gb_head *base, struct gb_fail *fail)
{
    char root[65];
    struct gb_head had = {0};
    uint64_t size = gb_state_size(st);
    uint32_t epoch = gb_state_site(st)->epoch;
    bool within = base->size <= size;
    enum gb_err e = gb_audit_epoch(a, st, fail);
    if (!e && within)
        e = head_at(a, st, base->size, &had, fail);
    if (e)
        return e;
    bool same = within && !memcmp(base->root, had.root, sizeof had.root);
    bool restored = base->epoch < (within ? epoch_at(a, base->size) : epoch);
    if ((same && base->epoch <= epoch) || (!same && restored))
        return GB_OK;
    if (a->report->witnesses++)
        return GB_OK;
    a->witness = l->pos;
    gb_hex_encode(root, base->root, sizeof base->root);
    gb_fail_set(&a->witness_says, GB_E_HISTORY,
                "device %d signed for the tree head %llu:%s of epoch %u, which "
                "this log never had: the log was rewritten, or that device "
                "lies",
                l->device, (unsigned long long)base->size, root, base->epoch);
    return GB_OK;
}

/* ----------------------------------------------------------------- all -- */

enum gb_err
gb_audit_one(void *context, const struct gb_replayed *r, struct gb_state *st,
             struct gb_fail *fail)
{
    struct gb_audit *a = context;
    struct gb_device d;
    struct gb_set_info info;
    struct gb_public_key key = {{0}};
    bool found = false;
    const uint8_t *sha = a->in.proofs[r->at].sha.bytes;
    if (memcmp(sha, r->line->sha256, GB_SHA256_BYTES))
        return gb_fail_set(fail, GB_E_LEDGER,
                           "the set does not have the SHA-256 in its line");
    enum gb_err e = gb_state_device(st, r->line->device, &d, &found, fail);
    if (!e)
        e = key_of(a, r, st, &d, &key, fail);
    if (!e)
        e = check_signature(a, r, &key, fail);
    if (!e)
        e = gb_set_info(r->signed_bytes, &info, fail);
    if (!e)
        e = check_identity(a, r->line, &info, fail);
    if (!e)
        e = check_chain(st, r->line, &info, &d, r->signed_bytes, fail);
    if (!e)
        e = check_base(a, st, r->line, &info.base, fail);
    return e;
}
