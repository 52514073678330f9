/* hub_audit_damage.c - hub/audit.h: ledgers that a disk, a cable or a hand
 * without keys has damaged. */
#include "hub_audit_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

#include "support/fault.h"

/* ------------------------------------------------------------- files -- */

static struct gb_buf
read_all(const char *path)
{
    struct gb_buf b;
    gb_buf_init(&b, 64 << 20);
    GOOD(gb_file_read(path, &b, &why));
    return b;
}

static void
write_all(const char *path, struct gb_span bytes)
{
    chmod(path, 0644);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

/* The only file of forged.git's packs that ends like this. */
static void
pack_file(const struct world *w, const char *end, char out[512])
{
    char dir[200];
    snprintf(dir, sizeof dir, "%s/objects/pack", w->forged);
    DIR *d = opendir(dir);
    assert_non_null(d);
    *out = 0;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name), m = strlen(end);
        if (n > m && !strcmp(e->d_name + n - m, end)) {
            assert_int_equal(*out, 0);
            snprintf(out, 512, "%s/%s", dir, e->d_name);
        }
    }
    closedir(d);
    assert_int_not_equal(*out, 0);
}

/* --------------------------------------------------------------- packs -- */

/* Flip bits all over a file; each must be found, none may crash. */
static void
flip_all_over(const struct world *w, const char *end)
{
    char path[512], what[64];
    forge_copy(w, COMMITS);
    pack_file(w, end, path);
    struct gb_buf b = read_all(path);
    size_t step = getenv("GENGBU_FULL") ? 1 : b.len / 150 + 1;
    struct gb_audit_plan plan = {.ledger = w->forged};
    for (size_t at = 0; at < b.len; at += step) {
        b.ptr[at] ^= (uint8_t)(1 << at % 8);
        write_all(path, gb_buf_view(&b));
        snprintf(what, sizeof what, "%s, byte %zu", end, at);
        expect_wrong(&plan, 0, POSITIONS, what);
        b.ptr[at] ^= (uint8_t)(1 << at % 8);
    }
    for (size_t len = 1; len < b.len; len += b.len / 20 + 1) {
        write_all(path, GB_SPAN(b.ptr, len));
        expect_wrong(&plan, 0, POSITIONS, "cut short");
    }
    write_all(path, gb_buf_view(&b));
    struct gb_audit_report r;
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    gb_buf_release(&b);
}

static void
flipped_packs(void **state)
{
    flip_all_over(*state, ".pack");
}

/* What is no file in place of one is damage, and no failure of this machine. */
static void
no_files(void **state)
{
    char path[512], ref[200];
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_copy(w, COMMITS);
    pack_file(w, ".pack", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_wrong(&plan, 0, POSITIONS, "a folder in place of a pack");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(path, path), 0);
    expect_wrong(&plan, 0, POSITIONS, "a loop in place of a pack");
    assert_int_equal(unlink(path), 0);
    forge_copy(w, COMMITS);
    snprintf(ref, sizeof ref, "%s/refs/heads/main", w->forged);
    assert_int_equal(unlink(ref), 0);
    assert_int_equal(symlink(ref, ref), 0);
    expect_wrong(&plan, 0, POSITIONS, "a loop in place of the ref");
}

/* The auditor's own path is no finding. */
static void
paths_that_are_none(void **state)
{
    static char path[5000];
    struct gb_audit_report r;
    struct gb_fail f = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gb_audit_plan plan = {.ledger = path};
        assert_int_equal(gb_audit_run(&plan, &r, &f), GB_E_USAGE);
        assert_int_not_equal(r.verdict, GB_AUDIT_WRONG);
        gb_audit_release(&r);
        memset(path, 'a', 3700);
        path[0] = '/';
    }
}

static void
flipped_indexes(void **state)
{
    flip_all_over(*state, ".idx");
}

/* ------------------------------------------------------------- objects -- */

#define OBJECTS_MAX 256

struct object {
    char hex[2 * GB_OID_BYTES + 1];
    size_t commit;    /* the first one that needs it */
    bool link;        /* is a commit itself */
    size_t at, bytes; /* in the pack */
};

