/* hub_ledger.c - hub/ledger.h: batches, reading, crashes; with stock git and
 * ssh-keygen as judges. */
#include "hub_ledger_fixture.h"

#include <signal.h>
#include <sys/stat.h>

#include "support/alloc.h"

/* ------------------------------------------------------------ making -- */

static void
an_empty_ledger(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_tip tip;
    struct gb_ledger_log log;
    struct gb_buf b;
    assert_int_equal(gb_ledger_init(w->path, &fail), GB_E_EXISTS);
    assert_int_equal(gb_ledger_tip(w->l, &tip, &fail), GB_E_MISSING);
    must(gb_ledger_log(w->l, NULL, &log, &fail), &fail);
    assert_int_equal(log.count, 0);
    gb_ledger_log_release(&log);
    gb_buf_init(&b, 100);
    assert_int_equal(gb_ledger_read(w->l, "x", &b, &fail), GB_E_MISSING);
    assert_int_equal(gb_ledger_publish(w->l, &fail), GB_E_STATE);
    must(gb_ledger_consolidate(w->l, 0, &fail), &fail);
    gb_ledger_discard(w->l);
    assert_int_equal(sh(w, "git symbolic-ref HEAD; git config gpg.format; "
                           "git rev-parse --is-bare-repository"),
                     0);
    assert_string_equal(slurp(w, "out"), "refs/heads/main\nssh\ntrue\n");
}

static void
what_cannot_be_opened(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    char path[300];
    assert_int_equal(gb_ledger_open(&l, w->dir, GB_LEDGER_READ, &fail),
                     GB_E_MISSING);
    assert_null(l);
    snprintf(path, sizeof path, "%s/no/such/place", w->dir);
    assert_int_equal(gb_ledger_open(&l, path, GB_LEDGER_WRITE, &fail),
                     GB_E_MISSING);
    assert_int_equal(gb_ledger_init(path, &fail), GB_E_IO);
    gb_ledger_close(NULL);
}

/* ------------------------------------------------------- stock tools -- */

/* signers/ledger and signers/changesets, by the same key for once: the test
 * reads them as two files, as a verifier does. */
static void
write_signers(struct world *w)
{
    static const char *const roles[][2] = {{"ledger", GB_NS_GIT},
                                           {"changesets", GB_NS_CHANGESET}};
    for (size_t i = 0; i < 2; i++) {
        struct gb_fail fail = {0};
        struct gb_buf b;
        struct gb_signer s = {.principal = "ledger@gengbu",
                              .ns = roles[i][1],
                              .after_s = NOON - 60,
                              .before_s = NOON + 86400,
                              .key = w->key.public_key};
        gb_buf_init(&b, 1000);
        must(gb_signer_write(&b, &s, &fail), &fail);
        put(w, roles[i][0], gb_buf_view(&b));
        gb_buf_release(&b);
    }
}

static void
stock_git_verifies(void **state)
{
    struct world *w = *state;
    for (size_t i = 1; i <= 3; i++)
        commit_batch(w, i);
    write_signers(w);
    fsck(w);
    for (int back = 0; back < 3; back++)
        if (sh(w,
               "git -c gpg.ssh.allowedSignersFile=ledger verify-commit "
               "main~%d",
               back))
            fail_msg("%s", slurp(w, "out"));
    assert_int_equal(sh(w, "git -c gpg.ssh.allowedSignersFile=ledger log "
                           "--show-signature"),
                     0);
    const char *log = slurp(w, "out");
    size_t good = 0;
    for (const char *at = log; (at = strstr(at, "Good \"git\" sig")); at++)
        good++;
    assert_int_equal(good, 3);
    assert_non_null(strstr(log, "Gengbu hub 锦绣花园 <ledger@gengbu>"));
    assert_non_null(strstr(log, "Date:   Mon Nov 23 14:00:00 2026 +0000"));
    /* Another role's file does not do. */
    assert_int_not_equal(sh(w, "git -c gpg.ssh.allowedSignersFile=changesets "
                               "verify-commit main"),
                         0);
    assert_int_equal(sh(w, "git show main:.gitattributes"), 0);
    assert_string_equal(slurp(w, "out"), GB_LEDGER_ATTRIBUTES);
}

