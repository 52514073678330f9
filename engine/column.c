/* column.c - see column.h */
#include "column.h"

#include <string.h>

static const enum gb_type type_of[] = {[GB_FORM_INT] = GB_INT,
                                       [GB_FORM_ALONE] = GB_INT,
                                       [GB_FORM_REAL] = GB_REAL,
                                       [GB_FORM_TEXT] = GB_TEXT,
                                       [GB_FORM_BLOB] = GB_BLOB};

enum { PRESENT_NONE = 0, PRESENT_ALL = 1, PRESENT_SOME = 2 };

enum gb_form
gb_column_form(const struct gb_column *c)
{
    if (c->rule.kind == GB_RULE_SUM)
        return GB_FORM_ALONE;
    switch (c->type) {
    case GB_INT:
        return GB_FORM_INT;
    case GB_REAL:
        return GB_FORM_REAL;
    case GB_TEXT:
        return GB_FORM_TEXT;
    default:
        return GB_FORM_BLOB;
    }
}

/* ------------------------------------------------------------ writing -- */

/* The presence byte and its bits; returns how many entries have a value. */
static size_t
write_presence(struct gb_buf *out, const struct gb_value *entries, size_t m)
{
    size_t k = 0;
    for (size_t i = 0; i < m; i++)
        k += entries[i].type != GB_NULL;
    if (k == 0 || k == m) {
        gb_buf_u8(out, k ? PRESENT_ALL : PRESENT_NONE);
        return k;
    }
    gb_buf_u8(out, PRESENT_SOME);
    uint8_t *bits = gb_buf_grow(out, (m + 7) / 8);
    if (!bits)
        return k;
    memset(bits, 0, (m + 7) / 8);
    for (size_t i = 0; i < m; i++)
        if (entries[i].type != GB_NULL)
            bits[i / 8] |= (uint8_t)(1u << i % 8);
    return k;
}

/* Integers and reals; an entry without a value writes nothing. */
static void
write_numbers(struct gb_buf *out, enum gb_form form,
              const struct gb_value *entries, size_t m)
{
    uint64_t before = 0;
    for (size_t i = 0; i < m; i++) {
        const struct gb_value *v = &entries[i];
        uint64_t bits;
        if (v->type == GB_NULL)
            continue;
        if (form == GB_FORM_REAL) {
            memcpy(&bits, &v->as.r, sizeof bits);
            gb_buf_u64(out, bits);
        } else {
            gb_buf_zigzag(out, (int64_t)((uint64_t)v->as.i - before));
            before = form == GB_FORM_INT ? (uint64_t)v->as.i : 0;
        }
    }
}

/* Gather the texts that are there, and see that each may be stored. */
static enum gb_err
write_texts(struct gb_buf *out, enum gb_form form,
            const struct gb_value *entries, size_t m, size_t k,
            struct gb_arena *scratch, struct gb_fail *fail)
{
    struct gb_span *texts = gb_arena_array(scratch, k, sizeof *texts);
    if (!texts)
        return gb_arena_refused(scratch, k * sizeof *texts, fail);
    k = 0;
    for (size_t i = 0; i < m; i++) {
        if (entries[i].type == GB_NULL)
            continue;
        texts[k] = entries[i].as.s;
        if (texts[k].len > GB_TEXT_MAX)
            return gb_fail_set(fail, GB_E_VALUE,
                               "a value of %zu bytes is longer than %d",
                               texts[k].len, GB_TEXT_MAX);
        if (form == GB_FORM_TEXT && !gb_utf8_valid(texts[k]))
            return gb_fail_set(fail, GB_E_VALUE, "a text is not UTF-8");
        k++;
    }
    return gb_column_write_text(out, form == GB_FORM_TEXT, texts, k, scratch,
                                fail);
}

