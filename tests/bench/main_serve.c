/* main_serve.c - shift_end_http, hub_rss_kb: at five o'clock 200 handhelds
 * deliver at once, over real HTTP, to the real server. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/ack.h"
#include "engine/bundle.h"
#include "engine/request.h"
#include "engine/sshsig.h"
#include "hub/serve.h"
#include "world.h"

/* A handheld with its bundle, and what came back. */
struct client {
    pthread_t thread;
    int device;
    struct gb_buf request; /* with the head of HTTP */
    uint64_t bytes;        /* of the reply */
    uint8_t head[1024];    /* its first ones */
    double acked, done;
};
static struct client clients[WL_DEVICES];
static pthread_barrier_t ready;
static int port;

/* ----------------------------------------------------------- handhelds -- */

static void
add_frame(struct gb_bundle_out *out, struct gb_office *o, enum gb_frame type,
          struct gb_span plain)
{
    struct gb_buf sealed;
    gb_buf_init(&sealed, GB_FRAME_MAX);
    MUST(gb_seal(&sealed, &o->keys.receive.public_key, plain, &bench_why));
    MUST(gb_bundle_add(out, type, gb_buf_view(&sealed), &bench_why));
    gb_buf_release(&sealed);
}

/* What a handheld that synced in the morning says of itself. */
static void
make_request(struct gb_office *o, int device, struct gb_buf *out)
{
    struct gb_sign_key key = device > 1
                                 ? world_key(device)
                                 : world_folder_key(world_morning("1"), false);
    struct gb_request r = {.device = device,
                           .clock_ms = WORLD_EVENING,
                           .wall_ms = WORLD_EVENING,
                           .mono_ms = WORLD_EVENING,
                           .boot = "the same for all",
                           .merged = gb_state_head(o->state),
                           .highest = gb_state_head(o->state),
                           .seq = 1,
                           .schema = 1};
    memcpy(r.site, o->site, sizeof r.site);
    MUST(gb_request_encode(&r, &key, out, &bench_why));
}

static void
make_bundle(struct gb_office *o, struct client *c, struct gb_span set)
{
    struct gb_buf bundle, request;
    struct gb_bundle header = {GB_TO_HUB, c->device, {0}};
    struct gb_bundle_out out = {gb_bundle_to_buf, &bundle, 0};
    memcpy(header.site, o->site, sizeof header.site);
    gb_buf_init(&bundle, 2 * GB_SET_MAX);
    gb_buf_init(&request, 8192);
    make_request(o, c->device, &request);
    MUST(gb_bundle_begin(&out, &header, &bench_why));
    add_frame(&out, o, GB_FRAME_REQUEST, gb_buf_view(&request));
    add_frame(&out, o, GB_FRAME_SET, set);
    MUST(gb_bundle_end(&out, &bench_why));
    gb_buf_init(&c->request, 2 * GB_SET_MAX);
    gb_buf_printf(&c->request,
                  "POST %s HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
                  "Content-Length: %d\r\n\r\n",
                  GB_SERVE_PATH, (int)bundle.len);
    gb_buf_span(&c->request, gb_buf_view(&bundle));
    gb_buf_release(&bundle);
    gb_buf_release(&request);
}

static int
dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(fd >= 0 && !connect(fd, (struct sockaddr *)&at, sizeof at));
    return fd;
}

/* The acknowledgement, sealed, if it has come whole: the bundle's first frame,
 * which the hub sends as one chunk. */
static struct gb_span
find_ack(const struct client *c)
{
    size_t n = c->bytes < sizeof c->head ? c->bytes : sizeof c->head;
    const uint8_t *bundle = memmem(c->head, n, "GBBN", 4);
    if (!bundle)
        return GB_SPAN(NULL, 0);
    struct gb_reader in =
        gb_reader_of(GB_SPAN(bundle, n - (size_t)(bundle - c->head)));
    gb_read_bytes(&in, GB_BUNDLE_HEADER);
    unsigned type = gb_read_u8(&in);
    struct gb_span sealed = gb_read_bytes(&in, gb_read_u32(&in));
    return in.bad || type != GB_FRAME_ACK ? GB_SPAN(NULL, 0) : sealed;
}

