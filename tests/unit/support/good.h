/*
 * good.h - what must succeed: GOOD(call) fails the test with what the call left
 * in `why`, which it gets as its last argument.
 */
#ifndef GOOD_H
#define GOOD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/err.h"

static struct gb_fail why __attribute__((unused));

#define GOOD(call)                                                             \
    do {                                                                       \
        if (call)                                                              \
            fail_msg("%s: %s", #call, why.text);                               \
    } while (0)

#endif
