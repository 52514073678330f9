/*
 * field.h - a value that a person typed, for a column: its type, and whether
 * the schema knows it.
 */
#ifndef GB_FIELD_H
#define GB_FIELD_H

#include "engine/state.h"

/*
 * The value of a text, borrowed from it (blobs, written x'00ff', lie in the
 * arena).  An empty text is NULL.  INTEGER and REAL are decimal; a value of an
 * enumeration, state machine or `worst` must be one that the schema names.
 * Not for columns that refer to records.  GB_E_TYPE or GB_E_VALUE, naming the
 * column.
 */
enum gb_err gb_field_read(const struct gb_column *c, struct gb_span text,
                          struct gb_arena *arena, struct gb_value *out,
                          struct gb_fail *fail);

/* The record of a table that a person named: "0-17", its plain number, or
 * "@ref" for one that the hub's people gave that name.  GB_E_MISSING when it
 * is not there; *id is 0 then. */
enum gb_err gb_field_record(struct gb_state *st, int table, struct gb_span text,
                            int64_t *id, struct gb_fail *fail);

/* A value for messages, at most 60 bytes; returns out. */
#define GB_FIELD_TEXT 80
const char *gb_field_text(char out[GB_FIELD_TEXT], const struct gb_value *v);

/* The same of a column: a time in the site's zone. */
const char *gb_field_shown(char out[GB_FIELD_TEXT], const struct gb_column *c,
                           const struct gb_value *v);

/* A rule in short for messages: its kind, and of a state machine only which
 * state shows; at most 200 bytes, returns out. */
#define GB_FIELD_RULE 220
const char *gb_field_rule(char out[GB_FIELD_RULE], const struct gb_rule *r);

#endif
