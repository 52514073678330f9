/*
 * again.c - a journal that was told that it is a copy goes on under the number
 * of a new ticket, as device/again.c does it in a real folder; see sim.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/inbox.h"
#include "device/sync.h"
#include "engine/delta.h"
#include "engine/journal_again.h"
#include "engine/tlv.h"
#include "hub/handed.h"
#include "sim.h"

/* ------------------------------------------------------------- tickets -- */

/* Where the parts of a ticket's delta go: u32 length, bytes. */
static enum gb_err
keep_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct gb_buf *out = context;
    (void)fail;
    gb_buf_u32(out, (uint32_t)container.len);
    gb_buf_span(out, container);
    return GB_OK;
}

/* As `gengbu-hub enrol` makes it. */
enum gb_err
sim_ticket_fill(struct world *w, struct sim_ticket *t, struct gb_fail *fail)
{
    struct gb_state *st = w->office->state;
    struct gb_delta_ask ask = {.device = t->number, .clock_ms = w->time_ms};
    struct gb_handed handed;
    gb_buf_init(&t->delta, SIZE_MAX / 4);
    enum gb_err e = gb_handed_ask(st, &ask, &handed, fail);
    if (!e)
        e = gb_delta_make(st, &ask, &w->office->keys.hub, keep_part, &t->delta,
                          fail);
    return e ? e : gb_handed_note(st, &handed, fail);
}

void
sim_ticket_device(struct gb_buf *b, const struct sim_ticket *t, int level,
                  const char *area)
{
    struct gb_sha256 sha = gb_sha256(GB_SPAN(t->secret, sizeof t->secret));
    gb_buf_init(b, 4096);
    gb_tlv_number(b, GB_DEVICE_NUMBER, (uint64_t)t->number);
    gb_tlv_put(b, GB_DEVICE_NAME, gb_span_text("handheld"));
    gb_tlv_number(b, GB_DEVICE_LEVEL, (uint64_t)level);
    gb_tlv_put(b, GB_DEVICE_ATTRIBUTE, gb_span_text(area));
    gb_tlv_put(b, GB_DEVICE_TICKET, GB_SPAN(sha.bytes, sizeof sha.bytes));
}

enum gb_err
sim_ticket_use(struct handheld *h, const struct sim_ticket *t, int level,
               struct gb_fail *fail)
{
    const struct gb_site *site = gb_state_site(h->w->office->state);
    struct gb_enrolment en = {
        .site = *site, .device = t->number, .level = level};
    struct gb_reader in = gb_reader_of(gb_buf_view(&t->delta));
    struct gb_applied counts;
    bool complete = false;
    char path[160];
    sim_handheld_path(h, path);
    memcpy(en.secret, t->secret, sizeof en.secret);
    enum gb_err e = gb_journal_create(path, &en, fail);
    if (!e)
        e = gb_journal_open(path, sim_handheld_now, h, &h->folder.journal,
                            fail);
    while (!e && gb_read_left(&in)) {
        struct gb_span part = gb_read_bytes(&in, gb_read_u32(&in));
        e = gb_inbox_part(h->folder.journal, site, part, &complete, fail);
    }
    return e ? e
             : gb_journal_delta_apply(h->folder.journal, &t->keys.sign, &counts,
                                      fail);
}

/* A number behind all others for a copy, of its level and area.  False when
 * the hub is in no state to give one. */
static bool
issue(struct handheld *h)
{
    struct world *w = h->w;
    struct sim_ticket *t = &h->ticket;
    struct gb_device d;
    struct gb_buf payload;
    struct gb_fail fail = {0};
    bool found;
    sqlite3 *db = gb_state_db(w->office->state);
    if (gb_office_lock(w->office, &fail))
        return false;
    SIM_MUST(w, gb_state_device(w->office->state, h->number, &d, &found, &why));
    t->number = (int)sim_count(db, "SELECT max(number) FROM _device") + 1;
    gb_random(t->secret, sizeof t->secret);
    gb_sign_key_generate(&t->keys.sign);
    gb_sign_key_generate(&t->keys.receive);
    d.attributes[strcspn(d.attributes, "\n")] = 0;
    sim_ticket_device(&payload, t, d.level, d.attributes);
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&payload)};
    enum gb_err e = gb_office_own(w->office, &op, 1, 1, &fail);
    if (!e)
        e = sim_ticket_fill(w, t, &fail);
    gb_office_unlock(w->office);
    gb_buf_release(&payload);
    sim_tell(w, "device %d gets a ticket as %d %s", h->number, t->number,
             e ? fail.text : "");
    if (!e)
        return true;
    gb_buf_release(&t->delta);
    t->number = 0;
    if (!sim_disk_is_full(w->hub_disk) && !sim_disk_is_killed(w->hub_disk))
        sim_broken(w, "no ticket for device %d: %s", h->number, fail.text);
    return false;
}

