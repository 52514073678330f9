/* cmd_backup.c - `gengbu-hub backup`: a copy to come back from */
#include <stdio.h>

#include "engine/term.h"
#include "hub/backup.h"
#include "hub/cmd.h"

static void
show_progress(void *context, uint64_t done, uint64_t all)
{
    struct gb_progress *p = context;
    p->total = all;
    gb_progress_at(p, done);
}

int
gb_cmd_backup(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    struct gb_backup made;
    struct gb_progress progress;
    char root[65], size[GB_TERM_SIZE];
    const char *folder = gb_args_word(args, 1);
    enum gb_err e = gb_cmd_open(args, "gengbu-hub backup", &o, &fail);
    gb_progress_begin(&progress, "backup", 0, true);
    if (!e)
        e = gb_backup_make(o, folder, show_progress, &progress, &made, &fail);
    gb_progress_end(&progress);
    gb_office_close(o);
    if (e)
        return gb_cmd_fail(args, &fail);
    gb_hex_encode(root, made.head.root, sizeof made.head.root);
    printf("%s: %llu entries, %u new files, %s\ntree head %llu:%s\n", folder,
           (unsigned long long)made.head.size, made.copied,
           gb_term_size(size, made.bytes), (unsigned long long)made.head.size,
           root);
    return 0;
}
