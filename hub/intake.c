/* intake.c - see intake.h */
#include "hub/intake.h"

#include <stdlib.h>
#include <string.h>

#include "engine/tlv.h"
#include "hub/contact.h"
#include "hub/office_private.h"
#include "hub/takeover.h"
#include "hub/waiting.h"

/* ------------------------------------------------------- first contact -- */

/* The ticket is this device's, and nobody else has used it. */
static enum gb_err
check_ticket(const struct gb_device *d, const struct gb_request *r,
             struct gb_fail *fail)
{
    struct gb_sha256 sha = gb_sha256(GB_SPAN(r->secret, sizeof r->secret));
    if (!gb_same_secret(sha.bytes, d->ticket, sizeof sha.bytes))
        return gb_fail_set(fail, GB_E_TICKET,
                           "the ticket of device %d is not known here: enrol "
                           "the handheld anew",
                           r->device);
    if (d->enrolled && (memcmp(d->sign_key, r->sign_key, 32) ||
                        memcmp(d->receive_key, r->receive_key, 32)))
        return gb_fail_set(fail, GB_E_TICKET,
                           "this ticket was used by another handheld: enrol "
                           "this one anew, and `gengbu init JOURNAL --ticket "
                           "NEW` goes on with its work");
    return GB_OK;
}

/* Both may be used, and they are two. */
static enum gb_err
check_keys(const struct gb_request *r, struct gb_fail *fail)
{
    struct gb_public_key sign, receive;
    memcpy(sign.bytes, r->sign_key, sizeof sign.bytes);
    memcpy(receive.bytes, r->receive_key, sizeof receive.bytes);
    enum gb_err e = gb_key_check(&sign, fail);
    if (!e)
        e = gb_key_check(&receive, fail);
    if (!e && gb_key_equal(&sign, &receive))
        e = gb_fail_set(fail, GB_E_KEY, "one key for two roles");
    return e ? gb_fail_wrap(fail, "the keys of device %d", r->device) : GB_OK;
}

/* The keys, into the ledger. */
static enum gb_err
put_keys(struct gb_office *o, const struct gb_request *r, struct gb_fail *fail)
{
    struct gb_buf payload;
    struct gb_op op = {.kind = GB_DEVICE};
    gb_buf_init(&payload, 256);
    gb_tlv_number(&payload, GB_DEVICE_NUMBER, (uint64_t)r->device);
    gb_tlv_put(&payload, GB_DEVICE_SIGN_KEY, GB_SPAN(r->sign_key, 32));
    gb_tlv_put(&payload, GB_DEVICE_RECEIVE_KEY, GB_SPAN(r->receive_key, 32));
    op.text = gb_buf_view(&payload);
    enum gb_err e = gb_buf_check(&payload, "an enrolment", fail);
    if (!e)
        e = gb_office_own(o, &op, 1, 0, fail);
    gb_buf_release(&payload);
    return e;
}

enum gb_err
gb_intake_enrol(struct gb_office *o, const struct gb_request *r,
                struct gb_fail *fail)
{
    struct gb_device d;
    bool found = false;
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    e = gb_state_device(o->state, r->device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_TICKET,
                        "device %d was never enrolled here: `gengbu-hub "
                        "enrol` makes its ticket",
                        r->device);
    if (!e)
        e = check_ticket(&d, r, fail);
    if (!e && !d.enrolled)
        e = check_keys(r, fail);
    if (!e && r->continues)
        e = gb_takeover_begin(o->path, o->state, r, fail);
    if (!e && !d.enrolled)
        e = put_keys(o, r, fail);
    gb_office_unlock(o);
    return e;
}

/* ------------------------------------------------------------ delivery -- */

/* What comes late is taken, as from a stick: it tells nothing of a clock. */
static enum gb_err
distrust_late(struct gb_office *o, struct gb_delivery *const *list, size_t n,
              struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < n && !e; i++) {
        bool late;
        e = gb_contact_late(o->state, list[i]->request, &late, fail);
        for (size_t k = 0; k < list[i]->n && !e; k++)
            list[i]->sets[k].skew.stick |= late;
    }
    return e;
}