/* ---------------------------------------------------- what became what -- */

/* The operations of a sealed set of a journal; the caller releases it. */
static struct gb_set
open_set(struct handheld *h, uint32_t seq, struct gb_sha256 *sha)
{
    struct world *w = h->w;
    struct gb_buf bytes;
    struct gb_container parts;
    struct gb_set_info info;
    struct gb_set set;
    gb_buf_init(&bytes, 2 * GB_SET_MAX);
    SIM_MUST(w, gb_journal_container(h->folder.journal, seq, &bytes, &why));
    SIM_MUST(w, gb_container_split(gb_buf_view(&bytes), &parts, &why));
    SIM_MUST(w, gb_set_info(parts.signed_bytes, &info, &why));
    SIM_MUST(w, gb_set_decode(parts.signed_bytes,
                              gb_state_schema_of(w->office->state, info.schema),
                              &set, &why));
    *sha = gb_sha256(parts.signed_bytes);
    gb_buf_release(&bytes);
    return set;
}

/* Where each write of the copy was made first. */
static void
note_origins(struct handheld *h, uint32_t seq)
{
    struct world *w = h->w;
    struct gb_sha256 sha;
    struct gb_set set = open_set(h, seq, &sha);
    const struct sim_sealed *s = sim_sealed_find(w, sha.bytes);
    if (!s || s->n != set.nops)
        sim_broken(w, "device %d has a set that it never sealed", h->number);
    for (int i = 0; i < set.nops; i++)
        w->writes[s->writes[i]].origin = gb_set_origin(&set, i);
    gb_set_release(&set);
}

static bool
same_origin(const struct gb_origin *a, const struct gb_origin *b)
{
    return a->device == b->device && a->stamp == b->stamp &&
           a->mono_ms == b->mono_ms && !memcmp(a->boot, b->boot, 16);
}

/* A record has another name from now on. */
static void
rename_record(struct world *w, int64_t old, int64_t new)
{
    if (old == new || sim_renamed(w, old, new))
        return;
    w->renamed =
        sim_grow(w->renamed, w->nrenamed, &w->room_renamed, sizeof *w->renamed);
    w->renamed[w->nrenamed++] = (struct sim_renamed){old, new};
    w->records =
        sim_grow(w->records, w->nrecords, &w->room_records, sizeof *w->records);
    w->records[w->nrecords++] = new;
}

/* One operation captured again: which write of the copy it is, from the
 * at-th on; order is kept.  What it calls its records is what they are. */
static int
find_write(struct handheld *h, const struct gb_set *set, int index, int at)
{
    struct world *w = h->w;
    const struct gb_op *op = &set->ops[index];
    struct gb_origin o = gb_set_origin(set, index);
    while (at < h->nwrites &&
           !same_origin(&w->writes[h->writes[at]].origin, &o))
        at++;
    if (at == h->nwrites)
        sim_broken(w,
                   "device %d captured again what device %d never made, or "
                   "in another order",
                   set->device, h->number);
    const struct sim_write *told = &w->writes[h->writes[at]];
    rename_record(w, told->id, op->id);
    for (int i = 0; i < op->nvalues; i++)
        for (int k = 0; k < told->n; k++)
            if (told->values[k].column == op->values[i].column &&
                op->values[i].value.type == GB_INT &&
                op->values[i].value.as.i >> 40)
                rename_record(w, told->values[k].value.as.i,
                              op->values[i].value.as.i);
    return at;
}

