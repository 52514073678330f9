/* git_read.c - see ledger.h: objects, files, and the list of commits. */
#include "git_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------- objects -- */

void
gb_git_hash(git_oid *out, git_object_t type, struct gb_span bytes)
{
    char head[32];
    struct gb_sha1 sum;
    int n = snprintf(head, sizeof head, "%s %zu", git_object_type2string(type),
                     bytes.len);
    gb_sha1_init(&sum);
    gb_sha1_add(&sum, GB_SPAN(head, (size_t)n + 1));
    gb_sha1_add(&sum, bytes);
    gb_sha1_final(&sum, out->id);
}

int
gb_git_read(git_odb_object **out, git_odb *odb, const git_oid *oid)
{
    git_oid is;
    int rc = git_odb_read(out, odb, oid);
    if (rc < 0)
        return rc;
    gb_git_hash(&is, git_odb_object_type(*out), gb_git_bytes(*out));
    if (git_oid_equal(&is, oid))
        return 0;
    git_odb_object_free(*out);
    *out = NULL;
    git_error_set_str(GIT_ERROR_ODB, "it is not what its name says");
    return GIT_EMISMATCH;
}

enum gb_err
gb_git_object(git_odb_object **out, struct gb_ledger *l, const git_oid *oid,
              git_object_t type, size_t max, struct gb_fail *fail)
{
    char hex[GIT_OID_HEXSZ + 1];
    size_t len;
    git_object_t found;

    *out = NULL;
    git_oid_tostr(hex, sizeof hex, oid);
    if (git_odb_read_header(&len, &found, l->odb, oid) < 0)
        return gb_git_fail(fail, GB_E_LEDGER, "object %s", hex);
    if (found != type)
        return gb_fail_set(fail, GB_E_LEDGER, "object %s is a %s, not a %s",
                           hex, git_object_type2string(found),
                           git_object_type2string(type));
    if (len > max)
        return gb_fail_set(fail, GB_E_LIMIT, "object %s has %zu bytes of %zu",
                           hex, len, max);
    if (gb_git_read(out, l->odb, oid) < 0)
        return gb_git_fail(fail, GB_E_LEDGER, "object %s", hex);
    return GB_OK;
}

enum gb_err
gb_git_one_pack(git_odb **out, const struct gb_ledger *l, const char *name,
                struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    git_odb_backend *one = NULL;
    gb_git_join(path, l->packs, name, ".idx");
    if (git_odb_new(out) < 0 || git_odb_backend_one_pack(&one, path) < 0 ||
        gb_git_add(*out, one, 1) < 0)
        return gb_git_fail(fail, GB_E_IO, "%s: read back", path);
    return GB_OK;
}

struct gb_span
gb_git_bytes(git_odb_object *object)
{
    return GB_SPAN(git_odb_object_data(object), git_odb_object_size(object));
}

enum gb_err
gb_ledger_blob(struct gb_ledger *l, const struct gb_oid *oid,
               struct gb_buf *out, struct gb_fail *fail)
{
    git_odb_object *object;
    git_oid id = gb_git_oid(oid);
    enum gb_err err = gb_git_object(&object, l, &id, GIT_OBJECT_BLOB,
                                    GB_LEDGER_FILE_MAX, fail);
    if (err)
        return err;
    gb_buf_span(out, gb_git_bytes(object));
    git_odb_object_free(object);
    return gb_buf_check(out, "file of the ledger", fail);
}

/* ------------------------------------------------------------- files -- */

/* One step down a path: *oid becomes that of `name` in the folder *oid. */
static enum gb_err
step(struct gb_ledger *l, git_oid *oid, struct gb_span name, bool folder,
     bool *found, struct gb_fail *fail)
{
    struct gb_tree t;
    enum gb_err err = gb_tree_read(&t, l, oid, NULL, fail);
    if (err)
        return err;
    const struct gb_entry *e = gb_tree_find(&t, name, folder);
    *found = e != NULL;
    if (e)
        *oid = e->oid;
    gb_tree_release(&t);
    return GB_OK;
}

