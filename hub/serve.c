/* serve.c - see serve.h */
#include "hub/serve.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hub/answer.h"
#include "hub/clerk.h"
#include "hub/http.h"
#include "hub/ingest.h"
#include "hub/readers.h"
#include "hub/spool.h"

#define PIECE (256u * 1024) /* of a reply */
#define TRIES 16            /* at an answer */
#define ANSWER_NICE 10      /* of a thread whose handheld is safe already */

struct gb_server {
    struct gb_office *office;
    struct gb_clerk *clerk;
    /* those that verify what comes in, and those that answer: a handheld with
     * new work does not wait until others have theirs */
    struct gb_readers readers, answerers;
    struct gb_http_server *http;
    struct gb_http_route routes[3];
    char ledger[GB_FILE_PATH_MAX];
    char url[128];
    char page[512]; /* of GET / */
    gb_serve_log *log;
    void *context;
};

/* One POST. */
struct sync {
    struct gb_server *server;
    char peer[64];
    struct gb_ingest in;
    struct gb_answer answer;
    bool telling;  /* gb_clerk_tell() */
    bool answered; /* with the delta, or the attempt at one */
    struct gb_spool reply;
    struct gb_fail fail; /* the first; code GB_OK while all is well */
};

/* --------------------------------------------------------------- words -- */

/* HTTP's word for an error (docs/PROTOCOL.md). */
static int
status_of(enum gb_err e)
{
    switch (e) {
    case GB_E_FORMAT:
    case GB_E_VERSION:
    case GB_E_SITE:
    case GB_E_TYPE:
    case GB_E_VALUE:
        return 400;
    case GB_E_TICKET:
    case GB_E_KEY:
    case GB_E_SIGNATURE:
        return 403;
    case GB_E_HISTORY:
    case GB_E_FORK:
        return 409;
    case GB_E_LIMIT:
        return 413;
    case GB_E_CLOCK:
    case GB_E_BUSY:
    case GB_E_MEMORY:
        return 503;
    default:
        return 500;
    }
}

/* One line about a sync for whoever runs the server. */
static void
tell(const struct sync *s, uint64_t to)
{
    char line[900];
    const struct gb_ingest *in = &s->in;
    int n = snprintf(line, sizeof line, "%s device %d: ", s->peer,
                     in->bundle.device);
    size_t at = (size_t)n, left = sizeof line - at;
    if (s->fail.code)
        snprintf(line + at, left, "%s: %s (%u taken)",
                 gb_err_name(s->fail.code), s->fail.text, in->taken);
    else
        snprintf(line + at, left,
                 "%u new, %u known, %u waiting, %u refused; has %llu of the "
                 "ledger, gets up to %llu in %llu bytes%s%s",
                 in->taken, in->known, in->waiting, in->refused,
                 (unsigned long long)in->request.merged.size,
                 (unsigned long long)to, (unsigned long long)s->reply.len,
                 in->why.code ? "; " : "", in->why.code ? in->why.text : "");
    s->server->log(s->server->context, line);
}

/* ---------------------------------------------------------------- sync -- */

static enum gb_err
take_reader(void *arg, struct gb_state **reader, struct gb_fail *fail)
{
    return gb_readers_take(arg, reader, fail);
}

static void
give_reader(void *arg, struct gb_state *reader)
{
    gb_readers_give(arg, reader);
}

static void *
begin(void *arg, const struct gb_http_request *request,
      struct gb_http_reply *refusal)
{
    struct gb_server *server = arg;
    struct sync *s = calloc(1, sizeof *s);
    if (!s) {
        refusal->status = 503;
        return NULL;
    }
    s->server = server;
    snprintf(s->peer, sizeof s->peer, "%s", request->peer);
    gb_spool_init(&s->reply, server->office->path, GB_SERVE_REPLY_MEMORY);
    s->in.hub = server->office->path;
    s->in.site = server->office->site;
    s->in.receive = &server->office->keys.receive;
    s->in.take_reader = take_reader;
    s->in.give_reader = give_reader;
    s->in.arg = &server->readers;
    s->in.intake = gb_clerk_intake(server->clerk);
    gb_ingest_init(&s->in);
    gb_clerk_enter(server->clerk);
    return s;
}

static void
data(void *context, struct gb_span bytes)
{
    struct sync *s = context;
    if (!s->fail.code)
        gb_ingest_feed(&s->in, bytes, &s->fail);
}

