/*
 * git_splice.c - one pack out of several, by copying what stands in them.
 *
 * A pack is a head, its objects, and the SHA-1 of all that (gitformat-pack(5)).
 * An object is a head, and a zlib stream:
 *
 *   1 byte          7: more follow; 6..4: type; 3..0: length when inflated
 *   0 or more       7: more follow; 6..0: the next bits of the length
 *   20 bytes        only type 7: the object that this is a difference from
 *   1 or more       only type 6: how far before this one that object begins
 *
 * A difference by name means the same in any pack that has the named object,
 * so objects are copied as they are, each checked against the CRC-32 that its
 * index has; one by distance, as git writes them, gets the name.  Only versions
 * of folders are made anew (git_fold.c), and these are read back.  So a merge
 * costs what the packs are long, not what is in them.
 *
 * An object that is in several packs is taken from the first one.  What it is
 * a difference from is then in this pack or in an earlier one, so there is no
 * circle.
 */
#include "git_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/deflate.h"
#include "engine/file.h"

#define HEAD 12 /* "PACK", u32 2, u32 objects */
#define FOLDS_MAX ((size_t)256 << 20)
#define PIECE 65536

struct source {
    struct gb_idx idx;
    const uint8_t *map;
    size_t len;
    struct gb_packed *objects; /* as they lie in it */
};

struct splice {
    struct gb_ledger *l;
    struct source *sources;
    size_t nsources;
    struct gb_packed *objects; /* of all sources, one behind the other */
    struct gb_packed **sorted; /* by name; later without those left out */
    size_t count, kept;
    struct gb_arena folds;
    struct gb_file file;
    struct gb_buf piece;
    struct gb_sha1 sum;
    uint64_t at;
    uint8_t trailer[GB_OID_BYTES];
};

/* ------------------------------------------------------------- heads -- */

bool
gb_packed_head(struct gb_span bytes, unsigned *type, uint64_t *len,
               size_t *rest)
{
    unsigned shift = 4;
    if (!bytes.len)
        return false;
    *type = bytes.ptr[0] >> 4 & 7;
    *len = bytes.ptr[0] & 15;
    *rest = 1;
    for (uint8_t more = bytes.ptr[0]; more & 0x80; shift += 7) {
        if (*rest == bytes.len || shift > 56)
            return false;
        more = bytes.ptr[(*rest)++];
        *len |= (uint64_t)(more & 0x7f) << shift;
    }
    return true;
}

void
gb_packed_head_write(struct gb_buf *out, unsigned type, uint64_t len)
{
    gb_buf_u8(out, (len > 15 ? 0x80u : 0) | type << 4 | (unsigned)(len & 15));
    if (len > 15)
        gb_buf_varint(out, len >> 4);
}

uint64_t
gb_packed_distance(struct gb_span bytes, size_t *rest)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 9 && *rest < bytes.len; i++) {
        uint8_t byte = bytes.ptr[(*rest)++];
        n = (i ? n + 1 : 0) << 7 | (byte & 0x7f);
        if (!(byte & 0x80))
            return n;
    }
    return 0;
}

/* ----------------------------------------------------------- sources -- */

