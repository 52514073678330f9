/*
 * set_personal.c - personal values: their commitments in the signed bytes, and
 * the section behind the signature that holds them (docs/FORMAT.md "Personal
 * section").
 */
#include "set_private.h"

#include <string.h>

#include "column.h"
#include "deflate.h"
#include "digest.h"

enum { STORED = 0, DEFLATED = 1, ERASED = 0, GIVEN = 1 };

static_assert(GB_SHA256_BYTES == 32, "a commitment is a SHA-256");

uint64_t
gb_set_personal_mask(const struct gb_op *op, const struct gb_table *t)
{
    uint64_t mask = 0;
    for (int i = 0; i < op->nvalues; i++)
        if (t->columns[op->values[i].column].personal)
            mask |= UINT64_C(1) << op->values[i].column;
    return mask;
}

void
gb_op_personal(const struct gb_op *op, const struct gb_table *t,
               struct gb_buf *out)
{
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_written *w = &op->values[i];
        if (!t->columns[w->column].personal)
            continue;
        gb_assert(!w->hidden);
        gb_value_write(out, &w->value);
    }
}

/* SHA-256 over salt and payload. */
static struct gb_sha256
commitment_of(struct gb_span salt, struct gb_span payload)
{
    struct gb_sha256_state state;
    gb_sha256_init(&state);
    gb_sha256_add(&state, salt);
    gb_sha256_add(&state, payload);
    return gb_sha256_final(&state);
}

/* Personal values are held to what columns ask of all others. */
static enum gb_err
check_value(const struct gb_op *op, const struct gb_column *c,
            const struct gb_value *v, enum gb_err code, struct gb_fail *fail)
{
    bool text = v->type == GB_TEXT || v->type == GB_BLOB;
    if (v->type == GB_NULL ? op->kind == GB_INSERT : v->type != c->type)
        return gb_fail_set(fail, code, "%s: a value of the wrong type",
                           c->name);
    if (text && v->as.s.len > GB_TEXT_MAX)
        return gb_fail_set(fail, code, "%s: %zu bytes are more than %d",
                           c->name, v->as.s.len, GB_TEXT_MAX);
    if (v->type == GB_TEXT && !gb_utf8_valid(v->as.s))
        return gb_fail_set(fail, code, "%s: not UTF-8", c->name);
    return GB_OK;
}

enum gb_err
gb_set_commit(const struct gb_op *op, const struct gb_table *t, uint8_t out[32],
              struct gb_fail *fail)
{
    struct gb_buf payload;
    gb_assert(op->salt || op->commitment);
    if (!op->salt) {
        memcpy(out, op->commitment, 32);
        return GB_OK;
    }
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_column *c = &t->columns[op->values[i].column];
        enum gb_err e = c->personal ? check_value(op, c, &op->values[i].value,
                                                  GB_E_VALUE, fail)
                                    : GB_OK;
        if (e)
            return e;
    }
    gb_buf_init(&payload, GB_BODY_MAX);
    gb_op_personal(op, t, &payload);
    struct gb_sha256 hash =
        commitment_of(GB_SPAN(op->salt, GB_SALT_BYTES), gb_buf_view(&payload));
    memcpy(out, hash.bytes, sizeof hash.bytes);
    enum gb_err e = gb_buf_check(&payload, "personal values", fail);
    gb_buf_release(&payload);
    return e;
}

/* ------------------------------------------------------------ writing -- */

/* Whether an operation stands in the personal section. */
static bool
has_personal(const struct gb_op *op, const struct gb_schema *s)
{
    return gb_kind_of_record(op->kind) && s->tables[op->table].personal &&
           gb_set_personal_mask(op, &s->tables[op->table]);
}

/* The section before compression; *given tells whether it holds anything. */
static enum gb_err
write_raw(const struct gb_set *set, const struct gb_schema *s,
          struct gb_buf *out, bool *given, struct gb_fail *fail)
{
    struct gb_buf payload;
    *given = false;
    gb_buf_init(&payload, GB_BODY_MAX);
    for (int i = 0; i < set->nops; i++) {
        const struct gb_op *op = &set->ops[i];
        if (!has_personal(op, s))
            continue;
        gb_buf_u8(out, op->salt ? GIVEN : ERASED);
        if (!op->salt)
            continue;
        *given = true;
        gb_buf_clear(&payload);
        gb_op_personal(op, &s->tables[op->table], &payload);
        gb_buf_add(out, op->salt, GB_SALT_BYTES);
        gb_buf_string(out, gb_buf_view(&payload));
        if (payload.failed)
            break;
    }
    enum gb_err e = gb_buf_check(&payload, "personal values", fail);
    gb_buf_release(&payload);
    return e ? e : gb_buf_check(out, "personal section", fail);
}

