/* world_set.c - shifts: in a journal, and as signed sets; see world.h */
#include <stdlib.h>

#include "device/folder.h"
#include "engine/clock.h"
#include "engine/set.h"
#include "engine/sshsig.h"
#include "world.h"

static const uint8_t boot_id[16] = "one boot for all";
static const enum gb_kind kinds[] = {GB_INSERT, GB_SET, GB_VOID};
#define REASON "误录"
#define ACTOR 1
/* The machines have run since long before history. */
#define MONO(ms) ((ms)-WL_START_MS + 2000 * WL_DAY_MS)

static struct gb_value
value_of(const struct wl_value *v)
{
    return v->text ? gb_value_text(GB_SPAN(v->s, v->len)) : gb_value_int(v->i);
}

/* ----------------------------------------------------------- handhelds -- */

struct gb_sign_key
world_key(int device)
{
    struct gb_sign_key key;
    uint8_t seed[GB_KEY_BYTES] = {'b', 'e', 'n', 'c', 'h'};
    seed[30] = (uint8_t)(device >> 8);
    seed[31] = (uint8_t)device;
    gb_sign_key_from_seed(&key, seed);
    return key;
}

struct gb_sign_key
world_folder_key(const char *folder, bool receives)
{
    struct gb_folder f;
    struct gb_folder_keys keys;
    MUST(gb_folder_open(&f, folder, "bench", GB_FOLDER_READ, &bench_why));
    MUST(gb_folder_keys(&f, &keys, &bench_why));
    gb_folder_close(&f);
    return receives ? keys.receive : keys.sign;
}

static void
tell_time(void *context, struct gb_now *out)
{
    const struct world_now *now = context;
    out->wall_ms = now->ms;
    out->mono_ms = MONO(now->ms);
    memcpy(out->boot, boot_id, sizeof out->boot);
}

struct gb_journal *
world_journal(const char *folder, struct world_now *now)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_journal *j;
    struct gb_journal_info info;
    now->ms = WORLD_MORNING;
    MUST(gb_folder_name(path, folder, "journal.db", &bench_why));
    MUST(gb_journal_open(path, tell_time, now, &j, &bench_why));
    MUST(gb_journal_sign_in(j, ACTOR, false, &bench_why));
    MUST(gb_journal_info(j, &info, &bench_why));
    now->device = info.device;
    return j;
}

static void
insert(struct gb_journal *j, const struct wl_op *op)
{
    struct wl_value v[WL_COLUMNS_MAX];
    struct gb_assign a[WL_COLUMNS_MAX];
    int64_t id;
    for (int c = 0; c < wl_ncolumns[op->table]; c++) {
        wl_cell(op->table, c, op->key, &v[c]);
        a[c] = (struct gb_assign){.column = c, .value = value_of(&v[c])};
    }
    MUST(gb_journal_insert(j, op->table, GB_SPAN(NULL, 0), a,
                           wl_ncolumns[op->table], &id, &bench_why));
    NEED(id == wl_id(op->key));
}

/* False when the record is void. */
static bool
change(struct gb_journal *j, const struct wl_op *op)
{
    struct wl_value v;
    struct gb_fail why = {0};
    enum gb_err e;
    if (op->kind == WL_VOID) {
        e = gb_journal_void(j, op->table, wl_id(op->key), gb_span_text(REASON),
                            &why);
    } else {
        wl_changed(op, &v);
        struct gb_assign a = {.column = op->column, .value = value_of(&v)};
        e = gb_journal_set(j, op->table, wl_id(op->key), &a, 1, &why);
    }
    if (e && e != GB_E_STATE)
        bench_end("a shift: %s", why.text);
    return !e;
}

void
world_day(struct gb_journal *j, int day)
{
    MUST(gb_db_execf(gb_journal_db(j), &bench_why,
                     "REPLACE INTO _journal(key, value) VALUES('counter', %d)",
                     ((day + 1) << 20) - 1));
    MUST(gb_journal_reload(j, &bench_why));
    MUST(gb_journal_sign_in(j, ACTOR, false, &bench_why));
}

int
world_record(struct gb_journal *j, struct world_now *now, int day, int inserts,
             int changes, int voids)
{
    static struct wl_op ops[WL_OPS];
    int n = wl_shift(day, now->device - 1, inserts, changes, voids, ops);
    int done = 0;
    for (int i = 0; i < n; i++) {
        now->ms = ops[i].ms;
        if (ops[i].kind == WL_INSERT)
            insert(j, &ops[i]);
        done += ops[i].kind == WL_INSERT || change(j, &ops[i]);
    }
    return done;
}

/* --------------------------------------------------------- change sets -- */

static void
write_values(struct gb_arena *arena, const struct wl_op *from, struct gb_op *op)
{
    struct wl_value v;
    int first = from->kind == WL_CHANGE ? from->column : 0;
    int n = from->kind == WL_CHANGE   ? 1
            : from->kind == WL_INSERT ? wl_ncolumns[from->table]
                                      : 0;
    op->values = gb_arena_array(arena, (size_t)n + 1, sizeof *op->values);
    NEED(op->values);
    for (int c = first; c < first + n; c++) {
        if (from->kind == WL_CHANGE)
            wl_changed(from, &v);
        else
            wl_cell(from->table, c, from->key, &v);
        struct gb_value value = value_of(&v);
        if (v.text)
            value.as.s = gb_arena_copy(arena, value.as.s);
        op->values[op->nvalues++] =
            (struct gb_written){.column = c, .value = value};
    }
}

