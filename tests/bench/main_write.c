/* main_write.c - write_normal, write_full: a shift on a handheld, a transaction
 * for each write, beside the same rows in plain SQLite. */
#include <stdlib.h>

#include "floor.h"
#include "world.h"

/* Microseconds a write in a journal, of `days` shifts. */
static double
write_journal(const char *sync, int days)
{
    const char *folder = bench_scratch("journal");
    struct world_now now;
    bench_copy(world_morning("1"), folder);
    struct gb_journal *j = world_journal(folder, &now);
    MUST(gb_db_execf(gb_journal_db(j), &bench_why, "PRAGMA synchronous=%s",
                     sync));
    int done = 0;
    double took = 0;
    for (int day = 0; day < days; day++) {
        world_day(j, day);
        double began = bench_now();
        done += world_record(j, &now, day, WL_INSERTS, WL_CHANGES, WL_VOIDS);
        took += bench_now() - began;
    }
    gb_journal_close(j);
    return took / done * 1e6;
}

/* The same in plain tables. */
static double
write_plain(const char *sync, int days)
{
    static struct wl_op ops[WL_OPS];
    struct floor_sql sql;
    sqlite3 *db = floor_open(bench_scratch("plain.db"), GB_DB_FULL);
    int done = 0;
    double took = 0;
    MUST(gb_db_execf(db, &bench_why, "PRAGMA synchronous=%s", sync));
    floor_prepare(db, &sql);
    for (int day = 0; day < days; day++) {
        int n = wl_shift(day, 0, WL_INSERTS, WL_CHANGES, WL_VOIDS, ops);
        double began = bench_now();
        struct floor_op *all = floor_values(ops, n);
        for (int i = 0; i < n; i++)
            floor_apply(&sql, &all[i]);
        took += bench_now() - began;
        free(all);
        done += n;
    }
    floor_finalize(&sql);
    gb_db_close(db);
    return took / done * 1e6;
}

static void
measure(const char *name, const char *sync, int days)
{
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX];
    int runs = bench_runs();
    if (!bench_wanted(name))
        return;
    for (int i = 0; i < runs; i++) {
        floors[i] = write_plain(sync, days);
        values[i] = write_journal(sync, days);
    }
    bench_report(name, values, floors, runs);
}

int
main(void)
{
    measure("write_normal", "NORMAL", 10);
    measure("write_full", "FULL", 1);
    return 0;
}
