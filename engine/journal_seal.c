/*
 * journal_seal.c - the open tail becomes signed change sets; see journal.h.
 *
 * The tail is every own record beyond the sealed counter and every change
 * beyond the sealed stamp.  A record's row shows the changes made since, so
 * its insert is read from the row with their old values put back.
 */
#include "journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "sshsig.h"

/* Sections and tables of a set, beside its operations. */
#define SET_OVERHEAD 65536

/* One operation of the tail, before its values are read. */
struct item {
    int64_t stamp;
    int table;          /* of an insert */
    int64_t id;         /* of an insert */
    struct gb_log *log; /* a change; NULL: an insert */
};

struct tail {
    struct item *items;
    size_t n, room;
    struct gb_log *log; /* all changes of the tail, by stamp */
    size_t nlog;
    struct gb_log **by_record; /* the same by (table, id), newest first */
    struct gb_arena arena;
};

/* ------------------------------------------------------------ gathering -- */

static enum gb_err
add_item(struct tail *t, struct item item, struct gb_fail *fail)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        struct item *items = realloc(t->items, room * sizeof *items);
        if (!items)
            return gb_fail_set(fail, GB_E_MEMORY, "%s",
                               gb_err_sentence(GB_E_MEMORY));
        t->items = items;
        t->room = room;
    }
    t->items[t->n++] = item;
    return GB_OK;
}

static enum gb_err
add_inserts(struct gb_journal *j, struct tail *t, int64_t counter,
            struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int i = 0; i < j->schema->ntables && !e; i++) {
        sqlite3_stmt *s;
        bool row;
        e = gb_db_preparef(j->db, &s, fail,
                           "SELECT id, _e FROM \"%w\" WHERE id BETWEEN %lld "
                           "AND %lld",
                           j->schema->tables[i].name,
                           (long long)gb_id_make(j->device, counter + 1),
                           (long long)gb_id_make(j->device, GB_COUNTER_MAX));
        while (!e && !(e = gb_db_step(s, &row, fail)) && row)
            e = add_item(t,
                         (struct item){.stamp = sqlite3_column_int64(s, 1),
                                       .table = i,
                                       .id = sqlite3_column_int64(s, 0)},
                         fail);
        sqlite3_finalize(s);
    }
    return e;
}

static int
by_stamp(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

/* By (table, id); of one record the newest change first. */
static int
by_record(const void *a, const void *b)
{
    const struct gb_log *x = *(struct gb_log *const *)a;
    const struct gb_log *y = *(struct gb_log *const *)b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->stamp < y->stamp) - (x->stamp > y->stamp);
}

static enum gb_err
gather(struct gb_journal *j, struct tail *t, struct gb_fail *fail)
{
    int64_t stamp, counter;
    enum gb_err e = gb_journal_sealed(j, &stamp, &counter, fail);
    if (!e)
        e = gb_log_load(j, stamp + 1, GB_STAMP_MAX, &t->arena, &t->log,
                        &t->nlog, fail);
    for (size_t i = 0; i < t->nlog && !e; i++)
        e = add_item(t, (struct item){t->log[i].stamp, 0, 0, &t->log[i]}, fail);
    if (!e)
        e = add_inserts(j, t, counter, fail);
    if (e || !t->n)
        return e;
    qsort(t->items, t->n, sizeof *t->items, by_stamp);
    t->by_record = gb_arena_array(&t->arena, t->nlog, sizeof *t->by_record);
    if (!t->by_record)
        return gb_fail_set(fail, GB_E_MEMORY, "%s",
                           gb_err_sentence(GB_E_MEMORY));
    for (size_t i = 0; i < t->nlog; i++)
        t->by_record[i] = &t->log[i];
    if (t->nlog)
        qsort(t->by_record, t->nlog, sizeof *t->by_record, by_record);
    return GB_OK;
}

/* ----------------------------------------------------------- operations -- */

