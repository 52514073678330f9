/*
 * set_private.h - what the files of the change set codec share; see set.h.
 *
 *   set.c           header, container, bounds
 *   set_time.c      sections TIME and ORIGIN, both ways
 *   set_encode.c    section OPS and the signed bytes
 *   set_decode.c    and back
 *   set_personal.c  personal values, commitments
 */
#ifndef GB_SET_PRIVATE_H
#define GB_SET_PRIVATE_H

#include "limits.h"
#include "section.h"
#include "set.h"

enum {
    GB_SET_HEADER_BYTES = 116,
    GB_SECTION_TIME = 1,
    GB_SECTION_OPS = 2,
    GB_SECTION_ORIGIN = 3
};

#define GB_KIND_MAX GB_RELEASE

/* Kinds that exist, and which of them are about a record of a table. */
static inline bool
gb_kind_of_record(unsigned kind)
{
    return kind >= GB_INSERT && kind <= GB_RESOLVE;
}

static inline bool
gb_kind_known(unsigned kind)
{
    return gb_kind_of_record(kind) || (kind >= GB_SITE && kind <= GB_RELEASE);
}

/* Operations of one kind and table, in the order of the set. */
struct gb_group {
    unsigned kind;
    int table; /* 0 for the kinds of the site */
    size_t n;
    struct gb_op **ops; /* n */
};

/* Values that the operations of a set write together.  Masks cost little, so
 * the body does not bound this; the memory for a decoded set does. */
#define GB_SET_VALUES_MAX (8 * GB_SET_OPS_MAX)
static_assert(GB_SET_VALUES_MAX * sizeof(struct gb_written) <= GB_ARENA_MAX / 2,
              "the values of a set fit its arena, beside all else");

/* The largest number of groups: four kinds a table, and four of the site. */
#define GB_GROUPS_MAX (4 * GB_TABLES_MAX + 4)

/* What a set's header must be beside readable. */
enum gb_err gb_set_check_header(const struct gb_set_info *info,
                                struct gb_fail *fail);
/* The sections behind the header; more may follow behind their end. */
enum gb_err gb_set_read_sections(struct gb_span signed_bytes,
                                 struct gb_sections *out, struct gb_fail *fail);

/* Add section TIME; group[i] is the group of operation i. */
enum gb_err gb_set_write_time(const struct gb_set *set, const uint16_t *group,
                              struct gb_buf *out, struct gb_fail *fail);
/* Fill in boots and operations (boot, time, stamp, actor); *group, in the
 * set's arena, holds numbers that section OPS must know. */
enum gb_err gb_set_read_time(struct gb_span raw, struct gb_set *set,
                             uint16_t **group, struct gb_fail *fail);

/* Section ORIGIN of a set that has origins. */
enum gb_err gb_set_write_origin(const struct gb_set *set, struct gb_buf *out,
                                struct gb_fail *fail);
enum gb_err gb_set_read_origin(struct gb_span raw, struct gb_set *set,
                               struct gb_fail *fail);

/* The commitment to an operation's personal values and salt. */
enum gb_err gb_set_commit(const struct gb_op *op, const struct gb_table *t,
                          uint8_t out[32], struct gb_fail *fail);
/* Bit c for each personal column c that the operation writes. */
uint64_t gb_set_personal_mask(const struct gb_op *op, const struct gb_table *t);

#endif
