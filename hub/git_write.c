/*
 * git_write.c - see ledger.h: one batch.
 *
 * Objects are made in memory (libgit2's mempack), and written as one pack
 * (git_new.c).  Everything that the commit adds to its parent goes into its own
 * pack, even what the database holds already: else a later batch could come to
 * lean on the pack of one that was never published, which consolidation
 * removes.
 */
#include "git_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/sshsig.h"

struct batch {
    struct gb_ledger *l;
    struct gb_ledger_file **files; /* by path */
    size_t count;
    git_oid *made; /* the new objects */
    size_t nmade, room;
};

/* ----------------------------------------------------------- objects -- */

/* Make an object in memory. */
static enum gb_err
make(struct batch *b, git_object_t type, struct gb_span bytes, git_oid *oid,
     struct gb_fail *fail)
{
    const void *data = bytes.len ? (const void *)bytes.ptr : "";
    git_odb_backend *memory = b->l->memory;
    if (b->nmade == b->room) {
        size_t more = 2 * b->room + 64;
        git_oid *p = realloc(b->made, more * sizeof *p);
        if (!p)
            return gb_fail_memory(fail);
        b->made = p;
        b->room = more;
    }
    if (git_odb_hash(oid, data, bytes.len, type) < 0 ||
        memory->write(memory, oid, data, bytes.len, type) < 0)
        return gb_git_fail(fail, GB_E_IO, "a new object");
    b->made[b->nmade++] = *oid;
    return GB_OK;
}

/* ----------------------------------------------------------- folders -- */

/* How many files from the i-th on share the name at `skip`, which is put
 * into *e, and whether it is a folder's. */
static size_t
group(const struct batch *b, size_t i, size_t end, size_t skip,
      struct gb_entry *e)
{
    const char *name = b->files[i]->path + skip;
    size_t len = strcspn(name, "/");
    size_t next = i + 1;
    *e = (struct gb_entry){.name = GB_SPAN(name, len),
                           .folder = name[len] == '/'};
    while (next < end && e->folder &&
           strncmp(b->files[next]->path + skip, name, len + 1) == 0)
        next++;
    return next;
}

static enum gb_err update(struct batch *b, size_t from, size_t to, size_t skip,
                          git_oid *oid, struct gb_fail *fail);

/* The new entry for files [i, next), which lie at `skip` in their paths. */
static enum gb_err
new_entry(struct batch *b, const struct gb_tree *old, size_t i, size_t next,
          size_t skip, struct gb_entry *e, struct gb_fail *fail)
{
    if (gb_tree_find(old, e->name, !e->folder))
        return gb_fail_set(fail, GB_E_VALUE, "%s: %s", b->files[i]->path,
                           e->folder ? "a file stands where a folder must be"
                                     : "is a folder");
    if (!e->folder) {
        enum gb_err err =
            make(b, GIT_OBJECT_BLOB, b->files[i]->bytes, &e->oid, fail);
        b->files[i]->oid = gb_git_oid_of(&e->oid);
        return err;
    }
    const struct gb_entry *was = gb_tree_find(old, e->name, true);
    if (was)
        e->oid = was->oid;
    return update(b, i, next, skip + e->name.len + 1, &e->oid, fail);
}

/* Merge the old entries with those of files [from, to) into `list`. */
static enum gb_err
merge(struct batch *b, const struct gb_tree *old, size_t from, size_t to,
      size_t skip, struct gb_entry *list, size_t *count, struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    size_t kept = 0;
    for (size_t i = from, next; !err && i < to; i = next) {
        struct gb_entry e;
        next = group(b, i, to, skip, &e);
        err = new_entry(b, old, i, next, skip, &e, fail);
        while (kept < old->count &&
               gb_entry_compare(&old->entries[kept], &e) < 0)
            list[(*count)++] = old->entries[kept++];
        if (kept < old->count && gb_entry_compare(&old->entries[kept], &e) == 0)
            kept++;
        list[(*count)++] = e;
    }
    while (!err && kept < old->count)
        list[(*count)++] = old->entries[kept++];
    return err;
}

/* Put files [from, to) into the folder *oid (zeros: none yet), whose name ends
 * at `skip` in their paths; *oid becomes the new one. */
static enum gb_err
update(struct batch *b, size_t from, size_t to, size_t skip, git_oid *oid,
       struct gb_fail *fail)
{
    struct gb_tree old;
    struct gb_entry *list = NULL;
    struct gb_buf bytes;
    size_t count = 0;

