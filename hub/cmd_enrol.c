/* cmd_enrol.c - `gengbu-hub enrol`: a number and a ticket for a handheld, or
 * another place in the office for one that has them */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/delta.h"
#include "engine/term.h"
#include "engine/ticket.h"
#include "engine/tlv.h"
#include "hub/cmd.h"
#include "hub/handed.h"
#include "hub/qr.h"

/* Base64 and JSON around it must stay below GB_TICKET_MAX. */
#define DELTA_MAX (GB_TICKET_MAX / 4 * 3 - 65536)

#define ATTRIBUTE_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

struct enrolling {
    const struct gb_args *args;
    struct gb_office *office;
    struct gb_ticket ticket;
    char path[GB_FILE_PATH_MAX];
    struct gb_arena arena; /* of the delta's parts */
    struct gb_span *parts;
    size_t room;
    bool bare; /* the delta was too large for the ticket */
};

/* ------------------------------------------------------------- options -- */

/* NAME=VALUE: a name for SQL and a value without control characters. */
static enum gb_err
add_attribute(char *lines, const char *text, struct gb_fail *fail)
{
    size_t n = strspn(text, ATTRIBUTE_LETTERS);
    char line[300];
    if (!n || text[n] != '=' || strlen(text) > 250)
        return gb_fail_set(fail, GB_E_USAGE,
                           "--set '%s': give NAME=VALUE, such as area=A3",
                           text);
    if (n == 6 && !strncmp(text, "device", n))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--set device: scopes know the number as :device");
    enum gb_err e = gb_cmd_name("set", text, 250, fail);
    if (e)
        return e;
    /* lines begin with the name, so "\nname=" finds an earlier one */
    snprintf(line, sizeof line, "\n%.*s=", (int)n, text);
    if (!strncmp(lines, line + 1, n + 1) || strstr(lines, line))
        return gb_fail_set(fail, GB_E_USAGE, "--set %.*s is given twice",
                           (int)n, text);
    if (strlen(lines) + strlen(text) + 2 >= GB_ATTRIBUTES_MAX)
        return gb_fail_set(fail, GB_E_USAGE, "--set: more than %d bytes",
                           GB_ATTRIBUTES_MAX);
    strncat(lines, text, GB_ATTRIBUTES_MAX - strlen(lines) - 1);
    strncat(lines, "\n", GB_ATTRIBUTES_MAX - strlen(lines) - 1);
    return GB_OK;
}

/* The address in the ticket: as given, or where the hub was last served. */
static enum gb_err
find_url(struct enrolling *w, struct gb_fail *fail)
{
    struct gb_enrolment *en = &w->ticket.enrolment;
    const char *given = gb_args_value(w->args, "url");
    char path[GB_FILE_PATH_MAX];
    struct gb_buf text;
    struct gb_fail ignored = {0};
    if (given && !gb_ticket_url_valid(gb_span_text(given)))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--url '%s': give one such as "
                           "http://192.168.1.2:8440",
                           given);
    if (given) {
        snprintf(en->url, sizeof en->url, "%s", given);
        return GB_OK;
    }
    gb_buf_init(&text, sizeof en->url);
    gb_office_path(w->office, "address", path);
    if (!gb_file_read(path, &text, &ignored)) {
        size_t n = text.len && text.ptr[text.len - 1] == '\n' ? text.len - 1
                                                              : text.len;
        if (gb_ticket_url_valid(GB_SPAN(text.ptr, n)))
            snprintf(en->url, sizeof en->url, "%.*s", (int)n,
                     (const char *)text.ptr);
    }
    gb_buf_release(&text);
    return GB_OK;
}

