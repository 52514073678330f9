/*
 * delta.h - from one head of the hub's state to a later one, for one device
 * (docs/FORMAT.md "Delta").
 *
 * A delta is one or more parts, each a container signed by the hub in the
 * namespace delta@gengbu.  Every part names the whole: receiver, from-head,
 * to-head, the receiver's last accepted set.  The first part holds what is
 * said once (proof, schema, site), all of them records.  Lists without a bound
 * (receipts, names) and records larger than a part are streams: the bytes of
 * their section, joined over all parts that have one.
 */
#ifndef GB_DELTA_H
#define GB_DELTA_H

#include "journal.h"
#include "merkle.h"
#include "rec.h"
#include "state.h"

/* The header of a part. */
struct gb_delta_head {
    uint8_t site[16];
    int device;
    uint32_t part; /* from 1 */
    bool last;     /* no part follows */
    bool keep;     /* "keep only these": the whole scope, not a difference */
    uint64_t from; /* ledger size */
    struct gb_head to;
    uint32_t accepted; /* last set of the receiver in the ledger */
    uint8_t accepted_sha[32];
    int64_t stamp;    /* largest effective stamp up to the to-head */
    uint32_t schema;  /* version of the records' columns */
    int64_t clock_ms; /* the hub's clock when it was made */
};

/* -------------------------------------------------- making, at the hub -- */

#define GB_DELTA_HEADS_MAX 16

struct gb_delta_ask {
    int device;
    uint64_t from;    /* merged by the device; 0: everything */
    uint64_t highest; /* prove growth from this size, and from all of heads;
                         0: from nothing */
    uint32_t schema;  /* newest version that the device has */
    int64_t clock_ms;
    bool unsure; /* what else it was given is not known: keep only these */
    /* Sizes behind `from` that it may have got to meanwhile, by deltas that
     * were made and that it has not named since.  When unsure, those that are
     * known. */
    uint64_t heads[GB_DELTA_HEADS_MAX];
    int nheads;
    struct gb_span known; /* strings, known.h; none but for who asks for it */
};
/* Receives each part, signed bytes and signature, in order. */
typedef enum gb_err gb_delta_sink(void *context, struct gb_span container,
                                  struct gb_fail *fail);
/*
 * Make a delta up to the state's size; nothing is made when the device has
 * all.  The caller holds a transaction, so that it is one snapshot.
 *
 * It can be applied at `from` and at every head behind it, so a record is left
 * out only if the device has it at each of them, and one that it had at any of
 * them and must not have now comes once more, named as left (scope.h).
 */
enum gb_err gb_delta_make(struct gb_state *st, const struct gb_delta_ask *ask,
                          const struct gb_sign_key *key, gb_delta_sink *sink,
                          void *context, struct gb_fail *fail);

/* ------------------------------------------------ reading, at a device -- */

/* That the log up to the to-head begins with what it was at `from`. */
struct gb_delta_growth {
    uint64_t from;
    struct gb_merkle_proof proof;
};
#define GB_DELTA_GROWTH_MAX (GB_DELTA_HEADS_MAX + 1)

/* What the first part says once. */
struct gb_delta_once {
    struct gb_span site; /* tagged fields, as GB_SITE and GB_DEVICE */
    struct gb_span device;
    struct gb_span schema;          /* text; empty: the device has it */
    struct gb_delta_growth *growth; /* `from` rises; */
    int ngrowth;                    /* at most GB_DELTA_GROWTH_MAX */
    struct gb_lineage lineage;
};

/* Streams: sections whose bytes are joined over the parts. */
enum gb_delta_joined_kind {
    GB_DELTA_J_RECEIPTS, /* strings: batch lines of the receiver's sets */
    GB_DELTA_J_GONE,     /* names of records of its own that the hub lacks */
    GB_DELTA_J_LARGE,    /* strings: a record each */
    GB_DELTA_J_LEFT,     /* names of records that are out of scope now */
    GB_DELTA_J_KNOWN,    /* strings: known.h, for a copy that goes on */
    GB_DELTA_J_WAITS,    /* strings: the receiver's operations that wait */
    GB_DELTA_JOINED_COUNT
};
extern const unsigned gb_delta_joined_section[GB_DELTA_JOINED_COUNT];

enum gb_err gb_delta_head_read(struct gb_span part, struct gb_delta_head *out,
                               struct gb_fail *fail);
/* All in the arena; `part` must live as long. */
enum gb_err gb_delta_once_read(struct gb_span part, struct gb_arena *arena,
                               struct gb_delta_once *out, struct gb_fail *fail);

/* A stream on its way in: what is not used yet. */
struct gb_delta_joined {
    enum gb_delta_joined_kind kind;
    struct gb_buf bytes; /* at most GB_ARENA_MAX */
    size_t at;
};
void gb_delta_joined_init(struct gb_delta_joined *j,
                          enum gb_delta_joined_kind kind);
void gb_delta_joined_release(struct gb_delta_joined *j);
/* Add what a part has of it. */
enum gb_err gb_delta_join(struct gb_delta_joined *j, struct gb_span part,
                          struct gb_fail *fail);
/* The next string or name; false: it has not come whole yet.  A string is
 * borrowed until the next gb_delta_join(). */
bool gb_delta_joined_string(struct gb_delta_joined *j, struct gb_span *out);
bool gb_delta_joined_name(struct gb_delta_joined *j, int *table, int64_t *id);
/* Behind the last part nothing may be left. */
enum gb_err gb_delta_joined_end(const struct gb_delta_joined *j,
                                struct gb_fail *fail);

/* Each record of a part, with the schema that its header names. */
enum gb_err gb_delta_records(struct gb_span part, const struct gb_schema *s,
                             gb_visit *visit, void *context,
                             struct gb_fail *fail);
/* The record that a string of the stream of large ones holds. */
enum gb_err gb_delta_large(struct gb_span bytes, const struct gb_schema *s,
                           gb_visit *visit, void *context,
                           struct gb_fail *fail);

/* --------------------------------- records of one table (delta_rows.c) -- */

/* The columns of n records of a table, added to out.  `large`: a single one,
 * whose state may be longer than a value. */
enum gb_err gb_delta_rows_write(const struct gb_rec *r, size_t n, bool large,
                                struct gb_buf *out, struct gb_fail *fail);
/* The same back: visits each; the arena is the caller's to reset. */
enum gb_err gb_delta_rows_read(struct gb_reader *in, const struct gb_table *t,
                               size_t n, bool large, struct gb_arena *arena,
                               gb_visit *visit, void *context,
                               struct gb_fail *fail);

/* Sections of a part. */
enum {
    GB_DELTA_SITE = 10,
    GB_DELTA_DEVICE = 11,
    GB_DELTA_RECORDS = 12,
    GB_DELTA_SCHEMA = 13,
    GB_DELTA_RECEIPTS = 14,
    GB_DELTA_PROOF = 15,
    GB_DELTA_LINEAGE = 16,
    GB_DELTA_GONE = 17,
    GB_DELTA_LARGE = 18,
    GB_DELTA_LEFT = 19,
    GB_DELTA_KNOWN = 20,
    GB_DELTA_WAITS = 21
};
#define GB_DELTA_HEADER 140
#define GB_DELTA_RECORDS_MAX 4096 /* of one part: bounds a device's memory */
#define GB_DELTA_PART_BYTES (512 * 1024) /* of a part, before compression */

#endif
