/*
 * capture.c - what SQLite takes back without a word is not in the journal's
 * books either.
 */
#include "delta_fixture.h"

static const char schema_text[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, level INTEGER) STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, n INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('staff','level','last'),('r','n','last');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

/* The only operation of a set, and its boot. */
static struct gb_boot
only_boot(struct handheld *d, uint32_t seq)
{
    struct gb_buf b;
    struct gb_container c;
    struct gb_set set;
    gb_buf_init(&b, 2 * GB_SET_MAX);
    GOOD(gb_journal_container(d->j, seq, &b, &why));
    GOOD(gb_container_split(gb_buf_view(&b), &c, &why));
    GOOD(gb_set_decode(c.signed_bytes, gb_journal_schema(d->j), &set, &why));
    assert_int_equal(set.nops, 1);
    assert_int_equal(set.nboots, 1);
    struct gb_boot boot = set.boots[0];
    gb_set_release(&set);
    gb_buf_release(&b);
    return boot;
}

#define WRITE "INSERT INTO r(id, n) VALUES(gb_new_id(), 1);"

/* A transaction that begins with such a part, and what is sealed of it. */
static struct gb_boot
boot_after(struct handheld *d, const char *part, bool refused, uint32_t seq)
{
    struct gb_fail fail = {0};
    int made;
    GOOD(gb_journal_begin(d->j, &why));
    enum gb_err e = gb_db_exec(gb_journal_db(d->j), part, &fail);
    assert_int_equal(e != GB_OK, refused);
    GOOD(gb_db_exec(gb_journal_db(d->j), WRITE, &why));
    GOOD(gb_journal_commit(d->j, &why));
    GOOD(gb_journal_seal(d->j, &d->key, &made, &why));
    return only_boot(d, seq);
}

/* A part of a transaction, and the boot's row with it: in a new journal, and
 * in one that knows an older boot.  Likewise what is noted of a boot later:
 * that the wall clock was set. */
static void
a_boot_that_a_part_took_away_is_noted_again(void **state)
{
    static const char *const parts[] = {
        "SAVEPOINT s;" WRITE WRITE "ROLLBACK TO s; RELEASE s",
        /* SQLite itself refuses the last row, by its type */
        "INSERT INTO r(id, n) VALUES(gb_new_id(), 1), (gb_new_id(), 1), "
        "(gb_new_id(), 'x')",
    };
    struct hub h;
    struct handheld d;
    struct gb_written level = {.column = 0, .value = gb_value_int(2)};
    struct gb_op op = {
        .kind = GB_INSERT, .id = 1, .values = &level, .nvalues = 1};
    int64_t wall = 0;
    (void)state;
    make_hub(&h, schema_text);
    hub_set(&h, &op, 1);
    make_handheld(&h, &d, 1, NULL);
    GOOD(gb_journal_sign_in(d.j, 1, true, &why));
    for (int i = 0; i < 12; i++) {
        bool refused = i / 3 % 2;
        int again = i % 3;
        d.boot += !again;
        d.set_ms += again == 1 ? 3000 : 0;
        h.time_ms += 5000;
        if (!again)
            wall = h.time_ms + d.set_ms;
        struct gb_boot boot =
            boot_after(&d, parts[refused], refused, (uint32_t)i + 1);
        assert_int_equal(boot.id[0], d.number + d.boot);
        assert_int_equal(boot.wall_ms, wall);
        assert_int_equal(boot.shift_ms, again ? 3000 : 0);
    }
    gb_journal_close(d.j);
    end_hub(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_that_a_part_took_away_is_noted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
