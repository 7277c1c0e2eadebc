/*
 * Agents with one counter store, on virtual time: each has its own quota and its own connection to
 * the same fake counters.
 *
 *   world_open(&world, 2);
 *   asker_init(&asker, &world, 0, &limit, cost);
 *   asker_ask(&asker);        checks and, if there is enough, spends
 *   world_turn(&world);       the store answers; who waited asks again
 *   world_close(&world);
 */
#ifndef REEVE_TESTS_UNIT_QUOTA_WORLD_H
#define REEVE_TESTS_UNIT_QUOTA_WORLD_H

#include <check.h>

#include "agent/quota/quota.h"
#include "tests/support/fake_counter.h"

#define WORLD_AGENTS 3
#define WORLD_LEASES 8

/* A Tuesday, 12:00:00 UTC. */
#define WORLD_START_US INT64_C(1800014400000000)

#define SECOND INT64_C(1000000)

struct agent {
    struct fake_store *fake;
    struct quota *quota;
    char holder[16];
};

struct world {
    struct fake_counters counters;
    struct agent agents[WORLD_AGENTS];
    int agent_count;
    struct now now;
};

/* Somebody who asks for `cost` units, waits if need be, and asks again when woken. */
struct asker {
    struct waiter waiter; /* first */
    struct world *world;
    struct agent *agent;
    struct quota_claim claim;
    enum quota_answer answer; /* the last */
    int woken_count;
    int admitted_count;
    int order; /* of all admissions of the program, from 1 */
};

void world_open(struct world *world, int agent_count);
void world_close(struct world *world);

/* All clocks; nobody ticks. */
void world_pass(struct world *world, int64_t us);
void world_tick(struct world *world);
/* The stores answer what waits, and the agents tick. */
void world_turn(struct world *world);

void world_set_mode(struct world *world, enum fake_store_mode mode);

/* The counter of limit "x" for "user:a"; kinds have one each. */
struct fake_counter *world_used(struct world *world);
struct fake_counter *world_bucket(struct world *world);

struct quota_counters agent_counters(const struct agent *agent);

/* Of limit "x" for "user:a". */
void asker_init(struct asker *asker, struct world *world, int agent,
                const struct limit_record *limit, uint64_t cost);
enum quota_answer asker_ask(struct asker *asker);
/* Asks and lets turns pass, at most eight, until it is answered. */
enum quota_answer asker_ask_through(struct asker *asker);
/* The same `count` times; gives how often it was admitted. */
int asker_admitted(struct asker *asker, int count);

struct limit_record limit_quota(uint64_t units, enum limit_per per);
/* Units a second. */
struct limit_record limit_rate(uint64_t units, uint64_t burst);

#endif
