/* journal_again.c - see journal_again.h */
#include "journal_again.h"

#include <stdlib.h>
#include <string.h>

#include "journal_delta.h"
#include "set.h"

/* Of an operation, beside gb_op_bound(): section ORIGIN. */
#define ORIGIN_BOUND 40

/* A record of the copy, and what it is called from now on. */
struct renamed {
    int64_t old, new;
};

struct again {
    struct gb_journal *to, *from;
    const struct gb_sign_key *key;
    struct gb_journal_known known;
    struct gb_buf ids; /* struct renamed, by rising `old` */
    struct gb_parent parent;
    int64_t parent_stamp;  /* effective */
    struct gb_now was, is; /* the boot that runs, by both journals' names */
    struct gb_again *out;
};

/* ------------------------------------------------------------ look-ups -- */

/* A record's name now. */
static int64_t
renamed(const struct again *w, int64_t id)
{
    const struct renamed *r = (const void *)w->ids.ptr;
    size_t n = w->ids.len / sizeof *r;
    for (size_t low = 0; low < n;) {
        size_t mid = (low + n) / 2;
        if (r[mid].old == id)
            return r[mid].new;
        if (r[mid].old < id)
            low = mid + 1;
        else
            n = mid;
    }
    return id;
}

/* Inserts come with rising ids, so the list stays sorted. */
static void
rename_record(struct again *w, int64_t old, int64_t new)
{
    struct renamed r = {old, new};
    gb_buf_add(&w->ids, &r, sizeof r);
}

/* ----------------------------------------------------- the shared part -- */

/* The last set that the copy knows to be accepted, with its last operation. */
static enum gb_err
find_accepted(struct again *w, struct gb_fail *fail)
{
    int64_t accepted;
    struct gb_set set = {0};
    struct gb_line line;
    struct gb_arena arena;
    bool there;
    enum gb_err e = gb_journal_get(w->from, "accepted", &accepted, fail);
    if (e || !accepted)
        return e;
    gb_arena_init(&arena, GB_ARENA_MAX);
    e = gb_journal_open_set(w->from, (uint32_t)accepted, &arena, &set, &line,
                            &there, fail);
    if (!e && there && line.pos && set.nops) {
        int64_t *stamps;
        e = gb_line_stamps(&line, &set, &arena, &stamps, fail);
        w->parent = (struct gb_parent){set.device, set.seq, set.nops};
        w->parent_stamp = e ? 0 : stamps[set.nops - 1];
    }
    gb_set_release(&set);
    gb_arena_release(&arena);
    return e;
}

/* ----------------------------------------------------------- capturing -- */

/* The level that the operation has here: the lower of device and actor. */
static enum gb_err
level_of(struct again *w, int64_t actor, int *level, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (w->to->c.actor != actor) {
        w->to->c.actor = actor;
        e = gb_capture_level(w->to, fail);
    }
    *level = w->to->c.level;
    return e;
}

/* A new record, as if it had just been written. */
static enum gb_err
put_insert(struct again *w, const struct gb_op *op, int level,
           struct gb_fail *fail)
{
    struct gb_rec r;
    bool exists = false;
    struct gb_effect x = {.op = op,
                          .device = w->to->device,
                          .stamp = op->stamp,
                          .pos = GB_POS_PENDING,
                          .level = level};
    gb_arena_reset(&w->to->arena);
    if (!gb_rec_insert(&r, &w->to->schema->tables[op->table], &x,
                       &w->to->arena))
        return gb_fail_memory(fail);
    enum gb_err e = gb_tables_insert(w->to->tables, &r, &exists, fail);
    gb_assert(e || !exists);
    return e;
}

