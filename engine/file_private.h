/* file_private.h - what file.c and file_folder.c share. */
#ifndef GB_FILE_PRIVATE_H
#define GB_FILE_PRIVATE_H

#include "file.h"

/* open(2), closed on exec, that goes on after signals; -1 with errno. */
int gb_file_open(const char *path, int flags, mode_t mode);
/* fsync(2) that goes on after signals; false with errno. */
bool gb_file_sync_fd(int fd);

#endif
