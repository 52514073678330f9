/* delta_make.c - what a device lacks; see delta.h, delta_private.h */
#include <stdlib.h>
#include <string.h>

#include "delta_private.h"
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
    struct gb_delta_out out;
    struct touch *touched;
    size_t ntouched, room;
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

/* The lines of the device's own sets since the from-head. */
static enum gb_err
bring_receipts(struct making *m, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    struct gb_buf line;
    bool row;
    gb_buf_init(&line, GB_SET_MAX + 16);
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
        e = gb_delta_bring(&m->out, table, sqlite3_column_int64(s, 0), fail);
    sqlite3_finalize(s);
    return e;
}

static enum gb_err
bring_all(struct making *m, struct gb_fail *fail)
{
    enum gb_err e = bring_receipts(m, fail);
    if (e)
        return e;
    if (m->out.head.keep) {
        for (int t = 0; t < gb_state_schema(m->st)->ntables && !e; t++)
            e = bring_table(m, t, fail);
    } else {
        e = collect_touched(m, fail);
        if (!e)
            e = collect_waiting(m, fail);
        sort_touched(m);
        for (size_t i = 0; i < m->ntouched && !e; i++)
            e = gb_delta_bring(&m->out, m->touched[i].table, m->touched[i].id,
                               fail);
    }
    return e ? e : gb_delta_out_end(&m->out, fail);
}

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
                       .out = {.st = st,
                               .ask = ask,
                               .key = key,
                               .sink = sink,
                               .context = context}};
    if (ask->from >= gb_state_size(st))
        return GB_OK;
    enum gb_err e = gb_delta_out_open(&m.out, fail);
    if (!e)
        e = fill_head(&m, fail);
    if (!e)
        e = bring_all(&m, fail);
    free(m.touched);
    gb_delta_out_release(&m.out);
    return e;
}
