/* journal_parts.c - the parts of a delta: kept until the last is there, and
 * read one after another; see journal.h, journal_delta.h */
#include <string.h>

#include "journal_delta.h"

/* All parts of one delta say the same of the whole. */
static bool
same_delta(const struct gb_delta_head *a, const struct gb_delta_head *b)
{
    return a->from == b->from && a->to.size == b->to.size &&
           a->to.epoch == b->to.epoch && a->keep == b->keep &&
           !memcmp(a->to.root, b->to.root, 32) && a->accepted == b->accepted &&
           a->schema == b->schema;
}

/* The part before this one belongs to it; a first part needs none. */
static enum gb_err
check_order(struct gb_journal *j, const struct gb_delta_head *h,
            struct gb_fail *fail)
{
    struct gb_delta_head before;
    sqlite3_stmt *s;
    bool row = false;
    if (h->part == 1)
        return gb_db_exec(j->db, "DELETE FROM _part", fail);
    enum gb_err e =
        gb_db_preparef(j->db, &s, fail,
                       "SELECT bytes FROM _part WHERE part = %u", h->part - 1);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row)
        e = gb_delta_head_read(gb_db_blob(s, 0), &before, fail);
    if (!e && (!row || !same_delta(h, &before) || before.last))
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "part %u of a delta does not follow the one before",
                        h->part);
    sqlite3_finalize(s);
    return e;
}

enum gb_err
gb_journal_delta_part(struct gb_journal *j, struct gb_span part, bool *complete,
                      struct gb_fail *fail)
{
    struct gb_delta_head h;
    sqlite3_stmt *s = NULL;
    *complete = false;
    enum gb_err e = gb_delta_head_read(part, &h, fail);
    if (!e && memcmp(h.site, j->site.id, sizeof h.site))
        e = gb_fail_set(fail, GB_E_SITE, "this delta is of another site");
    if (!e && h.device != j->device)
        e = gb_fail_set(fail, GB_E_SITE,
                        "this delta is for device %d, and this is device %d",
                        h.device, j->device);
    if (!e)
        e = check_order(j, &h, fail);
    if (!e)
        e = gb_db_prepare(j->db, "REPLACE INTO _part(part, bytes) VALUES(?,?)",
                          &s, fail);
    if (!e) {
        sqlite3_bind_int64(s, 1, h.part);
        gb_db_bind_blob(s, 2, part);
        e = gb_db_run(s, fail);
    }
    sqlite3_finalize(s);
    *complete = !e && h.last;
    return e;
}

/* ------------------------------------------------------- reading them -- */

typedef enum gb_err part_fn(void *context, struct gb_span part,
                            struct gb_fail *fail);

/* The gathered parts, in order. */
static enum gb_err
each_part(struct gb_journal *j, part_fn *fn, void *context,
          struct gb_fail *fail)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e =
        gb_db_prepare(j->db, "SELECT bytes FROM _part ORDER BY part", &s, fail);
    while (!e && !(e = gb_db_step(s, &row, fail)) && row)
        e = fn(context, gb_db_blob(s, 0), fail);
    sqlite3_finalize(s);
    return e;
}

/* A stream, and what is done with each of its things. */
struct streaming {
    struct gb_delta_joined joined;
    struct gb_arena arena;
    const struct gb_schema *schema;
    gb_delta_receipt_fn *receipt;
    gb_delta_name_fn *name;
    gb_visit *record;
    void *context;
};

static enum gb_err
read_receipts(void *context, struct gb_span part, struct gb_fail *fail)
{
    struct streaming *w = context;
    struct gb_span text;
    struct gb_line line;
    enum gb_err e = gb_delta_join(&w->joined, part, fail);
    while (!e && gb_delta_joined_string(&w->joined, &text)) {
        gb_arena_reset(&w->arena);
        e = gb_line_read(text, &w->arena, &line, fail);
        if (!e)
            e = w->receipt(w->context, &line, fail);
    }
    return e;
}

static enum gb_err
read_names(void *context, struct gb_span part, struct gb_fail *fail)
{
    struct streaming *w = context;
    int table;
    int64_t id;
    enum gb_err e = gb_delta_join(&w->joined, part, fail);
    while (!e && gb_delta_joined_name(&w->joined, &table, &id))
        e = w->name(w->context, table, id, fail);
    return e;
}

static enum gb_err
read_large(void *context, struct gb_span part, struct gb_fail *fail)
{
    struct streaming *w = context;
    struct gb_span bytes;
    enum gb_err e = gb_delta_join(&w->joined, part, fail);
    while (!e && gb_delta_joined_string(&w->joined, &bytes))
        e = gb_delta_large(bytes, w->schema, w->record, w->context, fail);
    return e;
}

