/*
 * handheld.c - a handheld's machine: its folder, its clocks, going down and
 * coming up; see sim.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ---------------------------------------------------------- its folder -- */

enum gb_err
gb_folder_name(char out[GB_FILE_PATH_MAX], const char *folder, const char *name,
               struct gb_fail *fail)
{
    (void)fail;
    snprintf(out, GB_FILE_PATH_MAX, "%.3000s/%s", folder, name);
    return GB_OK;
}

/* The real one closes the journal and opens it again under the lock.  Here
 * nobody else writes, so it stays open, but for now and then. */
enum gb_err
gb_folder_reopen(struct gb_folder *f, enum gb_folder_mode mode,
                 struct gb_fail *fail)
{
    struct handheld *h = (struct handheld *)(void *)f;
    char path[160];
    (void)mode;
    if (f->journal && sim_below(&h->w->chance, 16))
        return GB_OK;
    gb_journal_close(f->journal);
    f->journal = NULL;
    sim_handheld_path(h, path);
    return gb_journal_open(path, sim_handheld_now, h, &f->journal, fail);
}

void
gb_folder_close(struct gb_folder *f)
{
    gb_journal_close(f->journal);
    f->journal = NULL;
}

enum gb_err
gb_folder_lock_sync(struct gb_folder *f, struct gb_fail *fail)
{
    (void)f;
    (void)fail;
    return GB_OK;
}

enum gb_err
gb_folder_keys(const struct gb_folder *f, struct gb_folder_keys *out,
               struct gb_fail *fail)
{
    (void)fail;
    *out = ((const struct handheld *)(const void *)f)->keys;
    return GB_OK;
}

void
gb_folder_keys_wipe(struct gb_folder_keys *keys)
{
    gb_sign_key_wipe(&keys->sign);
    gb_sign_key_wipe(&keys->receive);
}

/* ------------------------------------------------------------ up, down -- */

void
sim_handheld_now(void *context, struct gb_now *out)
{
    const struct handheld *h = context;
    out->wall_ms = h->w->time_ms + h->offset_ms;
    out->mono_ms = h->w->time_ms - h->started_ms;
    memcpy(out->boot, h->boot, sizeof out->boot);
}

struct handheld *
sim_handheld_of(struct world *w, int number)
{
    for (int i = 0; i < w->n; i++)
        if (w->h[i].number == number)
            return &w->h[i];
    return NULL;
}

void
sim_handheld_path(const struct handheld *h, char out[160])
{
    snprintf(out, 160, "%s/%d/%s", sim_folder(), h->machine, h->db);
}

void
sim_handheld_open(struct handheld *h)
{
    if (!h->folder.journal)
        SIM_MUST(h->w, gb_folder_reopen(&h->folder, GB_FOLDER_WRITE, &why));
}

void
sim_handheld_close(struct handheld *h)
{
    gb_folder_close(&h->folder);
}

/* What the journal holds that was not looked at: operations of sets. */
static void
note_set(struct handheld *h, sqlite3_stmt *s)
{
    struct world *w = h->w;
    w->sealed =
        sim_grow(w->sealed, w->nsealed, &w->room_sealed, sizeof *w->sealed);
    struct sim_sealed *set = &w->sealed[w->nsealed++];
    *set = (struct sim_sealed){.device = h->number,
                               .seq = (uint32_t)sqlite3_column_int64(s, 0),
                               .n = sqlite3_column_int(s, 2)};
    memcpy(set->sha, gb_db_blob(s, 1).ptr, 32);
    if (h->nsealed + set->n > h->nwrites)
        sim_broken(w, "lost: device %d sealed %d operations, and %d were made",
                   h->number, h->nsealed + set->n, h->nwrites);
    set->writes = calloc((size_t)set->n, sizeof *set->writes);
    if (!set->writes)
        abort();
    memcpy(set->writes, h->writes + h->nsealed,
           (size_t)set->n * sizeof *set->writes);
    h->nsealed += set->n;
    h->seq = set->seq;
}

void
sim_handheld_look(struct handheld *h)
{
    sqlite3_stmt *s;
    bool row;
    enum gb_err e;
    sim_handheld_open(h);
    SIM_MUST(h->w, gb_db_preparef(gb_journal_db(h->folder.journal), &s, &why,
                                  "SELECT seq, sha, ops FROM _set WHERE seq > "
                                  "%u ORDER BY seq",
                                  h->seq));
    while (!(e = gb_db_step(s, &row, NULL)) && row)
        note_set(h, s);
    sqlite3_finalize(s);
    struct gb_journal_info i;
    SIM_MUST(h->w, gb_journal_info(h->folder.journal, &i, &why));
    if (i.unsealed != h->nwrites - h->nsealed)
        sim_broken(h->w,
                   "lost: device %d has %lld operations in its tail, and %d "
                   "were made",
                   h->number, (long long)i.unsealed, h->nwrites - h->nsealed);
}

void
sim_handheld_restart(struct handheld *h)
{
    sim_handheld_close(h);
    sim_disk_restart(h->disk);
    h->started_ms = h->w->time_ms;
    h->boot[0]++;
    h->w->kills++;
    sim_tell(h->w, "device %d went down, and is up again", h->number);
    sim_handheld_open(h);
}

/* ------------------------------------------------------------- backups -- */

const struct sim_backup *
sim_back_up(struct handheld *h)
{
    struct world *w = h->w;
    char name[64];
    if (w->nbackups == SIM_BACKUPS)
        return NULL;
    sim_handheld_close(h);
    struct sim_backup *b = &w->backups[w->nbackups++];
    snprintf(name, sizeof name, "backup-%d", w->nbackups);
    *b = (struct sim_backup){.disk = sim_disk_new(name),
                             .machine = h->machine,
                             .number = h->number,
                             .keys = h->keys,
                             .nwrites = h->nwrites,
                             .nsealed = h->nsealed,
                             .seq = h->seq};
    b->writes = calloc((size_t)h->nwrites + 1, sizeof *b->writes);
    if (!b->writes)
        abort();
    if (h->nwrites)
        memcpy(b->writes, h->writes, (size_t)h->nwrites * sizeof *b->writes);
    sim_disk_copy(b->disk, h->disk);
    sim_tell(w, "a backup of device %d", h->number);
    return b;
}

void
sim_put_back(struct handheld *h, const struct sim_backup *b)
{
    sim_handheld_close(h);
    sim_disk_copy(h->disk, b->disk);
    h->number = b->number;
    h->keys = b->keys;
    while (h->room < b->nwrites)
        h->writes = sim_grow(h->writes, h->room, &h->room, sizeof *h->writes);
    if (b->nwrites)
        memcpy(h->writes, b->writes, (size_t)b->nwrites * sizeof *h->writes);
    h->nwrites = b->nwrites;
    h->nsealed = b->nsealed;
    h->seq = b->seq;
    h->boot[0] += 17; /* another start than any that the old file saw */
    h->started_ms = h->w->time_ms;
    sim_tell(h->w, "machine %d gets an old journal of device %d, of set %u",
             h->machine, h->number, h->seq);
}
