/*
 * delta_damage.c - parts of a delta as a hub never makes them (engine/delta.h):
 * every bit of what is behind compression flipped, and sections cut short.
 * A signature stands before all of this; nothing may crash all the same.
 */
#include "delta_fixture.h"

#include "engine/rec.h"
#include "engine/section.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, la TEXT, su INTEGER,"
    " re TEXT, phone TEXT, x REAL, claim TEXT) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','la','last'),('r','su','sum'),('r','re','review'),"
    "('r','phone','last'),('r','x','last');\n"
    "INSERT INTO personal VALUES('r','phone');\n"
    "INSERT INTO record(tbl, rival) VALUES('r','claim');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { STAFF, R };
enum { LA = 1, SU, RE, PHONE, X, CLAIM };
enum { PARTS = 4, SECTIONS = 32 };

static struct hub h;
static struct handheld d[3];
static struct gb_buf parts[PARTS];
static int nparts;

static enum gb_err
keep_part(void *context, struct gb_span c, struct gb_fail *fail)
{
    (void)context;
    (void)fail;
    assert_true(nparts < PARTS);
    gb_buf_init(&parts[nparts], GB_SET_MAX);
    gb_buf_add(&parts[nparts++], c.ptr, c.len - 64);
    return GB_OK;
}

static void
set(struct handheld *at, int64_t id, int column, struct gb_value v)
{
    struct gb_assign a = {.column = column, .value = v};
    GOOD(gb_journal_set(at->j, R, id, &a, 1, &why));
}

static struct gb_value
text(const char *s)
{
    return gb_value_text(gb_span_text(s));
}

/* Records with all that a state can hold: values that conflict, a void that
 * others have seen or not, rivals. */
