/* http_route.h - which route of a table a request is for. */
#ifndef GB_HTTP_ROUTE_H
#define GB_HTTP_ROUTE_H

#include "http.h"

/*
 * The first route of this method and path; HEAD is looked up as GET.  *rest
 * points into path at what the route's `*` stands for.  NULL: none; *allow is
 * then the value of the Allow header if the path has other methods (405), or
 * NULL (404).
 */
const struct gb_http_route *gb_http_find(const struct gb_http_route *routes,
                                         const char *method, const char *path,
                                         const char **rest, const char **allow);

#endif
