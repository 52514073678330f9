/*
 * codec.c - what is signed, behind its signature: change sets, parts of deltas,
 * and what both are made of.
 *
 * The first byte of an input chooses what it is read as: a container as it
 * travels, or what stands inside, which the deflated streams of a container
 * would hide from small changes.  Whatever is accepted is what encoding it
 * again gives; reading one container takes no more than its arena.
 */
#include <string.h>

#include "engine/column.h"
#include "engine/delta.h"
#include "engine/digest.h"
#include "engine/known.h"
#include "engine/section.h"
#include "engine/set_private.h"
#include "engine/tlv.h"
#include "support/fuzz.h"
#include "tests/bench/workload.h"
#include "tests/unit/support/schema_fixture.h"

#define READ_MAX (GB_ARENA_MAX + (4u << 20)) /* and what inflating needs */
#define NONE GB_SPAN(NULL, 0)

static const struct gb_schema *schemas[3]; /* as the golden sets have them */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    schemas[0] = &gb_schema_none;
    schemas[1] = schema_fixture(wl_schema, 1);
    schemas[2] = schema_fixture_every(4);
    return 0;
}

/* --------------------------------------------------------- change sets -- */

static const struct gb_schema *
schema_of(uint32_t version)
{
    for (int i = 0; i < 3; i++)
        if (schemas[i]->version == version)
            return schemas[i];
    return schemas[2];
}

/* The sections of two signed bytes are the same before compression. */
static void
same_sections(struct gb_span a, struct gb_span b, const struct gb_schema *s)
{
    struct gb_span of[2] = {a, b};
    struct gb_sections list[2];
    struct gb_arena arena;
    gb_arena_init(&arena, GB_ARENA_MAX);
    for (int i = 0; i < 2; i++)
        FUZZ_NEED(gb_set_read_sections(of[i], &list[i], &fuzz_why));
    FUZZ_CHECK(list[0].n == list[1].n);
    for (int i = 0; i < list[0].n; i++) {
        struct gb_span raw[2];
        for (int k = 0; k < 2; k++)
            FUZZ_NEED(gb_section_open(
                &list[k].of[i],
                list[k].of[i].type == GB_SECTION_OPS ? s->dictionary : NONE,
                &arena, &raw[k], &fuzz_why));
        FUZZ_CHECK(list[0].of[i].type == list[1].of[i].type);
        FUZZ_CHECK(gb_span_equal(raw[0], raw[1]));
    }
    FUZZ_CHECK(!memcmp(a.ptr, b.ptr, GB_SET_HEADER_BYTES));
    gb_arena_release(&arena);
}

/* Signed bytes that are refused, or what encoding gives. */
static bool
take_signed(struct gb_span bytes, struct gb_set *set,
            const struct gb_schema **s)
{
    struct gb_set_info info;
    struct gb_set times;
    struct gb_buf again;
    struct gb_fail fail = {0}, late = {0};
    *set = (struct gb_set){.nops = 0};
    if (fuzz_refused(gb_set_info(bytes, &info, &fail), &fail))
        return false;
    *s = schema_of(info.schema);
    fuzz_memory_begin(READ_MAX);
    enum gb_err e = gb_set_decode_times(bytes, &times, &late);
    int n = times.nops;
    gb_set_release(&times);
    enum gb_err f = gb_set_decode(bytes, *s, set, &fail);
    fuzz_memory_end();
    fuzz_refused(e, &late);
    if (fuzz_refused(f, &fail)) {
        FUZZ_CHECK(!set->arena.blocks);
        return false;
    }
    FUZZ_CHECK(!e && n == set->nops);
    gb_buf_init(&again, GB_SET_MAX);
    FUZZ_NEED(gb_set_encode(set, *s, &again, &fuzz_why));
    same_sections(bytes, gb_buf_view(&again), *s);
    gb_buf_release(&again);
    return true;
}