static void
ssh_keygen_verifies_a_set(void **state)
{
    struct world *w = *state;
    commit_batch(w, 2);
    write_signers(w);
    static const char verify[] =
        "p=2026/11/23/000000002-7-31.gbcs\n"
        "git show main:$p.sig >sig && git show main:$p >set && %s\n"
        "ssh-keygen -Y verify -f changesets -I ledger@gengbu "
        "-n changeset@gengbu -s sig -O verify-time=20261123120000Z <set";
    int (*volatile run)(const struct world *, const char *, ...) = sh;
    assert_int_equal(run(w, verify, "true"), 0);
    assert_int_not_equal(run(w, verify, "echo >>set"), 0);
    /* A clone gives every byte back, whatever autocrlf says. */
    assert_int_equal(sh(w, "unset GIT_DIR; git -c core.autocrlf=true clone -q "
                           "ledger.git copy && git -C ledger.git show "
                           "main:2026/11/23/000000001-7-31.gbcs.sig | "
                           "cmp - copy/2026/11/23/000000001-7-31.gbcs.sig"),
                     0);
}

/* ------------------------------------------------------------ commit -- */

static void
nothing_is_seen_before_publish(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *reader;
    struct gb_ledger_tip tip;
    struct made_batch m;
    struct gb_oid commit, last;
    struct gb_buf b;

    commit_batch(w, 1);
    last = w->tip;
    must(gb_ledger_open(&reader, w->path, GB_LEDGER_READ, &fail), &fail);
    make_batch(w, &m, 2);
    must(gb_ledger_prepare(w->l, &m.batch, &commit, &fail), &fail);
    struct gb_ledger *both[] = {w->l, reader};
    gb_buf_init(&b, 1000);
    for (size_t i = 0; i < 2; i++) {
        must(gb_ledger_tip(both[i], &tip, &fail), &fail);
        assert_memory_equal(&tip.oid, &last, sizeof last);
        assert_int_equal(gb_ledger_read(both[i], m.paths[0], &b, &fail),
                         GB_E_MISSING);
    }
    assert_int_equal(sh(w, "test $(git rev-list --all --count) = 1"), 0);

    must(gb_ledger_publish(w->l, &fail), &fail);
    assert_int_equal(gb_ledger_publish(w->l, &fail), GB_E_STATE);
    for (size_t i = 0; i < 2; i++) {
        must(gb_ledger_tip(both[i], &tip, &fail), &fail);
        assert_memory_equal(&tip.oid, &commit, sizeof commit);
        assert_int_equal(tip.time_s, w->time_s);
        gb_buf_clear(&b);
        must(gb_ledger_read(both[i], m.paths[0], &b, &fail), &fail);
        assert_true(gb_span_equal(gb_buf_view(&b), m.files[0].bytes));
    }
    gb_buf_release(&b);
    drop_batch(&m);
    gb_ledger_close(reader);
}

static void
a_discarded_batch_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct made_batch m;
    struct gb_oid first, again;
    commit_batch(w, 1);
    make_batch(w, &m, 2);
    must(gb_ledger_prepare(w->l, &m.batch, &first, &fail), &fail);
    assert_int_equal(packs(w), 2);
    assert_int_equal(gb_ledger_consolidate(w->l, 0, &fail), GB_E_STATE);
    gb_ledger_discard(w->l);
    assert_int_equal(packs(w), 1);
    /* The same batch again, then another one in its place, then closing. */
    must(gb_ledger_prepare(w->l, &m.batch, &again, &fail), &fail);
    assert_memory_equal(&first, &again, sizeof first);
    m.batch.time_s++;
    must(gb_ledger_prepare(w->l, &m.batch, &again, &fail), &fail);
    assert_memory_not_equal(&first, &again, sizeof first);
    assert_int_equal(packs(w), 2);
    reopen(w);
    assert_int_equal(packs(w), 1);
    assert_int_equal(gb_ledger_publish(w->l, &fail), GB_E_STATE);
    must(gb_ledger_prepare(w->l, &m.batch, &again, &fail), &fail);
    must(gb_ledger_publish(w->l, &fail), &fail);
    reopen(w);
    w->position += 2;
    nothing_lost(w, w->l, 2);
    drop_batch(&m);
}

