/* process.c - programs, folders and what is kept between runs; see bench.h */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "engine/file.h"

#define TOP "build/bench"
#define PATH_SIZE 300
#define PATHS 64 /* valid at once */

static char scratch[PATH_SIZE]; /* "": not made yet */

/* ----------------------------------------------------------- processes -- */

const char *
bench_program(const char *name)
{
    static char path[2 * PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", path, PATH_SIZE);
    NEED(n > 0 && n < PATH_SIZE);
    path[n] = 0;
    for (int up = 0; up < 3; up++) /* tests/bench/THIS */
        *strrchr(path, '/') = 0;
    strncat(path, "/", 2);
    strncat(path, name, PATH_SIZE);
    return path;
}

/* In the child: never returns.  -1: nowhere. */
static void
become(const char *const *argv, int out, int err)
{
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(out >= 0 ? out : nothing, 1);
    if (err >= 0)
        dup2(err, 2);
    execv(argv[0], (char *const *)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Wait for a child; *status as wait() has it. */
static struct bench_cost
reap(pid_t pid, int *status)
{
    struct rusage u;
    if (wait4(pid, status, 0, &u) != pid)
        bench_end("wait: %s", strerror(errno));
    return (struct bench_cost){
        (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
            (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6,
        u.ru_maxrss};
}

struct bench_cost
bench_run(const char *const *argv)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        bench_end("fork: %s", strerror(errno));
    if (!pid)
        become(argv, -1, -1);
    struct bench_cost cost = reap(pid, &status);
    if (status)
        bench_end("%s %s: status %d", argv[0], argv[1] ? argv[1] : "", status);
    return cost;
}

pid_t
bench_start(const char *const *argv, char *line, size_t size)
{
    int ends[2];
    int log = open(bench_path("server.log"),
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log < 0 || pipe2(ends, O_CLOEXEC))
        bench_end("%s cannot be started: %s", argv[0], strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        bench_end("fork: %s", strerror(errno));
    if (!pid)
        become(argv, ends[1], log);
    close(ends[1]);
    close(log);
    FILE *f = fdopen(ends[0], "r");
    if (!f || !fgets(line, (int)size, f))
        bench_end("%s says nothing", argv[0]);
    line[strcspn(line, "\n")] = 0;
    fclose(f);
    return pid;
}

/* The size that the process had at most, while it is there. */
static long
peak_of(pid_t pid)
{
    char path[64], line[200];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

struct bench_cost
bench_stop(pid_t pid)
{
    int status;
    long peak = peak_of(pid);
    kill(pid, SIGTERM);
    struct bench_cost cost = reap(pid, &status);
    if (status)
        bench_end("a server ended with status %d", status);
    cost.peak_kb = peak;
    return cost;
}

void
bench_apart(void (*work)(void *arg), void *arg)
{
    int status;
    bench_scratch(""); /* one, and removed by the parent */
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        bench_end("fork: %s", strerror(errno));
    if (!pid) {
        work(arg);
        fflush(NULL);
        _exit(0);
    }
    reap(pid, &status);
    if (status)
        exit(2); /* the child said why */
}

/* --------------------------------------------------------------- files -- */

/* The folders above a path. */
static void
make_folders(const char *path)
{
    char at[PATH_SIZE];
    snprintf(at, sizeof at, "%s", path);
    for (char *p = strchr(at, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(at, 0700) && errno != EEXIST)
            bench_end("%s: %s", at, strerror(errno));
        *p = '/';
    }
}

const char *
bench_path(const char *format, ...)
{
    static char paths[PATHS][PATH_SIZE];
    static int at;
    char *out = paths[at++ % PATHS];
    va_list args;
    int n = snprintf(out, PATH_SIZE, "%s/", TOP);
    va_start(args, format);
    vsnprintf(out + n, PATH_SIZE - (size_t)n, format, args);
    va_end(args);
    make_folders(out);
    return out;
}

static void
remove_scratch(void)
{
    bench_remove(scratch);
}

const char *
bench_scratch(const char *name)
{
    if (!*scratch) {
        snprintf(scratch, sizeof scratch, "%s",
                 bench_path("scratch-%d", (int)getpid()));
        atexit(remove_scratch);
    }
    return bench_path("%s/%s", strrchr(scratch, '/') + 1, name);
}

void
bench_remove(const char *path)
{
    struct gb_fail fail;
    if (gb_file_remove_all(path, &fail))
        bench_end("%s", fail.text);
}

void
bench_copy(const char *from, const char *to)
{
    const char *argv[] = {"/bin/cp", "-R", "--reflink=auto", from, to, NULL};
    bench_remove(to);
    bench_run(argv);
}

void
bench_read(const char *path)
{
    static char some[1 << 20];
    FILE *f = fopen(path, "rb");
    NEED(f);
    while (fread(some, 1, sizeof some, f) == sizeof some)
        continue;
    fclose(f);
}

bool
bench_kept(const char *path, const char *format)
{
    char mark[PATH_SIZE + 10], line[80] = "";
    snprintf(mark, sizeof mark, "%s.whole", path);
    FILE *f = fopen(mark, "r");
    bool same = f && fgets(line, sizeof line, f) && !strcmp(line, format);
    if (f)
        fclose(f);
    if (same)
        return true;
    fprintf(stderr, "bench: making %s, once\n", path);
    bench_remove(mark);
    bench_remove(path);
    return false;
}

void
bench_keep(const char *path, const char *format)
{
    char mark[PATH_SIZE + 10];
    snprintf(mark, sizeof mark, "%s.whole", path);
    FILE *f = fopen(mark, "w");
    if (!f || fputs(format, f) < 0 || fclose(f))
        bench_end("%s: %s", mark, strerror(errno));
}
