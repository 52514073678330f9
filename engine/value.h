/*
 * value.h - one value of a record: NULL, a 64-bit integer, a real, text or a
 * blob.  Text is UTF-8 and may hold NULs; spans are borrowed.  As in SQLite,
 * there is no NaN and -0.0 is 0.0 (gb_value_real() sees to it).
 */
#ifndef GB_VALUE_H
#define GB_VALUE_H

#include "buf.h"

enum gb_type { GB_NULL, GB_INT, GB_REAL, GB_TEXT, GB_BLOB };

struct gb_value {
    enum gb_type type;
    union {
        int64_t i;
        double r;
        struct gb_span s; /* text and blob */
    } as;
};

#define GB_VALUE_NULL ((struct gb_value){.type = GB_NULL})
struct gb_value gb_value_int(int64_t i);
struct gb_value gb_value_real(double r); /* NaN becomes NULL, -0.0 is 0.0 */
struct gb_value gb_value_text(struct gb_span s);
struct gb_value gb_value_blob(struct gb_span s);
/* Let a text or blob lie in the arena; false: that is full. */
bool gb_value_keep(struct gb_value *v, struct gb_arena *arena);
/* Same type and same bytes. */
bool gb_value_equal(const struct gb_value *a, const struct gb_value *b);

/*
 * The canonical bytes of a value, alone: u8 type, then nothing | zigzag |
 * eight bytes of IEEE 754 | string (FORMAT.md "Values").  Reading borrows text
 * and blobs from the reader; text that is not UTF-8, NaN and -0.0 are bad.
 */
void gb_value_write(struct gb_buf *out, const struct gb_value *v);
struct gb_value gb_value_read(struct gb_reader *in);

/* What a person reads: 42, 3.5, the text itself, x'00ff', or nothing. */
void gb_value_print(struct gb_buf *out, const struct gb_value *v);

#endif
