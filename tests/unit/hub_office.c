/* hub_office.c - the office's lock: up to date, or not taken */
#include "hub_office_fixture.h"

#include <sys/stat.h>

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

/* One more entry of the ledger, by the other process. */
static void
add_entry(struct scene *s, int number)
{
    struct gb_buf b;
    gb_buf_init(&b, 256);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("handheld"));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(s->other, &op, 1, 0, &why));
    gb_buf_release(&b);
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

/* ------------------------------------------------------- packs that stay --
 */

static unsigned heard;
static char said[1024];

static void
hear(void *context, const char *line)
{
    assert_ptr_equal(context, &heard);
    heard++;
    snprintf(said, sizeof said, "%s", line);
}

/* Turn a bit of a file, and turn it back. */
static void
flip(const char *path, long at)
{
    chmod(path, 0600);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
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
    flip(pack, 20);
    while (small_packs(s) <= GB_LEDGER_PACKS_MAX)
        add_entry(s, number++);
    assert_int_equal(heard, 1);
    assert_non_null(strstr(said, "cannot be merged"));
    add_entry(s, number++);
    add_entry(s, number++);
    assert_int_equal(heard, 1);
    assert_int_equal(small_packs(s), GB_LEDGER_PACKS_MAX + 3);
    flip(pack, 20);
    add_entry(s, number++);
    assert_true(small_packs(s) <= GB_LEDGER_PACKS_MAX);
    assert_int_equal(heard, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_failed_lock),
        TEST(test_packs_stay),
    };
    return gb_crypto_init(&why) || cmocka_run_group_tests(tests, NULL, NULL);
}
