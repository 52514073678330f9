/*
 * schema_kept.c - a schema as it is kept beside its text, so that it need not
 * be compiled again; see schema.h.
 *
 * One walk over all fields writes them, or reads them again, so that both ways
 * agree by themselves.  What it does not know is not kept.  Whoever adds a
 * field, or lets the compiler make something else of a text, raises FORMAT,
 * which makes what older programs kept worth nothing: an assertion below and
 * the hash in tests/unit/schema_kept.c remind of it.
 */
#include "schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "limits.h"

#define FORMAT 1

#if UINTPTR_MAX == UINT64_MAX
static_assert(sizeof(struct gb_schema) == 152, "a field that is not kept");
static_assert(sizeof(struct gb_table) == 96, "a field that is not kept");
static_assert(sizeof(struct gb_column) == 120, "a field that is not kept");
static_assert(sizeof(struct gb_rule) == 56, "a field that is not kept");
static_assert(sizeof(struct gb_label) == 48, "a field that is not kept");
#endif

/* One walk. */
struct kept {
    struct gb_buf *out;  /* NULL: it reads */
    struct gb_reader in; /* else unused */
    struct gb_arena *arena;
    bool full; /* the arena is */
};

static void
number(struct kept *k, int *v)
{
    if (k->out)
        gb_buf_zigzag(k->out, *v);
    else
        *v = (int)gb_read_zigzag(&k->in);
}

static void
flag(struct kept *k, bool *v)
{
    int n = *v;
    number(k, &n);
    *v = n;
}

static void
bits(struct kept *k, uint64_t *v)
{
    if (k->out)
        gb_buf_varint(k->out, *v);
    else
        *v = gb_read_varint(&k->in);
}

/* With a NUL behind it, whoever needs that. */
static void
span(struct kept *k, struct gb_span *v)
{
    if (k->out) {
        gb_buf_string(k->out, *v);
        return;
    }
    struct gb_span s = gb_read_string(&k->in);
    char *copy = gb_arena_alloc(k->arena, s.len + 1);
    k->full |= !copy;
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    *v = GB_SPAN(copy, copy ? s.len : 0);
}

/* May be NULL. */
static void
text(struct kept *k, char **v)
{
    bool there = *v != NULL;
    flag(k, &there);
    struct gb_span s = k->out && there ? gb_span_text(*v) : GB_SPAN(NULL, 0);
    if (there)
        span(k, &s);
    if (!k->out)
        *v = there ? (char *)(uintptr_t)s.ptr : NULL;
}

static void
value(struct kept *k, struct gb_value *v)
{
    if (k->out) {
        gb_value_write(k->out, v);
        return;
    }
    *v = gb_value_read(&k->in);
    k->full |= !gb_value_keep(v, k->arena);
}

/* An array of n things; when it reads, both are made. */
typedef void visit(struct kept *k, void *thing);
static void *
array(struct kept *k, void *things, int *n, size_t size, visit *each)
{
    if (k->out) {
        gb_buf_varint(k->out, (uint64_t)*n);
    } else {
        *n = (int)gb_read_count(&k->in, 1);
        things = gb_arena_array(k->arena, (size_t)*n, size);
        k->full |= !things;
    }
    for (int i = 0; i < *n && !k->full; i++)
        each(k, (char *)things + (size_t)i * size);
    return things;
}
#define ARRAY(k, things, n, each)                                              \
    ((things) = array(k, things, &(n), sizeof *(things), each))

/* ------------------------------------------------- what it consists of -- */

static void
one_number(struct kept *k, void *thing)
{
    number(k, thing);
}

static void
one_span(struct kept *k, void *thing)
{
    span(k, thing);
}

static void
one_value(struct kept *k, void *thing)
{
    value(k, thing);
}

static void
one_move(struct kept *k, void *thing)
{
    struct gb_move *m = thing;
    number(k, &m->from);
    number(k, &m->to);
    number(k, &m->level);
    flag(k, &m->review);
}

static void
rule(struct kept *k, struct gb_rule *r)
{
    int kind = (int)r->kind, nprefer = r->prefer ? r->nvalues : 0;
    number(k, &kind);
    r->kind = (enum gb_rule_kind)kind;
    number(k, &r->back);
    ARRAY(k, r->values, r->nvalues, one_span);
    ARRAY(k, r->prefer, nprefer, one_number);
    ARRAY(k, r->moves, r->nmoves, one_move);
    text(k, &r->text);
    if (!nprefer)
        r->prefer = NULL;
}

static void
one_level(struct kept *k, void *thing)
{
    struct gb_level_of *l = thing;
    value(k, &l->value);
    number(k, &l->level);
}

