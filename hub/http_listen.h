/* http_listen.h - the socket that the server of http.h listens on. */
#ifndef GB_HTTP_LISTEN_H
#define GB_HTTP_LISTEN_H

#include "engine/err.h"

struct gb_listen {
    int fd; /* listening; the caller's to close */
    int port;
    char url[100]; /* "http://127.0.0.1:8440" */
};

/* Bind and listen on "ADDR:PORT" or "[IPv6]:PORT", as gb_http_start() has it;
 * fd is -1 after an error. */
enum gb_err gb_listen_open(struct gb_listen *out, const char *address,
                           struct gb_fail *fail);

/* The number of an address, "192.168.1.20", into out; "" if it has none. */
struct sockaddr;
void gb_listen_name(const struct sockaddr *from, char *out, unsigned size);

#endif
