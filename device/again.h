/*
 * again.h - a journal that had been a copy goes on under the number of a new
 * ticket (docs/PROTOCOL.md "A copied journal", engine/journal_again.h).
 *
 * A new journal is made from the ticket beside the old one, asks the hub in one
 * contact what of the old one's work it has, takes over the rest, and then
 * takes its place; the old one stays as journal-NUMBER.db, or the next free
 * name like it.  No sync, import or export comes in between.  Its keys are a
 * set of their own, so that one rename switches all.  Killed at any time, the
 * same command begins again: the hub knows the keys by then, and the ticket
 * with them.
 */
#ifndef GB_DEVICE_AGAIN_H
#define GB_DEVICE_AGAIN_H

#include "engine/journal_again.h"
#include "folder.h"

struct gb_again_report {
    int old;      /* the number that it had */
    char was[64]; /* the name of the old journal's file now */
    struct gb_again counts;
};

/* `url` is the hub's; GB_E_USAGE when it is empty.  GB_E_EXISTS: the journal is
 * no copy, or the ticket is of its own number; GB_E_SITE: of another site;
 * GB_E_REFUSED, GB_E_NETWORK: what the hub says, as that another copy goes on
 * just now; GB_E_BUSY: somebody else has the journal open. */
enum gb_err gb_again_run(const char *path, const struct gb_ticket *ticket,
                         const char *url, struct gb_again_report *out,
                         struct gb_fail *fail);

#endif
