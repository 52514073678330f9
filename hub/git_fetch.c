/*
 * git_fetch.c - objects out of packs (git_odb.h): small files, which lie
 * beside those of their batch, and anything else, whole or as a difference from
 * another (git_fold.c has the form).
 *
 * A few objects are kept that were unpacked last: what others are differences
 * from stays longest.
 */
#include "git_odb.h"

#include <stdlib.h>
#include <string.h>

#include "engine/deflate.h"

#define HEAD 1024 /* bytes that hold an object's head, and a small one */

/* ------------------------------------------------------- small files -- */

/* Unpack what begins there, when it is such a file. */
static enum gb_err
unpack(struct gb_odb *s, struct gb_span bytes, struct gb_span *out,
       struct gb_fail *fail)
{
    unsigned type;
    uint64_t len;
    size_t at;
    struct gb_fail why;
    if (!gb_packed_head(bytes, &type, &len, &at) || type != GIT_OBJECT_BLOB ||
        len > GB_ODB_SMALL)
        return GB_OK;
    bytes = GB_SPAN(bytes.ptr + at, bytes.len - at);
    enum gb_err err = gb_inflate_zlib(s->raw, (size_t)len, bytes, &why);
    if (!err)
        *out = GB_SPAN(s->raw, (size_t)len);
    return err == GB_E_MEMORY ? gb_fail_memory(fail) : GB_OK;
}

enum gb_err
gb_odb_fetch(struct gb_ledger *l, const git_oid *oid, struct gb_span *out,
             struct gb_fail *fail)
{
    git_oid is;
    uint64_t at;
    *out = GB_SPAN(NULL, 0);
    struct gb_odb_pack *b = l->packed ? gb_odb_find(l->packed, oid, &at) : NULL;
    if (!b)
        return GB_OK;
    enum gb_err err =
        unpack(l->packed, gb_odb_look(l->packed, b, at), out, fail);
    if (err || !out->ptr)
        return err;
    gb_git_hash(&is, GIT_OBJECT_BLOB, *out);
    if (!git_oid_equal(&is, oid))
        *out = GB_SPAN(NULL, 0);
    return GB_OK;
}

/* ---------------------------------------------------------- delta bases -- */

static struct gb_odb_base *
find_base_of(struct gb_odb *s, const struct gb_odb_pack *b, uint64_t at)
{
    for (size_t i = 0; i < GB_ODB_BASES; i++)
        if (s->bases[i].pack == b && s->bases[i].at == at)
            return &s->bases[i];
    return NULL;
}

static void
forget(struct gb_odb_base *v)
{
    free(v->bytes);
    *v = (struct gb_odb_base){0};
}

/* A place for one of so many bytes: what was not used for longest goes, but
 * for the one that is needed now. */
static struct gb_odb_base *
make_room(struct gb_odb *s, const struct gb_odb_base *keep, size_t len)
{
    for (;;) {
        struct gb_odb_base *oldest = NULL, *none = NULL;
        size_t held = len;
        for (size_t i = 0; i < GB_ODB_BASES; i++) {
            struct gb_odb_base *v = &s->bases[i];
            held += v->len;
            if (!v->pack)
                none = v;
            else if (v != keep && (!oldest || v->used < oldest->used))
                oldest = v;
        }
        if (none && (held <= GB_ODB_KEPT || !oldest))
            return none;
        forget(oldest);
    }
}

/* One whose bytes are to be filled in; NULL: out of memory. */
static struct gb_odb_base *
add_base(struct gb_odb *s, const struct gb_odb_pack *b, uint64_t at,
         const struct gb_odb_base *keep, size_t len)
{
    struct gb_odb_base *v = make_room(s, keep, len);
    uint8_t *bytes = malloc(len + 1);
    if (!bytes)
        return NULL;
    *v = (struct gb_odb_base){
        .pack = b, .at = at, .used = ++s->clock, .bytes = bytes, .len = len};
    return v;
}

/* ----------------------------------------------------------- objects -- */

/* An object as it is packed. */
struct packed {
    unsigned type;
    size_t len;
    struct gb_span stream; /* and what follows it */
    uint64_t base;         /* where that begins, of a difference */
};