static struct gb_op *
make_ops(struct gb_arena *arena, const struct wl_op *from, int n)
{
    struct gb_op *ops = gb_arena_array(arena, (size_t)n, sizeof *ops);
    int64_t stamp = 0;
    NEED(ops);
    for (int i = 0; i < n; i++) {
        struct gb_op *op = &ops[i];
        stamp = gb_clock_next(stamp, from[i].ms);
        *op = (struct gb_op){.kind = kinds[from[i].kind],
                             .table = from[i].table,
                             .id = wl_id(from[i].key),
                             .actor = ACTOR,
                             .time_ms = from[i].ms,
                             .stamp = stamp};
        if (from[i].kind == WL_VOID)
            op->text = gb_span_text(REASON);
        write_values(arena, &from[i], op);
    }
    return ops;
}

void
world_seal(struct world_chain *chain, const struct wl_op *ops, int n,
           const struct gb_schema *s, const uint8_t site[16],
           const struct gb_head *head, const struct gb_sign_key *key,
           struct gb_buf *out)
{
    struct gb_boot boot = {.wall_ms = ops->ms, .mono_ms = MONO(ops->ms)};
    struct gb_set set = {.device = chain->device,
                         .seq = ++chain->seq,
                         .schema = s->version,
                         .clock_ms = ops[n - 1].ms,
                         .base = *head,
                         .boots = &boot,
                         .nboots = 1,
                         .nops = n};
    size_t at = out->len;
    memcpy(boot.id, boot_id, sizeof boot.id);
    memcpy(set.site, site, sizeof set.site);
    memcpy(set.prev, chain->prev, sizeof set.prev);
    gb_arena_init(&set.arena, (size_t)64 << 20);
    set.ops = make_ops(&set.arena, ops, n);
    MUST(gb_set_encode(&set, s, out, &bench_why));
    struct gb_span bytes = GB_SPAN(out->ptr + at, out->len - at);
    struct gb_sha256 sha = gb_sha256(bytes);
    struct gb_signature sig = gb_sshsig_sign(key, GB_NS_CHANGESET, bytes);
    memcpy(chain->prev, sha.bytes, sizeof chain->prev);
    gb_buf_span(out, GB_SPAN(sig.bytes, sizeof sig.bytes));
    MUST(gb_set_encode_personal(&set, s, out, &bench_why));
    gb_arena_release(&set.arena);
}

/* Whether a change writes what stands there anyway: a journal captures none. */
static bool
changes_nothing(const struct wl_op *ops, int i)
{
    struct wl_value old, v;
    int last = i - 1;
    if (ops[i].kind != WL_CHANGE)
        return false;
    while (last >= 0 &&
           (ops[last].kind != WL_CHANGE || ops[last].table != ops[i].table ||
            ops[last].key != ops[i].key || ops[last].column != ops[i].column))
        last--;
    if (last < 0)
        wl_cell(ops[i].table, ops[i].column, ops[i].key, &old);
    else
        wl_changed(&ops[last], &old);
    wl_changed(&ops[i], &v);
    return v.text ? !strcmp(v.s, old.s) : v.i == old.i;
}

/* Handheld 1's set out of its journal, and that it is what would be sealed
 * here. */
static void
read_real(const struct wl_op *ops, int n, struct gb_office *o,
          struct gb_buf *out)
{
    static struct wl_op captured[WL_OPS];
    struct world_now now;
    struct world_chain chain = {.device = 1};
    struct gb_head head = gb_state_head(o->state);
    struct gb_sign_key key = world_folder_key(world_morning("1"), false);
    struct gb_journal *j = world_journal(world_shift(), &now);
    struct gb_buf same;
    int m = 0;
    for (int i = 0; i < n; i++)
        if (!changes_nothing(ops, i))
            captured[m++] = ops[i];
    gb_buf_init(&same, 2 * GB_SET_MAX);
    world_seal(&chain, captured, m, gb_state_schema(o->state), o->site, &head,
               &key, &same);
    gb_buf_clear(out);
    MUST(gb_journal_container(j, 1, out, &bench_why));
    NEED(gb_span_equal(gb_buf_view(out), gb_buf_view(&same)));
    gb_buf_release(&same);
    gb_journal_close(j);
}

void
world_sets(struct world_sets *out, bool real)
{
    static struct wl_op ops[WL_OPS];
    struct gb_office *o = world_office(world_morning("hub"));
    struct gb_head head = gb_state_head(o->state);
    struct gb_sign_key first = world_folder_key(world_morning("1"), false);
    for (int i = 0; i < WL_DEVICES; i++) {
        struct world_chain chain = {.device = i + 1};
        struct gb_sign_key key = i ? world_key(i + 1) : first;
        struct gb_buf *b = &out->bytes[i];
        int n = wl_shift(0, i, WL_INSERTS, WL_CHANGES, WL_VOIDS, ops);
        gb_buf_init(b, 2 * GB_SET_MAX);
        world_seal(&chain, ops, n, gb_state_schema(o->state), o->site, &head,
                   &key, b);
        if (i == 0 && real)
            read_real(ops, n, o, b);
    }
    gb_office_close(o);
    world_sets_again(out);
}

void
world_sets_again(struct world_sets *s)
{
    for (int i = 0; i < WL_DEVICES; i++) {
        s->sets[i] = (struct gb_arriving){.skew = {.clock_ms = WORLD_EVENING}};
        memcpy(s->sets[i].skew.boot, boot_id, 16);
        MUST(gb_container_split(gb_buf_view(&s->bytes[i]), &s->sets[i].parts,
                                &bench_why));
    }
}

void
world_sets_release(struct world_sets *s)
{
    for (int i = 0; i < WL_DEVICES; i++)
        gb_buf_release(&s->bytes[i]);
}
