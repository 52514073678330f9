/*
 * load.h - a table's records from a CSV file, as sets of the hub itself.
 *
 * The header names columns; a column `ref` holds the office's own name of each
 * record, by which a later load finds it again and writes only what differs.
 * Records without a ref are new each time.  Everything is checked before
 * anything is written: all lines, or none.
 */
#ifndef GB_LOAD_H
#define GB_LOAD_H

#include "hub/office.h"

#define GB_LOAD_MAX ((size_t)256 << 20) /* bytes of a file */

struct gb_loaded {
    unsigned added, changed, same; /* records */
    bool named;                    /* there is a column `ref` */
};

/* GB_E_FORMAT, GB_E_TYPE, GB_E_VALUE ...: the text begins with "line N". */
enum gb_err gb_load_csv(struct gb_office *o, int table, struct gb_span text,
                        struct gb_loaded *out, struct gb_fail *fail);

#endif
