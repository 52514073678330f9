/* office.c - opening a hub's folder, its lock and its clock; see office.h */
#include "hub/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/keyfile.h"
#include "hub/clock.h"
#include "hub/look.h"
#include "hub/office_private.h"
#include "hub/replay.h"

#define JUMP_MS 120000 /* of the wall clock against the monotonic one */
#define SLEW_MS 2000   /* backwards, as time daemons step */
/* No hub lies idle for so long: an entry that a clock in the future made would
 * shut the hub until that day. */
#define IDLE_DAYS 400
#define DAY_MS 86400000

void
gb_office_path(const struct gb_office *o, const char *name,
               char out[GB_FILE_PATH_MAX])
{
    snprintf(out, GB_FILE_PATH_MAX, "%.3000s/%s", o->path, name);
}

void
gb_office_tell(const struct gb_office *o, const char *what,
               const struct gb_fail *why)
{
    char line[1024];
    if (!o->log)
        return;
    snprintf(line, sizeof line, "%s: %s", what, why->text);
    o->log(o->log_context, line);
}

/* The wall clock against the monotonic one. */
static int64_t
wall_less_mono(const struct gb_hub_now *now)
{
    return now->wall_ms - now->mono_ms;
}

enum gb_err
gb_office_now(struct gb_office *o, int64_t *ms, struct gb_fail *fail)
{
    struct gb_hub_now clock = gb_hub_clock_now();
    int64_t now = clock.wall_ms, last;
    int64_t drift = wall_less_mono(&clock) - o->wall_less_mono;
    enum gb_err e =
        gb_state_received(o->state, gb_state_size(o->state), &last, fail);
    if (e)
        return e;
    if (drift > JUMP_MS || drift < -JUMP_MS)
        return gb_fail_set(fail, GB_E_CLOCK,
                           "the hub's clock jumped by %lld s: set it right "
                           "and start again",
                           (long long)(drift / 1000));
    if (now < last - SLEW_MS)
        return gb_fail_set(fail, GB_E_CLOCK,
                           "the hub's clock lies %lld s before its last "
                           "entry: set it right",
                           (long long)((last - now) / 1000));
    if (last && (now - last) / DAY_MS > IDLE_DAYS &&
        !getenv("GENGBU_CLOCK_IS_RIGHT"))
        return gb_fail_set(fail, GB_E_CLOCK,
                           "the hub's clock lies %lld days after its last "
                           "entry: set it right, or if it is, start once with "
                           "GENGBU_CLOCK_IS_RIGHT=1 in the environment",
                           (long long)((now - last) / DAY_MS));
    *ms = now < last ? last : now;
    return GB_OK;
}

/* ---------------------------------------------------------------- keys -- */

static enum gb_err
read_key(const struct gb_office *o, const char *name, struct gb_sign_key *key,
         struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_office_path(o, name, path);
    return gb_keyfile_read(key, path, fail);
}

static enum gb_err
read_keys(struct gb_office *o, struct gb_fail *fail)
{
    enum gb_err e = read_key(o, "keys/hub", &o->keys.hub, fail);
    if (!e)
        e = read_key(o, "keys/ledger", &o->keys.ledger, fail);
    if (!e)
        e = read_key(o, "keys/receive", &o->keys.receive_sign, fail);
    if (!e)
        gb_box_key_derive(&o->keys.receive, &o->keys.receive_sign);
    return e;
}

static enum gb_err
read_site(struct gb_office *o, struct gb_fail *fail)
{
    struct gb_look look;
    enum gb_err e = gb_look_site(o->path, &look, fail);
    memcpy(o->site, look.site, sizeof o->site);
    return e;
}

/* --------------------------------------------------------- catching up -- */

/* Remember in hub.db up to which commit it goes. */
enum gb_err
gb_office_put_tip(struct gb_office *o, const struct gb_oid *tip,
                  struct gb_fail *fail)
{
    sqlite3_stmt *s;
    enum gb_err e = gb_db_prepare(gb_state_db(o->state),
                                  "REPLACE INTO _site(key, value) "
                                  "VALUES('tip', ?)",
                                  &s, fail);
    if (e)
        return e;
    gb_db_bind_blob(s, 1, GB_SPAN(tip->bytes, sizeof tip->bytes));
    e = gb_db_run(s, fail);
    sqlite3_finalize(s);
    return e;
}

/* The state as hub.db has it, and up to which commit that goes.  The tip is
 * believed only once the state in memory is at it. */
