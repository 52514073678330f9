/* table_row.c - a record as the values of its row; see table_private.h */
#include "table_private.h"

#include "id.h"

/* A text or blob's bytes; none for NULL. */
static struct gb_span
bytes_of(const struct gb_value *v)
{
    return v->type == GB_TEXT || v->type == GB_BLOB ? v->as.s
                                                    : GB_SPAN(NULL, 0);
}

static int64_t
int_of(const struct gb_value *v)
{
    return v->type == GB_INT ? v->as.i : 0;
}

enum gb_err
gb_row_read(const struct gb_table *t, const struct gb_value *from,
            struct gb_arena *arena, struct gb_rec *out, struct gb_fail *fail)
{
    size_t n = (size_t)t->ncolumns;
    struct gb_value *row =
        gb_arena_alloc(arena, gb_values_size(from, ROW_OWN + n));
    struct gb_sib *sib = gb_arena_array(arena, n, sizeof *sib);
    *out = (struct gb_rec){
        .table = t, .cells = gb_arena_array(arena, n, sizeof *out->cells)};
    if (!row || !sib || !out->cells)
        return gb_fail_set(fail, GB_E_MEMORY, "a record of %s: %s", t->name,
                           gb_err_sentence(GB_E_MEMORY));
    gb_values_copy(row, from, ROW_OWN + n);
    int64_t pos = int_of(&row[ROW_POS]);
    out->id = int_of(&row[ROW_ID]);
    out->stamp = int_of(&row[ROW_STAMP]);
    out->pos = pos >> 4 ? pos >> 4 : GB_POS_PENDING;
    out->level = (int)(pos & 15);
    out->actor = int_of(&row[ROW_ACTOR]);
    out->ref = bytes_of(&row[ROW_REF]);
    out->arena = arena;
    for (size_t c = 0; c < n; c++) {
        const struct gb_value *v = &row[ROW_OWN + c];
        sib[c] = (struct gb_sib){.stamp = out->stamp,
                                 .device = gb_id_device(out->id),
                                 .pos = out->pos,
                                 .level = out->level,
                                 .value = *v};
        out->cells[c] = (struct gb_cell){v->type != GB_NULL, &sib[c]};
    }
    return gb_rec_code_read(out, bytes_of(&row[ROW_CODE]), fail);
}

enum gb_err
gb_row_write(struct gb_tables *t, const struct gb_rec *r, struct gb_value *row,
             struct gb_fail *fail)
{
    gb_buf_clear(&t->code);
    gb_rec_code_write(r, &t->code);
    enum gb_err e = gb_buf_check(&t->code, "a record's state", fail);
    if (e)
        return e;
    int64_t pos = r->pos == GB_POS_PENDING ? 0 : r->pos;
    row[ROW_ID] = gb_value_int(r->id);
    row[ROW_STAMP] = gb_value_int(r->stamp);
    row[ROW_POS] = gb_value_int(pos << 4 | r->level);
    row[ROW_ACTOR] = gb_value_int(r->actor);
    row[ROW_REF] = r->ref.len ? gb_value_text(r->ref) : GB_VALUE_NULL;
    row[ROW_VOID] = r->nvoids ? gb_value_text(r->voids->reason) : GB_VALUE_NULL;
    row[ROW_CODE] =
        t->code.len ? gb_value_blob(gb_buf_view(&t->code)) : GB_VALUE_NULL;
    for (int c = 0; c < r->table->ncolumns; c++)
        row[ROW_OWN + c] = gb_cell_value(&r->table->columns[c], &r->cells[c]);
    return GB_OK;
}
