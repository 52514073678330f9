/* floor_pack.c - see floor.h */
#include <git2.h>
#include <git2/sys/mempack.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "floor.h"

#define GIT(call) NEED((call) >= 0)

double
floor_pack(const char *path, const struct gb_span *blobs, size_t n)
{
    char folder[600];
    git_repository *repo;
    git_odb *odb;
    git_odb_backend *memory;
    git_packbuilder *pack;
    git_oid *ids = calloc(n, sizeof *ids);
    NEED(ids);
    GIT(git_libgit2_init());
    GIT(git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1));
    GIT(git_repository_init(&repo, path, true));
    snprintf(folder, sizeof folder, "%.500s/objects/pack", path);
    double began = bench_now();
    GIT(git_repository_odb(&odb, repo));
    GIT(git_mempack_new(&memory));
    GIT(git_odb_add_backend(odb, memory, 999));
    GIT(git_packbuilder_new(&pack, repo));
    for (size_t i = 0; i < n; i++) {
        GIT(git_odb_write(&ids[i], odb, blobs[i].ptr, blobs[i].len,
                          GIT_OBJECT_BLOB));
        GIT(git_packbuilder_insert(pack, &ids[i], NULL));
    }
    GIT(git_packbuilder_write(pack, folder, 0, NULL, NULL));
    double took = bench_now() - began;
    git_packbuilder_free(pack);
    git_odb_free(odb);
    git_repository_free(repo);
    git_libgit2_shutdown();
    free(ids);
    return took;
}
