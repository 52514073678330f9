/* term_show.c - progress, sizes and times of term.h */
#include "term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "limits.h"

#define TIME_LEAST 631152000000 /* 1990-01-01, ms */

void
gb_term_print(const char *text)
{
    struct gb_buf clean;
    gb_buf_init(&clean, 4 * GB_TEXT_MAX);
    gb_term_clean(&clean, gb_span_text(text));
    fwrite(clean.ptr, 1, clean.len, stdout);
    gb_buf_release(&clean);
}

/* ------------------------------------------------------------ progress -- */

/* Columns of the terminal behind standard error. */
static int
terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

/* "1.2 MiB" or "1234" */
static void
amount(const struct gb_progress *p, char out[GB_TERM_SIZE], uint64_t n)
{
    if (p->bytes)
        gb_term_size(out, n);
    else
        snprintf(out, GB_TERM_SIZE, "%llu", (unsigned long long)n);
}

/* What it is about, clean, and from its end as much as there is room for: a
 * line that wraps could not be drawn over, and the end of a path tells more. */
static void
draw_what(const struct gb_progress *p, int room)
{
    struct gb_buf clean;
    gb_buf_init(&clean, 4 * GB_TEXT_MAX);
    gb_term_clean(&clean, gb_span_text(p->what));
    struct gb_span s = gb_buf_view(&clean);
    size_t most = room > 1 ? (size_t)room : 1, width = gb_utf8_width(s);
    bool cut = width > most;
    while (s.len && width > most - cut) {
        size_t n = 1;
        while (n < s.len && (s.ptr[n] & 0xc0) == 0x80)
            n++;
        width -= gb_utf8_width(GB_SPAN(s.ptr, n));
        s = GB_SPAN(s.ptr + n, s.len - n);
    }
    fprintf(stderr, "\r%s%.*s", cut ? "\xe2\x80\xa6" : "", (int)s.len,
            (const char *)s.ptr); /* U+2026 */
    gb_buf_release(&clean);
}

/* "what  [#####.....]  50%  1 of 2", as long a bar as there is room for. */
static void
draw_bar(const struct gb_progress *p, uint64_t done, unsigned percent)
{
    char bar[41], has[GB_TERM_SIZE], all[GB_TERM_SIZE];
    amount(p, has, done);
    amount(p, all, p->total);
    int taken = (int)(gb_utf8_width(gb_span_text(p->what)) + strlen(has) +
                      strlen(all)) +
                20;
    int room = terminal_width() - taken;
    int length = room > 40 ? 40 : room;
    if (length < 5) {
        draw_what(p, terminal_width() - 6);
        fprintf(stderr, " %u%%\033[K", percent);
        return;
    }
    memset(bar, '.', sizeof bar);
    memset(bar, '#', (size_t)length * percent / 100);
    bar[length] = 0;
    draw_what(p, terminal_width());
    fprintf(stderr, "  [%s] %3u%%  %s of %s\033[K", bar, percent, has, all);
}

/* Draw, and note when the look will change next. */
static void
draw(struct gb_progress *p, uint64_t done)
{
    if (p->total) {
        if (done > p->total)
            done = p->total;
        double part = (double)done / (double)p->total;
        unsigned percent = (unsigned)(part * 100);
        draw_bar(p, done, percent);
        double next = (double)p->total * (percent + 1) / 100;
        p->next = percent < 100 ? (uint64_t)next : UINT64_MAX;
    } else {
        char has[GB_TERM_SIZE];
        amount(p, has, done);
        draw_what(p, terminal_width() - (int)strlen(has) - 3);
        fprintf(stderr, "  %s\033[K", has);
        p->next = done + done / 50 + 1;
    }
    fflush(stderr);
}

void
gb_progress_begin(struct gb_progress *p, const char *what, uint64_t total,
                  bool bytes)
{
    *p = (struct gb_progress){.what = what,
                              .total = total,
                              .bytes = bytes,
                              .on = isatty(STDERR_FILENO) == 1};
    if (p->on)
        draw(p, 0);
}

void
gb_progress_at(struct gb_progress *p, uint64_t done)
{
    if (p->on && done >= p->next)
        draw(p, done);
}

void
gb_progress_end(struct gb_progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    p->on = false;
}

/* --------------------------------------------------------------- sizes -- */

