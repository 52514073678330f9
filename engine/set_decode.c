/*
 * set_decode.c - signed bytes of a change set back into operations
 * (docs/FORMAT.md).  The signature is by an enrolled key, but what a device
 * signs may still be anything: every field is checked.
 */
#include "set_private.h"

#include <string.h>

#include "column.h"
#include "id.h"

/* Section OPS while it is read. */
struct reader {
    struct gb_reader in;
    struct gb_set *set;
    const struct gb_schema *schema;
    struct gb_arena group; /* emptied after each group */
    size_t values;         /* so far */
    struct gb_fail *fail;
};

/* ------------------------------------------------------------- groups -- */

/* The list of groups: rising, known, and as many operations as TIME has. */
static enum gb_err
read_heads(struct reader *r, struct gb_group *groups, size_t *ngroups)
{
    size_t n = gb_read_count(&r->in, 2), ops = 0, last = 0;
    if (r->in.bad || !n || n > GB_GROUPS_MAX)
        return gb_fail_set(r->fail, GB_E_FORMAT,
                           "the number of groups is out of range");
    for (size_t i = 0; i < n; i++) {
        struct gb_group *g = &groups[i];
        g->kind = gb_read_u8(&r->in);
        bool record = gb_kind_of_record(g->kind);
        uint64_t table = record ? gb_read_varint(&r->in) : 0;
        uint64_t m = gb_read_varint(&r->in);
        if (r->in.bad || !gb_kind_known(g->kind) ||
            (record && table >= (uint64_t)r->schema->ntables))
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "group %zu: unknown kind or table", i);
        size_t key = (size_t)g->kind * GB_TABLES_MAX + (size_t)table;
        if (key <= last || !m || m > (size_t)r->set->nops - ops)
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "group %zu: out of order, or a wrong number of "
                               "operations",
                               i);
        last = key;
        g->table = (int)table;
        g->n = (size_t)m;
        ops += g->n;
    }
    *ngroups = n;
    return ops == (size_t)r->set->nops
               ? GB_OK
               : gb_fail_set(r->fail, GB_E_FORMAT,
                             "the groups do not sum to the operations");
}

/* Give each group its operations, as section TIME assigned them. */
static enum gb_err
assign(struct reader *r, const uint16_t *group_of, struct gb_group *groups,
       size_t ngroups)
{
    struct gb_set *set = r->set;
    size_t n = (size_t)set->nops, filled[GB_GROUPS_MAX] = {0};
    struct gb_op **ops = gb_arena_array(&set->arena, n, sizeof *ops);
    if (!ops)
        return gb_arena_refused(&set->arena, n * sizeof *ops, r->fail);
    for (size_t i = 0; i < ngroups; i++) {
        groups[i].ops = ops;
        ops += groups[i].n;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = group_of[i];
        if (at >= ngroups || filled[at] == groups[at].n)
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "operation %zu: not in the group that it names",
                               i);
        set->ops[i].kind = (enum gb_kind)groups[at].kind;
        set->ops[i].table = groups[at].table;
        groups[at].ops[filled[at]++] = &set->ops[i];
    }
    return GB_OK;
}

/* ------------------------------------------------------------ columns -- */

/* Record ids. */
static enum gb_err
read_ids(struct reader *r, const struct gb_group *g)
{
    uint64_t id = 0;
    for (size_t i = 0; i < g->n; i++) {
        id += (uint64_t)gb_read_zigzag(&r->in);
        if (r->in.bad || !gb_id_valid((int64_t)id))
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "the record ids are damaged");
        g->ops[i]->id = (int64_t)id;
    }
    return GB_OK;
}

/* Payloads of the site's own operations. */
static enum gb_err
read_payloads(struct reader *r, const struct gb_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        g->ops[i]->text = gb_read_string(&r->in);
    return r->in.bad
               ? gb_fail_set(r->fail, GB_E_FORMAT, "the payloads are cut short")
               : GB_OK;
}

