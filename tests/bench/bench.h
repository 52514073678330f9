/*
 * bench.h - measuring: clocks, repetitions, bounds, and the lines in which a
 * result is printed.
 *
 * A bench takes its figure and its floor in turn, RUNS times (5), and reports
 * both: one JSON object a line on standard output, with the medians, their
 * ratio, the bound that the figure must keep and whether it does.  BENCH=NAME
 * runs one alone.  What can not be measured ends the program with status 2.
 *
 * CPU=1 takes the processor time of the bench in place of the time that passes:
 * on a busy machine that tells more, but not what waits for a disk or another
 * process (sync, ledger, serve).
 */
#ifndef GB_BENCH_H
#define GB_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/err.h"

#define BENCH_RUNS_MAX 100

extern struct gb_fail bench_why;
#define MUST(call)                                                             \
    do {                                                                       \
        if (call)                                                              \
            bench_end("%s: %s", #call, bench_why.text);                        \
    } while (0)

/* Print a line to standard error, and end with status 2. */
_Noreturn void bench_end(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
#define NEED(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            bench_end("not so: %s", #condition);                               \
    } while (0)

double bench_now(void); /* seconds */
int bench_runs(void);
/* Whether this bench is to be run. */
bool bench_wanted(const char *name);

/* Print what bench NAME (bench.c has its unit and bound) measured; floors may
 * be NULL. */
void bench_report(const char *name, const double *values, const double *floors,
                  int runs);
/* The same for one that was run once. */
void bench_report_one(const char *name, double value, double floor);

/* ----------------------------------------------------------- processes -- */

/* What a process took. */
struct bench_cost {
    double cpu;   /* seconds of processor time */
    long peak_kb; /* largest resident size */
};

/* "BUILD/NAME", of the build folder that this program is in. */
const char *bench_program(const char *name);
/* Run a program to its end; it must succeed.  Its output is thrown away. */
struct bench_cost bench_run(const char *const *argv);
/* Start one whose first line of output comes back, to be stopped; what it
 * complains of goes to build/bench/server.log. */
pid_t bench_start(const char *const *argv, char *line, size_t size);
struct bench_cost bench_stop(pid_t pid);
/* `work` in a process of its own: what it allocates or caches is gone after. */
void bench_apart(void (*work)(void *arg), void *arg);

/* --------------------------------------------------------------- files -- */

/* "FOLDER/NAME" below build/bench, valid until the 64th call from now; its
 * folders are made. */
const char *bench_path(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* A path in the scratch folder of this program, removed at its end. */
const char *bench_scratch(const char *name);
/* A copy of a file or folder with all that is in it; `to` is removed first. */
void bench_copy(const char *from, const char *to);
void bench_remove(const char *path);
/* Read a file through, so that the system has it in memory. */
void bench_read(const char *path);
/* What is made once and kept: false, and the path is empty, when it has to be
 * made (again); bench_keep() says that it is whole.  `format`: 64 characters
 * that change when it is of no use any more. */
bool bench_kept(const char *path, const char *format);
void bench_keep(const char *path, const char *format);

#endif
