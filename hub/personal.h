/*
 * personal.h - personal.db: values and salts of personal columns, keyed by
 * their commitment (design §5).  Never in git, never dropped by a rebuild.
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
/* Fill in what is known of a decoded set; the rest stays hidden (erased). */
enum gb_err gb_personal_reveal(struct gb_personal *p, struct gb_set *set,
                               const struct gb_schema *s, struct gb_fail *fail);

#endif
