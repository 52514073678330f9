/* hub_commit.c - what becomes of a verified set under the lock */
#include "hub_scene_fixture.h"

#include "engine/id.h"
#include "engine/sshsig.h"
#include "hub/decode.h"

static int
setup(void **state)
{
    struct scene *s = make_scene(state);
    pull(&s->a);
    return 0;
}

/* Statements on personal.db, from outside. */
static void
on_personal(struct office *w, const char *sql)
{
    char path[160];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/personal.db", w->path);
    GOOD(gb_db_open(path, false, GB_DB_FULL, &db, &why));
    GOOD(gb_db_exec(db, sql, &why));
    gb_db_close(db);
}

/* How many rows a table of personal.db has. */
static int64_t
count_personal(struct office *w, const char *table)
{
    char path[160], sql[100];
    sqlite3 *db;
    int64_t n;
    bool found;
    snprintf(path, sizeof path, "%s/personal.db", w->path);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    GOOD(gb_db_open(path, false, GB_DB_FULL, &db, &why));
    GOOD(gb_db_int(db, sql, &n, &found, &why));
    gb_db_close(db);
    return n;
}

/* One set of the handheld, in a parcel of its own. */
static enum gb_err
send_set(struct handheld *h, uint32_t seq, struct gb_ingest *g,
         struct gb_fail *fail)
{
    struct parcel p;
    begin_parcel(h, &p);
    add_set(h, &p, seq);
    end_parcel(&p);
    enum gb_err e = deliver(h->w, &p, p.bytes.len, g, fail);
    gb_buf_release(&p.bytes);
    return e;
}

/* A personal.db that cannot be written is no fault of who sends: nothing is
 * acknowledged, nothing quarantined, and the set comes again. */
static void
test_personal_fails(void **state)
{
    struct scene *s = *state;
    struct gb_ingest g;
    struct gb_fail fail;
    set_text(&s->a, insert(&s->a, "x"), "phone", "13800000000");
    uint32_t seq = seal(&s->a);
    uint64_t size = gb_state_size(s->w.hub->state);
    on_personal(&s->w, "CREATE TRIGGER full BEFORE INSERT ON personal BEGIN "
                       "SELECT RAISE(ABORT, 'no room'); END");
    assert_int_not_equal(send_set(&s->a, seq, &g, &fail), GB_OK);
    assert_non_null(strstr(fail.text, "no room"));
    assert_int_equal(g.refused + g.taken, 0);
    assert_int_equal(count_files(&s->w, "quarantine", ""), 0);
    assert_int_equal(count_files(&s->w, "waiting", ""), 0);
    assert_int_equal(gb_state_size(s->w.hub->state), size);
    on_personal(&s->w, "DROP TRIGGER full");
    assert_int_equal(send_set(&s->a, seq, &g, &fail), GB_OK);
    assert_int_equal(g.taken, 1);
    assert_int_equal(count_personal(&s->w, "personal"), 1);
}

/* What hub.db cannot write is not in the ledger either: rows are written
 * before that, though at the end of the batch. */
static void
test_rows_fail(void **state)
{
    struct scene *s = *state;
    struct gb_ingest g;
    struct gb_fail fail;
    struct gb_ledger_tip before, after;
    sqlite3 *db = gb_state_db(s->w.hub->state);
    set_text(&s->a, insert(&s->a, "x"), "phone", "13800000000");
    uint32_t seq = seal(&s->a);
    GOOD(gb_ledger_tip(s->w.hub->ledger, &before, &why));
    GOOD(gb_db_exec(db,
                    "CREATE TEMP TRIGGER full BEFORE INSERT ON main.r BEGIN "
                    "SELECT RAISE(ABORT, 'no room'); END",
                    &why));
    assert_int_not_equal(send_set(&s->a, seq, &g, &fail), GB_OK);
    assert_non_null(strstr(fail.text, "no room"));
    GOOD(gb_ledger_tip(s->w.hub->ledger, &after, &why));
    assert_memory_equal(&before.oid, &after.oid, sizeof after.oid);
    assert_int_equal(count_personal(&s->w, "personal"), 0);
    GOOD(gb_db_exec(db, "DROP TRIGGER full", &why));
    GOOD(send_set(&s->a, seq, &g, &why));
    assert_int_equal(g.taken, 1);
}

/* --------------------------------------------------------- forged sets -- */

