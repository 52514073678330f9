/* json_write.c - the writer of json.h */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gb_json_writer
gb_json_writer(struct gb_buf *out, bool pretty)
{
    return (struct gb_json_writer){.out = out, .pretty = pretty, .first = true};
}

/* Whether the current level is an array. */
static bool
in_array(const struct gb_json_writer *w)
{
    return w->depth > 0 && (w->arrays >> (w->depth - 1) & 1);
}

/* A new line with the indentation of the current level. */
static void
new_line(struct gb_json_writer *w)
{
    if (!w->pretty)
        return;
    gb_buf_u8(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        gb_buf_text(w->out, "  ");
}

/* Comma and new line before a member or element. */
static void
separate(struct gb_json_writer *w)
{
    if (!w->first)
        gb_buf_u8(w->out, ',');
    if (w->depth)
        new_line(w);
    w->first = false;
}

/* What comes before any value. */
static void
before_value(struct gb_json_writer *w)
{
    if (w->depth == 0) {
        gb_assert(w->first);
        w->first = false;
    } else if (in_array(w)) {
        separate(w);
    } else {
        gb_assert(w->keyed);
        w->keyed = false;
    }
}

/* Open a level. */
static void
begin(struct gb_json_writer *w, bool array)
{
    before_value(w);
    gb_assert(w->depth < 64);
    gb_buf_u8(w->out, array ? '[' : '{');
    uint64_t bit = (uint64_t)1 << w->depth++;
    w->arrays = array ? w->arrays | bit : w->arrays & ~bit;
    w->first = true;
}

/* Close a level; an empty one stays on its line. */
static void
end(struct gb_json_writer *w, bool array)
{
    gb_assert(w->depth > 0);
    gb_assert(in_array(w) == array);
    gb_assert(!w->keyed);
    w->depth--;
    if (!w->first)
        new_line(w);
    gb_buf_u8(w->out, array ? ']' : '}');
    w->first = false;
}

void
gb_json_begin_object(struct gb_json_writer *w)
{
    begin(w, false);
}

void
gb_json_end_object(struct gb_json_writer *w)
{
    end(w, false);
}

void
gb_json_begin_array(struct gb_json_writer *w)
{
    begin(w, true);
}

void
gb_json_end_array(struct gb_json_writer *w)
{
    end(w, true);
}

/* A character below 0x20, a quote or a backslash. */
static void
put_escape(struct gb_buf *out, uint8_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        gb_buf_printf(out, "\\%c", to[at - from]);
    else
        gb_buf_printf(out, "\\u%04x", c);
}

/* Bytes of the valid character at the start of s, or 0. */
static size_t
character(struct gb_span s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++)
        if (gb_utf8_valid(GB_SPAN(s.ptr, n)))
            return n;
    return 0;
}

/* A string in its quotes. */
static void
put_string(struct gb_buf *out, struct gb_span s)
{
    gb_buf_u8(out, '"');
    while (s.len) {
        size_t n = character(s);
        if (n == 0)
            gb_buf_text(out, "\xef\xbf\xbd");
        else if (*s.ptr < 0x20 || *s.ptr == '"' || *s.ptr == '\\')
            put_escape(out, *s.ptr);
        else
            gb_buf_add(out, s.ptr, n);
        n = n ? n : 1;
        s = GB_SPAN(s.ptr + n, s.len - n);
    }
    gb_buf_u8(out, '"');
}

void
gb_json_key_span(struct gb_json_writer *w, struct gb_span key)
{
    gb_assert(w->depth > 0 && !in_array(w) && !w->keyed);
    separate(w);
    put_string(w->out, key);
    gb_buf_text(w->out, w->pretty ? ": " : ":");
    w->keyed = true;
}

void
gb_json_key(struct gb_json_writer *w, const char *key)
{
    gb_json_key_span(w, gb_span_text(key));
}

void
gb_json_put_null(struct gb_json_writer *w)
{
    before_value(w);
    gb_buf_text(w->out, "null");
}

