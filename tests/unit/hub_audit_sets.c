/* hub_audit_sets.c - hub/audit.h: sets that a forger signs again, who has the
 * keys of the site and of its devices; and commits that take something away. */
#include "hub_audit_fixture.h"

#include "engine/file.h"
#include "support/fault.h"

/* The last set of a commit, taken out of it to be put back otherwise. */
struct forged {
    struct world *w;
    struct gb_line line;
    struct gb_buf bytes;
    struct gb_arena arena;
    const struct gb_sign_key *key; /* NULL: the one that its line wants */
};

typedef void forge_set_fn(struct forged *f);

/* Take a file out of the commit. */
static void
pull(struct forgery *f, const char *path, struct gb_buf *out)
{
    size_t i = forge_find(f, path);
    gb_buf_init(out, GB_LEDGER_FILE_MAX);
    gb_buf_span(out, gb_buf_view(&f->bytes[i]));
    forge_drop(f, i);
}

static void
take_out(struct world *w, struct forgery *f, struct forged *s)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_buf sig, *b = &f->bytes[forge_find(f, ".batch")];
    size_t at = b->len - 1;
    *s = (struct forged){.w = w};
    while (at && b->ptr[at - 1] != '\n')
        at--;
    gb_arena_init(&s->arena, GB_ARENA_MAX);
    GOOD(gb_line_read(GB_SPAN(b->ptr + at, b->len - at), &s->arena, &s->line,
                      &why));
    b->len = at;
    gb_ledger_set_name(path, &s->line, GB_LEDGER_SIGNATURE);
    pull(f, path, &sig);
    gb_buf_release(&sig);
    gb_ledger_set_name(path, &s->line, GB_LEDGER_SET);
    pull(f, path, &s->bytes);
}

/* Sign what became of it. */
static void
put_back(struct forgery *f, struct forged *s)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_buf armor;
    struct gb_span bytes = gb_buf_view(&s->bytes);
    struct gb_sha256 sha = gb_sha256(bytes);
    int device = s->line.device;
    const struct gb_sign_key *key = s->key        ? s->key
                                    : device == 0 ? &s->w->hub->keys.hub
                                    : device <= 2 ? &s->w->h[device].sign
                                                  : &f->key;
    struct gb_signature sig = gb_sshsig_sign(key, GB_NS_CHANGESET, bytes);
    gb_buf_init(&armor, GB_SSHSIG_MAX);
    gb_sshsig_armor(&armor, &key->public_key, GB_NS_CHANGESET, &sig);
    memcpy(s->line.sha256, sha.bytes, sizeof sha.bytes);
    gb_line_write(&s->line, &f->bytes[forge_find(f, ".batch")]);
    gb_ledger_set_name(path, &s->line, GB_LEDGER_SET);
    forge_add(f, path, bytes);
    gb_ledger_set_name(path, &s->line, GB_LEDGER_SIGNATURE);
    forge_add(f, path, gb_buf_view(&armor));
    gb_buf_release(&armor);
    gb_buf_release(&s->bytes);
    gb_arena_release(&s->arena);
}

/* ------------------------------------------------- whose, which number -- */

/* Places in the header (docs/FORMAT.md). */
enum { DEVICE = 7, SITE = 8, SEQ = 27, PREV = 28 };

static void
of_another_site(struct forged *f)
{
    f->bytes.ptr[SITE] ^= 1;
}

static void
of_another_number(struct forged *f)
{
    f->bytes.ptr[SEQ]++;
}

static void
of_another_device(struct forged *f)
{
    f->bytes.ptr[DEVICE] = 2;
}

static void
of_a_stranger(struct forged *f)
{
    f->bytes.ptr[DEVICE] = 3;
    f->line.device = 3;
}

/* As it was, and well signed by a device that is enrolled. */
static void
by_another_device(struct forged *f)
{
    f->key = &f->w->h[2].sign;
}

/* -------------------------------------------------------------- chains -- */

/* Position 6 once more. */
static void
applied_twice(struct forged *f)
{
    struct gb_ledger *l;
    f->line.seq = 1;
    gb_buf_clear(&f->bytes);
    GOOD(gb_ledger_open(&l, f->w->ledger, GB_LEDGER_READ, &why));
    GOOD(gb_ledger_read(l, "2026/11/23/000000006-1-1.gbcs", &f->bytes, &why));
    gb_ledger_close(l);
}

static void
twice(struct forged *f)
{
    applied_twice(f);
    f->line.verdict = GB_FORK;
}

