#include "tests/unit/access/failing_alloc.h"

#include <stdint.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static size_t failing = SIZE_MAX;
static size_t count;

void failing_alloc_start(size_t index)
{
    count = 0;
    failing = index;
}

bool failing_alloc_stop(void)
{
    bool has_failed = count > failing;

    failing = SIZE_MAX;
    return has_failed;
}

size_t failing_alloc_count(void)
{
    return count;
}

void *__wrap_malloc(size_t bytes)
{
    return count++ >= failing ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t items, size_t bytes)
{
    return count++ >= failing ? NULL : __real_calloc(items, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return count++ >= failing ? NULL : __real_realloc(memory, bytes);
}
