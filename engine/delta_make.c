/* delta_make.c - what a device lacks; see delta.h, delta_private.h */
#include <stdlib.h>
#include <string.h>

#include "delta_private.h"
#include "scope.h"
#include "touch.h"

/* What is said of an operation that waits: two numbers and a code. */
#define WAIT_MAX 64

/* A record that may have to come. */
struct touch {
    int table;
    int64_t id;
    bool theirs; /* others changed it, or the hub took something back */
    bool own;    /* the device itself did */
};

struct making {
    struct gb_state *st;
    const struct gb_delta_ask *ask;
    struct gb_delta_out out;
    struct gb_scope *scope;
    struct touch *touched;
    size_t ntouched, room;
    bool past[GB_TABLES_MAX]; /* earlier answers of its scope may differ */
    uint64_t heads[GB_DELTA_HEADS_MAX + 1]; /* where the device may stand */
    int nheads;
    struct gb_arena arena; /* one record */
};

/* ------------------------------------------------------- what to bring -- */

static enum gb_err
add_touch(struct making *m, struct touch t, struct gb_fail *fail)
{
    if (m->ntouched == m->room) {
        size_t room = 2 * m->room + 1024;
        struct touch *grown = realloc(m->touched, room * sizeof *grown);
        if (!grown)
            return gb_fail_memory(fail);
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
        "SELECT device, touched, again FROM _set WHERE pos > %lld ORDER BY pos",
        (long long)m->ask->from);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        struct gb_touch_reader r;
        struct touch t = {.own = sqlite3_column_int(s, 0) == m->ask->device};
        /* what was captured again has levels of then, which only the hub
         * knows (MERGE.md M19) */
        t.theirs = !t.own || sqlite3_column_int(s, 2);
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
            e = gb_delta_name(&m->out, GB_DELTA_J_GONE, t.table, t.id, fail);
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

/* Sorted, each once. */
static void
sort_touched(struct making *m)
{
    size_t n = 0;
    if (m->ntouched)
        qsort(m->touched, m->ntouched, sizeof *m->touched, by_record);
    for (size_t i = 0; i < m->ntouched;) {
        struct touch t = m->touched[i];
        for (i++; i < m->ntouched && !by_record(&m->touched[i], &t); i++) {
            t.theirs |= m->touched[i].theirs;
            t.own |= m->touched[i].own;
        }
        m->touched[n++] = t;
    }
    m->ntouched = n;
}

/* --------------------------------------------------------------- scope -- */

/* Whether a table has new records since the from-head. */
static enum gb_err
grown(struct making *m, int table, bool *out, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e =
        gb_db_preparef(gb_state_db(m->st), &s, fail,
                       "SELECT 1 FROM \"%w\" WHERE id = ?1 AND _pos >> 4 > ?2",
                       gb_state_schema(m->st)->tables[table].name);
    for (size_t i = 0; i < m->ntouched && !e && !*out; i++) {
        if (m->touched[i].table != table)
            continue;
        sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, m->touched[i].id);
        sqlite3_bind_int64(s, 2, (int64_t)m->ask->from);
        e = gb_db_step(s, &row, fail);
        *out |= !e && row;
    }
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
add_candidate(void *context, int table, int64_t id, struct gb_fail *fail)
{
    return add_touch(context, (struct touch){.table = table, .id = id}, fail);
}

/* Records of one table that nobody touched, and whose answer changed. */
static enum gb_err
collect_moved(struct making *m, int table, struct gb_fail *fail)
{
    const struct gb_table *t = &gb_state_schema(m->st)->tables[table];
    struct gb_scope_moved moved;
    enum gb_err e = gb_scope_moved(m->scope, table, m->ask->from, &moved, fail);
    for (int i = 0; i < t->nreads && t->scope_grows && !e; i++)
        if (t->reads[i].table != table || t->scope_self)
            e = grown(m, t->reads[i].table, &moved.others, fail);
    m->past[table] = moved.own || moved.others;
    for (int h = 0; h < m->nheads && moved.others && !e; h++)
        e = gb_scope_differ(m->scope, table, m->heads[h], add_candidate, m,
                            fail);
    return e;
}

static enum gb_err
collect_candidates(struct making *m, struct gb_fail *fail)
{
    const struct gb_schema *s = gb_state_schema(m->st);
    m->heads[m->nheads++] = m->ask->from;
    for (int i = 0; i < m->ask->nheads; i++)
        m->heads[m->nheads++] = m->ask->heads[i];
    enum gb_err e = collect_touched(m, fail);
    if (!e)
        e = collect_waiting(m, fail);
    sort_touched(m);
    size_t touched = m->ntouched; /* what is new here was touched */
    for (int t = 0; t < s->ntables && !e; t++)
        if (s->tables[t].scope)
            e = collect_moved(m, t, fail);
    if (m->ntouched > touched)
        sort_touched(m);
    return e;
}

/* The rival verdict is part of the record, and no set of the device's own
 * says it. */
static enum gb_err
judged_anew(struct making *m, const struct touch *t, bool *out,
            struct gb_fail *fail)
{
    struct gb_rec r;
    bool found;
    gb_arena_reset(&m->arena);
    enum gb_err e = gb_tables_load(gb_state_tables(m->st), t->table, t->id,
                                   &m->arena, &r, &found, fail);
    *out |= !e && found && r.rival_pos > (int64_t)m->ask->from;
    return e;
}

/* A record that is out of scope: if the device may have it, it hears so. */
static enum gb_err
let_go(struct making *m, const struct touch *t, bool had, struct gb_fail *fail)
{
    if (!had && !t->own)
        return GB_OK;
    enum gb_err e =
        gb_delta_name(&m->out, GB_DELTA_J_LEFT, t->table, t->id, fail);
    return e ? e : gb_delta_bring(&m->out, t->table, t->id, fail);
}

/* One candidate: brought, left out, or let go. */
static enum gb_err
decide(struct making *m, const struct touch *t, struct gb_fail *fail)
{
    bool in = true, had = false, lacked = false, bring = t->theirs;
    enum gb_err e = GB_OK;
    if (gb_state_schema(m->st)->tables[t->table].scope)
        e = gb_scope_now(m->scope, t->table, t->id, &in, fail);
    for (int h = 0; m->past[t->table] && h < m->nheads && !e; h++) {
        enum gb_scope_was was;
        e = gb_scope_at(m->scope, t->table, t->id, m->heads[h], &was, fail);
        had |= was == GB_WAS_IN;
        lacked |= was == GB_WAS_OUT;
    }
    if (!e && !in)
        return let_go(m, t, had, fail);
    bring |= lacked;
    if (!e && !bring)
        e = judged_anew(m, t, &bring, fail);
    return e || !bring ? e : gb_delta_bring(&m->out, t->table, t->id, fail);
}

/* ----------------------------------------------------------- the whole -- */

/* The lines of the device's own sets since the from-head. */
static enum gb_err
bring_receipts(struct making *m, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    struct gb_buf line;
    bool row;
    gb_buf_init(&line, GB_LINE_MAX + 16); /* and its length */
    enum gb_err e =
        gb_db_preparef(gb_state_db(m->st), &s, fail,
                       "SELECT line FROM _set WHERE device = %d AND pos > "
                       "%lld ORDER BY pos",
                       m->ask->device, (long long)m->ask->from);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        gb_buf_clear(&line);
        gb_buf_string(&line, gb_db_blob(s, 0));
        e = gb_buf_check(&line, "a receipt", fail);
        if (!e)
            e = gb_delta_stream(&m->out, GB_DELTA_J_RECEIPTS,
                                gb_buf_view(&line), fail);
    }
    sqlite3_finalize(s);
    gb_buf_release(&line);
    return e;
}

