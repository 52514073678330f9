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
 *   FAULT_LAZY=1   a sync succeeds without doing anything
 *   FAULT_LOG=F    append to the file F what is done to files and folders, so
 *                  that faults_disk.py can say what of it outlives a power cut:
 *
 *                  CALL N RESULT INODE AT SIZE PATHS BYTES, LF
 *                  the paths, each with LF behind; the bytes that were written
 *
 *                  N is 0 for what is not counted, RESULT 0 for what failed.
 *
 * What goes to sockets is counted for kills only: disks do not break those.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} errors[] = {
    {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EIO", EIO}};

static atomic_long calls;
static long at;
static bool after, once, lazy;
static int number; /* 0: kill */
static int log_fd = -1;
static pthread_mutex_t log_order = PTHREAD_MUTEX_INITIALIZER;
static __thread long this_call; /* its number; 0: not counted */

__attribute__((constructor)) static void
setup(void)
{
    const char *n = getenv("FAULT_AT"), *what = getenv("FAULT");
    at = n ? atol(n) : 0;
    once = getenv("FAULT_ONCE") != NULL;
    lazy = getenv("FAULT_LAZY") != NULL;
    after = what && !strcmp(what, "after");
    const char *log = getenv("FAULT_LOG");
    if (log) /* far from the numbers that the program gets */
        log_fd = fcntl((int)syscall(SYS_openat, AT_FDCWD, log,
                                    O_WRONLY | O_CREAT | O_APPEND, 0600),
                       F_DUPFD_CLOEXEC, 900);
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
    long i = this_call = atomic_fetch_add(&calls, 1) + 1;
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

/* ------------------------------------------------------------- the log -- */

struct event {
    const char *call;
    bool done;
    struct stat st; /* of the file or folder */
    off_t at;
    const char *paths[2];
    struct iovec bytes;
};

/* Append it; what a disk does not hold is left out. */
static void
note(const struct event *e)
{
    char head[256];
    struct iovec v[6] = {{.iov_base = head}};
    int n = 1, paths = 0;
    if (!S_ISREG(e->st.st_mode) && !S_ISDIR(e->st.st_mode) && e->done)
        return;
    for (; paths < 2 && e->paths[paths]; paths++) {
        v[n++] = (struct iovec){(void *)(uintptr_t)e->paths[paths],
                                strlen(e->paths[paths])};
        v[n++] = (struct iovec){"\n", 1};
    }
    size_t len = e->done ? e->bytes.iov_len : 0;
    v[n++] = (struct iovec){e->bytes.iov_base, len};
    v[0].iov_len = (size_t)snprintf(
        head, sizeof head, "%s %ld %d %llu %lld %lld %d %zu\n", e->call,
        this_call, e->done, (unsigned long long)e->st.st_ino, (long long)e->at,
        (long long)e->st.st_size, paths, len);
    if (syscall(SYS_writev, log_fd, v, n) < 0)
        die();
}

/* Something was done to an open file, at its position where AT is -1; bytes
 * without an address are read back. */
static void
note_fd(const char *call, int fd, bool done, off_t where, struct iovec bytes)
{
    char link[64], path[4096];
    static char piece[1 << 20]; /* under log_order */
    struct event e = {.call = call, .done = done, .at = where, .paths = {path}};
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = 0;
    if (fstat(fd, &e.st) || (!S_ISREG(e.st.st_mode) && !S_ISDIR(e.st.st_mode)))
        return;
    if (where < 0)
        e.at = lseek(fd, 0, SEEK_CUR) - (done ? (off_t)bytes.iov_len : 0);
    for (size_t off = 0; done && !bytes.iov_base && off < bytes.iov_len;) {
        size_t left = bytes.iov_len - off;
        n = pread(fd, piece, left < sizeof piece ? left : sizeof piece,
                  e.at + (off_t)off);
        if (n <= 0)
            die(); /* nobody can say what is there */
        struct event part = e;
        part.at += (off_t)off;
        part.bytes = (struct iovec){piece, (size_t)n};
        note(&part);
        off += (size_t)n;
    }
    e.bytes = bytes;
    if (bytes.iov_base || !bytes.iov_len || !done)
        note(&e);
}

/* Something was done to names. */
static void
note_path(const char *call, bool done, const char *a, const char *b)
{
    struct event e = {.call = call, .done = done, .paths = {a, b}};
    e.st.st_mode = S_IFREG; /* what was removed has none */
    if (done)
        lstat(b ? b : a, &e.st);
    note(&e);
}

/* A length that failed is -1. */
#define BYTES(address, n)                                                      \
    (struct iovec)                                                             \
    {                                                                          \
        (void *)(uintptr_t)(address), (n) < 0 ? 0 : (size_t)(n)                \
    }

static void
log_begins(void)
{
    this_call = 0;
    if (log_fd >= 0)
        pthread_mutex_lock(&log_order);
}

static void
log_ends(void)
{
    if (log_fd >= 0)
        pthread_mutex_unlock(&log_order);
}

/* ----------------------------------------------------------- the calls -- */

/* Put in the place of a call; NOTE says to the log what became of it. */
#define WRAP(type, name, params, args, fate_of, real_or, note_it)              \
    type name params;                                                          \
    type name params                                                           \
    {                                                                          \
        static type(*real) params;                                             \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        log_begins();                                                          \
        enum fate fate = fate_of;                                              \
        type r = fate == FAILS ? -1 : real_or;                                 \
        int error = errno;                                                     \
        if (log_fd >= 0)                                                       \
            note_it;                                                           \
        if (fate == DIES_AFTER)                                                \
            die();                                                             \
        log_ends();                                                            \
        errno = error;                                                         \
        return r;                                                              \
    }
#define WRAP_FD(type, name, params, args, room, where, bytes)                  \
    WRAP(type, name, params, args, next_fd(fd, room), real args,               \
         note_fd(#name, fd, r >= 0, where, bytes))
#define WRAP_SYNC(name)                                                        \
    WRAP(int, name, (int fd), (fd), next_fd(fd, true), lazy ? 0 : real(fd),    \
         note_fd(#name, fd, r == 0, 0, BYTES(NULL, 0)))
#define WRAP_PATH(name, params, args, room, from, to)                          \
    WRAP(int, name, params, args, next(room), real args,                       \
         note_path(#name, r == 0, from, to))
/* Sockets have no log, and may wait for one another. */
#define WRAP_SEND(name, params, args)                                          \
    ssize_t name params;                                                       \
    ssize_t name params                                                        \
    {                                                                          \
        static ssize_t(*real) params;                                          \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        enum fate fate = next_fd(fd, true);                                    \
        ssize_t r = fate == FAILS ? -1 : real args;                            \
        if (fate == DIES_AFTER)                                                \
            die();                                                             \
        return r;                                                              \
    }

WRAP_FD(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), true, -1,
        BYTES(b, r))
WRAP_FD(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o),
        (fd, b, n, o), true, o, BYTES(b, r))
WRAP_FD(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o),
        (fd, b, n, o), true, o, BYTES(b, r))
WRAP_FD(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n),
        true, -1, BYTES(NULL, r))
WRAP_FD(ssize_t, sendfile64, (int fd, int from, off64_t *o, size_t n),
        (fd, from, o, n), true, -1, BYTES(NULL, r))
WRAP_FD(int, ftruncate, (int fd, off_t n), (fd, n), false, n, BYTES(NULL, 0))
WRAP_FD(int, ftruncate64, (int fd, off64_t n), (fd, n), false, n,
        BYTES(NULL, 0))
WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)
WRAP_SYNC(syncfs)
WRAP_PATH(rename, (const char *a, const char *b), (a, b), true, a, b)
WRAP_PATH(renameat2, (int d, const char *a, int e, const char *b, unsigned f),
          (d, a, e, b, f), true, a, b)
WRAP_PATH(link, (const char *a, const char *b), (a, b), true, a, b)
WRAP_PATH(unlink, (const char *a), (a), false, a, NULL)
WRAP_PATH(rmdir, (const char *a), (a), false, a, NULL)
WRAP_PATH(mkdir, (const char *a, mode_t m), (a, m), true, a, NULL)
WRAP_SEND(send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
WRAP_SEND(sendto,
          (int fd, const void *b, size_t n, int f, const struct sockaddr *a,
           socklen_t l),
          (fd, b, n, f, a, l))
WRAP_SEND(sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))

/* open(), whose mode is there when a file may be made; the log has what makes a
 * file or empties it. */
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
        log_begins();                                                          \
        bool is_new = flags & O_CREAT && access(path, F_OK);                   \
        enum fate fate = next_open(path, flags);                               \
        int r = fate == FAILS ? -1 : real(path, flags, mode);                  \
        int error = errno;                                                     \
        if (log_fd >= 0 && (is_new || flags & O_TRUNC || fate == FAILS))       \
            note_path("open", r >= 0, path, NULL);                             \
        if (fate == DIES_AFTER)                                                \
            die();                                                             \
        log_ends();                                                            \
        errno = error;                                                         \
        return r;                                                              \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

/* The log cannot tell what is written through memory.  SQLite's index of a
 * write-ahead log is: that is made anew from the log after every crash. */
static void
see_mapping(int protection, int flags, int fd)
{
    char link[64], path[4096];
    if (log_fd < 0 || fd < 0 || !(flags & MAP_SHARED) ||
        !(protection & PROT_WRITE))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path);
    if (n > 4 && memcmp(path + n - 4, "-shm", 4))
        die();
}

#define WRAP_MAP(name, offset)                                                 \
    void *name(void *a, size_t n, int p, int f, int fd, offset o);             \
    void *name(void *a, size_t n, int p, int f, int fd, offset o)              \
    {                                                                          \
        static void *(*real)(void *, size_t, int, int, int, offset);           \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        see_mapping(p, f, fd);                                                 \
        return real(a, n, p, f, fd, o);                                        \
    }
WRAP_MAP(mmap, off_t)
WRAP_MAP(mmap64, off64_t)
