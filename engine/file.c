/* file.c - see file.h; folders and locks are in file_folder.c */
#include "file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (64 * 1024)

/* What to do about the failures that people can do something about. */
static const struct {
    int number;
    enum gb_err code;
    const char *words; /* NULL: as the C library says it */
    const char *remedy;
} remedies[] = {
    {ENOENT, GB_E_MISSING, NULL, "check the path"},
    {ENOTDIR, GB_E_MISSING, NULL, "check the path"},
    {ENOMEM, GB_E_MEMORY, NULL, "end other programs"},
    {ENOSPC, GB_E_IO, "the disk is full", "make room and try again"},
    {EDQUOT, GB_E_IO, "the quota is used up", "make room and try again"},
    {EFBIG, GB_E_IO, "the file would be too large for this disk",
     "use another disk"},
    {EROFS, GB_E_IO, "the disk is read-only",
     "unlock it (the switch on a card) or mount it for writing"},
    {EACCES, GB_E_IO, "no permission",
     "run as the owner, or change the permissions"},
    {EPERM, GB_E_IO, "no permission",
     "run as the owner, or change the permissions"},
    {EISDIR, GB_E_IO, "it is a folder", "name a file"},
    {EEXIST, GB_E_EXISTS, NULL, "choose another name"},
    {EIO, GB_E_IO, "the disk has a fault", "use another one"},
    {ENODEV, GB_E_IO, "the disk is gone", "put it back in"},
    {ENXIO, GB_E_IO, "the disk is gone", "put it back in"},
    {ENAMETOOLONG, GB_E_LIMIT, "the name is too long", "choose a shorter one"},
    {EMFILE, GB_E_IO, NULL, "raise `ulimit -n`"},
};

enum gb_err
gb_file_fail(struct gb_fail *fail, int number, const char *path,
             const char *verb)
{
    const char *said = strerrordesc_np(number);
    if (!said)
        said = "unknown error";
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].number == number)
            return gb_fail_set(fail, remedies[i].code,
                               "%.300s: cannot be %s: %s: %s", path, verb,
                               remedies[i].words ? remedies[i].words : said,
                               remedies[i].remedy);
    return gb_fail_set(fail, GB_E_IO, "%.300s: cannot be %s: %s", path, verb,
                       said);
}

int
gb_file_open(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

bool
gb_file_sync_fd(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result && errno == EINTR);
    return result == 0;
}

/* ------------------------------------------------------------- reading -- */

/* read(2) that goes on after signals; -1 with errno. */
static ssize_t
read_some(int fd, void *to, size_t n)
{
    ssize_t got;
    do
        got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A pipe of the shell, a terminal: `-` by another name. */
static bool
may_stream(const char *path)
{
    return !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6);
}

/* What was opened may be read, from now on with waiting; or an errno. */
static int
check_input(int fd, const char *path, struct stat *st)
{
    int flags = fcntl(fd, F_GETFL);
    if (fstat(fd, st) || flags < 0)
        return errno;
    if (S_ISDIR(st->st_mode))
        return EISDIR;
    if (!S_ISREG(st->st_mode) && !may_stream(path))
        return ENOTSUP;
    return fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ? errno : 0;
}

enum gb_err
gb_file_input(const char *path, int *fd, struct gb_fail *fail)
{
    struct stat st;
    *fd = gb_file_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    int number = *fd < 0 ? errno : check_input(*fd, path, &st);
    if (!number)
        return GB_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    /* a socket: open(2) says ENXIO */
    if (number == ENOTSUP || (number == ENXIO && !stat(path, &st)))
        return gb_fail_set(fail, GB_E_IO,
                           "%.300s: not a file: name a file, or `-` where "
                           "standard input is read",
                           path);
    return gb_file_fail(fail, number, path, "read");
}

/* Hand on what is left of an open file. */
static enum gb_err
feed_fd(int fd, const char *path,
        enum gb_err (*take)(void *, struct gb_span, struct gb_fail *),
        void *arg, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    ssize_t got = 0;
    uint8_t *piece = malloc(PIECE);
    if (!piece)
        return gb_fail_memory(fail);
    while (!err && (got = read_some(fd, piece, PIECE)) > 0)
        err = take(arg, GB_SPAN(piece, (size_t)got), fail);
    if (got < 0)
        err = gb_file_fail(fail, errno, path, "read");
    free(piece);
    return err;
}

enum gb_err
gb_file_feed(const char *path,
             enum gb_err (*take)(void *arg, struct gb_span bytes,
                                 struct gb_fail *fail),
             void *arg, struct gb_fail *fail)
{
    int fd;
    enum gb_err err = gb_file_input(path, &fd, fail);
    if (err)
        return err;
    err = feed_fd(fd, path, take, arg, fail);
    close(fd);
    return err;
}

/* Append a piece; the buffer's ceiling ends the reading. */
static enum gb_err
take_piece(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    gb_buf_span(arg, bytes);
    return gb_buf_check(arg, "file", fail);
}

enum gb_err
gb_file_read(const char *path, struct gb_buf *out, struct gb_fail *fail)
{
    enum gb_err err = gb_file_feed(path, take_piece, out, fail);
    if (err == GB_E_LIMIT && out->failed)
        gb_fail_set(fail, err,
                    "%.300s: larger than the %zu bytes that are "
                    "read",
                    path, out->max);
    return err;
}

/* ------------------------------------------------------------- writing -- */

