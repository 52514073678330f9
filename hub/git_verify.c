/*
 * git_verify.c - see ledger.h: packs, byte by byte, against their indexes.
 *
 * Each pack is read once from its first byte to its last.  The objects that its
 * index names must fill it without a gap, each being a whole zlib stream
 * (git_splice.c) with the checksum that the index has, and being what its name
 * says; then none was left out, and the index is the one that the pack makes.
 * Beyond the one object that is looked at, so many rows of the index are held
 * as come next.
 */
#include "git_ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/deflate.h"

#define HEAD 12               /* "PACK", u32 2, u32 objects */
#define TYPES_PLAIN_MAX 4     /* commit, tree, blob, tag */
#define AROUND_MAX (1u << 20) /* what a stream may be longer than its bytes */
#define STRETCH 2048          /* rows; more where an index is read 256 times */

struct checking {
    const struct gb_ledger *l;
    const char *name;
    struct gb_idx idx;
    struct row {
        uint64_t at;
        uint32_t crc;
        git_oid oid;
    } * rows; /* as their objects lie in the pack, some of them */
    size_t nrows, stretch;
    FILE *file;
    /* The pack alone, for differences, and those that are odd; NULL: not needed
     * yet. */
    struct gb_odb *objects;
    git_odb *odb;
    struct gb_sha1 sum;
    struct gb_buf packed, raw; /* the object in work */
};

/* ------------------------------------------------------------- reading -- */

static int
by_place(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The next rows from this place on: a stretch of them and one more, or all. */
static void
gather(struct checking *c, uint64_t from)
{
    uint64_t limit = UINT64_MAX;
    c->nrows = 0;
    for (size_t i = 0; i < c->idx.count; i++) {
        uint64_t at = gb_idx_at(&c->idx, i);
        gb_idx_drop(&c->idx, i);
        if (at < from || at >= limit)
            continue;
        struct row *r = &c->rows[c->nrows++];
        *r = (struct row){.at = at, .crc = gb_idx_crc(&c->idx, i)};
        memcpy(r->oid.id, c->idx.oids + i * GB_OID_BYTES, GB_OID_BYTES);
        if (c->nrows < 2 * c->stretch)
            continue;
        qsort(c->rows, c->nrows, sizeof *c->rows, by_place);
        c->nrows = c->stretch + 1;
        limit = c->rows[c->stretch].at;
    }
    qsort(c->rows, c->nrows, sizeof *c->rows, by_place);
    if (c->nrows > c->stretch)
        c->nrows = c->stretch + 1;
}

static enum gb_err
open_pack(struct checking *c, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    enum gb_err err = gb_idx_open(&c->idx, c->l, c->name, fail);
    if (err == GB_E_MISSING) /* merged away while we looked */
        return gb_fail_set(fail, GB_E_IO, "%s: is gone", c->name);
    if (err)
        return err;
    c->stretch = c->idx.count / 256 > STRETCH ? c->idx.count / 256 : STRETCH;
    c->rows = calloc(2 * c->stretch, sizeof *c->rows);
    if (!c->rows)
        return gb_fail_memory(fail);
    gb_git_join(path, c->l->packs, c->name, ".pack");
    c->file = fopen(path, "rbe");
    return c->file ? GB_OK : gb_file_fail(fail, errno, path, "read");
}

static void
close_pack(struct checking *c)
{
    gb_idx_close(&c->idx);
    free(c->rows);
    if (c->file)
        fclose(c->file);
    gb_odb_free(c->objects);
    git_odb_free(c->odb);
    gb_buf_release(&c->packed);
    gb_buf_release(&c->raw);
}

/* The next so many bytes, into c->packed. */
static enum gb_err
take(struct checking *c, uint64_t len, struct gb_fail *fail)
{
    gb_buf_clear(&c->packed);
    uint8_t *to = gb_buf_grow(&c->packed, (size_t)len);
    if (!to)
        return gb_buf_check(&c->packed, "an object of a pack", fail);
    if (fread(to, 1, (size_t)len, c->file) != len)
        return ferror(c->file) ? gb_fail_set(fail, GB_E_IO, "cannot be read")
                               : gb_fail_set(fail, GB_E_LEDGER, "cut short");
    gb_sha1_add(&c->sum, gb_buf_view(&c->packed));
    return GB_OK;
}

/* ------------------------------------------------------------- objects -- */

/* Inflate what stands behind an object's head, into c->raw: all of it, and
 * nothing more. */
static enum gb_err
inflate(struct checking *c, size_t head, uint64_t len, struct gb_fail *fail)
{
    const uint8_t *p = c->packed.ptr + head;
    size_t n = c->packed.len - head;
    if (c->packed.len < head + 6 || (p[0] & 15) != 8 || (p[1] & 32) ||
        (p[0] * 256 + p[1]) % 31)
        return gb_fail_set(fail, GB_E_FORMAT, "not a zlib stream");
    gb_buf_clear(&c->raw);
    uint8_t *to = len > SIZE_MAX ? NULL : gb_buf_grow(&c->raw, (size_t)len);
    if (!to)
        return gb_buf_check(&c->raw, "an object of a pack", fail);
    enum gb_err err = gb_inflate(to, (size_t)len, GB_SPAN(p + 2, n - 6),
                                 GB_SPAN(NULL, 0), fail);
    struct gb_reader sum = gb_reader_of(GB_SPAN(p + n - 4, 4));
    if (!err && gb_read_u32(&sum) != gb_adler32(gb_buf_view(&c->raw)))
        err = gb_fail_set(fail, GB_E_FORMAT, "its checksum");
    return err;
}

/* Where the zlib stream of an object begins; 0: nowhere. */
static size_t
stream_at(struct gb_span bytes, unsigned type, size_t at)
{
    if (type == GB_PACKED_REF)
        return at + GB_OID_BYTES;
    while (type == GB_PACKED_OFS && at < bytes.len && bytes.ptr[at] & 0x80)
        at++;
    return type == GB_PACKED_OFS ? at + 1 : type <= TYPES_PLAIN_MAX ? at : 0;
}

/* One that is left to libgit2. */
static enum gb_err
check_odd(struct checking *c, const git_oid *oid, struct gb_fail *fail)
{
    git_odb_object *object = NULL;
    enum gb_err err =
        c->odb ? GB_OK : gb_git_one_pack(&c->odb, c->l, c->name, fail);
    if (!err && gb_git_read(&object, c->odb, oid) < 0)
        err = gb_git_fail(fail, GB_E_LEDGER, "a difference");
    git_odb_object_free(object);
    return err;
}

/* A difference, applied to what it is one from. */
static enum gb_err
check_difference(struct checking *c, const git_oid *oid, struct gb_fail *fail)
{
    git_oid is;
    git_object_t type;
    struct gb_span bytes;
    enum gb_err err =
        c->objects ? GB_OK : gb_odb_open(&c->objects, c->l, c->name, fail);
    if (!err)
        err = gb_odb_read(c->objects, oid, &type, &bytes, fail);
    if (err || !bytes.ptr)
        return err ? err : check_odd(c, oid, fail);
    gb_git_hash(&is, type, bytes);
    return git_oid_equal(&is, oid)
               ? GB_OK
               : gb_fail_set(fail, GB_E_LEDGER, "not what its name says");
}

/* The object in c->packed is the one that a row of the index names. */
static enum gb_err
check_object(struct checking *c, const struct row *row, struct gb_fail *fail)
{
    git_oid is;
    unsigned type;
    uint64_t len;
    size_t at;
    struct gb_span bytes = gb_buf_view(&c->packed);
    if (gb_crc32(bytes) != row->crc)
        return gb_fail_set(fail, GB_E_FORMAT, "its index's checksum");
    if (!gb_packed_head(bytes, &type, &len, &at) || !type ||
        !(at = stream_at(bytes, type, at)))
        return gb_fail_set(fail, GB_E_FORMAT, "no object");
    enum gb_err err = inflate(c, at, len, fail);
    if (err || type > TYPES_PLAIN_MAX)
        return err ? err : check_difference(c, &row->oid, fail);
    gb_git_hash(&is, (git_object_t)type, gb_buf_view(&c->raw));
    return git_oid_equal(&is, &row->oid)
               ? GB_OK
               : gb_fail_set(fail, GB_E_FORMAT, "not what its name says");
}

/* --------------------------------------------------------------- packs -- */

/* The object of a row, up to `end`. */
static enum gb_err
take_object(struct checking *c, const struct row *row, uint64_t end,
            struct gb_fail *fail)
{
    char hex[2 * GB_OID_BYTES + 1];
    enum gb_err err = take(c, end - row->at, fail);
    if (!err)
        err = check_object(c, row, fail);
    if (err == GB_E_FORMAT || err == GB_E_LIMIT)
        err = GB_E_LEDGER;
    gb_hex_encode(hex, row->oid.id, GB_OID_BYTES);
    if (err)
        fail->code = err;
    return err ? gb_fail_wrap(fail, "object %s", hex) : GB_OK;
}

/* All objects, stretch by stretch, up to `end`. */
static enum gb_err
take_objects(struct checking *c, uint64_t end, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    gather(c, 0);
    if ((c->nrows ? c->rows[0].at : end) != HEAD)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "not all of its objects are in its index");
    while (!err && c->nrows) {
        bool more = c->nrows > c->stretch;
        size_t n = more ? c->stretch : c->nrows;
        uint64_t next = more ? c->rows[n].at : end;
        for (size_t i = 0; !err && i < n; i++)
            err = take_object(c, &c->rows[i],
                              i + 1 < n ? c->rows[i + 1].at : next, fail);
        c->nrows = 0;
        if (!err && more)
            gather(c, next);
    }
    return err;
}