static int
setup(void **state)
{
    struct gb_written person[] = {{.column = 0, .value = text("王")},
                                  {.column = 1, .value = gb_value_int(2)}};
    struct gb_op op = {
        .kind = GB_INSERT, .id = 1, .values = person, .nvalues = 2};
    int64_t id[4];
    (void)state;
    make_hub(&h, schema_text);
    hub_set(&h, &op, 1);
    for (int i = 0; i < 2; i++) {
        make_handheld(&h, &d[i], i + 1, NULL);
        GOOD(gb_journal_sign_in(d[i].j, 1, true, &why));
    }
    for (int i = 0; i < 4; i++) {
        struct gb_assign a[] = {{.column = LA, .value = text("one")},
                                {.column = CLAIM, .value = text("same")}};
        GOOD(gb_journal_insert(d[i % 2].j, R, gb_span_text(&"abcd"[i]), a, 2,
                               &id[i], &why));
    }
    push(&d[0]);
    push(&d[1]);
    pull(&d[0]);
    pull(&d[1]);
    for (int i = 0; i < 2; i++) {
        set(&d[i], id[0], RE, text(i ? "this" : "that"));
        set(&d[i], id[0], PHONE, text(i ? "138" : "139"));
        set(&d[i], id[1], X, gb_value_real(i + 0.5));
        set(&d[i], id[2], SU, gb_value_int(i + 1));
    }
    GOOD(gb_journal_void(d[0].j, R, id[2], gb_span_text("错录"), &why));
    GOOD(gb_journal_void(d[1].j, R, id[2], gb_span_text("twice"), &why));
    push(&d[0]);
    push(&d[1]);
    for (int i = 0; i < 2; i++) {
        struct gb_delta_ask ask = {.device = 1,
                                   .from = (uint64_t)(i ? 5 : 0),
                                   .highest = (uint64_t)(i ? 5 : 0),
                                   .schema = (uint32_t)i,
                                   .clock_ms = 1};
        GOOD(gb_delta_make(h.st, &ask, &h.key, keep_part, NULL, &why));
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (int i = 0; i < nparts; i++)
        gb_buf_release(&parts[i]);
    for (int i = 0; i < 2; i++)
        gb_journal_close(d[i].j);
    end_hub(&h);
    return 0;
}

/* ------------------------------------------------------------- reading -- */

/* A part before compression: its header, and the raw bytes of each section. */
struct raw {
    uint8_t header[GB_DELTA_HEADER];
    struct gb_span section[SECTIONS];
    struct gb_arena arena;
};

static void
open_raw(struct raw *r, struct gb_span part)
{
    const struct gb_schema *s = gb_state_schema(h.st);
    uint8_t known[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
    struct gb_sections found;
    *r = (struct raw){.header = {0}};
    gb_arena_init(&r->arena, GB_ARENA_MAX);
    memcpy(r->header, part.ptr, GB_DELTA_HEADER);
    GOOD(gb_sections_read(
        GB_SPAN(part.ptr + GB_DELTA_HEADER, part.len - GB_DELTA_HEADER),
        GB_SPAN(known, sizeof known), &found, &why));
    for (int i = 0; i < found.n; i++)
        GOOD(gb_section_open(&found.of[i],
                             found.of[i].type == GB_DELTA_RECORDS
                                 ? s->dictionary
                                 : GB_SPAN(NULL, 0),
                             &r->arena, &r->section[found.of[i].type], &why));
}

static enum gb_err
visit(void *context, const struct gb_rec *rec, struct gb_fail *fail)
{
    (void)fail;
    /* what is accepted is within its bounds */
    assert_true(gb_id_valid(rec->id) && rec->stamp >= 0 && rec->level <= 9);
    for (int c = 0; c < rec->table->ncolumns; c++)
        assert_true(rec->cells[c].n >= 0);
    for (int i = 1; i < rec->nseen; i++)
        assert_true(rec->seen[i].device > rec->seen[i - 1].device);
    ++*(size_t *)context;
    return GB_OK;
}

/* Everything that reads a part. */
static enum gb_err
read_part(struct gb_span part, struct gb_fail *fail)
{
    struct gb_delta_head head;
    struct gb_delta_once once;
    struct gb_arena arena;
    size_t records = 0;
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = gb_delta_head_read(part, &head, fail);
    if (!e && head.part == 1)
        e = gb_delta_once_read(part, &arena, &once, fail);
    if (!e)
        e = gb_delta_records(part, gb_state_schema(h.st), visit, &records,
                             fail);
    for (int k = 0; k < GB_DELTA_JOINED_COUNT && !e; k++) {
        struct gb_delta_joined j;
        struct gb_span s;
        int table;
        int64_t id;
        bool names = k == GB_DELTA_J_GONE || k == GB_DELTA_J_LEFT;
        gb_delta_joined_init(&j, (enum gb_delta_joined_kind)k);
        e = gb_delta_join(&j, part, fail);
        while (!e && names && gb_delta_joined_name(&j, &table, &id))
            assert_true(table < GB_TABLES_MAX);
        while (!e && !names && gb_delta_joined_string(&j, &s))
            assert_true(s.len <= GB_SET_MAX);
        if (!e)
            e = gb_delta_joined_end(&j, fail);
        gb_delta_joined_release(&j);
    }
    gb_arena_release(&arena);
    return e;
}

/* Stored without compression, in a copy of its exact size. */
static bool
accepted(const struct raw *r)
{
    struct gb_fail fail = {0};
    struct gb_buf b;
    gb_buf_init(&b, 2 * GB_SET_MAX);
    gb_buf_add(&b, r->header, sizeof r->header);
    for (unsigned type = 1; type < SECTIONS; type++) {
        if (!r->section[type].len)
            continue;
        gb_buf_u8(&b, type);
        gb_buf_varint(&b, r->section[type].len);
        gb_buf_string(&b, r->section[type]);
    }
    gb_buf_u8(&b, 0);
    uint8_t *copy = malloc(b.len);
    assert_non_null(copy);
    memcpy(copy, b.ptr, b.len);
    enum gb_err e = read_part(GB_SPAN(copy, b.len), &fail);
    if (e && e != GB_E_FORMAT && e != GB_E_LIMIT && e != GB_E_VERSION)
        fail_msg("%s: %s", gb_err_name(e), fail.text);
    assert_true(!e || *fail.text);
    free(copy);
    gb_buf_release(&b);
    return !e;
}

/* --------------------------------------------------------------- tests -- */

static void
no_bit_does_harm(void **state)
{
    size_t good = 0, all = 0;
    (void)state;
    for (int i = 0; i < nparts; i++) {
        struct raw r;
        open_raw(&r, gb_buf_view(&parts[i]));
        assert_true(accepted(&r));
        for (size_t bit = 0; bit < 8 * sizeof r.header; bit++, all++) {
            r.header[bit / 8] ^= (uint8_t)(1u << bit % 8);
            good += accepted(&r);
            r.header[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (int type = 1; type < SECTIONS; type++) {
            uint8_t *p = (uint8_t *)(uintptr_t)r.section[type].ptr;
            if (type == GB_DELTA_SCHEMA)
                continue; /* a text of its own */
            for (size_t bit = 0; bit < 8 * r.section[type].len; bit++, all++) {
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                good += accepted(&r);
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        gb_arena_release(&r.arena);
    }
    assert_true(good > 1000 && good < all - 1000);
}

/* Each section cut short, and with a byte more; headers likewise. */
static void
every_byte_is_needed(void **state)
{
    (void)state;
    for (int i = 0; i < nparts; i++) {
        struct raw r;
        struct gb_fail fail = {0};
        struct gb_span part = gb_buf_view(&parts[i]);
        open_raw(&r, part);
        for (size_t n = 0; n <= GB_DELTA_HEADER; n++)
            assert_int_equal(read_part(GB_SPAN(part.ptr, n), &fail),
                             GB_E_FORMAT);
        gb_buf_u8(&parts[i], 0);
        assert_int_equal(read_part(gb_buf_view(&parts[i]), &fail), GB_E_FORMAT);
        parts[i].len--;
        struct gb_span full = r.section[GB_DELTA_RECORDS];
        for (size_t n = 1; n < full.len; n++) {
            r.section[GB_DELTA_RECORDS].len = n;
            assert_false(accepted(&r));
        }
        uint8_t more[4096];
        assert_true(full.len < sizeof more);
        memcpy(more, full.ptr, full.len);
        more[full.len] = 0;
        r.section[GB_DELTA_RECORDS] = GB_SPAN(more, full.len + 1);
        assert_false(accepted(&r));
        gb_arena_release(&r.arena);
    }
}

/* Bytes of a large record's stream. */
static void
large_records_are_whole(void **state)
{
    static const char *const bad[] = {"", "\177", "\1", "\1\2", "\1\2\2\2"};
    size_t records = 0;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(gb_delta_large(gb_span_text(bad[i]),
                                        gb_state_schema(h.st), visit, &records,
                                        &why),
                         GB_E_FORMAT);
    assert_int_equal(records, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bit_does_harm),
        cmocka_unit_test(every_byte_is_needed),
        cmocka_unit_test(large_records_are_whole),
    };
    return gb_crypto_init(&why) ||
           cmocka_run_group_tests(tests, setup, teardown);
}
