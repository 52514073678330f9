/* write.c - what a steward does on a handheld: records, changes, voids,
 * transactions, under every rule; see sim.h */
#include <string.h>

#include "engine/id.h"
#include "sim.h"

#define TEXT(t)                                                                \
    {                                                                          \
        .type = GB_TEXT, .as.s = {(const uint8_t *)(t), sizeof(t) - 1 }        \
    }
#define LEN(a) ((int)(sizeof(a) / sizeof *(a)))

/* What may be written into a column: one of these, or a small number. */
static const struct gb_value conditions[] = {TEXT("ok"), TEXT("drip"),
                                             TEXT("leak")};
static const struct gb_value states[] = {TEXT("a"), TEXT("b"), TEXT("c"),
                                         TEXT("d")};
static const struct gb_value areas[] = {TEXT("A"), TEXT("B")};
static const struct gb_value phones[] = {TEXT("13800000000"), TEXT("保密"),
                                         TEXT("")};
static const struct field {
    const char *name;
    const struct gb_value *values;
    int nvalues; /* 0: numbers from 0 to 5 */
    int insert;  /* percent of the inserts that have it */
    int set;     /* weight among changes */
    bool null;   /* now and then NULL */
} fields[] = {
    {"fa", NULL, 0, 70, 1, false},        {"slot", NULL, 0, 40, 0, false},
    {"la", NULL, 0, 60, 6, true},         {"area", areas, 2, 45, 4, true},
    {"fi", NULL, 0, 20, 4, false},        {"su", NULL, 0, 50, 5, false},
    {"mx", NULL, 0, 50, 5, true},         {"mxb", NULL, 0, 30, 4, true},
    {"mn", NULL, 0, 30, 4, true},         {"wo", conditions, 3, 50, 5, false},
    {"wob", conditions, 3, 50, 5, false}, {"st", states, 1, 90, 0, false},
    {"st", states, 4, 0, 12, false},      {"ro", NULL, 0, 20, 4, true},
    {"re", NULL, 0, 50, 6, true},         {"owner", NULL, 0, 0, 2, false},
    {"secret", phones, 3, 30, 4, true},   {"first", phones, 3, 20, 2, false},
    {"fact", phones, 3, 20, 0, false},    {"late", NULL, 0, 30, 4, false},
};

/* A value of a field, or of a record that it refers to. */
static struct gb_value
choose(struct world *w, const struct field *f)
{
    if (f->null && sim_chance(&w->chance, 5))
        return GB_VALUE_NULL;
    if (f->nvalues)
        return f->values[sim_below(&w->chance, f->nvalues)];
    if (!strcmp(f->name, "owner"))
        return gb_value_int(
            w->nrecords ? w->records[sim_below(&w->chance, w->nrecords)] : 1);
    if (!strcmp(f->name, "slot"))
        return gb_value_int(sim_below(&w->chance, 3));
    return gb_value_int(sim_below(&w->chance, 6));
}

static int
column(const struct handheld *h, const char *name)
{
    const struct gb_schema *s = gb_journal_schema(h->folder.journal);
    return gb_table_column(&s->tables[SIM_R], gb_span_text(name));
}

/* --------------------------------------------------------- remembering -- */

static int64_t
captured(struct handheld *h)
{
    struct gb_journal_info i;
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    return i.unsealed;
}

static void
remember(struct handheld *h, const struct sim_write *write)
{
    struct world *w = h->w;
    w->writes =
        sim_grow(w->writes, w->nwrites, &w->room_writes, sizeof *w->writes);
    h->writes = sim_grow(h->writes, h->nwrites, &h->room, sizeof *h->writes);
    h->writes[h->nwrites++] = w->nwrites;
    w->writes[w->nwrites++] = *write;
    w->operations++;
    if (write->kind != GB_INSERT)
        return;
    w->records =
        sim_grow(w->records, w->nrecords, &w->room_records, sizeof *w->records);
    w->records[w->nrecords++] = write->id;
}

/* ------------------------------------------------------- what to write -- */

