/* hub_ledger_packs.c - hub/ledger.h: merging packs, and packs and indexes
 * that are damaged or forged. */
#include "engine/deflate.h"
#include "hub_ledger_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "hub/git_ledger.h"
#include "hub/git_plan.h"

/* -------------------------------------------------------------- plan -- */

static void
plans(void **state)
{
    (void)state;
    static const struct {
        uint64_t objects[6];
        size_t n, merge;
    } cases[] = {
        {{0}, 0, 0},
        {{5}, 1, 0},
        {{1, 1}, 2, 2},
        {{1, 2}, 2, 0}, /* twice as large: leave them */
        {{1, 1, 2}, 3, 3},
        {{1, 1, 4}, 3, 2},
        {{1, 1, 1, 5}, 4, 4}, /* the sum draws it in */
        {{1, 1, 1, 6, 12}, 5, 3},
        {{1, 1, 1, 6, 11}, 5, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gb_pack_plan(cases[i].objects, cases[i].n),
                         cases[i].merge);
}

struct planned {
    uint64_t objects, size;
};

static int
rising(const void *a, const void *b)
{
    const struct planned *x = a, *y = b;
    return x->objects < y->objects ? -1 : x->objects > y->objects;
}

/* Ten years of 3,000 batches, of numbers of objects and sizes that vary a
 * hundredfold. */
static void
ten_years(void **state)
{
    (void)state;
    static struct planned packs[GB_LEDGER_PACKS_MAX + 1];
    uint64_t objects[GB_LEDGER_PACKS_MAX + 1];
    uint64_t seed = 20261123, written = 0, rewritten = 0;
    size_t n = 0, full = 0;
    for (size_t batch = 0; batch < 30000; batch++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        packs[n] = (struct planned){.objects = 6 + (seed >> 20) % 600,
                                    .size = 10000 + (seed >> 33) % 1000000};
        written += packs[n++].size;
        if (n <= GB_LEDGER_PACKS_MAX)
            continue;
        qsort(packs, n, sizeof *packs, rising);
        for (size_t i = 0; i < n; i++)
            objects[i] = packs[i].objects;
        size_t merge = gb_pack_plan(objects, n);
        assert_true(merge > 1);
        struct planned sum = {0, 0};
        for (size_t i = 0; i < merge; i++) {
            sum.objects += packs[i].objects;
            sum.size += packs[i].size;
        }
        /* What is written again grows by half at the least. */
        assert_true(objects[merge - 1] * 3 <= sum.objects * 2);
        assert_true(sum.size < 3 * GB_PACK_FULL);
        rewritten += sum.size;
        memmove(packs, packs + merge, (n - merge) * sizeof *packs);
        n -= merge;
        if (sum.size < GB_PACK_FULL)
            packs[n++] = sum;
        else
            full++;
        assert_true(n < 12);
    }
    assert_true(full < 30);
    assert_true(written > 14 * GB_PACK_FULL);
    assert_true(rewritten < 8 * written);
}

static void
check_sha1(void)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t sum[GB_OID_BYTES];
        char hex[41];
        gb_sha1(sum, gb_span_text(cases[i].text));
        gb_hex_encode(hex, sum, sizeof sum);
        assert_string_equal(hex, cases[i].hex);
    }
    static uint8_t million[1000000];
    uint8_t sum[GB_OID_BYTES];
    char hex[41];
    struct gb_sha1 pieces;
    memset(million, 'a', sizeof million);
    gb_sha1(sum, GB_SPAN(million, sizeof million));
    gb_hex_encode(hex, sum, sizeof sum);
    assert_string_equal(hex, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    /* The same in pieces of all lengths. */
    gb_sha1_init(&pieces);
    for (size_t at = 0, n; at < sizeof million; at += n) {
        n = at * 7 % 200 + 1;
        n = n < sizeof million - at ? n : sizeof million - at;
        gb_sha1_add(&pieces, GB_SPAN(million + at, n));
    }
    gb_sha1_final(&pieces, sum);
    gb_hex_encode(hex, sum, sizeof sum);
    assert_string_equal(hex, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void
sha1_of_the_standard(void **state)
{
    (void)state;
    check_sha1();
    gb_sha1_way = 1;
    check_sha1();
    gb_sha1_way = 0;
}

/* ----------------------------------------------------------- merging -- */

static void
packs_stay_few(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *reader;
    const size_t limit = 8, batches = 200;
    commit_batch(w, 1);
    must(gb_ledger_open(&reader, w->path, GB_LEDGER_READ, &fail), &fail);
    for (size_t i = 1; i < batches; i++) {
        commit_batch(w, 1 + i % 3);
        must(gb_ledger_consolidate(w->l, limit, &fail), &fail);
        assert_true(packs(w) <= limit);
        if (i % 50 == 0) /* sees what it had open disappear */
            nothing_lost(w, reader, i + 1);
    }
    nothing_lost(w, w->l, batches);
    nothing_lost(w, reader, batches);
    gb_ledger_close(reader);
    assert_int_equal(sh(w, "git fsck --strict --unreachable"), 0);
    assert_string_equal(slurp(w, "out"), "");
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
    reopen(w);
    nothing_lost(w, w->l, batches);
}

static void
a_kept_pack_is_left_alone(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    commit_batch(w, 1);
    assert_int_equal(sh(w, "cd ledger.git/objects/pack && p=$(ls *.pack) && "
                           "touch ${p%%.pack}.keep && cp $p ../../../kept && "
                           "echo $p >../../../name"),
                     0);
    for (size_t i = 0; i < 4; i++)
        commit_batch(w, 1);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    assert_int_equal(packs(w), 2);
    assert_int_equal(sh(w, "cmp kept ledger.git/objects/pack/$(cat name)"), 0);
    nothing_lost(w, w->l, 5);
    fsck(w);
}

/* All that a crash in a merge can leave: any of the old packs, or parts of
 * one, beside the new one. */
static void
a_crash_while_merging(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    static const char *const left[] = {
        "cp old/* $p",                            /* all of them */
        "cp $(ls old/*.pack | head -3) $p",       /* without an index */
        "cp $(ls old/*.idx | head -3) $p",        /* without the pack */
        "for i in $(ls old/*.idx | head -2); do " /* two of them */
        "cp $i ${i%%.idx}.pack $p; done"};
    size_t batches = 0;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        for (size_t k = 0; k < 5; k++, batches++)
            commit_batch(w, 2);
        assert_int_equal(
            sh(w, "rm -rf old && cp -r ledger.git/objects/pack old"), 0);
        size_t before = packs(w);
        must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
        assert_true(packs(w) < before && packs(w) <= 4);
        assert_int_equal(sh(w,
                            "p=ledger.git/objects/pack; chmod -R u+w $p\n"
                            "%s",
                            left[i]),
                         0);
        nothing_lost(w, w->l, batches);
        reopen(w);
        nothing_lost(w, w->l, batches);
        fsck(w);
        must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
        assert_true(packs(w) <= 4);
        nothing_lost(w, w->l, batches);
        fsck(w);
    }
}

/* An operator's own gc does no harm. */
static void
after_git_gc(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *reader;
    for (size_t i = 0; i < 5; i++)
        commit_batch(w, 1);
    assert_int_equal(sh(w, "git gc -q && git pack-refs --all"), 0);
    nothing_lost(w, w->l, 5);
    commit_batch(w, 1);
    reopen(w);
    commit_batch(w, 1);
    nothing_lost(w, w->l, 7);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
    /* libgit2 would believe this file unchecked. */
    assert_int_equal(sh(w, "git multi-pack-index write"), 0);
    assert_int_equal(gb_ledger_open(&reader, w->path, GB_LEDGER_READ, &fail),
                     GB_E_MISSING);
    reopen(w);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    nothing_lost(w, w->l, 7);
    fsck(w);
}

/* ------------------------------------------------------------ damage -- */

/* The one index (or pack) of the ledger, as bytes to change. */
struct target {
    char path[400];
    uint8_t bytes[8192];
    size_t len;
};

static void
find_target(struct world *w, const char *end, struct target *t)
{
    assert_int_equal(sh(w,
                        "chmod -R u+w ledger.git/objects/pack && "
                        "ls ledger.git/objects/pack/*%s",
                        end),
                     0);
    const char *name = slurp(w, "out");
    snprintf(t->path, sizeof t->path, "%s/%.*s", w->dir,
             (int)strcspn(name, "\n"), name);
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, t->bytes, sizeof t->bytes);
    assert_true(n > 0 && (size_t)n < sizeof t->bytes);
    t->len = (size_t)n;
    close(fd);
}

