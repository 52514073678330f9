/*
 * git_recover.c - what a crash leaves behind, removed under the hub's lock:
 * locks of libgit2 and git, packs that were being written, and indexes whose
 * pack is gone already.  All of it is invisible to readers; nothing that a
 * commit needs is among it.
 */
#include "git_ledger.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8                      /* folders below refs/ */
#define DIR_MAX (GB_FILE_PATH_MAX - 300) /* bytes: leaves room for a name */

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool
is_lock(const struct gb_ledger *l, const char *name)
{
    (void)l;
    return ends_with(name, ".lock");
}

/* Of objects/pack/: libgit2 writes pack_git2_*, git tmp_* and .tmp-*, a merge
 * tmp_merge and .NAME.tmp-PROCESS. */
static bool
is_rubbish(const struct gb_ledger *l, const char *name)
{
    char path[GB_FILE_PATH_MAX];
    struct stat st;
    if (ends_with(name, ".lock") || strncmp(name, "pack_git2_", 10) == 0 ||
        strncmp(name, "tmp_", 4) == 0 || strstr(name, ".tmp-"))
        return true;
    if (!ends_with(name, ".idx"))
        return false;
    gb_git_join(path, l->packs, name, "");
    memcpy(path + strlen(path) - 3, "pack", sizeof "pack");
    return stat(path, &st) != 0 && errno == ENOENT;
}

/* Remove the files of a folder that `wanted` picks; go down `depth` levels. */
static enum gb_err
sweep(const struct gb_ledger *l, const char *dir, int depth,
      bool (*wanted)(const struct gb_ledger *, const char *),
      struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT
                   ? GB_OK
                   : gb_fail_set(fail, GB_E_IO, "%s: %s", dir, strerror(errno));
    for (struct dirent *e; !err && (e = readdir(d)) != NULL;) {
        char path[GB_FILE_PATH_MAX];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        gb_git_join(path, dir, e->d_name, "");
        if (lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth > 0 && strlen(path) < DIR_MAX)
            err = sweep(l, path, depth - 1, wanted, fail);
        else if (S_ISREG(st.st_mode) && wanted(l, e->d_name) &&
                 unlink(path) != 0)
            err = gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    }
    closedir(d);
    return err;
}

enum gb_err
gb_git_recover(const struct gb_ledger *l, struct gb_fail *fail)
{
    char refs[GB_FILE_PATH_MAX];
    gb_git_join(refs, l->root, "refs", "");
    enum gb_err err = sweep(l, l->root, 0, is_lock, fail);
    if (!err)
        err = sweep(l, refs, DEPTH_MAX, is_lock, fail);
    return err ? err : sweep(l, l->packs, 0, is_rubbish, fail);
}
