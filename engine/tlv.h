/*
 * tlv.h - small tagged fields: varint tag, string; tags never fall.
 *
 * Used where a structure must be able to grow: payloads of the site's own
 * operations, requests.  A tag may stand more than once (lists).  Numbers are
 * strings that hold one varint.
 */
#ifndef GB_TLV_H
#define GB_TLV_H

#include "buf.h"

void gb_tlv_put(struct gb_buf *out, unsigned tag, struct gb_span value);
void gb_tlv_number(struct gb_buf *out, unsigned tag, uint64_t value);

/* Next field; false at the end or when the bytes are bad (in->bad). */
bool gb_tlv_next(struct gb_reader *in, unsigned *tag, struct gb_span *value,
                 unsigned *last);
/* First value of a tag in a whole payload, empty span with ptr NULL if none. */
struct gb_span gb_tlv_find(struct gb_span payload, unsigned tag);
/* A number; false if the field is missing or not one varint. */
bool gb_tlv_find_number(struct gb_span payload, unsigned tag, uint64_t *out);
/* A field of exactly n bytes; false if it is missing or of another length. */
bool gb_tlv_find_bytes(struct gb_span payload, unsigned tag, uint8_t *out,
                       size_t n);
/* The whole payload is well formed. */
bool gb_tlv_valid(struct gb_span payload);

#endif
