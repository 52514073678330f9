/* line.c - see line.h */
#include "line.h"

#include <string.h>

#include "clock.h"
#include "limits.h"

#define RECEIVED_MAX 253402300799999 /* ms: the last of the year 9999 */

void
gb_line_write(const struct gb_line *l, struct gb_buf *out)
{
    char sha[65];
    gb_hex_encode(sha, l->sha256, 32);
    gb_buf_printf(out, "%llu %d %u %s %lld ", (unsigned long long)l->pos,
                  l->device, l->seq, sha, (long long)l->received_ms);
    for (int i = 0; i < l->nadjust; i++)
        gb_buf_printf(out, "%s%lld", i ? "," : "", (long long)l->adjust[i]);
    gb_buf_printf(out, "%s %lld ", l->nadjust ? "" : "-", (long long)l->floor);
    if (l->verdict == GB_FORK)
        gb_buf_text(out, "fork");
    else if (l->verdict == GB_HELD)
        gb_buf_printf(out, "held:%s", gb_code_name(l->held));
    else
        gb_buf_text(out, "applied");
    for (int i = 0; i < l->nquarantined; i++)
        gb_buf_printf(out, "%c%d=%s", i ? ',' : ' ', l->quarantined[i].index,
                      gb_code_name(l->quarantined[i].code));
    gb_buf_text(out, "\n");
}

/* Bytes up to `stop`, which is taken too; false when it is not there. */
static bool
word(struct gb_span *text, char stop, struct gb_span *out)
{
    const uint8_t *at = text->len ? memchr(text->ptr, stop, text->len) : NULL;
    if (!at)
        return false;
    *out = GB_SPAN(text->ptr, (size_t)(at - text->ptr));
    text->len -= out->len + 1;
    text->ptr = at + 1;
    return true;
}

/* A decimal number that fits; how it is written is checked by writing the line
 * again. */
static bool
number(struct gb_span s, int64_t *out)
{
    bool minus = s.len && s.ptr[0] == '-', good = s.len > minus;
    int64_t v = 0;
    for (size_t i = minus; i < s.len && good; i++)
        good = s.ptr[i] >= '0' && s.ptr[i] <= '9' &&
               !__builtin_mul_overflow(v, 10, &v) &&
               !__builtin_add_overflow(v, s.ptr[i] - '0', &v);
    *out = minus ? -v : v;
    return good;
}

/* How many parts a list has. */
static size_t
parts(struct gb_span s)
{
    size_t n = 1;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == ',';
    return n;
}

/* The next part of a list; the last ends with it. */
static struct gb_span
part(struct gb_span *list)
{
    struct gb_span p;
    if (!word(list, ',', &p)) {
        p = *list;
        *list = GB_SPAN(NULL, 0);
    }
    return p;
}

static bool
read_adjust(struct gb_span s, struct gb_line *l)
{
    if (gb_span_equal(s, gb_span_text("-")))
        return true;
    size_t n = parts(s);
    bool good = n <= GB_BOOTS_MAX;
    l->nadjust = good ? (int)n : 0;
    for (size_t i = 0; i < n && good; i++)
        good = number(part(&s), &l->adjust[i]);
    return good;
}

static bool
read_verdict(struct gb_span s, struct gb_line *l)
{
    struct gb_span head;
    if (gb_span_equal(s, gb_span_text("fork")))
        l->verdict = GB_FORK;
    else if (gb_span_equal(s, gb_span_text("applied")))
        l->verdict = GB_APPLIED;
    else if (word(&s, ':', &head) &&
             gb_span_equal(head, gb_span_text("held"))) {
        l->verdict = GB_HELD;
        l->held = gb_code_parse(s);
        return l->held > GB_CODE_NONE && l->held < GB_CODE_COUNT;
    } else {
        return false;
    }
    return true;
}

