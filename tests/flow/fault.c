/*
 * fault.c - a preloaded library that lets things go wrong at the n-th call
 * that makes, writes, syncs, renames, removes or sends.
 *
 *   FAULT_AT=n     at the n-th such call, from 1; 0 or absent: never
 *   FAULT=before   SIGKILL just before it (the default): nothing is flushed
 *         after    and no handler runs, or once the call has returned
 *         ENOSPC   it fails so, and all behind it that such a disk would
 *         EROFS    refuse; likewise EACCES, EIO
 *   FAULT_ONCE=1   only that one call fails
 *   FAULT_COUNT=F  at exit, write how many calls there were to the file F
 *
 * What goes to sockets is counted for kills only: disks do not break those.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} errors[] = {
    {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EIO", EIO}};

static atomic_long calls;
static long at;
static bool after, once;
static int number; /* 0: kill */

__attribute__((constructor)) static void
setup(void)
{
    const char *n = getenv("FAULT_AT"), *what = getenv("FAULT");
    at = n ? atol(n) : 0;
    once = getenv("FAULT_ONCE") != NULL;
    after = what && !strcmp(what, "after");
    for (size_t i = 0; what && i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(what, errors[i].name))
            number = errors[i].number;
}

__attribute__((destructor)) static void
report(void)
{
    const char *path = getenv("FAULT_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "%ld\n", (long)calls);
    fclose(f);
}

static void
die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* What becomes of a call. */
enum fate { GOES_ON, FAILS, DIES_AFTER };

/* Count one call.  `room` says that it needs any: a full disk lets the others
 * pass. */
static enum fate
next(bool room)
{
    long i = atomic_fetch_add(&calls, 1) + 1;
    if (!at || i < at || ((once || !number) && i > at))
        return GOES_ON;
    if (number) {
        errno = number;
        return room || number != ENOSPC ? FAILS : GOES_ON;
    }
    if (!after)
        die();
    return DIES_AFTER;
}

/* The same for a file descriptor: files and folders only, for a disk. */
static enum fate
next_fd(int fd, bool room)
{
    struct stat st;
    if (number &&
        (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))))
        return GOES_ON;
    return next(room);
}

/* An open() that may make a file, or on a disk that may not be written, that
 * opens one for writing. */
static enum fate
next_open(const char *path, int flags)
{
    struct stat st;
    bool makes = flags & O_CREAT && stat(path, &st);
    bool shut = number == EROFS || number == EACCES;
    if (!makes && !(shut && (flags & O_ACCMODE) != O_RDONLY))
        return GOES_ON;
    return number && !strncmp(path, "/dev/", 5) ? GOES_ON : next(true);
}

#define WRAP(type, name, params, args, fate_of)                                \
    type name params;                                                          \
    type name params                                                           \
    {                                                                          \
        static type(*real) params;                                             \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        enum fate fate = fate_of;                                              \
        if (fate == FAILS)                                                     \
            return -1;                                                         \
        type result = real args;                                               \
        if (fate == DIES_AFTER)                                                \
            die();                                                             \
        return result;                                                         \
    }

WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n),
     next_fd(fd, true))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o),
     next_fd(fd, true))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o),
     (fd, b, n, o), next_fd(fd, true))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n),
     next_fd(fd, true))
WRAP(ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f),
     next_fd(fd, true))
WRAP(ssize_t, sendto,
     (int fd, const void *b, size_t n, int f, const struct sockaddr *a,
      socklen_t l),
     (fd, b, n, f, a, l), next_fd(fd, true))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f),
     next_fd(fd, true))
WRAP(ssize_t, sendfile64, (int to, int from, off64_t *o, size_t n),
     (to, from, o, n), next_fd(to, true))
WRAP(int, fsync, (int fd), (fd), next_fd(fd, true))
WRAP(int, fdatasync, (int fd), (fd), next_fd(fd, true))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), next_fd(fd, false))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), next_fd(fd, false))
WRAP(int, rename, (const char *a, const char *b), (a, b), next(true))
WRAP(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f),
     (d, a, e, b, f), next(true))
WRAP(int, link, (const char *a, const char *b), (a, b), next(true))
WRAP(int, unlink, (const char *a), (a), next(false))
WRAP(int, rmdir, (const char *a), (a), next(false))
WRAP(int, mkdir, (const char *a, mode_t m), (a, m), next(true))

/* open(), whose mode is there when a file may be made. */
#define WRAP_OPEN(name)                                                        \
    int name(const char *path, int flags, ...);                                \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        static int (*real)(const char *, int, ...);                            \
        va_list args;                                                          \
        va_start(args, flags);                                                 \
        mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;              \
        va_end(args);                                                          \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        enum fate fate = next_open(path, flags);                               \
        if (fate == FAILS)                                                     \
            return -1;                                                         \
        int result = real(path, flags, mode);                                  \
        if (fate == DIES_AFTER)                                                \
            die();                                                             \
        return result;                                                         \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
