/*
 * serve.h - the hub on the office network: POST /v1/sync (docs/PROTOCOL.md),
 * and GET / for whoever looks whether it is there.
 *
 * The reply is made whole before its first byte goes out, in memory or, when
 * it is large, in a file without a name: so a failure is an honest status, and
 * a slow handheld holds up nobody.
 */
#ifndef GB_SERVE_H
#define GB_SERVE_H

#include "hub/office.h"

#define GB_SERVE_PATH "/v1/sync"
#define GB_SERVE_LISTEN "0.0.0.0:8440"
#define GB_SERVE_BODY_MAX (1ull << 30) /* bytes of one bundle */
#define GB_SERVE_REPLY_MEMORY (128u << 10)
#define GB_SERVE_GRACE_MS 5000

struct gb_server;

/* What the server has to tell, one line, from any thread. */
typedef void gb_serve_log(void *context, const char *line);

/* Start; the office is the server's until it is stopped.  As gb_http_start()
 * for what can go wrong. */
enum gb_err gb_serve_start(struct gb_office *o, const char *listen,
                           gb_serve_log *log, void *context,
                           struct gb_server **out, struct gb_fail *fail);
/* "http://192.168.1.2:8440" for handhelds: where it listens on every address,
 * one of this machine's that is not loopback. */
const char *gb_serve_url(const struct gb_server *s);
/* Finish what was begun, within a few seconds.  NULL is harmless. */
void gb_serve_stop(struct gb_server *s);

#endif