const char *
gb_term_size(char out[GB_TERM_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
                                        "TiB", "PiB", "EiB"};
    int unit = 0;
    double v = (double)bytes;
    while (v >= 1024 && unit < 6) {
        v /= 1024;
        unit++;
    }
    /* 1023.6 KiB would round to four digits of the smaller unit */
    if (unit && unit < 6 && v >= 1023.5) {
        v /= 1024;
        unit++;
    }
    snprintf(out, GB_TERM_SIZE, unit && v < 9.95 ? "%.1f %s" : "%.0f %s", v,
             units[unit]);
    return out;
}

/* --------------------------------------------------------------- times -- */

bool
gb_term_zone_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_+-/";
    size_t n = strlen(name);
    return n > 0 && n < 64 && *name != '/' && name[n - 1] != '/' &&
           strspn(name, letters) == n;
}

enum gb_err
gb_term_zone(const char *name, struct gb_fail *fail)
{
    char path[200], value[80];
    const char *folder = getenv("TZDIR");
    snprintf(path, sizeof path, "%.100s/%.64s",
             folder ? folder : "/usr/share/zoneinfo", name);
    snprintf(value, sizeof value, ":%.64s", name);
    FILE *f = gb_term_zone_name(name) ? fopen(path, "re") : NULL;
    char magic[4] = "";
    bool zone = f && fread(magic, 1, 4, f) == 4 && !memcmp(magic, "TZif", 4);
    if (f)
        fclose(f);
    /* The C library would take an unknown name for UTC without a word. */
    if (!zone)
        return gb_fail_set(fail, GB_E_UNKNOWN,
                           "time zone '%s' is not known to this system: give "
                           "a name such as Asia/Shanghai (Debian: tzdata)",
                           name);
    const char *old = getenv("TZ");
    if (old && !strcmp(old, value)) /* again, where there may be threads */
        return GB_OK;
    if (setenv("TZ", value, 1))
        return gb_fail_memory(fail);
    tzset();
    return GB_OK;
}

/* The time of day there; seconds round down, before 1970 too. */
static bool
local_time(int64_t ms, struct tm *tm)
{
    time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
    return localtime_r(&t, tm);
}

bool
gb_term_time_name(const char *name)
{
    static const char *const ends[] = {"_at", "_start", "_end", "_ms",
                                       "deadline"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]);
        if (len >= n && !strcmp(name + len - n, ends[i]))
            return true;
    }
    return false;
}

bool
gb_term_is_time(const char *name, int64_t ms)
{
    return ms >= TIME_LEAST && gb_term_time_name(name);
}

const char *
gb_term_time(char out[GB_TERM_SIZE], int64_t ms)
{
    struct tm tm;
    if (!local_time(ms, &tm) ||
        !strftime(out, GB_TERM_SIZE, "%Y-%m-%d %H:%M:%S", &tm))
        snprintf(out, GB_TERM_SIZE, "?");
    return out;
}

/* What strptime() made of the whole text by one format, as a time there; a day
 * or an hour that there is not is refused, not moved. */
static bool
parse(const char *text, const char *format, struct tm *tm, int64_t *out)
{
    const char *end = strptime(text, format, tm);
    if (!end || *end)
        return false;
    struct tm is = *tm;
    is.tm_isdst = -1;
    time_t t = mktime(&is);
    *out = (int64_t)t * 1000;
    return is.tm_mday == tm->tm_mday && is.tm_hour == tm->tm_hour &&
           is.tm_min == tm->tm_min;
}

bool
gb_term_parse_time(struct gb_span text, int64_t now_ms, int64_t *out)
{
    static const char *const dated[] = {"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S",
                                        "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    static const char *const clock[] = {"%H:%M", "%H:%M:%S"};
    char copy[32];
    struct tm tm;
    if (text.len >= sizeof copy || memchr(text.ptr, 0, text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    for (int i = 0; i < 4; i++) {
        tm = (struct tm){0};
        if (parse(copy, dated[i], &tm, out))
            return true;
    }
    for (int i = 0; i < 2; i++)
        for (int day = 0; day < 2; day++) {
            if (!local_time(now_ms, &tm))
                return false;
            tm.tm_mday -= day;
            tm.tm_sec = 0;
            mktime(&tm); /* the day before the first of a month */
            if (parse(copy, clock[i], &tm, out) && *out <= now_ms)
                return true;
        }
    return false;
}
