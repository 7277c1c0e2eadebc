/*
 * Calendar windows: which one an instant lies in. Pure.
 *
 * Minutes and hours are counted in UTC. Days, weeks (from Monday) and months begin where the zone's
 * clock first shows their first midnight or, where a change skips that, at the change. So every
 * instant lies in exactly one window, windows follow each other without gap or overlap, and a day
 * may have 23 or 25 hours.
 */
#ifndef REEVE_QUOTA_WINDOW_H
#define REEVE_QUOTA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/directory/record.h"
#include "agent/quota/zone.h"

/* UNIX milliseconds, begin <= t < end. */
struct window {
    int64_t start_ms;
    int64_t end_ms;
};

/* The window of `unix_ms`, which is from 1970 to the year 9999. A NULL zone is UTC. */
struct window window_at(enum limit_per per, const struct zone *zone, int64_t unix_ms);

static inline bool window_holds(const struct window *window, int64_t unix_ms)
{
    return unix_ms >= window->start_ms && unix_ms < window->end_ms;
}

#endif
