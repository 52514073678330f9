/* fault.c - see fault.h */
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEPTH = 11, PATHS = 1 << 16 };

/* Of the words below while two threads ask: one failure in a run. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned armed; /* kinds that may fail in this run */
static enum fault failed;
static void *failed_at[DEPTH]; /* for a message */
static int depth;
static uint64_t paths[PATHS]; /* that have failed; a hash table */
static size_t npaths;

/* Whether a path is new; it is not, the next time. */
static bool
is_new(uint64_t hash)
{
    size_t i = hash % PATHS;
    while (paths[i] && paths[i] != hash)
        i = (i + 1) % PATHS;
    if (paths[i])
        return false;
    assert_true(++npaths < PATHS / 2);
    paths[i] = hash;
    return true;
}

/* Whether it is this call's turn. */
static bool
choose(enum fault kind, void *const *frames, int n)
{
    uint64_t hash = (uint64_t)kind;
    for (int i = 0; i < n; i++)
        hash = (hash ^ (uintptr_t)frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
    if (!(armed & kind) || !is_new(hash | 1))
        return false;
    armed = 0;
    failed = kind;
    memcpy(failed_at, frames, sizeof failed_at);
    depth = n;
    return true;
}

bool
fault_here(enum fault kind)
{
    void *frames[DEPTH];
    if (!(armed & kind)) /* read askew it is asked again below */
        return false;
    int n = backtrace(frames, DEPTH);
    pthread_mutex_lock(&mutex);
    bool chosen = choose(kind, frames, n);
    pthread_mutex_unlock(&mutex);
    if (chosen)
        errno = kind == FAULT_MEMORY ? ENOMEM : EIO;
    return chosen;
}

void
fault_blame(enum gb_err err, enum fault kind)
{
    backtrace_symbols_fd(failed_at, depth, STDERR_FILENO);
    fail_msg("%s after a failure of kind %d", gb_err_name(err), (int)kind);
}

void
fault_told(void *arg, enum gb_err err, enum fault kind)
{
    (void)arg;
    if (kind == FAULT_MEMORY ? err == GB_E_MEMORY
                             : (err != GB_OK) == (kind != FAULT_NONE))
        return;
    fault_blame(err, kind);
}

void
fault_told_or_harmless(void *arg, enum gb_err err, enum fault kind)
{
    if (!(kind & (FAULT_FILE | FAULT_GIT)) || err)
        fault_told(arg, err, kind);
}

size_t
fault_sweep(unsigned kinds,
            enum gb_err (*work)(void *arg, struct gb_fail *fail),
            void (*judge)(void *arg, enum gb_err err, enum fault failed),
            void *arg)
{
    for (size_t n = 0;; n++) {
        struct gb_fail fail = {0};
        failed = FAULT_NONE;
        armed = kinds;
        enum gb_err err = work(arg, &fail);
        armed = 0;
        if (!failed && err) {
            print_error("a failure before this run led to: %s\n", fail.text);
            fault_blame(err, failed);
        }
        (judge ? judge : fault_told)(arg, err, failed);
        if (!failed)
            return n;
    }
}

/* A wrapper that passes its arguments on. */
#define WRAP(type, bad, name, parameters, arguments)                           \
    type __real_##name parameters;                                             \
    type __wrap_##name parameters;                                             \
    type __wrap_##name parameters                                              \
    {                                                                          \
        return fault_here(FAULT_FILE) ? (bad) : __real_##name arguments;       \
    }

WRAP(void *, MAP_FAILED, mmap,
     (void *p, size_t n, int may, int how, int fd, off_t at),
     (p, n, may, how, fd, at))
WRAP(int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, -1, stat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, syncfs, (int fd), (fd))
WRAP(int, -1, unlink, (const char *path), (path))
WRAP(char *, NULL, mkdtemp, (char *path), (path))
WRAP(DIR *, NULL, opendir, (const char *path), (path))
WRAP(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