/* The lines of a file that a command made; each is handed to `take`. */
static void
each_line(const struct world *w, const char *name,
          void (*take)(void *, const char *), void *context)
{
    char line[256], path[160];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        take(context, line);
    fclose(f);
}

struct objects {
    struct object list[OBJECTS_MAX];
    size_t n, commit;
};

static void
take_object(void *context, const char *line)
{
    struct objects *o = context;
    assert_true(o->n < OBJECTS_MAX && strlen(line) == 41);
    struct object *new = &o->list[o->n++];
    snprintf(new->hex, sizeof new->hex, "%.40s", line);
    new->commit = o->commit;
}

/* git verify-pack -v: name, type, size, size in the pack, offset */
static void
take_place(void *context, const char *line)
{
    struct objects *o = context;
    unsigned long long size, bytes, at;
    char hex[41], type[16];
    if (sscanf(line, "%40s %15s %llu %llu %llu", hex, type, &size, &bytes,
               &at) != 5)
        return;
    for (size_t i = 0; i < o->n; i++)
        if (!strcmp(o->list[i].hex, hex)) {
            o->list[i].at = (size_t)at;
            o->list[i].bytes = (size_t)bytes;
        }
}

/* All objects in one pack, none as a difference, and which commit brought
 * each. */
static void
list_objects(const struct world *w, struct objects *o)
{
    forge_copy(w, COMMITS);
    assert_int_equal(sh(w, "git --git-dir=forged.git repack -adfq --depth=0 "
                           "--window=0 && >seen && git --git-dir=forged.git "
                           "verify-pack -v forged.git/objects/pack/*.idx "
                           ">places"),
                     0);
    for (o->commit = 0; o->commit < COMMITS; o->commit++) {
        char hex[2 * GB_OID_BYTES + 1];
        size_t first = o->n;
        gb_hex_encode(hex, w->log.commits[o->commit].bytes, GB_OID_BYTES);
        assert_int_equal(sh(w,
                            "git --git-dir=forged.git rev-list --objects "
                            "--max-count=1 %s | cut -c-40 >now; "
                            "grep -vxFf seen now >new; cat new >>seen",
                            hex),
                         0);
        each_line(w, "new", take_object, o);
        for (size_t i = first; i < o->n; i++)
            o->list[i].link = !strcmp(o->list[i].hex, hex);
    }
    each_line(w, "places", take_place, o);
}

/* Where damage to an object must be found. */
static void
expect_at(const struct world *w, const struct object *o, size_t byte)
{
    struct forgery f;
    uint64_t from, to;
    char what[128];
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_begin(w, &f, o->commit);
    forge_range(&f, &from, &to);
    forge_end(&f);
    /* The tip has nobody behind it that tells its positions. */
    if (o->link && o->commit == COMMITS - 1)
        from = to = 0;
    snprintf(what, sizeof what, "%s byte %zu", o->hex, byte);
    expect_wrong(&plan, from, to, what);
}

/* Every object of the ledger damaged in its pack. */
static void
every_object(void **state)
{
    struct world *w = *state;
    static struct objects o;
    char path[512];
    o.n = 0;
    list_objects(w, &o);
    assert_true(o.n > 4 * COMMITS);
    pack_file(w, ".pack", path);
    struct gb_buf b = read_all(path);
    for (size_t i = 0; i < o.n; i++) {
        const struct object *x = &o.list[i];
        assert_true(x->bytes > 12);
        /* behind the two bytes of zlib, in the middle, in the checksum */
        size_t at[] = {x->at + 5, x->at + x->bytes / 2, x->at + x->bytes - 1};
        for (size_t k = 0; k < 3; k++) {
            b.ptr[at[k]] ^= 0x15;
            write_all(path, gb_buf_view(&b));
            expect_at(w, x, at[k]);
            b.ptr[at[k]] ^= 0x15;
        }
    }
    gb_buf_release(&b);
}

/* Loose objects, as a fetch leaves them: gone, cut short, flipped, another's.
 * libgit2 reads one that is cut short for ever, so none may get there. */