static enum gb_err
read_state(struct gb_office *o, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row = false;
    o->have_tip = false;
    enum gb_err e = gb_state_refresh(o->state, fail);
    if (!e)
        e = gb_db_prepare(gb_state_db(o->state),
                          "SELECT value FROM _site WHERE key = 'tip'", &s,
                          fail);
    if (e)
        return e;
    e = gb_db_step(s, &row, fail);
    o->have_tip = !e && row && gb_db_blob(s, 0).len == GB_OID_BYTES;
    if (o->have_tip)
        memcpy(o->tip.bytes, gb_db_blob(s, 0).ptr, GB_OID_BYTES);
    sqlite3_finalize(s);
    return e;
}

/* Nothing to catch up with, and the state in memory is whole. */
static bool
is_at(const struct gb_office *o, const struct gb_oid *tip)
{
    return o->have_tip && !memcmp(tip, &o->tip, sizeof *tip) &&
           !gb_state_stale(o->state);
}

/* One commit of the ledger, in a transaction of its own. */
static enum gb_err
replay_one(struct gb_office *o, const struct gb_oid *commit,
           struct gb_fail *fail)
{
    struct gb_replay r = {
        .state = o->state, .ledger = o->ledger, .personal = o->personal};
    enum gb_err e = gb_state_begin(o->state, fail);
    if (e)
        return e;
    e = gb_replay_commit(&r, commit, fail);
    if (!e)
        e = gb_office_put_tip(o, commit, fail);
    if (!e)
        e = gb_state_commit(o->state, fail);
    if (e) {
        gb_state_rollback(o->state);
        return e;
    }
    o->tip = *commit;
    o->have_tip = true;
    return GB_OK;
}

/* The ledger was cut or put back, or hub.db was: which of them is right, people
 * must say.  What only hub.db has is gone once it is made anew. */
static enum gb_err
not_in_ledger(const struct gb_office *o, struct gb_fail *fail)
{
    char hex[2 * GB_OID_BYTES + 1];
    gb_hex_encode(hex, o->tip.bytes, sizeof o->tip.bytes);
    return gb_fail_wrap(fail,
                        "hub.db goes up to commit %.12s (if the ledger is "
                        "right, `gengbu-hub rebuild` makes it anew)",
                        hex);
}

/* Apply what the ledger has beyond hub.db. */
static enum gb_err
catch_up(struct gb_office *o, gb_progress_fn *progress, void *context,
         struct gb_fail *fail)
{
    struct gb_ledger_tip tip;
    struct gb_ledger_log log = {0};
    enum gb_err e = gb_office_check_packs(o, fail);
    if (!e)
        e = gb_ledger_tip(o->ledger, &tip, fail);
    if (e || is_at(o, &tip.oid))
        return e;
    /* another process of this hub may have applied it already */
    e = read_state(o, fail);
    if (e || is_at(o, &tip.oid))
        return e;
    e = gb_ledger_log(o->ledger, o->have_tip ? &o->tip : NULL, &log, fail);
    if (e)
        return o->have_tip ? not_in_ledger(o, fail) : e;
    for (size_t i = 0; i < log.count && !e; i++) {
        e = replay_one(o, &log.commits[i], fail);
        if (progress)
            progress(context, i + 1, log.count);
    }
    gb_ledger_log_release(&log);
    return e;
}

/* ---------------------------------------------------------------- lock -- */

enum gb_err
gb_office_take_lock(struct gb_office *o, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_office_path(o, "lock", path);
    return gb_lock_take(&o->lock, path, o->program, GB_LOCK_WAIT_MS, fail);
}

enum gb_err
gb_office_lock(struct gb_office *o, struct gb_fail *fail)
{
    if (o->locked++)
        return GB_OK;
    enum gb_err e = gb_office_take_lock(o, fail);
    if (!e && gb_db_moved(gb_state_db(o->state)))
        e = gb_fail_set(fail, GB_E_BUSY,
                        "%s/hub.db was made anew meanwhile: try again",
                        o->path);
    if (!e)
        e = catch_up(o, NULL, NULL, fail);
    if (e)
        gb_office_unlock(o);
    return e;
}

void
gb_office_unlock(struct gb_office *o)
{
    gb_assert(o->locked > 0);
    if (!--o->locked)
        gb_lock_release(&o->lock);
}

/* ------------------------------------------------------------- opening -- */

/* Personal values of a set whose operations waited (state.h). */
static enum gb_err
reveal(void *context, struct gb_set *set, const struct gb_schema *s,
       const uint8_t sha[32], struct gb_fail *fail)
{
    struct gb_office *o = context;
    return gb_personal_settle(o->personal, sha, set, s, fail);
}

