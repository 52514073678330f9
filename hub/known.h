/*
 * known.h - what of a number's work has reached this hub, under whatever
 * number: named to a copy of its journal that gets a new one (docs/PROTOCOL.md
 * "A copied journal").
 */
#ifndef GB_HUB_KNOWN_H
#define GB_HUB_KNOWN_H

#include "engine/state.h"
#include "hub/ledger.h"

/* The number that a chain of numbers began with, or the number itself. */
int gb_hub_first_number(const struct gb_state *st, int device);

/*
 * Each operation in sets behind position `after` of the device and of all
 * numbers that continue it or that it continues, but for forks, added to out as
 * strings (engine/known.h).  Sets that cannot be read yet are left out: should
 * they be captured again, they repeat (MERGE.md M25).
 */
enum gb_err gb_hub_known(struct gb_state *st, struct gb_ledger *ledger,
                         int device, uint64_t after, struct gb_buf *out,
                         struct gb_fail *fail);

#endif
