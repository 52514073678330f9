/*
 * hub_ledger_forms.c - objects that no hub writes, though git may take them:
 * each has one form, and every other is GB_E_LEDGER when it is read.
 */
#include "hub_ledger_fixture.h"

#include "hub/audit_private.h"

/* The id of an object that a shell command wrote. */
static struct gb_oid
made_by(struct world *w, const char *command)
{
    struct gb_oid oid = {0};
    int status =
        sh(w,
           "export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x "
           "GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x\n"
           "b=$(git rev-parse main:.gitattributes)\n"
           "write() { git hash-object -t $1 -w --literally --stdin; }\n"
           "%s",
           command);
    const char *hex = slurp(w, "out");
    if (status || !gb_hex_decode(oid.bytes, GB_OID_BYTES, GB_SPAN(hex, 40)))
        fail_msg("%s: %s", command, hex);
    return oid;
}

/* ------------------------------------------------------------- commits -- */

/* What is done to a good commit, before it is written again. */
static const char *const commits[] = {
    "sed 's/^tree ./tree x/'",
    "sed 's/^tree /tres /'",
    "sed 's/^parent ./parent x/'",
    "sed 's/^parent .*/parent /'",
    "sed 's/^committer /committor /'",
    "sed 's/> [0-9]* /> 1234567890123456789 /'",
    "sed 's/> [0-9]* +0000$/> 5/'",
    "sed 's/> [0-9]* +0000$/>/'",
    "sed 's/> [0-9]* +0000$/> :5 +0000/'",
    "sed 's/ <ledger@gengbu>/\\xff&/'",
    "sed '1q'",
    "sed '/^$/,$d'",
    "sed '1i x-first 1'",
    "sed '1i \\ x'",
    "head -c 30",
    "head -c 45",
    "sed -n '1p;$p'",
    "printf '\\n\\n'",
    "printf 'x'",
    "printf ''",
    "sed '/^gpgsig/,/END/d; s/^tree.*/&\\n/'",
};

static void
commits_have_one_form(void **state)
{
    struct world *w = *state;
    commit_batch(w, 1);
    commit_batch(w, 1);
    for (size_t i = 0; i < sizeof commits / sizeof *commits; i++) {
        struct gb_fail fail = {0};
        struct gb_ledger_commit c;
        char command[200];
        size_t n = 0;
        snprintf(command, sizeof command,
                 "git cat-file commit main | (%s; cat >/dev/null) | "
                 "write commit",
                 commits[i]);
        struct gb_oid oid = made_by(w, command);
        enum gb_err err = gb_ledger_commit_read(w->l, &oid, &c, &fail);
        if (err != GB_E_LEDGER)
            fail_msg("%s gave %s", commits[i], gb_err_name(err));
        gb_ledger_commit_release(&c);
        /* what is read of a commit alone is no less sure of it */
        err = gb_ledger_changes(w->l, &oid, count_change, &n, &fail);
        assert_true(err == GB_OK || err == GB_E_LEDGER);
    }
}

/* ------------------------------------------------------------- folders -- */

#define OID "aaaaaaaaaaaaaaaaaaaa"

static const char *const trees[] = {
    "printf 1 | write tree",
    "printf 100644 | write tree",
    "printf '100644 a' | write tree",
    "printf '40000 ' | write tree",
    "printf '100644 a\\0short' | write tree",
    "printf '100644 \\0" OID "' | write tree",
    "printf '100645 a\\0" OID "' | write tree",
    "printf '100644 b\\0" OID "100644 a\\0" OID "' | write tree",
    "printf '100644 a\\0" OID "100644 a\\0" OID "' | write tree",
    "printf '100644 a\\0" OID "40000 a\\0" OID "' | write tree",
    "printf '100644 a\\0" OID "100644 b' | write tree",
    "printf '100644 %050d\\0" OID "1' 7 | write tree",
    "printf '100644 %050d\\0" OID "100644 b' 7 | write tree",
    "printf '100644 %050d\\0" OID "100644 b\\0short' 7 | write tree",
    "printf '40000 .x\\0" OID "' | write tree",
    "printf '100644 a/b\\0" OID "' | write tree",
    "printf '100644 a~\\0" OID "' | write tree",
    "printf '100644 a@\\0" OID "' | write tree",
    "printf '100644 a[\\0" OID "' | write tree",
    "printf '100644 a`\\0" OID "' | write tree",
    "printf '100644 a:\\0" OID "' | write tree",
    "printf '100644 a\\377\\0" OID "' | write tree",
    "printf '100644 %0300d\\0" OID "' 7 | write tree",
    /* sound, but too deep or too long */
    "t=$(printf \"100644 blob $b\\tx\\n\" | git mktree)\n"
    "for i in 1 2 3 4 5 6 7 8 9; do\n"
    "t=$(printf \"040000 tree $t\\tx\\n\" | git mktree); done; echo $t",
    "t=$(printf \"100644 blob $b\\t%0200d\\n\" 7 | git mktree)\n"
    "printf \"040000 tree $t\\t%0100d\\n\" 7 | git mktree",
};

