/*
 * scenario.c - what once broke a promise, told again step by step, so that it
 * is met whatever the seeds of today lead to; see sim.h.
 */
#include "sim.h"

#define YEAR (8766 * SIM_HOUR)

/* The machine starts anew, its wall clock so much off. */
static void
start_anew(struct handheld *h, int64_t offset_ms)
{
    sim_handheld_close(h);
    h->boot[0]++;
    h->started_ms = h->w->time_ms;
    h->offset_ms = offset_ms;
}

static int64_t
insert(struct handheld *h, const char *column, int64_t v)
{
    h->w->time_ms += 1000;
    return sim_write_this(h, sim_write_of(h, GB_INSERT, 0, column, v));
}

static void
set(struct handheld *h, int64_t id, const char *column, int64_t v)
{
    h->w->time_ms += 1000;
    sim_write_this(h, sim_write_of(h, GB_SET, id, column, v));
}

/*
 * A clock that was a year ahead falls back once its work is accepted.  The
 * open tail began behind the last sealed stamp, which lay in that year, so
 * what was written afterwards was never sealed.
 */
static void
fallen_clock(struct world *w)
{
    struct handheld *h = w->h;
    start_anew(h, YEAR);
    int64_t id = insert(h, "la", 1);
    sim_sync(h);
    start_anew(h, 0);
    set(h, id, "la", 2);
    sim_sync(h);
    set(h, id, "la", 3);
}

/* The same while sets of the year ahead still wait for their receipt, and with
 * the clock falling further. */
static void
fallen_twice(struct world *w)
{
    struct handheld *h = w->h, *other = w->h + 1;
    start_anew(h, YEAR);
    int64_t id = insert(h, "la", 1);
    sim_sync(h);
    sim_sync(other);
    set(other, id, "la", 5);
    start_anew(h, -YEAR);
    set(h, id, "la", 2);
    sim_stick_out(h);
    set(h, id, "mx", 4);
    sim_sync(other);
    sim_sync(h);
    start_anew(h, 0);
    set(h, id, "la", 3);
    sim_sync(h);
}

/* The record that loses its slot was just sent by the handheld itself, so the
 * delta left it out, and the verdict with it. */
static void
own_claim(struct world *w)
{
    insert(w->h + 1, "slot", 1);
    sim_sync(w->h + 1);
    insert(w->h, "slot", 1);
    sim_sync(w->h);
}

/* What a copy captures again has the level that its writer had then.  The
 * handheld, which only knows the level of now, was not told. */
static void
level_of_then(struct world *w)
{
    struct handheld *h = w->h, *other = w->h + 1;
    struct sim_write demote = {.kind = GB_SET,
                               .table = SIM_STAFF,
                               .id = 1,
                               .n = 1,
                               .values = {{1, gb_value_int(1), false}}};
    int64_t id = insert(h, "ro", 1);
    sim_sync(h);
    const struct sim_backup *old = sim_back_up(h);
    set(h, id, "ro", 2);
    sim_sync(h);
    sim_sync(other);
    sim_write_this(other, demote);
    sim_sync(other);
    sim_put_back(h, old);
    set(h, id, "ro", 3);
}

/* The clock is set while a journal is a copy.  The new journal began to count
 * anew in the same boot, so the hub adjusted the old times by the new clock. */
static void
clock_of_a_copy(struct world *w)
{
    struct handheld *h = w->h;
    int64_t id = insert(h, "la", 1);
    sim_sync(h);
    const struct sim_backup *old = sim_back_up(h);
    set(h, id, "la", 2);
    sim_sync(h);
    sim_put_back(h, old);
    w->time_ms += 24 * SIM_HOUR;
    set(h, id, "la", 3);
    h->offset_ms = YEAR;
}

static void
add(struct handheld *h, int64_t id, const char *column, int64_t v)
{
    struct sim_write what = sim_write_of(h, GB_SET, id, column, v);
    h->w->time_ms += 1000;
    what.values[0].add = true;
    sim_write_this(h, what);
}

/* What a handheld's record shows. */
static void
must_show(struct handheld *h, int64_t id, const char *column, int64_t v)
{
    struct gb_arena arena;
    struct gb_rec r;
    bool found;
    sim_handheld_open(h);
    gb_arena_init(&arena, GB_ARENA_MAX);
    SIM_MUST(h->w, gb_tables_load(gb_journal_tables(h->folder.journal), SIM_R,
                                  id, &arena, &r, &found, &why));
    int c = gb_table_column(r.table, gb_span_text(column));
    struct gb_value is = gb_cell_value(&r.table->columns[c], &r.cells[c]);
    if (is.as.i != v)
        sim_broken(h->w, "%s shows %lld in place of %lld", column,
                   (long long)is.as.i, (long long)v);
    gb_arena_release(&arena);
}

/*
 * The hub committed, but its reply was lost.  An older delta, a newer one, both
 * on sticks, and a sync come in one of their orders: a sum is never doubled,
 * and what showed before never comes back.
 */
static void
lost_reply(struct world *w, const int order[3])
{
    enum { OLDER, NEWER, SYNC };
    struct handheld *h = w->h, *other = w->h + 1;
    struct sim_parcel *stick[2];
    int64_t id = insert(h, "su", 1), la = 2;
    sim_sync(h);
    sim_sync(other);
    add(other, id, "su", 10);
    sim_sync(other);
    stick[OLDER] = sim_stick_down(h);
    add(h, id, "su", 5);
    set(h, id, "la", 2);
    w->lose = true;
    sim_sync(h);
    w->lose = false;
    sim_sync(other);
    set(other, id, "la", 3);
    sim_sync(other);
    stick[NEWER] = sim_stick_down(h);
    must_show(h, id, "su", 6);
    for (int i = 0; i < 3; i++) {
        if (order[i] == SYNC)
            sim_sync(h);
        else
            sim_stick_take(h, gb_buf_view(&stick[order[i]]->bytes));
        la = order[i] == OLDER ? la : 3;
        must_show(h, id, "su", 16);
        must_show(h, id, "la", la);
    }
}

static void
lost_replies(struct world *w)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        lost_reply(w, orders[i]);
}

static const struct {
    const char *name;
    void (*run)(struct world *w);
} scenarios[] = {{"a clock that fell", fallen_clock},
                 {"a clock that fell twice", fallen_twice},
                 {"a claim of one's own", own_claim},
                 {"the level of then", level_of_then},
                 {"the clock of a copy", clock_of_a_copy},
                 {"replies that were lost", lost_replies}};

void
sim_scenarios(struct world *w)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        sim_world_make(w, i + 1, 2);
        w->calm = true;
        w->scenario = scenarios[i].name;
        sim_tell(w, "scenario: %s", w->scenario);
        scenarios[i].run(w);
        sim_finish(w);
        sim_check(w);
        sim_world_free(w);
    }
}
