/*
 * fields.h - what people and files write, as tables, columns, records and
 * values of the schema: `state=done`, `urged+=1`, `unit_id=0-17`,
 * {"unit_id": "@A3-2-501"}.
 *
 * Values are of the column's type and borrowed from the text they came from.
 * Whether they are allowed is the engine's matter (capture).
 */
#ifndef GB_FIELDS_H
#define GB_FIELDS_H

#include "engine/json.h"
#include "folder.h"

/* The schema, or GB_E_STATE: none has come yet. */
enum gb_err gb_fields_schema(struct gb_journal *j, const struct gb_schema **out,
                             struct gb_fail *fail);

/* By name; GB_E_UNKNOWN says which name is near. */
enum gb_err gb_fields_table(const struct gb_folder *f, struct gb_span name,
                            int *table, struct gb_fail *fail);
/* Behind a failure to find a record, or (table -1) a table: where to look.
 * Returns e. */
enum gb_err gb_fields_look(const struct gb_folder *f, int table, enum gb_err e,
                           struct gb_fail *fail);

/* The id that "0-17", "17", "@REF" or "@7/REF" names; that there is such a
 * record is looked up for a ref only.  GB_E_VALUE, GB_E_MISSING. */
enum gb_err gb_fields_record(const struct gb_folder *f, int table,
                             struct gb_span text, int64_t *id,
                             struct gb_fail *fail);
/* The record of the staff that so acts from now on; persistent when `keep`. */
enum gb_err gb_fields_actor(struct gb_folder *f, const char *text, bool keep,
                            int64_t *id, struct gb_fail *fail);

/*
 * "column=value", or "column+=difference" where `add` is allowed.  An empty
 * value is NULL.  INTEGER takes a number, an id as 0-17, `now`, and @REF when
 * the column refers to a table; REAL a number; TEXT anything; BLOB hex (which
 * is decoded in place).
 */
enum gb_err gb_fields_word(struct gb_folder *f, int table, char *word, bool add,
                           struct gb_assign *out, struct gb_fail *fail);
/* The same from a member of a JSON object.  INTEGER takes an integer, or a
 * text as above; REAL takes integers, too. */
enum gb_err gb_fields_member(struct gb_folder *f, int table,
                             const struct gb_json_member *m, bool add,
                             struct gb_assign *out, struct gb_fail *fail);

#endif
