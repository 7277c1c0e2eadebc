#include "tests/support/tier.h"

#include <stdlib.h>
#include <string.h>

bool is_long_run(void)
{
    const char *value = getenv("REEVE_TEST_LONG");

    return value && strcmp(value, "1") == 0;
}
