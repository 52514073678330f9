/* hub_audit_forgery.c - hub/audit.h: what somebody who has the ledger's key
 * may do to a commit, and sign it again. */
#include "hub_audit_fixture.h"

#include "hub/replay.h"

/* What is done to a commit. */
typedef void forge_fn(struct forgery *f);

static void
swap_sets(struct forgery *f)
{
    static const char *const ends[][2] = {{"-2-2.gbcs", "-1-4.gbcs"},
                                          {"-2-2.gbcs.sig", "-1-4.gbcs.sig"}};
    for (size_t i = 0; i < 2; i++) {
        size_t a = forge_find(f, ends[i][0]), b = forge_find(f, ends[i][1]);
        struct gb_buf t = f->bytes[a];
        f->bytes[a] = f->bytes[b];
        f->bytes[b] = t;
    }
}

static void
drop_set(struct forgery *f)
{
    forge_drop(f, forge_find(f, "-2-2.gbcs"));
}

static void
drop_signature(struct forgery *f)
{
    forge_drop(f, forge_find(f, "-1-4.gbcs.sig"));
}

static void
drop_batch(struct forgery *f)
{
    forge_drop(f, forge_find(f, ".batch"));
}

/* The second line and its files are gone, the message says so. */
static void
drop_line(struct forgery *f)
{
    size_t i = forge_find(f, ".batch");
    uint8_t *end = memchr(f->bytes[i].ptr, '\n', f->bytes[i].len);
    f->bytes[i].len = (size_t)(end - f->bytes[i].ptr) + 1;
    forge_drop(f, forge_find(f, "-1-4.gbcs"));
    forge_drop(f, forge_find(f, "-1-4.gbcs.sig"));
    char *at = strstr(f->message, "..12");
    memcpy(at, "..11", 4);
    at = strstr(f->message, " 12 ");
    memcpy(at, " 11 ", 4);
}

static void
half_a_line(struct forgery *f)
{
    f->bytes[forge_find(f, ".batch")].len--;
}

static void
a_line_begun(struct forgery *f)
{
    gb_buf_text(&f->bytes[forge_find(f, ".batch")], "1");
}

static void
half_a_line_and_more(struct forgery *f)
{
    half_a_line(f);
    forge_add(f, "2026/notes", gb_span_text("x"));
}

/* More than blame is looked for in, and a file that stops all of it. */
static void
many_lines(struct forgery *f)
{
    struct gb_buf *b = &f->bytes[forge_find(f, ".batch")];
    size_t at = (size_t)((uint8_t *)memchr(b->ptr, '\n', b->len) - b->ptr) + 1;
    struct gb_arena arena;
    struct gb_line l;
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_line_read(GB_SPAN(b->ptr + at, b->len - at), &arena, &l, &why));
    for (l.pos = 13; l.pos <= 9999; l.pos++)
        gb_line_write(&l, b);
    gb_arena_release(&arena);
    forge_add(f, "2026/notes", gb_span_text("x"));
    char *head = strstr(f->message, " 12 "), rest[sizeof f->message];
    snprintf(rest, sizeof rest, "%s", head + 4);
    snprintf(f->message, sizeof f->message,
             "batch 11..9999\n\nTree-Head: 1 9999 %.100s", rest);
}

static void
two_lines_more(struct forgery *f)
{
    gb_buf_text(&f->bytes[forge_find(f, ".batch")], "\n\n");
}

static void
rename_set(struct forgery *f)
{
    size_t i = forge_find(f, "-2-2.gbcs");
    memcpy(strstr(f->paths[i], "-2-2"), "-2-3", 4);
}

static void
older_set(struct forgery *f)
{
    forge_add(f, "2026/11/23/000000006-1-1.gbcs", gb_span_text("x"));
}

static void
older_batch(struct forgery *f)
{
    forge_add(f, "2026/11/23/000000006.batch", gb_span_text("x"));
}

static void
later_set(struct forgery *f)
{
    forge_add(f, "2026/11/23/000000099-1-1.gbcs", gb_span_text("x"));
}

