/* carry.c - how work gets from a handheld to the hub and back: a sync over the
 * network, and sticks; see sim.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/stick.h"
#include "device/sync.h"
#include "engine/delta.h"
#include "engine/seal.h"
#include "hub/answer.h"
#include "hub/contact.h"
#include "sim.h"

/* Errors that only say that something went wrong on the way. */
bool
sim_excused(const struct handheld *h, enum gb_err e)
{
    const struct world *w = h->w;
    bool trouble = sim_disk_is_killed(h->disk) || sim_disk_is_full(h->disk);
    return !e || e == GB_E_NETWORK || e == GB_E_FORK || trouble ||
           (e == GB_E_REFUSED && w->hub_offset_ms);
}

/* What the handheld's machine went through while it talked. */
void
sim_sync_after(struct handheld *h)
{
    if (sim_disk_is_killed(h->disk))
        sim_handheld_restart(h);
    sim_handheld_look(h);
    if (sim_disk_is_killed(h->w->hub_disk))
        sim_hub_restart(h->w);
}

/* The network of one sync. */
static struct sim_net
weather(struct world *w)
{
    struct sim_net net = {-1, -1, false, false};
    net.lost = w->lose;
    if (w->calm)
        return net;
    if (sim_chance(&w->chance, 12))
        net.cut_up = sim_below(&w->chance, 4000);
    if (sim_chance(&w->chance, 10))
        net.cut_down = sim_below(&w->chance, 4000);
    net.lost = sim_chance(&w->chance, 10);
    net.twice = sim_chance(&w->chance, 10);
    return net;
}

void
sim_network_begin(const struct handheld *h)
{
    struct world *w = h->w;
    w->net = weather(w);
    w->contacts = sim_grow(w->contacts, w->ncontacts, &w->room_contacts,
                           sizeof *w->contacts);
    struct sim_contact *c = &w->contacts[w->ncontacts++];
    *c = (struct sim_contact){.device = h->number, .ms = w->time_ms};
    memcpy(c->boot, h->boot, sizeof c->boot);
}

void
sim_sync(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_sync_report r;
    struct gb_fail fail = {0};
    sim_handheld_open(h);
    sim_network_begin(h);
    enum gb_err e = gb_sync_run(&h->folder, "http://hub", &r, &fail);
    sim_tell(w, "device %d syncs: %d rounds, %d sets up, %lld records down%s%s",
             h->number, r.rounds, r.sets_sent, (long long)r.applied.records,
             e ? "; " : "", e ? fail.text : "");
    h->owes = h->owes && (e || r.unsent);
    if (!sim_excused(h, e))
        sim_broken(w, "device %d does not sync: %s: %s", h->number,
                   gb_err_name(e), fail.text);
    sim_sync_after(h);
}

/* -------------------------------------------------------------- sticks -- */

struct sim_parcel *
sim_parcel_new(struct world *w)
{
    struct sim_parcel *p;
    if (w->nparcels < SIM_PARCELS) {
        p = &w->parcels[w->nparcels++];
    } else {
        p = &w->parcels[sim_below(&w->chance, SIM_PARCELS)];
        gb_buf_release(&p->bytes);
    }
    *p = (struct sim_parcel){0};
    gb_buf_init(&p->bytes, SIZE_MAX / 4);
    return p;
}

static struct sim_parcel *
new_stick(struct world *w, bool down, int device)
{
    struct sim_parcel *p = sim_parcel_new(w);
    p->down = down;
    p->stick = true;
    p->device = device;
    return p;
}

/* The hub's bundle for a device, as `gengbu-hub export` makes it: from where
 * the hub last saw it, or as for one that has nothing. */
struct sim_parcel *
sim_stick_down(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_fail fail = {0};
    struct sim_parcel *p = new_stick(w, true, h->number);
    struct gb_answer a = {.intake = gb_intake_direct(w->office),
                          .key = &w->office->keys.hub,
                          .write = gb_bundle_to_buf,
                          .arg = &p->bytes};
    enum gb_err e = gb_contact_ask(w->office->state, h->number, &a.ask, &fail);
    if (!w->calm && sim_chance(&w->chance, 20))
        a.ask.from = 0;
    a.ask.clock_ms = w->time_ms;
    if (!e)
        e = gb_answer_make(w->office->state, &a, &fail);
    sim_tell(w, "a stick for device %d: %llu to %llu %s", h->number,
             (unsigned long long)a.ask.from, (unsigned long long)a.to,
             e ? fail.text : "");
    if (e && e != GB_E_KEY && e != GB_E_STATE)
        sim_broken(w, "no stick for device %d: %s", h->number, fail.text);
    return p;
}

