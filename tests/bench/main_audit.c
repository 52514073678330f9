/* main_audit.c - audit_sets, audit_rss_kb, audit_rss_growth: the auditor reads
 * a ledger of 10,000 and of 100,000 sets of ten changes. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"
#include "hub/audit.h"
#include "hub/batch.h"
#include "world.h"

#define BATCH 200
#define STEP_MS 3600000 /* from one batch to the next */

/* -------------------------------------------------------------- replay -- */

/* What is spent on deciding and applying, which is replay and not the check. */
static double replayed;

static double
seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* bench_now() without what other threads do at the same time. */
static double
own_now(void)
{
    return getenv("CPU") ? seconds(CLOCK_THREAD_CPUTIME_ID) : bench_now();
}

enum gb_err __real_gb_state_line(struct gb_state *st,
                                 const struct gb_incoming *in,
                                 struct gb_arena *arena, struct gb_line *out,
                                 struct gb_fail *fail);
enum gb_err __wrap_gb_state_line(struct gb_state *st,
                                 const struct gb_incoming *in,
                                 struct gb_arena *arena, struct gb_line *out,
                                 struct gb_fail *fail);
enum gb_err
__wrap_gb_state_line(struct gb_state *st, const struct gb_incoming *in,
                     struct gb_arena *arena, struct gb_line *out,
                     struct gb_fail *fail)
{
    double began = own_now();
    enum gb_err e = __real_gb_state_line(st, in, arena, out, fail);
    replayed += own_now() - began;
    return e;
}

/* ------------------------------------------------------------- ledgers -- */

/* One batch: a set of each handheld. */
static void
commit_batch(struct gb_office *o, struct world_chain *chains, int number,
             const struct gb_head *head)
{
    static struct gb_buf bytes[BATCH];
    static struct gb_arriving sets[BATCH];
    for (int d = 0; d < BATCH; d++) {
        struct wl_op ops[10];
        struct gb_sign_key key =
            d ? world_key(d + 1) : world_folder_key(world_morning("1"), false);
        NEED(wl_shift(number, d, 0, 10, 0, ops) == 10);
        gb_buf_init(&bytes[d], GB_SET_MAX);
        world_seal(&chains[d], ops, 10, gb_state_schema(o->state), o->site,
                   head, &key, &bytes[d]);
        sets[d] = (struct gb_arriving){.skew = {.clock_ms = world_clock_ms}};
        MUST(gb_container_split(gb_buf_view(&bytes[d]), &sets[d].parts,
                                &bench_why));
        MUST(gb_office_verify(o->state, o->site, &sets[d], &bench_why));
    }
    MUST(gb_office_commit(o, sets, BATCH, &bench_why));
    for (int d = 0; d < BATCH; d++) {
        NEED(sets[d].outcome == GB_TAKEN && !sets[d].waits);
        gb_buf_release(&bytes[d]);
    }
}

struct plan {
    const char *folder;
    int sets;
};

static void
make_ledger(void *arg)
{
    const struct plan *p = arg;
    struct world_chain chains[BATCH];
    const char *hub = bench_path("%s", p->folder);
    bench_copy(world_morning("hub"), hub);
    struct gb_office *o = world_office(hub);
    struct gb_head head = gb_state_head(o->state);
    for (int d = 0; d < BATCH; d++)
        chains[d] = (struct world_chain){.device = d + 1};
    for (int i = 0; i < p->sets / BATCH; i++) {
        world_clock_ms = WORLD_EVENING + (int64_t)i * STEP_MS;
        commit_batch(o, chains, i, &head);
    }
    gb_office_close(o);
}

/* The ledger of so many sets, made once. */
static const char *
ledger(const char *folder, int sets)
{
    struct plan p = {folder, sets};
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s", bench_path("%s", folder));
    if (!bench_kept(path, world_format())) {
        bench_apart(make_ledger, &p);
        bench_keep(path, world_format());
    }
    return bench_path("%s/ledger.git", folder);
}

/* ----------------------------------------------------------- measuring -- */

static void
measure_memory(void)
{
    const char *audit[] = {bench_program("gengbu-audit"), NULL, NULL};
    audit[1] = ledger("audit-10k", 10000);
    double few = (double)bench_run(audit).peak_kb;
    audit[1] = ledger("audit-100k", 100000);
    double many = (double)bench_run(audit).peak_kb;
    bench_report_one("audit_rss_kb", many, few);
    bench_report_one("audit_rss_growth", many, few);
}

/* Microseconds a set, replay apart, and of the signatures alone. */
static void
measure_time(void)
{
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX];
    int runs = bench_runs();
    struct gb_audit_plan plan = {.ledger = ledger("audit-100k", 100000)};
    for (int i = 0; i < runs; i++) {
        struct gb_audit_report report;
        double sets = 100000;
        floors[i] = floor_verify(100000, 500) / sets * 1e6;
        replayed = 0;
        double began = bench_now();
        MUST(gb_audit_run(&plan, &report, &bench_why));
        values[i] = (bench_now() - began - replayed) / sets * 1e6;
        gb_audit_release(&report);
        fprintf(stderr, "bench: replay took %.1f us a set beside it\n",
                replayed / sets * 1e6);
    }
    bench_report("audit_sets", values, floors, runs);
}

int
main(void)
{
    setenv("TMPDIR", bench_scratch(""), 1); /* for the auditor's copies */
    if (bench_wanted("audit_rss_kb") || bench_wanted("audit_rss_growth"))
        measure_memory();
    if (bench_wanted("audit_sets"))
        measure_time();
    return 0;
}
