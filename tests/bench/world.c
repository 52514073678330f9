/* world.c - the hub, and what is made once; see world.h */
#include "world.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "device/folder.h"
#include "device/inbox.h"
#include "engine/journal_private.h"
#include "engine/set.h"
#include "engine/tlv.h"
#include "hub/answer.h"
#include "hub/batch.h"
#include "hub/clock.h"

int64_t world_clock_ms = WORLD_EVENING;

struct gb_hub_now
gb_hub_clock_now(void)
{
    return (struct gb_hub_now){world_clock_ms, world_clock_ms - WL_START_MS};
}

/* ------------------------------------------------------------- the hub -- */

struct gb_office *
world_office(const char *folder)
{
    struct gb_office *o;
    MUST(gb_office_open(folder, "bench", &o, &bench_why));
    return o;
}

/* A device with its keys, as if it had made its first contact. */
static void
enrol(struct gb_office *o, int number, const struct gb_public_key *sign,
      const struct gb_public_key *receive)
{
    struct gb_buf b;
    gb_buf_init(&b, 4096);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("handheld"));
    gb_tlv_number(&b, GB_DEVICE_LEVEL, 1);
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, GB_SPAN(sign->bytes, 32));
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY, GB_SPAN(receive->bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    MUST(gb_office_own(o, &op, 1, 0, &bench_why));
    gb_buf_release(&b);
}

/* The 20,000 records that stand on every device. */
static void
load_shared(struct gb_office *o)
{
    static struct gb_op ops[WL_SHARED];
    static struct gb_written values[WL_SHARED][WL_COLUMNS_MAX];
    struct gb_arena arena;
    gb_arena_init(&arena, (size_t)256 << 20);
    for (uint64_t key = 0; key < WL_SHARED; key++) {
        int t = wl_table_of(key);
        ops[key] = (struct gb_op){.kind = GB_INSERT,
                                  .table = t,
                                  .id = wl_id(key),
                                  .values = values[key],
                                  .nvalues = wl_ncolumns[t]};
        for (int c = 0; c < wl_ncolumns[t]; c++) {
            struct wl_value v;
            wl_cell(t, c, key, &v);
            values[key][c] = (struct gb_written){
                .column = c,
                .value = v.text ? gb_value_text(gb_arena_copy(
                                      &arena, GB_SPAN(v.s, v.len)))
                                : gb_value_int(v.i)};
        }
    }
    MUST(gb_office_own(o, ops, WL_SHARED, 0, &bench_why));
    gb_arena_release(&arena);
}

static void
make_hub(const char *path)
{
    struct gb_buf pack;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    MUST(gb_schema_read_folder("tests/bench/schema", &pack, &bench_why));
    struct gb_office_plan plan = {"Garden", "admin", "Asia/Shanghai",
                                  gb_buf_view(&pack)};
    MUST(gb_office_init(path, &plan, &bench_why));
    gb_buf_release(&pack);
    struct gb_office *o = world_office(path);
    load_shared(o);
    gb_office_close(o);
}

/* A thread that verifies every n-th set. */
struct verifying {
    pthread_t thread;
    struct gb_office *office;
    struct gb_readers *readers;
    struct gb_arriving *sets;
    size_t first, step, n;
};

static void *
verify_some(void *arg)
{
    const struct verifying *v = arg;
    struct gb_state *reader;
    struct gb_fail fail;
    if (gb_readers_take(v->readers, &reader, &fail))
        bench_end("%s", fail.text);
    for (size_t i = v->first; i < v->n; i += v->step)
        if (gb_office_verify(reader, v->office->site, &v->sets[i], &fail))
            bench_end("%s", fail.text);
    gb_readers_give(v->readers, reader);
    return NULL;
}

static void
verify(struct gb_office *o, struct gb_readers *readers,
       struct gb_arriving *sets, size_t n)
{
    struct verifying v[GB_READERS_MAX];
    size_t step = (size_t)readers->max;
    for (size_t i = 0; i < step; i++) {
        v[i] = (struct verifying){.office = o,
                                  .readers = readers,
                                  .sets = sets,
                                  .first = i,
                                  .step = step,
                                  .n = n};
        NEED(!pthread_create(&v[i].thread, NULL, verify_some, &v[i]));
    }
    for (size_t i = 0; i < step; i++)
        pthread_join(v[i].thread, NULL);
}

