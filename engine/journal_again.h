/*
 * journal_again.h - a journal that had been a copy goes on under a new number
 * (docs/PROTOCOL.md "A copied journal", MERGE.md M3, M25).
 *
 * The copy's unaccepted operations are captured again in the new journal, with
 * the time, stamp and base that they had and with their origin; new records
 * get ids of the new number, and references follow them.  Those that reached
 * the hub all the same are left out: it names them.
 */
#ifndef GB_JOURNAL_AGAIN_H
#define GB_JOURNAL_AGAIN_H

#include "journal.h"
#include "known.h"

/* What came of it, for people. */
struct gb_again {
    int64_t again; /* operations captured again */
    int64_t known; /* that the hub has */
};

/* Note in the new journal whose work it will take over: its requests ask the
 * hub what of that it has, until gb_journal_again() is done. */
enum gb_err gb_journal_again_ask(struct gb_journal *to, struct gb_journal *from,
                                 struct gb_fail *fail);

/*
 * Capture again, in one transaction of `to`, what `from` has not been told is
 * accepted.  `from` has sealed its tail; `to` has merged the hub's answer to
 * such a request, and holds nothing of its own.  GB_E_STATE when it does, or
 * when there was no answer.  Whoever was signed in still is.
 */
enum gb_err gb_journal_again(struct gb_journal *to, struct gb_journal *from,
                             const struct gb_sign_key *key,
                             struct gb_again *out, struct gb_fail *fail);

#endif
