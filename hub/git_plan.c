/* git_plan.c - see git_plan.h */
#include "git_plan.h"

size_t
gb_pack_plan(const uint64_t *objects, size_t n)
{
    if (n < 2)
        return 0;
    /* The row of the large ones ends where a pack is less than twice as large
     * as the next smaller one. */
    size_t row = n - 1;
    while (row && objects[row] / 2 >= objects[row - 1])
        row--;
    if (!row)
        return 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < row; i++)
        sum += objects[i];
    while (row < n && objects[row] / 2 < sum)
        sum += objects[row++];
    return row;
}
