/* tlv_container.c - see tlv_container.h */
#include "tlv_container.h"

#include <string.h>

#include "section.h"
#include "sshsig.h"
#include "tlv.h"

#define SECTION_FIELDS 1
#define HEADER_BYTES 24
#define CONTAINER_MAX 8192

enum gb_err
gb_tlv_container_encode(const struct gb_tlv_kind *kind, const uint8_t site[16],
                        int device, struct gb_span fields,
                        const struct gb_sign_key *key, struct gb_buf *out,
                        struct gb_fail *fail)
{
    size_t start = out->len;
    gb_buf_text(out, kind->magic);
    gb_buf_u8(out, 1);
    gb_buf_u8(out, 0);
    gb_buf_u16(out, (unsigned)device);
    gb_buf_add(out, site, 16);
    struct gb_section_writer w = gb_section_writer_of(out);
    enum gb_err e =
        gb_section_write(&w, SECTION_FIELDS, fields, GB_SPAN(NULL, 0), fail);
    if (!e)
        e = gb_section_finish(&w, fail);
    if (e)
        return e;
    struct gb_signature sig = gb_sshsig_sign(
        key, kind->signed_as, GB_SPAN(out->ptr + start, out->len - start));
    gb_buf_add(out, sig.bytes, sizeof sig.bytes);
    return gb_buf_check(out, kind->a_name, fail);
}

enum gb_err
gb_tlv_container_decode(const struct gb_tlv_kind *kind, struct gb_span bytes,
                        struct gb_container *parts, uint8_t site[16],
                        int *device, struct gb_arena *arena,
                        struct gb_span *fields, struct gb_fail *fail)
{
    static const uint8_t known[] = {SECTION_FIELDS};
    struct gb_reader in = gb_reader_of(bytes);
    struct gb_sections sections;
    bool good =
        bytes.len <= CONTAINER_MAX &&
        gb_span_equal(gb_read_bytes(&in, 4), gb_span_text(kind->magic)) &&
        gb_read_u8(&in) == 1 && gb_read_u8(&in) == 0;
    *device = (int)gb_read_u16(&in);
    struct gb_span of = gb_read_bytes(&in, 16);
    if (!good || in.bad || *device < 1 || *device > GB_DEVICE_MAX)
        return gb_fail_set(fail, GB_E_FORMAT, "not %s", kind->a_name);
    memcpy(site, of.ptr, 16);
    enum gb_err e = gb_sections_read(
        GB_SPAN(bytes.ptr + HEADER_BYTES, bytes.len - HEADER_BYTES),
        GB_SPAN(known, sizeof known), &sections, fail);
    if (!e)
        e = gb_section_open(gb_sections_find(&sections, SECTION_FIELDS),
                            GB_SPAN(NULL, 0), arena, fields, fail);
    if (e)
        return e;
    size_t len = HEADER_BYTES + sections.len;
    if (bytes.len != len + 64)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "%s has bytes behind its end, or too few",
                           kind->a_name);
    *parts = (struct gb_container){
        .signed_bytes = GB_SPAN(bytes.ptr, len),
        .signature = GB_SPAN(bytes.ptr + len, 64),
    };
    return gb_tlv_valid(*fields)
               ? GB_OK
               : gb_fail_set(fail, GB_E_FORMAT,
                             "%s lacks a field, or has a bad one",
                             kind->a_name);
}

void
gb_tlv_put_head(struct gb_buf *out, unsigned tag, const struct gb_head *h)
{
    gb_buf_varint(out, tag);
    gb_buf_varint(out, 4 + 8 + 32);
    gb_buf_u32(out, h->epoch);
    gb_buf_u64(out, h->size);
    gb_buf_add(out, h->root, 32);
}

bool
gb_tlv_find_head(struct gb_span fields, unsigned tag, struct gb_head *out)
{
    struct gb_reader in = gb_reader_of(gb_tlv_find(fields, tag));
    out->epoch = gb_read_u32(&in);
    out->size = gb_read_u64(&in);
    struct gb_span root = gb_read_bytes(&in, 32);
    if (!gb_read_done(&in) || out->size > INT64_MAX / 2)
        return false;
    memcpy(out->root, root.ptr, 32);
    return true;
}
