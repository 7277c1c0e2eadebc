/*
 * When an issuer's set is fetched, and how long the last good one counts. Pure: instants on the
 * monotonic clock come in, so tests run on virtual time.
 *
 *   of its own     at the start, then every `refresh` less up to a tenth, so that agents do not come
 *                  in step; after failures sooner, backing off from a second to the refresh or a minute
 *   when asked     an unknown kid: at most once per `cooldown`, counted from where such a fetch began;
 *                  joins the fetch that is under way
 *
 * A set's age counts from where its fetch began, so that a slow answer makes nothing younger.
 */
#ifndef REEVE_JWKS_SCHEDULE_H
#define REEVE_JWKS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/jose/policy.h"

struct schedule {
    int64_t refresh_us, max_age_us, cooldown_us;
    int64_t due_us;        /* the next fetch */
    int64_t begun_us;      /* the one that is under way */
    int64_t good_until_us; /* of the last good set; INT64_MIN: none */
    int64_t next_ask_us;   /* asking is worthwhile from then on */
    unsigned failures;     /* in a row */
    bool is_fetching;
    bool is_asked; /* the fetch that is due was asked for */
};

void schedule_init(struct schedule *schedule, const struct jwt_published *published,
                   int64_t now_us);
/* Other intervals; what is known stays. A fetch that was under way is due again. */
void schedule_change(struct schedule *schedule, const struct jwt_published *published,
                     int64_t now_us);

/* Somebody met an unknown kid, or no set at all. */
void schedule_ask(struct schedule *schedule, int64_t now_us);

bool schedule_is_due(const struct schedule *schedule, int64_t now_us);
void schedule_begin(struct schedule *schedule, int64_t now_us);

/* How the fetch ended. `dice` is random: the delay's spread. */
void schedule_succeed(struct schedule *schedule, int64_t now_us, uint32_t dice);
void schedule_fail(struct schedule *schedule, int64_t now_us, uint32_t dice);

#endif
