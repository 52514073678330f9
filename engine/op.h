/*
 * op.h - operations and change sets in memory (docs/FORMAT.md).
 *
 * An operation inserts, sets, voids or resolves one record, or (replica 0
 * only) changes the site itself.  A change set is a run of operations of one
 * device in the order in which they were made; its container is described in
 * docs/FORMAT.md and handled by set.h.
 *
 * Columns and tables are numbers of the schema version that the set names.
 * Everything a decoded set points to lives in its arena.
 */
#ifndef GB_OP_H
#define GB_OP_H

#include "limits.h"
#include "schema.h"

enum gb_kind {
    GB_INSERT = 1,  /* a new record */
    GB_SET = 2,     /* new values of some columns */
    GB_VOID = 3,    /* the record is void, with a reason; final */
    GB_RESOLVE = 4, /* replica 0: overwrites exactly the siblings it names */
    GB_SITE = 8,    /* replica 0: name, time zone, keys of the site */
    GB_SCHEMA = 9,  /* replica 0: the next schema version */
    GB_DEVICE = 10, /* replica 0: a device's number, level, keys */
    GB_RELEASE = 11 /* replica 0: waiting operations take effect */
};

/* An operation's name in the site: its device and its effective stamp.
 * Effective stamps rise strictly along a device's chain, so this is unique. */
struct gb_opname {
    int device;
    int64_t stamp;
};

/* One value written by an operation. */
struct gb_written {
    int column;
    struct gb_value value; /* sum: the difference */
    struct gb_value from;  /* state, in a GB_SET only: the state left */
    bool hidden; /* personal and not known here (erased, or an auditor) */
};

#define GB_SALT_BYTES 16

struct gb_op {
    enum gb_kind kind;
    int table;                 /* GB_INSERT..GB_RESOLVE */
    int64_t id;                /* record; 0 for the kinds of the site */
    int64_t actor;             /* staff record; 0: the hub itself */
    int boot;                  /* index into gb_set.boots */
    int64_t time_ms;           /* device time, UTC */
    int64_t stamp;             /* hybrid logical clock of the device */
    struct gb_written *values; /* by rising column; insert: no NULLs */
    int nvalues;
    /* insert: the caller's ref or empty; void, resolve: the reason; kinds of
     * the site: the payload (tlv.h) */
    struct gb_span text;
    struct gb_opname *names; /* resolve, release; rising (device, stamp) */
    int nnames;
    const uint8_t *commitment; /* 32 bytes: SHA-256(salt, personal values), */
    const uint8_t *salt;       /* 16 bytes; both NULL: nothing personal;
                                  salt NULL alone: the values are not here */
};

/* A run of operations between two starts of the device's operating system. */
struct gb_boot {
    uint8_t id[16];
    int64_t wall_ms;  /* wall clock at the boot's first operation */
    int64_t mono_ms;  /* CLOCK_BOOTTIME then */
    int64_t shift_ms; /* wall clock less device time, as last seen */
};

/* A tree head of the ledger (FORMAT.md "Ledger"). */
struct gb_head {
    uint32_t epoch;
    uint64_t size;
    uint8_t root[32];
};

/* Where an operation that was captured again was made first (FORMAT.md
 * "ORIGIN"). */
struct gb_origin {
    int device;
    uint8_t boot[16];
    int64_t mono_ms; /* CLOCK_BOOTTIME then */
    int64_t stamp;   /* that it had there */
};

/* The last operation that a copied journal shares with the chain which it was
 * copied from; device 0: none. */
struct gb_parent {
    int device;
    uint32_t seq;
    int ops; /* shared operations of that set: the index of the last, plus 1 */
};

struct gb_set {
    uint8_t site[16];
    int device;
    uint32_t seq;        /* 1, 2, 3 ... */
    uint8_t prev[32];    /* SHA-256 of the signed bytes of seq - 1; or zeros */
    uint32_t schema;     /* version */
    int64_t clock_ms;    /* device time when sealed */
    struct gb_head base; /* merged up to here when the operations were made */
    struct gb_boot *boots;
    int nboots;
    struct gb_op *ops;
    int nops;
    struct gb_origin *origins; /* of each operation; NULL: captured here */
    struct gb_parent parent;   /* only with origins */
    struct gb_arena arena;     /* owns all of the above; release with
                                  gb_set_release() */
};

void gb_set_release(struct gb_set *s);

#endif
