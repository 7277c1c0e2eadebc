/* How much is tested: the full numbers with REEVE_TEST_LONG=1, otherwise a sample of them. */
#ifndef REEVE_TESTS_SUPPORT_TIER_H
#define REEVE_TESTS_SUPPORT_TIER_H

#include <stdbool.h>

bool is_long_run(void);

#endif
