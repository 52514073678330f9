/*
 * git_tree.c - folders as git stores them: for each entry, in order,
 *
 *   "100644" or "40000", SP, name, NUL, 20 bytes of its object's name
 *
 * Only plain files and folders stand in a ledger; anything else is refused.
 */
#include "git_ledger.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_SMALLEST (5 + 1 + 1 + 1 + GB_OID_BYTES)

/* ------------------------------------------------------------- names -- */

/* Whether a name of a file or folder may stand in a ledger. */
static bool
name_good(struct gb_span name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (gb_span_equal(name, gb_span_text(".gitattributes")))
        return true;
    /* No leading dot: no "..", no ".git" in any of its disguises. */
    if (!name.len || name.len > GB_LEDGER_PATH_MAX || name.ptr[0] == '.' ||
        !gb_utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x80 && !memchr(plain, name.ptr[i], strlen(plain)))
            return false;
    return true;
}

bool
gb_tree_path_good(const char *path)
{
    unsigned depth = 0;
    if (strlen(path) > GB_LEDGER_PATH_MAX)
        return false;
    for (const char *slash;; path = slash + 1) {
        slash = strchrnul(path, '/');
        if (++depth > GB_LEDGER_DEPTH_MAX ||
            !name_good(GB_SPAN(path, (size_t)(slash - path))))
            return false;
        if (!*slash)
            return true;
    }
}

/* ------------------------------------------------------------- order -- */

int
gb_entry_compare(const struct gb_entry *a, const struct gb_entry *b)
{
    size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = n ? memcmp(a->name.ptr, b->name.ptr, n) : 0;
    if (order)
        return order;
    int x = a->name.len > n ? a->name.ptr[n] : a->folder ? '/' : 0;
    int y = b->name.len > n ? b->name.ptr[n] : b->folder ? '/' : 0;
    return x - y;
}

const struct gb_entry *
gb_tree_find(const struct gb_tree *t, struct gb_span name, bool folder)
{
    struct gb_entry key = {.name = name, .folder = folder};
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = gb_entry_compare(&key, &t->entries[mid]);
        if (!order)
            return &t->entries[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* -------------------------------------------------- reading, writing -- */

/* Read past these words; false when something else stands there. */
static bool
skip(struct gb_reader *r, const char *words)
{
    size_t n = strlen(words);
    if (gb_read_left(r) < n || memcmp(r->ptr, words, n) != 0)
        return false;
    gb_read_bytes(r, n);
    return true;
}

/* One entry; false when it is not as we write them. */
static bool
read_entry(struct gb_reader *r, struct gb_entry *e)
{
    e->folder = skip(r, "40000 ");
    if (!e->folder && !skip(r, "100644 "))
        return false;
    const uint8_t *nul = memchr(r->ptr, 0, gb_read_left(r));
    if (!nul)
        return false;
    e->name = gb_read_bytes(r, (uint64_t)(nul - r->ptr));
    gb_read_u8(r);
    struct gb_span oid = gb_read_bytes(r, GB_OID_BYTES);
    if (r->bad || !name_good(e->name))
        return false;
    memcpy(e->oid.id, oid.ptr, GB_OID_BYTES);
    return true;
}

/* How many bytes two texts begin with alike. */
static size_t
alike(struct gb_span a, struct gb_span b)
{
    const size_t step = 512;
    size_t n = a.len < b.len ? a.len : b.len, i = 0;
    while (n - i >= step && !memcmp(a.ptr + i, b.ptr + i, step))
        i += step;
    while (i < n && a.ptr[i] == b.ptr[i])
        i++;
    return i;
}

/* Take over the entries with which both folders begin, byte by byte; returns
 * how many bytes they are. */
static size_t
copy_entries(struct gb_tree *t, const struct gb_tree *like,
             struct gb_span bytes)
{
    if (!like || !like->count)
        return 0;
    struct gb_span old = gb_git_bytes(like->object);
    size_t same = alike(old, bytes), end = 0;
    for (; t->count < like->count; t->count++) {
        struct gb_entry *e = &t->entries[t->count];
        *e = like->entries[t->count];
        size_t at = (size_t)(e->name.ptr - old.ptr);
        if (at + e->name.len + 1 + GB_OID_BYTES > same)
            break;
        e->name.ptr = bytes.ptr + at;
        end = at + e->name.len + 1 + GB_OID_BYTES;
    }
    return end;
}

/* All entries of a folder, in strict order. */
static bool
read_entries(struct gb_tree *t, const struct gb_tree *like,
             struct gb_span bytes)
{
    size_t done = copy_entries(t, like, bytes);
    struct gb_reader r =
        gb_reader_of(GB_SPAN(bytes.ptr + done, bytes.len - done));
    size_t room = bytes.len / ENTRY_SMALLEST;
    t->alike = t->count;
    while (!gb_read_done(&r)) {
        struct gb_entry *e = &t->entries[t->count];
        if (t->count == room || !read_entry(&r, e))
            return false;
        if (t->count && gb_entry_compare(e - 1, e) >= 0)
            return false;
        t->count++;
    }
    /* "a" may not be both a file and a folder. */
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].folder && gb_tree_find(t, t->entries[i].name, false))
            return false;
    return t->count > 0;
}

enum gb_err
gb_tree_read(struct gb_tree *out, struct gb_ledger *l, const git_oid *oid,
             const struct gb_tree *like, struct gb_fail *fail)
{
    *out = (struct gb_tree){0};
    if (git_oid_is_zero(oid))
        return GB_OK;
    enum gb_err err = gb_git_object(&out->object, l, oid, GIT_OBJECT_TREE,
                                    GB_LEDGER_FILE_MAX, fail);
    if (err)
        return err;
    struct gb_span bytes = gb_git_bytes(out->object);
    size_t room = bytes.len / ENTRY_SMALLEST;
    out->entries = calloc(room + 1, sizeof *out->entries);
    if (!out->entries)
        err = gb_fail_memory(fail);
    else if (!read_entries(out, like, bytes))
        err = gb_fail_set(fail, GB_E_LEDGER,
                          "folder %s holds something that no hub writes",
                          git_oid_tostr_s(oid));
    if (err)
        gb_tree_release(out);
    return err;
}

void
gb_tree_release(struct gb_tree *t)
{
    git_odb_object_free(t->object);
    free(t->entries);
    *t = (struct gb_tree){0};
}

void
gb_tree_write(struct gb_buf *out, const struct gb_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gb_buf_text(out, entries[i].folder ? "40000 " : "100644 ");
        gb_buf_span(out, entries[i].name);
        gb_buf_u8(out, 0);
        gb_buf_add(out, entries[i].oid.id, GB_OID_BYTES);
    }
}
