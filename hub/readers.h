/*
 * readers.h - readers of hub.db for the threads of a server, kept open: one
 * costs a schema to load, so they are handed out again and again.
 *
 * There are at most so many at once: whoever works with one keeps a processor
 * busy, and each holds some MiB, so more would only cost memory.  Who wants one
 * meanwhile waits; nobody may hold one while waiting for another, or for bytes
 * from the network.
 */
#ifndef GB_READERS_H
#define GB_READERS_H

#include <pthread.h>

#include "engine/file.h"
#include "engine/state.h"

#define GB_READERS_MAX 64

struct gb_readers {
    char path[GB_FILE_PATH_MAX]; /* of hub.db */
    uint8_t site[16];
    int max;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t given;
    struct gb_state *idle[GB_READERS_MAX];
    int n;   /* of idle */
    int out; /* taken */
};

/* `max` at once, 1 to GB_READERS_MAX. */
void gb_readers_init(struct gb_readers *r, const char *path,
                     const uint8_t site[16], int max);
/* When all are given back. */
void gb_readers_release(struct gb_readers *r);

/* A reader that knows what is committed by now, this thread's alone until it
 * is given back (NULL is harmless). */
enum gb_err gb_readers_take(struct gb_readers *r, struct gb_state **out,
                            struct gb_fail *fail);
void gb_readers_give(struct gb_readers *r, struct gb_state *st);

#endif
