/* deflate.c - see deflate.h */
#include "deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LEVEL = 9,
    LARGE = 65536, /* where looking on for longer matches finds next to none */
    LARGE_LEVEL = 6,
    WINDOW_MIN = 9, /* bits; zlib cannot make raw streams with 8 */
    WINDOW_MAX = 15,
    MEMORY_MIN = 1,
    MEMORY_MAX = 9,
    LOOKAHEAD = 262 /* bytes of the window that no match reaches */
};

/* zlib's memory comes from here, so that tests can let it fail.  It wants no
 * zeros, which would cost more than to inflate a section. */
static void *
take(void *opaque, unsigned n, unsigned size)
{
    (void)opaque;
    return malloc((size_t)n * size);
}

/* The other half of take(). */
static void
give(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

/* Lengths that come here are bounded by limits.h, far below 4 GiB. */
static unsigned
narrow(size_t n)
{
    gb_assert(n <= UINT32_MAX);
    return (unsigned)n;
}

/* A stream over these bytes (zlib's input is not const, but only read). */
static z_stream
stream_of(struct gb_span in, uint8_t *out, size_t room)
{
    return (z_stream){.zalloc = take,
                      .zfree = give,
                      .next_in = (uint8_t *)(uintptr_t)in.ptr,
                      .avail_in = narrow(in.len),
                      .next_out = out,
                      .avail_out = narrow(room)};
}

/* Bits of the smallest window in which a match reaches everything.  Small
 * sections are many: a window of 32 KiB costs more than deflating them. */
static int
window_for(size_t bytes)
{
    int bits = WINDOW_MIN;
    while (bits < WINDOW_MAX && ((size_t)1 << bits) < bytes + LOOKAHEAD)
        bits++;
    return bits;
}

/* The smallest memory level that gives what the largest would: its one block
 * has room for the symbols, and no hash chain is ever cut short. */
static int
memory_for(size_t bytes)
{
    int level = MEMORY_MIN;
    while (level < MEMORY_MAX && (bytes >= 4096 || bytes >= 64u << level))
        level++;
    return level;
}

enum gb_err
gb_deflate(struct gb_buf *out, struct gb_span raw, struct gb_span dictionary,
           bool *shorter, struct gb_fail *fail)
{
    size_t start = out->len;
    uint8_t *to = gb_buf_grow(out, raw.len);
    *shorter = false;
    if (!to)
        return gb_buf_check(out, "deflate", fail);
    out->len = start;
    if (raw.len < 2)
        return GB_OK;
    z_stream z = stream_of(raw, to, raw.len - 1);
    size_t reach = raw.len + dictionary.len;
    int level = raw.len < LARGE ? LEVEL : LARGE_LEVEL;
    if (deflateInit2(&z, level, Z_DEFLATED, -window_for(reach),
                     memory_for(reach), Z_DEFAULT_STRATEGY) != Z_OK)
        return gb_fail_set(fail, GB_E_MEMORY, "deflate: out of memory");
    if (dictionary.len)
        deflateSetDictionary(&z, dictionary.ptr, narrow(dictionary.len));
    if (deflate(&z, Z_FINISH) == Z_STREAM_END) {
        out->len = start + (raw.len - 1 - z.avail_out);
        *shorter = true;
    }
    deflateEnd(&z);
    return GB_OK;
}

bool
gb_inflate_plausible(size_t deflated, size_t raw)
{
    return raw / GB_INFLATE_RATIO <= deflated;
}

/* One stored block that is all of a stream (RFC 1951 section 3.2.4), as the
 * ledger has change sets: no need to set up a decoder. */
static bool
copy_stored(uint8_t *raw, size_t raw_len, struct gb_span s)
{
    const uint8_t *p = s.ptr;
    if (!raw_len || s.len < 5 || p[0] != 1 || p[1] + 256u * p[2] != raw_len ||
        s.len - 5 != raw_len || (p[1] ^ p[3]) != 255 || (p[2] ^ p[4]) != 255)
        return false;
    memcpy(raw, p + 5, raw_len);
    return true;
}

enum gb_err
gb_inflate(uint8_t *raw, size_t raw_len, struct gb_span deflated,
           struct gb_span dictionary, struct gb_fail *fail)
{
    if (!gb_inflate_plausible(deflated.len, raw_len))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "%zu deflated bytes cannot give %zu", deflated.len,
                           raw_len);
    if (copy_stored(raw, raw_len, deflated))
        return GB_OK;
    z_stream z = stream_of(deflated, raw, raw_len);
    if (inflateInit2(&z, -WINDOW_MAX) != Z_OK)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    int code = Z_OK;
    if (dictionary.len)
        code = inflateSetDictionary(&z, dictionary.ptr, narrow(dictionary.len));
    if (code == Z_OK)
        code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (code == Z_MEM_ERROR)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    if (code != Z_STREAM_END)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the deflated bytes are damaged or do not give "
                           "%zu bytes",
                           raw_len);
    if (z.avail_out || z.avail_in)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the deflated bytes give %zu bytes instead of %zu, "
                           "%u of them are left over",
                           raw_len - z.avail_out, raw_len, z.avail_in);
    return GB_OK;
}

enum gb_err
gb_inflate_start(uint8_t *raw, size_t room, size_t *got,
                 struct gb_span deflated, struct gb_fail *fail)
{
    z_stream z = stream_of(deflated, raw, room);
    *got = 0;
    if (inflateInit2(&z, -WINDOW_MAX) != Z_OK)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    int code = inflate(&z, Z_SYNC_FLUSH);
    inflateEnd(&z);
    if (code == Z_MEM_ERROR)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return gb_fail_set(fail, GB_E_FORMAT, "the deflated bytes are damaged");
    *got = room - z.avail_out;
    return GB_OK;
}

/* A zlib stream of one stored block, with its head and its sum. */
static bool
copy_zlib(uint8_t *raw, size_t raw_len, struct gb_span s)
{
    if (s.len < 11 || s.len - 11 < raw_len || s.ptr[0] != 0x78 ||
        s.ptr[1] & 32 || (0x7800 + s.ptr[1]) % 31 ||
        !copy_stored(raw, raw_len, GB_SPAN(s.ptr + 2, raw_len + 5)))
        return false;
    struct gb_reader sum = gb_reader_of(GB_SPAN(s.ptr + raw_len + 7, 4));
    return gb_read_u32(&sum) == gb_adler32(GB_SPAN(raw, raw_len));
}

enum gb_err
gb_inflate_zlib(uint8_t *raw, size_t raw_len, struct gb_span bytes,
                struct gb_fail *fail)
{
    if (copy_zlib(raw, raw_len, bytes))
        return GB_OK;
    z_stream z = stream_of(bytes, raw, raw_len);
    if (inflateInit2(&z, WINDOW_MAX) != Z_OK)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    int code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (code == Z_MEM_ERROR)
        return gb_fail_set(fail, GB_E_MEMORY, "inflate: out of memory");
    return code == Z_STREAM_END && !z.avail_out
               ? GB_OK
               : gb_fail_set(fail, GB_E_FORMAT, "the stream is damaged");
}

uint32_t
gb_crc32(struct gb_span s)
{
    return (uint32_t)crc32_z(0, s.ptr, s.len);
}

uint32_t
gb_adler32(struct gb_span s)
{
    return (uint32_t)adler32_z(1, s.len ? s.ptr : (const uint8_t *)"", s.len);
}