/* First change of a record in by_record, or NULL. */
static struct gb_log **
first_change(const struct tail *t, int table, int64_t id)
{
    struct gb_log key = {.stamp = GB_STAMP_MAX, .table = table, .id = id};
    struct gb_log *k = &key;
    size_t low = 0, high = t->nlog;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (by_record(&t->by_record[mid], &k) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->nlog ? &t->by_record[low] : NULL;
}

/* Salt for the personal values of an operation, when it has any. */
static bool
add_salt(const struct gb_table *t, struct gb_op *op, struct gb_arena *arena)
{
    bool personal = false;
    for (int i = 0; i < op->nvalues; i++)
        personal |= t->columns[op->values[i].column].personal;
    if (!personal)
        return true;
    uint8_t *salt = gb_arena_alloc(arena, GB_SALT_BYTES);
    if (salt)
        gb_random(salt, GB_SALT_BYTES);
    op->salt = salt;
    return salt != NULL;
}

/* The insert of a record, as it was before the changes of the tail. */
static enum gb_err
insert_op(struct gb_journal *j, const struct tail *t, const struct item *item,
          struct gb_op *op, struct gb_arena *arena, struct gb_fail *fail)
{
    struct gb_rec r;
    bool found;
    const struct gb_table *d = &j->schema->tables[item->table];
    struct gb_value v[GB_COLUMNS_MAX];
    enum gb_err e = gb_tables_load(j->tables, item->table, item->id, arena, &r,
                                   &found, fail);
    if (e)
        return e;
    gb_assert(found);
    for (int c = 0; c < d->ncolumns; c++)
        v[c] = gb_cell_value(&d->columns[c], &r.cells[c]);
    struct gb_log **l = first_change(t, item->table, item->id);
    for (; l && l < t->by_record + t->nlog && (*l)->id == item->id &&
           (*l)->table == item->table;
         l++)
        for (int i = 0; i < (*l)->nvalues; i++)
            v[(*l)->values[i].column] = (*l)->old[i];
    *op = (struct gb_op){.kind = GB_INSERT,
                         .table = item->table,
                         .id = item->id,
                         .actor = r.actor,
                         .stamp = item->stamp,
                         .text = r.ref};
    op->values = gb_arena_array(arena, (size_t)d->ncolumns, sizeof *op->values);
    if (!op->values)
        return gb_fail_set(fail, GB_E_MEMORY, "%s",
                           gb_err_sentence(GB_E_MEMORY));
    for (int c = 0; c < d->ncolumns; c++)
        if (v[c].type != GB_NULL)
            op->values[op->nvalues++] =
                (struct gb_written){.column = c, .value = v[c]};
    return add_salt(d, op, arena) ? GB_OK
                                  : gb_fail_set(fail, GB_E_MEMORY, "%s",
                                                gb_err_sentence(GB_E_MEMORY));
}

static enum gb_err
change_op(struct gb_journal *j, const struct gb_log *l, struct gb_op *op,
          struct gb_arena *arena, struct gb_fail *fail)
{
    *op = (struct gb_op){.kind = l->kind,
                         .table = l->table,
                         .id = l->id,
                         .actor = l->actor,
                         .stamp = l->stamp,
                         .values = l->values,
                         .nvalues = l->nvalues,
                         .text = l->reason};
    return add_salt(&j->schema->tables[l->table], op, arena)
               ? GB_OK
               : gb_fail_set(fail, GB_E_MEMORY, "%s",
                             gb_err_sentence(GB_E_MEMORY));
}

/* ---------------------------------------------------------------- times -- */

/* The boots that made the operations of a set, and each one's time.  What is
 * beyond the boots that a set may span is left for the next one: a transaction
 * is of one boot, so this cuts between two. */
static enum gb_err
add_times(struct gb_journal *j, struct gb_set *set, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    int op = 0;
    enum gb_err e = gb_db_preparef(
        j->db, &s, fail,
        "SELECT first, id, wall, mono, shift, lead(first, 1, %lld) OVER "
        "(ORDER BY first) AS next FROM _boot ORDER BY first",
        (long long)GB_STAMP_MAX);
    set->boots = gb_arena_array(&set->arena, GB_BOOTS_MAX, sizeof *set->boots);
    if (!e && !set->boots)
        e = gb_fail_set(fail, GB_E_MEMORY, "%s", gb_err_sentence(GB_E_MEMORY));
    while (!e && op < set->nops && !(e = gb_db_step(s, &row, fail)) && row) {
        int64_t next = sqlite3_column_int64(s, 5);
        if (set->ops[op].stamp >= next)
            continue;
        if (set->nboots == GB_BOOTS_MAX) {
            set->nops = op;
            break;
        }
        struct gb_boot *b = &set->boots[set->nboots];
        struct gb_span id = gb_db_blob(s, 1);
        gb_assert(id.len == sizeof b->id);
        memcpy(b->id, id.ptr, sizeof b->id);
        b->wall_ms = sqlite3_column_int64(s, 2);
        b->mono_ms = sqlite3_column_int64(s, 3);
        b->shift_ms = sqlite3_column_int64(s, 4);
        for (; op < set->nops && set->ops[op].stamp < next; op++)
            set->ops[op].boot = set->nboots;
        set->nboots++;
    }
    sqlite3_finalize(s);
    gb_assert(e || op == set->nops);
    for (int i = 0; i < set->nops && !e; i++) {
        s = gb_journal_sql(j, GB_JSQL_GET_TIME);
        sqlite3_bind_int64(s, 1, set->ops[i].stamp);
        e = gb_db_step(s, &row, fail);
        set->ops[i].time_ms = !e && row ? sqlite3_column_int64(s, 0)
                                        : gb_stamp_ms(set->ops[i].stamp);
        sqlite3_reset(s);
    }
    return e;
}

/* Device time now, without giving out a stamp. */
static int64_t
clock_now(struct gb_journal *j, const struct gb_set *set)
{
    struct gb_now now;
    j->now(j->now_context, &now);
    const struct gb_boot *b = &set->boots[set->nboots - 1];
    if (memcmp(b->id, now.boot, sizeof b->id))
        return gb_time_clamp(now.wall_ms);
    return gb_time_clamp(b->wall_ms + (now.mono_ms - b->mono_ms));
}

/* -------------------------------------------------------------- the set -- */

static enum gb_err
store_set(struct gb_journal *j, const struct gb_set *set,
          struct gb_span signed_bytes, const struct gb_signature *sig,
          struct gb_span personal, struct gb_fail *fail)
{
    struct gb_sha256 sha = gb_sha256(signed_bytes);
    int64_t counter = 0;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_ADD_SET);
    sqlite3_bind_int64(s, 1, set->seq);
    gb_db_bind_blob(s, 2, GB_SPAN(sha.bytes, 32));
    sqlite3_bind_int64(s, 3, set->ops[0].stamp);
    sqlite3_bind_int64(s, 4, set->ops[set->nops - 1].stamp);
    sqlite3_bind_int(s, 5, set->nops);
    sqlite3_bind_int64(s, 6, set->schema);
    sqlite3_bind_int64(s, 7, (int64_t)set->base.size);
    gb_db_bind_blob(s, 8, signed_bytes);
    gb_db_bind_blob(s, 9, GB_SPAN(sig->bytes, sizeof sig->bytes));
    gb_db_bind_blob(s, 10, personal);
    enum gb_err e = gb_db_run(s, fail);
    for (int i = 0; i < set->nops; i++)
        if (set->ops[i].kind == GB_INSERT)
            counter = set->ops[i].id & GB_COUNTER_MAX;
    if (!e)
        e = gb_journal_put(j, "sealed", set->ops[set->nops - 1].stamp, fail);
    if (!e && counter)
        e = gb_journal_put(j, "sealed_counter", counter, fail);
    if (!e)
        e = gb_journal_put(j, "seq", set->seq, fail);
    struct gb_value v = gb_value_blob(GB_SPAN(sha.bytes, 32));
    return e ? e : gb_journal_put_value(j, "sha", &v, fail);
}

