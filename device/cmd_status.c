/* cmd_status.c - gengbu status, digest: where the handheld stands */
#include <stdio.h>
#include <string.h>

#include "engine/id.h"
#include "engine/term.h"
#include "verbs.h"

#define HEAD_TEXT 96 /* "SIZE:ROOT" */

/* What the auditor takes with --head. */
static const char *
head_text(char out[HEAD_TEXT], const struct gb_head *head)
{
    char root[65];
    gb_hex_encode(root, head->root, sizeof head->root);
    snprintf(out, HEAD_TEXT, "%llu:%s", (unsigned long long)head->size, root);
    return out;
}

/* ---------------------------------------------------------------- JSON -- */

static void
json_taken(void *context, const struct gb_taken_back *t)
{
    struct gb_json_writer *w = context;
    gb_json_begin_object(w);
    gb_json_pair_int(w, "seq", t->seq);
    gb_json_pair_int(w, "index", t->index);
    gb_json_pair_text(w, "code", gb_code_name(t->code));
    gb_json_pair_text(w, "reason", gb_code_text(t->code));
    gb_json_pair_text(w, "table", t->table);
    gb_json_pair_int(w, "id", t->id);
    gb_json_end_object(w);
}

/* NAME=VALUE lines, as an object. */
static void
json_attributes(struct gb_json_writer *w, const char *line)
{
    char name[GB_ATTRIBUTES_MAX];
    gb_json_begin_object(w);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t n = strcspn(line, "=");
        if (line + n >= end)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n, line);
        gb_json_pair_span(w, name,
                          GB_SPAN(line + n + 1, (size_t)(end - line) - n - 1));
    }
    gb_json_end_object(w);
}

static void
json_device(struct gb_json_writer *w, const struct gb_journal_info *i)
{
    char hex[33];
    gb_hex_encode(hex, i->site.id, sizeof i->site.id);
    gb_json_pair_int(w, "device", i->device);
    gb_json_pair_text(w, "name", i->name);
    gb_json_pair_int(w, "level", i->level);
    gb_json_key(w, "attributes");
    json_attributes(w, i->attributes);
    gb_json_pair_int(w, "readonly", i->readonly);
    gb_json_pair_text(w, "site", i->site.name);
    gb_json_pair_text(w, "site_id", hex);
    gb_json_pair_text(w, "timezone", i->site.timezone);
    gb_json_pair_text(w, "hub", *i->url ? i->url : NULL);
}

static enum gb_err
print_json(struct gb_folder *f, const struct gb_journal_info *i,
           struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_json_writer w = gb_json_writer(out, true);
    const struct gb_schema *s = gb_journal_schema(f->journal);
    char head[HEAD_TEXT];
    gb_json_begin_object(&w);
    json_device(&w, i);
    gb_json_key(&w, "actor");
    if (i->actor)
        gb_json_put_int(&w, i->actor);
    else
        gb_json_put_null(&w);
    gb_json_pair_int(&w, "schema", s ? s->version : 0);
    gb_json_pair_int(&w, "unsent", i->unsent);
    gb_json_pair_int(&w, "sealed_sets", i->seq);
    gb_json_pair_int(&w, "safe_sets", i->safe);
    gb_json_pair_int(&w, "accepted_sets", i->accepted);
    gb_json_pair_bool(&w, "confirmed", i->confirmed);
    gb_json_pair_bool(&w, "uncertain", i->uncertain);
    gb_json_pair_bool(&w, "copy", i->copy);
    gb_json_pair_int(&w, "synced_ms", i->synced_ms);
    gb_json_pair_int(&w, "epoch", i->merged.epoch);
    gb_json_pair_text(&w, "head", head_text(head, &i->merged));
    gb_json_key(&w, "taken_back");
    gb_json_begin_array(&w);
    enum gb_err e = gb_journal_taken_back(f->journal, json_taken, &w, fail);
    gb_json_end_array(&w);
    gb_json_end_object(&w);
    gb_buf_text(out, "\n");
    return e;
}

/* ---------------------------------------------------------- for people -- */

static void
print_taken(void *context, const struct gb_taken_back *t)
{
    struct gb_buf *out = context;
    char id[GB_ID_TEXT];
    gb_id_print(id, t->id);
    gb_buf_printf(out, "taken back   %s %s: %s (%s)\n", t->table, id,
                  gb_code_text(t->code), gb_code_name(t->code));
}

