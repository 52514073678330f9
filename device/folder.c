/* folder.c - opening, locking, keys; see folder.h.  folder_create.c makes. */
#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/keyfile.h"
#include "engine/table_site.h"
#include "engine/term.h"
#include "folder_private.h"

enum gb_err
gb_folder_name(char out[GB_FILE_PATH_MAX], const char *folder, const char *name,
               struct gb_fail *fail)
{
    size_t n = strlen(folder);
    const char *slash = n && folder[n - 1] == '/' ? "" : "/";
    int len = snprintf(out, GB_FILE_PATH_MAX, "%s%s%s", folder, slash, name);
    if (len < 0 || len >= GB_FILE_PATH_MAX)
        return gb_fail_set(fail, GB_E_LIMIT, "%.200s...: the path is too long",
                           folder);
    return GB_OK;
}

/* What stands at a path: '-' nothing, 'd' a folder, 'f' something else. */
static enum gb_err
look(const char *path, char *out, struct gb_fail *fail)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        *out = S_ISDIR(st.st_mode) ? 'd' : 'f';
        return GB_OK;
    }
    *out = '-';
    if (errno == ENOENT || errno == ENOTDIR)
        return GB_OK;
    return gb_file_fail(fail, errno, path, "read");
}

enum gb_err
gb_folder_state(const char *path, enum gb_folder_state *out,
                struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX], kind;
    enum gb_err e = look(path, &kind, fail);
    if (e)
        return e;
    *out = kind == '-' ? GB_FOLDER_NONE : GB_FOLDER_OTHER;
    if (kind != 'd')
        return GB_OK;
    e = gb_folder_name(name, path, GB_FOLDER_DB, fail);
    if (!e)
        e = look(name, &kind, fail);
    if (!e && kind == 'f')
        *out = GB_FOLDER_JOURNAL;
    if (e || kind == 'f')
        return e;
    e = gb_folder_name(name, path, GB_FOLDER_KEYS, fail);
    if (!e)
        e = look(name, &kind, fail);
    return e ? e : gb_folder_judge(path, kind == 'd', out, fail);
}

bool
gb_folder_is_journal(const char *path)
{
    enum gb_folder_state state;
    struct gb_fail ignored = {0};
    return !gb_folder_state(path, &state, &ignored) &&
           state == GB_FOLDER_JOURNAL;
}

static bool
is_hub(const char *path)
{
    char name[GB_FILE_PATH_MAX], kind = '-';
    struct gb_fail ignored = {0};
    return !gb_folder_name(name, path, "ledger.git", &ignored) &&
           !look(name, &kind, &ignored) && kind == 'd';
}

/* A journal, or what else the folder is. */
static enum gb_err
check(const char *path, struct gb_fail *fail)
{
    enum gb_folder_state state;
    enum gb_err e = gb_folder_state(path, &state, fail);
    if (e)
        return e;
    switch (state) {
    case GB_FOLDER_JOURNAL:
        return GB_OK;
    case GB_FOLDER_NONE:
        return gb_fail_set(fail, GB_E_MISSING,
                           "%s: there is no such folder: `gengbu init %s "
                           "--ticket FILE` makes a journal",
                           path, path);
    case GB_FOLDER_HALF:
        return gb_fail_set(fail, GB_E_STATE,
                           "%s: this journal was never finished: run `gengbu "
                           "init` again",
                           path);
    default:
        return gb_fail_set(fail, GB_E_STATE,
                           is_hub(path) ? "%s: this is the office's hub: use "
                                          "`gengbu-hub`"
                                        : "%s: this is not a journal",
                           path);
    }
}

enum gb_err
gb_folder_open_db(struct gb_folder *f, const char *db, enum gb_folder_mode mode,
                  struct gb_fail *fail)
{
    static enum gb_err (*const opens[])(const char *, gb_now_fn *, void *,
                                        struct gb_journal **,
                                        struct gb_fail *) = {
        [GB_FOLDER_LOOK] = gb_journal_open_reader,
        [GB_FOLDER_COPY] = gb_journal_open_copy,
        [GB_FOLDER_READ] = gb_journal_open,
        [GB_FOLDER_WRITE] = gb_journal_open,
    };
    enum gb_err e = gb_device_clock_of(&f->clock, db, fail);
    return e ? e
             : opens[mode](db, gb_device_clock_now, &f->clock, &f->journal,
                           fail);
}

enum gb_err
gb_folder_note_offset(struct gb_folder *f, struct gb_fail *fail)
{
    struct gb_fail ignored = {0};
    struct gb_now now;
    if (gb_folder_zone(f, &ignored)) /* told where times are shown */
        return GB_OK;
    gb_device_clock_now(&f->clock, &now);
    return gb_table_site_offset(gb_journal_db(f->journal), now.wall_ms, fail);
}