/* What is asked. */
static void
set_answer(struct sync *s)
{
    const struct gb_request *r = &s->in.request;
    s->answer = (struct gb_answer){.ask = {.device = r->device,
                                           .from = r->merged.size,
                                           .highest = r->highest.size,
                                           .schema = r->schema,
                                           .clock_ms = s->in.now_ms},
                                   .continues = r->continues,
                                   .continues_from = r->continues_from,
                                   .ledger = s->server->ledger,
                                   .intake = s->in.intake,
                                   .key = &s->server->office->keys.hub,
                                   .write = gb_spool_add,
                                   .arg = &s->reply};
}

/* The word that the sets are in the ledger, into the spool: it need not wait
 * for the delta, which takes its time when many ask at once. */
static enum gb_err
acknowledge(struct sync *s, struct gb_fail *fail)
{
    struct gb_state *reader;
    enum gb_err e = gb_readers_take(&s->server->readers, &reader, fail);
    if (!e)
        e = gb_answer_acknowledge(reader, &s->answer, fail);
    gb_readers_give(&s->server->readers, reader);
    return e;
}

/* The delta, into the spool. */
static enum gb_err
make_answer(struct sync *s, struct gb_fail *fail)
{
    const struct gb_bundle_out begun = s->answer.out;
    struct gb_state *reader;
    int tries = TRIES;
    enum gb_err e = gb_readers_take(&s->server->answerers, &reader, fail);
    if (e)
        return e;
    /* Another answer for this device may be noted first: that of a sync which
     * was killed, and run again before the server had done with it. */
    do {
        gb_spool_empty(&s->reply);
        s->answer.out = begun;
        *fail = (struct gb_fail){0};
        e = gb_answer_make(reader, &s->answer, fail);
    } while (e == GB_E_BUSY && --tries);
    gb_readers_give(&s->server->answerers, reader);
    return e;
}

/* The acknowledgement has been sent, or cannot be any more. */
static void
told(struct sync *s)
{
    if (s->telling)
        gb_clerk_told(s->server->clerk);
    s->telling = false;
}

static void
answer(struct sync *s)
{
    told(s);
    s->answered = true;
    make_answer(s, &s->fail);
    tell(s, s->answer.to);
}

/* What is left to hand over, even of a bundle that was refused half way. */
static void
finish(struct sync *s)
{
    struct gb_fail why = {0};
    if (gb_ingest_finish(&s->in, &why) && !s->fail.code)
        s->fail = why;
    gb_clerk_leave(s->server->clerk);
}

static enum gb_err
next(void *context, struct gb_buf *piece)
{
    struct sync *s = context;
    struct gb_fail ignored = {0};
    if (!s->answered && s->reply.read == s->reply.len) {
        /* it is safe by now: whoever still brings work, or does not know that
         * it is, goes first */
        told(s);
        gb_clerk_rest(s->server->clerk);
        setpriority(PRIO_PROCESS, (id_t)gettid(), ANSWER_NICE);
        const struct gb_bundle_out begun = s->answer.out;
        answer(s);
        if (s->fail.code) {
            gb_spool_empty(&s->reply);
            s->answer.out = begun;
            if (gb_answer_trouble(&s->answer, &s->fail, &ignored))
                return s->fail.code;
        }
    }
    return gb_spool_next(&s->reply, PIECE, piece, &ignored);
}

static void
end(void *context, struct gb_http_reply *reply)
{
    struct sync *s = context;
    gb_clerk_tell(s->server->clerk);
    s->telling = true;
    finish(s);
    set_answer(s);
    gb_ingest_release(&s->in); /* others need the memory meanwhile */
    if (!s->fail.code && s->in.taken + s->in.known)
        acknowledge(s, &s->fail);
    if (s->fail.code)
        tell(s, 0);
    else if (!s->reply.len)
        answer(s);
    if (s->fail.code) {
        reply->status = status_of(s->fail.code);
        gb_buf_init(&reply->body, 1024);
        gb_buf_printf(&reply->body, "%s: %s\n", gb_err_name(s->fail.code),
                      s->fail.text);
        return;
    }
    reply->type = "application/octet-stream";
    reply->next = next;
}

