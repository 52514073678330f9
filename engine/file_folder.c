/* file_folder.c - folders and locks of file.h */
#include "file_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------- folders -- */

enum gb_err
gb_file_sync_folder(const char *path, struct gb_fail *fail)
{
    int fd = gb_file_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return gb_file_fail(fail, errno, path, "synced");
    int number = gb_file_sync_fd(fd) ? 0 : errno;
    close(fd);
    if (number && number != EINVAL && number != ENOTSUP && number != ENOSYS)
        return gb_file_fail(fail, number, path, "synced");
    return GB_OK;
}

/* Make the entry of a path in its folder durable. */
static enum gb_err
sync_parent(const char *path, struct gb_fail *fail)
{
    char folder[GB_FILE_PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof folder)
        return gb_file_fail(fail, ENAMETOOLONG, path, "synced");
    memcpy(folder, path, n + 1);
    while (n > 1 && folder[n - 1] == '/')
        folder[--n] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder] = 0;
    return gb_file_sync_folder(folder, fail);
}

enum gb_err
gb_file_folder(const char *path, mode_t mode, struct gb_fail *fail)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return sync_parent(path, fail);
    int number = errno;
    if (number == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return GB_OK;
    return gb_file_fail(fail, number, path, "made");
}

enum gb_err
gb_file_remove(const char *path, struct gb_fail *fail)
{
    if (unlink(path) == 0)
        return sync_parent(path, fail);
    if (errno == ENOENT)
        return GB_OK;
    return gb_file_fail(fail, errno, path, "removed");
}

/* An nftw() callback. */
static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

enum gb_err
gb_file_remove_all(const char *path, struct gb_fail *fail)
{
    if (!nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) || errno == ENOENT)
        return GB_OK;
    return gb_file_fail(fail, errno, path, "removed");
}

enum gb_err
gb_file_rename(const char *from, const char *to, struct gb_fail *fail)
{
    if (rename(from, to) == 0)
        return sync_parent(to, fail);
    return gb_file_fail(fail, errno, from, "renamed");
}

/* Order of names, for qsort. */
static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Append a name, the list growing by halves. */
static enum gb_err
add_name(struct gb_names *names, size_t *room, const char *name,
         struct gb_fail *fail)
{
    if (names->count == GB_FILE_LIST_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "more than %d files in one folder: spread them",
                           GB_FILE_LIST_MAX);
    if (names->count == *room) {
        size_t more = *room + *room / 2 + 16;
        char **list = realloc(names->list, more * sizeof *list);
        if (!list)
            return gb_fail_memory(fail);
        names->list = list;
        *room = more;
    }
    char *copy = strdup(name);
    if (!copy)
        return gb_fail_memory(fail);
    names->list[names->count++] = copy;
    return GB_OK;
}

enum gb_err
gb_file_list(const char *folder, struct gb_names *out, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    size_t room = 0;
    *out = (struct gb_names){.count = 0};
    DIR *dir = opendir(folder);
    if (!dir)
        return gb_file_fail(fail, errno, folder, "listed");
    while (!err) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            err = gb_file_fail(fail, errno, folder, "listed");
        if (!entry)
            break;
        if (entry->d_name[0] != '.')
            err = add_name(out, &room, entry->d_name, fail);
    }
    closedir(dir);
    if (err)
        gb_names_release(out);
    else if (out->count)
        qsort(out->list, out->count, sizeof *out->list, compare_names);
    return err;
}

/* Whether a name of a folder is one of a file to be read. */
static bool
is_file(const char *folder, const char *name, const char *ending)
{
    char path[GB_FILE_PATH_MAX];
    struct stat st;
    size_t n = strlen(name), tail = strlen(ending);
    if (n <= tail || strcmp(name + n - tail, ending))
        return false;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len >= (int)sizeof path || stat(path, &st) || S_ISREG(st.st_mode);
}

enum gb_err
gb_file_list_files(const char *folder, const char *ending, struct gb_names *out,
                   struct gb_fail *fail)
{
    enum gb_err err = gb_file_list(folder, out, fail);
    size_t n = 0;
    for (size_t i = 0; i < out->count; i++)
        if (is_file(folder, out->list[i], ending))
            out->list[n++] = out->list[i];
        else
            free(out->list[i]);
    out->count = n;
    return err;
}

void
gb_names_release(struct gb_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct gb_names){.count = 0};
}

/* --------------------------------------------------------------- locks -- */

#define POLL_MS 50

/* flock(2) without waiting; 0, or errno (EWOULDBLOCK when another holds it). */
static int
try_lock(int fd)
{
    int result;
    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result && errno == EINTR);
    return result ? errno : 0;
}

/* Sleep for so many milliseconds, signals or not. */
static void
sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000,
                            .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* Name who holds the lock, from the line "1234 gengbu-hub serve". */
static enum gb_err
busy(int fd, const char *path, struct gb_fail *fail)
{
    char line[200];
    ssize_t n = pread(fd, line, sizeof line - 1, 0);
    line[n > 0 ? n : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    char *name;
    long pid = strtol(line, &name, 10);
    if (pid <= 0 || *name != ' ' || !gb_utf8_valid(gb_span_text(name)))
        return gb_fail_set(fail, GB_E_BUSY,
                           "%.300s: held by another process: try again later",
                           path);
    return gb_fail_set(fail, GB_E_BUSY,
                       "%.300s: held by %.100s (process %ld): try again when "
                       "it is done, or end it",
                       path, name + 1, pid);
}

/* Write who holds it; a lock whose file cannot be written holds all the same,
 * it is only anonymous. */
static void
sign(int fd, const char *holder)
{
    char line[200];
    int n = snprintf(line, sizeof line, "%ld %.100s\n", (long)getpid(), holder);
    if (ftruncate(fd, 0) || pwrite(fd, line, (size_t)n, 0) != n)
        return;
}

enum gb_err
gb_lock_take(struct gb_lock *lock, const char *path, const char *holder,
             int wait_ms, struct gb_fail *fail)
{
    lock->fd = -1;
    int fd = gb_file_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0)
        return gb_file_fail(fail, errno, path, "locked");
    int waited = 0, number;
    while ((number = try_lock(fd)) == EWOULDBLOCK && waited < wait_ms) {
        int ms = wait_ms - waited < POLL_MS ? wait_ms - waited : POLL_MS;
        sleep_ms(ms);
        waited += ms;
    }
    if (number) {
        enum gb_err err = number == EWOULDBLOCK
                              ? busy(fd, path, fail)
                              : gb_file_fail(fail, number, path, "locked");
        close(fd);
        return err;
    }
    sign(fd, holder);
    lock->fd = fd;
    return GB_OK;
}

void
gb_lock_release(struct gb_lock *lock)
{
    if (lock->fd < 0)
        return;
    /* Nobody is named while nobody holds it. */
    if (ftruncate(lock->fd, 0))
        (void)0;
    close(lock->fd);
    lock->fd = -1;
}
