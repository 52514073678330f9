/*
 * buf.h - bytes: borrowed spans, growable buffers with a ceiling, bounded
 * readers, and an arena.
 *
 * Buffers and readers are *sticky*: after the first failure every further
 * call does nothing, and the caller asks once at the end.  So an encoder or
 * decoder reads as the format does, without an `if` behind every line.
 */
#ifndef GB_BUF_H
#define GB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Borrowed bytes: whoever holds the span does not own them. */
struct gb_span {
    const uint8_t *ptr;
    size_t len;
};
#define GB_SPAN(p, n) ((struct gb_span){(const uint8_t *)(p), (n)})
struct gb_span gb_span_text(const char *text); /* without the final NUL */
bool gb_span_equal(struct gb_span a, struct gb_span b);
int gb_span_compare(struct gb_span a, struct gb_span b); /* memcmp order */

/* ------------------------------------------------------------- buffers -- */

struct gb_buf {
    uint8_t *ptr; /* owned; NULL when empty */
    size_t len, cap, max;
    enum gb_err failed; /* GB_E_MEMORY or GB_E_LIMIT, sticky */
};

/* `max` is the ceiling in bytes. */
void gb_buf_init(struct gb_buf *b, size_t max);
void gb_buf_release(struct gb_buf *b); /* harmless on {0}, may be repeated */
void gb_buf_clear(struct gb_buf *b);   /* keeps the memory */
/* n bytes to fill in, or NULL when failed; valid until the next call. */
uint8_t *gb_buf_grow(struct gb_buf *b, size_t n);
void gb_buf_add(struct gb_buf *b, const void *bytes, size_t n);
void gb_buf_span(struct gb_buf *b, struct gb_span s);
void gb_buf_text(struct gb_buf *b, const char *text);
void gb_buf_printf(struct gb_buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void gb_buf_u8(struct gb_buf *b, unsigned v);
void gb_buf_u16(struct gb_buf *b, unsigned v); /* fixed: big-endian */
void gb_buf_u32(struct gb_buf *b, uint32_t v);
void gb_buf_u64(struct gb_buf *b, uint64_t v);
/* Unsigned LEB128, at most 10 bytes; signed ones are zigzag-mapped. */
void gb_buf_varint(struct gb_buf *b, uint64_t v);
void gb_buf_zigzag(struct gb_buf *b, int64_t v);
/* varint length, then the bytes */
void gb_buf_string(struct gb_buf *b, struct gb_span s);
/* The bytes as a span (borrowed from the buffer). */
struct gb_span gb_buf_view(const struct gb_buf *b);
/* GB_OK, or the sticky failure put into words: "`what`: larger than ...". */
enum gb_err gb_buf_check(const struct gb_buf *b, const char *what,
                         struct gb_fail *fail);

/* ------------------------------------------------------------- readers -- */

struct gb_reader {
    const uint8_t *ptr, *end; /* borrowed */
    bool bad;                 /* sticky: truncated or not canonical */
};

struct gb_reader gb_reader_of(struct gb_span s);
size_t gb_read_left(const struct gb_reader *r);
unsigned gb_read_u8(struct gb_reader *r); /* 0 after a failure, likewise all */
unsigned gb_read_u16(struct gb_reader *r);
uint32_t gb_read_u32(struct gb_reader *r);
uint64_t gb_read_u64(struct gb_reader *r);
uint64_t gb_read_varint(struct gb_reader *r); /* longer than needed: bad */
int64_t gb_read_zigzag(struct gb_reader *r);
/* n bytes, borrowed from the reader's input; empty after a failure. */
struct gb_span gb_read_bytes(struct gb_reader *r, uint64_t n);
struct gb_span gb_read_string(struct gb_reader *r); /* varint length, bytes */
/* A count of things of at least `smallest` bytes each; bad when that many
 * cannot follow, so that a count is never believed before its bytes. */
size_t gb_read_count(struct gb_reader *r, size_t smallest);
bool gb_read_done(const struct gb_reader *r); /* all read, nothing bad */

/* --------------------------------------------------------------- arena -- */

/* Memory that is freed all at once.  NULL is returned past the ceiling. */
struct gb_arena {
    struct gb_arena_block *blocks;
    size_t used, max;
};
void gb_arena_init(struct gb_arena *a, size_t max);
void gb_arena_release(struct gb_arena *a);
/* Empty, but keeping one block of memory for what comes next. */
void gb_arena_reset(struct gb_arena *a);
void *gb_arena_alloc(struct gb_arena *a, size_t n); /* zeroed, 16-aligned */
/* n * size with the overflow checked */
void *gb_arena_array(struct gb_arena *a, size_t n, size_t size);
struct gb_span gb_arena_copy(struct gb_arena *a, struct gb_span s);
char *gb_arena_text(struct gb_arena *a, const char *text); /* with NUL */
/* An arena could not give n bytes: GB_E_LIMIT or GB_E_MEMORY, in words. */
enum gb_err gb_arena_refused(const struct gb_arena *a, size_t n,
                             struct gb_fail *fail);

/* ---------------------------------------------------------------- text -- */

bool gb_utf8_valid(struct gb_span s); /* RFC 3629: no surrogates, <= 10FFFF */
/* Bytes of the control character that s begins with, or 0: C0, DEL, C1, and
 * what turns the direction of text (UAX #9: marks, embeddings, isolates). */
size_t gb_utf8_control(struct gb_span s);
/* Terminal columns of valid UTF-8: 2 for East Asian wide (UAX #11). */
size_t gb_utf8_width(struct gb_span s);
void gb_hex_encode(char *out, const uint8_t *in, size_t n); /* 2n + NUL */
/* Lower-case hex of exactly n bytes; false otherwise. */
bool gb_hex_decode(uint8_t *out, size_t n, struct gb_span text);

#endif
