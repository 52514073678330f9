/*
 * set_encode.c - the signed bytes of a change set (docs/FORMAT.md): its header
 * and section OPS, operations grouped by kind and table, column by column.
 */
#include "set_private.h"

#include <string.h>

#include "clock.h"
#include "column.h"
#include "id.h"

/* Where the columns of one group go, and memory for them. */
struct writer {
    const struct gb_set *set;
    const struct gb_schema *schema;
    struct gb_buf *out;
    struct gb_arena group;  /* emptied after each group */
    struct gb_arena column; /* emptied after each column */
    struct gb_fail *fail;
};

/* ------------------------------------------------------------- checks -- */

/* Names in the order that is written, each a stamp of a device. */
static bool
names_valid(const struct gb_op *op)
{
    if (op->kind != GB_RESOLVE && op->kind != GB_RELEASE)
        return op->nnames == 0;
    for (int i = 0; i < op->nnames; i++) {
        const struct gb_opname *n = &op->names[i];
        if (n->device < 0 || n->device > GB_DEVICE_MAX || n->stamp < 0)
            return false;
        if (i && (n->device < n[-1].device ||
                  (n->device == n[-1].device && n->stamp <= n[-1].stamp)))
            return false;
    }
    return op->nnames > 0 && op->nnames <= GB_NAMES_MAX;
}

/* What an operation may look like.  Its shape is our own doing; numbers and
 * texts may come from a damaged journal. */
static enum gb_err
check_op(const struct gb_op *op, const struct gb_schema *s,
         struct gb_fail *fail)
{
    gb_assert(gb_kind_known(op->kind));
    gb_assert(names_valid(op));
    gb_assert(op->kind != GB_SET || op->text.len == 0);
    if (!gb_kind_of_record(op->kind)) {
        gb_assert(op->nvalues == 0);
        return GB_OK;
    }
    gb_assert(op->table >= 0 && op->table < s->ntables);
    const struct gb_table *t = &s->tables[op->table];
    gb_assert(op->kind != GB_VOID || op->nvalues == 0);
    gb_assert((op->kind != GB_SET && op->kind != GB_RESOLVE) || op->nvalues);
    if (!gb_id_valid(op->id))
        return gb_fail_set(fail, GB_E_VALUE, "%s: %lld is no record id",
                           t->name, (long long)op->id);
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *w = &op->values[i];
        gb_assert(w->column >= 0 && w->column < t->ncolumns);
        gb_assert(i == 0 || w->column > w[-1].column);
        const struct gb_column *c = &t->columns[w->column];
        gb_assert(!c->personal || op->kind != GB_RESOLVE);
        gb_assert(!w->hidden || c->personal);
        bool null = w->value.type == GB_NULL && !w->hidden;
        if (null ? op->kind == GB_INSERT
                 : !w->hidden && w->value.type != c->type)
            return gb_fail_set(fail, GB_E_TYPE, "%s.%s: wrong type of value",
                               t->name, c->name);
        if (w->from.type != GB_NULL && w->from.type != c->type)
            return gb_fail_set(fail, GB_E_TYPE, "%s.%s: wrong type of state",
                               t->name, c->name);
    }
    return GB_OK;
}

/* ------------------------------------------------------------- groups -- */

/* Sort the operations into groups, and number these in order. */
static enum gb_err
plan(const struct gb_set *set, struct gb_arena *arena, uint16_t *group_of,
     struct gb_group *groups, size_t *ngroups, struct gb_fail *fail)
{
    uint32_t count[GB_KIND_MAX + 1][GB_TABLES_MAX] = {{0}};
    uint16_t index[GB_KIND_MAX + 1][GB_TABLES_MAX];
    for (int i = 0; i < set->nops; i++) {
        const struct gb_op *op = &set->ops[i];
        count[op->kind][gb_kind_of_record(op->kind) ? op->table : 0]++;
    }
    *ngroups = 0;
    for (unsigned k = 0; k <= GB_KIND_MAX; k++)
        for (int t = 0; t < GB_TABLES_MAX; t++) {
            if (!count[k][t])
                continue;
            struct gb_group *g = &groups[*ngroups];
            *g = (struct gb_group){.kind = k, .table = t};
            g->ops = gb_arena_array(arena, count[k][t], sizeof *g->ops);
            if (!g->ops)
                return gb_arena_refused(arena, count[k][t] * sizeof *g->ops,
                                        fail);
            index[k][t] = (uint16_t)(*ngroups)++;
        }
    for (int i = 0; i < set->nops; i++) {
        struct gb_op *op = &set->ops[i];
        int t = gb_kind_of_record(op->kind) ? op->table : 0;
        struct gb_group *g = &groups[index[op->kind][t]];
        group_of[i] = index[op->kind][t];
        g->ops[g->n++] = op;
    }
    return GB_OK;
}

