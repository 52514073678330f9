/* delta_make.c - which records a device lacks, and the parts that bring them;
 * see delta.h */
#include "delta.h"

#include <stdlib.h>
#include <string.h>

#include "section.h"
#include "site.h"
#include "sshsig.h"
#include "tlv.h"
#include "touch.h"

/* A record that the sets since the from-head touched. */
struct touch {
    int table;
    int64_t id;
    bool theirs; /* somebody else did, or the hub took something back */
};

struct making {
    struct gb_state *st;
    const struct gb_delta_ask *ask;
    const struct gb_sign_key *key;
    gb_delta_sink *sink;
    void *context;
    struct gb_delta_head head;
    struct touch *touched;
    size_t ntouched, room;
    struct gb_rec *rows; /* of one table, for the part being made */
    size_t nrows, bytes;
    int table;
    struct gb_buf groups; /* finished groups of the part */
    size_t ngroups, nrecords;
    struct gb_arena arena;
    struct gb_buf gone;
    size_t ngone;
};

/* -------------------------------------------------------- what to bring -- */

static enum gb_err
add_touch(struct making *m, struct touch t, struct gb_fail *fail)
{
    if (m->ntouched == m->room) {
        size_t room = m->room ? 2 * m->room : 1024;
        struct touch *grown = realloc(m->touched, room * sizeof *grown);
        if (!grown)
            return gb_fail_set(fail, GB_E_MEMORY, "%s",
                               gb_err_sentence(GB_E_MEMORY));
        m->touched = grown;
        m->room = room;
    }
    m->touched[m->ntouched++] = t;
    return GB_OK;
}

/* Every record that a set after the from-head changed. */
static enum gb_err
collect_touched(struct making *m, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_preparef(
        gb_state_db(m->st), &s, fail,
        "SELECT device, touched FROM _set WHERE pos > %lld ORDER BY pos",
        (long long)m->ask->from);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_touch_reader r;
        struct touch t = {.theirs = sqlite3_column_int(s, 0) != m->ask->device};
        gb_touch_open(&r, gb_db_blob(s, 1));
        while (!e && gb_touch_next(&r, &t.table, &t.id))
            e = add_touch(m, t, fail);
    }
    sqlite3_finalize(s);
    return e;
}

/* Records of the device's own operations that did not take effect: it shows
 * them, so it must hear what the hub has, or that the hub has nothing. */
static enum gb_err
collect_waiting(struct making *m, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e =
        gb_db_preparef(gb_state_db(m->st), &s, fail,
                       "SELECT DISTINCT tbl, id FROM _wait WHERE device = %d "
                       "AND pos > %lld AND tbl IS NOT NULL",
                       m->ask->device, (long long)m->ask->from);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct touch t = {.id = sqlite3_column_int64(s, 1), .theirs = true};
        bool found = false;
        t.table = gb_schema_table(gb_state_schema(m->st), gb_db_blob(s, 0));
        if (t.table < 0)
            continue;
        e = gb_tables_exists(gb_state_tables(m->st), t.table, t.id, &found,
                             fail);
        if (!e && found) {
            e = add_touch(m, t, fail);
        } else if (!e) {
            gb_buf_varint(&m->gone, (uint64_t)t.table);
            gb_buf_zigzag(&m->gone, t.id);
            m->ngone++;
        }
    }
    sqlite3_finalize(s);
    return e;
}

