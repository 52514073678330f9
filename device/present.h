/*
 * present.h - values as people read them: labels of the schema for tables,
 * columns and enumerated values, record ids as 7-1042, times in the site's
 * zone, a point for what is not there.
 *
 * What a column is comes from the schema.  A view's columns are traced to the
 * table column they show; what a view computes goes by its name.  A time is
 * an INTEGER whose column's name ends in _at, _start, _end or _ms and whose
 * value can be one (1990 and later).
 */
#ifndef GB_PRESENT_H
#define GB_PRESENT_H

#include "engine/db.h"
#include "engine/schema.h"

#define GB_PRESENT_LANGUAGE "zh" /* unless --lang says otherwise */

/* A column to be shown; everything is borrowed. */
struct gb_present {
    const struct gb_schema *schema;
    const char *lang;
    const char *name;  /* as SQL has it */
    int table, column; /* -1: not a column of a table; `id` has table alone */
    bool id;           /* names a record */
};

/* Column i of a prepared statement. */
struct gb_present gb_present_of(const struct gb_schema *s, const char *lang,
                                sqlite3_stmt *statement, int i);
/* Column of a table; column -1 is the id. */
struct gb_present gb_present_column(const struct gb_schema *s, const char *lang,
                                    int table, int column);

/* What heads the column; never NULL. */
const char *gb_present_title(const struct gb_present *p);
/* Numbers are aligned right. */
bool gb_present_right(const struct gb_present *p);
/* Append a value in words; NULL appends nothing. */
void gb_present_value(const struct gb_present *p, const struct gb_value *v,
                      struct gb_buf *out);

#endif
