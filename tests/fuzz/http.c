/*
 * http.c - what comes to a hub's routes, below the socket: bodies as they are,
 * or frames that are sealed to the hub and signed by a handheld that it knows,
 * so that what is inside is believed and reaches the ledger's door.
 *
 * One office stays open.  Sets are decided in a transaction that is rolled
 * back; every 1024th input goes all the way, and the next finds a new office.
 */
#include <sys/stat.h>

#include "engine/sshsig.h"
#include "hub/answer.h"
#include "hub/batch.h"
#include "hub/http_route.h"
#include "hub/serve.h"
#include "support/fuzz.h"
#include "tests/unit/hub_office_fixture.h"

/* A batch, a decoded set, and SQLite's. */
#define TAKE_MAX (GB_ARENA_MAX + (32u << 20))

/* How a frame is made of its piece of the input. */
enum {
    SIGN = 1,     /* by the handheld, */
    PATCH = 2,    /* with site, device, chain and base in its header */
    COMPOSE = 4,  /* the header is ours, and sound */
    PERSONAL = 8, /* the next piece is the personal section */
    BARE = 128    /* not sealed */
};

static struct office w;
static struct handheld both[2];   /* the second has had no contact yet */
static struct handheld *h = both; /* whose bundle this is */
static char kept[160];            /* instead of the hub's quarantine */
static uint32_t seq;              /* last set in the chain of the script, */
static uint8_t prev[32];
static bool whole; /* this input goes all the way */

/* -------------------------------------------------------------- office -- */

static void
begin_office(void)
{
    make_office(&w);
    make_handheld(&w, &both[0], 1);
    make_handheld(&w, &both[1], 2);
    insert(&both[0], "a");
    insert(&both[0], "b");
    push(&both[0], 1, seal(&both[0]));
    GOOD(gb_state_refresh(w.reader, &why));
    snprintf(kept, sizeof kept, "%s/kept", w.folder);
    FUZZ_CHECK(!mkdir(kept, 0700));
    strcat(kept, "/quarantine");
    FUZZ_CHECK(!mkdir(kept, 0700));
    *strrchr(kept, '/') = 0;
}

static void
finish_office(void)
{
    gb_journal_close(both[0].j);
    gb_journal_close(both[1].j);
    end_office(&w);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    GOOD(gb_crypto_init(&why));
    begin_office();
    FUZZ_CHECK(!atexit(finish_office));
    return 0;
}

/* -------------------------------------------------------------- intake -- */

/* New keys, and takeovers, go to the disk only when all does. */
static enum gb_err
enrol(void *arg, const struct gb_request *r, struct gb_fail *fail)
{
    return whole || (r->device == 1 && !r->continues)
               ? gb_intake_enrol(arg, r, fail)
               : GB_OK;
}

/* As gb_office_commit(), up to where something would be kept. */
static enum gb_err
decide(struct gb_office *o, struct gb_delivery *d, struct gb_fail *fail)
{
    struct gb_batch b = {.o = o, .sets = d->sets, .n = d->n};
    for (size_t i = 0; i < d->n; i++)
        d->sets[i].outcome = GB_WAITING;
    GOOD(gb_office_lock(o, &why));
    GOOD(gb_office_now(o, &b.received_ms, &why));
    d->now_ms = b.received_ms;
    gb_buf_init(&b.lines, GB_LEDGER_FILE_MAX);
    gb_arena_init(&b.arena, (size_t)256 << 20);
    gb_own_init(&b.own);
    b.first = gb_state_size(o->state) + 1;
    GOOD(gb_state_begin(o->state, &why));
    enum gb_err e = gb_batch_decide(&b, fail);
    gb_state_rollback(o->state);
    if (b.personal)
        gb_personal_rollback(o->personal);
    gb_office_unlock(o);
    free(b.files);
    gb_buf_release(&b.lines);
    gb_arena_release(&b.arena);
    gb_own_release(&b.own);
    return e;
}

static enum gb_err
take_sets(void *arg, struct gb_delivery *d, struct gb_fail *fail)
{
    return whole ? gb_intake_deliver(arg, &d, 1, fail) : decide(arg, d, fail);
}

static enum gb_err
hand(void *arg, const struct gb_handed *handed, struct gb_fail *fail)
{
    return whole ? gb_intake_hand(arg, handed, fail) : GB_OK;
}

/* A reply, of which nothing is wanted. */
static enum gb_err
drop(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    (void)arg;
    (void)bytes;
    (void)fail;
    return GB_OK;
}

