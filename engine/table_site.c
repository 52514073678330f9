/* table_site.c - see table_site.h */
#include "table_site.h"

#include <time.h>

#include "site.h"
#include "tlv.h"

enum gb_err
gb_table_site_put(sqlite3 *db, struct gb_span payload, struct gb_fail *fail)
{
    static const unsigned tags[] = {GB_SITE_NAME, GB_SITE_TIMEZONE};
    sqlite3_stmt *s;
    enum gb_err e = gb_db_prepare(db,
                                  "UPDATE site SET name = coalesce(?1, name), "
                                  "timezone = coalesce(?2, timezone)",
                                  &s, fail);
    for (int i = 0; i < 2 && !e; i++) {
        struct gb_value v = gb_value_text(gb_tlv_find(payload, tags[i]));
        if (v.as.s.ptr)
            gb_db_bind(s, i + 1, &v);
    }
    if (!e)
        e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_table_site_offset(sqlite3 *db, int64_t now_ms, struct gb_fail *fail)
{
    int64_t old;
    struct tm local;
    bool found;
    time_t seconds = (time_t)(now_ms / 1000);
    enum gb_err e =
        gb_db_int(db, "SELECT offset_min FROM site", &old, &found, fail);
    if (e || !localtime_r(&seconds, &local) || old == local.tm_gmtoff / 60)
        return e;
    return gb_db_execf(db, fail, "UPDATE site SET offset_min = %ld",
                       local.tm_gmtoff / 60);
}
