/* set.c - see set.h: the header, the parts of a container, bounds */
#include "set_private.h"

#include <string.h>

#include "clock.h"
#include "column.h"

static const uint8_t known[] = {GB_SECTION_TIME, GB_SECTION_OPS,
                                GB_SECTION_ORIGIN};

void
gb_set_release(struct gb_set *s)
{
    gb_arena_release(&s->arena);
    *s = (struct gb_set){.device = 0};
}

/* What every container starts with: magic, version and a byte of 0. */
static enum gb_err
read_magic(struct gb_reader *in, struct gb_fail *fail)
{
    struct gb_span magic = gb_read_bytes(in, 4);
    unsigned version = gb_read_u8(in), zero = gb_read_u8(in);
    if (!gb_span_equal(magic, gb_span_text("GBCS")) || in->bad)
        return gb_fail_set(fail, GB_E_FORMAT, "not a change set");
    if (version > 1)
        return gb_fail_set(fail, GB_E_VERSION,
                           "a change set of format %u: update the program",
                           version);
    if (version < 1 || zero)
        return gb_fail_set(fail, GB_E_FORMAT, "not a change set");
    return GB_OK;
}

/* Copy a field of fixed size; zeros after a failure. */
static void
read_field(struct gb_reader *in, uint8_t *to, size_t n)
{
    struct gb_span s = gb_read_bytes(in, n);
    memset(to, 0, n);
    if (s.len)
        memcpy(to, s.ptr, n);
}

enum gb_err
gb_set_info(struct gb_span signed_bytes, struct gb_set_info *out,
            struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(signed_bytes);
    *out = (struct gb_set_info){.device = 0};
    enum gb_err e = read_magic(&in, fail);
    if (e)
        return e;
    out->device = (int)gb_read_u16(&in);
    read_field(&in, out->site, sizeof out->site);
    out->seq = gb_read_u32(&in);
    read_field(&in, out->prev, sizeof out->prev);
    out->schema = gb_read_u32(&in);
    out->clock_ms = (int64_t)gb_read_u64(&in);
    out->base.epoch = gb_read_u32(&in);
    out->base.size = gb_read_u64(&in);
    read_field(&in, out->base.root, sizeof out->base.root);
    if (in.bad)
        return gb_fail_set(fail, GB_E_FORMAT, "the header is cut short");
    if (out->device > GB_DEVICE_MAX)
        return gb_fail_set(fail, GB_E_FORMAT, "there is no device %d",
                           out->device);
    return GB_OK;
}

static const uint8_t no_hash[32];

bool
gb_set_follows(const struct gb_set_info *info)
{
    return info->seq > 1 && memcmp(info->prev, no_hash, sizeof no_hash) != 0;
}

enum gb_err
gb_set_check_header(const struct gb_set_info *info, struct gb_fail *fail)
{
    if (!info->seq || info->clock_ms < 0 || info->clock_ms > GB_TIME_MAX)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the header has a number out of range");
    if (info->seq == 1 && memcmp(info->prev, no_hash, sizeof no_hash) != 0)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the first set of a chain names one before it");
    return GB_OK;
}

enum gb_err
gb_set_read_sections(struct gb_span signed_bytes, struct gb_sections *out,
                     struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(signed_bytes);
    enum gb_err e = read_magic(&in, fail);
    if (e)
        return e;
    if (signed_bytes.len < GB_SET_HEADER_BYTES)
        return gb_fail_set(fail, GB_E_FORMAT, "the header is cut short");
    return gb_sections_read(GB_SPAN(signed_bytes.ptr + GB_SET_HEADER_BYTES,
                                    signed_bytes.len - GB_SET_HEADER_BYTES),
                            GB_SPAN(known, sizeof known), out, fail);
}

enum gb_err
gb_container_split(struct gb_span bytes, struct gb_container *out,
                   struct gb_fail *fail)
{
    size_t sections;
    *out = (struct gb_container){.personal = {NULL, 0}};
    if (bytes.len > GB_SET_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "a change set of %zu bytes is larger than %d",
                           bytes.len, GB_SET_MAX);
    struct gb_reader in = gb_reader_of(bytes);
    enum gb_err e = read_magic(&in, fail);
    if (e)
        return e;
    if (bytes.len < GB_SET_HEADER_BYTES)
        return gb_fail_set(fail, GB_E_FORMAT, "the header is cut short");
    e = gb_sections_end(GB_SPAN(bytes.ptr + GB_SET_HEADER_BYTES,
                                bytes.len - GB_SET_HEADER_BYTES),
                        &sections, fail);
    if (e)
        return e;
    in = gb_reader_of(bytes);
    struct gb_span head = gb_read_bytes(&in, GB_SET_HEADER_BYTES + sections);
    struct gb_span signature = gb_read_bytes(&in, 64);
    struct gb_span personal = GB_SPAN(in.ptr, gb_read_left(&in));
    gb_read_bytes(&in, gb_read_u32(&in));
    if (!gb_read_done(&in))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the change set is cut short, or goes on behind "
                           "its end");
    *out = (struct gb_container){head, signature, personal};
    return GB_OK;
}

/* ------------------------------------------------------------- bounds -- */

/* Greatest number of bytes of each field, as set_time.c and set_encode.c
 * write them. */
enum {
    BOUND_ID = 8,
    BOUND_TIME = 7,
    BOUND_STAMP = 9,
    BOUND_ACTOR = BOUND_ID + 3,
    BOUND_GROUP = 2 + 6,
    BOUND_MASK = 9,
    BOUND_NAME = 2 + 10,
    BOUND_COMMITMENT = 32 + 1 + GB_SALT_BYTES + 5
};

size_t
gb_op_bound(const struct gb_op *op)
{
    struct gb_value text = gb_value_text(op->text);
    size_t bound = BOUND_TIME + BOUND_STAMP + BOUND_ACTOR + BOUND_GROUP +
                   BOUND_ID + BOUND_MASK + BOUND_MASK + BOUND_COMMITMENT;
    /* Presence: an insert adds a byte to each column at most; other kinds
     * only to the columns that they write, and to both of a state. */
    bound +=
        1 + (op->kind == GB_INSERT ? GB_COLUMNS_MAX : 4 * (size_t)op->nvalues);
    bound += gb_column_bound(&text) + 2 + BOUND_NAME * (size_t)op->nnames;
    for (int i = 0; i < op->nvalues; i++)
        bound += gb_column_bound(&op->values[i].value) +
                 gb_column_bound(&op->values[i].from) + 1;
    return bound;
}

struct gb_origin
gb_set_origin(const struct gb_set *set, int index)
{
    const struct gb_op *op = &set->ops[index];
    const struct gb_boot *b = &set->boots[op->boot];
    if (set->origins)
        return set->origins[index];
    struct gb_origin o = {.device = set->device,
                          .mono_ms = b->mono_ms + op->time_ms - b->wall_ms,
                          .stamp = op->stamp};
    memcpy(o.boot, b->id, sizeof o.boot);
    return o;
}
