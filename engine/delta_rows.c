/* delta_rows.c - records of one table, column by column; see delta.h */
#include "column.h"
#include "delta.h"
#include "id.h"

#include <string.h>

/* Scratch for one column of n values. */
struct scratch {
    struct gb_value *v;
    size_t n;
    struct gb_arena arena;
    struct gb_arena columns;
};

static enum gb_err
put(struct scratch *s, enum gb_form form, struct gb_buf *out,
    struct gb_fail *fail)
{
    enum gb_err e = gb_column_write(out, form, s->v, s->n, &s->columns, fail);
    gb_arena_reset(&s->columns);
    return e;
}

/* The columns that every record has. */
static enum gb_err
write_common(const struct gb_rec *r, struct scratch *s, struct gb_buf *out,
             struct gb_fail *fail)
{
    int64_t id = 0, stamp = 0, pos = 0, actor = 0;
    for (size_t i = 0; i < s->n; id = r[i++].id)
        gb_buf_zigzag(out, r[i].id - id);
    for (size_t i = 0; i < s->n; stamp = r[i++].stamp)
        gb_buf_zigzag(out, r[i].stamp - stamp);
    for (size_t i = 0; i < s->n; pos = r[i++].pos)
        gb_buf_zigzag(out, r[i].pos - pos);
    for (size_t i = 0; i < s->n; i++)
        gb_buf_u8(out, (unsigned)r[i].level);
    for (size_t i = 0; i < s->n; actor = r[i++].actor)
        gb_buf_zigzag(out, r[i].actor - actor);
    for (size_t i = 0; i < s->n; i++)
        s->v[i] = r[i].ref.len ? gb_value_text(r[i].ref) : GB_VALUE_NULL;
    return put(s, GB_FORM_TEXT, out, fail);
}

/* Void and the rest of the state: one blob a record, mostly none; a large one
 * is longer than a blob of a column may be. */
static enum gb_err
write_codes(const struct gb_rec *r, struct scratch *s, bool large,
            struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_buf code;
    enum gb_err e = GB_OK;
    gb_buf_init(&code, GB_RECORD_MAX);
    if (large) {
        gb_rec_code_write(r, &code);
        e = gb_buf_check(&code, "a record's state", fail);
        gb_buf_string(out, gb_buf_view(&code));
        gb_buf_release(&code);
        return e;
    }
    for (size_t i = 0; i < s->n && !e; i++) {
        gb_buf_clear(&code);
        gb_rec_code_write(&r[i], &code);
        e = gb_buf_check(&code, "a record's state", fail);
        s->v[i] = GB_VALUE_NULL;
        if (e || !code.len)
            continue;
        s->v[i] = gb_value_blob(gb_arena_copy(&s->arena, gb_buf_view(&code)));
        if (!s->v[i].as.s.ptr)
            e = gb_arena_refused(&s->arena, code.len, fail);
    }
    gb_buf_release(&code);
    return e ? e : put(s, GB_FORM_BLOB, out, fail);
}

enum gb_err
gb_delta_rows_write(const struct gb_rec *r, size_t n, bool large,
                    struct gb_buf *out, struct gb_fail *fail)
{
    const struct gb_table *t = r->table;
    struct scratch s = {.n = n};
    gb_arena_init(&s.arena, GB_ARENA_MAX);
    gb_arena_init(&s.columns, GB_ARENA_MAX);
    s.v = gb_arena_array(&s.arena, n, sizeof *s.v);
    enum gb_err e = s.v ? write_common(r, &s, out, fail)
                        : gb_arena_refused(&s.arena, n * sizeof *s.v, fail);
    for (int c = 0; c < t->ncolumns && !e; c++) {
        for (size_t i = 0; i < n; i++)
            s.v[i] = gb_cell_value(&t->columns[c], &r[i].cells[c]);
        e = put(&s, gb_column_form(&t->columns[c]), out, fail);
    }
    if (!e)
        e = write_codes(r, &s, large, out, fail);
    gb_arena_release(&s.arena);
    gb_arena_release(&s.columns);
    return e ? e : gb_buf_check(out, "records of a delta", fail);
}

/* One column of all records, before it is dealt out to them. */
static enum gb_err
get(struct gb_reader *in, enum gb_form form, size_t n, struct gb_arena *arena,
    struct gb_value **out, struct gb_fail *fail)
{
    struct gb_entries entries;
    *out = gb_arena_array(arena, n, sizeof **out);
    if (!*out)
        return gb_arena_refused(arena, n * sizeof **out, fail);
    enum gb_err e = gb_column_read(in, form, n, arena, arena, &entries, fail);
    for (size_t i = 0; i < n && !e; i++) {
        const struct gb_value *v = gb_entries_next(&entries);
        (*out)[i] = v ? *v : GB_VALUE_NULL;
    }
    return e;
}

/* The state of a large record, which is the only one. */
static enum gb_err
get_state(struct gb_reader *in, struct gb_arena *arena, struct gb_value **out,
          struct gb_fail *fail)
{
    struct gb_span code = gb_read_string(in);
    *out = gb_arena_alloc(arena, sizeof **out);
    if (!*out)
        return gb_arena_refused(arena, sizeof **out, fail);
    **out = code.len ? gb_value_blob(code) : GB_VALUE_NULL;
    return in->bad ? gb_fail_set(fail, GB_E_FORMAT,
                                 "the state of a record is cut short")
                   : GB_OK;
}

