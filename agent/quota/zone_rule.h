/*
 * The rule for all years, as a TZ string of POSIX.1 8.3 with RFC 8536 3.3.1's extension says it:
 * "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "EST5". Pure.
 *
 *   name     three letters or more, or <> around letters, digits, '+' and '-'
 *   offset   hours west of UTC, [+-]hh[:mm[:ss]], at most 24. Without it daylight saving is an hour
 *            ahead
 *   days     Mm.w.d (w-th weekday of a month, 5: the last), Jn (1 to 365, no leap day), n (0 to
 *            365). Must follow a second name
 *   time     "/" and [+-]h[hh][:mm[:ss]] on the clock that ends then, at most 167; without it 2
 *
 * "Daylight saving" is whatever the second name stands for; it may be behind (Europe/Dublin).
 */
#ifndef REEVE_QUOTA_ZONE_RULE_H
#define REEVE_QUOTA_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/quota/zone.h"

enum zone_day_form { ZONE_DAY_OF_MONTH, ZONE_DAY_NO_LEAP, ZONE_DAY_OF_YEAR };

struct zone_day {
    uint8_t form;  /* enum zone_day_form */
    uint8_t month; /* 1 to 12 */
    uint8_t week;  /* 1 to 5 */
    uint16_t day;  /* 0 to 6, 1 to 365, 0 to 365 */
    int32_t time_s;
};

struct zone_rule {
    int32_t standard; /* seconds east of UTC */
    int32_t daylight;
    bool has_daylight; /* false: `standard` all year */
    struct zone_day start;
    struct zone_day end;
};

/* False where the text is not a rule; *out is untouched then. */
bool zone_rule_parse(struct str text, struct zone_rule *out);

/* Like zone_span(). */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t unix_s);

#endif