/* All of the device's own operations that wait: what it has taken back beyond
 * these took effect since. */
static enum gb_err
bring_waiting(struct making *m, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    struct gb_buf b, string;
    bool row;
    gb_buf_init(&b, WAIT_MAX);
    gb_buf_init(&string, WAIT_MAX);
    enum gb_err e =
        gb_db_preparef(gb_state_db(m->st), &s, fail,
                       "SELECT seq, idx, code FROM _wait WHERE device = %d "
                       "ORDER BY seq, idx",
                       m->ask->device);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        gb_buf_clear(&b);
        gb_buf_clear(&string);
        gb_buf_varint(&b, (uint64_t)sqlite3_column_int64(s, 0));
        gb_buf_varint(&b, (uint64_t)sqlite3_column_int64(s, 1));
        gb_buf_span(&b, gb_db_blob(s, 2));
        gb_buf_string(&string, gb_buf_view(&b));
        e = gb_buf_check(&string, "what waits", fail);
        if (!e)
            e = gb_delta_stream(&m->out, GB_DELTA_J_WAITS, gb_buf_view(&string),
                                fail);
    }
    sqlite3_finalize(s);
    gb_buf_release(&b);
    gb_buf_release(&string);
    return e;
}

static enum gb_err
bring_id(void *context, int table, int64_t id, struct gb_fail *fail)
{
    struct making *m = context;
    return gb_delta_bring(&m->out, table, id, fail);
}

static enum gb_err
bring_all(struct making *m, struct gb_fail *fail)
{
    enum gb_err e = bring_receipts(m, fail);
    if (!e)
        e = bring_waiting(m, fail);
    if (!e)
        e = gb_delta_stream(&m->out, GB_DELTA_J_KNOWN, m->ask->known, fail);
    if (!e && m->out.head.keep) {
        for (int t = 0; t < gb_state_schema(m->st)->ntables && !e; t++)
            e = gb_scope_each(m->scope, t, bring_id, m, fail);
        if (!e)
            e = collect_waiting(m, fail); /* for those that are gone */
    } else if (!e) {
        e = collect_candidates(m, fail);
        for (size_t i = 0; i < m->ntouched && !e; i++)
            e = decide(m, &m->touched[i], fail);
    }
    return e ? e : gb_delta_out_end(&m->out, fail);
}

/* The head of the delta, and the scope that it has. */
static enum gb_err
fill_head(struct making *m, struct gb_fail *fail)
{
    struct gb_device d;
    bool found;
    struct gb_delta_head *h = &m->out.head;
    enum gb_err e = gb_state_device(m->st, m->ask->device, &d, &found, fail);
    if (!e && !found)
        e = gb_fail_set(fail, GB_E_UNKNOWN, "there is no device %d",
                        m->ask->device);
    if (!e)
        e = gb_scope_open(m->st, &d, &m->scope, fail);
    bool steady = false;
    if (!e)
        e = gb_scope_steady(m->scope, m->ask->from, &steady, fail);
    if (e)
        return e;
    *h = (struct gb_delta_head){.device = m->ask->device,
                                .keep = m->ask->from == 0 || m->ask->unsure ||
                                        !steady,
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
                       .out = {.st = st,
                               .ask = ask,
                               .key = key,
                               .sink = sink,
                               .context = context}};
    if (ask->from >= gb_state_size(st))
        return GB_OK;
    gb_arena_init(&m.arena, GB_ARENA_MAX);
    enum gb_err e = gb_delta_out_open(&m.out, fail);
    if (!e)
        e = fill_head(&m, fail);
    if (!e)
        e = bring_all(&m, fail);
    free(m.touched);
    gb_scope_close(m.scope);
    gb_arena_release(&m.arena);
    gb_delta_out_release(&m.out);
    return e;
}
