/*
 * delta.c - what has no bound in a delta: receipts of a handheld that was long
 * away, and a record larger than a part.  Each part stays below 1 MiB.
 */
#include "delta_fixture.h"

#include "engine/section.h"
#include "support/schema_fixture.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER, la TEXT, c0 TEXT,"
    " c1 TEXT, c2 TEXT, c3 TEXT, c4 TEXT, c5 TEXT, c6 TEXT, c7 TEXT, c8 TEXT,"
    " c9 TEXT, c10 TEXT, c11 TEXT, c12 TEXT, c13 TEXT) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','la','last'),('r','c0','review'),('r','c1','review'),"
    "('r','c2','review'),('r','c3','review'),('r','c4','review'),"
    "('r','c5','review'),('r','c6','review'),('r','c7','review'),"
    "('r','c8','review'),('r','c9','review'),('r','c10','review'),"
    "('r','c11','review'),('r','c12','review'),('r','c13','review');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, R };
enum { BIG = 14, FIRST = 2 }; /* columns c0.. */

static void
begin(struct hub *h, struct handheld *d, int n)
{
    struct gb_written person[] = {
        {.column = 0, .value = gb_value_text(gb_span_text("王"))},
        {.column = 1, .value = gb_value_int(2)}};
    struct gb_op op = {
        .kind = GB_INSERT, .id = 1, .values = person, .nvalues = 2};
    make_hub(h, schema_text);
    hub_set(h, &op, 1);
    for (int i = 0; i < n; i++) {
        make_handheld(h, &d[i], i + 1, NULL);
        GOOD(gb_journal_sign_in(d[i].j, 1, true, &why));
    }
}

static void
end(struct hub *h, struct handheld *d, int n)
{
    for (int i = 0; i < n; i++)
        gb_journal_close(d[i].j);
    end_hub(h);
}

static int64_t
insert(struct handheld *d, int64_t n)
{
    struct gb_assign a = {.column = 0, .value = gb_value_int(n)};
    int64_t id;
    GOOD(gb_journal_insert(d->j, R, GB_SPAN(NULL, 0), &a, 1, &id, &why));
    return id;
}

static void
one_digest(struct hub *h, struct handheld *d, int n)
{
    uint8_t want[32], got[32];
    GOOD(gb_state_digest(h->st, want, &why));
    for (int i = 0; i < n; i++) {
        GOOD(gb_journal_digest(d[i].j, got, &why));
        assert_memory_equal(got, want, 32);
    }
}

static void
receipts_of_a_handheld_long_away_span_parts(void **state)
{
    enum { SETS = 20000 };
    struct hub h;
    struct handheld d;
    int made;
    (void)state;
    begin(&h, &d, 1);
    for (int i = 0; i < SETS; i++) {
        insert(&d, i);
        h.time_ms += 7;
        GOOD(gb_journal_seal(d.j, &d.key, &made, &why));
    }
    push(&d);
    pull(&d);
    assert_true(d.parts > 2);
    assert_true(d.largest <= GB_SET_MAX);
    assert_int_equal(d.counts.accepted_sets, SETS);
    assert_int_equal(ask(&d, "SELECT count(*) FROM _set WHERE line IS NULL"),
                     0);
    one_digest(&h, &d, 1);
    end(&h, &d, 1);
}

/* Records that the hub does not have: all their inserts were held back. */
static void
names_of_gone_records_span_parts(void **state)
{
    enum { RECORDS = 200000 };
    struct hub h;
    struct handheld d;
    (void)state;
    begin(&h, &d, 1);
    GOOD(gb_state_begin(h.st, &why));
    GOOD(gb_db_execf(gb_state_db(h.st), &why,
                     "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 "
                     "FROM n WHERE i < %d) INSERT INTO _wait(device, stamp, "
                     "seq, idx, pos, code, kind, tbl, id, actor) SELECT 1, i, "
                     "1, i, 99, 'MISSING', 2, 'r', (i %% 8000 + 1) << %d | "
                     "(1 + i * 77777), 1 FROM n",
                     RECORDS - 1, GB_COUNTER_BITS));
    GOOD(gb_state_commit(h.st, &why));
    hub_device(&h, &d, NULL);
    pull(&d);
    assert_true(d.parts > 1);
    assert_true(d.largest <= GB_SET_MAX);
    one_digest(&h, &d, 1);
    end(&h, &d, 1);
}

