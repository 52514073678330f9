/*
 * armor.h - how OpenSSH writes bytes down: base64 (RFC 4648 section 4), its
 * armored text (a BEGIN line, base64 at 70 columns, an END line, each ended
 * by LF), and the strings of its wire format.
 *
 * Reading is strict, so that one text stands for one byte string and nothing
 * can be added to a signed thing without notice: no white space, no missing
 * or superfluous padding, no stray bits in the last digit, full lines except
 * the last, nothing before or after.  The time taken does not depend on the
 * bytes, only on their number, as private keys pass through here.
 */
#ifndef GB_ARMOR_H
#define GB_ARMOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define GB_ARMOR_COLUMNS 70

/* Append base64 with its padding. */
void gb_base64_encode(struct gb_buf *out, struct gb_span bytes);

/* Decode into at most `max` bytes at `out`; *len is set to how many.  False
 * when the text is not canonical base64 or does not fit. */
bool gb_base64_decode(uint8_t *out, size_t max, size_t *len,
                      struct gb_span text);

/* Append the armored form of the bytes; label as in "-----BEGIN label-----". */
void gb_armor_encode(struct gb_buf *out, const char *label,
                     struct gb_span bytes);

/* The reverse, as gb_base64_decode().  Untrusted input; allocates nothing. */
bool gb_armor_decode(uint8_t *out, size_t max, size_t *len, const char *label,
                     struct gb_span text);

/* ------------------------------------------------- strings on the wire -- */

/* RFC 4251 section 5: a u32 big-endian length, then the bytes. */
void gb_ssh_string(struct gb_buf *out, struct gb_span s);
/* Borrowed from the reader's input; empty after a failure. */
struct gb_span gb_ssh_read(struct gb_reader *r);
/* Whether the next string is this text. */
bool gb_ssh_read_is(struct gb_reader *r, const char *text);

/* A gb_buf over an array on the stack: its capacity is its ceiling, so it
 * never allocates, leaves no copies of secrets, and is not released. */
#define GB_STACK_BUF(array)                                                    \
    {                                                                          \
        .ptr = (array), .cap = sizeof(array), .max = sizeof(array)             \
    }

#endif
