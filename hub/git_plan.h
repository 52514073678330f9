/*
 * git_plan.h - which packs to merge: a pure function, so that ten years of
 * batches can be played through in a test.
 *
 * The packs that are left alone form a geometric row, each at least twice as
 * large as the next smaller one (the rule of `git repack --geometric`).  So a
 * merge leaves a logarithmic number of packs, and as the result is at least
 * half again as large as any of its parts, each object is rewritten a
 * logarithmic number of times.
 */
#ifndef GB_GIT_PLAN_H
#define GB_GIT_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* A pack of this size is never merged again, which bounds the time, the disk
 * and the memory of one merge. */
#define GB_PACK_FULL ((uint64_t)512 << 20)

/* Merges of fewer bytes than this look for differences between objects, which
 * is slow and makes much of the many versions of a day's folder; larger ones
 * copy what has been through that already. */
#define GB_PACK_SPLICE ((uint64_t)32 << 20)

/* `sizes` rise.  How many of them, from the smallest, to merge into one; 0
 * when merging would gain nothing. */
size_t gb_pack_plan(const uint64_t *sizes, size_t n);

#endif
