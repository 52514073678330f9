/*
 * disk.h - disks in memory for SQLite, one a machine, that fail on command.
 *
 * A disk holds every database file whose path begins with the disk's own.  It
 * is SQLite's default file system as long as the program runs, so journal.db,
 * hub.db and personal.db of the real code land here.
 *
 * What was written and not synced is remembered sector by sector.  A machine
 * that loses power keeps all of it, none of it, or some sectors of it.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stddef.h>

#include "random.h"

#define SIM_SECTOR 512

struct sim_disk;

/* Make this SQLite's file system; once, before any database is opened. */
void sim_disk_start(struct sim_random *chance);

/* `folder` begins the paths of its files. */
struct sim_disk *sim_disk_new(const char *folder);
void sim_disk_free(struct sim_disk *d);
/* The same files as another disk has, by the names behind the folder; nothing
 * of either may be open. */
void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);
/* A file that is gone, or has another's place: nothing may have them open. */
void sim_disk_remove(struct sim_disk *d, const char *name);
void sim_disk_rename(struct sim_disk *d, const char *from, const char *to);

/* The power goes at the n-th write or sync from now on: that one is torn, and
 * nothing reaches the disk afterwards. */
void sim_disk_kill_at(struct sim_disk *d, int n);
/* From the n-th write on there is no room. */
void sim_disk_full_at(struct sim_disk *d, int n);
/* Neither. */
void sim_disk_calm(struct sim_disk *d);
bool sim_disk_is_killed(const struct sim_disk *d);
bool sim_disk_is_full(const struct sim_disk *d); /* a write found no room */
/* Power is back: nothing has a file open.  What was not synced is there, or
 * not, or in part, and the disk works again. */
void sim_disk_restart(struct sim_disk *d);

#endif
