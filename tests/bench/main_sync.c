/* main_sync.c - sync_10_100k, sync_10_1m, sync_10_10m: what a set of ten
 * changes costs a hub that has so many records already. */
#include <stdlib.h>

#include "engine/db.h"
#include "floor.h"
#include "hub/decode.h"
#include "world.h"

#define SETS 100         /* of a run */
#define DAY_ONE 1001     /* of history */
#define COMMIT_EVERY 200 /* sets, while history is made */

/* ------------------------------------------------------------- history -- */

/* The chains of all handhelds, as the hub knows them. */
static void
read_chains(struct gb_office *o, struct world_chain *out)
{
    for (int d = 1; d <= WL_DEVICES; d++) {
        struct gb_device known;
        bool found;
        MUST(gb_state_device(o->state, d, &known, &found, &bench_why));
        out[d - 1] = (struct world_chain){.device = d, .seq = known.seq};
        memcpy(out[d - 1].prev, known.sha, 32);
    }
}

/* Decode a set and apply it as the next position. */
static void
take(struct gb_office *o, const struct gb_buf *set)
{
    struct gb_container c;
    struct gb_decoded d;
    struct gb_line line;
    struct gb_arena arena;
    int64_t adjust = 0;
    MUST(gb_container_split(gb_buf_view(set), &c, &bench_why));
    MUST(gb_decode(o->state, c.signed_bytes, &d, &bench_why));
    NEED(d.good);
    gb_arena_init(&arena, 1 << 20);
    d.in.received_ms = world_clock_ms;
    d.in.adjust = &adjust;
    d.in.nadjust = 1;
    MUST(gb_state_line(o->state, &d.in, &arena, &line, &bench_why));
    NEED(line.verdict == GB_APPLIED && !line.nquarantined);
    gb_arena_release(&arena);
    gb_decoded_release(&d);
}

/* One handheld's day of history: inserts alone. */
static void
add_day(struct gb_office *o, struct world_chain *chain, int day, int inserts,
        const struct gb_head *head)
{
    static struct wl_op ops[WL_OPS];
    static struct gb_sign_key key; /* not asked for here */
    struct gb_buf set;
    int n = wl_shift(day, chain->device - 1, inserts, 0, 0, ops);
    gb_buf_init(&set, GB_SET_MAX);
    world_seal(chain, ops, n, gb_state_schema(o->state), o->site, head, &key,
               &set);
    take(o, &set);
    gb_buf_release(&set);
}

/* From so many records to so many; the shared ones count. */
static void
add_history(struct gb_office *o, int from, int to)
{
    struct world_chain chains[WL_DEVICES];
    struct gb_head head = gb_state_head(o->state);
    int done = from - WL_SHARED, all = to - WL_SHARED, sets = 0;
    read_chains(o, chains);
    MUST(gb_state_begin(o->state, &bench_why));
    for (; done < all; done += WL_INSERTS, sets++) {
        int at = done / WL_INSERTS;
        if (sets % COMMIT_EVERY == COMMIT_EVERY - 1) {
            MUST(gb_state_commit(o->state, &bench_why));
            MUST(gb_state_begin(o->state, &bench_why));
        }
        add_day(o, &chains[at % WL_DEVICES], DAY_ONE + at / WL_DEVICES,
                WL_INSERTS, &head);
    }
    MUST(gb_state_commit(o->state, &bench_why));
    MUST(gb_db_exec(gb_state_db(o->state), "PRAGMA wal_checkpoint(TRUNCATE)",
                    &bench_why));
}

static const struct size {
    const char *name, *folder;
    int records, before;
} sizes[] = {{"sync_10_100k", "history-100k", 100000, WL_SHARED},
             {"sync_10_1m", "history-1m", 1000000, 100000},
             {"sync_10_10m", "history-10m", 10000000, 1000000}};