void
world_readers(struct gb_office *o, struct gb_readers *out)
{
    struct gb_state *opened[GB_READERS_MAX];
    char db[GB_FILE_PATH_MAX];
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    gb_office_path(o, "hub.db", db);
    gb_readers_init(out, db, o->site,
                    (int)(n < GB_READERS_MAX ? n : GB_READERS_MAX));
    for (int i = 0; i < out->max; i++)
        MUST(gb_readers_take(out, &opened[i], &bench_why));
    for (int i = 0; i < out->max; i++)
        gb_readers_give(out, opened[i]);
}

void
world_merge(struct gb_office *o, struct gb_readers *readers,
            struct gb_arriving *sets, size_t n)
{
    struct gb_batch b = {.o = o, .sets = sets, .n = n};
    gb_buf_init(&b.lines, GB_LEDGER_FILE_MAX);
    gb_arena_init(&b.arena, (size_t)256 << 20);
    gb_own_init(&b.own);
    b.received_ms = world_clock_ms;
    b.first = gb_state_size(o->state) + 1;
    if (readers)
        verify(o, readers, sets, n);
    for (size_t i = 0; i < n; i++) {
        if (!readers)
            MUST(gb_office_verify(o->state, o->site, &sets[i], &bench_why));
        sets[i].outcome = GB_WAITING;
    }
    MUST(gb_state_begin(o->state, &bench_why));
    MUST(gb_batch_decide(&b, &bench_why));
    MUST(gb_state_commit(o->state, &bench_why));
    for (size_t i = 0; i < n; i++)
        NEED(sets[i].outcome == GB_TAKEN && sets[i].verdict == GB_APPLIED &&
             !sets[i].waits);
    free(b.files);
    gb_buf_release(&b.lines);
    gb_arena_release(&b.arena);
    gb_own_release(&b.own);
}

void
world_answer(struct gb_office *o, int device, uint64_t from, uint32_t schema,
             struct gb_buf *out)
{
    struct gb_state *reader;
    char db[GB_FILE_PATH_MAX];
    struct gb_answer a = {.ask = {.device = device,
                                  .from = from,
                                  .highest = from,
                                  .schema = schema,
                                  .clock_ms = world_clock_ms},
                          .intake = gb_intake_direct(o),
                          .key = &o->keys.hub,
                          .write = gb_bundle_to_buf,
                          .arg = out};
    gb_office_path(o, "hub.db", db);
    MUST(gb_state_open_reader(db, o->site, &reader, &bench_why));
    MUST(gb_answer_make(reader, &a, &bench_why));
    gb_state_close(reader);
}

/* ------------------------------------------------------ what is kept -- */

/* The folder of handheld 1, which knows its site's keys and nothing else. */
static void
make_folder(struct gb_office *o, const char *path)
{
    struct gb_ticket ticket = {.enrolment = {.site = *gb_state_site(o->state),
                                             .device = 1,
                                             .level = 1,
                                             .name = "handheld"}};
    MUST(gb_folder_create(path, &ticket, &bench_why));
}

static void
enrol_all(struct gb_office *o, const char *folder)
{
    struct gb_public_key sign = world_folder_key(folder, false).public_key,
                         receive = world_folder_key(folder, true).public_key;
    enrol(o, 1, &sign, &receive);
    for (int d = 2; d <= WL_DEVICES; d++) {
        sign = world_key(d).public_key;
        enrol(o, d, &sign, &sign);
    }
}

