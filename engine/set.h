/*
 * set.h - the change set container: bytes <-> struct gb_set.
 *
 * docs/FORMAT.md is the reference; the codec is split as it is:
 *   column.c   one column of values          set_encode.c  the signed bytes
 *   deflate.c  sections                       set_decode.c  and back
 *
 * A container is  signed bytes | 64-byte Ed25519 signature | personal section.
 * The signed bytes are everything before the signature; their SHA-256 and the
 * device and number identify the set.  Sections are canonical before they are
 * compressed: decoding refuses anything that encoding would not have written.
 */
#ifndef GB_SET_H
#define GB_SET_H

#include "op.h"

/* The fixed header of signed bytes, without the sections. */
struct gb_set_info {
    uint8_t site[16];
    int device;
    uint32_t seq;
    uint8_t prev[32];
    uint32_t schema;
    int64_t clock_ms;
    struct gb_head base;
};

/* Where the three parts of a container lie (borrowed). */
struct gb_container {
    struct gb_span signed_bytes, signature, personal;
};

#define GB_PERSONAL_NONE 4 /* bytes of a personal section that has nothing */

/*
 * The signed bytes of a set, added to out.  Salts must be there for all
 * personal values; commitments are computed.  GB_E_LIMIT when the set does not
 * fit (GB_BODY_MAX, GB_SET_OPS_MAX): the caller seals fewer operations.
 */
enum gb_err gb_set_encode(const struct gb_set *set, const struct gb_schema *s,
                          struct gb_buf *out, struct gb_fail *fail);
/* The personal section (u32 length and bytes; length 0 when nothing is). */
enum gb_err gb_set_encode_personal(const struct gb_set *set,
                                   const struct gb_schema *s,
                                   struct gb_buf *out, struct gb_fail *fail);

/* Split a container by its lengths; nothing is verified yet.  What can be split
 * may be signed, and what is signed by an enrolled key gets a position: so
 * nothing else is looked at here or by gb_set_info(). */
enum gb_err gb_container_split(struct gb_span bytes, struct gb_container *out,
                               struct gb_fail *fail);
/* Read the header of signed bytes: who may have signed it, and where it stands
 * in a chain.  Its other numbers may be none; gb_set_decode() looks at them. */
enum gb_err gb_set_info(struct gb_span signed_bytes, struct gb_set_info *out,
                        struct gb_fail *fail);
/* Whether a set names one before it, and is in no chain without that. */
bool gb_set_follows(const struct gb_set_info *info);
/*
 * Decode verified signed bytes with the schema of the version that they name.
 * All personal values are hidden; gb_set_reveal() fills them in.
 */
enum gb_err gb_set_decode(struct gb_span signed_bytes,
                          const struct gb_schema *s, struct gb_set *out,
                          struct gb_fail *fail);
/* As above, but only boots, times, stamps and actors: needs no schema, so the
 * stamps of a set from a newer schema can be computed on its arrival.  The
 * operations' kind is 0. */
enum gb_err gb_set_decode_times(struct gb_span signed_bytes, struct gb_set *out,
                                struct gb_fail *fail);
/* Check a personal section against the commitments and fill the values in.
 * GB_E_SIGNATURE when one does not match; after any failure all are hidden. */
enum gb_err gb_set_reveal(struct gb_set *set, const struct gb_schema *s,
                          struct gb_span personal, struct gb_fail *fail);

/* The canonical bytes of an operation's personal values, as the commitment
 * covers them behind the salt: each column's value (value.h), by column. */
void gb_op_personal(const struct gb_op *op, const struct gb_table *t,
                    struct gb_buf *out);
/* Fill hidden values of one operation from such bytes. */
enum gb_err gb_op_reveal(struct gb_op *op, const struct gb_table *t,
                         struct gb_span payload, struct gb_fail *fail);

/* Where an operation was made first: by this set's device, unless the set was
 * captured again (MERGE.md M25). */
struct gb_origin gb_set_origin(const struct gb_set *set, int index);

/* An upper bound for the bytes that one operation adds to the body; capture
 * refuses a transaction whose bounds add up to more than GB_BODY_MAX. */
size_t gb_op_bound(const struct gb_op *op);

#endif
