/* cmd_sync.c - gengbu sync, export, import: to the hub and back */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/id.h"
#include "engine/term.h"
#include "stick.h"
#include "sync.h"
#include "verbs.h"

/* --------------------------------------------------------- taken back -- */

/* Of sets behind this one, which were not accepted before. */
static void
print_taken(void *context, const struct gb_taken_back *t)
{
    const uint32_t *accepted = context;
    char id[GB_ID_TEXT];
    if (t->seq <= *accepted)
        return;
    gb_id_print(id, t->id);
    printf("taken back: %s %s: %s (%s)\n", t->table, id, gb_code_text(t->code),
           gb_code_name(t->code));
}

static enum gb_err
accepted_before(struct gb_folder *f, uint32_t *out, struct gb_fail *fail)
{
    struct gb_journal_info info;
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    *out = e ? 0 : info.accepted;
    gb_wipe(info.secret, sizeof info.secret);
    return e;
}

/* What became of own work beyond being accepted. */
static enum gb_err
report_taken(struct gb_folder *f, uint32_t accepted, int64_t released,
             struct gb_fail *fail)
{
    if (released)
        printf("%lld operation%s taken back before took effect now\n",
               (long long)released, released == 1 ? "" : "s");
    return gb_journal_taken_back(f->journal, print_taken, &accepted, fail);
}

/* ---------------------------------------------------------------- sync -- */

/* The hub's address: --hub, or the journal's. */
static enum gb_err
find_url(const struct gb_args *args, struct gb_folder *f, char *out,
         size_t size, struct gb_fail *fail)
{
    struct gb_journal_info info;
    const char *given = gb_args_value(args, "hub");
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    if (e)
        return e;
    gb_wipe(info.secret, sizeof info.secret);
    snprintf(out, size, "%s", given ? given : info.url);
    if (!*out)
        return gb_fail_set(fail, GB_E_NETWORK,
                           "no hub address is known: give --hub URL, or carry "
                           "the work by stick with `gengbu export`");
    if (strlen(given ? given : "") >= sizeof info.url)
        return gb_fail_set(fail, GB_E_USAGE, "--hub: the URL is too long");
    return GB_OK;
}

/* An address that worked is kept. */
static enum gb_err
keep_url(struct gb_folder *f, const char *url, struct gb_fail *fail)
{
    struct gb_journal_info info;
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    if (e || !strcmp(info.url, url))
        return e;
    e = gb_folder_reopen(f, GB_FOLDER_WRITE, fail);
    return e ? e : gb_journal_set_url(f->journal, url, fail);
}

static void
print_sync(const struct gb_sync_report *r)
{
    char up[GB_TERM_SIZE], down[GB_TERM_SIZE];
    printf("sent %d change set%s (%s), %lld accepted; received %lld record%s "
           "(%s)\n",
           r->sets_sent, r->sets_sent == 1 ? "" : "s",
           gb_term_size(up, r->bytes_up), (long long)r->applied.accepted_sets,
           (long long)r->applied.records, r->applied.records == 1 ? "" : "s",
           gb_term_size(down, r->bytes_down));
    if (r->unsent)
        printf("%lld operation%s still to be sent\n", (long long)r->unsent,
               r->unsent == 1 ? " is" : "s are");
}

static enum gb_err
json_sync(const struct gb_sync_report *r, struct gb_fail *fail)
{
    struct gb_buf out;
    gb_buf_init(&out, 4096);
    struct gb_json_writer w = gb_json_writer(&out, true);
    gb_json_begin_object(&w);
    gb_json_pair_int(&w, "rounds", r->rounds);
    gb_json_pair_int(&w, "sets_sent", r->sets_sent);
    gb_json_pair_int(&w, "sets_accepted", r->applied.accepted_sets);
    gb_json_pair_int(&w, "records_received", r->applied.records);
    gb_json_pair_int(&w, "taken_back", r->applied.quarantined);
    gb_json_pair_int(&w, "released", r->applied.released);
    gb_json_pair_int(&w, "unsent", r->unsent);
    gb_json_pair_int(&w, "bytes_up", (int64_t)r->bytes_up);
    gb_json_pair_int(&w, "bytes_down", (int64_t)r->bytes_down);
    gb_json_end_object(&w);
    gb_buf_text(&out, "\n");
    enum gb_err e = gb_verb_flush(&out, fail);
    gb_buf_release(&out);
    return e;
}

