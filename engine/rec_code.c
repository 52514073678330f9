/* rec_code.c - the bytes of a record beside its row, and of its digest */
#include "rec.h"

#include <string.h>

#include "id.h"

enum {
    HAS_CELLS = 1,
    HAS_VOIDS = 2,
    HAS_SEEN = 4,
    HAS_RIVAL = 8,
    IS_RIVAL = 16
};
enum { LEVEL_MASK = 15, BANG = 16, RESOLUTION = 32 };

/* The row alone says everything about this cell. */
static bool
plain(const struct gb_rec *r, int column)
{
    const struct gb_column *c = &r->table->columns[column];
    const struct gb_cell *cell = &r->cells[column];
    if (cell->n == 0 || c->rule.kind == GB_RULE_SUM)
        return true;
    const struct gb_sib *s = cell->sib;
    if (cell->n > 1 || c->personal || s->value.type == GB_NULL ||
        s->stamp != r->stamp || s->device != gb_id_device(r->id))
        return false;
    return !gb_rule_open(c->rule.kind) ||
           (s->pos == r->pos && s->level == r->level && !s->bang &&
            !s->resolution);
}

/* One sibling; its value only where the row does not show it. */
static void
write_sib(const struct gb_rec *r, const struct gb_column *c,
          const struct gb_sib *s, bool value, struct gb_buf *out)
{
    gb_buf_zigzag(out, s->stamp - r->stamp);
    gb_buf_varint(out, (uint64_t)s->device);
    if (gb_rule_open(c->rule.kind)) {
        gb_buf_varint(out, (uint64_t)s->pos);
        gb_buf_u8(out, (unsigned)s->level | (s->bang ? BANG : 0u) |
                           (s->resolution ? RESOLUTION : 0u));
    }
    if (value)
        gb_value_write(out, &s->value);
    if (c->personal)
        gb_buf_add(out, s->commitment, 32);
}

/* The cells that the row does not explain. */
static uint64_t
cells_apart(const struct gb_rec *r)
{
    uint64_t apart = 0;
    for (int c = 0; c < r->table->ncolumns; c++)
        apart |= (uint64_t)!plain(r, c) << c;
    return apart;
}

static void
write_cells(const struct gb_rec *r, uint64_t apart, struct gb_buf *out)
{
    gb_buf_varint(out, (uint64_t)__builtin_popcountll(apart));
    for (int c = 0; apart >> c; c++) {
        const struct gb_cell *cell = &r->cells[c];
        if (!(apart >> c & 1))
            continue;
        gb_buf_varint(out, (uint64_t)c);
        gb_buf_varint(out, (uint64_t)cell->n);
        for (int i = 0; i < cell->n; i++)
            write_sib(r, &r->table->columns[c], &cell->sib[i], cell->n > 1,
                      out);
    }
}

/* Only the insert has written the record. */
static bool
seen_plain(const struct gb_rec *r)
{
    return r->nseen == 1 && r->seen->device == gb_id_device(r->id) &&
           r->seen->pos == r->pos && r->seen->stamp == r->stamp;
}

void
gb_rec_code_write(const struct gb_rec *r, struct gb_buf *out)
{
    uint64_t apart = cells_apart(r);
    unsigned flags = (apart ? HAS_CELLS : 0u) | (r->nvoids ? HAS_VOIDS : 0u) |
                     (seen_plain(r) ? 0u : HAS_SEEN) |
                     (r->rival_pos ? HAS_RIVAL : 0u) |
                     (r->rival ? IS_RIVAL : 0u);
    if (!flags)
        return;
    gb_buf_u8(out, flags);
    if (apart)
        write_cells(r, apart, out);
    if (r->nvoids)
        gb_buf_varint(out, (uint64_t)r->nvoids);
    for (int i = 0; i < r->nvoids; i++) {
        const struct gb_void *v = &r->voids[i];
        gb_buf_zigzag(out, v->stamp - r->stamp);
        gb_buf_varint(out, (uint64_t)v->device);
        gb_buf_varint(out, (uint64_t)v->pos);
        gb_buf_varint(out, v->base);
        gb_buf_string(out, v->reason);
    }
    if (flags & HAS_SEEN)
        gb_buf_varint(out, (uint64_t)r->nseen);
    for (int i = 0; flags & HAS_SEEN && i < r->nseen; i++) {
        gb_buf_varint(out, (uint64_t)r->seen[i].device);
        gb_buf_varint(out, (uint64_t)r->seen[i].pos);
        gb_buf_zigzag(out, r->seen[i].stamp - r->stamp);
    }
    if (r->rival_pos)
        gb_buf_varint(out, (uint64_t)r->rival_pos);
}

