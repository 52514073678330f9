/* fields.c - see fields.h */
#include "fields.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/near.h"
#include "engine/term.h"
#include "present.h"

/* --------------------------------------------------------------- names -- */

enum gb_err
gb_fields_schema(struct gb_journal *j, const struct gb_schema **out,
                 struct gb_fail *fail)
{
    *out = gb_journal_schema(j);
    return *out ? GB_OK
                : gb_fail_set(fail, GB_E_STATE,
                              "this handheld knows no tables yet: sync once "
                              "first");
}

/* ------------------------------------------------------------- records -- */

enum gb_err
gb_fields_look(const struct gb_folder *f, int table, enum gb_err e,
               struct gb_fail *fail)
{
    struct gb_fail why = *fail;
    if (e != GB_E_MISSING && e != GB_E_VALUE && e != GB_E_UNKNOWN)
        return e;
    const struct gb_schema *s = gb_journal_schema(f->journal);
    bool asks = why.text[strlen(why.text) - 1] == '?'; /* did you mean X? */
    return gb_fail_set(fail, e, "%s%s `gengbu list %s%s%s` shows what there is",
                       why.text, asks ? "" : ":", f->path, table < 0 ? "" : " ",
                       table < 0 ? "" : s->tables[table].name);
}

enum gb_err
gb_fields_table(const struct gb_folder *f, struct gb_span name, int *table,
                struct gb_fail *fail)
{
    const struct gb_schema *s;
    enum gb_err e = gb_fields_schema(f->journal, &s, fail);
    if (e)
        return e;
    for (int v = 0; v < s->nviews; v++)
        if (gb_span_equal(name, gb_span_text(s->views[v].name)))
            return gb_fail_set(fail, GB_E_UNKNOWN,
                               "%s is a view: `gengbu list` shows its rows",
                               s->views[v].name);
    e = gb_near_table(s, name, table, fail);
    return gb_fields_look(f, -1, e, fail);
}

enum gb_err
gb_fields_record(const struct gb_folder *f, int table, struct gb_span text,
                 int64_t *id, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (text.len > 1 && text.ptr[0] == '@')
        e = gb_journal_ref(f->journal, table,
                           GB_SPAN(text.ptr + 1, text.len - 1), id, fail);
    else if (!gb_id_parse(text, id))
        e = gb_fail_set(fail, GB_E_VALUE,
                        "'%.*s' names no record: write 7-1042, or @ and its "
                        "ref",
                        (int)(text.len < 60 ? text.len : 60),
                        (const char *)text.ptr);
    return gb_fields_look(f, table, e, fail);
}

enum gb_err
gb_fields_actor(struct gb_folder *f, const char *text, bool keep, int64_t *id,
                struct gb_fail *fail)
{
    const struct gb_schema *s;
    enum gb_err e = gb_fields_schema(f->journal, &s, fail);
    if (!e && s->actor_table < 0)
        e = gb_fail_set(fail, GB_E_STATE, "the schema names no table of staff");
    if (!e)
        e = gb_fields_record(f, s->actor_table, gb_span_text(text), id, fail);
    if (e)
        return e;
    e = gb_journal_sign_in(f->journal, *id, keep, fail);
    return gb_fields_look(f, s->actor_table, e, fail);
}

/* -------------------------------------------------------------- values -- */

/* Copy to NUL-terminated text; false when it is too long, or holds a NUL. */
static bool
to_text(struct gb_span s, char *out, size_t size)
{
    if (!s.len || s.len >= size || memchr(s.ptr, 0, s.len))
        return false;
    memcpy(out, s.ptr, s.len);
    out[s.len] = 0;
    return true;
}

static bool
parse_int(struct gb_span s, int64_t *out)
{
    char text[32], *end;
    if (!to_text(s, text, sizeof text) || strspn(text, "+-0123456789") != s.len)
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return !errno && !*end;
}

