/* delta_read.c - a part of a delta, taken apart; see delta.h.  The parts are
 * signed by the hub, and still read like any bytes from outside. */
#include "delta.h"

#include <string.h>

#include "section.h"

enum gb_err
gb_delta_head_read(struct gb_span part, struct gb_delta_head *out,
                   struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(part);
    *out = (struct gb_delta_head){0};
    struct gb_span magic = gb_read_bytes(&in, 4);
    if (!gb_span_equal(magic, gb_span_text("GBDL")))
        return gb_fail_set(fail, GB_E_FORMAT, "not a part of a delta");
    unsigned version = gb_read_u8(&in);
    if (version > 1)
        return gb_fail_set(fail, GB_E_VERSION,
                           "a delta of format %u: update this program",
                           version);
    in.bad |= version != 1 || gb_read_u8(&in) != 0;
    out->device = (int)gb_read_u16(&in);
    struct gb_span site = gb_read_bytes(&in, 16);
    out->part = gb_read_u32(&in);
    uint32_t flags = gb_read_u32(&in);
    out->last = flags & 1;
    out->keep = flags & 2;
    out->from = gb_read_u64(&in);
    out->to.epoch = gb_read_u32(&in);
    out->to.size = gb_read_u64(&in);
    struct gb_span root = gb_read_bytes(&in, 32);
    out->accepted = gb_read_u32(&in);
    struct gb_span sha = gb_read_bytes(&in, 32);
    out->stamp = (int64_t)gb_read_u64(&in);
    out->schema = gb_read_u32(&in);
    out->clock_ms = (int64_t)gb_read_u64(&in);
    if (in.bad || flags > 3 || !out->part || out->from >= out->to.size ||
        out->to.size >= (uint64_t)GB_POS_PENDING || out->stamp < 0 ||
        out->clock_ms < 0 || !out->schema)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the header of a delta is damaged");
    memcpy(out->site, site.ptr, 16);
    memcpy(out->to.root, root.ptr, 32);
    memcpy(out->accepted_sha, sha.ptr, 32);
    return GB_OK;
}

/* The sections of a part. */
static enum gb_err
read_sections(struct gb_span part, struct gb_sections *out,
              struct gb_fail *fail)
{
    static const uint8_t known[] = {
        GB_DELTA_SITE,     GB_DELTA_DEVICE, GB_DELTA_RECORDS, GB_DELTA_SCHEMA,
        GB_DELTA_RECEIPTS, GB_DELTA_PROOF,  GB_DELTA_LINEAGE, GB_DELTA_GONE,
        GB_DELTA_LARGE,    GB_DELTA_LEFT,   GB_DELTA_KNOWN,   GB_DELTA_WAITS};
    if (part.len < GB_DELTA_HEADER)
        return gb_fail_set(fail, GB_E_FORMAT, "not a part of a delta");
    struct gb_span rest =
        GB_SPAN(part.ptr + GB_DELTA_HEADER, part.len - GB_DELTA_HEADER);
    enum gb_err e =
        gb_sections_read(rest, GB_SPAN(known, sizeof known), out, fail);
    if (!e && out->len != rest.len)
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a part of a delta has bytes behind its end");
    return e;
}

/* A section's bytes, or none when it is not there. */
static enum gb_err
open(const struct gb_sections *s, unsigned type, struct gb_arena *arena,
     struct gb_span *out, struct gb_fail *fail)
{
    const struct gb_section *found = gb_sections_find(s, type);
    *out = GB_SPAN(NULL, 0);
    return found ? gb_section_open(found, GB_SPAN(NULL, 0), arena, out, fail)
                 : GB_OK;
}

/* One or more, from ever larger sizes. */
static bool
read_growth(struct gb_span bytes, size_t room, struct gb_delta_once *out)
{
    struct gb_reader in = gb_reader_of(bytes);
    while (gb_read_left(&in) && (size_t)out->ngrowth < room) {
        struct gb_delta_growth *g = &out->growth[out->ngrowth++];
        g->from = gb_read_varint(&in);
        gb_merkle_proof_read(&g->proof, &in);
        in.bad |= out->ngrowth > 1 && g->from <= g[-1].from;
    }
    return out->ngrowth && gb_read_done(&in);
}

