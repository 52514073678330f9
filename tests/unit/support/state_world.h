/*
 * state_world.h - a hub's state in memory, without ledger and signatures, for
 * tests of what it makes of sets and of work that waits.
 */
#ifndef STATE_WORLD_H
#define STATE_WORLD_H

#include "engine/state.h"

#define WORLD_START_MS INT64_C(1700000000000)

/* An encoded set; `bytes` is the caller's to release. */
struct made {
    struct gb_buf bytes;
    struct gb_sha256 sha;
    int device;
    uint32_t seq;
    int64_t received_ms;
};

struct world {
    struct gb_state *st;
    int64_t received_ms;    /* of sets of replica 0 */
    struct gb_buf sets[64]; /* the first positions, to be fetched again */
    int fetched;            /* how often that was done */
    bool calm;              /* no call is made to fail (fault.h) */
    bool batch;             /* sets stay in one transaction, likewise */
};

/* Every call ends the test that makes it when something fails. */

struct gb_schema *world_schema(const struct gb_schema_file *files, size_t n,
                               uint32_t version);
/* Site and schema in force, and devices 1.. , of level 2 from number 3 on; in
 * an open transaction. */
void world_begin(struct world *w, const struct gb_schema *s, int devices);
void world_end(struct world *w);

/* Encode: the set is sound, its signature is not asked for here. */
void world_encode(struct made *m, struct gb_set *set,
                  const struct gb_schema *s);
/* One set as the next position; returns its verdict.  Before, each call below
 * fails once, which must leave the state as it was. */
enum gb_verdict world_take(struct world *w, const struct made *m);
/* Operations of replica 0, of kinds that need no schema. */
void world_own(struct world *w, struct gb_op *ops, int n);
/* Automatic releases until nothing is due; returns how many sets it took. */
int world_release_due(struct world *w);
/* A person's forced release of everything that waits; returns how many. */
int world_force_all(struct world *w);
void world_put_schema(struct world *w, const struct gb_schema *s);
/* Enrol a device, or change its level. */
void world_put_device(struct world *w, int number, int level);
/* One number from the state's database. */
int64_t world_number(struct world *w, const char *sql);

#endif
