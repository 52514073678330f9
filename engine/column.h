/*
 * column.h - one column of values, as change sets and deltas store it
 * (docs/FORMAT.md "A column of m entries").
 *
 *   u8 presence: 0 no entry has a value | 1 all have | 2 and a bit an entry
 *   then the k values that are there:
 *     INT    k zigzags, each less the one before, modulo 2^64
 *     ALONE  k zigzags, each for itself (differences of a `sum` column)
 *     REAL   k times eight bytes
 *     TEXT   k pattern references with the new patterns, then the numbers
 *     BLOB   the same, without numbers
 *
 * Text that people and devices write repeats itself but for its numbers
 * ("B04-1203", "2026-11-23"), so each run of digits is set apart: what is left
 * is a *pattern*, which is written once, and the numbers are a few bytes each.
 * In a pattern one byte stands for a number of w digits; it is one that UTF-8
 * never uses, so nothing need be escaped.
 *
 * Encoding has one result.  Reading takes untrusted bytes and refuses whatever
 * writing would not have made.
 */
#ifndef GB_COLUMN_H
#define GB_COLUMN_H

#include "limits.h"
#include "schema.h"

enum gb_form {
    GB_FORM_INT,
    GB_FORM_ALONE,
    GB_FORM_REAL,
    GB_FORM_TEXT,
    GB_FORM_BLOB
};

/* Values of one column that share patterns, written out. */
#define GB_COLUMN_MAX (64 * (size_t)GB_TEXT_MAX)

/* How a schema's column is stored. */
enum gb_form gb_column_form(const struct gb_column *c);

/*
 * Add m entries; a NULL value is an entry without one.  Every other has the
 * type of the form.  Scratch memory comes from `scratch` and may be reset
 * afterwards.  GB_E_VALUE: text that is not UTF-8, or longer than GB_TEXT_MAX;
 * GB_E_LIMIT: more than out holds, or than GB_COLUMN_MAX.
 */
enum gb_err gb_column_write(struct gb_buf *out, enum gb_form form,
                            const struct gb_value *entries, size_t m,
                            struct gb_arena *scratch, struct gb_fail *fail);

/* A column that was read: its values in order, and which entries they are. */
struct gb_entries {
    struct gb_value *values;
    size_t nvalues;
    const uint8_t *bits; /* NULL: all entries or, without values, none */
    size_t next, taken;  /* of gb_entries_next() */
};

/*
 * Read m entries.  The values' array lies in `scratch`; texts and blobs are
 * borrowed from the input or lie in `keep`.  GB_E_FORMAT with the reason,
 * GB_E_LIMIT or GB_E_MEMORY.
 */
enum gb_err gb_column_read(struct gb_reader *in, enum gb_form form, size_t m,
                           struct gb_arena *scratch, struct gb_arena *keep,
                           struct gb_entries *out, struct gb_fail *fail);
/* The value of the next entry, from the first on; NULL when it has none. */
const struct gb_value *gb_entries_next(struct gb_entries *entries);

/* An upper bound for the bytes of a value in a column, beside presence.  At
 * least the length of a text. */
size_t gb_column_bound(const struct gb_value *v);

/* ------------------------------------ text and blobs (column_text.c) -- */

/* The k present texts (digits apart) or blobs; parameters as above. */
enum gb_err gb_column_write_text(struct gb_buf *out, bool digits,
                                 const struct gb_span *texts, size_t k,
                                 struct gb_arena *scratch,
                                 struct gb_fail *fail);
/* Fills the spans of k values, whose type is set already. */
enum gb_err gb_column_read_text(struct gb_reader *in, bool digits,
                                struct gb_value *values, size_t k,
                                struct gb_arena *scratch, struct gb_arena *keep,
                                struct gb_fail *fail);
/* Bytes of a text's pattern and numbers. */
size_t gb_column_text_size(struct gb_span text);

#endif
