/*
 * audit_files.c - what a commit may change: it adds the files of its batch,
 * and the files of signers and schemas become what the state makes them.
 *
 * The second is shown by induction, so that no tree is ever read as a whole:
 * the tree before was right, and the changes must be exactly the difference
 * between what it had and what it must have now.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/audit_private.h"
#include "hub/tree_files.h"

#define BLAME_MAX 4096 /* lines of a batch that are looked at one by one */

/* --------------------------------------------------------------- lists -- */

static int
by_path(const void *a, const void *b)
{
    const struct gb_audit_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void
sort(struct gb_audit_files *files)
{
    if (files->n)
        qsort(files->list, files->n, sizeof *files->list, by_path);
}

/* -------------------------------------------------- files of the batch -- */

/* Something of the commit cannot be read: the first set that this concerns,
 * if it is a set. */
static void
blame(struct gb_audit *a, const struct gb_oid *oid)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_buf text, bytes;
    struct gb_fail ignored = {0};
    struct gb_ledger_name name = {.kind = GB_LEDGER_BATCH,
                                  .position = a->in.message.first};
    gb_ledger_name_write(path, &name, a->in.commit.time_s);
    gb_buf_init(&text, GB_LEDGER_FILE_MAX);
    gb_buf_init(&bytes, GB_LEDGER_FILE_MAX);
    bool known = !gb_ledger_read_at(a->ledger, oid, path, &text, &ignored);
    a->in.batch.lines = gb_buf_view(&text);
    known = known && !gb_audit_batch(a, &ignored) && a->nlines <= BLAME_MAX;
    gb_audit_at(a, a->in.message.first, a->in.message.head.size);
    for (size_t i = 0; known && i < 2 * a->nlines; i++) {
        gb_buf_clear(&bytes);
        gb_audit_name(a, i / 2, i % 2, path);
        if (gb_ledger_read_at(a->ledger, oid, path, &bytes, &ignored)) {
            gb_audit_at(a, a->in.message.first + i / 2, 0);
            break;
        }
    }
    gb_buf_release(&bytes);
    gb_buf_release(&text);
    a->in.batch.lines = GB_SPAN(NULL, 0);
    gb_audit_batch_release(a);
}

enum gb_err
gb_audit_changes(struct gb_audit *a, const struct gb_oid *oid,
                 struct gb_fail *fail)
{
    uint64_t first = a->in.message.first, last = a->in.message.head.size;
    gb_audit_at(a, first, last);
    if (a->in.upto != GB_AUDIT_READ_ALL) {
        if (a->in.position)
            gb_audit_at(a, a->in.position, 0);
        else if (last > first)
            blame(a, oid);
        *fail = a->in.fail;
        return fail->code;
    }
    sort(&a->in.changed);
    return a->in.batch.lines.len
               ? GB_OK
               : gb_fail_set(fail, GB_E_LEDGER,
                             "it adds no batch, or an empty one");
}

/* The k-th file of a set: it must belong to a line of this batch. */
static enum gb_err
check_name(struct gb_audit *a, size_t k, struct gb_fail *fail)
{
    char expect[GB_LEDGER_NAME_MAX];
    const struct gb_ledger_name *name = &a->in.names[k];
    const char *path = a->in.batch.files[k].path;
    uint64_t first = a->in.message.first;
    bool signature = name->kind == GB_LEDGER_SIGNATURE;
    if (name->position < first || name->position - first >= a->nlines) {
        gb_audit_at(a, first, a->in.message.head.size);
        return gb_fail_set(fail, GB_E_LEDGER,
                           "it adds set %u of device %d at position %llu, "
                           "which is not in its batch",
                           name->seq, name->device,
                           (unsigned long long)name->position);
    }
    size_t i = (size_t)(name->position - first);
    gb_audit_at(a, name->position, 0);
    gb_audit_name(a, i, signature, expect);
    if (strcmp(path, expect))
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: its name or its folder is not what its line "
                           "wants, %s",
                           path, expect);
    a->lines[i].signature |= signature;
    a->lines[i].set |= !signature;
    return GB_OK;
}

