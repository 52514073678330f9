/*
 * hub_again.c - a journal that had been copied goes on under a new number
 * (docs/PROTOCOL.md "A copied journal", MERGE.md M3, M25): real journals, a
 * real hub and its ledger.  Nothing is lost, nothing is doubled, and all end
 * with one digest.
 */
#include "hub_office_fixture.h"

#include "engine/id.h"
#include "engine/journal_again.h"
#include "engine/journal_private.h"
#include "hub/known.h"
#include "hub/takeover.h"

/* A copy of a journal's file, as a backup or a cloned handheld would have. */
static void
copy_journal(struct handheld *h, const char *to)
{
    sqlite3 *from = gb_journal_db(h->j), *db;
    GOOD(gb_db_open(to, true, GB_DB_FULL, &db, &why));
    sqlite3_backup *b = sqlite3_backup_init(db, "main", from, "main");
    assert_non_null(b);
    assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
    gb_db_close(db);
}

/* The copy is held by another handheld, which was started later. */
static void
open_copy(struct handheld *copy, const struct handheld *of, const char *path)
{
    *copy = *of;
    copy->boots = 100;
    GOOD(gb_journal_open(path, now, copy, &copy->j, &why));
}

static void
add(struct handheld *h, int64_t id, int64_t n)
{
    const struct gb_table *t = &gb_journal_schema(h->j)->tables[TABLE_R];
    struct gb_assign a = {.column = gb_table_column(t, gb_span_text("su")),
                          .value = gb_value_int(n),
                          .add = true};
    GOOD(gb_journal_set(h->j, TABLE_R, id, &a, 1, &why));
}

/* Seal, send everything, take the answer. */
static void
sync_all(struct handheld *h)
{
    struct gb_journal_info i;
    seal(h);
    GOOD(gb_journal_info(h->j, &i, &why));
    push(h, i.accepted + 1, i.seq);
    pull(h);
}

/* The answer to a request that asks what the hub has of a copy. */
static void
pull_known(struct handheld *h, struct handheld *copy)
{
    struct gb_journal_info old, i;
    struct gb_applied counts;
    struct gb_buf known;
    GOOD(gb_journal_info(copy->j, &old, &why));
    GOOD(gb_journal_info(h->j, &i, &why));
    gb_buf_init(&known, GB_SET_MAX);
    GOOD(gb_hub_known(h->w->hub->state, h->w->hub->ledger, copy->number,
                      old.merged.size, &known, &why));
    struct gb_delta_ask ask = {.device = h->number,
                               .from = i.merged.size,
                               .highest = i.merged.size,
                               .schema = 1,
                               .clock_ms = 1,
                               .known = gb_buf_view(&known)};
    GOOD(gb_delta_make(h->w->hub->state, &ask, &h->w->hub->keys.hub, take_part,
                       h, &why));
    GOOD(gb_journal_delta_apply(h->j, &h->sign, &counts, &why));
    gb_buf_release(&known);
}

/* A new number for the copy, which takes over its work. */
static void
continue_as(struct office *w, struct handheld *next, int number,
            struct handheld *copy, struct gb_again *out)
{
    int made;
    make_handheld(w, next, number);
    next->boots = copy->boots;
    GOOD(gb_journal_seal(copy->j, &copy->sign, &made, &why));
    GOOD(gb_journal_again_ask(next->j, copy->j, &why));
    push(next, 1, 0); /* the first contact */
    pull_known(next, copy);
    GOOD(gb_journal_again(next->j, copy->j, &next->sign, out, &why));
}

static int64_t
hub_number(struct office *w, const char *sql)
{
    int64_t v;
    bool found;
    GOOD(gb_db_int(gb_state_db(w->hub->state), sql, &v, &found, &why));
    return v;
}

static int64_t
device_number(struct handheld *h, const char *sql)
{
    int64_t v;
    bool found;
    GOOD(gb_db_int(gb_journal_db(h->j), sql, &v, &found, &why));
    return v;
}

