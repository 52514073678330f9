/* answer.c - see answer.h */
#include "hub/answer.h"

#include "hub/known.h"

#include <string.h>

struct making {
    struct gb_buf known;
    struct gb_bundle_out out;
    struct gb_box_public receiver;
    struct gb_buf sealed;
};

/* One signed part, sealed, as a frame. */
static enum gb_err
add_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct making *m = context;
    gb_buf_clear(&m->sealed);
    enum gb_err e = gb_seal(&m->sealed, &m->receiver, container, fail);
    return e ? e
             : gb_bundle_add(&m->out, GB_FRAME_DELTA, gb_buf_view(&m->sealed),
                             fail);
}

/* The device's receiving key. */
static enum gb_err
find_receiver(struct gb_state *st, int device, struct gb_box_public *out,
              struct gb_fail *fail)
{
    struct gb_device d;
    struct gb_public_key key;
    bool found;
    enum gb_err e = gb_state_device(st, device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN,
                        "there is no device %d: `gengbu-hub devices` lists "
                        "them",
                        device);
    if (!e && !d.enrolled)
        e = gb_fail_set(fail, GB_E_KEY,
                        "device %d has not made its first contact: sync it, "
                        "or import what it exported",
                        device);
    if (e)
        return e;
    memcpy(key.bytes, d.receive_key, sizeof key.bytes);
    return gb_box_public_derive(out, &key, fail);
}

/* For a copy: what the hub has of its number's work. */
static enum gb_err
find_known(struct gb_state *st, struct gb_answer *a, struct making *m,
           struct gb_fail *fail)
{
    struct gb_ledger *ledger;
    if (!a->continues)
        return GB_OK;
    enum gb_err e = gb_ledger_open(&ledger, a->ledger, GB_LEDGER_READ, fail);
    if (!e)
        e = gb_hub_known(st, ledger, a->continues, a->continues_from, &m->known,
                         fail);
    gb_ledger_close(ledger);
    a->ask.known = gb_buf_view(&m->known);
    return e;
}

static enum gb_err
make(struct gb_state *st, struct gb_answer *a, struct making *m,
     struct gb_handed *handed, struct gb_fail *fail)
{
    struct gb_bundle bundle = {.to = GB_TO_DEVICE, .device = a->ask.device};
    memcpy(bundle.site, gb_state_site(st)->id, sizeof bundle.site);
    enum gb_err e = find_receiver(st, a->ask.device, &m->receiver, fail);
    if (!e)
        e = gb_bundle_begin(&m->out, &bundle, fail);
    if (!e)
        e = gb_handed_ask(st, &a->ask, handed, fail);
    if (!e)
        e = find_known(st, a, m, fail);
    if (!e)
        e = gb_delta_make(st, &a->ask, a->key, add_part, m, fail);
    if (e)
        return e;
    a->parts = m->out.frames;
    a->to = gb_state_size(st);
    return gb_bundle_end(&m->out, fail);
}

enum gb_err
gb_answer_make(struct gb_state *reader, struct gb_answer *a,
               struct gb_fail *fail)
{
    struct making m = {.out = {.write = a->write, .arg = a->arg}};
    struct gb_fail ignored = {0};
    struct gb_handed handed;
    enum gb_err e = gb_state_begin(reader, fail);
    if (e)
        return e;
    gb_buf_init(&m.sealed, GB_FRAME_MAX);
    gb_buf_init(&m.known, GB_ARENA_MAX);
    e = gb_state_refresh(reader, fail);
    if (!e)
        e = make(reader, a, &m, &handed, fail);
    gb_state_commit(reader, &ignored); /* a reader's: ends the snapshot */
    if (!e && a->parts)
        e = a->intake.hand(a->intake.arg, &handed, fail);
    gb_buf_release(&m.sealed);
    gb_buf_release(&m.known);
    a->ask.known = GB_SPAN(NULL, 0);
    return e;
}