enum gb_err
gb_set_encode_personal(const struct gb_set *set, const struct gb_schema *s,
                       struct gb_buf *out, struct gb_fail *fail)
{
    struct gb_buf raw, packed, head;
    bool given, shorter = false;
    gb_buf_init(&raw, GB_BODY_MAX);
    gb_buf_init(&head, 16);
    enum gb_err e = write_raw(set, s, &raw, &given, fail);
    gb_buf_init(&packed, raw.len);
    if (!e && given)
        e = gb_deflate(&packed, gb_buf_view(&raw), GB_SPAN(NULL, 0), &shorter,
                       fail);
    if (!e && given) {
        struct gb_span body = gb_buf_view(shorter ? &packed : &raw);
        gb_buf_u8(&head, shorter ? DEFLATED : STORED);
        gb_buf_varint(&head, raw.len);
        e = gb_buf_check(&head, "personal section", fail);
        gb_buf_u32(out, (uint32_t)(head.len + body.len));
        gb_buf_span(out, gb_buf_view(&head));
        gb_buf_span(out, body);
    } else if (!e) {
        gb_buf_u32(out, 0);
    }
    gb_buf_release(&raw);
    gb_buf_release(&packed);
    gb_buf_release(&head);
    return e ? e : gb_buf_check(out, "personal section", fail);
}

/* ------------------------------------------------------------ reading -- */

/* Inflate the section into the arena; empty when nothing is there. */
static enum gb_err
open_section(struct gb_span personal, struct gb_arena *arena,
             struct gb_span *raw, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(personal);
    *raw = GB_SPAN(NULL, 0);
    uint32_t len = gb_read_u32(&in);
    if (in.bad || len != gb_read_left(&in))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the personal section has the wrong length");
    if (!len)
        return GB_OK;
    unsigned form = gb_read_u8(&in);
    uint64_t n = gb_read_varint(&in);
    struct gb_span body = gb_read_bytes(&in, gb_read_left(&in));
    bool good = !in.bad && form <= DEFLATED && n && n <= GB_BODY_MAX &&
                (form == STORED ? body.len == n : body.len < n);
    if (!good)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the personal section is damaged");
    if (!gb_inflate_plausible(body.len, (size_t)n))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "personal section: %zu bytes cannot give %zu",
                           body.len, (size_t)n);
    uint8_t *to = gb_arena_alloc(arena, (size_t)n);
    if (!to)
        return gb_arena_refused(arena, (size_t)n, fail);
    *raw = GB_SPAN(to, (size_t)n);
    if (form == DEFLATED)
        return gb_inflate(to, (size_t)n, body, GB_SPAN(NULL, 0), fail);
    memcpy(to, body.ptr, body.len);
    return GB_OK;
}

enum gb_err
gb_op_reveal(struct gb_op *op, const struct gb_table *t, struct gb_span payload,
             struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(payload);
    struct gb_value found[GB_COLUMNS_MAX];
    for (int i = 0; i < op->nvalues; i++) {
        const struct gb_column *c = &t->columns[op->values[i].column];
        if (!c->personal)
            continue;
        found[i] = gb_value_read(&in);
        if (in.bad)
            break;
        enum gb_err e = check_value(op, c, &found[i], GB_E_FORMAT, fail);
        if (e)
            return e;
    }
    if (!gb_read_done(&in))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "%s: the personal values are damaged", t->name);
    for (int i = 0; i < op->nvalues; i++) {
        struct gb_written *w = &op->values[i];
        if (!t->columns[w->column].personal)
            continue;
        w->value = found[i];
        w->hidden = false;
    }
    return GB_OK;
}

/* One operation's salt and values, checked against its commitment. */
static enum gb_err
reveal(struct gb_reader *in, struct gb_op *op, const struct gb_table *t,
       bool *given, struct gb_fail *fail)
{
    unsigned form = gb_read_u8(in);
    if (form == ERASED && !in->bad)
        return GB_OK;
    struct gb_span salt = gb_read_bytes(in, GB_SALT_BYTES);
    struct gb_span payload = gb_read_string(in);
    if (in->bad || form != GIVEN)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "the personal section is damaged");
    struct gb_sha256 hash = commitment_of(salt, payload);
    if (memcmp(hash.bytes, op->commitment, sizeof hash.bytes))
        return gb_fail_set(fail, GB_E_SIGNATURE,
                           "%s: personal values do not match what was signed",
                           t->name);
    *given = true;
    op->salt = salt.ptr;
    return gb_op_reveal(op, t, payload, fail);
}

/* Values that were filled in before something was found wrong go again. */
static void
hide(struct gb_set *set, const struct gb_schema *s)
{
    for (int i = 0; i < set->nops; i++) {
        struct gb_op *op = &set->ops[i];
        op->salt = NULL;
        for (int k = 0; k < op->nvalues && op->commitment; k++) {
            struct gb_written *w = &op->values[k];
            if (s->tables[op->table].columns[w->column].personal)
                *w = (struct gb_written){.column = w->column, .hidden = true};
        }
    }
}

enum gb_err
gb_set_reveal(struct gb_set *set, const struct gb_schema *s,
              struct gb_span personal, struct gb_fail *fail)
{
    struct gb_span raw;
    bool given = false;
    enum gb_err e = open_section(personal, &set->arena, &raw, fail);
    if (e || !raw.len)
        return e;
    struct gb_reader in = gb_reader_of(raw);
    for (int i = 0; i < set->nops && !e; i++)
        if (set->ops[i].commitment)
            e = reveal(&in, &set->ops[i], &s->tables[set->ops[i].table], &given,
                       fail);
    if (!e && (!gb_read_done(&in) || !given))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "the personal section goes on behind its end, or "
                        "holds nothing");
    if (e)
        hide(set, s);
    return e;
}
