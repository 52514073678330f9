/* hub_ledger_odb.c - hub/git_odb.h: packs read without libgit2 give what
 * git says is in them, and nothing when something is odd. */
#include "engine/deflate.h"
#include "hub_ledger_fixture.h"

#include <fcntl.h>

#include "hub/git_odb.h"

#define BATCHES 60

/* ----------------------------------------------------------- objects -- */

/* An object that git names is found in the packs. */
static void
expect_object(struct gb_ledger *l, const char *line)
{
    char type[16];
    git_oid oid, is;
    git_object_t found;
    size_t len;
    struct gb_span bytes;
    struct gb_fail fail = {0};
    assert_int_equal(git_oid_fromstrn(&oid, line, GIT_OID_HEXSZ), 0);
    assert_int_equal(sscanf(line + GIT_OID_HEXSZ, " %15s %zu", type, &len), 2);
    must(gb_odb_read(l->packed, &oid, &found, &bytes, &fail), &fail);
    assert_non_null(bytes.ptr);
    assert_string_equal(git_object_type2string(found), type);
    assert_int_equal(bytes.len, len);
    gb_git_hash(&is, found, bytes);
    assert_true(git_oid_equal(&is, &oid));
}

/* All of them, in two orders; those of the longest chain are reached from
 * either end. */
static void
expect_all(struct world *w)
{
    static const char *const orders[] = {"sort", "sort -r", "cat"};
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    must(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail), &fail);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        size_t n = 0;
        assert_int_equal(sh(w,
                            "git cat-file --batch-all-objects --unordered "
                            "--batch-check | %s",
                            orders[i]),
                         0);
        for (const char *at = slurp(w, "out"); *at; n++) {
            expect_object(l, at);
            at = strchr(at, '\n') + 1;
        }
        assert_true(n > 6 * BATCHES);
    }
    nothing_lost(w, l, BATCHES);
    gb_ledger_close(l);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
}

/* Whoever packed the ledger: the hub, or git with differences of differences,
 * by distance or by name. */
static void
all_is_there(void **state)
{
    static const char *const packed[] = {
        "true", "git repack -adfq --depth=50 --window=60",
        "git -c repack.useDeltaBaseOffset=false repack -adfq --depth=50"};
    struct world *w = *state;
    struct gb_fail fail = {0};
    for (size_t i = 0; i < BATCHES; i++) {
        commit_batch(w, 3);
        must(gb_ledger_consolidate(w->l, 20, &fail), &fail);
    }
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        assert_int_equal(sh(w, "%s", packed[i]), 0);
        reopen(w);
        expect_all(w);
    }
}

/* What several packs have merged away meanwhile is still read, by libgit2 what
 * it had not opened. */
static void
packs_disappear(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    for (size_t i = 0; i < 4; i++)
        commit_batch(w, 2);
    must(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail), &fail);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    nothing_lost(w, l, 4);
    gb_ledger_close(l);
}

/* More objects than the check of packs holds rows of: it comes to the last
 * one, and tells damage there. */
static void
many_objects(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    commit_batch(w, 1);
    assert_int_equal(
        sh(w, "for i in $(seq 10001 19000); do "
              "printf 'blob\\ndata 5\\n%%s\\n' $i; done |"
              "git fast-import --quiet && chmod u+w ledger.git/objects/pack/*"),
        0);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
    assert_int_equal(
        sh(w, "p=$(ls -S ledger.git/objects/pack/*.pack | head -1) && "
              "at=$(($(stat -c %%s $p) - 22)) && "
              "printf x | dd of=$p bs=1 seek=$at conv=notrunc 2>dd"),
        0);
    assert_int_equal(gb_ledger_verify_packs(w->l, &fail), GB_E_LEDGER);
    assert_non_null(strstr(fail.text, "its index's checksum"));
}

/* ---------------------------------------------------------- an index -- */

#define NAMES 3000

