/* ingest.c - see ingest.h */
#include "hub/ingest.h"

#include <stdlib.h>
#include <string.h>

#include "engine/sshsig.h"
#include "hub/quarantine.h"

#define HELD_SETS 256         /* handed on when there are so many, */
#define HELD_BYTES (2u << 20) /* or so much */

/* ---------------------------------------------------------- handing on -- */

/* The reader is there from here on, */
static enum gb_err
take_reader(struct gb_ingest *g, struct gb_fail *fail)
{
    return g->reader ? GB_OK : g->take_reader(g->arg, &g->reader, fail);
}

/* and from here on others may have it. */
static void
give_reader(struct gb_ingest *g)
{
    if (!g->give_reader || !g->reader)
        return;
    g->give_reader(g->arg, g->reader);
    g->reader = NULL;
}

/* Count what became of the sets, and forget them. */
static void
settle(struct gb_ingest *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct gb_arriving *a = &g->sets[i];
        const struct gb_container *c = &a->parts;
        g->taken += a->outcome == GB_TAKEN;
        g->known += a->outcome == GB_KNOWN;
        g->waiting += a->outcome == GB_WAITING;
        if (a->outcome != GB_REFUSED)
            continue;
        size_t all = c->signed_bytes.len + c->signature.len + c->personal.len;
        gb_quarantine_keep(g->hub, GB_SPAN(g->bytes[i], all), g->bundle.device,
                           &a->fail);
        g->refused++;
        g->why = a->fail;
    }
}

/* Give what is held to the intake. */
static enum gb_err
hand_on(struct gb_ingest *g, struct gb_fail *fail)
{
    struct gb_delivery d = {.request = &g->request, .sets = g->sets, .n = g->n};
    give_reader(g);
    enum gb_err e = g->intake.deliver(g->intake.arg, &d, fail);
    if (!e) {
        g->now_ms = d.now_ms;
        settle(g);
    }
    while (g->n)
        free(g->bytes[--g->n]);
    g->held = 0;
    return e;
}

/* Room for one more set. */
static bool
make_room(struct gb_ingest *g)
{
    if (g->n < g->room)
        return true;
    size_t room = g->room ? 2 * g->room : 4;
    struct gb_arriving *sets = realloc(g->sets, room * sizeof *sets);
    if (!sets)
        return false;
    g->sets = sets;
    uint8_t **bytes = realloc(g->bytes, room * sizeof *bytes);
    if (!bytes)
        return false;
    g->bytes = bytes;
    g->room = room;
    return true;
}

/* Hold a copy of a verified container, and what is known of it. */
static enum gb_err
hold(struct gb_ingest *g, struct gb_span container,
     const struct gb_arriving *known, struct gb_fail *fail)
{
    uint8_t *copy = make_room(g) ? malloc(container.len) : NULL;
    if (!copy)
        return gb_fail_memory(fail);
    memcpy(copy, container.ptr, container.len);
    struct gb_arriving *a = &g->sets[g->n];
    *a = *known;
    g->bytes[g->n++] = copy; /* transferred */
    g->held += container.len;
    /* it was split before: the same bytes split alike */
    enum gb_err e =
        gb_container_split(GB_SPAN(copy, container.len), &a->parts, fail);
    gb_assert(!e);
    return g->n == HELD_SETS || g->held >= HELD_BYTES ? hand_on(g, fail)
                                                      : GB_OK;
}

/* ------------------------------------------------------------ requests -- */

/* What a device has seen must be the beginning of this ledger. */
static enum gb_err
check_head(struct gb_ingest *g, const struct gb_head *h, struct gb_fail *fail)
{
    struct gb_head ours;
    uint64_t size = gb_state_size(g->reader);
    if (h->size > size)
        return gb_fail_set(fail, GB_E_HISTORY,
                           "device %d has seen %llu entries of the ledger, "
                           "this hub has %llu: was it restored from an older "
                           "copy?",
                           g->request.device, (unsigned long long)h->size,
                           (unsigned long long)size);
    if (!h->size)
        return GB_OK;
    enum gb_err e = gb_state_head_at(g->reader, h->size, &ours, fail);
    if (!e && memcmp(h->root, ours.root, sizeof ours.root))
        e = gb_fail_set(fail, GB_E_HISTORY,
                        "device %d has seen another ledger up to entry %llu "
                        "(its root is not this hub's): ask the auditor",
                        g->request.device, (unsigned long long)h->size);
    return e;
}

