/*
 * cmd_retry.c - `gengbu-hub quarantine HUB retry N`: a person's word that what
 * waits shall take effect (docs/MERGE.md M23), or that bytes which nobody had
 * signed be looked at again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/json.h"
#include "engine/tlv.h"
#include "hub/cmd.h"
#include "hub/quarantine.h"
#include "hub/waiting.h"

struct retrying {
    const struct gb_args *args;
    struct gb_office *office;
    const char *which;
    struct gb_opname *names; /* what is released, by (device, stamp) */
    int n;
    bool is_json;
};

/* Print a JSON document and release it. */
static enum gb_err
print_document(struct gb_buf *out, struct gb_fail *fail)
{
    gb_buf_text(out, "\n");
    enum gb_err e = gb_buf_check(out, "what came of it", fail);
    if (!e)
        fwrite(out->ptr, 1, out->len, stdout);
    gb_buf_release(out);
    return e;
}

/* ---------------------------------------------------- work that waits -- */

/* The operations that wait at a position, or the one of them. */
static enum gb_err
find_names(struct retrying *r, unsigned long long pos, int index,
           struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row;
    enum gb_err e =
        gb_db_preparef(gb_state_db(r->office->state), &s, fail,
                       "SELECT device, stamp FROM _wait WHERE pos = %lld AND "
                       "idx BETWEEN %d AND %d ORDER BY device, stamp",
                       (long long)pos, index < 0 ? 0 : index,
                       index < 0 ? GB_SET_OPS_MAX : index);
    r->names = calloc(GB_SET_OPS_MAX, sizeof *r->names);
    if (!e && !r->names)
        e = gb_fail_memory(fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        r->names[r->n++] = (struct gb_opname){sqlite3_column_int(s, 0),
                                              sqlite3_column_int64(s, 1)};
    sqlite3_finalize(s);
    if (!e && !r->n)
        e = gb_fail_set(fail, GB_E_MISSING,
                        "nothing waits at '%s': `gengbu-hub quarantine` lists "
                        "what does",
                        r->which);
    return e;
}

/* One signed operation for each GB_NAMES_MAX names. */
static enum gb_err
release(struct retrying *r, int64_t actor, const char *reason,
        struct gb_fail *fail)
{
    struct gb_op ops[GB_SET_OPS_MAX / GB_NAMES_MAX] = {{0}};
    struct gb_buf payload;
    int n = 0;
    gb_buf_init(&payload, 4096);
    gb_tlv_number(&payload, GB_RELEASE_FORCE, 1);
    gb_tlv_put(&payload, GB_RELEASE_REASON, gb_span_text(reason));
    enum gb_err e = gb_buf_check(&payload, "a reason", fail);
    for (int at = 0; at < r->n; at += GB_NAMES_MAX) {
        struct gb_op *op = &ops[n++];
        *op = (struct gb_op){.kind = GB_RELEASE,
                             .text = gb_buf_view(&payload),
                             .names = r->names + at,
                             .nnames = r->n - at < GB_NAMES_MAX ? r->n - at
                                                                : GB_NAMES_MAX};
    }
    if (!e)
        e = gb_office_own(r->office, ops, n, actor, fail);
    gb_buf_release(&payload);
    return e;
}

/* The code by which an operation still waits, or NONE. */
static enum gb_err
still(struct retrying *r, const struct gb_opname *name, enum gb_code *code,
      struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    *code = GB_CODE_NONE;
    enum gb_err e =
        gb_db_preparef(gb_state_db(r->office->state), &s, fail,
                       "SELECT code FROM _wait WHERE device = %d AND stamp = "
                       "%lld",
                       name->device, (long long)name->stamp);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row)
        *code = gb_code_parse(gb_db_blob(s, 0));
    sqlite3_finalize(s);
    return e;
}

static void
print_counts(const struct retrying *r, const int *counts)
{
    printf("%d of %d took effect\n", counts[GB_CODE_NONE], r->n);
    for (enum gb_code c = 1; c < GB_CODE_COUNT; c++)
        if (counts[c])
            printf("%d wait: %s: %s\n", counts[c], gb_code_name(c),
                   gb_code_text(c));
}

static enum gb_err
write_counts(const struct retrying *r, const int *counts, struct gb_fail *fail)
{
    struct gb_buf out;
    gb_buf_init(&out, 65536);
    struct gb_json_writer w = gb_json_writer(&out, true);
    gb_json_begin_object(&w);
    gb_json_pair_int(&w, "operations", r->n);
    gb_json_pair_int(&w, "took_effect", counts[GB_CODE_NONE]);
    gb_json_key(&w, "waiting");
    gb_json_begin_object(&w);
    for (enum gb_code c = 1; c < GB_CODE_COUNT; c++)
        if (counts[c])
            gb_json_pair_int(&w, gb_code_name(c), counts[c]);
    gb_json_end_object(&w);
    gb_json_end_object(&w);
    return print_document(&out, fail);
}

