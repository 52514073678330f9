/* ticket.c - see ticket.h */
#include "ticket.h"

#include <string.h>

#include "armor.h"
#include "digest.h"
#include "json.h"
#include "term.h"

/* ------------------------------------------------------------- writing -- */

/* A key as OpenSSH writes it. */
static void
put_key(struct gb_json_writer *w, const char *name, const uint8_t bytes[32],
        struct gb_buf *line, struct gb_fail *fail)
{
    struct gb_public_key key;
    memcpy(key.bytes, bytes, sizeof key.bytes);
    gb_buf_clear(line);
    if (gb_key_line(line, &key, "", fail))
        w->out->failed = line->failed;
    else
        gb_json_pair_span(w, name, gb_buf_view(line));
}

static void
put_hex(struct gb_json_writer *w, const char *name, const uint8_t *bytes,
        size_t n)
{
    char hex[65];
    gb_assert(n <= 32);
    gb_hex_encode(hex, bytes, n);
    gb_json_pair_text(w, name, hex);
    gb_wipe(hex, sizeof hex);
}

/* NAME=VALUE lines as an object. */
static void
put_attributes(struct gb_json_writer *w, const char *lines)
{
    gb_json_key(w, "attributes");
    gb_json_begin_object(w);
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        const char *sign = memchr(lines, '=', n);
        if (sign) {
            gb_json_key_span(w, GB_SPAN(lines, (size_t)(sign - lines)));
            gb_json_put_span(w,
                             GB_SPAN(sign + 1, n - (size_t)(sign + 1 - lines)));
        }
        lines += n + (lines[n] == '\n');
    }
    gb_json_end_object(w);
}

static void
put_site(struct gb_json_writer *w, const struct gb_site *site)
{
    gb_json_key(w, "site");
    gb_json_begin_object(w);
    put_hex(w, "id", site->id, sizeof site->id);
    gb_json_pair_text(w, "name", site->name);
    gb_json_pair_text(w, "timezone", site->timezone);
    gb_json_pair_int(w, "epoch", site->epoch);
    gb_json_end_object(w);
}

static void
put_hub(struct gb_json_writer *w, const struct gb_site *site,
        struct gb_fail *fail)
{
    struct gb_buf line;
    gb_buf_init(&line, GB_KEY_LINE_MAX);
    gb_json_key(w, "hub");
    gb_json_begin_object(w);
    put_key(w, "sign", site->hub_key, &line, fail);
    put_key(w, "ledger", site->ledger_key, &line, fail);
    put_key(w, "receive", site->receive_key, &line, fail);
    gb_json_end_object(w);
    gb_buf_release(&line);
}

static void
put_deltas(struct gb_json_writer *w, const struct gb_ticket *t)
{
    struct gb_buf text;
    gb_buf_init(&text, GB_TICKET_MAX);
    gb_json_key(w, "delta");
    gb_json_begin_array(w);
    for (size_t i = 0; i < t->ndeltas; i++) {
        gb_buf_clear(&text);
        gb_base64_encode(&text, t->deltas[i]);
        if (text.failed)
            w->out->failed = text.failed;
        gb_json_put_span(w, gb_buf_view(&text));
    }
    gb_json_end_array(w);
    gb_buf_release(&text);
}

enum gb_err
gb_ticket_write(const struct gb_ticket *t, bool compact, struct gb_buf *out,
                struct gb_fail *fail)
{
    const struct gb_enrolment *en = &t->enrolment;
    size_t start = out->len;
    struct gb_json_writer w = gb_json_writer(out, !compact);
    gb_json_begin_object(&w);
    gb_json_pair_int(&w, "gengbu_ticket", GB_TICKET_VERSION);
    put_site(&w, &en->site);
    gb_json_pair_int(&w, "device", en->device);
    gb_json_pair_text(&w, "name", en->name);
    gb_json_pair_int(&w, "level", en->level);
    put_attributes(&w, en->attributes);
    put_hex(&w, "secret", en->secret, sizeof en->secret);
    put_hub(&w, &en->site, fail);
    if (*en->url)
        gb_json_pair_text(&w, "url", en->url);
    if (!compact && t->ndeltas)
        put_deltas(&w, t);
    gb_json_end_object(&w);
    if (!out->failed && out->len - start > GB_TICKET_MAX)
        out->failed = GB_E_LIMIT;
    return gb_buf_check(out, "the ticket", fail);
}

/* ------------------------------------------------------------- reading -- */

/* A member's text with its NUL; no control characters, at least `least`
 * bytes. */
static enum gb_err
read_text(const struct gb_json *object, const char *key, char *out, size_t size,
          size_t least, struct gb_fail *fail)
{
    const struct gb_json *v;
    enum gb_err e = gb_json_need(object, key, GB_JSON_TEXT, &v, fail);
    if (e)
        return e;
    struct gb_span text = gb_json_text(v);
    if (text.len < least || text.len >= size)
        return gb_fail_set(fail, GB_E_LIMIT, "%s: %zu to %zu bytes are allowed",
                           key, least, size - 1);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return gb_fail_set(fail, GB_E_VALUE, "%s: a control character",
                               key);
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = 0;
    return GB_OK;
}

