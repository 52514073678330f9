/* backup.c - see backup.h */
#include "hub/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/takeover.h"

#define PIECE 65536
#define SMALL (1u << 20) /* other files of a repository are far below */

/* A file of the ledger at the moment of the backup. */
struct item {
    char *name; /* below ledger.git, owned */
    bool fixed; /* never changes once it is there (packs, their indexes) */
    int fd;     /* fixed: open for reading; -1: the copy has it */
    struct gb_buf text; /* not fixed: its bytes */
    uint64_t size;
};

struct backup {
    struct gb_office *o;
    const char *folder;
    struct item *items;
    size_t n, room;
    struct gb_backup *out;
    gb_progress_fn *progress;
    void *context;
    uint64_t all, done;
};

/* "FOLDER/NAME" in the copy. */
static void
copy_path(const struct backup *b, char out[GB_FILE_PATH_MAX], const char *name)
{
    snprintf(out, GB_FILE_PATH_MAX, "%.2000s/%.2000s", b->folder, name);
}

/* ---------------------------------------------------------- the folder -- */

/* New, empty, or a backup of this site. */
static enum gb_err
check_folder(struct backup *b, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], site[33];
    struct gb_buf text;
    struct gb_names names = {0};
    enum gb_err e = gb_file_folder(b->folder, 0700, fail);
    if (!e)
        e = gb_file_list(b->folder, &names, fail);
    bool empty = names.count == 0, hub = false, begun = false;
    for (size_t i = 0; i < names.count; i++) {
        hub |= !strcmp(names.list[i], "hub.db");
        begun |= !strcmp(names.list[i], "backup");
    }
    gb_names_release(&names);
    if (e || empty)
        return e;
    gb_buf_init(&text, 256);
    copy_path(b, path, "backup");
    gb_hex_encode(site, b->o->site, sizeof b->o->site);
    bool ours = begun && !hub && !gb_file_read(path, &text, fail) &&
                text.len == 33 && !memcmp(text.ptr, site, 32);
    gb_buf_release(&text);
    return ours ? GB_OK
                : gb_fail_set(fail, GB_E_EXISTS,
                              "%s holds other things than a backup of this "
                              "hub: choose a new folder",
                              b->folder);
}

/* The folder is marked first, so that a broken first backup can be gone on
 * with; `site`, which makes it a hub's folder, comes last. */
static enum gb_err
make_folders(struct backup *b, struct gb_fail *fail)
{
    static const char *const folders[] = {"keys", "quarantine", "waiting",
                                          "ledger.git"};
    char path[GB_FILE_PATH_MAX], site[34];
    gb_hex_encode(site, b->o->site, sizeof b->o->site);
    site[32] = '\n';
    copy_path(b, path, "backup");
    enum gb_err e = gb_file_write(path, GB_SPAN(site, 33), 0600, fail);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !e; i++) {
        copy_path(b, path, folders[i]);
        e = gb_file_folder(path, 0700, fail);
    }
    return e;
}

/* -------------------------------------------------- listing the ledger -- */

static struct item *
add_item(struct backup *b, const char *name)
{
    if (b->n == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        struct item *items = realloc(b->items, room * sizeof *items);
        if (!items)
            return NULL;
        b->items = items;
        b->room = room;
    }
    struct item *i = &b->items[b->n];
    *i = (struct item){.name = strdup(name), .fd = -1};
    if (!i->name)
        return NULL;
    b->n++;
    return i;
}

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

/* One file: hold on to it if it never changes and is not in the copy yet,
 * else read it. */
static enum gb_err
take_file(struct backup *b, const char *path, const char *name, uint64_t size,
          struct gb_fail *fail)
{
    char copy[GB_FILE_PATH_MAX], below[GB_FILE_PATH_MAX];
    struct stat st;
    if (ends_with(name, ".lock") || strstr(name, "/tmp_"))
        return GB_OK;
    struct item *i = add_item(b, name);
    if (!i)
        return gb_fail_memory(fail);
    i->size = size;
    i->fixed = !strncmp(name, "objects/", 8);
    if (!i->fixed) {
        gb_buf_init(&i->text, SMALL);
        return gb_file_read(path, &i->text, fail);
    }
    snprintf(below, sizeof below, "ledger.git/%.2000s", name);
    copy_path(b, copy, below);
    if (!stat(copy, &st) && (uint64_t)st.st_size == size)
        return GB_OK;
    i->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (i->fd < 0)
        return gb_file_fail(fail, errno, path, "read");
    b->all += size;
    return GB_OK;
}

