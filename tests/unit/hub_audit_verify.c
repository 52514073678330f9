/* hub_audit_verify.c - hub/audit.h: one change set against a file of signers,
 * with ssh-keygen beside it. */
#include "hub_audit_fixture.h"

#define SET "2026/11/23/000000006-1-1.gbcs"

/* --------------------------------------------------------------- times -- */

static void
times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_s; /* -1: refused */
    } rows[] = {
        {"20261123120000Z", NOON},
        {"202611231200Z", NOON},
        {"20261123Z", NOON - 43200},
        {"19700101Z", 0},
        {"20280229Z", INT64_C(1835395200)},
        {"20270229Z", -1}, /* no such day */
        {"20261301Z", -1},
        {"20261123240000Z", -1},
        {"20261123126000Z", -1},
        {"20261123120000", -1}, /* in whose time? */
        {"2026112312Z", -1},
        {"2026112 Z", -1},
        {"2026112:Z", -1},
        {"20261123X", -1},
        {"20261100Z", -1},
        {"20261123120060Z", -1},
        {"20261223246060Z", -1},
        {"-0261123Z", -1},
        {"Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t t = 0;
        bool good = gb_audit_time(gb_span_text(rows[i].text), &t);
        if (good != (rows[i].time_s >= 0) || (good && t != rows[i].time_s))
            fail_msg("%s: %d, %lld", rows[i].text, good, (long long)t);
    }
}

/* ------------------------------------------------------------- signers -- */

#define KEY                                                                    \
    "ssh-ed25519 "                                                             \
    "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

static const struct {
    const char *line;
    int found; /* -1: refused */
    const char *principals, *namespaces;
} signer_rows[] = {
    {"7@a " KEY, 1, "7@a", ""},
    {"7@a " KEY " 手持机", 1, "7@a", ""},
    {"7@a,8@a namespaces=\"x,changeset@gengbu\" " KEY, 1, "7@a,8@a",
     "x,changeset@gengbu"},
    {"  7@a NAMESPACES=\"x\",Valid-After=\"20261123Z\" " KEY "\r", 1, "7@a",
     "x"},
    {"7@a valid-after=\"20261123Z\",valid-before=\"20271123Z\" " KEY, 1, "7@a",
     ""},
    {"# 7@a " KEY, 0, NULL, NULL},
    {"", 0, NULL, NULL},
    {" \t", 0, NULL, NULL},
    {"7@a cert-authority " KEY, 0, NULL, NULL},
    {"7@a ssh-rsa AAAA", 0, NULL, NULL},
    {"7@a sk-ssh-ed25519@openssh.com AAAA", 0, NULL, NULL},
    {"7@a", -1, NULL, NULL},
    {"7@a ssh-ed25519", -1, NULL, NULL},
    {"7@a ssh-ed25519 AAAA", -1, NULL, NULL},
    {"7@a namespaces=\"\" " KEY, -1, NULL, NULL},
    {"7@a namespaces=x " KEY, -1, NULL, NULL},
    {"7@a namespaces=\"x " KEY, -1, NULL, NULL},
    {"7@a valid-after=\"20261123\" " KEY, -1, NULL, NULL},
    {"7@a valid-after=\"soon\" " KEY, -1, NULL, NULL},
    {"7@a verify-required " KEY, -1, NULL, NULL},
    {"7@a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     " " KEY,
     -1, NULL, NULL},
    {"7@a namespaces:\"x\" " KEY, -1, NULL, NULL},
    {"7@a namespaces=x\" " KEY, -1, NULL, NULL},
    {"7@a namespaces=\"x\"y " KEY, -1, NULL, NULL},
    {"7@a valid-before=\"soon\",namespaces=\"x\" " KEY, -1, NULL, NULL},
    {"\"7 a\" " KEY, -1, NULL, NULL},
    {"7@a ssh-ed25519 "
     "AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     -1, NULL, NULL}, /* the identity: fits every message */
};

static void
signers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signer_rows / sizeof *signer_rows; i++) {
        struct gb_fail f = {0};
        struct gb_audit_signer s;
        bool found;
        unsigned number = 0;
        /* In memory of its exact size, so that a sanitizer sees an overrun. */
        size_t n = strlen(signer_rows[i].line);
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, signer_rows[i].line, n);
        copy[n] = '\n';
        for (size_t lf = 0; lf < 2; lf++) {
            struct gb_span rest = GB_SPAN(copy, n + lf);
            enum gb_err e =
                gb_audit_signer_next(&rest, &number, &s, &found, &f);
            if ((e ? -1 : found) != signer_rows[i].found)
                fail_msg("%s: %d %s", copy, found, f.text);
            if (e || !found)
                continue;
            assert_true(gb_span_equal(s.principals,
                                      gb_span_text(signer_rows[i].principals)));
            assert_true(gb_span_equal(s.namespaces,
                                      gb_span_text(signer_rows[i].namespaces)));
            assert_int_equal(rest.len, 0);
        }
        free(copy);
    }
}

