/* delta_part.c - records and streams, packed into signed parts; see delta.h
 * and delta_private.h */
#include "delta_private.h"

#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "section.h"
#include "site.h"
#include "sshsig.h"
#include "tlv.h"

/* What the first part holds beside schema and lineage, more or less. */
#define ONCE_BYTES 8192
/* A consistency proof from a ledger of any likely size. */
#define PROOF_BYTES 2048

/* ------------------------------------------------------------ one part -- */

static void
write_header(const struct gb_delta_head *h, struct gb_buf *out)
{
    gb_buf_text(out, "GBDL");
    gb_buf_u8(out, 1);
    gb_buf_u8(out, 0);
    gb_buf_u16(out, (unsigned)h->device);
    gb_buf_add(out, h->site, sizeof h->site);
    gb_buf_u32(out, h->part);
    gb_buf_u32(out, (h->last ? 1u : 0u) | (h->keep ? 2u : 0u));
    gb_buf_u64(out, h->from);
    gb_buf_u32(out, h->to.epoch);
    gb_buf_u64(out, h->to.size);
    gb_buf_add(out, h->to.root, 32);
    gb_buf_u32(out, h->accepted);
    gb_buf_add(out, h->accepted_sha, 32);
    gb_buf_u64(out, (uint64_t)h->stamp);
    gb_buf_u32(out, h->schema);
    gb_buf_u64(out, (uint64_t)h->clock_ms);
}

/* The open group, into the part. */
static enum gb_err
close_group(struct gb_delta_out *o, struct gb_fail *fail)
{
    if (!o->nrows)
        return GB_OK;
    gb_buf_varint(&o->groups, (uint64_t)o->table);
    gb_buf_varint(&o->groups, o->nrows);
    enum gb_err e =
        gb_delta_rows_write(o->rows, o->nrows, false, &o->groups, fail);
    o->ngroups++;
    o->nrows = 0;
    gb_arena_reset(&o->arena);
    return e;
}

/* One section, when it holds anything. */
static enum gb_err
section(struct gb_section_writer *w, unsigned type, struct gb_buf *bytes,
        struct gb_span dictionary, struct gb_fail *fail)
{
    enum gb_err e = gb_buf_check(bytes, "a part of a delta", fail);
    if (!e && bytes->len)
        e = gb_section_write(w, type, gb_buf_view(bytes), dictionary, fail);
    gb_buf_clear(bytes);
    return e;
}

/* Name, time zone, keys and epoch of the site. */
static void
write_site(const struct gb_site *s, struct gb_buf *out)
{
    gb_tlv_put(out, GB_SITE_NAME, gb_span_text(s->name));
    gb_tlv_put(out, GB_SITE_TIMEZONE, gb_span_text(s->timezone));
    gb_tlv_put(out, GB_SITE_HUB_KEY, GB_SPAN(s->hub_key, 32));
    gb_tlv_put(out, GB_SITE_LEDGER_KEY, GB_SPAN(s->ledger_key, 32));
    gb_tlv_put(out, GB_SITE_RECEIVE_KEY, GB_SPAN(s->receive_key, 32));
    gb_tlv_number(out, GB_SITE_EPOCH, s->epoch);
}

/* What the device is to the hub, and whether its keys are known. */
static void
write_device(const struct gb_device *d, struct gb_buf *out)
{
    const char *line = d->attributes;
    gb_tlv_put(out, GB_DEVICE_NAME, gb_span_text(d->name));
    gb_tlv_number(out, GB_DEVICE_LEVEL, (uint64_t)d->level);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1)
        gb_tlv_put(out, GB_DEVICE_ATTRIBUTE,
                   GB_SPAN(line, (size_t)(end - line)));
    if (d->enrolled)
        gb_tlv_put(out, GB_DEVICE_SIGN_KEY, GB_SPAN(d->sign_key, 32));
}

/* Where the device may stand, rising, each once. */
static int
list_sizes(const struct gb_delta_ask *ask, uint64_t out[GB_DELTA_GROWTH_MAX])
{
    int n = 0;
    for (int i = -1; i < ask->nheads; i++) {
        uint64_t size = i < 0 ? ask->highest : ask->heads[i];
        int at = n;
        while (at && out[at - 1] > size)
            at--;
        if (at && out[at - 1] == size)
            continue;
        memmove(out + at + 1, out + at, (size_t)(n - at) * sizeof *out);
        out[at] = size;
        n++;
    }
    return n;
}

static enum gb_err
write_proofs(struct gb_delta_out *o, struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_merkle_proof proof;
    uint64_t sizes[GB_DELTA_GROWTH_MAX];
    int n = list_sizes(o->ask, sizes);
    enum gb_err e = GB_OK;
    for (int i = 0; i < n && !e; i++) {
        e = gb_state_prove(o->st, sizes[i], o->head.to.size, &proof, fail);
        if (e)
            break;
        gb_buf_varint(out, sizes[i]);
        gb_merkle_proof_write(out, &proof);
    }
    return e;
}

