/* http_curl.c - see http_curl.h */
#include "http_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#define LIBRARY "libcurl.so.4" /* by its ABI's name: any curl since 7.16 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gb_curl curl;
static struct gb_fail why; /* code GB_OK: curl is there */

static void
load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool whole = library != NULL;
#define X(name)                                                                \
    whole = whole &&                                                           \
            (*(void **)&curl.name = dlsym(library, "curl_" #name)) != NULL;
    GB_CURL_CALLS(X)
#undef X
    if (!whole)
        gb_fail_set(&why, GB_E_NETWORK,
                    "%s cannot be used: %s; install libcurl4, or carry the "
                    "work by stick with `gengbu export`",
                    LIBRARY, dlerror());
    else if (curl.global_init(CURL_GLOBAL_DEFAULT))
        gb_fail_memory(&why);
}

enum gb_err
gb_curl_load(const struct gb_curl **out, struct gb_fail *fail)
{
    pthread_once(&once, load);
    *out = &curl;
    if (why.code && fail)
        *fail = why;
    return why.code;
}
