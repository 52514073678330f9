/*
 * look.h - a hub's folder for reading only: one snapshot of hub.db, and the
 * ledger beside it.  Takes no lock and needs no key.  Where hub.db stays behind
 * the ledger, a note on standard error says that what is shown is older.
 */
#ifndef GB_LOOK_H
#define GB_LOOK_H

#include "engine/file.h"
#include "engine/state.h"
#include "hub/ledger.h"

struct gb_look {
    char path[GB_FILE_PATH_MAX];
    uint8_t site[16];
    struct gb_state *state;   /* in a snapshot */
    struct gb_ledger *ledger; /* NULL until gb_look_ledger() */
};

/* GB_E_MISSING: not a hub, or hub.db is gone.  Also makes the site's time zone
 * that of the process (term.h). */
enum gb_err gb_look_open(const char *path, struct gb_look *out,
                         struct gb_fail *fail);
/* Only the path and the site's id: nothing is opened. */
enum gb_err gb_look_site(const char *path, struct gb_look *out,
                         struct gb_fail *fail);
void gb_look_close(struct gb_look *v); /* may be repeated */
/* Open the ledger, too, if it is not. */
enum gb_err gb_look_ledger(struct gb_look *v, struct gb_fail *fail);

#endif