/* Bytes that hardly compress. */
static void
noise(char *to, size_t n)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:,;+*#/!?";
    gb_random((uint8_t *)to, n);
    for (size_t i = 0; i < n; i++)
        to[i] = letters[(uint8_t)to[i] & 63];
}

static void
write_big(struct handheld *d, int64_t id, int at_once, char *text)
{
    /* three columns fit a set, with the values that they replace fewer */
    for (int c = 0; c < BIG; c += at_once) {
        struct gb_assign a[3];
        int n = 0;
        noise(text, 3 * (size_t)GB_TEXT_MAX);
        for (; n < at_once && c + n < BIG; n++)
            a[n] =
                (struct gb_assign){.column = FIRST + c + n,
                                   .value = gb_value_text(GB_SPAN(
                                       text + n * GB_TEXT_MAX, GB_TEXT_MAX))};
        GOOD(gb_journal_set(d->j, R, id, a, n, &why));
    }
}

/* Three handhelds write all columns of one record at once: ten megabytes that
 * are all open. */
static void
a_record_larger_than_a_part_is_brought(void **state)
{
    struct hub h;
    struct handheld d[4];
    char *text = malloc(3 * (size_t)GB_TEXT_MAX);
    (void)state;
    assert_non_null(text);
    begin(&h, d, 3);
    int64_t id = insert(&d[0], 1);
    for (int i = 0; i < 3; i++) {
        push(&d[0]);
        pull(&d[i]);
    }
    for (int i = 0; i < 3; i++)
        write_big(&d[i], id, 3, text);
    for (int i = 0; i < 300; i++)
        insert(&d[0], i); /* some beside it */
    for (int i = 0; i < 3; i++)
        push(&d[i]);
    for (int i = 0; i < 3; i++)
        pull(&d[i]);
    assert_true(d[2].parts > 10);
    assert_true(d[2].largest <= GB_SET_MAX);
    one_digest(&h, d, 3);
    make_handheld(&h, &d[3], 4, NULL); /* and to a fresh one */
    one_digest(&h, &d[3], 1);
    /* with a change of its own on top, which may be as large as before */
    GOOD(gb_journal_sign_in(d[3].j, 1, true, &why));
    write_big(&d[3], id, 1, text);
    struct gb_assign a = {.column = 1,
                          .value = gb_value_text(gb_span_text("x"))};
    GOOD(gb_journal_set(d[0].j, R, id, &a, 1, &why));
    push(&d[0]);
    pull(&d[3]);
    push(&d[3]);
    for (int i = 0; i < 4; i++)
        pull(&d[i]);
    one_digest(&h, d, 4);
    free(text);
    end(&h, d, 4);
}

/* A handheld that was restarted before each operation. */
static void
restarted(void *context, struct gb_now *out)
{
    struct handheld *d = context;
    now(d, out);
    int64_t boot = d->hub->time_ms;
    memcpy(out->boot, &boot, sizeof boot);
}

/* The longest line of a batch: all operations of a full set wait, for the cause
 * with the longest name, and every boot has its number. */
static void
write_longest(struct gb_line *l, struct gb_arena *arena, struct gb_buf *out)
{
    l->adjust = gb_arena_array(arena, (size_t)l->nadjust, sizeof *l->adjust);
    for (int i = 0; i < l->nadjust; i++)
        l->adjust[i] = -140737488355327;
    l->nquarantined = GB_SET_OPS_MAX;
    l->quarantined =
        gb_arena_array(arena, GB_SET_OPS_MAX, sizeof *l->quarantined);
    for (int i = 0; i < GB_SET_OPS_MAX; i++)
        l->quarantined[i] = (struct gb_quarantined){i, GB_CODE_AUTHORITY};
    gb_line_write(l, out);
    GOOD(gb_buf_check(out, "a line", &why));
    assert_true(out->len > GB_SET_MAX + 16);
}

