/*
 * office.h - a hub's folder: site (its id), hub.db, personal.db, ledger.git,
 * keys/, quarantine/, waiting/, and the one way to add to its ledger.
 *
 *   decide (gb_state_line in an open transaction) -> personal values durable ->
 *   ledger.git prepared -> the ref moves: the commit point -> hub.db committed
 *
 * What a crash leaves between the last two is replayed at the next open.  All
 * writers, other processes too, take the folder's lock for one batch and catch
 * up with the ref first; readers never lock.
 */
#ifndef GB_OFFICE_H
#define GB_OFFICE_H

#include "engine/clock.h"
#include "engine/file.h"
#include "engine/key.h"
#include "engine/request.h"
#include "engine/state.h"
#include "hub/ledger.h"
#include "hub/personal.h"

struct gb_office_keys {
    struct gb_sign_key hub;          /* replica 0's sets, deltas */
    struct gb_sign_key ledger;       /* commits */
    struct gb_sign_key receive_sign; /* as stored; only its X25519 form is */
    struct gb_box_key receive;       /* used: containers are sealed to it */
};

struct gb_office {
    char path[GB_FILE_PATH_MAX];
    const char *program; /* for the lock: "gengbu-hub serve" */
    struct gb_office_keys keys;
    uint8_t site[16];
    struct gb_state *state;
    struct gb_personal *personal;
    struct gb_ledger *ledger; /* opened for writing, under the lock */
    struct gb_lock lock;
    int locked;        /* how often gb_office_lock() nests */
    struct gb_oid tip; /* hub.db has the ledger up to here */
    bool have_tip;
    int64_t highest;        /* id of the hub's last record, */
    bool counter;           /* once it was looked for */
    int64_t wall_less_mono; /* at open, to see the wall clock jump */
    bool tree_known; /* the ledger has signers and schema as hub.db does */
    bool untidy;     /* packs could not be merged: it was told */
    /* Hears what went wrong beside the work, which stands: one line each.  NULL
     * until the caller sets it: nobody. */
    void (*log)(void *context, const char *line);
    void *log_context;
};

/* Open an existing hub for writing and catch up with its ledger (under the
 * lock, which is released again).  GB_E_MISSING: not a hub. */
enum gb_err gb_office_open(const char *path, const char *program,
                           struct gb_office **out, struct gb_fail *fail);
void gb_office_close(struct gb_office *o); /* NULL is harmless */

/* "PATH/NAME" of something in the folder. */
void gb_office_path(const struct gb_office *o, const char *name,
                    char out[GB_FILE_PATH_MAX]);

/* Bytes of sets behind which a batch is full.  A commit is replayed whole, in
 * memory (GB_REPLAY_MAX), and while it is written nobody else is served. */
#define GB_BATCH_BYTES ((size_t)64 * 1024 * 1024)

/* What becomes of a set that came in. */
enum gb_outcome {
    GB_TAKEN,   /* has a position now: see pos */
    GB_KNOWN,   /* had one before: see pos */
    GB_WAITING, /* its predecessor is not here yet, or the batch is full */
    GB_REFUSED  /* unauthenticated or damaged: see fail */
};

/* A set on its way in.  Spans are borrowed until the commit returns. */
struct gb_arriving {
    struct gb_container parts;
    struct gb_skew skew;      /* how it came; replica 0: zeros */
    bool own;                 /* made by the hub itself: signed and sound */
    bool verified;            /* set by gb_office_verify(): its signature is */
    struct gb_public_key key; /* good by this key */
    /* set by gb_office_commit() */
    enum gb_outcome outcome;
    uint64_t pos;
    /* of a taken one */
    enum gb_verdict verdict;
    enum gb_code code; /* with which it, or its first operation that waits, */
    int waits, first;  /* is held; how many wait, and that one's index */
    struct gb_fail fail;
};

/* Check the signature of a set by the key of its device, before it is given to
 * a commit; may run in any thread with a reader's state.  The key is noted: by
 * the time of the commit another may be in force. */
enum gb_err gb_office_verify(struct gb_state *st, const uint8_t site[16],
                             struct gb_arriving *a, struct gb_fail *fail);

/* Whether the sets that must come before a set have a position: the one that
 * it names as its predecessor, or that its number continues (`set`, NULL when
 * it cannot be read).  Only then it can have one itself. */
enum gb_err gb_office_ready(struct gb_state *st, const struct gb_set_info *info,
                            const struct gb_set *set, bool *yes,
                            struct gb_fail *fail);

/*
 * One batch: every set that can have a position gets one, whatever order they
 * stand in, until the batch is full; our own go into one, or GB_E_LIMIT.  A
 * signature counts by the key that is in force under the lock: it
 * is checked again when another key verified it, or none.  GB_OK when what was
 * taken is durable and applied; on failure nothing is.
 */
enum gb_err gb_office_commit(struct gb_office *o, struct gb_arriving *sets,
                             size_t n, struct gb_fail *fail);

/* Add operations of the hub itself as sets of replica 0 (as many as they
 * need), in one batch.  Ids, stamps and times are filled in; `actor` is the
 * staff record that gave the order, 0: nobody.  GB_E_REFUSED when all stands in
 * the ledger, but one of the operations, or a whole set, did not take effect:
 * the text names its code. */
enum gb_err gb_office_own(struct gb_office *o, struct gb_op *ops, int nops,
                          int64_t actor, struct gb_fail *fail);

/* The id that the hub's next new record gets; call it for each record. */
enum gb_err gb_office_new_id(struct gb_office *o, int64_t *id,
                             struct gb_fail *fail);

/* Take the lock and catch up with the ledger; nests.  GB_E_BUSY also when a
 * rebuild came in between: open the hub again. */
enum gb_err gb_office_lock(struct gb_office *o, struct gb_fail *fail);
void gb_office_unlock(struct gb_office *o);

/* The hub's wall clock, or GB_E_CLOCK when it cannot be trusted: it jumped
 * against the monotonic clock, or lies before the last `received`. */
enum gb_err gb_office_now(struct gb_office *o, int64_t *ms,
                          struct gb_fail *fail);

typedef void gb_progress_fn(void *context, uint64_t done, uint64_t all);
/* Make hub.db again from the ledger; the old one stays when that fails. */
enum gb_err gb_office_rebuild(const char *path, gb_progress_fn *progress,
                              void *context, struct gb_fail *fail);

/* ----------------------------------------------------- making (init.c) -- */

struct gb_office_plan {
    const char *site, *admin, *timezone;
    struct gb_span schema; /* packed (schema.h) */
};
/* A new hub in a new or empty folder: keys, ledger, the site, its schema and
 * its first supervisor.  What a killed init left is cleared away first. */
enum gb_err gb_office_init(const char *path, const struct gb_office_plan *plan,
                           struct gb_fail *fail);

#endif
