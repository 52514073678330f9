/*
 * world.h - the reference workload (workload.h) on the real thing: a hub of
 * its schema with 200 handhelds and 20,000 shared records, their shifts as
 * signed change sets, and the folder of one real handheld.
 *
 * Handheld 1 has a journal, and its shift is recorded, sealed and signed there;
 * those of the others are encoded and signed without one: to the same bytes, or
 * else the program ends.  All is made once, in build/bench, and copied for
 * whoever changes it.
 */
#ifndef GB_BENCH_WORLD_H
#define GB_BENCH_WORLD_H

#include "bench.h"
#include "engine/journal.h"
#include "hub/office.h"
#include "hub/readers.h"
#include "workload.h"

#define WORLD_DAY_OPS (WL_DEVICES * WL_OPS)
#define WORLD_CONTESTED 7283

/* The hub's clock, in place of the system's; it stands unless moved. */
extern int64_t world_clock_ms;
/* When the office opens on day 0, and when its shifts are over. */
#define WORLD_MORNING (WL_START_MS + WL_DAY_MS / 2)
#define WORLD_EVENING (WL_START_MS + 2 * WL_DAY_MS)

/* ------------------------------------------------------ what is kept -- */

/* The tables of hub.db and of a journal, for bench_kept(). */
const char *world_format(void);

/* Before the shifts: "hub", and "1", the folder of handheld 1. */
const char *world_morning(const char *name);
/* The folder of handheld 1 with its shift, sealed and not sent. */
const char *world_shift(void);
/* The hub's folder when it has all 200. */
const char *world_evening(void);

/* ----------------------------------------------------------- handhelds -- */

struct gb_sign_key world_key(int device); /* 2..200; signs and receives */

/* A journal whose clock is set for each write; close with
 * gb_journal_close(). */
struct world_now {
    int64_t ms;
    int device; /* number of the handheld */
};
struct gb_journal *world_journal(const char *folder, struct world_now *now);
/* The next record gets the id that the workload has for the first one of a day.
 */
void world_day(struct gb_journal *j, int day);
/* Its shift, one write a transaction.  Returns how many writes there were: on a
 * journal that goes on for days some are refused, the record being void. */
int world_record(struct gb_journal *j, struct world_now *now, int day,
                 int inserts, int changes, int voids);
/* The keys of the folder of a real handheld. */
struct gb_sign_key world_folder_key(const char *folder, bool receives);

/* --------------------------------------------------------- change sets -- */

/* Where a handheld's chain stands. */
struct world_chain {
    int device; /* number, from 1 */
    uint32_t seq;
    uint8_t prev[32];
};
/* A signed container, added to out; the chain goes on.  `ops` have the shift's
 * operations; base as if synced at `head`. */
void world_seal(struct world_chain *chain, const struct wl_op *ops, int n,
                const struct gb_schema *s, const uint8_t site[16],
                const struct gb_head *head, const struct gb_sign_key *key,
                struct gb_buf *out);

/* The 200 shifts of day 0, in the order of the handhelds.  `real`: handheld 1's
 * is the one that its journal sealed, which has no changes to what stood there
 * anyway. */
struct world_sets {
    struct gb_buf bytes[WL_DEVICES];
    struct gb_arriving sets[WL_DEVICES];
};
void world_sets(struct world_sets *out, bool real);
void world_sets_release(struct world_sets *s);
/* As if nobody had looked at them yet. */
void world_sets_again(struct world_sets *s);

/* ------------------------------------------------------------- the hub -- */

struct gb_office *world_office(const char *folder);
/* As many readers as there are processors, open as those of a server are. */
void world_readers(struct gb_office *o, struct gb_readers *out);
/* Verify each signature, decide and apply all in one transaction, as a batch,
 * without ledger; every operation must take effect.  With readers a thread for
 * each verifies, as a server's do, else the writer.  The office can only be
 * closed after that. */
void world_merge(struct gb_office *o, struct gb_readers *readers,
                 struct gb_arriving *sets, size_t n);
/* The bundle for a device that has merged up to `from`, added to out. */
void world_answer(struct gb_office *o, int device, uint64_t from,
                  uint32_t schema, struct gb_buf *out);
/* As a sync or an import takes it in. */
void world_take(const char *folder, struct gb_span bundle);

#endif
