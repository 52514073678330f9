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
        GB_DELTA_RECEIPTS, GB_DELTA_PROOF,  GB_DELTA_LINEAGE, GB_DELTA_GONE};
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

static enum gb_err
read_receipts(struct gb_span bytes, struct gb_arena *arena,
              struct gb_delta_once *out, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    size_t n = 0;
    while (gb_read_left(&in) && gb_read_string(&in).ptr)
        n++;
    out->receipts = gb_arena_array(arena, n, sizeof *out->receipts);
    if (in.bad || !out->receipts)
        return gb_fail_set(fail, GB_E_FORMAT, "the receipts are damaged");
    in = gb_reader_of(bytes);
    for (size_t i = 0; i < n; i++) {
        enum gb_err e =
            gb_line_read(gb_read_string(&in), arena, &out->receipts[i], fail);
        if (e)
            return e;
    }
    out->nreceipts = (int)n;
    return GB_OK;
}

static bool
read_proof(struct gb_span bytes, struct gb_delta_once *out)
{
    struct gb_reader in = gb_reader_of(bytes);
    out->proof_from = gb_read_varint(&in);
    gb_merkle_proof_read(&out->proof, &in);
    return gb_read_done(&in);
}

static bool
read_lineage(struct gb_span bytes, struct gb_arena *arena,
             struct gb_delta_once *out)
{
    struct gb_reader in = gb_reader_of(bytes);
    size_t room = bytes.len / 3;
    out->lineage.of = gb_arena_array(arena, room, sizeof *out->lineage.of);
    if (!out->lineage.of)
        return false;
    while (gb_read_left(&in) && (size_t)out->lineage.n < room) {
        struct gb_ancestor *a = &out->lineage.of[out->lineage.n++];
        a->device = (int)gb_read_varint(&in);
        a->parent = (int)gb_read_varint(&in);
        a->stamp = gb_read_zigzag(&in);
    }
    return gb_read_done(&in);
}

static bool
read_gone(struct gb_span bytes, struct gb_arena *arena,
          struct gb_delta_once *out)
{
    struct gb_reader in = gb_reader_of(bytes);
    size_t room = bytes.len / 2;
    out->gone = gb_arena_array(arena, room, sizeof *out->gone);
    if (!out->gone)
        return false;
    while (gb_read_left(&in) && (size_t)out->ngone < room) {
        struct gb_gone *g = &out->gone[out->ngone++];
        uint64_t table = gb_read_varint(&in);
        in.bad |= table >= GB_TABLES_MAX;
        g->table = (int)table;
        g->id = gb_read_zigzag(&in);
    }
    return gb_read_done(&in);
}

enum gb_err
gb_delta_once_read(struct gb_span part, struct gb_arena *arena,
                   struct gb_delta_once *out, struct gb_fail *fail)
{
    struct gb_sections s;
    struct gb_span receipts, proof, lineage, gone;
    *out = (struct gb_delta_once){0};
    enum gb_err e = read_sections(part, &s, fail);
    if (!e)
        e = open(&s, GB_DELTA_SITE, arena, &out->site, fail);
    if (!e)
        e = open(&s, GB_DELTA_DEVICE, arena, &out->device, fail);
    if (!e)
        e = open(&s, GB_DELTA_SCHEMA, arena, &out->schema, fail);
    if (!e)
        e = open(&s, GB_DELTA_RECEIPTS, arena, &receipts, fail);
    if (!e)
        e = open(&s, GB_DELTA_PROOF, arena, &proof, fail);
    if (!e)
        e = open(&s, GB_DELTA_LINEAGE, arena, &lineage, fail);
    if (!e)
        e = open(&s, GB_DELTA_GONE, arena, &gone, fail);
    if (!e)
        e = read_receipts(receipts, arena, out, fail);
    if (!e && (!read_proof(proof, out) || !read_lineage(lineage, arena, out) ||
               !read_gone(gone, arena, out)))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "the first part of a delta is damaged");
    return e;
}

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
            e = gb_delta_rows_read(&in, &s->tables[table], n, &arena, visit,
                                   context, fail);
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
