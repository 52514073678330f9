/* request.c - see request.h */
#include "request.h"

#include <string.h>

#include "sshsig.h"
#include "tlv.h"
#include "tlv_container.h"

static const struct gb_tlv_kind kind = {"GBRQ", GB_NS_REQUEST, "a request"};

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

static void
put_fields(struct gb_buf *out, const struct gb_request *r)
{
    gb_tlv_number(out, TAG_CLOCK, (uint64_t)r->clock_ms);
    gb_tlv_number(out, TAG_WALL, (uint64_t)r->wall_ms);
    gb_tlv_number(out, TAG_MONO, (uint64_t)r->mono_ms);
    gb_tlv_put(out, TAG_BOOT, GB_SPAN(r->boot, sizeof r->boot));
    gb_tlv_put_head(out, TAG_MERGED, &r->merged);
    gb_tlv_put_head(out, TAG_HIGHEST, &r->highest);
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
    gb_buf_init(&fields, 4096);
    put_fields(&fields, r);
    enum gb_err e = gb_buf_check(&fields, "a request", fail);
    if (!e)
        e = gb_tlv_container_encode(&kind, r->site, r->device,
                                    gb_buf_view(&fields), key, out, fail);
    gb_buf_release(&fields);
    return e;
}

static bool
take_number(struct gb_span fields, unsigned tag, uint64_t max, uint64_t *to)
{
    return gb_tlv_find_number(fields, tag, to) && *to <= max;
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
    if (!take_number(f, TAG_CLOCK, time_max, &clock) ||
        !take_number(f, TAG_WALL, time_max, &wall) ||
        !take_number(f, TAG_MONO, time_max, &mono) ||
        !gb_tlv_find_bytes(f, TAG_BOOT, r->boot, 16) ||
        !gb_tlv_find_head(f, TAG_MERGED, &r->merged) ||
        !gb_tlv_find_head(f, TAG_HIGHEST, &r->highest) ||
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
           (!r->first ||
            (gb_tlv_find_bytes(f, TAG_SECRET, r->secret, 32) &&
             gb_tlv_find_bytes(f, TAG_SIGN_KEY, r->sign_key, 32) &&
             gb_tlv_find_bytes(f, TAG_RECEIVE_KEY, r->receive_key, 32)));
}

enum gb_err
gb_request_decode(struct gb_span container, struct gb_container *parts,
                  struct gb_request *out, struct gb_fail *fail)
{
    struct gb_arena arena;
    struct gb_span fields;
    *out = (struct gb_request){0};
    gb_arena_init(&arena, 65536);
    enum gb_err e =
        gb_tlv_container_decode(&kind, container, parts, out->site,
                                &out->device, &arena, &fields, fail);
    if (!e && !take_fields(fields, out))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a request lacks a field, or has a bad one");
    gb_arena_release(&arena);
    return e;
}
