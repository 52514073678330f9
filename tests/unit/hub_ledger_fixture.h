/*
 * hub_ledger_fixture.h - a ledger in a folder of its own, batches for it, and
 * the stock tools run on it.
 */
#ifndef GB_TEST_LEDGER_H
#define GB_TEST_LEDGER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "engine/sshsig.h"
#include "hub/ledger.h"
#include "hub/ledger_text.h"

#define NOON INT64_C(1795435200) /* 2026-11-23T12:00:00Z */
#define BATCH_MAX 8

struct world {
    char dir[200], path[220]; /* the ledger is dir/ledger.git */
    struct gb_sign_key key;
    struct gb_ledger *l;
    uint64_t position; /* sets so far */
    int64_t time_s;
    struct gb_oid tip;
};

/* The outcome must be GB_OK; else its words are shown. */
static inline void
must(enum gb_err err, const struct gb_fail *fail)
{
    if (err)
        fail_msg("%s: %s", gb_err_name(err), fail->text);
}

/* Run a shell command; its exit status.  What it says is in dir/out. */
static inline int __attribute__((format(printf, 2, 3)))
sh(const struct world *w, const char *format, ...)
{
    char command[2000];
    va_list args;
    int n = snprintf(command, sizeof command,
                     "cd '%s' && export HOME='%s' GIT_CONFIG_NOSYSTEM=1 "
                     "GIT_DIR='%s' && exec >out 2>&1\n",
                     w->dir, w->dir, w->path);
    va_start(args, format);
    vsnprintf(command + n, sizeof command - (size_t)n, format, args);
    va_end(args);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A file of the folder as text, at most 64 KiB of it. */
static inline const char *
slurp(const struct world *w, const char *name)
{
    static char text[65537];
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return text;
}

static inline void
put(const struct world *w, const char *name, struct gb_span bytes)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

/* Stock git finds nothing to complain about. */
static inline void
fsck(const struct world *w)
{
    int status = sh(w, "git fsck --strict --no-dangling");
    if (status || *slurp(w, "out"))
        fail_msg("git fsck: %d: %s", status, slurp(w, "out"));
}

static inline void
reopen(struct world *w)
{
    struct gb_fail fail = {0};
    gb_ledger_close(w->l);
    must(gb_ledger_open(&w->l, w->path, GB_LEDGER_WRITE, &fail), &fail);
}

static inline int
set_up(void **state)
{
    struct gb_fail fail = {0};
    static const uint8_t seed[GB_KEY_BYTES] = "the ledger's key of the tests";
    const char *tmp = getenv("TMPDIR");
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    must(gb_crypto_init(&fail), &fail);
    snprintf(w->dir, sizeof w->dir, "%s/ledger-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/ledger.git", w->dir);
    gb_sign_key_from_seed(&w->key, seed);
    w->time_s = NOON;
    must(gb_ledger_init(w->path, &fail), &fail);
    reopen(w);
    *state = w;
    return 0;
}

static inline int
tear_down(void **state)
{
    struct world *w = *state;
    gb_ledger_close(w->l);
    sh(w, "cd / && rm -rf '%s'", w->dir);
    free(w);
    return 0;
}

/* A batch of sets, as the hub makes them; bytes are told by position. */
struct made_batch {
    struct gb_ledger_file files[2 * BATCH_MAX + 1];
    char paths[2 * BATCH_MAX + 1][GB_LEDGER_NAME_MAX];
    char bodies[BATCH_MAX][64], lines[BATCH_MAX * 40], message[200];
    struct gb_buf sigs[BATCH_MAX];
    struct gb_ledger_batch batch;
};

static inline void
set_body(char out[64], uint64_t position)
{
    snprintf(out, 64, "signed bytes of the set at %llu, 巡更",
             (unsigned long long)position);
}

static inline void
name_file(struct made_batch *m, size_t i, enum gb_ledger_kind kind,
          uint64_t position, int64_t time_s, struct gb_span bytes)
{
    struct gb_ledger_name n = {
        .kind = kind, .position = position, .device = 7, .seq = 31};
    gb_ledger_name_write(m->paths[i], &n, time_s);
    m->files[i] = (struct gb_ledger_file){.path = m->paths[i], .bytes = bytes};
}

/* The next `sets` sets.  Release with drop_batch(). */
static inline void
make_batch(struct world *w, struct made_batch *m, size_t sets)
{
    struct gb_buf text;
    memset(m, 0, sizeof *m);
    assert_true(sets > 0 && sets <= BATCH_MAX);
    for (size_t i = 0; i < sets; i++) {
        uint64_t position = w->position + i + 1;
        set_body(m->bodies[i], position);
        struct gb_span body = gb_span_text(m->bodies[i]);
        struct gb_signature s = gb_sshsig_sign(&w->key, GB_NS_CHANGESET, body);
        gb_buf_init(&m->sigs[i], GB_SSHSIG_MAX);
        gb_sshsig_armor(&m->sigs[i], &w->key.public_key, GB_NS_CHANGESET, &s);
        name_file(m, 2 * i, GB_LEDGER_SET, position, w->time_s, body);
        name_file(m, 2 * i + 1, GB_LEDGER_SIGNATURE, position, w->time_s,
                  gb_buf_view(&m->sigs[i]));
        size_t at = strlen(m->lines);
        snprintf(m->lines + at, sizeof m->lines - at, "%llu 7 31 applied\n",
                 (unsigned long long)position);
    }
    name_file(m, 2 * sets, GB_LEDGER_BATCH, w->position + 1, w->time_s,
              gb_span_text(m->lines));
    struct gb_ledger_message message = {
        .first = w->position + 1,
        .head = {.epoch = 0, .size = w->position + sets}};
    gb_buf_init(&text, sizeof m->message - 1);
    gb_ledger_message_write(&text, &message);
    memcpy(m->message, text.ptr, text.len);
    gb_buf_release(&text);
    m->batch = (struct gb_ledger_batch){.files = m->files,
                                        .count = 2 * sets + 1,
                                        .site = "锦绣花园",
                                        .message = m->message,
                                        .time_s = w->time_s,
                                        .key = &w->key};
}

static inline void
drop_batch(struct made_batch *m)
{
    for (size_t i = 0; i < BATCH_MAX; i++)
        gb_buf_release(&m->sigs[i]);
}

/* Write the next batch; an hour goes by. */
static inline void
commit_batch(struct world *w, size_t sets)
{
    struct gb_fail fail = {0};
    struct made_batch m;
    make_batch(w, &m, sets);
    must(gb_ledger_prepare(w->l, &m.batch, &w->tip, &fail), &fail);
    must(gb_ledger_publish(w->l, &fail), &fail);
    drop_batch(&m);
    w->position += sets;
    w->time_s += 3600;
}

static inline size_t
packs(struct world *w)
{
    struct gb_fail fail = {0};
    size_t n;
    must(gb_ledger_packs(w->l, &n, &fail), &fail);
    return n;
}

/* Read everything of a ledger; the number of files that its commits added. */
static inline enum gb_err
count_change(void *ctx, const struct gb_ledger_change *c, struct gb_fail *fail)
{
    (void)c;
    (void)fail;
    ++*(size_t *)ctx;
    return GB_OK;
}

static inline enum gb_err
read_all(struct gb_ledger *l, size_t *files, struct gb_fail *fail)
{
    struct gb_ledger_log log;
    *files = 0;
    enum gb_err err = gb_ledger_log(l, NULL, &log, fail);
    for (size_t i = 0; !err && i < log.count; i++) {
        struct gb_ledger_commit c;
        err = gb_ledger_commit_read(l, &log.commits[i], &c, fail);
        gb_ledger_commit_release(&c);
        if (!err)
            err = gb_ledger_changes(l, &log.commits[i], count_change, files,
                                    fail);
    }
    gb_ledger_log_release(&log);
    return err;
}

/* As many files as the world's batches had. */
static inline void
nothing_lost(struct world *w, struct gb_ledger *l, size_t batches)
{
    struct gb_fail fail = {0};
    size_t files;
    must(read_all(l, &files, &fail), &fail);
    assert_int_equal(files, 1 + 2 * w->position + batches);
}

#endif
