/* git_ledger.c - see ledger.h: making, opening and closing; the tip. */
#include "git_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ----------------------------------------------------------- library -- */

static int started = -1; /* what start() came to */

/* Once per process: libgit2's options are global. */
static void
start(void)
{
    static const struct {
        int option;
        size_t value;
    } sizes[] = {
        /* Unlimited by default: a process that runs out of file handles is
         * told "object not found" of objects that are there. */
        {GIT_OPT_SET_MWINDOW_FILE_LIMIT, 64},
        /* What is mapped counts as memory of the process. */
        {GIT_OPT_SET_MWINDOW_SIZE, 1u << 20},
        {GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, 4u << 20},
#ifdef GB_HAVE_PACK_MAX_OBJECT_SIZE /* 1.5.1 with its security update */
        {GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, 2 * (size_t)GB_LEDGER_FILE_MAX},
#endif
    };
    static const int switches[][2] = {
        {GIT_OPT_ENABLE_FSYNC_GITDIR, 1},
        /* gb_git_read() does, in a third of the time. */
        {GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0},
        /* A hub's folder may belong to its service, an audited copy to anyone;
         * nothing in a repository is ever run. */
        {GIT_OPT_SET_OWNER_VALIDATION, 0},
    };
    if (git_libgit2_init() < 0)
        return;
    int bad =
        git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(512 << 10)) < 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bad |= git_libgit2_opts(sizes[i].option, sizes[i].value) < 0;
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        bad |= git_libgit2_opts(switches[i][0], switches[i][1]) < 0;
    /* The account's own settings must not change what is written. */
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                 GIT_CONFIG_LEVEL_GLOBAL,
                                 GIT_CONFIG_LEVEL_PROGRAMDATA};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        bad |= git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "") < 0;
    started = bad ? -1 : 0;
}

static enum gb_err
library(struct gb_fail *fail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    return started == 0
               ? GB_OK
               : gb_git_fail(fail, GB_E_STATE, "libgit2 does not start");
}

/* Whether the system failed, and not what it was asked to read: a folder or a
 * loop of links in place of a file is damage. */
static bool
of_machine(const git_error *e)
{
    static const int numbers[] = {EIO,    ENOMEM, EMFILE, ENFILE,
                                  ENOSPC, EROFS,  EACCES, EPERM};
    bool is = false;
    for (size_t i = 0; e && i < sizeof numbers / sizeof *numbers; i++)
        is |= e->klass == GIT_ERROR_OS &&
              strstr(e->message, strerrordesc_np(numbers[i]));
    return is;
}

/* What to do about a failure of the system that libgit2 put into words. */
static const char *
remedy(const git_error *e, enum gb_err code)
{
    static const int of_disks[] = {ENOSPC, EDQUOT, EROFS, EIO};
    bool disk = code == GB_E_IO && !e;
    for (size_t i = 0; e && i < sizeof of_disks / sizeof *of_disks; i++)
        disk |= e->klass == GIT_ERROR_OS &&
                strstr(e->message, strerrordesc_np(of_disks[i]));
    return disk ? ": see that the disk has room, is writable and sound" : "";
}

enum gb_err
gb_git_fail(struct gb_fail *fail, enum gb_err code, const char *format, ...)
{
    const git_error *e = git_error_last();
    char words[400];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (e && e->klass == GIT_ERROR_NOMEMORY)
        code = GB_E_MEMORY;
    if (code == GB_E_LEDGER && of_machine(e))
        code = GB_E_IO; /* nobody is to blame for it */
    code = gb_fail_set(fail, code, "%s: %s%s", words,
                       e ? e->message : gb_err_sentence(code), remedy(e, code));
    git_error_clear();
    return code;
}

/* ------------------------------------------------------------- small -- */

git_oid
gb_git_oid(const struct gb_oid *oid)
{
    git_oid out;
    memcpy(out.id, oid->bytes, GB_OID_BYTES);
    return out;
}

struct gb_oid
gb_git_oid_of(const git_oid *oid)
{
    struct gb_oid out;
    memcpy(out.bytes, oid->id, GB_OID_BYTES);
    return out;
}

