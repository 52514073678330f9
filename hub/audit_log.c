/*
 * audit_log.c - commits from the first to the tip, each with its batch and its
 * files; see audit.h
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/term.h"
#include "hub/audit_private.h"

#define GROUP 256      /* commits in one transaction of the scratch database */
#define PROBE_DAYS 8   /* where the batch of an unreadable commit is looked */
#define PROBE_SETS 256 /* for: so many days and positions back */
#define DAY_S 86400

/* ---------------------------------------------------------- one commit -- */

/* Release what belongs to the commit in work. */
static void
drop_commit(struct gb_audit *a)
{
    gb_audit_read_release(&a->in);
    gb_audit_batch_release(a);
    a->signatures = 0;
}

/* The site is known from the first set: a state can be made for it. */
static enum gb_err
open_state(struct gb_audit *a, const struct gb_oid *oid, struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX], site[33];
    gb_audit_at(a, 1, 0);
    char db[GB_FILE_PATH_MAX + sizeof "/state.db"];
    struct gb_buf set;
    struct gb_set_info info;
    gb_buf_init(&set, GB_SET_MAX);
    gb_audit_name(a, 0, false, path);
    enum gb_err e = gb_ledger_read_at(a->ledger, oid, path, &set, fail);
    if (!e)
        e = gb_set_info(gb_buf_view(&set), &info, fail);
    gb_buf_release(&set);
    if (e)
        return e;
    gb_hex_encode(site, info.site, sizeof info.site);
    if (!gb_span_equal(a->in.commit.site, gb_span_text(site)))
        return gb_fail_set(fail, GB_E_SITE,
                           "the commit is of site \"%.*s\", its set of %s",
                           (int)a->in.commit.site.len,
                           (const char *)a->in.commit.site.ptr, site);
    memcpy(a->site, info.site, sizeof a->site);
    memcpy(a->report->site, info.site, sizeof a->site);
    snprintf(db, sizeof db, "%s/state.db", a->scratch);
    e = gb_state_open(db, a->site, &a->state, fail);
    if (!e)
        gb_state_on_fetch(a->state, gb_replay_fetch, a->ledger);
    return e ? e : gb_state_scratch(a->state, fail);
}

/* The text of a replay's failure begins with the position; the verdict does
 * as well. */
static void
strip_position(struct gb_fail *fail, uint64_t position)
{
    char start[48];
    int n = snprintf(start, sizeof start,
                     "position %llu: ", (unsigned long long)position);
    if (!strncmp(fail->text, start, (size_t)n))
        memmove(fail->text, fail->text + n, strlen(fail->text + (size_t)n) + 1);
}

/* Apply the batch, and look at each set before that. */
static enum gb_err
replay(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_replay r = {.state = a->state,
                          .check = gb_audit_one,
                          .context = a,
                          .lines = a->read,
                          .operations = a->operations};
    enum gb_err e = gb_replay_lines(&r, &a->in.batch, fail);
    gb_audit_at(a, a->in.message.first, a->in.message.head.size);
    if (!e)
        return GB_OK;
    gb_audit_at(a, r.position, 0);
    strip_position(fail, r.position);
    return e;
}

/* The tree head that the commit's message promises. */
static enum gb_err
check_head(struct gb_audit *a, struct gb_fail *fail)
{
    char is[65];
    struct gb_head head = gb_state_head(a->state);
    const struct gb_head *says = &a->in.message.head;
    if (head.size == says->size && head.epoch == says->epoch &&
        !memcmp(head.root, says->root, sizeof head.root))
        return GB_OK;
    gb_hex_encode(is, head.root, sizeof head.root);
    return gb_fail_set(fail, GB_E_LEDGER,
                       "the tree head after this batch is %u %llu %s, and its "
                       "commit says otherwise",
                       head.epoch, (unsigned long long)head.size, is);
}

/* What could go on was released, by sets of this batch (MERGE.md M22). */
static enum gb_err
check_waiting(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_opname name;
    int n;
    enum gb_err e = gb_state_due(a->state, &name, 1, &n, fail);
    if (e || !n)
        return e;
    gb_audit_at(a, gb_state_size(a->state), 0);
    return gb_fail_set(fail, GB_E_LEDGER,
                       "operations that could take effect were left waiting");
}

/* A ledger key that the batch announced signs from the next commit on. */
static enum gb_err
next_key(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_audit_report *r = a->report;
    struct gb_public_key key;
    memcpy(key.bytes, gb_state_site(a->state)->ledger_key, sizeof key.bytes);
    if (gb_key_equal(&key, &a->ledger_key))
        return GB_OK;
    if (r->nkeys == GB_AUDIT_KEYS_MAX)
        return gb_fail_set(fail, GB_E_LIMIT, "more than %d ledger keys",
                           GB_AUDIT_KEYS_MAX);
    a->ledger_key = key;
    r->keys[r->nkeys++] =
        (struct gb_audit_key){key, gb_state_size(a->state) + 1};
    return gb_key_check(&key, fail);
}

