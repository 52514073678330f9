/* ticket.c - engine/ticket.h: written and read back, and every field that
 * must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/digest.h"
#include "engine/ticket.h"
#include "support/alloc.h"

static struct gb_span delta_parts[2];

/* A ticket with everything in it. */
static void
fill(struct gb_ticket *t)
{
    struct gb_sign_key key;
    struct gb_enrolment *en = &t->enrolment;
    memset(t, 0, sizeof *t);
    for (int i = 0; i < 16; i++)
        en->site.id[i] = (uint8_t)(i * 7 + 1);
    snprintf(en->site.name, sizeof en->site.name, "翠湖花园 \"A\"");
    snprintf(en->site.timezone, sizeof en->site.timezone, "Asia/Shanghai");
    en->site.epoch = 3;
    en->device = 7;
    en->level = 2;
    snprintf(en->name, sizeof en->name, "A3-1");
    snprintf(en->attributes, sizeof en->attributes,
             "area=A3\nnote=一号楼=大堂\nempty=\n");
    snprintf(en->url, sizeof en->url, "http://192.0.2.7:8440");
    for (int i = 0; i < 3; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        gb_sign_key_from_seed(&key, seed);
        memcpy(i == 0   ? en->site.hub_key
               : i == 1 ? en->site.ledger_key
                        : en->site.receive_key,
               key.public_key.bytes, 32);
    }
    memset(en->secret, 0xa5, sizeof en->secret);
    delta_parts[0] = GB_SPAN("first part\0with a NUL", 21);
    delta_parts[1] = GB_SPAN("second", 6);
    t->deltas = delta_parts;
    t->ndeltas = 2;
}

static void
write_ticket(const struct gb_ticket *t, bool compact, struct gb_buf *out)
{
    struct gb_fail fail = {0};
    gb_buf_init(out, 2 * GB_TICKET_MAX);
    assert_int_equal(gb_ticket_write(t, compact, out, &fail), GB_OK);
}

/* The enrolments are the same, field by field. */
static void
assert_same(const struct gb_enrolment *a, const struct gb_enrolment *b)
{
    assert_memory_equal(a->site.id, b->site.id, 16);
    assert_string_equal(a->site.name, b->site.name);
    assert_string_equal(a->site.timezone, b->site.timezone);
    assert_int_equal(a->site.epoch, b->site.epoch);
    assert_memory_equal(a->site.hub_key, b->site.hub_key, 32);
    assert_memory_equal(a->site.ledger_key, b->site.ledger_key, 32);
    assert_memory_equal(a->site.receive_key, b->site.receive_key, 32);
    assert_int_equal(a->device, b->device);
    assert_int_equal(a->level, b->level);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->attributes, b->attributes);
    assert_string_equal(a->url, b->url);
    assert_memory_equal(a->secret, b->secret, 32);
}

