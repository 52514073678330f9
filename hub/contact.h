/*
 * contact.h - what each device last asked for: table _contact in hub.db.
 *
 * An export starts a device's delta where its last request said that it
 * stands, and fits every head that it was brought to since (handed.h).  This
 * is no part of the ledger: a rebuild forgets it, and nothing is exported
 * before the device has named a head again.
 *
 * A stick may come late.  So a request that names a lower head than is known
 * counts only if the device made it later, by its own clock: it goes back then,
 * having been restored from a backup.
 */
#ifndef GB_CONTACT_H
#define GB_CONTACT_H

#include "engine/delta.h"
#include "engine/request.h"
#include "engine/state.h"

struct gb_contact {
    uint64_t merged, highest; /* ledger sizes */
    uint32_t schema;          /* newest version that it has */
    int64_t made_ms;          /* by the device's clock */
    int64_t seen_ms;          /* 0: no request since hub.db was made */
    char boot[33];            /* of its last request over the network, in hex */
    int64_t mono_ms;          /* and the monotonic clock then */
    int64_t skew_ms;          /* the hub's clock less the device's, then */
};

/* Remember a request that was checked, in a transaction of its own. */
enum gb_err gb_contact_note(struct gb_state *st, const struct gb_request *r,
                            int64_t now_ms, struct gb_fail *fail);
/* Whether the device asked over the network later, in the same boot, before
 * this came: it was held up, or is sent by somebody who overheard it, and does
 * not tell what the device's clock shows now. */
enum gb_err gb_contact_late(struct gb_state *st, const struct gb_request *r,
                            bool *late, struct gb_fail *fail);
/* The question that an export answers: all but the clock.  GB_E_STATE: where
 * the device stands is not known, and its next request would tell. */
enum gb_err gb_contact_ask(struct gb_state *st, int device,
                           struct gb_delta_ask *out, struct gb_fail *fail);
/* Zeros when there is none. */
enum gb_err gb_contact_get(struct gb_state *st, int device,
                           struct gb_contact *out, struct gb_fail *fail);

#endif
