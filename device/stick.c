/* stick.c - see stick.h */
#include "stick.h"

#include <stdio.h>
#include <string.h>

#include "engine/file.h"
#include "engine/term.h"
#include "inbox.h"
#include "outbox.h"

/* Where the bundle goes, and what it will hold. */
static enum gb_err
name_export(struct gb_folder *f, const char *folder,
            struct gb_stick_export *out, struct gb_fail *fail)
{
    struct gb_journal_info info;
    char site[33], name[80];
    enum gb_err e = gb_journal_info(f->journal, &info, fail);
    if (e)
        return e;
    gb_hex_encode(site, info.site.id, sizeof info.site.id);
    snprintf(name, sizeof name, "gengbu-%.8s-up-%d-%u" GB_STICK_ENDING, site,
             info.device, info.seq);
    out->operations = info.unaccepted;
    gb_wipe(info.secret, sizeof info.secret);
    return gb_folder_name(out->path, folder, name, fail);
}

/* Pieces of the bundle into the file. */
static enum gb_err
write_pieces(struct gb_outbox *box, struct gb_file *file, struct gb_fail *fail)
{
    struct gb_buf piece;
    struct gb_progress progress;
    enum gb_err e = GB_OK;
    gb_buf_init(&piece, 2 * GB_FRAME_MAX);
    gb_progress_begin(&progress, "export", 0, true);
    do {
        gb_buf_clear(&piece);
        e = gb_outbox_next(box, &piece, fail);
        if (!e && piece.len)
            e = gb_file_add(file, gb_buf_view(&piece), fail);
        gb_progress_at(&progress, box->bytes);
    } while (!e && piece.len);
    gb_progress_end(&progress);
    gb_buf_release(&piece);
    return e;
}

static enum gb_err
write_file(struct gb_outbox *box, const char *path, struct gb_fail *fail)
{
    struct gb_file file;
    enum gb_err e = gb_file_begin(&file, path, 0644, fail);
    if (e)
        return e;
    e = write_pieces(box, &file, fail);
    if (!e)
        e = gb_file_commit(&file, true, fail);
    gb_file_abandon(&file);
    return e;
}

enum gb_err
gb_stick_write(struct gb_folder *f, const char *folder,
               struct gb_stick_export *out, struct gb_fail *fail)
{
    struct gb_folder_keys keys = {0};
    struct gb_outbox box = {0};
    int made;
    *out = (struct gb_stick_export){0};
    enum gb_err e = gb_folder_lock_sync(f, fail);
    if (!e)
        e = gb_folder_reopen(f, GB_FOLDER_WRITE, fail);
    if (!e)
        e = gb_folder_keys(f, &keys, fail);
    if (!e)
        e = gb_journal_seal(f->journal, &keys.sign, &made, fail);
    if (!e)
        e = name_export(f, folder, out, fail);
    if (!e)
        e = gb_outbox_open(&box, f, &keys, true, true, fail);
    if (!e) /* sealed sets do not change: others may write meanwhile */
        e = gb_folder_reopen(f, GB_FOLDER_READ, fail);
    if (!e) {
        gb_outbox_use(&box, f->journal);
        e = write_file(&box, out->path, fail);
    }
    out->sets = box.sets;
    out->bytes = box.bytes;
    gb_outbox_release(&box);
    gb_folder_keys_wipe(&keys);
    gb_lock_release(&f->sync);
    return e;
}

/* A delta that leads nowhere new from here has been taken in before. */
static enum gb_err
finish(struct gb_inbox *in, struct gb_stick_import *out, struct gb_fail *fail)
{
    struct gb_fail why = {0};
    enum gb_err e = gb_inbox_finish(in, &out->applied, &out->counts, &why);
    if (e == GB_E_EXISTS)
        return GB_OK;
    return e ? gb_fail_set(fail, e, "%s", why.text) : GB_OK;
}

enum gb_err
gb_stick_read(struct gb_folder *f, const char *path,
              struct gb_stick_import *out, struct gb_fail *fail)
{
    struct gb_folder_keys keys = {0};
    struct gb_inbox in = {0};
    *out = (struct gb_stick_import){0};
    enum gb_err e = gb_folder_lock_sync(f, fail);
    if (!e)
        e = gb_folder_reopen(f, GB_FOLDER_READ, fail);
    if (!e)
        e = gb_folder_keys(f, &keys, fail);
    if (e)
        goto out;
    e = gb_inbox_open(&in, f, &keys, fail);
    if (!e)
        e = gb_file_feed(path, gb_inbox_take, &in, fail);
    if (!e)
        e = finish(&in, out, fail);
    if (e && !strstr(fail->text, path))
        gb_fail_wrap(fail, "%s", path);
    gb_inbox_release(&in);
out:
    gb_folder_keys_wipe(&keys);
    gb_lock_release(&f->sync);
    return e;
}
