/*
 * hub_office_fixture.h - a hub in a scratch folder and handhelds without a
 * network, for the tests of what a hub does with bundles and files.
 */
#ifndef HUB_OFFICE_FIXTURE_H
#define HUB_OFFICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/bundle.h"
#include "engine/delta.h"
#include "engine/journal.h"
#include "engine/tlv.h"
#include "hub/ingest.h"
#include "tests/unit/support/good.h"

#define UNUSED __attribute__((unused))

static const char office_schema[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT NOT NULL, level "
    "INTEGER NOT NULL DEFAULT 1) STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, la TEXT, fi INTEGER,"
    " su INTEGER, mx INTEGER, st TEXT, re TEXT, kind TEXT NOT NULL DEFAULT"
    " 'a', owner INTEGER REFERENCES r(id), boss INTEGER REFERENCES staff(id),"
    " phone TEXT, x REAL) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','la','last'),('r','fi','first'),('r','su','sum'),"
    "('r','mx','max'),('r','st','state a>b b>c a>c prefer c>b>a'),"
    "('r','re','review'),('r','kind','last'),('r','owner','last'),"
    "('r','boss','last'),('r','phone','last'),('r','x','last');\n"
    "INSERT INTO enum VALUES('r','kind','a',1),('r','kind','b',2);\n"
    "INSERT INTO personal VALUES('r','phone');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

enum { TABLE_STAFF, TABLE_R };

struct office {
    char folder[80], path[128];
    struct gb_office *hub;
    struct gb_state *reader;
    int64_t time_ms; /* of the handhelds */
};

struct handheld {
    struct office *w;
    int number;
    int boots; /* tells this boot from those of other handhelds */
    struct gb_sign_key sign, receive;
    uint8_t secret[32];
    struct gb_journal *j;
};

static void
open_reader(struct office *w)
{
    char db[160];
    snprintf(db, sizeof db, "%s/hub.db", w->path);
    GOOD(gb_state_open_reader(db, w->hub->site, &w->reader, &why));
}

UNUSED static void
make_office(struct office *w)
{
    struct gb_schema_file file = {"r.sql", gb_span_text(office_schema)};
    struct gb_buf pack;
    *w = (struct office){.time_ms = 1700000000000};
    const char *top = getenv("TMPDIR");
    snprintf(w->folder, sizeof w->folder, "%.60s/office-XXXXXX",
             top && *top ? top : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(&file, 1, &pack, &why));
    struct gb_office_plan plan = {"花园", "王主管", "Asia/Shanghai",
                                  gb_buf_view(&pack)};
    snprintf(w->path, sizeof w->path, "%s/hub", w->folder);
    GOOD(gb_office_init(w->path, &plan, &why));
    gb_buf_release(&pack);
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    open_reader(w);
}

UNUSED static void
end_office(struct office *w)
{
    gb_state_close(w->reader);
    gb_office_close(w->hub);
    GOOD(gb_file_remove_all(w->folder, &why));
}

/* How many files of the hub's folder have names with this in them. */
UNUSED static size_t
count_files(const struct office *w, const char *folder, const char *with)
{
    struct gb_names names = {0};
    char path[200];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", w->path, folder);
    GOOD(gb_file_list(path, &names, &why));
    for (size_t i = 0; i < names.count; i++)
        n += strstr(names.list[i], with) != NULL;
    gb_names_release(&names);
    return n;
}

/* ----------------------------------------------------------- handhelds -- */

static void
now(void *context, struct gb_now *out)
{
    const struct handheld *h = context;
    out->wall_ms = h->w->time_ms;
    out->mono_ms = h->w->time_ms - 1000;
    memset(out->boot, h->number + h->boots, sizeof out->boot);
}

static enum gb_err
take_part(void *context, struct gb_span container, struct gb_fail *fail)
{
    struct handheld *h = context;
    bool complete;
    return gb_journal_delta_part(
        h->j, GB_SPAN(container.ptr, container.len - 64), &complete, fail);
}

/* What the hub has and the handheld lacks, as the ticket or a reply. */
UNUSED static void
pull(struct handheld *h)
{
    struct gb_journal_info i;
    struct gb_applied counts;
    const struct gb_schema *s = gb_journal_schema(h->j);
    GOOD(gb_journal_info(h->j, &i, &why));
    struct gb_delta_ask ask = {.device = h->number,
                               .from = i.merged.size,
                               .highest = i.merged.size,
                               .schema = s ? s->version : 0,
                               .clock_ms = 1};
    if (i.merged.size == gb_state_size(h->w->hub->state))
        return;
    GOOD(gb_delta_make(h->w->hub->state, &ask, &h->w->hub->keys.hub, take_part,
                       h, &why));
    GOOD(gb_journal_delta_apply(h->j, &h->sign, &counts, &why));
}

/* A number at the hub with its ticket; the journal knows the ticket's delta,
 * the hub does not know the keys yet. */
UNUSED static void
make_handheld(struct office *w, struct handheld *h, int number)
{
    struct gb_buf b;
    char path[128];
    *h = (struct handheld){.w = w, .number = number};
    gb_sign_key_generate(&h->sign);
    gb_sign_key_generate(&h->receive);
    gb_random(h->secret, sizeof h->secret);
    struct gb_sha256 sha = gb_sha256(GB_SPAN(h->secret, sizeof h->secret));
    gb_buf_init(&b, 4096);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("handheld"));
    gb_tlv_number(&b, GB_DEVICE_LEVEL, 2);
    gb_tlv_put(&b, GB_DEVICE_TICKET, GB_SPAN(sha.bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
    struct gb_enrolment en = {
        .site = *gb_state_site(w->hub->state), .device = number, .level = 2};
    memcpy(en.secret, h->secret, sizeof en.secret);
    snprintf(path, sizeof path, "%s/%d.db", w->folder, number);
    GOOD(gb_journal_create(path, &en, &why));
    GOOD(gb_journal_open(path, now, h, &h->j, &why));
    pull(h);
    GOOD(gb_journal_sign_in(h->j, 1, true, &why));
}

UNUSED static int64_t
insert(struct handheld *h, const char *la)
{
    int64_t id;
    struct gb_assign a = {.column = 1,
                          .value = gb_value_text(gb_span_text(la))};
    GOOD(gb_journal_insert(h->j, TABLE_R, GB_SPAN(NULL, 0), &a, 1, &id, &why));
    return id;
}

UNUSED static void
set_text(struct handheld *h, int64_t id, const char *name, const char *text)
{
    const struct gb_table *t = &gb_journal_schema(h->j)->tables[TABLE_R];
    struct gb_assign a = {.column = gb_table_column(t, gb_span_text(name)),
                          .value = gb_value_text(gb_span_text(text))};
    GOOD(gb_journal_set(h->j, TABLE_R, id, &a, 1, &why));
}

/* One more set of the handheld; returns its number. */
UNUSED static uint32_t
seal(struct handheld *h)
{
    struct gb_journal_info i;
    int made;
    h->w->time_ms += 1000;
    GOOD(gb_journal_seal(h->j, &h->sign, &made, &why));
    GOOD(gb_journal_info(h->j, &i, &why));
    return i.seq;
}

/* ------------------------------------------------------------- bundles -- */

/* What a bundle is made of; a test changes what it wants to be wrong. */
struct parcel {
    struct gb_bundle header;
    struct gb_bundle_out out;
    struct gb_buf bytes;
};

static void
add_frame(struct office *w, struct parcel *p, enum gb_frame type,
          struct gb_span plain)
{
    struct gb_buf sealed;
    gb_buf_init(&sealed, GB_FRAME_MAX);
    GOOD(gb_seal(&sealed, &w->hub->keys.receive.public_key, plain, &why));
    GOOD(gb_bundle_add(&p->out, type, gb_buf_view(&sealed), &why));
    gb_buf_release(&sealed);
}

/* The header, and the handheld's request. */
UNUSED static void
begin_parcel(struct handheld *h, struct parcel *p)
{
    struct gb_buf request;
    p->header = (struct gb_bundle){GB_TO_HUB, h->number, {0}};
    memcpy(p->header.site, h->w->hub->site, 16);
    gb_buf_init(&p->bytes, (size_t)64 << 20);
    p->out = (struct gb_bundle_out){gb_bundle_to_buf, &p->bytes, 0};
    GOOD(gb_bundle_begin(&p->out, &p->header, &why));
    gb_buf_init(&request, 8192);
    GOOD(gb_journal_request(h->j, &h->sign, &h->receive.public_key, false,
                            &request, &why));
    add_frame(h->w, p, GB_FRAME_REQUEST, gb_buf_view(&request));
    gb_buf_release(&request);
}

UNUSED static void
add_set(struct handheld *h, struct parcel *p, uint32_t seq)
{
    struct gb_buf b;
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(h->j, seq, &b, &why));
    add_frame(h->w, p, GB_FRAME_SET, gb_buf_view(&b));
    gb_buf_release(&b);
}

UNUSED static void
end_parcel(struct parcel *p)
{
    GOOD(gb_bundle_end(&p->out, &why));
}

/* Take the first n bytes of a parcel in; what came of it is in *g. */
UNUSED static enum gb_err
deliver(struct office *w, const struct parcel *p, size_t n, struct gb_ingest *g,
        struct gb_fail *fail)
{
    *g = (struct gb_ingest){.hub = w->path,
                            .site = w->hub->site,
                            .receive = &w->hub->keys.receive,
                            .reader = w->reader,
                            .intake = gb_intake_direct(w->hub)};
    *fail = (struct gb_fail){0};
    GOOD(gb_state_refresh(w->reader, &why));
    gb_ingest_init(g);
    enum gb_err e = GB_OK;
    for (size_t at = 0, step = 1; at < n && !e; at += step, step = 1 + at % 97)
        e = gb_ingest_feed(
            g, GB_SPAN(p->bytes.ptr + at, step < n - at ? step : n - at), fail);
    struct gb_fail finished = {0};
    enum gb_err f = gb_ingest_finish(g, &finished);
    if (!e && f)
        *fail = finished;
    gb_ingest_release(g);
    return e ? e : f;
}

/* Request and sets first..last, in one parcel that must be taken. */
UNUSED static void
push(struct handheld *h, uint32_t first, uint32_t last)
{
    struct parcel p;
    struct gb_ingest g;
    struct gb_fail fail;
    begin_parcel(h, &p);
    for (uint32_t seq = first; seq <= last; seq++)
        add_set(h, &p, seq);
    end_parcel(&p);
    if (deliver(h->w, &p, p.bytes.len, &g, &fail))
        fail_msg("deliver: %s", fail.text);
    assert_int_equal(g.refused, 0);
    gb_buf_release(&p.bytes);
}

#endif