static void
batch_of_the_next(struct forgery *f)
{
    memcpy(strstr(f->paths[forge_find(f, ".batch")], "11.b"), "12", 2);
}

static void
another_batch(struct forgery *f)
{
    forge_add(f, "2026/11/24/000000011.batch", gb_span_text("x"));
}

static void
odd_name(struct forgery *f)
{
    forge_add(f, "2026/notes", gb_span_text("x"));
}

static void
extra_file(struct forgery *f)
{
    forge_add(f, "signers/friends", gb_span_text("x"));
}

static void
other_signers(struct forgery *f)
{
    forge_add(f, GB_SIGNERS_CHANGESETS, gb_span_text("x\n"));
}

static void
other_schema(struct forgery *f)
{
    forge_add(f, "schema/0001/w.sql", gb_span_text("-- nothing\n"));
}

static void
other_attributes(struct forgery *f)
{
    forge_add(f, ".gitattributes", gb_span_text("* text\n"));
}

static void
other_key(struct forgery *f)
{
    gb_sign_key_generate(&f->key);
}

static void
other_time(struct forgery *f)
{
    f->time_s++;
}

static void
other_day(struct forgery *f)
{
    f->time_s += 86400;
}

static void
other_site(struct forgery *f)
{
    snprintf(f->site, sizeof f->site, "other");
}

static void
other_words(struct forgery *f)
{
    snprintf(f->message, sizeof f->message, "batch 11..12\n");
}

static void
other_epoch(struct forgery *f)
{
    *strstr(f->message, "Head: 1") = 'h';
}

static void
next_epoch(struct forgery *f)
{
    *(strstr(f->message, "Head: 1") + 6) = '2';
}

static void
signers_as_before(struct forgery *f)
{
    forge_drop(f, forge_find(f, GB_SIGNERS_CHANGESETS));
}

static void
other_root(struct forgery *f)
{
    char *at = f->message + strlen(f->message) - 2;
    *at = *at == '0' ? '1' : '0';
}

static void
hole(struct forgery *f)
{
    memcpy(strstr(f->message, "11.."), "12..", 4);
}

static void
bytes_at_the_end(struct forgery *f)
{
    gb_buf_text(&f->bytes[forge_find(f, "-2-2.gbcs")], "x");
}

static void
lf_behind_signature(struct forgery *f)
{
    gb_buf_text(&f->bytes[forge_find(f, "-1-4.gbcs.sig")], "\n");
}

static void
empty_set(struct forgery *f)
{
    f->bytes[forge_find(f, "-1-4.gbcs")].len = 0;
}

/* Put a number in place of field `n` of the first line. */
static void
line_field(struct forgery *f, int n, const char *text)
{
    struct gb_buf *b = &f->bytes[forge_find(f, ".batch")], line;
    size_t at = 0, end;
    gb_buf_init(&line, 1 << 20);
    for (; n; at++)
        n -= b->ptr[at] == ' ';
    for (end = at; b->ptr[end] != ' '; end++)
        ;
    gb_buf_add(&line, b->ptr, at);
    gb_buf_text(&line, text);
    gb_buf_add(&line, b->ptr + end, b->len - end);
    gb_buf_release(b);
    *b = line;
}

static void
received_before_1970(struct forgery *f)
{
    line_field(f, 4, "-5");
}

static void
received_after_9999(struct forgery *f)
{
    line_field(f, 4, "9223372036854775807");
}

static void
huge_adjustment(struct forgery *f)
{
    line_field(f, 5, "9223372036854775807");
}

static void
negative_adjustment(struct forgery *f)
{
    line_field(f, 5, "-9223372036854775807");
}

static void
later_than_the_next(struct forgery *f)
{
    char ms[32];
    snprintf(ms, sizeof ms, "%lld", (long long)f->time_s * 1000 + 999);
    line_field(f, 4, ms);
}

static void
of_another_device(struct forgery *f)
{
    line_field(f, 1, "7");
}

static void
of_another_number(struct forgery *f)
{
    line_field(f, 2, "77");
}

