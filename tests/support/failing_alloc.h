/*
 * Allocations that fail on demand. A program that links the target failing_alloc has its own calls
 * of malloc, calloc and realloc wrapped by the linker, and those of static libraries (Check);
 * shared libraries keep theirs.
 */
#ifndef REEVE_TESTS_SUPPORT_FAILING_ALLOC_H
#define REEVE_TESTS_SUPPORT_FAILING_ALLOC_H

#include <stdbool.h>

/* The n-th allocation from now on fails, once; n is 1 or more, 0: none. */
void failing_alloc_start(long n);
/* True where the n-th allocation came. */
bool failing_alloc_stop(void);

#endif