static struct sim_write
new_record(struct handheld *h)
{
    struct world *w = h->w;
    struct sim_write out = {.kind = GB_INSERT, .table = SIM_R};
    for (int i = 0; i < LEN(fields) && out.n < LEN(out.values); i++) {
        int c = column(h, fields[i].name);
        if (c < 0 || !sim_chance(&w->chance, fields[i].insert))
            continue;
        struct gb_value v = choose(w, &fields[i]);
        if (v.type != GB_NULL)
            out.values[out.n++] = (struct gb_assign){c, v, false};
    }
    return out;
}

/* A field by its weight among changes, that this schema has. */
static const struct field *
choose_field(struct handheld *h)
{
    int sum = 0;
    for (int i = 0; i < LEN(fields); i++)
        sum += fields[i].set;
    for (;;) {
        int at = sim_below(&h->w->chance, sum), i = 0;
        while ((at -= fields[i].set) >= 0)
            i++;
        if (column(h, fields[i].name) >= 0)
            return &fields[i];
    }
}

static struct sim_write
change(struct handheld *h, int64_t id)
{
    struct world *w = h->w;
    struct sim_write out = {.kind = GB_SET, .table = SIM_R, .id = id};
    for (int k = sim_chance(&w->chance, 30) ? 2 : 1; k; k--) {
        const struct field *f = choose_field(h);
        int c = column(h, f->name);
        bool add = !strcmp(f->name, "su");
        if (!out.n || out.values[0].column != c)
            out.values[out.n++] = (struct gb_assign){c, choose(w, f), add};
    }
    return out;
}

/* Some record that this handheld has, or 0. */
static int64_t
choose_record(struct handheld *h)
{
    struct world *w = h->w;
    bool there = false;
    for (int i = 0; i < 8 && w->nrecords; i++) {
        int64_t id = w->records[sim_below(&w->chance, w->nrecords)];
        SIM_MUST(w, gb_tables_exists(gb_journal_tables(h->folder.journal),
                                     SIM_R, id, &there, &why));
        if (there)
            return id;
    }
    return 0;
}

/* A member of staff gets another level; who acts with it learns it from the
 * hub (MERGE.md M19). */
static struct sim_write
promotion(struct world *w)
{
    return (struct sim_write){
        .kind = GB_SET,
        .table = SIM_STAFF,
        .id = 1 + sim_below(&w->chance, 2),
        .n = 1,
        .values = {{1, gb_value_int(1 + sim_below(&w->chance, 2)), false}}};
}

static struct sim_write
choose_write(struct handheld *h)
{
    struct world *w = h->w;
    int64_t id = choose_record(h);
    bool few = w->nrecords < 2 + w->n;
    if (!id || sim_chance(&w->chance, few ? 40 : 12))
        return new_record(h);
    if (sim_chance(&w->chance, 5))
        return (struct sim_write){.kind = GB_VOID, .table = SIM_R, .id = id};
    if (sim_chance(&w->chance, 3))
        return promotion(w);
    return change(h, id);
}

/* ------------------------------------------------------------- writing -- */

static enum gb_err
make(struct handheld *h, struct sim_write *what, struct gb_fail *fail)
{
    struct gb_journal *j = h->folder.journal;
    if (what->kind == GB_INSERT)
        return gb_journal_insert(j, SIM_R, GB_SPAN(NULL, 0), what->values,
                                 what->n, &what->id, fail);
    if (what->kind == GB_SET)
        return gb_journal_set(j, what->table, what->id, what->values, what->n,
                              fail);
    return gb_journal_void(j, SIM_R, what->id, gb_span_text("错"), fail);
}

/* What a rule says to a steward; nothing else may keep work out. */
static bool
by_rule(enum gb_err e)
{
    return e == GB_E_ILLEGAL || e == GB_E_AUTHORITY || e == GB_E_MISSING ||
           e == GB_E_REFUSED || e == GB_E_STATE;
}

/*
 * One write, which the rules may refuse.  What a refused one did must be
 * nothing, and a good one captures one operation, or none when it changes
 * nothing.  A write whose machine goes down may have happened or not.
 */
