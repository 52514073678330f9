/*
 * folder.h - a journal as a folder on a handheld:
 *
 *   journal.db     the journal (engine/journal.h)
 *   keys/sign      signs change sets and requests
 *   keys/receive   what the hub sends is sealed to it; both end in -NUMBER
 *                  once the journal goes on under another one (again.h)
 *   lock           held while something is written
 *   lock-sync      held for a whole sync, import or export
 *
 * Readers never lock.  A writer opens with GB_FOLDER_WRITE for as long as one
 * command, or one step of a sync, takes: what the engine keeps in memory (the
 * clock, the last id) is good only until another process has written, so the
 * lock is taken first and the journal opened, or read again, behind it.
 *
 * A folder is made as a whole: the database is `journal.db.new` until all is
 * in it, and what an interrupted making left behind is recognised and made
 * anew.
 */
#ifndef GB_FOLDER_H
#define GB_FOLDER_H

#include "clock.h"
#include "engine/file.h"
#include "engine/ticket.h"

/* LOOK: nothing is written, and the folder need not be writable; COPY: nor need
 * it, what is written goes into a copy and is lost when closed; READ: what is
 * written is not numbered by the engine; WRITE: under the lock. */
enum gb_folder_mode {
    GB_FOLDER_LOOK,
    GB_FOLDER_COPY,
    GB_FOLDER_READ,
    GB_FOLDER_WRITE
};

struct gb_folder {
    const char *path;           /* borrowed */
    const char *holder;         /* "gengbu sync", borrowed */
    struct gb_journal *journal; /* NULL while closed */
    struct gb_lock lock, sync;
    struct gb_device_clock clock;
};

/* The device's private keys; whoever reads them wipes them. */
struct gb_folder_keys {
    struct gb_sign_key sign, receive;
};

/*
 * Open the journal in a folder.  GB_E_MISSING: no such folder; GB_E_STATE: it
 * is no journal, or a half-made one; GB_E_BUSY names who holds the lock after
 * GB_LOCK_WAIT_MS.  Close it after a failure, too.
 */
enum gb_err gb_folder_open(struct gb_folder *f, const char *path,
                           const char *holder, enum gb_folder_mode mode,
                           struct gb_fail *fail);
void gb_folder_close(struct gb_folder *f); /* may be repeated */

/* Between the steps of a sync: leave the journal to others, and come back.
 * In GB_FOLDER_READ nothing may be written that the engine numbers.  GB_E_BUSY
 * also when another journal has taken its place. */
enum gb_err gb_folder_reopen(struct gb_folder *f, enum gb_folder_mode mode,
                             struct gb_fail *fail);

/* One sync, import or export at a time; until gb_folder_close().  It may be
 * held already; else the journal is left to others, until it is reopened. */
enum gb_err gb_folder_lock_sync(struct gb_folder *f, struct gb_fail *fail);

enum gb_err gb_folder_keys(const struct gb_folder *f,
                           struct gb_folder_keys *out, struct gb_fail *fail);
void gb_folder_keys_wipe(struct gb_folder_keys *keys);

/* Whether there is a whole journal at this path. */
bool gb_folder_is_journal(const char *path);

/*
 * Make the folder of a new device from its ticket, in one step as seen from
 * outside.  GB_E_EXISTS: it is a journal already; GB_E_STATE: the folder holds
 * something else.
 */
enum gb_err gb_folder_create(const char *path, const struct gb_ticket *ticket,
                             struct gb_fail *fail);

/* "FOLDER/name"; GB_E_LIMIT when it is longer than out. */
enum gb_err gb_folder_name(char out[GB_FILE_PATH_MAX], const char *folder,
                           const char *name, struct gb_fail *fail);

/* Show and read times in the site's zone, from here on (engine/term.h). */
enum gb_err gb_folder_zone(struct gb_folder *f, struct gb_fail *fail);

#endif