/* A change; what it replaces is found when all are merged on top. */
static enum gb_err
put_change(struct again *w, const struct gb_op *op, int level,
           struct gb_fail *fail)
{
    struct gb_journal *j = w->to;
    struct gb_log l = {.stamp = op->stamp,
                       .kind = op->kind,
                       .table = op->table,
                       .id = op->id,
                       .actor = op->actor,
                       .level = level,
                       .nvalues = op->nvalues,
                       .values = op->values,
                       .reason = op->text};
    gb_arena_reset(&j->arena);
    l.old = gb_arena_array(&j->arena, (size_t)op->nvalues + 1, sizeof *l.old);
    if (!l.old)
        return gb_fail_memory(fail);
    gb_buf_clear(&j->scratch);
    gb_log_write(&l, &j->scratch);
    enum gb_err e = gb_buf_check(&j->scratch, "a change", fail);
    if (e)
        return e;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_LOG);
    sqlite3_bind_int64(s, 1, l.stamp);
    sqlite3_bind_int(s, 2, (int)l.kind);
    sqlite3_bind_int(s, 3, l.table);
    sqlite3_bind_int64(s, 4, l.id);
    sqlite3_bind_int64(s, 5, l.actor);
    sqlite3_bind_int(s, 6, l.level);
    gb_db_bind_blob(s, 7, gb_buf_view(&j->scratch));
    return gb_db_run(s, fail);
}

/* Ids of the new number, in the operation and in what it refers to. */
static void
rename_all(struct again *w, struct gb_op *op)
{
    const struct gb_table *t = &w->to->schema->tables[op->table];
    if (op->kind == GB_INSERT) {
        int64_t id = gb_id_make(w->to->device, ++w->to->c.counter);
        rename_record(w, op->id, id);
    }
    op->id = renamed(w, op->id);
    for (int i = 0; i < op->nvalues; i++) {
        struct gb_written *v = &op->values[i];
        if (t->columns[v->column].refers >= 0 && v->value.type == GB_INT)
            v->value.as.i = renamed(w, v->value.as.i);
    }
}

/* A boot by its name in the new journal: a caller may have one for each file,
 * and what the boot made that sends it is judged by that boot's clock. */
static void
rename_boot(const struct again *w, uint8_t id[16])
{
    if (!memcmp(id, w->was.boot, sizeof w->was.boot))
        memcpy(id, w->is.boot, sizeof w->is.boot);
}

/* ------------------------------------------------------------ the sets -- */

/* One set out of operations from .. of the copy's, as many as fit. */
struct part {
    struct gb_set set; /* ops, origins: in the arena of the copy's set */
    const struct gb_set *of;
    size_t bound;
};

static void
begin_part(const struct again *w, const struct gb_set *of, struct part *p)
{
    struct gb_set *s = &p->set;
    p->of = of;
    p->bound = GB_SET_OVERHEAD;
    *s = *of;
    s->device = w->to->device;
    s->schema = w->to->schema->version;
    s->nops = 0;
    s->parent = (struct gb_parent){0};
}

/* Boots and actors that are not used may not be listed; operations have their
 * boots of the copy's set until here, in each of its parts. */
static enum gb_err
trim_boots(const struct again *w, struct part *p, struct gb_arena *arena,
           struct gb_fail *fail)
{
    struct gb_set *s = &p->set;
    struct gb_boot *boots =
        gb_arena_array(arena, (size_t)p->of->nboots, sizeof *boots);
    int n = 0, last = -1;
    if (!boots)
        return gb_fail_memory(fail);
    for (int i = 0; i < s->nops; i++) {
        if (s->ops[i].boot != last) {
            last = s->ops[i].boot;
            boots[n] = p->of->boots[last];
            rename_boot(w, boots[n++].id);
        }
        s->ops[i].boot = n - 1;
    }
    s->boots = boots;
    s->nboots = n;
    return GB_OK;
}