static enum gb_err
read_hex(const struct gb_json *object, const char *key, uint8_t *out, size_t n,
         struct gb_fail *fail)
{
    const struct gb_json *v;
    enum gb_err e = gb_json_need(object, key, GB_JSON_TEXT, &v, fail);
    if (!e && !gb_hex_decode(out, n, gb_json_text(v)))
        e = gb_fail_set(fail, GB_E_FORMAT, "%s: not %zu bytes in hex", key, n);
    return e;
}

static enum gb_err
read_int(const struct gb_json *object, const char *key, int64_t least,
         int64_t most, int64_t *out, struct gb_fail *fail)
{
    const struct gb_json *v;
    enum gb_err e = gb_json_need(object, key, GB_JSON_INT, &v, fail);
    if (e)
        return e;
    *out = gb_json_int(v);
    if (*out < least || *out > most)
        return gb_fail_set(fail, GB_E_VALUE, "%s: not within %lld to %lld", key,
                           (long long)least, (long long)most);
    return GB_OK;
}

static enum gb_err
read_key(const struct gb_json *object, const char *key, uint8_t out[32],
         struct gb_fail *fail)
{
    const struct gb_json *v;
    struct gb_public_key read;
    enum gb_err e = gb_json_need(object, key, GB_JSON_TEXT, &v, fail);
    if (!e)
        e = gb_key_line_parse(&read, NULL, gb_json_text(v), fail);
    if (!e)
        memcpy(out, read.bytes, sizeof read.bytes);
    else
        gb_fail_wrap(fail, "hub.%s", key);
    return e;
}

static enum gb_err
read_site(const struct gb_json *ticket, struct gb_site *site,
          struct gb_fail *fail)
{
    const struct gb_json *o, *hub;
    int64_t epoch = 0;
    enum gb_err e = gb_json_need(ticket, "site", GB_JSON_OBJECT, &o, fail);
    if (!e)
        e = gb_json_need(ticket, "hub", GB_JSON_OBJECT, &hub, fail);
    if (!e)
        e = read_hex(o, "id", site->id, sizeof site->id, fail);
    if (!e)
        e = read_text(o, "name", site->name, sizeof site->name, 1, fail);
    if (!e)
        e = read_text(o, "timezone", site->timezone, sizeof site->timezone, 1,
                      fail);
    if (!e && !gb_term_zone_name(site->timezone))
        e = gb_fail_set(fail, GB_E_VALUE,
                        "timezone: not a name such as Asia/Shanghai");
    if (!e)
        e = read_int(o, "epoch", 0, UINT32_MAX, &epoch, fail);
    if (!e)
        e = read_key(hub, "sign", site->hub_key, fail);
    if (!e)
        e = read_key(hub, "ledger", site->ledger_key, fail);
    if (!e)
        e = read_key(hub, "receive", site->receive_key, fail);
    site->epoch = (uint32_t)epoch;
    return e;
}

/* No '=' in a name, no line feed in either: they stand as lines. */
static bool
attribute_valid(struct gb_span name, struct gb_span value)
{
    bool ok = name.len && !memchr(name.ptr, '=', name.len);
    for (size_t i = 0; ok && i < name.len; i++)
        ok = name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
    for (size_t i = 0; ok && i < value.len; i++)
        ok = value.ptr[i] >= 0x20 && value.ptr[i] != 0x7f;
    return ok;
}

static enum gb_err
read_attributes(const struct gb_json *ticket, char out[GB_ATTRIBUTES_MAX],
                struct gb_fail *fail)
{
    struct gb_json_member m = {0};
    const struct gb_json *o;
    size_t n = 0;
    enum gb_err e =
        gb_json_need(ticket, "attributes", GB_JSON_OBJECT, &o, fail);
    while (!e && gb_json_next(o, &m)) {
        struct gb_span v = gb_json_text(m.value);
        if (gb_json_type(m.value) != GB_JSON_TEXT || !attribute_valid(m.key, v))
            return gb_fail_set(fail, GB_E_VALUE,
                               "attributes: names and texts are allowed");
        if (m.key.len + v.len + 3 > GB_ATTRIBUTES_MAX - n)
            return gb_fail_set(fail, GB_E_LIMIT,
                               "attributes: more than %d bytes",
                               GB_ATTRIBUTES_MAX);
        memcpy(out + n, m.key.ptr, m.key.len);
        n += m.key.len;
        out[n++] = '=';
        if (v.len)
            memcpy(out + n, v.ptr, v.len);
        n += v.len;
        out[n++] = '\n';
    }
    out[n] = 0;
    return e;
}

bool
gb_ticket_url_valid(struct gb_span url)
{
    static const char *const schemes[] = {"http://", "https://"};
    size_t host = 0;
    if (url.len >= sizeof((struct gb_enrolment *)0)->url)
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (url.len > n && !memcmp(url.ptr, schemes[i], n))
            host = n;
    }
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= 0x20 || url.ptr[i] >= 0x7f)
            return false;
    return host && url.ptr[host] != '/' && url.ptr[host] != ':';
}

