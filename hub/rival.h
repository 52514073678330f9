/*
 * rival.h - a claim that was lost, for people: which record holds it, who made
 * both and when, and what settles it (docs/MERGE.md M24).
 *
 * The verdict follows from the merged records, so nobody resolves it at the
 * hub: it is settled where records are written, by a change or a void after
 * which the two do not claim the same.
 */
#ifndef GB_RIVAL_H
#define GB_RIVAL_H

#include "engine/json.h"
#include "engine/state.h"

/* A record whose `rival` is set, and the one that holds its claim, in the same
 * arena.  Spans and records are borrowed. */
struct gb_lost_claim {
    const struct gb_rec *rec;
    struct gb_rec holder;
};

/* Find who holds what a record claims.  GB_E_STATE: nobody does. */
enum gb_err gb_rival_find(struct gb_state *st, int table,
                          const struct gb_rec *rec, struct gb_lost_claim *out,
                          struct gb_fail *fail);

/* "both claim kind, slot_start", what people see of both (two lines), and the
 * remedy in one line without its end: all for a terminal. */
void gb_rival_claims(const struct gb_lost_claim *c, struct gb_buf *out);
void gb_rival_print(struct gb_state *st, const struct gb_lost_claim *c,
                    struct gb_buf *out);
void gb_rival_remedy(const struct gb_lost_claim *c, struct gb_buf *out);
/* The same as the value of `"claim"`. */
void gb_rival_json(struct gb_state *st, const struct gb_lost_claim *c,
                   struct gb_json_writer *w);

#endif
