/* http.c - see http.h */
#include "http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http_accept.h"
#include "http_listen.h"
#include "http_route.h"

/* A refused body is read all the same up to here, as an answer behind which
 * the connection is closed with unread bytes may never reach its client. */
#define DRAIN_MAX (1 << 20)
#define POOL (64 * 1024) /* of a connection: head, pieces of both bodies */

struct gb_http_server {
    struct MHD_Daemon *daemon;
    const struct gb_http_route *routes;
    struct gb_listen listen;
    struct gb_acceptor acceptor;
    unsigned idle_s;
    pthread_mutex_t mutex; /* of `running`, and of setting `stopping` */
    pthread_cond_t quiet;  /* no request runs */
    int running;
    atomic_bool stopping;
};

/* One request on its way; freed when it is completed. */
struct exchange {
    struct gb_http_server *server;
    struct MHD_Connection *connection;
    const struct gb_http_route *route; /* NULL: the server itself refuses */
    struct gb_http_request request;
    char peer[64];
    void *context;
    bool begun, accepted; /* begin was called; it did not refuse */
    bool ended;           /* end was called */
    bool refused;         /* reply is the refusal */
    struct gb_http_reply reply;
    const char *allow;   /* of a 405 */
    uint64_t taken;      /* bytes of the body */
    struct gb_buf piece; /* of a reply made in pieces */
    size_t given;        /* of the piece */
};

const char *
gb_http_header(const struct gb_http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* ------------------------------------------------------------- replies -- */

/* While a handler works its connection is not idle; afterwards the time
 * starts anew. */
static void
set_busy(const struct exchange *x, bool busy)
{
    MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              busy ? 0u : x->server->idle_s);
}

/* Make the refusal one of the server's own: a status and a line of text. */
static void
refuse(struct exchange *x, int status, const char *text)
{
    gb_buf_release(&x->reply.body);
    x->reply = (struct gb_http_reply){.status = status};
    gb_buf_init(&x->reply.body, 1024);
    gb_buf_text(&x->reply.body, text);
    gb_buf_u8(&x->reply.body, '\n');
    x->refused = true;
}

/* Fill `to` from the piece, asking the handler for another when it is used up
 * (MHD_ContentReaderCallback). */
static ssize_t
read_reply(void *arg, uint64_t position, char *to, size_t max)
{
    (void)position;
    struct exchange *x = arg;
    if (x->given == x->piece.len) {
        gb_buf_clear(&x->piece);
        x->given = 0;
        set_busy(x, true);
        enum gb_err err = x->reply.next(x->context, &x->piece);
        set_busy(x, false);
        if (err || x->piece.failed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (x->piece.len == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t left = x->piece.len - x->given, n = left < max ? left : max;
    memcpy(to, x->piece.ptr + x->given, n);
    x->given += n;
    return (ssize_t)n;
}

/* The library's response; a body that is whole is taken over. */
static struct MHD_Response *
make_response(struct exchange *x)
{
    struct gb_http_reply *r = &x->reply;
    if (r->next)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, POOL / 2,
                                                 read_reply, x, NULL);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        r->body.len, r->body.ptr,
        r->body.ptr ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response)
        r->body = (struct gb_buf){.max = 0}; /* transferred */
    return response;
}

/* Add the header fields; false when one cannot be. */
static bool
add_fields(const struct exchange *x, struct MHD_Response *response)
{
    const struct gb_http_reply *r = &x->reply;
    const char *type = r->type ? r->type : "text/plain; charset=utf-8";
    bool good =
        MHD_add_response_header(response, "Content-Type", type) == MHD_YES;
    for (const struct gb_http_field *f = r->fields; good && f && f->name; f++)
        good = MHD_add_response_header(response, f->name, f->value) == MHD_YES;
    if (good && x->allow)
        good = MHD_add_response_header(response, "Allow", x->allow) == MHD_YES;
    if (good && x->server->stopping)
        good =
            MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    return good;
}

/* Send x->reply.  MHD_NO cuts the connection. */
static enum MHD_Result
send_reply(struct exchange *x)
{
    if (x->reply.body.failed)
        refuse(x, 503, "there is no room for the answer");
    struct MHD_Response *response = make_response(x);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    /* Else the library ends a body made in pieces even where there is none. */
    if (x->reply.next && !strcmp(x->request.method, "HEAD"))
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
                                 MHD_RO_END);
    if (add_fields(x, response))
        result = MHD_queue_response(x->connection, (unsigned)x->reply.status,
                                    response);
    MHD_destroy_response(response);
    return result;
}