static void
of_other_bytes(struct forgery *f)
{
    line_field(
        f, 3,
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
}

/* The set of the first line into another folder. */
static void
into_folder(struct forgery *f, size_t at, char digit)
{
    f->paths[forge_find(f, "-2-2.gbcs")][at] = digit;
}

static void
another_year(struct forgery *f)
{
    into_folder(f, 3, '7'); /* 2027/11/23 */
}

static void
another_month(struct forgery *f)
{
    into_folder(f, 6, '2'); /* 2026/12/23 */
}

static void
another_day(struct forgery *f)
{
    into_folder(f, 9, '4'); /* 2026/11/24 */
}

static void
another_era(struct forgery *f)
{
    f->time_s = INT64_C(300000000000);
}

static void
no_sets(struct forgery *f)
{
    memcpy(strstr(f->message, " 12 "), " 13 ", 4);
}

static void
odd_signers(struct forgery *f)
{
    forge_add(f, "signers/ledger", gb_span_text("x\n"));
}

static void
short_signers(struct forgery *f)
{
    f->bytes[forge_find(f, "signers/ledger")].len = 3;
}

static void
of_an_older_position(struct forgery *f)
{
    forge_add(f, "2026/11/23/000000003-7-7.gbcs", gb_span_text("x"));
}

static void
many_adjustments(struct forgery *f)
{
    line_field(f, 5, "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
}

static void
no_adjustment(struct forgery *f)
{
    line_field(f, 5, "-");
}

static void
huge_position(struct forgery *f)
{
    line_field(f, 0, "999999999999999999");
}

/* Write over the end of the first line's verdict. */
static void
verdict(struct forgery *f, const char *is, const char *shall)
{
    struct gb_buf *b = &f->bytes[forge_find(f, ".batch")], line;
    uint8_t *at = memmem(b->ptr, b->len, is, strlen(is));
    assert_non_null(at);
    gb_buf_init(&line, 1 << 20);
    gb_buf_add(&line, b->ptr, (size_t)(at - b->ptr));
    gb_buf_text(&line, shall);
    at += strlen(is);
    gb_buf_add(&line, at, (size_t)(b->ptr + b->len - at));
    gb_buf_release(b);
    *b = line;
}

static void
not_quarantined(struct forgery *f)
{
    verdict(f, " 0=RANGE", "");
}

static void
quarantined_otherwise(struct forgery *f)
{
    verdict(f, "0=RANGE", "0=EXISTS");
}

static void
no_fork(struct forgery *f)
{
    verdict(f, "fork", "applied");
}

static void
fork_held(struct forgery *f)
{
    verdict(f, "fork", "held:BASE");
}

static void
called_a_fork(struct forgery *f)
{
    verdict(f, "held:SCHEMA", "fork");
}

static void
held_otherwise(struct forgery *f)
{
    verdict(f, "held:SCHEMA", "held:MALFORMED");
}

static const struct {
    const char *what;
    forge_fn *fn;
    uint64_t at; /* where that must be found */
    size_t back; /* the commit: so many before the last */
    enum gb_err
        replay; /* what a rebuild makes of it, which believes the rest */
} forgeries[] = {
    {"two sets swapped", swap_sets, 11, 0, GB_E_LEDGER},
    {"a set gone", drop_set, 11, 0, GB_E_LEDGER},
    {"a signature gone", drop_signature, 12, 0, GB_E_LEDGER},
    {"no batch", drop_batch, 11, 0, GB_E_LEDGER},
    {"a line gone, with its files", drop_line, 11, 0, GB_OK},
    {"half a line", half_a_line, 11, 0, GB_E_FORMAT},
    {"a line that is begun", a_line_begun, 11, 0, GB_E_FORMAT},
    {"half a line, an odd name", half_a_line_and_more, 11, 0, GB_E_FORMAT},
    {"many lines, an odd name", many_lines, 11, 0, GB_E_LEDGER},
    {"empty lines", two_lines_more, 11, 0, GB_E_FORMAT},
    {"a set renamed", rename_set, 11, 0, GB_E_LEDGER},
    {"an old set written over", older_set, 6, 0, GB_E_LEDGER},
    {"an old batch written over", older_batch, 6, 0, GB_E_LEDGER},
    {"a set too many", later_set, 11, 0, GB_OK},
    {"a batch too many", another_batch, 11, 0, GB_E_LEDGER},
    {"a batch of another position", batch_of_the_next, 11, 0, GB_OK},
    {"an odd name", odd_name, 11, 0, GB_OK},
    {"a file too many", extra_file, 11, 0, GB_OK},
    {"other signers", other_signers, 11, 0, GB_OK},
    {"another schema", other_schema, 11, 0, GB_OK},
    {"other attributes", other_attributes, 11, 0, GB_OK},
    {"signed by another key", other_key, 11, 0, GB_OK},
    {"a second later", other_time, 11, 0, GB_OK},
    {"a day later", other_day, 11, 0, GB_OK},
    {"another site", other_site, 11, 0, GB_OK},
    {"no tree head", other_words, 11, 0, GB_OK},
    {"no tree head for us", other_epoch, 11, 0, GB_OK},
    {"a tree head of the next epoch", next_epoch, 11, 0, GB_OK},
    {"a device that signers/ does not name", signers_as_before, 4,
     COMMITS - 1 - 3, GB_OK},
    {"another root", other_root, 11, 0, GB_OK},
    {"a hole", hole, 11, 0, GB_OK},
    {"bytes behind a set", bytes_at_the_end, 11, 0, GB_E_LEDGER},
    {"a line behind a signature", lf_behind_signature, 12, 0, GB_OK},
    {"an empty set", empty_set, 12, 0, GB_E_FORMAT},
    {"before 1970", received_before_1970, 11, 0, GB_E_FORMAT},
    {"after 9999", received_after_9999, 11, 0, GB_E_FORMAT},
    {"a first commit of another site", other_site, 1, COMMITS - 1, GB_OK},
    {"a first commit without signers", short_signers, 1, COMMITS - 1, GB_OK},
    {"a set of an older position", of_an_older_position, 11, 0, GB_OK},
    {"a huge adjustment", huge_adjustment, 11, 0, GB_OK},
    {"another year's folder", another_year, 11, 0, GB_E_LEDGER},
    {"another month's folder", another_month, 11, 0, GB_E_LEDGER},
    {"another day's folder", another_day, 11, 0, GB_E_LEDGER},
    {"a commit of another era", another_era, 11, 0, GB_OK},
    {"a tree head of another size", no_sets, 11, 0, GB_OK},
    {"signers that are none", odd_signers, 11, 0, GB_OK},
    {"a negative adjustment", negative_adjustment, 11, 0, GB_OK},
    {"a set before its time", later_than_the_next, 12, 0, GB_OK},
    {"a line of another device", of_another_device, 11, 0, GB_E_LEDGER},
    {"a line of another number", of_another_number, 11, 0, GB_E_LEDGER},
    {"a line of other bytes", of_other_bytes, 11, 0, GB_E_LEDGER},
    {"many adjustments", many_adjustments, 11, 0, GB_E_LEDGER},
    {"a huge position", huge_position, 11, 0, GB_E_LEDGER},
    {"not quarantined", not_quarantined, 8, 3, GB_E_LEDGER},
    {"quarantined otherwise", quarantined_otherwise, 8, 3, GB_E_LEDGER},
    {"no fork", no_fork, 9, 2, GB_E_LEDGER},
    {"a fork that is held", fork_held, 9, 2, GB_E_LEDGER},
    {"called a fork", called_a_fork, 10, 1, GB_E_LEDGER},
    {"held otherwise", held_otherwise, 10, 1, GB_E_LEDGER},
};

/* What a hub that is rebuilt makes of it, without the auditor's eyes. */
static enum gb_err
replayed(const struct world *w)
{
    struct gb_ledger *l;
    struct gb_ledger_log log;
    struct gb_state *st;
    struct gb_fail fail = {0};
    GOOD(gb_ledger_open(&l, w->forged, GB_LEDGER_READ, &why));
    GOOD(gb_ledger_log(l, NULL, &log, &why));
    GOOD(gb_state_open(":memory:", w->hub->site, &st, &why));
    struct gb_replay r = {.state = st, .ledger = l};
    GOOD(gb_state_begin(st, &why));
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < log.count && !e; i++)
        e = gb_replay_commit(&r, &log.commits[i], &fail);
    gb_state_rollback(st);
    gb_state_close(st);
    gb_ledger_log_release(&log);
    gb_ledger_close(l);
    return e;
}

static void
any_forgery(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        struct forgery f;
        size_t n = COMMITS - 1 - forgeries[i].back;
        forge_begin(w, &f, n);
        forge_copy(w, n);
        forgeries[i].fn(&f);
        forge_commit(w, &f);
        expect_wrong(&plan, forgeries[i].at, forgeries[i].at,
                     forgeries[i].what);
        assert_int_equal(replayed(w), forgeries[i].replay);
        forge_end(&f);
    }
}