void
world_take(const char *folder, struct gb_span bundle)
{
    struct gb_folder f;
    struct gb_folder_keys keys;
    struct gb_inbox in;
    struct gb_applied counts;
    bool applied;
    MUST(gb_folder_open(&f, folder, "bench", GB_FOLDER_READ, &bench_why));
    MUST(gb_folder_keys(&f, &keys, &bench_why));
    MUST(gb_inbox_open(&in, &f, &keys, &bench_why));
    for (size_t at = 0, n; at < bundle.len; at += n) {
        n = bundle.len - at < 65536 ? bundle.len - at : 65536;
        MUST(gb_inbox_take(&in, GB_SPAN(bundle.ptr + at, n), &bench_why));
    }
    MUST(gb_inbox_finish(&in, &applied, &counts, &bench_why));
    NEED(applied);
    gb_inbox_release(&in);
    gb_folder_close(&f);
}

/* Handheld 1 gets all that the hub has. */
static void
first_contact(struct gb_office *o, const char *folder)
{
    struct gb_buf bundle;
    gb_buf_init(&bundle, (size_t)64 << 20);
    world_answer(o, 1, 0, 0, &bundle);
    world_take(folder, gb_buf_view(&bundle));
    gb_buf_release(&bundle);
}

static void
make_morning(void *path)
{
    char hub[GB_FILE_PATH_MAX], folder[GB_FILE_PATH_MAX];
    world_clock_ms = WORLD_MORNING;
    snprintf(hub, sizeof hub, "%s/hub", (char *)path);
    snprintf(folder, sizeof folder, "%s/1", (char *)path);
    make_hub(hub);
    struct gb_office *o = world_office(hub);
    make_folder(o, folder);
    enrol_all(o, folder);
    first_contact(o, folder);
    gb_office_close(o);
}

const char *
world_format(void)
{
    static char hex[65];
    static const uint8_t site[16];
    struct gb_state *st;
    struct gb_buf text;
    sqlite3_stmt *s;
    if (*hex)
        return hex;
    gb_buf_init(&text, 1 << 20);
    gb_buf_text(&text, GB_JOURNAL_SCHEMA);
    MUST(gb_state_open(":memory:", site, &st, &bench_why));
    MUST(gb_db_prepare(gb_state_db(st), "SELECT sql FROM sqlite_master", &s,
                       &bench_why));
    while (sqlite3_step(s) == SQLITE_ROW)
        gb_buf_span(&text, gb_db_blob(s, 0));
    sqlite3_finalize(s);
    gb_state_close(st);
    struct gb_sha256 sha = gb_sha256(gb_buf_view(&text));
    gb_hex_encode(hex, sha.bytes, sizeof sha.bytes);
    gb_buf_release(&text);
    return hex;
}

/* What is in a folder that is made once, in a process of its own. */
static const char *
kept(const char *folder, const char *name, void (*make)(void *path))
{
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s", bench_path("%s", folder));
    if (!bench_kept(path, world_format())) {
        bench_path("%s/x", folder);
        bench_apart(make, path);
        bench_keep(path, world_format());
    }
    return bench_path("%s/%s", folder, name);
}

const char *
world_morning(const char *name)
{
    return kept("morning", name, make_morning);
}

static void
record_first(void *path)
{
    struct world_now now;
    struct gb_sign_key key = world_folder_key(path, false);
    struct gb_journal *j = world_journal(path, &now);
    int made;
    world_day(j, 0);
    NEED(world_record(j, &now, 0, WL_INSERTS, WL_CHANGES, WL_VOIDS) == WL_OPS);
    MUST(gb_journal_seal(j, &key, &made, &bench_why));
    NEED(made == 1);
    gb_journal_close(j);
}

static void
make_shift(void *path)
{
    bench_copy(world_morning("1"), path);
    record_first(path);
}

static void
make_evening(void *path)
{
    char hub[GB_FILE_PATH_MAX];
    static struct world_sets sets;
    snprintf(hub, sizeof hub, "%s/hub", (char *)path);
    bench_copy(world_morning("hub"), hub);
    world_sets(&sets, true);
    struct gb_office *o = world_office(hub);
    MUST(gb_office_commit(o, sets.sets, WL_DEVICES, &bench_why));
    gb_office_close(o);
    world_sets_release(&sets);
}

const char *
world_shift(void)
{
    kept("shift", "", make_shift);
    return bench_path("shift");
}

const char *
world_evening(void)
{
    return kept("evening", "hub", make_evening);
}
