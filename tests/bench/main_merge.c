/* main_merge.c - merge_fleet_day, session_fleet_day: the shifts of 200
 * handhelds into one hub. */
#include <stdlib.h>

#include "floor.h"
#include "session.h"
#include "world.h"

/* As hub.db's, whose log is copied back when nobody waits (engine/state.c). */
#define LIKE_HUB "PRAGMA cache_size = -24576; PRAGMA wal_autocheckpoint = 0"

/* A quarter of a second, in which threads fall here or there, and a burst of
 * somebody else's work takes the second processor: with fewer the median moves
 * by a twentieth. */
#define REPEAT 7

static struct wl_op ops[WORLD_DAY_OPS];

/* ------------------------------------------------------- the workload -- */

/* The changes of a cell: the last one, and each one's predecessor. */
struct cell {
    int last; /* index + 1 */
    bool contested;
};
static struct cell cells[WL_SHARED][WL_COLUMNS_MAX];
static int before[WORLD_DAY_OPS];

/* Given different values by different devices. */
static bool
differ(const struct wl_op *x, const struct wl_op *y)
{
    struct wl_value a, b;
    wl_changed(x, &a);
    wl_changed(y, &b);
    return x->device != y->device &&
           (a.text ? strcmp(a.s, b.s) != 0 : a.i != b.i);
}

static int
count_contested(void)
{
    int n = 0;
    for (int i = 0; i < WORLD_DAY_OPS; i++) {
        if (ops[i].kind != WL_CHANGE)
            continue;
        struct cell *c = &cells[ops[i].key][ops[i].column];
        before[i] = c->last;
        for (int x = c->last; x && !c->contested; x = before[x - 1])
            c->contested = differ(&ops[x - 1], &ops[i]);
        c->last = i + 1;
    }
    for (int r = 0; r < WL_SHARED; r++)
        for (int c = 0; c < WL_COLUMNS_MAX; c++)
            n += cells[r][c].contested;
    return n;
}

/* The day, and that it is the one that the bounds were found with. */
static void
make_day(void)
{
    int n = 0;
    for (int d = 0; d < WL_DEVICES; d++)
        n += wl_shift(0, d, WL_INSERTS, WL_CHANGES, WL_VOIDS, ops + n);
    int contested = count_contested();
    fprintf(stderr,
            "bench: a fleet day has %d record operations, %d contested "
            "cells\n",
            n, contested);
    NEED(n == WORLD_DAY_OPS && contested == WORLD_CONTESTED);
}

/* -------------------------------------------------------------- Gengbu -- */

/* The shared records into SQLite's cache, where the floor has them as well. */
static void
read_shared(struct gb_office *o)
{
    for (int t = 0; t < WL_TABLES; t++)
        MUST(gb_db_execf(gb_state_db(o->state), &bench_why,
                         "SELECT max(_e) FROM %s", wl_tables[t]));
}

/* Verify, decode, decide, apply, commit. */
static double
merge(struct world_sets *sets)
{
    const char *hub = bench_scratch("hub");
    bench_copy(world_morning("hub"), hub);
    struct gb_office *o = world_office(hub);
    struct gb_readers readers;
    world_readers(o, &readers);
    read_shared(o);
    world_sets_again(sets);
    double began = bench_now();
    world_merge(o, &readers, sets->sets, WL_DEVICES);
    double took = bench_now() - began;
    int64_t rows = 0, all = 0;
    for (int t = 0; t < WL_TABLES; t++, all += rows) {
        struct gb_buf sql;
        bool found;
        gb_buf_init(&sql, 200);
        gb_buf_printf(&sql, "SELECT count(*) FROM %s%c", wl_tables[t], 0);
        MUST(gb_db_int(gb_state_db(o->state), (const char *)sql.ptr, &rows,
                       &found, &bench_why));
        gb_buf_release(&sql);
    }
    NEED(all == WL_SHARED + WL_DEVICES * WL_INSERTS);
    gb_readers_release(&readers);
    gb_office_close(o);
    return took;
}

/* -------------------------------------------------------------- floors -- */

static double
merge_plain(const struct floor_op *all)
{
    struct floor_sql sql;
    sqlite3 *db = floor_open(bench_scratch("plain.db"), GB_DB_NORMAL);
    MUST(gb_db_exec(db, LIKE_HUB, &bench_why));
    floor_prepare(db, &sql);
    double began = bench_now();
    MUST(gb_db_exec(db, "BEGIN IMMEDIATE", &bench_why));
    for (int i = 0; i < WORLD_DAY_OPS; i++)
        floor_apply(&sql, &all[i]);
    MUST(gb_db_exec(db, "COMMIT", &bench_why));
    double took = bench_now() - began;
    floor_finalize(&sql);
    gb_db_close(db);
    return took;
}

static double
merge_sessions(const struct session_set *sets)
{
    sqlite3 *db = floor_open(bench_scratch("session.db"), GB_DB_NORMAL);
    MUST(gb_db_exec(db, LIKE_HUB, &bench_why));
    double began = bench_now();
    MUST(gb_db_exec(db, "BEGIN IMMEDIATE", &bench_why));
    for (int d = 0; d < WL_DEVICES; d++)
        session_apply(db, &sets[d]);
    MUST(gb_db_exec(db, "COMMIT", &bench_why));
    double took = bench_now() - began;
    gb_db_close(db);
    return took;
}

/* Each handheld's shift as SQLite's own change set. */
static void
make_sessions(const struct floor_op *all, struct session_set *out)
{
    struct floor_sql sql;
    sqlite3 *db = floor_open(bench_scratch("record.db"), GB_DB_NORMAL);
    floor_prepare(db, &sql);
    for (int d = 0; d < WL_DEVICES; d++)
        session_record(db, &sql, all + d * WL_OPS, WL_OPS, &out[d]);
    floor_finalize(&sql);
    gb_db_close(db);
}

int
main(void)
{
    static struct world_sets sets;
    static struct session_set sessions[WL_DEVICES];
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX],
        theirs[BENCH_RUNS_MAX];
    int runs = bench_runs() * REPEAT;
    bool session = bench_wanted("session_fleet_day");
    if (!session && !bench_wanted("merge_fleet_day"))
        return 0;
    if (runs > BENCH_RUNS_MAX)
        runs = BENCH_RUNS_MAX;
    make_day();
    struct floor_op *all = floor_values(ops, WORLD_DAY_OPS);
    if (session && !session_there()) {
        fprintf(stderr, "bench: this SQLite has no session extension\n");
        session = false;
    }
    if (session)
        make_sessions(all, sessions);
    world_sets(&sets, false);
    for (int i = 0; i < runs; i++) {
        floors[i] = merge_plain(all);
        values[i] = bench_wanted("merge_fleet_day") ? merge(&sets) : 0;
        theirs[i] = session ? merge_sessions(sessions) : 0;
    }
    bench_report("merge_fleet_day", values, floors, runs);
    if (session)
        bench_report("session_fleet_day", theirs, floors, runs);
    world_sets_release(&sets);
    free(all);
    return 0;
}
