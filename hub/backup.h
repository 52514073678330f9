/*
 * backup.h - a copy of what a hub cannot do without: ledger, personal values,
 * keys, the site's id.  hub.db is left out, being made from the ledger.
 *
 * The copy is of one moment, though the hub goes on: the ledger's files are
 * opened under the lock, which is given back before anything is copied, and
 * personal.db follows after, so that it holds the values of every set in the
 * copy.  Packs never change, so a later backup into the same folder copies
 * only new ones; its ref moves last.  A backup that breaks off leaves the one
 * before as it was.
 */
#ifndef GB_BACKUP_H
#define GB_BACKUP_H

#include "hub/office.h"

struct gb_backup {
    struct gb_head head; /* of the copy */
    unsigned copied;     /* files of the ledger that were new */
    uint64_t bytes;      /* of these and personal.db */
};

/* Into a new or empty folder, or one that holds an earlier backup of this hub
 * (GB_E_EXISTS otherwise). */
enum gb_err gb_backup_make(struct gb_office *o, const char *folder,
                           gb_progress_fn *progress, void *context,
                           struct gb_backup *out, struct gb_fail *fail);

#endif
