/* hub_office.c - an office beside another: its lock, its packs, its tree */
#include "hub_office_fixture.h"

#include <sys/stat.h>

#include "hub/tree_files.h"
#include "support/alloc.h"

/* An office, and another process's on the same folder. */
struct scene {
    struct office w;
    struct gb_office *other;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    make_office(&s->w);
    GOOD(gb_office_open(s->w.path, "other", &s->other, &why));
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;
    gb_office_close(s->other);
    end_office(&s->w);
    free(s);
    return 0;
}

/* A device of the site, whose keys are made from the number. */
static void
add_device(struct gb_office *o, int number)
{
    struct gb_buf b;
    uint8_t seed[32];
    struct gb_sign_key key;
    memset(seed, number, sizeof seed);
    gb_sign_key_from_seed(&key, seed);
    struct gb_span public_key = GB_SPAN(key.public_key.bytes, 32);
    gb_buf_init(&b, 256);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("handheld"));
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, public_key);
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY, public_key);
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(o, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* One more entry of the ledger, by the other process. */
static void
add_entry(struct scene *s, int number)
{
    add_device(s->other, number);
}

/* Taking the lock fails anywhere on the way to what the other process did: the
 * next one who takes it sees all of it. */
static void
test_failed_lock(void **state)
{
    struct scene *s = *state;
    struct gb_office *o = s->w.hub;
    bool failed = true;
    size_t n = 0;
    for (; failed; n++) {
        add_entry(s, (int)n + 1);
        alloc_fail_once(n);
        enum gb_err e = gb_office_lock(o, &why);
        failed = alloc_was_failed();
        alloc_fail_never();
        if (!e)
            gb_office_unlock(o);
        GOOD(gb_office_lock(o, &why));
        assert_int_equal(gb_state_size(o->state),
                         gb_state_size(s->other->state));
        assert_non_null(gb_state_tables(o->state));
        gb_office_unlock(o);
    }
    assert_true(n > 10);
}

/* ----------------------------------------------------- packs that stay -- */

static unsigned heard;
static char said[1024];

static void
hear(void *context, const char *line)
{
    assert_ptr_equal(context, &heard);
    heard++;
    snprintf(said, sizeof said, "%s", line);
}

/* Turn a bit of a pack's last object, and turn it back: the commit, which the
 * next batch reads, is the first. */
static void
flip_last(const char *path)
{
    chmod(path, 0600);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -22, SEEK_END), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -22, SEEK_END), 0);
    fputc(c ^ 1, f);
    fclose(f);
}

/* The path of the pack that the last entry came in. */
static void
find_pack(struct scene *s, const struct gb_names *before, char *out, size_t n)
{
    struct gb_names now = {0};
    char folder[200];
    snprintf(folder, sizeof folder, "%s/ledger.git/objects/pack", s->w.path);
    GOOD(gb_file_list(folder, &now, &why));
    for (size_t i = 0; i < now.count; i++) {
        bool old = !strstr(now.list[i], ".pack");
        for (size_t k = 0; k < before->count && !old; k++)
            old = !strcmp(before->list[k], now.list[i]);
        if (!old)
            snprintf(out, n, "%s/%s", folder, now.list[i]);
    }
    gb_names_release(&now);
}

static size_t
small_packs(const struct scene *s)
{
    char path[160];
    size_t n;
    snprintf(path, sizeof path, "%s/ledger.git", s->w.path);
    GOOD(gb_ledger_small_packs(path, &n, &why));
    return n;
}

/* A damaged pack cannot be merged: batches go on, the packs become more, and
 * whoever runs the hub hears of it, once each time that it begins. */
static void
test_packs_stay(void **state)
{
    struct scene *s = *state;
    struct gb_names before = {0};
    char folder[200], pack[300] = "";
    int number = 1;
    s->other->log = hear;
    s->other->log_context = &heard;
    heard = 0;
    add_entry(s, number++);
    snprintf(folder, sizeof folder, "%s/ledger.git/objects/pack", s->w.path);
    GOOD(gb_file_list(folder, &before, &why));
    add_entry(s, number++);
    find_pack(s, &before, pack, sizeof pack);
    gb_names_release(&before);
    flip_last(pack);
    while (small_packs(s) <= GB_LEDGER_PACKS_MAX)
        add_entry(s, number++);
    assert_int_equal(heard, 1);
    assert_non_null(strstr(said, "cannot be merged"));
    add_entry(s, number++);
    add_entry(s, number++);
    assert_int_equal(heard, 1);
    assert_int_equal(small_packs(s), GB_LEDGER_PACKS_MAX + 3);
    flip_last(pack);
    add_entry(s, number++);
    assert_true(small_packs(s) <= GB_LEDGER_PACKS_MAX);
    assert_int_equal(heard, 1);
}