/* ------------------------------------------------------------ requests -- */

/* Count a request in; false when the server is stopping. */
static bool
enter(struct gb_http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    bool open = !s->stopping;
    s->running++;
    pthread_mutex_unlock(&s->mutex);
    return open;
}

/* Count it out again. */
static void
leave(struct gb_http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    if (--s->running == 0)
        pthread_cond_broadcast(&s->quiet);
    pthread_mutex_unlock(&s->mutex);
}

/* The announced length of the body; the library has checked its form. */
static uint64_t
announced(const struct gb_http_request *r)
{
    const char *length = gb_http_header(r, "Content-Length");
    if (length)
        return strtoull(length, NULL, 10);
    return gb_http_header(r, "Transfer-Encoding") ? UINT64_MAX : 0;
}

/* Let the handler begin, unless the server refuses by itself. */
static void
begin(struct exchange *x, bool open)
{
    x->route = gb_http_find(x->server->routes, x->request.method,
                            x->request.path, &x->request.rest, &x->allow);
    if (!x->route) {
        refuse(x, x->allow ? 405 : 404,
               x->allow ? "this method is not used here" : "nothing is here");
        return;
    }
    if (!open) {
        refuse(x, 503, "the hub is being stopped: try again later");
        return;
    }
    if (x->request.length != UINT64_MAX &&
        x->request.length > x->route->body_max) {
        refuse(x, 413, "the body is larger than is taken here");
        return;
    }
    const struct gb_http_handler *h = x->route->handler;
    if (h->begin) {
        set_busy(x, true);
        x->context = h->begin(x->route->arg, &x->request, &x->reply);
        set_busy(x, false);
    }
    x->begun = true;
    x->refused = x->reply.status != 0;
    x->accepted = !x->refused;
}

/* The head has come: make the exchange.  A refusal goes out at once when
 * nothing, or too much, would follow or the client waits for our leave. */
static enum MHD_Result
start(struct gb_http_server *s, struct MHD_Connection *c, const char *method,
      const char *path, void **kept)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return MHD_NO;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr)
        gb_listen_name(info->client_addr, x->peer, sizeof x->peer);
    x->server = s;
    x->connection = c;
    x->request = (struct gb_http_request){.method = method,
                                          .path = path,
                                          .rest = "",
                                          .peer = x->peer,
                                          .connection = c};
    x->request.length = announced(&x->request);
    gb_buf_init(&x->reply.body, GB_HTTP_BODY_MAX);
    gb_buf_init(&x->piece, GB_HTTP_PIECE_MAX);
    *kept = x;
    begin(x, enter(s));
    bool waits = gb_http_header(&x->request, "Expect");
    bool large =
        x->request.length != UINT64_MAX && x->request.length > DRAIN_MAX;
    return x->refused && (waits || large) ? send_reply(x) : MHD_YES;
}

/* A piece of the body has come. */
static enum MHD_Result
take(struct exchange *x, struct gb_span bytes)
{
    x->taken += bytes.len;
    if (!x->refused && x->taken > x->route->body_max) {
        refuse(x, 413, "the body is larger than is taken here");
        x->taken = bytes.len;
    }
    if (x->refused)
        return x->taken > DRAIN_MAX ? MHD_NO : MHD_YES;
    if (x->route->handler->data) {
        set_busy(x, true);
        x->route->handler->data(x->context, bytes);
        set_busy(x, false);
    }
    return MHD_YES;
}

/* The body is whole: have it answered. */
static enum MHD_Result
finish(struct exchange *x)
{
    if (!x->refused) {
        x->ended = true;
        set_busy(x, true);
        x->route->handler->end(x->context, &x->reply);
        set_busy(x, false);
        if (!x->reply.status)
            x->reply.status = 200;
    }
    return send_reply(x);
}

/* The library's one callback: head, pieces of the body, end of the body
 * (MHD_AccessHandlerCallback). */
static enum MHD_Result
serve(void *arg, struct MHD_Connection *c, const char *path, const char *method,
      const char *version, const char *bytes, size_t *n, void **kept)
{
    (void)version;
    struct exchange *x = *kept;
    if (!x)
        return start(arg, c, method, path, kept);
    if (*n == 0)
        return finish(x);
    size_t length = *n;
    *n = 0;
    return take(x, GB_SPAN(bytes, length));
}