/* A device number or position within its range; else the reader is bad. */
static uint64_t
read_upto(struct gb_reader *in, uint64_t max)
{
    uint64_t v = gb_read_varint(in);
    in->bad |= v > max;
    return in->bad ? 0 : v;
}

/* Stamp relative to the record's, positive. */
static int64_t
read_stamp(struct gb_reader *in, const struct gb_rec *r)
{
    int64_t v = (int64_t)((uint64_t)gb_read_zigzag(in) + (uint64_t)r->stamp);
    in->bad |= v < 0;
    return v;
}

static bool
read_sib(struct gb_rec *r, const struct gb_column *c, struct gb_sib *s,
         bool value, struct gb_reader *in)
{
    s->stamp = read_stamp(in, r);
    s->device = (int)read_upto(in, GB_DEVICE_MAX);
    if (gb_rule_open(c->rule.kind)) {
        s->pos = (int64_t)read_upto(in, GB_POS_PENDING);
        unsigned bits = gb_read_u8(in);
        in->bad |= bits > (LEVEL_MASK | BANG | RESOLUTION);
        s->level = (int)(bits & LEVEL_MASK);
        s->bang = bits & BANG;
        s->resolution = bits & RESOLUTION;
    }
    if (value) {
        s->value = gb_value_read(in);
        in->bad |= s->value.type != GB_NULL && s->value.type != c->type;
    }
    if (c->personal)
        s->commitment = gb_read_bytes(in, 32).ptr;
    return !in->bad;
}

/* The cells; false when memory ended (in->bad tells the rest). */
static bool
read_cells(struct gb_rec *r, struct gb_reader *in)
{
    size_t n = gb_read_count(in, 4);
    int last = -1;
    for (size_t i = 0; i < n && !in->bad; i++) {
        int column = (int)read_upto(in, (uint64_t)r->table->ncolumns - 1);
        size_t nsib = gb_read_count(in, 2);
        in->bad |= column <= last || nsib == 0;
        if (in->bad)
            return true;
        last = column;
        const struct gb_column *c = &r->table->columns[column];
        struct gb_cell *cell = &r->cells[column];
        struct gb_value shown = cell->n ? cell->sib->value : GB_VALUE_NULL;
        in->bad |= nsib > 1 && !gb_rule_open(c->rule.kind);
        struct gb_sib *sib = gb_arena_array(r->arena, nsib, sizeof *sib);
        if (!sib)
            return false;
        sib->value = shown;
        for (size_t k = 0; k < nsib && !in->bad; k++)
            read_sib(r, c, &sib[k], nsib > 1, in);
        cell->sib = sib;
        cell->n = (int)nsib;
    }
    return true;
}

static bool
read_voids(struct gb_rec *r, struct gb_reader *in)
{
    size_t n = gb_read_count(in, 5);
    in->bad |= n == 0;
    r->voids = gb_arena_array(r->arena, n, sizeof *r->voids);
    if (!r->voids)
        return false;
    for (size_t i = 0; i < n && !in->bad; i++) {
        struct gb_void *v = &r->voids[i];
        v->stamp = read_stamp(in, r);
        v->device = (int)read_upto(in, GB_DEVICE_MAX);
        v->pos = (int64_t)read_upto(in, GB_POS_PENDING);
        v->base = read_upto(in, GB_POS_PENDING);
        v->reason = gb_read_string(in);
    }
    r->nvoids = (int)n;
    return true;
}

static bool
read_seen(struct gb_rec *r, struct gb_reader *in)
{
    size_t n = gb_read_count(in, 3);
    in->bad |= n == 0;
    r->seen = gb_arena_array(r->arena, n, sizeof *r->seen);
    if (!r->seen)
        return false;
    for (size_t i = 0; i < n && !in->bad; i++) {
        struct gb_seen *s = &r->seen[i];
        s->device = (int)read_upto(in, GB_DEVICE_MAX);
        s->pos = (int64_t)read_upto(in, GB_POS_PENDING);
        s->stamp = read_stamp(in, r);
        in->bad |= i && s->device <= s[-1].device;
    }
    r->nseen = (int)n;
    return true;
}

