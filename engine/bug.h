/*
 * bug.h - planted mistakes, one a build (`make sim-bugs`), so that it is known
 * that the simulator finds them, or of the ledger's disk, tests/flow/faults.sh.
 * In every other build GB_BUG() is false.
 */
#ifndef GB_BUG_H
#define GB_BUG_H

enum gb_bug {
    GB_BUG_NONE,
    GB_BUG_LAST,   /* `last` forgets to compare stamps */
    GB_BUG_CURSOR, /* an operation that fails is passed over for ever */
    GB_BUG_CLOCK,  /* a wrong clock is not adjusted */
    GB_BUG_SEQ,    /* a crash forgets sets, and their numbers come again */
    GB_BUG_FSYNC   /* the ref moves before its pack is synced */
};

#ifndef GB_BUG_PLANTED
#define GB_BUG_PLANTED GB_BUG_NONE
#endif
#define GB_BUG(name) (GB_BUG_PLANTED == GB_BUG_##name)

#endif
