/*
 * stick.h - the same exchange by USB stick or SD card: bundles in files.
 *
 * An export is one file, gengbu-SITE8HEX-up-DEVICE-SEQ.gbx, with the request
 * and every set that the hub has not accepted: written under a temporary
 * name, synced, read back and compared, renamed, and the folder synced; so
 * the stick may be pulled out at any time and holds either the whole file or
 * the one before.  An import takes a delta that the hub exported.
 */
#ifndef GB_STICK_H
#define GB_STICK_H

#include "folder.h"

#define GB_STICK_ENDING ".gbx"

struct gb_stick_export {
    char path[GB_FILE_PATH_MAX];
    int sets;
    int64_t operations;
    uint64_t bytes;
};

/* Seal what is open and write the file.  GB_E_MISSING: no such folder. */
enum gb_err gb_stick_write(struct gb_folder *f, const char *folder,
                           struct gb_stick_export *out, struct gb_fail *fail);

struct gb_stick_import {
    bool applied; /* else there was nothing new in it */
    struct gb_applied counts;
};

/* Take one file in.  An old one come again is no error.  GB_E_SITE: it is not
 * for this device; GB_E_FORMAT: no bundle, or it breaks off; GB_E_SIGNATURE:
 * changed; others as gb_journal_delta_apply(); the text names the file. */
enum gb_err gb_stick_read(struct gb_folder *f, const char *path,
                          struct gb_stick_import *out, struct gb_fail *fail);

#endif