/* A set that a handheld's key signs and its program would not make. */
struct forged {
    struct gb_set set; /* one boot, one operation */
    struct gb_boot boot;
    struct gb_op op;
    struct gb_written phone;
    uint8_t salt[GB_SALT_BYTES];
    struct gb_buf bytes, personal;
};

#define PHONE 10 /* column of r */

/* The next set of a chain: one record gets a phone number. */
static void
begin_forged(struct handheld *h, struct forged *f)
{
    struct gb_device d;
    bool found;
    *f = (struct forged){
        .boot = {.id = {1}, .wall_ms = 1700000000000},
        .phone = {.column = PHONE,
                  .value = gb_value_text(gb_span_text("13800000000"))}};
    GOOD(gb_state_device(h->w->hub->state, h->number, &d, &found, &why));
    gb_random(f->salt, sizeof f->salt);
    f->op = (struct gb_op){.kind = GB_INSERT,
                           .table = TABLE_R,
                           .id = gb_id_make(h->number, 1000 + d.seq),
                           .actor = 1,
                           .time_ms = f->boot.wall_ms,
                           .stamp = f->boot.wall_ms << 16,
                           .values = &f->phone,
                           .nvalues = 1,
                           .salt = f->salt};
    f->set = (struct gb_set){.device = h->number,
                             .seq = d.seq + 1,
                             .schema = 1,
                             .clock_ms = f->boot.wall_ms,
                             .base = gb_state_head(h->w->hub->state),
                             .boots = &f->boot,
                             .nboots = 1,
                             .ops = &f->op,
                             .nops = 1};
    memcpy(f->set.site, h->w->hub->site, sizeof f->set.site);
    memcpy(f->set.prev, d.sha, sizeof f->set.prev);
    gb_buf_init(&f->bytes, 2 * GB_SET_MAX);
    gb_buf_init(&f->personal, GB_SET_MAX);
}

static void
encode_forged(struct forged *f, const struct gb_schema *s)
{
    GOOD(gb_set_encode(&f->set, s, &f->bytes, &why));
    GOOD(gb_set_encode_personal(&f->set, s, &f->personal, &why));
}

static void
end_forged(struct forged *f)
{
    gb_buf_release(&f->bytes);
    gb_buf_release(&f->personal);
}

/* Sign what there is, and send it in a parcel of the handheld's. */
static void
send_forged(struct handheld *h, const struct forged *f, struct gb_ingest *g)
{
    struct parcel p;
    struct gb_fail fail;
    struct gb_buf whole;
    struct gb_span bytes = gb_buf_view(&f->bytes);
    struct gb_signature sig = gb_sshsig_sign(&h->sign, GB_NS_CHANGESET, bytes);
    gb_buf_init(&whole, 2 * GB_SET_MAX);
    gb_buf_span(&whole, bytes);
    gb_buf_add(&whole, sig.bytes, sizeof sig.bytes);
    gb_buf_span(&whole, gb_buf_view(&f->personal));
    begin_parcel(h, &p);
    add_frame(h->w, &p, GB_FRAME_SET, gb_buf_view(&whole));
    end_parcel(&p);
    if (deliver(h->w, &p, p.bytes.len, g, &fail))
        fail_msg("deliver: %s", fail.text);
    gb_buf_release(&p.bytes);
    gb_buf_release(&whole);
}

/* What the last line of the ledger says behind the floor. */
static void
check_verdict(struct office *w, const char *want)
{
    sqlite3_stmt *s;
    bool row;
    GOOD(gb_db_prepare(gb_state_db(w->hub->state),
                       "SELECT line FROM _set ORDER BY pos DESC LIMIT 1", &s,
                       &why));
    GOOD(gb_db_step(s, &row, &why));
    const char *line = (const char *)sqlite3_column_text(s, 0);
    for (int i = 0; i < 7; i++)
        line = strchr(line, ' ') + 1;
    if (strcspn(line, "\n") != strlen(want) ||
        strncmp(line, want, strlen(want)) != 0)
        fail_msg("the verdict is %s, not %s", line, want);
    sqlite3_finalize(s);
}

/* hub.db again from the ledger: the same state. */
static void
check_rebuild(struct office *w)
{
    uint8_t want[32], got[32];
    GOOD(gb_state_digest(w->hub->state, want, &why));
    gb_office_close(w->hub);
    GOOD(gb_office_rebuild(w->path, NULL, NULL, &why));
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    GOOD(gb_state_digest(w->hub->state, got, &why));
    assert_memory_equal(got, want, 32);
    gb_state_close(w->reader);
    open_reader(w);
}

