/* db_private.h - what the files db*.c share. */
#ifndef GB_DB_PRIVATE_H
#define GB_DB_PRIVATE_H

#include "db.h"

/* How a write-ahead log gets into its file, for sqlite3_open_v2(); NULL, as
 * SQLite does it, when there is no memory (db_vfs.c). */
const char *gb_db_vfs(void);

#endif
