/* cmd_init.c - gengbu init, signin: who the handheld is, and who holds it */
#include <stdio.h>
#include <string.h>

#include "engine/id.h"
#include "engine/term.h"
#include "again.h"
#include "fields.h"
#include "verbs.h"

static enum gb_err
read_ticket(const char *path, struct gb_ticket *out, struct gb_fail *fail)
{
    struct gb_buf text;
    gb_buf_init(&text, GB_TICKET_MAX);
    enum gb_err e = gb_file_read(path, &text, fail);
    if (!e) {
        e = gb_ticket_read(gb_buf_view(&text), out, fail);
        if (e)
            gb_fail_wrap(fail, "%s", path);
    }
    if (text.ptr)
        gb_wipe(text.ptr, text.len);
    gb_buf_release(&text);
    return e;
}

/* --hub instead of the ticket's address. */
static enum gb_err
set_url(const struct gb_args *args, struct gb_enrolment *en,
        struct gb_fail *fail)
{
    const char *url = gb_args_value(args, "hub");
    if (!url)
        return GB_OK;
    if (!gb_ticket_url_valid(gb_span_text(url)))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--hub '%.200s': give a URL such as "
                           "http://192.168.1.2:8440",
                           url);
    snprintf(en->url, sizeof en->url, "%s", url);
    return GB_OK;
}

/* Another number for a journal that had been copied. */
static enum gb_err
go_on(const char *folder, const struct gb_ticket *ticket, struct gb_fail *fail)
{
    struct gb_again_report r;
    enum gb_err e =
        gb_again_run(folder, ticket, ticket->enrolment.url, &r, fail);
    if (!e)
        printf("%s: device %d goes on for number %d: %lld operations captured "
               "again, %lld the hub had; sync to send them (the old journal "
               "is %s)\n",
               folder, ticket->enrolment.device, r.old,
               (long long)r.counts.again, (long long)r.counts.known, r.was);
    return e;
}

/* A new journal. */
static enum gb_err
make_new(const char *folder, const struct gb_ticket *ticket,
         struct gb_fail *fail)
{
    struct gb_buf site;
    gb_buf_init(&site, GB_TEXT_MAX);
    gb_term_clean(&site, gb_span_text(ticket->enrolment.site.name));
    enum gb_err e = gb_folder_create(folder, ticket, fail);
    if (!e)
        e = gb_buf_check(&site, "the site's name", fail);
    if (!e)
        printf("%s: device %d of %.*s%s\n", folder, ticket->enrolment.device,
               (int)site.len, site.len ? (const char *)site.ptr : "",
               ticket->ndeltas ? ", ready"
                               : "; sync once to get its tables and staff");
    gb_buf_release(&site);
    return e;
}

int
gb_verb_init(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_ticket ticket = {0};
    const char *path = gb_args_value(args, "ticket");
    const char *folder = gb_args_word(args, 0);
    enum gb_err e = GB_OK;
    if (!path)
        e = gb_fail_set(&fail, GB_E_USAGE,
                        "--ticket FILE is wanted: `gengbu-hub enrol` makes "
                        "one");
    if (!e)
        e = read_ticket(path, &ticket, &fail);
    if (!e)
        e = set_url(args, &ticket.enrolment, &fail);
    if (!e)
        e = gb_folder_is_journal(folder) ? go_on(folder, &ticket, &fail)
                                         : make_new(folder, &ticket, &fail);
    gb_ticket_release(&ticket);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

/* Append the first text of the record, which is a name in all that act, for a
 * terminal. */
static enum gb_err
name_of(struct gb_journal *j, int64_t id, struct gb_buf *out,
        struct gb_fail *fail)
{
    const struct gb_schema *s = gb_journal_schema(j);
    const struct gb_table *t = &s->tables[s->actor_table];
    struct gb_arena arena;
    struct gb_rec r;
    bool found;
    int c = 0;
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = gb_tables_load(gb_journal_tables(j), s->actor_table, id,
                                   &arena, &r, &found, fail);
    while (c < t->ncolumns && t->columns[c].type != GB_TEXT)
        c++;
    if (!e && found && c < t->ncolumns) {
        struct gb_value v = gb_cell_value(&t->columns[c], &r.cells[c]);
        if (v.type == GB_TEXT)
            gb_term_clean(out, v.as.s);
    }
    gb_arena_release(&arena);
    return e;
}

int
gb_verb_signin(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_buf name;
    char text[GB_ID_TEXT];
    int64_t id;
    gb_buf_init(&name, GB_TEXT_MAX);
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu signin", GB_FOLDER_WRITE, &fail);
    if (!e)
        e = gb_fields_actor(&f, gb_args_word(args, 1), true, &id, &fail);
    if (!e)
        e = name_of(f.journal, id, &name, &fail);
    if (!e) {
        gb_id_print(text, id);
        printf("signed in: %s %.*s\n", text, (int)name.len,
               name.len ? (const char *)name.ptr : "");
    }
    gb_buf_release(&name);
    gb_folder_close(&f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
