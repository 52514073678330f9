/*
 * envelope.c - what travels: bundles as they arrive in pieces, sealed frames,
 * requests, acknowledgements, tickets.  What is complete is what writing it
 * again gives; memory grows with the bytes that came, never with a length that
 * was only announced.
 */
#include <string.h>

#include "engine/bundle.h"
#include "engine/digest.h"
#include "engine/ack.h"
#include "engine/request.h"
#include "engine/ticket.h"
#include "support/fuzz.h"

#define MEMORY(n) (64 * (n) + (64u << 10)) /* for n bytes that came */

static struct gb_sign_key sign;
static struct gb_box_key box;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint8_t seed[GB_KEY_BYTES] = {0x42};
    (void)argc;
    (void)argv;
    FUZZ_NEED(gb_crypto_init(&fuzz_why));
    gb_sign_key_from_seed(&sign, seed);
    gb_box_key_derive(&box, &sign);
    return 0;
}

/* ------------------------------------------------------------- bundles -- */

/* The bundle that is written from what the reader hands on. */
struct copy {
    struct gb_bundle_out out;
    struct gb_buf bytes;
};

static enum gb_err
on_header(void *arg, const struct gb_bundle *bundle, struct gb_fail *fail)
{
    struct copy *c = arg;
    return gb_bundle_begin(&c->out, bundle, fail);
}

static enum gb_err
on_frame(void *arg, enum gb_frame type, struct gb_span sealed,
         struct gb_fail *fail)
{
    struct copy *c = arg;
    return gb_bundle_add(&c->out, type, sealed, fail);
}

/* In pieces whose lengths depend on the first byte. */
static void
run_bundle(struct gb_reader *in)
{
    size_t step = 1 + gb_read_u8(in);
    struct gb_span bytes = fuzz_rest(in);
    struct copy c;
    struct gb_bundle_events on = {on_header, on_frame, &c};
    struct gb_bundle_in reader;
    struct gb_fail fail = {0};
    gb_buf_init(&c.bytes, (size_t)1 << 30);
    c.out = (struct gb_bundle_out){gb_bundle_to_buf, &c.bytes, 0};
    gb_bundle_in_init(&reader, &on);
    fuzz_memory_begin(MEMORY(bytes.len));
    for (size_t at = 0; at < bytes.len; at += step)
        if (gb_bundle_feed(&reader,
                           GB_SPAN(bytes.ptr + at, step < bytes.len - at
                                                       ? step
                                                       : bytes.len - at),
                           &fail))
            break;
    enum gb_err e = gb_bundle_finish(&reader, &fail);
    fuzz_memory_end();
    if (!fuzz_refused(e, &fail)) {
        FUZZ_NEED(gb_bundle_end(&c.out, &fuzz_why));
        FUZZ_CHECK(gb_span_equal(gb_buf_view(&c.bytes), bytes));
    } else {
        /* what was whole is handed on all the same */
        FUZZ_CHECK(
            c.bytes.len <= bytes.len &&
            (!c.bytes.len || !memcmp(c.bytes.ptr, bytes.ptr, c.bytes.len)));
    }
    gb_bundle_in_release(&reader);
    gb_buf_release(&c.bytes);
}

/* Whatever the bytes are, they are not sealed to us. */
static void
run_unseal(struct gb_reader *in)
{
    struct gb_span bytes = fuzz_rest(in);
    struct gb_buf plain;
    struct gb_fail fail = {0};
    gb_buf_init(&plain, GB_FRAME_MAX);
    fuzz_memory_begin(MEMORY(bytes.len));
    enum gb_err e = gb_unseal(&plain, &box, bytes, &fail);
    fuzz_memory_end();
    FUZZ_CHECK(fuzz_refused(e, &fail) && !plain.len);
    gb_buf_release(&plain);
}

/* ------------------------------------------------------------ requests -- */

