/*
 * audit_ahead.c - commits read, and their signatures verified, by all
 * processors ahead of the one thread that replays them; see audit_private.h.
 *
 * Helpers take the commits one after another, each with a ledger of its own,
 * and lay what they read into a ring; it is taken from there in the order of
 * the log, and so is a failure.  The thread that replays reads a commit itself
 * when no helper has begun with it, so that it needs none.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/audit_private.h"

#define HELPERS_MAX 3              /* one keeps ahead of a replay, as a rule */
#define RING 8                     /* commits */
#define HELD_MAX ((size_t)4 << 20) /* bytes of those that are ready */

struct helper {
    struct gb_audit_ahead *ahead;
    struct gb_ledger *ledger; /* its own */
    pthread_t thread;
};

struct gb_audit_ahead {
    const struct gb_ledger_log *log;
    struct helper helpers[HELPERS_MAX];
    int nhelpers;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t room, ready;
    struct slot {
        struct gb_audit_read read;
        bool ready;
    } ring[RING];
    size_t next;  /* commit that nobody has begun with */
    size_t taken; /* those below were taken */
    size_t held;  /* bytes */
    bool end;
};

/* A commit that this helper may begin with. */
static bool
may_begin(const struct gb_audit_ahead *q)
{
    return q->next < q->log->count && q->next < q->taken + RING &&
           q->held < HELD_MAX;
}

static void *
help(void *arg)
{
    const struct helper *h = arg;
    struct gb_audit_ahead *q = h->ahead;
    struct gb_audit_read read;
    pthread_mutex_lock(&q->mutex);
    for (;;) {
        while (!q->end && !may_begin(q))
            pthread_cond_wait(&q->room, &q->mutex);
        if (q->end)
            break;
        size_t i = q->next++;
        pthread_mutex_unlock(&q->mutex);
        gb_audit_read(&read, h->ledger, &q->log->commits[i]);
        pthread_mutex_lock(&q->mutex);
        q->ring[i % RING] = (struct slot){read, true};
        q->held += read.bytes;
        pthread_cond_signal(&q->ready);
    }
    pthread_mutex_unlock(&q->mutex);
    return NULL;
}

/* One more helper, or one less where that cannot be: what is wrong with the
 * ledger is found without. */
static enum gb_err
add_helper(struct gb_audit_ahead *q, const char *ledger, struct gb_fail *fail)
{
    struct helper *h = &q->helpers[q->nhelpers];
    h->ahead = q;
    enum gb_err e = gb_ledger_open(&h->ledger, ledger, GB_LEDGER_READ, fail);
    if (e)
        return e == GB_E_MEMORY ? e : GB_OK;
    if (pthread_create(&h->thread, NULL, help, h))
        gb_ledger_close(h->ledger);
    else
        q->nhelpers++;
    return GB_OK;
}

enum gb_err
gb_audit_ahead_open(struct gb_audit_ahead **out, const char *ledger,
                    const struct gb_ledger_log *log, struct gb_fail *fail)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN) - 1;
    struct gb_audit_ahead *q = *out = calloc(1, sizeof *q);
    enum gb_err e = GB_OK;
    if (!q)
        return gb_fail_memory(fail);
    q->log = log;
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->room, NULL);
    pthread_cond_init(&q->ready, NULL);
    for (long i = 0; i < n && i < HELPERS_MAX && !e; i++)
        e = add_helper(q, ledger, fail);
    if (e) {
        gb_audit_ahead_close(q);
        *out = NULL;
    }
    return e;
}

void
gb_audit_ahead_take(struct gb_audit_ahead *q, struct gb_ledger *l,
                    struct gb_audit_read *out)
{
    pthread_mutex_lock(&q->mutex);
    size_t i = q->taken;
    bool begun = q->next > i;
    struct slot *slot = &q->ring[i % RING];
    if (!begun)
        q->next++;
    while (begun && !slot->ready)
        pthread_cond_wait(&q->ready, &q->mutex);
    if (begun) {
        *out = slot->read; /* transferred */
        slot->ready = false;
        q->held -= out->bytes;
    }
    q->taken++;
    pthread_cond_broadcast(&q->room);
    pthread_mutex_unlock(&q->mutex);
    if (!begun)
        gb_audit_read(out, l, &q->log->commits[i]);
}

void
gb_audit_ahead_close(struct gb_audit_ahead *q)
{
    if (!q)
        return;
    pthread_mutex_lock(&q->mutex);
    q->end = true;
    pthread_cond_broadcast(&q->room);
    pthread_mutex_unlock(&q->mutex);
    for (int i = 0; i < q->nhelpers; i++) {
        pthread_join(q->helpers[i].thread, NULL);
        gb_ledger_close(q->helpers[i].ledger);
    }
    for (int i = 0; i < RING; i++)
        if (q->ring[i].ready)
            gb_audit_read_release(&q->ring[i].read);
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->ready);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}