enum gb_err
gb_journal_store(struct gb_journal *j, const struct gb_sign_key *key,
                 const struct gb_set *set, struct gb_fail *fail)
{
    struct gb_buf bytes, personal;
    gb_buf_init(&bytes, GB_SET_MAX);
    gb_buf_init(&personal, GB_SET_MAX);
    enum gb_err e = gb_set_encode(set, j->schema, &bytes, fail);
    if (!e)
        e = gb_set_encode_personal(set, j->schema, &personal, fail);
    if (!e) {
        struct gb_signature sig =
            gb_sshsig_sign(key, GB_NS_CHANGESET, gb_buf_view(&bytes));
        e = store_set(j, set, gb_buf_view(&bytes), &sig, gb_buf_view(&personal),
                      fail);
    }
    gb_buf_release(&bytes);
    gb_buf_release(&personal);
    return e;
}

/* The header: who, which number, after what, having seen what. */
static enum gb_err
begin_set(struct gb_journal *j, struct gb_set *set, struct gb_fail *fail)
{
    int64_t seq;
    *set = (struct gb_set){.device = j->device, .schema = j->schema->version};
    gb_arena_init(&set->arena, GB_ARENA_MAX);
    memcpy(set->site, j->site.id, sizeof set->site);
    enum gb_err e = gb_journal_get(j, "seq", &seq, fail);
    set->seq = (uint32_t)seq + 1;
    if (!e)
        e = gb_journal_get_bytes(j, "sha", set->prev, 32, fail);
    if (!e)
        e = gb_journal_head(j, "merged", &set->base, fail);
    return e;
}