/* All files below a folder of the repository. */
static enum gb_err
take_folder(struct backup *b, const char *name, int depth, struct gb_fail *fail)
{
    char folder[GB_FILE_PATH_MAX], path[GB_FILE_PATH_MAX];
    char below[GB_FILE_PATH_MAX];
    struct gb_names names = {0};
    struct stat st;
    gb_office_path(b->o, "ledger.git", path);
    snprintf(folder, sizeof folder, "%.2000s/%.2000s", path, name);
    enum gb_err e = gb_file_list(folder, &names, fail);
    for (size_t i = 0; i < names.count && !e; i++) {
        snprintf(path, sizeof path, "%.2000s/%.200s", folder, names.list[i]);
        snprintf(below, sizeof below, "%.2000s%s%.200s", name, *name ? "/" : "",
                 names.list[i]);
        if (stat(path, &st))
            e = gb_file_fail(fail, errno, path, "read");
        else if (S_ISDIR(st.st_mode) && depth < 8)
            e = take_folder(b, below, depth + 1, fail);
        else if (S_ISREG(st.st_mode))
            e = take_file(b, path, below, (uint64_t)st.st_size, fail);
    }
    gb_names_release(&names);
    return e;
}

/* ------------------------------------------------------------- copying -- */

/* The folders above a file in the copy. */
static enum gb_err
make_parents(const char *path, size_t from, struct gb_fail *fail)
{
    char folder[GB_FILE_PATH_MAX];
    enum gb_err e = GB_OK;
    snprintf(folder, sizeof folder, "%s", path);
    for (char *c = folder + from; !e && (c = strchr(c, '/')); c++) {
        *c = 0;
        e = gb_file_folder(folder, 0700, fail);
        *c = '/';
    }
    return e;
}

static enum gb_err
copy_bytes(struct backup *b, int fd, const char *path, struct gb_fail *fail)
{
    struct gb_file file;
    uint8_t *piece = malloc(PIECE);
    ssize_t n = 1;
    if (!piece)
        return gb_fail_memory(fail);
    enum gb_err e = gb_file_begin(&file, path, 0400, fail);
    while (!e && n) {
        n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            e = gb_file_fail(fail, errno, path, "copied");
        else
            e = gb_file_add(&file, GB_SPAN(piece, (size_t)n), fail);
        b->done += e ? 0 : (uint64_t)n;
        if (b->progress)
            b->progress(b->context, b->done, b->all);
    }
    if (!e)
        e = gb_file_commit(&file, true, fail);
    gb_file_abandon(&file);
    free(piece);
    return e;
}

/* Whether this is one of the files by which the copy's tip moves. */
static bool
moves_tip(const struct item *i)
{
    return !strncmp(i->name, "refs/", 5) || !strcmp(i->name, "packed-refs");
}

/* Objects first, their indexes behind them, refs last. */
static enum gb_err
copy_item(struct backup *b, struct item *i, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], below[GB_FILE_PATH_MAX];
    if (i->fixed && i->fd < 0)
        return GB_OK;
    snprintf(below, sizeof below, "ledger.git/%.2000s", i->name);
    copy_path(b, path, below);
    enum gb_err e = make_parents(path, strlen(b->folder) + 1, fail);
    if (e)
        return e;
    if (!i->fixed)
        return gb_file_write_checked(path, gb_buf_view(&i->text), 0600, fail);
    b->out->copied++;
    b->out->bytes += i->size;
    return copy_bytes(b, i->fd, path, fail);
}

static enum gb_err
copy_ledger(struct backup *b, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < b->n && !e; i++) {
            struct item *t = &b->items[i];
            int when = moves_tip(t) ? 2 : ends_with(t->name, ".idx") ? 1 : 0;
            if (when == pass)
                e = copy_item(b, t, fail);
        }
    return e;
}

/* Packs that were merged into others since the last backup. */
static enum gb_err
remove_merged(struct backup *b, struct gb_fail *fail)
{
    static const char packs[] = "objects/pack";
    char path[GB_FILE_PATH_MAX], name[GB_FILE_PATH_MAX];
    struct gb_names names = {0};
    snprintf(name, sizeof name, "ledger.git/%s", packs);
    copy_path(b, path, name);
    enum gb_err e = gb_file_list(path, &names, fail);
    for (size_t k = 0; k < names.count && !e; k++) {
        bool there = false;
        snprintf(name, sizeof name, "%s/%.200s", packs, names.list[k]);
        for (size_t i = 0; i < b->n; i++)
            there |= !strcmp(b->items[i].name, name);
        snprintf(name, sizeof name, "ledger.git/%s/%.200s", packs,
                 names.list[k]);
        copy_path(b, path, name);
        if (!there)
            e = gb_file_remove(path, fail);
    }
    gb_names_release(&names);
    return e;
}