static void
a_moved_tip_is_not_overwritten(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct made_batch m;
    struct gb_oid commit;
    commit_batch(w, 1);
    commit_batch(w, 1);
    make_batch(w, &m, 1);
    must(gb_ledger_prepare(w->l, &m.batch, &commit, &fail), &fail);
    assert_int_equal(sh(w, "git update-ref refs/heads/main main~1"), 0);
    assert_int_equal(gb_ledger_publish(w->l, &fail), GB_E_BUSY);
    assert_int_equal(sh(w, "git rev-list --count main | grep -qx 1"), 0);
    drop_batch(&m);
}

/* Paths, sites and messages that cannot stand in a ledger. */
static void
bad_words_are_refused(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_oid commit;
    char deep[GB_LEDGER_PATH_MAX + 2];
    memset(deep, 'a', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    const char *paths[] = {"",
                           "/a",
                           "a/",
                           "a//b",
                           ".",
                           "..",
                           "a/../b",
                           ".git",
                           "a b",
                           ".gitx",
                           "a\nb",
                           "a/.hidden",
                           "\xff",
                           "a\\b",
                           "a:b",
                           deep,
                           "x/y",
                           "x",
                           "a~1",
                           "1/2/3/4/5/6/7/8/9",
                           ".gitattributes"};
    struct gb_ledger_file files[2] = {{.path = "x"}};
    struct gb_ledger_batch batch = {.files = files,
                                    .count = 2,
                                    .site = "s",
                                    .message = "m\n",
                                    .time_s = NOON,
                                    .key = &w->key};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        files[1].path = paths[i];
        if (gb_ledger_prepare(w->l, &batch, &commit, &fail) != GB_E_VALUE)
            fail_msg("'%s' was not refused", paths[i]);
    }
    batch.count = 1;
    static const char *const sites[] = {"",     "a<b",  "a>",
                                        "a\nb", "\xff", "\x7f"};
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        batch.site = sites[i];
        assert_int_equal(gb_ledger_prepare(w->l, &batch, &commit, &fail),
                         GB_E_VALUE);
    }
    batch.site = "s";
    static const char *const messages[] = {"", "no line feed", "\xff\n"};
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        batch.message = messages[i];
        assert_int_equal(gb_ledger_prepare(w->l, &batch, &commit, &fail),
                         GB_E_VALUE);
    }
    batch.message = "m\n";
    must(gb_ledger_prepare(w->l, &batch, &commit, &fail), &fail);
    must(gb_ledger_publish(w->l, &fail), &fail);
    assert_int_equal(packs(w), 1);
    /* Against what is there already. */
    files[0].path = "x/y";
    assert_int_equal(gb_ledger_prepare(w->l, &batch, &commit, &fail),
                     GB_E_VALUE);
    fsck(w);
}

struct sweep {
    struct world *w;
    struct made_batch *m;
};

static enum gb_err
prepare_and_discard(void *arg, struct gb_fail *fail)
{
    struct sweep *s = arg;
    struct gb_oid commit;
    enum gb_err err = gb_ledger_prepare(s->w->l, &s->m->batch, &commit, fail);
    gb_ledger_discard(s->w->l);
    return err;
}

static void
memory_may_run_out(void **state)
{
    struct world *w = *state;
    struct made_batch m;
    commit_batch(w, 1);
    make_batch(w, &m, 2);
    struct sweep s = {w, &m};
    alloc_sweep(prepare_and_discard, &s);
    drop_batch(&m);
    assert_int_equal(packs(w), 1);
    commit_batch(w, 2);
    nothing_lost(w, w->l, 2);
}

/* ----------------------------------------------------------- crashes -- */