/* With --device what is not given stays as it is: an empty name, level 0. */
static enum gb_err
read_options(struct enrolling *w, struct gb_fail *fail)
{
    struct gb_enrolment *en = &w->ticket.enrolment;
    const char *name = gb_args_value(w->args, "name"), *set;
    int64_t number = 0;
    enum gb_err e =
        gb_args_int(w->args, "device", 1, GB_DEVICE_MAX, &number, fail);
    int64_t level = number ? 0 : 1;
    if (!e && (name || !number))
        e = gb_cmd_name("name", name, sizeof en->name - 1, fail);
    if (!e)
        e = gb_args_int(w->args, "level", 1, 8, &level, fail);
    for (int i = 0; !e && (set = gb_args_nth(w->args, "set", i)); i++)
        e = add_attribute(en->attributes, set, fail);
    if (e)
        return e;
    snprintf(en->name, sizeof en->name, "%s", name ? name : "");
    en->level = (int)level;
    en->device = (int)number;
    return GB_OK;
}

/* -------------------------------------------------------------- making -- */

/* The number behind the largest that was ever given. */
static enum gb_err
next_number(struct enrolling *w, struct gb_fail *fail)
{
    int64_t largest = 0;
    bool found;
    enum gb_err e =
        gb_db_int(gb_state_db(w->office->state),
                  "SELECT max(number) FROM _device", &largest, &found, fail);
    if (!e && largest >= GB_DEVICE_MAX)
        e = gb_fail_set(fail, GB_E_LIMIT, "all %d numbers are given",
                        GB_DEVICE_MAX);
    w->ticket.enrolment.device = (int)largest + 1;
    return e;
}

/* The device, into the ledger; a new one with the hash of its secret. */
static enum gb_err
put_device(struct enrolling *w, bool new, struct gb_fail *fail)
{
    const struct gb_enrolment *en = &w->ticket.enrolment;
    struct gb_sha256 sha = gb_sha256(GB_SPAN(en->secret, sizeof en->secret));
    struct gb_op op = {.kind = GB_DEVICE};
    struct gb_buf p;
    gb_buf_init(&p, 4096);
    gb_tlv_number(&p, GB_DEVICE_NUMBER, (uint64_t)en->device);
    if (*en->name)
        gb_tlv_put(&p, GB_DEVICE_NAME, gb_span_text(en->name));
    if (en->level)
        gb_tlv_number(&p, GB_DEVICE_LEVEL, (uint64_t)en->level);
    for (const char *line = en->attributes, *end; (end = strchr(line, '\n'));
         line = end + 1)
        gb_tlv_put(&p, GB_DEVICE_ATTRIBUTE,
                   GB_SPAN(line, (size_t)(end - line)));
    if (new)
        gb_tlv_put(&p, GB_DEVICE_TICKET, GB_SPAN(sha.bytes, sizeof sha.bytes));
    op.text = gb_buf_view(&p);
    enum gb_err e = gb_buf_check(&p, "an enrolment", fail);
    if (!e)
        e = gb_office_own(w->office, &op, 1, 0, fail);
    gb_buf_release(&p);
    return e;
}

/* One part of the delta, kept for the ticket. */
static enum gb_err
take_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct enrolling *w = context;
    if (w->ticket.ndeltas == w->room ||
        w->arena.used + container.len > DELTA_MAX) {
        w->bare = true;
        return gb_fail_set(fail, GB_E_LIMIT, "a ticket holds no more");
    }
    struct gb_span copy = gb_arena_copy(&w->arena, container);
    if (!copy.ptr)
        return gb_fail_memory(fail);
    w->parts[w->ticket.ndeltas++] = copy;
    return GB_OK;
}

