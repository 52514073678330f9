/* cmd_devices.c - `gengbu-hub devices`: the handhelds, and where they stand */
#include <stdio.h>
#include <string.h>

#include "engine/json.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/contact.h"
#include "hub/look.h"
#include "hub/takeover.h"

struct row {
    struct gb_device d;
    struct gb_contact contact;
    struct gb_takeover takes; /* of: 0 when it has nothing to deliver */
    int64_t last_ms;          /* when its last set was received; 0: none yet */
    int64_t waiting;          /* operations in quarantine */
};

typedef void take_row(void *context, const struct row *r);

/* What is known of one device. */
static enum gb_err
read_row(const struct gb_look *look, int number, struct row *r,
         struct gb_fail *fail)
{
    struct gb_state *st = look->state;
    sqlite3_stmt *s = NULL;
    bool found, row = false;
    enum gb_err e = gb_state_device(st, number, &r->d, &found, fail);
    if (!e)
        e = gb_contact_get(st, number, &r->contact, fail);
    if (!e)
        e = gb_takeover_of(look->path, st, number, &r->takes, fail);
    if (!e)
        e = gb_db_preparef(
            gb_state_db(st), &s, fail,
            "SELECT (SELECT received FROM _set WHERE device = %d ORDER BY seq "
            "DESC LIMIT 1), (SELECT count(*) FROM _wait WHERE device = %d)",
            number, number);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row) {
        r->last_ms = sqlite3_column_int64(s, 0);
        r->waiting = sqlite3_column_int64(s, 1);
    }
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
each_device(const struct gb_look *look, take_row *take, void *context,
            struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    enum gb_err e = gb_db_prepare(gb_state_db(look->state),
                                  "SELECT number FROM _device WHERE number > "
                                  "0 ORDER BY number",
                                  &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct row r = {0};
        e = read_row(look, sqlite3_column_int(s, 0), &r, fail);
        if (!e)
            take(context, &r);
    }
    sqlite3_finalize(s);
    return e;
}

/* ---------------------------------------------------------------- text -- */

struct text {
    struct gb_grid grid;
    struct gb_buf notes; /* below the grid */
    uint64_t size;
};

static const struct gb_grid_column columns[] = {
    {"no.", true},         {"name", false},         {"level", true},
    {"attributes", false}, {"sets", true},          {"last set", false},
    {"clock", false},      {"last contact", false}, {"behind", true},
    {"quarantined", true}};

/* A time, or a dash for never. */
static void
time_cell(struct gb_grid *g, int64_t ms)
{
    char when[GB_TERM_SIZE];
    gb_grid_text(g, ms ? gb_term_time(when, ms) : "-");
}

/* How far its clock was off when it asked over the network last, in the largest
 * unit that says it; what a stick says is as old as the stick. */
static void
clock_cell(struct gb_grid *g, const struct row *r)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}};
    int64_t skew = r->contact.skew_ms, off = skew < 0 ? -skew : skew;
    int u = 0;
    while (u < 2 && off < 2 * units[u].ms)
        u++;
    if (!*r->contact.boot)
        gb_grid_text(g, "-");
    else if (off <= GB_CLOCK_TRUST_MS)
        gb_grid_text(g, "ok");
    else
        gb_grid_printf(g, "%lld %s %s",
                       (long long)((off + units[u].ms / 2) / units[u].ms),
                       units[u].name, skew < 0 ? "ahead" : "behind");
}

static void
print_row(void *context, const struct row *r)
{
    struct text *t = context;
    struct gb_grid *g = &t->grid;
    char attributes[GB_ATTRIBUTES_MAX];
    snprintf(attributes, sizeof attributes, "%s", r->d.attributes);
    size_t n = strlen(attributes);
    if (n)
        attributes[n - 1] = 0; /* the last LF; the others become spaces */
    gb_grid_printf(g, "%d", r->d.number);
    gb_grid_text(g, r->d.name);
    gb_grid_printf(g, "%d", r->d.level);
    gb_grid_text(g, attributes);
    gb_grid_printf(g, "%u", r->d.seq);
    time_cell(g, r->last_ms);
    clock_cell(g, r);
    if (r->contact.seen_ms)
        time_cell(g, r->contact.seen_ms);
    else
        gb_grid_text(g,
                     r->d.enrolled ? "none since rebuild" : "ticket not used");
    if (r->contact.seen_ms)
        gb_grid_printf(g, "%llu",
                       (unsigned long long)(t->size - r->contact.merged));
    else
        gb_grid_text(g, "-");
    gb_grid_printf(g, "%lld", (long long)r->waiting);
    if (r->takes.of)
        gb_buf_printf(&t->notes,
                      "device %d is taking over the work of number %d and has "
                      "not delivered it\n",
                      r->d.number, r->takes.of);
}