/* The copy opens, and ends where the ledger did. */
static enum gb_err
check_ledger(struct backup *b, const struct gb_oid *tip, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_ledger *l = NULL;
    struct gb_ledger_tip got;
    copy_path(b, path, "ledger.git");
    enum gb_err e = gb_ledger_open(&l, path, GB_LEDGER_READ, fail);
    if (!e)
        e = gb_ledger_tip(l, &got, fail);
    if (!e && memcmp(&got.oid, tip, sizeof got.oid))
        e = gb_fail_set(fail, GB_E_LEDGER, "the copy is not the ledger");
    gb_ledger_close(l);
    return e ? gb_fail_wrap(fail, "%s", path) : GB_OK;
}

/* personal.db as it is now, by SQLite, as a whole or not at all. */
static enum gb_err
copy_personal(struct backup *b, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], fresh[GB_FILE_PATH_MAX];
    sqlite3 *db = NULL;
    struct stat st;
    copy_path(b, fresh, "personal.db.new");
    enum gb_err e = gb_file_remove(fresh, fail);
    gb_office_path(b->o, "personal.db", path);
    if (!e)
        e = gb_db_open_readonly(path, &db, fail);
    if (!e)
        e = gb_db_execf(db, fail, "VACUUM INTO %Q", fresh);
    gb_db_close(db);
    if (e)
        return e;
    copy_path(b, path, "personal.db");
    int fd = open(fresh, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) || fsync(fd) || fstat(fd, &st) ||
        rename(fresh, path))
        e = gb_file_fail(fail, errno, fresh, "written");
    else
        b->out->bytes += (uint64_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return e ? e : gb_file_sync_folder(b->folder, fail);
}

/* Small files of the hub's folder, as they are. */
static enum gb_err
copy_small(struct backup *b, const char *name, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_buf text;
    gb_buf_init(&text, SMALL);
    gb_office_path(b->o, name, path);
    enum gb_err e = gb_file_read(path, &text, fail);
    copy_path(b, path, name);
    if (!e)
        e = gb_file_write_checked(path, gb_buf_view(&text), 0600, fail);
    if (text.ptr)
        gb_wipe(text.ptr, text.cap); /* keys */
    gb_buf_release(&text);
    return e;
}

/* Only there once a number's work was taken over. */
static enum gb_err
copy_takeovers(struct backup *b, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_office_path(b->o, GB_TAKEOVER_FILE, path);
    return access(path, F_OK) ? GB_OK : copy_small(b, GB_TAKEOVER_FILE, fail);
}

/* --------------------------------------------------------------- whole -- */

/* Under the lock: what there is at this moment. */
static enum gb_err
take_moment(struct backup *b, struct gb_oid *tip, struct gb_fail *fail)
{
    struct gb_ledger_tip at;
    enum gb_err e = gb_office_lock(b->o, fail);
    if (e)
        return e;
    e = gb_ledger_tip(b->o->ledger, &at, fail);
    if (!e)
        e = take_folder(b, "", 0, fail);
    *tip = at.oid;
    b->out->head = gb_state_head(b->o->state);
    gb_office_unlock(b->o);
    return e;
}

static enum gb_err
make(struct backup *b, struct gb_fail *fail)
{
    static const char *const small[] = {"keys/hub", "keys/ledger",
                                        "keys/receive", "site"};
    struct gb_oid tip;
    enum gb_err e = make_folders(b, fail);
    if (!e)
        e = take_moment(b, &tip, fail);
    if (!e)
        e = copy_ledger(b, fail);
    if (!e)
        e = remove_merged(b, fail);
    if (!e)
        e = check_ledger(b, &tip, fail);
    if (!e)
        e = copy_personal(b, fail);
    if (!e)
        e = copy_takeovers(b, fail);
    for (size_t i = 0; i < sizeof small / sizeof *small && !e; i++)
        e = copy_small(b, small[i], fail);
    return e;
}

enum gb_err
gb_backup_make(struct gb_office *o, const char *folder,
               gb_progress_fn *progress, void *context, struct gb_backup *out,
               struct gb_fail *fail)
{
    struct backup b = {.o = o,
                       .folder = folder,
                       .out = out,
                       .progress = progress,
                       .context = context};
    char path[GB_FILE_PATH_MAX];
    struct gb_lock lock = {.fd = -1};
    *out = (struct gb_backup){0};
    enum gb_err e = check_folder(&b, fail);
    copy_path(&b, path, ".backup-lock");
    if (!e)
        e = gb_lock_take(&lock, path, "gengbu-hub backup", 0, fail);
    if (!e)
        e = make(&b, fail);
    for (size_t i = 0; i < b.n; i++) {
        free(b.items[i].name);
        gb_buf_release(&b.items[i].text);
        if (b.items[i].fd >= 0)
            close(b.items[i].fd);
    }
    free(b.items);
    gb_lock_release(&lock);
    return e;
}
