/* hub_ledger_text.c - hub/ledger_text.h: paths, messages, signers. */
#include "hub_ledger_fixture.h"

#include "support/alloc.h"

/* ------------------------------------------------------------- paths -- */

static void
paths_both_ways(void **state)
{
    (void)state;
    static const struct {
        struct gb_ledger_name name;
        int64_t time_s;
        const char *path;
    } cases[] = {
        {{GB_LEDGER_SET, 2026, 11, 23, 1042, 7, 31},
         NOON,
         "2026/11/23/000001042-7-31.gbcs"},
        {{GB_LEDGER_SIGNATURE, 2026, 11, 23, 1042, 7, 31},
         NOON,
         "2026/11/23/000001042-7-31.gbcs.sig"},
        {{GB_LEDGER_BATCH, 2026, 11, 23, 1042, 0, 0},
         NOON,
         "2026/11/23/000001042.batch"},
        {{GB_LEDGER_SET, 1970, 1, 1, 1, 0, 1},
         0,
         "1970/01/01/000000001-0-1.gbcs"},
        {{GB_LEDGER_SET, 2028, 2, 29, 123456789012345678, 8191, 4294967295},
         INT64_C(1835481599),
         "2028/02/29/123456789012345678-8191-4294967295.gbcs"},
        {{GB_LEDGER_BATCH, 2000, 2, 29, 1, 0, 0},
         INT64_C(951782400),
         "2000/02/29/000000001.batch"},
        {{GB_LEDGER_SET, 1970, 1, 1, 7, 3, 0}, /* a number that is none */
         0,
         "1970/01/01/000000007-3-0.gbcs"},
        {{GB_LEDGER_BATCH, 9999, 12, 31, 1000000000, 0, 0},
         INT64_C(253402300799),
         "9999/12/31/1000000000.batch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[GB_LEDGER_NAME_MAX];
        struct gb_ledger_name n, want = cases[i].name;
        gb_ledger_name_write(path, &want, cases[i].time_s);
        assert_string_equal(path, cases[i].path);
        assert_true(gb_ledger_name_read(&n, path));
        assert_int_equal(n.kind, want.kind);
        assert_int_equal(n.year, want.year);
        assert_int_equal(n.month, want.month);
        assert_int_equal(n.day, want.day);
        assert_int_equal(n.position, want.position);
        assert_int_equal(n.device, want.device);
        assert_int_equal(n.seq, want.seq);
    }
}

static void
other_paths(void **state)
{
    (void)state;
    struct gb_ledger_name n;
    static const char *const others[] = {"signers/hub", "schema/a.sql",
                                         ".gitattributes", "", "巡更"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(gb_ledger_name_read(&n, others[i]));
        assert_int_equal(n.kind, GB_LEDGER_OTHER);
    }
    static const char *const bad[] = {
        "2026",
        "2026/11/23",
        "2026/11/23/",
        "2026/11/23/1042-7-31.gbcs",
        "2026/11/23/000001042-7-31.gbc",
        "2026/11/23/000001042-7-31.gbcs.sigx",
        "2026/11/23/000001042-7-31.gbcsx",
        "2026/11/23/000001042-8192-31.gbcs",
        "2026/11/23/000001042-7-00.gbcs",
        "2026/11/23/000001042-7-4294967296.gbcs",
        "2026/11/23/000001042-07-31.gbcs",
        "2026/11/23/000000000-7-31.gbcs",
        "2026/11/23/000000000.batch",
        "2026/11/23/0000001042.batch",
        "2026/11/23/000001042.batch.sig",
        "2026/11/23/000001042-7.batch",
        "2026/11/23/1234567890123456789.batch",
        "2026/11/31/000001042.batch",
        "2026/02/29/000001042.batch",
        "2100/02/29/000001042.batch",
        "2000/02/30/000001042.batch",
        "2028/02/30/000001042.batch",
        "2026/13/01/000001042.batch",
        "2026/00/01/000001042.batch",
        "2026/11/00/000001042.batch",
        "2026/11/3/000001042.batch",
        "1969/12/31/000001042.batch",
        "02026/11/23/000001042.batch",
        "2026/11/23/ 00001042.batch",
        "2026/11/23/-00001042.batch",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (gb_ledger_name_read(&n, bad[i]))
            fail_msg("%s was taken", bad[i]);
}

/* ----------------------------------------------------------- messages -- */

#define ROOT "00ff00000000000000000000000000000000000000000000000000000000ab01"

static void
messages_both_ways(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    struct gb_ledger_message m = {1042, {3, 1044, {0}}}, back;
    struct gb_buf b;
    m.head.root[1] = 0xff;
    m.head.root[30] = 0xab;
    m.head.root[31] = 1;
    gb_buf_init(&b, 1000);
    gb_ledger_message_write(&b, &m);
    gb_buf_u8(&b, 0);
    assert_string_equal((char *)b.ptr,
                        "batch 1042..1044\n\nTree-Head: 3 1044 " ROOT "\n");
    struct gb_span text = GB_SPAN(b.ptr, b.len - 1);
    must(gb_ledger_message_read(&back, text, &fail), &fail);
    assert_int_equal(back.first, 1042);
    assert_int_equal(back.head.epoch, 3);
    assert_int_equal(back.head.size, 1044);
    assert_memory_equal(back.head.root, m.head.root, sizeof m.head.root);
    gb_buf_release(&b);
}

static void
other_messages(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "batch 1..1\n",
        "batch 0..1\n\nTree-Head: 0 1 " ROOT "\n",
        "batch 2..1\n\nTree-Head: 0 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: 0 2 " ROOT "\n",
        "batch 1..2\n\nTree-Head: 0 1 " ROOT "\n",
        "batch 01..1\n\nTree-Head: 0 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: 00 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: -1 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: 4294967296 1 " ROOT "\n",
        "batch 1..1\nTree-Head: 0 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head:  0 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: 0 1 " ROOT,
        "batch 1..1\n\nTree-Head: 0 1 " ROOT "\n\n",
        "batch 1..1\n\nTree-Head: 0 1 " ROOT "0\n",
        "batch 1..1\n\nTree-Head: 0 1 A0FF" ROOT "\n",
        "batch 1..1\n\nhello\n\nTree-Head: 0 1 " ROOT "\n",
        "batch 1..1\n\nTree-Head: 0 1 " ROOT "\nTree-Head: 0 1 " ROOT "\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_fail fail = {0};
        struct gb_ledger_message m;
        if (gb_ledger_message_read(&m, gb_span_text(bad[i]), &fail) !=
            GB_E_FORMAT)
            fail_msg("%s was taken", bad[i]);
    }
    struct gb_fail fail = {0};
    struct gb_ledger_message m;
    static const char good[] = "batch 1..1\n\nTree-Head: 0 1 " ROOT "\n";
    must(gb_ledger_message_read(&m, gb_span_text(good), &fail), &fail);
    /* A NUL does not end it early. */
    assert_int_equal(
        gb_ledger_message_read(&m, GB_SPAN(good, sizeof good), &fail),
        GB_E_FORMAT);
    char upper[sizeof good];
    memcpy(upper, good, sizeof good);
    *strrchr(upper, 'a') = 'A';
    assert_int_equal(gb_ledger_message_read(&m, gb_span_text(upper), &fail),
                     GB_E_FORMAT);
}

/* ------------------------------------------------------------ signers -- */

/* A text longer than any message, and a signer until behind the last year. */
static void
too_much(void **state)
{
    (void)state;
    static const char long_text[300] = "batch 1..2";
    struct gb_ledger_message m;
    struct gb_buf b;
    struct gb_signer s = {.principal = "ledger@gengbu",
                          .ns = "git",
                          .after_s = NOON,
                          .before_s = INT64_C(253402300800)};
    assert_int_equal(
        gb_ledger_message_read(&m, GB_SPAN(long_text, sizeof long_text), NULL),
        GB_E_FORMAT);
    gb_buf_init(&b, 1000);
    assert_int_equal(gb_signer_write(&b, &s, NULL), GB_E_VALUE);
    gb_buf_release(&b);
}

static void
lines_of_signers(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_buf b;
    char want[1000];
    struct gb_signer s = {.principal = "device-7@gengbu",
                          .ns = GB_NS_CHANGESET,
                          .key = w->key.public_key};
    struct gb_buf key;
    gb_buf_init(&key, GB_KEY_LINE_MAX);
    must(gb_key_line(&key, &s.key, "", &fail), &fail);
    gb_buf_init(&b, 1000);
    must(gb_signer_write(&b, &s, &fail), &fail);
    s.after_s = NOON;
    must(gb_signer_write(&b, &s, &fail), &fail);
    s.before_s = NOON + 3661;
    must(gb_signer_write(&b, &s, &fail), &fail);
    gb_buf_u8(&b, 0);
#define START "device-7@gengbu namespaces=\"changeset@gengbu\""
#define AFTER ",valid-after=\"20261123120000Z\""
    int n = (int)key.len;
    const char *k = (const char *)key.ptr;
    snprintf(want, sizeof want,
             START " %.*s\n" START AFTER " %.*s\n" START AFTER
                   ",valid-before=\"20261123130101Z\" %.*s\n",
             n, k, n, k, n, k);
    assert_string_equal((char *)b.ptr, want);
    gb_buf_release(&key);

    static const char *const bad[] = {"", "a b", "a,b", "*", "a\"", "七"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gb_signer t = s;
        t.principal = bad[i];
        assert_int_equal(gb_signer_write(&b, &t, &fail), GB_E_VALUE);
        t = s;
        t.ns = bad[i];
        assert_int_equal(gb_signer_write(&b, &t, &fail), GB_E_VALUE);
    }
    s.after_s = -1;
    assert_int_equal(gb_signer_write(&b, &s, &fail), GB_E_VALUE);
    s.after_s = INT64_C(253402300800);
    assert_int_equal(gb_signer_write(&b, &s, &fail), GB_E_VALUE);
    gb_buf_release(&b);
}

/* ssh-keygen reads the times as UTC wherever it stands. */
static void
times_of_signers(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_buf b;
    struct gb_span message = gb_span_text("更簿");
    struct gb_signature sig = gb_sshsig_sign(&w->key, GB_NS_CHANGESET, message);
    struct gb_signer s = {.principal = "d7",
                          .ns = GB_NS_CHANGESET,
                          .after_s = NOON,
                          .before_s = NOON + 60,
                          .key = w->key.public_key};
    put(w, "message", message);
    gb_buf_init(&b, 1000);
    gb_sshsig_armor(&b, &w->key.public_key, GB_NS_CHANGESET, &sig);
    put(w, "sig", gb_buf_view(&b));
    gb_buf_clear(&b);
    must(gb_signer_write(&b, &s, &fail), &fail);
    put(w, "signers", gb_buf_view(&b));
    gb_buf_release(&b);
    static const struct {
        const char *zone, *time;
        bool good;
    } cases[] = {
        {"UTC", "20261123115959Z", false},
        {"UTC", "20261123120001Z", true},
        {"UTC", "20261123120101Z", false},
        {"Asia/Shanghai", "20261123115959Z", false},
        {"Asia/Shanghai", "20261123120001Z", true},
        {"America/New_York", "20261123120101Z", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = sh(w,
                        "TZ=%s ssh-keygen -Y verify -f signers -I d7 -n "
                        "changeset@gengbu -s sig -O verify-time=%s <message",
                        cases[i].zone, cases[i].time);
        if ((status == 0) != cases[i].good)
            fail_msg("%s in %s: %s", cases[i].time, cases[i].zone,
                     slurp(w, "out"));
    }
}

static enum gb_err
write_and_read(void *arg, struct gb_fail *fail)
{
    const struct world *w = arg;
    struct gb_ledger_message m = {1, {0, 1, {0}}};
    struct gb_signer s = {
        .principal = "d7", .ns = GB_NS_GIT, .key = w->key.public_key};
    struct gb_buf b;
    gb_buf_init(&b, 1000);
    gb_ledger_message_write(&b, &m);
    enum gb_err err = gb_buf_check(&b, "message", fail);
    if (!err)
        err = gb_ledger_message_read(&m, gb_buf_view(&b), fail);
    if (!err)
        err = gb_signer_write(&b, &s, fail);
    gb_buf_release(&b);
    return err;
}

static void
text_without_memory(void **state)
{
    alloc_sweep(write_and_read, *state);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_both_ways),
        cmocka_unit_test(other_paths),
        cmocka_unit_test(messages_both_ways),
        cmocka_unit_test(other_messages),
        T(too_much),
        T(lines_of_signers),
        T(times_of_signers),
        T(text_without_memory),
    };
    return cmocka_run_group_tests_name("hub_ledger_text", tests, NULL, NULL);
}
