/*
 * git_whole.c - see ledger.h: whether packs are lost.
 *
 * A batch's pack has all that its commit adds, so no pack can be lost without
 * the commits in it.  Indexes are asked and not libgit2, which goes on reading
 * a pack that it has open after its file is gone.
 */
#include "git_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The indexes of the packs that are there. */
struct indexes {
    const struct gb_ledger *l;
    struct gb_idx *list;
    size_t count;
};

static int
by_name(const void *a, const void *b)
{
    const struct gb_pack *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum gb_err
gb_ledger_pack_names(struct gb_ledger *l, struct gb_buf *out,
                     struct gb_fail *fail)
{
    struct gb_packs packs;
    if (l->store)
        return GB_OK;
    enum gb_err err = gb_packs_list(&packs, l, fail);
    if (packs.count)
        qsort(packs.list, packs.count, sizeof *packs.list, by_name);
    for (size_t i = 0; i < packs.count; i++)
        gb_buf_printf(out, "%s\n", packs.list[i].name);
    gb_packs_release(&packs);
    return err ? err : gb_buf_check(out, "the names of the packs", fail);
}

/* Whether an object is there: the latest found is asked first, as commits of
 * one time lie in one pack. */
static bool
has(struct indexes *s, const struct gb_oid *oid)
{
    char hex[2 * GB_OID_BYTES + 1], name[2 * GB_OID_BYTES + 2];
    char path[GB_FILE_PATH_MAX];
    for (size_t i = 0; i < s->count; i++) {
        struct gb_idx found = s->list[i];
        if (!gb_idx_has(&found, oid->bytes))
            continue;
        s->list[i] = s->list[0];
        s->list[0] = found;
        return true;
    }
    /* loose, as some tools of git leave it */
    gb_hex_encode(hex, oid->bytes, sizeof oid->bytes);
    snprintf(name, sizeof name, "%.2s/%s", hex, hex + 2);
    gb_git_join(path, s->l->objects, name, "");
    return !access(path, F_OK);
}

static enum gb_err
open_indexes(struct indexes *s, struct gb_fail *fail)
{
    struct gb_packs packs;
    enum gb_err err = gb_packs_list(&packs, s->l, fail);
    if (!err && !(s->list = calloc(packs.count + 1, sizeof *s->list)))
        err = gb_fail_memory(fail);
    for (size_t i = 0; !err && i < packs.count; i++) {
        err = gb_idx_open(&s->list[s->count], s->l, packs.list[i].name, fail);
        s->count += !err;
    }
    gb_packs_release(&packs);
    return err;
}

enum gb_err
gb_ledger_whole(struct gb_ledger *l, bool *yes, struct gb_fail *fail)
{
    struct indexes s = {.l = l};
    struct gb_ledger_log log = {0};
    enum gb_err err = l->store ? GB_OK : open_indexes(&s, fail);
    if (!err)
        err = gb_ledger_log(l, NULL, &log, fail);
    *yes = !err;
    for (size_t i = log.count; *yes && !l->store && i > 0; i--)
        *yes = has(&s, &log.commits[i - 1]);
    gb_ledger_log_release(&log);
    while (s.count)
        gb_idx_close(&s.list[--s.count]);
    free(s.list);
    return err;
}
