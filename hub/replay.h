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
#include "hub/ledger_text.h"
#include "hub/personal.h"

#define GB_REPLAY_MAX ((size_t)512 * 1024 * 1024) /* bytes of one commit */

/* The files of one batch, copied out of the repository. */
struct gb_replay_file {
    char path[GB_LEDGER_NAME_MAX];
    struct gb_span bytes;
};
struct gb_replay_batch {
    struct gb_replay_file *files; /* owned: sets and signatures, by path */
    size_t n, room;
    struct gb_span lines;
    bool found;            /* lines are set */
    struct gb_arena arena; /* all bytes */
};

void gb_replay_batch_init(struct gb_replay_batch *b);
void gb_replay_batch_release(struct gb_replay_batch *b);
/* Take one file that a commit adds; by rising path, as they come. */
enum gb_err gb_replay_take(struct gb_replay_batch *b, enum gb_ledger_kind kind,
                           const struct gb_ledger_change *c,
                           struct gb_fail *fail);

/* One set of a batch, as the ledger holds it; borrowed for the call. */
struct gb_replayed {
    const struct gb_line *line;
    struct gb_span line_text;
    struct gb_span signed_bytes;
    struct gb_span signature; /* the armored text */
    size_t at;                /* in the files of the batch */
};

/* Looked at before the set is applied (an audit verifies here); NULL: none.  It
 * must see that the set has the SHA-256 in its line. */
typedef enum gb_err gb_replay_check(void *context, const struct gb_replayed *r,
                                    struct gb_state *st, struct gb_fail *fail);

struct gb_replay {
    struct gb_state *state;
    struct gb_ledger *ledger;
    struct gb_personal *personal; /* NULL: personal values stay hidden */
    gb_replay_check *check;
    void *context;
    /* The lines, when they were read before; NULL: not. */
    const struct gb_line *lines;
    /* For each line the number of its set's operations, as far as they can be
     * read; NULL: not wanted. */
    unsigned *operations;
    uint64_t position; /* being worked on: where a failure lies */
};

/* One commit's batch, in the state's open transaction.  GB_E_LEDGER, or the
 * check's failure, with the position in the text. */
enum gb_err gb_replay_commit(struct gb_replay *r, const struct gb_oid *commit,
                             struct gb_fail *fail);
/* The same for a batch that was read before; needs no ledger. */
enum gb_err gb_replay_lines(struct gb_replay *r,
                            const struct gb_replay_batch *b,
                            struct gb_fail *fail);

/* A gb_fetch_fn (state.h) whose context is the ledger. */
enum gb_err gb_replay_fetch(void *ledger, const struct gb_line *line,
                            struct gb_buf *out, struct gb_fail *fail);

#endif
