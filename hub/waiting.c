/* waiting.c - see waiting.h */
#include "hub/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/decode.h"
#include "hub/office_private.h"
#include "hub/quarantine.h"

#define ROUND_SETS 64 /* tried in one batch, which has room for them */
#define HEAD 256      /* bytes in which a set's header lies */
#define SUFFIX ".gbcs"

/* "HUB/waiting/STEM.EXTENSION" */
static void
path_of(char out[GB_FILE_PATH_MAX], const char *hub, const char *stem,
        const char *extension)
{
    snprintf(out, GB_FILE_PATH_MAX, "%.3000s/waiting/%.60s%s", hub, stem,
             extension);
}

/* The names of the sets in the folder, without their suffix. */
static enum gb_err
list(const char *hub, struct gb_names *out, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    path_of(path, hub, "", "");
    enum gb_err e = gb_file_list_files(path, SUFFIX, out, fail);
    size_t n = 0;
    for (size_t i = 0; i < out->count; i++) {
        size_t len = strlen(out->list[i]);
        if (len < 60) {
            out->list[i][len - 5] = 0;
            char *keep = out->list[i];
            out->list[i] = out->list[n];
            out->list[n++] = keep;
        }
    }
    while (out->count > n)
        free(out->list[--out->count]);
    return e;
}

enum gb_err
gb_waiting_count(const char *hub, size_t *count, struct gb_fail *fail)
{
    struct gb_names names = {0};
    enum gb_err e = list(hub, &names, fail);
    *count = names.count;
    gb_names_release(&names);
    return e;
}

enum gb_err
gb_waiting_keep(const struct gb_office *o, const struct gb_arriving *a,
                struct gb_fail *fail)
{
    char stem[64], hex[9], boot[33], path[GB_FILE_PATH_MAX];
    struct gb_set_info info;
    size_t count;
    struct gb_buf b;
    enum gb_err e = gb_set_info(a->parts.signed_bytes, &info, fail);
    if (!e)
        e = gb_waiting_count(o->path, &count, fail);
    if (!e && count >= GB_WAITING_MAX)
        e = gb_fail_set(fail, GB_E_LIMIT,
                        "%d sets wait for one before them already: bring the "
                        "missing ones",
                        GB_WAITING_MAX);
    if (e)
        return e;
    struct gb_sha256 sha = gb_sha256(a->parts.signed_bytes);
    gb_hex_encode(hex, sha.bytes, 4);
    gb_hex_encode(boot, a->skew.boot, sizeof a->skew.boot);
    snprintf(stem, sizeof stem, "%d-%u-%s", info.device, info.seq, hex);
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_printf(&b, "%lld %s\n", (long long)a->skew.clock_ms, boot);
    path_of(path, o->path, stem, ".skew");
    e = gb_file_write(path, gb_buf_view(&b), 0600, fail);
    gb_buf_clear(&b);
    gb_buf_span(&b, a->parts.signed_bytes);
    gb_buf_span(&b, a->parts.signature);
    gb_buf_span(&b, a->parts.personal);
    path_of(path, o->path, stem, SUFFIX);
    if (!e)
        e = gb_buf_check(&b, path, fail);
    if (!e)
        e = gb_file_write(path, gb_buf_view(&b), 0600, fail);
    gb_buf_release(&b);
    return e;
}

/* -------------------------------------------------------- trying again -- */

/* A set that is tried. */
struct waiter {
    const char *stem;
    struct gb_buf bytes;
    struct gb_set_info info;
    struct gb_sha256 sha;
};

/* Sets on their way into one batch. */
struct attempt {
    struct gb_office *o;
    struct waiter *who;
    struct gb_arriving *sets;
    size_t n;
    unsigned *taken;
    bool moved; /* one of them left the folder */
    bool told;  /* what cannot be read was named, once */
};

/* A file that cannot be read stands in nobody's way: it is told, and the
 * others go on. */
static enum gb_err
unread(const struct attempt *t, const struct gb_fail *why, struct gb_fail *fail)
{
    if (why->code == GB_E_MEMORY)
        return gb_fail_memory(fail);
    if (!t->told)
        gb_office_tell(t->o, "a set that waits is passed over", why);
    return GB_OK;
}

