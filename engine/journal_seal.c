/*
 * journal_seal.c - the open tail becomes signed change sets; see journal.h.
 *
 * The tail is every own record beyond the sealed counter and every change
 * beyond the sealed stamp.  A record's row shows the changes made since, so
 * its insert is read from the row with their old values put back.
 */
#include "journal_private.h"

#include <string.h>

#include "digest.h"
#include "sshsig.h"

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

/* What an operation wrote, out of scratch memory into the set's. */
static enum gb_err
keep_values(const struct gb_table *t, struct gb_op *op, struct gb_arena *arena,
            struct gb_fail *fail)
{
    size_t n = (size_t)op->nvalues;
    struct gb_written *values = gb_arena_array(arena, n, sizeof *values);
    struct gb_value text = gb_value_text(op->text);
    bool memory = values && (!op->text.len || gb_value_keep(&text, arena));
    for (size_t i = 0; i < n && memory; i++) {
        values[i] = op->values[i];
        memory = gb_value_keep(&values[i].value, arena) &&
                 gb_value_keep(&values[i].from, arena);
    }
    op->values = values;
    op->text = text.as.s;
    return memory && add_salt(t, op, arena) ? GB_OK : gb_fail_memory(fail);
}

/* The insert of a record, as it was before the changes of the tail. */
static enum gb_err
insert_op(struct gb_journal *j, struct gb_tail *t,
          const struct gb_tail_item *item, struct gb_op *op,
          struct gb_arena *arena, struct gb_fail *fail)
{
    struct gb_rec r;
    bool found;
    const struct gb_table *d = &j->schema->tables[item->table];
    struct gb_value v[GB_COLUMNS_MAX];
    struct gb_written values[GB_COLUMNS_MAX];
    gb_arena_reset(&j->arena);
    enum gb_err e = gb_tables_load(j->tables, item->table, item->id, &j->arena,
                                   &r, &found, fail);
    if (e)
        return e;
    gb_assert(found);
    for (int c = 0; c < d->ncolumns; c++)
        v[c] = gb_cell_value(&d->columns[c], &r.cells[c]);
    e = gb_tail_before(j, t, item, v, fail);
    *op = (struct gb_op){.kind = GB_INSERT,
                         .table = item->table,
                         .id = item->id,
                         .actor = r.actor,
                         .stamp = item->stamp,
                         .values = values,
                         .text = r.ref};
    for (int c = 0; c < d->ncolumns; c++)
        if (v[c].type != GB_NULL)
            values[op->nvalues++] =
                (struct gb_written){.column = c, .value = v[c]};
    return e ? e : keep_values(d, op, arena, fail);
}

static enum gb_err
change_op(struct gb_journal *j, const struct gb_tail_item *item,
          struct gb_op *op, struct gb_arena *arena, struct gb_fail *fail)
{
    struct gb_log l;
    gb_arena_reset(&j->arena);
    enum gb_err e = gb_log_get(j, item->stamp, &j->arena, &l, fail);
    if (e)
        return e;
    *op = (struct gb_op){.kind = l.kind,
                         .table = l.table,
                         .id = l.id,
                         .actor = l.actor,
                         .stamp = l.stamp,
                         .values = l.values,
                         .nvalues = l.nvalues,
                         .text = l.reason};
    return keep_values(&j->schema->tables[l.table], op, arena, fail);
}

/* --------------------------------------------------------------- times -- */

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
        e = gb_fail_memory(fail);
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

/* ------------------------------------------------------------- the set -- */

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
    bool row;
    sqlite3_stmt *s = gb_journal_sql(j, GB_JSQL_TXN_END);
    sqlite3_bind_int64(s, 1, stamp);
    enum gb_err e = gb_db_step(s, &row, fail);
    *end = !e && row && sqlite3_column_int64(s, 0) > stamp
               ? sqlite3_column_int64(s, 0)
               : stamp;
    sqlite3_reset(s);
    return e;
}

/* Operations from item `from` on, by whole transactions, while they fit. */
static enum gb_err
fill_set(struct gb_journal *j, struct gb_tail *t, size_t from,
         struct gb_set *set, struct gb_fail *fail)
{
    size_t left = t->n - from, bound = GB_SET_OVERHEAD;
    if (left > GB_SET_OPS_MAX)
        left = GB_SET_OPS_MAX;
    set->ops = gb_arena_array(&set->arena, left, sizeof *set->ops);
    if (!set->ops)
        return gb_fail_memory(fail);
    int64_t end = 0;
    int whole = 0; /* operations of the transactions that fit */
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < left && !e; i++) {
        const struct gb_tail_item *item = &t->items[from + i];
        struct gb_op *op = &set->ops[i];
        if (item->stamp > end) {
            whole = (int)i;
            e = transaction_end(j, item->stamp, &end, fail);
        }
        if (!e)
            e = item->insert ? insert_op(j, t, item, op, &set->arena, fail)
                             : change_op(j, item, op, &set->arena, fail);
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
    struct gb_tail t = {0};
    *made = 0;
    if (!j->schema)
        return GB_OK;
    bool own = sqlite3_get_autocommit(j->db);
    enum gb_err e = own ? gb_journal_begin(j, fail) : GB_OK;
    if (e)
        return e;
    e = gb_tail_gather(j, &t, fail);
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
    gb_tail_release(&t);
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
