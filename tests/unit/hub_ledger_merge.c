/* hub_ledger_merge.c - hub/git_splice.c and git_fold.c: what a merged pack
 * holds, what it costs, and merges that fail half way. */
#include "hub_ledger_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "hub/git_ledger.h"
#include "support/fault.h"
#include "support/io.h"

/* Every object is what its name says, by git and by the auditor's check. */
static void
whole(struct world *w)
{
    struct gb_fail fail = {0};
    assert_int_equal(sh(w, "git fsck --strict --unreachable"), 0);
    assert_string_equal(slurp(w, "out"), "");
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
}

/* Exit status of an awk program over what git says of each packed object:
 * name, type, length, packed length, place; of a difference also how many
 * others it leads over, and its base. */
static int
judge_packs(struct world *w, const char *program)
{
    return sh(w,
              "git verify-pack -v ledger.git/objects/pack/*.idx >list && "
              "awk '%s' list",
              program);
}

/* What it said, if it was not content. */
static void
judge(struct world *w, const char *program)
{
    if (judge_packs(w, program))
        fail_msg("%s: %s", program, slurp(w, "out"));
}

static void
merge_all(struct world *w)
{
    struct gb_fail fail = {0};
    struct gb_packs packs;
    const char *names[400];
    char made[GB_PACK_NAME_MAX];
    must(gb_packs_list(&packs, w->l, &fail), &fail);
    assert_true(packs.count <= 400);
    for (size_t i = 0; i < packs.count; i++)
        names[i] = packs.list[i].name;
    must(gb_pack_splice(w->l, names, packs.count, made, &fail), &fail);
    for (size_t i = 0; i < packs.count; i++)
        if (strcmp(names[i], made) != 0)
            gb_pack_remove(w->l, names[i]);
    gb_packs_release(&packs);
    reopen(w);
    assert_int_equal(gb_ledger_packs(w->l, &packs.count, &fail), GB_OK);
    assert_int_equal(packs.count, 1);
}

/* ------------------------------------------------------------ folding -- */

/* Many batches of one day: whatever merges when, the versions of its folder
 * take less room than one of them, and no chain is long. */
static void
a_day_stays_small(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    const size_t batches = 400;
    for (size_t i = 0; i < batches; i++) {
        w->time_s = NOON;
        commit_batch(w, 2);
        must(gb_ledger_consolidate(w->l, 10, &fail), &fail);
    }
    nothing_lost(w, w->l, batches);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    /* The last folder has 2,000 entries, of 60 bytes, and packs as 50 KB. */
    judge(w, "$2==\"tree\"{sum+=$4; large+=$4>1000} "
             "NF==7 && $6>most{most=$6} "
             "END{print sum, large, most; exit !(sum<250000 && large<8 && "
             "most<12)}");
    merge_all(w);
    judge(w, "$2==\"tree\"{large+=$4>1000} "
             "END{exit large!=1}");
    nothing_lost(w, w->l, batches);
    whole(w);
}

/* Folders that change in front, in the middle, behind, back again, and grow
 * beyond what one copy takes. */
static void
any_change_of_a_folder(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    static struct gb_ledger_file files[3000];
    static char paths[3000][32], last[32];
    struct gb_ledger_batch batch = {.files = files,
                                    .count = 3000,
                                    .site = "s",
                                    .message = "m\n",
                                    .time_s = NOON,
                                    .key = &w->key};
    static const size_t changes[][2] = {
        {1500, 1}, {0, 1}, {2999, 1}, {1, 2998}, {0, 1}, {700, 7}, {1500, 1}};
    for (size_t i = 0; i < 3000; i++) {
        snprintf(paths[i], sizeof paths[i], "f/%04zu", i);
        files[i] = (struct gb_ledger_file){.path = paths[i],
                                           .bytes = gb_span_text(paths[i])};
    }
    must(gb_ledger_prepare(w->l, &batch, &w->tip, &fail), &fail);
    must(gb_ledger_publish(w->l, &fail), &fail);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        snprintf(last, sizeof last, "change %zu", i == 4 ? 1 : i);
        batch.files = files + changes[i][0];
        batch.count = changes[i][1];
        for (size_t k = 0; k < batch.count; k++)
            batch.files[k].bytes = gb_span_text(last);
        must(gb_ledger_prepare(w->l, &batch, &w->tip, &fail), &fail);
        must(gb_ledger_publish(w->l, &fail), &fail);
        if (i == 3)
            merge_all(w);
    }
    merge_all(w);
    judge(w, "$2==\"tree\" && NF>5{n++} "
             "END{exit n<8}");
    whole(w);
}

