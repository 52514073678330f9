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

/* The site's id from its file, as gb_office_open() reads it. */
static enum gb_err
read_site(struct gb_look *v, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_buf text;
    gb_buf_init(&text, 256);
    path_of(path, v, "site");
    enum gb_err e = gb_file_read(path, &text, fail);
    if (e == GB_E_MISSING)
        e = gb_fail_set(fail, e, "%s is not a hub: `gengbu-hub init` makes one",
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
        e = gb_state_begin(out->state, fail);
    if (!e)
        e = gb_state_refresh(out->state, fail);
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