/* The last commit without its signature. */
static void
an_unsigned_commit(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_copy(w, COMMITS);
    assert_int_equal(
        sh(w, "cd forged.git && c=$(git cat-file commit main |"
              " sed '/^gpgsig/,/END/d' | git hash-object -t commit -w --stdin)"
              " && echo $c >refs/heads/main"),
        0);
    expect_says(&plan, 11, 12, "an unsigned commit", "it is not signed");
}

/* "-" is for sets that cannot be read: it would pass for no adjustment. */
static void
no_adjustment_of_a_good_set(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    struct forgery f;
    forge_begin(w, &f, COMMITS - 1);
    forge_copy(w, COMMITS - 1);
    no_adjustment(&f);
    forge_commit(w, &f);
    expect_says(&plan, 11, 11, "no adjustment",
                "0 clock adjustments for 1 boots");
    forge_end(&f);
}

/* The hub's next schema, with one more table: positions 14, and 15, which
 * releases the set at 13 that waits for it. */
static void
next_schema(struct world *w)
{
    const struct gb_schema_file files[] = {
        {"w.sql", gb_span_text(audit_schema)},
        {"x.sql", gb_span_text("CREATE TABLE x(id INTEGER PRIMARY KEY) STRICT;"
                               "\n")}};
    struct gb_buf pack, payload;
    deliver(w, &(struct plan){.device = 2, .schema = 2}, 1);
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(files, 2, &pack, &why));
    gb_buf_init(&payload, GB_SET_MAX);
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, 2);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, gb_buf_view(&pack));
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&payload)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&payload);
    gb_buf_release(&pack);
    gb_ledger_log_release(&w->log);
    open_log(w);
}

