/*
 * replay.h - the ledger, batch by batch, into a state: how a hub catches up
 * after a crash, how rebuild makes hub.db anew, how an audit recomputes
 * everything.
 *
 * For each line of a batch the set is read, decoded and applied, and the line
 * that the state computes must be the line in the ledger, byte for byte.
 */
#ifndef GB_REPLAY_H
#define GB_REPLAY_H

#include "engine/state.h"
#include "hub/ledger.h"
#include "hub/personal.h"

#define GB_REPLAY_MAX ((size_t)512 * 1024 * 1024) /* bytes of one commit */

/* One set of a batch, as the ledger holds it; borrowed for the call. */
struct gb_replayed {
    const struct gb_line *line;
    struct gb_span line_text;
    struct gb_span signed_bytes;
    struct gb_span signature; /* the armored text */
    const struct gb_oid *commit;
};

/* Looked at before the set is applied (an audit verifies here); NULL: none. */
typedef enum gb_err gb_replay_check(void *context, const struct gb_replayed *r,
                                    struct gb_state *st, struct gb_fail *fail);

struct gb_replay {
    struct gb_state *state;
    struct gb_ledger *ledger;
    struct gb_personal *personal; /* NULL: personal values stay hidden */
    gb_replay_check *check;
    void *context;
    uint64_t position; /* being worked on: where a failure lies */
};

/* One commit's batch, in the state's open transaction.  GB_E_LEDGER, or the
 * check's failure, with the position in the text. */
enum gb_err gb_replay_commit(struct gb_replay *r, const struct gb_oid *commit,
                             struct gb_fail *fail);

/* A gb_fetch_fn (state.h) whose context is the ledger. */
enum gb_err gb_replay_fetch(void *ledger, const struct gb_line *line,
                            struct gb_buf *out, struct gb_fail *fail);

#endif