/* ------------------------------------------------------------ columns -- */

/* Each record id less the one before. */
static void
write_ids(struct writer *w, const struct gb_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        gb_buf_zigzag(w->out, g->ops[i]->id - (i ? g->ops[i - 1]->id : 0));
}

/* One column, named in what goes wrong. */
static enum gb_err
write_column(struct writer *w, enum gb_form form,
             const struct gb_value *entries, size_t m, const char *table,
             const char *column)
{
    gb_arena_reset(&w->column);
    enum gb_err e =
        gb_column_write(w->out, form, entries, m, &w->column, w->fail);
    if (e == GB_E_VALUE)
        gb_fail_wrap(w->fail, "%s.%s", table, column);
    return e;
}

/* Memory for m values of the group. */
static enum gb_err
take_values(struct writer *w, size_t m, struct gb_value **out)
{
    *out = gb_arena_array(&w->group, m, sizeof **out);
    return *out ? GB_OK
                : gb_arena_refused(&w->group, m * sizeof **out, w->fail);
}

/* The texts of operations, NULL where there is none. */
static enum gb_err
write_op_texts(struct writer *w, const struct gb_group *g, const char *what)
{
    struct gb_value *v;
    enum gb_err e = take_values(w, g->n, &v);
    if (e)
        return e;
    for (size_t i = 0; i < g->n; i++)
        v[i] = g->ops[i]->text.len ? gb_value_text(g->ops[i]->text)
                                   : GB_VALUE_NULL;
    return write_column(w, GB_FORM_TEXT, v, g->n,
                        w->schema->tables[g->table].name, what);
}

/* Which columns each operation writes. */
static void
write_masks(struct writer *w, const struct gb_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        uint64_t mask = 0;
        for (int k = 0; k < g->ops[i]->nvalues; k++)
            mask |= UINT64_C(1) << g->ops[i]->values[k].column;
        gb_buf_varint(w->out, mask);
    }
}

/* The entries of column c: of all operations (inserts), or of those that
 * write it.  at[i] is how many values of operation i have been passed. */
static size_t
gather(const struct gb_group *g, int c, int *at, struct gb_value *values,
       struct gb_value *from)
{
    size_t m = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct gb_op *op = g->ops[i];
        bool has = at[i] < op->nvalues && op->values[at[i]].column == c;
        if (!has && g->kind != GB_INSERT)
            continue;
        values[m] = has ? op->values[at[i]].value : GB_VALUE_NULL;
        from[m++] = has ? op->values[at[i]].from : GB_VALUE_NULL;
        at[i] += has;
    }
    return m;
}

/* All columns of a group's table but personal ones. */
static enum gb_err
write_values(struct writer *w, const struct gb_group *g)
{
    const struct gb_table *t = &w->schema->tables[g->table];
    struct gb_value *values, *from;
    int *at = gb_arena_array(&w->group, g->n, sizeof *at);
    enum gb_err e =
        at ? GB_OK : gb_arena_refused(&w->group, g->n * sizeof *at, w->fail);
    if (!e)
        e = take_values(w, g->n, &values);
    if (!e)
        e = take_values(w, g->n, &from);
    for (int c = 0; c < t->ncolumns && !e; c++) {
        const struct gb_column *col = &t->columns[c];
        enum gb_form form = gb_column_form(col);
        size_t m = gather(g, c, at, values, from);
        if (col->personal)
            continue;
        if (g->kind == GB_SET && col->rule.kind == GB_RULE_STATE)
            e = write_column(w, form, from, m, t->name, col->name);
        if (!e)
            e = write_column(w, form, values, m, t->name, col->name);
    }
    return e;
}