static void
same_digest(struct office *w, struct handheld *h)
{
    uint8_t a[32], b[32];
    GOOD(gb_state_digest(w->hub->state, a, &why));
    GOOD(gb_journal_digest(h->j, b, &why));
    assert_memory_equal(a, b, 32);
}

struct scene {
    struct office w;
    struct handheld old, copy, next, third;
    char path[200];
};

/* Handheld 1 has worked and synced; its journal is copied after more work. */
static int
begin(void **state)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    make_office(&s.w);
    make_handheld(&s.w, &s.old, 1);
    int64_t id = insert(&s.old, "first");
    sync_all(&s.old);
    add(&s.old, id, 1);
    snprintf(s.path, sizeof s.path, "%s/copy.db", s.w.folder);
    copy_journal(&s.old, s.path);
    open_copy(&s.copy, &s.old, s.path);
    *state = &s;
    return 0;
}

static int
end(void **state)
{
    struct scene *s = *state;
    gb_journal_close(s->old.j);
    gb_journal_close(s->copy.j);
    gb_journal_close(s->next.j);
    gb_journal_close(s->third.j);
    end_office(&s->w);
    return 0;
}

/* Both go on; the copy is told so, and continues: its own work comes through,
 * what the first one delivered is not doubled. */
static void
a_copy_goes_on_under_a_new_number(void **state)
{
    struct scene *s = *state;
    struct gb_again counts;
    int64_t id = gb_id_make(1, 1);
    add(&s->old, id, 10);
    insert(&s->old, "old");
    sync_all(&s->old);
    add(&s->copy, id, 100);
    int64_t mine = insert(&s->copy, "copy");
    set_text(&s->copy, mine, "re", "again");
    continue_as(&s->w, &s->next, 2, &s->copy, &counts);
    assert_int_equal(counts.known, 1); /* what stood in the tail when copied */
    assert_int_equal(counts.again, 3);
    assert_int_equal(device_number(&s->next, "SELECT su FROM r WHERE la = "
                                             "'first'"),
                     111);
    assert_int_equal(device_number(&s->next, "SELECT count(*) FROM r WHERE re "
                                             "= 'again' AND id >> 40 = 2"),
                     1);
    sync_all(&s->next);
    sync_all(&s->old);
    assert_int_equal(hub_number(&s->w, "SELECT su FROM r WHERE la = 'first'"),
                     111);
    assert_int_equal(hub_number(&s->w, "SELECT count(*) FROM r"), 3);
    assert_int_equal(hub_number(&s->w, "SELECT count(*) FROM _wait"), 0);
    same_digest(&s->w, &s->next);
    same_digest(&s->w, &s->old);
}

/* Each file has its own name for the boot that runs: what the copy made in it
 * is of the new journal's boot, which sends it, and keeps its origin. */
static void
the_boot_that_runs_goes_on(void **state)
{
    struct scene *s = *state;
    struct gb_again counts;
    struct gb_arena arena;
    struct gb_set set;
    struct gb_line line;
    bool there;
    insert(&s->copy, "copy");
    int64_t began =
        device_number(&s->copy, "SELECT wall FROM _boot ORDER BY first DESC");
    s->w.time_ms += 5000;
    continue_as(&s->w, &s->next, 2, &s->copy, &counts);
    gb_arena_init(&arena, GB_ARENA_MAX);
    GOOD(gb_journal_open_set(s->next.j, 1, &arena, &set, &line, &there, &why));
    assert_true(there);
    assert_int_equal(set.nops, 2);
    assert_int_equal(set.nboots, 2);
    assert_int_equal(set.boots[0].id[0], 1);
    assert_int_equal(set.boots[1].id[0], 2 + s->next.boots);
    assert_int_equal(set.origins[1].boot[0], 1 + s->copy.boots);
    gb_set_release(&set);
    gb_arena_release(&arena);
    insert(&s->next, "next");
    assert_int_equal(
        device_number(&s->next, "SELECT wall FROM _boot ORDER BY first DESC"),
        began);
}

