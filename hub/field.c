/* field.c - see field.h */
#include "hub/field.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/id.h"
#include "engine/term.h"

#define NUMBER_MAX 64 /* bytes of a number as text */

const char *
gb_field_text(char out[GB_FIELD_TEXT], const struct gb_value *v)
{
    struct gb_buf b;
    gb_buf_init(&b, (size_t)2 * GB_TEXT_MAX + 64);
    if (v->type == GB_NULL)
        gb_buf_text(&b, "nothing");
    else
        gb_value_print(&b, v);
    size_t n = b.len < 60 ? b.len : 60;
    while (n && n < b.len && (b.ptr[n] & 0xc0) == 0x80)
        n--; /* not within a character */
    snprintf(out, GB_FIELD_TEXT, "%.*s%s", (int)n, n ? (const char *)b.ptr : "",
             n < b.len ? "..." : "");
    gb_buf_release(&b);
    return out;
}

const char *
gb_field_shown(char out[GB_FIELD_TEXT], const struct gb_column *c,
               const struct gb_value *v)
{
    return v->type == GB_INT && gb_term_is_time(c->name, v->as.i)
               ? gb_term_time(out, v->as.i)
               : gb_field_text(out, v);
}

const char *
gb_field_rule(char out[GB_FIELD_RULE], const struct gb_rule *r)
{
    const char *prefer = strstr(r->text, "prefer ");
    const char *from = r->kind == GB_RULE_STATE && prefer ? prefer : r->text;
    size_t n = 0;
    if (from == prefer)
        n = (size_t)snprintf(out, GB_FIELD_RULE, "state, ");
    bool space = true;
    for (; *from && n < 200; from++) {
        bool blank = strchr(" \t\r\n", *from) != NULL;
        /* orders may be broken over lines: "a> b" */
        if (!blank)
            out[n++] = *from;
        else if (!space && from[-1] != '>' && from[-1] != '<')
            out[n++] = ' ';
        space = blank;
    }
    out[n] = 0;
    return out;
}

/* The text as a C string, when it is as short as a number is. */
static bool
number_text(struct gb_span text, char out[NUMBER_MAX])
{
    if (text.len >= NUMBER_MAX || memchr(text.ptr, 0, text.len))
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = 0;
    return true;
}

static bool
read_int(struct gb_span text, struct gb_value *out)
{
    char s[NUMBER_MAX], *end;
    if (!number_text(text, s) || s[strspn(s, "+-0123456789")])
        return false;
    errno = 0;
    *out = gb_value_int(strtoll(s, &end, 10));
    return !*end && !errno;
}

static bool
read_real(struct gb_span text, struct gb_value *out)
{
    char s[NUMBER_MAX], *end;
    if (!number_text(text, s) || s[strspn(s, "+-.0123456789eE")])
        return false;
    double r = strtod(s, &end);
    *out = gb_value_real(r);
    return !*end && isfinite(r);
}

static bool
read_blob(struct gb_span text, struct gb_arena *arena, struct gb_value *out)
{
    if (text.len < 3 || memcmp(text.ptr, "x'", 2) ||
        text.ptr[text.len - 1] != '\'' || text.len % 2 == 0)
        return false;
    size_t n = (text.len - 3) / 2;
    uint8_t *bytes = gb_arena_alloc(arena, n + 1);
    *out = gb_value_blob(GB_SPAN(bytes, n));
    return bytes && gb_hex_decode(bytes, n, GB_SPAN(text.ptr + 2, 2 * n));
}

/* The values that are allowed, for a message: the first few. */
static void
list_values(const struct gb_column *c, char *out, size_t size)
{
    size_t at = 0;
    int n = c->nenums ? c->nenums : c->rule.nvalues;
    out[0] = 0;
    for (int i = 0; i < n && at + 80 < size; i++) {
        char text[GB_FIELD_TEXT];
        struct gb_value v =
            c->nenums ? c->enums[i] : gb_value_text(c->rule.values[i]);
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "",
                               gb_field_text(text, &v));
    }
}

/* One of those that the schema names, if it names any. */
static enum gb_err
check_known(const struct gb_column *c, const struct gb_value *v,
            struct gb_fail *fail)
{
    char text[GB_FIELD_TEXT], all[300];
    bool found = !c->nenums;
    for (int i = 0; i < c->nenums; i++)
        found |= gb_value_equal(&c->enums[i], v);
    if (c->rule.nvalues)
        found &= gb_rule_value(&c->rule, v) >= 0;
    if (found)
        return GB_OK;
    list_values(c, all, sizeof all);
    return gb_fail_set(fail, GB_E_VALUE, "%s: '%s' is none of %s", c->name,
                       gb_field_text(text, v), all);
}

enum gb_err
gb_field_read(const struct gb_column *c, struct gb_span text,
              struct gb_arena *arena, struct gb_value *out,
              struct gb_fail *fail)
{
    static const char *const types[] = {"", "an integer", "a number", "text",
                                        "a blob such as x'00ff'"};
    char shown[GB_FIELD_TEXT];
    bool good = true;
    *out = GB_VALUE_NULL;
    if (!text.len)
        return GB_OK;
    struct gb_value typed = gb_value_text(text);
    switch (c->type) {
    case GB_INT:
        good = read_int(text, out);
        break;
    case GB_REAL:
        good = read_real(text, out);
        break;
    case GB_BLOB:
        good = read_blob(text, arena, out);
        break;
    default:
        *out = typed;
    }
    if (!good || text.len > GB_TEXT_MAX)
        return gb_fail_set(fail, GB_E_TYPE, "%s: '%s' is not %s", c->name,
                           gb_field_text(shown, &typed), types[c->type]);
    return check_known(c, out, fail);
}

enum gb_err
gb_field_record(struct gb_state *st, int table, struct gb_span text,
                int64_t *id, struct gb_fail *fail)
{
    char shown[GB_FIELD_TEXT];
    struct gb_value typed = gb_value_text(text);
    const char *name = gb_state_schema(st)->tables[table].name;
    bool found = false;
    enum gb_err e = GB_OK;
    *id = 0;
    if (text.len > 1 && text.ptr[0] == '@') {
        e = gb_tables_ref(gb_state_tables(st), table, 0,
                          GB_SPAN(text.ptr + 1, text.len - 1), id, fail);
        found = *id != 0;
    } else if (gb_id_parse(text, id)) {
        e = gb_tables_exists(gb_state_tables(st), table, *id, &found, fail);
    } else {
        return gb_fail_set(fail, GB_E_VALUE,
                           "'%s' names no record: give an id such as 0-17, or "
                           "@ref",
                           gb_field_text(shown, &typed));
    }
    if (!e && !found) {
        *id = 0;
        e = gb_fail_set(fail, GB_E_MISSING, "there is no %s %s", name,
                        gb_field_text(shown, &typed));
    }
    return e;
}