static bool
read_quarantined(struct gb_span s, struct gb_line *l)
{
    size_t n = parts(s);
    if (n > GB_SET_OPS_MAX || l->verdict != GB_APPLIED)
        return false;
    l->nquarantined = (int)n;
    for (size_t i = 0; i < n; i++) {
        struct gb_span item = part(&s), index;
        int64_t v;
        if (!word(&item, '=', &index) || !number(index, &v) || v < 0 ||
            v >= GB_SET_OPS_MAX || (i && v <= l->quarantined[i - 1].index))
            return false;
        l->quarantined[i].index = (int)v;
        l->quarantined[i].code = gb_code_parse(item);
        if (l->quarantined[i].code == GB_CODE_NONE ||
            l->quarantined[i].code == GB_CODE_COUNT)
            return false;
    }
    return true;
}

/* The fields, not yet known to be written as they must be. */
static bool
read_fields(struct gb_span s, struct gb_line *l)
{
    struct gb_span w[8];
    int64_t pos, device, seq;
    if (!s.len || s.ptr[s.len - 1] != '\n')
        return false;
    for (int i = 0; i < 7; i++)
        if (!word(&s, ' ', &w[i]))
            return false;
    struct gb_span rest = GB_SPAN(s.ptr, s.len - 1);
    bool codes = word(&rest, ' ', &w[7]);
    if (!codes)
        w[7] = rest;
    if (!number(w[0], &pos) || pos < 1 || !number(w[1], &device) ||
        device < 0 || device > GB_DEVICE_MAX || !number(w[2], &seq) ||
        seq < 0 || seq > UINT32_MAX || !gb_hex_decode(l->sha256, 32, w[3]) ||
        !number(w[4], &l->received_ms) || !read_adjust(w[5], l) ||
        !number(w[6], &l->floor) || !read_verdict(w[7], l) ||
        l->received_ms < 0 || l->received_ms > RECEIVED_MAX || l->floor < 0)
        return false;
    l->pos = (uint64_t)pos;
    l->device = (int)device;
    l->seq = (uint32_t)seq;
    if (!seq && l->verdict != GB_FORK)
        return false; /* chains begin with 1 */
    return !codes || read_quarantined(rest, l);
}

/* Whether the fields give these bytes when they are written. */
static enum gb_err
same_again(const struct gb_line *l, struct gb_span text, bool *same,
           struct gb_fail *fail)
{
    struct gb_buf again;
    gb_buf_init(&again, GB_LINE_MAX);
    gb_line_write(l, &again);
    *same = gb_span_equal(gb_buf_view(&again), text);
    enum gb_err err = gb_buf_check(&again, "a line of a batch", fail);
    gb_buf_release(&again);
    return err;
}

/* Room for both lists comes first, so that a lack of memory is told from a
 * text that is wrong. */
enum gb_err
gb_line_read(struct gb_span text, struct gb_arena *arena, struct gb_line *out,
             struct gb_fail *fail)
{
    *out = (struct gb_line){0};
    bool good = text.len <= GB_LINE_MAX;
    if (good) {
        size_t n = parts(text);
        out->adjust = gb_arena_array(arena, n, sizeof *out->adjust);
        out->quarantined = gb_arena_array(arena, n, sizeof *out->quarantined);
        if (!out->adjust || !out->quarantined)
            return gb_arena_refused(arena, n * sizeof *out->quarantined, fail);
        good = read_fields(text, out);
    }
    enum gb_err err = good ? same_again(out, text, &good, fail) : GB_OK;
    if (err || good)
        return err;
    return gb_fail_set(fail, GB_E_FORMAT, "not a line of a batch: %.*s",
                       (int)(text.len < 200 ? text.len : 200),
                       (const char *)text.ptr);
}

/* Where the boots could not be read the line has no numbers. */
enum gb_err
gb_line_stamps(const struct gb_line *l, const struct gb_set *set,
               struct gb_arena *arena, int64_t **out, struct gb_fail *fail)
{
    struct gb_arrival at = {l->received_ms, l->floor,
                            l->nadjust == set->nboots ? l->adjust : NULL};
    *out = gb_arena_array(arena, (size_t)set->nops, sizeof **out);
    if (!*out)
        return gb_arena_refused(arena, (size_t)set->nops * sizeof **out, fail);
    gb_clock_effective(set, &at, *out);
    return GB_OK;
}