/* Schema and records, so that the handheld works before it met the hub. */
static enum gb_err
make_delta(struct enrolling *w, struct gb_fail *fail)
{
    struct gb_delta_ask ask = {.device = w->ticket.enrolment.device};
    struct gb_state *st = w->office->state;
    struct gb_handed handed;
    w->room = 256;
    w->parts = gb_arena_array(&w->arena, w->room, sizeof *w->parts);
    if (!w->parts)
        return gb_fail_memory(fail);
    enum gb_err e = gb_office_now(w->office, &ask.clock_ms, fail);
    if (!e)
        e = gb_handed_ask(st, &ask, &handed, fail);
    if (!e)
        e = gb_delta_make(st, &ask, &w->office->keys.hub, take_part, w, fail);
    w->ticket.deltas = w->parts;
    if (w->bare) {
        w->ticket.ndeltas = 0;
        e = GB_OK;
    }
    if (!e && !w->bare)
        e = gb_handed_note(st, &handed, fail);
    return e;
}

/* Whether some scope asks for an attribute, `:name` in SQL; any: for one at
 * all. */
static bool
scope_asks(const struct gb_schema *s, const char *name, size_t n, bool any)
{
    for (int t = 0; t < s->ntables; t++)
        for (const char *at = s->tables[t].scope; at && (at = strchr(at, ':'));
             at++) {
            size_t length = strspn(at + 1, ATTRIBUTE_LETTERS);
            bool device = length == 6 && !strncmp(at + 1, "device", 6);
            if ((any && length && !device) ||
                (length == n && !strncmp(at + 1, name, n)))
                return true;
        }
    return false;
}

/* A name that was mistyped would leave the handheld without its records. */
static void
note_unused(const struct enrolling *w)
{
    const struct gb_schema *s = gb_state_schema(w->office->state);
    const char *line = w->ticket.enrolment.attributes;
    for (; scope_asks(s, "", 0, true) && *line;
         line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "=");
        if (!scope_asks(s, line, n, false))
            fprintf(stderr,
                    "gengbu-hub: note: --set %.*s chooses no records: no scope "
                    "of the schema asks for :%.*s\n",
                    (int)n, line, (int)n, line);
    }
}

/* Only a new file, and only this user may read it. */
static enum gb_err
write_file(struct enrolling *w, struct gb_fail *fail)
{
    struct gb_buf text;
    gb_buf_init(&text, GB_TICKET_MAX);
    enum gb_err e = gb_ticket_write(&w->ticket, false, &text, fail);
    if (!e)
        e = gb_file_write(w->path, gb_buf_view(&text), 0600, fail);
    if (text.ptr)
        gb_wipe(text.ptr, text.cap);
    gb_buf_release(&text);
    return e;
}

/* Under the lock, so that the number is ours. */
static enum gb_err
enrol(struct enrolling *w, struct gb_fail *fail)
{
    struct gb_enrolment *en = &w->ticket.enrolment;
    const char *out = gb_args_value(w->args, "out");
    struct stat at;
    enum gb_err e = next_number(w, fail);
    if (e)
        return e;
    if (out)
        snprintf(w->path, sizeof w->path, "%s", out);
    else
        snprintf(w->path, sizeof w->path, "ticket-%d.json", en->device);
    /* an empty file is what a killed enrol leaves */
    if (!lstat(w->path, &at) && (!S_ISREG(at.st_mode) || at.st_size))
        return gb_fail_set(fail, GB_E_EXISTS,
                           "%s exists: name another file with --out", w->path);
    /* a ticket that cannot be written would cost a number */
    e = gb_file_write(w->path, GB_SPAN("", 0), 0600, fail);
    if (e)
        return e;
    en->site = *gb_state_site(w->office->state);
    gb_random(en->secret, sizeof en->secret);
    e = put_device(w, true, fail);
    if (!e)
        e = make_delta(w, fail);
    if (!e)
        e = write_file(w, fail);
    if (e)
        unlink(w->path);
    return e;
}

/* ------------------------------------------------------------ changing -- */

/* Another name, level or area for a handheld: it hears of it with its next
 * sync, and what it did before counts with the level of then. */
