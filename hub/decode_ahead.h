/*
 * decode_ahead.h - the sets of a batch, decoded beside the one writer: a thread
 * is a few sets ahead of the one that is being merged.
 */
#ifndef GB_DECODE_AHEAD_H
#define GB_DECODE_AHEAD_H

#include "hub/decode.h"
#include "hub/office.h"

/* Borrows the sets, whose bytes stay as they are, and the schemas that the
 * state has now.  NULL when the batch is small, or there is no thread: then
 * gb_decode() does it, as always. */
struct gb_ahead *gb_ahead_open(const struct gb_state *st,
                               const struct gb_arriving *sets, size_t n);
/* What gb_decode() gives for set i, for rising i; release it before the next
 * call.  GB_E_MISSING: it was not decoded ahead. */
enum gb_err gb_ahead_take(struct gb_ahead *q, size_t i, struct gb_decoded **out,
                          struct gb_fail *fail);
void gb_ahead_close(struct gb_ahead *q); /* NULL is harmless */

#endif
