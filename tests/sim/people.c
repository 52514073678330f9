/*
 * people.c - what the hub's people do: records, resolutions, releases, levels,
 * and the schema with its next versions; see sim.h.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/tlv.h"
#include "hub/conflict.h"
#include "sim.h"

/* -------------------------------------------------------------- schema -- */

#define STAFF                                                                  \
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER) "    \
    "STRICT;\n"
#define R                                                                      \
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, slot INTEGER,"         \
    " la INTEGER, area TEXT, fi INTEGER, su INTEGER, mx INTEGER,"              \
    " mxb INTEGER, mn INTEGER, wo TEXT, wob TEXT, st TEXT, ro INTEGER,"        \
    " re INTEGER, owner INTEGER REFERENCES r(id), secret TEXT, first TEXT,"    \
    " fact TEXT"
#define RULES                                                                  \
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last')," \
    "('r','la','last'),('r','area','last'),('r','fi','first'),"                \
    "('r','su','sum'),('r','mx','max'),('r','mxb','max back@2'),"              \
    "('r','mn','min'),('r','wo','worst ok<drip<leak'),"                        \
    "('r','wob','worst ok<drip<leak back@2'),"                                 \
    "('r','st','state a>b b>c@2 c>d! b>a b>d! d>b@2 prefer d>c>b>a'),"         \
    "('r','ro','role'),('r','re','review'),('r','owner','last'),"              \
    "('r','secret','last'),('r','first','first');\n"                           \
    "INSERT INTO personal VALUES('r','secret'),('r','first'),('r','fact');\n"  \
    "INSERT INTO actor VALUES('staff','level');\n"
#define LATE "INSERT INTO rule VALUES('r','late','max');\n"
#define SCOPE(where)                                                           \
    "INSERT INTO record VALUES('r', 1, 1, '" where                             \
    "', 'slot WHERE st IN (''a'',''b'')');\n"
#define AREA "area IS NULL OR area = :area"

#define MORE                                                                   \
    "CREATE TABLE more(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"           \
    "INSERT INTO rule VALUES('more','n','last');\n"

/* What in_scope() of check.c says, too. */
const char *const sim_schema_texts[3] = {
    STAFF R ") STRICT;\n" RULES SCOPE(AREA),
    STAFF R ", late INTEGER) STRICT;\n" RULES LATE SCOPE(AREA),
    STAFF R
    ", late INTEGER) STRICT;\n" MORE RULES LATE SCOPE(AREA " OR late > 3"),
};

/* Operations of the hub's people; a full or broken disk may stop them. */
static void
own(struct world *w, struct gb_op *op, const char *what)
{
    struct gb_fail fail = {0};
    enum gb_err e = gb_office_own(w->office, op, 1, 1, &fail);
    sim_tell(w, "people: %s %lld-%lld%s%s", what, (long long)(op->id >> 40),
             (long long)(op->id & 0xffffffffff), e ? ": " : "",
             e ? fail.text : "");
    bool trouble = sim_disk_is_killed(w->hub_disk) ||
                   sim_disk_is_full(w->hub_disk) || w->hub_offset_ms;
    if (e && !trouble)
        sim_broken(w, "people: %s: %s", what, fail.text);
    if (sim_disk_is_killed(w->hub_disk))
        sim_hub_restart(w);
}

void
sim_schema_upgrade(struct world *w)
{
    uint32_t next = gb_state_schema(w->office->state)->version + 1;
    struct gb_buf pack, payload;
    if (next > 3)
        return;
    struct gb_schema_file file = {"w.sql",
                                  gb_span_text(sim_schema_texts[next - 1])};
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    gb_buf_init(&payload, GB_SCHEMA_MAX + 64);
    SIM_MUST(w, gb_schema_pack(&file, 1, &pack, &why));
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, next);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, gb_buf_view(&pack));
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&payload)};
    own(w, &op, "the next schema");
    gb_buf_release(&pack);
    gb_buf_release(&payload);
}

/* ----------------------------------------------------- what waits, what's  */

/* Something that waits takes effect by a person's word. */
static void
release(struct world *w)
{
    sqlite3_stmt *s;
    bool row;
    struct gb_opname name;
    struct gb_buf payload;
    SIM_MUST(w, gb_db_prepare(gb_state_db(w->office->state),
                              "SELECT device, stamp FROM _wait ORDER BY "
                              "device, stamp",
                              &s, &why));
    int n = 0;
    while (!gb_db_step(s, &row, NULL) && row)
        if (!sim_below(&w->chance, ++n)) /* each is as likely */
            name = (struct gb_opname){sqlite3_column_int(s, 0),
                                      sqlite3_column_int64(s, 1)};
    sqlite3_finalize(s);
    if (!n)
        return;
    gb_buf_init(&payload, 4096);
    gb_tlv_number(&payload, GB_RELEASE_FORCE, 1);
    gb_tlv_put(&payload, GB_RELEASE_REASON, gb_span_text("looked at"));
    struct gb_op op = {.kind = GB_RELEASE,
                       .text = gb_buf_view(&payload),
                       .names = &name,
                       .nnames = 1};
    own(w, &op, "release what waits");
    gb_buf_release(&payload);
}

struct looking {
    struct world *w;
    int n;
    struct gb_op op;
    struct gb_written value;
    struct gb_opname names[64];
};