/* Where the transaction that an operation belongs to ends. */
static enum gb_err
transaction_end(struct gb_journal *j, int64_t stamp, int64_t *end,
                struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    enum gb_err e = gb_db_preparef(j->db, &s, fail,
                                   "SELECT last FROM _txn WHERE first <= %lld "
                                   "ORDER BY first DESC LIMIT 1",
                                   (long long)stamp);
    if (!e)
        e = gb_db_step(s, &row, fail);
    *end = !e && row && sqlite3_column_int64(s, 0) > stamp
               ? sqlite3_column_int64(s, 0)
               : stamp;
    sqlite3_finalize(s);
    return e;
}

/* Operations from item `from` on, by whole transactions, while they fit. */
static enum gb_err
fill_set(struct gb_journal *j, const struct tail *t, size_t from,
         struct gb_set *set, struct gb_fail *fail)
{
    size_t left = t->n - from, bound = SET_OVERHEAD;
    if (left > GB_SET_OPS_MAX)
        left = GB_SET_OPS_MAX;
    set->ops = gb_arena_array(&set->arena, left, sizeof *set->ops);
    if (!set->ops)
        return gb_fail_set(fail, GB_E_MEMORY, "%s",
                           gb_err_sentence(GB_E_MEMORY));
    int64_t end = 0;
    int whole = 0; /* operations of the transactions that fit */
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < left && !e; i++) {
        const struct item *item = &t->items[from + i];
        struct gb_op *op = &set->ops[i];
        if (item->stamp > end) {
            whole = (int)i;
            e = transaction_end(j, item->stamp, &end, fail);
        }
        if (!e)
            e = item->log ? change_op(j, item->log, op, &set->arena, fail)
                          : insert_op(j, t, item, op, &set->arena, fail);
        if (e)
            break;
        bound += gb_op_bound(op);
        if (bound > GB_BODY_MAX && whole) {
            set->nops = whole;
            return GB_OK;
        }
    }
    bool all = from + left == t->n || t->items[from + left].stamp > end;
    set->nops = all || !whole ? (int)left : whole;
    return e;
}

enum gb_err
gb_journal_seal(struct gb_journal *j, const struct gb_sign_key *key, int *made,
                struct gb_fail *fail)
{
    struct tail t = {0};
    *made = 0;
    if (!j->schema)
        return GB_OK;
    gb_arena_init(&t.arena, GB_ARENA_MAX);
    bool own = sqlite3_get_autocommit(j->db);
    enum gb_err e = own ? gb_journal_begin(j, fail) : GB_OK;
    if (e)
        return e;
    e = gather(j, &t, fail);
    for (size_t at = 0; at < t.n && !e; ++*made) {
        struct gb_set set;
        e = begin_set(j, &set, fail);
        if (!e)
            e = fill_set(j, &t, at, &set, fail);
        if (!e)
            e = add_times(j, &set, fail);
        if (!e) {
            set.clock_ms = clock_now(j, &set);
            e = gb_journal_store(j, key, &set, fail);
        }
        at += (size_t)set.nops;
        gb_set_release(&set);
    }
    if (own && !e)
        e = gb_journal_commit(j, fail);
    if (own && e)
        gb_journal_rollback(j);
    free(t.items);
    gb_arena_release(&t.arena);
    return e;
}

enum gb_err
gb_journal_container(struct gb_journal *j, uint32_t seq, struct gb_buf *out,
                     struct gb_fail *fail)
{
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_GET_SET);
    sqlite3_bind_int64(s, 1, seq);
    enum gb_err e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_MISSING, "there is no change set %u", seq);
    for (int c = 0; c < 3 && !e; c++)
        gb_buf_span(out, gb_db_blob(s, c));
    sqlite3_reset(s);
    return e ? e : gb_buf_check(out, "a change set", fail);
}