/* A shell command, of the hub's packs. */
static void
in_packs(const struct scene *s, const char *command)
{
    char line[900];
    snprintf(line, sizeof line, "cd '%s/ledger.git/objects/pack' && %s",
             s->w.path, command);
    assert_int_equal(system(line), 0);
}

/* Neither who has the hub open goes on, nor who opens it anew. */
static void
assert_missed(struct scene *s, const char *name)
{
    struct gb_office *o;
    for (int i = 0; i < 2; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(gb_office_lock(s->other, &fail), GB_E_LEDGER);
        assert_non_null(strstr(fail.text, name));
        assert_non_null(strstr(fail.text, "from a backup"));
        fail = (struct gb_fail){0};
        assert_int_equal(gb_office_open(s->w.path, "new", &o, &fail),
                         GB_E_LEDGER);
        assert_non_null(strstr(fail.text, name));
    }
}

static void
assert_opens(struct scene *s)
{
    struct gb_office *o;
    GOOD(gb_office_open(s->w.path, "new", &o, &why));
    gb_office_close(o);
    GOOD(gb_office_lock(s->other, &why));
    gb_office_unlock(s->other);
}

/* A pack in the middle of the history is lost, or its index: it is missed, and
 * all is well once it is back. */
static void
test_lost_pack(void **state)
{
    static const char *const ends[] = {".pack", ".idx"};
    struct scene *s = *state;
    struct gb_names before = {0};
    char folder[200], pack[300] = "", command[200];
    snprintf(folder, sizeof folder, "%s/ledger.git/objects/pack", s->w.path);
    GOOD(gb_file_list(folder, &before, &why));
    add_entry(s, 1);
    find_pack(s, &before, pack, sizeof pack);
    gb_names_release(&before);
    add_entry(s, 2);
    char *name = strrchr(pack, '/') + 1;
    *strrchr(name, '.') = 0;
    in_packs(s, "cp -R . ../../saved");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(command, sizeof command, "rm %s%s", name, ends[i]);
        in_packs(s, command);
        assert_missed(s, name);
        in_packs(s, "cp -n ../../saved/* .");
        assert_opens(s);
    }
}

/* Merged by one that was killed before it noted that, or by git: nothing is
 * lost, and what came of it is missed in its turn. */
static void
test_packs_merged_unnoted(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 3; i++)
        add_entry(s, i + 1);
    GOOD(gb_ledger_consolidate(s->other->ledger, 0, &why));
    assert_opens(s);
    in_packs(s, "git -C ../.. repack -adq 2>&1");
    assert_opens(s);
    add_entry(s, 4);
    in_packs(s, "rm $(ls -S *.pack | head -n 1)");
    assert_missed(s, "pack-");
}

/* ---------------------------------------------- what the tree says of the site
 */

static enum gb_err
compare(void *context, const char *path, struct gb_span bytes,
        struct gb_fail *fail)
{
    struct gb_office *o = context;
    struct gb_buf is;
    gb_buf_init(&is, GB_LEDGER_FILE_MAX);
    enum gb_err e = gb_ledger_read(o->ledger, path, &is, fail);
    if (!e && !gb_span_equal(gb_buf_view(&is), bytes))
        e = gb_fail_set(fail, GB_E_LEDGER, "%s is not up to date", path);
    gb_buf_release(&is);
    return e;
}

static void
check_tree(struct gb_office *o)
{
    GOOD(gb_tree_files(o->state, compare, o, &why));
}

static enum gb_err
count_one(void *context, const struct gb_ledger_change *c, struct gb_fail *fail)
{
    size_t *n = context;
    (void)c;
    (void)fail;
    ++*n;
    return GB_OK;
}

/* A record: an operation that is not the site's.  Returns how many files its
 * commit has. */