static enum gb_err
read_url(const struct gb_json *ticket, char *out, size_t size,
         struct gb_fail *fail)
{
    *out = 0;
    if (!gb_json_get(ticket, "url"))
        return GB_OK;
    enum gb_err e = read_text(ticket, "url", out, size, 1, fail);
    if (!e && !gb_ticket_url_valid(gb_span_text(out)))
        e = gb_fail_set(fail, GB_E_VALUE, "url: not an http address");
    return e;
}

/* One delta from base64, into the arena. */
static enum gb_err
read_delta(struct gb_ticket *t, const struct gb_json *v, struct gb_fail *fail)
{
    struct gb_span text = gb_json_text(v);
    size_t max = text.len / 4 * 3, n;
    uint8_t *bytes = gb_arena_alloc(&t->arena, max + 1);
    if (!bytes)
        return gb_fail_memory(fail);
    if (gb_json_type(v) != GB_JSON_TEXT ||
        !gb_base64_decode(bytes, max, &n, text) || n > GB_SET_MAX)
        return gb_fail_set(fail, GB_E_FORMAT, "delta: part %zu is not base64",
                           t->ndeltas + 1);
    t->deltas[t->ndeltas++] = GB_SPAN(bytes, n);
    return GB_OK;
}

static enum gb_err
read_deltas(struct gb_ticket *t, const struct gb_json *ticket,
            struct gb_fail *fail)
{
    const struct gb_json *list;
    if (!gb_json_get(ticket, "delta"))
        return GB_OK;
    enum gb_err e = gb_json_need(ticket, "delta", GB_JSON_ARRAY, &list, fail);
    size_t n = gb_json_count(list);
    if (!e && n) {
        t->deltas = gb_arena_array(&t->arena, n, sizeof *t->deltas);
        if (!t->deltas)
            return gb_fail_memory(fail);
    }
    for (size_t i = 0; i < n && !e; i++)
        e = read_delta(t, gb_json_at(list, i), fail);
    return e;
}

/* Who the device is, and its secret. */
static enum gb_err
read_device(const struct gb_json *ticket, struct gb_enrolment *en,
            struct gb_fail *fail)
{
    int64_t device = 0, level = 0;
    enum gb_err e = read_int(ticket, "device", 1, GB_DEVICE_MAX, &device, fail);
    if (!e)
        e = read_text(ticket, "name", en->name, sizeof en->name, 0, fail);
    if (!e)
        e = read_int(ticket, "level", 1, 9, &level, fail);
    if (!e)
        e = read_attributes(ticket, en->attributes, fail);
    if (!e)
        e = read_hex(ticket, "secret", en->secret, sizeof en->secret, fail);
    if (!e)
        e = read_url(ticket, en->url, sizeof en->url, fail);
    en->device = (int)device;
    en->level = (int)level;
    return e;
}

/* It is a ticket, of a version that is known. */
static enum gb_err
check_version(const struct gb_json *ticket, struct gb_fail *fail)
{
    const struct gb_json *v = gb_json_get(ticket, "gengbu_ticket");
    if (gb_json_type(v) != GB_JSON_INT || gb_json_int(v) < 1)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "this is no ticket: `gengbu-hub enrol` makes one");
    if (gb_json_int(v) > GB_TICKET_VERSION)
        return gb_fail_set(fail, GB_E_VERSION,
                           "the ticket is of version %lld: bring this program "
                           "up to date",
                           (long long)gb_json_int(v));
    return GB_OK;
}

enum gb_err
gb_ticket_read(struct gb_span text, struct gb_ticket *out, struct gb_fail *fail)
{
    struct gb_json *ticket = NULL;
    struct gb_fail why = {0};
    *out = (struct gb_ticket){0};
    gb_arena_init(&out->arena, 2 * GB_TICKET_MAX);
    enum gb_err e = GB_OK;
    if (text.len > GB_TICKET_MAX)
        e = gb_fail_set(&why, GB_E_LIMIT, "larger than %d bytes",
                        GB_TICKET_MAX);
    if (!e)
        e = gb_json_parse(text, &ticket, &why);
    if (e == GB_E_FORMAT)
        gb_fail_wrap(&why, "this is no ticket, or a damaged one");
    if (!e)
        e = check_version(ticket, &why);
    if (!e)
        e = read_site(ticket, &out->enrolment.site, &why);
    if (!e)
        e = read_device(ticket, &out->enrolment, &why);
    if (!e)
        e = read_deltas(out, ticket, &why);
    gb_json_free(ticket);
    if (!e)
        return GB_OK;
    if (e != GB_E_MEMORY && e != GB_E_VERSION)
        e = GB_E_TICKET;
    return gb_fail_set(fail, e, "%s", why.text);
}

void
gb_ticket_release(struct gb_ticket *t)
{
    gb_wipe(t->enrolment.secret, sizeof t->enrolment.secret);
    gb_arena_release(&t->arena);
    t->deltas = NULL;
    t->ndeltas = 0;
}
