/*
 * memory.c - how much of the heap is in use, see fuzz.h: by the hooks of the
 * address sanitizer where it is built in, else by standing in for the
 * allocator of glibc, which has its functions under a second name.
 */
#include "fuzz.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HOOKS
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HOOKS
#endif

/* Only of the first thread: libFuzzer has one of its own beside it. */
static _Thread_local bool counts;
static size_t live, peak;
static size_t limit = SIZE_MAX;

/* Bytes that came, or went. */
static void
came(size_t n)
{
    live += counts ? n : 0;
    peak = live > peak ? live : peak;
}

static void
went(size_t n)
{
    live -= !counts ? 0 : n < live ? n : live;
}

void
fuzz_memory_begin(size_t max)
{
    peak = live;
    limit = live + max;
}

void
fuzz_memory_end(void)
{
    if (peak <= limit)
        return;
    fprintf(stderr, "broken: %zu bytes over the limit\n", peak - limit);
    abort();
}

#ifdef HOOKS

int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *,
                                                       size_t),
                                              void (*)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *);

static void
on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    came(n);
}

static void
on_free(const volatile void *p)
{
    if (p)
        went(__sanitizer_get_allocated_size(p));
}

__attribute__((constructor)) static void
install(void)
{
    counts = true;
    FUZZ_CHECK(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free));
}

#else

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

__attribute__((constructor)) static void
install(void)
{
    counts = true;
}

/* What was given out, counted. */
static void *
counted(void *p)
{
    if (p)
        came(malloc_usable_size(p));
    return p;
}

void *
malloc(size_t n)
{
    return counted(__libc_malloc(n));
}

void *
calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size));
}

void *
realloc(void *p, size_t n)
{
    size_t old = p ? malloc_usable_size(p) : 0;
    void *grown = __libc_realloc(p, n);
    if (grown || !n)
        went(old);
    return counted(grown);
}

void
free(void *p)
{
    if (p)
        went(malloc_usable_size(p));
    __libc_free(p);
}

#endif