/* ------------------------------------------------------ foreign packs -- */

/* What git packed names its bases by distance: merged with packs of ours, and
 * with what is in both. */
static void
packs_that_git_made(void **state)
{
    struct world *w = *state;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 10; i++) {
            w->time_s = NOON + (int64_t)i;
            commit_batch(w, 2);
        }
        assert_int_equal(sh(w,
                            "rm -rf old; cp -r ledger.git/objects/pack old\n"
                            "git -c repack.useDeltaBaseOffset=%s "
                            "repack -adfq",
                            round == 1 ? "false" : "true"),
                         0);
        judge(w, "NF==7{n++} END{exit n<5}");
        if (round)
            assert_int_equal(sh(w, "cp old/* ledger.git/objects/pack"), 0);
        reopen(w);
        w->time_s = NOON + 100;
        commit_batch(w, 3);
        merge_all(w);
        nothing_lost(w, w->l, 11 * (round + 1));
        whole(w);
    }
}

/* ------------------------------------------------------------- damage -- */

/* No bit of an object may flip on its way into a merged pack. */
static void
a_damaged_pack_is_not_merged(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct stat st;
    char path[400];
    for (size_t i = 0; i < 4; i++)
        commit_batch(w, 2);
    assert_int_equal(sh(w, "cd ledger.git/objects/pack && chmod u+w *.pack && "
                           "ls *.pack | head -1"),
                     0);
    const char *name = slurp(w, "out");
    snprintf(path, sizeof path, "%s/objects/pack/%.*s", w->path,
             (int)strcspn(name, "\n"), name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 12; at < st.st_size - GB_OID_BYTES; at += 3) {
        uint8_t byte, flipped;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (uint8_t)(1u << at % 8);
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        enum gb_err err = gb_ledger_consolidate(w->l, 1, &fail);
        if (err != GB_E_LEDGER)
            fail_msg("byte %ld: %s", (long)at, gb_err_name(err));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_int_equal(packs(w), 4);
    }
    close(fd);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    assert_int_equal(packs(w), 1);
    nothing_lost(w, w->l, 4);
    whole(w);
}

/* Put the packs back as they were, and merge. */
static enum gb_err
merge_again(void *arg, struct gb_fail *fail)
{
    struct world *w = arg;
    struct gb_ledger *l;
    assert_int_equal(sh(w, "p=ledger.git/objects/pack; chmod -R u+w $p\n"
                           "rm -f $p/pack-*; cp old/* $p"),
                     0);
    enum gb_err err = gb_ledger_open(&l, w->path, GB_LEDGER_WRITE, fail);
    if (!err)
        err = gb_ledger_consolidate(l, 1, fail);
    gb_ledger_close(l);
    return err;
}

/* Nothing is lost, and nothing of a failed merge lies about. */
static void
nothing_happened(void *arg, enum gb_err err, bool failed)
{
    struct world *w = arg;
    struct gb_ledger *reader;
    struct gb_fail fail = {0};
    must(gb_ledger_open(&reader, w->path, GB_LEDGER_READ, &fail), &fail);
    nothing_lost(w, reader, 6);
    gb_ledger_close(reader);
    if (!err && !failed)
        assert_int_equal(packs(w), 1);
    if (!sh(w, "cd ledger.git/objects/pack && ls -A | "
               "grep -Ev \"^pack-[0-9a-f]*.(pack|idx)$\""))
        fail_msg("a failed merge left %s", slurp(w, "out"));
}

/* What takes the old packs away fails softly: the next merge does it. */
static void
what_fails(void *arg, enum gb_err err, enum fault failed)
{
    nothing_happened(arg, err, failed != FAULT_NONE);
    if (err)
        fault_told(arg, err, failed);
}

static void
a_merge_may_fail(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < 6; i++)
        commit_batch(w, 1);
    assert_int_equal(sh(w, "cp -r ledger.git/objects/pack old"), 0);
    assert_true(fault_sweep(FAULT_ANY, merge_again, what_fails, w) > 100);
    nothing_happened(w, GB_OK, false);
    assert_true(io_sweep(merge_again, nothing_happened, w, EIO) > 20);
    io_sweep(merge_again, nothing_happened, w, ENOSPC);
    must(merge_again(w, NULL), &(struct gb_fail){0});
    reopen(w);
    nothing_lost(w, w->l, 6);
    whole(w);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_day_stays_small),   T(any_change_of_a_folder),
        T(packs_that_git_made), T(a_damaged_pack_is_not_merged),
        T(a_merge_may_fail),
    };
    return cmocka_run_group_tests_name("hub_ledger_merge", tests, NULL, NULL);
}
