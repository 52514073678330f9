/* folder_private.h - names in a journal's folder, and what a folder is; for
 * folder.c and folder_create.c alone. */
#ifndef GB_FOLDER_PRIVATE_H
#define GB_FOLDER_PRIVATE_H

#include "folder.h"

#define GB_FOLDER_DB "journal.db"
#define GB_FOLDER_DB_NEW "journal.db.new"
#define GB_FOLDER_KEYS "keys"
#define GB_FOLDER_SIGN "keys/sign"
#define GB_FOLDER_RECEIVE "keys/receive"
#define GB_FOLDER_LOCK "lock"
#define GB_FOLDER_LOCK_SYNC "lock-sync"

enum gb_folder_state {
    GB_FOLDER_NONE,    /* nothing is there */
    GB_FOLDER_EMPTY,   /* an empty folder */
    GB_FOLDER_HALF,    /* what an interrupted init leaves */
    GB_FOLDER_JOURNAL, /* a whole journal */
    GB_FOLDER_OTHER    /* anything else: not to be touched */
};

enum gb_err gb_folder_state(const char *path, enum gb_folder_state *out,
                            struct gb_fail *fail);
/* The same for a folder without a database: only names that init makes may be
 * in it.  `keys` says whether there is a folder of that name. */
enum gb_err gb_folder_judge(const char *path, bool keys,
                            enum gb_folder_state *out, struct gb_fail *fail);

#endif
