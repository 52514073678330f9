/* answer.c - see answer.h */
#include "hub/answer.h"

#include "hub/known.h"

#include <string.h>

struct making {
    struct gb_answer *a;
    struct gb_buf known;
    struct gb_buf sealed;
};

/* One signed container, sealed, as a frame. */
static enum gb_err
add_frame(struct making *m, enum gb_frame type, struct gb_span container,
          struct gb_fail *fail)
{
    gb_buf_clear(&m->sealed);
    enum gb_err e = gb_seal(&m->sealed, &m->a->receiver, container, fail);
    return e ? e
             : gb_bundle_add(&m->a->out, type, gb_buf_view(&m->sealed), fail);
}

static enum gb_err
add_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct making *m = context;
    m->a->parts++;
    return add_frame(m, GB_FRAME_DELTA, container, fail);
}

/* The device, and its receiving key. */
static enum gb_err
find_receiver(struct gb_state *st, int device, struct gb_device *d,
              struct gb_box_public *out, struct gb_fail *fail)
{
    struct gb_public_key key;
    bool found;
    enum gb_err e = gb_state_device(st, device, d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN,
                        "there is no device %d: `gengbu-hub devices` lists "
                        "them",
                        device);
    if (!e && !d->enrolled)
        e = gb_fail_set(fail, GB_E_KEY,
                        "device %d has not made its first contact: sync it, "
                        "or import what it exported",
                        device);
    if (e)
        return e;
    memcpy(key.bytes, d->receive_key, sizeof key.bytes);
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

/* The bundle's header, unless an acknowledgement stands behind it already. */
static enum gb_err
begin(struct gb_state *st, struct gb_answer *a, struct gb_fail *fail)
{
    struct gb_bundle bundle = {.to = GB_TO_DEVICE, .device = a->ask.device};
    if (a->out.frames)
        return GB_OK;
    a->out = (struct gb_bundle_out){.write = a->write, .arg = a->arg};
    memcpy(bundle.site, gb_state_site(st)->id, sizeof bundle.site);
    return gb_bundle_begin(&a->out, &bundle, fail);
}

static enum gb_err
make(struct gb_state *st, struct making *m, struct gb_handed *handed,
     struct gb_fail *fail)
{
    struct gb_answer *a = m->a;
    struct gb_device d;
    enum gb_err e = find_receiver(st, a->ask.device, &d, &a->receiver, fail);
    if (!e)
        e = begin(st, a, fail);
    if (!e)
        e = gb_handed_ask(st, &a->ask, handed, fail);
    if (!e)
        e = find_known(st, a, m, fail);
    if (!e)
        e = gb_delta_make(st, &a->ask, a->key, add_part, m, fail);
    if (e)
        return e;
    a->to = gb_state_size(st);
    return gb_bundle_end(&a->out, fail);
}

/* What the ledger has of the device's chain; without any, nothing. */
static enum gb_err
acknowledge(struct gb_state *st, struct making *m, struct gb_fail *fail)
{
    struct gb_answer *a = m->a;
    struct gb_device d;
    struct gb_buf signed_ack;
    enum gb_err e = find_receiver(st, a->ask.device, &d, &a->receiver, fail);
    if (e || !d.seq)
        return e;
    struct gb_ack ack = {
        .device = a->ask.device, .seq = d.seq, .head = gb_state_head(st)};
    memcpy(ack.site, gb_state_site(st)->id, sizeof ack.site);
    memcpy(ack.sha, d.sha, sizeof ack.sha);
    gb_buf_init(&signed_ack, GB_SET_MAX);
    e = gb_ack_encode(&ack, a->key, &signed_ack, fail);
    if (!e)
        e = begin(st, a, fail);
    if (!e)
        e = add_frame(m, GB_FRAME_ACK, gb_buf_view(&signed_ack), fail);
    gb_buf_release(&signed_ack);
    return e;
}

enum gb_err
gb_answer_acknowledge(struct gb_state *reader, struct gb_answer *a,
                      struct gb_fail *fail)
{
    struct making m = {.a = a};
    struct gb_fail ignored = {0};
    enum gb_err e = gb_state_begin(reader, fail);
    if (e)
        return e;
    gb_buf_init(&m.sealed, GB_FRAME_MAX);
    e = gb_state_refresh(reader, fail);
    if (!e)
        e = acknowledge(reader, &m, fail);
    gb_state_commit(reader, &ignored); /* a reader's: ends the snapshot */
    gb_buf_release(&m.sealed);
    return e;
}

enum gb_err
gb_answer_trouble(struct gb_answer *a, const struct gb_fail *why,
                  struct gb_fail *fail)
{
    struct making m = {.a = a};
    struct gb_buf text;
    gb_buf_init(&text, 2048);
    gb_buf_init(&m.sealed, GB_FRAME_MAX);
    gb_buf_printf(&text, "%s: %s", gb_err_name(why->code), why->text);
    enum gb_err e = add_frame(&m, GB_FRAME_TROUBLE, gb_buf_view(&text), fail);
    if (!e)
        e = gb_bundle_end(&a->out, fail);
    gb_buf_release(&text);
    gb_buf_release(&m.sealed);
    return e;
}

enum gb_err
gb_answer_make(struct gb_state *reader, struct gb_answer *a,
               struct gb_fail *fail)
{
    struct making m = {.a = a};
    struct gb_fail ignored = {0};
    struct gb_handed handed;
    enum gb_err e = gb_state_begin(reader, fail);
    if (e)
        return e;
    a->parts = 0;
    gb_buf_init(&m.sealed, GB_FRAME_MAX);
    gb_buf_init(&m.known, GB_ARENA_MAX);
    e = gb_state_refresh(reader, fail);
    if (!e)
        e = make(reader, &m, &handed, fail);
    gb_state_commit(reader, &ignored); /* a reader's: ends the snapshot */
    if (!e && a->parts)
        e = a->intake.hand(a->intake.arg, &handed, fail);
    gb_buf_release(&m.sealed);
    gb_buf_release(&m.known);
    a->ask.known = GB_SPAN(NULL, 0);
    return e;
}
