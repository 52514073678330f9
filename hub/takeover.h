/*
 * takeover.h - numbers whose work another number takes over: the file
 * `takeovers` in a hub's folder.
 *
 *   line = NEW " " OLD " " PROMISED
 *
 * A copy of a journal that goes on under a new number asks what of its work has
 * reached the hub, and captures the rest again (request.h).  One of a family at
 * a time: a second one would be told the same, and capture again what the
 * first has not delivered.  PROMISED is how many sets the new number had
 * sealed when it was done asking, -1 until then; it is done once the ledger has
 * so many.  Its line stays: a request that comes again must not begin anew.
 *
 * The ledger does not say who asked, so this stands beside it: a rebuild keeps
 * it, a backup has it.  All with the office's lock.
 */
#ifndef GB_TAKEOVER_H
#define GB_TAKEOVER_H

#include "engine/request.h"
#include "engine/state.h"

#define GB_TAKEOVER_FILE "takeovers"

struct gb_takeover {
    int number, of;   /* the new one, the one whose work it is */
    int64_t promised; /* -1: still asking */
};

/* A request with `continues`, of a device whose keys were checked.  GB_E_BUSY
 * names who else has not delivered what it took over. */
enum gb_err gb_takeover_begin(const char *hub, struct gb_state *st,
                              const struct gb_request *r, struct gb_fail *fail);
/* Any request: one without `continues` says that its device is done asking. */
enum gb_err gb_takeover_note(const char *hub, struct gb_state *st,
                             const struct gb_request *r, struct gb_fail *fail);
/* The new number will never deliver (its handheld is lost): others need not
 * wait for it.  What it delivers all the same repeats (MERGE.md M25).
 * GB_E_MISSING: it takes nothing over. */
enum gb_err gb_takeover_end(const char *hub, struct gb_state *st, int number,
                            struct gb_takeover *ended, struct gb_fail *fail);
/* Of one number: whose work it has not delivered yet; of = 0: nobody's. */
enum gb_err gb_takeover_of(const char *hub, struct gb_state *st, int number,
                           struct gb_takeover *out, struct gb_fail *fail);

#endif
