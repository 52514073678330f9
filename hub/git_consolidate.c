/*
 * git_consolidate.c - see ledger.h: many small packs become one.
 *
 * The new pack is durable and complete before the first old one goes, so a
 * crash leaves objects in two packs at worst; the next time they are merged.
 * Packs of batches that were prepared and never published are left out: each
 * holds one commit that is not the one behind its parent in the ledger, and
 * nothing that a published batch needs (see git_write.c).
 */
#include "git_ledger.h"

#include "git_plan.h"

#include <stdlib.h>
#include <string.h>

struct part {
    const struct gb_pack *pack;
    struct gb_idx idx;
    bool one; /* holds exactly one commit, the next two: */
    git_oid commit, parent;
    bool settled; /* whether it is a stray is known */
    bool stray;
};

struct job {
    struct gb_ledger *l;
    struct part *parts;
    size_t count;
    char made[GB_PACK_NAME_MAX]; /* the new pack; "": none */
};

/* ------------------------------------------------------------ strays -- */

static git_oid
oid_of(const struct gb_idx *idx, size_t i)
{
    git_oid oid;
    memcpy(oid.id, idx->oids + i * GB_OID_BYTES, GB_OID_BYTES);
    return oid;
}

/* Find the only commit of a pack, when it is one of ours. */
static enum gb_err
find_commit(struct job *j, struct part *p, struct gb_fail *fail)
{
    struct gb_ledger_commit c;
    size_t commits = 0;
    for (size_t i = 0; i < p->idx.count && commits < 2; i++) {
        size_t len;
        git_object_t type;
        git_oid oid = oid_of(&p->idx, i);
        if (git_odb_read_header(&len, &type, j->l->odb, &oid) < 0)
            return gb_git_fail(fail, GB_E_LEDGER, "%s", p->pack->name);
        if (type == GIT_OBJECT_COMMIT) {
            p->commit = oid;
            commits++;
        }
    }
    if (commits != 1)
        return GB_OK;
    enum gb_err err = gb_commit_load(&c, j->l, &p->commit, fail);
    if (err)
        return err == GB_E_MEMORY ? err : GB_OK;
    p->one = true;
    p->parent = gb_git_oid(&c.parent);
    gb_ledger_commit_release(&c);
    return GB_OK;
}

/* The ledger has `child` (or nothing: zeros) behind `at`: whoever else claims
 * that place is a stray.
 * Returns how many parts are still open. */
static size_t
settle(struct job *j, const git_oid *at, const git_oid *child)
{
    size_t open = 0;
    for (size_t i = 0; i < j->count; i++) {
        struct part *p = &j->parts[i];
        if (!p->one || p->settled)
            continue;
        if (git_oid_equal(&p->commit, child)) {
            p->settled = true;
        } else if (git_oid_equal(&p->parent, at)) {
            p->settled = true;
            p->stray = true;
        }
        open += !p->settled;
    }
    return open;
}

/* Go back from the tip until every part is settled.  Nothing may follow the
 * tip itself, or nothing at all in an empty ledger. */
static enum gb_err
find_strays(struct job *j, struct gb_fail *fail)
{
    git_oid at, child = {{0}};
    enum gb_err err = GB_OK;
    for (size_t i = 0; !err && i < j->count; i++)
        err = find_commit(j, &j->parts[i], fail);
    if (!err)
        err = gb_git_tip(j->l, &at, fail);
    while (!err && settle(j, &at, &child) && !git_oid_is_zero(&at)) {
        struct gb_ledger_commit c;
        err = gb_commit_load(&c, j->l, &at, fail);
        child = at;
        at = gb_git_oid(&c.parent);
        gb_ledger_commit_release(&c);
    }
    return err;
}

/* ------------------------------------------------------------- merge -- */

/* One pack with the objects of all parts that are not strays. */
static enum gb_err
write_merged(struct job *j, struct gb_fail *fail)
{
    size_t n = 0;
    const char **names = calloc(j->count, sizeof *names);
    if (!names)
        return gb_fail_memory(fail);
    for (size_t i = 0; i < j->count; i++)
        if (!j->parts[i].stray)
            names[n++] = j->parts[i].pack->name;
    enum gb_err err = GB_OK;
    if (n)
        err = gb_pack_splice(j->l, names, n, j->made, fail);
    free(names);
    return err;
}

