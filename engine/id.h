/*
 * id.h - record ids: device number << 40 | counter.
 *
 * Below 2^53, so exact in JavaScript; people see 7-1042.
 */
#ifndef GB_ID_H
#define GB_ID_H

#include "buf.h"
#include "limits.h"

#define GB_COUNTER_MAX (((int64_t)1 << GB_COUNTER_BITS) - 1)

static inline int
gb_id_device(int64_t id)
{
    return (int)(id >> GB_COUNTER_BITS);
}

static inline int64_t
gb_id_make(int device, int64_t counter)
{
    return (int64_t)device << GB_COUNTER_BITS | counter;
}

/* Positive, counter not 0, device at most GB_DEVICE_MAX. */
bool gb_id_valid(int64_t id);
/* "7-1042" */
#define GB_ID_TEXT 24
void gb_id_print(char out[GB_ID_TEXT], int64_t id);
/* Reads "7-1042" or the plain number; false when it is neither. */
bool gb_id_parse(struct gb_span text, int64_t *out);

#endif
