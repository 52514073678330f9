/*
 * audit_signers.c - files of allowed signers as an auditor has them; audit.h
 *
 *   PRINCIPAL[,PRINCIPAL...] [OPTION[,OPTION...]] ssh-ed25519 BASE64 [COMMENT]
 *
 * where an option is namespaces="NS[,NS...]", valid-after="TIME",
 * valid-before="TIME" or cert-authority (ssh-keygen(1), ALLOWED SIGNERS).
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "hub/audit.h"

static struct gb_span
skip(struct gb_span s, size_t n)
{
    return GB_SPAN(s.ptr + n, s.len - n);
}

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct gb_span
skip_blanks(struct gb_span s)
{
    while (s.len && blank(*s.ptr))
        s = skip(s, 1);
    return s;
}

/* The next word; blanks between quotes belong to it. */
static struct gb_span
take_word(struct gb_span *s)
{
    bool quoted = false;
    size_t n = 0;
    for (; n < s->len && (quoted || !blank(s->ptr[n])); n++)
        quoted ^= s->ptr[n] == '"';
    struct gb_span word = GB_SPAN(s->ptr, n);
    *s = skip_blanks(skip(*s, n));
    return word;
}

static bool
starts(struct gb_span s, const char *text)
{
    size_t n = strlen(text);
    return s.len >= n && !memcmp(s.ptr, text, n);
}

/* --------------------------------------------------------------- times -- */

/* A number of n digits; the caller has seen that they are digits. */
static int
digits(const uint8_t *at, size_t n)
{
    int v = 0;
    while (n--)
        v = v * 10 + (*at++ - '0');
    return v;
}

bool
gb_audit_time(struct gb_span text, int64_t *time_s)
{
    struct tm tm = {.tm_mday = 1};
    size_t n = text.len ? text.len - 1 : 0;
    if ((n != 8 && n != 12 && n != 14) || text.ptr[n] != 'Z')
        return false;
    for (size_t i = 0; i < n; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    tm.tm_year = digits(text.ptr, 4) - 1900;
    tm.tm_mon = digits(text.ptr + 4, 2) - 1;
    tm.tm_mday = digits(text.ptr + 6, 2);
    tm.tm_hour = n > 8 ? digits(text.ptr + 8, 2) : 0;
    tm.tm_min = n > 8 ? digits(text.ptr + 10, 2) : 0;
    tm.tm_sec = n > 12 ? digits(text.ptr + 12, 2) : 0;
    struct tm same = tm;
    *time_s = (int64_t)timegm(&same);
    /* timegm() takes the 31st of April for the 1st of May: what is too much
     * of one unit shows in the next larger one. */
    return same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday &&
           same.tm_hour == tm.tm_hour && same.tm_min == tm.tm_min;
}

/* ------------------------------------------------------------- options -- */

/* NAME="VALUE"; false when it is another option. */
static bool
option(struct gb_span s, const char *name, struct gb_span *value)
{
    size_t n = strlen(name);
    if (s.len < n + 3 || strncasecmp((const char *)s.ptr, name, n) ||
        s.ptr[n] != '=' || s.ptr[n + 1] != '"' || s.ptr[s.len - 1] != '"')
        return false;
    *value = GB_SPAN(s.ptr + n + 2, s.len - n - 3);
    return !memchr(value->ptr, '"', value->len);
}

/* One option; *authority when the key certifies others. */
static enum gb_err
take_option(struct gb_span s, struct gb_audit_signer *out, bool *authority,
            struct gb_fail *fail)
{
    struct gb_span v;
    if (s.len == 14 &&
        !strncasecmp((const char *)s.ptr, "cert-authority", 14)) {
        *authority = true;
        return GB_OK;
    }
    if (option(s, "namespaces", &v) && v.len && !out->namespaces.len) {
        out->namespaces = v;
        return GB_OK;
    }
    if (option(s, "valid-after", &v) && out->after_s == INT64_MIN &&
        gb_audit_time(v, &out->after_s))
        return GB_OK;
    if (option(s, "valid-before", &v) && out->before_s == INT64_MAX &&
        gb_audit_time(v, &out->before_s))
        return GB_OK;
    return gb_fail_set(fail, GB_E_FORMAT,
                       "%.*s: not an option that is known here, or there "
                       "twice, or its time is not written YYYYMMDDHHMMSSZ",
                       (int)(s.len < 200 ? s.len : 200), (const char *)s.ptr);
}

/* All of them, with commas between. */
static enum gb_err
take_options(struct gb_span s, struct gb_audit_signer *out, bool *authority,
             struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    while (s.len && !e) {
        bool quoted = false;
        size_t n = 0;
        for (; n < s.len && (quoted || s.ptr[n] != ','); n++)
            quoted ^= s.ptr[n] == '"';
        e = take_option(GB_SPAN(s.ptr, n), out, authority, fail);
        s = skip(s, n < s.len ? n + 1 : n);
    }
    return e;
}

/* --------------------------------------------------------------- lines -- */

/* A type of key begins here, and no option. */
static bool
a_type(struct gb_span s)
{
    static const char *const types[] = {"ssh-", "ecdsa-", "sk-", "rsa-"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (starts(s, types[i]))
            return true;
    return false;
}

/* A line without its LF; *use is false when there is no signer in it. */
static enum gb_err
take_line(struct gb_span s, struct gb_audit_signer *out, bool *use,
          struct gb_fail *fail)
{
    struct gb_span comment;
    bool authority = false;
    *out =
        (struct gb_audit_signer){.after_s = INT64_MIN, .before_s = INT64_MAX};
    *use = false;
    s = skip_blanks(s);
    if (!s.len || *s.ptr == '#')
        return GB_OK;
    out->principals = take_word(&s);
    if (memchr(out->principals.ptr, '"', out->principals.len))
        return gb_fail_set(fail, GB_E_FORMAT, "principals without quotes");
    if (!a_type(s)) {
        enum gb_err e = take_options(take_word(&s), out, &authority, fail);
        if (e)
            return e;
    }
    struct gb_span rest = s, type = take_word(&rest);
    if (authority ||
        (a_type(s) && !gb_span_equal(type, gb_span_text(GB_KEY_TYPE))))
        return GB_OK;
    *use = true;
    return gb_key_line_parse(&out->key, &comment, s, fail);
}

enum gb_err
gb_audit_signer_next(struct gb_span *rest, unsigned *number,
                     struct gb_audit_signer *out, bool *found,
                     struct gb_fail *fail)
{
    *found = false;
    while (rest->len && !*found) {
        const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
        size_t n = end ? (size_t)(end - rest->ptr) : rest->len;
        struct gb_span line = GB_SPAN(rest->ptr, n);
        *rest = skip(*rest, end ? n + 1 : n);
        ++*number;
        if (n && line.ptr[n - 1] == '\r')
            line.len--;
        enum gb_err e = take_line(line, out, found, fail);
        if (e)
            return gb_fail_wrap(fail, "line %u", *number);
    }
    return GB_OK;
}