static void
behind_nothing(struct forged *f)
{
    f->bytes.ptr[PREV] ^= 1;
}

static void
fork_of_nothing(struct forged *f)
{
    behind_nothing(f);
    f->line.verdict = GB_FORK;
}

static void
copy_of_nothing(struct forged *f)
{
    struct made m;
    struct gb_arriving a;
    make_set(f->w, &(struct plan){.device = 1, .seq = 1, .parent = {2, 9, 1}},
             &m, &a);
    gb_buf_release(&m.personal);
    gb_buf_release(&f->bytes);
    f->bytes = m.bytes;
    f->line.seq = 1;
    f->line.verdict = GB_FORK;
}

/* ------------------------------------------------------- the first set -- */

/* Its first operation, of the site's keys, says this, or is not there. */
static void
announcing(struct forged *f, const struct gb_buf *payload)
{
    struct gb_set set;
    GOOD(gb_set_decode(gb_buf_view(&f->bytes), &gb_schema_none, &set, &why));
    assert_int_equal(set.ops[0].kind, GB_SITE);
    assert_true(set.nops > 1);
    if (payload) {
        set.ops[0].text = gb_buf_view(payload);
    } else {
        set.ops++;
        set.nops--;
    }
    gb_buf_clear(&f->bytes);
    GOOD(gb_set_encode(&set, &gb_schema_none, &f->bytes, &why));
    gb_set_release(&set);
}

/* Keys of so many bytes. */
static void
keys_of(struct forged *f, size_t hub, size_t ledger)
{
    struct gb_buf b;
    gb_buf_init(&b, 1024);
    gb_tlv_put(&b, GB_SITE_HUB_KEY,
               GB_SPAN(f->w->hub->keys.hub.public_key.bytes, hub));
    gb_tlv_put(&b, GB_SITE_LEDGER_KEY,
               GB_SPAN(f->w->hub->keys.ledger.public_key.bytes, ledger));
    announcing(f, &b);
    gb_buf_release(&b);
}

static void
no_hub_key(struct forged *f)
{
    keys_of(f, 31, 32);
}

static void
no_ledger_key(struct forged *f)
{
    keys_of(f, 32, 0);
}

static void
garbled_keys(struct forged *f)
{
    struct gb_buf b;
    gb_buf_init(&b, 16);
    gb_buf_text(&b, "x");
    announcing(f, &b);
    gb_buf_release(&b);
}

static void
no_site(struct forged *f)
{
    announcing(f, NULL);
}

/* ------------------------------------------------------------ all sets -- */

static const struct {
    forge_set_fn *fn;
    size_t back; /* the commit: so many before the last */
    uint64_t at;
    const char *says;
} sets[] = {
    {of_another_site, 0, 12, "the set is of another site"},
    {of_another_number, 0, 12,
     "its line names set 4 of device 1, and it is set 5 of device 1"},
    {of_another_device, 0, 12,
     "its line names set 4 of device 1, and it is set 4 of device 2"},
    {of_a_stranger, 0, 12, "device 3 is not enrolled here"},
    {by_another_device, 0, 12, "its signature: signed by "},
    {applied_twice, 0, 12,
     "it does not go on with its device's chain, and is not called a fork"},
    {twice, 0, 12, "the set is at position 6 too"},
    {behind_nothing, 0, 12,
     "it does not go on with its device's chain, and is not called a fork"},
    {fork_of_nothing, 0, 12,
     "the set before it in its device's chain is not in the log"},
    {copy_of_nothing, 0, 12, "the set that it continues is not in the log"},
    {no_hub_key, COMMITS - 1, 1, "does not say which keys are the site's"},
    {no_ledger_key, COMMITS - 1, 1, "does not say which keys are the site's"},
    {garbled_keys, COMMITS - 1, 1, "does not say which keys are the site's"},
    {no_site, COMMITS - 1, 1, "does not say which keys are the site's"},
};

static void
sets_signed_again(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct forgery f;
        struct forged s;
        size_t n = COMMITS - 1 - sets[i].back;
        forge_begin(w, &f, n);
        forge_copy(w, n);
        take_out(w, &f, &s);
        sets[i].fn(&s);
        put_back(&f, &s);
        forge_commit(w, &f);
        expect_says(&plan, sets[i].at, sets[i].at, sets[i].says, sets[i].says);
        forge_end(&f);
    }
}

/* ------------------------------------------------ commits made by hand -- */

