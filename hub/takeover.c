/* takeover.c - see takeover.h */
#include "hub/takeover.h"

#include <stdio.h>
#include <string.h>

#include "engine/file.h"
#include "hub/known.h"

#define TEXT_MAX (1u << 20) /* of the file */

/* The file's text, read line by line. */
struct lines {
    char path[GB_FILE_PATH_MAX];
    struct gb_state *st;
    struct gb_buf text; /* with NUL */
    size_t at;
};

static enum gb_err
open_lines(struct lines *l, const char *hub, struct gb_state *st,
           struct gb_fail *fail)
{
    struct gb_fail why = {0};
    *l = (struct lines){.st = st};
    gb_buf_init(&l->text, TEXT_MAX);
    snprintf(l->path, sizeof l->path, "%.3000s/" GB_TAKEOVER_FILE, hub);
    enum gb_err e = gb_file_read(l->path, &l->text, &why);
    if (e && e != GB_E_MISSING)
        return gb_fail_set(fail, e, "%s", why.text);
    gb_buf_u8(&l->text, 0);
    return gb_buf_check(&l->text, l->path, fail);
}

/* Whether the ledger has all that was promised. */
static enum gb_err
delivered(struct gb_state *st, const struct gb_takeover *t, bool *out,
          struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    enum gb_err e = gb_state_device(st, t->number, &d, &found, fail);
    *out = !e && found && t->promised >= 0 && (int64_t)d.seq >= t->promised;
    return e;
}

/* The next line; *row false: there is none. */
static enum gb_err
next_line(struct lines *l, struct gb_takeover *t, bool *row,
          struct gb_fail *fail)
{
    int n = 0;
    long long promised;
    const char *line = (const char *)l->text.ptr + l->at;
    *row = *line != 0;
    if (!*row)
        return GB_OK;
    if (sscanf(line, "%5d %5d %20lld%n", &t->number, &t->of, &promised, &n) !=
            3 ||
        line[n] != '\n')
        return gb_fail_set(fail, GB_E_FORMAT,
                           "%s is damaged: remove it, unless a handheld "
                           "is just taking over another one's work",
                           l->path);
    t->promised = promised;
    l->at += (size_t)n + 1;
    return GB_OK;
}

/* The next one that is under way. */
static enum gb_err
next_open(struct lines *l, struct gb_takeover *t, bool *row,
          struct gb_fail *fail)
{
    bool old = true;
    enum gb_err e;
    do {
        e = next_line(l, t, row, fail);
        if (!e && *row)
            e = delivered(l->st, t, &old, fail);
    } while (!e && *row && old);
    return e;
}

/* The one of a number that is under way; of = 0: none. */
static enum gb_err
find(struct lines *l, int number, struct gb_takeover *out, struct gb_fail *fail)
{
    bool row;
    enum gb_err e;
    l->at = 0;
    while (!(e = next_open(l, out, &row, fail)) && row)
        if (out->number == number)
            return GB_OK;
    *out = (struct gb_takeover){0};
    return e;
}

/* The file anew: without the one of a number, and with another one or none. */
static enum gb_err
replace(struct lines *l, int number, const struct gb_takeover *with,
        struct gb_fail *fail)
{
    struct gb_buf out;
    struct gb_takeover t;
    bool row;
    enum gb_err e;
    gb_buf_init(&out, TEXT_MAX - 1);
    l->at = 0;
    while (!(e = next_line(l, &t, &row, fail)) && row)
        if (t.number != number)
            gb_buf_printf(&out, "%d %d %lld\n", t.number, t.of,
                          (long long)t.promised);
    if (with)
        gb_buf_printf(&out, "%d %d %lld\n", with->number, with->of,
                      (long long)with->promised);
    if (!e)
        e = gb_buf_check(&out, l->path, fail);
    if (!e)
        e = gb_file_write(l->path, gb_buf_view(&out), 0600, fail);
    gb_buf_release(&out);
    return e;
}

/* Whether a device was done asking at some time: what asks once more is an old
 * request, come again. */
static enum gb_err
asked_before(struct lines *l, int number, bool *yes, struct gb_fail *fail)
{
    struct gb_takeover t;
    bool row;
    enum gb_err e;
    *yes = false;
    l->at = 0;
    while (!(e = next_line(l, &t, &row, fail)) && row)
        *yes |= t.number == number && t.promised >= 0;
    return e;
}

/* The numbers of one family whose work is being taken over: has all of it been
 * delivered? */
static enum gb_err
check_others(struct lines *l, const struct gb_request *r, struct gb_fail *fail)
{
    struct gb_takeover t;
    bool row;
    enum gb_err e;
    int first = gb_hub_first_number(l->st, r->continues);
    l->at = 0;
    while (!(e = next_open(l, &t, &row, fail)) && row)
        if (t.number != r->device && gb_hub_first_number(l->st, t.of) == first)
            return gb_fail_set(
                fail, GB_E_BUSY,
                "device %d is taking over the work of number %d and has not "
                "delivered it: sync that one first, or the office gives it up "
                "(`gengbu-hub devices HUB --lost %d`)",
                t.number, t.of, t.number);
    return e;
}

enum gb_err
gb_takeover_begin(const char *hub, struct gb_state *st,
                  const struct gb_request *r, struct gb_fail *fail)
{
    struct lines l;
    struct gb_takeover t = {r->device, r->continues, -1};
    bool old;
    enum gb_err e = open_lines(&l, hub, st, fail);
    if (!e)
        e = asked_before(&l, r->device, &old, fail);
    if (!e && !old)
        e = check_others(&l, r, fail);
    if (!e && !old)
        e = replace(&l, r->device, &t, fail);
    gb_buf_release(&l.text);
    return e;
}

enum gb_err
gb_takeover_note(const char *hub, struct gb_state *st,
                 const struct gb_request *r, struct gb_fail *fail)
{
    struct lines l;
    struct gb_takeover t = {0};
    if (r->continues)
        return GB_OK;
    enum gb_err e = open_lines(&l, hub, st, fail);
    if (!e)
        e = find(&l, r->device, &t, fail);
    if (!e && t.of && t.promised < 0) {
        t.promised = r->seq;
        e = replace(&l, r->device, &t, fail);
    }
    gb_buf_release(&l.text);
    return e;
}

enum gb_err
gb_takeover_end(const char *hub, struct gb_state *st, int number,
                struct gb_takeover *ended, struct gb_fail *fail)
{
    struct lines l;
    enum gb_err e = open_lines(&l, hub, st, fail);
    if (!e)
        e = find(&l, number, ended, fail);
    if (!e && !ended->of)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "device %d has no work of another one to deliver: "
                        "`gengbu-hub devices` names those that have",
                        number);
    if (!e)
        e = replace(&l, number, NULL, fail);
    gb_buf_release(&l.text);
    return e;
}

enum gb_err
gb_takeover_of(const char *hub, struct gb_state *st, int number,
               struct gb_takeover *out, struct gb_fail *fail)
{
    struct lines l;
    enum gb_err e = open_lines(&l, hub, st, fail);
    if (!e)
        e = find(&l, number, out, fail);
    gb_buf_release(&l.text);
    return e;
}