/* A process that dies with a batch prepared. */
static void
die_prepared(struct world *w, const struct gb_ledger_batch *batch)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct gb_fail fail = {0};
        struct gb_ledger *l;
        struct gb_oid commit;
        if (gb_ledger_open(&l, w->path, GB_LEDGER_WRITE, &fail) == GB_OK &&
            gb_ledger_prepare(l, batch, &commit, &fail) == GB_OK)
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
killed_before_publish(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_tip tip;
    struct made_batch m;

    /* In an empty ledger nothing is left, not even a pack. */
    for (size_t i = 0; i < 2; i++) {
        make_batch(w, &m, 1 + i);
        die_prepared(w, &m.batch);
        drop_batch(&m);
    }
    reopen(w);
    assert_int_equal(packs(w), 2);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    assert_int_equal(packs(w), 0);
    /* Before the first commit, and between two. */
    for (size_t round = 0; round < 2; round++) {
        make_batch(w, &m, 3);
        die_prepared(w, &m.batch);
        m.batch.time_s++; /* another commit with the same sets */
        die_prepared(w, &m.batch);
        drop_batch(&m);
        reopen(w);
        assert_int_equal(gb_ledger_tip(w->l, &tip, &fail),
                         round ? GB_OK : GB_E_MISSING);
        w->time_s += 60;
        commit_batch(w, 3); /* the sets come again */
        assert_int_equal(packs(w), 3 * (round + 1));
    }
    nothing_lost(w, w->l, 2);
    /* The strays go, and what the ledger has does not lean on them. */
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    assert_int_equal(packs(w), 1);
    reopen(w);
    nothing_lost(w, w->l, 2);
    assert_int_equal(sh(w, "git fsck --strict --unreachable"), 0);
    assert_string_equal(slurp(w, "out"), "");
    /* Behind the tip. */
    for (size_t i = 0; i < 2; i++, w->time_s++) {
        make_batch(w, &m, 2);
        die_prepared(w, &m.batch);
        drop_batch(&m);
    }
    reopen(w);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    assert_int_equal(packs(w), 1);
    /* The very same commit that was prepared by the dead. */
    make_batch(w, &m, 2);
    die_prepared(w, &m.batch);
    drop_batch(&m);
    commit_batch(w, 2);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    nothing_lost(w, w->l, 3);
    fsck(w);
}

/* A reader leaves alone what a writer removes. */
static void
leftovers_are_removed_by_a_writer(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *reader;
    static const char *const names[] = {"HEAD.lock",
                                        "config.lock",
                                        "packed-refs.lock",
                                        "refs/heads/main.lock",
                                        "objects/pack/pack_git2_a1b2c3",
                                        "objects/pack/tmp_pack_xyz",
                                        "objects/pack/.tmp-1-pack-x.pack",
                                        "objects/pack/tmp_merge",
                                        "objects/pack/.tmp_merge.tmp-77",
                                        "objects/pack/.pack-1.idx.tmp-77",
                                        "objects/pack/pack-0123.idx",
                                        "objects/pack/pack-0123.idx.lock"};
    size_t n = sizeof names / sizeof *names;
    commit_batch(w, 1);
    gb_ledger_close(w->l);
    w->l = NULL;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sh(w, "echo x >ledger.git/%s", names[i]), 0);
    must(gb_ledger_open(&reader, w->path, GB_LEDGER_READ, &fail), &fail);
    nothing_lost(w, reader, 1);
    gb_ledger_close(reader);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sh(w, "test -e ledger.git/%s", names[i]), 0);
    reopen(w);
    for (size_t i = 0; i < n; i++)
        if (!sh(w, "test -e ledger.git/%s", names[i]))
            fail_msg("%s is still there", names[i]);
    commit_batch(w, 1);
    nothing_lost(w, w->l, 2);
    fsck(w);
}

/* ----------------------------------------------------------- reading -- */

struct changes {
    char text[2000];
    struct gb_ledger *l;
};

static enum gb_err
note_change(void *ctx, const struct gb_ledger_change *c, struct gb_fail *fail)
{
    struct changes *out = ctx;
    struct gb_buf b;
    size_t at = strlen(out->text);
    snprintf(out->text + at, sizeof out->text - at, "%c %s %zu\n", c->kind,
             c->path, c->bytes.len);
    gb_buf_init(&b, 1000);
    if (c->kind != 'D') {
        must(gb_ledger_blob(out->l, &c->oid, &b, fail), fail);
        assert_true(gb_span_equal(gb_buf_view(&b), c->bytes));
    }
    gb_buf_release(&b);
    return GB_OK;
}

