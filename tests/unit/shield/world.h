/*
 * Workers with a shield each, on one fake store and virtual time.
 */
#ifndef REEVE_TESTS_UNIT_SHIELD_WORLD_H
#define REEVE_TESTS_UNIT_SHIELD_WORLD_H

#include "agent/shield/shield.h"
#include "tests/support/fake_failures.h"
#include "tests/support/fake_store.h"

#define WORLD_WORKERS 3
#define SECOND        INT64_C(1000000)

struct world {
    struct config config; /* the defaults of what a shield reads */
    struct fake_store *fake;
    struct fake_failures failures;
    struct shield *shields[WORLD_WORKERS];
    struct now now;
};

/* Knows the salt already. */
void world_open(struct world *world);
void world_close(struct world *world);

/* A worker's life ends and another begins. */
void world_restart(struct world *world, unsigned worker);

/* Turns of all workers in which the store answers, without time passing. */
void world_turn(struct world *world);
void world_pass(struct world *world, int64_t us);

/* A key that is tried from an address, IPv4 in text. */
struct world_try {
    const char *credential;
    const char *source;
    const char *text; /* NULL: not known */
};

/* How long it has to wait, in microseconds; if not it fails. */
int64_t world_fail(struct world *world, unsigned worker, struct world_try tried);
int64_t world_wait(struct world *world, unsigned worker, struct world_try tried,
                   enum shield_cause *cause);
void world_change(struct world *world, unsigned worker, const char *credential);
void world_succeed(struct world *world, unsigned worker, struct world_try tried);

/* How many of `times` were looked at, one after the other at once; and a turn. */
unsigned world_storm(struct world *world, unsigned worker, struct world_try tried, unsigned times);

struct shield_counters world_counters(const struct world *world, unsigned worker);

#endif