static enum gb_err
map_pack(struct source *s, const struct gb_ledger *l, const char *name,
         struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct stat st;
    gb_git_join(path, l->packs, name, ".pack");
    enum gb_err err = GB_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        err = gb_file_fail(fail, errno, path, "read");
    else if (st.st_size < HEAD + GB_OID_BYTES)
        err = gb_fail_set(fail, GB_E_LEDGER, "%s: cut short", path);
    if (!err) {
        s->len = (size_t)st.st_size;
        void *map = mmap(NULL, s->len, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            err = gb_file_fail(fail, errno, path, "read");
        else
            s->map = map;
    }
    if (fd >= 0)
        close(fd);
    return err;
}

static int
by_place(const void *a, const void *b)
{
    const struct gb_packed *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Cut a pack into its objects, and check each. */
static enum gb_err
cut(struct source *s, const char *name, struct gb_fail *fail)
{
    size_t n = s->idx.count;
    for (size_t i = 0; i < n; i++)
        s->objects[i] =
            (struct gb_packed){.oid = s->idx.oids + i * GB_OID_BYTES,
                               .from = gb_idx_at(&s->idx, i),
                               .crc = gb_idx_crc(&s->idx, i)};
    if (n)
        qsort(s->objects, n, sizeof *s->objects, by_place);
    for (size_t i = 0; i < n; i++) {
        struct gb_packed *o = &s->objects[i];
        uint64_t end = i + 1 < n ? o[1].from : s->len - GB_OID_BYTES;
        gb_assert(o->from <= end); /* as the index was checked */
        o->bytes = GB_SPAN(s->map + o->from, end - o->from);
        if (gb_crc32(o->bytes) != o->crc)
            return gb_fail_set(fail, GB_E_LEDGER,
                               "%s: damaged at byte %llu; restore it from a "
                               "backup",
                               name, (unsigned long long)o->from);
    }
    return GB_OK;
}

static enum gb_err
open_sources(struct splice *s, const char *const *names, size_t count,
             struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    s->sources = calloc(count, sizeof *s->sources);
    if (!s->sources)
        return gb_fail_memory(fail);
    for (size_t i = 0; !err && i < count; i++) {
        err = gb_idx_open(&s->sources[i].idx, s->l, names[i], fail);
        s->nsources += !err;
        s->count += s->sources[i].idx.count;
        if (!err)
            err = map_pack(&s->sources[i], s->l, names[i], fail);
    }
    if (err)
        return err;
    s->objects = calloc(s->count + 1, sizeof *s->objects);
    s->sorted = calloc(s->count + 1, sizeof(struct gb_packed *));
    if (!s->objects || !s->sorted)
        return gb_fail_memory(fail);
    struct gb_packed *next = s->objects;
    for (size_t i = 0; !err && i < count; next += s->sources[i++].idx.count) {
        s->sources[i].objects = next;
        err = cut(&s->sources[i], names[i], fail);
    }
    return err;
}

static void
close_splice(struct splice *s)
{
    for (size_t i = 0; i < s->nsources; i++) {
        if (s->sources[i].map)
            munmap((void *)(uintptr_t)s->sources[i].map, s->sources[i].len);
        gb_idx_close(&s->sources[i].idx);
    }
    gb_arena_release(&s->folds);
    gb_buf_release(&s->piece);
    free(s->sources);
    free(s->objects);
    free(s->sorted);
}

static int
by_name(const void *a, const void *b)
{
    const struct gb_packed *const *x = a, *const *y = b;
    int order = memcmp((*x)->oid, (*y)->oid, GB_OID_BYTES);
    return order ? order : *x < *y ? -1 : *x > *y;
}

/* Sort by name, and leave out all but the first of each. */
static void
sort_objects(struct splice *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->sorted[i] = &s->objects[i];
    if (s->count)
        qsort(s->sorted, s->count, sizeof(struct gb_packed *), by_name);
    for (size_t i = 0; i < s->count; i++) {
        struct gb_packed *o = s->sorted[i];
        if (s->kept &&
            memcmp(s->sorted[s->kept - 1]->oid, o->oid, GB_OID_BYTES) == 0)
            o->bytes.len = 0;
        else
            s->sorted[s->kept++] = o;
    }
}

/* ----------------------------------------------------------- writing -- */

static enum gb_err
flush(struct splice *s, struct gb_fail *fail)
{
    enum gb_err err = gb_buf_check(&s->piece, "merging packs", fail);
    gb_sha1_add(&s->sum, gb_buf_view(&s->piece));
    if (!err)
        err = gb_file_add(&s->file, gb_buf_view(&s->piece), fail);
    gb_buf_clear(&s->piece);
    return err;
}

/* A difference by distance becomes one by name. */
static enum gb_err
name_base(struct splice *s, const struct source *from, struct gb_packed *o,
          uint64_t len, size_t rest, struct gb_fail *fail)
{
    uint64_t back = gb_packed_distance(o->bytes, &rest);
    struct gb_packed key = {.from = o->from - back};
    const struct gb_packed *base =
        back && back < o->from ? bsearch(&key, from->objects, from->idx.count,
                                         sizeof key, by_place)
                               : NULL;
    if (!base)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "merging packs: a difference from nothing");
    size_t start = s->piece.len;
    gb_packed_head_write(&s->piece, GB_PACKED_REF, len);
    gb_buf_add(&s->piece, base->oid, GB_OID_BYTES);
    gb_buf_add(&s->piece, o->bytes.ptr + rest, o->bytes.len - rest);
    enum gb_err err = gb_buf_check(&s->piece, "merging packs", fail);
    if (!err)
        o->crc = gb_crc32(GB_SPAN(s->piece.ptr + start, s->piece.len - start));
    return err;
}

/* Write the object, if it is one of this pass. */
static enum gb_err
write_object(struct splice *s, const struct source *from, struct gb_packed *o,
             unsigned pass, struct gb_fail *fail)
{
    unsigned type;
    uint64_t len;
    size_t rest;
    if (!o->bytes.len)
        return GB_OK;
    if (!gb_packed_head(o->bytes, &type, &len, &rest))
        return gb_fail_set(fail, GB_E_LEDGER, "merging packs: no object");
    bool delta = type == GB_PACKED_OFS || type == GB_PACKED_REF;
    if (pass != (o->folded ? 1u : delta ? 2u : 0u))
        return GB_OK;
    enum gb_err err = GB_OK;
    size_t start = s->piece.len;
    o->at = s->at;
    if (type == GB_PACKED_OFS)
        err = name_base(s, from, o, len, rest, fail);
    else
        gb_buf_span(&s->piece, o->bytes);
    s->at += s->piece.len - start;
    return !err && s->piece.len >= PIECE ? flush(s, fail) : err;
}

/* Bases stand in front of what is a difference from them, so that whoever
 * indexes the pack needs one pass: whole objects, then those that became
 * differences now, then those that were. */
static enum gb_err
write_objects(struct splice *s, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    gb_buf_text(&s->piece, "PACK");
    gb_buf_u32(&s->piece, 2);
    gb_buf_u32(&s->piece, (uint32_t)s->kept);
    s->at = HEAD;
    for (unsigned pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < s->nsources; i++) {
            struct source *from = &s->sources[i];
            for (size_t k = 0; !err && k < from->idx.count; k++)
                err = write_object(s, from, &from->objects[k], pass, fail);
        }
    if (!err)
        err = flush(s, fail);
    if (err)
        return err;
    gb_sha1_final(&s->sum, s->trailer);
    return gb_file_add(&s->file, GB_SPAN(s->trailer, sizeof s->trailer), fail);
}

/* The pack, durable and read back, under a name that no reader looks at. */
static enum gb_err
write_pack(struct splice *s, const char *temporary, struct gb_fail *fail)
{
    enum gb_err err = gb_file_begin(&s->file, temporary, 0444, fail);
    if (err)
        return err;
    err = write_objects(s, fail);
    if (!err)
        err = gb_file_commit(&s->file, true, fail);
    gb_file_abandon(&s->file);
    return err;
}

/* Its index, and then its name, which is its checksum: an index without a pack
 * is passed over. */
static enum gb_err
show_pack(struct splice *s, const char *temporary, const char *made,
          struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_git_join(path, s->l->packs, made, ".pack");
    enum gb_err err =
        gb_idx_write(s->l, made, s->sorted, s->kept, s->trailer, fail);
    if (!err && rename(temporary, path) != 0)
        err = gb_file_fail(fail, errno, path, "written");
    return err;
}

/* Read what was made anew, which hashes it, from the new pack alone. */
static enum gb_err
read_back(struct splice *s, const char *made, struct gb_fail *fail)
{
    git_odb *odb = NULL;
    enum gb_err err = gb_git_one_pack(&odb, s->l, made, fail);
    for (size_t i = 0; !err && i < s->kept; i++) {
        git_odb_object *object = NULL;
        git_oid oid;
        memcpy(oid.id, s->sorted[i]->oid, GB_OID_BYTES);
        if (s->sorted[i]->folded && gb_git_read(&object, odb, &oid) < 0)
            err = gb_git_fail(fail, GB_E_IO, "%s: read back", made);
        git_odb_object_free(object);
    }
    git_odb_free(odb);
    return err;
}

/* Write what was gathered; nothing is left of it after a failure. */
static enum gb_err
write_all(struct splice *s, const char *const *names, size_t count,
          char made[GB_PACK_NAME_MAX], struct gb_fail *fail)
{
    char temporary[GB_FILE_PATH_MAX], hex[2 * GB_OID_BYTES + 1];
    gb_git_join(temporary, s->l->packs, "tmp_merge", "");
    enum gb_err err = write_pack(s, temporary, fail);
    gb_hex_encode(hex, s->trailer, sizeof s->trailer);
    snprintf(made, GB_PACK_NAME_MAX, "pack-%s", hex);
    if (!err)
        err = show_pack(s, temporary, made, fail);
    if (!err)
        err = read_back(s, made, fail);
    if (!err)
        return GB_OK;
    unlink(temporary);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], made) == 0)
            return err; /* it is the same, byte for byte */
    gb_pack_remove(s->l, made);
    return err;
}

enum gb_err
gb_pack_splice(struct gb_ledger *l, const char *const *names, size_t count,
               char made[GB_PACK_NAME_MAX], struct gb_fail *fail)
{
    struct splice s = {.l = l, .file = {.fd = -1}};
    gb_arena_init(&s.folds, FOLDS_MAX);
    gb_buf_init(&s.piece, PIECE + (size_t)2 * GB_LEDGER_FILE_MAX);
    gb_sha1_init(&s.sum);
    enum gb_err err = open_sources(&s, names, count, fail);
    if (!err) {
        sort_objects(&s);
        err = gb_fold(s.objects, s.count, &s.folds, fail);
    }
    if (!err)
        err = write_all(&s, names, count, made, fail);
    close_splice(&s);
    return err;
}