static enum gb_err
write_one(struct handheld *h, struct sim_write what, bool alone)
{
    struct world *w = h->w;
    struct gb_fail fail = {0};
    int64_t before = h->nwrites - h->nsealed;
    what.device = h->number;
    what.true_ms = w->time_ms;
    enum gb_err e = make(h, &what, &fail);
    sim_tell(w, "device %d %s %lld-%lld: %s", h->number,
             what.kind == GB_INSERT ? "inserts"
             : what.kind == GB_SET  ? "sets"
                                    : "voids",
             (long long)(what.id >> GB_COUNTER_BITS),
             (long long)(what.id & GB_COUNTER_MAX), e ? fail.text : "done");
    if (sim_disk_is_killed(h->disk)) {
        if (alone)
            remember(h, &what); /* settle() looks whether it is there */
        return GB_E_IO;
    }
    if (e && !by_rule(e) && !sim_disk_is_full(h->disk))
        sim_broken(w, "device %d refuses a write: %s: %s", h->number,
                   gb_err_name(e), fail.text);
    int64_t more = captured(h) - before;
    if (more != 0 && (e || more != 1))
        sim_broken(w, "device %d: a write that %s captured %lld operations",
                   h->number, e ? "was refused" : "was done", (long long)more);
    if (more)
        remember(h, &what);
    return e;
}

/* ----------------------------------------------------------- a sitting -- */

/* A machine that went down while it wrote: the open transaction is there as a
 * whole, or not at all. */
static void
settle(struct handheld *h, int before, int tried)
{
    sim_handheld_restart(h);
    int64_t now = captured(h) - (before - h->nsealed);
    if (now != 0 && now != tried)
        sim_broken(h->w,
                   "device %d went down in a transaction of %d operations, "
                   "and has %lld of them",
                   h->number, tried, (long long)now);
    if (!now)
        h->nwrites = before;
}

/* Several writes that stand or fall together. */
static void
transaction(struct handheld *h)
{
    struct world *w = h->w;
    struct gb_fail fail = {0};
    struct gb_journal *j = h->folder.journal;
    int before = h->nwrites, n = 1 + sim_below(&w->chance, 4);
    enum gb_err e = gb_journal_begin(j, &fail);
    sim_tell(w, "device %d begins a transaction", h->number);
    for (int i = 0; i < n && !e && !sim_disk_is_killed(h->disk); i++)
        write_one(h, choose_write(h), false);
    bool keep = sim_chance(&w->chance, 80);
    if (!e && keep)
        e = gb_journal_commit(j, &fail);
    if (e || !keep)
        gb_journal_rollback(j);
    sim_tell(w, "device %d ends it: %s", h->number,
             e      ? fail.text
             : keep ? "committed"
                    : "rolled back");
    if (sim_disk_is_killed(h->disk))
        settle(h, before, h->nwrites - before);
    else if (e || !keep)
        h->nwrites = before;
}

void
sim_write_step(struct handheld *h)
{
    struct world *w = h->w;
    sim_handheld_open(h);
    if (sim_chance(&w->chance, 15)) {
        transaction(h);
    } else {
        int before = h->nwrites;
        for (int n = 1 + sim_below(&w->chance, 3); n; n--) {
            before = h->nwrites;
            write_one(h, choose_write(h), true);
            if (sim_disk_is_killed(h->disk))
                break;
            if (sim_chance(&w->chance, 50))
                w->time_ms += sim_below(&w->chance, 2000);
        }
        if (sim_disk_is_killed(h->disk))
            settle(h, before, h->nwrites - before);
    }
    sim_handheld_look(h);
}

int64_t
sim_write_this(struct handheld *h, struct sim_write what)
{
    sim_handheld_open(h);
    if (write_one(h, what, true))
        sim_broken(h->w, "a scenario's write is refused");
    sim_handheld_look(h);
    return h->w->writes[h->writes[h->nwrites - 1]].id;
}

struct sim_write
sim_write_of(struct handheld *h, enum gb_kind kind, int64_t id,
             const char *name, int64_t v)
{
    sim_handheld_open(h);
    return (struct sim_write){
        .kind = kind,
        .table = SIM_R,
        .id = id,
        .n = 1,
        .values = {{.column = column(h, name), .value = gb_value_int(v)}}};
}
