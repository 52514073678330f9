/* lines.c - a file of JSON lines, by the hundred; see lines.h */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/term.h"

#define CHUNK 65536

/* A file read line by line; the hash covers every line given out. */
struct source {
    int fd;
    const char *name;
    uint8_t chunk[CHUNK];
    size_t at, len;
    struct gb_buf line; /* with its line feed, if it has one */
    int64_t number;     /* of the line at hand, from 1 */
    uint64_t bytes;
    struct gb_sha256_state hash;
};

struct import {
    struct gb_folder *f;
    struct source in;
    struct gb_lines_report *report;
    uint8_t whole[32];   /* the file's hash */
    uint8_t partial[32]; /* what a refused line had left; see marker() */
    bool resumed;        /* and that it is to be forgotten */
    int64_t batch;       /* lines in the open transaction */
    size_t batch_bytes;
    struct gb_lines_report before; /* counts when it began */
};

/* ------------------------------------------------------------- reading -- */

/* Standard input or a pipe, copied to a file that nobody sees. */
static enum gb_err
copy_input(int from, int *out, struct gb_fail *fail)
{
    uint8_t chunk[CHUNK];
    char name[] = "/tmp/gengbu-XXXXXX";
    ssize_t n;
    *out = mkostemp(name, O_CLOEXEC);
    if (*out < 0)
        return gb_file_fail(fail, errno, name, "written");
    unlink(name);
    while ((n = read(from, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gb_file_fail(fail, errno, "standard input", "read");
        for (ssize_t at = 0, w; at < n; at += w) {
            w = write(*out, chunk + at, (size_t)(n - at));
            if (w < 0 && errno != EINTR)
                return gb_file_fail(fail, errno, name, "written");
            w = w < 0 ? 0 : w;
        }
    }
    return GB_OK;
}

enum gb_err
gb_lines_open(const char *path, int *fd, struct gb_fail *fail)
{
    int in = STDIN_FILENO;
    *fd = -1;
    enum gb_err e = GB_OK;
    if (strcmp(path, "-"))
        e = gb_file_input(path, &in, fail);
    if (!e && in != STDIN_FILENO && lseek(in, 0, SEEK_SET) == 0) {
        *fd = in; /* transferred */
        return GB_OK;
    }
    if (!e)
        e = copy_input(in, fd, fail);
    if (in > STDIN_FILENO)
        close(in);
    if (e && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return e;
}

/* More bytes; *end at the end of the file. */
static enum gb_err
source_fill(struct source *s, bool *end, struct gb_fail *fail)
{
    ssize_t n;
    do
        n = read(s->fd, s->chunk, sizeof s->chunk);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return gb_file_fail(fail, errno, s->name, "read");
    s->at = 0;
    s->len = (size_t)n;
    *end = n == 0;
    return GB_OK;
}

/* From the first line again.  A byte order mark is no part of it, nor of the
 * hash: an editor that puts one in front makes no other file. */
static enum gb_err
source_start(struct source *s, struct gb_fail *fail)
{
    bool end;
    s->number = 0;
    s->bytes = 0;
    gb_sha256_init(&s->hash);
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return gb_file_fail(fail, errno, s->name, "read from its start");
    enum gb_err e = source_fill(s, &end, fail);
    if (!e && s->len >= 3 && !memcmp(s->chunk, "\xef\xbb\xbf", 3))
        s->at = 3;
    return e;
}

/* The next line into s->line; *found false behind the last. */
static enum gb_err
source_line(struct source *s, bool *found, struct gb_fail *fail)
{
    bool end = false, whole = false;
    enum gb_err e = GB_OK;
    gb_buf_clear(&s->line);
    while (!e && !whole && !end) {
        if (s->at == s->len)
            e = source_fill(s, &end, fail);
        if (e || end)
            break;
        const uint8_t *from = s->chunk + s->at;
        const uint8_t *feed = memchr(from, '\n', s->len - s->at);
        size_t n = feed ? (size_t)(feed - from) + 1 : s->len - s->at;
        gb_buf_add(&s->line, from, n);
        s->at += n;
        whole = feed;
        if (s->line.failed)
            return gb_fail_set(fail, s->line.failed,
                               "%s: line %lld: longer than %d bytes", s->name,
                               (long long)s->number + 1, GB_LINES_LINE_MAX);
    }
    *found = !e && s->line.len;
    if (*found) {
        s->number++;
        s->bytes += s->line.len;
        gb_sha256_add(&s->hash, gb_buf_view(&s->line));
    }
    return e;
}

static bool
is_blank(struct gb_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!memchr(" \t\r\n", s.ptr[i], 4))
            return false;
    return true;
}

/* ------------------------------------------------------------ progress -- */

/* The key under which the lines before a refused one are known: from their
 * bytes, and never equal to the hash of a whole file. */
static void
marker(const struct source *s, uint8_t out[32])
{
    struct gb_sha256_state copy = s->hash, state;
    struct gb_sha256 lines = gb_sha256_final(&copy), key;
    gb_sha256_init(&state);
    gb_sha256_add(&state, gb_span_text("gengbu: refused behind "));
    gb_sha256_add(&state, GB_SPAN(lines.bytes, sizeof lines.bytes));
    key = gb_sha256_final(&state);
    memcpy(out, key.bytes, 32);
}

/* Whether any import ended after so many lines: saves hashing at each. */
static enum gb_err
may_end_at(sqlite3_stmt *ends, int64_t lines, bool *out, struct gb_fail *fail)
{
    sqlite3_bind_int64(ends, 1, lines);
    enum gb_err e = gb_db_step(ends, out, fail);
    sqlite3_reset(ends);
    return e;
}

/* Read the file once: its hash, its lines, and where a refused line stood. */
static enum gb_err
survey(struct import *im, int64_t *lines, int64_t *resume, struct gb_fail *fail)
{
    struct source *s = &im->in;
    sqlite3_stmt *ends = NULL;
    bool found = true, may = false;
    int64_t done;
    uint8_t key[32];
    enum gb_err e = source_start(s, fail);
    if (!e)
        e = gb_db_prepare(gb_journal_db(im->f->journal),
                          "SELECT 1 FROM _import WHERE lines = ? LIMIT 1",
                          &ends, fail);
    while (!e && !(e = source_line(s, &found, fail)) && found) {
        e = may_end_at(ends, s->number, &may, fail);
        if (e || !may)
            continue;
        marker(s, key);
        e = gb_journal_import_done(im->f->journal, key, &done, fail);
        if (!e && done == s->number) {
            *resume = done;
            im->resumed = true;
            memcpy(im->partial, key, sizeof key);
        }
    }
    sqlite3_finalize(ends);
    *lines = s->number;
    struct gb_sha256 whole = gb_sha256_final(&s->hash);
    memcpy(im->whole, whole.bytes, sizeof im->whole);
    if (!e)
        e = gb_journal_import_done(im->f->journal, im->whole, &done, fail);
    if (!e && done > *resume)
        *resume = done;
    return e;
}

/* ---------------------------------------------------------- committing -- */

/* The open batch was not to be: its lines are not in, and not counted. */
static void
undo(struct import *im)
{
    gb_journal_rollback(im->f->journal);
    im->report->inserted = im->before.inserted;
    im->report->changed = im->before.changed;
    im->report->voided = im->before.voided;
}

/* Lines up to this one are in; with the lines themselves, or not at all. */
static enum gb_err
commit(struct import *im, int64_t lines, bool refused, struct gb_fail *fail)
{
    uint8_t key[32];
    struct gb_journal *j = im->f->journal;
    enum gb_err e = gb_journal_import_note(j, im->whole, lines, fail);
    if (!e && im->resumed)
        e = gb_journal_import_note(j, im->partial, 0, fail);
    if (!e && refused) {
        marker(&im->in, key);
        e = gb_journal_import_note(j, key, lines, fail);
    }
    if (!e)
        e = gb_journal_commit(j, fail);
    if (e) {
        undo(im);
        return e;
    }
    im->resumed = false;
    im->report->lines = lines;
    im->batch = 0;
    im->batch_bytes = 0;
    return GB_OK;
}

static enum gb_err
begin(struct import *im, struct gb_fail *fail)
{
    im->before = *im->report;
    return gb_journal_begin(im->f->journal, fail);
}

/* Perform the line at hand.  When the transaction cannot take it any more,
 * what is there is committed and the line gets one of its own. */
static enum gb_err
perform(struct import *im, struct gb_fail *fail)
{
    struct gb_span line = gb_buf_view(&im->in.line);
    if (is_blank(line))
        return GB_OK;
    enum gb_err e = gb_lines_one(im->f, line, im->report, fail);
    if (e != GB_E_LIMIT || !im->batch)
        return e;
    e = commit(im, im->in.number - 1, false, fail);
    if (!e)
        e = begin(im, fail);
    return e ? e : gb_lines_one(im->f, line, im->report, fail);
}

/* The refused line is named, and the lines before it are kept; but when memory
 * or the disk failed, SQLite may have ended the transaction by itself.  Their
 * number, noted without them, would have them skipped for good. */
static enum gb_err
refuse(struct import *im, const struct gb_sha256_state *before, enum gb_err e,
       struct gb_fail *fail)
{
    struct gb_fail why = {0};
    int64_t number = im->in.number;
    im->in.hash = *before;
    if (number == 1 || gb_err_is_ours(e))
        undo(im);
    else if (commit(im, number - 1, true, &why))
        return gb_fail_set(fail, why.code, "%s", why.text);
    gb_fail_wrap(fail, "%s: line %lld", im->in.name, (long long)number);
    return e;
}

/* All lines behind `resume`. */
static enum gb_err
run(struct import *im, int64_t resume, struct gb_progress *progress,
    struct gb_fail *fail)
{
    struct source *s = &im->in;
    struct gb_sha256_state before;
    bool found = true;
    enum gb_err e = source_start(s, fail);
    while (!e && s->number < resume && found)
        e = source_line(s, &found, fail);
    if (!e)
        e = begin(im, fail);
    while (!e) {
        before = s->hash;
        e = source_line(s, &found, fail);
        if (e || !found)
            break;
        e = perform(im, fail);
        if (e)
            return refuse(im, &before, e, fail);
        im->batch++;
        im->batch_bytes += s->line.len;
        gb_progress_at(progress, s->bytes);
        if (im->batch < GB_LINES_BATCH &&
            im->batch_bytes < GB_LINES_BATCH_BYTES)
            continue;
        e = commit(im, s->number, false, fail);
        if (!e)
            e = begin(im, fail);
    }
    if (e) {
        gb_journal_rollback(im->f->journal);
        return e;
    }
    return commit(im, s->number, false, fail);
}

enum gb_err
gb_lines_import(struct gb_folder *f, const char *path, int fd,
                struct gb_lines_report *out, struct gb_fail *fail)
{
    struct import im = {.f = f, .report = out, .in = {.fd = fd}};
    struct gb_progress progress;
    int64_t lines = 0, resume = 0;
    *out = (struct gb_lines_report){0};
    im.in.name = strcmp(path, "-") ? path : "standard input";
    gb_buf_init(&im.in.line, GB_LINES_LINE_MAX);
    enum gb_err e = survey(&im, &lines, &resume, fail);
    out->lines = out->skipped = resume;
    if (!e && resume < lines) {
        gb_progress_begin(&progress, im.in.name, im.in.bytes, true);
        e = run(&im, resume, &progress, fail);
        gb_progress_end(&progress);
    }
    gb_buf_release(&im.in.line);
    return e;
}