static void
changes_of_commits(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_file files[] = {
        {.path = "schema/巡更.sql", .bytes = gb_span_text("one")},
        {.path = "a/b/c", .bytes = gb_span_text("")},
        {.path = "a-b", .bytes = gb_span_text("x")},
        {.path = "a.b", .bytes = gb_span_text("xy")},
    };
    struct gb_ledger_batch batch = {.files = files,
                                    .count = 4,
                                    .site = "s",
                                    .message = "m\n",
                                    .time_s = 0,
                                    .key = &w->key};
    struct gb_oid commits[3];
    struct changes seen = {.l = w->l};
    for (size_t i = 0; i < 2; i++) {
        must(gb_ledger_prepare(w->l, &batch, &commits[i], &fail), &fail);
        must(gb_ledger_publish(w->l, &fail), &fail);
        files[0].bytes = gb_span_text("three");
        files[1].path = "a/b/d";
    }
    must(gb_ledger_changes(w->l, &commits[0], note_change, &seen, &fail),
         &fail);
    assert_string_equal(seen.text, "A .gitattributes 8\nA a-b 1\nA a.b 2\n"
                                   "A a/b/c 0\nA schema/巡更.sql 3\n");
    seen.text[0] = 0;
    must(gb_ledger_changes(w->l, &commits[1], note_change, &seen, &fail),
         &fail);
    assert_string_equal(seen.text, "A a/b/d 0\nM schema/巡更.sql 5\n");

    /* What no hub does is seen too. */
    assert_int_equal(sh(w, "export GIT_INDEX_FILE=$PWD/index "
                           "GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x "
                           "GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x; "
                           "git read-tree main && git rm -q --cached -r a && "
                           "git update-ref refs/heads/main $(git commit-tree "
                           "-p main -m gone $(git write-tree))"),
                     0);
    struct gb_ledger_log log;
    must(gb_ledger_log(w->l, &commits[1], &log, &fail), &fail);
    assert_int_equal(log.count, 1);
    seen.text[0] = 0;
    must(gb_ledger_changes(w->l, &log.commits[0], note_change, &seen, &fail),
         &fail);
    assert_string_equal(seen.text, "D a/b/c 0\nD a/b/d 0\n");
    gb_ledger_log_release(&log);
}

static void
reading_the_past(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_oid commits[4];
    struct gb_ledger_log log;
    struct gb_buf b;
    char body[64];
    const char *path = "2026/11/23/000000002-7-31.gbcs";
    for (size_t i = 0; i < 4; i++) {
        commit_batch(w, 1);
        commits[i] = w->tip;
    }
    must(gb_ledger_log(w->l, NULL, &log, &fail), &fail);
    assert_int_equal(log.count, 4);
    assert_memory_equal(log.commits, commits, sizeof commits);
    gb_ledger_log_release(&log);
    must(gb_ledger_log(w->l, &commits[1], &log, &fail), &fail);
    assert_int_equal(log.count, 2);
    assert_memory_equal(log.commits, commits + 2, sizeof *commits);
    gb_ledger_log_release(&log);
    must(gb_ledger_log(w->l, &commits[3], &log, &fail), &fail);
    assert_int_equal(log.count, 0);
    gb_ledger_log_release(&log);
    struct gb_oid strange = {{1, 2, 3}};
    assert_int_equal(gb_ledger_log(w->l, &strange, &log, &fail), GB_E_HISTORY);

    gb_buf_init(&b, 1000);
    assert_int_equal(gb_ledger_read_at(w->l, &commits[0], path, &b, &fail),
                     GB_E_MISSING);
    assert_int_equal(gb_ledger_read(w->l, "2026/11/23", &b, &fail),
                     GB_E_MISSING);
    assert_int_equal(gb_ledger_read(w->l, "", &b, &fail), GB_E_MISSING);
    assert_int_equal(gb_ledger_read_at(w->l, &strange, path, &b, &fail),
                     GB_E_LEDGER);
    assert_int_equal(gb_ledger_blob(w->l, &commits[0], &b, &fail), GB_E_LEDGER);
    must(gb_ledger_read_at(w->l, &commits[1], path, &b, &fail), &fail);
    set_body(body, 2);
    assert_true(gb_span_equal(gb_buf_view(&b), gb_span_text(body)));
    gb_buf_release(&b);
}

static void
a_commit_and_its_signature(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_commit c;
    struct gb_ledger_message message;
    struct gb_sshsig sig;
    struct gb_oid first;
    commit_batch(w, 2);
    first = w->tip;
    commit_batch(w, 3);
    must(gb_ledger_commit_read(w->l, &w->tip, &c, &fail), &fail);
    assert_false(c.root);
    assert_memory_equal(&c.parent, &first, sizeof first);
    assert_int_equal(c.time_s, NOON + 3600);
    assert_true(gb_span_equal(c.site, gb_span_text("锦绣花园")));
    must(gb_ledger_message_read(&message, c.message, &fail), &fail);
    assert_int_equal(message.first, 3);
    assert_int_equal(message.head.size, 5);
    must(gb_sshsig_parse_header(&sig, c.signature, &fail), &fail);
    struct gb_sha512 hash = gb_sha512(c.payload);
    must(gb_sshsig_check(&sig, &w->key.public_key, GB_NS_GIT, &hash, &fail),
         &fail);
    gb_ledger_commit_release(&c);
    must(gb_ledger_commit_read(w->l, &first, &c, &fail), &fail);
    assert_true(c.root);
    gb_ledger_commit_release(&c);
}

