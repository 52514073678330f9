/* git.c - calls of libgit2 that fail (support/fault.h) */
#include "../fault.h"

#include <git2.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

/* Whether this call fails, as libgit2 would say it. */
static bool
refuse(void)
{
    if (!fault_here(FAULT_GIT))
        return false;
    git_error_set_str(GIT_ERROR_OS, "made to fail: Input/output error");
    return true;
}

#define WRAP(name, parameters, arguments)                                      \
    int __real_git_##name parameters;                                          \
    int __wrap_git_##name parameters;                                          \
    int __wrap_git_##name parameters                                           \
    {                                                                          \
        return refuse() ? GIT_ERROR : __real_git_##name arguments;             \
    }

WRAP(libgit2_init, (void), ())
WRAP(repository_open_bare, (git_repository * *out, const char *path),
     (out, path))
WRAP(repository_init_ext,
     (git_repository * *out, const char *path,
      git_repository_init_options *options),
     (out, path, options))
WRAP(repository_config, (git_config * *out, git_repository *repo), (out, repo))
WRAP(repository_set_odb, (git_repository * repo, git_odb *odb), (repo, odb))
WRAP(config_set_string, (git_config * c, const char *name, const char *v),
     (c, name, v))
WRAP(config_set_int32, (git_config * c, const char *name, int32_t v),
     (c, name, v))
WRAP(config_set_bool, (git_config * c, const char *name, int v), (c, name, v))
WRAP(reference_lookup,
     (git_reference * *out, git_repository *repo, const char *name),
     (out, repo, name))
WRAP(reference_name_to_id,
     (git_oid * out, git_repository *repo, const char *name), (out, repo, name))
WRAP(reference_create_matching,
     (git_reference * *out, git_repository *repo, const char *name,
      const git_oid *id, int force, const git_oid *current, const char *log),
     (out, repo, name, id, force, current, log))
WRAP(odb_new, (git_odb * *out), (out))
WRAP(odb_add_backend, (git_odb * odb, git_odb_backend *b, int priority),
     (odb, b, priority))
WRAP(odb_backend_one_pack, (git_odb_backend * *out, const char *path),
     (out, path))
WRAP(odb_backend_pack, (git_odb_backend * *out, const char *path), (out, path))
WRAP(odb_backend_loose,
     (git_odb_backend * *out, const char *path, int level, int sync,
      unsigned dir, unsigned file),
     (out, path, level, sync, dir, file))
WRAP(odb_read, (git_odb_object * *out, git_odb *odb, const git_oid *id),
     (out, odb, id))
WRAP(odb_read_header,
     (size_t * len, git_object_t *type, git_odb *odb, const git_oid *id),
     (len, type, odb, id))
WRAP(odb_hash, (git_oid * out, const void *data, size_t len, git_object_t type),
     (out, data, len, type))
WRAP(odb_foreach, (git_odb * odb, git_odb_foreach_cb f, void *arg),
     (odb, f, arg))
WRAP(mempack_new, (git_odb_backend * *out), (out))
WRAP(packbuilder_new, (git_packbuilder * *out, git_repository *repo),
     (out, repo))
WRAP(packbuilder_insert,
     (git_packbuilder * pb, const git_oid *id, const char *name),
     (pb, id, name))
WRAP(packbuilder_write,
     (git_packbuilder * pb, const char *path, unsigned mode,
      git_indexer_progress_cb f, void *arg),
     (pb, path, mode, f, arg))
WRAP(indexer_new,
     (git_indexer * *out, const char *path, unsigned mode, git_odb *odb,
      git_indexer_options *options),
     (out, path, mode, odb, options))
WRAP(indexer_append,
     (git_indexer * x, const void *data, size_t n,
      git_indexer_progress *progress),
     (x, data, n, progress))
WRAP(indexer_commit, (git_indexer * x, git_indexer_progress *progress),
     (x, progress))
