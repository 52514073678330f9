/*
 * http_curl.h - libcurl, loaded by the first request of a program.
 *
 * It brings thirty libraries with it, which cost every command 6 ms of CPU to
 * start with, as much as all else that `gengbu record` does; and most commands
 * of a shift ask nothing of the hub.
 */
#ifndef GB_DEVICE_HTTP_CURL_H
#define GB_DEVICE_HTTP_CURL_H

#include <curl/curl.h>

#include "engine/err.h"

#define GB_CURL_CALLS(X)                                                       \
    X(global_init)                                                             \
    X(easy_init)                                                               \
    X(easy_setopt)                                                             \
    X(easy_getinfo)                                                            \
    X(easy_perform)                                                            \
    X(easy_strerror)                                                           \
    X(easy_cleanup)                                                            \
    X(slist_append)                                                            \
    X(slist_free_all)

/* Each is curl's function of that name: easy_init is curl_easy_init(). */
struct gb_curl {
#define X(name) __typeof__(curl_##name) *name;
    GB_CURL_CALLS(X)
#undef X
};

/* Load and start it, once, from any thread; *out lives as long as the program.
 * GB_E_NETWORK: it is not installed; GB_E_MEMORY. */
enum gb_err gb_curl_load(const struct gb_curl **out, struct gb_fail *fail);

#endif
