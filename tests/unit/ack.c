/* ack.c - engine/ack.h: the hub's word that it has a handheld's sets, and what
 * the journal makes of it. */
#include "delta_fixture.h"
#include "engine/ack.h"
#include "engine/sshsig.h"
#include "engine/tlv_container.h"
#include "support/alloc.h"

static const char schema[] =
    "CREATE TABLE incident(id INTEGER PRIMARY KEY, text TEXT) STRICT;"
    "INSERT INTO rule VALUES('incident','text','last');";

static struct gb_ack
full(void)
{
    return (struct gb_ack){.site = {1},
                           .device = 7,
                           .seq = 300,
                           .sha = {2},
                           .head = {.epoch = 1, .size = 4000, .root = {3}}};
}

static enum gb_err
decode(struct gb_span container, struct gb_container *parts, struct gb_ack *out)
{
    struct gb_fail fail = {0};
    enum gb_err e = gb_ack_decode(container, parts, out, &fail);
    assert_true(!e || *fail.text);
    return e;
}

static void
it_comes_back_as_it_was(void **state)
{
    (void)state;
    struct gb_sign_key key;
    struct gb_container parts;
    struct gb_ack ack = full(), back;
    struct gb_buf b;
    gb_sign_key_generate(&key);
    gb_buf_init(&b, 8192);
    GOOD(gb_ack_encode(&ack, &key, &b, &why));
    GOOD(decode(gb_buf_view(&b), &parts, &back));
    assert_memory_equal(&back, &ack, sizeof ack);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(decode(GB_SPAN(b.ptr, n), &parts, &back), GB_E_FORMAT);
    gb_buf_u8(&b, 0);
    assert_int_equal(decode(gb_buf_view(&b), &parts, &back), GB_E_FORMAT);
    gb_buf_release(&b);
}