/* Commits that git would take, made from a good one with sed. */
static void
only_our_form_of_commit(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *sed;
        enum gb_err expected;
    } cases[] = {
        {"", GB_OK},
        {"/^gpgsig/,/END/d", GB_OK}, /* unsigned: for the caller to judge */
        {"s/^committer .*> [0-9]*/&1/", GB_E_LEDGER},
        {"s/^author Gengbu/author gengbu/", GB_E_LEDGER},
        {"s/+0000$/+0800/", GB_E_LEDGER},
        {"s/^\\(parent .*\\)$/\\1\\n\\1/", GB_E_LEDGER},
        {"s/^gpgsig /encoding UTF-8\\n&/", GB_E_LEDGER},
        {"s/^gpgsig /gpgsig-sha256 /", GB_E_LEDGER},
        {"s/^gpgsig /gpgsig x\\n&/", GB_E_LEDGER},
        {"s/^gpgsig /x-note 1\\n&/", GB_E_LEDGER},
        {"s/ [0-9]* +0000$/ 01 +0000/", GB_E_LEDGER},
        {"s/ledger@gengbu/root@localhost/", GB_E_LEDGER},
    };
    commit_batch(w, 1);
    commit_batch(w, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_fail fail = {0};
        struct gb_ledger_commit c;
        struct gb_oid oid;
        assert_int_equal(sh(w,
                            "git cat-file commit main | sed '%s' | git "
                            "hash-object -t commit -w --literally --stdin",
                            cases[i].sed),
                         0);
        const char *hex = slurp(w, "out");
        assert_true(gb_hex_decode(oid.bytes, GB_OID_BYTES, GB_SPAN(hex, 40)));
        enum gb_err err = gb_ledger_commit_read(w->l, &oid, &c, &fail);
        if (err != cases[i].expected)
            fail_msg("'%s' gave %s", cases[i].sed, gb_err_name(err));
        gb_ledger_commit_release(&c);
    }
}

/* Folders that hold what no hub writes. */
static void
only_plain_files_and_folders(void **state)
{
    struct world *w = *state;
    static const char *const entries[] = {
        "100755 blob $b\\tx",  "120000 blob $b\\tx",    "160000 commit $c\\tx",
        "100644 blob $b\\t a", "100644 blob $b\\t.git", "100644 blob $b\\ta:b"};
    commit_batch(w, 1);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct gb_fail fail = {0};
        struct gb_oid oid;
        size_t n = 0;
        assert_int_equal(
            sh(w,
               "export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x "
               "GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x\n"
               "b=$(git rev-parse main:.gitattributes) "
               "c=$(git rev-parse main)\n"
               "t=$(printf \"%s\\n\" | git mktree --missing) || exit 1\n"
               "git commit-tree -p main -m m $t",
               entries[i]),
            0);
        const char *hex = slurp(w, "out");
        assert_true(gb_hex_decode(oid.bytes, GB_OID_BYTES, GB_SPAN(hex, 40)));
        enum gb_err err =
            gb_ledger_changes(w->l, &oid, count_change, &n, &fail);
        if (err != GB_E_LEDGER)
            fail_msg("'%s' gave %s", entries[i], gb_err_name(err));
    }
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_empty_ledger),
        T(what_cannot_be_opened),
        T(stock_git_verifies),
        T(ssh_keygen_verifies_a_set),
        T(nothing_is_seen_before_publish),
        T(a_discarded_batch_leaves_nothing),
        T(a_moved_tip_is_not_overwritten),
        T(bad_words_are_refused),
        T(memory_may_run_out),
        T(killed_before_publish),
        T(leftovers_are_removed_by_a_writer),
        T(changes_of_commits),
        T(reading_the_past),
        T(a_commit_and_its_signature),
        T(only_our_form_of_commit),
        T(only_plain_files_and_folders),
    };
    return cmocka_run_group_tests_name("hub_ledger", tests, NULL, NULL);
}
