/*
 * git_fold.c - the versions of a folder, in one pack.
 *
 * Each batch writes its day's folder anew, so the folders of a day grow with
 * the square of its sets.  But names rise with positions: an older version is
 * how the newer ones begin.  So one version is kept whole, the largest, and
 * each other is written as a difference from it (gitformat-pack(5),
 * "Deltified representation"):
 *
 *   length of the base, length of the result: 7 bits a byte, lowest first
 *   1xxxxxxx        copy: four bits say which bytes of the offset follow, three
 *                   which of the length, lowest first; the others are 0
 *   0nnnnnnn        insert the next n bytes
 *
 * That is some twenty bytes, whatever the folder's size.  All differences are
 * from a whole folder, and that becomes one in the next merge, so a chain of
 * them is no longer than there are merges in an object's life (git_plan.h).
 *
 * Versions are told by their first entry, which stays; a folder that changes
 * it is only not folded.
 */
#include "git_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "engine/deflate.h"

#define START 512 /* bytes of a folder that hold its first entry */
#define COPY_MAX 0xffffff
#define INSERT_MAX 127
#define DELTA_MAX 0xffff

/* A whole folder. */
struct version {
    struct gb_packed *object;
    struct gb_span stream;     /* raw deflate */
    size_t len;                /* when inflated */
    uint8_t key[GB_OID_BYTES]; /* hash of its first entry */
};

struct fold {
    struct version *list;
    size_t count;
    struct gb_arena *arena;
    struct gb_buf base, folder, delta, packed;
};

/* ---------------------------------------------------------- versions -- */

/* The first entry of a folder's first bytes; empty when it is not there. */
static struct gb_span
first_entry(struct gb_span start)
{
    const uint8_t *nul = start.len ? memchr(start.ptr, 0, start.len) : NULL;
    size_t len = nul ? (size_t)(nul - start.ptr) + 1 + GB_OID_BYTES : 0;
    return GB_SPAN(start.ptr, len <= start.len ? len : 0);
}

/* Take up an object that is a whole folder. */
static enum gb_err
add_version(struct fold *f, struct gb_packed *o, struct gb_fail *fail)
{
    uint8_t start[START];
    unsigned type;
    uint64_t len;
    size_t rest, got;
    if (!gb_packed_head(o->bytes, &type, &len, &rest) ||
        type != GB_PACKED_TREE || len > GB_LEDGER_FILE_MAX ||
        o->bytes.len - rest < 6)
        return GB_OK;
    /* Between zlib's two bytes of head and its four of checksum. */
    struct gb_span stream =
        GB_SPAN(o->bytes.ptr + rest + 2, o->bytes.len - rest - 6);
    enum gb_err err = gb_inflate_start(start, START, &got, stream, fail);
    struct gb_span entry = first_entry(GB_SPAN(start, got));
    if (err || !entry.len)
        return err == GB_E_MEMORY ? err : GB_OK;
    struct version *v = &f->list[f->count++];
    *v = (struct version){.object = o, .stream = stream, .len = (size_t)len};
    gb_sha1(v->key, entry);
    return GB_OK;
}

/* Versions of one folder stand together, the largest first. */
static int
by_folder(const void *a, const void *b)
{
    const struct version *x = a, *y = b;
    int order = memcmp(x->key, y->key, sizeof x->key);
    if (order)
        return order;
    if (x->len != y->len)
        return x->len > y->len ? -1 : 1;
    return memcmp(x->object->oid, y->object->oid, GB_OID_BYTES);
}

/* -------------------------------------------------------- difference -- */

static void
copy(struct gb_buf *out, size_t at, size_t len)
{
    for (size_t n; len; at += n, len -= n) {
        uint8_t bytes[7];
        size_t k = 0;
        unsigned bits = 0x80;
        n = len < COPY_MAX ? len : COPY_MAX;
        for (unsigned i = 0; i < 7; i++) {
            uint8_t byte = (uint8_t)(i < 4 ? at >> 8 * i : n >> 8 * (i - 4));
            if (!byte)
                continue;
            bits |= 1u << i;
            bytes[k++] = byte;
        }
        gb_buf_u8(out, bits);
        gb_buf_add(out, bytes, k);
    }
}

static void
insert(struct gb_buf *out, struct gb_span s)
{
    for (size_t n; s.len; s = GB_SPAN(s.ptr + n, s.len - n)) {
        n = s.len < INSERT_MAX ? s.len : INSERT_MAX;
        gb_buf_u8(out, (unsigned)n);
        gb_buf_add(out, s.ptr, n);
    }
}

