/*
 * sync.h - one sync with the hub over HTTP (docs/PROTOCOL.md).
 *
 * A shift takes one round trip: the open tail is sealed, the request and all
 * unaccepted sets go up in one POST, the delta that comes back accepts them
 * and brings what others did.
 *
 * Before an upload the journal is marked; the delta that answers it takes the
 * mark away.  A mark that is found set says that a reply never came, so the
 * request goes alone first, and its delta tells which sets had arrived: what
 * was received is never sent again, at the cost of at most one more round
 * trip.
 *
 * The journal's lock is held while the journal is written, never while the
 * network is waited for: recording goes on during a sync.
 */
#ifndef GB_SYNC_H
#define GB_SYNC_H

#include "folder.h"

#define GB_SYNC_ROUNDS_MAX 6
#define GB_SYNC_PATH "/v1/sync"

struct gb_sync_report {
    int rounds;    /* round trips */
    int sets_sent; /* uploaded, an interrupted attempt not counted */
    uint64_t bytes_up, bytes_down;
    struct gb_applied applied; /* of all deltas together */
    int64_t unsent;            /* operations still waiting at the end */
};

/*
 * The folder is open in any mode; it is left open to read, and its lock for
 * syncs as it was.  `url` is where
 * the hub's address begins.  GB_E_NETWORK, GB_E_REFUSED: the text is the
 * hub's; others as gb_journal_delta_apply().  What an earlier round achieved
 * stays.
 */
enum gb_err gb_sync_run(struct gb_folder *f, const char *url,
                        struct gb_sync_report *out, struct gb_fail *fail);

#endif