/* Seal what a part has. */
static enum gb_err
end_part(struct again *w, struct part *p, struct gb_arena *arena,
         struct gb_fail *fail)
{
    struct gb_set *s = &p->set;
    int64_t seq;
    if (!s->nops)
        return GB_OK;
    enum gb_err e = gb_journal_get(w->to, "seq", &seq, fail);
    s->seq = (uint32_t)seq + 1;
    if (!e)
        e = gb_journal_get_bytes(w->to, "sha", s->prev, sizeof s->prev, fail);
    if (!e && s->seq == 1)
        s->parent = w->parent;
    if (!e)
        e = trim_boots(w, p, arena, fail);
    if (!e)
        e = gb_journal_store(w->to, w->key, s, fail);
    s->ops += s->nops;
    s->origins += s->nops;
    s->nops = 0;
    p->bound = GB_SET_OVERHEAD;
    return e;
}

/* One operation of the copy: the hub has it, or it is captured again. */
static enum gb_err
take_op(struct again *w, struct gb_set *of, int index, struct part *p,
        struct gb_arena *arena, struct gb_fail *fail)
{
    struct gb_op *op = &of->ops[index];
    struct gb_origin origin = gb_set_origin(of, index);
    const struct gb_known *k = gb_journal_known_find(&w->known, &origin);
    if (k) {
        w->out->known++;
        w->parent = (struct gb_parent){k->device, k->seq, k->index + 1};
        w->parent_stamp = k->stamp;
        if (op->kind == GB_INSERT)
            rename_record(w, op->id, k->id);
        return GB_OK;
    }
    size_t bound = gb_op_bound(op) + ORIGIN_BOUND;
    enum gb_err e = GB_OK;
    if (p->bound + bound > GB_BODY_MAX)
        e = end_part(w, p, arena, fail);
    int level;
    rename_all(w, op);
    if (!e)
        e = level_of(w, op->actor, &level, fail);
    if (!e)
        e = op->kind == GB_INSERT ? put_insert(w, op, level, fail)
                                  : put_change(w, op, level, fail);
    p->set.ops[p->set.nops] = *op;
    p->set.origins[p->set.nops++] = origin;
    p->bound += bound;
    w->out->again++;
    return e;
}

/* All operations of one set of the copy. */
static enum gb_err
take_set(struct again *w, uint32_t seq, struct gb_fail *fail)
{
    struct gb_set of;
    struct gb_line line;
    struct gb_arena arena;
    struct part p;
    bool there;
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e =
        gb_journal_open_set(w->from, seq, &arena, &of, &line, &there, fail);
    if (e || !there)
        goto out;
    begin_part(w, &of, &p);
    p.set.ops = gb_arena_array(&arena, (size_t)of.nops, sizeof *p.set.ops);
    p.set.origins =
        gb_arena_array(&arena, (size_t)of.nops, sizeof *p.set.origins);
    if (!p.set.ops || !p.set.origins)
        e = gb_fail_memory(fail);
    for (int i = 0; i < of.nops && !e; i++)
        e = take_op(w, &of, i, &p, &arena, fail);
    if (!e)
        e = end_part(w, &p, &arena, fail);
    gb_set_release(&of);
out:
    gb_arena_release(&arena);
    return e;
}

