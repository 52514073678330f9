/*
 * git_verify.c - see ledger.h: packs against the indexes made from them.
 *
 * git's indexer hashes every object and the whole pack, so an equal index
 * proves that each object is what its name says and none was left out.
 */
#include "git_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

/* Feed a pack to the indexer. */
static enum gb_err
feed(git_indexer *indexer, const char *path, struct gb_fail *fail)
{
    git_indexer_progress progress = {0};
    char chunk[CHUNK];
    enum gb_err err = GB_OK;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (!err && fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        if (git_indexer_append(indexer, chunk, (size_t)n, &progress) < 0)
            err = gb_git_fail(fail, GB_E_LEDGER, "%s", path);
    if (!err && n < 0)
        err = gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!err && git_indexer_commit(indexer, &progress) < 0)
        err = gb_git_fail(fail, GB_E_LEDGER, "%s", path);
    return err;
}

/* Whether two files have the same bytes. */
static enum gb_err
same_files(const char *a, const char *b, bool *same, struct gb_fail *fail)
{
    FILE *x = fopen(a, "rbe"), *y = fopen(b, "rbe");
    enum gb_err err = GB_OK;
    char p[CHUNK], q[CHUNK];
    *same = x && y;
    for (size_t n = sizeof p; *same && n == sizeof p;) {
        n = fread(p, 1, sizeof p, x);
        *same = fread(q, 1, sizeof q, y) == n && memcmp(p, q, n) == 0;
    }
    if (!x || !y || ferror(x) || ferror(y))
        err = gb_fail_set(fail, GB_E_IO, "%s: cannot be read", x ? b : a);
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return err;
}

/* Index one pack anew in `dir`, and compare. */
static enum gb_err
verify(struct gb_ledger *l, const char *name, const char *dir,
       struct gb_fail *fail)
{
    char pack[GB_FILE_PATH_MAX], idx[GB_FILE_PATH_MAX];
    char made[GB_FILE_PATH_MAX] = "", copy[GB_FILE_PATH_MAX] = "";
    char label[GB_PACK_NAME_MAX];
    git_indexer *indexer = NULL;
    bool same = false;

    gb_git_join(pack, l->packs, name, ".pack");
    gb_git_join(idx, l->packs, name, ".idx");
    if (git_indexer_new(&indexer, dir, 0, NULL, NULL) < 0)
        return gb_git_fail(fail, GB_E_IO, "%s", dir);
    enum gb_err err = feed(indexer, pack, fail);
    if (!err) {
        snprintf(label, sizeof label, "pack-%s", git_indexer_name(indexer));
        gb_git_join(made, dir, label, ".idx");
        gb_git_join(copy, dir, label, ".pack");
        err = same_files(idx, made, &same, fail);
    }
    if (!err && !same)
        err = gb_fail_set(fail, GB_E_LEDGER,
                          "%s: not the index of its pack; move it away and "
                          "make it again with `git index-pack %s`",
                          idx, pack);
    git_indexer_free(indexer);
    if (*made)
        unlink(made);
    if (*copy)
        unlink(copy);
    return err;
}

enum gb_err
gb_ledger_verify_packs(struct gb_ledger *l, const char *scratch,
                       struct gb_fail *fail)
{
    char dir[GB_FILE_PATH_MAX];
    struct gb_packs packs;
    enum gb_err err = gb_git_room(scratch, fail);
    if (err)
        return err;
    gb_git_join(dir, scratch, "gengbu-packs-XXXXXX", "");
    if (!mkdtemp(dir))
        return gb_fail_set(fail, GB_E_IO, "%s: %s", dir, strerror(errno));
    err = gb_packs_list(&packs, l, fail);
    for (size_t i = 0; !err && i < packs.count; i++)
        err = verify(l, packs.list[i].name, dir, fail);
    gb_packs_release(&packs);
    rmdir(dir);
    return err;
}