/* The forger's last commit once more, with the tree that the file "tree" names
 * and this signature, or the right one. */
static void
commit_again(struct world *w, const char *signature)
{
    const struct gb_sign_key *key = &w->hub->keys.ledger;
    char path[192];
    struct gb_buf payload, armor;
    gb_buf_init(&payload, GB_LEDGER_COMMIT_MAX);
    gb_buf_init(&armor, GB_SSHSIG_MAX);
    assert_int_equal(
        sh(w, "cd forged.git && git cat-file commit main |"
              " sed \"/^gpgsig/,/END/d; s/^tree .*/tree $(cat ../tree)/\""
              " >../payload"),
        0);
    snprintf(path, sizeof path, "%s/payload", w->dir);
    GOOD(gb_file_read(path, &payload, &why));
    struct gb_signature sig =
        gb_sshsig_sign(key, GB_NS_GIT, gb_buf_view(&payload));
    if (signature)
        gb_buf_text(&armor, signature);
    else
        gb_sshsig_armor(&armor, &key->public_key, GB_NS_GIT, &sig);
    snprintf(path, sizeof path, "%s/sig", w->dir);
    GOOD(gb_file_write(path, gb_buf_view(&armor), 0600, &why));
    assert_int_equal(
        sh(w, "(sed '/^$/,$d' payload;"
              " sed '1s/^/gpgsig /; 2,$s/^/ /' sig;"
              " sed -n '/^$/,$p' payload) >commit && cd forged.git &&"
              " git hash-object -t commit -w ../commit >refs/heads/main"),
        0);
    gb_buf_release(&payload);
    gb_buf_release(&armor);
}

#define FOLDER "holds something that no hub writes"
#define REMOVE(path) "git rm -q --cached " path " && git write-tree"
#define MODE(mode, path)                                                       \
    "git update-index --add --cacheinfo " mode ",$(git rev-parse main:" path   \
    ")," path " && git write-tree"
/* One more entry of the root: $a is a file, $e an empty folder. */
#define ENTRY(entry)                                                           \
    "a=$(git rev-parse main:.gitattributes); e=$(git mktree </dev/null);"      \
    "(git ls-tree main; printf '%s\\t%s\\n' " entry ") | git mktree"

static const struct {
    const char *command; /* prints a tree */
    uint64_t from, to;
    const char *says;
} trees[] = {
    {REMOVE("2026/11/23/000000006-1-1.gbcs"), 6, 6,
     "removed by the commit of position 11"},
    {REMOVE("2026/11/23/000000007-2-1.gbcs.sig"), 7, 7,
     "removed by the commit of position 11"},
    {REMOVE("2026/11/23/000000008.batch"), 8, 8,
     "removed by the commit of position 11"},
    {REMOVE("signers/hub"), 11, 12,
     "signers/hub: nothing in the log gives reason for this file to be "
     "removed"},
    {REMOVE(".gitattributes"), 11, 12, "for this file to be removed"},
    {REMOVE("schema/0001/w.sql"), 11, 12, "for this file to be removed"},
    {MODE("100755", "2026/11/23/000000006-1-1.gbcs"), 11, 12, FOLDER},
    {MODE("120000", "signers/hub"), 11, 12, FOLDER},
    {ENTRY("\"160000 commit $(git rev-parse main)\" notes"), 11, 12, FOLDER},
    {ENTRY("\"040000 tree $e\" notes"), 11, 12, FOLDER},
    {ENTRY("\"100644 blob $a\" .gitattributes"), 11, 12, FOLDER},
    {ENTRY("\"040000 tree $(git rev-parse main:signers)\" signers"), 11, 12,
     FOLDER},
};

/* A commit that takes something away, or adds what is no file. */
static void
what_a_tree_holds(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        forge_copy(w, COMMITS);
        assert_int_equal(sh(w,
                            "cd forged.git && export GIT_INDEX_FILE=../index "
                            "&& git read-tree main && (%s) >../tree",
                            trees[i].command),
                         0);
        commit_again(w, NULL);
        expect_says(&plan, trees[i].from, trees[i].to, trees[i].command,
                    trees[i].says);
    }
}

/* What stands in a signature's place, and is none; and the same way of making
 * a commit, with the right one. */
static void
an_odd_signature(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_copy(w, COMMITS);
    assert_int_equal(
        sh(w, "cd forged.git && git rev-parse main^{tree} >../tree"), 0);
    commit_again(w, "signed: the hub\n");
    expect_says(&plan, 11, 12, "an odd signature",
                "not an armored SSH signature");
    forge_copy(w, COMMITS);
    commit_again(w, NULL);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
}