/* How `to` comes from `base`: they begin alike and end alike. */
static void
make_delta(struct gb_buf *out, struct gb_span base, struct gb_span to)
{
    size_t least = base.len < to.len ? base.len : to.len;
    size_t front = 0, back = 0;
    while (front < least && base.ptr[front] == to.ptr[front])
        front++;
    while (back < least - front &&
           base.ptr[base.len - 1 - back] == to.ptr[to.len - 1 - back])
        back++;
    gb_buf_varint(out, base.len);
    gb_buf_varint(out, to.len);
    copy(out, 0, front);
    insert(out, GB_SPAN(to.ptr + front, to.len - front - back));
    copy(out, base.len - back, back);
}

/* ----------------------------------------------------------- folding -- */

static enum gb_err
inflate_version(struct gb_buf *out, const struct version *v,
                struct gb_fail *fail)
{
    gb_buf_clear(out);
    uint8_t *to = gb_buf_grow(out, v->len);
    if (!to)
        return gb_buf_check(out, "folder of the ledger", fail);
    return gb_inflate(to, v->len, v->stream, GB_SPAN(NULL, 0), fail);
}

/* Write v as a difference from the base, which is inflated, where that is
 * shorter. */
static enum gb_err
fold_one(struct fold *f, const struct version *base, const struct version *v,
         struct gb_fail *fail)
{
    struct gb_packed *o = v->object;
    enum gb_err err = inflate_version(&f->folder, v, fail);
    if (err)
        return err;
    gb_buf_clear(&f->delta);
    gb_buf_clear(&f->packed);
    make_delta(&f->delta, gb_buf_view(&f->base), gb_buf_view(&f->folder));
    if ((err = gb_buf_check(&f->delta, "difference", fail)))
        return err;
    if (f->delta.len > DELTA_MAX)
        return GB_OK;
    gb_packed_head_write(&f->packed, GB_PACKED_REF, f->delta.len);
    gb_buf_add(&f->packed, base->object->oid, GB_OID_BYTES);
    err = gb_packed_stream(&f->packed, gb_buf_view(&f->delta), false, fail);
    if (err)
        return err;
    if (f->packed.len >= o->bytes.len)
        return GB_OK;
    struct gb_span kept = gb_arena_copy(f->arena, gb_buf_view(&f->packed));
    if (!kept.ptr)
        return gb_fail_memory(fail);
    o->bytes = kept;
    o->crc = gb_crc32(kept);
    o->folded = true;
    return GB_OK;
}

/* Fold each group of versions against its first. */
static enum gb_err
fold_all(struct fold *f, struct gb_fail *fail)
{
    const struct version *base = NULL;
    bool inflated = false;
    enum gb_err err = GB_OK;
    for (size_t i = 0; !err && i < f->count; i++) {
        const struct version *v = &f->list[i];
        if (!base || memcmp(base->key, v->key, sizeof v->key) != 0) {
            base = v;
            inflated = false;
            continue;
        }
        if (!inflated)
            err = inflate_version(&f->base, base, fail);
        inflated = true;
        if (!err)
            err = fold_one(f, base, v, fail);
    }
    return err;
}

enum gb_err
gb_fold(struct gb_packed *objects, size_t count, struct gb_arena *arena,
        struct gb_fail *fail)
{
    struct fold f = {.arena = arena};
    size_t trees = 0;
    unsigned type;
    uint64_t len;
    size_t rest;
    for (size_t i = 0; i < count; i++)
        trees += gb_packed_head(objects[i].bytes, &type, &len, &rest) &&
                 type == GB_PACKED_TREE;
    f.list = calloc(trees + 1, sizeof *f.list);
    if (!f.list)
        return gb_fail_memory(fail);
    gb_buf_init(&f.base, GB_LEDGER_FILE_MAX);
    gb_buf_init(&f.folder, GB_LEDGER_FILE_MAX);
    gb_buf_init(&f.delta, (size_t)2 * GB_LEDGER_FILE_MAX);
    gb_buf_init(&f.packed, (size_t)2 * DELTA_MAX);

    enum gb_err err = GB_OK;
    for (size_t i = 0; !err && i < count; i++)
        err = add_version(&f, &objects[i], fail);
    if (!err && f.count)
        qsort(f.list, f.count, sizeof *f.list, by_folder);
    if (!err)
        err = fold_all(&f, fail);
    gb_buf_release(&f.base);
    gb_buf_release(&f.folder);
    gb_buf_release(&f.delta);
    gb_buf_release(&f.packed);
    free(f.list);
    return err;
}