enum gb_err
gb_audit_names(struct gb_audit *a, struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < a->in.nnames && !e; i++)
        e = check_name(a, i, fail);
    for (size_t i = 0; i < a->nlines && !e; i++) {
        if (a->lines[i].set && a->lines[i].signature)
            continue;
        gb_audit_at(a, a->in.message.first + i, 0);
        gb_audit_name(a, i, a->lines[i].set, path);
        e = gb_fail_set(fail, GB_E_LEDGER, "%s is missing", path);
    }
    if (!e)
        gb_audit_at(a, a->in.message.first, a->in.message.head.size);
    return e;
}

/* ----------------------------------------------------- all other files -- */

/* A gb_tree_file_fn. */
static enum gb_err
take_wanted(void *context, const char *path, struct gb_span bytes,
            struct gb_fail *fail)
{
    return gb_audit_files_add(context, path, bytes, 'A', fail);
}

/* The entry of a list that begins with this path, or NULL; *i moves on. */
static const struct gb_audit_file *
at_path(const struct gb_audit_files *files, size_t *i, const char *path)
{
    if (*i == files->n || strcmp(files->list[*i].path, path))
        return NULL;
    return &files->list[(*i)++];
}

/* The least path that the three lists have next; NULL at their end. */
static const char *
least(const struct gb_audit_files *const lists[3], const size_t at[3])
{
    const char *path = NULL;
    for (int k = 0; k < 3; k++)
        if (at[k] < lists[k]->n &&
            (!path || strcmp(lists[k]->list[at[k]].path, path) < 0))
            path = lists[k]->list[at[k]].path;
    return path;
}

/* A file as it was, as it must be, and what the commit did to it; each may be
 * NULL.  None that must be ceases to be so: schemas stay. */
static enum gb_err
compare(const char *path, const struct gb_audit_file *was,
        const struct gb_audit_file *must, const struct gb_audit_file *change,
        struct gb_fail *fail)
{
    char want = 0;
    if (must && !was)
        want = 'A';
    else if (must && !gb_sha256_equal(&was->sha, &must->sha))
        want = 'M';
    char got = change ? change->kind : 0;
    if (!want && got)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: nothing in the log gives reason for this file "
                           "to be %s",
                           path, got == 'D' ? "removed" : "as it is");
    if (want != got)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: is not there, or not changed, as the log "
                           "demands",
                           path);
    if (want && !gb_sha256_equal(&must->sha, &change->sha))
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: does not say what follows from the log", path);
    return GB_OK;
}

/* Only the hub's own sets change such files. */
static bool
tree_may_change(const struct gb_audit *a)
{
    bool hub = a->in.changed.n > 0;
    for (size_t i = 0; i < a->nlines; i++)
        hub |= a->read[i].device == 0;
    return hub;
}

enum gb_err
gb_audit_tree(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_audit_files now = {0};
    const char *path;
    if (!tree_may_change(a))
        return GB_OK;
    enum gb_err e = gb_audit_files_add(
        &now, ".gitattributes", gb_span_text(GB_LEDGER_ATTRIBUTES), 'A', fail);
    if (!e)
        e = gb_tree_files(a->state, take_wanted, &now, fail);
    sort(&now);
    const struct gb_audit_files *lists[3] = {&a->tree, &now, &a->in.changed};
    size_t at[3] = {0};
    while (!e && (path = least(lists, at))) {
        const struct gb_audit_file *f[3];
        for (int k = 0; k < 3; k++)
            f[k] = at_path(lists[k], &at[k], path);
        e = compare(path, f[0], f[1], f[2], fail);
    }
    gb_audit_files_clear(&a->tree);
    a->tree = now; /* transferred */
    return e;
}
