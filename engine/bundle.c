/* bundle.c - see bundle.h */
#include "bundle.h"

#include <inttypes.h>
#include <string.h>

static const uint8_t magic[4] = {'G', 'B', 'B', 'N'};
#define VERSION 1

/* ------------------------------------------------------------- writing -- */

enum gb_err
gb_bundle_to_buf(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_buf *out = arg;
    gb_buf_span(out, bytes);
    return gb_buf_check(out, "bundle", fail);
}

enum gb_err
gb_bundle_begin(struct gb_bundle_out *out, const struct gb_bundle *bundle,
                struct gb_fail *fail)
{
    gb_assert(bundle->device >= 1 && bundle->device <= GB_DEVICE_MAX);
    uint8_t header[GB_BUNDLE_HEADER];
    memcpy(header, magic, sizeof magic);
    header[4] = VERSION;
    header[5] = (uint8_t)bundle->to;
    header[6] = (uint8_t)(bundle->device >> 8);
    header[7] = (uint8_t)bundle->device;
    memcpy(header + 8, bundle->site, sizeof bundle->site);
    out->frames = 0;
    return out->write(out->arg, GB_SPAN(header, sizeof header), fail);
}

/* Type and length, then the bytes. */
static enum gb_err
put_frame(struct gb_bundle_out *out, enum gb_frame type, struct gb_span bytes,
          struct gb_fail *fail)
{
    uint8_t header[GB_FRAME_HEADER] = {
        (uint8_t)type, (uint8_t)(bytes.len >> 24), (uint8_t)(bytes.len >> 16),
        (uint8_t)(bytes.len >> 8), (uint8_t)bytes.len};
    enum gb_err err =
        out->write(out->arg, GB_SPAN(header, sizeof header), fail);
    return err ? err : out->write(out->arg, bytes, fail);
}

enum gb_err
gb_bundle_add(struct gb_bundle_out *out, enum gb_frame type,
              struct gb_span sealed, struct gb_fail *fail)
{
    gb_assert(type != GB_FRAME_END);
    if (sealed.len > GB_FRAME_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "frame of %zu bytes: a bundle takes at most %d",
                           sealed.len, GB_FRAME_MAX);
    enum gb_err err = put_frame(out, type, sealed, fail);
    if (!err)
        out->frames++;
    return err;
}

enum gb_err
gb_bundle_end(struct gb_bundle_out *out, struct gb_fail *fail)
{
    uint32_t n = out->frames;
    uint8_t count[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16),
                        (uint8_t)(n >> 8), (uint8_t)n};
    return put_frame(out, GB_FRAME_END, GB_SPAN(count, sizeof count), fail);
}

/* ------------------------------------------------------------- reading -- */

void
gb_bundle_in_init(struct gb_bundle_in *in, const struct gb_bundle_events *on)
{
    *in = (struct gb_bundle_in){.on = *on};
    gb_buf_init(&in->held, GB_FRAME_HEADER + GB_FRAME_MAX);
}

void
gb_bundle_in_release(struct gb_bundle_in *in)
{
    gb_buf_release(&in->held);
}

/* Check the 24 bytes of the header and hand it on. */
static enum gb_err
read_header(struct gb_bundle_in *in, struct gb_fail *fail)
{
    struct gb_reader r = gb_reader_of(gb_buf_view(&in->held));
    gb_read_bytes(&r, sizeof magic); /* foreign() has seen it */
    unsigned version = gb_read_u8(&r), to = gb_read_u8(&r);
    if (version != VERSION)
        return gb_fail_set(fail, GB_E_VERSION,
                           "bundle of format %u, and this program knows %d: "
                           "install a newer one",
                           version, VERSION);
    struct gb_bundle bundle = {.to = to ? GB_TO_DEVICE : GB_TO_HUB,
                               .device = (int)gb_read_u16(&r)};
    memcpy(bundle.site, gb_read_bytes(&r, sizeof bundle.site).ptr,
           sizeof bundle.site);
    if (to > GB_TO_DEVICE || bundle.device < 1 || bundle.device > GB_DEVICE_MAX)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the bundle's header is damaged (direction %u, "
                           "device %d): send or copy it again",
                           to, bundle.device);
    in->started = true;
    return in->on.header(in->on.arg, &bundle, fail);
}

/* The end frame must count the frames before it. */
static enum gb_err
read_end(struct gb_bundle_in *in, struct gb_reader *r, struct gb_fail *fail)
{
    uint32_t count = gb_read_u32(r);
    if (count != in->frames)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the bundle ends after %" PRIu32
                           " frames and counts %" PRIu32
                           ": send or copy it again",
                           in->frames, count);
    in->ended = true;
    return GB_OK;
}