/* -------------------------------------------------------- verification -- */

struct files {
    struct gb_buf set, signature, signers;
};

static void
load(const struct world *w, struct files *f)
{
    struct gb_ledger *l;
    gb_buf_init(&f->set, GB_SET_MAX);
    gb_buf_init(&f->signature, 4096);
    gb_buf_init(&f->signers, 65536);
    GOOD(gb_ledger_open(&l, w->ledger, GB_LEDGER_READ, &why));
    GOOD(gb_ledger_read(l, SET, &f->set, &why));
    GOOD(gb_ledger_read(l, SET ".sig", &f->signature, &why));
    GOOD(gb_ledger_read(l, GB_SIGNERS_CHANGESETS, &f->signers, &why));
    gb_ledger_close(l);
}

static void
unload(struct files *f)
{
    gb_buf_release(&f->set);
    gb_buf_release(&f->signature);
    gb_buf_release(&f->signers);
}

/* Our verdict; where `stock` is not negative, ssh-keygen's must be that. */
static enum gb_err
verify(const struct world *w, const struct files *f, const char *identity,
       int64_t time_s, int stock)
{
    struct gb_public_key key;
    struct gb_fail fail = {0};
    char site[33], own[48], path[200];
    struct gb_audit_set in = {.signed_bytes = gb_buf_view(&f->set),
                              .signature = gb_buf_view(&f->signature),
                              .signers = gb_buf_view(&f->signers),
                              .identity = identity,
                              .time_s = time_s};
    const struct {
        const char *name;
        const struct gb_buf *bytes;
    } files[] = {{"v.set", &f->set},
                 {"v.sig", &f->signature},
                 {"v.signers", &f->signers}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i].name);
        GOOD(gb_file_write(path, gb_buf_view(files[i].bytes), 0644, &why));
    }
    gb_hex_encode(site, w->hub->site, 16);
    snprintf(own, sizeof own, "1@%s", site);
    int status = sh(w,
                    "ssh-keygen -Y verify -f v.signers -I '%s' -n "
                    "changeset@gengbu -s v.sig -O verify-time=%s <v.set "
                    ">/dev/null 2>&1",
                    identity ? identity : own,
                    time_s < NOON ? "20261122000000Z" : "20261124000000Z");
    if (stock >= 0)
        assert_int_equal(status != 0, stock);
    return gb_audit_set_verify(&in, &key, &fail);
}

static void
a_set_and_its_signer(void **state)
{
    struct world *w = *state;
    struct files f;
    char other[64], site[33];
    int64_t day = NOON + 43200, before = NOON - 129600;
    load(w, &f);
    assert_int_equal(verify(w, &f, NULL, day, 0), GB_OK);
    /* Handheld 2 does not sign for handheld 1, nor 1 for 2. */
    gb_hex_encode(site, w->hub->site, 16);
    snprintf(other, sizeof other, "2@%s", site);
    assert_int_equal(verify(w, &f, other, day, 1), GB_E_SIGNATURE);
    /* It was not enrolled yet. */
    assert_int_equal(verify(w, &f, NULL, before, 1), GB_E_SIGNATURE);
    for (size_t at = 0; at < f.set.len; at++) {
        f.set.ptr[at] ^= 0x40;
        assert_int_not_equal(verify(w, &f, NULL, day, -1), GB_OK);
        f.set.ptr[at] ^= 0x40;
        at += 9;
    }
    for (size_t at = 0; at < f.signature.len; at++) {
        f.signature.ptr[at] ^= 0x02;
        assert_int_not_equal(verify(w, &f, NULL, day, -1), GB_OK);
        f.signature.ptr[at] ^= 0x02;
        at += 9;
    }
    /* What ssh-keygen lets pass and we do not: a line behind the armor. */
    gb_buf_text(&f.signature, "and more\n");
    assert_int_equal(verify(w, &f, NULL, day, 0), GB_E_FORMAT);
    f.signature.len -= 9;
    gb_buf_text(&f.set, "x");
    assert_int_equal(verify(w, &f, NULL, day, 1), GB_E_SIGNATURE);
    unload(&f);
}

/* Cut short anywhere, or empty: refused, and nothing is read beyond. */
static void
cut_short(void **state)
{
    struct world *w = *state;
    struct files f;
    struct gb_buf *cut[] = {&f.set, &f.signature};
    load(w, &f);
    for (size_t k = 0; k < 2; k++)
        for (size_t all = cut[k]->len, len = 0; len < all; len++) {
            struct gb_public_key key;
            struct gb_fail fail = {0};
            uint8_t *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, cut[k]->ptr, len);
            struct gb_span part = GB_SPAN(copy, len);
            struct gb_audit_set in = {
                .signed_bytes = k ? gb_buf_view(&f.set) : part,
                .signature = k ? part : gb_buf_view(&f.signature),
                .signers = gb_buf_view(&f.signers),
                .time_s = NOON + 43200};
            assert_int_not_equal(gb_audit_set_verify(&in, &key, &fail), GB_OK);
            assert_int_not_equal(strlen(fail.text), 0);
            free(copy);
        }
    unload(&f);
}

