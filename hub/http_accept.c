/* http_accept.c - see http_accept.h */
#include "http_accept.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAUSE_MS                                                               \
    50 /* after an error that passes: no more handles, no memory               \
        */
#define STACK (64 * 1024)

/* Wake the thread. */
static void
wake(struct gb_acceptor *a)
{
    uint64_t one = 1;
    while (write(a->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Change the number of open connections; whether there is room for more. */
static bool
count(struct gb_acceptor *a, int change)
{
    pthread_mutex_lock(&a->mutex);
    a->open += (unsigned)change;
    bool room = a->open < a->limit;
    pthread_mutex_unlock(&a->mutex);
    return room;
}

/* Whether gb_acceptor_stop() was called. */
static bool
stopped(struct gb_acceptor *a)
{
    pthread_mutex_lock(&a->mutex);
    bool stop = a->stopping;
    pthread_mutex_unlock(&a->mutex);
    return stop;
}

/* Accept one connection and hand it on. */
static void
accept_one(struct gb_acceptor *a)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int fd = accept4(a->listen, (struct sockaddr *)&from, &length,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        count(a, 1);
        if (!a->take(a->arg, fd, (struct sockaddr *)&from, length))
            count(a, -1);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
               errno == ENOMEM) {
        poll(NULL, 0, PAUSE_MS);
    } /* all others are the client's: it has gone again */
}

/* The thread: wait for a connection while there is room, and for the wake. */
static void *
run(void *arg)
{
    struct gb_acceptor *a = arg;
    uint64_t wakes;
    while (!stopped(a)) {
        bool room = count(a, 0);
        struct pollfd fds[] = {{.fd = a->wake, .events = POLLIN},
                               {.fd = room ? a->listen : -1, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && read(a->wake, &wakes, sizeof wakes) < 0)
            continue;
        if (fds[1].revents)
            accept_one(a);
    }
    return NULL;
}

enum gb_err
gb_acceptor_start(struct gb_acceptor *a, struct gb_fail *fail)
{
    pthread_attr_t small;
    a->open = 0;
    a->stopping = false;
    a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->wake < 0)
        return gb_fail_set(fail, GB_E_IO, "no event handle: %s",
                           strerrordesc_np(errno));
    pthread_mutex_init(&a->mutex, NULL);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    int number = pthread_create(&a->thread, &small, run, a);
    pthread_attr_destroy(&small);
    if (!number)
        return GB_OK;
    gb_acceptor_release(a);
    return gb_fail_set(fail, GB_E_IO, "no thread: %s", strerrordesc_np(number));
}

void
gb_acceptor_ended(struct gb_acceptor *a)
{
    count(a, -1);
    wake(a);
}

void
gb_acceptor_stop(struct gb_acceptor *a)
{
    pthread_mutex_lock(&a->mutex);
    a->stopping = true;
    pthread_mutex_unlock(&a->mutex);
    wake(a);
    pthread_join(a->thread, NULL);
}

void
gb_acceptor_release(struct gb_acceptor *a)
{
    close(a->wake);
    pthread_mutex_destroy(&a->mutex);
}
