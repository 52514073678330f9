/*
 * err.h - every error of the project, and how it travels.
 *
 * A function that can fail returns enum gb_err (GB_OK is 0) and takes a
 * `struct gb_fail *` as its last parameter, which holds the code and one line
 * of text that names the thing and the remedy.  A caller may put its own
 * words in front with gb_fail_wrap().  There is no global state.  A conflict
 * between edits is a result, never an error.
 */
#ifndef GB_ERR_H
#define GB_ERR_H

#include <stdbool.h>

/* The only list of errors: name, exit status of the programs, sentence. */
#define GB_ERRORS(X)                                                           \
    X(OK, 0, "done")                                                           \
    X(USAGE, 2, "wrong usage")                                                 \
    X(MEMORY, 1, "out of memory")                                              \
    X(LIMIT, 1, "larger than the limit")                                       \
    X(FORMAT, 1, "not in the expected format")                                 \
    X(VERSION, 1, "made by a newer version")                                   \
    X(SIGNATURE, 1, "the signature does not verify")                           \
    X(KEY, 1, "the key cannot be used")                                        \
    X(SCHEMA, 1, "the schema is not valid")                                    \
    X(UNKNOWN, 1, "unknown name")                                              \
    X(TYPE, 1, "wrong type")                                                   \
    X(VALUE, 1, "value not allowed")                                           \
    X(ILLEGAL, 1, "the move is not legal")                                     \
    X(AUTHORITY, 1, "not allowed at this level")                               \
    X(MISSING, 1, "does not exist")                                            \
    X(EXISTS, 1, "exists already")                                             \
    X(SITE, 1, "belongs to another site")                                      \
    X(TICKET, 1, "the ticket cannot be used")                                  \
    X(FORK, 1, "two journals use one number")                                  \
    X(HISTORY, 1, "the hub's history does not fit what was seen before")       \
    X(BUSY, 1, "in use by another process")                                    \
    X(CLOCK, 1, "the clock cannot be trusted")                                 \
    X(NETWORK, 1, "the hub cannot be reached")                                 \
    X(IO, 1, "reading or writing failed")                                      \
    X(DATABASE, 1, "the database refused")                                     \
    X(LEDGER, 1, "the ledger is not as it should be")                          \
    X(STATE, 1, "not possible in this state")                                  \
    X(REFUSED, 1, "refused")

enum gb_err {
#define X(name, status, sentence) GB_E_##name,
    GB_ERRORS(X)
#undef X
        GB_E_COUNT
};
#define GB_OK GB_E_OK

/* Where a failure is described.  Start from {0}; text is one line, UTF-8. */
struct gb_fail {
    enum gb_err code;
    char text[600];
};

/* Set code and text; returns code, so that `return gb_fail_set(...)` reads
 * well.  `fail` may be NULL.  Control characters in the text become '?'. */
enum gb_err gb_fail_set(struct gb_fail *fail, enum gb_err code,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "words: " in front of the text; returns the code unchanged. */
enum gb_err gb_fail_wrap(struct gb_fail *fail, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* GB_E_MEMORY in its own words: for whoever has nothing to add to them. */
enum gb_err gb_fail_memory(struct gb_fail *fail);

/* The sentence, the name ("FORMAT") and the exit status of a code. */
const char *gb_err_sentence(enum gb_err code);
const char *gb_err_name(enum gb_err code);
int gb_err_status(enum gb_err code);

/* Whether a failure is of this machine (its memory, disk, databases, locks and
 * clock) and says nothing about the bytes that it was given. */
bool gb_err_is_ours(enum gb_err code);

/* An assertion for our own bugs only, on in release builds. */
#define gb_assert(condition)                                                   \
    ((condition) ? (void)0 : gb_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void gb_assert_failed(const char *what, const char *file, int line);

#endif
