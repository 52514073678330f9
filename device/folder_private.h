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
#define GB_FOLDER_KEY_MAX 32 /* of a key's name with its set, and NUL */
#define GB_FOLDER_LOCK "lock"
#define GB_FOLDER_LOCK_SYNC "lock-sync"

enum gb_folder_state {
    GB_FOLDER_NONE,    /* nothing is there */
    GB_FOLDER_EMPTY,   /* an empty folder */
    GB_FOLDER_HALF,    /* what an interrupted init leaves */
    GB_FOLDER_JOURNAL, /* a whole journal */
    GB_FOLDER_OTHER    /* anything else: not to be touched */
};

/* The name of a key: that of the first set as it is, others with their number
 * behind it. */
void gb_folder_key_name(char out[GB_FOLDER_KEY_MAX], const char *name,
                        int keyset);

/* Steps of making a journal (folder_create.c): keys of the set that the
 * enrolment names, unless they are there; away with an unfinished database;
 * the ticket's delta into a new one. */
enum gb_err gb_folder_make_keys(const char *path, const struct gb_enrolment *en,
                                struct gb_fail *fail);
enum gb_err gb_folder_remove_unfinished(const char *path, struct gb_fail *fail);
enum gb_err gb_folder_apply_ticket(struct gb_folder *f, const char *db,
                                   const struct gb_ticket *ticket,
                                   struct gb_fail *fail);
/* The new database in place of none, or of the old one. */
enum gb_err gb_folder_publish(const char *path, const char *db,
                              struct gb_fail *fail);

/* Open a database of the folder as its journal, with the clock of that file;
 * f->journal is NULL before, and after a failure. */
enum gb_err gb_folder_open_db(struct gb_folder *f, const char *db,
                              enum gb_folder_mode mode, struct gb_fail *fail);

/* The minutes that local time is ahead of UTC, for views (table_site.h): noted
 * by whoever opens the journal for writing, as the zone may change its own.
 * Where this system does not know the zone they stay as they are. */
enum gb_err gb_folder_note_offset(struct gb_folder *f, struct gb_fail *fail);

enum gb_err gb_folder_state(const char *path, enum gb_folder_state *out,
                            struct gb_fail *fail);
/* The same for a folder without a database: only names that init makes may be
 * in it.  `keys` says whether there is a folder of that name. */
enum gb_err gb_folder_judge(const char *path, bool keys,
                            enum gb_folder_state *out, struct gb_fail *fail);

#endif
