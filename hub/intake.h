/*
 * intake.h - what a delivery does at the office, on the one thread that
 * writes: a device's keys, its sets, its contact.
 *
 * A bundle is read on whatever thread it comes in (ingest.h); that thread
 * hands what it found to an intake.  The direct one is the office itself, for
 * commands; the other is the clerk of a server (clerk.h).
 */
#ifndef GB_INTAKE_H
#define GB_INTAKE_H

#include "hub/handed.h"
#include "hub/office.h"

/* Verified sets of one bundle, or some of them. */
struct gb_delivery {
    const struct gb_request *request; /* verified */
    struct gb_arriving *sets;         /* outcome, pos and fail are set */
    size_t n;
    int64_t now_ms; /* set: the hub's clock */
};

struct gb_intake {
    /* First contact: the request's secret is the ticket's, and its keys are
     * the device's from now on, or were before.  GB_E_TICKET. */
    enum gb_err (*enrol)(void *arg, const struct gb_request *request,
                         struct gb_fail *fail);
    /* GB_OK when what was taken is durable and what waits is kept; what fails
     * behind that is told to the office's log. */
    enum gb_err (*deliver)(void *arg, struct gb_delivery *delivery,
                           struct gb_fail *fail);
    /* Before a delta leaves the hub (handed.h). */
    enum gb_err (*hand)(void *arg, const struct gb_handed *handed,
                        struct gb_fail *fail);
    void *arg;
};

/* The office does it now, in this thread. */
struct gb_intake gb_intake_direct(struct gb_office *o);

/* The same, and several deliveries as one batch. */
enum gb_err gb_intake_enrol(struct gb_office *o, const struct gb_request *r,
                            struct gb_fail *fail);
enum gb_err gb_intake_hand(struct gb_office *o, const struct gb_handed *handed,
                           struct gb_fail *fail);
enum gb_err gb_intake_deliver(struct gb_office *o,
                              struct gb_delivery *const *deliveries, size_t n,
                              struct gb_fail *fail);

#endif