static int
by_device(const void *a, const void *b)
{
    const struct gb_opname *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

/* One conflict of all, each as likely: what resolves it. */
static enum gb_err
look(void *context, const struct gb_conflict *c, struct gb_fail *fail)
{
    struct looking *l = context;
    (void)fail;
    if (c->kind == GB_CONFLICT_RIVAL || c->n > 64 ||
        (c->column >= 0 && c->rec->table->columns[c->column].personal) ||
        sim_below(&l->w->chance, ++l->n))
        return GB_OK;
    l->op = (struct gb_op){.kind = c->column < 0 ? GB_VOID : GB_RESOLVE,
                           .table = c->table,
                           .id = c->rec->id,
                           .text = gb_span_text("decided"),
                           .names = l->names,
                           .nnames = c->n};
    if (c->column < 0)
        return GB_OK;
    const struct gb_column *col = &c->rec->table->columns[c->column];
    struct gb_value v = c->sibs[sim_below(&l->w->chance, c->n)].value;
    for (int i = 0; v.type == GB_TEXT && i < col->rule.nvalues; i++)
        if (gb_span_equal(col->rule.values[i], v.as.s))
            v.as.s = col->rule.values[i]; /* outlives the record */
    l->value = (struct gb_written){.column = c->column, .value = v};
    l->op.values = &l->value;
    l->op.nvalues = 1;
    for (int i = 0; i < c->n; i++)
        l->names[i] = (struct gb_opname){c->sibs[i].device, c->sibs[i].stamp};
    qsort(l->names, (size_t)c->n, sizeof *l->names, by_device);
    return GB_OK;
}

static void
resolve(struct world *w)
{
    struct looking l = {.w = w};
    SIM_MUST(w, gb_conflict_walk(w->office->state, look, &l, &why));
    if (l.n)
        own(w, &l.op,
            l.op.kind == GB_VOID ? "mark seen beneath the void" : "resolve");
}

/* ------------------------------------------------------------- records -- */

static int
column(const struct world *w, const char *name)
{
    return gb_table_column(&gb_state_schema(w->office->state)->tables[SIM_R],
                           gb_span_text(name));
}

static void
insert(struct world *w)
{
    struct gb_written v[3] = {
        {.column = column(w, "fa"),
         .value = gb_value_int(sim_below(&w->chance, 6))},
        {.column = column(w, "slot"),
         .value = gb_value_int(sim_below(&w->chance, 3))},
        {.column = column(w, "st"), .value = gb_value_text(gb_span_text("a"))}};
    struct gb_op op = {
        .kind = GB_INSERT, .table = SIM_R, .values = v, .nvalues = 3};
    SIM_MUST(w, gb_office_new_id(w->office, &op.id, &why));
    w->records =
        sim_grow(w->records, w->nrecords, &w->room_records, sizeof *w->records);
    w->records[w->nrecords++] = op.id;
    own(w, &op, "insert");
}

/* A record that the hub has, or 0. */
static int64_t
choose_record(struct world *w)
{
    for (int i = 0; i < 8 && w->nrecords; i++) {
        bool there;
        int64_t id = w->records[sim_below(&w->chance, w->nrecords)];
        SIM_MUST(w, gb_tables_exists(gb_state_tables(w->office->state), SIM_R,
                                     id, &there, &why));
        if (there)
            return id;
    }
    return 0;
}

/* A change of the hub's own, or a void. */
static void
change(struct world *w)
{
    static const char *const names[] = {"la", "mx", "mn", "re", "ro", "su"};
    struct gb_written v = {.column = column(w, names[sim_below(&w->chance, 6)]),
                           .value = gb_value_int(sim_below(&w->chance, 6))};
    struct gb_op op = {.table = SIM_R, .id = choose_record(w), .kind = GB_SET};
    if (!op.id)
        return;
    if (sim_chance(&w->chance, 10)) {
        op.kind = GB_VOID;
        op.text = gb_span_text("never was");
    } else {
        op.values = &v;
        op.nvalues = 1;
    }
    own(w, &op, op.kind == GB_SET ? "set" : "void");
}

/* A steward, or a handheld, gets another level. */
static void
promote(struct world *w)
{
    int level = 1 + sim_below(&w->chance, 2);
    struct gb_written v = {.column = 1, .value = gb_value_int(level)};
    struct gb_buf payload;
    struct gb_op op = {.kind = GB_SET,
                       .table = SIM_STAFF,
                       .id = 1 + sim_below(&w->chance, 2),
                       .values = &v,
                       .nvalues = 1};
    gb_buf_init(&payload, 4096);
    if (sim_chance(&w->chance, 50)) {
        int number = w->h[sim_below(&w->chance, w->n)].number;
        gb_tlv_number(&payload, GB_DEVICE_NUMBER, (uint64_t)number);
        gb_tlv_number(&payload, GB_DEVICE_LEVEL, (uint64_t)level);
        if (sim_chance(&w->chance, 50))
            gb_tlv_put(&payload, GB_DEVICE_ATTRIBUTE,
                       gb_span_text(level == 1 ? "area=A" : "area=B"));
        op = (struct gb_op){.kind = GB_DEVICE, .text = gb_buf_view(&payload)};
    }
    own(w, &op, op.kind == GB_DEVICE ? "a handheld's level" : "a level of");
    gb_buf_release(&payload);
}

void
sim_people(struct world *w)
{
    static const struct {
        int weight;
        void (*act)(struct world *w);
    } acts[] = {{25, release}, {30, resolve}, {10, insert},
                {20, change},  {8, promote},  {7, sim_schema_upgrade}};
    int at = sim_below(&w->chance, 100), i = 0;
    struct gb_fail full = {0};
    /* each command opens the hub, which catches up with its ledger */
    if (gb_office_lock(w->office, &full))
        return;
    gb_office_unlock(w->office);
    while ((at -= acts[i].weight) >= 0)
        i++;
    acts[i].act(w);
}