enum gb_err
gb_git_room(const char *path, struct gb_fail *fail)
{
    if (!*path || strlen(path) > GB_GIT_ROOT_MAX)
        return gb_fail_set(fail, GB_E_USAGE, "'%s': the path is %s", path,
                           *path ? "too long" : "empty");
    return GB_OK;
}

void
gb_git_join(char out[GB_FILE_PATH_MAX], const char *dir, const char *name,
            const char *suffix)
{
    size_t n = strlen(dir);
    gb_assert(n);
    bool slash = dir[n - 1] == '/';
    int len = snprintf(out, GB_FILE_PATH_MAX, "%s%s%s%s", dir, slash ? "" : "/",
                       name, suffix);
    gb_assert(len < GB_FILE_PATH_MAX);
}

int
gb_git_add(git_odb *odb, git_odb_backend *b, int priority)
{
    int rc = git_odb_add_backend(odb, b, priority);
    if (rc < 0)
        b->free(b);
    return rc;
}

/* ------------------------------------------------------------ making -- */

/* What stock git shall know.  No automatic gc: packs are merged here. */
static enum gb_err
configure(git_repository *repo, struct gb_fail *fail)
{
    git_config *config = NULL;
    enum gb_err err = GB_OK;
    if (git_repository_config(&config, repo) < 0 ||
        git_config_set_string(config, "gpg.format", "ssh") < 0 ||
        git_config_set_int32(config, "gc.auto", 0) < 0 ||
        git_config_set_bool(config, "receive.denyNonFastForwards", 1) < 0 ||
        git_config_set_bool(config, "receive.denyDeletes", 1) < 0 ||
        /* Sets are compressed already: a pack's builder shall look at one
         * neighbour for a difference, not at ten. */
        git_config_set_int32(config, "pack.windowMemory", 1) < 0 ||
        git_config_set_int32(config, "pack.deltaCacheSize", 16 << 20) < 0)
        err = gb_git_fail(fail, GB_E_IO, "the ledger's configuration");
    git_config_free(config);
    return err;
}

/* All of the new repository, on disk: it is made once, so the whole file
 * system's buffers may go along. */
static enum gb_err
sync_all(const char *path, struct gb_fail *fail)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : syncfs(fd);
    if (rc != 0)
        gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc == 0 ? GB_OK : GB_E_IO;
}

