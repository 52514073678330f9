/*
 * network.c - the network: what device/http.c sends goes to the handler that
 * hub/serve.c has given to hub/http.c, both of which this file stands in for.
 * It breaks at any byte, loses replies, and delivers twice.
 */
#include <stdlib.h>
#include <string.h>

#include "device/http.h"
#include "hub/http.h"
#include "sim.h"

struct gb_http_server {
    const struct gb_http_route *routes;
};

/* ---------------------------------------------------------- the server -- */

static struct gb_http_server *the_server;

enum gb_err
gb_http_start(const struct gb_http_config *config, struct gb_http_server **out,
              struct gb_fail *fail)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return gb_fail_set(fail, GB_E_MEMORY, "out of memory");
    (*out)->routes = config->routes;
    the_server = *out;
    return GB_OK;
}

void
gb_http_stop(struct gb_http_server *server, int grace_ms)
{
    (void)grace_ms;
    free(server);
    the_server = NULL;
}

const char *
gb_http_url(const struct gb_http_server *server)
{
    (void)server;
    return "http://127.0.0.1:1";
}

int
gb_http_port(const struct gb_http_server *server)
{
    (void)server;
    return 1;
}

/* -------------------------------------------------------- one exchange -- */

struct exchange {
    const struct gb_http_handler *on;
    void *context;
    struct gb_http_reply reply;
    size_t sent, taken;
    int cut_up, cut_down;
};

static enum gb_err
broken(struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_NETWORK, "the connection broke");
}

static void
begin(struct exchange *x)
{
    const struct gb_http_route *r = the_server->routes;
    struct gb_http_request request = {
        .method = "POST", .path = GB_SERVE_PATH, .rest = "", .peer = "device"};
    while (strcmp(r->path, GB_SERVE_PATH))
        r++;
    x->on = r->handler;
    x->context = x->on->begin(r->arg, &request, &x->reply);
    if (!x->context)
        sim_broken(sim_world, "the server refuses a request unseen");
}

/* The next bytes up; false: the connection broke behind the first of them. */
static bool
send(struct exchange *x, struct gb_span bytes)
{
    size_t n = bytes.len;
    bool whole = x->cut_up < 0 || x->sent + n <= (size_t)x->cut_up;
    if (!whole)
        n = (size_t)x->cut_up - x->sent;
    if (n)
        x->on->data(x->context, GB_SPAN(bytes.ptr, n));
    x->sent += n;
    return whole;
}

/* The hub's word when it is not 200. */
static enum gb_err
refusal(struct exchange *x, struct gb_fail *fail)
{
    gb_fail_set(fail, x->reply.status >= 500 ? GB_E_NETWORK : GB_E_REFUSED,
                "%.*s", (int)x->reply.body.len,
                (const char *)x->reply.body.ptr);
    gb_buf_release(&x->reply.body);
    return fail->code;
}

/* The reply down, until it ends or breaks. */
static enum gb_err
receive(struct exchange *x, const struct gb_client_post *post,
        struct gb_fail *fail)
{
    struct gb_buf piece;
    enum gb_err e = GB_OK;
    gb_buf_init(&piece, GB_HTTP_PIECE_MAX);
    do {
        gb_buf_clear(&piece);
        if (x->reply.next(x->context, &piece))
            e = broken(fail);
        size_t n = piece.len, left = (size_t)x->cut_down - x->taken;
        bool cut = x->cut_down >= 0 && n > left;
        if (!e && piece.len)
            e = post->take(post->arg, GB_SPAN(piece.ptr, cut ? left : n), fail);
        x->taken += n;
        if (!e && cut)
            e = broken(fail);
    } while (!e && piece.len);
    gb_buf_release(&piece);
    return e;
}

/* The whole request is there. */
static enum gb_err
answer(struct exchange *x, const struct gb_client_post *post,
       struct gb_fail *fail)
{
    x->on->end(x->context, &x->reply);
    if (x->reply.status && x->reply.status != 200)
        return refusal(x, fail);
    return post ? receive(x, post, fail) : GB_OK;
}

void
sim_network_repeat(struct world *w, struct gb_span bytes)
{
    struct exchange x = {.cut_up = -1, .cut_down = -1};
    struct gb_fail ignored = {0};
    (void)w;
    begin(&x);
    if (bytes.len)
        send(&x, bytes);
    answer(&x, NULL, &ignored);
    x.on->close(x.context);
}

/* The same request once more; the first reply went nowhere. */
static void
again(struct exchange *x, const struct gb_buf *body)
{
    struct gb_fail ignored = {0};
    answer(x, NULL, &ignored);
    x->on->close(x->context);
    *x = (struct exchange){.cut_up = -1, .cut_down = x->cut_down};
    begin(x);
    send(x, gb_buf_view(body));
}

/* Keep what was sent, for a network that delivers it once more some day. */
static void
keep(struct world *w, const struct gb_buf *body)
{
    struct sim_parcel *p = sim_parcel_new(w);
    gb_buf_span(&p->bytes, gb_buf_view(body));
}

enum gb_err
gb_client_post(const struct gb_client_post *post, struct gb_fail *fail)
{
    struct world *w = sim_world;
    struct exchange x = {.cut_up = w->net.cut_up, .cut_down = w->net.cut_down};
    struct gb_buf piece, body;
    enum gb_err e = GB_OK;
    bool whole = true;
    gb_buf_init(&piece, GB_CLIENT_PIECE_MAX);
    gb_buf_init(&body, SIZE_MAX / 4);
    begin(&x);
    do {
        gb_buf_clear(&piece);
        e = post->next(post->arg, &piece, fail);
        gb_buf_span(&body, gb_buf_view(&piece));
        whole = !e && send(&x, gb_buf_view(&piece));
    } while (whole && piece.len);
    if (whole && w->net.twice)
        again(&x, &body);
    if (whole)
        e = answer(&x, w->net.lost ? NULL : post, fail);
    else
        x.on->abort(x.context);
    x.on->close(x.context);
    if (!e && (!whole || w->net.lost))
        e = broken(fail);
    if (!w->calm && sim_chance(&w->chance, 10))
        keep(w, &body);
    gb_buf_release(&piece);
    gb_buf_release(&body);
    return e;
}
