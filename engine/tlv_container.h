/*
 * tlv_container.h - a small signed container of fields: what requests and
 * acknowledgements have in common (FORMAT.md).
 */
#ifndef GB_TLV_CONTAINER_H
#define GB_TLV_CONTAINER_H

#include "buf.h"
#include "key.h"
#include "op.h"
#include "set.h"

struct gb_tlv_kind {
    const char *magic;     /* of the header, 4 bytes */
    const char *signed_as; /* SSHSIG namespace */
    const char *a_name;    /* for messages: "a request" */
};

/* Sign fields (tlv.h) as one of device's, added to out. */
enum gb_err gb_tlv_container_encode(const struct gb_tlv_kind *kind,
                                    const uint8_t site[16], int device,
                                    struct gb_span fields,
                                    const struct gb_sign_key *key,
                                    struct gb_buf *out, struct gb_fail *fail);
/* Take one apart; untrusted.  The signature is not checked.  *fields are well
 * formed and lie in the arena. */
enum gb_err
gb_tlv_container_decode(const struct gb_tlv_kind *kind,
                        struct gb_span container, struct gb_container *parts,
                        uint8_t site[16], int *device, struct gb_arena *arena,
                        struct gb_span *fields, struct gb_fail *fail);

/* A head as a field: u32 epoch, u64 size, 32 bytes of root. */
void gb_tlv_put_head(struct gb_buf *out, unsigned tag,
                     const struct gb_head *head);
bool gb_tlv_find_head(struct gb_span fields, unsigned tag, struct gb_head *out);

#endif
