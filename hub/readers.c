/* readers.c - see readers.h */
#include "hub/readers.h"

#include <stdio.h>
#include <string.h>

void
gb_readers_init(struct gb_readers *r, const char *path, const uint8_t site[16])
{
    *r = (struct gb_readers){0};
    snprintf(r->path, sizeof r->path, "%s", path);
    memcpy(r->site, site, sizeof r->site);
    pthread_mutex_init(&r->mutex, NULL);
}

void
gb_readers_release(struct gb_readers *r)
{
    while (r->n)
        gb_state_close(r->idle[--r->n]);
    pthread_mutex_destroy(&r->mutex);
}

enum gb_err
gb_readers_take(struct gb_readers *r, struct gb_state **out,
                struct gb_fail *fail)
{
    struct gb_state *st = NULL;
    pthread_mutex_lock(&r->mutex);
    if (r->n)
        st = r->idle[--r->n];
    pthread_mutex_unlock(&r->mutex);
    enum gb_err e = st ? gb_state_refresh(st, fail)
                       : gb_state_open_reader(r->path, r->site, &st, fail);
    if (e) {
        gb_state_close(st);
        st = NULL;
    }
    *out = st;
    return e;
}

void
gb_readers_give(struct gb_readers *r, struct gb_state *st)
{
    if (!st)
        return;
    pthread_mutex_lock(&r->mutex);
    if (r->n < GB_READERS_IDLE_MAX) {
        r->idle[r->n++] = st;
        st = NULL;
    }
    pthread_mutex_unlock(&r->mutex);
    gb_state_close(st);
}