/* The delta, as a server makes it. */
static enum gb_err
answer(struct gb_ingest *g, struct gb_fail *fail)
{
    char ledger[160];
    const struct gb_request *r = &g->request;
    snprintf(ledger, sizeof ledger, "%s/ledger.git", w.path);
    struct gb_answer a = {.ask = {.device = r->device,
                                  .from = r->merged.size,
                                  .highest = r->highest.size,
                                  .schema = r->schema,
                                  .clock_ms = g->now_ms},
                          .continues = r->continues,
                          .continues_from = r->continues_from,
                          .ledger = ledger,
                          .intake = g->intake,
                          .key = &w.hub->keys.hub,
                          .write = drop};
    return gb_answer_make(g->reader, &a, fail);
}

/* A body, from its first byte to the answer. */
static void
take_body(struct gb_span body, size_t step)
{
    struct gb_ingest g = {.hub = kept,
                          .site = w.hub->site,
                          .receive = &w.hub->keys.receive,
                          .reader = w.reader,
                          .intake = {enrol, take_sets, hand, w.hub}};
    struct gb_fail fail = {0}, ending = {0};
    fuzz_memory_begin(TAKE_MAX + 8 * body.len);
    gb_ingest_init(&g);
    enum gb_err e = GB_OK;
    for (size_t at = 0; at < body.len && !e; at += step)
        e = gb_ingest_feed(
            &g,
            GB_SPAN(body.ptr + at, step < body.len - at ? step : body.len - at),
            &fail);
    enum gb_err f = gb_ingest_finish(&g, &ending);
    if (!e && !f && g.asked)
        e = answer(&g, &fail);
    fuzz_memory_end();
    fuzz_refused(e, &fail);
    fuzz_refused(f, &ending);
    FUZZ_CHECK(!g.refused || g.why.code);
    fuzz_refused(g.why.code, &g.why);
    gb_ingest_release(&g);
}

/* -------------------------------------------------------------- frames -- */

/* Site, device, its chain and what it has merged, in their places. */
static void
patch(struct gb_buf *b, bool set)
{
    struct gb_buf header;
    struct gb_head head = gb_state_head(w.hub->state);
    if (b->len < (set ? 116u : 24u))
        return;
    gb_buf_init(&header, 116);
    gb_buf_add(&header, b->ptr, 6);
    gb_buf_u16(&header, (unsigned)h->number);
    gb_buf_add(&header, w.hub->site, 16);
    if (set) {
        gb_buf_u32(&header, ++seq);
        gb_buf_add(&header, prev, 32);
        gb_buf_add(&header, b->ptr + 60, 12);
        gb_buf_u32(&header, head.epoch);
        gb_buf_u64(&header, head.size);
        gb_buf_add(&header, head.root, 32);
    }
    memcpy(b->ptr, header.ptr, header.len);
    gb_buf_release(&header);
}

/* A sound request with the numbers of the input. */
static void
compose_request(struct gb_buf *out, struct gb_reader *in)
{
    struct gb_request r = {.device = h->number};
    unsigned flags = gb_read_u8(in);
    memcpy(r.site, w.hub->site, 16);
    r.clock_ms = (int64_t)(gb_read_u64(in) >> 9);
    r.wall_ms = (int64_t)(gb_read_u64(in) >> 9);
    r.mono_ms = (int64_t)(gb_read_u64(in) >> 9);
    r.seq = gb_read_u32(in);
    r.schema = gb_read_u8(in);
    memset(r.boot, (int)gb_read_u8(in), sizeof r.boot);
    if (flags & 1)
        r.merged = gb_state_head(w.hub->state);
    if (flags & 2)
        GOOD(gb_state_head_at(w.hub->state, 1, &r.highest, &why));
    r.stick = flags & 4;
    r.first = flags & 8;
    r.continues = flags & 16 ? 1 + (int)(gb_read_u8(in) % 3) : 0;
    r.continues_from = r.continues ? gb_read_u8(in) : 0;
    memcpy(r.sign_key, h->sign.public_key.bytes, 32);
    memcpy(r.receive_key, h->receive.public_key.bytes, 32);
    memcpy(r.secret, h->secret, 32);
    GOOD(gb_request_encode(&r, &h->sign, out, &why));
}

