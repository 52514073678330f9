/* office_private.h - what those who write in an office share. */
#ifndef GB_OFFICE_PRIVATE_H
#define GB_OFFICE_PRIVATE_H

#include "hub/office.h"

struct gb_office *gb_office_new(const char *path, const char *program);
enum gb_err gb_office_take_lock(struct gb_office *o, struct gb_fail *fail);
#define GB_OFFICE_DB "hub.db"
/* Databases and ledger, with keys and site known already; `db` is hub.db, or
 * what is to become it. */
enum gb_err gb_office_open_parts(struct gb_office *o, const char *db,
                                 struct gb_fail *fail);
/* In the state's open transaction: hub.db goes up to this commit. */
enum gb_err gb_office_put_tip(struct gb_office *o, const struct gb_oid *tip,
                              struct gb_fail *fail);

/* Under the lock, outside of a transaction: that none of the packs is lost that
 * hub.db notes (office_packs.c); GB_E_LEDGER names one. */
enum gb_err gb_office_check_packs(struct gb_office *o, struct gb_fail *fail);
/* Note those that there are, behind a check under the same lock. */
enum gb_err gb_office_note_packs(struct gb_office *o, struct gb_fail *fail);

/* "WHAT: WHY", to the office's log. */
void gb_office_tell(const struct gb_office *o, const char *what,
                    const struct gb_fail *why);

/* Signed sets of replica 0 behind the state as it is (own.c): inside a batch
 * as well, whose sets the state has already.  Spans live in the arena. */
struct gb_own_sets {
    struct gb_arriving *sets;
    size_t n;
    struct gb_arena arena;
};
void gb_own_init(struct gb_own_sets *made);
void gb_own_release(struct gb_own_sets *made);
enum gb_err gb_own_make(struct gb_office *o, struct gb_op *ops, int nops,
                        int64_t actor, int64_t now_ms, struct gb_own_sets *made,
                        struct gb_fail *fail);

#endif
