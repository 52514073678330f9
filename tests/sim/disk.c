/* disk.c - see disk.h; the interface to SQLite is disk_vfs.c */
#include "disk_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/err.h"

static struct sim_disk *disks;

static void *
need(void *p)
{
    if (!p)
        abort(); /* a simulation without memory is worth nothing */
    return p;
}

/* --------------------------------------------------------------- files -- */

struct sim_file *
sim_file_find(struct sim_disk *d, const char *name)
{
    struct sim_file *f = d->files;
    while (f && strcmp(f->name, name))
        f = f->next;
    return f;
}

struct sim_file *
sim_file_make(struct sim_disk *d, const char *name)
{
    struct sim_file *f = need(calloc(1, sizeof *f));
    snprintf(f->name, sizeof f->name, "%s", name);
    f->disk = d;
    f->next = d->files;
    d->files = f;
    return f;
}

static void
free_file(struct sim_file *f)
{
    for (int i = 0; i < SIM_REGIONS; i++)
        free(f->region[i]);
    free(f->bytes);
    free(f->old);
    free(f->saved);
    free(f);
}

void
sim_file_drop(struct sim_file *f)
{
    struct sim_file **at = &f->disk->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free_file(f);
}

/* Everything is on the medium now. */
void
sim_file_settle(struct sim_file *f)
{
    f->nold = 0;
    f->dirty = false;
    f->old_size = f->size;
    if (f->saved)
        memset(f->saved, 0, f->nsaved);
}

/* Remember a sector as it was when last synced. */
static void
save_sector(struct sim_file *f, size_t sector)
{
    size_t at = sector * SIM_SECTOR;
    if (at >= f->old_size || f->saved[sector])
        return;
    if (f->nold == f->room_old) {
        f->room_old = f->room_old ? 2 * f->room_old : 64;
        f->old = need(realloc(f->old, f->room_old * sizeof *f->old));
    }
    struct sim_sector *old = &f->old[f->nold++];
    size_t n = f->old_size - at < SIM_SECTOR ? f->old_size - at : SIM_SECTOR;
    *old = (struct sim_sector){.sector = sector};
    memcpy(old->bytes, f->bytes + at, n);
    f->saved[sector] = 1;
}

/* The first change since a sync. */
static void
begin_change(struct sim_file *f)
{
    size_t sectors = f->size / SIM_SECTOR + 1;
    if (f->dirty)
        return;
    f->dirty = true;
    f->old_size = f->size;
    if (f->nsaved < sectors) {
        f->saved = need(realloc(f->saved, sectors));
        memset(f->saved, 0, sectors);
        f->nsaved = sectors;
    }
}

void
sim_file_resize(struct sim_file *f, size_t size)
{
    begin_change(f);
    for (size_t s = size / SIM_SECTOR; s * SIM_SECTOR < f->size; s++)
        save_sector(f, s);
    if (size > f->room) {
        f->room = size + size / 2;
        f->bytes = need(realloc(f->bytes, f->room));
    }
    if (size > f->size)
        memset(f->bytes + f->size, 0, size - f->size);
    f->size = size;
}

void
sim_file_write(struct sim_file *f, const void *bytes, size_t n, size_t at)
{
    begin_change(f);
    for (size_t s = at / SIM_SECTOR; s * SIM_SECTOR < at + n; s++)
        save_sector(f, s);
    if (at + n > f->size)
        sim_file_resize(f, at + n);
    memcpy(f->bytes + at, bytes, n);
}

/* --------------------------------------------------------------- disks -- */

struct sim_disk *
sim_disk_of(const char *path, const char **name)
{
    struct sim_disk *d = disks;
    while (d && (strncmp(path, d->folder, d->len) || path[d->len] != '/'))
        d = d->next;
    *name = d ? path + d->len + 1 : NULL;
    return d;
}

