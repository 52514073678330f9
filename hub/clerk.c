/* clerk.c - see clerk.h */
#include "hub/clerk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Something to do, on the stack of the thread that waits for it. */
struct job {
    const struct gb_request *enrol; /* or: */
    const struct gb_handed *handed; /* or: */
    struct gb_delivery *delivery;
    enum gb_err err;
    struct gb_fail fail;
    bool done;
    struct job *next;
};

struct gb_clerk {
    struct gb_office *office;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t work, done;
    struct job *first, **last;
    unsigned queued, reading; /* jobs; bundles being read */
    unsigned telling; /* handhelds whose work is durable, not told yet */
    bool delivering;  /* sets are being taken in */
    bool stop;
};

/* ---------------------------------------------------------- the thread -- */

/* So many milliseconds from now. */
static struct timespec
in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

/* Wait until somebody needs something, and if that is a delivery until either
 * nobody else is about to bring one, or the time for gathering is over.  With
 * the mutex. */
static void
gather(struct gb_clerk *c)
{
    while (!c->first && !c->stop)
        pthread_cond_wait(&c->work, &c->mutex);
    struct timespec until = in_ms(GB_CLERK_GATHER_MS);
    while (!c->stop && c->first->delivery && c->queued < c->reading)
        if (pthread_cond_timedwait(&c->work, &c->mutex, &until) == ETIMEDOUT)
            break;
}

/* Wait until nobody brings work or is to be told of it, or the time for that is
 * over; false when there is something to do.  With the mutex. */
static bool
idle(struct gb_clerk *c)
{
    struct timespec until = in_ms(GB_CLERK_REST_MS);
    while (!c->first && !c->stop && c->reading + c->telling)
        if (pthread_cond_timedwait(&c->work, &c->mutex, &until) == ETIMEDOUT)
            break;
    return !c->first;
}

/* How much the sets of a job are; 0 of another kind. */
static size_t
bytes_of(const struct job *j)
{
    size_t bytes = 0;
    for (size_t i = 0; j->delivery && i < j->delivery->n; i++)
        bytes += j->delivery->sets[i].parts.signed_bytes.len;
    return bytes;
}

/* The first jobs of the queue that go together: deliveries of a batch, or one
 * of another kind.  With the mutex. */
static struct job *
take_jobs(struct gb_clerk *c)
{
    struct job *list = c->first, *end = list;
    size_t sets = list->delivery ? list->delivery->n : 0;
    size_t bytes = bytes_of(list);
    c->queued--;
    while (list->delivery && end->next && end->next->delivery &&
           sets < GB_CLERK_BATCH_SETS) {
        bytes += bytes_of(end->next);
        if (bytes > GB_BATCH_BYTES)
            break;
        end = end->next;
        sets += end->delivery->n;
        c->queued--;
    }
    c->first = end->next;
    if (!c->first)
        c->last = &c->first;
    end->next = NULL;
    return list;
}

/* One job by itself. */
static void
do_one(struct gb_clerk *c, struct job *j)
{
    j->fail = (struct gb_fail){0};
    if (j->enrol)
        j->err = gb_intake_enrol(c->office, j->enrol, &j->fail);
    else if (j->handed)
        j->err = gb_intake_hand(c->office, j->handed, &j->fail);
    else
        j->err = gb_intake_deliver(c->office, &j->delivery, 1, &j->fail);
}

/* Several deliveries as one batch; one by one when that fails. */
static void
do_all(struct gb_clerk *c, struct job *list)
{
    size_t n = 0;
    struct gb_fail why = {0};
    enum gb_err e = GB_E_MEMORY;
    for (struct job *j = list; j; j = j->next)
        n++;
    struct gb_delivery **all = n > 1 ? calloc(n, sizeof *all) : NULL;
    if (all) {
        struct job *j = list;
        for (size_t i = 0; i < n; i++, j = j->next)
            all[i] = j->delivery;
        e = gb_intake_deliver(c->office, all, n, &why);
    }
    free(all);
    for (struct job *j = list; j; j = j->next) {
        if (e)
            do_one(c, j);
        else
            j->err = GB_OK;
    }
}

