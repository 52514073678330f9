/*
 * waiting.h - HUB/waiting/: verified sets whose predecessor is not here yet
 * (a stick that was left at home, a delivery in disorder).
 *
 * DEVICE-SEQ-SHA8.gbcs is the container as it was unsealed, .skew beside it
 * what is known of the device's clock.  Behind each later batch those are tried
 * that can go on, as sets by stick: the time that they lay here says nothing
 * about the clock.
 */
#ifndef GB_WAITING_H
#define GB_WAITING_H

#include "hub/office.h"

#define GB_WAITING_MAX 10000 /* sets */

/* Keep a set that a commit left with GB_WAITING, durably. */
enum gb_err gb_waiting_keep(const struct gb_office *o,
                            const struct gb_arriving *a, struct gb_fail *fail);
/* Commit those that can go on, until none of the rest can; they leave the
 * folder.  A file that cannot be read is told and passed over.  *taken is
 * increased by the number of those that got a position. */
enum gb_err gb_waiting_retry(struct gb_office *o, unsigned *taken,
                             struct gb_fail *fail);
/* How many wait. */
enum gb_err gb_waiting_count(const char *hub, size_t *count,
                             struct gb_fail *fail);

#endif
