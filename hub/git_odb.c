/* git_odb.c - packs and looks into their indexes; see git_odb.h */
#include "git_odb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 128 /* of an index, read at once */

/* ----------------------------------------------------------- opening -- */

void
gb_odb_free(struct gb_odb *s)
{
    if (!s)
        return;
    while (s->count) {
        const struct gb_odb_pack *b = &s->packs[--s->count];
        close(b->idx);
        if (b->pack >= 0)
            close(b->pack);
    }
    for (size_t i = 0; i < GB_ODB_BASES; i++)
        free(s->bases[i].bytes);
    gb_buf_release(&s->piece);
    gb_buf_release(&s->delta);
    free(s->packs);
    free(s);
}

/* Check an index and take up its pack; one that is merged away meanwhile, or
 * cannot be opened once more, is left to libgit2. */
static enum gb_err
add(struct gb_odb *s, const struct gb_pack *p, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_idx idx;
    struct gb_odb_pack *b = &s->packs[s->count];
    enum gb_err err = gb_idx_open(&idx, s->l, p->name, fail);
    if (err)
        return err == GB_E_MISSING ? GB_OK : err;
    gb_idx_fanout(&idx, b->fanout);
    gb_idx_close(&idx);
    gb_git_join(path, s->l->packs, p->name, ".idx");
    memcpy(b->name, p->name, sizeof b->name);
    b->idx = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    b->pack = -1;
    s->count += b->idx >= 0;
    return GB_OK;
}

enum gb_err
gb_odb_open(struct gb_odb **out, const struct gb_ledger *l, const char *only,
            struct gb_fail *fail)
{
    struct gb_packs packs = {0};
    struct gb_odb *s = *out = calloc(1, sizeof *s);
    if (!s)
        return gb_fail_memory(fail);
    s->l = l;
    gb_buf_init(&s->piece, 2 * (size_t)GB_LEDGER_FILE_MAX);
    gb_buf_init(&s->delta, GB_LEDGER_FILE_MAX);
    enum gb_err err = gb_packs_list(&packs, l, fail);
    if (!err && !(s->packs = calloc(packs.count + 1, sizeof *s->packs)))
        err = gb_fail_memory(fail);
    for (size_t i = 0; !err && i < packs.count; i++)
        if (!only || !strcmp(only, packs.list[i].name))
            err = add(s, &packs.list[i], fail);
    gb_packs_release(&packs);
    if (err) {
        gb_odb_free(s);
        *out = NULL;
    }
    return err;
}

/* ----------------------------------------------------------- finding -- */

static int
by_name(const void *a, const void *b)
{
    return memcmp(a, b, GB_OID_BYTES);
}

/* The row of a name.  Names are hashes, so its first bytes say about where it
 * stands; elsewhere the rows are halved. */
static bool
find_row(const struct gb_odb_pack *b, const uint8_t oid[GB_OID_BYTES],
         size_t *row)
{
    uint8_t rows[ROWS][GB_OID_BYTES];
    size_t low = oid[0] ? b->fanout[oid[0] - 1] : 0, high = b->fanout[oid[0]];
    size_t mid = low + (high - low) * (oid[1] * 256u + oid[2]) / 65536;
    for (; low < high; mid = low + (high - low) / 2) {
        size_t from = mid - low < ROWS / 2 ? low : mid - ROWS / 2;
        size_t n = high - from < ROWS ? high - from : ROWS;
        if (!gb_idx_names(b->idx, from, n, rows))
            return false;
        if (memcmp(oid, rows[0], GB_OID_BYTES) < 0) {
            high = from;
        } else if (memcmp(oid, rows[n - 1], GB_OID_BYTES) > 0) {
            low = from + n;
        } else {
            const void *found = bsearch(oid, rows, n, GB_OID_BYTES, by_name);
            if (found)
                *row = from + (size_t)((const uint8_t *)found - rows[0]) /
                                  GB_OID_BYTES;
            return found != NULL;
        }
    }
    return false;
}

bool
gb_odb_pack_find(const struct gb_odb_pack *b, const uint8_t oid[GB_OID_BYTES],
                 uint64_t *at)
{
    size_t row;
    return find_row(b, oid, &row) &&
           gb_idx_place(b->idx, b->fanout[255], row, at);
}

struct gb_odb_pack *
gb_odb_find(struct gb_odb *s, const git_oid *oid, uint64_t *at)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t k = (s->latest + i) % s->count;
        if (!gb_odb_pack_find(&s->packs[k], oid->id, at))
            continue;
        s->latest = k;
        return &s->packs[k];
    }
    return NULL;
}

/* ----------------------------------------------------------- reading -- */

/* Bytes of a pack, which is opened when it is wanted first. */
static size_t
read_pack(const struct gb_odb *s, struct gb_odb_pack *b, uint64_t at, void *to,
          size_t len)
{
    char path[GB_FILE_PATH_MAX];
    if (b->pack < 0 && !b->gone) {
        gb_git_join(path, s->l->packs, b->name, ".pack");
        b->pack = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        b->gone = b->pack < 0;
    }
    ssize_t n = b->gone ? 0 : pread(b->pack, to, len, (off_t)at);
    return n > 0 ? (size_t)n : 0;
}

struct gb_span
gb_odb_take(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at, size_t want)
{
    if (s->open == b && at >= s->at && at + want <= s->at + s->len)
        return GB_SPAN(s->window + (at - s->at), want);
    gb_buf_clear(&s->piece);
    uint8_t *to = gb_buf_grow(&s->piece, want);
    return GB_SPAN(to, to ? read_pack(s, b, at, to, want) : 0);
}

/* A batch may be asked for in either direction. */
struct gb_span
gb_odb_look(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at)
{
    if (s->open != b || at < s->at || at + 2 * GB_ODB_SMALL > s->at + s->len) {
        s->open = b;
        s->at = at > GB_ODB_WINDOW / 2 ? at - GB_ODB_WINDOW / 2 : 0;
        s->len = read_pack(s, b, s->at, s->window, GB_ODB_WINDOW);
    }
    if (at - s->at >= s->len)
        return GB_SPAN(NULL, 0);
    return GB_SPAN(s->window + (at - s->at), s->len - (size_t)(at - s->at));
}