static bool
parse_real(struct gb_span s, double *out)
{
    char text[64], *end;
    if (!to_text(s, text, sizeof text) ||
        strspn(text, "+-.0123456789eE") != s.len)
        return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

/* An INTEGER as people write it. */
static enum gb_err
int_text(struct gb_folder *f, const struct gb_column *c, struct gb_span s,
         int64_t *out, struct gb_fail *fail)
{
    struct gb_now now;
    gb_device_clock_now(&f->clock, &now);
    if (gb_span_equal(s, gb_span_text("now"))) {
        *out = now.wall_ms;
        return GB_OK;
    }
    if (parse_int(s, out) || gb_id_parse(s, out))
        return GB_OK;
    if (s.len && gb_term_time_name(c->name) && memchr(s.ptr, ':', s.len)) {
        enum gb_err e = gb_folder_zone(f, fail);
        if (e || gb_term_parse_time(s, now.wall_ms, out))
            return e;
    }
    if (c->refers >= 0)
        return gb_fields_record(f, c->refers, s, out, fail);
    return gb_fail_set(fail, GB_E_TYPE,
                       gb_term_time_name(c->name)
                           ? "'%.*s' is no time: write `now`, 08:30, "
                             "\"2026-11-23 08:30\", or milliseconds since "
                             "1970 UTC"
                           : "'%.*s' is not an integer",
                       (int)(s.len < 60 ? s.len : 60), (const char *)s.ptr);
}

/* A value from text of its own; hex is decoded in place where it may be. */
static enum gb_err
from_text(struct gb_folder *f, const struct gb_column *c, struct gb_span s,
          uint8_t *writable, struct gb_value *out, struct gb_fail *fail)
{
    int64_t i = 0;
    double r = 0;
    enum gb_err e = GB_OK;
    switch (c->type) {
    case GB_INT:
        e = int_text(f, c, s, &i, fail);
        *out = gb_value_int(i);
        return e;
    case GB_REAL:
        if (!parse_real(s, &r))
            return gb_fail_set(fail, GB_E_TYPE, "'%.*s' is not a number",
                               (int)(s.len < 60 ? s.len : 60),
                               (const char *)s.ptr);
        *out = gb_value_real(r);
        return GB_OK;
    case GB_BLOB:
        if (!writable)
            return gb_fail_set(fail, GB_E_TYPE, "blobs do not stand in JSON");
        if (s.len % 2 || !gb_hex_decode(writable, s.len / 2, s))
            return gb_fail_set(fail, GB_E_TYPE, "a blob is written in hex");
        *out = gb_value_blob(GB_SPAN(writable, s.len / 2));
        return GB_OK;
    default:
        if (!gb_utf8_valid(s))
            return gb_fail_set(fail, GB_E_VALUE, "not valid UTF-8");
        *out = gb_value_text(s);
        return GB_OK;
    }
}

enum gb_err
gb_fields_word(struct gb_folder *f, int table, char *word, bool add,
               struct gb_assign *out, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_journal_schema(f->journal)->tables[table];
    char *sign = strchr(word, '=');
    *out = (struct gb_assign){0};
    if (!sign || sign == word)
        return gb_fail_set(fail, GB_E_USAGE,
                           "'%.60s': fields are given as name=value", word);
    size_t n = (size_t)(sign - word);
    out->add = add && n > 1 && sign[-1] == '+';
    enum gb_err e = gb_near_column(t, GB_SPAN(word, out->add ? n - 1 : n),
                                   &out->column, fail);
    if (e)
        return e;
    const struct gb_column *c = &t->columns[out->column];
    struct gb_span s = gb_span_text(sign + 1);
    if (s.len)
        e = from_text(f, c, s, (uint8_t *)(sign + 1), &out->value, fail);
    return e ? gb_fail_wrap(fail, "%s.%s", t->name, c->name) : GB_OK;
}

enum gb_err
gb_fields_member(struct gb_folder *f, int table, const struct gb_json_member *m,
                 bool add, struct gb_assign *out, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_journal_schema(f->journal)->tables[table];
    *out = (struct gb_assign){.add = add};
    enum gb_err e = gb_near_column(t, m->key, &out->column, fail);
    if (e)
        return e;
    const struct gb_column *c = &t->columns[out->column];
    enum gb_json_type type = gb_json_type(m->value);
    if (type == GB_JSON_TEXT && c->type != GB_TEXT)
        e = from_text(f, c, gb_json_text(m->value), NULL, &out->value, fail);
    else if (type == GB_JSON_INT && c->type == GB_REAL)
        out->value = gb_value_real(gb_json_real(m->value));
    else
        e = gb_json_value(m->value, &out->value, fail);
    if (!e && out->value.type != GB_NULL && out->value.type != c->type)
        e = gb_fail_set(fail, GB_E_TYPE, "%s does not fit here",
                        gb_json_type_name(type));
    return e ? gb_fail_wrap(fail, "%s.%s", t->name, c->name) : GB_OK;
}
