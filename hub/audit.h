/*
 * audit.h - the auditor's check of a ledger, without trust in the hub.
 *
 * Everything in a ledger follows from the signed sets and from what the hub
 * noted on their arrival, so an audit computes it again and compares: each
 * commit is by the ledger key that was in force before it; it adds the files
 * of its batch and no others; each set is signed by the key that its device
 * had then, continues that device's chain or is a fork, and names a tree head
 * that this log had; each line, tree head and file of signers is what the
 * sets before it make it (replay.h, tree_files.h).
 *
 * Two things must come from outside: the fingerprint of the site's first
 * ledger key, which alone tells this site's ledger from one that somebody
 * made up; and a head that somebody remembers, which alone shows a cut tail.
 *
 * Commits are read, and signatures verified, by all processors, ahead of the
 * one that replays them; what is reported is the first that is wrong.
 *
 * Nothing is held in memory that grows with the ledger, but 20 bytes for each
 * commit, and four for each object of the pack that is checked; the state is a
 * database in a scratch folder under TMPDIR.  All input is untrusted.
 */
#ifndef GB_AUDIT_H
#define GB_AUDIT_H

#include <signal.h>

#include "engine/key.h"
#include "engine/limits.h"
#include "engine/rec.h"

#define GB_AUDIT_KEYS_MAX 256 /* ledger keys, one after another */

/* --------------------------------------------------------- whole check -- */

struct gb_audit_plan {
    const char *ledger;         /* path of the repository, bare or not */
    const char *key;            /* fingerprint of the first ledger key, as
                                   `ssh-keygen -lf` prints it; NULL: unknown */
    const struct gb_head *head; /* size and root remembered; NULL: none */
    const volatile sig_atomic_t *stop; /* set: give up; NULL: never */
};

enum gb_audit_verdict {
    GB_AUDIT_UNCHECKED, /* not finished: no such folder, no room, stopped */
    GB_AUDIT_OK,
    GB_AUDIT_WRONG
};

/* What a device did, by its number; 0 is the hub. */
struct gb_audit_device {
    uint64_t sets, forks; /* sets: forks are not among them */
    uint64_t operations;
    uint32_t seq;        /* last set of its chain, */
    uint64_t position;   /* where that stands, */
    int64_t received_ms; /* and when it came */
};

struct gb_audit_key {
    struct gb_public_key key;
    uint64_t from; /* position of the first set in a commit that it signed */
};

/* What was found.  The counts are of the batches that were checked wholly. */
struct gb_audit_report {
    enum gb_audit_verdict verdict;
    /* Where it is wrong: the first position that may be, and the last; both 0
     * when that cannot be told. */
    uint64_t position, position_last;
    bool pinned; /* the first ledger key has the fingerprint that was given */
    uint8_t site[16];
    char name[128], timezone[64];
    uint64_t commits, sets, operations;
    uint64_t signatures; /* verified: of sets and of commits */
    uint64_t applied, held, forks, quarantined, waiting;
    uint64_t held_by[GB_CODE_COUNT], quarantined_by[GB_CODE_COUNT];
    uint64_t waiting_by[GB_CODE_COUNT]; /* operations that still do */
    int64_t first_ms, last_ms;          /* received; 0: nothing was */
    struct gb_head head;
    uint8_t digest[32]; /* of the state; only when everything is well */
    struct gb_audit_key keys[GB_AUDIT_KEYS_MAX];
    size_t nkeys;
    /* Sets whose base this log never had, although its epoch is the same. */
    uint64_t witnesses;
    struct gb_audit_device *devices; /* owned: GB_DEVICE_MAX + 1 */
};

/*
 * Check a ledger.  GB_OK when everything is as it must be; otherwise the
 * reason is in `fail`, and the report says where, and what was found so far.
 * Shows its progress on a terminal.  Release the report whatever comes back.
 */
enum gb_err gb_audit_run(const struct gb_audit_plan *plan,
                         struct gb_audit_report *out, struct gb_fail *fail);
void gb_audit_release(struct gb_audit_report *report);

/* The report for people, and as one JSON document; `why` is what
 * gb_audit_run() said.  Appended to out. */
enum gb_err gb_audit_show(const struct gb_audit_plan *plan,
                          const struct gb_audit_report *report,
                          const struct gb_fail *why, struct gb_buf *out,
                          struct gb_fail *fail);
enum gb_err gb_audit_json(const struct gb_audit_plan *plan,
                          const struct gb_audit_report *report,
                          const struct gb_fail *why, struct gb_buf *out,
                          struct gb_fail *fail);
/* The verdict alone, one line without LF: "WRONG at position 7: ...". */
void gb_audit_verdict(const struct gb_audit_report *report,
                      const struct gb_fail *why, struct gb_buf *out);

/* ------------------------------------------------------ one change set -- */

/* Who may sign, a line of an allowed_signers file (ssh-keygen(1)). */
struct gb_audit_signer {
    struct gb_span principals; /* with commas */
    struct gb_span namespaces; /* with commas; empty: every one */
    int64_t after_s, before_s; /* valid between, UTC; INT64_MIN, INT64_MAX */
    struct gb_public_key key;
};

/*
 * Take the next line of a file of signers (borrowed; *rest moves on).  *found
 * is false at the end.  Comments, empty lines, keys of other types and
 * certificate authorities are passed over.  Stricter than ssh-keygen: names
 * are no patterns, times end in Z.  GB_E_FORMAT or GB_E_KEY; *number counts
 * the lines.
 */
enum gb_err gb_audit_signer_next(struct gb_span *rest, unsigned *number,
                                 struct gb_audit_signer *out, bool *found,
                                 struct gb_fail *fail);
/* A time as such a file has it, "20261123080000Z" or shorter. */
bool gb_audit_time(struct gb_span text, int64_t *time_s);

/* What a change set is verified with. */
struct gb_audit_set {
    struct gb_span signed_bytes, signature; /* armored */
    struct gb_span signers;                 /* text of the file */
    const char *identity; /* principal; NULL: "DEVICE@SITE" of the set */
    int64_t time_s;       /* when the key must be valid */
};
/* GB_OK: the set is signed by that identity.  `key` gets who signed. */
enum gb_err gb_audit_set_verify(const struct gb_audit_set *in,
                                struct gb_public_key *key,
                                struct gb_fail *fail);

#endif
