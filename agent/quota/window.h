/*
 * Calendar windows: which one an instant lies in. Pure.
 *
 * Minutes and hours are counted in UTC. Days, weeks (from Monday) and months begin when the zone's
 * clock first reaches their first midnight: at that midnight or, where a change skips it, at the
 * change. What the clock shows a second time, having been set back, belongs to the window that has
 * begun meanwhile. So every instant lies in exactly one window, windows follow each other without
 * gap or overlap, and a day may have 23 or 25 hours. A day that was skipped has no window.
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

/* The window of `unix_ms`, which is from 1970 to the year 9999. A NULL zone is UTC. Up to a
 * microsecond; keep the window and ask window_holds(). */
struct window window_at(enum limit_per per, const struct zone *zone, int64_t unix_ms);

static inline bool window_holds(const struct window *window, int64_t unix_ms)
{
    return unix_ms >= window->start_ms && unix_ms < window->end_ms;
}

#endif
