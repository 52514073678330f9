/* schema.c - schemas as values: text, look-ups, succession; see schema.h */
#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "limits.h"
#include "schema_load.h"

const struct gb_schema gb_schema_none = {.actor_table = -1, .actor_level = -1};

#define FILE_NAME_MAX 127          /* bytes of a file's name */
#define DICTIONARY_MAX (32 * 1024) /* as far back as deflate looks */

/* ----------------------------------------------------------- text -- */

/* A name that sorts and prints the same everywhere: NAME.sql, not hidden. */
static bool
good_file_name(struct gb_span name)
{
    if (name.len < 5 || name.len > FILE_NAME_MAX || *name.ptr == '.' ||
        memcmp(name.ptr + name.len - 4, ".sql", 4) || !gb_utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f || name.ptr[i] == '/')
            return false;
    return true;
}

/* qsort callback: files by name, byte by byte. */
static int
by_name(const void *a, const void *b)
{
    const struct gb_schema_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Write sorted files, once their names are known to be good. */
static enum gb_err
write_pack(const struct gb_schema_file *files, size_t n, struct gb_buf *out,
           struct gb_fail *fail)
{
    size_t start = out->len;
    gb_buf_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        if (!good_file_name(gb_span_text(files[i].name)))
            return gb_fail_set(fail, GB_E_SCHEMA,
                               "%s: not the name of a schema file, NAME.sql",
                               files[i].name);
        if (i && !strcmp(files[i - 1].name, files[i].name))
            return gb_fail_set(fail, GB_E_SCHEMA, "%s: there twice",
                               files[i].name);
        gb_buf_string(out, gb_span_text(files[i].name));
        gb_buf_string(out, files[i].text);
        if (out->len - start > GB_SCHEMA_MAX)
            return gb_fail_set(fail, GB_E_LIMIT,
                               "the schema is larger than %d bytes",
                               GB_SCHEMA_MAX);
    }
    return gb_buf_check(out, "schema", fail);
}