static size_t
add_record(struct gb_office *o)
{
    struct gb_written name = {.column = 0,
                              .value = gb_value_text(gb_span_text("x"))};
    struct gb_op op = {
        .kind = GB_INSERT, .table = TABLE_STAFF, .values = &name, .nvalues = 1};
    struct gb_ledger_tip tip;
    size_t n = 0;
    op.id = 100 + (int64_t)gb_state_size(o->state);
    GOOD(gb_office_own(o, &op, 1, 0, &why));
    GOOD(gb_ledger_tip(o->ledger, &tip, &why));
    GOOD(gb_ledger_changes(o->ledger, &tip.oid, count_one, &n, &why));
    return n;
}

static void
add_schema(struct gb_office *o)
{
    struct gb_schema_file files[2] = {
        {"r.sql", gb_span_text(office_schema)},
        {"z.sql", gb_span_text("CREATE TABLE z(id INTEGER PRIMARY KEY, a TEXT) "
                               "STRICT;\n")}};
    struct gb_buf pack, b;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    gb_buf_init(&b, GB_SCHEMA_MAX + 100);
    GOOD(gb_schema_pack(files, 2, &pack, &why));
    gb_tlv_number(&b, GB_SCHEMA_VERSION, 2);
    gb_tlv_put(&b, GB_SCHEMA_TEXT, gb_buf_view(&pack));
    struct gb_op op = {.kind = GB_SCHEMA, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(o, &op, 1, 0, &why));
    gb_buf_release(&pack);
    gb_buf_release(&b);
}

/* The tree is compared with the state in the first batch, then only when an
 * operation of the site came: what was changed behind the office's back shows
 * which. */
static void
test_tree_follows(void **state)
{
    struct scene *s = *state;
    struct gb_office *o = s->w.hub;
    add_device(o, 1);
    check_tree(o);
    assert_int_equal(add_record(o), 3); /* the set, its signature, the batch */
    GOOD(gb_db_exec(gb_state_db(o->state),
                    "UPDATE _device SET since = since + 5000 WHERE number = 1",
                    &why));
    assert_int_equal(add_record(o), 3);
    assert_int_equal(gb_tree_files(o->state, compare, o, &why), GB_E_LEDGER);
    add_device(o, 2);
    check_tree(o);
    add_schema(o);
    check_tree(o);
    GOOD(gb_db_exec(gb_state_db(o->state),
                    "UPDATE _device SET since = since + 5000 WHERE number = 1",
                    &why));
    assert_int_equal(add_record(s->other), 4); /* its first */
    check_tree(o);
    assert_int_equal(add_record(o), 3);
}

static void
copy(struct scene *s, const char *from, const char *to)
{
    char path[2][200];
    struct gb_buf b;
    snprintf(path[0], sizeof path[0], "%s/%s", s->w.path, from);
    snprintf(path[1], sizeof path[1], "%s/%s", s->w.path, to);
    gb_buf_init(&b, (size_t)64 << 20);
    GOOD(gb_file_read(path[0], &b, &why));
    GOOD(gb_file_write(path[1], gb_buf_view(&b), 0600, &why));
    gb_buf_release(&b);
}

static void
close_all(struct scene *s)
{
    gb_state_close(s->w.reader);
    gb_office_close(s->other);
    gb_office_close(s->w.hub);
    s->w.reader = NULL;
    s->other = s->w.hub = NULL;
}

/* A crash behind the commit point: the ledger has what hub.db has not. */
static void
test_tree_after_recovery(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 2; i++) {
        close_all(s);
        copy(s, "hub.db", "old");
        GOOD(gb_office_open(s->w.path, "test", &s->w.hub, &why));
        if (i)
            add_schema(s->w.hub);
        else
            add_device(s->w.hub, 1);
        close_all(s);
        copy(s, "old", "hub.db");
        GOOD(gb_office_open(s->w.path, "test", &s->w.hub, &why));
        check_tree(s->w.hub);
        assert_int_equal(add_record(s->w.hub), 3);
        add_device(s->w.hub, 2 + i);
        check_tree(s->w.hub);
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_failed_lock),  TEST(test_packs_stay),
        TEST(test_lost_pack),    TEST(test_packs_merged_unnoted),
        TEST(test_tree_follows), TEST(test_tree_after_recovery),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