struct sim_disk *
sim_disk_new(const char *folder)
{
    struct sim_disk *d = need(calloc(1, sizeof *d));
    d->len = strlen(folder);
    snprintf(d->folder, sizeof d->folder, "%s", folder);
    d->next = disks;
    disks = d;
    return d;
}

static void
clear(struct sim_disk *d)
{
    while (d->files) {
        struct sim_file *f = d->files;
        d->files = f->next;
        free_file(f);
    }
}

void
sim_disk_free(struct sim_disk *d)
{
    struct sim_disk **at = &disks;
    if (!d)
        return;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    clear(d);
    free(d);
}

void
sim_disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    clear(to);
    for (const struct sim_file *f = from->files; f; f = f->next) {
        struct sim_file *copy = sim_file_make(to, f->name);
        copy->bytes = need(malloc(f->size + 1));
        copy->size = copy->old_size = f->size;
        copy->room = f->size + 1;
        memcpy(copy->bytes, f->bytes, f->size);
    }
    sim_disk_calm(to);
}

void
sim_disk_remove(struct sim_disk *d, const char *name)
{
    struct sim_file *f = sim_file_find(d, name);
    if (f)
        sim_file_drop(f);
}

void
sim_disk_rename(struct sim_disk *d, const char *from, const char *to)
{
    struct sim_file *f = sim_file_find(d, from);
    sim_disk_remove(d, to);
    if (f)
        snprintf(f->name, sizeof f->name, "%s", to);
}

enum gb_err __wrap_gb_file_rename(const char *from, const char *to,
                                  struct gb_fail *fail);

/* The database that a rebuild made is on the simulation's disk. */
enum gb_err
__wrap_gb_file_rename(const char *from, const char *to, struct gb_fail *fail)
{
    const char *old, *name;
    struct sim_disk *d = sim_disk_of(from, &old);
    (void)fail;
    if (d && sim_disk_of(to, &name) == d)
        sim_disk_rename(d, old, name);
    return GB_OK;
}

/* -------------------------------------------------------------- faults -- */

void
sim_disk_kill_at(struct sim_disk *d, int n)
{
    d->kill_in = n;
}

void
sim_disk_full_at(struct sim_disk *d, int n)
{
    d->full_in = n;
}

void
sim_disk_calm(struct sim_disk *d)
{
    d->kill_in = d->full_in = 0;
    d->killed = d->full = false;
}

bool
sim_disk_is_killed(const struct sim_disk *d)
{
    return d->killed;
}

bool
sim_disk_is_full(const struct sim_disk *d)
{
    return d->full;
}

enum sim_luck
sim_disk_count(struct sim_disk *d, bool write)
{
    if (d->killed)
        return SIM_DEAD;
    if (d->kill_in && !--d->kill_in) {
        d->killed = true;
        return SIM_TORN;
    }
    if (write && d->full_in && (d->full_in == 1 || !--d->full_in))
        d->full = true;
    return write && d->full ? SIM_NO_ROOM : SIM_GOOD;
}

/* Some sectors are as they were when last synced. */
static void
lose(struct sim_file *f, struct sim_random *chance, int percent)
{
    size_t size = sim_chance(chance, percent) ? f->old_size : f->size;
    for (size_t i = 0; i < f->nold; i++) {
        size_t at = f->old[i].sector * SIM_SECTOR;
        if (!sim_chance(chance, percent))
            continue;
        if (at + SIM_SECTOR > f->size)
            sim_file_resize(f, at + SIM_SECTOR);
        memcpy(f->bytes + at, f->old[i].bytes, SIM_SECTOR);
    }
    if (size != f->size)
        sim_file_resize(f, size);
}

void
sim_disk_restart(struct sim_disk *d)
{
    static const int lost[] = {0, 100, 50};
    int percent = lost[sim_below(sim_chances, 3)];
    for (struct sim_file *f = d->files; f; f = f->next) {
        if (f->dirty && percent)
            lose(f, sim_chances, percent);
        sim_file_settle(f);
    }
    sim_disk_calm(d);
}
