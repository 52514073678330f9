/* lines_one.c - one JSON line becomes one operation; see lines.h */
#include <stdio.h>
#include <string.h>

#include "engine/near.h"
#include "fields.h"
#include "lines.h"

/* What a line may hold; the first four say what is to be done. */
enum key { FIELDS, SET, ADD, VOID, TABLE, REF, ID, KEYS };
static const char *const key_names[KEYS] = {"fields", "set", "add", "void",
                                            "table",  "ref", "id"};

struct line {
    const struct gb_json *at[KEYS]; /* NULL: not there */
    enum key what;
    int table;
};

static const char *
key_name(const void *context, int i)
{
    (void)context;
    return i < KEYS ? key_names[i] : NULL;
}

/* The members by their keys. */
static enum gb_err
sort_members(const struct gb_json *object, struct line *l, struct gb_fail *fail)
{
    struct gb_json_member m = {0};
    int n = 0;
    if (gb_json_type(object) != GB_JSON_OBJECT)
        return gb_fail_set(fail, GB_E_TYPE, "%s, where an object is wanted",
                           gb_json_type_name(gb_json_type(object)));
    while (gb_json_next(object, &m)) {
        int k = 0;
        while (k < KEYS && !gb_span_equal(m.key, gb_span_text(key_names[k])))
            k++;
        if (k == KEYS)
            return gb_near_fail(fail, "key", m.key, key_name, NULL);
        l->at[k] = m.value;
        if (k <= VOID) {
            l->what = (enum key)k;
            n++;
        }
    }
    return n == 1 ? GB_OK
                  : gb_fail_set(fail, GB_E_FORMAT,
                                "one of fields, set, add and void is wanted");
}

/* The members have the types they need. */
static enum gb_err
check_types(const struct gb_json *object, const struct line *l,
            struct gb_fail *fail)
{
    const struct gb_json *v;
    enum gb_json_type what = l->what == VOID ? GB_JSON_TEXT : GB_JSON_OBJECT;
    enum gb_err e = gb_json_need(object, "table", GB_JSON_TEXT, &v, fail);
    if (!e)
        e = gb_json_need(object, key_names[l->what], what, &v, fail);
    if (!e && l->at[REF])
        e = gb_json_need(object, "ref", GB_JSON_TEXT, &v, fail);
    if (!e && l->what == FIELDS && l->at[ID])
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "a new record gets its id here: leave `id` out");
    if (!e && l->what != FIELDS && !l->at[ID] == !l->at[REF])
        e = gb_fail_set(fail, GB_E_FORMAT,
                        "one of id and ref is wanted to name the record");
    return e;
}

/* The record that `id` or `ref` names. */
static enum gb_err
find_record(struct gb_folder *f, const struct line *l, int64_t *id,
            struct gb_fail *fail)
{
    if (l->at[REF])
        return gb_journal_ref(f->journal, l->table, gb_json_text(l->at[REF]),
                              id, fail);
    if (gb_json_type(l->at[ID]) == GB_JSON_TEXT)
        return gb_fields_record(f, l->table, gb_json_text(l->at[ID]), id, fail);
    *id = gb_json_int(l->at[ID]);
    return gb_json_type(l->at[ID]) == GB_JSON_INT
               ? GB_OK
               : gb_fail_set(fail, GB_E_TYPE, "id: %s names no record",
                             gb_json_type_name(gb_json_type(l->at[ID])));
}

static enum gb_err
read_values(struct gb_folder *f, const struct line *l,
            struct gb_assign values[GB_COLUMNS_MAX], int *n,
            struct gb_fail *fail)
{
    struct gb_json_member m = {0};
    enum gb_err e = GB_OK;
    *n = 0;
    /* a key cannot stand twice, so there are no more than columns */
    while (!e && gb_json_next(l->at[l->what], &m)) {
        gb_assert(*n < GB_COLUMNS_MAX);
        e = gb_fields_member(f, l->table, &m, l->what == ADD, &values[*n],
                             fail);
        if (!e)
            (*n)++;
    }
    return e;
}

static enum gb_err
perform(struct gb_folder *f, const struct line *l,
        struct gb_lines_report *counts, struct gb_fail *fail)
{
    struct gb_assign values[GB_COLUMNS_MAX];
    int64_t id;
    int n = 0;
    enum gb_err e = GB_OK;
    if (l->what != VOID)
        e = read_values(f, l, values, &n, fail);
    if (!e && l->what == FIELDS) {
        struct gb_span ref = gb_json_text(l->at[REF]);
        if (l->at[REF] && !ref.len)
            return gb_fail_set(fail, GB_E_VALUE,
                               "ref: empty; leave it out instead");
        e = gb_journal_insert(f->journal, l->table, ref, values, n, &id, fail);
        counts->inserted += !e;
        return e;
    }
    if (!e)
        e = find_record(f, l, &id, fail);
    if (e)
        return e;
    if (l->what == VOID) {
        e = gb_journal_void(f->journal, l->table, id, gb_json_text(l->at[VOID]),
                            fail);
        counts->voided += !e;
        return e;
    }
    e = gb_journal_set(f->journal, l->table, id, values, n, fail);
    counts->changed += !e;
    return e;
}

enum gb_err
gb_lines_one(struct gb_folder *f, struct gb_span line,
             struct gb_lines_report *counts, struct gb_fail *fail)
{
    struct gb_json *object = NULL;
    const struct gb_schema *s;
    struct line l = {.at = {NULL}};
    enum gb_err e = gb_fields_schema(f->journal, &s, fail);
    if (!e)
        e = gb_json_parse(line, &object, fail);
    if (!e)
        e = sort_members(object, &l, fail);
    if (!e)
        e = check_types(object, &l, fail);
    if (!e)
        e = gb_fields_table(f, gb_json_text(l.at[TABLE]), &l.table, fail);
    if (!e)
        e = perform(f, &l, counts, fail);
    gb_json_free(object);
    return e;
}
