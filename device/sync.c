/* sync.c - see sync.h */
#include "sync.h"

#include <stdio.h>
#include <string.h>

#include "engine/term.h"
#include "http.h"
#include "inbox.h"
#include "outbox.h"

struct syncing {
    struct gb_folder *f;
    struct gb_folder_keys keys;
    char url[512];
    struct gb_sync_report *report;
    struct gb_progress progress;
};

/* One round trip under way. */
struct trip {
    struct gb_outbox out;
    struct gb_inbox in;
    struct gb_progress *progress;
};

/* Both bodies, with the bar moved on (struct gb_client_post). */
static enum gb_err
next_piece(void *arg, struct gb_buf *piece, struct gb_fail *fail)
{
    struct trip *t = arg;
    enum gb_err e = gb_outbox_next(&t->out, piece, fail);
    gb_progress_at(t->progress, t->out.bytes);
    return e;
}

static enum gb_err
take_piece(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    struct trip *t = arg;
    enum gb_err e = gb_inbox_take(&t->in, bytes, fail);
    gb_progress_at(t->progress, t->out.bytes + t->in.bytes);
    return e;
}

/* Seal, look where things stand, mark, make the request: all that needs the
 * lock before the network. */
static enum gb_err
prepare(struct syncing *s, struct trip *t, struct gb_journal_info *info,
        struct gb_fail *fail)
{
    int made;
    enum gb_err e = gb_folder_reopen(s->f, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_journal_seal(s->f->journal, &s->keys.sign, &made, fail);
    if (!e)
        e = gb_journal_info(s->f->journal, info, fail);
    if (e)
        return e;
    bool sets = !info->uncertain && info->safe < info->seq;
    if (sets)
        e = gb_journal_mark(s->f->journal, true, fail);
    if (!e)
        e = gb_outbox_open(&t->out, s->f, &s->keys, sets, false, fail);
    if (!e)
        e = gb_folder_reopen(s->f, GB_FOLDER_READ, fail);
    if (!e)
        gb_outbox_use(&t->out, s->f->journal);
    return e;
}

/* The POST itself; what came is kept, nothing is applied. */
static enum gb_err
exchange(struct syncing *s, struct trip *t, struct gb_fail *fail)
{
    struct gb_client_post post = {.url = s->url,
                                  .length = GB_CLIENT_LENGTH_UNKNOWN,
                                  .next = next_piece,
                                  .take = take_piece,
                                  .arg = t};
    t->progress = &s->progress;
    gb_progress_begin(&s->progress, "sync", 0, true);
    enum gb_err e = gb_client_post(&post, fail);
    gb_progress_end(&s->progress);
    s->report->rounds++;
    s->report->bytes_up += t->out.bytes;
    s->report->bytes_down += t->in.bytes;
    return e;
}

static void
add_counts(struct gb_applied *to, const struct gb_applied *more)
{
    to->records += more->records;
    to->accepted_sets += more->accepted_sets;
    to->quarantined += more->quarantined;
    to->released += more->released;
}

/* Whether the journal stands where it stood; else another delta was taken in
 * meanwhile, and the reply is merely late. */
static enum gb_err
moved(struct gb_folder *f, const struct gb_journal_info *before, bool *out,
      struct gb_fail *fail)
{
    struct gb_journal_info now;
    enum gb_err e = gb_journal_info(f->journal, &now, fail);
    *out = !e && now.merged.size != before->merged.size;
    return e;
}

/* Apply the reply.  *news says whether there was any; without any, what was
 * marked uncertain had not arrived, and what was acknowledged is gone. */
static enum gb_err
finish(struct syncing *s, struct trip *t, const struct gb_journal_info *before,
       bool *news, struct gb_fail *fail)
{
    struct gb_applied counts;
    bool late = false;
    enum gb_err e = gb_inbox_finish(&t->in, news, &counts, fail);
    bool unfit = e == GB_E_STATE || e == GB_E_EXISTS;
    if (unfit && !moved(s->f, before, &late, fail) && late)
        return GB_OK;
    if (e)
        return e;
    s->report->sets_sent += t->out.sets;
    add_counts(&s->report->applied, &counts);
    if (*news)
        return GB_OK;
    e = gb_folder_reopen(s->f, GB_FOLDER_WRITE, fail);
    return e ? e : gb_journal_no_news(s->f->journal, fail);
}

/* The trip failed before one set had left: the mark says nothing then, and
 * the next sync need not ask first. */
static void
unmark(struct syncing *s, const struct trip *t,
       const struct gb_journal_info *before)
{
    struct gb_fail ignored = {0};
    if (before->uncertain || t->out.sets || !s->f->journal)
        return;
    if (!gb_folder_reopen(s->f, GB_FOLDER_WRITE, &ignored))
        gb_journal_mark(s->f->journal, false, &ignored);
}

/* The hub does not take the ticket of a journal that it never confirmed: what
 * it has under that number is another's, so this one is a copy, too. */
static void
note_copy(struct syncing *s, const struct gb_journal_info *before)
{
    struct gb_fail ignored = {0};
    if (!before->confirmed && s->f->journal &&
        !gb_folder_reopen(s->f, GB_FOLDER_WRITE, &ignored))
        gb_journal_mark_copy(s->f->journal, &ignored);
}

/* One round trip; *more says whether another one has something to do. */
static enum gb_err
round_trip(struct syncing *s, bool *more, struct gb_fail *fail)
{
    struct gb_journal_info before, after;
    struct trip t = {0};
    bool news = false;
    enum gb_err e = prepare(s, &t, &before, fail);
    if (!e)
        e = gb_inbox_open(&t.in, s->f, &s->keys, fail);
    if (!e) {
        e = exchange(s, &t, fail);
        if (e)
            unmark(s, &t, &before);
        if (e == GB_E_TICKET)
            note_copy(s, &before);
    }
    if (!e)
        e = finish(s, &t, &before, &news, fail);
    if (!e)
        e = gb_journal_info(s->f->journal, &after, fail);
    if (!e) {
        /* again when the first trip only asked, or when sets remain although
         * the hub took some in or let some go */
        bool progress = before.uncertain || after.safe < before.safe ||
                        after.accepted > before.accepted;
        *more = after.unsent > 0 && progress;
        s->report->unsent = after.unsent;
    }
    gb_outbox_release(&t.out);
    gb_inbox_release(&t.in);
    return e;
}

/* URL and path, with one slash between them. */
static enum gb_err
set_url(struct syncing *s, const char *url, struct gb_fail *fail)
{
    size_t n = strlen(url);
    while (n && url[n - 1] == '/')
        n--;
    if (!gb_ticket_url_valid(GB_SPAN(url, n)))
        return gb_fail_set(fail, GB_E_USAGE,
                           "hub '%.200s': give a URL such as "
                           "http://192.168.1.2:8440",
                           url);
    snprintf(s->url, sizeof s->url, "%.*s%s", (int)n, url, GB_SYNC_PATH);
    return GB_OK;
}

enum gb_err
gb_sync_run(struct gb_folder *f, const char *url, struct gb_sync_report *out,
            struct gb_fail *fail)
{
    struct syncing s = {.f = f, .report = out};
    struct gb_fail late = {0};
    bool more = true, held = f->sync.fd >= 0;
    *out = (struct gb_sync_report){0};
    enum gb_err e = set_url(&s, url, fail);
    if (!e)
        e = gb_folder_lock_sync(f, fail);
    if (!e)
        e = gb_folder_keys(f, &s.keys, fail);
    while (!e && more && out->rounds < GB_SYNC_ROUNDS_MAX)
        e = round_trip(&s, &more, fail);
    gb_folder_keys_wipe(&s.keys);
    if (!held)
        gb_lock_release(&f->sync);
    enum gb_err open = gb_folder_reopen(f, GB_FOLDER_READ, e ? &late : fail);
    return e ? e : open;
}