static void
overwrite(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        abort();
    close(fd);
}

/* Flipped bits: the checksum finds every one. */
static void
flipped_bits_of_an_index(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    struct target t;
    commit_batch(w, 2);
    find_target(w, ".idx", &t);
    for (size_t i = 0; i < t.len; i++) {
        uint8_t was = t.bytes[i];
        t.bytes[i] ^= (uint8_t)(1u << i % 8);
        overwrite(t.path, t.bytes, t.len);
        if (gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail) != GB_E_LEDGER)
            fail_msg("byte %zu: was not noticed", i);
        t.bytes[i] = was;
    }
    assert_non_null(strstr(fail.text, "git index-pack"));
    for (size_t len = 0; len < t.len; len += 7) {
        overwrite(t.path, t.bytes, len);
        assert_true(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail) ==
                    (len ? GB_E_LEDGER : GB_E_IO));
    }
    overwrite(t.path, t.bytes, t.len);
    nothing_lost(w, w->l, 1);
}

/* Exit status 0: refused, or read without harm. */
static int
try_forged(struct world *w, struct target *t, size_t at, uint8_t flip)
{
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    size_t files;
    t->bytes[at] ^= flip;
    gb_sha1(t->bytes + t->len - GB_OID_BYTES,
            GB_SPAN(t->bytes, t->len - GB_OID_BYTES));
    overwrite(t->path, t->bytes, t->len);
    t->bytes[at] ^= flip;
    if (gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail) == GB_OK) {
        enum gb_err err = read_all(l, &files, &fail);
        gb_ledger_close(l);
        /* All is there, or what is not is an error. */
        return err || files == 1 + 2 * w->position + 1 ? 0 : 1;
    }
    return 0;
}