enum gb_err
gb_ledger_read_at(struct gb_ledger *l, const struct gb_oid *commit,
                  const char *path, struct gb_buf *out, struct gb_fail *fail)
{
    git_odb_object *object;
    git_oid oid = gb_git_oid(commit);
    struct gb_commit_parts parts;
    enum gb_err err = gb_git_object(&object, l, &oid, GIT_OBJECT_COMMIT,
                                    GB_LEDGER_COMMIT_MAX, fail);
    if (err)
        return err;
    bool found = gb_commit_links(gb_git_bytes(object), &parts);
    git_odb_object_free(object);
    if (!found)
        return gb_fail_set(fail, GB_E_LEDGER, "not a commit of a ledger");

    oid = parts.tree;
    for (const char *at = path; !err && found && at;) {
        const char *slash = strchr(at, '/');
        size_t n = slash ? (size_t)(slash - at) : strlen(at);
        err = step(l, &oid, GB_SPAN(at, n), slash != NULL, &found, fail);
        at = slash ? slash + 1 : NULL;
    }
    if (!err && !found)
        err = gb_fail_set(fail, GB_E_MISSING, "%s: not in the ledger", path);
    if (err)
        return err;
    struct gb_oid blob = gb_git_oid_of(&oid);
    return gb_ledger_blob(l, &blob, out, fail);
}

enum gb_err
gb_ledger_read(struct gb_ledger *l, const char *path, struct gb_buf *out,
               struct gb_fail *fail)
{
    git_oid tip;
    enum gb_err err = gb_git_tip(l, &tip, fail);
    if (err)
        return err;
    if (git_oid_is_zero(&tip))
        return gb_fail_set(fail, GB_E_MISSING, "%s: the ledger is empty",
                           l->root);
    struct gb_oid commit = gb_git_oid_of(&tip);
    return gb_ledger_read_at(l, &commit, path, out, fail);
}

/* --------------------------------------------------------------- log -- */

static enum gb_err
push(struct gb_ledger_log *log, size_t *room, const git_oid *oid,
     struct gb_fail *fail)
{
    if (log->count == *room) {
        size_t more = *room ? *room * 2 : 256;
        struct gb_oid *p = realloc(log->commits, more * sizeof *p);
        if (!p)
            return gb_fail_memory(fail);
        log->commits = p;
        *room = more;
    }
    log->commits[log->count++] = gb_git_oid_of(oid);
    return GB_OK;
}

/* The commit before, or zeros at the root. */
static enum gb_err
parent_of(struct gb_ledger *l, git_oid *oid, struct gb_fail *fail)
{
    git_odb_object *object;
    struct gb_commit_parts parts;
    enum gb_err err = gb_git_object(&object, l, oid, GIT_OBJECT_COMMIT,
                                    GB_LEDGER_COMMIT_MAX, fail);
    if (err)
        return err;
    if (gb_commit_links(gb_git_bytes(object), &parts))
        *oid = parts.parent;
    else
        err = gb_fail_set(fail, GB_E_LEDGER, "not a commit of a ledger");
    git_odb_object_free(object);
    return err;
}

enum gb_err
gb_ledger_log(struct gb_ledger *l, const struct gb_oid *after,
              struct gb_ledger_log *out, struct gb_fail *fail)
{
    size_t room = 0;
    git_oid at, stop = {{0}};

    *out = (struct gb_ledger_log){0};
    if (after)
        stop = gb_git_oid(after);
    enum gb_err err = gb_git_tip(l, &at, fail);
    while (!err && !git_oid_is_zero(&at) && !git_oid_equal(&at, &stop)) {
        err = push(out, &room, &at, fail);
        if (!err)
            err = parent_of(l, &at, fail);
    }
    if (!err && after && git_oid_is_zero(&at))
        err = gb_fail_set(fail, GB_E_HISTORY,
                          "the ledger does not hold the commit that was seen "
                          "before");
    if (err) {
        gb_ledger_log_release(out);
        return err;
    }
    for (size_t i = 0; i < out->count / 2; i++) {
        struct gb_oid swap = out->commits[i];
        out->commits[i] = out->commits[out->count - 1 - i];
        out->commits[out->count - 1 - i] = swap;
    }
    return GB_OK;
}

void
gb_ledger_log_release(struct gb_ledger_log *log)
{
    free(log->commits);
    *log = (struct gb_ledger_log){0};
}