static void
abort_sync(void *context)
{
    struct sync *s = context;
    finish(s);
    if (!s->fail.code)
        gb_fail_set(&s->fail, GB_E_NETWORK, "the connection broke");
    tell(s, 0);
}

static void
close_sync(void *context)
{
    struct sync *s = context;
    told(s);
    if (s->reply.len && !s->answered) {
        gb_fail_set(&s->fail, GB_E_NETWORK,
                    "the connection broke before the answer");
        tell(s, 0);
    }
    gb_ingest_release(&s->in);
    gb_spool_release(&s->reply);
    free(s);
}

static const struct gb_http_handler sync_handler = {begin, data, end,
                                                    abort_sync, close_sync};

/* ---------------------------------------------------------------- page -- */

static void *
begin_page(void *arg, const struct gb_http_request *request,
           struct gb_http_reply *refusal)
{
    (void)request;
    (void)refusal;
    return arg;
}

static void
end_page(void *context, struct gb_http_reply *reply)
{
    struct gb_server *s = context;
    gb_buf_init(&reply->body, sizeof s->page);
    gb_buf_text(&reply->body, s->page);
}

static const struct gb_http_handler page_handler = {.begin = begin_page,
                                                    .end = end_page};

/* ------------------------------------------------------------- address -- */

/* "0.0.0.0" and "[::]" are no address to go to: take the first IPv4 address
 * of this machine that is not loopback, if it has one. */
static void
choose_url(struct gb_server *s)
{
    struct ifaddrs *list = NULL;
    char host[INET_ADDRSTRLEN];
    const char *url = gb_http_url(s->http);
    snprintf(s->url, sizeof s->url, "%s", url);
    if (!strstr(url, "//0.0.0.0:") && !strstr(url, "//[::]:"))
        return;
    if (getifaddrs(&list))
        return;
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
            i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
            continue;
        struct sockaddr_in in;
        memcpy(&in, i->ifa_addr, sizeof in);
        if (!inet_ntop(AF_INET, &in.sin_addr, host, sizeof host))
            continue;
        snprintf(s->url, sizeof s->url, "http://%s:%d", host,
                 gb_http_port(s->http));
        break;
    }
    freeifaddrs(list);
}

/* --------------------------------------------------------- start, stop -- */

static void
write_page(struct gb_server *s)
{
    char print[GB_FINGERPRINT_SIZE];
    gb_key_fingerprint(print, &s->office->keys.ledger.public_key);
    snprintf(s->page, sizeof s->page, "%s\nGengbu hub; its ledger key is %s\n",
             gb_state_site(s->office->state)->name, print);
}

static int
processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > GB_READERS_MAX ? GB_READERS_MAX : (int)n;
}

enum gb_err
gb_serve_start(struct gb_office *o, const char *listen, gb_serve_log *log,
               void *context, struct gb_server **out, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    *out = NULL;
    struct gb_server *s = calloc(1, sizeof *s);
    if (!s)
        return gb_fail_memory(fail);
    s->office = o;
    s->log = log;
    s->context = context;
    o->log = log;
    o->log_context = context;
    gb_office_path(o, "hub.db", path);
    gb_readers_init(&s->readers, path, o->site, processors());
    gb_readers_init(&s->answerers, path, o->site, processors());
    gb_office_path(o, "ledger.git", s->ledger);
    write_page(s);
    s->routes[0] = (struct gb_http_route){"POST", GB_SERVE_PATH,
                                          GB_SERVE_BODY_MAX, &sync_handler, s};
    s->routes[1] = (struct gb_http_route){"GET", "/", 0, &page_handler, s};
    struct gb_http_config config = {.listen = listen, .routes = s->routes};
    enum gb_err e = gb_clerk_start(o, &s->clerk, fail);
    if (!e)
        e = gb_http_start(&config, &s->http, fail);
    if (e) {
        gb_serve_stop(s);
        return e;
    }
    choose_url(s);
    *out = s;
    return GB_OK;
}

const char *
gb_serve_url(const struct gb_server *s)
{
    return s->url;
}

void
gb_serve_stop(struct gb_server *s)
{
    if (!s)
        return;
    gb_http_stop(s->http, GB_SERVE_GRACE_MS);
    gb_clerk_stop(s->clerk);
    s->office->log = NULL;
    gb_readers_release(&s->readers);
    gb_readers_release(&s->answerers);
    free(s);
}
