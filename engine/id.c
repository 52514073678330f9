/* id.c - see id.h */
#include "id.h"

#include <stdio.h>

bool
gb_id_valid(int64_t id)
{
    return id > 0 && (id & GB_COUNTER_MAX) != 0 &&
           gb_id_device(id) <= GB_DEVICE_MAX;
}

void
gb_id_print(char out[GB_ID_TEXT], int64_t id)
{
    snprintf(out, GB_ID_TEXT, "%d-%lld", gb_id_device(id),
             (long long)(id & GB_COUNTER_MAX));
}

/* Decimal digits up to a '-' or the end; -1 when there are none or too many. */
static int64_t
digits(struct gb_span *s)
{
    int64_t v = 0;
    size_t n = 0;
    for (; n < s->len && n < 18 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
        v = v * 10 + (s->ptr[n] - '0');
    if (n == 0 || n > 17)
        return -1;
    s->ptr += n;
    s->len -= n;
    return v;
}

bool
gb_id_parse(struct gb_span text, int64_t *out)
{
    int64_t first = digits(&text), counter;
    if (first < 0)
        return false;
    if (text.len == 0) {
        *out = first;
        return gb_id_valid(first);
    }
    if (text.ptr[0] != '-' || first > GB_DEVICE_MAX)
        return false;
    text.ptr++;
    text.len--;
    counter = digits(&text);
    if (counter < 1 || counter > GB_COUNTER_MAX || text.len)
        return false;
    *out = gb_id_make((int)first, counter);
    return true;
}
