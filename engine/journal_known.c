/* journal_known.c - what of a copy's work the hub has, by its origin; see
 * journal_delta.h */
#include <stdlib.h>
#include <string.h>

#include "journal_delta.h"

static int
compare_origins(const struct gb_origin *a, const struct gb_origin *b)
{
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->stamp != b->stamp)
        return a->stamp < b->stamp ? -1 : 1;
    if (a->mono_ms != b->mono_ms)
        return a->mono_ms < b->mono_ms ? -1 : 1;
    return memcmp(a->boot, b->boot, sizeof a->boot);
}

static int
by_origin(const void *a, const void *b)
{
    const struct gb_known *x = a, *y = b;
    return compare_origins(&x->origin, &y->origin);
}

enum gb_err
gb_journal_known_load(struct gb_journal *j, struct gb_journal_known *out,
                      struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    struct gb_buf list;
    *out = (struct gb_journal_known){0};
    gb_buf_init(&list, GB_ARENA_MAX);
    enum gb_err e = gb_db_prepare(j->db, "SELECT body FROM _known", &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_reader in = gb_reader_of(gb_db_blob(s, 0));
        struct gb_known k;
        memset(&k, 0, sizeof k);
        k = gb_known_read(&in);
        if (!gb_read_done(&in))
            e = gb_fail_set(fail, GB_E_FORMAT,
                            "what the hub has of the copy is damaged");
        gb_buf_add(&list, &k, sizeof k);
    }
    sqlite3_finalize(s);
    if (!e)
        e = gb_buf_check(&list, "what the hub has of the copy", fail);
    if (!e) {
        out->of = (struct gb_known *)(void *)list.ptr; /* transferred */
        out->n = list.len / sizeof *out->of;
        list.ptr = NULL;
    }
    gb_buf_release(&list);
    if (out->n)
        qsort(out->of, out->n, sizeof *out->of, by_origin);
    return e;
}

const struct gb_known *
gb_journal_known_find(const struct gb_journal_known *known,
                      const struct gb_origin *origin)
{
    struct gb_known key = {.origin = *origin};
    return known->n ? bsearch(&key, known->of, known->n, sizeof key, by_origin)
                    : NULL;
}

void
gb_journal_known_release(struct gb_journal_known *known)
{
    free(known->of);
    *known = (struct gb_journal_known){0};
}
