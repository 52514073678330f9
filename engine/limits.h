/*
 * limits.h - every ceiling, in one place.  A number that came from outside is
 * compared with one of these before anything is allocated for it.
 */
#ifndef GB_LIMITS_H
#define GB_LIMITS_H

#include <assert.h>

#define GB_DEVICE_MAX 8191         /* device numbers 1..8191, hub 0 */
#define GB_COUNTER_BITS 40         /* record id = device << 40 | counter */
#define GB_TABLES_MAX 200          /* tables of a schema */
#define GB_COLUMNS_MAX 60          /* columns of a table beside the id */
#define GB_SCHEMA_MAX (512 * 1024) /* bytes of a schema's text */
/* What a schema may take in memory: a short rule becomes some thirty times its
 * text, and the files are kept three times. */
#define GB_SCHEMA_ARENA_MAX (64u * GB_SCHEMA_MAX)
#define GB_NAME_MAX 63 /* bytes of a table or column name */

#define GB_SET_MAX (1024 * 1024) /* bytes of a container, all parts */
#define GB_BODY_MAX (960 * 1024) /* bytes of its sections, inflated */
/* Of GB_BODY_MAX, what is not counted with an operation: boots, and the heads
 * of sections and tables.  Whoever takes a transaction, seals it or captures it
 * again leaves the same, or what was taken would not fit when it is sealed. */
#define GB_SET_OVERHEAD (64 * 1024)
#define GB_SET_OPS_MAX 65536     /* operations of a set */
#define GB_TEXT_MAX (256 * 1024) /* bytes of one value */
#define GB_BOOTS_MAX 1024        /* boots that one set may span */
#define GB_NAMES_MAX 4096        /* operations that one operation names */
#define GB_ARENA_MAX (64u * 1024 * 1024)  /* decoded set, with its columns */
#define GB_RECORD_MAX (32u * 1024 * 1024) /* state of a record, beside row */

/* A line of a batch: "65535=AUTHORITY," of each operation, and
 * "-140737488355327," of each boot. */
#define GB_LINE_MAX (16 * GB_SET_OPS_MAX + 17 * GB_BOOTS_MAX + 256)

#define GB_CLOCK_TRUST_MS 120000 /* skew that is not adjusted */

/* Raw deflate of incompressible bytes grows by 5 bytes per 16 KiB block. */
static_assert(GB_BODY_MAX + GB_BODY_MAX / 1024 + 4096 < GB_SET_MAX,
              "a full body fits a container even when it does not compress");
static_assert(GB_BOOTS_MAX * 48 < GB_SET_OVERHEAD,
              "all boots of a set are within what is left for it");
static_assert(GB_RECORD_MAX + GB_COLUMNS_MAX * GB_TEXT_MAX < GB_ARENA_MAX,
              "the largest record can be read");

#endif