/* Masks (of inserts: the others' mask has them) and commitments. */
static enum gb_err
write_personal(struct writer *w, const struct gb_group *g)
{
    const struct gb_table *t = &w->schema->tables[g->table];
    enum gb_err e = GB_OK;
    if (!t->personal)
        return GB_OK;
    for (size_t i = 0; i < g->n && g->kind == GB_INSERT; i++)
        gb_buf_varint(w->out, gb_set_personal_mask(g->ops[i], t));
    for (size_t i = 0; i < g->n && !e; i++) {
        uint8_t commitment[32];
        if (!gb_set_personal_mask(g->ops[i], t))
            continue;
        e = gb_set_commit(g->ops[i], t, commitment, w->fail);
        if (e == GB_E_VALUE)
            gb_fail_wrap(w->fail, "%s", t->name);
        if (!e)
            gb_buf_add(w->out, commitment, sizeof commitment);
    }
    return e;
}

/* The operations that each operation names. */
static void
write_names(struct writer *w, const struct gb_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct gb_op *op = g->ops[i];
        int64_t before = 0;
        gb_buf_varint(w->out, (uint64_t)op->nnames);
        for (int k = 0; k < op->nnames; k++) {
            gb_buf_varint(w->out, (uint64_t)op->names[k].device);
            gb_buf_zigzag(w->out, op->names[k].stamp - before);
            before = op->names[k].stamp;
        }
    }
}

/* The table of docs/FORMAT.md "Section 2", row by row. */
static enum gb_err
write_group(struct writer *w, const struct gb_group *g)
{
    enum gb_err e = GB_OK;
    gb_arena_reset(&w->group);
    if (gb_kind_of_record(g->kind))
        write_ids(w, g);
    else
        for (size_t i = 0; i < g->n; i++)
            gb_buf_string(w->out, g->ops[i]->text);
    switch (g->kind) {
    case GB_INSERT:
        e = write_op_texts(w, g, "ref");
        break;
    case GB_VOID:
        e = write_op_texts(w, g, "reason");
        break;
    case GB_SET:
    case GB_RESOLVE:
        write_masks(w, g);
        break;
    default:
        break;
    }
    if (!e && gb_kind_of_record(g->kind) && g->kind != GB_VOID)
        e = write_values(w, g);
    if (!e && (g->kind == GB_INSERT || g->kind == GB_SET))
        e = write_personal(w, g);
    if (!e && g->kind == GB_RESOLVE)
        e = write_op_texts(w, g, "reason");
    if (!e && (g->kind == GB_RESOLVE || g->kind == GB_RELEASE))
        write_names(w, g);
    return e ? e : gb_buf_check(w->out, "section OPS", w->fail);
}

/* Section OPS. */
static enum gb_err
write_ops(const struct gb_set *set, const struct gb_schema *s,
          const struct gb_group *groups, size_t ngroups, struct gb_buf *out,
          struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    struct writer w = {.set = set, .schema = s, .out = out, .fail = fail};
    gb_arena_init(&w.group, GB_ARENA_MAX);
    gb_arena_init(&w.column, GB_ARENA_MAX);
    gb_buf_varint(out, ngroups);
    for (size_t i = 0; i < ngroups; i++) {
        gb_buf_u8(out, groups[i].kind);
        if (gb_kind_of_record(groups[i].kind))
            gb_buf_varint(out, (uint64_t)groups[i].table);
        gb_buf_varint(out, groups[i].n);
    }
    for (size_t i = 0; i < ngroups && !e; i++)
        e = write_group(&w, &groups[i]);
    gb_arena_release(&w.group);
    gb_arena_release(&w.column);
    return e;
}

/* ---------------------------------------------------------------- set -- */