enum gb_err
gb_ledger_init(const char *path, struct gb_fail *fail)
{
    git_repository *repo = NULL;
    git_repository_init_options options;
    struct stat st;

    enum gb_err err = library(fail);
    if (err)
        return err;
    if (stat(path, &st) == 0)
        return gb_fail_set(fail, GB_E_EXISTS, "%s: exists already", path);
    git_repository_init_options_init(&options,
                                     GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT |
                    GIT_REPOSITORY_INIT_MKDIR;
    options.initial_head = "main";
    options.description = "Gengbu ledger\n";
    if (git_repository_init_ext(&repo, path, &options) < 0)
        err = gb_git_fail(fail, GB_E_IO, "%s", path);
    if (!err)
        err = configure(repo, fail);
    git_repository_free(repo);
    return err ? err : sync_all(path, fail);
}

/* ----------------------------------------------------------- opening -- */

/* An object database of this folder alone.  git_repository_odb() would also
 * follow objects/info/alternates to packs that nobody has checked. */
enum gb_err
gb_git_reload(struct gb_ledger *l, struct gb_fail *fail)
{
    git_odb *odb = NULL;
    git_odb_backend *b = NULL;
    enum gb_err err = GB_OK;
    if (git_odb_new(&odb) < 0 ||
        git_odb_backend_loose(&b, l->objects, -1, 1, 0, 0) < 0 ||
        gb_git_add(odb, b, 1) < 0 || git_odb_backend_pack(&b, l->objects) < 0 ||
        gb_git_add(odb, b, 2) < 0 ||
        (l->packed && gb_odb_add(odb, l->packed, 3) < 0) ||
        (l->write &&
         (git_mempack_new(&b) < 0 || gb_git_add(odb, b, 999) < 0)) ||
        git_repository_set_odb(l->repo, odb) < 0)
        err = gb_git_fail(fail, GB_E_LEDGER, "%s", l->objects);
    if (!err) {
        git_odb_free(l->odb);
        l->odb = odb;
        l->memory = l->write ? b : NULL;
        return GB_OK;
    }
    git_odb_free(odb);
    return err;
}

/* A multi-pack-index is only derived from the packs, and libgit2 believes it
 * unchecked: a writer removes it, a reader asks for that and accuses nobody. */
static enum gb_err
drop_midx(const struct gb_ledger *l, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_git_join(path, l->packs, "multi-pack-index", "");
    if (access(path, F_OK) != 0)
        return GB_OK;
    if (!l->write)
        return gb_fail_set(fail, GB_E_MISSING,
                           "%s: cannot be checked; remove it, git makes it "
                           "again from the packs when it wants it",
                           path);
    if (unlink(path) != 0)
        return gb_fail_set(fail, GB_E_IO, "%s: %s", path, strerror(errno));
    return GB_OK;
}

/* Something stands at dir/name. */
static bool
stands(const char *dir, const char *name)
{
    char path[GB_FILE_PATH_MAX];
    gb_git_join(path, dir, name, "");
    return !access(path, F_OK);
}

/* Why a path is no repository, and what to name instead. */
static enum gb_err
not_one(const char *path, struct gb_fail *fail)
{
    git_error_clear();
    if (access(path, F_OK) != 0)
        return gb_fail_set(fail, GB_E_MISSING, "%s: is not there: %s", path,
                           strerror(errno));
    if (stands(path, "ledger.git"))
        return gb_fail_set(fail, GB_E_MISSING,
                           "%s: is a hub's folder: name %s/ledger.git", path,
                           path);
    return gb_fail_set(fail, GB_E_MISSING,
                       "%s: is no git repository: name the folder that `git "
                       "clone --bare` or `git clone` made",
                       path);
}

/* libgit2 opens these by name, and would wait for ever at a FIFO. */
static enum gb_err
check_files(const struct gb_ledger *l, struct gb_fail *fail)
{
    static const char *const names[] = {"HEAD", "config", "packed-refs",
                                        GB_LEDGER_REF};
    char path[GB_FILE_PATH_MAX];
    struct stat st;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gb_git_join(path, l->root, names[i], "");
        if (!stat(path, &st) && !S_ISREG(st.st_mode))
            return gb_fail_set(fail, GB_E_LEDGER,
                               "%s: not a file: restore it from a backup",
                               path);
    }
    return GB_OK;
}

/* A batch is published by comparing what the ref holds with a commit: a name
 * in it would never match, and every batch fail at its end. */
static enum gb_err
check_ref(const struct gb_ledger *l, struct gb_fail *fail)
{
    git_reference *ref = NULL;
    int rc = git_reference_lookup(&ref, l->repo, GB_LEDGER_REF);
    bool symbolic = !rc && git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC;
    git_reference_free(ref);
    git_error_clear(); /* none yet is fine; damage is told by who reads it */
    if (!symbolic)
        return GB_OK;
    return gb_fail_set(fail, GB_E_LEDGER,
                       "%s" GB_LEDGER_REF ": names another ref, where a "
                       "commit must stand: `git update-ref --no-deref "
                       "refs/heads/main COMMIT` puts one there",
                       l->root);
}

/* What a reader would take for a ledger with holes.  Nobody is accused: the
 * rest is elsewhere. */
static enum gb_err
check_whole(const struct gb_ledger *l, const char *path, struct gb_fail *fail)
{
    static const char *const signs[][2] = {
        {"shallow", "has not all of the history: clone it without --depth, or "
                    "`git fetch --unshallow`"},
        {"objects/info/alternates",
         "borrows objects of another repository, which nobody checks: clone it "
         "without --shared and --reference"},
    };
    for (size_t i = 0; !l->write && i < sizeof signs / sizeof *signs; i++)
        if (stands(l->root, signs[i][0]))
            return gb_fail_set(fail, GB_E_MISSING, "%s: %s", path, signs[i][1]);
    return GB_OK;
}

/* A copy's settings are nobody's here, and may include files to wait for. */
static enum gb_err
no_config(const struct gb_ledger *l, struct gb_fail *fail)
{
    git_config *none = NULL;
    enum gb_err err = GB_OK;
    if (git_config_new(&none) < 0 ||
        git_repository_set_config(l->repo, none) < 0)
        err = gb_git_fail(fail, GB_E_MEMORY, "%s", l->root);
    git_config_free(none);
    return err;
}

