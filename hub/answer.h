/*
 * answer.h - the hub's bundle for a device: the delta from where it stands,
 * each part sealed to its receiving key.
 */
#ifndef GB_ANSWER_H
#define GB_ANSWER_H

#include "engine/ack.h"
#include "engine/bundle.h"
#include "hub/intake.h"

struct gb_answer {
    struct gb_delta_ask ask; /* what the device says */
    int continues;           /* see request.h; with `ledger` to read in */
    uint64_t continues_from;
    const char *ledger;            /* path; only opened for who continues */
    struct gb_intake intake;       /* is told what is handed out */
    const struct gb_sign_key *key; /* the hub's, which signs deltas */
    gb_bundle_write *write;        /* gets the bundle, piece by piece */
    void *arg;
    /* set */
    uint32_t parts; /* 0: the device has everything */
    uint64_t to;    /* ledger size that it will have */
    /* its own, {0} at first */
    struct gb_bundle_out out;
    struct gb_box_public receiver;
};

/* Begin it with what the ledger has of the device's sets, durably; the delta
 * goes behind that.  Nothing is written when there are none.  GB_E_KEY,
 * GB_E_UNKNOWN as below. */
enum gb_err gb_answer_acknowledge(struct gb_state *reader, struct gb_answer *a,
                                  struct gb_fail *fail);
/* End what was acknowledged with the reason why no delta follows. */
enum gb_err gb_answer_trouble(struct gb_answer *a, const struct gb_fail *why,
                              struct gb_fail *fail);

/* Make it in one snapshot of a reader's state, that of now, and have it noted
 * before this returns: what was written must not leave the hub otherwise.
 * GB_E_KEY: the device is not enrolled; GB_E_UNKNOWN: no such device;
 * GB_E_BUSY: another answer was made meanwhile; or what `write` returned. */
enum gb_err gb_answer_make(struct gb_state *reader, struct gb_answer *a,
                           struct gb_fail *fail);

#endif