/* The next of numbers that are written as differences, whatever those are. */
static int64_t
next_number(struct gb_reader *in, int64_t before)
{
    return (int64_t)((uint64_t)before + (uint64_t)gb_read_zigzag(in));
}

static void
read_common(struct gb_reader *in, struct gb_rec *r, size_t n,
            const struct gb_table *t, struct gb_arena *arena)
{
    int64_t id = 0, stamp = 0, pos = 0, actor = 0;
    for (size_t i = 0; i < n; i++) {
        id = next_number(in, id);
        r[i] = (struct gb_rec){.table = t, .id = id, .arena = arena};
        in->bad |= !gb_id_valid(id);
    }
    for (size_t i = 0; i < n; i++)
        r[i].stamp = stamp = next_number(in, stamp);
    for (size_t i = 0; i < n; i++) {
        r[i].pos = pos = next_number(in, pos);
        in->bad |= pos < 1 || pos > GB_POS_PENDING || r[i].stamp < 0;
    }
    for (size_t i = 0; i < n; i++) {
        r[i].level = (int)gb_read_u8(in);
        in->bad |= r[i].level > 9;
    }
    for (size_t i = 0; i < n; i++) {
        r[i].actor = actor = next_number(in, actor);
        in->bad |= actor && !gb_id_valid(actor);
    }
}

/* Whether a record that was read is written in no other way: each row shows
 * what its state says, a personal value has its commitment, and the state is
 * what writing it gives. */
static enum gb_err
one_form(const struct gb_rec *r, size_t i, struct gb_value *const *columns,
         struct gb_span code, struct gb_fail *fail)
{
    struct gb_buf again;
    bool good = true;
    for (int c = 0; c < r->table->ncolumns && good; c++) {
        const struct gb_column *column = &r->table->columns[c];
        struct gb_value shown = gb_cell_value(column, &r->cells[c]);
        good = gb_value_equal(&shown, &columns[c][i]) &&
               (!column->personal || !r->cells[c].n ||
                r->cells[c].sib->commitment);
    }
    gb_buf_init(&again, code.len);
    if (good)
        gb_rec_code_write(r, &again);
    good &=
        again.failed != GB_E_LIMIT && gb_span_equal(gb_buf_view(&again), code);
    enum gb_err e = again.failed == GB_E_MEMORY ? gb_fail_memory(fail) : GB_OK;
    gb_buf_release(&again);
    if (e || good)
        return e;
    return gb_fail_set(fail, GB_E_FORMAT, "the state of %s %lld is damaged",
                       r->table->name, (long long)r->id);
}

/* One record of the columns that were read. */
static enum gb_err
compose(struct gb_rec *r, size_t i, struct gb_value *const *columns,
        const struct gb_value *code, struct gb_arena *arena,
        struct gb_fail *fail)
{
    size_t n = (size_t)r->table->ncolumns;
    r->cells = gb_arena_array(arena, n, sizeof *r->cells);
    struct gb_sib *sib = gb_arena_array(arena, n, sizeof *sib);
    if (!r->cells || !sib)
        return gb_arena_refused(arena, n * sizeof *sib, fail);
    for (size_t c = 0; c < n; c++) {
        sib[c] = (struct gb_sib){.stamp = r->stamp,
                                 .device = gb_id_device(r->id),
                                 .pos = r->pos,
                                 .level = r->level,
                                 .value = columns[c][i]};
        r->cells[c] = (struct gb_cell){columns[c][i].type != GB_NULL, &sib[c]};
    }
    struct gb_span bytes =
        code->type == GB_BLOB ? code->as.s : GB_SPAN(NULL, 0);
    enum gb_err e = gb_rec_code_read(r, bytes, fail);
    return e ? e : one_form(r, i, columns, bytes, fail);
}

enum gb_err
gb_delta_rows_read(struct gb_reader *in, const struct gb_table *t, size_t n,
                   bool large, struct gb_arena *arena, gb_visit *visit,
                   void *context, struct gb_fail *fail)
{
    struct gb_value *refs, *codes, *columns[GB_COLUMNS_MAX];
    struct gb_rec *r = gb_arena_array(arena, n, sizeof *r);
    if (!r)
        return gb_arena_refused(arena, n * sizeof *r, fail);
    read_common(in, r, n, t, arena);
    if (in->bad)
        return gb_fail_set(fail, GB_E_FORMAT, "records of a delta: damaged");
    enum gb_err e = get(in, GB_FORM_TEXT, n, arena, &refs, fail);
    for (int c = 0; c < t->ncolumns && !e; c++)
        e = get(in, gb_column_form(&t->columns[c]), n, arena, &columns[c],
                fail);
    if (!e && large)
        e = get_state(in, arena, &codes, fail);
    else if (!e)
        e = get(in, GB_FORM_BLOB, n, arena, &codes, fail);
    for (size_t i = 0; i < n && !e; i++) {
        if (refs[i].type == GB_TEXT)
            r[i].ref = refs[i].as.s;
        if ((refs[i].type == GB_TEXT && !r[i].ref.len) ||
            (codes[i].type == GB_BLOB && !codes[i].as.s.len))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "a ref or state is empty: it is left out");
        e = compose(&r[i], i, columns, &codes[i], arena, fail);
        if (!e)
            e = visit(context, &r[i], fail);
    }
    return e;
}
