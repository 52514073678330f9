/*
 * handed.h - the deltas that each device was given: tables _handed and
 * _handing in hub.db.
 *
 * A delta can be applied at its from-head and at any head behind it that an
 * earlier delta brought the device to without the hub hearing of it (a lost
 * reply, a stick).  Those heads are kept here, a row each, until the device
 * names one as merged; engine/scope.h works out what it had there, and the
 * delta proves to each of them that the log has grown from it.
 *
 * They are noted, durably, before a delta leaves the hub: a crash in between
 * costs one more head to look at.  Two deltas made at once for one device would
 * not know of one another, so the second to be noted is not handed out.
 *
 * This is no part of the ledger.  A hub that does not know what it handed out
 * (after a rebuild) is unsure and says "keep only these", until the device
 * names a head up to which it was told so; likewise when the device names a
 * lower head than before, having been restored from a backup.
 */
#ifndef GB_HANDED_H
#define GB_HANDED_H

#include "engine/delta.h"

struct gb_handed {
    int device;
    uint64_t from, to;
    int64_t serial; /* of what was known when the delta was made */
};

/* Fill in unsure and heads of a question whose device and `from` are given, in
 * the snapshot that the delta is made in; *out is for the note. */
enum gb_err gb_handed_ask(struct gb_state *st, struct gb_delta_ask *ask,
                          struct gb_handed *out, struct gb_fail *fail);
/* Note a delta up to out->to, with the office's lock, in a transaction of its
 * own.  GB_E_BUSY: another one was noted meanwhile, this one must not be handed
 * out. */
enum gb_err gb_handed_note(struct gb_state *st, const struct gb_handed *handed,
                           struct gb_fail *fail);

#endif
