/* armor.c - see armor.h */
#include "armor.h"

#include <string.h>

/* 1 when a < b, without a branch; both below 2^31. */
static unsigned
less(unsigned a, unsigned b)
{
    return (a - b) >> 31;
}

/* The digit for 0..63, without a table or a branch. */
static uint8_t
digit_of(unsigned v)
{
    unsigned c = 'A' + v;
    c += 6 * less(25, v);  /* 26 is 'a' */
    c -= 75 * less(51, v); /* 52 is '0' */
    c -= 15 * less(61, v); /* 62 is '+' */
    c += 3 * less(62, v);  /* 63 is '/' */
    return (uint8_t)c;
}

/* One more than the value when c is within from..to, else 0. */
static unsigned
within(unsigned c, unsigned from, unsigned to, unsigned base)
{
    unsigned is = (1 - less(c, from)) & (1 - less(to, c));
    return is * (c - from + base + 1);
}

/* The value of a digit, or a number of 64 and more. */
static unsigned
value_of(uint8_t c)
{
    return within(c, 'A', 'Z', 0) + within(c, 'a', 'z', 26) +
           within(c, '0', '9', 52) + within(c, '+', '+', 62) +
           within(c, '/', '/', 63) - 1;
}

void
gb_base64_encode(struct gb_buf *out, struct gb_span bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned v = (unsigned)bytes.ptr[i] << 16;
        if (n > 1)
            v |= (unsigned)bytes.ptr[i + 1] << 8;
        if (n > 2)
            v |= bytes.ptr[i + 2];
        uint8_t four[4] = {digit_of(v >> 18), digit_of(v >> 12 & 63),
                           digit_of(v >> 6 & 63), digit_of(v & 63)};
        if (n < 3)
            four[3] = '=';
        if (n < 2)
            four[2] = '=';
        gb_buf_add(out, four, 4);
    }
}

/* How many '=' end the text: 0, 1 or 2. */
static size_t
padding(struct gb_span text)
{
    if (!text.len || text.ptr[text.len - 1] != '=')
        return 0;
    return text.ptr[text.len - 2] == '=' ? 2 : 1;
}

bool
gb_base64_decode(uint8_t *out, size_t max, size_t *len, struct gb_span text)
{
    *len = 0;
    if (text.len % 4)
        return false;
    size_t pad = padding(text), n = text.len / 4 * 3 - pad;
    if (n > max)
        return false;
    unsigned bad = 0, v = 0;
    for (size_t i = 0; i < text.len - pad; i++) {
        unsigned digit = value_of(text.ptr[i]);
        bad |= digit >> 6;
        v = v << 6 | (digit & 63);
        /* the bits seen so far are 6 (i + 1); a byte is whole when they
         * reach its end, at every digit of four but the first */
        if (i % 4)
            *out++ = (uint8_t)(v >> (6 - 2 * (i % 4)));
    }
    /* RFC 4648 section 3.5: the bits that no byte uses must be zero. */
    bad |= v & ((1u << 2 * pad) - 1);
    *len = n;
    return !bad;
}

/* "-----BEGIN label-----" or END. */
static void
rule_line(struct gb_buf *out, const char *word, const char *label)
{
    gb_buf_text(out, "-----");
    gb_buf_text(out, word);
    gb_buf_text(out, label);
    gb_buf_text(out, "-----\n");
}

void
gb_armor_encode(struct gb_buf *out, const char *label, struct gb_span bytes)
{
    rule_line(out, "BEGIN ", label);
    size_t from = out->len;
    gb_base64_encode(out, bytes);
    size_t digits = out->len - from;
    size_t lines = (digits + GB_ARMOR_COLUMNS - 1) / GB_ARMOR_COLUMNS;
    if (!gb_buf_grow(out, lines))
        return;
    /* Make room for the line ends from the last line to the first. */
    for (size_t line = lines; line-- > 0;) {
        size_t at = line * GB_ARMOR_COLUMNS;
        size_t n =
            digits - at < GB_ARMOR_COLUMNS ? digits - at : GB_ARMOR_COLUMNS;
        uint8_t *to = out->ptr + from + at + line;
        memmove(to, out->ptr + from + at, n);
        to[n] = '\n';
    }
    rule_line(out, "END ", label);
}

/* Take the literal text off the front; false when it is not there. */
static bool
expect(struct gb_span *text, const char *literal)
{
    size_t n = strlen(literal);
    if (text->len < n || memcmp(text->ptr, literal, n))
        return false;
    *text = GB_SPAN(text->ptr + n, text->len - n);
    return true;
}

/* Take a BEGIN or END line off the front. */
static bool
expect_rule(struct gb_span *text, const char *word, const char *label)
{
    return expect(text, "-----") && expect(text, word) && expect(text, label) &&
           expect(text, "-----\n");
}

bool
gb_armor_decode(uint8_t *out, size_t max, size_t *len, const char *label,
                struct gb_span text)
{
    uint8_t group[4];
    size_t digits = 0, column = 0, got;
    bool short_line = false;
    *len = 0;
    if (!expect_rule(&text, "BEGIN ", label))
        return false;
    for (; text.len && (column || *text.ptr != '-'); text.ptr++, text.len--) {
        if (*text.ptr == '\n') {
            if (!column)
                return false;
            short_line = column < GB_ARMOR_COLUMNS;
            column = 0;
            continue;
        }
        if (short_line || column == GB_ARMOR_COLUMNS)
            return false;
        column++;
        group[digits++ % 4] = *text.ptr;
        if (digits % 4)
            continue;
        /* only the last group may be short, and then nothing follows it */
        if (!gb_base64_decode(out + *len, max - *len, &got,
                              GB_SPAN(group, 4)) ||
            (*len % 3))
            return false;
        *len += got;
    }
    return digits % 4 == 0 && !column && expect_rule(&text, "END ", label) &&
           !text.len;
}

void
gb_ssh_string(struct gb_buf *out, struct gb_span s)
{
    gb_buf_u32(out, (uint32_t)s.len);
    gb_buf_span(out, s);
}

struct gb_span
gb_ssh_read(struct gb_reader *r)
{
    return gb_read_bytes(r, gb_read_u32(r));
}

bool
gb_ssh_read_is(struct gb_reader *r, const char *text)
{
    struct gb_span s = gb_ssh_read(r);
    return !r->bad && gb_span_equal(s, gb_span_text(text));
}