static int
by_record(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Sorted, each once, without those that only the device itself touched. */
static void
sort_touched(struct making *m)
{
    size_t n = 0;
    if (m->ntouched)
        qsort(m->touched, m->ntouched, sizeof *m->touched, by_record);
    for (size_t i = 0; i < m->ntouched;) {
        struct touch t = m->touched[i];
        for (i++; i < m->ntouched && !by_record(&m->touched[i], &t); i++)
            t.theirs |= m->touched[i].theirs;
        if (t.theirs)
            m->touched[n++] = t;
    }
    m->ntouched = n;
}

/* ------------------------------------------------------------- the parts -- */

static void
write_header(const struct gb_delta_head *h, struct gb_buf *out)
{
    gb_buf_text(out, "GBDL");
    gb_buf_u8(out, 1);
    gb_buf_u8(out, 0);
    gb_buf_u16(out, (unsigned)h->device);
    gb_buf_add(out, h->site, sizeof h->site);
    gb_buf_u32(out, h->part);
    gb_buf_u32(out, (h->last ? 1u : 0u) | (h->keep ? 2u : 0u));
    gb_buf_u64(out, h->from);
    gb_buf_u32(out, h->to.epoch);
    gb_buf_u64(out, h->to.size);
    gb_buf_add(out, h->to.root, 32);
    gb_buf_u32(out, h->accepted);
    gb_buf_add(out, h->accepted_sha, 32);
    gb_buf_u64(out, (uint64_t)h->stamp);
    gb_buf_u32(out, h->schema);
    gb_buf_u64(out, (uint64_t)h->clock_ms);
}

/* The open group, into the part. */
static enum gb_err
close_group(struct making *m, struct gb_fail *fail)
{
    if (!m->nrows)
        return GB_OK;
    gb_buf_varint(&m->groups, (uint64_t)m->table);
    gb_buf_varint(&m->groups, m->nrows);
    enum gb_err e = gb_delta_rows_write(m->rows, m->nrows, &m->groups, fail);
    m->ngroups++;
    m->nrows = 0;
    gb_arena_reset(&m->arena);
    return e;
}

/* One section, when it holds anything. */
static enum gb_err
section(struct gb_section_writer *w, unsigned type, struct gb_buf *bytes,
        struct gb_span dictionary, struct gb_fail *fail)
{
    enum gb_err e = gb_buf_check(bytes, "a part of a delta", fail);
    if (!e && bytes->len)
        e = gb_section_write(w, type, gb_buf_view(bytes), dictionary, fail);
    gb_buf_clear(bytes);
    return e;
}

/* Name, time zone, keys and epoch of the site. */
static void
write_site(const struct gb_site *s, struct gb_buf *out)
{
    gb_tlv_put(out, GB_SITE_NAME, gb_span_text(s->name));
    gb_tlv_put(out, GB_SITE_TIMEZONE, gb_span_text(s->timezone));
    gb_tlv_put(out, GB_SITE_HUB_KEY, GB_SPAN(s->hub_key, 32));
    gb_tlv_put(out, GB_SITE_LEDGER_KEY, GB_SPAN(s->ledger_key, 32));
    gb_tlv_put(out, GB_SITE_RECEIVE_KEY, GB_SPAN(s->receive_key, 32));
    gb_tlv_number(out, GB_SITE_EPOCH, s->epoch);
}

/* What the device is to the hub, and whether its keys are known. */
static void
write_device(const struct gb_device *d, struct gb_buf *out)
{
    const char *line = d->attributes;
    gb_tlv_put(out, GB_DEVICE_NAME, gb_span_text(d->name));
    gb_tlv_number(out, GB_DEVICE_LEVEL, (uint64_t)d->level);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1)
        gb_tlv_put(out, GB_DEVICE_ATTRIBUTE,
                   GB_SPAN(line, (size_t)(end - line)));
    if (d->enrolled)
        gb_tlv_put(out, GB_DEVICE_SIGN_KEY, GB_SPAN(d->sign_key, 32));
}

