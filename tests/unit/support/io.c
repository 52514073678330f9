/* io.c - see io.h */
#include "io.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

static _Atomic size_t asked;      /* from any thread */
static size_t fail_at = SIZE_MAX; /* the first that fails */
static bool fail_rest;            /* and those behind it */
static int fail_errno;
static bool one_byte;
static _Atomic bool was_failed;

/* Whether this call is one of those that fail. */
static bool
refuse(void)
{
    size_t n = asked++;
    if (fault_here(FAULT_FILE))
        return true;
    if (n != fail_at && !(fail_rest && n > fail_at))
        return false;
    was_failed = true;
    errno = fail_errno;
    return true;
}

/* A wrapper that passes its arguments on. */
#define WRAP(type, name, parameters, arguments)                                \
    type __real_##name parameters;                                             \
    type __wrap_##name parameters;                                             \
    type __wrap_##name parameters                                              \
    {                                                                          \
        return refuse() ? -1 : __real_##name arguments;                        \
    }

WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat2,
     (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags))
WRAP(int, link, (const char *from, const char *to), (from, to))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at),
     (fd, from, n, at))

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __real_write(int fd, const void *from, size_t n);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);

ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);

ssize_t
__wrap_read(int fd, void *to, size_t n)
{
    return refuse() ? -1 : __real_read(fd, to, one_byte && n ? 1 : n);
}

ssize_t
__wrap_write(int fd, const void *from, size_t n)
{
    return refuse() ? -1 : __real_write(fd, from, one_byte && n ? 1 : n);
}

int
__wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return refuse() ? -1 : __real_open(path, flags, mode);
}

int
__wrap_close(int fd)
{
    int result = __real_close(fd);
    return refuse() ? -1 : result;
}

/* Start counting anew. */
static void
arm(size_t n, bool rest, int error)
{
    asked = 0;
    fail_at = n;
    fail_rest = rest;
    fail_errno = error;
    one_byte = false;
    was_failed = false;
}

void
io_fail_once(size_t n, int error)
{
    arm(n, false, error);
}

void
io_fail_from(size_t n, int error)
{
    arm(n, true, error);
}

void
io_one_byte(void)
{
    arm(SIZE_MAX, false, 0);
    one_byte = true;
}

void
io_fail_never(void)
{
    arm(SIZE_MAX, false, 0);
}

size_t
io_count(void)
{
    return asked;
}

bool
io_was_failed(void)
{
    return was_failed;
}

/* One sweep; returns the calls of the run in which nothing failed. */
static size_t
sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail),
      void (*judge)(void *arg, enum gb_err err, bool failed), void *arg,
      int error, bool rest)
{
    for (size_t n = 0;; n++) {
        struct gb_fail fail = {0};
        arm(n, rest, error);
        enum gb_err err = work(arg, &fail);
        size_t count = asked;
        bool failed = was_failed;
        io_fail_never();
        judge(arg, err, failed);
        if (!failed)
            return count;
    }
}

size_t
io_sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail),
         void (*judge)(void *arg, enum gb_err err, bool failed), void *arg,
         int error)
{
    size_t count = sweep(work, judge, arg, error, false);
    if (error != EINTR) /* what is interrupted for ever need not end */
        sweep(work, judge, arg, error, true);
    assert_true(count > 0);
    return count;
}