static void
loose_objects(void **state)
{
    struct world *w = *state;
    static struct objects o;
    char path[512], other[512];
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->forged};
    o.n = 0;
    list_objects(w, &o);
    assert_int_equal(sh(w, "mv forged.git/objects/pack/*.pack p && rm -f "
                           "forged.git/objects/pack/* && git --git-dir="
                           "forged.git unpack-objects -q <p"),
                     0);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    for (size_t i = 0; i < o.n; i++) {
        const char *x = o.list[i].hex, *y = o.list[(i + 1) % o.n].hex;
        snprintf(path, sizeof path, "%s/objects/%.2s/%s", w->forged, x, x + 2);
        snprintf(other, sizeof other, "%s/objects/%.2s/%s", w->forged, y,
                 y + 2);
        struct gb_buf b = read_all(path), strange = read_all(other);
        write_all(path, gb_buf_view(&strange));
        expect_wrong(&plan, 0, POSITIONS, "another's");
        for (size_t len = 0; len < b.len; len += b.len / 3 + 1) {
            write_all(path, GB_SPAN(b.ptr, len));
            expect_wrong(&plan, 0, POSITIONS, "cut short");
        }
        b.ptr[b.len / 2] ^= 0x10;
        write_all(path, gb_buf_view(&b));
        expect_wrong(&plan, 0, POSITIONS, "flipped");
        b.ptr[b.len / 2] ^= 0x10;
        assert_int_equal(unlink(path), 0);
        expect_wrong(&plan, 0, POSITIONS, "gone");
        assert_int_equal(mkfifo(path, 0600), 0);
        alarm(10);
        expect_wrong(&plan, 0, POSITIONS, "a FIFO");
        alarm(0);
        assert_int_equal(unlink(path), 0);
        write_all(path, gb_buf_view(&b));
        gb_buf_release(&b);
        gb_buf_release(&strange);
    }
    expect_ok(&plan, &r);
    gb_audit_release(&r);
}

/* ------------------------------------------------------------- the ref -- */

static void
the_ref(void **state)
{
    struct world *w = *state;
    static const char *const texts[] = {
        "", "main\n", "0000000000000000000000000000000000000000\n",
        "1111111111111111111111111111111111111111\n", "ref: refs/heads/main\n"};
    char path[200];
    struct gb_audit_plan plan = {.ledger = w->forged};
    forge_copy(w, COMMITS);
    snprintf(path, sizeof path, "%s/refs/heads/main", w->forged);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_all(path, gb_span_text(texts[i]));
        expect_wrong(&plan, 0, 1, texts[i]);
    }
}

/* ----------------------------------------------- a log that breaks off -- */

/* The last commit is of this time and says this (NULL, 0: as it is), and the
 * one before it, position 10, is gone: which positions are meant is told by
 * the folders, as far as they are looked through. */
#define ROOT                                                                   \
    "0000000000000000000000000000000000000000000000000000000000000000\n"

static const struct {
    int64_t time_s;
    const char *message;
    uint64_t from, to;
} broken[] = {
    {0, NULL, 10, 10},
    {NOON + 86400, NULL, 10, 10},
    {NOON + 9 * 86400, NULL, 1, 10},
    {1000, NULL, 1, 10},
    {INT64_C(253402300800), NULL, 0, 0},
    {0, "no batch\n", 0, 0},
    {0, "batch 999..999\n\nTree-Head: 1 999 " ROOT, 1, 998},
    {0, "batch 1..2\n\nTree-Head: 1 2 " ROOT, 0, 0},
};

static void
a_broken_log(void **state)
{
    struct world *w = *state;
    struct gb_audit_plan plan = {.ledger = w->forged};
    char hex[2 * GB_OID_BYTES + 1];
    gb_hex_encode(hex, w->log.commits[COMMITS - 2].bytes, GB_OID_BYTES);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct gb_audit_report r;
        struct gb_fail fail = {0};
        struct forgery f;
        forge_begin(w, &f, COMMITS - 1);
        forge_copy(w, COMMITS - 1);
        if (broken[i].time_s)
            f.time_s = broken[i].time_s;
        if (broken[i].message)
            snprintf(f.message, sizeof f.message, "%s", broken[i].message);
        forge_commit(w, &f);
        forge_end(&f);
        assert_int_equal(
            sh(w,
               "cd forged.git && mv objects/pack packs && mkdir objects/pack &&"
               " for p in packs/*.pack; do git unpack-objects -q <$p; done &&"
               " rm objects/%.2s/%s",
               hex, hex + 2),
            0);
        assert_int_equal(gb_audit_run(&plan, &r, &fail), GB_E_LEDGER);
        assert_int_equal(r.verdict, GB_AUDIT_WRONG);
        assert_int_equal(r.position, broken[i].from);
        assert_int_equal(r.position_last, broken[i].to);
        gb_audit_release(&r);
    }
}

