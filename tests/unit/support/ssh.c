/* ssh.c - see ssh.h */
#include "ssh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[200];

/* The scratch folder, made when it is first needed. */
static const char *
scratch(void)
{
    const char *base = getenv("TMPDIR");
    if (*folder)
        return folder;
    int n = snprintf(folder, sizeof folder, "%s/gb-ssh-XXXXXX",
                     base && *base ? base : "/tmp");
    assert_true(n > 0 && (size_t)n < sizeof folder);
    assert_non_null(mkdtemp(folder));
    return folder;
}

const char *
ssh_path(const char *name)
{
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch(), name);
    return path;
}

void
ssh_write(const char *name, struct gb_span bytes, unsigned mode)
{
    const char *path = ssh_path(name);
    unlink(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (bytes.len)
        assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, (mode_t)mode), 0);
}

struct gb_span
ssh_read(const char *name)
{
    static uint8_t bytes[65536];
    FILE *file = fopen(ssh_path(name), "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    assert_true(n < sizeof bytes);
    fclose(file);
    return GB_SPAN(bytes, n);
}

int
ssh_run(const char *format, ...)
{
    char command[2048], words[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(words, sizeof words, format, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof words);
    snprintf(command, sizeof command,
             "cd '%s' && { %s; } >out 2>err </dev/null", scratch(), words);
    int status = system(command);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
ssh_remove(void **state)
{
    (void)state;
    char command[300];
    if (!*folder)
        return 0;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    *folder = 0;
    return system(command) ? -1 : 0;
}
