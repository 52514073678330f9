/*
 * delta_fixture.h - a hub's state in memory and handhelds beside it, without
 * ledger or network: sets go straight into gb_state_line(), deltas straight
 * into the journals.
 */
#ifndef DELTA_FIXTURE_H
#define DELTA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/delta.h"
#include "engine/file.h"
#include "engine/id.h"
#include "engine/journal.h"
#include "engine/seal.h"
#include "engine/tlv.h"
#include "support/fault.h"
#include "support/good.h"

#define UNUSED __attribute__((unused))

struct hub {
    char folder[80];
    struct gb_state *st;
    struct gb_sign_key key;
    uint32_t seq; /* of replica 0 */
    uint8_t prev[32];
    int64_t time_ms;
    unsigned faults; /* what fails once, on the way of a delta (fault.h) */
};

struct handheld {
    struct hub *hub;
    int number;
    int boot;       /* how often it was started again */
    int64_t set_ms; /* how far its wall clock was set since */
    struct gb_journal *j;
    struct gb_sign_key key;
    struct gb_applied counts; /* of the last delta */
    size_t parts, largest;    /* likewise */
    bool applied;             /* likewise */
};

/* ----------------------------------------------------------------- hub -- */

/* One set, whoever made it, as the next line. */
static void
hub_line(struct hub *h, struct gb_span signed_bytes, struct gb_span personal,
         struct gb_line *line, struct gb_arena *arena)
{
    struct gb_set_info info;
    struct gb_set set;
    GOOD(gb_set_info(signed_bytes, &info, &why));
    const struct gb_schema *s = gb_state_schema_of(h->st, info.schema);
    assert_non_null(s);
    GOOD(gb_set_decode(signed_bytes, s, &set, &why));
    if (personal.ptr)
        GOOD(gb_set_reveal(&set, s, personal, &why));
    int64_t *adjust = gb_arena_array(arena, (size_t)set.nboots, sizeof *adjust);
    struct gb_incoming in = {.info = &info,
                             .sha = gb_sha256(signed_bytes),
                             .set = &set,
                             .received_ms = h->time_ms,
                             .adjust = adjust,
                             .nadjust = set.nboots};
    GOOD(gb_state_line(h->st, &in, arena, line, &why));
    assert_int_not_equal(line->verdict, GB_FORK);
    if (info.device == 0)
        memcpy(h->prev, in.sha.bytes, 32);
    gb_set_release(&set);
}

/* Operations of replica 0, which must all take effect. */
UNUSED static void
hub_set(struct hub *h, struct gb_op *ops, int n)
{
    const struct gb_schema *s =
        ops->kind > GB_RESOLVE ? &gb_schema_none : gb_state_schema(h->st);
    struct gb_boot boot = {.wall_ms = 1000};
    struct gb_set set = {.seq = ++h->seq,
                         .schema = s->version,
                         .clock_ms = h->time_ms,
                         .base = gb_state_head(h->st),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = ops,
                         .nops = n};
    struct gb_buf bytes;
    struct gb_line line;
    struct gb_arena arena;
    memcpy(set.prev, h->prev, 32);
    h->time_ms += 10;
    for (int i = 0; i < n; i++) {
        ops[i].time_ms = h->time_ms;
        ops[i].stamp = (h->time_ms << 16) + i;
    }
    gb_buf_init(&bytes, GB_SET_MAX);
    gb_arena_init(&arena, 1 << 22);
    GOOD(gb_set_encode(&set, s, &bytes, &why));
    GOOD(gb_state_begin(h->st, &why));
    hub_line(h, gb_buf_view(&bytes), GB_SPAN(NULL, 0), &line, &arena);
    assert_int_equal(line.verdict, GB_APPLIED);
    assert_int_equal(line.nquarantined, 0);
    GOOD(gb_state_commit(h->st, &why));
    gb_buf_release(&bytes);
    gb_arena_release(&arena);
}

UNUSED static void
hub_schema(struct hub *h, const char *text, uint32_t version)
{
    struct gb_schema_file file = {"s.sql", gb_span_text(text)};
    struct gb_buf pack, payload;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    gb_buf_init(&payload, 2 * GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(&file, 1, &pack, &why));
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, version);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, gb_buf_view(&pack));
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&payload)};
    hub_set(h, &op, 1);
    gb_buf_release(&pack);
    gb_buf_release(&payload);
}

UNUSED static void
make_hub(struct hub *h, const char *schema)
{
    static const uint8_t site[16];
    const char *top = getenv("TMPDIR");
    *h = (struct hub){.time_ms = 1700000000000};
    snprintf(h->folder, sizeof h->folder, "%.60s/delta-XXXXXX",
             top && *top ? top : "/tmp");
    assert_non_null(mkdtemp(h->folder));
    gb_sign_key_generate(&h->key);
    GOOD(gb_state_open(":memory:", site, &h->st, &why));
    hub_schema(h, schema, 1);
}

UNUSED static void
end_hub(struct hub *h)
{
    gb_state_close(h->st);
    GOOD(gb_file_remove_all(h->folder, &why));
}

/* Number, level 2, and an attribute such as "area=A" or NULL. */
UNUSED static void
hub_device(struct hub *h, const struct handheld *d, const char *attribute)
{
    struct gb_buf b;
    gb_buf_init(&b, 4096);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)d->number);
    gb_tlv_number(&b, GB_DEVICE_LEVEL, 2);
    if (attribute)
        gb_tlv_put(&b, GB_DEVICE_ATTRIBUTE, gb_span_text(attribute));
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, GB_SPAN(d->key.public_key.bytes, 32));
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY, GB_SPAN(d->key.public_key.bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    hub_set(h, &op, 1);
    gb_buf_release(&b);
}

