/*
 * table_site.h - the one row of `site`, which a schema's views read: what the
 * site is called, its time zone, and the minutes that its local time is ahead
 * of UTC.
 *
 * The hub's state and every journal have it, and fill it by this code, so that
 * a view says the same on both sides.  Name and zone are the ledger's, as the
 * site's payload has them; the minutes follow from the time, so the program
 * that writes notes them: only it has a clock and the zone's file.
 */
#ifndef GB_TABLE_SITE_H
#define GB_TABLE_SITE_H

#include "db.h"

#define GB_TABLE_SITE                                                          \
    "CREATE TABLE site(name TEXT, timezone TEXT, offset_min INTEGER) STRICT;"

/* The row before anything is known. */
#define GB_TABLE_SITE_NONE "INSERT INTO site VALUES('', 'UTC', 0);"

/* Name and zone out of a payload of kind GB_SITE (site.h), where it has them.
 */
enum gb_err gb_table_site_put(sqlite3 *db, struct gb_span payload,
                              struct gb_fail *fail);

/* The minutes at this time, in the process's zone: that of gb_term_zone().
 * Writes only where they are others. */
enum gb_err gb_table_site_offset(sqlite3 *db, int64_t now_ms,
                                 struct gb_fail *fail);

#endif
