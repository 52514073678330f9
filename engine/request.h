/*
 * request.h - what a device asks the hub: its heads, its clocks, and at the
 * first contact its keys (FORMAT.md "Request").
 *
 * A container signed by the device in the namespace request@gengbu.  It may be
 * repeated harmlessly: the answer is sealed to the device.
 */
#ifndef GB_REQUEST_H
#define GB_REQUEST_H

#include "key.h"
#include "op.h"
#include "set.h"

struct gb_request {
    uint8_t site[16];
    int device;
    int64_t clock_ms; /* device time */
    int64_t wall_ms;  /* wall clock as it is set now */
    int64_t mono_ms;
    uint8_t boot[16];
    struct gb_head merged;  /* the delta shall start here */
    struct gb_head highest; /* prove that this is still in the log */
    uint32_t seq;           /* last sealed set */
    uint32_t schema;        /* newest version that the device has */
    bool stick;             /* exported, not sent */
    bool first; /* the three below are there: not confirmed by a delta yet */
    uint8_t sign_key[32], receive_key[32], secret[32];
    /* A copied journal gets this number in place of its own, and asks what of
     * its work has reached the hub behind the ledger size that it had merged.
     * 0: nothing of the kind. */
    int continues;
    uint64_t continues_from;
};

/* The signed container, added to out. */
enum gb_err gb_request_encode(const struct gb_request *r,
                              const struct gb_sign_key *key, struct gb_buf *out,
                              struct gb_fail *fail);
/* Take one apart; untrusted.  The signature is not checked: the key may be in
 * the request itself. */
enum gb_err gb_request_decode(struct gb_span container,
                              struct gb_container *parts,
                              struct gb_request *out, struct gb_fail *fail);

#endif
