/* keyfile.c - see keyfile.h */
#include "keyfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "armor.h"
#include "digest.h"

/*
 * Inside the armor (all numbers u32 big-endian, "str" with its length):
 *
 *   "openssh-key-v1" 00 | str "none" | str "none" | str "" | 1
 *   str public key blob
 *   str: check | check | str "ssh-ed25519" | str public (32)
 *        | str seed, public (64) | str comment | 1 2 3 ... to a multiple of 8
 *
 * The check numbers are random and equal.
 */
#define LABEL "OPENSSH PRIVATE KEY"
#define MAGIC "openssh-key-v1"
#define BLOCK 8
#define BINARY_MAX (GB_KEYFILE_MAX / 4 * 3)
/* all but the comment comes to 251 bytes */
static_assert(GB_KEY_COMMENT_MAX + 300 < BINARY_MAX, "every key we write fits");

/* The part that a passphrase would encrypt. */
static void
add_private(struct gb_buf *b, const struct gb_sign_key *key,
            const char *comment)
{
    uint8_t check[4], blob[GB_KEY_BLOB_BYTES];
    gb_random(check, sizeof check);
    gb_key_blob(blob, &key->public_key);
    size_t from = b->len;
    gb_buf_add(b, check, sizeof check);
    gb_buf_add(b, check, sizeof check);
    gb_buf_add(b, blob, sizeof blob);
    gb_buf_u32(b, 2 * GB_KEY_BYTES);
    gb_buf_add(b, key->seed, GB_KEY_BYTES);
    gb_buf_add(b, key->public_key.bytes, GB_KEY_BYTES);
    gb_ssh_string(b, gb_span_text(comment));
    for (unsigned pad = 1; (b->len - from) % BLOCK && !b->failed; pad++)
        gb_buf_u8(b, pad);
}

enum gb_err
gb_keyfile_encode(struct gb_buf *out, const struct gb_sign_key *key,
                  const char *comment, struct gb_fail *fail)
{
    if (!gb_key_comment_valid(gb_span_text(comment)))
        return gb_fail_set(fail, GB_E_VALUE,
                           "the key's comment is not one line of at most "
                           "%d bytes",
                           GB_KEY_COMMENT_MAX);
    uint8_t bytes[1024], inner[1024], blob[GB_KEY_BLOB_BYTES];
    static_assert(sizeof bytes > GB_KEY_COMMENT_MAX + 300, "room for all");
    struct gb_buf b = GB_STACK_BUF(bytes), secret = GB_STACK_BUF(inner);
    gb_key_blob(blob, &key->public_key);
    gb_buf_add(&b, MAGIC, sizeof MAGIC);
    gb_ssh_string(&b, gb_span_text("none"));
    gb_ssh_string(&b, gb_span_text("none"));
    gb_ssh_string(&b, gb_span_text(""));
    gb_buf_u32(&b, 1);
    gb_ssh_string(&b, GB_SPAN(blob, sizeof blob));
    add_private(&secret, key, comment);
    gb_ssh_string(&b, gb_buf_view(&secret));
    gb_assert(!b.failed && !secret.failed);
    gb_armor_encode(out, LABEL, gb_buf_view(&b));
    gb_wipe(bytes, sizeof bytes);
    gb_wipe(inner, sizeof inner);
    return gb_buf_check(out, "private key", fail);
}

/* The rest of the reader is 1 2 3 ..., less than a block. */
static bool
read_padding(struct gb_reader *r, size_t total)
{
    if (total % BLOCK || gb_read_left(r) >= BLOCK)
        return false;
    for (unsigned pad = 1; gb_read_left(r); pad++)
        if (gb_read_u8(r) != pad)
            return false;
    return gb_read_done(r);
}