    gb_buf_init(&bytes, GB_LEDGER_FILE_MAX);
    enum gb_err err = gb_tree_read(&old, b->l, oid, NULL, fail);
    if (err)
        return err;
    list = calloc(old.count + (to - from), sizeof *list);
    if (!list)
        err = gb_fail_memory(fail);
    if (!err)
        err = merge(b, &old, from, to, skip, list, &count, fail);
    if (!err) {
        gb_tree_write(&bytes, list, count);
        err = gb_buf_check(&bytes, "folder of the ledger", fail);
    }
    if (!err)
        err = make(b, GIT_OBJECT_TREE, gb_buf_view(&bytes), oid, fail);
    gb_buf_release(&bytes);
    free(list);
    gb_tree_release(&old);
    return err;
}

/* ------------------------------------------------------------ commit -- */

/* Sign and make the commit. */
static enum gb_err
commit(struct batch *b, const struct gb_ledger_batch *in, const git_oid *tree,
       git_oid *oid, struct gb_fail *fail)
{
    struct gb_buf payload, armor, raw;
    struct gb_commit_parts parts = {.tree = *tree,
                                    .parent = b->l->parent,
                                    .root = git_oid_is_zero(&b->l->parent),
                                    .time_s = in->time_s,
                                    .site = gb_span_text(in->site),
                                    .message = gb_span_text(in->message)};
    gb_buf_init(&payload, GB_LEDGER_COMMIT_MAX - 2 * GB_SSHSIG_MAX);
    gb_buf_init(&armor, GB_SSHSIG_MAX);
    gb_buf_init(&raw, GB_LEDGER_COMMIT_MAX);

    gb_commit_payload(&payload, &parts);
    enum gb_err err = gb_buf_check(&payload, "commit", fail);
    if (!err) {
        struct gb_signature s =
            gb_sshsig_sign(in->key, GB_NS_GIT, gb_buf_view(&payload));
        gb_sshsig_armor(&armor, &in->key->public_key, GB_NS_GIT, &s);
        err = gb_buf_check(&armor, "signature of a commit", fail);
    }
    if (!err) {
        /* git puts its own LF behind the header. */
        gb_commit_signed(&raw, gb_buf_view(&payload),
                         GB_SPAN(armor.ptr, armor.len - 1));
        err = gb_buf_check(&raw, "commit", fail);
    }
    if (!err)
        err = make(b, GIT_OBJECT_COMMIT, gb_buf_view(&raw), oid, fail);
    gb_buf_release(&payload);
    gb_buf_release(&armor);
    gb_buf_release(&raw);
    return err;
}

/* -------------------------------------------------------------- pack -- */

/* Read the whole pack again through a database that knows nothing else; that
 * hashes what the disk gives back. */
static enum gb_err
verify(struct batch *b, struct gb_fail *fail)
{
    git_odb *fresh = NULL;
    enum gb_err err = gb_git_one_pack(&fresh, b->l, b->l->pack, fail);
    for (size_t i = 0; !err && i < b->nmade; i++) {
        git_odb_object *object = NULL;
        if (gb_git_read(&object, fresh, &b->made[i]) < 0)
            err = gb_git_fail(fail, GB_E_IO, "%s: read back", b->l->pack);
        git_odb_object_free(object);
    }
    git_odb_free(fresh);
    return err;
}

/* The new objects out of memory and onto the disk, if there is one. */
static enum gb_err
store(struct batch *b, struct gb_fail *fail)
{
    struct gb_ledger *l = b->l;
    if (l->store)
        return GB_OK;
    enum gb_err err = gb_pack_write(l, b->made, b->nmade, l->pack, fail);
    if (!err)
        err = verify(b, fail);
    if (err && l->pack[0])
        gb_pack_remove(l, l->pack);
    return err;
}

/* ------------------------------------------------------------- batch -- */

static int
by_path(const void *a, const void *b)
{
    const struct gb_ledger_file *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

/* Whether one file's path is a folder of another's; they are sorted. */
static bool
is_folder_too(const struct batch *b, const char *path)
{
    char folder[GB_LEDGER_PATH_MAX + 1];
    struct gb_ledger_file key = {.path = folder}, *k = &key;
    for (size_t i = 0; path[i]; i++) {
        folder[i] = 0;
        if (path[i] == '/' &&
            bsearch(&k, b->files, b->count, sizeof *b->files, by_path))
            return true;
        folder[i] = path[i];
    }
    return false;
}

/* Paths, site and message can stand in a ledger. */
static enum gb_err
check(const struct batch *b, const struct gb_ledger_batch *in,
      struct gb_fail *fail)
{
    struct gb_span message = gb_span_text(in->message);
    struct gb_span site = gb_span_text(in->site);
    bool good = gb_utf8_valid(site) && site.len && in->time_s >= 0;
    for (size_t i = 0; i < site.len; i++)
        good = good && site.ptr[i] >= ' ' && !strchr("<>\x7f", site.ptr[i]);
    if (!good)
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: the site's name cannot stand in a commit",
                           in->site);
    if (!message.len || message.ptr[message.len - 1] != '\n' ||
        !gb_utf8_valid(message))
        return gb_fail_set(fail, GB_E_VALUE, "not a message of a commit");
    for (size_t i = 0; i < b->count; i++) {
        const char *path = b->files[i]->path;
        if (!gb_tree_path_good(path) || is_folder_too(b, path) ||
            (i && strcmp(path, b->files[i - 1]->path) == 0))
            return gb_fail_set(fail, GB_E_VALUE,
                               "%s: this path cannot stand in the ledger",
                               path);
        if (b->files[i]->bytes.len > GB_LEDGER_FILE_MAX)
            return gb_fail_set(fail, GB_E_LIMIT, "%s: larger than the limit",
                               path);
    }
    return GB_OK;
}

