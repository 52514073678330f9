/*
 * random.h - all chance of a simulation: one generator (splitmix64), seeded by
 * the world's number, so that a world runs the same way every time.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t at;
};

static inline uint64_t
sim_next(struct sim_random *r)
{
    uint64_t z = r->at += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline int
sim_below(struct sim_random *r, int n)
{
    return (int)(sim_next(r) % (uint64_t)n);
}

static inline bool
sim_chance(struct sim_random *r, int percent)
{
    return sim_below(r, 100) < percent;
}

#endif
