/*
 * git_pack.c - packs on disk, and their indexes (version 2,
 * gitformat-pack(5)):
 *
 *   ff 74 4f 63, u32 2
 *   u32[256]        how many objects have a first byte up to i
 *   20 bytes * n    names of objects, rising
 *   u32 * n         CRC-32 of the packed bytes
 *   u32 * n         where they begin; with the top bit: row of the next table
 *   u64 * m         where those beyond 2 GiB begin
 *   20 bytes        checksum of the pack, as at the end of the pack
 *   20 bytes        SHA-1 of all of the above
 *
 * libgit2 maps an index and follows it without looking at either checksum, so
 * every index is checked here first.
 */
#include "git_ledger.h"

#include <dirent.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/file.h"

#define HEAD 8
#define FANOUT (256 * 4)
#define TRAILER (2 * GB_OID_BYTES)
#define ROW_MAX (GB_OID_BYTES + 4 + 4 + 8)
#define FAR 0x80000000u /* beyond 2 GiB */
#define PACK_HEAD 12    /* "PACK", u32 version, u32 objects */
#define PIECE 65536     /* bytes that are looked at and dropped again, and */
#define ROWS 2048       /* rows */

/* ------------------------------------------------------------- index -- */

static uint32_t
u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

/* Head, fanout, and that the tables fill the file. */
static bool
check_shape(struct gb_idx *idx)
{
    const uint8_t *p = idx->map;
    if (idx->len < HEAD + FANOUT + TRAILER || u32(p) != 0xff744f63 ||
        u32(p + 4) != 2)
        return false;
    for (size_t i = 1; i < 256; i++)
        if (u32(p + HEAD + 4 * i) < u32(p + HEAD + 4 * (i - 1)))
            return false;
    idx->count = u32(p + HEAD + 4 * 255);
    idx->oids = p + HEAD + FANOUT;
    size_t rest = idx->len - HEAD - FANOUT - TRAILER;
    size_t tables = (size_t)idx->count * (GB_OID_BYTES + 4 + 4);
    return rest >= tables && (rest - tables) % 8 == 0 &&
           (rest - tables) / 8 <= idx->count;
}

void
gb_idx_drop(const struct gb_idx *idx, size_t row)
{
    if (row % ROWS == 0)
        madvise((void *)(uintptr_t)idx->map, idx->len, MADV_DONTNEED);
}

/* Names rise and stand where the fanout says. */
static bool
check_names(const struct gb_idx *idx)
{
    const uint8_t *fanout = idx->map + HEAD;
    for (uint32_t i = 0; i < idx->count; i++) {
        gb_idx_drop(idx, i);
        const uint8_t *oid = idx->oids + (size_t)i * GB_OID_BYTES;
        uint32_t end = u32(fanout + 4 * (size_t)oid[0]);
        uint32_t start = oid[0] ? u32(fanout + 4 * ((size_t)oid[0] - 1)) : 0;
        if (i < start || i >= end ||
            (i && memcmp(oid - GB_OID_BYTES, oid, GB_OID_BYTES) >= 0))
            return false;
    }
    return true;
}

uint32_t
gb_idx_crc(const struct gb_idx *idx, size_t i)
{
    return u32(idx->oids + (size_t)idx->count * GB_OID_BYTES + 4 * i);
}

/* 0, where no object can be, when the index names no place. */
uint64_t
gb_idx_at(const struct gb_idx *idx, size_t i)
{
    size_t n = idx->count;
    const uint8_t *small = idx->oids + n * (GB_OID_BYTES + 4);
    const uint8_t *large = small + 4 * n;
    size_t rows = (size_t)(idx->map + idx->len - TRAILER - large) / 8;
    uint32_t at = u32(small + 4 * i);
    size_t row = (size_t)(at & ~FAR);
    if (!(at & FAR))
        return at;
    if (row >= rows)
        return 0;
    return (uint64_t)u32(large + 8 * row) << 32 | u32(large + 8 * row + 4);
}