static enum gb_err
print_devices(const struct gb_look *look, struct gb_buf *out,
              struct gb_fail *fail)
{
    struct text t = {.size = gb_state_size(look->state)};
    gb_grid_init(&t.grid, columns, sizeof columns / sizeof *columns);
    gb_buf_init(&t.notes, (size_t)1 << 20);
    enum gb_err e = each_device(look, print_row, &t, fail);
    if (!e)
        e = gb_grid_print(&t.grid, out, fail);
    if (!e)
        e = gb_buf_check(&t.notes, "the output", fail);
    if (!e)
        gb_buf_span(out, gb_buf_view(&t.notes));
    gb_grid_release(&t.grid);
    gb_buf_release(&t.notes);
    return e;
}

/* ---------------------------------------------------------------- JSON -- */

/* NAME=VALUE lines as an object. */
static void
write_attributes(struct gb_json_writer *w, const char *lines)
{
    gb_json_key(w, "attributes");
    gb_json_begin_object(w);
    for (size_t n; *lines; lines += n + 1) {
        n = strcspn(lines, "\n");
        size_t name = strcspn(lines, "=\n");
        size_t value = name < n ? name + 1 : n;
        gb_json_key_span(w, GB_SPAN(lines, name));
        gb_json_put_span(w, GB_SPAN(lines + value, n - value));
        if (!lines[n])
            break;
    }
    gb_json_end_object(w);
}

static void
write_row(void *context, const struct row *r)
{
    struct gb_json_writer *w = context;
    gb_json_begin_object(w);
    gb_json_pair_int(w, "number", r->d.number);
    gb_json_pair_text(w, "name", r->d.name);
    gb_json_pair_int(w, "level", r->d.level);
    write_attributes(w, r->d.attributes);
    gb_json_pair_bool(w, "enrolled", r->d.enrolled);
    if (r->d.enrolled) {
        char print[GB_FINGERPRINT_SIZE];
        struct gb_public_key key;
        memcpy(key.bytes, r->d.sign_key, sizeof key.bytes);
        gb_key_fingerprint(print, &key);
        gb_json_pair_text(w, "key", print);
        gb_json_pair_int(w, "since_ms", r->d.since_ms);
    }
    gb_json_pair_int(w, "sets", r->d.seq);
    gb_json_pair_int(w, "received_ms", r->last_ms);
    if (*r->contact.boot)
        gb_json_pair_int(w, "clock_skew_ms", r->contact.skew_ms);
    gb_json_pair_int(w, "seen_ms", r->contact.seen_ms);
    gb_json_pair_int(w, "merged", (int64_t)r->contact.merged);
    gb_json_pair_int(w, "schema", r->contact.schema);
    gb_json_pair_int(w, "quarantined_operations", r->waiting);
    if (r->takes.of)
        gb_json_pair_int(w, "takes_over", r->takes.of);
    gb_json_end_object(w);
}

static enum gb_err
write_devices(const struct gb_look *look, struct gb_buf *out,
              struct gb_fail *fail)
{
    struct gb_json_writer w = gb_json_writer(out, true);
    gb_json_begin_array(&w);
    enum gb_err e = each_device(look, write_row, &w, fail);
    gb_json_end_array(&w);
    gb_buf_text(out, "\n");
    return e;
}

/* ---------------------------------------------------------------- lost -- */

/* One is lost: others need not wait for what it took over. */
static int
give_up(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    struct gb_takeover t;
    int64_t number = 0;
    enum gb_err e = gb_args_int(args, "lost", 1, GB_DEVICE_MAX, &number, &fail);
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub devices", &o, &fail);
    if (!e)
        e = gb_office_lock(o, &fail);
    if (!e) {
        e = gb_takeover_end(o->path, o->state, (int)number, &t, &fail);
        gb_office_unlock(o);
    }
    gb_office_close(o);
    if (e)
        return gb_cmd_fail(args, &fail);
    printf("device %d no longer takes over the work of number %d: another "
           "copy may\n",
           t.number, t.of);
    return 0;
}

int
gb_cmd_devices(const struct gb_args *args)
{
    if (gb_args_value(args, "lost"))
        return give_up(args);
    struct gb_fail fail = {0};
    struct gb_look look = {0};
    struct gb_buf out;
    gb_buf_init(&out, (size_t)64 << 20);
    enum gb_err e = gb_look_open(gb_args_word(args, 0), &look, &fail);
    if (!e)
        e = gb_args_flag(args, "json") ? write_devices(&look, &out, &fail)
                                       : print_devices(&look, &out, &fail);
    gb_look_close(&look);
    if (!e)
        return gb_cmd_print(args, &out);
    gb_buf_release(&out);
    return gb_cmd_fail(args, &fail);
}