/* The last line of the batch and its files are gone, and the tree head is that
 * of the line before. */
static void
drop_last_line(const struct world *w, struct forgery *f, const char *name)
{
    struct gb_buf *b = &f->bytes[forge_find(f, ".batch")], message;
    char path[64];
    uint64_t size = gb_state_size(w->hub->state) - 1;
    struct gb_ledger_message m = {.first = size};
    while (b->len > 1 && b->ptr[b->len - 2] != '\n')
        b->len--;
    b->len--;
    forge_drop(f, forge_find(f, name));
    snprintf(path, sizeof path, "%s.sig", name);
    forge_drop(f, forge_find(f, path));
    GOOD(gb_state_head_at(w->hub->state, size, &m.head, &why));
    gb_buf_init(&message, sizeof f->message);
    gb_ledger_message_write(&message, &m);
    snprintf(f->message, sizeof f->message, "%.*s", (int)message.len,
             (const char *)message.ptr);
    gb_buf_release(&message);
}

/* A hub that has what an operation waited for, and does not release it. */
static void
left_waiting(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->ledger};
    struct gb_audit_report r;
    struct forgery f;
    next_schema(w);
    assert_int_equal(gb_state_size(w->hub->state), 15);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    forge_begin(w, &f, w->log.count - 1);
    forge_copy(w, w->log.count - 1);
    drop_last_line(w, &f, "-0-7.gbcs");
    forge_commit(w, &f);
    plan.ledger = w->forged;
    expect_says(&plan, 14, 14, "work left waiting",
                "operations that could take effect were left waiting");
    forge_end(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_unsigned_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_forgery, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_adjustment_of_a_good_set, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(left_waiting, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
