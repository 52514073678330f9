/* session.c - see session.h */
#include "session.h"

#include "bench.h"

/* From sqlite3.h, behind SQLITE_ENABLE_SESSION. */
typedef struct sqlite3_session sqlite3_session;
typedef struct sqlite3_changeset_iter sqlite3_changeset_iter;
int sqlite3session_create(sqlite3 *db, const char *name,
                          sqlite3_session **session);
void sqlite3session_delete(sqlite3_session *session);
int sqlite3session_attach(sqlite3_session *session, const char *table);
int sqlite3session_changeset(sqlite3_session *session, int *n, void **bytes);
int sqlite3changeset_apply(sqlite3 *db, int n, void *bytes,
                           int (*filter)(void *context, const char *table),
                           int (*conflict)(void *context, int what,
                                           sqlite3_changeset_iter *at),
                           void *context);
enum { DATA = 1, CONFLICT = 3, OMIT = 0, REPLACE = 1 };

bool
session_there(void)
{
    return sqlite3_compileoption_used("ENABLE_SESSION") &&
           sqlite3_compileoption_used("ENABLE_PREUPDATE_HOOK");
}

void
session_record(sqlite3 *db, struct floor_sql *sql, const struct floor_op *ops,
               int n, struct session_set *out)
{
    sqlite3_session *s;
    MUST(gb_db_exec(db, "BEGIN", &bench_why));
    NEED(!sqlite3session_create(db, "main", &s) &&
         !sqlite3session_attach(s, NULL));
    for (int i = 0; i < n; i++)
        floor_apply(sql, &ops[i]);
    NEED(!sqlite3session_changeset(s, &out->len, &out->bytes));
    sqlite3session_delete(s);
    MUST(gb_db_exec(db, "ROLLBACK", &bench_why));
}

static int
resolve(void *context, int what, sqlite3_changeset_iter *at)
{
    (void)context;
    (void)at;
    return what == DATA || what == CONFLICT ? REPLACE : OMIT;
}

void
session_apply(sqlite3 *db, const struct session_set *set)
{
    NEED(
        !sqlite3changeset_apply(db, set->len, set->bytes, NULL, resolve, NULL));
}
