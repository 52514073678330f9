/*
 * audit_run.c - the whole check, in order: packs, commits (audit_log.c), and at
 * last what is remembered outside; see audit.h.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/term.h"
#include "hub/audit_private.h"

/* ------------------------------------------------------------- scratch -- */

static void
remove_scratch(struct gb_audit *a)
{
    struct gb_fail ignored = {0};
    if (*a->scratch)
        gb_file_remove_all(a->scratch, &ignored);
    *a->scratch = 0;
}

static enum gb_err
make_scratch(struct gb_audit *a, struct gb_fail *fail)
{
    const char *tmp = getenv("TMPDIR");
    if (!tmp || !*tmp)
        tmp = "/tmp";
    int room = (int)sizeof a->scratch - 64;
    int n = snprintf(a->scratch, (size_t)room, "%s/gengbu-audit-XXXXXX", tmp);
    if (n < room && mkdtemp(a->scratch))
        return GB_OK;
    int number = errno;
    *a->scratch = 0;
    return gb_fail_set(fail, GB_E_IO,
                       "no scratch folder can be made in %s: %s: set TMPDIR",
                       tmp, strerror(number));
}

/* ----------------------------------------------------- at the very end -- */

/* The head that somebody remembers is one of this log's. */
static enum gb_err
check_remembered(struct gb_audit *a, struct gb_fail *fail)
{
    const struct gb_head *want = a->plan->head;
    struct gb_head had;
    char root[65];
    uint64_t size = gb_state_size(a->state);
    if (!want)
        return GB_OK;
    if (want->size > size) {
        gb_audit_at(a, size + 1, want->size);
        return gb_fail_set(fail, GB_E_HISTORY,
                           "the log is shorter than the remembered head: it "
                           "ends at %llu, and had %llu",
                           (unsigned long long)size,
                           (unsigned long long)want->size);
    }
    enum gb_err e = gb_state_head_at(a->state, want->size, &had, fail);
    if (e || !memcmp(want->root, had.root, sizeof had.root))
        return e;
    gb_audit_at(a, want->size ? 1 : 0, want->size);
    gb_hex_encode(root, had.root, sizeof had.root);
    return gb_fail_set(fail, GB_E_HISTORY,
                       "the log differs from the remembered head: at %llu its "
                       "root is %s",
                       (unsigned long long)want->size, root);
}

/* Operations that wait, by their codes. */
static enum gb_err
count_waiting(struct gb_audit *a, struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e = gb_db_prepare(
        gb_state_db(a->state), "SELECT code, count(*) FROM _wait GROUP BY code",
        &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row) {
        enum gb_code code = gb_code_parse(gb_db_blob(s, 0));
        uint64_t n = (uint64_t)sqlite3_column_int64(s, 1);
        gb_assert(code < GB_CODE_COUNT);
        a->report->waiting_by[code] += n;
        a->report->waiting += n;
    }
    sqlite3_finalize(s);
    return e;
}

static void
note_site(struct gb_audit *a)
{
    if (!a->state)
        return;
    const struct gb_site *site = gb_state_site(a->state);
    memcpy(a->report->name, site->name, sizeof a->report->name);
    memcpy(a->report->timezone, site->timezone, sizeof a->report->timezone);
}

static enum gb_err
conclude(struct gb_audit *a, struct gb_fail *fail)
{
    enum gb_err e = check_remembered(a, fail);
    if (!e)
        e = count_waiting(a, fail);
    if (!e)
        e = gb_state_digest(a->state, a->report->digest, fail);
    if (!e && a->report->witnesses) {
        gb_audit_at(a, a->witness, 0);
        *fail = a->witness_says;
        e = fail->code;
    }
    return e;
}

/* Whether a failure says something about the ledger, and not about us. */
static bool
accuses(enum gb_err e)
{
    return e != GB_E_MEMORY && e != GB_E_IO && e != GB_E_DATABASE &&
           e != GB_E_STATE && e != GB_E_USAGE;
}

struct packs {
    const struct gb_ledger *ledger;
    struct gb_fail fail;
};

/* The packs, by a thread of their own. */
static void *
check_packs(void *arg)
{
    struct packs *p = arg;
    gb_ledger_verify_packs(p->ledger, &p->fail);
    malloc_trim(0); /* nobody will ask this thread's for more */
    return NULL;
}

static enum gb_err
check_log(struct gb_audit *a, struct gb_fail *fail)
{
    enum gb_err e = gb_audit_log(a, fail);
    return e ? e : conclude(a, fail);
}

/*
 * A damaged pack does not say which positions it concerns; reading the ledger
 * does, as every object is hashed again then.
 */
static enum gb_err
check_all(struct gb_audit *a, struct gb_fail *fail)
{
    pthread_t thread;
    struct packs p = {.ledger = a->ledger};
    enum gb_err e = gb_ledger_verify_loose(a->ledger, fail);
    if (e)
        return e;
    bool beside = !pthread_create(&thread, NULL, check_packs, &p);
    if (!beside)
        check_packs(&p);
    e = check_log(a, fail);
    if (beside)
        pthread_join(thread, NULL);
    bool damaged = p.fail.code && accuses(p.fail.code);
    if (!p.fail.code || (e && accuses(e) && !damaged))
        return e;
    if (e && damaged)
        return gb_fail_wrap(fail, "%.200s", p.fail.text);
    gb_audit_at(a, 0, 0);
    return gb_fail_set(fail, p.fail.code, "%s%s", p.fail.text,
                       damaged ? " (every position reads as it should)" : "");
}

static enum gb_err
run(struct gb_audit *a, struct gb_fail *fail)
{
    enum gb_err e = make_scratch(a, fail);
    if (!e)
        e = gb_ledger_open(&a->ledger, a->plan->ledger, GB_LEDGER_READ, fail);
    if (e == GB_E_MISSING) /* nothing was accused: it is not there */
        a->report->verdict = GB_AUDIT_UNCHECKED;
    else if (!e || accuses(e))
        a->report->verdict = GB_AUDIT_WRONG;
    if (!e)
        e = check_all(a, fail);
    if (e && !accuses(e))
        a->report->verdict = GB_AUDIT_UNCHECKED;
    if (!e)
        a->report->verdict = GB_AUDIT_OK;
    return e;
}

enum gb_err
gb_audit_run(const struct gb_audit_plan *plan, struct gb_audit_report *out,
             struct gb_fail *fail)
{
    struct gb_audit *a = calloc(1, sizeof *a);
    *out = (struct gb_audit_report){0};
    out->devices = calloc(GB_DEVICE_MAX + 1, sizeof *out->devices);
    if (!a || !out->devices) {
        free(a);
        return gb_fail_memory(fail);
    }
    a->plan = plan;
    a->report = out;
    gb_buf_init(&a->epochs,
                GB_AUDIT_EPOCHS_MAX * sizeof(struct gb_audit_epoch));
    enum gb_err e = run(a, fail);
    note_site(a);
    if (!e)
        gb_audit_at(a, 0, 0);
    gb_audit_files_clear(&a->tree);
    gb_buf_release(&a->epochs);
    gb_ledger_close(a->ledger);
    gb_state_close(a->state);
    remove_scratch(a);
    free(a);
    return e;
}

void
gb_audit_release(struct gb_audit_report *report)
{
    free(report->devices);
    report->devices = NULL;
}