/* A name whose first bytes say little of where it stands. */
static void
crowded_name(uint8_t out[GB_OID_BYTES], size_t i)
{
    memset(out, 0, GB_OID_BYTES);
    out[0] = i < 10 ? 6 : 7;
    out[1] = i < NAMES - 5 ? 0 : 0xff;
    out[3] = (uint8_t)(i >> 8);
    out[4] = (uint8_t)i;
}

/* Beyond 2 GiB, too. */
static uint64_t
place_of(size_t i)
{
    return 12 + (i % 3 ? i : i << 28);
}

/* Each name is found by itself, and none beside it. */
static void
crowded_names(void **state)
{
    static uint8_t names[NAMES][GB_OID_BYTES];
    static struct gb_packed list[NAMES], *objects[NAMES];
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_odb_pack b = {.pack = -1};
    const uint8_t sum[GB_OID_BYTES] = {0};
    char path[300];
    uint64_t at;
    for (size_t i = 0; i < NAMES; i++) {
        crowded_name(names[i], i);
        list[i] = (struct gb_packed){.oid = names[i], .at = place_of(i)};
        objects[i] = &list[i];
        for (size_t byte = names[i][0]; byte < 256; byte++)
            b.fanout[byte]++;
    }
    must(gb_idx_write(w->l, "pack-y", objects, NAMES, sum, &fail), &fail);
    snprintf(path, sizeof path, "%s/objects/pack/pack-y.idx", w->path);
    b.idx = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < NAMES; i++) {
        uint8_t beside[GB_OID_BYTES];
        memcpy(beside, names[i], sizeof beside);
        beside[GB_OID_BYTES - 1] = 1;
        assert_true(gb_odb_pack_find(&b, names[i], &at));
        assert_true(at == place_of(i));
        assert_false(gb_odb_pack_find(&b, beside, &at));
    }
    close(b.idx);
}

/* ------------------------------------------------------- differences -- */

#define BASE "0123456789"

/* Differences from BASE, and what they give. */
static const struct {
    const char *bytes;
    size_t len;
    const char *gives; /* NULL: it is odd */
} cases[] = {
#define D(bytes, gives)                                                        \
    {                                                                          \
        bytes, sizeof(bytes) - 1, gives                                        \
    }
    D("\x0a\x0b\x90\x0a\x01x", BASE "x"),
    D("\x0a\x04\x91\x03\x02\x02yz", "34yz"),
    D("\x0a\x00", ""),
    D("\x09\x01\x01x", NULL),            /* of another base */
    D("\x0a\x0b\x90\x0b", NULL),         /* more than there is */
    D("\x0a\x01\x91\x0b\x01", NULL),     /* from beyond it */
    D("\x0a\x01\x91\x0a\x01", NULL),     /* from its very end */
    D("\x0a\x02\x01x", NULL),            /* gives less than it says, */
    D("\x0a\x01\x02xy", NULL),           /* more, */
    D("\x0a\x01\x90\x0a", NULL),         /* much more */
    D("\x0a\x02\x02x", NULL),            /* is cut off, */
    D("\x0a\x02\x91\x03", NULL),         /* in a number, too */
    D("\x0a\x01\x01x\x00", NULL),        /* has what is not defined, */
    D("\x0a\x81\x80\x80\x80\x10", NULL), /* is of a file without end */
    D("\x0a", NULL),
    D("", NULL),
};

/* How the difference says what it is one from. */
enum link { TO_BASE, BACK, TO_NOTHING, TO_ITSELF, TOO_FAR, NOWHERE };

struct forged {
    struct gb_packed base, made;
    uint8_t names[2][GB_OID_BYTES];
    struct gb_buf pack;
};

static void
put_object(struct forged *f, struct gb_packed *o, unsigned type,
           struct gb_span link, struct gb_span raw)
{
    struct gb_fail fail = {0};
    o->at = f->pack.len;
    gb_packed_head_write(&f->pack, type, raw.len);
    gb_buf_span(&f->pack, link);
    must(gb_packed_stream(&f->pack, raw, false, &fail), &fail);
    o->crc = gb_crc32(GB_SPAN(f->pack.ptr + o->at, f->pack.len - o->at));
}