/* Split "A/B/NAME" into the folder, "." if none, and the name. */
static const char *
split(const char *path, char folder[GB_FILE_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, GB_FILE_PATH_MAX, ".");
    else if (slash == path)
        snprintf(folder, GB_FILE_PATH_MAX, "/");
    else
        snprintf(folder, GB_FILE_PATH_MAX, "%.*s", (int)(slash - path), path);
    return slash ? slash + 1 : path;
}

/* Fill in the two names; false when they are too long or name no file. */
static bool
set_names(struct gb_file *f, const char *path)
{
    char folder[GB_FILE_PATH_MAX];
    if (strlen(path) >= sizeof f->path)
        return false;
    const char *name = split(path, folder);
    int n = snprintf(f->temporary, sizeof f->temporary, "%s/.%s.tmp-%ld",
                     folder, name, (long)getpid());
    memcpy(f->path, path, strlen(path) + 1);
    return *name && n > 0 && (size_t)n < sizeof f->temporary;
}

enum gb_err
gb_file_begin(struct gb_file *f, const char *path, mode_t mode,
              struct gb_fail *fail)
{
    f->fd = -1;
    f->size = 0;
    if (!set_names(f, path))
        return gb_file_fail(fail, *path ? ENAMETOOLONG : ENOENT, path,
                            "written");
    int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    f->fd = gb_file_open(f->temporary, flags, mode);
    if (f->fd < 0 && errno == EEXIST) {
        /* left by a process that had our id and crashed */
        unlink(f->temporary);
        f->fd = gb_file_open(f->temporary, flags, mode);
    }
    if (f->fd < 0)
        return gb_file_fail(fail, errno, path, "written");
    gb_sha256_init(&f->written);
    return GB_OK;
}

enum gb_err
gb_file_add(void *file, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_file *f = file;
    gb_assert(f->fd >= 0);
    gb_sha256_add(&f->written, bytes);
    f->size += bytes.len;
    while (bytes.len) {
        ssize_t n = write(f->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* 0 would go on for ever */
            return gb_file_fail(fail, n ? errno : EIO, f->path, "written");
        bytes = GB_SPAN(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return GB_OK;
}

/* Count and hash what is read back. */
struct reread {
    struct gb_sha256_state hash;
    uint64_t size;
};

/* Take a piece of what was read back. */
static enum gb_err
take_reread(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    (void)fail;
    struct reread *r = arg;
    gb_sha256_add(&r->hash, bytes);
    r->size += bytes.len;
    return GB_OK;
}

/* Read the synced file again, from the medium as far as the system lets go
 * of its pages, and compare. */
static enum gb_err
check_written(struct gb_file *f, struct gb_fail *fail)
{
    struct reread r = {.size = 0};
    gb_sha256_init(&r.hash);
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (lseek(f->fd, 0, SEEK_SET) != 0)
        return gb_file_fail(fail, errno, f->path, "read back");
    enum gb_err err = feed_fd(f->fd, f->path, take_reread, &r, fail);
    if (err)
        return err;
    struct gb_sha256 has = gb_sha256_final(&r.hash);
    struct gb_sha256 want = gb_sha256_final(&f->written);
    if (r.size != f->size || !gb_sha256_equal(&has, &want))
        return gb_fail_set(fail, GB_E_IO,
                           "%.300s: does not read back as it was written: use "
                           "another disk",
                           f->path);
    return GB_OK;
}

/* Close, which may report what a network disk kept back. */
static bool
close_file(struct gb_file *f)
{
    int fd = f->fd;
    f->fd = -1;
    return close(fd) == 0 || errno == EINTR; /* closed either way */
}

enum gb_err
gb_file_commit(struct gb_file *f, bool check, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    char folder[GB_FILE_PATH_MAX];
    gb_assert(f->fd >= 0);
    if (!gb_file_sync_fd(f->fd))
        err = gb_file_fail(fail, errno, f->path, "written");
    if (!err && check)
        err = check_written(f, fail);
    if (!err && !close_file(f))
        err = gb_file_fail(fail, errno, f->path, "written");
    if (!err && rename(f->temporary, f->path))
        err = gb_file_fail(fail, errno, f->path, "written");
    if (err) {
        int fd = f->fd;
        unlink(f->temporary);
        if (fd >= 0)
            close_file(f);
        return err;
    }
    split(f->path, folder);
    return gb_file_sync_folder(folder, fail);
}

void
gb_file_abandon(struct gb_file *f)
{
    if (f->fd < 0)
        return;
    unlink(f->temporary);
    close_file(f);
}

/* All three steps. */
static enum gb_err
write_whole(const char *path, struct gb_span bytes, mode_t mode, bool check,
            struct gb_fail *fail)
{
    struct gb_file f;
    enum gb_err err = gb_file_begin(&f, path, mode, fail);
    if (!err)
        err = gb_file_add(&f, bytes, fail);
    if (!err)
        err = gb_file_commit(&f, check, fail);
    gb_file_abandon(&f);
    return err;
}

enum gb_err
gb_file_write(const char *path, struct gb_span bytes, mode_t mode,
              struct gb_fail *fail)
{
    return write_whole(path, bytes, mode, false, fail);
}

enum gb_err
gb_file_write_checked(const char *path, struct gb_span bytes, mode_t mode,
                      struct gb_fail *fail)
{
    return write_whole(path, bytes, mode, true, fail);
}
