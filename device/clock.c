/* clock.c - see clock.h */
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/clock.h"
#include "engine/file.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int64_t
read_ms(clockid_t id)
{
    struct timespec t;
    int failed = clock_gettime(id, &t);
    gb_assert(!failed);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The kernel's UUID as 16 bytes: hex digits, hyphens, a line feed. */
static bool
parse_uuid(struct gb_span text, uint8_t out[16])
{
    uint8_t hex[33];
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < sizeof hex; i++)
        if (text.ptr[i] != '-' && text.ptr[i] != '\n')
            hex[n++] = text.ptr[i];
    return gb_hex_decode(out, 16, GB_SPAN(hex, n));
}

static enum gb_err
read_boot(uint8_t out[16], struct gb_fail *fail)
{
    struct gb_buf text;
    const char *word = getenv("GENGBU_BOOT");
    if (word) {
        struct gb_sha256 hash = gb_sha256(gb_span_text(word));
        memcpy(out, hash.bytes, 16);
        return GB_OK;
    }
    gb_buf_init(&text, 64);
    enum gb_err e = gb_file_read(BOOT_ID, &text, fail);
    if (!e && !parse_uuid(gb_buf_view(&text), out))
        e = gb_fail_set(fail, GB_E_CLOCK, "%s: not a boot id", BOOT_ID);
    gb_buf_release(&text);
    return e;
}

/* Milliseconds of the environment; `out` is left alone when there are none. */
static enum gb_err
read_wall(int64_t *out, struct gb_fail *fail)
{
    char *end;
    const char *text = getenv("GENGBU_CLOCK_MS");
    if (!text)
        return GB_OK;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < 0 || v > GB_TIME_MAX)
        return gb_fail_set(fail, GB_E_USAGE,
                           "GENGBU_CLOCK_MS: not milliseconds since 1970");
    *out = v;
    return GB_OK;
}

enum gb_err
gb_device_clock_init(struct gb_device_clock *clock, struct gb_fail *fail)
{
    int64_t real = read_ms(CLOCK_REALTIME), wall = real;
    enum gb_err e = read_wall(&wall, fail);
    clock->shift_ms = wall - real;
    if (!e)
        e = read_boot(clock->kernel, fail);
    memcpy(clock->boot, clock->kernel, sizeof clock->boot);
    return e;
}

enum gb_err
gb_device_clock_of(struct gb_device_clock *clock, const char *path,
                   struct gb_fail *fail)
{
    struct gb_sha256_state hash;
    struct stat st;
    if (stat(path, &st))
        return gb_file_fail(fail, errno, path, "read");
    uint64_t place[] = {st.st_dev, st.st_ino};
    gb_sha256_init(&hash);
    gb_sha256_add(&hash, GB_SPAN(clock->kernel, sizeof clock->kernel));
    gb_sha256_add(&hash, GB_SPAN(place, sizeof place));
    struct gb_sha256 boot = gb_sha256_final(&hash);
    memcpy(clock->boot, boot.bytes, sizeof clock->boot);
    return GB_OK;
}

void
gb_device_clock_now(void *context, struct gb_now *out)
{
    const struct gb_device_clock *clock = context;
    out->wall_ms = read_ms(CLOCK_REALTIME) + clock->shift_ms;
    out->mono_ms = read_ms(CLOCK_BOOTTIME);
    memcpy(out->boot, clock->boot, sizeof out->boot);
}