/* Good signatures, of something else or by somebody else. */
static void
other_signatures(void **state)
{
    struct world *w = *state;
    struct files f;
    const struct gb_sign_key *one = &w->h[1].sign, *two = &w->h[2].sign;
    const struct gb_sign_key *ledger = &w->hub->keys.ledger;
    const struct {
        const struct gb_sign_key *by, *named; /* who it says it is by */
        const char *ns, *says;
        bool other; /* of other bytes */
        enum gb_err ours;
    } rows[] = {
        {one, one, GB_NS_CHANGESET, GB_NS_CHANGESET, false, GB_OK},
        {one, one, GB_NS_CHANGESET, GB_NS_CHANGESET, true, GB_E_SIGNATURE},
        {one, one, GB_NS_REQUEST, GB_NS_REQUEST, false, GB_E_SIGNATURE},
        {one, one, GB_NS_REQUEST, GB_NS_CHANGESET, false, GB_E_SIGNATURE},
        {two, two, GB_NS_CHANGESET, GB_NS_CHANGESET, false, GB_E_SIGNATURE},
        {two, one, GB_NS_CHANGESET, GB_NS_CHANGESET, false, GB_E_SIGNATURE},
        {ledger, ledger, GB_NS_CHANGESET, GB_NS_CHANGESET, false,
         GB_E_SIGNATURE},
    };
    load(w, &f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_span all = gb_buf_view(&f.set);
        struct gb_signature sig = gb_sshsig_sign(
            rows[i].by, rows[i].ns, GB_SPAN(all.ptr, all.len - rows[i].other));
        gb_buf_clear(&f.signature);
        gb_sshsig_armor(&f.signature, &rows[i].named->public_key, rows[i].says,
                        &sig);
        if (verify(w, &f, NULL, NOON + 43200, rows[i].ours != GB_OK) !=
            rows[i].ours)
            fail_msg("signature %zu", i);
    }
    unload(&f);
}

/* The same key, for another purpose, another time, or in a broken file. */
static void
a_file_of_signers(void **state)
{
    struct world *w = *state;
    struct files f;
    static const struct {
        const char *options;
        int stock;
        enum gb_err ours;
    } rows[] = {
        {"", 0, GB_OK},
        {"namespaces=\"changeset@gengbu\" ", 0, GB_OK},
        {"namespaces=\"git,changeset@gengbu\" ", 0, GB_OK},
        {"namespaces=\"git\" ", 1, GB_E_SIGNATURE},
        {"namespaces=\"*\" ", 0, GB_E_SIGNATURE}, /* no patterns here */
        {"valid-before=\"20261123Z\" ", 1, GB_E_SIGNATURE},
        {"valid-before=\"20261201Z\" ", 0, GB_OK},
        {"valid-after=\"20261125Z\" ", 1, GB_E_SIGNATURE},
        {"cert-authority ", 1, GB_E_SIGNATURE},
        {"valid-after=\"20261125\" ", -1, GB_E_FORMAT},
        {"namespaces=\"changeset@gengbu,!change*\" ", 1, GB_E_SIGNATURE},
        {"namespaces=\"git\",namespaces=\"changeset@gengbu\" ", 1, GB_E_FORMAT},
        {"valid-after=\"20270101Z\",valid-after=\"20260101Z\" ", 1,
         GB_E_FORMAT},
        {"valid-before=\"20260101Z\",valid-before=\"20270101Z\" ", 1,
         GB_E_FORMAT},
    };
    load(w, &f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gb_buf_clear(&f.signers);
        gb_buf_printf(&f.signers, "someone,tester %s", rows[i].options);
        GOOD(gb_key_line(&f.signers, &w->h[1].sign.public_key, "", &why));
        gb_buf_text(&f.signers, "\n");
        if (verify(w, &f, "tester", NOON + 43200, rows[i].stock) !=
            rows[i].ours)
            fail_msg("%s", rows[i].options);
        assert_int_not_equal(verify(w, &f, NULL, NOON + 43200, 1), GB_OK);
    }
    gb_buf_clear(&f.signers);
    assert_int_equal(verify(w, &f, NULL, NOON + 43200, 1), GB_E_SIGNATURE);
    gb_buf_text(&f.signers, "tester,!test* ");
    GOOD(gb_key_line(&f.signers, &w->h[1].sign.public_key, "", &why));
    assert_int_equal(verify(w, &f, "tester", NOON + 43200, 1), GB_E_SIGNATURE);
    unload(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(signers),
        cmocka_unit_test_setup_teardown(a_set_and_its_signer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_signatures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_signers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