/* Each object begins inside a pack of `size` bytes. */
static bool
check_offsets(const struct gb_idx *idx, uint64_t size)
{
    for (size_t i = 0; i < idx->count; i++) {
        uint64_t at = gb_idx_at(idx, i);
        gb_idx_drop(idx, i);
        if (at < PACK_HEAD || at >= size - GB_OID_BYTES)
            return false;
    }
    return true;
}

/* Of a pack: what its index must agree with. */
struct ends {
    uint64_t size;
    uint8_t head[PACK_HEAD], tail[GB_OID_BYTES]; /* zeros: it is shorter */
};

/* False when the disk fails, of which nobody is to blame. */
static bool
read_ends(int fd, struct ends *e)
{
    struct stat st;
    *e = (struct ends){0};
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    if (!S_ISREG(st.st_mode))
        return true; /* nor does it hold anything */
    e->size = (uint64_t)st.st_size;
    off_t end = st.st_size - (off_t)sizeof e->tail;
    return end < PACK_HEAD || (pread(fd, e->head, sizeof e->head, 0) >= 0 &&
                               pread(fd, e->tail, sizeof e->tail, end) >= 0);
}

/* The pack has as many objects and ends with the checksum that the index
 * names. */
static bool
check_pack(const struct gb_idx *idx, const struct ends *e)
{
    return memcmp(e->head, "PACK", 4) == 0 && u32(e->head + 4) == 2 &&
           u32(e->head + 8) == idx->count &&
           memcmp(e->tail, idx->map + idx->len - TRAILER, sizeof e->tail) == 0;
}

/* The checksum at its end. */
static bool
check_sum(const struct gb_idx *idx)
{
    uint8_t is[GB_OID_BYTES];
    struct gb_sha1 sum;
    size_t end = idx->len - GB_OID_BYTES;
    gb_sha1_init(&sum);
    for (size_t at = 0; at < end; at += PIECE) {
        gb_sha1_add(
            &sum, GB_SPAN(idx->map + at, end - at < PIECE ? end - at : PIECE));
        gb_idx_drop(idx, 0);
    }
    gb_sha1_final(&sum, is);
    return memcmp(is, idx->map + end, sizeof is) == 0;
}

static bool
check_idx(struct gb_idx *idx, const struct ends *e)
{
    return check_shape(idx) && check_sum(idx) && check_pack(idx, e) &&
           check_names(idx) && check_offsets(idx, e->size);
}

static enum gb_err
map_idx(struct gb_idx *out, const char *path, struct gb_fail *fail)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return gb_fail_set(fail, fd < 0 && e == ENOENT ? GB_E_MISSING : GB_E_IO,
                           "%s: %s", path, fd < 0 ? strerror(e) : "empty");
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    *out = (struct gb_idx){.map = map, .len = (size_t)st.st_size};
    return GB_OK;
}

enum gb_err
gb_idx_open(struct gb_idx *out, const struct gb_ledger *l, const char *name,
            struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], pack[GB_FILE_PATH_MAX];
    struct ends ends;
    *out = (struct gb_idx){0};
    gb_git_join(path, l->packs, name, ".idx");
    gb_git_join(pack, l->packs, name, ".pack");
    enum gb_err err = map_idx(out, path, fail);
    if (err)
        return err;
    int fd = open(pack, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) /* libgit2 passes over it, too */
        err = gb_fail_set(fail, GB_E_MISSING, "%s: does not exist", pack);
    else if (!read_ends(fd, &ends))
        err = gb_fail_set(fail, GB_E_IO, "%s: %s", pack, strerror(errno));
    else if (!check_idx(out, &ends))
        err = gb_fail_set(fail, GB_E_LEDGER,
                          "%s: damaged; move it away and make it again with "
                          "`git index-pack %s`",
                          path, pack);
    if (fd >= 0)
        close(fd);
    if (err)
        gb_idx_close(out);
    return err;
}

void
gb_idx_close(struct gb_idx *idx)
{
    if (idx->map)
        munmap((void *)(uintptr_t)idx->map, idx->len);
    *idx = (struct gb_idx){0};
}