/* All of a pack that is open: `size` bytes. */
static enum gb_err
read_pack(struct checking *c, uint64_t size, struct gb_fail *fail)
{
    uint8_t sum[GB_OID_BYTES];
    enum gb_err err = take(c, HEAD, fail);
    if (!err)
        err = take_objects(c, size - GB_OID_BYTES, fail);
    gb_sha1_final(&c->sum, sum);
    if (!err)
        err = take(c, GB_OID_BYTES, fail);
    if (!err && memcmp(sum, c->packed.ptr, sizeof sum))
        err = gb_fail_set(fail, GB_E_LEDGER, "its checksum is another");
    return err;
}

static enum gb_err
verify(const struct gb_ledger *l, const struct gb_pack *p, struct gb_fail *fail)
{
    struct checking c = {.l = l, .name = p->name};
    gb_sha1_init(&c.sum);
    gb_buf_init(&c.raw, 2 * (size_t)GB_LEDGER_FILE_MAX);
    gb_buf_init(&c.packed, 2 * (size_t)GB_LEDGER_FILE_MAX + AROUND_MAX);
    enum gb_err err = open_pack(&c, fail);
    if (!err) {
        err = read_pack(&c, p->size, fail);
        if (err)
            err = gb_fail_wrap(fail, "%s%s.pack", l->packs, p->name);
    }
    close_pack(&c);
    return err;
}

enum gb_err
gb_ledger_verify_packs(const struct gb_ledger *l, struct gb_fail *fail)
{
    struct gb_packs packs;
    enum gb_err err = gb_packs_list(&packs, l, fail);
    for (size_t i = 0; !err && i < packs.count; i++)
        err = verify(l, &packs.list[i], fail);
    gb_packs_release(&packs);
    return err;
}
