/* ledger_text.c - see ledger_text.h */
#include "ledger_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_10000_S INT64_C(253402300800)

/* A time as a calendar in UTC. */
static bool
calendar(int64_t time_s, struct tm *out)
{
    time_t t = (time_t)time_s;
    if (time_s < 0 || time_s >= YEAR_10000_S)
        return false;
    gmtime_r(&t, out);
    return true;
}

/* -------------------------------------------------------------- paths -- */

static void
write_name(char out[GB_LEDGER_NAME_MAX], const struct gb_ledger_name *n)
{
    char date[32];
    snprintf(date, sizeof date, "%04d/%02d/%02d", n->year, n->month, n->day);
    int len;
    if (n->kind == GB_LEDGER_BATCH)
        len = snprintf(out, GB_LEDGER_NAME_MAX, "%s/%09llu.batch", date,
                       (unsigned long long)n->position);
    else
        len = snprintf(out, GB_LEDGER_NAME_MAX, "%s/%09llu-%d-%u.gbcs%s", date,
                       (unsigned long long)n->position, n->device, n->seq,
                       n->kind == GB_LEDGER_SIGNATURE ? ".sig" : "");
    gb_assert(len > 0 && len < GB_LEDGER_NAME_MAX);
}

void
gb_ledger_name_write(char out[GB_LEDGER_NAME_MAX],
                     const struct gb_ledger_name *name, int64_t time_s)
{
    struct gb_ledger_name dated = *name;
    struct tm tm;
    bool dates = calendar(time_s, &tm);
    gb_assert(dates);
    gb_assert(name->kind != GB_LEDGER_OTHER);
    gb_assert(name->position > 0);
    dated.year = tm.tm_year + 1900;
    dated.month = tm.tm_mon + 1;
    dated.day = tm.tm_mday;
    write_name(out, &dated);
}

void
gb_ledger_set_name(char out[GB_LEDGER_NAME_MAX], const struct gb_line *line,
                   enum gb_ledger_kind kind)
{
    struct gb_ledger_name name = {.kind = kind,
                                  .position = line->pos,
                                  .device = line->device,
                                  .seq = line->seq};
    gb_ledger_name_write(out, &name, line->received_ms / 1000);
}

/* A run of at most 18 digits. */
static bool
number(const char **at, uint64_t *out)
{
    const char *p = *at;
    *out = 0;
    while (*p >= '0' && *p <= '9' && p - *at < 18)
        *out = *out * 10 + (uint64_t)(*p++ - '0');
    bool good = p > *at;
    *at = p;
    return good;
}

/* A number between two others, and what stands behind it. */
static bool
field(const char **at, uint64_t low, uint64_t high, const char *behind,
      uint64_t *out)
{
    if (!number(at, out) || *out < low || *out > high ||
        strncmp(*at, behind, strlen(behind)) != 0)
        return false;
    *at += strlen(behind);
    return true;
}

/* Whether the calendar has this day. */
static bool
day_exists(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month == 2 && ((year % 4 == 0 && year % 100) || year % 400 == 0))
        return day <= 29;
    return day <= days[month - 1];
}

/* The fields; how they are written is checked by writing them again. */
static bool
read_name(struct gb_ledger_name *n, const char *at)
{
    uint64_t v[6] = {0};
    if (!field(&at, 1970, 9999, "/", &v[0]) || !field(&at, 1, 12, "/", &v[1]) ||
        !field(&at, 1, 31, "/", &v[2]) || !number(&at, &v[3]) || !v[3])
        return false;
    n->kind = GB_LEDGER_BATCH;
    if (*at == '-') {
        at++;
        if (!field(&at, 0, GB_DEVICE_MAX, "-", &v[4]) ||
            !field(&at, 0, UINT32_MAX, ".gbcs", &v[5]))
            return false;
        n->kind = *at ? GB_LEDGER_SIGNATURE : GB_LEDGER_SET;
    }
    n->year = (int)v[0];
    n->month = (int)v[1];
    n->day = (int)v[2];
    n->position = v[3];
    n->device = (int)v[4];
    n->seq = (uint32_t)v[5];
    return day_exists(n->year, n->month, n->day);
}