/* What it is a difference from; *rest moves behind that. */
static bool
find_base(const struct gb_odb_pack *b, struct gb_span bytes, uint64_t at,
          struct packed *p, size_t *rest)
{
    if (p->type == GB_PACKED_OFS) {
        uint64_t back = gb_packed_distance(bytes, rest);
        p->base = at - back;
        return back && back < at;
    }
    const uint8_t *name = bytes.ptr + *rest;
    *rest += GB_OID_BYTES;
    return *rest <= bytes.len && gb_odb_pack_find(b, name, &p->base);
}

/* False when it is odd: its stream is cut off where it is much longer than what
 * it stands for, too. */
static bool
parse(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at, struct packed *p)
{
    uint64_t len;
    size_t rest;
    struct gb_span bytes = gb_odb_take(s, b, at, HEAD);
    if (!gb_packed_head(bytes, &p->type, &len, &rest) ||
        len > GB_LEDGER_FILE_MAX)
        return false;
    bool difference = p->type == GB_PACKED_OFS || p->type == GB_PACKED_REF;
    if (difference ? !find_base(b, bytes, at, p, &rest)
                   : p->type < GIT_OBJECT_COMMIT || p->type > GIT_OBJECT_BLOB)
        return false;
    p->len = (size_t)len;
    size_t need = rest + p->len + p->len / 8 + HEAD / 2;
    if (bytes.len == HEAD && need > HEAD)
        bytes = gb_odb_take(s, b, at, need);
    if (bytes.len <= rest)
        return false;
    p->stream = GB_SPAN(bytes.ptr + rest, bytes.len - rest);
    return true;
}

/* A whole object; *out is NULL when it is odd. */
static enum gb_err
inflate_whole(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at,
              const struct packed *p, struct gb_odb_base **out,
              struct gb_fail *fail)
{
    struct gb_fail why;
    struct gb_odb_base *v = add_base(s, b, at, NULL, p->len);
    if (!v)
        return gb_fail_memory(fail);
    enum gb_err err = gb_inflate_zlib(v->bytes, v->len, p->stream, &why);
    v->type = (git_object_t)p->type;
    if (err)
        forget(v);
    else
        *out = v;
    return err == GB_E_MEMORY ? gb_fail_memory(fail) : GB_OK;
}

/* From an object, by what each is a difference from, to one that is whole or
 * kept: those on the way go into the chain.  *out is NULL when one is odd. */
static enum gb_err
descend(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at, size_t *depth,
        struct gb_odb_base **out, struct gb_fail *fail)
{
    struct packed p;
    for (*depth = 0; !(*out = find_base_of(s, b, at)); at = p.base) {
        if (*depth == GB_ODB_CHAIN) /* libgit2 would follow it for ever */
            return gb_fail_set(fail, GB_E_LEDGER,
                               "differences from each other, without end");
        if (!parse(s, b, at, &p))
            return gb_buf_check(&s->piece, "an object of a pack", fail);
        if (p.type <= GIT_OBJECT_BLOB)
            return inflate_whole(s, b, at, &p, out, fail);
        s->chain[(*depth)++] = at;
    }
    return GB_OK;
}

/* ------------------------------------------------------- differences -- */

/* A number of which bits say which bytes are there. */
static size_t
read_sparse(struct gb_reader *r, unsigned bits, unsigned n)
{
    size_t v = 0;
    for (unsigned i = 0; i < n; i++)
        if (bits & 1u << i)
            v |= (size_t)gb_read_u8(r) << 8 * i;
    return v;
}

/* Carry out what stands behind the lengths of a difference: whether it gives
 * just as many bytes. */
static bool
apply(struct gb_reader *r, struct gb_span base, uint8_t *to, size_t left)
{
    while (gb_read_left(r)) {
        unsigned bits = gb_read_u8(r);
        struct gb_span s;
        if (bits & 0x80) {
            size_t at = read_sparse(r, bits, 4);
            size_t len = read_sparse(r, bits >> 4, 3);
            len = len ? len : 0x10000;
            if (at > base.len || len > base.len - at)
                return false;
            s = GB_SPAN(base.ptr + at, len);
        } else {
            s = gb_read_bytes(r, bits);
        }
        if (!bits || r->bad || s.len > left)
            return false;
        memcpy(to, s.ptr, s.len);
        to += s.len;
        left -= s.len;
    }
    return !left;
}

