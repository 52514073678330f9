/* err.c - see err.h */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

static const struct {
    const char *name;
    int status;
    const char *sentence;
} errors[] = {
#define X(name, status, sentence) {#name, status, sentence},
    GB_ERRORS(X)
#undef X
};

/* A text that was cut may end within a UTF-8 character: drop its first part. */
static void
drop_half_character(char *text, size_t len)
{
    size_t back = 1; /* bytes from the last one that begins a character */
    while (back < 4 && back < len && (text[len - back] & 0xc0) == 0x80)
        back++;
    if (!len)
        return;
    unsigned char first = (unsigned char)text[len - back];
    size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (want > back)
        text[len - back] = 0;
}

/* One line, whatever was quoted in it: a message never breaks a terminal. */
static void
clean(char *text)
{
    drop_half_character(text, strlen(text));
    struct gb_span s = gb_span_text(text);
    while (s.len) {
        size_t n = gb_utf8_control(s);
        memset(text, '?', n);
        n = n ? n : 1;
        text += n;
        s = GB_SPAN(s.ptr + n, s.len - n);
    }
}

enum gb_err
gb_fail_set(struct gb_fail *fail, enum gb_err code, const char *format, ...)
{
    if (fail) {
        va_list args;
        va_start(args, format);
        fail->code = code;
        vsnprintf(fail->text, sizeof fail->text, format, args);
        va_end(args);
        clean(fail->text);
    }
    return code;
}

enum gb_err
gb_fail_wrap(struct gb_fail *fail, const char *format, ...)
{
    if (!fail)
        return GB_E_REFUSED;
    char old[sizeof fail->text], front[200];
    memcpy(old, fail->text, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(front, sizeof front, format, args);
    va_end(args);
    drop_half_character(front, strlen(front));
    snprintf(fail->text, sizeof fail->text, "%s: %.390s", front, old);
    clean(fail->text);
    return fail->code;
}

enum gb_err
gb_fail_memory(struct gb_fail *fail)
{
    return gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
}

const char *
gb_err_sentence(enum gb_err code)
{
    gb_assert(code < GB_E_COUNT);
    return errors[code].sentence;
}

const char *
gb_err_name(enum gb_err code)
{
    gb_assert(code < GB_E_COUNT);
    return errors[code].name;
}

int
gb_err_status(enum gb_err code)
{
    gb_assert(code < GB_E_COUNT);
    return errors[code].status;
}

bool
gb_err_is_ours(enum gb_err code)
{
    return code == GB_E_MEMORY || code == GB_E_DATABASE || code == GB_E_IO ||
           code == GB_E_BUSY || code == GB_E_LEDGER || code == GB_E_CLOCK;
}

_Noreturn void
gb_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "gengbu: our own bug: %s (%s:%d)\n", what, file, line);
    abort();
}