static void
test_round_trip(void **state)
{
    struct gb_ticket t, back;
    struct gb_buf text;
    struct gb_fail fail = {0};
    (void)state;
    fill(&t);
    write_ticket(&t, false, &text);
    assert_int_equal(gb_ticket_read(gb_buf_view(&text), &back, &fail), GB_OK);
    assert_same(&back.enrolment, &t.enrolment);
    assert_int_equal(back.ndeltas, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(gb_span_equal(back.deltas[i], delta_parts[i]));
    gb_ticket_release(&back);
    assert_null(back.deltas);
    gb_ticket_release(&back);
    gb_buf_release(&text);
}

static void
test_compact(void **state)
{
    struct gb_ticket t, back;
    struct gb_buf text;
    struct gb_fail fail = {0};
    (void)state;
    fill(&t);
    write_ticket(&t, true, &text);
    assert_true(text.len < 1200); /* fits a QR code of modest size */
    assert_null(memchr(text.ptr, '\n', text.len));
    assert_int_equal(gb_ticket_read(gb_buf_view(&text), &back, &fail), GB_OK);
    assert_same(&back.enrolment, &t.enrolment);
    assert_int_equal(back.ndeltas, 0);
    gb_ticket_release(&back);
    gb_buf_release(&text);
}

static void
test_without_url(void **state)
{
    struct gb_ticket t, back;
    struct gb_buf text;
    struct gb_fail fail = {0};
    (void)state;
    fill(&t);
    t.enrolment.url[0] = 0;
    t.enrolment.attributes[0] = 0;
    t.ndeltas = 0;
    write_ticket(&t, false, &text);
    gb_buf_u8(&text, 0);
    assert_null(strstr((char *)text.ptr, "\"url\""));
    assert_null(strstr((char *)text.ptr, "\"delta\""));
    text.len--;
    assert_int_equal(gb_ticket_read(gb_buf_view(&text), &back, &fail), GB_OK);
    assert_string_equal(back.enrolment.url, "");
    assert_string_equal(back.enrolment.attributes, "");
    gb_ticket_release(&back);
    gb_buf_release(&text);
}

/* Replace `from`, which must be there, and read. */
static enum gb_err
read_changed(const char *from, const char *to, struct gb_fail *fail)
{
    struct gb_ticket t, back;
    struct gb_buf text, changed;
    fill(&t);
    write_ticket(&t, false, &text);
    gb_buf_u8(&text, 0);
    char *at = strstr((char *)text.ptr, from);
    assert_non_null(at);
    gb_buf_init(&changed, 2 * GB_TICKET_MAX);
    gb_buf_add(&changed, text.ptr, (size_t)(at - (char *)text.ptr));
    gb_buf_text(&changed, to);
    gb_buf_text(&changed, at + strlen(from));
    assert_int_equal(changed.failed, GB_OK);
    *fail = (struct gb_fail){0};
    enum gb_err e = gb_ticket_read(gb_buf_view(&changed), &back, fail);
    gb_ticket_release(&back);
    gb_buf_release(&text);
    gb_buf_release(&changed);
    return e;
}

/* A part of a good ticket, what stands there instead, and a word that the
 * refusal must have. */
static const struct {
    const char *from, *to, *word;
    enum gb_err code;
} changes[] = {
    {"\"gengbu_ticket\": 1", "\"gengbu_ticket\": 2", "version", GB_E_VERSION},
    {"\"gengbu_ticket\": 1", "\"gengbu_ticket\": 0", "ticket", GB_E_TICKET},
    {"\"gengbu_ticket\": 1", "\"x\": 1", "ticket", GB_E_TICKET},
    {"\"site\": {", "\"site\": 1, \"sites\": {", "site", GB_E_TICKET},
    {"01080f", "01080", "id", GB_E_TICKET},
    {"01080f", "01080F", "id", GB_E_TICKET},
    {"翠湖花园 \\\"A\\\"", "", "name", GB_E_TICKET},
    {"翠湖花园 \\\"A\\\"", "a\\nb", "name", GB_E_TICKET},
    {"翠湖花园 \\\"A\\\"", "a\\u0000b", "name", GB_E_TICKET},
    {"Asia/Shanghai",
     "Asia/ShanghaiShanghaiShanghaiShanghaiShanghaiShanghaiShanghaiShanghai",
     "timezone", GB_E_TICKET},
    {"Asia/Shanghai", "../../etc/passwd", "timezone", GB_E_TICKET},
    {"Asia/Shanghai", "/etc/localtime", "timezone", GB_E_TICKET},
    {"Asia/Shanghai", "Asia/", "timezone", GB_E_TICKET},
    {"Asia/Shanghai", "北京时间", "timezone", GB_E_TICKET},
    {"\"epoch\": 3", "\"epoch\": -1", "epoch", GB_E_TICKET},
    {"\"epoch\": 3", "\"epoch\": 4294967296", "epoch", GB_E_TICKET},
    {"\"device\": 7", "\"device\": 0", "device", GB_E_TICKET},
    {"\"device\": 7", "\"device\": 8192", "device", GB_E_TICKET},
    {"\"device\": 7", "\"device\": \"7\"", "device", GB_E_TICKET},
    {"\"device\": 7", "\"device\": 7.0", "device", GB_E_TICKET},
    {"\"level\": 2", "\"level\": 0", "level", GB_E_TICKET},
    {"\"level\": 2", "\"level\": 10", "level", GB_E_TICKET},
    {"\"area\": \"A3\"", "\"area\": 3", "attributes", GB_E_TICKET},
    {"\"area\": \"A3\"", "\"a=b\": \"3\"", "attributes", GB_E_TICKET},
    {"\"area\": \"A3\"", "\"\": \"3\"", "attributes", GB_E_TICKET},
    {"\"area\": \"A3\"", "\"area\": \"a\\nlevel=9\"", "attributes",
     GB_E_TICKET},
    {"a5a5a5", "a5a5a", "secret", GB_E_TICKET},
    {"\"sign\": \"ssh-ed25519 ", "\"sign\": \"ssh-rsa ", "hub.sign",
     GB_E_TICKET},
    {"\"ledger\": \"ssh-ed25519 AAAA", "\"ledger\": \"ssh-ed25519 AAAB",
     "hub.ledger", GB_E_TICKET},
    {"\"receive\": ", "\"received\": ", "receive", GB_E_TICKET},
    {"http://192.0.2.7:8440", "ftp://192.0.2.7", "url", GB_E_TICKET},
    {"http://192.0.2.7:8440", "http://", "url", GB_E_TICKET},
    {"http://192.0.2.7:8440", "http://a b", "url", GB_E_TICKET},
    {"\"delta\": [", "\"delta\": [\"!\", ", "delta", GB_E_TICKET},
    {"\"delta\": [", "\"delta\": [1, ", "delta", GB_E_TICKET},
    {"\"delta\": [", "\"delta\": 1, \"deltas\": [", "delta", GB_E_TICKET},
    {"{", "{\"device\": 7, ", "device", GB_E_TICKET}, /* twice */
    {"{", "", "JSON", GB_E_TICKET},
};

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct gb_fail fail;
        enum gb_err e = read_changed(changes[i].from, changes[i].to, &fail);
        if (e != changes[i].code || !strstr(fail.text, changes[i].word))
            fail_msg("%s -> %s: %d, '%s'", changes[i].from, changes[i].to, e,
                     fail.text);
    }
    /* the helper itself lets a good ticket through, and unknown names */
    struct gb_fail fail;
    assert_int_equal(read_changed("{", "{", &fail), GB_OK);
    assert_int_equal(read_changed("{", "{\"later\": [1], ", &fail), GB_OK);
    static const char *const zones[] = {"UTC", "Etc/GMT+8",
                                        "America/Port-au-Prince",
                                        "America/Argentina/Buenos_Aires"};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        assert_int_equal(read_changed("Asia/Shanghai", zones[i], &fail), GB_OK);
}