/* It is the hub's, and says that this set is in the ledger. */
static void
check_ack(struct gb_office *o, const struct client *c,
          const struct gb_arriving *set)
{
    struct gb_sign_key receive =
        c->device > 1 ? world_key(c->device)
                      : world_folder_key(world_morning("1"), true);
    struct gb_sha256 sha = gb_sha256(set->parts.signed_bytes);
    struct gb_box_key box;
    struct gb_container parts;
    struct gb_signature sig;
    struct gb_ack ack;
    struct gb_buf plain;
    gb_buf_init(&plain, GB_FRAME_MAX);
    gb_box_key_derive(&box, &receive);
    MUST(gb_unseal(&plain, &box, find_ack(c), &bench_why));
    MUST(gb_ack_decode(gb_buf_view(&plain), &parts, &ack, &bench_why));
    memcpy(sig.bytes, parts.signature.ptr, sizeof sig.bytes);
    MUST(gb_sshsig_verify(&o->keys.hub.public_key, GB_NS_DELTA,
                          parts.signed_bytes, &sig, &bench_why));
    NEED(ack.device == c->device && ack.seq == 1 &&
         !memcmp(ack.sha, sha.bytes, sizeof ack.sha));
    gb_buf_release(&plain);
}

/* The whole reply: a status, and the chunk that ends it. */
static void
read_reply(struct client *c, int fd)
{
    char piece[65536], end[6] = "";
    ssize_t got;
    while ((got = recv(fd, piece, sizeof piece, 0)) > 0) {
        if (!c->bytes && strncmp(piece, "HTTP/1.1 200 ", 13))
            bench_end("the hub says %.*s", (int)got, piece);
        if (c->bytes < sizeof c->head) {
            size_t room = sizeof c->head - c->bytes;
            memcpy(c->head + c->bytes, piece,
                   (size_t)got < room ? (size_t)got : room);
        }
        c->bytes += (uint64_t)got;
        if (!c->acked && find_ack(c).ptr)
            c->acked = bench_now();
        for (ssize_t i = got > 5 ? got - 5 : 0; i < got; i++) {
            memmove(end, end + 1, 4);
            end[4] = piece[i];
        }
    }
    NEED(!memcmp(end, "0\r\n\r\n", 5));
}

static void *
sync_one(void *arg)
{
    struct client *c = arg;
    struct gb_span left = gb_buf_view(&c->request);
    pthread_barrier_wait(&ready);
    int fd = dial();
    while (left.len) {
        ssize_t n = send(fd, left.ptr, left.len, MSG_NOSIGNAL);
        NEED(n > 0);
        left = GB_SPAN(left.ptr + n, left.len - (size_t)n);
    }
    c->bytes = 0;
    c->acked = 0;
    read_reply(c, fd);
    close(fd);
    c->done = bench_now();
    return NULL;
}

/* ------------------------------------------------------------- the hub -- */

/* Seconds from `began` until all sets are in the ledger and in hub.db. */
static double
wait_for_sets(const char *hub, const struct gb_office *o, double began)
{
    char db[GB_FILE_PATH_MAX];
    struct gb_state *reader;
    uint64_t all = gb_state_size(o->state) + WL_DEVICES;
    snprintf(db, sizeof db, "%s/hub.db", hub);
    MUST(gb_state_open_reader(db, o->site, &reader, &bench_why));
    while (gb_state_size(reader) < all) {
        usleep(5000);
        MUST(gb_state_refresh(reader, &bench_why));
    }
    gb_state_close(reader);
    return bench_now() - began;
}

