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

/* ---------------------------------------------------------------- lists -- */

void
gb_audit_files_clear(struct gb_audit_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i].path);
    free(files->list);
    *files = (struct gb_audit_files){0};
}

static enum gb_err
add(struct gb_audit_files *files, const char *path, struct gb_span bytes,
    char kind, struct gb_fail *fail)
{
    if (files->n == files->room) {
        size_t room = 2 * files->room + 64;
        struct gb_audit_file *list =
            realloc(files->list, room * sizeof *files->list);
        if (list) {
            files->list = list;
            files->room = room;
        }
    }
    char *copy = files->n < files->room ? strdup(path) : NULL;
    if (!copy)
        return gb_fail_memory(fail);
    files->list[files->n++] =
        (struct gb_audit_file){copy, gb_sha256(bytes), kind};
    return GB_OK;
}

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

/* ---------------------------------------------------- files of the batch -- */

static enum gb_err
take_batch(struct gb_audit *a, const struct gb_ledger_name *name,
           const struct gb_ledger_change *c, struct gb_fail *fail)
{
    char expect[GB_LEDGER_NAME_MAX];
    gb_ledger_name_write(expect, name, a->commit.time_s);
    if (name->position != a->message.first || strcmp(c->path, expect))
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: is not the batch of a commit of this time, "
                           "from position %llu",
                           c->path, (unsigned long long)a->message.first);
    gb_buf_span(&a->batch, c->bytes);
    return gb_buf_check(&a->batch, c->path, fail);
}

/* A set or its signature: looked at when the lines are known. */
static enum gb_err
take_name(struct gb_audit *a, const struct gb_ledger_name *name,
          struct gb_fail *fail)
{
    if (a->nnames == a->names_room) {
        size_t room = 2 * a->names_room + 64;
        struct gb_ledger_name *names = realloc(a->names, room * sizeof *names);
        if (!names)
            return gb_fail_memory(fail);
        a->names = names;
        a->names_room = room;
    }
    a->names[a->nnames++] = *name;
    return GB_OK;
}

/* One file that the commit changes; a gb_ledger_change_fn. */
static enum gb_err
take_change(void *context, const struct gb_ledger_change *c,
            struct gb_fail *fail)
{
    struct gb_audit *a = context;
    struct gb_ledger_name name;
    if (!gb_ledger_name_read(&name, c->path))
        return gb_fail_set(fail, GB_E_LEDGER, "%s: no hub writes such a file",
                           c->path);
    if (name.kind == GB_LEDGER_OTHER)
        return add(&a->changed, c->path, c->bytes, c->kind, fail);
    if (c->kind != 'A') { /* it was there, so a batch before has it */
        gb_audit_at(a, name.position, 0);
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: %s by the commit of position %llu", c->path,
                           c->kind == 'D' ? "removed" : "changed",
                           (unsigned long long)a->message.first);
    }
    return name.kind == GB_LEDGER_BATCH ? take_batch(a, &name, c, fail)
                                        : take_name(a, &name, fail);
}

/* Something of the commit cannot be read: the first set that this concerns,
 * if it is a set. */
static void
blame(struct gb_audit *a, const struct gb_oid *oid)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_buf bytes;
    struct gb_fail ignored = {0};
    struct gb_ledger_name name = {.kind = GB_LEDGER_BATCH,
                                  .position = a->message.first};
    gb_ledger_name_write(path, &name, a->commit.time_s);
    gb_buf_clear(&a->batch);
    if (gb_ledger_read_at(a->ledger, oid, path, &a->batch, &ignored) ||
        gb_audit_batch(a, &ignored) || a->nlines > BLAME_MAX) {
        gb_audit_at(a, a->message.first, a->message.head.size);
        return;
    }
    gb_audit_at(a, a->message.first, a->message.head.size);
    gb_buf_init(&bytes, GB_LEDGER_FILE_MAX);
    for (size_t i = 0; i < 2 * a->nlines; i++) {
        gb_buf_clear(&bytes);
        gb_audit_name(a, i / 2, i % 2, path);
        if (gb_ledger_read_at(a->ledger, oid, path, &bytes, &ignored)) {
            gb_audit_at(a, a->message.first + i / 2, 0);
            break;
        }
    }
    gb_buf_release(&bytes);
}

