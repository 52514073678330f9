/*
 * git_new.c - the pack of a batch: its new objects, one behind the other
 * (gitformat-pack(5), git_splice.c).
 *
 * libgit2's pack builder would look for differences between them, inflate what
 * it has just deflated, and hash it once more; there are no differences in what
 * is compressed or signed.  Here an object is deflated by itself, a change set,
 * whose sections are deflated already, is stored.
 *
 * The index comes first, as nobody looks at one without its pack, and the
 * renaming of the pack shows both.  The pack is called after the batch's
 * commit, which no other pack of a batch has.
 */
#include "git_ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bug.h"
#include "engine/deflate.h"

#define HEAD 12          /* "PACK", u32 2, u32 objects */
#define STORED_MAX 65535 /* bytes of a stored block, RFC 1951 section 3.2.4 */

struct writing {
    struct gb_ledger *l;
    struct gb_packed *objects; /* in the order of the pack */
    struct gb_packed **sorted; /* by name, each once */
    size_t count, kept;
    struct gb_file file;
    struct gb_sha1 sum;
    struct gb_buf piece;
    uint64_t at;
    uint8_t trailer[GB_OID_BYTES];
};

/* ------------------------------------------------------------ streams -- */

/* Blocks of deflate that hold the bytes as they are. */
static void
store(struct gb_buf *out, struct gb_span s)
{
    do {
        size_t n = s.len < STORED_MAX ? s.len : STORED_MAX;
        gb_buf_u8(out, n == s.len);
        gb_buf_u8(out, n & 255);
        gb_buf_u8(out, n >> 8 & 255);
        gb_buf_u8(out, ~n & 255);
        gb_buf_u8(out, ~n >> 8 & 255);
        gb_buf_add(out, s.ptr, n);
        s = GB_SPAN(s.ptr + n, s.len - n);
    } while (s.len);
}

enum gb_err
gb_packed_stream(struct gb_buf *out, struct gb_span s, bool deflate,
                 struct gb_fail *fail)
{
    bool shorter = false;
    enum gb_err err = GB_OK;
    gb_buf_u16(out, 0x7801);
    if (deflate)
        err = gb_deflate(out, s, GB_SPAN(NULL, 0), &shorter, fail);
    if (err)
        return err;
    if (!shorter)
        store(out, s);
    gb_buf_u32(out, gb_adler32(s));
    return gb_buf_check(out, "an object of the ledger", fail);
}

/* ------------------------------------------------------------ objects -- */

static int
by_name(const void *a, const void *b)
{
    const struct gb_packed *const *x = a, *const *y = b;
    int order = memcmp((*x)->oid, (*y)->oid, GB_OID_BYTES);
    return order ? order : *x < *y ? -1 : *x > *y;
}

/* The latest made (the commit) first; what was made twice is there once. */
static enum gb_err
order(struct writing *w, const git_oid *made, size_t count,
      struct gb_fail *fail)
{
    w->objects = calloc(count + 1, sizeof *w->objects);
    w->sorted = calloc(count + 1, sizeof(struct gb_packed *));
    if (!w->objects || !w->sorted)
        return gb_fail_memory(fail);
    w->count = count;
    for (size_t i = 0; i < count; i++) {
        w->objects[i].oid = made[count - 1 - i].id;
        w->sorted[i] = &w->objects[i];
    }
    qsort(w->sorted, count, sizeof(struct gb_packed *), by_name);
    for (size_t i = 0; i < count; i++) {
        struct gb_packed *o = w->sorted[i];
        if (w->kept &&
            !memcmp(w->sorted[w->kept - 1]->oid, o->oid, GB_OID_BYTES))
            o->oid = NULL;
        else
            w->sorted[w->kept++] = o;
    }
    return GB_OK;
}

/* The piece, into the pack. */
static enum gb_err
flush(struct writing *w, struct gb_fail *fail)
{
    struct gb_span bytes = gb_buf_view(&w->piece);
    enum gb_err err = gb_buf_check(&w->piece, "a batch's pack", fail);
    gb_sha1_add(&w->sum, bytes);
    w->at += bytes.len;
    if (!err)
        err = gb_file_add(&w->file, bytes, fail);
    gb_buf_clear(&w->piece);
    return err;
}

static enum gb_err
write_object(struct writing *w, struct gb_packed *o, struct gb_fail *fail)
{
    git_odb_backend *memory = w->l->memory;
    void *data = NULL;
    size_t len;
    git_object_t type;
    git_oid oid;
    memcpy(oid.id, o->oid, GB_OID_BYTES);
    if (memory->read(&data, &len, &type, memory, &oid) < 0)
        return gb_git_fail(fail, GB_E_IO, "a new object");
    bool set = len > 4 && !memcmp(data, "GBCS", 4);
    o->at = w->at;
    gb_packed_head_write(&w->piece, (unsigned)type, len);
    enum gb_err err =
        gb_packed_stream(&w->piece, GB_SPAN(data, len), !set, fail);
    git_odb_backend_data_free(memory, data);
    if (err)
        return err;
    o->crc = gb_crc32(gb_buf_view(&w->piece));
    return flush(w, fail);
}

/* --------------------------------------------------------------- pack -- */

static enum gb_err
write_all(struct writing *w, struct gb_fail *fail)
{
    gb_buf_text(&w->piece, "PACK");
    gb_buf_u32(&w->piece, 2);
    gb_buf_u32(&w->piece, (uint32_t)w->kept);
    enum gb_err err = flush(w, fail);
    for (size_t i = 0; !err && i < w->count; i++)
        if (w->objects[i].oid)
            err = write_object(w, &w->objects[i], fail);
    gb_sha1_final(&w->sum, w->trailer);
    return err ? err
               : gb_file_add(&w->file, GB_SPAN(w->trailer, GB_OID_BYTES), fail);
}

/* From here on readers see it, durably unless a mistake is planted. */
static enum gb_err
show(struct writing *w, struct gb_fail *fail)
{
    if (!GB_BUG(FSYNC))
        return gb_file_commit(&w->file, false, fail);
    return rename(w->file.temporary, w->file.path)
               ? gb_file_fail(fail, errno, w->file.path, "written")
               : GB_OK;
}

/* Pack, then its index, then the pack's name. */
static enum gb_err
write_pack(struct writing *w, const char *name, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_git_join(path, w->l->packs, name, ".pack");
    enum gb_err err = gb_file_begin(&w->file, path, 0444, fail);
    if (err)
        return err;
    err = write_all(w, fail);
    if (!err)
        err = gb_idx_write(w->l, name, w->sorted, w->kept, w->trailer, fail);
    if (!err)
        err = show(w, fail);
    gb_file_abandon(&w->file);
    return err;
}

enum gb_err
gb_pack_write(struct gb_ledger *l, const git_oid *made, size_t count,
              char name[GB_PACK_NAME_MAX], struct gb_fail *fail)
{
    struct writing w = {.l = l, .file = {.fd = -1}};
    char hex[2 * GB_OID_BYTES + 1];
    gb_assert(count > 0);
    gb_hex_encode(hex, made[count - 1].id, GB_OID_BYTES);
    snprintf(name, GB_PACK_NAME_MAX, "pack-%s", hex);
    gb_buf_init(&w.piece, (size_t)2 * GB_LEDGER_FILE_MAX);
    gb_sha1_init(&w.sum);
    enum gb_err err = order(&w, made, count, fail);
    if (!err)
        err = write_pack(&w, name, fail);
    gb_buf_release(&w.piece);
    free(w.objects);
    free(w.sorted);
    return err;
}
