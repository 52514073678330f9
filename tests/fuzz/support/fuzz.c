/* fuzz.c - see fuzz.h */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gb_fail fuzz_why;
static bool talk;

__attribute__((constructor)) static void
look_at_environment(void)
{
    talk = getenv("FUZZ_TALK") != NULL;
}

void
fuzz_broken(const char *what, const char *file, int line, const char *why)
{
    fprintf(stderr, "%s:%d: broken: %s %s\n", file, line, what, why);
    abort();
}

bool
fuzz_refused(enum gb_err e, const struct gb_fail *fail)
{
    if (!e)
        return false;
    FUZZ_CHECK(e != GB_E_MEMORY);
    FUZZ_CHECK(e == fail->code);
    FUZZ_CHECK(*fail->text && !strpbrk(fail->text, "\n\r\t"));
    if (talk)
        fprintf(stderr, "refused: %s: %s\n", gb_err_name(e), fail->text);
    return true;
}

struct gb_span
fuzz_rest(struct gb_reader *in)
{
    return gb_read_bytes(in, gb_read_left(in));
}

struct gb_span
fuzz_piece(struct gb_reader *in)
{
    size_t n = gb_read_left(in) < 2 ? 0 : gb_read_u16(in);
    return gb_read_bytes(in, n < gb_read_left(in) ? n : gb_read_left(in));
}

void
fuzz_put_set(struct gb_buf *out, uint32_t schema, struct gb_reader *in)
{
    static const uint8_t zeros[48];
    struct gb_span raw[3] = {fuzz_piece(in), fuzz_piece(in), fuzz_rest(in)};
    gb_buf_add(out, "GBCS\1\0\0\7", 8);
    gb_buf_add(out, zeros, 16);
    gb_buf_u32(out, 3);
    gb_buf_add(out, zeros, 32);
    gb_buf_u32(out, schema);
    gb_buf_u64(out, 1764000000000);
    gb_buf_add(out, zeros, 44);
    for (unsigned i = 0; i < 3; i++) {
        if (!raw[i].len)
            continue;
        gb_buf_u8(out, i + 1);
        gb_buf_varint(out, raw[i].len);
        gb_buf_string(out, raw[i]);
    }
    gb_buf_u8(out, 0);
}