/* Refs and reasons: text, or none; an empty one would have been none. */
static enum gb_err
read_op_texts(struct reader *r, const struct gb_group *g)
{
    struct gb_entries entries;
    enum gb_err e = gb_column_read(&r->in, GB_FORM_TEXT, g->n, &r->group,
                                   &r->set->arena, &entries, r->fail);
    for (size_t i = 0; i < g->n && !e; i++) {
        const struct gb_value *v = gb_entries_next(&entries);
        if (v && !v->as.s.len)
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "a ref or reason is empty");
        g->ops[i]->text = v ? v->as.s : GB_SPAN(NULL, 0);
    }
    return e;
}

/* A mask for each operation, of columns that are in `allowed`. */
static enum gb_err
read_masks(struct reader *r, const struct gb_group *g, uint64_t allowed,
           bool empty, uint64_t *masks)
{
    for (size_t i = 0; i < g->n; i++) {
        masks[i] = gb_read_varint(&r->in);
        if (r->in.bad || (masks[i] & ~allowed) || (!masks[i] && !empty))
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "the masks name columns that are not there");
    }
    return GB_OK;
}

/* The columns of a table while its operations are put together. */
struct columns {
    struct gb_entries values[GB_COLUMNS_MAX], from[GB_COLUMNS_MAX];
    uint64_t personal; /* columns of the table that are */
};

/* How many entries of column c there are. */
static size_t
entries_of(const struct gb_group *g, const uint64_t *masks, int c)
{
    size_t m = 0;
    if (g->kind == GB_INSERT)
        return g->n;
    for (size_t i = 0; i < g->n; i++)
        m += masks[i] >> c & 1;
    return m;
}

/* All columns of the group's table but personal ones. */
static enum gb_err
read_columns(struct reader *r, const struct gb_group *g, const uint64_t *masks,
             struct columns *out)
{
    const struct gb_table *t = &r->schema->tables[g->table];
    for (int c = 0; c < t->ncolumns; c++) {
        const struct gb_column *col = &t->columns[c];
        enum gb_form form = gb_column_form(col);
        enum gb_err e = GB_OK;
        if (col->personal)
            continue;
        size_t m = entries_of(g, masks, c);
        if (g->kind == GB_SET && col->rule.kind == GB_RULE_STATE)
            e = gb_column_read(&r->in, form, m, &r->group, &r->set->arena,
                               &out->from[c], r->fail);
        if (!e)
            e = gb_column_read(&r->in, form, m, &r->group, &r->set->arena,
                               &out->values[c], r->fail);
        if (e)
            return gb_fail_wrap(r->fail, "%s.%s", t->name, col->name);
    }
    return GB_OK;
}

/* Commitments of the operations that write personal columns. */
static enum gb_err
read_commitments(struct reader *r, const struct gb_group *g,
                 const uint64_t *masks, uint64_t personal)
{
    for (size_t i = 0; i < g->n; i++)
        if (masks[i] & personal)
            g->ops[i]->commitment = gb_read_bytes(&r->in, 32).ptr;
    return r->in.bad ? gb_fail_set(r->fail, GB_E_FORMAT,
                                   "the commitments are cut short")
                     : GB_OK;
}

/* How many values the operations of a group have together. */
static size_t
count_values(const struct gb_group *g, const struct columns *cols,
             const uint64_t *masks)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += (size_t)__builtin_popcountll(masks[i]);
    for (int c = 0; c < GB_COLUMNS_MAX && g->kind == GB_INSERT; c++)
        n += cols->values[c].nvalues;
    return n;
}

/* Put the columns together: each operation's values by rising column.  An
 * insert writes what is there (masks: its personal ones), the others what
 * their mask has. */