/* The lines of the device's own sets since the from-head. */
static enum gb_err
write_receipts(struct making *m, struct gb_buf *out, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e =
        gb_db_preparef(gb_state_db(m->st), &s, fail,
                       "SELECT line FROM _set WHERE device = %d AND pos > "
                       "%lld ORDER BY pos",
                       m->ask->device, (long long)m->ask->from);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        gb_buf_string(out, gb_db_blob(s, 0));
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
write_proof(struct making *m, struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_merkle_proof proof;
    enum gb_err e =
        gb_state_prove(m->st, m->ask->highest, m->head.to.size, &proof, fail);
    if (e)
        return e;
    gb_buf_varint(out, m->ask->highest);
    gb_merkle_proof_write(out, &proof);
    return GB_OK;
}

/* Sections that are said once, in the first part; all but the records have
 * higher types and so stand behind them. */
static enum gb_err
once_behind(struct making *m, struct gb_section_writer *w, struct gb_buf *b,
            struct gb_fail *fail)
{
    const struct gb_schema *schema = gb_state_schema(m->st);
    const struct gb_lineage *l = gb_state_lineage(m->st);
    const struct gb_span none = GB_SPAN(NULL, 0);
    enum gb_err e = GB_OK;
    if (schema->version > m->ask->schema)
        gb_buf_span(b, schema->text);
    e = section(w, GB_DELTA_SCHEMA, b, none, fail);
    if (!e)
        e = write_receipts(m, b, fail);
    if (!e)
        e = section(w, GB_DELTA_RECEIPTS, b, none, fail);
    if (!e)
        e = write_proof(m, b, fail);
    if (!e)
        e = section(w, GB_DELTA_PROOF, b, none, fail);
    for (int i = 0; i < l->n; i++) {
        gb_buf_varint(b, (uint64_t)l->of[i].device);
        gb_buf_varint(b, (uint64_t)l->of[i].parent);
        gb_buf_zigzag(b, l->of[i].stamp);
    }
    if (!e)
        e = section(w, GB_DELTA_LINEAGE, b, none, fail);
    if (!e)
        e = section(w, GB_DELTA_GONE, &m->gone, none, fail);
    return e;
}

static enum gb_err
once_before(struct making *m, struct gb_section_writer *w, struct gb_buf *b,
            struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    const struct gb_span none = GB_SPAN(NULL, 0);
    write_site(gb_state_site(m->st), b);
    enum gb_err e = section(w, GB_DELTA_SITE, b, none, fail);
    if (!e)
        e = gb_state_device(m->st, m->ask->device, &d, &found, fail);
    if (!e)
        write_device(&d, b);
    return e ? e : section(w, GB_DELTA_DEVICE, b, none, fail);
}

/* Sign and hand over the part that is ready. */
static enum gb_err
send_part(struct making *m, bool last, struct gb_fail *fail)
{
    struct gb_buf out, b;
    gb_buf_init(&out, GB_SET_MAX);
    gb_buf_init(&b, GB_BODY_MAX);
    enum gb_err e = close_group(m, fail);
    m->head.part++;
    m->head.last = last;
    write_header(&m->head, &out);
    struct gb_section_writer w = gb_section_writer_of(&out);
    if (!e && m->head.part == 1)
        e = once_before(m, &w, &b, fail);
    if (m->ngroups) {
        gb_buf_varint(&b, m->ngroups);
        gb_buf_span(&b, gb_buf_view(&m->groups));
    }
    if (!e)
        e = section(&w, GB_DELTA_RECORDS, &b,
                    gb_state_schema(m->st)->dictionary, fail);
    if (!e && m->head.part == 1)
        e = once_behind(m, &w, &b, fail);
    if (!e)
        e = gb_section_finish(&w, fail);
    if (!e) {
        struct gb_signature sig =
            gb_sshsig_sign(m->key, GB_NS_DELTA, gb_buf_view(&out));
        gb_buf_add(&out, sig.bytes, sizeof sig.bytes);
        e = gb_buf_check(&out, "a part of a delta", fail);
    }
    if (!e)
        e = m->sink(m->context, gb_buf_view(&out), fail);
    gb_buf_release(&out);
    gb_buf_release(&b);
    gb_buf_clear(&m->groups);
    m->ngroups = m->nrecords = m->bytes = 0;
    return e;
}

/* Room for one more record of a table, in a part that is not full. */
static enum gb_err
make_room(struct making *m, int table, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (m->nrecords == GB_DELTA_RECORDS_MAX || m->bytes > GB_DELTA_PART_BYTES)
        e = send_part(m, false, fail);
    if (!e && table != m->table)
        e = close_group(m, fail);
    m->table = table;
    return e;
}

/* What a record will need, roughly: its values and a few bytes a column. */
static size_t
size_of(const struct gb_rec *r)
{
    size_t n = 32 + r->ref.len;
    for (int c = 0; c < r->table->ncolumns; c++)
        for (int i = 0; i < r->cells[c].n; i++) {
            const struct gb_value *v = &r->cells[c].sib[i].value;
            n += v->type == GB_TEXT || v->type == GB_BLOB ? v->as.s.len + 4 : 6;
        }
    return n + 16u * (unsigned)(r->nseen + r->nvoids);
}

static enum gb_err
bring(struct making *m, int table, int64_t id, struct gb_fail *fail)
{
    bool found;
    enum gb_err e = make_room(m, table, fail);
    if (e)
        return e;
    struct gb_rec *r = &m->rows[m->nrows];
    e = gb_tables_load(gb_state_tables(m->st), table, id, &m->arena, r, &found,
                       fail);
    if (e || !found)
        return e;
    size_t size = size_of(r);
    if (m->bytes && m->bytes + size > GB_DELTA_PART_BYTES) {
        /* a large one begins the next part; sending emptied the arena */
        e = send_part(m, false, fail);
        r = &m->rows[m->nrows];
        if (!e)
            e = gb_tables_load(gb_state_tables(m->st), table, id, &m->arena, r,
                               &found, fail);
        if (e || !found)
            return e;
    }
    m->nrows++;
    m->nrecords++;
    m->bytes += size;
    return GB_OK;
}

/* Everything that there is, by id: a walk cannot keep its rows, so ids come
 * first and each record is then read like any other. */
static enum gb_err
bring_table(struct making *m, int table, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_preparef(gb_state_db(m->st), &s, fail,
                                   "SELECT id FROM \"%w\" ORDER BY id",
                                   gb_state_schema(m->st)->tables[table].name);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        e = bring(m, table, sqlite3_column_int64(s, 0), fail);
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
bring_all(struct making *m, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (m->head.keep) {
        for (int t = 0; t < gb_state_schema(m->st)->ntables && !e; t++)
            e = bring_table(m, t, fail);
    } else {
        e = collect_touched(m, fail);
        if (!e)
            e = collect_waiting(m, fail);
        sort_touched(m);
        for (size_t i = 0; i < m->ntouched && !e; i++)
            e = bring(m, m->touched[i].table, m->touched[i].id, fail);
    }
    return e ? e : send_part(m, true, fail);
}

static enum gb_err
fill_head(struct making *m, struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    struct gb_delta_head *h = &m->head;
    enum gb_err e = gb_state_device(m->st, m->ask->device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN, "there is no device %d",
                        m->ask->device);
    if (e)
        return e;
    *h = (struct gb_delta_head){.device = m->ask->device,
                                .keep = m->ask->from == 0,
                                .from = m->ask->from,
                                .to = gb_state_head(m->st),
                                .accepted = d.seq,
                                .schema = gb_state_schema(m->st)->version,
                                .clock_ms = m->ask->clock_ms};
    memcpy(h->site, gb_state_site(m->st)->id, sizeof h->site);
    memcpy(h->accepted_sha, d.sha, sizeof h->accepted_sha);
    return gb_state_stamp(m->st, h->to.size, &h->stamp, fail);
}

enum gb_err
gb_delta_make(struct gb_state *st, const struct gb_delta_ask *ask,
              const struct gb_sign_key *key, gb_delta_sink *sink, void *context,
              struct gb_fail *fail)
{
    struct making m = {.st = st,
                       .ask = ask,
                       .key = key,
                       .sink = sink,
                       .context = context,
                       .table = -1};
    if (ask->from >= gb_state_size(st))
        return GB_OK;
    gb_buf_init(&m.groups, GB_BODY_MAX);
    gb_buf_init(&m.gone, GB_BODY_MAX);
    gb_arena_init(&m.arena, GB_ARENA_MAX);
    m.rows = calloc(GB_DELTA_RECORDS_MAX, sizeof *m.rows);
    enum gb_err e = m.rows ? fill_head(&m, fail)
                           : gb_fail_set(fail, GB_E_MEMORY, "%s",
                                         gb_err_sentence(GB_E_MEMORY));
    if (!e)
        e = bring_all(&m, fail);
    free(m.rows);
    free(m.touched);
    gb_buf_release(&m.groups);
    gb_buf_release(&m.gone);
    gb_arena_release(&m.arena);
    return e;
}