/* Hand on the whole frame that is held. */
static enum gb_err
read_frame(struct gb_bundle_in *in, struct gb_fail *fail)
{
    struct gb_reader r = gb_reader_of(gb_buf_view(&in->held));
    unsigned type = gb_read_u8(&r);
    uint32_t length = gb_read_u32(&r);
    if (type == GB_FRAME_END)
        return read_end(in, &r, fail);
    struct gb_span sealed = gb_read_bytes(&r, length);
    enum gb_err err =
        in->on.frame(in->on.arg, (enum gb_frame)type, sealed, fail);
    if (!err)
        in->frames++;
    return err;
}

/* Check type and length of a frame, before its bytes are waited for. */
static enum gb_err
check_frame(const struct gb_bundle_in *in, unsigned type, uint32_t length,
            struct gb_fail *fail)
{
    bool known = type == GB_FRAME_REQUEST || type == GB_FRAME_SET ||
                 type == GB_FRAME_DELTA || type == GB_FRAME_ACK ||
                 type == GB_FRAME_TROUBLE || type == GB_FRAME_END;
    if (known && (type == GB_FRAME_END ? length == 4 : length <= GB_FRAME_MAX))
        return GB_OK;
    return gb_fail_set(fail, GB_E_FORMAT,
                       "the bundle is damaged after %" PRIu32
                       " frames (type %u, %" PRIu32
                       " bytes): send or copy it again",
                       in->frames, type, length);
}

/* How many bytes must be held before the next step. */
static enum gb_err
wanted(const struct gb_bundle_in *in, size_t *n, struct gb_fail *fail)
{
    if (!in->started) {
        *n = GB_BUNDLE_HEADER;
        return GB_OK;
    }
    *n = GB_FRAME_HEADER;
    if (in->held.len < GB_FRAME_HEADER)
        return GB_OK;
    struct gb_reader r = gb_reader_of(gb_buf_view(&in->held));
    unsigned type = gb_read_u8(&r);
    uint32_t length = gb_read_u32(&r);
    *n += length;
    return check_frame(in, type, length, fail);
}

/* Use what is held, which is as much as was wanted. */
static enum gb_err
step(struct gb_bundle_in *in, struct gb_fail *fail)
{
    enum gb_err err =
        in->started ? read_frame(in, fail) : read_header(in, fail);
    gb_buf_clear(&in->held);
    return err;
}

/* Whether these bytes cannot be the start of a bundle: said at once, without
 * waiting for the rest of the header. */
static bool
foreign(const struct gb_bundle_in *in)
{
    size_t n = in->held.len < sizeof magic ? in->held.len : sizeof magic;
    return !in->started && n && memcmp(in->held.ptr, magic, n);
}

/* gb_bundle_feed() without the memory of earlier failures. */
static enum gb_err
feed(struct gb_bundle_in *in, struct gb_span s, struct gb_fail *fail)
{
    while (s.len) {
        if (in->ended)
            return gb_fail_set(
                fail, GB_E_FORMAT,
                "bytes stand behind the bundle's end: send or copy "
                "it again");
        size_t want, have = in->held.len;
        enum gb_err err = wanted(in, &want, fail);
        if (err)
            return err;
        size_t n = want - have < s.len ? want - have : s.len;
        gb_buf_add(&in->held, s.ptr, n);
        if ((err = gb_buf_check(&in->held, "frame", fail)))
            return err;
        s = GB_SPAN(s.ptr + n, s.len - n);
        if (foreign(in))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "this is not a bundle: `gengbu export` and "
                               "`gengbu-hub export` write them");
        if ((err = wanted(in, &want, fail)))
            return err;
        if (in->held.len == want && (err = step(in, fail)))
            return err;
    }
    return GB_OK;
}

/* The failure that is kept, copied to the caller. */
static enum gb_err
kept(const struct gb_bundle_in *in, struct gb_fail *fail)
{
    if (fail && in->fail.code)
        *fail = in->fail;
    return in->fail.code;
}

enum gb_err
gb_bundle_feed(struct gb_bundle_in *in, struct gb_span bytes,
               struct gb_fail *fail)
{
    if (!in->fail.code)
        in->fail.code = feed(in, bytes, &in->fail);
    return kept(in, fail);
}

enum gb_err
gb_bundle_finish(struct gb_bundle_in *in, struct gb_fail *fail)
{
    if (!in->fail.code && !in->ended)
        gb_fail_set(&in->fail, GB_E_FORMAT,
                    "the bundle breaks off after %" PRIu32
                    " frames: what came before is kept, send or copy it again",
                    in->frames);
    return kept(in, fail);
}
