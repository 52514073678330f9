/* names.c - see names.h */
#include "hub/names.h"

#include <stdlib.h>

/* FNV-1a, 64 bits: the names are the office's own. */
static uint64_t
hash(struct gb_span s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.ptr[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

/* Where the name is, or would be. */
static struct gb_named *
find(const struct gb_names_map *m, struct gb_span name)
{
    size_t i = (size_t)hash(name) & (m->size - 1);
    while (m->slots[i].id && !gb_span_equal(m->slots[i].name, name))
        i = (i + 1) & (m->size - 1);
    return &m->slots[i];
}

void
gb_names_map_release(struct gb_names_map *m)
{
    free(m->slots);
    *m = (struct gb_names_map){0};
}

int64_t
gb_names_map_get(const struct gb_names_map *m, struct gb_span name)
{
    return m->size ? find(m, name)->id : 0;
}

bool
gb_names_map_add(struct gb_names_map *m, struct gb_span name, int64_t id)
{
    if (2 * (m->count + 1) > m->size) {
        struct gb_names_map next = {.size = m->size ? 2 * m->size : 64,
                                    .count = m->count};
        next.slots = calloc(next.size, sizeof *next.slots);
        if (!next.slots)
            return false;
        for (size_t i = 0; i < m->size; i++)
            if (m->slots[i].id)
                *find(&next, m->slots[i].name) = m->slots[i];
        free(m->slots);
        *m = next;
    }
    *find(m, name) = (struct gb_named){name, id};
    m->count++;
    return true;
}