static void
no_bit_may_change(void **state)
{
    (void)state;
    struct gb_sign_key key;
    struct gb_container parts;
    struct gb_signature sig;
    struct gb_ack ack = full(), back;
    struct gb_buf b;
    gb_sign_key_generate(&key);
    gb_buf_init(&b, 8192);
    GOOD(gb_ack_encode(&ack, &key, &b, &why));
    for (size_t i = 0; i < 8 * b.len; i++) {
        b.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
        if (!decode(gb_buf_view(&b), &parts, &back)) {
            memcpy(sig.bytes, parts.signature.ptr, sizeof sig.bytes);
            assert_int_equal(gb_sshsig_verify(&key.public_key, GB_NS_DELTA,
                                              parts.signed_bytes, &sig, NULL),
                             GB_E_SIGNATURE);
        }
        b.ptr[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    gb_buf_release(&b);
}

static enum gb_err
there_and_back(void *context, struct gb_fail *fail)
{
    struct gb_container parts;
    struct gb_ack ack = full(), back;
    struct gb_buf b;
    gb_buf_init(&b, 8192);
    enum gb_err e = gb_ack_encode(&ack, context, &b, fail);
    if (!e)
        e = gb_ack_decode(gb_buf_view(&b), &parts, &back, fail);
    gb_buf_release(&b);
    return e;
}

static void
memory_may_run_out(void **state)
{
    (void)state;
    struct gb_sign_key key;
    gb_sign_key_generate(&key);
    assert_true(alloc_sweep(there_and_back, &key) > 3);
}

/* Every field is there, of its length. */
static void
fields_have_one_form(void **state)
{
    (void)state;
    static const struct gb_tlv_kind kind = {"GBAK", GB_NS_DELTA, "it"};
    static const uint8_t zeros[64], site[16];
    static const size_t lengths[] = {1, 32, 44};
    struct gb_sign_key key;
    struct gb_container parts;
    struct gb_ack out;
    struct gb_buf fields, b;
    gb_sign_key_generate(&key);
    gb_buf_init(&fields, 256);
    static const uint64_t numbers[] = {0, 1ull << 32};
    gb_buf_init(&b, 8192);
    for (int odd = -1; odd < 8; odd++) { /* one missing, or a byte longer */
        gb_buf_clear(&fields);
        gb_buf_clear(&b);
        for (int i = 0; i < 3; i++) {
            unsigned tag = (unsigned)i + 1;
            if (odd == i)
                continue;
            if (i || odd == 3)
                gb_tlv_put(&fields, tag,
                           GB_SPAN(zeros, lengths[i] + (odd == i + 3)));
            else
                gb_tlv_number(&fields, tag, odd < 6 ? 7 : numbers[odd - 6]);
        }
        GOOD(gb_tlv_container_encode(&kind, site, 1, gb_buf_view(&fields), &key,
                                     &b, &why));
        assert_int_equal(decode(gb_buf_view(&b), &parts, &out),
                         odd < 0 ? GB_OK : GB_E_FORMAT);
    }
    gb_buf_release(&fields);
    gb_buf_release(&b);
}

/* --------------------------------------------------------- the journal -- */

/* One record, in a set of its own. */
static void
record(struct handheld *d)
{
    struct gb_assign a = {.column = 0,
                          .value = gb_value_text(gb_span_text("滴漏"))};
    int made;
    int64_t id;
    GOOD(gb_journal_sign_in(d->j, 1, true, &why));
    GOOD(gb_journal_insert(d->j, 0, GB_SPAN(NULL, 0), &a, 1, &id, &why));
    GOOD(gb_journal_seal(d->j, &d->key, &made, &why));
    assert_int_equal(made, 1);
}

static struct gb_journal_info
info(struct handheld *d)
{
    struct gb_journal_info i;
    GOOD(gb_journal_info(d->j, &i, &why));
    return i;
}

/* The hub's word for a set of this journal. */
static struct gb_ack
ack_of(struct handheld *d, uint32_t seq)
{
    struct gb_ack ack = {.device = d->number, .seq = seq};
    struct gb_container c;
    struct gb_buf b;
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(d->j, seq, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
    struct gb_sha256 sha = gb_sha256(c.signed_bytes);
    memcpy(ack.sha, sha.bytes, sizeof ack.sha);
    gb_buf_release(&b);
    return ack;
}

static void
what_is_safe_is_not_unsent(void **state)
{
    (void)state;
    struct hub h;
    struct handheld d;
    make_hub(&h, schema);
    make_handheld(&h, &d, 1, NULL);
    for (int i = 0; i < 3; i++)
        record(&d);
    GOOD(gb_journal_mark(d.j, true, &why));
    struct gb_ack two = ack_of(&d, 2), one = ack_of(&d, 1);
    GOOD(gb_journal_acknowledged(d.j, &two, &why));
    GOOD(gb_journal_acknowledged(d.j, &one, &why)); /* late */
    struct gb_journal_info i = info(&d);
    assert_int_equal(i.safe, 2);
    assert_int_equal(i.accepted, 0);
    assert_int_equal(i.unsent, 1);
    assert_false(i.uncertain);
    /* and still unaccepted: a delta that knows nothing of it keeps it */
    assert_int_equal(ask(&d, "SELECT count(*) FROM incident"), 3);
    push(&d);
    pull(&d);
    i = info(&d);
    assert_int_equal(i.accepted, 3);
    assert_int_equal(i.safe, 3);
    assert_int_equal(i.unsent, 0);
    assert_int_equal(ask(&d, "SELECT count(*) FROM incident"), 3);
    gb_journal_close(d.j);
    end_hub(&h);
}

/* A hub that does not have any more what it acknowledged gets it again. */
static void
what_a_delta_does_not_accept_is_sent_again(void **state)
{
    (void)state;
    struct hub h;
    struct handheld d, other;
    make_hub(&h, schema);
    make_handheld(&h, &d, 1, NULL);
    make_handheld(&h, &other, 2, NULL);
    record(&d);
    struct gb_ack one = ack_of(&d, 1);
    GOOD(gb_journal_acknowledged(d.j, &one, &why));
    assert_int_equal(info(&d).unsent, 0);
    record(&other);
    push(&other);
    pull(&d);
    struct gb_journal_info i = info(&d);
    assert_int_equal(i.safe, 0);
    assert_int_equal(i.unsent, 1);
    gb_journal_close(d.j);
    gb_journal_close(other.j);
    end_hub(&h);
}

/* Nor does one that has nothing new: it was put back to what was merged here.
 */
static void
what_no_news_leaves_out_is_sent_again(void **state)
{
    (void)state;
    struct hub h;
    struct handheld d;
    make_hub(&h, schema);
    make_handheld(&h, &d, 1, NULL);
    record(&d);
    push(&d);
    pull(&d);
    record(&d);
    GOOD(gb_journal_mark(d.j, true, &why));
    struct gb_ack two = ack_of(&d, 2);
    GOOD(gb_journal_acknowledged(d.j, &two, &why));
    GOOD(gb_journal_no_news(d.j, &why));
    struct gb_journal_info i = info(&d);
    assert_int_equal(i.safe, 1);
    assert_int_equal(i.accepted, 1);
    assert_int_equal(i.unsent, 1);
    assert_false(i.uncertain);
    gb_journal_close(d.j);
    end_hub(&h);
}

static void
of_another_journals_sets_it_means_a_copy(void **state)
{
    (void)state;
    struct hub h;
    struct handheld d;
    struct gb_fail fail = {0};
    make_hub(&h, schema);
    make_handheld(&h, &d, 1, NULL);
    record(&d);
    struct gb_ack ack = ack_of(&d, 1);
    ack.sha[5] ^= 1;
    assert_int_equal(gb_journal_acknowledged(d.j, &ack, &fail), GB_E_FORK);
    assert_true(info(&d).copy);
    assert_int_equal(info(&d).unsent, 1);
    ack = ack_of(&d, 1);
    ack.seq = 2; /* that it never made */
    assert_int_equal(gb_journal_acknowledged(d.j, &ack, &fail), GB_E_FORK);
    gb_journal_close(d.j);
    end_hub(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_was),
        cmocka_unit_test(no_bit_may_change),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(fields_have_one_form),
        cmocka_unit_test(what_is_safe_is_not_unsent),
        cmocka_unit_test(what_a_delta_does_not_accept_is_sent_again),
        cmocka_unit_test(what_no_news_leaves_out_is_sent_again),
        cmocka_unit_test(of_another_journals_sets_it_means_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
