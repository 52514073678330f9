/*
 * kill.c - a preloaded library that kills its process at the n-th call that
 * writes, syncs, renames, removes or sends, just before or just after it.
 *
 *   KILL_AT=n     kill at the n-th such call, from 1; 0 or absent: never
 *   KILL_AFTER=1  once the call has returned, else before it is made
 *   KILL_COUNT=F  at exit, write how many calls there were to the file F
 *
 * SIGKILL, so nothing is flushed and no handler runs: as kill -9 at the worst
 * moment, over and over.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long at = -1;
static int after;

static void
setup(void)
{
    const char *n = getenv("KILL_AT"), *a = getenv("KILL_AFTER");
    at = n ? atol(n) : 0;
    after = a && *a == '1';
}

/* Count one call; true when this is the one. */
static int
is_it(void)
{
    if (at < 0)
        setup();
    return atomic_fetch_add(&calls, 1) + 1 == at;
}

static void
die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

__attribute__((destructor)) static void
report(void)
{
    const char *path = getenv("KILL_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "%ld\n", (long)calls);
    fclose(f);
}

#define WRAP(type, name, params, args)                                         \
    type name params;                                                          \
    type name params                                                           \
    {                                                                          \
        static type(*real) params;                                             \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        int it = is_it();                                                      \
        if (it && !after)                                                      \
            die();                                                             \
        type result = real args;                                               \
        if (it)                                                                \
            die();                                                             \
        return result;                                                         \
    }

WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o),
     (fd, b, n, o))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
WRAP(ssize_t, sendto,
     (int fd, const void *b, size_t n, int f, const struct sockaddr *a,
      socklen_t l),
     (fd, b, n, f, a, l))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, link, (const char *a, const char *b), (a, b))
WRAP(int, unlink, (const char *a), (a))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))
