/* disk_vfs.c - the disks as SQLite's file system; see disk.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_private.h"
#include "engine/db.h"

struct sim_random *sim_chances;

struct open_file {
    sqlite3_file parent;
    struct sim_file *file;
    int level; /* SQLITE_LOCK_... */
    bool mapped;
    unsigned shm_shared, shm_exclusive; /* bits: locks that this one holds */
};

static struct open_file *
of(sqlite3_file *f)
{
    return (struct open_file *)(void *)f;
}

static const int words[] = {[SIM_GOOD] = SQLITE_OK,
                            [SIM_TORN] = SQLITE_IOERR_WRITE,
                            [SIM_DEAD] = SQLITE_IOERR_WRITE,
                            [SIM_NO_ROOM] = SQLITE_FULL};

/* --------------------------------------------------------- read, write -- */

static int
do_read(sqlite3_file *s, void *to, int n, sqlite3_int64 at)
{
    const struct sim_file *f = of(s)->file;
    size_t have = (size_t)at < f->size ? f->size - (size_t)at : 0;
    if (have > (size_t)n)
        have = (size_t)n;
    if (have)
        memcpy(to, f->bytes + at, have);
    if (have == (size_t)n)
        return SQLITE_OK;
    memset((char *)to + have, 0, (size_t)n - have);
    return SQLITE_IOERR_SHORT_READ;
}

static int
do_write(sqlite3_file *s, const void *bytes, int n, sqlite3_int64 at)
{
    struct sim_file *f = of(s)->file;
    enum sim_luck luck = sim_disk_count(f->disk, true);
    if (luck == SIM_TORN)
        n = sim_below(sim_chances, n / SIM_SECTOR + 1) * SIM_SECTOR;
    if ((luck == SIM_GOOD || luck == SIM_TORN) && n)
        sim_file_write(f, bytes, (size_t)n, (size_t)at);
    return words[luck];
}

static int
do_truncate(sqlite3_file *s, sqlite3_int64 size)
{
    struct sim_file *f = of(s)->file;
    enum sim_luck luck = sim_disk_count(f->disk, false);
    if (luck == SIM_GOOD)
        sim_file_resize(f, (size_t)size);
    return words[luck];
}

static int
do_sync(sqlite3_file *s, int flags)
{
    struct sim_file *f = of(s)->file;
    enum sim_luck luck = sim_disk_count(f->disk, false);
    (void)flags;
    if (luck == SIM_GOOD)
        sim_file_settle(f);
    return luck == SIM_GOOD ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int
do_size(sqlite3_file *s, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)of(s)->file->size;
    return SQLITE_OK;
}

/* --------------------------------------------------------------- locks -- */

static int
do_lock(sqlite3_file *s, int level)
{
    struct open_file *o = of(s);
    struct sim_file *f = o->file;
    bool others = f->shared > (o->level >= SQLITE_LOCK_SHARED);
    if (level <= o->level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        if (f->pending || f->exclusive)
            return SQLITE_BUSY;
        f->shared++;
    } else {
        if (o->level < SQLITE_LOCK_RESERVED && f->reserved)
            return SQLITE_BUSY;
        f->reserved = true;
        if (level == SQLITE_LOCK_EXCLUSIVE && others) {
            o->level = SQLITE_LOCK_PENDING;
            f->pending = true;
            return SQLITE_BUSY;
        }
        f->exclusive = level == SQLITE_LOCK_EXCLUSIVE;
    }
    o->level = level;
    return SQLITE_OK;
}

static int
do_unlock(sqlite3_file *s, int level)
{
    struct open_file *o = of(s);
    struct sim_file *f = o->file;
    if (level >= o->level)
        return SQLITE_OK;
    if (o->level >= SQLITE_LOCK_RESERVED)
        f->reserved = f->pending = f->exclusive = false;
    if (level == SQLITE_LOCK_NONE)
        f->shared--;
    o->level = level;
    return SQLITE_OK;
}

static int
do_check(sqlite3_file *s, int *out)
{
    *out = of(s)->file->reserved;
    return SQLITE_OK;
}

/* ------------------------------------------------- shared memory (WAL) -- */

static int
shm_map(sqlite3_file *s, int i, int size, int extend, void volatile **out)
{
    struct open_file *o = of(s);
    struct sim_file *f = o->file;
    *out = NULL;
    if (i >= SIM_REGIONS)
        return SQLITE_NOMEM;
    f->mapped += !o->mapped;
    o->mapped = true;
    if (!f->region[i] && extend)
        f->region[i] = calloc(1, (size_t)size);
    *out = f->region[i];
    return *out || !extend ? SQLITE_OK : SQLITE_NOMEM;
}

/* One of the eight locks; returns whether it can be had. */
static bool
shm_take(struct open_file *o, int i, bool exclusive)
{
    struct sim_file *f = o->file;
    unsigned bit = 1u << i;
    bool mine = o->shm_shared & bit;
    if (exclusive ? f->shm_exclusive[i] || f->shm_shared[i] > mine
                  : f->shm_exclusive[i])
        return false;
    if (exclusive) {
        f->shm_exclusive[i] = true;
        o->shm_exclusive |= bit;
    } else if (!mine) {
        f->shm_shared[i]++;
        o->shm_shared |= bit;
    }
    return true;
}