enum gb_err
gb_column_write(struct gb_buf *out, enum gb_form form,
                const struct gb_value *entries, size_t m,
                struct gb_arena *scratch, struct gb_fail *fail)
{
    if (!m)
        return GB_OK;
    for (size_t i = 0; i < m; i++)
        gb_assert(entries[i].type == GB_NULL ||
                  entries[i].type == type_of[form]);
    size_t k = write_presence(out, entries, m);
    if (form < GB_FORM_TEXT)
        write_numbers(out, form, entries, m);
    else if (k) {
        enum gb_err e = write_texts(out, form, entries, m, k, scratch, fail);
        if (e)
            return e;
    }
    return gb_buf_check(out, "column", fail);
}

size_t
gb_column_bound(const struct gb_value *v)
{
    if (v->type == GB_NULL)
        return 0;
    if (v->type == GB_INT)
        return 10;
    if (v->type == GB_REAL)
        return 8;
    size_t n = v->as.s.len;
    size_t cut = v->type == GB_TEXT ? gb_column_text_size(v->as.s) : n;
    /* a reference of at most 3 bytes, or 0 and the length of the pattern */
    return 4 + (cut > n ? cut : n);
}

/* ------------------------------------------------------------ reading -- */

/* How many entries have a value, and the bits that say which; in->bad when
 * writing would have said it otherwise. */
static size_t
read_presence(struct gb_reader *in, size_t m, const uint8_t **bits)
{
    unsigned presence = gb_read_u8(in);
    *bits = NULL;
    if (presence < PRESENT_SOME)
        return presence == PRESENT_ALL ? m : 0;
    size_t n = (m + 7) / 8, k = 0;
    struct gb_span s = gb_read_bytes(in, n);
    in->bad |= presence > PRESENT_SOME;
    if (in->bad)
        return 0;
    for (size_t i = 0; i < n; i++)
        k += (size_t)__builtin_popcount(s.ptr[i]);
    in->bad |= k == 0 || k == m || (m % 8 && s.ptr[n - 1] >> m % 8);
    *bits = s.ptr;
    return k;
}

/* The other half of write_numbers(). */
static void
read_numbers(struct gb_reader *in, enum gb_form form, struct gb_value *values,
             size_t k)
{
    uint64_t before = 0;
    for (size_t i = 0; i < k && !in->bad; i++) {
        if (form == GB_FORM_REAL) {
            uint64_t bits = gb_read_u64(in), again;
            double r;
            memcpy(&r, &bits, sizeof r);
            values[i] = gb_value_real(r);
            memcpy(&again, &values[i].as.r, sizeof again);
            in->bad |= values[i].type != GB_REAL || again != bits;
        } else {
            uint64_t v = before + (uint64_t)gb_read_zigzag(in);
            values[i] = gb_value_int((int64_t)v);
            before = form == GB_FORM_INT ? v : 0;
        }
    }
}

enum gb_err
gb_column_read(struct gb_reader *in, enum gb_form form, size_t m,
               struct gb_arena *scratch, struct gb_arena *keep,
               struct gb_entries *out, struct gb_fail *fail)
{
    *out = (struct gb_entries){.nvalues = 0};
    if (!m)
        return GB_OK;
    size_t k = read_presence(in, m, &out->bits);
    /* every value takes a byte at least */
    if (in->bad || k > gb_read_left(in))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the presence of values is damaged");
    out->nvalues = k;
    if (!k)
        return GB_OK;
    out->values = gb_arena_array(scratch, k, sizeof *out->values);
    if (!out->values)
        return gb_arena_refused(scratch, k * sizeof *out->values, fail);
    if (form >= GB_FORM_TEXT) {
        for (size_t i = 0; i < k; i++)
            out->values[i].type = type_of[form];
        return gb_column_read_text(in, form == GB_FORM_TEXT, out->values, k,
                                   scratch, keep, fail);
    }
    read_numbers(in, form, out->values, k);
    if (in->bad)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "a number is cut short or not canonical");
    return GB_OK;
}

const struct gb_value *
gb_entries_next(struct gb_entries *entries)
{
    size_t i = entries->next++;
    if (entries->taken == entries->nvalues)
        return NULL;
    if (entries->bits && !(entries->bits[i / 8] >> i % 8 & 1))
        return NULL;
    return &entries->values[entries->taken++];
}