static void
take_request(struct gb_span container)
{
    struct gb_container parts;
    struct gb_request r, back;
    struct gb_buf again;
    struct gb_fail fail = {0};
    memset(&r, 0, sizeof r);
    memset(&back, 0, sizeof back);
    fuzz_memory_begin(256u << 10);
    enum gb_err e = gb_request_decode(container, &parts, &r, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    FUZZ_CHECK(parts.signed_bytes.len + 64 == container.len);
    gb_buf_init(&again, 8192);
    FUZZ_NEED(gb_request_encode(&r, &sign, &again, &fuzz_why));
    FUZZ_NEED(gb_request_decode(gb_buf_view(&again), &parts, &back, &fuzz_why));
    FUZZ_CHECK(!memcmp(&r, &back, sizeof r));
    gb_buf_release(&again);
}

static void
take_ack(struct gb_span container)
{
    struct gb_container parts;
    struct gb_ack ack, back;
    struct gb_buf again;
    struct gb_fail fail = {0};
    memset(&ack, 0, sizeof ack);
    memset(&back, 0, sizeof back);
    fuzz_memory_begin(256u << 10);
    enum gb_err e = gb_ack_decode(container, &parts, &ack, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    FUZZ_CHECK(parts.signed_bytes.len + 64 == container.len);
    gb_buf_init(&again, 8192);
    FUZZ_NEED(gb_ack_encode(&ack, &sign, &again, &fuzz_why));
    FUZZ_NEED(gb_ack_decode(gb_buf_view(&again), &parts, &back, &fuzz_why));
    FUZZ_CHECK(!memcmp(&ack, &back, sizeof ack));
    gb_buf_release(&again);
}

static void
run_request(struct gb_reader *in)
{
    struct gb_span container = fuzz_rest(in);
    take_request(container);
    take_ack(container);
}

/* Fields behind a sound header. */
static void
take_fields(const char *magic, struct gb_span fields,
            void (*take)(struct gb_span container))
{
    static const uint8_t zeros[64];
    struct gb_buf b;
    gb_buf_init(&b, GB_SET_MAX);
    gb_buf_text(&b, magic);
    gb_buf_add(&b, "\1\0\0\7", 4);
    gb_buf_add(&b, zeros, 16);
    gb_buf_u8(&b, 1);
    gb_buf_varint(&b, fields.len);
    gb_buf_string(&b, fields);
    gb_buf_u8(&b, 0);
    gb_buf_add(&b, zeros, 64);
    take(gb_buf_view(&b));
    gb_buf_release(&b);
}

static void
run_fields(struct gb_reader *in)
{
    struct gb_span fields = fuzz_rest(in);
    take_fields("GBRQ", fields, take_request);
    take_fields("GBAK", fields, take_ack);
}

/* ------------------------------------------------------------- tickets -- */

static void
run_ticket(struct gb_reader *in)
{
    struct gb_span text = fuzz_rest(in);
    struct gb_ticket t, back;
    struct gb_buf once, twice;
    struct gb_fail fail = {0};
    fuzz_memory_begin(MEMORY(text.len));
    enum gb_err e = gb_ticket_read(text, &t, &fail);
    fuzz_memory_end();
    if (!fuzz_refused(e, &fail)) {
        gb_buf_init(&once, 2 * GB_TICKET_MAX);
        gb_buf_init(&twice, 2 * GB_TICKET_MAX);
        FUZZ_NEED(gb_ticket_write(&t, false, &once, &fuzz_why));
        FUZZ_NEED(gb_ticket_read(gb_buf_view(&once), &back, &fuzz_why));
        FUZZ_NEED(gb_ticket_write(&back, false, &twice, &fuzz_why));
        FUZZ_CHECK(gb_span_equal(gb_buf_view(&once), gb_buf_view(&twice)));
        gb_ticket_release(&back);
        gb_buf_release(&once);
        gb_buf_release(&twice);
    }
    gb_ticket_release(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const run[])(struct gb_reader *) = {
        run_bundle, run_unseal, run_request, run_fields, run_ticket};
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, n));
    run[gb_read_u8(&in) % (sizeof run / sizeof *run)](&in);
    return 0;
}
