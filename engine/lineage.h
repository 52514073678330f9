/*
 * lineage.h - which device numbers continue which (rec.h, MERGE.md M3), as the
 * table _lineage(device, parent, stamp) of hub.db and journal.db has them.
 */
#ifndef GB_LINEAGE_H
#define GB_LINEAGE_H

#include "db.h"
#include "rec.h"

/* Read all of them in place of what *l had, which is released. */
enum gb_err gb_lineage_load(struct gb_lineage *l, sqlite3 *db,
                            struct gb_fail *fail);
enum gb_err gb_lineage_add(struct gb_lineage *l, const struct gb_ancestor *a,
                           struct gb_fail *fail);
void gb_lineage_release(struct gb_lineage *l); /* harmless on {0} */

#endif
