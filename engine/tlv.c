/* tlv.c - see tlv.h */
#include "tlv.h"

#include <string.h>

void
gb_tlv_put(struct gb_buf *out, unsigned tag, struct gb_span value)
{
    gb_buf_varint(out, tag);
    gb_buf_string(out, value);
}

void
gb_tlv_number(struct gb_buf *out, unsigned tag, uint64_t value)
{
    unsigned len = 1; /* of the varint */
    for (uint64_t rest = value >> 7; rest; rest >>= 7)
        len++;
    gb_buf_varint(out, tag);
    gb_buf_varint(out, len);
    gb_buf_varint(out, value);
}

bool
gb_tlv_next(struct gb_reader *in, unsigned *tag, struct gb_span *value,
            unsigned *last)
{
    if (!gb_read_left(in))
        return false;
    uint64_t t = gb_read_varint(in);
    *value = gb_read_string(in);
    if (t < *last || t > 1000)
        in->bad = true;
    *tag = *last = (unsigned)t;
    return !in->bad;
}

struct gb_span
gb_tlv_find(struct gb_span payload, unsigned tag)
{
    struct gb_reader in = gb_reader_of(payload);
    struct gb_span value;
    unsigned t, last = 0;
    while (gb_tlv_next(&in, &t, &value, &last))
        if (t == tag)
            return value;
    return GB_SPAN(NULL, 0);
}

bool
gb_tlv_find_number(struct gb_span payload, unsigned tag, uint64_t *out)
{
    struct gb_span value = gb_tlv_find(payload, tag);
    if (!value.ptr)
        return false;
    struct gb_reader in = gb_reader_of(value);
    *out = gb_read_varint(&in);
    return gb_read_done(&in);
}

bool
gb_tlv_find_bytes(struct gb_span payload, unsigned tag, uint8_t *out, size_t n)
{
    struct gb_span value = gb_tlv_find(payload, tag);
    if (!value.ptr || value.len != n)
        return false;
    memcpy(out, value.ptr, n);
    return true;
}

bool
gb_tlv_valid(struct gb_span payload)
{
    struct gb_reader in = gb_reader_of(payload);
    struct gb_span value;
    unsigned t, last = 0;
    while (gb_tlv_next(&in, &t, &value, &last))
        continue;
    return gb_read_done(&in);
}
