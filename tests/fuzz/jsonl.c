/*
 * jsonl.c - files of JSON lines, as `gengbu record --jsonl` takes them, into a
 * journal with the schema of the nine duties.  The journal may not commit: what
 * was imported is undone, and each input finds it as the first did.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "device/lines.h"
#include "engine/json.h"
#include "support/fuzz.h"
#include "tests/unit/delta_fixture.h"

#define MEMORY(n) (64 * (n) + (8u << 20)) /* for n bytes of lines */

static struct hub hub;
static struct handheld device;
static struct gb_folder folder;
static int file = -1;

/* The files of schema/ as one text, which is theirs in the order of names. */
static char *
schema_text(void)
{
    struct gb_buf packed, text;
    gb_buf_init(&packed, GB_SCHEMA_MAX);
    gb_buf_init(&text, GB_SCHEMA_MAX);
    GOOD(gb_schema_read_folder("schema", &packed, &why));
    struct gb_reader in = gb_reader_of(gb_buf_view(&packed));
    for (uint64_t n = gb_read_varint(&in); n > 0; n--) {
        gb_read_string(&in);
        gb_buf_span(&text, gb_read_string(&in));
    }
    FUZZ_CHECK(gb_read_done(&in));
    gb_buf_u8(&text, 0);
    gb_buf_release(&packed);
    return (char *)text.ptr; /* transferred */
}

/* A value that the column takes. */
static struct gb_value
some_value(const struct gb_column *c)
{
    if (c->refers >= 0 || c->type == GB_INT)
        return gb_value_int(strcmp(c->name, "level") ? 1 : 2);
    if (c->type == GB_REAL)
        return gb_value_real(1);
    if (c->type == GB_BLOB)
        return gb_value_blob(gb_span_text("b"));
    return c->nenums                 ? c->enums[0]
           : c->rule.nvalues         ? gb_value_text(c->rule.values[0])
           : strcmp(c->name, "area") ? gb_value_text(gb_span_text("t"))
                                     : gb_value_text(gb_span_text("A"));
}

/* Record 0-1 of each table, by the name of r, for lines to refer to; tables
 * that refer on to later ones do without. */
static void
fill_tables(void)
{
    const struct gb_schema *s = gb_state_schema(hub.st);
    for (int t = 0; t < s->ntables; t++) {
        struct gb_written values[GB_COLUMNS_MAX];
        struct gb_op op = {.kind = GB_INSERT,
                           .table = t,
                           .id = 1,
                           .text = gb_span_text("r"),
                           .values = values};
        for (int i = 0; i < s->tables[t].ncolumns; i++) {
            const struct gb_column *c = &s->tables[t].columns[i];
            if (c->refers < t && !c->personal)
                values[op.nvalues++] =
                    (struct gb_written){.column = i, .value = some_value(c)};
        }
        hub_set(&hub, &op, 1);
    }
}

/* sqlite3_set_authorizer() callback */
static int
never_commit(void *context, int action, const char *a, const char *b,
             const char *c, const char *d)
{
    (void)context;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_TRANSACTION && !strcmp(a, "COMMIT") ? SQLITE_DENY
                                                                : SQLITE_OK;
}

static void
close_all(void)
{
    gb_journal_close(device.j);
    end_hub(&hub);
    close(file);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char *text = schema_text();
    (void)argc;
    (void)argv;
    GOOD(gb_crypto_init(&why));
    make_hub(&hub, text);
    free(text);
    fill_tables();
    make_handheld(&hub, &device, 1, "area=A");
    GOOD(gb_journal_sign_in(device.j, 1, true, &why));
    folder.journal = device.j;
    file = memfd_create("fuzz.jsonl", MFD_CLOEXEC);
    FUZZ_CHECK(file >= 0 && !atexit(close_all));
    sqlite3_set_authorizer(gb_journal_db(device.j), never_commit, NULL);
    return 0;
}

/* A document that was read is written in one way. */
static void
take_document(struct gb_span text)
{
    struct gb_json *first, *second;
    struct gb_buf once, twice;
    struct gb_json_writer w;
    struct gb_fail fail = {0};
    if (fuzz_refused(gb_json_parse(text, &first, &fail), &fail)) {
        FUZZ_CHECK(!first);
        return;
    }
    gb_buf_init(&once, 8 * GB_JSON_MAX);
    gb_buf_init(&twice, 8 * GB_JSON_MAX);
    w = gb_json_writer(&once, true);
    gb_json_put(&w, first);
    FUZZ_NEED(gb_json_parse(gb_buf_view(&once), &second, &fuzz_why));
    w = gb_json_writer(&twice, true);
    gb_json_put(&w, second);
    FUZZ_CHECK(gb_span_equal(gb_buf_view(&once), gb_buf_view(&twice)));
    gb_json_free(first);
    gb_json_free(second);
    gb_buf_release(&once);
    gb_buf_release(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const uint8_t *end = n ? memchr(bytes, '\n', n) : NULL;
    struct gb_lines_report report;
    struct gb_fail fail = {0};
    fuzz_memory_begin(MEMORY(n));
    take_document(GB_SPAN(bytes, end ? (size_t)(end - bytes) : n));
    FUZZ_CHECK(!ftruncate(file, 0) && pwrite(file, bytes, n, 0) == (ssize_t)n);
    enum gb_err e = gb_lines_import(&folder, "fuzz", file, &report, &fail);
    fuzz_memory_end();
    fuzz_refused(e, &fail);
    FUZZ_CHECK(e || !report.lines);
    FUZZ_CHECK(!report.inserted && !report.changed && !report.voided);
    FUZZ_CHECK(sqlite3_get_autocommit(gb_journal_db(device.j)));
    return 0;
}
