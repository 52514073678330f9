/*
 * schema.c - the SQL of a schema folder, as an office hands it to its hub and
 * the hub to every handheld.  A form feed divides an input into files.  What
 * loads takes effect at a hub and comes to a handheld, and what is written
 * there both have alike.
 */
#include "support/fuzz.h"
#include "tests/unit/delta_fixture.h"

/* SQLite's 16 MiB, the schema's own 32, and what both throw away. */
#define LOAD_MAX (80u << 20)

/* Each part of the text as a file, by the names 00.sql, 01.sql ... */
static enum gb_err
load(struct gb_span text, struct gb_schema **out, struct gb_fail *fail)
{
    enum { FILES = 4 };
    static const char *const names[FILES] = {"00.sql", "01.sql", "02.sql",
                                             "03.sql"};
    struct gb_schema_file files[FILES];
    struct gb_buf pack;
    size_t n = 0;
    while (n < FILES) {
        const uint8_t *end =
            text.len && n + 1 < FILES ? memchr(text.ptr, '\f', text.len) : NULL;
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        files[n] = (struct gb_schema_file){names[n], GB_SPAN(text.ptr, len)};
        n++;
        if (!end)
            break;
        text = GB_SPAN(end + 1, text.len - len - 1);
    }
    *out = NULL;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    enum gb_err e = gb_schema_pack(files, n, &pack, fail);
    fuzz_memory_begin(LOAD_MAX);
    if (!e)
        e = gb_schema_load(gb_buf_view(&pack), 1, out, fail);
    fuzz_memory_end();
    gb_buf_release(&pack);
    return e;
}

/* A schema out of a database is the one that was kept there. */
static void
keep(const struct gb_schema *s)
{
    struct gb_schema *back;
    struct gb_buf once, twice;
    gb_buf_init(&once, GB_ARENA_MAX);
    gb_buf_init(&twice, GB_ARENA_MAX);
    FUZZ_NEED(gb_schema_keep(s, &once, &fuzz_why));
    FUZZ_NEED(
        gb_schema_load_kept(s->text, gb_buf_view(&once), 1, &back, &fuzz_why));
    FUZZ_NEED(gb_schema_keep(back, &twice, &fuzz_why));
    FUZZ_CHECK(gb_span_equal(gb_buf_view(&once), gb_buf_view(&twice)));
    FUZZ_NEED(gb_schema_follows(s, back, &fuzz_why));
    FUZZ_CHECK(!memcmp(s->sha256, back->sha256, sizeof s->sha256));
    gb_schema_free(back);
    gb_buf_release(&once);
    gb_buf_release(&twice);
}

/* A record of each of the first tables, or why not. */
static void
write_some(struct gb_journal *j)
{
    const struct gb_schema *s = gb_journal_schema(j);
    struct gb_fail fail = {0};
    int64_t id;
    for (int t = 0; t < s->ntables && t < 4; t++) {
        const struct gb_column *c = s->tables[t].columns;
        struct gb_assign a = {.value = c->nenums ? c->enums[0]
                                       : c->type == GB_TEXT
                                           ? gb_value_text(gb_span_text("1"))
                                           : gb_value_int(1)};
        enum gb_err e =
            gb_journal_insert(j, t, GB_SPAN(NULL, 0), &a, 1, &id, &fail);
        if (!fuzz_refused(e, &fail))
            fuzz_refused(gb_journal_set(j, t, id, &a, 1, &fail), &fail);
    }
}

/* The whole way of a schema that loads. */
static void
use(struct gb_span text)
{
    struct hub h;
    struct handheld d;
    uint8_t want[32], got[32];
    int made;
    char *sql = strndup((const char *)text.ptr, text.len);
    FUZZ_CHECK(sql != NULL);
    for (char *p = sql; *p; p++)
        if (*p == '\f')
            *p = '\n';
    make_hub(&h, sql);
    make_handheld(&h, &d, 1, "area=A");
    write_some(d.j);
    GOOD(gb_journal_seal(d.j, &d.key, &made, &why));
    push(&d);
    pull(&d);
    GOOD(gb_state_digest_of(h.st, 1, want, &why));
    GOOD(gb_journal_digest(d.j, got, &why));
    FUZZ_CHECK(!memcmp(want, got, sizeof want));
    gb_journal_close(d.j);
    end_hub(&h);
    free(sql);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct gb_schema *s;
    struct gb_fail fail = {0};
    struct gb_span text = GB_SPAN(bytes, n);
    if (fuzz_refused(load(text, &s, &fail), &fail))
        return 0;
    keep(s);
    gb_schema_free(s);
    use(text);
    return 0;
}
