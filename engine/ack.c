/* ack.c - see ack.h */
#include "ack.h"

#include "sshsig.h"
#include "tlv.h"
#include "tlv_container.h"

static const struct gb_tlv_kind kind = {"GBAK", GB_NS_DELTA,
                                        "an acknowledgement"};

enum { TAG_SEQ = 1, TAG_SHA = 2, TAG_HEAD = 3 };

enum gb_err
gb_ack_encode(const struct gb_ack *r, const struct gb_sign_key *key,
              struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_buf fields;
    gb_buf_init(&fields, 256);
    gb_tlv_number(&fields, TAG_SEQ, r->seq);
    gb_tlv_put(&fields, TAG_SHA, GB_SPAN(r->sha, sizeof r->sha));
    gb_tlv_put_head(&fields, TAG_HEAD, &r->head);
    enum gb_err e = gb_buf_check(&fields, kind.a_name, fail);
    if (!e)
        e = gb_tlv_container_encode(&kind, r->site, r->device,
                                    gb_buf_view(&fields), key, out, fail);
    gb_buf_release(&fields);
    return e;
}

static bool
take_fields(struct gb_span f, struct gb_ack *r)
{
    uint64_t seq;
    if (!gb_tlv_find_number(f, TAG_SEQ, &seq) || !seq || seq > UINT32_MAX ||
        !gb_tlv_find_bytes(f, TAG_SHA, r->sha, sizeof r->sha) ||
        !gb_tlv_find_head(f, TAG_HEAD, &r->head))
        return false;
    r->seq = (uint32_t)seq;
    return true;
}

enum gb_err
gb_ack_decode(struct gb_span container, struct gb_container *parts,
              struct gb_ack *out, struct gb_fail *fail)
{
    struct gb_arena arena;
    struct gb_span fields;
    *out = (struct gb_ack){0};
    gb_arena_init(&arena, 65536);
    enum gb_err e =
        gb_tlv_container_decode(&kind, container, parts, out->site,
                                &out->device, &arena, &fields, fail);
    if (!e && !take_fields(fields, out))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "an acknowledgement lacks a field, or has a bad one");
    gb_arena_release(&arena);
    return e;
}
