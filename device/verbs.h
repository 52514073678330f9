/*
 * verbs.h - what `gengbu` can be told, one function a verb (cmd_*.c), and the
 * few things that they have in common (verbs.c).  main.c has the table.
 *
 * Each returns the exit status; a failure has been reported then.
 */
#ifndef GB_VERBS_H
#define GB_VERBS_H

#include "engine/cmd.h"
#include "engine/json.h"
#include "folder.h"

int gb_verb_init(const struct gb_args *args);
int gb_verb_signin(const struct gb_args *args);
int gb_verb_record(const struct gb_args *args);
int gb_verb_set(const struct gb_args *args);
int gb_verb_void(const struct gb_args *args);
int gb_verb_list(const struct gb_args *args);
int gb_verb_show(const struct gb_args *args);
int
gb_verb_tables(const struct gb_args *args); /* both, without the last word */
int gb_verb_sync(const struct gb_args *args);
int gb_verb_export(const struct gb_args *args);
int gb_verb_import(const struct gb_args *args);
int gb_verb_status(const struct gb_args *args);
int gb_verb_digest(const struct gb_args *args);

/* Open the journal that the first word names; close it in any case. */
enum gb_err gb_verb_open(const struct gb_args *args, struct gb_folder *f,
                         const char *holder, enum gb_folder_mode mode,
                         struct gb_fail *fail);
/* Who acts: --actor, if it was given, for this run only. */
enum gb_err gb_verb_act(const struct gb_args *args, struct gb_folder *f,
                        struct gb_fail *fail);
/* The table that word i names, and the record that word i + 1 does. */
enum gb_err gb_verb_table(const struct gb_args *args, int i,
                          struct gb_folder *f, int *table,
                          struct gb_fail *fail);
enum gb_err gb_verb_record_of(const struct gb_args *args, int i,
                              struct gb_folder *f, int table, int64_t *id,
                              struct gb_fail *fail);
/* --lang, in which the schema has labels. */
enum gb_err gb_verb_lang(const struct gb_args *args, const struct gb_schema *s,
                         const char **lang, struct gb_fail *fail);

/* Print a buffer to standard output and empty it; a failure of it (memory, the
 * ceiling) or of writing is returned. */
enum gb_err gb_verb_flush(struct gb_buf *out, struct gb_fail *fail);

/* The bytes of one document at a time in memory, at most. */
#define GB_VERB_OUT_MAX (64 * 1024 * 1024)

#endif
