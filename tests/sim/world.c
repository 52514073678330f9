/*
 * world.c - worlds are copies of one that was made once: a hub with its staff
 * and tickets for all devices, and a journal that each ticket made.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/inbox.h"
#include "engine/delta.h"
#include "engine/tlv.h"
#include "hub/clock.h"
#include "hub/ledger.h"
#include "hub/takeover.h"
#include "sim.h"

#define MADE_MS ((int64_t)1700000000000) /* when the first world was made */

/* Device numbers: handhelds from 1 on, then the forgers. */
struct first {
    struct sim_disk *hub, *journals[SIM_DEVICES_MAX];
    struct gb_ledger_store *store;
    struct sim_ticket tickets[SIM_DEVICES_MAX];
    struct forger forgers[SIM_FORGERS];
    bool made;
};

struct world *sim_world;
static struct first first;
static int largest = 8;

void
sim_world_largest(int n)
{
    largest = n;
}

/* -------------------------------------------------------- the platform -- */

struct gb_hub_now
gb_hub_clock_now(void)
{
    const struct world *w = sim_world;
    return (struct gb_hub_now){w->time_ms + w->hub_offset_ms,
                               w->time_ms - w->hub_started_ms};
}

/* The linker puts these in place of the hub's ledger on a disk. */
enum gb_err __wrap_gb_ledger_init(const char *path, struct gb_fail *fail);
enum gb_err __wrap_gb_ledger_open(struct gb_ledger **out, const char *path,
                                  enum gb_ledger_mode mode,
                                  struct gb_fail *fail);

enum gb_err
__wrap_gb_ledger_init(const char *path, struct gb_fail *fail)
{
    (void)path;
    sim_world->store = gb_ledger_store_new(NULL);
    return sim_world->store ? GB_OK
                            : gb_fail_set(fail, GB_E_MEMORY, "out of memory");
}

enum gb_err
__wrap_gb_ledger_open(struct gb_ledger **out, const char *path,
                      enum gb_ledger_mode mode, struct gb_fail *fail)
{
    (void)path;
    (void)mode;
    return gb_ledger_open_memory(out, sim_world->store, fail);
}

/*
 * Reading a schema is a pure function, a fifth of a world's time, and there
 * are three of them: each is read once and kept.
 */
enum gb_err __real_gb_schema_load(struct gb_span text, uint32_t version,
                                  struct gb_schema **out, struct gb_fail *fail);
enum gb_err __wrap_gb_schema_load(struct gb_span text, uint32_t version,
                                  struct gb_schema **out, struct gb_fail *fail);
enum gb_err __real_gb_schema_load_kept(struct gb_span text, struct gb_span kept,
                                       uint32_t version, struct gb_schema **out,
                                       struct gb_fail *fail);
enum gb_err __wrap_gb_schema_load_kept(struct gb_span text, struct gb_span kept,
                                       uint32_t version, struct gb_schema **out,
                                       struct gb_fail *fail);
void __real_gb_schema_free(struct gb_schema *s);
void __wrap_gb_schema_free(struct gb_schema *s);

static struct gb_schema *schemas[3];

/* Whether it was read before. */
static bool
cached(struct gb_span text, uint32_t version, struct gb_schema **out)
{
    *out = version >= 1 && version <= 3 ? schemas[version - 1] : NULL;
    return *out && gb_span_equal((*out)->text, text);
}

/* The first of its version stays. */
static void
cache(struct gb_schema *s)
{
    if (s->version >= 1 && s->version <= 3 && !schemas[s->version - 1])
        schemas[s->version - 1] = s;
}

enum gb_err
__wrap_gb_schema_load(struct gb_span text, uint32_t version,
                      struct gb_schema **out, struct gb_fail *fail)
{
    if (cached(text, version, out))
        return GB_OK;
    enum gb_err e = __real_gb_schema_load(text, version, out, fail);
    if (!e)
        cache(*out);
    return e;
}

enum gb_err
__wrap_gb_schema_load_kept(struct gb_span text, struct gb_span kept,
                           uint32_t version, struct gb_schema **out,
                           struct gb_fail *fail)
{
    if (cached(text, version, out))
        return GB_OK;
    enum gb_err e = __real_gb_schema_load_kept(text, kept, version, out, fail);
    if (!e)
        cache(*out);
    return e;
}

void
__wrap_gb_schema_free(struct gb_schema *s)
{
    for (int i = 0; i < 3; i++)
        if (s && s == schemas[i])
            return;
    __real_gb_schema_free(s);
}

/* ------------------------------------------------------------- telling -- */

