/*
 * quarantine.h - HUB/quarantine/: bytes that came in and are nobody's.
 *
 * What cannot be opened, or is not signed by a device of this site, never
 * reaches the ledger.  It is kept here for a person to look at: ID.bin holds
 * the bytes, ID.txt one line that says why (written after them, so it may be
 * missing where the hub was stopped in between), ID being the first 16 digits
 * of their SHA-256, so that the same bytes are kept once.  Whoever can reach
 * the hub can fill this folder, so it is bounded; what comes after that is only
 * counted, by the length of the file `more`.
 */
#ifndef GB_QUARANTINE_H
#define GB_QUARANTINE_H

#include "engine/file.h"

#define GB_QUARANTINE_FILES 1000
#define GB_QUARANTINE_BYTES (128ll << 20)
#define GB_QUARANTINE_ID 17 /* with NUL */

/* Keep bytes that came from `device` (what the bundle said; 0: unknown).  May
 * be called from any thread; a folder that cannot be written is no failure of
 * the bundle. */
void gb_quarantine_keep(const char *hub, struct gb_span bytes, int device,
                        const struct gb_fail *why);

/* One entry, for people. */
struct gb_quarantine_entry {
    char id[GB_QUARANTINE_ID];
    int64_t ms;     /* when it came */
    uint64_t bytes; /* their number */
    char why[700];  /* the line of ID.txt, or that it is missing */
};
typedef enum gb_err gb_quarantine_fn(void *context,
                                     const struct gb_quarantine_entry *entry,
                                     struct gb_fail *fail);
/* Each entry by rising id; *more is how many were only counted. */
enum gb_err gb_quarantine_list(const char *hub, gb_quarantine_fn *fn,
                               void *context, uint64_t *more,
                               struct gb_fail *fail);

/* The bytes of an entry, added to out; GB_E_MISSING when there is none. */
enum gb_err gb_quarantine_read(const char *hub, const char *id,
                               struct gb_buf *out, struct gb_fail *fail);
/* They are somebody's now. */
enum gb_err gb_quarantine_forget(const char *hub, const char *id,
                                 struct gb_fail *fail);

#endif
