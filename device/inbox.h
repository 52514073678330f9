/*
 * inbox.h - what comes from the hub, over HTTP or from a stick: a bundle to
 * this device, its frames unsealed, each part of the delta verified against
 * the hub's key before the journal sees it, the whole applied at the end.
 *
 * Bytes go through one fixed order: header checked (direction, site, device),
 * frame length capped, unsealed, signature verified, then the journal.
 * Parts are kept as they arrive and touch no record; a delta whose last part
 * is missing is never applied.
 */
#ifndef GB_INBOX_H
#define GB_INBOX_H

#include "engine/bundle.h"
#include "engine/journal.h"
#include "folder.h"

struct gb_inbox {
    struct gb_folder *folder; /* borrowed, opened to read */
    const struct gb_folder_keys *keys;
    struct gb_journal_info info;
    struct gb_bundle_in in;
    struct gb_buf part;
    struct gb_box_key box;
    uint64_t bytes; /* taken so far */
    bool complete;  /* the last part of a delta has come */
};

/* The folder's sync lock is held by the caller.  Release it after a failure,
 * too. */
enum gb_err gb_inbox_open(struct gb_inbox *in, struct gb_folder *folder,
                          const struct gb_folder_keys *keys,
                          struct gb_fail *fail);
void gb_inbox_release(struct gb_inbox *in);

/* The next bytes of the bundle; `inbox` is a struct gb_inbox.  GB_E_SITE: it
 * is not for this device; GB_E_SIGNATURE: changed on its way, or not by this
 * site's hub; GB_E_FORMAT. */
enum gb_err gb_inbox_take(void *inbox, struct gb_span bytes,
                          struct gb_fail *fail);
/*
 * No more bytes will come: apply the delta if it is complete.  *applied is
 * false when there is nothing new.  The journal is opened again under its
 * lock.  GB_E_FORMAT: the bundle breaks off before the delta is complete;
 * others as gb_journal_delta_apply().
 */
enum gb_err gb_inbox_finish(struct gb_inbox *in, bool *applied,
                            struct gb_applied *counts, struct gb_fail *fail);

/* Verify one part (signed bytes, 64 bytes of signature) and hand it to the
 * journal; for the ticket's delta as well. */
enum gb_err gb_inbox_part(struct gb_journal *j, const struct gb_site *site,
                          struct gb_span container, bool *complete,
                          struct gb_fail *fail);

#endif
