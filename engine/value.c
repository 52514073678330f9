/* value.c - see value.h */
#include "value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct gb_value
gb_value_int(int64_t i)
{
    return (struct gb_value){.type = GB_INT, .as.i = i};
}

struct gb_value
gb_value_real(double r)
{
    if (isnan(r))
        return GB_VALUE_NULL;
    return (struct gb_value){.type = GB_REAL, .as.r = r == 0 ? 0.0 : r};
}

struct gb_value
gb_value_text(struct gb_span s)
{
    return (struct gb_value){.type = GB_TEXT, .as.s = s};
}

struct gb_value
gb_value_blob(struct gb_span s)
{
    return (struct gb_value){.type = GB_BLOB, .as.s = s};
}

/* The eight bytes of a real as a number, so that equality is of bytes. */
static uint64_t
real_bits(double r)
{
    uint64_t bits;
    memcpy(&bits, &r, sizeof bits);
    return bits;
}

bool
gb_value_keep(struct gb_value *v, struct gb_arena *arena)
{
    if (v->type != GB_TEXT && v->type != GB_BLOB)
        return true;
    v->as.s = gb_arena_copy(arena, v->as.s);
    return v->as.s.ptr != NULL;
}

bool
gb_value_equal(const struct gb_value *a, const struct gb_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case GB_NULL:
        return true;
    case GB_INT:
        return a->as.i == b->as.i;
    case GB_REAL:
        return real_bits(a->as.r) == real_bits(b->as.r);
    default:
        return gb_span_equal(a->as.s, b->as.s);
    }
}

void
gb_value_write(struct gb_buf *out, const struct gb_value *v)
{
    gb_buf_u8(out, v->type);
    if (v->type == GB_INT)
        gb_buf_zigzag(out, v->as.i);
    else if (v->type == GB_REAL)
        gb_buf_u64(out, real_bits(v->as.r));
    else if (v->type != GB_NULL)
        gb_buf_string(out, v->as.s);
}

struct gb_value
gb_value_read(struct gb_reader *in)
{
    unsigned type = gb_read_u8(in);
    struct gb_value v = {.type = GB_NULL};
    if (type == GB_INT) {
        v = gb_value_int(gb_read_zigzag(in));
    } else if (type == GB_REAL) {
        uint64_t bits = gb_read_u64(in);
        double r;
        memcpy(&r, &bits, sizeof r);
        v = gb_value_real(r);
        in->bad |= v.type != GB_REAL || real_bits(v.as.r) != bits;
    } else if (type == GB_TEXT || type == GB_BLOB) {
        v = (struct gb_value){.type = type, .as.s = gb_read_string(in)};
        in->bad |= type == GB_TEXT && !gb_utf8_valid(v.as.s);
    } else {
        in->bad |= type != GB_NULL;
    }
    return in->bad ? GB_VALUE_NULL : v;
}

void
gb_value_print(struct gb_buf *out, const struct gb_value *v)
{
    if (v->type == GB_INT)
        gb_buf_printf(out, "%lld", (long long)v->as.i);
    else if (v->type == GB_REAL)
        gb_buf_printf(out, "%.17g", v->as.r);
    else if (v->type == GB_TEXT)
        gb_buf_span(out, v->as.s);
    else if (v->type == GB_BLOB) {
        gb_buf_text(out, "x'");
        for (size_t i = 0; i < v->as.s.len; i++)
            gb_buf_printf(out, "%02x", v->as.s.ptr[i]);
        gb_buf_text(out, "'");
    }
}
