/* again.c - see again.h */
#include "again.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder_private.h"
#include "sync.h"

#define KEPT_MAX 100 /* old journals of one number */

struct going_on {
    struct gb_folder f; /* its journal is the old one, then the new one */
    const struct gb_ticket *ticket;
    struct gb_enrolment enrolment;
    char db[GB_FILE_PATH_MAX]; /* the new journal */
    const char *url;
    struct gb_again_report *out;
};

/* It may be given another number, and this one. */
static enum gb_err
check(const struct going_on *w, const struct gb_journal_info *old,
      struct gb_fail *fail)
{
    const struct gb_enrolment *en = &w->ticket->enrolment;
    if (memcmp(old->site.id, en->site.id, sizeof en->site.id))
        return gb_fail_set(fail, GB_E_SITE,
                           "this ticket is of another site than %s", w->f.path);
    if (old->device == en->device)
        return gb_fail_set(fail, GB_E_EXISTS,
                           "%s: this is the journal of device %d already",
                           w->f.path, old->device);
    if (!old->copy)
        return gb_fail_set(fail, GB_E_EXISTS,
                           "%s: this is a journal already, and no copy as far "
                           "as it knows: sync it, or make the new one in "
                           "another folder",
                           w->f.path);
    return GB_OK;
}

/* The new journal beside the old one, as the ticket makes it. */
static enum gb_err
make_journal(struct going_on *w, struct gb_fail *fail)
{
    struct gb_folder f = w->f;
    f.journal = NULL;
    w->enrolment = w->ticket->enrolment;
    w->enrolment.keyset = w->enrolment.device;
    enum gb_err e = gb_folder_name(w->db, w->f.path, GB_FOLDER_DB_NEW, fail);
    if (!e)
        e = gb_folder_make_keys(w->f.path, &w->enrolment, fail);
    if (!e)
        e = gb_folder_remove_unfinished(w->f.path, fail);
    if (!e)
        e = gb_journal_create(w->db, &w->enrolment, fail);
    return e ? e : gb_folder_apply_ticket(&f, w->db, w->ticket, fail);
}

/* The one contact: the new journal asks, and is brought up to date.  Others
 * may write in the old one meanwhile. */
static enum gb_err
contact(struct going_on *w, struct gb_fail *fail)
{
    struct gb_sync_report report;
    struct gb_journal *old = w->f.journal;
    w->f.journal = NULL;
    enum gb_err e = gb_folder_open_db(&w->f, w->db, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_journal_again_ask(w->f.journal, old, fail);
    gb_journal_close(old);
    return e ? e : gb_sync_run(&w->f, w->url, &report, fail);
}

/* Seal what the old journal has, and capture it again. */
static enum gb_err
take_over(struct going_on *w, struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    struct gb_folder f = w->f;
    struct gb_folder_keys old = {0}, keys = {0};
    int made;
    enum gb_err e = gb_folder_name(name, w->f.path, GB_FOLDER_DB, fail);
    f.journal = NULL;
    if (!e)
        e = gb_folder_open_db(&f, name, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_folder_keys(&f, &old, fail);
    if (!e)
        e = gb_journal_seal(f.journal, &old.sign, &made, fail);
    if (!e)
        e = gb_folder_keys(&w->f, &keys, fail);
    if (!e)
        e = gb_journal_again(w->f.journal, f.journal, &keys.sign,
                             &w->out->counts, fail);
    gb_journal_close(f.journal);
    gb_folder_keys_wipe(&old);
    gb_folder_keys_wipe(&keys);
    return e;
}

/* The old journal under another name as well: journal-N.db, or with -2, -3
 * behind the number when another one of that number is kept there.  *done:
 * it has that name, perhaps since an earlier attempt. */
static enum gb_err
keep_as(struct going_on *w, const char *name, int nth, bool *done,
        struct gb_fail *fail)
{
    char was[GB_FILE_PATH_MAX];
    struct stat st, there;
    snprintf(w->out->was, sizeof w->out->was,
             nth == 1 ? "journal-%d.db" : "journal-%d-%d.db", w->out->old, nth);
    enum gb_err e = gb_folder_name(was, w->f.path, w->out->was, fail);
    if (e)
        return e;
    *done = !link(name, was);
    if (*done)
        return GB_OK;
    if (errno != EEXIST || lstat(name, &st) || lstat(was, &there))
        return gb_file_fail(fail, errno, was, "written");
    *done = st.st_dev == there.st_dev && st.st_ino == there.st_ino;
    return GB_OK;
}

/* The old journal kept, and the new one in its place. */
static enum gb_err
put_in_place(struct going_on *w, struct gb_fail *fail)
{
    char name[GB_FILE_PATH_MAX];
    struct stat st;
    bool kept = false;
    enum gb_err e = gb_folder_name(name, w->f.path, GB_FOLDER_DB "-wal", fail);
    if (!e && stat(name, &st) == 0)
        e = gb_fail_set(fail, GB_E_BUSY,
                        "%s: somebody reads the journal: try again", name);
    if (!e)
        e = gb_folder_name(name, w->f.path, GB_FOLDER_DB, fail);
    for (int nth = 1; !e && !kept && nth <= KEPT_MAX; nth++)
        e = keep_as(w, name, nth, &kept, fail);
    if (!e && !kept)
        e = gb_fail_set(fail, GB_E_EXISTS,
                        "%s: %d journals of number %d are kept here: move some "
                        "elsewhere",
                        w->f.path, KEPT_MAX, w->out->old);
    return e ? e : gb_folder_publish(w->f.path, w->db, fail);
}

enum gb_err
gb_again_run(const char *path, const struct gb_ticket *ticket, const char *url,
             struct gb_again_report *out, struct gb_fail *fail)
{
    struct going_on w = {.ticket = ticket, .url = url, .out = out};
    struct gb_journal_info info;
    *out = (struct gb_again_report){0};
    enum gb_err e =
        gb_folder_open(&w.f, path, "gengbu init", GB_FOLDER_READ, fail);
    if (!e) /* until the new journal is in its place */
        e = gb_folder_lock_sync(&w.f, fail);
    if (!e)
        e = gb_folder_reopen(&w.f, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_journal_info(w.f.journal, &info, fail);
    if (!e)
        e = check(&w, &info, fail);
    if (!e && !*url)
        e = gb_fail_set(fail, GB_E_USAGE,
                        "a copy goes on after one contact with the hub: give "
                        "--hub URL");
    out->old = e ? 0 : info.device;
    if (!e)
        e = make_journal(&w, fail);
    if (!e)
        e = contact(&w, fail);
    if (!e)
        e = gb_folder_reopen(&w.f, GB_FOLDER_WRITE, fail);
    if (!e)
        e = take_over(&w, fail);
    gb_journal_close(w.f.journal);
    w.f.journal = NULL;
    if (!e)
        e = put_in_place(&w, fail);
    gb_folder_close(&w.f);
    return e;
}