/* One stream from its first to its last byte. */
static enum gb_err
stream(struct gb_journal *j, struct streaming *w,
       enum gb_delta_joined_kind kind, part_fn *read, struct gb_fail *fail)
{
    gb_delta_joined_init(&w->joined, kind);
    gb_arena_init(&w->arena, GB_ARENA_MAX);
    enum gb_err e = each_part(j, read, w, fail);
    if (!e)
        e = gb_delta_joined_end(&w->joined, fail);
    gb_delta_joined_release(&w->joined);
    gb_arena_release(&w->arena);
    return e;
}

enum gb_err
gb_delta_receipts(struct gb_journal *j, gb_delta_receipt_fn *fn, void *context,
                  struct gb_fail *fail)
{
    struct streaming w = {.receipt = fn, .context = context};
    return stream(j, &w, GB_DELTA_J_RECEIPTS, read_receipts, fail);
}

enum gb_err
gb_delta_names(struct gb_journal *j, enum gb_delta_joined_kind kind,
               gb_delta_name_fn *fn, void *context, struct gb_fail *fail)
{
    struct streaming w = {.name = fn, .context = context};
    return stream(j, &w, kind, read_names, fail);
}

static enum gb_err
keep_known(void *context, struct gb_span part, struct gb_fail *fail)
{
    struct streaming *w = context;
    struct gb_span body;
    enum gb_err e = gb_delta_join(&w->joined, part, fail);
    while (!e && gb_delta_joined_string(&w->joined, &body)) {
        sqlite3_stmt *s = gb_journal_sql(w->context, GB_JSQL_ADD_KNOWN);
        gb_db_bind_blob(s, 1, body);
        e = gb_db_run(s, fail);
    }
    return e;
}

enum gb_err
gb_delta_take_known(struct gb_journal *j, struct gb_fail *fail)
{
    struct streaming w = {.context = j};
    return stream(j, &w, GB_DELTA_J_KNOWN, keep_known, fail);
}

static enum gb_err
note_waiting(void *context, struct gb_span part, struct gb_fail *fail)
{
    struct streaming *w = context;
    struct gb_span body;
    enum gb_err e = gb_delta_join(&w->joined, part, fail);
    while (!e && gb_delta_joined_string(&w->joined, &body)) {
        struct gb_reader in = gb_reader_of(body);
        uint64_t seq = gb_read_varint(&in), index = gb_read_varint(&in);
        enum gb_code code =
            gb_code_parse(gb_read_bytes(&in, gb_read_left(&in)));
        if (in.bad || code == GB_CODE_COUNT)
            return gb_fail_set(fail, GB_E_FORMAT,
                               "what waits, in a delta: damaged");
        sqlite3_stmt *s = gb_journal_sql(w->context, GB_JSQL_STILL_TAKEN);
        sqlite3_bind_int64(s, 1, (int64_t)seq);
        sqlite3_bind_int64(s, 2, (int64_t)index);
        gb_db_bind_text(s, 3, gb_code_name(code));
        e = gb_db_run(s, fail);
    }
    return e;
}

enum gb_err
gb_delta_still_waiting(struct gb_journal *j, struct gb_delta_in *d,
                       struct gb_fail *fail)
{
    struct streaming w = {.context = j};
    /* a malformed set waits for ever, and its operations have no row there */
    enum gb_err e = gb_db_exec(
        j->db, "UPDATE _taken SET code = NULL WHERE code <> 'MALFORMED'", fail);
    if (!e)
        e = stream(j, &w, GB_DELTA_J_WAITS, note_waiting, fail);
    if (!e)
        e = gb_db_exec(j->db, "DELETE FROM _taken WHERE code IS NULL", fail);
    if (!e)
        d->counts->released = sqlite3_changes(j->db);
    return e;
}

struct visiting {
    const struct gb_schema *schema;
    gb_visit *visit;
    void *context;
};

static enum gb_err
read_records(void *context, struct gb_span part, struct gb_fail *fail)
{
    const struct visiting *v = context;
    return gb_delta_records(part, v->schema, v->visit, v->context, fail);
}

enum gb_err
gb_delta_all_records(struct gb_journal *j, gb_visit *visit, void *context,
                     struct gb_fail *fail)
{
    struct visiting v = {j->schema, visit, context};
    struct streaming w = {
        .schema = j->schema, .record = visit, .context = context};
    enum gb_err e = each_part(j, read_records, &v, fail);
    return e ? e : stream(j, &w, GB_DELTA_J_LARGE, read_large, fail);
}
