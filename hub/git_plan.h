/*
 * git_plan.h - which packs to merge: a pure function, so that ten years of
 * batches can be played through in a test.
 *
 * The packs that are left alone form a geometric row, each with at least twice
 * as many objects as the next smaller one (the rule of `git repack
 * --geometric`).  So a merge leaves a logarithmic number of packs, and as the
 * result is at least half again as large as any of its parts, each object is
 * rewritten a logarithmic number of times, and so long is a chain of versions
 * at most (git_fold.c).  Objects are counted, not bytes: fifty new packs, each
 * with its day's folder, shrink to little more than one of them, and would draw
 * in all that was merged before.
 */
#ifndef GB_GIT_PLAN_H
#define GB_GIT_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* A pack of so many bytes is never merged again, which bounds the time, the
 * disk and the memory of one merge. */
#define GB_PACK_FULL ((uint64_t)512 << 20)

/* How many objects each pack has, rising.  How many packs, from the smallest,
 * to merge into one; 0 when merging would gain nothing. */
size_t gb_pack_plan(const uint64_t *objects, size_t n);

#endif
