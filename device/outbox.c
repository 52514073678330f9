/* outbox.c - see outbox.h */
#include "outbox.h"

#include <string.h>

#include "engine/seal.h"

enum gb_err
gb_outbox_open(struct gb_outbox *o, struct gb_folder *folder,
               const struct gb_folder_keys *keys, bool sets, bool stick,
               struct gb_fail *fail)
{
    struct gb_journal_info info;
    struct gb_public_key hub;
    *o = (struct gb_outbox){.journal = folder->journal, .next = 1};
    gb_buf_init(&o->request, GB_SET_MAX);
    gb_buf_init(&o->plain, GB_SET_MAX);
    gb_buf_init(&o->sealed, GB_FRAME_MAX);
    o->out.write = gb_bundle_to_buf;
    enum gb_err e = gb_journal_info(o->journal, &info, fail);
    if (e)
        return e;
    o->header = (struct gb_bundle){.to = GB_TO_HUB, .device = info.device};
    memcpy(o->header.site, info.site.id, sizeof o->header.site);
    if (sets) {
        /* a stick brings what was acknowledged, too: a hub that was put back
         * to an older copy since cannot say that it lacks it */
        o->next = (stick ? info.accepted : info.safe) + 1;
        o->last = info.seq;
    }
    memcpy(hub.bytes, info.site.receive_key, sizeof hub.bytes);
    gb_wipe(info.secret, sizeof info.secret);
    e = gb_box_public_derive(&o->hub, &hub, fail);
    if (e)
        return gb_fail_wrap(fail, "the hub's receiving key");
    return gb_journal_request(o->journal, &keys->sign,
                              &keys->receive.public_key, stick, &o->request,
                              fail);
}

void
gb_outbox_use(struct gb_outbox *o, struct gb_journal *journal)
{
    o->journal = journal;
}

void
gb_outbox_release(struct gb_outbox *o)
{
    if (o->request.ptr)
        gb_wipe(o->request.ptr, o->request.len);
    gb_buf_release(&o->request);
    gb_buf_release(&o->plain);
    gb_buf_release(&o->sealed);
}

/* Seal a container to the hub and add its frame. */
static enum gb_err
add_frame(struct gb_outbox *o, enum gb_frame type, const struct gb_buf *plain,
          struct gb_fail *fail)
{
    enum gb_err e = gb_buf_check(plain, "a container", fail);
    gb_buf_clear(&o->sealed);
    if (!e)
        e = gb_seal(&o->sealed, &o->hub, gb_buf_view(plain), fail);
    if (!e)
        e = gb_bundle_add(&o->out, type, gb_buf_view(&o->sealed), fail);
    return e;
}

static enum gb_err
add_set(struct gb_outbox *o, struct gb_fail *fail)
{
    gb_buf_clear(&o->plain);
    enum gb_err e = gb_journal_container(o->journal, o->next, &o->plain, fail);
    if (!e)
        e = add_frame(o, GB_FRAME_SET, &o->plain, fail);
    if (!e) {
        o->next++;
        o->sets++;
    }
    return e;
}

enum gb_err
gb_outbox_next(void *outbox, struct gb_buf *piece, struct gb_fail *fail)
{
    struct gb_outbox *o = outbox;
    enum gb_err e = GB_OK;
    size_t before = piece->len;
    o->out.arg = piece;
    switch (o->at) {
    case GB_OUTBOX_REQUEST:
        e = gb_bundle_begin(&o->out, &o->header, fail);
        if (!e)
            e = add_frame(o, GB_FRAME_REQUEST, &o->request, fail);
        o->at = GB_OUTBOX_SETS;
        break;
    case GB_OUTBOX_SETS:
        if (o->next <= o->last) {
            e = add_set(o, fail);
            break;
        }
        e = gb_bundle_end(&o->out, fail);
        o->at = GB_OUTBOX_DONE;
        break;
    default:
        break;
    }
    o->bytes += piece->len - before;
    return e;
}
