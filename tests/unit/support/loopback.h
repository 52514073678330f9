/*
 * loopback.h - raw TCP on 127.0.0.1, for tests of HTTP that must send what no
 * library would send.
 */
#ifndef GB_TEST_LOOPBACK_H
#define GB_TEST_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void sleep_ms(int ms);
int64_t now_ms(void); /* monotonic */

/* A connection to a port, or -1. */
int dial(int port);
/* A listening socket; *port is the one it got. */
int listen_any(int *port);

/* Send all of it; false when the other side has closed. */
bool put(int fd, const void *bytes, size_t n);
bool put_text(int fd, const char *text);
/* All until the other side closes, as text; closes fd. */
void get_all(int fd, char *out, size_t size);

/* One request ("GET /x") with its body (NULL: none) on a connection of its own,
 * and the whole answer, valid until the next call. */
const char *ask(int port, const char *head, const char *body);
/* The test fails unless it has this status and these words. */
void assert_answer(const char *answer, int status, const char *words);

#endif
