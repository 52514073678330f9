/* check.h - what check.c and check_ends.c share. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "oracle.h"

/* Every operation that was written has exactly one end, and nothing waits
 * that could go on. */
void check_ends(struct oracle *o);

#endif