static void
shm_give(struct open_file *o, int i)
{
    struct sim_file *f = o->file;
    unsigned bit = 1u << i;
    if (o->shm_exclusive & bit)
        f->shm_exclusive[i] = false;
    if (o->shm_shared & bit)
        f->shm_shared[i]--;
    o->shm_exclusive &= ~bit;
    o->shm_shared &= ~bit;
}

static int
shm_lock(sqlite3_file *s, int first, int n, int flags)
{
    struct open_file *o = of(s);
    for (int i = first; i < first + n; i++) {
        if (flags & SQLITE_SHM_UNLOCK) {
            shm_give(o, i);
        } else if (!shm_take(o, i, flags & SQLITE_SHM_EXCLUSIVE)) {
            while (i-- > first)
                shm_give(o, i);
            return SQLITE_BUSY;
        }
    }
    return SQLITE_OK;
}

static void
shm_barrier(sqlite3_file *s)
{
    (void)s;
}

static int
shm_unmap(sqlite3_file *s, int gone)
{
    struct open_file *o = of(s);
    struct sim_file *f = o->file;
    (void)gone;
    for (int i = 0; i < SIM_SHM_LOCKS; i++)
        shm_give(o, i);
    f->mapped -= o->mapped;
    o->mapped = false;
    for (int i = 0; i < SIM_REGIONS && !f->mapped; i++) {
        free(f->region[i]);
        f->region[i] = NULL;
    }
    return SQLITE_OK;
}

/* --------------------------------------------------------------- files -- */

static int
do_close(sqlite3_file *s)
{
    do_unlock(s, SQLITE_LOCK_NONE);
    shm_unmap(s, 0);
    return SQLITE_OK;
}

static int
do_control(sqlite3_file *s, int op, void *arg)
{
    (void)s;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int
do_sector(sqlite3_file *s)
{
    (void)s;
    return SIM_SECTOR;
}

/* As SQLite takes it for granted on Unix: a torn write spoils nothing beside
 * the bytes that it was to write. */
static int
do_characteristics(sqlite3_file *s)
{
    (void)s;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = do_close,
                                           .xRead = do_read,
                                           .xWrite = do_write,
                                           .xTruncate = do_truncate,
                                           .xSync = do_sync,
                                           .xFileSize = do_size,
                                           .xLock = do_lock,
                                           .xUnlock = do_unlock,
                                           .xCheckReservedLock = do_check,
                                           .xFileControl = do_control,
                                           .xSectorSize = do_sector,
                                           .xDeviceCharacteristics =
                                               do_characteristics,
                                           .xShmMap = shm_map,
                                           .xShmLock = shm_lock,
                                           .xShmBarrier = shm_barrier,
                                           .xShmUnmap = shm_unmap};

static int
do_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *s, int flags,
        int *out)
{
    const char *name = NULL;
    struct sim_disk *d = path ? sim_disk_of(path, &name) : NULL;
    struct open_file *o = of(s);
    (void)vfs;
    memset(o, 0, sizeof *o);
    if (!d)
        return SQLITE_CANTOPEN;
    o->file = sim_file_find(d, name);
    if (!o->file && flags & SQLITE_OPEN_CREATE && !d->killed)
        o->file = sim_file_make(d, name);
    if (!o->file)
        return SQLITE_CANTOPEN;
    o->parent.pMethods = &methods;
    if (out)
        *out = flags;
    return SQLITE_OK;
}

static int
do_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    const char *name;
    struct sim_disk *d = sim_disk_of(path, &name);
    (void)vfs;
    (void)sync;
    if (!d || sim_disk_count(d, false) != SIM_GOOD)
        return SQLITE_IOERR_DELETE;
    sim_disk_remove(d, name);
    return SQLITE_OK;
}

static int
do_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    const char *name;
    struct sim_disk *d = sim_disk_of(path, &name);
    (void)vfs;
    (void)flags;
    *out = d && sim_file_find(d, name);
    return SQLITE_OK;
}

static int
do_full_name(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)n, "%s", path);
    return SQLITE_OK;
}

static int
do_randomness(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    for (int i = 0; i < n; i++)
        out[i] = (char)sim_next(sim_chances);
    return n;
}

/* Nobody else can end what is waited for. */
static int
do_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

/* The engine asks no database for the time. */
static int
do_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2451545.0;
    return SQLITE_OK;
}

void
sim_disk_start(struct sim_random *chance)
{
    static bool started;
    static sqlite3_vfs vfs = {.iVersion = 1,
                              .szOsFile = sizeof(struct open_file),
                              .mxPathname = 512,
                              .zName = "simulation",
                              .xOpen = do_open,
                              .xDelete = do_delete,
                              .xAccess = do_access,
                              .xFullPathname = do_full_name,
                              .xRandomness = do_randomness,
                              .xSleep = do_sleep,
                              .xCurrentTime = do_time};
    sim_chances = chance;
    if (started)
        return;
    started = true;
    /* one thread at a time does anything */
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_vfs_register(&vfs, 1);
}
