/* request.c - see request.h */
#include "request.h"

#include <string.h>

#include "section.h"
#include "sshsig.h"
#include "tlv.h"

#define SECTION_REQUEST 1
#define HEADER_BYTES 24

enum {
    TAG_CLOCK = 1,
    TAG_WALL = 2,
    TAG_MONO = 3,
    TAG_BOOT = 4,
    TAG_MERGED = 5,
    TAG_HIGHEST = 6,
    TAG_SEQ = 7,
    TAG_SCHEMA = 8,
    TAG_STICK = 9,
    TAG_SIGN_KEY = 10,
    TAG_RECEIVE_KEY = 11,
    TAG_SECRET = 12,
    TAG_CONTINUES = 13,
    TAG_CONTINUES_FROM = 14
};

/* u32 epoch, u64 size, 32 bytes of root. */
static void
put_head(struct gb_buf *out, unsigned tag, const struct gb_head *h)
{
    gb_buf_varint(out, tag);
    gb_buf_varint(out, 4 + 8 + 32);
    gb_buf_u32(out, h->epoch);
    gb_buf_u64(out, h->size);
    gb_buf_add(out, h->root, 32);
}

static void
put_fields(struct gb_buf *out, const struct gb_request *r)
{
    gb_tlv_number(out, TAG_CLOCK, (uint64_t)r->clock_ms);
    gb_tlv_number(out, TAG_WALL, (uint64_t)r->wall_ms);
    gb_tlv_number(out, TAG_MONO, (uint64_t)r->mono_ms);
    gb_tlv_put(out, TAG_BOOT, GB_SPAN(r->boot, sizeof r->boot));
    put_head(out, TAG_MERGED, &r->merged);
    put_head(out, TAG_HIGHEST, &r->highest);
    gb_tlv_number(out, TAG_SEQ, r->seq);
    gb_tlv_number(out, TAG_SCHEMA, r->schema);
    gb_tlv_number(out, TAG_STICK, r->stick);
    if (r->first) {
        gb_tlv_put(out, TAG_SIGN_KEY, GB_SPAN(r->sign_key, 32));
        gb_tlv_put(out, TAG_RECEIVE_KEY, GB_SPAN(r->receive_key, 32));
        gb_tlv_put(out, TAG_SECRET, GB_SPAN(r->secret, 32));
    }
    if (r->continues) {
        gb_tlv_number(out, TAG_CONTINUES, (uint64_t)r->continues);
        gb_tlv_number(out, TAG_CONTINUES_FROM, r->continues_from);
    }
}

enum gb_err
gb_request_encode(const struct gb_request *r, const struct gb_sign_key *key,
                  struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_buf fields;
    size_t start = out->len;
    gb_buf_init(&fields, 4096);
    put_fields(&fields, r);
    gb_buf_text(out, "GBRQ");
    gb_buf_u8(out, 1);
    gb_buf_u8(out, 0);
    gb_buf_u16(out, (unsigned)r->device);
    gb_buf_add(out, r->site, sizeof r->site);
    struct gb_section_writer w = gb_section_writer_of(out);
    enum gb_err e = gb_buf_check(&fields, "a request", fail);
    if (!e)
        e = gb_section_write(&w, SECTION_REQUEST, gb_buf_view(&fields),
                             GB_SPAN(NULL, 0), fail);
    if (!e)
        e = gb_section_finish(&w, fail);
    if (!e) {
        struct gb_signature sig = gb_sshsig_sign(
            key, GB_NS_REQUEST, GB_SPAN(out->ptr + start, out->len - start));
        gb_buf_add(out, sig.bytes, sizeof sig.bytes);
    }
    gb_buf_release(&fields);
    return e ? e : gb_buf_check(out, "a request", fail);
}

/* A field of exactly n bytes. */
static bool
take(struct gb_span fields, unsigned tag, uint8_t *to, size_t n)
{
    struct gb_span v = gb_tlv_find(fields, tag);
    if (!v.ptr || v.len != n)
        return false;
    memcpy(to, v.ptr, n);
    return true;
}

static bool
take_number(struct gb_span fields, unsigned tag, uint64_t max, uint64_t *to)
{
    return gb_tlv_find_number(fields, tag, to) && *to <= max;
}

static bool
take_head(struct gb_span fields, unsigned tag, struct gb_head *h)
{
    struct gb_reader in = gb_reader_of(gb_tlv_find(fields, tag));
    h->epoch = gb_read_u32(&in);
    h->size = gb_read_u64(&in);
    struct gb_span root = gb_read_bytes(&in, 32);
    if (!gb_read_done(&in) || h->size > INT64_MAX / 2)
        return false;
    memcpy(h->root, root.ptr, 32);
    return true;
}

