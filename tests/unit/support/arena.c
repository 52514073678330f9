/* arena.c - arenas without memory (fault.h): from a block that is there already
 * they need none, so those failures are made here. */
#include "engine/buf.h"
#include "fault.h"

void *__real_gb_arena_alloc(struct gb_arena *a, size_t n);
void *__real_gb_arena_array(struct gb_arena *a, size_t n, size_t size);
struct gb_span __real_gb_arena_copy(struct gb_arena *a, struct gb_span s);
char *__real_gb_arena_text(struct gb_arena *a, const char *text);

void *__wrap_gb_arena_alloc(struct gb_arena *a, size_t n);
void *__wrap_gb_arena_array(struct gb_arena *a, size_t n, size_t size);
struct gb_span __wrap_gb_arena_copy(struct gb_arena *a, struct gb_span s);
char *__wrap_gb_arena_text(struct gb_arena *a, const char *text);

void *
__wrap_gb_arena_alloc(struct gb_arena *a, size_t n)
{
    return fault_here(FAULT_MEMORY) ? NULL : __real_gb_arena_alloc(a, n);
}

void *
__wrap_gb_arena_array(struct gb_arena *a, size_t n, size_t size)
{
    return fault_here(FAULT_MEMORY) ? NULL : __real_gb_arena_array(a, n, size);
}

struct gb_span
__wrap_gb_arena_copy(struct gb_arena *a, struct gb_span s)
{
    return fault_here(FAULT_MEMORY) ? GB_SPAN(NULL, 0)
                                    : __real_gb_arena_copy(a, s);
}

char *
__wrap_gb_arena_text(struct gb_arena *a, const char *text)
{
    return fault_here(FAULT_MEMORY) ? NULL : __real_gb_arena_text(a, text);
}
