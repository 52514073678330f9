/*
 * clerk.h - the one thread of a server that writes: deliveries of all
 * connections, gathered into batches (group commit).
 *
 * A delivery waits for others only while other bundles are being read, and at
 * most GB_CLERK_GATHER_MS: one handheld alone is not held up.  When a batch
 * fails, each of its deliveries is tried by itself, so that one cannot spoil
 * the others'.
 */
#ifndef GB_CLERK_H
#define GB_CLERK_H

#include "hub/intake.h"

#define GB_CLERK_GATHER_MS 150
#define GB_CLERK_REST_MS 1000
#define GB_CLERK_BATCH_SETS 2048 /* and at most GB_BATCH_BYTES of them */

struct gb_clerk;

/* Start the thread; the office is its own until gb_clerk_stop(). */
enum gb_err gb_clerk_start(struct gb_office *o, struct gb_clerk **out,
                           struct gb_fail *fail);
/* Finish what was handed in, end the thread.  NULL is harmless. */
void gb_clerk_stop(struct gb_clerk *c);

/* From any thread; calls return when the clerk has done it. */
struct gb_intake gb_clerk_intake(struct gb_clerk *c);
/* A bundle begins or ends to be read: whether waiting for others is worth it.
 */
void gb_clerk_enter(struct gb_clerk *c);
void gb_clerk_leave(struct gb_clerk *c);
/* Somebody's work is durable and is about to be acknowledged, and that it was.
 */
void gb_clerk_tell(struct gb_clerk *c);
void gb_clerk_told(struct gb_clerk *c);
/* Until no delivery is at work, waits for it or is to be acknowledged, at most
 * GB_CLERK_REST_MS: for who would only take processors from them. */
void gb_clerk_rest(struct gb_clerk *c);

#endif