/* The request is signed by the key that it brings, or that is known. */
static enum gb_err
check_signature(struct gb_ingest *g, const struct gb_container *parts,
                struct gb_fail *fail)
{
    const struct gb_request *r = &g->request;
    struct gb_public_key key;
    struct gb_signature sig;
    bool found;
    enum gb_err e =
        gb_state_device(g->reader, r->device, &g->device, &found, fail);
    if (!e && !r->first && !g->device.enrolled)
        e = gb_fail_set(fail, GB_E_KEY,
                        "device %d is not enrolled here: enrol it, and sync "
                        "again",
                        r->device);
    if (e)
        return e;
    memcpy(key.bytes, r->first ? r->sign_key : g->device.sign_key, 32);
    memcpy(sig.bytes, parts->signature.ptr, sizeof sig.bytes);
    return gb_sshsig_verify(&key, GB_NS_REQUEST, parts->signed_bytes, &sig,
                            fail);
}

/* Who asks, in the opened first frame. */
static enum gb_err
authenticate(struct gb_ingest *g, struct gb_span container,
             struct gb_fail *fail)
{
    struct gb_container parts;
    enum gb_err e = gb_request_decode(container, &parts, &g->request, fail);
    if (!e && memcmp(g->request.site, g->site, sizeof g->request.site))
        e = gb_fail_set(fail, GB_E_SITE,
                        "this request is for another site: take it to "
                        "that site's hub");
    if (!e && g->request.device != g->bundle.device)
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "the bundle is of device %d, its request of device %d",
                        g->bundle.device, g->request.device);
    return e ? e : check_signature(g, &parts, fail);
}

/* The first frame: let the device in, or end the bundle. */
static enum gb_err
take_request(struct gb_ingest *g, struct gb_span container,
             struct gb_fail *fail)
{
    bool found;
    struct gb_fail why = {0};
    enum gb_err e = take_reader(g, fail);
    if (e)
        return e;
    e = authenticate(g, container, &why);
    if (e) {
        if (e != GB_E_KEY && !gb_err_is_ours(e))
            gb_quarantine_keep(g->hub, container, g->bundle.device, &why);
        return gb_fail_set(fail, e, "%s", why.text);
    }
    if (g->request.first)
        e = g->intake.enrol(g->intake.arg, &g->request, fail);
    /* only now it may be another size, with the keys in the ledger */
    if (!e && g->request.first)
        e = gb_state_refresh(g->reader, fail);
    if (!e)
        e = gb_state_device(g->reader, g->request.device, &g->device, &found,
                            fail);
    if (!e)
        e = check_head(g, &g->request.merged, fail);
    if (!e)
        e = check_head(g, &g->request.highest, fail);
    g->asked = !e;
    return e;
}

/* ---------------------------------------------------------------- sets -- */

static void
count_refused(struct gb_ingest *g, const struct gb_fail *why)
{
    g->refused++;
    g->why = *why;
}

static void
refuse(struct gb_ingest *g, struct gb_span bytes, const struct gb_fail *why)
{
    gb_quarantine_keep(g->hub, bytes, g->bundle.device, why);
    count_refused(g, why);
}

/* A device sends its own work only: another could leave out the personal values
 * behind the signature, and of its clock nothing is known.  A set of another
 * is not kept, as nobody may let it in later. */