/* The private part; false unless all of it fits the public key. */
static bool
read_private(struct gb_sign_key *key, const struct gb_public_key *outer,
             struct gb_span part)
{
    struct gb_reader r = gb_reader_of(part);
    uint32_t check = gb_read_u32(&r);
    if (check != gb_read_u32(&r) || !gb_ssh_read_is(&r, GB_KEY_TYPE))
        return false;
    struct gb_span pub = gb_ssh_read(&r), pair = gb_ssh_read(&r);
    struct gb_span comment = gb_ssh_read(&r);
    if (r.bad || pub.len != GB_KEY_BYTES || pair.len != 2 * GB_KEY_BYTES ||
        comment.len > GB_KEYFILE_MAX || !read_padding(&r, part.len))
        return false;
    gb_sign_key_from_seed(key, pair.ptr);
    return gb_key_equal(&key->public_key, outer) &&
           !memcmp(pub.ptr, outer->bytes, GB_KEY_BYTES) &&
           !memcmp(pair.ptr + GB_KEY_BYTES, outer->bytes, GB_KEY_BYTES);
}

/* Everything inside the armor. */
static enum gb_err
read_binary(struct gb_sign_key *key, struct gb_span bytes, struct gb_fail *fail)
{
    struct gb_reader r = gb_reader_of(bytes);
    struct gb_public_key outer;
    struct gb_span magic = gb_read_bytes(&r, sizeof MAGIC);
    if (!gb_span_equal(magic, GB_SPAN(MAGIC, sizeof MAGIC)))
        return gb_fail_set(fail, GB_E_FORMAT, "not an OpenSSH private key");
    struct gb_span cipher = gb_ssh_read(&r);
    if (!r.bad && !gb_span_equal(cipher, gb_span_text("none")))
        return gb_fail_set(fail, GB_E_KEY,
                           "the key has a passphrase: take it off with "
                           "ssh-keygen -p -N ''");
    if (!gb_ssh_read_is(&r, "none") || !gb_ssh_read_is(&r, "") ||
        gb_read_u32(&r) != 1)
        return gb_fail_set(fail, GB_E_FORMAT, "damaged private key");
    struct gb_span blob = gb_ssh_read(&r), part = gb_ssh_read(&r);
    if (!gb_read_done(&r))
        return gb_fail_set(fail, GB_E_FORMAT, "damaged private key");
    if (!gb_key_blob_parse(&outer, blob))
        return gb_fail_set(fail, GB_E_KEY,
                           "not an Ed25519 key: make one with "
                           "ssh-keygen -t ed25519 -N ''");
    if (!read_private(key, &outer, part))
        return gb_fail_set(fail, GB_E_FORMAT, "damaged private key");
    return GB_OK;
}

enum gb_err
gb_keyfile_decode(struct gb_sign_key *key, struct gb_span text,
                  struct gb_fail *fail)
{
    uint8_t bytes[BINARY_MAX];
    size_t n;
    struct gb_sign_key found = {0};
    enum gb_err err;
    if (gb_armor_decode(bytes, sizeof bytes, &n, LABEL, text))
        err = read_binary(&found, GB_SPAN(bytes, n), fail);
    else
        err = gb_fail_set(fail, GB_E_FORMAT, "not an OpenSSH private key");
    if (!err)
        *key = found;
    gb_sign_key_wipe(&found);
    gb_wipe(bytes, sizeof bytes);
    return err;
}