/* The first chain delivers what was captured again only afterwards. */
static void
what_comes_late_under_the_old_number_repeats(void **state)
{
    struct scene *s = *state;
    struct gb_again counts;
    continue_as(&s->w, &s->next, 2, &s->copy, &counts);
    assert_int_equal(counts.known, 0);
    assert_int_equal(counts.again, 1);
    sync_all(&s->next);
    add(&s->old, gb_id_make(1, 1), 10);
    sync_all(&s->old);
    assert_int_equal(hub_number(&s->w, "SELECT su FROM r"), 11);
    assert_int_equal(hub_number(&s->w, "SELECT count(*) FROM _wait WHERE code "
                                       "= 'REPEAT'"),
                     1);
    pull(&s->next);
    same_digest(&s->w, &s->next);
    same_digest(&s->w, &s->old);
}

/* References follow their records, also to those that the hub has already. */
static void
references_follow_their_records(void **state)
{
    struct scene *s = *state;
    struct gb_again counts;
    const struct gb_table *t = &gb_journal_schema(s->old.j)->tables[TABLE_R];
    int owner = gb_table_column(t, gb_span_text("owner"));
    int64_t shared = insert(&s->old, "shared");
    gb_journal_close(s->copy.j);
    assert_int_equal(remove(s->path), 0);
    copy_journal(&s->old, s->path);
    open_copy(&s->copy, &s->old, s->path);
    sync_all(&s->old);
    int64_t mine = insert(&s->copy, "mine");
    struct gb_assign a = {.column = owner, .value = gb_value_int(mine)};
    GOOD(gb_journal_set(s->copy.j, TABLE_R, shared, &a, 1, &why));
    int64_t other = insert(&s->copy, "other");
    a.value = gb_value_int(shared);
    GOOD(gb_journal_set(s->copy.j, TABLE_R, other, &a, 1, &why));
    continue_as(&s->w, &s->next, 2, &s->copy, &counts);
    sync_all(&s->next);
    assert_int_equal(hub_number(&s->w, "SELECT count(*) FROM _wait"), 0);
    assert_int_equal(
        hub_number(&s->w, "SELECT count(*) FROM r a JOIN r b ON a.owner = b.id "
                          "WHERE a.la = 'shared' AND b.la = 'mine' AND b.id >> "
                          "40 = 2"),
        1);
    assert_int_equal(
        hub_number(&s->w, "SELECT count(*) FROM r a JOIN r b ON a.owner = b.id "
                          "WHERE a.la = 'other' AND b.la = 'shared' AND b.id "
                          ">> 40 = 1"),
        1);
}

static void
rebuild(struct office *w)
{
    gb_state_close(w->reader);
    gb_office_close(w->hub);
    GOOD(gb_office_rebuild(w->path, NULL, NULL, &why));
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    open_reader(w);
}

/* A second copy, of the new number this time, and the hub is rebuilt. */
static void
a_copy_of_a_copy(void **state)
{
    struct scene *s = *state;
    struct gb_again counts;
    struct handheld second;
    char path[200];
    continue_as(&s->w, &s->next, 2, &s->copy, &counts);
    snprintf(path, sizeof path, "%s/second.db", s->w.folder);
    copy_journal(&s->next, path);
    open_copy(&second, &s->next, path);
    add(&s->next, gb_id_make(1, 1), 10);
    sync_all(&s->next);
    add(&second, gb_id_make(1, 1), 100);
    continue_as(&s->w, &s->third, 3, &second, &counts);
    assert_int_equal(counts.known, 1);
    assert_int_equal(counts.again, 1);
    sync_all(&s->third);
    sync_all(&s->old);
    assert_int_equal(hub_number(&s->w, "SELECT su FROM r"), 111);
    gb_journal_close(second.j);
    pull(&s->next);
    pull(&s->third);
    pull(&s->old);
    same_digest(&s->w, &s->next);
    same_digest(&s->w, &s->third);
    same_digest(&s->w, &s->old);
    uint8_t a[32], b[32];
    GOOD(gb_state_digest(s->w.hub->state, a, &why));
    rebuild(&s->w);
    GOOD(gb_state_digest(s->w.hub->state, b, &why));
    assert_memory_equal(a, b, 32);
}

