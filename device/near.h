/*
 * near.h - "did you mean": what to say of a name that is not known.
 */
#ifndef GB_NEAR_H
#define GB_NEAR_H

#include "engine/buf.h"

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

#endif