/* What a personal section says comes back when it is written again. */
static void
take_personal(struct gb_set *set, const struct gb_schema *s,
              struct gb_span personal)
{
    struct gb_buf again;
    struct gb_fail fail = {0};
    fuzz_memory_begin(READ_MAX);
    enum gb_err e = gb_set_reveal(set, s, personal, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    gb_buf_init(&again, GB_SET_MAX);
    FUZZ_NEED(gb_set_encode_personal(set, s, &again, &fuzz_why));
    FUZZ_NEED(gb_set_reveal(set, s, gb_buf_view(&again), &fuzz_why));
    gb_buf_release(&again);
}

static void
run_container(struct gb_reader *in)
{
    struct gb_span bytes = fuzz_rest(in);
    const struct gb_schema *s;
    struct gb_container parts;
    struct gb_set set;
    struct gb_fail fail = {0};
    if (fuzz_refused(gb_container_split(bytes, &parts, &fail), &fail))
        return;
    FUZZ_CHECK(parts.signature.len == 64);
    FUZZ_CHECK(parts.signed_bytes.len + 64 + parts.personal.len == bytes.len);
    if (take_signed(parts.signed_bytes, &set, &s))
        take_personal(&set, s, parts.personal);
    gb_set_release(&set);
}

/* Sections that are stored as they are, behind a sound header. */
static void
run_sections(struct gb_reader *in)
{
    const struct gb_schema *s = schemas[gb_read_u8(in) % 3];
    struct gb_buf b;
    struct gb_set set;
    gb_buf_init(&b, GB_SET_MAX);
    fuzz_put_set(&b, s->version, in);
    take_signed(gb_buf_view(&b), &set, &s);
    gb_set_release(&set);
    gb_buf_release(&b);
}

/* Personal values that fit their commitment, whatever they are. */
static void
run_reveal(struct gb_reader *in)
{
    static const uint8_t salt[GB_SALT_BYTES];
    const struct gb_table *t = &schemas[2]->tables[1];
    unsigned mask = gb_read_u8(in);
    struct gb_span payload = fuzz_rest(in);
    struct gb_written values[8];
    struct gb_op op = {
        .kind = mask & 128 ? GB_SET : GB_INSERT, .table = 1, .values = values};
    struct gb_set set = {.ops = &op, .nops = 1};
    struct gb_sha256_state sha;
    struct gb_buf section, again;
    for (int c = 0; c < t->ncolumns; c++)
        if (mask & 1u << c)
            values[op.nvalues++] = (struct gb_written){
                .column = c, .hidden = t->columns[c].personal};
    gb_sha256_init(&sha);
    gb_sha256_add(&sha, GB_SPAN(salt, sizeof salt));
    gb_sha256_add(&sha, payload);
    struct gb_sha256 commitment = gb_sha256_final(&sha);
    op.commitment = commitment.bytes;
    gb_buf_init(&section, GB_SET_MAX);
    gb_buf_init(&again, GB_SET_MAX);
    gb_buf_u8(&again, 1);
    gb_buf_add(&again, salt, sizeof salt);
    gb_buf_string(&again, payload);
    size_t n = again.len;
    gb_buf_u32(&section, (uint32_t)(n + 1 + (n > 127) + (n > 16383)));
    gb_buf_u8(&section, 0);
    gb_buf_string(&section, gb_buf_view(&again));
    gb_arena_init(&set.arena, GB_ARENA_MAX);
    take_personal(&set, schemas[2], gb_buf_view(&section));
    if (op.salt) {
        gb_buf_clear(&again);
        gb_op_personal(&op, t, &again);
        FUZZ_CHECK(gb_span_equal(gb_buf_view(&again), payload));
    }
    gb_arena_release(&set.arena);
    gb_buf_release(&section);
    gb_buf_release(&again);
}

/* -------------------------------------------------------------- deltas -- */

/* A record that was read: all that is asked of it. */
static enum gb_err
visit(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    static const struct gb_lineage alone;
    const struct gb_rec **first = context;
    struct gb_buf b;
    (void)fail;
    if (first && !*first)
        *first = r;
    gb_buf_init(&b, 2 * GB_ARENA_MAX);
    gb_rec_digest(r, &alone, &b);
    FUZZ_CHECK(!b.failed);
    gb_buf_release(&b);
    return GB_OK;
}

/* All that a part says, in the order of a handheld. */
static void
take_part(struct gb_span part)
{
    struct gb_delta_head head;
    struct gb_delta_once once;
    struct gb_arena arena;
    struct gb_fail fail = {0};
    fuzz_refused(gb_delta_head_read(part, &head, &fail), &fail);
    gb_arena_init(&arena, GB_ARENA_MAX);
    fuzz_memory_begin(READ_MAX);
    fuzz_refused(gb_delta_once_read(part, &arena, &once, &fail), &fail);
    fuzz_memory_end();
    gb_arena_release(&arena);
    fuzz_memory_begin(READ_MAX);
    fuzz_refused(gb_delta_records(part, schemas[2], visit, NULL, &fail), &fail);
    fuzz_memory_end();
    for (int k = 0; k < GB_DELTA_JOINED_COUNT; k++) {
        bool names = k == GB_DELTA_J_GONE || k == GB_DELTA_J_LEFT;
        struct gb_delta_joined j;
        struct gb_span s;
        int table;
        int64_t id;
        gb_delta_joined_init(&j, (enum gb_delta_joined_kind)k);
        fuzz_memory_begin(READ_MAX);
        fuzz_refused(gb_delta_join(&j, part, &fail), &fail);
        while (names ? gb_delta_joined_name(&j, &table, &id)
                     : gb_delta_joined_string(&j, &s))
            if (k == GB_DELTA_J_LARGE)
                fuzz_refused(gb_delta_large(s, schemas[2], visit, NULL, &fail),
                             &fail);
        fuzz_memory_end();
        fuzz_refused(gb_delta_joined_end(&j, &fail), &fail);
        gb_delta_joined_release(&j);
    }
}

static void
run_part(struct gb_reader *in)
{
    take_part(fuzz_rest(in));
}

/* Two sections of a part, stored as they are. */
static void
run_part_sections(struct gb_reader *in)
{
    struct gb_buf b;
    unsigned type[2] = {GB_DELTA_SITE + gb_read_u8(in) % 12, 0};
    struct gb_span raw[2] = {fuzz_piece(in), NONE};
    type[1] = type[0] + 1 + gb_read_u8(in) % 12;
    raw[1] = fuzz_rest(in);
    gb_buf_init(&b, GB_SET_MAX);
    memset(gb_buf_grow(&b, GB_DELTA_HEADER), 0, GB_DELTA_HEADER);
    for (int i = 0; i < 2; i++) {
        if (!raw[i].len)
            continue;
        gb_buf_u8(&b, type[i]);
        gb_buf_varint(&b, raw[i].len);
        gb_buf_string(&b, raw[i]);
    }
    gb_buf_u8(&b, 0);
    take_part(gb_buf_view(&b));
    gb_buf_release(&b);
}

/* Records of one table come back as they were. */
static void
run_rows(struct gb_reader *in)
{
    unsigned which = gb_read_u8(in);
    bool large = which & 128;
    const struct gb_table *t =
        &schemas[2]->tables[which % 128 % (unsigned)schemas[2]->ntables];
    size_t n = large ? 1 : 1 + gb_read_u8(in) % 16;
    struct gb_span bytes = fuzz_rest(in);
    struct gb_reader rows = gb_reader_of(bytes);
    const struct gb_rec *first = NULL;
    struct gb_arena arena;
    struct gb_buf again;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, GB_ARENA_MAX);
    fuzz_memory_begin(READ_MAX);
    enum gb_err e =
        gb_delta_rows_read(&rows, t, n, large, &arena, visit, &first, &fail);
    fuzz_memory_end();
    gb_buf_init(&again, GB_ARENA_MAX);
    if (!fuzz_refused(e, &fail)) {
        FUZZ_CHECK(!rows.bad);
        FUZZ_NEED(gb_delta_rows_write(first, n, large, &again, &fuzz_why));
        FUZZ_CHECK(
            gb_span_equal(gb_buf_view(&again),
                          GB_SPAN(bytes.ptr, (size_t)(rows.ptr - bytes.ptr))));
    }
    gb_buf_release(&again);
    gb_arena_release(&arena);
}

