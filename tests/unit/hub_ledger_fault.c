/*
 * hub_ledger_fault.c - a ledger when each call below it fails once: of memory,
 * of the disk, of libgit2.  What fails is told and leaves the ledger as it was.
 */
#include "hub_ledger_fixture.h"

#include "support/fault.h"

/* ------------------------------------------------------------- making -- */

static enum gb_err
make_another(void *arg, struct gb_fail *fail)
{
    struct world *w = arg;
    char path[240];
    snprintf(path, sizeof path, "%s/another.git", w->dir);
    assert_int_equal(sh(w, "rm -rf another.git"), 0);
    return gb_ledger_init(path, fail);
}

static void
a_new_ledger(void **state)
{
    struct world *w = *state;
    assert_true(
        fault_sweep(FAULT_ANY, make_another, fault_told_or_harmless, w) > 8);
    assert_int_equal(sh(w, "git -C another.git fsck --strict"), 0);
    assert_int_equal(sh(w, "test \"$(GIT_DIR=another.git git config "
                           "gpg.format)\" = ssh"),
                     0);
}

/* ------------------------------------------------------------ writing -- */

struct writing {
    struct world *w;
    struct made_batch *m;
    struct gb_oid before, commit;
    bool in; /* the batch, though its publication may have said otherwise */
};

static struct gb_oid
tip_of(struct gb_ledger *l)
{
    struct gb_fail fail = {0};
    struct gb_ledger_tip tip;
    must(gb_ledger_tip(l, &tip, &fail), &fail);
    return tip.oid;
}

static enum gb_err
write_batch(void *arg, struct gb_fail *fail)
{
    struct writing *a = arg;
    if (a->in)
        return GB_OK;
    enum gb_err err =
        gb_ledger_prepare(a->w->l, &a->m->batch, &a->commit, fail);
    return err ? err : gb_ledger_publish(a->w->l, fail);
}

/* The tip says whether the batch is in: the whole of it, or nothing. */
static void
in_or_not(void *arg, enum gb_err err, enum fault failed)
{
    struct writing *a = arg;
    struct gb_oid tip = tip_of(a->w->l);
    a->in = memcmp(&tip, &a->before, sizeof tip) != 0;
    assert_true(!a->in || !memcmp(&tip, &a->commit, sizeof tip));
    assert_true(a->in || err);
    if (!a->in)
        fault_told(NULL, err, failed);
}

static void
a_batch(void **state)
{
    struct world *w = *state;
    size_t failures = 0;
    commit_batch(w, 1);
    for (int i = 0; i < 4; i++) { /* a failed publication may be in, too */
        struct made_batch m;
        make_batch(w, &m, 2);
        struct writing a = {.w = w, .m = &m, .before = tip_of(w->l)};
        failures += fault_sweep(FAULT_ANY, write_batch, in_or_not, &a);
        drop_batch(&m);
        w->position += 2;
        w->time_s += 3600;
    }
    assert_true(failures > 20);
    fsck(w);
    reopen(w);
    nothing_lost(w, w->l, 5);
}

/* ------------------------------------------------------------ reading -- */

static enum gb_err
read_everything(void *arg, struct gb_fail *fail)
{
    struct world *w = arg;
    struct gb_ledger *l = NULL;
    struct gb_ledger_log log = {0};
    struct gb_ledger_tip tip;
    struct gb_buf b;
    bool whole = false;
    size_t n = 0;
    gb_buf_init(&b, 10000);
    enum gb_err err = gb_ledger_open(&l, w->path, GB_LEDGER_READ, fail);
    if (!err)
        err = gb_ledger_tip(l, &tip, fail);
    if (!err)
        err = gb_ledger_whole(l, &whole, fail);
    if (!err)
        err = gb_ledger_packs(l, &n, fail);
    if (!err)
        err = gb_ledger_pack_names(l, &b, fail);
    if (!err)
        err = gb_ledger_small_packs(w->path, &n, fail);
    if (!err)
        err = gb_ledger_verify_packs(l, fail);
    if (!err)
        err = gb_ledger_log(l, NULL, &log, fail);
    if (!err) {
        assert_true(whole);
        assert_int_equal(log.count, 3);
        err = gb_ledger_read_at(l, &log.commits[1], ".gitattributes", &b, fail);
    }
    if (!err)
        err = read_all(l, &n, fail);
    assert_true(err || n == 1 + 2 * w->position + 3);
    if (!err)
        err = gb_ledger_read(l, ".gitattributes", &b, fail);
    gb_ledger_log_release(&log);
    gb_ledger_close(l);
    gb_buf_release(&b);
    return err;
}

/* Damage is what an auditor would accuse the hub of. */
static void
nobody_is_accused(void *arg, enum gb_err err, enum fault failed)
{
    fault_told_or_harmless(arg, err, failed);
    if (failed == FAULT_FILE && err && err != GB_E_IO)
        fault_blame(err, failed);
}

static void
reading(void **state)
{
    struct world *w = *state;
    for (size_t i = 1; i < 4; i++)
        commit_batch(w, i);
    assert_int_equal(sh(w, "p=$(ls ledger.git/objects/pack/*.pack | head -1)\n"
                           "mv $p x && git unpack-objects <x && mv x $p"),
                     0);
    assert_true(fault_sweep(FAULT_ANY, read_everything, nobody_is_accused, w) >
                60);
}

/* ---------------------------------------------------- without a disk -- */

static enum gb_err
in_memory(void *arg, struct gb_fail *fail)
{
    struct made_batch *m = arg;
    struct gb_oid commit;
    struct gb_ledger *l = NULL;
    size_t n = 0;
    struct gb_ledger_store *one = gb_ledger_store_new(NULL);
    enum gb_err err = one ? gb_ledger_open_memory(&l, one, fail) : GB_E_MEMORY;
    if (!err)
        err = gb_ledger_prepare(l, &m->batch, &commit, fail);
    if (!err)
        err = gb_ledger_publish(l, fail);
    if (!err)
        err = read_all(l, &n, fail);
    gb_ledger_close(l);
    struct gb_ledger_store *two = err ? NULL : gb_ledger_store_new(one);
    if (!err && !two)
        err = GB_E_MEMORY;
    gb_ledger_store_free(two);
    gb_ledger_store_free(one);
    return err;
}

static void
a_store(void **state)
{
    struct world *w = *state;
    struct made_batch m;
    make_batch(w, &m, 2);
    assert_true(fault_sweep(FAULT_ANY, in_memory, NULL, &m) > 20);
    drop_batch(&m);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_new_ledger),
        T(a_batch),
        T(reading),
        T(a_store),
    };
    return cmocka_run_group_tests_name("hub_ledger_fault", tests, NULL, NULL);
}