/* --------------------------------------- personal values of what waits -- */

static const char more[] =
    "CREATE TABLE z(id INTEGER PRIMARY KEY, a TEXT) STRICT;\n";

/* The version behind the office's, as bytes and loaded. */
static struct gb_schema *
second_schema(struct gb_buf *pack)
{
    struct gb_schema *s;
    struct gb_schema_file files[2] = {{"r.sql", gb_span_text(office_schema)},
                                      {"z.sql", gb_span_text(more)}};
    gb_buf_init(pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(files, 2, pack, &why));
    GOOD(gb_schema_load(gb_buf_view(pack), 2, &s, &why));
    return s;
}

static void
bring_schema(struct office *w, const struct gb_buf *pack)
{
    struct gb_buf b;
    gb_buf_init(&b, GB_SCHEMA_MAX + 100);
    gb_tlv_number(&b, GB_SCHEMA_VERSION, 2);
    gb_tlv_put(&b, GB_SCHEMA_TEXT, gb_buf_view(pack));
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* A set of schema 2, which the hub does not have, is sent. */
static struct gb_schema *
send_second(struct handheld *h, struct forged *f, struct gb_buf *pack,
            bool damaged)
{
    struct gb_ingest g;
    struct gb_schema *next = second_schema(pack);
    begin_forged(h, f);
    f->set.schema = 2;
    encode_forged(f, next);
    f->personal.ptr[f->personal.len - 1] ^= damaged;
    send_forged(h, f, &g);
    assert_int_equal(g.taken, 1);
    check_verdict(h->w, "held:SCHEMA");
    assert_int_equal(count_personal(h->w, "section"), 1);
    send_forged(h, f, &g);
    assert_int_equal(g.known, 1);
    return next;
}

/* Whether personal.db reveals the phone of a forged set. */
static bool
finds_phone(struct office *w, const struct forged *f, const struct gb_schema *s,
            bool settle)
{
    struct gb_set set;
    struct gb_sha256 sha = gb_sha256(gb_buf_view(&f->bytes));
    GOOD(gb_set_decode(gb_buf_view(&f->bytes), s, &set, &why));
    GOOD((settle ? gb_personal_settle : gb_personal_reveal)(
        w->hub->personal, sha.bytes, &set, s, &why));
    const struct gb_written *v = set.ops[0].values;
    bool there = !v->hidden;
    assert_int_equal(there, set.ops[0].salt != NULL);
    if (there)
        assert_true(gb_value_equal(&v->value, &f->phone.value));
    gb_set_release(&set);
    return there;
}

/* What the row of the forged set's record shows. */
static int64_t
rows_with_phone(struct office *w)
{
    int64_t n;
    bool found;
    GOOD(gb_db_int(gb_state_db(w->hub->state),
                   "SELECT count(*) FROM r WHERE phone NOT NULL", &n, &found,
                   &why));
    return n;
}

/* A set of a newer schema: its values are kept as they came, through a
 * rebuild, and become values when it can be read. */
static void
test_held_schema(void **state)
{
    struct scene *s = *state;
    struct forged f;
    struct gb_buf pack;
    struct gb_schema *next = send_second(&s->a, &f, &pack, false);
    check_rebuild(&s->w);
    assert_int_equal(count_personal(&s->w, "personal"), 0);
    assert_true(finds_phone(&s->w, &f, next, false));
    assert_int_equal(count_personal(&s->w, "section"), 1);
    bring_schema(&s->w, &pack);
    assert_int_equal(count_personal(&s->w, "section"), 0);
    assert_int_equal(count_personal(&s->w, "personal"), 1);
    assert_int_equal(rows_with_phone(&s->w), 1);
    check_rebuild(&s->w);
    assert_int_equal(rows_with_phone(&s->w), 1);
    assert_true(finds_phone(&s->w, &f, next, true));
    on_personal(&s->w, "DELETE FROM personal"); /* erased */
    assert_false(finds_phone(&s->w, &f, next, true));
    end_forged(&f);
    gb_schema_free(next);
    gb_buf_release(&pack);
}

/* What cannot be checked on arrival is checked later, and counts for nothing
 * when it does not match. */
static void
test_held_mismatch(void **state)
{
    struct scene *s = *state;
    struct forged f;
    struct gb_buf pack;
    struct gb_schema *next = send_second(&s->a, &f, &pack, true);
    bring_schema(&s->w, &pack);
    assert_false(finds_phone(&s->w, &f, next, false));
    assert_false(finds_phone(&s->w, &f, next, true));
    assert_int_equal(rows_with_phone(&s->w), 0);
    assert_int_equal(count_personal(&s->w, "section"), 1);
    assert_int_equal(count_personal(&s->w, "personal"), 0);
    end_forged(&f);
    gb_schema_free(next);
    gb_buf_release(&pack);
}

/* Settling is all or nothing, within a transaction and without one. */
static void
test_settle_fails(void **state)
{
    struct scene *s = *state;
    struct forged f;
    struct gb_buf pack;
    struct gb_set set;
    struct gb_schema *next = send_second(&s->a, &f, &pack, false);
    struct gb_personal *p = s->w.hub->personal;
    struct gb_sha256 sha = gb_sha256(gb_buf_view(&f.bytes));
    on_personal(&s->w, "CREATE TRIGGER full BEFORE DELETE ON section BEGIN "
                       "SELECT RAISE(ABORT, 'no room'); END");
    for (int within = 0; within < 2; within++) {
        GOOD(gb_set_decode(gb_buf_view(&f.bytes), next, &set, &why));
        if (within)
            GOOD(gb_personal_begin(p, &why));
        assert_int_not_equal(gb_personal_settle(p, sha.bytes, &set, next, &why),
                             GB_OK);
        if (within)
            GOOD(gb_personal_commit(p, &why));
        assert_int_equal(count_personal(&s->w, "section"), 1);
        assert_int_equal(count_personal(&s->w, "personal"), 0);
        gb_set_release(&set);
    }
    on_personal(&s->w, "DROP TRIGGER full");
    GOOD(gb_personal_begin(p, &why));
    assert_true(finds_phone(&s->w, &f, next, true));
    gb_personal_rollback(p);
    assert_int_equal(count_personal(&s->w, "section"), 1);
    assert_true(finds_phone(&s->w, &f, next, true));
    assert_int_equal(count_personal(&s->w, "personal"), 1);
    end_forged(&f);
    gb_schema_free(next);
    gb_buf_release(&pack);
}

/* Whatever becomes of a set or an operation, its values are kept: those of one
 * quarantined operation, of a set held for its base, of a fork, and of bytes
 * that are no set. */
static void
test_kept_whatever(void **state)
{
    static const char *const verdicts[] = {"applied 0=MISSING", "held:BASE",
                                           "fork", "held:MALFORMED"};
    struct scene *s = *state;
    struct forged f;
    struct gb_ingest g;
    for (int i = 0; i < 4; i++) {
        begin_forged(&s->a, &f);
        if (i == 0)
            f.op.kind = GB_SET;
        if (i == 1)
            f.set.base.root[3] ^= 1;
        if (i == 2)
            memset(f.set.prev, 0, sizeof f.set.prev);
        encode_forged(&f, gb_state_schema(s->w.hub->state));
        if (i == 3)
            f.bytes.ptr[64] = 0x80; /* the clock is no time */
        send_forged(&s->a, &f, &g);
        assert_int_equal(g.taken, 1);
        check_verdict(&s->w, verdicts[i]);
        assert_int_equal(count_personal(&s->w, "personal"), i < 3 ? i + 1 : 3);
        assert_int_equal(count_personal(&s->w, "section"), i == 3);
        if (i < 3)
            assert_true(finds_phone(&s->w, &f, gb_state_schema(s->w.hub->state),
                                    false));
        end_forged(&f);
    }
    check_rebuild(&s->w);
}

/* ---------------------------------------------- what a device may sign -- */

/* Whatever an enrolled key signs gets a position.  `at` is a byte of the header
 * that is changed, `tail` stands in place of the sections. */
#define TAIL(text) text, sizeof text - 1
static const struct {
    const char *what;
    size_t at;
    int byte;
    const char *tail;
    size_t tail_len;
    const char *verdict; /* NULL: quarantined, having no signature to check */
} signs[] = {
    {"the clock is no time", 64, 0x80, NULL, 0, "held:MALFORMED"},
    {"the clock is none by a bit", 65, 0x80, NULL, 0, "held:MALFORMED"},
    {"an unknown section", 0, 0, TAIL("\7\1\1a\0"), "held:MALFORMED"},
    {"sections fall", 0, 0, TAIL("\2\1\1a\1\1\1a\0"), "held:MALFORMED"},
    {"one twice", 0, 0, TAIL("\1\1\1a\1\1\1a\0"), "held:MALFORMED"},
    {"an empty section", 0, 0, TAIL("\1\0\0\0"), "held:MALFORMED"},
    {"longer stored", 0, 0, TAIL("\1\2\3abc\0"), "held:MALFORMED"},
    {"a bomb", 0, 0, TAIL("\1\xe0\x50\3abc\0"), "held:MALFORMED"},
    {"over the body", 0, 0, TAIL("\1\x81\x80\x3c\3abc\0"), "held:MALFORMED"},
    {"no section", 0, 0, TAIL("\0"), "held:MALFORMED"},
    {"a newer schema, no section", 63, 9, TAIL("\0"), "held:SCHEMA"},
    {"a newer schema, no time", 63, 9, TAIL("\7\1\1a\0"), "held:SCHEMA"},
    {"sections without end", 0, 0, TAIL("\1\1\1a"), NULL},
    {"a length beyond the end", 0, 0, TAIL("\1\4\xff\xff\xff\1a\0"), NULL},
    {"a length that is none", 0, 0, TAIL("\1\x83\0\3abc\0"), NULL},
    {"another format", 4, 2, NULL, 0, NULL},
    {"another kind", 1, 'g', NULL, 0, NULL},
    {"no such device", 6, 0xff, NULL, 0, NULL},
    {"another site", 9, 'x', NULL, 0, NULL},
};

/* The set of a row, and what the ledger says of it. */
static void
check_signed(struct scene *s, size_t i, struct handheld *h)
{
    struct forged f;
    struct gb_ingest g;
    uint64_t size = gb_state_size(s->w.hub->state);
    begin_forged(h, &f);
    encode_forged(&f, gb_state_schema(s->w.hub->state));
    f.bytes.ptr[signs[i].at] ^= (uint8_t)signs[i].byte;
    if (signs[i].tail) {
        f.bytes.len = 116;
        gb_buf_add(&f.bytes, signs[i].tail, signs[i].tail_len);
        gb_buf_clear(&f.personal);
        gb_buf_u32(&f.personal, 0);
    }
    send_forged(h, &f, &g);
    if (g.taken != (signs[i].verdict != NULL) || g.taken + g.refused != 1)
        fail_msg("%s: %s", signs[i].what, g.why.text);
    assert_int_equal(gb_state_size(s->w.hub->state), size + g.taken);
    if (signs[i].verdict)
        check_verdict(&s->w, signs[i].verdict);
    send_forged(h, &f, &g);
    assert_int_equal(g.known, signs[i].verdict != NULL);
    end_forged(&f);
}

static void
test_all_that_is_signed(void **state)
{
    struct scene *s = *state;
    struct forged f;
    struct gb_ingest g;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        check_signed(s, i, &s->a);
    /* the chain goes on behind all of them */
    begin_forged(&s->a, &f);
    encode_forged(&f, gb_state_schema(s->w.hub->state));
    send_forged(&s->a, &f, &g);
    check_verdict(&s->w, "applied");
    end_forged(&f);
    check_rebuild(&s->w);
}

/* Numbers that begin no chain: a fork each, and the chain begins all the same.
 */
static void
test_first_numbers(void **state)
{
    static const struct {
        uint8_t seq, prev;
        const char *verdict;
    } sets[] = {{1, 7, "fork"}, {0, 0, "fork"},    {0, 7, "fork"},
                {5, 0, "fork"}, {1, 0, "applied"}, {1, 8, "fork"},
                {0, 1, "fork"}, {2, 0, "fork"}};
    struct scene *s = *state;
    struct forged f;
    struct gb_ingest g;
    push(&s->b, 1, 0);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        begin_forged(&s->b, &f);
        f.set.seq = 1;
        memset(f.set.prev, 0, sizeof f.set.prev);
        encode_forged(&f, gb_state_schema(s->w.hub->state));
        f.bytes.ptr[27] = sets[i].seq;
        f.bytes.ptr[28] = sets[i].prev;
        send_forged(&s->b, &f, &g);
        if (g.taken != 1)
            fail_msg("%zu: %s", i, g.why.text);
        check_verdict(&s->w, sets[i].verdict);
        end_forged(&f);
    }
    check_rebuild(&s->w);
    pull(&s->a);
}

