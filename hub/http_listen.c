/* http_listen.c - see http_listen.h */
#include "http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Split "ADDR:PORT" at its last colon; brackets around an IPv6 address are
 * taken off.  False when it is neither. */
static bool
split(const char *address, char host[80], char port[8])
{
    const char *colon = strrchr(address, ':');
    size_t digits = colon ? strlen(colon + 1) : 0;
    if (!colon || digits < 1 || digits > 5 ||
        strspn(colon + 1, "0123456789") != digits ||
        strtol(colon + 1, NULL, 10) > 65535)
        return false;
    const char *end = colon;
    if (*address == '[' && end > address && end[-1] == ']') {
        address++;
        end--;
    } else if (memchr(address, ':', (size_t)(end - address))) {
        return false;
    }
    if (end <= address || end - address >= 80)
        return false;
    snprintf(host, 80, "%.*s", (int)(end - address), address);
    snprintf(port, 8, "%s", colon + 1);
    return true;
}

void
gb_listen_name(const struct sockaddr *from, char *out, unsigned size)
{
    socklen_t length = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                   : sizeof(struct sockaddr_in);
    if (getnameinfo(from, length, out, size, NULL, 0, NI_NUMERICHOST))
        *out = 0;
}

/* A socket that listens on one address, or -1 with errno. */
static int
listen_on(const struct addrinfo *at)
{
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    at->ai_protocol);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, SOMAXCONN)) {
        int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

/* Find out the port, and make the URL. */
static bool
describe(struct gb_listen *l)
{
    struct sockaddr_storage at;
    socklen_t length = sizeof at;
    char host[64];
    if (getsockname(l->fd, (struct sockaddr *)&at, &length))
        return false;
    bool six = at.ss_family == AF_INET6;
    gb_listen_name((struct sockaddr *)&at, host, sizeof host);
    l->port = ntohs(six ? ((struct sockaddr_in6 *)&at)->sin6_port
                        : ((struct sockaddr_in *)&at)->sin_port);
    snprintf(l->url, sizeof l->url, "http://%s%s%s:%d", six ? "[" : "", host,
             six ? "]" : "", l->port);
    return true;
}

/* Why there is no socket. */
static enum gb_err
listen_error(int number, const char *address, struct gb_fail *fail)
{
    if (number == EADDRINUSE)
        return gb_fail_set(fail, GB_E_BUSY,
                           "%s is in use by another program: end it, or give "
                           "another --listen",
                           address);
    if (number == EADDRNOTAVAIL)
        return gb_fail_set(fail, GB_E_IO,
                           "%s is no address of this machine: `ip address` "
                           "lists those that are",
                           address);
    if (number == EACCES)
        return gb_fail_set(fail, GB_E_IO,
                           "%s: no permission: ports below 1024 are root's, "
                           "give a higher one",
                           address);
    return gb_fail_set(fail, GB_E_IO, "cannot listen on %s: %s", address,
                       strerrordesc_np(number));
}

enum gb_err
gb_listen_open(struct gb_listen *out, const char *address, struct gb_fail *fail)
{
    char host[80], port[8];
    struct addrinfo *at = NULL, hints = {.ai_socktype = SOCK_STREAM,
                                         .ai_flags = AI_NUMERICSERV};
    out->fd = -1;
    if (!split(address, host, port))
        return gb_fail_set(fail, GB_E_USAGE,
                           "--listen '%s': give ADDR:PORT, such as "
                           "0.0.0.0:8440 or [::]:8440",
                           address);
    int status = getaddrinfo(host, port, &hints, &at);
    if (status == EAI_MEMORY)
        return gb_fail_memory(fail);
    if (status)
        return gb_fail_set(fail, GB_E_USAGE, "--listen '%s': %s", address,
                           gai_strerror(status));
    out->fd = listen_on(at);
    int number = errno;
    freeaddrinfo(at);
    if (out->fd < 0)
        return listen_error(number, address, fail);
    if (describe(out))
        return GB_OK;
    number = errno;
    close(out->fd);
    out->fd = -1;
    return listen_error(number, address, fail);
}
