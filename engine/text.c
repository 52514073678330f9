/* text.c - UTF-8 and hex; declared in buf.h */
#include "buf.h"

#include <string.h>

/* The next code point, or -1; RFC 3629 section 4 by ranges. */
static int32_t
next_point(const uint8_t **p, const uint8_t *end)
{
    uint8_t first = *(*p)++;
    if (first < 0x80)
        return first;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || end - *p < more)
        return -1;
    int32_t point = first & (0x3f >> more);
    for (int i = 0; i < more; i++) {
        uint8_t byte = *(*p)++;
        if ((byte & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (byte & 0x3f);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff))
        return -1;
    return point;
}

/* Over ASCII, eight bytes at a time: most texts are nothing else. */
static const uint8_t *
skip_ascii(const uint8_t *p, const uint8_t *end)
{
    for (uint64_t eight; end - p >= 8; p += 8) {
        memcpy(&eight, p, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return p;
}

bool
gb_utf8_valid(struct gb_span s)
{
    const uint8_t *p = s.ptr, *end = p + s.len;
    while ((p = skip_ascii(p, end)) < end)
        if (next_point(&p, end) < 0)
            return false;
    return true;
}

size_t
gb_utf8_control(struct gb_span s)
{
    static const struct {
        int32_t from, to;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0x200e, 0x200f},
        {0x202a, 0x202e}, {0x2066, 0x2069},
    };
    const uint8_t *p = s.ptr;
    int32_t c = s.len ? next_point(&p, p + s.len) : -1;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return (size_t)(p - s.ptr);
    return 0;
}

/* East Asian Wide and Fullwidth blocks (UAX #11), and combining marks. */
static size_t
point_width(int32_t c)
{
    static const struct {
        int32_t from, to;
        size_t width;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0xfe00, 0xfe0f, 0},
        {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},   {0x3041, 0x33ff, 2},
        {0x3400, 0x4dbf, 2},   {0x4e00, 0x9fff, 2},   {0xa000, 0xa4cf, 2},
        {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2},
        {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return ranges[i].width;
    return 1;
}

size_t
gb_utf8_width(struct gb_span s)
{
    const uint8_t *p = s.ptr, *end = p + s.len;
    size_t width = 0;
    while (p < end) {
        int32_t c = next_point(&p, end);
        width += c < 0 ? 1 : point_width(c);
    }
    return width;
}

void
gb_hex_encode(char *out, const uint8_t *in, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = 0;
}

/* The value of a lower-case hex digit, or -1. */
static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
gb_hex_decode(uint8_t *out, size_t n, struct gb_span text)
{
    if (text.len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text.ptr[2 * i]);
        int low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
