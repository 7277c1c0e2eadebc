#include "agent/quota/terms.h"

#include <string.h>

#include "agent/quota/quota.h"

#define LIFE_MAX_US INT64_C(100000)
#define LIFE_MIN_US INT64_C(10000)

/* As in lua/bucket.lua, which has the last word. Whole units: a lease that held back a fraction more
 * than a tenth of the burst would be none. */
static int64_t lease_life_us(const struct terms *terms)
{
    uint64_t period = (uint64_t)terms->period_us;
    uint64_t tenth = terms->burst / 10 * period / terms->units;
    int64_t life = tenth < (uint64_t)LIFE_MAX_US ? (int64_t)tenth : LIFE_MAX_US;
    uint64_t reserve = (terms->units * (uint64_t)life + period - 1) / period;

    return life < LIFE_MIN_US || reserve * 10 > terms->burst ? 0 : life;
}

void terms_set(struct terms *terms, const struct limit_record *record, const struct zones *zones)
{
    *terms = (struct terms){.kind = record->kind,
                            .units = record->units,
                            .period_us = record->period_us,
                            .burst = record->burst,
                            .per = record->per,
                            .outage = record->outage,
                            .budget_percent = record->budget_percent};
    if (record->tz.len > 0 && record->tz.len <= sizeof(terms->tz)) {
        memcpy(terms->tz, record->tz.ptr, record->tz.len);
        terms->tz_length = record->tz.len;
        terms->zone = zones_find(zones, record->tz);
        terms->is_unusable = !terms->zone && !str_equal(record->tz, STR("UTC"));
    }
    if (terms->kind == LIMIT_RATE) {
        terms->life_us = lease_life_us(terms);
        terms->unit_us = terms_time_of(terms, 1);
    }
}

bool terms_match(const struct terms *terms, const struct limit_record *record)
{
    return terms->kind == record->kind && terms->units == record->units &&
           terms->period_us == record->period_us && terms->burst == record->burst &&
           terms->per == record->per && terms->outage == record->outage &&
           terms->budget_percent == record->budget_percent &&
           str_equal(str_make(terms->tz, terms->tz_length), record->tz);
}

int64_t terms_time_of(const struct terms *terms, uint64_t units)
{
    uint64_t whole = units / terms->units, rest = units % terms->units;
    uint64_t period = (uint64_t)terms->period_us;

    /* units <= 2e9 and rest < 1e9, so nothing here overflows but a rate of one an hour. */
    if (whole > (uint64_t)INT64_MAX / 2 / period) {
        return INT64_MAX / 2;
    }
    return (int64_t)(whole * period + (rest * period + terms->units - 1) / terms->units);
}

bool quota_is_exact(const struct limit_record *limit)
{
    struct terms terms = {
        .units = limit->units, .period_us = limit->period_us, .burst = limit->burst};

    return limit->kind == LIMIT_RATE && lease_life_us(&terms) == 0;
}
