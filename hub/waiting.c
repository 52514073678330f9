/* waiting.c - see waiting.h */
#include "hub/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/quarantine.h"

#define ROUND_SETS 64 /* tried in one batch; each is at most 1 MiB */
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
    enum gb_err e = gb_file_list(path, out, fail);
    size_t n = 0;
    for (size_t i = 0; i < out->count; i++) {
        size_t len = strlen(out->list[i]);
        if (len > 5 && len < 60 && !strcmp(out->list[i] + len - 5, SUFFIX)) {
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

/* ----------------------------------------------------------- trying again --
 */

/* A set that is tried. */
struct waiter {
    const char *stem;
    struct gb_buf bytes;
};

struct attempt {
    struct gb_office *o;
    struct waiter *who;
    struct gb_arriving *sets;
    size_t n;
};

/* Its chain has come as far as the set before it (or beyond: a fork). */
static enum gb_err
due(struct gb_office *o, const char *stem, bool *yes, struct gb_fail *fail)
{
    int device;
    unsigned seq;
    struct gb_device d;
    bool found;
    *yes = false;
    if (sscanf(stem, "%d-%u-", &device, &seq) != 2)
        return GB_OK;
    enum gb_err e = gb_state_device(o->state, device, &d, &found, fail);
    *yes = !e && found && seq > 0 && d.seq >= seq - 1;
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
    if (!e)
        e = gb_container_split(gb_buf_view(&w->bytes), &a->parts, &why);
    if (!e)
        e = gb_office_verify(t->o->state, t->o->site, a, &why);
    if (!e) {
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
settle(struct attempt *t, unsigned *taken, bool *moved, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < t->n && !e; i++) {
        const struct gb_arriving *a = &t->sets[i];
        if (a->outcome == GB_WAITING)
            continue;
        if (a->outcome == GB_REFUSED)
            gb_quarantine_keep(t->o->path, gb_buf_view(&t->who[i].bytes), 0,
                               &a->fail);
        *taken += a->outcome == GB_TAKEN;
        *moved = true;
        e = forget(t->o, t->who[i].stem, fail);
    }
    return e;
}

/* One batch of those that are due; *moved when any left the folder. */
static enum gb_err
round_of(struct attempt *t, unsigned *taken, bool *moved, struct gb_fail *fail)
{
    struct gb_names names = {0};
    enum gb_err e = list(t->o->path, &names, fail);
    t->n = 0;
    *moved = false;
    for (size_t i = 0; i < names.count && t->n < ROUND_SETS && !e; i++) {
        bool yes;
        e = due(t->o, names.list[i], &yes, fail);
        if (!e && yes)
            e = add(t, names.list[i], fail);
    }
    if (!e && t->n)
        e = gb_office_commit(t->o, t->sets, t->n, fail);
    if (!e && t->n)
        e = settle(t, taken, moved, fail);
    for (size_t i = 0; i < t->n; i++)
        gb_buf_release(&t->who[i].bytes);
    gb_names_release(&names);
    return e;
}

enum gb_err
gb_waiting_retry(struct gb_office *o, unsigned *taken, struct gb_fail *fail)
{
    struct attempt t = {.o = o,
                        .who = calloc(ROUND_SETS, sizeof *t.who),
                        .sets = calloc(ROUND_SETS, sizeof *t.sets)};
    bool moved = true;
    enum gb_err e = GB_OK;
    if (!t.who || !t.sets)
        e = gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
    while (!e && moved)
        e = round_of(&t, taken, &moved, fail);
    free(t.who);
    free(t.sets);
    return e;
}
