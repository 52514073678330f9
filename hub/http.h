/*
 * http.h - the hub's HTTP/1.1 server: a thread for each connection, bodies
 * taken in as they arrive, replies given out piece by piece.
 *
 * A request is answered by the handler of its route.  The handler's functions
 * run on the connection's thread, one after another, and may block; those of
 * different requests run at once.  Bodies never stand in memory as a whole:
 * `data` gets each piece as it comes, `next` makes each piece when there is
 * room for it.  There is no TLS: containers are sealed and signed.
 *
 *   begin -> data ... -> end   -> next ... -> close    the usual course
 *   begin -> data ... -> abort -> close                the client went away,
 *                                                       or sent too much
 *   begin (refuses) -> close
 *
 * What the server answers by itself: 404, 405 with Allow, 413 for a body over
 * the route's limit, 503 while it stops or has no memory; HEAD wherever there
 * is GET.  An idle connection is closed; the time that a handler takes does
 * not count as idle.
 */
#ifndef GB_HTTP_H
#define GB_HTTP_H

#include "engine/buf.h"

#define GB_HTTP_CONNECTIONS 256     /* at once; more wait in the backlog */
#define GB_HTTP_IDLE_S 30           /* without a byte either way */
#define GB_HTTP_STACK (256 * 1024)  /* bytes of a connection's thread */
#define GB_HTTP_BODY_MAX (64 << 20) /* bytes of a reply made as a whole */
#define GB_HTTP_PIECE_MAX (8 << 20) /* bytes that one `next` may append */

/* Valid from begin to close. */
struct gb_http_request {
    const char *method, *path; /* the path decoded, without the query */
    const char *rest;          /* what the route's `*` stands for, or "" */
    const char *peer;          /* "192.168.1.20", "fe80::1" */
    uint64_t length;           /* of the body, UINT64_MAX if not announced */
    void *connection;          /* for the function below */
};
/* A header field as the client gave it, or NULL. */
const char *gb_http_header(const struct gb_http_request *r, const char *name);

struct gb_http_field {
    const char *name, *value; /* name NULL ends an array */
};

struct gb_http_reply {
    int status;       /* 200 unless set */
    const char *type; /* content type; NULL: text/plain in UTF-8 */
    const struct gb_http_field *fields; /* more header fields, or NULL; type,
                                           names and values are borrowed until
                                           close */
    struct gb_buf body; /* the whole body, taken over by the server; not used
                           when next is set */
    /* Append the next piece of the body; nothing: that was all.  An error cuts
     * the connection, so that the client sees a broken reply and not a short
     * one. */
    enum gb_err (*next)(void *context, struct gb_buf *piece);
};

/* Any of these but begin and end may be NULL. */
struct gb_http_handler {
    /* The head of a request.  Returns the context for the other functions.
     * Setting refusal->status (not 0 then) refuses the request: its body is
     * not asked for, end is not called, nor is close when it is NULL. */
    void *(*begin)(void *arg, const struct gb_http_request *request,
                   struct gb_http_reply *refusal);
    /* The next bytes of the body, borrowed. */
    void (*data)(void *context, struct gb_span bytes);
    /* The body is whole: answer. */
    void (*end)(void *context, struct gb_http_reply *reply);
    /* The body broke off, or was too long; what came before may be kept.  No
     * answer is asked for. */
    void (*abort)(void *context);
    /* The last call in any case: free the context. */
    void (*close)(void *context);
};

struct gb_http_route {
    const char *method; /* "GET", "POST"; NULL ends a table */
    const char *path;   /* "/sync", or "/blob/" and `*` for all that begin so */
    uint64_t body_max;  /* bytes */
    const struct gb_http_handler *handler;
    void *arg; /* for begin */
};

struct gb_http_config {
    const char *listen; /* "ADDR:PORT", "[IPv6]:PORT"; port 0: any free one */
    const struct gb_http_route *routes; /* borrowed until the stop */
    unsigned connections, idle_s;       /* 0: the numbers above */
};

struct gb_http_server;

/* Start serving; *out is to be stopped by the caller.  Ignores SIGPIPE in the
 * whole process.  GB_E_USAGE: no address; GB_E_BUSY: it is taken; GB_E_IO. */
enum gb_err gb_http_start(const struct gb_http_config *config,
                          struct gb_http_server **out, struct gb_fail *fail);
/* "http://127.0.0.1:8440", with the port that it really has. */
const char *gb_http_url(const struct gb_http_server *server);
int gb_http_port(const struct gb_http_server *server);
/* Take no more requests, give those that run up to grace_ms to finish, cut
 * the rest off (their abort and close are called), free.  NULL is harmless. */
void gb_http_stop(struct gb_http_server *server, int grace_ms);

#endif
