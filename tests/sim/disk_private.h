/* disk_private.h - what disk.c and disk_vfs.c share. */
#ifndef SIM_DISK_PRIVATE_H
#define SIM_DISK_PRIVATE_H

#include "disk.h"

#define SIM_REGIONS 64 /* of a write-ahead log's index, 32 KiB each */
#define SIM_SHM_LOCKS 8

struct sim_sector {
    size_t sector;
    unsigned char bytes[SIM_SECTOR];
};

struct sim_file {
    char name[64];
    struct sim_disk *disk;
    struct sim_file *next;
    unsigned char *bytes;
    size_t size, room;
    /* as it was when last synced */
    bool dirty;
    size_t old_size;
    struct sim_sector *old;
    size_t nold, room_old;
    unsigned char *saved; /* of each sector: it is in `old` */
    size_t nsaved;
    /* locks, of all connections */
    int shared, mapped;
    bool reserved, pending, exclusive;
    void *region[SIM_REGIONS];
    int shm_shared[SIM_SHM_LOCKS];
    bool shm_exclusive[SIM_SHM_LOCKS];
};

struct sim_disk {
    char folder[128];
    size_t len;
    struct sim_disk *next;
    struct sim_file *files;
    int kill_in, full_in; /* writes from now; 0: never */
    bool killed, full;
};

extern struct sim_random *sim_chances;

struct sim_disk *sim_disk_of(const char *path, const char **name);
struct sim_file *sim_file_find(struct sim_disk *d, const char *name);
struct sim_file *sim_file_make(struct sim_disk *d, const char *name);
void sim_file_drop(struct sim_file *f);
void sim_file_settle(struct sim_file *f);
void sim_file_resize(struct sim_file *f, size_t size);
void sim_file_write(struct sim_file *f, const void *bytes, size_t n, size_t at);

/* What becomes of the next call that changes the disk. */
enum sim_luck { SIM_GOOD, SIM_TORN, SIM_DEAD, SIM_NO_ROOM };
enum sim_luck sim_disk_count(struct sim_disk *d, bool write);

#endif