/* A hub of so many records, made from the one before. */
static const char *
history(int which)
{
    const struct size *z = &sizes[which];
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s", bench_path("%s", z->folder));
    if (bench_kept(path, world_format()))
        return bench_path("%s", z->folder);
    bench_copy(which ? history(which - 1) : world_morning("hub"), path);
    struct gb_office *o = world_office(path);
    MUST(gb_db_exec(gb_state_db(o->state), "PRAGMA cache_size=-500000",
                    &bench_why));
    add_history(o, z->before, z->records);
    gb_office_close(o);
    bench_keep(path, world_format());
    return bench_path("%s", z->folder);
}

/* ----------------------------------------------------------- measuring -- */

/* A record anywhere in history. */
static uint64_t
some_key(int records, uint64_t *chance)
{
    uint64_t i = wl_next(chance) % (uint64_t)records;
    if (i < WL_SHARED)
        return i;
    i -= WL_SHARED;
    uint64_t set = i / WL_INSERTS;
    return wl_key(DAY_ONE + (int)(set / WL_DEVICES), (int)(set % WL_DEVICES),
                  (int)(i % WL_INSERTS));
}

/* Ten changes by one handheld, of records from all over. */
static void
make_set(struct gb_office *o, struct world_chain *chain, int records,
         uint64_t *chance, struct gb_buf *out)
{
    struct wl_op ops[10];
    struct gb_head head = gb_state_head(o->state);
    struct gb_sign_key key = chain->device > 1
                                 ? world_key(chain->device)
                                 : world_folder_key(world_morning("1"), false);
    NEED(wl_shift(0, chain->device - 1, 0, 10, 0, ops) == 10);
    for (int i = 0; i < 10; i++) {
        /* wl_change() has the column of each table; this is its record */
        do
            ops[i].key = some_key(records, chance);
        while (wl_table_of(ops[i].key & 0xFFFFF) != ops[i].table);
        ops[i].seed = wl_next(chance);
    }
    world_seal(chain, ops, 10, gb_state_schema(o->state), o->site, &head, &key,
               out);
}

/* Milliseconds of one set, from its signature to the commit. */
static double
merge_sets(struct gb_office *o, int records, uint64_t *chance)
{
    static struct gb_buf bytes[SETS];
    struct world_chain chains[WL_DEVICES];
    read_chains(o, chains);
    double took = 0;
    for (int i = 0; i < SETS; i++) {
        gb_buf_init(&bytes[i], GB_SET_MAX);
        make_set(o, &chains[(uint64_t)i * 7 % WL_DEVICES], records, chance,
                 &bytes[i]);
    }
    for (int i = 0; i < SETS; i++) {
        struct gb_arriving a = {.skew = {.clock_ms = world_clock_ms}};
        MUST(gb_container_split(gb_buf_view(&bytes[i]), &a.parts, &bench_why));
        double began = bench_now();
        world_merge(o, NULL, &a, 1);
        took += bench_now() - began;
        gb_state_checkpoint(o->state); /* as a server does behind its answer */
        gb_buf_release(&bytes[i]);
    }
    return took / SETS * 1e3;
}

static void
measure(int which)
{
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX];
    const struct size *z = &sizes[which];
    int runs = bench_runs();
    if (!bench_wanted(z->name))
        return;
    struct gb_office *o = world_office(history(which));
    uint64_t chance = gb_state_size(o->state);
    char db[GB_FILE_PATH_MAX];
    gb_office_path(o, "hub.db", db);
    bench_read(db); /* a disk that is read is no part of this */
    merge_sets(o, z->records, &chance);
    for (int i = 0; i < runs; i++) {
        floors[i] = floor_fdatasync(bench_scratch("page"), SETS) * 1e3;
        values[i] = merge_sets(o, z->records, &chance);
    }
    bench_report(z->name, values, floors, runs);
    gb_office_close(o);
}

int
main(void)
{
    for (int i = 0; i < 3; i++)
        measure(i);
    return 0;
}
