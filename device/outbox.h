/*
 * outbox.h - what this device sends: one bundle to the hub, with its request
 * and the sealed sets that the hub does not have, made piece by piece, so
 * that one set at a time stands in memory, over HTTP and onto a stick alike.
 */
#ifndef GB_OUTBOX_H
#define GB_OUTBOX_H

#include "engine/bundle.h"
#include "engine/journal.h"
#include "folder.h"

struct gb_outbox {
    struct gb_journal *journal; /* borrowed */
    struct gb_bundle_out out;   /* writes into the piece at hand */
    struct gb_box_public hub;
    struct gb_buf request, plain, sealed;
    struct gb_bundle header;
    uint32_t next, last; /* sets still to go; none when next > last */
    enum { GB_OUTBOX_REQUEST, GB_OUTBOX_SETS, GB_OUTBOX_DONE } at;
    int sets;       /* handed out so far */
    uint64_t bytes; /* likewise */
};

/*
 * Begin a bundle.  The request is made now, with the clock of now; `sets`
 * false leaves all sets out.  Sets are sealed already (gb_journal_seal()).
 */
enum gb_err gb_outbox_open(struct gb_outbox *o, struct gb_folder *folder,
                           const struct gb_folder_keys *keys, bool sets,
                           bool stick, struct gb_fail *fail);
/* Sets are read from this journal from now on (the folder was opened anew). */
void gb_outbox_use(struct gb_outbox *o, struct gb_journal *journal);
/* Append the next piece of the bundle (one frame, or two); nothing: that was
 * all.  `outbox` is a struct gb_outbox. */
enum gb_err gb_outbox_next(void *outbox, struct gb_buf *piece,
                           struct gb_fail *fail);
void gb_outbox_release(struct gb_outbox *o);

#endif
