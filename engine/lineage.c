/* lineage.c - see lineage.h */
#include "lineage.h"

#include <stdlib.h>

void
gb_lineage_release(struct gb_lineage *l)
{
    free(l->of);
    *l = (struct gb_lineage){0};
}

enum gb_err
gb_lineage_add(struct gb_lineage *l, const struct gb_ancestor *a,
               struct gb_fail *fail)
{
    size_t n = (size_t)l->n + 1;
    struct gb_ancestor *grown = realloc(l->of, n * sizeof *grown);
    if (!grown)
        return gb_fail_memory(fail);
    grown[l->n++] = *a;
    l->of = grown;
    return GB_OK;
}

enum gb_err
gb_lineage_load(struct gb_lineage *l, sqlite3 *db, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    gb_lineage_release(l);
    enum gb_err e = gb_db_prepare(
        db, "SELECT device, parent, stamp FROM _lineage", &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_ancestor a = {sqlite3_column_int(s, 0),
                                sqlite3_column_int(s, 1),
                                sqlite3_column_int64(s, 2)};
        e = gb_lineage_add(l, &a, fail);
    }
    sqlite3_finalize(s);
    return e;
}
