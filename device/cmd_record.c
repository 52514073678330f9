/* cmd_record.c - gengbu record, set, void: writing records */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/id.h"
#include "fields.h"
#include "lines.h"
#include "verbs.h"

/* Fields from word `first` on; the words are copied into the arena, as blobs
 * are decoded in place. */
static enum gb_err
read_fields(const struct gb_args *args, int first, struct gb_folder *f,
            int table, bool add, struct gb_arena *arena,
            struct gb_assign values[GB_COLUMNS_MAX], int *n,
            struct gb_fail *fail)
{
    uint64_t seen = 0;
    const struct gb_table *t = &gb_journal_schema(f->journal)->tables[table];
    static_assert(GB_COLUMNS_MAX <= 64, "columns are bits of `seen`");
    *n = 0;
    for (int i = first; i < gb_args_count(args); i++) {
        struct gb_assign a;
        char *word = gb_arena_text(arena, gb_args_word(args, i));
        if (!word)
            return gb_fail_set(fail, GB_E_LIMIT, "the fields are too long");
        enum gb_err e = gb_fields_word(f, table, word, add, &a, fail);
        if (e)
            return e;
        if (seen >> a.column & 1)
            return gb_fail_set(fail, GB_E_USAGE, "%s: given twice",
                               t->columns[a.column].name);
        seen |= (uint64_t)1 << a.column;
        values[(*n)++] = a;
    }
    return GB_OK;
}

static enum gb_err
insert(const struct gb_args *args, struct gb_folder *f, struct gb_arena *arena,
       struct gb_fail *fail)
{
    struct gb_assign values[GB_COLUMNS_MAX];
    const char *ref = gb_args_value(args, "ref");
    char text[GB_ID_TEXT];
    int table, n;
    int64_t id;
    enum gb_err e = gb_verb_table(args, 1, f, &table, fail);
    if (!e)
        e = read_fields(args, 2, f, table, false, arena, values, &n, fail);
    if (!e && ref && !*ref)
        e = gb_fail_set(fail, GB_E_USAGE, "--ref: empty; leave it out instead");
    if (!e)
        e = gb_journal_insert(f->journal, table, gb_span_text(ref ? ref : ""),
                              values, n, &id, fail);
    if (e)
        return e;
    gb_id_print(text, id);
    if (gb_args_flag(args, "json"))
        printf("{\"id\": %lld, \"name\": \"%s\"}\n", (long long)id, text);
    else
        printf("%s\n", text);
    return GB_OK;
}

static void
print_lines(const struct gb_args *args, const struct gb_lines_report *r)
{
    long long lines = r->lines, before = r->skipped, made = r->inserted,
              changed = r->changed, voided = r->voided;
    if (gb_args_flag(args, "json"))
        printf("{\"lines\": %lld, \"skipped\": %lld, \"inserted\": %lld, "
               "\"changed\": %lld, \"voided\": %lld}\n",
               lines, before, made, changed, voided);
    else
        printf("%lld lines in, %lld of them before: %lld new, %lld changed, "
               "%lld void\n",
               lines, before, made, changed, voided);
}

/* --jsonl: the report comes for a refused line, too, as what is before it is
 * in. */
static enum gb_err
import(const struct gb_args *args, int fd, struct gb_folder *f,
       struct gb_fail *fail)
{
    struct gb_lines_report report;
    enum gb_err e =
        gb_lines_import(f, gb_args_value(args, "jsonl"), fd, &report, fail);
    if (!e || report.lines)
        print_lines(args, &report);
    return e;
}

/* A table or a file, and a file alone; it is opened before the journal. */
static enum gb_err
open_lines(const struct gb_args *args, int *fd, struct gb_fail *fail)
{
    const char *path = gb_args_value(args, "jsonl");
    bool table = gb_args_count(args) > 1;
    *fd = -1;
    if (!path)
        return table ? GB_OK
                     : gb_fail_set(fail, GB_E_USAGE,
                                   "a table, or --jsonl FILE, is wanted");
    if (table || gb_args_value(args, "ref"))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--jsonl takes no table, no fields and no --ref");
    return gb_lines_open(path, fd, fail);
}

int
gb_verb_record(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_arena arena;
    int lines;
    if (open_lines(args, &lines, &fail))
        return gb_cmd_fail(args, &fail);
    gb_arena_init(&arena, 4 * GB_SET_MAX);
    enum gb_err e =
        gb_verb_open(args, &f, "gengbu record", GB_FOLDER_WRITE, &fail);
    if (!e)
        e = gb_verb_act(args, &f, &fail);
    if (!e)
        e = lines >= 0 ? import(args, lines, &f, &fail)
                       : insert(args, &f, &arena, &fail);
    gb_folder_close(&f);
    gb_arena_release(&arena);
    if (lines >= 0)
        close(lines);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

/* What set and void begin with. */
static enum gb_err
open_record(const struct gb_args *args, struct gb_folder *f, const char *holder,
            int *table, int64_t *id, struct gb_fail *fail)
{
    enum gb_err e = gb_verb_open(args, f, holder, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_verb_act(args, f, fail);
    if (!e)
        e = gb_verb_table(args, 1, f, table, fail);
    return e ? e : gb_verb_record_of(args, 2, f, *table, id, fail);
}

/* Why a column of the record shows what it did before its last change. */
static void
tell_kept(const struct gb_journal *j, const struct gb_table *t, int column)
{
    const struct gb_column *c = &t->columns[column];
    char why[120] = "its rule is `first`";
    if (c->rule.kind != GB_RULE_FIRST)
        snprintf(why, sizeof why, "nobody may go back");
    if (c->rule.back)
        snprintf(why, sizeof why,
                 "going back needs level %d, and this is level %d, the lower "
                 "of the handheld's and the actor's",
                 c->rule.back, gb_journal_level(j));
    fprintf(stderr,
            "gengbu: note: %s.%s shows what it did before: %s; what was "
            "written is recorded all the same\n",
            t->name, c->name, why);
}

int
gb_verb_set(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    struct gb_arena arena;
    struct gb_assign values[GB_COLUMNS_MAX];
    int table, n;
    int64_t id;
    gb_arena_init(&arena, 4 * GB_SET_MAX);
    enum gb_err e = open_record(args, &f, "gengbu set", &table, &id, &fail);
    if (!e)
        e = read_fields(args, 3, &f, table, true, &arena, values, &n, &fail);
    if (!e)
        e = gb_journal_set(f.journal, table, id, values, n, &fail);
    for (int i = 0; !e && i < n; i++)
        if (gb_journal_kept(f.journal, values[i].column))
            tell_kept(f.journal, &gb_journal_schema(f.journal)->tables[table],
                      values[i].column);
    gb_folder_close(&f);
    gb_arena_release(&arena);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

int
gb_verb_void(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_folder f;
    int table;
    int64_t id;
    const char *reason = gb_args_value(args, "reason");
    if (!reason)
        reason = gb_args_word(args, 3);
    if (!reason || !*reason ||
        (gb_args_value(args, "reason") && gb_args_count(args) > 3)) {
        gb_fail_set(&fail, GB_E_USAGE, "one reason is wanted: --reason TEXT");
        return gb_cmd_fail(args, &fail);
    }
    enum gb_err e = open_record(args, &f, "gengbu void", &table, &id, &fail);
    if (!e)
        e = gb_journal_void(f.journal, table, id, gb_span_text(reason), &fail);
    gb_folder_close(&f);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
