/* request.c - engine/request.h: what a hub is sent before it knows by whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/id.h"
#include "engine/request.h"
#include "engine/section.h"
#include "engine/sshsig.h"
#include "engine/tlv.h"
#include "support/alloc.h"

/* The fields, as docs/FORMAT.md names them. */
enum {
    CLOCK = 1,
    WALL,
    MONO,
    BOOT,
    MERGED,
    HIGHEST,
    SEQ,
    SCHEMA,
    STICK,
    SIGN_KEY,
    RECEIVE_KEY,
    SECRET,
    CONTINUES,
    CONTINUES_FROM,
    TAGS
};

static struct gb_sign_key key;

/* A request with everything in it. */
static struct gb_request
full(void)
{
    struct gb_request r = {.site = {1},
                           .device = 7,
                           .clock_ms = 5000,
                           .wall_ms = 6000,
                           .mono_ms = 7000,
                           .boot = {2},
                           .merged = {.size = 3, .root = {3}},
                           .highest = {.size = 4, .epoch = 1, .root = {4}},
                           .seq = 9,
                           .schema = 2,
                           .stick = true,
                           .first = true,
                           .sign_key = {5},
                           .receive_key = {6},
                           .secret = {7},
                           .continues = 3,
                           .continues_from = 2};
    return r;
}

static enum gb_err
decode(struct gb_span container, struct gb_request *out)
{
    struct gb_container parts;
    struct gb_fail fail = {0};
    uint8_t *copy = malloc(container.len ? container.len : 1);
    assert_non_null(copy);
    memcpy(copy, container.ptr, container.len);
    enum gb_err e =
        gb_request_decode(GB_SPAN(copy, container.len), &parts, out, &fail);
    assert_true(!e || *fail.text);
    free(copy);
    return e;
}

static void
comes_back_as_it_was(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct gb_request r = full(), back;
        struct gb_buf b;
        struct gb_fail fail = {0};
        r.first = i & 1;
        if (!r.first) {
            memset(r.sign_key, 0, 32);
            memset(r.receive_key, 0, 32);
            memset(r.secret, 0, 32);
        }
        r.continues = i & 2 ? GB_DEVICE_MAX : 0;
        r.continues_from = i & 2 ? INT64_MAX / 2 : 0;
        gb_buf_init(&b, 8192);
        if (gb_request_encode(&r, &key, &b, &fail))
            fail_msg("%s", fail.text);
        assert_int_equal(decode(gb_buf_view(&b), &back), GB_OK);
        assert_memory_equal(&back, &r, sizeof r);
        for (size_t n = 0; n < b.len; n++)
            assert_int_equal(decode(GB_SPAN(b.ptr, n), &back), GB_E_FORMAT);
        gb_buf_u8(&b, 0);
        assert_int_equal(decode(gb_buf_view(&b), &back), GB_E_FORMAT);
        gb_buf_release(&b);
    }
}

/* A request of these fields, however odd, with room for a signature. */
static enum gb_err
decode_fields(struct gb_span fields, const char *start, unsigned device)
{
    static const uint8_t site[16], signature[64];
    struct gb_request out;
    struct gb_buf b;
    gb_buf_init(&b, 8192);
    gb_buf_add(&b, start, 6);
    gb_buf_u16(&b, device);
    gb_buf_add(&b, site, sizeof site);
    struct gb_section_writer w = gb_section_writer_of(&b);
    if (fields.len)
        assert_int_equal(
            gb_section_write(&w, 1, fields, GB_SPAN(NULL, 0), NULL), GB_OK);
    assert_int_equal(gb_section_finish(&w, NULL), GB_OK);
    gb_buf_add(&b, signature, sizeof signature);
    enum gb_err e = decode(gb_buf_view(&b), &out);
    gb_buf_release(&b);
    return e;
}

/* All fields, one of them with n bytes of this value; n < 0: left out. */
static void
write_fields(struct gb_buf *b, int odd, int n, uint8_t value)
{
    static const uint8_t plain[44] = {0};
    static const size_t lengths[TAGS] = {
        [CLOCK] = 1,     [WALL] = 1,          [MONO] = 1,         [BOOT] = 16,
        [MERGED] = 44,   [HIGHEST] = 44,      [SEQ] = 1,          [SCHEMA] = 1,
        [STICK] = 1,     [SIGN_KEY] = 32,     [RECEIVE_KEY] = 32, [SECRET] = 32,
        [CONTINUES] = 1, [CONTINUES_FROM] = 1};
    uint8_t bytes[64];
    memset(bytes, value, sizeof bytes);
    gb_buf_clear(b);
    for (int tag = CLOCK; tag < TAGS; tag++) {
        if (tag == odd && n >= 0)
            gb_tlv_put(b, (unsigned)tag, GB_SPAN(bytes, (size_t)n));
        else if (tag == CONTINUES && tag != odd)
            gb_tlv_number(b, CONTINUES, 3);
        else if (tag != odd)
            gb_tlv_put(b, (unsigned)tag, GB_SPAN(plain, lengths[tag]));
    }
}

