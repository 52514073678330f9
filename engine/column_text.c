/*
 * column_text.c - see column.h: texts and blobs of a column.
 *
 * Written are, for each text, the number of its pattern, counted from 1 as
 * they appear, or 0 and the pattern itself when it is new; behind them all,
 * the numbers of all texts.  A run of digits is cut into pieces of nine from
 * the left; in the pattern a piece of w digits is the byte 0xF4 + w.
 */
#include "column.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 9, MARK = 0xf4, SLOTS = 256 };

/* By the number of digits: how many bytes, and the first number too great. */
static const struct {
    unsigned bytes;
    uint32_t end;
} piece_of[DIGITS_MAX + 1] = {
    {0, 0},      {1, 10},      {1, 100},      {2, 1000},      {2, 10000},
    {3, 100000}, {3, 1000000}, {3, 10000000}, {4, 100000000}, {4, 1000000000},
};

/* What a byte of a text is. */
static bool
digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits of the number that a byte of a pattern stands for; 0: for itself. */
static unsigned
marked(uint8_t byte)
{
    return byte > MARK && byte <= MARK + DIGITS_MAX ? (unsigned)byte - MARK : 0;
}

/* ------------------------------------------------------------ writing -- */

/* The digits from p on that make one piece, and their number. */
static unsigned
take_piece(const uint8_t *p, const uint8_t *end, uint32_t *number)
{
    unsigned w = 0;
    for (*number = 0; w < DIGITS_MAX && p + w < end && digit(p[w]); w++)
        *number = *number * 10 + (uint32_t)(p[w] - '0');
    return w;
}

size_t
gb_column_text_size(struct gb_span text)
{
    size_t size = 0;
    uint32_t number;
    for (size_t i = 0; i < text.len; size++) {
        unsigned w = take_piece(text.ptr + i, text.ptr + text.len, &number);
        size += piece_of[w].bytes;
        i += w ? w : 1;
    }
    return size;
}

/* A text as it is sorted: by its pattern, then by its place. */
struct cut {
    struct gb_span pattern;
    size_t place;
};

/* Split a text; one without digits is its own pattern. */
static enum gb_err
cut(struct gb_span text, struct gb_buf *numbers, struct gb_arena *scratch,
    struct gb_span *pattern, struct gb_fail *fail)
{
    size_t first = 0;
    while (first < text.len && !digit(text.ptr[first]))
        first++;
    *pattern = text;
    if (first == text.len)
        return GB_OK;
    uint8_t *to = gb_arena_alloc(scratch, text.len);
    if (!to)
        return gb_arena_refused(scratch, text.len, fail);
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t number;
        unsigned w = take_piece(text.ptr + i, text.ptr + text.len, &number);
        to[n++] = w ? (uint8_t)(MARK + w) : text.ptr[i];
        for (unsigned b = piece_of[w].bytes; b > 0; b--)
            gb_buf_u8(numbers, number >> 8 * (b - 1) & 0xff);
        i += w ? w : 1;
    }
    *pattern = GB_SPAN(to, n);
    return GB_OK;
}

/* qsort: by pattern, then by place. */
static int
by_pattern(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;
    int c = gb_span_compare(x->pattern, y->pattern);
    return c ? c : (x->place > y->place) - (x->place < y->place);
}

/* A slot of the memory below: the ends of a text tell most of them apart. */
static size_t
slot_of(struct gb_span s)
{
    uint32_t h = (uint32_t)s.len;
    for (size_t i = 0; i < s.len && i < 12; i++)
        h = (h ^ s.ptr[i] ^ (uint32_t)s.ptr[s.len - 1 - i] << 8) * 16777619u;
    return (h >> 16 ^ h) % SLOTS;
}

/* For each place, an earlier one with the same pattern, or itself.  Patterns
 * that come again and again are known from a small memory; sorting the others
 * finds equal ones, which unlike a hash table takes no longer for texts chosen
 * to hurt. */