static void
one_column(struct kept *k, void *thing)
{
    struct gb_column *c = thing;
    int type = (int)c->type;
    text(k, &c->name);
    number(k, &type);
    c->type = (enum gb_type)type;
    flag(k, &c->notnull);
    flag(k, &c->personal);
    number(k, &c->refers);
    text(k, &c->dflt);
    rule(k, &c->rule);
    ARRAY(k, c->enums, c->nenums, one_value);
    ARRAY(k, c->levels, c->nlevels, one_level);
}

static void
one_read(struct kept *k, void *thing)
{
    struct gb_scope_read *r = thing;
    number(k, &r->table);
    bits(k, &r->columns);
}

static void
one_table(struct kept *k, void *thing)
{
    struct gb_table *t = thing;
    text(k, &t->name);
    ARRAY(k, t->columns, t->ncolumns, one_column);
    number(k, &t->write);
    number(k, &t->voids);
    text(k, &t->scope);
    ARRAY(k, t->reads, t->nreads, one_read);
    flag(k, &t->scope_self);
    flag(k, &t->scope_grows);
    bits(k, &t->watched);
    ARRAY(k, t->rival.columns, t->rival.ncolumns, one_number);
    text(k, &t->rival.where);
    flag(k, &t->personal);
}

static void
one_view(struct kept *k, void *thing)
{
    struct gb_view *v = thing;
    text(k, &v->name);
    text(k, &v->sql);
}

static void
one_label(struct kept *k, void *thing)
{
    struct gb_label *l = thing;
    number(k, &l->table);
    number(k, &l->column);
    value(k, &l->value);
    text(k, &l->lang);
    text(k, &l->text);
}

/* All but version and text, which stand beside it. */
static void
whole(struct kept *k, struct gb_schema *s)
{
    ARRAY(k, s->tables, s->ntables, one_table);
    ARRAY(k, s->views, s->nviews, one_view);
    ARRAY(k, s->labels, s->nlabels, one_label);
    number(k, &s->actor_table);
    number(k, &s->actor_level);
    span(k, &s->dictionary);
}

/* ----------------------------------------------------------------- use -- */

/* Format, the text's hash, that of what follows. */
enum { HEAD = 1 + 32 + 32 };

enum gb_err
gb_schema_keep(const struct gb_schema *s, struct gb_buf *out,
               struct gb_fail *fail)
{
    struct gb_schema copy = *s; /* the walk that reads needs it writable */
    struct kept k = {.out = out};
    size_t start = out->len;
    uint8_t head[HEAD] = {FORMAT};
    gb_buf_add(out, head, sizeof head);
    whole(&k, &copy);
    enum gb_err e = gb_buf_check(out, "a schema", fail);
    if (e)
        return e;
    struct gb_sha256 rest =
        gb_sha256(GB_SPAN(out->ptr + start + HEAD, out->len - start - HEAD));
    memcpy(out->ptr + start + 1, s->sha256, 32);
    memcpy(out->ptr + start + 33, rest.bytes, 32);
    return GB_OK;
}

/* Whether it was kept by this program, of this text, and is as it was. */
static bool
sound(struct gb_span kept, const uint8_t text_sha[32])
{
    if (kept.len < HEAD || *kept.ptr != FORMAT ||
        memcmp(kept.ptr + 1, text_sha, 32))
        return false;
    struct gb_sha256 rest =
        gb_sha256(GB_SPAN(kept.ptr + HEAD, kept.len - HEAD));
    return !memcmp(kept.ptr + 33, rest.bytes, 32);
}

enum gb_err
gb_schema_load_kept(struct gb_span text, struct gb_span kept, uint32_t version,
                    struct gb_schema **out, struct gb_fail *fail)
{
    struct gb_sha256 sha = gb_sha256(text);
    *out = NULL;
    if (!sound(kept, sha.bytes))
        return gb_schema_load(text, version, out, fail);
    struct gb_schema *s = calloc(1, sizeof *s);
    if (!s)
        return gb_fail_memory(fail);
    gb_arena_init(&s->arena, GB_SCHEMA_ARENA_MAX);
    s->version = version;
    memcpy(s->sha256, sha.bytes, sizeof s->sha256);
    s->text = gb_arena_copy(&s->arena, text);
    struct kept k = {
        .in = gb_reader_of(GB_SPAN(kept.ptr + HEAD, kept.len - HEAD)),
        .arena = &s->arena,
        .full = !s->text.ptr};
    whole(&k, s);
    if (k.full || !gb_read_done(&k.in)) {
        gb_schema_free(s);
        return k.full ? gb_fail_memory(fail)
                      : gb_schema_load(text, version, out, fail);
    }
    *out = s; /* transferred */
    return GB_OK;
}
