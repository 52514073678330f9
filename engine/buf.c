/* buf.c - see buf.h */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gb_span
gb_span_text(const char *text)
{
    return GB_SPAN(text, strlen(text));
}

bool
gb_span_equal(struct gb_span a, struct gb_span b)
{
    return a.len == b.len && (a.len == 0 || !memcmp(a.ptr, b.ptr, a.len));
}

int
gb_span_compare(struct gb_span a, struct gb_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

void
gb_buf_init(struct gb_buf *b, size_t max)
{
    *b = (struct gb_buf){.max = max};
}

void
gb_buf_release(struct gb_buf *b)
{
    free(b->ptr);
    *b = (struct gb_buf){.max = b->max};
}

void
gb_buf_clear(struct gb_buf *b)
{
    b->len = 0;
    b->failed = GB_OK;
}

uint8_t *
gb_buf_grow(struct gb_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max - b->len) {
        b->failed = GB_E_LIMIT;
        return NULL;
    }
    if (n > b->cap - b->len || !b->ptr) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->len + n)
            cap = cap > b->max / 2 ? b->max : 2 * cap;
        if (cap > b->max)
            cap = b->max ? b->max : 1;
        uint8_t *ptr = realloc(b->ptr, cap);
        if (!ptr) {
            b->failed = GB_E_MEMORY;
            return NULL;
        }
        b->ptr = ptr;
        b->cap = cap;
    }
    b->len += n;
    return b->ptr + b->len - n;
}

void
gb_buf_add(struct gb_buf *b, const void *bytes, size_t n)
{
    uint8_t *to = gb_buf_grow(b, n);
    if (to && n)
        memcpy(to, bytes, n);
}

void
gb_buf_span(struct gb_buf *b, struct gb_span s)
{
    gb_buf_add(b, s.ptr, s.len);
}

void
gb_buf_text(struct gb_buf *b, const char *text)
{
    gb_buf_add(b, text, strlen(text));
}

void
gb_buf_printf(struct gb_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 && !b->failed)
        b->failed = GB_E_LIMIT; /* longer than INT_MAX */
    /* vsnprintf writes a NUL behind the text: take it back afterwards. */
    uint8_t *to = n < 0 ? NULL : gb_buf_grow(b, (size_t)n + 1);
    if (!to)
        return;
    va_start(args, format);
    vsnprintf((char *)to, (size_t)n + 1, format, args);
    va_end(args);
    b->len--;
}

/* The low n bytes of v, big-endian. */
static void
fixed(struct gb_buf *b, uint64_t v, unsigned n)
{
    uint8_t *to = gb_buf_grow(b, n);
    for (unsigned i = 0; to && i < n; i++)
        to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void
gb_buf_u8(struct gb_buf *b, unsigned v)
{
    fixed(b, v, 1);
}

void
gb_buf_u16(struct gb_buf *b, unsigned v)
{
    fixed(b, v, 2);
}

void
gb_buf_u32(struct gb_buf *b, uint32_t v)
{
    fixed(b, v, 4);
}

void
gb_buf_u64(struct gb_buf *b, uint64_t v)
{
    fixed(b, v, 8);
}

void
gb_buf_varint(struct gb_buf *b, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    gb_buf_add(b, bytes, n);
}

void
gb_buf_zigzag(struct gb_buf *b, int64_t v)
{
    gb_buf_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void
gb_buf_string(struct gb_buf *b, struct gb_span s)
{
    gb_buf_varint(b, s.len);
    gb_buf_span(b, s);
}

struct gb_span
gb_buf_view(const struct gb_buf *b)
{
    return GB_SPAN(b->ptr, b->len);
}

enum gb_err
gb_buf_check(const struct gb_buf *b, const char *what, struct gb_fail *fail)
{
    if (!b->failed)
        return GB_OK;
    return gb_fail_set(fail, b->failed, "%s: %s (%zu bytes)", what,
                       gb_err_sentence(b->failed), b->max);
}

struct gb_reader
gb_reader_of(struct gb_span s)
{
    return (struct gb_reader){s.ptr, s.len ? s.ptr + s.len : s.ptr, false};
}

size_t
gb_read_left(const struct gb_reader *r)
{
    return r->bad ? 0 : (size_t)(r->end - r->ptr);
}

struct gb_span
gb_read_bytes(struct gb_reader *r, uint64_t n)
{
    if (r->bad || n > (uint64_t)(r->end - r->ptr)) {
        r->bad = true;
        return GB_SPAN(NULL, 0);
    }
    struct gb_span s = GB_SPAN(r->ptr, (size_t)n);
    r->ptr += n;
    return s;
}

/* n bytes as a big-endian number. */
static uint64_t
read_fixed(struct gb_reader *r, unsigned n)
{
    struct gb_span s = gb_read_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | s.ptr[i];
    return v;
}

unsigned
gb_read_u8(struct gb_reader *r)
{
    return (unsigned)read_fixed(r, 1);
}

unsigned
gb_read_u16(struct gb_reader *r)
{
    return (unsigned)read_fixed(r, 2);
}

uint32_t
gb_read_u32(struct gb_reader *r)
{
    return (uint32_t)read_fixed(r, 4);
}

uint64_t
gb_read_u64(struct gb_reader *r)
{
    return read_fixed(r, 8);
}

uint64_t
gb_read_varint(struct gb_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; !r->bad && r->ptr < r->end; shift += 7) {
        uint8_t byte = *r->ptr++;
        /* the tenth byte holds one bit; a last byte of 0 was not needed */
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (!byte && shift)
                break;
            return v;
        }
    }
    r->bad = true;
    return 0;
}

