/*
 * journal.h - a handheld's journal: journal.db, where a steward's work lives.
 *
 * Records are rows (table.h) that any SQL may read.  Writes are captured by
 * triggers in the same transaction: an insert's row is its own capture, a
 * change is a row of _log with the new and the old values.  What the triggers
 * cannot capture or the rules forbid is refused, whoever writes; without the
 * engine the triggers' functions do not exist, and the write is refused too.
 *
 * The row shows the hub's state with this device's own unaccepted operations
 * on top.  The hub's state itself is the row with the old values of _log put
 * back; _code is always the hub's.
 *
 * Time, boot and monotonic clock come from the caller (struct gb_now), so that
 * tests own them.  One connection, one thread; the folder's lock is the
 * caller's matter.
 */
#ifndef GB_JOURNAL_H
#define GB_JOURNAL_H

#include "ack.h"
#include "key.h"
#include "set.h"
#include "site.h"
#include "table.h"

struct gb_journal;

/* What the device's clocks say now. */
struct gb_now {
    int64_t wall_ms;  /* CLOCK_REALTIME */
    int64_t mono_ms;  /* CLOCK_BOOTTIME */
    uint8_t boot[16]; /* boot id */
};
typedef void gb_now_fn(void *context, struct gb_now *out);

/* What a ticket says (ticket.h reads the file). */
struct gb_enrolment {
    struct gb_site site;
    int device, level;
    char name[128];
    char attributes[GB_ATTRIBUTES_MAX];
    char url[256]; /* "" when there is none */
    uint8_t secret[32];
    int keyset; /* whoever keeps the keys tells sets of them apart by it */
};

/* Create the database of a new device; nothing of a site is in it before the
 * first delta (the ticket brings one). */
enum gb_err gb_journal_create(const char *path, const struct gb_enrolment *en,
                              struct gb_fail *fail);
enum gb_err gb_journal_open(const char *path, gb_now_fn *now, void *context,
                            struct gb_journal **out, struct gb_fail *fail);
/* To read only; in a folder that may not be written, too. */
enum gb_err gb_journal_open_reader(const char *path, gb_now_fn *now,
                                   void *context, struct gb_journal **out,
                                   struct gb_fail *fail);
/* A copy that nobody else sees, for what is written and rolled back. */
enum gb_err gb_journal_open_copy(const char *path, gb_now_fn *now,
                                 void *context, struct gb_journal **out,
                                 struct gb_fail *fail);
/* Read again what is kept in memory (site, schema, clock, counter, boot, actor,
 * whether records have left the scope), as an open would: what another process
 * wrote counts from here on.  After a failure the journal can only be closed.
 */
enum gb_err gb_journal_reload(struct gb_journal *j, struct gb_fail *fail);
void gb_journal_close(struct gb_journal *j); /* NULL is harmless */

/* ------------------------------------------------------------ reading -- */

struct gb_journal_info {
    struct gb_site site;
    int device, level;
    char name[128];
    char attributes[GB_ATTRIBUTES_MAX];
    char url[256];
    uint8_t secret[32];
    bool confirmed;        /* the hub has accepted this device's keys */
    bool uncertain;        /* an upload's reply never came */
    int keyset;            /* as in the enrolment */
    bool copy;             /* the hub refused this journal as a copy */
    int64_t actor;         /* signed in; 0: nobody */
    uint32_t seq;          /* last sealed set */
    uint32_t accepted;     /* last set the hub has accepted */
    uint32_t safe;         /* last set that it has; not below `accepted` */
    struct gb_head merged; /* the hub's state is that of this head */
    int64_t unsealed;      /* operations in the open tail */
    int64_t unsent;        /* operations behind `safe`, tail included */
    int64_t unaccepted;    /* likewise behind `accepted` */
    int64_t readonly;      /* records out of scope that are still here */
    int64_t synced_ms;     /* when the last delta came; 0: never */
};
enum gb_err gb_journal_info(struct gb_journal *j, struct gb_journal_info *out,
                            struct gb_fail *fail);
const struct gb_schema *gb_journal_schema(const struct gb_journal *j);
struct gb_tables *gb_journal_tables(struct gb_journal *j);
sqlite3 *gb_journal_db(struct gb_journal *j);
/* The record has left this device's scope: it can be read, not written, and
 * goes once its unsent changes are accepted. */
enum gb_err gb_journal_readonly(struct gb_journal *j, int table, int64_t id,
                                bool *readonly, struct gb_fail *fail);
/* Digest of the accepted state in scope: own unaccepted operations and
 * read-only records are left out, so that after a sync it equals the hub's of
 * this device (gb_state_digest_of()). */
enum gb_err gb_journal_digest(struct gb_journal *j, uint8_t out[32],
                              struct gb_fail *fail);

/* ------------------------------------------------------------ writing -- */

/* Who acts from now on; persistent when `keep`.  GB_E_MISSING when there is no
 * such record in the schema's actor table. */
enum gb_err gb_journal_sign_in(struct gb_journal *j, int64_t actor, bool keep,
                               struct gb_fail *fail);
enum gb_err gb_journal_set_url(struct gb_journal *j, const char *url,
                               struct gb_fail *fail);