/* Such a line is larger than any set; the handheld keeps all of it. */
static void
the_longest_receipt_is_brought(void **state)
{
    struct hub h;
    struct handheld d;
    struct gb_arena arena;
    struct gb_buf text;
    struct gb_line line;
    char path[128];
    sqlite3_stmt *s;
    bool row;
    (void)state;
    begin(&h, &d, 1);
    gb_journal_close(d.j);
    snprintf(path, sizeof path, "%s/1.db", h.folder);
    GOOD(gb_journal_open(path, restarted, &d, &d.j, &why));
    GOOD(gb_journal_sign_in(d.j, 1, true, &why));
    for (int i = 0; i < GB_BOOTS_MAX; i++, h.time_ms++)
        insert(&d, i);
    push(&d);
    gb_arena_init(&arena, 1 << 24);
    gb_buf_init(&text, GB_LINE_MAX);
    GOOD(gb_db_prepare(gb_state_db(h.st),
                       "SELECT line FROM _set WHERE device = 1", &s, &why));
    GOOD(gb_db_step(s, &row, &why));
    GOOD(gb_line_read(gb_db_blob(s, 0), &arena, &line, &why));
    sqlite3_finalize(s);
    assert_true(line.nadjust > GB_BOOTS_MAX - 4);
    write_longest(&line, &arena, &text);
    GOOD(gb_db_prepare(gb_state_db(h.st),
                       "UPDATE _set SET line = ? WHERE device = 1", &s, &why));
    struct gb_value v = gb_value_text(gb_buf_view(&text));
    gb_db_bind(s, 1, &v);
    GOOD(gb_db_run(s, &why));
    sqlite3_finalize(s);
    pull(&d);
    assert_int_equal(ask(&d, "SELECT length(line) FROM _set WHERE seq = 1"),
                     text.len);
    gb_buf_release(&text);
    gb_arena_release(&arena);
    end(&h, &d, 1);
}

/* A stream that breaks off inside a string is damage. */
static void
a_stream_must_end_with_a_whole_string(void **state)
{
    struct gb_delta_joined j;
    struct gb_span s;
    (void)state;
    gb_delta_joined_init(&j, GB_DELTA_J_RECEIPTS);
    gb_buf_varint(&j.bytes, 5);
    gb_buf_text(&j.bytes, "abcde");
    gb_buf_varint(&j.bytes, 5);
    gb_buf_text(&j.bytes, "abc");
    assert_true(gb_delta_joined_string(&j, &s));
    assert_int_equal(s.len, 5);
    assert_false(gb_delta_joined_string(&j, &s));
    assert_int_equal(gb_delta_joined_end(&j, &why), GB_E_FORMAT);
    gb_buf_text(&j.bytes, "de");
    assert_true(gb_delta_joined_string(&j, &s));
    GOOD(gb_delta_joined_end(&j, &why));
    assert_int_equal(gb_delta_join(&j, gb_span_text("GBDT"), &why),
                     GB_E_FORMAT);
    gb_delta_joined_release(&j);
}

static void
a_name_is_of_a_table_that_may_be(void **state)
{
    (void)state;
    for (unsigned t = GB_TABLES_MAX - 1; t <= GB_TABLES_MAX; t++) {
        struct gb_delta_joined j;
        int table;
        int64_t id;
        bool may = t < GB_TABLES_MAX;
        gb_delta_joined_init(&j, GB_DELTA_J_LEFT);
        gb_buf_varint(&j.bytes, t);
        gb_buf_zigzag(&j.bytes, 1);
        assert_int_equal(gb_delta_joined_name(&j, &table, &id), may);
        assert_int_equal(gb_delta_joined_end(&j, &why),
                         may ? GB_OK : GB_E_FORMAT);
        gb_delta_joined_release(&j);
    }
}

/* A copy of the first part. */
static enum gb_err
keep_first(void *context, struct gb_span container, struct gb_fail *fail)
{
    (void)fail;
    if (!((struct gb_buf *)context)->len)
        gb_buf_add(context, container.ptr, container.len - 64);
    return GB_OK;
}

