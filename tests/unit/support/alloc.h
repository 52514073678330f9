/*
 * alloc.h - let the n-th allocation fail, and measure what is in use.
 *
 * Unit tests are linked with --wrap for malloc, calloc, realloc, strdup,
 * strndup and free, so that every allocation made by the project's own objects
 * passes here.  What libraries allocate inside themselves does not.  Without
 * alloc_fail_*() the wrappers only count.
 */
#ifndef GB_TEST_ALLOC_H
#define GB_TEST_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"

/* From now on, let the n-th allocation fail (0 is the next one); that one
 * only, or all that follow it too. */
void alloc_fail_once(size_t n);
void alloc_fail_from(size_t n);
void alloc_fail_never(void);

/* How many allocations were asked for since the last of the three calls
 * above, and whether one of them was made to fail. */
size_t alloc_count(void);
bool alloc_was_failed(void);

/* The most bytes that were in use at once since the last alloc_peak_begin(),
 * beyond what was in use then. */
void alloc_peak_begin(void);
size_t alloc_peak(void);

/*
 * Call `work` again and again, its first, second, ... allocation failing,
 * until it runs through without a failure; first one at a time, then from
 * the n-th on.  A run in which an allocation failed must return GB_E_MEMORY,
 * the last one GB_OK: anything else fails the test.  `work` starts from
 * nothing each time and cleans up behind itself; leaks are found by the
 * sanitizer build.  Returns the number of allocations of a full run, at
 * least 1: a sweep over nothing fails the test too.
 */
size_t alloc_sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail),
                   void *arg);

#endif