static enum gb_err
change(struct enrolling *w, struct gb_fail *fail)
{
    const struct gb_enrolment *en = &w->ticket.enrolment;
    struct gb_device d;
    bool found;
    enum gb_err e =
        gb_state_device(w->office->state, en->device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN,
                        "there is no device %d: `gengbu-hub devices` lists "
                        "them",
                        en->device);
    if (!e)
        e = put_device(w, false, fail);
    if (!e)
        printf("device %d hears of it with its next sync\n", en->device);
    return e;
}

/* Options that belong to a ticket, or that change nothing. */
static enum gb_err
check_change(const struct enrolling *w, struct gb_fail *fail)
{
    const struct gb_enrolment *en = &w->ticket.enrolment;
    if (gb_args_value(w->args, "out") || gb_args_value(w->args, "url"))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--device changes a handheld that has its ticket: "
                           "leave out --out and --url");
    if (!*en->name && !en->level && !*en->attributes)
        return gb_fail_set(fail, GB_E_USAGE,
                           "--device: give --name, --level or --set as they "
                           "shall be");
    return GB_OK;
}

/* ------------------------------------------------------------- telling -- */

/* The code for the handheld's camera, on a terminal that is wide enough. */
static enum gb_err
show_code(struct enrolling *w, struct gb_fail *fail)
{
    struct winsize size = {0};
    struct gb_buf text, code;
    int columns = 0;
    if (gb_args_flag(w->args, "quiet") || !isatty(STDOUT_FILENO))
        return GB_OK;
    gb_buf_init(&text, 65536);
    gb_buf_init(&code, 1u << 20);
    enum gb_err e = gb_ticket_write(&w->ticket, true, &text, fail);
    if (!e)
        e = gb_qr_draw(gb_buf_view(&text), &code, &columns, fail);
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (!e && size.ws_col && size.ws_col < columns)
        printf("\n(The QR code needs a terminal of %d columns.)\n", columns);
    else if (!e)
        printf("\n%.*s", (int)code.len, (const char *)code.ptr);
    if (text.ptr)
        gb_wipe(text.ptr, text.cap);
    gb_buf_release(&text);
    gb_buf_release(&code);
    return e;
}

static void
tell(const struct enrolling *w)
{
    const struct gb_enrolment *en = &w->ticket.enrolment;
    printf("device %d, %s, level %d: ticket in %s\n", en->device, en->name,
           en->level, w->path);
    printf("The ticket is good once, for whoever has it: hand it over in "
           "person, then\n`gengbu init JOURNAL --ticket %s`.\n",
           w->path);
    if (!*en->url)
        printf("No address of the hub is known yet: serve first, or give "
               "--url, or the\nhandheld exchanges sticks.\n");
    if (w->bare)
        printf("The records do not fit a ticket: the handheld needs one sync "
               "before it works.\n");
    if (!*en->attributes &&
        scope_asks(gb_state_schema(w->office->state), "", 0, true))
        printf("It gets only what concerns everybody, until `gengbu-hub enrol "
               "HUB --device %d\n--set NAME=VALUE` says what it is for.\n",
               en->device);
}

int
gb_cmd_enrol(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct enrolling w = {.args = args};
    gb_arena_init(&w.arena, 2 * GB_TICKET_MAX);
    enum gb_err e = read_options(&w, &fail);
    bool new = w.ticket.enrolment.device == 0;
    if (!e && !new)
        e = check_change(&w, &fail);
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub enrol", &w.office, &fail);
    if (!e)
        e = find_url(&w, &fail);
    if (!e)
        e = gb_office_lock(w.office, &fail);
    if (!e) {
        e = new ? enrol(&w, &fail) : change(&w, &fail);
        gb_office_unlock(w.office);
    }
    if (!e)
        note_unused(&w);
    if (!e && new) {
        tell(&w);
        e = show_code(&w, &fail);
    }
    gb_office_close(w.office);
    gb_wipe(w.ticket.enrolment.secret, sizeof w.ticket.enrolment.secret);
    gb_arena_release(&w.arena);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