/* The object that begins there, a difference from *v, which it becomes; NULL
 * when it is odd. */
static enum gb_err
ascend(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at,
       struct gb_odb_base **v, struct gb_fail *fail)
{
    struct packed p;
    struct gb_fail why;
    struct gb_odb_base *base = *v;
    *v = NULL;
    bool good = parse(s, b, at, &p);
    gb_buf_clear(&s->delta);
    uint8_t *to = good ? gb_buf_grow(&s->delta, p.len) : NULL;
    if (!to)
        return gb_buf_check(good ? &s->delta : &s->piece, "a difference", fail);
    enum gb_err err = gb_inflate_zlib(to, p.len, p.stream, &why);
    if (err)
        return err == GB_E_MEMORY ? gb_fail_memory(fail) : GB_OK;
    struct gb_reader r = gb_reader_of(gb_buf_view(&s->delta));
    uint64_t from = gb_read_varint(&r), len = gb_read_varint(&r);
    if (r.bad || from != base->len || len > GB_LEDGER_FILE_MAX)
        return GB_OK;
    struct gb_odb_base *made = add_base(s, b, at, base, (size_t)len);
    if (!made)
        return gb_fail_memory(fail);
    made->type = base->type;
    base->used = ++s->clock;
    if (apply(&r, GB_SPAN(base->bytes, base->len), made->bytes, made->len))
        *v = made;
    else
        forget(made);
    return GB_OK;
}

enum gb_err
gb_odb_read(struct gb_odb *s, const git_oid *oid, git_object_t *type,
            struct gb_span *out, struct gb_fail *fail)
{
    uint64_t at;
    size_t depth;
    struct gb_odb_base *v;
    *out = GB_SPAN(NULL, 0);
    struct gb_odb_pack *b = gb_odb_find(s, oid, &at);
    if (!b)
        return GB_OK;
    enum gb_err err = descend(s, b, at, &depth, &v, fail);
    while (!err && v && depth)
        err = ascend(s, b, s->chain[--depth], &v, fail);
    if (err || !v)
        return err;
    *type = v->type;
    *out = GB_SPAN(v->bytes, v->len);
    return GB_OK;
}

/* ----------------------------------------------------------- libgit2 -- */

struct backend {
    git_odb_backend parent;
    struct gb_odb *packed;
};

/* An object, or what libgit2 says when it shall ask another. */
static int
look_up(git_odb_backend *b, const git_oid *oid, git_object_t *type,
        struct gb_span *out)
{
    struct gb_fail why;
    struct gb_odb *s = ((struct backend *)(void *)b)->packed;
    enum gb_err err = gb_odb_read(s, oid, type, out, &why);
    if (err == GB_E_MEMORY)
        git_error_set_oom();
    else if (err)
        git_error_set_str(GIT_ERROR_ODB, why.text);
    if (err)
        return -1;
    return out->ptr ? 0 : GIT_ENOTFOUND;
}

static int
read_header(size_t *len, git_object_t *type, git_odb_backend *b,
            const git_oid *oid)
{
    struct gb_span bytes;
    int rc = look_up(b, oid, type, &bytes);
    *len = bytes.len;
    return rc;
}

static int
read_object(void **data, size_t *len, git_object_t *type, git_odb_backend *b,
            const git_oid *oid)
{
    struct gb_span bytes;
    int rc = look_up(b, oid, type, &bytes);
    if (rc)
        return rc;
    *len = bytes.len;
    *data = git_odb_backend_data_alloc(b, bytes.len + 1);
    if (!*data)
        return -1;
    memcpy(*data, bytes.ptr, bytes.len);
    return 0;
}

static void
free_backend(git_odb_backend *b)
{
    free(b);
}

int
gb_odb_add(git_odb *odb, struct gb_odb *s, int priority)
{
    struct backend *b = calloc(1, sizeof *b);
    if (!b) {
        git_error_set_oom();
        return -1;
    }
    git_odb_init_backend(&b->parent, GIT_ODB_BACKEND_VERSION);
    b->parent.read = read_object;
    b->parent.read_header = read_header;
    b->parent.free = free_backend;
    b->packed = s;
    return gb_git_add(odb, &b->parent, priority);
}
