/* hub_audit.c - hub/audit.h: sound ledgers, and ledgers rewritten by somebody
 * who has keys. */
#include "hub_audit_fixture.h"

#include "engine/json.h"

/* --------------------------------------------------------------- sound -- */

static void
a_sound_ledger(void **state)
{
    struct world *w = *state;
    char key[GB_FINGERPRINT_SIZE];
    uint8_t digest[32];
    struct gb_audit_report r;
    fingerprint(w, key);
    struct gb_audit_plan plan = {.ledger = w->ledger, .key = key};
    expect_ok(&plan, &r);
    assert_true(r.pinned);
    assert_int_equal(r.commits, COMMITS);
    assert_int_equal(r.sets, POSITIONS);
    assert_int_equal(r.operations, POSITIONS + 1);
    assert_int_equal(r.signatures, COMMITS + POSITIONS);
    assert_int_equal(r.applied, POSITIONS - 2);
    assert_int_equal(r.forks, 1);
    assert_int_equal(r.held_by[GB_CODE_SCHEMA], 1);
    assert_int_equal(r.quarantined_by[GB_CODE_RANGE], 1);
    assert_int_equal(r.waiting, 2);
    assert_int_equal(r.witnesses, 0);
    assert_int_equal(r.nkeys, 1);
    assert_int_equal(r.first_ms / 60000, NOON / 60);
    assert_string_equal(r.name, "锦绣花园");
    assert_memory_equal(r.site, w->hub->site, 16);
    GOOD(gb_state_digest(w->hub->state, digest, &why));
    assert_memory_equal(r.digest, digest, 32);
    struct gb_head head = gb_state_head(w->hub->state);
    assert_memory_equal(r.head.root, head.root, 32);
    assert_int_equal(r.devices[2].sets, 2);
    assert_int_equal(r.devices[2].forks, 1);
    assert_int_equal(r.devices[1].position, 12);
    assert_int_equal(r.devices[1].seq, 4);
    gb_audit_release(&r);
}

/* More commits than one transaction takes. */
static void
a_long_ledger(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    for (int i = 0; i < 260; i++)
        deliver(w, &(struct plan){.device = 1 + i % 2}, 1);
    expect_ok(&plan, &r);
    assert_int_equal(r.commits, COMMITS + 260);
    assert_int_equal(r.sets, POSITIONS + 260);
    gb_audit_release(&r);
}

/* Both reports, with and without the key, and without a ledger. */
static void
the_reports(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_json *doc;
    struct gb_buf out;
    struct gb_fail none = {0}, bad = {0};
    struct gb_audit_plan plan = {.ledger = w->ledger};
    gb_buf_init(&out, 1 << 20);
    expect_ok(&plan, &r);
    assert_false(r.pinned);
    GOOD(gb_audit_show(&plan, &r, &none, &out, &why));
    gb_buf_u8(&out, 0);
    assert_non_null(strstr((char *)out.ptr, "\nOK, self-consistent only"));
    assert_non_null(strstr((char *)out.ptr, "锦绣花园"));
    gb_buf_clear(&out);
    GOOD(gb_audit_json(&plan, &r, &none, &out, &why));
    GOOD(gb_json_parse(gb_buf_view(&out), &doc, &why));
    assert_true(gb_json_bool(gb_json_get(doc, "ok")));
    assert_int_equal(gb_json_type(gb_json_get(doc, "position")), GB_JSON_NULL);
    assert_int_equal(gb_json_int(gb_json_get(doc, "sets")), POSITIONS);
    assert_int_equal(gb_json_count(gb_json_get(doc, "devices")), 3);
    gb_json_free(doc);
    gb_audit_release(&r);
    gb_buf_clear(&out);

    plan.ledger = w->dir;
    assert_int_equal(gb_audit_run(&plan, &r, &bad), GB_E_MISSING);
    assert_int_equal(r.verdict, GB_AUDIT_UNCHECKED);
    GOOD(gb_audit_json(&plan, &r, &bad, &out, &why));
    GOOD(gb_json_parse(gb_buf_view(&out), &doc, &why));
    assert_false(gb_json_bool(gb_json_get(doc, "ok")));
    gb_json_free(doc);
    gb_audit_release(&r);
    gb_buf_release(&out);
}

