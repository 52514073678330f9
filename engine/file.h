/*
 * file.h - files that are whole or not there, locks that name their holder.
 *
 * Writing goes to `.NAME.tmp-PID` in the same folder, is synced, optionally
 * read back from the medium and compared, and renamed over NAME; then the
 * folder is synced.  So a reader, a crash or a full stick never meets half a
 * file, and an old file stays until the new one is safe.  One thread at a
 * time writes a given path.
 *
 * Interrupted and short system calls are gone on with.  Failures are one line
 * that names the file and the remedy (gb_file_fail()).
 */
#ifndef GB_FILE_H
#define GB_FILE_H

#include <sys/types.h>

#include "buf.h"
#include "digest.h"

#define GB_FILE_PATH_MAX 4096   /* bytes of a path with its NUL */
#define GB_FILE_LIST_MAX 100000 /* names of one folder */

/* "PATH: cannot be VERB: REASON: REMEDY" ("written") for an errno: GB_E_MISSING
 * for what does not exist, GB_E_MEMORY, else GB_E_IO. */
enum gb_err gb_file_fail(struct gb_fail *fail, int number, const char *path,
                         const char *verb);

/* ------------------------------------------------------------- reading -- */

/* Open a file to be read; *fd is -1 unless GB_OK, and the caller's to close.
 * Never waits for somebody at the other end: what is no regular file is refused
 * (GB_E_IO), except below /dev/ and /proc/, where a shell names its pipes. */
enum gb_err gb_file_input(const char *path, int *fd, struct gb_fail *fail);
/* Append a whole file to out, whose ceiling holds: GB_E_LIMIT past it. */
enum gb_err gb_file_read(const char *path, struct gb_buf *out,
                         struct gb_fail *fail);
/* Hand a file on in pieces of at most 64 KiB, borrowed for the call; an error
 * of `take` ends the reading and is returned. */
enum gb_err gb_file_feed(const char *path,
                         enum gb_err (*take)(void *arg, struct gb_span bytes,
                                             struct gb_fail *fail),
                         void *arg, struct gb_fail *fail);

/* ------------------------------------------------------------- writing -- */

/* Write a whole file.  mode as for open(2): 0644, or 0600 for what is
 * private (lowered by the umask). */
enum gb_err gb_file_write(const char *path, struct gb_span bytes, mode_t mode,
                          struct gb_fail *fail);
/* The same, read back and compared before the rename: for sticks and cards,
 * which may lie. */
enum gb_err gb_file_write_checked(const char *path, struct gb_span bytes,
                                  mode_t mode, struct gb_fail *fail);

/* A file being written in pieces. */
struct gb_file {
    int fd; /* -1 when closed */
    char path[GB_FILE_PATH_MAX], temporary[GB_FILE_PATH_MAX];
    struct gb_sha256_state written;
    uint64_t size;
};
enum gb_err gb_file_begin(struct gb_file *f, const char *path, mode_t mode,
                          struct gb_fail *fail);
/* `file` is a struct gb_file: a gb_bundle_write (bundle.h), too. */
enum gb_err gb_file_add(void *file, struct gb_span bytes, struct gb_fail *fail);
/* Sync, check if asked to, rename, sync the folder.  After a failure nothing
 * is left behind and the old file stands, except that the new one does when
 * only the folder could not be synced. */
enum gb_err gb_file_commit(struct gb_file *f, bool check, struct gb_fail *fail);
/* Leave no trace; harmless after a commit. */
void gb_file_abandon(struct gb_file *f);

/* ------------------------------------------------------------- folders -- */

/* Make a folder; one that is there already is as good. */
enum gb_err gb_file_folder(const char *path, mode_t mode, struct gb_fail *fail);
/* Make what was renamed, made or removed in a folder durable.  File systems
 * that cannot sync a folder (some on sticks) are taken as they are. */
enum gb_err gb_file_sync_folder(const char *path, struct gb_fail *fail);
/* Remove a file, durably; one that is not there is as good. */
enum gb_err gb_file_remove(const char *path, struct gb_fail *fail);
/* Remove a file, or a folder with all that is in it; none is as good.  Links
 * are not followed, and nothing is synced: for what nobody needs any more. */
enum gb_err gb_file_remove_all(const char *path, struct gb_fail *fail);
/* Give a file the name `to` in the same folder, durably, in the place of
 * another that has it. */
enum gb_err gb_file_rename(const char *from, const char *to,
                           struct gb_fail *fail);

/* Names in a folder in byte order, without those that begin with a dot (among
 * them what a crash left of a write). */
struct gb_names {
    char **list; /* owned, each too */
    size_t count;
};
enum gb_err gb_file_list(const char *folder, struct gb_names *out,
                         struct gb_fail *fail);
/* Only those that end so (".gbx", with more before it) and are regular files,
 * or cannot be looked at: who opens such a one hears why. */
enum gb_err gb_file_list_files(const char *folder, const char *ending,
                               struct gb_names *out, struct gb_fail *fail);
void gb_names_release(struct gb_names *names); /* may be repeated */

/* --------------------------------------------------------------- locks -- */

#define GB_LOCK_WAIT_MS 10000

struct gb_lock {
    int fd; /* -1: not held */
};

/*
 * Take a file as a lock (flock), made when missing, and write the process id
 * and `holder` ("gengbu-hub serve") into it.  Waits up to wait_ms, then
 * GB_E_BUSY names who holds it: "gengbu-hub serve (process 1234)".  The lock
 * ends with the process, however that ends.  Two takes in one process exclude
 * each other as well.  The file stays: removing it would make two locks.
 */
enum gb_err gb_lock_take(struct gb_lock *lock, const char *path,
                         const char *holder, int wait_ms, struct gb_fail *fail);
void gb_lock_release(struct gb_lock *lock); /* harmless when not held */

#endif