/* The log's growth is proven from wherever the device may stand, once each. */
static void
growth_is_proven_from_every_head(void **state)
{
    static const uint64_t want[] = {2, 3, 5};
    struct hub h;
    struct handheld d;
    struct gb_buf part;
    struct gb_arena arena;
    struct gb_delta_head head;
    struct gb_delta_once once;
    (void)state;
    begin(&h, &d, 1);
    for (int i = 0; i < 4; i++) {
        insert(&d, i);
        push(&d);
    }
    struct gb_delta_ask ask = {.device = 1,
                               .from = 2,
                               .highest = 3,
                               .heads = {5, 2, 3},
                               .nheads = 3,
                               .clock_ms = 1};
    gb_buf_init(&part, GB_SET_MAX);
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_delta_make(h.st, &ask, &h.key, keep_first, &part, &why));
    GOOD(gb_delta_head_read(gb_buf_view(&part), &head, &why));
    GOOD(gb_delta_once_read(gb_buf_view(&part), &arena, &once, &why));
    ask.device = 2;
    assert_int_equal(gb_delta_make(h.st, &ask, &h.key, keep_first, &part, &why),
                     GB_E_UNKNOWN);
    assert_int_equal(once.ngrowth, 3);
    for (int i = 0; i < 3; i++) {
        struct gb_head then;
        struct gb_sha256 old, new;
        assert_int_equal(once.growth[i].from, want[i]);
        GOOD(gb_state_head_at(h.st, want[i], &then, &why));
        memcpy(old.bytes, then.root, 32);
        memcpy(new.bytes, head.to.root, 32);
        assert_true(gb_merkle_verify_growth(want[i], head.to.size, &old, &new,
                                            &once.growth[i].proof));
    }
    gb_buf_release(&part);
    gb_arena_release(&arena);
    end(&h, &d, 1);
}

/* What the first part says has one form: sizes of section 15 rise, and there
 * are 1 to 17 of them; a number of section 16 is a device's. */