/* What stands in a frame, as `how` says. */
static void
make_plain(struct gb_buf *out, enum gb_frame type, unsigned how,
           struct gb_reader *in)
{
    bool set = type == GB_FRAME_SET;
    struct gb_reader piece = gb_reader_of(fuzz_piece(in));
    if (how & COMPOSE && !set) {
        compose_request(out, &piece);
        return;
    }
    if (how & COMPOSE)
        fuzz_put_set(out, 1, &piece);
    else
        gb_buf_span(out, fuzz_rest(&piece));
    if (how & PATCH)
        patch(out, set);
    if (how & SIGN) {
        struct gb_sha256 sha = gb_sha256(gb_buf_view(out));
        struct gb_signature sig = gb_sshsig_sign(
            &h->sign, set ? GB_NS_CHANGESET : GB_NS_REQUEST, gb_buf_view(out));
        gb_buf_add(out, sig.bytes, sizeof sig.bytes);
        memcpy(prev, sha.bytes, sizeof prev);
    }
    if (how & PERSONAL)
        gb_buf_span(out, fuzz_piece(in));
    else if (set && how & SIGN)
        gb_buf_u32(out, 0);
}

/* One frame of the script. */
static void
add_made(struct gb_bundle_out *out, struct gb_reader *in)
{
    struct gb_buf plain, sealed;
    enum gb_frame type = 1 + gb_read_u8(in) % 3;
    unsigned how = gb_read_u8(in);
    gb_buf_init(&plain, GB_SET_MAX);
    gb_buf_init(&sealed, GB_FRAME_MAX);
    make_plain(&plain, type, how, in);
    if (!(how & BARE))
        GOOD(gb_seal(&sealed, &w.hub->keys.receive.public_key,
                     gb_buf_view(&plain), &why));
    GOOD(gb_bundle_add(out, type, gb_buf_view(how & BARE ? &plain : &sealed),
                       &why));
    gb_buf_release(&plain);
    gb_buf_release(&sealed);
}

/* A bundle of the handheld's. */
static void
run_script(struct gb_reader *in)
{
    size_t step = 1 + 64u * gb_read_u8(in);
    unsigned flags = gb_read_u8(in);
    struct gb_buf bytes;
    struct gb_bundle_out out = {gb_bundle_to_buf, &bytes, 0};
    struct gb_device d;
    bool found;
    h = &both[flags & 1];
    struct gb_bundle header = {GB_TO_HUB, h->number, {0}};
    GOOD(gb_state_device(w.hub->state, h->number, &d, &found, &why));
    seq = d.seq;
    memcpy(prev, d.sha, sizeof prev);
    memcpy(header.site, w.hub->site, 16);
    gb_buf_init(&bytes, (size_t)64 << 20);
    GOOD(gb_bundle_begin(&out, &header, &why));
    while (gb_read_left(in) > 2)
        add_made(&out, in);
    if (!(flags & 2))
        GOOD(gb_bundle_end(&out, &why));
    take_body(gb_buf_view(&bytes), step);
    gb_buf_release(&bytes);
}

static void
run_body(struct gb_reader *in)
{
    size_t step = 1 + gb_read_u8(in);
    take_body(fuzz_rest(in), step);
}

/* A method, a NUL and a path: to the route that has both, or a word why not. */
static void
run_route(struct gb_reader *in)
{
    static const struct gb_http_route routes[] = {
        {"POST", GB_SERVE_PATH, GB_SERVE_BODY_MAX, NULL, NULL},
        {"GET", "/", 0, NULL, NULL},
        {"GET", "/blob/*", 0, NULL, NULL},
        {0}};
    char text[2][256] = {"", ""};
    const char *rest, *allow;
    for (int i = 0; i < 2; i++)
        for (size_t n = 0; gb_read_left(in) && n < sizeof text[i] - 1; n++)
            if (!(text[i][n] = (char)gb_read_u8(in)))
                break;
    const struct gb_http_route *r =
        gb_http_find(routes, text[0], text[1], &rest, &allow);
    FUZZ_CHECK(rest && (!r || !allow));
    FUZZ_CHECK(!r || !strcmp(text[0], r->method) || !strcmp(text[0], "HEAD"));
    FUZZ_CHECK(!*rest || (rest > text[1] && rest < text[1] + 256));
}

/* ------------------------------------------------------------- running -- */

/* What was kept of refused bytes is looked at by nobody. */
static void
empty_quarantine(void)
{
    struct gb_names names = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/quarantine", kept);
    GOOD(gb_file_list(path, &names, &why));
    for (size_t i = 0; i < names.count; i++) {
        snprintf(path, sizeof path, "%s/quarantine/%.30s", kept, names.list[i]);
        FUZZ_CHECK(!unlink(path));
    }
    gb_names_release(&names);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const run[])(struct gb_reader *) = {run_route, run_body,
                                                      run_script};
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, n));
    struct gb_sha256 sha = gb_sha256(GB_SPAN(bytes, n));
    whole = !sha.bytes[0] && sha.bytes[1] < 64;
    run[gb_read_u8(&in) % 3](&in);
    empty_quarantine();
    if (whole) {
        finish_office();
        begin_office();
    }
    return 0;
}