/* Both or neither. */
static bool
take_continues(struct gb_span f, struct gb_request *r)
{
    uint64_t device;
    if (!gb_tlv_find(f, TAG_CONTINUES).ptr)
        return !gb_tlv_find(f, TAG_CONTINUES_FROM).ptr;
    if (!take_number(f, TAG_CONTINUES, GB_DEVICE_MAX, &device) || !device ||
        !take_number(f, TAG_CONTINUES_FROM, INT64_MAX / 2, &r->continues_from))
        return false;
    r->continues = (int)device;
    return true;
}

static bool
take_fields(struct gb_span f, struct gb_request *r)
{
    uint64_t clock, wall, mono, seq, schema, stick;
    const uint64_t time_max = (uint64_t)INT64_MAX >> 8;
    if (!gb_tlv_valid(f) || !take_number(f, TAG_CLOCK, time_max, &clock) ||
        !take_number(f, TAG_WALL, time_max, &wall) ||
        !take_number(f, TAG_MONO, time_max, &mono) ||
        !take(f, TAG_BOOT, r->boot, 16) ||
        !take_head(f, TAG_MERGED, &r->merged) ||
        !take_head(f, TAG_HIGHEST, &r->highest) ||
        !take_number(f, TAG_SEQ, UINT32_MAX, &seq) ||
        !take_number(f, TAG_SCHEMA, UINT32_MAX, &schema) ||
        !take_number(f, TAG_STICK, 1, &stick))
        return false;
    r->clock_ms = (int64_t)clock;
    r->wall_ms = (int64_t)wall;
    r->mono_ms = (int64_t)mono;
    r->seq = (uint32_t)seq;
    r->schema = (uint32_t)schema;
    r->stick = stick;
    r->first = gb_tlv_find(f, TAG_SECRET).ptr != NULL;
    return take_continues(f, r) &&
           (!r->first || (take(f, TAG_SECRET, r->secret, 32) &&
                          take(f, TAG_SIGN_KEY, r->sign_key, 32) &&
                          take(f, TAG_RECEIVE_KEY, r->receive_key, 32)));
}

/* Fill out from signed bytes that begin like a request. */
static enum gb_err
decode(struct gb_span bytes, struct gb_request *out, size_t *len,
       struct gb_arena *arena, struct gb_fail *fail)
{
    static const uint8_t known[] = {SECTION_REQUEST};
    struct gb_reader in = gb_reader_of(bytes);
    struct gb_sections sections;
    struct gb_span fields;
    struct gb_span magic = gb_read_bytes(&in, 4);
    bool good = gb_span_equal(magic, gb_span_text("GBRQ")) &&
                gb_read_u8(&in) == 1 && gb_read_u8(&in) == 0;
    out->device = (int)gb_read_u16(&in);
    struct gb_span site = gb_read_bytes(&in, 16);
    if (!good || in.bad || out->device < 1 || out->device > GB_DEVICE_MAX)
        return gb_fail_set(fail, GB_E_FORMAT, "not a request");
    memcpy(out->site, site.ptr, 16);
    enum gb_err e = gb_sections_read(
        GB_SPAN(bytes.ptr + HEADER_BYTES, bytes.len - HEADER_BYTES),
        GB_SPAN(known, sizeof known), &sections, fail);
    if (!e)
        e = gb_section_open(gb_sections_find(&sections, SECTION_REQUEST),
                            GB_SPAN(NULL, 0), arena, &fields, fail);
    if (e)
        return e;
    *len = HEADER_BYTES + sections.len;
    return take_fields(fields, out)
               ? GB_OK
               : gb_fail_set(fail, GB_E_FORMAT,
                             "a request lacks a field, or has a bad one");
}

enum gb_err
gb_request_decode(struct gb_span container, struct gb_container *parts,
                  struct gb_request *out, struct gb_fail *fail)
{
    struct gb_arena arena;
    size_t len = 0;
    *out = (struct gb_request){0};
    if (container.len < HEADER_BYTES || container.len > 8192)
        return gb_fail_set(fail, GB_E_FORMAT, "not a request");
    gb_arena_init(&arena, 65536);
    enum gb_err e = decode(container, out, &len, &arena, fail);
    gb_arena_release(&arena);
    if (!e && container.len != len + 64)
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a request has bytes behind its end, or too few");
    if (!e)
        *parts = (struct gb_container){
            .signed_bytes = GB_SPAN(container.ptr, len),
            .signature = GB_SPAN(container.ptr + len, 64),
        };
    return e;
}