static void
folders_have_one_form(void **state)
{
    struct world *w = *state;
    commit_batch(w, 1);
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        struct gb_fail fail = {0};
        char command[600];
        size_t n = 0;
        snprintf(command, sizeof command,
                 "t=$(%s)\nprintf \"tree $t\\n\\nx\\n\" | write commit",
                 trees[i]);
        struct gb_oid oid = made_by(w, command);
        enum gb_err err =
            gb_ledger_changes(w->l, &oid, count_change, &n, &fail);
        if (err != GB_E_LEDGER)
            fail_msg("%s gave %s", trees[i], gb_err_name(err));
        assert_int_equal(n, 0);
    }
}

/* An object larger than any that a hub writes is not loaded. */
static void
objects_have_a_size(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_commit c;
    struct gb_buf b;
    commit_batch(w, 1);
    struct gb_oid large =
        made_by(w, "head -c 34000000 /dev/zero | git hash-object -w --stdin");
    gb_buf_init(&b, (size_t)64 << 20);
    assert_int_equal(gb_ledger_blob(w->l, &large, &b, &fail), GB_E_LIMIT);
    must(gb_ledger_verify_loose(w->l, &fail), &fail); /* nor looked at */
    gb_buf_release(&b);
    large = made_by(w, "(git cat-file commit main; head -c 70000 /dev/zero |"
                       " tr '\\0' x) | write commit");
    assert_int_equal(gb_ledger_commit_read(w->l, &large, &c, &fail),
                     GB_E_LIMIT);
}

/* ------------------------------------------------------------- batches -- */

