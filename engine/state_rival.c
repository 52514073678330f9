/*
 * state_rival.c - records that claim the same: see state.h, MERGE.md §9a.
 *
 * A set's records note what they claimed before and claim now; when the set is
 * done, each of these claims is settled anew from the merged records.
 */
#include "state_private.h"

#include <stdlib.h>
#include <string.h>

/* A record stands for what it claims: its values of the rival's columns, as
 * they were when it was noted, in the order of the schema. */
struct gb_claim {
    int table;
    int64_t id;
    struct gb_buf key; /* values (value.h); empty: one is NULL */
};

/* What a record claims: nothing while one of the values is NULL. */
static void
write_key(const struct gb_table *t, const struct gb_rec *r, struct gb_buf *out)
{
    for (int i = 0; i < t->rival.ncolumns; i++) {
        int c = t->rival.columns[i];
        struct gb_value v = gb_cell_value(&t->columns[c], &r->cells[c]);
        if (v.type == GB_NULL) {
            gb_buf_clear(out);
            return;
        }
        gb_value_write(out, &v);
    }
}

void
gb_rivals_clear(struct gb_rivals *l)
{
    while (l->n)
        gb_buf_release(&l->list[--l->n].key);
}

/* Note what a record claims, unless that was the last thing noted. */
static enum gb_err
note(struct gb_state *st, int table, const struct gb_rec *r,
     struct gb_fail *fail)
{
    struct gb_rivals *l = &st->rivals;
    if (l->n == l->room) {
        size_t room = 2 * l->room + 16;
        struct gb_claim *grown = realloc(l->list, room * sizeof *grown);
        if (!grown)
            return gb_fail_memory(fail);
        l->list = grown;
        l->room = room;
    }
    struct gb_claim *c = &l->list[l->n++];
    *c = (struct gb_claim){.table = table, .id = r->id};
    gb_buf_init(&c->key, GB_SET_MAX);
    write_key(&gb_state_schema(st)->tables[table], r, &c->key);
    enum gb_err e = gb_buf_check(&c->key, "what a record claims", fail);
    if (!e && l->n > 1 && c[-1].table == table && c[-1].id == r->id &&
        gb_span_equal(gb_buf_view(&c[-1].key), gb_buf_view(&c->key)))
        gb_buf_release(&l->list[--l->n].key);
    return e;
}

enum gb_err
gb_state_claim(struct gb_state *st, int table, const struct gb_rec *r,
               struct gb_fail *fail)
{
    bool claims = gb_state_schema(st)->tables[table].rival.ncolumns > 0;
    return claims ? note(st, table, r, fail) : GB_OK;
}

struct reclaiming {
    struct gb_state *st;
    int table;
};

static enum gb_err
reclaim(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    const struct reclaiming *c = context;
    return note(c->st, c->table, r, fail);
}

/* The condition and columns are the same. */
static bool
same_rival(const struct gb_rival *a, const struct gb_rival *b)
{
    bool same = a->ncolumns == b->ncolumns && !a->where == !b->where &&
                (!a->where || !strcmp(a->where, b->where));
    for (int i = 0; same && i < a->ncolumns; i++)
        same = a->columns[i] == b->columns[i];
    return same;
}

enum gb_err
gb_state_reclaim(struct gb_state *st, const struct gb_schema *old,
                 struct gb_fail *fail)
{
    const struct gb_schema *now = gb_state_schema(st);
    enum gb_err e = GB_OK;
    for (int t = 0; t < old->ntables && !e; t++) {
        struct reclaiming c = {st, t};
        if (!same_rival(&old->tables[t].rival, &now->tables[t].rival))
            e = gb_tables_walk(st->tables, t, 0, reclaim, &c, fail);
    }
    return e;
}

/* Write down a verdict that has changed; its record counts as changed. */
static enum gb_err
put_verdict(struct gb_state *st, int table, int64_t id, bool rival,
            uint64_t pos, struct gb_fail *fail)
{
    struct gb_rec r;
    bool found;
    gb_arena_reset(&st->arena);
    enum gb_err e =
        gb_tables_load(st->tables, table, id, &st->arena, &r, &found, fail);
    if (e || !found || r.rival == rival)
        return e;
    r.rival = rival;
    r.rival_pos = (int64_t)pos;
    gb_touched_add(&st->touched, table, id);
    return gb_tables_update(st->tables, &r, fail);
}

/* All records with these values, the one that holds first: the lowest by
 * (stamp of the insert, device), which is the id's upper part. */