/* Every object that will lose its old pack is in the new one. */
static enum gb_err
check_merged(struct job *j, struct gb_fail *fail)
{
    struct gb_idx made;
    if (!j->made[0])
        return GB_OK;
    enum gb_err err = gb_idx_open(&made, j->l, j->made, fail);
    for (size_t i = 0; !err && i < j->count; i++) {
        const struct part *p = &j->parts[i];
        for (size_t k = 0; !p->stray && k < p->idx.count; k++)
            if (!gb_idx_has(&made, p->idx.oids + k * GB_OID_BYTES))
                err =
                    gb_fail_set(fail, GB_E_IO, "%s: lacks an object", j->made);
    }
    gb_idx_close(&made);
    return err;
}

static enum gb_err
open_parts(struct job *j, const struct gb_packs *packs, size_t count,
           struct gb_fail *fail)
{
    enum gb_err err = GB_OK;
    j->parts = calloc(count, sizeof *j->parts);
    if (!j->parts)
        return gb_fail_memory(fail);
    for (size_t i = 0; !err && i < count; i++) {
        struct part *p = &j->parts[i];
        p->pack = &packs->list[i];
        err = gb_idx_open(&p->idx, j->l, p->pack->name, fail);
        j->count += !err;
    }
    return err;
}

/* Merge the first `count` packs. */
static enum gb_err
merge(struct gb_ledger *l, const struct gb_packs *packs, size_t count,
      struct gb_fail *fail)
{
    struct job j = {.l = l};
    enum gb_err err = open_parts(&j, packs, count, fail);
    if (!err)
        err = find_strays(&j, fail);
    if (!err)
        err = write_merged(&j, fail);
    if (!err)
        err = check_merged(&j, fail);
    if (!err)
        err = gb_file_sync_folder(l->packs, fail);
    for (size_t i = 0; i < j.count; i++) {
        const char *name = j.parts[i].pack->name;
        gb_idx_close(&j.parts[i].idx);
        /* One pack may hold all that the others do: then it is the result. */
        if (!err && strcmp(name, j.made) != 0)
            gb_pack_remove(l, name);
    }
    free(j.parts);
    if (!err)
        err = gb_file_sync_folder(l->packs, fail);
    return err ? err : gb_git_reload(l, fail);
}

/* Merge the smallest of the packs, all of which may be merged. */
static enum gb_err
merge_smallest(struct gb_ledger *l, struct gb_packs *packs,
               struct gb_fail *fail)
{
    enum gb_err err = gb_packs_count(packs, l, fail);
    uint64_t *objects = calloc(packs->count, sizeof *objects);
    if (!objects)
        err = gb_fail_memory(fail);
    for (size_t i = 0; objects && i < packs->count; i++)
        objects[i] = packs->list[i].objects;
    size_t count = err ? 0 : gb_pack_plan(objects, packs->count);
    if (count)
        err = merge(l, packs, count, fail);
    free(objects);
    return err;
}

/* The packs that may be merged. */
static enum gb_err
list_small(struct gb_packs *packs, const struct gb_ledger *l,
           struct gb_fail *fail)
{
    size_t n = 0;
    enum gb_err err = gb_packs_list(packs, l, fail);
    for (size_t i = 0; i < packs->count; i++)
        if (!packs->list[i].keep && packs->list[i].size < GB_PACK_FULL)
            packs->list[n++] = packs->list[i];
    packs->count = n;
    return err;
}

enum gb_err
gb_ledger_small_packs(const char *path, size_t *count, struct gb_fail *fail)
{
    struct gb_packs packs = {0};
    struct gb_ledger *l = calloc(1, sizeof *l);
    *count = 0;
    if (!l)
        return gb_fail_set(fail, GB_E_MEMORY, "out of memory");
    enum gb_err err = gb_git_room(path, fail);
    if (!err) {
        gb_git_join(l->packs, path, "objects", "/pack");
        err = list_small(&packs, l, fail);
    }
    *count = packs.count;
    gb_packs_release(&packs);
    free(l);
    return err;
}

enum gb_err
gb_ledger_consolidate(struct gb_ledger *l, size_t packs_max,
                      struct gb_fail *fail)
{
    struct gb_packs packs;
    gb_assert(l->write);
    if (l->prepared)
        return gb_fail_set(fail, GB_E_STATE, "a batch is not published yet");
    if (l->store)
        return GB_OK;
    enum gb_err err = list_small(&packs, l, fail);
    if (!err && packs.count > packs_max)
        err = merge_smallest(l, &packs, fail);
    gb_packs_release(&packs);
    return err;
}