/* What a caller may not put into a batch beside another's. */
static void
batches_have_bounds(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_oid commit;
    uint8_t *large = calloc(1, GB_LEDGER_FILE_MAX + 1);
    assert_non_null(large);
    commit_batch(w, 1);
    const struct {
        const char *path;
        size_t len;
        int64_t time_s;
        enum gb_err err;
    } rows[] = {{"a/b", 1, NOON, GB_OK},
                {"2026", 1, NOON, GB_E_VALUE},
                {".gitattributes/x", 1, NOON, GB_E_VALUE},
                {"a/b", 1, -1, GB_E_VALUE},
                {"a/b", GB_LEDGER_FILE_MAX + 1, NOON, GB_E_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_ledger_file file = {.path = rows[i].path,
                                      .bytes = GB_SPAN(large, rows[i].len)};
        struct gb_ledger_batch b = {.files = &file,
                                    .count = 1,
                                    .site = "site",
                                    .message = "batch\n",
                                    .time_s = rows[i].time_s,
                                    .key = &w->key};
        enum gb_err err = gb_ledger_prepare(w->l, &b, &commit, &fail);
        if (err != rows[i].err)
            fail_msg("%s: %s: %s", rows[i].path, gb_err_name(err), fail.text);
        gb_ledger_discard(w->l);
    }
    struct gb_ledger_batch none = {
        .site = "site", .message = "batch\n", .time_s = NOON, .key = &w->key};
    must(gb_ledger_prepare(w->l, &none, &commit, &fail), &fail);
    gb_ledger_discard(w->l);
    free(large);
}

/* ------------------------------------------------------------- opening -- */

/* Repositories that are none of ours, or lack a part. */
static void
not_every_repository(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *command, *name;
        enum gb_ledger_mode mode;
        enum gb_err err;
    } rows[] = {
        {"git clone -q --bare ledger.git x", "x", GB_LEDGER_READ, GB_OK},
        {"git clone -q ledger.git x", "x", GB_LEDGER_READ, GB_OK},
        {"git clone -q --bare --depth 1 file://$PWD/ledger.git x", "x",
         GB_LEDGER_READ, GB_E_MISSING},
        {"git clone -q --bare --shared ledger.git x", "x", GB_LEDGER_READ,
         GB_E_MISSING},
        {"mkdir x && mv ledger.git x && ln -s x/ledger.git ledger.git", "x",
         GB_LEDGER_READ, GB_E_MISSING},
        {"git clone -q --bare ledger.git x && echo 'ref: refs/heads/other' "
         ">x/refs/heads/main",
         "x", GB_LEDGER_WRITE, GB_E_LEDGER},
        {"git clone -q --bare ledger.git x && rm x/HEAD && mkdir x/HEAD", "x",
         GB_LEDGER_READ, GB_E_LEDGER},
        {"git clone -q --bare ledger.git x && touch "
         "x/objects/pack/multi-pack-index",
         "x", GB_LEDGER_READ, GB_E_MISSING},
        {"git clone -q --bare ledger.git x && touch "
         "x/objects/pack/multi-pack-index",
         "x", GB_LEDGER_WRITE, GB_OK},
        {"git clone -q --bare ledger.git x && mkdir "
         "x/objects/pack/multi-pack-index",
         "x", GB_LEDGER_WRITE, GB_E_IO},
        {"git clone -q --bare ledger.git x && rm -r x/objects/pack", "x",
         GB_LEDGER_READ, GB_E_MISSING},
        {"git clone -q --bare ledger.git x && rm -r x/objects/pack && "
         "touch x/objects/pack",
         "x", GB_LEDGER_WRITE, GB_E_IO},
        {"git clone -q --bare ledger.git x && rm -r x/objects/pack && "
         "touch x/objects/pack",
         "x", GB_LEDGER_READ, GB_E_IO},
    };
    commit_batch(w, 1);
    commit_batch(w, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_fail fail = {0};
        struct gb_ledger *l;
        char path[300];
        if (sh(w, "unset GIT_DIR; rm -rf x\n%s", rows[i].command))
            fail_msg("%s: %s", rows[i].command, slurp(w, "out"));
        snprintf(path, sizeof path, "%s/%s", w->dir, rows[i].name);
        enum gb_err err = gb_ledger_open(&l, path, rows[i].mode, &fail);
        if (err != rows[i].err)
            fail_msg("%s: %s: %s", rows[i].command, gb_err_name(err),
                     fail.text);
        gb_ledger_close(l);
        sh(w, "unset GIT_DIR; if test -L ledger.git; then rm ledger.git && "
              "mv x/ledger.git .; fi");
    }
}

/* What is not there, and a log whose last commit is no commit of ours. */
static void
logs_are_whole(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger_log log;
    struct gb_buf b;
    commit_batch(w, 1);
    gb_buf_init(&b, 1000);
    assert_int_equal(gb_ledger_read_at(w->l, &w->tip, "no/such", &b, &fail),
                     GB_E_MISSING);
    assert_int_equal(gb_ledger_read_at(w->l, &w->tip, "2026/no", &b, &fail),
                     GB_E_MISSING);
    gb_buf_release(&b);
    made_by(w, "c=$(git cat-file commit main | sed 's/^tree ./tree x/' | "
               "write commit)\necho $c >ledger.git/refs/heads/main; echo $c");
    assert_int_equal(gb_ledger_log(w->l, NULL, &log, &fail), GB_E_LEDGER);
}

/* --------------------------------------------------------------- paths -- */

/* A folder so deep that what is in it has no room for a name. */
static void
paths_have_ends(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    static char deep[GB_LEDGER_PATH_MAX * 20];
    size_t n = (size_t)snprintf(deep, sizeof deep, "%s", w->dir);
    while (n < 3550)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "/%0100d", 7);
    assert_int_equal(gb_ledger_open(&l, deep, GB_LEDGER_READ, &fail),
                     GB_E_USAGE);
    assert_int_equal(gb_ledger_small_packs(deep, &n, &fail), GB_E_USAGE);
    assert_int_equal(gb_ledger_open(&l, "", GB_LEDGER_READ, &fail), GB_E_USAGE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(commits_have_one_form), T(folders_have_one_form),
        T(objects_have_a_size),   T(batches_have_bounds),
        T(not_every_repository),  T(logs_are_whole),
        T(paths_have_ends),
    };
    return cmocka_run_group_tests_name("hub_ledger_forms", tests, NULL, NULL);
}