/* Every set that the copy was not told is accepted, in order. */
static enum gb_err
take_all(struct again *w, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_prepare(
        w->from->db, "SELECT seq FROM _set WHERE line IS NULL ORDER BY seq", &s,
        fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        e = take_set(w, (uint32_t)sqlite3_column_int64(s, 0), fail);
    sqlite3_finalize(s);
    return e ? e : gb_buf_check(&w->ids, "renamed records", fail);
}

/* Merge all changes on top, and know the lineage until the hub sends it. */
static enum gb_err
show(struct again *w, struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (w->parent.device)
        e = gb_db_execf(
            w->to->db, fail, "REPLACE INTO _lineage VALUES(%d, %d, %lld)",
            w->to->device, w->parent.device, (long long)w->parent_stamp);
    if (!e)
        e = gb_journal_reload(w->to, fail);
    return e ? e : gb_delta_redo(w->to, fail);
}

/* Nothing of its own stands in the new journal, and the hub has answered. */
static enum gb_err
check_ready(struct gb_journal *to, struct gb_fail *fail)
{
    struct gb_journal_info i;
    int64_t continues;
    enum gb_err e = gb_journal_info(to, &i, fail);
    if (!e)
        e = gb_journal_get(to, "continues", &continues, fail);
    if (!e && (i.seq || i.unsent || !to->schema || !i.confirmed || !continues))
        e = gb_fail_set(fail, GB_E_STATE,
                        "a journal that has work of its own, or no answer of "
                        "the hub, takes over no other");
    return e;
}

/* The machine goes on, and what is captured again has the times of its clock as
 * that was at the boot's first operation, whatever it was set to since. */
static enum gb_err
take_boot(struct again *w, struct gb_fail *fail)
{
    bool row = false;
    sqlite3_stmt *last = gb_journal_sql(w->from, GB_JSQL_LAST_BOOT);
    enum gb_err e = gb_db_step(last, &row, fail);
    if (!e && row) {
        sqlite3_stmt *s = gb_journal_sql(w->to, GB_JSQL_ADD_BOOT);
        struct gb_span known = gb_db_blob(last, 0);
        uint8_t id[16] = {0};
        if (known.len == sizeof id)
            memcpy(id, known.ptr, sizeof id);
        rename_boot(w, id);
        sqlite3_bind_int64(s, 1, 0);
        gb_db_bind_blob(s, 2, GB_SPAN(id, sizeof id));
        sqlite3_bind_int64(s, 3, sqlite3_column_int64(last, 1));
        sqlite3_bind_int64(s, 4, sqlite3_column_int64(last, 2));
        e = gb_db_run(s, fail);
    }
    sqlite3_reset(last);
    return e;
}

/* The transaction. */
static enum gb_err
run(struct again *w, struct gb_fail *fail)
{
    int64_t actor;
    enum gb_err e = gb_journal_known_load(w->to, &w->known, fail);
    if (!e)
        e = find_accepted(w, fail);
    if (!e)
        e = take_all(w, fail);
    if (!e)
        e = take_boot(w, fail);
    if (!e)
        e = gb_db_exec(w->to->db, "DELETE FROM _known", fail);
    if (!e)
        e = gb_journal_put(w->to, "continues", 0, fail);
    if (!e)
        e = gb_journal_get(w->from, "actor", &actor, fail);
    if (!e && actor)
        e = gb_journal_put(w->to, "actor", actor, fail);
    return e ? e : show(w, fail);
}

enum gb_err
gb_journal_again_ask(struct gb_journal *to, struct gb_journal *from,
                     struct gb_fail *fail)
{
    struct gb_head merged;
    enum gb_err e = gb_journal_head(from, "merged", &merged, fail);
    if (!e)
        e = gb_journal_put(to, "continues", from->device, fail);
    return e ? e
             : gb_journal_put(to, "continues_from", (int64_t)merged.size, fail);
}

enum gb_err
gb_journal_again(struct gb_journal *to, struct gb_journal *from,
                 const struct gb_sign_key *key, struct gb_again *out,
                 struct gb_fail *fail)
{
    struct again w = {.to = to, .from = from, .key = key, .out = out};
    struct gb_fail again = {0};
    *out = (struct gb_again){0};
    enum gb_err e = check_ready(to, fail);
    if (!e)
        e = gb_journal_begin(to, fail);
    if (e)
        return e;
    gb_buf_init(&w.ids, GB_ARENA_MAX);
    from->now(from->now_context, &w.was);
    to->now(to->now_context, &w.is);
    to->c.local = false;
    e = run(&w, fail);
    if (!e)
        e = gb_journal_commit(to, fail);
    if (e)
        gb_journal_rollback(to);
    to->c.local = true;
    enum gb_err r = gb_journal_reload(to, &again);
    if (!e && r)
        e = gb_fail_set(fail, r, "%s", again.text);
    gb_buf_release(&w.ids);
    gb_journal_known_release(&w.known);
    return e;
}