/* The first bytes of a file, and no more of it. */
static enum gb_err
take_head(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_buf *head = arg;
    (void)fail;
    gb_buf_span(head, GB_SPAN(bytes.ptr, bytes.len < HEAD ? bytes.len : HEAD));
    return GB_E_LIMIT;
}

/* The set before it goes into the same batch. */
static bool
follows_one(const struct attempt *t, const struct gb_set_info *info)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct waiter *w = &t->who[i];
        if (w->info.device == info->device && w->info.seq + 1 == info->seq &&
            !memcmp(w->sha.bytes, info->prev, sizeof info->prev))
            return true;
    }
    return false;
}

/* A first set may continue another number: only all of it says so.  What
 * cannot be split is damaged, and no longer waits. */
static enum gb_err
first_due(const struct attempt *t, const char *path, bool *yes,
          struct gb_fail *fail)
{
    struct gb_buf bytes;
    struct gb_container parts;
    struct gb_decoded d = {0};
    struct gb_fail why = {0};
    gb_buf_init(&bytes, GB_SET_MAX);
    enum gb_err e = gb_file_read(path, &bytes, &why);
    bool there = !e;
    if (e == GB_E_LIMIT)
        e = GB_OK; /* too large for a set */
    else if (e)
        e = unread(t, &why, fail);
    *yes = why.code == GB_E_LIMIT ||
           (there && gb_container_split(gb_buf_view(&bytes), &parts, &why));
    if (there && !*yes) {
        e = gb_decode(t->o->state, parts.signed_bytes, &d, fail);
        if (!e)
            e = gb_office_ready(t->o->state, &d.info, d.in.set, yes, fail);
        gb_decoded_release(&d);
    }
    gb_buf_release(&bytes);
    return e;
}

/* Whether a set can go on now: what a commit would ask (decide.c), mostly
 * without reading more than its header. */
static enum gb_err
due(const struct attempt *t, const char *stem, bool *yes, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_set_info info;
    struct gb_buf head;
    struct gb_fail why = {0};
    path_of(path, t->o->path, stem, SUFFIX);
    gb_buf_init(&head, HEAD);
    enum gb_err e = gb_file_feed(path, take_head, &head, &why);
    if (e && !head.len) {
        gb_buf_release(&head);
        *yes = false;
        return unread(t, &why, fail);
    }
    bool sound = !gb_set_info(gb_buf_view(&head), &info, &why);
    bool follows = sound && gb_set_follows(&info);
    e = GB_OK;
    *yes = !sound || (follows && follows_one(t, &info));
    if (!*yes)
        e = follows ? gb_office_ready(t->o->state, &info, NULL, yes, fail)
                    : first_due(t, path, yes, fail);
    gb_buf_release(&head);
    return e;
}

/* What is known of the clock; nothing is fine. */
static void
read_skew(const char *hub, const char *stem, struct gb_skew *k)
{
    char path[GB_FILE_PATH_MAX], hex[33] = "";
    long long clock;
    struct gb_buf b;
    struct gb_fail ignored = {0};
    *k = (struct gb_skew){.stick = true};
    gb_buf_init(&b, 256);
    path_of(path, hub, stem, ".skew");
    if (!gb_file_read(path, &b, &ignored)) {
        gb_buf_u8(&b, 0);
        if (!b.failed &&
            sscanf((const char *)b.ptr, "%lld %32s", &clock, hex) == 2 &&
            gb_hex_decode(k->boot, sizeof k->boot, gb_span_text(hex)))
            k->clock_ms = clock;
    }
    gb_buf_release(&b);
}

static enum gb_err
forget(const struct gb_office *o, const char *stem, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    path_of(path, o->path, stem, SUFFIX);
    enum gb_err e = gb_file_remove(path, fail);
    path_of(path, o->path, stem, ".skew");
    return e ? e : gb_file_remove(path, fail);
}

