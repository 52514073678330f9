/*
 * deflate.h - raw deflate (RFC 1951), with or without a preset dictionary:
 * the only door to zlib.
 *
 * Inflating is for untrusted bytes: the caller says how many bytes must come
 * out and owns the memory for them, so nothing that a stream says about itself
 * makes anything larger.  Deflating is the same for the same input with one
 * version of zlib; the format only asks that a stream gives the raw bytes.
 */
#ifndef GB_DEFLATE_H
#define GB_DEFLATE_H

#include "buf.h"

/* A match of 258 bytes costs two bits at least: no stream gives more. */
#define GB_INFLATE_RATIO 1032

/* Bytes of a preset dictionary that matter: the window of RFC 1951. */
#define GB_DICTIONARY_MAX 32768

/*
 * Add the deflated bytes to out, but only if they are fewer than the raw ones;
 * *shorter tells whether.  The dictionary may be empty.  out needs room for
 * as many bytes as there are raw ones (GB_E_LIMIT); nothing is added on
 * failure.
 */
enum gb_err gb_deflate(struct gb_buf *out, struct gb_span raw,
                       struct gb_span dictionary, bool *shorter,
                       struct gb_fail *fail);

/* Whether so few bytes could give so many. */
bool gb_inflate_plausible(size_t deflated, size_t raw);

/*
 * Inflate into exactly raw_len bytes at raw.  GB_E_FORMAT when the stream is
 * damaged, gives more or fewer bytes, or ends before its last byte.
 */
enum gb_err gb_inflate(uint8_t *raw, size_t raw_len, struct gb_span deflated,
                       struct gb_span dictionary, struct gb_fail *fail);

/* Inflate the first bytes only, at most `room` of them; *got is how many there
 * were.  What follows is not looked at.  GB_E_FORMAT, GB_E_MEMORY. */
enum gb_err gb_inflate_start(uint8_t *raw, size_t room, size_t *got,
                             struct gb_span deflated, struct gb_fail *fail);

/* Inflate a zlib stream (RFC 1950) that begins here into exactly raw_len bytes,
 * and see that its checksum is right.  What follows is not looked at.
 * GB_E_FORMAT, GB_E_MEMORY. */
enum gb_err gb_inflate_zlib(uint8_t *raw, size_t raw_len, struct gb_span bytes,
                            struct gb_fail *fail);

/* The CRC-32 of ISO 3309, as of gzip and of git's packs, and the Adler-32 of
 * RFC 1950. */
uint32_t gb_crc32(struct gb_span s);
uint32_t gb_adler32(struct gb_span s);

#endif
