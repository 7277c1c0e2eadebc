/* One agent and its store: a test's own, from alone_setup() to alone_teardown(). */
#ifndef REEVE_TESTS_UNIT_QUOTA_ALONE_H
#define REEVE_TESTS_UNIT_QUOTA_ALONE_H

#include "tests/unit/quota/world.h"

extern struct world world;

void alone_setup(void);
void alone_teardown(void);

#endif