/* Every field is there, of its length, and in its range. */
static void
fields_have_one_form(void **state)
{
    (void)state;
    static const char good[] = "GBRQ\1";
    struct gb_buf b;
    gb_buf_init(&b, 4096);
    write_fields(&b, 0, 0, 0);
    assert_int_equal(decode_fields(gb_buf_view(&b), good, 1), GB_OK);
    for (int tag = CLOCK; tag < TAGS; tag++) {
        static const struct {
            int n;
            uint8_t value;
        } odd[] = {{-1, 0}, {0, 0}, {45, 0}, {8, 0xff}, {10, 0x80}};
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            write_fields(&b, tag, odd[i].n, odd[i].value);
            enum gb_err e = decode_fields(gb_buf_view(&b), good, 1);
            /* whoever has no secret is not new, and needs no keys */
            bool fine = tag == SECRET && odd[i].n < 0;
            if (e != (fine ? GB_OK : GB_E_FORMAT))
                fail_msg("field %d, %zu: %s", tag, i, gb_err_name(e));
        }
    }
    static const struct {
        int tag;
        uint64_t value;
    } large[] = {{CLOCK, UINT64_MAX >> 8},       {WALL, UINT64_MAX >> 8},
                 {MONO, UINT64_MAX >> 8},        {SEQ, UINT64_C(1) << 32},
                 {SCHEMA, UINT64_C(1) << 32},    {STICK, 2},
                 {CONTINUES, GB_DEVICE_MAX + 1}, {CONTINUES, 0},
                 {CONTINUES_FROM, INT64_MAX}};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        struct gb_buf number;
        gb_buf_init(&number, 10);
        gb_buf_varint(&number, large[i].value);
        struct gb_buf all;
        struct gb_span value;
        unsigned tag, last = 0;
        gb_buf_init(&all, 4096);
        write_fields(&all, 0, 0, 0);
        struct gb_reader in = gb_reader_of(gb_buf_view(&all));
        gb_buf_clear(&b);
        while (gb_tlv_next(&in, &tag, &value, &last))
            gb_tlv_put(&b, tag,
                       (int)tag == large[i].tag ? gb_buf_view(&number) : value);
        gb_buf_release(&all);
        enum gb_err e = decode_fields(gb_buf_view(&b), good, 1);
        if (e != GB_E_FORMAT)
            fail_msg("%d: %s", large[i].tag, gb_err_name(e));
        gb_buf_release(&number);
    }
    gb_buf_release(&b);
}

static void
headers_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        unsigned device;
    } bad[] = {{"GBRX\1", 1},
               {"GBRQ\2", 1},
               {"GBRQ\1\1", 1},
               {"GBRQ\1", 0},
               {"GBRQ\1", GB_DEVICE_MAX + 1}};
    struct gb_buf b;
    gb_buf_init(&b, 16000);
    write_fields(&b, 0, 0, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(
            decode_fields(gb_buf_view(&b), bad[i].start, bad[i].device),
            GB_E_FORMAT);
    assert_int_equal(decode_fields(GB_SPAN(NULL, 0), "GBRQ\1", 1), GB_E_FORMAT);
    struct gb_request out;
    memset(gb_buf_grow(&b, 8192), 0, 8192);
    assert_int_equal(decode(gb_buf_view(&b), &out), GB_E_FORMAT);
    gb_buf_release(&b);
}

static enum gb_err
there_and_back(void *arg, struct gb_fail *fail)
{
    struct gb_request r = full(), back;
    struct gb_container parts;
    struct gb_buf b;
    (void)arg;
    gb_buf_init(&b, 8192);
    enum gb_err e = gb_request_encode(&r, &key, &b, fail);
    if (!e)
        e = gb_request_decode(gb_buf_view(&b), &parts, &back, fail);
    gb_buf_release(&b);
    return e;
}

static void
memory_may_run_out(void **state)
{
    (void)state;
    assert_true(alloc_sweep(there_and_back, NULL) > 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(fields_have_one_form),
        cmocka_unit_test(headers_have_one_form),
        cmocka_unit_test(memory_may_run_out),
    };
    if (gb_crypto_init(NULL))
        return 1;
    gb_sign_key_generate(&key);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
