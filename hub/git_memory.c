/*
 * git_memory.c - a ledger without a disk, for simulations; see ledger.h.
 *
 * Objects lie in a table by their names, behind libgit2's interface for object
 * databases, so everything that reads or makes them is what a hub on a disk
 * runs; there are no packs.  An object that no published commit needs stays,
 * as one does in a pack until packs are merged.
 */
#include "git_ledger.h"

#include <stdlib.h>
#include <string.h>

struct object {
    git_oid oid;
    git_object_t type;
    size_t len;
    uint8_t bytes[];
};

struct gb_ledger_store {
    const struct gb_ledger_store *from; /* what is not here, there */
    struct object **table;              /* open addressing; room is 2^n */
    size_t count, room;
    git_oid tip; /* zeros: none */
};

/* The store as libgit2 wants it. */
struct backend {
    git_odb_backend parent;
    struct gb_ledger_store *store;
};

/* --------------------------------------------------------------- table -- */

/* Where an object stands, or would. */
static size_t
slot(const struct gb_ledger_store *s, const git_oid *oid)
{
    size_t i;
    memcpy(&i, oid->id, sizeof i);
    i &= s->room - 1;
    while (s->table[i] && !git_oid_equal(&s->table[i]->oid, oid))
        i = (i + 1) & (s->room - 1);
    return i;
}

static const struct object *
find(const struct gb_ledger_store *s, const git_oid *oid)
{
    for (; s; s = s->from) {
        const struct object *o = s->room ? s->table[slot(s, oid)] : NULL;
        if (o)
            return o;
    }
    return NULL;
}

/* Room for one more, at most half full. */
static bool
grow(struct gb_ledger_store *s)
{
    struct gb_ledger_store old = *s;
    if (2 * (s->count + 1) <= s->room)
        return true;
    s->room = s->room ? 2 * s->room : 256;
    s->table = calloc(s->room, sizeof *s->table);
    if (!s->table) {
        *s = old;
        return false;
    }
    for (size_t i = 0; i < old.room; i++)
        if (old.table[i])
            s->table[slot(s, &old.table[i]->oid)] = old.table[i];
    free(old.table);
    return true;
}

/* ------------------------------------------------------------- backend -- */

static struct gb_ledger_store *
store_of(git_odb_backend *b)
{
    return ((struct backend *)(void *)b)->store;
}

static int
exists(git_odb_backend *b, const git_oid *oid)
{
    return find(store_of(b), oid) != NULL;
}

static int
read_header(size_t *len, git_object_t *type, git_odb_backend *b,
            const git_oid *oid)
{
    const struct object *o = find(store_of(b), oid);
    if (!o)
        return GIT_ENOTFOUND;
    *len = o->len;
    *type = o->type;
    return 0;
}

static int
read_object(void **data, size_t *len, git_object_t *type, git_odb_backend *b,
            const git_oid *oid)
{
    const struct object *o = find(store_of(b), oid);
    if (!o)
        return GIT_ENOTFOUND;
    *data = git_odb_backend_data_alloc(b, o->len + 1);
    if (!*data)
        return -1;
    memcpy(*data, o->bytes, o->len);
    *len = o->len;
    *type = o->type;
    return 0;
}

static int
write_object(git_odb_backend *b, const git_oid *oid, const void *data,
             size_t len, git_object_t type)
{
    struct gb_ledger_store *s = store_of(b);
    if (find(s, oid))
        return 0;
    struct object *o = grow(s) ? malloc(sizeof *o + len) : NULL;
    if (!o) {
        git_error_set_oom();
        return -1;
    }
    *o = (struct object){.oid = *oid, .type = type, .len = len};
    memcpy(o->bytes, data, len);
    s->table[slot(s, oid)] = o; /* transferred */
    s->count++;
    return 0;
}

static void
free_backend(git_odb_backend *b)
{
    free(b);
}

/* ------------------------------------------------------------- opening -- */

struct gb_ledger_store *
gb_ledger_store_new(const struct gb_ledger_store *from)
{
    struct gb_ledger_store *s = calloc(1, sizeof *s);
    if (s && from) {
        s->from = from;
        s->tip = from->tip;
    }
    return s;
}

void
gb_ledger_store_free(struct gb_ledger_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->room; i++)
        free(s->table[i]);
    free(s->table);
    free(s);
}

git_oid *
gb_store_tip(struct gb_ledger_store *s)
{
    return &s->tip;
}

enum gb_err
gb_store_open(struct gb_ledger *l, struct gb_fail *fail)
{
    struct backend *b = calloc(1, sizeof *b);
    if (!b)
        return gb_fail_memory(fail);
    git_odb_init_backend(&b->parent, GIT_ODB_BACKEND_VERSION);
    b->parent.exists = exists;
    b->parent.read_header = read_header;
    b->parent.read = read_object;
    b->parent.write = write_object;
    b->parent.free = free_backend;
    b->store = l->store;
    if (git_odb_new(&l->odb) < 0) {
        free(b);
        return gb_git_fail(fail, GB_E_MEMORY, "a ledger in memory");
    }
    if (gb_git_add(l->odb, &b->parent, 1) < 0)
        return gb_git_fail(fail, GB_E_MEMORY, "a ledger in memory");
    l->memory = &b->parent; /* transferred to the odb */
    return GB_OK;
}
