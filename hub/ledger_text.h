/*
 * ledger_text.h - the names and texts of the ledger: paths of its files,
 * messages of its commits, lines of its signers' files (docs/FORMAT.md
 * "Ledger").  The lines of its batches are engine/line.h.
 *
 * Each parser accepts exactly what the writer beside it writes.  Nothing here
 * knows git, a clock or a file.
 */
#ifndef GB_LEDGER_TEXT_H
#define GB_LEDGER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/buf.h"
#include "engine/err.h"
#include "engine/key.h"
#include "engine/line.h"
#include "engine/op.h"

/* -------------------------------------------------------------- paths -- */

#define GB_LEDGER_NAME_MAX 64 /* bytes with NUL */

enum gb_ledger_kind {
    GB_LEDGER_SET,       /* YYYY/MM/DD/PPPPPPPPP-DEV-SEQ.gbcs */
    GB_LEDGER_SIGNATURE, /* the same and .sig */
    GB_LEDGER_BATCH,     /* YYYY/MM/DD/PPPPPPPPP.batch */
    GB_LEDGER_OTHER      /* signers/..., schema/..., .gitattributes */
};

/* The date is that of `time_s` in UTC; positions have at least 9 digits. */
struct gb_ledger_name {
    enum gb_ledger_kind kind;
    int year, month, day; /* of time_s; set by parsing */
    uint64_t position;    /* of the set, or of the batch's first; from 1 */
    int device;           /* sets only */
    uint32_t seq;         /* sets only */
};

/* Write the path of anything but GB_LEDGER_OTHER.  `time_s` is UTC, from 1970
 * to 9999. */
void gb_ledger_name_write(char out[GB_LEDGER_NAME_MAX],
                          const struct gb_ledger_name *name, int64_t time_s);
/* Of a set that has a line, or of its signature. */
void gb_ledger_set_name(char out[GB_LEDGER_NAME_MAX],
                        const struct gb_line *line, enum gb_ledger_kind kind);
/* The reverse; what is no such path is GB_LEDGER_OTHER.  Paths that begin
 * with a digit are one of the three or false. */
bool gb_ledger_name_read(struct gb_ledger_name *out, const char *path);

/* ----------------------------------------------------------- messages -- */

/*
 *   batch 1042..1044
 *
 *   Tree-Head: EPOCH SIZE ROOT
 *
 * The last position of a batch is the size of its tree head.
 */
struct gb_ledger_message {
    uint64_t first; /* position of the batch's first set */
    struct gb_head head;
};

void gb_ledger_message_write(struct gb_buf *out,
                             const struct gb_ledger_message *message);
/* GB_E_FORMAT: not a message of a batch. */
enum gb_err gb_ledger_message_read(struct gb_ledger_message *out,
                                   struct gb_span text, struct gb_fail *fail);

/* ------------------------------------------------------------ signers -- */

#define GB_SIGNERS_CHANGESETS "signers/changesets"
#define GB_SIGNERS_HUB "signers/hub"
#define GB_SIGNERS_LEDGER "signers/ledger"

/* Who may sign, as a line of an allowed_signers file (ssh-keygen(1)). */
struct gb_signer {
    const char *principal; /* [A-Za-z0-9._@-]+ */
    const char *ns;        /* one namespace for all lines of a file */
    int64_t after_s;       /* valid from, UTC; 0: always */
    int64_t before_s;      /* valid until, UTC; 0: for ever */
    struct gb_public_key key;
};

/* Append the line, with LF:
 *   PRINCIPAL namespaces="NS",valid-after="20261123080000Z" ssh-ed25519 AAAA
 * GB_E_VALUE: a principal, namespace or time that cannot be written so. */
enum gb_err gb_signer_write(struct gb_buf *out, const struct gb_signer *signer,
                            struct gb_fail *fail);

#endif