static enum gb_err
prepare(struct gb_state *st, const struct gb_claim *c, sqlite3_stmt **out,
        struct gb_fail *fail)
{
    const struct gb_table *t = &gb_state_schema(st)->tables[c->table];
    struct gb_reader in = gb_reader_of(gb_buf_view(&c->key));
    struct gb_buf sql;
    gb_buf_init(&sql, 65536);
    gb_buf_printf(&sql,
                  "SELECT id, coalesce(_void IS NULL AND (%s), 0) AS live "
                  "FROM \"%s\" WHERE 1",
                  t->rival.where ? t->rival.where : "1", t->name);
    for (int i = 0; i < t->rival.ncolumns; i++)
        gb_buf_printf(&sql, " AND \"%s\" = ?%d",
                      t->columns[t->rival.columns[i]].name, i + 1);
    gb_buf_printf(&sql, " ORDER BY live DESC, _e, id >> %d", GB_COUNTER_BITS);
    gb_buf_u8(&sql, 0);
    enum gb_err e = gb_buf_check(&sql, "a statement", fail);
    if (!e)
        e = gb_db_prepare(st->db, (const char *)sql.ptr, out, fail);
    for (int i = 0; !e && i < t->rival.ncolumns; i++) {
        struct gb_value v = gb_value_read(&in);
        gb_db_bind(*out, i + 1, &v);
    }
    gb_buf_release(&sql);
    return e;
}

enum gb_err
gb_state_holder(struct gb_state *st, int table, const struct gb_rec *r,
                int64_t *holder, struct gb_fail *fail)
{
    struct gb_claim c = {.table = table, .id = r->id};
    sqlite3_stmt *s = NULL;
    bool row = false;
    *holder = r->id;
    gb_buf_init(&c.key, GB_SET_MAX);
    write_key(r->table, r, &c.key);
    enum gb_err e = gb_buf_check(&c.key, "what a record claims", fail);
    if (!e && c.key.len)
        e = prepare(st, &c, &s, fail);
    if (s)
        e = gb_db_step(s, &row, fail);
    if (row && sqlite3_column_int(s, 1))
        *holder = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    gb_buf_release(&c.key);
    return e;
}

/* The first live one holds, the other live ones do not.  Verdicts are written
 * when all are known: the statement reads what they change. */
static enum gb_err
settle(struct gb_state *st, const struct gb_claim *c, uint64_t pos,
       struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    struct gb_buf list;
    struct gb_verdict_of {
        int64_t id;
        bool rival;
    } v;
    gb_buf_init(&list, SIZE_MAX / 4);
    enum gb_err e = gb_state_settle(st, fail);
    if (!e)
        e = prepare(st, c, &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        memset(&v, 0, sizeof v);
        v.id = sqlite3_column_int64(s, 0);
        v.rival = sqlite3_column_int(s, 1) && list.len;
        gb_buf_add(&list, &v, sizeof v);
    }
    sqlite3_finalize(s);
    if (!e)
        e = gb_buf_check(&list, "records that claim the same", fail);
    for (size_t at = 0; at < list.len && !e; at += sizeof v) {
        memcpy(&v, list.ptr + at, sizeof v);
        e = put_verdict(st, c->table, v.id, v.rival, pos, fail);
    }
    gb_buf_release(&list);
    return e;
}

/* Records that claim nothing first: what they claimed or claim besides has the
 * last word.  Equal claims beside each other. */
static int
compare(const void *a, const void *b)
{
    const struct gb_claim *x = a, *y = b;
    int order = gb_span_compare(gb_buf_view(&x->key), gb_buf_view(&y->key));
    if (order)
        return order;
    if (x->table != y->table)
        return x->table - y->table;
    return (x->id > y->id) - (x->id < y->id);
}

static bool
same_claim(const struct gb_claim *a, const struct gb_claim *b)
{
    return a->table == b->table &&
           gb_span_equal(gb_buf_view(&a->key), gb_buf_view(&b->key));
}

/* One claim of a thousand records is settled once. */
enum gb_err
gb_state_rivals(struct gb_state *st, uint64_t pos, struct gb_fail *fail)
{
    struct gb_rivals *l = &st->rivals;
    enum gb_err e = GB_OK;
    if (l->n)
        qsort(l->list, l->n, sizeof *l->list, compare);
    for (size_t i = 0; i < l->n && !e; i++) {
        const struct gb_claim *c = &l->list[i];
        if (!c->key.len)
            e = put_verdict(st, c->table, c->id, false, pos, fail);
        else if (!i || !same_claim(&c[-1], c))
            e = settle(st, c, pos, fail);
    }
    gb_rivals_clear(l);
    return e;
}
