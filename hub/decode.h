/*
 * decode.h - a set as the state takes it: header, operations or times, hash.
 */
#ifndef GB_HUB_DECODE_H
#define GB_HUB_DECODE_H

#include "engine/state.h"

struct gb_decoded {
    struct gb_set_info info;
    struct gb_set set;
    const struct gb_schema *schema; /* of its version; NULL: not here (yet) */
    bool good;             /* set holds operations, or at least times */
    struct gb_incoming in; /* points to the above */
};

/* Decode verified signed bytes.  Bytes that are no change set of their schema
 * are no failure: good is false, and the state gives the verdict. */
enum gb_err gb_decode(const struct gb_state *st, struct gb_span signed_bytes,
                      struct gb_decoded *out, struct gb_fail *fail);
/* The same when their hash is known. */
enum gb_err gb_decode_hashed(const struct gb_state *st,
                             struct gb_span signed_bytes,
                             const struct gb_sha256 *sha,
                             struct gb_decoded *out, struct gb_fail *fail);
/* The same by its header and the schema of that version, NULL: not here. */
enum gb_err gb_decode_by(const struct gb_schema *schema,
                         const struct gb_set_info *info,
                         struct gb_span signed_bytes,
                         const struct gb_sha256 *sha, struct gb_decoded *out,
                         struct gb_fail *fail);
void gb_decoded_release(struct gb_decoded *d);

#endif
