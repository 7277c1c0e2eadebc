/*
 * Time is read once per turn of a loop and passed down, so that everything one turn decides is
 * decided at one instant, and tests can run on virtual time.
 */
#ifndef REEVE_BASE_CLOCK_H
#define REEVE_BASE_CLOCK_H

#include <stdint.h>

struct now {
    int64_t mono_us; /* monotonic clock: ages, deadlines */
    int64_t wall_us; /* UNIX time: expiries, audit */
};

struct now clock_read(void);

static inline int64_t now_wall_s(struct now now)
{
    return now.wall_us / 1000000;
}

#endif
