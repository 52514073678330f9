/*
 * lines.h - records from a file of JSON lines:
 *
 *   {"table": T, "ref": NAME?, "fields": {COLUMN: VALUE, ...}}   a new record
 *   {"table": T, "id" | "ref": R, "set": {COLUMN: VALUE, ...}}
 *   {"table": T, "id" | "ref": R, "add": {COLUMN: DIFFERENCE, ...}}
 *   {"table": T, "id" | "ref": R, "void": REASON}
 *
 * A byte order mark in front and empty lines are left alone.  Lines are
 * committed by the hundred (earlier when they are long), and how far the file
 * is in is kept in the same transaction, by the file's SHA-256: the same file
 * given again goes on where it stopped, and does nothing when it was done.
 * Where a line was refused, the lines before it are kept and known by their own
 * hash, so that the file may be corrected from that line on and given again.
 */
#ifndef GB_LINES_H
#define GB_LINES_H

#include "folder.h"

#define GB_LINES_BATCH 100
#define GB_LINES_BATCH_BYTES (128 * 1024) /* of text in one transaction */
#define GB_LINES_LINE_MAX (2 * GB_SET_MAX)

struct gb_lines_report {
    int64_t lines;   /* of the file, as far as it was read */
    int64_t skipped; /* of them in since an earlier run */
    int64_t inserted, changed, voided;
};

/* Open the file to be read; "-" is standard input, which is copied to a
 * temporary file first, so that a slow writer keeps nobody from the journal.
 * The caller closes *fd (-1 after a failure). */
enum gb_err gb_lines_open(const char *path, int *fd, struct gb_fail *fail);

/* The folder is open for writing, the actor signed in.  On a refused line the
 * failure names it ("FILE: line 7: ...") and *out says what is in. */
enum gb_err gb_lines_import(struct gb_folder *f, const char *path, int fd,
                            struct gb_lines_report *out, struct gb_fail *fail);

/* One line by itself, in whatever transaction is open; lines_one.c. */
enum gb_err gb_lines_one(struct gb_folder *f, struct gb_span line,
                         struct gb_lines_report *counts, struct gb_fail *fail);

#endif
