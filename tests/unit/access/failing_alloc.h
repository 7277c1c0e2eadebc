/* Makes the n-th allocation of the code under test fail. Programs that use it are linked with
 * --wrap for malloc, calloc and realloc. */
#ifndef REEVE_TESTS_UNIT_ACCESS_FAILING_ALLOC_H
#define REEVE_TESTS_UNIT_ACCESS_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From now on counts allocations; the one with this index, from 0, and all after it fail. */
void failing_alloc_start(size_t index);

/* Back to normal. Gives whether one failed. */
bool failing_alloc_stop(void);

/* How many there have been since the start. */
size_t failing_alloc_count(void);

#endif