/* ----------------------------------------------------------- handhelds -- */

static void
now(void *context, struct gb_now *out)
{
    const struct handheld *d = context;
    out->wall_ms = d->hub->time_ms + d->set_ms;
    out->mono_ms = d->hub->time_ms - 1700000000000 + 1000;
    memset(out->boot, d->number + d->boot, sizeof out->boot);
}

static enum gb_err
take_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct handheld *d = context;
    bool complete;
    d->parts++;
    if (container.len > d->largest)
        d->largest = container.len;
    return gb_journal_delta_part(
        d->j, GB_SPAN(container.ptr, container.len - 64), &complete, fail);
}

struct making {
    struct handheld *d;
    const struct gb_delta_ask *ask;
};

static enum gb_err
drop_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    (void)context;
    (void)container;
    (void)fail;
    return GB_OK;
}

static enum gb_err
make_for_nobody(void *arg, struct gb_fail *fail)
{
    const struct making *m = arg;
    return gb_delta_make(m->d->hub->st, m->ask, &m->d->hub->key, drop_part,
                         NULL, fail);
}

/* Without memory for more rows a group ends, and the record is tried again. */
static void
told_or_smaller(void *arg, enum gb_err err, enum fault failed)
{
    if (err || failed != FAULT_MEMORY)
        fault_told(arg, err, failed);
}

/* What a handheld at `from` asks for, made after each call that it takes has
 * failed once; the parts are kept, not applied. */
UNUSED static void
gather(struct handheld *d, uint64_t from)
{
    struct gb_journal_info i;
    const struct gb_schema *s = gb_journal_schema(d->j);
    GOOD(gb_journal_info(d->j, &i, &why));
    struct gb_delta_ask ask = {.device = d->number,
                               .from = from,
                               .highest = i.merged.size,
                               .schema = s ? s->version : 0,
                               .clock_ms = 1};
    d->parts = d->largest = 0;
    struct making m = {d, &ask};
    fault_sweep(d->hub->faults, make_for_nobody, told_or_smaller, &m);
    GOOD(gb_delta_make(d->hub->st, &ask, &d->hub->key, take_part, d, &why));
}

static enum gb_err
apply_parts(void *arg, struct gb_fail *fail)
{
    struct handheld *d = arg;
    return d->applied ? GB_OK
                      : gb_journal_delta_apply(d->j, &d->key, &d->counts, fail);
}

/* The whole of it, or nothing; what fails behind the commit is told, too. */
static void
applied_or_not(void *arg, enum gb_err err, enum fault failed)
{
    struct handheld *d = arg;
    struct gb_journal_info i;
    fault_told(NULL, err, failed);
    GOOD(gb_journal_info(d->j, &i, &why));
    d->applied = i.merged.size == gb_state_size(d->hub->st);
    assert_true(err || d->applied);
}

UNUSED static void
pull(struct handheld *d)
{
    struct gb_journal_info i;
    GOOD(gb_journal_info(d->j, &i, &why));
    if (i.merged.size == gb_state_size(d->hub->st))
        return;
    gather(d, i.merged.size);
    d->applied = false;
    fault_sweep(d->hub->faults, apply_parts, applied_or_not, d);
    GOOD(gb_journal_reload(d->j, &why));
}

/* Seal, and deliver what has no receipt. */
UNUSED static void
push(struct handheld *d)
{
    struct gb_journal_info i;
    struct gb_arena arena;
    struct gb_buf b;
    int made;
    GOOD(gb_journal_seal(d->j, &d->key, &made, &why));
    GOOD(gb_journal_info(d->j, &i, &why));
    gb_arena_init(&arena, 1 << 22);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_state_begin(d->hub->st, &why));
    for (uint32_t seq = i.accepted + 1; seq <= i.seq; seq++) {
        struct gb_container c;
        struct gb_line line;
        struct gb_device known;
        bool found;
        GOOD(gb_state_device(d->hub->st, d->number, &known, &found, &why));
        if (seq <= known.seq)
            continue; /* a reply was lost */
        gb_buf_clear(&b);
        gb_arena_reset(&arena);
        GOOD(gb_journal_container(d->j, seq, &b, &why));
        GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
        hub_line(d->hub, c.signed_bytes, c.personal, &line, &arena);
    }
    GOOD(gb_state_commit(d->hub->st, &why));
    gb_buf_release(&b);
    gb_arena_release(&arena);
}

UNUSED static void
make_handheld(struct hub *h, struct handheld *d, int number,
              const char *attribute)
{
    char path[128];
    *d = (struct handheld){.hub = h, .number = number};
    gb_sign_key_generate(&d->key);
    hub_device(h, d, attribute);
    struct gb_enrolment en = {.device = number, .level = 2};
    snprintf(path, sizeof path, "%s/%d.db", h->folder, number);
    GOOD(gb_journal_create(path, &en, &why));
    GOOD(gb_journal_open(path, now, d, &d->j, &why));
    /* no power fails here, and thousands of sets are sealed */
    GOOD(gb_db_exec(gb_journal_db(d->j), "PRAGMA synchronous=OFF", &why));
    pull(d);
}

UNUSED static int64_t
ask(struct handheld *d, const char *sql)
{
    int64_t v = -1;
    bool found;
    GOOD(gb_db_int(gb_journal_db(d->j), sql, &v, &found, &why));
    return v;
}

#endif