static enum gb_err
take_set(struct gb_ingest *g, struct gb_span container, struct gb_fail *fail)
{
    const struct gb_request *r = &g->request;
    struct gb_arriving a = {
        .skew = {.clock_ms = r->clock_ms, .stick = r->stick || g->file}};
    struct gb_set_info info;
    struct gb_fail why = {0};
    memcpy(a.skew.boot, r->boot, sizeof a.skew.boot);
    enum gb_err e = gb_container_split(container, &a.parts, &why);
    if (!e)
        e = gb_set_info(a.parts.signed_bytes, &info, &why);
    if (!e && info.device != r->device) {
        gb_fail_set(&why, GB_E_FORMAT,
                    "a set of device %d in a bundle of device %d: sync device "
                    "%d itself",
                    info.device, r->device, info.device);
        count_refused(g, &why);
        return GB_OK;
    }
    if (!e)
        e = take_reader(g, &why);
    if (!e)
        e = gb_office_verify(g->reader, g->site, &a, &why);
    if (gb_err_is_ours(e))
        return gb_fail_set(fail, e, "%s", why.text);
    if (e) {
        refuse(g, container, &why);
        return GB_OK;
    }
    return hold(g, container, &a, fail);
}

/* -------------------------------------------------------------- frames -- */

static enum gb_err
take_header(void *arg, const struct gb_bundle *bundle, struct gb_fail *fail)
{
    struct gb_ingest *g = arg;
    g->bundle = *bundle;
    g->elsewhere = bundle->to != GB_TO_HUB;
    if (g->elsewhere)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "this bundle is for device %d: `gengbu import` it "
                           "there",
                           bundle->device);
    if (memcmp(bundle->site, g->site, sizeof bundle->site))
        return gb_fail_set(fail, GB_E_SITE,
                           "this bundle is for another site: take it to that "
                           "site's hub");
    return GB_OK;
}

static enum gb_err
take_frame(void *arg, enum gb_frame type, struct gb_span sealed,
           struct gb_fail *fail)
{
    struct gb_ingest *g = arg;
    struct gb_fail why = {0};
    gb_buf_clear(&g->plain);
    enum gb_err e = gb_unseal(&g->plain, g->receive, sealed, &why);
    if (gb_err_is_ours(e))
        return gb_fail_set(fail, e, "%s", why.text);
    if (e && g->asked) {
        refuse(g, sealed, &why);
        return GB_OK;
    }
    if (e) {
        gb_quarantine_keep(g->hub, sealed, g->bundle.device, &why);
        return gb_fail_set(fail, e, "%s", why.text);
    }
    if (type == GB_FRAME_REQUEST && !g->asked)
        return take_request(g, gb_buf_view(&g->plain), fail);
    if (type == GB_FRAME_SET && g->asked)
        return take_set(g, gb_buf_view(&g->plain), fail);
    return gb_fail_set(fail, GB_E_FORMAT,
                       "a bundle for the hub holds one request, then sets: "
                       "export it again");
}

void
gb_ingest_init(struct gb_ingest *g)
{
    struct gb_bundle_events on = {take_header, take_frame, g};
    gb_bundle_in_init(&g->in, &on);
    gb_buf_init(&g->plain, GB_FRAME_MAX);
}

void
gb_ingest_release(struct gb_ingest *g)
{
    gb_bundle_in_release(&g->in);
    gb_buf_release(&g->plain);
    while (g->n)
        free(g->bytes[--g->n]);
    free(g->sets);
    free(g->bytes);
    g->sets = NULL;
    g->bytes = NULL;
    g->room = 0;
    gb_wipe(g->request.secret, sizeof g->request.secret);
}

enum gb_err
gb_ingest_feed(struct gb_ingest *g, struct gb_span bytes, struct gb_fail *fail)
{
    enum gb_err e = gb_bundle_feed(&g->in, bytes, fail);
    give_reader(g);
    return e;
}

enum gb_err
gb_ingest_finish(struct gb_ingest *g, struct gb_fail *fail)
{
    enum gb_err e = gb_bundle_finish(&g->in, fail), committed = GB_OK;
    struct gb_fail why = {0};
    if (g->asked)
        committed = hand_on(g, &why);
    if (committed)
        return gb_fail_set(fail, committed, "%s", why.text);
    if (!e && !g->asked)
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a bundle without a request: export it again");
    return e;
}
