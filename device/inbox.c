/* inbox.c - see inbox.h */
#include "inbox.h"

#include <string.h>

#include "engine/seal.h"
#include "engine/sshsig.h"

/* By the hub's key. */
static enum gb_err
verify(const struct gb_site *site, struct gb_span signed_bytes,
       struct gb_span signature, struct gb_fail *fail)
{
    struct gb_public_key hub;
    struct gb_signature s;
    memcpy(hub.bytes, site->hub_key, sizeof hub.bytes);
    memcpy(s.bytes, signature.ptr, sizeof s.bytes);
    enum gb_err e = gb_sshsig_verify(&hub, GB_NS_DELTA, signed_bytes, &s, fail);
    return e ? gb_fail_set(fail, e,
                           "an answer that the hub of this site did not sign: "
                           "nothing of it is used")
             : GB_OK;
}

enum gb_err
gb_inbox_part(struct gb_journal *j, const struct gb_site *site,
              struct gb_span container, bool *complete, struct gb_fail *fail)
{
    const size_t sig = sizeof((struct gb_signature *)0)->bytes;
    if (container.len < sig)
        return gb_fail_set(fail, GB_E_FORMAT, "a part of the delta is cut off");
    size_t n = container.len - sig;
    struct gb_span signed_bytes = GB_SPAN(container.ptr, n);
    enum gb_err e =
        verify(site, signed_bytes, GB_SPAN(container.ptr + n, sig), fail);
    return e ? e : gb_journal_delta_part(j, signed_bytes, complete, fail);
}

/* For this device, of this site, in this direction. */
static enum gb_err
check_header(void *arg, const struct gb_bundle *b, struct gb_fail *fail)
{
    const struct gb_inbox *in = arg;
    char ours[33], theirs[33];
    if (memcmp(b->site, in->info.site.id, sizeof b->site)) {
        gb_hex_encode(ours, in->info.site.id, 16);
        gb_hex_encode(theirs, b->site, 16);
        return gb_fail_set(fail, GB_E_SITE,
                           "belongs to another site (%.8s, and this is %.8s)",
                           theirs, ours);
    }
    if (b->to != GB_TO_DEVICE)
        return gb_fail_set(fail, GB_E_SITE,
                           "goes to the hub, not to a device: `gengbu-hub "
                           "import` takes it");
    if (b->device != in->info.device)
        return gb_fail_set(fail, GB_E_SITE,
                           "is for device %d, and this is device %d", b->device,
                           in->info.device);
    return GB_OK;
}

/* The hub's word that it has our sets. */
static enum gb_err
take_ack(struct gb_inbox *in, struct gb_span container, struct gb_fail *fail)
{
    const struct gb_site *site = &in->info.site;
    struct gb_container parts;
    struct gb_ack ack;
    enum gb_err e = gb_ack_decode(container, &parts, &ack, fail);
    if (!e)
        e = verify(site, parts.signed_bytes, parts.signature, fail);
    if (!e && (memcmp(ack.site, site->id, sizeof ack.site) ||
               ack.device != in->info.device))
        e = gb_fail_set(fail, GB_E_SITE,
                        "holds an acknowledgement for another handheld");
    return e ? e : gb_journal_acknowledged(in->folder->journal, &ack, fail);
}

/* The hub has our sets, and says why it has nothing for us. */
static enum gb_err
take_trouble(struct gb_span text, struct gb_fail *fail)
{
    if (!text.len || !gb_utf8_valid(text))
        text = gb_span_text("no reason is given");
    return gb_fail_set(fail, GB_E_NETWORK,
                       "the hub has what was sent, and no answer: %.*s",
                       (int)text.len, (const char *)text.ptr);
}

/* A whole frame: what the hub has of ours, or a part of a delta. */
static enum gb_err
take_frame(void *arg, enum gb_frame type, struct gb_span sealed,
           struct gb_fail *fail)
{
    struct gb_inbox *in = arg;
    if (type == GB_FRAME_REQUEST || type == GB_FRAME_SET)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "holds what only devices send to the hub");
    if (in->complete)
        return gb_fail_set(fail, GB_E_FORMAT, "holds more than one delta");
    gb_buf_clear(&in->part);
    enum gb_err e = gb_unseal(&in->part, &in->box, sealed, fail);
    if (e == GB_E_SIGNATURE)
        return gb_fail_set(fail, e,
                           "was changed on its way, or is not sealed to this "
                           "device: have it sent once more");
    if (!e && type == GB_FRAME_TROUBLE)
        return take_trouble(gb_buf_view(&in->part), fail);
    if (!e && type == GB_FRAME_ACK)
        return take_ack(in, gb_buf_view(&in->part), fail);
    return e ? e
             : gb_inbox_part(in->folder->journal, &in->info.site,
                             gb_buf_view(&in->part), &in->complete, fail);
}

enum gb_err
gb_inbox_open(struct gb_inbox *in, struct gb_folder *folder,
              const struct gb_folder_keys *keys, struct gb_fail *fail)
{
    *in = (struct gb_inbox){.folder = folder, .keys = keys};
    gb_buf_init(&in->part, GB_FRAME_MAX);
    gb_bundle_in_init(
        &in->in, &(struct gb_bundle_events){
                     .header = check_header, .frame = take_frame, .arg = in});
    gb_box_key_derive(&in->box, &keys->receive);
    return gb_journal_info(folder->journal, &in->info, fail);
}

void
gb_inbox_release(struct gb_inbox *in)
{
    gb_bundle_in_release(&in->in);
    gb_buf_release(&in->part);
    gb_box_key_wipe(&in->box);
    gb_wipe(in->info.secret, sizeof in->info.secret);
}

enum gb_err
gb_inbox_take(void *inbox, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_inbox *in = inbox;
    in->bytes += bytes.len;
    return gb_bundle_feed(&in->in, bytes, fail);
}

enum gb_err
gb_inbox_finish(struct gb_inbox *in, bool *applied, struct gb_applied *counts,
                struct gb_fail *fail)
{
    struct gb_fail why = {0};
    *applied = false;
    *counts = (struct gb_applied){0};
    enum gb_err e = gb_bundle_finish(&in->in, &why);
    if (e && !in->complete)
        return gb_fail_set(fail, e, "%s", why.text);
    if (!in->complete)
        return GB_OK;
    e = gb_folder_reopen(in->folder, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_journal_delta_apply(in->folder->journal, &in->keys->sign, counts,
                                   fail);
    *applied = !e;
    return e;
}
