/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file, tests/fuzz/NAME.c, that defines the function which
 * libFuzzer calls with each input (and, where something is to be made first,
 * the one that it calls once).  `make fuzz` links it with libFuzzer; `make
 * check` with replay.c, which feeds it the inputs of tests/fuzz/corpus/NAME.
 *
 * A target never exits by itself: what is wrong ends the process by abort().
 */
#ifndef GB_TEST_FUZZ_H
#define GB_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/buf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A property of whatever comes in; what breaks it is a find. */
#define FUZZ_CHECK(condition)                                                  \
    ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__, ""))
_Noreturn void fuzz_broken(const char *what, const char *file, int line,
                           const char *why);
/* What the target itself needs, and cannot go on without. */
#define FUZZ_NEED(call)                                                        \
    ((call) ? fuzz_broken(#call, __FILE__, __LINE__, fuzz_why.text) : (void)0)
extern struct gb_fail fuzz_why;

/* A refusal has a code and one line that says why; returns whether it is one.
 * Memory is never the reason: nothing here is to come near its end.  With
 * FUZZ_TALK set in the environment it is printed. */
bool fuzz_refused(enum gb_err e, const struct gb_fail *fail);

/* From here on to the next call of either, the process takes at most `max`
 * bytes from the heap beyond what it has now, libraries included. */
void fuzz_memory_begin(size_t max);
/* That it did not. */
void fuzz_memory_end(void);

/* Take an input apart: a u16 length and as many bytes as there are; or all that
 * is left. */
struct gb_span fuzz_piece(struct gb_reader *in);
struct gb_span fuzz_rest(struct gb_reader *in);

/* The signed bytes of a change set of device 7, number 3, whose header is
 * sound, and whose three sections are the input's, stored as they are. */
void fuzz_put_set(struct gb_buf *out, uint32_t schema, struct gb_reader *in);

#endif