/* All sets in one array, as a batch wants them. */
static enum gb_err
gather(struct gb_delivery *const *list, size_t n, struct gb_arriving **out,
       size_t *count, struct gb_fail *fail)
{
    *count = 0;
    for (size_t i = 0; i < n; i++)
        *count += list[i]->n;
    *out = calloc(*count + 1, sizeof **out);
    if (!*out)
        return gb_fail_memory(fail);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i]->n)
            memcpy(*out + at, list[i]->sets, list[i]->n * sizeof **out);
        at += list[i]->n;
    }
    return GB_OK;
}

/* What became of each, back to where it came from. */
static void
scatter(struct gb_delivery *const *list, size_t n, struct gb_arriving *sets)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i]->n)
            memcpy(list[i]->sets, sets, list[i]->n * sizeof *sets);
        sets += list[i]->n;
    }
}

/* Keep what waits: the sender must not forget it before. */
static enum gb_err
keep(struct gb_office *o, const struct gb_arriving *sets, size_t n,
     struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < n && !e; i++)
        if (sets[i].outcome == GB_WAITING)
            e = gb_waiting_keep(o, &sets[i], fail);
    return e;
}

/* What follows from a batch that is durable, and is no business of those who
 * sent it: what waited for it, and when they were seen. */
static void
follow_up(struct gb_office *o, struct gb_delivery *const *list, size_t n,
          int64_t now_ms)
{
    struct gb_fail why = {0};
    bool taken = false;
    unsigned more = 0;
    for (size_t i = 0; i < n; i++) {
        list[i]->now_ms = now_ms;
        for (size_t k = 0; k < list[i]->n; k++)
            taken |= list[i]->sets[k].outcome == GB_TAKEN;
        if (gb_contact_note(o->state, list[i]->request, now_ms, &why))
            gb_office_tell(o, "a contact is not noted", &why);
        if (gb_takeover_note(o->path, o->state, list[i]->request, &why))
            gb_office_tell(o, "a takeover is not noted", &why);
    }
    if (taken && gb_waiting_retry(o, &more, &why))
        gb_office_tell(o, "what waits cannot be tried again", &why);
}

enum gb_err
gb_intake_deliver(struct gb_office *o, struct gb_delivery *const *deliveries,
                  size_t n, struct gb_fail *fail)
{
    struct gb_arriving *sets = NULL;
    size_t count = 0;
    int64_t now_ms = 0;
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    e = gb_office_now(o, &now_ms, fail);
    if (!e)
        e = distrust_late(o, deliveries, n, fail);
    if (!e)
        e = gather(deliveries, n, &sets, &count, fail);
    if (!e && count)
        e = gb_office_commit(o, sets, count, fail);
    if (!e)
        e = keep(o, sets, count, fail);
    if (!e) {
        scatter(deliveries, n, sets);
        follow_up(o, deliveries, n, now_ms);
    }
    gb_office_unlock(o);
    free(sets);
    return e;
}

enum gb_err
gb_intake_hand(struct gb_office *o, const struct gb_handed *handed,
               struct gb_fail *fail)
{
    enum gb_err e = gb_office_lock(o, fail);
    if (e)
        return e;
    e = gb_handed_note(o->state, handed, fail);
    gb_office_unlock(o);
    return e;
}

/* -------------------------------------------------------------- direct -- */

static enum gb_err
enrol_now(void *arg, const struct gb_request *request, struct gb_fail *fail)
{
    return gb_intake_enrol(arg, request, fail);
}

static enum gb_err
deliver_now(void *arg, struct gb_delivery *delivery, struct gb_fail *fail)
{
    return gb_intake_deliver(arg, &delivery, 1, fail);
}

static enum gb_err
hand_now(void *arg, const struct gb_handed *handed, struct gb_fail *fail)
{
    return gb_intake_hand(arg, handed, fail);
}

struct gb_intake
gb_intake_direct(struct gb_office *o)
{
    return (struct gb_intake){enrol_now, deliver_now, hand_now, o};
}
