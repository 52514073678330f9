/* journal_delta.h - a delta being applied: shared by journal_parts.c (its
 * parts), journal_delta.c (is it for us), journal_accept.c (own sets) and
 * journal_put.c (the hub's records), journal_redo.c (what is unaccepted) and
 * journal_apply.c (the rest). */
#ifndef GB_JOURNAL_DELTA_H
#define GB_JOURNAL_DELTA_H

#include "delta.h"
#include "known.h"
#include "journal_private.h"

struct gb_delta_in {
    struct gb_delta_head head;
    struct gb_delta_once once;
    struct gb_applied *counts;
    struct gb_arena arena; /* owns head and once */
};

/* Read the first gathered part; gb_arena_release() frees it. */
enum gb_err gb_delta_in_open(struct gb_journal *j, struct gb_delta_in *d,
                             struct gb_fail *fail);
/* Everything that must hold before anything is changed. */
enum gb_err gb_delta_in_check(struct gb_journal *j, const struct gb_delta_in *d,
                              struct gb_fail *fail);

/* What the gathered parts bring, part by part, so that memory does not grow
 * with it: every receipt, every name of a stream, every record
 * (journal_parts.c). */
typedef enum gb_err gb_delta_receipt_fn(void *context, const struct gb_line *l,
                                        struct gb_fail *fail);
enum gb_err gb_delta_receipts(struct gb_journal *j, gb_delta_receipt_fn *fn,
                              void *context, struct gb_fail *fail);
typedef enum gb_err gb_delta_name_fn(void *context, int table, int64_t id,
                                     struct gb_fail *fail);
enum gb_err gb_delta_names(struct gb_journal *j, enum gb_delta_joined_kind kind,
                           gb_delta_name_fn *fn, void *context,
                           struct gb_fail *fail);
/* Of a copy that goes on: what of its work the hub has, kept in _known. */
enum gb_err gb_delta_take_known(struct gb_journal *j, struct gb_fail *fail);
/* The same out of _known, to look for an operation by its origin (NULL: the
 * hub does not have it); journal_known.c. */
struct gb_journal_known {
    struct gb_known *of;
    size_t n;
};
enum gb_err gb_journal_known_load(struct gb_journal *j,
                                  struct gb_journal_known *out,
                                  struct gb_fail *fail);
const struct gb_known *
gb_journal_known_find(const struct gb_journal_known *known,
                      const struct gb_origin *origin);
void gb_journal_known_release(struct gb_journal_known *known);
enum gb_err gb_delta_all_records(struct gb_journal *j, gb_visit *visit,
                                 void *context, struct gb_fail *fail);

/* Put the old values of all unaccepted changes back into the rows, the newest
 * first: what is left is the hub's state, and own new records as inserted. */
enum gb_err gb_delta_undo(struct gb_journal *j, struct gb_fail *fail);
/* Own sets that the hub accepted: their operations become part of the hub's
 * state here too, or are taken back. */
enum gb_err gb_delta_accept(struct gb_journal *j, struct gb_delta_in *d,
                            struct gb_fail *fail);
/* Of what was taken back, what does not wait at the hub any more took effect
 * since; the rest waits for what the hub says now. */
enum gb_err gb_delta_still_waiting(struct gb_journal *j, struct gb_delta_in *d,
                                   struct gb_fail *fail);
/* The hub's records in place of what was accepted here; those that left the
 * scope stay, read-only, as long as unaccepted changes name them. */
enum gb_err gb_delta_put(struct gb_journal *j, struct gb_delta_in *d,
                         struct gb_fail *fail);
/* Merge what is still unaccepted on top again, and note its old values. */
enum gb_err gb_delta_redo(struct gb_journal *j, struct gb_fail *fail);

#endif