/* Up to max bytes of a file; -1 with errno on failure. */
static ssize_t
read_all(int fd, uint8_t *bytes, size_t max)
{
    size_t n = 0;
    while (n < max) {
        ssize_t got = read(fd, bytes + n, max - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (!got)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* Who may read the file, and whether it is one at all. */
static enum gb_err
check_mode(int fd, struct gb_fail *fail)
{
    struct stat st;
    if (fstat(fd, &st))
        return gb_fail_set(fail, GB_E_IO, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return gb_fail_set(fail, GB_E_KEY, "not a file");
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return gb_fail_set(fail, GB_E_KEY,
                           "mode %04o lets others at the key: chmod 600",
                           (unsigned)st.st_mode & 07777);
    if (st.st_size > GB_KEYFILE_MAX)
        return gb_fail_set(fail, GB_E_LIMIT,
                           "larger than any key file (%d bytes)",
                           GB_KEYFILE_MAX);
    return GB_OK;
}

enum gb_err
gb_keyfile_read(struct gb_sign_key *key, const char *path, struct gb_fail *fail)
{
    struct gb_fail why = {0};
    uint8_t text[GB_KEYFILE_MAX + 1];
    /* O_NONBLOCK: a fifo in its place must not hang us */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return gb_fail_set(fail, errno == ENOENT ? GB_E_MISSING : GB_E_IO,
                           "%s: %s", path, strerror(errno));
    enum gb_err err = check_mode(fd, &why);
    ssize_t n = err ? 0 : read_all(fd, text, sizeof text);
    if (n < 0)
        err = gb_fail_set(&why, GB_E_IO, "%s", strerror(errno));
    else if (n > GB_KEYFILE_MAX)
        err = gb_fail_set(&why, GB_E_LIMIT, "larger than any key file");
    else if (!err)
        err = gb_keyfile_decode(key, GB_SPAN(text, (size_t)n), &why);
    gb_wipe(text, sizeof text);
    close(fd);
    return err ? gb_fail_set(fail, err, "%s: %s", path, why.text) : GB_OK;
}

/* All bytes, then onto the disk; false with errno. */
static bool
write_durable(int fd, struct gb_span s)
{
    while (s.len) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = GB_SPAN(s.ptr + n, s.len - (size_t)n);
    }
    return fchmod(fd, 0600) == 0 && fsync(fd) == 0;
}

/* Put the file in its place; false with errno. */
static bool
move_into_place(const char *from, const char *to, enum gb_keyfile_mode mode)
{
    if (mode == GB_KEYFILE_REPLACE)
        return rename(from, to) == 0;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* a file system without that flag: a hard link refuses likewise */
    return link(from, to) == 0 && unlink(from) == 0;
}

/* Make the new name durable; false with errno. */
static bool
sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    memcpy(folder, slash ? path : ".", slash ? n : 1);
    folder[slash ? n : 1] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = fsync(fd) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return done;
}

/* The name under which the file is written; false when it is too long. */
static bool
temporary_name(char out[PATH_MAX], const char *path)
{
    uint8_t bytes[4];
    char hex[9];
    gb_random(bytes, sizeof bytes);
    gb_hex_encode(hex, bytes, sizeof bytes);
    int n = snprintf(out, PATH_MAX, "%s.new-%s", path, hex);
    return n > 0 && n < PATH_MAX;
}

/* Write, sync, rename, sync; false with errno, and then no file is left. */
static bool
store(const char *path, struct gb_span text, enum gb_keyfile_mode mode)
{
    char temporary[PATH_MAX];
    if (!temporary_name(temporary, path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool done = write_durable(fd, text);
    int saved = errno;
    if (close(fd) && done) {
        done = false;
        saved = errno;
    }
    if (done && !move_into_place(temporary, path, mode)) {
        done = false;
        saved = errno;
    }
    if (!done)
        unlink(temporary);
    errno = saved;
    return done && sync_folder(path);
}

enum gb_err
gb_keyfile_write(const char *path, const struct gb_sign_key *key,
                 const char *comment, enum gb_keyfile_mode mode,
                 struct gb_fail *fail)
{
    uint8_t text[GB_KEYFILE_MAX];
    struct gb_buf b = GB_STACK_BUF(text);
    enum gb_err err = gb_keyfile_encode(&b, key, comment, fail);
    if (!err && !store(path, gb_buf_view(&b), mode)) {
        err = errno == EEXIST ? GB_E_EXISTS : GB_E_IO;
        gb_fail_set(fail, err, "%s: %s", path, strerror(errno));
    }
    gb_wipe(text, sizeof text);
    return err;
}