/* How many took effect, and why the others still wait. */
static enum gb_err
tell(struct retrying *r, struct gb_fail *fail)
{
    int counts[GB_CODE_COUNT + 1] = {0};
    enum gb_err e = GB_OK;
    for (int i = 0; i < r->n && !e; i++) {
        enum gb_code code;
        e = still(r, &r->names[i], &code, fail);
        counts[code]++;
    }
    if (!e && r->is_json)
        e = write_counts(r, counts, fail);
    else if (!e)
        print_counts(r, counts);
    if (e)
        return e;
    return counts[GB_CODE_NONE] ? GB_OK
                                : gb_fail_set(fail, GB_E_STATE,
                                              "'%s' goes on waiting", r->which);
}

static enum gb_err
retry_work(struct retrying *r, unsigned long long pos, int index,
           struct gb_fail *fail)
{
    int64_t actor;
    const char *reason = gb_args_value(r->args, "reason");
    enum gb_err e = gb_cmd_name("reason", reason, 1000, fail);
    if (!e)
        e = gb_cmd_supervisor(r->office, gb_args_value(r->args, "actor"),
                              &actor, fail);
    if (!e)
        e = find_names(r, pos, index, fail);
    if (!e)
        e = release(r, actor, reason, fail);
    if (!e)
        e = tell(r, fail);
    free(r->names);
    return e;
}

/* -------------------------------------------- bytes that nobody signed -- */

/* What became of the set. */
static enum gb_err
tell_outcome(const struct retrying *r, const struct gb_arriving *a,
             struct gb_fail *fail)
{
    static const struct {
        const char *text, *word;
    } outcomes[] = {{"it is in the ledger now", "taken"},
                    {"it was in the ledger before", "known"},
                    {"it waits for the set before it", "waiting"}};
    struct gb_buf out;
    if (!r->is_json) {
        printf("%s\n", outcomes[a->outcome].text);
        return GB_OK;
    }
    gb_buf_init(&out, 4096);
    struct gb_json_writer w = gb_json_writer(&out, true);
    gb_json_begin_object(&w);
    gb_json_pair_text(&w, "outcome", outcomes[a->outcome].word);
    if (a->outcome != GB_WAITING)
        gb_json_pair_int(&w, "position", (int64_t)a->pos);
    gb_json_end_object(&w);
    return print_document(&out, fail);
}

/* A set among them may be known now: its device enrolled, say. */
static enum gb_err
retry_bytes(struct retrying *r, struct gb_fail *fail)
{
    struct gb_office *o = r->office;
    struct gb_arriving a = {.skew = {.stick = true}};
    struct gb_buf bytes;
    unsigned more = 0;
    gb_buf_init(&bytes, 2 * GB_SET_MAX);
    enum gb_err e = gb_quarantine_read(o->path, r->which, &bytes, fail);
    if (!e)
        e = gb_container_split(gb_buf_view(&bytes), &a.parts, fail);
    if (!e)
        e = gb_office_verify(o->state, o->site, &a, fail);
    if (!e)
        e = gb_office_commit(o, &a, 1, fail);
    if (!e && a.outcome == GB_REFUSED)
        e = gb_fail_set(fail, a.fail.code, "%s", a.fail.text);
    if (!e && a.outcome == GB_WAITING)
        e = gb_waiting_keep(o, &a, fail);
    if (!e && a.outcome == GB_TAKEN)
        e = gb_waiting_retry(o, &more, fail);
    if (!e)
        e = gb_quarantine_forget(o->path, r->which, fail);
    if (!e)
        e = tell_outcome(r, &a, fail);
    gb_buf_release(&bytes);
    return e ? gb_fail_wrap(fail, "%s stays in quarantine", r->which) : GB_OK;
}

/* Under the lock: nobody else changes what is looked at. */
static enum gb_err
retry(struct retrying *r, struct gb_fail *fail)
{
    unsigned long long pos;
    int index = 0, end = 0;
    if (strlen(r->which) == GB_QUARANTINE_ID - 1)
        return retry_bytes(r, fail);
    if (sscanf(r->which, "%llu.%d%n", &pos, &index, &end) == 2 &&
        !r->which[end] && index > 0)
        return retry_work(r, pos, index - 1, fail);
    if (sscanf(r->which, "%llu%n", &pos, &end) == 1 && !r->which[end])
        return retry_work(r, pos, -1, fail);
    return gb_fail_set(fail, GB_E_USAGE,
                       "'%s': give a number as `gengbu-hub quarantine` prints "
                       "it",
                       r->which);
}

enum gb_err
gb_cmd_retry(const struct gb_args *args, struct gb_fail *fail)
{
    struct retrying r = {.args = args,
                         .which = gb_args_word(args, 2),
                         .is_json = gb_args_flag(args, "json")};
    enum gb_err e = gb_cmd_open(args, "gengbu-hub quarantine", &r.office, fail);
    if (!e)
        e = gb_office_lock(r.office, fail);
    if (!e) {
        e = retry(&r, fail);
        gb_office_unlock(r.office);
    }
    gb_office_close(r.office);
    return e;
}