/* The identity of the curve: one signature under it fits every message. */
static void
test_weak_key(void **state)
{
    struct gb_ticket t, back;
    struct gb_buf text;
    struct gb_fail fail = {0};
    (void)state;
    fill(&t);
    memset(t.enrolment.site.hub_key, 0, 32);
    t.enrolment.site.hub_key[0] = 1;
    write_ticket(&t, false, &text);
    assert_int_equal(gb_ticket_read(gb_buf_view(&text), &back, &fail),
                     GB_E_TICKET);
    gb_ticket_release(&back);
    gb_buf_release(&text);
}

static void
test_cut_off(void **state)
{
    struct gb_ticket t, back;
    struct gb_buf text;
    (void)state;
    fill(&t);
    write_ticket(&t, true, &text);
    for (size_t n = 0; n < text.len; n++) {
        struct gb_fail fail = {0};
        assert_int_equal(gb_ticket_read(GB_SPAN(text.ptr, n), &back, &fail),
                         GB_E_TICKET);
        gb_ticket_release(&back);
    }
    gb_buf_release(&text);
}

static void
test_too_large(void **state)
{
    struct gb_ticket t;
    struct gb_buf text;
    struct gb_fail fail = {0};
    (void)state;
    fill(&t);
    size_t n = GB_TICKET_MAX / 4 * 3;
    uint8_t *part = calloc(1, n);
    assert_non_null(part);
    delta_parts[0] = GB_SPAN(part, n);
    gb_buf_init(&text, 4 * GB_TICKET_MAX);
    assert_int_equal(gb_ticket_write(&t, false, &text, &fail), GB_E_LIMIT);
    gb_buf_release(&text);
    gb_buf_init(&text, 4 * GB_TICKET_MAX); /* without them it fits */
    assert_int_equal(gb_ticket_write(&t, true, &text, &fail), GB_OK);
    gb_buf_release(&text);
    free(part);
}

static void
test_url(void **state)
{
    static const char *const good[] = {"http://h", "https://h/x?y",
                                       "http://[::1]:8440", "http://1.2.3.4/"};
    static const char *const bad[] = {"",          "h",          "http:/h",
                                      "http:///x", "http://:80", "http:// ",
                                      "file:///x", "HTTP://h ",  "http://h\n"};
    char text[400] = "http://";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(gb_ticket_url_valid(gb_span_text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(gb_ticket_url_valid(gb_span_text(bad[i])));
    memset(text + 7, 'a', 255 - 7);
    assert_true(gb_ticket_url_valid(gb_span_text(text)));
    text[255] = 'a';
    assert_false(gb_ticket_url_valid(gb_span_text(text)));
}

/* Write and read with allocations failing; jansson's own are not seen. */
static enum gb_err
round_trip(void *arg, struct gb_fail *fail)
{
    struct gb_ticket back = {0};
    struct gb_buf text;
    gb_buf_init(&text, 2 * GB_TICKET_MAX);
    enum gb_err e = gb_ticket_write(arg, false, &text, fail);
    if (!e)
        e = gb_ticket_read(gb_buf_view(&text), &back, fail);
    gb_ticket_release(&back);
    gb_buf_release(&text);
    return e;
}

static void
test_memory(void **state)
{
    struct gb_ticket t;
    (void)state;
    fill(&t);
    assert_true(alloc_sweep(round_trip, &t) >= 3);
}

static int
setup(void **state)
{
    struct gb_fail fail = {0};
    (void)state;
    return gb_crypto_init(&fail) ? -1 : 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_compact),
        cmocka_unit_test(test_without_url), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_weak_key),    cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_too_large),   cmocka_unit_test(test_url),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
