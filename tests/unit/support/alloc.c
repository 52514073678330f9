/* alloc.c - see alloc.h */
#include "alloc.h"
#include "fault.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static _Atomic size_t asked;      /* from any thread */
static size_t fail_at = SIZE_MAX; /* the first that fails */
static bool fail_rest;            /* and those behind it */
static _Atomic bool was_failed;
static _Atomic int64_t used, peak; /* bytes, since alloc_peak_begin() */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void __real_free(void *p);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void __wrap_free(void *p);

/* Whether this allocation is one of those that fail. */
static bool
refuse(void)
{
    size_t n = asked++;
    if (fault_here(FAULT_MEMORY))
        return true;
    if (n != fail_at && !(fail_rest && n > fail_at))
        return false;
    was_failed = true;
    errno = ENOMEM;
    return true;
}

/* What was given out, counted. */
static void *
given(void *p)
{
    used += p ? (int64_t)malloc_usable_size(p) : 0;
    peak = used > peak ? used : peak;
    return p;
}

void *
__wrap_malloc(size_t n)
{
    return refuse() ? NULL : given(__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : given(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t n)
{
    if (refuse())
        return NULL;
    int64_t old = p ? (int64_t)malloc_usable_size(p) : 0;
    void *grown = __real_realloc(p, n);
    used -= grown ? old : 0;
    return given(grown);
}

char *
__wrap_strdup(const char *text)
{
    return refuse() ? NULL : given(__real_strdup(text));
}

char *
__wrap_strndup(const char *text, size_t n)
{
    return refuse() ? NULL : given(__real_strndup(text, n));
}

void
__wrap_free(void *p)
{
    used -= p ? (int64_t)malloc_usable_size(p) : 0;
    __real_free(p);
}

void
alloc_peak_begin(void)
{
    used = peak = 0;
}

size_t
alloc_peak(void)
{
    return (size_t)peak;
}

/* Start counting anew. */
static void
arm(size_t n, bool rest)
{
    asked = 0;
    fail_at = n;
    fail_rest = rest;
    was_failed = false;
}

void
alloc_fail_once(size_t n)
{
    arm(n, false);
}

void
alloc_fail_from(size_t n)
{
    arm(n, true);
}

void
alloc_fail_never(void)
{
    arm(SIZE_MAX, false);
}

size_t
alloc_count(void)
{
    return asked;
}

bool
alloc_was_failed(void)
{
    return was_failed;
}

/* One sweep; returns the allocations of the run in which nothing failed. */
static size_t
sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail), void *arg,
      bool rest)
{
    for (size_t n = 0;; n++) {
        struct gb_fail fail = {0};
        arm(n, rest);
        enum gb_err err = work(arg, &fail);
        size_t count = asked;
        bool failed = was_failed;
        alloc_fail_never();
        enum gb_err want = failed ? GB_E_MEMORY : GB_OK;
        if (err != want)
            fail_msg("allocation %zu%s: %s instead of %s: %s", n,
                     rest ? " and on" : "", gb_err_name(err), gb_err_name(want),
                     fail.text);
        if (!failed)
            return count;
    }
}

size_t
alloc_sweep(enum gb_err (*work)(void *arg, struct gb_fail *fail), void *arg)
{
    size_t count = sweep(work, arg, false);
    sweep(work, arg, true);
    assert_true(count > 0);
    return count;
}
