/* known.c - see known.h */
#include "known.h"

#include <string.h>

#include "clock.h"

void
gb_known_write(struct gb_buf *out, const struct gb_known *k)
{
    gb_buf_varint(out, (uint64_t)k->origin.device);
    gb_buf_add(out, k->origin.boot, sizeof k->origin.boot);
    gb_buf_varint(out, (uint64_t)k->origin.mono_ms);
    gb_buf_zigzag(out, k->origin.stamp);
    gb_buf_varint(out, (uint64_t)k->device);
    gb_buf_varint(out, k->seq);
    gb_buf_varint(out, (uint64_t)k->index);
    gb_buf_zigzag(out, k->stamp);
    gb_buf_zigzag(out, k->id);
}

/* A varint of at most `max`. */
static uint64_t
upto(struct gb_reader *in, uint64_t max)
{
    uint64_t v = gb_read_varint(in);
    in->bad |= v > max;
    return in->bad ? 0 : v;
}

struct gb_known
gb_known_read(struct gb_reader *in)
{
    struct gb_known k = {0};
    k.origin.device = (int)upto(in, GB_DEVICE_MAX);
    struct gb_span boot = gb_read_bytes(in, sizeof k.origin.boot);
    if (boot.len == sizeof k.origin.boot)
        memcpy(k.origin.boot, boot.ptr, boot.len);
    k.origin.mono_ms = (int64_t)upto(in, GB_TIME_MAX);
    k.origin.stamp = gb_read_zigzag(in);
    k.device = (int)upto(in, GB_DEVICE_MAX);
    k.seq = (uint32_t)upto(in, UINT32_MAX);
    k.index = (int)upto(in, GB_SET_OPS_MAX - 1);
    k.stamp = gb_read_zigzag(in);
    k.id = gb_read_zigzag(in);
    return k;
}
