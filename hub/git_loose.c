/*
 * git_loose.c - objects that lie in files of their own, as `git fetch` leaves
 * them in an auditor's copy (a hub writes packs only); see audit_private.h.
 *
 * libgit2 1.5 reads a loose object that ends too early for ever: its loop has
 * no case for input that is used up, and waits for ever at a FIFO.  So each is
 * inflated here once, to the length that its header names, before libgit2 may.
 *
 *   zlib (RFC 1950): 2 bytes, a deflate stream, 4 bytes of Adler-32
 *   the stream:      "blob 123", NUL, the object's bytes
 */
#include "git_ledger.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/deflate.h"
#include "hub/audit_private.h"

#define RAW_MAX ((size_t)GB_LEDGER_FILE_MAX + 64)

struct loose {
    const struct gb_ledger *l;
    git_odb *odb; /* of loose objects alone */
    struct gb_buf file, raw;
    enum gb_err err;
    struct gb_fail *fail;
};

/* The file's bytes are a zlib stream of this type and length. */
static enum gb_err
check_stream(struct loose *o, git_object_t type, size_t len)
{
    char start[64];
    const uint8_t *p = o->file.ptr;
    int n = snprintf(start, sizeof start, "%s %zu",
                     git_object_type2string(type), len);
    size_t raw = (size_t)n + 1 + len;
    if (o->file.len < 6 || (p[0] & 15) != 8 || (p[1] & 32) ||
        (p[0] * 256 + p[1]) % 31)
        return gb_fail_set(o->fail, GB_E_FORMAT, "not a zlib stream");
    gb_buf_clear(&o->raw);
    uint8_t *to = gb_buf_grow(&o->raw, raw);
    if (!to)
        return gb_buf_check(&o->raw, "object", o->fail);
    struct gb_span none = {NULL, 0}, deflated = GB_SPAN(p + 2, o->file.len - 6);
    enum gb_err e = gb_inflate(to, raw, deflated, none, o->fail);
    if (!e && memcmp(to, start, (size_t)n + 1))
        e = gb_fail_set(o->fail, GB_E_FORMAT, "two headers");
    return e;
}

static enum gb_err
check_object(struct loose *o, const git_oid *oid)
{
    char hex[GIT_OID_HEXSZ + 1], path[GB_FILE_PATH_MAX + sizeof hex + 2];
    size_t len;
    git_object_t type;
    struct stat st;
    struct gb_fail *fail = o->fail;
    git_oid_tostr(hex, sizeof hex, oid);
    snprintf(path, sizeof path, "%s%.2s/%s", o->l->objects, hex, hex + 2);
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return gb_fail_set(fail, GB_E_LEDGER, "object %s is damaged", hex);
    if (git_odb_read_header(&len, &type, o->odb, oid) < 0)
        return gb_git_fail(fail, GB_E_LEDGER, "object %s", hex);
    if (len > GB_LEDGER_FILE_MAX)
        return GB_OK; /* refused by its header whenever it is read */
    gb_buf_clear(&o->file);
    enum gb_err e = gb_file_read(path, &o->file, fail);
    if (!e)
        e = check_stream(o, type, len);
    if (e == GB_E_FORMAT || e == GB_E_LIMIT)
        return gb_fail_set(fail, GB_E_LEDGER, "object %s is damaged", hex);
    return e;
}

/* A git_odb_foreach_cb. */
static int
visit(const git_oid *oid, void *context)
{
    struct loose *o = context;
    o->err = check_object(o, oid);
    return o->err ? -1 : 0;
}

enum gb_err
gb_ledger_verify_loose(struct gb_ledger *l, struct gb_fail *fail)
{
    struct loose o = {.l = l, .fail = fail};
    git_odb_backend *backend = NULL;
    gb_buf_init(&o.file, RAW_MAX + RAW_MAX / 8);
    gb_buf_init(&o.raw, RAW_MAX);
    if (git_odb_new(&o.odb) < 0 ||
        git_odb_backend_loose(&backend, l->objects, -1, 0, 0, 0) < 0 ||
        gb_git_add(o.odb, backend, 1) < 0)
        o.err = gb_git_fail(fail, GB_E_LEDGER, "%s", l->objects);
    else if (git_odb_foreach(o.odb, visit, &o) < 0 && !o.err)
        o.err = gb_git_fail(fail, GB_E_LEDGER, "%s", l->objects);
    git_odb_free(o.odb);
    gb_buf_release(&o.file);
    gb_buf_release(&o.raw);
    return o.err;
}
