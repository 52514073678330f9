/* near.c - see near.h */
#include "near.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 64  /* longer names are not compared */
#define LIST_MAX 400 /* bytes of the list of names */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
gb_near_distance(struct gb_span a, struct gb_span b)
{
    size_t rows[3][WORD_MAX + 1];
    if (a.len > WORD_MAX || b.len > WORD_MAX)
        return SIZE_MAX;
    for (size_t k = 0; k <= b.len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            row[k] = least(last[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]),
                           least(last[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] &&
                a.ptr[i - 2] == b.ptr[k - 1])
                row[k] = least(row[k], before[k - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

/* The closest name if it is close enough to be meant, else NULL. */
static const char *
closest(struct gb_span name, gb_near_name *names, const void *context)
{
    const char *best = NULL, *n;
    size_t best_distance = SIZE_MAX;
    for (int i = 0; (n = names(context, i)); i++) {
        size_t d = gb_near_distance(name, gb_span_text(n));
        if (d < best_distance && d <= (strlen(n) + 1) / 3) {
            best = n;
            best_distance = d;
        }
    }
    return best;
}

/* "X, Y, Z", cut off with "..." where no more fits. */
static void
list(char out[LIST_MAX], gb_near_name *names, const void *context)
{
    const char *n;
    size_t len = 0;
    *out = 0;
    for (int i = 0; (n = names(context, i)); i++) {
        if (len + strlen(n) + 8 > LIST_MAX) {
            snprintf(out + len, LIST_MAX - len, ", ...");
            return;
        }
        len += (size_t)snprintf(out + len, LIST_MAX - len, "%s%s",
                                i ? ", " : "", n);
    }
}

enum gb_err
gb_near_fail(struct gb_fail *fail, const char *what, struct gb_span name,
             gb_near_name *names, const void *context)
{
    char known[LIST_MAX];
    int shown = (int)least(name.len, 60);
    const char *best = closest(name, names, context);
    if (best)
        return gb_fail_set(fail, GB_E_UNKNOWN,
                           "%s '%.*s' is not known: did you mean %s?", what,
                           shown, (const char *)name.ptr, best);
    list(known, names, context);
    return gb_fail_set(fail, GB_E_UNKNOWN, "%s '%.*s' is not known: there %s%s",
                       what, shown, (const char *)name.ptr,
                       *known ? "are " : "is none", known);
}

/* --------------------------------------------------- names of a schema -- */

static const char *
table_name(const void *context, int i)
{
    const struct gb_schema *s = context;
    return i < s->ntables ? s->tables[i].name : NULL;
}

enum gb_err
gb_near_table(const struct gb_schema *s, struct gb_span name, int *table,
              struct gb_fail *fail)
{
    *table = gb_schema_table(s, name);
    return *table >= 0 ? GB_OK
                       : gb_near_fail(fail, "table", name, table_name, s);
}

static const char *
column_name(const void *context, int i)
{
    const struct gb_table *t = context;
    return i < t->ncolumns ? t->columns[i].name : NULL;
}

enum gb_err
gb_near_column(const struct gb_table *t, struct gb_span name, int *column,
               struct gb_fail *fail)
{
    *column = gb_table_column(t, name);
    if (*column >= 0)
        return GB_OK;
    gb_near_fail(fail, "field", name, column_name, t);
    return gb_fail_wrap(fail, "%s", t->name);
}
