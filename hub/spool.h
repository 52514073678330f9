/*
 * spool.h - bytes that are written once and then read once, in order: in
 * memory while they are few, then in a file without a name.
 */
#ifndef GB_SPOOL_H
#define GB_SPOOL_H

#include "engine/buf.h"

struct gb_spool {
    const char *folder; /* for the file; borrowed */
    struct gb_buf head; /* the first bytes */
    int fd;             /* the rest; -1: none */
    uint64_t len, read; /* bytes */
};

/* `memory` bytes are kept in memory. */
void gb_spool_init(struct gb_spool *s, const char *folder, size_t memory);
void gb_spool_release(struct gb_spool *s); /* harmless on {0} with fd -1 */
void gb_spool_empty(struct gb_spool *s);   /* as after gb_spool_init */

/* Add bytes; `spool` is a struct gb_spool: a gb_bundle_write (bundle.h). */
enum gb_err gb_spool_add(void *spool, struct gb_span bytes,
                         struct gb_fail *fail);
/* Append the next bytes to out, at most `max`; nothing: that was all. */
enum gb_err gb_spool_next(struct gb_spool *s, size_t max, struct gb_buf *out,
                          struct gb_fail *fail);

#endif