/* Everything about one commit; its effects go into the open transaction. */
static enum gb_err
check_commit(struct gb_audit *a, const struct gb_oid *oid, struct gb_fail *fail)
{
    enum gb_err e = gb_audit_commit(a, oid, fail);
    if (!e)
        e = gb_audit_changes(a, oid, fail);
    if (!e)
        e = gb_audit_batch(a, fail);
    if (!e)
        e = gb_audit_names(a, fail);
    if (!e && !a->state) {
        e = open_state(a, oid, fail);
        if (!e)
            e = gb_state_begin(a->state, fail);
    }
    if (!e)
        e = replay(a, fail);
    if (!e)
        e = check_head(a, fail);
    if (!e)
        e = gb_audit_epoch(a, a->state, fail);
    if (!e)
        e = check_waiting(a, fail);
    if (!e)
        e = gb_audit_tree(a, fail);
    if (!e)
        e = next_key(a, fail);
    if (e)
        return e;
    gb_audit_count(a);
    a->report->head = a->in.message.head;
    return GB_OK;
}

/* --------------------------------------------------------- all of them -- */

/* The position at which the batch that ends before `next` begins, as the
 * folders of a later commit name it; 1 when it is not found.  For a message
 * only. */
static uint64_t
probe(struct gb_audit *a, const struct gb_oid *oid, uint64_t next,
      int64_t time_s)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_buf bytes;
    struct gb_fail ignored = {0};
    uint64_t found = 0;
    gb_buf_init(&bytes, GB_LEDGER_FILE_MAX);
    for (int day = 0; day < PROBE_DAYS && !found; day++, time_s -= DAY_S)
        for (uint64_t back = 1;
             back <= PROBE_SETS && back < next && !found && time_s >= 0;
             back++) {
            struct gb_ledger_name name = {.kind = GB_LEDGER_BATCH,
                                          .position = next - back};
            gb_ledger_name_write(path, &name, time_s);
            gb_buf_clear(&bytes);
            if (!gb_ledger_read_at(a->ledger, oid, path, &bytes, &ignored))
                found = next - back;
        }
    gb_buf_release(&bytes);
    return found ? found : 1;
}

/* The list of commits breaks off: from the tip back to where it does. */
static void
find_break(struct gb_audit *a)
{
    struct gb_ledger_commit c;
    struct gb_ledger_message m;
    struct gb_ledger_tip tip;
    struct gb_oid at, child = {{0}};
    uint64_t next = 0;
    int64_t time_s = 0;
    struct gb_fail ignored = {0};
    if (gb_ledger_tip(a->ledger, &tip, &ignored))
        return;
    at = tip.oid;
    while (!gb_ledger_commit_read(a->ledger, &at, &c, &ignored)) {
        bool good = !gb_ledger_message_read(&m, c.message, &ignored) &&
                    c.time_s < GB_AUDIT_TIME_END && !c.root;
        child = at;
        at = c.parent;
        next = m.first;
        time_s = c.time_s;
        gb_ledger_commit_release(&c);
        if (!good)
            return;
    }
    if (next > 1)
        gb_audit_at(a, probe(a, &child, next, time_s), next - 1);
}

static enum gb_err
check_commits(struct gb_audit *a, const struct gb_ledger_log *log,
              struct gb_fail *fail)
{
    struct gb_progress bar;
    struct gb_audit_ahead *ahead;
    enum gb_err e = gb_audit_ahead_open(&ahead, a->plan->ledger, log, fail);
    gb_progress_begin(&bar, "checking commits", log->count, false);
    for (size_t i = 0; i < log->count && !e; i++) {
        if (a->plan->stop && *a->plan->stop)
            e = gb_fail_set(fail, GB_E_STATE, "stopped");
        else
            gb_audit_ahead_take(ahead, a->ledger, &a->in);
        if (!e)
            e = check_commit(a, &log->commits[i], fail);
        drop_commit(a);
        bool last = i + 1 == log->count;
        if (!e && ((i + 1) % GROUP == 0 || last)) {
            e = gb_state_commit(a->state, fail);
            if (!e && !last)
                e = gb_state_begin(a->state, fail);
        }
        gb_progress_at(&bar, i + 1);
    }
    gb_progress_end(&bar);
    gb_audit_ahead_close(ahead);
    return e;
}

enum gb_err
gb_audit_log(struct gb_audit *a, struct gb_fail *fail)
{
    struct gb_ledger_log log = {0};
    enum gb_err e = gb_ledger_log(a->ledger, NULL, &log, fail);
    if (e) {
        find_break(a);
        return e;
    }
    if (!log.count) {
        gb_audit_at(a, 1, 0);
        e = gb_fail_set(fail, GB_E_LEDGER, "it is empty");
    }
    if (!e)
        e = check_commits(a, &log, fail);
    gb_ledger_log_release(&log);
    return e;
}
