/*
 * json.h - JSON (RFC 8259): a strict reader and a writer that streams.
 *
 * Reading builds a tree.  Integers are exact to 64 bits and stay integers
 * (1.0 and 1e3 are reals); an integer or a real out of range, a key that
 * stands twice in an object, text that is not UTF-8, or too deep nesting is
 * an error that names line and column.  Text may hold NULs.
 *
 * Writing goes straight into a gb_buf and is as sticky as that is: callers
 * write the whole document and ask gb_buf_check() once.
 *
 * A tree is owned by whoever parsed it; all other pointers and spans are
 * borrowed from it.  A tree that several threads read must not be freed
 * meanwhile; nothing else is shared.
 */
#ifndef GB_JSON_H
#define GB_JSON_H

#include "value.h"

#define GB_JSON_MAX (8 * 1024 * 1024) /* bytes of one document */
#define GB_JSON_DEPTH_MAX 32          /* arrays and objects in one another */

/* ------------------------------------------------------------- reading -- */

struct gb_json; /* a value and all that is in it */

enum gb_json_type {
    GB_JSON_NULL,
    GB_JSON_BOOL,
    GB_JSON_INT,
    GB_JSON_REAL,
    GB_JSON_TEXT,
    GB_JSON_ARRAY,
    GB_JSON_OBJECT
};

/* One document (or line) of any type, with nothing behind it but white space.
 * Untrusted input.  GB_E_LIMIT, GB_E_FORMAT, GB_E_MEMORY; *out is NULL then,
 * else the caller's to free. */
enum gb_err gb_json_parse(struct gb_span text, struct gb_json **out,
                          struct gb_fail *fail);
void gb_json_free(struct gb_json *document); /* NULL is harmless */

/* Every function below takes NULL for "not there", which has type NULL. */
enum gb_json_type gb_json_type(const struct gb_json *v);
const char *gb_json_type_name(enum gb_json_type type); /* "an object" */

/* The value, or 0, false, an empty span if the type is another. */
int64_t gb_json_int(const struct gb_json *v);
bool gb_json_bool(const struct gb_json *v);
double gb_json_real(const struct gb_json *v); /* of an integer, too */
struct gb_span gb_json_text(const struct gb_json *v);

/* Elements of an array, members of an object; 0 for all others. */
size_t gb_json_count(const struct gb_json *v);
const struct gb_json *gb_json_at(const struct gb_json *array, size_t i);
/* NULL: no such member (a member that is null has type GB_JSON_NULL). */
const struct gb_json *gb_json_get(const struct gb_json *object,
                                  const char *key);

/* Members in the order of the file: start from {0}. */
struct gb_json_member {
    struct gb_span key;
    const struct gb_json *value;
    void *place; /* of the iteration */
};
bool gb_json_next(const struct gb_json *object, struct gb_json_member *m);

/* A member that must be there and of this type; GB_E_MISSING or GB_E_TYPE name
 * the key. */
enum gb_err gb_json_need(const struct gb_json *object, const char *key,
                         enum gb_json_type type, const struct gb_json **out,
                         struct gb_fail *fail);
/* The value of a record's column: null, integer, real or text, borrowed.  All
 * others are GB_E_TYPE. */
enum gb_err gb_json_value(const struct gb_json *v, struct gb_value *out,
                          struct gb_fail *fail);

/* ------------------------------------------------------------- writing -- */

/* Writes one document; start from gb_json_writer().  Misuse (a value without
 * a key in an object, an end too many) is a bug of the caller's and asserted.
 */
struct gb_json_writer {
    struct gb_buf *out; /* borrowed */
    bool pretty;        /* one value a line, two spaces a level */
    int depth;
    uint64_t arrays; /* bit d: level d + 1 is an array */
    bool first;      /* nothing stands in this level yet */
    bool keyed;      /* a key waits for its value */
};

struct gb_json_writer gb_json_writer(struct gb_buf *out, bool pretty);
void gb_json_begin_object(struct gb_json_writer *w);
void gb_json_end_object(struct gb_json_writer *w);
void gb_json_begin_array(struct gb_json_writer *w);
void gb_json_end_array(struct gb_json_writer *w);
void gb_json_key(struct gb_json_writer *w, const char *key);
void gb_json_key_span(struct gb_json_writer *w, struct gb_span key);
/* A value: an element of an array, or what the last key names. */
void gb_json_put_null(struct gb_json_writer *w);
void gb_json_put_bool(struct gb_json_writer *w, bool v);
void gb_json_put_int(struct gb_json_writer *w, int64_t v);
/* Reads back as the same bits and as a real; what is not finite is null. */
void gb_json_put_real(struct gb_json_writer *w, double v);
/* UTF-8 as it is, only ", \ and control characters escaped; a byte that is
 * not UTF-8 becomes U+FFFD. */
void gb_json_put_span(struct gb_json_writer *w, struct gb_span v);
void gb_json_put_text(struct gb_json_writer *w, const char *v); /* NULL: null */
/* A blob is written as lower-case hex. */
void gb_json_put_value(struct gb_json_writer *w, const struct gb_value *v);
/* A tree that was read. */
void gb_json_put(struct gb_json_writer *w, const struct gb_json *v);
/* Key and value in one. */
void gb_json_pair_int(struct gb_json_writer *w, const char *key, int64_t v);
void gb_json_pair_bool(struct gb_json_writer *w, const char *key, bool v);
void gb_json_pair_text(struct gb_json_writer *w, const char *key,
                       const char *v);
void gb_json_pair_span(struct gb_json_writer *w, const char *key,
                       struct gb_span v);

#endif