/* -------------------------------------------------------------- pieces -- */

static void
run_column(struct gb_reader *in)
{
    enum gb_form form = gb_read_u8(in) % 5;
    size_t m = gb_read_u16(in);
    struct gb_span bytes = fuzz_rest(in);
    struct gb_reader r = gb_reader_of(bytes);
    struct gb_entries entries;
    struct gb_arena scratch, keep;
    struct gb_buf again;
    struct gb_fail fail = {0};
    gb_arena_init(&scratch, GB_ARENA_MAX);
    gb_arena_init(&keep, GB_ARENA_MAX);
    gb_buf_init(&again, GB_ARENA_MAX);
    fuzz_memory_begin(READ_MAX);
    enum gb_err e =
        gb_column_read(&r, form, m, &scratch, &keep, &entries, &fail);
    fuzz_memory_end();
    if (!fuzz_refused(e, &fail) && m) {
        struct gb_value *v = gb_arena_array(&keep, m, sizeof *v);
        FUZZ_CHECK(v != NULL);
        for (size_t i = 0; i < m; i++) {
            const struct gb_value *next = gb_entries_next(&entries);
            v[i] = next ? *next : GB_VALUE_NULL;
        }
        FUZZ_NEED(gb_column_write(&again, form, v, m, &scratch, &fuzz_why));
        FUZZ_CHECK(
            gb_span_equal(gb_buf_view(&again),
                          GB_SPAN(bytes.ptr, (size_t)(r.ptr - bytes.ptr))));
    }
    gb_arena_release(&scratch);
    gb_arena_release(&keep);
    gb_buf_release(&again);
}