/* Read one, and check it again: it lay on a disk. */
static enum gb_err
add(struct attempt *t, const char *stem, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct waiter *w = &t->who[t->n];
    struct gb_arriving *a = &t->sets[t->n];
    struct gb_fail why = {0};
    *w = (struct waiter){.stem = stem};
    *a = (struct gb_arriving){0};
    gb_buf_init(&w->bytes, GB_SET_MAX);
    path_of(path, t->o->path, stem, SUFFIX);
    enum gb_err e = gb_file_read(path, &w->bytes, &why);
    if (e && e != GB_E_LIMIT) {
        gb_buf_release(&w->bytes);
        return unread(t, &why, fail);
    }
    if (!e)
        e = gb_container_split(gb_buf_view(&w->bytes), &a->parts, &why);
    if (!e)
        e = gb_office_verify(t->o->state, t->o->site, a, &why);
    if (!e)
        e = gb_set_info(a->parts.signed_bytes, &w->info, &why);
    if (!e) {
        w->sha = gb_sha256(a->parts.signed_bytes);
        read_skew(t->o->path, stem, &a->skew);
        t->n++;
        return GB_OK;
    }
    if (gb_err_is_ours(e))
        gb_fail_set(fail, e, "%s", why.text);
    else
        gb_quarantine_keep(t->o->path, gb_buf_view(&w->bytes), 0, &why);
    gb_buf_release(&w->bytes);
    return gb_err_is_ours(e) ? e : forget(t->o, stem, fail);
}

/* What has its position goes; what is damaged goes to the quarantine. */
static enum gb_err
settle(struct attempt *t, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < t->n && !e; i++) {
        const struct gb_arriving *a = &t->sets[i];
        if (a->outcome == GB_WAITING)
            continue;
        if (a->outcome == GB_REFUSED)
            gb_quarantine_keep(t->o->path, gb_buf_view(&t->who[i].bytes), 0,
                               &a->fail);
        *t->taken += a->outcome == GB_TAKEN;
        t->moved = true;
        e = forget(t->o, t->who[i].stem, fail);
    }
    return e;
}

static void
drop(struct attempt *t)
{
    while (t->n)
        gb_buf_release(&t->who[--t->n].bytes);
}

/* One batch of those that were added. */
static enum gb_err
commit_added(struct attempt *t, struct gb_fail *fail)
{
    enum gb_err e = t->n ? gb_office_commit(t->o, t->sets, t->n, fail) : GB_OK;
    if (!e)
        e = settle(t, fail);
    drop(t);
    return e;
}

/* By device and number, so that a chain goes as one. */
static int
by_chain(const void *a, const void *b)
{
    char *x, *y;
    unsigned long device[2] = {strtoul(*(char *const *)a, &x, 10),
                               strtoul(*(char *const *)b, &y, 10)};
    if (device[0] != device[1])
        return device[0] < device[1] ? -1 : 1;
    unsigned long seq[2] = {strtoul(x + (*x == '-'), NULL, 10),
                            strtoul(y + (*y == '-'), NULL, 10)};
    return (seq[0] > seq[1]) - (seq[0] < seq[1]);
}

/* Every set of the folder that is due when its turn comes. */
static enum gb_err
pass(struct attempt *t, struct gb_fail *fail)
{
    struct gb_names names = {0};
    enum gb_err e = list(t->o->path, &names, fail);
    t->moved = false;
    if (names.count)
        qsort(names.list, names.count, sizeof *names.list, by_chain);
    for (size_t i = 0; i < names.count && !e; i++) {
        bool yes;
        e = due(t, names.list[i], &yes, fail);
        if (!e && yes)
            e = add(t, names.list[i], fail);
        if (!e && t->n == ROUND_SETS)
            e = commit_added(t, fail);
    }
    if (!e)
        e = commit_added(t, fail);
    t->told = true;
    drop(t);
    gb_names_release(&names);
    return e;
}

enum gb_err
gb_waiting_retry(struct gb_office *o, unsigned *taken, struct gb_fail *fail)
{
    struct attempt t = {.o = o,
                        .who = calloc(ROUND_SETS, sizeof *t.who),
                        .sets = calloc(ROUND_SETS, sizeof *t.sets),
                        .taken = taken,
                        .moved = true};
    enum gb_err e = GB_OK;
    if (!t.who || !t.sets)
        e = gb_fail_memory(fail);
    while (!e && t.moved)
        e = pass(&t, fail);
    free(t.who);
    free(t.sets);
    return e;
}
