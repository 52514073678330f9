/*
 * line.h - one line of the ledger's batches: what became of a change set.
 *
 * It is a leaf of the Merkle tree (with its LF) and, sent down in a delta,
 * the device's receipt.  One space between fields (FORMAT.md "Batch line"):
 *
 *   position device seq sha256 received adjust floor verdict [index=CODE,...]
 *
 * `adjust` has one number per boot of the set, with commas, "-" where the set
 * has none that could be read; the verdict is `applied`, `held:CODE` or `fork`.
 */
#ifndef GB_LINE_H
#define GB_LINE_H

#include "rec.h"

enum gb_verdict { GB_APPLIED, GB_HELD, GB_FORK };

struct gb_quarantined {
    int index; /* of the operation in its set */
    enum gb_code code;
};

struct gb_line {
    uint64_t pos; /* from 1 */
    int device;
    uint32_t seq;
    uint8_t sha256[32];
    int64_t received_ms;
    int64_t *adjust; /* in the caller's arena, as the rest */
    int nadjust;
    int64_t floor;
    enum gb_verdict verdict;
    enum gb_code held;                  /* with GB_HELD */
    struct gb_quarantined *quarantined; /* by rising index; GB_APPLIED only */
    int nquarantined;
};

/* With the LF. */
void gb_line_write(const struct gb_line *l, struct gb_buf *out);
/* One whole line with its LF; exactly what gb_line_write() gives, or
 * GB_E_FORMAT. */
enum gb_err gb_line_read(struct gb_span text, struct gb_arena *arena,
                         struct gb_line *out, struct gb_fail *fail);

/* Effective stamps of the set's operations as they were computed when it came
 * (MERGE.md M20), in the arena; `set` may be one of which only TIME was read.
 */
enum gb_err gb_line_stamps(const struct gb_line *l, const struct gb_set *set,
                           struct gb_arena *arena, int64_t **out,
                           struct gb_fail *fail);

#endif
