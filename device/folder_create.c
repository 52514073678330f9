/*
 * folder_create.c - a new journal's folder, in one step as seen from outside.
 *
 * Keys first, then journal.db.new with all that the ticket brings, then its
 * rename to journal.db: that is the moment from which the folder is a journal.
 * Killed before, the next init finds only names of its own and starts again;
 * keys that are there already are kept, as nobody has seen others.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/keyfile.h"
#include "folder_private.h"
#include "inbox.h"

/* Names that init makes, in the order in which a new start removes them;
 * those up to the first that is kept are the unfinished database. */
static const struct {
    const char *name;
    bool kept;
} own_names[] = {
    {GB_FOLDER_DB_NEW "-journal", false},
    {GB_FOLDER_DB_NEW "-shm", false},
    {GB_FOLDER_DB_NEW "-wal", false},
    {GB_FOLDER_DB_NEW, false},
    {GB_FOLDER_KEYS, true},
    {GB_FOLDER_LOCK, true},
    {GB_FOLDER_LOCK_SYNC, true},
};
#define OWN_NAMES (sizeof own_names / sizeof *own_names)

static bool
is_own(const char *name)
{
    size_t i = 0;
    while (i < OWN_NAMES && strcmp(own_names[i].name, name))
        i++;
    return i < OWN_NAMES;
}

enum gb_err
gb_folder_judge(const char *path, bool keys, enum gb_folder_state *out,
                struct gb_fail *fail)
{
    struct gb_names names = {0};
    enum gb_err e = gb_file_list(path, &names, fail);
    *out = names.count ? GB_FOLDER_HALF : GB_FOLDER_EMPTY;
    for (size_t i = 0; i < names.count; i++)
        if (!is_own(names.list[i]) ||
            (!keys && strcmp(names.list[i], GB_FOLDER_LOCK)))
            *out = GB_FOLDER_OTHER;
    gb_names_release(&names);
    return e;
}

/* What may be made into a journal. */
static enum gb_err
check_free(const char *path, struct gb_fail *fail)
{
    enum gb_folder_state state;
    enum gb_err e = gb_folder_state(path, &state, fail);
    if (!e && state == GB_FOLDER_JOURNAL)
        e = gb_fail_set(fail, GB_E_EXISTS,
                        "%s: this is a journal already: make the new one in "
                        "another folder",
                        path);
    if (!e && state == GB_FOLDER_OTHER)
        e = gb_fail_set(fail, GB_E_STATE,
                        "%s: something else is here: name a new or an empty "
                        "folder",
                        path);
    return e;
}

/* A key of the device, made unless it is there. */
static enum gb_err
make_key(const char *path, const char *key, const struct gb_enrolment *en,
         struct gb_fail *fail)
{
    char name[GB_FOLDER_KEY_MAX], file[GB_FILE_PATH_MAX], comment[64];
    snprintf(comment, sizeof comment, "gengbu device %d", en->device);
    gb_folder_key_name(name, key, en->keyset);
    struct gb_sign_key made;
    struct gb_fail why = {0};
    enum gb_err e = gb_folder_name(file, path, name, fail);
    if (e)
        return e;
    gb_sign_key_generate(&made);
    e = gb_keyfile_write(file, &made, comment, GB_KEYFILE_NEW, &why);
    gb_sign_key_wipe(&made);
    if (e == GB_E_EXISTS)
        e = gb_keyfile_read(&made, file, &why);
    gb_sign_key_wipe(&made);
    return e ? gb_fail_set(fail, e, "%s", why.text) : GB_OK;
}

enum gb_err
gb_folder_make_keys(const char *path, const struct gb_enrolment *en,
                    struct gb_fail *fail)
{
    char file[GB_FILE_PATH_MAX];
    enum gb_err e = gb_folder_name(file, path, GB_FOLDER_KEYS, fail);
    if (!e)
        e = gb_file_folder(file, 0700, fail);
    if (!e)
        e = make_key(path, GB_FOLDER_SIGN, en, fail);
    if (!e)
        e = make_key(path, GB_FOLDER_RECEIVE, en, fail);
    return e;
}

enum gb_err
gb_folder_remove_unfinished(const char *path, struct gb_fail *fail)
{
    char file[GB_FILE_PATH_MAX];
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < OWN_NAMES && !own_names[i].kept && !e; i++) {
        e = gb_folder_name(file, path, own_names[i].name, fail);
        if (!e)
            e = gb_file_remove(file, fail);
    }
    return e;
}

/* The ticket's delta into the new database: what makes it useful before the
 * first contact. */
enum gb_err
gb_folder_apply_ticket(struct gb_folder *f, const char *db,
                       const struct gb_ticket *ticket, struct gb_fail *fail)
{
    struct gb_folder_keys keys = {0};
    struct gb_applied applied;
    bool complete = false;
    enum gb_err e = gb_folder_open_db(f, db, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_folder_keys(f, &keys, fail);
    for (size_t i = 0; i < ticket->ndeltas && !e; i++)
        e = gb_inbox_part(f->journal, &ticket->enrolment.site,
                          ticket->deltas[i], &complete, fail);
    if (!e && ticket->ndeltas && !complete)
        e = gb_fail_set(fail, GB_E_TICKET, "parts of its delta are missing");
    if (!e && complete)
        e = gb_journal_delta_apply(f->journal, &keys.sign, &applied, fail);
    if (!e)
        e = gb_folder_note_offset(f, fail);
    gb_journal_close(f->journal);
    f->journal = NULL;
    gb_folder_keys_wipe(&keys);
    return e ? gb_fail_wrap(fail, "ticket") : GB_OK;
}

/* Nothing of SQLite's may stay behind under the old name: what stands in a
 * write-ahead log would be lost with the rename. */
enum gb_err
gb_folder_publish(const char *path, const char *db, struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    struct stat st;
    enum gb_err e = gb_folder_name(name, path, GB_FOLDER_DB_NEW "-wal", fail);
    if (!e && stat(name, &st) == 0)
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "%s: SQLite left it: run `gengbu init` again", name);
    if (!e)
        e = gb_folder_name(name, path, GB_FOLDER_DB, fail);
    if (!e && rename(db, name))
        e = gb_file_fail(fail, errno, name, "written");
    return e ? e : gb_file_sync_folder(path, fail);
}

enum gb_err
gb_folder_create(const char *path, const struct gb_ticket *ticket,
                 struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    struct gb_folder f = {.path = path,
                          .holder = "gengbu init",
                          .lock = {.fd = -1},
                          .sync = {.fd = -1}};
    enum gb_err e = gb_crypto_init(fail);
    if (!e)
        e = gb_device_clock_init(&f.clock, fail);
    if (!e)
        e = check_free(path, fail);
    if (!e)
        e = gb_file_folder(path, 0700, fail);
    if (!e)
        e = gb_folder_name(name, path, GB_FOLDER_LOCK, fail);
    if (!e)
        e = gb_lock_take(&f.lock, name, f.holder, GB_LOCK_WAIT_MS, fail);
    if (!e) /* another init may have been first */
        e = check_free(path, fail);
    if (!e)
        e = gb_folder_make_keys(path, &ticket->enrolment, fail);
    if (!e)
        e = gb_folder_remove_unfinished(path, fail);
    if (!e)
        e = gb_folder_name(name, path, GB_FOLDER_DB_NEW, fail);
    if (!e)
        e = gb_journal_create(name, &ticket->enrolment, fail);
    if (!e)
        e = gb_folder_apply_ticket(&f, name, ticket, fail);
    if (!e)
        e = gb_folder_publish(path, name, fail);
    gb_folder_close(&f);
    return e;
}
