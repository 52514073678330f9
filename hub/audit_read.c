/*
 * audit_read.c - one commit as an audit wants it, out of the repository, and
 * what can be seen of it without the log before it; see audit_private.h.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/sshsig.h"
#include "hub/audit_private.h"

enum gb_err
gb_audit_files_add(struct gb_audit_files *files, const char *path,
                   struct gb_span bytes, char kind, struct gb_fail *fail)
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

void
gb_audit_files_clear(struct gb_audit_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i].path);
    free(files->list);
    *files = (struct gb_audit_files){0};
}

/* ------------------------------------------------------------- changes -- */

static enum gb_err
check_batch(const struct gb_audit_read *r, const struct gb_ledger_name *name,
            const char *path, struct gb_fail *fail)
{
    char expect[GB_LEDGER_NAME_MAX];
    gb_ledger_name_write(expect, name, r->commit.time_s);
    if (name->position == r->message.first && !strcmp(path, expect))
        return GB_OK;
    return gb_fail_set(fail, GB_E_LEDGER,
                       "%s: is not the batch of a commit of this time, from "
                       "position %llu",
                       path, (unsigned long long)r->message.first);
}

/* A set or its signature: looked at when the lines are known. */
static enum gb_err
take_name(struct gb_audit_read *r, const struct gb_ledger_name *name,
          struct gb_fail *fail)
{
    if (r->nnames == r->names_room) {
        size_t room = 2 * r->names_room + 64;
        struct gb_ledger_name *names = realloc(r->names, room * sizeof *names);
        if (!names)
            return gb_fail_memory(fail);
        r->names = names;
        r->names_room = room;
    }
    r->names[r->nnames++] = *name;
    return GB_OK;
}

/* One file that the commit changes; a gb_ledger_change_fn. */
static enum gb_err
take_change(void *context, const struct gb_ledger_change *c,
            struct gb_fail *fail)
{
    struct gb_audit_read *r = context;
    struct gb_ledger_name name;
    if (!gb_ledger_name_read(&name, c->path))
        return gb_fail_set(fail, GB_E_LEDGER, "%s: no hub writes such a file",
                           c->path);
    if (name.kind == GB_LEDGER_OTHER)
        return gb_audit_files_add(&r->changed, c->path, c->bytes, c->kind,
                                  fail);
    if (c->kind != 'A') { /* it was there, so a batch before has it */
        r->position = name.position;
        return gb_fail_set(fail, GB_E_LEDGER,
                           "%s: %s by the commit of position %llu", c->path,
                           c->kind == 'D' ? "removed" : "changed",
                           (unsigned long long)r->message.first);
    }
    r->bytes += c->bytes.len;
    enum gb_err e = name.kind == GB_LEDGER_BATCH
                        ? check_batch(r, &name, c->path, fail)
                        : take_name(r, &name, fail);
    return e ? e : gb_replay_take(&r->batch, name.kind, c, fail);
}

/* ---------------------------------------------------------- signatures -- */

/* Whether a set is signed as it should be, by the key that its signature
 * names.  Why it is not will be told when that is known to matter. */
static void
prove(struct gb_audit_proof *p, struct gb_span set, struct gb_span signature)
{
    struct gb_sshsig sig;
    struct gb_fail ignored;
    struct gb_sha512 hash = gb_sha512(set);
    p->sha = gb_sha256(set);
    p->good =
        !gb_sshsig_parse(&sig, signature, &ignored) &&
        !gb_sshsig_check(&sig, &sig.key, GB_NS_CHANGESET, &hash, &ignored);
    p->key = sig.key;
}

/* A set's signature lies behind it: its path is the same and ".sig". */
static enum gb_err
prove_all(struct gb_audit_read *r, struct gb_fail *fail)
{
    const struct gb_replay_file *f = r->batch.files;
    r->proofs = calloc(r->batch.n + 1, sizeof *r->proofs);
    if (!r->proofs)
        return gb_fail_memory(fail);
    for (size_t i = 0; i + 1 < r->batch.n; i++) {
        size_t n = strlen(f[i].path);
        if (!strncmp(f[i].path, f[i + 1].path, n) &&
            !strcmp(f[i + 1].path + n, ".sig"))
            prove(&r->proofs[i], f[i].bytes, f[i + 1].bytes);
    }
    return GB_OK;
}

/* ----------------------------------------------------------------- all -- */

static enum gb_err
read_all(struct gb_audit_read *r, struct gb_ledger *l, const struct gb_oid *oid,
         struct gb_fail *fail)
{
    enum gb_err e = gb_ledger_commit_read(l, oid, &r->commit, fail);
    if (e)
        return e;
    r->upto = GB_AUDIT_READ_COMMIT;
    e = gb_ledger_message_read(&r->message, r->commit.message, fail);
    if (e)
        return e;
    r->upto = GB_AUDIT_READ_MESSAGE;
    if (r->commit.time_s >= GB_AUDIT_TIME_END)
        return gb_fail_set(fail, GB_E_LEDGER, "its time is not of this era");
    e = gb_ledger_changes(l, oid, take_change, r, fail);
    if (!e)
        e = prove_all(r, fail);
    if (!e)
        r->upto = GB_AUDIT_READ_ALL;
    return e;
}

void
gb_audit_read(struct gb_audit_read *out, struct gb_ledger *l,
              const struct gb_oid *oid)
{
    *out = (struct gb_audit_read){0};
    gb_replay_batch_init(&out->batch);
    read_all(out, l, oid, &out->fail);
}

void
gb_audit_read_release(struct gb_audit_read *r)
{
    gb_ledger_commit_release(&r->commit);
    gb_replay_batch_release(&r->batch);
    gb_audit_files_clear(&r->changed);
    free(r->names);
    free(r->proofs);
    *r = (struct gb_audit_read){0};
}