static void
first_parts_in_any_other_form_are_damage(void **state)
{
    static const struct {
        const char *bytes; /* sizes below 128 with empty proofs */
        size_t n;
        bool good;
        const char *lineage; /* 16 */
    } rows[] = {
        {"\0", 2, true, NULL},
        {"\3\0\7", 4, true, NULL},
        {"", 0, false, NULL},
        {"\3\0\3", 4, false, NULL},
        {"\7\0\3", 4, false, NULL},
        {"\3\0\7", 3, false, NULL},
        {"\3\1", 2, false, NULL},
        {"\1\0\2\0\3\0\4\0\5\0\6\0\7\0\10\0\11\0\12\0\13\0\14\0\15\0\16"
         "\0\17\0\20\0\21",
         34, true, NULL},
        {"\1\0\2\0\3\0\4\0\5\0\6\0\7\0\10\0\11\0\12\0\13\0\14\0\15\0\16"
         "\0\17\0\20\0\21\0\22",
         36, false, NULL},
        {"\0", 2, true, "\5\4\2"},
        {"\0", 2, true, "\xff\x3f\xff\x3f\2"},
        {"\0", 2, false, "\x80\x40\4\2"},
        {"\0", 2, false, "\x85\x80\x80\x80\x10\4\2"}, /* 2^32 + 5 */
        {"\0", 2, false, "\5\x84\x80\x80\x80\x10\2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_buf part;
        struct gb_arena arena;
        struct gb_delta_once once;
        gb_buf_init(&part, GB_SET_MAX);
        gb_arena_init(&arena, GB_ARENA_MAX);
        for (int k = 0; k < GB_DELTA_HEADER; k++)
            gb_buf_u8(&part, 0);
        struct gb_section_writer w = gb_section_writer_of(&part);
        if (rows[i].n)
            GOOD(gb_section_write(
                &w, GB_DELTA_PROOF,
                GB_SPAN((const uint8_t *)rows[i].bytes, rows[i].n),
                GB_SPAN(NULL, 0), &why));
        if (rows[i].lineage)
            GOOD(gb_section_write(&w, GB_DELTA_LINEAGE,
                                  gb_span_text(rows[i].lineage),
                                  GB_SPAN(NULL, 0), &why));
        GOOD(gb_section_finish(&w, &why));
        enum gb_err e =
            gb_delta_once_read(gb_buf_view(&part), &arena, &once, &why);
        if (e != (rows[i].good ? GB_OK : GB_E_FORMAT))
            fail_msg("row %zu: %d", i, e);
        gb_buf_release(&part);
        gb_arena_release(&arena);
    }
}

static enum gb_err
count(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    (void)r;
    (void)fail;
    ++*(size_t *)context;
    return GB_OK;
}

/* What every record has: id 1, stamp 0, position 1, level 1, no actor. */
#define COMMON "\2\0\2\1\0"
#define NO "\0"        /* a column without a value */
#define X "\1\0\1x"    /* with one */
#define EMPTY "\1\0\0" /* with one of no bytes */

/* One record of a table with the columns a and b, b personal, and its state;
 * read whole, or refused. */
static void
a_record_is_written_in_one_way(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len, n;
        bool good;
    } rows[] = {
#define ROW(name, n, good, bytes) {name, bytes, sizeof bytes - 1, n, good}
        ROW("inserted", 1, true, COMMON NO X NO NO),
        ROW("with a ref", 1, true, COMMON X X NO NO),
        ROW("a set cell", 1, true, COMMON NO X NO "\1\0\6\1\1\0\1\2\7"),
        ROW("a rival", 1, true, COMMON NO X NO "\1\0\1\20"),
        ROW("rivals before", 1, true, COMMON NO X NO "\1\0\2\10\1"),
        ROW("no commitment", 1, false, COMMON NO X X NO),
        ROW("an empty ref", 1, false, COMMON EMPTY X NO NO),
        ROW("an empty state", 1, false, COMMON NO X NO EMPTY),
        ROW("the insert's cell", 1, false, COMMON NO X NO "\1\0\6\1\1\0\1\0\0"),
        ROW("a cell of no value, twice", 1, false,
            COMMON NO NO NO "\1\0\x0a\1\1\0\2\2\7\0\2\7\0"),
        ROW("the insert's writer", 1, false, COMMON NO X NO "\1\0\5\4\1\0\1\0"),
        ROW("rivals at 0", 1, false, COMMON NO X NO "\1\0\2\10\0"),
        ROW("an actor -1", 1, false, "\2\0\2\1\1" NO X NO NO),
        ROW("stamps beyond all", 2, false,
            "\2\2\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\2\2\0\1\1\0\0" NO NO NO
                NO),
#undef ROW
    };
    struct gb_schema *s = schema_fixture(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT) STRICT;\n"
        "INSERT INTO rule VALUES ('t', 'a', 'last'), ('t', 'b', 'last');\n"
        "INSERT INTO personal VALUES ('t', 'b');\n",
        1);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_reader in = gb_reader_of(GB_SPAN(rows[i].bytes, rows[i].len));
        struct gb_fail fail = {0};
        struct gb_arena arena;
        size_t seen = 0;
        gb_arena_init(&arena, GB_ARENA_MAX);
        enum gb_err e = gb_delta_rows_read(&in, s->tables, rows[i].n, false,
                                           &arena, count, &seen, &fail);
        if (e != (rows[i].good ? GB_OK : GB_E_FORMAT) ||
            (!e && (!gb_read_done(&in) || seen != rows[i].n)))
            fail_msg("%s: %s: %s", rows[i].name, gb_err_name(e), fail.text);
        gb_arena_release(&arena);
    }
    assert_int_equal(
        gb_delta_records(gb_span_text("GBDT"), s, count, &(size_t){0}, &why),
        GB_E_FORMAT);
    /* a large one, and with a byte behind */
    static const char large[] = "\0" COMMON NO X NO NO;
    for (size_t more = 0; more < 2; more++)
        assert_int_equal(gb_delta_large(GB_SPAN(large, sizeof large - 1 + more),
                                        s, count, &(size_t){0}, &why),
                         more ? GB_E_FORMAT : GB_OK);
    gb_schema_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts_of_a_handheld_long_away_span_parts),
        cmocka_unit_test(names_of_gone_records_span_parts),
        cmocka_unit_test(a_record_larger_than_a_part_is_brought),
        cmocka_unit_test(the_longest_receipt_is_brought),
        cmocka_unit_test(a_stream_must_end_with_a_whole_string),
        cmocka_unit_test(a_name_is_of_a_table_that_may_be),
        cmocka_unit_test(growth_is_proven_from_every_head),
        cmocka_unit_test(first_parts_in_any_other_form_are_damage),
        cmocka_unit_test(a_record_is_written_in_one_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