static void *
work(void *arg)
{
    struct gb_clerk *c = arg;
    pthread_mutex_lock(&c->mutex);
    for (;;) {
        gather(c);
        if (!c->first)
            break; /* told to stop, and nothing is left */
        struct job *list = take_jobs(c);
        c->delivering = list->delivery != NULL;
        pthread_mutex_unlock(&c->mutex);
        do_all(c, list);
        pthread_mutex_lock(&c->mutex);
        c->delivering = false;
        for (struct job *j = list; j;) {
            struct job *next = j->next; /* j may be gone once it is done */
            j->done = true;
            j = next;
        }
        pthread_cond_broadcast(&c->done);
        if (!idle(c))
            continue;
        pthread_mutex_unlock(&c->mutex);
        gb_state_checkpoint(c->office->state);
        pthread_mutex_lock(&c->mutex);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* ------------------------------------------------------- other threads -- */

/* Queue a job and wait for it. */
static enum gb_err
ask(struct gb_clerk *c, struct job *j, struct gb_fail *fail)
{
    pthread_mutex_lock(&c->mutex);
    *c->last = j;
    c->last = &j->next;
    c->queued++;
    pthread_cond_signal(&c->work);
    while (!j->done)
        pthread_cond_wait(&c->done, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
    if (j->err && fail)
        *fail = j->fail;
    return j->err;
}

static enum gb_err
enrol(void *arg, const struct gb_request *request, struct gb_fail *fail)
{
    struct job j = {.enrol = request};
    return ask(arg, &j, fail);
}

static enum gb_err
deliver(void *arg, struct gb_delivery *delivery, struct gb_fail *fail)
{
    struct job j = {.delivery = delivery};
    return ask(arg, &j, fail);
}

static enum gb_err
hand(void *arg, const struct gb_handed *handed, struct gb_fail *fail)
{
    struct job j = {.handed = handed};
    return ask(arg, &j, fail);
}

struct gb_intake
gb_clerk_intake(struct gb_clerk *c)
{
    return (struct gb_intake){enrol, deliver, hand, c};
}

void
gb_clerk_enter(struct gb_clerk *c)
{
    pthread_mutex_lock(&c->mutex);
    c->reading++;
    pthread_mutex_unlock(&c->mutex);
}

void
gb_clerk_leave(struct gb_clerk *c)
{
    pthread_mutex_lock(&c->mutex);
    c->reading--;
    pthread_cond_signal(&c->work); /* one less to wait for */
    pthread_mutex_unlock(&c->mutex);
}

void
gb_clerk_tell(struct gb_clerk *c)
{
    pthread_mutex_lock(&c->mutex);
    c->telling++;
    pthread_mutex_unlock(&c->mutex);
}

void
gb_clerk_told(struct gb_clerk *c)
{
    pthread_mutex_lock(&c->mutex);
    if (!--c->telling) {
        pthread_cond_signal(&c->work);
        pthread_cond_broadcast(&c->done);
    }
    pthread_mutex_unlock(&c->mutex);
}

void
gb_clerk_rest(struct gb_clerk *c)
{
    struct timespec until = in_ms(GB_CLERK_REST_MS);
    pthread_mutex_lock(&c->mutex);
    while (c->delivering || c->telling || (c->first && c->first->delivery))
        if (pthread_cond_timedwait(&c->done, &c->mutex, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&c->mutex);
}

/* --------------------------------------------------------- start, stop -- */

enum gb_err
gb_clerk_start(struct gb_office *o, struct gb_clerk **out, struct gb_fail *fail)
{
    pthread_condattr_t attr;
    *out = NULL;
    struct gb_clerk *c = calloc(1, sizeof *c);
    if (!c)
        return gb_fail_memory(fail);
    c->office = o;
    c->last = &c->first;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->work, &attr);
    pthread_cond_init(&c->done, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&c->thread, NULL, work, c)) {
        free(c);
        return gb_fail_set(fail, GB_E_MEMORY, "no thread can be started");
    }
    *out = c;
    return GB_OK;
}

void
gb_clerk_stop(struct gb_clerk *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    c->stop = true;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}