extern void __gcov_dump(void) __attribute__((weak));

/* A forged place may lie in the middle of a change set, whose bytes then say
 * how large an object is: libgit2 asks for so much, and is to be told no. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Forged bytes under a good checksum: refused, or harmless.  Each flip runs
 * in a process of its own kind, so that a crash is noticed. */
static void
forged_indexes(void **state)
{
    struct world *w = *state;
    struct target t;
    const size_t step = 32;
    commit_batch(w, 2);
    gb_ledger_close(w->l);
    w->l = NULL;
    find_target(w, ".idx", &t);
    for (size_t from = 0; from < t.len - GB_OID_BYTES; from += step) {
        pid_t pid = fork();
        if (pid == 0) {
            int bad = 0;
            for (size_t i = from;
                 !bad && i < from + step && i < t.len - GB_OID_BYTES; i++)
                bad = try_forged(w, &t, i, (uint8_t)(1u << i % 8)) ||
                      try_forged(w, &t, i, 0xff);
            if (__gcov_dump) /* make cover: what _exit() would lose */
                __gcov_dump();
            _exit(bad);
        }
        int status;
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            fail_msg("bytes from %zu: status %d", from, status);
    }
    gb_sha1(t.bytes + t.len - GB_OID_BYTES,
            GB_SPAN(t.bytes, t.len - GB_OID_BYTES));
    overwrite(t.path, t.bytes, t.len);
    reopen(w);
    nothing_lost(w, w->l, 1);
}

/* An index may tell any place in eight bytes, in a table behind the others: of
 * whole rows, and no more of them than objects. */
static void
places_of_eight_bytes(void **state)
{
    static const size_t more[] = {8, 12, 8 * 100};
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct target t;
    commit_batch(w, 1);
    find_target(w, ".idx", &t);
    size_t end = t.len - 2 * GB_OID_BYTES, n = (end - 8 - 4 * 256) / 28;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct gb_buf b;
        gb_buf_init(&b, t.len + more[i]);
        gb_buf_add(&b, t.bytes, end - 4 * n);
        gb_buf_u32(&b, 0x80000000); /* the first object's: row 0 */
        gb_buf_add(&b, t.bytes + end - 4 * n + 4, 4 * n - 4);
        gb_buf_u32(&b, 0);
        gb_buf_add(&b, t.bytes + end - 4 * n, 4);
        memset(gb_buf_grow(&b, more[i] - 8), 0, more[i] - 8);
        gb_buf_add(&b, t.bytes + end, GB_OID_BYTES);
        uint8_t *sum = gb_buf_grow(&b, GB_OID_BYTES);
        gb_sha1(sum, GB_SPAN(b.ptr, b.len - GB_OID_BYTES));
        overwrite(t.path, b.ptr, b.len);
        gb_buf_release(&b);
        gb_ledger_close(w->l);
        assert_int_equal(gb_ledger_open(&w->l, w->path, GB_LEDGER_WRITE, &fail),
                         i ? GB_E_LEDGER : GB_OK);
        if (i)
            continue;
        nothing_lost(w, w->l, 1);
        must(gb_ledger_verify_packs(w->l, &fail), &fail);
        fsck(w);
    }
}

