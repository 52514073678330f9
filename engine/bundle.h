/*
 * bundle.h - what travels between a device and the hub: a header and frames
 * (docs/FORMAT.md "Bundle"), the same bytes over HTTP and in a *.gbx file.
 *
 * A frame holds one sealed container; bundles neither seal nor unseal (that
 * is seal.h), so nothing here is secret and nothing here is to be trusted.
 * The reader takes bytes as they arrive, in pieces of any size, and hands on
 * every frame as soon as it is whole: a bundle that breaks off at any byte
 * loses only the frame that it broke in.  Its memory is one frame, and grows
 * with the bytes that came, never with a length that was only announced.
 */
#ifndef GB_BUNDLE_H
#define GB_BUNDLE_H

#include "buf.h"
#include "limits.h"
#include "seal.h"

#define GB_BUNDLE_HEADER 24 /* bytes before the first frame */
#define GB_FRAME_HEADER 5   /* u8 type, u32 length */
#define GB_FRAME_MAX (GB_SET_MAX + 64)

static_assert(GB_SET_MAX + GB_SEAL_OVERHEAD <= GB_FRAME_MAX,
              "the largest container fits a frame when sealed");

enum gb_direction { GB_TO_HUB = 0, GB_TO_DEVICE = 1 };

enum gb_frame {
    GB_FRAME_REQUEST = 1,
    GB_FRAME_SET = 2,
    GB_FRAME_DELTA = 3,
    GB_FRAME_ACK = 4,
    GB_FRAME_TROUBLE = 5, /* text, no container */
    GB_FRAME_END = 9      /* written and read here, callers never meet it */
};

struct gb_bundle {
    enum gb_direction to;
    int device; /* 1..GB_DEVICE_MAX: who sends it, or who is to receive it */
    uint8_t site[16];
};

/* ------------------------------------------------------------- writing -- */

/* Takes the bytes in order; they are borrowed for the call.  An error ends
 * the writing and is handed on unchanged. */
typedef enum gb_err gb_bundle_write(void *arg, struct gb_span bytes,
                                    struct gb_fail *fail);

struct gb_bundle_out {
    gb_bundle_write *write;
    void *arg;
    uint32_t frames; /* so far */
};

/* A gb_bundle_write that appends to the `struct gb_buf` at arg. */
enum gb_err gb_bundle_to_buf(void *arg, struct gb_span bytes,
                             struct gb_fail *fail);

/* Header, then frames, then the end; out->write and out->arg are set by the
 * caller, who owns all three. */
enum gb_err gb_bundle_begin(struct gb_bundle_out *out,
                            const struct gb_bundle *bundle,
                            struct gb_fail *fail);
/* GB_E_LIMIT when it is longer than GB_FRAME_MAX. */
enum gb_err gb_bundle_add(struct gb_bundle_out *out, enum gb_frame type,
                          struct gb_span sealed, struct gb_fail *fail);
enum gb_err gb_bundle_end(struct gb_bundle_out *out, struct gb_fail *fail);

/* ------------------------------------------------------------- reading -- */

/* What the reader calls.  An error of theirs ends the reading and is what
 * feed and finish return from then on. */
struct gb_bundle_events {
    /* Once, before any frame: check site, device and direction here. */
    enum gb_err (*header)(void *arg, const struct gb_bundle *bundle,
                          struct gb_fail *fail);
    /* A whole frame (never the end); the bytes are borrowed for the call. */
    enum gb_err (*frame)(void *arg, enum gb_frame type, struct gb_span sealed,
                         struct gb_fail *fail);
    void *arg;
};

struct gb_bundle_in {
    struct gb_bundle_events on;
    struct gb_buf held;  /* the frame, or header, that is not whole yet */
    bool started, ended; /* header seen; end frame seen */
    uint32_t frames;     /* whole ones handed on */
    struct gb_fail fail; /* sticky, code GB_OK while all is well */
};

void gb_bundle_in_init(struct gb_bundle_in *in,
                       const struct gb_bundle_events *on);
void gb_bundle_in_release(struct gb_bundle_in *in); /* may be repeated */

/*
 * The next bytes.  GB_E_FORMAT: no bundle, an unknown or too long frame, a
 * wrong count at the end, bytes behind the end; GB_E_VERSION: a newer format;
 * or an error of a callback.  Frames handed on before an error stay good.
 */
enum gb_err gb_bundle_feed(struct gb_bundle_in *in, struct gb_span bytes,
                           struct gb_fail *fail);
/* No more bytes will come.  GB_OK: complete; GB_E_FORMAT: breaks off, the text
 * says after how many frames; or what feed returned before. */
enum gb_err gb_bundle_finish(struct gb_bundle_in *in, struct gb_fail *fail);

#endif