static void
print_actor(const struct gb_journal_info *i, struct gb_buf *out)
{
    char id[GB_ID_TEXT];
    gb_id_print(id, i->actor);
    gb_buf_printf(out, "signed in    %s\n",
                  i->actor ? id : "nobody: use `gengbu signin`");
}

/* What the device is to the office, and so which records it has. */
static void
print_scope(const struct gb_journal_info *i, struct gb_buf *out)
{
    const char *line = i->attributes;
    gb_buf_text(out, "scope        ");
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        gb_buf_text(out, line == i->attributes ? "" : ", ");
        gb_term_clean(out, GB_SPAN(line, (size_t)(end - line)));
    }
    gb_buf_text(out, *i->attributes ? "" : "no area: what concerns everybody");
    if (i->readonly)
        gb_buf_printf(
            out,
            "; %lld record%s left it, and go%s when what is unsent is "
            "accepted",
            (long long)i->readonly, i->readonly == 1 ? "" : "s",
            i->readonly == 1 ? "es" : "");
    gb_buf_text(out, "\n");
}

/* What the staff should know: work that has not reached the office. */
static void
print_work(const struct gb_journal_info *i, struct gb_buf *out)
{
    char time[GB_TERM_SIZE];
    gb_buf_printf(out, "unsent       %lld operation%s\n", (long long)i->unsent,
                  i->unsent == 1 ? "" : "s");
    /* what came with the ticket was no sync */
    gb_buf_printf(out, "last sync    %s\n",
                  i->confirmed ? gb_term_time(time, i->synced_ms) : "never");
    if (i->safe > i->accepted)
        gb_buf_text(out, "             the hub has what was sent, its answer "
                         "comes with the next sync\n");
    if (i->uncertain)
        gb_buf_text(out, "             a reply never came: the next sync asks "
                         "what had arrived\n");
    if (i->copy)
        gb_buf_text(out, "copy         the hub refused this journal as a copy "
                         "of another: ask the office for a new ticket\n");
}

static enum gb_err
print_lines(struct gb_folder *f, const struct gb_journal_info *i,
            struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_buf names;
    char head[HEAD_TEXT];
    gb_buf_init(&names, 4096);
    gb_term_clean(&names, gb_span_text(i->name));
    gb_buf_printf(out, "device       %d ", i->device);
    gb_buf_span(out, gb_buf_view(&names));
    gb_buf_clear(&names);
    gb_term_clean(&names, gb_span_text(i->site.name));
    gb_buf_text(out, "\nsite         ");
    gb_buf_span(out, gb_buf_view(&names));
    gb_buf_printf(out, "\nhub          %s\n",
                  *i->url ? i->url : "no address: by stick only");
    gb_buf_release(&names);
    print_scope(i, out);
    print_actor(i, out);
    print_work(i, out);
    gb_buf_printf(out, "merged head  %s\n", head_text(head, &i->merged));
    return gb_journal_taken_back(f->journal, print_taken, out, fail);
}

int
gb_verb_status(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_journal_info info;
    struct gb_buf out;
    gb_buf_init(&out, GB_VERB_OUT_MAX);
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu status", GB_FOLDER_LOOK, &fail);
    if (!e)
        e = gb_folder_zone(&f, &fail);
    if (!e)
        e = gb_journal_info(f.journal, &info, &fail);
    if (!e)
        e = gb_args_flag(args, "json") ? print_json(&f, &info, &out, &fail)
                                       : print_lines(&f, &info, &out, &fail);
    if (!e)
        e = gb_verb_flush(&out, &fail);
    gb_wipe(info.secret, sizeof info.secret);
    gb_buf_release(&out);
    gb_folder_close(&f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

int
gb_verb_digest(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_journal_info info;
    uint8_t digest[32];
    char hex[65], head[HEAD_TEXT];
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu digest", GB_FOLDER_COPY, &fail);
    if (!e)
        e = gb_journal_digest(f.journal, digest, &fail);
    if (!e)
        e = gb_journal_info(f.journal, &info, &fail);
    if (!e) {
        gb_hex_encode(hex, digest, sizeof digest);
        head_text(head, &info.merged);
        if (gb_args_flag(args, "json"))
            printf("{\"digest\": \"%s\", \"head\": \"%s\"}\n", hex, head);
        else
            printf("%s\n", hex);
    }
    gb_folder_close(&f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
