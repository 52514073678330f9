/*
 * http_accept.h - the thread that accepts connections for the server of
 * http.h, never more at once than the limit.
 *
 * The HTTP library would accept what is over its limit and close it at once;
 * here the rest waits in the listening socket's backlog until one ends.
 */
#ifndef GB_HTTP_ACCEPT_H
#define GB_HTTP_ACCEPT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "engine/err.h"

struct gb_acceptor {
    int listen; /* borrowed */
    int wake;   /* an eventfd: a connection ended, or stop */
    unsigned limit, open;
    bool stopping;
    pthread_mutex_t mutex; /* of `open` and `stopping` */
    pthread_t thread;
    /* Owns fd from now on; false: it came to nothing, and is closed. */
    bool (*take)(void *arg, int fd, const struct sockaddr *from,
                 socklen_t length);
    void *arg;
};

/* listen, limit, take and arg are set by the caller. */
enum gb_err gb_acceptor_start(struct gb_acceptor *a, struct gb_fail *fail);
/* A connection that `take` took has ended; from any thread. */
void gb_acceptor_ended(struct gb_acceptor *a);
/* Accept no more; connections go on, and gb_acceptor_ended() may be called. */
void gb_acceptor_stop(struct gb_acceptor *a);
/* After the last gb_acceptor_ended(). */
void gb_acceptor_release(struct gb_acceptor *a);

#endif
