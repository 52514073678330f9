/*
 * readers.h - readers of hub.db for the threads of a server, kept open: one
 * costs a schema to load, so they are handed out again and again.
 */
#ifndef GB_READERS_H
#define GB_READERS_H

#include <pthread.h>

#include "engine/file.h"
#include "engine/state.h"

#define GB_READERS_IDLE_MAX 16 /* kept open while nobody needs them */

struct gb_readers {
    char path[GB_FILE_PATH_MAX]; /* of hub.db */
    uint8_t site[16];
    pthread_mutex_t mutex;
    struct gb_state *idle[GB_READERS_IDLE_MAX];
    int n;
};

void gb_readers_init(struct gb_readers *r, const char *path,
                     const uint8_t site[16]);
/* When all are given back. */
void gb_readers_release(struct gb_readers *r);

/* A reader that knows what is committed by now, this thread's alone until it
 * is given back (NULL is harmless). */
enum gb_err gb_readers_take(struct gb_readers *r, struct gb_state **out,
                            struct gb_fail *fail);
void gb_readers_give(struct gb_readers *r, struct gb_state *st);

#endif