static void
find_first(const struct gb_span *patterns, size_t k, struct cut *cuts,
           size_t *first)
{
    size_t seen[SLOTS] = {0}; /* a place and 1 */
    size_t n = 0;
    for (size_t i = 0; i < k; i++) {
        size_t *last = &seen[slot_of(patterns[i])];
        bool known = *last && gb_span_equal(patterns[*last - 1], patterns[i]);
        first[i] = known ? *last - 1 : i;
        if (known)
            continue;
        *last = i + 1;
        cuts[n++] = (struct cut){patterns[i], i};
    }
    qsort(cuts, n, sizeof *cuts, by_pattern);
    for (size_t i = 1; i < n; i++)
        if (gb_span_equal(cuts[i].pattern, cuts[i - 1].pattern))
            first[cuts[i].place] = first[cuts[i - 1].place];
}

/* The references, with the patterns where they are new. */
static enum gb_err
write_references(struct gb_buf *out, const struct gb_span *patterns, size_t k,
                 struct gb_arena *scratch, struct gb_fail *fail)
{
    /* an earlier place with its pattern, later that one's number */
    size_t *first = gb_arena_array(scratch, k, sizeof *first);
    struct cut *cuts = gb_arena_array(scratch, k, sizeof *cuts);
    if (!first || !cuts)
        return gb_arena_refused(scratch, k * sizeof *cuts, fail);
    find_first(patterns, k, cuts, first);
    size_t known = 0;
    for (size_t i = 0; i < k; i++) {
        if (first[i] != i) {
            first[i] = first[first[i]];
            gb_buf_varint(out, first[i]);
        } else {
            first[i] = ++known;
            gb_buf_varint(out, 0);
            gb_buf_string(out, patterns[i]);
        }
    }
    return GB_OK;
}

enum gb_err
gb_column_write_text(struct gb_buf *out, bool digits,
                     const struct gb_span *texts, size_t k,
                     struct gb_arena *scratch, struct gb_fail *fail)
{
    struct gb_buf numbers;
    gb_buf_init(&numbers, out->max);
    enum gb_err e = GB_OK;
    size_t total = 0;
    struct gb_span *patterns = gb_arena_array(scratch, k, sizeof *patterns);
    if (!patterns)
        e = gb_arena_refused(scratch, k * sizeof *patterns, fail);
    for (size_t i = 0; i < k && !e; i++) {
        size_t before = numbers.len;
        patterns[i] = texts[i];
        if (digits)
            e = cut(texts[i], &numbers, scratch, &patterns[i], fail);
        total += numbers.len > before ? texts[i].len : 0;
    }
    if (!e && total > GB_COLUMN_MAX)
        e = gb_fail_set(fail, GB_E_LIMIT,
                        "the texts of a column come to more than %zu bytes",
                        GB_COLUMN_MAX);
    if (!e)
        e = write_references(out, patterns, k, scratch, fail);
    if (!e)
        e = gb_buf_check(&numbers, "column", fail);
    gb_buf_span(out, gb_buf_view(&numbers));
    gb_buf_release(&numbers);
    return e ? e : gb_buf_check(out, "column", fail);
}

/* ------------------------------------------------------------ reading -- */

struct pattern {
    struct gb_span s;
    size_t text_len; /* of each text that it makes */
    size_t numbers;  /* bytes of its numbers */
};

/* What a pattern makes; false when cutting a text would not give it. */
static bool
measure(struct pattern *p, bool digits)
{
    p->text_len = digits ? 0 : p->s.len;
    p->numbers = 0;
    size_t start = 0, i = 0;
    for (; digits && i < p->s.len; i++) {
        unsigned w = marked(p->s.ptr[i]);
        p->text_len += w ? w : 1;
        if (digit(p->s.ptr[i]))
            return false;
        if (!w)
            continue;
        /* only a full piece may have another right behind it */
        if (i && marked(p->s.ptr[i - 1]) % DIGITS_MAX)
            return false;
        /* digits are ASCII: what lies between them is UTF-8 by itself */
        if (!gb_utf8_valid(GB_SPAN(p->s.ptr + start, i - start)))
            return false;
        start = i + 1;
        p->numbers += piece_of[w].bytes;
    }
    return (!digits || gb_utf8_valid(GB_SPAN(p->s.ptr + start, i - start))) &&
           p->text_len <= GB_TEXT_MAX;
}

