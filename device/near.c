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

/* Edit distance (Levenshtein), one row of the table at a time. */
static size_t
distance(struct gb_span a, struct gb_span b)
{
    size_t row[WORD_MAX + 1];
    for (size_t k = 0; k <= b.len; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t change = corner + (a.ptr[i - 1] != b.ptr[k - 1]);
            corner = row[k];
            row[k] = least(change, least(row[k], row[k - 1]) + 1);
        }
    }
    return row[b.len];
}

/* The closest name if it is close enough to be meant, else NULL. */
static const char *
closest(struct gb_span name, gb_near_name *names, const void *context)
{
    const char *best = NULL, *n;
    size_t best_distance = SIZE_MAX;
    for (int i = 0; name.len <= WORD_MAX && (n = names(context, i)); i++) {
        struct gb_span known = gb_span_text(n);
        if (known.len > WORD_MAX)
            continue;
        size_t d = distance(name, known);
        if (d < best_distance && d * 3 <= known.len + 1) {
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