static enum gb_err
once_before(struct gb_delta_out *o, struct gb_section_writer *w,
            struct gb_buf *b, struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    const struct gb_span none = GB_SPAN(NULL, 0);
    write_site(gb_state_site(o->st), b);
    enum gb_err e = section(w, GB_DELTA_SITE, b, none, fail);
    if (!e)
        e = gb_state_device(o->st, o->ask->device, &d, &found, fail);
    if (!e)
        write_device(&d, b);
    return e ? e : section(w, GB_DELTA_DEVICE, b, none, fail);
}

/* Schema, proofs and lineage are said once; the streams go on. */
static enum gb_err
behind_records(struct gb_delta_out *o, struct gb_section_writer *w,
               struct gb_buf *b, struct gb_fail *fail)
{
    const struct gb_schema *schema = gb_state_schema(o->st);
    const struct gb_lineage *l = gb_state_lineage(o->st);
    const struct gb_span none = GB_SPAN(NULL, 0);
    bool first = o->head.part == 1;
    enum gb_err e = GB_OK;
    if (first && schema->version > o->ask->schema)
        gb_buf_span(b, schema->text);
    e = section(w, GB_DELTA_SCHEMA, b, none, fail);
    if (!e)
        e = section(w, GB_DELTA_RECEIPTS, &o->joined[GB_DELTA_J_RECEIPTS], none,
                    fail);
    if (!e && first)
        e = write_proofs(o, b, fail);
    if (!e)
        e = section(w, GB_DELTA_PROOF, b, none, fail);
    for (int i = 0; first && i < l->n; i++) {
        gb_buf_varint(b, (uint64_t)l->of[i].device);
        gb_buf_varint(b, (uint64_t)l->of[i].parent);
        gb_buf_zigzag(b, l->of[i].stamp);
    }
    if (!e)
        e = section(w, GB_DELTA_LINEAGE, b, none, fail);
    for (int k = GB_DELTA_J_GONE; k < GB_DELTA_JOINED_COUNT && !e; k++)
        e = section(w, gb_delta_joined_section[k], &o->joined[k], none, fail);
    return e;
}

/* Sign and hand over the part that is ready. */
static enum gb_err
send_part(struct gb_delta_out *o, bool last, struct gb_fail *fail)
{
    struct gb_buf out, b;
    gb_buf_init(&out, GB_SET_MAX);
    gb_buf_init(&b, GB_BODY_MAX);
    enum gb_err e = close_group(o, fail);
    o->head.part++;
    o->head.last = last;
    write_header(&o->head, &out);
    struct gb_section_writer w = gb_section_writer_of(&out);
    if (!e && o->head.part == 1)
        e = once_before(o, &w, &b, fail);
    if (o->ngroups) {
        gb_buf_varint(&b, o->ngroups);
        gb_buf_span(&b, gb_buf_view(&o->groups));
    }
    if (!e)
        e = section(&w, GB_DELTA_RECORDS, &b,
                    gb_state_schema(o->st)->dictionary, fail);
    if (!e)
        e = behind_records(o, &w, &b, fail);
    if (!e)
        e = gb_section_finish(&w, fail);
    if (!e) {
        struct gb_signature sig =
            gb_sshsig_sign(o->key, GB_NS_DELTA, gb_buf_view(&out));
        gb_buf_add(&out, sig.bytes, sizeof sig.bytes);
        e = gb_buf_check(&out, "a part of a delta", fail);
    }
    if (!e)
        e = o->sink(o->context, gb_buf_view(&out), fail);
    gb_buf_release(&out);
    gb_buf_release(&b);
    gb_buf_clear(&o->groups);
    o->ngroups = o->nrecords = o->bytes = 0;
    return e;
}

/* ------------------------------------------------------------- streams -- */

enum gb_err
gb_delta_stream(struct gb_delta_out *o, enum gb_delta_joined_kind k,
                struct gb_span bytes, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    while (bytes.len && !e) {
        if (o->bytes >= GB_DELTA_PART_BYTES) {
            e = send_part(o, false, fail);
            continue;
        }
        size_t n = GB_DELTA_PART_BYTES - o->bytes;
        n = n < bytes.len ? n : bytes.len;
        gb_buf_add(&o->joined[k], bytes.ptr, n);
        o->bytes += n;
        bytes = GB_SPAN(bytes.ptr + n, bytes.len - n);
    }
    return e;
}

enum gb_err
gb_delta_name(struct gb_delta_out *o, enum gb_delta_joined_kind k, int table,
              int64_t id, struct gb_fail *fail)
{
    struct gb_buf b;
    gb_buf_init(&b, 64);
    gb_buf_varint(&b, (uint64_t)table);
    gb_buf_zigzag(&b, id);
    enum gb_err e = gb_buf_check(&b, "a name", fail);
    if (!e)
        e = gb_delta_stream(o, k, gb_buf_view(&b), fail);
    gb_buf_release(&b);
    return e;
}

/* ------------------------------------------------------------- records -- */

