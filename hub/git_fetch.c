/*
 * git_fetch.c - small files out of packs without libgit2, for a reader who
 * wants many: a look into an index, and bytes that mostly were read with those
 * before, as a batch's files lie beside each other.
 *
 * What is not there, large, a difference, or in any way odd is left to libgit2;
 * and what is found is believed after its hash only, as all that is read.
 */
#include "git_ledger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/deflate.h"

#define WINDOW 131072
#define SMALL 16384 /* bytes of a file, and room for it in the window */

struct gb_shelf {
    struct book {
        struct gb_idx idx;
        int fd;
    } * books;
    size_t count, latest;
    const struct book *open; /* whose bytes are in the window, */
    uint64_t at;             /* from here on */
    size_t len;
    uint8_t window[WINDOW], raw[SMALL];
};

void
gb_shelf_free(struct gb_shelf *s)
{
    if (!s)
        return;
    while (s->count) {
        struct book *b = &s->books[--s->count];
        gb_idx_close(&b->idx);
        close(b->fd);
    }
    free(s->books);
    free(s);
}

/* Take up a pack; one that cannot be opened is left to libgit2. */
static void
add(struct gb_shelf *s, const struct gb_ledger *l, const char *name)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_fail ignored;
    struct book *b = &s->books[s->count];
    gb_git_join(path, l->packs, name, ".pack");
    if (gb_idx_open(&b->idx, l, name, &ignored))
        return;
    b->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0) {
        gb_idx_close(&b->idx);
        return;
    }
    /* It was all looked at once: do not count it as memory in use. */
    madvise((void *)(uintptr_t)b->idx.map, b->idx.len, MADV_DONTNEED);
    s->count++;
}

static enum gb_err
fill(struct gb_ledger *l, struct gb_fail *fail)
{
    struct gb_packs packs;
    struct gb_shelf *s = l->shelf = calloc(1, sizeof *s);
    if (!s)
        return gb_fail_memory(fail);
    struct gb_fail why;
    enum gb_err err = gb_packs_list(&packs, l, &why);
    if (err == GB_E_MEMORY)
        return gb_fail_memory(fail);
    s->books = calloc(packs.count + 1, sizeof *s->books);
    for (size_t i = 0; s->books && i < packs.count; i++)
        add(s, l, packs.list[i].name);
    gb_packs_release(&packs);
    return s->books ? GB_OK : gb_fail_memory(fail);
}

/* What the window has from this place on, 2 * SMALL bytes unless the pack ends.
 * A batch may be asked for in either direction. */
static struct gb_span
look(struct gb_shelf *s, const struct book *b, uint64_t at)
{
    if (s->open != b || at < s->at || at + 2 * SMALL > s->at + s->len) {
        s->open = b;
        s->at = at > WINDOW / 2 ? at - WINDOW / 2 : 0;
        ssize_t n = pread(b->fd, s->window, WINDOW, (off_t)s->at);
        s->len = n > 0 ? (size_t)n : 0;
    }
    if (at - s->at >= s->len)
        return GB_SPAN(NULL, 0);
    return GB_SPAN(s->window + (at - s->at), s->len - (size_t)(at - s->at));
}

/* Unpack what begins there, when it is such a file. */
static enum gb_err
unpack(struct gb_shelf *s, struct gb_span bytes, struct gb_span *out,
       struct gb_fail *fail)
{
    unsigned type;
    uint64_t len;
    size_t at;
    struct gb_fail why;
    if (!gb_packed_head(bytes, &type, &len, &at) || type != GIT_OBJECT_BLOB ||
        len > SMALL)
        return GB_OK;
    bytes = GB_SPAN(bytes.ptr + at, bytes.len - at);
    enum gb_err err = gb_inflate_zlib(s->raw, (size_t)len, bytes, &why);
    if (!err)
        *out = GB_SPAN(s->raw, (size_t)len);
    return err == GB_E_MEMORY ? gb_fail_memory(fail) : GB_OK;
}

enum gb_err
gb_shelf_fetch(struct gb_ledger *l, const git_oid *oid, struct gb_span *out,
               struct gb_fail *fail)
{
    git_oid is;
    size_t row;
    *out = GB_SPAN(NULL, 0);
    enum gb_err err = l->shelf || l->write ? GB_OK : fill(l, fail);
    struct gb_shelf *s = l->shelf;
    for (size_t i = 0; !err && s && i < s->count; i++) {
        size_t k = (s->latest + i) % s->count;
        const struct book *b = &s->books[k];
        if (!gb_idx_find(&b->idx, oid->id, &row))
            continue;
        s->latest = k;
        err = unpack(s, look(s, b, gb_idx_at(&b->idx, row)), out, fail);
        break;
    }
    if (err || !out->ptr)
        return err;
    gb_git_hash(&is, GIT_OBJECT_BLOB, *out);
    if (!git_oid_equal(&is, oid))
        *out = GB_SPAN(NULL, 0);
    return GB_OK;
}
