/* quarantine.c - see quarantine.h */
#include "hub/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "HUB/quarantine/NAME" */
static void
path_of(char out[GB_FILE_PATH_MAX], const char *hub, const char *name)
{
    snprintf(out, GB_FILE_PATH_MAX, "%.3000s/quarantine/%s", hub, name);
}

/* Whether a file is named ID and this. */
static bool
ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    return n == GB_QUARANTINE_ID - 1 + strlen(suffix) &&
           !strcmp(name + GB_QUARANTINE_ID - 1, suffix);
}

/* Whether one more of this size may be kept.  A line is short, so only bytes
 * are asked for their length. */
static bool
has_room(const char *hub, size_t size)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_names names = {0};
    struct gb_fail ignored = {0};
    struct stat st;
    int64_t bytes = (int64_t)size;
    path_of(path, hub, "");
    bool good = !gb_file_list(path, &names, &ignored) &&
                names.count < 2 * GB_QUARANTINE_FILES;
    for (size_t i = 0; i < names.count && good; i++) {
        if (!ends_with(names.list[i], ".bin"))
            continue;
        path_of(path, hub, names.list[i]);
        bytes += stat(path, &st) ? 0 : st.st_size;
    }
    gb_names_release(&names);
    return good && bytes <= GB_QUARANTINE_BYTES;
}

/* One more that is not kept. */
static void
count_one(const char *hub)
{
    char path[GB_FILE_PATH_MAX];
    path_of(path, hub, "more");
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    while (write(fd, ".", 1) < 0 && errno == EINTR)
        continue;
    close(fd);
}

void
gb_quarantine_keep(const char *hub, struct gb_span bytes, int device,
                   const struct gb_fail *why)
{
    char id[GB_QUARANTINE_ID], name[32], path[GB_FILE_PATH_MAX];
    struct gb_fail ignored = {0};
    struct gb_buf line;
    struct gb_sha256 sha = gb_sha256(bytes);
    gb_hex_encode(id, sha.bytes, 8);
    snprintf(name, sizeof name, "%s.txt", id);
    path_of(path, hub, name);
    if (!access(path, F_OK))
        return;
    if (!has_room(hub, bytes.len)) {
        count_one(hub);
        return;
    }
    gb_buf_init(&line, sizeof why->text + 128);
    gb_buf_printf(&line, "from device %d: %s: %s\n", device,
                  gb_err_name(why->code), why->text);
    snprintf(name, sizeof name, "%s.bin", id);
    char bin[GB_FILE_PATH_MAX];
    path_of(bin, hub, name);
    if (!gb_file_write(bin, bytes, 0600, &ignored))
        gb_file_write(path, gb_buf_view(&line), 0600, &ignored);
    gb_buf_release(&line);
}

/* What is known of ID.bin; false when it is none.  Its line may be missing: a
 * crash or a full disk came in between. */
static bool
read_entry(const char *hub, const char *name, struct gb_quarantine_entry *e)
{
    char path[GB_FILE_PATH_MAX], txt[32];
    struct stat st;
    struct gb_buf line;
    struct gb_fail ignored = {0};
    path_of(path, hub, name);
    if (stat(path, &st))
        return false;
    *e = (struct gb_quarantine_entry){.why = "why it is here is not known: the "
                                             "hub was stopped as it came"};
    memcpy(e->id, name, GB_QUARANTINE_ID - 1);
    snprintf(txt, sizeof txt, "%s.txt", e->id);
    e->bytes = (uint64_t)st.st_size;
    e->ms = (int64_t)st.st_mtim.tv_sec * 1000;
    gb_buf_init(&line, sizeof e->why - 1);
    path_of(path, hub, txt);
    if (!gb_file_read(path, &line, &ignored) && line.len) {
        memcpy(e->why, line.ptr, line.len);
        e->why[line.len] = 0;
        e->why[strcspn(e->why, "\n")] = 0;
    }
    gb_buf_release(&line);
    return true;
}

enum gb_err
gb_quarantine_list(const char *hub, gb_quarantine_fn *fn, void *context,
                   uint64_t *more, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_names names = {0};
    struct gb_quarantine_entry entry;
    struct stat st;
    path_of(path, hub, "more");
    *more = stat(path, &st) ? 0 : (uint64_t)st.st_size;
    path_of(path, hub, "");
    enum gb_err e = gb_file_list_files(path, ".bin", &names, fail);
    for (size_t i = 0; i < names.count && !e; i++)
        if (read_entry(hub, names.list[i], &entry))
            e = fn(context, &entry, fail);
    gb_names_release(&names);
    return e;
}

/* The path of ID.SUFFIX, of an id that can be one. */
static enum gb_err
entry_path(char out[GB_FILE_PATH_MAX], const char *hub, const char *id,
           const char *suffix, struct gb_fail *fail)
{
    uint8_t bytes[8];
    char name[32];
    if (!gb_hex_decode(bytes, sizeof bytes, gb_span_text(id)))
        return gb_fail_set(fail, GB_E_MISSING,
                           "there is no '%s' in quarantine: `gengbu-hub "
                           "quarantine` lists what there is",
                           id);
    snprintf(name, sizeof name, "%.16s%s", id, suffix);
    path_of(out, hub, name);
    return GB_OK;
}

enum gb_err
gb_quarantine_read(const char *hub, const char *id, struct gb_buf *out,
                   struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    enum gb_err e = entry_path(path, hub, id, ".bin", fail);
    return e ? e : gb_file_read(path, out, fail);
}

enum gb_err
gb_quarantine_forget(const char *hub, const char *id, struct gb_fail *fail)
{
    static const char *const suffixes[] = {".txt", ".bin"};
    char path[GB_FILE_PATH_MAX];
    enum gb_err e = GB_OK;
    for (int i = 0; i < 2 && !e; i++) {
        e = entry_path(path, hub, id, suffixes[i], fail);
        if (!e)
            e = gb_file_remove(path, fail);
    }
    return e;
}