/* qsort over patterns. */
static int
by_bytes(const void *a, const void *b)
{
    const struct gb_span *const *x = a, *const *y = b;
    return gb_span_compare(**x, **y);
}

/* Whether a pattern was written as new though it was known. */
static enum gb_err
find_twins(const struct pattern *patterns, size_t n, struct gb_arena *scratch,
           struct gb_fail *fail)
{
    const struct gb_span **sorted = gb_arena_array(scratch, n, sizeof *sorted);
    if (!sorted)
        return gb_arena_refused(scratch, n * sizeof *sorted, fail);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &patterns[i].s;
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 1; i < n; i++)
        if (gb_span_equal(*sorted[i - 1], *sorted[i]))
            return gb_fail_set(fail, GB_E_FORMAT, "a pattern is there twice");
    return GB_OK;
}

/* The reference of each text goes into values[].as.i, from 0; returns how many
 * patterns there are. */
static size_t
read_references(struct gb_reader *in, bool digits, struct gb_value *values,
                size_t k, struct pattern *patterns)
{
    size_t n = 0;
    for (size_t i = 0; i < k && !in->bad; i++) {
        uint64_t reference = gb_read_varint(in);
        if (!reference) {
            patterns[n].s = gb_read_string(in);
            in->bad |= !measure(&patterns[n], digits);
            reference = ++n;
        }
        in->bad |= reference > n;
        values[i].as.i = (int64_t)reference - 1;
    }
    return n;
}

/* Write a text out.  Returns its end, or NULL when a number has more digits
 * than its place. */
static uint8_t *
fill(uint8_t *to, struct gb_span pattern, const uint8_t **numbers)
{
    for (size_t i = 0; i < pattern.len; i++) {
        unsigned w = marked(pattern.ptr[i]);
        uint32_t number = 0;
        if (!w) {
            *to++ = pattern.ptr[i];
            continue;
        }
        for (unsigned b = 0; b < piece_of[w].bytes; b++)
            number = number << 8 | *(*numbers)++;
        if (number >= piece_of[w].end)
            return NULL;
        for (unsigned d = w; d > 0; d--, number /= 10)
            to[d - 1] = (uint8_t)('0' + number % 10);
        to += w;
    }
    return to;
}

/* Patterns without numbers are the texts themselves; the others are written
 * out, one behind the other. */
static enum gb_err
read_texts(struct gb_reader *in, const struct pattern *patterns,
           struct gb_value *values, size_t k, struct gb_arena *keep,
           struct gb_fail *fail)
{
    size_t total = 0, numbers = 0;
    for (size_t i = 0; i < k; i++) {
        const struct pattern *p = &patterns[values[i].as.i];
        total += p->numbers ? p->text_len : 0;
        numbers += p->numbers;
    }
    const uint8_t *from = gb_read_bytes(in, numbers).ptr;
    if (in->bad)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the numbers of texts are cut short");
    if (total > GB_COLUMN_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "the texts of a column come to more than %zu bytes",
                           GB_COLUMN_MAX);
    uint8_t *to = gb_arena_alloc(keep, total);
    if (!to)
        return gb_arena_refused(keep, total, fail);
    for (size_t i = 0; i < k; i++) {
        const struct pattern *p = &patterns[values[i].as.i];
        uint8_t *end = p->numbers ? fill(to, p->s, &from) : to;
        if (!end)
            return gb_fail_set(fail, GB_E_FORMAT,
                               "a number in a text has too many digits");
        values[i].as.s = p->numbers ? GB_SPAN(to, p->text_len) : p->s;
        to = end;
    }
    return GB_OK;
}

enum gb_err
gb_column_read_text(struct gb_reader *in, bool digits, struct gb_value *values,
                    size_t k, struct gb_arena *scratch, struct gb_arena *keep,
                    struct gb_fail *fail)
{
    struct pattern *patterns = gb_arena_array(scratch, k, sizeof *patterns);
    if (!patterns)
        return gb_arena_refused(scratch, k * sizeof *patterns, fail);
    size_t n = read_references(in, digits, values, k, patterns);
    if (in->bad)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the patterns of texts are damaged");
    enum gb_err e = find_twins(patterns, n, scratch, fail);
    if (e)
        return e;
    return read_texts(in, patterns, values, k, keep, fail);
}
