/* main_set.c - set_bytes_shift, set_bytes_10: what a handheld sends, out of
 * its journal. */
#include "floor.h"
#include "world.h"

/* The container of handheld 1's set, whose operations are these. */
static void
measure(const char *name, const char *folder, int inserts, int changes,
        int voids)
{
    static struct wl_op ops[WL_OPS];
    struct world_now now;
    struct gb_buf b;
    int n = wl_shift(0, 0, inserts, changes, voids, ops);
    struct gb_journal *j = world_journal(folder, &now);
    gb_buf_init(&b, 2 * GB_SET_MAX);
    MUST(gb_journal_container(j, 1, &b, &bench_why));
    gb_journal_close(j);
    bench_report_one(name, (double)b.len, (double)floor_bytes(ops, n));
    gb_buf_release(&b);
}

/* Ten changes in a copy of the journal. */
static const char *
record_ten(void)
{
    const char *folder = bench_scratch("ten");
    struct world_now now;
    int made;
    bench_copy(world_morning("1"), folder);
    struct gb_sign_key key = world_folder_key(folder, false);
    struct gb_journal *j = world_journal(folder, &now);
    world_day(j, 0);
    NEED(world_record(j, &now, 0, 0, 10, 0) == 10);
    MUST(gb_journal_seal(j, &key, &made, &bench_why));
    gb_journal_close(j);
    return folder;
}

int
main(void)
{
    if (bench_wanted("set_bytes_shift"))
        measure("set_bytes_shift", world_shift(), WL_INSERTS, WL_CHANGES,
                WL_VOIDS);
    if (bench_wanted("set_bytes_10"))
        measure("set_bytes_10", record_ten(), 0, 10, 0);
    return 0;
}
