/* audit_show.c - what an audit found, for people and for programs; audit.h */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/json.h"
#include "engine/term.h"
#include "hub/audit.h"

#define TIME_SIZE 40

/* "2026-11-23T08:00:00Z": the same for every auditor, wherever he sits. */
static const char *
utc(char out[TIME_SIZE], int64_t ms)
{
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    gmtime_r(&t, &tm); /* a line's times end with the year 9999 */
    strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static const char *
hex32(char out[65], const uint8_t bytes[32])
{
    gb_hex_encode(out, bytes, 32);
    return out;
}

static const char *
trust(const struct gb_audit_report *r)
{
    return r->pinned ? "pinned" : "self-consistent only";
}

/* ------------------------------------------------------------- verdict -- */

void
gb_audit_verdict(const struct gb_audit_report *r, const struct gb_fail *why,
                 struct gb_buf *out)
{
    const char *text = *why->text ? why->text : gb_err_sentence(why->code);
    if (r->verdict == GB_AUDIT_OK) {
        gb_buf_text(out, "OK");
        if (!r->pinned)
            gb_buf_text(out, ", self-consistent only: nothing says that this "
                             "is the site's ledger; give --key FINGERPRINT as "
                             "its `gengbu-hub init` printed it");
        return;
    }
    gb_buf_text(out, r->verdict == GB_AUDIT_WRONG ? "WRONG" : "NOT CHECKED");
    if (r->position)
        gb_buf_printf(out, " at position %" PRIu64, r->position);
    if (r->position && r->position_last > r->position)
        gb_buf_printf(out, "..%" PRIu64, r->position_last);
    gb_buf_text(out, ": ");
    gb_term_clean(out, gb_span_text(text));
}

/* ---------------------------------------------------------- for people -- */

/* " (BASE 2, SCHEMA 6)" */
static void
add_codes(struct gb_buf *out, const uint64_t by[GB_CODE_COUNT])
{
    bool any = false;
    for (int c = 0; c < GB_CODE_COUNT; c++) {
        if (!by[c])
            continue;
        gb_buf_printf(out, "%s%s %" PRIu64, any ? ", " : " (",
                      gb_code_name((enum gb_code)c), by[c]);
        any = true;
    }
    gb_buf_text(out, any ? ")" : "");
}

static void
show_counts(const struct gb_audit_report *r, struct gb_buf *out)
{
    char first[TIME_SIZE], last[TIME_SIZE];
    gb_buf_printf(out,
                  "checked       %" PRIu64 " commits, %" PRIu64
                  " sets, %" PRIu64 " operations, %" PRIu64 " signatures\n",
                  r->commits, r->sets, r->operations, r->signatures);
    if (r->sets)
        gb_buf_printf(out, "received      %s to %s\n", utc(first, r->first_ms),
                      utc(last, r->last_ms));
    gb_buf_printf(out, "sets          %" PRIu64 " applied, %" PRIu64 " held",
                  r->applied, r->held);
    add_codes(out, r->held_by);
    gb_buf_printf(out, ", %" PRIu64 " forks\n", r->forks);
    gb_buf_printf(out, "quarantined   %" PRIu64 " operations", r->quarantined);
    add_codes(out, r->quarantined_by);
    if (r->verdict == GB_AUDIT_OK) {
        gb_buf_printf(out, "; %" PRIu64 " still wait", r->waiting);
        add_codes(out, r->waiting_by);
    }
    gb_buf_text(out, "\n");
}

static void
show_site(const struct gb_audit_plan *plan, const struct gb_audit_report *r,
          struct gb_buf *out)
{
    char id[33], print[GB_FINGERPRINT_SIZE];
    gb_hex_encode(id, r->site, sizeof r->site);
    gb_buf_text(out, "ledger        ");
    gb_term_clean(out, gb_span_text(plan->ledger));
    gb_buf_text(out, "\nsite          ");
    gb_term_clean(out, gb_span_text(*r->name ? r->name : "unnamed"));
    gb_buf_printf(out, " (%s)\n", id);
    for (size_t i = 0; i < r->nkeys; i++) {
        gb_key_fingerprint(print, &r->keys[i].key);
        gb_buf_printf(out, "ledger key    %s from position %" PRIu64 "%s\n",
                      print, r->keys[i].from,
                      i           ? ""
                      : r->pinned ? ", as given"
                      : plan->key ? ", not the one given"
                                  : ", not compared with anything");
    }
}

static void
show_head(const struct gb_audit_report *r, struct gb_buf *out)
{
    char hex[65];
    if (r->sets)
        gb_buf_printf(out, "tree head     %" PRIu64 ":%s, epoch %u\n",
                      r->head.size, hex32(hex, r->head.root), r->head.epoch);
    if (r->verdict == GB_AUDIT_OK)
        gb_buf_printf(out, "state digest  %s\n", hex32(hex, r->digest));
    if (r->witnesses)
        gb_buf_printf(out,
                      "witnesses     %" PRIu64 " sets name a tree head that "
                      "this log never had\n",
                      r->witnesses);
}

static enum gb_err
show_devices(const struct gb_audit_report *r, struct gb_buf *out,
             struct gb_fail *fail)
{
    static const struct gb_grid_column columns[] = {
        {"device", true},     {"sets", true},     {"forks", true},
        {"operations", true}, {"last set", true}, {"position", true},
        {"received", false}};
    struct gb_grid g;
    char when[TIME_SIZE];
    gb_grid_init(&g, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i <= GB_DEVICE_MAX; i++) {
        const struct gb_audit_device *d = &r->devices[i];
        if (!d->sets && !d->forks)
            continue;
        gb_grid_printf(&g, "%d", i);
        gb_grid_printf(&g, "%" PRIu64, d->sets);
        gb_grid_printf(&g, "%" PRIu64, d->forks);
        gb_grid_printf(&g, "%" PRIu64, d->operations);
        gb_grid_printf(&g, "%u", d->seq);
        gb_grid_printf(&g, "%" PRIu64, d->position);
        gb_grid_text(&g, d->sets ? utc(when, d->received_ms) : "");
    }
    enum gb_err e = GB_OK;
    if (gb_grid_rows(&g)) {
        gb_buf_text(out, "\n");
        e = gb_grid_print(&g, out, fail);
        gb_buf_text(out, "\n");
    }
    gb_grid_release(&g);
    return e;
}

enum gb_err
gb_audit_show(const struct gb_audit_plan *plan, const struct gb_audit_report *r,
              const struct gb_fail *why, struct gb_buf *out,
              struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (r->sets || r->nkeys) {
        show_site(plan, r, out);
        show_counts(r, out);
        show_head(r, out);
        e = show_devices(r, out, fail);
    }
    gb_audit_verdict(r, why, out);
    gb_buf_text(out, "\n");
    return e ? e : gb_buf_check(out, "the report", fail);
}

/* -------------------------------------------------------- for programs -- */

static void
put_codes(struct gb_json_writer *w, const char *key,
          const uint64_t by[GB_CODE_COUNT])
{
    gb_json_key(w, key);
    gb_json_begin_object(w);
    for (int c = 0; c < GB_CODE_COUNT; c++)
        if (by[c])
            gb_json_pair_int(w, gb_code_name((enum gb_code)c), (int64_t)by[c]);
    gb_json_end_object(w);
}

/* A position, or null where it is not known. */
static void
put_position(struct gb_json_writer *w, const char *key, uint64_t position)
{
    gb_json_key(w, key);
    if (position)
        gb_json_put_int(w, (int64_t)position);
    else
        gb_json_put_null(w);
}

static void
put_verdict(struct gb_json_writer *w, const struct gb_audit_report *r,
            const struct gb_fail *why)
{
    static const char *const names[] = {"NOT CHECKED", "OK", "WRONG"};
    bool ok = r->verdict == GB_AUDIT_OK;
    gb_json_pair_bool(w, "ok", ok);
    gb_json_pair_text(w, "verdict", names[r->verdict]);
    put_position(w, "position", r->position);
    put_position(w, "position_last", r->position_last);
    gb_json_pair_text(w, "error",
                      ok           ? NULL
                      : *why->text ? why->text
                                   : gb_err_sentence(why->code));
    gb_json_pair_text(w, "error_code", ok ? NULL : gb_err_name(why->code));
    gb_json_pair_text(w, "trust", trust(r));
}

static void
put_counts(struct gb_json_writer *w, const struct gb_audit_report *r)
{
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = {
        {"commits", r->commits},       {"sets", r->sets},
        {"operations", r->operations}, {"signatures", r->signatures},
        {"applied", r->applied},       {"held", r->held},
        {"forks", r->forks},           {"quarantined", r->quarantined},
        {"waiting", r->waiting},       {"witnesses", r->witnesses}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        gb_json_pair_int(w, counts[i].key, (int64_t)counts[i].n);
    put_codes(w, "held_by_code", r->held_by);
    put_codes(w, "quarantined_by_code", r->quarantined_by);
    put_codes(w, "waiting_by_code", r->waiting_by);
}

static void
put_site(struct gb_json_writer *w, const struct gb_audit_report *r)
{
    char id[33], print[GB_FINGERPRINT_SIZE];
    gb_hex_encode(id, r->site, sizeof r->site);
    gb_json_pair_text(w, "site", id);
    gb_json_pair_text(w, "name", r->name);
    gb_json_pair_text(w, "timezone", r->timezone);
    gb_json_key(w, "ledger_keys");
    gb_json_begin_array(w);
    for (size_t i = 0; i < r->nkeys; i++) {
        gb_key_fingerprint(print, &r->keys[i].key);
        gb_json_begin_object(w);
        gb_json_pair_text(w, "fingerprint", print);
        gb_json_pair_int(w, "from", (int64_t)r->keys[i].from);
        gb_json_end_object(w);
    }
    gb_json_end_array(w);
}

static void
put_head(struct gb_json_writer *w, const struct gb_audit_report *r)
{
    char hex[65], time[TIME_SIZE];
    gb_json_pair_text(w, "first_received",
                      r->sets ? utc(time, r->first_ms) : NULL);
    gb_json_pair_text(w, "last_received",
                      r->sets ? utc(time, r->last_ms) : NULL);
    gb_json_key(w, "head");
    gb_json_begin_object(w);
    gb_json_pair_int(w, "epoch", r->head.epoch);
    gb_json_pair_int(w, "size", (int64_t)r->head.size);
    gb_json_pair_text(w, "root", r->sets ? hex32(hex, r->head.root) : NULL);
    gb_json_end_object(w);
    gb_json_pair_text(w, "digest",
                      r->verdict == GB_AUDIT_OK ? hex32(hex, r->digest) : NULL);
}

static void
put_devices(struct gb_json_writer *w, const struct gb_audit_report *r)
{
    char when[TIME_SIZE];
    gb_json_key(w, "devices");
    gb_json_begin_array(w);
    for (int i = 0; r->devices && i <= GB_DEVICE_MAX; i++) {
        const struct gb_audit_device *d = &r->devices[i];
        if (!d->sets && !d->forks)
            continue;
        gb_json_begin_object(w);
        gb_json_pair_int(w, "device", i);
        gb_json_pair_int(w, "sets", (int64_t)d->sets);
        gb_json_pair_int(w, "forks", (int64_t)d->forks);
        gb_json_pair_int(w, "operations", (int64_t)d->operations);
        gb_json_pair_int(w, "seq", d->seq);
        put_position(w, "position", d->position);
        gb_json_pair_text(w, "received",
                          d->sets ? utc(when, d->received_ms) : NULL);
        gb_json_end_object(w);
    }
    gb_json_end_array(w);
}

enum gb_err
gb_audit_json(const struct gb_audit_plan *plan, const struct gb_audit_report *r,
              const struct gb_fail *why, struct gb_buf *out,
              struct gb_fail *fail)
{
    struct gb_json_writer w = gb_json_writer(out, true);
    gb_json_begin_object(&w);
    put_verdict(&w, r, why);
    gb_json_pair_text(&w, "ledger", plan->ledger);
    put_site(&w, r);
    put_counts(&w, r);
    put_head(&w, r);
    put_devices(&w, r);
    gb_json_end_object(&w);
    gb_buf_text(out, "\n");
    return gb_buf_check(out, "the report", fail);
}
