/*
 * ack.h - the hub's word that a handheld's sets are in the ledger, durably
 * (FORMAT.md "Acknowledgement").
 *
 * It goes ahead of the delta, which takes longer to make and to carry: from
 * here on the work is safe whatever becomes of handheld and network, and is
 * not sent again.  What the sets led to, the delta says.
 *
 * A container signed by the hub in the namespace delta@gengbu.
 */
#ifndef GB_ACK_H
#define GB_ACK_H

#include "key.h"
#include "op.h"
#include "set.h"

struct gb_ack {
    uint8_t site[16];
    int device;          /* the receiver */
    uint32_t seq;        /* its last set that has a position, from 1 */
    uint8_t sha[32];     /* of that set */
    struct gb_head head; /* the ledger had it then */
};

/* The signed container, added to out. */
enum gb_err gb_ack_encode(const struct gb_ack *r, const struct gb_sign_key *key,
                          struct gb_buf *out, struct gb_fail *fail);
/* Take one apart; untrusted until the signature in `parts` is checked. */
enum gb_err gb_ack_decode(struct gb_span container, struct gb_container *parts,
                          struct gb_ack *out, struct gb_fail *fail);

#endif
