/*
 * past.h - a change set of the ledger, read again: who wrote what, when.
 *
 * hub.db keeps what writes add up to; the writes themselves stay where they
 * were signed.  Personal values are filled in while personal.db has them.
 */
#ifndef GB_PAST_H
#define GB_PAST_H

#include "hub/decode.h"
#include "hub/look.h"
#include "hub/personal.h"

struct gb_past_set {
    struct gb_line line;
    struct gb_decoded d;
    int64_t *stamps; /* effective, of each operation; NULL: none (a fork, or
                        not readable) */
    struct gb_arena arena;
    struct gb_buf bytes;
};

/* Reads sets one after another, and keeps the last one at hand. */
struct gb_past {
    struct gb_look *look;         /* borrowed */
    struct gb_personal *personal; /* NULL when there is none */
    struct gb_past_set set;
    uint64_t pos; /* of the set; 0: none */
};

/* Opens the ledger and personal.db of the look. */
enum gb_err gb_past_open(struct gb_look *look, struct gb_past *out,
                         struct gb_fail *fail);
void gb_past_close(struct gb_past *p); /* may be repeated */

/* The set at a position, valid until the next call. */
enum gb_err gb_past_read(struct gb_past *p, uint64_t pos,
                         const struct gb_past_set **out, struct gb_fail *fail);
/* The operation with this name; *op is NULL when it is not in the ledger.
 * *set is as above. */
enum gb_err gb_past_find(struct gb_past *p, int device, int64_t stamp,
                         const struct gb_past_set **set,
                         const struct gb_op **op, struct gb_fail *fail);

/* Who an actor is: the first text of its record, "the hub" for 0, else its
 * id; at most 80 bytes, returns out. */
#define GB_PAST_ACTOR 96
const char *gb_past_actor(struct gb_state *st, int64_t id,
                          char out[GB_PAST_ACTOR]);

#endif