enum gb_err
gb_office_open_parts(struct gb_office *o, const char *db, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    gb_office_path(o, "personal.db", path);
    enum gb_err e = gb_personal_open(path, &o->personal, fail);
    gb_office_path(o, db, path);
    if (!e)
        e = gb_state_open(path, o->site, &o->state, fail);
    if (!e)
        gb_state_on_release(o->state, reveal, o);
    gb_office_path(o, "ledger.git", path);
    if (!e)
        e = gb_ledger_open(&o->ledger, path, GB_LEDGER_WRITE, fail);
    if (!e)
        gb_state_on_fetch(o->state, gb_replay_fetch, o->ledger);
    return e;
}

struct gb_office *
gb_office_new(const char *path, const char *program)
{
    struct gb_office *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    snprintf(o->path, sizeof o->path, "%s", path);
    o->program = program;
    o->lock.fd = -1;
    struct gb_hub_now clock = gb_hub_clock_now();
    o->wall_less_mono = wall_less_mono(&clock);
    return o;
}

enum gb_err
gb_office_open(const char *path, const char *program, struct gb_office **out,
               struct gb_fail *fail)
{
    *out = NULL;
    struct gb_office *o = gb_office_new(path, program);
    if (!o)
        return gb_fail_memory(fail);
    enum gb_err e = read_site(o, fail);
    if (!e)
        e = read_keys(o, fail);
    if (!e)
        e = gb_office_take_lock(o, fail);
    if (!e)
        e = gb_office_open_parts(o, GB_OFFICE_DB, fail);
    if (!e)
        e = catch_up(o, NULL, NULL, fail);
    gb_lock_release(&o->lock);
    if (e) {
        gb_office_close(o);
        return e;
    }
    *out = o;
    return GB_OK;
}

void
gb_office_close(struct gb_office *o)
{
    if (!o)
        return;
    gb_ledger_close(o->ledger);
    gb_state_close(o->state);
    gb_personal_close(o->personal);
    gb_lock_release(&o->lock);
    gb_sign_key_wipe(&o->keys.hub);
    gb_sign_key_wipe(&o->keys.ledger);
    gb_sign_key_wipe(&o->keys.receive_sign);
    gb_wipe(&o->keys.receive, sizeof o->keys.receive);
    free(o);
}

/* --------------------------------------------------------- making anew -- */

#define NEW "hub.db.new" /* until the whole ledger is in it */

/* Remove a database with what stands beside it. */
static enum gb_err
drop(const struct gb_office *o, const char *db, struct gb_fail *fail)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    enum gb_err e = GB_OK;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !e; i++) {
        char name[32], path[GB_FILE_PATH_MAX];
        snprintf(name, sizeof name, "%s%s", db, ends[i]);
        gb_office_path(o, name, path);
        e = gb_file_remove(path, fail);
    }
    return e;
}

/* The new database takes the old one's place.  Between the two there is none,
 * and the next start makes it. */
static enum gb_err
put_in_place(struct gb_office *o, struct gb_fail *fail)
{
    char from[GB_FILE_PATH_MAX], to[GB_FILE_PATH_MAX];
    enum gb_err e = gb_db_exec(gb_state_db(o->state),
                               "PRAGMA wal_checkpoint(TRUNCATE)", fail);
    if (e)
        return e;
    gb_state_close(o->state);
    o->state = NULL;
    gb_office_path(o, NEW, from);
    gb_office_path(o, GB_OFFICE_DB, to);
    e = drop(o, GB_OFFICE_DB, fail);
    return e ? e : gb_file_rename(from, to, fail);
}

/* With a ledger that cannot be read to its end, the old hub.db is all that
 * shows what it held: it stays until the new one is whole. */
static enum gb_err
make_anew(struct gb_office *o, gb_progress_fn *progress, void *context,
          struct gb_fail *fail)
{
    struct gb_fail ignored = {0};
    enum gb_err e = drop(o, NEW, fail);
    if (!e)
        e = gb_office_open_parts(o, NEW, fail);
    if (!e)
        e = catch_up(o, progress, context, fail);
    if (!e)
        e = put_in_place(o, fail);
    if (e) {
        gb_state_close(o->state);
        o->state = NULL;
        drop(o, NEW, &ignored);
    }
    return e;
}

enum gb_err
gb_office_rebuild(const char *path, gb_progress_fn *progress, void *context,
                  struct gb_fail *fail)
{
    struct gb_office *o = gb_office_new(path, "gengbu-hub rebuild");
    if (!o)
        return gb_fail_memory(fail);
    enum gb_err e = read_site(o, fail);
    if (!e)
        e = read_keys(o, fail);
    if (!e)
        e = gb_office_take_lock(o, fail);
    if (!e)
        e = make_anew(o, progress, context, fail);
    gb_office_close(o);
    return e;
}
