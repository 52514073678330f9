/*
 * scope.h - which records a device has: the schema's scope of each table,
 * asked of a hub's state as it is now or as it was at an earlier ledger size
 * (docs/PROTOCOL.md "Scope").
 *
 * The answer is a pure function of the ledger.  State keeps what a column that
 * some scope reads showed before each change of it (table _was: few rows, for
 * units and staff change their area rarely), and each row says where its insert
 * took effect; an earlier state is the present one with those values put back.
 * So nothing is kept per device and record, and nothing is written when a delta
 * is made.
 *
 * A condition that is NULL means out; a table without one is in every scope.
 */
#ifndef GB_SCOPE_H
#define GB_SCOPE_H

#include "state.h"

struct gb_scope; /* of one device, for one snapshot; borrows the state */

enum gb_err gb_scope_open(struct gb_state *st, const struct gb_device *d,
                          struct gb_scope **out, struct gb_fail *fail);
void gb_scope_close(struct gb_scope *s); /* NULL is harmless */

/* Whether an answer may differ from that at an earlier size only because
 * records changed: neither attributes nor conditions did. */
enum gb_err gb_scope_steady(struct gb_scope *s, uint64_t size, bool *steady,
                            struct gb_fail *fail);

/* Whether a record is in scope now; false when there is none. */
enum gb_err gb_scope_now(struct gb_scope *s, int table, int64_t id, bool *in,
                         struct gb_fail *fail);

enum gb_scope_was { GB_WAS_NOT_THERE, GB_WAS_OUT, GB_WAS_IN };
/* The same when the ledger had this size. */
enum gb_err gb_scope_at(struct gb_scope *s, int table, int64_t id,
                        uint64_t size, enum gb_scope_was *was,
                        struct gb_fail *fail);

/* What changed behind a size that conditions of a table read: in the record
 * itself, or in others, so that any record's answer may differ. */
struct gb_scope_moved {
    bool own, others;
};
enum gb_err gb_scope_moved(struct gb_scope *s, int table, uint64_t size,
                           struct gb_scope_moved *out, struct gb_fail *fail);

/* Every id in scope now, rising. */
typedef enum gb_err gb_scope_visit(void *context, int table, int64_t id,
                                   struct gb_fail *fail);
enum gb_err gb_scope_each(struct gb_scope *s, int table, gb_scope_visit *visit,
                          void *context, struct gb_fail *fail);
/* Every id that was there at a size and had another answer than now. */
enum gb_err gb_scope_differ(struct gb_scope *s, int table, uint64_t size,
                            gb_scope_visit *visit, void *context,
                            struct gb_fail *fail);

#endif