/* A pack of BASE, and a difference, which is called 255. */
static struct gb_odb *
forge(struct world *w, struct gb_span delta, enum link to)
{
    struct gb_fail fail = {0};
    struct gb_odb *s;
    struct forged f = {.names = {{0}, {255}}};
    const uint8_t none[GB_OID_BYTES] = {3};
    const struct gb_span links[] = {
        [TO_BASE] = GB_SPAN(f.names[0], GB_OID_BYTES),
        [BACK] = GB_SPAN("\x16", 1), /* a head, and 10 bytes that are stored */
        [TO_NOTHING] = GB_SPAN(none, GB_OID_BYTES),
        [TO_ITSELF] = GB_SPAN(f.names[1], GB_OID_BYTES),
        [TOO_FAR] = GB_SPAN("\x7f", 1),
        [NOWHERE] = GB_SPAN("", 1)};
    git_oid name;
    struct gb_packed *const objects[] = {&f.base, &f.made};
    gb_buf_init(&f.pack, 4096);
    gb_buf_text(&f.pack, "PACK");
    gb_buf_u32(&f.pack, 2);
    gb_buf_u32(&f.pack, 2);
    gb_git_hash(&name, GIT_OBJECT_BLOB, gb_span_text(BASE));
    memcpy(f.names[0], name.id, GB_OID_BYTES);
    f.base.oid = f.names[0];
    f.made.oid = f.names[1];
    put_object(&f, &f.base, GIT_OBJECT_BLOB, GB_SPAN(NULL, 0),
               gb_span_text(BASE));
    put_object(&f, &f.made, links[to].len == 1 ? GB_PACKED_OFS : GB_PACKED_REF,
               links[to], delta);
    uint8_t sum[GB_OID_BYTES];
    gb_sha1(sum, gb_buf_view(&f.pack));
    gb_buf_add(&f.pack, sum, sizeof sum);
    put(w, "ledger.git/objects/pack/pack-x.pack", gb_buf_view(&f.pack));
    gb_buf_release(&f.pack);
    assert_int_equal(sh(w, "rm -f ledger.git/objects/pack/pack-x.idx"), 0);
    must(gb_idx_write(w->l, "pack-x", objects, 2, sum, &fail), &fail);
    must(gb_odb_open(&s, w->l, "pack-x", &fail), &fail);
    return s;
}

static void
expect_difference(struct world *w, struct gb_span delta, enum link to,
                  const char *gives)
{
    struct gb_fail fail = {0};
    struct gb_span bytes;
    git_object_t type;
    struct gb_odb *s = forge(w, delta, to);
    git_oid oid = {{255}};
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(gb_odb_read(s, &oid, &type, &bytes, &fail),
                         to == TO_ITSELF ? GB_E_LEDGER : GB_OK);
        assert_int_equal(bytes.ptr != NULL, gives != NULL);
        if (gives)
            assert_true(gb_span_equal(bytes, gb_span_text(gives)));
    }
    gb_odb_free(s);
    /* And its name is a lie. */
    assert_int_equal(gb_ledger_verify_packs(w->l, &fail), GB_E_LEDGER);
    if (gives)
        assert_non_null(strstr(fail.text, "not what its name says"));
}

static void
differences(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_difference(w, GB_SPAN(cases[i].bytes, cases[i].len), TO_BASE,
                          cases[i].gives);
    for (enum link to = BACK; to <= NOWHERE; to++)
        expect_difference(w, GB_SPAN(cases[0].bytes, cases[0].len), to,
                          to == BACK ? cases[0].gives : NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(all_is_there), T(packs_disappear),
                                       T(many_objects), T(crowded_names),
                                       T(differences)};
    return cmocka_run_group_tests_name("hub_ledger_odb", tests, NULL, NULL);
}
