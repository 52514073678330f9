/*
 * known.h - the operations of a number and its kin that reached the hub, as a
 * delta names them to a copy that goes on under a new number (FORMAT.md
 * "Delta", section KNOWN).
 */
#ifndef GB_KNOWN_H
#define GB_KNOWN_H

#include "buf.h"
#include "op.h"

struct gb_known {
    struct gb_origin origin;
    int device; /* its set at the hub, */
    uint32_t seq;
    int index;
    int64_t stamp; /* its effective stamp, */
    int64_t id;    /* and its record */
};

void gb_known_write(struct gb_buf *out, const struct gb_known *k);
/* The next of a list; a number out of range makes the reader bad. */
struct gb_known gb_known_read(struct gb_reader *in);

#endif
