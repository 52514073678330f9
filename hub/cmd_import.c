/* cmd_import.c - `gengbu-hub import` and `export`: by stick */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/json.h"
#include "engine/term.h"
#include "hub/answer.h"
#include "hub/cmd.h"
#include "hub/contact.h"
#include "hub/ingest.h"

#define EXTENSION ".gbx"

struct importing {
    const struct gb_args *args;
    struct gb_office *office;
    struct gb_state *reader;
    struct gb_progress progress;
    uint64_t done;
    bool failed; /* some bundle was */
    unsigned bundles;
    bool is_json;
    struct gb_buf out; /* the document */
    struct gb_json_writer json;
};

/* -------------------------------------------------------------- import -- */

struct feeding {
    struct importing *all;
    struct gb_ingest *ingest;
};

static enum gb_err
feed(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    struct feeding *f = arg;
    f->all->done += bytes.len;
    gb_progress_at(&f->all->progress, f->all->done);
    return gb_ingest_feed(f->ingest, bytes, fail);
}

/* What is wrong, in a line that begins with the bundle's name, unless the hub
 * itself failed; false when nothing is. */
static bool
judge(const char *path, const struct gb_ingest *g, struct gb_fail *fail)
{
    if (!fail->code && g->refused)
        gb_fail_set(fail, g->why.code,
                    "%u of its sets refused: %s: `gengbu-hub quarantine` shows "
                    "what was kept",
                    g->refused, g->why.text);
    if (fail->code && !gb_err_is_ours(fail->code) &&
        strncmp(fail->text, path, strlen(path)))
        gb_fail_wrap(fail, "%s", path);
    return fail->code;
}

static void
write_bundle_report(struct importing *w, const char *path,
                    const struct gb_ingest *g, const struct gb_fail *fail)
{
    struct gb_json_writer *j = &w->json;
    gb_json_begin_object(j);
    gb_json_pair_text(j, "file", path);
    gb_json_key(j, "device");
    if (g->asked)
        gb_json_put_int(j, g->request.device);
    else
        gb_json_put_null(j);
    gb_json_pair_int(j, "new", g->taken);
    gb_json_pair_int(j, "known", g->known);
    gb_json_pair_int(j, "waiting", g->waiting);
    gb_json_pair_int(j, "refused", g->refused);
    gb_json_pair_text(j, "error", fail->code ? fail->text : NULL);
    gb_json_end_object(j);
}

/* What became of one bundle: what was taken of it, and what is wrong. */
static void
tell(struct importing *w, const char *path, const struct gb_ingest *g,
     struct gb_fail *fail)
{
    bool bad = judge(path, g, fail);
    w->failed |= bad;
    if (w->is_json)
        write_bundle_report(w, path, g, fail);
    else if (g->asked) {
        gb_term_print(path);
        printf(": device %d: %u new, %u known, %u waiting, %u refused\n",
               g->request.device, g->taken, g->known, g->waiting, g->refused);
    }
    if (bad)
        gb_report(gb_args_program(w->args)->name, fail);
}

/* One file.  `named`: the caller named it, so it must be for the hub. */
static enum gb_err
import_file(struct importing *w, const char *path, bool named,
            struct gb_fail *fail)
{
    struct gb_fail why = {0}, finished = {0};
    struct gb_ingest g = {.hub = w->office->path,
                          .site = w->office->site,
                          .receive = &w->office->keys.receive,
                          .reader = w->reader,
                          .intake = gb_intake_direct(w->office),
                          .file = true};
    struct feeding f = {w, &g};
    enum gb_err e = gb_state_refresh(w->reader, fail);
    if (e)
        return e;
    gb_ingest_init(&g);
    w->done = 0;
    gb_progress_begin(&w->progress, path, 0, true);
    e = gb_file_feed(path, feed, &f, &why);
    /* what was whole is committed, whatever went wrong */
    if (gb_ingest_finish(&g, &finished) && !e)
        why = finished;
    gb_progress_end(&w->progress);
    if (!g.elsewhere || named) {
        w->bundles++;
        tell(w, path, &g, &why);
    }
    gb_ingest_release(&g);
    return GB_OK;
}

/* Every bundle of a folder that is for the hub. */
static enum gb_err
import_folder(struct importing *w, const char *folder, struct gb_fail *fail)
{
    struct gb_names names = {0};
    char path[GB_FILE_PATH_MAX];
    enum gb_err e = gb_file_list_files(folder, EXTENSION, &names, fail);
    for (size_t i = 0; i < names.count && !e; i++) {
        snprintf(path, sizeof path, "%.3000s/%s", folder, names.list[i]);
        e = import_file(w, path, false, fail);
    }
    gb_names_release(&names);
    return e;
}

