/* step.c - what happens next in a world, by chance; see sim.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ------------------------------------------------------------- trouble -- */

/* Somebody, or an empty battery, sets a clock; or the machine starts anew. */
static void
clocks(struct handheld *h)
{
    struct world *w = h->w;
    static const int64_t shifts[] = {
        SIM_HOUR,          -SIM_HOUR,         150000,
        -150000,           24 * SIM_HOUR,     110000,
        175200 * SIM_HOUR, -175200 * SIM_HOUR};
    int what = sim_below(&w->chance, 100);
    if (what < 40)
        h->offset_ms += shifts[sim_below(&w->chance, 8)];
    else if (what < 60)
        h->offset_ms = 0;
    if (what < 30)
        return;
    sim_handheld_close(h);
    h->boot[0]++;
    h->started_ms = w->time_ms;
    if (what >= 80) /* 1970 */
        h->offset_ms = -w->time_ms + sim_below(&w->chance, 100000);
    sim_tell(w, "device %d starts anew, its clock %lld s off", h->number,
             (long long)(h->offset_ms / 1000));
}

/* A clock that is set to and fro while somebody writes. */
static void
strobe(struct handheld *h)
{
    struct world *w = h->w;
    int64_t was = h->offset_ms;
    for (int i = 0; i < 3; i++) {
        h->offset_ms = was + (sim_below(&w->chance, 3) - 1) * 9 * SIM_HOUR;
        sim_write_step(h);
        w->time_ms += sim_below(&w->chance, 3000);
    }
    h->offset_ms = was;
}

/* A copy asks for a new number, but now and then tries the old one. */
static void
sync_or_go_on(struct handheld *h)
{
    struct gb_journal_info i;
    sim_handheld_open(h);
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    if (i.copy && (h->w->calm || sim_chance(&h->w->chance, 70)))
        sim_go_on(h);
    else
        sim_sync(h);
}

/* One of the machines goes down at one of its next writes, in the middle of
 * whatever it does then. */
static void
kill_one(struct handheld *h)
{
    struct world *w = h->w;
    int n = 1 + sim_below(&w->chance, 40);
    if (sim_chance(&w->chance, 50)) {
        sim_disk_kill_at(w->hub_disk, n);
        sync_or_go_on(h);
        sim_disk_calm(w->hub_disk);
        return;
    }
    sim_disk_kill_at(h->disk, n);
    if (sim_chance(&w->chance, 50))
        sim_write_step(h);
    else
        sim_sync(h);
    sim_disk_calm(h->disk);
}

/* The same with a disk that is full, until somebody makes room. */
static void
fill_one(struct handheld *h)
{
    struct world *w = h->w;
    struct sim_disk *d = sim_chance(&w->chance, 50) ? w->hub_disk : h->disk;
    sim_tell(w, "the disk of %s is about to be full",
             d == h->disk ? "a handheld" : "the hub");
    sim_disk_full_at(d, 1 + sim_below(&w->chance, 20));
    sim_write_step(h);
    sim_sync(h);
    if (d == w->hub_disk)
        sim_people(w);
    sim_disk_calm(d);
    sim_tell(w, "there is room again");
}

/* The hub's clock is wrong: it takes nothing in, and says so. */
static void
hub_clock(struct handheld *h)
{
    struct world *w = h->w;
    /* a full disk may have left hub.db behind the ledger */
    SIM_MUST(w, gb_office_lock(w->office, &why));
    gb_office_unlock(w->office);
    uint64_t before = gb_state_size(w->office->state);
    w->hub_offset_ms = sim_chance(&w->chance, 50) ? 2 * SIM_HOUR : -SIM_HOUR;
    sim_tell(w, "the hub's clock jumps by %lld s",
             (long long)(w->hub_offset_ms / 1000));
    sim_sync(h);
    if (gb_state_size(w->office->state) != before)
        sim_broken(w, "a hub whose clock had jumped took work in");
    w->hub_offset_ms = 0;
}

/* ------------------------------------------------------------- backups -- */

/* Some backup onto the machine that it was made of, or onto another one: then
 * two go on with one journal. */
static void
put_back(struct world *w)
{
    const struct sim_backup *b =
        &w->backups[sim_below(&w->chance, w->nbackups)];
    struct handheld *h = &w->h[b->machine - 1];
    if (sim_chance(&w->chance, 20))
        h = &w->h[sim_below(&w->chance, w->n)];
    /* were a journal lost that takes over a copy's work, the hub would wait for
     * it, and no other copy of that number could go on */
    if (!h->ticket.number && !h->owes)
        sim_put_back(h, b);
}

/* --------------------------------------------------------------- steps -- */

static void
rebuild(struct handheld *h)
{
    sim_tell(h->w, "rebuild");
    sim_hub_rebuild(h->w);
}

static void
restart_hub(struct handheld *h)
{
    sim_hub_restart(h->w);
}

static void
sign_in(struct handheld *h)
{
    struct gb_fail ignored = {0};
    sim_handheld_open(h);
    gb_journal_sign_in(h->folder.journal, 1 + sim_below(&h->w->chance, 2), true,
                       &ignored);
}

static void
stick_in(struct handheld *h)
{
    sim_stick_in(h->w);
}

static void
people(struct handheld *h)
{
    sim_people(h->w);
}

static void
forge(struct handheld *h)
{
    sim_forge(h->w);
}

static void
old_journal(struct handheld *h)
{
    if (h->w->nbackups && sim_chance(&h->w->chance, 40))
        put_back(h->w);
    else
        sim_back_up(h);
}

static const struct {
    int weight;
    void (*take)(struct handheld *h);
} steps[] = {
    {420, sim_write_step}, {200, sync_or_go_on}, {60, sim_stick_out},
    {60, stick_in},        {40, clocks},         {10, strobe},
    {80, people},          {35, forge},          {30, kill_one},
    {12, fill_one},        {5, hub_clock},       {20, old_journal},
    {6, rebuild},          {6, restart_hub},     {16, sign_in},
};

void
sim_step(struct world *w)
{
    static const int64_t passes[] = {1, 1000, 60000, SIM_HOUR, 9 * SIM_HOUR};
    int at = sim_below(&w->chance, 1000), i = 0;
    w->step++;
    w->time_ms += passes[sim_below(&w->chance, 5)];
    while ((at -= steps[i].weight) >= 0)
        i++;
    steps[i].take(&w->h[sim_below(&w->chance, w->n)]);
}

/* ------------------------------------------------------------- resting -- */

/* Everything that the handheld made is at the hub, and it has all of the
 * hub's. */
static bool
rests(struct handheld *h)
{
    struct gb_journal_info i;
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    return !i.copy && !i.unsent && i.accepted == i.seq &&
           i.merged.size == gb_state_size(h->w->office->state);
}

void
sim_finish(struct world *w)
{
    bool all = false;
    w->calm = true;
    w->step++;
    while (w->nparcels && sim_chance(&w->chance, 80))
        sim_stick_in(w);
    sim_tell(w, "everyone syncs");
    for (int round = 0; round < 20 && !all; round++) {
        all = true;
        for (int i = 0; i < w->n; i++) {
            w->time_ms += 1000;
            sync_or_go_on(&w->h[i]);
            all = all && rests(&w->h[i]);
        }
        /* the last ones' work goes to the first ones in the next round */
        for (int i = 0; i < w->n; i++)
            all = all && rests(&w->h[i]);
    }
    if (!all)
        sim_broken(w, "no rest: after 20 rounds something still moves");
}