/* A batch line is what writing it gives. */
static void
run_line(struct gb_reader *in)
{
    struct gb_span text = fuzz_rest(in);
    struct gb_line line;
    struct gb_arena arena;
    struct gb_buf again;
    struct gb_fail fail = {0};
    gb_arena_init(&arena, GB_ARENA_MAX);
    gb_buf_init(&again, GB_ARENA_MAX);
    if (!fuzz_refused(gb_line_read(text, &arena, &line, &fail), &fail)) {
        gb_line_write(&line, &again);
        FUZZ_CHECK(gb_span_equal(gb_buf_view(&again), text));
    }
    gb_buf_release(&again);
    gb_arena_release(&arena);
}

/* Values, fields and known operations: lists of what is read one by one. */
static void
run_lists(struct gb_reader *in)
{
    unsigned which = gb_read_u8(in) % 3, tag, last = 0;
    struct gb_span bytes = fuzz_rest(in), v;
    struct gb_reader r = gb_reader_of(bytes);
    struct gb_buf again;
    uint64_t number;
    gb_buf_init(&again, GB_ARENA_MAX);
    while (which == 0 && gb_read_left(&r) && !r.bad) {
        struct gb_value value = gb_value_read(&r);
        if (!r.bad)
            gb_value_write(&again, &value);
    }
    while (which == 1 && gb_tlv_next(&r, &tag, &v, &last)) {
        gb_tlv_put(&again, tag, v);
        FUZZ_CHECK(gb_tlv_find(bytes, tag).ptr != NULL);
        gb_tlv_find_number(bytes, tag, &number);
    }
    while (which == 2 && gb_read_left(&r) && !r.bad) {
        struct gb_known known = gb_known_read(&r);
        if (!r.bad)
            gb_known_write(&again, &known);
    }
    if (which == 1)
        FUZZ_CHECK(gb_tlv_valid(bytes) == !r.bad);
    if (!r.bad)
        FUZZ_CHECK(gb_span_equal(gb_buf_view(&again), bytes));
    gb_buf_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const run[])(struct gb_reader *) = {
        run_container, run_sections, run_reveal, run_part, run_part_sections,
        run_rows,      run_column,   run_line,   run_lists};
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, n));
    run[gb_read_u8(&in) % (sizeof run / sizeof *run)](&in);
    return 0;
}
