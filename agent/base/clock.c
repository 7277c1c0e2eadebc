#include "agent/base/clock.h"

#include <time.h>

#include "agent/base/ensure.h"

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    ensure(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct now clock_read(void)
{
    return (struct now){.mono_us = read_us(CLOCK_MONOTONIC), .wall_us = read_us(CLOCK_REALTIME)};
}