enum gb_err
gb_rec_code_read(struct gb_rec *r, struct gb_span code, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(code);
    unsigned flags = code.len ? gb_read_u8(&in) : 0;
    in.bad |= flags > 31 || (code.len && !flags);
    bool memory = true;
    if (flags & HAS_CELLS)
        memory = read_cells(r, &in);
    if (memory && !in.bad && flags & HAS_VOIDS)
        memory = read_voids(r, &in);
    if (memory && !in.bad && flags & HAS_SEEN) {
        memory = read_seen(r, &in);
    } else if (memory) {
        r->seen = gb_arena_alloc(r->arena, sizeof *r->seen);
        memory = r->seen != NULL;
        if (memory)
            *r->seen = (struct gb_seen){gb_id_device(r->id), r->pos, r->stamp};
        r->nseen = 1;
    }
    if (!memory)
        return gb_fail_set(fail, GB_E_MEMORY, "a record's state: %s",
                           gb_err_sentence(GB_E_MEMORY));
    if (flags & HAS_RIVAL)
        r->rival_pos = (int64_t)read_upto(&in, GB_POS_PENDING);
    r->rival = flags & IS_RIVAL;
    if (!gb_read_done(&in))
        return gb_fail_set(fail, GB_E_FORMAT, "the state of %s %lld is damaged",
                           r->table->name, (long long)r->id);
    return GB_OK;
}

/* A personal value stands as its commitment, so an auditor gets the digest. */
static void
digest_value(const struct gb_sib *s, struct gb_buf *out)
{
    struct gb_value v = s->value;
    if (s->commitment)
        v = gb_value_blob(GB_SPAN(s->commitment, 32));
    gb_value_write(out, &v);
}

/* Order of siblings in a digest: by (stamp, device). */
static const struct gb_sib *
next_sib(const struct gb_cell *cell, const struct gb_sib *after)
{
    const struct gb_sib *best = NULL;
    for (int i = 0; i < cell->n; i++) {
        const struct gb_sib *s = &cell->sib[i];
        bool above = !after || s->stamp > after->stamp ||
                     (s->stamp == after->stamp && s->device > after->device);
        bool below = !best || s->stamp < best->stamp ||
                     (s->stamp == best->stamp && s->device < best->device);
        if (above && below)
            best = s;
    }
    return best;
}

static void
digest_cell(const struct gb_column *c, const struct gb_cell *cell,
            struct gb_buf *out)
{
    gb_buf_string(out, gb_span_text(c->name));
    digest_value(&cell->sib[gb_cell_shown(c, cell)], out);
    if (c->rule.kind == GB_RULE_SUM)
        return;
    gb_buf_u8(out, gb_cell_review(c, cell));
    gb_buf_varint(out, (uint64_t)cell->n);
    for (const struct gb_sib *s = next_sib(cell, NULL); s;
         s = next_sib(cell, s)) {
        gb_buf_zigzag(out, s->stamp);
        gb_buf_varint(out, (uint64_t)s->device);
        digest_value(s, out);
    }
}

void
gb_rec_digest(const struct gb_rec *r, const struct gb_lineage *lineage,
              struct gb_buf *out)
{
    gb_buf_string(out, gb_span_text(r->table->name));
    gb_buf_varint(out, (uint64_t)r->id);
    gb_buf_zigzag(out, r->stamp);
    gb_buf_zigzag(out, r->actor);
    gb_buf_string(out, r->ref);
    for (int c = 0; c < r->table->ncolumns; c++)
        if (r->cells[c].n)
            digest_cell(&r->table->columns[c], &r->cells[c], out);
    gb_buf_string(out, GB_SPAN(NULL, 0)); /* no column has an empty name */
    gb_buf_u8(out, r->nvoids > 0);
    if (r->nvoids) {
        gb_buf_zigzag(out, r->voids->stamp);
        gb_buf_varint(out, (uint64_t)r->voids->device);
        gb_buf_string(out, r->voids->reason);
    }
    gb_buf_u8(out, gb_rec_void_review(r, lineage));
    gb_buf_u8(out, r->rival);
}
