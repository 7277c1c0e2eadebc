/*
 * Terms: what a limit's record says, as a lease needs it. Pure.
 */
#ifndef REEVE_QUOTA_TERMS_H
#define REEVE_QUOTA_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/directory/record.h"
#include "agent/quota/window.h"

#define TERMS_TZ_BYTES_MAX 64

struct terms {
    enum limit_kind kind;
    uint64_t units;    /* per period_us, or per window */
    int64_t period_us; /* rate */
    uint64_t burst;    /* rate */
    enum limit_per per;
    char tz[TERMS_TZ_BYTES_MAX];
    size_t tz_length;
    const struct zone *zone; /* NULL: UTC */
    bool is_unusable;        /* the zone is not known here */
    enum limit_outage outage;
    unsigned budget_percent;

    int64_t life_us; /* rate: of a lease, 0: exact */
    int64_t unit_us; /* of a rate: terms_time_of() one unit */
};

void terms_set(struct terms *terms, const struct limit_record *record, const struct zones *zones);

/* Whether the record still says the same. */
bool terms_match(const struct terms *terms, const struct limit_record *record);

/* The most one request may cost. */
static inline uint64_t terms_most(const struct terms *terms)
{
    return terms->kind == LIMIT_RATE ? terms->burst : terms->units;
}

/* Microseconds in which a rate gives `units`, rounded up. */
int64_t terms_time_of(const struct terms *terms, uint64_t units);

#endif