/* Nothing is left in the scratch folder's place, whatever the outcome. */
static void
no_traces(void **state)
{
    struct world *w = *state;
    const char *was = getenv("TMPDIR");
    char *keep = was ? strdup(was) : NULL;
    struct gb_audit_report r;
    struct gb_fail f = {0};
    volatile sig_atomic_t stop = 1;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    assert_int_equal(sh(w, "mkdir scratch"), 0);
    char tmp[192];
    snprintf(tmp, sizeof tmp, "%s/scratch", w->dir);
    setenv("TMPDIR", tmp, 1);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    plan.stop = &stop;
    assert_int_equal(gb_audit_run(&plan, &r, &f), GB_E_STATE);
    assert_int_equal(r.verdict, GB_AUDIT_UNCHECKED);
    gb_audit_release(&r);
    assert_int_equal(sh(w, "rmdir scratch"), 0);
    assert_int_equal(gb_audit_run(&plan, &r, &f), GB_E_IO);
    assert_int_equal(r.verdict, GB_AUDIT_UNCHECKED);
    gb_audit_release(&r);
    if (keep)
        setenv("TMPDIR", keep, 1);
    else
        unsetenv("TMPDIR");
    free(keep);
}

/* -------------------------------------------------- what comes from outside */

static void
another_site(void **state)
{
    struct world *w = *state;
    static const char other[] =
        "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    struct gb_audit_plan plan = {.ledger = w->ledger, .key = other};
    expect_wrong(&plan, 1, 1, "another key");
}

static void
remembered_heads(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_head head;
    struct gb_audit_plan plan = {.ledger = w->ledger, .head = &head};
    for (uint64_t size = 0; size <= POSITIONS; size++) {
        GOOD(gb_state_head_at(w->hub->state, size, &head, &why));
        expect_ok(&plan, &r);
        gb_audit_release(&r);
    }
    head.root[31] ^= 1;
    expect_wrong(&plan, 1, 1, "another root");
    head.root[31] ^= 1;
    /* The tail is cut: only who remembers sees it. */
    forge_copy(w, COMMITS - 1);
    plan.ledger = w->forged;
    expect_wrong(&plan, 11, 11, "a cut tail");
    plan.head = NULL;
    expect_ok(&plan, &r);
    assert_int_equal(r.head.size, 10);
    gb_audit_release(&r);
    /* Cut off entirely. */
    forge_copy(w, 0);
    expect_wrong(&plan, 1, 1, "an empty ledger");
}

/* ---------------------------------------------------- the ledger's key -- */

/* Change every sampled byte of every file of a commit, and sign it again. */
static void
any_changed_byte(void **state)
{
    struct world *w = *state;
    static const size_t commits[] = {0, 3, 5, 6, 9};
    bool all = getenv("GENGBU_FULL") != NULL;
    struct gb_audit_plan plan = {.ledger = w->forged};
    for (size_t c = 0; c < sizeof commits / sizeof *commits; c++) {
        struct forgery f;
        uint64_t from, to;
        forge_begin(w, &f, commits[c]);
        forge_range(&f, &from, &to);
        for (size_t i = 0; i < f.n; i++) {
            struct gb_ledger_name name;
            size_t len = f.bytes[i].len, step = all ? 1 : len / 6 + 1;
            assert_true(gb_ledger_name_read(&name, f.paths[i]));
            bool one =
                name.kind == GB_LEDGER_SET || name.kind == GB_LEDGER_SIGNATURE;
            for (size_t at = len / 13; at < len; at += step) {
                f.bytes[i].ptr[at] ^= (uint8_t)(1 << at % 7);
                forge_copy(w, commits[c]);
                forge_commit(w, &f);
                expect_wrong(&plan, one ? name.position : from,
                             one ? name.position : to, f.paths[i]);
                f.bytes[i].ptr[at] ^= (uint8_t)(1 << at % 7);
            }
        }
        /* Made again as it was, it is as good as before. */
        forge_copy(w, commits[c]);
        forge_commit(w, &f);
        struct gb_audit_report r;
        expect_ok(&plan, &r);
        gb_audit_release(&r);
        forge_end(&f);
    }
}

