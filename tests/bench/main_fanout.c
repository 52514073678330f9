/* main_fanout.c - fanout_encode, fanout_bytes, fanout_apply: one handheld takes
 * what 200 did in a day, its own shift among it. */
#include <stdlib.h>

#include "floor.h"
#include "world.h"

/* The day without changes to what stands there, as plain operations. */
static struct wl_op ops[WORLD_DAY_OPS];

static void
make_day(void)
{
    int n = 0;
    for (int d = 0; d < WL_DEVICES; d++)
        n += wl_shift(0, d, WL_INSERTS, WL_CHANGES, WL_VOIDS, ops + n);
    NEED(n == WORLD_DAY_OPS);
}

/* The bundle for handheld 1: delta, signatures, seals, and the note of it. */
static double
encode(uint64_t from, struct gb_buf *out)
{
    const char *hub = bench_scratch("hub");
    bench_copy(world_evening(), hub);
    struct gb_office *o = world_office(hub);
    gb_buf_clear(out);
    double began = bench_now();
    world_answer(o, 1, from, 1, out);
    double took = bench_now() - began;
    gb_office_close(o);
    return took;
}

static double
apply(struct gb_span bundle)
{
    const char *folder = bench_scratch("1");
    bench_copy(world_shift(), folder);
    double began = bench_now();
    world_take(folder, bundle);
    return bench_now() - began;
}

/* The day in one transaction of a plain database; then, in *read, all of it
 * read back. */
static double
apply_plain(const struct floor_op *all, double *read)
{
    struct floor_sql sql;
    sqlite3 *db = floor_open(bench_scratch("plain.db"), GB_DB_FULL);
    floor_prepare(db, &sql);
    double began = bench_now();
    MUST(gb_db_exec(db, "BEGIN IMMEDIATE", &bench_why));
    for (int i = 0; i < WORLD_DAY_OPS; i++)
        floor_apply(&sql, &all[i]);
    MUST(gb_db_exec(db, "COMMIT", &bench_why));
    double took = bench_now() - began;
    *read = floor_read(db);
    floor_finalize(&sql);
    gb_db_close(db);
    return took;
}

/* What the handheld has merged before the day. */
static uint64_t
morning_size(void)
{
    struct gb_office *o = world_office(world_morning("hub"));
    uint64_t size = gb_state_size(o->state);
    gb_office_close(o);
    return size;
}

int
main(void)
{
    double encodes[BENCH_RUNS_MAX], applies[BENCH_RUNS_MAX] = {0};
    double reads[BENCH_RUNS_MAX], writes[BENCH_RUNS_MAX];
    int runs = bench_runs();
    struct gb_buf bundle;
    if (!bench_wanted("fanout_encode") && !bench_wanted("fanout_bytes") &&
        !bench_wanted("fanout_apply"))
        return 0;
    make_day();
    struct floor_op *all = floor_values(ops, WORLD_DAY_OPS);
    uint64_t from = morning_size();
    gb_buf_init(&bundle, (size_t)64 << 20);
    for (int i = 0; i < runs; i++) {
        writes[i] = apply_plain(all, &reads[i]);
        encodes[i] = encode(from, &bundle);
        if (bench_wanted("fanout_apply"))
            applies[i] = apply(gb_buf_view(&bundle));
    }
    bench_report("fanout_encode", encodes, reads, runs);
    bench_report_one("fanout_bytes", (double)bundle.len,
                     (double)floor_bytes(ops, WORLD_DAY_OPS));
    bench_report("fanout_apply", applies, writes, runs);
    gb_buf_release(&bundle);
    free(all);
    return 0;
}