static bool
read_lineage(struct gb_span bytes, struct gb_delta_once *out)
{
    struct gb_reader in = gb_reader_of(bytes);
    while (gb_read_left(&in)) {
        struct gb_ancestor *a = &out->lineage.of[out->lineage.n++];
        uint64_t device = gb_read_varint(&in), parent = gb_read_varint(&in);
        *a =
            (struct gb_ancestor){(int)device, (int)parent, gb_read_zigzag(&in)};
        in.bad |= device > GB_DEVICE_MAX || parent > GB_DEVICE_MAX;
    }
    return gb_read_done(&in);
}

/* Room comes first, so that a lack of memory is told from damage. */
static enum gb_err
read_lists(struct gb_span proofs, struct gb_span lineage,
           struct gb_arena *arena, struct gb_delta_once *out,
           struct gb_fail *fail)
{
    /* each is a size and a count at least; a byte for each of three numbers */
    size_t room = proofs.len / 2, ancestors = lineage.len / 3 + 1;
    if (room > GB_DELTA_GROWTH_MAX)
        room = GB_DELTA_GROWTH_MAX;
    out->growth = gb_arena_array(arena, room, sizeof *out->growth);
    out->lineage.of = gb_arena_array(arena, ancestors, sizeof *out->lineage.of);
    if (!out->growth || !out->lineage.of)
        return gb_arena_refused(arena, ancestors * sizeof *out->lineage.of,
                                fail);
    if (!read_growth(proofs, room, out) || !read_lineage(lineage, out))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the first part of a delta is damaged");
    return GB_OK;
}

enum gb_err
gb_delta_once_read(struct gb_span part, struct gb_arena *arena,
                   struct gb_delta_once *out, struct gb_fail *fail)
{
    struct gb_sections s;
    struct gb_span proofs, lineage;
    *out = (struct gb_delta_once){0};
    enum gb_err e = read_sections(part, &s, fail);
    if (!e)
        e = open(&s, GB_DELTA_SITE, arena, &out->site, fail);
    if (!e)
        e = open(&s, GB_DELTA_DEVICE, arena, &out->device, fail);
    if (!e)
        e = open(&s, GB_DELTA_SCHEMA, arena, &out->schema, fail);
    if (!e)
        e = open(&s, GB_DELTA_PROOF, arena, &proofs, fail);
    if (!e)
        e = open(&s, GB_DELTA_LINEAGE, arena, &lineage, fail);
    return e ? e : read_lists(proofs, lineage, arena, out, fail);
}

/* ------------------------------------------------------------- streams -- */

const unsigned gb_delta_joined_section[GB_DELTA_JOINED_COUNT] = {
    [GB_DELTA_J_RECEIPTS] = GB_DELTA_RECEIPTS,
    [GB_DELTA_J_GONE] = GB_DELTA_GONE,
    [GB_DELTA_J_LARGE] = GB_DELTA_LARGE,
    [GB_DELTA_J_LEFT] = GB_DELTA_LEFT,
    [GB_DELTA_J_KNOWN] = GB_DELTA_KNOWN,
    [GB_DELTA_J_WAITS] = GB_DELTA_WAITS,
};

void
gb_delta_joined_init(struct gb_delta_joined *j, enum gb_delta_joined_kind kind)
{
    *j = (struct gb_delta_joined){.kind = kind};
    gb_buf_init(&j->bytes, GB_ARENA_MAX);
}

void
gb_delta_joined_release(struct gb_delta_joined *j)
{
    gb_buf_release(&j->bytes);
}

enum gb_err
gb_delta_join(struct gb_delta_joined *j, struct gb_span part,
              struct gb_fail *fail)
{
    struct gb_sections s;
    struct gb_arena arena;
    struct gb_span more;
    gb_arena_init(&arena, GB_BODY_MAX + 4096);
    enum gb_err e = read_sections(part, &s, fail);
    if (!e)
        e = open(&s, gb_delta_joined_section[j->kind], &arena, &more, fail);
    if (!e && more.len) {
        /* what was used goes, the rest of a string waits for its end */
        size_t left = j->bytes.len - j->at;
        if (left)
            memmove(j->bytes.ptr, j->bytes.ptr + j->at, left);
        j->bytes.len = left;
        j->at = 0;
        gb_buf_span(&j->bytes, more);
        e = gb_buf_check(&j->bytes, "a stream of a delta", fail);
    }
    gb_arena_release(&arena);
    return e;
}

