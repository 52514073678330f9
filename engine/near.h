/*
 * near.h - "did you mean": what to say of a name that is not known.
 */
#ifndef GB_NEAR_H
#define GB_NEAR_H

#include "schema.h"

/* Edits (insert, remove, replace a byte, swap neighbours) between two names:
 * optimal string alignment; SIZE_MAX when one is longer than any name. */
size_t gb_near_distance(struct gb_span a, struct gb_span b);

/* The i-th known name, or NULL behind the last. */
typedef const char *gb_near_name(const void *context, int i);

/*
 * GB_E_UNKNOWN: "`what` 'NAME' is not known: did you mean X?" when one of the
 * names is close (by edit distance, at most a third of its letters), else "...:
 * there are X, Y, Z", as many as fit on a line.
 */
enum gb_err gb_near_fail(struct gb_fail *fail, const char *what,
                         struct gb_span name, gb_near_name *names,
                         const void *context);

/* Tables and columns of a schema by name; else GB_E_UNKNOWN, as above. */
enum gb_err gb_near_table(const struct gb_schema *s, struct gb_span name,
                          int *table, struct gb_fail *fail);
enum gb_err gb_near_column(const struct gb_table *t, struct gb_span name,
                           int *column, struct gb_fail *fail);

#endif