int
gb_verb_sync(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_sync_report report = {0};
    char url[512];
    uint32_t accepted = 0;
    bool json = gb_args_flag(args, "json");
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu sync", GB_FOLDER_READ, &fail);
    if (!e)
        e = find_url(args, &f, url, sizeof url, &fail);
    if (!e)
        e = accepted_before(&f, &accepted, &fail);
    if (!e)
        e = gb_sync_run(&f, url, &report, &fail);
    if (!e && json)
        e = json_sync(&report, &fail);
    else if (!e)
        print_sync(&report);
    if (!e && !json)
        e = report_taken(&f, accepted, report.applied.released, &fail);
    if (!e && gb_args_value(args, "hub"))
        e = keep_url(&f, url, &fail);
    gb_folder_close(&f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

/* ------------------------------------------------------------ by stick -- */

int
gb_verb_export(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_stick_export out;
    char size[GB_TERM_SIZE];
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu export", GB_FOLDER_READ, &fail);
    if (!e)
        e = gb_stick_write(&f, gb_args_word(args, 1), &out, &fail);
    gb_folder_close(&f);
    if (e)
        return gb_cmd_fail(args, &fail);
    printf("%s: %lld operation%s in %d change set%s (%s), safe to remove\n",
           out.path, (long long)out.operations, out.operations == 1 ? "" : "s",
           out.sets, out.sets == 1 ? "" : "s", gb_term_size(size, out.bytes));
    return 0;
}

struct importing {
    const struct gb_args *args;
    struct gb_folder f;
    int files, failed;
    int64_t released;
    bool is_json;
    struct gb_buf out; /* the document */
    struct gb_json_writer json;
};

static void
print_import(const char *path, const struct gb_stick_import *in)
{
    gb_term_print(path);
    long long records = in->counts.records, sets = in->counts.accepted_sets;
    if (!in->applied)
        printf(": nothing new");
    else
        printf(": %lld record%s", records, records == 1 ? "" : "s");
    if (in->applied && sets)
        printf("; %lld change set%s sent before %s accepted now", sets,
               sets == 1 ? "" : "s", sets == 1 ? "is" : "are");
    puts("");
}

static void
json_import(struct gb_json_writer *w, const char *path,
            const struct gb_stick_import *in, const struct gb_fail *fail)
{
    gb_json_begin_object(w);
    gb_json_pair_text(w, "file", path);
    gb_json_pair_bool(w, "applied", in->applied);
    gb_json_pair_int(w, "records", in->counts.records);
    gb_json_pair_int(w, "sets_accepted", in->counts.accepted_sets);
    gb_json_pair_int(w, "taken_back", in->counts.quarantined);
    gb_json_pair_int(w, "released", in->counts.released);
    gb_json_pair_text(w, "error", fail->code ? fail->text : NULL);
    gb_json_end_object(w);
}

/* One file; a failure is reported and the next one goes on.  In a folder,
 * files for others are no failure: a stick serves a whole office. */
static void
import_file(struct importing *im, const char *path, bool in_folder)
{
    struct gb_fail fail = {0};
    struct gb_stick_import in;
    enum gb_err e = gb_stick_read(&im->f, path, &in, &fail);
    if (e == GB_E_SITE && in_folder)
        return;
    im->files++;
    im->failed += e != GB_OK;
    im->released += e ? 0 : in.counts.released;
    if (im->is_json)
        json_import(&im->json, path, &in, &fail);
    else if (!e)
        print_import(path, &in);
    if (e)
        gb_report(gb_args_program(im->args)->name, &fail);
}

static enum gb_err
import_folder(struct importing *im, const char *path, struct gb_fail *fail)
{
    char file[GB_FILE_PATH_MAX];
    struct gb_names names;
    enum gb_err e = gb_file_list_files(path, GB_STICK_ENDING, &names, fail);
    for (size_t i = 0; i < names.count && !e; i++) {
        e = gb_folder_name(file, path, names.list[i], fail);
        if (!e)
            import_file(im, file, true);
    }
    gb_names_release(&names);
    return e;
}

static enum gb_err
import_all(struct importing *im, struct gb_fail *fail)
{
    struct stat st;
    enum gb_err e = GB_OK;
    for (int i = 1; i < gb_args_count(im->args) && !e; i++) {
        const char *path = gb_args_word(im->args, i);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            e = import_folder(im, path, fail);
        else
            import_file(im, path, false);
    }
    if (!e && !im->files)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "there is no file for this device: `gengbu-hub "
                        "export` writes one");
    return e;
}

int
gb_verb_import(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct importing im = {.args = args, .is_json = gb_args_flag(args, "json")};
    uint32_t accepted = 0;
    gb_buf_init(&im.out, GB_VERB_OUT_MAX);
    im.json = gb_json_writer(&im.out, true);
    gb_json_begin_array(&im.json);
    enum gb_err e =
        gb_verb_open(args, &im.f, "gengbu import", GB_FOLDER_READ, &fail);
    if (!e)
        e = accepted_before(&im.f, &accepted, &fail);
    if (!e)
        e = import_all(&im, &fail);
    if (!e)
        e = gb_folder_reopen(&im.f, GB_FOLDER_READ, &fail);
    if (!e && !im.is_json)
        e = report_taken(&im.f, accepted, im.released, &fail);
    gb_folder_close(&im.f);
    gb_json_end_array(&im.json);
    gb_buf_text(&im.out, "\n");
    if (!e && im.is_json)
        e = gb_verb_flush(&im.out, &fail);
    gb_buf_release(&im.out);
    if (e)
        return gb_cmd_fail(args, &fail);
    return im.failed ? 1 : 0;
}