/* Sort the files; the first commit gets .gitattributes beside them. */
static enum gb_err
collect(struct batch *b, const struct gb_ledger_batch *in,
        struct gb_ledger_file *attributes, struct gb_fail *fail)
{
    b->files = calloc(in->count + 1, sizeof *b->files);
    if (!b->files)
        return gb_fail_memory(fail);
    for (size_t i = 0; i < in->count; i++)
        b->files[b->count++] = &in->files[i];
    if (git_oid_is_zero(&b->l->parent))
        b->files[b->count++] = attributes;
    qsort(b->files, b->count, sizeof *b->files, by_path);
    return check(b, in, fail);
}

/* The folder that the parent has. */
static enum gb_err
old_folder(struct gb_ledger *l, git_oid *tree, struct gb_fail *fail)
{
    struct gb_ledger_commit c;
    memset(tree, 0, sizeof *tree);
    if (git_oid_is_zero(&l->parent))
        return GB_OK;
    enum gb_err err = gb_commit_load(&c, l, &l->parent, fail);
    if (!err)
        *tree = gb_git_oid(&c.tree);
    gb_ledger_commit_release(&c);
    return err;
}

enum gb_err
gb_ledger_prepare(struct gb_ledger *l, const struct gb_ledger_batch *in,
                  struct gb_oid *out, struct gb_fail *fail)
{
    struct gb_ledger_file attributes = {
        .path = ".gitattributes", .bytes = gb_span_text(GB_LEDGER_ATTRIBUTES)};
    struct batch b = {.l = l};
    git_oid tree;

    gb_assert(l->write);
    gb_ledger_discard(l);
    l->pack[0] = 0;
    enum gb_err err = gb_git_tip(l, &l->parent, fail);
    if (!err)
        err = collect(&b, in, &attributes, fail);
    if (!err)
        err = old_folder(l, &tree, fail);
    if (!err && b.count)
        err = update(&b, 0, b.count, 0, &tree, fail);
    if (!err)
        err = commit(&b, in, &tree, &l->next, fail);
    if (!err)
        err = store(&b, fail);
    if (!l->store)
        git_mempack_reset(l->memory);
    free(b.files);
    free(b.made);
    l->prepared = !err;
    if (!err)
        *out = gb_git_oid_of(&l->next);
    return err;
}

enum gb_err
gb_ledger_publish(struct gb_ledger *l, struct gb_fail *fail)
{
    char lock[GB_FILE_PATH_MAX];
    git_reference *ref = NULL;
    if (!l->prepared)
        return gb_fail_set(fail, GB_E_STATE, "no batch is prepared");
    if (l->store) {
        *gb_store_tip(l->store) = l->next;
        l->prepared = false;
        return GB_OK;
    }
    /* of a command that was killed here; the hub's lock is ours */
    gb_git_join(lock, l->root, GB_LEDGER_REF, ".lock");
    (void)unlink(lock);
    int rc = git_reference_create_matching(&ref, l->repo, GB_LEDGER_REF,
                                           &l->next, 1, &l->parent, "batch");
    git_reference_free(ref);
    if (rc == 0) {
        l->prepared = false;
        return GB_OK;
    }
    return gb_git_fail(fail, rc == GIT_EMODIFIED ? GB_E_BUSY : GB_E_IO, "%s/%s",
                       l->root, GB_LEDGER_REF);
}

void
gb_ledger_discard(struct gb_ledger *l)
{
    git_oid tip;
    if (!l->prepared)
        return;
    l->prepared = false;
    if (l->store)
        return;
    /* Publishing may have failed behind its commit point. */
    if (gb_git_tip(l, &tip, NULL) != GB_OK || git_oid_equal(&tip, &l->next))
        return;
    gb_pack_remove(l, l->pack);
    /* Without the new database, the old one would go on reading the removed
     * files; should it fail, that does no harm. */
    (void)gb_git_reload(l, NULL);
}
