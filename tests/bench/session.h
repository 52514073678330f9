/* session.h - SQLite's session extension on the same shifts, for comparison;
 * Debian's library has it, its header hides it. */
#ifndef GB_BENCH_SESSION_H
#define GB_BENCH_SESSION_H

#include <stdbool.h>

#include "floor.h"

struct session_set {
    int len;
    void *bytes;
};

/* Whether the library has it. */
bool session_there(void);
/* A shift as a change set; the database is as before. */
void session_record(sqlite3 *db, struct floor_sql *sql,
                    const struct floor_op *ops, int n, struct session_set *out);
/* Applied; a later value replaces an earlier one. */
void session_apply(sqlite3 *db, const struct session_set *set);

#endif
