/* bench.c - see bench.h */
#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a bound is asked of. */
enum of { NOTHING, VALUE, RATIO, ABOVE /* the floor */ };

static const struct {
    const char *name, *unit;
    enum of of;
    double bound;
} benches[] = {
    {"write_normal", "us/write", RATIO, 1.25},
    {"write_full", "us/write", RATIO, 1.03},
    {"set_bytes_shift", "bytes", VALUE, 10500},
    {"set_bytes_10", "bytes", VALUE, 600},
    {"merge_fleet_day", "s", RATIO, 1.5},
    {"sync_10_100k", "ms", ABOVE, 0.3},
    {"sync_10_1m", "ms", ABOVE, 0.3},
    {"sync_10_10m", "ms", ABOVE, 0.3},
    {"session_fleet_day", "s", NOTHING, 0},
    {"fanout_encode", "s", VALUE, 0.4},
    {"fanout_bytes", "bytes", VALUE, 2.2e6},
    {"fanout_apply", "s", VALUE, 1.2},
    {"device_rss_kb", "KiB", ABOVE, 6144},
    {"hub_rss_kb", "KiB", VALUE, 98304},
    {"shift_end_http", "s", RATIO, 2},
    {"audit_sets", "us/set", RATIO, 2},
    {"audit_rss_kb", "KiB", VALUE, 65536},
    {"audit_rss_growth", "KiB", RATIO, 1.25},
    {"ledger_batch", "ms", RATIO, 1.5},
    {"ledger_packs", "packs", VALUE, 50},
    {"ledger_files", "files", VALUE, 256},
    {"cold_start", "ms", VALUE, 15},
    {"list_screen", "ms", VALUE, 50},
};

struct gb_fail bench_why;

void
bench_end(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

double
bench_now(void)
{
    struct timespec t;
    bool cpu = getenv("CPU") != NULL;
    clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int
bench_runs(void)
{
    const char *set = getenv("RUNS");
    long n = set && *set ? strtol(set, NULL, 10) : 5;
    if (n < 1 || n > BENCH_RUNS_MAX)
        bench_end("RUNS is 1 to %d", BENCH_RUNS_MAX);
    return (int)n;
}

bool
bench_wanted(const char *name)
{
    const char *set = getenv("BENCH");
    return !set || !*set || !strcmp(set, name);
}

/* ----------------------------------------------------------- reporting -- */

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted into out. */
static double
median(const double *v, int n, double *out)
{
    memcpy(out, v, (size_t)n * sizeof *v);
    qsort(out, (size_t)n, sizeof *out, by_value);
    return n % 2 ? out[n / 2] : (out[n / 2 - 1] + out[n / 2]) / 2;
}

/* "NAME":VALUE with as many digits as tell something. */
static void
put(const char *name, double v)
{
    if (fabs(v) >= 10000)
        printf(",\"%s\":%.0f", name, v);
    else
        printf(",\"%s\":%.5g", name, v);
}

static void
put_bound(enum of of, double bound, double value, double floor)
{
    static const char *const words[] = {"", "value", "ratio", "value - floor"};
    double v = of == RATIO   ? value / floor
               : of == ABOVE ? value - floor
                             : value;
    if (of == NOTHING)
        printf(",\"bound\":null,\"holds\":true}\n");
    else
        printf(",\"bound\":\"%s <= %.10g\",\"holds\":%s}\n", words[of], bound,
               v <= bound ? "true" : "false");
}

void
bench_report(const char *name, const double *values, const double *floors,
             int runs)
{
    double sorted[BENCH_RUNS_MAX], other[BENCH_RUNS_MAX];
    size_t i = 0;
    if (!bench_wanted(name))
        return;
    while (strcmp(benches[i].name, name))
        if (++i == sizeof benches / sizeof *benches)
            bench_end("no bench is called %s", name);
    double value = median(values, runs, sorted);
    double floor = floors ? median(floors, runs, other) : 0;
    printf("{\"bench\":\"%s\"", name);
    put("value", value);
    printf(",\"unit\":\"%s\"", benches[i].unit);
    if (floors) {
        put("floor", floor);
        put("ratio", value / floor);
    } else {
        printf(",\"floor\":null,\"ratio\":null");
    }
    printf(",\"runs\":%d", runs);
    put("min", sorted[0]);
    put("max", sorted[runs - 1]);
    put_bound(benches[i].of, benches[i].bound, value, floor);
    fflush(stdout);
}

void
bench_report_one(const char *name, double value, double floor)
{
    bench_report(name, &value, floor > 0 ? &floor : NULL, 1);
}