/* ----------------------------------------------------- keys in between -- */

/* Another signing key for a number, as it might come by another process. */
static void
change_key(struct office *w, int number, const struct gb_sign_key *key)
{
    struct gb_buf b;
    gb_buf_init(&b, 256);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, GB_SPAN(key->public_key.bytes, 32));
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY, GB_SPAN(key->public_key.bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* What a reader verified counts only while the same key is in force under the
 * lock; and what is good by that one counts, whoever verified it before. */
static void
test_key_changes(void **state)
{
    struct scene *s = *state;
    struct gb_state *st = s->w.hub->state;
    struct gb_sign_key keys[2] = {s->a.sign, s->a.sign};
    struct gb_arriving a[2] = {{.outcome = GB_WAITING}};
    struct gb_signature sig[2];
    struct forged f;
    gb_sign_key_generate(&keys[1]);
    begin_forged(&s->a, &f);
    f.set.base = (struct gb_head){0};
    encode_forged(&f, gb_state_schema(st));
    for (int i = 0; i < 2; i++) {
        sig[i] =
            gb_sshsig_sign(&keys[i], GB_NS_CHANGESET, gb_buf_view(&f.bytes));
        a[i].parts = (struct gb_container){gb_buf_view(&f.bytes),
                                           GB_SPAN(sig[i].bytes, 64),
                                           gb_buf_view(&f.personal)};
    }
    GOOD(gb_state_refresh(s->w.reader, &why));
    GOOD(gb_office_verify(s->w.reader, s->w.hub->site, &a[0], &why));
    assert_int_equal(gb_office_verify(s->w.reader, s->w.hub->site, &a[1], &why),
                     GB_E_SIGNATURE);
    change_key(&s->w, 1, &keys[1]);
    uint64_t size = gb_state_size(st);
    GOOD(gb_office_commit(s->w.hub, a, 2, &why));
    assert_int_equal(a[0].outcome, GB_REFUSED);
    assert_int_equal(a[0].fail.code, GB_E_SIGNATURE);
    assert_int_equal(a[1].outcome, GB_TAKEN);
    assert_int_equal(gb_state_size(st), size + 1);
    end_forged(&f);
    check_rebuild(&s->w);
}

/* A number that was never enrolled refuses its own sets, and no others. */
static void
test_never_enrolled(void **state)
{
    struct scene *s = *state;
    struct gb_arriving a[2] = {{.outcome = GB_WAITING}};
    struct gb_signature sig[2];
    struct forged f[2];
    struct handheld *h[2] = {&s->b, &s->a};
    for (int i = 0; i < 2; i++) {
        begin_forged(h[i], &f[i]);
        encode_forged(&f[i], gb_state_schema(s->w.hub->state));
        sig[i] = gb_sshsig_sign(&h[i]->sign, GB_NS_CHANGESET,
                                gb_buf_view(&f[i].bytes));
        a[i].parts = (struct gb_container){gb_buf_view(&f[i].bytes),
                                           GB_SPAN(sig[i].bytes, 64),
                                           gb_buf_view(&f[i].personal)};
    }
    GOOD(gb_office_commit(s->w.hub, a, 2, &why));
    assert_int_equal(a[0].outcome, GB_REFUSED);
    assert_int_equal(a[0].fail.code, GB_E_KEY);
    assert_int_equal(a[1].outcome, GB_TAKEN);
    end_forged(&f[0]);
    end_forged(&f[1]);
}

/* Whoever has hub.db open while it is made anew writes nothing more into the
 * old file, and is told so. */
static void
test_rebuilt_meanwhile(void **state)
{
    struct scene *s = *state;
    struct office *w = &s->w;
    struct gb_fail fail = {0};
    uint64_t size = gb_state_size(w->hub->state);
    GOOD(gb_office_lock(w->hub, &why));
    gb_office_unlock(w->hub);
    GOOD(gb_office_rebuild(w->path, NULL, NULL, &why));
    assert_int_equal(gb_office_lock(w->hub, &fail), GB_E_BUSY);
    assert_non_null(strstr(fail.text, "made anew meanwhile"));
    assert_int_equal(w->hub->locked, 0);
    gb_state_close(w->reader);
    gb_office_close(w->hub);
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    open_reader(w);
    GOOD(gb_office_lock(w->hub, &why));
    gb_office_unlock(w->hub);
    assert_int_equal(gb_state_size(w->hub->state), size);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_personal_fails),     TEST(test_rows_fail),
        TEST(test_held_schema),        TEST(test_held_mismatch),
        TEST(test_settle_fails),       TEST(test_kept_whatever),
        TEST(test_all_that_is_signed), TEST(test_first_numbers),
        TEST(test_key_changes),        TEST(test_never_enrolled),
        TEST(test_rebuilt_meanwhile),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
