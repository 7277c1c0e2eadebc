#include "agent/base/ensure.h"

#include <stdio.h>
#include <stdlib.h>

void ensure_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "error bug at %s:%d: %s does not hold\n", file, line, condition);
    abort();
}