enum gb_err
gb_audit_changes(struct gb_audit *a, const struct gb_oid *oid,
                 struct gb_fail *fail)
{
    uint64_t first = a->message.first, last = a->message.head.size;
    gb_audit_at(a, first, last);
    enum gb_err e = gb_ledger_changes(a->ledger, oid, take_change, a, fail);
    if (e && a->report->position == first && last > first)
        blame(a, oid);
    if (e)
        return e;
    sort(&a->changed);
    return a->batch.len ? GB_OK
                        : gb_fail_set(fail, GB_E_LEDGER,
                                      "it adds no batch, or an empty one");
}

/* One file of a set: it must belong to a line of this batch. */
static enum gb_err
check_name(struct gb_audit *a, const struct gb_ledger_name *name,
           struct gb_fail *fail)
{
    char is[GB_LEDGER_NAME_MAX], expect[GB_LEDGER_NAME_MAX];
    uint64_t first = a->message.first;
    bool signature = name->kind == GB_LEDGER_SIGNATURE;
    if (name->position < first || name->position - first >= a->nlines) {
        gb_audit_at(a, first, a->message.head.size);
        return gb_fail_set(fail, GB_E_LEDGER,
                           "it adds set %u of device %d at position %llu, "
                           "which is not in its batch",
                           name->seq, name->device,
                           (unsigned long long)name->position);
    }
    size_t i = (size_t)(name->position - first);
    gb_audit_at(a, name->position, 0);
    gb_audit_name(a, i, signature, expect);
    gb_ledger_name_write(is, name, a->commit.time_s);
    struct gb_ledger_name want;
    bool read = gb_ledger_name_read(&want, expect);
    gb_assert(read);
    if (strcmp(is, expect) || name->year != want.year ||
        name->month != want.month || name->day != want.day)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: its name or its folder is not what its line "
                           "wants, %s",
                           is, expect);
    a->lines[i].signature |= signature;
    a->lines[i].set |= !signature;
    return GB_OK;
}

enum gb_err
gb_audit_names(struct gb_audit *a, struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < a->nnames && !e; i++)
        e = check_name(a, &a->names[i], fail);
    for (size_t i = 0; i < a->nlines && !e; i++) {
        if (a->lines[i].set && a->lines[i].signature)
            continue;
        gb_audit_at(a, a->message.first + i, 0);
        gb_audit_name(a, i, a->lines[i].set, path);
        e = gb_fail_set(fail, GB_E_LEDGER, "%s is missing", path);
    }
    if (!e)
        gb_audit_at(a, a->message.first, a->message.head.size);
    return e;
}

/* ------------------------------------------------------ all other files -- */

/* A gb_tree_file_fn. */
static enum gb_err
take_wanted(void *context, const char *path, struct gb_span bytes,
            struct gb_fail *fail)
{
    return add(context, path, bytes, 'A', fail);
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
    bool hub = a->changed.n > 0;
    for (size_t i = 0; i < a->nlines; i++)
        hub |= a->lines[i].device == 0;
    return hub;
}

enum gb_err
gb_audit_tree(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_audit_files now = {0};
    const char *path;
    if (!tree_may_change(a))
        return GB_OK;
    enum gb_err e = add(&now, ".gitattributes",
                        gb_span_text(GB_LEDGER_ATTRIBUTES), 'A', fail);
    if (!e)
        e = gb_tree_files(a->state, take_wanted, &now, fail);
    sort(&now);
    const struct gb_audit_files *lists[3] = {&a->tree, &now, &a->changed};
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