/* What an auditor gets by cloning is as good as the hub's own folder. */
static void
a_clone(void **state)
{
    struct world *w = *state;
    struct gb_audit_report r;
    struct gb_audit_plan plan = {.ledger = w->forged};
    assert_int_equal(sh(w, "git clone -q --bare --no-local hub/ledger.git "
                           "forged.git"),
                     0);
    expect_ok(&plan, &r);
    assert_int_equal(r.sets, POSITIONS);
    gb_audit_release(&r);
    assert_int_equal(sh(w, "git --git-dir=forged.git gc -q --prune=now"), 0);
    expect_ok(&plan, &r);
    gb_audit_release(&r);
    /* nor is anything read that its config names */
    assert_int_equal(sh(w, "mkfifo forged.git/f && git --git-dir=forged.git "
                           "config include.path f"),
                     0);
    alarm(30);
    expect_ok(&plan, &r);
    alarm(0);
    gb_audit_release(&r);
    assert_int_equal(sh(w, "rm forged.git/config forged.git/f"), 0);
    /* what the auditor's own maintenance makes accuses nobody */
    struct gb_fail fail = {0};
    assert_int_equal(sh(w, "git --git-dir=forged.git multi-pack-index write"),
                     0);
    assert_int_equal(gb_audit_run(&plan, &r, &fail), GB_E_MISSING);
    assert_int_equal(r.verdict, GB_AUDIT_UNCHECKED);
    gb_audit_release(&r);
}

/* ------------------------------------------- the auditor's own machine -- */

struct job {
    struct world *w;
    enum gb_audit_verdict verdict;
};

static enum gb_err
audit(void *arg, struct gb_fail *fail)
{
    struct job *job = arg;
    struct gb_head head = gb_state_head(job->w->hub->state);
    struct gb_audit_plan plan = {.ledger = job->w->ledger, .head = &head};
    struct gb_audit_report r;
    struct gb_buf out;
    enum gb_err e = gb_audit_run(&plan, &r, fail);
    job->verdict = r.verdict;
    gb_buf_init(&out, 1 << 20);
    if (!e)
        e = gb_audit_show(&plan, &r, fail, &out, fail);
    if (!e)
        e = gb_audit_json(&plan, &r, fail, &out, fail);
    gb_buf_release(&out);
    gb_audit_release(&r);
    return e;
}

/* It is told, and nobody is accused of it. */
static void
nobody_is_accused(void *arg, enum gb_err err, enum fault failed)
{
    const struct job *job = arg;
    fault_told_or_harmless(NULL, err, failed);
    if (job->verdict == GB_AUDIT_WRONG)
        fault_blame(err, failed);
}

/* Whatever fails: memory, the disk, a library. */
static void
what_fails_is_no_finding(void **state)
{
    struct job job = {.w = *state};
    deliver(job.w, &(struct plan){.device = 1, .seq = 1, .parent = {2, 1, 1}},
            1);
    deliver(job.w, &(struct plan){.device = 1, .flip = 128}, 1);
    assert_true(fault_sweep(FAULT_ANY, audit, nobody_is_accused, &job) > 200);
    assert_int_equal(job.verdict, GB_AUDIT_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(flipped_packs),
        TEST(flipped_indexes),
        TEST(every_object),
        TEST(loose_objects),
        TEST(the_ref),
        TEST(no_files),
        TEST(paths_that_are_none),
        TEST(what_fails_is_no_finding),
        TEST(a_clone),
        TEST(a_broken_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