int64_t
gb_read_zigzag(struct gb_reader *r)
{
    uint64_t v = gb_read_varint(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct gb_span
gb_read_string(struct gb_reader *r)
{
    return gb_read_bytes(r, gb_read_varint(r));
}

size_t
gb_read_count(struct gb_reader *r, size_t smallest)
{
    gb_assert(smallest > 0);
    uint64_t n = gb_read_varint(r);
    if (n > gb_read_left(r) / smallest) {
        r->bad = true;
        return 0;
    }
    return (size_t)n;
}

bool
gb_read_done(const struct gb_reader *r)
{
    return !r->bad && r->ptr == r->end;
}

struct gb_arena_block {
    struct gb_arena_block *next;
    size_t len, cap;
    _Alignas(16) uint8_t bytes[];
};

void
gb_arena_init(struct gb_arena *a, size_t max)
{
    *a = (struct gb_arena){.max = max};
}

void
gb_arena_release(struct gb_arena *a)
{
    while (a->blocks) {
        struct gb_arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

void
gb_arena_reset(struct gb_arena *a)
{
    struct gb_arena_block *keep = a->blocks;
    if (!keep)
        return;
    a->blocks = keep->next;
    gb_arena_release(a);
    memset(keep->bytes, 0, keep->len);
    keep->len = 0;
    keep->next = NULL;
    a->blocks = keep;
}

void *
gb_arena_alloc(struct gb_arena *a, size_t n)
{
    if (n > a->max - a->used)
        return NULL;
    n = (n + 15) & ~(size_t)15;
    struct gb_arena_block *b = a->blocks;
    if (!b || n > b->cap - b->len) {
        size_t cap = n > 16384 ? n : 16384;
        b = calloc(1, sizeof *b + cap);
        if (!b)
            return NULL;
        b->cap = cap;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->bytes + b->len;
    b->len += n;
    a->used = n > a->max - a->used ? a->max : a->used + n;
    return p;
}

void *
gb_arena_array(struct gb_arena *a, size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL
                                                   : gb_arena_alloc(a, bytes);
}

struct gb_span
gb_arena_copy(struct gb_arena *a, struct gb_span s)
{
    uint8_t *p = gb_arena_alloc(a, s.len ? s.len : 1);
    if (!p)
        return GB_SPAN(NULL, 0);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return GB_SPAN(p, s.len);
}

char *
gb_arena_text(struct gb_arena *a, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = gb_arena_alloc(a, n);
    return p ? memcpy(p, text, n) : NULL;
}

enum gb_err
gb_arena_refused(const struct gb_arena *a, size_t n, struct gb_fail *fail)
{
    if (n > a->max - a->used)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "would take more than %zu bytes of memory", a->max);
    return gb_fail_memory(fail);
}