/* The writes that were captured again stand behind the others from now on, in
 * sets of the new journal. */
static void
sort_writes(struct handheld *h, struct handheld *next, uint32_t seq)
{
    struct gb_sha256 sha;
    bool *again = calloc((size_t)h->nwrites + 1, sizeof *again);
    int *list = calloc((size_t)h->nwrites + 1, sizeof *list);
    int n = 0, at = 0;
    if (!again || !list)
        abort();
    for (uint32_t i = 1; i <= seq; i++) {
        struct gb_set set = open_set(next, i, &sha);
        for (int k = 0; k < set.nops; k++) {
            at = find_write(h, &set, k, at);
            again[at++] = true;
        }
        gb_set_release(&set);
    }
    for (int i = 0; i < h->nwrites; i++)
        if (!again[i])
            list[n++] = h->writes[i];
    h->nsealed = n;
    for (int i = 0; i < h->nwrites; i++)
        if (again[i])
            list[n++] = h->writes[i];
    if (n)
        memcpy(h->writes, list, (size_t)n * sizeof *list);
    h->seq = 0;
    free(again);
    free(list);
}

/* ------------------------------------------------------------ going on -- */

/* The new journal asks the hub in one contact. */
static enum gb_err
contact(struct handheld *h, struct handheld *next, struct gb_fail *fail)
{
    struct gb_sync_report report;
    struct gb_journal_info i;
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    sim_disk_remove(h->disk, "journal.db.new");
    sim_disk_remove(h->disk, "journal.db.new-wal");
    enum gb_err e = sim_ticket_use(next, &h->ticket, i.level, fail);
    if (!e)
        e = gb_journal_again_ask(next->folder.journal, h->folder.journal, fail);
    if (!e) {
        sim_network_begin(next);
        e = gb_sync_run(&next->folder, "http://hub", &report, fail);
    }
    return e;
}

static enum gb_err
take_over(struct handheld *h, struct handheld *next, struct gb_fail *fail)
{
    struct gb_again counts;
    struct gb_journal_info i;
    int made;
    enum gb_err e =
        gb_journal_seal(h->folder.journal, &h->keys.sign, &made, fail);
    if (!e)
        e = gb_journal_again(next->folder.journal, h->folder.journal,
                             &next->keys.sign, &counts, fail);
    if (e)
        return e;
    sim_handheld_look(h);
    for (uint32_t seq = 1; seq <= h->seq; seq++)
        note_origins(h, seq);
    SIM_MUST(h->w, gb_journal_info(next->folder.journal, &i, &why));
    sort_writes(h, next, i.seq);
    sim_tell(h->w, "device %d goes on as %d: %lld operations again, %lld known",
             h->number, next->number, (long long)counts.again,
             (long long)counts.known);
    return GB_OK;
}

/* The new journal takes the old one's place. */
static void
put_in_place(struct handheld *h, struct handheld *next)
{
    sim_handheld_close(h);
    sim_handheld_close(next);
    sim_disk_rename(h->disk, "journal.db.new", "journal.db");
    h->number = next->number;
    h->keys = next->keys;
    gb_buf_release(&h->ticket.delta);
    h->ticket = (struct sim_ticket){0};
    h->owes = true;
    h->w->again++;
}

void
sim_go_on(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_fail fail = {0};
    sim_handheld_open(h);
    if (!h->ticket.number && !issue(h)) {
        sim_sync_after(h);
        return;
    }
    struct handheld next = *h;
    next.number = h->ticket.number;
    next.keys = h->ticket.keys;
    next.db = "journal.db.new";
    next.folder.journal = NULL;
    enum gb_err e = contact(h, &next, &fail);
    if (!e)
        e = take_over(h, &next, &fail);
    sim_tell(w, "device %d as %d: %s", h->number, next.number,
             e ? fail.text : "done");
    if (!e)
        put_in_place(h, &next);
    else if (!sim_excused(h, e))
        sim_broken(w, "device %d does not go on: %s: %s", h->number,
                   gb_err_name(e), fail.text);
    sim_handheld_close(&next);
    sim_sync_after(h);
}
