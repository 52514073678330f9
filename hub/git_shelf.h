/*
 * git_shelf.h - packs that are read without libgit2 and without being mapped,
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
#ifndef GB_GIT_SHELF_H
#define GB_GIT_SHELF_H

#include "git_ledger.h"

#define GB_SHELF_WINDOW 131072
#define GB_SHELF_SMALL 16384 /* bytes of a file, and room in the window */
#define GB_SHELF_VERSIONS 16
#define GB_SHELF_KEPT ((size_t)2 << 20) /* bytes of them, one being larger */
#define GB_SHELF_CHAIN 4096             /* git makes no longer ones */

/* A pack whose index was checked. */
struct gb_book {
    char name[GB_PACK_NAME_MAX];
    int idx, pack; /* files; -1: not opened yet, or it cannot be */
    bool gone;
    uint32_t fanout[256];
};

/* An object that was unpacked lately. */
struct gb_version {
    const struct gb_book *book; /* NULL: none */
    uint64_t at, used;
    git_object_t type;
    uint8_t *bytes; /* owned */
    size_t len;
};

struct gb_shelf {
    const struct gb_ledger *l;
    struct gb_book *books; /* owned */
    size_t count, latest;
    struct gb_version versions[GB_SHELF_VERSIONS];
    uint64_t clock; /* the latest of `used` */
    uint64_t chain[GB_SHELF_CHAIN];
    struct gb_buf piece, delta;
    const struct gb_book *open; /* whose bytes are in the window, */
    uint64_t at;                /* from here on */
    size_t len;
    uint8_t window[GB_SHELF_WINDOW], raw[GB_SHELF_SMALL];
};

/* Where an object begins in a pack; false when its index does not name it. */
bool gb_book_find(const struct gb_book *b, const uint8_t oid[GB_OID_BYTES],
                  uint64_t *at);
/* The pack that has an object, and where; NULL when none has it. */
struct gb_book *gb_shelf_find(struct gb_shelf *s, const git_oid *oid,
                              uint64_t *at);
/* What stands there, valid until the next call, fewer bytes when the pack ends:
 * so many; or out of the window, 2 * GB_SHELF_SMALL. */
struct gb_span gb_shelf_take(struct gb_shelf *s, struct gb_book *b, uint64_t at,
                             size_t want);
struct gb_span gb_shelf_look(struct gb_shelf *s, struct gb_book *b,
                             uint64_t at);

#endif
