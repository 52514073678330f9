/* audit_batch.c - the lines of a batch; see audit.h */
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "hub/audit_private.h"

void
gb_audit_name(const struct gb_audit *a, size_t i, bool signature,
              char out[GB_LEDGER_NAME_MAX])
{
    struct gb_ledger_name name = {.kind = signature ? GB_LEDGER_SIGNATURE
                                                    : GB_LEDGER_SET,
                                  .position = a->in.message.first + i,
                                  .device = a->read[i].device,
                                  .seq = a->read[i].seq};
    gb_ledger_name_write(out, &name, a->in.commit.time_s);
}

/* A line as it was read stands in its place and follows the one before. */
static enum gb_err
check_line(struct gb_audit *a, const struct gb_line *l, struct gb_fail *fail)
{
    if (l->pos != a->report->position)
        return gb_fail_set(fail, GB_E_LEDGER, "its line is numbered %llu",
                           (unsigned long long)l->pos);
    /* The names of its files and the arithmetic of stamps rest on this. */
    if (l->received_ms / 1000 != a->in.commit.time_s)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "its line says that it was received at %lld ms, and "
                           "its commit is of %lld s",
                           (long long)l->received_ms,
                           (long long)a->in.commit.time_s);
    bool sane = l->received_ms <= GB_TIME_MAX;
    for (int i = 0; i < l->nadjust; i++)
        sane &= l->adjust[i] >= -GB_TIME_MAX && l->adjust[i] <= GB_TIME_MAX;
    if (!sane)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "its line has a time that no clock shows");
    if (l->received_ms < a->received_ms)
        return gb_fail_set(fail, GB_E_LEDGER,
                           "it was received before the set in front of it");
    a->received_ms = l->received_ms;
    return GB_OK;
}

/* Line i, whose text is set. */
static enum gb_err
take_line(struct gb_audit *a, size_t i, struct gb_fail *fail)
{
    struct gb_line *l = &a->read[i];
    gb_audit_at(a, a->in.message.first + i, 0);
    enum gb_err e = gb_line_read(a->lines[i].text, &a->arena, l, fail);
    return e ? e : check_line(a, l, fail);
}

/* Where each line lies; there must be as many as the commit says, which is one
 * at least. */
static enum gb_err
split(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_span rest = a->in.batch.lines;
    uint64_t want = a->in.message.head.size - a->in.message.first + 1, n = 0;
    for (size_t i = 0; i < rest.len; i++)
        n += rest.ptr[i] == '\n';
    if (n != want || rest.ptr[rest.len - 1] != '\n')
        return gb_fail_set(fail, GB_E_LEDGER,
                           "its batch has %llu whole lines for %llu positions",
                           (unsigned long long)n, (unsigned long long)want);
    a->lines = calloc((size_t)n, sizeof *a->lines);
    a->read = calloc((size_t)n, sizeof *a->read);
    a->operations = calloc((size_t)n, sizeof *a->operations);
    if (!a->lines || !a->read || !a->operations)
        return gb_fail_memory(fail);
    for (; a->nlines < n; a->nlines++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        gb_assert(end != NULL);
        size_t len = (size_t)(end - rest.ptr) + 1;
        a->lines[a->nlines].text = GB_SPAN(rest.ptr, len);
        rest = GB_SPAN(rest.ptr + len, rest.len - len);
    }
    return GB_OK;
}

enum gb_err
gb_audit_batch(struct gb_audit *a, struct gb_fail *fail)
{
    gb_audit_at(a, a->in.message.first, a->in.message.head.size);
    gb_arena_init(&a->arena, GB_REPLAY_MAX);
    enum gb_err e = split(a, fail);
    for (size_t i = 0; i < a->nlines && !e; i++)
        e = take_line(a, i, fail);
    return e;
}

void
gb_audit_batch_release(struct gb_audit *a)
{
    free(a->lines);
    free(a->read);
    free(a->operations);
    gb_arena_release(&a->arena);
    a->lines = NULL;
    a->read = NULL;
    a->operations = NULL;
    a->nlines = 0;
}

/* ------------------------------------------------------------ counting -- */

static void
count_line(struct gb_audit_report *r, const struct gb_line *l,
           unsigned operations)
{
    struct gb_audit_device *d = &r->devices[l->device];
    r->operations += operations;
    d->operations += operations;
    if (!r->sets)
        r->first_ms = l->received_ms;
    r->last_ms = l->received_ms;
    r->sets++;
    r->quarantined += (uint64_t)l->nquarantined;
    for (int i = 0; i < l->nquarantined; i++)
        r->quarantined_by[l->quarantined[i].code]++;
    if (l->verdict == GB_FORK) {
        r->forks++;
        d->forks++;
        return;
    }
    r->applied += l->verdict == GB_APPLIED;
    r->held += l->verdict == GB_HELD;
    r->held_by[l->held] += l->verdict == GB_HELD;
    d->sets++;
    d->seq = l->seq;
    d->position = l->pos;
    d->received_ms = l->received_ms;
}

void
gb_audit_count(struct gb_audit *a)
{
    for (size_t i = 0; i < a->nlines; i++)
        count_line(a->report, &a->read[i], a->operations[i]);
    a->report->commits++;
    a->report->signatures += a->signatures;
}
