/* schema_kept.c - a schema that was kept is the one that was compiled, and what
 * is not as it was kept is compiled again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/digest.h"
#include "engine/limits.h"
#include "support/alloc.h"
#include "support/schema_fixture.h"

/* Loaded as if version, text and this lay in a database. */
static struct gb_schema *
again(const struct gb_schema *s, struct gb_span kept)
{
    struct gb_schema *out;
    struct gb_fail fail = {0};
    uint8_t *copy = malloc(kept.len ? kept.len : 1); /* its exact size */
    if (kept.len)
        memcpy(copy, kept.ptr, kept.len);
    if (gb_schema_load_kept(s->text, GB_SPAN(copy, kept.len), s->version, &out,
                            &fail))
        fail_msg("%s", fail.text);
    free(copy);
    return out;
}

static void
keep(const struct gb_schema *s, struct gb_buf *out)
{
    struct gb_fail fail = {0};
    gb_buf_init(out, GB_SCHEMA_ARENA_MAX);
    if (gb_schema_keep(s, out, &fail))
        fail_msg("%s", fail.text);
}

/* Every field that is kept, and the successor rules both ways. */
static void
same_schema(const struct gb_schema *a, const struct gb_schema *b)
{
    struct gb_buf x, y;
    struct gb_fail fail = {0};
    keep(a, &x);
    keep(b, &y);
    assert_true(gb_span_equal(gb_buf_view(&x), gb_buf_view(&y)));
    assert_int_equal(a->version, b->version);
    assert_memory_equal(a->sha256, b->sha256, sizeof a->sha256);
    assert_true(gb_span_equal(a->text, b->text));
    assert_int_equal(gb_schema_follows(a, b, &fail), GB_OK);
    assert_int_equal(gb_schema_follows(b, a, &fail), GB_OK);
    gb_buf_release(&x);
    gb_buf_release(&y);
}

/* A folder's schema; the fixture of every rule where there is none. */
static struct gb_schema *
load(const char *folder)
{
    struct gb_schema *s;
    struct gb_buf text;
    struct gb_fail fail = {0};
    if (!folder)
        return schema_fixture_every(7);
    gb_buf_init(&text, GB_SCHEMA_MAX);
    if (gb_schema_read_folder(folder, &text, &fail) ||
        gb_schema_load(gb_buf_view(&text), 3, &s, &fail))
        fail_msg("%s", fail.text);
    gb_buf_release(&text);
    return s;
}

static const char *const folders[] = {NULL, "schema",
                                      "tests/data/schema-library"};

static void
what_was_kept_is_what_was_compiled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct gb_schema *s = load(folders[i]);
        struct gb_buf kept;
        keep(s, &kept);
        struct gb_schema *t = again(s, gb_buf_view(&kept));
        same_schema(s, t);
        gb_schema_free(s); /* nothing is borrowed from it */
        struct gb_schema *u = again(t, gb_buf_view(&kept));
        same_schema(t, u);
        gb_schema_free(t);
        gb_schema_free(u);
        gb_buf_release(&kept);
    }
}

/* Cut anywhere, any byte changed, of another text: the text decides. */
static void
what_is_damaged_is_compiled_again(void **state)
{
    (void)state;
    struct gb_schema *s = schema_fixture(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT) STRICT;\n", 1);
    struct gb_schema *other = schema_fixture(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT) STRICT;\n", 1);
    struct gb_buf kept;
    keep(s, &kept);
    for (size_t i = 0; i < kept.len; i++) {
        struct gb_schema *t = again(s, GB_SPAN(kept.ptr, i));
        same_schema(s, t);
        gb_schema_free(t);
        kept.ptr[i] ^= 0x55;
        t = again(s, gb_buf_view(&kept));
        same_schema(s, t);
        gb_schema_free(t);
        kept.ptr[i] ^= 0x55;
    }
    struct gb_schema *t = again(other, gb_buf_view(&kept));
    same_schema(other, t);
    assert_string_equal(t->tables[0].columns[0].name, "b");
    gb_schema_free(t);
    gb_schema_free(s);
    gb_schema_free(other);
    gb_buf_release(&kept);
}

/* What a program keeps, another one of the same FORMAT believes: hub and
 * auditor must not come to two verdicts over one text. */
static void
what_is_kept_changes_with_its_format(void **state)
{
    (void)state;
    char hex[65];
    struct gb_buf kept;
    struct gb_schema *s = schema_fixture_every(1);
    keep(s, &kept);
    struct gb_sha256 sha = gb_sha256(gb_buf_view(&kept));
    gb_hex_encode(hex, sha.bytes, sizeof sha.bytes);
    if (strcmp(
            hex,
            "8624e20cbe8fb497d48eb89665a56f9b7aea0ec49892c876450164f30ed8604f"))
        fail_msg("%s: raise FORMAT of engine/schema_kept.c", hex);
    gb_schema_free(s);
    gb_buf_release(&kept);
}

static enum gb_err
keep_and_load(void *context, struct gb_fail *fail)
{
    const struct gb_schema *s = context;
    struct gb_schema *t = NULL;
    struct gb_buf kept;
    gb_buf_init(&kept, GB_SCHEMA_ARENA_MAX);
    enum gb_err e = gb_schema_keep(s, &kept, fail);
    if (!e)
        e = gb_schema_load_kept(s->text, gb_buf_view(&kept), 1, &t, fail);
    gb_schema_free(t);
    gb_buf_release(&kept);
    return e;
}

static void
running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    struct gb_schema *s = schema_fixture_every(1);
    alloc_sweep(keep_and_load, s);
    gb_schema_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_what_was_compiled),
        cmocka_unit_test(what_is_damaged_is_compiled_again),
        cmocka_unit_test(what_is_kept_changes_with_its_format),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
