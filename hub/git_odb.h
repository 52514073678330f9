/*
 * git_odb.h - packs that are read without libgit2 and without being mapped,
 * for a reader who wants much of them in little memory; git_ledger.h has what
 * others ask of it.
 *
 * libgit2 maps whole indexes, and keeps up to 16 MiB of objects for each pack
 * from which others are differences, so a program that reads a whole ledger
 * grows with it.  Here a look into an index reads the few rows in question, and
 * the caches have a size.
 *
 * What is not there, or in any way odd, is left to libgit2, but for differences
 * in a circle; and what is found is believed after its hash only, as all that
 * is read.
 */
#ifndef GB_GIT_ODB_H
#define GB_GIT_ODB_H

#include "git_ledger.h"

#define GB_ODB_WINDOW 131072
#define GB_ODB_SMALL 16384 /* bytes of a file, and room in the window */
#define GB_ODB_BASES 16
#define GB_ODB_KEPT ((size_t)2 << 20) /* bytes of them, one being larger */
#define GB_ODB_CHAIN 4096             /* git makes no longer ones */

/* A pack whose index was checked. */
struct gb_odb_pack {
    char name[GB_PACK_NAME_MAX];
    int idx, pack; /* files; -1: not opened yet, or it cannot be */
    bool gone;
    uint32_t fanout[256];
};

/* An object that was unpacked lately: of the delta bases, as git calls them. */
struct gb_odb_base {
    const struct gb_odb_pack *pack; /* NULL: none */
    uint64_t at, used;
    git_object_t type;
    uint8_t *bytes; /* owned */
    size_t len;
};

/* Packs, with what was read of them lately. */
struct gb_odb {
    const struct gb_ledger *l;
    struct gb_odb_pack *packs; /* owned */
    size_t count, latest;
    struct gb_odb_base bases[GB_ODB_BASES];
    uint64_t clock; /* the latest of `used` */
    uint64_t chain[GB_ODB_CHAIN];
    struct gb_buf piece, delta;
    const struct gb_odb_pack *open; /* whose bytes are in the window, */
    uint64_t at;                    /* from here on */
    size_t len;
    uint8_t window[GB_ODB_WINDOW], raw[GB_ODB_SMALL];
};

/* Where an object begins in a pack; false when its index does not name it. */
bool gb_odb_pack_find(const struct gb_odb_pack *b,
                      const uint8_t oid[GB_OID_BYTES], uint64_t *at);
/* The pack that has an object, and where; NULL when none has it. */
struct gb_odb_pack *gb_odb_find(struct gb_odb *s, const git_oid *oid,
                                uint64_t *at);
/* What stands there, valid until the next call, fewer bytes when the pack ends:
 * so many; or out of the window, 2 * GB_ODB_SMALL. */
struct gb_span gb_odb_take(struct gb_odb *s, struct gb_odb_pack *b, uint64_t at,
                           size_t want);
struct gb_span gb_odb_look(struct gb_odb *s, struct gb_odb_pack *b,
                           uint64_t at);

#endif
