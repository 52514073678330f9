/* decode_ahead.c - see decode_ahead.h */
#include "hub/decode_ahead.h"

#include <pthread.h>
#include <stdlib.h>

#define FEW 4                      /* sets that are not worth a thread */
#define RING 4                     /* sets, of which one is being merged */
#define HELD_MAX ((size_t)4 << 20) /* bytes of those that are ready */

struct gb_ahead {
    const struct gb_arriving *sets;
    size_t n;
    const struct gb_schema **schemas; /* by version */
    uint32_t nschemas;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t room, ready;
    struct slot {
        struct gb_decoded d;
        enum gb_err err;
        struct gb_fail fail;
        size_t bytes;
    } ring[RING];
    size_t done;  /* sets below are decoded, */
    size_t taken; /* those below released again */
    size_t held;  /* bytes of those between */
    bool end;
};

/* One set into its slot. */
static void
decode(const struct gb_ahead *q, size_t i, struct slot *out)
{
    struct gb_set_info info;
    struct gb_span bytes = q->sets[i].parts.signed_bytes;
    *out = (struct slot){.err = GB_OK};
    out->err = gb_set_info(bytes, &info, &out->fail);
    if (!out->err && info.schema >= q->nschemas)
        out->err = GB_E_MISSING; /* it may come with this batch */
    if (out->err)
        return;
    struct gb_sha256 sha = gb_sha256(bytes);
    out->err = gb_decode_by(q->schemas[info.schema], &info, bytes, &sha,
                            &out->d, &out->fail);
    out->bytes = out->d.set.arena.used;
}

static void *
run(void *arg)
{
    struct gb_ahead *q = arg;
    pthread_mutex_lock(&q->mutex);
    for (;;) {
        while (!q->end && q->done < q->n &&
               (q->done == q->taken + RING || q->held > HELD_MAX))
            pthread_cond_wait(&q->room, &q->mutex);
        if (q->end || q->done == q->n)
            break;
        size_t i = q->done;
        pthread_mutex_unlock(&q->mutex);
        decode(q, i, &q->ring[i % RING]);
        pthread_mutex_lock(&q->mutex);
        q->held += q->ring[i % RING].bytes;
        q->done++;
        pthread_cond_signal(&q->ready);
    }
    pthread_mutex_unlock(&q->mutex);
    return NULL;
}

/* A copy: the state's own list may grow meanwhile. */
static bool
copy_schemas(struct gb_ahead *q, const struct gb_state *st)
{
    const struct gb_schema *now = gb_state_schema(st);
    q->nschemas = now ? now->version + 1 : 1;
    q->schemas = calloc(q->nschemas, sizeof *q->schemas);
    for (uint32_t v = 0; v < q->nschemas && q->schemas; v++)
        q->schemas[v] = gb_state_schema_of(st, v);
    return q->schemas;
}

struct gb_ahead *
gb_ahead_open(const struct gb_state *st, const struct gb_arriving *sets,
              size_t n)
{
    struct gb_ahead *q = n > FEW ? calloc(1, sizeof *q) : NULL;
    if (!q)
        return NULL;
    q->sets = sets;
    q->n = n;
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->room, NULL);
    pthread_cond_init(&q->ready, NULL);
    if (copy_schemas(q, st) && !pthread_create(&q->thread, NULL, run, q))
        return q;
    q->n = 0;
    gb_ahead_close(q);
    return NULL;
}

/* Those up to i are needed no more; the lock is held. */
static void
pass_over(struct gb_ahead *q, size_t i)
{
    while (q->taken < i) {
        while (q->done == q->taken)
            pthread_cond_wait(&q->ready, &q->mutex);
        struct slot *slot = &q->ring[q->taken++ % RING];
        gb_decoded_release(&slot->d); /* harmless when it was before */
        q->held -= slot->bytes;
        pthread_cond_signal(&q->room);
    }
}

enum gb_err
gb_ahead_take(struct gb_ahead *q, size_t i, struct gb_decoded **out,
              struct gb_fail *fail)
{
    gb_assert(i >= q->taken && i < q->n);
    struct slot *slot = &q->ring[i % RING];
    pthread_mutex_lock(&q->mutex);
    pass_over(q, i);
    while (q->done == i)
        pthread_cond_wait(&q->ready, &q->mutex);
    pthread_mutex_unlock(&q->mutex);
    *out = &slot->d;
    return slot->err ? gb_fail_set(fail, slot->err, "%s", slot->fail.text)
                     : GB_OK;
}

void
gb_ahead_close(struct gb_ahead *q)
{
    if (!q)
        return;
    if (q->n) {
        pthread_mutex_lock(&q->mutex);
        q->end = true;
        pthread_cond_signal(&q->room);
        pthread_mutex_unlock(&q->mutex);
        pthread_join(q->thread, NULL);
    }
    for (; q->taken < q->done; q->taken++)
        gb_decoded_release(&q->ring[q->taken % RING].d);
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->ready);
    pthread_mutex_destroy(&q->mutex);
    free(q->schemas);
    free(q);
}
