/* section.c - see section.h */
#include "section.h"

#include <string.h>

#include "column.h"
#include "deflate.h"
#include "limits.h"

struct gb_section_writer
gb_section_writer_of(struct gb_buf *out)
{
    return (struct gb_section_writer){.out = out};
}

enum gb_err
gb_section_write(struct gb_section_writer *w, unsigned type, struct gb_span raw,
                 struct gb_span dictionary, struct gb_fail *fail)
{
    gb_assert(type > w->last && type <= UINT8_MAX);
    w->last = type;
    if (!raw.len)
        return GB_OK;
    if (raw.len > GB_BODY_MAX - w->raw)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "the sections come to more than %d bytes",
                           GB_BODY_MAX);
    w->raw += raw.len;
    struct gb_buf packed;
    bool shorter;
    gb_buf_init(&packed, raw.len);
    enum gb_err e = gb_deflate(&packed, raw, dictionary, &shorter, fail);
    if (e)
        goto out;
    gb_buf_u8(w->out, type);
    gb_buf_varint(w->out, raw.len);
    gb_buf_string(w->out, shorter ? gb_buf_view(&packed) : raw);
    e = gb_buf_check(w->out, "container", fail);
out:
    gb_buf_release(&packed);
    return e;
}

enum gb_err
gb_section_finish(struct gb_section_writer *w, struct gb_fail *fail)
{
    gb_buf_u8(w->out, 0);
    return gb_buf_check(w->out, "container", fail);
}

enum gb_err
gb_sections_end(struct gb_span bytes, size_t *len, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    while (gb_read_u8(&in)) {
        gb_read_varint(&in);
        gb_read_string(&in);
    }
    *len = in.bad ? 0 : (size_t)(in.ptr - bytes.ptr);
    return in.bad ? gb_fail_set(fail, GB_E_FORMAT, "the sections have no end")
                  : GB_OK;
}

/* One section whose type has been read. */
static enum gb_err
read_section(struct gb_reader *in, size_t room, struct gb_section *s,
             struct gb_fail *fail)
{
    uint64_t raw = gb_read_varint(in);
    s->stored = gb_read_string(in);
    if (in->bad || !raw || !s->stored.len)
        return gb_fail_set(fail, GB_E_FORMAT,
                           "section %u is cut short or empty", s->type);
    if (raw > room)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "the sections come to more than %d bytes",
                           GB_BODY_MAX);
    s->raw_len = (size_t)raw;
    if (s->stored.len > s->raw_len ||
        !gb_inflate_plausible(s->stored.len, s->raw_len))
        return gb_fail_set(fail, GB_E_FORMAT,
                           "section %u: %zu bytes cannot stand for %zu",
                           s->type, s->stored.len, s->raw_len);
    return GB_OK;
}

enum gb_err
gb_sections_read(struct gb_span bytes, struct gb_span known,
                 struct gb_sections *out, struct gb_fail *fail)
{
    struct gb_reader in = gb_reader_of(bytes);
    size_t room = GB_BODY_MAX;
    unsigned last = 0;
    gb_assert(known.len <= GB_SECTIONS_MAX);
    *out = (struct gb_sections){.n = 0};
    for (;;) {
        unsigned type = gb_read_u8(&in);
        if (in.bad)
            return gb_fail_set(fail, GB_E_FORMAT, "the sections have no end");
        if (!type)
            break;
        if (type <= last || !memchr(known.ptr, (int)type, known.len))
            return gb_fail_set(fail, GB_E_FORMAT,
                               "section %u may not stand here", type);
        struct gb_section *s = &out->of[out->n++];
        s->type = last = type;
        enum gb_err e = read_section(&in, room, s, fail);
        if (e)
            return e;
        room -= s->raw_len;
    }
    out->len = (size_t)(in.ptr - bytes.ptr);
    return GB_OK;
}

const struct gb_section *
gb_sections_find(const struct gb_sections *s, unsigned type)
{
    for (int i = 0; i < s->n; i++)
        if (s->of[i].type == type)
            return &s->of[i];
    return NULL;
}

enum gb_err
gb_section_open(const struct gb_section *s, struct gb_span dictionary,
                struct gb_arena *arena, struct gb_span *raw,
                struct gb_fail *fail)
{
    *raw = GB_SPAN(NULL, 0);
    if (!s)
        return gb_fail_set(fail, GB_E_FORMAT, "a section is missing");
    uint8_t *to = gb_arena_alloc(arena, s->raw_len);
    if (!to)
        return gb_arena_refused(arena, s->raw_len, fail);
    enum gb_err e = GB_OK;
    if (s->stored.len == s->raw_len)
        memcpy(to, s->stored.ptr, s->raw_len);
    else
        e = gb_inflate(to, s->raw_len, s->stored, dictionary, fail);
    if (e == GB_E_FORMAT)
        gb_fail_wrap(fail, "section %u", s->type);
    if (!e)
        *raw = GB_SPAN(to, s->raw_len);
    return e;
}