enum gb_err
gb_schema_pack(const struct gb_schema_file *files, size_t n, struct gb_buf *out,
               struct gb_fail *fail)
{
    if (!n)
        return gb_fail_set(fail, GB_E_SCHEMA, "a schema has no files");
    struct gb_schema_file *sorted = calloc(n, sizeof *sorted);
    if (!sorted)
        return gb_fail_memory(fail);
    memcpy(sorted, files, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    enum gb_err err = write_pack(sorted, n, out, fail);
    free(sorted);
    return err;
}

/* A copy with a NUL behind it. */
static const char *
closed_copy(struct gb_arena *arena, struct gb_span s)
{
    char *copy = gb_arena_alloc(arena, s.len + 1);
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

enum gb_err
gb_schema_unpack(struct gb_span text, struct gb_arena *arena,
                 struct gb_schema_file **files, size_t *n, struct gb_fail *fail)
{
    struct gb_reader r = gb_reader_of(text);
    struct gb_span before = {0};
    *n = gb_read_count(&r, 7); /* a name of five bytes, two lengths */
    *files = gb_arena_array(arena, *n, sizeof **files);
    if (!*files)
        return gb_fail_memory(fail);
    for (size_t i = 0; i < *n && !r.bad; i++) {
        struct gb_span name = gb_read_string(&r);
        struct gb_span body = gb_read_string(&r);
        r.bad |= !good_file_name(name) || gb_span_compare(before, name) >= 0;
        const char *name_copy = closed_copy(arena, name);
        const char *body_copy = closed_copy(arena, body);
        if (!name_copy || !body_copy)
            return gb_fail_memory(fail);
        (*files)[i] =
            (struct gb_schema_file){name_copy, GB_SPAN(body_copy, body.len)};
        before = name;
    }
    if (!gb_read_done(&r) || !*n)
        return gb_fail_set(fail, GB_E_FORMAT, "the schema's text is damaged");
    return GB_OK;
}

/* --------------------------------------------------------- folder -- */

/* Read the files of these names; texts are borrowed from `bytes`. */
static enum gb_err
read_files(const char *folder, const struct gb_names *names,
           struct gb_buf *bytes, struct gb_schema_file *files,
           struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    enum gb_err err = GB_OK;
    for (size_t i = 0; !err && i < names->count; i++) {
        size_t start = bytes->len;
        snprintf(path, sizeof path, "%.3000s/%s", folder, names->list[i]);
        err = gb_file_read(path, bytes, fail);
        files[i] = (struct gb_schema_file){names->list[i],
                                           GB_SPAN(NULL, bytes->len - start)};
    }
    /* The buffer no longer moves. */
    const uint8_t *at = bytes->ptr;
    for (size_t i = 0; !err && i < names->count; i++) {
        files[i].text.ptr = at;
        at += files[i].text.len;
    }
    return err;
}

enum gb_err
gb_schema_read_folder(const char *folder, struct gb_buf *out,
                      struct gb_fail *fail)
{
    struct gb_names names;
    struct gb_schema_file *files = NULL;
    struct gb_buf bytes;
    gb_buf_init(&bytes, GB_SCHEMA_MAX);
    /* Whatever order this is, gb_schema_pack() sorts again. */
    enum gb_err err = gb_file_list_files(folder, ".sql", &names, fail);
    if (!err && !names.count)
        err = gb_fail_set(fail, GB_E_SCHEMA, "%s: there are no .sql files",
                          folder);
    if (!err && !(files = calloc(names.count, sizeof *files)))
        err = gb_fail_memory(fail);
    if (!err)
        err = read_files(folder, &names, &bytes, files, fail);
    if (!err)
        err = gb_schema_pack(files, names.count, out, fail);
    gb_names_release(&names);
    free(files);
    gb_buf_release(&bytes);
    return err;
}

/* ------------------------------------------------------- look-ups -- */

void
gb_schema_free(struct gb_schema *s)
{
    if (!s)
        return;
    gb_arena_release(&s->arena);
    free(s);
}

int
gb_schema_table(const struct gb_schema *s, struct gb_span name)
{
    for (int i = 0; i < s->ntables; i++)
        if (gb_span_equal(name, gb_span_text(s->tables[i].name)))
            return i;
    return -1;
}

int
gb_table_column(const struct gb_table *t, struct gb_span name)
{
    for (int i = 0; i < t->ncolumns; i++)
        if (gb_span_equal(name, gb_span_text(t->columns[i].name)))
            return i;
    return -1;
}

const char *
gb_schema_label(const struct gb_schema *s, int table, int column,
                const struct gb_value *value, const char *lang)
{
    const struct gb_value none = GB_VALUE_NULL;
    const char *other = NULL;
    for (int i = 0; i < s->nlabels; i++) {
        const struct gb_label *l = &s->labels[i];
        if (l->table != table || l->column != column ||
            !gb_value_equal(&l->value, value ? value : &none))
            continue;
        if (!strcmp(l->lang, lang))
            return l->text;
        other = other ? other : l->text;
    }
    return other;
}

/* ----------------------------------------------------- dictionary -- */

/* Whether a text was added before; starts[i] is where the i-th is. */
static bool
was_added(const struct gb_buf *d, const uint32_t *starts, int n,
          struct gb_span text)
{
    for (int i = 0; i < n; i++)
        if (gb_span_equal(
                text, GB_SPAN(d->ptr + starts[i], starts[i + 1] - starts[i])))
            return true;
    return false;
}

/* Add the texts of one enum; false when the dictionary is full. */
static bool
add_enum(const struct gb_column *c, struct gb_buf *d, uint32_t *starts, int *n)
{
    for (int i = 0; i < c->nenums; i++) {
        struct gb_span text = c->enums[i].as.s;
        if (c->enums[i].type != GB_TEXT || !text.len ||
            was_added(d, starts, *n, text))
            continue;
        if (d->len + text.len > DICTIONARY_MAX)
            return false;
        gb_buf_span(d, text);
        starts[++*n] = (uint32_t)d->len;
    }
    return !d->failed;
}

enum gb_err
gb_schema_dictionary(struct gb_schema *s, struct gb_fail *fail)
{
    struct gb_buf d;
    gb_buf_init(&d, DICTIONARY_MAX);
    int n = 0;
    bool room = true;
    uint32_t *starts = calloc(DICTIONARY_MAX + 1, sizeof *starts);
    enum gb_err err = starts ? GB_OK : GB_E_MEMORY;
    for (int t = 0; !err && room && t < s->ntables; t++)
        for (int c = 0; room && c < s->tables[t].ncolumns; c++)
            room = add_enum(&s->tables[t].columns[c], &d, starts, &n);
    if (!err && !d.failed)
        s->dictionary = gb_arena_copy(&s->arena, gb_buf_view(&d));
    if (!s->dictionary.ptr)
        err = gb_fail_memory(fail);
    gb_buf_release(&d);
    free(starts);
    return err;
}

/* ----------------------------------------------------- succession -- */

/* Where a value of an older rule shows among those of the newer: by `prefer`
 * or by badness; -1 when it is gone. */
static int
rank_in(const struct gb_rule *next, const struct gb_rule *old, int i)
{
    struct gb_value v = gb_value_text(old->values[i]);
    int k = gb_rule_value(next, &v);
    return k < 0 || next->kind != GB_RULE_STATE ? k : next->prefer[k];
}

/* What decides between concurrent writes must stay: sets that have not seen
 * the new version merge before and after it (MERGE.md §12).  Moves and levels
 * may change: a set is judged by the version that it names. */
static const char *
rule_change(const struct gb_rule *a, const struct gb_rule *b)
{
    if (a->back != b->back)
        return "lets another level go back";
    for (int i = 0; i < a->nvalues; i++) {
        int mine = rank_in(b, a, i);
        if (mine < 0)
            return "lacks a value that its rule had";
        for (int k = 0; k < i; k++)
            if ((rank_in(a, a, i) < rank_in(a, a, k)) !=
                (mine < rank_in(b, a, k)))
                return "has the values of its rule in another order";
    }
    for (int i = 0; i < a->nmoves; i++) {
        const struct gb_move *m = &a->moves[i];
        struct gb_value from = gb_value_text(a->values[m->from]);
        struct gb_value to = gb_value_text(a->values[m->to]);
        const struct gb_move *n =
            gb_rule_move(b, gb_rule_value(b, &from), gb_rule_value(b, &to));
        if (n && n->review != m->review)
            return n->review ? "sends an old move to review"
                             : "no longer sends a move to review";
    }
    return NULL;
}

/* What keeps a column from following another; NULL when nothing does. */
static const char *
column_change(const struct gb_schema *old, const struct gb_column *a,
              const struct gb_schema *next, const struct gb_column *b)
{
    if (a->type != b->type)
        return "has another type";
    if (a->personal != b->personal)
        return a->personal ? "is no longer personal" : "is now personal";
    if (a->rule.kind != b->rule.kind)
        return "has another kind of rule";
    const char *to_a = a->refers < 0 ? "" : old->tables[a->refers].name;
    const char *to_b = b->refers < 0 ? "" : next->tables[b->refers].name;
    if (strcmp(to_a, to_b))
        return "refers to another table";
    return rule_change(&a->rule, &b->rule);
}

/* The columns of a table that is there in both. */
static enum gb_err
table_follows(const struct gb_schema *old, const struct gb_table *a,
              const struct gb_schema *next, const struct gb_table *b,
              struct gb_fail *fail)
{
    for (int i = 0; i < a->ncolumns; i++) {
        const char *name = a->columns[i].name, *change = NULL;
        int j = gb_table_column(b, gb_span_text(name));
        if (j < 0)
            change = "is missing";
        else if (j != i)
            change = "has another number (new columns go behind the old ones)";
        else
            change = column_change(old, &a->columns[i], next, &b->columns[j]);
        if (change)
            return gb_fail_set(fail, GB_E_SCHEMA,
                               "%s.%s %s: a schema may add, and not take back",
                               a->name, name, change);
    }
    return GB_OK;
}

enum gb_err
gb_schema_follows(const struct gb_schema *old, const struct gb_schema *next,
                  struct gb_fail *fail)
{
    for (int i = 0; i < old->ntables; i++) {
        const struct gb_table *t = &old->tables[i];
        int j = gb_schema_table(next, gb_span_text(t->name));
        if (j != i)
            return gb_fail_set(fail, GB_E_SCHEMA,
                               "table %s %s: a schema may add, and not take "
                               "back",
                               t->name,
                               j < 0 ? "is missing"
                                     : "has another number (new tables go "
                                       "into a file that sorts last)");
        enum gb_err err = table_follows(old, t, next, &next->tables[j], fail);
        if (err)
            return err;
    }
    return GB_OK;
}