void
sim_tell(const struct world *w, const char *format, ...)
{
    va_list args;
    if (!w->tell)
        return;
    printf("%4d  ", w->step);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout); /* what was told before a crash is what matters */
}

void
sim_broken(const struct world *w, const char *format, ...)
{
    va_list args;
    char text[2000];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (w->scenario)
        printf("scenario \"%s\": %s\n", w->scenario, text);
    else
        printf("seed %llu, step %d: %s\n", (unsigned long long)w->seed, w->step,
               text);
    exit(1); /* main.c says at the end how it is played again */
}

void *
sim_grow(void *array, int n, int *room, size_t size)
{
    if (n < *room)
        return array;
    *room = *room ? 2 * *room : 32;
    array = realloc(array, (size_t)*room * size);
    if (!array)
        abort();
    return array;
}

int64_t
sim_count(sqlite3 *db, const char *sql)
{
    int64_t v;
    bool found;
    SIM_MUST(sim_world, gb_db_int(db, sql, &v, &found, &why));
    return v;
}

const struct sim_sealed *
sim_sealed_find(const struct world *w, const uint8_t sha[32])
{
    for (int i = 0; i < w->nsealed; i++)
        if (!memcmp(w->sealed[i].sha, sha, 32))
            return &w->sealed[i];
    return NULL;
}

bool
sim_renamed(const struct world *w, int64_t old, int64_t new)
{
    for (int i = 0; i < w->nrenamed; i++)
        if (w->renamed[i].old == old && w->renamed[i].new == new)
            return true;
    return false;
}

/* ------------------------------------------------------- the first one -- */

static int
level_of(int number)
{
    return number % 2 ? 2 : 1;
}

/* A second steward, of level 1, and everybody's tickets. */
static void
make_people(struct world *w)
{
    int n = largest + SIM_FORGERS;
    struct gb_written values[2] = {
        {.column = 0, .value = gb_value_text(gb_span_text("second"))},
        {.column = 1, .value = gb_value_int(1)}};
    struct gb_op staff = {.kind = GB_INSERT, .values = values, .nvalues = 2};
    struct gb_op *ops = calloc((size_t)n, sizeof *ops);
    struct gb_buf *payloads = calloc((size_t)n, sizeof *payloads);
    if (!ops || !payloads)
        abort();
    SIM_MUST(w, gb_office_new_id(w->office, &staff.id, &why));
    SIM_MUST(w, gb_office_own(w->office, &staff, 1, 0, &why));
    for (int i = 0; i < n; i++) {
        struct sim_ticket none = {.number = 0};
        struct sim_ticket *t = i < largest ? &first.tickets[i] : &none;
        t->number = i + 1;
        gb_random(t->secret, sizeof t->secret);
        sim_ticket_device(&payloads[i], t, level_of(i + 1),
                          i % 3 ? "area=A" : "area=B");
        if (i >= largest)
            memcpy(first.forgers[i - largest].secret, t->secret, 32);
        ops[i] = (struct gb_op){.kind = GB_DEVICE,
                                .text = gb_buf_view(&payloads[i])};
    }
    SIM_MUST(w, gb_office_own(w->office, ops, n, 1, &why));
    for (int i = 0; i < n; i++)
        gb_buf_release(&payloads[i]);
    free(payloads);
    free(ops);
}

/* Worlds have their machines at the same paths: this one's disk goes. */
static struct sim_disk *
put_away(struct sim_disk *d, int number)
{
    char name[32];
    snprintf(name, sizeof name, "first-%d", number);
    struct sim_disk *kept = sim_disk_new(name);
    sim_disk_copy(kept, d);
    sim_disk_free(d);
    return kept;
}

/* The journal that a ticket makes; who works with it is signed in. */
static void
make_journal(struct world *w, int number)
{
    char path[160];
    struct sim_ticket *t = &first.tickets[number - 1];
    struct handheld h = {
        .w = w, .number = number, .machine = number, .db = "journal.db"};
    snprintf(path, sizeof path, "%s/%d", sim_folder(), number);
    first.journals[number - 1] = sim_disk_new(path);
    gb_sign_key_generate(&t->keys.sign);
    gb_sign_key_generate(&t->keys.receive);
    SIM_MUST(w, sim_ticket_fill(w, t, &why));
    SIM_MUST(w, sim_ticket_use(&h, t, level_of(number), &why));
    SIM_MUST(w, gb_journal_sign_in(h.folder.journal, number % 4 < 2 ? 1 : 2,
                                   true, &why));
    gb_journal_close(h.folder.journal);
    gb_buf_release(&t->delta);
    first.journals[number - 1] = put_away(first.journals[number - 1], number);
}