/* Seconds from the first byte to the last acknowledgement, and to the end of
 * the last answer; the most that the server held in memory, and when all was
 * durable. */
static double
deliver(struct gb_office *o, const struct world_sets *sets, double *peak_kb,
        double *durable, double *answered)
{
    const char *hub = bench_scratch("hub");
    char line[200];
    bench_copy(world_morning("hub"), hub);
    const char *argv[] = {bench_program("gengbu-hub"),
                          "serve",
                          hub,
                          "--listen",
                          "127.0.0.1:0",
                          NULL};
    pid_t pid = bench_start(argv, line, sizeof line);
    const char *colon = strrchr(line, ':');
    NEED(colon);
    port = (int)strtol(colon + 1, NULL, 10);
    pthread_barrier_init(&ready, NULL, WL_DEVICES + 1);
    for (int i = 0; i < WL_DEVICES; i++)
        NEED(!pthread_create(&clients[i].thread, NULL, sync_one, &clients[i]));
    pthread_barrier_wait(&ready);
    double began = bench_now(), last = began, done = began;
    *durable = wait_for_sets(hub, o, began);
    for (int i = 0; i < WL_DEVICES; i++) {
        pthread_join(clients[i].thread, NULL);
        NEED(clients[i].acked);
        check_ack(o, &clients[i], &sets->sets[i]);
        last = clients[i].acked > last ? clients[i].acked : last;
        done = clients[i].done > done ? clients[i].done : done;
    }
    *answered = done - began;
    pthread_barrier_destroy(&ready);
    *peak_kb = (double)bench_stop(pid).peak_kb;
    return last - began;
}

/* Verify, ledger and merge alone, of the same sets. */
static double
commit_alone(struct world_sets *sets)
{
    const char *hub = bench_scratch("alone");
    bench_copy(world_morning("hub"), hub);
    struct gb_office *o = world_office(hub);
    world_sets_again(sets);
    double began = bench_now();
    for (int i = 0; i < WL_DEVICES; i++)
        MUST(gb_office_verify(o->state, o->site, &sets->sets[i], &bench_why));
    MUST(gb_office_commit(o, sets->sets, WL_DEVICES, &bench_why));
    double took = bench_now() - began;
    for (int i = 0; i < WL_DEVICES; i++)
        NEED(sets->sets[i].outcome == GB_TAKEN);
    gb_office_close(o);
    return took;
}

int
main(void)
{
    static struct world_sets sets;
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX],
        peaks[BENCH_RUNS_MAX], durable = 0, answered = 0;
    char clock[40];
    int runs = bench_runs();
    if (!bench_wanted("shift_end_http") && !bench_wanted("hub_rss_kb"))
        return 0;
    snprintf(clock, sizeof clock, "%lld", (long long)WORLD_EVENING);
    setenv("GENGBU_CLOCK_MS", clock, 1);
    world_sets(&sets, true);
    struct gb_office *o = world_office(world_morning("hub"));
    for (int i = 0; i < WL_DEVICES; i++) {
        clients[i].device = i + 1;
        make_bundle(o, &clients[i], gb_buf_view(&sets.bytes[i]));
    }
    for (int i = 0; i < runs; i++) {
        floors[i] = commit_alone(&sets);
        values[i] = deliver(o, &sets, &peaks[i], &durable, &answered);
        fprintf(stderr,
                "bench: all was durable after %.2f s, acknowledged after %.2f "
                "s, answered after %.1f s; a reply had %.0f KiB\n",
                durable, values[i], answered,
                (double)clients[WL_DEVICES - 1].bytes / 1024);
    }
    gb_office_close(o);
    bench_report("hub_rss_kb", peaks, NULL, runs);
    bench_report("shift_end_http", values, floors, runs);
    for (int i = 0; i < WL_DEVICES; i++)
        gb_buf_release(&clients[i].request);
    world_sets_release(&sets);
    return 0;
}