/* However many are wrong, and whoever reads them first, the first is told. */
static void
the_first_of_many(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_copy(w, 5);
    for (size_t i = 5; i < COMMITS; i++) {
        struct forgery f;
        forge_begin(w, &f, i);
        f.bytes[forge_find(&f, ".sig")].ptr[100] ^= 1;
        forge_commit(w, &f);
        forge_end(&f);
    }
    for (int i = 0; i < 20; i++)
        expect_says(&plan, 6, 6, "many wrong signatures", "its signature");
}

/* Somebody else signs all of it, and says in signers/ledger that he may. */
static void
all_by_another_key(void **state)
{
    struct world *w = *state;
    struct gb_sign_key key;
    struct gb_audit_plan plan = {.ledger = w->forged};
    gb_sign_key_generate(&key);
    forge_copy(w, 0);
    for (size_t i = 0; i < COMMITS; i++) {
        struct forgery f;
        forge_begin(w, &f, i);
        f.key = key;
        if (i == 0) {
            struct gb_signer s = {
                .principal = "ledger", .ns = "git", .key = key.public_key};
            struct gb_buf *b = &f.bytes[forge_find(&f, GB_SIGNERS_LEDGER)];
            gb_buf_clear(b);
            GOOD(gb_signer_write(b, &s, &why));
        }
        forge_commit(w, &f);
        forge_end(&f);
    }
    expect_wrong(&plan, 1, 1, "another ledger key");
}

/* --------------------------------------------- keys that follow others -- */

