/* fault.c - in place of tests/unit/support/fault.c, for fixtures that are
 * shared: here no call is made to fail. */
#include "tests/unit/support/fault.h"

#include "fuzz.h"

size_t
fault_sweep(unsigned kinds,
            enum gb_err (*work)(void *arg, struct gb_fail *fail),
            void (*judge)(void *arg, enum gb_err err, enum fault failed),
            void *arg)
{
    struct gb_fail why = {0};
    (void)kinds;
    (void)judge;
    FUZZ_CHECK(!work(arg, &why));
    return 0;
}

void
fault_told(void *arg, enum gb_err err, enum fault failed)
{
    (void)arg;
    FUZZ_CHECK(!err && !failed);
}

void
fault_told_or_harmless(void *arg, enum gb_err err, enum fault failed)
{
    fault_told(arg, err, failed);
}