static enum gb_err
open_repository(struct gb_ledger *l, const char *path, struct gb_fail *fail)
{
    enum gb_err err = gb_git_room(path, fail);
    if (err)
        return err;
    /* A reader may have a clone with a work tree. */
    bool tree = !l->write && stands(path, ".git/");
    gb_git_join(l->root, path, tree ? ".git" : "", "");
    gb_git_join(l->objects, l->root, "objects/", "");
    gb_git_join(l->packs, l->objects, "pack/", "");
    err = check_files(l, fail);
    if (err)
        return err;
    int rc = git_repository_open_bare(&l->repo, l->root);
    if (rc == GIT_ENOTFOUND)
        return not_one(path, fail);
    if (rc < 0)
        return gb_git_fail(fail, GB_E_MISSING, "%s", path);
    err = check_whole(l, path, fail);
    if (!err && !l->write)
        err = no_config(l, fail);
    if (err)
        return err;
    if (l->write)
        err = check_ref(l, fail);
    if (!err && l->write)
        err = gb_git_recover(l, fail);
    if (!err)
        err = drop_midx(l, fail);
    if (!err)
        err = l->write ? gb_packs_check(l, fail)
                       : gb_odb_open(&l->packed, l, NULL, fail);
    return err ? err : gb_git_reload(l, fail);
}

enum gb_err
gb_ledger_open(struct gb_ledger **out, const char *path,
               enum gb_ledger_mode mode, struct gb_fail *fail)
{
    *out = NULL;
    enum gb_err err = library(fail);
    if (err)
        return err;
    struct gb_ledger *l = calloc(1, sizeof *l);
    if (!l)
        return gb_fail_set(fail, GB_E_MEMORY, "%s: out of memory", path);
    l->write = mode == GB_LEDGER_WRITE;
    err = open_repository(l, path, fail);
    if (err) {
        gb_ledger_close(l);
        return err;
    }
    *out = l; /* transferred */
    return GB_OK;
}

enum gb_err
gb_ledger_open_memory(struct gb_ledger **out, struct gb_ledger_store *store,
                      struct gb_fail *fail)
{
    *out = NULL;
    enum gb_err err = library(fail);
    if (err)
        return err;
    struct gb_ledger *l = calloc(1, sizeof *l);
    if (!l)
        return gb_fail_memory(fail);
    l->write = true;
    l->store = store;
    err = gb_store_open(l, fail);
    if (err) {
        gb_ledger_close(l);
        return err;
    }
    *out = l; /* transferred */
    return GB_OK;
}

void
gb_ledger_close(struct gb_ledger *l)
{
    if (!l)
        return;
    gb_ledger_discard(l);
    for (int i = 0; i <= GB_LEDGER_DEPTH_MAX; i++)
        gb_tree_release(&l->seen[i].tree);
    git_odb_free(l->odb);
    git_repository_free(l->repo);
    gb_odb_free(l->packed);
    free(l);
}

/* --------------------------------------------------------------- tip -- */

enum gb_err
gb_git_tip(struct gb_ledger *l, git_oid *out, struct gb_fail *fail)
{
    if (l->store) {
        *out = *gb_store_tip(l->store);
        return GB_OK;
    }
    memset(out, 0, sizeof *out);
    int rc = git_reference_name_to_id(out, l->repo, GB_LEDGER_REF);
    if (rc == 0)
        return GB_OK;
    memset(out, 0, sizeof *out);
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return GB_OK;
    }
    return gb_git_fail(fail, GB_E_LEDGER, "%s", GB_LEDGER_REF);
}

enum gb_err
gb_ledger_tip(struct gb_ledger *l, struct gb_ledger_tip *out,
              struct gb_fail *fail)
{
    git_oid tip;
    struct gb_ledger_commit c;
    enum gb_err err = gb_git_tip(l, &tip, fail);
    if (err)
        return err;
    if (git_oid_is_zero(&tip))
        return gb_fail_set(fail, GB_E_MISSING, "%s: the ledger is empty",
                           l->root);
    out->oid = gb_git_oid_of(&tip);
    err = gb_ledger_commit_read(l, &out->oid, &c, fail);
    out->time_s = c.time_s;
    gb_ledger_commit_release(&c);
    return err;
}