void
gb_json_put_bool(struct gb_json_writer *w, bool v)
{
    before_value(w);
    gb_buf_text(w->out, v ? "true" : "false");
}

void
gb_json_put_int(struct gb_json_writer *w, int64_t v)
{
    before_value(w);
    gb_buf_printf(w->out, "%" PRId64, v);
}

void
gb_json_put_real(struct gb_json_writer *w, double v)
{
    if (!isfinite(v)) {
        gb_json_put_null(w);
        return;
    }
    before_value(w);
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (!memcmp(&back, &v, sizeof v))
            break;
    }
    gb_buf_text(w->out, text);
    if (!strpbrk(text, ".e"))
        gb_buf_text(w->out, ".0");
}

void
gb_json_put_span(struct gb_json_writer *w, struct gb_span v)
{
    before_value(w);
    put_string(w->out, v);
}

void
gb_json_put_text(struct gb_json_writer *w, const char *v)
{
    if (v)
        gb_json_put_span(w, gb_span_text(v));
    else
        gb_json_put_null(w);
}

/* A blob as a string of hex digits. */
static void
put_hex(struct gb_json_writer *w, struct gb_span blob)
{
    before_value(w);
    gb_buf_u8(w->out, '"');
    for (size_t i = 0; i < blob.len; i++)
        gb_buf_printf(w->out, "%02x", blob.ptr[i]);
    gb_buf_u8(w->out, '"');
}

void
gb_json_put_value(struct gb_json_writer *w, const struct gb_value *v)
{
    switch (v->type) {
    case GB_INT:
        gb_json_put_int(w, v->as.i);
        break;
    case GB_REAL:
        gb_json_put_real(w, v->as.r);
        break;
    case GB_TEXT:
        gb_json_put_span(w, v->as.s);
        break;
    case GB_BLOB:
        put_hex(w, v->as.s);
        break;
    case GB_NULL:
        gb_json_put_null(w);
        break;
    }
}

/* The members of an object that was read. */
static void
put_members(struct gb_json_writer *w, const struct gb_json *object)
{
    struct gb_json_member m = {0};
    gb_json_begin_object(w);
    while (gb_json_next(object, &m)) {
        gb_json_key_span(w, m.key);
        gb_json_put(w, m.value);
    }
    gb_json_end_object(w);
}

/* The recursion is as deep as the tree, at most GB_JSON_DEPTH_MAX. */
void
gb_json_put(struct gb_json_writer *w, const struct gb_json *v)
{
    switch (gb_json_type(v)) {
    case GB_JSON_NULL:
        gb_json_put_null(w);
        break;
    case GB_JSON_BOOL:
        gb_json_put_bool(w, gb_json_bool(v));
        break;
    case GB_JSON_INT:
        gb_json_put_int(w, gb_json_int(v));
        break;
    case GB_JSON_REAL:
        gb_json_put_real(w, gb_json_real(v));
        break;
    case GB_JSON_TEXT:
        gb_json_put_span(w, gb_json_text(v));
        break;
    case GB_JSON_OBJECT:
        put_members(w, v);
        break;
    case GB_JSON_ARRAY:
        gb_json_begin_array(w);
        for (size_t i = 0; i < gb_json_count(v); i++)
            gb_json_put(w, gb_json_at(v, i));
        gb_json_end_array(w);
        break;
    }
}

void
gb_json_pair_int(struct gb_json_writer *w, const char *key, int64_t v)
{
    gb_json_key(w, key);
    gb_json_put_int(w, v);
}

void
gb_json_pair_bool(struct gb_json_writer *w, const char *key, bool v)
{
    gb_json_key(w, key);
    gb_json_put_bool(w, v);
}

void
gb_json_pair_text(struct gb_json_writer *w, const char *key, const char *v)
{
    gb_json_key(w, key);
    gb_json_put_text(w, v);
}

void
gb_json_pair_span(struct gb_json_writer *w, const char *key, struct gb_span v)
{
    gb_json_key(w, key);
    gb_json_put_span(w, v);
}