/* At least what a record will need: the values that show, and its state. */
static size_t
bound_of(const struct gb_rec *r)
{
    size_t n = 64 + r->ref.len;
    for (int c = 0; c < r->table->ncolumns; c++) {
        const struct gb_cell *cell = &r->cells[c];
        for (int i = 0; i < cell->n; i++)
            n += 48 +
                 (cell->n > 1 ? 2 : 1) * gb_column_bound(&cell->sib[i].value) +
                 (cell->sib[i].commitment ? 32 : 0);
    }
    for (int i = 0; i < r->nvoids; i++)
        n += 48 + r->voids[i].reason.len;
    return n + 32u * (unsigned)r->nseen;
}

/* Read a record behind the rows of the open group; a large one may find their
 * arena full, and then closes the group. */
static enum gb_err
load(struct gb_delta_out *o, int table, int64_t id, bool *found,
     struct gb_fail *fail)
{
    struct gb_tables *t = gb_state_tables(o->st);
    struct gb_fail full = {0};
    enum gb_err e = gb_tables_seek(t, table, id, &o->arena, &o->rows[o->nrows],
                                   found, &full);
    if (e && (e != GB_E_MEMORY || !o->nrows))
        return gb_fail_set(fail, e, "%s", full.text);
    if (!e)
        return GB_OK;
    e = close_group(o, fail);
    return e ? e
             : gb_tables_seek(t, table, id, &o->arena, &o->rows[0], found,
                              fail);
}

/* One that has its own place in the stream of large ones. */
static enum gb_err
bring_large(struct gb_delta_out *o, int table, const struct gb_rec *r,
            struct gb_fail *fail)
{
    struct gb_buf one, size;
    gb_buf_init(&one, GB_ARENA_MAX);
    gb_buf_init(&size, 16);
    gb_buf_varint(&one, (uint64_t)table);
    enum gb_err e = gb_delta_rows_write(r, 1, true, &one, fail);
    gb_buf_varint(&size, one.len);
    if (!e)
        e = gb_buf_check(&size, "a record", fail);
    if (!e)
        e = gb_delta_stream(o, GB_DELTA_J_LARGE, gb_buf_view(&size), fail);
    if (!e)
        e = gb_delta_stream(o, GB_DELTA_J_LARGE, gb_buf_view(&one), fail);
    gb_buf_release(&one);
    gb_buf_release(&size);
    return e;
}

enum gb_err
gb_delta_bring(struct gb_delta_out *o, int table, int64_t id,
               struct gb_fail *fail)
{
    bool found;
    enum gb_err e = GB_OK;
    if (o->nrecords == GB_DELTA_RECORDS_MAX)
        e = send_part(o, false, fail);
    if (!e && table != o->table)
        e = close_group(o, fail);
    o->table = table;
    if (!e)
        e = load(o, table, id, &found, fail);
    if (e || !found)
        return e;
    size_t size = bound_of(&o->rows[o->nrows]);
    if (size > GB_TEXT_MAX) {
        /* sending a part resets the arena of the open group: it goes first,
         * and the record is read again */
        e = close_group(o, fail);
        gb_arena_reset(&o->arena);
        if (!e)
            e = load(o, table, id, &found, fail);
        return e || !found ? e : bring_large(o, table, &o->rows[0], fail);
    }
    if (o->bytes && o->bytes + size > GB_DELTA_PART_BYTES) {
        e = send_part(o, false, fail);
        if (!e)
            e = load(o, table, id, &found, fail);
        if (e || !found)
            return e;
    }
    o->nrows++;
    o->nrecords++;
    o->bytes += size;
    return GB_OK;
}

/* ------------------------------------------------------ beginning, end -- */

enum gb_err
gb_delta_out_open(struct gb_delta_out *o, struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(o->st);
    gb_buf_init(&o->groups, GB_BODY_MAX);
    for (int k = 0; k < GB_DELTA_JOINED_COUNT; k++)
        gb_buf_init(&o->joined[k], GB_DELTA_PART_BYTES);
    gb_arena_init(&o->arena, GB_ARENA_MAX);
    o->table = -1;
    o->bytes = ONCE_BYTES + PROOF_BYTES * (unsigned)o->ask->nheads +
               24u * (unsigned)gb_state_lineage(o->st)->n +
               (s->version > o->ask->schema ? s->text.len : 0);
    o->rows = calloc(GB_DELTA_RECORDS_MAX, sizeof *o->rows);
    return o->rows ? GB_OK : gb_fail_memory(fail);
}

void
gb_delta_out_release(struct gb_delta_out *o)
{
    gb_tables_seek_end(gb_state_tables(o->st));
    free(o->rows);
    gb_buf_release(&o->groups);
    for (int k = 0; k < GB_DELTA_JOINED_COUNT; k++)
        gb_buf_release(&o->joined[k]);
    gb_arena_release(&o->arena);
}

enum gb_err
gb_delta_out_end(struct gb_delta_out *o, struct gb_fail *fail)
{
    return send_part(o, true, fail);
}
