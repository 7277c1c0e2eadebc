/*
 * How the failures of one subject add up to a time in which it has to wait.
 *
 *   failures    1 2 ... free  free+1  free+2  free+3 ...
 *   then wait   0 0     wait  2 wait  4 wait  8 wait ... up to wait_max
 *
 * A failure is forgotten after each `interval`, but while the subject has to wait none is. What fails in
 * that time was under way before, and does not make it longer: fifty requests that leave at once with
 * one wrong password cost as much as the first that were one too many.
 *
 * Pure; lua/fail.lua counts the same way.
 */
#ifndef REEVE_SHIELD_COUNT_H
#define REEVE_SHIELD_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* All above 0, unless free is 0: nothing is counted. */
struct shield_rule {
    int64_t free;
    int64_t interval_us;
    int64_t wait_us;
    int64_t wait_max_us;
};

/* Instants on whatever clock the caller counts by; zeroed: no failure. */
struct shield_count {
    int64_t clear_us; /* all is forgotten then; each interval until then stands for a failure */
    int64_t until_us; /* it has to wait until then */
};

/* One failure more. */
void shield_count_add(struct shield_count *count, const struct shield_rule *rule, int64_t now_us);

static inline bool shield_count_waits(const struct shield_count *count, int64_t now_us)
{
    return now_us < count->until_us;
}

static inline bool shield_count_is_clear(const struct shield_count *count, int64_t now_us)
{
    return now_us >= count->clear_us && now_us >= count->until_us;
}

#endif