static void
announce(struct world *w, unsigned tag, const struct gb_sign_key *key)
{
    struct gb_buf b;
    gb_buf_init(&b, 1024);
    gb_tlv_put(&b, tag, GB_SPAN(key->public_key.bytes, 32));
    struct gb_op op = {.kind = GB_SITE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

static void
a_later_ledger_key(void **state)
{
    struct world *w = *state;
    struct gb_sign_key key;
    struct gb_audit_report r;
    char print[GB_FINGERPRINT_SIZE];
    struct gb_audit_plan plan = {.ledger = w->ledger, .key = print};
    fingerprint(w, print);
    gb_sign_key_generate(&key);
    announce(w, GB_SITE_LEDGER_KEY, &key);
    w->hub->keys.ledger = key;
    deliver(w, &(struct plan){.device = 1}, 1);
    expect_ok(&plan, &r);
    assert_int_equal(r.nkeys, 2);
    assert_int_equal(r.keys[1].from, POSITIONS + 2);
    gb_audit_release(&r);
    /* One that nobody announced. */
    gb_sign_key_generate(&w->hub->keys.ledger);
    deliver(w, &(struct plan){.device = 1}, 1);
    expect_wrong(&plan, POSITIONS + 3, POSITIONS + 3, "a key out of nowhere");
}

/* ------------------------------------------------------ one's own past -- */

/*
 * The hub itself tells two histories: one handheld is shown the first, signs
 * for it, and its set is put into the second, all verdicts and signatures
 * being right.
 */
static void
a_witness(void **state)
{
    struct world *w = *state;
    struct gb_head seen;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    struct handheld before = w->h[1];
    gb_office_close(w->hub);
    assert_int_equal(sh(w, "cp -r hub kept"), 0);
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    deliver(w, &(struct plan){.device = 1}, 1);
    seen = gb_state_head(w->hub->state);
    gb_office_close(w->hub);
    assert_int_equal(sh(w, "rm -rf hub && mv kept hub"), 0);
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    w->h[1] = before; /* the set that was shown is dropped */
    deliver(w, &(struct plan){.device = 1}, 1);
    struct gb_audit_report r;
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    deliver(w, &(struct plan){.device = 2, .base = &seen}, 1);
    expect_wrong(&plan, POSITIONS + 2, POSITIONS + 2, "a witness");
    plan.head = &seen;
    expect_wrong(&plan, 1, 1, "and a remembered head");
}

/* After a restore with a new epoch, heads of the lost days are explained. */
static void
a_restored_backup(void **state)
{
    struct world *w = *state;
    struct gb_head seen;
    struct gb_buf b;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    seen = gb_state_head(w->hub->state);
    memset(seen.root, 7, sizeof seen.root);
    seen.size += 5;
    gb_buf_init(&b, 100);
    gb_tlv_number(&b, GB_SITE_EPOCH, 2);
    struct gb_op op = {.kind = GB_SITE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    deliver(w, &(struct plan){.device = 2, .base = &seen}, 1);
    expect_ok(&plan, &r);
    assert_int_equal(r.held_by[GB_CODE_BASE], 1);
    assert_int_equal(r.head.epoch, 2);
    gb_audit_release(&r);
    gb_buf_release(&b);
    seen.epoch = 2; /* the new epoch never had it */
    deliver(w, &(struct plan){.device = 1, .base = &seen}, 1);
    expect_wrong(&plan, POSITIONS + 3, POSITIONS + 3, "a head of this epoch");
}

/* Where no scratch folder can be, or somebody gives up, nothing is known. */
static void
not_checked(void **state)
{
    struct world *w = *state;
    static const sig_atomic_t stop = 1, go_on = 0;
    static char long_path[5000];
    memset(long_path, 'x', sizeof long_path - 1);
    const char *tmp = getenv("TMPDIR");
    char *mine = tmp ? strdup(tmp) : NULL;
    const struct {
        const char *folder;
        const volatile sig_atomic_t *stop;
        enum gb_audit_verdict verdict;
    } rows[] = {{NULL, NULL, GB_AUDIT_OK},
                {"", NULL, GB_AUDIT_OK},
                {"/no/such/folder", NULL, GB_AUDIT_UNCHECKED},
                {long_path, NULL, GB_AUDIT_UNCHECKED},
                {"", &go_on, GB_AUDIT_OK},
                {"", &stop, GB_AUDIT_UNCHECKED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_audit_plan plan = {.ledger = w->ledger, .stop = rows[i].stop};
        struct gb_audit_report r;
        struct gb_fail fail = {0};
        if (rows[i].folder)
            setenv("TMPDIR", rows[i].folder, 1);
        else
            unsetenv("TMPDIR");
        enum gb_err e = gb_audit_run(&plan, &r, &fail);
        assert_int_equal(r.verdict, rows[i].verdict);
        assert_int_equal(e == GB_OK, rows[i].verdict == GB_AUDIT_OK);
        gb_audit_release(&r);
    }
    if (mine)
        setenv("TMPDIR", mine, 1);
    free(mine);
    struct gb_head nothing = {.root = {1}}; /* another root of no sets */
    struct gb_audit_plan plan = {.ledger = w->ledger, .head = &nothing};
    expect_says(&plan, 0, 0, "a head of nothing", "at 0 its root is");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_sound_ledger),     TEST(a_long_ledger),
        TEST(the_reports),        TEST(no_traces),
        TEST(another_site),       TEST(remembered_heads),
        TEST(any_changed_byte),   TEST(the_first_of_many),
        TEST(all_by_another_key), TEST(a_later_ledger_key),
        TEST(a_witness),          TEST(a_restored_backup),
        TEST(not_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
