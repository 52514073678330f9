/*
 * csv.h - comma-separated values (RFC 4180), read row by row.
 *
 * UTF-8, with or without a byte order mark; lines end with LF or CRLF; a field
 * in quotes may hold commas, quotes (doubled) and line ends.  A quote within a
 * field that did not begin with one is an error, as is anything between a
 * closing quote and the next comma.  Empty lines are passed over.
 */
#ifndef GB_CSV_H
#define GB_CSV_H

#include "engine/buf.h"

#define GB_CSV_FIELDS_MAX 256
#define GB_CSV_FIELD_MAX (256 * 1024) /* bytes */

struct gb_csv {
    const uint8_t *at, *end; /* borrowed: the whole text */
    unsigned next;           /* number of the line that `at` is in */
    /* the current row */
    unsigned line; /* where it begins, from 1 */
    int nfields;
    struct gb_span fields[GB_CSV_FIELDS_MAX]; /* valid until the next row */
    size_t starts[GB_CSV_FIELDS_MAX]; /* in `text`, while the row is read */
    struct gb_buf text;               /* the row's fields, one by one */
};

void gb_csv_open(struct gb_csv *csv, struct gb_span text);
void gb_csv_release(struct gb_csv *csv); /* may be repeated */

/* The next row; *row is false behind the last.  GB_E_FORMAT, GB_E_LIMIT: the
 * text begins with "line N". */
enum gb_err gb_csv_next(struct gb_csv *csv, bool *row, struct gb_fail *fail);

#endif