/* The journal itself, the lock being as it should; one that is open already
 * is read again, which spares the schema.  Another one may have taken its
 * place while the lock was waited for (again.h); number, keys and all that the
 * caller knows are the old one's. */
static enum gb_err
open_journal(struct gb_folder *f, enum gb_folder_mode mode,
             struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    if (f->journal && gb_db_moved(gb_journal_db(f->journal)))
        return gb_fail_set(fail, GB_E_BUSY,
                           "%s: the journal was replaced meanwhile: try again",
                           f->path);
    if (f->journal)
        return gb_journal_reload(f->journal, fail);
    enum gb_err e = gb_folder_name(name, f->path, GB_FOLDER_DB, fail);
    return e ? e : gb_folder_open_db(f, name, mode, fail);
}

enum gb_err
gb_folder_reopen(struct gb_folder *f, enum gb_folder_mode mode,
                 struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    enum gb_err e = GB_OK;
    if (mode != GB_FOLDER_WRITE)
        gb_lock_release(&f->lock);
    if (mode == GB_FOLDER_WRITE && f->lock.fd < 0) {
        e = gb_folder_name(name, f->path, GB_FOLDER_LOCK, fail);
        if (!e)
            e = gb_lock_take(&f->lock, name, f->holder, GB_LOCK_WAIT_MS, fail);
    }
    if (!e)
        e = open_journal(f, mode, fail);
    if (!e && mode == GB_FOLDER_WRITE)
        e = gb_folder_note_offset(f, fail);
    if (e) {
        gb_journal_close(f->journal);
        f->journal = NULL;
    }
    return e;
}

enum gb_err
gb_folder_open(struct gb_folder *f, const char *path, const char *holder,
               enum gb_folder_mode mode, struct gb_fail *fail)
{
    *f = (struct gb_folder){
        .path = path, .holder = holder, .lock = {.fd = -1}, .sync = {.fd = -1}};
    enum gb_err e = gb_crypto_init(fail);
    if (!e)
        e = gb_device_clock_init(&f->clock, fail);
    if (!e)
        e = check(path, fail);
    return e ? e : gb_folder_reopen(f, mode, fail);
}

void
gb_folder_close(struct gb_folder *f)
{
    gb_journal_close(f->journal);
    f->journal = NULL;
    gb_lock_release(&f->lock);
    gb_lock_release(&f->sync);
}

enum gb_err
gb_folder_lock_sync(struct gb_folder *f, struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    if (f->sync.fd >= 0)
        return GB_OK;
    /* A sync waits for the journal's lock while it holds this one. */
    gb_lock_release(&f->lock);
    enum gb_err e = gb_folder_name(name, f->path, GB_FOLDER_LOCK_SYNC, fail);
    return e ? e
             : gb_lock_take(&f->sync, name, f->holder, GB_LOCK_WAIT_MS, fail);
}

void
gb_folder_key_name(char out[GB_FOLDER_KEY_MAX], const char *name, int keyset)
{
    if (keyset)
        snprintf(out, GB_FOLDER_KEY_MAX, "%s-%d", name, keyset);
    else
        snprintf(out, GB_FOLDER_KEY_MAX, "%s", name);
}

/* One key of the set that the journal names. */
static enum gb_err
read_key(const struct gb_folder *f, const char *key, int keyset,
         struct gb_sign_key *out, struct gb_fail *fail)
{
    char name[GB_FOLDER_KEY_MAX], path[GB_FILE_PATH_MAX];
    gb_folder_key_name(name, key, keyset);
    enum gb_err e = gb_folder_name(path, f->path, name, fail);
    return e ? e : gb_keyfile_read(out, path, fail);
}

enum gb_err
gb_folder_keys(const struct gb_folder *f, struct gb_folder_keys *out,
               struct gb_fail *fail)
{
    struct gb_journal_info info;
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    gb_wipe(info.secret, sizeof info.secret);
    if (!e)
        e = read_key(f, GB_FOLDER_SIGN, info.keyset, &out->sign, fail);
    if (!e)
        e = read_key(f, GB_FOLDER_RECEIVE, info.keyset, &out->receive, fail);
    return e;
}

void
gb_folder_keys_wipe(struct gb_folder_keys *keys)
{
    gb_sign_key_wipe(&keys->sign);
    gb_sign_key_wipe(&keys->receive);
}

enum gb_err
gb_folder_zone(struct gb_folder *f, struct gb_fail *fail)
{
    struct gb_journal_info info;
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    gb_wipe(info.secret, sizeof info.secret);
    return e ? e : gb_term_zone(info.site.timezone, fail);
}
