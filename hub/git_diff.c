/* git_diff.c - see ledger.h: the files that a commit changed. */
#include "git_ledger.h"

#include <string.h>

struct walk {
    struct gb_ledger *l;
    gb_ledger_change_fn *fn;
    void *ctx;
    char path[GB_LEDGER_PATH_MAX + 1]; /* of the folder, with its '/' */
    size_t path_len;
    unsigned depth;
    size_t changes;
};

static enum gb_err compare(struct walk *w, const git_oid *before,
                           const git_oid *after, struct gb_fail *fail);

/* Put a name behind the path; `undo` is its length before. */
static enum gb_err
enter(struct walk *w, const struct gb_entry *e, size_t *undo,
      struct gb_fail *fail)
{
    *undo = w->path_len;
    if (w->path_len + e->name.len + 1 > GB_LEDGER_PATH_MAX ||
        w->depth == GB_LEDGER_DEPTH_MAX)
        return gb_fail_set(fail, GB_E_LEDGER, "%s: a path is too long",
                           w->path);
    memcpy(w->path + w->path_len, e->name.ptr, e->name.len);
    w->path_len += e->name.len;
    if (e->folder)
        w->path[w->path_len++] = '/';
    w->path[w->path_len] = 0;
    w->depth++;
    return GB_OK;
}

static void
leave(struct walk *w, size_t undo)
{
    w->path_len = undo;
    w->path[undo] = 0;
    w->depth--;
}

/* One changed file: tell the caller. */
static enum gb_err
report(struct walk *w, char kind, const git_oid *oid, struct gb_fail *fail)
{
    git_odb_object *object = NULL;
    struct gb_ledger_change c = {
        .kind = kind, .path = w->path, .oid = gb_git_oid_of(oid)};
    if (++w->changes > GB_LEDGER_CHANGES_MAX)
        return gb_fail_set(fail, GB_E_LIMIT, "more than %d files in a commit",
                           GB_LEDGER_CHANGES_MAX);
    enum gb_err err =
        kind == 'D' ? GB_OK : gb_odb_fetch(w->l, oid, &c.bytes, fail);
    if (!err && kind != 'D' && !c.bytes.ptr) {
        err = gb_git_object(&object, w->l, oid, GIT_OBJECT_BLOB,
                            GB_LEDGER_FILE_MAX, fail);
        if (!err)
            c.bytes = gb_git_bytes(object);
    }
    if (err)
        return gb_fail_wrap(fail, "%s", w->path);
    err = w->fn(w->ctx, &c, fail);
    git_odb_object_free(object);
    return err;
}

/* An entry that differs; one of the two may be NULL. */
static enum gb_err
differ(struct walk *w, const struct gb_entry *before,
       const struct gb_entry *after, struct gb_fail *fail)
{
    static const git_oid none = {{0}};
    const struct gb_entry *e = after ? after : before;
    size_t undo;
    enum gb_err err = enter(w, e, &undo, fail);
    if (err)
        return err;
    if (e->folder)
        err = compare(w, before ? &before->oid : &none,
                      after ? &after->oid : &none, fail);
    else
        err = report(w, !before ? 'A' : after ? 'M' : 'D', &e->oid, fail);
    leave(w, undo);
    return err;
}

/* A folder as it was; most often the one that was looked at last. */
static enum gb_err
read_before(struct walk *w, const git_oid *oid, struct gb_tree *out,
            struct gb_fail *fail)
{
    struct gb_compared *s = &w->l->seen[w->depth];
    if (!s->tree.object || !git_oid_equal(&s->oid, oid))
        return gb_tree_read(out, w->l, oid, NULL, fail);
    *out = s->tree;
    *s = (struct gb_compared){0};
    return GB_OK;
}

/* Keep it for the commit that follows. */
static void
keep(struct walk *w, const git_oid *oid, const struct gb_tree *t)
{
    struct gb_compared *s = &w->l->seen[w->depth];
    gb_tree_release(&s->tree);
    *s = (struct gb_compared){*oid, *t};
}

/* Two folders, entry by entry in git's order. */
static enum gb_err
compare(struct walk *w, const git_oid *before, const git_oid *after,
        struct gb_fail *fail)
{
    struct gb_tree a = {0}, b = {0};
    enum gb_err err = read_before(w, before, &a, fail);
    if (!err)
        err = gb_tree_read(&b, w->l, after, &a, fail);
    for (size_t i = b.alike, j = i; !err && (i < a.count || j < b.count);) {
        const struct gb_entry *x = i < a.count ? &a.entries[i] : NULL;
        const struct gb_entry *y = j < b.count ? &b.entries[j] : NULL;
        int order = !x ? 1 : !y ? -1 : gb_entry_compare(x, y);
        if (order < 0)
            err = differ(w, x, NULL, fail);
        else if (order > 0)
            err = differ(w, NULL, y, fail);
        else if (!git_oid_equal(&x->oid, &y->oid))
            err = differ(w, x, y, fail);
        i += order <= 0;
        j += order >= 0;
    }
    gb_tree_release(&a);
    keep(w, after, &b); /* transferred */
    return err;
}

/* The folder of a commit; zeros for the parent of the root. */
static enum gb_err
folder_of(struct gb_ledger *l, const git_oid *commit, git_oid *tree,
          git_oid *parent, struct gb_fail *fail)
{
    git_odb_object *object;
    struct gb_commit_parts parts;
    memset(tree, 0, sizeof *tree);
    if (git_oid_is_zero(commit))
        return GB_OK;
    enum gb_err err = gb_git_object(&object, l, commit, GIT_OBJECT_COMMIT,
                                    GB_LEDGER_COMMIT_MAX, fail);
    if (err)
        return err;
    if (!gb_commit_links(gb_git_bytes(object), &parts))
        err = gb_fail_set(fail, GB_E_LEDGER, "not a commit of a ledger");
    *tree = parts.tree;
    if (parent)
        *parent = parts.parent;
    git_odb_object_free(object);
    return err;
}

enum gb_err
gb_ledger_changes(struct gb_ledger *l, const struct gb_oid *commit,
                  gb_ledger_change_fn *fn, void *ctx, struct gb_fail *fail)
{
    struct walk w = {.l = l, .fn = fn, .ctx = ctx};
    git_oid oid = gb_git_oid(commit), parent = {{0}}, before, after;
    enum gb_err err = folder_of(l, &oid, &after, &parent, fail);
    if (!err)
        err = folder_of(l, &parent, &before, NULL, fail);
    return err ? err : compare(&w, &before, &after, fail);
}
