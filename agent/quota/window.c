#include "agent/quota/window.h"

#include "agent/quota/date.h"

/* When the zone's clock first shows `clock_s` (seconds since 1970 on that clock) or later. No clock
 * is further ahead than ZONE_OFFSET_MAX, so none shows it before the search begins. */
static int64_t first_reach(const struct zone *zone, int64_t clock_s)
{
    int64_t at_s = clock_s - ZONE_OFFSET_MAX;

    for (;;) {
        struct zone_span span = zone_span(zone, at_s);
        int64_t reach_s = clock_s - span.offset;

        reach_s = reach_s > at_s ? reach_s : at_s;
        if (reach_s < span.end_s) {
            return reach_s;
        }
        at_s = span.end_s;
    }
}

static int64_t day_begin(const struct zone *zone, int64_t day)
{
    return first_reach(zone, day * DATE_DAY_S);
}

/* The latest day that has begun: what the clock shows, or more where it was set back over
 * midnight. */
static int64_t day_at(const struct zone *zone, int64_t unix_s)
{
    int64_t day = date_floor(unix_s + zone_span(zone, unix_s).offset, DATE_DAY_S);

    while (day_begin(zone, day + 1) <= unix_s) {
        day++;
    }
    return day;
}

/* The first day of the period that holds the day, and of the next one. */
static void period_of(enum limit_per per, int64_t day, int64_t *first, int64_t *next)
{
    struct date date = date_of(day);

    switch (per) {
    case LIMIT_PER_WEEK:
        *first = day - (date_weekday(day) + 6) % 7;
        *next = *first + 7;
        break;
    case LIMIT_PER_MONTH:
        *first = day - (date.day - 1);
        *next = *first + date_month_days(date.year, date.month);
        break;
    default:
        *first = day;
        *next = day + 1;
        break;
    }
}

static struct window even_window(int64_t unix_ms, int64_t length_ms)
{
    int64_t start_ms = date_floor(unix_ms, length_ms) * length_ms;

    return (struct window){start_ms, start_ms + length_ms};
}

static struct window calendar_window(enum limit_per per, const struct zone *zone, int64_t unix_ms)
{
    int64_t day = day_at(zone, date_floor(unix_ms, 1000));
    int64_t first, next;

    period_of(per, day, &first, &next);
    return (struct window){day_begin(zone, first) * 1000, day_begin(zone, next) * 1000};
}

struct window window_at(enum limit_per per, const struct zone *zone, int64_t unix_ms)
{
    switch (per) {
    case LIMIT_PER_MINUTE:
        return even_window(unix_ms, 60 * 1000);
    case LIMIT_PER_HOUR:
        return even_window(unix_ms, 3600 * 1000);
    default:
        return calendar_window(per, zone, unix_ms);
    }
}