static void
make_first(void)
{
    struct world w = {.time_ms = MADE_MS, .hub_started_ms = MADE_MS};
    struct gb_schema_file file = {"w.sql", gb_span_text(sim_schema_texts[0])};
    struct gb_buf pack;
    struct world *before = sim_world;
    sim_world = &w;
    first.hub = sim_disk_new(sim_hub_folder());
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    SIM_MUST(&w, gb_schema_pack(&file, 1, &pack, &why));
    struct gb_office_plan plan = {"world", "first", "UTC", gb_buf_view(&pack)};
    SIM_MUST(&w, gb_office_init(sim_hub_folder(), &plan, &why));
    SIM_MUST(&w, gb_office_open(sim_hub_folder(), "sim", &w.office, &why));
    gb_buf_release(&pack);
    for (int i = 0; i < SIM_FORGERS; i++) {
        struct forger *f = &first.forgers[i];
        f->number = largest + 1 + i;
        gb_sign_key_generate(&f->sign);
        gb_sign_key_generate(&f->receive);
    }
    make_people(&w);
    for (int i = 1; i <= largest; i++)
        make_journal(&w, i);
    gb_office_close(w.office);
    first.store = w.store;
    first.hub = put_away(first.hub, 0);
    first.made = true;
    sim_world = before;
}

/* -------------------------------------------------------------- worlds -- */

static void
make_handheld(struct world *w, int number)
{
    char path[160];
    struct handheld *h = &w->h[number - 1];
    *h = (struct handheld){.w = w,
                           .machine = number,
                           .number = number,
                           .db = "journal.db",
                           .keys = first.tickets[number - 1].keys,
                           .started_ms = w->time_ms,
                           .folder = {.lock = {.fd = -1}, .sync = {.fd = -1}}};
    snprintf(path, sizeof path, "%s/%d", sim_folder(), number);
    h->disk = sim_disk_new(path);
    sim_disk_copy(h->disk, first.journals[number - 1]);
    for (int i = 0; i < 16; i++)
        h->boot[i] = (uint8_t)sim_next(&w->chance);
}

/* The world before left the file, which is no simulated one. */
static void
forget_takeovers(struct world *w)
{
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/" GB_TAKEOVER_FILE, sim_hub_folder());
    SIM_MUST(w, gb_file_remove(path, &why));
}

void
sim_world_make(struct world *w, uint64_t seed, int n)
{
    sim_disk_start(&w->chance);
    if (!first.made)
        make_first();
    *w = (struct world){.seed = seed,
                        .chance = {seed},
                        .time_ms = MADE_MS + SIM_HOUR,
                        .tell = w->tell,
                        .versions = 1};
    sim_world = w;
    /* most worlds are small: what two do to each other is the hard part */
    w->n = n ? n
             : 2 + (sim_chance(&w->chance, 65) ? sim_below(&w->chance, 2)
                                               : sim_below(&w->chance, 7));
    w->hub_disk = sim_disk_new(sim_hub_folder());
    sim_disk_copy(w->hub_disk, first.hub);
    forget_takeovers(w);
    w->store = gb_ledger_store_new(first.store);
    memcpy(w->forgers, first.forgers, sizeof w->forgers);
    w->h = calloc((size_t)w->n, sizeof *w->h);
    if (!w->h || !w->store)
        abort();
    for (int i = 1; i <= w->n; i++)
        make_handheld(w, i);
    w->net = (struct sim_net){-1, -1, false, false};
    sim_hub_start(w);
}

void
sim_world_free(struct world *w)
{
    for (int i = 0; i < w->n; i++) {
        sim_handheld_close(&w->h[i]);
        sim_disk_free(w->h[i].disk);
        gb_buf_release(&w->h[i].ticket.delta);
        free(w->h[i].writes);
    }
    sim_hub_stop(w);
    sim_disk_free(w->hub_disk);
    gb_ledger_store_free(w->store);
    for (int i = 0; i < w->nsealed; i++)
        free(w->sealed[i].writes);
    for (int i = 0; i < w->nparcels; i++)
        gb_buf_release(&w->parcels[i].bytes);
    for (int i = 0; i < w->nbackups; i++) {
        sim_disk_free(w->backups[i].disk);
        free(w->backups[i].writes);
    }
    free(w->h);
    free(w->writes);
    free(w->sealed);
    free(w->records);
    free(w->contacts);
    free(w->renamed);
    w->h = NULL;
}