static struct gb_request
request_of(const struct handheld *h, int continues)
{
    struct gb_request r = {
        .device = h->number, .first = true, .continues = continues};
    memcpy(r.secret, h->secret, sizeof r.secret);
    memcpy(r.sign_key, h->sign.public_key.bytes, 32);
    memcpy(r.receive_key, h->receive.public_key.bytes, 32);
    return r;
}

/* One at a time, also for a hub that was made anew, until it has delivered or
 * is given up; whoever is not let in takes nothing over. */
static void
one_copy_at_a_time(void **state)
{
    struct scene *s = *state;
    struct office *w = &s->w;
    struct gb_fail fail = {0};
    struct gb_takeover t;
    make_handheld(w, &s->next, 2);
    make_handheld(w, &s->third, 3);
    struct gb_request a = request_of(&s->next, 1), b = request_of(&s->third, 1);
    struct gb_request bad = a;
    memcpy(bad.receive_key, bad.sign_key, 32);
    assert_int_equal(gb_intake_enrol(w->hub, &bad, &fail), GB_E_KEY);
    GOOD(gb_takeover_of(w->path, w->hub->state, 2, &t, &why));
    assert_int_equal(t.of, 0);

    GOOD(gb_intake_enrol(w->hub, &a, &why));
    assert_int_equal(gb_intake_enrol(w->hub, &b, &fail), GB_E_BUSY);
    rebuild(w);
    assert_int_equal(gb_intake_enrol(w->hub, &b, &fail), GB_E_BUSY);
    assert_non_null(strstr(fail.text, "--lost 2"));
    GOOD(gb_takeover_of(w->path, w->hub->state, 2, &t, &why));
    assert_int_equal(t.of, 1);
    assert_int_equal(t.promised, -1);

    /* it is done asking, and has one set to deliver */
    a.continues = 0;
    a.seq = 1;
    GOOD(gb_takeover_note(w->path, w->hub->state, &a, &why));
    assert_int_equal(gb_intake_enrol(w->hub, &b, &fail), GB_E_BUSY);
    GOOD(gb_takeover_end(w->path, w->hub->state, 2, &t, &why));
    assert_int_equal(t.promised, 1);
    assert_int_equal(gb_takeover_end(w->path, w->hub->state, 2, &t, &fail),
                     GB_E_MISSING);
    GOOD(gb_intake_enrol(w->hub, &b, &why));
    assert_int_equal(
        gb_takeover_begin(w->path, w->hub->state,
                          &(struct gb_request){.device = 2, .continues = 1},
                          &fail),
        GB_E_BUSY);
    b.continues = 0; /* it had nothing to deliver, */
    GOOD(gb_takeover_note(w->path, w->hub->state, &b, &why));
    /* its old request comes again: that asks for nothing any more, */
    b.continues = 1;
    GOOD(gb_takeover_begin(w->path, w->hub->state, &b, &why));
    b.continues = 0;
    a.continues = 1; /* so the first may try again */
    GOOD(gb_intake_enrol(w->hub, &a, &why));

    char path[200];
    snprintf(path, sizeof path, "%s/" GB_TAKEOVER_FILE, w->path);
    GOOD(gb_file_write(path, gb_span_text("2 1\n"), 0600, &why));
    assert_int_equal(gb_intake_enrol(w->hub, &b, &fail), GB_OK);
    b.continues = 1;
    assert_int_equal(gb_intake_enrol(w->hub, &b, &fail), GB_E_FORMAT);
    assert_non_null(strstr(fail.text, "remove it"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_goes_on_under_a_new_number),
        TEST(the_boot_that_runs_goes_on),
        TEST(what_comes_late_under_the_old_number_repeats),
        TEST(references_follow_their_records),
        TEST(a_copy_of_a_copy),
        TEST(one_copy_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
