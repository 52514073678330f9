/*
 * io.h - let the n-th call that touches a file fail.
 *
 * Unit tests are linked with --wrap for the calls in IO_CALLS of the
 * Makefile, so that those made by the project's own objects, and by the test
 * itself, pass here.  What libraries do inside themselves does not.  Without
 * io_fail_*() the wrappers only count.
 */
#ifndef GB_TEST_IO_H
#define GB_TEST_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"

/* From now on, let the n-th call (0 is the next one) return -1 with this
 * errno; that one only, or all that follow it too.  A failing close() closes
 * nevertheless, as Linux does. */
void io_fail_once(size_t n, int error);
void io_fail_from(size_t n, int error);
/* write() and read() move one byte at a time, and nothing fails. */
void io_one_byte(void);
void io_fail_never(void);

/* How many calls were made since the last of the four above, and whether one
 * of them was made to fail. */
size_t io_count(void);
bool io_was_failed(void);

/*
 * Call `work` again and again, its first, second, ... call failing with
 * `error`, until it runs through without a failure; first one at a time, then
 * from the n-th on.  After each run `judge` looks at what is on the disk,
 * with nothing failing any more; `failed` says whether a call was made to
 * fail.  Returns the number of calls of a full run, at least 1.
 */
size_t io_sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail),
                void (*judge)(void *arg, enum gb_err err, bool failed),
                void *arg, int error);

#endif