/* A request is over, one way or the other (MHD_RequestCompletedCallback). */
static void
completed(void *arg, struct MHD_Connection *c, void **kept,
          enum MHD_RequestTerminationCode how)
{
    (void)c;
    (void)how;
    struct exchange *x = *kept;
    if (!x)
        return;
    *kept = NULL;
    if (x->begun) {
        const struct gb_http_handler *h = x->route->handler;
        if (x->accepted && !x->ended && h->abort)
            h->abort(x->context);
        if (h->close && x->context) /* none: refused before there was one */
            h->close(x->context);
    }
    gb_buf_release(&x->reply.body);
    gb_buf_release(&x->piece);
    free(x);
    leave(arg);
}

/* --------------------------------------------------------- start, stop -- */

/* A connection for the library to serve. */
static bool
add_connection(void *arg, int fd, const struct sockaddr *from, socklen_t length)
{
    struct gb_http_server *s = arg;
    return MHD_add_connection(s->daemon, fd, from, length) == MHD_YES;
}

/* A connection has begun or ended (MHD_NotifyConnectionCallback). */
static void
connection_changed(void *arg, struct MHD_Connection *c, void **kept,
                   enum MHD_ConnectionNotificationCode how)
{
    (void)c;
    (void)kept;
    struct gb_http_server *s = arg;
    if (how == MHD_CONNECTION_NOTIFY_CLOSED)
        gb_acceptor_ended(&s->acceptor);
}

/* Start the library.  It has no listening socket, and a limit that the
 * acceptor's never reaches: a connection that ended still counts there until
 * its thread is gone. */
static enum gb_err
start_daemon(struct gb_http_server *s, struct gb_fail *fail)
{
    s->daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
            MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, serve, s, MHD_OPTION_CONNECTION_LIMIT,
        2 * s->acceptor.limit + 64, MHD_OPTION_CONNECTION_TIMEOUT, s->idle_s,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)GB_HTTP_STACK,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s,
        MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_END);
    if (s->daemon)
        return GB_OK;
    return gb_fail_set(fail, GB_E_IO,
                       "the HTTP server did not start: end other programs");
}

/* Start to listen, to serve and to accept, in this order. */
static enum gb_err
start_all(struct gb_http_server *s, const char *address, struct gb_fail *fail)
{
    enum gb_err err = gb_listen_open(&s->listen, address, fail);
    if (!err)
        err = start_daemon(s, fail);
    if (err)
        return err;
    s->acceptor.listen = s->listen.fd;
    s->acceptor.take = add_connection;
    s->acceptor.arg = s;
    err = gb_acceptor_start(&s->acceptor, fail);
    if (err)
        MHD_stop_daemon(s->daemon);
    return err;
}

/* Free what is left when no thread runs. */
static void
release(struct gb_http_server *s)
{
    if (s->listen.fd >= 0)
        close(s->listen.fd);
    pthread_cond_destroy(&s->quiet);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

enum gb_err
gb_http_start(const struct gb_http_config *config, struct gb_http_server **out,
              struct gb_fail *fail)
{
    *out = NULL;
    struct gb_http_server *s = calloc(1, sizeof *s);
    if (!s)
        return gb_fail_memory(fail);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->quiet, &clock);
    pthread_condattr_destroy(&clock);
    s->routes = config->routes;
    s->idle_s = config->idle_s ? config->idle_s : GB_HTTP_IDLE_S;
    s->acceptor.limit =
        config->connections ? config->connections : GB_HTTP_CONNECTIONS;
    signal(SIGPIPE, SIG_IGN);
    enum gb_err err = start_all(s, config->listen, fail);
    if (err)
        release(s);
    else
        *out = s;
    return err;
}

const char *
gb_http_url(const struct gb_http_server *server)
{
    return server->listen.url;
}

int
gb_http_port(const struct gb_http_server *server)
{
    return server->listen.port;
}

/* Wait until no request runs, or the time is over. */
static void
wait_quiet(struct gb_http_server *s, int grace_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int result = 0;
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    while (s->running && result == 0)
        result = pthread_cond_timedwait(&s->quiet, &s->mutex, &until);
    pthread_mutex_unlock(&s->mutex);
}

void
gb_http_stop(struct gb_http_server *server, int grace_ms)
{
    if (!server)
        return;
    gb_acceptor_stop(&server->acceptor);
    close(server->listen.fd); /* who comes now is told so at once */
    server->listen.fd = -1;
    wait_quiet(server, grace_ms);
    MHD_stop_daemon(server->daemon);
    gb_acceptor_release(&server->acceptor);
    release(server);
}