/* The auditor's check sees every flipped bit of a pack, and an index that
 * fits its pack but was not made from it. */
static void
verify_finds_damage(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct target pack, idx;
    commit_batch(w, 1);
    commit_batch(w, 2);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
    must(gb_ledger_consolidate(w->l, 1, &fail), &fail);
    find_target(w, ".pack", &pack);
    for (size_t i = 0; i < pack.len; i += 5) {
        uint8_t was = pack.bytes[i];
        pack.bytes[i] ^= (uint8_t)(1u << i % 8);
        overwrite(pack.path, pack.bytes, pack.len);
        pack.bytes[i] = was;
        if (gb_ledger_verify_packs(w->l, &fail) != GB_E_LEDGER)
            fail_msg("byte %zu of the pack: was not noticed", i);
    }
    overwrite(pack.path, pack.bytes, pack.len);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);

    find_target(w, ".idx", &idx);
    for (size_t i = 8; i < idx.len - GB_OID_BYTES; i += 13) {
        uint8_t was = idx.bytes[i];
        idx.bytes[i] ^= 1;
        overwrite(idx.path, idx.bytes, idx.len);
        idx.bytes[i] = was;
        assert_int_equal(gb_ledger_verify_packs(w->l, &fail), GB_E_LEDGER);
    }
    overwrite(idx.path, idx.bytes, idx.len);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
}

static uint32_t
u32_at(const uint8_t *p)
{
    struct gb_reader in = gb_reader_of(GB_SPAN(p, 4));
    return gb_read_u32(&in);
}

/* All checksums of a pack and its index made anew (gitformat-pack(5)). */
static void
seal_again(struct target *pack, struct target *idx)
{
    uint32_t n = u32_at(idx->bytes + 8 + 255 * 4);
    uint8_t *crc = idx->bytes + 8 + 1024 + n * GB_OID_BYTES, *at = crc + 4 * n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = u32_at(at + 4 * i);
        uint32_t end = (uint32_t)pack->len - GB_OID_BYTES;
        for (uint32_t k = 0; k < n; k++)
            if (u32_at(at + 4 * k) > from && u32_at(at + 4 * k) < end)
                end = u32_at(at + 4 * k);
        uint32_t sum = gb_crc32(GB_SPAN(pack->bytes + from, end - from));
        for (int k = 0; k < 4; k++)
            crc[4 * i + (uint32_t)k] = (uint8_t)(sum >> (24 - 8 * k));
    }
    uint8_t *sums = idx->bytes + idx->len - 2 * GB_OID_BYTES;
    gb_sha1(pack->bytes + pack->len - GB_OID_BYTES,
            GB_SPAN(pack->bytes, pack->len - GB_OID_BYTES));
    memcpy(sums, pack->bytes + pack->len - GB_OID_BYTES, GB_OID_BYTES);
    gb_sha1(sums + GB_OID_BYTES, GB_SPAN(idx->bytes, idx->len - GB_OID_BYTES));
}

/* Every bit of a pack whose checksums were all made to fit: those of its head,
 * of each object's head and zlib stream, and of what stands in it. */