bool
gb_idx_has(const struct gb_idx *idx, const uint8_t oid[GB_OID_BYTES])
{
    size_t row;
    return gb_idx_find(idx, oid, &row);
}

bool
gb_idx_find(const struct gb_idx *idx, const uint8_t oid[GB_OID_BYTES],
            size_t *row)
{
    const uint8_t *fanout = idx->map + HEAD + 4 * (size_t)oid[0];
    size_t low = oid[0] ? u32(fanout - 4) : 0, high = u32(fanout);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = memcmp(oid, idx->oids + mid * GB_OID_BYTES, GB_OID_BYTES);
        if (!order) {
            *row = mid;
            return true;
        }
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

void
gb_idx_fanout(const struct gb_idx *idx, uint32_t out[256])
{
    for (size_t i = 0; i < 256; i++)
        out[i] = u32(idx->map + HEAD + 4 * i);
}

/* So many bytes, and no fewer. */
static bool
read_at(int fd, void *to, size_t len, size_t at)
{
    return pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

bool
gb_idx_names(int fd, size_t row, size_t n, uint8_t (*out)[GB_OID_BYTES])
{
    return read_at(fd, out, n * GB_OID_BYTES,
                   HEAD + FANOUT + row * GB_OID_BYTES);
}

bool
gb_idx_place(int fd, size_t count, size_t row, uint64_t *at)
{
    uint8_t bytes[8];
    size_t small = HEAD + FANOUT + count * (GB_OID_BYTES + 4);
    if (!read_at(fd, bytes, 4, small + 4 * row))
        return false;
    *at = u32(bytes);
    if (!(*at & FAR))
        return true;
    if (!read_at(fd, bytes, 8, small + 4 * count + 8 * (*at & ~FAR)))
        return false;
    *at = (uint64_t)u32(bytes) << 32 | u32(bytes + 4);
    return true;
}

enum gb_err
gb_idx_write(const struct gb_ledger *l, const char *name,
             struct gb_packed *const *objects, size_t count,
             const uint8_t trailer[GB_OID_BYTES], struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    uint8_t sum[GB_OID_BYTES];
    struct gb_buf out;
    uint32_t rows = 0;
    gb_buf_init(&out, HEAD + FANOUT + TRAILER + count * ROW_MAX);
    gb_buf_u32(&out, 0xff744f63);
    gb_buf_u32(&out, 2);
    for (size_t byte = 0, n = 0; byte < 256; byte++) {
        while (n < count && objects[n]->oid[0] == byte)
            n++;
        gb_buf_u32(&out, (uint32_t)n);
    }
    for (size_t i = 0; i < count; i++)
        gb_buf_add(&out, objects[i]->oid, GB_OID_BYTES);
    for (size_t i = 0; i < count; i++)
        gb_buf_u32(&out, objects[i]->crc);
    for (size_t i = 0; i < count; i++)
        gb_buf_u32(&out, objects[i]->at < FAR ? (uint32_t)objects[i]->at
                                              : FAR | rows++);
    for (size_t i = 0; i < count; i++)
        if (objects[i]->at >= FAR)
            gb_buf_u64(&out, objects[i]->at);
    gb_buf_add(&out, trailer, GB_OID_BYTES);
    gb_sha1(sum, gb_buf_view(&out));
    gb_buf_add(&out, sum, sizeof sum);
    enum gb_err err = gb_buf_check(&out, "index of a pack", fail);
    gb_git_join(path, l->packs, name, ".idx");
    if (!err)
        err = gb_file_write_checked(path, gb_buf_view(&out), 0444, fail);
    gb_buf_release(&out);
    return err;
}

/* ------------------------------------------------------------- packs -- */

static int
by_size(const void *a, const void *b)
{
    const struct gb_pack *x = a, *y = b;
    if (x->objects != y->objects)
        return x->objects < y->objects ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Take up NAME.idx when it has its pack. */
static enum gb_err
add_pack(struct gb_packs *packs, size_t *room, const struct gb_ledger *l,
         const char *file, struct gb_fail *fail)
{
    struct gb_pack p = {0};
    struct stat st;
    char path[GB_FILE_PATH_MAX];
    size_t n = strlen(file);
    if (n < 5 || strcmp(file + n - 4, ".idx") != 0)
        return GB_OK;
    static_assert(sizeof p.name > NAME_MAX, "any name of a file");
    memcpy(p.name, file, n - 4);
    gb_git_join(path, l->packs, p.name, ".keep");
    p.keep = access(path, F_OK) == 0;
    gb_git_join(path, l->packs, p.name, ".pack");
    if (stat(path, &st) != 0) /* without its pack it is passed over */
        return errno == ENOENT  ? GB_OK
               : errno == ELOOP ? gb_fail_set(fail, GB_E_LEDGER,
                                              "%s: links in a circle", path)
                                : gb_file_fail(fail, errno, path, "read");
    p.size = (uint64_t)st.st_size;
    if (packs->count == *room) {
        size_t more = 2 * *room + 64;
        struct gb_pack *list = realloc(packs->list, more * sizeof *list);
        if (!list)
            return gb_fail_memory(fail);
        packs->list = list;
        *room = more;
    }
    packs->list[packs->count++] = p;
    return GB_OK;
}

enum gb_err
gb_packs_list(struct gb_packs *out, const struct gb_ledger *l,
              struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    size_t room = 0;
    *out = (struct gb_packs){0};
    DIR *d = opendir(l->packs);
    if (!d)
        return gb_fail_set(fail, errno == ENOENT ? GB_E_MISSING : GB_E_IO,
                           "%s: %s", l->packs, strerror(errno));
    for (struct dirent *e; !err && (e = readdir(d)) != NULL;)
        err = add_pack(out, &room, l, e->d_name, fail);
    closedir(d);
    if (err)
        gb_packs_release(out);
    else if (out->count)
        qsort(out->list, out->count, sizeof *out->list, by_size);
    return err;
}

enum gb_err
gb_packs_count(struct gb_packs *packs, const struct gb_ledger *l,
               struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    uint8_t head[PACK_HEAD];
    enum gb_err err = GB_OK;
    for (size_t i = 0; !err && i < packs->count; i++) {
        gb_git_join(path, l->packs, packs->list[i].name, ".pack");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head)
            err = gb_file_fail(fail, errno, path, "read");
        packs->list[i].objects = err ? 0 : u32(head + 8);
        if (fd >= 0)
            close(fd);
    }
    if (packs->count)
        qsort(packs->list, packs->count, sizeof *packs->list, by_size);
    return err;
}

void
gb_packs_release(struct gb_packs *packs)
{
    free(packs->list);
    *packs = (struct gb_packs){0};
}

enum gb_err
gb_packs_check(const struct gb_ledger *l, struct gb_fail *fail)
{
    struct gb_packs packs;
    enum gb_err err = gb_packs_list(&packs, l, fail);
    for (size_t i = 0; !err && i < packs.count; i++) {
        struct gb_idx idx;
        err = gb_idx_open(&idx, l, packs.list[i].name, fail);
        gb_idx_close(&idx);
        if (err == GB_E_MISSING) /* merged away while we looked */
            err = GB_OK;
    }
    gb_packs_release(&packs);
    return err;
}

enum gb_err
gb_ledger_packs(struct gb_ledger *l, size_t *count, struct gb_fail *fail)
{
    struct gb_packs packs;
    enum gb_err err = gb_packs_list(&packs, l, fail);
    *count = packs.count;
    gb_packs_release(&packs);
    return err;
}

void
gb_pack_remove(const struct gb_ledger *l, const char *name)
{
    /* An index without its pack is passed over by every reader. */
    static const char *const ends[] = {".pack", ".idx", ".rev", ".bitmap"};
    char path[GB_FILE_PATH_MAX];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        gb_git_join(path, l->packs, name, ends[i]);
        (void)unlink(path);
    }
}