static enum gb_err
assemble(struct reader *r, const struct gb_group *g, struct columns *cols,
         const uint64_t *masks)
{
    const struct gb_table *t = &r->schema->tables[g->table];
    size_t n = count_values(g, cols, masks);
    r->values += n;
    if (r->values > GB_SET_VALUES_MAX)
        return gb_fail_set(r->fail, GB_E_LIMIT, "more than %d values",
                           GB_SET_VALUES_MAX);
    struct gb_written *w = gb_arena_array(&r->set->arena, n, sizeof *w);
    if (!w)
        return gb_arena_refused(&r->set->arena, n * sizeof *w, r->fail);
    for (size_t i = 0; i < g->n; i++) {
        struct gb_op *op = g->ops[i];
        op->values = w;
        for (int c = 0; c < t->ncolumns; c++) {
            bool marked = masks[i] >> c & 1;
            const struct gb_value *v = NULL, *from = NULL;
            bool hidden = cols->personal >> c & 1;
            if (!hidden && (marked || g->kind == GB_INSERT)) {
                v = gb_entries_next(&cols->values[c]);
                from = gb_entries_next(&cols->from[c]);
            }
            if (!marked && !v)
                continue;
            *w++ = (struct gb_written){.column = c,
                                       .value = v ? *v : GB_VALUE_NULL,
                                       .from = from ? *from : GB_VALUE_NULL,
                                       .hidden = hidden};
        }
        op->nvalues = (int)(w - op->values);
    }
    return GB_OK;
}

/* Inserts, sets and resolutions: masks, values, commitments. */
static enum gb_err
read_written(struct reader *r, const struct gb_group *g)
{
    const struct gb_table *t = &r->schema->tables[g->table];
    struct columns cols = {.personal = 0};
    uint64_t all = (UINT64_C(1) << t->ncolumns) - 1;
    uint64_t *masks = gb_arena_array(&r->group, g->n, sizeof *masks);
    enum gb_err e = GB_OK;
    if (!masks)
        return gb_arena_refused(&r->group, g->n * sizeof *masks, r->fail);
    for (int c = 0; c < t->ncolumns; c++)
        cols.personal |= (uint64_t)t->columns[c].personal << c;
    /* a resolution is about values that were seen to differ */
    if (g->kind == GB_RESOLVE)
        all &= ~cols.personal;
    if (g->kind != GB_INSERT)
        e = read_masks(r, g, all, false, masks);
    if (!e)
        e = read_columns(r, g, masks, &cols);
    if (!e && g->kind == GB_INSERT && cols.personal)
        e = read_masks(r, g, cols.personal, true, masks);
    if (!e)
        e = read_commitments(r, g, masks, cols.personal);
    return e ? e : assemble(r, g, &cols, masks);
}

/* The names of one operation. */
static bool
read_name_list(struct reader *r, struct gb_op *op, size_t n)
{
    uint64_t stamp = 0;
    for (size_t i = 0; i < n && !r->in.bad; i++) {
        struct gb_opname *name = &op->names[i];
        uint64_t device = gb_read_varint(&r->in);
        stamp += (uint64_t)gb_read_zigzag(&r->in);
        if (device > GB_DEVICE_MAX || stamp > INT64_MAX)
            return false;
        *name = (struct gb_opname){(int)device, (int64_t)stamp};
        if (i && (name->device < name[-1].device ||
                  (name->device == name[-1].device &&
                   name->stamp <= name[-1].stamp)))
            return false;
    }
    op->nnames = (int)n;
    return !r->in.bad;
}

/* The operations that each operation names. */
static enum gb_err
read_names(struct reader *r, const struct gb_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct gb_op *op = g->ops[i];
        size_t n = gb_read_count(&r->in, 2);
        if (r->in.bad || !n || n > GB_NAMES_MAX)
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "the number of names is out of range");
        op->names = gb_arena_array(&r->set->arena, n, sizeof *op->names);
        if (!op->names)
            return gb_arena_refused(&r->set->arena, n * sizeof *op->names,
                                    r->fail);
        if (!read_name_list(r, op, n))
            return gb_fail_set(r->fail, GB_E_FORMAT,
                               "the names of operations are damaged");
    }
    return GB_OK;
}

/* The table of docs/FORMAT.md "Section 2", row by row. */
static enum gb_err
read_group(struct reader *r, const struct gb_group *g)
{
    gb_arena_reset(&r->group);
    enum gb_err e =
        gb_kind_of_record(g->kind) ? read_ids(r, g) : read_payloads(r, g);
    if (!e && (g->kind == GB_INSERT || g->kind == GB_VOID))
        e = read_op_texts(r, g);
    if (!e && gb_kind_of_record(g->kind) && g->kind != GB_VOID)
        e = read_written(r, g);
    if (!e && g->kind == GB_RESOLVE)
        e = read_op_texts(r, g);
    if (!e && (g->kind == GB_RESOLVE || g->kind == GB_RELEASE))
        e = read_names(r, g);
    return e;
}