static void
verify_finds_forged_packs(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    static struct target pack, idx, p, x;
    unsigned unused = 0;
    commit_batch(w, 1);
    find_target(w, ".pack", &pack);
    find_target(w, ".idx", &idx);
    for (size_t i = 0; i < 8 * (pack.len - GB_OID_BYTES); i++) {
        p = pack;
        x = idx;
        p.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        seal_again(&p, &x);
        overwrite(p.path, p.bytes, p.len);
        overwrite(x.path, x.bytes, x.len);
        enum gb_err e = gb_ledger_verify_packs(w->l, &fail);
        if (!e) { /* it fills up a stream, and says nothing */
            reopen(w);
            nothing_lost(w, w->l, 1);
            unused++;
        } else if (e != GB_E_LEDGER) {
            fail_msg("bit %zu of byte %zu: %s", i % 8, i / 8, fail.text);
        }
    }
    assert_true(unused <= 7 * u32_at(pack.bytes + 8)); /* of each object */
    seal_again(&pack, &idx);
    overwrite(pack.path, pack.bytes, pack.len);
    overwrite(idx.path, idx.bytes, idx.len);
    must(gb_ledger_verify_packs(w->l, &fail), &fail);
}

/* Another pack's index, a pack cut short, a damaged object. */
static void
damaged_packs(void **state)
{
    struct world *w = *state;
    struct gb_fail fail = {0};
    struct gb_ledger *l;
    struct target pack;
    size_t files, tried = 0, noticed = 0;
    commit_batch(w, 1);
    find_target(w, ".pack", &pack);
    overwrite(pack.path, pack.bytes, pack.len - 1);
    assert_int_equal(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail),
                     GB_E_LEDGER);
    overwrite(pack.path, pack.bytes, 10);
    assert_int_equal(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail),
                     GB_E_LEDGER);
    for (size_t i = 12; i < pack.len - GB_OID_BYTES; i += 3) {
        uint8_t was = pack.bytes[i];
        pack.bytes[i] ^= (uint8_t)(1u << i % 8);
        overwrite(pack.path, pack.bytes, pack.len);
        pack.bytes[i] = was;
        must(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail), &fail);
        /* Checksums inside zlib's streams are not looked at, as the object's
         * hash says more: then all bytes are right. */
        tried++;
        if (read_all(l, &files, &fail) != GB_OK)
            noticed++;
        else
            assert_int_equal(files, 1 + 2 * w->position + 1);
        gb_ledger_close(l);
    }
    assert_true(noticed > tried * 3 / 4);
    overwrite(pack.path, pack.bytes, pack.len);
    reopen(w);
    commit_batch(w, 1);
    assert_int_equal(sh(w, "cd ledger.git/objects/pack; set -- *.idx; "
                           "chmod u+w *; cp $1 x; cp $2 $1; cp x $2; rm x"),
                     0);
    assert_int_equal(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail),
                     GB_E_LEDGER);
    assert_null(l);
}

/* Nobody waits for what a FIFO might bring. */
static void
fifos_are_no_files(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"refs/heads/main",
                                        "packed-refs",
                                        "config",
                                        "HEAD",
                                        "objects/pack/pack-0.idx",
                                        "objects/pack/pack-0.pack"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gb_fail fail = {0};
        struct gb_ledger *l;
        assert_int_equal(sh(w,
                            "cp -R ledger.git old && cd ledger.git && "
                            "touch objects/pack/pack-0.pack && "
                            "cp config objects/pack/pack-0.idx && "
                            "rm -f %s && mkfifo %s",
                            names[i], names[i]),
                         0);
        alarm(10);
        assert_int_not_equal(gb_ledger_open(&l, w->path, GB_LEDGER_READ, &fail),
                             GB_OK);
        alarm(0);
        assert_non_null(strstr(fail.text, i < 4 ? names[i] : "pack-0.idx: "));
        assert_true(i >= 4 || strstr(fail.text, ": not a file: "));
        assert_int_equal(sh(w, "rm -r ledger.git && mv old ledger.git"), 0);
    }
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),
        cmocka_unit_test(ten_years),
        cmocka_unit_test(sha1_of_the_standard),
        T(packs_stay_few),
        T(a_kept_pack_is_left_alone),
        T(a_crash_while_merging),
        T(after_git_gc),
        T(flipped_bits_of_an_index),
        T(forged_indexes),
        T(places_of_eight_bytes),
        T(verify_finds_damage),
        T(verify_finds_forged_packs),
        T(damaged_packs),
        T(fifos_are_no_files),
    };
    return cmocka_run_group_tests_name("hub_ledger_packs", tests, NULL, NULL);
}
