/*
 * git_splice.c - one pack out of several by copying what stands in them.
 *
 * A pack is a head, its objects, and the SHA-1 of all that (gitformat-pack(5)).
 * An object that is stored as a difference names its base by how far it lies
 * before it, or by its hash, and lies in the same pack.  So the objects of
 * whole packs, one pack behind the other, are a pack again.  git's indexer
 * then hashes each object, as for packs from anywhere.
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
#define HEAD 12 /* "PACK", u32 2, u32 objects */

struct splice {
    struct gb_ledger *l;
    git_indexer *indexer;
    git_indexer_progress progress;
    struct gb_sha1 sum;
};

/* The next bytes of the new pack. */
static enum gb_err
append(struct splice *s, struct gb_span bytes, struct gb_fail *fail)
{
    gb_sha1_add(&s->sum, bytes);
    if (git_indexer_append(s->indexer, bytes.ptr, bytes.len, &s->progress) < 0)
        return gb_git_fail(fail, GB_E_IO, "merging packs");
    return GB_OK;
}

/* The bytes between a pack's head and its checksum. */
static enum gb_err
append_objects(struct splice *s, int fd, const char *path, struct gb_fail *fail)
{
    uint8_t chunk[CHUNK];
    struct stat st;
    enum gb_err err = GB_OK;
    if (fstat(fd, &st) != 0 || st.st_size < HEAD + GB_OID_BYTES)
        return gb_fail_set(fail, GB_E_IO, "%s: cannot be read", path);
    off_t at = HEAD, end = st.st_size - GB_OID_BYTES;
    while (!err && at < end) {
        size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        ssize_t n = pread(fd, chunk, want, at);
        if (n <= 0)
            return gb_fail_set(fail, GB_E_IO, "%s: %s", path,
                               n ? strerror(errno) : "cut short");
        err = append(s, GB_SPAN(chunk, (size_t)n), fail);
        at += n;
    }
    return err;
}

static enum gb_err
append_pack(struct splice *s, const char *name, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    enum gb_err err = gb_git_join(path, s->l->packs, name, ".pack", fail);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    err = append_objects(s, fd, path, fail);
    close(fd);
    return err;
}

/* ------------------------------------------------------------- names -- */

static int
by_oid(const void *a, const void *b)
{
    return memcmp(a, b, GB_OID_BYTES);
}

/* How many objects the packs have, and that each is in one of them only. */
static enum gb_err
count_objects(struct gb_ledger *l, const char *const *names, size_t count,
              uint32_t *total, struct gb_fail *fail)
{
    struct gb_buf oids;
    enum gb_err err = GB_OK;
    gb_buf_init(&oids, (size_t)GB_OID_BYTES * UINT32_MAX);
    for (size_t i = 0; !err && i < count; i++) {
        struct gb_idx idx;
        err = gb_idx_open(&idx, l, names[i], fail);
        if (!err)
            gb_buf_add(&oids, idx.oids, (size_t)idx.count * GB_OID_BYTES);
        gb_idx_close(&idx);
    }
    if (!err)
        err = gb_buf_check(&oids, "merging packs", fail);
    size_t n = oids.len / GB_OID_BYTES;
    if (!err && n)
        qsort(oids.ptr, n, GB_OID_BYTES, by_oid);
    for (size_t i = 1; !err && i < n; i++)
        if (by_oid(oids.ptr + (i - 1) * GB_OID_BYTES,
                   oids.ptr + i * GB_OID_BYTES) == 0)
            err = gb_fail_set(fail, GB_E_EXISTS, "an object is in two packs");
    *total = (uint32_t)n;
    gb_buf_release(&oids);
    return err;
}

/* Head, objects, checksum. */
static enum gb_err
write_pack(struct splice *s, const char *const *names, size_t count,
           uint32_t total, struct gb_fail *fail)
{
    struct gb_buf head;
    uint8_t sum[GB_OID_BYTES];
    gb_buf_init(&head, HEAD);
    gb_buf_text(&head, "PACK");
    gb_buf_u32(&head, 2);
    gb_buf_u32(&head, total);
    enum gb_err err = gb_buf_check(&head, "head of a pack", fail);
    if (!err)
        err = append(s, gb_buf_view(&head), fail);
    gb_buf_release(&head);
    for (size_t i = 0; !err && i < count; i++)
        err = append_pack(s, names[i], fail);
    if (err)
        return err;
    gb_sha1_final(&s->sum, sum);
    if (git_indexer_append(s->indexer, sum, sizeof sum, &s->progress) < 0 ||
        git_indexer_commit(s->indexer, &s->progress) < 0)
        return gb_git_fail(fail, GB_E_LEDGER, "merging packs");
    return GB_OK;
}

enum gb_err
gb_pack_splice(struct gb_ledger *l, const char *const *names, size_t count,
               char made[GB_PACK_NAME_MAX], struct gb_fail *fail)
{
    struct splice s = {.l = l};
    uint32_t total;
    enum gb_err err = count_objects(l, names, count, &total, fail);
    if (err)
        return err;
    gb_sha1_init(&s.sum);
    if (git_indexer_new(&s.indexer, l->packs, 0, NULL, NULL) < 0)
        return gb_git_fail(fail, GB_E_IO, "%s", l->packs);
    err = write_pack(&s, names, count, total, fail);
    if (!err)
        snprintf(made, GB_PACK_NAME_MAX, "pack-%s",
                 git_indexer_name(s.indexer));
    git_indexer_free(s.indexer);
    return err;
}
