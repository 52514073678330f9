/* json.c - reading; see json.h */
#include "json.h"

#include <jansson.h>
#include <string.h>

/* A struct gb_json is a json_t under another name, so that the library's
 * header stays in this file. */
static json_t *
theirs(const struct gb_json *v)
{
    return (json_t *)(uintptr_t)v;
}

/* The reverse. */
static struct gb_json *
ours(json_t *v)
{
    return (struct gb_json *)v;
}

/* Whether brackets are nested too deeply, outside of strings; the library
 * would recurse into them.  Text that is no JSON may be judged wrongly, and
 * is refused either way. */
static bool
too_deep(struct gb_span text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else if ((c == '[' || c == '{') && ++depth > GB_JSON_DEPTH_MAX)
            return true;
        else if ((c == ']' || c == '}') && depth)
            depth--;
    }
    return false;
}

/* The library's error with its place; the text that it quotes may be cut
 * within a character, and is left out then. */
static enum gb_err
parse_error(const json_error_t *e, struct gb_fail *fail)
{
    if (json_error_code(e) == json_error_out_of_memory)
        return gb_fail_set(fail, GB_E_MEMORY, "out of memory for JSON");
    const char *quoted = strstr(e->text, " near '");
    int length = (int)strlen(e->text);
    if (quoted && !gb_utf8_valid(gb_span_text(e->text)))
        length = (int)(quoted - e->text);
    return gb_fail_set(fail, GB_E_FORMAT, "not JSON: line %d, column %d: %.*s",
                       e->line, e->column, length, e->text);
}

enum gb_err
gb_json_parse(struct gb_span text, struct gb_json **out, struct gb_fail *fail)
{
    *out = NULL;
    if (text.len > GB_JSON_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "JSON of %zu bytes: at most %d are read", text.len,
                           GB_JSON_MAX);
    if (too_deep(text))
        return gb_fail_set(fail, GB_E_LIMIT,
                           "JSON nested more than %d levels deep",
                           GB_JSON_DEPTH_MAX);
    json_error_t e = {0};
    json_t *root = json_loadb(
        text.len ? (const char *)text.ptr : "", text.len,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!root)
        return parse_error(&e, fail);
    *out = ours(root);
    return GB_OK;
}

void
gb_json_free(struct gb_json *document)
{
    json_decref(theirs(document));
}

enum gb_json_type
gb_json_type(const struct gb_json *v)
{
    if (!v)
        return GB_JSON_NULL;
    switch (json_typeof(theirs(v))) {
    case JSON_OBJECT:
        return GB_JSON_OBJECT;
    case JSON_ARRAY:
        return GB_JSON_ARRAY;
    case JSON_STRING:
        return GB_JSON_TEXT;
    case JSON_INTEGER:
        return GB_JSON_INT;
    case JSON_REAL:
        return GB_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return GB_JSON_BOOL;
    default:
        return GB_JSON_NULL;
    }
}

const char *
gb_json_type_name(enum gb_json_type type)
{
    static const char *const names[] = {
        "null", "true or false", "an integer", "a real",
        "text", "an array",      "an object",
    };
    return names[type];
}

int64_t
gb_json_int(const struct gb_json *v)
{
    return json_integer_value(theirs(v));
}

bool
gb_json_bool(const struct gb_json *v)
{
    return v && json_is_true(theirs(v));
}

double
gb_json_real(const struct gb_json *v)
{
    return json_number_value(theirs(v));
}

struct gb_span
gb_json_text(const struct gb_json *v)
{
    if (gb_json_type(v) != GB_JSON_TEXT)
        return GB_SPAN("", 0);
    return GB_SPAN(json_string_value(theirs(v)), json_string_length(theirs(v)));
}

size_t
gb_json_count(const struct gb_json *v)
{
    return json_array_size(theirs(v)) + json_object_size(theirs(v));
}

const struct gb_json *
gb_json_at(const struct gb_json *array, size_t i)
{
    return ours(json_array_get(theirs(array), i));
}

const struct gb_json *
gb_json_get(const struct gb_json *object, const char *key)
{
    return ours(json_object_get(theirs(object), key));
}

bool
gb_json_next(const struct gb_json *object, struct gb_json_member *m)
{
    m->place = m->place ? json_object_iter_next(theirs(object), m->place)
                        : json_object_iter(theirs(object));
    if (!m->place)
        return false;
    m->key = GB_SPAN(json_object_iter_key(m->place),
                     json_object_iter_key_len(m->place));
    m->value = ours(json_object_iter_value(m->place));
    return true;
}

enum gb_err
gb_json_need(const struct gb_json *object, const char *key,
             enum gb_json_type type, const struct gb_json **out,
             struct gb_fail *fail)
{
    *out = gb_json_get(object, key);
    if (!*out)
        return gb_fail_set(fail, GB_E_MISSING, "\"%s\" is missing", key);
    enum gb_json_type is = gb_json_type(*out);
    if (is != type)
        return gb_fail_set(fail, GB_E_TYPE, "\"%s\" is %s and not %s", key,
                           gb_json_type_name(is), gb_json_type_name(type));
    return GB_OK;
}

enum gb_err
gb_json_value(const struct gb_json *v, struct gb_value *out,
              struct gb_fail *fail)
{
    enum gb_json_type type = gb_json_type(v);
    *out = GB_VALUE_NULL;
    switch (type) {
    case GB_JSON_NULL:
        return GB_OK;
    case GB_JSON_INT:
        *out = gb_value_int(gb_json_int(v));
        return GB_OK;
    case GB_JSON_REAL:
        *out = gb_value_real(gb_json_real(v));
        return GB_OK;
    case GB_JSON_TEXT:
        *out = gb_value_text(gb_json_text(v));
        return GB_OK;
    default:
        return gb_fail_set(fail, GB_E_TYPE,
                           "%s is no value of a record: give text, a number "
                           "or null",
                           gb_json_type_name(type));
    }
}
