/* http_route.c - see http_route.h */
#include "http_route.h"

#include <string.h>

/* Whether a route's path is this one. */
static bool
path_fits(const char *pattern, const char *path, const char **rest)
{
    size_t n = strlen(pattern);
    *rest = "";
    if (n == 0 || pattern[n - 1] != '*')
        return !strcmp(pattern, path);
    if (strncmp(pattern, path, n - 1) != 0)
        return false;
    *rest = path + n - 1;
    return true;
}

/* The methods that a path has; HEAD comes with GET. */
static const char *
methods(bool get, bool post)
{
    if (get)
        return post ? "GET, HEAD, POST" : "GET, HEAD";
    return post ? "POST" : NULL;
}

const struct gb_http_route *
gb_http_find(const struct gb_http_route *routes, const char *method,
             const char *path, const char **rest, const char **allow)
{
    bool get = false, post = false;
    *allow = NULL;
    if (!strcmp(method, "HEAD"))
        method = "GET";
    for (const struct gb_http_route *r = routes; r->method; r++) {
        if (!path_fits(r->path, path, rest))
            continue;
        if (!strcmp(r->method, method))
            return r;
        get = get || !strcmp(r->method, "GET");
        post = post || !strcmp(r->method, "POST");
    }
    *rest = "";
    *allow = methods(get, post);
    return NULL;
}
