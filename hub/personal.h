/*
 * personal.h - personal.db: values and salts of personal columns, keyed by
 * their commitment (docs/FORMAT.md "Personal section").  Never in git, never
 * dropped by a rebuild.
 *
 * A set that is held because it cannot be read (its schema is newer, or it is
 * malformed) has commitments that nobody sees yet.  Its personal section is
 * kept as it came, keyed by the SHA-256 of the set; gb_personal_settle() makes
 * values of it once the set can be read.  Nothing here asks for an audit: the
 * ledger's digests hold commitments in place of values.
 */
#ifndef GB_PERSONAL_H
#define GB_PERSONAL_H

#include "engine/set.h"

struct gb_personal;

enum gb_err gb_personal_open(const char *path, struct gb_personal **out,
                             struct gb_fail *fail);
/* To read only; in a folder that may not be written, too. */
enum gb_err gb_personal_open_reader(const char *path, struct gb_personal **out,
                                    struct gb_fail *fail);
void gb_personal_close(struct gb_personal *p); /* NULL is harmless */

/* Transactions: durable (synchronous=FULL) once the commit returns. */
enum gb_err gb_personal_begin(struct gb_personal *p, struct gb_fail *fail);
enum gb_err gb_personal_commit(struct gb_personal *p, struct gb_fail *fail);
void gb_personal_rollback(struct gb_personal *p);

/* Keep what a revealed set brings. */
enum gb_err gb_personal_keep(struct gb_personal *p, const struct gb_set *set,
                             const struct gb_schema *s, struct gb_fail *fail);
/* Keep the section of a set that cannot be read: `sha` is that of its signed
 * bytes (32 bytes), the section untrusted and as gb_container_split() gives
 * it.  The first one kept stays. */
enum gb_err gb_personal_keep_section(struct gb_personal *p, const uint8_t *sha,
                                     struct gb_span section,
                                     struct gb_fail *fail);
/*
 * Fill in what is known of a decoded set, from a section kept for it or by its
 * commitments; the rest stays hidden (erased).  A section that does not match
 * the commitments counts as not there.
 */
enum gb_err gb_personal_reveal(struct gb_personal *p, const uint8_t *sha,
                               struct gb_set *set, const struct gb_schema *s,
                               struct gb_fail *fail);
/*
 * For who releases held work, before its operations take effect: the set that
 * could not be read on its arrival can be now.  A section kept for it is
 * checked against the commitments and goes over into the values (one that
 * does not match stays where it is, and reveals nothing); then the set is
 * filled in as gb_personal_reveal() does.  Without such a section it is only
 * that, so it may be called for any set.  Within the caller's transaction of
 * personal.db or, when there is none, durable by itself.  Failures are of the
 * database or of memory.
 */
enum gb_err gb_personal_settle(struct gb_personal *p, const uint8_t *sha,
                               struct gb_set *set, const struct gb_schema *s,
                               struct gb_fail *fail);

#endif
