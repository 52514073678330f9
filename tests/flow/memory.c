/*
 * memory.c - a preloaded library that lets memory run out, for the program and
 * all libraries that it uses.
 *
 *   MEMORY_AT=n     the n-th allocation fails, from 1, and all behind it
 *   MEMORY_ONCE=1   only that one
 *   MEMORY_CALLS=F  at exit, write to the file F which allocations there were:
 *                   a line "N PLACE" for the first of each chain of callers
 *
 * A program that dies of a signal then says "memory: died in MODULE" first: a
 * library's own mistake is none of ours.  libgit2 1.5 calls itself for ever
 * where a thread's first failure finds no room for its words, until the stack
 * is full: git_error_set_oom() asks for the thread's state, whose calloc()
 * fails and calls git_error_set_oom().
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHAIN 6 /* callers that make a place */
#define PLACES_MAX 65536
#define FRAMES 16

/* glibc's own, by the names that stay when the others are replaced. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static atomic_long count;
static atomic_bool ready;
static long at;
static bool once;
static const char *list;
static __thread bool inside;
static struct place {
    uint64_t chain;
    long n;
} places[PLACES_MAX]; /* open addressing */

/* Name the file of the innermost function that is not of the C library or of
 * this one; and die. */
static void
on_signal(int number)
{
    void *frames[FRAMES];
    Dl_info here, where;
    ready = false;
    int depth = backtrace(frames, FRAMES);
    dladdr(frames[0], &here);
    for (int i = 1; i < depth; i++)
        if (dladdr(frames[i], &where) && where.dli_fbase != here.dli_fbase &&
            !strstr(where.dli_fname, "/libc.so")) {
            dprintf(2, "memory: died in %s\n", where.dli_fname);
            break;
        }
    signal(number, SIG_DFL);
    raise(number);
}

/* On a stack of its own, as it may be the stack that has no room. */
static void
watch_signals(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = SA_ONSTACK | SA_NODEFER};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

/* That stack: each thread has one from its first failure on. */
static void
watch_stack(void)
{
    static __thread bool watched;
    if (watched)
        return;
    watched = true;
    stack_t s = {.ss_size = 1 << 18};
    s.ss_sp = mmap(NULL, s.ss_size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&s, NULL);
}

__attribute__((constructor)) static void
setup(void)
{
    void *frames[FRAMES];
    const char *n = getenv("MEMORY_AT");
    at = n ? strtol(n, NULL, 10) : 0;
    once = getenv("MEMORY_ONCE") != NULL;
    list = getenv("MEMORY_CALLS");
    backtrace(frames, FRAMES); /* the first loads a library, which allocates */
    if (at)
        watch_signals();
    ready = true;
}

__attribute__((destructor)) static void
report(void)
{
    ready = false;
    int fd = list ? open(list, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    for (size_t i = 0; fd >= 0 && i < PLACES_MAX; i++)
        if (places[i].n)
            dprintf(fd, "%ld %llx\n", places[i].n,
                    (unsigned long long)places[i].chain);
}

/* Note the first allocation of each chain of callers. */
static void
note(long n)
{
    void *frames[CHAIN + 2];
    uint64_t chain = 14695981039346656037u; /* FNV-1a */
    int depth = backtrace(frames, CHAIN + 2);
    for (int i = 2; i < depth; i++)
        chain = (chain ^ (uintptr_t)frames[i]) * 1099511628211u;
    size_t slot = chain % PLACES_MAX;
    while (places[slot].n && places[slot].chain != chain)
        slot = (slot + 1) % PLACES_MAX;
    if (!places[slot].n)
        places[slot] = (struct place){chain, n};
}

/* Whether this allocation fails. */
static bool
fails(void)
{
    if (!ready || inside || (!at && !list))
        return false;
    long n = atomic_fetch_add(&count, 1) + 1;
    if (list) {
        inside = true;
        note(n);
        inside = false;
    }
    if (!at || (once ? n != at : n < at))
        return false;
    watch_stack();
    errno = ENOMEM;
    return true;
}

void *
malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}
