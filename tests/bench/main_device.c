/* main_device.c - device_rss_kb, cold_start, list_screen: the handheld's own
 * program.  This one stays small, since what a process held before it became
 * another counts as that one's: all that is large is made apart. */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#define DAYS 365
#define SCREEN "20"

/* ------------------------------------------------------------- a year -- */

/* All that the journal has not sent, into the hub, and the answer back. */
static void
sync_all(struct gb_office *o, const char *folder, struct gb_journal *j)
{
    struct gb_journal_info i;
    struct gb_arriving a = {.skew = {.clock_ms = world_clock_ms}};
    struct gb_buf set, bundle;
    MUST(gb_journal_info(j, &i, &bench_why));
    gb_buf_init(&set, 2 * GB_SET_MAX);
    gb_buf_init(&bundle, (size_t)64 << 20);
    MUST(gb_journal_container(j, i.seq, &set, &bench_why));
    MUST(gb_container_split(gb_buf_view(&set), &a.parts, &bench_why));
    MUST(gb_office_commit(o, &a, 1, &bench_why));
    NEED(a.outcome == GB_TAKEN && a.verdict == GB_APPLIED && !a.waits);
    world_answer(o, 1, i.merged.size, 1, &bundle);
    world_take(folder, gb_buf_view(&bundle));
    gb_buf_release(&set);
    gb_buf_release(&bundle);
}

/* A shift each day, synced in the evening; today's is still open. */
static void
make_year(void *path)
{
    char hub[GB_FILE_PATH_MAX], folder[GB_FILE_PATH_MAX];
    snprintf(hub, sizeof hub, "%s/hub", (char *)path);
    snprintf(folder, sizeof folder, "%s/1", (char *)path);
    bench_copy(world_morning("hub"), hub);
    bench_copy(world_morning("1"), folder);
    struct gb_sign_key key = world_folder_key(folder, false);
    struct gb_office *o = world_office(hub);
    for (int day = 0; day < DAYS; day++) {
        struct world_now now;
        int made;
        struct gb_journal *j = world_journal(folder, &now);
        /* a year in a minute; it is closed, and so durable, each day */
        MUST(
            gb_db_exec(gb_journal_db(j), "PRAGMA synchronous=OFF", &bench_why));
        world_day(j, day);
        world_record(j, &now, day, WL_INSERTS, WL_CHANGES, WL_VOIDS);
        world_clock_ms = WORLD_EVENING + day * WL_DAY_MS;
        if (day + 1 < DAYS) {
            MUST(gb_journal_seal(j, &key, &made, &bench_why));
            NEED(made == 1);
            sync_all(o, folder, j);
        }
        gb_journal_close(j);
    }
    gb_office_close(o);
    bench_remove(hub);
}

static const char *
year(void)
{
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s", bench_path("year"));
    if (!bench_kept(path, world_format())) {
        bench_path("year/x");
        bench_apart(make_year, path);
        bench_keep(path, world_format());
    }
    return bench_path("year/1");
}

/* Milliseconds of processor time that a command takes. */
static void
measure_command(const char *name, const char *const *argv)
{
    const char *help[] = {argv[0], "--version", NULL};
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX];
    int runs = bench_runs();
    for (int i = 0; i < runs; i++) {
        double cpu = 0, least = 0;
        for (int n = 0; n < 10; n++) {
            least += bench_run(help).cpu;
            cpu += bench_run(argv).cpu;
        }
        floors[i] = least / 10 * 1e3;
        values[i] = cpu / 10 * 1e3;
    }
    bench_report(name, values, floors, runs);
}

/* -------------------------------------------------------------- memory -- */

/* A sync of what 200 handhelds did in a day, with a shift of its own to give;
 * the floor gets the page of the same server. */
static void
measure_memory(void)
{
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX];
    char url[200];
    int runs = bench_runs();
    for (int i = 0; i < runs; i++) {
        const char *folder = bench_scratch("1"), *hub = bench_scratch("hub");
        bench_copy(world_shift(), folder);
        bench_copy(world_evening(), hub);
        const char *serve[] = {bench_program("gengbu-hub"),
                               "serve",
                               hub,
                               "--listen",
                               "127.0.0.1:0",
                               NULL};
        pid_t server = bench_start(serve, url, sizeof url);
        const char *get[] = {bench_program("tests/bench/get"), url, NULL};
        floors[i] = (double)bench_run(get).peak_kb;
        const char *sync[] = {
            bench_program("gengbu"), "sync", folder, "--hub", url, NULL};
        values[i] = (double)bench_run(sync).peak_kb;
        bench_stop(server);
    }
    bench_report("device_rss_kb", values, floors, runs);
}

int
main(void)
{
    char clock[40];
    snprintf(clock, sizeof clock, "%lld",
             (long long)(WORLD_EVENING + DAYS * WL_DAY_MS));
    setenv("GENGBU_CLOCK_MS", clock, 1);
    if (bench_wanted("device_rss_kb"))
        measure_memory();
    if (bench_wanted("cold_start")) {
        const char *argv[] = {bench_program("gengbu"), "status", year(), NULL};
        measure_command("cold_start", argv);
    }
    if (bench_wanted("list_screen")) {
        const char *argv[] = {bench_program("gengbu"),
                              "list",
                              year(),
                              "patrol_visit",
                              "--limit",
                              SCREEN,
                              NULL};
        measure_command("list_screen", argv);
    }
    return 0;
}