static enum gb_err
import_all(struct importing *w, const struct gb_args *args,
           struct gb_fail *fail)
{
    char db[GB_FILE_PATH_MAX];
    struct stat st;
    gb_office_path(w->office, "hub.db", db);
    enum gb_err e = gb_state_open_reader(db, w->office->site, &w->reader, fail);
    for (int i = 1; i < gb_args_count(args) && !e; i++) {
        const char *path = gb_args_word(args, i);
        e = !stat(path, &st) && S_ISDIR(st.st_mode)
                ? import_folder(w, path, fail)
                : import_file(w, path, true, fail);
    }
    gb_state_close(w->reader);
    return e;
}

int
gb_cmd_import(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct importing w = {.args = args, .is_json = gb_args_flag(args, "json")};
    gb_buf_init(&w.out, (size_t)256 << 20);
    w.json = gb_json_writer(&w.out, true);
    gb_json_begin_array(&w.json);
    enum gb_err e = gb_cmd_open(args, "gengbu-hub import", &w.office, &fail);
    if (!e)
        e = import_all(&w, args, &fail);
    gb_office_close(w.office);
    if (!e && !w.bundles)
        e = gb_fail_set(&fail, GB_E_MISSING,
                        "no bundle (*" EXTENSION ") for the hub is there: "
                        "`gengbu export` writes one");
    gb_json_end_array(&w.json);
    gb_buf_text(&w.out, "\n");
    int status = 0;
    if (e)
        status = gb_cmd_fail(args, &fail);
    else if (w.is_json)
        status = gb_cmd_print(args, &w.out);
    gb_buf_release(&w.out);
    return status ? status : w.failed;
}

/* -------------------------------------------------------------- export -- */

/* The answer, from a snapshot: a stick is slow, and whoever writes to the hub
 * meanwhile must not wait for it. */
static enum gb_err
make_answer(struct gb_office *o, struct gb_answer *a, struct gb_fail *fail)
{
    char db[GB_FILE_PATH_MAX];
    struct gb_state *reader;
    gb_office_path(o, "hub.db", db);
    enum gb_err e = gb_state_open_reader(db, o->site, &reader, fail);
    if (!e)
        e = gb_answer_make(reader, a, fail);
    gb_state_close(reader);
    return e;
}

/* The bundle, as a file that is whole or not there. */
static enum gb_err
write_bundle(struct gb_office *o, struct gb_answer *a, const char *path,
             struct gb_fail *fail)
{
    struct gb_file file;
    enum gb_err e = gb_file_begin(&file, path, 0644, fail);
    if (e)
        return e;
    a->write = gb_file_add;
    a->arg = &file;
    a->key = &o->keys.hub;
    a->intake = gb_intake_direct(o);
    e = make_answer(o, a, fail);
    if (!e)
        e = gb_file_commit(&file, true, fail);
    gb_file_abandon(&file);
    a->arg = NULL; /* the file ends here */
    return e;
}

static enum gb_err
export_to(struct gb_office *o, int device, const char *folder,
          struct gb_fail *fail)
{
    struct gb_answer a = {0};
    char path[GB_FILE_PATH_MAX], site[9], size[GB_TERM_SIZE];
    struct stat st = {0};
    if (stat(folder, &st) || !S_ISDIR(st.st_mode))
        return gb_fail_set(fail, GB_E_MISSING, "%s is not a folder: make it",
                           folder);
    gb_hex_encode(site, o->site, 4);
    snprintf(path, sizeof path, "%.3000s/hub-%s-to-%d" EXTENSION, folder, site,
             device);
    enum gb_err e = gb_contact_ask(o->state, device, &a.ask, fail);
    if (!e)
        e = gb_office_now(o, &a.ask.clock_ms, fail);
    if (!e)
        e = write_bundle(o, &a, path, fail);
    if (e)
        return e;
    stat(path, &st);
    printf("%s: device %d from %llu to %llu of the ledger, %s; %s\n", path,
           device, (unsigned long long)a.ask.from, (unsigned long long)a.to,
           gb_term_size(size, (uint64_t)st.st_size),
           a.parts ? "safe to remove" : "nothing new; safe to remove");
    return GB_OK;
}

int
gb_cmd_export(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    int64_t device = 0;
    const char *to = gb_args_value(args, "to");
    enum gb_err e =
        gb_args_int(args, "device", 1, GB_DEVICE_MAX, &device, &fail);
    if (!e && (!device || !to))
        e = gb_fail_set(&fail, GB_E_USAGE, "--device and --to are needed");
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub export", &o, &fail);
    if (!e)
        e = export_to(o, (int)device, to, &fail);
    gb_office_close(o);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