/* --------------------------------------------------------------- bases -- */

static void
announce_epoch(struct world *w, uint64_t epoch)
{
    struct gb_buf b;
    gb_buf_init(&b, 100);
    gb_tlv_number(&b, GB_SITE_EPOCH, epoch);
    struct gb_op op = {.kind = GB_SITE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* Who falls back to an older epoch would explain any rewriting by it; it is
 * found in the last set already. */
static void
an_epoch_that_falls(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    announce_epoch(w, 2);
    announce_epoch(w, 1);
    for (int i = 0; i < 2; i++) {
        expect_says(&plan, POSITIONS + 2, POSITIONS + 2, "an epoch that falls",
                    "the epoch falls from 2 to 1");
        deliver(w, &(struct plan){.device = 1}, 1);
    }
}

/* A later epoch, and heads that it never had: the first witness is named, and
 * all are counted. */
static void
several_witnesses(void **state)
{
    struct world *w = *state;
    struct gb_head later, early;
    struct gb_audit_report r;
    struct gb_fail fail = {0};
    struct gb_audit_plan plan = {.ledger = w->ledger};
    announce_epoch(w, 2);
    GOOD(gb_state_head_at(w->hub->state, 5, &early, &why));
    deliver(w, &(struct plan){.device = 1, .base = &early}, 1);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    later = gb_state_head(w->hub->state);
    later.epoch = 3; /* the log's root, and of an epoch to come */
    deliver(w, &(struct plan){.device = 2, .base = &later}, 1);
    expect_says(&plan, POSITIONS + 3, POSITIONS + 3, "a later epoch",
                "of epoch 3");
    early.root[0] ^= 1; /* of the log's first epoch, and not its root */
    deliver(w, &(struct plan){.device = 1, .base = &early}, 1);
    assert_int_equal(gb_audit_run(&plan, &r, &fail), GB_E_HISTORY);
    assert_int_equal(r.position, POSITIONS + 3);
    assert_int_equal(r.witnesses, 2);
    gb_audit_release(&r);
}

/* ------------------------------------------------------- sound, if odd -- */

/* A set that nobody can read, a first one among them; one whose times can be,
 * so that its operations are counted; and one that continues another's: the hub
 * takes them, and the auditor believes it. */
static void
odd_sets(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    deliver(w, &(struct plan){.device = 1, .cut = 1}, 1);
    deliver(w, &(struct plan){.device = 1, .flip = 128}, 1);
    deliver(w, &(struct plan){.device = 2, .seq = 1, .cut = 1}, 1);
    deliver(w, &(struct plan){.device = 1, .seq = 1, .parent = {2, 1, 1}}, 1);
    expect_ok(&plan, &r);
    assert_int_equal(r.held_by[GB_CODE_MALFORMED], 2);
    assert_int_equal(r.forks, 3);
    assert_int_equal(r.operations, POSITIONS + 3);
    gb_audit_release(&r);
}

struct offer {
    struct world *w;
    struct gb_arriving set;
};

static enum gb_err
offer(void *arg, struct gb_fail *fail)
{
    struct offer *o = arg;
    return gb_office_commit(o->w->hub, &o->set, 1, fail);
}

/* What fails while nothing is written may be told. */
static void
it_waits(void *arg, enum gb_err err, enum fault failed)
{
    const struct offer *o = arg;
    if (err)
        fault_told(NULL, err, failed);
    assert_int_equal(o->set.outcome, GB_WAITING);
}

/* No hub puts a set into the log before the one that it continues. */
static void
a_copy_waits(void **state)
{
    struct offer o = {.w = *state};
    struct made m;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = o.w->ledger};
    make_set(o.w, &(struct plan){.device = 1, .seq = 1, .parent = {2, 3, 1}},
             &m, &o.set);
    assert_true(fault_sweep(FAULT_ANY, offer, it_waits, &o) > 5);
    deliver(o.w, &(struct plan){.device = 2}, 1);
    GOOD(offer(&o, &why));
    assert_int_equal(o.set.outcome, GB_TAKEN);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    gb_buf_release(&m.bytes);
    gb_buf_release(&m.personal);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sets_signed_again), TEST(what_a_tree_holds),
        TEST(an_odd_signature),  TEST(several_witnesses),
        TEST(odd_sets),          TEST(an_epoch_that_falls),
        TEST(a_copy_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
