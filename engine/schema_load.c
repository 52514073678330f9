/* schema_load.c - from a schema's text to what the engine keeps of it. */
#include "schema_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "digest.h"

enum gb_err
gb_load_fail(struct gb_loading *l, struct gb_place at, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return gb_fail_set(l->fail, GB_E_SCHEMA, "%s:%d: %s",
                       l->files[at.file].name, at.line, text);
}

enum gb_err
gb_load_locate(struct gb_loading *l, struct gb_place at, enum gb_err err)
{
    if (err == GB_E_SCHEMA && l->fail)
        gb_fail_wrap(l->fail, "%s:%d", l->files[at.file].name, at.line);
    return err;
}

enum gb_err
gb_load_no_memory(struct gb_loading *l)
{
    return gb_fail_set(l->fail, GB_E_MEMORY, "out of memory for the schema");
}

void *
gb_load_grown(struct gb_loading *l, void *array, int n, size_t size)
{
    if (n & (n - 1)) /* full at powers of two only */
        return array;
    size_t room = n ? 2 * (size_t)n : 1;
    void *larger = gb_arena_array(&l->schema->arena, room, size);
    if (larger && n)
        memcpy(larger, array, (size_t)n * size);
    return larger;
}

/* The n-th thing of a vector. */
static const struct gb_made *
made(const struct gb_loading *l, int table)
{
    return (const struct gb_made *)(const void *)l->tables.ptr + table;
}

struct gb_place
gb_load_table_place(const struct gb_loading *l, int table)
{
    return made(l, table)->place;
}

struct gb_place
gb_load_column_place(const struct gb_loading *l, int table, int column)
{
    const struct gb_place *places = (const void *)l->columns.ptr;
    size_t n = l->columns.len / sizeof *places;
    size_t i = made(l, table)->first + (size_t)column;
    return column < 0 || i >= n ? made(l, table)->place : places[i];
}

/* SQL has to be text.  A line without a bad byte is valid by itself. */
static enum gb_err
check_text(struct gb_loading *l, size_t n)
{
    struct gb_span rest = l->files[n].text;
    for (int line = 1; rest.len; line++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
        if (!gb_utf8_valid(GB_SPAN(rest.ptr, len)) || memchr(rest.ptr, 0, len))
            return gb_load_fail(l, (struct gb_place){(int)n, line},
                                "not UTF-8 without NULs");
        rest = GB_SPAN(rest.ptr + len, rest.len - len);
    }
    return GB_OK;
}

/* The steps; every place is known before it is needed. */
static enum gb_err
load(struct gb_loading *l, struct gb_span text)
{
    struct gb_schema *s = l->schema;
    s->text = gb_arena_copy(&s->arena, text);
    if (!s->text.ptr)
        return gb_load_no_memory(l);
    struct gb_sha256 hash = gb_sha256(text);
    memcpy(s->sha256, hash.bytes, sizeof s->sha256);
    enum gb_err err =
        gb_schema_unpack(s->text, &s->arena, &l->files, &l->nfiles, l->fail);
    if (!err)
        err = gb_load_open(l);
    for (size_t i = 0; !err && i < l->nfiles; i++)
        err = check_text(l, i);
    for (size_t i = 0; !err && i < l->nfiles; i++)
        err = gb_load_run(l, i);
    if (!err && !l->tables.len)
        err = gb_fail_set(l->fail, GB_E_SCHEMA, "the schema makes no table");
    if (!err)
        err = gb_load_tables(l);
    if (!err)
        err = gb_load_check(l);
    if (!err)
        err = gb_load_views(l);
    return err ? err : gb_schema_dictionary(s, l->fail);
}

/* The ceiling of a vector: each of its things needs two bytes of text. */
static void
start_vectors(struct gb_loading *l)
{
    size_t max = GB_SCHEMA_MAX / 2 * sizeof(struct gb_pending);
    gb_buf_init(&l->tables, max);
    gb_buf_init(&l->columns, max);
    gb_buf_init(&l->views, max);
    for (int i = 0; i < GB_ENGINE_COUNT; i++)
        gb_buf_init(&l->rows[i], max);
}

/* Release everything but the schema itself. */
static void
end_loading(struct gb_loading *l)
{
    gb_db_close(l->db);
    gb_buf_release(&l->tables);
    gb_buf_release(&l->columns);
    gb_buf_release(&l->views);
    for (int i = 0; i < GB_ENGINE_COUNT; i++)
        gb_buf_release(&l->rows[i]);
}

enum gb_err
gb_schema_load(struct gb_span text, uint32_t version, struct gb_schema **out,
               struct gb_fail *fail)
{
    *out = NULL;
    if (text.len > GB_SCHEMA_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "the schema is larger than %d bytes", GB_SCHEMA_MAX);
    struct gb_loading l = {.fail = fail};
    l.schema = calloc(1, sizeof *l.schema);
    if (!l.schema)
        return gb_load_no_memory(&l);
    gb_arena_init(&l.schema->arena, GB_SCHEMA_ARENA_MAX);
    l.schema->version = version;
    l.schema->actor_table = l.schema->actor_level = -1;
    start_vectors(&l);
    enum gb_err err = load(&l, text);
    end_loading(&l);
    if (err)
        gb_schema_free(l.schema);
    else
        *out = l.schema;
    return err;
}
