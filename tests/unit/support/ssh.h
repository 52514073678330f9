/*
 * ssh.h - for the tests that hold the real ssh-keygen against the engine: a
 * scratch folder, files in it, and commands that run there.
 *
 * The folder is made below $TMPDIR when it is first asked for; ssh_remove()
 * takes it away (fits cmocka's group teardown).  What cannot be done fails
 * the running test.
 */
#ifndef GB_TEST_SSH_H
#define GB_TEST_SSH_H

#include "engine/buf.h"

/* The folder, or a name in it; valid until the fourth call from now. */
const char *ssh_path(const char *name);

void ssh_write(const char *name, struct gb_span bytes, unsigned mode);
/* The whole file, borrowed until the next call; at most 64 KiB. */
struct gb_span ssh_read(const char *name);

/* Run a command of the shell in the folder; its exit status.  Its standard
 * input is empty, its output in the files "out" and "err". */
int ssh_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the test fails unless it exits with 0. */
#define ssh_must(...) assert_int_equal(ssh_run(__VA_ARGS__), 0)

int ssh_remove(void **state);

#endif
