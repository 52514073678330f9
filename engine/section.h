/*
 * section.h - the sections of a container (docs/FORMAT.md "Containers"):
 * u8 type, varint raw length, varint stored length, stored bytes; by rising
 * type, and one byte 0 behind the last.
 *
 * Change sets and deltas share this.  All raw lengths of one container come to
 * at most GB_BODY_MAX, which is checked before anything is allocated.
 */
#ifndef GB_SECTION_H
#define GB_SECTION_H

#include "buf.h"

#define GB_SECTIONS_MAX 16 /* that any kind of container knows */

/* ------------------------------------------------------------ writing -- */

struct gb_section_writer {
    struct gb_buf *out; /* borrowed */
    size_t raw;         /* bytes so far, before compression */
    unsigned last;      /* type written last */
};

/* Starts at the end of out, behind the header. */
struct gb_section_writer gb_section_writer_of(struct gb_buf *out);
/* The next section, of a higher type than the one before; an empty one is left
 * out.  GB_E_LIMIT when the sections come to more than GB_BODY_MAX. */
enum gb_err gb_section_write(struct gb_section_writer *w, unsigned type,
                             struct gb_span raw, struct gb_span dictionary,
                             struct gb_fail *fail);
/* The byte behind the last one. */
enum gb_err gb_section_finish(struct gb_section_writer *w,
                              struct gb_fail *fail);

/* ------------------------------------------------------------ reading -- */

struct gb_section {
    unsigned type;
    size_t raw_len;
    struct gb_span stored; /* borrowed */
};

struct gb_sections {
    struct gb_section of[GB_SECTIONS_MAX];
    int n;
    size_t len; /* bytes that the sections take, with the final 0 */
};

/* How many bytes the sections take with the final 0, going by their lengths
 * alone: that much is there whatever else may be wrong with them.  Untrusted;
 * GB_E_FORMAT when there is no such end. */
enum gb_err gb_sections_end(struct gb_span bytes, size_t *len,
                            struct gb_fail *fail);
/*
 * Untrusted bytes, from the first section on; more may follow behind the last.
 * `known` are the types that may stand here, one a byte.  Nothing is inflated.
 */
enum gb_err gb_sections_read(struct gb_span bytes, struct gb_span known,
                             struct gb_sections *out, struct gb_fail *fail);
/* NULL when there is none of this type. */
const struct gb_section *gb_sections_find(const struct gb_sections *s,
                                          unsigned type);
/* The raw bytes, in the arena; `s` may be NULL: a section that is missing is
 * GB_E_FORMAT as well. */
enum gb_err gb_section_open(const struct gb_section *s,
                            struct gb_span dictionary, struct gb_arena *arena,
                            struct gb_span *raw, struct gb_fail *fail);

#endif
