/*
 * ingest.h - one bundle on its way in: from bytes as they arrive to verified
 * sets in the ledger (docs/PROTOCOL.md).
 *
 * The first frame is the device's request: it says who asks and is signed.
 * Every frame is opened with the hub's receiving key and its signature checked
 * on the thread that reads the bundle, with a reader's state; sets are handed
 * to the intake a few MiB at a time.  A bundle that breaks off loses only what
 * was not whole.  Bytes without a good signature go to the quarantine, sets of
 * another device are refused, and the frames behind them are taken all the
 * same.
 */
#ifndef GB_INGEST_H
#define GB_INGEST_H

#include "engine/bundle.h"
#include "hub/intake.h"

struct gb_ingest {
    /* for the caller to set before gb_ingest_init(), all borrowed */
    const char *hub;                  /* the folder */
    const uint8_t *site;              /* 16 bytes */
    const struct gb_box_key *receive; /* the hub's */
    struct gb_state *reader;          /* refreshed; this thread's alone; or */
    /* NULL, and taken for a frame that could be opened: whoever does not even
     * know the hub's key costs no reader, and nobody holds one while he waits
     * for bytes, or for the intake. */
    enum gb_err (*take_reader)(void *arg, struct gb_state **reader,
                               struct gb_fail *fail);
    void (*give_reader)(void *arg, struct gb_state *reader);
    void *arg; /* of both */
    struct gb_intake intake;
    bool file; /* it came by stick: its clocks are judged so */

    /* what came of it */
    bool asked; /* the request was good: the two below are known */
    struct gb_request request;
    struct gb_device device;
    int64_t now_ms;                          /* the hub's clock at the end */
    unsigned taken, known, waiting, refused; /* sets */
    bool elsewhere;                          /* addressed to a device */
    struct gb_fail why;                      /* of the last refused one */

    /* its own */
    struct gb_bundle bundle;
    struct gb_bundle_in in;
    struct gb_buf plain;
    struct gb_arriving *sets;
    uint8_t **bytes; /* of each set, owned */
    size_t n, room, held;
};

void gb_ingest_init(struct gb_ingest *g);
void gb_ingest_release(struct gb_ingest *g); /* may be repeated */

/* The next bytes.  An error is the bundle's end: what it says is for the
 * sender.  GB_E_TICKET, GB_E_KEY, GB_E_SIGNATURE, GB_E_SITE: not let in;
 * GB_E_HISTORY: the device has seen what this ledger does not have. */
enum gb_err gb_ingest_feed(struct gb_ingest *g, struct gb_span bytes,
                           struct gb_fail *fail);
/* No more will come.  What was whole is committed in any case, and durable
 * when this returns GB_OK or the bundle's own failure (as gb_ingest_feed(), or
 * GB_E_FORMAT when it breaks off). */
enum gb_err gb_ingest_finish(struct gb_ingest *g, struct gb_fail *fail);

#endif