/* Transactions; a single write outside one is one by itself.  A transaction
 * stays together in one change set. */
enum gb_err gb_journal_begin(struct gb_journal *j, struct gb_fail *fail);
enum gb_err gb_journal_commit(struct gb_journal *j, struct gb_fail *fail);
void gb_journal_rollback(struct gb_journal *j);

/* One column and its new value, of the column's type. */
struct gb_assign {
    int column;
    struct gb_value value;
    bool add; /* sum: add this to what is there (only in a set) */
};
/* Each ends as if the SQL had been typed; *id receives the new record's. */
enum gb_err gb_journal_insert(struct gb_journal *j, int table,
                              struct gb_span ref,
                              const struct gb_assign *values, int n,
                              int64_t *id, struct gb_fail *fail);
enum gb_err gb_journal_set(struct gb_journal *j, int table, int64_t id,
                           const struct gb_assign *values, int n,
                           struct gb_fail *fail);
/* Whether the last set did not change what a column shows, though it is
 * recorded as any other: `first`, or a ratchet without the level to go back
 * (MERGE.md §5, §6).  The level of what is written now: the lower of device and
 * actor. */
bool gb_journal_kept(const struct gb_journal *j, int column);
int gb_journal_level(const struct gb_journal *j);
enum gb_err gb_journal_void(struct gb_journal *j, int table, int64_t id,
                            struct gb_span reason, struct gb_fail *fail);
/* A record by the caller's own name: own records first, then the hub's;
 * "7/NAME" names device 7's.  GB_E_MISSING when none. */
enum gb_err gb_journal_ref(struct gb_journal *j, int table, struct gb_span ref,
                           int64_t *id, struct gb_fail *fail);

/* Progress of an import, kept in the transaction of its lines. */
enum gb_err gb_journal_import_done(struct gb_journal *j, const uint8_t hash[32],
                                   int64_t *lines, struct gb_fail *fail);
enum gb_err gb_journal_import_note(struct gb_journal *j, const uint8_t hash[32],
                                   int64_t lines, struct gb_fail *fail);

/* ------------------------------------------------- sealing and sending -- */

/* Turn the open tail into signed sets.  Nothing to seal is fine.  *made is
 * the number of new sets. */
enum gb_err gb_journal_seal(struct gb_journal *j, const struct gb_sign_key *key,
                            int *made, struct gb_fail *fail);
/* The hub works with another journal under this number: from now on this one
 * may go on under a new one (journal_again.h). */
enum gb_err gb_journal_mark_copy(struct gb_journal *j, struct gb_fail *fail);
/* Durable before an upload, and taken back by the delta that answers it. */
enum gb_err gb_journal_mark(struct gb_journal *j, bool uncertain,
                            struct gb_fail *fail);
/* The container of a sealed set: signed bytes, signature, personal section. */
enum gb_err gb_journal_container(struct gb_journal *j, uint32_t seq,
                                 struct gb_buf *out, struct gb_fail *fail);

/* What a request says (FORMAT.md "Request"), added to out, signed. */
enum gb_err gb_journal_request(struct gb_journal *j,
                               const struct gb_sign_key *key,
                               const struct gb_public_key *receive_key,
                               bool stick, struct gb_buf *out,
                               struct gb_fail *fail);

/* The hub has these sets, durably; the delta that accepts them is still to
 * come.  The acknowledgement's signature was verified, and it was for this
 * device.  GB_E_FORK: they are another journal's. */
enum gb_err gb_journal_acknowledged(struct gb_journal *j,
                                    const struct gb_ack *ack,
                                    struct gb_fail *fail);
/* The hub has nothing behind what was merged here: no work that went up, and
 * not what it acknowledged either, should it have been put back since. */
enum gb_err gb_journal_no_news(struct gb_journal *j, struct gb_fail *fail);

/*
 * Take in a delta whose signature by the hub was verified: parts in order,
 * then apply them all in one transaction.  GB_E_EXISTS for an old one that has
 * come again (harmless), GB_E_STATE when it is not for this head, GB_E_FORK
 * when the journal is a copy, GB_E_HISTORY when the hub's log does not contain
 * what was seen.
 */
enum gb_err gb_journal_delta_part(struct gb_journal *j, struct gb_span part,
                                  bool *complete, struct gb_fail *fail);
/* Counts for people, of the last delta applied. */
struct gb_applied {
    int64_t records, accepted_sets, quarantined;
    int64_t released; /* operations taken back before, in effect now */
    int64_t left;     /* of the records: these are out of scope now */
};
enum gb_err gb_journal_delta_apply(struct gb_journal *j,
                                   const struct gb_sign_key *key,
                                   struct gb_applied *out,
                                   struct gb_fail *fail);

/* Operations that the hub took back and that wait there, with its reason. */
struct gb_taken_back {
    uint32_t seq;
    int index;
    enum gb_code code;
    const char *table;
    int64_t id;
};
typedef void gb_taken_back_fn(void *context, const struct gb_taken_back *t);
enum gb_err gb_journal_taken_back(struct gb_journal *j, gb_taken_back_fn *fn,
                                  void *context, struct gb_fail *fail);

#endif