static void
export_up(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_stick_export out;
    struct gb_fail fail = {0};
    char folder[160];
    snprintf(folder, sizeof folder, "%s/stick", sim_folder());
    sim_handheld_open(h);
    enum gb_err e = gb_stick_write(&h->folder, folder, &out, &fail);
    sim_tell(w, "device %d writes a stick: %d sets %s", h->number, out.sets,
             e ? fail.text : "");
    if (!e) {
        struct sim_parcel *p = new_stick(w, false, h->number);
        SIM_MUST(w, gb_file_read(out.path, &p->bytes, &why));
        remove(out.path);
    } else if (!sim_excused(h, e)) {
        sim_broken(w, "device %d writes no stick: %s", h->number, fail.text);
    }
    sim_sync_after(h);
}

void
sim_stick_out(struct handheld *h)
{
    if (sim_chance(&h->w->chance, 60))
        export_up(h);
    else
        sim_stick_down(h);
}

/* Errors of a stick that was meant for another time. */
static bool
stale(enum gb_err e)
{
    return e == GB_E_STATE || e == GB_E_FORMAT;
}

void
sim_stick_take(struct handheld *h, struct gb_span bytes)
{
    struct world *w = h->w;
    struct gb_stick_import out;
    struct gb_fail fail = {0};
    char path[160];
    snprintf(path, sizeof path, "%s/stick/down.gbx", sim_folder());
    SIM_MUST(w, gb_file_write(path, bytes, 0600, &why));
    sim_handheld_open(h);
    enum gb_err e = gb_stick_read(&h->folder, path, &out, &fail);
    sim_tell(w, "a stick comes to device %d: %s", h->number,
             e             ? fail.text
             : out.applied ? "applied"
                           : "nothing new");
    if (!sim_excused(h, e) && !stale(e))
        sim_broken(w, "device %d takes no stick: %s", h->number, fail.text);
    sim_sync_after(h);
}

/* A parcel arrives, whole or in part; often it stays and comes again. */
void
sim_stick_in(struct world *w)
{
    if (!w->nparcels)
        return;
    int i = sim_below(&w->chance, w->nparcels);
    struct sim_parcel *p = &w->parcels[i];
    struct gb_span bytes = gb_buf_view(&p->bytes);
    if (sim_chance(&w->chance, 15) && bytes.len)
        bytes.len = (size_t)sim_below(&w->chance, (int)bytes.len);
    if (p->down) {
        struct handheld *h = sim_handheld_of(w, p->device);
        if (h)
            sim_stick_take(h, bytes);
    } else {
        w->time_ms++; /* so that it is told from what its device just sent */
        sim_tell(w, "%s of device %d comes to the hub, %zu bytes",
                 p->stick ? "a stick" : "an old request", p->device, bytes.len);
        if (p->stick)
            sim_hub_import(w, bytes);
        else
            sim_network_repeat(w, bytes);
        if (sim_disk_is_killed(w->hub_disk))
            sim_hub_restart(w);
    }
    if (sim_chance(&w->chance, 60)) {
        gb_buf_release(&p->bytes);
        *p = w->parcels[--w->nparcels];
    }
}

/* ------------------------------------------------------------- bundles -- */

static void
add_frame(struct world *w, struct gb_bundle_out *out, enum gb_frame type,
          struct gb_span plain)
{
    struct gb_buf sealed;
    gb_buf_init(&sealed, GB_FRAME_MAX);
    SIM_MUST(
        w, gb_seal(&sealed, &w->office->keys.receive.public_key, plain, &why));
    SIM_MUST(w, gb_bundle_add(out, type, gb_buf_view(&sealed), &why));
    gb_buf_release(&sealed);
}

void
sim_bundle(struct world *w, int device, struct gb_span request,
           const struct gb_buf *sets, int n, struct gb_buf *out)
{
    struct gb_bundle header = {.to = GB_TO_HUB, .device = device};
    struct gb_bundle_out o = {gb_bundle_to_buf, out, 0};
    memcpy(header.site, w->office->site, sizeof header.site);
    SIM_MUST(w, gb_bundle_begin(&o, &header, &why));
    add_frame(w, &o, GB_FRAME_REQUEST, request);
    for (int i = 0; i < n; i++)
        add_frame(w, &o, GB_FRAME_SET, gb_buf_view(&sets[i]));
    SIM_MUST(w, gb_bundle_end(&o, &why));
}