/* The fixed header. */
static void
write_header(const struct gb_set *set, struct gb_buf *out)
{
    size_t start = out->len;
    gb_buf_text(out, "GBCS");
    gb_buf_u8(out, 1);
    gb_buf_u8(out, 0);
    gb_buf_u16(out, (unsigned)set->device);
    gb_buf_add(out, set->site, sizeof set->site);
    gb_buf_u32(out, set->seq);
    gb_buf_add(out, set->prev, sizeof set->prev);
    gb_buf_u32(out, set->schema);
    gb_buf_u64(out, (uint64_t)set->clock_ms);
    gb_buf_u32(out, set->base.epoch);
    gb_buf_u64(out, set->base.size);
    gb_buf_add(out, set->base.root, sizeof set->base.root);
    gb_assert(out->failed || out->len - start == GB_SET_HEADER_BYTES);
}

/* The set as a whole, and each operation. */
static enum gb_err
check_set(const struct gb_set *set, const struct gb_schema *s,
          struct gb_fail *fail)
{
    static const uint8_t zeros[32];
    gb_assert(set->nops > 0);
    gb_assert(set->nboots > 0);
    gb_assert(set->schema == s->version);
    gb_assert(set->device >= 0 && set->device <= GB_DEVICE_MAX);
    gb_assert(set->seq > 0);
    gb_assert(set->seq > 1 || !memcmp(set->prev, zeros, sizeof zeros));
    if (set->nops > GB_SET_OPS_MAX || set->nboots > GB_BOOTS_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "a set of %d operations in %d boots is larger than "
                           "%d and %d",
                           set->nops, set->nboots, GB_SET_OPS_MAX,
                           GB_BOOTS_MAX);
    if (set->clock_ms < 0 || set->clock_ms > GB_TIME_MAX)
        return gb_fail_set(fail, GB_E_VALUE, "the clock is out of range");
    size_t values = 0;
    for (int i = 0; i < set->nops; i++) {
        enum gb_err e = check_op(&set->ops[i], s, fail);
        if (e)
            return gb_fail_wrap(fail, "operation %d", i);
        values += (size_t)set->ops[i].nvalues;
    }
    if (values > GB_SET_VALUES_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "a set of %zu values is larger than %d", values,
                           GB_SET_VALUES_MAX);
    return GB_OK;
}

/* The sections, one after another through the same buffer. */
static enum gb_err
write_sections(const struct gb_set *set, const struct gb_schema *s,
               struct gb_arena *arena, struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_section_writer w = gb_section_writer_of(out);
    struct gb_buf raw;
    size_t n = (size_t)set->nops, ngroups;
    uint16_t *group_of = gb_arena_array(arena, n, sizeof *group_of);
    struct gb_group *groups =
        gb_arena_array(arena, GB_GROUPS_MAX, sizeof *groups);
    if (!group_of || !groups)
        return gb_arena_refused(arena, n * sizeof *group_of, fail);
    enum gb_err e = plan(set, arena, group_of, groups, &ngroups, fail);
    gb_buf_init(&raw, GB_BODY_MAX);
    if (!e)
        e = gb_set_write_time(set, group_of, &raw, fail);
    if (!e)
        e = gb_section_write(&w, GB_SECTION_TIME, gb_buf_view(&raw),
                             GB_SPAN(NULL, 0), fail);
    gb_buf_clear(&raw);
    if (!e)
        e = write_ops(set, s, groups, ngroups, &raw, fail);
    if (!e)
        e = gb_section_write(&w, GB_SECTION_OPS, gb_buf_view(&raw),
                             s->dictionary, fail);
    gb_buf_clear(&raw);
    if (!e && set->origins)
        e = gb_set_write_origin(set, &raw, fail);
    if (!e)
        e = gb_section_write(&w, GB_SECTION_ORIGIN, gb_buf_view(&raw),
                             GB_SPAN(NULL, 0), fail);
    gb_buf_release(&raw);
    return e ? e : gb_section_finish(&w, fail);
}

enum gb_err
gb_set_encode(const struct gb_set *set, const struct gb_schema *s,
              struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_arena arena;
    size_t start = out->len;
    enum gb_err e = check_set(set, s, fail);
    if (e)
        return e;
    gb_arena_init(&arena, GB_ARENA_MAX);
    write_header(set, out);
    e = write_sections(set, s, &arena, out, fail);
    gb_arena_release(&arena);
    if (e)
        out->len = start;
    return e;
}
