/* readers.c - see readers.h */
#include "hub/readers.h"

#include <stdio.h>
#include <string.h>

void
gb_readers_init(struct gb_readers *r, const char *path, const uint8_t site[16],
                int max)
{
    gb_assert(max > 0 && max <= GB_READERS_MAX);
    *r = (struct gb_readers){.max = max};
    snprintf(r->path, sizeof r->path, "%s", path);
    memcpy(r->site, site, sizeof r->site);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->given, NULL);
}

void
gb_readers_release(struct gb_readers *r)
{
    while (r->n)
        gb_state_close(r->idle[--r->n]);
    pthread_cond_destroy(&r->given);
    pthread_mutex_destroy(&r->mutex);
}

/* One less is out; the next may have it, or make one. */
static void
give(struct gb_readers *r, struct gb_state *st)
{
    pthread_mutex_lock(&r->mutex);
    r->out--;
    if (st)
        r->idle[r->n++] = st;
    pthread_cond_signal(&r->given);
    pthread_mutex_unlock(&r->mutex);
}

enum gb_err
gb_readers_take(struct gb_readers *r, struct gb_state **out,
                struct gb_fail *fail)
{
    struct gb_state *st = NULL;
    pthread_mutex_lock(&r->mutex);
    while (r->out == r->max)
        pthread_cond_wait(&r->given, &r->mutex);
    r->out++;
    if (r->n)
        st = r->idle[--r->n];
    pthread_mutex_unlock(&r->mutex);
    enum gb_err e = st ? gb_state_refresh(st, fail)
                       : gb_state_open_reader(r->path, r->site, &st, fail);
    if (e) {
        gb_state_close(st);
        st = NULL;
        give(r, NULL);
    }
    *out = st;
    return e;
}

void
gb_readers_give(struct gb_readers *r, struct gb_state *st)
{
    if (st)
        give(r, st);
}