/* What has not been used. */
static struct gb_reader
unused(const struct gb_delta_joined *j)
{
    struct gb_span all = gb_buf_view(&j->bytes);
    if (j->at)
        all = GB_SPAN(all.ptr + j->at, all.len - j->at);
    return gb_reader_of(all);
}

bool
gb_delta_joined_string(struct gb_delta_joined *j, struct gb_span *out)
{
    struct gb_reader in = unused(j);
    size_t before = gb_read_left(&in);
    *out = gb_read_string(&in);
    if (!before || in.bad)
        return false;
    j->at += before - gb_read_left(&in);
    return true;
}

bool
gb_delta_joined_name(struct gb_delta_joined *j, int *table, int64_t *id)
{
    struct gb_reader in = unused(j);
    size_t before = gb_read_left(&in);
    uint64_t t = gb_read_varint(&in);
    *id = gb_read_zigzag(&in);
    *table = (int)t;
    if (!before || in.bad || t >= GB_TABLES_MAX)
        return false;
    j->at += before - gb_read_left(&in);
    return true;
}

enum gb_err
gb_delta_joined_end(const struct gb_delta_joined *j, struct gb_fail *fail)
{
    if (j->at == j->bytes.len)
        return GB_OK;
    return gb_fail_set(fail, GB_E_FORMAT,
                       "section %u of a delta does not end where it should",
                       gb_delta_joined_section[j->kind]);
}

/* ------------------------------------------------------------- records -- */

/* The groups of the records section. */
static enum gb_err
read_groups(struct gb_span bytes, const struct gb_schema *s, gb_visit *visit,
            void *context, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    struct gb_arena arena;
    enum gb_err e = GB_OK;
    gb_arena_init(&arena, GB_ARENA_MAX);
    size_t groups = gb_read_count(&in, 8);
    for (size_t i = 0; i < groups && !e; i++) {
        uint64_t table = gb_read_varint(&in);
        size_t n = gb_read_count(&in, 5);
        if (in.bad || table >= (uint64_t)s->ntables || !n ||
            n > GB_DELTA_RECORDS_MAX)
            e = gb_fail_set(fail, GB_E_FORMAT, "records of a delta: damaged");
        else
            e = gb_delta_rows_read(&in, &s->tables[table], n, false, &arena,
                                   visit, context, fail);
        gb_arena_reset(&arena);
    }
    if (!e && !gb_read_done(&in))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "records of a delta: bytes behind the end");
    gb_arena_release(&arena);
    return e;
}

enum gb_err
gb_delta_records(struct gb_span part, const struct gb_schema *s,
                 gb_visit *visit, void *context, struct gb_fail *fail)
{
    struct gb_sections sections;
    struct gb_arena arena;
    struct gb_span bytes = {0};
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = read_sections(part, &sections, fail);
    const struct gb_section *found =
        e ? NULL : gb_sections_find(&sections, GB_DELTA_RECORDS);
    if (found)
        e = gb_section_open(found, s->dictionary, &arena, &bytes, fail);
    if (!e && found)
        e = read_groups(bytes, s, visit, context, fail);
    gb_arena_release(&arena);
    return e;
}

enum gb_err
gb_delta_large(struct gb_span bytes, const struct gb_schema *s, gb_visit *visit,
               void *context, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    struct gb_arena arena;
    enum gb_err e;
    gb_arena_init(&arena, GB_ARENA_MAX);
    uint64_t table = gb_read_varint(&in);
    if (in.bad || table >= (uint64_t)s->ntables)
        e = gb_fail_set(fail, GB_E_FORMAT, "a record of a delta: damaged");
    else
        e = gb_delta_rows_read(&in, &s->tables[table], 1, true, &arena, visit,
                               context, fail);
    if (!e && !gb_read_done(&in))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a record of a delta: bytes behind the end");
    gb_arena_release(&arena);
    return e;
}
