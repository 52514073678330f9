/*
 * fault.h - let every call that can fail do so once, whatever library it is of.
 *
 * Unit tests are linked with --wrap for the calls that WRAP in the Makefile
 * names: memory (alloc.h), files (io.h and fault.c), SQLite (sql.c) and, in
 * tests of the hub, libgit2 (hub/git.c).  All of them ask here.
 *
 * Which call fails is told by the path by which it was reached: the callers
 * on the stack.  Each path fails once in the life of a test program, so that a
 * fixture may sweep all that it does, and what was seen before costs nothing.
 */
#ifndef GB_TEST_FAULT_H
#define GB_TEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"

enum fault {
    FAULT_NONE = 0,
    FAULT_MEMORY = 1,
    FAULT_FILE = 2, /* errno is EIO */
    FAULT_SQL = 4,  /* SQLITE_IOERR, before anything was done */
    FAULT_GIT = 8,  /* -1 and a message, likewise */
    FAULT_ANY = 15
};

/*
 * Call `work` until it runs through without a failure; in each run before, one
 * call on a new path was made to fail.  After each run `judge` hears with what
 * the run ended, and which kind of call failed; nothing fails meanwhile.
 * NULL judges by fault_told().  Returns how many runs had a failure.
 */
size_t fault_sweep(unsigned kinds,
                   enum gb_err (*work)(void *arg, struct gb_fail *fail),
                   void (*judge)(void *arg, enum gb_err err, enum fault failed),
                   void *arg);

/* A failure is told, a lack of memory as such; without one all is well. */
void fault_told(void *arg, enum gb_err err, enum fault failed);
/* Likewise, but that of a file or of libgit2 may do no harm, which the test
 * finds out. */
void fault_told_or_harmless(void *arg, enum gb_err err, enum fault failed);

/* Fail the test, and show by which path the call was reached. */
void fault_blame(enum gb_err err, enum fault failed);

/* For the wrappers: whether this call shall fail. */
bool fault_here(enum fault kind);

#endif
