/* look.c - see look.h */
#include "hub/look.h"

#include <stdio.h>
#include <unistd.h>

#include "engine/term.h"

/* "PATH/NAME" */
static void
path_of(char out[GB_FILE_PATH_MAX], const struct gb_look *v, const char *name)
{
    snprintf(out, GB_FILE_PATH_MAX, "%.3000s/%s", v->path, name);
}

static bool
is_journal(const struct gb_look *v)
{
    char path[GB_FILE_PATH_MAX];
    path_of(path, v, "journal.db");
    return !access(path, F_OK);
}

/* The site's id, which every file of the folder must agree on. */
static enum gb_err
read_site(struct gb_look *v, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_buf text;
    gb_buf_init(&text, 256);
    path_of(path, v, "site");
    enum gb_err e = gb_file_read(path, &text, fail);
    if (e == GB_E_MISSING)
        e = gb_fail_set(fail, e,
                        is_journal(v)
                            ? "%s is a handheld's journal: use `gengbu`"
                            : "%s is not a hub: `gengbu-hub init` "
                              "makes one",
                        v->path);
    if (!e &&
        (text.len != 33 || !gb_hex_decode(v->site, 16, GB_SPAN(text.ptr, 32))))
        e = gb_fail_set(fail, GB_E_FORMAT, "%s is damaged", path);
    gb_buf_release(&text);
    return e;
}

enum gb_err
gb_look_site(const char *path, struct gb_look *out, struct gb_fail *fail)
{
    *out = (struct gb_look){0};
    snprintf(out->path, sizeof out->path, "%.3000s", path);
    return read_site(out, fail);
}

/* Whether the ledger has a batch that hub.db lacks. */
static bool
behind(struct gb_look *v)
{
    struct gb_ledger_tip tip;
    struct gb_fail ignored = {0};
    sqlite3_stmt *s = NULL;
    bool row = false;
    if (gb_look_ledger(v, &ignored) ||
        gb_ledger_tip(v->ledger, &tip, &ignored) ||
        gb_db_prepare(gb_state_db(v->state),
                      "SELECT value FROM _site WHERE key = 'tip'", &s,
                      &ignored))
        return false;
    bool is = !gb_db_step(s, &row, &ignored) && row &&
              !gb_span_equal(gb_db_blob(s, 0),
                             GB_SPAN(tip.oid.bytes, sizeof tip.oid.bytes));
    sqlite3_finalize(s);
    return is;
}

/* The next snapshot. */
static enum gb_err
snapshot(struct gb_look *v, struct gb_fail *fail)
{
    enum gb_err e = gb_state_begin(v->state, fail);
    return e ? e : gb_state_refresh(v->state, fail);
}

/* A batch is in the ledger a moment before it is in hub.db; for longer only
 * when the machine went down in between.  Who reads takes no lock, and so
 * cannot mend it, but says that it shows what was. */
static enum gb_err
look_again(struct gb_look *v, struct gb_fail *fail)
{
    if (!behind(v))
        return GB_OK;
    gb_state_rollback(v->state);
    usleep(300000);
    enum gb_err e = snapshot(v, fail);
    if (!e && behind(v))
        fprintf(stderr,
                "gengbu-hub: note: %s/hub.db is older than the ledger: any "
                "command that writes, or `gengbu-hub rebuild`, brings it up\n",
                v->path);
    return e;
}

enum gb_err
gb_look_open(const char *path, struct gb_look *out, struct gb_fail *fail)
{
    char db[GB_FILE_PATH_MAX];
    enum gb_err e = gb_look_site(path, out, fail);
    path_of(db, out, "hub.db");
    if (!e && access(db, F_OK))
        e = gb_fail_set(fail, GB_E_MISSING,
                        "%s is missing: `gengbu-hub rebuild` makes it from the "
                        "ledger",
                        db);
    if (!e)
        e = gb_state_open_reader(db, out->site, &out->state, fail);
    if (!e)
        e = snapshot(out, fail);
    if (!e)
        e = look_again(out, fail);
    if (!e && !gb_state_schema(out->state))
        e = gb_fail_set(fail, GB_E_DATABASE,
                        "%s holds no site: `gengbu-hub rebuild` makes it from "
                        "the ledger",
                        db);
    if (!e)
        e = gb_term_zone(gb_state_site(out->state)->timezone, fail);
    if (e)
        gb_look_close(out);
    return e;
}

void
gb_look_close(struct gb_look *v)
{
    gb_state_close(v->state);
    gb_ledger_close(v->ledger);
    v->state = NULL;
    v->ledger = NULL;
}

enum gb_err
gb_look_ledger(struct gb_look *v, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    if (v->ledger)
        return GB_OK;
    path_of(path, v, "ledger.git");
    return gb_ledger_open(&v->ledger, path, GB_LEDGER_READ, fail);
}