/* Section OPS. */
static enum gb_err
read_ops(struct gb_span raw, const struct gb_schema *s, struct gb_set *set,
         const uint16_t *group_of, struct gb_fail *fail)
{
    struct reader r = {
        .in = gb_reader_of(raw), .set = set, .schema = s, .fail = fail};
    size_t n = 0, size = GB_GROUPS_MAX * sizeof(struct gb_group);
    struct gb_group *groups = gb_arena_alloc(&set->arena, size);
    if (!groups)
        return gb_arena_refused(&set->arena, size, fail);
    gb_arena_init(&r.group, GB_ARENA_MAX);
    enum gb_err e = read_heads(&r, groups, &n);
    if (!e)
        e = assign(&r, group_of, groups, n);
    for (size_t i = 0; i < n && !e; i++) {
        e = read_group(&r, &groups[i]);
        if (e)
            gb_fail_wrap(fail, "group %zu", i);
    }
    if (!e && !gb_read_done(&r.in))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "section OPS goes on behind its end");
    gb_arena_release(&r.group);
    return e;
}

/* ---------------------------------------------------------------- set -- */

/* Header, TIME and ORIGIN, which need no schema. */
static enum gb_err
begin(struct gb_span signed_bytes, struct gb_set *set,
      struct gb_sections *sections, uint16_t **group_of, struct gb_fail *fail)
{
    struct gb_set_info info;
    struct gb_span raw, none = {NULL, 0};
    const struct gb_section *origin;
    enum gb_err e = gb_set_info(signed_bytes, &info, fail);
    if (!e)
        e = gb_set_check_header(&info, fail);
    if (!e)
        e = gb_set_read_sections(signed_bytes, sections, fail);
    if (e)
        return e;
    if (signed_bytes.len != GB_SET_HEADER_BYTES + sections->len)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the signed bytes go on behind their end");
    set->device = info.device;
    set->seq = info.seq;
    set->schema = info.schema;
    set->clock_ms = info.clock_ms;
    set->base = info.base;
    memcpy(set->site, info.site, sizeof set->site);
    memcpy(set->prev, info.prev, sizeof set->prev);
    e = gb_section_open(gb_sections_find(sections, GB_SECTION_TIME), none,
                        &set->arena, &raw, fail);
    if (!e)
        e = gb_set_read_time(raw, set, group_of, fail);
    origin = gb_sections_find(sections, GB_SECTION_ORIGIN);
    if (!e && origin)
        e = gb_section_open(origin, none, &set->arena, &raw, fail);
    if (!e && origin)
        e = gb_set_read_origin(raw, set, fail);
    return e;
}

enum gb_err
gb_set_decode_times(struct gb_span signed_bytes, struct gb_set *out,
                    struct gb_fail *fail)
{
    struct gb_sections sections;
    uint16_t *group_of;
    *out = (struct gb_set){.device = 0};
    gb_arena_init(&out->arena, GB_ARENA_MAX);
    enum gb_err e = begin(signed_bytes, out, &sections, &group_of, fail);
    if (e)
        gb_set_release(out);
    return e;
}

enum gb_err
gb_set_decode(struct gb_span signed_bytes, const struct gb_schema *s,
              struct gb_set *out, struct gb_fail *fail)
{
    struct gb_sections sections;
    struct gb_span raw;
    uint16_t *group_of;
    *out = (struct gb_set){.device = 0};
    gb_arena_init(&out->arena, GB_ARENA_MAX);
    enum gb_err e = begin(signed_bytes, out, &sections, &group_of, fail);
    if (!e && out->schema != s->version)
        e = gb_fail_set(fail, GB_E_SCHEMA, "a set of schema version %u, not %u",
                        out->schema, s->version);
    if (!e)
        e = gb_section_open(gb_sections_find(&sections, GB_SECTION_OPS),
                            s->dictionary, &out->arena, &raw, fail);
    if (!e)
        e = read_ops(raw, s, out, group_of, fail);
    if (e)
        gb_set_release(out);
    return e;
}
