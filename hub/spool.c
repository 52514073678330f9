/* spool.c - see spool.h */
#include "hub/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/file.h"

void
gb_spool_init(struct gb_spool *s, const char *folder, size_t memory)
{
    *s = (struct gb_spool){.folder = folder, .fd = -1};
    gb_buf_init(&s->head, memory);
}

void
gb_spool_release(struct gb_spool *s)
{
    gb_buf_release(&s->head);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void
gb_spool_empty(struct gb_spool *s)
{
    size_t memory = s->head.max;
    gb_spool_release(s);
    gb_spool_init(s, s->folder, memory);
}

/* A file that ends with its last descriptor. */
static int
open_unnamed(const char *folder)
{
    char path[GB_FILE_PATH_MAX];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* a file system without O_TMPFILE */
    snprintf(path, sizeof path, "%.3000s/.spool-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

enum gb_err
gb_spool_add(void *spool, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_spool *s = spool;
    if (s->fd < 0 && bytes.len <= s->head.max - s->head.len) {
        gb_buf_span(&s->head, bytes);
        s->len += bytes.len;
        return gb_buf_check(&s->head, "a reply", fail);
    }
    if (s->fd < 0)
        s->fd = open_unnamed(s->folder);
    if (s->fd < 0)
        return gb_file_fail(fail, errno, s->folder, "written");
    while (bytes.len) {
        ssize_t n = write(s->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gb_file_fail(fail, errno, s->folder, "written");
        s->len += (uint64_t)n;
        bytes = GB_SPAN(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return GB_OK;
}

enum gb_err
gb_spool_next(struct gb_spool *s, size_t max, struct gb_buf *out,
              struct gb_fail *fail)
{
    if (s->read < s->head.len) {
        size_t n = s->head.len - (size_t)s->read;
        gb_buf_add(out, s->head.ptr + s->read, n < max ? n : max);
        s->read += n < max ? n : max;
        return gb_buf_check(out, "a reply", fail);
    }
    uint64_t left = s->len - s->read;
    size_t want = left < max ? (size_t)left : max;
    uint8_t *to = want ? gb_buf_grow(out, want) : NULL;
    if (!to)
        return gb_buf_check(out, "a reply", fail);
    while (want) {
        ssize_t n = pread(s->fd, to, want, (off_t)(s->read - s->head.len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return gb_file_fail(fail, n ? errno : EIO, s->folder, "read");
        to += n;
        want -= (size_t)n;
        s->read += (uint64_t)n;
    }
    return GB_OK;
}
