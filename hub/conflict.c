/* conflict.c - see conflict.h */
#include "hub/conflict.h"

#include <stdlib.h>
#include <string.h>

static int
by_name(const void *a, const void *b)
{
    const struct gb_sib *x = a, *y = b;
    if (x->stamp != y->stamp)
        return x->stamp < y->stamp ? -1 : 1;
    return (x->device > y->device) - (x->device < y->device);
}

/* SHA-256 over the siblings' names, cut short. */
static void
make_token(struct gb_conflict *c)
{
    struct gb_sha256_state sha;
    gb_sha256_init(&sha);
    for (int i = 0; i < c->n; i++) {
        int64_t name[2] = {c->sibs[i].device, c->sibs[i].stamp};
        gb_sha256_add(&sha, GB_SPAN(name, sizeof name));
    }
    struct gb_sha256 sum = gb_sha256_final(&sha);
    gb_hex_encode(c->token, sum.bytes, 4);
}

bool
gb_conflict_cell(const struct gb_rec *r, int table, int column,
                 struct gb_conflict *out)
{
    const struct gb_column *col = &r->table->columns[column];
    const struct gb_cell *cell = &r->cells[column];
    bool differ = false;
    *out = (struct gb_conflict){
        .kind = GB_CONFLICT_CELL, .table = table, .rec = r, .column = column};
    if (cell->n < 2)
        return false;
    for (int i = 1; i < cell->n; i++)
        differ |= !gb_value_equal(&cell->sib[i].value, &cell->sib[0].value);
    out->review = gb_cell_review(col, cell);
    if (!differ && !out->review)
        return false;
    struct gb_sib shown = cell->sib[gb_cell_shown(col, cell)];
    struct gb_sib *sibs =
        gb_arena_array(r->arena, (size_t)cell->n, sizeof *sibs);
    if (!sibs)
        return false; /* an arena of 64 MiB holds any record twice */
    memcpy(sibs, cell->sib, (size_t)cell->n * sizeof *sibs);
    qsort(sibs, (size_t)cell->n, sizeof *sibs, by_name);
    out->sibs = sibs;
    out->n = cell->n;
    while (by_name(&sibs[out->shown], &shown))
        out->shown++;
    make_token(out);
    return true;
}

/* All conflicts of one record. */
static enum gb_err
look_at(struct gb_state *st, const struct gb_rec *r, int table,
        gb_conflict_fn *fn, void *context, struct gb_fail *fail)
{
    struct gb_conflict c;
    enum gb_err e = GB_OK;
    for (int i = 0; i < r->table->ncolumns && !e; i++)
        if (gb_conflict_cell(r, table, i, &c))
            e = fn(context, &c, fail);
    c = (struct gb_conflict){
        .table = table, .rec = r, .column = -1, .review = true};
    c.kind = GB_CONFLICT_VOID;
    if (!e && gb_rec_void_review(r, gb_state_lineage(st)))
        e = fn(context, &c, fail);
    c.kind = GB_CONFLICT_RIVAL;
    if (e || !r->rival || r->nvoids)
        return e;
    e = gb_rival_find(st, table, r, &c.lost, fail);
    return e ? e : fn(context, &c, fail);
}

/* A record that was only inserted has no conflict, and no _code. */
static enum gb_err
walk_table(struct gb_state *st, int table, gb_conflict_fn *fn, void *context,
           struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    struct gb_arena arena;
    struct gb_rec r;
    bool row, found;
    gb_arena_init(&arena, GB_ARENA_MAX);
    enum gb_err e = gb_db_preparef(
        gb_state_db(st), &s, fail,
        "SELECT id FROM \"%w\" WHERE _code IS NOT NULL ORDER BY id",
        gb_state_schema(st)->tables[table].name);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        gb_arena_reset(&arena);
        e = gb_tables_load(gb_state_tables(st), table,
                           sqlite3_column_int64(s, 0), &arena, &r, &found,
                           fail);
        if (!e && found)
            e = look_at(st, &r, table, fn, context, fail);
    }
    sqlite3_finalize(s);
    gb_arena_release(&arena);
    return e;
}

enum gb_err
gb_conflict_walk(struct gb_state *st, gb_conflict_fn *fn, void *context,
                 struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    for (int t = 0; t < gb_state_schema(st)->ntables && !e; t++)
        e = walk_table(st, t, fn, context, fail);
    return e;
}
