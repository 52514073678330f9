/* names.h - names and the records that they mean: a hash table that grows. */
#ifndef GB_NAMES_H
#define GB_NAMES_H

#include "engine/buf.h"

/* Start from {0}. */
struct gb_names_map {
    struct gb_named {
        struct gb_span name; /* borrowed */
        int64_t id;          /* 0: free */
    } * slots;
    size_t count, size; /* size is a power of two */
};

void gb_names_map_release(struct gb_names_map *m); /* may be repeated */
/* 0 when there is no such name. */
int64_t gb_names_map_get(const struct gb_names_map *m, struct gb_span name);
/* A name that is not there yet, for an id other than 0; false: no memory. */
bool gb_names_map_add(struct gb_names_map *m, struct gb_span name, int64_t id);

#endif
