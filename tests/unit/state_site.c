/* state_site.c - payloads of the site's own operations: one that is not as
 * docs/FORMAT.md has it changes nothing and waits, MALFORMED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/key.h"
#include "engine/tlv.h"
#include "tests/unit/support/state_world.h"

static const char sql[] = "CREATE TABLE r(id INTEGER PRIMARY KEY) STRICT;\n";

static struct gb_schema *schema;
static struct world w;
static struct gb_sign_key key;

static int
begin(void **state)
{
    (void)state;
    struct gb_schema_file file = {"a.sql", gb_span_text(sql)};
    schema = world_schema(&file, 1, 1);
    world_begin(&w, schema, 1);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_end(&w);
    gb_schema_free(schema);
    return 0;
}

/* A field: a number, or so many bytes; tag 0 ends the list. */
struct field {
    unsigned tag, bytes;
    uint64_t number;
};

static void
write_payload(const struct field *f, struct gb_buf *out)
{
    static const uint8_t zeros[2000];
    for (; f->tag; f++) {
        if (f->bytes && f->number)
            gb_tlv_put(out, f->tag, GB_SPAN(key.public_key.bytes, f->bytes));
        else if (f->bytes)
            gb_tlv_put(out, f->tag, GB_SPAN(zeros, f->bytes));
        else
            gb_tlv_number(out, f->tag, f->number);
    }
}

#define N(tag, number)                                                         \
    {                                                                          \
        tag, 0, number                                                         \
    }
#define B(tag, bytes)                                                          \
    {                                                                          \
        tag, bytes, 0                                                          \
    }
#define KEY(tag)                                                               \
    {                                                                          \
        tag, 32, 1                                                             \
    }
static const struct {
    const char *what;
    enum gb_kind kind;
    struct field fields[6];
    bool good;
} payloads[] = {
    {"a site", GB_SITE, {B(1, 4), B(2, 3), B(3, 32), N(6, 2)}, true},
    {"nothing of a site", GB_SITE, {{0}}, true},
    {"a short key", GB_SITE, {B(3, 31)}, false},
    {"a long key", GB_SITE, {B(5, 33)}, false},
    {"an unknown tag", GB_SITE, {B(1, 4), B(7, 1)}, false},
    {"two names", GB_SITE, {B(1, 4), B(1, 4)}, false},
    {"an epoch of two numbers", GB_SITE, {B(6, 2)}, false},
    {"an epoch beyond 32 bits", GB_SITE, {N(6, (uint64_t)1 << 32)}, false},
    {"a schema without its text", GB_SCHEMA, {N(1, 2)}, false},
    {"a device", GB_DEVICE, {N(1, 1), B(4, 3), B(4, 3), B(5, 32)}, true},
    {"no number", GB_DEVICE, {N(3, 1)}, false},
    {"number 0", GB_DEVICE, {N(1, 0)}, false},
    {"number 8192", GB_DEVICE, {N(1, 8192)}, false},
    {"a level of the hub", GB_DEVICE, {N(1, 1), N(3, 9)}, false},
    {"a level of two numbers", GB_DEVICE, {N(1, 1), B(3, 2)}, false},
    {"one key of two", GB_DEVICE, {N(1, 1), B(6, 32)}, false},
    {"keys of low order", GB_DEVICE, {N(1, 1), B(6, 32), B(7, 32)}, false},
    {"a sound key of two", GB_DEVICE, {N(1, 1), KEY(6)}, false},
    {"the other alone", GB_DEVICE, {N(1, 1), KEY(7)}, false},
    {"short keys", GB_DEVICE, {N(1, 1), B(6, 31), B(7, 31)}, false},
    {"both keys", GB_DEVICE, {N(1, 1), KEY(6), KEY(7)}, true},
    {"too much of an attribute", GB_DEVICE, {N(1, 1), B(4, 1100)}, true},
    {"a schema without its version", GB_SCHEMA, {B(2, 3)}, false},
    {"a schema of a later version", GB_SCHEMA, {N(1, 9), B(2, 3)}, false},
    {"a schema that is none", GB_SCHEMA, {N(1, 2), B(2, 3)}, false},
    {"a short ticket", GB_DEVICE, {N(1, 1), B(5, 31)}, false},
    {"a release", GB_RELEASE, {N(1, 1), B(2, 6)}, true},
    {"a release with more", GB_RELEASE, {N(1, 1), B(3, 6)}, false},
};

static void
payloads_have_one_form(void **state)
{
    (void)state;
    struct gb_opname name = {1, 1};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct gb_buf payload;
        gb_buf_init(&payload, 4096);
        write_payload(payloads[i].fields, &payload);
        struct gb_op op = {.kind = payloads[i].kind,
                           .text = gb_buf_view(&payload),
                           .names = &name,
                           .nnames = payloads[i].kind == GB_RELEASE};
        if (!op.text.ptr)
            op.text = GB_SPAN("", 0);
        int64_t before = world_number(&w, "SELECT count(*) FROM _wait");
        world_own(&w, &op, 1);
        bool good = world_number(&w, "SELECT count(*) FROM _wait") == before;
        if (good != payloads[i].good)
            fail_msg("%s: %s", payloads[i].what, good ? "taken" : "refused");
        gb_buf_release(&payload);
    }
    assert_int_equal(gb_state_site(w.st)->epoch, 2);
}

/* A table that goes, and one that comes behind the others. */
static void
a_schema_follows(void **state)
{
    static const struct {
        const char *sql;
        bool good;
    } rows[] = {
        {"CREATE TABLE q(id INTEGER PRIMARY KEY) STRICT;\n", false},
        {"CREATE TABLE r(id INTEGER PRIMARY KEY) STRICT;\n"
         "CREATE TABLE s(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n",
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gb_schema_file file = {"a.sql", gb_span_text(rows[i].sql)};
        struct gb_schema *next = world_schema(&file, 1, 2);
        int64_t before = world_number(&w, "SELECT count(*) FROM _wait");
        world_put_schema(&w, next);
        bool good = world_number(&w, "SELECT count(*) FROM _wait") == before;
        assert_int_equal(good, rows[i].good);
        gb_schema_free(next);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(payloads_have_one_form, begin, end),
        cmocka_unit_test_setup_teardown(a_schema_follows, begin, end),
    };
    gb_sign_key_generate(&key);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
