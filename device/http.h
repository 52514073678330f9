/*
 * http.h - the device's HTTP client: one POST to the hub, both bodies in
 * pieces, so that neither ever stands in memory as a whole.
 *
 * The connection must be made within 5 s and may be silent for 30 s; redirects
 * are not followed.  Proxies are libcurl's default: http_proxy and no_proxy
 * of the environment count, for loopback addresses, too (a handheld that has
 * a proxy set wants its hub in no_proxy).  There is no TLS of our own doing:
 * containers are sealed and signed; an https:// URL, of a gateway before the
 * hub, is checked as curl does.
 */
#ifndef GB_DEVICE_HTTP_H
#define GB_DEVICE_HTTP_H

#include "engine/buf.h"

#define GB_CLIENT_CONNECT_MS 5000
#define GB_CLIENT_STALL_S 30
#define GB_CLIENT_PIECE_MAX (8 << 20) /* bytes that one `next` may append */
#define GB_CLIENT_LENGTH_UNKNOWN UINT64_MAX

struct gb_client_post {
    const char *url;  /* "http://192.168.1.2:8440/sync" */
    const char *type; /* of the request's body; NULL: octets */
    /* Bytes that `next` will give in all; GB_CLIENT_LENGTH_UNKNOWN sends the
     * body chunked. */
    uint64_t length;
    /* Append the next piece of the body; nothing: that was all. */
    enum gb_err (*next)(void *arg, struct gb_buf *piece, struct gb_fail *fail);
    /* The next bytes of the reply, borrowed; only of one with status 200. */
    enum gb_err (*take)(void *arg, struct gb_span bytes, struct gb_fail *fail);
    void *arg;               /* of both */
    int connect_ms, stall_s; /* 0: the numbers above */
};

/*
 * GB_OK: the reply had status 200 and came whole.  An error of next or take
 * ends the exchange and is returned as it is.  Otherwise one line:
 *   GB_E_USAGE    the URL is none
 *   GB_E_NETWORK  no hub, silence, a connection that broke (what `take` got
 *                 before is good), a status of 500 and above
 *   GB_E_TICKET   status 403, and the hub said so (docs/PROTOCOL.md)
 *   GB_E_REFUSED  another status; the text is what the hub said
 */
enum gb_err gb_client_post(const struct gb_client_post *post,
                           struct gb_fail *fail);

#endif