bool
gb_ledger_name_read(struct gb_ledger_name *out, const char *path)
{
    char again[GB_LEDGER_NAME_MAX];
    *out = (struct gb_ledger_name){.kind = GB_LEDGER_OTHER};
    if (*path < '0' || *path > '9')
        return true;
    if (!read_name(out, path))
        return false;
    write_name(again, out);
    return strcmp(again, path) == 0;
}

/* ----------------------------------------------------------- messages -- */

void
gb_ledger_message_write(struct gb_buf *out,
                        const struct gb_ledger_message *message)
{
    char root[65];
    const struct gb_head *h = &message->head;
    gb_assert(message->first > 0 && message->first <= h->size);
    gb_hex_encode(root, h->root, sizeof h->root);
    gb_buf_printf(out, "batch %llu..%llu\n\nTree-Head: %u %llu %s\n",
                  (unsigned long long)message->first,
                  (unsigned long long)h->size, h->epoch,
                  (unsigned long long)h->size, root);
}

/* The fields; how they are written is checked by writing them again. */
static bool
read_message(struct gb_ledger_message *m, const char *at)
{
    uint64_t last, epoch, size;
    if (strncmp(at, "batch ", 6) != 0)
        return false;
    at += 6;
    if (!field(&at, 1, UINT64_MAX, "..", &m->first) ||
        !field(&at, m->first, UINT64_MAX, "\n\nTree-Head: ", &last) ||
        !field(&at, 0, UINT32_MAX, " ", &epoch) ||
        !field(&at, last, last, " ", &size) || strlen(at) != 65)
        return false;
    m->head.epoch = (uint32_t)epoch;
    m->head.size = size;
    return gb_hex_decode(m->head.root, 32, GB_SPAN(at, 64));
}

enum gb_err
gb_ledger_message_read(struct gb_ledger_message *out, struct gb_span text,
                       struct gb_fail *fail)
{
    char copy[200]; /* the longest is 6 + 18 + 2 + 18 + 13 + ... < 160 */
    struct gb_buf again;
    memset(out, 0, sizeof *out);
    bool good = text.len < sizeof copy;
    if (good) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = 0;
        good = read_message(out, copy);
    }
    if (good) {
        gb_buf_init(&again, sizeof copy);
        gb_ledger_message_write(&again, out);
        enum gb_err err = gb_buf_check(&again, "message of a batch", fail);
        good = gb_span_equal(gb_buf_view(&again), text);
        gb_buf_release(&again);
        if (err)
            return err;
    }
    if (good)
        return GB_OK;
    return gb_fail_set(fail, GB_E_FORMAT, "not the message of a batch: %.*s",
                       (int)(text.len < 160 ? text.len : 160),
                       (const char *)text.ptr);
}

/* ------------------------------------------------------------ signers -- */

/* One or more characters that need no quoting. */
static bool
plain(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-");
    return n > 0 && s[n] == 0;
}

/* ,NAME="YYYYMMDDhhmmssZ"; without the Z it would be in the reader's time. */
static bool
add_time(struct gb_buf *out, const char *name, int64_t time_s)
{
    struct tm tm;
    if (!time_s)
        return true;
    if (!calendar(time_s, &tm))
        return false;
    gb_buf_printf(out, ",%s=\"%04d%02d%02d%02d%02d%02dZ\"", name,
                  tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                  tm.tm_min, tm.tm_sec);
    return true;
}

enum gb_err
gb_signer_write(struct gb_buf *out, const struct gb_signer *s,
                struct gb_fail *fail)
{
    if (!plain(s->principal) || !plain(s->ns))
        return gb_fail_set(fail, GB_E_VALUE,
                           "%s: cannot be named in a file of signers",
                           s->principal);
    gb_buf_printf(out, "%s namespaces=\"%s\"", s->principal, s->ns);
    if (!add_time(out, "valid-after", s->after_s) ||
        !add_time(out, "valid-before", s->before_s))
        return gb_fail_set(fail, GB_E_VALUE, "%s: a time beyond the calendar",
                           s->principal);
    gb_buf_text(out, " ");
    enum gb_err err = gb_key_line(out, &s->key, "", fail);
    gb_buf_text(out, "\n");
    return err ? err : gb_buf_check(out, "file of signers", fail);
}
